"""Gradient clipping: gradients that are too long keep their direction and lose length, before the optimiser steps.

Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks", arXiv:1211.5063, 3.2,
in the form of torch.nn.utils: all gradients times min(1, max_norm / (norm + 1e-6)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from autograd import Value
from nn.training.checks import above_zero, parameter_list

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Array: TypeAlias = NDArray[np.float64]


def clip_grad_norm(parameters: Iterable[Value], max_norm: float) -> float:
    """Scale the gradients of the parameters so that their norm, √(Σ g²), is at most `max_norm`; return what it was.

    The factor is max_norm / (norm + 1e-6), as in PyTorch, where that is below 1, so a norm of just `max_norm` becomes a
    little less. Belongs between `backward()` and `step()`. Raises ValueError if a gradient is not finite, and then
    scales none.

    >>> x, y = Value(3.0), Value(4.0)
    >>> (x * x + y * y).backward()
    >>> clip_grad_norm([x, y], max_norm=5.0)
    10.0
    >>> round(x.grad, 5), round(y.grad, 5)
    (3.0, 4.0)
    """
    leaves = parameter_list(parameters, "clip_grad_norm")
    norm = math.hypot(*[leaf.grad or 0.0 for leaf in leaves])
    factor = _factor(norm, max_norm)
    if factor < 1.0:
        for leaf in leaves:
            if leaf.grad is not None:
                leaf.grad *= factor
    return norm


def clipped(gradient: ArrayLike, max_norm: float) -> tuple[Array, float]:
    """Return the gradient, as a vector, scaled like `clip_grad_norm` does, and the norm it had.

    >>> clipped([6.0, 8.0], max_norm=20.0)
    (array([6., 8.]), 10.0)
    """
    import numpy as np

    vector = np.asarray(gradient, dtype=float)
    with np.errstate(over="ignore"):
        norm = math.sqrt(vector @ vector)
    if not 1e-140 < norm < 1e140:  # squares may have left the range of floats
        norm = math.hypot(*vector.tolist())
    factor = _factor(norm, max_norm)
    return (factor * vector if factor < 1.0 else vector), norm


def _factor(norm: float, max_norm: float) -> float:
    above_zero(max_norm, "max_norm")
    if not math.isfinite(norm):
        raise ValueError(
            f"gradients are clipped where their norm is finite, got {norm}; nothing was changed; "
            "detect_anomaly() finds the operation where it began"
        )
    return shrinking(norm, max_norm, min)  # type: ignore[no-any-return]


def shrinking(norm: Any, max_norm: float, least: Callable[[float, Any], Any]) -> Any:
    """Return the factor that shortens a gradient of this norm, of a float or an array; `least` is the minimum of two.

    >>> shrinking(10.0, 5.0, min)
    0.49999995...
    """
    return least(1.0, max_norm / (norm + 1e-6))
