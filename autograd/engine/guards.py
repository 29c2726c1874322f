"""Infinite slopes before the sides of choices: guards move to before them, so that sides hand back nothing and not 0.

A side that is not chosen hands 0 back to what it takes from outside, through a guard. That does no harm where something
else arrives there, but 0 alone times an infinite slope is nan. So what is between the slope and the side is computed
again in the side, behind guards of what is before the slope.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import compress
from typing import Any

from autograd import rules
from autograd.engine.node import slots_of
from autograd.engine.value import Constant, Value, unrecorded
from autograd.rules import Operation, active_operands, guard, is_own, where

LOOKED_BACK = 24  # operations of the function's, one after the other, before a side that are computed again in it
LOOKED_AT = 22  # and all in all; in chains of choices each one could compute again what each one before it has
COMPUTED_FIRST = 64  # and all in all in the first sides, which cost little
HANDING_ON = {rules.guard, rules.unguard, rules.positive}  # which are no operations of the function's own

STEEP = {  # beside those of which the edges tell it
    *(rules.logsumexp, rules.logaddexp),  # at -inf, which is a number to them
    *(rules.ieee_divide, rules.ieee_log, rules.ieee_power, rules.ieee_unit, rules.ieee_cathetus),  # in derivatives
}


@lru_cache(maxsize=1024)
def _is_steep(operation: Operation) -> bool:
    """Whether an operation has an infinite slope, or none, where its operands are finite and its value is defined.

    A constant power that is not whole has one of some order at 0: where its own is finite, that of its slope is not.
    """
    family, exponent = operation.family or (None, 0.0)
    edges = operation.edges.items()
    return (
        operation in STEEP
        or (family is rules.power_of and exponent % 1.0 != 0.0)
        or not all(
            math.isfinite(slope) for operands, slopes in edges if all(map(math.isfinite, operands)) for slope in slopes
        )
    )


def move_guards(order: Sequence[Value], outputs: Iterable[Any]) -> bool:
    """Move guards in a sorted graph that is traced to before infinite slopes near by; whether the graph has changed.

    A guard stays where whatever it is reached from reaches its operand on a way without guards too, or by both sides of
    a choice: what arrives there arrives in eager programs. Of the user's own operations no slope is known.
    """
    guards = [node for node in order if node.op is guard]
    if not guards:
        return False
    reach = _reach(order, outputs)
    sides = _Sides(guards)
    for node in order:
        if node.op is guard and node not in sides.computed:  # already, as what another one stands before
            test, x = operands = node.parents
            for found in sides.steep_before(x, reach, reach.get(node, 0)):
                again = sides.compute_again(found, test)
                reach[again] = reach.get(again, 0) | reach.get(node, 0)
            again = sides.inside[operands]
            if again in sides.computed and again is not node:
                node.op, node._first, node._second = rules.positive, again, None
        sides.enter(node)
    return _without_idle_guards(order) or bool(sides.computed)


def _reach(order: Sequence[Value], outputs: Iterable[Any]) -> dict[Any, int]:
    """Return from where the chain rule reaches a node whatever is chosen, a bit for each: outputs, and ends of sides.

    Such an end is what a guard that is to move stands behind, since nothing comes from the side to what is before it.
    """
    reach: dict[Any, int] = {}
    number = 0
    for number, output in enumerate(outputs, 1):
        reach[output] = reach.get(output, 0) | 1 << number
    by_test: dict[Any, dict[Any, int]] = {}  # of an operand of guards
    for node in reversed(order):
        if tests := by_test.pop(node, None):
            handed = 0
            for test, others in tests.items():  # by both sides of a choice
                handed |= others
                if test.op is where and test.parents[0] in tests:
                    reach[node] = reach.get(node, 0) | (others & tests[test.parents[0]])
            if handed & ~reach.get(node, 0):
                number += 1
                reach[node] = reach.get(node, 0) | 1 << number
        if not (reached := reach.get(node, 0)):
            continue
        parents = node.parents
        if node.op is guard:
            test, x = parents
            tests = by_test.setdefault(x, {})
            tests[test] = tests.get(test, 0) | reached
        elif node.op is not None:
            for x in compress(parents, active_operands(node.op, len(parents))):
                reach[x] = reach.get(x, 0) | reached
    return reach


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
        if (op := node.op) is not None:
            parents, distance = node.parents, self.distance
            near = [x for x in compress(parents, active_operands(op, len(parents))) if x in distance]
            if _is_steep(op):
                distance[node], self.before[node] = 1, near
            elif near and (far := min([distance[x] for x in near]) + (op not in HANDING_ON)) <= LOOKED_BACK:
                distance[node], self.before[node] = far, near

    def steep_before(self, x: Any, reach: Mapping[Any, int], reached: int) -> list[Any]:
        """Return what a node is made of from the infinite slopes near by on, and itself, in the sorted order.

        Nothing is looked at behind what is always reached from wherever the side is reached from.
        """
        near: dict[Any, list[Any]] = {}
        counted, most = 0, max(LOOKED_AT, COMPUTED_FIRST - len(self.computed))
        waiting = deque([(x, LOOKED_BACK)])
        while waiting and counted < most:
            node, left = waiting.popleft()
            if node not in near and self.distance.get(node, math.inf) <= left and reached & ~reach.get(node, 0):
                near[node] = self.before[node]
                if node.op in HANDING_ON:
                    counted += node in self.computed
                    waiting.extendleft([(y, left) for y in near[node]])
                else:
                    counted += 1
                    waiting.extend([(y, left - 1) for y in near[node]])
        steep: dict[Any, None] = {}
        path = [x] if near else []
        while path:
            if operands := near.pop(path[-1], None):
                path += [y for y in operands if y in near]
            elif _is_steep((node := path.pop()).op) or not steep.keys().isdisjoint(self.before[node]):
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
                known = _made_of(guard, (test, node), again.number)
                op, operands = KnownResult(op), (_made_of(rules.detached, (known,), known.number), *operands)
            if not is_own(op) and not math.isnan(at_nan := _of_nan(op, operands)):  # a number, as of nan < 0
                made = _made_of(op, operands, node.number if test.number else at_nan)
                self.enter(made)
                op, operands = guard, (test, made)
            again.op = op
            again._first, again._second = slots_of(op, operands)
            self.enter(again)
        return again

    def _guarded(self, test: Value, x: Value) -> Value:
        """Return what stands for a node in a side: a guard, where there is nothing yet."""
        if (test, x) not in self.inside:
            self.inside[test, x] = _made_of(guard, (test, x), x.number if test.number else math.nan)
        inside = self.inside[test, x]
        if x in self.distance and inside not in self.distance:
            self.enter(inside)
        return inside


def _fails_with_nan(op: Operation, operands: Sequence[Value]) -> bool:
    """Whether an operation is not defined where nan is what meets its constants, as in Python's nan / 0.0."""
    if not [x for x in operands if isinstance(x, Constant)]:
        return False
    try:
        _of_nan(op, operands)
    except (ValueError, ArithmeticError):
        return True
    return False


def _of_nan(op: Operation, operands: Sequence[Value]) -> float:
    """Return what an operation gives where nan meets its constants, as in a side that is not chosen."""
    return op.evaluate([x.number if isinstance(x, Constant) else math.nan for x in operands])


def _made_of(op: Operation, operands: tuple[Value, ...], number: float) -> Value:
    """Return a node of which no mode is told, as old as the latest of its operands."""
    stamp = operands[0].stamp
    for x in operands:
        if x.stamp.tick > stamp.tick:
            stamp = x.stamp
    return unrecorded(op, operands, number, stamp)


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
