"""File of a program in C: the function around its lines, the example in the comment, and the tables of numbers."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from autograd.compiler.program import Program
from autograd.export._loop_source import affine, braced, copied, indented, loops, runs
from autograd.export._packages import version
from autograd.export._words_of_c import c_function, c_number, dialect, helpers
from autograd.rules import Functions

LISTED = 24  # parameters whose numbers stand in the example
LINE_WIDTH = 100  # characters of a line of numbers


@dataclass
class Printed:
    """A program in C: the lines forward and backward, and what lies where in `v`.

    - `roots`: for each root its slot, or its number where it is constant; `seeds`: where its adjoint is set to 1.
    - `guarded`: of several results, `backward` with a flag behind each adjoint: whether it has arrived.
    - `clear`: which adjoints are 0 at first: the first one, and how many.
    - `slopes`: which slots have the gradient: the first, and of what, and how many.
    """

    forward: list[str]
    backward: list[str]
    guarded: list[str]
    clear: tuple[int, int]
    roots: list[int | float]
    seeds: list[int]
    slopes: list[tuple[int, int, int]]


class CWriter:
    """What writes a program: `v` has the numbers of its variables first."""

    size: int
    counter: ClassVar[str] = "int"  # how a language declares the variable of a loop, and a number
    local: ClassVar[str] = "double"
    behind = 0  # how many places behind an adjoint its flag is; 0: there are none

    def __init__(self, program: Program, name: str) -> None:
        self.lowering = lowering = program.lowering.by_example(batched=False)
        self.constant_results = sorted(program.constant_results.items())
        self.name = name
        self.functions = Functions(dialect(name), c_function, f"{name}_row_")
        self.dialect = self.functions.dialect
        self.tables: dict[tuple[str, ...], str] = {}
        self.inputs, self.parameters = lowering.arguments, lowering.wrt
        self.gradient = self.parameters or self.inputs
        self.results = len(lowering.roots) + len(self.constant_results)
        first = self.inputs if self.parameters else 0
        self.wanted = (slice(first, first + self.gradient), slice(0, 0))

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
        return copied("v", start, table, 0, len(numbers), self.counter)

    def text(self, file: str) -> str:
        """Return the whole file, which has this name."""
        printed = self.lines()
        for position, number in self.constant_results:
            printed.roots.insert(position, number)
            printed.seeds.insert(position, -1)
        captured = [leaf.number for leaf in self.lowering.variables[self.inputs + self.parameters :]]
        loads = [
            *copied("v", 0, "x", 0, self.inputs),
            *copied("v", self.inputs, "theta", 0, self.parameters),
            *self.constants(self.inputs + self.parameters, captured),
        ]
        loads += [f"(void){unused};" for unused, count in (("theta", self.parameters), ("x", self.inputs)) if not count]
        results, outputs, body = self._one(printed) if self.results == 1 else self._several(printed)
        tables = [line for key, table in self.tables.items() for line in _table(table, *key)]
        signature = f"{results} {self.name}(const double *theta, const double *x, {outputs}, double *work)"
        body = [*tables, "double *v = work;", *loads, *printed.forward, *body]
        function = "\n".join(braced(f"{signature} ", body))
        sizes = {"parameters": self.parameters, "inputs": self.inputs, "gradient": self.gradient}
        sizes |= {"results": self.results} if self.results > 1 else {}
        sizes["work"] = max(1, self.size)
        enum = ", ".join(f"{self.name}_{what} = {count}" for what, count in sizes.items())
        parts = [self._comment(file), "#include <math.h>", "", f"enum {{ {enum} }};", ""]
        rows = self.functions.definitions.values()
        return "\n".join([*parts, *helpers(self.name, "\n".join([*rows, function])), *rows, "", function, ""])

    def _one(self, printed: Printed) -> tuple[str, str, list[str]]:
        """Return the type and the arguments of the result, and the lines that give it back, and the gradient."""
        seed = [f"v[{slot}] = 1.0;" for slot in printed.seeds if slot >= 0]
        handed = [line for slope in printed.slopes for line in _handed("gradient", slope)]
        lines = [*_cleared(printed.clear), *seed, *printed.backward, *handed]
        root = _source(printed.roots[0])
        return "double", "double *gradient", [*braced("if (gradient) ", lines), f"return {root};"]

    def _several(self, printed: Printed) -> tuple[str, str, list[str]]:
        """Return the same of several results: the adjoint is run once for each of them."""
        values: list[str] = []
        first = 0
        for slot, count in runs(printed.roots):
            moved = copied("values", first, "v", slot, count) if isinstance(slot, int) else []
            values += moved or [f"values[{first}] = {_source(slot)};"]
            first += count
        count = self.results * self.gradient
        lines = [*values, "if (!jacobian) return;", *self._rows(printed, printed.backward, 0)]
        # Where a result does not depend on what has an infinite slope, an adjoint of 0 made nan of it. To tell these
        # from others takes several times the time, so it is done only where there is nan.
        lines += ["int undefined = 0;", f"for (int i = 0; i < {count}; i++) undefined |= jacobian[i] != jacobian[i];"]
        lines += braced("if (undefined) ", self._rows(printed, printed.guarded, self.behind))
        return "void", "double *values, double *jacobian", lines

    def _rows(self, printed: Printed, backward: Sequence[str], behind: int) -> list[str]:
        """Return the loop over the rows of the Jacobian; `behind`: how many places behind an adjoint its flag is."""

        def seeded(place: str) -> str:
            return f"v[{place}] = {f'v[{place} + {behind}] = ' if behind else ''}1.0;"

        seed = seeded(affine(printed.seeds[0], [(1, "row")]))
        if len(runs(printed.seeds)) > 1:
            table = self.table("int", list(map(str, printed.seeds)))
            seed = f"if ({table}[row] >= 0) {seeded(f'{table}[row]')}"
        clear = [line for shift in sorted({0, behind}) for line in _cleared(printed.clear, shift)]
        handed = [line for slope in printed.slopes for line in _handed("jacobian", slope, self.gradient)]
        return braced(f"for (int row = 0; row < {self.results}; row++) ", [*clear, seed, *backward, *handed])

    def lines(self) -> Printed:
        """Print the program."""
        raise NotImplementedError

    def _comment(self, file: str) -> str:
        name, count, several = self.name, self.parameters, self.results > 1
        numbers = [leaf.number for leaf in self.lowering.variables[self.inputs :][:count]]
        theta = ", ".join(map(c_number, numbers)) if 0 < count <= LISTED else "0"
        by = "theta" if count else "x"
        title, gradient, room = "a function and its gradient", "gradient", f"{name}_gradient"
        outputs = [f"    gradient  NULL, or room for {room} numbers: the derivatives by {by}"]
        call = [f'printf("value %.17g\\n", {name}(theta, x, gradient, work));']
        if several:
            title = f"a function with {self.results} results and their Jacobian"
            gradient, room = "jacobian", f"{name}_results * {name}_gradient"
            outputs = [
                f"    values    room for {name}_results numbers, the results",
                f"    jacobian  NULL, or room for {room} numbers: a row of the derivatives by {by} for each result",
            ]
            call = [
                f"{name}(theta, x, values, jacobian, work);",
                f'for (int i = 0; i < {name}_results; i++) printf("value[%d] %.17g\\n", i, values[i]);',
            ]
        rows = [
            f"{name}: {title} by {by}, written by scalar-autograd {version()}.",
            "",
            f"    theta     {count} parameters{_named(self._names(False), count)}",
            f"    x         {self.inputs} inputs{_named(self._names(True), self.inputs)}",
            *outputs,
            f"    work      room for {name}_work numbers, whose content does not matter",
            "",
            "Where the function is not defined it returns nan or an infinity. To call it, save this beside it as",
            "main.c, and compile with: cc -std=c99 main.c -lm",
            "",
            "    #include <stdio.h>",
            f'    #include "{_harmless(file)}"',
            "    int main(void) {",
            f"        static double theta[{name}_parameters + 1] = {{{theta}}}, x[{name}_inputs + 1] = {{0}};",
            f"        static double {f'values[{name}_results], ' * several}{gradient}[{room} + 1], work[{name}_work];",
            *indented(indented(call)),
            f"        for (int i = 0; i < {room}; i++)",
            f'            printf("{gradient}[%d] %.17g\\n", i, {gradient}[i]);',
            "        return 0;",
            "    }",
        ]
        return "\n".join(["/*", *[f" * {row}".rstrip() for row in rows], " */"])

    def _names(self, inputs: bool) -> list[tuple[str, int, int]]:
        """Return the names of parts of the parameters or the inputs: a name, the first number, and how many."""
        start, stop = (0, self.inputs) if inputs else (self.inputs, self.inputs + self.parameters)
        blocks = [block for block in self.lowering.blocks if block[2] and block[0] != "captured"]
        return [(title, first - start, count) for title, first, count, _ in blocks if start <= first < stop]


def _cleared(adjoints: tuple[int, int], shift: int = 0) -> list[str]:
    """Return the lines that set adjoints to 0; or their flags, which are so many places behind them."""
    first, count = adjoints
    axis = "i" if count > 1 else "0"
    return loops((count,), [axis], [f"v[{affine(first + shift, [(1, axis)])}] = 0.0;"]) if count else []


def _handed(target: str, slope: tuple[int, int, int], row: int = 0) -> list[str]:
    """Return the lines that copy a part of a gradient to where it belongs, in rows of so many numbers."""
    start, first, count = slope
    axis = "i" if count > 1 else "0"
    place, source = affine(first, [(row, "row"), (1, axis)]), affine(start, [(1, axis)])
    return loops((count,), [axis], [f"{target}[{place}] = v[{source}];"]) if count else []


def _source(root: int | float) -> str:
    return f"v[{root}]" if isinstance(root, int) else c_number(root)


def _table(name: str, kind: str, *numbers: str) -> list[str]:
    lines = textwrap.wrap(", ".join(numbers), LINE_WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"static const {kind} {name}[{len(numbers)}] = {{", *indented(lines), "};"]


def _named(parts: Sequence[tuple[str, int, int]], total: int) -> str:
    """Return which names parts of an array have, as a comment; none can end it."""
    shown = [
        (str(first) if count == 1 else f"{first} to {first + count - 1}") + f" {_harmless(title)[:40]}"
        for title, first, count in parts
        if title != "theta" and total
    ]
    return f": {', '.join(shown)}" if shown else ""


def _harmless(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+() -]", "_", label)
