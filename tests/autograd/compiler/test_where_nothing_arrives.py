"""Results at which no adjoint arrives, in all repetitions of a loop or in some: they hand nothing back, not 0."""

import math

import numpy as np
import pytest

import autograd as ad
from autograd import Value, compile, sin, sqrt, value_and_grad
from autograd.functions.structure import flatten
from autograd.rules import COMPARISONS, NOTHING, symbol
from autograd.rules.expression import derivatives
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import assert_as_eager

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


def whole_loop(x):
    a = x
    for _ in range(STEPS):
        a = sin(a) + 0.1
    return x * x + detached(a)


PROGRAMS = {f.__name__: f for f in (last_one_only, infinite_slope_at_first, infinite_slopes, none, whole_loop)}


@pytest.mark.usefixtures("backend_or_pieces")
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradient_is_the_eager_one(name):
    assert_as_eager(PROGRAMS[name], [0.0, 0.7, 2.0, 3.1, 0.2])


USED = {  # by row and column of products of matrices, which results are used
    "a row": ["110"],
    "a column": ["1", "1", "0"],
    "a corner": ["1100", "1100", "0000"],
    "a side": ["0110", "0110", "0000"],
    "a diagonal": ["100", "010", "000"],
    "here and there": ["101000", "010010", "000000", "100000"],
    "other ones in each product": ["110/001", "110/000", "000/001"],
}


@pytest.mark.sample(8)
@pytest.mark.usefixtures("backend_or_pieces")
@pytest.mark.parametrize("size", [1, 5])  # small programs are run step by step, large ones by arrays
@pytest.mark.parametrize("use", [ad.rules.positive, ad.tanh], ids=["as they are", "tanh"])
@pytest.mark.parametrize("name", USED)
def test_infinite_rows_of_products_get_nothing_where_nothing_arrives(name, use, size):
    used = np.array([[list(map(int, row)) for row in line.split("/")] for line in USED[name]]).swapaxes(0, 1)
    used = np.kron(used, np.ones((1, size, size), dtype=int))
    layers, n, m = used.shape
    A, B = (np.arange(1.0, layers * k * 4 + 1).reshape(layers, k, 4) / 7.0 for k in (n, m))
    A[..., 0][~used.any(axis=2)] = math.inf
    B[..., 1][~used.any(axis=1)] = math.inf

    def f(A, B):
        products = [[[ad.dot(a, b) for b in B[k]] for a in A[k]] for k in range(layers)]
        return ad.fsum(
            [use(products[k][i][j]) if on else detached(products[k][i][j]) for (k, i, j), on in np.ndenumerate(used)]
        )

    point = A.tolist(), B.tolist()
    wanted = flatten(value_and_grad(lambda p: f(*p))(point))[0]
    assert flatten(compile(lambda p: f(*p)).value_and_grad(point))[0] == pytest.approx(wanted, rel=1e-14)
    batch = compile(f, batched="A").value_and_grad([point[0]] * 2, point[1])[1]
    assert flatten(batch)[0] == pytest.approx([slope / 2.0 for slope in wanted[1 : 1 + A.size]] * 2, rel=1e-14)


BY_OPERAND = [(row, n) for row in every_operation() if row not in COMPARISONS for n in range(row.arity or 2)]


@pytest.mark.sample(8)
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("row", "operand"), BY_OPERAND, ids=lambda part: getattr(part, "name", part))
def test_infinite_slope_gets_nothing_where_others_of_its_group_get_something(row, operand):
    within = 1.5 if row is ad.acosh else 0.5

    def f(xs):
        steep = [within + sqrt(x) for x in xs]
        first, *others = [row.apply([y if n == operand else within for n in range(row.arity or 2)]) for y in steep]
        return ad.fsum(others) + detached(first) + detached(ad.fsum(steep)) + xs[0]

    point = [0.0, *[0.01] * 7]
    assert value_and_grad(f)(point)[1][0] == 1.0
    assert_as_eager(f, [point, point[::-1]])


def is_flat(row):
    """Whether a row is constant but for its jumps: it hands 0 back, whatever arrives."""
    slopes = derivatives(row, symbol("y"), list(map(symbol, range(row.arity or 2))))
    return row not in COMPARISONS and any(slope is NOTHING for slope in slopes)


@pytest.mark.sample(4)
@pytest.mark.usefixtures("backend_or_pieces")
@pytest.mark.parametrize("outer", [sqrt, ad.cbrt, lambda y: ad.asin(y + 1.0), lambda y: ad.fsum([sqrt(y), y])])
@pytest.mark.parametrize("row", [*filter(is_flat, every_operation())], ids=lambda row: row.name)
def test_constant_with_jumps_hands_nothing_back_to_an_infinite_slope(row, outer):
    at = row.evaluate([2.5] * row.arity)
    assert_as_eager(lambda xs: outer(row.apply(xs[: row.arity]) - at) + xs[0], [[2.5, 2.5]])


def test_rows_that_are_constant_but_for_jumps_are_those_that_say_so():
    assert {row.name for row in every_operation() if is_flat(row)} >= {"sign", "floor", "ceil", "//", "**0"}
