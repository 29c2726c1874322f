"""Own operations in compiled programs: functions in every style, any name, and constants of every kind."""

import math
from decimal import Decimal
from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest

import autograd as ad
from autograd import Value, compile, cos, dot, fsum, grad, operation, rules, sin, value_and_grad, where
from autograd.rules import with_article
from autograd.rules.operation import Family, Unary
from tests.autograd.compiler.beside_eager import assert_as_eager, is_close, outcome
from tests.errors import error_of

pytestmark = pytest.mark.usefixtures("backend")

POINTS = [0.0, 1.0, 2.0, 4.0, -1.5]


# A forward function gets floats, and may do with them what it likes


def doubled_in_place(x):
    x *= 2.0
    return x


def inverse_or_zero(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        return 0.0


def of_a_float(x):
    assert type(x) is float
    return x + 1.0


STYLES = {
    "changes its operand": (doubled_in_place, lambda y, x: 2.0),
    "catches an error": (inverse_or_zero, lambda y, x: -y * y),
    "wants floats": (of_a_float, lambda y, x: 1.0),
    "is constant": (lambda x: 3.0, lambda y, x: 0.0),
    "branches": (lambda x: x if x > 0 else -x, lambda y, x: 1.0 if x > 0 else -1.0),
    "returns an int": (int, lambda y, x: 0),
    "returns a NumPy scalar": (np.float32, lambda y, x: np.float64(1.0)),
    "computes with math": (lambda x: math.exp(-x * x), lambda y, x: -2.0 * x * y),
    "jumps": (lambda x: max(x, 0.5), lambda y, x: (x > 0.5) * 1.0),
    "compares for equality": (lambda x: x * x, lambda y, x: 0.0 if x == 0.0 else 2.0 * y / x),
    "subtracts comparisons": (abs, lambda y, x: (x > 0) - (x < 0)),
}
VECTORIZED = {
    "a ufunc": (np.sin, lambda y, x: cos(x)), "its operand": (lambda x: x, lambda y, x: 1.0),
    "arithmetic": (lambda x: x * x + 1.0, lambda y, x: 2.0 * x),
    "a partial of math": (np.sin, lambda y, x: math.cos(x)), "a partial of NumPy": (np.cos, lambda y, x: -np.sin(x)),
    "clipped": (lambda x: np.maximum(x, 0.5), lambda y, x: where(x > 0.5, 1.0, 0.0)),
    "chosen": (lambda x: np.where(x > 0.0, x, 0.0), lambda y, x: np.where(x > 0.0, 1.0, 0.0)),
    "an array": (lambda x: np.asarray(x * x), lambda y, x: np.asarray(2.0 * x)),
    "an array of ints": (lambda x: np.asarray(x > 0, dtype=int), lambda y, x: np.array(0)),
    "an array of truth values": (lambda x: np.asarray(x > 0), lambda y, x: np.array(False)),
}  # fmt: skip


@pytest.mark.parametrize("style", [*STYLES, *VECTORIZED])
def test_own_operation_in_every_style_is_as_eager(style):
    own = operation(style, *{**STYLES, **VECTORIZED}[style], vectorized=style in VECTORIZED)
    assert_as_eager(lambda x: own(x) * x + own(x * 3.0) + x, POINTS)
    assert_as_eager(lambda x: own(x), POINTS[1:2])
    assert own(np.array(POINTS)).tolist() == [own(x) for x in POINTS]
    assert {type(own(x)) for x in [*POINTS, np.array(0.5)]} == {type(own(Value(0.5)).data)} == {float}


def test_operand_that_a_forward_function_keeps_stays_as_it_was():
    kept = []
    own = operation("kept", lambda x: (kept.append(x), x * x)[1], lambda y, x: 2.0 * x)
    compiled = compile(lambda x: own(x) + own(x + 1.0), batched="x")
    compiled(np.array([2.0, 5.0]))
    compiled(np.array([-1.0, -1.0]))
    assert {2.0, 3.0, 5.0, 6.0} <= set(kept)
    assert set(map(type, kept)) == {float}


def test_vectorized_function_cannot_change_the_numbers_of_the_program(backend):
    own = operation("twice", doubled_in_place, lambda y, x: 2.0, vectorized=True)
    if backend == "numpy":
        with pytest.raises(ValueError, match="read-only"):
            compile(lambda x: own(x) + x, batched="x")(np.array([1.0, 2.0]))
    else:  # it gets floats
        assert_as_eager(lambda x: own(x) + x, POINTS)


TABLE = {0: 1.0, 1: 2.0, 2: 4.0}


def checked(x):
    assert x >= 0.0
    return x * x


def checked_arrays(x):
    assert np.min(x) > -9.0
    return x * x


def solved(x):
    if math.isnan(x):
        raise RuntimeError("Failed to converge after 50 iterations")
    return x * x


ENTRIES = np.array([1.0, 2.0, 4.0])
RAISES_AT_NAN = {
    "round": (lambda x: 0.5 * round(x / 0.5), lambda y, x: 1.0),
    "floor": (lambda x: 1.0 * math.floor(x), lambda y, x: 1.0),
    "an index": (lambda x: [1.0, 2.0, 4.0][int(x)], lambda y, x: y),
    "a key": (lambda x: TABLE[x // 1], lambda y, x: y),
    "a check": (checked, lambda y, x: 2.0 * x),
    "a solver": (solved, lambda y, x: 2.0 * x),
    "a partial": (lambda x: x * x, lambda y, x: 2.0 * int(x)),
    "an index of arrays": (lambda x: ENTRIES[np.nan_to_num(x, nan=9.0).astype(int)], lambda y, x: y, True),
    "a check of arrays": (checked_arrays, lambda y, x: 2.0 * x, True),
}
SIDES = {
    "of where": lambda q: lambda x: where(x > 0.5, lambda: q(x), 3.0 * x),
    "within a side": lambda q: lambda x: where(x > 0.2, lambda: where(x > 0.5, lambda: 2.0 * q(x), lambda: x), 0.1),
    "of both": lambda q: lambda x: where(x > 0.5, lambda: q(x) * x, lambda: x * q(-x)),
    "behind an infinite slope": lambda q: lambda x: where(x > 0.5, lambda: q(ad.cbrt(x)), x),
}


@pytest.mark.parametrize("name", RAISES_AT_NAN)
@pytest.mark.parametrize("side", SIDES.values(), ids=SIDES)
def test_own_operation_that_raises_at_nan_may_stand_in_a_side_that_is_not_chosen(name, side):
    forward, partial, *vectorized = RAISES_AT_NAN[name]
    f = side(operation("q", forward, partial, vectorized=bool(vectorized)))
    for xs in ([-1.25, 1.25, 0.0], [1.25, -1.25, 0.0]):
        assert_as_eager(f, xs)
        if name != "a partial":  # which could not be differentiated again
            slope, slopes = compile(grad(f)), pytest.approx([grad(f)(x) for x in xs])
            assert [slope(x) for x in xs] == slopes
            assert compile(grad(f), batched="x").each(xs) == slopes


NO_NUMBERS = [None, "3", Fraction(3), Decimal(3), 3j, [3.0], np.array([3.0])]
NUMBERS = [3, True, np.float32(3.0), np.int64(3), np.float64(3.0)]


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("place", range(3))
def test_result_that_is_no_number_is_one_error_wherever_it_is_computed(place, vectorized):
    who = ("the result of g", "the partial derivative of g by a", "the partial derivative of g by b")[place]
    for bad in NO_NUMBERS:
        functions = [lambda a, b: a * b, lambda y, a, b: b, lambda y, a, b: a]
        functions[place] = lambda *_: bad  # noqa: B023
        g = operation("g", *functions, vectorized=vectorized)
        f = lambda x: g(x, x + 1.0) * 2.0  # noqa: B023
        found = [error_of(lambda: f(Value(1.0)).backward()), error_of(ad.gradcheck, f, 1.0)]  # noqa: B023
        for h in (f, grad(f)):
            found.append(error_of(value_and_grad(h), 1.0))
            found.append(error_of(lambda: compile(h).value_and_grad(1.0)))  # noqa: B023
            found.append(error_of(lambda: compile(h, batched="x").value_and_grad(np.array([1.0, 2.0]))))  # noqa: B023
        wanted = f"TypeError: {who} takes a real number, got {with_article(bad)}: "
        assert [error[: len(wanted)] for error in found] == [wanted] * len(found)


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_partial_may_return_what_a_value_takes(number):
    own = operation("own", lambda x: x, lambda y, x: number)
    x = Value(2.0)
    own(x).backward()
    assert type(x.grad) is float
    assert_as_eager(lambda x: own(x) * x, POINTS)


# What is own may use what is own


@pytest.mark.parametrize("vectorized", [False, True])
def test_partial_may_call_another_own_operation(vectorized):
    inner = operation("inner", np.sin, lambda y, x: cos(x), vectorized=vectorized)
    outer = operation("outer", lambda x: -np.cos(x), lambda y, x: inner(x), vectorized=vectorized)
    for f in (lambda x: outer(x) * x, grad(lambda x: outer(x) * x), grad(grad(lambda x: outer(x) * x))):
        assert_as_eager(f, POINTS)


CALLS_ITSELF = {  # a program that an operation of it calls, and x factorial by it
    "a function": (lambda x, op: compile(lambda x: x * op(x)), lambda f, x: f(x)),
    "a batch": (lambda x, op: compile(lambda x: x * op(x), batched="x"), lambda f, x: float(f.each([x])[0])),
    "a vector": (lambda x, op: compile(lambda: x * op(x), wrt=[x]), lambda f, x: f.value_and_grad_at([x])[0]),
    "a graph": (lambda x, op: compile(x * op(x), wrt=[x]), lambda f, x: f.value_and_grad([x])[0]),
}


@pytest.mark.parametrize("name", CALLS_ITSELF)
def test_operation_may_call_the_program_that_it_is_part_of(name):
    make, call = CALLS_ITSELF[name]
    rest = lambda x: 1.0 if x <= 1.0 else call(program, x - 1.0)
    program = make(Value(1.0), operation("rest", rest, lambda y, x: rest(x) * 0.0))
    assert [call(program, x) for x in (3.0, 1.0, 2.0, 3.0)] == [6.0, 1.0, 2.0, 6.0]


def test_own_family_compiles_with_every_constant():
    family = Family(
        "scaled", lambda k: Unary(f"scaled({k})", lambda x: k * x * x, lambda y, x: 2.0 * k * x), constant="k",
        samples=(2.0,), definition="k * x * x",
    )  # fmt: skip
    for constant in (2.0, -0.5, -0.0, inf, -inf, nan):
        for f in (lambda x: family(x, constant), grad(lambda x: family(x, constant) * x)):  # noqa: B023
            assert_as_eager(f, [1.0, 2.0, -0.5])


# No text of a user becomes source

NAMES = [
    "float", "µ", "ﬁ", "ℌ", "١", "lambda", "None", "import", "it's", 'say "x"', "a\nb", "\r", "\x00", "\ud800", "'''",
    "\\", "", "{}", "{0}", "%s", "x; y", "#", "__builtins__", "__import__('os')", "x0", "v0", "g0", "v", "i", "a0",
    "np", "g1", "d", "d_sin", "plain", "batch", "examples", "run", "seeds", "results", "variables", "own", "own_0",
    "list0", "member", "forward", "add", "positive", "powers", "choose", "sin", "inf", "nan", "max", "logsumexp",
    "fsum", "mean", "dot", "power",
]  # fmt: skip


@pytest.mark.parametrize("vectorized", [False, True])
def test_own_operation_may_have_any_name(vectorized, whole):
    for name in NAMES if whole else NAMES[vectorized::2]:
        square = operation(name, lambda x: x * x, lambda y, x: 2.0 * x, vectorized=vectorized)
        cube = operation(name, lambda x: x * x * x, lambda y, x: 3.0 * x * x)
        for f in (
            lambda x: square(sin(x)) * x + cube(x) + ad.elu(x, inf),  # noqa: B023
            grad(lambda x: square(sin(x)) * cube(x)),  # noqa: B023
        ):
            assert_as_eager(f, [0.5, 1.5])


LITERALS = [inf, -inf, nan, -0.0, 0.0, 5e-324, 1e300, -1.0, 0.5]
FAMILIES = {name: row for name, row in rules.TABLE.items() if isinstance(row, Family)}


@pytest.mark.parametrize("name", FAMILIES)
def test_family_compiles_with_every_literal(name):
    for literal in LITERALS:
        f = lambda x: FAMILIES[name](x, literal)  # noqa: B023
        compiled, batched = compile(f), compile(f, batched="x")
        for x in (0.5, -0.5, 2.0, 0.0, -0.0, 1.0):
            wanted = outcome(f, x)
            for found in (outcome(compiled, x), outcome(lambda x: float(batched.each([x])[0]), x)):  # noqa: B023
                same = found == wanted if isinstance(wanted, tuple) else is_close(found, wanted)
                assert same, (literal, x, found, wanted)


WITH_A_LITERAL = [
    *[lambda x, c: x * c, lambda x, c: x + c, lambda x, c: ad.maximum(x, c), lambda x, c: where(x > c, x, c)],
    *[lambda x, c: dot([x, x], [c, 1.0]), lambda x, c: fsum([x, c, x, x, x, x])],
]


@pytest.mark.parametrize("f", WITH_A_LITERAL)
def test_every_literal_may_stand_in_a_program(f):
    for c in LITERALS:
        compiled, batched = compile(lambda x: f(x, c)), compile(lambda x: f(x, c), batched="x")  # noqa: B023
        for x in (2.0, -1.0):
            assert str(compiled(x)) == str(float(batched.each([x])[0])) == str(f(x, c)), (c, x)


@pytest.mark.parametrize("number", [np.array(1j), np.array("1"), np.array(None), np.array([1.0])])
def test_array_of_what_is_no_real_number_is_no_number(number):
    for odd in [operation("odd", lambda x: number, lambda y, x: 1.0, vectorized=vectorized) for vectorized in (0, 1)]:
        for f in (odd, compile(lambda x: odd(x) * 2.0)):  # noqa: B023
            with pytest.raises(TypeError, match="the result of odd takes a real number, got a"):
                f(0.5)


def test_vectorized_function_that_returns_another_shape_is_an_error_that_says_so():
    odd = operation("odd", lambda x: np.zeros(3) if np.ndim(x) else x, lambda y, x: 1.0, vectorized=True)
    program = compile(lambda x: odd(x) * 2.0, batched="x", backend="numpy")
    with pytest.raises(ValueError, match=r"odd is vectorized, so it returns an array of the shape.*, got \(3,\)"):
        program.each([1.0, 2.0] * 8)
