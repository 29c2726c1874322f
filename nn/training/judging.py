"""The metric of a loss: the one it carries, or that of the loss of `nn` which a function around it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from inspect import signature
from typing import Any, ParamSpec, Protocol, TypeAlias

from autograd import scope
from autograd.engine import in_scope
from nn.training.checks import plain
from nn.training.metrics import Metric, binary_accuracy
from nn.training.splits import Data

LossCall: TypeAlias = tuple[Metric | None, Any, Any]  # of a loss: its metric, outputs and targets
Parameters = ParamSpec("Parameters")

LOSSES: list[Callable[..., Any]] = []  # those of `nn.losses`

_calls: ContextVar[list[LossCall] | None] = ContextVar("calls", default=None)


class Judged(Protocol[Parameters]):
    """A loss that carries its metric."""

    metric: Metric | None

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Any:
        """Return the loss."""


def judged_by(metric: Metric | None) -> Callable[[Callable[Parameters, Any]], Judged[Parameters]]:
    """Give a loss its metric, make each call of it a scope, and have it noted where `calls_noted` is open."""

    def mark(loss: Callable[Parameters, Any]) -> Any:
        @wraps(loss)
        def noted(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Any:
            calls = _calls.get()
            if calls is not None:
                given = signature(loss).bind(*args, **kwargs).arguments
                calls.append((metric, given["outputs"], given["targets"]))
            return in_scope(scope(getattr(loss, "__name__", "loss")), partial(loss, *args, **kwargs))

        vars(noted)["metric"] = metric
        LOSSES.append(noted)
        return noted

    return mark


def is_known(loss: Any) -> bool:
    """Whether a loss is one of `nn.losses`, or a partial of one."""
    return loss in LOSSES or (isinstance(loss, partial) and is_known(loss.func))


def metric_of(loss: Any) -> Metric | None:
    """Return the metric that a loss carries, such as `hinge.metric`; a partial carries that of its function."""
    metric = getattr(loss, "metric", None)
    if metric is None and isinstance(loss, partial):
        return metric_of(loss.func)
    return metric if callable(metric) else None


@contextmanager
def calls_noted() -> Iterator[list[LossCall]]:
    """Note in this block each call of a loss of `nn.losses`."""
    calls: list[LossCall] = []
    before = _calls.get()
    try:
        _calls.set(calls)
        yield calls
    finally:
        _calls.set(before)


def metric_among(calls: Iterable[LossCall], outputs: Data, targets: Data) -> Metric | None:
    """Return the metric of a loss that was among the calls, of just these outputs and targets, if there is one.

    So a function around a loss, with a factor or a penalty, keeps its accuracy; one that gives it a part of the outputs
    or other classes does not. Targets of `binary_accuracy` may have become 1 and -1 from 1 and 0, or probabilities.

    >>> from nn import hinge
    >>> outputs, targets = [2.0, -1.0], [1, 0]
    >>> with calls_noted() as calls:
    ...     loss = 3 * hinge(outputs, [2 * y - 1 for y in targets]) + 0.1
    >>> metric_among(calls, outputs, targets) is binary_accuracy
    True
    """
    metrics = {metric for metric, *given in calls if metric and _are_same(metric, given, outputs, targets)}
    return metrics.pop() if len(metrics) == 1 else None


def _are_same(metric: Metric, given: Sequence[Any], outputs: Data, targets: Data) -> bool:
    if not all(hasattr(part, "__len__") and len(part) == len(outputs) for part in given):
        return False
    if any(found is not output for found, output in zip(given[0], outputs, strict=True)):
        return False
    pairs = [(plain(y), plain(target)) for y, target in zip(given[1], targets, strict=True)]
    if metric is binary_accuracy:
        return all(_signs(y) == _signs(target) for y, target in pairs)
    return all(y == target for y, target in pairs)


def _signs(target: Any) -> Any:
    if isinstance(target, list):
        return [_signs(plain(part)) for part in target]
    return target > 0.5 if isinstance(target, (int, float)) else target
