"""The back end `native`: a graph step by step on a virtual machine of native code, forward and backward.

It is for what is sequential or irregular. A batch is run in strips of `WIDTH` examples, each instruction on all of a
strip. Where there are more numbers than fit into a cache, the run backward computes them again.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd.callers import warn
from autograd.compiler.backends._cases import (
    LISTED,
    MEMBER,
    PLAIN,
    PYTHON_ROW,
    SQUARE,
    encoded,
    numbered,
)
from autograd.compiler.backends._machine import Callback, machine, machine_source
from autograd.compiler.backends._words import SLOW
from autograd.compiler.backends.python import ListMemory, StepProgram, is_seeded_by_example
from autograd.compiler.instructions import Array
from autograd.compiler.listing import NamedSlots as Named
from autograd.compiler.listing import step_listing
from autograd.compiler.lowering import Lowering
from autograd.compiler.steps import GraphStep, excusing, may_raise
from autograd.rules import OUT_OF_DOMAIN, Operation, active_operands, is_own

WIDTH = 64  # examples in a strip
TOGETHER = 2**18  # numbers of the strips that are run together


class Tape:
    """The steps of a graph as code of the machine: its instructions, lists of operands, and constants."""

    def __init__(self, steps: Sequence[GraphStep], variables: int, roots: Sequence[Any]) -> None:
        self.base = variables
        self.called: list[tuple[Operation, int]] = []  # what Python computes, with the number of operands
        self.constants: list[float] = []
        total = variables + len(steps)
        rows, constants = numbered(), self.constants
        code: list[int] = []
        listed: list[int] = []
        quiet = False
        known: dict[Operation, tuple[int, int]] = {}
        for operation, terms in steps:
            found = known.get(operation)
            if found is None:
                found = known[operation] = encoded(operation, rows)
                quiet = quiet or not all(active_operands(operation, len(terms)))
            number, kind = found
            slots, wanted, bit = [], 0, 1
            for term in terms:
                if type(term) is int:
                    wanted += bit
                    slots.append(term)
                else:
                    slots.append(total + len(constants))
                    constants.append(term)
                bit += bit
            if kind == PLAIN:
                slots += (0,) * (3 - len(slots))
                code += (number * 8 + wanted, *slots)
            elif kind == SQUARE:
                code += (number * 8 + 3, slots[0], slots[0], 0)
            elif kind == MEMBER:
                slots.append(total + len(constants))
                constants.append(operation.family[1])  # type: ignore[index]
                code += (number * 8 + 1, *slots, 0)
            else:
                key = 0
                if number == PYTHON_ROW:
                    key = len(self.called)
                    self.called.append((operation, len(slots)))
                code += (number * 8 + 1, len(listed), len(slots), key)
                listed += slots
        self.code = np.array(code, dtype=np.int32).reshape(-1, 4)
        self.listed = np.array(listed or [0], dtype=np.int32)
        self.slots = total + len(constants)
        nary = [number for number, kind in known.values() if kind == LISTED]
        if steps and (quiet or self._has_dead_ends(nary, roots)):
            self._still(steps, roots)

    def _has_dead_ends(self, nary: list[int], roots: Sequence[Any]) -> bool:
        """Whether there are results that nothing uses; `nary` are the rows whose operands are listed."""
        used = np.zeros(self.slots, dtype=bool)
        used[self.code[~np.isin(self.code[:, 0] >> 3, nary), 1:]] = True
        used[self.listed] = True
        used[[root for root in roots if isinstance(root, int)]] = True
        return not used[self.base : self.base + len(self.code)].all()

    def _still(self, steps: Sequence[GraphStep], roots: Sequence[Any]) -> None:
        """Have the steps hand nothing back at whose results nothing arrives, not even 0 times an infinity."""
        reached = {root for root in roots if isinstance(root, int)}
        for number in range(len(steps) - 1, -1, -1):
            operation, terms = steps[number]
            if self.base + number not in reached:
                self.code[number, 0] &= ~7
            else:
                hands = active_operands(operation, len(terms))
                reached.update(term for term, hand in zip(terms, hands, strict=True) if hand and isinstance(term, int))


class NativeMemory(ListMemory):
    """The numbers of the variables, and the buffers of values and adjoints on which the machine runs."""

    def __init__(self, program: NativeProgram, examples: int) -> None:
        super().__init__(program.sizes, program.layout, examples)
        tape, width = program.tape, program.width
        strips = -(-examples // width)
        together = max(1, min(strips, TOGETHER // (1 + tape.slots * width)))
        self.odd: list[int] = []  # examples of the last run that the eager engine is to compute
        self.kept = strips == together  # whether the values are still there for the run backward
        self.values = np.zeros((together, tape.slots, width))
        self.values[:, tape.slots - len(tape.constants) :] = np.array(tape.constants)[:, None]
        self.adjoints = np.zeros_like(self.values)
        self.runs = [  # for each run of the machine the first example, how many there are, and how many strips
            (first * width, min(together * width, examples - first * width), min(together, strips - first))
            for first in range(0, strips, together)
        ]
        code, listed = tape.code.ctypes.data, tape.listed.ctypes.data
        buffers = self.values.ctypes.data, self.adjoints.ctypes.data
        self.call = code, len(tape.code), *buffers, tape.base, listed, program.python, tape.slots * width

    def fill(self, first: int, size: int, strips: int) -> Array:
        """Write the numbers of some examples to the buffer of values, and return this."""
        values = self.values[:strips]
        plain, width = len(self.plain), values.shape[2]
        values[:, :plain] = self.plain[:, None]
        for number, column in enumerate(self.columns(), plain):
            part = column[first : first + size]
            if size < strips * width:  # what is beyond the last example repeats it
                part = np.concatenate([part, np.full(strips * width - size, part[-1])])
            values[:, number] = part.reshape(strips, width)
        return values


class NativeProgram(StepProgram):
    """A graph's steps as code of the virtual machine."""

    backend = "native"
    takes_lists = True
    both = None

    def __init__(self, lowering: Lowering) -> None:
        super().__init__(lowering)
        self.width = WIDTH if self.sizes[1] else 1
        self.tape = Tape(self.steps, sum(self.sizes), self.places)
        self.machine = machine(self.width)
        self._memory: NativeMemory | None = None
        self._idle: list[NativeMemory] = []  # of `values` and `values_and_adjoints`, one for each run at a time
        self._errors: dict[int, BaseException] = {}  # by threads
        self._warned = False
        self._callback = Callback(self._call) if self.tape.called else None
        self.python = ctypes.cast(self._callback, ctypes.c_void_p) if self._callback else None

    @property
    def source(self) -> str:
        """The source that runs: of the machine."""
        return machine_source(self.width)

    def memory(self, examples: int = 1) -> NativeMemory:
        """Return where the numbers of so many examples are; the latest is kept."""
        if self._memory is None or self._memory.examples != examples:
            self._memory = NativeMemory(self, examples)
            self._warn(examples)
        return self._memory

    def _warn(self, examples: int) -> None:
        slow = {operation.name: 0 for operation, _ in self.tape.called if is_own(operation)}
        if slow and not self._warned and len(self.tape.called) * examples >= SLOW:
            self._warned = True
            names = ", ".join(slow)
            warn(f"the operation {names} runs on one number after the other in Python, which is slow")

    def _call(self, key: int, backward: int, numbers: Any) -> None:
        """Compute an operation, or its partial derivatives, in Python; what it raises is kept for after the run."""
        operation, size = self.tape.called[key]
        try:
            if backward:
                found = operation.derivatives(numbers[0], numbers[1 : size + 1])
            else:
                found = [operation.evaluate(numbers[:size])]
            for position, number in enumerate(found):
                numbers[position] = float(1.0 * number)  # a Mask, too
        except BaseException as error:  # it cannot pass through the machine
            of_nan = any(map(math.isnan, numbers[: size + backward]))  # as in a side that is not chosen
            if not (of_nan and isinstance(error, OUT_OF_DOMAIN)):
                self._errors.setdefault(threading.get_ident(), error)
            for position in range(size if backward else 1):
                numbers[position] = math.nan

    def _raise(self) -> None:
        if self._errors and (error := self._errors.pop(threading.get_ident(), None)) is not None:
            raise error

    def forward(self, memory: NativeMemory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example."""
        found: list[Any] = [np.empty(memory.examples) if batched else root for root, batched in self.roots]
        memory.odd = []
        for first, size, strips in memory.runs:
            values = memory.fill(first, size, strips)
            odd = self.machine.forward(*memory.call, strips)
            self._raise()
            if odd:
                memory.odd += [first + lane for lane in self._odd_ones(values, size)]
            for number, (root, batched) in enumerate(self.roots):
                if batched:
                    found[number][first : first + size] = values[:, root].ravel()[:size]
                elif first == 0:
                    found[number] = float(values[0, root, 0]) if isinstance(root, int) else float(root)
        return found

    # The same for floats and lists of floats, in any number of threads, also within another run

    def values(self, variables: list[float]) -> list[float]:
        """Return the roots at these variables; raise what the eager engine would."""
        memory = self._idle_memory()
        try:
            return self._values(memory, variables)
        finally:
            self._idle.append(memory)

    def values_and_adjoints(
        self, variables: list[float], seeds: Sequence[float]
    ) -> tuple[list[float], Sequence[float]]:
        """Return the roots at these variables, and the adjoints of these; raise what the eager engine would."""
        memory = self._idle_memory()
        try:
            found = self._values(memory, variables)
            self.backward(memory, seeds)
            return found, memory.plain_adjoints.tolist()
        finally:
            self._idle.append(memory)

    def _idle_memory(self) -> NativeMemory:
        try:
            return self._idle.pop()
        except IndexError:  # all are in use
            return NativeMemory(self, 1)

    def _values(self, memory: NativeMemory, variables: list[float]) -> list[float]:
        memory.plain[:] = variables
        try:
            found = self.forward(memory)
        except (ValueError, ArithmeticError):  # of a user's own operation
            self.replay(variables)
            raise
        if memory.odd:
            self.replay(variables)
        return found

    def _odd_ones(self, values: Array, size: int) -> list[int]:
        """Return the examples with a result that is not finite though no operand is nan: there may be an error."""
        numbers, slots, starts, alone = self._excuses
        finite = np.isfinite(values[:, self.tape.base : self.tape.base + len(self.steps)])
        excused = np.logical_or.reduceat(np.isnan(values)[:, slots], starts, axis=1)
        odd = ~(finite[:, numbers] | excused).all(axis=1) | ~finite[:, alone].all(axis=1)
        return np.flatnonzero(odd.ravel()[:size]).tolist()

    @cached_property
    def _excuses(self) -> Sequence[NDArray[np.int64]]:
        """The steps that may be odd, and the slots of which a nan excuses them: one after the other, and from where.

        Then those that no operand excuses, since it is a constant.
        """
        numbers: list[int] = []
        slots: list[int] = []
        starts: list[int] = []
        alone: list[int] = []
        for number, (operation, terms) in enumerate(self.steps):
            excuses = excusing(operation, terms)
            if not may_raise(operation) or any(type(term) is float and math.isnan(term) for term in excuses):
                continue
            if found := [term for term in excuses if type(term) is int]:
                numbers.append(number)
                starts.append(len(slots))
                slots += found
            else:
                alone.append(number)
        return [np.array(listed, dtype=int) for listed in (numbers, slots, starts, alone)]

    def backward(self, memory: NativeMemory, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints of the variables, for the sum of the roots times their seeds."""
        plain = self.sizes[0]
        columns = memory.columns(adjoint=True)
        memory.plain_adjoints[:] = 0.0
        for first, size, strips in memory.runs:
            if not memory.kept:
                memory.fill(first, size, strips)
                self.machine.forward(*memory.call, strips)
                self._raise()
            adjoints = memory.adjoints[:strips]
            adjoints.fill(0.0)
            for (root, batched), seed in zip(self.roots, seeds, strict=True):
                if batched:
                    adjoints[:, root] += seed
                elif isinstance(root, int) and first == 0:
                    adjoints[0, root, 0] += seed
            self.machine.backward(*memory.call, strips)
            self._raise()
            if self.width == 1 or not is_seeded_by_example(self.roots, seeds):
                memory.plain_adjoints[:] = adjoints[0, :plain, 0]
                memory.batch_adjoints[:] = 0.0
                return
            adjoints[-1, :plain, size - (strips - 1) * self.width :] = 0.0
            with np.errstate(all="ignore"):
                memory.plain_adjoints += np.add.reduce(adjoints[:, :plain], axis=(0, 2))
            for number, column in enumerate(columns, plain):
                column[first : first + size] = adjoints[:, number].ravel()[:size]

    def not_finite(self, memory: NativeMemory, roots: Sequence[Any]) -> list[int]:
        """Return the examples of the last run with a result that is not finite, though its operands are."""
        return memory.odd

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes, instructions, floating-point operations forward, and bytes of the buffers."""
        return self.counts(len(self.steps), 16 * self.tape.slots)

    def listing(self, variables: Sequence[Named]) -> str:
        """List the steps, one a line."""
        return step_listing(self.steps, self.tape.base, self.stats, "of the virtual machine")
