"""Collapsible boxes of a graph: a tree of them, one for each scope, and one around several that are alike.

The sixteen neurons of a layer compute the same with other numbers, so they are put into one more box, "Neuron ×16",
that hides them until somebody wants to see them. The page of `explore` opens and closes the boxes; in a drawing they
are closed where else there was too much to see.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from autograd.engine import Constant, Value, scope
from autograd.pictures._scopes import homes, path_to

ALIKE = 3  # so many boxes of one kind, or more, are put into a box of their own
MANY_LEAVES = 13  # so many leaves, or more, of which the boxes beside them make use, likewise
SIDE_BY_SIDE = 8  # so many alike boxes, at most, are drawn as a card each
ROOM = 40  # numbers and cards that a folded drawing shows, at most, if there are boxes to fold


class Box:
    """A part of the graph that folds: nodes of its own, and boxes inside."""

    def __init__(self, title: str, outer: Box | None, count: int = 1) -> None:
        self.title = self.kind = title  # several of one kind side by side get numbers in their titles
        self.outer = outer
        self.count = count  # of the boxes in it, where it holds boxes that are alike
        self.nodes: list[Value] = []
        self.boxes: list[Box] = []

    @property
    def name(self) -> str:
        """The title, with the number of boxes where it holds some that are alike."""
        return self.title + (f" ×{self.count}" if self.count > 1 else "")

    def __iter__(self) -> Iterator[Box]:
        stack = [self]
        while stack:
            box = stack.pop()
            yield box
            stack += box.boxes[::-1]

    def contents(self) -> Iterator[Value]:
        """Yield the nodes in this box and in all boxes inside."""
        return (node for box in self for node in box.nodes)


def tree(order: Sequence[Value]) -> Box:
    """Return the outermost box, which stands for the whole of a sorted graph, with a box in it for each scope."""
    found: dict[scope | None, Box] = {None: Box("", None)}
    home = homes(order)
    for node in sorted(order, key=lambda node: node.op is None):  # in the order of what they compute, as draw does
        for around in path_to(home[node]):
            if around not in found:
                outer = found[around.outer]
                found[around] = Box(around.title, outer)
                outer.boxes.append(found[around])
    for node in order:
        found[home[node]].nodes.append(node)
    for box in found[None]:
        _number(box.boxes)
    return found[None]


def boxes(order: Sequence[Value]) -> tuple[Box, dict[Value, Box]]:
    """Return the tree of a sorted graph with boxes that are alike put into one, and for each node its box."""
    whole = tree(order)
    for box in list(whole):
        _gather(box, order)
    _store(whole, order)
    return whole, {node: box for box in whole for node in box.nodes}


class Folded:
    """A graph some boxes of which are closed: which nodes each of them hides, and which of these others use."""

    def __init__(self, order: Sequence[Value], whole: Box, closed: Sequence[Box]) -> None:
        self.whole = whole
        self.hidden = {node: box for box in closed for node in box.contents()}
        self.shown = [node for node in order if node not in self.hidden]
        used = {order[-1]}
        for node in order:
            used.update(p for p in node.parents if self.hidden.get(p) is not self.hidden.get(node))
        self.outputs = {box: [node for node in box.contents() if node.op and node in used] for box in closed}


def unfolded(order: Sequence[Value]) -> Folded:
    """Return a graph with all of its boxes open."""
    return Folded(order, tree(order), [])


def folded(order: Sequence[Value]) -> Folded:
    """Return a graph with its boxes opened from the outside to the inside while there is room, the innermost closed.

    Of boxes that are alike, few are cards side by side, many one card.
    """
    whole, _ = boxes(order)
    closed, waiting, room = [], [whole], ROOM - len(whole.nodes) - len(whole.boxes)
    for box in waiting:
        for inner in box.boxes:
            more = len(inner.nodes) + len(inner.boxes) - 1
            if inner.boxes and inner.count <= SIDE_BY_SIDE and more <= room:
                room -= more
                waiting.append(inner)
            else:
                closed.append(inner)
    return Folded(order, whole, closed)


def _number(siblings: Sequence[Box]) -> None:
    """Give those boxes side by side that have one title numbers."""
    titles = Counter(box.title for box in siblings)
    numbers: Counter[str] = Counter()
    for box in siblings:
        if titles[box.title] > 1:
            numbers[box.title] += 1
            box.title += f" {numbers[box.title]}"


def _gather(box: Box, order: Sequence[Value]) -> None:
    """Put boxes side by side that are alike into one box, unless what lies between them would be cut off."""
    kinds: defaultdict[tuple[str, ...], list[Box]] = defaultdict(list)
    for inner in box.boxes:
        kinds[inner.kind, *_structure(inner)].append(inner)
    for (kind, *_), members in kinds.items():
        if len(members) >= ALIKE:
            inside = {node for member in members for node in member.contents()}
            if _is_convex(inside, order):
                group = Box(kind, box, len(members))
                group.boxes = members
                for member in members:
                    member.outer = group
                box.boxes[box.boxes.index(members[0])] = group
                box.boxes = [inner for inner in box.boxes if inner.outer is box]


def _store(whole: Box, order: Sequence[Value]) -> None:
    """Put leaves that only the boxes beside them use, such as the weights that every example shares, into a box."""
    home = {node: box for box in whole for node in box.nodes}
    beside: dict[Value, bool] = {}
    for node in order:
        for parent in node.parents:
            if parent.op is None:
                outer = home[node].outer
                while outer is not None and outer is not home[parent]:
                    outer = outer.outer
                beside[parent] = beside.get(parent, True) and outer is not None
    for box in list(whole):
        for title, kind in (("given numbers", Value), ("constants", Constant)):
            leaves = [node for node in box.nodes if type(node) is kind and beside.get(node, False)]
            if len(leaves) >= MANY_LEAVES:
                store = Box(title, box)
                store.nodes = leaves
                box.boxes.insert(0, store)
                stored = set(leaves)
                box.nodes = [node for node in box.nodes if node not in stored]


def _structure(box: Box) -> Iterable[str]:
    """Return what makes boxes alike: their operations, their kinds of leaves, and the boxes inside, in order."""
    for inner in box:
        yield f"box {inner.kind} in {inner.outer.kind}" if inner is not box and inner.outer else "box"
        for node in inner.nodes:
            yield type(node).__name__ if node.op is None else f"{node.op.name} of {len(node.parents)}"


def _is_convex(inside: set[Value], order: Sequence[Value]) -> bool:
    """Whether no path leaves these nodes and comes back: then they can stand as one step."""
    left: set[Value] = set()
    for node in order:
        back = not left.isdisjoint(node.parents)
        if node in inside:
            if back:
                return False
        elif back or not inside.isdisjoint(node.parents):
            left.add(node)
    return True


def about(box: Box) -> str:
    """Return what is in a box, in a few words.

    >>> inside = Box("Neuron", None)
    >>> inside.nodes = [Value(2.0), Value(3.0) * 4.0]
    >>> about(inside)
    '1 operation, 1 leaf'
    """
    if len(box.boxes) == 1 and box.boxes[0].count > 1:
        return f"{box.boxes[0].kind} ×{box.boxes[0].count}"
    nodes = list(box.contents())
    operations = sum(node.op is not None for node in nodes)
    constants = sum(isinstance(node, Constant) for node in nodes)
    leaves = len(nodes) - operations - constants
    counts = [("operation", "operations", operations), ("leaf", "leaves", leaves)]
    counts += [("constant", "constants", constants)] if not operations else []
    return ", ".join(f"{n:,} {one if n == 1 else many}" for one, many, n in counts if n)
