"""Sides of a choice, each traced where it is a function, and guarded: what is not chosen must not count.

Where the condition is not known yet, both sides are computed. What one of them takes from outside comes in through a
guard, which hands on nan where the side is not chosen, and what it returns leaves through another one, so that neither
its numbers nor its errors nor an infinite slope reach the derivatives of the side that is.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

from autograd import rules
from autograd.engine import modes
from autograd.engine.node import Node
from autograd.rules import Operation


class GuardedSide:
    """One side of a choice while a function is traced; nodes made outside of it stand behind guards."""

    def __init__(self, test: Any, constant: type[Node]) -> None:
        self.test = test
        self.constant = constant  # the class of plain numbers that met a node
        self.around = modes.side()
        self.taken = bool(test.number) and (self.around is None or self.around.taken)
        self.inside: dict[Node, float] = {}  # what is made in this side, and its number where the side is not chosen
        self.guards: dict[Node, Any] = {}

    def run(self, side: Any) -> Any:
        """Return what a side computes; nothing of a side that is not chosen leaves it, as nothing goes in."""
        result = self._called(side) if callable(side) else side
        if not isinstance(result, Node) or isinstance(result, self.constant):
            return result
        (result,) = self._guarded((result,))
        with modes.in_side(self.around):
            return rules.unguard(self.test, result)

    def _called(self, side: Any) -> Any:
        with modes.in_side(self):
            try:
                return side()
            except rules.OUT_OF_DOMAIN as error:  # of plain numbers, such as log(-1.0), or for what is not there yet
                if self.taken or isinstance(error, RecursionError):  # of a function that calls itself in a side
                    raise
                *_, outermost = self._nested()
                return _ErrorOfSide(error)(outermost.test)  # nan behind the guard of each side that is not chosen

    def applied(self, op: Operation, operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], float]:
        """Return the operands of an operation in this side, guarded, and its result where the side is not chosen.

        Of what was made outside, nan comes in there. So it does of a number, be it a constant or made of nan, where the
        operation is not defined for it, as in nan / 0.0. Own operations get no number that is made of nan.
        """
        operands = self._guarded(operands)
        own = rules.is_own(op)
        if own:
            operands = tuple([x if isinstance(x, self.constant) else self._as_nan(x) for x in operands])
            if self.taken:
                return operands, math.nan
        inside = self.inside
        try:
            return operands, op.evaluate([x.number if isinstance(x, self.constant) else inside[x] for x in operands])
        except rules.OUT_OF_DOMAIN:
            if own:  # which is not defined for nan: so it gives nan in programs
                return operands, math.nan
            return tuple(map(self._as_nan, operands)), op.evaluate([math.nan] * len(operands))

    def _guarded(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple([x if x in self.inside or isinstance(x, self.constant) else self._guard(x) for x in operands])

    def _guard(self, x: Node) -> Any:
        for side in reversed([*self._nested()]):  # from the outermost on, each of which guards what the next one takes
            if x not in side.inside and x not in side.guards:
                side.guards[x] = side._behind_guards(x)
        return self.guards[x]

    def _as_nan(self, x: Node) -> Any:
        """Return an operand that is nan where the side is not chosen: what would be a number, behind guards."""
        number = x.number if isinstance(x, self.constant) else self.inside[x]
        return x if math.isnan(number) else self._behind_guards(x)

    def _behind_guards(self, x: Any) -> Any:
        """Return a node that is nan where this side is not chosen, or one around it."""
        passed: list[GuardedSide] = []
        for side in self._nested():
            if passed and math.isnan(side.inside[x]):
                break
            with modes.in_side(side.around):
                x = rules.guard(side.test, x)
            passed.append(side)
            for inner in passed:
                inner.inside[x] = math.nan
        return x

    def made(self, node: Node, unchosen: float) -> None:
        """Take note of a node that was made in this side, and of its number where the side is not chosen."""
        for side in self._nested():
            side.inside[node] = unchosen

    def _nested(self) -> Iterator[GuardedSide]:
        """Yield this side and those around it."""
        side: Any = self
        while side is not None:
            yield side
            side = side.around


class _ErrorOfSide(Operation):
    """Deferred error of a side of a choice that raised it where it was traced, not chosen: the error, or nan of nan."""

    def __init__(self, error: Exception) -> None:
        self.error = copy.copy(error)  # without the frames in which it was raised
        super().__init__("error", self._raise, lambda y, x: 0.0)

    def _raise(self, x: Any) -> Any:
        if isinstance(x, rules.Expression):  # in an export, which has nan where a function is not defined
            return x * math.nan
        if math.isnan(x):  # as it comes into a side that is not chosen
            return x
        raise copy.copy(self.error)

    def explain(self, error: Exception, operands: Sequence[float]) -> Exception:
        """Return the error as it was raised."""
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        return _ErrorOfSide, (self.error,)
