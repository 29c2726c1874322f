"""Topological sort and chain rule (reverse-mode differentiation): the two loops that everything else is written with.

A node comes after its parents in the sorted order, so when its edges are read in the opposite order, every contribution
to a node's gradient has arrived before it is propagated. That is what makes backpropagation cheap: one
multiplication an edge, however many paths there are. Forward mode is the same loop over the same edges transposed,
and where derivatives are Values, it is the same loop again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

from autograd.engine import clock, modes
from autograd.engine.node import UNREACHED, Node
from autograd.rules import INACTIVE, NOTHING, Mask, add, mul

# A node, one of its parents (transposed: the other way round), and the partial derivative between them.
Edge: TypeAlias = tuple[Any, Any, Any]
N = TypeVar("N", bound=Node)


# Weak references to the classes that are derived from Constant, for which the innermost loop does not ask: where there
# are some, gradients take the way of `edges`.
derived_constants: list[Any] = []


def topological_order(*roots: N, since: int = 0, leaves: list[N] | None = None) -> list[N]:
    """Return the roots and everything they were made from, each node once and after its parents.

    Nodes made before the tick `since` of the clock stand in the order like leaves, without their parents. Leaves are
    put into the list `leaves` instead, where one is given.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> topological_order(y) == [x, y]
    True
    """
    order: list[N] = []
    leaves = order if leaves is None else leaves
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
                leaves.append(node)
                break
            first, second = node._first, node._second
            if second is not None:
                if second not in seen:
                    stack += (node, None) if first in seen else (node, None, second)
                    first = second if first in seen else first
                elif first in seen:  # both are sorted
                    order.append(node)
                    break
                else:
                    stack += (node, None)
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


def backpropagate(root: Node, seed: float, constant: type[Node]) -> None:
    """Set the gradient of every node that the root was made from, but of constants: seed times the root's derivative.

    Leaves add it to the gradient they have, computed nodes hold it; after an error all have what they had before.
    """
    leaves: list[Node] = []
    computed = topological_order(root, leaves=leaves)
    leaves = [leaf for leaf in leaves if type(leaf) is not constant]
    if derived_constants:
        leaves = [leaf for leaf in leaves if not isinstance(leaf, constant)]
    check_unchanged(computed)
    before = [node.adjoint for node in computed]
    try:
        for node in computed:
            node.adjoint = UNREACHED
        for leaf in leaves:  # put aside and cleared at once, lest threads that share a leaf lose what another adds
            grad, leaf.adjoint = leaf.adjoint, 0.0
            before.append(grad)
        if type(root) is not constant and not (derived_constants and isinstance(root, constant)):
            root.adjoint = seed
        if modes.blocks or derived_constants:
            nodes = [*computed, *leaves]
            accumulate(edges(reversed(computed), set(nodes)), nodes)
        else:
            accumulate_floats(reversed(computed), constant)
        for leaf, grad in zip(leaves, before[len(computed) :], strict=True):
            if grad is not None:
                leaf.adjoint = grad + leaf.adjoint
    except BaseException:
        for node, grad in zip([*computed, *leaves], before, strict=False):
            node.adjoint = grad
        raise


def accumulate(edges: Iterable[Edge], holders: Iterable[Any]) -> None:
    """Accumulate gradients by the chain rule: add to each edge's target its source's gradient times the derivative.

    The gradients stand in the attribute `adjoint` of nodes, or of what holds them for a node (see `accumulators`).
    Where none has arrived, nothing is handed on, not even 0 times an infinity.
    """
    edges = (edge for edge in edges if edge[0].adjoint is not UNREACHED)
    if modes.blocks:
        edges = modes.inspected_edges(edges, holders)
    for source, target, derivative in edges:
        target.adjoint += source.adjoint * derivative


def accumulate_floats(nodes: Iterable[Any], constant: type[Node]) -> None:
    """Accumulate gradients as `accumulate` does over `edges`, of computed nodes all of whose parents are active.

    It is the engine's innermost code, so the edges are not handed from one function to another, and the derivatives of
    + and * are written here instead of called.
    """
    for node in nodes:
        op, gradient, a, b = node.op, node.adjoint, node._first, node._second
        if gradient is UNREACHED:
            continue
        if op is mul:
            if type(a) is not constant:
                a.adjoint += gradient * b.number
            if type(b) is not constant:
                b.adjoint += gradient * a.number
        elif op is add:
            if type(a) is not constant:
                a.adjoint += gradient
            if type(b) is not constant:
                b.adjoint += gradient
        elif b is not None:
            by_a, by_b = op.partials
            y, x, z = node.number, a.number, b.number
            if type(a) is not constant:
                a.adjoint += gradient * by_a(y, x, z)
            if type(b) is not constant:
                b.adjoint += gradient * by_b(y, x, z)
        elif op.arity == 1:
            if type(a) is not constant:
                a.adjoint += gradient * op.partials[0](node.number, a.number)
        else:
            y, operands = node.number, [parent.number for parent in a]
            partials = op.partials if op.arity else op.partials[0](y, operands)  # the whole gradient, for any number
            for parent, partial in zip(a, partials, strict=True):
                if type(parent) is not constant:
                    derivative = partial(y, *operands) if op.arity else partial
                    if derivative is not INACTIVE:
                        parent.adjoint += gradient * derivative


def edges(nodes: Iterable[Node], wanted: Container[Node], *, differentiable: bool = False) -> Iterator[Edge]:
    """Yield the edges from each computed node to its active parents, those that are wanted, with the derivatives.

    Partial derivatives are floats, or, read with Values, graphs that are differentiable in their turn. Those by other
    parents are not evaluated. An edge that is inactive, such as that of a condition, is left out: not even the nan that
    0 times a nan would be flows along it.
    """
    for node in nodes:
        if (op := node.op) is not None:
            y: Any = node if differentiable else node.number
            operands: Sequence[Any] = node.parents if differentiable else [parent.number for parent in node.parents]
            partials = op.partials if op.arity else op.partials[0](y, operands)  # the whole gradient, for any number
            for parent, partial in zip(node.parents, partials, strict=True):
                if parent in wanted:
                    derivative = partial(y, *operands) if op.arity else partial
                    if derivative is not INACTIVE:
                        yield node, parent, derivative


def transposed(edges: Iterable[Edge]) -> list[Edge]:
    """Transpose the edges of nodes in reverse order, so that derivatives go from parents to children: forward mode.

    They come out in the sorted order: all edges into a node before the first one out of it. What is constant but for
    its jumps hands on nothing, so that an infinite slope after it is none here either.
    """
    by_node = [[*outgoing] for _, outgoing in groupby(edges, lambda edge: id(edge[0]))]
    return [
        (target, source, derivative.forward if type(derivative) is Mask else derivative)
        for outgoing in by_node[::-1]
        for source, target, derivative in outgoing
        if derivative is not NOTHING
    ]


def check_unchanged(nodes: Sequence[Node], remedy: str = "call backward() before changing the leaf") -> None:
    """Raise RuntimeError if a leaf's data was assigned after one of the nodes was computed from it.

    `remedy`: what can be done, beside building the expression again.
    """
    if all(stamp.tick == clock.now.tick for stamp in {node.stamp for node in nodes if node.op is not None}):
        return  # no leaf, of this graph or another, was assigned meanwhile
    for node in nodes:
        for parent in node.parents:
            if parent.op is None and parent.stamp.tick > node.stamp.tick:  # guards may be older than their operands
                name = f"the leaf {parent.label}" if parent.label else "a leaf"
                raise _changed(name, parent.number, remedy)


def _changed(name: str, number: float, remedy: str) -> RuntimeError:
    error = RuntimeError(
        f"the data of {name} was changed to {number!r} after this graph was built from it, so gradients would mix the "
        f"old number with the new one; build the expression again, or {remedy}"
    )
    error.add_note(
        "Where what was computed from the old number is meant as a constant, such as the state that a recurrent cell "
        "carries over, detach() it; make a cached_property that keeps it a property."
    )
    return error
