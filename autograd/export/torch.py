"""PyTorch: a program as the source of a pure function of tensors, for torch.func, torch.export and devices.

The instructions are printed forward only: derivatives are PyTorch's own, of any order. What lies regularly is read as a
view, the rest by an index. Functions are chosen such that PyTorch's derivatives are our table's, at the edges too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from autograd.compiler.instructions import Code, Instruction, Operand, Slots
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program
from autograd.compiler.views import regular
from autograd.export._composed_in_torch import FunctionsOfTorch
from autograd.export._words_of_torch import TORCH, helper_functions


def function_of(program: Program) -> Callable[..., Any]:
    """Return a program as a function of tensors; its attribute `source` is its text."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ImportError("to_torch needs PyTorch: python -m pip install 'scalar-autograd[torch]'") from error
    writer = TensorWriter(replace(program.lowering))
    names: dict[str, Any] = {"torch": torch, **helper_functions(torch)}
    writer.dialect = FunctionsOfTorch(torch, names).dialect  # type: ignore[misc]
    source = writer.source()
    names |= {name: torch.tensor(numbers, dtype=torch.float64) for name, numbers in writer.numbers.items()}
    names |= {name: torch.tensor(slots) for name, slots in writer.indices.items()}
    exec(source, names)
    function: Any = names["f"]
    function.source = source
    return function  # type: ignore[no-any-return]


class TensorWriter:
    """What writes a program: arrays of one axis, which have the numbers of some slots that follow each other."""

    library: ClassVar[str] = "torch"
    permuted: ClassVar[str] = "torch.permute"
    dialect: ClassVar[Any] = TORCH

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.code: Code = lowering.code
        self.numbers: dict[str, list[float]] = {}
        self.indices: dict[str, list[int]] = {}
        self.arrays: list[tuple[str, int, int, bool]] = []

    def source(self) -> str:
        """Return the text of the function."""
        lowering, lines = self.lowering, []
        arguments, stop = lowering.arguments, lowering.arguments + lowering.wrt
        found = [("theta", arguments, lowering.wrt, False)] if lowering.wrt else []
        found += [
            (f"x{number}", start, count, batched)
            for number, (title, start, count, batched) in enumerate(
                block for block in lowering.blocks if block[3] or block[1] < arguments
            )
            if title not in ("theta", "captured")
        ]
        for name, start, count, batched in found:
            lines.append(f"{name} = {name}.reshape({count})")
            self.arrays.append((name, start, count, batched))
        first = found[0][0] if found else "torch.zeros(0, dtype=torch.float64)"
        captured = [leaf.number for leaf in lowering.variables[stop:]]
        start, constants = self.code.constants
        for place, numbers in ((stop, captured), (start, constants)):
            if numbers:
                self.arrays.append((self._number(numbers), place, len(numbers), False))
        for number, instruction in enumerate(self.code.instructions):
            lines.append(f"v{number} = {self._written(instruction)}")
            slots = np.unique(instruction.destination.slots)
            self.arrays.append((f"v{number}", int(slots[0]), len(slots), instruction.destination.batched))
        roots = [self._root(*root) for root in self.code.roots]
        result = roots[0] if len(roots) == 1 else f"{self.library}.stack([{', '.join(roots)}])"
        moved = self._moved(first)
        self.numbers = {f"{name}_": numbers for name, numbers in self.numbers.items()}
        self.indices = {f"{name}_": slots for name, slots in self.indices.items()}
        body = "\n    ".join([*moved, *lines, f"return {result}"])
        return f"def f({', '.join(name for name, *_ in found)}):\n    {body}\n"

    def _number(self, numbers: Sequence[float]) -> str:
        name = f"k{len(self.numbers)}"
        self.numbers[name] = list(numbers)
        return name

    def _root(self, slot: Any, batched: bool) -> str:
        if isinstance(slot, int):
            return self._read(Operand(np.array(slot), batched))
        return f"{self._number([float(slot)])}[0]"

    def _written(self, instruction: Instruction) -> str:
        """Return the results of an instruction in the order of their slots, as an array of one axis."""
        sources = list(map(self._read, instruction.operands))
        slots = np.asarray(instruction.destination.slots)
        if instruction.kind == "map":
            text = self.dialect.source(instruction.expression, sources.__getitem__)
        elif instruction.kind == "product":
            text = " + ".join([f"{self.library}.matmul({sources[0]}, {sources[1]}.swapaxes(-1, -2))", *sources[2:]])
        else:
            text = self.dialect.reduced(instruction.expression.operation, sources[0])
        strides = regular(slots)
        repeated = [axis for axis, stride in enumerate(strides or ()) if stride == 0 and slots.shape[axis] > 1]
        if repeated:
            text = f"({text}).sum({tuple(repeated) if len(repeated) > 1 else repeated[0]})"
            slots = slots[tuple(slice(0, 1) if axis in repeated else slice(None) for axis in range(slots.ndim))]
        flat = slots.ravel()
        order = np.argsort(flat, kind="stable")
        text = text if text.isidentifier() else f"({text})"
        text = f"{text}.reshape({len(flat)})"
        return text if (order == np.arange(len(flat))).all() else f"{text}[{self._index(order)}]"

    def _index(self, slots: Slots) -> str:
        name = f"i{len(self.indices)}"
        self.indices[name] = slots.tolist()
        return name

    def _read(self, operand: Operand) -> str:
        """Return the source of an operand's numbers, in its shape."""
        if operand.constants is not None:
            return f"{self._number(operand.constants.ravel().tolist())}.reshape({_shape(operand.shape)})"
        slots = np.asarray(operand.slots)
        found = []  # arrays that hold some of them, by where they occur first
        for name, start, size, batched in self.arrays:
            inside = (slots >= start) & (slots < start + size)
            if batched is operand.batched and inside.any():
                found.append((int(inside.argmax()), name, start, size, inside))
        used, local, count = [], np.empty_like(slots), 0
        for _, name, start, size, inside in sorted(found, key=lambda part: part[0]):
            local[inside] = slots[inside] - start + count
            used.append(name)
            count += size
        name = used[0] if len(used) == 1 else f"{self.library}.concatenate([{', '.join(used)}])"
        return self._view(name, local, count) or f"{name}[{self._index(local)}]"

    def _view(self, name: str, slots: Slots, count: int) -> str | None:
        """Return the source of some numbers of an array as a view, in their shape; None where they lie irregularly."""
        strides, first = regular(slots), int(slots.flat[0])
        if strides is None or min(strides, default=0) < 0:
            return None
        moving = sorted(
            [
                (stride, length, axis)
                for axis, (stride, length) in enumerate(zip(strides, slots.shape, strict=True))
                if stride
            ],
            reverse=True,
        )
        if not moving:
            return self._broadcast(f"{name}[{first}]", slots.shape) if slots.ndim else f"{name}[{first}]"
        spans = [1 + sum((length - 1) * stride for stride, length, _ in moving[n:]) for n in range(len(moving))]
        source = name if (first, spans[0]) == (0, count) else f"{name}[{first}:{first + spans[0]}]"
        lengths = [length for _, length, _ in moving]
        dense = spans[0] == int(np.prod(lengths)) and moving[-1][0] == 1
        if dense and len(moving) > 1:
            source += f".reshape({_shape(lengths)})"
        elif not dense:
            for (stride, length, _), span in zip(moving, spans[1:], strict=False):
                if not (windows := self._windows(source, length, stride, span)):
                    return None
                source = windows
            source += f"[..., ::{moving[-1][0]}]" if moving[-1][0] > 1 else ""
        order = [axis for _, _, axis in moving]
        if order != sorted(order):
            source = f"{self.permuted}({source}, ({_shape(np.argsort(order).tolist())}))"
        kept = [length if axis in order else 1 for axis, length in enumerate(slots.shape)]
        if len(kept) != len(order):
            source += f".reshape({_shape(kept)})"
        return source if tuple(kept) == slots.shape else self._broadcast(source, slots.shape)

    def _broadcast(self, source: str, shape: Sequence[int]) -> str:
        return f"{self.library}.broadcast_to({source}, ({_shape(shape)},))"

    def _windows(self, source: str, length: int, stride: int, span: int) -> str | None:
        """Return the source of so many windows of the last axis, at a distance; None if there is none but an index."""
        return f"{source}.unfold(-1, {span}, {stride})"

    def _moved(self, first: str) -> list[str]:
        """Return the lines that bring constants and indices to where the arguments are."""
        lines = [f"{name} = {name}_.to({first})" for name in self.numbers]
        return [*lines, *[f"{name} = {name}_.to({first}.device)" for name in self.indices]]


def _shape(lengths: Sequence[int]) -> str:
    return ", ".join(map(str, lengths)) if lengths else "()"
