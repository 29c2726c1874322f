"""Instructions written out as NumPy source, a line or two each, with what each hands back to its operands.

The partial derivatives of elementwise operations are read from the rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autograd import rules
from autograd.compiler.instructions import Folded, Instruction
from autograd.compiler.names import Names, add_to, assign
from autograd.compiler.symbols import forward_source, own_functions, own_name, partial_source
from autograd.compiler.views import View

VECTOR = "[0, 0]"  # the part of a stack of matrices that is one row


@dataclass
class Contribution:
    """What an instruction hands back to an operand: an expression of the shape of the results.

    Without an expression, the operand's adjoints are where those of the results are. `summed` says that the expression
    has the shape of the operand's slots instead, each of them once; `part` is the index of the part of that shape which
    the expression has, where the rest is of length 1.
    """

    name: str
    view: View
    source: str
    summed: bool = False
    part: str = ""

    @property
    def whole(self) -> str:
        """The expression in the full shape."""
        return f"{self.source}{self.part.replace('0', 'None')}"


class Writer:
    """The lines that compute a program forward; for each instruction, its contributions to the adjoints."""

    def __init__(self, folded: Folded, names: Names) -> None:
        self.names = names
        self.forward: list[str] = []
        self.risky: list[str] = []  # results of operations that are not defined everywhere
        self.contributions: list[list[Contribution]] = []
        for number, instruction in enumerate(folded.instructions):
            kinds = {"map": self._map, "add": self._add, "product": self._product}
            self.contributions.append(kinds.get(instruction.kind, self._reduction)(number, instruction))
        self.forward.append(f"return [{', '.join(map(self._root, folded.roots))}]")

    def _root(self, where: tuple[float, bool]) -> str:
        """Return the source of a root: a float, or of a batched one an array."""
        slot, batched = where
        if not isinstance(slot, int):
            return f"float('{slot!r}')"
        if not batched:
            return f"plain.item({slot})"
        self.names.views[f"root{slot}"] = self.names.adjoints[f"root{slot}_"] = self.names.view(np.array(slot), batched)
        return f"root{slot}"

    def _map(self, number: int, instruction: Instruction) -> list[Contribution]:
        operation = instruction.operation
        if operation is None:
            return []
        shape, operands = self.names.columns(number, instruction)
        y, g = self.names.results(number, instruction, shape)
        if operation.domain:
            self.risky.append(y)
        sources = [source for source, _ in operands]
        source = forward_source(operation, sources)
        if own_name(operation) in source:
            self.names.fixed |= own_functions(operation)
        self.forward.append(assign(y, source))
        contributions = []
        for position, (_, view) in enumerate(operands):
            if view is None:
                continue
            slope = partial_source(operation, position, y, sources)
            if own_name(operation) in str(slope):
                self.names.fixed |= own_functions(operation)
            if slope != 0.0:
                product = f"np.multiply({g}, {slope})"
                product = g if slope == 1.0 else f"np.negative({g})" if slope == -1.0 else product
                contributions.append(Contribution(f"a{number}_{position}", view, product))
        return contributions

    def _add(self, number: int, instruction: Instruction) -> list[Contribution]:
        shape, operands = self.names.columns(number, instruction)
        y, g = self.names.results(number, instruction, shape)
        first, *others = [source for source, _ in operands]
        self.forward.append(assign(y, f"np.add({first}, {others[0]})" if others else f"np.positive({first})"))
        self.forward += [add_to(y, source) for source in others[1:]]
        names = [f"a{number}_{position}" for position in range(len(operands))]
        views = [view for _, view in operands]
        return [Contribution(name, view, g) for name, view in zip(names, views, strict=True) if view is not None]

    def _reduction(self, number: int, instruction: Instruction) -> list[Contribution]:
        operand = instruction.operands[0]
        source, view = self.names.operand(f"a{number}_0", operand.slots, operand.batched)
        y, g = self.names.results(number, instruction, instruction.shape)
        whole = self.names.part(g, "[..., None]")
        if instruction.kind == "sum":
            self.forward.append(f"np.add.reduce({source}, axis=-1, out={y})")
            ones = f"ones{number}"
            self.names.fixed[ones] = np.ones(view.shape[-1])
            slope = f"np.multiply({whole}, {ones})"
        elif instruction.operation is rules.largest:
            self.forward.append(f"np.maximum.reduce({source}, axis=-1, out={y})")
            return []
        else:
            self.forward.append(f"{y}[...] = logsumexp({source})")
            slope = f"np.multiply({whole}, softmax({source}, {self.names.part(y, '[..., None]')}))"
        return [Contribution(f"a{number}_0", view, slope)]

    def _product(self, number: int, instruction: Instruction) -> list[Contribution]:
        sources: list[str] = []
        views: list[View | None] = []
        for position, operand in enumerate(instruction.operands):
            name = f"a{number}_{position}"
            if operand.constants is not None:
                self.names.fixed[name] = operand.constants
                source, view = name, None
            else:
                source, view = self.names.operand(name, operand.slots, operand.batched)
            sources.append(source)
            views.append(view)
        y, g = self.names.results(number, instruction, instruction.shape)
        by_right, by_left = self._matrices(instruction, y, g, *sources)
        contributions = self._addends(number, instruction, y, g)
        for position, (view, (source, part, summed)) in enumerate(zip(views, (by_right, by_left), strict=True)):
            if view is None:
                continue
            contribution = Contribution(f"a{number}_{position}", view, source, summed, part)
            if summed and view.strides is not None and view.repeated:
                contribution = Contribution(contribution.name, view, f"{contribution.whole}[None]")
            contributions.append(contribution)
        n, m = instruction.shape[1:]
        if n == m == 1 and views[0] is not None and views[1] is not None and _same(views[0], views[1]):  # of squares
            contributions[-2:] = [
                Contribution(f"a{number}_0", views[0], f"np.multiply(np.multiply(2.0, {g}), {sources[0]})")
            ]
        return contributions

    def _matrices(
        self, instruction: Instruction, y: str, g: str, right: str, left: str
    ) -> tuple[tuple[str, str, bool], tuple[str, str, bool]]:
        """Write the lines of a product; return the sources, parts and summations of what its two sides get back."""
        c, n, m = instruction.shape
        part = self.names.part
        mixed = instruction.batched and not all(operand.batched for operand in instruction.operands)
        if n == m == 1 and not mixed:
            if c == 1 and not instruction.batched:
                rows = f"{part(right, '[0, 0]')}, {part(left, '[0, 0]')}"
                self.forward.append(f"np.matmul({rows}, out={part(y, '[0, 0, 0, ...]')})")
            else:
                rows = f"{part(right, '[..., 0, :]')}, {part(left, '[..., 0, :]')}"
                self.forward.append(f"np.einsum('...k,...k->...', {rows}, out={part(y, '[..., 0, 0]')})")
            return (f"np.multiply({g}, {left})", "", False), (f"np.multiply({g}, {right})", "", False)
        if c == 1 and (not instruction.batched or (n == 1 and mixed)):  # with a row for each example, if there are any
            index = "[:, 0, 0]" if instruction.batched else "[0]"
            rows, matrix, slopes = part(right, index), part(left, "[0]"), part(g, index)
            self.forward.append(f"np.matmul({rows}, {part(left, '[0].T')}, out={part(y, index)})")
            by_right = f"np.{'matmul' if m > 1 else 'multiply'}({slopes}, {matrix})"
            return (by_right, index, False), (f"np.matmul({part(slopes, '.T')}, {rows})", "[0]", instruction.batched)
        self.forward.append(f"np.matmul({right}, {part(left, '.swapaxes(-1, -2)')}, out={y})")
        by_right = f"np.matmul({g}, {left})"
        if mixed and c == 1:
            axes = "((0, 1), (0, 1))"
            by_left = f"np.tensordot({part(g, '[:, 0]')}, {part(right, '[:, 0]')}, {axes})"
            return (by_right, "", False), (by_left, "[0]", True)
        return (by_right, "", False), (f"np.matmul({part(g, '.swapaxes(-1, -2)')}, {right})", "", False)

    def _addends(self, number: int, instruction: Instruction, y: str, g: str) -> list[Contribution]:
        c, n, _ = instruction.shape
        contributions = []
        for position, operand in enumerate(instruction.addends):
            name = f"b{number}_{position}"
            if operand.constants is not None:
                self.forward.append(add_to(y, self.names.constant(name, operand.constants)))
                continue
            source, view = self.names.operand(name, operand.slots, operand.batched)
            self.forward.append(add_to(y, source))
            rows, summed_rows = n, view.repeated == (1,) and not instruction.batched
            if instruction.batched and not view.batched and c == n == 1 and not view.repeated:
                rows, summed_rows = 0, True
            if c == 1 and summed_rows and view.strides is not None:  # a sum over rows, as a product the fastest
                index, ones = ("[0]", f"ones{number}") if rows else ("[:, 0, 0]", "ones")
                if rows:
                    self.names.fixed[ones] = np.ones(rows)
                source = f"np.matmul({ones}, {self.names.part(g, index)})"
                contributions.append(Contribution(name, view, source, summed=True, part=VECTOR))
            else:
                contributions.append(Contribution(name, view, g))
        return contributions


def _same(one: View, other: View) -> bool:
    return one.batched is other.batched and np.array_equal(one.slots, other.slots)
