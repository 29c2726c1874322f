"""C99: a program as one function of plain arrays, without allocation and without globals.

The instructions of the program, forward and their adjoint, are printed as loops; those of a narrow program, its blocks
of steps, line by line. All numbers lie in an array that the caller gives, so nothing is shared between two calls.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from autograd.compiler.adjoint import Adjoint
from autograd.compiler.blocks import adjoint_of, blocks_of, reached
from autograd.compiler.instructions import Affine, Block, IndexTable, Instruction, Operand
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program
from autograd.compiler.views import regular
from autograd.export._c_writer import CWriter, Printed
from autograd.export._loop_source import affine, axes_of, braced, loops, row_major, runs
from autograd.export._own_operation import OF_ROWS
from autograd.export._reserved_names import is_free_in_c
from autograd.export._words_of_c import c_number
from autograd.rules import Expression, symbol


def source_of(program: Program, name: str, file: str) -> str:
    """Return a program as the text of a C file; its name stands in the example."""
    if not is_free_in_c(name):
        raise ValueError(f"to_c takes a free identifier of C as the name of the function, such as 'loss', got {name!r}")
    writer = StepWriter if _has_loops(program.lowering) else ArrayWriter
    return writer(program, name).text(file)


def _has_loops(lowering: Lowering) -> bool:
    """Whether most steps of a program are repetitions, such as those of a recurrence."""
    steps = lowering.steps
    return sum(len(block.steps) for block in blocks_of(steps, len(lowering.inputs))) < len(steps) // 4


class ArrayWriter(CWriter):
    """The instructions of a program as loops."""

    def lines(self) -> Printed:
        """Print the program."""
        code = self.lowering.code
        adjoint = Adjoint(code)
        back = adjoint.instructions(self.wanted)
        self.size = sum(code.slots)
        forward = self.constants(*code.constants)
        forward += [line for instruction in code.instructions for line in self._lines(instruction)]
        roots = [slot for slot, _ in code.roots]
        seeds = adjoint.seeds.tolist()
        backward = [line for instruction in back for line in self._lines(instruction)]
        guarded, clear = [], (0, 0)
        if self.results > 1 and seeds:
            self.adjoints = range(adjoint.first[0], max(seeds) + 1)
            self.behind = self.size - self.adjoints.start
            self.size += len(self.adjoints)
            guarded = [line for instruction in back for line in self._lines(instruction)]
            clear = (seeds[0], len(seeds))
        slopes, first = [], 0
        for start, count in runs(adjoint.place[0][self.wanted[0]].tolist()):
            slopes.append((start, first, count))
            first += count
        return Printed(forward, backward, guarded, clear, roots, seeds, slopes)

    def _lines(self, instruction: Instruction) -> list[str]:
        write = {"map": self._map, "reduce": self._reduce, "product": self._product}
        return write[instruction.kind](instruction)

    def _at(self, operand: Operand, axes: Sequence[str]) -> str:
        """Return the source of an operand's number, where these are the loops' variables, or 0."""
        if operand.constants is not None:
            if (number := operand.repeated) is not None:
                return self.number(number)
            numbers = list(map(self.number, operand.constants.ravel()))
            return f"{self.table('double', numbers)}[{row_major(operand.shape, axes)}]"
        slots = np.asarray(operand.slots)
        strides = regular(slots)
        if strides is None:
            place = f"{self.table('int', list(map(str, slots.ravel())))}[{row_major(slots.shape, axes)}]"
        else:
            place = affine(int(slots.flat[0]), zip(strides, axes, strict=True))
        return f"v[{self._place(place, operand.batched)}]"

    def _place(self, slot: Any, batched: bool) -> str:
        """Return the source of a place in `v`, from that of a slot."""
        return f"{slot}"

    def _arrived(self, operand: Operand, axes: Sequence[str]) -> str:
        """Return the source of whether an adjoint has arrived; "" of what is none, or of one result."""
        if not self.behind or operand.constants is not None or int(np.min(operand.slots)) not in self.adjoints:
            return ""
        return self._at(operand.arranged(lambda slots: slots + self.behind), axes)

    def _adds(self, target: Operand, axes: Sequence[str], add: bool) -> bool:
        """Return whether a destination is added to, which then has zeros before."""
        return add

    def _arrive(
        self,
        target: Operand,
        axes: Sequence[str],
        source: str,
        add: bool,
        before: Sequence[str] = (),
        arrived: str = "",
    ) -> list[str]:
        """Return loops that compute the numbers of a destination; what arrives at one several times is summed."""
        add = self._adds(target, axes, add)
        place, flag = self._at(target, axes), self._arrived(target, axes)
        repeats = len(np.unique(target.slots)) < target.slots.size
        lines = self._zeros(target, axes) if repeats and not add else []
        add |= repeats
        body = [f"{place} {'+=' if add else '='} {source};"]
        if flag and not arrived:
            body = [f"{place} = {flag} = {source};"]  # zeros
        elif flag and add:
            body = braced(f"if ({arrived}) ", [*body, f"{flag} = 1.0;"])
        elif flag:
            body = [f"{place} = {arrived} ? {source} : 0.0;", f"{flag} = {arrived};"]
        return [*lines, *loops(target.shape, axes, [*before, *body], self.counter)]

    def _zeros(self, target: Operand, axes: Sequence[str]) -> list[str]:
        """Return loops that set the numbers of a destination to 0."""
        place, flag = self._at(target, axes), self._arrived(target, axes)
        moving = [axis if re.search(rf"\b{axis}\b", place) else "0" for axis in axes]
        return loops(target.shape, moving, [f"{place} = {flag and f'{flag} = '}0.0;"], self.counter)

    def _map(self, instruction: Instruction) -> list[str]:
        operands = [instruction.destination, *instruction.operands]
        target, *operands = self._flat(operands)
        axes = axes_of(target.shape)
        sources = [self._at(operand, axes) for operand in operands]
        source = self.dialect.source(instruction.expression, lambda key: sources[key])
        arrived = next(filter(None, [self._arrived(operand, axes) for operand in operands]), "")
        return self._arrive(target, axes, source, instruction.add, (), arrived)

    def _flat(self, operands: Sequence[Operand]) -> Sequence[Operand]:
        """Return operands in one axis, where all are regular in it, or none has to be."""
        flat = [operand.reshape((-1,)) for operand in operands]
        whole = all(o.constants is not None or regular(np.asarray(o.slots)) is not None for o in flat)
        return flat if whole and len(operands[0].shape) != 1 else operands

    def _product(self, instruction: Instruction) -> list[str]:
        a, b, *addends = instruction.operands
        target = instruction.destination
        c, i, j = axes = axes_of(target.shape)
        count = a.shape[2]
        k = "k" if count > 1 else "0"
        added = " + ".join([self._at(addend, axes) for addend in addends]) or "0.0"
        term = f"{self._at(a, [c, i, k])} * {self._at(b, [c, j, k])}"
        arrived = self._arrived(a, [c, i, k])
        if count == 1:
            source = term if not addends else f"{added} + {term}"
            return self._arrive(target, axes, source, instruction.add, (), arrived)
        loop = f"for ({self.counter} k = 0; k < {count}; k++) "
        before = [f"{self.local} sum = {added};", f"{loop}sum += {term};"]
        if arrived:
            summed = braced(f"if ({arrived}) ", [f"sum += {term};", "arrived = 1.0;"])
            before = [f"{self.local} sum = {added}, arrived = 0.0;", *braced(loop, summed)]
        return self._arrive(target, axes, "sum", instruction.add, before, arrived and "arrived")

    def _reduce(self, instruction: Instruction) -> list[str]:
        (rows,) = instruction.operands
        operation = instruction.expression.operation
        number, count = rows.shape
        slots = np.asarray(rows.slots)
        strides = None if rows.constants is not None else regular(slots)
        (axis,) = axes_of((number,))
        source = None
        if operation in OF_ROWS and strides is not None:
            first = self._place(affine(int(slots.flat[0]), [(strides[0], axis)]), rows.batched)
            source = self._of_row(OF_ROWS[operation], first, count, strides[1])
        if source is None:
            return self._by_columns(instruction)
        return self._arrive(instruction.destination, [axis], source, instruction.add)

    def _of_row(self, function: str, first: str, count: int, stride: int) -> str | None:
        """Return the call of a function of a row in `v`; None where it takes no numbers that lie so far apart."""
        return f"{self.name}_{function}(v + {first}, {count}, {stride})"

    def _by_columns(self, instruction: Instruction) -> list[str]:
        """Return the lines of a reduction that name each number of a row."""
        (rows,) = instruction.operands
        (axis,) = axes_of(rows.shape[:1])
        parts = [self._at(column, [axis]) for column in _columns(rows)]
        whole = Expression(instruction.expression.operation, map(symbol, range(len(parts))))
        source = self.dialect.source(whole, lambda key: parts[key])
        return self._arrive(instruction.destination, [axis], source, instruction.add)


class StepWriter(CWriter):
    """The blocks of a program, step by step; the adjoint of a slot is so many slots after it."""

    def lines(self) -> Printed:
        """Print the program."""
        steps, variables = self.lowering.steps, len(self.lowering.inputs)
        count = variables + len(steps)
        self.size = 2 * count
        blocks = blocks_of(steps, variables)
        forward = [line for block in blocks for line in self._block(block)]
        flags = reached(steps, variables, self.lowering.places)
        adjoints = [adjoint_of(block, count, flags) for block in reversed(blocks)]
        backward, guarded = [line for block in adjoints for line in self._block(block)], []
        if self.results > 1:
            self.behind = count
            self.size += count
            guarded = [line for block in adjoints for line in self._block(block)]
        roots = list(self.lowering.places)
        seeds = [root + count if isinstance(root, int) else -1 for root in roots]
        slopes = [(count + self.wanted[0].start, 0, self.gradient)]
        return Printed(forward, backward, guarded, (count, count), roots, seeds, slopes)

    def _block(self, block: Block) -> list[str]:
        lines = []
        flags: dict[Any, str] = {}  # of temporaries of an adjoint, whether that has arrived
        for step in block.steps:
            operands = list(map(self._operand, step.operands))
            source = self.dialect.source(step.expression, operands.__getitem__)
            arrived = next(
                filter(None, [flags.get(o) if isinstance(o, str) else self._arrived(o) for o in step.operands]), ""
            )
            if isinstance(step.destination, str):
                flags[step.destination] = arrived
                lines.append(f"double {step.destination} = {source};")
            elif arrived:
                place, flag = self._operand(step.destination), self._arrived(step.destination)
                lines += braced(f"if ({arrived}) ", [f"{place} += {source};", f"{flag} = 1.0;"])
            else:
                lines.append(f"{self._operand(step.destination)} {'+=' if step.add else '='} {source};")
        if block.repetitions == 1:
            return lines if not any(isinstance(step.destination, str) for step in block.steps) else braced("", lines)
        return braced(f"for (int i = 0; i < {block.repetitions}; i++) ", lines)

    def _arrived(self, operand: Any) -> str:
        """Return the source of whether an adjoint has arrived; "" of what is none, or of one result."""
        if not self.behind or not isinstance(operand, (Affine, IndexTable)):
            return ""
        first = operand.first if isinstance(operand, Affine) else operand.slots[0]
        return self._operand(operand.shifted(self.behind)) if first >= self.behind else ""

    def _operand(self, operand: Any) -> str:
        if isinstance(operand, str):
            return operand
        if isinstance(operand, Affine):
            return f"v[{affine(operand.first, [(operand.stride, 'i')])}]"
        if isinstance(operand, IndexTable):
            return f"v[{self.table('int', list(map(str, operand.slots)))}[i]]"
        if isinstance(operand, list):
            return f"{self.table('double', list(map(c_number, operand)))}[i]"
        return c_number(operand)


def _columns(rows: Operand) -> list[Operand]:
    """Return the columns of an operand with two axes."""

    def column(number: int) -> Operand:
        return rows.arranged(partial(np.take, indices=number, axis=1))

    return list(map(column, range(rows.shape[1])))
