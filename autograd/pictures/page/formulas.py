"""Mathematical notation: the rules as formulas for people, × for `*`, parentheses only where needed, no guards.

The page sets names or numbers into them, so a formula is a list of pieces: text, the position of an operand, or "y".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import rules
from autograd.rules import (
    ATOM,
    CHOICE,
    COMPARISON,
    COMPARISONS,
    POWER,
    PRECEDENCE,
    PRODUCT,
    SIGN,
    SUM,
    Dialect,
    Expression,
    NAry,
    Operation,
    RowsChoice,
    formulas,
    symbol,
)

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = "\N{MINUS SIGN}"


def formula_number(value: float) -> str:
    """Write a constant of a formula.

    >>> formula_number(2.0), formula_number(-0.5)
    ('2', '−0.5')
    """
    return f"{value:.6g}".replace("-", MINUS).replace("inf", "∞")


@dataclass(frozen=True)
class Formulas(Dialect):
    """The dialect of textbooks; `greater`: the signs of comparisons that are turned round."""

    greater: Mapping[Operation, str] = field(default_factory=lambda: {rules.less: ">", rules.less_equal: "≥"})

    def enclosed(self, source: str, binds: int, wanted: int) -> str:
        """Return a source that binds so tightly, in parentheses where more is wanted."""
        return f"({source})" if binds < wanted else source

    def choice(self, a: str, condition: str, b: str) -> tuple[str, int]:
        """Write a choice between two sources, and say how tightly it binds."""
        return f"{a} if {condition} else {b}", CHOICE

    def _print(self, term: Any, name: Callable[[Any], str]) -> tuple[str, int]:
        term = self.rewritten(term)
        if not isinstance(term, Expression) or term.operation is None:
            return super()._print(term, name)
        operation, operands = term.operation, term.operands
        if isinstance(term, RowsChoice) and (side := _unguarded(*operands)) is not None:
            return self._print(side, name)
        if operation is rules.where:
            condition, a, b = [self._print(operand, name) for operand in operands]
            return self.choice(self.enclosed(*a, CHOICE + 1), self.enclosed(*condition, CHOICE + 1), b[0])
        if operation in (rules.less, rules.less_equal) and type(operands[0]) is float:  # a constant stands on the right
            right, left = [self.enclosed(*self._print(operand, name), SUM) for operand in operands]
            return f"{left} {self.greater[operation]} {right}", COMPARISON
        if operation is rules.mul:
            for condition, factor in (operands, operands[::-1]):  # 1 or 0, times a number
                if _is_comparison(condition) and isinstance(factor, float):
                    return self.choice(self._print(factor, name)[0], self._print(condition, name)[0], "0")
        if operation is rules.sub and isinstance(operands[0], float) and _is_comparison(operands[1]):
            left, right = [self.enclosed(*self._print(operand, name), SUM) for operand in operands[1].operands]
            opposite = rules.less if operands[1].operation is rules.less_equal else rules.less_equal
            return self.choice("1", f"{left} {self.greater[opposite]} {right}", "0")
        base = exponent = None
        if operation.family is not None and operation.family[0] is rules.power_of:
            base, exponent = operands[0], operation.family[1]
        elif operation is rules.power:
            base, exponent = operands
        if isinstance(exponent, float):
            return self._power(base, exponent, name)
        return super()._print(term, name)

    def _power(self, base: Any, exponent: float, name: Callable[[Any], str]) -> tuple[str, int]:
        """Print a power with a number as its exponent."""
        source, binds = self._print(base, name)
        if exponent == 1.0:
            return source, binds
        source = self.enclosed(source, binds, ATOM)
        if exponent.is_integer() and abs(exponent) < 2.0**53:
            return source + f"{exponent:.0f}".translate(SUPERSCRIPTS), POWER
        written = formula_number(exponent)
        return f"{source}^{f'({written})' if {MINUS, '+'} & {*written} else written}", POWER

    def printed(self, operation: Operation, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        """Print an operation on operands, each with how tightly it binds; sums of products are written out."""
        if operation in (rules.dot, rules.ieee_dot):
            half = len(operands) // 2
            pairs = zip(operands[:half], operands[half:], strict=True)
            return " + ".join(super(Formulas, self).printed(rules.mul, pair)[0] for pair in pairs), SUM
        if operation is rules.fsum:
            return " + ".join(self.enclosed(*operand, PRODUCT) for operand in operands), SUM
        if isinstance(operation, NAry):
            return f"{operation.name}({', '.join(source for source, _ in operands)})", ATOM
        return super().printed(operation, operands)


def _is_comparison(part: Any) -> bool:
    return isinstance(part, Expression) and part.operation in COMPARISONS


def unguarded(term: Any) -> Any:
    """Return an expression with the sides of its choices that a textbook gives, also where those have a pole."""
    if not isinstance(term, Expression) or term.operation is None:
        return term
    side = _unguarded(*term.operands) if isinstance(term, RowsChoice) else None
    return type(term)(term.operation, map(unguarded, term.operands)) if side is None else unguarded(side)


def _unguarded(condition: Any, a: Any, b: Any) -> Any:
    """Return the side of a choice that a textbook gives, where the other one is for a pole; None for a real choice."""
    if not _is_comparison(condition):
        return None
    if condition.operation is rules.either:
        return a
    sizes = [part for part in condition.operands if isinstance(part, Expression) and part.operation is not None]
    if not sizes:
        return None
    zero, *_ = [side for side in (a, b) if not isinstance(side, Expression) or _is_zero(side)] or [None]
    return None if zero is None else b if zero is a else a


def _is_zero(side: Expression) -> bool:
    return side.operation is rules.mul and isinstance(side.operands[0], float) and side.operands[0] == 0.0


FORMULAS = Formulas(
    operators={
        rules.add: "{} + {}",
        rules.sub: f"{{}} {MINUS} {{}}",
        rules.mul: "{} × {}",
        rules.divide: "{} / {}",
        rules.ieee_divide: "{} / {}",
        rules.power: "{}^{}",
        rules.negative: f"{MINUS}{{}}",
        rules.mod: "{} mod {}",
        rules.floordiv: "{} div {}",
        rules.less: "{} < {}",
        rules.less_equal: "{} ≤ {}",
        rules.either: "{} or {}",
    },
    words={rules.ieee_sech2: "sech²({})", rules.where.chosen: "chosen({})"},
    composed={
        rules.positive: lambda x: x,
        rules.detached: lambda x: x,
        rules.where.decided: lambda c, a, b: Expression(rules.where, [c, a, b]),
        rules.ieee_power: lambda a, b, k: Expression(rules.power, [a, b - k]),
        rules.ieee_unit: lambda a, b: Expression(rules.divide, [a, Expression(rules.hypot, [a, b])]),
        rules.ieee_cathetus: lambda x: Expression(rules.sqrt, [1.0 - rules.power_of.member(2.0)(x)]),
    },
    literal=lambda value: formula_number(value),
    call=lambda operation, operands: operation.expression(*operands),
    precedence=PRECEDENCE
    | {
        rules.mul: (PRODUCT, PRODUCT, PRODUCT),
        rules.negative: (SIGN, PRODUCT),
        rules.power: (POWER, ATOM, ATOM),
        rules.mod: (COMPARISON, POWER, POWER),  # as in mathematics, more weakly than a sum
        rules.floordiv: (COMPARISON, POWER, POWER),
    },
)


# As every textbook has them, by the result; their rows are written for accuracy in the tails.
OF_THE_RESULT: Mapping[Operation, Callable[[Any], Any]] = {
    rules.tanh: lambda y: 1.0 - rules.power_of.member(2.0)(y),
    rules.sigmoid: lambda y: y * (1.0 - y),
}


def pieces(term: Any) -> list[str | int]:
    """Return a formula as text and, where an operand stands, its position; "y" for the result."""
    found: list[str | int] = []
    for text, name in re.findall(r"([^{}]*)(?:\{(\w+)\})?", FORMULAS.source(term, lambda key: f"{{{key}}}")):
        found += ([text] if text else []) + ([int(name)] if name.isdigit() else ["y"] if name else [])
    return found


def value_formula(operation: Operation, arity: int) -> list[str | int]:
    """Return what an operation computes from so many operands.

    >>> value_formula(rules.mul, 2)
    [0, ' × ', 1]
    """
    return pieces(Expression(operation, map(symbol, range(arity))))


def partial_formulas(operation: Operation, arity: int) -> list[list[str | int]]:
    """Return the partial derivative of an operation for each of so many operands.

    >>> partial_formulas(rules.divide, 2)
    [['1 / ', 1], ['−', 'y', ' / ', 1]]
    """
    if operation in OF_THE_RESULT:
        return [pieces(OF_THE_RESULT[operation](symbol("y")))]
    return list(map(pieces, formulas(operation, list(map(symbol, range(arity))))))
