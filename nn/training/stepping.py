"""Training steps, and those on Values, one node after the other; those on arrays stand in `compiled_stepping`.

Both kinds do the same to the same numbers, and the training loop does not know which it has. A step is taken as a whole
or not at all: where it would leave the numbers that floats can hold, nothing is changed and `DivergedError` says where
that began.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autograd import Value, detect_anomaly, gradients, no_grad
from autograd.callers import warn
from autograd.engine import UNREACHED, modes
from nn.modules import Module
from nn.training.checks import plain
from nn.training.clipping import clip_grad_norm
from nn.training.examples import Examples, evaluated, judged, output_of
from nn.training.history import Score
from nn.training.judging import calls_noted, metric_among, metric_of
from nn.training.metrics import Metric, accuracy, binary_accuracy, form_on_arrays, is_single, probabilities_by
from nn.training.norms import LayerNorms
from nn.training.optimizer import Optimizer
from nn.training.splits import Data

CHECKED = 8  # examples, and targets that differ, on which a compiled loss is compared with the eager one
REFUSED = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)  # what bad examples raise, for one
# What operations raise where they have no finite result.
NO_FINITE_RESULT = (ValueError, OverflowError, ZeroDivisionError)
OPERATIONS = {"autograd.engine.value", "autograd.rules.operation"}  # modules whose functions call an operation
SMALLER = "try a smaller learning rate"


class DivergedError(ArithmeticError):
    """A step that cannot be taken, since a number is not finite: where that began, if it is known, and what to do."""

    def __init__(self, message: str, cause: str = "", remedy: str = SMALLER) -> None:
        super().__init__(message)
        self.cause = cause
        self.remedy = remedy


class TrainingTask(NamedTuple):
    """The settings of training steps."""

    model: Module
    loss: Callable[[Any, Any], Any]
    metric: Metric | None
    optimizer: Optimizer
    max_norm: float | None = None
    with_norms: bool = False
    hears_metric: bool = False  # whether the metric is that of the loss of nn which `loss` calls
    loss_is_known: bool = False  # whether it is one of nn, which only looks at examples, one by one


class Steps:
    """Base class of the two kinds of steps: all that is not arithmetic.

    `reached`: whether a loss has depended on a parameter so far.
    """

    reached = True

    def __init__(self, task: TrainingTask) -> None:
        self.task = task
        self.model, self.metric, self.optimizer, self.max_norm = task.model, task.metric, task.optimizer, task.max_norm
        self.norms = LayerNorms(self.model, self.optimizer.parameters) if task.with_norms else None
        self.hears_metric = task.hears_metric  # until all examples have passed once
        self.heard: set[Metric | None] = set()
        self.settled = False  # whether all examples have passed once: what fails now did not fail then
        self.start: Any = None

    def loss(self, outputs: Data, targets: Data) -> Any:
        """Return the loss; as long as its metric is not known, learn what it is for these examples and those before."""
        if not self.hears_metric:
            return self.task.loss(outputs, targets)
        with calls_noted() as calls:
            total = self.task.loss(outputs, targets)
        self.heard.add(metric_among(calls, outputs, targets))
        self.metric = next(iter(self.heard)) if len(self.heard) == 1 else None
        return total

    def begin(self) -> None:
        """Remember the first parameters and the optimiser's state."""
        self.start = self.snapshot(), self.optimizer.state, self.optimizer.steps

    def snapshot(self) -> Any:
        """Return the parameters' numbers."""
        return [parameter.data for parameter in self.optimizer.parameters]

    def restore(self, numbers: Any) -> None:
        """Set the parameters to numbers of before."""
        for parameter, data in zip(self.optimizer.parameters, numbers, strict=True):
            parameter.data = data

    def write(self) -> None:
        """Bring the Values up to date."""

    def read(self) -> None:
        """Take over what the Values have become."""

    def undo(self) -> None:
        """Leave parameters and optimiser as they were before the first step."""
        if self.start is not None:
            self._take_back(*self.start)

    def train_epoch(self, data: Examples, batches: Sequence[Sequence[int] | None]) -> list[Score] | None:
        """Take the steps of an epoch at once, if this kind of steps can; None where they are to be taken one by one."""
        return None

    def train(self, data: Examples, rows: Sequence[int] | None) -> Score:
        """Take a step on these examples, or on all, and return their score before it."""
        batch = data.batch(rows)
        try:
            loss, outputs, gradient = self._differentiated(batch)
        except NO_FINITE_RESULT as error:
            blamed = self._blamed(batch, error)
            if blamed is error:
                raise
            raise blamed from error
        if not math.isfinite(loss):
            raise self._diverged(f"the loss became {loss}", batch)
        score = Score(loss, self._judged(outputs, batch))
        if not self._all_finite(gradient):
            raise self._diverged("the gradient is not finite", batch)
        if self.norms is not None:
            self.norms.add(gradient)
        self._step(gradient)
        return score

    def _step(self, gradient: Any) -> None:
        optimizer = self.optimizer
        before = self.snapshot(), optimizer.state, optimizer.steps
        try:
            self._updated(gradient)
            if not self._all_finite(self.snapshot()):
                raise DivergedError("a parameter became infinite")
            for name, state in optimizer.state.items():
                if not self._all_finite(state):
                    raise DivergedError(f"the optimiser's {name} became infinite")
        except OverflowError as error:
            self._take_back(*before)
            raise DivergedError("a parameter became infinite", str(error)) from error
        except BaseException:  # Ctrl-C, for one
            self._take_back(*before)
            raise

    def _take_back(self, numbers: Any, state: dict[str, Any], steps: int) -> None:
        self.restore(numbers)
        self.optimizer.state, self.optimizer.steps = state, steps

    def evaluate(self, data: Examples) -> Score:
        """Return the score of examples, without a step; where it is not defined, the loss is infinite."""
        try:
            loss, outputs = self._evaluated(data)
        except NO_FINITE_RESULT as error:
            if self._blamed(data, error) is error:
                raise
            return Score(math.inf, None if self.metric is None else math.nan)
        return Score(loss, self._judged(outputs, data))

    def look_at(self, examples: Examples, size: int | None) -> bool | None:
        """Raise the error of an example that the model or the loss refuses, be it the last one.

        A few examples stand for all, and all targets are looked at with one output. Where that fails, all outputs are
        computed, in batches of `size`. If they are right nevertheless, since the loss is one of all of them together,
        return False: it cannot be compiled. What has no finite result ends training in its time: None, where a few
        examples have none.
        """
        few = examples.batch(examples.representative(CHECKED))
        try:
            evaluated(self.model, few.x, few.y, self.loss)
            self.look_at_targets(examples, size)
        except OverflowError:
            return True
        except REFUSED:
            count, ends = len(examples.inputs), False
            for start in range(0, count, size or count):
                batch = examples.batch(range(start, min(count, start + (size or count))))
                try:
                    evaluated(self.model, batch.x, batch.y, self.loss)
                except NO_FINITE_RESULT as error:
                    if self._blamed(batch, error) is error:
                        raise
                    ends = True
            return None if ends else False
        return True

    def trial_of(self, examples: Examples) -> Callable[[], Any]:
        """Return a short run of the model and the loss, of the first example."""
        return lambda: evaluated(self.model, [examples.inputs[0]], [examples.targets[0]], self.task.loss)

    def look_at_targets(self, examples: Examples, size: int | None = None) -> None:
        """Raise what the loss raises where a target is wrong; a program does not look at targets.

        They are looked at in batches of `size`, since a loss may take the longer, for each, the more there are.
        """
        output, targets = output_of(self.model, examples.inputs[0]), examples.y
        size = size or len(targets)
        with no_grad():
            for start in range(0, len(targets), size):
                some = targets[start : start + size]
                self.loss([output] * len(some), some)

    def warn_of_probabilities(self, examples: Examples) -> None:
        """Warn where outputs that are probabilities are given to a loss, or a metric, of scores."""
        loss = self.task.loss
        askers = [loss] if self.task.loss_is_known and metric_of(loss) else []
        if not (askers or form_on_arrays(self.metric)):
            return
        output = self.model(examples.inputs[0])
        # The largest of several probabilities is that of the largest score, but a single one is never below 0.
        if self.metric is binary_accuracy or (self.metric is accuracy and is_single(output)):
            askers.append(self.metric)
        if askers and (function := probabilities_by(output)):
            names = " and ".join(getattr(asker, "__name__", "the loss") for asker in askers)
            warn(
                f"the model's outputs are probabilities by {function}, but scores of any size (logits) are wanted by "
                f"{names}, where a single one above 0 means class 1; leave {function} out of the model, and apply it "
                "to its outputs where you want probabilities"
            )

    # Who is to blame

    def _blamed(self, batch: Examples, error: Exception) -> Exception:
        """Return the error itself, where it is one of code, or of the examples, at the first parameters too."""
        if not _is_arithmetic(error):
            return error
        if not self.settled:
            now = self.snapshot()
            try:
                self.restore(self.start[0])
                at_first = self._first_trouble(batch)
            finally:
                self.restore(now)
            if isinstance(at_first, (ValueError, ZeroDivisionError)):
                return error
        became = "inf" if isinstance(error, OverflowError) else "nan"  # as without an exception
        return self._diverged(f"the loss became {became}", batch, str(error))

    def _diverged(self, message: str, batch: Examples, cause: str = "") -> DivergedError:
        if oddity := batch.oddity():
            return DivergedError(message, oddity, "leave such examples out, or replace such numbers")
        trouble = self._first_trouble(batch)
        if isinstance(trouble, (ValueError, ZeroDivisionError)):
            message = "the loss is not defined"
        return DivergedError(message, cause if trouble is None else str(trouble).splitlines()[0])

    def _first_trouble(self, batch: Examples) -> Exception | None:
        """Return the error of the first operation whose result is not finite, in an eager run."""
        self.write()
        try:
            with detect_anomaly(), modes.unroll():
                gradients(self.loss([self.model(x) for x in batch.x], batch.y), self.optimizer.parameters)
        except (*NO_FINITE_RESULT, FloatingPointError) as error:
            return error
        return None

    # What each kind does in its own way

    def _differentiated(self, batch: Examples) -> tuple[float, Any, Any]:
        """Return loss, outputs and gradient."""
        raise NotImplementedError

    def _updated(self, gradient: Any) -> None:
        """Let the optimiser change the parameters."""
        raise NotImplementedError

    def _evaluated(self, data: Examples) -> tuple[float, Any]:
        """Return loss and outputs."""
        raise NotImplementedError

    def _judged(self, outputs: Any, batch: Examples) -> float | None:
        """Return the metric."""
        raise NotImplementedError

    def _all_finite(self, numbers: Any) -> bool:
        return all(map(math.isfinite, plain(numbers)))


class EagerSteps(Steps):
    """Steps on Values."""

    reached = False

    def _differentiated(self, batch: Examples) -> tuple[float, Any, Any]:
        with modes.unroll():  # parameters are behind compiled functions, too
            outputs = [self.model(x) for x in batch.x]
            total = differentiable(self.loss(outputs, batch.y))
        if not math.isfinite(total.data):
            return total.data, outputs, []
        self.optimizer.zero_grad()
        total.backward()
        parameters = self.optimizer.parameters
        self.reached = self.reached or any(parameter.adjoint is not UNREACHED for parameter in parameters)
        return total.data, outputs, [parameter.grad for parameter in parameters]

    def _updated(self, gradient: Any) -> None:
        clip_and_step(self.optimizer, self.max_norm)

    def _evaluated(self, data: Examples) -> tuple[float, Any]:
        return evaluated(self.model, data.x, data.y, self.loss)

    def _judged(self, outputs: Any, batch: Examples) -> float | None:
        return judged(self.metric, outputs, batch.y)


def _is_arithmetic(error: Exception) -> bool:
    """Whether an error is that of an operation, or too large a number, and not one that code of a model raises.

    Operations raise theirs `from None`, in place of that of Python's `math`; what else their calls raise, as for
    sequences of two lengths, is a mistake in the code.
    """
    frames = [frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, OverflowError) or (error.__suppress_context__ and not OPERATIONS.isdisjoint(frames))


def clip_and_step(optimizer: Optimizer, max_norm: float | None) -> None:
    """Let an optimiser change its parameters by their gradients, which are clipped first where that is wanted."""
    if max_norm is not None:
        clip_grad_norm(optimizer.parameters, max_norm)
    optimizer.step()


def differentiable(total: Any) -> Value:
    """Return a loss, which is a Value."""
    if not isinstance(total, Value):
        raise TypeError(
            f"a loss is computed from the outputs of a model, and is a Value as they are, got {total!r}; where the "
            "model returns a plain number, compute with its Values: self.w, not self.w.data"
        )
    return total
