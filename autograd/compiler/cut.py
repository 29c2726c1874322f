"""Back-end selection (the cut): which form of a graph is run, by which back end. This is the one place that decides.

A wide graph, with many operations alike for each one that waits for another, is worth array instructions; a narrow one,
such as a short formula or a recurrence, is run step by step, and what is repeated in it is a loop. With llvmlite a
program that has run for as long as native code takes to build is built as native code: so nothing pays for a compiler
that does not run often, and none ever costs more than twice what is best. Runs are counted and not timed: a program
with the same numbers takes the same way again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from autograd.compiler.backends import BACKENDS, RUNNERS, Runner
from autograd.compiler.backends.jit import load_llvmlite
from autograd.compiler.backends.kernel import KernelProgram, can_be_compiled
from autograd.compiler.listing import floating_point_operations
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program, Stage

NARROW = 48  # operands for each array instruction, below which plain Python is faster
NARROW_BATCH = 8  # the same where there are examples, and a step is one of arrays
DEEP = 100  # operations, one after the other, up to which they are worth an instruction each for a batch
VERY_DEEP = 5_000  # the same without a batch
LARGE = 5_000  # steps that plain Python takes longer to build than the virtual machine takes to load


@dataclass(frozen=True)
class Cost:
    """CPU time in nanoseconds of a run forward and backward: of each call, each line or step, and each operation."""

    call: float
    line: float
    operation: float


# Measured by tests/benchmarks/native.py on an AMD EPYC of 2025 (AVX-512) with Python 3.11 and NumPy 2: medians over
# its programs, an operation being one addition, product or function of one example. Only ratios matter here.
COSTS = {
    # back end, whether there is a batch: a call, a line or step, an operation
    ("numpy", "arrays"): Cost(2_000, 2_500, 4.0),
    ("numpy", "steps"): Cost(2_000, 5_000, 6.0),  # always of a batch
    ("python", "steps"): Cost(500, 0, 75.0),
    ("native", "steps"): Cost(4_000, 0, 8.0),
    ("native", "steps of a batch"): Cost(20_000, 0, 3.0),
    ("native", "kernel"): Cost(1_500, 0, 2.5),
    ("native", "kernel of a batch"): Cost(2_000, 0, 0.6),
}
PRODUCT = 0.3  # an operation in a product of matrices, by BLAS
MACHINE_PRICE = 100e6  # what the virtual machine costs to load from the disk, with the import of llvmlite
KERNEL_PRICE = 20e6  # what a kernel costs to compile, with the import of llvmlite, and besides for each line of LLVM IR
KERNEL_LINE_PRICE = 30e3
STEP_PRICE = 20e3  # what a step costs to be written as LLVM IR
GAIN = 0.8  # of the time of a run, above which another back end is not worth it


def compiled(lowering: Lowering, backend: str = "auto") -> Program:
    """Return a program for a graph by a back end, or by the one that is fastest for it."""
    check_backend(backend)
    native = backend == "native" or (backend == "auto" and _has_llvmlite())
    runner = _first_runner(lowering, backend, native=native)
    return Program(runner, lowering, backend, _Stages(lowering, runner, backend).listed() if native else ())


def _first_runner(lowering: Lowering, backend: str, *, native: bool) -> Runner:
    """Return what runs a graph at first, or for ever."""
    batched = bool(lowering.batched)
    # A depth is given for narrow graphs only; and it is told by the graph as it was recorded. So what is narrow and has
    # no batch, such as a formula, is never folded.
    depth = lowering.depth(NARROW_BATCH if batched else NARROW)
    if depth is not None and backend == "auto" and not batched:
        return _made("python", "steps", lowering)
    # An array instruction for each step of a long recurrence would be a source of as many lines. As steps it is a loop;
    # with a batch each of its steps is one on arrays, which are wide enough by themselves.
    steps = depth is not None and depth > (DEEP if batched else VERY_DEEP)
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
        self.batched = bool(lowering.batched)
        self.operations = sum([max(1, len(terms) - 1) for _, terms in lowering.steps])
        self.now = self._cost_of(runner)

    def _cost(self, key: tuple[str, str], lines: int = 0) -> Callable[[int], float]:
        """Return what a run costs, by the number of examples."""
        cost, operations = COSTS[key], self.operations
        return lambda examples: cost.call + cost.line * lines + cost.operation * operations * examples

    def _cost_of(self, runner: Runner) -> Callable[[int], float]:
        if runner.backend == "native":
            return self._native("steps")
        if runner.form == "steps":
            return self._cost((runner.backend, "steps"), len(self.lowering.steps))
        cost, instructions = COSTS["numpy", "arrays"], self.lowering.code.instructions
        plain = cost.call + cost.line * len(instructions)
        each = 0.0
        for instruction in instructions:
            spent = floating_point_operations(instruction) * (
                PRODUCT if instruction.kind == "product" else cost.operation
            )
            if instruction.batched:
                each += spent
            else:
                plain += spent
        return lambda examples: plain + each * examples

    def _native(self, form: str) -> Callable[[int], float]:
        return self._cost(("native", f"{form} of a batch" if self.batched else form))

    def listed(self) -> list[Callable[[], Stage | None]]:
        """Return what makes the stages, in their order."""
        if not can_be_compiled(self.lowering.steps):
            return []
        machine = self.backend == "auto" and self.operations * (1 + self.batched) > 500
        return [*([self._machine] if machine else []), self._kernel]

    def _stage(
        self, price: float, before: Callable[[int], float], after: Callable[[int], float], make: Callable[[], Any]
    ) -> Stage:
        def run(examples: int) -> float:
            cost = before(examples)
            return cost if after(examples) < GAIN * cost else 0.0

        def made() -> Any:
            try:
                return make()
            except (ImportError, OSError, RuntimeError):  # of llvmlite: then all stays as it is
                if self.backend == "auto":
                    return None
                raise

        return Stage(price, run, made)

    def _machine(self) -> Stage:
        before, after = self.now, self._native("steps")

        def make() -> Runner:
            self.now = after
            return _made("native", "steps", self.lowering)

        return self._stage(MACHINE_PRICE, before, after, make)

    def _kernel(self) -> Stage:
        before, after = self.now, self._native("kernel")
        written = KERNEL_PRICE + STEP_PRICE * len(self.lowering.steps)

        def make() -> Runner | Stage | None:
            kernel = KernelProgram(self.lowering, self.form)
            lines = kernel.lines()
            if lines is None:
                return None
            return self._stage(KERNEL_LINE_PRICE * lines, before, after, lambda: kernel)

        return self._stage(written, before, after, make)
