"""Rows beside an infinite slope: one gradient, however it is asked for, where 0 meets infinity or does not arrive."""

import itertools
from math import inf

import pytest

from autograd import Value, cbrt, ceil, compile, floor, grad, gradients, jacobian, jvp, sign, where
from autograd.rules import COMPARISONS, NAry
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import is_close, outcome


def after_infinite_slopes(row, xs, at):
    return row.apply([x + cbrt(x - a) for x, a in zip(xs, at, strict=True)])


def after_one_infinite_slope(row, xs, at):
    return row.apply([xs[0] + cbrt(xs[0] - at[0]), *xs[1:]])


def before_an_infinite_slope(row, xs, at):
    return row.apply(xs) * inf


PLACES = [after_infinite_slopes, after_one_infinite_slope, before_an_infinite_slope]
EAGER_ROWS = [row for row in every_operation() if row not in COMPARISONS]  # which are nodes where traced only


def is_moderate(xs):
    return all(abs(x) < 1e100 for x in xs)


@pytest.mark.parametrize("row", EAGER_ROWS, ids=lambda row: row.name)
def test_gradient_is_the_same_with_a_graph_and_by_backward(row):
    edges = () if isinstance(row, NAry) else filter(is_moderate, row.edges)
    points = [*edges, *itertools.product([0.0, 1.0, -0.5, 2.0], repeat=row.arity or 2)]
    for place, at in itertools.product(PLACES, points):
        leaves = [Value(x) for x in at]
        y = outcome(place, row, leaves, at)
        if isinstance(y, Value):
            plain, graphs = gradients(y, leaves), gradients(y, leaves, create_graph=True)
            y.backward()
            for x, found, graph in zip(leaves, plain, graphs, strict=True):
                for other in (graph.data, x.grad):
                    assert is_close(other, found), (place.__name__, at, other, found)


CONSTANT = {  # but for jumps, with a point where it is 0
    "sign": (lambda x: sign(x) + 1.0, -0.5), "floor": (floor, 0.5), "ceil": (ceil, -0.5),
    "//": (lambda x: x // 2.0, 0.5), "a divisor of //": (lambda x: 0.5 // x, 2.0), "**0": (lambda x: x**0 - 1.0, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTANT)
def test_infinite_slope_after_what_is_constant_is_none_in_either_mode(name):
    constant, at = CONSTANT[name]
    f = lambda x: cbrt(constant(x))
    forward = lambda x: jvp(f, (x,), (1.0,))[1]
    assert grad(f)(at) == grad(grad(f))(at) == forward(at) == grad(forward)(at) == 0.0
    for results in (lambda x: [f(x)], lambda x: [f(x), x, x]):
        assert jacobian(results)(at)[0] == compile(jacobian(results))(at)[0] == 0.0
    assert compile(grad(f))(at) == compile(forward)(at) == compile(f).value_and_grad(at)[1] == 0.0


def test_condition_gets_nothing_of_its_choice():
    x = Value(0.0, "x")
    y = where(cbrt(x), x, 2.0 * x)
    y.backward()
    assert x.grad == gradients(y, [x])[0] == gradients(y, [x], create_graph=True)[0].data == 2.0
