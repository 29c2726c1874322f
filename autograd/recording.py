"""What is recorded with every node: when it was made, within which scope, and whether anything is recorded at all.

All nodes made between two events share one `Stamp`, so a node pays a single reference for it. The tick is a clock
that advances whenever a leaf's data is assigned: a node whose parent carries a later tick than its own was computed
from a number that is no longer there, and its derivatives would mix old numbers with new ones.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from autograd.operation import Operation
    from autograd.value import Value


class HasParameters(Protocol):
    """What may own a scope: a module."""

    def parameters(self) -> Sequence[Value]:
        """Return the parameters."""
        ...


class Stamp:
    """When and where a node was made: the tick of the clock, and the innermost scope."""

    __slots__ = ("scope", "tick")

    def __init__(self, tick: int, scope: scope | None) -> None:
        self.tick = tick
        self.scope = scope

    @property
    def born(self) -> int:
        """The tick at which the nodes were made; `tick` moves when a leaf's data is assigned."""
        return self.tick

    def __reduce__(self) -> tuple[Any, ...]:
        return Stamp, (self.tick, self.scope)


class Assigned(Stamp):
    """The stamp of a leaf whose data was assigned after it was made."""

    __slots__ = ("birth",)

    def __init__(self, stamp: Stamp | scope) -> None:
        super().__init__(advance(), stamp.scope)
        self.birth = stamp.born

    @property
    def born(self) -> int:
        """The tick at which the leaf was made."""
        return self.birth


now: Stamp | scope = Stamp(0, None)

# The gradient of a node that no backward() has reached: equal to 0.0, and told from a computed 0.0 by identity.
UNREACHED = float("0")


# The clock never goes back, also where several threads move it: CPython switches threads at calls and at jumps back,
# and wherever `now` is set, neither stands between reading the tick and setting it.


def advance(tick: int = 0) -> int:
    """Move the clock on, by one or as far as the given tick, and return the new tick."""
    global now
    stamp = Stamp(tick, now.scope)
    if stamp.tick <= now.tick:
        stamp.tick = now.tick + 1
    now = stamp
    return stamp.tick


class scope:
    """Record the nodes made in a `with` block as one part of the model; drawings put a box around them.

    Scopes nest. Every call of an `nn.Module` is one. They belong to the process rather than to a thread: where two
    threads build graphs at once the boxes of one may catch nodes of the other, and nothing but drawings is affected.

    >>> from autograd import Value
    >>> x = Value(3.0, label="x")
    >>> with scope("square"):
    ...     y = x * x
    >>> y.scope
    scope('square')
    """

    # A scope is itself the stamp of what is made in it: it has a tick, and a scope, which is itself.
    __slots__ = ("before", "closed", "owner", "tick", "title")

    before: Stamp | scope
    tick: int

    def __init__(self, title: str, owner: HasParameters | None = None) -> None:
        self.title = title
        # Weak, since the owner may keep nodes (the state of a recurrent cell, say), which refer back to this scope.
        self.owner = None if owner is None else weakref.ref(owner)
        self.closed: bool | None = None  # not entered yet

    def __enter__(self) -> Self:
        global now
        if self.closed is not None:
            raise RuntimeError(f"{self!r} was entered before; open a new scope for another part of the model")
        self.closed = False
        self.before = now
        self.tick = now.tick
        now = self
        return self

    def __exit__(self, *exception: object) -> None:
        global now
        self.closed = True
        innermost = self.outer
        if (innermost is None or not innermost.closed) and now is self:
            now = self.before
            return
        innermost = now.scope  # the clock moved on, or another thread's scope was opened or closed meanwhile
        while innermost is not None and innermost.closed:
            innermost = innermost.outer
        stamp = Stamp(0, innermost)
        stamp.tick = now.tick
        now = stamp

    @property
    def outer(self) -> scope | None:
        """The scope around this one."""
        return self.before.scope

    def parameters(self) -> Sequence[Value]:
        """Return the parameters of the scope's owner, such as the weights of a Neuron, while the owner lives."""
        owner = None if self.owner is None else self.owner()
        return () if owner is None else owner.parameters()

    @property
    def scope(self) -> Self:
        """The scope of the nodes that carry this one as their stamp: this one."""
        return self

    @property
    def born(self) -> int:
        """The tick at which the nodes that carry this one as their stamp were made."""
        return self.tick

    def __repr__(self) -> str:
        return f"scope({self.title!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.title, self.before, self.tick)


def _restore(title: str, before: Stamp | scope, tick: int) -> scope:
    restored = scope(title)
    restored.before, restored.tick, restored.closed = before, tick, True
    return restored


# Reading a context variable for every node would cost more than the node, so a plain count of the open blocks that
# change what is recorded, in whatever thread or task, says whether the variables need to be asked at all.

blocks = 0
_lock = threading.Lock()
_recording: ContextVar[bool] = ContextVar("recording", default=True)
_inspector: ContextVar[Inspector | None] = ContextVar("inspector", default=None)


_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


class Tracer(Protocol):
    """What wants to know where the data of a node is used as a plain number: `compile`."""

    def used(self, node: Value, how: str) -> None:
        """Raise an error if the number may be another one in the next call."""
        ...


class Inspector(Protocol):
    """What looks at every node that is made, and at every edge that is swept: `detect_anomaly`."""

    def made(self, op: Operation, data: float, operands: Sequence[Value]) -> Stamp:
        """Look at a result before it becomes a node, and return the node's stamp."""
        ...

    def swept(self, steps: Iterable[Any], flow: dict[Value, Any]) -> Iterable[Any]:
        """Return the steps of a sweep, each looked at before it is made."""
        ...


@contextmanager
def _block(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    global blocks
    token = variable.set(value)
    with _lock:
        blocks += 1
    try:
        yield
    finally:
        with _lock:
            blocks -= 1
        variable.reset(token)


def paused() -> bool:
    """Whether the current thread or task is in a `no_grad` block."""
    return not _recording.get()


def no_grad() -> AbstractContextManager[None]:
    """Record nothing in this block: results are leaves, whatever they were made from. Also a decorator.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    return _block(_recording, False)


def enable_grad() -> AbstractContextManager[None]:
    """Record in this block, also within a `no_grad` block."""
    return _block(_recording, True) if paused() else nullcontext()


def inspect_with(inspector: Inspector | None) -> AbstractContextManager[None]:
    """Have every node made and every edge swept in this block looked at."""
    return _block(_inspector, inspector)


def trace_with(tracer: Tracer | None) -> AbstractContextManager[None]:
    """Record comparisons in this block, and report where data is used as plain numbers."""
    return _block(_tracer, tracer)


def traced() -> bool:
    """Whether the current thread or task is tracing a function to compile it."""
    return _tracer.get() is not None


def inspecting() -> bool:
    """Whether the current thread or task is in a `detect_anomaly` block."""
    return _inspector.get() is not None


_differentiating: ContextVar[int | None] = ContextVar("differentiating", default=None)


@contextmanager
def differentiate_from(tick: int) -> Iterator[None]:
    """Have a transform, such as `grad`, call its function in this block, on nodes made since this tick."""
    token = _differentiating.set(tick) if _differentiating.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _differentiating.reset(token)


def differentiated(leaf: Value) -> bool:
    """Whether a leaf was made since the outermost transform around this place called its function, or as its input."""
    tick = _differentiating.get()
    return tick is not None and leaf._stamp.born >= tick


def use(node: Value, how: str) -> None:
    """Tell the tracer, if there is one, that the data of a node is used as a plain number."""
    tracer = _tracer.get()
    if tracer is not None:
        tracer.used(node, how)


def inspected(op: Operation, data: float, operands: Sequence[Value]) -> Stamp | scope:
    """Return the stamp of a node that is about to be made, after the inspector, if there is one, has looked at it."""
    inspector = _inspector.get()
    return now if inspector is None else inspector.made(op, data, operands)


def inspected_steps(steps: Iterable[Any], flow: dict[Value, Any]) -> Iterable[Any]:
    """Return the steps of a sweep, looked at by the inspector, if there is one."""
    inspector = _inspector.get()
    return steps if inspector is None else inspector.swept(steps, flow)
