"""The back end `native` for what runs often: kernels that are compiled for one graph.

One computes the values, one values and gradient in a single pass; each is compiled when it is needed first. They have
no numbers of their own, so any number of threads may run them.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

import numpy as np

from autograd.compiler.backends._cases import PYTHON_ROW, encoded, numbered
from autograd.compiler.backends._kernels import ENTRY_POINT, KERNEL_PARAMETERS, KernelGraph, StraightKernel
from autograd.compiler.backends._recurrences import RecurrenceKernel
from autograd.compiler.backends.jit import compiled_module, processor, with_vectors
from autograd.compiler.backends.numpy import MEMORIES_KEPT
from autograd.compiler.backends.python import ListMemory, StepProgram
from autograd.compiler.instructions import Array
from autograd.compiler.listing import NamedSlots as Named
from autograd.compiler.listing import listing, step_listing
from autograd.compiler.lowering import Lowering
from autograd.compiler.steps import GraphStep

OPTIMIZED = 4_000  # lines of a kernel, up to which LLVM takes its time: five times as long
LONGEST_OF_VECTORS = 20_000  # lines, whose names take a third of a megabyte of the stack
LONGEST = 100_000  # lines of LLVM IR of a kernel, which take half a second to compile


def level_of(lines: int) -> int:
    """Return how well LLVM is to compile a kernel: long ones as fast as it can."""
    return int(lines <= OPTIMIZED)


def can_be_compiled(steps: Sequence[GraphStep]) -> bool:
    """Whether all operations have words in LLVM, which a user's own ones do not have."""
    rows = numbered()
    return all(encoded(operation, rows)[0] != PYTHON_ROW for operation in {operation for operation, _ in steps})


class KernelMemory(ListMemory):
    """The numbers of the variables, of so many examples that the last vector is full, and what a kernel writes."""

    def __init__(self, program: KernelProgram, examples: int) -> None:
        graph = program.graph
        self.padded = -(-examples // graph.lanes) * graph.lanes
        super().__init__(program.sizes, program.layout, self.padded)
        self.examples = examples
        self.roots = np.zeros((len(graph.roots), self.padded))
        self.column = self.roots[:, 0]  # of the first example
        self.seeds = np.zeros(len(graph.roots))
        self.seeded: Sequence[float] | None = None  # what the seeds are, where they are known
        self.odd = np.zeros(self.padded // 8 + 1, dtype=np.uint8)
        stored = self.values, self.adjoints = np.zeros((2, graph.stored))  # of a kernel that stores them
        if graph.looped and not program.sizes[1]:
            self.plain, self.plain_adjoints = stored[:, : program.sizes[0]]
        self.view = memoryview(self.plain)  # type: ignore[arg-type]
        self.pack = Struct(f"{program.sizes[0]}d").pack_into  # writes a list faster than an array is assigned to
        buffers = [self.plain, self.batch, self.roots, self.seeds, self.plain_adjoints, self.batch_adjoints, self.odd]
        addresses = [buffer.ctypes.data for buffer in (*buffers, *stored)]
        self.addresses = np.array([*addresses, examples, self.padded], dtype=np.int64)
        self.call = self.addresses.ctypes.data
        starts = dict.fromkeys(map(int, program.layout.start))
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


class KernelProgram(StepProgram):
    """A graph's steps as compiled kernels."""

    backend = "native"
    takes_lists = True

    def __init__(self, lowering: Lowering, form: str = "steps") -> None:
        processor()  # which raises an error where nothing can be compiled
        super().__init__(lowering)
        self.lowering, self.listed = lowering, form
        self.constant_roots = [(n, float(root)) for n, root in enumerate(self.places) if not isinstance(root, int)]
        self.graph = KernelGraph(self.steps, self.sizes, self.places, self.batched, self.layout)
        arguments, wrt, plain = lowering.arguments, lowering.wrt, self.sizes[0]
        self.wanted: dict[str, list[int] | None] = {
            "forward": None,
            "captured": [*range(arguments, arguments + wrt)],
            "arguments": [*range(arguments), *range(plain, sum(self.sizes))],
        }
        self.seconds = 0.0  # that compilation took
        self._kernels: dict[str, tuple[Callable[[int], int], Any]] = {}
        self._memories: dict[int, KernelMemory] = {}
        self._of_thread = threading.local()
        self._lock = threading.Lock()

    def text(self, name: str) -> str:
        """Return a kernel as LLVM IR: "forward", or with the gradient by "captured" Values or by the "arguments"."""
        kernel = (RecurrenceKernel if self.graph.looped else StraightKernel)(self.graph, self.wanted[name])
        body = kernel.written()
        tables = [f"{table} = {numbers}" for numbers, table in kernel.tables.items()]
        head = f'define internal i64 @kernel({KERNEL_PARAMETERS}) nounwind "prefer-vector-width"="512" {{'
        return "\n".join([*tables, *kernel.functions, head, *body, "}", ENTRY_POINT])

    @property
    def source(self) -> str:
        """The source that runs: LLVM IR, of the value and the gradient."""
        return self.text("captured" if self.wanted["captured"] else "arguments")

    def lines(self) -> int | None:
        """Return how many lines of LLVM IR the kernel of value and gradient has; None where it is none to compile."""
        if not self.graph.fits:
            return None
        lines = self.source.count("\n")
        return lines if lines <= (LONGEST if self.graph.lanes == 1 else LONGEST_OF_VECTORS) else None

    def kernel(self, name: str) -> Callable[[int], int]:
        """Return a compiled kernel, a function of the address of its arguments."""
        found = self._kernels.get(name)
        if found is None:
            with self._lock:
                if name in self._kernels:  # another thread has compiled it
                    return self._kernels[name][0]
                start = time.thread_time()
                text = self.text(name)
                engine = compiled_module(with_vectors(text), level=level_of(text.count("\n")))
                run = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(engine.get_function_address("run"))
                found = self._kernels[name] = run, engine
                self.seconds += time.thread_time() - start
        return found[0]

    def memory(self, examples: int = 1) -> KernelMemory:
        """Return buffers for so many examples; those of the last few numbers are kept."""
        memory = self._memories.pop(examples, None)
        if memory is None:
            memory = KernelMemory(self, examples)
            while len(self._memories) >= MEMORIES_KEPT:
                del self._memories[next(iter(self._memories))]
        self._memories[examples] = memory
        return memory

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
        memory.results = self.kernel(name)(memory.call)
        return [
            memory.roots[number, : memory.examples].copy()
            if batched
            else float(memory.roots[number, 0] if isinstance(root, int) else root)
            for number, (root, batched) in enumerate(self.roots)
        ]

    # The same for floats and lists of floats, in any number of threads

    def values(self, variables: list[float]) -> list[float]:
        """Return the roots at these variables; raise what the eager engine would."""
        return self._quick(variables, "forward")[1]

    def values_and_adjoints(
        self, variables: list[float], seeds: Sequence[float]
    ) -> tuple[list[float], Sequence[float]]:
        """Return the roots at these variables, and the adjoints of these; raise what the eager engine would."""
        memory, found = self._quick(variables, "arguments", seeds)
        adjoints: list[float] = memory.plain_adjoints.tolist()
        return found, adjoints

    def _quick(
        self, variables: list[float], name: str, seeds: Sequence[float] | None = None
    ) -> tuple[KernelMemory, list[float]]:
        memory: KernelMemory | None = getattr(self._of_thread, "memory", None)
        if memory is None:
            memory = self._of_thread.memory = KernelMemory(self, 1)
        memory.pack(memory.view, 0, *variables)
        if seeds is not None and seeds is not memory.seeded:
            memory.seeds[:] = memory.seeded = seeds
        if self.kernel(name)(memory.call):
            self.replay(variables)
        found: list[float] = memory.column.tolist()
        for number, constant in self.constant_roots:
            found[number] = constant
        return memory, found

    def not_finite(self, memory: KernelMemory, roots: Sequence[Any]) -> list[int]:
        """Return the examples of the last run with a result that is not finite, though its operands are no nan."""
        if not memory.results:
            return []
        if not self.sizes[1]:
            return [0]
        odd = np.unpackbits(memory.odd, bitorder="little")[: memory.examples]
        return np.flatnonzero(odd).tolist() or [0]  # the first, where it is of none

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes, instructions, floating-point operations forward, and bytes of the buffers."""
        return self.counts(self.graph.size, 16 * (sum(self.sizes) + self.graph.stored))

    def listing(self, variables: Sequence[Named]) -> str:
        """List the program as it was before it was compiled, and what its kernels cost."""
        kernels = f"{len(self._kernels)} kernel{'s' * (len(self._kernels) != 1)} compiled in {self.seconds:.2f} s"
        if self.listed == "arrays":
            return f"{listing(self.lowering.code, variables, self.stats)}; {kernels}"
        return f"{step_listing(self.steps, sum(self.sizes), self.stats, 'of native code')}; {kernels}"
