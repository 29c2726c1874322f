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
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from autograd import rules
from autograd.compiler.backends._composed import (
    COMPOSED,
    COPYSIGN,
    EXPONENT,
    MANTISSA,
    MULTIPLY_ADD,
    POWER_OF_TWO,
    ROUND,
)
from autograd.rules import Expression, Family, Operation, composition, identifier, symbol

OPERATORS: dict[Any, str] = {
    operator.add: "fadd {type} {0}, {1}",
    operator.sub: "fsub {type} {0}, {1}",
    operator.mul: "fmul {type} {0}, {1}",
    operator.truediv: "fdiv {type} {0}, {1}",
    operator.neg: "fneg {type} {0}",
}
LANES = 8  # numbers in a vector: a register of AVX-512, two of AVX2, four of NEON
INTRINSICS = {"fabs": "llvm.fabs.f64", "sqrt": "llvm.sqrt.f64", "floor": "llvm.floor.f64"}
CALLS: dict[Operation, str] = {  # functions by another name
    rules.power: "pow",
    rules.ieee_log: "log",
    ROUND: "llvm.rint.f64",
    MULTIPLY_ADD: "llvm.fmuladd.f64",
    COPYSIGN: "llvm.copysign.f64",
}
WHOLE = 1.5 * 2.0**52  # the last bits of this float plus a whole number are that number


def float_bits(number: float) -> str:
    """Write a float as its bits, which LLVM reads for every one of them.

    >>> float_bits(1.0)
    '0x3FF0000000000000'
    """
    return "0x" + struct.pack(">d", number).hex().upper()


ROOT_OF_HALF = int(float_bits(math.sqrt(0.5)), 16)


class Lines:
    """Lines of LLVM IR that compute expressions; what is computed twice is written once.

    A number is a float, or a vector of as many as there are `lanes`.
    """

    def __init__(self, names: Mapping[Any, str], prefix: str = "t", lanes: int = 1) -> None:
        self.names = names  # of the symbols, by their keys
        self.prefix = prefix
        self.lanes = lanes
        self.type, self.truth = (of_lanes("double", lanes), of_lanes("i1", lanes))
        self.lines: list[str] = []
        self._known: dict[str, str] = {}
        self._written: dict[int, tuple[Any, str]] = {}
        self._conditions: dict[str, str] = {}  # of numbers that are 1 or 0, by their names

    def applied(self, expression: Any, operands: Mapping[Any, str]) -> str:
        """Write an expression whose symbols are these operands now, and return the name of its value."""
        self.names, self._written = operands, {}
        return self.write(expression)

    def forget(self) -> None:
        """Write again what is computed from now on."""
        self._known.clear()
        self._conditions.clear()

    def loaded(self, text: str) -> str:
        """Return the name of the result of an instruction that may be another one later."""
        name = f"%{self.prefix}{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def new(self, text: str) -> str:
        """Return the name of the result of an instruction without side effects."""
        if text not in self._known:
            self._known[text] = self.loaded(text)
        return self._known[text]

    def number(self, number: float) -> str:
        """Return a constant, the same in all lanes."""
        return float_bits(number) if self.lanes == 1 else f"splat (double {float_bits(number)})"

    def call(self, name: str, operands: Sequence[str]) -> str:
        """Write the call of a function of numbers, and return the name of its result."""
        listed = ", ".join(f"{self.type} {x}" for x in operands)
        return self.new(f"call {self.type} @{in_lanes(name, self.lanes)}({listed})")

    def splat(self, name: str, lanes: int | None = None) -> str:
        """Return the name of a vector that has a float in all of its lanes, by default as many as all others."""
        lanes = lanes or self.lanes
        if lanes == 1:
            return name
        vector = of_lanes("double", lanes)
        one = self.new(f"insertelement {vector} poison, double {name}, i64 0")
        return self.new(f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer")

    def write(self, term: Any) -> str:
        """Write an expression or a float, and return the name of its value."""
        if not isinstance(term, Expression):
            return self.number(float(term))
        if term.operation is None:
            return self.names[term.key]
        stack = [term]  # operands first, without recursion: a row may be a fraction of a hundred levels
        while stack:
            part = stack[-1]
            waiting = [operand for operand in part.operands if self._is_waiting(operand)]
            if waiting:
                stack += reversed(waiting)
                continue
            stack.pop()
            if id(part) not in self._written:  # the part is kept, so its identity stays its own
                compose = COMPOSED.get(part.operation) or _composed_member(part.operation)
                name = self.write(compose(*part.operands)) if compose else self._operated(part)
                self._written[id(part)] = part, name
        return self._written[id(term)][1]

    def _is_waiting(self, term: Any) -> bool:
        return isinstance(term, Expression) and term.operation is not None and id(term) not in self._written

    def _operated(self, term: Expression) -> str:
        row: Any = term.operation
        operands = [self.write(operand) for operand in term.operands]
        if row in (rules.less, rules.less_equal):
            return self._number(self.compared("olt" if row is rules.less else "ole", *operands))
        if row is rules.either:
            return self._number(
                self.new(f"or {self.truth} {self._condition(operands[0])}, {self._condition(operands[1])}")
            )
        if row is rules.where:
            return self.chosen(self._condition(operands[0]), *operands[1:])
        if row in (rules.maximum, rules.minimum):
            a, b = operands
            first = self.compared("oge" if row is rules.maximum else "ole", a, b)
            return self.chosen(self.new(f"or {self.truth} {first}, {self.compared('uno', a, a)}"), a, b)
        if row in (POWER_OF_TWO, EXPONENT, MANTISSA):
            return self._of_bits(row, *operands)
        if (template := OPERATORS.get(row.forward)) is not None:
            return self.new(template.format(*operands, type=self.type))
        return self.call(CALLS.get(row) or c_name(row) or composed_function(row, self.lanes), operands)

    def compared(self, how: str, a: str, b: str) -> str:
        """Return the name of a comparison."""
        return self.new(f"fcmp {how} {self.type} {a}, {b}")

    def chosen(self, condition: str, a: str, b: str) -> str:
        """Return the name of one of two numbers."""
        return self.new(f"select {self.truth} {condition}, {self.type} {a}, {self.type} {b}")

    def _condition(self, a: str) -> str:
        return self._conditions.get(a) or self.compared("une", a, self.number(0.0))

    def _number(self, condition: str) -> str:
        name = self.new(f"uitofp {self.truth} {condition} to {self.type}")
        self._conditions[name] = condition
        return name

    def _of_bits(self, row: Operation, x: str) -> str:
        """Return the name of a function of the bits of a float: 1 of the sign, 11 of the exponent, 52 of the mantissa.

        No float is converted to an integer, which is not defined for nan; and there are no branches.
        """
        integers = of_lanes("i64", self.lanes)

        def operated(operation: str, bits: str, number: int) -> str:
            written = str(number) if self.lanes == 1 else f"splat (i64 {number})"
            return self.new(f"{operation} {integers} {bits}, {written}")

        def as_bits(name: str) -> str:
            return self.new(f"bitcast {self.type} {name} to {integers}")

        def as_number(name: str) -> str:
            return self.new(f"bitcast {integers} {name} to {self.type}")

        if row is POWER_OF_TWO:
            whole = as_bits(self.new(f"fadd {self.type} {x}, {self.number(WHOLE)}"))
            return as_number(operated("add", operated("shl", whole, 52), 1023 << 52))
        bits = as_bits(x)
        above = operated("sub", bits, ROOT_OF_HALF)  # so that the exponent is that of x / sqrt(1/2)
        if row is MANTISSA:
            return as_number(self.new(f"sub {integers} {bits}, {operated('and', above, -1 << 52)}"))
        whole = as_number(operated("add", operated("ashr", above, 52), int(float_bits(WHOLE), 16)))
        return self.new(f"fsub {self.type} {whole}, {self.number(WHOLE)}")


def of_lanes(kind: str, lanes: int) -> str:
    """Return the type of a number, or of a vector of so many."""
    return kind if lanes == 1 else f"<{lanes} x {kind}>"


def in_lanes(name: str, lanes: int) -> str:
    """Return the name of a function of vectors."""
    if lanes == 1:
        return name
    return f"{name.removesuffix('f64')}v{lanes}f64" if name.startswith("llvm.") else f"{name}.v{lanes}"


def _composed_member(operation: Any) -> Callable[..., Any] | None:
    if operation.family is None:
        return None
    family, number = operation.family
    if family is rules.power_of:
        return lambda x: x * x if number == 2.0 else rules.power(x, number) if number != 1.0 else x
    return (lambda x: COMPOSED[family](x, number)) if family in COMPOSED else None


@cache
def composed_function(row: Operation, lanes: int) -> str:
    """Return the name of the function of a row that is made of others; NotImplementedError if it is not."""
    arity = len(row.partials)
    lines = Lines({position: f"%x{position}" for position in range(arity)}, lanes=lanes)
    found = lines.write(composition(row, list(map(symbol, range(arity)))))
    name = f"row.{identifier(row.name)}"
    parameters = ", ".join(f"{lines.type} %x{position}" for position in range(arity))
    body = "\n  ".join([*lines.lines, f"ret {lines.type} {found}"])
    head = f"define internal {lines.type} @{in_lanes(name, lanes)}({parameters}) noinline nounwind memory(none)"
    functions_of_rows[in_lanes(name, lanes)] = f'{head} "prefer-vector-width"="512" {{\n  {body}\n}}'
    return name


functions_of_rows: dict[str, str] = {}  # made so far, by their names


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
