"""What the source of a program calls its operands: names of views, of parts of views, and of constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.compiler.instructions import Folded, Instruction
from autograd.compiler.symbols import NAMESPACE
from autograd.compiler.views import Array, Layout, Slots, View, common_shape

UFUNCS = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}


class Names:
    """The names that source uses, and what each stands for.

    `prelude` is run once for each memory: parts of views, so that the lines themselves only compute.
    """

    def __init__(self, folded: Folded, arguments: Sequence[tuple[int, int]]) -> None:
        blocks = [(instruction.start, instruction.count) for instruction in folded.instructions if instruction.batched]
        self.layout = Layout([*arguments, *blocks], folded.slots[1])
        self.views: dict[str, View] = {}
        self.adjoints: dict[str, View] = {}
        self.scattered: dict[str, Slots] = {}  # indices into the batched buffer, which depend on its size
        self.fixed: dict[str, Any] = dict(NAMESPACE)
        self.prelude: list[str] = []

    def results(self, number: int, instruction: Instruction, shape: tuple[int, ...]) -> tuple[str, str]:
        """Return the names of an instruction's results and of their adjoints, as arrays of a shape."""
        slots = np.arange(instruction.start, instruction.start + instruction.count).reshape(shape)
        view = self.view(slots, instruction.batched)
        self.views[f"y{number}"] = self.adjoints[f"g{number}"] = view
        return f"y{number}", f"g{number}"

    def part(self, source: str, part: str) -> str:
        """Return the source of a part of a view, made once; of what is gathered anew, an expression."""
        if not part or not source.isidentifier():
            return f"{source}{part}"
        name = f"{source}_{''.join(letter if letter.isalnum() else '_' for letter in part)}"
        line = f"{name} = {source}{part}"
        if line not in self.prelude:
            self.prelude.append(line)
        return name

    def operand(self, name: str, slots: Slots, batched: bool) -> tuple[str, View]:
        """Return the source of an operand in slots, and its view."""
        view = self.view(slots, batched)
        if view.strides is None:
            (self.scattered if batched else self.fixed)[f"i_{name}"] = slots
            return f"{'batch' if batched else 'plain'}[i_{name}]", view
        self.views[name] = view
        return name, view

    def view(self, slots: Slots, batched: bool) -> View:
        """Return the view of some slots."""
        return View(slots, self.layout if batched else None)

    def columns(self, number: int, instruction: Instruction) -> tuple[tuple[int, ...], list[tuple[str, View | None]]]:
        """Return a shape for the results in which the operands are regular, and the operands' sources and views."""
        columns = [operand.slots for operand in instruction.operands if operand.constants is None]
        alone = [column for column in columns if common_shape([column])]
        shape = (common_shape(alone) if alone else None) or (instruction.count,)
        operands: list[tuple[str, View | None]] = []
        for position, operand in enumerate(instruction.operands):
            name = f"a{number}_{position}"
            if operand.constants is None:
                operands.append(self.operand(name, operand.slots.reshape(shape), operand.batched))
            else:
                operands.append((self.constant(name, operand.constants.reshape(shape)), None))
        return shape, operands

    def constant(self, name: str, constants: Array) -> str:
        """Return the source of constants: a literal where all are the same number."""
        first = float(constants.flat[0])
        if (constants == first).all() and np.isfinite(first):
            return repr(first)
        self.fixed[name] = constants
        return name


def add_to(target: str, source: str) -> str:
    """Return the line that adds an expression to a view."""
    return f"np.add({target}, {source}, out={target})"


def copy(target: str, source: str) -> str:
    """Return the line that copies an expression to a view."""
    return f"{target}[...] = {source}"


def assign(target: str, source: str) -> str:
    """Return the line that writes an expression to a view, without a copy where it is one function of NumPy."""
    if source.isidentifier():
        return f"np.positive({source}, out={target})"
    name = source.partition("(")[0].removeprefix("np.")
    if source.startswith("np.") and source.endswith(")") and name in UFUNCS:
        return f"{source[:-1]}, out={target})"
    return copy(target, source)
