"""Numerical differentiation: central finite differences, extrapolated until they settle.

The error of a central difference is a series in the even powers of the step. With every halving of the step one more
power can be eliminated, as in Richardson's extrapolation, and how far the extrapolations still move tells the error
(Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software 4, 1982). So there is no
step to choose: rounding, which grows as the step shrinks, is outrun before it matters. What settles over steps that
are wider than the function's features is caught by one difference of a tiny step, and begun again with smaller ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import NamedTuple, TypeAlias

Curve: TypeAlias = Callable[[float], list[float]]

HALVINGS = 14
BEGINNINGS = 5
NEAR = 2.0 / 3.0  # to the steps, which are powers of 2, at which a wave may be all zeros
SETTLED = 1e-9  # a relative error at which no further halving is worth its evaluations
EPS = 2.0**-52
ROUNDING = 64 * EPS  # how far a value of the function may be off, relatively


class Estimate(NamedTuple):
    """A numeric derivative: its value, how far it may be off, and how small a derivative would drown in rounding.

    `settled` says whether the extrapolations agree with each other, and with the difference of a tiny step.
    """

    value: float
    error: float
    rounding: float
    settled: bool


def differentiate(f: Curve, x: float, magnitudes: Sequence[float] | None = None) -> list[Estimate]:
    """Return the derivative at x of each of the numbers that f returns.

    `magnitudes` are those of the terms of which each number is made, where they exceed it, so that rounding is told
    from slope.
    Raises ValueError if f has no finite values on both sides of x, however near.

    >>> import math
    >>> slope, = differentiate(lambda x: [math.exp(x)], 0.0)
    >>> math.isclose(slope.value, 1.0, rel_tol=1e-9)
    True
    """
    if not math.isfinite(x):
        raise ValueError(f"finite differences need a finite point, got {x!r}; choose a point inside of the domain")
    tiny = 2.0**-20 * max(math.fabs(x), 1.0)
    step = 2.0 ** math.floor(math.log2(min(0.1 * max(math.fabs(x), 1.0), max(2.0, tiny))))
    # Far from 0 there may be waves of length 1 or so; as near to 0 as this, a pole.
    scale = 2.0 ** math.floor(math.log2(min(math.fabs(x), 8.0))) if x else 0.0
    nearest = NEAR * (2.0**-20 * scale if scale < 1.0 else 0.125)
    best: list[_Extrapolation] = []
    for _ in range(BEGINNINGS):
        step, columns = _extrapolate(f, x, step, magnitudes)
        near = NEAR * min(tiny, step / 16.0)
        agrees = _confirmed(f, x, columns, near, step)
        if all(agrees) and 0.0 < nearest < near:
            agrees = _confirmed(f, x, columns, nearest, step)
            if not all(agrees):
                step = min(step, 16.0 * scale)
        for column, confirmed in zip(columns, agrees, strict=True):
            column.agrees = confirmed
        best = list(map(_better, best or columns, columns))
        step /= 128.0
        if all(column.settled and column.agrees for column in best) or x + step == x:  # there is nothing nearer
            break
    return [Estimate(column.value, column.error, column.rounding, column.settled and column.agrees) for column in best]


def _better(before: _Extrapolation, nearer: _Extrapolation) -> _Extrapolation:
    """Return the extrapolation that is confirmed, the more exact one of two; the nearer where none is."""
    return before if before.agrees and not (nearer.agrees and nearer.error < before.error) else nearer


def _extrapolate(
    f: Curve, x: float, step: float, magnitudes: Sequence[float] | None
) -> tuple[float, list[_Extrapolation]]:
    """Return the extrapolations from this step, or from the first smaller one in which f is defined throughout."""
    first = step
    columns: list[_Extrapolation] | None = None
    while x + step != x:
        ends = _both_sides(f, x, step)
        if ends is None:  # outside of the domain: all over again, from within
            step /= 4.0
            first, columns = step, None
        else:
            columns = columns or list(map(_Extrapolation, magnitudes or repeat(0.0, len(ends[0]))))
            for column, above, below in zip(columns, *ends, strict=True):
                column.add(above, below, step)
            if all(column.settled for column in columns) or step <= first * 2.0**-HALVINGS:
                return first, columns
            step /= 2.0
    if columns is not None:
        return first, columns
    raise ValueError(
        f"finite differences need finite values of the function on both sides of {x!r}, and found none, however near; "
        "choose a point inside of its domain"
    )


def _confirmed(f: Curve, x: float, columns: list[_Extrapolation], near: float, first: float) -> list[bool]:
    """Return for each of the extrapolations from the step `first` whether the difference of this tiny step agrees."""
    near = (x + near) - x
    ends = _both_sides(f, x, near) if near else None
    return [
        ends is not None and column.confirmed(ends[0][i], ends[1][i], near, first) for i, column in enumerate(columns)
    ]


def _both_sides(f: Curve, x: float, step: float) -> tuple[list[float], list[float]] | None:
    """Return the values on both sides of x; None if one is not defined, or a slope between them not finite."""
    try:
        right, left = f(x + step), f(x - step)
    except (ValueError, ArithmeticError):
        return None
    slopes = [_slope(above, below, step) for above, below in zip(right, left, strict=True)]
    return (right, left) if all(map(math.isfinite, slopes)) else None


def kink(f: Curve, x: float) -> list[bool]:
    """Return for each of the numbers that f returns whether its slopes on the two sides of x differ.

    >>> kink(lambda x: [abs(x), x * x], 0.0)
    [True, False]
    """
    step = 2.0 ** math.floor(math.log2(1e-4 * max(math.fabs(x), 1.0)))

    def bends(step: float) -> list[tuple[float, float]]:
        """Return the difference of the slopes on the two sides, and the larger of them."""
        right, left = _both_sides(f, x, step) or (here, here)
        slopes = [((above - y) / step, (y - below) / step) for above, y, below in zip(right, here, left, strict=True)]
        return [(math.fabs(after - before), max(math.fabs(after), math.fabs(before))) for after, before in slopes]

    here = f(x)
    # Where f is smooth, the difference is proportional to the step; where it jumps, to 1 / step.
    return [
        1.5 * coarser > finer > 0.75 * coarser and finer > 1e-3 * slope
        for (coarser, _), (finer, slope) in zip(bends(step), bends(step / 2.0), strict=True)
    ]


class _Extrapolation:
    """The extrapolations of one derivative to step 0, from more and more differences."""

    def __init__(self, magnitude: float) -> None:
        self.magnitude = magnitude
        self.value, self.error = math.nan, math.inf
        self.rounding = self.noise = self.steepest = 0.0
        self.row: list[float] = []
        self.agrees = False  # with the difference of a tiny step

    def add(self, above: float, below: float, step: float) -> None:
        """Take in the difference of half the last step, and keep the extrapolation that moved least."""
        self.noise = max(self._noise(above, below, step), self.noise / 16.0)
        row = [_slope(above, below, step)]
        self.steepest = max(self.steepest, math.fabs(row[0]))
        for power, coarser in enumerate(self.row, 1):
            row.append(row[-1] + (row[-1] - coarser) / (4.0**power - 1.0))
            error = max(math.fabs(row[-1] - row[-2]), math.fabs(row[-1] - coarser))
            if error <= self.error:
                self.value, self.error = row[-1], error
                self.rounding = max(self.noise, EPS * self.steepest)  # where slopes nearby are steeper, so is the error
        self.row = row

    @property
    def settled(self) -> bool:
        """Whether the extrapolations agree with each other."""
        return self.error <= SETTLED * math.fabs(self.value) + self.rounding / 64.0

    def confirmed(self, above: float, below: float, step: float, first: float) -> bool:
        """Return whether the difference of this tiny step is about the same, but for its error of second order."""
        slope = _slope(above, below, step)
        curvature = 4.0 * self.steepest * (step / first) ** 2
        noise = 0.125 * self._noise(above, below, step) + self.rounding + curvature
        return math.fabs(slope - self.value) <= 0.01 * max(math.fabs(slope), math.fabs(self.value)) + noise

    def _noise(self, above: float, below: float, step: float) -> float:
        return max(math.fabs(above), math.fabs(below), self.magnitude) * (ROUNDING / step)


def _slope(above: float, below: float, step: float) -> float:
    return (0.5 * above - 0.5 * below) / step  # above - below may overflow
