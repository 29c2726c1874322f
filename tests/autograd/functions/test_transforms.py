"""Derivatives of functions: their structure, their order, what they connect to, and what they cost."""

import contextlib
import functools
import itertools
import math
import random

import numpy as np
import pytest

import autograd as ad
from autograd import Constant, Value, grad, gradients, hessian, hvp, jacobian, jvp, no_grad, value_and_grad, vjp
from autograd.engine import clock, modes
from autograd.engine.chain import topological_order
from autograd.engine.node import UNREACHED
from autograd.functions import _linearization
from autograd.functions.structure import flatten
from tests.autograd.functions.nested import Point, array_of, data, every_argument, same, values_of
from tests.collector import leaves_no_cycle
from tests.errors import error_of
from tests.threads import in_threads

# Each takes a function of one number to its derivative.


def by_gradients(f):
    def derivative(x):
        x = x * 1.0 if isinstance(x, Value) else Value(x)  # a node of its own
        return gradients(f(x), [x], create_graph=True)[0]  # a Value, which `data` reads

    return derivative


FIRST = {
    "grad": grad, "value_and_grad": lambda f: lambda x: value_and_grad(f)(x)[1],
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,))[1], "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    "jacobian": jacobian, "gradients": by_gradients,
}  # fmt: skip
SECOND = {"hessian": hessian, "hvp": lambda f: lambda x: hvp(f)(x, 1.0)}
OPERATORS = FIRST | SECOND
every_pair = pytest.mark.parametrize(("outer", "inner"), [*itertools.product(FIRST, repeat=2)])
plain_or_value = pytest.mark.parametrize("x", [2.0, Value(2.0)], ids=["float", "Value"])


def derivative(names, f):
    for name in names:
        f = OPERATORS[name](f)
    return f


def order_of(names):
    return sum(2 if name in SECOND else 1 for name in names)


def squares(argument):
    return ad.fsum([x * x for x in flatten(argument)[0]])


def cubes(argument):
    return ad.fsum([x * x * x for x in flatten(argument)[0]])


def check_refusal(kind, message, call, *args):
    with pytest.raises(kind, match=message):
        call(*args)


def cubic(x, k, y=1.0):
    return k * x[0] ** 2 * x[1] * y


# What they return


@every_argument
def test_derivatives_have_the_structure_of_the_argument(argument, numbers):
    structure, n = flatten(argument)[1], len(numbers)
    plain, doubled = structure.unflatten(numbers), structure.unflatten([2.0 * x for x in numbers])
    v = [10.0 + i for i in range(n)]
    nested_v = structure.unflatten(v)
    slopes, by_values = grad(squares)(argument), grad(squares)(structure.unflatten(map(Value, numbers)))
    assert same(slopes, doubled)
    assert all(type(x) is float for x in flatten(slopes)[0])
    if isinstance(argument, np.ndarray):
        assert (slopes.dtype, slopes.shape) == (float, argument.shape)
    assert same(by_values, doubled)
    assert len(values_of(by_values)) == n
    identity = lambda x: x
    value, pullback = vjp(identity, argument)
    assert same(value, plain)
    assert same(pullback(nested_v), (nested_v,))
    assert same(jvp(identity, (argument,), (nested_v,)), (plain, nested_v))
    assert sorted(flatten(jacobian(identity)(argument))[0]) == [0.0] * (n * n - n) + [1.0] * n
    assert same(hvp(cubes)(argument, nested_v), structure.unflatten([6.0 * a * b for a, b in zip(numbers, v)]))


@pytest.mark.parametrize("x", [3, True, np.float64(3.0), np.float32(0.5), np.int64(3), np.bool_(True)])
def test_numbers_of_all_kinds_give_floats(x):
    value, slope = value_and_grad(lambda x: x * x)(x)
    assert (value, slope) == (float(x) ** 2, 2.0 * float(x))
    assert type(value) is type(slope) is float
    one = type(x)(1)
    assert jvp(lambda x: 3.0 * x, (2.0,), (one,)) == (6.0, 3.0)
    assert vjp(lambda x: 3.0 * x, 2.0)[1](one) == (3.0,)


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


ARGNUMS = {  # of a * b**2 * c**3 at 2, 3, 5
    **{0: 1125.0, 1: 1500.0, 2: 1350.0, -1: 1350.0, -3: 1125.0, (): (), (0,): (1125.0,)},
    **{(0, 2): (1125.0, 1350.0), (2, 0): (1350.0, 1125.0), (2, -3): (1350.0, 1125.0)},
}


@pytest.mark.parametrize(("argnums", "wanted"), [*ARGNUMS.items(), ([2, 0], (1350.0, 1125.0))], ids=str)
def test_argnums_chooses_the_arguments_and_the_order_of_the_gradient(argnums, wanted):
    f = lambda a, b, c: a * b**2 * c**3
    assert same(grad(f, argnums)(2.0, 3.0, 5.0), wanted)
    assert same(value_and_grad(f, argnums)(2.0, 3.0, 5.0), (2250.0, wanted))


def test_jacobian_by_values_is_an_array_of_values():
    found = jacobian(lambda x: x * x)(array_of(Value(1.0), 2.0))
    assert found.dtype == object
    assert all(isinstance(entry, Value) for entry in found.ravel())
    assert data(found).tolist() == [[2.0, 0.0], [0.0, 4.0]]


RETURNED = {
    "array": (lambda x: np.array([x, 1.0], dtype=object), np.array([2.0, 1.0]), np.array([1.0, 0.0])),
    "array of no dimension": (lambda x: np.array(x, dtype=object), np.array(2.0), np.array(1.0)),
    "list": (lambda x: [x, 5, np.float32(0.5), True], [2.0, 5.0, 0.5, 1.0], [1.0, 0.0, 0.0, 0.0]),
    "namedtuple": (lambda x: Point(x, {"a": x * x}), Point(2.0, {"a": 4.0}), Point(1.0, {"a": 4.0})),
    "integer array": (lambda x: np.arange(2), np.array([0.0, 1.0]), np.array([0.0, 0.0])),
    "nothing": (lambda x: [], [], []),
}


@pytest.mark.parametrize(("f", "value", "slope"), RETURNED.values(), ids=RETURNED)
def test_results_come_back_in_the_structure_that_the_function_returned(f, value, slope):
    assert same(jacobian(f)(2.0), slope)
    assert same(jvp(f, (2.0,), (1.0,)), (value, slope))
    assert same(vjp(f, 2.0)[0], value)


NUMBERS = {  # functions of 2: what they return, the value and the slope
    "argument itself": (lambda x: x, 2.0, 1.0), "argument with a plus": (lambda x: +x, 2.0, 1.0),
    "plain number": (lambda x: 5, 5.0, 0.0), "NumPy number": (lambda x: np.float64(5.0), 5.0, 0.0),
    "fresh leaf": (lambda x: Value(5.0), 5.0, 0.0), "constant": (lambda x: Constant(5.0), 5.0, 0.0),
    "node not made from it": (lambda x: Value(5.0) * 2.0, 10.0, 0.0), "data": (lambda x: x.data * 3.0, 6.0, 0.0),
    "detached": (lambda x: x.detach() * x, 4.0, 2.0), "detached only": (lambda x: x.detach(), 2.0, 0.0),
    "branch": (lambda x: x * x if x > 1.0 else -x, 4.0, 4.0),
}  # fmt: skip


@pytest.mark.parametrize(("f", "value", "slope"), NUMBERS.values(), ids=NUMBERS)
def test_function_may_return_anything_that_is_a_number(f, value, slope):
    for x, kind in ((2.0, float), (Value(2.0), Value)):
        for name in ("grad", "value_and_grad", "jvp", "vjp", "jacobian"):
            assert data(FIRST[name](f)(x)) == slope, name
        for found in (value_and_grad(f)(x), jvp(f, (x,), (1.0,))):
            assert data(found) == (value, slope)
            assert all(isinstance(number, kind) for number in found)


of_two, by_square = (lambda a, b: {"p": a * b[0], "q": (b[1],)}), (lambda a, b: a[0] * b * b)
nested, with_keys = (lambda x, p: {"y": x * p["a"][0] + p["b"]}), (lambda p: p["a"][0]["x"] * p["a"][0]["y"] + p["b"])
thrice, blocks = (lambda x: [x, x, x * x]), (lambda p: p["a"][0] * p["b"] ** 2)
AT, DEEP = (2.0, {"a": [3.0], "b": 4.0}), {"a": [{"x": 2.0, "y": 3.0}], "b": 5.0}
OTHER_ORDER = {"b": 7.0, "a": [{"y": 1.0, "x": 0.0}]}  # of the keys
NESTED_RESULTS = {  # what is called, and what it returns
    "jacobian by the first": (lambda: jacobian(of_two, 0)(2.0, [3.0, 4.0]), {"p": 3.0, "q": (0.0,)}),
    "jacobian by the second": (lambda: jacobian(of_two, 1)(2.0, [3.0, 4.0]), {"p": [2.0, 0.0], "q": ([0.0, 1.0],)}),
    "jacobian by both": (lambda: jacobian(of_two, (0, 1))(2.0, [3.0, 4.0]),
        {"p": (3.0, [2.0, 0.0]), "q": ((0.0, [0.0, 1.0]),)}),
    "jacobian by both, the last first": (lambda: jacobian(of_two, (-1, 0))(2.0, [3.0, 4.0]),
        {"p": ([2.0, 0.0], 3.0), "q": (([0.0, 1.0], 0.0),)}),
    "jacobian by none": (lambda: jacobian(lambda x: [x, x], ())(1.0), [(), ()]),
    "hessian by the first": (lambda: hessian(by_square, 0)([2.0], 3.0), [[0.0]]),
    "hessian by the second": (lambda: hessian(by_square, 1)([2.0], 3.0), 4.0),
    "hessian by both": (lambda: hessian(by_square, (0, 1))([2.0], 3.0), ([([0.0], 6.0)], ([6.0], 4.0))),
    "hessian, the last first": (lambda: hessian(by_square, (1, 0))([2.0], 3.0), ((4.0, [6.0]), [(6.0, [0.0])])),
    "hessian by a dict": (lambda: hessian(blocks)({"a": [3.0], "b": 2.0}),
        {"a": [{"a": [0.0], "b": 4.0}], "b": {"a": [4.0], "b": 6.0}}),
    "a number twice, pulled back": (lambda: vjp(thrice, 3.0)[1]([1.0, 10.0, 100.0]), (611.0,)),
    "a number twice, pushed forward": (lambda: jvp(thrice, (3.0,), (2.0,))[1], [2.0, 2.0, 12.0]),
    "a number twice, in a jacobian": (lambda: jacobian(thrice)(3.0), [1.0, 1.0, 6.0]),
    "a Value as two arguments": (lambda: grad(lambda a, b: a * a * b, (0, 1))(*[Value(3.0)] * 2), (18.0, 9.0)),
    "a Value twice in an argument": (lambda: grad(lambda xs: xs[0] ** 2 * xs[1])([Value(3.0)] * 2), [18.0, 9.0]),
    "jvp of lists": (lambda: jvp(lambda x, y: x * y, primals=[2.0, 3.0], tangents=[1.0, 10.0]), (6.0, 23.0)),
    "jvp of several arguments": (lambda: jvp(nested, AT, (1.0, {"a": [10.0], "b": 100.0})),
        ({"y": 10.0}, {"y": 123.0})),
    "vjp of several arguments": (lambda: vjp(nested, *AT)[1]({"y": 10.0}), (30.0, {"a": [20.0], "b": 10.0})),
    "vjp of none": (lambda: (lambda value, pull: (value, pull(1.0)))(*vjp(lambda: 3.0)), (3.0, ())),
    "a pullback that is called again": (
        lambda: [*map(vjp(lambda x, y: [x * y, x], 2.0, 3.0)[1], ([1.0, 0.0], [1.0, 0.0], [0.0, 1.0]))],
        [(3.0, 2.0), (3.0, 2.0), (1.0, 0.0)]),
    "a tangent in another order": (lambda: jvp(with_keys, (DEEP,), (OTHER_ORDER,)), (11.0, 2.0 + 7.0)),
    "a cotangent in another order": (lambda: vjp(lambda p: p, DEEP)[1](OTHER_ORDER),
        ({"a": [{"x": 0.0, "y": 1.0}], "b": 7.0},)),
    "a vector in another order": (
        lambda: hvp(lambda p: p["a"] * p["b"] ** 2)({"a": 1.0, "b": 2.0}, {"b": 1.0, "a": 10.0}),
        {"a": 4.0, "b": 42.0}),
}  # fmt: skip


@pytest.mark.parametrize(("call", "wanted"), NESTED_RESULTS.values(), ids=NESTED_RESULTS)
def test_result_is_nested_as_arguments_and_what_the_function_returns(call, wanted):
    assert same(call(), wanted)


# gradients(output, inputs)


def test_gradients_are_by_any_nodes_and_floats_without_create_graph():
    x, w, c = Value(3.0), Value(2.0), Constant(3.0)
    h = x * x
    y = h * x + h
    found = gradients(h * w, [x, w])
    assert found == [12.0, 9.0]
    assert all(type(slope) is float for slope in found)
    assert gradients(y, [h, x]) == [4.0, 33.0]  # total derivatives
    assert gradients(y, [h]) == [4.0]
    assert gradients(h, [h, x]) == [1.0, 6.0]
    assert gradients(x, [x]) == [1.0]
    assert gradients(x * w, [x, w, x]) == [2.0, 3.0, 2.0]
    assert gradients(c * c * w, [c, w]) == [12.0, 9.0]
    assert gradients(x, []) == []
    for create_graph in (False, True):
        assert data(gradients(h, [w, h * w, x, Value(1.0)], create_graph)) == [0.0, 0.0, 6.0, 0.0]
    for container in (list, tuple, iter, lambda xs: (x for x in xs), lambda xs: array_of(*xs)):
        assert gradients(x * w, container([x, w])) == [2.0, 3.0]


def test_gradients_with_create_graph_are_differentiable_in_turn():
    x, w = Value(2.0), Value(5.0)
    (slope,) = gradients(w * x**3, [x], create_graph=True)
    assert gradients(slope, [x, w]) == [60.0, 12.0]
    slope.backward()
    assert (x.grad, w.grad) == (60.0, 12.0)


def test_tangents_and_cotangents_that_are_values_are_differentiated_by():
    t = Value(5.0)
    for found in (jvp(lambda x: x**3, (2.0,), (t,))[1], vjp(lambda x: x**3, 2.0)[1](t)[0]):
        assert (found.data, gradients(found, [t])) == (60.0, [12.0])
    for f in (lambda x: x, lambda x: x + 1.0):  # results are nodes of their own
        assert vjp(f, 2.0)[1](t)[0] is not t
        assert jvp(f, (2.0,), (t,))[1] is not t


# Order

WORDS = [
    *itertools.product(FIRST, repeat=2), *itertools.product(FIRST, repeat=3),
    *random.Random(1).sample(list(itertools.product(FIRST, repeat=4)), 40),
    *random.Random(2).sample(list(itertools.product(FIRST, repeat=5)), 40), *itertools.product(SECOND, SECOND),
    *(word for name in SECOND for first in FIRST for word in itertools.permutations([name, first])),
    *itertools.permutations(["hessian", "hvp", "grad"]), *itertools.permutations(["hvp", "hvp", "jvp"]),
    *itertools.permutations(["hessian", "jvp", "vjp", "grad"]),
    *itertools.permutations(["hvp", "jacobian", "gradients", "jvp"]),
]  # fmt: skip


@pytest.mark.parametrize("innermost", OPERATORS)
def test_derivatives_of_any_kind_nest_in_any_order(innermost):
    for names in dict.fromkeys(WORDS):
        if names[0] == innermost:
            order = order_of(names)
            wanted = 2.0 ** (order / 2.0) * math.exp(0.7) * math.sin(0.7 + order * math.pi / 4.0)
            found = derivative(names, lambda x: ad.exp(x) * ad.sin(x))(0.7)
            assert data(found) == pytest.approx(wanted, rel=1e-12), names


@pytest.mark.parametrize("three", [3, np.float64(3.0)], ids=repr)
def test_nested_derivatives_of_floats_are_floats_whatever_a_partial_returns(three):
    cube, x = ad.operation("cube", lambda x: x * x * x, lambda y, x: three * x * x), Value(2.0)
    found = [*gradients(cube(x), [x]), *(derivative(["grad"] * n, cube)(2.0) for n in range(1, 5))]
    assert (found, {*map(type, found)}) == ([12.0, 12.0, 12.0, 6.0, 0.0], {float})


# Perturbation confusion: Siskind and Pearlmutter, "Perturbation Confusion and Referential Transparency" (2005);
# Manzyuk et al., "Perturbation Confusion in Forward Automatic Differentiation of Higher-Order Functions" (2019).


def number_kept(D, d):
    def f(x):
        kept = []
        d(lambda y: kept.append(x * y) or y * y)(x)
        return kept[0]

    return D(f)(3.0)


def cell_written(D, d):
    def f(x):
        cell = {"state": x}

        def g(y):
            cell["state"] = cell["state"] * y
            return cell["state"]

        slope = d(g)(2.0)  # x
        return slope * cell["state"]  # x * 2 x

    return D(f)(3.0)


NESTED = {  # an outer derivative D of what an inner one, d, is part of
    "sum of both variables": (lambda D, d: D(lambda x: x * d(lambda y: x + y)(1.0))(1.0), 1.0),
    "product, at the outer one": (lambda D, d: D(lambda x: d(lambda y: x * y * y)(x))(3.0), 12.0),
    "product, at a number": (lambda D, d: D(lambda x: x * d(lambda y: x * y)(2.0))(3.0), 6.0),
    "slope 1": (lambda D, d: D(lambda x: d(lambda y: x * x + y)(x))(3.0), 0.0),
    "the same name": (lambda D, d: D(lambda x: x * d(lambda x: x * x)(x))(3.0), 12.0),
    "the same name twice": (lambda D, d: D(lambda x: d(lambda x: x * x)(x) * d(lambda x: x)(x))(3.0), 2.0),
    "square": (lambda D, d: D(lambda x: d(lambda y: y * y)(x))(3.0), 2.0),
    "outer one alone": (lambda D, d: D(lambda x: d(lambda y: x)(x))(3.0), 0.0),
    "identity": (lambda D, d: D(lambda x: d(lambda y: y)(x) * x)(3.0), 1.0),
    "number kept by the inner function": (number_kept, 6.0),
    "cell written by the inner function": (cell_written, 12.0),
}


@every_pair
def test_inner_derivative_is_by_its_own_argument_only(outer, inner):
    for title, (nested, wanted) in NESTED.items():
        assert data(nested(FIRST[outer], FIRST[inner])) == wanted, title


def three_levels(a, b, c):
    cubic = a(lambda x: b(lambda y: c(lambda z: x * y * z + x * z * z)(y))(x))(2.0)
    return cubic, a(lambda x: x * b(lambda y: y * c(lambda z: x * y * z)(x))(x))(2.0)


def left_over():
    """What depends on a number that is left over from an earlier call, which is no variable of a later one."""
    left = []
    grad(lambda x: left.append(x) or x * x)(2.0)
    return grad(lambda y: y * left[0])(3.0), grad(lambda y: left[0] * left[0])(2.0)


cube_pulled = lambda c: vjp(lambda t: t**3, 2.0)[1](c)[0]
pulled_by = lambda x: lambda c: vjp(lambda t: t * t * x, x)[1](c)[0]
pulled_twice = lambda x: grad(lambda c: pulled_by(x)(c * c * x))(x)
pushed, area = (lambda x: jvp(lambda y: y * x * y, (2.0,), (x,))[1]), (lambda x: x[0] ** 2 * x[1])
WITHIN = {  # derivatives of what derivatives are used in
    "a pullback, by its cotangent": (lambda: grad(lambda c: cube_pulled(c * c))(5.0), 120.0),
    "a pullback, pushed forward": (lambda: jvp(cube_pulled, (5.0,), (1.0,)), (60.0, 12.0)),
    "a pullback, twice": (lambda: hessian(lambda c: cube_pulled(c * c))(5.0), 24.0),
    "a pullback made within": (lambda: grad(lambda x: grad(pulled_by(x))(1.0))(3.0), 12.0),
    "a pullback within, by its cotangent": (lambda: pulled_twice(3.0), 2 * 3.0**3 * 2 * 3.0),
    "a pullback within, by both": (lambda: grad(pulled_twice)(3.0), 16 * 3.0**3),
    "a tangent that is the variable": (lambda: [grad(pushed)(3.0), *jvp(pushed, (3.0,), (1.0,))], [24.0, 36.0, 24.0]),
    "a primal and a tangent": (lambda: grad(lambda x: jvp(lambda y: y**3, (x,), (x,))[1])(2.0), 36.0),
    "a vector": (lambda: jacobian(lambda v: hvp(area)([2.0, 3.0], v))([1.0, 10.0]), [[6.0, 4.0], [4.0, 0.0]]),
    "beside a vector": (lambda: grad(lambda x: ad.fsum(hvp(area)(x, [1.0, 10.0])))([2.0, 3.0]), [22.0, 2.0]),
    "a number left over": (left_over, (2.0, 0.0)),
    **{
        f"three levels: {', '.join(names)}": (lambda names=names: three_levels(*map(FIRST.get, names)), (3.0, 24.0))
        for names in itertools.product(["grad", "jvp", "vjp"], repeat=3)
    },
}


@pytest.mark.parametrize(("call", "wanted"), WITHIN.values(), ids=WITHIN)
def test_derivative_within_a_derivative_is_by_its_own_variable(call, wanted):
    assert same(call(), wanted)


@pytest.mark.parametrize("operator", FIRST)
def test_derivative_of_a_curried_function_by_its_first_argument(operator):
    d = FIRST[operator]

    def curried_derivative(f):  # of f: number -> (function -> (number -> number)), in its first argument
        return lambda u: lambda g: lambda x: d(lambda u: f(u)(g)(x))(u)

    shifted = lambda u: lambda g: lambda x: g(x + u)
    differentiate = curried_derivative(shifted)(0.0)
    assert data(differentiate(ad.exp)(1.0)) == pytest.approx(math.e, rel=1e-15)
    assert data(differentiate(differentiate(ad.sin))(1.0)) == pytest.approx(-math.sin(1.0), rel=1e-15)
    thrice = differentiate(differentiate(differentiate(lambda x: x**5)))
    assert data(thrice(2.0)) == 240.0


# Values of the surroundings

CAPTURING = OPERATORS | {
    "value": lambda f: lambda x: value_and_grad(f)(x)[0],
    "tall jacobian": lambda f: lambda x: jacobian(lambda x: [f(x), f(x)])(x)[1],
}
every_capture = pytest.mark.parametrize("name", CAPTURING)


@every_capture
def test_result_is_a_value_connected_to_the_values_of_the_surroundings(name):
    w, x = Value(0.5), Value(2.0)
    found = CAPTURING[name](lambda x: w * x**3)(2.0)
    by_w = 8.0 if name == "value" else 12.0
    assert isinstance(found, Value)
    assert (found.data, gradients(found, [w])) == (0.5 * by_w, [by_w])
    found.backward()
    found.backward()
    assert w.grad == 2.0 * by_w
    assert gradients(CAPTURING[name](lambda x: x**4)(x), [x]) == [32.0 if name == "value" else 48.0]


@every_capture
def test_leaf_that_the_function_assigns_stays_connected_or_is_an_error(name):
    def assigned_before_its_use(x):
        if w.data != 5.0:
            w.data = 5.0
        return w * x**3

    def assigned_after_its_use(x):
        y = v * x * x
        v.data = 5.0
        return y

    w, v = Value(2.0), Value(2.0, label="v")
    found = CAPTURING[name](assigned_before_its_use)(2.0)
    assert isinstance(found, Value)
    assert gradients(found, [w])[0] == (8.0 if name == "value" else 12.0)
    with pytest.raises(RuntimeError, match=r"the data of the leaf v was changed to 5\.0 after"):
        CAPTURING[name](assigned_after_its_use)(2.0)


def test_values_reach_the_function_by_closure_argument_keyword_or_computed():
    w = Value(5.0)
    node = w * w
    found = [grad(lambda x: w * x * x)(3.0), grad(lambda x, w: w * x * x)(3.0, w)]
    found.append(grad(lambda x, *, w: w * x * x)(3.0, w=w))
    assert [gradients(slope, [w]) for slope in found] == [[6.0]] * 3
    assert gradients(grad(lambda x: node * x)(2.0), [w, node]) == [10.0, 1.0]
    cut = w.detach()
    assert gradients(grad(lambda x: x * cut)(2.0), [w, cut]) == [0.0, 1.0]
    assert gradients(grad(lambda x: x)(w), [w]) == [0.0]


def test_what_takes_no_gradient_leaves_floats():
    w, c = Value(3.0), Constant(3.0)
    for f in (
        lambda x: x * Constant(3.0), lambda x: x * Value(3.0), lambda x: x * np.float64(3.0),
        lambda x: x * sum([1.0, 2.0]), lambda x: x * c, lambda x: x * w.data, lambda x: x * w.detach(),
        lambda x: x * 3.0 if w > 0.0 else x,
    ):  # fmt: skip
        assert (type(grad(f)(2.0)), grad(f)(2.0)) == (float, 3.0)
    assert (type(grad(lambda x: x * x)(c)), grad(lambda x: x * x)(c)) == (float, 6.0)


def test_what_does_not_depend_on_the_argument_has_derivative_zero():
    assert grad(lambda x: grad(lambda y: y**3)(x.detach()))(2.0) == 0.0
    assert grad(lambda x: grad(lambda y: y.detach() * y * x)(x))(2.0) == 2.0
    w = Value(3.0)
    value, slope = value_and_grad(lambda x: w)(2.0)
    assert (value.data, slope.data) == (3.0, 0.0)
    assert gradients(value, [w]) == [1.0]
    slope.backward()
    assert w.grad == 0.0
    value, tangent = jvp(lambda x: [x, 5.0, w * x], (2.0,), (1.0,))
    assert len(values_of([value, tangent])) == 6  # all numbers are Values where one depends on the surroundings
    assert data(tangent) == [1.0, 0.0, 3.0]


def test_nobodys_grad_is_touched():
    x, w = Value(2.0), Value(3.0)
    node = w * w
    f = lambda x: node * x * x
    y = f(x)
    gradients(y, [x, w, node])
    gradients(y, [x], create_graph=True)
    for operator in CAPTURING.values():
        operator(f)(x)
    hvp(f)(x, w)
    jvp(f, (x,), (w,))
    vjp(f, x)[1](w)
    assert all(known.grad is UNREACHED for known in [x, w, node, *topological_order(y)])


def test_backward_within_the_function_is_the_callers_business():
    w = Value(3.0)

    assert data(grad(lambda x: (y := w * x * x).backward() or y)(2.0)) == 12.0
    assert w.grad == 4.0


def network(parameters):
    return lambda t: sum(v * ad.tanh(w * t + b) for v, w, b in zip(*[iter(parameters)] * 3))


RESIDUALS = {
    "grad": lambda u, t: grad(u)(t) + u(t), "value_and_grad": lambda u, t: ad.fsum(value_and_grad(u)(t)),
    "jvp": lambda u, t: ad.fsum(jvp(u, (t,), (1.0,))), "vjp": lambda u, t: vjp(u, t)[1](1.0)[0] + u(t),
    "second": lambda u, t: grad(grad(u))(t) + u(t), "hvp": lambda u, t: hvp(u)(t, 1.0) + u(t),
    "hessian by gradients": lambda u, t: by_gradients(by_gradients(u))(t) + u(t),
    "third": lambda u, t: grad(hessian(u))(t) * u(t),
    "laplacian": lambda u, t: ad.fsum(row[i] for i, row in enumerate(hessian(lambda x: u(x[0] * x[1]))([t, 0.5]))),
}  # fmt: skip


@pytest.mark.parametrize("residual", RESIDUALS.values(), ids=RESIDUALS)
def test_loss_with_derivatives_of_a_network_reaches_its_parameters(residual):
    def loss(parameters):
        return ad.mean([residual(network(parameters), t) ** 2 for t in (0.0, 0.4, 1.0)])

    start = [0.5, -1.1, 0.3, -0.7, 0.9, 0.2]
    parameters = [Value(x) for x in start]
    loss(parameters).backward()
    for i, parameter in enumerate(parameters):
        above, below = (loss([x + h * (i == j) for j, x in enumerate(start)]) for h in (1e-5, -1e-5))
        assert parameter.grad == pytest.approx(data(above - below) / 2e-5, rel=1e-6, abs=1e-7)
        assert parameter.grad != 0.0


# Recording


@plain_or_value
def test_derivatives_within_no_grad_are_computed_and_connected_to_nothing(x):
    w, v = Value(3.0), Value(2.0)
    f, before = lambda x: w * x**3, v**3
    with no_grad():
        found = [operator(f)(x) for name, operator in CAPTURING.items() if name not in ("gradients", "value")]
        values = [value_and_grad(f)(x)[0], vjp(f, x)[0], jvp(f, (x,), (1.0,))[0], f(v)]
        several = jacobian(lambda x: [w * x, x])(x)
        nested = grad(grad(f))(x)
        (slope,) = gradients(before, [v], create_graph=True)
        assert data(grad(lambda x: x**3)(x)) == 12.0
        assert modes.paused()
    assert not modes.paused()
    assert data([found, values, several, nested, slope]) == [[36.0] * 8, [24.0] * 4, [3.0, 1.0], 36.0, 12.0]
    assert {node.parents for node in values_of([found, values, several, nested, slope])} == {()}


def test_what_is_computed_within_no_grad_is_a_constant_of_the_function():
    def product(x):
        with no_grad():
            y = x * x
        return x * y

    def of_a_slope(x):
        with no_grad():
            slope = grad(lambda y: y**3)(x)
        return x * slope

    assert (grad(product)(3.0), grad(grad(product))(3.0), grad(of_a_slope)(2.0)) == (9.0, 0.0, 12.0)
    assert grad(no_grad()(lambda x: x * x))(3.0) == 0.0


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
        with ad.scope("part"):
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


RESULTS = [
    lambda x, w: x + w, lambda x, w: x - w, lambda x, w: w * x, lambda x, w: w * x + 1.0, lambda x, w: ad.exp(x) * 1.0,
    lambda x, w: ad.exp(x), lambda x, w: ad.fsum([x, w]), lambda x, w: ad.dot([x], [w]), lambda x, w: -1.0 * -x,
    lambda x, w: x, lambda x, w: x**2 / 2, lambda x, w: w,
]  # fmt: skip


def test_results_are_distinct_nodes_of_which_a_label_labels_no_other():
    for f in RESULTS:
        x, w = Value(2.0), Value(3.0)
        y = f(x, w)
        graph = topological_order(y)
        by_x, by_w = gradients(y, [x, w], create_graph=True)
        by_a, by_b = grad(f, (0, 1))(x, w)
        assert by_x is not by_w
        assert by_a is not by_b
        of_x = lambda x, f=f, w=w: f(x, w)
        for result in (by_x, grad(of_x)(x), jvp(of_x, (x,), (1.0,))[1], vjp(of_x, x)[1](1.0)[0]):
            result.label = "slope"
        assert {node.label for node in [*graph, x, w]} == {""}
    first, second = jacobian(lambda t: [t * w] * 2)(x)
    assert first is not second
    value, _ = value_and_grad(lambda t: t)(x)
    assert value is not x
    assert gradients(value, [x]) == [1.0]


def test_scopes_of_the_function_are_recorded_and_end_with_it():
    with ad.scope("outside"):
        with ad.scope("inside") as inside:
            value, _ = value_and_grad(lambda x: x * x * x)(Value(1.0))
        assert (Value(1.0) * 2.0).scope.title == "outside"
    assert value.scope is inside
    assert (value * 1.0).scope is None


# Stale numbers


def test_parameters_may_be_changed_between_calls_and_before_their_use():
    def of_the_number_assigned(x):
        v.data = 5.0
        return v * x * x

    def of_the_number_before(t):
        w.data = 2.0
        return w * t * t

    v, w = Value(2.0), Value(2.0)
    slope = grad(lambda x: w * x * x)
    assert slope(3.0).data == 12.0
    w.data = 5.0
    assert slope(3.0).data == 30.0
    assert data(grad(of_the_number_assigned)(2.0)) == 20.0
    assert data(hessian(of_the_number_assigned)(2.0)) == 10.0
    w.data = 2.0  # an assignment within an inner function cuts no derivative
    assert gradients(grad(of_the_number_before)(3.0) ** 2 + w, [w]) == [2.0 * 12.0 * 6.0 + 1.0]


def test_leaf_that_was_changed_is_named():
    def changing(x):
        w.data = 7.0
        return x * x

    w = Value(3.0, label="w")
    slope, (_, pullback) = grad(lambda x: w * x * x)(3.0), vjp(lambda x: w * x, 2.0)
    message = r"^the data of the leaf w was changed to 7\.0 after this graph was"
    check_refusal(RuntimeError, message, grad(changing), w)
    check_refusal(RuntimeError, message, pullback, 1.0)
    check_refusal(RuntimeError, message, slope.backward)
    assert slope.data == 18.0


# Errors


def energy(*args):
    return args[0]


ASKERS = {  # each with a function
    "grad": lambda f: grad(f)(3.0), "value_and_grad": lambda f: value_and_grad(f)(3.0),
    "hessian": lambda f: hessian(f)(3.0), "hvp": lambda f: hvp(f)(3.0, 1.0), "jacobian": lambda f: jacobian(f)(3.0),
    "vjp": lambda f: vjp(f, 3.0), "jvp": lambda f: jvp(f, (3.0,), (1.0,)),
}  # fmt: skip
every_asker = pytest.mark.parametrize("asker", ASKERS)


OTHERS = {
    "taylor": lambda f: ad.taylor(f, 3.0, 2), "taylor_ode": lambda f: ad.taylor_ode(f, 3.0, 2),
    "argmin": lambda f: ad.argmin(f, 3.0), "root": lambda f: ad.root(f, 3.0), "gradcheck": lambda f: ad.gradcheck(f),
}  # fmt: skip


@pytest.mark.parametrize("asker", ASKERS | OTHERS)
def test_what_is_no_function_is_refused_in_the_name_of_the_transform(asker):
    of_values, itself = r"for a Value there is gradients\(\.\.\.\)", r"give the function itself, first: f, not f\(x\)"
    for thing, kind, remedy in (
        (3.0, "float", itself), (None, "NoneType", itself), (Value(3.0), "Value", of_values),
        ([3.0], "list", itself), ([Value(3.0)], "list", of_values),
    ):  # fmt: skip
        message = rf"^{asker} takes a function, got {kind}; {remedy}$"
        check_refusal(TypeError, message, (ASKERS | OTHERS)[asker], thing)
        if asker in ASKERS and asker not in ("vjp", "jvp"):  # at once, before the derivative is called
            check_refusal(TypeError, message, getattr(ad, asker), thing)


@pytest.mark.parametrize("asker", [asker for asker in ASKERS if asker not in ("vjp", "jvp")])
def test_what_holds_a_function_is_refused_with_where_to_write_it(asker):
    for holder in (classmethod, property):
        name = holder.__name__
        message = f"got {name}; the function stands in it: write @{name} above the line of {asker}$"
        check_refusal(TypeError, message, getattr(ad, asker), holder(lambda x: x))


class Spring:
    def energy(self, x):
        return x * x

    compiled = ad.compile(energy)


@every_asker
def test_instance_that_is_to_be_differentiated_by_is_told_from_what_comes_behind_it(asker):
    whole = {"vjp": lambda f: lambda *args: vjp(f, *args), "jvp": lambda f: lambda *args: jvp(f, args, args)}
    make = whole.get(asker) or getattr(ad, asker)
    made = [make(Spring.energy), make(Spring.compiled)]
    for derivative in made if asker in whole else [*made, *map(ad.compile, made)]:
        found = error_of(derivative, Spring(), 2.0, *[1.0] * (asker == "hvp"))
        assert f"{asker} takes real numbers" in found
        assert "; argument 0 of energy is of type Spring: " in found
        assert found.endswith("\nOf a method, self is argument 0: argnums=1 is the one behind it.")
    assert "self" not in error_of(make(lambda x: x), *["a"] * (1 + (asker == "hvp")))


CONDITIONS = [
    lambda x: x > 1, lambda x: x >= 1, lambda x: not x, lambda x: True, lambda x: np.bool_(x > 1),
    lambda x: np.array([x, 2.0 * x]) > 1.0,
    lambda x: [x < 5.0, x > 1.0], lambda x: {"a": (x > 0.0, x <= 1.0)},
    lambda x: np.array([x < 1.0, x > 1.0], dtype=object),
]  # fmt: skip
NO_NUMBERS = {  # functions that return no number
    r"'a'\]\[1\] is of type str: 'b'$": lambda x: {"a": [x, "b"]},
    "is None, as of a function without a return$": lambda x: None,
    "is of type function: <function ": lambda u: lambda x: x + u,
}


CHECKED = ASKERS | OTHERS | {"gradcheck": lambda f: ad.gradcheck(f, 3.0, order=2)}
every_checked = pytest.mark.parametrize("asker", CHECKED)


@every_checked
def test_function_that_returns_a_comparison_is_refused(asker):
    message = f"^{asker} takes a function that returns numbers, <lambda> returned a comparison, which is true or false"
    for f in CONDITIONS:
        check_refusal(TypeError, message + " and has no derivative; .* where", CHECKED[asker], f)


@every_checked
def test_function_that_returns_no_number_is_refused(asker):
    for found, f in NO_NUMBERS.items():
        message = rf"^{asker} takes real numbers, .*; what <lambda> returned.*{found}"
        check_refusal(TypeError, message, CHECKED[asker], f)


# fmt: off
SEVERAL = {
    r"\[number, number\]": [1.0, 2.0], r"\[number\]": [1.0], r"\[\[\]\]": [[]], r"\[\]": [], r"\(\)": (), r"\{\}": {},
    r"\{'a': number\}": {"a": 1.0}, r"array\(3,\)": np.zeros(3), r"array\(1,\)": np.zeros(1),
    r"array\(0,\)": np.zeros(0), r"\[number x 9\]": [Value(1.0)] * 9,
}
# fmt: on


@pytest.mark.parametrize("asker", ["grad", "value_and_grad", "hessian", "hvp"])
def test_function_that_returns_several_numbers_is_referred_to_jacobian(asker):
    for found, result in SEVERAL.items():
        message = f"^{asker} takes a function that returns one number, <lambda> returned {found}; jacobian differ"
        check_refusal(TypeError, message, ASKERS[asker], lambda x, result=result: result)


NO_ARGUMENT = r"takes real numbers, in lists, .*; argument 1 of energy\['w'\]\[0\] is of type str: 'a'$"
POSITION = "argnums of grad is the position of an argument, or several in a tuple, got"
ONE = "but energy was called with 1 argument$"
TANGENT = "^a tangent of jvp has the structure of what it multiplies,"
GRADIENTS = r"^gradients\(output, inputs\) takes a Value and a list of Values, got"
BY = "^gradients takes the derivative by Values, got"
by_inputs = lambda inputs: lambda: gradients(Value(1.0), inputs)
by = lambda argnums, *args: lambda: grad(energy, argnums)(*args or (1.0,))
along = lambda primals, tangents: lambda: jvp(energy, primals, tangents)
pulled = lambda cotangent: lambda: vjp(lambda x: [x, x], 1.0)[1](cotangent)
words = {"w": ["a"]}

REFUSED = [
    (by(np.array([0])), TypeError, rf"^{POSITION} array"),
    (by(1), ValueError, f"^argnums of grad is 1, {ONE}"),
    (by(-2), ValueError, f"^argnums of grad is -2, {ONE}"),
    (by((0, 3)), ValueError, rf"^argnums of grad is \(0, 3\), {ONE}"),
    (by((0, 0)), ValueError, r"^argnums of grad names an argument twice: \(0, 0\)$"),
    (by((0, -1)), ValueError, r"^argnums of grad names an argument twice: \(0, -1\)$"),
    (by("x"), TypeError, f"^{POSITION} 'x'; write"),
    (by(0.0), TypeError, f"^{POSITION} 0.0; write"),
    (by(True), TypeError, f"^{POSITION} True; write"),
    (by(None), TypeError, f"^{POSITION} None; write"),
    (by((0, "x")), TypeError, rf"^{POSITION} \(0, 'x'\); write"),
    (lambda: grad(lambda x, t: x * t, "t"), TypeError, f"^{POSITION} 't'; write argnums=1$"),
    (lambda: grad(lambda x, *, t: x * t, "t"), TypeError, r"'t'; t is given by its name only: write grad\(lambda t: f"),
    (lambda: hessian(lambda x, t: x * t, ["t", "x"]), TypeError, r", got \['t', 'x'\]; write argnums=\(1, 0\)$"),
    *[
        (lambda f=f: f(energy, 2.0), TypeError, rf"^argnums of .*, got 2\.0; write {f.__name__}\(f\)\(2\.0\)")
        for f in (grad, value_and_grad, jacobian, hessian, hvp)
    ],
    (lambda: jacobian(energy, (0, 3))(1.0), ValueError, rf"^argnums of jacobian is \(0, 3\), {ONE}"),
    (lambda: grad(energy)(), ValueError, r"^argnums of grad is 0, but energy was called with 0 arguments$"),
    (by(1, 0.0, words), TypeError, f"^grad {NO_ARGUMENT}"),
    (lambda: jacobian(energy, 1)(0.0, words), TypeError, f"^jacobian {NO_ARGUMENT}"),
    (lambda: vjp(energy, 0.0, words), TypeError, f"^vjp {NO_ARGUMENT}"),
    (lambda: jvp(energy, (0.0, words), (0.0, words)), TypeError, f"^jvp {NO_ARGUMENT}"),
    (lambda: hvp(squares)(["a"], [1.0]), TypeError, r"^hvp takes real numbers, .* of squares\[0\] is of type str"),
    (lambda: jvp(ad.sin, 1.0, 1.0), TypeError, r"^jvp\(f, primals, tangents\) takes tuples .*, got float and float$"),
    (lambda: jvp(ad.sin, (1.0,), np.ones(1)), TypeError, "one entry for each argument of f, got tuple and ndarray$"),
    (along((1.0,), (1.0, 2.0)), TypeError, "^jvp takes one tangent for each of the primals, got 2 for 1$"),
    (along((1.0, 2.0), ()), TypeError, "^jvp takes one tangent for each of the primals, got 0 for 2$"),
    (along((1.0,), ([1.0],)), TypeError, rf"{TANGENT} number; got \[number\]$"),
    (along((1.0,), (None,)), TypeError, f"{TANGENT} number; got None$"),
    (along((np.ones(2),), ([1.0, 2.0],)), TypeError, rf"{TANGENT} array\(2,\); got \[number, number\]$"),
    (along((np.ones(2),), (np.ones((1, 2)),)), TypeError, rf"{TANGENT} array\(2,\); got array\(1, 2\)$"),
    (along(({"a": 1.0},), ({"b": 1.0},)), TypeError, rf"{TANGENT} \{{'a': number\}}; got \{{'b': number\}}$"),
    (along(((1.0,),), ((1.0, 2.0),)), TypeError, rf"{TANGENT} \(number,\); got \(number, number\)$"),
    (pulled(1.0), TypeError, r"^a cotangent of vjp .*, \[number, number\]; got number$"),
    (pulled([1.0]), TypeError, r"^a cotangent of vjp .*, \[number, number\]; got \[number\]$"),
    (pulled((1.0, 2.0)), TypeError, r"^a cotangent of vjp .*, \[number, number\]; got \(number, number\)$"),
    (pulled([1.0, "a"]), TypeError, r"^a cotangent of vjp takes real numbers, .*\[1\] is of type str: 'a'$"),
    (lambda: hvp(cubic)([2.0, 3.0]), TypeError,
        r"^hvp\(f\)\(\*args, v\) takes the arguments of cubic and then, .* got 1 by"),
    (lambda: hvp(lambda x, k: x[0] * k, (0, 1))([2.0], 2.0, [1.0]), TypeError,
        r"^the vector of hvp .*, \(\[number\], number\); "),
    (lambda: hvp(squares)([1.0, 2.0], [1.0]), TypeError, r"^the vector of hvp .*, \[number, number\]; got \[number\]$"),
    (lambda: gradients(3.0, [Value(1.0)]), TypeError, f"{GRADIENTS} float and list; for a function of numbers there"),
    (lambda: gradients([Value(1.0)], [Value(1.0)]), TypeError, f"{GRADIENTS} list and list; for a function"),
    (by_inputs(Value(1.0)), TypeError, f"{GRADIENTS} Value and Value; for a function"),
    (by_inputs(3.0), TypeError, f"{GRADIENTS} Value and float; for a function"),
    (by_inputs(None), TypeError, f"{GRADIENTS} Value and NoneType; for a function"),
    (lambda: gradients(energy, 1.0), TypeError, f"{GRADIENTS} function and float; for a function of numbers there is"),
    (by_inputs([1.0]), TypeError, f"{BY} float: 1.0"),
    (by_inputs([Value(1.0), "x"]), TypeError, f"{BY} str: 'x'"),
    (by_inputs({"a": Value(1.0)}), TypeError, r"^gradients takes a list of Values, got a dict: .*d\.values\(\)"),
    (by_inputs([[Value(1.0)]]), TypeError, rf"{BY} list: \[Value"),
    (by_inputs(array_of(Value(1.0), shape=(1, 1))), TypeError, f"{BY} ndarray: array"),
    (lambda: grad(ad.log)(-1.0), ValueError, r"log is defined for x > 0, got x = -1\.0"),
    (lambda: jvp(lambda x: 1.0 / x, (0.0,), (1.0,)), ZeroDivisionError, r"got a = 1\.0, b = 0\.0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_mistake_is_named(call, kind, message):
    check_refusal(kind, message, call)


# Kinks and poles

KINKS = {  # the derivatives at 0, from the first order on
    "relu": (ad.relu, [0.0, 0.0, 0.0]), "abs": (abs, [0.0, 0.0, 0.0]),
    "leaky_relu": (lambda x: x.leaky_relu(0.25), [0.25, 0.0, 0.0]),
    "maximum": (lambda x: ad.maximum(x, 0.0), [0.5, 0.0, 0.0]),
    "minimum": (lambda x: ad.minimum(0.0, x), [0.5, 0.0, 0.0]),
    "maximum of squares": (lambda x: ad.maximum(x * x, x * x), [0.0, 2.0, 0.0]),
    "x * relu": (lambda x: x * ad.relu(x), [0.0, 0.0, 0.0]), "x * abs": (lambda x: x * abs(x), [0.0, 0.0, 0.0]),
    "x ** 0": (lambda x: x**0, [0.0, 0.0, 0.0]), "x ** 2": (lambda x: x**2, [0.0, 2.0, 0.0]),
    "x ** 3": (lambda x: x**3, [0.0, 0.0, 6.0]), "sqrt": (ad.sqrt, [math.inf, -math.inf, math.inf]),
    "x ** 0.5": (lambda x: x**0.5, [math.inf, -math.inf]), "x ** 1.5": (lambda x: x**1.5, [0.0, math.inf]),
    "asin at its end": (lambda x: ad.asin(1.0 - x), [-math.inf]), "x * sqrt": (lambda x: x * ad.sqrt(x), [math.nan]),
}  # fmt: skip


@pytest.mark.parametrize(("f", "wanted"), KINKS.values(), ids=KINKS)
def test_kinks_and_poles_keep_their_conventions_in_higher_orders(f, wanted):
    for name in ("grad", "jvp", "vjp", "jacobian"):
        found = [derivative([name] * order, f)(0.0) for order in range(1, len(wanted) + 1)]
        assert found == pytest.approx(wanted, nan_ok=True), name


def test_operands_that_are_not_differentiated_bring_no_nan():
    assert grad(lambda x: x ** Value(2.0) * ad.sqrt(Value(0.0)))(-3.0) == 0.0
    assert grad(lambda x, b: x**b)(-2.0, 3.0) == 12.0
    assert hessian(lambda x: x**3.0)(-2.0) == -12.0
    x, w = Value(0.0), Value(3.0)
    assert gradients(ad.sqrt(x) * w, [w]) == [0.0]
    assert jacobian(lambda w: [w, w * ad.sqrt(x.detach())])(2.0) == [1.0, 0.0]


def test_gradient_that_is_computed_to_be_zero_is_handed_on_to_an_infinite_derivative():
    f = lambda x: [0.0 * ad.sqrt(x[0]), x[1]]
    assert math.isnan(grad(lambda x: f(x)[0])([0.0, 1.0])[0])
    assert same(jacobian(f)([0.0, 1.0]), [[math.nan, 0.0], [0.0, 1.0]])
    assert same(jvp(f, ([0.0, 1.0],), ([1.0, 0.0],))[1], [math.nan, 0.0])


# Cost


@pytest.fixture
def sweeps(monkeypatch):
    made, accumulate = [], _linearization.accumulate
    counted = lambda *args, **named: made.append(1) or accumulate(*args, **named)
    monkeypatch.setattr(_linearization, "accumulate", counted)
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
def test_sweeps_are_as_few_as_they_can_be_whatever_the_number_of_arguments(n, sweeps):
    def made(call):
        sweeps.clear()
        call()
        return len(sweeps)

    xs = [1.0] * n
    assert made(lambda: grad(squares)(xs)) == 1
    assert made(lambda: hvp(squares)(xs, xs)) == 2
    assert made(lambda: jvp(lambda x: x, (xs,), (xs,))) == 1
    _, pullback = vjp(lambda x: x, xs)
    assert made(lambda: vjp(lambda x: x, xs)) == 0
    assert made(lambda: [pullback(xs), pullback(xs)]) == 2
    for height in (1, 3, 5, 20):  # as many as the shorter side is long
        assert made(lambda height=height: jacobian(lambda x: [ad.fsum(x)] * height)(xs)) == min(height, n)


def sines(x, n):
    for _ in range(n):
        x = ad.sin(x)
    return x


def test_derivative_walks_what_its_own_function_did_only(walked):
    def with_an_inner_derivative(x):
        y = sines(x, 1000)
        return grad(lambda t: t * y)(x) + y

    def with_many(x):
        for _ in range(100):
            x = x - 0.1 * grad(lambda t: t * t * t / 3.0)(x)
        return x

    w = Value(1.0)
    history = sines(w, 1000)
    slope = grad(lambda x: x * history)(2.0)
    hvp(lambda x: x * x * history)(2.0, 1.0)
    assert max(walked) < 50
    assert slope.data == history.data
    assert gradients(slope, [w])[0] != 0.0
    walked.clear()
    grad(with_an_inner_derivative)(1.0)
    inner, outer = walked
    assert inner < 50
    assert outer > 1000
    walked.clear()
    grad(with_many)(0.5)
    *inner, outer = walked
    assert len(inner) == 100
    assert max(inner) < 20
    assert outer < 100 * 30


@pytest.mark.parametrize("names", [["grad"], ["jvp"], ["grad", "grad"], ["grad", "jvp"], ["hvp", "grad"]], ids="-".join)
def test_derivative_of_a_chain_twice_as_long_has_twice_as_many_nodes(names):
    nodes = lambda n: len(topological_order(derivative(names, lambda x: sines(x, n))(Value(1.0))))
    assert 1.7 < nodes(100) / nodes(50) < 2.3


OPERATIONS = {  # of a gradient: as few as the derivative has
    "x + y": (lambda x, y: x + y, "pos"), "sin(x)": (lambda x, y: ad.sin(x), "cos *"), "x y": (lambda x, y: x * y, "*"),
    "x x": (lambda x, y: x * x, "dot"), "sin(x) + x": (lambda x, y: ad.sin(x) + x, "cos dot"),
    "x sin(x)": (lambda x, y: ad.sin(x) * x, "sin cos * dot"),
    "x y or y": (lambda x, y: ad.where(x, x * y, y), "where *"),
}  # fmt: skip


@pytest.mark.parametrize(("f", "names"), OPERATIONS.values(), ids=OPERATIONS)
def test_gradient_that_is_a_value_has_no_more_operations_than_it_needs(f, names):
    x, y = Value(0.5), Value(2.0)
    (slope,) = gradients(f(x, y), [x], create_graph=True)
    assert [node.op.name for node in topological_order(slope) if node.op] == names.split()


@pytest.mark.parametrize("name", OPERATORS)
def test_graphs_are_freed_when_their_last_reference_goes(name):
    f, x = derivative([name], lambda x: x * x * x), Value(2.0)
    assert leaves_no_cycle(lambda: f(x))


# Copies and threads


def test_threads_get_right_answers():
    shared = Value(2.0)
    u = network([Value(x) for x in (0.5, -1.1, 0.3)])
    wanted = hessian(u)(0.5).data

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

    in_threads(*(functools.partial(work, k) for k in (1, 2, 3, 4)))
    assert modes.blocks == 0


def test_ticks_of_several_threads_only_rise():
    first = clock.now.tick
    seen = [[] for _ in range(4)]

    def work(mine):
        for i in range(2000):
            mine.append(clock.advance())
            if i % 10 == 0:
                with ad.scope("part"):
                    mine.append(clock.advance())

    in_threads(*(functools.partial(work, mine) for mine in seen))
    for mine in seen:
        assert mine == sorted(set(mine))
    assert clock.now.tick >= max(map(max, seen)) > first


def test_derivatives_in_another_thread_are_those_of_this_one():
    w = Value(3.0)
    _, pullback = vjp(lambda x: w * x * x, 2.0)
    slopes = in_threads(*[lambda: pullback(1.0)[0]] * 3)
    assert [gradients(slope, [w]) for slope in slopes] == [[4.0]] * 3
    with no_grad():  # of one thread is not that of another
        in_threads(lambda: grad(lambda x: w * x * x)(2.0).backward())
    assert w.grad == 4.0


# Auxiliary results


def fitted(x, k=2.0):
    return k * x[0] ** 2 * x[1], {"square": x[0] ** 2, "title": "fit", "steps": 3, "flags": [True, None]}


X, AUX = [2.0, 3.0], {"square": 4.0, "title": "fit", "steps": 3, "flags": [True, None]}
WITH_AUX = {
    "grad": (lambda: grad(fitted, has_aux=True)(X), ([24.0, 8.0], AUX)),
    "value_and_grad": (lambda: value_and_grad(fitted, has_aux=True)(X), ((24.0, AUX), [24.0, 8.0])),
    "jacobian": (lambda: jacobian(fitted, has_aux=True)(X), ([24.0, 8.0], AUX)),
    "hessian": (lambda: hessian(fitted, has_aux=True)(X), ([[12.0, 8.0], [8.0, 0.0]], AUX)),
    "hvp": (lambda: hvp(fitted, has_aux=True)(X, [1.0, 0.0]), ([12.0, 8.0], AUX)),
    "hvp of two": (lambda: hvp(fitted, has_aux=True)(X, 4.0, [1.0, 0.0]), ([24.0, 16.0], AUX)),
    "jvp": (lambda: jvp(fitted, (X,), ([1.0, 0.0],), has_aux=True), (24.0, 24.0, AUX)),
    "vjp": (lambda: vjp(fitted, X, has_aux=True)[::2], (24.0, AUX)),
    "pullback": (lambda: vjp(fitted, X, has_aux=True)[1](1.0), ([24.0, 8.0],)),
    "argnums": (lambda: grad(fitted, argnums=1, has_aux=True)(X, 2.0), (12.0, AUX)),
    "keyword": (lambda: grad(fitted, has_aux=True)(X, k=4.0)[0], [48.0, 16.0]),
}


@pytest.mark.parametrize(("call", "wanted"), WITH_AUX.values(), ids=WITH_AUX)
def test_aux_is_returned_as_in_jax(call, wanted):
    assert call() == wanted  # no Value equals a number


def test_aux_is_differentiated_by_what_is_around():
    def slope_and_more(a):
        slope, aux = grad(lambda x: (a * x**3, [a * x, "title"]), has_aux=True)(2.0)
        return slope * aux[0]

    assert grad(slope_and_more)(5.0) == 2 * 12.0 * 2.0 * 5.0
    slope, aux = grad(lambda x: (x * x, x + 1.0), has_aux=True)(Value(3.0))
    assert (type(slope), type(aux), aux.data) == (Value, Value, 4.0)
    w = Value(2.0)
    product, _ = hvp(lambda x: (w * x**3, x), has_aux=True)(2.0, 1.0)
    assert gradients(product, [w]) == [12.0]


def test_aux_of_arrays_and_objects_is_kept():
    own, integers = object(), np.array([1, 2])
    slope, aux = grad(lambda x: (x * x, (np.array([x, 2.0 * x]), integers, own)), has_aux=True)(3.0)
    assert (slope, aux[0].tolist(), aux[0].dtype) == (6.0, [3.0, 6.0], float)
    assert aux[1] is integers
    assert aux[2] is own


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian, hvp])
def test_function_with_aux_that_returns_no_pair_is_refused(transform):
    named = rf"^{transform.__name__}\(f, has_aux=True\) takes a function that returns a pair: .* returned"
    arguments = (1.0, 1.0) if transform is hvp else (1.0,)
    for result, found in ((1.0, "a float"), ([1.0, 2.0], "a list"), ((1.0, 2.0, 3.0), "a tuple of 3")):
        f = lambda x, result=result: result
        check_refusal(TypeError, f"{named} {found}$", transform(f, has_aux=True), *arguments)


# Products with the Hessian of functions with further arguments


@pytest.mark.parametrize("compiled", [lambda f: f, ad.compile], ids=["eager", "compiled"])
def test_hvp_takes_further_arguments_before_the_vector(compiled):
    of_x = compiled(hvp(cubic))
    assert of_x([2.0, 3.0], 2.0, [1.0, 10.0]) == [92.0, 8.0]
    assert compiled(hvp(cubic))([2.0, 3.0], 2.0, 0.5, [1.0, 10.0]) == [46.0, 4.0]
    assert compiled(hvp(cubic, argnums=1))([2.0, 3.0], 2.0, 1.0, y=0.5) == 0.0
    by_both = compiled(hvp(cubic, argnums=(0, 2)))([2.0, 3.0], 1.0, 2.0, ([1.0, 0.0], 1.0))
    assert by_both == ([12.0 + 12.0, 8.0 + 4.0], 12.0)
