"""The words of C99: what the operations of the table are called there, and functions for those that C lacks.

Rows that are made of others are not listed: their functions are written when they are called.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from autograd import rules
from autograd.export._own_operation import ScalarDialect
from autograd.rules import ATOM, POWER, PRECEDENCE, SIGN, SUM, Operation, infix

# Each begins with `static double NAME_`, and calls others as NAME_other. As accurate in its tails as the table's own.
HELPERS = {
    "square": "(double x) { return x * x; }",
    "maximum": "(double a, double b) { return a >= b || a != a ? a : b; }",
    "minimum": "(double a, double b) { return a <= b || a != a ? a : b; }",
    "relu": "(double x) { return x <= 0.0 ? 0.0 : x; }",
    "leaky_relu": "(double x, double slope) { return x > 0.0 ? x : slope * x; }",
    "elu": "(double x, double alpha) { return x > 0.0 ? x : alpha * expm1(x); }",
    "sigmoid": """(double x) {
    double e = exp(-fabs(x));
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}""",
    "softplus": "(double x) { return (x > 0.0 ? x : 0.0) + log1p(exp(-fabs(x))); }",
    "silu": """(double x) {
    double e = exp(-0.5 * fabs(x));
    return (x >= 0.0 ? x : x * e * e) / (1.0 + e * e);
}""",
    "gelu": "(double x) { return 0.5 * x * erfc(-x / 1.4142135623730951); }",
    "sech2": """(double x) {
    double e = exp(-fabs(x)), y = 2.0 * e / (1.0 + e * e);
    return y * y;
}""",
    "cathetus": "(double x) { return sqrt((1.0 - x) * (1.0 + x)); }",
    "unit": """(double a, double b) {
    double scale = fmax(fabs(a), fabs(b));
    return isinf(scale) ? a / scale : a / scale / hypot(a / scale, b / scale);
}""",
    "power": """(double a, double b, double k) {
    double y;
    if (b - k + k == b || a == 0.0 || isinf(a) || k < 0.0 || fmod(k, 1.0) > 0.0) return pow(a, b - k);
    for (y = pow(a, b); k > 0.5; k -= 1.0) y /= a;
    return y;
}""",
    "mod": """(double a, double b) {
    double rest = fmod(a, b);
    if (rest == 0.0) return copysign(0.0, b);
    return (rest < 0.0) != (b < 0.0) ? rest + b : rest;
}""",
    "floordiv": """(double a, double b) {
    double rest = fmod(a, b), quotient = (a - rest) / b, whole;
    if (rest != 0.0 && (rest < 0.0) != (b < 0.0)) quotient -= 1.0;
    whole = floor(quotient);
    if (quotient == 0.0) return copysign(0.0, a / b);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}""",
    "largest": """(const double *x, int count, int stride) {
    double y = x[0];
    for (int i = 1; i < count; i++)
        if (x[i * stride] > y || x[i * stride] != x[i * stride]) y = x[i * stride];
    return y;
}""",
    "logsumexp": """(const double *x, int count, int stride) {
    double sum = 0.0;
    int at = 0;
    for (int i = 1; i < count; i++)
        if (x[i * stride] > x[at * stride] || x[i * stride] != x[i * stride]) at = i;
    if (!isfinite(x[at * stride])) return x[at * stride];
    for (int i = 0; i < count; i++)
        if (i != at) sum += exp(x[i * stride] - x[at * stride]);
    return x[at * stride] + log1p(sum);
}""",
}
# Functions that C has under the same name.
SAME_IN_C = (
    *(rules.exp, rules.expm1, rules.log, rules.log1p, rules.log2, rules.log10, rules.sqrt, rules.cbrt),
    *(rules.sin, rules.cos, rules.tan, rules.asin, rules.acos, rules.atan, rules.sinh, rules.cosh, rules.tanh),
    *(rules.asinh, rules.acosh, rules.atanh, rules.erf, rules.erfc, rules.atan2, rules.hypot, rules.floor),
)
SUPPLIED_IN_C: dict[Operation, str] = {
    row: row.name
    for row in (rules.maximum, rules.minimum, rules.relu, rules.sigmoid, rules.softplus, rules.silu, rules.gelu)
}
SUPPLIED_IN_C |= {rules.ieee_sech2: "sech2", rules.ieee_cathetus: "cathetus", rules.ieee_unit: "unit"}
SUPPLIED_IN_C |= {rules.ieee_power: "power", rules.mod: "mod", rules.floordiv: "floordiv"}
CHOICES_IN_C = (rules.where, rules.where.decided, rules.guard, rules.unguard)


def c_number(number: float) -> str:
    """Write a number, exactly.

    >>> c_number(0.1), c_number(2.0), c_number(float("-inf"))
    ('0.1', '2.0', '-INFINITY')
    """
    if math.isfinite(number):
        return repr(float(number))
    return "NAN" if number != number else f"{number}".upper() + "INITY"


@dataclass(frozen=True)
class CDialect(ScalarDialect):
    """The dialect of C; `prefix`: of the functions that it lacks."""

    read: ClassVar[str] = "as C"

    prefix: str = ""

    def printed(self, operation: Operation, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        """Print an operation on operands, each with how tightly it binds; return how tightly the whole does."""
        conditions = 2 if operation is rules.either else int(operation in CHOICES_IN_C)
        for i in range(conditions):  # compilers warn of a product as a condition
            if operands[i][1] < ATOM:
                operands = [*operands[:i], (f"{operands[i][0]} != 0.0", SUM), *operands[i + 1 :]]
        return super().printed(operation, operands)

    def of_row(self, function: str, operands: Sequence[str]) -> str:
        """Return the call of a function of a row of numbers."""
        return f"{self.prefix}_{function}((const double[]){{{', '.join(operands)}}}, {len(operands)}, 1)"


def dialect(prefix: str) -> CDialect:
    """Return the dialect in which the functions that C lacks begin with a prefix."""
    return CDialect(
        operators={
            **infix(),
            rules.less: "({} < {})",
            rules.less_equal: "({} <= {})",
            rules.either: "({} || {})",
            rules.where: "({} ? {} : {})",
            rules.where.decided: "({} ? {} : {})",
            rules.guard: "({} ? {} : NAN)",
            rules.unguard: "({} ? {} : 0.0)",
        },
        words={
            **{row: f"{row.name}({', '.join(['{}'] * len(row.partials))})" for row in SAME_IN_C},
            **{row: f"{prefix}_{name}({', '.join(['{}'] * len(row.partials))})" for row, name in SUPPLIED_IN_C.items()},
            rules.abs: "fabs({})",
            rules.power: "pow({}, {})",
            rules.ieee_log: "log({})",
        },
        members={
            rules.power_of: lambda n: (
                "{}" if n == 1.0 else f"{prefix}_square({{}})" if n == 2.0 else f"pow({{}}, {c_number(n)})"
            ),
            rules.leaky_relu: lambda slope: f"{prefix}_leaky_relu({{}}, {c_number(slope)})",
            rules.elu: lambda alpha: f"{prefix}_elu({{}}, {c_number(alpha)})",
        },
        composed={rules.positive: lambda x: x, rules.detached: lambda x: x, rules.where.chosen: lambda x: x},
        literal=c_number,
        precedence={**PRECEDENCE}
        | dict.fromkeys((rules.less, rules.less_equal), (ATOM, SUM, SUM))
        | dict.fromkeys((rules.where, rules.where.decided), (ATOM, SUM, SUM, SUM))
        | dict.fromkeys((rules.guard, rules.unguard), (ATOM, SUM, SUM))
        | {rules.either: (ATOM, ATOM, ATOM), rules.negative: (SIGN, POWER)},
        prefix=prefix,
    )


def c_function(name: str, arguments: Sequence[str], lines: Sequence[tuple[str, str]], result: str) -> str:
    """Write a function in C."""
    parameters = ", ".join(f"double {argument}" for argument in arguments)
    body = [*(f"double {local} = {source};" for local, source in lines), f"return {result};"]
    return "\n    ".join([f"static double {name}({parameters}) {{", *body]) + "\n}"


def helpers(prefix: str, text: str) -> list[str]:
    """Return the functions that a text calls."""
    return [
        f"static double {prefix}_{name}{source}"
        for name, source in HELPERS.items()
        if re.search(rf"\b{prefix}_{name}\(", text)
    ]
