"""The back end `native` for what runs often: a kernel compiled for the graph.

A kernel for the value, and one for each kind of gradient, which computes both in one pass; each is compiled when it is
needed first, so a program that is never differentiated costs one.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.compiler.backends._kernels import PARAMETERS, KernelGraph, Straight
from autograd.compiler.backends._recurrences import Recurrence
from autograd.compiler.backends.jit import compiled_module, with_vectors
from autograd.compiler.backends.python import ListMemory, batched_places
from autograd.compiler.instructions import Array
from autograd.compiler.listing import NamedSlots as Named
from autograd.compiler.listing import count
from autograd.compiler.lowering import Lowering
from autograd.compiler.steps import replay
from autograd.compiler.views import Layout


class KernelMemory(ListMemory):
    """The numbers of the variables, of so many examples that the last vector is full, and what a kernel writes."""

    def __init__(self, program: KernelProgram, examples: int) -> None:
        graph = program.graph
        self.padded = -(-examples // graph.lanes) * graph.lanes
        super().__init__(program.sizes, program.layout, self.padded)
        self.examples = examples
        self.roots = np.zeros((len(graph.roots), self.padded))
        self.seeds = np.zeros(len(graph.roots))
        self.odd = np.zeros(self.padded // 8 + 1, dtype=np.uint8)
        self.stored = np.zeros((2, graph.stored))  # values and adjoints, of a kernel that stores them
        if graph.looped and graph.lanes == 1:
            self.plain, self.plain_adjoints = self.stored[:, : program.sizes[0]]
        buffers = [self.plain, self.batch, self.roots, self.seeds, self.plain_adjoints, self.batch_adjoints, self.odd]
        self.call = [*[buffer.ctypes.data for buffer in [*buffers, *self.stored]], examples, self.padded]
        starts = dict.fromkeys(int(start) for start in program.layout.start)
        self.blocks = [self._whole(slot) for slot in starts] if self.padded > examples else []

    def rows(self, slot: int, *, adjoint: bool = False) -> Array:
        """Return the block of a batched slot, such as an argument, with a row for each example."""
        return self._whole(slot, adjoint=adjoint)[: self.examples]

    def _whole(self, slot: int, *, adjoint: bool = False) -> Array:
        return self.layout.block(slot, self.batch_adjoints if adjoint else self.batch, self.padded)

    def fill(self) -> None:
        """Have what is beyond the last example repeat it."""
        for block in self.blocks:
            block[self.examples :] = block[self.examples - 1]


class KernelProgram:
    """A graph's steps as compiled kernels."""

    backend = "native"
    form = "kernel"

    def __init__(self, lowering: Lowering) -> None:
        self.steps, self.sizes = lowering.steps, lowering.sizes
        places = lowering.places
        flags = batched_places(self.steps, self.sizes)
        self.roots = [(root, isinstance(root, int) and flags[root]) for root in places]
        self.layout = Layout(lowering.together, self.sizes[1], self.sizes)
        self.graph = KernelGraph(self.steps, self.sizes, places, flags, self.layout)
        arguments, wrt, plain = lowering.arguments, lowering.wrt, self.sizes[0]
        self.wanted: dict[str, list[int] | None] = {
            "forward": None,
            "captured": [*range(arguments, arguments + wrt)],
            "arguments": [*range(arguments), *range(plain, sum(self.sizes))],
        }
        self._kernels: dict[str, tuple[Callable[..., int], Any]] = {}
        self._memory: KernelMemory | None = None

    def _source(self, name: str) -> str:
        kernel = (Recurrence if self.graph.looped else Straight)(self.graph, self.wanted[name])
        body = kernel.written()
        tables = [f"{table} = {numbers}" for numbers, table in kernel.tables.items()]
        head = f'define i64 @run({PARAMETERS}) nounwind "prefer-vector-width"="512" {{'
        return "\n".join([*tables, head, *body, "}"])

    @property
    def source(self) -> str:
        """The source that runs: LLVM IR, of the value and the gradient."""
        return self._source("captured" if self.wanted["captured"] else "arguments")

    def kernel(self, name: str) -> Callable[..., int]:
        """Return a compiled kernel."""
        if name not in self._kernels:
            engine = compiled_module(with_vectors(self._source(name)), level=1)
            kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 9, ctypes.c_int64, ctypes.c_int64)
            self._kernels[name] = kind(engine.get_function_address("run")), engine
        return self._kernels[name][0]

    def memory(self, examples: int = 1) -> KernelMemory:
        """Return where the numbers of so many examples are; the latest is kept."""
        if self._memory is None or self._memory.examples != examples:
            self._memory = KernelMemory(self, examples)
        return self._memory

    def forward(self, memory: KernelMemory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example."""
        return self._run("forward", memory)

    def both(self, memory: KernelMemory, seeds: Sequence[float], by: str) -> list[Any]:
        """Compute the roots and, in the same pass, the adjoints."""
        memory.seeds[:] = seeds
        return self._run(by, memory)

    def backward(self, memory: KernelMemory, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints of the variables, for the sum of the roots times their seeds."""
        self.both(memory, seeds, by)

    def _run(self, name: str, memory: KernelMemory) -> list[Any]:
        memory.fill()
        memory.results = self.kernel(name)(*memory.call)
        return [
            memory.roots[number, : memory.examples].copy()
            if batched
            else float(memory.roots[number, 0] if isinstance(root, int) else root)
            for number, (root, batched) in enumerate(self.roots)
        ]

    def not_finite(self, memory: KernelMemory, roots: Sequence[Any]) -> list[int]:
        """Return the examples of the last run with a result that is not finite, though its operands are no nan."""
        if not memory.results:
            return []
        if not self.sizes[1]:
            return [0]
        return [*np.flatnonzero(np.unpackbits(memory.odd, bitorder="little")[: memory.examples])] or [0]

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes, instructions, floating-point operations forward, and bytes of the buffers."""
        nodes = len(self.steps)
        operations = sum(max(1, len(operands) - 1) for _, operands in self.steps)
        size = 16 * (sum(self.sizes) + self.graph.stored)
        return {"nodes": nodes, "instructions": self.graph.size, "operations": operations, "bytes": size}
