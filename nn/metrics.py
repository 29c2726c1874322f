"""Metrics: what a model is judged by, beside its loss. They need no derivative, so they may count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd import Value


def accuracy(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Return the share of outputs whose class, the `predicted_class`, is the target's.

    A target is the index of a class, or -1 or 1 where outputs are single scores, or a probability for each class. NumPy
    arrays of outputs, one row for each example, are compared at once.

    >>> accuracy([2.5, -0.5, 0.1, 3.0], [1, -1, -1, 1])
    0.75
    >>> accuracy([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [1, 0])
    1.0
    """
    if len(outputs) != len(targets) or not len(outputs):
        raise ValueError(
            f"accuracy takes one target for each output, and at least one, got {len(outputs)} and {len(targets)}"
        )
    if getattr(outputs, "dtype", None) is not None and outputs.dtype.kind in "biuf":  # type: ignore[attr-defined]
        return _accuracy_of_arrays(outputs, targets)
    right = [
        predicted_class(output) == (_true_class(target) if _several(output) else int(number(target) > 0.0))
        for output, target in zip(outputs, targets, strict=True)
    ]
    return sum(right) / len(right)


def predicted_class(output: Any) -> int:
    """Return the class of a model's output: the first of the largest of several, or 1 for one positive score, else 0.

    >>> predicted_class([0.1, 0.7, 0.2]), predicted_class(-3.0)
    (1, 0)
    """
    if not _several(output):
        return int(number(output) > 0.0)
    numbers = [number(z) for z in output]
    return numbers.index(max(numbers))


def number(output: Any) -> float:
    """Return the data of a Value, or a plain number, alone or in a list of one, as a float."""
    if hasattr(output, "__len__") and len(output) == 1:
        output = output[0]
    return output.data if isinstance(output, Value) else float(output)


def _true_class(target: Any) -> float:
    return predicted_class(target) if _several(target) else number(target)


def _several(output: Any) -> bool:
    return hasattr(output, "__len__") and len(output) != 1


def _accuracy_of_arrays(outputs: Any, targets: Any) -> float:
    import numpy as np

    rows = outputs.reshape(len(outputs), -1)
    wanted = np.asarray(targets, dtype=float).reshape(len(targets), -1)
    if rows.shape[1] == 1:
        right = (rows > 0.0) == (wanted > 0.0)
    else:
        right = rows.argmax(axis=1) == (wanted.argmax(axis=1) if wanted.shape[1] > 1 else wanted[:, 0])
    return float(right.mean())
