"""The adjoint of a program: what every instruction hands back, in reverse order, as NumPy source.

The first contribution to an operand is written, later ones are added to it. A contribution to an operand that repeats
(a bias, or a weight that every example uses) is summed over the repetition first; to one whose slots lie irregularly
it is scattered, with repeated slots added up; and where a sum is all that uses an operand, both have one adjoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autograd.compiler.instructions import Folded, Instruction
from autograd.compiler.names import add_to, assign, copy
from autograd.compiler.views import Slots, View
from autograd.compiler.writer import VECTOR, Contribution, Writer


class Adjoint:
    """The lines that compute adjoints from what instructions contribute, and where these adjoints are."""

    def __init__(self, folded: Folded, writer: Writer) -> None:
        self.folded = folded
        self.writer = writer
        self.names = writer.names
        self.shared: list[tuple[Instruction, int]] = []  # results whose adjoints are those of others, which begin there
        uses = _uses(folded)
        results = {(instruction.start, instruction.batched): instruction for instruction in folded.instructions}
        for number, (instruction, contributions) in enumerate(zip(folded.instructions, writer.contributions)):
            for contribution in contributions:
                view = contribution.view
                made = results.get((view.first, view.batched))
                if contribution.source == f"g{number}" and made and _is_all(view, instruction, made, uses):
                    contribution.source = ""
                    self.shared.append((made, instruction.start))

    def lines(self, seeds: Sequence[str], wanted: tuple[slice, slice]) -> list[str]:
        """Return the lines that compute the adjoints of the inputs, the first slots plain and batched, that are wanted.

        The first contribution to a slot is written, later ones are added to it; where the first does not reach all of
        an operand, the buffer is zero before.
        """
        written = [np.zeros(size, dtype=bool) for size in self.folded.slots]
        start: list[str] = []
        for (slot, batched), seed in zip(self.folded.roots, seeds, strict=True):
            if isinstance(slot, int):
                target = f"root{slot}_[...]" if batched else f"plain_[{slot}]"
                start.append(f"{target} {'+=' if written[batched][slot] else '='} {seed}")
                written[batched][slot] = True
        lines: list[str] = []
        complete = [True, True]
        for instruction, contributions in zip(reversed(self.folded.instructions), reversed(self.writer.contributions)):
            arrived = written[instruction.batched][instruction.start : instruction.start + instruction.count]
            if arrived.any():
                complete[instruction.batched] = complete[instruction.batched] and bool(arrived.all())
                for contribution in contributions:
                    slots, batched = contribution.view.slots, contribution.view.batched
                    if not _within(slots, slice(0, self.folded.inputs[batched])) or _overlap(slots, wanted[batched]):
                        before = written[batched][slots]
                        complete[batched] = complete[batched] and bool(before.all() or not before.any())
                        if contribution.source:
                            lines.append(self._collect(contribution, instruction, add=bool(before.any())))
                        written[batched][slots] = True
        for batched, buffer in ((False, "plain_"), (True, "batch_")):
            if not complete[batched] or not written[batched][wanted[batched]].all():
                start.insert(0, f"{buffer}.fill(0.0)")
        return [*start, *lines]

    def _collect(self, contribution: Contribution, instruction: Instruction, add: bool) -> str:
        """Return the line that writes a contribution to the adjoints of an operand, or adds it."""
        view, source = contribution.view, contribution.whole
        operator = "+=" if add else "="
        over_examples = instruction.batched and not view.batched
        if view.strides is not None and view.distinct:
            target = f"d_{contribution.name}"
            self.names.adjoints[target] = view
            axes = [axis + instruction.batched for axis in view.repeated]
            if contribution.summed or not (axes or over_examples):
                target, source = self.names.part(target, contribution.part), contribution.source
                if add:
                    return add_to(target, source)
                # Where NumPy cannot hand the place of a matrix to BLAS, it multiplies by itself, which is slow.
                in_place = view.is_matrix or "matmul" not in source or contribution.part == VECTOR
                return assign(target, source) if in_place else copy(target, source)
            if over_examples:
                axes = [0, *axes]
            source = f"np.add.reduce({source}, axis={tuple(axes)}, keepdims=True)"
            return f"{target}[...] {operator} {source}{'[0]' if over_examples else ''}"
        index, target = f"i_{contribution.name}", "batch_" if view.batched else "plain_"
        (self.names.scattered if view.batched else self.names.fixed)[index] = view.slots
        if contribution.summed:
            source = source if view.batched else f"np.broadcast_to({source}, {index}.shape)"
        elif over_examples:
            source = f"np.add.reduce({source}, axis=0)"
        if len(np.unique(view.slots)) == view.slots.size:
            return f"{target}[{index}] {operator} {source}"
        zero = "" if add else f"{target}[{index}] = 0.0; "
        return f"{zero}np.add.at({target}, {index}, {source})"

    def slots(self) -> tuple[Slots, Slots]:
        """Return where the adjoint of each slot is, in the plain and in the batched buffer."""
        places = np.arange(self.folded.slots[0]), np.arange(self.folded.slots[1])
        for results, start in reversed(self.shared):
            place = places[results.batched]
            place[results.start : results.start + results.count] = place[start : start + results.count]
        return places


def _uses(folded: Folded) -> list[NDArray[np.int64]]:
    """Return how often each slot is used: by instructions, and as a root."""
    uses = [np.zeros(size, dtype=np.int64) for size in folded.slots]
    for instruction in folded.instructions:
        for operand in (*instruction.operands, *instruction.addends):
            if operand.constants is None:
                np.add.at(uses[operand.batched], operand.slots, 1)
    for slot, batched in folded.roots:
        if isinstance(slot, int):
            uses[batched][slot] += 2
    return uses


def _within(slots: Slots, part: slice) -> bool:
    return bool(slots.min() >= part.start and slots.max() < part.stop)


def _overlap(slots: Slots, part: slice) -> bool:
    return bool(((slots >= part.start) & (slots < part.stop)).any())


def _is_all(view: View, instruction: Instruction, made: Instruction, uses: Sequence[NDArray[np.int64]]) -> bool:
    """Say whether an operand is all that another instruction made, and whatever was made is for this one only."""
    slots = np.arange(made.start, made.start + made.count)
    return (
        made.batched is instruction.batched
        and np.array_equal(view.slots.ravel(), slots)
        and bool((uses[made.batched][slots] == 1).all())
    )
