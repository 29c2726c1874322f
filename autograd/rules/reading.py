"""Symbolic reading: the formulas that the functions of an operation build of symbols.

A user's own function may ask what it was given, as by isinstance, and then computes something else of symbols than of
numbers. So its formula is compared with it at some numbers, and is an error where it differs.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from autograd.rules import _rows as rules
from autograd.rules.expression import UNREADABLE, Expression, is_own, sorted_parts, symbol
from autograd.rules.operation import OUT_OF_DOMAIN, Operation

COMPARED_AT = (0.0, 1.0, -0.5, 2.0, 3.0, -1.0, 0.25, 7.25, -3.75)  # at which formulas are compared with functions


def formula(operation: Operation, operands: Sequence[Any]) -> Any:
    """Return what the function of an operation computes of symbols.

    Raises what a user's function raises that wants floats, and TypeError where it computes something else of these.
    """
    if is_own(operation):
        _check_value(operation)
    return operation.forward(*operands)


def formulas(operation: Operation, operands: Sequence[Expression]) -> list[Any]:
    """Return the partial derivatives of an operation as expressions of "y" and the operands, a user's own ones too.

    Raises what `formula` does.
    """
    if is_own(operation):
        _check_partials(operation)
    return _formulas(operation, symbol("y"), operands)


def _formulas(operation: Operation, y: Any, operands: Sequence[Any]) -> list[Any]:
    found = [1.0 * d if isinstance(d, rules.Mask) else d for d in operation.derivatives(y, operands)]
    return [d if isinstance(d, Expression) else float(d) for d in found]


@lru_cache(maxsize=1024)
def _check_value(operation: Operation) -> None:
    _check(operation, lambda y, operands: [operation.forward(*operands)])


@lru_cache(maxsize=1024)
def _check_partials(operation: Operation) -> None:
    _check(operation, lambda y, operands: _formulas(operation, y, operands))


def _check(operation: Operation, compute: Callable[[Any, Sequence[Any]], Sequence[Any]]) -> None:
    """Raise TypeError where something of the result and the operands is another number by its formula."""
    names = operation.arguments
    try:
        terms = compute(symbol("y"), list(map(symbol, names)))
    except UNREADABLE:  # of symbols; of the operands that it gets it may be read
        return
    for first in range(len(COMPARED_AT)):
        operands = [COMPARED_AT[(first + 4 * place) % len(COMPARED_AT)] for place in range(len(names))]
        try:
            with warnings.catch_warnings(action="ignore"):  # of NumPy's functions outside of their domains
                y = operation.evaluate(operands)
                found = compute(y, operands)
        except UNREADABLE:
            continue
        numbers = {**dict(zip(names, operands, strict=True)), "y": y}
        check_agrees(terms, found, numbers, ieee=operation.vectorized)


def check_agrees(
    terms: Sequence[Any], found: Sequence[Any], numbers: Mapping[Any, float], *, ieee: bool = False
) -> None:
    """Raise TypeError where expressions are others than what was computed of the numbers that their symbols have.

    `ieee`: not where an expression has no number, since what was computed goes on through infinities, as NumPy does.

    >>> check_agrees([symbol("x") * 2.0], [6.0], {"x": 3.0})
    >>> check_agrees([symbol("x") * 2.0], [9.0], {"x": 3.0})
    Traceback (most recent call last):
        ...
    TypeError: at x = 3.0 it gives 9.0, and the formula that it builds of symbols, x * 2.0, gives 6.0
    """
    for term, number in zip(terms, found, strict=True):
        read, largest = _value_at(term, numbers)
        if not math.isfinite(number) or abs(read - number) <= 1e-9 * largest:  # NumPy's log(0.0) is infinite
            continue
        if ieee and not math.isfinite(read):
            continue
        at = ", ".join(f"{key} = {numbers[key]!r}" for key in numbers)
        raise TypeError(
            f"at {at} it gives {float(number)!r}, and the formula that it builds of symbols, {term!r}, gives {read!r}"
        )


def _value_at(term: Any, numbers: Mapping[Any, float]) -> tuple[float, float]:
    """Return the number of an expression, nan where it has none, and the size of the largest one on the way to it."""
    known: dict[int, float] = {}
    for part in sorted_parts(term):
        if part.operation is None:
            known[id(part)] = float(numbers[part.key])
            continue
        operands = [known[id(x)] if isinstance(x, Expression) else x for x in part.operands]
        try:
            known[id(part)] = part.operation.evaluate(operands)
        except OUT_OF_DOMAIN:
            known[id(part)] = math.nan
    found = known[id(term)] if isinstance(term, Expression) else float(term)
    return found, max([abs(x) for x in (*known.values(), found) if math.isfinite(x)], default=0.0)
