"""Instructions written out as NumPy source: a line or two forward, and its adjoint backward.

The partial derivatives of elementwise operations are read from the rules. A contribution to an operand that repeats
(a bias, or a weight that every example uses) is summed over the repetition first; to one whose slots lie irregularly
it is scattered, with repeated slots added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler.fold import Folded, Instruction, Slots
from autograd.compiler.symbols import NAMESPACE, forward_source, own_functions, own_name, partial_source
from autograd.compiler.views import Array, Layout, View, common_shape


@dataclass
class Contribution:
    """What an instruction hands back to an operand: an expression of the shape of the results.

    `summed` says that the expression has the shape of the operand's slots instead, each of them once.
    """

    name: str
    view: View
    source: str
    summed: bool = False


class Writer:
    """The source of a program: lines forward and backward, and the views and constants that they name.

    `prelude` is run once for each memory: views of views, so that the lines themselves only compute.
    """

    def __init__(self, folded: Folded, arguments: Sequence[tuple[int, int]]) -> None:
        self.folded = folded
        blocks = [(instruction.start, instruction.count) for instruction in folded.instructions if instruction.batched]
        self.layout = Layout([*arguments, *blocks], folded.slots[1])
        self.scattered: dict[str, Slots] = {}  # indices into the batched buffer, which depend on its size
        self.prelude: list[str] = []
        self.forward: list[str] = []
        self.views: dict[str, View] = {}
        self.adjoints: dict[str, View] = {}
        self.fixed: dict[str, Any] = dict(NAMESPACE)
        self.risky: list[str] = []  # results of operations that are not defined everywhere
        self.contributions: list[list[Contribution]] = []
        for number, instruction in enumerate(folded.instructions):
            kinds = {"map": self._map, "add": self._add, "product": self._product}
            self.contributions.append(kinds.get(instruction.kind, self._reduction)(number, instruction))

    def backward(self, unwanted: tuple[slice, slice], inputs: int) -> tuple[list[str], bool]:
        """Return the lines that compute the adjoints; those of unwanted slots, plain and batched, are left out.

        The first contribution to a slot is written, later ones are added to it. Also returns whether the adjoints of
        the batched slots have to be zero at first, of which the `inputs` first ones are arguments.
        """
        written = [np.zeros(size, dtype=bool) for size in self.folded.slots]
        for slot, batched in self.folded.roots:
            if isinstance(slot, int):
                written[batched][slot] = True
        lines: list[str] = []
        complete = True
        for instruction, contributions in zip(reversed(self.folded.instructions), reversed(self.contributions)):
            arrived = written[instruction.batched][instruction.start : instruction.start + instruction.count]
            if arrived.any():
                complete = complete and bool(arrived.all() or not instruction.batched)
                for contribution in contributions:
                    slots, batched = contribution.view.slots, contribution.view.batched
                    if not _within(slots, unwanted[batched]):
                        before = written[batched][slots]
                        complete = complete and bool(before.all() or not before.any() or not batched)
                        lines.append(self._collect(contribution, instruction, add=bool(before.any())))
                        written[batched][slots] = True
        return lines, not complete or not written[True][unwanted[True].stop : inputs].all()

    def _out(self, number: int, instruction: Instruction, shape: tuple[int, ...]) -> tuple[str, str]:
        slots = np.arange(instruction.start, instruction.start + instruction.count).reshape(shape)
        view = self._view(slots, instruction.batched)
        self.views[f"y{number}"] = self.adjoints[f"g{number}"] = view
        return f"y{number}", f"g{number}"

    def _part(self, source: str, part: str) -> str:
        """Return the source of a part of a view, made once; of what is gathered anew, an expression."""
        if not source.isidentifier():
            return f"{source}{part}"
        name = f"{source}_{''.join(letter if letter.isalnum() else '_' for letter in part)}"
        line = f"{name} = {source}{part}"
        if line not in self.prelude:
            self.prelude.append(line)
        return name

    def _operand(self, name: str, slots: Slots, batched: bool) -> tuple[str, View]:
        """Return the source of an operand in slots, and its view."""
        view = self._view(slots, batched)
        if view.strides is None:
            (self.scattered if batched else self.fixed)[f"i_{name}"] = slots
            return f"{'batch' if batched else 'plain'}[i_{name}]", view
        self.views[name] = view
        return name, view

    def _view(self, slots: Slots, batched: bool) -> View:
        return View(slots, self.layout if batched else None)

    def _columns(self, number: int, instruction: Instruction) -> tuple[tuple[int, ...], list[tuple[str, View | None]]]:
        """Return a shape for the results in which the operands are regular, and the operands' sources and views."""
        columns = [operand.slots for operand in instruction.operands if operand.constants is None]
        alone = [column for column in columns if common_shape([column])]
        shape = (common_shape(alone) if alone else None) or (instruction.count,)
        operands: list[tuple[str, View | None]] = []
        for position, operand in enumerate(instruction.operands):
            name = f"a{number}_{position}"
            if operand.constants is None:
                operands.append(self._operand(name, operand.slots.reshape(shape), operand.batched))
            else:
                operands.append((self._constant(name, operand.constants.reshape(shape)), None))
        return shape, operands

    def _constant(self, name: str, constants: Array) -> str:
        first = float(constants.flat[0])
        if (constants == first).all() and np.isfinite(first):
            return repr(first)
        self.fixed[name] = constants
        return name

    def _collect(self, contribution: Contribution, instruction: Instruction, add: bool) -> str:
        """Return the line that writes a contribution to the adjoints of an operand, or adds it."""
        view, source = contribution.view, contribution.source
        operator = "+=" if add else "="
        over_examples = instruction.batched and not view.batched
        if view.strides is not None and view.distinct:
            target = f"d_{contribution.name}"
            self.adjoints[target] = view
            axes = [axis + instruction.batched for axis in view.repeated]
            if contribution.summed or not (axes or over_examples):
                return _add_to(target, source) if add else _assign(target, source)
            if over_examples:
                axes = [0, *axes]
            source = f"np.add.reduce({source}, axis={tuple(axes)}, keepdims=True)"
            return f"{target}[...] {operator} {source}{'[0]' if over_examples else ''}"
        index, target = f"i_{contribution.name}", "batch_" if view.batched else "plain_"
        (self.scattered if view.batched else self.fixed)[index] = view.slots
        if contribution.summed:
            source = source if view.batched else f"np.broadcast_to({source}, {index}.shape)"
        elif over_examples:
            source = f"np.add.reduce({source}, axis=0)"
        if len(np.unique(view.slots)) == view.slots.size:
            return f"{target}[{index}] {operator} {source}"
        zero = "" if add else f"{target}[{index}] = 0.0; "
        return f"{zero}np.add.at({target}, {index}, {source})"

    def _map(self, number: int, instruction: Instruction) -> list[Contribution]:
        operation = instruction.operation
        if operation is None:
            return []
        shape, operands = self._columns(number, instruction)
        y, g = self._out(number, instruction, shape)
        if operation.domain:
            self.risky.append(y)
        sources = [source for source, _ in operands]
        source = forward_source(operation, sources)
        if own_name(operation) in source:
            self.fixed |= own_functions(operation)
        self.forward.append(_assign(y, source))
        contributions = []
        for position, (_, view) in enumerate(operands):
            if view is None:
                continue
            slope = partial_source(operation, position, y, sources)
            if own_name(operation) in str(slope):
                self.fixed |= own_functions(operation)
            if slope != 0.0:
                product = f"np.multiply({g}, {slope})"
                product = f"np.positive({g})" if slope == 1.0 else f"np.negative({g})" if slope == -1.0 else product
                contributions.append(Contribution(f"a{number}_{position}", view, product))
        return contributions

    def _add(self, number: int, instruction: Instruction) -> list[Contribution]:
        shape, operands = self._columns(number, instruction)
        y, g = self._out(number, instruction, shape)
        first, *others = [source for source, _ in operands]
        self.forward.append(_assign(y, f"np.add({first}, {others[0]})" if others else f"np.positive({first})"))
        self.forward += [_add_to(y, source) for source in others[1:]]
        names = [f"a{number}_{position}" for position in range(len(operands))]
        views = [view for _, view in operands]
        return [
            Contribution(name, view, f"np.positive({g})")
            for name, view in zip(names, views, strict=True)
            if view is not None
        ]

    def _reduction(self, number: int, instruction: Instruction) -> list[Contribution]:
        operand = instruction.operands[0]
        source, view = self._operand(f"a{number}_0", operand.slots, operand.batched)
        y, g = self._out(number, instruction, instruction.shape)
        whole = self._part(g, "[..., None]")
        if instruction.kind == "sum":
            self.forward.append(f"np.add.reduce({source}, axis=-1, out={y})")
            ones = f"ones{number}"
            self.fixed[ones] = np.ones(view.shape[-1])
            slope = f"np.multiply({whole}, {ones})"
        elif instruction.operation is rules.largest:
            self.forward.append(f"np.maximum.reduce({source}, axis=-1, out={y})")
            return []
        else:
            self.forward.append(f"{y}[...] = logsumexp({source})")
            slope = f"np.multiply({whole}, np.exp({source} - {self._part(y, '[..., None]')}))"
        return [Contribution(f"a{number}_0", view, slope)]

    def _product(self, number: int, instruction: Instruction) -> list[Contribution]:
        c, n, m = instruction.shape
        sources: list[str] = []
        views: list[View | None] = []
        for position, operand in enumerate(instruction.operands):
            name = f"a{number}_{position}"
            if operand.constants is not None:
                self.fixed[name] = operand.constants
                source, view = name, None
            else:
                source, view = self._operand(name, operand.slots, operand.batched)
            sources.append(source)
            views.append(view)
        y, g = self._out(number, instruction, instruction.shape)
        right, left = sources
        mixed = instruction.batched and not all(operand.batched for operand in instruction.operands)
        summed = False  # whether the contribution to the left operand is summed over the examples
        if c == n == 1 and mixed:  # one row for each example: together a matrix
            row, gs, matrix = self._part(right, "[:, 0, 0]"), self._part(g, "[:, 0, 0]"), self._part(left, "[0]")
            self.forward.append(f"np.matmul({row}, {self._part(left, '[0].T')}, out={self._part(y, '[:, 0, 0]')})")
            by_right = f"np.matmul({gs}, {matrix})[:, None, None]"
            by_left, summed = f"np.matmul({self._part(g, '[:, 0, 0].T')}, {row})[None]", True
        elif n == m == 1:
            rows = f"{self._part(right, '[..., 0, :]')}, {self._part(left, '[..., 0, :]')}"
            self.forward.append(f"np.einsum('...k,...k->...', {rows}, out={self._part(y, '[..., 0, 0]')})")
            by_right, by_left = f"np.multiply({g}, {left})", f"np.multiply({g}, {right})"
        elif c == 1 and not instruction.batched:
            first, second = self._part(right, "[0]"), self._part(left, "[0]")
            self.forward.append(f"np.matmul({first}, {self._part(left, '[0].T')}, out={self._part(y, '[0]')})")
            by_right = f"np.matmul({self._part(g, '[0]')}, {second})[None]"
            by_left = f"np.matmul({self._part(g, '[0].T')}, {first})[None]"
        else:
            self.forward.append(f"np.matmul({right}, {self._part(left, '.swapaxes(-1, -2)')}, out={y})")
            by_right = f"np.matmul({g}, {left})"
            by_left = f"np.matmul({self._part(g, '.swapaxes(-1, -2)')}, {right})"
            if mixed and c == 1:
                summed = True
                by_left = (
                    f"np.tensordot({self._part(g, '[:, 0]')}, {self._part(right, '[:, 0]')}, ((0, 1), (0, 1)))[None]"
                )
        contributions = self._addends(number, instruction, y, g)
        for position, (view, source) in enumerate(zip(views, (by_right, by_left), strict=True)):
            if view is not None:
                repeated = view.strides is not None and bool(view.repeated)
                done = summed and position == 1 and not repeated
                if summed and position == 1 and repeated:
                    source = f"{source}[None]"
                contributions.append(Contribution(f"a{number}_{position}", view, source, done))
        return contributions

    def _addends(self, number: int, instruction: Instruction, y: str, g: str) -> list[Contribution]:
        c, n, _ = instruction.shape
        contributions = []
        for position, operand in enumerate(instruction.addends):
            name = f"b{number}_{position}"
            if operand.constants is not None:
                self.forward.append(_add_to(y, self._constant(name, operand.constants)))
                continue
            source, view = self._operand(name, operand.slots, operand.batched)
            self.forward.append(_add_to(y, source))
            if c == 1 and n > 1 and view.repeated == (1,) and view.strides is not None and not instruction.batched:
                self.fixed[f"ones{number}"] = np.ones(n)  # a sum over rows, as a product the fastest
                source = f"np.matmul(ones{number}, {self._part(g, '[0]')})[None, None]"
                contributions.append(Contribution(name, view, source, summed=True))
            else:
                contributions.append(Contribution(name, view, f"np.positive({g})"))
        return contributions


def _within(slots: Slots, part: slice) -> bool:
    return bool(slots.min() >= part.start and slots.max() < part.stop)


UFUNCS = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}


def _add_to(target: str, source: str) -> str:
    return f"np.add({target}, {source}, out={target})"


def _assign(target: str, source: str) -> str:
    """Return the line that writes an expression to a view, without a copy where it is one function of NumPy."""
    name = source.partition("(")[0].removeprefix("np.")
    if source.startswith("np.") and source.endswith(")") and name in UFUNCS:
        return f"{source[:-1]}, out={target})"
    return f"{target}[...] = {source}"
