"""The training loop: batches forward, gradients back, a step, and a record of how it went."""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import chain
from typing import Any, TypeAlias, TypeGuard

from autograd import Value
from autograd.callers import warn
from autograd.engine import modes, topological_order
from nn.data.random_state import chance_restored, generators_of
from nn.training._places import global_variables
from nn.training._separability import NO_MEAN
from nn.training.checks import is_function
from nn.training.compiled_stepping import CompiledSteps
from nn.training.data_parallel import ParallelSteps
from nn.training.examples import Examples
from nn.training.history import History, Score, Stop
from nn.training.metrics import form_on_arrays
from nn.training.optimizer import Optimizer
from nn.training.side_effects import puts_back, state_restored
from nn.training.splits import Data
from nn.training.stepping import CHECKED, DivergedError, EagerSteps, TrainingTask

Loss: TypeAlias = Callable[[Any, Any], Any]
CHANGING_EXAMPLES = (
    "the examples are others each time they are read, or where the parameters are, and a program would read them once "
    "an epoch"
)


def depends_on_parameters(optimizer: Optimizer, model: Any, loss: Loss, examples: Examples) -> bool:
    """Whether the loss of one of a few examples depends on a parameter of the optimiser, or this needs none."""
    if not optimizer.steps_by_rule:  # which may need no gradients
        return True
    trained = set(optimizer.parameters)

    def depends(number: int) -> bool:
        with modes.unroll():  # parameters are behind compiled functions, too
            total = loss([model(examples.inputs[number])], [examples.targets[number]])
        return not isinstance(total, Value) or not trained.isdisjoint(topological_order(total))

    try:
        return any(map(depends, examples.representative(CHECKED)))
    except Exception:  # which the training says, if it is one there
        return True


def untrained_error(optimizer: Optimizer, model: Any) -> ValueError:
    """Return the error where the loss depends on no parameter of the optimiser."""
    remedy = "compute it of the Values that the model returns, without .data, .detach() and no_grad"
    parameters: Sequence[Value] = getattr(model, "parameters", tuple)()
    if parameters and set(optimizer.parameters).isdisjoint(parameters):
        remedy = f"write {type(optimizer).__name__}(model.parameters(), lr=...) with the model that fit gets"
    return ValueError(f"the loss depends on none of the optimizer's parameters, so nothing would be trained; {remedy}")


class _StoppedError(Exception):
    """The reason why training ends early."""


class TrainingRun:
    """A training run: what `fit` was asked for, and how far it has come."""

    shown: Any

    def __init__(
        self,
        task: TrainingTask,
        stop: Callable[[History], str | bool] | None,
        callbacks: Iterable[Callable[[History], Any]],
        restore_best: bool,
        batch_size: int | None,
        compiled: bool | str,
        backend: str,
    ) -> None:
        if stop is not None and not is_function(stop):
            raise TypeError(f"stop is a Stop, such as Stop(patience=5), or a function of the history, got {stop!r:.60}")
        given: Any = callbacks
        is_listed = isinstance(given, Iterable) and not isinstance(given, str)
        self.callbacks: list[Any] = list(given) if is_listed else [None]
        if not all(map(is_function, self.callbacks)):
            raise TypeError(f"callbacks is a list of functions of the history, got {given!r:.60}")
        self.eager = EagerSteps(task)
        self.steps: EagerSteps | CompiledSteps = self.eager
        self.history = History(metric_name="accuracy" if task.metric is None else _name(task.metric))
        self.batch_size = batch_size
        self.may_fall_back = compiled == "auto" and backend == "auto"  # to steps on Values
        self.backend = backend
        self.stop = stop
        self.restore_best = restore_best
        self.best: Any = None
        self.calls_back = bool(self.callbacks) or not (stop is None or type(stop) is Stop)
        self.may_differ = False  # whether examples come from a class of one's own
        self.digests: list[Any] = []  # of the examples, where something may change them
        self.epoch = 1
        self.begin = time.monotonic()

    def train(self, X: Data, y: Data, held_out: Any, epochs: Iterable[Any], compiled: bool | str) -> None:
        """Train epoch by epoch, until all are done or there is a reason to stop; leave the model up to date."""
        history = self.history
        kept = ""
        try:
            self._choose(Examples(X, y), None if held_out is None else Examples(*held_out), compiled)
            for self.epoch, batches in enumerate(epochs, 1):
                self._train(batches)
                self._check_reached(2)
            self._check_reached(1)
            history.stopped = f"all {len(history.loss)} epochs done"
        except _StoppedError as reason:
            history.stopped = f"{reason} in epoch {self.epoch}"
        except DivergedError as error:
            first = f"; first of all, {error.cause}" if error.cause else ""
            history.stopped = f"{error} in epoch {self.epoch}{first}; {error.remedy}"
            kept = "; the parameters are those of the step before it"
        except KeyboardInterrupt:
            history.drop_partial_epoch()
            history.stopped = f"interrupted in epoch {self.epoch}"
        except BaseException as error:
            if not history.loss:
                self.steps.undo()
            if type(error) is MemoryError and not str(error):
                count = min(self.batch_size or len(X), len(X))
                raise MemoryError(
                    f"a step on {count:,} examples has no memory to run in; give fit a smaller batch_size"
                ) from None
            raise
        finally:
            try:
                self._leave()
            except KeyboardInterrupt:  # in the middle of that
                self._leave()
        history.kept_epoch = None if self.best is None else self.best[0]
        history.stopped += kept if self.best is None else f"; the parameters are those after epoch {self.best[0]}"

    def _choose(self, examples: Examples, held_out: Examples | None, compiled: bool | str) -> None:
        """Look at the examples before anything changes, and compile, where that is wanted and possible."""
        self.data, self.held_out = examples, held_out
        parts = [part for part in (examples, held_out) if part is not None]
        generated = [data for part in parts for data in part.generated]
        self.may_differ = bool(generated)
        self.steps.begin()
        optimizer, model, loss = self.steps.optimizer, self.steps.model, self.steps.task.loss
        tried = model, loss, *global_variables(model, loss)
        self.generators = generators_of(model, loss, *generated)
        with self._trial() as drawn:
            if compiled is False and not self.steps.task.loss_is_known:
                return  # a function of one's own is called once in a step, and never else
            with state_restored(*tried, wholly=puts_back()):
                can_compile = [self.steps.look_at(part, self.batch_size) for part in parts]
                self.steps.warn_of_probabilities(examples)
                # A callback may let it depend on them later.
                by_example = bool(self.callbacks) or depends_on_parameters(optimizer, model, loss, examples)
            self.steps.hears_metric = False
            if compiled is False or None in can_compile:
                return

            def compile_steps() -> None:
                if not by_example:
                    raise ValueError(f"{untrained_error(optimizer, model)}; of an example by itself: {NO_MEAN}")
                task = self.steps.task._replace(metric=self.steps.metric, hears_metric=False)
                steps = ParallelSteps(task) if self.backend == "jax" else CompiledSteps(task, self.backend)
                self.data = steps.data(examples)
                self.held_out = None if held_out is None else steps.data(held_out)
                steps.check(self.data)
                if not all(can_compile):
                    raise ValueError(f"the loss is not defined for a few of the examples, or equal outputs; {NO_MEAN}")
                self.steps, self.history.compiled = steps, True
                self.digests = self._digests()
                if self.may_differ:
                    self._check_fixed(parts)

            with state_restored(*tried, wholly=lambda: puts_back() and self.steps is self.eager):
                self._try(compile_steps, drawn)

    def _check_fixed(self, parts: Sequence[Examples]) -> None:
        """Raise ValueError where examples are others when they are read again, with other parameters."""
        from autograd.compiler.function import assigned

        parameters, rng = self.steps.optimizer.parameters, random.Random(0)
        with assigned(parameters, [rng.gauss(0.0, 1.0 + abs(parameter.data)) for parameter in parameters]):
            try:
                found = [part.digests() for part in parts]
                are_same = self.digests in ([], found) and None not in chain(*found)
            except Exception:  # of the model, at such parameters
                are_same = False
        if not are_same:
            raise ValueError(CHANGING_EXAMPLES)

    def _trial(self) -> AbstractContextManager[Callable[[], bool]]:
        return chance_restored(self.generators, self.eager.trial_of(self.data))

    def _try(self, compile_steps: Callable[[], None], drawn: Callable[[], bool]) -> None:
        """Compile; where that fails and need not succeed, say why, and go on with steps on Values."""
        try:
            compile_steps()
            if drawn():
                raise ValueError("the model or the loss draws random numbers, which a program would repeat")
        except (ImportError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            if not self.may_fall_back:
                raise
            self.eager.metric, self.eager.settled = self.steps.metric, self.steps.settled
            self.eager.norms = self.steps.norms
            self.steps, self.history.compiled = self.eager, False
            if isinstance(error, ImportError) and sys.platform == "emscripten":
                return  # in a browser, where NumPy may not be had
            name = type(error).__name__
            reason = f"{name}: {error}" if isinstance(error, KeyError) else str(error) or name  # that says the key only
            warn(f"training is not compiled, and slower: {reason}\ncompiled=False says that this is all right")

    def _train(self, batches: Sequence[Sequence[int] | None]) -> None:
        """Train for an epoch."""
        steps, history = self.steps, self.history
        sizes = [len(self.data.inputs if rows is None else rows) for rows in batches]
        by_time = isinstance(self.stop, Stop) and self.stop.seconds is not None
        scores = None if by_time else steps.train_epoch(self.data, batches)
        if scores is None:
            scores = []
            for count, rows in enumerate(batches, 1):
                scores.append(steps.train(self.data, rows))
                if self.epoch == count == 1:
                    steps = self._after_first_step(steps)
                self.shown.step(count, len(batches))
                if isinstance(self.stop, Stop) and (reason := self.stop.time_is_up(self.begin)):
                    raise _StoppedError(reason)
        score = None
        if self.held_out is not None:
            if isinstance(steps, CompiledSteps) and not steps.on_arrays:
                self._renew()
                steps = self.steps
            score = steps.evaluate(self.held_out)
        steps.settled, steps.hears_metric = True, False
        if steps.metric is None:
            scores = [score._replace(metric=None) for score in scores]
        else:
            history.metric_name = _name(steps.metric)
        norms = {} if steps.norms is None else steps.norms.means()
        history.record(_mean(list(zip(scores, sizes, strict=True))), score, norms)
        self.shown.advance(history.progress())
        if self.restore_best and score is not None and score.loss < (math.inf if self.best is None else self.best[1]):
            self.best = self.epoch, score.loss, steps.snapshot()
        if reason := self._hooks():
            raise _StoppedError(reason)

    def _check_reached(self, epochs: int) -> None:
        """Raise ValueError where the loss has depended on no parameter in so many epochs."""
        steps = self.steps
        trained = steps.reached or self.callbacks or not steps.optimizer.steps_by_rule  # a callback may change that
        if len(self.history.loss) == epochs and not trained:
            steps.undo()
            raise untrained_error(steps.optimizer, steps.model)

    def _after_first_step(self, steps: EagerSteps | CompiledSteps) -> EagerSteps | CompiledSteps:
        """Return the steps to go on with: on Values where an optimiser changes what the model or the loss reads."""
        if isinstance(steps, CompiledSteps) and not steps.on_arrays:

            def compare() -> None:
                if steps.renew(self.data):
                    raise ValueError(
                        f"a step of {type(steps.optimizer).__name__} changes what the model or the loss computes, "
                        "beside the parameters, which a program would not read again before the next epoch"
                    )

            with self._trial() as drawn:
                self._try(compare, drawn)
        return self.steps

    def _hooks(self) -> str:
        """Call the callbacks, with a model that is up to date; return why to stop, if it is time."""
        stop, steps = self.stop, self.steps
        if self.calls_back:
            self._write()
        try:
            for callback in self.callbacks:
                callback(self.history)
            reason = "" if stop is None else stop(self.history)
        finally:
            if self.calls_back:
                steps.read()
        if self.calls_back or self.held_out is None or self.may_differ:
            self._renew()
        if isinstance(reason, str) or not reason:
            return reason or ""
        return f"{name if (name := getattr(stop, '__name__', '')).isidentifier() else 'stop'} said so"

    def _may_change(self, steps: EagerSteps | CompiledSteps) -> TypeGuard[CompiledSteps]:
        """Whether code of the user's is called, between steps or for examples, that a program knows nothing of."""
        by_others = self.calls_back or self.may_differ
        return isinstance(steps, CompiledSteps) and (by_others or not steps.on_arrays)

    def _digests(self) -> list[Any]:
        """Return what tells whether examples are changed, where arrays are made of them that would not be."""
        steps = self.steps
        if not self._may_change(steps) or steps.processes > 1:
            return []
        return [part.digests() for part in (self.data, self.held_out) if part is not None]

    def _renew(self) -> None:
        """Take over what callbacks, or an optimiser of one's own, have changed beside the parameters."""
        steps = self.steps
        if not self._may_change(steps):
            return

        def renew() -> None:
            before, self.digests = self.digests, self._digests()
            pairs = zip(chain(*self.digests), chain(*before), strict=True)
            changed = [found is None or found != seen for found, seen in pairs]  # inputs, targets, and those held out
            if any(changed):
                if self._digests() != self.digests:
                    raise ValueError(CHANGING_EXAMPLES)
                self.data = steps.data(self.data)
                self.held_out = None if self.held_out is None else steps.data(self.held_out)
                for part, is_other in zip((self.data, self.held_out), changed[1::2]):
                    if part is not None and is_other:
                        steps.look_at(part, self.batch_size)
            steps.renew(self.data, any(changed))

        with self._trial() as drawn:
            self._try(renew, drawn)

    def _leave(self) -> None:
        """Leave the model as it is to be."""
        if self.best is not None:
            self.steps.restore(self.best[2])
        self._write()

    def _write(self) -> None:
        """Bring the model up to date, and what it and the loss keep of a last call, which a program does not make."""
        steps = self.steps
        steps.write()
        if isinstance(steps, CompiledSteps) and steps.keeps:
            with suppress(Exception):  # which is the training's to raise
                steps.task.loss([steps.model(self.data.inputs[-1])], [self.data.targets[-1]])


def _mean(scores: Sequence[tuple[Score, int]]) -> Score:
    total = sum(size for _, size in scores)
    metrics = [score.metric * size for score, size in scores if score.metric is not None]
    return Score(sum(s.loss * size for s, size in scores) / total, sum(metrics) / total if metrics else None)


def _name(function: Any) -> str:
    name = "accuracy" if form_on_arrays(function) else getattr(function, "__name__", "")
    return name if name.isidentifier() else "metric"
