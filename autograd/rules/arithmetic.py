"""Operators as rows of the table, for numbers of any kind that say themselves how an operation applies to them.

A formula of the table is written with operators and with the table's functions. A class that defines `_operate` can be
given to the functions; with the operators from here it can be given to the whole formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from autograd.rules import _rows as rules
from autograd.rules.operation import Operation


class _Operating(Protocol):
    _operate: Any


class Arithmetic:
    """The operators, comparisons and NumPy methods of a class that defines `_operate(operation, operands)`."""

    __slots__ = ()
    noun = "number"  # what messages call it

    def __add__(self, other: Any) -> Any:
        return _binary(rules.add, self, other, self)

    def __radd__(self, other: Any) -> Any:
        return _binary(rules.add, other, self, self)

    def __sub__(self, other: Any) -> Any:
        return _binary(rules.sub, self, other, self)

    def __rsub__(self, other: Any) -> Any:
        return _binary(rules.sub, other, self, self)

    def __mul__(self, other: Any) -> Any:
        return _binary(rules.mul, self, other, self)

    def __rmul__(self, other: Any) -> Any:
        return _binary(rules.mul, other, self, self)

    def __truediv__(self, other: Any) -> Any:
        return _binary(rules.divide, self, other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return _binary(rules.divide, other, self, self)

    def __pow__(self, other: Any) -> Any:
        return _binary(rules.power, self, other, self)

    def __rpow__(self, other: Any) -> Any:
        return _binary(rules.power, other, self, self)

    def __mod__(self, other: Any) -> Any:
        return _binary(rules.mod, self, other, self)

    def __rmod__(self, other: Any) -> Any:
        return _binary(rules.mod, other, self, self)

    def __floordiv__(self, other: Any) -> Any:
        return _binary(rules.floordiv, self, other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return _binary(rules.floordiv, other, self, self)

    def __neg__(self) -> Any:
        return rules.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return rules.abs(self)

    def __lt__(self, other: Any) -> Any:
        return _binary(rules.less, self, other, self)

    def __le__(self, other: Any) -> Any:
        return _binary(rules.less_equal, self, other, self)

    def __gt__(self, other: Any) -> Any:
        return _binary(rules.less, other, self, self)

    def __ge__(self, other: Any) -> Any:
        return _binary(rules.less_equal, other, self, self)

    def __or__(self, other: Any) -> Any:
        return _binary(rules.either, self, other, self)

    def __ror__(self, other: Any) -> Any:
        return _binary(rules.either, other, self, self)

    def __and__(self, other: Any) -> Any:
        return self * other | 0.0

    def __xor__(self, other: Any) -> Any:
        return self - other | 0.0

    __rand__, __rxor__ = __and__, __xor__

    # What is asked of a plain number only.

    def __bool__(self) -> bool:
        raise TypeError(f"a {self.noun} has no one truth value")

    def __float__(self) -> float:
        raise TypeError(f"a {self.noun} is not a plain float; write a formula with the functions of autograd")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # NumPy applies its functions to objects by calling methods of the same names.
        row = METHODS.get(name)
        if row is None:
            raise AttributeError(f"a {self.noun} has no {name}")
        return lambda *others: row(self, *others)


METHODS: dict[str, Callable[..., Any]] = {
    **rules.FUNCTIONS,
    **{
        name.replace("a", "arc", 1): rules.FUNCTIONS[name]
        for name in rules.FUNCTIONS
        if name.startswith("a") and name != "abs"
    },
}


def _binary(row: Operation, a: Any, b: Any, own: _Operating) -> Any:
    other = b if a is own else a
    if not (isinstance(other, (float, int)) or hasattr(other, "_operate")):
        return NotImplemented
    return own._operate(row, (a, b))
