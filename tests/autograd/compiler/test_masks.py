"""Choices: what is not chosen hands nothing on, whatever is computed from it, in every kind of program and order."""

import math

import pytest

from autograd import asin, compile, detect_anomaly, exp, grad, hessian, hypot, log, sqrt, where
from autograd.compiler.backends import BACKENDS

POINTS = [[0.5, 2.0], [-0.5, 2.0], [0.5, -2.0], [-0.5, -2.0]]
OF_NUMBERS = [  # at the number that is chosen, the outer function has an infinite derivative, or none
    lambda p: sqrt(where(p[0] > 0.0, p[0], 0.0)) + p[1],
    lambda p: asin(where(p[0] > 0.0, p[0], 1.0)) * p[1],
    lambda p: where(p[0] < 0.0, 0.0, p[0] * p[0]) ** 0.5 * p[1],
    lambda p: hypot(where(p[0] > 0.0, p[0], 0.0), where(p[0] > 0.0, p[1], 0.0)),  # nan
]
OF_FUNCTIONS = [  # the side that is not chosen is not defined
    lambda p: exp(where(p[1] > 0.0, lambda: log(p[1]), lambda: p[0])),
    lambda p: where(p[1] > 0.0, lambda: log(p[1]) * p[0], p[0]) ** 2.0,
    lambda p: where(p[1] > 0.0, lambda: p[0] * p[1], lambda: log(1.0 + (p[1] - p[1]) * p[0])),
    lambda p: where(p[0] > 0.0, lambda: p[1], lambda: log((abs(p[1]) + 0.1) ** p[0])),
    lambda p: where(p[1] > 9.0, lambda: log(p[1] - p[1]), lambda: p[0] * p[1]),
    lambda p: p[0] * where(p[1] > 0.0, lambda: p[0] * where(p[0] > 0.0, lambda: log(p[0] * p[1]), p[1]), lambda: p[0]),
]


def test_side_that_is_not_chosen_gets_0_of_an_infinite_derivative_too():
    for f in OF_NUMBERS:  # as in PyTorch
        assert grad(f)([-0.5, 2.0])[0] == 0.0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", OF_NUMBERS + OF_FUNCTIONS)
def test_choices_are_compiled_as_they_are_computed_to_the_second_derivative(f, backend):
    slopes, curvatures = compile(grad(f), backend=backend), compile(hessian(f), backend=backend)
    program = compile(f, batched="p", backend=backend)
    for p in POINTS:
        assert slopes(p) == pytest.approx(grad(f)(p), rel=1e-12, nan_ok=True)
        assert program.value_and_grad([p])[1][0] == pytest.approx(grad(f)(p), rel=1e-12, nan_ok=True)
        for found, wanted in zip(curvatures(p), hessian(f)(p), strict=True):
            assert found == pytest.approx(wanted, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", OF_FUNCTIONS)
def test_second_derivatives_are_finite_beside_a_side_that_is_not_defined(f, backend):
    for p in POINTS:
        assert all(math.isfinite(number) for row in compile(hessian(f), backend=backend)(p) for number in row)
    batch = compile(hessian(f), batched="p", backend=backend).each(POINTS)
    assert all(math.isfinite(number) for row in batch for numbers in row for number in numbers)


def test_choices_are_looked_at_by_detect_anomaly_as_numbers():
    f = OF_FUNCTIONS[1]
    with detect_anomaly():
        assert hessian(lambda p: where(p[0] < p[1], p[0] * p[1], p[1]) ** 2.0)([0.5, 2.0]) == [[8.0, 4.0], [4.0, 0.5]]
        assert grad(f)([0.5, -2.0]) == [1.0, 0.0]
