"""Back-end selection (the cut): which form of a graph is run, by which back end. This is the one place that decides.

A wide graph, with many operations alike for each one that waits for another, is worth array instructions; a narrow one,
such as a short formula or a recurrence, is run step by step, and what is repeated in it is a loop.
"""

from __future__ import annotations

from typing import Any

from autograd.compiler.backends import BACKENDS, RUNNERS
from autograd.compiler.backends.jit import load_llvmlite
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program

NARROW = 48  # operands for each array instruction, below which plain Python is faster
NARROW_BATCH = 8  # the same where there are examples, and a step is one of arrays
DEEP = 100  # operations, one after the other, up to which they are worth an instruction each for a batch
VERY_DEEP = 5_000  # the same without a batch


def compiled(lowering: Lowering, backend: str = "auto") -> Program:
    """Return a program for a graph by a back end, or by the one that is fastest for it."""
    check_backend(backend)
    batched = bool(lowering.batched)
    # A depth is given for narrow graphs only; and it is told by the graph as it was recorded. So what is narrow and has
    # no batch, such as a formula, is never folded.
    depth = lowering.depth(NARROW_BATCH if batched else NARROW)
    if depth is not None and backend == "auto" and not batched:
        return Program(_runner("python", "steps")(lowering), lowering)
    # An array instruction for each step of a long recurrence would be a source of as many lines. As steps it is a loop;
    # with a batch each of its steps is one on arrays, which are wide enough by themselves.
    steps = depth is not None and depth > (DEEP if batched else VERY_DEEP)
    if backend == "auto":
        # A wide graph may have little alike, many kinds of operations at each depth; that is known when it is folded.
        narrow = not batched and not steps and lowering.folder.width <= NARROW
        backend = "python" if narrow else "numpy"
    form = "steps" if steps or backend != "numpy" else "arrays"
    return Program(_runner(backend, form)(lowering), lowering)


def check_backend(backend: str) -> None:
    """Raise ValueError if there is no back end of this name, ImportError if what it needs is not installed."""
    if backend not in ("auto", *BACKENDS):
        names = ", ".join(map(repr, ("auto", *BACKENDS)))
        raise ValueError(f"compile takes a backend of {names}, got {backend!r}")
    if backend == "native":
        load_llvmlite()


def _runner(backend: str, form: str) -> type[Any]:
    return next(runner for runner in RUNNERS if (runner.backend, runner.form) == (backend, form))
