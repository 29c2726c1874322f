"""Linearization: how the results of a recorded computation follow small changes of its inputs, in either direction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any

from autograd.engine import (
    UNREACHED,
    Accumulators,
    Constant,
    Edge,
    Number,
    Sum,
    Value,
    accumulate,
    check_unchanged,
    dependents,
    edges,
    modes,
    move_guards,
    topological_order,
    transposed,
)
from autograd.rules import MADE, Operation, derivatives, positive, symbol, where


class Linearization:
    """Linearization of nodes in others: the edges of the graph between them, followed in either direction.

    `valued` says whether derivatives are Values; where it is None, they are if anything that takes a gradient was
    brought in from before the tick `since`.
    """

    def __init__(
        self, outputs: Sequence[Any], inputs: Sequence[Value], *, since: int = 0, valued: bool | None = None
    ) -> None:
        self.outputs = outputs
        self.inputs = inputs
        self.since = since
        roots = [x for x in outputs if isinstance(x, Value)]
        self.order = topological_order(*roots, since=since)
        check_unchanged(self.order)
        if modes.blocks:
            modes.linearized(outputs)
            if modes.traced() and move_guards([x for x in self.order if x.stamp.tick >= since], outputs):
                self.order = topological_order(*roots, since=since)
        if valued is None:
            valued = is_valued([*self.order, *(parent for x in inputs for parent in x.parents)], since)
        self.valued = valued
        # Where a function is traced, what it computes in a no_grad block is a graph too, without a gradient.
        self.recorded = valued and not (modes.paused() and not modes.traced())
        # What was made before the tick is not gone through, also where it is an input and was made from another one.
        fresh = [node for node in self.order if node.stamp.tick >= since] if since else self.order
        self.active = dependents(fresh, inputs)
        self.wanted = {*self.active, *inputs}

    @cached_property
    def edges(self) -> list[Edge]:
        """The edges between what depends on the inputs, from the results on, with the partial derivatives."""
        with modes.record_comparisons(self.recorded):  # those of kinks
            return list(edges(reversed(self.active), self.wanted, differentiable=self.recorded))

    @cached_property
    def choices(self) -> dict[Any, Value]:
        """The conditions of derivatives on whose way there is a choice by a plain bool, by their inputs and outputs.

        At other numbers the other side may be chosen, which has other derivatives. So a derivative that is a Value has
        a condition, which is true, and was made of that choice.
        """
        after: dict[Any, Value] = {}
        before: dict[Any, Value] = {}
        if self.recorded and any(node.op in MADE for node in self.active):
            for node in self.active:
                made = node if node.op in MADE else next((after[x] for x in node.parents if x in after), None)
                after.update({} if made is None else {node: made})
            for node in reversed(self.active):
                made = node if node.op in MADE else before.get(node)
                before.update({} if made is None else dict.fromkeys(node.parents, made))
        ends = {y: after[y] for y in self.outputs if isinstance(y, Value) and y in after}
        ends |= {x: before[x] for x in self.inputs if x in before}
        conditions = {made: where.chosen(where(made, 1.0, 1.0)) for made in ends.values()}
        return {end: conditions[made] for end, made in ends.items()}

    def pull(self, cotangents: Iterable[tuple[Any, Number]]) -> list[Any]:
        """Return cotangent x d(output)/d(input), summed over the given outputs, for each input."""
        return self._accumulated(self._backward(), cotangents, self.inputs)

    def push(self, tangents: Iterable[tuple[Any, Number]]) -> list[Any]:
        """Return d(output)/d(input) x tangent, summed over the given inputs, for each output."""
        return self._accumulated(self._forward(), tangents, self.outputs)

    def rows(self) -> list[Sequence[Any]]:
        """Return the Jacobian: for each output its derivatives by all inputs."""
        if len(self.outputs) <= len(self.inputs):
            flow = self._backward()
            return [self._accumulated(flow, [(output, 1.0)], self.inputs) for output in self.outputs]
        flow = self._forward()
        columns = [self._accumulated(flow, [(x, 1.0)], self.outputs) for x in self.inputs]
        return [[column[row] for column in columns] for row in range(len(self.outputs))]

    def nonzeros(self) -> list[list[tuple[int, Any]]]:
        """Return the structural non-zeros of the Jacobian: for each output the inputs on which it depends.

        They are what a path of the graph leads to, whatever the numbers are, as positions with the derivatives. Every
        pass is over what it reaches only: from each output, or from each input where there are fewer of these.
        """
        edges = [edge for edge in self.edges if not _is_zero_everywhere(*edge)]
        by_row = len(self.outputs) <= len(self.inputs)
        starts, ends = (self.outputs, self.inputs) if by_row else (self.inputs, self.outputs)
        reach = _Reach(edges if by_row else transposed(edges))
        places: dict[Any, list[int]] = {}
        for place, end in enumerate(ends):
            places.setdefault(end if isinstance(end, Value) else place, []).append(place)
        rows: list[list[tuple[int, Any]]] = [[] for _ in self.outputs]
        for position, start in enumerate(starts):
            if not isinstance(start, Value) or start not in self.wanted:
                continue
            flow = reach.accumulators(start)
            listed = sorted(
                [(place, node) for node in flow if node in places for place in places[node]], key=itemgetter(0)
            )
            found = self._accumulated(flow, [(start, 1.0)], [node for _, node in listed])
            for (place, _), derivative in zip(listed, found, strict=True):
                row, column = (position, place) if by_row else (place, position)
                rows[row].append((column, derivative))
        return rows

    def _backward(self) -> Accumulators:
        return Accumulators(self.wanted, self.edges)

    def _forward(self) -> Accumulators:
        return Accumulators(self.wanted, transposed(self.edges))

    def _accumulated(self, flow: Accumulators, seeds: Iterable[tuple[Any, Number]], ends: Sequence[Any]) -> list[Any]:
        seeds = [seed for seed in seeds if isinstance(seed[0], Value) and seed[0] in self.wanted]
        valued = self.valued or any(isinstance(number, Value) for _, number in seeds)
        given: list[Any] = []
        flow.clear_gradients()
        for node, number in seeds:
            given.append(as_value(number) if valued else number)
            flow[node].adjoint += Sum(1.0, given[-1]) if valued else number
        accumulate(flow.edges, flow.values())
        sums: list[Any] = [flow[end].adjoint if isinstance(end, Value) and end in flow else UNREACHED for end in ends]
        if not valued:
            return [float(total) for total in sums]
        choices = self.choices
        taken = set(given)  # each result is a node of its own, to be labelled as one likes
        found = []
        for end, total in zip(ends, sums, strict=True):
            node = Constant(0.0) if total is UNREACHED else as_value(total.node())
            node = where(choices[end], node, 0.0) if end in choices else node
            found.append(positive(node) if node in taken else node)
            taken.add(node)
        return found


class _Reach:
    """Edges by the nodes that they start from, for passes over those only that are reached."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self.outgoing: dict[Any, list[Edge]] = {}
        for edge in edges:
            self.outgoing.setdefault(edge[0], []).append(edge)
        self.rank = {node: rank for rank, node in enumerate(self.outgoing)}

    def accumulators(self, start: Any) -> Accumulators:
        """Return accumulators for what is reached from a node, with the edges in their order."""
        found, stack = {start}, [start]
        while stack:
            for _, target, _ in self.outgoing.get(stack.pop(), ()):
                if target not in found:
                    found.add(target)
                    stack.append(target)
        sources = sorted([node for node in found if node in self.rank], key=self.rank.__getitem__)
        return Accumulators(found, [edge for source in sources for edge in self.outgoing[source]])


def _is_zero_everywhere(source: Any, target: Any, derivative: Any) -> bool:
    """Whether the derivative along an edge is 0 at all numbers, as that by a condition is."""
    if not isinstance(derivative, float) or derivative != 0.0:
        return False
    zeros = _zero_partials(source.op, len(source.parents))
    return all(zero for operand, zero in zip(source.parents, zeros, strict=True) if operand is target)


@lru_cache(maxsize=256)
def _zero_partials(operation: Operation, arity: int) -> list[bool]:
    """Return for each operand whether the partial derivative by it is 0 at all numbers."""
    found = derivatives(operation, symbol("y"), [symbol(position) for position in range(arity)])
    return [isinstance(derivative, float) and derivative == 0.0 for derivative in found]


def is_valued(nodes: Iterable[Value], since: int) -> bool:
    """Whether anything that takes a gradient was brought in among these nodes from before a tick."""
    nodes = list(nodes)
    older = {stamp for stamp in {node.stamp for node in nodes} if stamp.born < since}
    return any(node.stamp in older and not isinstance(node, Constant) for node in nodes if older)


def passed_on(node: Value) -> Value:
    """Return a node of a recorded call as it leaves the call: in a `no_grad` block without gradient."""
    return node.detach() if modes.paused() else node


def as_value(number: Number) -> Value:
    """Return a number as a node."""
    return number if isinstance(number, Value) else Constant(number)
