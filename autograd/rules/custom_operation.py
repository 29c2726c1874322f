"""Custom operations: a row of a user's own, of a forward function and its partial derivatives."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, overload

from autograd.rules.operands import with_article
from autograd.rules.operation import Operation, own_operation


@overload
def operation(
    name: str, forward: Callable[[Any], float], partial: Callable[[Any, Any], Any], /, *, vectorized: bool = ...
) -> Operation: ...
@overload
def operation(
    name: str,
    forward: Callable[[Any, Any], float],
    by_a: Callable[[Any, Any, Any], Any],
    by_b: Callable[[Any, Any, Any], Any],
    /,
    *,
    vectorized: bool = ...,
) -> Operation: ...
@overload
def operation(
    name: str, forward: Callable[..., float], *partials: Callable[..., Any], vectorized: bool = ...
) -> Operation: ...
def operation(
    name: str, forward: Callable[..., float], *partials: Callable[..., Any], vectorized: bool = False
) -> Operation:
    """Return a new operation from its forward function and one partial derivative for each operand.

    `forward(*operands)` is called with floats. Each of `partials` is called with `(y, *operands)`, `y` being the
    result; written with the functions of `autograd` it is itself differentiable. A compiled program calls both with
    one number after the other, which is slow; with `vectorized` it calls `forward` with NumPy arrays that cannot be
    written to, and reads the partials as formulas, so these must not ask for a truth value or catch an error. An array
    of no dimensions, as `np.where` makes of numbers, is then the number in it.

    >>> from autograd import Value
    >>> cube = operation("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    >>> x = Value(2.0)
    >>> y = cube(x)
    >>> y.backward()
    >>> y.data, x.grad
    (8.0, 12.0)
    """
    if not isinstance(name, str):
        raise TypeError(
            f"operation(name, forward, *partials) takes a name, which is a str, got {with_article(name)}: {name!r}"
        )
    if not partials or not all(map(callable, (forward, *partials))):
        raise TypeError(
            f"operation({name!r}, forward, *partials) takes a forward function and one partial derivative for each "
            f"of its operands, got {len(partials)} partials; write each as a function, such as lambda y, x: 3 * x * x"
        )
    called = map(_OfArrays, (forward, *partials)) if vectorized else (forward, *partials)
    made = own_operation(name, *called, vectorized=vectorized)
    _check_call(f"the forward function of {name}", forward, made.arguments)
    for partial, operand in zip(partials, made.arguments, strict=True):
        _check_call(f"the partial derivative of {name} by {operand}", partial, ("y", *made.arguments))
    return made


class _OfArrays:
    """A user's function of arrays, which returns the number in an array of no dimensions."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *operands: Any) -> Any:
        y = self.function(*operands)
        numpy = sys.modules.get("numpy")
        return y[()] if numpy is not None and type(y) is numpy.ndarray and y.ndim == 0 else y


def _check_call(subject: str, function: Callable[..., Any], arguments: Sequence[str]) -> None:
    """Raise TypeError where a function cannot be called with so many arguments."""
    try:
        called = signature(function, follow_wrapped=False)
    except (ValueError, TypeError):  # some functions written in C do not tell
        return
    try:
        called.bind(*arguments)
    except TypeError as error:
        listed = f"{len(arguments)} arguments, {', '.join(arguments)}"
        raise TypeError(f"{subject} is called with {listed}, got one that takes {called}: {error}") from None
