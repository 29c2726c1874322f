"""Copying and pickling of graphs, without recursion.

Both modules follow references one inside the other, which would fail on a deep graph. So a deep copy walks the sorted
graph, and a pickle writes all ancestors of a node first, each after its own parents.
"""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from autograd.engine import clock, modes
from autograd.engine.chain import topological_order
from autograd.engine.node import UNREACHED, Node, Origin, slots_of
from autograd.rules import Operation


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
    node.number, node._label, node.op, node.stamp = data, label, op, stamp
    node._first, node._second = slots_of(op, parents)
    node.adjoint = UNREACHED if grad is None else grad
    if stamp.tick > clock.now.tick:  # a graph from another process: what is made from it here is newer than it
        clock.advance(stamp.tick)
    return node


def state(node: Node, parents: tuple[Node, ...]) -> tuple[Any, ...]:
    """Return what `restore` needs to make the node again, of these parents."""
    grad = None if node.adjoint is UNREACHED else node.adjoint
    return type(node), node.number, grad, node.label, node.op, parents, node.stamp


@lru_cache
def _is_plain(kind: Any) -> bool:
    """Whether nodes of a class have nothing but the slots of every node, which `state` holds."""
    no_slots = kind.__basicsize__ == Node.__basicsize__ and kind.__dictoffset__ == 0
    return no_slots and kind.__getstate__ is object.__getstate__


def own_state(node: Any) -> Any:
    """Return what a subclass of Value adds to a node's slots, as `__getstate__` gives it; None if nothing."""
    kind: Any = type(node)
    if _is_plain(kind):
        return None
    state = node.__getstate__()
    if kind.__getstate__ is not object.__getstate__:
        return state
    attributes, slots = state  # of which a node has some
    own = {name: thing for name, thing in slots.items() if name not in Node.__slots__}
    return (attributes, own) if own else attributes


def _with_state(node: Any, state: Any) -> Any:
    """Give a copy its state, as `copy` and `pickle` do for any class."""
    if state is None:
        return node
    if hasattr(node, "__setstate__"):
        node.__setstate__(state)
        return node
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if attributes:
        node.__dict__.update(attributes)
    for name, thing in (slots or {}).items():
        setattr(node, name, thing)
    return node


def shallow_copy(node: Node) -> Any:
    """Return a copy of a node, of the same parents, as `copy.copy` asks for it."""
    if id(node) in modes.inputs():
        return node
    return _with_state(restore(None, *state(node, node.parents)), own_state(node))


def deep_copy(root: Node, memo: dict[int, Any]) -> Any:
    """Return a copy of a node and all it was made from, as `copy.deepcopy` asks for it."""
    inputs = modes.inputs()
    order, used = topological_order(root), {root}
    for node in reversed(order) if inputs else ():
        if node in used and id(node) not in inputs:
            used.update(node.parents)
    for node in order:
        if id(node) in inputs:  # it stands for a plain number, which is its own copy
            memo[id(node)] = node
        elif id(node) not in memo and (node in used or not inputs):  # not what an input was made from
            copied = restore(None, *state(node, tuple([memo[id(parent)] for parent in node.parents])))
            memo[id(node)] = copied
            _with_state(copied, copy.deepcopy(own_state(node), memo))
    return memo[id(root)]


def reduce_node(node: Node) -> tuple[Any, ...]:
    """Return how to restore a node, as `pickle` asks for it."""
    if any(id(node) in graph.ids for graph in _being_pickled.graphs):
        ancestors = None
    else:
        graph = _Graph(topological_order(node)[:-1])
        ancestors = (graph, _End(graph))
    return restore, (ancestors, *state(node, node.parents)), own_state(node)


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
    """An end marker, pickled after a `_Graph`: all of the graph is written."""

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
