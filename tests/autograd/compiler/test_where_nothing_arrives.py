"""Results at which no adjoint arrives, in all repetitions of a loop or in some: they hand nothing back, not 0."""

import numpy as np
import pytest

import autograd as ad
from autograd import Value, compile, sin, sqrt, value_and_grad
from autograd.functions.structure import flatten

STEPS = 100


def detached(x):
    return x.detach() if isinstance(x, Value) else x


def last_one_only(x):
    """Of s, only the last one reaches the result with a derivative; the others are detached."""
    a = s = x
    for _ in range(STEPS):
        s = sin(a * 1.1)
        a = a * 0.9 + detached(s * 3.0) * 0.1
    return a + s


def infinite_slope_at_first(x):
    """At 0 the slope of the first root is infinite; something arrives at the last one only."""
    a = root = x * 1.0
    for _ in range(STEPS):
        root = sqrt(a)
        a = a * 0.9 + detached(root) * 0.01 + 0.05
    return a + root


def infinite_slopes(x):
    """At 0 all slopes are infinite, and nothing arrives at any."""
    a = x * 1.0
    for _ in range(STEPS):
        a = a * 1.01 + detached(sqrt(a)) * 0.5
    return a


def none(x):
    a = x
    for _ in range(STEPS):
        a = a * 0.99 + detached(sin(a) * 4.0) * 0.05
    return a


PROGRAMS = {f.__name__: f for f in (last_one_only, infinite_slope_at_first, infinite_slopes, none)}


@pytest.mark.usefixtures("backend_or_pieces")
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradient_is_the_eager_one(name):
    f, points = PROGRAMS[name], [0.0, 0.7, 2.0, 3.1, 0.2]
    eager = [value_and_grad(lambda x: f(x * 1.0))(x) for x in points]
    one = compile(f)
    wanted = pytest.approx(flatten(eager)[0], rel=1e-13, abs=0.0)
    assert flatten([one.value_and_grad(x) for x in points])[0] == wanted
    w = Value(1.0, "w")
    batch = compile(lambda x: f(w * x), batched="x", wrt=[w])
    assert batch.each(points) == pytest.approx([y for y, _ in eager], rel=1e-13, abs=0.0)
    wanted = [slope / len(points) for _, slope in eager]
    assert batch.value_and_grad(points)[1] == pytest.approx(wanted, rel=1e-12, abs=0.0)


@pytest.mark.usefixtures("backend_or_pieces")
def test_products_of_rows_with_one_row_hand_back_where_something_arrives():
    W = np.arange(12.0).reshape(4, 3) / 7.0 - 0.5

    def f(rows, x):
        products = [ad.dot(row, x) for row in rows]
        return sin(products[0]) * products[1] + detached(products[2]) + detached(products[3])

    point = [list(map(float, row)) for row in W], [0.3, -0.2, 0.5]
    found = compile(value_and_grad(lambda p: f(*p)))(point)
    assert flatten(found)[0] == pytest.approx(flatten(value_and_grad(lambda p: f(*p))(point))[0], rel=1e-14)
