"""Scalar steps: a graph as a list of operations on numbered places, those of its variables first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from autograd.engine import Value
from autograd.rules import Operation

Term: TypeAlias = "int | float"  # the place of a number, or a constant
GraphStep: TypeAlias = "tuple[Operation, list[Term]]"  # an operation and its operands


class StepList:
    """The steps of a sorted graph that depend on its variables, as far as they have been asked for."""

    def __init__(self, order: Sequence[Value], variables: Sequence[Value]) -> None:
        self.steps: list[GraphStep] = []
        self.places = {leaf: i for i, leaf in enumerate(variables)}
        self._order = order
        self._stop = 0

    def up_to(self, stop: int) -> list[GraphStep]:
        """Return the steps of at least the first so many nodes."""
        steps, places = self.steps, self.places
        for node in self._order[self._stop : stop]:
            if node.op is not None:
                terms = [places.get(parent, parent.number) for parent in node.parents]
                if int in map(type, terms):
                    places[node] = len(places)
                    steps.append((node.op, terms))
        self._stop = max(self._stop, stop)
        return steps


def replay(steps: Sequence[GraphStep], variables: Sequence[float]) -> None:
    """Compute the steps one by one; raise the error of the first that has one, as the eager engine words it."""
    data = list(variables)
    for op, terms in steps:
        data.append(op.evaluate([data[term] if isinstance(term, int) else term for term in terms]))
