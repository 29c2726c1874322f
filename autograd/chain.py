"""The sorted graph and the chain rule: the two loops that everything else is written with.

A node comes after its parents in the sorted order, so when the sweep walks it backwards, every contribution to a
node's adjoint has arrived before the node hands it on. That is what makes backpropagation cheap: one multiplication an
edge, however many paths there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd.operation import Operation
    from autograd.value import Value


def topological_order(*roots: Value) -> list[Value]:
    """Return the roots and everything they were made from, each node once and after its parents.

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
            if node.op is None:
                order.append(node)
            else:
                stack += (node, None)
                if node._second is not None:
                    stack += (node._second, node._first)
                else:
                    stack += node.parents[::-1]
    return order


def sweep(order: Sequence[Value], root: Value, seed: Any, *, differentiable: bool = False) -> dict[Value, Any]:
    """Return seed x d(root)/d(node) for each node of a sorted graph: the chain rule, once for every edge.

    `order` ends with the root and may leave out nodes whose derivative nobody wants, such as constants. Where
    `differentiable` is set, partial derivatives are read with Values, so the results are graphs themselves.
    """
    edges, zero = (_edges_of_values, _Nothing()) if differentiable else (_edges_of_floats, 0.0)
    adjoints: dict[Value, Any] = dict.fromkeys(order, zero)
    adjoints[root] = seed
    for node in reversed(order):
        if node.op is not None:
            upstream = adjoints[node]
            for parent, derivative in edges(node.op, node, adjoints):
                adjoints[parent] += upstream * derivative
    return adjoints


class _Nothing:
    """The adjoint of a node before anything has arrived: nothing + x is x, without making a node of the sum."""

    def __add__(self, other: Any) -> Any:
        return other


# The two readings of a row at a node: each parent whose derivative is wanted, with the partial derivative there; the
# partials of the others, constants among them, are not evaluated. The first is the engine's innermost code, so it
# spells out one and two operands.


def _edges_of_floats(op: Operation, node: Value, wanted: dict[Value, Any]) -> Iterable[tuple[Value, Any]]:
    a, b = node._first, node._second
    if b is not None:
        by_a, by_b = op.partials
        y, x, z = node._datum, a._datum, b._datum
        if a in wanted:
            if b in wanted:
                return ((a, by_a(y, x, z)), (b, by_b(y, x, z)))
            return ((a, by_a(y, x, z)),)
        return ((b, by_b(y, x, z)),) if b in wanted else ()
    if op.arity == 1:
        return ((a, op.partials[0](node._datum, a._datum)),) if a in wanted else ()
    return _edges(op, a, wanted, node._datum, [parent._datum for parent in a])


def _edges_of_values(op: Operation, node: Value, wanted: dict[Value, Any]) -> Iterable[tuple[Value, Any]]:
    return _edges(op, node.parents, wanted, node, node.parents)


def _edges(op: Operation, parents: Any, wanted: dict[Value, Any], y: Any, operands: Any) -> Iterable[tuple[Value, Any]]:
    if op.arity is None:
        edges = zip(parents, op.partials[0](y, operands), strict=True)
        return edges if all(map(wanted.__contains__, parents)) else [edge for edge in edges if edge[0] in wanted]
    return [(p, partial(y, *operands)) for p, partial in zip(parents, op.partials, strict=True) if p in wanted]


def check_unchanged(order: Sequence[Value]) -> None:
    """Raise RuntimeError if a leaf's data was assigned after a node of the graph was computed from it."""
    for node in order:
        for parent in node.parents:
            if parent._stamp.tick > node._stamp.tick:
                name = parent.label or repr(parent)
                raise RuntimeError(
                    f"the data of the leaf {name} was changed to {parent._datum!r} after this graph was built from it, "
                    "so gradients would mix the old number with the new one; build the expression again, "
                    "or call backward() before changing the leaf"
                )
