"""The training loop: batches forward, gradients back, a step, and a record of how it went."""

from __future__ import annotations

import gc
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from nn.history import History, Metric, Score, Stop, metric_for
from nn.modules import Module
from nn.optim import SGD
from nn.optimizer import Optimizer
from nn.progress import bar
from nn.stepping import CompiledSteps, DivergedError, EagerSteps, evaluated

Data: TypeAlias = Sequence[Any]
Loss: TypeAlias = Callable[[Sequence[Any], Sequence[Any]], Any]


def fit(
    model: Module,
    X: Data,
    y: Data,
    *,
    loss: Loss,
    optimizer: Optimizer | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    validation: tuple[Data, Data] | float | None = None,
    metric: Metric | str | None = "auto",
    stop: Stop | Callable[[History], str] | None = None,
    restore_best: bool = False,
    max_norm: float | None = None,
    gradient_norms: bool = False,
    callbacks: Iterable[Callable[[History], Any]] = (),
    seed: int | None = None,
    progress: bool = True,
    compiled: bool | str = "auto",
) -> History:
    """Train a model in place and return the history.

    - `X` and `y`: one input and one target for each example; `loss(outputs, targets)` is a function of `nn.losses`, or
      any of outputs and targets.
    - `optimizer`: `SGD` with its own learning rate if not given. `max_norm`: clip gradients to this norm.
    - `batch_size`: examples in a step, all of them if not given; batches are drawn anew each epoch, by `seed`.
    - `validation`: held-out examples, as a pair like `(X, y)`, or the share of the examples to hold out, by `seed`.
    - `metric`: a function of outputs and targets beside the loss; for classifiers the accuracy if not given.
    - `stop`: a `Stop`, or a function of the history that returns why to stop, if it is time.
    - `restore_best`: leave the model as it was after the epoch with the smallest validation loss.
    - `callbacks`: functions of the history, called after each epoch. `gradient_norms`: record them for each layer.
    - `progress`: show a bar, where the output is a terminal or a notebook.
    - `compiled`: run on arrays ("auto": where that is possible; else a warning says why not). The model and the loss
      are then traced once, so what they compute must not depend on anything that changes but the parameters.

    Ctrl-C ends training early, and so does a loss that is not finite, before it spoils the parameters; `stopped` says
    which. Python's cyclic garbage collector rests meanwhile, since graphs have no cycles to collect.

    >>> from nn import MLP, mse
    >>> history = fit(MLP(1, [1], seed=1), [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], loss=mse, epochs=200)
    >>> history.loss[-1] < 1e-4
    True
    """
    if len(X) != len(y) or not len(X):
        raise ValueError(f"fit takes one target for each example, and at least one, got {len(X)} and {len(y)}")
    if epochs < 0 or (batch_size is not None and batch_size < 1):
        raise ValueError(f"epochs is 0 or more and batch_size 1 or more, got {epochs} and {batch_size}")
    if restore_best and validation is None:
        raise ValueError("restore_best compares losses on held-out examples; give them as validation")
    rng = random.Random(seed)
    if isinstance(validation, float):
        X, y, validation = _split(X, y, validation, rng)
    judge = metric_for(metric, loss)
    history = History(stopped=f"all {epochs} epochs done")
    history.metric_name = "accuracy" if judge is None else getattr(judge, "__name__", "metric")
    with _collector_paused(), bar(epochs, progress) as shown:
        optimizer = optimizer or SGD(model.parameters())
        arguments = (model, loss, judge, optimizer, max_norm, gradient_norms)
        steps = _steps(arguments, X, y, compiled) if epochs else EagerSteps(*arguments)
        history.compiled = isinstance(steps, CompiledSteps)
        run = _Run(steps, history, stop, restore_best, list(callbacks), shown)
        run.train(X, y, validation, _batches(len(X), batch_size, epochs, rng))
    return history


class _Run:
    """A training run: what `fit` was asked for, and how far it has come."""

    def __init__(
        self,
        steps: EagerSteps | CompiledSteps,
        history: History,
        stop: Stop | Callable[[History], str] | None,
        restore_best: bool,
        callbacks: Sequence[Callable[[History], Any]],
        shown: Any,
    ) -> None:
        self.steps = steps
        self.history = history
        self.stop = stop
        self.restore_best = restore_best
        self.callbacks = callbacks
        self.shown = shown
        self.best: Any = None
        self.begin = time.monotonic()

    def train(self, X: Data, y: Data, validation: Any, epochs: Iterable[Iterable[Sequence[int] | None]]) -> None:
        """Train epoch by epoch, until all are done or there is a reason to stop; leave the model up to date."""
        steps, history = self.steps, self.history
        data = steps.data(X, y)
        held_out = None if validation is None else steps.data(*validation)
        try:
            for epoch, batches in enumerate(epochs, 1):
                scores = []
                for rows in batches:
                    scores.append((self._step(data, rows, epoch), len(X) if rows is None else len(rows)))
                    if isinstance(self.stop, Stop) and (reason := self.stop.time_is_up(self.begin)):
                        raise _StoppedError(f"{reason} in epoch {epoch}")
                steps.settled = True
                score = None if held_out is None else steps.evaluate(held_out)
                history.record(_mean(scores), score, steps.mean_norms())
                self._after_epoch()
        except _StoppedError as reason:
            history.stopped = str(reason)
        except KeyboardInterrupt:
            history.stopped = f"interrupted in epoch {len(history.loss) + 1}"
        finally:
            if self.best is not None:
                steps.restore(self.best)
                history.stopped += f"; the parameters are those after epoch {history.best_epoch}"
            steps.write()

    def _step(self, data: Any, rows: Sequence[int] | None, epoch: int) -> Score:
        try:
            return self.steps.train(data, rows)
        except DivergedError as error:
            first = f"; first of all, {error.cause}" if error.cause else ""
            raise _StoppedError(
                f"{error} in epoch {epoch}; the parameters are those of the step before it; try a smaller learning "
                f"rate{first}"
            ) from error

    def _after_epoch(self) -> None:
        history = self.history
        if self.restore_best and history.best_epoch == len(history.loss):
            self.best = self.steps.snapshot()
        self.shown.update()
        self.shown.set_postfix_str(history.latest(), refresh=False)
        if self.callbacks:
            self.steps.write()
            for callback in self.callbacks:
                callback(history)
            self.steps.read()
        if self.stop is not None and (reason := self.stop(history)):
            raise _StoppedError(f"{reason} in epoch {len(history.loss)}")


class _StoppedError(Exception):
    """The reason why training ends early."""


def evaluate(model: Module, X: Data, y: Data, *, loss: Loss, metric: Metric | str | None = "auto") -> Score:
    """Return the model's mean loss, and accuracy where it is a classifier, without training it.

    >>> from nn import MLP, mse
    >>> evaluate(MLP(1, [1], seed=1), [[0.0]], [2.0], loss=mse).loss
    4.0
    """
    return evaluated(model, X, y, loss, metric_for(metric, loss))


def _steps(arguments: Any, X: Data, y: Data, compiled: bool | str) -> EagerSteps | CompiledSteps:
    """Return compiled steps where they are wanted and possible, else eager ones."""
    if compiled not in (True, False, "auto"):
        raise ValueError(f"compiled is True, False or 'auto', got {compiled!r}")
    if compiled is False:
        return EagerSteps(*arguments)
    if compiled is True:
        return CompiledSteps(*arguments, X=X, y=y)
    first = slice(0, 1)
    evaluated(arguments[0], X[first], y[first], arguments[1], None)  # an error of the eager engine is not about compile
    try:
        return CompiledSteps(*arguments, X=X, y=y)
    except (ImportError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        warnings.warn(
            f"training is not compiled, and slower, since {reason}; compiled=False says that this is all right",
            RuntimeWarning,
            stacklevel=3,
        )
        return EagerSteps(*arguments)


def _split(X: Data, y: Data, share: float, rng: random.Random) -> tuple[Data, Data, tuple[Data, Data]]:
    """Hold out a share of the examples, by chance, and return the others and these."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"validation is a share between 0 and 1, or a pair like (X, y), got {share!r}")
    held_out = set(rng.sample(range(len(X)), round(share * len(X))))
    if not 0 < len(held_out) < len(X):
        raise ValueError(f"validation={share!r} of {len(X)} examples leaves none to train on, or none to hold out")
    kept = [i for i in range(len(X)) if i not in held_out]
    chosen = sorted(held_out)
    return [X[i] for i in kept], [y[i] for i in kept], ([X[i] for i in chosen], [y[i] for i in chosen])


def _batches(count: int, size: int | None, epochs: int, rng: random.Random) -> Iterator[Iterator[Sequence[int] | None]]:
    """Yield for each epoch its batches, as numbers of examples; None stands for all in their order."""
    order = list(range(count))
    for _ in range(epochs):
        if size is None:
            yield iter([None])
        else:
            rng.shuffle(order)
            yield (order[start : start + size] for start in range(0, count, size))


def _mean(scores: Sequence[tuple[Score, int]]) -> Score:
    total = sum(size for _, size in scores)
    metrics = [score.metric * size for score, size in scores if score.metric is not None]
    return Score(sum(s.loss * size for s, size in scores) / total, sum(metrics) / total if metrics else None)


@contextmanager
def _collector_paused() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
