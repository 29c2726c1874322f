"""Accumulators: they hold the gradients of nodes where the nodes' own `grad` is to be left alone.

The chain rule adds floats, or where derivatives are Values themselves, sums of products of Values.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from autograd.engine.chain import Edge
from autograd.engine.node import UNREACHED, Node
from autograd.rules import Mask, Zero, ieee_dot


class Accumulator:
    """The gradient of a node, or in forward mode its tangent, held outside of it."""

    __slots__ = ("adjoint", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.adjoint: Any = UNREACHED


class Accumulators(dict[Any, Accumulator]):
    """An accumulator for each of the nodes that the edges connect, for any number of passes, one after the other."""

    def __init__(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        super().__init__((node, Accumulator(node)) for node in nodes)
        self.edges = [(self[source], self[target], derivative) for source, target, derivative in edges]

    def clear_gradients(self) -> None:
        """Make ready for another pass."""
        for accumulator in self.values():
            accumulator.adjoint = UNREACHED


class Sum:
    """A symbolic accumulator, for derivatives that are Values: a sum of products, made into one node when it is read.

    So a gradient graph has one dot for each node, where + and * would make two nodes for each edge.
    """

    __slots__ = ("adjoints", "derivatives", "total")

    def __init__(self, derivative: Any, adjoint: Any) -> None:
        self.derivatives = [derivative]
        self.adjoints = [adjoint]
        self.total: Any = None

    def __radd__(self, unreached: float) -> Sum:
        return self

    def __iadd__(self, other: Sum) -> Self:
        self.derivatives += other.derivatives
        self.adjoints += other.adjoints
        return self

    def __mul__(self, derivative: Any) -> Sum:
        masks = isinstance(derivative, (Mask, Zero))  # whose product is not that of numbers
        return Sum(1.0, derivative * self.node()) if masks else Sum(derivative, self.node())

    def node(self) -> Any:
        """Return the sum as one node, or as a number where it is one."""
        if self.total is None:
            if len(self.adjoints) > 1:
                self.total = ieee_dot(self.derivatives, self.adjoints)
            else:
                (derivative,), (adjoint,) = self.derivatives, self.adjoints
                one = isinstance(derivative, float) and derivative == 1.0
                self.total = adjoint if one else derivative * adjoint
        return self.total
