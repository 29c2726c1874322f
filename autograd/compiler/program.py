"""A program: source that replays instructions on buffers of numbers.

All numbers live in one buffer, and those that differ from example to example in a second one, with a leading batch
axis; two more hold their adjoints. Operands are views of the buffers, made once for each number of examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.compiler.fold import Folded
from autograd.compiler.listing import Block, floating_point_operations, listing
from autograd.compiler.writer import Writer

KEPT = 4  # numbers of examples of which the buffers are kept


class Memory:
    """The buffers of a program for one number of examples, and the names by which its source knows their views."""

    def __init__(self, folded: Folded, writer: Writer, examples: int) -> None:
        plain, batched = folded.slots
        self.plain, self.plain_adjoints = np.zeros(plain), np.zeros(plain)
        self.batch, self.batch_adjoints = np.zeros((examples, batched)), np.zeros((examples, batched))
        start, constants = folded.constants
        self.plain[start : start + len(constants)] = constants
        self.tick = -1  # of the recording's clock, when the data of Values was read last
        self.names = dict(writer.fixed)
        self.names |= {"plain": self.plain, "plain_": self.plain_adjoints}
        self.names |= {"batch": self.batch, "batch_": self.batch_adjoints}
        for name, view in writer.views.items():
            self.names[name] = view.of(self.batch if view.batched else self.plain)
        for name, view in writer.adjoints.items():
            self.names[name] = view.of(self.batch_adjoints if view.batched else self.plain_adjoints, adjoint=True)


class Program:
    """Instructions that can be replayed: numbers in, values and adjoints out, without Python work for each node.

    `print(program)` lists the instructions, `source` is the NumPy code that runs, and `stats` has the numbers.
    """

    def __init__(self, folded: Folded, variables: Sequence[Block]) -> None:
        self.folded = folded
        self.roots = folded.roots
        self.variables = variables
        self.writer = Writer(folded.instructions)
        self.source = "\n".join([*self.writer.forward, "", *self.writer.backward])
        self._forward = compile("\n".join(self.writer.forward) or "pass", "<forward program>", "exec")
        self._backward = compile("\n".join(self.writer.backward) or "pass", "<backward program>", "exec")
        self._memories: dict[int, Memory] = {}

    def memory(self, examples: int = 1) -> Memory:
        """Return buffers for this many examples; those of the last few numbers are kept."""
        memory = self._memories.pop(examples, None)
        if memory is None:
            memory = Memory(self.folded, self.writer, examples)
            while len(self._memories) >= KEPT:
                del self._memories[next(iter(self._memories))]
        self._memories[examples] = memory
        return memory

    def forward(self, memory: Memory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example.

        Where one is not finite and the eager engine would have raised an error on the way, the same error is raised.
        """
        with np.errstate(all="ignore"):
            exec(self._forward, memory.names)
        found = [
            slot if not isinstance(slot, int) else memory.batch[:, slot] if batched else float(memory.plain[slot])
            for slot, batched in self.folded.roots
        ]
        if not all(np.all(np.isfinite(value)) for value in found):
            self._raise_as_eager_would(memory)
        return found

    def backward(self, memory: Memory, seeds: Sequence[Any]) -> None:
        """Compute the adjoints of all numbers, for the sum of the roots times their seeds."""
        memory.plain_adjoints.fill(0.0)
        memory.batch_adjoints.fill(0.0)
        for (slot, batched), seed in zip(self.folded.roots, seeds, strict=True):
            if isinstance(slot, int):
                adjoints = memory.batch_adjoints[:, slot] if batched else memory.plain_adjoints[slot : slot + 1]
                adjoints += seed
        with np.errstate(all="ignore"):
            exec(self._backward, memory.names)

    def _raise_as_eager_would(self, memory: Memory) -> None:
        for instruction in self.folded.instructions:
            buffer = memory.batch if instruction.batched else memory.plain[None]
            results = buffer[:, instruction.start : instruction.start + instruction.count]
            for example, position in np.argwhere(~np.isfinite(results)):
                if instruction.operation is None or instruction.operation.arity is None:
                    break
                numbers = []
                for operand in instruction.operands:
                    if operand.constants is not None:
                        numbers.append(float(operand.constants[position]))
                    else:
                        row = memory.batch[example] if operand.batched else memory.plain
                        numbers.append(float(row[operand.slots[position]]))
                instruction.operation.evaluate(numbers)

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        operations = sum(floating_point_operations(instruction) for instruction in self.folded.instructions)
        return {
            "nodes": self.folded.nodes,
            "instructions": len(self.folded.instructions),
            "operations": operations,
            "bytes": 16 * sum(self.folded.slots),
        }

    def __str__(self) -> str:
        """List the instructions: result, operands with their shapes, and how many nodes each stands for."""
        shapes = [self.writer.views[f"y{number}"].shape for number in range(len(self.folded.instructions))]
        return listing(self.folded, self.variables, shapes, self.stats)
