"""Graph drawing: a graph as a picture, laid out by Graphviz.

The picture follows the sorted graph and names each node by its place in it, so the same graph gives the same text on
every run. What would take a layout minutes is refused beforehand, with the way to draw a part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd import rules
from autograd.engine import Constant, Value, scope
from autograd.pictures._style import (
    COMPUTED,
    FONT,
    SIZE,
    TITLE_SIZE,
    Arrow,
    Mark,
    Row,
    arrow_colour,
    box,
    gradient_of,
    gradient_row,
    largest_of,
    legend,
    local_derivatives,
    look,
    operation_mark,
    place_of_operand,
)
from autograd.pictures.scopes import homes, write_boxes
from autograd.pictures.text import sorted_graph
from autograd.rules import Operation

if TYPE_CHECKING:
    from autograd.pictures.rendering import Drawing

MAX_NODES, MAX_ARROWS = 500, 1500  # nobody can read more, and the time of a layout grows fast


def draw(
    root: Value, *, direction: str = "LR", depth: int | None = None, expand: bool = False, derivatives: bool = False
) -> Drawing:
    """Return the graph of a Value as a `graphviz.Digraph`, which shows itself in a notebook.

    Each node shows its label, data and gradient ("not yet" before `backward()`); each operation is a small node of
    its own. Leaves that take a gradient are green, constants grey and dashed, the root yellow, and a box goes around
    what was made in one `scope`, such as the call of a Neuron, with its parameters. Behind a gradient is its colour:
    orange above zero, blue below, the stronger the larger; a legend says so. Where the order of operands matters,
    arrows tell it, and in a `dot` which of them are multiplied.

    - `direction`: "LR" (left to right), "TB" (top to bottom), "RL" or "BT".
    - `depth`: how many operations back from the root to draw; where the graph goes on, a dashed operation says so.
    - `expand`: draw each `dot` as its products and their sum.
    - `derivatives`: write the local derivative (∂) on each arrow into an operation, and colour the arrows by what flows
      back along them: the gradient of the result times the local derivative.

    `draw(y).render("name", format="svg")` writes a file. Raises ValueError for a graph of more than 500
    nodes or 1500 arrows, or of arrows so long that a layout would take minutes.

    >>> x = Value(3.0, label="x")
    >>> [line.strip() for line in draw(x * x).source.splitlines() if "->" in line]
    ['n0 -> n1op', 'n0 -> n1op', 'n1op -> n1']
    """
    order = sorted_graph(root, "draw")
    drawing: Drawing = blank(direction, "draw")
    drawing.root = root
    shown = set(order) if depth is None else _within(root, depth)
    visible = [node for node in order if node in shown]
    size = sum(len(node.parents) if expand and node.op is rules.dot else 1 for node in visible)
    links = sum(len(node.parents) + 1 for node in visible if node.op is not None)
    for number, things, most in ((size, "nodes", MAX_NODES), (links, "arrows", MAX_ARROWS)):
        if number > most:
            raise ValueError(
                f"this graph has {number:,} {things} to draw, and more than {most} are not laid out; draw a part: "
                "draw(root, depth=4), or draw(node) of a node nearer to the leaves; text(root) lists all of it"
            )
    keep_short(drawing, visible, labelled=derivatives)
    picture = _Picture(order, shown, expand, derivatives)
    for node in visible:
        picture.add(node, is_root=node is root)
    picture.write(drawing, homes(visible))
    drawing.attr(label=f"<{legend(visible, map(gradient_of, visible))}>", labelloc="b")
    return drawing


def blank(direction: str, asker: str) -> Any:
    """Return an empty drawing, in which everything looks as in all pictures of graphs."""
    try:
        from autograd.pictures.rendering import Drawing
    except ImportError as error:
        raise ImportError(
            f"{asker} needs the {error.name} package: python -m pip install 'scalar-autograd[draw]'; "
            "text(root) needs nothing"
        ) from error
    if direction not in ("LR", "TB", "RL", "BT"):
        raise ValueError(f"direction is one of LR, TB, RL, BT, got {direction!r}")
    drawing = Drawing(format="svg")
    drawing.attr(rankdir=direction, fontname=FONT, fontsize=TITLE_SIZE, nodesep="0.2", ranksep="0.35")
    drawing.attr(nslimit="1", nslimit1="1", mclimit="0.2")  # else long arrows take Graphviz minutes
    drawing.attr("node", fontname=FONT, fontsize=SIZE, shape="plain")
    drawing.attr(
        "edge", color="#666666", arrowsize="0.6", fontname=FONT, fontsize="9", fontcolor="#4A4A4A", labeldistance="1.6"
    )
    return drawing


# Graphviz makes a long arrow of short ones, one from each rank of the picture to the next. Their number says when
# curves take too long to find, so that arrows become straight lines, and their number by those that run side by side
# when sorting them does. With labels on arrows there are twice as many ranks, and curves must go around the labels.
CURVES, CURVES_AROUND_LABELS = 4000, 400
SORTED, SORTED_WITH_LABELS = 7e6, 4e6


def keep_short(drawing: Any, visible: Sequence[Value], *, labelled: bool) -> None:
    """Have a drawing laid out in seconds: with straight arrows if it must be, and else with an error."""
    pieces, ranks = pieces_of_arrows(visible)
    if pieces * pieces / ranks > (SORTED_WITH_LABELS if labelled else SORTED):
        raise ValueError(
            "this graph has arrows so long, and so many side by side, that laying them out takes minutes; draw a part: "
            "draw(root, depth=4), or draw(node) of a node nearer to the leaves; text(root) lists all of it"
        )
    if pieces > (CURVES_AROUND_LABELS if labelled else CURVES):
        drawing.attr(splines="line")


def pieces_of_arrows(visible: Sequence[Value]) -> tuple[int, int]:
    """Return how many arrows from one rank to the next all arrows are made of, and how many ranks there are."""
    ranks: dict[Value, int] = {}
    for node in visible:
        ranks[node] = 2 + max((ranks[p] for p in node.parents if p in ranks), default=0) if node.op is not None else 0
    used: dict[Value, int] = {}
    for node in visible:
        for parent in node.parents:
            used[parent] = min(used.get(parent, ranks[node]), ranks[node])
    for node, rank in used.items():  # a leaf stands right before what first uses it
        if node in ranks and node.op is None:
            ranks[node] = rank - 2
    pieces = sum(ranks[node] - ranks[p] for node in visible for p in node.parents if p in ranks)
    return pieces, max(ranks.values()) + 1


def _within(root: Value, depth: int) -> set[Value]:
    """Return the nodes at most `depth` operations back from the root."""
    if not isinstance(depth, int) or depth < 0:
        raise ValueError(f"depth is the number of operations back from the root, 0 or more, got {depth!r}")
    reached, frontier = {root}, {root}
    while frontier and depth > 0:
        frontier = {parent for node in frontier for parent in node.parents} - reached
        reached |= frontier
        depth -= 1
    return reached


class _Picture:
    """The marks of each node and the arrows between them, until the boxes they stand in are known."""

    def __init__(self, order: Sequence[Value], shown: set[Value], expand: bool, derivatives: bool) -> None:
        self.ids = {node: f"n{position}" for position, node in enumerate(order)}
        self.shown = shown
        self.expand = expand
        self.derivatives = derivatives
        self.largest = largest_of(map(gradient_of, shown))
        self.marks: dict[Value, list[Mark]] = {}
        self.arrows: list[Arrow] = []
        self.placed: set[tuple[str, str | None]] = set()  # tails of arrows, and their labels

    def add(self, node: Value, *, is_root: bool) -> None:
        """Add a number, and if it was computed the operation that made it."""
        rows = [Row(node.label, bold=True)] if node.label else []
        rows.append(Row(f"data {node.number:.4g}"))
        if type(node) is not Constant:
            rows.append(gradient_row(gradient_of(node), self.largest))
        colours, style = look(node, is_root=is_root)
        self.marks[node] = [Mark(self.ids[node], {"label": box(rows, colours, style=style)})]
        if node.op is None:
            return
        if any(parent not in self.shown for parent in node.parents):
            self._add_end(node, node.op)
        elif self.expand and node.op is rules.dot:
            self._add_products(node)
        else:
            self._add_operation(node, node.op)

    def _add_operation(self, node: Value, op: Operation) -> None:
        mark = operation_mark(f"{self.ids[node]}op", op.name)
        self.marks[node].append(mark)
        local = local_derivatives(node) if self.derivatives else [None] * len(node.parents)
        for position, (parent, derivative) in enumerate(zip(node.parents, local, strict=True)):
            self._add_arrow(self.ids[parent], mark.id, node, derivative, parent, **place_of_operand(node, position))
        self._add_result_arrow(mark.id, node)

    def _add_end(self, node: Value, op: Operation) -> None:
        """Add an operation of which not all operands are shown."""
        cut = operation_mark(f"{self.ids[node]}op", f"{op.name} ...", dashed=True)
        self.marks[node].append(cut)
        self.arrows += (Arrow(self.ids[parent], cut.id, {}) for parent in node.parents if parent in self.shown)
        self._add_result_arrow(cut.id, node)

    def _add_products(self, node: Value) -> None:
        """Add a dot as the products of its operands and their sum."""
        result = self.ids[node]
        total = operation_mark(f"{result}op", "+")
        self.marks[node].append(total)
        self._add_result_arrow(total.id, node)
        half = len(node.parents) // 2
        for number, (a, b) in enumerate(zip(node.parents[:half], node.parents[half:], strict=True)):
            times = operation_mark(f"{result}op{number}", "*")
            rows = [Row(f"data {a.number * b.number:.4g}"), gradient_row(gradient_of(node), self.largest)]
            product = Mark(f"{result}product{number}", {"label": box(rows, COMPUTED)})
            self.marks[node] += times, product
            self._add_arrow(self.ids[a], times.id, node, b.number, a)
            self._add_arrow(self.ids[b], times.id, node, a.number, b)
            self._add_result_arrow(times.id, node, product.id)
            self._add_arrow(product.id, total.id, node, 1.0)

    def _add_arrow(
        self,
        tail: str,
        head: str,
        node: Value,
        derivative: float | None,
        operand: Value | None = None,
        **attributes: str,
    ) -> None:
        """Add the arrow that brings an operand, with the local derivative of the node by it."""
        if self.derivatives and type(operand) is not Constant:
            # The two would stand one on the other.
            place = attributes.pop("headlabel", "") or attributes.pop("taillabel", "")
            attributes["label"] = f"{place} ∂ {'?' if derivative is None else format(derivative, '.4g')}".strip()
            gradient = gradient_of(node)
            if gradient is not None and derivative is not None:
                attributes |= arrow_colour(gradient * derivative, self.largest)
        if (tail, attributes.get("taillabel")) in self.placed:  # once beside a node says it of all its arrows
            del attributes["taillabel"]
        elif "taillabel" in attributes:
            self.placed.add((tail, attributes["taillabel"]))
        self.arrows.append(Arrow(tail, head, attributes))

    def _add_result_arrow(self, tail: str, node: Value, head: str | None = None) -> None:
        colour = arrow_colour(gradient_of(node), self.largest) if self.derivatives else {}
        self.arrows.append(Arrow(tail, head or self.ids[node], colour))

    def write(self, drawing: Any, places: dict[Value, scope | None]) -> None:
        """Write everything into the drawing: boxes with what stands in them, then the arrows."""
        write_boxes(drawing, self.marks, places)
        for arrow in self.arrows:
            drawing.edge(arrow.tail, arrow.head, **arrow.attributes)
