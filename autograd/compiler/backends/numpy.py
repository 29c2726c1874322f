"""Back end `numpy`: array instructions as NumPy source, and the buffers that it runs on.

Views of the buffers are made once for each number of examples. What is written, forward or backward, is written and
compiled when it first runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import numpy as np

from autograd.callers import GENERATED
from autograd.compiler.adjoint import Adjoint
from autograd.compiler.backends._arrays import NumpyWriter
from autograd.compiler.instructions import Array, Instruction, Operand
from autograd.compiler.listing import NamedSlots as Named
from autograd.compiler.listing import floating_point_operations, listing
from autograd.compiler.lowering import Lowering
from autograd.engine import collector_paused

MEMORIES_KEPT = 4  # numbers of examples of which the buffers are kept


class NumpyProgram:
    """Instructions as NumPy source, compiled, and the buffers that it runs on."""

    backend = "numpy"
    form = "arrays"
    takes_lists = False
    both = None

    def __init__(self, lowering: Lowering) -> None:
        self.code = code = lowering.code
        self.roots = code.roots
        self.adjoint = Adjoint(code)
        arguments, wrt, (_, batched) = lowering.arguments, lowering.wrt, code.inputs
        self.wanted = {  # by what the adjoint is for
            "captured": (slice(arguments, arguments + wrt), slice(0, 0)),
            "arguments": (slice(0, arguments), slice(0, batched)),
        }
        self.writer = NumpyWriter(code)
        self.risky: list[str] = []  # known with the forward part, whose lines have the first names
        self._parts: dict[str, tuple[str, CodeType]] = {}
        self._memories: dict[int, ArrayMemory] = {}

    @property
    def source(self) -> str:
        """The source that runs: forward, and backward to the Values that the function uses."""
        return "\n\n".join([self._part(name)[0] for name in ("forward", "captured")])

    def _part(self, name: str) -> tuple[str, CodeType]:
        """Return the source and the code of a part: "forward", or backward by "captured" or "arguments"."""
        if name not in self._parts:
            if name == "forward":
                lines = [*self.writer.lines(self.code.instructions), f"return {self.writer.roots(self.roots)}"]
                self.risky = [self.writer.view(results) for results, _ in self.code.risky]
            else:
                lines = self.writer.lines(self.adjoint.instructions(self.wanted[name])) or ["pass"]
            body = "\n    ".join(lines)
            self._parts[name] = "\n".join(lines), compile(f"def run():\n    {body}", f"{GENERATED} {name}>", "exec")
        return self._parts[name]

    def memory(self, examples: int = 1) -> ArrayMemory:
        """Return buffers for this many examples; those of the last few numbers are kept."""
        memory = self._memories.pop(examples, None)
        if memory is None:
            memory = ArrayMemory(self, examples)
            while len(self._memories) >= MEMORIES_KEPT:
                del self._memories[next(iter(self._memories))]
        self._memories[examples] = memory
        return memory

    def forward(self, memory: ArrayMemory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example."""
        found: list[Any] = self._run(memory, "forward")
        return found

    def backward(self, memory: ArrayMemory, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints, for the sum of the roots times their seeds: by the "captured" Values or "arguments"."""
        memory.seeds[:] = seeds
        self._run(memory, by)

    def not_finite(self, memory: ArrayMemory, roots: Sequence[Any]) -> list[int]:
        """Return the examples with a root, or a result that may be, that is not finite; of what all have, the first."""
        plain = sum([root for root in roots if type(root) is float], 0.0)  # finite only if all of them are
        arrays = [root for root in roots if type(root) is not float] + [memory.names[name] for name in self.risky]
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, and a sum of finite numbers too large for one
            totals = [plain, *[np.add.reduce(results, None) for results in arrays]]
        for results, total in zip([plain, *arrays], totals, strict=True):
            if not (math.isfinite(total) or np.isfinite(results).all()):
                return self._not_finite(memory)
        return []

    def _not_finite(self, memory: ArrayMemory) -> list[int]:
        odd = np.zeros(memory.examples, dtype=bool)

        def look(finite: Any, batched: bool) -> None:
            if batched:
                np.logical_or(odd, ~finite.reshape(memory.examples, -1).all(axis=1), out=odd)
            else:
                odd[:1] |= not finite.all()

        for instruction in self.code.sums:
            with np.errstate(invalid="ignore", over="ignore"):
                look(_cannot_raise(instruction, memory), instruction.destination.batched)
        for results, operands in self.code.risky:
            finite = np.isfinite(memory.gather(results))
            for operand in operands:  # nan of nan is no error, nor what a guard lets in
                finite = finite | np.isnan(memory.gather(operand))
            look(finite, results.batched)
        return np.flatnonzero(odd).tolist()

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        return {
            "nodes": self.code.nodes,
            "instructions": len(self.code.instructions),
            "operations": sum(map(floating_point_operations, self.code.instructions)),
            "bytes": 16 * sum(self.adjoint.sizes),
        }

    def listing(self, variables: Sequence[Named]) -> str:
        """List the instructions: result, operands with their shapes, and how many nodes each stands for."""
        return listing(self.code, variables, self.stats)

    def _run(self, memory: ArrayMemory, name: str) -> Any:
        run = memory.runs.get(name)
        if run is None:
            with collector_paused():
                run = self._bound(memory, name)
        with np.errstate(all="ignore"):
            return run()

    def _bound(self, memory: ArrayMemory, name: str) -> Callable[[], Any]:
        """Give a memory a part, as a function of the views of its buffers that it has then."""
        _, code = self._part(name)
        names, examples = memory.names, memory.examples
        names |= self.writer.fixed
        names |= {"plain": memory.buffer[False], "batch": memory.buffer[True], "examples": examples}
        for key, slots in self.writer.scattered.items():
            if key not in names:
                names[key] = memory.layout.positions(slots, examples)
        for key, (view, kind) in self.writer.views.items():
            if key not in names:
                names[key] = view.of(memory.buffer[view.batched], examples, kind)
        for key, make in self.writer.parts.items():
            if key not in names:
                names[key] = make(names)
        exec(code, names)
        run: Callable[[], Any] = names.pop("run")
        memory.runs[name] = run
        return run


def _cannot_raise(instruction: Instruction, memory: ArrayMemory) -> Any:
    """Whether sums are finite, or nan of nan, or infinite of infinities of one sign beside others that do not overflow.

    Then no way to add raises an error.
    """
    sums, *terms = map(memory.gather, [instruction.destination, *instruction.operands])
    size: Any = 0.0  # of the finite terms
    nan: Any = False
    if instruction.kind == "product":
        left, right, *terms = terms
        nan = np.isnan(left).any(axis=-1, keepdims=True) | np.isnan(right).any(axis=-1)[..., None, :]  # type: ignore[index]
        size = abs(left) @ abs(right).swapaxes(-1, -2)
    elif instruction.operation is None:  # all of a row arrive at one slot
        sums, terms = sums[..., 0], [*np.moveaxis(terms[0], -1, 0)]
    up: Any = False
    down: Any = False
    for term in terms:
        nan = nan | np.isnan(term)
        up, down = up | (term == math.inf), down | (term == -math.inf)
        size = size + np.where(np.isinf(term), 0.0, abs(term))
    return np.isfinite(sums) | nan | (np.isinf(sums) & (up ^ down) & np.isfinite(size))


class ArrayMemory:
    """The buffers of a program for one number of examples."""

    def __init__(self, program: NumpyProgram, examples: int) -> None:
        code = program.code
        self.examples = examples
        self.layout = program.writer.layout
        plain, batched = code.slots
        self.buffer = [np.zeros(plain), np.zeros(examples * batched)]
        start, constants = code.constants
        self.buffer[False][start : start + len(constants)] = constants
        self.first = program.adjoint.first
        self.plain = self.buffer[False][: self.first[0]]
        self.plain_adjoints = self.buffer[False][self.first[0] : 2 * self.first[0]]
        seeds = program.adjoint.seeds
        self.seeds = self.buffer[False][int(seeds[0]) : int(seeds[0]) + len(seeds)] if len(seeds) else np.zeros(0)
        self.names: dict[str, Any] = {}
        self.runs: dict[str, Callable[[], Any]] = {}

    def gather(self, operand: Operand) -> Array:
        """Return a copy of the numbers of an operand, of a batched one with the examples in front."""
        if operand.constants is not None:
            return operand.constants
        if not operand.batched:
            return self.buffer[False][operand.slots]
        return self.buffer[True][self.layout.positions(operand.slots, self.examples)]

    def rows(self, slot: int, *, adjoint: bool = False) -> Array:
        """Return the block of a batched slot, such as an argument, with a row for each example."""
        return self.layout.block(slot + adjoint * self.first[1], self.buffer[True], self.examples)

    def inputs(self, example: int) -> list[float]:
        """Return the numbers that the variables have in an example."""
        plain, batched = self.layout.inputs
        found: list[float] = self.plain[:plain].tolist()
        first = self.layout.start
        return found + [float(self.rows(slot)[example, slot - int(first[slot])]) for slot in range(batched)]
