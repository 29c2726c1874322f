"""How a step of training is made: on Values, one node after the other, or on arrays, with `autograd.compile`.

Both kinds do the same to the same numbers, and the training loop does not know which it has. Where a step would leave
the numbers that floats can hold, nothing is changed and `DivergedError` says what happened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import autograd
from autograd import Value, detect_anomaly, no_grad
from nn.clipping import clip_grad_norm, clipped
from nn.history import Metric, Score
from nn.modules import Module
from nn.optimizer import Optimizer

LARGE = 1e10  # a parameter beyond it tells that the network, and not the data, is why an operation fails
CHECKED = 8  # examples on which a compiled loss is compared with the eager one


class DivergedError(ArithmeticError):
    """A step that cannot be taken, since a number is not finite; where that began, if it is known."""

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class Steps:
    """What the two kinds of steps have in common."""

    def __init__(
        self,
        model: Module,
        loss: Callable[[Sequence[Any], Sequence[Any]], Any],
        metric: Metric | None,
        optimizer: Optimizer,
        max_norm: float | None = None,
        with_norms: bool = False,
    ) -> None:
        self.model = model
        self.loss = loss
        self.metric = metric
        self.optimizer = optimizer
        self.max_norm = max_norm
        self.layers = layers(model, optimizer.parameters) if with_norms else {}
        self.norms: dict[str, list[float]] = {name: [] for name in self.layers}
        self.settled = False  # whether all examples have passed once: what fails now did not fail then

    def mean_norms(self) -> dict[str, float]:
        """Return the mean of each layer's gradient norms since the last call."""
        found = {name: math.fsum(norms) / len(norms) for name, norms in self.norms.items() if norms}
        self.norms = {name: [] for name in self.norms}
        return found

    def has_diverged(self, parameters: Sequence[float]) -> bool:
        """Say whether an error in the middle of training is the parameters' fault rather than that of the data."""
        return self.settled or max(map(abs, parameters), default=0.0) >= LARGE


class EagerSteps(Steps):
    """Steps on Values."""

    def data(self, X: Sequence[Any], y: Sequence[Any]) -> tuple[Any, Any]:
        """Return examples and targets in the form in which steps take them."""
        return X, y

    def train(self, data: tuple[Any, Any], rows: Sequence[int] | None) -> Score:
        """Take a step on these examples, or on all, and return their score before it."""
        X, y = ([part[i] for i in (range(len(part)) if rows is None else rows)] for part in data)
        parameters = self.optimizer.parameters
        before = [parameter.data for parameter in parameters]
        try:
            outputs = [self.model(x) for x in X]
            total = self.loss(outputs, y)
        except (ValueError, OverflowError) as error:
            if self.has_diverged(before):
                raise DivergedError("the loss became inf", str(error)) from error
            raise
        score = Score(number(total), self._metric(outputs, y))
        if not math.isfinite(score.loss):
            raise DivergedError(f"the loss became {score.loss}", self._cause(X, y))
        self.optimizer.zero_grad()
        total.backward()
        for name, places in self.layers.items():
            self.norms[name].append(math.hypot(*[parameters[place].grad for place in places]))
        self._step(before)
        return score

    def _step(self, before: Sequence[float]) -> None:
        optimizer = self.optimizer
        remembered = optimizer.state, optimizer.steps
        try:
            if self.max_norm is not None:
                clip_grad_norm(optimizer.parameters, self.max_norm)
            optimizer.step()
        except (ValueError, OverflowError) as error:
            raise DivergedError("the gradient became inf", str(error)) from error
        if not all(math.isfinite(parameter.data) for parameter in optimizer.parameters):
            self.restore(before)
            optimizer.state, optimizer.steps = remembered
            raise DivergedError("a parameter became infinite")

    def _cause(self, X: Sequence[Any], y: Sequence[Any]) -> str:
        """Return which operation was the first whose result was not finite, if it can be found again."""
        try:
            with no_grad(), detect_anomaly():
                self.loss([self.model(x) for x in X], y)
        except (FloatingPointError, ValueError, OverflowError) as error:
            return str(error).splitlines()[0]
        return ""

    def evaluate(self, data: tuple[Any, Any]) -> Score:
        """Return the score of examples, without a step."""
        try:
            return evaluated(self.model, *data, self.loss, self.metric)
        except (ValueError, OverflowError):
            if self.has_diverged([parameter.data for parameter in self.optimizer.parameters]):
                return Score(math.inf, None)
            raise

    def _metric(self, outputs: Sequence[Any], y: Sequence[Any]) -> float | None:
        return None if self.metric is None else self.metric([_numbers(output) for output in outputs], y)

    def snapshot(self) -> Any:
        """Return the parameters' numbers."""
        return [parameter.data for parameter in self.optimizer.parameters]

    def restore(self, numbers: Any) -> None:
        """Set the parameters to numbers of before."""
        for parameter, data in zip(self.optimizer.parameters, numbers, strict=True):
            parameter.data = data

    def write(self) -> None:
        """Bring the Values up to date, which they are."""

    def read(self) -> None:
        """Take over what the Values have become."""


class CompiledSteps(Steps):
    """Steps on arrays, by a program for one example that is replayed on batches.

    Raises `autograd.TraceError` and others where the model or the loss cannot be compiled, and ValueError where the
    program does not compute what the eager engine does: where the loss is not the mean over its examples, or the model
    draws random numbers.
    """

    def __init__(self, *arguments: Any, X: Sequence[Any], y: Sequence[Any]) -> None:
        super().__init__(*arguments)
        import numpy as np

        self.numpy: Any = np
        self.places = {name: np.array(places) for name, places in self.layers.items()}
        has_aux = self.metric is not None
        model, loss = self.model, self.loss

        def example(x: Any, y: Any) -> Any:
            output = model(x)
            value = loss([output], [y])
            return (value, output) if has_aux else value

        self.program = autograd.compile(example, batched=("x", "y"), wrt=self.optimizer.parameters, has_aux=has_aux)
        self.theta = self.program.read()
        self.all = self.data(X, y)
        self._check(X, y)

    def _check(self, X: Sequence[Any], y: Sequence[Any]) -> None:
        """Raise an error where a few examples have another score than eagerly, or a target is wrong."""
        few = slice(0, CHECKED)
        wanted = evaluated(self.model, X[few], y[few], self.loss, self.metric)
        with no_grad():
            self.loss([self.model(X[0])] * len(y), y)  # looks at all targets, which the program does not
        found = self.evaluate((self.all[0][few], self.all[1][few]))
        if not all(_alike(a, b) for a, b in zip(found, wanted, strict=True)):
            raise ValueError(
                f"the mean over examples is {found.loss!r} where the loss of {len(y[few])} at once is {wanted.loss!r}, "
                "so it is no mean over examples, or there is chance in it"
            )

    def data(self, X: Sequence[Any], y: Sequence[Any]) -> tuple[Any, Any]:
        """Return examples and targets as arrays."""
        return self.numpy.asarray(X, dtype=float), self.numpy.asarray(y, dtype=float)

    def train(self, data: tuple[Any, Any], rows: Sequence[int] | None) -> Score:
        """Take a step on these examples, or on all, and return their score before it."""
        X, y = data
        if rows is not None:
            chosen = self.numpy.array(rows)
            X, y = X[chosen], y[chosen]
        try:
            found, gradient = self.program.value_and_grad_at(self.theta, X, y)
        except (ValueError, OverflowError) as error:
            if self.has_diverged(self.theta.tolist()):
                raise DivergedError("the loss became inf", str(error)) from error
            raise
        value, outputs = (found, None) if self.metric is None else found
        score = Score(value, self._metric(outputs, y))
        if not math.isfinite(value):
            raise DivergedError(f"the loss became {value}", self._cause(X, y))
        for name, places in self.places.items():
            self.norms[name].append(float(self.numpy.linalg.norm(gradient[places])))
        self._step(gradient)
        return score

    def _step(self, gradient: Any) -> None:
        optimizer = self.optimizer
        remembered = optimizer.state, optimizer.steps
        try:
            if self.max_norm is not None:
                gradient, _ = clipped(gradient, self.max_norm)
            theta = optimizer.updated(self.theta, gradient)
        except (ValueError, OverflowError) as error:
            raise DivergedError("the gradient became inf", str(error)) from error
        if not self.numpy.isfinite(theta).all():
            optimizer.state, optimizer.steps = remembered
            raise DivergedError("a parameter became infinite")
        self.theta = theta

    def _cause(self, X: Any, y: Any) -> str:
        self.write()
        eager = EagerSteps(self.model, self.loss, None, self.optimizer)
        return eager._cause(X.tolist(), y.tolist())

    def evaluate(self, data: tuple[Any, Any]) -> Score:
        """Return the score of examples, without a step."""
        X, y = data
        try:
            found = self.program.each_at(self.theta, X, y)
        except (ValueError, OverflowError):
            if self.has_diverged(self.theta.tolist()):
                return Score(math.inf, None)
            raise
        values, outputs = (found, None) if self.metric is None else found
        return Score(float(values.mean()), self._metric(outputs, y))

    def _metric(self, outputs: Any, y: Any) -> float | None:
        if self.metric is None:
            return None
        rows = self.numpy.stack(outputs, axis=-1) if isinstance(outputs, (list, tuple)) else outputs
        return self.metric(rows, y)

    def snapshot(self) -> Any:
        """Return the parameters' numbers."""
        return self.theta

    def restore(self, numbers: Any) -> None:
        """Set the parameters to numbers of before."""
        self.theta = numbers

    def write(self) -> None:
        """Bring the Values up to date."""
        self.program.write(self.theta)

    def read(self) -> None:
        """Take over what the Values have become."""
        self.theta = self.program.read()


def evaluated(model: Module, X: Sequence[Any], y: Sequence[Any], loss: Any, metric: Metric | None) -> Score:
    """Return the score of examples, computed eagerly and without a graph."""
    with no_grad():
        outputs = [model(x) for x in X]
        total = number(loss(outputs, y))
    return Score(total, None if metric is None else metric([_numbers(output) for output in outputs], y))


def layers(model: Module, parameters: Sequence[Value]) -> dict[str, list[int]]:
    """Return the places among parameters of those of each layer: of each module in an attribute, or in a list there.

    >>> from nn import MLP
    >>> model = MLP(1, [2, 1])
    >>> layers(model, model.parameters())
    {'layers.0': [0, 1, 2, 3], 'layers.1': [4, 5, 6]}
    """
    place = {parameter: i for i, parameter in enumerate(parameters)}
    found: dict[str, list[int]] = {}
    for name, parameter in model.named_parameters():
        parts = name.split(".")
        layer = ".".join(parts[: 2 if len(parts) > 2 and parts[1].isdecimal() else 1])
        if parameter in place:
            found.setdefault(layer, []).append(place[parameter])
    return found


def number(output: Any) -> float:
    """Return the data of a Value, or a plain number as it is."""
    return output.data if isinstance(output, Value) else float(output)


def _alike(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) <= 1e-9 * abs(other))


def _numbers(output: Any) -> Any:
    return [number(z) for z in output] if isinstance(output, (list, tuple)) else number(output)
