"""Loss functions, which training minimizes: each is a mean over the examples, and its code is its docstring's equation.

Outputs are Values, plain numbers, or NumPy arrays of either; of plain numbers alone a loss is a float. Targets are
checked where they are plain numbers. Inside of a function that is compiled they are Values without a number yet; there
a formula must not depend on which they are, so it chooses by `where` and `minimum`, never by `if`. A target that is nan
makes a loss of real targets nan, as in NumPy.

A loss carries the metric that `fit` and `evaluate` report beside it, accuracy or none; so may a loss of your own:

>>> cross_entropy.metric.__name__, hinge.metric.__name__, mse.metric
('accuracy', 'binary_accuracy', None)

A penalty on the parameters is a term beside the loss: `fit(..., loss=mse, penalty=lambda p: 1e-4 * l2(p))`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import autograd
from autograd import Value, dot, fsum, logsumexp, mean, minimum, relu, softplus, where
from nn.training.checks import above_zero, listed, plain
from nn.training.judging import judged_by
from nn.training.metrics import accuracy, binary_accuracy
from nn.training.splits import Data
from nn.training.targets import PROBABILITY_TARGETS, SIGN_TARGETS, examples_with_targets, paired, sum_to_one


@judged_by(None)
def mse(outputs: Data, targets: Data) -> Any:
    """Return the mean squared error, (1/n) Σ (ŷ - y)².

    Outputs and targets are numbers, or sequences of one length for a model with several outputs: n counts numbers.
    Source: Legendre 1805, "Nouvelles méthodes pour la détermination des orbites des comètes".

    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    return mean((output - target) ** 2 for output, target in paired(outputs, targets, "mse"))


@judged_by(None)
def mae(outputs: Data, targets: Data) -> Any:
    """Return the mean absolute error, (1/n) Σ |ŷ - y|, whose derivative counts as 0 where an error is 0.

    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    return mean(abs(output - target) for output, target in paired(outputs, targets, "mae"))


@judged_by(None)
def huber(outputs: Data, targets: Data, delta: float = 1.0) -> Any:
    """Return the mean Huber loss, (1/n) Σ c (e - c/2), where e = |ŷ - y| and c = min(e, δ).

    That is e²/2 for errors up to δ and δ (e - δ/2) beyond: squares for most, while outliers pull with a force of δ.
    Source: Huber 1964, "Robust Estimation of a Location Parameter".

    >>> huber([1.0, 2.0, 3.0], [1.0, 2.5, 7.0])  # 0, 0.5² / 2, 4 - 1/2
    1.2083333333333333
    """
    delta = above_zero(delta, "delta")
    errors = (abs(output - target) for output, target in paired(outputs, targets, "huber"))
    return mean(c * (e - 0.5 * c) for e, c in ((e, minimum(e, delta)) for e in errors))


@judged_by(binary_accuracy)
def hinge(outputs: Data, targets: Data) -> Any:
    """Return the mean hinge loss of a binary classifier, (1/n) Σ max(0, 1 - y ŷ), for targets y of -1 or 1.

    Source: Cortes & Vapnik 1995, "Support-Vector Networks".

    >>> hinge([0.5, 3.0], [1, -1])
    2.25
    """
    pairs = paired(outputs, targets, "hinge", SIGN_TARGETS)
    return mean(relu(1.0 - target * output) for output, target in pairs)


@judged_by(binary_accuracy)
def binary_cross_entropy(outputs: Data, targets: Data) -> Any:
    """Return the mean cross-entropy of a binary classifier, (1/n) Σ (y softplus(-z) + (1 - y) softplus(z)).

    The outputs z are logits; the target y is 1 or 0, or the probability of 1. With p = sigmoid(z) this is
    -y log p - (1 - y) log(1 - p), computed without over- or underflow, since -log sigmoid(z) = softplus(-z).
    Source: Good 1952, "Rational Decisions".

    >>> binary_cross_entropy([1000.0, -1000.0], [1, 1])
    500.0
    """
    pairs = paired(outputs, targets, "binary_cross_entropy", PROBABILITY_TARGETS)
    return mean(target * softplus(-logit) + (1.0 - target) * softplus(logit) for logit, target in pairs)


@judged_by(accuracy)
def cross_entropy(outputs: Data, targets: Data) -> Any:
    """Return the mean cross-entropy of a classifier, (1/n) Σ_i log Σ_k exp(z_ik - z_iy).

    The outputs z_i are logits, one for each class; the target y is the index of the right class. It is the negative
    logarithm of softmax(z_i)[y], computed without over- or underflow, and from differences of logits, so it is as
    accurate for large ones. A target may also be a sequence of probabilities p, one for each class; then it is the mean
    by these of what each class would give, where a class of probability 0 counts nothing, even with a logit of -inf.
    A logit of inf makes it nan, as in PyTorch.

    >>> cross_entropy([[1000.0, 0.0]], [0])
    0.0
    >>> cross_entropy([[0.0, 0.0, 0.0]], [[0.5, 0.5, 0.0]])  # log 3
    1.0986...
    """
    return mean([_surprisal(plain(z), plain(y)) for z, y in examples_with_targets(outputs, targets, "cross_entropy")])


def l1(parameters: Iterable[Value | float]) -> Any:
    """Return the sum of the absolute parameters, Σ |p|, a penalty that leaves few of them other than 0.

    Source: Tibshirani 1996, "Regression Shrinkage and Selection via the Lasso".

    >>> l1([3.0, -4.0])
    7.0
    """
    return fsum([autograd.abs(p) for p in listed(parameters, "l1")])


def l2(parameters: Iterable[Value | float]) -> Any:
    """Return the sum of the squared parameters, Σ p², a penalty that keeps all of them small.

    Source: Hoerl & Kennard 1970, "Ridge Regression: Biased Estimation for Nonorthogonal Problems".

    >>> l2([3.0, -4.0])
    25.0
    """
    numbers = listed(parameters, "l2")
    return dot(numbers, numbers)


def _surprisal(logits: Any, target: Any) -> Any:
    """Return -log softmax(logits) of the class that is the target, or its mean where that is a probability for each."""
    if not isinstance(logits, list):
        raise TypeError(f"cross_entropy takes a sequence of logits for each example, got {logits!r}")
    if isinstance(target, Value):  # of a function that is compiled
        shifted, total = _shifted(logits)
        return total - fsum([where(abs(target - k) < 0.5, z, 0.0) for k, z in enumerate(shifted)])
    if not isinstance(target, list):
        if target not in range(len(logits)):
            raise ValueError(
                f"cross_entropy takes targets that are indices of classes, whole numbers from 0 to {len(logits) - 1}, "
                f"got {target!r}; number the classes from 0, or give a probability for each"
            )
        return _surprisal_at(logits, int(target))
    if len(target) != len(logits):
        raise ValueError(
            f"cross_entropy takes one probability for each class, got {len(target)} for {len(logits)} classes"
        )
    if any(isinstance(p, Value) for p in target):
        shifted, total = _shifted(logits)
        return dot(target, [where(p > 0.0, total - z, 0.0) for p, z in zip(target, shifted, strict=True)])
    if not (all(map(PROBABILITY_TARGETS.allows, target)) and sum_to_one(target)):
        raise ValueError(f"cross_entropy takes probabilities that sum to 1, got {target!r}")
    if 1 in target:
        return _surprisal_at(logits, target.index(1))
    shifted, total = _shifted(logits)
    weighted = [(p, total - z) for p, z in zip(target, shifted, strict=True) if p > 0.0]
    return dot(*zip(*weighted, strict=True))


def _surprisal_at(logits: list[Any], k: int) -> Any:
    """Return -log softmax(logits)[k], with a gradient that keeps its digits however close to 1 that probability is."""
    others = [*logits[:k], *logits[k + 1 :]]
    if others and all((z <= logits[k]) is True for z in others) and -math.inf < logits[k] < math.inf:
        return logsumexp([0.0, *[z - logits[k] for z in others]])  # whose gradient is a sum of small probabilities
    shifted, total = _shifted(logits)
    return total - shifted[k]


def _shifted(logits: list[Any]) -> tuple[list[Any], Any]:
    """Return the differences of logits from a number close to the largest, and the logsumexp of these."""
    shift = logsumexp(logits)
    shift = shift.detach() if isinstance(shift, Value) else shift
    shifted = [z - shift for z in logits]
    return shifted, logsumexp(shifted)
