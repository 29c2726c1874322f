"""Ends of intervals: an enclosure is also tight, at the places where a formula changes."""

import math

import mpmath
import pytest

from autograd import Value, acos, atan2, cos, erf, erfc, evaluate, exp, hypot, sign, sqrt

ENDS = [
    *((sign, ends, wanted) for ends, wanted in [((0, 1), (0, 1)), ((-1, 0), (-1, 0)), ((0, 0), (0, 0))]),
    *((erf, (x, x), (math.erf(x),) * 2) for x in (9.5, 10.5, 26.0)),
    *((erfc, (x, x), (math.erfc(x),) * 2) for x in (-12.0, 9.5)),
    *((f, (0, 0), (1, 1)) for f in (exp, cos, lambda x: 2.0**x)),
    (lambda x: sqrt(x * x + 1), (-1, 2), (1, math.sqrt(5))),
    (acos, (-1, 1), (0, math.pi)),
    (lambda x: atan2(x, -1), (-1, 0), (-math.pi, math.pi)),  # at the cut
    (lambda x: atan2(1, x), (-1, math.inf), (0, 0.75 * math.pi)),
]


@pytest.mark.parametrize(("f", "ends", "wanted"), ENDS)
def test_interval_is_as_narrow_as_its_digits(f, ends, wanted):
    x = Value(0.5)
    found = evaluate(f(x), {x: mpmath.iv.mpf(ends)})
    assert (float(found.a), float(found.b)) == pytest.approx(wanted, rel=1e-15, abs=0.0)


def test_derivative_of_hypot_is_at_most_one():
    a, b = Value(0.5), Value(1.5)
    slopes = evaluate(hypot(a, b), {a: mpmath.iv.mpf([-1, 1]), b: mpmath.iv.mpf([1, 2])}, gradient=True)[1]
    assert slopes[a] == mpmath.iv.mpf([-1, 1])


def test_two_leaves_of_one_interval_are_two_numbers():
    a, b = Value(0.5), Value(1.5)
    box = mpmath.iv.mpf([-1, 2])
    assert evaluate(a * b, {a: box, b: box}) == mpmath.iv.mpf([-2, 4])
    assert evaluate(a * a, {a: box}) == mpmath.iv.mpf([0, 4])
