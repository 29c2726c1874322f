"""Losses: what training makes small. Each is the mean over the examples, and a formula of its docstring's equation.

Outputs are Values, plain numbers, or NumPy arrays of either; of plain numbers alone a loss is a float. Targets are
checked where they are plain numbers. Inside of a function that is compiled they are Values without a number yet; there
a formula must not depend on which they are, so it chooses by `where` and `minimum`, never by `if`. A target that is nan
makes a loss of real targets nan, as in NumPy.

A loss carries the metric that `fit` and `evaluate` report beside it, accuracy or none; so may a loss of your own:

>>> hinge.metric.__name__, mse.metric
('accuracy', None)

A penalty on the parameters is a term beside the loss: `fit(..., loss=mse, penalty=lambda p: 1e-4 * l2(p))`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from inspect import signature
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeAlias

from autograd import Value, dot, fsum, logsumexp, mean, minimum, relu, softplus, where
from nn.checks import above_zero, listed, plain
from nn.metrics import Metric, accuracy

Output: TypeAlias = "Value | float | Sequence[Value | float]"
Call: TypeAlias = tuple[Metric | None, Any, Any]  # of a loss: its metric, outputs and targets
P = ParamSpec("P")

LOSSES: list[Callable[..., Any]] = []  # those below

_calls: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


class Judged(Protocol[P]):
    """A loss that carries its metric."""

    metric: Metric | None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return the loss."""


def judged_by(metric: Metric | None) -> Callable[[Callable[P, Any]], Judged[P]]:
    """Give a loss its metric, and have its calls noted where `calls_noted` is open."""

    def mark(loss: Callable[P, Any]) -> Any:
        @wraps(loss)
        def noted(*args: P.args, **kwargs: P.kwargs) -> Any:
            calls = _calls.get()
            if calls is not None:
                given = signature(loss).bind(*args, **kwargs).arguments
                calls.append((metric, given["outputs"], given["targets"]))
            return loss(*args, **kwargs)

        vars(noted)["metric"] = metric
        LOSSES.append(noted)
        return noted

    return mark


@judged_by(None)
def mse(outputs: Sequence[Output], targets: Sequence[Any]) -> Any:
    """Return the mean squared error, (1/n) Σ (ŷ - y)².

    Outputs and targets are numbers, or sequences of one length for a model with several outputs: n counts numbers.
    Source: Legendre 1805, "Nouvelles méthodes pour la détermination des orbites des comètes".

    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    return mean((output - target) ** 2 for output, target in _pairs(outputs, targets, "mse"))


@judged_by(None)
def mae(outputs: Sequence[Output], targets: Sequence[Any]) -> Any:
    """Return the mean absolute error, (1/n) Σ |ŷ - y|, whose derivative counts as 0 where an error is 0.

    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    return mean(abs(output - target) for output, target in _pairs(outputs, targets, "mae"))


@judged_by(None)
def huber(outputs: Sequence[Output], targets: Sequence[Any], delta: float = 1.0) -> Any:
    """Return the mean Huber loss, (1/n) Σ c (e - c/2), where e = |ŷ - y| and c = min(e, δ).

    That is e²/2 for errors up to δ and δ (e - δ/2) beyond: squares for most, while outliers pull with a force of δ.
    Source: Huber 1964, "Robust Estimation of a Location Parameter".

    >>> huber([1.0, 2.0, 3.0], [1.0, 2.5, 7.0])  # 0, 0.5² / 2, 4 - 1/2
    1.2083333333333333
    """
    delta = above_zero(delta, "delta")
    errors = (abs(output - target) for output, target in _pairs(outputs, targets, "huber"))
    return mean(c * (e - 0.5 * c) for e, c in ((e, minimum(e, delta)) for e in errors))


@judged_by(accuracy)
def hinge(outputs: Sequence[Output], targets: Sequence[Any]) -> Any:
    """Return the mean hinge loss of a binary classifier, (1/n) Σ max(0, 1 - y s), for targets y of -1 or 1.

    Source: Cortes & Vapnik 1995, "Support-Vector Networks".

    >>> hinge([0.5, 3.0], [1, -1])
    2.25
    """
    pairs = _pairs(outputs, targets, "hinge", _SIGNS)
    return mean(relu(1.0 - target * output) for output, target in pairs)


@judged_by(accuracy)
def binary_cross_entropy(outputs: Sequence[Output], targets: Sequence[Any]) -> Any:
    """Return the mean cross-entropy of a binary classifier, (1/n) Σ y softplus(-z) + (1 - y) softplus(z).

    The outputs z are logits; the target y is 1 or 0, or the probability of 1. With p = sigmoid(z) this is
    -y log p - (1 - y) log(1 - p), computed without over- or underflow, since -log sigmoid(z) = softplus(-z).
    Source: Good 1952, "Rational Decisions".

    >>> binary_cross_entropy([1000.0, -1000.0], [1, 1])
    500.0
    """
    pairs = _pairs(outputs, targets, "binary_cross_entropy", _PROBABILITIES)
    return mean(target * softplus(-logit) + (1.0 - target) * softplus(logit) for logit, target in pairs)


@judged_by(accuracy)
def cross_entropy(outputs: Sequence[Sequence[Value | float]], targets: Sequence[Any]) -> Any:
    """Return the mean cross-entropy of a classifier, (1/n) Σ_i (log Σ_k exp(z_ik) - z_iy).

    The outputs z_i are logits, one for each class; the target y is the index of the right class. It is the negative
    logarithm of softmax(z_i)[y], computed without over- or underflow. A target may also be a sequence of probabilities
    p, one for each class; then z_iy is their mean of the logits, Σ_k p_k z_ik.

    >>> cross_entropy([[1000.0, 0.0]], [0])
    0.0
    >>> cross_entropy([[0.0, 0.0, 0.0]], [[0.5, 0.5, 0.0]])  # log 3
    1.0986...
    """
    examples = ((plain(z), plain(y)) for z, y in _examples(outputs, targets, "cross_entropy"))
    scored = [(z, _score(z, y)) for z, y in examples]
    return mean(logsumexp(z) - score for z, score in scored)


def l1(parameters: Iterable[Value | float]) -> Any:
    """Return the sum of the absolute parameters, Σ |p|, a penalty that leaves few of them other than 0.

    Source: Tibshirani 1996, "Regression Shrinkage and Selection via the Lasso".

    >>> l1([3.0, -4.0])
    7.0
    """
    return fsum([abs(p) for p in listed(parameters, "l1")])


def l2(parameters: Iterable[Value | float]) -> Any:
    """Return the sum of the squared parameters, Σ p², a penalty that keeps all of them small.

    Source: Hoerl & Kennard 1970, "Ridge Regression: Biased Estimation for Nonorthogonal Problems".

    >>> l2([3.0, -4.0])
    25.0
    """
    numbers = listed(parameters, "l2")
    return dot(numbers, numbers)


# What a loss of one's own is made of: its metric, and a penalty beside it


def is_known(loss: Any) -> bool:
    """Whether a loss is one of this file, or a partial of one."""
    return loss in LOSSES or (isinstance(loss, partial) and is_known(loss.func))


def metric_of(loss: Any) -> Metric | None:
    """Return the metric that a loss carries, such as `hinge.metric`; a partial carries that of its function."""
    metric = getattr(loss, "metric", None)
    if metric is None and isinstance(loss, partial):
        return metric_of(loss.func)
    return metric if callable(metric) else None


@contextmanager
def calls_noted() -> Iterator[list[Call]]:
    """Note in this block each call of a loss of this file."""
    calls: list[Call] = []
    before = _calls.get()
    try:
        _calls.set(calls)
        yield calls
    finally:
        _calls.set(before)


def metric_among(calls: Iterable[Call], outputs: Sequence[Any], targets: Sequence[Any]) -> Metric | None:
    """Return the metric of a loss that was among the calls, of just these outputs and targets, if there is one.

    So a function around a loss, with a factor or a penalty, keeps its accuracy; one that gives it a part of the outputs
    or other classes does not. For single scores, targets may have become 1 and -1 from 1 and 0.

    >>> outputs, targets = [2.0, -1.0], [1, 0]
    >>> with calls_noted() as calls:
    ...     loss = 3 * hinge(outputs, [2 * y - 1 for y in targets]) + 0.1
    >>> metric_among(calls, outputs, targets) is accuracy
    True
    """
    metrics = {metric for metric, *given in calls if metric and _are_same(given, outputs, targets)}
    return metrics.pop() if len(metrics) == 1 else None


def _are_same(given: Sequence[Any], outputs: Sequence[Any], targets: Sequence[Any]) -> bool:
    if not all(isinstance(part, Sequence) and len(part) == len(outputs) for part in given):
        return False
    for found, output, y, target in zip(given[0], outputs, given[1], targets, strict=True):
        single = isinstance(plain(target), (int, float)) and not isinstance(plain(output), list)
        if found is not output or ((y > 0) != (target > 0) if single else plain(y) != plain(target)):
            return False
    return True


def with_penalty(loss: Callable[..., Any], penalty: Any, parameters: Sequence[Value]) -> Callable[[Any, Any], Any]:
    """Return the sum of a loss and a penalty, which is a function of the parameters, or of nothing.

    >>> weights = [Value(3.0), Value(4.0)]
    >>> for penalty in (l2, lambda p: 0.1 * l2(p), lambda: 0.1 * l2(weights)):
    ...     with_penalty(mse, penalty, weights)([1.0], [2.0])
    Value(data=26.0, grad=0.0)
    Value(data=3.5, grad=0.0)
    Value(data=3.5, grad=0.0)
    """
    if not callable(penalty):
        raise TypeError(
            f"penalty is a function of the parameters, or of nothing, called in each step, got {penalty!r:.60}; "
            "write penalty=lambda p: 1e-4 * l2(p)"
        )
    term = penalty if _takes_nothing(penalty) else partial(penalty, parameters)

    def penalised(outputs: Any, targets: Any) -> Any:
        found = term()
        if not isinstance(found, (Value, int, float)):
            raise TypeError(f"penalty returns a Value, one number for all parameters, got {found!r:.60}")
        return loss(outputs, targets) + found

    return penalised


def _takes_nothing(penalty: Callable[..., Any]) -> bool:
    try:
        wanted = signature(penalty)
        wanted.bind()
    except (TypeError, ValueError):  # it needs an argument, or is built in and does not tell
        return False
    return all(p.kind is not p.VAR_POSITIONAL for p in wanted.parameters.values())


class _Targets(NamedTuple):
    """What the targets of a loss are, where they are plain numbers."""

    wanted: str
    remedy: str
    allows: Callable[[Any], bool]


_NUMBERS = _Targets("that are numbers", "convert them first", lambda y: isinstance(y, (int, float)))
_SIGNS = _Targets("of -1 or 1", "write 2 * y - 1 for classes y of 0 and 1", lambda y: y in (-1, 1))
_PROBABILITIES = _Targets(
    "from 0 to 1",
    "write (y + 1) / 2 for classes y of -1 and 1",
    lambda y: isinstance(y, (int, float)) and 0.0 <= y <= 1.0,
)


def _pairs(outputs: Any, targets: Any, asker: str, kind: _Targets = _NUMBERS) -> Iterator[tuple[Any, Any]]:
    """Yield each output number with its target."""
    for i, (output, target) in enumerate(_examples(outputs, targets, asker)):
        output, target = plain(output), plain(target)
        if isinstance(output, list) != isinstance(target, list):
            raise TypeError(f"{asker} takes a target of the same shape as the output, got {target!r} for {output!r}")
        if isinstance(output, list):
            if len(output) != len(target):
                raise ValueError(
                    f"{asker} takes one target for each output, got {len(output)} outputs and {len(target)} targets in "
                    f"example {i}"
                )
            yield from _pairs(output, target, asker, kind)
        elif isinstance(target, Value) or kind.allows(target):
            yield output, target
        else:
            raise ValueError(f"{asker} takes targets {kind.wanted}, got {target!r}; {kind.remedy}")


def _examples(outputs: Any, targets: Any, asker: str) -> Iterator[tuple[Any, Any]]:
    """Return the pairs of an output and its target, one for each example."""
    outputs, targets = plain(outputs), plain(targets)
    for name, sequence in (("outputs", outputs), ("targets", targets)):
        if not isinstance(sequence, list):
            raise TypeError(
                f"{asker} takes a sequence of {name}, one for each example, got {sequence!r}; write [x] for one"
            )
    if len(outputs) != len(targets):
        raise ValueError(f"{asker} takes one target for each output, got {len(outputs)} and {len(targets)}")
    if not outputs:
        raise ValueError(f"{asker} takes at least one example: mean is defined for at least one operand, got none")
    return zip(outputs, targets, strict=True)


def _score(logits: Any, target: Any) -> Any:
    """Return the logit of the class that is the target, or their mean where it is a probability for each."""
    if not isinstance(logits, list):
        raise TypeError(f"cross_entropy takes a sequence of logits for each example, got {logits!r}")
    if isinstance(target, Value):  # of a function that is compiled
        return fsum([where(abs(target - k) < 0.5, logit, 0.0) for k, logit in enumerate(logits)])
    if not isinstance(target, list):
        if target not in range(len(logits)):
            raise ValueError(f"cross_entropy takes targets from 0 to {len(logits) - 1}, got {target!r}")
        return logits[int(target)]
    if len(target) != len(logits):
        raise ValueError(
            f"cross_entropy takes one probability for each class, got {len(target)} for {len(logits)} classes"
        )
    known = not any(isinstance(p, Value) for p in target)
    if known and not (all(map(_PROBABILITIES.allows, target)) and math.isclose(sum(target), 1.0, rel_tol=1e-6)):
        raise ValueError(f"cross_entropy takes probabilities that sum to 1, got {target!r}")
    return dot(target, logits)
