"""Back end `python`: blocks of scalar steps as plain Python on floats, one example after the other.

For a graph with little alike it is the fastest without a compiler: no nodes, no sorting and no lookups are left, only
the rows' own forward functions and the formulas of their partial derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from autograd import rules
from autograd.compiler.backends import _words
from autograd.compiler.backends._lists import ListSource
from autograd.compiler.backends._sources import Bound
from autograd.compiler.instructions import Array
from autograd.compiler.listing import NamedSlots as Named
from autograd.compiler.listing import count
from autograd.compiler.lowering import Lowering
from autograd.compiler.steps import GraphStep, dependent_places
from autograd.compiler.views import Layout
from autograd.rules import COMPARISONS, Dialect, NAry, Operation, infix, is_own

BOOLS = (rules.less, rules.less_equal)  # whose results are bools
CONDITIONAL = (rules.where, rules.guard, rules.unguard)  # on their first operand
DIVISIONS = {rules.divide: np.divide, rules.mod: np.mod, rules.floordiv: np.floor_divide}
PROMOTED = (rules.add, rules.sub, rules.mul, rules.divide, rules.power, rules.mod, rules.floordiv)
VARIABLES = {row: variable for variable, row in rules.TABLE.items() if isinstance(row, Operation)}


def python_words(bound: Bound) -> Dialect:
    """Return the dialect in which an operation is a call of its own forward function."""

    def call(operation: Operation, operands: Sequence[str]) -> str:
        stem = VARIABLES.get(operation) or ("own" if is_own(operation) else "member")
        listed = ", ".join(operands)
        if is_own(operation) and operation not in own:
            own[operation] = _words.as_float(operation)
        name = bound.bind(own.get(operation, operation.forward), stem)
        return f"{name}([{listed}])" if isinstance(operation, NAry) else f"{name}({listed})"

    own: dict[Operation, Callable[..., float]] = {}
    return Dialect(
        operators={
            **{row: template for row, template in infix().items() if row is not rules.ieee_divide},
            rules.less: "{} < {}",
            rules.less_equal: "{} <= {}",
        },
        words={
            rules.where: "({1} if {0} else {2})",
            rules.guard: "({1} if {0} else nan)",
            rules.unguard: "({1} if {0} else 0.0)",
            rules.either: "(1.0 if {} or {} else 0.0)",
        },
        call=call,
    )


def array_words(bound: Bound) -> Dialect:
    """Return the dialect in which a number is an array, with an element for each example."""

    def call(operation: Operation, operands: Sequence[str]) -> str:
        if isinstance(operation, NAry):
            return f"listed_{operation.name}([{', '.join(operands)}])"
        if operation not in own:
            own[operation] = _words.called_function(operation)
        return f"{bound.bind(own[operation], 'own')}({', '.join(operands)})"

    own: dict[Operation, Callable[..., Any]] = {}
    bound.names |= _words.ARRAY_FUNCTIONS
    words = dict(_words.NUMPY.words)
    words |= {row: f"multiply(1.0, {words[row]})" for row in COMPARISONS}  # no bools, of which a sum is an "or"
    for row, divide in DIVISIONS.items():
        name = f"checked_{divide.__name__}"
        bound.names[name] = _words.unless_zero(divide)
        words[row] = f"{name}({{}}, {{}})"
    operators = {row: template for row, template in _words.NUMPY.operators.items() if row not in DIVISIONS}
    return replace(_words.NUMPY, operators=operators, words=words, call=call)


class ListMemory:
    """The numbers of the variables of a program for some examples, their adjoints, and the results of the last run."""

    def __init__(self, sizes: tuple[int, int], layout: Layout, examples: int) -> None:
        self.examples = examples
        self.layout = layout
        self.plain, self.plain_adjoints = np.zeros(sizes[0]), np.zeros(sizes[0])
        self.batch, self.batch_adjoints = np.zeros(examples * sizes[1]), np.zeros(examples * sizes[1])
        self.results: Any = ()

    def rows(self, slot: int, *, adjoint: bool = False) -> Array:
        """Return the block of a batched slot, such as an argument, with a row for each example."""
        return self.layout.block(slot, self.batch_adjoints if adjoint else self.batch, self.examples)

    def columns(self, *, adjoint: bool = False) -> list[Array]:
        """Return the numbers of each batched slot, with one for each example."""
        starts = self.layout.start
        return [self.rows(s, adjoint=adjoint)[:, s - int(starts[s])] for s in range(self.layout.inputs[1])]

    def inputs(self, example: int) -> list[float]:
        """Return the numbers that the variables have in an example."""
        found: list[float] = self.plain.tolist()
        return found + [float(column[example]) for column in self.columns()]


class StepProgram:
    """Base class of programs of scalar steps: the graph's sizes, its roots, and where the batched variables lie.

    `batched` says of each place whether its number depends on a batched variable.
    """

    form = "steps"
    steps: Sequence[GraphStep]
    places: Sequence[Any]

    def __init__(self, lowering: Lowering) -> None:
        self.steps, self.places, self.replay = lowering.steps, lowering.places, lowering.replay
        self.sizes = plain, batched = lowering.sizes
        self.layout = Layout(lowering.together, batched, self.sizes)
        self.batched = dependent_places(self.steps, [False] * plain + [True] * batched)
        self.roots = [(root, isinstance(root, int) and self.batched[root]) for root in self.places]

    def counts(self, instructions: int, size: int) -> dict[str, int]:
        """Return the numbers of nodes, instructions, floating-point operations forward, and bytes of the buffers."""
        operations = sum(max(1, len(operands) - 1) for _, operands in self.steps)
        return {"nodes": len(self.steps), "instructions": instructions, "operations": operations, "bytes": size}


class _Lists(StepProgram, ListSource):
    """A graph as source on lists: of floats, or of arrays with a number for each example."""

    both = None
    words: ClassVar[Callable[[Bound], Dialect]]

    def __init__(self, lowering: Lowering) -> None:
        StepProgram.__init__(self, lowering)
        bound = Bound()
        ListSource.__init__(self, self.steps, self.places, sum(self.sizes), bound, type(self).words(bound))
        self._memory: ListMemory | None = None

    def evaluate(self, variables: list[float]) -> tuple[list[float], Any]:
        """Return the roots, and all results, at these variables; raise what the eager engine would."""
        try:
            found: tuple[list[float], Any] = self.run(variables)
        except (ValueError, ArithmeticError):
            self.replay(variables)
            raise
        return found

    def memory(self, examples: int = 1) -> ListMemory:
        """Return where the numbers of so many examples are; the latest is kept."""
        if self._memory is None or self._memory.examples != examples:
            self._memory = ListMemory(self.sizes, self.layout, examples)
        return self._memory

    def not_finite(self, memory: ListMemory, roots: Sequence[Any]) -> list[int]:
        """Return nothing: an operation of Python raises its error by itself."""
        return []

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes, instructions (lines of Python), floating-point operations forward, and bytes."""
        return self.counts(len(self.lines), 16 * sum(self.sizes) + 24 * len(self.steps))

    def listing(self, variables: Sequence[Named]) -> str:
        """List the lines: as Python, since there is too little alike for arrays."""
        stats = self.stats
        nodes, lines = count(stats["nodes"], "node"), count(stats["instructions"], "instruction")
        last = f"{nodes} in {lines} of plain Python, {count(stats['operations'], 'floating-point operation')}"
        return "\n".join([*self.lines, last])


class FloatLists(_Lists):
    """Blocks on floats, one example after the other: plain Python."""

    backend = "python"
    takes_lists = True
    words = python_words

    def _roots(self) -> list[str]:
        truths = truth_values(self.steps, sum(self.sizes))
        return [f"float({y})" if root in truths else y for root, y in zip(self.places, super()._roots(), strict=True)]

    def values(self, variables: list[float]) -> list[float]:
        """Return the roots at these variables; raise what the eager engine would."""
        return self.evaluate(variables)[0]

    def values_and_adjoints(
        self, variables: list[float], seeds: Sequence[float]
    ) -> tuple[list[float], Sequence[float]]:
        """Return the roots at these variables, and the adjoints of these; raise what the eager engine would."""
        found, results = self.evaluate(variables)
        return found, self.backpropagate(variables, results, seeds)

    def forward(self, memory: ListMemory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example."""
        columns = [column.tolist() for column in memory.columns()]
        plain = memory.plain.tolist()
        runs = [self.evaluate([*plain, *row]) for row in (zip(*columns, strict=True) if columns else [()])]
        memory.results = [results for _, results in runs]
        return [
            np.array([float(found[n]) for found, _ in runs]) if batched else float(runs[0][0][n])
            for n, (_, batched) in enumerate(self.roots)
        ]

    def backward(self, memory: ListMemory, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints of the variables, for the sum of the roots times their seeds."""
        plain = memory.plain.tolist()
        columns = [column.tolist() for column in memory.columns()]
        rows = list(zip(*columns, strict=True)) if columns else [()]
        if is_seeded_by_example(self.roots, seeds):  # of a root that no example changes, each hands back its share
            roots = zip(seeds, self.roots, strict=True)
            seeds = [seed if batched else seed / len(rows) for seed, (_, batched) in roots]
        else:
            rows = rows[:1]
        adjoints = [self.backpropagate([*plain, *row], results, seeds) for row, results in zip(rows, memory.results)]
        whole = np.array(adjoints).reshape(len(adjoints), -1)
        of_plain = whole[:, : len(plain)]
        with np.errstate(all="ignore"):
            memory.plain_adjoints[:] = of_plain.sum(axis=0) if len(adjoints) > 1 else of_plain[0]
        for n, column in enumerate(memory.columns(adjoint=True)):
            column[...] = whole[:, len(plain) + n]


class ArrayLists(_Lists):
    """Blocks on arrays with a number for each example: the steps of a recurrence in a batch, by NumPy."""

    backend = "numpy"
    takes_lists = False
    words = array_words

    def forward(self, memory: ListMemory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example."""
        variables = [*memory.plain, *[column.copy() for column in memory.columns()]]
        try:
            with np.errstate(divide="raise", invalid="raise", over="raise", under="ignore"):
                found, memory.results = self.run(variables)
        except FloatingPointError:  # outside of a domain, or beyond the floats, which need not be an error
            for example in range(memory.examples):
                self.replay(memory.inputs(example))
            with np.errstate(all="ignore"):
                found, memory.results = self.run(variables)
        size = memory.examples
        return [
            np.broadcast_to(np.asarray(number, dtype=float), (size,)) if batched else float(number)
            for number, (_, batched) in zip(found, self.roots, strict=True)
        ]

    def backward(self, memory: ListMemory, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints of the variables, for the sum of the roots times their seeds."""
        # One of each example: what is handed on to a plain variable as it is, is summed over the examples, too.
        whole = [
            np.full(memory.examples, s) if batched else s for s, (_, batched) in zip(seeds, self.roots, strict=True)
        ]
        with np.errstate(all="ignore"):
            found = self.backpropagate([*memory.plain, *memory.columns()], memory.results, whole)
            for n, adjoint in enumerate(found[: len(memory.plain)]):
                is_array = isinstance(adjoint, np.ndarray) and adjoint.ndim
                memory.plain_adjoints[n] = np.add.reduce(adjoint) if is_array else adjoint
        for column, adjoint in zip(memory.columns(adjoint=True), found[len(memory.plain) :], strict=True):
            column[...] = adjoint


def truth_values(steps: Sequence[GraphStep], variables: int) -> set[int]:
    """Return the slots that may hold a bool or an int: of comparisons, and of what operations make of these alone."""
    found: set[int] = set()
    for slot, (operation, terms) in enumerate(steps, variables):
        if operation in BOOLS:
            found.add(slot)
        elif found:
            values = terms[1:] if operation in CONDITIONAL else terms
            whole = all if operation in PROMOTED else any  # of a float and an int a float comes out
            if whole(type(x) is int and x in found for x in values):
                found.add(slot)
    return found


def is_seeded_by_example(roots: Sequence[tuple[Any, bool]], seeds: Sequence[float]) -> bool:
    """Whether anything is handed back from what each example has; else all is from what no example changes."""
    return any(batched and seed for (_, batched), seed in zip(roots, seeds, strict=True))
