"""Compiled functions: arguments and results, batches, traces, own operations, captured Values, threads."""

import functools
import inspect
import itertools
import math
import re
import subprocess
import sys
import threading
import time
import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from autograd import (
    Constant,
    TraceError,
    Value,
    compile,
    cos,
    detect_anomaly,
    dot,
    fsum,
    grad,
    gradients,
    hessian,
    log,
    logsumexp,
    maximum,
    mean,
    minimum,
    no_grad,
    operation,
    sin,
    softmax,
    tanh,
    value_and_grad,
    where,
)
from autograd.compiler import _arguments, blocks
from autograd.compiler.backends import BACKENDS
from autograd.functions import flatten
from nn import MLP, SGD


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

Point = namedtuple("Point", ["x", "y"])


@pytest.mark.parametrize(
    ("f", "argument", "value", "gradient"),
    [
        (lambda x: x * x, 3.0, 9.0, 6.0),
        (lambda x: x * x, 3, 9.0, 6.0),
        (lambda x: x * x, True, 1.0, 2.0),
        (lambda x: x * x, np.float32(3.0), 9.0, 6.0),
        (lambda x: x[0] * x[1], [3.0, 2.0], 6.0, [2.0, 3.0]),
        (lambda x: x[0] * x[1], (3, 2), 6.0, (2.0, 3.0)),
        (lambda x: x[0][1] * x[1], [[1.0, 3.0], 2.0], 6.0, [[0.0, 2.0], 3.0]),
        (lambda p: p["k"] * p["x"][0], {"k": 0.5, "x": [2.0]}, 1.0, {"k": 2.0, "x": [0.5]}),
        (lambda p: p["k"] * 2, OrderedDict(k=0.5), 1.0, OrderedDict(k=2.0)),
        (lambda p: p.x * p.y, Point(3.0, 2.0), 6.0, Point(2.0, 3.0)),
        (lambda p: p[0] * p[1]["a"], [2.0, {"a": 3.0, "b": 4.0}], 6.0, [3.0, {"a": 2.0, "b": 0.0}]),
    ],
)
def test_gradient_has_the_structure_of_the_first_argument(f, argument, value, gradient):
    found = compile(f).value_and_grad(argument)
    assert found == (value, gradient)
    assert type(found[0]) is float
    assert type(found[1]) is type(gradient)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0),
        np.arange(6.0).reshape(2, 3),
        np.arange(6.0).reshape(1, 3, 2),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24.0).reshape(4, 6)[::2, ::2],
        np.arange(6.0)[::-1],
        np.arange(6).reshape(2, 3),
        np.arange(6, dtype=np.uint8),
        np.arange(6, dtype=np.float32),
        np.arange(6) > 2,
        np.array(3.0),
    ],
)
def test_gradient_by_an_array_is_an_array_of_its_shape(array):
    value, gradient = compile(lambda x: np.sum(x * x)).value_and_grad(array)
    assert value == (array.astype(float) ** 2).sum()
    assert (gradient.shape, gradient.dtype) == (array.shape, np.float64)
    assert np.array_equal(gradient, 2.0 * array.astype(float))


def test_array_and_matrix_product_of_numpy_compile():
    compiled = compile(lambda a, b: np.tanh(a @ b).sum())
    a, b = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.5, -0.1], [0.2, 0.3]])
    for factor in (1.0, -2.0):
        assert compiled(a * factor, b) == pytest.approx(np.tanh(a * factor @ b).sum(), rel=1e-12)


def test_gradient_is_by_the_first_argument_only():
    assert compile(lambda x, y: x * y * y).value_and_grad(2.0, 3.0) == (18.0, 9.0)


def test_result_has_the_structure_that_the_function_returns():
    result = compile(lambda x: {"a": x, "b": [x * 2.0, 3.0, (x > 0.0, np.array([x, -x]))]})(1.0)
    assert result["a"] == 1.0
    assert result["b"][:2] == [2.0, 3.0]
    assert result["b"][2][0] == 1.0
    assert result["b"][2][1].tolist() == [1.0, -1.0]


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda f: f(2.0), 23.0),
        (lambda f: f(2.0, 10.0), 50.0),
        (lambda f: f(2.0, 10.0, 1.0), 21.0),
        (lambda f: f(2.0, b=10.0), 50.0),
        (lambda f: f(2.0, c=1.0, b=10.0), 21.0),
        (lambda f: f(b=10.0, x=2.0), 50.0),
        (lambda f: f.value_and_grad(x=2.0, b=10.0)[0], 50.0),
        (lambda f: f.value_and_grad(x=2.0, b=10.0)[1], 10.0),
    ],
)
def test_arguments_may_be_named_or_left_out(call, value):
    @compile
    def f(x, b=-3.5, c=30.0):
        return x * b + c

    assert call(f) == value


def test_any_number_of_arguments():
    compiled = compile(lambda *xs: sum(x * x for x in xs))
    assert [compiled(1.0), compiled(1.0, 2.0), compiled(1.0, 2.0, 3.0)] == [1.0, 5.0, 14.0]


def test_function_without_arguments_compiles():
    assert compile(lambda: 3.0)() == 3.0


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (lambda: sin, (0.5,)),
        (lambda: dot, ([1.0, 2.0], [3.0, 4.0])),
        (lambda: softmax, ([1.0, 2.0],)),
        (lambda: MLP(2, [1], seed=1), ([1.0, 2.0],)),
        (lambda: functools.partial(lambda k, x: k * x, 2.0), (0.5,)),
    ],
    ids=["row", "row of many", "function", "module", "partial"],
)
def test_whatever_is_callable_compiles(make, arguments):
    f = make()
    result = f(*arguments)
    assert compile(f)(*arguments) == pytest.approx(getattr(result, "data", result), rel=1e-12)


def test_decorator_with_and_without_arguments():
    @compile
    def square(x):
        """Return the square."""
        return x * x

    @compile(batched=("x",))
    def of_examples(x, k):
        return k * x

    assert (square(3.0), of_examples([1.0, 2.0], 10.0)) == (9.0, 15.0)
    assert (square.__name__, square.__doc__) == ("square", "Return the square.")


# One trace for each structure


def test_structure_is_traced_once():
    f = Counted(lambda x, y: x[0] * y)
    compiled = compile(f)
    for i in range(5):
        assert compiled([float(i), 2.0], 3) == 3.0 * i
        compiled.value_and_grad([i, 2], 3.0)
    assert f.calls == 1
    compiled([1.0, 2.0, 3.0], 3.0)
    compiled((1.0, 2.0), 3.0)
    assert f.calls == 3
    assert compiled([5.0, 0.0], 2.0) == 10.0
    assert f.calls == 3


def test_kinds_of_numbers_share_a_trace():
    f = Counted(lambda x: x * 2.0)
    compiled = compile(f)
    for x in (1.0, 1, True, np.float32(1.0), np.int8(1), np.bool_(True)):
        assert compiled(x) == 2.0
    assert f.calls == 1


def test_types_of_arrays_share_a_trace():
    f = Counted(lambda x: x.sum())
    compiled = compile(f)
    for kind in (float, np.float32, int, bool):
        assert compiled(np.ones((2, 2), dtype=kind)) == 4.0
    assert f.calls == 1


@pytest.mark.parametrize("kinds", list(itertools.permutations([np.array, list, tuple, lambda X: [*np.array(X)]], 3)))
def test_kinds_of_batches_share_a_program(kinds):
    f, row = Counted(lambda x, y: x * y[0]), Counted(lambda x: x[0] * x[1])
    numbers, rows = compile(f, batched=("x", "y")), compile(row, batched="x")
    for kind in kinds * 2:
        assert numbers.each(kind([1.0, 2.0]), [[3.0], [4.0]]).tolist() == [3.0, 8.0]
        assert rows.each(kind([[1.0, 2.0], [3.0, 4.0]])).tolist() == [2.0, 12.0]
    assert f.calls == 1
    assert row.calls <= 2  # a list and an array are not the same to a function


def test_order_of_a_dict_does_not_matter():
    compiled = compile(lambda p: p["a"] - p["b"])
    assert compiled({"a": 3.0, "b": 1.0}) == compiled({"b": 1.0, "a": 3.0}) == 2.0
    assert compiled.value_and_grad({"b": 1.0, "a": 3.0})[1] == {"a": 1.0, "b": -1.0}


def test_specialize_traces_without_a_result():
    f = Counted(lambda x: log(x))
    compiled = compile(f)
    assert compiled.specialize(2.0).stats["nodes"] == 1
    assert compiled(1.0) == 0.0
    assert f.calls == 1


def test_stats_are_of_the_latest_structure():
    compiled = compile(lambda x: fsum(sin(v) for v in x))
    compiled([1.0] * 10)
    assert compiled.stats["nodes"] == 11
    compiled([1.0] * 20)
    assert compiled.stats["nodes"] == 21


def test_program_is_that_of_the_latest_call_also_where_it_was_made_before():
    f = compile(lambda x: fsum(x))
    one, two = programs = [f.specialize([1.0] * n) for n in (1, 2)]
    assert one is not two
    for call, program in ((f, one), (f.value_and_grad, two), (f.specialize, one)):
        call([1.0] * (1 + programs.index(program)))
        assert f.program is program


# Batches


def product_loss(x, y):
    return (x[0] * y - x[1]) ** 2


X, Y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]]), np.array([2.0, 1.0, -1.0])
VALUE = np.mean((X[:, 0] * Y - X[:, 1]) ** 2)
BY_X = 2 / 3 * (X[:, 0] * Y - X[:, 1])[:, None] * np.stack([Y, -np.ones(3)], axis=1)


@pytest.mark.parametrize(
    "examples",
    [
        X,
        X.tolist(),
        tuple(map(tuple, X.tolist())),
        list(X),
        [tuple(row) for row in X.tolist()],
        np.asfortranarray(X),
        np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
        X[::-1][::-1],
    ],
)
@pytest.mark.parametrize("targets", [Y, Y.tolist(), tuple(Y), Y.astype(np.float32), Y.astype(int)])
def test_batch_is_an_array_or_a_list_of_examples(examples, targets):
    compiled = compile(product_loss, batched=("x", "y"))
    value, gradient = compiled.value_and_grad(examples, targets)
    assert value == pytest.approx(VALUE, rel=1e-12)
    assert type(gradient) is type(examples)
    assert np.allclose(np.array([list(row) for row in gradient]), BY_X, rtol=1e-12)
    assert compiled(examples, targets) == value


def test_examples_may_be_dicts():
    compiled = compile(lambda d: d["a"] * d["b"][0], batched=["d"])
    value, gradient = compiled.value_and_grad([{"a": 1.0, "b": [2.0]}, {"a": 3.0, "b": [4.0]}])
    assert (value, gradient) == (7.0, [{"a": 1.0, "b": [0.5]}, {"a": 2.0, "b": [1.5]}])


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2), (4, 1, 1, 1)])
def test_batch_has_any_number_of_axes(shape):
    x = np.linspace(-1.0, 1.0, math.prod(shape)).reshape(shape)
    value, gradient = compile(lambda x: np.sum(x * x), batched="x").value_and_grad(x)
    assert value == pytest.approx(np.sum(x * x) / 4, rel=1e-12)
    assert np.allclose(gradient, x / 2, rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2,), (2, 2), (1, 0), (0, 2)])
def test_function_of_one_example_gets_what_one_example_is(shape):
    seen = []
    f = compile(lambda x: seen.append(x) or fsum(np.ravel(x)) * 2.0, batched="x")
    X = np.arange(3.0 * math.prod(shape)).reshape(3, *shape)
    assert f(X) == 2.0 * X.sum() / 3.0
    assert [type(x) is np.ndarray and x.shape for x in seen] == [shape if shape else False]
    if not shape:
        assert isinstance(seen[0], Value)  # a number, and no array of no axes


def test_batch_is_of_any_size_without_a_new_trace():
    f = Counted(lambda x, w: tanh(x[0] * w) + x[1])
    compiled = compile(f, batched=("x",))
    for n in (1, 2, 7, 1000, 3, 1, 5, 6, 1000):
        x = np.random.default_rng(n).normal(size=(n, 2))
        assert compiled(x, 0.5) == pytest.approx(np.mean(np.tanh(x[:, 0] * 0.5) + x[:, 1]), rel=1e-12, abs=1e-15)
    assert f.calls == 1


def test_batched_and_plain_arguments_beside_each_other():
    plain_first = compile(lambda w, x, y: (w[0] * x + w[1] - y) ** 2, batched=("x", "y"))
    batched_first = compile(lambda x, w, y: (w[0] * x + w[1] - y) ** 2, batched=("x", "y"))
    w, x, y = [2.0, -1.0], np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 5.0])
    rest = w[0] * x + w[1] - y
    value, gradient = plain_first.value_and_grad(w, x, y)
    assert value == pytest.approx(np.mean(rest**2), rel=1e-12)
    assert gradient == pytest.approx([np.mean(2 * rest * x), np.mean(2 * rest)], rel=1e-12)
    value, gradient = batched_first.value_and_grad(x, w, y)
    assert value == pytest.approx(np.mean(rest**2), rel=1e-12)
    assert gradient == pytest.approx(2 * rest * w[0] / 3, rel=1e-12)


def test_function_that_no_example_changes_has_the_value_of_one():
    compiled = compile(lambda w, x: w * w, batched="x")
    assert compiled.value_and_grad(3.0, [1.0, 2.0]) == (9.0, 6.0)
    assert compile(lambda x: 3.0, batched="x").value_and_grad([1.0, 2.0]) == (3.0, [0.0, 0.0])


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_backward_of_a_batch_adds_the_gradient_of_the_mean(n):
    model = MLP(2, [4, 1], activation="tanh", seed=1)
    x, y = np.random.default_rng(0).normal(size=(n, 2)), np.random.default_rng(1).normal(size=n)
    compiled = compile(lambda x, y: (model(x) - y) ** 2, batched=("x", "y"))
    losses = [(model(row) - target) ** 2 for row, target in zip(x, y)]
    wanted = gradients(sum(losses) / n, model.parameters())
    for times in (1, 2):
        assert compiled.backward(x, y) == pytest.approx(sum(loss.data for loss in losses) / n, rel=1e-12)
        found = [p.grad for p in model.parameters()]
        assert found == pytest.approx([times * w for w in wanted], rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (X, Y[:2], ValueError, "batches of one length, got lengths"),
        (
            [[1.0, 2.0], [1.0]],
            [1.0, 2.0],
            ValueError,
            r"examples in argument 0 .* are not alike: number 0 is .* number 1",
        ),
        (1.0, Y, TypeError, "is batched, so it is an array or a list of examples, got float"),
        (np.array(1.0), Y, TypeError, "is batched, so it is an array or a list of examples"),
        ({"a": 1.0}, Y, TypeError, "is batched, so it is an array or a list of examples, got dict"),
        ([["a", 2.0]], [1.0], TypeError, r"of type str: 'a'"),
        (["a"], [1.0], TypeError, "of type str"),
    ],
)
def test_batch_that_is_none_is_an_error(x, y, error, message):
    compiled = compile(product_loss, batched=("x", "y"))
    compiled(X, Y)
    with pytest.raises(error, match=message):
        compiled(x, y)
    assert compiled(X, Y) == pytest.approx(VALUE, rel=1e-12)


def test_batched_names_arguments():
    with pytest.raises(ValueError, match=r"batched names arguments of product_loss\(x, y\), got 'z'"):
        compile(product_loss, batched=("x", "z"))


@pytest.mark.parametrize("f", [lambda x: [x, x], lambda x: (x,), lambda x: np.array([x])])
def test_function_of_one_example_returns_one_number(f):
    with pytest.raises(TypeError, match="is batched and must return one number for an example, got"):
        compile(f, batched="x")([1.0, 2.0])


@pytest.mark.parametrize("f", [lambda x: [x, x], lambda x: {"a": x}, lambda x: np.array([x, x])])
def test_function_of_several_numbers_is_not_differentiated(f):
    compiled = compile(f)
    compiled(1.0)
    for call in (compiled.value_and_grad, compiled.backward):
        with pytest.raises(TypeError, match="must return one number to be differentiated, got"):
            call(1.0)


@pytest.mark.parametrize(
    ("argument", "message"),
    [(1j, "argument 1 of <lambda> is of type complex"), ("mean", "of type str: 'mean'"), ([1.0, "a"], r"\[1\]")],
)
def test_argument_that_is_no_number_is_an_error(argument, message):
    with pytest.raises(TypeError, match=message):
        compile(lambda x, y: x)(1.0, argument)


@pytest.mark.parametrize("f", [lambda x: None, lambda x: "a", lambda x: [x, "a"]])
def test_result_that_is_no_number_is_an_error(f):
    with pytest.raises(TypeError, match="what the function returned"):
        compile(f)(1.0)


@pytest.mark.parametrize("call", [lambda f: f(), lambda f: f(1.0, 2.0, 3.0), lambda f: f(1.0, z=2.0)])
def test_wrong_number_of_arguments_is_pythons_error(call):
    with pytest.raises(TypeError, match=r"argument"):
        call(compile(lambda x, y: x * y))


# State between calls


@pytest.mark.usefixtures("backend")
def test_results_are_not_buffers():
    compiled = compile(lambda x: (x * x).sum())
    x = np.array([1.0, 2.0])
    _, first = compiled.value_and_grad(x)
    _, second = compiled.value_and_grad(x * 10.0)
    assert first.tolist() == [2.0, 4.0]
    second[:] = 0.0
    assert compiled.value_and_grad(x)[1].tolist() == [2.0, 4.0]


def test_results_of_a_batch_are_not_buffers():
    compiled = compile(lambda x: x * x, batched="x")
    _, first = compiled.value_and_grad(np.array([1.0, 2.0]))
    compiled.value_and_grad(np.array([10.0, 20.0]))
    assert first.tolist() == [1.0, 2.0]


def test_arrays_may_change_between_calls():
    compiled = compile(lambda x: (x * x).sum())
    x = np.array([1.0, 2.0])
    assert compiled(x) == 5.0
    x *= 2.0
    assert compiled(x) == 20.0
    assert x.tolist() == [2.0, 4.0]


def test_batch_may_change_between_calls():
    compiled = compile(lambda x: x[0] * x[1], batched="x")
    x = np.array([[1.0, 2.0]])
    assert compiled(x) == 2.0
    x[0, 0] = 5.0
    assert compiled(x) == 10.0


@pytest.mark.usefixtures("backend")
def test_captured_value_is_read_at_every_call():
    w = Value(2.0)
    compiled = compile(lambda x: x * w)
    assert compiled(1.0) == 2.0
    w.data = 5.0
    assert compiled(1.0) == 5.0
    assert compiled.value_and_grad(3.0) == (15.0, 5.0)


def test_captured_value_is_read_for_every_size_of_a_batch():
    w = Value(2.0)
    compiled = compile(lambda x: x * w, batched="x")
    assert [compiled([1.0]), compiled([1.0, 3.0])] == [2.0, 4.0]
    w.data = 5.0
    assert [compiled([1.0]), compiled([1.0, 3.0]), compiled([1.0] * 3)] == [5.0, 10.0, 5.0]


def test_values_computed_from_captured_leaves_follow_them():
    w = Value(2.0)
    square = w * w
    compiled = compile(lambda x: x * square)
    assert compiled(1.0) == 4.0
    w.data = 3.0
    assert compiled(1.0) == 9.0
    compiled.backward(1.0)
    assert w.grad == 6.0


@pytest.mark.usefixtures("backend")
def test_backward_adds_to_captured_values_only():
    w = Value(2.0)
    compiled = compile(lambda x: x * w * w)
    assert compiled.backward(3.0) == 12.0
    compiled.backward(1.0)
    assert (w.grad, w.data) == (16.0, 2.0)


def test_value_and_grad_leaves_captured_gradients_alone():
    w = Value(2.0)
    compiled = compile(lambda x: x * w)
    compiled.value_and_grad(3.0)
    compiled(3.0)
    assert w.grad == 0.0


@pytest.mark.usefixtures("backend")
def test_vector_of_captured_values():
    a, b = Value(2.0), Value(3.0)
    compiled = compile(lambda x: a * x + b * x * x)
    compiled(1.0)
    assert compiled.wrt == [a, b]
    assert compiled.read().tolist() == [2.0, 3.0]
    value, gradient = compiled.value_and_grad_at([10.0, 20.0], 2.0)
    assert (value, gradient.tolist()) == (100.0, [2.0, 4.0])
    assert (a.data, b.data, a.grad, b.grad) == (2.0, 3.0, 0.0, 0.0)
    assert compiled(2.0) == 16.0
    compiled.write([10.0, 20.0])
    assert (a.data, compiled(2.0)) == (10.0, 100.0)


@pytest.mark.parametrize("theta", [[1.0], [1.0, 2.0, 3.0], 1.0, [[1.0, 2.0]]])
def test_vector_of_another_length_is_an_error(theta):
    a, b = Value(2.0), Value(3.0)
    compiled = compile(lambda x: a * x + b)
    compiled(1.0)
    with pytest.raises(ValueError, match="theta is a vector with a number for each of 2 leaves, got"):
        compiled.value_and_grad_at(theta, 1.0)
    assert compiled(1.0) == 5.0


def test_vector_is_of_the_values_that_are_given_whatever_else_is_used():
    a, b, c = leaves = [Value(2.0), Value(3.0), Value(5.0)]
    f = lambda x: sin(a * x) * b + cos(c * b)
    for wrt in itertools.permutations(leaves, 2):
        compiled = compile(f, wrt=wrt)
        wanted = gradients(f(0.5), list(wrt))
        assert compiled.read().tolist() == [leaf.data for leaf in wrt]
        value, gradient = compiled.value_and_grad_at(compiled.read(), 0.5)
        assert (value, gradient) == (pytest.approx(f(0.5).data), pytest.approx(wanted))
        assert compiled.value_and_grad_at([1.0, 1.0], 0.5)[0] != pytest.approx(value)


def test_order_of_the_vector_may_be_given():
    a, b, unused = Value(2.0), Value(3.0), Value(4.0)
    compiled = compile(lambda x: a * x + b * x * x, wrt=[unused, b, a])
    compiled(1.0)
    assert compiled.wrt == [unused, b, a]
    assert compiled.read().tolist() == [4.0, 3.0, 2.0]
    assert compiled.value_and_grad_at([0.0, 20.0, 10.0], 2.0)[1].tolist() == [0.0, 4.0, 2.0]


def test_training_by_vectors_is_training_by_values():
    model, twin = (MLP(2, [3, 1], activation="tanh", seed=4) for _ in range(2))
    x, y = np.random.default_rng(0).normal(size=(8, 2)), np.linspace(-1.0, 1.0, 8)
    of_model, of_twin = (compile(lambda x, y, m=m: (m(x) - y) ** 2, batched=("x", "y")) for m in (model, twin))
    of_model(x, y)
    theta, optimizer = of_model.read(), SGD(twin.parameters(), lr=0.1)
    for _ in range(10):
        theta -= 0.1 * of_model.value_and_grad_at(theta, x, y)[1]
        optimizer.zero_grad()
        of_twin.backward(x, y)
        optimizer.step()
    of_model.write(theta)
    assert [p.data for p in model.parameters()] == pytest.approx([p.data for p in twin.parameters()], rel=1e-12)


# Traces


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda x: x if x > 0 else -x, 1.0),
        (lambda x: x if x else -x, 1.0),
        (lambda x: [x for _ in iter(lambda: bool(x), True)], 1.0),
        (lambda x: bool(x) * 1.0, 1.0),
        (lambda x: where(not x > 0, x, -x), 1.0),
        (lambda x: where(0 < x < 1, x, -x), 1.0),
        (lambda x: where(x > 0 and x < 1, x, -x), 1.0),
        (lambda x: 1.0 * any(v > 0 for v in x), [1.0]),
        (max, [1.0, 2.0]),
        (min, [1.0, 2.0]),
        (sorted, [1.0, 2.0]),
        (lambda x: x.data, 1.0),
        (lambda x: (x * 2).data, 1.0),
        (lambda x: float(x), 1.0),
        (lambda x: math.sin(x), 1.0),
        (lambda x: math.cos(x), 1.0),
        (lambda x: np.maximum(x, 0.0).sum(), np.ones(2)),
        (lambda x: np.where(x > 0, x, 0.0).sum(), np.ones(2)),
        (lambda x: x.max(), np.ones(2)),
        (lambda x: np.sort(x)[0], np.ones(2)),
        (lambda x: x.astype(float).sum(), np.ones(2)),
        (grad(lambda x: x if x > 0 else -x), 1.0),
    ],
)
def test_use_of_a_traced_number_as_a_plain_one_is_a_trace_error(f, argument):
    with pytest.raises(TraceError, match="would stay as it is in this first call"):
        compile(f)(argument)


def test_while_loop_on_a_traced_number_is_a_trace_error():
    def halve(x):
        while x > 1.0:
            x = x / 2.0
        return x

    with pytest.raises(TraceError, match=r"(?s)where\(x > 0, a, b\).*while x > 1.0:"):
        compile(halve)(8.0)


def test_trace_error_shows_the_source_line():
    def clipped(x):
        if x[0] > 1.0:  # a line of its own
            return x[0] * 0.0
        return x[1]

    with pytest.raises(TraceError, match=r"(?s)File .*test_functions\.py.*in clipped\n.*# a line of its own"):
        compile(clipped)([0.5, 1.0])


def test_trace_error_names_the_argument():
    with pytest.raises(TraceError, match=r"the data of p\['k'\]\[1\] in a compiled function"):
        compile(lambda p: p["k"][1].data)({"k": [1.0, 2.0]})


def test_branch_on_a_captured_value_is_a_trace_error():
    w = Value(1.0, "w")
    with pytest.raises(TraceError, match="a branch on"):
        compile(lambda x: x if w > 0 else -x)(1.0)


def test_branch_on_constants_and_plain_data_is_none():
    constant, flags = Constant(2.0), {"double": True}

    @compile
    def f(x):
        if constant > 1.0 and flags["double"] and len(x) > 1 and constant.data == 2.0:
            return 2.0 * x[0]
        return x[0]

    assert f([3.0, 1.0]) == 6.0
    assert f([3.0]) == 3.0


def test_trace_error_leaves_nothing_behind():
    x = Value(1.0)
    with pytest.raises(TraceError):
        compile(lambda x: max(x))([1.0, 2.0])
    assert (x > 0.5) is True
    assert max([x, Value(2.0)]).data == 2.0


@pytest.mark.usefixtures("backend")
def test_comparison_and_where_follow_the_data():
    compiled = compile(lambda x: where(x > 0.0, x * x, -x))
    assert [compiled(3.0), compiled(-3.0), compiled(0.0)] == [9.0, 3.0, 0.0]
    assert [compiled.value_and_grad(3.0)[1], compiled.value_and_grad(-3.0)[1]] == [6.0, -1.0]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (lambda x: x > 0.0, [0, 0, 1]),
        (lambda x: x >= 0.0, [0, 1, 1]),
        (lambda x: x < 0.0, [1, 0, 0]),
        (lambda x: x <= 0.0, [1, 1, 0]),
        (lambda x: x, [1, 0, 1]),
        (lambda x: (x > 0.0) * 1.0 + (x < 0.0), [1, 0, 1]),
    ],
)
def test_every_comparison_follows_the_data(condition, wanted):
    compiled = compile(lambda x: where(condition(x), 1.0, 0.0))
    assert [compiled(x) for x in (-1.0, 0.0, 1.0)] == wanted
    assert compile(lambda x: where(condition(x), 1.0, 0.0), batched="x")([-1.0, 0.0, 1.0]) == sum(wanted) / 3


@pytest.mark.usefixtures("backend")
def test_comparisons_count():
    compiled = compile(lambda x: sum(v > 0.0 for v in x))
    assert [compiled([1.0, -1.0, 2.0]), compiled([1.0, 1.0, 1.0]), compiled([-1.0] * 3)] == [2.0, 3.0, 0.0]


@pytest.mark.usefixtures("backend")
def test_detach_follows_the_data_and_has_no_gradient():
    compiled = compile(lambda x: x * x.detach())
    assert [compiled.value_and_grad(2.0), compiled.value_and_grad(3.0)] == [(4.0, 2.0), (9.0, 3.0)]


def test_call_in_a_no_grad_block_differentiates():
    with no_grad():
        compiled = compile(lambda x: x * x)
        assert [compiled.value_and_grad(2.0), compiled.value_and_grad(3.0)] == [(4.0, 4.0), (9.0, 6.0)]


def test_call_in_a_detect_anomaly_block_is_as_elsewhere():
    with detect_anomaly():
        assert compile(lambda x: x * x).value_and_grad(3.0) == (9.0, 6.0)


def test_error_of_the_function_is_its_own():
    def broken(x):
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing"):
        compile(broken)(1.0)


# Own operations

cube = operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x, vectorized=True)
gaussian = operation("gaussian", lambda x: math.exp(-x * x), lambda y, x: -2.0 * x * y)
bent = operation("bent", lambda x: x if x > 0 else 2.0 * x, lambda y, x: 1.0 if x > 0 else 2.0)
clipped = operation("clipped", lambda x: max(x, 0.5), lambda y, x: (x > 0.5) * 1.0)
sine = operation("sine", np.sin, lambda y, x: math.cos(x), vectorized=True)
cosine = operation("cosine", np.cos, lambda y, x: -np.sin(x), vectorized=True)
area = operation("area", lambda a, b: a * b, lambda y, a, b: b, lambda y, a, b: a)
mixed = operation("mixed", lambda a, b: a * math.sin(b), lambda y, a, b: sin(b), lambda y, a, b: a * cos(b))
level = operation("level", lambda x: 1.0, lambda y, x: 0.0)
odd = operation("my op!", lambda x: 2 * x, lambda y, x: 2)
POINTS = [[1.0, -2.0, 0.25], [0.75, 3.0, -0.5]]


def own(f, numbers):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return f(numbers)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("op", [cube, gaussian, bent, clipped, sine, cosine, level, odd], ids=lambda op: op.name)
def test_own_operation_is_exact(op):
    f = lambda x: sum(op(v) * v for v in x)
    compiled = compile(f)
    for point in POINTS:
        value, gradient = own(compiled.value_and_grad, point)
        assert value == pytest.approx(f(point), rel=1e-12)
        assert gradient == pytest.approx(grad(f)(point), rel=1e-12)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("op", [area, mixed], ids=lambda op: op.name)
def test_own_operation_of_two_operands_is_exact(op):
    f = lambda x: op(x[0], x[1]) + op(x[1], 2.0) * op(0.5, x[2])
    compiled = compile(f)
    for point in POINTS:
        value, gradient = own(compiled.value_and_grad, point)
        assert value == pytest.approx(f(point), rel=1e-12)
        assert gradient == pytest.approx(grad(f)(point), rel=1e-12)


@pytest.mark.parametrize("op", [cube, gaussian, bent, clipped, sine], ids=lambda op: op.name)
def test_own_operation_is_exact_on_batches_of_every_size(op):
    compiled = compile(lambda x: op(x), batched="x")
    for batch in ([1.0], [1.0, -2.0], [-3.0], [0.5, 1.5, -0.5]):
        assert own(compiled, batch) == pytest.approx(np.mean([op(x) for x in batch]), rel=1e-12)


@pytest.mark.parametrize("op", [gaussian, bent, clipped], ids=lambda op: op.name)
def test_formula_that_takes_floats_only_warns_once(op):
    compiled = compile(lambda x: op(op(x)), batched="x")
    message = f"the operation {op.name} runs on one number after the other"
    with pytest.warns(RuntimeWarning, match=message) as found:
        compiled([1.0, -2.0, 0.25, 2.0] * 250)
    assert len(found) == 1
    assert compiled([1.0, -2.0]) == pytest.approx(np.mean([op(op(1.0)), op(op(-2.0))]), rel=1e-12)


@pytest.mark.parametrize("op", [cube, sine, cosine], ids=lambda op: op.name)
def test_formula_that_takes_arrays_does_not_warn(op):
    value, _ = compile(lambda x: sum(op(v) for v in x)).value_and_grad(POINTS[0])
    assert value == pytest.approx(sum(op(float(v)) for v in POINTS[0]), rel=1e-12)


@pytest.mark.usefixtures("backend")
def test_error_of_an_own_operation_is_eagers():
    inverse = operation("inverse", lambda x: 1.0 / x, lambda y, x: -y * y)
    compiled = compile(lambda x: inverse(x[0]) + inverse(x[1]))
    compiled([1.0, 2.0])
    with pytest.raises(ZeroDivisionError) as found:
        compiled([1.0, 0.0])
    assert found.value.__notes__ == ["in the operation inverse, for x = 0.0"]


@pytest.mark.usefixtures("backend")
def test_derivatives_of_an_own_operation_compile():
    f = lambda x: sum(cube(v) * x[0] for v in x)
    for transform in (grad, hessian):
        compiled = compile(transform(f))
        for point in POINTS:
            assert np.allclose(compiled(point), transform(f)(point), rtol=1e-12)


# Threads


def run(*works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("backend")
def test_threads_that_call_one_function_do_not_mix_their_numbers():
    f = lambda x: fsum(sin(a * b) for a, b in itertools.pairwise(x))
    compiled = compile(f)
    points = [np.random.default_rng(i).normal(size=12) for i in range(4)]
    wanted = [compile(f).value_and_grad(x) for x in points]
    mixed_up = []

    def work(i):
        for _ in range(100):
            value, gradient = compiled.value_and_grad(points[i])
            if value != wanted[i][0] or not np.array_equal(gradient, wanted[i][1]):
                mixed_up.append(i)

    run(*[functools.partial(work, i) for i in range(4)])
    assert mixed_up == []


def test_threads_with_batches_of_several_sizes_do_not_mix_their_numbers():
    compiled = compile(lambda x: x[0] * tanh(x[1]), batched="x")
    wrong = []

    def work(n):
        x = np.random.default_rng(n).normal(size=(n, 2))
        for _ in range(100):
            found, wanted = compiled(x), np.mean(x[:, 0] * np.tanh(x[:, 1]))
            wrong.extend([n] * (not math.isclose(found, wanted, rel_tol=1e-11, abs_tol=1e-14)))

    run(*[functools.partial(work, n) for n in (1, 2, 3, 5, 8, 13)])
    assert wrong == []


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

    point, found = [0.3, 0.1, -0.7, 0.9, 0.4], []
    compiled = compile(f)
    bound = compiled.specialize(point).runner.bound
    bound.names = Slow(bound.names)  # in which a name that is free is given to what is compiled
    run(*[lambda: found.append(compiled.value_and_grad(point))] * 6)
    value, gradient = value_and_grad(f)(point)
    assert len(found) == 6
    for pair in found:
        assert pair[0] == pytest.approx(value, rel=1e-12)
        assert pair[1] == pytest.approx(gradient, rel=1e-10)


def test_threads_that_call_first_trace_once():
    f = Counted(lambda x: x * x)
    compiled = compile(f)
    run(*[lambda: compiled(2.0)] * 6)
    assert f.calls == 1


def test_trace_in_one_thread_does_not_concern_another():
    begun, checked, found = threading.Event(), threading.Event(), []

    def slow(x):
        begun.set()
        checked.wait(10.0)
        return x * 2.0

    def bystander():
        begun.wait(10.0)
        found.append(Value(1.0) > 0.0)
        found.append(float(Value(3.0).data))
        checked.set()

    run(lambda: compile(slow)(1.0), bystander)
    assert found == [True, 3.0]
    assert found[0] is True


# SciPy


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("n", [2, 6])
def test_scipy_minimizes_rosenbrock(n):
    loss = compile(lambda x: sum(100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x)))
    start = np.linspace(-1.2, 1.0, n)
    assert loss.value_and_grad(start)[0] == pytest.approx(rosen(start), rel=1e-12)
    assert loss.value_and_grad(start)[1] == pytest.approx(rosen_der(start), rel=1e-12)
    result = minimize(loss.value_and_grad, start, jac=True, method="L-BFGS-B")
    assert result.success
    assert result.x == pytest.approx(np.ones(n), abs=1e-3)


def test_scipy_fits_a_network_through_its_vector():
    model = MLP(1, [4, 1], activation="tanh", seed=1)
    x = np.linspace(-2.0, 2.0, 20)[:, None]
    loss = compile(lambda x, y: (model(x) - y) ** 2, batched=("x", "y"))
    loss(x, np.sin(x[:, 0]))
    result = minimize(loss.value_and_grad_at, loss.read(), args=(x, np.sin(x[:, 0])), jac=True, method="L-BFGS-B")
    loss.write(result.x)
    assert loss(x, np.sin(x[:, 0])) == result.fun < 1e-3


def test_argument_named_after_one_left_out_is_used():
    @compile
    def f(x, a=1.0, b=2.0):
        return x * a + 10.0 * b

    assert f(1.0, b=5.0) == 51.0
    assert f.value_and_grad(1.0, b=5.0) == (51.0, 1.0)


def test_keyword_only_argument_is_used():
    @compile
    def f(x, *, scale=1.0):
        return x * scale

    assert f(2.0, scale=3.0) == 6.0
    assert f.value_and_grad(2.0, scale=3.0) == (6.0, 3.0)
    assert f(2.0) == 2.0


def test_first_argument_of_a_batch_may_be_named():
    value, gradient = compile(product_loss, batched=("x", "y")).value_and_grad(x=X, y=Y)
    assert value == pytest.approx(VALUE, rel=1e-12)
    assert np.allclose(gradient, BY_X, rtol=1e-12)


@pytest.mark.parametrize(("x", "y"), [(X[:0], Y[:0]), ([], []), (np.zeros((0, 2)), [])])
def test_batch_of_no_examples_is_an_error_that_says_so(x, y):
    with pytest.raises(ValueError, match="holds no examples, and the mean over none is not defined"):
        compile(product_loss, batched=("x", "y"))(x, y)


def test_no_grad_inside_a_function_follows_the_data():
    def f(x):
        with no_grad():
            frozen = x * 2.0
        return x * frozen

    compiled = compile(f)
    assert compiled.value_and_grad(1.0) == (2.0, 2.0)
    assert compiled.value_and_grad(3.0) == (18.0, 6.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * gradients(x * x * x, [x])[0],
        lambda x: x * (x * x * x).local_derivatives()[0],
        lambda x: float(f"{x:.3f}") * x,
        lambda x: ((x * x).backward(), x.grad * x)[1],
    ],
    ids=["gradients", "local_derivatives", "format", "backward"],
)
def test_plain_number_out_of_a_trace_is_a_trace_error(f):
    compiled = compile(f)
    with pytest.raises(TraceError):
        compiled(2.0)


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda x: int(x), 1.0),
        (lambda x: round(x), 1.0),
        (lambda x: sum(1.0 for _ in range(x)), 2),
        (lambda x: [1.0, 2.0][x], 1),
    ],
    ids=["int", "round", "range", "index"],
)
def test_integer_of_a_traced_number_is_a_trace_error(f, argument):
    with pytest.raises(TraceError, match="would stay as it is in this first call"):
        compile(f)(argument)


@pytest.mark.usefixtures("backend")
def test_partial_that_compares_for_equality_is_exact():
    safe = operation("safe", lambda x: x * x, lambda y, x: 0.0 if x == 0.0 else 2.0 * y / x)
    assert compile(lambda x: sum(safe(v) for v in x)).value_and_grad([1.0, 0.0, 3.0]) == (10.0, [2.0, 0.0, 6.0])


@pytest.mark.usefixtures("backend")
def test_partial_that_subtracts_comparisons_is_exact():
    size = operation("size", abs, lambda y, x: (x > 0) - (x < 0))
    assert compile(lambda x: size(x[0]) * size(x[1])).value_and_grad([2.0, -3.0]) == (6.0, [3.0, -2.0])


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


# What a vector stands for


def of_its_length(values):
    """Return a function that uses other Values for lists of other lengths."""
    return lambda x: sum((v * values[len(x)] for v in x), 0.0) * values.get("all", 1.0)


def test_vector_is_for_the_values_of_the_first_call():
    a, b, c = Value(2.0), Value(3.0), Value(5.0)
    compiled = compile(of_its_length({1: a, 2: b, "all": c}))
    assert compiled([1.0]) == 10.0
    assert compiled([1.0, 1.0]) == 30.0
    assert compiled.wrt == [a, c]
    assert compiled.read().tolist() == [2.0, 5.0]
    for call in (compiled.value_and_grad_at, compiled.each_at):
        with pytest.raises(RuntimeError, match=r"uses Values that it did not use in its first call.*wrt=\[\.\.\.\]"):
            call([7.0, 1.0], [1.0, 1.0])
    assert compiled.value_and_grad_at([7.0, 1.0], [1.0])[1].tolist() == [1.0, 7.0]
    compiled.write([7.0, 11.0])
    assert [v.data for v in (a, b, c)] == [7.0, 3.0, 11.0]
    assert compiled([1.0, 1.0]) == 66.0
    assert compiled.wrt == [a, c]


def test_backward_reaches_the_values_of_every_call():
    a, b = Value(2.0), Value(3.0)
    compiled = compile(of_its_length({1: a, 2: b}))
    for _ in range(2):
        compiled.backward([10.0])
        compiled.backward([1.0, 2.0])
    assert (a.grad, b.grad) == (20.0, 6.0)


def test_values_that_a_later_call_does_not_use_have_derivative_zero():
    a, b = Value(2.0), Value(3.0)
    compiled = compile(of_its_length({1: a, 2: 1.0, "all": b}))
    compiled([1.0])
    value, gradient = compiled.value_and_grad_at([7.0, 11.0], [1.0, 1.0])
    assert (value, gradient.tolist()) == (22.0, [0.0, 2.0])


def test_vector_of_given_values_is_for_every_call():
    a, b = Value(2.0), Value(3.0)
    compiled = compile(of_its_length({1: a, 2: b}), wrt=[b, a])
    assert compiled.read().tolist() == [3.0, 2.0]
    assert compiled.value_and_grad_at([7.0, 11.0], [1.0])[1].tolist() == [0.0, 1.0]
    assert compiled.value_and_grad_at([7.0, 11.0], [1.0, 1.0])[1].tolist() == [2.0, 0.0]


def test_first_call_may_be_by_a_vector():
    w = Value(2.0)
    compiled = compile(lambda x: x * w)
    assert compiled.value_and_grad_at([5.0], 3.0)[0] == 15.0
    assert compiled(3.0) == 6.0


def test_vector_is_forgotten_by_the_next_call():
    w, v = Value(2.0), Value(1.0)
    compiled = compile(lambda x: x * w * v, batched="x", wrt=[w])
    for examples in (1, 2, 1):
        x = np.ones(examples)
        assert compiled.value_and_grad_at([5.0], x)[0] == 5.0 * v.data
        assert compiled.each_at([7.0], x).tolist() == [7.0 * v.data] * examples
        assert compiled(x) == 2.0 * v.data
        v.data += 1.0


# Constants that the function uses


@pytest.mark.parametrize(
    "f",
    [
        lambda x, k: x * k,
        lambda x, k: x * (k.data + 0.0),
        lambda x, k: x * 5.0 if k > 3.0 else x * 2.0,
        lambda x, k: x ** (k / 2.0 - 1.5) * k if k == k else x,
        lambda x, k: x * float(f"{k:.3f}"),
    ],
    ids=["graph", "data", "branch", "exponent", "format"],
)
@pytest.mark.usefixtures("backend")
def test_constant_that_is_assigned_is_read_again(f):
    k = Constant(2.0)
    compiled, batched = compile(lambda x: f(x, k)), compile(lambda x: f(x, k), batched="x")
    for data in (2.0, 5.0, 2.0, 7.0):
        k.data = data
        for x in (3.0, 4.0):
            assert compiled(x) == pytest.approx(value_of(f(Value(x), k)), rel=1e-12)
            assert compiled.value_and_grad(x)[1] == pytest.approx(grad(lambda x: f(x, k))(x), rel=1e-12)
            assert batched([x, x]) == pytest.approx(value_of(f(Value(x), k)), rel=1e-12)


def value_of(result):
    """Return the number of a Value."""
    return result.data if isinstance(result, Value) else result


def test_constant_that_is_not_assigned_leaves_the_program_alone():
    k, w, traces = Constant(2.0), Value(3.0), []
    compiled = compile(lambda x: (traces.append(x), x * k * w)[1])
    for data in (1.0, 2.0, 3.0):
        w.data = data
        assert compiled(1.0) == 2.0 * data
    assert len(traces) == 1
    k.data = 5.0
    assert [compiled(1.0), compiled(2.0)] == [15.0, 30.0]
    assert len(traces) == 2


# What to write in place of a branch


@pytest.mark.parametrize(
    ("f", "remedy", "better"),
    [
        (lambda x: np.where(x > 0, x, 0.0).sum(), "where", lambda x: sum(where(v > 0, v, 0.0) for v in x)),
        (lambda x: np.maximum(x, 0.0).sum(), "maximum", lambda x: maximum(x, 0.0).sum()),
        (lambda x: np.minimum(x, 0.0).sum(), "minimum", lambda x: minimum(x, 0.0).sum()),
        (lambda x: np.clip(x, -0.5, 0.5).sum(), "np.clip", lambda x: minimum(maximum(x, -0.5), 0.5).sum()),
        (lambda x: x.clip(-0.5, 0.5).sum(), "np.clip", lambda x: minimum(maximum(x, -0.5), 0.5).sum()),
        (lambda x: x[0] if x[0] > 0 else 0.0, "where", lambda x: where(x[0] > 0, x[0], 0.0)),
    ],
    ids=["where", "maximum", "minimum", "clip", "method", "if"],
)
def test_branch_on_an_array_says_what_to_write(f, remedy, better):
    x = np.array([-2.0, 0.25, 3.0])
    with pytest.raises(TraceError, match=rf"a branch on .* write .*{re.escape(remedy)}"):
        compile(f)(x)
    assert [compile(better)(x), compile(better)(-x)] == [f(x), f(-x)]


@pytest.mark.parametrize("f", [lambda x, n: sum((x for _ in range(n)), 0.0), lambda x, n: x if n else -x])
def test_number_that_is_part_of_the_program_is_told_to_be_static(f):
    with pytest.raises(TraceError, match=r"compile\(f, static=\(\.\.\.\)\)"):
        compile(f)(2.0, 3)
    assert compile(f, static="n")(2.0, 3) == f(2.0, 3)


def test_value_made_in_a_function_is_no_captured_value():
    w = Value(2.0)
    compiled = compile(lambda x: sum((w * v for v in x), Value(0.0)))
    compiled([1.0, 2.0])
    assert compiled.wrt == [w]


def test_method_compiles():
    class Spring:
        stiffness = 2.0

        @compile
        def energy(self, x):
            return 0.5 * self.stiffness * x * x

    assert Spring().energy(3.0) == 9.0


def test_compiled_function_keeps_signature_and_module():
    def f(x, k=1.0):
        return x * k

    compiled = compile(f)
    assert inspect.signature(compiled) == inspect.signature(f)
    assert (compiled.__wrapped__, compiled.__module__) == (f, __name__)


def test_derivative_of_a_function_without_arguments_is_an_error_that_says_so():
    with pytest.raises(TypeError, match="argument"):
        compile(lambda: 3.0).value_and_grad()


def test_batch_of_dicts_in_different_orders_is_a_batch():
    compiled = compile(lambda d: d["a"] - d["b"], batched="d")
    assert compiled([{"a": 1.0, "b": 2.0}, {"b": 3.0, "a": 4.0}]) == 0.0


@pytest.mark.parametrize("f", [lambda x: dot(x[:5000], x[5000:]), logsumexp, mean, lambda x: fsum(x) + 1.0])
def test_one_function_of_many_numbers_runs_on_arrays(f):
    compiled = compile(f)
    compiled(np.linspace(0.0, 1.0, 10_000))
    assert "lines of Python" not in str(compiled)


# What a batched function computes for each example


def test_each_returns_what_every_example_has_in_its_structure():
    w = Value(2.0)
    compiled = compile(lambda x, y: {"sum": x[0] + w * y, "parts": [x[1], sin(y)], "same": 3.0}, batched=("x", "y"))
    X, Y = np.arange(8.0).reshape(4, 2), np.array([0.5, -1.0, 2.0, 0.0])
    found = compiled.each(X, Y)
    assert found["sum"].tolist() == (X[:, 0] + 2.0 * Y).tolist()
    assert [part.shape for part in found["parts"]] == [(4,), (4,)]
    assert found["parts"][1] == pytest.approx(np.sin(Y), rel=1e-15)
    assert found["same"].tolist() == [3.0] * 4
    assert compiled.each_at([10.0], X, Y)["sum"].tolist() == (X[:, 0] + 10.0 * Y).tolist()
    assert w.data == 2.0


def test_each_returns_arrays_of_its_own():
    compiled = compile(lambda x: x * 2.0, batched="x")
    first = compiled.each(np.array([1.0, 2.0]))
    compiled.each(np.array([5.0, 6.0]))
    assert first.tolist() == [2.0, 4.0]


def test_each_of_an_array_is_an_array_with_the_examples_in_front():
    compiled = compile(lambda x: np.array([[x[0], x[1]], [x[0] * x[1], 1.0]], dtype=object), batched="x")
    found = compiled.each(np.array([[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]))
    assert found.shape == (3, 2, 2)
    assert found[1].tolist() == [[4.0, 5.0], [20.0, 1.0]]


def test_batched_function_of_several_results_says_that_each_returns_them():
    with pytest.raises(TypeError, match=r"returns? .*each\(\.\.\.\)|each\(\.\.\.\) returns them"):
        compile(lambda x: [x, x], batched="x")(np.ones(3))


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_aux_comes_for_each_example_and_changes_no_gradient(batch, backend):
    model = MLP(3, [4, 2], "tanh", seed=1)

    def with_outputs(x, y):
        outputs = model(x)
        return logsumexp(outputs) - dot(outputs, y), {"outputs": outputs, "norm": x[0]}

    plain = compile(lambda x, y: with_outputs(x, y)[0], batched=("x", "y"), wrt=model.parameters())
    both = compile(with_outputs, batched=("x", "y"), wrt=model.parameters(), has_aux=True)
    random = np.random.default_rng(batch)
    X, Y = random.normal(size=(batch, 3)), random.normal(size=(batch, 2))
    theta = plain.read()
    (value, aux), gradient = both.value_and_grad_at(theta, X, Y)
    wanted, slopes = plain.value_and_grad_at(theta, X, Y)
    assert value == pytest.approx(wanted, rel=1e-14)
    assert gradient == pytest.approx(slopes, rel=1e-12, abs=1e-15)
    assert np.stack(aux["outputs"], axis=1) == pytest.approx(
        np.array([[output.data for output in model(x)] for x in X]), rel=1e-12
    )
    assert aux["norm"].tolist() == X[:, 0].tolist()


def test_aux_of_a_plain_function_is_as_jax_returns_it(backend):
    compiled = compile(lambda x: (x[0] * x[1], [x[0], {"twice": 2.0 * x[1]}]), has_aux=True)
    assert compiled([2.0, 3.0]) == (6.0, [2.0, {"twice": 6.0}])
    assert compiled.value_and_grad([2.0, 3.0]) == ((6.0, [2.0, {"twice": 6.0}]), [3.0, 2.0])


@pytest.mark.parametrize("result", [1.0, (1.0,), (1.0, 2.0, 3.0), ([1.0], 2.0), [1.0, 2.0]])
def test_function_that_has_aux_returns_a_pair(result):
    with pytest.raises(TypeError, match="has_aux, so it returns a pair"):
        compile(lambda x: result, has_aux=True)(1.0)


def test_graph_has_no_aux():
    with pytest.raises(TypeError, match="has_aux is for a function"):
        compile(Value(1.0) * 2.0, has_aux=True)


# Errors are the eager engine's


@pytest.mark.parametrize("f", [fsum, lambda xs: log(fsum(xs)), lambda xs: dot(xs, [1.0] * len(xs))])
def test_sum_that_overflows_raises_as_eagerly(f, backend):
    xs = [1e308] * 60
    with pytest.raises(OverflowError) as eager:
        f([Value(x) for x in xs])
    with pytest.raises(OverflowError) as compiled:
        compile(f)(np.array(xs))
    assert str(compiled.value) == str(eager.value)


def test_error_of_an_own_formula_on_one_example_is_as_eagerly():
    root = operation("root", math.sqrt, lambda y, x: 0.5 / y)
    with pytest.raises(ValueError, match="math domain error") as eager:
        root(Value(-3.0))
    each = compile(lambda x: root(x), batched="x")
    each.each(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="math domain error") as compiled:
        each.each(np.array([1.0, 2.0, -3.0]))
    assert compiled.value.__notes__ == eager.value.__notes__ == ["in the operation root, for x = -3.0"]


def test_numpy_that_is_there_and_broken_is_not_called_missing():
    code = """
import sys
class Broken:
    def find_spec(self, name, *rest):
        if name == "numpy":
            raise ImportError("DLL load failed")
sys.meta_path.insert(0, Broken())
from autograd import compile
compile(lambda x: x)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stderr.endswith("ImportError: DLL load failed\n")


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


def test_results_with_constants_are_the_callers_own():
    compiled = compile(lambda x: [[x, 1.0], (2.0, 3.0)])
    first = compiled(5.0)
    first[0][1] = 7.0
    assert compiled(6.0) == [[6.0, 1.0], (2.0, 3.0)]
    array = compile(lambda x: np.array([x, 1.0, 2.0], dtype=object))
    array(5.0)[1] = 7.0
    assert array(6.0).tolist() == [6.0, 1.0, 2.0]


def test_constant_results_of_a_batch_are_there_for_each_example():
    compiled = compile(lambda x: [4.0, x, [1.0]], batched="x")
    found = compiled.each([1.0, 2.0])
    assert found[0].tolist() == [4.0, 4.0]
    assert found[1].tolist() == [1.0, 2.0]
    assert found[2][0].tolist() == [1.0, 1.0]
    value, aux = compile(lambda x: (x, [2.0, x]), has_aux=True)(3.0)
    assert (value, aux) == (3.0, [2.0, 3.0])
    value, aux = compile(lambda x: (x, [2.0, x]), has_aux=True, batched="x")([1.0, 3.0])
    assert value == 2.0
    assert [column.tolist() for column in aux] == [[2.0, 2.0], [1.0, 3.0]]


def test_roots_of_a_compiled_hessian_are_its_non_zeros():
    def f(x):
        return sum((x[i + 1] - x[i] ** 2) ** 2 for i in range(len(x) - 1))

    compiled = compile(hessian(f))
    for size in (50, 100, 200):
        assert len(compiled.specialize([0.5] * size).roots) == 3 * size - 2


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
    monkeypatch.setattr(_arguments, "flatten", lambda *given: flattened.append(given[0]) or flatten(*given))
    plain, batched = compile(lambda x, y: fsum(x) * fsum(y)), compile(lambda x: x[0] * x[1], batched="x")
    assert [plain([1.0, 2.0], np.ones(3)), batched(np.array([[1.0, 2.0], [3.0, 4.0]]))] == [9.0, 7.0]
    assert flattened == []
    for kind in (list, tuple, np.array, lambda row: [np.float32(row[0]), int(row[1])]):
        assert batched([kind(row) for row in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])]) == 44.0 / 3.0
    assert len(flattened) == 4  # the first example, since the others are as it is


def test_nothing_is_read_or_laid_out_again_where_nothing_has_changed(backend):
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
