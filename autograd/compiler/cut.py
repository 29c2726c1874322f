"""Back-end selection (the cut): which form of a graph is run, by which back end. This is the one place that decides.

A wide graph, with many operations alike for each one that waits for another, is worth array instructions; a narrow one,
such as a short formula or a recurrence, is run step by step, and what is repeated in it is a loop. With llvmlite a
program that has run for as long as native code takes to build is built as native code: so nothing pays for a compiler
that does not run often, and none ever costs more than twice what is best. Runs are counted and not timed: a program
with the same numbers takes the same way again.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from autograd.compiler._fold import DOTS
from autograd.compiler.backends import BACKENDS, RUNNERS, Runner
from autograd.compiler.backends.jit import check_room, load_llvmlite
from autograd.compiler.backends.kernel import KernelProgram, can_be_compiled, level_of
from autograd.compiler.listing import floating_point_operations
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program, Stage
from autograd.engine import collector_paused

NARROW = 48  # operands for each array instruction, below which plain Python is faster
NARROW_BATCH = 8  # the same where there are examples, and a step is one of arrays
DEEP = 100  # operations, one after the other, up to which they are worth an instruction each
SHORT = 500  # operations, up to which a kernel is compiled as soon as the virtual machine is loaded
LARGE = 20_000  # nodes, above which plain Python takes longer to write than the virtual machine to load
NOT_THERE = (ImportError, OSError, RuntimeError)  # what llvmlite raises that is missing, too old, or has no target here


@dataclass(frozen=True)
class Cost:
    """CPU time in nanoseconds of a run, forward and backward.

    Of each run, each line of NumPy or step on arrays, and for each example of each operation (an addition or a function
    value) and of each floating-point operation in products, such as `dot`.
    """

    run: float
    line: float
    operation: float
    product: float


# Measured by tests/benchmarks/native.py on an AMD EPYC of 2025 (AVX-512), one thread, with Python 3.11, NumPy 2.4 and
# LLVM 20: CPU time, medians over its programs. What is decided depends on ratios only.
COSTS = {
    ("numpy", "arrays"): Cost(8_000, 2_500, 4.0, 0.06),
    ("numpy", "steps"): Cost(8_000, 5_000, 6.0, 6.0),  # always of a batch
    ("python", "steps"): Cost(500, 0, 75.0, 20.0),
    ("native", "steps"): Cost(4_000, 0, 8.0, 2.0),
    ("native", "steps of a batch"): Cost(20_000, 0, 2.0, 1.0),
    ("native", "kernel"): Cost(1_500, 0, 2.5, 0.5),
    ("native", "kernel of a batch"): Cost(8_000, 0, 1.0, 0.1),
}
# The same for what native code costs before it runs: measured as the time of the first run, once in a process.
MACHINE_PRICE = 100e6  # what the virtual machine costs to load from the disk, with the import of llvmlite
KERNEL_PRICE = 20e6  # what a kernel costs to compile, with the import of llvmlite, and besides for each line of LLVM IR
KERNEL_LINE_PRICE = 9e3, 45e3  # by the level of optimisation
STEP_PRICE = 30e3  # what a step costs to be written as LLVM IR
GAIN = 0.8  # of the time of a run, above which another back end is not worth it


def compiled(lowering: Lowering, backend: str = "auto") -> Program:
    """Return a program for a graph by a back end, or by the one that is fastest for it."""
    check_backend(backend)
    native = backend == "native" or (backend == "auto" and _has_llvmlite())
    with collector_paused():
        runner = _first_runner(lowering, backend, native=native)
        return Program(runner, lowering, backend, _Stages(lowering, runner, backend).listed() if native else ())


def _reduce_program(program: Program) -> tuple[Any, ...]:
    """Return how to build a program again where it is loaded, from its graph."""
    return compiled, (program.lowering, program.asked), {"constant_results": program.constant_results}


copyreg.pickle(Program, _reduce_program)


def _first_runner(lowering: Lowering, backend: str, *, native: bool) -> Runner:
    """Return what runs a graph at first, or for ever."""
    batched = bool(lowering.batched)
    # A depth is given for narrow graphs only; and it is told by the graph as it was recorded. So what is narrow and has
    # no batch, such as a formula, is never folded.
    depth = lowering.depth(NARROW_BATCH if batched else NARROW)
    if depth is not None and backend == "auto" and not batched:
        if native and len(lowering.order) > LARGE and can_be_compiled(lowering.steps):
            with suppress(*NOT_THERE, MemoryError):
                return _made("native", "steps", lowering)
        return _made("python", "steps", lowering)
    # An array instruction for each step of a long recurrence would be a source of as many lines. As steps it is a loop;
    # with a batch each of its steps is one on arrays, which are wide enough by themselves.
    steps = depth is not None and depth > DEEP
    if backend == "auto":
        # A wide graph may have little alike, many kinds of operations at each depth; that is known when it is folded.
        narrow = not batched and not steps and lowering.folder.width <= NARROW
        backend = "python" if narrow else "numpy"
    return _made(backend, "steps" if steps or backend != "numpy" else "arrays", lowering)


def check_backend(backend: str) -> None:
    """Raise ValueError if there is no back end of this name, ImportError if what it needs is not installed."""
    if backend not in ("auto", *BACKENDS):
        names = ", ".join(map(repr, ("auto", *BACKENDS)))
        raise ValueError(f"compile takes a backend of {names}, got {backend!r}")
    if backend == "native":
        load_llvmlite()


@cache
def _has_llvmlite() -> bool:
    try:
        return find_spec("llvmlite") is not None
    except ValueError:  # something else of this name stands in its place
        return False


def _made(backend: str, form: str, lowering: Lowering) -> Runner:
    runner = next(runner for runner in RUNNERS if (runner.backend, runner.form) == (backend, form))
    made: Runner = runner(lowering)
    return made


class _Stages:
    """The back ends that may take a program over, and what runs cost before and after."""

    def __init__(self, lowering: Lowering, runner: Runner, backend: str) -> None:
        self.lowering, self.backend, self.form = lowering, backend, runner.form
        self.is_native = runner.backend == "native"
        self.batched = bool(lowering.batched)
        # Operations, and those in products, that are done once in a run and for each example. The steps of a graph that
        # was folded are made when they are needed, if ever.
        self.once, self.each = [0, 0], [0, 0]
        if runner.form == "arrays":
            for instruction in lowering.code.instructions:
                counted = self.each if instruction.batched else self.once
                counted[instruction.kind == "product"] += floating_point_operations(instruction)
            lines = len(lowering.code.instructions)
        else:
            for operation, terms in lowering.steps:
                self.each[operation in DOTS] += max(1, len(terms) - 1)
            lines = len(lowering.steps)
        self.now = self._cost((runner.backend, runner.form), lines)

    def _cost(self, key: tuple[str, str], lines: int = 0) -> Callable[[int], float]:
        """Return what a run costs, by the number of examples."""
        if key[0] == "native" and self.batched:
            key = "native", f"{key[1]} of a batch"
        cost = COSTS[key]
        plain, each = (cost.operation * some + cost.product * others for some, others in (self.once, self.each))
        run = cost.run + cost.line * lines + plain
        return lambda examples: run + each * examples

    @property
    def operations(self) -> int:
        """How many operations there are, of one example."""
        return sum(self.once) + sum(self.each)

    def listed(self) -> list[Callable[[], Stage]]:
        """Return what makes the stages, in their order."""
        machine = not self.is_native and self.operations > SHORT
        return [*([self._machine] if machine else []), self._kernel]

    def _stage(
        self, price: float, before: Callable[[int], float], after: Callable[[int], float], make: Callable[[], Any]
    ) -> Stage:
        def run(examples: int) -> float:
            cost = before(examples)
            return cost if after(examples) < GAIN * cost else 0.0

        def made() -> Any:
            try:
                return make() if can_be_compiled(self.lowering.steps) else None
            except MemoryError:  # there is none to compile in
                return None
            except NOT_THERE:  # then all stays as it is
                if self.backend == "auto":
                    return None
                raise

        return Stage(price, run, made)

    def _machine(self) -> Stage:
        before, after = self.now, self._cost(("native", "steps"))

        def make() -> Runner:
            self.now = after
            return _made("native", "steps", self.lowering)

        return self._stage(MACHINE_PRICE, before, after, make)

    def _kernel(self) -> Stage:
        before, after = self.now, self._cost(("native", "kernel"))
        written = KERNEL_PRICE + STEP_PRICE * self.operations

        def make() -> Runner | Stage | None:
            kernel = KernelProgram(self.lowering, self.form)
            lines = kernel.lines()
            if lines is None:
                return None
            level = level_of(lines)

            def made() -> Any:
                check_room(lines, level)  # before it takes over, since it compiles in its first run
                return kernel

            return self._stage(KERNEL_LINE_PRICE[level] * lines, before, after, made)

        return self._stage(written, before, after, make)
