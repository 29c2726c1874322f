"""Derivation: how the gradient of a leaf comes about, as equations below each other, symbols first and then numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from autograd.engine import Value, dependents
from autograd.export.latex import TEX, LaTeX, aligned, applied, term_of, tex_names, tex_number
from autograd.functions import gradients
from autograd.pictures.page.formulas import unguarded
from autograd.pictures.text import sorted_graph
from autograd.rules import (
    INACTIVE,
    Expression,
    NAry,
    Operation,
    derivatives,
    is_own,
    product,
    substitute,
    symbol,
    with_article,
)

ROUNDED = replace(TEX, digits=6)
ADJOINT = "adjoint"
BEFORE = "before"  # what stands before a term of a sum


def derivation(root: Value, leaf: Value) -> LaTeX:
    r"""Return the derivation of a leaf's gradient as aligned equations in LaTeX: the formulas, then their numbers.

    First come the results, each from its operands; then what the root's derivative is by each of those that depend on
    the leaf, by the chain rule, down to the leaf. Numbers have six digits. Where a formula has no number, as 0 times
    the logarithm of 0, it is said which one is taken.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> L = a * b
    >>> L.label = "L"
    >>> print(derivation(L, a))
    \begin{aligned}
    L &= a \cdot b = 2 \cdot \left(-3\right) = -6 \\
    \frac{\partial L}{\partial L} &= 1 \\
    \frac{\partial L}{\partial a} &= \frac{\partial L}{\partial L} \cdot b = 1 \cdot \left(-3\right) = -3
    \end{aligned}
    """
    order = sorted_graph(root, "derivation")
    if not isinstance(leaf, Value):
        raise TypeError(f"derivation takes the Value to differentiate by, got {with_article(leaf)}: {leaf!r}")
    if leaf not in set(order):
        raise ValueError(f"derivation takes a Value that the root depends on; {leaf!r} is not in its graph")
    names = tex_names(order, [node for node in order if node.op is not None or node in (root, leaf)])
    path = [leaf, *[node for node in dependents(order, [leaf]) if node is not leaf]]
    slopes = dict(zip(path, gradients(root, path), strict=True))

    def name(key: Any) -> str:
        if isinstance(key, tuple):
            return rf"\frac{{\partial {names[root]}}}{{\partial {names[key[1]]}}}"
        return "" if key == BEFORE else names[key]

    def number(part: Expression) -> Any:
        key = part.key
        if key == BEFORE:
            return part
        return _InPlace(slopes[key[1]] if isinstance(key, tuple) else key.number)

    def row(left: str, terms: Sequence[Any], value: float, *, taken: bool = False) -> list[str]:
        parts = _parts(terms)
        symbols = "".join(ROUNDED.source(part, name) for part in parts)
        numbers = "".join(ROUNDED.source(substitute(part, number), name) for part in parts)
        result = tex_number(value, 6)
        if taken:
            return [left, symbols, rf"{numbers} \text{{, taken as }} {result}"]
        return [left, *dict.fromkeys([symbols, numbers, result])]

    rows = [
        row(names[node], [applied(node.op, list(map(term_of, node.parents)))], node.number)
        for node in order
        if node.op is not None
    ]
    rows.append([name((ADJOINT, root)), "1"])
    handed: dict[Value, list[Any]] = {}
    taken: set[Value] = set()
    for node in reversed(path):
        if node is not root:
            rows.append(row(name((ADJOINT, node)), handed.get(node) or [0.0], slopes[node], taken=node in taken))
        if node.op is None or not (node is root or node in handed):  # where nothing arrived nothing is handed on
            continue
        slots = zip(node.parents, _partials(node, node.op), node.local_derivatives(), strict=True)
        for parent, partial, local in slots:
            if parent in slopes and partial is not INACTIVE:
                terms = handed.setdefault(parent, [])
                if not (isinstance(partial, float) and partial == 0.0):
                    terms.append(product(symbol((ADJOINT, node)), partial))
                    if math.isfinite(local) and not math.isfinite(_computed(substitute(unguarded(partial), number))):
                        taken.add(parent)
    return aligned(rows)


class _InPlace(float):
    """A number in place of a symbol, which stands where that does: no constant, which a comparison has on the right."""


def _parts(terms: Sequence[Any]) -> list[Any]:
    """Return a sum of any number of terms as parts to print one after the other; one expression would be too deep."""
    if len(terms) == 1:
        return [*terms]
    return [terms[0] + terms[1], *[symbol(BEFORE) + term for term in terms[2:]]]


def _computed(term: Any) -> float:
    """Return the number of an expression of numbers; nan where it has none, and 0 of a choice, which always has one."""
    if not isinstance(term, Expression):
        return float(term) if isinstance(term, float) else 0.0
    operation: Any = term.operation
    operands = list(map(_computed, term.operands))
    try:
        return float(operation(operands) if isinstance(operation, NAry) else operation(*operands))
    except (ArithmeticError, ValueError):
        return math.nan


def _partials(node: Value, operation: Operation) -> Sequence[Any]:
    """Return the partial derivatives of a node as expressions of itself and its operands; a user's own, as numbers."""
    if is_own(operation):
        return node.local_derivatives()
    return derivatives(operation, symbol(node), list(map(term_of, node.parents)))
