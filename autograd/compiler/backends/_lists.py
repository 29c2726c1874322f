"""A graph as Python source on lists of numbers: a function for each of its parts, forward and backward.

The dialect decides what the numbers are: floats, one example after the other, or arrays with a number for each example.
What is written is compiled when it first runs, since Python's compiler takes more time than all else here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from autograd.compiler.backends._repeated import LoopWriter
from autograd.compiler.backends._sources import Bound, NamedLine, function, gathered, literal
from autograd.compiler.backends._straight import StraightWriter
from autograd.compiler.blocks import PIECE, Loop, adjoint_of, parts_of, reached, repeated
from autograd.compiler.instructions import Affine, Block, IndexTable, Slots
from autograd.compiler.steps import GraphStep
from autograd.engine import collector_paused
from autograd.rules import Dialect

Moves: TypeAlias = list[tuple[int, int]]  # from where to where in a list


class ListSource:
    """The source of a graph, in which `v` has the numbers of all slots and `g` their adjoints.

    Straight lines have a name for each: `x0`, `x1` for the variables, `v2`, `v3` for results, `g2`, `g3` for adjoints.
    """

    def __init__(
        self, steps: Sequence[GraphStep], roots: Sequence[Any], variables: int, bound: Bound, dialect: Dialect
    ) -> None:
        self.steps, self.places, self.bound, self.dialect = steps, roots, bound, dialect
        self.variables, self.count = variables, variables + len(steps)
        self.parts = parts_of(steps, variables) or [range(0)]
        slots = [root for root in roots if isinstance(root, int)]
        self._short = (  # one function does all
            len(self.parts) == 1
            and isinstance(self.parts[0], range)
            and variables <= PIECE
            and len(set(slots)) == len(slots)
        )
        self._lock = threading.RLock()  # of names, since threads may run a program for the first time at once
        self._blocks = {part.start: repeated(part) for part in self.parts if isinstance(part, Loop)}
        self._names = _Names(variables)
        self._writer = StraightWriter(dialect, self._names)

    @cached_property
    def _forward(self) -> list[list[str]]:
        """The lines of each part, which appends its results to `v`; of a short graph, its results by themselves."""
        found = []
        with self._lock:
            for part in self.parts:
                if isinstance(part, Loop):
                    found.append(self._loop(self._blocks[part.start]))
                else:
                    lines, read = self._straight(part)
                    inputs = self._unpacked(range(self.variables), "v") if self._short else self._load("v", read)
                    found.append([*inputs, f"{'results =' if self._short else 'v +='} {gathered(lines)}"])
        found[-1].append(f"return [{', '.join(self._roots())}], {'results' if self._short else 'v'}")
        return found

    def _roots(self) -> list[str]:
        """Return the source of each root."""
        name = self._names.__getitem__ if self._short else "v[{}]".format
        return [name(root) if isinstance(root, int) else literal(self.dialect, root) for root in self.places]

    def _straight(self, part: range) -> tuple[list[NamedLine], set[int]]:
        return self._writer.forward(self.steps[part.start : part.stop], self.variables + part.start)

    def _loop(self, block: Block) -> list[str]:
        return LoopWriter(block, self.count, self.bound, self.dialect).lines()

    def _load(self, numbers: str, read: Iterable[int]) -> list[str]:
        slots = sorted(read)
        return self.bound.load([self._names[slot] for slot in slots], slots, numbers)

    def _unpacked(self, slots: range, numbers: str) -> list[str]:
        return [f"{', '.join(map(self._names.__getitem__, slots))}, = {numbers}"] if slots else []

    @property
    def lines(self) -> list[str]:
        """The lines of a listing."""
        found: list[str] = []
        for part, lines in zip(self.parts, self._forward, strict=True):
            if isinstance(part, Loop):
                found += [line for line in lines if not line.startswith("return [")]
            else:
                found += [f"{name} = {source}" for name, source in self._straight(part)[0]]
        return found

    @cached_property
    def run(self) -> Callable[[list[Any]], tuple[list[Any], list[Any]]]:
        """The function of the variables that returns the roots and the results, of a long graph all numbers."""
        with collector_paused():
            parts = [function("v", lines, self.bound.names) for lines in self._forward]

        def run(variables: list[Any]) -> Any:
            v = [*variables]
            for part in parts:
                found = part(v)
            return found

        return parts[0] if self._short else run

    # Backward

    @cached_property
    def _backward(self) -> list[tuple[list[str], Moves]]:
        """The lines of each part, the last one first, and what is to be moved in `g` before it."""
        with self._lock:
            return [(self._short_backward(), [])] if self._short else self._long_backward()

    def _short_backward(self) -> list[str]:
        pending = {root: [f"seeds[{number}]"] for number, root in enumerate(self.places) if isinstance(root, int)}
        lines, *_ = self._writer.backward(self.steps, self.variables, bytearray(self.count), pending)
        sums = [" + ".join(pending.get(slot, ["0.0"])) for slot in range(self.variables)]
        unpack = self._unpacked(range(self.variables), "variables")
        unpack += self._unpacked(range(self.variables, self.count), "results")
        return [*unpack, gathered(lines), f"return [{', '.join(sums)}]"]

    def _long_backward(self) -> list[tuple[list[str], Moves]]:
        # Straight lines append their sums to g, which is the fastest; a loop has them at their slots, to which they are
        # moved before it.
        moved: dict[int, int] = {}  # where in g adjoints are that are not at their slots
        size = self.count
        arrived = bytearray(self.count)  # whether something has arrived at an adjoint, by the parts before
        flags = np.frombuffer(arrived, dtype=bool)
        flags[[root for root in self.places if isinstance(root, int)]] = True
        found: list[tuple[list[str], Moves]] = []
        reach = np.array(reached(self.steps, self.variables, self.places) if self._blocks else [], dtype=bool)
        for part in reversed(self.parts):
            if isinstance(part, Loop):
                block = adjoint_of(self._blocks[part.start], self.count, reach.tolist())
                found.append((self._loop(block), [(place, slot) for slot, place in moved.items()]))
                moved.clear()
                for step in block.steps:
                    if not isinstance(step.destination, str):
                        slots = _slots(step.destination.shifted(-self.count), block.repetitions)
                        flags[slots] |= reach[slots]
                continue
            start = self.variables + part.start
            pending: dict[int, list[str]] = {}
            lines, values, adjoints = self._writer.backward(self.steps[part.start : part.stop], start, arrived, pending)
            places = [moved.get(slot, slot) for slot in adjoints]
            load = [*self._load("v", values), *self.bound.load([f"g{slot}" for slot in adjoints], places, "g")]
            sums = ", ".join(map(" + ".join, pending.values()))
            found.append(([*load, gathered(lines), f"g += [{sums}]"], []))
            moved |= zip(pending, range(size, size + len(pending)))
            size += len(pending)
        return [*found, ([], [(place, slot) for slot, place in moved.items() if slot < self.variables])]

    @cached_property
    def backpropagate(self) -> Callable[[Any, list[Any], Sequence[Any]], list[Any]]:
        """The function of the variables, what `run` returned, and seeds, that returns the adjoints of the variables."""
        parameters = "variables, results, seeds" if self._short else "v, g"
        with collector_paused():
            parts = [(function(parameters, lines, self.bound.names), moves) for lines, moves in self._backward]

        count, variables, roots = self.count, self.variables, self.places  # no cycle to what keeps the function

        def backpropagate(_: Any, v: list[Any], seeds: Sequence[Any]) -> list[Any]:
            g: list[Any] = [0.0] * count
            for root, seed in zip(roots, seeds, strict=True):
                if isinstance(root, int):
                    g[root] += seed
            for part, moves in parts:
                for place, slot in moves:
                    g[slot] = +g[place]  # a copy of an array, since loops add in place
                part(v, g)
            return g[:variables]

        return parts[0][0] if self._short else backpropagate

    @property
    def source(self) -> str:
        """The source that runs, forward and backward."""
        return "\n".join(["\n".join(lines) for lines in [*self._forward, [""], *[part for part, _ in self._backward]]])


class _Names(dict[int, str]):
    """The names of numbers by their slots, made when they are asked for: most in a recurrence have none."""

    def __init__(self, variables: int) -> None:
        super().__init__({slot: f"x{slot}" for slot in range(variables)})

    def __missing__(self, slot: int) -> str:
        self[slot] = name = f"v{slot}"
        return name


def _slots(destination: Affine | IndexTable, repetitions: int) -> Slots:
    """Return the slots of a destination in all repetitions."""
    if isinstance(destination, IndexTable):
        return np.array(destination.slots)
    return destination.first + destination.stride * np.arange(repetitions)
