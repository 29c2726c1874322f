"""Hypothesis strategies: random expressions, and operands for one operation, to hold rules against an oracle.

A `RandomExpression` is a program of a few operations on inputs, constants and earlier results, at inputs where it is
tame: every number moderate, no kink or pole nearby. It runs on floats, on Values, and on any other numbers of which it
is told what the operations mean, such as those of an oracle with more digits.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from autograd import rules
from autograd.rules import Family, Operation

try:
    from hypothesis import strategies as st
except ImportError as error:  # nothing in this file works without
    message = "autograd.testing needs Hypothesis: python -m pip install 'scalar-autograd[test]'"
    raise ImportError(message) from error

Place: TypeAlias = "int | float"  # a number: the position of an input or of an earlier result; a float is a constant

LARGEST_RESULT = 100.0  # of results and derivatives
MARGIN = 1e-3  # how far operands may move, relatively, without a kink or a pole


class Application(NamedTuple):
    """An operation, and what it is applied to."""

    operation: Operation
    operands: tuple[Place, ...]


class RandomExpression:
    """A function of a few numbers, made of operations: call it on floats, Values, or a mix of them.

    - `inputs`: the floats at which it is tame.
    - `steps`: the operations in order; the last one gives the result.

    >>> square_plus_one = RandomExpression((3.0,), (Application(rules.mul, (0, 0)), Application(rules.add, (1, 1.0))))
    >>> square_plus_one
    def f(x1):
        v1 = x1 * x1
        return v1 + 1.0
    f(3.0)
    >>> square_plus_one(3.0)
    10.0
    """

    def __init__(self, inputs: Sequence[float], steps: Sequence[Application]) -> None:
        self.inputs = tuple(inputs)
        self.steps = tuple(steps)

    def __call__(self, *inputs: Any) -> Any:
        """Return the value at these inputs."""
        return self.evaluate(inputs, lambda operation, operands: operation.apply(operands))

    def evaluate(self, inputs: Sequence[Any], meaning: Callable[[Operation, list[Any]], Any]) -> Any:
        """Return the value in a number system in which `meaning(operation, operands)` applies an operation."""
        numbers = list(inputs)
        for operation, operands in self.steps:
            numbers.append(meaning(operation, [numbers[k] if isinstance(k, int) else k for k in operands]))
        return numbers[-1]

    def __repr__(self) -> str:
        names = [f"x{i + 1}" for i in range(len(self.inputs))]
        names += [f"v{i + 1}" for i in range(len(self.steps))]
        lines = [f"def f({', '.join(names[: len(self.inputs)])}):"]
        for position, (operation, operands) in enumerate(self.steps, len(self.inputs)):
            call = operation.expression(*[names[k] if isinstance(k, int) else _literal(k) for k in operands])
            last = position == len(names) - 1
            lines.append(f"    return {call}" if last else f"    {names[position]} = {call}")
        return "\n".join([*lines, f"f({', '.join(map(repr, self.inputs))})"])


def _literal(constant: float) -> str:
    return repr(constant) if constant >= 0.0 else f"({constant!r})"


def every_operation() -> list[Operation]:
    """Return the operations of the table, families by their samples.

    >>> [operation.name for operation in every_operation()][:3]
    ['+', '-', '*']
    """
    rows = rules.TABLE.values()
    members = [[row.member(x) for x in row.samples] if isinstance(row, Family) else [row] for row in rows]
    return [operation for listed in members for operation in listed]


def numbers() -> st.SearchStrategy[float]:
    """Return moderate floats, of which the simplest have two decimals.

    >>> from hypothesis import given, settings
    >>> @settings(deadline=None)
    ... @given(numbers())
    ... def test_numbers(x):
    ...     assert -3.0 <= x <= 3.0
    >>> test_numbers()
    """
    return st.integers(-300, 300).map(lambda n: n / 100) | st.floats(-3.0, 3.0).filter(lambda x: math.fabs(x) > 1e-3)


def operands(operation: Operation, elements: st.SearchStrategy[float] | None = None) -> st.SearchStrategy[list[float]]:
    """Return operands at which the operation is tame: smooth, and with moderate results and derivatives.

    `elements` gives the single operands, where the default, about -3 to 3, misses the operation's domain.

    >>> from hypothesis import given, settings
    >>> @settings(deadline=None)
    ... @given(operands(rules.log))
    ... def test_logarithm(xs):
    ...     assert math.isclose(math.exp(rules.log(*xs)), *xs)
    >>> test_logarithm()
    """
    if operation.arity is None:
        groups = len(operation.arguments)
        sizes = st.integers(1, 4).map(lambda n: n * groups)
    else:
        sizes = st.just(operation.arity)
    listed = sizes.flatmap(lambda n: st.lists(numbers() if elements is None else elements, min_size=n, max_size=n))
    return listed.filter(lambda xs: is_tame(operation, xs))


@st.composite
def expressions(
    draw: st.DrawFn,
    operations: Sequence[Operation] | None = None,
    inputs: Sequence[float] | None = None,
    max_inputs: int = 3,
    max_steps: int = 8,
    elements: st.SearchStrategy[float] | None = None,
) -> RandomExpression:
    """Return expressions of these operations (all of the table, if none are given), with shared nodes and constants.

    Their inputs are drawn, or those given. Where an operand is outside of an operation's domain or near a kink, a
    constant is added to it first; what no other step uses is summed up at the end, so every step matters.

    >>> from autograd import gradcheck, operation
    >>> from hypothesis import given, settings
    >>> cube = operation("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    >>> @settings(max_examples=10, deadline=None)
    ... @given(expressions([cube, rules.mul, rules.sin], elements=st.floats(0.5, 2.0)))
    ... def test_own_operation(expression):
    ...     assert gradcheck(expression, *expression.inputs, order=2)
    >>> test_own_operation()
    """
    chosen = st.sampled_from(list(operations or every_operation()))
    elements = numbers() if elements is None else elements
    given = list(inputs) if inputs is not None else draw(st.lists(elements, min_size=1, max_size=max_inputs))
    values = list(given)
    steps: list[Application] = []

    def add(operation: Operation, terms: Sequence[Place]) -> None:
        steps.append(Application(operation, tuple(terms)))
        values.append(operation.evaluate([values[k] if isinstance(k, int) else k for k in terms]))

    for _ in range(draw(st.integers(1, max_steps))):
        operation = draw(chosen)
        wanted = draw(operands(operation, elements))
        latest = len(values) - 1
        earlier = st.integers(0, latest).map(partial(operator.sub, latest))
        terms = [draw(earlier if i == 0 else earlier | elements) for i in range(len(wanted))]
        if not is_tame(operation, [values[k] if isinstance(k, int) else k for k in terms]):
            for i, (term, target) in enumerate(zip(terms, wanted, strict=True)):
                if isinstance(term, int):
                    add(rules.add, (term, target - values[term]))
                    terms[i] = len(values) - 1
                else:
                    terms[i] = target
        add(operation, terms)
    used = {term for step in steps for term in step.operands if isinstance(term, int)}
    loose = [position for position in range(len(values)) if position not in used]
    if len(loose) > 1:
        add(rules.fsum, loose)
    return RandomExpression(given, steps)


def is_tame(operation: Operation, operands: Sequence[float]) -> bool:
    """Return whether an operation is defined, moderate and smooth at these operands and near them.

    >>> is_tame(rules.relu, [0.5]), is_tame(rules.relu, [0.0]), is_tame(rules.log, [-1.0])
    (True, False, False)
    """
    try:
        y = operation.evaluate(operands)
        slopes = operation.derivatives(y, operands)
        if not all(math.fabs(number) <= LARGEST_RESULT for number in (y, *slopes)):  # nan is not
            return False
        if any(all(map(_near, operands, edge)) for edge in operation.edges):
            return False
        for moved, distance in _neighbours(operands):
            there = operation.evaluate(moved)
            if not math.fabs(there - y) <= 2.0 * distance * (1.0 + sum(map(math.fabs, slopes))):
                return False
            for slope, other in zip(slopes, operation.derivatives(there, moved), strict=True):
                if not math.fabs(other - slope) <= 0.1 * (1.0 + math.fabs(slope)):
                    return False
    except (ValueError, ArithmeticError):
        return False
    return True


def _distance(x: float) -> float:
    return MARGIN * (1.0 + math.fabs(x))


def _near(x: float, edge: float) -> bool:
    return math.fabs(x - edge) <= _distance(edge)


def _neighbours(operands: Sequence[float]) -> Iterator[tuple[list[float], float]]:
    """Yield the operands with one of them moved, and how far."""
    for i, x in enumerate(operands):
        distance = _distance(x)
        for moved in (x - distance, x + distance):
            yield [*operands[:i], moved, *operands[i + 1 :]], distance
