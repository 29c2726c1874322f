"""Modes of recording: `no_grad`, inspection (`detect_anomaly`), tracing (`compile`) and substitution (`root`).

Each is a context variable, so a block changes what is recorded in its own thread or task only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar, cast, overload

from autograd.engine import clock
from autograd.engine.decorating import F, decorated
from autograd.engine.node import Node, Origin
from autograd.rules import Operation

AnyNode = TypeVar("AnyNode", bound=Node)

# Reading a context variable for every node would cost more than the node, so a plain count of the open blocks that
# change what is recorded, in whatever thread or task, says whether the variables need to be asked at all.

blocks = 0
substitutions = 0  # of which these change what is read

# The traces in progress, in whatever thread or task: one that knows of none may read numbers of another's.
traces: list[OpenTrace] = []


class _Block:
    """A block in which a mode has a value, in the block `outer`, which of the outermost is itself."""

    __slots__ = ("abandoned", "outer", "value")

    def __init__(self, value: Any, outer: _Block | None = None) -> None:
        self.value, self.outer, self.abandoned = value, outer or self, False


def _mode(name: str, usual: Any = None) -> ContextVar[_Block]:
    outermost = _Block(usual)
    return ContextVar(name, default=outermost)


_recording = _mode("recording", usual=True)
_inspector = _mode("inspector")
_differentiating = _mode("differentiating")
_comparing = _mode("comparing", usual=False)
_escape = _mode("escape", usual=True)
_side = _mode("side")
_unrolling = _mode("unrolling", usual=False)
_substitution = _mode("substitution")
_apart = _mode("apart", usual=False)


class Tracer:
    """A tracer is told where data is used as a plain number, and what is differentiated; this one allows all."""

    def used(self, node: Node, how: str) -> None:
        """Raise an error if the number may be another one in the next call."""

    def assigned(self, leaf: Node) -> None:
        """Raise an error if the data of a leaf from outside of the function is about to be assigned."""

    def compared(self, node: Node, other: object) -> None:
        """Raise an error if == is about to compare numbers that may be others in the next call."""

    def linearized(self, outputs: Iterable[Any]) -> None:
        """Take note of what derivatives are taken of."""

    def made(self, node: Node) -> None:
        """Take note of a node, after those that were made before it."""


UNTRACED = Tracer()
_tracer = _mode("tracer", UNTRACED)


@contextmanager
def apart() -> Iterator[None]:
    """Compute plain numbers in a block, of which nothing is traced or inspected around it, nor what is caught there."""
    with trace_with(UNTRACED), inspect_with(None), in_side(None), _block(_apart, True, counts=0):
        yield


class OpenTrace(Protocol):
    """A protocol of traces in progress, which are told what happens in any thread."""

    def elsewhere(self, nodes: Sequence[Node]) -> None:
        """Raise an error if nodes that another thread is about to read were made from the function's arguments."""

    def failed(self, error: Exception, operands: Sequence[Node]) -> None:
        """Take note of an operation that raises an error, which the function may catch."""


class Inspector(Protocol):
    """A protocol of inspectors, such as that of `detect_anomaly`: shown each node and product of the chain rule."""

    def made(self, op: Operation, data: float, operands: Sequence[Node]) -> Origin:
        """Look at a result before it becomes a node, and return the node's stamp."""

    def accumulated(self, edges: Iterable[Any], holders: Iterable[Any]) -> Iterable[Any]:
        """Return the edges, each looked at before its product is added; at the end look at all gradients."""


class TracedSide(Protocol):
    """One side of a choice that is traced: its operands from outside are guarded."""

    taken: bool  # whether it is chosen while the function is traced, as are the sides around it

    def applied(self, op: Operation, operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], float]:
        """Return the operands of an operation in this side, guarded, and its result where the side is not chosen."""

    def made(self, node: Node, unchosen: float) -> None:
        """Take note of a node that was made in this side, and of its number where the side is not chosen."""


class Substitution(Protocol):
    """Nodes that stand for others, wherever these are read: with other numbers, in one thread or task only."""

    def substituted(self, node: Any, differentiable: bool) -> Any:
        """Return the node that stands for this one; `differentiable` where what is read passes derivatives on."""


@contextmanager
def _block(variable: ContextVar[_Block], value: Any, counts: int = 1) -> Iterator[None]:
    global blocks
    outer, counted = variable.get(), 0
    block = _Block(value, outer)
    try:  # Ctrl-C may come after any call; better a block counted for ever, which is slow, than one that is not left
        blocks += counts
        counted = counts
        variable.set(block)
        yield
    except GeneratorExit:  # it came where a `with` begins or ends; Python then closes all that was open, in any order
        block.abandoned = True
        outer = variable.get()
        raise
    finally:
        while outer.abandoned:
            outer = outer.outer
        variable.set(outer)
        blocks -= counted


def paused() -> bool:
    """Whether the current thread or task is in a `no_grad` block."""
    return not _recording.get().value


class Mode:
    """A block that is entered as often as one likes, and a decorator of functions that run in one.

    It is what `no_grad()` and `detect_anomaly()` return.
    """

    def __init__(self, block: str, opened: Callable[[], AbstractContextManager[None]]) -> None:
        self._block, self._opened = block, opened
        self._open: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        block = self._opened()
        block.__enter__()
        self._open.append(block)

    def __exit__(self, *exception: Any) -> None:
        self._open.pop().__exit__(*exception)

    def __call__(self, f: F) -> F:
        """Return f as a function of which every call runs in a block of its own; a coroutine does until it returns."""
        return decorated(self._block, self._opened, f)


@overload
def no_grad() -> Mode: ...
@overload
def no_grad(f: F) -> F: ...
def no_grad(f: Any = None) -> Any:
    """Record nothing in this block: results are leaves, whatever they were made from.

    Also a decorator of functions and coroutine functions, as `@no_grad()` or `@no_grad`.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    >>> @no_grad()
    ... def square(x):
    ...     return x * x
    >>> square(x).parents
    ()
    """
    mode = Mode("no_grad()", lambda: _block(_recording, False))
    return mode if f is None else mode(f)


def enable_grad() -> AbstractContextManager[None]:
    """Record in this block, also within a `no_grad` block."""
    return _block(_recording, True) if paused() else nullcontext()


def inspect_with(inspector: Inspector | None) -> AbstractContextManager[None]:
    """Have every node made and every product of the chain rule in this block looked at."""
    return _block(_inspector, inspector)


def trace_with(tracer: Tracer) -> AbstractContextManager[None]:
    """Record comparisons in this block, and report where data is used as plain numbers."""
    return _block(_tracer, tracer)


def allow_escape(allowed: bool) -> AbstractContextManager[None]:
    """Allow, or not, that derivatives which are Values escape from this block, to be read at other numbers."""
    return _block(_escape, allowed and _escape.get().value, counts=0)


def record_comparisons(recorded: bool) -> AbstractContextManager[None]:
    """Record comparisons in this block, or none: of partial derivatives read with Values, if these may escape."""
    return _block(_comparing, recorded and _escape.get().value, counts=0)


def records_comparison(*operands: Any) -> bool:
    """Whether a comparison of operands is a node, since its outcome may be another one at other numbers."""
    return bool(_comparing.get().value or (blocks and traced(*operands)))


def side() -> TracedSide | None:
    """Return the innermost side of a choice that the current thread or task is tracing."""
    side: TracedSide | None = _side.get().value
    return side


def untaken() -> bool:
    """Whether a side of a choice is traced that is not chosen now: what is not defined there is nan."""
    return bool(blocks) and (side := _side.get().value) is not None and not side.taken


def in_side(side: TracedSide | None) -> AbstractContextManager[None]:
    """Trace a side of a choice in this block."""
    return _block(_side, side)


def traced(*operands: Any) -> bool:
    """Whether the current thread or task is tracing a function to compile it.

    Where it is not, operands whose numbers are about to be read must not be those of another thread's trace.
    """
    if traces:
        read_elsewhere([x for x in operands if isinstance(x, Node)])
    return _tracer.get().value is not UNTRACED


def read_elsewhere(nodes: Sequence[Node]) -> None:
    """Tell the traces of other threads that the numbers of nodes are about to be read."""
    if _tracer.get().value is UNTRACED:
        for trace in [*traces]:
            trace.elsewhere(nodes)


def failed(error: Exception, operands: Sequence[Node]) -> None:
    """Tell all traces that an operation raises an error, which their functions may catch."""
    for trace in [] if _apart.get().value else [*traces]:
        trace.failed(error, operands)


def unroll() -> AbstractContextManager[None]:
    """Have a compiled function that uses Values called node by node in this block, so that its result has a graph."""
    return _block(_unrolling, True, counts=0)


def unrolling() -> bool:
    """Whether compiled functions that use Values are called node by node."""
    return _unrolling.get().value and not paused()


def inspecting() -> bool:
    """Whether the current thread or task is in a `detect_anomaly` block."""
    return _inspector.get().value is not None


class _Differentiation:
    """A transform that calls its function, in those around it: its input nodes, and the tick the outermost began at."""

    __slots__ = ("begun", "inputs", "outer")

    def __init__(self, begun: int, inputs: Sequence[Node], outer: _Differentiation | None) -> None:
        self.begun: int = begun if outer is None else outer.begun
        self.inputs, self.outer = inputs, outer


def differentiate_by(inputs: Sequence[Node], tick: int) -> AbstractContextManager[None]:
    """Have a transform, such as `grad`, call its function in this block, on these inputs, made since this tick."""
    return _block(_differentiating, _Differentiation(tick, inputs, _differentiating.get().value), counts=0)


def differentiated(leaf: Node) -> bool:
    """Whether a leaf was made since the outermost transform around this place called its function, or as its input."""
    transform = _differentiating.get().value
    return transform is not None and leaf.stamp.born >= transform.begun


def inputs() -> set[int]:
    """Return the ids of the nodes that stand for the numbers given to the transforms around this place."""
    found: set[int] = set()
    transform = _differentiating.get().value
    while transform is not None:
        found.update(map(id, transform.inputs))
        transform = transform.outer
    return found


def use(node: AnyNode, how: str, *, differentiable: bool = False) -> AnyNode:
    """Tell the tracer that a node is used as a plain number; return the node that stands for it."""
    _tracer.get().value.used(node, how)
    if traces:
        read_elsewhere([node])
    return substituted(node, differentiable=differentiable)


def assign(leaf: Node) -> None:
    """Tell the tracer that the data of a leaf is about to be assigned."""
    _tracer.get().value.assigned(leaf)


def substitution() -> Substitution | None:
    """Return the substitution that the current thread or task reads nodes by."""
    found: Substitution | None = _substitution.get().value
    return found


@contextmanager
def substitute_with(substitution: Substitution) -> Iterator[None]:
    """Read nodes by a substitution in this block."""
    global substitutions
    substitutions += 1
    try:
        with _block(_substitution, substitution):
            yield
    finally:
        substitutions -= 1


def substituted(node: AnyNode, *, differentiable: bool = True) -> AnyNode:
    """Return the node that stands for this one where it is read, which is itself where there is no substitution."""
    found: Substitution | None = _substitution.get().value
    return node if found is None else cast("AnyNode", found.substituted(node, differentiable and not paused()))


def compared(node: Node, other: object) -> None:
    """Tell the tracer that a node is compared by == with a number or with another node."""
    _tracer.get().value.compared(node, other)
    if traces and not isinstance(other, Node):
        read_elsewhere([node])


def linearized(outputs: Iterable[Any]) -> None:
    """Tell the tracer what derivatives are taken of."""
    _tracer.get().value.linearized(outputs)


def made(node: Node) -> None:
    """Tell the tracer of a node that was made."""
    _tracer.get().value.made(node)


def inspected(op: Operation, data: float, operands: Sequence[Node]) -> Origin:
    """Return the stamp of a node that is about to be made, after the inspector, if there is one, has looked at it."""
    inspector = _inspector.get().value
    return clock.now if inspector is None else inspector.made(op, data, operands)


def inspected_edges(edges: Iterable[Any], holders: Iterable[Any]) -> Iterable[Any]:
    """Return the edges of the chain rule, looked at by the inspector, if there is one."""
    inspector = _inspector.get().value
    return edges if inspector is None else inspector.accumulated(edges, holders)
