"""Scopes of drawn nodes: a node stands in the box of the scope it was made in, and boxes stand inside boxes.

A parameter was made long before the call in which it is used, so it is drawn in the box of the call of its owner. Where
the owner is gone, as after `Neuron(2)(x)`, that is the box of the one call that used it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from autograd import rules
from autograd.engine import Constant, Value, scope


def homes(nodes: Sequence[Value]) -> dict[Value, scope | None]:
    """Return the scope in whose box each node is drawn: where it was made; for a parameter, its owner's call."""
    paths: dict[Value, list[scope]] = {}  # for each leaf, the scopes around all of its children, outermost first
    for node in nodes:
        for parent in node.parents:
            if parent.op is None:
                path = path_to(node.scope)
                paths[parent] = [s for s, t in zip(paths.get(parent, path), path, strict=False) if s is t]
    found = {node: node.scope for node in nodes} | _left_behind(nodes)
    owned: dict[scope, set[int]] = {}
    for leaf in found.keys() & paths.keys():
        for around in reversed(paths[leaf]):
            if around not in owned:
                owned[around] = {id(parameter) for parameter in around.parameters()}
            if id(leaf) in owned[around]:
                found[leaf] = around
                break
    return found


def _left_behind(nodes: Sequence[Value]) -> dict[Value, scope]:
    """Return the scopes of leaves that only one call of a module used, where the module itself is gone.

    Such a leaf may also be an input. Modules write dot(weights, inputs), which tells the two apart.
    """
    inputs = {x for node in nodes if node.op is rules.dot for x in node.parents[len(node.parents) // 2 :]}
    users: defaultdict[Value, set[scope | None]] = defaultdict(set)
    for node in nodes:
        for parent in node.parents:
            if parent.op is None and parent.scope is None and not isinstance(parent, Constant) and parent not in inputs:
                users[parent].add(node.scope)
    found = {leaf: next(iter(scopes)) for leaf, scopes in users.items() if len(scopes) == 1}
    return {leaf: s for leaf, s in found.items() if s is not None and s.owner is not None and s.owner() is None}


def path_to(innermost: scope | None) -> list[scope]:
    """Return the scopes around a place in the code, the outermost first."""
    path = []
    while innermost is not None:
        path.append(innermost)
        innermost = innermost.outer
    return path[::-1]
