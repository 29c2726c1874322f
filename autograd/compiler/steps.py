"""Scalar steps: a graph as a list of operations on numbered places, those of its variables first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from autograd import rules
from autograd.engine import Value
from autograd.rules import Operation

Term: TypeAlias = "int | float"  # the place of a number, or a constant
GraphStep: TypeAlias = "tuple[Operation, list[Term]]"  # an operation and its operands
RAISE_WITH_NAN = {rules.divide, rules.mod, rules.floordiv, rules.xlogy}  # unless it is their last operand: nan / 0


def steps_of(order: Sequence[Value], variables: Sequence[Value]) -> tuple[list[GraphStep], dict[Value, int]]:
    """Return the steps of a sorted graph that depend on the variables, and the places of the nodes."""
    places = {leaf: i for i, leaf in enumerate(variables)}
    steps: list[GraphStep] = []
    for node in order:
        if node.op is not None:
            terms = [places.get(parent, parent.number) for parent in node.parents]
            if int in map(type, terms):
                places[node] = len(places)
                steps.append((node.op, terms))
    return steps, places


def replay(steps: Sequence[GraphStep], variables: Sequence[float]) -> None:
    """Compute the steps one by one; raise the error of the first that has one, as the eager engine words it."""
    data = list(variables)
    for op, terms in steps:
        data.append(op.evaluate([data[term] if isinstance(term, int) else term for term in terms]))


def excusing(operation: Operation, operands: Sequence[Any]) -> Sequence[Any]:
    """Return the operands of which a nan makes the result nan, which is then no error."""
    return operands[-1:] if operation in RAISE_WITH_NAN else operands
