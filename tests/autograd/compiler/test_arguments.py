"""Arguments of compiled functions: bound as Python binds them, static ones, and what is no argument."""

import copy
import itertools
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import partial, wraps

import numpy as np
import pytest

from autograd import TraceError, Value, compile, dot, grad, hessian, hvp, jacobian, register, sin, tanh, value_and_grad
from autograd.compiler import _specialization
from autograd.compiler.backends import BACKENDS
from autograd.functions.structure import flatten
from nn import Module
from tests.autograd.compiler.beside_eager import pickled
from tests.threads import in_threads


def total(*numbers):
    """Return a sum in which each number has a weight of its own, so that no two can be exchanged."""
    return sum((position + 1.5) * number for position, number in enumerate(numbers))


def register_class(kind):
    register(kind, lambda held: ((held.x,), held.tag), lambda tag, parts: kind(*parts, tag))
    return kind


def two(x, b):
    return total(x, b)


SIGNATURES = {
    "no default": two, "defaults": lambda x, a=2.0, b=3.0: total(x, a, b),
    "positional only": lambda x, a=2.0, /, b=3.0: total(x, a, b), "variadic": lambda x, *r, q=10.0: x * q + total(*r),
    "keyword only": lambda x, *, q: total(x, q), "none": lambda: 3.0, "partial by keyword": partial(two, b=5.0),
    "keywords": lambda x, **k: x * k.get("a", 3.0) + total(*[k[name] for name in sorted(k)]),
    "everything": lambda x, a=2.0, /, b=3.0, *r, q=4.0, **k: total(x, a, b, q, *r, *[k[name] for name in sorted(k)]),
    "partial": partial(lambda k, x, b=2.0, *, q=1.0: total(k, x, b, q), 7.0, q=5.0),
}  # fmt: skip
CALLS = [
    (args, {name: 0.5 + position for position, name in enumerate(names)})
    for args in [(), (2.0,), (2.0, 3.0), (2.0, 3.0, 4.0, 5.0)]
    for count in range(3)
    for names in itertools.permutations(["x", "a", "b", "q"], count)
]


@pytest.mark.parametrize("name", SIGNATURES)
def test_call_is_bound_as_python_binds_it(name):
    f = SIGNATURES[name]
    compiled = compile(f)
    valid = 0
    for args, keywords in CALLS * 2:  # each also where the others were made before
        try:
            wanted = f(*args, **keywords)  # `inspect` refuses some calls before Python 3.13, and takes others in 3.13.0
        except TypeError:
            with pytest.raises(TypeError, match=r"argument|parameter"):
                compiled(*args, **keywords)
        else:
            valid += 1
            assert compiled(*args, **keywords) == pytest.approx(wanted, rel=1e-12)
            assert not args or compiled.value_and_grad(*args, **keywords)[0] == pytest.approx(wanted, rel=1e-12)
    assert valid >= 2


def test_calls_that_bind_alike_share_a_program():
    compiled = compile(two)
    programs = [compiled.specialize(2.0, 3.0), compiled.specialize(2.0, b=3.0), compiled.specialize(b=3.0, x=2.0)]
    assert programs == [programs[0]] * 3


@pytest.mark.parametrize("name", ["self", "args", "keywords", "theta", "f", "call", "by", "count", "arguments"])
def test_argument_may_have_any_name(name):
    w = Value(3.0)
    f = eval(f"lambda {name}, *, other=1.0: {name} * other * w", {"w": w})
    compiled = compile(f)
    assert compiled(**{name: 2.0, "other": 5.0}) == 30.0
    assert compiled.value_and_grad(**{name: 2.0, "other": 5.0}) == (30.0, 15.0)
    assert compiled.value_and_grad_at([7.0], **{name: 2.0, "other": 5.0})[0] == 70.0
    assert compiled.backward(**{name: 2.0}) == 6.0
    assert compiled.each(**{name: 2.0}).tolist() == compiled.each_at([3.0], **{name: 2.0}).tolist() == [6.0]
    assert compiled.specialize(**{name: 2.0, "other": 1.0}).stats["nodes"] == 2


def test_numbers_in_keywords_and_variadic_arguments_may_be_nested():
    compiled = compile(lambda *r, **k: r[0]["a"] * r[1][0] + k["p"][1] * np.sum(k["q"]))
    for factor in (1.0, 2.0):
        found = compiled({"a": 2.0}, [factor], q=np.ones((2, 2)), p=(0.0, factor))
        assert found == 6.0 * factor


@pytest.mark.parametrize("name", ["x[0]", "r[1][0]", "q['a']", "k['other'][0]"])
def test_errors_name_an_argument_as_python_does(name):
    compiled = compile(lambda x, *r, q, **k: eval(name, {"x": x, "r": r, "q": q, "k": k}).data)
    with pytest.raises(TraceError, match=re.escape(f"the data of {name} in a compiled function")):
        compiled([1.0], [2.0], [3.0], q={"a": 4.0}, other=np.ones(1))


def test_all_variadic_arguments_may_be_batched():
    compiled = compile(lambda k, *r, **n: k * total(*r, *n.values()), batched=("r", "n"))
    r, n = [np.array([1.0, 2.0]), np.array([3.0, 5.0])], np.array([1.0, -1.0])
    assert compiled(2.0, *r, n=n) == np.mean(2.0 * total(*r, n))
    assert compiled(2.0, r[0], n=n) == np.mean(2.0 * total(r[0], n))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batched": ("x", "z")}, r"batched names arguments of two\(x, b\), got 'z'"),
        ({"static": ("x", "z")}, r"static names arguments of two\(x, b\), got 'z'"),
        ({"batched": "x", "static": "x"}, "an argument is batched or static, not both, got 'x' in both"),
        *[({"backend": name}, "a backend of 'auto', 'numpy', 'python', 'native', got") for name in ("", "jax", None)],
    ],
)
def test_option_that_is_none_is_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        compile(two, **options)


@pytest.mark.parametrize("backend", BACKENDS)
def test_back_end_is_the_one_that_is_asked_for(backend):
    w = Value(3.0)
    f = lambda x: sum(sin(v) * w for v in x)
    compiled, graph = compile(f, backend=backend), compile(sin(w) * w, backend=backend)
    for x in ([0.5, 2.0], np.ones(3)):
        assert compiled.specialize(x).backend == backend
        assert compiled(x) == pytest.approx(f(x).data, rel=1e-12)
        assert compiled.backward(x) == compiled(x)
        for again in (copy.deepcopy, pickled):
            assert again(compiled.specialize(x)).backend == again(graph).program.backend == backend


# Wrappers: a call is bound as what is called binds it, and named by what a wrapper of any arguments wraps


def wrapper(make):
    def decorator(f):
        return wraps(f)(make(f))

    return decorator


def with_a_default(f):
    def inner(*args, **keywords):
        keywords.setdefault("n", 2.0)
        return f(*args, **keywords)

    return inner


WRAPPED = {  # how power(x, n) is wrapped, with calls
    "an argument less": (lambda f: lambda x: f(x, 2.0), [lambda f, x: f(x), lambda f, x: f(x=x)]),
    "in another order": (lambda f: lambda n, x: f(x, n), [lambda f, x: f(2.0, x), lambda f, x: f(x=x, n=2.0)]),
    "an argument more": (
        lambda f: lambda x, n, k=2.0: f(x, n) * k, [lambda f, x: f(x, 2.0), lambda f, x: f(x, 2.0, 3.0)]
    ),
    "any arguments": (
        lambda f: lambda *args, **keywords: f(*args, **keywords), [lambda f, x: f(x, 2.0), lambda f, x: f(n=2.0, x=x)]
    ),
    "a default": (with_a_default, [lambda f, x: f(x), lambda f, x: f(x, n=3.0), lambda f, x: f(n=3.0, x=x)]),
    "a keyword of its own": (
        lambda f: lambda *args, twice=False, **keywords: f(*args, **keywords) * (2.0 if twice else 1.0),
        [lambda f, x: f(x, 2.0), lambda f, x: f(x=x, n=2.0)],
    ),
    "twice": (
        lambda f: wrapper(with_a_default)(lambda *args, **keywords: f(*args, **keywords)),
        [lambda f, x: f(x), lambda f, x: f(x, n=3.0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_wrapped_function_is_compiled_as_it_is_called(name):
    make, calls = WRAPPED[name]
    power = wrapper(make)(lambda x, n: x**n)
    for call in calls:
        wanted, slope = call(power, 3.0), grad(lambda x, call=call: call(power, x))(3.0)
        assert call(compile(power), 3.0) == wanted
        if name != "in another order":
            assert call(compile(power).value_and_grad, 3.0) == (wanted, slope)
            assert calls[0](compile(grad(power)), 3.0) == calls[0](grad(power), 3.0)
        if name != "a keyword of its own":
            assert call(compile(power, batched="x").each, [3.0, 3.0]).tolist() == [wanted] * 2


def test_wrapped_method_is_compiled_as_it_is_called():
    method = wrapper(with_a_default)(lambda self, x, n: x**n)
    thing = type("C", (), {"power": method, "batch": compile(method, batched="x")})()
    for call in WRAPPED["a default"][1]:
        assert call(compile(thing.power), 3.0) == call(thing.power, 3.0)
        assert call(thing.batch.each, [3.0, 3.0]).tolist() == [call(thing.power, 3.0)] * 2


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_derivative_takes_its_arguments_by_name_where_it_is_compiled(transform):
    f = lambda x, n=2.0: x * x * n
    assert compile(transform(f))(n=3.0, x=2.0) == transform(f)(2.0, n=3.0)


class NeverEqual:
    """A thing that is compared with nothing, as arrays and tables of several numbers are."""

    def __eq__(self, other):
        raise ValueError

    __hash__ = object.__hash__


@pytest.mark.parametrize("default", [np.ones(2), NeverEqual()], ids=["array", "thing"])
def test_default_may_be_what_compares_with_nothing(default):
    f = lambda x, w=default: 2.0 * x
    method = type("C", (), {"f": compile(lambda self, x, w=default: 2.0 * x)})().f
    for called in (
        compile(f),
        method,
        compile(partial(f, w=default)),
        compile(f, batched="x").each,
        compile(wraps(f)(f)),
    ):
        assert called([3.0] if "each" in repr(called) else 3.0) == 6.0
    assert compile(grad(f))(3.0) == grad(f)(3.0) == 2.0


def steps(x, word="ab", *more):
    return sum(c * x**k for k, c in enumerate(map(ord, "".join([word, *more])), 2))


DERIVATIVES = {  # of a function, with the vectors that they take behind its arguments
    **{transform.__name__: (transform, ()) for transform in (grad, value_and_grad, jacobian, hessian)},
    "hvp": (hvp, (3.0,)), "hvp of hvp": (lambda f: hvp(hvp(f)), (3.0, 5.0)),
    "grad of hvp": (lambda f: grad(hvp(f)), (3.0,)),
    "wrapped": (lambda f: wraps(hvp(f))(lambda *args, **keywords: hvp(f)(*args, **keywords)), (3.0,)),
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivative_is_compiled_with_static_and_batched_arguments_wherever_they_stand(name):
    make, vectors = DERIVATIVES[name]
    wanted = make(steps)(0.5, "abc", *vectors)
    static = compile(make(steps), static=("word", "more"))
    for given in [("abc",), ("ab", "c"), ("a", "b", "c")]:
        assert static(0.5, *given, *vectors) == pytest.approx(wanted, rel=1e-12)
    assert static(0.5, *vectors) == pytest.approx(make(steps)(0.5, *vectors), rel=1e-12)  # its default
    assert static(0.5, *vectors, word="abc") == pytest.approx(wanted, rel=1e-12)
    scaled = make(lambda x, k: k * x**5)
    batch = compile(scaled, batched="k").each(0.5, [1.0, 2.0], *vectors)
    assert np.ravel(batch)[-1] == np.ravel(scaled(0.5, 2.0, *vectors))[-1]
    with pytest.raises(ValueError, match=r"static names arguments of .*\(x, word, more.*\), got 'words'"):
        compile(make(steps), static="words")


def test_vector_behind_the_arguments_is_batched_by_the_name_v():
    product = compile(hvp(lambda x, v: v * x**3), batched=("x", "v_"))
    assert product.each([1.0, 2.0], 2.0, [1.0, 10.0]).tolist() == [12.0, 240.0]
    method = type("C", (), {"f": compile(hvp(lambda self, x, n: x**n if n == 3 else x, argnums=1), static="n")})().f
    assert method(2.0, 3, 1.0) == 12.0


class Powers(Module):
    def forward(self, x, n=5):
        return sum(x**k for k in range(1, n + 1))


def any_arguments(f):
    return lambda *args, **keywords: f(*args, **keywords)


TELLING = {  # what takes any arguments, and tells of which function it is
    "module": Powers(), "partial": partial(Powers(), n=5), "wrapper": wraps(Powers())(any_arguments(Powers())),
}  # fmt: skip


@pytest.mark.parametrize("kind", TELLING)
@pytest.mark.parametrize("name", DERIVATIVES)
def test_arguments_of_a_module_are_those_of_its_forward(name, kind):
    make, vectors = DERIVATIVES[name]
    f = make(TELLING[kind])
    wanted = make(Powers().forward)
    batch = compile(f, batched="x").each([0.5, 2.0], *vectors)
    assert np.ravel(batch)[-1] == pytest.approx(np.ravel(wanted(2.0, *vectors))[-1], rel=1e-12)
    assert compile(f, static="n")(0.5, *vectors, n=3) == pytest.approx(wanted(0.5, *vectors, n=3), rel=1e-12)
    with pytest.raises(ValueError, match=r"batched names arguments of .*\(x, .*n.*\), got 'z'"):
        compile(f, batched="z")


@pytest.mark.parametrize("option", ["batched", "static"])
def test_name_that_no_argument_of_a_call_has_is_an_error(option):
    compiled = compile(any_arguments(two), **{option: "b"})
    with pytest.raises(ValueError, match=rf"{option} names .* 'b', and this call has args\[0\], args\[1\]; give b by"):
        compiled(1.0, [2.0])
    assert compiled(1.0, b=[2.0] if option == "batched" else 2.0) == two(1.0, 2.0)
    assert compile(lambda x, **k: x * k.get("n", 2), static="n")(3.0) == 6.0  # which need not be given
    assert compile(lambda x, *rest, **k: x * rest[0] * k.get("n", 1.0), static="n")(2.0, 3.0) == 6.0
    with pytest.raises(ValueError, match="batched names arguments of <lambda>, got 'X', and this call has x;"):
        compile(lambda x, **k: x, batched="X")([3.0])


class Stateful:
    def __call__(self, *inputs):
        return self.forward(10.0, *inputs)

    def forward(self, state, x):
        return state * x


def test_arguments_of_an_object_that_gives_its_forward_others_are_not_those_of_its_forward():
    assert compile(Stateful())(2.0) == 20.0
    with pytest.raises(ValueError, match=r"batched names arguments of Stateful\(inputs\), got 'x'"):
        compile(Stateful(), batched="x")


# What is no argument


def test_gradient_without_an_argument_is_by_the_values_that_are_used():
    w = Value(3.0)
    compiled = compile(lambda: w * w)
    with pytest.raises(TypeError, match=r"without an argument .*backward\(\), and value_and_grad_at\(theta\)"):
        compiled.value_and_grad()
    assert (compiled.backward(), w.grad) == (9.0, 6.0)
    value, gradient = compiled.value_and_grad_at(compiled.read())
    assert (value, gradient.tolist()) == (9.0, [6.0])


class Matrix(np.ndarray):
    """A subclass of arrays."""


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])

ODD_ARGUMENTS = [  # how a function, of a batch or not, is called with what is odd
    *[(lambda c, odd, make=make: c(make(odd)), ()) for make in (lambda odd: odd, lambda odd: [odd, odd])],
    (lambda c, odd: c({"a": odd}), ()), (lambda c, odd: c.value_and_grad(odd), ()), (lambda c, odd: c(odd), "x"),
    (lambda c, odd: c([odd, odd]), "x"), (lambda c, odd: c([np.ones(2), odd]), "x"),
    (lambda c, odd: c([[np.ones(2)], [odd]]), "x"), (lambda c, odd: c([[1.0, 2.0], [1.0, odd]]), "x"),
]  # fmt: skip


@pytest.mark.parametrize("odd", [MASKED, np.ones(2).view(Matrix), np.ma.masked], ids=lambda odd: type(odd).__name__)
@pytest.mark.parametrize(("call", "batched"), ODD_ARGUMENTS)
def test_subclass_of_arrays_is_refused_as_grad_refuses_it(odd, call, batched):
    compiled = compile(np.sum if not batched else lambda x: np.sum(x[0]), batched=batched)
    with pytest.raises(TypeError, match=f"{type(odd).__name__}|are not alike|batched, so it is an array or a list"):
        call(compiled, odd)


def test_argument_that_is_no_number_says_what_to_do():
    with pytest.raises(TypeError, match="argument q of <lambda> is of type str: 'mean'") as found:
        compile(lambda x, *, q: x)(1.0, q="mean")
    assert "static" in found.value.__notes__[0]


# Static arguments


@dataclass(frozen=True)
class Options:
    power: int
    shift: float = 0.0


@pytest.mark.parametrize(
    ("f", "values"),
    [
        (lambda x, s: x * 2.0 if s else x, [True, False, 1, 0]),
        (lambda x, s: sum((x for _ in range(s)), 0.0), [3, 0, 2]), (lambda x, s: {"a": x, "b": 2.0 * x}[s], ["a", "b"]),
        (lambda x, s: x if s is None else x * s, [None, 2.0, 3.0]),
        (lambda x, s: x**s.power + s.shift, [Options(2), Options(3), Options(2, 1.0)]),
        (lambda x, s: x * len(s), [(1, 2), (), ("a",)]), (lambda x, s: s(x), [sin, tanh, sin]),
        (lambda x, s: x * (2.0 if isinstance(s, bool) else 3.0), [1, True, 1.0, 0, False, (1,), (True,)]),
        (lambda x, s: x * math.copysign(1.0, s), [0.0, -0.0, 0.0]),
    ],
)  # fmt: skip
def test_static_argument_is_part_of_the_program(f, values):
    by_position, by_keyword = compile(f, static=("s",)), compile(f, static="s")
    for s in [*values, *values]:
        for x in (0.5, 2.0):
            assert by_position(x, s) == f(x, s)
            assert by_keyword(x, s=s) == f(x, s)
    assert len(by_position._programs.kept) <= len(values)


def test_static_argument_may_come_first_or_beside_a_batch_and_is_not_differentiated():
    compiled = compile(lambda n, x, y: x**n * y, static="n")
    assert compiled.value_and_grad(2, 3.0, 5.0) == (45.0, 30.0)
    assert compiled.value_and_grad(3, np.array(3.0), 5.0) == (135.0, 135.0)
    batched = compile(lambda x, n: x**n, batched="x", static="n")
    assert [batched([1.0, 3.0], n) for n in (1, 2, 1)] == [2.0, 5.0, 2.0]


class Unknown:
    """Neither hashable nor a container: equal to others, and what it holds may change."""

    __hash__ = None

    def __init__(self, factor):
        self.factor = factor

    def __eq__(self, other):
        return self.factor == other.factor


@dataclass(frozen=True)
class Holder:
    held: object

    def __hash__(self):
        return 0


def test_thing_in_a_static_argument_of_which_nothing_is_known_is_told_by_itself():
    traced = []
    compiled = compile(lambda x, s: traced.append(s) or x * s.held.factor, static="s")
    one, other = Holder(Unknown(2.0)), Holder(Unknown(2.0))
    assert one == other
    assert [compiled(3.0, s) for s in (one, other, one, Holder(one.held))] == [6.0] * 4
    assert len({id(s.held) for s in traced}) == 2


class Mode(StrEnum):
    FAST = "fast"


@register_class
class Tagged:
    """A class of one's own, with a number and what it keeps beside it."""

    def __init__(self, x, tag):
        self.x, self.tag = x, tag


EQUAL = [
    *[(1, True, 1.0, Decimal(1), Fraction(1), np.float32(1.0)), (0.0, -0.0, False), (Decimal(0), Decimal("-0"))],
    *[("fast", Mode.FAST), ((0, 1), (False, True), (-0.0, 1))],
]
HOLD = {  # an argument with a key, or with what a class keeps; and what tells it in the result
    "a key": (lambda tag: {tag: 2.0}, lambda found: next(iter(found))),
    "a key within": (lambda tag: [{"a": {tag: 2.0}}], lambda found: next(iter(found[0]["a"]))),
    "a class": (lambda tag: Tagged(2.0, tag), lambda found: found.tag),
    "a class within": (lambda tag: {"a": (Tagged(2.0, tag),)}, lambda found: found["a"][0].tag),
}


@pytest.mark.parametrize("group", EQUAL, ids=repr)
@pytest.mark.parametrize("make", HOLD)
def test_what_is_equal_and_not_the_same_has_programs_of_its_own(make, group):
    make, told = HOLD[make]
    same, slopes = compile(lambda held: held), compile(grad(lambda held: flatten(held)[0][0] ** 2))
    for tag in (*group, *group):
        for compiled in (same, slopes):
            found = told(compiled(make(tag)))
            assert (type(found), repr(found)) == (type(tag), repr(tag))


@pytest.mark.parametrize("group", EQUAL, ids=repr)
@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: (x,), Holder, lambda x: Holder((x, 0)), lambda x: frozenset([x])]
)
def test_static_arguments_that_are_equal_and_not_the_same_have_programs_of_their_own(wrap, group):
    traced = []
    program = compile(lambda x, s: traced.append(s) or x * len(traced), static="s")
    given = [wrap(thing) for thing in group]
    assert [program(1.0, s) for s in given * 2] == [n + 1.0 for n in range(len(group))] * 2
    assert [*map(repr, traced)] == [*map(repr, given)]


def test_static_argument_that_is_not_hashable_says_what_to_do():
    with pytest.raises(TypeError, match=r"s is static, .* hashable; got a list: give a tuple or a frozen dataclass"):
        compile(lambda x, s: x, static="s")(1.0, [1])


def test_static_value_is_one_that_the_function_uses():
    w = Value(3.0)
    compiled = compile(lambda x, v: x * v, static="v")
    assert compiled(2.0, w) == 6.0
    w.data = 5.0
    assert compiled(2.0, w) == 10.0
    compiled.backward(2.0, w)
    assert w.grad == 2.0


def test_list_tuple_and_array_of_one_shape_are_what_they_are_to_python():
    f = lambda x: sum(v * v for v in x * 2)
    compiled = compile(f)
    for x in ([1.0, 3.0], (1.0, 3.0), np.array([1.0, 3.0])):
        value, gradient = compiled.value_and_grad(x)
        assert value == f(x)
        assert type(gradient) is type(x)


# The cache


def test_programs_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(_specialization, "PROGRAMS_KEPT", 3)
    traced = []
    compiled = compile(lambda x, n: (traced.append(n), x * n)[1], static="n")
    quick = compile(lambda x: (traced.append(len(x)), x[0] * 2.0)[1])  # quick calls count as use, too
    for call in (lambda n: compiled(2.0, n) / n, lambda n: quick([1.0] * n)):
        traced.clear()
        assert [call(n) for n in (1, 2, 3, 1, 4)] == [2.0] * 5  # 2 is the one not used for longest
        assert traced == [1, 2, 3, 4]
        assert [call(n) for n in (1, 3, 4)] == [2.0] * 3
        assert traced == [1, 2, 3, 4]
        call(2)
        assert traced == [1, 2, 3, 4, 2]
    assert len(compiled._programs.kept) == 3


def test_clear_forgets_programs_and_what_wrt_was():
    a, b = Value(2.0), Value(3.0)
    uses = [a]
    compiled = compile(lambda x: x * uses[0])
    assert compiled(1.0) == 2.0
    uses[0] = b
    compiled.clear()
    assert str(compiled) == "<compiled <lambda>>: no program before its first call"
    assert compiled(1.0) == 3.0
    assert compiled.wrt == [b]
    given = compile(lambda x: x * a, wrt=[a])
    given.clear()
    assert given.wrt == [a]


def test_threads_share_a_cache_that_is_too_small(monkeypatch):
    monkeypatch.setattr(_specialization, "PROGRAMS_KEPT", 2)
    w = Value(2.0)
    compiled, quick = compile(lambda x: sum(v * w for v in x)), compile(lambda x: sum(v * 2.0 for v in x))
    wrong = []

    def work(size):
        for i in range(60):
            x = [float(i + j) for j in range(size)]
            if i % 20 == 19:
                compiled.clear()
            wrong.extend(c for c in (compiled, quick) if c(x) != 2.0 * sum(x))

    in_threads(*[partial(work, size) for size in (1, 2, 3, 4)])
    assert wrong == []
    assert max(len(c._programs.kept) for c in (compiled, quick)) <= 2


@pytest.mark.usefixtures("backend")
def test_weight_shared_by_all_factors_of_a_batched_dot():
    w = Value(2.0, "w")
    step = compile(lambda x: dot([w] * 3, x), batched=("x",), wrt=[w])
    X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [-1.0, 0.5, 0.0]])
    step.backward(X)
    assert (step(X), w.grad) == pytest.approx((2.0 * X.sum() / 3, X.sum() / 3), rel=1e-15)


@pytest.mark.parametrize("role", ["static", "batched"])
@pytest.mark.parametrize("names", [None, 0, 1, True, 2.0, len])
def test_names_of_another_kind_are_an_error(role, names):
    with pytest.raises(
        TypeError, match=rf"{role} of compile takes the name of an argument, or several in a tuple, got"
    ):
        compile(lambda x: x, **{role: names})


def test_call_with_other_arguments_names_the_function():
    def weighed(x, w):
        return x * w

    program = compile(weighed)
    for call in (lambda f: f(1.0), lambda f: f(1.0, 2.0, 3.0), lambda f: f(1.0, v=2.0), lambda f: f(1.0, 2.0, x=3.0)):
        for f in (program, program.value_and_grad, program.backward, program.specialize):
            with pytest.raises(TypeError, match=r"^weighed\(x, w\) was called with other arguments: "):
                call(f)
