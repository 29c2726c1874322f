"""Code generator for blocks: Python source, straight lines and loops, on lists `v` of results and `g` of adjoints.

The words decide what the numbers are: floats, one example after the other, or arrays with a number for each example.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiler.instructions import Affine, Block, IndexTable, ScalarStep
from autograd.rules import Dialect

Words = Callable[["Bound"], Dialect]


class Bound:
    """The namespace of a source: functions and lists, by names that are made here, never taken from a user."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
        self._known: dict[int, str] = {}

    def bind(self, thing: Any, stem: str) -> str:
        """Return the name of a thing: the stem, with a number where that is taken."""
        if id(thing) not in self._known:
            name, number = stem, 0
            while name in self.names:
                name, number = f"{stem}_{number}", number + 1
            self._known[id(thing)] = name
            self.names[name] = thing
        return self._known[id(thing)]


class Templates:
    """The sources of expressions with places for their operands: what occurs often is printed once."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._known: dict[int, tuple[Any, str]] = {}  # an expression is kept, so its identity stays its own

    def __call__(self, expression: Any) -> str:
        """Return the template of an expression."""
        known = self._known.get(id(expression))
        if known is None:
            known = self._known[id(expression)] = expression, self.dialect.source(expression, lambda key: f"{{{key}}}")
        return known[1]


def literal(dialect: Dialect, number: float) -> str:
    """Return a number as an operand of any operator."""
    written = dialect.literal(number)
    return f"({written})" if written.startswith("-") else written


def function(name: str, parameters: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return a function made of lines."""
    body = "\n    ".join(lines or ["pass"])
    namespace = dict(names)
    exec(f"def {name}({parameters}):\n    {body}", namespace)
    made: Callable[..., Any] = namespace.pop(name)
    return made


class Straight:
    """A short graph as two functions on local names: `x0`, `x1` for the variables, `v0` the results, `g0` adjoints."""

    def __init__(
        self,
        forward: Sequence[Block],
        backward: Sequence[Block],
        roots: Sequence[Any],
        sizes: tuple[int, int],
        bound: Bound,
        dialect: Dialect,
    ) -> None:
        size, count = sizes

        def name(operand: Any) -> str:
            if isinstance(operand, str):
                return operand
            if not isinstance(operand, Affine):
                return literal(dialect, operand)
            if operand.first >= count:
                return f"g{operand.first - count}"
            return f"x{operand.first}" if operand.first < size else f"v{operand.first - size}"

        template = Templates(dialect)

        def written(step: ScalarStep) -> str:
            return template(step.expression).format(*map(name, step.operands))

        self.lines = [f"{name(step.destination)} = {written(step)}" for block in forward for step in block.steps]
        reached: set[str] = set()
        slopes: list[str] = []

        def add(target: str, source: str) -> None:
            slopes.append(f"{target} {'+=' if target in reached else '='} {source}")
            reached.add(target)

        for number, root in enumerate(roots):
            if isinstance(root, int):
                add(f"g{root}", f"seeds[{number}]")
        missing: set[str] = set()  # temporaries of what nothing has arrived at
        for step in [step for block in backward for step in block.steps]:
            used = {name(operand) for operand in step.operands if isinstance(operand, (Affine, str))}
            if used & missing or any(n.startswith("g") and n not in reached for n in used):
                if isinstance(step.destination, str):
                    missing.add(step.destination)
                continue
            if step.add:
                add(name(step.destination), written(step))
            else:
                slopes.append(f"{name(step.destination)} = {written(step)}")
        inputs = "".join(f"x{i}, " for i in range(size))
        results = "".join(f"v{i}, " for i in range(count - size))
        found = ", ".join(name(Affine(root)) if isinstance(root, int) else dialect.literal(root) for root in roots)
        adjoints = ", ".join(f"g{i}" if f"g{i}" in reached else "0.0" for i in range(size))
        unpack = [f"{inputs}= variables"] if inputs else []
        forwards = [*unpack, *self.lines, f"return [{found}], ({results})"]
        backwards = [*unpack, *([f"{results}= results"] if results else []), *slopes, f"return [{adjoints}]"]
        self.source = "\n".join([*forwards, "", *backwards])
        self.run = function("forward", "variables", forwards, bound.names)
        self.sweep = function("backward", "variables, results, seeds", backwards, bound.names)


class Pieces:
    """A long graph as a function for each block, in which `v` has all numbers and `g` all adjoints."""

    def __init__(
        self,
        forward: Sequence[Block],
        backward: Sequence[Block],
        roots: Sequence[Any],
        sizes: tuple[int, int],
        bound: Bound,
        dialect: Dialect,
    ) -> None:
        self.size, self.count = sizes
        write = _BlockWriter(self.count, bound, dialect)
        ahead = [write.lines(block) for block in forward]
        back = [write.lines(block) for block in backward]
        found = ", ".join(f"v[{root}]" if isinstance(root, int) else dialect.literal(root) for root in roots)
        ahead.append([f"return [{found}]"])
        back.insert(0, [f"g[{root}] += seeds[{n}]" for n, root in enumerate(roots) if isinstance(root, int)])
        self.lines = [line for lines in ahead[:-1] for line in lines]
        self.source = "\n".join(line for lines in [*ahead, [""], *back] for line in lines)
        self._forward = [function("forward", "v", lines, bound.names) for lines in ahead]
        self._backward = [function("backward", "v, g, seeds", lines, bound.names) for lines in back]

    def run(self, variables: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return the roots, and all numbers."""
        v = [*variables, *[0.0] * (self.count - self.size)]
        for piece in self._forward:
            found = piece(v)
        return found, v

    def sweep(self, variables: list[Any], v: list[Any], seeds: Sequence[Any]) -> list[Any]:
        """Return the adjoints of the variables."""
        g = [0.0] * len(v)
        for piece in self._backward:
            piece(v, g, seeds)
        return g[: self.size]


class _BlockWriter:
    """A code generator for blocks that are done once, on the lists."""

    def __init__(self, count: int, bound: Bound, dialect: Dialect) -> None:
        self.count = count  # slots of results; those of adjoints come after them
        self.bound = bound
        self.dialect = dialect
        self.template = Templates(dialect)
        self.lists: dict[tuple[str, ...], list[Any]] = {}

    def lines(self, block: Block) -> list[str]:
        """Return the lines of a block."""
        if block.repetitions > 1:
            return _LoopWriter(self, block).lines()
        return [
            f"{self.place(step.destination)} {'+=' if step.add else '='} {self.written(step, self.place)}"
            for step in block.steps
        ]

    def place(self, operand: Any) -> str:
        """Return the source of an operand of a block that is done once."""
        if isinstance(operand, str):
            return operand
        if not isinstance(operand, Affine):
            return literal(self.dialect, operand)
        return f"v[{operand.first}]" if operand.first < self.count else f"g[{operand.first - self.count}]"

    def written(self, step: ScalarStep, name: Callable[[Any], str]) -> str:
        """Return the source of what a step computes."""
        return self.template(step.expression).format(*map(name, step.operands))


class _LoopWriter:
    """A code generator for a repeated block, on local names.

    In a repetition whose results begin at `i` they are `a0`, `a1`, ..., and their adjoints `h0`, `h1`, ...; those of
    the block before are `b0`, `b1`, ...; `f0` are numbers that stay, `gf0` what is added to their adjoints, `c0`
    constants that change, `j0` places of others.
    """

    def __init__(self, write: _BlockWriter, block: Block) -> None:
        self.write = write
        self.block = block
        self.fixed: dict[int, str] = {}  # the names of numbers that stay, by their slots
        self.summed: dict[int, str] = {}  # the same of their adjoints
        self.used: set[str] = set()
        self.moving: dict[str, str] = {}  # what runs through: its name, and its source
        self.body: list[str] = []
        for step in block.steps:
            source = write.written(step, self._name)
            self.body.append(f"{self._name(step.destination)} {'+=' if step.add else '='} {source}")

    def _name(self, operand: Any) -> str:
        """Return what an operand, or a destination, is called in the block."""
        if isinstance(operand, str):
            return operand
        if isinstance(operand, list):
            return self._constants(operand)
        if isinstance(operand, IndexTable):
            adjoint = operand.slots[0] >= self.write.count
            slots = [slot - self.write.count * adjoint for slot in operand.slots]
            return f"{'g' if adjoint else 'v'}[{self._through(self._listed(slots), 'j')}]"
        if not isinstance(operand, Affine):
            return literal(self.write.dialect, operand)
        adjoint = operand.first >= self.write.count
        slot = operand.first - self.write.count * adjoint
        if operand.stride == 0:
            known, letters = (self.summed, "gf") if adjoint else (self.fixed, "f")
            return known.setdefault(slot, f"{letters}{len(known)}")
        stored, offset, length = "g" if adjoint else "v", slot - self.block.start, self.block.length
        if operand.stride != self.block.stride or offset >= length:
            return f"{stored}[{self._running(slot, operand.stride)}]"
        name = f"{stored}[i - {-offset}]"
        if offset >= 0:
            name = f"{'h' if adjoint else 'a'}{offset}"
        elif offset >= -length and not adjoint:
            name = f"b{offset + length}"
        self.used.add(name)
        return name

    def _constants(self, numbers: list[float]) -> str:
        if len(set(map(repr, numbers))) == 1:
            return literal(self.write.dialect, numbers[0])
        return self._through(self._listed(numbers), "c")

    def _listed(self, numbers: list[Any]) -> str:
        """Return the name of a list, the same for the same numbers."""
        key = tuple(map(repr, numbers))
        return self.write.bound.bind(self.write.lists.setdefault(key, numbers), f"list{len(self.write.bound.names)}")

    def _running(self, slot: int, stride: int) -> str:
        return self._through(str(range(slot, slot + stride * self.block.repetitions, stride)), "j")

    def _through(self, source: str, letter: str) -> str:
        for name, known in self.moving.items():
            if known == source:
                return name
        name = f"{letter}{len(self.moving)}"
        self.moving[name] = source
        return name

    def lines(self) -> list[str]:
        """Return the lines: what stays, the loop, and the adjoints of what stays."""
        block, length = self.block, self.block.length
        places = range(block.start, block.start + block.stride * block.repetitions, block.stride)
        names = ", ".join(["i", *self.moving])
        through = f"zip({', '.join([str(places), *self.moving.values()])})" if self.moving else str(places)
        carried = [offset for offset in range(length) if f"b{offset}" in self.used]
        start = [f"{name} = v[{slot}]" for slot, name in self.fixed.items()]
        if block.stride > 0:  # forward: results go from one repetition to the next, and to the list
            start += [f"b{offset} = v[{block.start - length + offset}]" for offset in carried]
            body = [
                *self.body,
                f"v[i : i + {length}] = {_listed('a', length)}",
                *[f"b{offset} = a{offset}" for offset in carried],
            ]
            return [*start, f"for {names} in {through}:", *[f"    {line}" for line in body]]
        body = [f"{_listed('h', length)} = g[i : i + {length}]"]
        body += [f"{_listed('a', length)} = v[i : i + {length}]"] * any(f"a{n}" in self.used for n in range(length))
        body += [f"b{offset} = v[i - {length - offset}]" for offset in carried]
        start += [f"{name} = 0.0" for name in self.summed.values()]
        end = [f"g[{slot}] += {name}" for slot, name in self.summed.items()]
        return [*start, f"for {names} in {through}:", *[f"    {line}" for line in [*body, *self.body]], *end]


def _listed(letter: str, count: int) -> str:
    return "".join(f"{letter}{number}, " for number in range(count)).strip()
