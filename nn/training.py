"""The training loop: batches forward, gradients back, a step, and a record of how it went."""

from __future__ import annotations

import gc
import math
import operator
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from autograd import Value, no_grad
from nn.losses import cross_entropy, hinge
from nn.modules import Module
from nn.optim import SGD

Data = Sequence[Any]


@dataclass
class History:
    """What happened in training, one entry an epoch, and why it ended.

    `loss` and `accuracy` are means over the training examples during the epoch; `validation_loss` and
    `validation_accuracy` are taken after it. Accuracies are there for classifiers only.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    stopped: str = ""

    def __repr__(self) -> str:
        last = {name: values[-1] for name, values in vars(self).items() if name != "stopped" and values}
        shown = "".join(f", {name} {value:.4g}" for name, value in last.items())
        return f"History({len(self.loss)} epochs{shown}, stopped: {self.stopped})"


class Score(NamedTuple):
    """A mean loss, and the share of right answers where the model is a classifier."""

    loss: float
    accuracy: float | None


def fit(
    model: Module,
    X: Data,
    y: Data,
    *,
    loss: Callable[[Sequence[Any], Sequence[Any]], Any],
    optimizer: SGD | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    validation: tuple[Data, Data] | None = None,
    seed: int | None = None,
    progress: bool = True,
) -> History:
    """Train a model in place and return the history.

    - `X` and `y`: one input and one target for each example; `loss(outputs, targets)` is a function of `nn.losses`.
    - `optimizer`: `SGD` with its own learning rate if not given.
    - `batch_size`: examples in a step, all of them if not given; batches are drawn anew each epoch, by `seed`.
    - `validation`: held-out examples, as a pair like `(X, y)`.
    - `progress`: show a bar, where the output is a terminal or a notebook.

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
    optimizer = optimizer or SGD(model.parameters())
    rng = random.Random(seed)
    order = list(range(len(X)))
    history = History(stopped=f"all {epochs} epochs done")
    with _collector_paused(), _bar(epochs, progress) as bar:
        try:
            for epoch in range(epochs):
                if batch_size is not None:
                    rng.shuffle(order)
                scores = []
                for batch in _batches(order, batch_size or len(order)):
                    score = _step(model, [X[i] for i in batch], [y[i] for i in batch], loss, optimizer)
                    if not math.isfinite(score.loss):
                        history.stopped = (
                            f"the loss became {score.loss} in epoch {epoch + 1}; the parameters are those of the step "
                            "before it; try a smaller learning rate"
                        )
                        return history
                    scores.append((score, len(batch)))
                _record(history, _mean(scores), None if validation is None else _validated(model, validation, loss))
                bar.update()
                bar.set_postfix_str(repr(history).split(", ", 1)[1].rsplit(", stopped", 1)[0])
        except KeyboardInterrupt:
            history.stopped = f"interrupted in epoch {len(history.loss) + 1}"
    return history


def evaluate(model: Module, X: Data, y: Data, *, loss: Callable[[Sequence[Any], Sequence[Any]], Any]) -> Score:
    """Return the model's mean loss, and accuracy where it is a classifier, without training it."""
    with no_grad():
        outputs = [model(x) for x in X]
        return Score(number(loss(outputs, y)), _accuracy(outputs, y, loss))


def _validated(model: Module, validation: tuple[Data, Data], loss: Any) -> Score:
    try:
        return evaluate(model, *validation, loss=loss)
    except (ValueError, OverflowError):
        return _diverged(model.parameters())


def _step(model: Module, X: Data, y: Data, loss: Any, optimizer: SGD) -> Score:
    """Train on one batch; where the loss or a new parameter is not finite, change nothing and return that score."""
    parameters = optimizer.parameters
    try:
        outputs = [model(x) for x in X]
        total = loss(outputs, y)
    except (ValueError, OverflowError):
        return _diverged(parameters)
    score = Score(number(total), _accuracy(outputs, y, loss))
    if math.isfinite(score.loss):
        before = [parameter.data for parameter in parameters]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        if not all(math.isfinite(parameter.data) for parameter in parameters):
            for parameter, data in zip(parameters, before, strict=True):
                parameter.data = data
            return Score(math.inf, None)
    return score


def _diverged(parameters: Sequence[Value]) -> Score:
    """Return an infinite score where an error came from parameters beyond what floats can multiply; else raise it."""
    if max((abs(parameter.data) for parameter in parameters), default=0.0) < 1e10:
        raise  # the error that is being handled
    return Score(math.inf, None)


def _accuracy(outputs: Sequence[Any], targets: Data, loss: Any) -> float | None:
    if loss is hinge:
        classes = [int(target > 0) for target in targets]
    elif loss is cross_entropy:
        classes = list(targets)
    else:
        return None
    right: int = sum(map(operator.eq, map(predicted_class, outputs), classes))
    return right / len(classes)


def predicted_class(output: Any) -> int:
    """Return the class of a model's output: the largest of several logits, or 1 for a single positive score, else 0.

    >>> predicted_class([0.1, 0.7, 0.2]), predicted_class(-3.0)
    (1, 0)
    """
    if isinstance(output, (list, tuple)):
        return max(range(len(output)), key=lambda k: number(output[k]))
    return int(number(output) > 0.0)


def number(output: Any) -> float:
    """Return the data of a Value, or a plain number as it is."""
    return output.data if isinstance(output, Value) else float(output)


def _batches(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _mean(scores: Sequence[tuple[Score, int]]) -> Score:
    total = sum(size for _, size in scores)
    accuracies = [score.accuracy * size for score, size in scores if score.accuracy is not None]
    return Score(sum(s.loss * size for s, size in scores) / total, sum(accuracies) / total if accuracies else None)


def _record(history: History, training: Score, validation: Score | None) -> None:
    history.loss.append(training.loss)
    if training.accuracy is not None:
        history.accuracy.append(training.accuracy)
    if validation is not None:
        history.validation_loss.append(validation.loss)
        if validation.accuracy is not None:
            history.validation_accuracy.append(validation.accuracy)


def _bar(epochs: int, progress: bool) -> Any:
    watched = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
    if not (progress and watched):
        return _NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm: python -m pip install tqdm, or pass progress=False") from error
    return tqdm(total=epochs, unit="epoch")


class _NoBar:
    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def update(self) -> None:
        pass

    def set_postfix_str(self, text: str) -> None:
        pass


@contextmanager
def _collector_paused() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
