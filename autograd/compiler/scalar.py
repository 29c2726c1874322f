"""A graph written out as plain Python, for what has too little alike to be worth array instructions.

A short formula, or a recurrence in which each step waits for the last, folds to instructions of a few numbers each,
and calling NumPy for one costs more than the arithmetic. Such a graph becomes straight-line code on local floats: the
rows' own forward functions, then the chain rule with their own partial derivatives, without nodes, sorting or lookups.
A long one is cut into pieces, since Python compiles long functions slowly, and what is repeated in it is a loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler.fold import CHAINS, DOTS, Folder
from autograd.compiler.lines import Lines, literal
from autograd.compiler.listing import count
from autograd.compiler.loops import find_loops
from autograd.compiler.rolled import RolledLoop
from autograd.compiler.steps import Step, Term, replay, steps_of
from autograd.value import Value

NARROW = 48  # operands for each array instruction, below which plain Python is faster
LARGEST = 1_000_000  # nodes; Python compiles some 50,000 in a second where nothing is repeated
PIECE = 1_000  # steps of a function: the time and memory that Python takes to compile one grow fast

BEGINNING = 5_000  # nodes by which a wide graph is known
NOT_DEEPER = {*CHAINS, *DOTS, rules.mean}  # operations that may be folded into those that use them


def is_narrow(order: Sequence[Value], variables: Sequence[Value]) -> bool:
    """Return whether it is plain before folding, from the longest way through it, that a graph has little alike."""
    depth = dict.fromkeys(variables, 0)
    operands = longest = 0
    for number, node in enumerate(order):
        if node.op is not None:
            parents = node.parents
            below = [depth[parent] for parent in parents if parent in depth]
            if below:
                depth[node] = deep = max(below) + (node.op not in NOT_DEEPER)
                operands += len(parents)
                longest = max(longest, deep)
        if number == BEGINNING and operands > NARROW * longest:
            return False  # what begins wide is looked at no further
    return 0 < len(depth) - len(variables) <= LARGEST and operands <= NARROW * longest


def is_scalar(folder: Folder) -> bool:
    """Return whether a graph runs faster as plain Python than as array instructions."""
    return not folder.sizes[1] and folder.nodes <= LARGEST and folder.width <= NARROW


class ScalarMemory:
    """The numbers of a scalar program: of its variables, their adjoints, and the results of the last run."""

    def __init__(self, size: int) -> None:
        self.plain, self.plain_adjoints = np.zeros(size), np.zeros(size)
        self.examples = 1
        self.results: Any = ()
        self.arguments: list[Any] = []
        self.tick = -1  # of the recording's clock, when the data of Values was read last


class ScalarProgram:
    """A program whose forward and backward run on floats, one after the other. `source` is its Python code."""

    def __init__(self, order: Sequence[Value], roots: Sequence[Value], variables: Sequence[Value]) -> None:
        self.size = len(variables)
        self.steps, place = steps_of(order, variables)
        found: list[Term] = [place.get(root, root._datum) for root in roots]
        written = (_Pieces if len(self.steps) > PIECE else _Straight)(self.steps, found, self.size)
        self.source = written.source
        self.lines = written.lines
        self.roots: list[tuple[Any, bool]] = [(root._datum, False) for root in roots]
        self.run, self.sweep = written.run, written.sweep
        self._memory = ScalarMemory(self.size)

    def memory(self, examples: int = 1) -> ScalarMemory:
        """Return where its numbers are."""
        return self._memory

    def forward(self, memory: ScalarMemory) -> list[Any]:
        """Compute the roots."""
        values, memory.results = self.evaluate(memory.plain.tolist())
        return values

    def evaluate(self, variables: list[float]) -> tuple[list[float], Any]:
        """Return the roots, and all results, at these variables; raise what the eager engine would."""
        try:
            return self.run(variables)
        except (ValueError, ArithmeticError):
            replay(self.steps, variables)
            raise

    def backward(self, memory: ScalarMemory, seeds: Sequence[Any], by: str = "captured") -> None:
        """Compute the adjoints of the variables, for the sum of the roots times their seeds."""
        memory.plain_adjoints[:] = self.sweep(memory.plain.tolist(), memory.results, seeds)

    def both(self, memory: ScalarMemory, seeds: Sequence[Any], by: str = "captured") -> list[Any]:
        """Compute the roots and the adjoints."""
        found = self.forward(memory)
        self.backward(memory, seeds, by)
        return found

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes, instructions (lines of Python), floating-point operations forward, and bytes."""
        nodes = len(self.steps)
        operations = sum(max(1, len(operands) - 1) for _, operands in self.steps)
        size = 16 * self.size + 24 * nodes
        return {"nodes": nodes, "instructions": len(self.lines), "operations": operations, "bytes": size}

    def __str__(self) -> str:
        """List the lines: as Python, since there is too little alike for arrays."""
        stats = self.stats
        nodes, lines = count(stats["nodes"], "node"), count(stats["instructions"], "instruction")
        last = f"{nodes} in {lines} of plain Python, {count(stats['operations'], 'floating-point operation')}"
        return "\n".join([*self.lines, last])


class _Straight:
    """A short graph as two functions on local names: `x0`, `x1` for the variables, `v0` the results, `g0` adjoints."""

    def __init__(self, steps: Sequence[Step], roots: Sequence[Term], size: int) -> None:
        write = Lines()

        def name(term: Term) -> str:
            return literal(term) if not isinstance(term, int) else f"x{term}" if term < size else f"v{term - size}"

        lines = [f"v{i} = {write.forward(op, list(map(name, terms)))}" for i, (op, terms) in enumerate(steps)]
        slopes: list[str] = []
        reached: set[int] = set()

        def add(term: int, source: str) -> None:
            slopes.append(f"g{term} {'+=' if term in reached else '='} {source}")
            reached.add(term)

        for i, root in enumerate(roots):
            if isinstance(root, int):
                add(root, f"seeds[{i}]")
        for number in reversed(range(len(steps))):
            if size + number in reached:
                op, terms = steps[number]
                wanted = [isinstance(term, int) for term in terms]
                before, parts = write.backward(op, f"v{number}", f"g{size + number}", list(map(name, terms)), wanted)
                slopes += before
                for position, source in parts:
                    add(int(terms[position]), source)
        inputs = "".join(f"x{i}, " for i in range(size))
        results = "".join(f"v{i}, " for i in range(len(steps)))
        unpack = [f"{inputs}= variables"] if inputs else []
        adjoints = ", ".join(f"g{i}" if i in reached else "0.0" for i in range(size))
        self.lines = lines
        forward = [*unpack, *lines, f"return [{', '.join(map(name, roots))}], ({results})"]
        backward = [*unpack, *([f"{results}= results"] if results else []), *slopes, f"return [{adjoints}]"]
        self.source = "\n".join([*forward, "", *backward])
        self.run = write.function("forward", "variables", forward)
        self.sweep = write.function("backward", "variables, results, seeds", backward)


class _Pieces:
    """A long graph as many functions, in which `v` has all numbers and `g` all adjoints; what is repeated is a loop."""

    def __init__(self, steps: Sequence[Step], roots: Sequence[Term], size: int) -> None:
        self.write = Lines()
        self.steps = steps
        self.size = size
        forward: list[list[str]] = []
        backward: list[list[str]] = []
        start = 0
        loops = find_loops(steps, size)
        for number, loop in enumerate(loops):
            self._straight(start, loop.start, forward, backward)
            written = RolledLoop(self.write, loop, f"c{number}_")
            forward.append(written.forward)
            backward.insert(0, written.backward)
            start = loop.stop
        self._straight(start, len(steps), forward, backward)
        found = [f"return [{', '.join(map(self._name, roots))}]"]
        seeds = [f"g[{root}] += seeds[{i}]" for i, root in enumerate(roots) if isinstance(root, int)]
        self.lines = [line for piece in forward for line in piece]
        self.source = "\n".join([*self.lines, *found, "", *seeds, *[line for piece in backward for line in piece]])
        self._forward = [self.write.function("forward", "v", piece) for piece in [*forward, found]]
        self._backward = [self.write.function("backward", "v, g, seeds", piece) for piece in [seeds, *backward]]

    def run(self, variables: list[float]) -> tuple[list[float], list[float]]:
        """Return the roots, and all numbers."""
        v = [*variables, *[0.0] * len(self.steps)]
        for piece in self._forward:
            found = piece(v)
        return found, v

    def sweep(self, variables: list[float], v: list[float], seeds: Sequence[float]) -> list[float]:
        """Return the adjoints of the variables."""
        g = [0.0] * len(v)
        for piece in self._backward:
            piece(v, g, seeds)
        return g[: self.size]

    def _name(self, term: Term) -> str:
        return f"v[{term}]" if isinstance(term, int) else literal(term)

    def _straight(self, start: int, stop: int, forward: list[list[str]], backward: list[list[str]]) -> None:
        """Append what some steps do, piece by piece, and put before what is there what hands it back."""
        for first in range(start, stop, PIECE):
            lines, slopes = [], []
            for number in range(first, min(first + PIECE, stop)):
                op, terms = self.steps[number]
                place, names = self.size + number, list(map(self._name, terms))
                lines.append(f"v[{place}] = {self.write.forward(op, names)}")
                wanted = [isinstance(term, int) for term in terms]
                before, parts = self.write.backward(op, f"v[{place}]", f"g[{place}]", names, wanted)
                slopes.append([*before, *[f"g[{terms[position]}] += {source}" for position, source in parts]])
            forward.append(lines)
            backward.insert(0, [line for group in reversed(slopes) for line in group])
