"""The cut: which graph becomes arrays, which becomes blocks of steps, and which back end runs it.

This is the one place that decides. A wide graph, with many operations alike for each one that waits for another, is
worth array instructions; a narrow one, such as a short formula or a recurrence, is a list of steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd import rules
from autograd.compiler.backends.numpy import NumpyProgram
from autograd.compiler.backends.python import ListProgram
from autograd.compiler.fold import CHAINS, DOTS, Folder
from autograd.compiler.listing import Block
from autograd.compiler.place import placed
from autograd.compiler.program import Program
from autograd.compiler.steps import steps_of
from autograd.value import Value

BACKENDS = ("auto", "numpy", "python")
NARROW = 48  # operands for each array instruction, below which plain Python is faster
NARROW_BATCH = 8  # the same where there are examples, and a step is one of arrays
DEEP = 100  # instructions, one after the other, up to which they are written out for a batch
BEGINNING = 5_000  # nodes by which a wide graph is known
NOT_DEEPER = {*CHAINS, *DOTS, rules.mean}  # operations that may be folded into those that use them


def compiled(
    blocks: Sequence[Block],
    order: Sequence[Value],
    roots: Sequence[Value],
    variables: Sequence[Value],
    batched: Sequence[Value],
    arguments: int,
    wrt: int,
    backend: str,
) -> Program:
    """Return a program for a sorted graph by a back end, or by the one that is fastest for it."""
    everything = [*variables, *batched]
    starts = [(start, count) for _, start, count, flag in blocks if flag and count]

    def graph() -> tuple[Sequence[Value], Sequence[Value]]:
        return order, everything

    def by_steps(name: str, arrays: bool) -> Program:
        steps, place = steps_of(order, everything)
        found = [place.get(root, root._datum) for root in roots]
        sizes = len(variables), len(batched)

        runner = ListProgram(steps, found, sizes, starts, arrays)
        return Program(runner, name, blocks, graph)

    narrow = _is_narrow(order, everything, NARROW_BATCH if batched else NARROW)
    if backend == "python" or (backend == "auto" and narrow and not batched):
        return by_steps("python", arrays=False)
    if narrow is not None and narrow > (DEEP if batched else 50 * DEEP):
        return by_steps("numpy", arrays=True)
    folder = Folder(variables, batched)
    folder.add(order, roots)
    if backend == "auto" and not batched and folder.width <= NARROW:
        return by_steps("python", arrays=False)
    code = placed(folder, roots)
    code.blocks = [*starts, *code.blocks]
    return Program(NumpyProgram(code, arguments, wrt), "numpy", blocks, graph)


def _is_narrow(order: Sequence[Value], variables: Sequence[Value], width: int) -> int | None:
    """Return the longest way through a graph, if it is plain before folding that it has little alike."""
    depth = dict.fromkeys(variables, 0)
    operands = longest = 0
    for number, node in enumerate(order):
        if node.op is not None:
            parents = node.parents
            below = [depth[parent] for parent in parents if parent in depth]
            if below:
                depth[node] = deep = max(below) + (node.op not in NOT_DEEPER)
                operands += len(parents)
                longest = max(longest, deep)
        if number == BEGINNING and operands > width * longest:
            return None  # what begins wide is looked at no further
    return longest if longest and operands <= width * longest else None
