"""Which box each node of a picture stands in: that of the scope it was made in, and boxes stand inside boxes.

A parameter was made long before the call in which it is used, so it is drawn in the box of the call of its owner.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from autograd.clock import scope
from autograd.marks import Mark, escaped
from autograd.value import Value


def homes(nodes: Sequence[Value]) -> dict[Value, scope | None]:
    """Return the scope in whose box each node is drawn: where it was made; for a parameter, its owner's call."""
    paths: dict[Value, list[scope]] = {}  # for each leaf, the scopes around all of its children, outermost first
    for node in nodes:
        for parent in node.parents:
            if parent.op is None:
                path = path_to(node.scope)
                paths[parent] = [s for s, t in zip(paths.get(parent, path), path, strict=False) if s is t]
    homes = {node: node.scope for node in nodes}
    owned: dict[scope, set[int]] = {}
    for leaf in homes.keys() & paths.keys():
        for around in reversed(paths[leaf]):
            if around not in owned:
                owned[around] = {id(parameter) for parameter in around.parameters()}
            if id(leaf) in owned[around]:
                homes[leaf] = around
                break
    return homes


def path_to(innermost: scope | None) -> list[scope]:
    """Return the scopes around a place in the code, the outermost first."""
    path = []
    while innermost is not None:
        path.append(innermost)
        innermost = innermost.outer
    return path[::-1]


def write_boxes(drawing: Any, boxes: dict[scope | None, list[Mark]]) -> None:
    """Write each box with its marks and the boxes inside it; boxes of one title side by side are numbered."""
    inside: defaultdict[scope | None, list[scope]] = defaultdict(list)
    for innermost in boxes:
        for box in path_to(innermost):
            if box not in inside[box.outer]:
                inside[box.outer].append(box)
    counter = itertools.count()

    def write(canvas: Any, box: scope | None) -> None:
        for mark in boxes.get(box, []):
            canvas.node(mark.id, **mark.attributes)
        titles = Counter(child.title for child in inside[box])
        numbers: Counter[str] = Counter()
        for child in inside[box]:
            numbers[child.title] += 1
            title = escaped(child.title) + (f" {numbers[child.title]}" if titles[child.title] > 1 else "")
            with canvas.subgraph(name=f"cluster{next(counter)}") as cluster:
                cluster.attr(label=f"<{title}>", style="rounded,filled", color="#C5CBD3", fillcolor="#F7F8FA")
                write(cluster, child)

    write(drawing, None)
