"""Data-parallel training with JAX: the examples spread over all devices, the parameters on each of them.

A step is one compiled program: every device differentiates the loss of its part of the batch, the sums meet in one
all-reduce, and each device takes the same step by the optimiser's own rule. Where there are several processes
(`jax.distributed`), each has its own part of the examples, and the history is that of one process which has them all:
batches are drawn from all examples, and a process contributes those of a batch that it has. Parts that are too short
are filled up with examples of weight 0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from autograd.export import to_jax
from autograd.export.jax_package import double_precision, load_jax
from nn.training._device_step import Kernels
from nn.training.clipping import clipped
from nn.training.compiled_stepping import CompiledSteps
from nn.training.examples import Examples, judged, output_of
from nn.training.history import Score
from nn.training.lockstep import current_lockstep
from nn.training.metrics import form_on_arrays
from nn.training.optimizer import Optimizer
from nn.training.stepping import TrainingTask

ASKER = 'backend="jax"'


def precision_of(backend: str) -> AbstractContextManager[Any]:
    """Return a block in which the back end computes with double precision, as all but JAX do anyway."""
    return double_precision(load_jax(ASKER)) if backend == "jax" else nullcontext()


@dataclass(frozen=True)
class Shares:
    """The distribution of examples over processes: how many each has, and which process this is."""

    counts: tuple[int, ...]
    process: int = 0

    @property
    def total(self) -> int:
        """How many examples there are."""
        return sum(self.counts)

    def mine(self, rows: Sequence[int]) -> Sequence[int]:
        """Return those of some examples that this process has, counted from its first.

        >>> Shares((3, 2), 1).mine([0, 4, 2, 3])
        [1, 0]
        """
        if len(self.counts) == 1:
            return rows
        first = sum(self.counts[: self.process])
        return [row - first for row in rows if first <= row < first + self.counts[self.process]]

    def most(self, rows: Sequence[int]) -> int:
        """Return how many of some examples the process has that has most of them.

        >>> Shares((3, 2), 1).most([0, 4, 2, 3])
        2
        """
        if len(self.counts) == 1:
            return len(rows)
        ends = list(accumulate(self.counts))
        owners = [bisect_right(ends, row) for row in rows]
        return max(map(owners.count, set(owners)))


def shares(count: int, backend: str) -> Shares:
    """Return how examples are distributed of which this process has so many; every process has to ask."""
    if backend != "jax" or current_lockstep() is not None or load_jax(ASKER).process_count() == 1:
        return Shares((count,))
    return Shares(tuple(_of_all_processes(count)), load_jax(ASKER).process_index())


def common_seed(seed: Any, number: int) -> Any:
    """Return a seed as it was given, or, where there was none, the number that the first process has for it."""
    return seed if seed is not None else int(_of_all_processes(number)[0])


def _of_all_processes(number: int) -> list[int]:
    from jax.experimental import multihost_utils

    gathered = multihost_utils.process_allgather(load_jax(ASKER).numpy.array(number))
    return gathered.ravel().tolist()  # type: ignore[no-any-return]


@dataclass
class SharedExamples(Examples):
    """Examples of this process, or those of a batch of which others have the rest.

    `size`: how many the batch has in all processes; `most`: how many the process has of it that has most.
    """

    shares: Shares = Shares((0,))
    size: int = 0
    most: int = 0

    def batch(self, rows: Sequence[int] | None) -> Examples:
        """Return those examples of a batch that this process has; it is drawn from those of all processes."""
        if rows is None:
            return self
        mine = super().batch(self.shares.mine(rows))
        return replace(self, arrays=mine.arrays, rows=mine.rows, size=len(rows), most=self.shares.most(rows))


def _check_steps(optimizer: Optimizer) -> None:
    """Raise TypeError for an optimiser whose steps are not those of a rule of arrays alone."""
    name = type(optimizer).__name__
    if not optimizer.steps_by_rule:
        raise TypeError(
            f"backend='jax' takes steps by the rule of an optimizer alone, and {name} overrides step, zero_grad or "
            "updated; write what it does as a rule, or train with backend='numpy'"
        )
    if not optimizer.takes_arrays:
        raise TypeError(
            f"backend='jax' takes steps on arrays, and {name} does not say that its rule takes them; write "
            f"vectorized = True in class {name}, if its rule is one of operators and functions of JAX, of nothing "
            "but lr, t, p, g and what it remembers"
        )


class ParallelSteps(CompiledSteps):
    """Steps on all devices that JAX sees, of all processes."""

    def __init__(self, task: TrainingTask) -> None:
        jax = self.jax = load_jax(ASKER)
        self.lockstep = current_lockstep()
        self.processes = 1 if self.lockstep else jax.process_count()
        _check_steps(task.optimizer)
        if self.processes > 1 and task.metric is not None and not form_on_arrays(task.metric):
            raise ValueError("several processes tell each other the accuracy only; write metric=None")
        import numpy as np

        mesh = jax.sharding.Mesh(np.array(jax.devices()), ("examples",))
        self.spread, self.spread_steps, self.replicated = [
            jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
            for axes in (("examples",), (None, "examples"), ())
        ]
        self.devices = 1 if self.lockstep else len(jax.local_devices())
        self.room = 0  # for the examples of a step in each process
        self.placed: dict[int, tuple[Examples, list[Any]]] = {}  # whole sets of examples on the devices
        self.looked_at: dict[int, bool] = {}  # whether arrays are finite, by their identities
        self.one: list[Any] = []  # the first example, by which the program is found
        self.made_for: Any = None
        self.stale = True  # whether it is to be asked if the kernels are still the right ones
        super().__init__(task, "numpy")

    # Numbers on the devices

    def data(self, examples: Examples) -> Examples:
        """Return examples with their arrays."""
        found = super().data(examples)
        one = [part.take([0]) for part in found.arrays]
        self.one = self.one or one
        programs = [self.program.specialize(*some).lowering for some in (self.one, one)]
        if not programs[0].is_same(programs[1]):
            raise ValueError("the model computes something else of the held-out examples, which are nested otherwise")
        if form_on_arrays(self.metric):  # which raises on arrays of NumPy what it would not on those of JAX
            judged(self.metric, [output_of(self.model, found.inputs[0])] * len(found.inputs), found.y)
        self.placed.clear()
        counts = shares(len(found.inputs), "jax")
        return SharedExamples(found.inputs, found.targets, found.arrays, None, counts, counts.total, max(counts.counts))

    def _replicated(self, numbers: Any) -> Any:
        if isinstance(numbers, self.jax.Array):
            return numbers
        if self.lockstep:
            return self.numpy.array(numbers, dtype=float)
        return self.jax.make_array_from_process_local_data(self.replicated, self.numpy.array(numbers, dtype=float))

    def _spread(self, batch: Any, room: int) -> list[Any]:
        """Return inputs, targets and weights on the devices; those of a whole set stay there."""
        if id(batch) in self.placed:
            return self.placed[id(batch)][1]
        count = len(batch.numbers)
        arrays = batch.arrays if count else self.one  # of a batch that other processes have whole
        filled = self._filled(arrays, [range(count)], [batch.size], room)
        found = self._placed([part[0] for part in filled], self.spread)
        if batch.rows is None:
            self.placed[id(batch)] = batch, found
        return found

    def _placed(self, arrays: list[Any], sharding: Any) -> list[Any]:
        if self.lockstep:
            return arrays
        return [self.jax.make_array_from_process_local_data(sharding, part) for part in arrays]

    def _filled(
        self, arrays: Sequence[Any], rows: Sequence[Sequence[int]], sizes: Sequence[int], room: int
    ) -> list[Any]:
        """Return inputs, targets and weights of steps, with an axis of steps, one of devices and one of examples.

        `rows`: the examples of each step, which are filled up to `room` with the first one, of weight 0.
        """
        chosen = self.numpy.zeros((len(rows), room), dtype=int)
        weights = self.numpy.zeros((len(rows), room))
        for step, (some, size) in enumerate(zip(rows, sizes, strict=True)):
            chosen[step, : len(some)] = some
            weights[step, : len(some)] = 1.0 / size
        axes = len(rows), self.devices, room // self.devices
        return [part.rows[chosen].reshape(*axes, *part.rows.shape[1:]) for part in arrays] + [weights.reshape(axes)]

    def _room(self, count: int) -> int:
        return -(-count // self.devices) * self.devices

    def snapshot(self) -> Any:
        """Return the parameters' numbers, in an array that never changes."""
        return self.theta

    def write(self) -> None:
        """Bring the Values, their gradients and the optimiser's state up to date."""
        super().write()
        self.optimizer.state = {name: self.numpy.array(state) for name, state in self.optimizer.state.items()}

    def read(self) -> None:
        """Take over what the Values have become; of several processes, those of the first."""
        _check_steps(self.optimizer)  # which a callback may have changed
        theta = self.program.read()
        if self.processes > 1:
            from jax.experimental import multihost_utils

            theta = self.numpy.asarray(multihost_utils.broadcast_one_to_all(theta))
            self.program.write(theta)
        self.theta = self._replicated(theta)
        self.stale = True

    # Steps

    def check(self, examples: Examples, *, with_state: bool = True) -> None:
        """Raise ValueError where examples have another loss than eagerly."""
        super().check(Examples(examples.inputs, examples.targets, examples.arrays), with_state=with_state)

    def _prepare(self) -> None:
        """Compile, unless that was done for the same program, Values that are not trained, and optimiser's options."""
        if not self.stale:
            return
        program = self.program.specialize(*self.one)
        lowering = program.lowering
        others = [leaf.number for leaf in lowering.variables[lowering.arguments + lowering.wrt :]]
        made_for = program, others, repr(self.optimizer.options), self.metric
        if made_for != self.made_for:
            example: Any = to_jax(program)
            kernels = Kernels(self.jax, example, self.optimizer, self.max_norm)
            kernels.right, kernels.with_gradients = form_on_arrays(self.metric), self.norms is not None
            constants = tuple((name, numbers.tobytes()) for name, numbers in example.constants.items())
            options = type(self.optimizer), made_for[2], self.max_norm, kernels.right, kernels.with_gradients
            key = example.source, constants, *options
            self.kernels = [self._compiled(kernel, key) for kernel in (kernels.step, kernels.evaluate, kernels.epoch)]
            self.made_for = made_for
        self.stale = False

    def _compiled(self, kernel: Any, key: Any) -> Any:
        if self.lockstep is None:
            return self.jax.jit(kernel, out_shardings=self.replicated)

        def call(*arguments: Any) -> Any:
            shapes = tuple(map(self.numpy.shape, self.jax.tree.leaves(arguments)))
            return self.lockstep.call((kernel.__name__, key, shapes), kernel, arguments)  # type: ignore[union-attr]

        return call

    def arguments(self, batch: Any) -> tuple[Any, ...]:
        """Return the arguments of the kernel of a step."""
        arrays = self._spread(batch, self._most([batch.most]))
        return self.theta, self._state(), *arrays, self.optimizer.rate, self.optimizer.steps + 1

    def arguments_of_epoch(self, data: Any, batches: Sequence[Sequence[int]]) -> tuple[Any, ...]:
        """Return the arguments of the kernel of an epoch."""
        room, done = self._most(list(map(data.shares.most, batches))), self.optimizer.steps
        mine = list(map(data.shares.mine, batches))
        arrays = self._placed(self._filled(data.arrays, mine, list(map(len, batches)), room), self.spread_steps)
        counts = range(done, done + len(batches))
        rates = self.numpy.array(self.optimizer.rates_after(counts))
        return self.theta, self._state(), *arrays, rates, self.numpy.array(counts) + 1

    def _most(self, counts: Sequence[int]) -> int:
        """Return the room for the examples of a step in each process, which never shrinks: that would be compiled."""
        self._prepare()
        self.room = max(self.room, *map(self._room, counts))
        return self.room

    def _state(self) -> list[Any]:
        return list(map(self._replicated, self.optimizer.state.values()))

    def train_epoch(self, data: Examples, batches: Sequence[Any]) -> list[Score] | None:
        """Take the steps of an epoch at once; None where one cannot be taken, or a metric is to see all outputs."""
        if len(batches) < 2 or not (self.metric is None or form_on_arrays(self.metric)):
            return None
        arguments = self.arguments_of_epoch(data, batches)
        theta, state, gradient, gradients, reports = self.jax.block_until_ready(self.kernels[2](*arguments))
        reports = self.numpy.asarray(reports)
        if not (self.numpy.isfinite(reports).all() and reports[:, 3:].all()):
            return None
        for each in gradients:
            self.norms.add(each)  # type: ignore[union-attr]
        before = self.theta, self.optimizer.state, self.optimizer.steps
        self.gradient = gradient
        try:
            self.theta = theta
            for _ in batches:
                self.optimizer._remember(state)
        except BaseException:  # Ctrl-C, for one
            self._take_back(*before)
            raise
        return [Score(loss, None if self.metric is None else right) for loss, right in reports[:, :2].tolist()]

    def _differentiated(self, batch: Examples) -> tuple[float, Any, Any]:
        arguments = self.arguments(batch)
        theta, state, gradient, used, report = self.jax.block_until_ready(self.kernels[0](*arguments))
        loss, self.right, norm, *finite = self.numpy.asarray(report).tolist()
        self.outcome = theta, state, used, norm
        arrays = (gradient, theta, *state)
        self.looked_at = {id(array): bool(flag) for array, flag in zip(arrays, finite, strict=True)}
        outputs = self._outputs(batch)
        if self.numpy.isfinite(loss):
            self.gradient = gradient
        elif self.processes == 1:
            super()._differentiated(batch)  # which raises what the eager engine would
        return loss, outputs, gradient

    def _evaluated(self, data: Any) -> tuple[float, Any]:
        self._prepare()
        arrays = self._spread(data, self._room(data.most))
        loss, self.right = self.numpy.asarray(self.kernels[1](self.theta, *arrays)).tolist()
        if not self.numpy.isfinite(loss) and self.processes == 1:
            super()._evaluated(data)
        return loss, self._outputs(data)

    def _outputs(self, batch: Examples) -> Any:
        """Return the outputs for a metric that is a function of plain numbers."""
        if self.metric is None or form_on_arrays(self.metric):
            return None
        return self.program.each_at(self.theta, *batch.arrays)[1]

    def _judged(self, outputs: Any, batch: Examples) -> float | None:
        return self.right if form_on_arrays(self.metric) else super()._judged(outputs, batch)

    def _updated(self, gradient: Any) -> None:
        theta, state, used, norm = self.outcome
        if self.max_norm is not None and not self.numpy.isfinite(norm):
            clipped(gradient, self.max_norm)  # which says what is wrong
        self.theta, self.gradient = theta, used
        self.optimizer._remember(state)

    def _all_finite(self, numbers: Any) -> bool:
        known = self.looked_at.get(id(numbers))
        return super()._all_finite(numbers) if known is None else known
