"""Node of the computation graph: a number, its parents, the operation that made it, and its gradient.

This is all that the sort, the chain rule and copies know of a `Value`, which adds arithmetic to it. A node refers to
its parents and nothing refers from a node to its children, so there are no cycles, and a graph is freed the moment its
last reference goes.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

from autograd.rules import Operation, with_article

# The gradient of a node that no backward() has reached: equal to 0.0, and told from a computed 0.0 by identity.
UNREACHED = float("0")


class Origin(Protocol):
    """When and where a node was made: the tick of the clock, and the innermost scope."""

    tick: int

    @property
    def born(self) -> int:
        """The tick at which the node was made; `tick` is later where its data was assigned since."""

    @property
    def scope(self) -> Any:
        """The innermost scope, None outside of all."""


class Node:
    """A number and how it was made.

    - `number`: what `data` returns. Reading it has no effect, whereas `data` tells a tracer that a plain number is
      used; assigning to it skips the checks of `data`.
    - `parents`: the operands, in order, repeated where an operand is; `op`: the operation, None for a leaf.
    - `adjoint`: what `grad` returns, the gradient, `UNREACHED` until a backward() has come by. Assigning skips the
      check of `grad`. `label`: a name.
    - `stamp`: when and where the node was made.
    """

    # A node is one object to Python's cyclic garbage collector, whose time would otherwise exceed the arithmetic's: one
    # or two parents have slots of their own, and only more of them (or none) are kept as a tuple, in the first.
    __slots__ = ("_first", "_label", "_second", "adjoint", "number", "op", "stamp")

    number: float
    _first: Any
    _second: Any
    stamp: Origin
    adjoint: Any
    _label: str
    op: Operation | None

    @property
    def parents(self) -> tuple[Self, ...]:
        """The operands, in order, repeated where an operand is repeated; none for a leaf."""
        return operands_in(self._first, self._second)

    @property
    def label(self) -> str:
        """A name for drawings and messages."""
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        given: Any = label
        if not isinstance(given, str):
            found = f"{with_article(given)}: {given!r:.60}"
            raise TypeError(f"the label of a Value is a string, got {found}; write label=str(...)")
        self._label = str.__str__(given)  # of a subclass, such as NumPy's, whose repr is another one, the text


def operands_in(first: Any, second: Any) -> tuple[Any, ...]:
    """Return the operands that the two slots of a node hold."""
    if second is not None:
        return (first, second)
    return first if type(first) is tuple else (first,)


def slots_of(op: Operation | None, parents: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return what a node made by `op` keeps in its slots for the first and the second parent."""
    arity = None if op is None else op.arity
    return (parents[0], None) if arity == 1 else (parents[0], parents[1]) if arity == 2 else (parents, None)
