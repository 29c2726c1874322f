"""Version counter (clock) and scopes: when a node was made, and in which part of the model.

All nodes made between two events share one `Stamp`, so a node pays a single reference for it. The tick is a clock
that advances whenever a leaf's data is assigned: a node whose parent carries a later tick than its own was computed
from a number that is no longer there, and its derivatives would mix old numbers with new ones.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self, TypeVar

from autograd.engine.decorating import F, decorated
from autograd.engine.node import Node, Origin

Returned = TypeVar("Returned")


class HasParameters(Protocol):
    """The owner of a scope: a module, or whatever else has parameters."""

    def parameters(self) -> Sequence[Node]:
        """Return the parameters."""


class Stamp:
    """When and where a node was made: the tick of the clock, and the innermost scope.

    `tick` moves when a leaf's data is assigned, `born` stays.
    """

    __slots__ = ("born", "scope", "tick")

    def __init__(self, tick: int, scope: scope | None, born: int | None = None) -> None:
        self.tick = tick
        self.scope = scope
        self.born = tick if born is None else born

    def __reduce__(self) -> tuple[Any, ...]:
        return Stamp, (self.tick, self.scope)


now: Stamp | scope = Stamp(0, None)


def reassigned(stamp: Origin) -> Stamp:
    """Move the clock on, and return the stamp of a leaf that is assigned now and had the given one."""
    return Stamp(advance(), stamp.scope, stamp.born)


# The clock never goes back, also where several threads move it: CPython switches threads at calls and at jumps back,
# and wherever `now` is set, neither stands between reading the tick and setting it.


def advance(tick: int = 0) -> int:
    """Move the clock on, by one or as far as the given tick, and return the new tick."""
    global now
    stamp = Stamp(tick, now.scope)
    if stamp.tick <= now.tick:
        stamp.tick = stamp.born = now.tick + 1
    now = stamp
    return stamp.tick


class scope:
    """Record the nodes made in a `with` block as one part of the model; drawings put a box around them.

    Also a decorator, each call of whose function is a scope. Scopes nest. Every call of an `nn.Module` is one. They
    belong to the process rather than to a thread: where two threads build graphs at once the boxes of one may catch
    nodes of the other, and nothing but drawings is affected.

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
        if title.__class__ is not str and not isinstance(title, str):
            raise TypeError(f"the title of a scope is a string, got {title!r}; above a function write @scope(title)")
        self.title = title
        # Weak, since the owner may keep nodes (the state of a recurrent cell, say), which refer back to this scope.
        self.owner = None if owner is None else weakref.ref(owner)
        self.closed: bool | None = None  # not entered yet

    def __enter__(self) -> Self:
        global now
        if self.closed is not None:
            raise RuntimeError(f"{self!r} was entered before; open a new scope for another part of the model")
        self.before = now
        self.tick = now.tick
        self.closed = False
        now = self
        return self

    def __call__(self, f: F) -> F:
        """Return f as a function of which every call is a scope of its own, with this title."""
        owner = self.owner or (lambda: None)
        return decorated(f"scope({self.title!r})", lambda: scope(self.title, owner()), f)

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
        stamp.tick = stamp.born = now.tick
        now = stamp

    @property
    def outer(self) -> scope | None:
        """The scope around this one."""
        return self.before.scope

    def parameters(self) -> Sequence[Node]:
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


def in_scope(part: scope, f: Callable[..., Returned], *args: Any) -> Returned:
    """Call a function in a scope, which is left also where Ctrl-C comes when `__exit__` begins: that calls it again.

    >>> from autograd import tanh
    >>> in_scope(scope("hidden"), tanh, 0.0)
    0.0
    """
    try:
        with part:
            return f(*args)
    except BaseException:
        if part.closed is not None:
            part.__exit__()
        raise


def _restore(title: str, before: Stamp | scope, tick: int) -> scope:
    restored = scope(title)
    restored.before, restored.tick, restored.closed = before, tick, True
    return restored
