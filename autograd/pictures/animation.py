"""Animation of backpropagation: the forward and the backward pass, one frame for each step of the chain rule.

The walk is not told a second time: a frame is taken whenever the engine's own chain rule hands a number on. All frames
are the same graph with boxes as large as they ever get, so Graphviz lays all of them out alike, and nothing jumps.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from autograd.engine import UNREACHED, Accumulator, Constant, Edge, Value, accumulate, check_unchanged, edges
from autograd.files import path_of, write_atomically
from autograd.pictures._clusters import card_rows, ids_of, into_card, write_boxes
from autograd.pictures._frames import write_gif, write_svg
from autograd.pictures.drawing import blank, keep_short
from autograd.pictures.folding import Box, Folded, folded, unfolded
from autograd.pictures.style import (
    COMPUTED,
    FRAME,
    INK,
    QUIET,
    ROOT,
    SIZE,
    TITLE_SIZE,
    Mark,
    Row,
    arrow_colour,
    box,
    gradient_row,
    largest_of,
    legend,
    local_derivatives,
    look,
    operation_mark,
    ordinal,
    place_of_operand,
)
from autograd.pictures.text import LOOK_BEFORE, names_of, sorted_graph
from autograd.rules import active_operands, real

MAX_NODES, MAX_ARROWS = 60, 120  # what can be read on a slide, and a step for each of them
CAPTION = 110  # characters in a line
WRITERS = {".gif": write_gif, ".svg": write_svg}


def animate(
    root: Value,
    path: str | os.PathLike[str],
    *,
    duration: float = 1.0,
    direction: str = "LR",
    fold: bool | None = None,
) -> Path:
    """Write the forward and the backward walk through a graph as a moving picture, and return its path.

    First every operation computes its result. Then the gradients flow back, contribution by contribution, each with
    its formula: upstream gradient times local derivative. No gradient of the graph itself is read or changed.

    - `path`: ends in ".gif", or in ".svg" for a picture that stays sharp in browsers and in the README of a repository.
    - `duration`: the seconds of a step; the last one, where everything is there, stays three times as long.
    - `direction`: "LR" (left to right), "TB" (top to bottom), "RL" or "BT".

    - `fold`: show modules, and other scopes, as cards, each a step; by default in graphs of more than 60 nodes.

    Raises ValueError for a picture of more than 60 nodes and cards, or more than 120 operands.

    >>> import tempfile
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     animate(a * b + a, Path(folder) / "backward.svg").name
    'backward.svg'
    """
    target = path_of(path)
    if target.suffix.lower() not in WRITERS:
        raise ValueError(f"animate writes a file whose name ends in .gif or .svg, got {str(path)!r}")
    seconds = real(duration, "animate(duration)")
    if not 0.02 <= seconds <= 600.0:  # a GIF counts hundredths, and shows a single one as ten
        raise ValueError(f"duration is the seconds of a step, from 0.02 to 600, got {duration!r}")
    order = sorted_graph(root, "animate")
    blank(direction, "animate")
    parts = folded(order) if (len(order) > MAX_NODES if fold is None else fold) else unfolded(order)
    arrows = sum(len(node.parents) for node in parts.shown)
    nodes = len(parts.shown) + len(parts.outputs)
    for number, things, most in ((nodes, "nodes", MAX_NODES), (arrows, "operands", MAX_ARROWS)):
        if number > most:
            raise ValueError(
                f"this graph has {number:,} {things}, and nobody watches a moving picture of more than {most}; "
                "animate a part: animate(node, path) of a node nearer to the leaves, or draw(root, depth=4)"
            )
    stage = _Stage(order, list(_in_boxes(_steps(order), parts, caption_names(order))), direction, parts)
    drawings = list(map(stage.frame, stage.steps))
    times = [seconds] * (len(drawings) - 1) + [3.0 * seconds]
    write_atomically(target, WRITERS[target.suffix.lower()](drawings, times))
    return target


class _Step(NamedTuple):
    """A step of the animation: the numbers known there, and the arrows it goes along."""

    computed: int  # how many nodes of the sorted graph have their data
    gradients: dict[Value, float]
    caption: tuple[str, str]
    node: Value | None = None  # whose operation is at work
    operand: int | None = None  # forward all of its operands are, backward one
    used: frozenset[tuple[Value, int]] = frozenset()  # the operands of nodes to which a gradient was handed on

    def at_work(self) -> set[Value]:
        """Return the node whose operation is at work, and those of its operands that it works with."""
        if self.node is None:
            return set()
        return {self.node, *(self.node.parents if self.operand is None else [self.node.parents[self.operand]])}


def _steps(order: Sequence[Value]) -> Iterator[_Step]:
    names = caption_names(order)
    yield _Step(0, {}, ("Forward: every operation computes its result from its operands.", ""))
    for position, node in enumerate(order):
        if node.op is not None:
            symbols = node.op.expression(*[names[parent] for parent in node.parents])
            numbers = node.op.expression(*[_operand(parent.number) for parent in node.parents])
            formula = _joined(f"{names[node]} = {symbols}", f" = {numbers} = {node.number:.4g}")
            yield _Step(position + 1, {}, (formula, ""), node)
    yield from _backward(order, names)


def _in_boxes(steps: Iterable[_Step], parts: Folded, names: dict[Value, str]) -> Iterator[_Step]:
    """Make one step of those that follow each other inside of one closed box."""

    def card_of(step: _Step) -> Box | None:
        return None if step.node is None else parts.hidden.get(step.node)

    for (card, forward), run in groupby(steps, key=lambda step: (card_of(step), step.operand is None)):
        if card is None:
            yield from run
            continue
        *_, last = run
        where, around = card.name, card.outer
        while around is not None and around.title:
            where, around = (where if around.count > 1 else f"{where} of {around.name}"), around.outer
        outputs = parts.outputs[card]
        leaves = [node for node in card.contents() if node.op is None and not isinstance(node, Constant)]
        found = ", ".join(f"{names[node]} = {node.number:.4g}" for node in outputs)
        told = f"{where} computes {found if 0 < len(outputs) <= 3 else f'{len(outputs)} numbers'}"
        if not forward:
            told = f"The chain rule runs through {where}, and {len(leaves)} parameters get their gradients"
        yield last._replace(caption=(_joined(told, ""), ""))


def _backward(order: Sequence[Value], names: dict[Value, str]) -> list[_Step]:
    """Return the steps of backpropagation through the graph: `backward()`, with nothing written into the nodes."""
    root, taking = order[-1], [node for node in order if not isinstance(node, Constant)]
    if isinstance(root, Constant):
        return []
    check_unchanged(taking, LOOK_BEFORE)
    flow = {node: Accumulator(node) for node in taking}
    flow[root].adjoint = 1.0
    known: dict[Value, float] = {root: 1.0}
    used: set[tuple[Value, int]] = set()
    end, told = names[root], "Backward: every gradient is handed on to the operands, times the local derivative."
    steps = [_Step(len(order), dict(known), (told, f"d{end}/d{end} = 1"))]

    def watched(node: Value, outgoing: Iterable[Edge]) -> Iterator[Edge]:
        if flow[node].adjoint is UNREACHED:  # a condition
            return
        active = active_operands(node.op, len(node.parents))
        free = [n for n, parent in enumerate(node.parents) if active[n] and not isinstance(parent, Constant)]
        for operand, (_, parent, derivative) in zip(free, outgoing, strict=True):
            before = known.get(parent)
            yield flow[node], flow[parent], derivative
            arrived, total = flow[node].adjoint, flow[parent].adjoint  # the chain rule has added to it meanwhile
            known[parent] = total
            used.add((node, operand))
            gradient, slope, part = f"d{end}/d{names[parent]}", derivative + 0.0, arrived * derivative + 0.0  # not -0
            symbols = f"{gradient} += d{end}/d{names[node]} · ∂{names[node]}/∂{_operand_of(node, operand, names)}"
            formula = _joined(symbols, f" = {arrived:.4g} × {_operand(slope)} = {part:.4g}")
            added = "" if before is None else f"{gradient} = {before:.4g} + {_operand(part)} = {total:.4g}"
            steps.append(_Step(len(order), dict(known), (formula, added), node, operand, frozenset(used)))

    by_source = groupby(edges(reversed(taking), flow), itemgetter(0))
    accumulate(chain.from_iterable(watched(*step) for step in by_source), flow.values())
    found = [f"d{end}/d{names[leaf]} = {flow[leaf].adjoint:.4g}" for leaf in taking if leaf.op is None and leaf.label]
    told = "Done: the gradient of a leaf says how fast the result changes with it."
    return [*steps, steps[-1]._replace(caption=(told, _joined(",  ".join(found), "")), node=None, operand=None)]


def caption_names(order: Sequence[Value]) -> dict[Value, str]:
    """Name each node in formulas: by its label, by its number if it is a constant, and else as `text` does."""
    names = names_of(order)
    for node in order:
        if node.label.strip():
            names[node] = node.label if len(node.label) <= 12 else f"{node.label[:11]}…"
        elif isinstance(node, Constant):
            names[node] = _operand(node.number)
    return names


def _operand_of(node: Value, operand: int, names: dict[Value, str]) -> str:
    """Return what the local derivative of a node by one operand is taken by: its name, and which one if it is twice."""
    parent = node.parents[operand]
    name = names[parent]
    return f"({ordinal(node.parents[:operand].count(parent))} {name})" if node.parents.count(parent) > 1 else name


def _operand(number: float) -> str:
    return f"{number:.4g}" if math.copysign(1.0, number) > 0.0 else f"({number:.4g})"


def _joined(symbols: str, numbers: str) -> str:
    """Return a formula with its numbers, shortened where it is longer than a line."""
    if len(symbols) + len(numbers) <= CAPTION:
        return symbols + numbers
    if len(numbers) > CAPTION // 2:
        numbers = f"{numbers[: CAPTION // 2 - 14]} … {numbers[-12:]}"
    room = max(CAPTION - len(numbers), 0)
    return (symbols if len(symbols) <= room else f"{symbols[: room - 2]} …") + numbers


class _Stage:
    """The boxes of all frames, each as large as that node's largest, and the arrows between them."""

    def __init__(self, order: Sequence[Value], steps: Sequence[_Step], direction: str, parts: Folded) -> None:
        self.order = order
        self.parts = parts
        self.ids = ids_of(order, parts)
        self.steps = steps
        self.direction = direction
        self.position = {node: position for position, node in enumerate(order)}
        self.names = caption_names(order)
        self.local = {node: local_derivatives(node) for node in order}
        self.largest = largest_of(gradient for step in steps for gradient in step.gradients.values())
        shown = [*(node for node in parts.shown if node is not order[-1]), order[-1]]
        self.legend = legend(shown, [gradient for step in steps for gradient in step.gradients.values()])
        self.sizes = self._measured()

    def frame(self, step: _Step) -> Any:
        """Return the drawing of a step."""
        drawing = blank(self.direction, "animate")
        keep_short(drawing, self.parts.shown, labelled=True)
        drawing.attr(label=self._caption(step, self.sizes[None]), labelloc="t")
        labels = {card: self._card(card, step, self.sizes[card]) for card in self.parts.outputs}
        cards = {card: Mark(self._id(card), {"label": label}) for card, label in labels.items()}
        write_boxes(drawing, self.parts.whole, {node: self._marks(node, step) for node in self.parts.shown}, cards)
        for node in self.parts.shown:
            self._write_arrows(drawing, node, step)
        for card in self.parts.outputs:
            self._write_arrows_into(drawing, card, step)
        return drawing

    def _marks(self, node: Value, step: _Step) -> list[Mark]:
        number = Mark(self._id(node), {"label": self._box(node, step, self.sizes[node])})
        if node.op is None:
            return [number]
        fill = "#FFD966" if node is step.node else ""
        return [number, operation_mark(f"{self._id(node)}op", node.op.name, fill=fill)]

    def _id(self, shown: Value | Box) -> str:
        return self.ids[next(shown.contents()) if isinstance(shown, Box) else shown]

    def _write_arrows_into(self, drawing: Any, card: Box, step: _Step) -> None:
        """Write an arrow from each mark that a closed box uses."""
        edges: dict[str, list[tuple[Value, int]]] = {}
        for node in card.contents():
            for operand, parent in enumerate(node.parents):
                edges.setdefault(self._id(parent), []).append((node, operand))
        at_work = step.node is not None and self.parts.hidden.get(step.node) is card
        for tail, carried in edges.items():
            used = any(edge in step.used for edge in carried)
            attributes = into_card(self.direction) | ({"dir": "back"} if used else {})
            if at_work:
                attributes |= {"penwidth": "3" if used else "2", "color": INK}
            if tail != self._id(card):
                drawing.edge(tail, self._id(card), **attributes)

    def _write_arrows(self, drawing: Any, node: Value, step: _Step) -> None:
        """Write the arrows of an operation: thick where it is at work, backwards once a gradient came along them."""
        if node.op is None:
            return
        operation, gradient = f"{self._id(node)}op", step.gradients.get(node)
        forward = node is step.node and step.operand is None
        handed_on = False
        cards: set[str] = set()
        for operand, (parent, derivative) in enumerate(zip(node.parents, self.local[node], strict=True)):
            used = (node, operand) in step.used
            handed_on |= used
            if parent in self.parts.hidden:
                if self._id(parent) in cards:
                    continue  # one from each card
                cards.add(self._id(parent))
            attributes = {"label": _arrow_label(node, operand, parent, derivative, seen=used)}
            if used and gradient is not None and derivative is not None:
                attributes |= {"dir": "back", **arrow_colour(gradient * derivative, self.largest)}
            if forward or (node is step.node and operand == step.operand):
                attributes |= {"penwidth": "3"} if used else {"penwidth": "2", "color": INK}
            drawing.edge(self._id(parent), operation, **attributes)
        attributes = {"dir": "back", **arrow_colour(gradient, self.largest)} if handed_on else {}
        if node is step.node:
            attributes |= {"penwidth": "2", "color": INK} if forward else {"penwidth": "3"}
        drawing.edge(operation, self._id(node), **attributes)

    def _box(self, node: Value, step: _Step, size: tuple[int, int] | None = None) -> str:
        rows = [Row(self.names[node], bold=True)] if node.label else []
        if not node.label and not isinstance(node, Constant):
            rows = [Row(self.names[node], QUIET)]
        known = node.op is None or self.position[node] < step.computed
        rows.append(Row(f"data {node.number:.4g}" if known else ""))
        if not isinstance(node, Constant):
            gradient = step.gradients.get(node)
            rows.append(Row("") if gradient is None else gradient_row(gradient, self.largest))
        colours, style = look(node, is_root=node is self.order[-1])
        return box(rows, colours, style=style, border=2 if node in step.at_work() else 1, size=size)

    def _card(self, card: Box, step: _Step, size: tuple[int, int] | None = None) -> str:
        """Return the label of a closed box: with what it computes, if that is one number, once that is known."""
        outputs = self.parts.outputs[card]
        output = outputs[0] if len(outputs) == 1 else None
        rows = card_rows(card, output)
        if output is not None:
            known = self.position[output] < step.computed
            gradient = step.gradients.get(output)
            rows = [rows[0], rows[1] if known else Row("")]
            rows.append(Row("") if gradient is None else gradient_row(gradient, self.largest))
        active = any(self.parts.hidden.get(node) is card for node in step.at_work())
        colours = ROOT if self.order[-1] in outputs else COMPUTED
        return box(rows, colours, border=3 if active else 1, size=size)

    def _caption(self, step: _Step, size: tuple[int, int] | None = None) -> str:
        rows = [Row(step.caption[0], bold=True), Row(step.caption[1])]
        return box(rows, ("#FFFFFF", "#FFFFFF"), border=0, size=size, below=self.legend)

    def _measured(self) -> dict[Value | Box | None, tuple[int, int]]:
        """Return the width and the height in points that each node and card needs, and the caption, under None."""
        owners: dict[tuple[str, Value | Box | None], None] = {}
        for step in self.steps:
            owners[self._caption(step), None] = None
            owners |= {(self._box(node, step), node): None for node in self.parts.shown}
            owners |= {(self._card(card, step), card): None for card in self.parts.outputs}
        drawing = blank(self.direction, "animate")
        for number, (label, owner) in enumerate(owners):
            drawing.node(str(number), label=label, fontsize=TITLE_SIZE if owner is None else SIZE)
        nodes = [owner for _, owner in owners]
        sizes: dict[Value | Box | None, tuple[int, int]] = dict.fromkeys(nodes, (0, 0))
        for line in drawing.pipe(format="plain", encoding="utf-8").splitlines():
            if line.startswith("node "):
                _, number, _, _, *extent = line.split(maxsplit=6)
                width, height = (math.ceil(72.0 * float(inches)) + 1 for inches in extent[:2])
                node = nodes[int(number)]
                width += 0 if node else FRAME  # the legend is as wide as its row, and the row never as its text
                sizes[node] = max(sizes[node][0], width), max(sizes[node][1], height)
        return sizes


def _arrow_label(node: Value, operand: int, parent: Value, derivative: float | None, *, seen: bool) -> str:
    """Return what stands on an arrow: which operand it brings, and the local derivative once that was needed."""
    place = "".join(place_of_operand(node, operand).values())
    if isinstance(parent, Constant) or derivative is None:
        return place
    ink = "#4A4A4A" if seen else "transparent"  # and yet as wide
    return f'<{place} <FONT COLOR="{ink}">∂ {derivative + 0.0:.4g}</FONT>>'
