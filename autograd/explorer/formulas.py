"""The rules read as formulas for people: × for `*`, parentheses only where they are needed, no guards.

The page sets names or numbers into them, so a formula is a list of pieces: text, the position of an operand, or "y".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from autograd import rules
from autograd.operation import NAry, Operation
from autograd.symbols import ATOM, Dialect, Symbol

# From loose to tight. A guard decides what a formula gives at a pole, and is not part of it.
CHOICE, GUARD, COMPARISON, SUM, PRODUCT, SIGN, POWER = range(1, 8)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = "\N{MINUS SIGN}"


def number(value: float) -> str:
    """Write a constant of a formula.

    >>> number(2.0), number(-0.5)
    ('2', '−0.5')
    """
    return f"{value:.6g}".replace("-", MINUS).replace("inf", "∞")


@dataclass(frozen=True)
class Formulas(Dialect):
    """The dialect of textbooks."""

    def symbol(self, operand: object) -> Symbol:
        """Return a symbol as it is, a name as the symbol of that name, and a number as a literal."""
        if isinstance(operand, (Symbol, str)):
            return super().symbol(operand)
        value = float(operand)  # type: ignore[arg-type]
        return Symbol(number(value), self, ATOM if value >= 0.0 else SIGN)

    def write(self, operator: str, *operands: Symbol) -> Symbol:
        """Apply an operator to symbols."""
        if operator == "*":
            for condition, factor in (operands, operands[::-1]):
                if condition.level == COMPARISON and factor.level == ATOM:  # 1 or 0, times a number
                    return Symbol(f"{factor} if {condition} else 0", self, CHOICE)
        if operator == "**" and operands[1].source == "1":
            return operands[0]
        if (
            operator == "-"
            and operands[0].source == "1"
            and "≤" in operands[1].source
            and operands[1].level == COMPARISON
        ):
            return Symbol(f"1 if {operands[1].source.replace('≤', '>')} else 0", self, CHOICE)
        level, left, right = LEVELS[operator]
        wanted = (left, right) if len(operands) == 2 else (right,)
        sources = [
            f"({operand})" if operand.level < least else str(operand)
            for operand, least in zip(operands, wanted, strict=True)
        ]
        if operator == "**" and re.fullmatch(f"{MINUS}?[0-9]+", operands[1].source):
            return Symbol(sources[0] + operands[1].source.replace(MINUS, "-").translate(SUPERSCRIPTS), self, POWER)
        return Symbol(self.operators[operator].format(*sources), self, level)

    def apply(self, operation: Operation, operands: Sequence[Symbol]) -> Symbol:
        """Apply an operation to symbols."""
        if operation.family is not None and operation.family[0] is rules.power_of:
            return self.write("**", operands[0], self.symbol(operation.family[1]))
        if operation in OPERATORS:
            return self.write(OPERATORS[operation], *operands)
        if operation in (rules.positive, rules.detached):
            return operands[0]
        if operation is rules.where:
            condition, a, b = operands
            if condition.level == COMPARISON and "(" in condition.source and a.source.startswith("0"):
                return b  # what a size is compared with decides about a pole
            return a if condition.level == GUARD else Symbol(f"{a} if {condition} else {b}", self, CHOICE)
        if operation is rules.ieee_power:
            return self.write("**", operands[0], self.write("-", *operands[1:]))
        if operation is rules.ieee_unit:
            return self.write("/", operands[0], self.apply(rules.hypot, operands))
        if operation is rules.ieee_sech2:
            return Symbol(f"sech²({operands[0]})", self)
        if operation is rules.ieee_cathetus:
            return Symbol(f"sqrt(1 {MINUS} {self.write('**', operands[0], self.symbol(2.0))})", self)
        return Symbol(operation.expression(*[operand.source for operand in operands]), self)


LEVELS = {
    "+": (SUM, SUM, SUM),
    "-": (SUM, SUM, PRODUCT),
    "*": (PRODUCT, PRODUCT, PRODUCT),
    "/": (PRODUCT, PRODUCT, SIGN),
    "**": (POWER, ATOM, ATOM),
    "neg": (SIGN, ATOM, PRODUCT),
    "abs": (ATOM, ATOM, CHOICE),
    **dict.fromkeys(("<", "<=", ">", ">="), (COMPARISON, SUM, SUM)),
    "|": (GUARD, GUARD, GUARD),
}

FORMULAS = Formulas(
    operators={
        "+": "{} + {}",
        "-": f"{{}} {MINUS} {{}}",
        "*": "{} × {}",
        "/": "{} / {}",
        "**": "{}^{}",
        "neg": f"{MINUS}{{}}",
        "abs": "abs({})",
        "<": "{} < {}",
        "<=": "{} ≤ {}",
        ">": "{} > {}",
        ">=": "{} ≥ {}",
        "|": "{} or {}",
    },
    numpy=True,
)

OPERATORS = {
    rules.add: "+",
    rules.sub: "-",
    rules.mul: "*",
    rules.divide: "/",
    rules.ieee_divide: "/",
    rules.power: "**",
    rules.negative: "neg",
    rules.less: "<",
    rules.less_equal: "<=",
    rules.either: "|",
}


def pieces(symbol: Symbol) -> list[str | int]:
    """Return a formula as text and, where an operand stands, its position; "y" for the result."""
    found: list[str | int] = []
    for text, name in re.findall(r"([^{}]*)(?:\{(\w+)\})?", symbol.source):
        found += ([text] if text else []) + ([int(name)] if name.isdigit() else ["y"] if name else [])
    return found


def value_formula(operation: Operation, arity: int) -> list[str | int]:
    """Return what an operation computes from so many operands.

    >>> value_formula(rules.mul, 2)
    [0, ' × ', 1]
    """
    return pieces(applied(operation, [FORMULAS.symbol(f"{{{position}}}") for position in range(arity)]))


def applied(operation: Operation, operands: Sequence[Symbol]) -> Symbol:
    """Return an operation on symbols as a formula; sums of products are written out."""
    if operation in (rules.dot, rules.ieee_dot):
        half = len(operands) // 2
        operands = [FORMULAS.write("*", a, b) for a, b in zip(operands[:half], operands[half:], strict=True)]
        return Symbol(" + ".join(map(str, operands)), FORMULAS, SUM)
    if operation is rules.fsum:
        return Symbol(" + ".join(map(str, operands)), FORMULAS, SUM)
    if isinstance(operation, NAry):
        return Symbol(f"{operation.name}({', '.join(map(str, operands))})", FORMULAS)
    return FORMULAS.apply(operation, operands)


def partial_formulas(operation: Operation, arity: int) -> list[list[str | int]]:
    """Return the partial derivative of an operation for each of so many operands.

    >>> partial_formulas(rules.divide, 2)
    [['1 / ', 1], ['−', 'y', ' / ', 1]]
    """
    operands = [f"{{{position}}}" for position in range(arity)]
    return [pieces(FORMULAS.symbol(found)) for found in FORMULAS.derivatives(operation, "{y}", operands)]
