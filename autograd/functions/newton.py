"""Newton's method for equations and minimum points, and the elimination of linear systems that it needs.

A system is solved with floats or with Values; with Values the solution is a graph.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from autograd import rules
from autograd.engine import Value


class ConvergenceError(RuntimeError, ArithmeticError):
    """A solver came to no solution, or to one that is no function of its parameters."""


At = Callable[[Sequence[float]], "tuple[list[float], list[list[float]]]"]
Path = Sequence["tuple[Sequence[float], list[list[float]]]"]  # the start and the last points, and the Jacobians there
_EPS = 2.0**-52
UNDEFINED = (ValueError, ArithmeticError)  # what functions raise outside of their domains
FAR = 1e-4  # relative, from where on a multiple root is not what rounding makes of it
# A step decreases f by this share of what the slope says at least. A Newton step to the minimum of a parabola has 0.5;
# where f bends away from its slope, a smaller share would let a step go on beyond the next minimum.
DECREASE = 0.25
STEPS = [2.0**-k for k in range(31)]


def root_near(
    asker: str, at: At, start: Sequence[float], max_steps: int, path: Path = ()
) -> tuple[list[float], list[list[float]]]:
    """Return where the residuals are 0, near the start, and the Jacobian there; `at` returns residuals and Jacobian.

    It is a simple root, or a ConvergenceError. `path` is what led to the start.

    Newton steps are damped by the natural monotonicity test, which does not depend on how equations are scaled (P.
    Deuflhard, "Newton Methods for Nonlinear Problems", 2004, section 3.3).
    """
    x = list(start)
    residuals, jacobian = at(x)
    for left in range(max_steps, -1, -1):
        step = _column(asker, jacobian, residuals, x)  # 0 at an exact solution, if the Jacobian is not singular there
        if all(abs(d) <= 0.5 * _EPS * abs(a) for a, d in zip(x, step, strict=True)):
            return _simple(asker, at, x, jacobian, path), jacobian
        if not left:
            break
        least = 64.0 * _EPS * max(map(abs, [*x, *step]), default=0.0)
        scale = [max(abs(a), abs(d), least) or 1.0 for a, d in zip(x, step, strict=True)]
        near = all(abs(d) <= 1e-8 * abs(a) for a, d in zip(x, step, strict=True))
        rounding = _are_rounding(residuals, jacobian, x)
        for t in STEPS[: 1 if near else None]:
            moved = [a + t * d for a, d in zip(x, step, strict=True)]
            try:
                found = at(moved)
            except UNDEFINED:
                continue
            if not all(map(math.isfinite, found[0])):
                continue
            shrunk = _size(_column(asker, jacobian, found[0], x), scale) / _size(step, scale)
            # An unknown that is small beside others is not seen in the size of a step: the residuals tell of it.
            small = not rounding and is_rounding(step, x) and _are_halved(residuals, found[0], jacobian, x)
            if shrunk < 1.0 - 0.25 * t or small:
                path = [*path[:1], *path[1:][-4:], (x, jacobian)]
                x, (residuals, jacobian) = moved, found
                if shrunk > 0.1 and _are_rounding(residuals, jacobian, x):
                    # Where slopes bend, a step leaves half of their change; more than that is what rounding leaves.
                    change = solved(asker, path[-1][1], jacobian, x)
                    if _is_about_the_identity(change, scale, 0.25 * shrunk):
                        return _simple(asker, at, x, jacobian, path), jacobian
                break
        else:  # no step makes the residuals smaller: rounding, or a valley without a root
            if rounding or is_rounding(step, x):
                return _simple(asker, at, x, jacobian, path), jacobian
            break
    raise ConvergenceError(
        f"{asker} did not converge in {_steps(max_steps - left)}; it came to x = {briefly(x)}, where the residuals are "
        f"{briefly(residuals)}; start nearer to the solution, or give solver="
    )


def is_rounding(step: Sequence[float], x: Sequence[float], times: float = 1.0) -> bool:
    """Whether a Newton step is as small as rounding makes one near a solution, or so many times that."""
    largest = max(map(abs, x), default=0.0)
    return all(abs(d) <= times * max(1e-8 * abs(a), 64.0 * _EPS * largest) for a, d in zip(x, step, strict=True))


def _are_rounding(residuals: Sequence[float], jacobian: list[list[float]], x: Sequence[float]) -> bool:
    """Whether residuals are as small as rounding makes them, of sums in which an unknown may be small beside others."""
    return _are_halved([0.0] * len(x), residuals, jacobian, x)


def _are_halved(
    residuals: Sequence[float], after: Sequence[float], jacobian: list[list[float]], x: Sequence[float]
) -> bool:
    """Whether each residual is half of what it was at most, or as small as rounding makes it."""
    sums = [sum(abs(d * a) for d, a in zip(row, x, strict=True)) for row in jacobian]
    sizes = [max(0.5 * abs(r), 16.0 * _EPS * size) for r, size in zip(residuals, sums, strict=True)]
    return all(abs(r) <= size for r, size in zip(after, sizes, strict=True))


def _simple(asker: str, at: At, x: list[float], jacobian: list[list[float]], path: Path) -> list[float]:
    """Return a root, if it is a simple one; raise ConvergenceError if the Jacobian is what rounding left of 0.

    The Jacobian of a multiple root vanishes with the distance from it, and Newton's method ends where the residuals
    are rounding: the Jacobian is as small as that makes it, but not 0. At a simple root it is about the same as where
    the last steps came from. Where that does not tell, there are three distances at which the residuals are in
    proportion, and about what the Jacobian says: larger than rounding, and smaller than where they bend.
    """
    if not x:
        return x
    scale = [max(abs(a), *[abs(a - z[i]) for z, _ in path], 0.0) or 1.0 for i, a in enumerate(x)]
    far = [other for z, other in path if _distance(x, z, scale) > FAR]
    if far and _is_about_the_identity(solved(asker, jacobian, far[-1], x), scale, 0.25):
        return x
    # A direction in which every residual changes; the longer, the less the Jacobian makes of it.
    changes = [
        (0.5 + 0.618 * i % 1.0) * sum(abs(d) * s for d, s in zip(row, scale, strict=True))
        for i, row in enumerate(jacobian)
    ]
    direction = [d for (d,) in solved(asker, jacobian, [[change] for change in changes], x)]
    length = _size(direction, scale)

    def seen(distance: float) -> list[float] | None:
        """Return the changes at this distance, each divided by what the Jacobian says; None outside of the domain."""
        moved = [a + distance / length * d for a, d in zip(x, direction, strict=True)]
        change = math.copysign(_distance(x, moved, scale), distance) / length
        try:
            found = [y / (change * expected) for y, expected in zip(at(moved)[0], changes, strict=True)]
        except UNDEFINED:
            return None
        return found if all(map(math.isfinite, found)) else None

    tiny = any(abs(a) < 1e-14 * s for a, s in zip(x, scale, strict=True))  # beside where the steps came from
    for exponents in (range(-8, -56, -2), range(-6, 64, 2), range(-56, -1100 if tiny else -56, -2)):
        for side in (1.0, -1.0):  # one of them is enough, at a kink
            agreed, before = 0, None
            for exponent in exponents:
                found = seen(math.ldexp(side, exponent))
                agrees = found and before and all(abs(a - b) <= 0.125 for a, b in zip(found, before, strict=True))
                agreed = agreed + 1 if agrees else 0
                if found and agreed == 2 and all(0.25 <= a <= 1.75 for a in found):
                    return x
                before = found
    raise _singular(asker, x)


def _is_about_the_identity(matrix: list[list[float]], scale: Sequence[float], tolerance: float) -> bool:
    return all(
        abs(a - (i == j)) * scale[j] <= tolerance * scale[i] for i, row in enumerate(matrix) for j, a in enumerate(row)
    )


def minimum_near(
    f: Callable[[list[float]], float], at: At, start: Sequence[float], max_steps: int
) -> tuple[list[float], Path]:
    """Return a point from which plain Newton steps lead to a minimum, and what led to it from near the start.

    `at` returns gradient and Hessian.

    Where the Hessian is not positive definite a multiple of the identity is added (J. Nocedal and S. J. Wright,
    "Numerical Optimization", 2nd edition, 2006, section 3.4), so large that no eigenvalue ends nearer to 0 than the
    smallest one was.
    """
    x = list(start)
    value = f(x)
    path: Path = ()
    for left in range(max_steps, -1, -1):
        gradient, hessian = at(x)
        if not all(map(math.isfinite, chain(gradient, *hessian))):
            break
        step, definite = _descent(gradient, hessian)
        slope = sum(d * g for d, g in zip(step, gradient, strict=True))
        small = all(abs(d) <= 1e-6 * abs(a) for a, d in zip(x, step, strict=True))
        if not any(gradient) or (definite and (small or _are_rounding(gradient, hessian, x))):
            return x, path
        if not left:
            break
        for t in STEPS:
            moved = [a + t * d for a, d in zip(x, step, strict=True)]
            try:
                found = f(moved)
            except UNDEFINED:
                continue
            if definite and found < value + t * slope * (1.0 + 1e-9) - 1e-12 * abs(value):
                continue  # less than its tangent is: f is not convex up to there, as beyond a pole
            if found <= value + DECREASE * t * slope and found < value:
                path = [*path[:1], *path[1:][-4:], (x, hessian)]
                x, value = moved, found
                break
        else:  # rounding
            return x, path
    raise ConvergenceError(
        f"argmin did not converge in {_steps(max_steps - left)}; it came to x = {briefly(x)}, where f is {value!r} and "
        f"its gradient {briefly(at(x)[0])}; does f have a minimum? start nearer to it, or give solver="
    )


def check_minimum(hessian: list[list[float]], x: Sequence[float]) -> None:
    """Raise ConvergenceError if a stationary point with this Hessian is no minimum."""
    if not _is_definite(hessian):
        raise ConvergenceError(
            f"argmin came to x = {briefly(x)}, where the gradient is 0 but the Hessian {briefly(hessian)} is not "
            "positive definite: no minimum, or not a single point; start elsewhere"
        )


def solved(asker: str, matrix: list[list[Any]], right: list[list[Any]], x: Sequence[Any]) -> list[list[Any]]:
    """Return the solution X of matrix X = right, by Gaussian elimination with partial pivoting; floats or Values."""
    size = len(matrix)
    # Rows and columns are measured by their largest entries, so that equations and unknowns may be in any units.
    columns = [max(abs(float_of(row[j])) for row in matrix) for j in range(size)]
    if not all(0.0 < column < math.inf for column in columns):
        raise _singular(asker, x)
    scales = [max(abs(float_of(a)) / c for a, c in zip(row, columns, strict=True)) for row in matrix]
    numpy = sys.modules.get("numpy")
    if numpy is not None and size > 8 and not any(isinstance(a, Value) for row in [*matrix, *right] for a in row):
        scaled = numpy.array(matrix) / numpy.outer(scales, columns)
        if not numpy.linalg.cond(scaled) < 1.0 / (4.0 * _EPS * size):
            raise _singular(asker, x)
        found = numpy.linalg.solve(scaled, numpy.array(right) / numpy.array(scales)[:, None])
        return (found / numpy.array(columns)[:, None]).tolist()  # type: ignore[no-any-return]
    rows = [[*a, *b] for a, b in zip(matrix, right, strict=True)]
    for k in range(size):
        pivot = max(range(k, size), key=lambda i: abs(float_of(rows[i][k])) / (scales[i] or 1.0))
        rows[k], rows[pivot] = rows[pivot], rows[k]
        scales[k], scales[pivot] = scales[pivot], scales[k]
        if not abs(float_of(rows[k][k])) > 4.0 * _EPS * size * scales[k] * columns[k] * (size > 1):
            raise _singular(asker, x)
        _eliminate(rows, k)
    return _substituted_back(rows)


def solved_for_any_numbers(matrix: list[list[Any]], right: list[list[Any]]) -> list[list[Any]]:
    """Return the solution X of matrix X = right as a graph that chooses its pivots: it is traced for other numbers too.

    On a side of a choice that is not chosen they are not known yet, and are nan.
    """
    rows = [[*a, *b] for a, b in zip(matrix, right, strict=True)]
    for k in range(len(rows)):
        for i in range(k + 1, len(rows)):
            upper, lower = rows[k], rows[i]
            if not _is_nonzero(upper[k]):
                rows[k], rows[i] = lower, upper
            elif _is_nonzero(lower[k]):
                smaller = rules.abs(upper[k]) < rules.abs(lower[k])
                rows[k] = [_chosen(smaller, b, a) for a, b in zip(upper, lower, strict=True)]
                rows[i] = [_chosen(smaller, a, b) for a, b in zip(upper, lower, strict=True)]
        if not _is_nonzero(rows[k][k]):
            return [[math.nan] * len(right[k])] * len(rows)
        _eliminate(rows, k)
    return _substituted_back(rows)


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    return rules.where(condition, a, b) if _is_nonzero(a) or _is_nonzero(b) else 0.0


def _eliminate(rows: list[list[Any]], k: int) -> None:
    """Subtract multiples of row k from those below, so that column k is 0 there."""
    for row in rows[k + 1 :]:
        if _is_nonzero(row[k]):
            factor = row[k] / rows[k][k]
            for j in range(k + 1, len(row)):
                if _is_nonzero(rows[k][j]):
                    row[j] = row[j] - factor * rows[k][j]


def _substituted_back(rows: list[list[Any]]) -> list[list[Any]]:
    size = len(rows)
    width = len(rows[0]) - size if rows else 0
    for k in reversed(range(size)):
        for j in range(size, size + width):
            total = rows[k][j]
            for i in range(k + 1, size):
                if _is_nonzero(rows[k][i]) and _is_nonzero(rows[i][j]):
                    total = total - rows[k][i] * rows[i][j]
            rows[k][j] = total / rows[k][k]
    return [row[size:] for row in rows]


def _steps(count: int) -> str:
    return f"{count} Newton step{'' if count == 1 else 's'}"


def briefly(numbers: Sequence[Any]) -> str:
    """Return numbers for a message."""
    listed = [[*map(float_of, x)] if isinstance(x, (list, tuple)) else float_of(x) for x in numbers]
    text = repr(listed[0] if len(listed) == 1 else listed)
    return text if len(text) <= 100 else text[:97] + "..."


def float_of(number: Any) -> float:
    """Return the number of a Value; a float is its own."""
    return number.number if isinstance(number, Value) else number


def _is_nonzero(number: Any) -> bool:
    """Whether a number is not known to be 0: a Value that is 0 now may be another number in a derivative."""
    return number.op is not None or number.number != 0.0 if isinstance(number, Value) else number != 0.0


def _column(asker: str, jacobian: list[list[float]], residuals: list[float], x: Sequence[float]) -> list[float]:
    return [d for (d,) in solved(asker, jacobian, [[-r] for r in residuals], x)]


def _size(step: Sequence[float], scale: Sequence[float]) -> float:
    return math.hypot(*[d / s for d, s in zip(step, scale, strict=True)])


def _distance(x: Sequence[float], y: Sequence[float], scale: Sequence[float]) -> float:
    return _size([a - b for a, b in zip(x, y, strict=True)], scale)


def _singular(asker: str, x: Sequence[Any]) -> ConvergenceError:
    what = "Hessian" if asker == "argmin" else "Jacobian"
    return ConvergenceError(
        f"{asker} found the {what} to be singular at x = {briefly(x)}, where the solution is no function of the "
        "parameters; start elsewhere, or give equations that determine x"
    )


def _descent(gradient: list[float], hessian: list[list[float]]) -> tuple[list[float], bool]:
    """Return the Newton step, with the Hessian shifted until it is positive definite, and whether it was so.

    Shifted by half as much it is definite, too: one that is only just definite would make the step huge.
    """
    shift, size = 0.0, len(gradient)
    largest = max((abs(a) for row in hessian for a in row), default=0.0) or 1.0

    def shifted(by: float) -> list[list[float]]:
        return [[a + by * (i == j) for j, a in enumerate(row)] for i, row in enumerate(hessian)]

    while not (_is_definite(shifted(0.5 * shift)) or shift > 1e3 * size * largest):
        shift = max(1e-3 * largest, 2.0 * shift)
    return _column("argmin", shifted(shift), gradient, gradient), shift == 0.0


def _is_definite(matrix: list[list[float]]) -> bool:
    """Whether a symmetric matrix is positive definite: Cholesky's pivots are positive."""
    factors: list[list[float]] = []
    for i, row in enumerate(matrix):
        factors.append([])
        for j in range(i):
            rest = row[j] - sum(a * b for a, b in zip(factors[i], factors[j], strict=False))
            factors[i].append(rest / factors[j][j])
        pivot = row[i] - sum(a * a for a in factors[i])
        if not pivot > 4.0 * _EPS * len(matrix) * abs(row[i]) * (len(matrix) > 1):
            return False
        factors[i].append(math.sqrt(pivot))
    return True
