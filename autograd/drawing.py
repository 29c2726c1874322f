"""A graph that shows itself: as lines of Python, or as a picture laid out by Graphviz.

Both walk the sorted graph and name each node by its place in it, so the same graph gives the same text on every run.
What a label holds is shown as text, whatever characters are in it.
"""

from __future__ import annotations

import html
import itertools
import keyword
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from autograd import rules
from autograd.chain import topological_order
from autograd.operation import Operation
from autograd.recording import UNREACHED, scope
from autograd.value import Constant, Value

if TYPE_CHECKING:
    from autograd.rendering import Drawing

FONT = "Helvetica"
# Border and fill, told apart by brightness too.
LEAF, CONSTANT, COMPUTED, ROOT = (
    ("#0072B2", "#EAF3FA"),
    ("#8A8A8A", "#F4F4F4"),
    ("#444444", "#FFFFFF"),
    ("#111111", "#FFF3CC"),
)
MAX_NODES, MAX_ARROWS = 500, 1500  # nobody can read more, and the time of a layout grows fast


def text(root: Value) -> str:
    """Return the graph of a Value as lines of Python, each node after its parents, with its data and gradient.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> y = 2 * a * b + a
    >>> y.backward()
    >>> print(text(y))
    a = Value(2.0, label='a')   # grad = -5.0
    v1 = 2.0 * a                # data = 4.0, grad = -3.0
    b = Value(-3.0, label='b')  # grad = 4.0
    v2 = v1 * b                 # data = -12.0, grad = 1.0
    v3 = v2 + a                 # data = -10.0, grad = 1.0
    """
    check_root(root, "text")
    order = topological_order(root)
    names = names_of(order)
    lines = []
    for node in order:
        gradient = "grad: not yet" if node.grad is UNREACHED else f"grad = {float(node.grad)!r}"
        if node.op is not None:
            call = node.op.expression(*[names[parent] for parent in node.parents])
            lines.append((f"{names[node]} = {call}", f"data = {node.data!r}, {gradient}"))
        elif names[node].isidentifier():  # and not the literal of a constant
            label = f", label={node.label!r}" if node.label else ""
            lines.append((f"{names[node]} = {type(node).__name__}({_literal(node.data)}{label})", gradient))
    width = min(max((len(code) for code, _ in lines), default=0), 80)
    return "\n".join(f"{code:<{width}}  # {remark}" for code, remark in lines)


def check_root(root: Any, asker: str) -> None:
    """Raise TypeError, in the name of the asker, if the root is not a Value."""
    if not isinstance(root, Value):
        raise TypeError(f"{asker} takes a Value, the root of the graph to show, got a {type(root).__name__}: {root!r}")


def names_of(order: Sequence[Value]) -> dict[Value, str]:
    """Name each node by its label where that is a free identifier, else v1, v2, ...; a constant by its literal."""
    operations = {node.op.template.split("(")[0] for node in order if node.op is not None}
    reserved = {"Value", "Constant", "float", "__debug__", *rules.FUNCTIONS, *operations}
    literals = {node for node in order[:-1] if type(node) is Constant and not node.label}
    for node in order:
        if node.op is rules.power:
            literals.discard(node.parents[1])  # x ** 2.0 would be another operation
        if node.op is not None and literals.issuperset(node.parents):
            literals.difference_update(node.parents)  # and 2.0 * 3.0 a plain number
    labels = {node.label for node in order}
    fresh = (name for number in range(1, 2 * len(order) + 2) if (name := f"v{number}") not in labels)
    names: dict[Value, str] = {}
    for node in order:
        label = node.label
        if node in literals:
            literal = _literal(node.data)
            names[node] = f"({literal})" if literal.startswith("-") else literal  # -2.0 ** x would be -(2.0 ** x)
        elif (
            label.isidentifier()
            and unicodedata.is_normalized("NFKC", label)
            and not keyword.iskeyword(label)
            and label not in reserved
        ):
            names[node] = label
            reserved.add(label)
        else:
            names[node] = next(fresh)
    return names


def _literal(number: float) -> str:
    if number - number != 0.0:  # nan or infinite
        return f"float('{number!r}')"
    return repr(number)


def draw(root: Value, *, direction: str = "LR", depth: int | None = None, expand: bool = False) -> Drawing:
    """Return the graph of a Value as a `graphviz.Digraph`, which shows itself in a notebook.

    Each node shows its label, data and gradient ("not yet" before `backward()`); each operation is a small node of
    its own. Leaves that take a gradient are blue, constants grey and dashed, the root yellow, and a box goes around
    what was made in one `scope`, such as the call of a Neuron, with its parameters.

    - `direction`: "LR" (left to right), "TB" (top to bottom), "RL" or "BT".
    - `depth`: how many operations back from the root to draw; where the graph goes on, a dashed operation says so.
    - `expand`: draw each `dot` as its products and their sum.

    `draw(y).render("name", format="svg")` writes a file. Raises ValueError for a graph of more than 500
    nodes or 1500 arrows.

    >>> x = Value(3.0, label="x")
    >>> [line.strip() for line in draw(x * x).source.splitlines() if "->" in line]
    ['n0 -> n1op', 'n0 -> n1op', 'n1op -> n1']
    """
    try:
        from autograd.rendering import Drawing
    except ImportError as error:
        raise ImportError(
            f"draw needs the {error.name} package: python -m pip install 'scalar-autograd[draw]'; "
            "text(root) needs nothing"
        ) from error
    check_root(root, "draw")
    if direction not in ("LR", "TB", "RL", "BT"):
        raise ValueError(f"direction is one of LR, TB, RL, BT, got {direction!r}")
    order = topological_order(root)
    ids = {node: f"n{position}" for position, node in enumerate(order)}
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
    drawing = Drawing(format="svg")
    drawing.root = root
    drawing.attr(rankdir=direction, fontname=FONT, fontsize="12", nodesep="0.2", ranksep="0.35")
    drawing.attr(nslimit="1", nslimit1="1", mclimit="0.2")  # else long arrows take Graphviz minutes
    drawing.attr("node", fontname=FONT, fontsize="11", shape="plain")
    drawing.attr("edge", color="#666666", arrowsize="0.6")
    homes = homes_of(visible)
    # In the order of what they compute, so that the first layer is number 1; parameters come earlier than that.
    boxes: dict[scope | None, list[_Mark]] = {node.scope: [] for node in visible if node.op is not None}
    edges: list[tuple[str, str]] = []
    for node in visible:
        boxes.setdefault(homes[node], []).append(_number_mark(ids[node], node, is_root=node is root))
        if node.op is not None:
            marks, arrows = _operation_marks(node, ids, shown, expand)
            boxes[homes[node]].extend(marks)
            edges.extend(arrows)
    _write_boxes(drawing, boxes)
    for tail, head in edges:
        drawing.edge(tail, head)
    return drawing


class _Mark(NamedTuple):
    """A node of the picture: its id, and its attributes in DOT."""

    id: str
    attributes: dict[str, str]


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


def _number_mark(identifier: str, node: Value, *, is_root: bool) -> _Mark:
    gradient, style = _gradient(node), "ROUNDED"
    if type(node) is Constant:
        colours, gradient, style = CONSTANT, None, "ROUNDED,DASHED"
    elif is_root:
        colours = ROOT
    else:
        colours = LEAF if node.op is None else COMPUTED
    return _Mark(identifier, {"label": _table(node.label, node.data, gradient, colours, style)})


def _gradient(node: Value) -> str | None:
    return "not yet" if node.grad is UNREACHED else f"{node.grad:.4g}"


def _table(label: str, data: float, gradient: str | None, colours: tuple[str, str], style: str = "ROUNDED") -> str:
    """Return an HTML-like label: the name, the data and the gradient, one under the other."""
    rows = [f"<TR><TD><B>{_escaped(label)}</B></TD></TR>"] if label else []
    rows.append(f"<TR><TD>data {data:.4g}</TD></TR>")
    if gradient is not None:
        rows.append(f'<TR><TD><FONT COLOR="#A33B00">grad {gradient}</FONT></TD></TR>')
    border, fill = colours
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" STYLE="{style}" '
        f'COLOR="{border}" BGCOLOR="{fill}">{"".join(rows)}</TABLE>>'
    )


def _escaped(label: str) -> str:
    """Return the label as text for HTML-like DOT: markup escaped, what cannot be printed replaced."""
    printable = "".join(c if c.isprintable() or unicodedata.category(c) == "Cf" else " " for c in label)
    # DOT has escapes of its own, such as \\N for the name of the node, so a backslash is written as two.
    return html.escape(printable).replace("\\", "\\\\") if printable.strip() else "&#160;"


def _operation_marks(
    node: Value, ids: dict[Value, str], shown: set[Value], expand: bool
) -> tuple[list[_Mark], list[tuple[str, str]]]:
    """Return the marks and arrows from a computed node's parents to the node."""
    op, result = cast("Operation", node.op), ids[node]
    if any(parent not in shown for parent in node.parents):
        cut = _operation_mark(f"{result}op", f"{op.name} ...", dashed=True)
        return [cut], [*((ids[p], cut.id) for p in node.parents if p in shown), (cut.id, result)]
    if not (expand and op is rules.dot):
        mark = _operation_mark(f"{result}op", op.name)
        return [mark], [*((ids[parent], mark.id) for parent in node.parents), (mark.id, result)]
    total = _operation_mark(f"{result}op", "+")
    marks, arrows = [total], [(total.id, result)]
    half = len(node.parents) // 2
    for number, (a, b) in enumerate(zip(node.parents[:half], node.parents[half:], strict=True)):
        times = _operation_mark(f"{result}op{number}", "*")
        table = _table("", a.data * b.data, _gradient(node), COMPUTED)
        product = _Mark(f"{result}product{number}", {"label": table})
        marks += times, product
        arrows += (ids[a], times.id), (ids[b], times.id), (times.id, product.id), (product.id, total.id)
    return marks, arrows


def _operation_mark(identifier: str, name: str, *, dashed: bool = False) -> _Mark:
    return _Mark(
        identifier,
        {
            "label": f"<{_escaped(name)}>",
            "shape": "ellipse",
            "style": "filled,dashed" if dashed else "filled",
            "fillcolor": "#EDEDED",
            "color": "#999999",
            "margin": "0.03,0.02",
            "width": "0.3",
            "height": "0.3",
        },
    )


def homes_of(nodes: Sequence[Value]) -> dict[Value, scope | None]:
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
    """Return the scopes around and up to the innermost one, outermost first."""
    path = []
    while innermost is not None:
        path.append(innermost)
        innermost = innermost.outer
    return path[::-1]


def _write_boxes(drawing: Any, boxes: dict[scope | None, list[_Mark]]) -> None:
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
            title = _escaped(child.title) + (f" {numbers[child.title]}" if titles[child.title] > 1 else "")
            with canvas.subgraph(name=f"cluster{next(counter)}") as cluster:
                cluster.attr(label=f"<{title}>", style="rounded,filled", color="#C5CBD3", fillcolor="#F7F8FA")
                write(cluster, child)

    write(drawing, None)
