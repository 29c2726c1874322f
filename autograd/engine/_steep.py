"""Infinite slopes near a node: what a side of a choice computes again, so that it hands back nothing and not 0.

A side that is not chosen hands 0 to what was made outside of it, and 0 times an infinite slope there is nan. In the
side the slope is behind a guard.
"""

from __future__ import annotations

import math
from collections.abc import Container
from functools import lru_cache
from typing import Any

from autograd import rules
from autograd.engine.node import Node
from autograd.rules import COMPARISONS, UNLISTED, Operation, is_own

LOOKED_BACK = 24  # operations before a node that are looked at

LEFT_ALONE = {*COMPARISONS, *UNLISTED}
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


def steep_before(node: Any, *known: Container[Node]) -> dict[Any, None]:
    """Return what a node is made of from operations near by with an infinite slope on, and itself, in the sorted order.

    Nothing is looked at behind what is known, what hands nothing back, and what is an operation of the user's.
    """
    near: dict[Any, None] = {}
    waiting = [node]
    for found in waiting:
        operation = found.op
        if operation is None or operation in LEFT_ALONE or is_own(operation) or found in near:
            continue
        if any(found in nodes for nodes in known):
            continue
        near[found] = None
        if len(near) == LOOKED_BACK:
            break
        waiting += found.parents
    steep: dict[Any, None] = {}
    while near:
        for found in [found for found in near if near.keys().isdisjoint(found.parents)]:  # all before it is looked at
            del near[found]
            if _is_steep(found.op) or not steep.keys().isdisjoint(found.parents):
                steep[found] = None
    return steep
