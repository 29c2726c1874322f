"""Copies of graphs, by copy and pickle, without recursion.

Both modules follow references one inside the other, which would fail on a deep graph. So a deep copy walks the sorted
graph, and a pickle writes all ancestors of a node first, each after its own parents.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autograd import recording
from autograd.chain import topological_order
from autograd.recording import UNREACHED, Stamp, scope

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
    stamp: Stamp | scope,
) -> Value:
    """Return a node in the given state; `ancestors` only had to be restored before it."""
    node = object.__new__(kind)
    node._datum, node.label, node.op, node._stamp = data, label, op, stamp
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
    return type(node), node._datum, grad, node.label, node.op, parents, node._stamp


def deep_copy(root: Value, memo: dict[int, Any]) -> Value:
    """Return a copy of a node and all it was made from, as `copy.deepcopy` asks for it."""
    for node in topological_order(root):
        if id(node) not in memo:
            memo[id(node)] = restore(None, *state(node, tuple([memo[id(parent)] for parent in node.parents])))
    copied: Value = memo[id(root)]
    return copied


def reduce(node: Value) -> tuple[Any, ...]:
    """Return how to restore a node, as `pickle` asks for it."""
    if any(id(node) in graph.ids for graph in _being_pickled.graphs):
        ancestors = None
    else:
        graph = _Graph(topological_order(node)[:-1])
        ancestors = (graph, _End(graph))
    return restore, (ancestors, *state(node, node.parents))


class _Graph:
    """The sorted ancestors of a node, pickled as a plain list; while it is written, they need not list their own."""

    def __init__(self, nodes: list[Value]) -> None:
        self.nodes = nodes
        self.ids = {id(node) for node in nodes}

    def __reduce__(self) -> tuple[Any, ...]:
        _being_pickled.graphs.add(self)
        return list, (), None, self._one_by_one()

    def _one_by_one(self) -> Iterator[Value]:
        try:
            yield from self.nodes
        except GeneratorExit:  # the pickler failed
            _being_pickled.graphs.discard(self)
            raise


class _End:
    """What is pickled after a `_Graph`, and so tells that all of it is written."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph

    def __reduce__(self) -> tuple[Any, ...]:
        _being_pickled.graphs.discard(self.graph)
        return tuple, ()


class _BeingPickled(threading.local):
    """The graphs that a pickler of this thread is writing; weak, so one that fails leaves nothing behind."""

    def __init__(self) -> None:
        self.graphs: weakref.WeakSet[_Graph] = weakref.WeakSet()


_being_pickled = _BeingPickled()
