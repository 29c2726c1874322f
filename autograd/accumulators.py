"""Accumulators: what holds the gradients of nodes where the nodes' own `grad` is to be left alone.

The chain rule adds floats, or where derivatives are Values themselves, sums of products of Values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from autograd.chain import Edge
from autograd.node import Node
from autograd.rules import ieee_dot


class Accumulator:
    """The gradient of a node, or in forward mode its tangent, held outside of it."""

    __slots__ = ("grad", "node")

    def __init__(self, node: Node, grad: Any) -> None:
        self.node = node
        self.grad = grad


class Accumulators(dict[Any, Accumulator]):
    """An accumulator for each node that something has flowed to, made at the first access: 0.0, or an empty `Sum`."""

    def __init__(self, zero: type[float] | type[Sum] = float) -> None:
        super().__init__()
        self.zero = zero

    def __missing__(self, node: Node) -> Accumulator:
        accumulator = self[node] = Accumulator(node, self.zero())
        return accumulator

    def between(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        """Yield the edges between accumulators in place of nodes, but none from a node that nothing flowed to."""
        for source, target, derivative in edges:
            if source in self:
                yield self[source], self[target], derivative


class Sum:
    """Accumulated derivative where Values flow: a sum of products, made into one node when it is handed on.

    So a gradient graph has one dot for each node, where + and * would make two nodes for each edge.
    """

    __slots__ = ("adjoints", "derivatives", "total")

    def __init__(self) -> None:
        self.derivatives: list[Any] = []
        self.adjoints: list[Node] = []
        self.total: Any = None

    def __iadd__(self, product: tuple[Any, Any]) -> Self:
        derivative, adjoint = product
        self.derivatives.append(derivative)
        self.adjoints.append(adjoint)
        return self

    def __mul__(self, derivative: Any) -> tuple[Any, Any]:
        return derivative, self.node()

    def node(self) -> Any:
        """Return the sum as one node."""
        if self.total is None:
            if len(self.adjoints) > 1:
                self.total = ieee_dot(self.derivatives, self.adjoints)
            else:
                (derivative,), (adjoint,) = self.derivatives, self.adjoints
                one = isinstance(derivative, float) and derivative == 1.0
                self.total = adjoint if one else derivative * adjoint
        return self.total
