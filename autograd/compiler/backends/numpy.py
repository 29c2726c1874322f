"""Back end and code generator `numpy`: each instruction is a line or two of NumPy source, forward and backward alike.

Operands are views of the buffers, made once for each number of examples; only what lies irregularly is gathered and
scattered. Nothing in the source but its layout comes from the graph: functions, numbers and views are bound by names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import CodeType
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler.adjoint import Adjoint
from autograd.compiler.backends._words import ARRAY_FUNCTIONS, NAMES, NUMPY, called_function
from autograd.compiler.instructions import Array, Code, Instruction, Operand, Slots
from autograd.compiler.listing import NamedSlots as Named
from autograd.compiler.listing import floating_point_operations, listing
from autograd.compiler.lowering import Lowering
from autograd.compiler.views import Layout, View
from autograd.rules import Expression, Operation

UFUNCS = {name for name, function in ARRAY_FUNCTIONS.items() if isinstance(function, np.ufunc)}
FEW_ROOTS = 8  # up to which each is read by itself
MEMORIES_KEPT = 4  # numbers of examples of which the buffers are kept


class NumpyProgram:
    """Instructions as NumPy source, compiled, and the buffers that it runs on."""

    backend = "numpy"
    form = "arrays"
    takes_lists = False
    both = None

    def __init__(self, lowering: Lowering) -> None:
        self.code = code = lowering.code
        self.roots = code.roots
        self.adjoint = Adjoint(code)
        arguments, wrt, (_, batched) = lowering.arguments, lowering.wrt, code.inputs
        backward = {
            "captured": self.adjoint.instructions((slice(arguments, arguments + wrt), slice(0, 0))),
            "arguments": self.adjoint.instructions((slice(0, arguments), slice(0, batched))),
        }
        self.writer = Writer(code)
        self.risky = [self.writer.view(results) for results, _ in code.risky]
        lines = {"forward": [*self.writer.lines(code.instructions), f"return {self.writer.roots(code.roots)}"]}
        lines |= {by: self.writer.lines(instructions) for by, instructions in backward.items()}
        self.sources = {name: "\n".join(written) for name, written in lines.items()}
        self._codes = {name: _compiled(name, written) for name, written in lines.items()}
        self._memories: dict[int, ArrayMemory] = {}

    @property
    def source(self) -> str:
        """The source that runs: forward, and backward to the Values that the function uses."""
        return "\n\n".join([self.sources["forward"], self.sources["captured"]])

    def memory(self, examples: int = 1) -> ArrayMemory:
        """Return buffers for this many examples; those of the last few numbers are kept."""
        memory = self._memories.pop(examples, None)
        if memory is None:
            memory = ArrayMemory(self, examples)
            while len(self._memories) >= MEMORIES_KEPT:
                del self._memories[next(iter(self._memories))]
        self._memories[examples] = memory
        return memory

    def forward(self, memory: ArrayMemory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example."""
        found: list[Any] = memory.run("forward")
        return found

    def backward(self, memory: ArrayMemory, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints, for the sum of the roots times their seeds: by the "captured" Values or "arguments"."""
        memory.seeds[:] = seeds
        memory.run(by)

    def not_finite(self, memory: ArrayMemory, roots: Sequence[Any]) -> list[int]:
        """Return the examples with a root, or a result that may be, that is not finite; of what all have, the first."""
        plain = sum([root for root in roots if type(root) is float], 0.0)  # finite only if all of them are
        looked_at = [
            plain,
            *[root for root in roots if type(root) is not float],
            *[memory.names[name] for name in self.risky],
        ]
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, and a sum of finite numbers too large for one
            totals = [results if type(results) is float else np.add.reduce(results, None) for results in looked_at]
        for results, total in zip(looked_at, totals, strict=True):
            if not (math.isfinite(total) or np.isfinite(results).all()):
                return self._not_finite(memory, roots)
        return []

    def _not_finite(self, memory: ArrayMemory, roots: Sequence[Any]) -> list[int]:
        odd = np.zeros(memory.examples, dtype=bool)

        def look(finite: Any, batched: bool) -> None:
            if batched:
                np.logical_or(odd, ~finite.reshape(memory.examples, -1).all(axis=1), out=odd)
            else:
                odd[:1] |= not finite.all()

        for number, (_, batched) in zip(roots, self.roots, strict=True):
            look(np.isfinite(number), batched)
        for results, operands in self.code.risky:
            finite = np.isfinite(memory.gather(results))
            for operand in operands:  # nan of nan is no error, nor what a guard lets in
                finite = finite | np.isnan(memory.gather(operand))
            look(finite, results.batched)
        return np.flatnonzero(odd).tolist()

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        return {
            "nodes": self.code.nodes,
            "instructions": len(self.code.instructions),
            "operations": sum(map(floating_point_operations, self.code.instructions)),
            "bytes": 16 * sum(self.adjoint.sizes),
        }

    def listing(self, variables: Sequence[Named]) -> str:
        """List the instructions: result, operands with their shapes, and how many nodes each stands for."""
        return listing(self.code, variables, self.stats)

    def bind(self, memory: ArrayMemory) -> None:
        """Give a memory its views, and the functions that run on it."""
        names = memory.names
        names |= self.writer.fixed
        names |= {"plain": memory.buffer[False], "batch": memory.buffer[True], "examples": memory.examples}
        for name, slots in self.writer.scattered.items():
            names[name] = memory.layout.positions(slots, memory.examples)
        for name, (view, kind) in self.writer.views.items():
            names[name] = view.of(memory.buffer[view.batched], memory.examples, kind)
        for name, make in self.writer.parts.items():
            names[name] = make(names)
        for name, code in self._codes.items():
            exec(code, names)
            memory.runs[name] = names.pop("run")


class ArrayMemory:
    """The buffers of a program for one number of examples."""

    def __init__(self, program: NumpyProgram, examples: int) -> None:
        code = program.code
        self.examples = examples
        self.layout = program.writer.layout
        plain, batched = code.slots
        self.buffer = [np.zeros(plain), np.zeros(examples * batched)]
        start, constants = code.constants
        self.buffer[False][start : start + len(constants)] = constants
        self.first = program.adjoint.first
        self.plain = self.buffer[False][: self.first[0]]
        self.plain_adjoints = self.buffer[False][self.first[0] : 2 * self.first[0]]
        seeds = program.adjoint.seeds
        self.seeds = self.buffer[False][int(seeds[0]) : int(seeds[0]) + len(seeds)] if len(seeds) else np.zeros(0)
        self.arguments: list[Array] = []  # where the arguments of a function are
        self.tick = -1  # of the recording's clock, when the data of Values was read last
        self.names: dict[str, Any] = {}
        self.runs: dict[str, Callable[[], Any]] = {}
        program.bind(self)

    def run(self, name: str) -> Any:
        """Run a part of the program: "forward", or backward by "captured" or "arguments"."""
        with np.errstate(all="ignore"):
            return self.runs[name]()

    def gather(self, operand: Operand) -> Array:
        """Return a copy of the numbers of an operand, of a batched one with the examples in front."""
        if operand.constants is not None:
            return operand.constants
        if not operand.batched:
            return self.buffer[False][operand.slots]
        return self.buffer[True][self.layout.positions(operand.slots, self.examples)]

    def rows(self, slot: int, *, adjoint: bool = False) -> Array:
        """Return the block of a batched slot, such as an argument, with a row for each example."""
        return self.layout.block(slot + adjoint * self.first[1], self.buffer[True], self.examples)

    def inputs(self, example: int) -> list[float]:
        """Return the numbers that the variables have in an example."""
        plain, batched = self.layout.inputs
        found: list[float] = self.plain[:plain].tolist()
        first = self.layout.start
        return found + [float(self.rows(slot)[example, slot - int(first[slot])]) for slot in range(batched)]


class Writer:
    """A code generator: it writes instructions as NumPy source, and binds what the source names.

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
            first = float(numbers.flat[0])
            if not whole and (numbers == first).all():
                return self._number(first)
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

    def _written(self, expression: Any, sources: Sequence[str]) -> _Source:
        """Return an expression of operands as source; its last operation apart, where that can write to its place."""
        expression = self.dialect.rewritten(expression)
        text = self.dialect.source(expression, lambda key: sources[key])
        if expression.operation is None or NAMES.get(expression.operation) not in UFUNCS:
            return _Source(text)
        operands = [self.dialect.source(operand, lambda key: sources[key]) for operand in expression.operands]
        return _Source(text, NAMES[expression.operation], operands)

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
        view, over_examples = (
            self.seen(instruction.destination),
            instruction.batched and not instruction.destination.batched,
        )
        return view.strides is not None and view.distinct and not view.repeated and not over_examples

    def _arrive(self, instruction: Instruction, source: _Source, batched: bool) -> list[str]:
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
            return [_Source("", "add.reduce", [str(source), f"axis={axes if len(axes) > 1 else axes[0]}"]).into(y, add)]
        return [total.into(self.part(y, "[None]", lambda a: a.reshape(-1)), add)]

    def _total_by_blas(self, instruction: Instruction, axes: tuple[int, ...]) -> _Source | None:
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
        return _Source("", "matmul", [ones, matrix])

    def _reduce(self, instruction: Instruction) -> list[str]:
        source, y = self.view(instruction.operands[0]), self.view(instruction.destination)
        name = instruction.expression.operation.name
        return [f"maximum.reduce({source}, axis=-1, out={y})" if name == "max" else f"{y}[...] = row_{name}({source})"]

    def _product(self, instruction: Instruction) -> list[str]:
        a, b, *addends = instruction.operands
        target = instruction.destination
        left, right = self.view(a, whole=True), self.view(b, whole=True)
        over_examples = instruction.batched and not target.batched
        view = self.seen(target)
        if view.strides is not None and view.distinct and not view.repeated:
            y = self.view(target)
            index, source = self._matrices(instruction, left, right)
            place = self.part(y, *index) if index else y
            # Where NumPy cannot hand the place of a matrix to BLAS, it multiplies by itself, which is slow.
            if source.function == "matmul" and view.strides[-1] != 1 and target.shape[-1] > 1:
                source = _Source(str(source))
            lines = [source.into(place, instruction.add)]
        elif over_examples:
            _, source = self._matrices(instruction, left, right)
            lines = self._arrive(instruction, _Source(f"({source}).reshape{target.shape}"), False)
        else:
            turned = self.part(right, ".swapaxes(-1, -2)", lambda r: r.swapaxes(-1, -2))
            lines = self._arrive(instruction, _Source("", "matmul", [left, turned]), instruction.batched)
        return [
            *lines,
            *[f"add({self.view(target)}, {self.view(addend)}, out={self.view(target)})" for addend in addends],
        ]

    def _matrices(self, instruction: Instruction, left: str, right: str) -> tuple[tuple[str, Any] | None, _Source]:
        """Return a product as the fastest call for its shapes, and the part of the results that it computes."""
        a, b, *_ = instruction.operands
        c, n, m = instruction.destination.shape
        k = a.shape[2]
        part = self.part
        if instruction.batched and not instruction.destination.batched:  # summed over the examples
            if c == 1 and a.batched and b.batched:
                if k == 1:
                    rows = part(left, "[:, 0, :, 0].T", lambda x: x[:, 0, :, 0].T)
                    columns = part(right, "[:, 0, :, 0]", lambda x: x[:, 0, :, 0])
                    return ("[0]", lambda y: y[0]), _Source("", "matmul", [rows, columns])
                sides = [part(side, "[:, 0]", lambda x: x[:, 0]) for side in (left, right)]
                return ("[0]", lambda y: y[0]), _Source(f"tensordot({sides[0]}, {sides[1]}, ((0, 2), (0, 2)))")
            turned = part(right, ".swapaxes(-1, -2)", lambda x: x.swapaxes(-1, -2))
            return None, _Source("", "add.reduce", [f"matmul({left}, {turned})", "axis=0"])
        if n == m == 1 and a.batched is b.batched:
            if c == 1 and not a.batched:
                sides = [part(side, "[0, 0]", lambda x: x[0, 0]) for side in (left, right)]
                return ("[0, 0, 0, ...]", lambda y: y[0, 0, 0, ...]), _Source("", "matmul", sides)
            sides = [part(side, "[..., 0, :]", lambda x: x[..., 0, :]) for side in (left, right)]
            return ("[..., 0, 0]", lambda y: y[..., 0, 0]), _Source("", "einsum", ["'...k,...k->...'", *sides])
        if c == 1 and not a.batched and not b.batched:
            sides = [part(left, "[0]", lambda x: x[0]), part(right, "[0].T", lambda x: x[0].T)]
            return ("[0]", lambda y: y[0]), _Source("", "matmul", sides)
        if c == n == 1 and a.batched and not b.batched:  # with a row for each example
            sides = [part(left, "[:, 0, 0]", lambda x: x[:, 0, 0]), part(right, "[0].T", lambda x: x[0].T)]
            return ("[:, 0, 0]", lambda y: y[:, 0, 0]), _Source("", "matmul", sides)
        if c == m == 1 and b.batched and not a.batched:
            sides = [part(right, "[:, 0, 0]", lambda x: x[:, 0, 0]), part(left, "[0].T", lambda x: x[0].T)]
            return ("[:, 0, :, 0]", lambda y: y[:, 0, :, 0]), _Source("", "matmul", sides)
        turned = part(right, ".swapaxes(-1, -2)", lambda x: x.swapaxes(-1, -2))
        return None, _Source("", "matmul", [left, turned])


class _Source:
    """The source of an array: text, or a call of a function that can write to a given place."""

    def __init__(self, text: str, function: str = "", arguments: Sequence[str] = ()) -> None:
        self.text = text or f"{function}({', '.join(arguments)})"
        self.function = function
        self.arguments = arguments

    def __str__(self) -> str:
        return self.text

    def into(self, y: str, add: bool) -> str:
        """Return the line that writes the array to a view, or adds it, without a copy where NumPy can."""
        if add:
            return f"add({y}, {self}, out={y})"
        if self.function:
            return f"{self.function}({', '.join([*self.arguments, f'out={y}'])})"
        return f"positive({self}, out={y})" if self.text.isidentifier() else f"{y}[...] = {self}"


def _terms(expression: Any) -> list[Expression]:
    """Return the terms of a sum of symbols; of anything else, nothing."""
    if expression.operation is None:
        return [expression]
    if expression.operation is rules.add and isinstance(expression.operands[1], Expression):
        before, last = _terms(expression.operands[0]), expression.operands[1]
        return [*before, last] if before and last.operation is None else []
    return []


def _compiled(name: str, lines: Sequence[str]) -> CodeType:
    body = "\n    ".join(lines or ["pass"])
    return compile(f"def run():\n    {body}", f"<{name}>", "exec")
