"""A rule read as source code: what it computes, and its partial derivatives, in the words of another language.

A formula of the table is written in operators and in the table's own functions, so it is read here as it is read with
floats and with Values: called on symbols, it writes itself down. A `Dialect` says how a language spells what occurs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import rules
from autograd.operation import Family, Operation

ATOM = 9  # how tightly a name, a number or a call binds: no parentheses are ever needed around it


class Symbol:
    """An expression in the source of some dialect, which arithmetic and the operations of the table extend.

    >>> dialect = Dialect(operators={"+": "({} + {})", "*": "({} * {})"})
    >>> rules.tan.partials[0](Symbol("y", dialect), Symbol("x", dialect))
    (1.0 + (y * y))
    """

    __slots__ = ("dialect", "level", "source")

    def __init__(self, source: str, dialect: Dialect, level: int = ATOM) -> None:
        self.source = source
        self.dialect = dialect
        self.level = level

    def __repr__(self) -> str:
        return self.source

    @staticmethod
    def _operate(operation: Operation, operands: Sequence[Any]) -> Symbol:
        dialect = next(operand.dialect for operand in operands if isinstance(operand, Symbol))
        return dialect.apply(operation, [dialect.symbol(operand) for operand in operands])

    def _write(self, operator: str, *operands: Any) -> Symbol:
        dialect = self.dialect
        return dialect.write(operator, *[dialect.symbol(operand) for operand in operands])

    def __add__(self, other: Any) -> Symbol:
        return self._write("+", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return self._write("+", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return self._write("-", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self._write("-", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self._write("*", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return self._write("*", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return self._write("/", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self._write("/", other, self)

    def __pow__(self, other: Any) -> Symbol:
        return self._write("**", self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return self._write("**", other, self)

    def __abs__(self) -> Symbol:
        return self._write("abs", self)

    def __neg__(self) -> Symbol:
        return self._write("neg", self)

    def __lt__(self, other: Any) -> Symbol:
        return self._write("<", self, other)

    def __le__(self, other: Any) -> Symbol:
        return self._write("<=", self, other)

    def __gt__(self, other: Any) -> Symbol:
        return self._write(">", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return self._write(">=", self, other)

    def __or__(self, other: Any) -> Symbol:
        return self._write("|", self, other)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # NumPy applies its functions to objects by calling methods of the same names.
        row = METHODS.get(name) if self.dialect.numpy else None
        if row is None:
            raise AttributeError(f"a symbol has no {name}")
        return lambda *others: row(self, *others)

    def __bool__(self) -> bool:
        raise TypeError("a symbol has no one truth value")

    def __float__(self) -> float:
        raise TypeError("a symbol is not a number yet")

    def __eq__(self, other: object) -> bool:
        raise TypeError("whether symbols are equal is asked of numbers, one after the other")

    __hash__ = None  # type: ignore[assignment]


METHODS: dict[str, Callable[..., Any]] = {
    **rules.FUNCTIONS,
    **{
        name.replace("a", "arc", 1): rules.FUNCTIONS[name]
        for name in rules.FUNCTIONS
        if name.startswith("a") and name != "abs"
    },
}


def python_literal(number: float) -> str:
    """Write a float as Python does; what is not finite as a call."""
    return repr(number) if math.isfinite(number) else f"float('{number}')"


def call_by_name(operation: Operation, operands: Sequence[str]) -> str:
    """Write an operation that is not in the table as a call of its own name."""
    return operation.expression(*operands)


@dataclass(frozen=True)
class Dialect:
    """How a language spells operators, numbers, the rows of the table and the members of its families.

    - `operators`: a template for each of `+ - * / ** neg abs < <= > >= |`.
    - `rows`, `members`: templates for rows; for members of families, by their constant.
    - `call`: writes any other operation, such as a user's own.
    - `numpy`: whether a formula written with NumPy's functions can be read too.
    """

    operators: Mapping[str, str]
    rows: Mapping[Operation, str] = field(default_factory=dict)
    members: Mapping[Family, Callable[[float], str]] = field(default_factory=dict)
    literal: Callable[[float], str] = python_literal
    call: Callable[[Operation, Sequence[str]], str] = call_by_name
    numpy: bool = False

    def symbol(self, operand: Any) -> Symbol:
        """Return a symbol as it is, a name as the symbol of that name, and a number as a literal."""
        if isinstance(operand, Symbol):
            return operand
        return Symbol(operand if isinstance(operand, str) else self.literal(float(operand)), self)

    def write(self, operator: str, *operands: Symbol) -> Symbol:
        """Apply an operator to symbols."""
        return Symbol(self.operators[operator].format(*[operand.source for operand in operands]), self)

    def apply(self, operation: Operation, operands: Sequence[Symbol]) -> Symbol:
        """Apply an operation to symbols."""
        return Symbol(self.forward(operation, [operand.source for operand in operands]), self)

    def forward(self, operation: Operation, operands: Sequence[str]) -> str:
        """Return the source of an operation on operands of these names."""
        if operation.family is not None:
            family, constant = operation.family
            return self.members[family](constant).format(*operands)
        template = self.rows.get(operation)
        return self.call(operation, operands) if template is None else template.format(*operands)

    def derivatives(self, operation: Operation, y: str, operands: Sequence[str]) -> list[Symbol | float]:
        """Return each partial derivative of an operation, where y is the result; a float where it is one everywhere.

        Raises TypeError or AttributeError where a user's own formula takes floats only.
        """
        found = operation.derivatives(self.symbol(y), [self.symbol(name) for name in operands])
        return [derivative if isinstance(derivative, Symbol) else float(derivative) for derivative in found]
