"""Evaluation with other numbers: a graph read again, with Fractions, intervals, complex numbers, arrays or symbols.

A graph remembers operations, and an operation is a row that any kind of numbers can be given to: its definition is the
value, its partial derivatives are read with these numbers, and the chain rule multiplies and adds them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Literal, overload

from autograd.engine import Accumulators, Constant, Edge, Value, accumulate, dependents, modes, topological_order
from autograd.functions._kinds import Kind, kind_of, unwrapped, wrapped
from autograd.rules import INACTIVE, MADE, Operation, is_own, real, with_article


@overload
def evaluate(root: Value, numbers: Mapping[Value, Any], gradient: Literal[False] = False) -> Any: ...
@overload
def evaluate(root: Value, numbers: Mapping[Value, Any], gradient: Literal[True]) -> tuple[Any, dict[Value, Any]]: ...
def evaluate(root: Value, numbers: Mapping[Value, Any], gradient: bool = False) -> Any:
    """Return what a graph computes where leaves are other numbers; with `gradient`, also its derivatives by them.

    `numbers` has the numbers of leaves of the graph, all of one kind; one that it doesn't name stays the number it is.
    Where it names all of them it may name others too, on which the root does not depend.
    With `gradient=True` a pair is returned: the value, and a dict of the derivatives by the leaves in `numbers`.

    - Fractions give exact rational values and derivatives of what is made of + - * / and whole powers.
    - `mpmath.iv.mpf`, intervals, give enclosures: whatever numbers the leaves have in theirs, value and derivatives
      are in those returned. At a kink an enclosure of the derivative holds those of both sides.
    - Complex numbers give holomorphic values and derivatives, mpmath's numbers as many digits as `mpmath.mp.dps`.
    - Expressions of SymPy give formulas, NumPy arrays arrays, element by element; Values give another graph, and plain
      numbers plain numbers.

    A float in the graph is exactly the number that it is: 0.1 is 3602879701896397 / 36028797018963968, so write
    x / 10. Raises NotImplementedError if an operation has no meaning for these numbers, and RuntimeError if the graph
    was made by a choice, which would stay as it was made.

    >>> from fractions import Fraction
    >>> x = Value(0.1)
    >>> evaluate((1 + x**2) / (3 - x), {x: Fraction(1, 10)}, gradient=True)[0]
    Fraction(101, 290)
    >>> evaluate((1 + x**2) / (3 - x), {x: Fraction(1, 10)}, gradient=True)[1][x]
    Fraction(159, 841)
    >>> evaluate(x**2 + 1, {x: 2j})
    (-3+0j)
    """
    _check(root, numbers)
    kind = _common_kind(numbers)
    order = topological_order(root)
    active = dependents(order, numbers)
    # A condition may have read leaves that its sides do not hold, so a choice is not made again for any other number.
    leaves = [node for node in order if node.op is None and not isinstance(node, Constant)]
    unnamed, unknown = [leaf for leaf in leaves if leaf not in numbers], [*numbers.keys() - {*order}]
    if unnamed and unknown:
        raise ValueError(
            f"evaluate takes numbers for leaves that the root depends on; {unknown[0]!r} is not in its graph, which "
            f"has {unnamed[0]!r}; build the graph again where a leaf was made anew, or name all its leaves"
        )
    check_choices(order, [*leaves, *numbers] if numbers else (), "evaluate")
    read: dict[Any, Any] = {}
    for node in order:
        if node in numbers:
            read[node] = _taken(numbers[node], kind)
        elif node.op is None:
            read[node] = _taken(modes.use(node, "an evaluation of").number, kind)
        else:
            read[node] = node.op.apply([read[parent] for parent in node.parents])
    value = read[root]
    if not gradient:
        return unwrapped(value)
    wanted = set(active)
    flow = Accumulators(wanted, _edges(active, wanted, read, kind))
    if root in wanted:
        flow[root].adjoint = _taken(1.0, kind) if kind else _ones_like(value)
    with modes.inspect_with(None):  # which looks for floats that are not finite
        accumulate(flow.edges, flow.values())
    nothing = _taken(0.0, kind) if kind else 0.0 * _ones_like(value)
    found = {leaf: flow[leaf].adjoint + nothing if leaf in flow else nothing for leaf in numbers}
    return unwrapped(value), {leaf: unwrapped(derivative) for leaf, derivative in found.items()}


def _edges(active: list[Value], wanted: set[Value], read: Mapping[Value, Any], kind: Kind | None) -> Iterator[Edge]:
    """Yield the edges of what depends on the leaves, with partial derivatives read with the other numbers."""
    for node in reversed(active):
        if (row := node.op) is not None:
            y, operands = read[node], [read[parent] for parent in node.parents]
            with nullcontext() if kind is None else kind.meaning(f"the derivative of {row.name}"):
                partials = row.partials if row.arity else row.derivatives(y, operands)
                found = [
                    (parent, _derivative(row, partial, y, operands, kind) if row.arity else partial)
                    for parent, partial in zip(node.parents, partials, strict=True)
                    if parent in wanted
                ]
            for parent, derivative in found:
                if derivative is not INACTIVE:
                    yield node, parent, derivative


def _derivative(row: Operation, partial: Callable[..., Any], y: Any, operands: Sequence[Any], kind: Kind | None) -> Any:
    """Return a partial derivative; a user's own one of arrays is promised floats, one after the other."""
    if kind is not None:
        return kind.precisely(lambda: partial(y, *operands))
    numpy = sys.modules.get("numpy")
    if numpy is None or row.vectorized or not is_own(row) or not any(isinstance(x, numpy.ndarray) for x in operands):
        return partial(y, *operands)
    return numpy.frompyfunc(partial, 1 + len(operands), 1)(y, *operands).astype(float)


def _taken(number: Any, kind: Kind | None) -> Any:
    if kind is None:
        known = hasattr(type(number), "_operate") or hasattr(type(number), "shape")
        return number if known else real(number, "evaluate")
    try:
        return wrapped(number, kind)
    except (ValueError, OverflowError):
        raise ValueError(f"evaluate takes the number {number!r}, which is in the graph, for {kind.noun}") from None


def _ones_like(value: Any) -> Any:
    shape = getattr(value, "shape", None)
    return sys.modules["numpy"].ones(shape) if shape else 1.0


def _common_kind(numbers: Mapping[Value, Any]) -> Kind | None:
    kinds = {kind for kind in map(kind_of, numbers.values()) if kind is not None}
    others = [x for x in numbers.values() if kind_of(x) is None and not isinstance(x, (float, int))]
    if len(kinds) > 1 or (kinds and others):
        found = ", ".join(sorted({type(x).__name__ for x in numbers.values()}))
        raise TypeError(f"evaluate takes numbers of one kind, beside plain ones, got {found}; convert them to one")
    return kinds.pop() if kinds else None


def _check(root: Any, numbers: Any) -> None:
    if not isinstance(root, Value) or not isinstance(numbers, Mapping):
        found = f"{type(root).__name__} and {type(numbers).__name__}"
        raise TypeError(f"evaluate(root, {{leaf: number}}) takes a Value and a dict by Values, got {found}")
    for leaf in numbers:
        if not isinstance(leaf, Value) or leaf.op is not None:
            found = f"{with_article(leaf)}: {leaf!r}; write the Value itself, {{x: number}}"
            if isinstance(leaf, Value) and leaf.op:
                found = f"{leaf!r}, computed by {leaf.op.name}; detach() it to make it a leaf"
            raise TypeError(f"evaluate takes numbers for leaves, got one for {found}")


def check_choices(order: Sequence[Value], leaves: Iterable[Value], asker: str) -> None:
    """Raise RuntimeError if what a graph computes of other numbers for these leaves would keep to a choice."""
    if choice_made(order, leaves) is not None:
        raise RuntimeError(
            f"{asker} reads the graph that was built, and this one was built by where(condition, ...) with a "
            "condition that was true or false then, and may not be for other numbers; build it with maximum, "
            "minimum, abs or relu, or with a Value as the condition and numbers as sides, or call the function again"
        )


def choice_made(order: Sequence[Value], leaves: Iterable[Value]) -> Value | None:
    """Return a node that depends on the leaves and was chosen by a plain bool, which no graph holds; or None."""
    if not any(node.op in MADE for node in order):
        return None
    return next((node for node in dependents(order, leaves) if node.op in MADE), None)
