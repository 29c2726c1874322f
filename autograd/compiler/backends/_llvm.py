"""The words of LLVM: rows of the table, and the formulas of their partial derivatives, as lines of LLVM IR.

A row whose function is one of Python's math is a call of the C library's function of that name, and one of Python's
operators is an instruction, so a new row of these kinds has its words already. What C lacks is composed of other rows.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import operator
import struct
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from autograd import rules
from autograd.rules import Expression, Family, Operation, composition, identifier, symbol

OPERATORS: dict[Any, str] = {
    operator.add: "fadd double {}, {}",
    operator.sub: "fsub double {}, {}",
    operator.mul: "fmul double {}, {}",
    operator.truediv: "fdiv double {}, {}",
    operator.neg: "fneg double {}",
}
INTRINSICS = {"fabs": "llvm.fabs.f64", "sqrt": "llvm.sqrt.f64", "floor": "llvm.floor.f64"}
CALLS: dict[Operation, str] = {rules.power: "pow", rules.ieee_log: "log"}  # of the C library, by another name
FLOOR = Operation("floor", math.floor, lambda y, x: 0.0)
C_REMAINDER = Operation("fmod", math.fmod, lambda y, a, b: math.nan, lambda y, a, b: math.nan)
C_POWER = Operation("pow", math.pow, lambda y, a, b: math.nan, lambda y, a, b: math.nan)


def _sigmoid(x: Any) -> Any:
    e = rules.exp(-abs(x))
    return rules.where(x >= 0.0, 1.0, e) / (1.0 + e)


def _silu(x: Any) -> Any:
    e = rules.exp(-0.5 * abs(x))
    return rules.where(x >= 0.0, x / (1.0 + rules.exp(-x)), x * e * (e / (1.0 + e * e)))


def _sech2(x: Any) -> Any:
    e = rules.exp(-abs(x))
    sech = 2.0 * e / (1.0 + e * e)
    return sech * sech


def _power(a: Any, b: Any) -> Any:
    """Return a ** b; nan, where the base is negative and the exponent not whole."""
    fractional = _call(FLOOR, b) < b
    return rules.where((a < 0.0) * fractional, math.nan, _call(C_POWER, a, b))


def _ieee_power(a: Any, b: Any, k: Any) -> Any:
    """Return a ** (b - k); where b - k is rounded, a ** b divided by a, k times."""
    again = b - k + k
    counts = (k >= 0.0) * (k < math.inf) * (_call(FLOOR, k) >= k)
    exact = (again <= b) * (b <= again) | (abs(a) <= 0.0) | (abs(a) >= math.inf) | (1.0 - counts)
    return rules.where(exact, _power(a, b - k), _power(a, b) / a / _call(C_POWER, a, k - 1.0))


def _ieee_unit(a: Any, b: Any) -> Any:
    scale = rules.maximum(abs(a), abs(b))
    return rules.where(scale >= math.inf, a / scale, a / scale / rules.hypot(a / scale, b / scale))


def _is_below(rest: Any, b: Any) -> Any:
    """Return whether C's remainder, which has the sign of the dividend, has not that of the divisor, as Python's."""
    return (rest < 0.0) * (b > 0.0) | (rest > 0.0) * (b < 0.0)


def _mod(a: Any, b: Any) -> Any:
    rest = _call(C_REMAINDER, a, b)
    return rules.where(_is_below(rest, b), rest + b, rest)


def _floordiv(a: Any, b: Any) -> Any:
    rest = _call(C_REMAINDER, a, b)
    quotient = (a - rest) / b - 1.0 * _is_below(rest, b)
    whole = _call(FLOOR, quotient)
    return rules.where(quotient - whole > 0.5, whole + 1.0, whole)


def _call(operation: Operation, *operands: Any) -> Expression:
    return Expression(operation, operands)


COMPOSED: Mapping[Any, Callable[..., Any]] = {
    rules.sigmoid: _sigmoid,
    rules.softplus: lambda x: rules.maximum(x, 0.0) + rules.log1p(rules.exp(-abs(x))),
    rules.silu: _silu,
    rules.gelu: lambda x: 0.5 * x * rules.erfc(-x / rules.SQRT_2),
    rules.relu: lambda x: rules.where(x <= 0.0, 0.0, x),
    rules.leaky_relu: lambda x, slope: rules.where(x > 0.0, x, slope * x),
    rules.elu: lambda x, alpha: rules.where(x > 0.0, x, alpha * rules.expm1(x)),
    rules.power: _power,
    rules.ieee_divide: lambda a, b: a / b,
    rules.floor: lambda x: _call(FLOOR, x),
    rules.mod: _mod,
    rules.floordiv: _floordiv,
    rules.ieee_power: _ieee_power,
    rules.ieee_unit: _ieee_unit,
    rules.ieee_sech2: _sech2,
    rules.ieee_cathetus: lambda x: rules.sqrt((1.0 - x) * (1.0 + x)),
    rules.guard: lambda c, x: rules.where(c, x, math.nan),
    rules.unguard: lambda c, x: rules.where(c, x, 0.0),
    rules.where.decided: lambda c, a, b: rules.where(c, a, b),
    rules.where.chosen: lambda x: x,
    rules.positive: lambda x: x,
    rules.detached: lambda x: x,
}


def float_bits(number: float) -> str:
    """Write a float as its bits, which LLVM reads for every one of them.

    >>> float_bits(1.0)
    '0x3FF0000000000000'
    """
    return "0x" + struct.pack(">d", number).hex().upper()


class Lines:
    """Lines of LLVM IR that compute expressions; what is computed twice is written once."""

    def __init__(self, names: Mapping[Any, str], prefix: str = "t") -> None:
        self.names = names  # of the symbols, by their keys
        self.prefix = prefix
        self.lines: list[str] = []
        self._known: dict[str, str] = {}
        self._written: dict[int, tuple[Any, str]] = {}

    def new(self, text: str) -> str:
        """Return the name of the result of an instruction without side effects."""
        if text not in self._known:
            self._known[text] = f"%{self.prefix}{len(self.lines)}"
            self.lines.append(f"{self._known[text]} = {text}")
        return self._known[text]

    def write(self, term: Any) -> str:
        """Write an expression or a float, and return the name of its value."""
        if not isinstance(term, Expression):
            return float_bits(float(term))
        if term.operation is None:
            return self.names[term.key]
        if id(term) not in self._written:  # the term is kept, so its identity stays its own
            compose = COMPOSED.get(term.operation) or _composed_member(term.operation)
            name = self.write(compose(*term.operands)) if compose else self._operated(term)
            self._written[id(term)] = term, name
        return self._written[id(term)][1]

    def _operated(self, term: Expression) -> str:
        row: Any = term.operation
        operands = [self.write(operand) for operand in term.operands]
        if row in (rules.less, rules.less_equal):
            return self._number(self._compared("olt" if row is rules.less else "ole", *operands))
        if row is rules.either:
            return self._number(self.new(f"or i1 {self._truth(operands[0])}, {self._truth(operands[1])}"))
        if row is rules.where:
            return self._chosen(self._truth(operands[0]), *operands[1:])
        if row in (rules.maximum, rules.minimum):
            a, b = operands
            first = self._compared("oge" if row is rules.maximum else "ole", a, b)
            return self._chosen(self.new(f"or i1 {first}, {self._compared('uno', a, a)}"), a, b)
        if (template := OPERATORS.get(row.forward)) is not None:
            return self.new(template.format(*operands))
        name = CALLS.get(row) or c_name(row) or composed_function(row)
        return self.new(f"call double @{name}({', '.join(f'double {x}' for x in operands)})")

    def _compared(self, how: str, a: str, b: str) -> str:
        return self.new(f"fcmp {how} double {a}, {b}")

    def _truth(self, a: str) -> str:
        return self._compared("une", a, float_bits(0.0))

    def _number(self, condition: str) -> str:
        return self.new(f"uitofp i1 {condition} to double")

    def _chosen(self, condition: str, a: str, b: str) -> str:
        return self.new(f"select i1 {condition}, double {a}, double {b}")


def _composed_member(operation: Any) -> Callable[..., Any] | None:
    if operation.family is None:
        return None
    family, number = operation.family
    if family is rules.power_of:
        return lambda x: x * x if number == 2.0 else rules.power(x, number) if number != 1.0 else x
    return (lambda x: COMPOSED[family](x, number)) if family in COMPOSED else None


@cache
def composed_function(row: Operation) -> str:
    """Return the name of the function of a row that is made of others; NotImplementedError if it is not."""
    arity = len(row.partials)
    lines = Lines({position: f"%x{position}" for position in range(arity)})
    found = lines.write(composition(row, list(map(symbol, range(arity)))))
    name = f"row.{identifier(row.name)}"
    parameters = ", ".join(f"double %x{position}" for position in range(arity))
    body = "\n  ".join([*lines.lines, f"ret double {found}"])
    _functions[name] = f"define internal double @{name}({parameters}) noinline nounwind memory(none) {{\n  {body}\n}}"
    return name


_functions: dict[str, str] = {}  # made so far, each after those that it calls


def composed_functions(text: str) -> list[str]:
    """Return the functions of rows that lines of LLVM IR call, and those that these call."""
    found: list[str] = []
    for name, function in reversed(_functions.items()):
        if f"@{name}(" in text or any(f"@{name}(" in other for other in found):
            found.append(function)
    return found


def c_name(row: Operation) -> str | None:
    """Return the C library's name of the function of a row of Python's math module; None if it has none."""
    if getattr(row.forward, "__module__", "") != "math":
        return None
    name = str(row.forward.__name__)
    return INTRINSICS.get(name) or (name if hasattr(c_library(), name) else None)


@cache
def c_library() -> Any:
    """Return the C library's mathematics."""
    name = "ucrtbase" if sys.platform == "win32" else ctypes.util.find_library("m")
    return ctypes.CDLL(name)


@cache
def member_with_symbol(family: Family, constant: Any) -> Any:
    """Return what writes the partial derivative of a family's members, of (y, x, constant), all of them symbols.

    It is read from a member with an unmistakable constant, in whose place the symbol stands then.
    """
    mark = 0.7310585786300049
    y, x = Expression(None, ["y"]), Expression(None, [0])

    def placed(part: Any) -> Any:
        if not isinstance(part, Expression):
            return constant if part == mark else part
        return part if part.operation is None else Expression(part.operation, map(placed, part.operands))

    return placed(family.make(mark).partials[0](y, x))
