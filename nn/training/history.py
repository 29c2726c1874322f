"""Training history and early stopping: a record with an entry for each epoch, and when to stop by it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from autograd.rules import real
from nn.training.checks import above_zero, is_function, not_negative, whole
from nn.training.judging import metric_of
from nn.training.metrics import Metric


class Score(NamedTuple):
    """A mean loss, and the metric: the share of right answers where the model is a classifier, else None."""

    loss: float
    metric: float | None

    @property
    def accuracy(self) -> float | None:
        """The metric, as classifiers have it."""
        return self.metric


@dataclass
class History:
    """The history of a training run: one entry an epoch, and why it ended.

    `loss` and `metric` are means over the training examples during the epoch; `validation_loss` and
    `validation_metric` are taken after it. The metric is called `metric_name`; where that is accuracy, `accuracy` and
    `validation_accuracy` are the same lists. `gradient_norms` has, where asked for, a list for each layer: the norm of
    its gradient, a mean over the steps of the epoch. `compiled` says whether array instructions did the work, and
    `kept_epoch` after which epoch the parameters are those of the model, where `restore_best` has kept them.
    """

    loss: list[float] = field(default_factory=list)
    metric: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_metric: list[float] = field(default_factory=list)
    gradient_norms: dict[str, list[float]] = field(default_factory=dict)
    metric_name: str = "accuracy"
    stopped: str = ""
    compiled: bool = field(default=False, compare=False)
    kept_epoch: int | None = None

    @property
    def accuracy(self) -> list[float]:
        """The metric, where it is the accuracy."""
        return self.metric if self.metric_name == "accuracy" else []

    @property
    def validation_accuracy(self) -> list[float]:
        """The metric on the held-out examples, where it is the accuracy."""
        return self.validation_metric if self.metric_name == "accuracy" else []

    @property
    def watched(self) -> list[float]:
        """The losses by which progress is judged: on held-out examples where there are any."""
        return self.validation_loss or self.loss

    @property
    def best_epoch(self) -> int | None:
        """The number of the first epoch, from 1, with the smallest of the watched losses.

        >>> History(loss=[3.0, 1.0, 2.0]).best_epoch
        2
        """
        known = [(loss, epoch) for epoch, loss in enumerate(self.watched, 1) if not math.isnan(loss)]
        return min(known)[1] if known else None

    def record(self, training: Score, validation: Score | None, norms: dict[str, float]) -> None:
        """Add an epoch; its loss comes last, by which it counts as one."""
        if training.metric is not None:
            self.metric.append(training.metric)
        if validation is not None:
            self.validation_loss.append(validation.loss)
            if validation.metric is not None:
                self.validation_metric.append(validation.metric)
        for name, norm in norms.items():
            self.gradient_norms.setdefault(name, []).append(norm)
        self.loss.append(training.loss)

    def drop_partial_epoch(self) -> None:
        """Take out what was added of an epoch when Ctrl-C came, before its loss."""
        for numbers in (self.metric, self.validation_loss, self.validation_metric, *self.gradient_norms.values()):
            del numbers[len(self.loss) :]

    @property
    def measures(self) -> dict[str, list[float]]:
        """The lists that are not empty, by name: the loss and the metric, in training and in validation."""
        metric = "metric" if self.metric_name == "loss" else self.metric_name
        named = {
            "loss": self.loss,
            metric: self.metric,
            "validation_loss": self.validation_loss,
            f"validation_{metric}": self.validation_metric,
        }
        return {name: numbers for name, numbers in named.items() if numbers}

    def latest(self) -> str:
        """Return the last numbers, as a line."""
        return ", ".join(f"{name} {numbers[-1]:.4g}" for name, numbers in self.measures.items())

    def progress(self) -> str:
        """Return the last numbers in few characters, those of held-out examples in parentheses.

        >>> History(loss=[0.5], metric=[0.8], validation_loss=[0.6], validation_metric=[0.75]).progress()
        'loss 0.5 (0.6), accuracy 0.8 (0.75)'
        """
        measures, parts = self.measures, []
        for name in dict.fromkeys(name.removeprefix("validation_") for name in measures):
            held_out = measures.get(f"validation_{name}")
            known = f"{measures[name][-1]:.3g}" if name in measures else ""
            parts.append(f"{name} {known}" + (f" ({held_out[-1]:.3g})" if held_out else ""))
        return ", ".join(parts)

    def __repr__(self) -> str:
        count = len(self.loss)
        parts = [f"{count} epoch{'s' * (count != 1)}", self.latest(), f"stopped: {self.stopped}"]
        return f"History({', '.join(part for part in parts if part)})"


@dataclass(frozen=True)
class Stop:
    """Early stopping: when training ends before its last epoch.

    - `loss`: where the watched loss, that on held-out examples if there are any, is this or less.
    - `metric`: where the watched metric, such as the accuracy, is this or more.
    - `patience`: where the watched loss has not become smaller, by more than `least`, for so many epochs.
    - `seconds`: where so much time has passed since training began; it ends after the step that it is in.

    >>> Stop(loss=0.1)(History(loss=[0.5, 0.05]))
    'the loss reached 0.1'
    """

    loss: float | None = None
    metric: float | None = None
    patience: int | None = None
    least: float = 0.0
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.loss, self.metric, self.patience, self.seconds) == (None, None, None, None):
            raise ValueError("Stop takes a loss or metric to reach, a patience in epochs, or seconds; got none of them")
        for name, reached in (("loss", self.loss), ("metric", self.metric)):
            if reached is not None and math.isnan(real(reached, f"{name}, which is to be reached,")):
                raise ValueError(f"{name}, which is to be reached, is a number, got {reached!r:.60}")
        if self.patience is not None:
            whole(self.patience, "patience", 1, "epochs")
        not_negative(self.least, "least, by how much a loss has to shrink,")
        if self.seconds is not None:
            above_zero(self.seconds, "seconds")

    def __call__(self, history: History) -> str:
        """Return why training ends now, after an epoch; nothing if it goes on."""
        held_out = "validation " if history.validation_loss else ""
        metrics = history.validation_metric or history.metric
        if self.loss is not None and history.watched and history.watched[-1] <= self.loss:
            return f"the {held_out}loss reached {self.loss:g}"
        if self.metric is not None and metrics and metrics[-1] >= self.metric:
            return f"the {held_out}{history.metric_name} reached {self.metric:g}"
        if self.patience is not None and self._idle(history.watched) >= self.patience:
            return f"no progress of the {held_out}loss for {self.patience} epoch{'' if self.patience == 1 else 's'}"
        return ""

    def time_is_up(self, begin: float) -> str:
        """Return why training ends now, which began at this reading of `time.monotonic`; nothing if it goes on."""
        if self.seconds is None or time.monotonic() - begin < self.seconds:
            return ""
        return f"the time of {self.seconds:g} s was up"

    def _idle(self, losses: Sequence[float]) -> int:
        """Return for how many epochs the loss has not become smaller."""
        best, idle = math.inf, 0
        for loss in losses:
            best, idle = (loss, 0) if loss < best - self.least else (best, idle + 1)
        return idle


def metric_for(metric: Metric | str | None, loss: Any) -> Metric | None:
    """Return a metric as it was given; for "auto" the one that the loss carries."""
    if not is_function(loss):
        raise TypeError(f"loss is a function of outputs and targets, such as nn.mse, got {loss!r:.60}")
    if metric == "auto":
        return metric_of(loss)
    if metric is not None and not is_function(metric):
        raise TypeError(f"metric is a function of outputs and targets, None or 'auto', got {metric!r:.60}")
    return metric
