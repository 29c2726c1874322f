"""Copies of graphs, by copy and pickle, without recursion.

Both modules follow references one inside the other, which would fail on a deep graph. So a deep copy walks the sorted
graph, and a pickle writes all ancestors of a node first, each after its own parents.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from typing import Any

from autograd import clock
from autograd.chain import topological_order
from autograd.node import UNREACHED, Node, Origin, slots_of
from autograd.operation import Operation


def restore(
    ancestors: Any,
    kind: type[Node],
    data: float,
    grad: float | None,
    label: str,
    op: Operation | None,
    parents: tuple[Node, ...],
    stamp: Origin,
) -> Any:
    """Return a node in the given state; `ancestors` only had to be restored before it."""
    node = object.__new__(kind)
    node.number, node.label, node.op, node.stamp = data, label, op, stamp
    node._first, node._second = slots_of(op, parents)
    node.grad = UNREACHED if grad is None else grad
    if stamp.tick > clock.now.tick:  # a graph from another process: what is made from it here is newer than it
        clock.advance(stamp.tick)
    return node


def state(node: Node, parents: tuple[Node, ...]) -> tuple[Any, ...]:
    """Return what `restore` needs to make the node again, of these parents."""
    grad = None if node.grad is UNREACHED else node.grad
    return type(node), node.number, grad, node.label, node.op, parents, node.stamp


def deep_copy(root: Node, memo: dict[int, Any]) -> Any:
    """Return a copy of a node and all it was made from, as `copy.deepcopy` asks for it."""
    for node in topological_order(root):
        if id(node) not in memo:
            memo[id(node)] = restore(None, *state(node, tuple([memo[id(parent)] for parent in node.parents])))
    return memo[id(root)]


def reduce(node: Node) -> tuple[Any, ...]:
    """Return how to restore a node, as `pickle` asks for it."""
    if any(id(node) in graph.ids for graph in _being_pickled.graphs):
        ancestors = None
    else:
        graph = _Graph(topological_order(node)[:-1])
        ancestors = (graph, _End(graph))
    return restore, (ancestors, *state(node, node.parents))


class _Graph:
    """The sorted ancestors of a node, pickled as a plain list; while it is written, they need not list their own."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.ids = {id(node) for node in nodes}

    def __reduce__(self) -> tuple[Any, ...]:
        _being_pickled.graphs.add(self)
        return list, (), None, self._one_by_one()

    def _one_by_one(self) -> Iterator[Node]:
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
