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
from typing import TYPE_CHECKING, Any, Protocol

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


now = Stamp(0, None)

# The gradient of a node that no backward() has reached: equal to 0.0, and told from a computed 0.0 by identity.
UNREACHED = float("0")


def advance(tick: int | None = None) -> Stamp:
    """Move the clock on, at least to the given tick, and return the new stamp."""
    global now
    now = Stamp(now.tick + 1 if tick is None else max(tick, now.tick), now.scope)
    return now


class scope:
    """Record the nodes made in a `with` block as one part of the model; drawings put a box around them.

    Scopes nest. Every call of an `nn.Module` is one. They belong to the process rather than to a thread: where two
    threads build graphs at once the boxes of one may catch nodes of the other, and nothing but drawings is affected.

    >>> from autograd import Value, text
    >>> x = Value(3.0, label="x")
    >>> with scope("square"):
    ...     y = x * x
    >>> y.scope
    scope('square')
    """

    __slots__ = ("closed", "outer", "owner", "title")

    def __init__(self, title: str, owner: HasParameters | None = None) -> None:
        self.title = title
        self.outer: scope | None = None
        self.closed = False
        # Weak, since the owner may keep nodes (the state of a recurrent cell, say), which refer back to this scope.
        self.owner = None if owner is None else weakref.ref(owner)

    def __enter__(self) -> scope:
        global now
        self.outer = now.scope
        now = Stamp(now.tick, self)
        return self

    def __exit__(self, *exception: object) -> None:
        global now
        self.closed = True
        innermost = now.scope
        while innermost is not None and innermost.closed:  # more than one, where threads closed theirs out of order
            innermost = innermost.outer
        now = Stamp(now.tick, innermost)

    def parameters(self) -> Sequence[Value]:
        """Return the parameters of the scope's owner, such as the weights of a Neuron, while the owner lives."""
        owner = None if self.owner is None else self.owner()
        return () if owner is None else owner.parameters()

    def __repr__(self) -> str:
        return f"scope({self.title!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.title, self.outer)


def _restore(title: str, outer: scope | None) -> scope:
    restored = scope(title)
    restored.outer = outer
    restored.closed = True
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
    """Record nothing in this block: results are leaves, as cheap as numbers can be. Also a decorator.

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
