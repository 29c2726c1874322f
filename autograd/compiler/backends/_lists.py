"""Programs of Python source on lists of numbers: a short graph as two functions, a long one as functions of its parts.

The dialect decides what the numbers are: floats, one example after the other, or arrays with a number for each example.
What is written is compiled when it first runs, since Python's compiler takes more time than all else here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from autograd.compiler._loops import Loop
from autograd.compiler.backends._repeated import LoopWriter
from autograd.compiler.backends._sources import Bound, Line, function, listed, literal, shown, unpacked
from autograd.compiler.backends._straight import StraightWriter
from autograd.compiler.blocks import adjoint_of, repeated
from autograd.compiler.instructions import Affine, Block, IndexTable, Slots
from autograd.compiler.steps import GraphStep
from autograd.rules import Dialect


class Straight:
    """A short graph as two functions on local names: `x0`, `x1` for the variables, `v0` the results, `g0` adjoints."""

    def __init__(
        self, steps: Sequence[GraphStep], roots: Sequence[Any], variables: int, bound: Bound, dialect: Dialect
    ) -> None:
        self.steps, self.roots, self.bound, self.dialect = steps, roots, bound, dialect
        self._variables = [f"x{n}" for n in range(variables)]
        self._results = [f"v{n}" for n in range(len(steps))]
        self._writer = StraightWriter(dialect, [*self._variables, *self._results])

    @cached_property
    def _lines(self) -> list[Line]:
        return self._writer.forward(self.steps, len(self._variables))[0]

    @property
    def lines(self) -> list[str]:
        """The lines of a listing."""
        return shown(self._lines)

    @cached_property
    def _forward(self) -> list[str]:
        names = self._writer.names
        found = [names[root] if isinstance(root, int) else literal(self.dialect, root) for root in self.roots]
        unpack = unpacked(self._variables, "variables")
        return [*unpack, f"results = {listed(self._lines)}", f"return [{', '.join(found)}], results"]

    @cached_property
    def _backward(self) -> list[str]:
        seeds: dict[int, list[str]] = {}
        for number, root in enumerate(self.roots):
            if isinstance(root, int):
                seeds.setdefault(root, []).append(f"seeds[{number}]")
        start = len(self._variables)
        written = self._writer.backward(self.steps, start, bytearray(start + len(self.steps)), seeds)
        adjoints = [" + ".join(written.arriving.get(slot, ["0.0"])) for slot in range(start)]
        unpack = [*unpacked(self._variables, "variables"), *unpacked(self._results, "results")]
        return [*unpack, listed(written.lines), f"return [{', '.join(adjoints)}]"]

    @property
    def source(self) -> str:
        """The source that runs, forward and backward."""
        return "\n".join([*self._forward, "", *self._backward])

    @cached_property
    def run(self) -> Callable[[list[Any]], tuple[list[Any], Any]]:
        """The function of variables that returns the roots, and all results."""
        return function("variables", self._forward, self.bound.names)

    @cached_property
    def sweep(self) -> Callable[[list[Any], Any, Sequence[Any]], list[Any]]:
        """The function of variables, results and seeds that returns the adjoints of the variables."""
        return function("variables, results, seeds", self._backward, self.bound.names)


class Pieces:
    """A long graph as a function for each part, in which `v` has all numbers and `g` all adjoints."""

    def __init__(
        self,
        steps: Sequence[GraphStep],
        parts: Sequence[Loop | range],
        roots: Sequence[Any],
        variables: int,
        bound: Bound,
        dialect: Dialect,
    ) -> None:
        self.steps, self.parts, self.roots, self.bound, self.dialect = steps, parts, roots, bound, dialect
        self.variables, self.count = variables, variables + len(steps)
        self._writer = StraightWriter(dialect, _Names())
        self._blocks = {part.start: repeated(part) for part in parts if isinstance(part, Loop)}

    @cached_property
    def _forward(self) -> list[list[str]]:
        return list(map(self._ahead, self.parts))

    def _ahead(self, part: Loop | range) -> list[str]:
        """Return the lines of a part, forward."""
        if isinstance(part, Loop):
            return self._loop(self._blocks[part.start])
        written, read = self._straight(part)
        start, stop = self.variables + part.start, self.variables + part.stop
        return [*self._load("v", read), f"v[{start}:{stop}] = {listed(written)}"]

    def _straight(self, part: range) -> tuple[list[Line], set[int]]:
        return self._writer.forward(self.steps[part.start : part.stop], self.variables + part.start)

    @property
    def lines(self) -> list[str]:
        """The lines of a listing."""
        written = zip(self.parts, self._forward, strict=True)
        return [
            line
            for part, lines in written
            for line in (lines if isinstance(part, Loop) else shown(self._straight(part)[0]))
        ]

    def _loop(self, block: Block) -> list[str]:
        return LoopWriter(block, self.count, self.bound, self.dialect).lines()

    def _load(self, letter: str, read: Iterable[int]) -> list[str]:
        slots = sorted(read)
        return self.bound.load([f"{letter}{slot}" for slot in slots], slots, letter)

    @cached_property
    def _backward(self) -> list[tuple[list[str], list[tuple[int, int]]]]:
        """The lines of each part, backward; and what is to be moved in `g` before it, from where to which slots.

        A piece appends its sums to `g`, which is the fastest. A loop has them at their slots, and so have the variables
        at the end.
        """
        arrived = bytearray(self.count)  # whether something has arrived at an adjoint, by the parts before
        for root in self.roots:
            if isinstance(root, int):
                arrived[root] = True
        places: dict[int, int] = {}  # in `g`, of adjoints that are not at their slots
        size = self.count
        found: list[tuple[list[str], list[tuple[int, int]]]] = []

        def moved(slots: Iterable[int]) -> list[tuple[int, int]]:
            return [(places.pop(slot), slot) for slot in slots]

        for part in reversed(self.parts):
            if isinstance(part, Loop):
                block = adjoint_of(self._blocks[part.start], self.count)
                found.append((self._loop(block), moved(list(places))))
                flags = np.frombuffer(arrived, dtype=bool)
                for step in block.steps:
                    if not isinstance(step.destination, str):
                        flags[_slots(step.destination.shifted(-self.count), block.repetitions)] = True
            else:
                start = self.variables + part.start
                written = self._writer.backward(self.steps[part.start : part.stop], start, arrived, {})
                adjoints = [places.get(slot, slot) for slot in written.adjoints]
                loaded = self.bound.load([f"g{slot}" for slot in written.adjoints], adjoints, "g")
                sums = ", ".join(map(" + ".join, written.arriving.values()))
                lines = [*self._load("v", written.values), *loaded, listed(written.lines), f"g += [{sums}]"]
                found.append((lines, []))
                places |= zip(written.arriving, range(size, size + len(written.arriving)))
                size += len(written.arriving)
        return [*found, ([], moved(slot for slot in range(self.variables) if slot in places))]

    @cached_property
    def _runs(self) -> list[Callable[[list[Any]], None]]:
        return [function("v", lines, self.bound.names) for lines in self._forward]

    @cached_property
    def _sweeps(self) -> list[tuple[Callable[..., Any], list[tuple[int, int]]]]:
        return [(function("v, g", lines, self.bound.names), moved) for lines, moved in self._backward]

    @property
    def source(self) -> str:
        """The source that runs, forward and backward."""
        parts = [*self._forward, [""], *[lines for lines, _ in self._backward]]
        return "\n".join([line for lines in parts for line in lines])

    def run(self, variables: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return the roots, and all numbers."""
        v = [*variables, *[0.0] * len(self.steps)]
        for run in self._runs:
            run(v)
        return [v[root] if isinstance(root, int) else root for root in self.roots], v

    def sweep(self, variables: list[Any], v: list[Any], seeds: Sequence[Any]) -> list[Any]:
        """Return the adjoints of the variables."""
        g: list[Any] = [0.0] * len(v)
        for root, seed in zip(self.roots, seeds, strict=True):
            if isinstance(root, int):
                g[root] += seed
        for sweep, moved in self._sweeps:
            for place, slot in moved:
                g[slot] = +g[place]  # a copy of an array, since loops add in place
            sweep(v, g)
        return g[: self.variables]


class _Names(dict[int, str]):
    """The names of values by their slots, made when they are asked for: most of a recurrence have none."""

    def __missing__(self, slot: int) -> str:
        self[slot] = name = f"v{slot}"
        return name


def _slots(destination: Affine | IndexTable, repetitions: int) -> Slots:
    """Return the slots of a destination in all repetitions."""
    if isinstance(destination, IndexTable):
        return np.array(destination.slots)
    return destination.first + destination.stride * np.arange(repetitions)
