"""Clusters of a drawing: what is written of a folded graph, boxes inside of boxes, and of closed boxes the cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count, pairwise
from typing import Any

from autograd.engine import Value
from autograd.pictures.folding import Box, Folded, about
from autograd.pictures.style import QUIET, Mark, Row, escaped


def ids_of(order: Sequence[Value], parts: Folded) -> dict[Value, str]:
    """Return the name of the mark that stands for each node: by its place in the sorted graph, or by its card's."""
    cards = {card: f"card{number}" for number, card in enumerate(parts.outputs)}
    return {
        node: cards[parts.hidden[node]] if node in parts.hidden else f"n{position}"
        for position, node in enumerate(order)
    }


def card_rows(closed: Box, output: Value | None) -> list[Row]:
    """Return the lines of a closed box: its title, and the number that it computes, or what is in it."""
    return [
        Row(closed.name, bold=True),
        Row(about(closed), QUIET) if output is None else Row(f"data {output.number:.4g}"),
    ]


def into_card(direction: str) -> dict[str, str]:
    """Return the attributes of an arrow into a card: beside it, since above it is the heading of the box around it."""
    side = {"LR": "w", "RL": "e"}.get(direction)
    return {} if side is None else {"headport": side}


def write_boxes(drawing: Any, whole: Box, marks: Mapping[Value, list[Mark]], cards: Mapping[Box, Mark]) -> None:
    """Write the marks of each node into the box where it stands, boxes into boxes, and of closed boxes the cards.

    Neurons and weights stand in their order from the top to the bottom, or from left to right. In a picture that goes
    to the right or to the left Graphviz puts what a box holds the other way round.
    """
    counter = count()
    sideways = drawing.graph_attr["rankdir"] in ("LR", "RL")
    if cards:
        drawing.attr(remincross="false")  # which would change the order of the cards for fewer crossings

    def write(canvas: Any, here: Box, *, inside: bool) -> None:
        step = -1 if sideways and inside else 1
        for mark in [mark for node in here.nodes for mark in marks.get(node, [])][::step]:
            canvas.node(mark.id, **mark.attributes)
        for child in here.boxes[::step]:
            if child in cards:
                canvas.node(cards[child].id, **cards[child].attributes)
            elif child.count > 1:  # opened, it is no more than what it holds
                write(canvas, child, inside=inside)
                with canvas.subgraph() as row:
                    row.attr(rank="same")
                    for one, other in pairwise([cards[one].id for one in child.boxes if one in cards][::step]):
                        row.edge(one, other, style="invis")
            else:
                with canvas.subgraph(name=f"cluster{next(counter)}") as cluster:
                    cluster.attr(label=f"<{escaped(child.title)}>", style="rounded,filled")
                    cluster.attr(color="#C5CBD3", fillcolor="#F7F8FA")
                    write(cluster, child, inside=True)

    write(drawing, whole, inside=False)
