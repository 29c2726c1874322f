"""Every row of the table against its own definition, evaluated by mpmath with thousands of digits.

The tests iterate the table: each row, its value and its first three derivatives, over its whole domain, at a sample of
points or, with `pytest --whole`, at all of them. A row states its definition, its domain and its edges; the points are
the corners of floating point: zeros, subnormals, tails where the function saturates, poles and numbers beside them. A
new row is tested by being there.
"""

import functools
import itertools
import math
import random
from typing import Any

import mpmath
import pytest
from mpmath import mp

from autograd import Value, gradients, rules
from autograd.rules.operation import NAry, Operation
from autograd.testing import every_operation
from tests.oracle import defined, exact, is_slow

EPS = 2.0**-52
SPAN = {2: 1e100, 3: 1e100}  # of operands by whose number second derivatives are tested; products of others overflow
SMALLEST = 5e-324
SMALLEST_NORMAL = 2.0**-1022
LARGEST = 1.7976931348623157e308
# Differences of order 4 in steps of 1e-60 lose 240 digits, in steps of 1e-60 / x at x = 1e308 four times 368; tanh(708)
# is 615 digits off 1, and 1e200 + 5e-324 has 524; a derivative that is 0 is to be less than 1e-324: what a point needs,
# and at most these.
DIGITS = {1: 1600, 2: 2000, 3: 2000}
SATURATED = 750
STEP = mp.mpf(10) ** -60
# Rows that jump at the multiples of a number, down to 1e-860 of 1: a step is less than that, and few digits are cheap.
JUMPING = (rules.sign, rules.floor, rules.ceil, rules.mod, rules.floordiv)
SMALL_STEP = mp.mpf(10) ** -1300

MAGNITUDES = [
    5e-324, 3e-310, 2.3e-308, 1e-200, 1e-160, 1e-100, 1e-20, 1e-9, 1e-4, 0.1, 0.3, 0.49, 0.5, 0.7, 0.9, 0.999,
    1 - 1e-9, 1 - 2**-53, 1.0, 1 + 2**-52, 1.001, 1.1, 1.5, 1.57, 2.0, 2.5, math.pi, 5.0, 6.3, 8.2, 9.5, 10.0, 12.5,
    19.0, 20.0, 26.6, 30.0, 36.0, 37.43, 38.2, 40.0, 40.41, 100.0, 300.0, 354.0, 372.0, 700.0, 708.5, 744.0, 1e4, 1e9,
    1e16, 1e20, 1e100, 1e154, 1e200, 1e308,
]  # fmt: skip
GRID = [0.0, *MAGNITUDES, *(-x for x in MAGNITUDES)]
COARSE = [0.0, 5e-324, 1e-200, 1e-9, 0.3, 0.7, 1.0, 2.0, 3.5, 40.0, 700.0, 1e9, 1e200]
COARSE = [*COARSE, *(-x for x in COARSE[1:])]

SAMPLE = (30, 12)  # points of a row, and of one that is slow, that are tested where `--whole` is not asked for

FIXED = [row for row in every_operation() if not isinstance(row, NAry)]
ORDERS = {0: "value", 1: "first derivative", 2: "second derivative", 3: "third derivative"}


@functools.cache
def points(row: Operation) -> list[tuple[float, ...]]:
    """The operands to test a row with: those of the grid at which it has a value."""
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
    if row is rules.normal_ratio:  # its derivatives are read from a number that has lost its digits there
        chosen = [operands for operands in chosen if operands[0] < 37.5]
    return [operands for operands in chosen if defined(row, operands) and not overflows(row, operands)]


def within(span: dict[int, float], operands: tuple[float, ...]) -> bool:
    """Whether no operand is further from 1, up or down, than the span for so many of them allows."""
    widest = span.get(len(operands), 0.0)
    return not widest or all(x == 0.0 or 1 / widest <= abs(x) <= widest for x in operands)


def overflows(row: Operation, operands: tuple[float, ...]) -> bool:
    try:
        row.evaluate(operands)
    except OverflowError:
        with mp.workdps(40):
            assert abs(exact(row, operands)) > LARGEST, operands
        return True
    return False


def along(f: Any, x: Any, h: Any = None) -> list[Any]:
    """Return f(x) and its derivatives of order 1 to 4 by differences; they end where those of the two sides differ."""
    h = h or (STEP * min(abs(x), 1) if x else mp.mpf(10) ** -345)
    try:
        far_left, left, here, right, far_right = (f(x + k * h) for k in (-2, -1, 0, 1, 2))
    except (ValueError, ZeroDivisionError, TypeError):  # a step left the domain
        return [f(x)]
    if any(isinstance(y, mpmath.mpc) or not mpmath.isfinite(y) for y in (far_left, left, here, right, far_right)):
        return [here]
    found = [here]
    if differ((right - here) / h, (here - left) / h, here):
        return found
    found.append((right - left) / (2 * h))
    if differ((far_right - 2 * right + here) / h**2, (here - 2 * left + far_left) / h**2, found[1]):
        return found
    found.append((right - 2 * here + left) / h**2)
    found.append((far_right - 2 * right + 2 * left - far_left) / (2 * h**3))
    found.append((far_right - 4 * right + 6 * here - 4 * left + far_left) / h**4)
    return found


def differ(right: Any, left: Any, scale: Any) -> bool:
    """Whether a derivative from the right and from the left are two numbers, as at a kink."""
    return bool(abs(right - left) > mp.mpf(10) ** -30 * (abs(right) + abs(left) + abs(scale)))


def sensitivity(row: Operation, operands: list[Any], i: int, order: int, derivatives: list[Any]) -> Any:
    """The condition number of a derivative times the derivative: how far relative errors of 1 in operands move it."""
    total = abs(operands[i] * derivatives[order + 1]) if len(derivatives) > order + 1 else mp.mpf(0)
    for j, other in enumerate(operands):
        if j != i and other:
            h = STEP * min(abs(other), 1)
            moved = lambda step, j=j: along(
                lambda x: exact(row, [step if k == j else x if k == i else o for k, o in enumerate(operands)]),
                operands[i],
            )
            above, below = moved(other + h), moved(other - h)
            if min(len(above), len(below)) > order:
                total += abs(other * (above[order] - below[order]) / (2 * h))
    return total


def agrees(found: float, wanted: Any, order: int, condition: Any) -> bool:
    """Whether an error is explained by the bound of this order."""
    if mpmath.isnan(wanted):
        return math.isnan(found)
    if abs(wanted) * (1 + 1e-9) > LARGEST:
        return abs(found) > 0.9999 * LARGEST and (found > 0) == (wanted > 0)
    if not math.isfinite(found):
        return False
    error = abs(mp.mpf(found) - wanted)
    bound = (8 * EPS if order < 2 else 1e-9) * abs(wanted)
    if abs(wanted) < SMALLEST_NORMAL:  # 8 units of rounding, which are all alike there
        bound += 8 * SMALLEST
        return bool(error <= bound or (wanted and error <= bound + 8 * SMALLEST * condition() / abs(wanted)))
    return bool(error <= bound or error <= bound + 8 * EPS * condition())


def derivative(node: Any, leaf: Value, order: int) -> float:
    """d^order node / d leaf^order."""
    for _ in range(order):
        (node,) = gradients(node, [leaf], create_graph=True)
    return node.data


@pytest.fixture(autouse=True)
def digits(request):
    row = request.node.callspec.params["row"]
    with mp.workdps(6500 if row in JUMPING else DIGITS[len(row.partials)]):
        yield


def digits_at(row: Operation, operands: tuple[float, ...]) -> int:
    """How many digits a point needs: what differences lose, what lies between operands, and what saturation hides."""
    if row in JUMPING:
        return int(mp.dps)
    sizes = [math.log10(abs(x)) if x else -345.0 for x in operands]
    if is_slow(row):  # without saturation; below 1, second derivatives at a pole are no smaller than the function
        size = math.ceil(sizes[0]) if operands[0] else 0
        return 330 + max(5 * size, -size if row is not rules.erfinv else -5 * size) if operands[0] else int(mp.dps)
    lost = 600 + 4 * max(map(abs, sizes)) + max(sizes) - min(sizes) + SATURATED * any(abs(x) > 5.0 for x in operands)
    return min(int(mp.dps), math.ceil(lost))


@pytest.mark.sample(2)
@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_value_and_derivatives_have_full_accuracy_over_the_domain(row, whole):
    tested = dict.fromkeys(ORDERS, 0)
    every = points(row)
    number = len(every) if whole else min(SAMPLE[is_slow(row)], len(every))
    for operands in random.Random(row.name).sample(every, number):
        with mp.workdps(digits_at(row, operands)):
            check(row, operands, tested)
    assert min(tested.values()) >= 8


def check(row: Operation, operands: tuple[float, ...], tested: dict[int, int]) -> None:
    """Compare a row at one point, and count the comparisons by their orders."""
    numbers = list(map(mp.mpf, operands))
    for i in range(len(operands)):
        f = lambda x, i=i: exact(row, [*numbers[:i], x, *numbers[i + 1 :]])
        exactly = along(f, numbers[i], SMALL_STEP if row in JUMPING else None)
        for order, wanted in enumerate(exactly[:4]):
            if (order and is_edge(row, operands)) or (order > 1 and not within(SPAN, operands)):
                continue
            leaves = [Value(x) for x in operands]
            found = derivative(row(*leaves), leaves[i], order)
            context = f"{ORDERS[order]} by operand {i} at {operands}: {found}, not {mpmath.nstr(wanted, 20)}"
            condition = lambda i=i, order=order, exactly=exactly: sensitivity(row, numbers, i, order, exactly)
            promised = order + (row is rules.normal_ratio)  # which is the first derivative of log_ndtr
            assert agrees(found, wanted, promised, condition), context
            tested[order] += 1


def is_edge(row: Operation, operands: tuple[float, ...]) -> bool:
    """Whether derivatives are chosen there: at the row's edges, and where clip's bounds are equal, as PyTorch's."""
    return operands in row.edges or (row is rules.clip and operands[1] == operands[2])
