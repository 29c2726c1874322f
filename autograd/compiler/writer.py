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
from numpy.typing import NDArray

from autograd import rules
from autograd.compiler.fold import Folded, Instruction
from autograd.compiler.symbols import NAMESPACE, forward_source, own_functions, own_name, partial_source
from autograd.compiler.views import Array, Layout, Slots, View, common_shape


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
        self.uses = _uses(folded)
        self.shared: list[tuple[Instruction, int]] = []  # results whose adjoints are those of others, which begin there
        self.results: dict[tuple[int, bool], Instruction] = {}  # the instructions so far, by their first slots
        for number, instruction in enumerate(folded.instructions):
            self.results[instruction.start, instruction.batched] = instruction
            kinds = {"map": self._map, "add": self._add, "product": self._product}
            self.contributions.append(kinds.get(instruction.kind, self._reduction)(number, instruction))

    def root(self, where: tuple[float, bool]) -> str:
        """Return the source of a root: a float, or of a batched one an array."""
        slot, batched = where
        if not isinstance(slot, int):
            return f"float('{slot!r}')"
        if not batched:
            return f"plain.item({slot})"
        self.views[f"root{slot}"] = self.adjoints[f"root{slot}_"] = self._view(np.array(slot), batched)
        return f"root{slot}"

    def backward(self, seeds: Sequence[str], wanted: tuple[slice, slice], inputs: tuple[int, int]) -> list[str]:
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
        for instruction, contributions in zip(reversed(self.folded.instructions), reversed(self.contributions)):
            arrived = written[instruction.batched][instruction.start : instruction.start + instruction.count]
            if arrived.any():
                complete[instruction.batched] = complete[instruction.batched] and bool(arrived.all())
                for contribution in contributions:
                    slots, batched = contribution.view.slots, contribution.view.batched
                    if not _within(slots, slice(0, inputs[batched])) or _overlap(slots, wanted[batched]):
                        before = written[batched][slots]
                        complete[batched] = complete[batched] and bool(before.all() or not before.any())
                        if contribution.source:
                            lines.append(self._collect(contribution, instruction, add=bool(before.any())))
                        written[batched][slots] = True
        for batched, buffer in ((False, "plain_"), (True, "batch_")):
            if not complete[batched] or not written[batched][wanted[batched]].all():
                start.insert(0, f"{buffer}.fill(0.0)")
        return [*start, *lines]

    def _out(self, number: int, instruction: Instruction, shape: tuple[int, ...]) -> tuple[str, str]:
        slots = np.arange(instruction.start, instruction.start + instruction.count).reshape(shape)
        view = self._view(slots, instruction.batched)
        self.views[f"y{number}"] = self.adjoints[f"g{number}"] = view
        return f"y{number}", f"g{number}"

    def _part(self, source: str, part: str) -> str:
        """Return the source of a part of a view, made once; of what is gathered anew, an expression."""
        if not part or not source.isidentifier():
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
        view, source = contribution.view, contribution.whole
        operator = "+=" if add else "="
        over_examples = instruction.batched and not view.batched
        if view.strides is not None and view.distinct:
            target = f"d_{contribution.name}"
            self.adjoints[target] = view
            axes = [axis + instruction.batched for axis in view.repeated]
            if contribution.summed or not (axes or over_examples):
                target, source = self._part(target, contribution.part), contribution.source
                if add:
                    return _add_to(target, source)
                # Where NumPy cannot hand the place of a matrix to BLAS, it multiplies by itself, which is slow.
                in_place = view.is_matrix or "matmul" not in source or contribution.part == VECTOR
                return _assign(target, source) if in_place else _copy(target, source)
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
                product = g if slope == 1.0 else f"np.negative({g})" if slope == -1.0 else product
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
            Contribution(name, view, "" if self._shares(view, instruction) else g)
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
        part = self._part
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
                self.forward.append(_add_to(y, self._constant(name, operand.constants)))
                continue
            source, view = self._operand(name, operand.slots, operand.batched)
            self.forward.append(_add_to(y, source))
            rows, summed_rows = n, view.repeated == (1,) and not instruction.batched
            if instruction.batched and not view.batched and c == n == 1 and not view.repeated:
                rows, summed_rows = 0, True
            if c == 1 and summed_rows and view.strides is not None:  # a sum over rows, as a product the fastest
                index, ones = ("[0]", f"ones{number}") if rows else ("[:, 0, 0]", "ones")
                if rows:
                    self.fixed[ones] = np.ones(rows)
                source = f"np.matmul({ones}, {self._part(g, index)})"
                contributions.append(Contribution(name, view, source, summed=True, part=VECTOR))
            else:
                contributions.append(Contribution(name, view, "" if self._shares(view, instruction) else g))
        return contributions

    def _shares(self, view: View, instruction: Instruction) -> bool:
        """Say whether an operand is all the results of another instruction, for this one only, and keep it in mind."""
        first, flag = view.first, instruction.batched
        results = self.results.get((first, view.batched))
        slots = np.arange(first, first + instruction.count)
        if (
            results is None
            or (results.batched, results.count) != (flag, instruction.count)
            or not np.array_equal(view.slots.ravel(), slots)
            or (self.uses[flag][slots] > 1).any()
        ):
            return False
        self.shared.append((results, instruction.start))
        return True

    def adjoint_slots(self) -> tuple[Slots, Slots]:
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


def _same(one: View, other: View) -> bool:
    return one.batched is other.batched and np.array_equal(one.slots, other.slots)


VECTOR = "[0, 0]"  # the part of a stack of matrices that is one row
UFUNCS = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}


def _add_to(target: str, source: str) -> str:
    return f"np.add({target}, {source}, out={target})"


def _copy(target: str, source: str) -> str:
    return f"{target}[...] = {source}"


def _assign(target: str, source: str) -> str:
    """Return the line that writes an expression to a view, without a copy where it is one function of NumPy."""
    if source.isidentifier():
        return f"np.positive({source}, out={target})"
    name = source.partition("(")[0].removeprefix("np.")
    if source.startswith("np.") and source.endswith(")") and name in UFUNCS:
        return f"{source[:-1]}, out={target})"
    return _copy(target, source)
