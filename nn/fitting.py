"""The training loop: batches forward, gradients back, a step, and a record of how it went."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import chain
from numbers import Real
from typing import Any, TypeAlias, TypeGuard

from autograd import Value
from autograd.callers import warn
from autograd.compiler import needs_numpy
from autograd.engine import collector_paused, modes, topological_order
from autograd.export.jax_package import load_jax
from nn.data.random_state import Seed, chance_restored, generator, generators_of
from nn.modules import Module
from nn.optim import SGD
from nn.training.checks import above_zero, is_function, whole
from nn.training.compiled_stepping import CompiledSteps
from nn.training.data_parallel import ASKER, ParallelSteps, common_seed, precision_of, shares
from nn.training.examples import Examples, evaluated, judged
from nn.training.history import History, Score, Stop, metric_for
from nn.training.interrupts import scopes_closed
from nn.training.judging import calls_noted, is_known, metric_among
from nn.training.lockstep import current_lockstep
from nn.training.metrics import Metric, form_on_arrays
from nn.training.optimizer import Optimizer
from nn.training.penalties import with_penalty
from nn.training.progress import bar
from nn.training.side_effects import state_restored
from nn.training.splits import Data, as_sequence, batches_of_epochs, hold_out
from nn.training.stepping import DivergedError, EagerSteps, TrainingTask

Loss: TypeAlias = Callable[[Any, Any], Any]
ASKED_TOGETHER = 64  # examples of which a loss is asked whether it depends on the parameters


def fit(
    model: Module,
    X: Data,
    y: Data,
    *,
    loss: Loss,
    penalty: Callable[..., Any] | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    validation: tuple[Data, Data] | float | None = None,
    metric: Metric | str | None = "auto",
    stop: Callable[[History], str | bool] | None = None,
    restore_best: bool = False,
    max_norm: float | None = None,
    gradient_norms: bool = False,
    callbacks: Iterable[Callable[[History], Any]] = (),
    seed: Seed = None,
    progress: bool = True,
    compiled: bool | str = "auto",
    backend: str = "auto",
) -> History:
    """Train a model in place and return the history.

    - `X` and `y`: one input and one target for each example; `loss(outputs, targets)` is a function of `nn.losses`, or
      any of outputs and targets.
    - `penalty`: a term beside the loss, such as `lambda p: 1e-4 * l2(p)`, a function of the optimizer's parameters, or
      `lambda: 1e-4 * l2(weights)`, one of nothing. It is a part of the losses in the history, held-out ones too.
    - `optimizer`: `SGD` with its own learning rate if not given. `max_norm`: clip gradients to this norm.
    - `batch_size`: examples in a step, all of them if not given; batches are drawn anew each epoch, by `seed`.
    - `validation`: held-out examples, as a pair like `(X, y)`, or the share of the examples to hold out, by `seed`.
    - `metric`: a function beside the loss, of outputs as plain numbers, in lists where a model has several, and of
      targets as they were given. It may look at the model, and changes nothing. If not given it is `loss.metric`, which
      is accuracy for the losses of classifiers in `nn`, or that of the loss that `loss` calls with these outputs and
      targets.
    - `stop`: a `Stop`, or a function of the history that returns why to stop, if it is time.
    - `restore_best`: leave the model as it was after the epoch with the smallest validation loss.
    - `callbacks`: functions of the history, called after each epoch; they may look at the model, and change
      parameters, `optimizer.lr`, what the model and the loss read beside them, or, in one process, the examples, where
      these are lists or arrays. `gradient_norms`: record those of each layer, before clipping.
    - `progress`: show a bar, where the output is a terminal or a notebook.
    - `compiled`: run on arrays ("auto": where that is possible; else a warning says why not). The model and the loss
      are then traced, so within an epoch what they compute must not depend on anything that changes but the parameters.
      What they keep of their calls, in attributes or lists, is of a few examples; of the last one for callbacks, and
      in the end.
    - `backend`: that of `compile` which runs it, or "jax", which spreads each batch over all devices that JAX sees. The
      results are the same. After `jax.distributed.initialize` each process gives its own part of `X` and `y`, and of
      the validation; the rest is the same in all. What cannot be compiled is an error where a back end is named.

    Ctrl-C ends training early, and so does a number that is not finite, before it spoils the parameters; `stopped` says
    why. An error in the data is raised, and changes nothing; so is, in any epoch, one of the model's own code.
    Python's cyclic garbage collector rests meanwhile, since graphs have no cycles to collect.

    >>> from nn import MLP, mse
    >>> history = fit(MLP(1, [1], seed=1), [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], loss=mse, epochs=200)
    >>> history.loss[-1] < 1e-4
    True
    """
    X, y = as_sequence(X), as_sequence(y)
    if len(X) != len(y) or not len(X):
        raise ValueError(f"fit takes one target for each example, and at least one, got {len(X)} and {len(y)}")
    epochs = whole(epochs, "epochs", 0, "epochs")
    if batch_size is not None:
        batch_size = whole(batch_size, "batch_size", 1, "examples")
    if restore_best and validation is None:
        raise ValueError("restore_best compares losses on held-out examples; give them as validation")
    if compiled not in (True, False, "auto"):
        raise ValueError(f"compiled is True, False or 'auto', got {compiled!r:.60}")
    compiled = compiled if isinstance(compiled, str) else bool(compiled)
    if current_lockstep() is not None:  # one of many runs, as in nn.sweep(..., backend="jax")
        backend, progress = "jax" if backend == "auto" and compiled is not False else backend, False
    _check_backend(backend, compiled)
    if max_norm is not None:
        above_zero(max_norm, "max_norm")
    judge = metric_for(metric, loss)
    _check_model(model, "fit")
    if gradient_norms and not isinstance(model, Module):
        raise TypeError(f"gradient_norms are those of the layers of a Module, got {model!r:.60}; make it a Module")
    optimizer = optimizer_for(optimizer, model)
    penalised = loss if penalty is None else with_penalty(loss, penalty, optimizer.parameters)
    # A callback may let it depend on them later; a loss of one's own is called by uncompiled steps alone, which tell.
    if not callbacks and (compiled is not False or is_known(loss)):
        with scopes_closed(), modes.enable_grad():
            check_trains(optimizer, model, penalised, X, y)
    counts = shares(len(X), backend).counts
    if len(counts) > 1:
        seed = common_seed(seed, generator(None).getrandbits(31))
        if isinstance(validation, Real) or getattr(stop, "seconds", None) is not None:
            raise ValueError(
                "several processes have no share of all examples, and no clock, in common: give each its "
                "part of the validation as a pair, and stop by epochs, loss or metric"
            )
    rng = generator(seed)
    X, y, held_out = hold_out(X, y, validation, rng)
    batches = batches_of_epochs(len(X) if len(counts) == 1 else sum(counts), batch_size, epochs, rng)
    hears = metric == "auto" and judge is None
    task = TrainingTask(model, penalised, judge, optimizer, max_norm, gradient_norms, hears, is_known(loss))
    run = _Run(task, stop, callbacks, restore_best, batch_size, compiled, backend)
    with (
        collector_paused(),
        scopes_closed(),
        modes.enable_grad(),  # also in a no_grad block
        precision_of(backend),
        bar(epochs, progress) as run.shown,
    ):
        run.train(X, y, held_out, batches, compiled if epochs else False)
    return run.history


def _check_backend(backend: str, compiled: bool | str) -> None:
    if backend == "auto":
        return
    if compiled is False:
        raise ValueError(f"a back end runs what is compiled, got backend={backend!r} and compiled=False")
    if backend == "jax":
        load_jax(ASKER)
        return
    with needs_numpy(f"backend={backend!r}"):
        from autograd.compiler.cut import check_backend

    try:
        check_backend(backend)
    except ValueError as error:
        raise ValueError(f"{error}; fit takes 'jax' too") from None


def _check_model(model: Any, asker: str) -> None:
    if not is_function(model):
        raise TypeError(f"{asker} takes a model, such as MLP(2, [8, 1]), got {model!r:.60}")


def optimizer_for(optimizer: Any, model: Module) -> Optimizer:
    """Return an optimiser of the model's parameters where none is given; raise TypeError for what is none."""
    if optimizer is None:
        if not hasattr(model, "parameters"):
            raise TypeError(
                f"a function has no parameters() to train, got {model!r:.60} as a model and no optimizer; write "
                "optimizer=SGD([w, b], lr=0.1) with the Values that it uses, or make it a Module"
            )
        return SGD(model.parameters())
    if not isinstance(optimizer, Optimizer):
        found, kind = repr(optimizer)[:60], "SGD"
        if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
            found, kind = f"the class {optimizer.__name__}", optimizer.__name__
        raise TypeError(f"optimizer is an Optimizer, got {found}; write {kind}(model.parameters(), lr=0.1)")
    return optimizer


def check_trains(optimizer: Optimizer, model: Any, loss: Loss, X: Data, y: Data) -> None:
    """Raise ValueError where the loss of no example depends on a parameter of the optimiser."""
    if not optimizer.steps_by_rule:  # which may need no gradients
        return
    trained = set(optimizer.parameters)

    def depends(*numbers: int) -> bool:
        with modes.unroll():
            total = loss([model(X[i]) for i in numbers], [y[i] for i in numbers])
        return not isinstance(total, Value) or not trained.isdisjoint(topological_order(total))

    try:
        with chance_restored(generators_of(model), lambda: depends(0)), state_restored(model, loss):
            every = range(len(X))
            # A loss of pairs is 0 of one example, and one with a margin is 0 of some.
            if depends(0) or depends(*every[:ASKED_TOGETHER]) or any(map(depends, every)):
                return
    except Exception:  # which the training says, if it is one there
        return
    remedy = "compute it of the Values that the model returns, without .data, .detach() and no_grad"
    parameters: Sequence[Value] = getattr(model, "parameters", tuple)()
    if parameters and trained.isdisjoint(parameters):
        remedy = f"write {type(optimizer).__name__}(model.parameters(), lr=...) with the model that fit gets"
    raise ValueError(f"the loss depends on none of the optimizer's parameters, so nothing would be trained; {remedy}")


class _StoppedError(Exception):
    """The reason why training ends early."""


class _Run:
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
        self.steps.begin()
        self.generators = generators_of(self.steps.model)
        with self._trial() as drawn:
            if compiled is False and not self.steps.task.loss_is_known:
                return  # a function of one's own is called once in a step, and never else
            parts = [part for part in (examples, held_out) if part is not None]
            can_compile = [self.steps.look_at(part, self.batch_size) for part in parts]
            self.steps.warn_of_probabilities(examples)
            self.steps.hears_metric = False
            if compiled is False or not all(can_compile):
                if self.backend != "auto" and compiled is not False:
                    raise ValueError(
                        f"backend={self.backend!r} needs a loss that is the mean over its examples, and this one "
                        "refuses a few of them; train with compiled=False"
                    )
                return

            def compile_steps() -> None:
                task = self.steps.task._replace(metric=self.steps.metric, hears_metric=False)
                steps = ParallelSteps(task) if self.backend == "jax" else CompiledSteps(task, self.backend)
                self.data = steps.data(examples)
                self.held_out = None if held_out is None else steps.data(held_out)
                steps.check(self.data)
                self.steps, self.history.compiled = steps, True
                self.digests = self._digests()

            self._try(compile_steps, drawn)

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

    def _after_first_step(self, steps: EagerSteps | CompiledSteps) -> EagerSteps | CompiledSteps:
        """Return the steps to go on with: on Values where an optimiser changes what the model or the loss reads."""
        if not isinstance(steps, CompiledSteps):
            if not (steps.reached or self.callbacks):
                check_trains(steps.optimizer, steps.model, steps.task.loss, self.data.inputs, self.data.targets)
        elif not steps.on_arrays:

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
        if self.calls_back or self.held_out is None:
            self._renew()
        if isinstance(reason, str) or not reason:
            return reason or ""
        return f"{name if (name := getattr(stop, '__name__', '')).isidentifier() else 'stop'} said so"

    def _may_change(self, steps: EagerSteps | CompiledSteps) -> TypeGuard[CompiledSteps]:
        """Whether code of the user's is called between epochs or steps, that a program knows nothing of."""
        return isinstance(steps, CompiledSteps) and (self.calls_back or not steps.on_arrays)

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


def evaluate(model: Module, X: Data, y: Data, *, loss: Loss, metric: Metric | str | None = "auto") -> Score:
    """Return the model's mean loss, and accuracy where it is a classifier, without training it.

    >>> from nn import MLP, mse
    >>> evaluate(MLP(1, [1], seed=1), [[0.0]], [2.0], loss=mse).loss
    4.0
    """
    judge = metric_for(metric, loss)
    _check_model(model, "evaluate")
    X, y = as_sequence(X, "evaluate"), as_sequence(y, "evaluate")
    with scopes_closed(), calls_noted() as calls:
        try:
            total, outputs = evaluated(model, X, y, loss)
        except OverflowError:  # the loss is infinite, as where training ends by it
            return Score(math.inf, None if judge is None else math.nan)
    if metric == "auto" and judge is None:
        judge = metric_among(calls, outputs, y)
    return Score(total, judged(judge, outputs, y))


def _mean(scores: Sequence[tuple[Score, int]]) -> Score:
    total = sum(size for _, size in scores)
    metrics = [score.metric * size for score, size in scores if score.metric is not None]
    return Score(sum(s.loss * size for s, size in scores) / total, sum(metrics) / total if metrics else None)


def _name(function: Any) -> str:
    name = "accuracy" if form_on_arrays(function) else getattr(function, "__name__", "")
    return name if name.isidentifier() else "metric"
