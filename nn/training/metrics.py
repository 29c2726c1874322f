"""Metrics: what a model is judged by, beside its loss. They need no derivative, so they may count."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_
from typing import Any, NamedTuple, TypeAlias

from autograd import Value
from autograd.rules import real, sigmoid
from nn.training.checks import plain
from nn.training.splits import Data, as_sequence
from nn.training.targets import sum_to_one

Metric: TypeAlias = Callable[[Any, Any], float]

_WITHOUT_TARGET = "leave examples without a target out"


def accuracy(outputs: Data, targets: Data) -> float:
    """Return the share of outputs whose class, as `predicted_class` has it, is the target's.

    A target is the index of a class; or for each class a probability, or another number from -1 to 1, of which one is
    the largest; of two classes also -1 or 1, and of a single score the probability of class 1; others are a ValueError,
    such as several labels, for which there is `binary_accuracy`. An output that is nan is never right. A NumPy array of
    outputs, with a row for each example, is judged at once.

    >>> accuracy([2.5, -0.5, 0.1, 3.0], [1, -1, -1, 1])
    0.75
    >>> accuracy([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [1, 0])
    1.0
    """
    outputs, targets = _paired("accuracy", outputs, targets)
    if _is_array(outputs):
        return _share_in_array("accuracy", right_answers, outputs, targets)
    return sum(map(_is_right, outputs, targets)) / len(outputs)


def binary_accuracy(outputs: Data, targets: Data) -> float:
    """Return the share of scores whose sign is right, each the score of a label that is there or not (multi-label).

    A target is of the shape of its output, with -1 or 1, 0 or 1, or the probability of 1 for each score; above 0.5 it
    is class 1, and so is a score above 0. Of single scores this is `accuracy`. It is what `hinge` and
    `binary_cross_entropy` carry, whose means count scores too.

    >>> binary_accuracy([[2.0, -1.0], [0.5, 3.0]], [[1, 0], [0, 0.95]])
    0.75
    """
    outputs, targets = _paired("binary_accuracy", outputs, targets)
    if _is_array(outputs):
        return _share_in_array("binary_accuracy", right_signs, outputs, targets)
    scores = [_scores(output) for output in outputs]
    wanted = [_wanted("binary_accuracy", target) for target in targets]
    if (found := [*map(len, scores)]) != (given := [*map(len, wanted)]):
        raise ValueError(f"binary_accuracy takes a target for each score, got {given} targets for {found} scores")
    pairs = [pair for example in zip(scores, wanted, strict=True) for pair in zip(*example, strict=True)]
    for _, y in pairs:
        if not _is_class(y, 1):
            raise _no_class("binary_accuracy", y, 1)
    return sum(z == z and (z > 0.0) == (y > 0.5) for z, y in pairs) / len(pairs)


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


def class_indices(labels: Data, asker: str) -> Classes:
    """Return the class of each label, counted from 0: labels are 0, 1, ..., or -1 and 1 where there are two classes.

    >>> class_indices([-1, 1, 1], "accuracy")
    Classes(indices=[0, 1, 1], signed=True)
    >>> class_indices([2, 0, 1], "accuracy")
    Classes(indices=[2, 0, 1], signed=False)
    """
    plain_labels = map(plain, as_sequence(labels, asker))
    found = [label[0] if isinstance(label, list) and len(label) == 1 else label for label in plain_labels]
    known = range(-1, 2, 2) if -1 in found else range(1000)
    if odd := [label for label in found if label not in known]:
        shown = f"{'-1 beside ' if -1 in found else ''}{odd[0]!r}"
        raise ValueError(
            f"{asker} takes a class for each example, 0, 1, ..., or -1 and 1 where there are two, got {shown}"
        )
    return Classes([known.index(int(label)) for label in found], -1 in found)


def _paired(asker: str, outputs: Any, targets: Any) -> tuple[Data, Data]:
    outputs, targets = as_sequence(outputs, asker), as_sequence(targets, asker)
    if len(outputs) != len(targets) or not len(outputs):
        raise ValueError(
            f"{asker} takes one target for each output, and at least one, got {len(outputs)} and {len(targets)}"
        )
    return outputs, targets


def _is_array(outputs: Any) -> bool:
    return getattr(getattr(outputs, "dtype", None), "kind", "O") in "biuf"


def _scores(output: Any) -> list[float]:
    """Return the data of an output, of one number or several, as a list."""
    numbers = plain(output)
    if isinstance(numbers, list):
        return [score for part in numbers for score in _scores(part)]
    if isinstance(numbers, Value):
        return [numbers.data]
    return [numbers if type(numbers) is float else real(numbers, "a metric")]


def _wanted(asker: str, target: Any) -> list[float]:
    try:
        return _scores(target)
    except (TypeError, ValueError):
        raise ValueError(f"{asker} takes classes as numbers, got {target!r}; number them from 0") from None


def _is_right(output: Any, target: Any) -> bool:
    scores, wanted = _scores(output), _wanted("accuracy", target)
    if len(wanted) > 1:
        if len(wanted) != _several(len(scores)) or not _is_distribution(wanted):
            raise _no_distribution(wanted, len(scores))
        return predicted_class(scores) == predicted_class(wanted) and not any(score != score for score in scores)
    (y,) = wanted
    if not _is_class(y, len(scores)):
        raise _no_class("accuracy", y, len(scores))
    if any(score != score for score in scores):
        return False
    return predicted_class(scores) == (y > 0.5 if len(scores) == 1 else max(y, 0.0) if len(scores) == 2 else y)


def _is_class(y: Any, count: int) -> Any:
    """Whether a target, or which of an array of them, is a class for so many scores, or the probability of class 1."""
    one_of = (y >= 0.0) & ((y <= 1.0) if count == 1 else (y < count) & (y % 1.0 == 0.0))
    return one_of | ((y == -1.0) & (count < 3))


def _several(count: int) -> int:
    """Return the number of classes of which so many scores are."""
    return max(count, 2)


def _is_distribution(wanted: Sequence[Any]) -> Any:
    """Whether the targets of all classes, numbers or columns, are probabilities, or numbers of which one is largest."""
    sizes = reduce(and_, [abs(y) <= 1.0 for y in wanted])
    probabilities = reduce(and_, [y >= 0.0 for y in wanted]) & sum_to_one(wanted)
    largest = reduce(lambda a, b: a * (a >= b) + b * (a < b), wanted)
    return sizes & (probabilities | (sum((y == largest) * 1 for y in wanted) == 1))


def _no_distribution(wanted: Sequence[float], count: int) -> ValueError:
    missing = any(y != y for y in wanted)
    remedy = _WITHOUT_TARGET if missing else "several labels of an example are for binary_accuracy"
    return ValueError(
        f"accuracy takes a class, or for each of {_several(count)} classes a probability, or a number from -1 to 1 of "
        f"which one is largest, got [{', '.join(f'{y:g}' for y in wanted)}]; {remedy}"
    )


def _no_class(asker: str, y: float, count: int) -> ValueError:
    wanted, remedy = f"for {count} scores a class from 0 to {count - 1}", ""
    if count == 1:
        wanted = "for a score a class of 0 or 1, or of -1 or 1, or the probability of class 1"
        remedy = "for more classes give the scores of each, as a model returns them, not the predicted class"
    if y != y:
        remedy = _WITHOUT_TARGET
    return ValueError(f"{asker} takes {wanted}, got {y:g}{'; ' * bool(remedy)}{remedy}")


def _share_in_array(asker: str, right: Callable[..., Any], outputs: Any, targets: Data) -> float:
    import numpy as np

    scores = outputs.reshape(len(outputs), -1)
    try:
        wanted = np.asarray(targets, dtype=float).reshape(len(targets), -1)
    except (TypeError, ValueError):
        raise ValueError(f"{asker} takes classes as numbers, got {targets!r}; number them from 0") from None
    count = scores.shape[1] if asker == "accuracy" else 1
    with np.errstate(invalid="ignore"):
        if asker == "accuracy" and wanted.shape[1] > 1:
            fits = wanted.shape[1] == _several(count)
            if (odd := wanted[~(_is_distribution([*wanted.T]) & fits)]).size:
                raise _no_distribution(odd[0], count)
        elif (odd := wanted[~_is_class(wanted, count)]).size:
            raise _no_class(asker, odd[0], count)
    return float(np.mean(right(scores, wanted, np)))


def right_answers(scores: Any, wanted: Any, numpy: Any) -> Any:
    """Return for each row of scores whether its class is that of its row of targets.

    `numpy` is the library of the arrays: NumPy, or one with the same functions.

    >>> import numpy as np
    >>> right_answers(np.array([[0.1, 0.7], [0.5, 0.2]]), np.array([[1.0], [1.0]]), np)
    array([ True, False])
    """
    found = scores.argmax(axis=1) if scores.shape[1] > 1 else scores[:, 0] > 0.0
    if wanted.shape[1] > 1:
        classes = wanted.argmax(axis=1)
    elif scores.shape[1] == 1:
        classes = wanted[:, 0] > 0.5
    else:
        classes = numpy.maximum(wanted[:, 0], 0.0) if scores.shape[1] == 2 else wanted[:, 0]
    return (found == classes) & ~numpy.isnan(scores).any(axis=1)


def right_signs(scores: Any, wanted: Any, numpy: Any) -> Any:
    """Return for each row of scores the share of those whose sign is that of their target.

    >>> import numpy as np
    >>> right_signs(np.array([[0.1, -0.7], [0.5, 0.2]]), np.array([[1.0, 0.05], [1.0, -1.0]]), np)
    array([1. , 0.5])
    """
    if scores.shape != wanted.shape:
        raise ValueError(
            f"binary_accuracy takes a target for each score, got {wanted.shape} targets for {scores.shape} scores"
        )
    right = ((scores > 0.0) == (wanted > 0.5)) & ~numpy.isnan(scores)
    return right.astype(float).mean(axis=1)  # of booleans JAX has a mean in single precision


def probabilities_by(output: Any) -> str:
    """Return the name of the function, sigmoid or softmax, that made probabilities of a model's output, if one did.

    >>> from autograd import sigmoid, softmax
    >>> probabilities_by(sigmoid(Value(2.0))), probabilities_by([*softmax([Value(2.0), 1.0])]), probabilities_by(0.5)
    ('sigmoid', 'softmax', '')
    """
    numbers = plain(output)
    parts = numbers if isinstance(numbers, list) else [numbers]
    if parts and all(isinstance(part, Value) and part.op is sigmoid for part in parts):
        return "sigmoid"
    scores = _scores(output) if len(parts) > 1 and all(isinstance(part, Value) for part in parts) else []
    return "softmax" if scores and min(scores) >= 0.0 and math.isclose(math.fsum(scores), 1.0, rel_tol=1e-12) else ""


def is_single(output: Any) -> bool:
    """Whether an output is one number, by itself or in a list."""
    numbers = plain(output)
    return not isinstance(numbers, list) or len(numbers) == 1


def form_on_arrays(metric: Any) -> Callable[[Any, Any, Any], Any] | None:
    """Return how a metric of nn judges rows of scores, as a function of arrays; None for a metric of one's own."""
    return right_answers if metric is accuracy else right_signs if metric is binary_accuracy else None
