"""Text form of a graph: lines of Python, each node after its parents.

What is listed can be run again: a node is called by its label where that is a free name, and by a number where not.
"""

from __future__ import annotations

import keyword
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from autograd import rules
from autograd.engine import UNREACHED, Constant, Value, topological_order
from autograd.rules import Operation, with_article

LOOK_BEFORE = "look at it before that; draw(y) and text(y) show it as it was computed"


def text(root: Value) -> str:
    """Return the graph of a Value as lines of Python, each node after its parents, with its data and gradient.

    Run again they make the same graph, but for a constant without a label that several operations share, since each of
    them has its own then, and for the `max` in a softmax, since Python's own is the operand itself. Of derivatives and
    of solutions they are formulas to be read: some of their operations have no public name, others are written as
    several, which may be too large for a float, or differ in the last digit. A choice by a plain
    bool is made as it was, and `...` is a side that was not called: `where(True, lambda y=v1: y, ...)`. Data that was
    computed before a leaf was changed, as by an optimiser's step, is marked as such.

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
    order = sorted_graph(root, "text")
    names = names_of(order)
    old = outdated(order)
    lines = []
    for node in order:
        reached = node.adjoint is not UNREACHED and node.adjoint is not None
        gradient = f"grad = {float(node.adjoint)!r}" if reached else "grad: not yet"
        if isinstance(node, Constant):
            gradient = "takes no gradient"
        if node.op is not None:
            code = f"{names[node]} = {_call(node.op, node.parents, names)}"
            before = f", before {names[old[node]]} was changed" if node in old else ""
            lines.append((code, f"data = {node.number!r}{before}, {gradient}"))
        elif names[node].isidentifier():  # and not the literal of a constant
            label = f", label={node.label!r}" if node.label else ""
            lines.append((f"{names[node]} = {type(node).__name__}({_literal(node.number)}{label})", gradient))
    width = min(max((len(code) for code, _ in lines), default=0), 80)
    return "\n".join(f"{code:<{width}}  # {remark}" for code, remark in lines)


def _call(operation: Operation, parents: Sequence[Value], names: Mapping[Value, str]) -> str:
    """Return a call that makes the same operation again, a choice by a plain bool too; `...` is a side not called."""
    operands = [names[parent] for parent in parents]
    if operation is rules.chosen:
        return f"where(True, lambda y={operands[0]}: y, ...)"  # which is looked up where the line stands
    if operation is rules.decided and operands[0] in ("0.0", "1.0"):
        operands[0] = str(operands[0] == "1.0")
    return operation.expression(*operands)


def sorted_graph(root: Any, asker: str) -> list[Value]:
    """Return the nodes of the graph to be shown, each after its parents; errors name the function that asked."""
    if not isinstance(root, Value):
        raise TypeError(f"{asker} takes a Value, the root of the graph to show, got {with_article(root)}: {root!r}")
    return topological_order(root)


def outdated(order: Sequence[Value]) -> dict[Value, Value]:
    """Return the nodes whose data was computed before a leaf was changed, each with the first such leaf."""
    found: dict[Value, Value] = {}
    for node in order:
        for parent in node.parents:
            if parent.stamp.tick > node.stamp.tick or parent in found:
                found[node] = found.get(parent, parent)
                break
    return found


def names_of(order: Sequence[Value]) -> dict[Value, str]:
    """Name each node by its label where that is a free identifier, else v1, v2, ...; a constant by its literal."""
    operations = {node.op.template.split("(")[0] for node in order if node.op is not None}
    reserved = {"Value", "Constant", "float", "__debug__", *rules.FUNCTIONS, *operations}
    literals = {node for node in order[:-1] if isinstance(node, Constant) and not node.label}
    for node in order:
        if node.op is rules.power:
            literals.discard(node.parents[1])  # x ** 2.0 would be another operation
        if node.op is rules.where:
            literals.discard(node.parents[0])  # where(1.0, x, y) too: a choice that was made
        operands = node.parents[1:] if node.op is rules.decided else node.parents  # but for the condition
        if node.op is not None and literals.issuperset(operands):
            literals.difference_update(operands)  # and 2.0 * 3.0 a plain number
    labels = {node.label for node in order}
    fresh = (name for number in range(1, 2 * len(order) + 2) if (name := f"v{number}") not in labels)
    names: dict[Value, str] = {}
    for node in order:
        label = node.label
        if node in literals:
            literal = _literal(node.number)
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
