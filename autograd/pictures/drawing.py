"""Graph drawing: a graph as a picture, laid out by Graphviz.

The picture follows the sorted graph and names each node by its place in it, so the same graph gives the same text on
every run. Of a network that is large, modules are folded to cards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd import rules
from autograd.engine import Constant, Value, check_unchanged
from autograd.pictures._clusters import card_rows, ids_of, into_card, write_boxes
from autograd.pictures.folding import Box, Folded, folded, unfolded
from autograd.pictures.style import (
    COMPUTED,
    FONT,
    ROOT,
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
from autograd.pictures.text import LOOK_BEFORE, outdated, sorted_graph
from autograd.rules import Operation

if TYPE_CHECKING:
    from autograd.pictures.rendering import Drawing

MAX_NODES, MAX_ARROWS = 500, 1500  # nobody can read more, and the time of a layout grows fast
UNFOLDED = 60  # nodes, at most, of a graph whose boxes are all open unless something else is asked for


def draw(
    root: Value,
    *,
    direction: str = "LR",
    depth: int | None = None,
    expand: bool = False,
    derivatives: bool = False,
    fold: bool | None = None,
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
    - `fold`: show modules, and other scopes, as cards with what they compute, the layers opened as far as there is
      room; by default in graphs of more than 60 nodes, unless `depth`, `expand` or `derivatives` asks for details.
    - `derivatives`: write the local derivative (∂) on each arrow into an operation, and colour the arrows by what flows
      back along them: the gradient of the result times the local derivative. A card has no such arrows.
      RuntimeError if a leaf was changed, which without it the legend says.

    `draw(y).render("name.svg")` writes a file. Raises ValueError for a picture of more than 500 nodes or 1500
    arrows; laying one out raises TimeoutError after a minute. Where no program can be started, `layout` of
    `autograd.pictures.rendering.Drawing` may be a function that lays out.

    >>> x = Value(3.0, label="x")
    >>> [line.strip() for line in draw(x * x).source.splitlines() if "->" in line]
    ['n0 -> n1op', 'n0 -> n1op', 'n1op -> n1']
    """
    order = sorted_graph(root, "draw")
    if derivatives:
        check_unchanged(order, LOOK_BEFORE)
    drawing: Drawing = blank(direction, "draw")
    drawing.root = root
    if fold and depth is not None:
        raise ValueError("depth counts operations, and fold hides them in cards; draw(root) takes one of the two")
    shown = set(order) if depth is None else _within(root, depth)
    visible = [node for node in order if node in shown]
    folds = fold if fold is not None else len(visible) > UNFOLDED and depth is None and not (expand or derivatives)
    parts = folded(visible) if folds else unfolded(visible)
    size = sum(len(node.parents) if expand and node.op is rules.dot else 1 for node in parts.shown) + len(parts.outputs)
    links = sum(len(node.parents) + 1 for node in parts.shown if node.op is not None)
    for number, things, most in ((size, "nodes", MAX_NODES), (links, "arrows", MAX_ARROWS)):
        if number > most:
            raise ValueError(
                f"this graph has {number:,} {things} to draw, and more than {most} are not laid out; draw a part: "
                "draw(root, depth=4), or draw(node) of a node nearer to the leaves; text(root) lists all of it"
            )
    keep_short(drawing, parts.shown, labelled=derivatives)
    picture = _Picture(order, shown, parts, expand, derivatives, into_card(direction))
    for node in parts.shown:
        picture.add(node, is_root=node is root)
    for box_of_many in parts.outputs:
        picture.add_card(box_of_many, root)
    picture.write(drawing)
    seen = [*parts.shown, *(node for outputs in parts.outputs.values() for node in outputs if node is not root), root]
    drawing.attr(label=f"<{legend(seen, map(gradient_of, seen), old=bool(outdated(order)))}>", labelloc="b")
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
    drawing = Drawing(format="svg", graph_attr={"rankdir": direction})
    drawing.attr(fontname=FONT, fontsize=TITLE_SIZE, nodesep="0.2", ranksep="0.35")
    drawing.attr(nslimit="1", nslimit1="1", mclimit="0.2")  # else long arrows take Graphviz minutes
    drawing.attr("node", fontname=FONT, fontsize=SIZE, shape="plain")
    drawing.attr(
        "edge", color="#666666", arrowsize="0.6", fontname=FONT, fontsize="9", fontcolor="#4A4A4A", labeldistance="1.6"
    )
    return drawing


# Graphviz makes a long arrow of short ones, one from each rank of the picture to the next. Where these are many, curves
# take too long to find, and arrows become straight lines. With labels on arrows there are twice as many ranks, and
# curves must go around the labels.
CURVES, CURVES_AROUND_LABELS = 4000, 400


def keep_short(drawing: Any, visible: Sequence[Value], *, labelled: bool) -> None:
    """Have the arrows of a drawing straight where curves take too long to find."""
    if pieces_of_arrows(visible) > (CURVES_AROUND_LABELS if labelled else CURVES):
        drawing.attr(splines="line")


def pieces_of_arrows(visible: Sequence[Value]) -> int:
    """Return how many arrows from one rank to the next all arrows are made of."""
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
    return sum(ranks[node] - ranks[p] for node in visible for p in node.parents if p in ranks)


def _within(root: Value, depth: int) -> set[Value]:
    """Return the nodes at most `depth` operations back from the root."""
    if not hasattr(depth, "__index__") or depth < 0:
        raise ValueError(f"depth is the number of operations back from the root, 0 or more, got {depth!r}")
    reached, frontier = {root}, {root}
    while frontier and depth > 0:
        frontier = {parent for node in frontier for parent in node.parents} - reached
        reached |= frontier
        depth -= 1
    return reached


class _Picture:
    """The marks of each node and the arrows between them, until the boxes they stand in are known."""

    def __init__(
        self,
        order: Sequence[Value],
        shown: set[Value],
        parts: Folded,
        expand: bool,
        derivatives: bool,
        entry: dict[str, str],
    ) -> None:
        self.ids = ids_of(order, parts)
        self.shown = shown
        self.parts = parts
        self.expand = expand
        self.entry = entry
        self.derivatives = derivatives
        self.largest = largest_of(map(gradient_of, shown))
        self.marks: dict[Value, list[Mark]] = {}
        self.cards: dict[Box, Mark] = {}
        self.arrows: list[Arrow] = []
        self.placed: set[tuple[str, str | None]] = set()  # tails of arrows, and their labels

    def add(self, node: Value, *, is_root: bool) -> None:
        """Add a number, and if it was computed the operation that made it."""
        rows = [Row(node.label, bold=True)] if node.label else []
        rows.append(Row(f"data {node.number:.4g}"))
        if not isinstance(node, Constant):
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
        first = len(self.arrows)
        local = local_derivatives(node) if self.derivatives else [None] * len(node.parents)
        for position, (parent, derivative) in enumerate(zip(node.parents, local, strict=True)):
            if parent in self.parts.hidden and self.ids[parent] in {arrow.tail for arrow in self.arrows[first:]}:
                continue  # one from each card
            self._add_arrow(self.ids[parent], mark.id, node, derivative, parent, **place_of_operand(node, position))
        self._add_result_arrow(mark.id, node)

    def add_card(self, box_of_many: Box, root: Value) -> None:
        """Add a closed box, with what it computes if that is one number, and the arrows into it."""
        outputs = self.parts.outputs[box_of_many]
        rows = card_rows(box_of_many, outputs[0] if len(outputs) == 1 else None)
        if len(outputs) == 1:
            rows.append(gradient_row(gradient_of(outputs[0]), self.largest))
        identifier = self.ids[next(box_of_many.contents())]
        colours = ROOT if root in outputs else COMPUTED
        self.cards[box_of_many] = Mark(identifier, {"label": box(rows, colours, border=2)})
        into = (parent for node in box_of_many.contents() for parent in node.parents)
        tails = dict.fromkeys(self.ids[parent] for parent in into)
        self.arrows += (Arrow(tail, identifier, self.entry) for tail in tails if tail != identifier)

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
        if self.derivatives:
            # In the middle of its arrow no label stands on another one, or on the arrow of the next operand.
            place = attributes.pop("headlabel", "") or attributes.pop("taillabel", "")
            local = "?" if derivative is None else f"{derivative + 0.0:.4g}"
            if label := (place if isinstance(operand, Constant) else f"{place} ∂ {local}".strip()):
                attributes["label"] = label
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

    def write(self, drawing: Any) -> None:
        """Write everything into the drawing: boxes with what stands in them, then the arrows."""
        write_boxes(drawing, self.parts.whole, self.marks, self.cards)
        for arrow in self.arrows:
            drawing.edge(arrow.tail, arrow.head, **arrow.attributes)
