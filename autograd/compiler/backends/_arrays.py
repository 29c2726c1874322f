"""Code generator for array instructions: each is a line or two of NumPy source, forward and backward alike.

Operands are views of the buffers; only what lies irregularly is gathered and scattered. Nothing in the source but its
layout comes from the graph: functions, numbers and views are bound by names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler.backends._products import ArraySource, matrices
from autograd.compiler.backends._words import ARRAY_FUNCTIONS, NAMES, NUMPY, called_function
from autograd.compiler.instructions import Code, Instruction, Operand, Slots
from autograd.compiler.views import Layout, View
from autograd.rules import Expression, Operation

UFUNCS = {name for name, function in ARRAY_FUNCTIONS.items() if isinstance(function, np.ufunc)}
FEW_ROOTS = 8  # up to which each is read by itself


class NumpyWriter:
    """A code generator that writes instructions as NumPy source, and binds what the source names.

    `fixed`: functions, numbers, constants and plain indices; `scattered`: indices into the batched buffer; `views`, and
    of which kind; `parts`: what is made of these, once for each memory, so that the lines only compute.
    """

    def __init__(self, code: Code) -> None:
        self.layout = Layout(code.blocks, code.slots[1], code.inputs)
        self.fixed: dict[str, Any] = {"nan": math.nan, "inf": math.inf, **ARRAY_FUNCTIONS}
        self.scattered: dict[str, Slots] = {}
        self.views: dict[str, tuple[View, str]] = {}
        self.parts: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self._known: dict[Any, str] = {}
        self._seen: dict[tuple[int, bool], View] = {}  # a view keeps its slots, so their identity stays theirs
        self.dialect = replace(NUMPY, literal=self._number, call=self._own)

    # Names

    def _bound(self, key: Any, stem: str, value: Callable[[], Any]) -> str:
        """Return the name that something has in the source; bind it when it is met first."""
        if key not in self._known:
            name = self._known[key] = f"{stem}{len(self._known)}_"
            self.fixed[name] = value()
        return self._known[key]

    def _number(self, number: float) -> str:
        return self._bound(("number", repr(number)), "c", lambda: np.array(number))  # an array already: faster

    def _own(self, operation: Operation, operands: Sequence[str]) -> str:
        return f"{self._bound(operation, 'own', lambda: called_function(operation))}({', '.join(operands)})"

    def part(self, name: str, index: str, make: Callable[[Any], Any]) -> str:
        """Return the name of a part of an array, made once for each memory; of a gathered one, an expression."""
        if not name.isidentifier():
            return f"{name}{index}"
        part = f"{name}{''.join(letter if letter.isalnum() else '_' for letter in index)}"
        if name in self.fixed:
            self.fixed[part] = make(self.fixed[name])
        else:
            self.parts[part] = lambda names: make(names[name])
        return part

    def view(self, operand: Operand, once: bool = False, whole: bool = False, small: bool = False) -> str:
        """Return the source of the numbers of an operand: a view; where its slots lie irregularly, a gather.

        Constants that are all the same are one number, unless the `whole` array is wanted. Axes along which slots
        repeat are left out where each slot is wanted `once`, and have length 1 in a `small` view, to be broadcast.
        """
        if operand.constants is not None:
            numbers = operand.constants
            if not whole and (number := operand.repeated) is not None:
                return self._number(number)
            return self._bound(("constants", numbers.shape, numbers.tobytes()), "k", lambda: numbers)
        view = self.seen(operand)
        if view.strides is None or (once and not view.distinct):
            return f"{'batch' if operand.batched else 'plain'}[{self.index(operand)}]"
        kind = "once" if once else "small" if small and view.repeated else ""
        key = "view", view.first, view.shape, view.strides, view.batched, kind
        if key not in self._known:
            name = self._known[key] = f"{'b' if view.batched else 'a'}{len(self._known)}_"
            self.views[name] = view, kind
        return self._known[key]

    def seen(self, operand: Operand) -> View:
        """Return how the slots of an operand lie in the buffer."""
        key = id(operand.slots), operand.batched
        if key not in self._seen:
            self._seen[key] = View(operand.slots, self.layout if operand.batched else None)
        return self._seen[key]

    def index(self, operand: Operand) -> str:
        """Return the name of the index by which slots are gathered or scattered."""
        key = "index", operand.slots.shape, operand.slots.tobytes(), operand.batched
        if key not in self._known:
            name = self._known[key] = f"i{len(self._known)}_"
            (self.scattered if operand.batched else self.fixed)[name] = operand.slots
        return self._known[key]

    def roots(self, roots: Sequence[tuple[Any, bool]]) -> str:
        """Return the source of the list of the roots."""
        if len(roots) > FEW_ROOTS and all(isinstance(slot, int) and not batched for slot, batched in roots):
            slots = np.array([slot for slot, _ in roots])
            return f"plain[{self._bound(('roots',), 'roots', lambda: slots)}].tolist()"
        return f"[{', '.join([self._root(*root) for root in roots])}]"

    def _root(self, slot: Any, batched: bool) -> str:
        """Return the source of a root: a float, or of a batched one an array."""
        if not isinstance(slot, int):
            return f"{self._bound(('float', repr(slot)), 'r', lambda: float(slot))}"
        return self.view(Operand(np.array(slot), True)) if batched else f"plain.item({slot})"

    # Lines

    def lines(self, instructions: Sequence[Instruction]) -> list[str]:
        """Return the lines of instructions."""
        write = {"map": self._map, "reduce": self._reduce, "product": self._product}
        return [line for instruction in instructions for line in write[instruction.kind](instruction)]

    def _map(self, instruction: Instruction) -> list[str]:
        alone = self._alone(instruction)
        sources = [self.view(operand, small=alone) for operand in instruction.operands]
        expression, target = instruction.expression, instruction.destination
        if isinstance(expression, float):
            return [f"{self._all(target)}.fill({self._number(expression)})"]
        terms = _terms(expression)
        if len(terms) > 2 and not instruction.add and alone:
            first, second, *others = [sources[term.key] for term in terms]
            y = self.view(target)
            return [f"add({first}, {second}, out={y})", *[f"add({y}, {other}, out={y})" for other in others]]
        return self._arrive(instruction, self._written(expression, sources), instruction.batched)

    def _written(self, expression: Any, sources: Sequence[str]) -> ArraySource:
        """Return an expression of operands as source; its last operation apart, where that can write to its place."""
        expression = self.dialect.rewritten(expression)
        text = self.dialect.source(expression, lambda key: sources[key])
        if expression.operation is None or NAMES.get(expression.operation) not in UFUNCS:
            return ArraySource(text)
        operands = [self.dialect.source(operand, lambda key: sources[key]) for operand in expression.operands]
        return ArraySource(text, NAMES[expression.operation], operands)

    def _all(self, target: Operand) -> str:
        """Return the source of slots that lie one after the other, for all examples."""
        if not target.batched:
            return self.view(target)
        first, stop = int(target.slots[0]), int(target.slots[-1]) + 1
        name = f"all{first}_{stop}"
        self.parts[name] = lambda names: names["batch"][first * names["examples"] : stop * names["examples"]]
        return name

    def _alone(self, instruction: Instruction) -> bool:
        """Whether each result has a place of its own, in a view."""
        view, over_examples = self.seen(instruction.destination), instruction.over_examples
        return view.strides is not None and view.distinct and not view.repeated and not over_examples

    def _arrive(self, instruction: Instruction, source: ArraySource, batched: bool) -> list[str]:
        """Return the lines by which what a source computes, batched or not, arrives at an instruction's destination."""
        target, add = instruction.destination, instruction.add
        view = self.seen(target)
        over_examples = batched and not target.batched
        if view.strides is None or not view.distinct:
            index, buffer = self.index(target), "batch" if target.batched else "plain"
            text = f"add.reduce({source}, axis=0)" if over_examples else str(source)
            if len(np.unique(target.slots)) == target.slots.size:
                return [f"{buffer}[{index}] {'+=' if add else '='} {text}"]
            return [*([] if add else [f"{buffer}[{index}] = 0.0"]), f"add.at({buffer}, {index}, {text})"]
        if not view.repeated and not over_examples:
            return [source.into(self.view(target), add)]
        y = self.view(target, once=True)
        axes = (*((0,) if over_examples else ()), *[axis + batched for axis in view.repeated])
        total = self._total_by_blas(instruction, axes)
        if total is None:
            along = f"axis={axes if len(axes) > 1 else axes[0]}"
            return [ArraySource("", "add.reduce", [str(source), along]).into(y, add)]
        return [total.into(self.part(y, "[None]", lambda a: a.reshape(-1)), add)]

    def _total_by_blas(self, instruction: Instruction, axes: tuple[int, ...]) -> ArraySource | None:
        """Return the sum over the rows of a matrix as a product with ones, which is the fastest; None for others."""
        (operand, *_) = instruction.operands
        shape = operand.shape
        source = self.view(operand)
        if instruction.operation is not None or len(axes) != 1 or not source.isidentifier() or not shape:
            return None
        if operand.batched and axes == (0,) and math.prod(shape[:-1]) == 1:
            ones, matrix = "ones", self.part(source, "_rows", lambda a: a.reshape(len(a), -1))
            self.parts[ones] = lambda names: np.ones(names["examples"])
        elif not operand.batched and len(shape) > 1 and axes == (len(shape) - 2,) and math.prod(shape[:-2]) == 1:
            ones, matrix = f"ones{shape[-2]}", self.part(source, "_rows", lambda a: a.reshape(a.shape[-2:]))
            self.fixed[ones] = np.ones(shape[-2])
        else:
            return None
        return ArraySource("", "matmul", [ones, matrix])

    def _reduce(self, instruction: Instruction) -> list[str]:
        source, y = self.view(instruction.operands[0]), self.view(instruction.destination)
        name = instruction.expression.operation.name
        return [f"maximum.reduce({source}, axis=-1, out={y})" if name == "max" else f"{y}[...] = row_{name}({source})"]

    def _product(self, instruction: Instruction) -> list[str]:
        a, b, *addends = instruction.operands
        target = instruction.destination
        left, right = self.view(a, whole=True), self.view(b, whole=True)
        view = self.seen(target)
        if view.strides is not None and view.distinct and not view.repeated:
            y = self.view(target)
            index, source = matrices(instruction, left, right, self.part)
            place = self.part(y, *index) if index else y
            # Where NumPy cannot hand the place of a matrix to BLAS, it multiplies by itself, which is slow.
            if source.function == "matmul" and view.strides[-1] != 1 and target.shape[-1] > 1:
                source = ArraySource(str(source))
            lines = [source.into(place, instruction.add)]
        elif instruction.over_examples:
            _, source = matrices(instruction, left, right, self.part)
            lines = self._arrive(instruction, ArraySource(f"({source}).reshape{target.shape}"), False)
        else:
            turned = self.part(right, ".swapaxes(-1, -2)", lambda r: r.swapaxes(-1, -2))
            lines = self._arrive(instruction, ArraySource("", "matmul", [left, turned]), instruction.batched)
        return lines + [f"add({self.view(target)}, {self.view(addend)}, out={self.view(target)})" for addend in addends]


def _terms(expression: Any) -> list[Expression]:
    """Return the terms of a sum of symbols; of anything else, nothing."""
    if expression.operation is None:
        return [expression]
    if expression.operation is rules.add and isinstance(expression.operands[1], Expression):
        before, last = _terms(expression.operands[0]), expression.operands[1]
        return [*before, last] if before and last.operation is None else []
    return []
