"""Compatibility names: what micrograd, microgpt and PyTorch call the attributes of a number.

A program written for one of them runs when its import is changed, so `_prev` and `_op` can be read here. Of what works
differently here the name is known too, and the error of reading or assigning it says what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from autograd.engine.node import Node

OWN_OPERATION = "operation(name, forward, *partials) makes an operation with derivatives of your own"
_STATE = "keep it in a dict by Value, {p: 0.0 for p in parameters}, or in a subclass: class Parameter(Value): pass"


class Peer:
    """An attribute of another library: a Value shows what `read` returns, or has none and the error says why.

    A subclass of Value has a `__dict__`, in which these names are as free as any other.
    """

    def __init__(self, remedy: str, read: Callable[[Node], Any] | None = None) -> None:
        self.remedy = remedy
        self.read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, node: Any, kind: type) -> Any:
        """Return what was assigned to the attribute of a subclass, or what `read` returns."""
        if node is None:
            return self
        own = getattr(node, "__dict__", {})
        if self.name in own:
            return own[self.name]
        if self.read is None:
            raise AttributeError(f"a Value has no attribute {self.name}; {self.remedy}", name=self.name, obj=node)
        return self.read(node)

    def __set__(self, node: Any, thing: Any) -> None:
        """Assign to the attribute of a subclass."""
        own = getattr(node, "__dict__", None)
        if own is None or self.read is not None:
            raise AttributeError(
                f"the attribute {self.name} of a Value cannot be assigned; {self.remedy}", name=self.name, obj=node
            )
        own[self.name] = thing


class PeerNames:
    """The attributes that a Value has under the names of other libraries."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def _prev(self) -> set[Self]: ...
        @property
        def _op(self) -> str: ...

    else:
        # micrograd
        _prev = Peer(f"the parents of a node are its operands, and {OWN_OPERATION}", lambda node: set(node.parents))
        _op = Peer(
            f"the operation of a node is its op, and {OWN_OPERATION}", lambda node: node.op.name if node.op else ""
        )
        _backward = Peer(
            "backward() runs the chain rule, local_derivatives() returns the derivatives of a node by its parents, and "
            f"{OWN_OPERATION}"
        )
        # microgpt
        _children = Peer("the operands of a node are its parents")
        _local_grads = Peer("the derivatives of a node by its parents are local_derivatives()")
        # PyTorch
        requires_grad = Peer("a leaf takes a gradient unless it is a Constant, and no_grad() records nothing")
        item = Peer("the number itself is its data")
        # the state of an optimiser
        m = Peer(_STATE)
        v = Peer(_STATE)
        velocity = Peer(_STATE)
        momentum = Peer(_STATE)
