"""Derivatives without rules: central differences, extrapolated until they settle.

The error of a central difference is a series in the even powers of the step. With every halving of the step one more
power can be eliminated, as in Richardson's extrapolation, and how far the extrapolations still move tells the error
(Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software 4, 1982). So there is no
step to choose: rounding, which grows as the step shrinks, is outrun before it matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

HALVINGS = 14
SETTLED = 1e-9  # a relative error at which no further halving is worth its evaluations
NEGLIGIBLE = 1e-10  # a derivative below this share of |f| / step is rounding


class Estimate(NamedTuple):
    """A numeric derivative: its value, how far it may be off, and how small a derivative would drown in rounding."""

    value: float
    error: float
    rounding: float


def differentiate(f: Callable[[float], list[float]], x: float) -> list[Estimate]:
    """Return the derivative at x of each of the numbers that f returns.

    Raises ValueError if f has no finite values on both sides of x, however near.

    >>> import math
    >>> slope, = differentiate(lambda x: [math.exp(x)], 0.0)
    >>> math.isclose(slope.value, 1.0, rel_tol=1e-9)
    True
    """
    step, right, left = _first_step(f, x)
    columns = [_Extrapolation(max(map(math.fabs, ends)) / step) for ends in zip(right, left, strict=True)]
    for _ in range(HALVINGS):
        for column, above, below in zip(columns, right, left, strict=True):
            column.add((above - below) / (2.0 * step))
        if all(column.settled for column in columns):
            break
        step /= 2.0
        right, left = f(x + step), f(x - step)
    return [Estimate(column.value, column.error, column.rounding) for column in columns]


def kink(f: Callable[[float], list[float]], x: float) -> list[bool]:
    """Return for each of the numbers that f returns whether its slopes on the two sides of x differ.

    >>> kink(lambda x: [abs(x), x * x], 0.0)
    [True, False]
    """
    step = 2.0 ** math.floor(math.log2(1e-4 * max(math.fabs(x), 1.0)))

    def bends(step: float) -> list[tuple[float, float]]:
        """Return the difference of the slopes on the two sides, and the larger of them."""
        slopes = [((right - y) / step, (y - left) / step) for right, y, left in zip(f(x + step), f(x), f(x - step))]
        return [(math.fabs(right - left), max(math.fabs(right), math.fabs(left))) for right, left in slopes]

    try:
        pairs = list(zip(bends(step), bends(step / 2.0), strict=True))
    except (ValueError, ArithmeticError):  # too near to the edge of the domain
        return [False] * len(f(x))
    # Where f is smooth, the difference is proportional to the step.
    return [finer > 0.75 * coarser and finer > 1e-3 * slope for (coarser, _), (finer, slope) in pairs]


class _Extrapolation:
    """The extrapolations of one derivative to step 0, from more and more differences."""

    def __init__(self, scale: float) -> None:
        self.rounding = NEGLIGIBLE * scale
        self.value, self.error = math.nan, math.inf
        self.row: list[float] = []

    def add(self, difference: float) -> None:
        """Take in the difference of half the last step, and keep the extrapolation that moved least."""
        row = [difference]
        for power, coarser in enumerate(self.row, 1):
            row.append(row[-1] + (row[-1] - coarser) / (4.0**power - 1.0))
            error = max(math.fabs(row[-1] - row[-2]), math.fabs(row[-1] - coarser))
            if error <= self.error:
                self.value, self.error = row[-1], error
        self.row = row

    @property
    def settled(self) -> bool:
        return self.error <= SETTLED * math.fabs(self.value) + 0.1 * self.rounding


def _first_step(f: Callable[[float], list[float]], x: float) -> tuple[float, list[float], list[float]]:
    """Return a step, at most a tenth of x or of 1, on both sides of which f has finite values, and the values."""
    step = 2.0 ** math.floor(math.log2(0.1 * max(math.fabs(x), 1.0)))
    while x + step != x:
        try:
            right, left = f(x + step), f(x - step)
            if all(map(math.isfinite, (*right, *left))):
                return step, right, left
        except (ValueError, ArithmeticError):
            pass  # outside of the domain, or beyond the largest float
        step /= 2.0
    raise ValueError(
        f"finite differences need finite values of the function on both sides of {x!r}, and found none, however near; "
        "choose a point inside of its domain"
    )
