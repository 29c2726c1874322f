"""Style of pictures: colours, a box with the numbers of a node, an ellipse for an operation, an arrow for an operand.

Colour repeats what is written, and never says more: orange for gradients above zero, blue for those below, the stronger
the larger. The two are told apart in every kind of colour blindness, and mean nothing else in any picture; a legend
says so. Labels are text, whatever characters are in them.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from autograd import rules
from autograd.engine import UNREACHED, Constant, Value
from autograd.rules import NAry

FONT, SIZE, TITLE_SIZE = "Helvetica", "11", "12"
# Border and fill of the boxes, told apart by brightness too.
LEAF, CONSTANT, COMPUTED, ROOT = (
    ("#00735C", "#E6F4EF"),
    ("#767676", "#F4F4F4"),
    ("#444444", "#FFFFFF"),
    ("#111111", "#FFF3CC"),
)
INK, QUIET = "#1A1A1A", "#5E5E5E"
# The ground behind a gradient, and the line of an arrow or the letters, at full strength: above zero, and below.
GROUNDS = ("#F6A45B", "#7DB9E8")
LINES = ("#B34700", "#00569E")
GREY = "#767676"
# The colours of pages by the names that their style sheets use, on light ground and on dark.
PAGE = {
    "paper": ("#FAF9F6", "#14171C"),
    "surface": ("#FFFFFF", "#1F242C"),
    "frame": ("#F1EFE8", "#1A1E25"),
    "rule": ("#D9D6CD", "#363D48"),
    "line": ("#8A919C", "#7C8696"),
    "ink": (INK, "#E9EBEF"),
    "quiet": ("#59616F", "#A4ACB9"),
    "leaf": (LEAF[0], "#4FC3A5"),
    "leaf-fill": (LEAF[1], "#142F29"),
    "constant": (CONSTANT[0], "#98A1AF"),
    "root": ("#7A5A00", "#F0D060"),
    "root-fill": (ROOT[1], "#453A12"),
    "positive": (LINES[0], "#FFA468"),
    "negative": (LINES[1], "#74BDF5"),
    "forward": ("#333F50", "#D3DBE7"),
    "forward-soft": ("#E8EBF0", "#2F3947"),
    "backward": ("#8A2F74", "#E79BD3"),
    "backward-soft": ("#F7E8F4", "#43203A"),
    "problem": ("#A3262A", "#FF9C94"),
    "problem-soft": ("#FBE9E7", "#47201D"),
    "focus": ("#6A2BD9", "#C3A6FF"),
    "above": ("#1B7F4B", "#58C98C"),
    "below": ("#7B3FA0", "#C194E8"),
}
# The colours of classes, on light ground and on dark: no sign of a gradient, and told apart in every kind of colour
# blindness as far as the fourth; each class has a shape of its own too.
CLASSES = (
    ("#B5176F", "#FF7FB5"),
    ("#8A7200", "#E0CB55"),
    ("#111111", "#F4F6F8"),
    ("#0B7285", "#4FB3C8"),
    ("#8D5A3B", "#C79A7D"),
    ("#5C6670", "#9BA5B0"),
    ("#D05FB8", "#E9A6DB"),
    ("#5E9412", "#A5D163"),
    ("#0B9A8D", "#63D1C6"),
    ("#7A3B2E", "#E59A8B"),
)
FRAME = 8  # points around the cells of a box, on both sides together
# The operations whose operands may change places. Of the others, the arrows say which operand is which.
COMMUTATIVE = {rules.add, rules.mul, rules.hypot, rules.maximum, rules.minimum, rules.either}


class Mark(NamedTuple):
    """A node of the picture: its id, and its attributes in DOT."""

    id: str
    attributes: dict[str, str]


class Arrow(NamedTuple):
    """An arrow of the picture: the ids of the two marks it joins, and its attributes in DOT."""

    tail: str
    head: str
    attributes: dict[str, str]


class Row(NamedTuple):
    """A line of text in a box, on the ground of a colour if there is one."""

    text: str
    ink: str = INK
    ground: str = ""
    bold: bool = False


def escaped(label: str) -> str:
    """Return the label as text for HTML-like DOT: markup escaped, what cannot be printed replaced."""
    printable = "".join(c if c.isprintable() or unicodedata.category(c) == "Cf" else " " for c in label)
    # DOT has escapes of its own, such as \\N for the name of the node, so a backslash is written as two.
    return html.escape(printable).replace("\\", "\\\\") if printable.strip() else "&#160;"


def box(
    rows: Iterable[Row],
    colours: tuple[str, str],
    *,
    style: str = "ROUNDED",
    border: int = 1,
    size: tuple[int, int] | None = None,
    below: str = "",
) -> str:
    """Return an HTML-like label: the lines of text one under the other in a frame, at least of the size in points.

    `below` is a table to stand under the lines.
    """
    cells = []
    for row in rows:
        text = f"<B>{escaped(row.text)}</B>" if row.bold else escaped(row.text)
        ground = f' STYLE="ROUNDED" BGCOLOR="{row.ground}"' if row.ground else ""
        width = "" if size is None else f' WIDTH="{size[0] - FRAME}"'  # in the middle of which the text stands
        cells.append(f'<TR><TD{width}{ground}><FONT COLOR="{row.ink}">{text}</FONT></TD></TR>')
    if below:
        cells.append(f'<TR><TD ALIGN="CENTER">{below}</TD></TR>')
    line, fill = colours
    extent = "" if size is None else f' WIDTH="{size[0]}" HEIGHT="{size[1]}"'
    return (
        f'<<TABLE BORDER="{border}" CELLBORDER="0" CELLSPACING="1" CELLPADDING="2" STYLE="{style}" '
        f'COLOR="{line}" BGCOLOR="{fill}"{extent}>{"".join(cells)}</TABLE>>'
    )


def look(node: Value, *, is_root: bool) -> tuple[tuple[str, str], str]:
    """Return the colours and the style of a number's box, which say what kind of node it is."""
    if isinstance(node, Constant):
        return CONSTANT, "ROUNDED,DASHED"
    return ROOT if is_root else LEAF if node.op is None else COMPUTED, "ROUNDED"


def legend(order: Sequence[Value], gradients: Iterable[float | None], *, old: bool = False) -> str:
    """Return an HTML-like table that says what the colours of a picture mean, those that occur in it.

    Where a leaf was changed after the rest was computed it says so: `old`.
    """
    found = {look(node, is_root=node is order[-1]) for node in order}
    names = {LEAF: "given", CONSTANT: "constant", ROOT: "result"}
    cells = [
        f'<TD BORDER="1" STYLE="{style}" COLOR="{line}" BGCOLOR="{fill}"><FONT COLOR="{INK}">{name}</FONT></TD>'
        for (line, fill), name in names.items()
        for style in ("ROUNDED,DASHED" if name == "constant" else "ROUNDED",)
        if ((line, fill), style) in found
    ]
    known = [gradient for gradient in gradients if gradient is not None]
    for sign, words in ((1.0, "grad above 0"), (-1.0, "grad below 0")):
        if any(sign * gradient > 0.0 for gradient in known):
            ground = _shade(sign, 1.0, GROUNDS, "#FFFFFF")
            cells.append(f'<TD STYLE="ROUNDED" BGCOLOR="{ground}"><FONT COLOR="{INK}">{words}</FONT></TD>')
    if old:
        words = "leaves were changed: data and grad of the others are from before"
        cells.append(f'<TD><FONT COLOR="{INK}">{words}</FONT></TD>')
    table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="2">'
    return f'<FONT POINT-SIZE="9">{table}<TR>{"".join(cells)}</TR></TABLE></FONT>'


def colour_sheet() -> str:
    """Return the style sheet of a page's colours, variables of the names in `PAGE`: light, dark, or as the system."""
    light, dark = ("".join(f"--{name}:{pair[k]};" for name, pair in PAGE.items()) for k in (0, 1))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
    )


def gradient_of(node: Value) -> float | None:
    """Return the gradient of a node, None where no backward() has reached it or none will."""
    return None if node.adjoint is UNREACHED or isinstance(node, Constant) else node.adjoint


def gradient_row(gradient: float | None, largest: float) -> Row:
    """Return the line that says what a gradient is, on a ground of its colour."""
    if gradient is None:
        return Row("grad not yet", QUIET)
    return Row(f"grad {gradient + 0.0:.4g}", ground=_shade(gradient, largest, GROUNDS, "#FFFFFF"))


def largest_of(numbers: Iterable[float | None]) -> float:
    """Return the largest size among the finite numbers, by which the colours of all are measured."""
    return max((math.fabs(number) for number in numbers if number is not None and math.isfinite(number)), default=0.0)


def arrow_colour(flow: float | None, largest: float) -> dict[str, str]:
    """Return the colour and the width of an arrow along which so much gradient flows back."""
    if flow is None:
        return {}
    strength = _strength(flow, largest)
    return {"color": _shade(flow, largest, LINES, GREY) or GREY, "penwidth": f"{1 + 1.5 * strength:.2f}"}


def _strength(number: float, largest: float) -> float:
    """Return how strong a colour is, from 0 to 1; by the square root, so that a hundredth of the largest is seen."""
    if not math.isfinite(number):
        return 0.0 if math.isnan(number) else 1.0
    return math.sqrt(min(math.fabs(number) / largest, 1.0)) if largest else 0.0


def _shade(number: float, largest: float, colours: Sequence[str], neutral: str) -> str:
    """Return the colour of a number between the neutral one and that of its sign; none for zero and nan."""
    strength = _strength(number, largest)
    if strength == 0.0:
        return ""
    ends = zip(_channels(neutral), _channels(colours[number < 0.0]), strict=True)
    mixed = [round(n + (c - n) * (0.1 + 0.9 * strength)) for n, c in ends]
    return "#{:02X}{:02X}{:02X}".format(*mixed)


def _channels(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])


def operation_mark(identifier: str, name: str, *, dashed: bool = False, fill: str = "") -> Mark:
    """Return the mark of an operation; a dashed one says that the graph goes on where the picture ends."""
    return Mark(
        identifier,
        {
            "label": f"<{escaped(name)}>",
            "shape": "ellipse",
            "style": "filled,dashed" if dashed else "filled",
            "fillcolor": fill or "#EDEDED",
            "color": "#999999",
            "margin": "0.03,0.02",
            "width": "0.3",
            "height": "0.3",
        },
    )


def place_of_operand(node: Value, position: int) -> dict[str, str]:
    """Return the attributes by which an arrow says which operand it brings, where their order matters.

    The operands of a dot are numbered by pairs, at the tails of their arrows, since many meet at its head.
    """
    op, count = node.op, len(node.parents)
    if isinstance(op, NAry):
        pairs = count // op.sequences
        return {"taillabel": ordinal(position % pairs)} if 1 < pairs < count else {}
    return {} if count < 2 or op in COMMUTATIVE else {"headlabel": ordinal(position)}


def ordinal(position: int) -> str:
    """Return the ordinal of what stands at a position.

    >>> [ordinal(position) for position in (0, 1, 2, 3, 10, 20)]
    ['1st', '2nd', '3rd', '4th', '11th', '21st']
    """
    number = position + 1
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{('th', 'st', 'nd', 'rd')[last] if last < 4 else 'th'}"


# What a function of numbers may raise where it has no value, and also where somebody's own partial derivative is wrong:
# the picture is what one looks at to find that out, so it does not depend on it.
FAILURES_OF_FORMULAS = (ArithmeticError, AttributeError, LookupError, NameError, RuntimeError, TypeError, ValueError)


def local_derivatives(node: Value) -> list[float | None]:
    """Return the derivative of a computed node by each of its parents, None where evaluating it fails.

    Those by constants are not evaluated, as in `backward()`, and None.
    """
    op, parents = node.op, node.parents
    if op is None:
        return []
    operands = [parent.number for parent in parents]
    found: list[float | None] = []
    if op.arity is None:
        with suppress(*FAILURES_OF_FORMULAS):
            found = [float(derivative) for derivative in op.derivatives(node.number, operands)]
        return found if len(found) == len(parents) else [None] * len(parents)
    for parent, partial in zip(parents, op.partials, strict=True):
        found.append(None)
        if not isinstance(parent, Constant):
            with suppress(*FAILURES_OF_FORMULAS):
                found[-1] = float(partial(node.number, *operands))
    return found
