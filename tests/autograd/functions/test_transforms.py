"""Derivatives of functions: their structure, their order, what they connect to, and what they cost."""

import contextlib
import functools
import gc
import itertools
import math
import pickle
import random
import subprocess
import sys
import threading
from collections import OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import (
    Constant,
    Value,
    asin,
    atan2,
    cos,
    dot,
    exp,
    fsum,
    grad,
    gradients,
    hessian,
    hvp,
    hypot,
    jacobian,
    jvp,
    log,
    logsumexp,
    maximum,
    mean,
    minimum,
    no_grad,
    operation,
    relu,
    scope,
    sin,
    softmax,
    sqrt,
    tanh,
    value_and_grad,
    vjp,
    where,
)
from autograd.engine import clock, modes
from autograd.engine.chain import topological_order
from autograd.engine.node import UNREACHED
from autograd.functions import _linearization
from autograd.functions.structure import flatten
from nn import MLP

Point = namedtuple("Point", "x y")


def data(thing):
    """The same with the data of Values in place of the Values."""
    numbers, structure = flatten(thing)
    return structure.unflatten([x.data if isinstance(x, Value) else x for x in numbers])


def same(found, wanted, tolerance=0.0):
    """Whether two results are nested alike, and hold the same numbers."""
    (a, structure), (b, other) = flatten(data(found)), flatten(wanted)
    return structure == other and a == pytest.approx(b, rel=tolerance, abs=tolerance, nan_ok=True)


def values_of(thing):
    return [x for x in flatten(thing)[0] if isinstance(x, Value)]


def ids(cases):
    return {"ids": [case[0] for case in cases]}


def of(*elements, shape=None):
    """An array of objects."""
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array.reshape(len(elements) if shape is None else shape)


# Each takes a function of one number to its derivative. The last one leaves a Value, which `data` reads.


def by_gradients(f):
    def derivative(x):
        x = x * 1.0 if isinstance(x, Value) else Value(x)  # a node of its own
        return gradients(f(x), [x], create_graph=True)[0]

    return derivative


FIRST = {
    "grad": grad,
    "value_and_grad": lambda f: lambda x: value_and_grad(f)(x)[1],
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    "jacobian": jacobian,
    "gradients": by_gradients,
}
SECOND = {"hessian": hessian, "hvp": lambda f: lambda x: hvp(f)(x, 1.0)}
OPERATORS = FIRST | SECOND
every_first = pytest.mark.parametrize("operator", FIRST)


def derivative(names, f):
    for name in names:
        f = OPERATORS[name](f)
    return f


# What they return


def test_grad_of_a_number_is_a_float():
    slope = grad(lambda x: x**3)(2.0)
    assert type(slope) is float
    assert slope == 12.0


def test_value_and_grad_returns_what_the_function_returned_and_the_gradient():
    assert value_and_grad(lambda x: x * x)(3.0) == (9.0, 6.0)


@pytest.mark.parametrize("x", [3, True, np.float64(3.0), np.float32(0.5), np.int64(3), np.bool_(True)])
def test_numbers_of_all_kinds_give_floats(x):
    value, slope = value_and_grad(lambda x: x * x)(x)
    assert (value, slope) == (float(x) ** 2, 2.0 * float(x))
    assert type(value) is type(slope) is float


STRUCTURES = {
    "list": [1.0, 2.0],
    "tuple": (1.0, 2.0),
    "dict": {"z": 1.0, "a": 2.0},
    "OrderedDict": OrderedDict(z=1.0, a=2.0),
    "namedtuple": Point(1.0, 2.0),
    "nested": [1.0, ({"a": (2.0, [3.0])}, Point(4.0, [5.0]))],
    "array": np.array([1.0, 2.0]),
    "array of no dimension": np.array(3.0),
    "matrix": np.arange(6.0).reshape(2, 3),
    "reversed array": np.arange(6.0)[::-2],
    "transposed array": np.arange(6.0).reshape(2, 3).T,
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "integer array": np.array([1, 2]),
    "boolean array": np.array([True, False]),
    "float32 array": np.array([1.0, 2.0], dtype=np.float32),
    "array of numbers as objects": of(1.0, 2, shape=(2, 1)),
    "arrays in a dict": {"W": np.ones((2, 2)), "b": np.zeros(2), "c": 3.0},
    "empty list": [],
    "empty dict": {},
    "empty array": np.zeros((2, 0)),
    "empty inside": [[], 1.0, np.zeros(0), {}],
}
every_structure = pytest.mark.parametrize("argument", STRUCTURES.values(), ids=STRUCTURES.keys())


def squares(argument):
    return fsum([x * x for x in flatten(argument)[0]])


@every_structure
def test_gradient_has_the_structure_of_the_argument(argument):
    numbers, structure = flatten(argument)
    assert same(grad(squares)(argument), structure.unflatten([2.0 * x for x in numbers]))


@every_structure
def test_gradient_of_plain_numbers_has_only_floats(argument):
    found = grad(squares)(argument)
    assert all(type(x) is float for x in flatten(found)[0])
    if isinstance(argument, np.ndarray):
        assert (found.dtype, found.shape) == (float, argument.shape)


@every_structure
def test_gradient_by_values_has_values_in_the_same_structure(argument):
    numbers, structure = flatten(argument)
    found = grad(squares)(structure.unflatten(map(Value, numbers)))
    assert same(found, structure.unflatten([2.0 * x for x in numbers]))
    assert len(values_of(found)) == len(numbers)


@every_structure
def test_jacobian_of_the_identity_is_the_identity_matrix(argument):
    n = len(flatten(argument)[0])
    found = flatten(jacobian(lambda x: x)(argument))[0]
    assert sorted(found) == [0.0] * (n * n - n) + [1.0] * n


@every_structure
def test_vjp_and_jvp_of_the_identity_hand_on_what_they_get(argument):
    numbers, structure = flatten(argument)
    given = structure.unflatten([10.0 + i for i in range(len(numbers))])
    plain = structure.unflatten(numbers)
    value, pullback = vjp(lambda x: x, argument)
    assert same(value, plain)
    assert same(pullback(given), (given,))
    assert same(jvp(lambda x: x, (argument,), (given,)), (plain, given))


@every_structure
def test_hvp_has_the_structure_of_the_argument(argument):
    numbers, structure = flatten(argument)
    v = structure.unflatten([10.0 + i for i in range(len(numbers))])
    cubes = lambda argument: fsum([x * x * x for x in flatten(argument)[0]])
    wanted = [6.0 * x * (10.0 + i) for i, x in enumerate(numbers)]
    assert same(hvp(cubes)(argument, v), structure.unflatten(wanted))


def test_function_gets_the_structure_of_the_argument():
    seen = []
    argument = {"a": [1.0, Point(2.0, 3.0)], "b": np.zeros((2, 3)), "c": np.array(1.0)}
    grad(lambda p: seen.append(p) or p["a"][0])(argument)
    assert flatten(seen[0])[1] == flatten(argument)[1]
    assert type(seen[0]["a"][1]) is Point
    assert seen[0]["b"].dtype == object


def test_containers_and_arrays_of_the_caller_are_not_those_of_the_function():
    def careless(xs, array):
        xs.append(xs.pop() * 2.0)
        array *= 3.0
        return xs[0] * xs[1] * array[0]

    xs, array = [1.0, 2.0], np.array([5.0])
    assert same(grad(careless, (0, 1))(xs, array), ([60.0, 30.0], np.array([12.0])))
    assert xs == [1.0, 2.0]
    assert array.tolist() == [5.0]


def test_arguments_not_differentiated_are_passed_as_they_are():
    seen = []
    thing = object()
    assert grad(lambda x, *others, **named: seen.append((others, named)) or x)(1.0, thing, None, key="word") == 1.0
    assert seen == [((thing, None), {"key": "word"})]


@pytest.mark.parametrize(
    ("argnums", "wanted"),
    [
        (0, 1125.0),
        (1, 1500.0),
        (2, 1350.0),
        (-1, 1350.0),
        (-3, 1125.0),
        ((0,), (1125.0,)),
        ((0, 2), (1125.0, 1350.0)),
        ((2, 0), (1350.0, 1125.0)),
        ((2, -3), (1350.0, 1125.0)),
        ([2, 0], (1350.0, 1125.0)),
        ((), ()),
    ],
    ids=str,
)
def test_argnums_chooses_the_arguments_and_the_order_of_the_gradient(argnums, wanted):
    f = lambda a, b, c: a * b**2 * c**3
    assert same(grad(f, argnums)(2.0, 3.0, 5.0), wanted)
    assert same(value_and_grad(f, argnums)(2.0, 3.0, 5.0), (2250.0, wanted))


@pytest.mark.parametrize(
    ("argnums", "wanted"),
    [
        (0, {"p": 3.0, "q": (0.0,)}),
        (1, {"p": [2.0, 0.0], "q": ([0.0, 1.0],)}),
        ((0, 1), {"p": (3.0, [2.0, 0.0]), "q": ((0.0, [0.0, 1.0]),)}),
        ((-1, 0), {"p": ([2.0, 0.0], 3.0), "q": (([0.0, 1.0], 0.0),)}),
    ],
    ids=str,
)
def test_argnums_of_jacobian_are_nested_within_what_the_function_returns(argnums, wanted):
    assert same(jacobian(lambda a, b: {"p": a * b[0], "q": (b[1],)}, argnums)(2.0, [3.0, 4.0]), wanted)


@pytest.mark.parametrize(
    ("argnums", "wanted"),
    [
        (0, [[0.0]]),
        (1, 4.0),
        ((0, 1), ([([0.0], 6.0)], ([6.0], 4.0))),
        ((1, 0), ((4.0, [6.0]), [(6.0, [0.0])])),
    ],
    ids=str,
)
def test_argnums_of_hessian_are_nested_twice(argnums, wanted):
    assert same(hessian(lambda a, b: a[0] * b * b, argnums)([2.0], 3.0), wanted)


@pytest.mark.parametrize("transform", [grad, jacobian], ids=lambda transform: transform.__name__)
@pytest.mark.parametrize("k", [2, 5])
def test_keyword_arguments_are_passed_on(transform, k):
    f = lambda x, *, k=1: x**k
    assert transform(f)(2.0) == 1.0
    assert transform(f)(2.0, k=k) == k * 2.0 ** (k - 1)
    assert hessian(f)(2.0, k=k) == k * (k - 1) * 2.0 ** (k - 2)
    assert value_and_grad(f)(2.0, k=k)[0] == 2.0**k


SHAPES = [None, (), (1,), (3,), (2, 3), (2, 1, 2)]


@pytest.mark.parametrize("of_argument", SHAPES, ids=str)
@pytest.mark.parametrize("of_result", [*SHAPES, (0,), (2, 0)], ids=str)
def test_jacobian_of_arrays_has_the_shape_of_the_result_then_that_of_the_argument(of_result, of_argument):
    rows, columns = (math.prod(shape or ()) for shape in (of_result, of_argument))
    weights = np.arange(1.0, rows * columns + 1).reshape(rows, columns)

    def f(x):
        xs = [x] if of_argument is None else x.ravel().tolist()
        ys = [dot(row.tolist(), xs) for row in weights]
        return ys[0] if of_result is None else of(*ys, shape=of_result)

    x = 1.0 if of_argument is None else np.ones(of_argument)
    found = jacobian(f)(x)
    if of_result is of_argument is None:
        assert (type(found), found) == (float, 1.0)
    else:
        shape = (of_result or ()) + (of_argument or ())
        assert (type(found), found.dtype, found.shape) == (np.ndarray, float, shape)
        assert found.tolist() == weights.reshape(shape).tolist()


@pytest.mark.parametrize("shape", [(), (2,), (2, 2)], ids=str)
def test_hessian_of_an_array_has_its_shape_twice(shape):
    f = lambda x: np.sum(x * x * x)
    x = np.arange(1.0, math.prod(shape) + 1).reshape(shape)
    found = hessian(f)(x)
    assert (found.dtype, found.shape) == (float, shape + shape)
    assert found.reshape(x.size, x.size).tolist() == np.diag(6.0 * x.ravel()).tolist()


def test_hessian_is_nested_by_the_structure_twice():
    found = hessian(lambda p: p["a"][0] * p["b"] ** 2)({"a": [3.0], "b": 2.0})
    assert same(found, {"a": [{"a": [0.0], "b": 4.0}], "b": {"a": [4.0], "b": 6.0}})


def test_jacobian_nests_containers_and_arrays_in_one_another():
    found = jacobian(lambda p: {"y": p["W"] @ p["v"], "z": (p["v"][0],)})({"W": np.ones((2, 2)), "v": np.array([3, 4])})
    assert same(
        found,
        {
            "y": {"W": np.array([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 0.0], [3.0, 4.0]]]), "v": np.ones((2, 2))},
            "z": ({"W": np.zeros((2, 2)), "v": np.array([1.0, 0.0])},),
        },
    )


def test_jacobian_by_values_is_an_array_of_values():
    found = jacobian(lambda x: x * x)(of(Value(1.0), 2.0))
    assert found.dtype == object
    assert all(isinstance(entry, Value) for entry in found.ravel())
    assert data(found).tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_numpy_functions_are_differentiated_through():
    x = np.array([0.5, -1.0])
    W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = jacobian(lambda x: np.tanh(W @ x))(x)
    assert found == pytest.approx((1.0 - np.tanh(W @ x)[:, None] ** 2) * W, rel=1e-14)


@pytest.mark.parametrize(
    ("result", "value", "slope"),
    [
        (lambda x: np.array([x, 1.0], dtype=object), np.array([2.0, 1.0]), np.array([1.0, 0.0])),
        (lambda x: np.array(x, dtype=object), np.array(2.0), np.array(1.0)),
        (lambda x: [x, 5, np.float32(0.5), True], [2.0, 5.0, 0.5, 1.0], [1.0, 0.0, 0.0, 0.0]),
        (lambda x: Point(x, {"a": x * x}), Point(2.0, {"a": 4.0}), Point(1.0, {"a": 4.0})),
        (lambda x: np.arange(2), np.array([0.0, 1.0]), np.array([0.0, 0.0])),
        (lambda x: [], [], []),
    ],
    ids=["array", "array of no dimension", "list", "namedtuple", "integer array", "nothing"],
)
def test_results_come_back_in_the_structure_that_the_function_returned(result, value, slope):
    assert same(jacobian(result)(2.0), slope)
    assert same(jvp(result, (2.0,), (1.0,)), (value, slope))
    assert same(vjp(result, 2.0)[0], value)


def test_grad_takes_a_function_that_returns_an_array_of_no_dimension():
    value, slope = value_and_grad(lambda x: np.array(x * x, dtype=object))(3.0)
    assert same(value, np.array(9.0))
    assert slope == 6.0


SPECIAL = [
    ("argument itself", lambda x: x, 2.0, 1.0),
    ("argument with a plus", lambda x: +x, 2.0, 1.0),
    ("plain number", lambda x: 5, 5.0, 0.0),
    ("NumPy number", lambda x: np.float64(5.0), 5.0, 0.0),
    ("fresh leaf", lambda x: Value(5.0), 5.0, 0.0),
    ("constant", lambda x: Constant(5.0), 5.0, 0.0),
    ("node not made from it", lambda x: Value(5.0) * 2.0, 10.0, 0.0),
    ("data", lambda x: x.data * 3.0, 6.0, 0.0),
    ("detached", lambda x: x.detach() * x, 4.0, 2.0),
    ("detached only", lambda x: x.detach(), 2.0, 0.0),
    ("branch", lambda x: x * x if x > 1.0 else -x, 4.0, 4.0),
]


@pytest.mark.parametrize(("title", "f", "value", "slope"), SPECIAL, **ids(SPECIAL))
@pytest.mark.parametrize("x", [2.0, Value(2.0)], ids=["float", "Value"])
@pytest.mark.parametrize("operator", ["grad", "value_and_grad", "jvp", "vjp", "jacobian"])
def test_function_may_return_anything_that_is_a_number(title, f, value, slope, x, operator):
    assert data(FIRST[operator](f)(x)) == slope
    for found in (value_and_grad(f)(x), jvp(f, (x,), (1.0,))):
        assert data(found) == (value, slope)
        kind = Value if isinstance(x, Value) else float
        assert all(isinstance(number, kind) for number in found)


def test_same_result_twice_counts_twice():
    f = lambda x: [x, x, x * x]
    assert vjp(f, 3.0)[1]([1.0, 10.0, 100.0]) == (611.0,)
    assert jvp(f, (3.0,), (2.0,))[1] == [2.0, 2.0, 12.0]
    assert jacobian(f)(3.0) == [1.0, 1.0, 6.0]


def test_same_value_as_two_arguments_is_two_variables():
    x = Value(3.0)
    assert data(grad(lambda a, b: a * a * b, (0, 1))(x, x)) == (18.0, 9.0)
    assert data(grad(lambda xs: xs[0] * xs[0] * xs[1])([x, x])) == [18.0, 9.0]


def test_vjp_without_arguments_has_nothing_to_pull_back_to():
    value, pullback = vjp(lambda: 3.0)
    assert (value, pullback(1.0)) == (3.0, ())


def test_pullback_can_be_called_again():
    _, pullback = vjp(lambda x, y: [x * y, x], 2.0, 3.0)
    assert pullback([1.0, 0.0]) == pullback([1.0, 0.0]) == (3.0, 2.0)
    assert pullback([0.0, 1.0]) == (1.0, 0.0)


@pytest.mark.parametrize("kind", [int, bool, np.float64, np.int64, np.float32])
def test_tangents_and_cotangents_may_be_numbers_of_any_kind(kind):
    assert jvp(lambda x: 3.0 * x, (2.0,), (kind(1),)) == (6.0, 3.0)
    assert vjp(lambda x: 3.0 * x, 2.0)[1](kind(1)) == (3.0,)


def test_jvp_takes_lists_of_primals_and_keywords():
    assert jvp(lambda x, y: x * y, primals=[2.0, 3.0], tangents=[1.0, 10.0]) == (6.0, 23.0)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian, hvp])
def test_derivatives_carry_the_name_of_the_function(transform):
    def energy(x):
        return x * x

    assert transform(energy).__name__ == f"{transform.__name__}(energy)"
    assert transform(sin).__name__ == f"{transform.__name__}(sin)"
    assert transform(functools.partial(energy)).__name__.startswith(f"{transform.__name__}(functools.partial(")
    assert "energy" in transform(energy).__doc__


def test_transforms_decorate():
    @grad
    def slope(x):
        return x**3

    assert slope(2.0) == 12.0


def test_callable_objects_and_methods_are_functions():
    class Spring:
        def __init__(self, k):
            self.k = k

        def energy(self, x):
            return self.k * x * x / 2.0

        __call__ = energy

    assert grad(Spring(3.0).energy)(2.0) == grad(Spring(3.0))(2.0) == 6.0
    assert grad(functools.partial(Spring.energy, Spring(3.0)))(2.0) == 6.0


# gradients(output, inputs)


def test_gradients_are_floats_without_create_graph():
    x, w = Value(3.0), Value(2.0)
    found = gradients(x * x * w, [x, w])
    assert found == [12.0, 9.0]
    assert all(type(slope) is float for slope in found)


def test_gradients_by_intermediate_nodes_are_total_derivatives():
    x = Value(3.0)
    h = x * x
    y = h * x + h
    assert gradients(y, [h, x]) == [4.0, 33.0]
    assert gradients(y, [h]) == [4.0]


def test_gradients_by_repeated_inputs_repeat():
    x, w = Value(3.0), Value(2.0)
    assert gradients(x * w, [x, w, x]) == [2.0, 3.0, 2.0]


def test_gradients_by_unrelated_inputs_are_zero():
    x, w = Value(3.0), Value(2.0)
    y = x * x
    later = y * w
    for create_graph in (False, True):
        assert data(gradients(y, [w, later, x, Value(1.0)], create_graph)) == [0.0, 0.0, 6.0, 0.0]


def test_gradients_by_the_output_itself_are_one():
    x = Value(3.0)
    y = x * x
    assert gradients(y, [y, x]) == [1.0, 6.0]
    assert gradients(x, [x]) == [1.0]


def test_gradients_by_a_constant_that_is_asked_for():
    c, x = Constant(3.0), Value(2.0)
    assert gradients(c * c * x, [c, x]) == [12.0, 9.0]


def test_gradients_by_nothing_are_nothing():
    assert gradients(Value(3.0), []) == []


@pytest.mark.parametrize("container", [list, tuple, iter, lambda xs: (x for x in xs), lambda xs: of(*xs)])
def test_gradients_takes_inputs_in_any_iterable(container):
    x, w = Value(3.0), Value(2.0)
    assert gradients(x * w, container([x, w])) == [2.0, 3.0]


def test_gradients_with_create_graph_are_differentiable_in_turn():
    x, w = Value(2.0), Value(5.0)
    (slope,) = gradients(w * x**3, [x], create_graph=True)
    assert gradients(slope, [x, w]) == [60.0, 12.0]
    slope.backward()
    assert (x.grad, w.grad) == (60.0, 12.0)


def test_gradients_agree_with_backward_on_a_network():
    model = MLP(2, [4, 1], "tanh", seed=1)
    loss = (model([0.5, -1.0]) - 1.0) ** 2
    found = gradients(loss, model.parameters())
    assert all(parameter.grad is UNREACHED for parameter in model.parameters())
    loss.backward()
    assert found == [parameter.grad for parameter in model.parameters()]


# Either direction


def wide(x):
    return [x[0] * sin(x[1]) + x[2] ** 2 * x[3], exp(x[4] * x[0]) / x[1]]


def tall(x):
    return [x[0] * x[1], sin(x[0]), exp(x[1]) * x[0], x[1] ** 3, x[0] / x[1]]


POINTS = {"wide": (wide, [0.5, 1.5, -1.0, 2.0, 0.25]), "tall": (tall, [0.5, 1.5])}
every_point = pytest.mark.parametrize(("f", "x"), POINTS.values(), ids=POINTS.keys())


def unit(i, n):
    return [float(i == j) for j in range(n)]


@every_point
def test_jacobian_agrees_with_pulling_rows_and_pushing_columns(f, x):
    found = np.array(jacobian(f)(x))
    value, pullback = vjp(f, x)
    rows = [pullback(unit(i, len(value)))[0] for i in range(len(value))]
    columns = [jvp(f, (x,), (unit(j, len(x)),))[1] for j in range(len(x))]
    assert found == pytest.approx(np.array(rows), rel=1e-14)
    assert found == pytest.approx(np.array(columns).T, rel=1e-14)
    assert value == jvp(f, (x,), (x,))[0] == data(f([Value(number) for number in x]))


@every_point
def test_jacobian_of_values_agrees_with_that_of_floats(f, x):
    found = jacobian(f)([Value(number) for number in x])
    assert data(found) == [pytest.approx(row, rel=1e-14) for row in jacobian(f)(x)]
    assert len(values_of(found)) == len(flatten(found)[0])


@every_point
def test_second_derivatives_agree_in_whichever_direction_the_jacobian_goes(f, x):
    def curvature(first):
        return lambda x: fsum([entry * entry for row in first(x) for entry in row])

    def rows(x):
        value, pullback = vjp(f, x)
        return [pullback(unit(i, len(value)))[0] for i in range(len(value))]

    def columns(x):
        return [jvp(f, (x,), (unit(j, len(x)),))[1] for j in range(len(x))]

    found = [grad(curvature(first))(x) for first in (jacobian(f), rows, columns)]
    assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert found[2] == pytest.approx(found[0], rel=1e-12)


@every_point
def test_vjp_is_the_transpose_of_jvp(f, x):
    rng = random.Random(1)
    v = [rng.gauss(0, 1) for _ in x]
    value, tangent = jvp(f, (x,), (v,))
    u = [rng.gauss(0, 1) for _ in value]
    (cotangent,) = vjp(f, x)[1](u)
    assert dot(u, tangent) == pytest.approx(dot(cotangent, v), rel=1e-13)


@every_point
def test_hvp_is_the_hessian_times_the_vector(f, x):
    g = lambda x: logsumexp(f(x))
    v = [1.0 + i for i in range(len(x))]
    H = np.array(hessian(g)(x))
    assert pytest.approx(H.T, rel=1e-12, abs=1e-14) == H
    assert hvp(g)(x, v) == pytest.approx(H @ v, rel=1e-12)


def test_hvp_of_arrays_and_dicts():
    f = lambda p: np.sum(np.sin(p["W"] @ p["x"])) * p["c"]
    p = {"W": np.array([[1.0, 2.0], [0.5, -1.0]]), "x": np.array([0.3, 0.7]), "c": 2.0}
    v = {"W": np.array([[1.0, 0.0], [2.0, -1.0]]), "x": np.array([1.0, -1.0]), "c": 0.5}
    blocks = hessian(f)(p)
    wanted = {
        row: sum(np.tensordot(block, v[column], np.ndim(v[column])) for column, block in blocks[row].items())
        for row in p
    }
    found = hvp(f)(p, v)
    for name, block in wanted.items():
        assert found[name] == pytest.approx(block, rel=1e-12)


def test_several_primals_push_and_pull_together():
    f = lambda x, p: {"y": x * p["a"][0] + p["b"]}
    value, tangent = jvp(f, (2.0, {"a": [3.0], "b": 4.0}), (1.0, {"a": [10.0], "b": 100.0}))
    assert (value, tangent) == ({"y": 10.0}, {"y": 123.0})
    assert vjp(f, 2.0, {"a": [3.0], "b": 4.0})[1]({"y": 10.0}) == (30.0, {"a": [20.0], "b": 10.0})


def test_tangents_and_cotangents_that_are_values_are_differentiated_by():
    t = Value(5.0)
    _, tangent = jvp(lambda x: x**3, (2.0,), (t,))
    assert (tangent.data, gradients(tangent, [t])) == (60.0, [12.0])
    (cotangent,) = vjp(lambda x: x**3, 2.0)[1](t)
    assert (cotangent.data, gradients(cotangent, [t])) == (60.0, [12.0])


# Order


WORDS = [
    *itertools.product(FIRST, repeat=2),
    *itertools.product(FIRST, repeat=3),
    *random.Random(1).sample(list(itertools.product(FIRST, repeat=4)), 40),
    *random.Random(2).sample(list(itertools.product(FIRST, repeat=5)), 40),
    *itertools.product(SECOND, SECOND),
    *(word for name in SECOND for first in FIRST for word in itertools.permutations([name, first])),
    *itertools.permutations(["hessian", "hvp", "grad"]),
    *itertools.permutations(["hvp", "hvp", "jvp"]),
    *itertools.permutations(["hessian", "jvp", "vjp", "grad"]),
    *itertools.permutations(["hvp", "jacobian", "gradients", "jvp"]),
]


@pytest.mark.parametrize("names", [*dict.fromkeys(WORDS)], ids="-".join)
def test_derivatives_of_any_kind_nest_in_any_order(names):
    order = sum(2 if name in SECOND else 1 for name in names)
    wanted = 2.0 ** (order / 2.0) * math.exp(0.7) * math.sin(0.7 + order * math.pi / 4.0)
    found = derivative(names, lambda x: exp(x) * sin(x))(0.7)
    assert data(found) == pytest.approx(wanted, rel=1e-12)


def test_nested_derivatives_of_floats_are_floats():
    f = lambda x: x**7
    for order in range(1, 8):
        f = grad(f)
        assert type(f(1.0)) is float
        assert f(1.0) == math.factorial(7) / math.factorial(7 - order)
    assert grad(f)(1.0) == 0.0


@pytest.mark.parametrize("names", [*itertools.product(["grad", "jvp", "vjp", "jacobian", "gradients"], repeat=2)])
def test_mixed_second_derivatives_by_two_arguments(names):
    inner, outer = names
    f = lambda x: derivative([inner], lambda y: sin(x * y) * y)(0.5)
    x, y = 2.0, 0.5
    wanted = 2.0 * y * math.cos(x * y) - x * y**2 * math.sin(x * y)
    assert data(derivative([outer], f)(x)) == pytest.approx(wanted, rel=1e-13)


def test_third_derivatives_of_several_variables_are_symmetric():
    f = lambda x: x[0] * x[1] ** 2 * exp(x[2]) * sin(x[0])
    third = np.array(jacobian(hessian(f))([0.5, 1.5, -0.3]))
    assert third.shape == (3, 3, 3)
    for axes in itertools.permutations(range(3)):
        assert third == pytest.approx(third.transpose(axes), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: logsumexp([x[0] * x[1], x[1], sin(x[0])]),
        lambda x: softmax([x[0], x[1] * x[0], x[1]])[1],
        lambda x: dot(x, [x[1], x[0]]) * mean([x[0], x[1] ** 2]),
        lambda x: atan2(x[0], x[1]) * hypot(x[0], x[1]),
        lambda x: x[0] ** x[1] + x[1] ** 2.5,
        lambda x: where(x[0] > 0.0, tanh(x[0] * x[1]), x[1]),
        lambda x: maximum(x[0] ** 3, x[1]) * minimum(x[0], x[1]),
        lambda x: log(x[0]) * sqrt(x[1]) / cos(x[0]),
    ],
)
def test_hessian_agrees_with_differences_of_the_gradient(f):
    x, h = [0.75, 1.25], 1e-5
    for i, row in enumerate(hessian(f)(x)):
        above, below = (grad(f)([x[0] + s * h * (i == 0), x[1] + s * h * (i == 1)]) for s in (1, -1))
        differences = [(a - b) / (2.0 * h) for a, b in zip(above, below, strict=True)]
        assert row == pytest.approx(differences, rel=1e-8, abs=1e-8)


def test_own_operations_are_differentiated_to_any_order():
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    assert [derivative(["grad"] * n, cube)(2.0) for n in range(1, 5)] == [12.0, 12.0, 6.0, 0.0]


# Perturbation confusion: Siskind and Pearlmutter, "Perturbation Confusion and Referential Transparency" (2005);
# Manzyuk et al., "Perturbation Confusion in Forward Automatic Differentiation of Higher-Order Functions" (2019).


every_pair = pytest.mark.parametrize(("outer", "inner"), [*itertools.product(FIRST, repeat=2)])


@every_pair
def test_inner_derivative_is_by_its_own_argument_only(outer, inner):
    D, d = FIRST[outer], FIRST[inner]
    assert data(D(lambda x: x * d(lambda y: x + y)(1.0))(1.0)) == 1.0
    assert data(D(lambda x: d(lambda y: x * y * y)(x))(3.0)) == 12.0
    assert data(D(lambda x: x * d(lambda y: x * y)(2.0))(3.0)) == 6.0
    assert data(D(lambda x: d(lambda y: x * x + y)(x))(3.0)) == 0.0


@every_pair
def test_variable_of_the_same_name_is_another_variable(outer, inner):
    D, d = FIRST[outer], FIRST[inner]
    assert data(D(lambda x: x * d(lambda x: x * x)(x))(3.0)) == 12.0
    assert data(D(lambda x: d(lambda x: x * x)(x) * d(lambda x: x)(x))(3.0)) == 2.0


@pytest.mark.parametrize("names", [*itertools.product(["grad", "jvp", "vjp"], repeat=3)])
def test_three_levels_are_kept_apart(names):
    a, b, c = (FIRST[name] for name in names)
    assert a(lambda x: b(lambda y: c(lambda z: x * y * z + x * z * z)(y))(x))(2.0) == 3.0
    assert a(lambda x: x * b(lambda y: y * c(lambda z: x * y * z)(x))(x))(2.0) == 24.0


@every_pair
def test_identity_between_the_levels_loses_nothing(outer, inner):
    D, d = FIRST[outer], FIRST[inner]
    assert data(D(lambda x: d(lambda y: y * y)(x))(3.0)) == 2.0
    assert data(D(lambda x: d(lambda y: x)(x))(3.0)) == 0.0
    assert data(D(lambda x: d(lambda y: y)(x) * x)(3.0)) == 1.0


@every_first
def test_derivative_of_a_curried_function_by_its_first_argument(operator):
    d = FIRST[operator]

    def curried_derivative(f):  # of f: number -> (function -> (number -> number)), in its first argument
        return lambda u: lambda g: lambda x: d(lambda u: f(u)(g)(x))(u)

    shifted = lambda u: lambda g: lambda x: g(x + u)
    differentiate = curried_derivative(shifted)(0.0)
    assert data(differentiate(exp)(1.0)) == pytest.approx(math.e, rel=1e-15)
    assert data(differentiate(differentiate(sin))(1.0)) == pytest.approx(-math.sin(1.0), rel=1e-15)
    thrice = differentiate(differentiate(differentiate(lambda x: x**5)))
    assert data(thrice(2.0)) == 240.0


def test_function_that_returns_a_function_is_refused():
    with pytest.raises(TypeError, match="what <lambda> returned is of type function: <function "):
        grad(lambda u: lambda x: x + u)(0.0)


def test_derivative_function_made_within_another_is_called_there():
    make = lambda x: grad(lambda y: x * y**3)
    assert grad(lambda x: make(x)(x))(2.0) == 36.0
    assert grad(lambda x: make(x * x)(2.0))(3.0) == 72.0


def test_functions_of_functions():
    twice = lambda transform: lambda f: transform(transform(f))
    assert twice(twice(grad))(lambda x: x**5)(2.0) == 240.0


@every_pair
def test_number_kept_by_the_inner_function_follows_the_outer_variable(outer, inner):
    D, d = FIRST[outer], FIRST[inner]

    def f(x):
        kept = []

        def g(y):
            kept.append(x * y)
            return y * y

        d(g)(x)
        return kept[0]

    assert data(D(f)(3.0)) == 6.0


@every_pair
def test_cell_written_by_the_inner_function_is_read_by_the_outer_one(outer, inner):
    D, d = FIRST[outer], FIRST[inner]

    def f(x):
        cell = {"state": x}

        def g(y):
            cell["state"] = cell["state"] * y
            return cell["state"]

        slope = d(g)(2.0)  # x
        return slope * cell["state"]  # x * 2 x

    assert data(D(f)(3.0)) == 12.0


def test_number_left_over_from_an_earlier_call_is_no_variable_of_a_later_one():
    left = []
    grad(lambda x: left.append(x) or x * x)(2.0)
    assert data(grad(lambda y: y * left[0])(3.0)) == 2.0
    assert data(grad(lambda y: left[0] * left[0])(2.0)) == 0.0


def test_pullback_is_used_within_another_function():
    _, pullback = vjp(lambda t: t**3, 2.0)
    assert grad(lambda c: pullback(c * c)[0])(5.0) == 120.0
    assert jvp(lambda c: pullback(c)[0], (5.0,), (1.0,)) == (60.0, 12.0)
    assert hessian(lambda c: pullback(c * c)[0])(5.0) == 24.0


def test_pullback_of_an_outer_function_is_called_in_an_inner_one():
    f = lambda x: grad(lambda c: vjp(lambda t: t * t * x, x)[1](c)[0])(1.0)
    assert grad(f)(3.0) == 12.0

    def g(x):
        _, pullback = vjp(lambda t: t * t * x, x)
        return grad(lambda c: pullback(c * c * x)[0])(x)

    assert g(3.0) == 2 * 3.0**3 * 2 * 3.0
    assert grad(g)(3.0) == 16 * 3.0**3


def test_tangent_that_depends_on_the_outer_variable():
    f = lambda x: jvp(lambda y: y * x * y, (2.0,), (x,))[1]
    assert grad(f)(3.0) == 24.0
    assert jvp(f, (3.0,), (1.0,)) == (36.0, 24.0)
    assert grad(lambda x: jvp(lambda y: y**3, (x,), (x,))[1])(2.0) == 36.0


def test_hvp_in_a_function_of_the_vector_and_of_the_point():
    f = lambda x: x[0] ** 2 * x[1]
    assert jacobian(lambda v: hvp(f)([2.0, 3.0], v))([1.0, 10.0]) == [[6.0, 4.0], [4.0, 0.0]]
    assert grad(lambda x: dot(hvp(f)(x, [1.0, 10.0]), [1.0, 1.0]))([2.0, 3.0]) == [22.0, 2.0]


# Values of the surroundings


CAPTURING = {
    "grad": lambda f, x: grad(f)(x),
    "value_and_grad": lambda f, x: value_and_grad(f)(x)[1],
    "value": lambda f, x: value_and_grad(f)(x)[0],
    "jvp": lambda f, x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f, x: vjp(f, x)[1](1.0)[0],
    "jacobian": lambda f, x: jacobian(f)(x),
    "tall jacobian": lambda f, x: jacobian(lambda x: [f(x), f(x)])(x)[1],
    "hessian": lambda f, x: hessian(f)(x),
    "hvp": lambda f, x: hvp(f)(x, 1.0),
}
every_capture = pytest.mark.parametrize("name", CAPTURING)


@every_capture
def test_result_is_a_value_connected_to_the_values_of_the_surroundings(name):
    transform = CAPTURING[name]
    w = Value(0.5, label="w")
    found = transform(lambda x: w * x**3, 2.0)
    by_w = 8.0 if name == "value" else 12.0
    assert isinstance(found, Value)
    assert (found.data, gradients(found, [w])) == (0.5 * by_w, [by_w])
    found.backward()
    found.backward()
    assert w.grad == 2.0 * by_w


@every_capture
def test_result_by_a_value_is_connected_to_it(name):
    transform = CAPTURING[name]
    x = Value(2.0)
    found = transform(lambda x: x**4, x)
    slope = 32.0 if name == "value" else 48.0
    assert gradients(found, [x]) == [slope]


@pytest.mark.parametrize("closed", [True, False], ids=["closure", "argument"])
def test_values_reach_the_function_by_closure_argument_or_keyword(closed):
    w = Value(5.0)
    found = grad(lambda x: w * x * x)(3.0) if closed else grad(lambda x, w: w * x * x)(3.0, w)
    assert gradients(found, [w]) == [6.0]
    assert gradients(grad(lambda x, *, w: w * x * x)(3.0, w=w), [w]) == [6.0]


def test_computed_nodes_of_the_surroundings_pass_derivatives_on():
    w = Value(3.0)
    node = w * w
    slope = grad(lambda x: node * x)(2.0)
    assert gradients(slope, [w, node]) == [6.0, 1.0]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * Constant(3.0),
        lambda x: x * Value(3.0),
        lambda x: x * np.float64(3.0),
        lambda x: x * sum([1.0, 2.0]),
    ],
)
def test_constants_and_leaves_of_the_function_itself_leave_floats(f):
    assert type(grad(f)(2.0)) is float
    assert grad(f)(2.0) == 3.0


def test_constants_of_the_surroundings_leave_floats():
    c = Constant(3.0)
    assert type(grad(lambda x: c * x * x)(2.0)) is float
    assert type(grad(lambda x: x * x)(c)) is float
    assert grad(lambda x: x * x)(c) == 6.0


def test_values_read_without_the_graph_leave_floats():
    w = Value(3.0)
    for f in (lambda x: x * w.data, lambda x: x * w.detach(), lambda x: x * 3.0 if w > 0.0 else x):
        assert type(grad(f)(2.0)) is float
        assert grad(f)(2.0) == 3.0


def test_detached_value_of_the_surroundings_is_a_leaf_like_others():
    w = Value(3.0)
    detached = w.detach()
    slope = grad(lambda x: x * detached)(2.0)
    assert gradients(slope, [w, detached]) == [0.0, 1.0]


def test_derivative_by_a_detached_number_is_zero():
    assert grad(lambda x: grad(lambda y: y**3)(x.detach()))(2.0) == 0.0
    assert grad(lambda x: grad(lambda y: y.detach() * y * x)(x))(2.0) == 2.0


def test_returned_value_of_the_surroundings_has_derivative_zero():
    w = Value(3.0)
    value, slope = value_and_grad(lambda x: w)(2.0)
    assert (value.data, slope.data) == (3.0, 0.0)
    assert gradients(value, [w]) == [1.0]
    slope.backward()
    assert w.grad == 0.0


def test_all_numbers_are_values_where_one_depends_on_the_surroundings():
    w = Value(3.0)
    value, tangent = jvp(lambda x: [x, 5.0, w * x], (2.0,), (1.0,))
    assert len(values_of([value, tangent])) == 6
    assert data(tangent) == [1.0, 0.0, 3.0]


def test_nobodys_grad_is_touched():
    x, w = Value(2.0), Value(3.0)
    node = w * w
    f = lambda x: node * x * x
    y = f(x)
    gradients(y, [x, w, node])
    gradients(y, [x], create_graph=True)
    for transform in (grad, value_and_grad, jacobian, hessian):
        transform(f)(x)
    hvp(f)(x, w)
    jvp(f, (x,), (w,))
    vjp(f, x)[1](w)
    assert all(known.grad is UNREACHED for known in [x, w, node, *topological_order(y)])


def test_backward_of_a_result_gives_what_gradients_gives():
    x, w = Value(2.0), Value(3.0)
    slope = grad(lambda t: exp(w * t) * t)(x)
    wanted = gradients(slope, [x, w])
    slope.backward()
    assert [x.grad, w.grad] == wanted
    slope.backward()
    assert [x.grad, w.grad] == [2.0 * g for g in wanted]


def test_backward_within_the_function_is_the_callers_business():
    w = Value(3.0)

    def f(x):
        y = w * x * x
        y.backward()
        return y

    assert data(grad(f)(2.0)) == 12.0
    assert w.grad == 4.0


def differences(model, loss, h=1e-5):
    found = []
    for parameter in model.parameters():
        at = parameter.data
        parameter.data = at + h
        above = loss().data
        parameter.data = at - h
        below = loss().data
        parameter.data = at
        found.append((above - below) / (2.0 * h))
    return found


TIMES = [0.0, 0.4, 1.0]
PHYSICS = {
    "grad": lambda u, t: grad(u)(t) + u(t),
    "value_and_grad": lambda u, t: fsum(value_and_grad(u)(t)),
    "jvp": lambda u, t: fsum(jvp(u, (t,), (1.0,))),
    "vjp": lambda u, t: vjp(u, t)[1](1.0)[0] + u(t),
    "second": lambda u, t: grad(grad(u))(t) + u(t),
    "hvp": lambda u, t: hvp(u)(t, 1.0) + u(t),
    "hessian by gradients": lambda u, t: by_gradients(by_gradients(u))(t) + u(t),
    "third": lambda u, t: grad(hessian(u))(t) * u(t),
}


@pytest.mark.parametrize("residual", PHYSICS.values(), ids=PHYSICS.keys())
def test_loss_with_derivatives_of_the_network_reaches_the_parameters(residual):
    model = MLP(1, [4, 1], "tanh", seed=1)
    loss = lambda: mean([residual(lambda t: model([t]), t) ** 2 for t in TIMES])
    loss().backward()
    found = [parameter.grad for parameter in model.parameters()]
    assert found == pytest.approx(differences(model, loss), rel=1e-6, abs=1e-7)
    assert sum(slope != 0.0 for slope in found) >= 12


def test_loss_of_a_field_of_two_coordinates():
    model = MLP(2, [3, 1], "tanh", seed=2)
    points = [[0.1, 0.2], [0.5, -0.3]]

    def loss():
        laplacians = [hessian(model)(point) for point in points]
        return mean([(H[0][0] + H[1][1] - 1.0) ** 2 for H in laplacians])

    loss().backward()
    found = [parameter.grad for parameter in model.parameters()]
    assert found == pytest.approx(differences(model, loss), rel=1e-6, abs=1e-7)


def test_step_of_gradient_descent_is_differentiated_by_the_rate():
    model = MLP(1, [3, 1], "tanh", seed=1)
    f = lambda w: (w[0] * 2.0 + w[1] - 1.0) ** 2

    def after(rate):
        w = [0.5, -0.5]
        for _ in range(3):
            w = [a - rate * g for a, g in zip(w, grad(f)(w), strict=True)]
        return f(w)

    h = 1e-6
    wanted = (after(0.05 + h) - after(0.05 - h)) / (2.0 * h)
    assert grad(after)(0.05) == pytest.approx(wanted, rel=1e-6)
    assert all(parameter.grad is UNREACHED for parameter in model.parameters())


# Recording


def test_derivatives_are_computed_within_no_grad():
    w = Value(3.0)
    with no_grad():
        assert grad(lambda x: x**3)(2.0) == 12.0
        assert hessian(lambda x: x**3)(2.0) == 12.0
        assert hvp(lambda x: x**3)(2.0, 1.0) == 12.0
        assert jvp(lambda x: x**3, (2.0,), (1.0,)) == (8.0, 12.0)
        assert vjp(lambda x: x**3, 2.0)[1](1.0) == (12.0,)
        assert data(jacobian(lambda x: [w * x, x])(2.0)) == [3.0, 1.0]
        assert data(grad(grad(lambda x: w * x**3))(Value(2.0))) == 36.0


@pytest.mark.parametrize("x", [2.0, Value(2.0)], ids=["float", "Value"])
def test_derivatives_within_no_grad_are_connected_to_nothing(x):
    w = Value(3.0)
    f = lambda x: w * x**3
    with no_grad():
        found = [grad(f)(x), hessian(f)(x), hvp(f)(x, 1.0), jacobian(f)(x), vjp(f, x)[1](1.0), jvp(f, (x,), (1.0,))[1]]
        y = f(Value(2.0))
    assert data(found) == [36.0, 36.0, 36.0, 36.0, (36.0,), 36.0]
    assert [node.parents for node in values_of(found)] == [()] * len(values_of(found))
    assert y.parents == ()


def test_gradients_within_no_grad_are_connected_to_nothing():
    x = Value(2.0)
    y = x**3
    with no_grad():
        (slope,) = gradients(y, [x], create_graph=True)
    assert (slope.data, slope.parents) == (12.0, ())


def test_number_computed_within_no_grad_is_a_constant_of_the_function():
    def f(x):
        with no_grad():
            y = x * x
        return x * y

    assert grad(f)(3.0) == 9.0
    assert grad(grad(f))(3.0) == 0.0


def test_derivative_computed_within_no_grad_is_a_constant_of_the_function():
    def f(x):
        with no_grad():
            slope = grad(lambda y: y**3)(x)
        return x * slope

    assert grad(f)(2.0) == 12.0


def test_function_that_is_decorated_with_no_grad_has_derivative_zero():
    assert grad(no_grad()(lambda x: x * x))(3.0) == 0.0


def test_no_grad_ends_where_it_ended_before():
    with no_grad():
        grad(lambda x: x * x)(2.0)
        assert modes.paused()
    assert not modes.paused()


class RefusalError(Exception):
    pass


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("paused", [False, True])
def test_function_that_raises_leaves_nothing_behind(order, paused):
    x, w = Value(2.0), Value(3.0)
    y = w * x * x
    blocks = modes.blocks
    left = []

    def f(t):
        with scope("part"):
            left.append(w * t)
            raise RefusalError

    with no_grad() if paused else contextlib.nullcontext(), pytest.raises(RefusalError):
        derivative(["grad"] * order, f)(x)
    assert modes.blocks == blocks
    assert not modes.paused()
    assert (x * x).scope is None
    y.backward()
    assert (x.grad, w.grad) == (12.0, 4.0)
    assert grad(lambda t: t**3)(2.0) == 12.0


def test_errors_of_the_function_pass_through():
    with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = -1\.0"):
        grad(log)(-1.0)
    with pytest.raises(ZeroDivisionError, match=r"got a = 1\.0, b = 0\.0"):
        jvp(lambda x: 1.0 / x, (0.0,), (1.0,))


def test_label_of_a_result_labels_no_node_of_the_graph():
    for f in (
        lambda x, w: x + w,
        lambda x, w: x - w,
        lambda x, w: w * x,
        lambda x, w: w * x + 1.0,
        lambda x, w: exp(x) * 1.0,
        lambda x, w: exp(x),
        lambda x, w: fsum([x, w]),
        lambda x, w: dot([x], [w]),
        lambda x, w: -1.0 * -x,
        lambda x, w: x,
        lambda x, w: x**2 / 2,
        lambda x, w: w,
    ):
        x, w = Value(2.0), Value(3.0)
        y = f(x, w)
        graph = topological_order(y)
        gradients(y, [x], create_graph=True)[0].label = "slope"
        grad(lambda x, f=f, w=w: f(x, w))(x).label = "slope"
        jvp(lambda x, f=f, w=w: f(x, w), (x,), (1.0,))[1].label = "slope"
        vjp(lambda x, f=f, w=w: f(x, w), x)[1](1.0)[0].label = "slope"
        assert {node.label for node in [*graph, x, w]} == {""}


def test_value_of_the_argument_itself_is_a_node_of_its_own():
    x = Value(2.0)
    value, _ = value_and_grad(lambda t: t)(x)
    assert value is not x
    assert gradients(value, [x]) == [1.0]


def test_scopes_of_the_function_are_recorded_and_end_with_it():
    with scope("outside"):
        with scope("inside") as inside:
            value, _ = value_and_grad(lambda x: x * x * x)(Value(1.0))
        assert (Value(1.0) * 2.0).scope.title == "outside"
    assert value.scope is inside
    assert (value * 1.0).scope is None


# Stale numbers


def test_gradients_of_a_graph_with_a_changed_leaf_name_it():
    x = Value(2.0, label="x")
    y = x * x
    x.data = 3.0
    for create_graph in (False, True):
        with pytest.raises(RuntimeError, match=r"^the data of the leaf x was changed to 3\.0 after this graph was"):
            gradients(y, [x], create_graph)


@every_capture
def test_leaf_changed_between_its_use_and_the_return_is_an_error(name):
    w = Value(2.0, label="w")

    def f(x):
        y = w * x * x
        w.data = 5.0
        return y

    with pytest.raises(RuntimeError, match=r"the data of the leaf w was changed to 5\.0 after"):
        CAPTURING[name](f, 2.0)


def test_argument_changed_within_the_function_is_an_error():
    x = Value(2.0, label="x")

    def f(t):
        x.data = 3.0
        return t * t

    with pytest.raises(RuntimeError, match=r"the data of the leaf x was changed to 3\.0 after"):
        grad(f)(x)


def test_leaf_assigned_within_the_function_before_its_use_counts_as_assigned():
    w = Value(2.0)

    def f(x):
        w.data = 5.0
        return w * x * x

    assert data(grad(f)(2.0)) == 20.0
    assert data(hessian(f)(2.0)) == 10.0


def test_parameters_may_be_changed_between_calls():
    w = Value(2.0)
    slope = grad(lambda x: w * x * x)
    assert slope(3.0).data == 12.0
    w.data = 5.0
    assert slope(3.0).data == 30.0


def test_result_is_stale_after_a_parameter_was_changed():
    w = Value(2.0, label="w")
    slope = grad(lambda x: w * x * x)(3.0)
    w.data = 5.0
    assert slope.data == 12.0
    with pytest.raises(RuntimeError, match="the data of the leaf w was changed"):
        slope.backward()


# Errors


def energy(*args):
    return args[0]


@pytest.mark.parametrize(
    ("argnums", "kind", "message"),
    [
        (1, ValueError, "argnums of grad is 1, but energy was called with 1 argument"),
        (-2, ValueError, "argnums of grad is -2, but energy was called with 1 argument"),
        ((0, 3), ValueError, r"argnums of grad is \(0, 3\), but energy was called with 1 argument"),
        ((0, 0), ValueError, r"argnums of grad names an argument twice: \(0, 0\)"),
        ((0, -1), ValueError, r"argnums of grad names an argument twice: \(0, -1\)"),
        ("x", TypeError, "argnums of grad is the position of an argument, or several in a tuple, got 'x'"),
        (0.0, TypeError, "argnums of grad is the position of an argument, or several in a tuple, got 0.0"),
        (True, TypeError, "argnums of grad is the position of an argument, or several in a tuple, got True"),
        (None, TypeError, "argnums of grad is the position of an argument, or several in a tuple, got None"),
        ((0, "x"), TypeError, r"argnums of grad is the position of an argument, .*, got \(0, 'x'\)"),
    ],
    ids=str,
)
def test_wrong_argnums_are_named(argnums, kind, message):
    with pytest.raises(kind, match=f"^{message}$"):
        grad(energy, argnums)(1.0)
    with pytest.raises(kind, match=f"^{message.replace('grad', 'jacobian')}$"):
        jacobian(energy, argnums)(1.0)


def test_call_without_arguments_is_named():
    with pytest.raises(ValueError, match=r"^argnums of grad is 0, but energy was called with 0 arguments$"):
        grad(energy)()


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ([1.0, 2.0], r"\[number, number\]"),
        ([1.0], r"\[number\]"),
        ([[]], r"\[\[\]\]"),
        ({"a": 1.0}, r"\{'a': number\}"),
        (np.zeros(3), r"array\(3,\)"),
        (np.zeros(1), r"array\(1,\)"),
        (np.zeros(0), r"array\(0,\)"),
        ([Value(1.0)] * 9, r"\[number x 9\]"),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "transform",
    [grad, value_and_grad, hessian, lambda f: lambda x: hvp(f)(x, 1.0)],
    ids=["grad", "value_and_grad", "hessian", "hvp"],
)
def test_function_that_returns_several_numbers_is_referred_to_jacobian(result, found, transform):
    def energy(x):
        return result

    message = f"takes a function that returns one number, energy returned {found}; jacobian differentiates every number"
    with pytest.raises(TypeError, match=message):
        transform(energy)(1.0)


@pytest.mark.parametrize(
    ("asker", "call"),
    [
        ("grad", lambda f: grad(f)(1.0)),
        ("jacobian", lambda f: jacobian(f)(1.0)),
        ("vjp", lambda f: vjp(f, 1.0)),
        ("jvp", lambda f: jvp(f, (1.0,), (1.0,))),
    ],
    ids=["grad", "jacobian", "vjp", "jvp"],
)
def test_function_that_returns_no_number_is_named(asker, call):
    def energy(x):
        return {"a": [x, "b"]}

    message = rf"^{asker} takes real numbers, .*; what energy returned\['a'\]\[1\] is of type str: 'b'$"
    with pytest.raises(TypeError, match=message):
        call(energy)


def test_function_that_forgets_its_return_is_named():
    with pytest.raises(TypeError, match=r"^grad takes .*; what <lambda> returned is of type NoneType: None$"):
        grad(lambda x: None)(1.0)


@pytest.mark.parametrize(
    ("asker", "call"),
    [
        ("grad", lambda x: grad(energy, 1)(0.0, x)),
        ("jacobian", lambda x: jacobian(energy, 1)(0.0, x)),
        ("vjp", lambda x: vjp(energy, 0.0, x)),
        ("jvp", lambda x: jvp(energy, (0.0, x), (0.0, x))),
    ],
    ids=["grad", "jacobian", "vjp", "jvp"],
)
def test_argument_that_is_no_number_is_named(asker, call):
    message = rf"^{asker} takes real numbers, in lists, .*; argument 1 of energy\['w'\]\[0\] is of type str: 'a'$"
    with pytest.raises(TypeError, match=message):
        call({"w": ["a"]})


@pytest.mark.parametrize(
    ("output", "inputs", "message"),
    [
        (3.0, [Value(1.0)], "takes a Value and a list of Values, got float and list; for a function of numbers there"),
        ([Value(1.0)], [Value(1.0)], "takes a Value and a list of Values, got list and list; for a function"),
        (Value(1.0), Value(1.0), "takes a Value and a list of Values, got Value and Value; for a function"),
        (energy, 1.0, "takes a Value and a list of Values, got function and float; for a function of numbers there is"),
    ],
    ids=["float", "list", "Value", "function"],
)
def test_gradients_of_what_is_no_value_says_what_it_takes(output, inputs, message):
    with pytest.raises(TypeError, match=rf"^gradients\(output, inputs\) {message}"):
        gradients(output, inputs)


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ([1.0], "float: 1.0"),
        ([Value(1.0), "x"], "str: 'x'"),
        ({"a": Value(1.0)}, "str: 'a'"),
        ([[Value(1.0)]], r"list: \[Value"),
        (of(Value(1.0), shape=(1, 1)), "ndarray: array"),
    ],
    ids=["float", "str", "dict", "list", "array"],
)
def test_gradients_by_what_is_no_value_says_what_it_found(inputs, found):
    with pytest.raises(TypeError, match=f"^gradients takes the derivative by Values, got {found}"):
        gradients(Value(1.0), inputs)


def test_jvp_without_tuples_says_what_it_takes():
    message = r"^jvp\(f, primals, tangents\) takes tuples with one entry for each argument of f, got "
    with pytest.raises(TypeError, match=message + "float and float"):
        jvp(sin, 1.0, 1.0)
    with pytest.raises(TypeError, match=message + "tuple and ndarray"):
        jvp(sin, (1.0,), np.ones(1))


@pytest.mark.parametrize(
    ("primals", "tangents", "message"),
    [
        ((1.0,), ([1.0],), r"number; got \[number\]"),
        ((np.ones(2),), ([1.0, 2.0],), r"array\(2,\); got \[number, number\]"),
        ((np.ones(2),), (np.ones((1, 2)),), r"array\(2,\); got array\(1, 2\)"),
        (({"a": 1.0},), ({"b": 1.0},), r"\{'a': number\}; got \{'b': number\}"),
        (((1.0,),), ((1.0, 2.0),), r"\(number,\); got \(number, number\)"),
    ],
    ids=str,
)
def test_tangents_of_another_structure_are_refused(primals, tangents, message):
    with pytest.raises(TypeError, match=f"^a tangent of jvp has the structure of what it multiplies, {message}$"):
        jvp(energy, primals, tangents)


@pytest.mark.parametrize(
    ("primals", "tangents", "found"), [((1.0,), (1.0, 2.0), "2 for 1"), ((1.0, 2.0), (), "0 for 2")]
)
def test_number_of_tangents_is_that_of_the_primals(primals, tangents, found):
    with pytest.raises(TypeError, match=f"^jvp takes one tangent for each of the primals, got {found}$"):
        jvp(energy, primals, tangents)


@pytest.mark.parametrize(
    ("cotangent", "found"), [(1.0, "number"), ([1.0], r"\[number\]"), (((1.0, 2.0)), r"\(number, number\)")]
)
def test_cotangent_of_another_structure_is_refused(cotangent, found):
    _, pullback = vjp(lambda x: [x, x], 1.0)
    with pytest.raises(TypeError, match=rf"^a cotangent of vjp .*, \[number, number\]; got {found}$"):
        pullback(cotangent)


def test_vector_of_another_structure_is_refused():
    with pytest.raises(TypeError, match=r"has the structure of what it multiplies, .*\[number, number\].*; got "):
        hvp(squares)([1.0, 2.0], [1.0])


def test_cotangents_and_tangents_that_are_no_numbers_are_named():
    with pytest.raises(TypeError, match=r"^a cotangent of vjp takes real numbers, .*\[1\] is of type str: 'a'$"):
        vjp(lambda x: [x, x], 1.0)[1]([1.0, "a"])
    with pytest.raises(
        TypeError, match=r"^a tangent of jvp has the structure of what it multiplies, number; got None$"
    ):
        jvp(sin, (1.0,), (None,))


@pytest.mark.parametrize("transform", [value_and_grad, jacobian, hvp])
@pytest.mark.parametrize(("thing", "kind"), [(3.0, "float"), (Value(3.0), "Value"), (None, "NoneType")])
def test_what_is_no_function_is_refused_where_it_is_given(transform, thing, kind):
    message = rf"^{transform.__name__} takes a function, got {kind}; for a Value there is gradients\(\.\.\.\)$"
    with pytest.raises(TypeError, match=message):
        transform(thing)


# Kinks and poles


KINKS = [
    ("relu", relu, [0.0, 0.0, 0.0]),
    ("abs", abs, [0.0, 0.0, 0.0]),
    ("leaky_relu", lambda x: x.leaky_relu(0.25), [0.25, 0.0, 0.0]),
    ("maximum", lambda x: maximum(x, 0.0), [0.5, 0.0, 0.0]),
    ("minimum", lambda x: minimum(0.0, x), [0.5, 0.0, 0.0]),
    ("maximum of squares", lambda x: maximum(x * x, x * x), [0.0, 2.0, 0.0]),
    ("x * relu", lambda x: x * relu(x), [0.0, 0.0, 0.0]),
    ("x * abs", lambda x: x * abs(x), [0.0, 0.0, 0.0]),
    ("x ** 0", lambda x: x**0, [0.0, 0.0, 0.0]),
    ("x ** 2", lambda x: x**2, [0.0, 2.0, 0.0]),
    ("x ** 3", lambda x: x**3, [0.0, 0.0, 6.0]),
    ("sqrt", sqrt, [math.inf, -math.inf, math.inf]),
    ("x ** 0.5", lambda x: x**0.5, [math.inf, -math.inf]),
    ("x ** 1.5", lambda x: x**1.5, [0.0, math.inf]),
    ("asin at its end", lambda x: asin(1.0 - x), [-math.inf]),
    ("x * sqrt", lambda x: x * sqrt(x), [math.nan]),
]


@pytest.mark.parametrize(("title", "f", "wanted"), KINKS, **ids(KINKS))
@pytest.mark.parametrize("name", ["grad", "jvp", "vjp", "jacobian"])
def test_kinks_and_poles_keep_their_conventions_in_higher_orders(title, f, wanted, name):
    for order, number in enumerate(wanted, start=1):
        assert derivative([name] * order, f)(0.0) == pytest.approx(number, nan_ok=True)


def test_operands_that_are_not_differentiated_bring_no_nan():
    assert grad(lambda x: x ** Value(2.0) * sqrt(Value(0.0)))(-3.0) == 0.0
    assert grad(lambda x, b: x**b)(-2.0, 3.0) == 12.0
    assert hessian(lambda x: x**3.0)(-2.0) == -12.0


def test_infinite_slope_of_what_is_not_asked_for_stays_away():
    x, w = Value(0.0), Value(3.0)
    y = sqrt(x) * w
    assert gradients(y, [w]) == [0.0]
    assert jacobian(lambda w: [w, w * sqrt(x.detach())])(2.0) == [1.0, 0.0]


# Cost


@pytest.fixture
def sweeps(monkeypatch):
    made = []
    accumulate = _linearization.accumulate
    monkeypatch.setattr(
        _linearization, "accumulate", lambda *args, **named: made.append(1) or accumulate(*args, **named)
    )
    return made


@pytest.fixture
def walked(monkeypatch):
    lengths = []

    def counted(*args, **named):
        order = topological_order(*args, **named)
        lengths.append(len(order))
        return order

    monkeypatch.setattr(_linearization, "topological_order", counted)
    return lengths


@pytest.mark.parametrize("n", [1, 2, 20])
def test_hvp_makes_two_sweeps_whatever_the_number_of_arguments(n, sweeps):
    hvp(squares)([1.0] * n, [1.0] * n)
    assert len(sweeps) == 2


@pytest.mark.parametrize("n", [1, 20])
def test_grad_jvp_and_each_pullback_make_one_sweep(n, sweeps):
    xs = [1.0] * n
    grad(squares)(xs)
    assert len(sweeps) == 1
    jvp(lambda x: x, (xs,), (xs,))
    assert len(sweeps) == 2
    _, pullback = vjp(lambda x: x, xs)
    assert len(sweeps) == 2
    pullback(xs)
    pullback(xs)
    assert len(sweeps) == 4


@pytest.mark.parametrize(("rows", "columns"), [(1, 20), (20, 1), (3, 20), (20, 3), (5, 5)])
def test_jacobian_makes_as_many_sweeps_as_the_shorter_side_is_long(rows, columns, sweeps):
    jacobian(lambda x: [fsum(x)] * rows)([1.0] * columns)
    assert len(sweeps) == min(rows, columns)


def test_derivative_does_not_walk_what_was_made_before(walked):
    w = Value(1.0)
    history = w
    for _ in range(1000):
        history = sin(history)
    slope = grad(lambda x: x * history)(2.0)
    assert slope.data == history.data
    hvp(lambda x: x * x * history)(2.0, 1.0)
    assert max(walked) < 50
    assert gradients(slope, [w])[0] != 0.0


def test_inner_derivative_does_not_walk_what_the_outer_function_did(walked):
    def f(x):
        y = x
        for _ in range(1000):
            y = sin(y)
        return grad(lambda t: t * y)(x) + y

    grad(f)(1.0)
    inner, outer = walked
    assert inner < 50
    assert outer > 1000


def test_many_inner_derivatives_in_one_function_cost_in_proportion(walked):
    def f(x):
        y = x
        for _ in range(100):
            y = y - 0.1 * grad(lambda t: t * t * t / 3.0)(y)
        return y

    grad(f)(0.5)
    *inner, outer = walked
    assert len(inner) == 100
    assert max(inner) < 20
    assert outer < 100 * 30


@pytest.mark.parametrize("names", [["grad"], ["jvp"], ["grad", "grad"], ["grad", "jvp"], ["hvp", "grad"]])
def test_derivative_of_a_chain_twice_as_long_has_twice_as_many_nodes(names):
    def nodes(n):
        def chain(x):
            for _ in range(n):
                x = sin(x)
            return x

        return len(topological_order(derivative(names, chain)(Value(1.0))))

    short, long = nodes(50), nodes(100)
    assert 1.7 < long / short < 2.3


def chain(n):
    def f(x):
        for _ in range(n):
            x = x * 1.0000001
        return x

    return f


def test_chain_of_a_million_operations_is_differentiated():
    gc.disable()  # as fit does: its time would exceed the arithmetic's
    try:
        found = value_and_grad(chain(1_000_000))(2.0)
    finally:
        gc.enable()
    assert found == pytest.approx((2.0 * math.exp(0.1), math.exp(0.1)), rel=1e-7)


@pytest.mark.parametrize("names", [["jvp"], ["jacobian"], ["grad", "grad"], ["hvp"], ["jvp", "vjp"]], ids="-".join)
def test_derivatives_of_long_chains_need_no_recursion(names):
    n = 20 * sys.getrecursionlimit()
    f = lambda x: chain(n)(x) * x
    found = derivative(names, f)(2.0)
    growth = 1.0000001**n
    order = sum(2 if name in SECOND else 1 for name in names)
    assert found == pytest.approx({1: 4.0, 2: 2.0}[order] * growth, rel=1e-7)


def test_result_of_a_long_chain_is_differentiated_by_backward():
    x = Value(2.0)
    slope = grad(lambda t: chain(20_000)(t) * t)(x)
    slope.backward()
    assert x.grad == pytest.approx(2.0 * 1.0000001**20_000, rel=1e-9)


# Copies and threads


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def test_results_are_pickled_with_their_graphs():
    w = Value(3.0)
    found = jacobian(lambda x: [w * x[0] ** 2, {"a": x[1]}])([2.0, 5.0])
    copied = pickled(found)
    assert same(copied, data(found))
    leaf = next(node for node in topological_order(copied[0][0]) if node.data == 3.0 and node.op is None)
    assert gradients(copied[0][0], [leaf]) == [4.0]
    copied[0][0].backward()
    assert w.grad is UNREACHED


def test_plain_results_are_pickled():
    value, slope = value_and_grad(squares)({"a": np.ones(2), "b": (1.0, Point(2.0, 3.0))})
    assert same(pickled(slope), slope)
    assert pickled(value) == value


def test_pickled_model_is_differentiated_like_the_original():
    model = MLP(1, [3, 1], "tanh", seed=1)
    copied = pickled(model)
    slope = lambda model: grad(lambda t: model([t]))(0.5)
    assert slope(copied).data == slope(model).data
    slope(copied).backward()
    assert any(parameter.grad for parameter in copied.parameters())
    assert not any(parameter.grad for parameter in model.parameters())


@pytest.fixture
def frequent_switches():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(tasks):
    failures = []

    def run(task):
        try:
            task()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.usefixtures("frequent_switches")
def test_threads_get_right_answers_and_the_clock_never_goes_back():
    shared = Value(2.0)
    model = MLP(1, [3, 1], "tanh", seed=1)
    u = lambda t: model([t])
    wanted = hessian(u)(0.5).data
    working = [True]
    ticks = []

    def work(k):
        own = Value(float(k))
        for i in range(40):
            own.data = float(k + i)
            slope = grad(lambda x: own * x**3 * shared)(2.0)
            assert slope.data == (k + i) * 24.0
            assert gradients(slope, [own, shared]) == [24.0, (k + i) * 12.0]
            assert grad(lambda x: grad(lambda y: x * y * y)(x))(float(k)) == 4.0 * k
            assert hvp(lambda x: x[0] ** 2 * x[1])([2.0, float(k)], [1.0, 10.0]) == [2.0 * k + 40.0, 4.0]
            assert hessian(u)(0.5).data == wanted
            with no_grad():
                assert grad(lambda x: x * x)(float(k)) == 2.0 * k

    def watch():
        while working[0]:
            ticks.append(clock.now.tick)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        in_threads([functools.partial(work, k) for k in (1, 2, 3, 4)])
    finally:
        working[0] = False
        watcher.join()
    assert ticks == sorted(ticks)
    assert modes.blocks == 0


@pytest.mark.usefixtures("frequent_switches")
def test_ticks_of_several_threads_only_rise():
    first = clock.now.tick
    seen = [[] for _ in range(4)]

    def work(mine):
        for i in range(2000):
            mine.append(clock.advance())
            if i % 10 == 0:
                with scope("part"):
                    mine.append(clock.advance())

    in_threads([functools.partial(work, mine) for mine in seen])
    for mine in seen:
        assert mine == sorted(set(mine))
    assert clock.now.tick >= max(map(max, seen)) > first


def test_pullback_is_called_in_another_thread():
    w = Value(3.0)
    _, pullback = vjp(lambda x: w * x * x, 2.0)
    found = []
    in_threads([lambda: found.append(pullback(1.0)[0])] * 3)
    assert [gradients(slope, [w]) for slope in found] == [[4.0]] * 3


def test_no_grad_of_one_thread_is_not_that_of_another():
    w = Value(3.0)
    with no_grad():
        in_threads([lambda: grad(lambda x: w * x * x)(2.0).backward()])
    assert w.grad == 4.0


def test_derivatives_of_plain_numbers_leave_numpy_unloaded():
    code = (
        "import sys; from autograd import grad, hessian, hvp, jacobian, jvp, vjp; f = lambda p: p['a'][0] ** 3; "
        "p = {'a': [2.0, 1.0]}; hessian(f)(p); hvp(f)(p, p); jvp(f, (p,), (p,)); vjp(f, p)[1](1.0); jacobian(f)(p); "
        "assert 'numpy' not in sys.modules"
    )
    root = Path(autograd.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("result", [[], (), {}], ids=repr)
@pytest.mark.parametrize("transform", [grad, value_and_grad, hessian], ids=lambda transform: transform.__name__)
def test_function_that_returns_an_empty_container_is_refused(result, transform):
    with pytest.raises(TypeError, match=r"takes a function that returns one number, <lambda> returned "):
        transform(lambda x: result)(1.0)


@pytest.mark.parametrize(
    ("f", "argument", "wanted"),
    [
        (lambda x: 3.0, [], []),
        (lambda x: [3.0, 4.0], {}, [{}, {}]),
        (lambda x: {"a": 3.0}, (), {"a": ()}),
        (lambda x: 3.0, np.zeros((2, 0)), np.zeros((2, 0))),
        (lambda x: np.ones(2), np.zeros((0, 3)), np.zeros((2, 0, 3))),
    ],
    ids=["list", "dict", "tuple", "array", "arrays"],
)
def test_jacobian_by_no_numbers_has_no_numbers(f, argument, wanted):
    found = jacobian(f)(argument)
    assert same(found, wanted)


def test_jacobian_by_no_arguments_has_empty_tuples():
    assert jacobian(lambda x: [x, x], ())(1.0) == [(), ()]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("grad", lambda: grad(3.0)),
        ("hessian", lambda: hessian(3.0)),
        ("vjp", lambda: vjp(3.0, 1.0)),
        ("jvp", lambda: jvp(3.0, (1.0,), (1.0,))),
    ],
    ids=["grad", "hessian", "vjp", "jvp"],
)
def test_what_is_no_function_is_refused_in_the_name_of_the_transform(name, call):
    with pytest.raises(TypeError, match=rf"^{name} takes a function, got float"):
        call()


@pytest.mark.parametrize("inputs", [3.0, None])
def test_gradients_by_what_is_no_list_says_what_it_takes(inputs):
    with pytest.raises(TypeError, match=r"^gradients\(output, inputs\) takes .* list of Values, got Value and "):
        gradients(Value(1.0), inputs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: value_and_grad(lambda x: [x])(1.0), "^value_and_grad takes a function that returns one number"),
        (lambda: hvp(squares)([1.0, 2.0], [1.0]), r"of hvp .*, \[number, number\]; got \[number\]$"),
        (lambda: hvp(squares)(["a"], [1.0]), r"^hvp takes real numbers, .* of squares\[0\] is of type str"),
    ],
    ids=["value_and_grad", "vector of hvp", "argument of hvp"],
)
def test_errors_are_in_the_name_of_the_transform_that_was_called(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@every_capture
def test_value_of_the_surroundings_that_the_function_assigns_stays_connected(name):
    w = Value(2.0)

    def f(x):
        if w.data != 5.0:
            w.data = 5.0
        return w * x**3

    found = CAPTURING[name](f, 2.0)
    assert isinstance(found, Value)
    assert gradients(found, [w])[0] == (8.0 if name == "value" else 12.0)


def test_assignment_within_an_inner_function_cuts_no_derivative():
    w = Value(2.0)

    def u(t):
        w.data = 2.0
        return w * t * t

    loss = grad(u)(3.0) ** 2 + w
    assert gradients(loss, [w]) == [2.0 * 12.0 * 6.0 + 1.0]


def test_pullback_after_a_parameter_was_changed_is_an_error():
    w = Value(3.0, label="w")
    _, pullback = vjp(lambda x: w * x, 2.0)
    w.data = 7.0
    with pytest.raises(RuntimeError, match=r"the data of the leaf w was changed to 7\.0 after"):
        pullback(1.0)


@pytest.mark.parametrize("f", [lambda x: x, lambda x: x + 1.0], ids=["identity", "sum"])
def test_results_are_not_the_tangents_and_cotangents_themselves(f):
    t = Value(5.0)
    assert vjp(f, 2.0)[1](t)[0] is not t
    assert jvp(f, (2.0,), (t,))[1] is not t


def test_results_are_distinct_nodes():
    a, b = Value(1.0), Value(2.0)
    by_a, by_b = gradients(a + b, [a, b], create_graph=True)
    assert by_a is not by_b
    by_a, by_b = grad(lambda a, b: a + b, (0, 1))(a, b)
    assert by_a is not by_b


@pytest.mark.parametrize("x", [2.0, Value(2.0)], ids=["float", "Value"])
def test_value_within_no_grad_is_connected_to_nothing(x):
    w = Value(3.0)
    f = lambda x: w * x**3
    with no_grad():
        values = [value_and_grad(f)(x)[0], vjp(f, x)[0], jvp(f, (x,), (1.0,))[0]]
    assert data(values) == [24.0] * 3
    assert [value.parents for value in values] == [()] * 3


@pytest.mark.parametrize("name", OPERATORS)
def test_graphs_are_freed_when_their_last_reference_goes(name):
    f, x = derivative([name], lambda x: x * x * x), Value(2.0)
    gc.collect()
    gc.disable()
    try:
        f(x)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_results_are_python_floats_whatever_a_partial_derivative_returns():
    square = operation("square", lambda x: x * x, lambda y, x: np.float64(2.0) * x)
    x = Value(3.0)
    assert type(gradients(square(x), [x])[0]) is float
    assert type(grad(square)(3.0)) is float


@pytest.mark.parametrize(
    "call",
    [
        lambda f, p, v: jvp(f, (p,), (v,)) == (4.0, 44.0),
        lambda f, p, v: hvp(f)(p, v) == {"a": 4.0, "b": 42.0},
        lambda f, p, v: vjp(lambda p: p, p)[1](v) == (v,),
    ],
    ids=["jvp", "hvp", "vjp"],
)
def test_order_of_the_keys_of_a_tangent_is_of_no_matter(call):
    assert call(lambda p: p["a"] * p["b"] ** 2, {"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 10.0})


CONDITIONS = {
    "a comparison": lambda x: x > 1,
    "of the other kind": lambda x: x >= 1,
    "NumPy's": lambda x: np.bool_(x > 1),
    "of an array": lambda x: np.array([x, 2.0 * x]) > 1.0,
}
TRANSFORMS = {
    "grad": lambda f: grad(f)(3.0),
    "value_and_grad": lambda f: value_and_grad(f)(3.0),
    "jacobian": lambda f: jacobian(f)(3.0),
    "hessian": lambda f: hessian(f)(3.0),
    "vjp": lambda f: vjp(f, 3.0),
    "jvp": lambda f: jvp(f, (3.0,), (1.0,)),
    "hvp": lambda f: hvp(f)(3.0, 1.0),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("f", CONDITIONS.values(), ids=CONDITIONS)
def test_function_that_returns_a_comparison_is_a_type_error_that_says_what_to_do(f, transform):
    message = f"^{transform} takes a function that returns numbers, <lambda> returned a comparison, .* where"
    with pytest.raises(TypeError, match=message):
        TRANSFORMS[transform](f)


# Auxiliary results


def fitted(x, k=2.0):
    return k * x[0] ** 2 * x[1], {"square": x[0] ** 2, "title": "fit", "steps": 3, "flags": [True, None]}


AUX = {"square": 4.0, "title": "fit", "steps": 3, "flags": [True, None]}


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: grad(fitted, has_aux=True)([2.0, 3.0]), ([24.0, 8.0], AUX)),
        (lambda: value_and_grad(fitted, has_aux=True)([2.0, 3.0]), ((24.0, AUX), [24.0, 8.0])),
        (lambda: jacobian(fitted, has_aux=True)([2.0, 3.0]), ([24.0, 8.0], AUX)),
        (lambda: hessian(fitted, has_aux=True)([2.0, 3.0]), ([[12.0, 8.0], [8.0, 0.0]], AUX)),
        (lambda: jvp(fitted, ([2.0, 3.0],), ([1.0, 0.0],), has_aux=True), (24.0, 24.0, AUX)),
        (lambda: vjp(fitted, [2.0, 3.0], has_aux=True)[::2], (24.0, AUX)),
        (lambda: vjp(fitted, [2.0, 3.0], has_aux=True)[1](1.0), ([24.0, 8.0],)),
        (lambda: grad(fitted, argnums=1, has_aux=True)([2.0, 3.0], 2.0), (12.0, AUX)),
        (lambda: grad(fitted, has_aux=True)([2.0, 3.0], k=4.0)[0], [48.0, 16.0]),
    ],
    ids=["grad", "value_and_grad", "jacobian", "hessian", "jvp", "vjp", "pullback", "argnums", "keyword"],
)
def test_aux_is_returned_as_in_jax(call, wanted):
    found = call()
    assert found == wanted
    assert not any(isinstance(x, Value) for x in walk_through(found))


def walk_through(thing):
    if isinstance(thing, (list, tuple, dict)):
        for part in thing.values() if isinstance(thing, dict) else thing:
            yield from walk_through(part)
    else:
        yield thing


def test_aux_is_differentiated_by_what_is_around():
    def slope_and_more(a):
        slope, aux = grad(lambda x: (a * x**3, [a * x, "title"]), has_aux=True)(2.0)
        return slope * aux[0]

    assert grad(slope_and_more)(5.0) == 2 * 12.0 * 2.0 * 5.0
    slope, aux = grad(lambda x: (x * x, x + 1.0), has_aux=True)(Value(3.0))
    assert (type(slope), type(aux), aux.data) == (Value, Value, 4.0)


def test_aux_of_arrays_and_objects_is_kept():
    own, integers = object(), np.array([1, 2])
    slope, aux = grad(lambda x: (x * x, (np.array([x, 2.0 * x]), integers, own)), has_aux=True)(3.0)
    assert (slope, aux[0].tolist(), aux[0].dtype) == (6.0, [3.0, 6.0], float)
    assert aux[1] is integers
    assert aux[2] is own


@pytest.mark.parametrize(
    ("transform", "result", "found"),
    [(grad, 1.0, "a float"), (jacobian, [1.0, 2.0], "a list"), (value_and_grad, (1.0, 2.0, 3.0), "a tuple of 3")],
)
def test_function_with_aux_that_returns_no_pair_is_refused(transform, result, found):
    message = rf"^{transform.__name__}\(f, has_aux=True\) takes a function that returns a pair: .* returned {found}$"
    with pytest.raises(TypeError, match=message):
        transform(lambda x: result, has_aux=True)(1.0)


# Products with the Hessian of functions with further arguments


def cubic(x, k, y=1.0):
    return k * x[0] ** 2 * x[1] * y


@pytest.mark.parametrize("compiled", [lambda f: f, autograd.compile], ids=["eager", "compiled"])
def test_hvp_takes_further_arguments_before_the_vector(compiled):
    of_x = compiled(hvp(cubic))
    assert of_x([2.0, 3.0], 2.0, [1.0, 10.0]) == [92.0, 8.0]
    assert compiled(hvp(cubic))([2.0, 3.0], 2.0, 0.5, [1.0, 10.0]) == [46.0, 4.0]
    assert compiled(hvp(cubic, argnums=1))([2.0, 3.0], 2.0, 1.0) == 0.0
    by_both = compiled(hvp(cubic, argnums=(0, 2)))([2.0, 3.0], 1.0, 2.0, ([1.0, 0.0], 1.0))
    assert by_both == ([12.0 + 12.0, 8.0 + 4.0], 12.0)


def test_hvp_passes_keywords_on():
    assert hvp(cubic)([2.0, 3.0], 2.0, [1.0, 10.0], y=0.5) == [46.0, 4.0]


def test_hvp_agrees_with_the_hessian_for_all_argnums():
    arguments, v = ([2.0, 3.0], 2.0, 0.7), [0.3, -1.0, 2.0, 0.4]
    flat = hessian(lambda z: cubic([z[0], z[1]], z[2], z[3]))([2.0, 3.0, 2.0, 0.7])
    wanted = [sum(a * b for a, b in zip(row, v, strict=True)) for row in flat]
    (x, k, y) = hvp(cubic, argnums=(0, 1, 2))(*arguments, (v[:2], v[2], v[3]))
    assert [*x, k, y] == pytest.approx(wanted, rel=1e-14)


def test_hvp_without_a_vector_says_where_it_stands():
    with pytest.raises(TypeError, match=r"^hvp\(f\)\(\*args, v\) takes the arguments of cubic and then, .* got 1 by"):
        hvp(cubic)([2.0, 3.0])
    with pytest.raises(TypeError, match=r"^the vector of hvp has the structure of .*\(\[number, number\], number\)"):
        hvp(cubic, argnums=(0, 1))([2.0, 3.0], 2.0, [1.0, 2.0])


@pytest.mark.parametrize(
    "returned",
    [
        lambda x: x > 1.0,
        lambda x: [x < 5.0, x > 1.0],
        lambda x: {"a": (x > 0.0, x <= 1.0)},
        lambda x: np.array([x, x]) > 1.0,
        lambda x: np.array([x < 1.0, x > 1.0], dtype=object),
    ],
)
@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, lambda f: lambda x: jvp(f, (x,), (1.0,))])
def test_comparisons_as_the_result_are_an_error(transform, returned):
    with pytest.raises(TypeError, match="returned a comparison, which is true or false and has no derivative"):
        transform(returned)(3.0)


def test_hvp_hands_on_what_is_beside_the_value():
    product, aux = hvp(lambda x, k: (k * x**3, {"square": x * x, "name": "cube"}), has_aux=True)(2.0, 5.0, 1.0)
    assert (product, aux) == (60.0, {"square": 4.0, "name": "cube"})
    w = Value(2.0)
    product, aux = hvp(lambda x: (w * x**3, x), has_aux=True)(2.0, 1.0)
    assert gradients(product, [w]) == [12.0]
    with pytest.raises(TypeError, match=r"hvp\(f, has_aux=True\) takes a function that returns a pair"):
        hvp(lambda x: x * x, has_aux=True)(2.0, 1.0)


def test_direction_is_arranged_as_its_point_however_deep_its_dicts_are():
    point, direction = {"a": [{"x": 2.0, "y": 3.0}], "b": 5.0}, {"b": 7.0, "a": [{"y": 1.0, "x": 0.0}]}
    f = lambda p: p["a"][0]["x"] * p["a"][0]["y"] + p["b"]
    assert jvp(f, (point,), (direction,)) == (11.0, 2.0 + 7.0)
    assert vjp(lambda p: p, point)[1](direction) == ({"a": [{"x": 0.0, "y": 1.0}], "b": 7.0},)


def test_gradient_that_is_computed_to_be_zero_is_handed_on_to_an_infinite_derivative():
    f = lambda x: [0.0 * sqrt(x[0]), x[1]]
    assert math.isnan(grad(lambda x: f(x)[0])([0.0, 1.0])[0])
    assert same(jacobian(f)([0.0, 1.0]), [[math.nan, 0.0], [0.0, 1.0]])
    assert same(jvp(f, ([0.0, 1.0],), ([1.0, 0.0],))[1], [math.nan, 0.0])


OPERATIONS = {  # of a gradient: as few as the derivative has
    "x + y": (lambda x, y: x + y, ["pos"]),
    "sin(x)": (lambda x, y: sin(x), ["cos", "*"]),
    "x y": (lambda x, y: x * y, ["*"]),
    "x x": (lambda x, y: x * x, ["dot"]),
    "sin(x) + x": (lambda x, y: sin(x) + x, ["cos", "dot"]),
    "x sin(x)": (lambda x, y: sin(x) * x, ["sin", "cos", "*", "dot"]),
    "x y or y": (lambda x, y: where(x < y, x * y, y), ["where", "*"]),
}


@pytest.mark.parametrize(("f", "names"), OPERATIONS.values(), ids=OPERATIONS)
def test_gradient_that_is_a_value_has_no_more_operations_than_it_needs(f, names):
    x, y = Value(0.5), Value(2.0)
    (slope,) = gradients(f(x, y), [x], create_graph=True)
    assert [node.op.name for node in topological_order(slope) if node.op] == names
