"""JSON model of a graph, as the page reads it: numbers and names, and the rules it uses as one JavaScript array.

    title    the name of the root, and its formula where that is short
    nodes    in sorted order: name, kind (leaf, constant or computed), data, op (a position in ops), parents,
             badge (the sign of the operation and its width); partials where the page cannot compute them
    ops      badge, formulas of the value and the partial derivatives, and what an error message says
    boxes    the whole first: title, count (of boxes alike), about (a few words), items, lines from item to item with
             the nodes whose numbers they carry, layout (a position in layouts)
    layouts  width, height, and for each item and line its place; boxes that are alike share one

A formula is a list of text, positions of operands, and "y". Numbers that JSON has not are strings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd.engine import Constant, Value, check_unchanged
from autograd.pictures.folding import Box, about, boxes
from autograd.pictures.page import formulas, javascript
from autograd.pictures.page._layout import Item, Layouts, Port, badge, insides, item_size, pill
from autograd.pictures.text import LOOK_BEFORE, names_of, sorted_graph
from autograd.rules import (
    MADE,
    UNREADABLE,
    Expression,
    NAry,
    Operation,
    active_operands,
    derivatives,
    is_own,
    power_of,
    symbol,
)
from autograd.rules.operation import Slope

MAX_NODES = 5000  # a page of a megabyte
LONGEST_FORMULA = 80


def graph(root: Value) -> tuple[dict[str, Any], str]:
    """Return the graph of a Value as a JSON object, and its rules as JavaScript.

    Raises ValueError for a graph that is too large, RuntimeError if a leaf was changed after the graph was built.
    """
    order = sorted_graph(root, "explore")
    if len(order) > MAX_NODES:
        raise ValueError(
            f"this graph has {len(order):,} nodes, and more than {MAX_NODES:,} are not put on a page; explore a part: "
            "explore(node) of a node nearer to the leaves; text(root) lists all of it"
        )
    check_unchanged(order, LOOK_BEFORE)
    names = {node: _name(node, name) for node, name in names_of(order).items()}
    formula = _formula(root, order, names)
    if not formula and not root.label:
        names[root] = _loss_of(root) or names[root]
    number = {node: position for position, node in enumerate(order)}
    computed, rules = computation(order, names)
    model = {
        "title": names[root],
        "formula": formula,
        **computed,
        **_boxes(order, names, number),
    }
    return model, rules


def computation(order: Sequence[Value], names: dict[Value, str]) -> tuple[dict[str, Any], str]:
    """Return the nodes of a sorted graph with their operations as a JSON object, and the rules as JavaScript."""
    number = {node: position for position, node in enumerate(order)}
    ops: dict[tuple[Operation, int], int] = {}
    nodes = [_node(node, names[node], number, ops) for node in order]
    rules: list[javascript.Rule | None] = [_rule(*key) for key in ops]
    listed = [op_model(*key, rule) for key, rule in zip(ops, rules, strict=True)]
    written = ["null" if rule is None else rule.source() for rule in rules]
    return {"nodes": nodes, "ops": listed}, f"[{', '.join(written)}]"


def _name(node: Value, name: str) -> str:
    """Return what the page calls a node: its label, else its name in text(root); a constant is its number."""
    return node.label or ("" if isinstance(node, Constant) else name)


def _loss_of(root: Value) -> str:
    """Return the title of the scope whose result the root is, such as that of a loss, but none of a module."""
    around = root.scope
    return "" if around is None or around.owner is not None else around.title


def _node(node: Value, name: str, number: dict[Value, int], ops: dict[tuple[Operation, int], int]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "data": json_number(node.data)}
    if node.op is None:
        return {**found, "kind": "constant" if isinstance(node, Constant) else "leaf"}
    key = node.op, len(node.parents)
    found |= {
        "kind": "computed",
        "op": ops.setdefault(key, len(ops)),
        "badge": [badge(node.op), pill(node.op)],
        "parents": [number[parent] for parent in node.parents],
    }
    if _rule(*key) is None:
        found["partials"] = list(map(json_number, node.local_derivatives()))
    return found


def json_number(number: float) -> float | str:
    """Return a number for JSON, which has no infinity."""
    if math.isfinite(number):
        return number
    return "NaN" if number != number else "Infinity" if number > 0.0 else "-Infinity"


def _rule(operation: Operation, arity: int) -> javascript.Rule | None:
    try:
        return javascript.rule(operation, arity)
    except javascript.UnreadableError:
        return None


def op_model(operation: Operation, arity: int, rule: javascript.Rule | None) -> dict[str, Any]:
    """Return what the page says about an operation: its formulas, and the words of an error."""
    nary = isinstance(operation, NAry)
    arguments = list(operation.arguments)
    call = operation.name if nary else operation.expression(*arguments)
    silent = operation in javascript.SILENT or (operation.family is not None and operation.family[0] is not power_of)
    try:
        partials: list[Any] | None = formulas.partial_formulas(operation, arity)
    except UNREADABLE:
        partials = None
    return {
        "name": operation.name,
        "value": formulas.value_formula(operation, arity),
        "partials": partials,
        "call": call,
        "subject": operation.name if operation.name.isidentifier() else call,
        "arguments": None if nary else arguments,
        "domain": operation.domain,
        "silent": silent,
        "overflows": silent or operation in javascript.OVERFLOWING,
        "readable": rule is not None,
        "made": operation in MADE,
        "slopes": _slopes(operation, arity),
    }


def _slopes(operation: Operation, arity: int) -> list[str] | None:
    """Return which derivatives hand back nothing, or nothing but 0 where they are 0; None where all are numbers."""
    found = ["" if active else "inactive" for active in active_operands(operation, arity)]
    if operation.arity is not None and not is_own(operation):
        for k, slope in enumerate(derivatives(operation, symbol("y"), list(map(symbol, range(arity))))):
            if isinstance(slope, Slope) and not found[k]:
                found[k] = "mask"
    return found if any(found) else None


def _formula(root: Value, order: Sequence[Value], names: dict[Value, str]) -> str:
    """Return the root in terms of the leaves, where that is short."""
    found: dict[Value, Any] = {}
    lengths: dict[Value, int] = {}
    for node in order:
        if node.op is None:
            name = names[node]
            isolated = name if name.isascii() else f"\u2068{name}\u2069"  # from the direction of the letters around it
            found[node] = symbol(isolated) if isolated else node.data
            lengths[node] = max(1, len(name))
        else:
            found[node] = Expression(node.op, [found[parent] for parent in node.parents])
            lengths[node] = 1 + sum(lengths[parent] for parent in node.parents)
        if lengths[node] > LONGEST_FORMULA:
            return ""
    formula = formulas.FORMULAS.source(found[root], str)
    return formula if root.op is not None and len(formula) <= LONGEST_FORMULA else ""


def _boxes(order: Sequence[Value], names: dict[Value, str], number: dict[Value, int]) -> dict[str, Any]:
    whole, home = boxes(order)
    contents = insides(whole, order, home)
    position = {box: place for place, box in enumerate(contents)}
    layouts = Layouts()

    def written(item: Item) -> list[Any]:
        if isinstance(item, Port):
            return ["in" if item.enters else "out", [number[node] for node in item.nodes]]
        return ["box", position[item]] if isinstance(item, Box) else ["node", number[item]]

    found = []
    for box, inside in contents.items():
        sizes = [item_size(item, _shown(item, names)) for item in inside.items]
        found.append(
            {
                "title": box.title,
                "count": box.count,
                "about": about(box),
                "items": [written(item) for item in inside.items],
                "lines": [[tail, head, [number[node] for node in nodes]] for tail, head, nodes in inside.lines],
                "layout": layouts.number(inside, sizes),
            }
        )
    return {
        "boxes": found,
        "layouts": layouts.found,
    }


def _shown(item: Item, names: dict[Value, str]) -> str:
    if isinstance(item, Box):
        return item.name
    return "" if isinstance(item, Port) else names[item]
