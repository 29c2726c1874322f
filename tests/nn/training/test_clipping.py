"""Clipping: what it leaves of gradients, both ways, and what it refuses (`test_oracle_torch` has PyTorch's)."""

import math

import numpy as np
import pytest

from autograd import Constant, Value
from nn import SGD, clip_grad_norm
from nn.training.clipping import clipped
from tests.errors import error_of


def with_gradients(*gradients):
    values = [Value(1.0) for _ in gradients]
    for value, gradient in zip(values, gradients, strict=True):
        value.grad = gradient
    return values


def both(gradients, max_norm):
    """Return the clipped gradients and the norm, after checking that both ways agree."""
    values = with_gradients(*gradients)
    norm = clip_grad_norm(values, max_norm)
    vector, length = clipped(np.array(gradients), max_norm)
    assert (length, vector.tolist()) == (pytest.approx(norm, rel=1e-14), pytest.approx([v.grad for v in values]))
    return [v.grad for v in values], norm


def test_long_gradients_keep_their_direction_and_their_norm_is_that_of_all_parameters_together():
    assert both([6.0, -8.0], 5.0) == (pytest.approx([3.0, -4.0], rel=1e-6), 10.0)
    clipped_together, norm = both([3.0] * 100, 3.0)  # each is no longer than 3
    assert norm == pytest.approx(30.0)
    assert clipped_together == pytest.approx([0.3] * 100, rel=1e-6)


def test_short_gradients_stay_as_they_are_and_so_does_zero_beside_long_ones():
    for max_norm in (10.1, 1e9):
        assert both([6.0, -8.0], max_norm) == ([6.0, -8.0], 10.0)
    assert both([0.0, -8.0], 4.0) == (pytest.approx([0.0, -4.0], rel=1e-6), 8.0)
    values = [Value(1.0), *with_gradients(8.0)]  # no backward() has reached the first
    assert (clip_grad_norm(values, 4.0), values[0].grad) == (8.0, 0.0)
    alone = Value(1.0)
    before = alone.grad
    assert clip_grad_norm([alone], 1.0) == 0.0
    assert alone.grad is before


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-160, 1.0, 1e140, 1e160, 1e300])
def test_norm_neither_overflows_nor_underflows(size):
    found, norm = both([0.6 * size, 0.8 * size], 1e-9)
    assert norm == pytest.approx(size, rel=1e-12, abs=1e-323)
    assert math.hypot(*found) == pytest.approx(size * min(1.0, 1e-9 / (size + 1e-6)), rel=1e-12, abs=1e-323)


def test_backward_itself_clips_nothing_and_a_vector_that_is_given_does_not_change():
    x = Value(1e6)
    (x * x * x).backward()
    assert x.grad == 3e12
    assert clip_grad_norm([x], 1.0) == 3e12
    assert x.grad == pytest.approx(1.0)
    SGD([x], lr=1.0).step()
    assert x.data == 1e6 - 1.0
    gradient = np.array([6.0, 8.0])
    vector, _ = clipped(gradient, 1.0)
    assert (gradient.tolist(), vector is gradient) == ([6.0, 8.0], False)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_gradient_that_is_not_finite_is_an_error_and_scales_none(bad):
    values = with_gradients(100.0, bad)
    message = rf"^gradients are clipped where their norm is finite, got {abs(bad)}; nothing was changed; detect_anomaly"
    with pytest.raises(ValueError, match=message):
        clip_grad_norm(values, 1.0)
    assert values[0].grad == 100.0
    with pytest.raises(ValueError, match=message):
        clipped([100.0, bad], 1.0)


MISTAKES = [
    ([], "ValueError: clip_grad_norm takes at least one parameter, got none"),
    (Value(1.0), "TypeError: clip_grad_norm takes a list of parameters, got a Value: "),
    ([Constant(1.0)], "ValueError: clip_grad_norm takes leaves that may change as parameters"),
    (with_gradients(1.0) * 2, "ValueError: clip_grad_norm takes each parameter once"),
]


def test_max_norm_is_above_zero_and_parameters_are_a_list_of_leaves():
    for bad in (0.0, -1.0, math.nan, math.inf):
        wanted = f"ValueError: max_norm is above 0 and finite, got {bad!r}"
        assert error_of(clip_grad_norm, with_gradients(1.0), bad) == wanted
    for parameters, wanted in MISTAKES:
        assert error_of(clip_grad_norm, parameters, 1.0).startswith(wanted)
