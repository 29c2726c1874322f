"""C99: a program as one function of plain arrays, without allocation and without globals.

The instructions of the program, forward and their adjoint, are printed as loops; those of a narrow program, its blocks
of steps, line by line. All numbers lie in an array that the caller gives, so nothing is shared between two calls.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from typing import Any, ClassVar

import numpy as np

from autograd.compiler.adjoint import Adjoint
from autograd.compiler.blocks import adjoint_of, blocks_of
from autograd.compiler.instructions import Affine, Block, IndexTable, Instruction, Operand
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program
from autograd.compiler.views import regular
from autograd.export._words_of_c import OF_MANY, SAME_IN_C, c_function, c_number, dialect, helpers
from autograd.rules import Expression, Functions, symbol

LISTED = 24  # parameters whose numbers stand in the example
LINE_WIDTH = 100  # characters of a line of numbers
RESERVED = {
    *("auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern"),
    *("float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed"),
    *("sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "main"),
    *("theta", "x", "gradient", "work", "v", "printf", "pow", "fabs", "fmax", "fmod", "isinf", "NAN", "INFINITY"),
    *("index", "y0", "y1", "yn", "j0", "j1", "jn", "gamma"),  # that C libraries may have
    *(row.name for row in SAME_IN_C),
}


def source_of(program: Program, name: str, file: str) -> str:
    """Return a program as the text of a C file; its name stands in the example."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED:
        raise ValueError(f"to_c takes a free identifier of C as the name of the function, such as 'loss', got {name!r}")
    lowering = replace(program.lowering)  # of which the adjoint is made anew
    if len(lowering.roots) != 1:
        raise ValueError(f"to_c writes a function with one result, got a program with {len(lowering.roots)}")
    writer = StepWriter(lowering, name) if program.form == "steps" else ArrayWriter(lowering, name)
    return writer.text(file)


class _Writer:
    """What writes a program: `v` has the numbers of plain variables first, then at `batched` those of an example."""

    batched: int
    size: int
    root: str
    counter: ClassVar[str] = "int"  # how a language declares the variable of a loop, and a number
    local: ClassVar[str] = "double"

    def __init__(self, lowering: Lowering, name: str) -> None:
        self.lowering = lowering
        self.name = name
        self.functions = Functions(dialect(name), c_function, f"{name}_row_")
        self.dialect = self.functions.dialect
        self.tables: dict[tuple[str, ...], str] = {}
        self.arguments, self.parameters = lowering.arguments, lowering.wrt
        self.inputs = self.arguments + len(lowering.batched)
        self.wanted = (slice(0, self.arguments), slice(0, len(lowering.batched)))
        if self.parameters:
            self.wanted = (slice(self.arguments, self.arguments + self.parameters), slice(0, 0))

    def table(self, kind: str, numbers: Sequence[str]) -> str:
        """Return the name of a table of numbers, the same for the same ones."""
        return self.tables.setdefault((kind, *numbers), f"{kind[0]}{len(self.tables)}")

    def number(self, number: float) -> str:
        """Write a number, exactly."""
        return c_number(number)

    def constants(self, start: int, numbers: Sequence[float]) -> list[str]:
        """Return the lines that put numbers into slots that follow each other."""
        if len(numbers) <= 4:
            return [f"v[{start + n}] = {self.number(number)};" for n, number in enumerate(numbers)]
        table = self.table("double", list(map(self.number, numbers)))
        return _copied("v", start, table, 0, len(numbers), self.counter)

    def text(self, file: str) -> str:
        """Return the whole file, which has this name."""
        forward, backward, slopes = self.lines()
        captured = [leaf.number for leaf in self.lowering.variables[self.arguments + self.parameters :]]
        loads = [
            *_copied("v", 0, "x", 0, self.arguments),
            *_copied("v", self.arguments, "theta", 0, self.parameters),
            *self.constants(self.arguments + self.parameters, captured),
            *_copied("v", self.batched, "x", self.arguments, self.inputs - self.arguments),
        ]
        loads += [f"(void){unused};" for unused, count in (("theta", self.parameters), ("x", self.inputs)) if not count]
        handed = [line for start, first, count in slopes for line in _copied("gradient", first, "v", start, count)]
        body = ["double *v = work;", *loads, *forward, "if (gradient) {", *_indented([*backward, *handed]), "}"]
        body.append(f"return {self.root};")
        tables = [line for key, table in self.tables.items() for line in _table(table, *key)]
        signature = f"double {self.name}(const double *theta, const double *x, double *gradient, double *work)"
        function = "\n".join([f"{signature} {{", *_indented([*tables, *body]), "}"])
        gradient = self.parameters or self.inputs
        sizes = {"parameters": self.parameters, "inputs": self.inputs, "gradient": gradient, "work": max(1, self.size)}
        rows = self.functions.definitions.values()
        enum = ", ".join(f"{self.name}_{what} = {count}" for what, count in sizes.items())
        return "\n".join(
            [
                self._comment(file),
                "#include <math.h>",
                "",
                f"enum {{ {enum} }};",
                "",
                *helpers(self.name, "\n".join([*rows, function])),
                *rows,
                "",
                function,
                "",
            ]
        )

    def lines(self) -> tuple[list[str], list[str], list[tuple[int, int, int]]]:
        """Return the lines forward and backward, and which slots hold which part of the gradient."""
        raise NotImplementedError

    def _comment(self, file: str) -> str:
        name, count = self.name, self.parameters
        numbers = [leaf.number for leaf in self.lowering.variables[self.arguments :][:count]]
        theta = ", ".join(map(c_number, numbers)) if 0 < count <= LISTED else "0"
        by = "theta" if count else "x"
        rows = [
            f"{name}: a function and its gradient by {by}, written by scalar-autograd {_version()}.",
            "",
            f"    theta     {count} parameters{_named(self._names(False), count)}",
            f"    x         {self.inputs} inputs{_named(self._names(True), self.inputs)}",
            f"    gradient  NULL, or room for {name}_gradient numbers: the derivatives by {by}",
            f"    work      room for {name}_work numbers, whose content does not matter",
            "",
            "Where the function is not defined it returns nan or an infinity. To call it, save this beside it as",
            "main.c, and compile with: cc -std=c99 main.c -lm",
            "",
            "    #include <stdio.h>",
            f'    #include "{_harmless(file)}"',
            "    int main(void) {",
            f"        static double theta[{name}_parameters + 1] = {{{theta}}}, x[{name}_inputs + 1] = {{0}};",
            f"        static double gradient[{name}_gradient + 1], work[{name}_work];",
            f'        printf("value %.17g\\n", {name}(theta, x, gradient, work));',
            f"        for (int i = 0; i < {name}_gradient; i++)",
            '            printf("gradient[%d] %.17g\\n", i, gradient[i]);',
            "        return 0;",
            "    }",
        ]
        return "\n".join(["/*", *[f" * {row}".rstrip() for row in rows], " */"])

    def _names(self, inputs: bool) -> list[tuple[str, int, int]]:
        """Return the names of parts of the parameters or the inputs: a name, the first number, and how many."""
        found = []
        for title, start, count, batched in self.lowering.blocks:
            first = start + self.arguments if batched else start
            is_input = batched or start < self.arguments
            if count and is_input == inputs and title != "captured":
                first = first if inputs else start - self.arguments
                found.append((title, first, count))
        return found


class ArrayWriter(_Writer):
    """The instructions of a program as loops."""

    def lines(self) -> tuple[list[str], list[str], list[tuple[int, int, int]]]:
        """Return the lines forward and backward, and which slots hold which part of the gradient."""
        code = self.lowering.code
        adjoint = Adjoint(code)
        back = adjoint.instructions(self.wanted)
        self.batched = code.slots[0]
        self.size = sum(code.slots)
        forward = self.constants(*code.constants)
        forward += [line for instruction in code.instructions for line in self._lines(instruction)]
        backward = [f"v[{int(seed)}] = 1.0;" for seed in adjoint.seeds]
        backward += [line for instruction in back for line in self._lines(instruction)]
        slot, batched = code.roots[0]
        self.root = f"v[{slot + self.batched * batched}]" if isinstance(slot, int) else self.number(slot)
        slopes, first = [], 0
        for flag, wanted in enumerate(self.wanted):
            places = adjoint.place[flag][wanted] + self.batched * flag
            for start, count in _runs(places.tolist()):
                slopes.append((start, first, count))
                first += count
        return forward, backward, slopes

    def _lines(self, instruction: Instruction) -> list[str]:
        write = {"map": self._map, "reduce": self._reduce, "product": self._product}
        return write[instruction.kind](instruction)

    def _at(self, operand: Operand, axes: Sequence[str]) -> str:
        """Return the source of an operand's number, where these are the loops' variables, or 0."""
        if operand.constants is not None:
            numbers = operand.constants.ravel()
            if (numbers == numbers[0]).all():
                return self.number(numbers[0])
            return f"{self.table('double', list(map(self.number, numbers)))}[{_row_major(operand.shape, axes)}]"
        slots = np.asarray(operand.slots) + self.batched * operand.batched
        strides = regular(slots)
        if strides is None:
            return f"v[{self.table('int', list(map(str, slots.ravel())))}[{_row_major(slots.shape, axes)}]]"
        return f"v[{_affine(int(slots.flat[0]), zip(strides, axes, strict=True))}]"

    def _arrive(
        self, target: Operand, axes: Sequence[str], source: str, add: bool, before: Sequence[str] = ()
    ) -> list[str]:
        """Return loops that compute the numbers of a destination; what arrives at one several times is summed."""
        place = self._at(target, axes)
        repeats = len(np.unique(target.slots)) < target.slots.size
        moving = [axis if re.search(rf"\b{axis}\b", place) else "0" for axis in axes]
        lines = self._looped(target.shape, moving, [f"{place} = 0.0;"]) if repeats and not add else []
        body = [*before, f"{place} {'+=' if add or repeats else '='} {source};"]
        return [*lines, *self._looped(target.shape, axes, body)]

    def _looped(self, shape: Sequence[int], axes: Sequence[str], body: Sequence[str]) -> list[str]:
        return _loops(shape, axes, body, self.counter)

    def _map(self, instruction: Instruction) -> list[str]:
        operands = [instruction.destination, *instruction.operands]
        target, *operands = self._flat(operands)
        axes = _axes(target.shape)
        sources = [self._at(operand, axes) for operand in operands]
        source = self.dialect.source(instruction.expression, lambda key: sources[key])
        return self._arrive(target, axes, source, instruction.add)

    def _flat(self, operands: Sequence[Operand]) -> Sequence[Operand]:
        """Return operands in one axis, where all are regular in it, or none has to be."""
        flat = [operand.reshape((-1,)) for operand in operands]
        whole = all(o.constants is not None or regular(np.asarray(o.slots)) is not None for o in flat)
        return flat if whole and len(operands[0].shape) != 1 else operands

    def _product(self, instruction: Instruction) -> list[str]:
        a, b, *addends = instruction.operands
        target = instruction.destination
        c, i, j = axes = _axes(target.shape)
        count = a.shape[2]
        k = "k" if count > 1 else "0"
        added = " + ".join([self._at(addend, axes) for addend in addends]) or "0.0"
        term = f"{self._at(a, [c, i, k])} * {self._at(b, [c, j, k])}"
        if count == 1:
            source = term if not addends else f"{added} + {term}"
            return self._arrive(target, axes, source, instruction.add)
        loop = f"for ({self.counter} k = 0; k < {count}; k++)"
        before = [f"{self.local} sum = {added};", f"{loop} sum += {term};"]
        return self._arrive(target, axes, "sum", instruction.add, before)

    def _reduce(self, instruction: Instruction) -> list[str]:
        (rows,) = instruction.operands
        operation = instruction.expression.operation
        number, count = rows.shape
        slots = np.asarray(rows.slots) + self.batched * rows.batched
        strides = None if rows.constants is not None else regular(slots)
        (axis,) = _axes((number,))
        if operation in OF_MANY and strides is not None:
            first = _affine(int(slots.flat[0]), [(strides[0], axis)])
            source = f"{self.name}_{OF_MANY[operation]}(v + {first}, {count}, {strides[1]})"
            return self._arrive(instruction.destination, [axis], source, instruction.add)
        return self._by_columns(instruction)

    def _by_columns(self, instruction: Instruction) -> list[str]:
        """Return the lines of a reduction that name each number of a row."""
        (rows,) = instruction.operands
        (axis,) = _axes(rows.shape[:1])
        parts = [self._at(column, [axis]) for column in _columns(rows)]
        whole = Expression(instruction.expression.operation, map(symbol, range(len(parts))))
        source = self.dialect.source(whole, lambda key: parts[key])
        return self._arrive(instruction.destination, [axis], source, instruction.add)


class StepWriter(_Writer):
    """The blocks of a program, step by step; the adjoint of a slot is so many slots after it."""

    def lines(self) -> tuple[list[str], list[str], list[tuple[int, int, int]]]:
        """Return the lines forward and backward, and which slots hold which part of the gradient."""
        steps, variables = self.lowering.steps, len(self.lowering.inputs)
        count = variables + len(steps)
        self.batched, self.size = len(self.lowering.variables), 2 * count
        blocks = blocks_of(steps, variables)
        forward = [line for block in blocks for line in self._block(block)]
        (root,) = self.lowering.places
        self.root = f"v[{root}]" if isinstance(root, int) else c_number(root)
        backward = [f"for (int i = {count}; i < {2 * count}; i++) v[i] = 0.0;"]
        backward += [f"v[{root + count}] = 1.0;"] if isinstance(root, int) else []
        backward += [line for block in reversed(blocks) for line in self._block(adjoint_of(block, count))]
        plain, batched = self.wanted
        slopes = [(count + plain.start, 0, plain.stop - plain.start)]
        slopes.append((count + self.batched, plain.stop - plain.start, batched.stop))
        return forward, backward, slopes

    def _block(self, block: Block) -> list[str]:
        lines = []
        for step in block.steps:
            operands = list(map(self._operand, step.operands))
            source = self.dialect.source(step.expression, operands.__getitem__)
            if isinstance(step.destination, str):
                lines.append(f"double {step.destination} = {source};")
            else:
                lines.append(f"{self._operand(step.destination)} {'+=' if step.add else '='} {source};")
        if block.repetitions == 1:
            return lines if not any(isinstance(step.destination, str) for step in block.steps) else _braced("", lines)
        return _braced(f"for (int i = 0; i < {block.repetitions}; i++) ", lines)

    def _operand(self, operand: Any) -> str:
        if isinstance(operand, str):
            return operand
        if isinstance(operand, Affine):
            return f"v[{_affine(operand.first, [(operand.stride, 'i')])}]"
        if isinstance(operand, IndexTable):
            return f"v[{self.table('int', list(map(str, operand.slots)))}[i]]"
        if isinstance(operand, (list, tuple)):
            return f"{self.table('double', list(map(c_number, operand)))}[i]"
        return c_number(operand)


def _columns(rows: Operand) -> list[Operand]:
    """Return the columns of an operand with two axes."""

    def column(number: int) -> Operand:
        return rows.arranged(partial(np.take, indices=number, axis=1))

    return list(map(column, range(rows.shape[1])))


# Pieces of C


def _axes(shape: Sequence[int]) -> list[str]:
    """Return a variable for each axis, 0 for those of length 1."""
    return [letter if length > 1 else "0" for letter, length in zip("abcdefgh"[: len(shape)], shape, strict=True)]


def _affine(first: int, moves: Any) -> str:
    terms = [axis if stride == 1 else f"{stride} * {axis}" for stride, axis in moves if stride and axis != "0"]
    return " + ".join([*([str(first)] if first or not terms else []), *terms])


def _row_major(shape: Sequence[int], axes: Sequence[str]) -> str:
    strides = [int(np.prod(shape[n + 1 :], dtype=int)) for n in range(len(shape))]
    return _affine(0, zip(strides, axes, strict=True))


def _loops(shape: Sequence[int], axes: Sequence[str], body: Sequence[str], counter: str = "int") -> list[str]:
    loops = [f"for ({counter} {a} = 0; {a} < {n}; {a}++)" for a, n in zip(axes, shape, strict=True) if a != "0"]
    if len(body) > 1:
        return _braced(f"{' '.join(loops)} ".lstrip(), body)
    return [" ".join([*loops, *body])]


def _braced(head: str, lines: Sequence[str]) -> list[str]:
    return [f"{head}{{", *_indented(lines), "}"]


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _copied(target: str, start: int, source: str, first: int, count: int, counter: str = "int") -> list[str]:
    if not count:
        return []
    move = [(1, "i" if count > 1 else "0")]
    body = [f"{target}[{_affine(start, move)}] = {source}[{_affine(first, move)}];"]
    return _loops((count,), [move[0][1]], body, counter)


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Return numbers as runs that count up by one: the first one, and how many."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([place, 1])
    return [(start, count) for start, count in runs]


def _table(name: str, kind: str, *numbers: str) -> list[str]:
    lines = textwrap.wrap(", ".join(numbers), LINE_WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"static const {kind} {name}[{len(numbers)}] = {{", *_indented(lines), "};"]


def _named(parts: Sequence[tuple[str, int, int]], total: int) -> str:
    """Return which names parts of an array have, as a comment; none can end it."""
    shown = [
        f"{first} {_harmless(title)}" if count == 1 else f"{first} to {first + count - 1} {_harmless(title)}"
        for title, first, count in parts
        if title != "theta" and total
    ]
    return f": {', '.join(shown)}" if shown else ""


def _version() -> str:
    try:
        return metadata.version("scalar-autograd")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "(not installed)"


def _harmless(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+() -]", "_", label)[:40]
