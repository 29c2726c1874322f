"""The sorted graph and the chain rule: the two loops that everything else is written with.

A node comes after its parents in the sorted order, so when its edges are swept in the opposite order, every
contribution to a node's adjoint has arrived before the node hands it on. That is what makes backpropagation cheap: one
multiplication an edge, however many paths there are. Forward mode is the same sweep over the same edges turned around.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from autograd import recording
from autograd.rules import ieee_dot

if TYPE_CHECKING:
    from autograd.operation import Operation
    from autograd.value import Value

# A node, and where its adjoint goes: each neighbour, with the partial derivative by which it is multiplied on the way.
Step: TypeAlias = "tuple[Value, Iterable[tuple[Value, Any]]]"


def topological_order(*roots: Value, since: int = 0) -> list[Value]:
    """Return the roots and everything they were made from, each node once and after its parents.

    Nodes made before the tick `since` of the recording's clock stand in the order like leaves, without their parents.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> topological_order(y) == [x, y]
    True
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Any] = [*roots][::-1]
    while stack:
        node = stack.pop()
        if node is None:  # all that the node below this mark was made from is sorted
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            if node.op is None or (since and node._stamp.tick < since):
                order.append(node)
            else:
                stack += (node, None)
                if node._second is not None:
                    stack += (node._second, node._first)
                else:
                    stack += node.parents[::-1]
    return order


def dependents(order: Sequence[Value], inputs: Iterable[Value]) -> list[Value]:
    """Return those nodes of a sorted graph that are one of the inputs or were made from one, in their order.

    >>> from autograd import Value
    >>> x, w = Value(3.0), Value(2.0)
    >>> y = (w * w) * x
    >>> dependents(topological_order(y), [x]) == [x, y]
    True
    """
    found = set(inputs)
    for node in order:
        a, b = node._first, node._second
        if (a in found or b in found) if b is not None else not found.isdisjoint(a) if type(a) is tuple else a in found:
            found.add(node)
    return [node for node in order if node in found]


def sweep(steps: Iterable[Step], flow: dict[Value, Any]) -> None:
    """Run the chain rule: hand the number that `flow` has for a node on to its neighbours, for every edge once.

    `flow` holds the seeds at first and the derivatives at the end; the steps are `edges`, or these `turned`.
    """
    if recording.blocks:
        steps = recording.inspected_steps(steps, flow)
    for node, outgoing in steps:
        upstream = flow[node]
        for neighbour, derivative in outgoing:
            flow[neighbour] += upstream * derivative


def edges(nodes: Iterable[Value], wanted: Container[Value]) -> Iterator[Step]:
    """Yield each computed node with its edges: those of its parents that are wanted, with the partial derivative there.

    Partial derivatives by other parents, such as constants, are not evaluated.
    """
    for node in nodes:  # the engine's innermost code, so one and two operands are spelled out
        op = node.op
        if op is None:
            continue
        a, b = node._first, node._second
        if b is not None:
            by_a, by_b = op.partials
            y, x, z = node._datum, a._datum, b._datum
            if a in wanted:
                if b in wanted:
                    yield node, ((a, by_a(y, x, z)), (b, by_b(y, x, z)))
                else:
                    yield node, ((a, by_a(y, x, z)),)
            elif b in wanted:
                yield node, ((b, by_b(y, x, z)),)
        elif op.arity == 1:
            if a in wanted:
                yield node, ((a, op.partials[0](node._datum, a._datum)),)
        else:
            yield node, _read(op, a, wanted, node._datum, [parent._datum for parent in a])


def differentiable_edges(nodes: Iterable[Value], wanted: Container[Value]) -> Iterator[Step]:
    """Yield what `edges` yields, with partial derivatives read with Values: graphs, differentiable in their turn."""
    for node in nodes:
        if node.op is not None:
            yield node, _read(node.op, node.parents, wanted, node, node.parents)


def turned(steps: Iterable[Step]) -> Iterator[Step]:
    """Turn every edge around, so that what flows along them goes from operands to results: forward mode.

    The steps are those of `edges`, in the sorted order: all edges into a node come before the first one out of it.
    """
    for node, outgoing in steps:
        for parent, derivative in outgoing:
            yield parent, ((node, derivative),)


def reached(steps: Iterable[Step], flow: dict[Value, Any]) -> Iterator[Step]:
    """Leave out the steps at nodes to which nothing has flowed when the sweep comes by."""
    return (step for step in steps if step[0] in flow)


def _read(
    op: Operation, parents: Sequence[Value], wanted: Container[Value], y: Any, operands: Sequence[Any]
) -> Iterable[tuple[Value, Any]]:
    if op.arity is None:
        found = zip(parents, op.partials[0](y, operands), strict=True)
        return found if all(map(wanted.__contains__, parents)) else [edge for edge in found if edge[0] in wanted]
    return [(p, partial(y, *operands)) for p, partial in zip(parents, op.partials, strict=True) if p in wanted]


class Sum:
    """What flows where Values flow: a sum of products, kept open until it is handed on, and then made into one node.

    So a gradient graph has one dot for each node, where + and * would make two nodes for each edge.
    """

    __slots__ = ("adjoints", "derivatives", "total")

    def __init__(self) -> None:
        self.derivatives: list[Any] = []
        self.adjoints: list[Value] = []
        self.total: Any = None

    def __iadd__(self, product: tuple[Any, Value]) -> Self:
        derivative, adjoint = product
        self.derivatives.append(derivative)
        self.adjoints.append(adjoint)
        return self

    def __mul__(self, derivative: Any) -> tuple[Any, Value]:
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


def check_unchanged(order: Sequence[Value]) -> None:
    """Raise RuntimeError if a leaf's data was assigned after a node of the sorted graph was computed from it."""
    stamps = {node._stamp for node in order if node.op is not None}
    if all(stamp.tick == recording.now.tick for stamp in stamps):
        return  # no leaf, of this graph or another, was assigned meanwhile
    for node in order:
        for parent in node.parents:
            if parent._stamp.tick > node._stamp.tick:
                name = parent.label or repr(parent)
                raise RuntimeError(
                    f"the data of the leaf {name} was changed to {parent._datum!r} after this graph was built from it, "
                    "so gradients would mix the old number with the new one; build the expression again, "
                    "or call backward() before changing the leaf; where what was computed from the old number is meant "
                    "as a constant, such as the state that a recurrent cell carries over, detach() it"
                )
