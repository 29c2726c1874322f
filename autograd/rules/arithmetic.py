"""Operators as rows of the table, for numbers of any kind that say themselves how an operation applies to them.

A formula of the table is written with operators and with the table's functions. A class that defines `_operate` can be
given to the functions; with the operators from here it can be given to the whole formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from autograd.rules import _rows as rules
from autograd.rules.operation import Operation

_Method: TypeAlias = Callable[[Any, Any], Any]


def _operators(row: Operation) -> tuple[_Method, _Method]:
    """Return the method that applies a row to self and another operand, and the one for the other order."""

    def method(self: Any, other: Any) -> Any:
        return self._operate(row, (self, other)) if _is_operand(other) else NotImplemented

    def reflected(self: Any, other: Any) -> Any:
        return self._operate(row, (other, self)) if _is_operand(other) else NotImplemented

    return method, reflected


def _is_operand(other: Any) -> bool:
    return isinstance(other, (float, int)) or hasattr(type(other), "_operate")


class Arithmetic:
    """The operators, comparisons and NumPy methods of a class that defines `_operate(operation, operands)`."""

    __slots__ = ()
    noun = "number"  # what messages call it

    __add__, __radd__ = _operators(rules.add)
    __sub__, __rsub__ = _operators(rules.sub)
    __mul__, __rmul__ = _operators(rules.mul)
    __truediv__, __rtruediv__ = _operators(rules.divide)
    __pow__, __rpow__ = _operators(rules.power)
    __mod__, __rmod__ = _operators(rules.mod)
    __floordiv__, __rfloordiv__ = _operators(rules.floordiv)
    __lt__, __gt__ = _operators(rules.less)
    __le__, __ge__ = _operators(rules.less_equal)
    __or__, __ror__ = _operators(rules.either)

    def __neg__(self) -> Any:
        return rules.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return rules.abs(self)

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


METHODS: dict[str, Callable[..., Any]] = dict(rules.FUNCTIONS)
METHODS |= {name.replace("a", "arc", 1): METHODS[name] for name in METHODS if name.startswith("a") and name != "abs"}
