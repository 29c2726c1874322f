"""Loop detection: a recurrence in a graph is one block of operations, repeated; it is found, to be written once.

Operation for operation the block's operands are those of the block before it, moved on by a fixed number of places:
by as many as the block has results (what is computed in turn), by none (a parameter) or by any other number (one of
many inputs). Constants may differ from block to block, and so may the places of variables, in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd.compiler.instructions import Affine, IndexTable, Moving
from autograd.compiler.steps import GraphStep
from autograd.rules import Operation

LEAST = 4  # repetitions
CANDIDATES = 64  # lengths of blocks that are tried


@dataclass
class Loop:
    """A block of steps that is repeated, from the step `start` on, whose first result has the place `place`."""

    start: int
    place: int
    operations: list[Operation]
    operands: list[list[Moving]]  # for each operation
    repetitions: int

    @property
    def stop(self) -> int:
        """The first step after the loop."""
        return self.start + len(self.operations) * self.repetitions

    @property
    def in_order(self) -> bool:
        """Whether no block needs a number of its own before it has it, nor one that stays is made in the loop."""
        length, last = len(self.operations), self.repetitions - 1
        return all(
            not isinstance(operand, Affine)
            or operand.stride == length
            or (operand.first < self.place and operand.first + last * operand.stride < self.place + last * length)
            for operands in self.operands
            for operand in operands
        )

    def without_first(self) -> Loop:
        """Return the loop from its second repetition on."""
        length = len(self.operations)
        moved = [list(map(_without_first, operands)) for operands in self.operands]
        return Loop(self.start + length, self.place + length, self.operations, moved, self.repetitions - 1)


def _without_first(operand: Moving) -> Moving:
    if isinstance(operand, list):
        return operand[1:]
    if isinstance(operand, IndexTable):
        return IndexTable(operand.slots[1:])
    return Affine(operand.first + operand.stride, operand.stride)


def find_loops(steps: Sequence[GraphStep], variables: int) -> list[Loop]:
    """Return the loops among steps, in their order; they do not overlap. The variables have the first places.

    >>> from autograd import rules
    >>> [loop] = find_loops([(rules.sin, [place]) for place in range(10)], 1)
    >>> loop.repetitions, loop.operands
    (10, [[Affine(first=0, stride=1)]])
    """
    numbers: dict[Any, int] = {}
    kinds = np.array([numbers.setdefault((op, *map(type, terms)), len(numbers)) for op, terms in steps], dtype=np.intp)
    windows = _windows(kinds)
    found: list[Loop] = []
    # What is beside a loop is searched again. Where there is none around the middle of a part, none is looked for: a
    # recurrence that is worth a loop makes up most of its graph, and a graph without one costs a single look.
    parts = [(0, len(steps))]
    while parts:
        start, stop = parts.pop()
        loop = _longest(steps, windows, (start, stop), variables) if stop - start >= LEAST else None
        if loop is not None:
            found.append(loop)
            parts += [(start, loop.start), (loop.stop, stop)]
    return sorted(found, key=lambda loop: loop.start)


def _windows(kinds: NDArray[np.intp]) -> list[NDArray[np.uint64]]:
    """Return the kinds of steps, and hashes of 8, 64, 512, ... of them in turn: a long block is known by a long window.

    A hash that says too much, by chance, costs time and nothing else, since what it finds is verified.
    """
    hashes = kinds.astype(np.uint64)
    windows, size = [hashes], 1
    while size * 8 < len(hashes):
        # Doubled three times: the hash of 2 n steps is made of those of the n from here and of the n that follow.
        for _ in range(3):
            ahead = np.concatenate([hashes[size:], np.zeros(min(size, len(hashes)), dtype=np.uint64)])
            hashes = (hashes * np.uint64(0x9E3779B97F4A7C15) ^ ahead) * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(1)
            size *= 2
        windows.append(hashes)
    return windows


def _longest(
    steps: Sequence[GraphStep], windows: Sequence[NDArray[np.uint64]], part: tuple[int, int], variables: int
) -> Loop | None:
    """Return a loop around the middle of a part of the steps, if it has one that is worth it."""
    start, stop = part
    middle = (start + stop) // 2
    kinds = windows[0]
    # A block is as long as the distance from the middle to a later step from which the operations are the same again.
    # By single steps there are too many of these where an operation is frequent in a block; windows of many steps leave
    # few. So of each size the nearest are tried, the shortest distance first.
    again = [np.flatnonzero(alike[middle + 1 : stop] == alike[middle])[:CANDIDATES] + 1 for alike in windows]
    for length in np.unique(np.concatenate(again)).tolist():
        # The loop reaches as far around the middle as each step is of the same kind as the one a block later.
        different = np.flatnonzero(kinds[start : stop - length] != kinds[start + length : stop]) + start
        before, after = different[different < middle], different[different >= middle]
        first = int(before[-1]) + 1 if len(before) else start
        last = (int(after[0]) if len(after) else stop - length) + length
        if last - first < LEAST * length:
            continue
        first += (middle - first) % length  # so that a repetition begins in the middle
        repetitions, here = (last - first) // length, (middle - first) // length
        near = max(0, min(here - 2, repetitions - LEAST))  # a few of them tell soon whether it is worth a look at all
        few = first + near * length, length, min(LEAST, repetitions - near), here - near
        if repetitions < LEAST or _verified(steps, *few, variables) is None:
            continue
        loop = _verified(steps, first, length, repetitions, here, variables)
        if loop is not None:
            loop.place += variables
            loop = loop if loop.in_order else loop.without_first()
            if loop.in_order and loop.repetitions >= LEAST:
                return loop
    return None


def _verified(
    steps: Sequence[GraphStep], first: int, length: int, repetitions: int, middle: int, variables: int
) -> Loop | None:
    """Return the loop of those repetitions around the middle one whose operands follow each other regularly."""
    starts = range(first, first + length * repetitions, length)
    columns = list(zip(*[[term for _, terms in steps[n : n + length] for term in terms] for n in starts], strict=True))
    middle = min(middle, repetitions - 2)
    # An operand moves by one stride from each repetition to the next; where it does not, the loop ends. A variable
    # alone may jump, as an input that is looked up in a table does: it is read by an index, and depends on no step.
    places = np.array([column for column in columns if isinstance(column[0], int)], dtype=np.intp)
    strides = np.diff(places)
    alike = strides == strides[:, middle, None]
    jumps = ~alike.all(axis=1) & (places.max(axis=1) < variables)
    breaks = np.flatnonzero(~alike[~jumps].all(axis=0))  # from each repetition to the next
    before, after = breaks[breaks < middle], breaks[breaks > middle]
    low = int(before[-1]) + 1 if len(before) else 0
    high = (int(after[0]) if len(after) else repetitions - 1) + 1
    if high - low < LEAST:
        return None
    moving = iter(
        [
            IndexTable(column[low:high].tolist()) if jump else Affine(int(column[low]), int(stride))
            for column, stride, jump in zip(places, strides[:, middle], jumps, strict=True)
        ]
    )
    operands = iter([next(moving) if isinstance(column[0], int) else list(column[low:high]) for column in columns])
    block = steps[first : first + length]
    listed: list[list[Any]] = [list(islice(operands, len(terms))) for _, terms in block]
    start = first + low * length
    return Loop(start, start, [operation for operation, _ in block], listed, high - low)
