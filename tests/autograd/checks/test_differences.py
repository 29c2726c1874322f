"""Finite differences against mpmath's derivatives: right, sure of themselves only where they may be, and cheap."""

import itertools
import math
import random
import re

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ad
from autograd.checks._differences import differentiate, kink
from tests.hypothesis_profiles import max_examples


def slope(f, x):
    (estimate,) = differentiate(lambda x: [f(x)], x)
    return estimate


FUNCTIONS = ["sin", "cos", "exp", "tanh", "atan", "erf", "sinh"]
SMOOTH = {  # as functions of floats, or of mpmath's numbers
    **{name: (getattr(math, name), getattr(mpmath, name)) for name in FUNCTIONS},
    "gaussian": (lambda x: math.exp(-x * x), lambda x: mpmath.exp(-x * x)),
    "quintic": (lambda x: x**5 - 3 * x**2 + 1,) * 2,
    "Runge": (lambda x: 1 / (1 + 25 * x * x),) * 2,
    "fast": (lambda x: math.sin(70 * x), lambda x: mpmath.sin(70 * x)),
    "steep": (lambda x: math.tanh(40 * x), lambda x: mpmath.tanh(40 * x)),
}


@pytest.mark.parametrize(("f", "exact"), SMOOTH.values(), ids=SMOOTH)
def test_smooth_functions_are_differentiated_to_nine_digits(f, exact):
    for x in (-2.1, -0.5, 0.0, 1e-3, 0.3, 1.0, 2.7):
        estimate = slope(f, x)
        with mpmath.workdps(40):
            wanted = mpmath.diff(exact, x)
        assert abs(estimate.value - wanted) <= 2e-9 * abs(wanted) + estimate.rounding, x
        assert estimate.error <= 1e-8 * abs(wanted) + estimate.rounding, x


FINE = {  # of features that are far smaller than the first steps
    "cbrt": lambda x: ad.cbrt(x), "asinh": lambda x: ad.asinh(1e6 * x), "atan": lambda x: ad.atan(1e9 * x),
    "tanh": lambda x: ad.tanh(1e5 * x), "atan2": lambda x: ad.atan2(1e-5, x), "hypot": lambda x: ad.hypot(x, 1e-5),
    "sqrt": lambda x: ad.sqrt(x), "1 / x": lambda x: 1.0 / x, "erf": lambda x: ad.erf(1e4 * x),
}  # fmt: skip


@pytest.mark.parametrize("f", FINE.values(), ids=FINE)
def test_fine_features_are_no_false_alarm_at_any_distance_from_them(f):
    for k in range(80):
        assert ad.gradcheck(f, 10.0 ** (-8.0 + k / 10.0))


@max_examples(200)
@given(st.sampled_from(sorted(SMOOTH)), st.floats(-3, 3))
def test_the_estimate_of_the_error_holds(name, x):
    f, exact = SMOOTH[name]
    estimate = slope(f, x)
    with mpmath.workdps(40):
        off = abs(estimate.value - mpmath.diff(exact, x))
    assert off <= 10 * estimate.error + estimate.rounding + 1e-9 * abs(estimate.value)


def test_the_rounding_of_an_estimate_grows_with_the_function_not_with_its_slope():
    small, large = slope(math.sin, 1.0), slope(lambda x: 1e6 + math.sin(x), 1.0)
    assert 1e5 < large.rounding / small.rounding < 1e7
    assert abs(large.value - math.cos(1.0)) <= large.rounding
    assert slope(lambda x: 1e6 * math.sin(x), 1.0).rounding == pytest.approx(1e6 * small.rounding, rel=1e-12)
    assert slope(lambda x: 0.0, 1.0).rounding == 0.0
    for f, x in [  # that of the function here, and not of the first step
        *[(math.exp, 345.0), (math.exp, 709.7), (math.exp, -700.0), (math.sinh, 400.0)],
        *[(lambda x: x**-30, 0.1), (lambda x: 1e6 + math.sin(x), 1.0)],
    ]:
        estimate = slope(f, x)
        assert estimate.rounding <= 1e-4 * abs(estimate.value)


def test_estimates_at_a_pole_or_a_jump_or_of_noise_say_that_they_do_not_settle():
    one_sided, tenth = lambda x: float(x > 0.0), lambda x: math.copysign(abs(x) ** 0.1, x)
    for f in (math.cbrt, one_sided, lambda x: math.copysign(1.0, x), tenth):
        estimate = slope(f, 0.0)
        assert estimate.error > 1e-3 * abs(estimate.value)
    rng = random.Random(1)
    assert slope(lambda x: x + 1e-3 * rng.random(), 1.0).error > 1e-4


def test_what_settles_and_is_never_confirmed_is_not_settled():
    asked = []

    def straight_but_nearest(x):
        """A line of slope 1 in all steps from which is extrapolated, and of slope 3 in those that are to confirm it."""
        asked.append(abs(x))
        return x if math.frexp(x)[0] in (0.5, -0.5, 0.0) else 3.0 * x

    estimate = slope(straight_but_nearest, 0.0)
    assert (estimate.value, estimate.settled) == (1.0, False)
    assert min(asked) < 2.0**-36  # all beginnings were tried
    assert slope(lambda x: x, 0.0).settled


OUTSIDE = [ValueError, ZeroDivisionError, OverflowError, FloatingPointError, math.nan, math.inf]


@pytest.mark.parametrize("outside", OUTSIDE)
def test_a_side_on_which_the_function_is_undefined_is_a_value_error(outside):
    for x, side in itertools.product([1.0, 0.0, -3.5, 1e-5, 1e20], [-1, 1, 0]):

        def f(y, x=x, side=side):
            if (y - x) * side >= 0.0:
                if isinstance(outside, float):
                    return [1.0, outside]
                raise outside
            return [1.0, y]

        where = f"on both sides of {re.escape(repr(x))}, and found none, however near"
        message = f"finite differences need finite values of the function {where}; choose a point inside of its domain"
        with pytest.raises(ValueError, match=message):
            differentiate(f, x)


def test_errors_that_are_no_arithmetic_come_through():
    for error in (KeyError, TypeError, RuntimeError, KeyboardInterrupt):

        def f(x, error=error):
            raise error("mine")

        with pytest.raises(error, match="mine"):
            differentiate(f, 1.0)


@pytest.mark.parametrize("width", [2.0**-k for k in range(10, 46, 5)])
def test_difference_is_taken_however_small_the_domain(width):
    def f(x):
        return [math.exp(x) if abs(x - 1.0) < width else math.nan]

    (slope,) = differentiate(f, 1.0)
    assert abs(slope.value - math.e) <= slope.error + 64.0 * 2.0**-52 * math.e / width
    with pytest.raises(ValueError, match="found none, however near"):
        differentiate(lambda x: [x if x == 1.0 else math.nan], 1.0)


@pytest.mark.parametrize("width", [2.0**-k for k in range(20, 50, 5)])
def test_difference_of_what_has_no_slope_in_a_small_domain_is_not_settled(width):
    def f(x):
        return [math.copysign(abs(x - 1.0) ** 0.5, x - 1.0) if abs(x - 1.0) < width else math.nan]

    (slope,) = differentiate(f, 1.0)
    assert not slope.settled


# Kinks

KINKS = {
    "abs": abs, "relu": lambda x: max(x, 0.0), "leaky relu": lambda x: max(x, 0.9 * x),
    "a sum": lambda x: 5.0 * x + abs(x) + math.sin(x), "min": lambda x: min(x, 2.0 * x + x * x),
    "steep": lambda x: 1e9 * abs(x), "flat": lambda x: 1e-9 * abs(x), "tip": lambda x: math.exp(-abs(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_slopes_that_differ_on_the_two_sides_are_a_kink_and_beside_it_there_is_none(name):
    for at in (0.0, 1.0, -30.0, 1000.0):
        assert kink(lambda x, at=at: [KINKS[name](x - at)], at) == [True], at
    for away in (0.01, -0.01, 1.0):
        assert kink(lambda x: [KINKS[name](x)], away) == [False], away


def test_kinks_are_told_for_each_number_that_the_function_returns():
    assert kink(lambda x: [abs(x), x, max(x, 0.0), x * x], 0.0) == [True, False, True, False]
    assert kink(lambda x: [], 0.0) == []
    assert kink(lambda x: [float(x > 0.0), x + math.floor(x)], 0.0) == [False, False]  # jumps
    for x in (1e-9, 1e-5):  # next to the edge of the domain there is no telling
        assert kink(lambda x: [math.log(x), abs(x)], x) == [False, False]
