"""Infinite slopes before the sides of choices: guards move to before them, so that sides hand back nothing and not 0.

A side that is not chosen hands 0 back to what it takes from outside, through a guard. That does no harm where something
else arrives there, but 0 alone times an infinite slope is nan. So what is between the slope and the side is computed
again in the side, behind guards of what is before the slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import compress
from typing import Any

from autograd import rules
from autograd.engine.node import UNREACHED, slots_of
from autograd.engine.value import Constant, Value
from autograd.rules import Operation, active_operands, guard, is_own, where

LOOKED_BACK = 24  # operations before a side that are computed again in it

STEEP = {  # beside those of which the edges tell it
    *(rules.logsumexp, rules.logaddexp),  # at -inf, which is a number to them
    *(rules.ieee_divide, rules.ieee_log, rules.ieee_power, rules.ieee_unit, rules.ieee_cathetus),  # in derivatives
}


@lru_cache(maxsize=1024)
def _is_steep(operation: Operation) -> bool:
    """Whether an operation has an infinite slope, or none, where its operands are finite and its value is defined."""
    edges = operation.edges.items()
    return operation in STEEP or not all(
        math.isfinite(slope) for operands, slopes in edges if all(map(math.isfinite, operands)) for slope in slopes
    )


def move_guards(order: Sequence[Value], outputs: Iterable[Any]) -> bool:
    """Move guards in a sorted graph that is traced to before infinite slopes near by; whether the graph has changed.

    A guard stays where each output that it reaches its operand from reaches it on a way without guards too, or by both
    sides of a choice: what arrives there arrives in eager programs. Of the user's own operations no slope is known.
    """
    guards = [node for node in order if node.op is guard]
    if not guards:
        return False
    some, always = _reach(order, outputs)
    sides = _Sides(guards)
    for node in order:
        if node.op is guard and node not in sides.computed:  # already, as what another one stands before
            test, x = operands = node.parents
            for found in sides.steep_before(x, always, some.get(node, 0)):
                again = sides.compute_again(found, test)
                always[again] = always.get(again, 0) | always.get(node, 0)
            again = sides.inside[operands]
            if again in sides.computed and again is not node:
                node.op, node._first, node._second = rules.positive, again, None
        sides.enter(node)
    return _without_idle_guards(order) or bool(sides.computed)


def _reach(order: Sequence[Value], outputs: Iterable[Any]) -> tuple[dict[Any, int], dict[Any, int]]:
    """Return from which outputs the chain rule reaches a node, and from which whatever is chosen: a bit for each."""
    some: dict[Any, int] = {}
    for number, output in enumerate(outputs):
        some[output] = some.get(output, 0) | 1 << number
    always = dict(some)
    by_test: dict[Any, dict[Any, int]] = {}  # of an operand of guards
    for node in reversed(order):
        if not (reach := some.get(node, 0)):
            continue
        tests = by_test.get(node, {})
        for test, others in tests.items():  # by both sides of a choice
            if test.op is where and test.parents[0] in tests:
                always[node] = always.get(node, 0) | (others & tests[test.parents[0]])
        parents = node.parents
        if node.op is guard:
            test, x = parents
            some[x] = some.get(x, 0) | reach
            tests = by_test.setdefault(x, {})
            tests[test] = tests.get(test, 0) | always.get(node, 0)
        elif node.op is not None:
            certain = always.get(node, 0)
            for x in compress(parents, active_operands(node.op, len(parents))):
                some[x] = some.get(x, 0) | reach
                always[x] = always.get(x, 0) | certain
    return some, always


class _Sides:
    """What sides compute again, in a graph whose nodes are entered in the sorted order.

    What is computed again is entered too: a later side may take what another one returned, and compute that again.
    """

    def __init__(self, guards: Iterable[Value]) -> None:
        self.inside: dict[Any, Value] = {}  # by a test and a node, what stands for the node in the sides of the test
        for node in guards:
            self.inside.setdefault(node.parents, node)
        self.computed: set[Value] = set()  # of these, what has been computed again
        self.distance: dict[Any, int] = {}
        self.before: dict[Any, list[Any]] = {}  # of what is near an infinite slope, the operands that hand it on

    def enter(self, node: Any) -> None:
        """Take note of whether a node is near an infinite slope before it."""
        if node.op is not None:
            parents = node.parents
            near = [x for x in compress(parents, active_operands(node.op, len(parents))) if x in self.distance]
            far = 1 if _is_steep(node.op) else 1 + min([self.distance[x] for x in near], default=LOOKED_BACK)
            if far <= LOOKED_BACK:
                self.distance[node], self.before[node] = far, near

    def steep_before(self, x: Any, always: Mapping[Any, int], reached: int) -> list[Any]:
        """Return what a node is made of from the infinite slopes near by on, and itself, in the sorted order.

        Nothing is looked at behind what those outputs that reach the side always reach.
        """
        near: dict[Any, list[Any]] = {}
        waiting = [x]
        for node in waiting:
            if node in self.before and node not in near and reached & ~always.get(node, 0):
                near[node] = self.before[node]
                if len(near) == LOOKED_BACK:
                    break
                waiting += self.before[node]
        steep: dict[Any, None] = {}
        while near:
            for node in [node for node, parents in near.items() if near.keys().isdisjoint(parents)]:
                if not steep.keys().isdisjoint(near.pop(node)) or _is_steep(node.op):
                    steep[node] = None
        return [*steep]

    def compute_again(self, node: Any, test: Value) -> Value:
        """Return what stands for a node in a side, which is computed there, in place of a guard."""
        again, op, operands = self._guarded(test, node), node.op, node.parents
        if again not in self.computed:
            self.computed.add(again)
            is_known = is_own(op) and not op.vectorized
            guarded = not is_known and _fails_with_nan(op, operands)  # constants too, as in nan / 0.0
            operands = tuple(
                [x if isinstance(x, Constant) and not guarded else self._guarded(test, x) for x in operands]
            )
            if is_known:
                known = _unrecorded(guard, (test, node), again.number)
                op, operands = KnownResult(op), (_unrecorded(rules.detached, (known,), known.number), *operands)
            if not is_own(op) and not math.isnan(at_nan := _of_nan(op, operands)):  # a number, as of nan < 0
                made = _unrecorded(op, operands, node.number if test.number else at_nan)
                self.enter(made)
                op, operands = guard, (test, made)
            again.op = op
            again._first, again._second = slots_of(op, operands)
            self.enter(again)
        return again

    def _guarded(self, test: Value, x: Value) -> Value:
        """Return what stands for a node in a side: a guard, where there is nothing yet."""
        if (test, x) not in self.inside:
            self.inside[test, x] = _unrecorded(guard, (test, x), x.number if test.number else math.nan)
        self.enter(self.inside[test, x])
        return self.inside[test, x]


def _fails_with_nan(op: Operation, operands: Sequence[Value]) -> bool:
    """Whether an operation is not defined where nan is what meets its constants, as in Python's nan / 0.0."""
    if not any(isinstance(x, Constant) for x in operands):
        return False
    try:
        _of_nan(op, operands)
    except (ValueError, ArithmeticError):
        return True
    return False


def _of_nan(op: Operation, operands: Sequence[Value]) -> float:
    """Return what an operation gives where nan meets its constants, as in a side that is not chosen."""
    return op.evaluate([x.number if isinstance(x, Constant) else math.nan for x in operands])


def _unrecorded(op: Operation, operands: tuple[Value, ...], number: float) -> Value:
    """Return a node of which no mode is told, as old as the latest of its operands."""
    node = object.__new__(Value)
    node.stamp = max([x.stamp for x in operands], key=lambda stamp: stamp.tick)
    node.op, node.number, node._label, node.adjoint = op, number, "", UNREACHED
    node._first, node._second = slots_of(op, operands)
    return node


class KnownResult(Operation):
    """An operation of the user's own on operands of which the result is known: the first operand, which is detached.

    So the user's functions are not called at nan, which is what comes into a side that is not chosen.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        partials = [partial(_known_partial, by_operand) for by_operand in operation.partials]
        super().__init__(operation.name, _known, lambda y, known, *operands: 0.0, *partials)

    def __reduce__(self) -> tuple[Any, ...]:
        return KnownResult, (self.operation,)


def _known(known: float, *operands: float) -> float:
    return known


def _known_partial(by_operand: Callable[..., Any], y: Any, known: Any, *operands: Any) -> Any:
    return known if type(known) is float and known != known else by_operand(y, *operands)


def _without_idle_guards(order: Sequence[Value]) -> bool:
    """Take away the guards of sides that are no functions, where they have not been moved; whether there was one."""
    changed = False
    for node in order:
        if node.op is where:
            condition, *sides = node.parents
            for n, side in enumerate(sides):
                if side.op is guard and _is_test(side.parents[0], condition, n):
                    sides[n] = side.parents[1]
                    node._first = (condition, *sides)
                    changed = True
    return changed


def _is_test(test: Value, condition: Value, n: int) -> bool:
    return test is condition if n == 0 else test.op is where and test.parents[0] is condition
