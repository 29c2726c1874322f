"""Losses: what training makes small. Each is the mean over the examples, and a formula of its docstring's equation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from autograd import Value, logsumexp, mean, relu

Output: TypeAlias = "Value | float | Sequence[Value | float]"


def mse(outputs: Sequence[Output], targets: Sequence[Any]) -> Any:
    """Return the mean squared error, (1/n) sum_i (ŷ_i - y_i)².

    Outputs and targets are numbers, or sequences of one length for a model with several outputs.

    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    return mean((output - target) ** 2 for output, target in _pairs(outputs, targets, "mse"))


def hinge(outputs: Sequence[Value | float], targets: Sequence[int]) -> Any:
    """Return the mean hinge loss of a binary classifier, (1/n) sum_i max(0, 1 - y_i s_i), for targets y of -1 or 1.

    Source: Cortes & Vapnik 1995, "Support-Vector Networks".

    >>> hinge([0.5, 3.0], [1, -1])
    2.25
    """
    if wrong := [target for target in targets if target not in (-1, 1)]:
        raise ValueError(f"hinge takes targets of -1 or 1, got {wrong[0]!r}; write 2 * y - 1 for classes y of 0 and 1")
    return mean(relu(1.0 - target * output) for output, target in _pairs(outputs, targets, "hinge"))


def cross_entropy(outputs: Sequence[Sequence[Value | float]], targets: Sequence[int]) -> Any:
    """Return the mean cross-entropy of a classifier, (1/n) sum_i (log sum_k exp(z_ik) - z_iy).

    The outputs z_i are logits, one for each class; the target y is the index of the right class. It is the negative
    logarithm of softmax(z_i)[y], computed without over- or underflow.

    >>> cross_entropy([[1000.0, 0.0]], [0])
    0.0
    """
    if len(outputs) != len(targets):
        raise ValueError(f"cross_entropy takes one target for each output, got {len(outputs)} and {len(targets)}")
    for logits, target in zip(outputs, targets, strict=True):
        if isinstance(logits, (Value, float, int)):
            raise TypeError(f"cross_entropy takes a sequence of logits for each example, got {logits!r}")
        if target not in range(len(logits)):
            raise ValueError(f"cross_entropy takes targets from 0 to {len(logits) - 1}, got {target!r}")
    return mean(logsumexp(logits) - logits[int(target)] for logits, target in zip(outputs, targets, strict=True))


def _pairs(outputs: Sequence[Any], targets: Sequence[Any], asker: str) -> Iterator[tuple[Any, Any]]:
    """Yield each output number with its target."""
    if len(outputs) != len(targets):
        raise ValueError(f"{asker} takes one target for each output, got {len(outputs)} and {len(targets)}")
    for output, target in zip(outputs, targets, strict=True):
        if hasattr(output, "__len__") != hasattr(target, "__len__"):
            raise TypeError(f"{asker} takes a target of the same shape as the output, got {target!r} for {output!r}")
        if hasattr(output, "__len__"):
            yield from _pairs(output, target, asker)
        else:
            yield output, target
