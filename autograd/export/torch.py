"""PyTorch: a program as the source of a pure function of tensors, for torch.func, torch.export and devices.

The instructions are printed forward only: derivatives are PyTorch's own, of any order. What lies regularly is read as a
view, the rest by an index. Functions are chosen such that PyTorch's derivatives are our table's, at the edges too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from autograd.compiler.instructions import Code, Instruction, Operand, Slots
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program
from autograd.compiler.views import regular
from autograd.export._composed_in_torch import FunctionsOfTorch
from autograd.export._packages import optional_package
from autograd.export._words_of_torch import TORCH
from autograd.rules import pull, symbol


def function_of(program: Program) -> Callable[..., Any]:
    """Return a program as a function of tensors; its attribute `source` is its text."""
    torch = optional_package("torch", "to_torch")
    from autograd.export._functions_of_torch import TORCH_FUNCTIONS  # which imports it

    writer = TensorWriter(replace(program.lowering), program.constant_results)
    names: dict[str, Any] = {"torch": torch, **TORCH_FUNCTIONS}
    writer.dialect = FunctionsOfTorch(torch, names).dialect  # type: ignore[misc]
    source = writer.source()
    names |= {name: torch.tensor(numbers, dtype=torch.float64) for name, numbers in writer.numbers.items()}
    names |= {name: torch.tensor(slots) for name, slots in writer.indices.items()}
    exec(source, names)
    function: Any = names["f"]
    function.source = source
    return function  # type: ignore[no-any-return]


def argument_arrays(lowering: Lowering) -> list[tuple[str, int, int, bool]]:
    """Return the arguments of an exported function: the name, the first slot, how many, and whether batched."""
    found = [("theta", lowering.arguments, lowering.wrt, False)] if lowering.wrt else []
    return found + [(f"x{number}", *block[1:]) for number, block in enumerate(lowering.argument_blocks)]


class TensorWriter:
    """What writes a program: arrays of one axis, which have the numbers of some slots that follow each other."""

    library: ClassVar[str] = "torch"
    permuted: ClassVar[str] = "torch.permute"
    detached: ClassVar[str] = "{}.detach()"
    dialect: ClassVar[Any] = TORCH

    def __init__(self, lowering: Lowering, constant_results: Mapping[int, float]) -> None:
        self.lowering = lowering
        self.constant_results = constant_results
        self.code: Code = lowering.code
        self.numbers: dict[str, list[float]] = {}
        self.indices: dict[str, list[int]] = {}
        self.arrays: list[tuple[str, int, int]] = []  # a name, the first slot, how many
        self.holders = tuple(np.full(size, -1, dtype=np.intp) for size in self.code.slots)  # of each slot, its array
        self.arriving = adjoints_arriving(self.code)

    def source(self) -> str:
        """Return the text of the function."""
        lowering, lines = self.lowering, []
        stop = lowering.arguments + lowering.wrt
        found = argument_arrays(lowering)
        for name, start, count, batched in found:
            lines.append(f"{name} = {self._taken(name, count)}")
            self._hold(name, start, count, batched)
        first = found[0][0] if found else "torch.zeros(0, dtype=torch.float64)"
        captured = [leaf.number for leaf in lowering.variables[stop:]]
        start, constants = self.code.constants
        for place, numbers in ((stop, captured), (start, constants)):
            if numbers:
                self._hold(self._number(numbers), place, len(numbers), False)
        for number, instruction in enumerate(self.code.instructions):
            lines.append(f"v{number} = {self._written(instruction)}")
            slots = np.unique(instruction.destination.slots)
            self._hold(f"v{number}", int(slots[0]), len(slots), instruction.destination.batched)
        roots = list(self.code.roots)
        for position, constant in sorted(self.constant_results.items()):
            roots.insert(position, (constant, False))
        result = self._result(roots)
        moved = self._moved(first)
        body = "\n    ".join([*moved, *lines, f"return {result}"])
        return f"def f({', '.join(name for name, *_ in found)}):\n    {body}\n"

    def _taken(self, name: str, count: int) -> str:
        """Return the source of an argument as an array of one axis."""
        return f"{name}.reshape({count})"

    def _hold(self, name: str, start: int, count: int, batched: bool) -> None:
        """Take note that an array has the numbers of some slots that follow each other."""
        self.holders[batched][start : start + count] = len(self.arrays)
        self.arrays.append((name, start, count))

    def _number(self, numbers: Sequence[float]) -> str:
        name = f"k{len(self.numbers)}"
        self.numbers[name] = list(numbers)
        return name

    def _result(self, roots: Sequence[tuple[Any, bool]]) -> str:
        """Return the source of one number, or of an array of several, or of none."""
        if not roots:
            return f"{self.library}.zeros(0)"
        if len(roots) > 1 and all(isinstance(slot, int) for slot, _ in roots) and len({flag for _, flag in roots}) == 1:
            return self._read(Operand(np.array([slot for slot, _ in roots]), roots[0][1]))
        numbers = [self._root(*root) for root in roots]
        return numbers[0] if len(roots) == 1 else f"{self.library}.stack([{', '.join(numbers)}])"

    def _root(self, slot: Any, batched: bool) -> str:
        if isinstance(slot, int):
            return self._read(Operand(np.array(slot), batched))
        return f"{self._number([float(slot)])}[0]"

    def _written(self, instruction: Instruction) -> str:
        """Return the results of an instruction in the order of their slots, as an array of one axis."""
        parts = adjoint_masks(instruction, self.arriving)
        sources = [self._handing(self._read(o), part) for o, part in zip(instruction.operands, parts, strict=True)]
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

    def _handing(self, source: str, part: Any) -> str:
        """Return the source of an operand, detached where no adjoint arrives: 0 times an infinity is nan."""
        if part is None or part.all():
            return source
        detached = self.detached.format(source)
        return f"{self.library}.where({self._index(part)}, {source}, {detached})" if part.any() else detached

    def _index(self, slots: Slots) -> str:
        name = f"i{len(self.indices)}"
        self.indices[name] = slots.tolist()
        return name

    def _read(self, operand: Operand) -> str:
        """Return the source of an operand's numbers, in its shape."""
        if operand.constants is not None:
            return f"{self._number(operand.constants.ravel().tolist())}.reshape({_shape(operand.shape)})"
        slots = np.asarray(operand.slots)
        holders = self.holders[operand.batched][slots]
        numbers, first = np.unique(holders, return_index=True)
        used, local, total = [], np.empty_like(slots), 0
        for number in numbers[np.argsort(first)].tolist():  # by where they occur first
            name, start, count = self.arrays[number]
            inside = holders == number
            local[inside] = slots[inside] - start + total
            used.append(name)
            total += count
        name = used[0] if len(used) == 1 else f"{self.library}.concatenate([{', '.join(used)}])"
        return self._view(name, local, total) or f"{name}[{self._index(local)}]"

    def _view(self, name: str, slots: Slots, count: int) -> str | None:
        """Return the source of some numbers of an array as a view, in their shape; None where they lie irregularly."""
        strides, first = regular(slots), int(slots.flat[0])
        if strides is None or min(strides, default=0) < 0:
            return None
        moving = moving_axes(strides, slots.shape)
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
        lines += [f"{name} = {name}_.to({first}.device)" for name in self.indices]
        self.numbers = {f"{name}_": numbers for name, numbers in self.numbers.items()}
        self.indices = {f"{name}_": slots for name, slots in self.indices.items()}
        return lines


def adjoints_arriving(code: Code) -> tuple[Slots, ...]:
    """Return of each slot whether an adjoint arrives there: none where only conditions read it."""
    arriving = tuple(np.zeros(size, dtype=bool) for size in code.slots)
    for slot, batched in code.roots:
        if isinstance(slot, int):
            arriving[batched][slot] = True
    for instruction in reversed(code.instructions):
        for operand, part in zip(instruction.operands, adjoint_masks(instruction, arriving), strict=True):
            if part is not None:
                arriving[operand.batched][operand.slots[part]] = True
    return arriving


def adjoint_masks(instruction: Instruction, arriving: Sequence[Slots]) -> list[Any]:
    """Return of each operand of an instruction which numbers get an adjoint; None where it is constant, or inactive."""
    here: Any = arriving[instruction.destination.batched][instruction.destination.slots]
    parts: list[Any] = [here] * len(instruction.operands)
    active: Any = pull(instruction.expression, symbol("y"), symbol("g"))
    if instruction.kind == "product":
        parts[:2], active = [here.any(2)[..., None], here.any(1)[..., None]], range(len(parts))
    elif instruction.kind == "reduce":
        parts = [here[:, None]]
    return [
        np.broadcast_to(part, operand.shape) if operand.constants is None and position in active else None
        for position, (operand, part) in enumerate(zip(instruction.operands, parts, strict=True))
    ]


def moving_axes(strides: Sequence[int], shape: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return the axes along which places change, each with its stride and length, that of the largest stride first."""
    axes = enumerate(zip(strides, shape, strict=True))
    return sorted([(stride, length, axis) for axis, (stride, length) in axes if stride], reverse=True)


def _shape(lengths: Sequence[int]) -> str:
    return ", ".join(map(str, lengths)) if lengths else "()"
