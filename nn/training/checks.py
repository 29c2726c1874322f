"""Argument validation: errors say what was asked, what was found, and what to do."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeGuard

from autograd import Constant, Value
from autograd.rules import elements, how_to_list, real, with_article


def listed(parameters: Iterable[Any], asker: str) -> list[Any]:
    """Return parameters as a list that is not empty."""
    if hasattr(parameters, "parameters") or callable(parameters):
        found = with_article(parameters)
        raise TypeError(f"{asker} takes a list of parameters, got {found}; write model.parameters()")
    numbers = list(elements(parameters, asker, "a list of parameters"))
    if wrong := [row for row in numbers if getattr(row, "shape", ())]:
        raise TypeError(f"{asker} takes a list of parameters, got rows of shape {wrong[0].shape}; write W.ravel()")
    if not numbers:
        raise ValueError(
            f"{asker} takes at least one parameter, got none; the parameters of a model are the Values in it, as of "
            "self.w = Value(1.0); a generator gives its parameters only once, and a computed Value is none"
        )
    return numbers


def parameter_list(parameters: Iterable[Value], asker: str) -> list[Value]:
    """Return parameters as a list of leaves, each there once, that may change and take a gradient."""
    leaves = listed(parameters, asker)
    first: dict[Value, int] = {}
    for i, leaf in enumerate(leaves):
        if not isinstance(leaf, Value):
            raise TypeError(f"{asker} takes Values as parameters, got {with_article(leaf)} at {i}: {leaf!r}")
        if leaf.op is not None or isinstance(leaf, Constant):
            kind = "a Constant" if leaf.op is None else f"computed by {leaf.op.name}"
            raise ValueError(
                f"{asker} takes leaves that may change as parameters, got {leaf!r} at {i}, which is {kind}"
            )
        if first.setdefault(leaf, i) != i:
            raise ValueError(
                f"{asker} takes each parameter once, got {leaf!r} at {first[leaf]} and at {i}; "
                "list(dict.fromkeys(parameters)) leaves out repetitions"
            )
    return leaves


def is_function(thing: Any) -> TypeGuard[Callable[..., Any]]:
    """Whether something can be called for a result, as a class cannot, whose result is an object of it."""
    return callable(thing) and not isinstance(thing, type)


def plain(numbers: Any) -> Any:
    """Return sequences as lists, NumPy's numbers and arrays as Python's, and tables as lists of their rows."""
    if type(numbers) in (Value, float, int, list, str):
        return numbers
    if hasattr(numbers, "tolist"):
        return numbers.tolist()
    if hasattr(numbers, "to_numpy"):
        return numbers.to_numpy().tolist()
    is_sequence = isinstance(numbers, tuple) or (isinstance(numbers, Iterable) and not how_to_list(numbers))
    return list(numbers) if is_sequence else numbers


def share(number: float, name: str) -> float:
    """Return a number from 0 to below 1."""
    if not 0.0 <= real(number, name) < 1.0:
        raise ValueError(f"{name} is the share that is kept, from 0 to below 1, got {number!r}")
    return float(number)


def two_shares(pair: Sequence[float], name: str) -> tuple[float, float]:
    """Return two numbers from 0 to below 1."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"{name} is a pair, the shares that the two moving averages keep, got {pair!r}")
    return share(pair[0], f"{name}[0]"), share(pair[1], f"{name}[1]")


def above_zero(number: float, name: str, meaning: str = "") -> float:
    """Return a finite number above 0."""
    if not 0.0 < real(number, name) < math.inf:
        raise ValueError(f"{name}{meaning} is above 0 and finite, got {number!r}")
    return float(number)


def not_negative(number: float, name: str) -> float:
    """Return a finite number of 0 or more."""
    if not 0.0 <= real(number, name) < math.inf:
        raise ValueError(f"{name} is 0 or more and finite, got {number!r}")
    return float(number)


def whole(number: Any, name: str, least: int, of: str = "steps") -> int:
    """Return a whole number, Python's or NumPy's, of at least `least`."""
    wanted = f"{name} is a whole number of {of}, {least} or more, got"
    try:
        found = operator.index(number)
    except TypeError:
        found = None
    if found is None or isinstance(number, bool):
        hint = f"; write {int(number)}" if isinstance(number, float) and number.is_integer() else ""
        raise TypeError(f"{wanted} {with_article(number)}: {number!r:.60}{hint}")
    if found < least:
        raise ValueError(f"{wanted} {found}")
    return found
