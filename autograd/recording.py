"""What is recorded with every node: when it was made, within which scope, and whether anything is recorded at all.

All nodes made between two events share one `Stamp`, so a node pays a single reference for it. The tick is a clock
that advances whenever a leaf's data is assigned: a node whose parent carries a later tick than its own was computed
from a number that is no longer there, and its derivatives would mix old numbers with new ones.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
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

    def __reduce__(self) -> tuple[Any, ...]:
        return Stamp, (self.tick, self.scope)


now: Stamp | scope = Stamp(0, None)

# The gradient of a node that no backward() has reached: equal to 0.0, and told from a computed 0.0 by identity.
UNREACHED = float("0")


def advance(tick: int | None = None) -> int:
    """Move the clock on, by one or to the given tick, and return the new tick."""
    global now
    now = Stamp(now.tick + 1 if tick is None else tick, now.scope)
    return now.tick


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
        if now is self and (self.outer is None or not self.outer.closed):
            now = self.before
            return
        innermost = now.scope  # the clock moved on, or another thread's scope was opened or closed meanwhile
        while innermost is not None and innermost.closed:
            innermost = innermost.outer
        now = Stamp(now.tick, innermost)

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

    def __repr__(self) -> str:
        return f"scope({self.title!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.title, self.before, self.tick)


def _restore(title: str, before: Stamp | scope, tick: int) -> scope:
    restored = scope(title)
    restored.before, restored.tick, restored.closed = before, tick, True
    return restored


# Reading a context variable for every node would cost more than the node, so a plain count of the open `no_grad`
# blocks, in whatever thread or task, says whether the variable needs to be asked at all.
_recording: ContextVar[bool] = ContextVar("recording", default=True)
_lock = threading.Lock()
pauses = 0


def paused() -> bool:
    """Whether the current thread or task is in a `no_grad` block."""
    return not _recording.get()


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing in this block: results are leaves, whatever they were made from. Also a decorator.

    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    global pauses
    token = _recording.set(False)
    with _lock:
        pauses += 1
    try:
        yield
    finally:
        with _lock:
            pauses -= 1
        _recording.reset(token)
