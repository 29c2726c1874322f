"""Copies of graphs, by copy and pickle, without recursion.

Both modules follow references one inside the other, which would fail on a deep graph. So a deep copy walks the sorted
graph, and a pickle writes all ancestors of a node first, each after its own parents.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autograd import recording
from autograd.chain import topological_order
from autograd.recording import UNREACHED, Stamp

if TYPE_CHECKING:
    from autograd.operation import Operation
    from autograd.value import Value


def restore(
    ancestors: Any,
    kind: type[Value],
    data: float,
    grad: float | None,
    label: str,
    op: Operation | None,
    parents: tuple[Value, ...],
    stamp: Stamp,
) -> Value:
    """Return a node in the given state; `ancestors` only had to be restored before it."""
    node = object.__new__(kind)
    node._data, node.label, node.op, node._stamp = data, label, op, stamp
    node._first, node._second = slots(op, parents)
    node.grad = UNREACHED if grad is None else grad
    if stamp.tick > recording.now.tick:  # a graph from another process: what is made from it here is newer than it
        recording.advance(stamp.tick)
    return node


def slots(op: Operation | None, parents: tuple[Value, ...]) -> tuple[Any, Value | None]:
    """Return what a node made by `op` keeps in its slots for the first and the second parent."""
    arity = None if op is None else op.arity
    return (parents[0], None) if arity == 1 else (parents[0], parents[1]) if arity == 2 else (parents, None)


def state(node: Value, parents: tuple[Value, ...]) -> tuple[Any, ...]:
    """Return what `restore` needs to make the node again, of these parents."""
    grad = None if node.grad is UNREACHED else node.grad
    return type(node), node._data, grad, node.label, node.op, parents, node._stamp


def deep_copy(root: Value, memo: dict[int, Any]) -> Value:
    """Return a copy of a node and all it was made from, as `copy.deepcopy` asks for it."""
    for node in topological_order(root):
        if id(node) not in memo:
            memo[id(node)] = restore(None, *state(node, tuple([memo[id(parent)] for parent in node.parents])))
    copied: Value = memo[id(root)]
    return copied


def reduce(node: Value) -> tuple[Any, ...]:
    """Return how to restore a node, as `pickle` asks for it."""
    ancestors = None if id(node) in _pickling.nodes else _Ancestors(topological_order(node)[:-1])
    return restore, (ancestors, *state(node, node.parents))


class _Pickling(threading.local):
    """The nodes whose ancestors have been written already, while the list that they are in is being written."""

    def __init__(self) -> None:
        self.nodes: set[int] = set()


_pickling = _Pickling()


class _Ancestors(list["Value"]):
    """A sorted graph, pickled as a plain list item by item."""

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (), None, self._in_order()

    def _in_order(self) -> Iterator[Value]:
        fresh = {id(node) for node in self} - _pickling.nodes
        _pickling.nodes |= fresh
        try:
            yield from self
        finally:
            _pickling.nodes -= fresh
