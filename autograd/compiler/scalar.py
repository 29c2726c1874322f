"""A graph written out as plain Python, for what has too little alike to be worth array instructions.

A short formula, or a recurrence in which each step waits for the last, folds to instructions of a few numbers each,
and calling NumPy for one costs more than the arithmetic. Such a graph becomes straight-line code on local floats: the
rows' own forward functions, then the chain rule with their own partial derivatives, without nodes, sorting or lookups.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler.fold import Folder
from autograd.compiler.listing import count
from autograd.operation import Operation
from autograd.value import Value

NARROW = 48  # operands for each array instruction, below which plain Python is faster
LARGEST = 1_000_000  # nodes; Python compiles some 50,000 in a second
PIECE = 4_000  # lines of a function, of which the compiler's memory is some 10 kB each

RESERVED = r"[vxg]\d+|d|variables|results|seeds|forward|backward"  # names in the source itself
INLINE = {rules.add: "{} + {}", rules.sub: "{} - {}", rules.mul: "{} * {}", rules.negative: "-{}"}
SLOPES = {
    rules.add: ("{g}", "{g}"),
    rules.sub: ("{g}", "-{g}"),
    rules.mul: ("{g} * {b}", "{g} * {a}"),
    rules.negative: ("-{g}",),
}


def is_scalar(folder: Folder) -> bool:
    """Return whether a graph runs faster as plain Python than as array instructions."""
    return not folder.sizes[1] and folder.nodes <= LARGEST and folder.width <= NARROW


class ScalarMemory:
    """The numbers of a scalar program: of its variables, their adjoints, and the results of the last run."""

    def __init__(self, size: int) -> None:
        self.plain, self.plain_adjoints = np.zeros(size), np.zeros(size)
        self.examples = 1
        self.results: tuple[float, ...] = ()
        self.arguments: list[Any] = []
        self.tick = -1  # of the recording's clock, when the data of Values was read last


class ScalarProgram:
    """A program whose forward and backward run on floats, one after the other. `source` is its Python code."""

    def __init__(self, order: Sequence[Value], roots: Sequence[Value], variables: Sequence[Value]) -> None:
        self.size = len(variables)
        written = _Source(order, roots, variables)
        self.source = "\n".join([*written.forward, "", *written.backward])
        self.lines = written.forward
        self.roots: list[tuple[Any, bool]] = [(root._datum, False) for root in roots]
        self.run, self.sweep = written.functions()
        self.active = written.active
        self._memory = ScalarMemory(self.size)

    def memory(self, examples: int = 1) -> ScalarMemory:
        """Return where its numbers are."""
        return self._memory

    def forward(self, memory: ScalarMemory) -> list[Any]:
        """Compute the roots."""
        values, memory.results = self.evaluate(memory.plain.tolist())
        return values

    def evaluate(self, variables: list[float]) -> tuple[list[float], tuple[float, ...]]:
        """Return the roots, and all results, at these variables; raise what the eager engine would."""
        try:
            found: tuple[list[float], tuple[float, ...]] = self.run(variables)
            return found
        except (ValueError, ArithmeticError):
            self._raise_from(variables)
            raise

    def backward(self, memory: ScalarMemory, seeds: Sequence[Any], by: str = "captured") -> None:
        """Compute the adjoints of the variables, for the sum of the roots times their seeds."""
        memory.plain_adjoints[:] = self.sweep(memory.plain.tolist(), memory.results, seeds)

    def both(self, memory: ScalarMemory, seeds: Sequence[Any], by: str = "captured") -> list[Any]:
        """Compute the roots and the adjoints."""
        found = self.forward(memory)
        self.backward(memory, seeds, by)
        return found

    def _raise_from(self, variables: list[float]) -> None:
        """Raise the error of the first operation that has one, as the eager engine words it."""
        data = list(variables)
        for op, operands in self.active:
            data.append(op.evaluate([data[term] if isinstance(term, int) else term for term in operands]))

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes, instructions (lines of Python), floating-point operations forward, and bytes."""
        nodes = len(self.active)
        operations = sum(max(1, len(operands) - 1) for _, operands in self.active)
        return {"nodes": nodes, "instructions": nodes, "operations": operations, "bytes": 16 * self.size + 24 * nodes}

    def __str__(self) -> str:
        """List the lines: as Python, since there is too little alike for arrays."""
        stats = self.stats
        nodes, lines = count(stats["nodes"], "node"), count(stats["instructions"], "instruction")
        last = f"{nodes} in {lines} of plain Python, {count(stats['operations'], 'floating-point operation')}"
        return "\n".join([*self.lines, last])


class _Source:
    """The lines of a program: `x0`, `x1` are the variables, `v0`, `v1` the results, `g0`, `g1` the adjoints of both.

    A long one is cut into pieces, which Python compiles one by one, with `x[0]`, `v[0]` and `g[0]` for what they share.
    """

    def __init__(self, order: Sequence[Value], roots: Sequence[Value], variables: Sequence[Value]) -> None:
        position = {leaf: i for i, leaf in enumerate(variables)}
        self.names: dict[str, Any] = {}
        self.called: dict[Any, str] = {}
        self.active: list[tuple[Operation, list[int | float]]] = []
        self.variables = len(variables)
        for node in order:
            if node.op is not None and not position.keys().isdisjoint(node.parents):
                operands = [position.get(parent, parent._datum) for parent in node.parents]
                self.active.append((node.op, operands))
                position[node] = self.variables + len(self.active) - 1
        self.pattern = "{}[{}]" if len(self.active) > PIECE else "{}{}"
        self.roots = [self._term(position.get(root, root._datum)) for root in roots]
        self.forward = [self._line(i, op, operands) for i, (op, operands) in enumerate(self.active)]
        self.backward: list[str] = []
        self.reached: set[int] = set()
        self._write_backward([position.get(root) for root in roots])

    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return what computes the roots and all results, and what computes the adjoints of the variables."""
        if len(self.active) > PIECE:
            return self._in_pieces()
        inputs = "".join(f"x{i}, " for i in range(self.variables))
        results = "".join(f"v{i}, " for i in range(len(self.active)))
        unpack = [f"{inputs}= variables"] if inputs else []
        adjoints = ", ".join(f"g{i}" if i in self.reached else "0.0" for i in range(self.variables))
        forward = [*unpack, *self.forward, f"return [{', '.join(self.roots)}], ({results})"]
        backward = [*unpack, *([f"{results}= results"] if results else []), *self.backward, f"return [{adjoints}]"]
        return (
            _function("forward", "variables", forward, self.names),
            _function("backward", "variables, results, seeds", backward, self.names),
        )

    def _in_pieces(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        forward = [_function("forward", "x, v", piece, self.names) for piece in _pieces(self.forward)]
        forward.append(_function("forward", "x, v", [f"return [{', '.join(self.roots)}]"], self.names))
        backward = [_function("backward", "x, v, g, seeds", piece, self.names) for piece in _pieces(self.backward)]
        variables, results = self.variables, len(self.active)

        def run(x: list[float]) -> tuple[list[float], list[float]]:
            v = [0.0] * results
            for piece in forward:
                found = piece(x, v)
            return found, v

        def sweep(x: list[float], v: list[float], seeds: Sequence[float]) -> list[float]:
            g = [0.0] * (variables + results)
            for piece in backward:
                piece(x, v, g, seeds)
            return g[:variables]

        return run, sweep

    def _term(self, term: float) -> str:
        if not isinstance(term, int):
            return repr(term) if abs(term) < float("inf") else f"float('{term}')"
        kind, number = ("x", term) if term < self.variables else ("v", term - self.variables)
        return self.pattern.format(kind, number)

    def _line(self, number: int, op: Operation, operands: list[int | float]) -> str:
        terms = list(map(self._term, operands))
        result = self.pattern.format("v", number)
        if op in INLINE:
            return f"{result} = {INLINE[op].format(*terms)}"
        listed = ", ".join(terms)
        name = self._named(op.name, op.forward)
        return f"{result} = {name}([{listed}])" if op.arity is None else f"{result} = {name}({listed})"

    def _named(self, stem: str, function: Any) -> str:
        """Return the name of a function in the source, such as sin; a number tells apart what is called alike."""
        if function not in self.called:
            letters = "f_" + "".join(letter if letter.isalnum() else "_" for letter in stem)
            name = letters.removeprefix("f_")
            if not name.isidentifier() or keyword.iskeyword(name) or re.fullmatch(RESERVED, name):
                name = letters
            while name in self.names:
                name = f"{name}_"
            self.called[function] = name
            self.names[name] = function
        return self.called[function]

    def _write_backward(self, roots: list[int | None]) -> None:
        def add(term: int | float, source: str) -> None:
            if isinstance(term, int):
                target = self.pattern.format("g", term)
                self.backward.append(f"{target} {'+=' if term in self.reached else '='} {source}")
                self.reached.add(term)

        for i, root in enumerate(roots):
            if root is not None:
                add(root, f"seeds[{i}]")
        for number in reversed(range(len(self.active))):
            op, operands = self.active[number]
            g, y = self.pattern.format("g", self.variables + number), self.pattern.format("v", number)
            if self.variables + number not in self.reached:
                continue
            terms = list(map(self._term, operands))
            if op in SLOPES:
                for term, slope in zip(operands, SLOPES[op], strict=True):
                    add(term, slope.format(g=g, a=terms[0], b=terms[-1]))
            elif op.arity is None:
                slopes = self._named(f"d_{op.name}", op.partials[0])
                self.backward.append(f"d = {slopes}({y}, [{', '.join(terms)}])")
                for i, term in enumerate(operands):
                    add(term, f"{g} * d[{i}]")
            else:
                for term, partial in zip(operands, op.partials, strict=True):
                    if isinstance(term, int):
                        slope_of = self._named(f"d_{op.name}", partial)
                        add(term, f"{g} * {slope_of}({y}, {', '.join(terms)})")


def _pieces(lines: Sequence[str]) -> list[list[str]]:
    """Cut lines into pieces, but not between the gradient of an operation of many operands and its use."""
    pieces: list[list[str]] = [[]]
    for line in lines:
        if len(pieces[-1]) >= PIECE and "* d[" not in line:
            pieces.append([])
        pieces[-1].append(line)
    return pieces


def _function(name: str, parameters: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    namespace = dict(names)
    body = "\n    ".join(lines or ["pass"])
    exec(f"def {name}({parameters}):\n    {body}", namespace)
    function: Callable[..., Any] = namespace[name]
    return function
