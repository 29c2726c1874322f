"""Compiled functions: arguments and results, batches, traces, own operations, captured Values, threads."""

import contextlib
import functools
import inspect
import itertools
import math
import re
import subprocess
import sys
import threading
import time
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest

import autograd as ad
from autograd import Constant, TraceError, Value, compile, dot, fsum, grad, hessian, operation, sin, tanh, where
from autograd.compiler import _flattening, blocks
from autograd.compiler.backends import BACKENDS
from autograd.functions import flatten
from autograd.testing import every_operation
from nn import MLP
from tests.autograd.compiler.beside_eager import eager, function_of, outcome, plain
from tests.threads import in_threads

on_every_backend = pytest.mark.usefixtures("backend")


def about(numbers, rel=1e-12, least=1e-15):
    return pytest.approx(numbers, rel=rel, abs=least)


class Counted:
    """A function that counts how often it runs."""

    def __init__(self, f):
        self.f = f
        self.calls = 0
        functools.update_wrapper(self, f)

    def __call__(self, *args, **keywords):
        self.calls += 1
        return self.f(*args, **keywords)


# Arguments and results


@compile
def square(x):
    """Return the square."""
    return x * x


@compile(batched=("x",))
def of_examples(x, k):
    return k * x


class Spring:
    stiffness = 2.0

    @compile
    def energy(self, x):
        return 0.5 * self.stiffness * x * x


@on_every_backend
def test_conditions_are_numbers_among_the_results_and_the_order_of_keys_is_of_no_matter():
    nested = compile(lambda x: {"a": x, "b": [x * 2.0, 3.0, (x > 0.0, np.array([x, -x]))]})
    assert plain(nested(1.0)) == {"a": 1.0, "b": [2.0, 3.0, (1.0, [1.0, -1.0])]}
    by_name = compile(lambda p: p["a"] - p["b"])
    assert by_name({"a": 3.0, "b": 1.0}) == by_name({"b": 1.0, "a": 3.0}) == 2.0
    assert by_name.value_and_grad({"b": 1.0, "a": 3.0})[1] == {"a": 1.0, "b": -1.0}


@on_every_backend
def test_results_of_examples_are_means_or_have_the_examples_in_front():
    dicts = compile(lambda d: d["a"] * d["b"][0], batched=["d"])
    found = dicts.value_and_grad([{"a": 1.0, "b": [2.0]}, {"b": [4.0], "a": 3.0}])
    assert found == (7.0, [{"a": 1.0, "b": [0.5]}, {"a": 2.0, "b": [1.5]}])
    matrices = compile(lambda x: np.array([[x[0], x[1]], [x[0] * x[1], 1.0]], dtype=object), batched="x")
    assert plain(matrices.each(np.array([[2.0, 3.0], [4.0, 5.0]]))) == [[[2, 3], [6, 1]], [[4, 5], [20, 1]]]
    assert plain(compile(lambda x: [4.0, x, [1.0]], batched="x").each([1.0, 2.0])) == [[4, 4], [1, 2], [[1, 1]]]
    assert plain(compile(lambda x: (x, [2.0, x]), has_aux=True, batched="x")([1.0, 3.0])) == (2, [[2, 2], [1, 3]])


@on_every_backend
def test_what_no_example_changes_counts_once():
    for examples in ([1.0, 2.0], [1.0] * 70):
        assert compile(lambda w, x: w * w, batched="x").value_and_grad(3.0, examples) == (9.0, 6.0)
        assert compile(lambda w, x: ad.sqrt(w), batched="x").value_and_grad(0.0, examples) == (0.0, math.inf)
        assert compile(lambda x, w: w * w, batched="x").value_and_grad(examples, 3.0)[1] == [0.0] * len(examples)
        beside = compile(lambda w, x: (w * w, x), batched="x", has_aux=True).value_and_grad(3.0, examples)
        assert plain(beside) == ((9.0, examples), 6.0)
    assert compile(lambda x: 3.0, batched="x").value_and_grad([1.0, 2.0]) == (3.0, [0.0, 0.0])


def with_a_frozen_factor(x):
    with ad.no_grad():
        frozen = x * 2.0
    return x * frozen


@on_every_backend
def test_choices_comparisons_and_what_is_detached_follow_the_data():
    side = compile(lambda x: where(x > 0.0, x * x, -x))
    assert [side(0.0), *map(side.value_and_grad, (3.0, -3.0))] == [0.0, (9.0, 6.0), (3.0, -1.0)]
    count = compile(lambda x: sum(v > 0.0 for v in x))
    assert [count([1.0, -1.0, 2.0]), count([1.0, 1.0, 1.0]), count([-1.0] * 3)] == [2.0, 3.0, 0.0]
    assert list(map(compile(lambda x: x * x.detach()).value_and_grad, (2.0, 3.0))) == [(4.0, 2.0), (9.0, 3.0)]
    assert list(map(compile(with_a_frozen_factor).value_and_grad, (1.0, 3.0))) == [(2.0, 2.0), (18.0, 6.0)]


def made_of_conditions(row):
    """Yield what a row makes of comparisons of a number, and of these and the number."""
    parts = [lambda x: x > 0.0, lambda x: x < 5.0, lambda x: x]
    if row.arity is None:
        yield lambda x: row(*[[part(x) for part in parts]] * row.sequences)
        return
    for chosen in itertools.product(parts, repeat=row.arity):
        yield lambda x, chosen=chosen: row(*[part(x) for part in chosen])


@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
@pytest.mark.usefixtures("python_backend")
def test_results_made_of_conditions_are_floats_in_every_call(row):
    for f in made_of_conditions(row):
        compiled = compile(lambda x, f=f: [x, f(x)])
        with contextlib.suppress(ValueError, ArithmeticError):
            found = [compiled(2.0) for _ in range(3)]
            assert {type(number) for numbers in found for number in numbers} == {float}
            assert found == [found[0]] * 3


def long(x):
    """A recurrence of which a batch is run as steps on arrays."""
    for _ in range(120):
        x = sin(x) + 1.0
    return x


@pytest.mark.sample(4)
@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_operands_beside_a_long_recurrence_have_the_eager_derivatives_and_errors(row):
    """Also those that have no batch, of which NumPy flags other errors than Python raises."""
    f, size = function_of(row), row.arity or 2 * row.sequences
    plain_ones, batched_ones = (
        compile(lambda p, x: f(p) + 0.0 * long(x), batched="x", backend="numpy"),
        compile(lambda p, x: f(p) + 0.0 * long(x), batched=("p", "x"), backend="numpy"),
    )
    corners = [0.0, 1.0, -1.0, 0.5, math.inf, -math.inf]
    for p in [[2.5] * size, [0.5] * size, *row.edges, *itertools.product(corners, repeat=size)]:
        wanted = outcome(eager, f, p)
        for compiled, given in ((plain_ones, [*p]), (batched_ones, [[*p]] * 2)):
            found = outcome(compiled.value_and_grad, given, [0.5, 2.0])
            if isinstance(wanted, list):
                assert compiled.program.form == "steps"
                value, slopes = found
                of_all = np.ravel(slopes)[: len(p)] * (1.0 if compiled is plain_ones else 2.0)
                assert [value, *of_all] == pytest.approx(wanted, rel=1e-12, nan_ok=True), p
            else:
                assert found == wanted, p


@pytest.mark.sample(4)
@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_conditions_are_numbers_in_a_batch_of_a_long_recurrence(row):
    """Comparisons are no arrays of bools, of which a sum is an "or"."""
    x = [0.5, 2.0, 6.0]
    for f in made_of_conditions(row):
        compiled = compile(lambda x, f=f: [long(x), f(x), f(x) + f(x)], batched="x", backend="numpy")
        with contextlib.suppress(ValueError, ArithmeticError):
            wanted = [float(getattr(y, "data", y)) for y in map(f, map(Value, x))]
            _, found, twice = compiled.each(x)
            assert compiled.program.form == "steps"
            assert found.tolist() == pytest.approx(wanted, rel=1e-14, abs=1e-15, nan_ok=True)
            assert twice.tolist() == pytest.approx([2.0 * y for y in wanted], rel=1e-14, abs=1e-15, nan_ok=True)


@pytest.mark.usefixtures("backend_or_pieces")
def test_conditions_joined_by_operations_are_floats_in_every_call():
    conditions = compile(lambda x: [where(x > 0.0, x < 5.0, x > 7.0), -(x > 0.0), (x > 0.0) + (x < 5.0), x])
    assert [repr(conditions(2.0)) for _ in range(2)] == ["[1.0, -1.0, 2.0, 2.0]"] * 2
    joined = compile(lambda x: (x > 0.0) + (x < 5.0))
    assert [repr(joined(2.0)) for _ in range(2)] == ["2.0", "2.0"]


def test_whatever_is_callable_compiles():
    assert (square(3.0), of_examples([1.0, 2.0], 10.0), Spring().energy(3.0)) == (9.0, 15.0, 9.0)
    assert (square.__name__, square.__doc__) == ("square", "Return the square.")
    partial = functools.partial(lambda k, x: k * x, 2.0)
    network = MLP(2, [1], seed=1)
    pairs = [1.0, 2.0], [3.0, 4.0]
    for f, arguments in ((sin, (0.5,)), (dot, pairs), (ad.softmax, pairs[:1]), (network, pairs[:1]), (partial, (0.5,))):
        result = f(*arguments)
        assert compile(f)(*arguments) == about(getattr(result, "data", result))


def test_compiled_function_keeps_signature_and_module():
    def f(x, k=1.0):
        return x * k

    compiled = compile(f)
    assert inspect.signature(compiled) == inspect.signature(f)
    assert (compiled.__wrapped__, compiled.__module__) == (f, __name__)


# One trace for each structure

TRACES = {  # a function, calls, and how often it is traced
    "structures": (lambda x, y: x[0] * y,
        [*[([float(i), 2.0], 3) for i in range(5)], ([1, 2], 3.0), ([1.0, 2.0, 3.0], 3.0), ((1, 2), 3.0), ([5, 0], 2)],
        3),
    "kinds of numbers": (lambda x: x * 2.0, [(kind(1),) for kind in (float, int, bool, np.float32, np.int8, np.bool_)],
        1),
    "types of arrays": (lambda x: x.sum(), [(np.ones((2, 2), dtype=t),) for t in (float, np.float32, int, bool)], 1),
    "numbers of arguments": (lambda *xs: sum(x * x for x in xs), [(1.0,) * n for n in (1, 2, 3, 1, 2)], 3),
}  # fmt: skip


@pytest.mark.parametrize("name", TRACES)
def test_structure_is_traced_once(name):
    f, calls, traces = TRACES[name]
    counted = Counted(f)
    compiled = compile(counted)
    for arguments in calls:
        assert compiled(*arguments) == compiled.value_and_grad(*arguments)[0] == f(*arguments)
    assert counted.calls == traces


def test_kinds_of_batches_share_a_program():
    for kinds in itertools.permutations([np.array, list, tuple, lambda X: [*np.array(X)]], 3):
        f, row = Counted(lambda x, y: x * y[0]), Counted(lambda x: x[0] * x[1])
        numbers, rows = compile(f, batched=("x", "y")), compile(row, batched="x")
        for kind in kinds * 2:
            assert numbers.each(kind([1.0, 2.0]), [[3.0], [4.0]]).tolist() == [3.0, 8.0]
            assert rows.each(kind([[1.0, 2.0], [3.0, 4.0]])).tolist() == [2.0, 12.0]
        assert f.calls == 1
        assert row.calls <= 2  # a list and an array are not the same to a function


def test_batch_is_of_any_size_without_a_new_trace():
    f = Counted(lambda x, w: tanh(x[0] * w) + x[1])
    compiled = compile(f, batched=("x",))
    for n in (1, 2, 7, 1000, 3, 1, 5, 6, 1000):
        x = np.random.default_rng(n).normal(size=(n, 2))
        assert compiled(x, 0.5) == about(np.mean(np.tanh(x[:, 0] * 0.5) + x[:, 1]))
    assert f.calls == 1


def test_program_and_its_stats_are_those_of_the_latest_call_also_where_it_was_made_before():
    f = Counted(lambda x: fsum(sin(v) for v in x))
    compiled = compile(f)
    one, two = programs = [compiled.specialize([1.0] * n) for n in (10, 20)]
    assert one is not two
    for call, program in ((compiled, one), (compiled.value_and_grad, two), (compiled.specialize, one)):
        call([1.0] * (10 + 10 * programs.index(program)))
        assert compiled.program is program
        assert compiled.stats["nodes"] == program.stats["nodes"] == 11 + 10 * programs.index(program)
    assert f.calls == 2


# Batches


def product_loss(x, y):
    return (x[0] * y - x[1]) ** 2


X, Y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]]), np.array([2.0, 1.0, -1.0])
VALUE = np.mean((X[:, 0] * Y - X[:, 1]) ** 2)


@pytest.mark.parametrize("targets", [Y, Y.tolist(), tuple(Y), Y.astype(np.float32), Y.astype(int)])
def test_batch_of_numbers_is_an_array_of_any_type_or_a_list_however_it_is_passed(targets):
    compiled = compile(product_loss, batched=("x", "y"))
    assert compiled(X, targets) == compiled.value_and_grad(y=targets, x=X)[0] == about(VALUE)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2,), (2, 2), (1, 0), (0, 2), (3, 2, 2), (1, 1, 1)])
def test_function_of_one_example_gets_what_one_example_is(shape):
    seen = []
    f = compile(lambda x: seen.append(x) or fsum(np.ravel(x * x)) * 2.0, batched="x")
    X = np.arange(3.0 * math.prod(shape)).reshape(3, *shape)
    value, gradient = f.value_and_grad(X)
    assert (value, gradient.tolist()) == (about(2.0 * np.sum(X * X) / 3.0), (4.0 / 3.0 * X).tolist())
    assert [type(x) is np.ndarray and x.shape for x in seen] == [shape if shape else False]
    if not shape:
        assert isinstance(seen[0], Value)  # a number, and no array of no axes


ONE_NUMBER = "is batched and must return one number for an example, got"
DIFFERENTIATED = "must return one number to be differentiated, got"
A_PAIR = "has_aux, so it returns a pair"
TYPE_ERRORS = [  # a call, and what its error says
    *[(lambda f=f: compile(f, batched="x")([1.0, 2.0]), ONE_NUMBER) for f in (lambda x: [x], lambda x: (x, x))],
    (lambda: compile(lambda x: np.array([x]), batched="x")([1.0, 2.0]), ONE_NUMBER),
    (lambda: compile(lambda x: [x, x], batched="x")(np.ones(3)), r"each\(\.\.\.\) returns them"),
    (lambda: compile(lambda x: [x, x]).value_and_grad(1.0), DIFFERENTIATED),
    (lambda: compile(lambda x: {"a": x}).backward(1.0), DIFFERENTIATED),
    (lambda: compile(lambda x: np.array([x, x])).value_and_grad(1.0), DIFFERENTIATED),
    (lambda: compile(lambda: 3.0).value_and_grad(), "argument"),
    (lambda: compile(lambda x, y: x)(1.0, 1j), "argument 1 of <lambda> is of type complex"),
    (lambda: compile(lambda x, y: x)(1.0, "mean"), "of type str: 'mean'"),
    (lambda: compile(lambda x, y: x)(1.0, [1.0, "a"]), r"\[1\]"),
    *[(lambda r=r: compile(lambda x: r)(1.0), "what <lambda> returned") for r in (None, "a", [1.0, "a"])],
    *[
        (lambda r=r: compile(lambda x: r, has_aux=True)(1.0), A_PAIR)
        for r in (1.0, (1.0,), (1.0, 2.0, 3.0), ([1.0], 2.0), [1.0, 2.0])
    ],
    (lambda: compile(Value(1.0) * 2.0, has_aux=True), "has_aux is for a function"),
]


@pytest.mark.parametrize(("call", "message"), TYPE_ERRORS)
def test_what_is_no_number_where_one_is_needed_is_an_error(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_error_of_the_function_is_its_own():
    with pytest.raises(KeyError, match="missing"):
        compile(lambda x: x * {}["missing"])(1.0)


# State between calls


@on_every_backend
def test_results_are_not_buffers():
    compiled, batched = compile(lambda x: (x * x).sum()), compile(lambda x: x * x, batched="x")
    x = np.array([1.0, 2.0])
    (_, first), (_, of_batch), each = compiled.value_and_grad(x), batched.value_and_grad(x), batched.each(x)
    _, second = compiled.value_and_grad(x * 10.0)
    batched.value_and_grad(x * 10.0), batched.each(x * 10.0)
    assert (first.tolist(), of_batch.tolist(), each.tolist()) == ([2.0, 4.0], [1.0, 2.0], [1.0, 4.0])
    second[:] = 0.0
    assert compiled.value_and_grad(x)[1].tolist() == [2.0, 4.0]


def test_results_with_constants_are_the_callers_own():
    compiled = compile(lambda x: [[x, 1.0], (2.0, 3.0)])
    compiled(5.0)[0][1] = 7.0
    assert compiled(6.0) == [[6.0, 1.0], (2.0, 3.0)]
    array = compile(lambda x: np.array([x, 1.0, 2.0], dtype=object))
    array(5.0)[1] = 7.0
    assert array(6.0).tolist() == [6.0, 1.0, 2.0]


def test_arrays_and_batches_may_change_between_calls():
    compiled, batched = compile(lambda x: (x * x).sum()), compile(lambda x: x[0] * x[1], batched="x")
    x = np.array([[1.0, 2.0]])
    assert (compiled(x), batched(x)) == (5.0, 2.0)
    x *= 2.0
    assert (compiled(x), batched(x)) == (20.0, 8.0)
    assert x.tolist() == [[2.0, 4.0]]


@on_every_backend
def test_captured_value_is_read_at_every_call_and_backward_alone_adds_to_its_gradient():
    w = Value(2.0)
    compiled, batched = compile(lambda x: x * w * w), compile(lambda x: x * w, batched="x")
    for data in (2.0, 5.0):
        w.data = data
        assert (compiled(1.0), compiled.value_and_grad(3.0)) == (data**2, (3.0 * data**2, data**2))
        assert [batched([1.0]), batched([1.0, 3.0]), batched([1.0] * 3)] == [data, 2.0 * data, data]
    assert w.grad == 0.0
    assert compiled.backward(3.0) == 75.0
    compiled.backward(1.0)
    assert (w.grad, w.data) == (40.0, 5.0)


def test_vector_is_of_the_values_that_are_given_in_their_order_whatever_else_is_used():
    a, b, c, _ = leaves = [Value(2.0), Value(3.0), Value(5.0), Value(4.0)]
    f = lambda x: sin(a * x) * b + ad.cos(c * b)
    for wrt in itertools.permutations(leaves, 2):
        compiled = compile(f, wrt=wrt)
        wanted = ad.gradients(f(0.5), list(wrt))
        assert compiled.wrt == list(wrt)
        assert compiled.read().tolist() == [leaf.data for leaf in wrt]
        value, gradient = compiled.value_and_grad_at(compiled.read(), 0.5)
        assert (value, gradient) == (pytest.approx(f(0.5).data), pytest.approx(wanted))
        assert compiled.value_and_grad_at([1.0, 1.0], 0.5)[0] != pytest.approx(value)


# What a vector stands for


def of_its_length(values):
    """Return a function that uses other Values for lists of other lengths."""
    return lambda x: sum((v * values[len(x)] for v in x), 0.0) * values.get("all", 1.0)


def test_vector_is_for_the_values_of_the_first_call():
    a, b, c = Value(2.0), Value(3.0), Value(5.0)
    compiled = compile(of_its_length({1: a, 2: b, "all": c}))
    assert [compiled([1.0]), compiled([1.0, 1.0])] == [10.0, 30.0]
    assert (compiled.wrt, compiled.read().tolist()) == ([a, c], [2.0, 5.0])
    for call in (compiled.value_and_grad_at, compiled.each_at):
        with pytest.raises(RuntimeError, match=r"uses Values that it did not use in its first call.*wrt=\[\.\.\.\]"):
            call([7.0, 1.0], [1.0, 1.0])
    assert compiled.value_and_grad_at([7.0, 1.0], [1.0])[1].tolist() == [1.0, 7.0]
    compiled.write([7.0, 11.0])
    assert [v.data for v in (a, b, c)] == [7.0, 3.0, 11.0]
    assert (compiled([1.0, 1.0]), compiled.wrt) == (66.0, [a, c])


def test_values_of_other_calls_get_their_gradients_and_those_that_are_not_used_0():
    a, b = Value(2.0), Value(3.0)
    compiled, given = (compile(of_its_length({1: a, 2: b}), wrt=wrt) for wrt in (None, [b, a]))
    for _ in range(2):
        compiled.backward([10.0])
        compiled.backward([1.0, 2.0])
    assert (a.grad, b.grad) == (20.0, 6.0)
    assert given.read().tolist() == [3.0, 2.0]
    assert [given.value_and_grad_at([7.0, 11.0], [1.0] * n)[1].tolist() for n in (1, 2)] == [[0.0, 1.0], [2.0, 0.0]]
    later = compile(of_its_length({1: a, 2: 1.0, "all": b}))
    later([1.0])
    assert plain(later.value_and_grad_at([7.0, 11.0], [1.0, 1.0])) == (22.0, [0.0, 2.0])


def test_vector_may_come_first_and_is_forgotten_by_the_next_call():
    w, v = Value(2.0), Value(1.0)
    compiled = compile(lambda x: x * w * v, batched="x", wrt=[w])
    for examples in (1, 2, 1):
        x = np.ones(examples)
        assert compiled.value_and_grad_at([5.0], x)[0] == 5.0 * v.data
        assert compiled.each_at([7.0], x).tolist() == [7.0 * v.data] * examples
        assert compiled(x) == 2.0 * v.data
        v.data += 1.0


def test_value_made_in_a_function_is_no_captured_value():
    w = Value(2.0)
    compiled = compile(lambda x: sum((w * v for v in x), Value(0.0)))
    compiled([1.0, 2.0])
    assert compiled.wrt == [w]


@pytest.mark.parametrize(
    "ask", [lambda c: c.read(), lambda c: c.write([1.0]), lambda c: c.wrt, lambda c: c.stats, lambda c: c.source]
)
def test_what_the_first_call_tells_is_an_error_before_it(ask):
    w = Value(2.0)
    compiled = compile(lambda x: x * w)
    with pytest.raises(RuntimeError, match="has no program before its first call"):
        ask(compiled)
    assert str(compiled) == f"{compiled!r}: no program before its first call"
    compiled(1.0)
    ask(compiled)
    assert str(compiled) == str(compiled.specialize(1.0))


# Constants that the function uses

WITH_A_CONSTANT = {
    "graph": lambda x, k: x * k, "data": lambda x, k: x * (k.data + 0.0),
    "branch": lambda x, k: x * 5.0 if k > 3.0 else x * 2.0,
    "exponent": lambda x, k: x ** (k / 2.0 - 1.5) * k if k == k else x, "format": lambda x, k: x * float(f"{k:.3f}"),
}  # fmt: skip


@on_every_backend
@pytest.mark.parametrize("name", WITH_A_CONSTANT)
def test_constant_that_is_assigned_is_read_again(name):
    k = Constant(2.0)
    f = lambda x: WITH_A_CONSTANT[name](x, k)
    compiled, batched = compile(f), compile(lambda x: f(x), batched="x")
    for data in (2.0, 5.0, 2.0, 7.0):
        k.data = data
        for x in (3.0, 4.0):
            wanted = f(Value(x)).data
            assert compiled.value_and_grad(x) == (about(wanted), about(grad(f)(x)))
            assert (compiled(x), batched([x, x])) == about((wanted, wanted))


def test_constant_that_is_not_assigned_leaves_the_program_alone():
    k, w, f = Constant(2.0), Value(3.0), Counted(lambda x: x * k * w)
    compiled = compile(f)
    for data in (1.0, 2.0, 3.0):
        w.data = data
        assert compiled(1.0) == 2.0 * data
    assert f.calls == 1
    k.data = 5.0
    assert [compiled(1.0), compiled(2.0)] == [15.0, 30.0]
    assert f.calls == 2


# Traces


def test_trace_error_shows_the_source_line():
    def clipped(x):
        if x[0] > 1.0:  # a line of its own
            return x[0] * 0.0
        return x[1]

    with pytest.raises(TraceError, match=r"(?s)File .*test_functions\.py.*in clipped\n.*# a line of its own"):
        compile(clipped)([0.5, 1.0])


BRANCHES = {  # a function with a branch, what its error says to write, and the function written so
    "np.where": (lambda x: np.where(x > 0, x, 0.0).sum(), "where", lambda x: sum(where(v > 0, v, 0.0) for v in x)),
    "np.maximum": (lambda x: np.maximum(x, 0.0).sum(), "maximum", lambda x: ad.maximum(x, 0.0).sum()),
    "np.minimum": (lambda x: np.minimum(x, 0.0).sum(), "minimum", lambda x: ad.minimum(x, 0.0).sum()),
    "np.clip": (lambda x: np.clip(x, -0.5, 0.5).sum(), "np.clip", lambda x: ad.clip(x, -0.5, 0.5).sum()),
    "clip": (lambda x: x.clip(-0.5, 0.5).sum(), "np.clip", lambda x: ad.minimum(ad.maximum(x, -0.5), 0.5).sum()),
    "if": (lambda x: x[0] if x[0] > 0 else 0.0, "where", lambda x: where(x[0] > 0, x[0], 0.0)),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_branch_on_an_array_says_what_to_write(name):
    f, remedy, better = BRANCHES[name]
    x = np.array([-2.0, 0.25, 3.0])
    with pytest.raises(TraceError, match=rf"(?s)a branch on .* write .*{re.escape(remedy)}"):
        compile(f)(x)
    assert [compile(better)(x), compile(better)(-x)] == [f(x), f(-x)]


def test_branch_on_constants_and_plain_data_is_none():
    constant, flags = Constant(2.0), {"double": True}

    @compile
    def f(x):
        if constant > 1.0 and flags["double"] and len(x) > 1 and constant.data == 2.0:
            return 2.0 * x[0]
        return x[0]

    assert [f([3.0, 1.0]), f([3.0])] == [6.0, 3.0]


# Own operations: a formula that takes floats only is slow, and its errors are the eager engine's


def test_formula_that_takes_floats_only_warns_once_and_one_that_takes_arrays_never():
    gaussian = operation("gaussian", lambda x: math.exp(-x * x), lambda y, x: -2.0 * x * y)
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x, vectorized=True)
    cosine = operation("cosine", np.cos, lambda y, x: -np.sin(x), vectorized=True)
    for op, warnings in ((gaussian, 1), (cube, 0), (cosine, 0)):
        compiled = compile(lambda x: op(op(x)), batched="x")  # noqa: B023
        with catch_warnings(record=True) as found:
            simplefilter("always")
            for batch in ([1.0, -2.0, 0.25, 2.0] * 250, [1.0, -2.0]):
                assert compiled(batch) == about(np.mean([op(op(x)) for x in batch]))
            assert compiled.value_and_grad([1.0])[1] == [about(grad(lambda x: op(op(x)))(1.0))]  # noqa: B023
        assert [(warning.category, warning.filename) for warning in found] == [(RuntimeWarning, __file__)] * warnings
        message = f"the operation {op.name} runs on one number after the other"
        assert all(str(warning.message).startswith(message) for warning in found)


@on_every_backend
def test_error_of_an_own_operation_is_eagers():
    inverse = operation("inverse", lambda x: 1.0 / x, lambda y, x: -y * y)
    root = operation("root", math.sqrt, lambda y, x: 0.5 / y)
    compiled, batched = compile(lambda x: inverse(x[0]) + inverse(x[1])), compile(lambda x: root(x), batched="x")
    compiled([1.0, 2.0]), batched.each(np.array([1.0, 2.0]))
    with pytest.raises(ZeroDivisionError) as found:
        compiled([1.0, 0.0])
    assert found.value.__notes__ == ["in the operation inverse, for x = 0.0"]
    for call in (lambda: root(Value(-3.0)), lambda: batched.each(np.array([1.0, 2.0, -3.0]))):
        with pytest.raises(ValueError, match="math domain error") as found:
            call()
        assert found.value.__notes__ == ["in the operation root, for x = -3.0"]


# Threads


@on_every_backend
def test_threads_that_run_one_program_do_not_mix_their_numbers():
    f, product = lambda x: fsum(sin(a * b) for a, b in itertools.pairwise(x)), lambda x: x[0] * tanh(x[1])
    points = [np.random.default_rng(n).normal(size=12) for n in range(4)]
    batches = [np.random.default_rng(n).normal(size=(n, 2)) for n in (1, 2, 3, 5, 8, 13)]
    leaves = [Value(x) for x in points[0]]
    for make, arguments in (
        (lambda: compile(f).value_and_grad, points),
        (lambda: compile(f(leaves), wrt=leaves).value_and_grad, points),
        (lambda: compile(product, batched="x"), batches),
    ):
        alone, call = make(), make()
        wanted = [flatten(alone(x))[0] for x in arguments]
        run = lambda x, y: all(np.allclose(flatten(call(x))[0], y, rtol=1e-11, atol=1e-14) for _ in range(100))  # noqa: B023
        assert all(in_threads(*[functools.partial(run, x, y) for x, y in zip(arguments, wanted, strict=True)]))


class Slow(dict):
    """A dict that lets other threads go on whenever it is asked for a key."""

    def __contains__(self, key):
        found = super().__contains__(key)
        time.sleep(1e-4)
        return found


@pytest.mark.usefixtures("python_backend")
def test_threads_may_run_a_program_for_the_first_time_at_once(monkeypatch):
    monkeypatch.setattr(blocks, "PIECE", 10)

    def f(x):
        for k in range(1, 20):
            x = [sin(x[(3 * k) % 5] * x[k % 5]) + 0.1 * x[k % 3], *x[:4]]
        return fsum(x)

    point = [0.3, 0.1, -0.7, 0.9, 0.4]
    compiled = compile(f)
    bound = compiled.specialize(point).runner.bound
    bound.names = Slow(bound.names)  # in which a name that is free is given to what is compiled
    found = in_threads(*[lambda: compiled.value_and_grad(point)] * 6)
    value, gradient = ad.value_and_grad(f)(point)
    assert found == [(about(value), about(gradient, 1e-10))] * 6


def test_threads_that_call_first_trace_once():
    f = Counted(lambda x: x * x)
    compiled = compile(f)
    in_threads(*[lambda: compiled(2.0)] * 6)
    assert f.calls == 1


def test_trace_in_one_thread_does_not_concern_another():
    begun, checked, found = threading.Event(), threading.Event(), []

    def slow(x):
        begun.set()
        checked.wait(10.0)
        return x * 2.0

    def bystander():
        begun.wait(10.0)
        found.extend([Value(1.0) > 0.0, float(Value(3.0).data)])
        checked.set()

    in_threads(lambda: compile(slow)(1.0), bystander)
    assert found == [True, 3.0]
    assert found[0] is True


# Errors


@on_every_backend
@pytest.mark.parametrize("f", [fsum, lambda xs: ad.log(fsum(xs)), lambda xs: dot(xs, [1.0] * len(xs))])
def test_sum_that_overflows_raises_as_eagerly(f):
    xs = [1e308] * 60
    with pytest.raises(OverflowError) as eager:
        f([Value(x) for x in xs])
    with pytest.raises(OverflowError) as compiled:
        compile(f)(np.array(xs))
    assert str(compiled.value) == str(eager.value)


IMPORT = """
import sys
class Broken:
    def find_spec(self, name, *rest):
        if name == "numpy":
            raise ImportError("DLL load failed")
{}
from autograd import compile
compile(lambda x: x)
"""
NO_NUMPY = {  # how NumPy is missing, and how the error ends
    "sys.modules['numpy'] = None": "autograd.compile needs NumPy: python -m pip install 'scalar-autograd[compile]'",
    "sys.meta_path.insert(0, Broken())": "DLL load failed",  # it is there, and is not called missing
}


@pytest.mark.parametrize("missing", NO_NUMPY)
def test_missing_numpy_is_an_error_that_names_the_command_and_a_broken_one_its_own(missing):
    code = IMPORT.format(missing)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.endswith(f"\nImportError: {NO_NUMPY[missing]}\n")


# Results that are constant: made once


@pytest.mark.parametrize("container", [list, tuple, np.array])
@pytest.mark.parametrize("backend", BACKENDS)
def test_constant_results_are_no_roots_of_the_program(container, backend):
    def f(x):
        return sum(x[i] ** 2 * x[i + 1] for i in range(9)) + 3.0 * x[9]

    second = hessian(f)
    compiled = compile(second, backend=backend)
    for start in (0.5, -2.0):
        x = container([start + 0.1 * i for i in range(10)])
        found, wanted = compiled(x), second(x)
        assert type(found) is type(wanted)
        assert np.allclose(np.array(found), np.array(wanted), rtol=1e-14, atol=0.0)
        assert len(compiled.specialize(x).roots) == 27  # 9 on the diagonal, 2 x 9 beside it


# Fast paths: what a call does not do again


class Untouched:
    """What may not be asked for anything."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was asked for")


@pytest.mark.parametrize("backend", ["python", "native"])
def test_call_with_floats_and_lists_of_floats_binds_nothing_and_takes_no_lock(backend):
    f = compile(lambda x, w: x * w[0] + sin(w[1]), backend=backend)
    calls = (lambda: f(2.0, [3.0, 4.0]), lambda: f.value_and_grad(2.0, [3.0, 4.0]))
    found = [call() for call in calls]
    f._signature.bind = f._programs.lock = Untouched()
    assert [call() for call in calls] == found
    with pytest.raises(TypeError, match="not callable"):
        f(2.0, w=[3.0, 4.0])


def test_structure_of_arrays_and_of_lists_of_floats_is_not_looked_for(monkeypatch):
    flattened = []
    monkeypatch.setattr(_flattening, "flatten", lambda *given: flattened.append(given[0]) or flatten(*given))
    plain, batched = compile(lambda x, y: fsum(x) * fsum(y)), compile(lambda x: x[0] * x[1], batched="x")
    assert [plain([1.0, 2.0], np.ones(3)), batched(np.array([[1.0, 2.0], [3.0, 4.0]]))] == [9.0, 7.0]
    assert flattened == []
    for kind in (list, tuple, np.array, lambda row: [np.float32(row[0]), int(row[1])]):
        assert batched([kind(row) for row in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])]) == 44.0 / 3.0
    assert len(flattened) == 4  # the first example, since the others are as it is


@on_every_backend
def test_nothing_is_read_or_laid_out_again_where_nothing_has_changed():
    x, k, w = np.arange(3.0), Constant(2.0), Value(3.0)
    f = compile(lambda x: fsum(x) * w if k > 1.0 else fsum(x))
    assert [f(x), f(x)] == [9.0, 9.0]
    found = f._programs.latest
    buffers, found.leaves, found.constants = found.buffers, [Untouched()], {Untouched(): None}
    assert f(x) == 9.0
    assert found.buffers is buffers
    w.data = 4.0
    with pytest.raises(AssertionError, match="stamp was asked for"):
        f(x)
    found.constants = {}
    with pytest.raises(AssertionError, match="number was asked for"):
        f(x)


def test_results_of_which_none_is_constant_are_given_on_as_they_are():
    f, numbers = compile(lambda x: [x, x * x]), [2.0, 4.0]
    f(2.0)
    assert f._programs.latest.results.all(numbers) is numbers


@pytest.mark.parametrize("f", [lambda x: dot(x[:5000], x[5000:]), ad.logsumexp, ad.mean, lambda x: fsum(x) + 1.0])
def test_one_function_of_many_numbers_runs_on_arrays(f):
    compiled = compile(f)
    compiled(np.linspace(0.0, 1.0, 10_000))
    assert "lines of Python" not in str(compiled)


# What would be done in the first call only


def assigned_between(x, w):
    before = x * w
    w.data = 2.0
    return before * w


def test_leaf_from_outside_that_a_compiled_function_assigns_is_an_error():
    w = Value(1.0, "w")
    f = lambda x: assigned_between(x, w)
    for compiled in (compile(f), compile(grad(f)), compile(lambda x: setattr(x, "data", 2.0) or x * w)):
        with pytest.raises(TraceError, match=r"the data of [wx] is assigned .*first call only; .*\n .*line \d+"):
            compiled(1.0)
    assert w.data == 1.0


def test_leaf_of_its_own_may_be_assigned():
    def f(x):
        total = Value(0.0)
        total.data = 3.0
        return total * x

    assert compile(f)(2.0) == 6.0
