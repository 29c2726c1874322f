"""Loops: a recurrence in a graph is one block of operations, over and over; it is found, to be written once.

Operation for operation the block's operands are those of the block before it, moved on by a fixed number of places:
by as many as the block has results (what is computed in turn), by none (a parameter) or by any other number (one of
many inputs). Constants may differ from block to block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd.compiler.instructions import Affine
from autograd.compiler.steps import Step
from autograd.operation import Operation

LEAST = 4  # repetitions
CANDIDATES = 64  # lengths of blocks that are tried


@dataclass
class Loop:
    """A block of steps that is repeated, from the step `start` on, whose first result has the place `place`."""

    start: int
    place: int
    operations: list[Operation]
    operands: list[list[Affine | list[float]]]  # for each operation; a list has the constants of all repetitions
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
            isinstance(operand, list)
            or operand.stride == length
            or (operand.first < self.place and operand.first + last * operand.stride < self.place + last * length)
            for operands in self.operands
            for operand in operands
        )

    def without_first(self) -> Loop:
        """Return the loop from its second repetition on."""
        length = len(self.operations)
        moved: list[list[Affine | list[float]]] = [
            [
                operand[1:] if isinstance(operand, list) else Affine(operand.first + operand.stride, operand.stride)
                for operand in operands
            ]
            for operands in self.operands
        ]
        return Loop(self.start + length, self.place + length, self.operations, moved, self.repetitions - 1)


def find_loops(steps: Sequence[Step], variables: int) -> list[Loop]:
    """Return the loops among steps, in their order; they do not overlap. The variables have the first places.

    >>> from autograd import rules
    >>> [loop] = find_loops([(rules.sin, [place]) for place in range(10)], 1)
    >>> loop.repetitions, loop.operands
    (10, [[Affine(first=0, stride=1)]])
    """
    numbers: dict[Any, int] = {}
    kinds = np.array([numbers.setdefault((op, *map(type, terms)), len(numbers)) for op, terms in steps], dtype=np.intp)
    found: list[Loop] = []
    parts = [(0, len(steps))]
    while parts:
        start, stop = parts.pop()
        loop = _longest(steps, kinds, (start, stop), variables) if stop - start >= LEAST else None
        if loop is not None:
            found.append(loop)
            parts += [(start, loop.start), (loop.stop, stop)]
    return sorted(found, key=lambda loop: loop.start)


def _longest(steps: Sequence[Step], kinds: NDArray[np.intp], part: tuple[int, int], variables: int) -> Loop | None:
    """Return a loop around the middle of a part of the steps, if it has one that is worth it."""
    start, stop = part
    middle = (start + stop) // 2
    again = np.flatnonzero(kinds[middle + 1 : stop] == kinds[middle])[:CANDIDATES] + 1
    for length in again.tolist():
        different = np.flatnonzero(kinds[start : stop - length] != kinds[start + length : stop]) + start
        before, after = different[different < middle], different[different >= middle]
        first = int(before[-1]) + 1 if len(before) else start
        last = (int(after[0]) if len(after) else stop - length) + length
        if last - first < LEAST * length:
            continue
        first += (middle - first) % length  # so that a repetition begins in the middle
        repetitions, here = (last - first) // length, (middle - first) // length
        near = max(0, min(here - 2, repetitions - LEAST))  # a few of them tell soon whether it is worth a look at all
        if (
            repetitions < LEAST
            or _verified(steps, first + near * length, length, min(LEAST, repetitions - near), here - near) is None
        ):
            continue
        loop = _verified(steps, first, length, repetitions, here)
        if loop is not None:
            loop.place += variables
            loop = loop if loop.in_order else loop.without_first()
            if loop.in_order and loop.repetitions >= LEAST:
                return loop
    return None


def _verified(steps: Sequence[Step], first: int, length: int, repetitions: int, middle: int) -> Loop | None:
    """Return the loop of those repetitions around the middle one whose operands follow each other regularly."""
    columns: list[list[Any]] = []
    regular = np.ones(repetitions - 1, dtype=bool)  # from each repetition to the next
    middle = min(middle, repetitions - 2)
    for offset in range(length):
        block = steps[first + offset : first + offset + length * repetitions : length]
        columns.append([])
        for column in zip(*[terms for _, terms in block], strict=True):
            if isinstance(column[0], int):
                places = np.array(column)
                strides = np.diff(places)
                regular &= strides == strides[middle]
                columns[-1].append((places, int(strides[middle])))
            else:
                columns[-1].append(column)
    breaks = np.flatnonzero(~regular)
    before, after = breaks[breaks < middle], breaks[breaks > middle]
    low = int(before[-1]) + 1 if len(before) else 0
    high = (int(after[0]) if len(after) else repetitions - 1) + 1
    if high - low < LEAST or not regular[middle]:
        return None
    operands = [
        [
            Affine(int(column[0][low]), column[1]) if isinstance(column[0], np.ndarray) else list(column[low:high])
            for column in listed
        ]
        for listed in columns
    ]
    start = first + low * length
    return Loop(start, start, [op for op, _ in steps[first : first + length]], operands, high - low)
