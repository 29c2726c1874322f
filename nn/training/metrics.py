"""Metrics: what a model is judged by, beside its loss. They need no derivative, so they may count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from autograd import Value
from nn.training.checks import plain

Metric: TypeAlias = Callable[[Sequence[Any], Sequence[Any]], float]


def accuracy(outputs: Sequence[Any], targets: Sequence[Any]) -> float:
    """Return the share of outputs whose class, as `predicted_class` has it, is the target's.

    A target is the index of a class, or -1 or 1 where there are two, or a probability for each class. An output that is
    nan is never right. A NumPy array of outputs, with a row for each example, is judged at once.

    >>> accuracy([2.5, -0.5, 0.1, 3.0], [1, -1, -1, 1])
    0.75
    >>> accuracy([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [1, 0])
    1.0
    """
    if len(outputs) != len(targets) or not len(outputs):
        raise ValueError(
            f"accuracy takes one target for each output, and at least one, got {len(outputs)} and {len(targets)}"
        )
    if getattr(getattr(outputs, "dtype", None), "kind", "O") in "biuf":
        return _accuracy_of_array(outputs, targets)
    return sum(map(_is_right, outputs, targets)) / len(outputs)


def predicted_class(output: Any) -> int:
    """Return the class of a model's output: the first of the largest of several, or 1 for one positive score, else 0.

    >>> predicted_class([0.1, 0.7, 0.2]), predicted_class(-3.0)
    (1, 0)
    """
    scores = _scores(output)
    return int(scores[0] > 0.0) if len(scores) == 1 else scores.index(max(scores))


class Classes(NamedTuple):
    """The class of each example, counted from 0, and whether it was told by -1 and 1."""

    indices: list[int]
    signed: bool


def class_indices(labels: Sequence[Any], asker: str) -> Classes:
    """Return the class of each label, counted from 0: labels are 0, 1, ..., or -1 and 1 where there are two classes.

    >>> class_indices([-1, 1, 1], "accuracy")
    Classes(indices=[0, 1, 1], signed=True)
    >>> class_indices([2, 0, 1], "accuracy")
    Classes(indices=[2, 0, 1], signed=False)
    """
    found = [label[0] if isinstance(label, list) and len(label) == 1 else label for label in map(plain, labels)]
    known = range(-1, 2, 2) if -1 in found else range(1000)
    if odd := [label for label in found if label not in known]:
        shown = f"{'-1 beside ' if -1 in found else ''}{odd[0]!r}"
        raise ValueError(
            f"{asker} takes a class for each example, 0, 1, ..., or -1 and 1 where there are two, got {shown}"
        )
    return Classes([known.index(int(label)) for label in found], -1 in found)


def _scores(output: Any) -> list[float]:
    """Return the data of an output, of one number or several, as a list."""
    numbers = plain(output)
    return [z.data if isinstance(z, Value) else float(z) for z in (numbers if isinstance(numbers, list) else [numbers])]


def _is_right(output: Any, target: Any) -> bool:
    scores = _scores(output)
    try:
        wanted = _scores(target)
    except (TypeError, ValueError):
        raise ValueError(f"accuracy takes classes as numbers, got {target!r}; number them from 0") from None
    if any(score != score for score in scores):
        return False
    if len(scores) == 1 or len(wanted) > 1:
        return predicted_class(scores) == predicted_class(wanted)
    return predicted_class(scores) == (max(wanted[0], 0.0) if len(scores) == 2 else wanted[0])


def _accuracy_of_array(outputs: Any, targets: Sequence[Any]) -> float:
    import numpy as np

    scores = outputs.reshape(len(outputs), -1)
    try:
        wanted = np.asarray(targets, dtype=float).reshape(len(targets), -1)
    except (TypeError, ValueError):
        raise ValueError(f"accuracy takes classes as numbers, got {targets!r}; number them from 0") from None
    return float(np.mean(right_answers(scores, wanted, np)))


def right_answers(scores: Any, wanted: Any, numpy: Any) -> Any:
    """Return for each row of scores whether its class is that of its row of targets.

    `numpy` is the library of the arrays: NumPy, or one with the same functions.

    >>> import numpy as np
    >>> right_answers(np.array([[0.1, 0.7], [0.5, 0.2]]), np.array([[1.0], [1.0]]), np)
    array([ True, False])
    """
    if scores.shape[1] == 1:
        right = ((scores > 0.0) == (wanted > 0.0))[:, 0]
    else:
        if scores.shape[1] == 2 and wanted.shape[1] == 1:
            wanted = numpy.maximum(wanted, 0.0)
        right = scores.argmax(axis=1) == (wanted.argmax(axis=1) if wanted.shape[1] > 1 else wanted[:, 0])
    return right & ~numpy.isnan(scores).any(axis=1)
