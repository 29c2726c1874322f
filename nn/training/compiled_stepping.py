"""Training steps on arrays: a program of the loss of one example, made by `autograd.compile`, is run on batches.

What a program cannot know is looked at before and between the steps: whether the loss is the mean over its examples,
whether model and loss keep something of their calls, and what callbacks have changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import autograd
from autograd import Value, no_grad
from nn.data.random_state import chance_restored, generators_of
from nn.training._places import global_variables
from nn.training._purity import is_pure
from nn.training._separability import CHANGING, NO_MEAN, check_separable, is_same, refusal
from nn.training.clipping import clipped
from nn.training.examples import Examples, evaluated, judged, one_by_one, output_of, plain_number
from nn.training.interrupts import interrupts_wait
from nn.training.metrics import form_on_arrays
from nn.training.side_effects import history_of, puts_back, state_restored
from nn.training.stepping import CHECKED, NO_FINITE_RESULT, REFUSED, Steps, TrainingTask, clip_and_step, differentiable

MOVED = (0.1, 1e-3, 0.0)  # how far parameters are moved to compare losses; less where these are not defined


class CompiledSteps(Steps):
    """Steps on arrays, by a program for one example that is replayed on batches.

    Raises `autograd.TraceError` and others where the model or the loss cannot be compiled, and ValueError where the
    program does not compute what the eager engine does, as where the loss is not the mean over its examples.
    """

    processes = 1  # that train together

    def __init__(self, task: TrainingTask, backend: str = "auto") -> None:
        model, loss, has_aux = task.model, task.loss, task.metric is not None

        def example(x: Any, y: Any) -> Any:
            with state_restored(model, loss) as changed, task.optimizer.reads_noted() as reads:
                output = model(x)
                value = differentiable(loss([output], [y]))
            if reads:
                raise TypeError(
                    "the model or the loss reads the optimizer's steps, rate or state, which a program would not read "
                    "again; change a number of your own by a callback, once an epoch"
                )
            if changed:
                self.keeps = True
            return (value, output) if has_aux else value

        def compiled(wrt: Sequence[Value]) -> Any:
            with interrupts_wait():
                return autograd.compile(example, batched=("x", "y"), wrt=wrt, has_aux=has_aux, backend=backend)

        self.compiled = compiled
        self.program = compiled(task.optimizer.parameters)
        import numpy as np  # after compile, whose error tells how to install it

        self.numpy: Any = np
        self.theta: Any = None
        self.gradient: Any = None  # of the last step, until the Values have it
        self.keeps = False  # whether the model or the loss keeps something of its calls
        self.probe: Any = None  # outputs and targets, Values and their numbers, and a loss of one's own for all these
        super().__init__(task)
        self.on_arrays = self.optimizer.takes_arrays
        self.metric_is_pure = self.metric is None or is_pure(self.metric)
        self.read()
        self.begin()

    def check(self, examples: Examples, *, with_state: bool = True) -> None:
        """Raise ValueError where examples have another loss than eagerly.

        `with_state`: also where model or loss keep of all their calls together what a program does not leave.

        They are looked at with the parameters moved a little, since one that begins at 0 would hide what it multiplies.
        """
        few = examples.batch(examples.representative(CHECKED))
        keeps = self._check_history(few, with_state)
        with suppress(OverflowError), state_restored(self.model, self.task.loss):  # which ends training soon
            if not self.task.loss_is_known:
                self._check_single(few)
            if keeps:
                evaluated(self.model, few.x, few.y, self.task.loss)  # what a first call makes is made of numbers
            one = [part.take([0]) for part in few.arrays]
            lowering = self.program.specialize(*one).lowering  # traced with parameters as they are
            read = lowering.variables[lowering.arguments :]
            if not self.on_arrays and len(read) > lowering.wrt:  # a step may look at the gradients of all that is read
                self.program = self.compiled(read)
                self.read()
            outputs = self._compare(few)
            if not self.task.loss_is_known:
                given = check_separable(self.model, self.task.loss, outputs, few, examples)
                numbers = [value.number for value in read]
                self.probe = given, read, numbers, self._loss_of(given, read, numbers)

    def _check_history(self, few: Examples, with_state: bool) -> bool:
        """Raise ValueError where the model or the loss depends on earlier calls, of which a program makes none.

        Return whether they keep anything of a call.
        """
        if not puts_back():
            return True
        pairs, loss, half = [*zip(few.x, few.y, strict=True)], self.task.loss, len(few.numbers) // 2
        generators = generators_of(self.model, loss)
        things = self.model, loss, *global_variables(self.model, loss)

        def call(some: Sequence[tuple[Any, Any]]) -> Any:
            inputs, targets = zip(*some, strict=True)
            with chance_restored(generators, lambda: loss([self.model(inputs[0])], [targets[0]])):
                return evaluated(self.model, inputs, targets, loss)

        keeps, adds_up, by_result = history_of(call, pairs[:half], pairs[half:], *things)
        if by_result:
            raise ValueError(f"what is computed depends on what was kept of earlier calls; {CHANGING}")
        if adds_up and with_state:
            raise ValueError(
                f"what is kept adds up over the calls, as a count or a list does, not that of the last; {CHANGING}"
            )
        return keeps

    def _check_single(self, examples: Examples) -> None:
        """Raise ValueError where a loss that is defined for several examples is not for one by itself."""
        (x, *_), (y, *_) = examples.x, examples.y
        try:
            with no_grad():
                total = self.loss([output_of(self.model, x)], [y])
        except OverflowError:
            raise
        except REFUSED as error:
            reason = f"{type(error).__name__}: {error}" if isinstance(error, (LookupError, AttributeError)) else error
            raise ValueError(f"the loss of one example by itself is not defined: {reason}; {NO_MEAN}") from error
        if not isinstance(total, Value):
            raise ValueError(f"the loss of one example by itself is the plain number {total!r:.60}; {NO_MEAN}")

    def _loss_of(self, given: tuple[Any, Any], read: Sequence[Value], numbers: Sequence[float]) -> float:
        """Return the loss of outputs and targets where the Values that are read have these numbers."""
        from autograd.compiler.function import assigned

        with assigned(read, numbers), no_grad():
            return plain_number(self.task.loss(*given))

    def _loss_has_changed(self) -> bool:
        """Whether a loss of one's own is not what it was for a few outputs, or not defined any more."""
        if self.probe is None:
            return False
        *given, loss = self.probe
        try:
            return not is_same(self._loss_of(*given), loss)
        except Exception:  # of the user's code
            return True

    def _compare(self, few: Examples) -> list[Any]:
        """Return the outputs for a few examples, of which the program has the same loss as the eager engine."""
        from autograd.compiler.function import assigned

        theta, x, y = self.program.read(), few.x, few.y  # read once: those of a class of one's own may be others
        draw = self.numpy.random.default_rng(0).uniform(-1.0, 1.0, theta.shape)
        draw[len(self.optimizer.parameters) :] = 0.0  # others may be behind a Value that was computed before
        for width in MOVED:
            moved = theta + width * (1.0 + abs(theta)) * draw
            with assigned(self.program.wrt, moved.tolist()):
                try:
                    wanted, outputs = evaluated(self.model, x, y, self.loss)
                    losses = self.program.each_at(moved, *few.arrays)
                    found = float((losses if self.metric is None else losses[0]).mean())
                except NO_FINITE_RESULT:
                    if not width:
                        raise
                    continue
                if math.isfinite(wanted) or not width:
                    break
        if not is_same(found, wanted):
            with assigned(self.program.wrt, moved.tolist()):
                again, _ = evaluated(self.model, x, y, self.loss)
            raise refusal(len(x), wanted, again, found)
        return outputs

    def data(self, examples: Examples) -> Examples:
        """Return examples with their arrays."""
        from autograd.compiler.function import example_rows  # which needs NumPy

        arrays, np = [], self.numpy
        for name, part in (("X", examples.inputs), ("y", examples.targets)):
            is_array = isinstance(part, np.ndarray) and not isinstance(part, np.ma.MaskedArray)  # of a subclass, too
            arrays.append(example_rows(np.asarray(part) if is_array else list(part), name))
        return Examples(examples.inputs, examples.targets, tuple(arrays))

    def snapshot(self) -> Any:
        """Return the parameters' numbers."""
        return self.theta.copy() if self.on_arrays else super().snapshot()

    def restore(self, numbers: Any) -> None:
        """Set the parameters to numbers of before."""
        if self.on_arrays:
            self.theta = numbers
        else:
            super().restore(numbers)
            self.read()

    def write(self) -> None:
        """Bring the Values up to date, and their gradients, which are those of the last step."""
        if self.on_arrays:
            self.program.write(self.numpy.asarray(self.theta))
        if self.gradient is not None:
            self._write_gradient(self.numpy.asarray(self.gradient))
            self.gradient = None

    def _write_gradient(self, gradient: Any) -> None:
        """Add a gradient to those of the Values, from which it is cleared as in a loop by hand."""
        self.optimizer.zero_grad()
        for value, slope in zip(self.program.wrt, gradient.tolist(), strict=True):
            value.grad = (value.grad or 0.0) + slope

    def read(self) -> None:
        """Take over what the Values have become."""
        self.theta = self.program.read()

    def renew(self, data: Examples, are_others: bool = False) -> bool:
        """Take over what the model and the loss have become, beside the parameters; return whether they have changed.

        `are_others`: whether the examples have changed, too. Raises what the constructor and `check` raise where that
        cannot be compiled. A loss may have become another one for several examples alone, of which the program of one
        says nothing.
        """
        self.on_arrays = self.optimizer.takes_arrays
        try:
            changed = self.program.renew(*[part.take([0]) for part in data.arrays])
            changed = changed or self._loss_has_changed()
            if changed:
                few = Examples(data.inputs, data.targets).batch(data.representative(CHECKED))
                evaluated(self.model, few.x, few.y, self.loss)
        except NO_FINITE_RESULT:  # which ends training soon
            self.program.clear()
            return False
        if changed:
            self.check(data)
        elif are_others:
            with state_restored(self.model, self.task.loss):
                self._compare(data.batch(data.representative(CHECKED)))
        return changed

    def _differentiated(self, batch: Examples) -> tuple[float, Any, Any]:
        found, gradient = self.program.value_and_grad_at(self.theta, *batch.arrays)
        loss, outputs = (found, None) if self.metric is None else found
        if not math.isfinite(loss):
            return loss, outputs, gradient
        if self.on_arrays:
            self.gradient = gradient
        else:
            self._write_gradient(gradient)
            gradient = self.numpy.array([parameter.grad for parameter in self.optimizer.parameters])
        return loss, outputs, gradient

    def _updated(self, gradient: Any) -> None:
        if not self.on_arrays:
            clip_and_step(self.optimizer, self.max_norm)
            self.read()
            return
        if self.max_norm is not None:
            gradient, _ = clipped(gradient, self.max_norm)
        self.gradient = gradient
        self.theta = self.optimizer.updated(self.theta, gradient)

    def _evaluated(self, data: Examples) -> tuple[float, Any]:
        found = self.program.each_at(self.theta, *data.arrays)
        losses, outputs = (found, None) if self.metric is None else found
        return float(losses.mean()), outputs

    def _judged(self, outputs: Any, batch: Examples) -> float | None:
        if self.metric is None:
            return None
        if form_on_arrays(self.metric):
            rows = self.numpy.moveaxis(outputs, -1, 0) if isinstance(outputs, (list, tuple)) else outputs
            return self.metric(rows, batch.arrays[1].rows)
        if self.on_arrays and not self.metric_is_pure:
            self.write()
        return judged(self.metric, one_by_one(outputs), batch.y)

    def _all_finite(self, numbers: Any) -> bool:
        return bool(self.numpy.isfinite(numbers).all())
