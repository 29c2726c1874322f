"""Graph layout of the page: Graphviz lays out the inside of each box by itself, as a graph of its own.

The page puts the insides of open boxes into those around them, so any of them may be open while each is laid out once;
boxes that are alike share one layout. What flows into a box or out of it passes a port on its border.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from autograd.engine import Constant, Value
from autograd.pictures.drawing import MAX_ARROWS, MAX_NODES
from autograd.pictures.folding import Box, about
from autograd.pictures.page.formulas import FORMULAS
from autograd.pictures.rendering import Drawing
from autograd.rules import Expression, Operation, power_of, symbol

BUS = 4  # so many numbers, or more, that go the same way to or from a box are drawn as one line
CHARACTER = 7.6  # pixels
HANDLE = 20  # pixels, of the sign that a number can be changed


@dataclass
class Port:
    """A port of a box: numbers from outside enter there, or numbers from inside leave."""

    enters: bool
    nodes: list[Value]


Item: TypeAlias = "Value | Box | Port"
Line: TypeAlias = "tuple[int, int, list[Value]]"  # from an item to an item, with the nodes whose numbers it carries


@dataclass
class Inside:
    """The inside of a box: its items, and the lines between."""

    items: list[Item]
    lines: list[Line] = field(default_factory=list)


def insides(whole: Box, order: Sequence[Value], home: dict[Value, Box]) -> dict[Box, Inside]:
    """Return for each box what stands in it."""
    flows: dict[Box, dict[tuple[Any, Any], Counter[Value]]] = {box: {} for box in whole}
    enter: dict[Box, dict[Value, dict[Item, None]]] = {box: {} for box in whole}
    leave: dict[Box, dict[Value, Item]] = {box: {} for box in whole}
    paths = {box: _path(box) for box in whole}
    for node in order:
        for parent in node.parents:
            tails, heads = [*paths[home[parent]], parent], [*paths[home[node]], node]
            depth = next(d for d, (a, b) in enumerate(zip(tails, heads)) if a is not b)
            common = tails[depth - 1]
            flows[common].setdefault((tails[depth], heads[depth]), Counter())[parent] += 1
            for box, item in zip(heads[depth:], heads[depth + 1 :]):
                enter[box].setdefault(parent, {})[item] = None
            for box, item in zip(tails[depth:], tails[depth + 1 :]):
                leave[box][parent] = item
    return {box: _inside(box, flows[box], enter[box], leave[box]) for box in whole}


def _path(box: Box | None) -> list[Any]:
    path: list[Any] = []
    while box is not None:
        path.append(box)
        box = box.outer
    return path[::-1]


def _inside(
    box: Box,
    flows: dict[tuple[Any, Any], Counter[Value]],
    enter: dict[Value, dict[Item, None]],
    leave: dict[Value, Item],
) -> Inside:
    inside = Inside([*box.nodes, *box.boxes])
    position: dict[Any, int] = {item: place for place, item in enumerate(inside.items)}

    def port(enters: bool, nodes: list[Value]) -> int:
        inside.items.append(Port(enters, nodes))
        return len(inside.items) - 1

    for (tail, head), sources in flows.items():
        ends = position[tail], position[head]
        if not (isinstance(tail, Box) or isinstance(head, Box)):
            inside.lines += [(*ends, [node]) for node in sources.elements()]
        else:
            inside.lines += [(*ends, nodes) for nodes in _bundled(list(sources))]
    alike: dict[tuple[Item, ...], list[Value]] = {}
    for node, heads in enter.items():
        alike.setdefault(tuple(heads), []).append(node)
    for heads_alike, nodes_alike in alike.items():
        for nodes in _bundled(nodes_alike):
            here = port(True, nodes)
            inside.lines += [(here, position[head], nodes) for head in heads_alike]
    for nodes in _bundled(list(leave)):
        here = port(False, nodes)
        for tail in dict.fromkeys(leave[node] for node in nodes):
            inside.lines.append((position[tail], here, [node for node in nodes if leave[node] is tail]))
    return inside


def _bundled(nodes: list[Value]) -> list[list[Value]]:
    return [nodes] if len(nodes) >= BUS else [[node] for node in nodes]


def item_size(item: Item, name: str) -> tuple[int, int]:
    """Return width and height of an item on the page, in pixels: a card for a node, a closed box, a port."""
    if isinstance(item, Port):
        return 2, 2
    if isinstance(item, Box):
        return round(max(width(name) + 44, 0.95 * width(about(item)) + 28)), 62
    text = max(width(name[:24]), 92.0) + (0 if item.op else HANDLE)
    if isinstance(item, Constant):
        return (round(width(f"{item.data:.4g}") + 26) + HANDLE, 32) if not item.label else (round(text + 22), 44)
    return round(text + 26 + (pill(item.op) if item.op else 0)), 62


def pill(op: Operation) -> int:
    """Return the width of the name of an operation, which stands on the left border of its result."""
    return max(28, round(1.12 * width(badge(op)) + 18))


def badge(op: Operation) -> str:
    """Return the sign or name of an operation."""
    if op.family is not None and op.family[0] is power_of:
        return FORMULAS.source(Expression(op, [symbol("x")]), str)
    return BADGES.get(op.name, op.name)


BADGES = {"*": "×", "/": "÷", "neg": "\N{MINUS SIGN}", "-": "\N{MINUS SIGN}", "pos": "+", "**": "^"}


def width(text: str) -> float:
    """Return about how wide a text is, in pixels."""
    return sum(CHARACTER * (1 + (unicodedata.east_asian_width(letter) in "WF")) for letter in text)


class Layouts:
    """The layouts of insides, each different one made once."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.numbers: dict[str, int] = {}

    def number(self, inside: Inside, sizes: Sequence[tuple[int, int]]) -> int:
        """Return the number of the layout of an inside, whose items have these sizes."""
        for count, things, most in ((len(inside.items), "nodes", MAX_NODES), (len(inside.lines), "lines", MAX_ARROWS)):
            if count > most:
                raise ValueError(
                    f"{count:,} {things} stand side by side, and more than {most} are not laid out; compute parts of "
                    "the model in `with scope(...)` blocks, which fold, or explore(node) of a node nearer to the leaves"
                )
        drawing = _drawing(inside, sizes)
        if drawing.source not in self.numbers:
            self.numbers[drawing.source] = len(self.found)
            picture = json.loads(drawing.pipe(format="json0", encoding="utf-8"))
            self.found.append(_read(picture, inside.lines, sizes))
        return self.numbers[drawing.source]


def _drawing(inside: Inside, sizes: Sequence[tuple[int, int]]) -> Drawing:
    drawing = Drawing()
    drawing.attr(rankdir="LR", nodesep="0.25", ranksep="0.65", nslimit="1", nslimit1="1", mclimit="0.2")
    drawing.attr("node", shape="box", fixedsize="true", label="")
    drawing.attr("edge", arrowhead="none")
    ports: dict[str, list[str]] = {"source": [], "sink": []}
    for place, (item, (w, h)) in enumerate(zip(inside.items, sizes, strict=True)):
        drawing.node(f"i{place}", width=f"{w / 72:.4f}", height=f"{h / 72:.4f}")
        if isinstance(item, Port):
            ports["source" if item.enters else "sink"].append(f"i{place}")
    for rank, names in ports.items():
        if names:
            with drawing.subgraph() as border:
                border.attr(rank=rank)
                for name in names:
                    border.node(name)
    for number, (tail, head, nodes) in enumerate(inside.lines):
        weight = {} if len(nodes) < BUS else {"weight": "2"}
        drawing.edge(f"i{tail}:e", f"i{head}:w", id=str(number), **weight)
    return drawing


def _read(picture: dict[str, Any], lines: Sequence[Line], sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return what Graphviz has laid out: width, height, the corner and size of each item, the curve of each line."""
    _, _, width, height = map(float, picture["bb"].split(","))

    def points(position: str) -> list[tuple[float, float]]:
        pairs = (pair.split(",") for pair in position.split())
        return [(float(x), height - float(y)) for x, y in pairs]

    centres = {
        int(thing["name"][1:]): points(thing["pos"])[0] for thing in picture.get("objects", []) if "pos" in thing
    }
    places = [
        [round(centres[place][0] - w / 2), round(centres[place][1] - h / 2), w, h] for place, (w, h) in enumerate(sizes)
    ]
    # A line that Graphviz has given up on is straight.
    curves = [[centres[tail], centres[tail], centres[head], centres[head]] for tail, head, _ in lines]
    for edge in picture.get("edges", []):
        if "pos" in edge:
            curves[int(edge["id"])] = points(edge["pos"].partition(";")[0])
    return {
        "width": round(width),
        "height": round(height),
        "places": places,
        "curves": [[round(number) for point in curve for number in point] for curve in curves],
    }
