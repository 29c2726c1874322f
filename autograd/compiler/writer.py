"""Instructions written out as NumPy source: a line or two forward, and its adjoint backward.

The partial derivatives of elementwise operations are read from the rules. A contribution to an operand that repeats
(a bias, or a weight that every example uses) is summed over the repetition first; to one whose slots lie irregularly
it is scattered, with repeated slots added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler.fold import Instruction, Slots
from autograd.compiler.symbols import NAMESPACE, forward_source, own_functions, own_name, partial_source
from autograd.compiler.views import Array, View, common_shape


class Writer:
    """The source of a program: lines forward and backward, and the views and constants that they name."""

    def __init__(self, instructions: Sequence[Instruction]) -> None:
        self.forward: list[str] = []
        self.views: dict[str, View] = {}
        self.adjoints: dict[str, View] = {}
        self.fixed: dict[str, Any] = dict(NAMESPACE)
        backward = []
        for number, instruction in enumerate(instructions):
            kinds = {"map": self._map, "add": self._add, "product": self._product}
            backward.append(kinds.get(instruction.kind, self._reduction)(number, instruction))
        self.backward = [line for lines in reversed(backward) for line in lines]

    def _out(self, number: int, instruction: Instruction, shape: tuple[int, ...]) -> tuple[str, str]:
        slots = np.arange(instruction.start, instruction.start + instruction.count).reshape(shape)
        view = View(slots, instruction.batched)
        self.views[f"y{number}"] = self.adjoints[f"g{number}"] = view
        return f"y{number}", f"g{number}"

    def _operand(self, name: str, slots: Slots, batched: bool) -> tuple[str, View]:
        """Return the source of an operand in slots, and its view."""
        view = View(slots, batched)
        if view.strides is None:
            self.fixed[f"i_{name}"] = slots
            return (f"batch[:, i_{name}]" if batched else f"plain[i_{name}]"), view
        self.views[name] = view
        return name, view

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

    def _collect(self, name: str, view: View | None, source: str, instruction: Instruction) -> list[str]:
        """Return the lines that add a contribution, of the shape of the results, to the adjoints of an operand."""
        if view is None:
            return []
        axes = list(view.repeated) if view.strides is not None else []
        if instruction.batched:
            axes = [axis + 1 for axis in axes]
        whole = instruction.batched and not view.batched
        if view.strides is not None and view.distinct:
            self.adjoints[f"d_{name}"] = view
            if whole:
                axes = [0, *axes]
            if axes:
                source = f"np.sum({source}, axis={tuple(axes)}, keepdims=True){'[0]' if whole else ''}"
            return [f"d_{name} += {source}"]
        self.fixed[f"i_{name}"] = view.slots
        source = f"np.sum({source}, axis=0)" if whole else source
        target, where = ("batch_", f"(slice(None), i_{name})") if view.batched else ("plain_", f"i_{name}")
        if len(np.unique(view.slots)) == view.slots.size:
            return [f"{target}[{where.strip('()') if not view.batched else f':, i_{name}'}] += {source}"]
        return [f"np.add.at({target}, {where}, {source})"]

    def _map(self, number: int, instruction: Instruction) -> list[str]:
        operation = instruction.operation
        if operation is None:
            return []
        shape, operands = self._columns(number, instruction)
        y, g = self._out(number, instruction, shape)
        sources = [source for source, _ in operands]
        source = forward_source(operation, sources)
        if own_name(operation) in source:
            self.fixed |= own_functions(operation)
        self.forward.append(_assign(y, source))
        lines = []
        for position, (_, view) in enumerate(operands):
            if view is None:
                continue
            slope = partial_source(operation, position, y, sources)
            if own_name(operation) in str(slope):
                self.fixed |= own_functions(operation)
            if slope != 0.0:
                product = g if slope == 1.0 else f"-{g}" if slope == -1.0 else f"{g} * {slope}"
                lines += self._collect(f"a{number}_{position}", view, product, instruction)
        return lines

    def _add(self, number: int, instruction: Instruction) -> list[str]:
        shape, operands = self._columns(number, instruction)
        y, g = self._out(number, instruction, shape)
        first, *others = [source for source, _ in operands]
        self.forward.append(_assign(y, f"np.add({first}, {others[0]})" if others else f"np.positive({first})"))
        self.forward += [f"{y} += {source}" for source in others[1:]]
        names = [f"a{number}_{position}" for position in range(len(operands))]
        views = [view for _, view in operands]
        return [line for n, view in zip(names, views, strict=True) for line in self._collect(n, view, g, instruction)]

    def _reduction(self, number: int, instruction: Instruction) -> list[str]:
        operand = instruction.operands[0]
        source, view = self._operand(f"a{number}_0", operand.slots, operand.batched)
        y, g = self._out(number, instruction, instruction.shape)
        if instruction.kind == "sum":
            self.forward.append(f"np.sum({source}, axis=-1, out={y})")
            slope = f"np.broadcast_to({g}[..., None], {g}.shape + ({view.shape[-1]},))"
        elif instruction.operation is rules.largest:
            self.forward.append(f"np.max({source}, axis=-1, out={y})")
            return []
        else:
            self.forward.append(f"{y}[...] = logsumexp({source})")
            slope = f"{g}[..., None] * np.exp({source} - {y}[..., None])"
        return self._collect(f"a{number}_0", view, slope, instruction)

    def _product(self, number: int, instruction: Instruction) -> list[str]:
        c, n, m = instruction.shape
        names = [f"a{number}_0", f"a{number}_1"]
        sources: list[str] = []
        views: list[View | None] = []
        for name, operand in zip(names, instruction.operands, strict=True):
            if operand.constants is not None:
                self.fixed[name] = operand.constants
                sources.append(name)
                views.append(None)
            else:
                source, view = self._operand(name, operand.slots, operand.batched)
                sources.append(source)
                views.append(view)
        y, g = self._out(number, instruction, instruction.shape)
        right, left = sources
        batch = instruction.batched
        both = batch and all(operand.batched for operand in instruction.operands)
        if c == 1 and n == 1 and batch and not both:  # one row for each example: together a matrix
            row = f"{right}[:, 0, 0]"
            self.forward.append(f"np.matmul({row}, {left}[0].T, out={y}[:, 0, 0])")
            by_right, by_left = f"({g}[:, 0, 0] @ {left}[0])[:, None, None]", f"({g}[:, 0, 0].T @ {row})[None, None]"
        elif n == 1 and m == 1:
            rows = f"{right}[..., 0, :], {left}[..., 0, :]"
            self.forward.append(f"np.einsum('...k,...k->...', {rows}, out={y}[..., 0, 0])")
            by_right, by_left = f"{g} * {left}", f"{g} * {right}"
        elif c == 1 and not batch:
            self.forward.append(f"np.matmul({right}[0], {left}[0].T, out={y}[0])")
            by_right, by_left = f"({g}[0] @ {left}[0])[None]", f"({g}[0].T @ {right}[0])[None]"
        else:
            self.forward.append(f"np.matmul({right}, {left}.swapaxes(-1, -2), out={y})")
            by_right, by_left = f"{g} @ {left}", f"{g}.swapaxes(-1, -2) @ {right}"
        lines = self._addends(number, instruction, y, g)
        lines += self._collect(names[0], views[0], by_right, instruction)
        return lines + self._collect(names[1], views[1], by_left, instruction)

    def _addends(self, number: int, instruction: Instruction, y: str, g: str) -> list[str]:
        lines = []
        for position, operand in enumerate(instruction.addends):
            name = f"b{number}_{position}"
            if operand.constants is None:
                source, view = self._operand(name, operand.slots, operand.batched)
                lines += self._collect(name, view, g, instruction)
            else:
                source = self._constant(name, operand.constants)
            self.forward.append(f"{y} += {source}")
        return lines


UFUNCS = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}


def _assign(target: str, source: str) -> str:
    """Return the line that writes an expression to a view, without a copy where it is one function of NumPy."""
    name = source.partition("(")[0].removeprefix("np.")
    if source.startswith("np.") and name in UFUNCS:
        return f"{source[:-1]}, out={target})"
    return f"{target}[...] = {source}"
