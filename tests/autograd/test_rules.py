"""Every row of the table against its own definition, evaluated by mpmath with hundreds of digits.

The tests iterate the table. A row states its definition, its domain and its edges; the points are the corners of
floating point: zeros, subnormals, tails, poles and numbers beside them. A new row is tested by being there.
"""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import mpmath
import pytest
from mpmath import mp

from autograd import Value, gradients, rules
from autograd.operation import NAry, Operation
from autograd.testing import every_operation
from tests.oracle import evaluated, exact

EPS = 2.0**-52
SPAN = 1e-100
SMALLEST_NORMAL = 2.0**-1022
DIGITS = {1: 420}  # exp(-745) is 324 digits below 1; 40 and more are left of it after any cancellation
MORE_DIGITS = 800  # 1e200 + 5e-324 alone has 524

MAGNITUDES = [
    5e-324, 3e-310, 2.3e-308, 1e-200, 1e-100, 1e-20, 1e-9, 1e-4, 0.1, 0.3, 0.49, 0.5, 0.7, 0.9, 0.999, 1 - 2**-53,
    1.0, 1 + 2**-52, 1.001, 1.1, 1.5, 1.57, 2.0, 2.5, math.pi, 5.0, 6.3, 10.0, 19.0, 26.6, 36.0, 40.0, 100.0, 300.0,
    700.0, 708.5, 744.0, 1e4, 1e9, 1e16, 1e20, 1e100, 1e154, 1e200, 1e308,
]  # fmt: skip
GRID = [0.0, *MAGNITUDES, *(-x for x in MAGNITUDES)]
COARSE = [0.0, 5e-324, 1e-200, 1e-9, 0.3, 0.7, 1.0, 2.0, 3.5, 40.0, 700.0, 1e9, 1e200]
COARSE = [*COARSE, *(-x for x in COARSE[1:])]


FIXED = [row for row in every_operation() if not isinstance(row, NAry)]
ids = {"ids": lambda row: row.name}


def defined(row: Operation, operands: tuple[float, ...]) -> bool:
    return not row.domain or bool(evaluated(row.domain, dict(zip(row.arguments, operands, strict=True)), math))


def step(x: Any) -> Any:
    return mp.mpf(10) ** -50 * (abs(x) or (1 if mp.dps < MORE_DIGITS else mp.mpf(10) ** -330))


def difference(f: Any, x: Any, order: int = 1) -> Any:
    """The derivative of f by central differences in steps of 1e-50 x; each order loses 50 of the 420 digits."""
    h = step(x) if order == 1 else mp.mpf(10) ** -50 * (abs(x) or 1)
    if order == 1:
        return (f(x + h) - f(x - h)) / (2 * h)
    if order == 2:
        return (f(x + h) - 2 * f(x) + f(x - h)) / h**2
    return (f(x + 2 * h) - 2 * f(x + h) + 2 * f(x - h) - f(x - 2 * h)) / (2 * h**3)


def points(row: Operation) -> list[tuple[float, ...]]:
    arity = len(row.partials)
    if arity == 1:
        chosen = [(x,) for x in GRID]
        rng = random.Random(7)
        chosen += [(rng.choice((-1, 1)) * 10 ** rng.uniform(-12, 3),) for _ in range(40)]
        chosen += [(rng.uniform(-4, 4),) for _ in range(40)]
    elif arity == 2:
        chosen = list(itertools.product(COARSE, COARSE))
    else:
        chosen = list(itertools.product([0.0, 1.0, -2.0, 3.0, 0.3], repeat=arity))
    if row in (rules.power, rules.ieee_power):  # b a ** (b - 1) would pass through a ** (b - 1), which overflows there
        chosen = [operands for operands in chosen if not 0.0 < abs(operands[0]) < SMALLEST_NORMAL]
    return [operands for operands in chosen if defined(row, operands)]


def agrees(found: float, wanted: Any, sensitivity: Any, floor: float = 0.0) -> bool:
    """Whether |found - wanted| <= 8 eps |wanted| (1 + condition), where |wanted| condition = sensitivity."""
    if mpmath.isnan(wanted):
        return math.isnan(found)
    if abs(wanted) * (1 + 8 * EPS) > 1.7976931348623157e308:
        return math.isinf(found) or abs(found) > 1.797e308
    if not math.isfinite(found):
        return False
    magnitude = max(abs(wanted), mp.mpf(SMALLEST_NORMAL)) + sensitivity
    return bool(abs(mp.mpf(found) - wanted) <= 8 * EPS * magnitude + floor)


def sensitivity(f: Any, operands: list[Any]) -> Any:
    """sum_i |x_i df/dx_i|: how far an error of eps in each operand moves the result, in units of eps."""
    total = mp.mpf(0)
    for i, x in enumerate(operands):
        if x != 0:
            with_x = lambda value, i=i: f(*operands[:i], value, *operands[i + 1 :])
            try:
                total += abs(x * difference(with_x, x))
            except (ValueError, ZeroDivisionError, TypeError):
                total += 0  # a step left the domain
    return total


def smooth(row: Operation, operands: tuple[float, ...], i: int) -> bool:
    """Whether the function has a two-sided derivative here."""
    x = mp.mpf(operands[i])
    h = step(x)
    at = lambda value: exact(row, (*operands[:i], value, *operands[i + 1 :]))
    try:
        right, left = (at(x + h) - at(x)) / h, (at(x) - at(x - h)) / h
    except (ValueError, ZeroDivisionError):
        return False
    if any(isinstance(side, mpmath.mpc) or not mpmath.isfinite(side) for side in (left, right)):
        return False
    return bool(abs(right - left) <= mp.mpf(10) ** -30 * (abs(left) + abs(right)) or left == right == 0)


@pytest.fixture(autouse=True)
def digits(request):
    row = request.node.callspec.params["row"]
    with mp.workdps(DIGITS.get(len(row.partials), MORE_DIGITS)):
        yield


@pytest.mark.parametrize("row", FIXED, **ids)
def test_value_has_full_accuracy_over_the_domain(row):
    for operands in points(row):
        wanted = exact(row, operands)
        try:
            found = row.evaluate(operands)
        except OverflowError:
            assert abs(wanted) > 1.797e308, operands
            continue
        slack = sensitivity(lambda *xs: exact(row, xs), list(map(mp.mpf, operands)))
        assert agrees(found, wanted, slack), (operands, found, mpmath.nstr(wanted, 20))


@pytest.mark.parametrize("row", FIXED, **ids)
def test_first_derivative_has_full_accuracy_over_the_domain(row):
    tested = 0
    for operands in points(row):
        try:
            y = row.evaluate(operands)
        except OverflowError:
            continue
        for i, partial in enumerate(row.partials):
            if operands in row.edges or not smooth(row, operands, i):
                continue
            tested += 1

            def slope(*xs, i=i):
                return difference(lambda x: exact(row, (*xs[:i], x, *xs[i + 1 :])), xs[i])

            xs = list(map(mp.mpf, operands))
            wanted = slope(*xs)
            saturated = 8 * EPS if abs(wanted) < 1 else 0.0
            found = partial(y, *operands)
            context = (i, operands, found, mpmath.nstr(wanted, 20))
            assert agrees(found, wanted, sensitivity(slope, xs), saturated), context
    assert tested >= 8


def derivative(node: Any, leaf: Value, order: int) -> float:
    """d^order node / d leaf^order."""
    for _ in range(order):
        (node,) = gradients(node, [leaf], create_graph=True)
    return node.data


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("row", FIXED, **ids)
def test_second_and_third_derivatives_through_values(row, order):
    mp.dps = MORE_DIGITS
    tested = 0
    for operands in points(row)[::2]:
        if any(x != 0 and not SPAN <= abs(x) <= 1 / SPAN for x in operands) or operands in row.edges:
            continue
        xs = list(map(mp.mpf, operands))
        for i in range(len(operands)):
            leaves = [Value(x) for x in operands]
            try:
                found = derivative(row(*leaves), leaves[i], order)
            except OverflowError:
                continue
            if not smooth(row, operands, i):
                continue
            f = lambda x, i=i, xs=xs: exact(row, (*xs[:i], x, *xs[i + 1 :]))
            wanted, third = difference(f, xs[i], order), difference(f, xs[i], 3)
            magnitude = max(abs(wanted), abs(xs[i] * third) if order == 2 else 0, 1)
            tested += 1
            if abs(wanted) > 1e308:
                assert math.isinf(found), (i, operands, found, mpmath.nstr(wanted, 20))
                continue
            assert abs(found - wanted) <= 1e-9 * magnitude, (i, operands, found, mpmath.nstr(wanted, 20))
    assert tested >= 4
