"""Captured Values: what a function that is solved reads beside its arguments, and the nodes that stand for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.engine import Node, Value, clock, modes, unrecorded
from autograd.rules import detached, positive

CHANGED = (
    "assigned or changed since, such as an attribute, an element of a list or a global variable in a loop: keep it as "
    "it is in an argument with a default, lambda x, y=y: ..., or give it as a parameter"
)


class CapturedReads:
    """The substitution for what f reads beside its arguments: nodes that were made before it was called.

    Either it takes note of these, and of the numbers that they have around it, or it knows them from then.
    """

    def __init__(
        self, captured: dict[Value, bool], around: modes.Substitution | None = None, *, noting: bool = False
    ) -> None:
        self.captured = captured
        self.around = around
        self.noting = noting
        self.numbers: dict[Value, float] = {}
        self.since = 0
        self.stand_ins: dict[Value, Value] = {}

    def begin(self) -> int:
        """Return the tick from which on f is called: what was made before is not its own."""
        self.since = clock.advance()
        self.stand_ins = {}
        return self.since

    def give(self, stand_ins: Sequence[Value]) -> None:
        """Have these nodes, made since the tick, stand for the captured ones."""
        if not self.noting:
            self.stand_ins = dict(zip(self.captured, stand_ins, strict=True))

    def substituted(self, node: Any, differentiable: bool) -> Any:
        """Return the node that stands for one that f reads."""
        if node.stamp.born >= self.since:
            return node
        if self.noting:
            self.captured[node] = differentiable or self.captured.get(node, False)
            if node not in self.numbers:
                outer = node if self.around is None else self.around.substituted(node, False)
                self.numbers[node] = outer.number
            if node not in self.stand_ins or (differentiable and self.stand_ins[node].op is detached):
                self.stand_ins[node] = self._stand_in(node, differentiable)
        elif node not in self.stand_ins or (differentiable and not self.captured[node]):
            raise RuntimeError(
                f"the function that is solved uses {node.label or repr(node)} now, and did not when it was first "
                f"called, so there is no derivative by it. Either what holds it was {CHANGED}. Or the function chooses "
                "it by a number: write the choice as where(condition, a, b), in which functions may be sides"
            )
        return self.stand_ins[node]

    def _stand_in(self, node: Any, differentiable: bool) -> Value:
        """Return a node like one that f reads, and made from it, so that what f keeps of it has its derivatives."""
        outer = node if self.around is None else self.around.substituted(node, differentiable)
        found = unrecorded(positive if differentiable else detached, (outer,), self.numbers[node], clock.now)
        found.label = node.label
        return found


class BothSides(modes.Tracer):
    """A tracer that has choices call both of their sides, and takes no offence at numbers."""

    def used(self, node: Node, how: str) -> None:
        """Allow a number to be used, but in a side that is not taken: it is nan there, which may lead anywhere."""
        if modes.untaken():
            raise ArithmeticError(f"{how} what is not computed")
