"""Ends of intervals: an enclosure is also tight, at the places where a formula changes."""

import math

import mpmath
import pytest

from autograd import Value, erf, erfc, evaluate, sign

ENDS = [
    *((sign, ends, wanted) for ends, wanted in [((0, 1), (0, 1)), ((-1, 0), (-1, 0)), ((0, 0), (0, 0))]),
    *((erf, (x, x), (math.erf(x),) * 2) for x in (9.5, 10.5, 26.0)),
    *((erfc, (x, x), (math.erfc(x),) * 2) for x in (-12.0, 9.5)),
]


@pytest.mark.parametrize(("f", "ends", "wanted"), ENDS)
def test_interval_is_as_narrow_as_its_digits(f, ends, wanted):
    x = Value(0.5)
    found = evaluate(f(x), {x: mpmath.iv.mpf(ends)})
    assert (float(found.a), float(found.b)) == pytest.approx(wanted, rel=1e-15, abs=0.0)
