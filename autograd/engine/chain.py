"""Topological sort and chain rule (reverse-mode differentiation): the two loops that everything else is written with.

A node comes after its parents in the sorted order, so when its edges are read in the opposite order, every contribution
to a node's gradient has arrived before it is propagated. That is what makes backpropagation cheap: one
multiplication an edge, however many paths there are. Forward mode is the same loop over the same edges transposed,
and where derivatives are Values, it is the same loop again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from autograd.engine import clock, modes
from autograd.engine.node import Node

# A node, one of its parents (transposed: the other way round), and the partial derivative between them.
Edge: TypeAlias = tuple[Any, Any, Any]
N = TypeVar("N", bound=Node)


def topological_order(*roots: N, since: int = 0) -> list[N]:
    """Return the roots and everything they were made from, each node once and after its parents.

    Nodes made before the tick `since` of the clock stand in the order like leaves, without their parents.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> topological_order(y) == [x, y]
    True
    """
    order: list[N] = []
    seen: set[N] = set()
    stack: list[Any] = [*roots][::-1]
    while stack:
        node = stack.pop()
        if node is None:  # all that the node below this mark was made from is sorted
            order.append(stack.pop())
            continue
        while node not in seen:  # go down by the first operand, and leave the others on the stack
            seen.add(node)
            if node.op is None or (since and node.stamp.tick < since):
                order.append(node)
                break
            first, second = node._first, node._second
            if second is not None:
                stack += (node, None, second)
            elif type(first) is not tuple:
                stack += (node, None)
            else:
                stack += (node, None, *first[:0:-1])
                first = first[0]
            node = first
    return order


def dependents(order: Sequence[N], inputs: Iterable[N]) -> list[N]:
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


def backpropagate(order: Sequence[Node], seed: float, constant: type[Node]) -> None:
    """Set the gradient of every node in the sorted order, but of constants: seed times the derivative of the last one.

    Leaves add it to the gradient they have, computed nodes hold it; after an error all have what they had before.
    """
    computed = [node for node in order if node.op is not None]
    check_unchanged(computed)
    leaves = [node for node in order if node.op is None and type(node) is not constant]
    nodes = [*computed, *leaves]
    before = [node.grad for node in computed]
    try:
        for node in computed:
            node.grad = 0.0
        for leaf in leaves:  # put aside and cleared at once, lest threads that share a leaf lose what another adds
            grad, leaf.grad = leaf.grad, 0.0
            before.append(grad)
        for root in (computed or leaves)[-1:]:  # none if it is a constant
            root.grad = seed
        accumulate(edges(reversed(computed), constant=constant), nodes)
        for leaf, grad in zip(leaves, before[len(computed) :], strict=True):
            if grad is not None:
                leaf.grad = grad + leaf.grad
    except BaseException:
        for node, grad in zip(nodes, before, strict=False):
            node.grad = grad
        raise


def accumulate(edges: Iterable[Edge], holders: Iterable[Any]) -> None:
    """Accumulate gradients by the chain rule: add to each edge's target its source's gradient times the derivative.

    The gradients stand in the attribute `grad` of nodes, or of what holds them for a node (see `accumulators`).
    """
    if modes.blocks:
        edges = modes.inspected_edges(edges, holders)
    for source, target, derivative in edges:
        target.grad += source.grad * derivative


def edges(
    nodes: Iterable[Node], wanted: Container[Node] | None = None, constant: type[Node] | None = None
) -> Iterator[Edge]:
    """Yield the edges from each computed node to its active parents, with the partial derivatives.

    Partial derivatives by other parents are not evaluated. If `wanted` is None, only constants are not active.
    """
    for node in nodes:  # the engine's innermost code, so one and two operands are spelled out
        op = node.op
        if op is None:
            continue
        a, b = node._first, node._second
        if b is not None:
            by_a, by_b = op.partials
            y, x, z = node.number, a.number, b.number
            if type(a) is not constant if wanted is None else a in wanted:
                yield node, a, by_a(y, x, z)
            if type(b) is not constant if wanted is None else b in wanted:
                yield node, b, by_b(y, x, z)
        elif op.arity == 1:
            if type(a) is not constant if wanted is None else a in wanted:
                yield node, a, op.partials[0](node.number, a.number)
        else:
            y, operands = node.number, [parent.number for parent in a]
            partials = op.partials if op.arity else op.partials[0](y, operands)  # the whole gradient, for any number
            for parent, partial in zip(a, partials, strict=True):
                if type(parent) is not constant if wanted is None else parent in wanted:
                    yield node, parent, partial(y, *operands) if op.arity else partial


def differentiable_edges(nodes: Iterable[Node], wanted: Container[Node]) -> Iterator[Edge]:
    """Yield what `edges` yields, with partial derivatives read with Values: graphs, differentiable in their turn.

    Nothing flows along an edge whose derivative is 0 everywhere, such as that of a condition: not even the nan that 0
    times a nan would be.
    """
    for node in nodes:
        if (op := node.op) is not None:
            operands = node.parents
            partials = op.partials if op.arity else op.partials[0](node, operands)
            for parent, partial in zip(operands, partials, strict=True):
                if parent in wanted:
                    derivative = partial(node, *operands) if op.arity else partial
                    if not isinstance(derivative, float) or derivative != 0.0:
                        yield node, parent, derivative


def turned(edges: Iterable[Edge]) -> list[Edge]:
    """Transpose the edges of nodes in reverse order, so that derivatives go from parents to children: forward mode.

    They come out in the sorted order: all edges into a node before the first one out of it.
    """
    by_node = [[*outgoing] for _, outgoing in groupby(edges, itemgetter(0))]
    return [(target, source, derivative) for outgoing in by_node[::-1] for source, target, derivative in outgoing]


def check_unchanged(nodes: Sequence[Node]) -> None:
    """Raise RuntimeError if a leaf's data was assigned after one of the nodes was computed from it."""
    if all(stamp.tick == clock.now.tick for stamp in {node.stamp for node in nodes if node.op is not None}):
        return  # no leaf, of this graph or another, was assigned meanwhile
    for node in nodes:
        for parent in node.parents:
            if parent.stamp.tick > node.stamp.tick:
                name = parent.label or repr(parent)
                raise RuntimeError(
                    f"the data of the leaf {name} was changed to {parent.number!r} after this graph was built from it, "
                    "so gradients would mix the old number with the new one; build the expression again, "
                    "or call backward() before changing the leaf; where what was computed from the old number is meant "
                    "as a constant, such as the state that a recurrent cell carries over, detach() it"
                )
