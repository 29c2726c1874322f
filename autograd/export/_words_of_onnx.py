"""The words of ONNX: the operators that ONNX Runtime has in double precision, and the other rows composed of these.

In double precision it has no inverse or reciprocal trigonometric function, no hyperbolic one but Tanh, and no Erf; ONNX
has no expm1, log1p and erfc at all. What is composed is as accurate in its tails as the table's own function, and the
same in single precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, ClassVar

from autograd import rules
from autograd.export._own_operation import TWO_AT_A_TIME, SymbolicDialect
from autograd.rules import Expression, Operation

_HALF_PI = 0.5 * math.pi
HUGE = 1e8  # from which on x * x + 1 is x * x
# Coefficients of the Chebyshev series of log(erfc(x) * exp(x * x) / t) in t from 0 to 1, where t = 2 / (2 + x) and x is
# not negative, computed with 60 digits; the sum of those left out is below 1e-18. The first one is halved.
ERFC_SERIES = (
    *(-0.6513268598908547, 0.6419697923564903, 0.019476473204185837, -0.009561514786808632, -0.000946595344482037),
    *(0.00036683949785276146, 4.252332480690777e-05, -2.0278578112534242e-05, -1.6242900046470256e-06),
    *(1.3036558355805232e-06, 1.5626441722066143e-08, -8.523809591492654e-08, 6.529054439098851e-09),
    *(5.059343495551469e-09, -9.91364156493033e-10, -2.273651222931836e-10, 9.646791102015526e-11),
    *(2.3940380830391147e-12, -6.886027526497553e-12, 8.944879273090726e-13, 3.13092139934296e-13),
    *(-1.1270822361367252e-13, 3.810905255189232e-16, 7.106097613609237e-15, -1.5230282014571043e-15),
    *(-9.457494571291233e-17, 1.2102371892242790e-16, -2.8166630877471770e-17),
)
REMAINDER = Operation("fmod", math.fmod, *[lambda y, a, b: math.nan] * 2)  # C's
ATTRIBUTES = {"Mod": {"fmod": 1}}  # of operators
ERF_TERMS = 13  # of the Taylor series of erf up to 1/2


class OnnxDialect(SymbolicDialect):
    """The dialect of ONNX, whose words are the names of operators."""

    read: ClassVar[str] = "for ONNX"

    def rewritten(self, term: Any) -> Any:
        """Return an expression whose last operation is a word of ONNX."""
        while isinstance(term, Expression) and term.operation is not None and term.operation not in self.words:
            found = super().rewritten(term)
            family = term.operation.family
            term = _MEMBERS[family[0]](family[1])(*term.operands) if found is term and family else found
        return term

    def is_read(self, operation: Operation) -> bool:
        """Whether an operation is what its function computes of symbols."""
        written = operation in self.words or operation in self.composed
        return not (written or (operation.family is not None and operation.family[0] in _MEMBERS))


def _signed(of_size: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an odd function, of what it is where the operand is not negative."""

    def function(x: Any) -> Any:
        y = of_size(rules.abs(x))
        return rules.where(x < 0.0, -y, y)

    return function


def _log1p(x: Any) -> Any:
    """Write log(1 + x), of a small x without the rounding of 1 + x, by which both factors are off alike (Kahan)."""
    whole = 1.0 + x
    taken = whole - 1.0
    small = rules.where(rules.abs(taken) <= 0.0, x, rules.log(whole) * (x / taken))
    return rules.where(x < 1.0, small, rules.log(whole))


def _expm1(x: Any) -> Any:
    """Write exp(x) - 1."""
    return rules.tanh(0.5 * x) * (rules.exp(x) + 1.0)


def _cosh(x: Any) -> Any:
    """Write the hyperbolic cosine, by the root of exp(x), which does not overflow before the result does."""
    root = rules.exp(0.5 * rules.abs(x))
    return 0.5 * root * root + 0.5 / root / root


def _sigmoid(x: Any) -> Any:
    """Write the logistic function; ONNX Runtime's own Sigmoid is 0 from -708 on, in single precision from -18 on."""
    e = rules.exp(-rules.abs(x))
    return rules.where(x < 0.0, e, 1.0) / (1.0 + e)


def _silu(x: Any) -> Any:
    """Write x times its sigmoid."""
    e = rules.exp(-0.5 * rules.abs(x))
    return rules.where(x < 0.0, x * e * e, x) / (1.0 + e * e)


def _asinh(x: Any) -> Any:
    """Write the inverse hyperbolic sine of what is not negative."""
    small = _log1p(x + x * x / (1.0 + rules.sqrt(1.0 + x * x)))
    return rules.where(x < HUGE, small, rules.log(x) + rules.LN_2)


def _acosh(x: Any) -> Any:
    """Write the inverse hyperbolic cosine."""
    over = x - 1.0
    return rules.where(x < HUGE, _log1p(over + rules.sqrt(over * (x + 1.0))), rules.log(x) + rules.LN_2)


def _atan(x: Any) -> Any:
    """Write the arctangent of what is not negative: a guess g, and then atan(tan(atan(x) - g)), which is small."""
    inverted = x > 1.0
    u = rules.where(inverted, 1.0 / x, x)
    guess = u / (1.0 + 0.28 * u * u)  # within 0.005
    s, c = rules.sin(guess), rules.cos(guess)
    d = (u * c - s) / (c + u * s)
    d2 = d * d
    y = guess + d * (1.0 - d2 * (1.0 / 3.0 - d2 * (1.0 / 5.0 - d2 / 7.0)))
    return rules.where(inverted, _HALF_PI - y, y)


def _atan2(a: Any, b: Any) -> Any:
    """Write the angle of the point (b, a); signs are those of zeros too."""
    rise, run = rules.abs(a), rules.abs(b)
    alike = rules.where(rise <= run, rules.where(rise <= 0.0, rise, 1.0), rules.ieee_divide(rise, run))  # or nan
    angle = _atan(rules.where((rise < run) | (run < rise), rules.ieee_divide(rise, run), alike))
    angle = rules.where(_is_signed(b), math.pi - angle, angle)
    return rules.where(_is_signed(a), -angle, angle)


def _is_signed(x: Any) -> Any:
    return (x < 0.0) | (rules.ieee_divide(1.0, x) < 0.0)  # as that of -0.0 is


def _hypot(a: Any, b: Any) -> Any:
    """Write the length of the vector (a, b), without overflow on the way."""
    a, b = rules.abs(a), rules.abs(b)
    large, small = rules.maximum(a, b), rules.minimum(a, b)
    ratio = rules.where(small < large, small / large, 1.0)
    return large * rules.sqrt(1.0 + ratio * ratio)


def _unit(a: Any, b: Any) -> Any:
    """Write a / hypot(a, b), which is nan at the origin."""
    scale = rules.maximum(rules.abs(a), rules.abs(b))
    a, b = a / scale, b / scale
    return a / rules.sqrt(a * a + b * b)


def _mod(a: Any, b: Any) -> Any:
    """Write the remainder with the sign of the divisor, by ONNX's, which has that of the dividend."""
    rest = Expression(REMAINDER, [a, b])
    return rules.where(_is_opposite(rest, b), rest + b, rest)


def _floordiv(a: Any, b: Any) -> Any:
    """Write the quotient that belongs to the remainder, which is a whole number up to rounding."""
    rest = Expression(REMAINDER, [a, b])
    quotient = rules.where(_is_opposite(rest, b), (a - rest) / b - 1.0, (a - rest) / b)
    return rules.floor(quotient + 0.5)


def _is_opposite(rest: Any, b: Any) -> Any:
    return (rest < 0.0) * (0.0 < b) | (0.0 < rest) * (b < 0.0)  # noqa: SIM300


def _erfc(x: Any) -> Any:
    """Write the complementary error function, by its Chebyshev series."""
    z = rules.abs(x)
    t = 2.0 / (2.0 + z)
    twice = 4.0 * t - 2.0
    last, one = 0.0, 0.0
    for coefficient in ERFC_SERIES[:0:-1]:  # by Clenshaw's recurrence
        last, one = one, twice * one - last + coefficient
    y = t * rules.exp(0.5 * twice * one - last + ERFC_SERIES[0] - z * z)
    return rules.where(x < 0.0, 2.0 - y, y)


def _erf(x: Any) -> Any:
    """Write the error function of what is not negative, near 0 by its Taylor series."""
    square = x * x
    terms = [(-1.0) ** n / math.factorial(n) / (2 * n + 1) * rules.TWO_OVER_SQRT_PI for n in range(ERF_TERMS)]
    series = x * reduce(lambda total, term: total * square + term, reversed(terms))
    return rules.where(x < 0.5, series, 1.0 - _erfc(x))


def _sech2(x: Any) -> Any:
    """Write 1 / cosh(x) ** 2."""
    e = rules.exp(-rules.abs(x))
    y = 2.0 * e / (1.0 + e * e)
    return y * y


def _power_of(n: float) -> Callable[[Any], Any]:
    """Return what writes a power with a constant exponent."""
    return lambda x: x if n == 1.0 else x * x if n == 2.0 else rules.power(x, n)


_MEMBERS: dict[Any, Callable[[float], Callable[[Any], Any]]] = {
    rules.power_of: _power_of,
    rules.leaky_relu: lambda slope: lambda x: rules.where(x > 0.0, x, slope * x),
    rules.elu: lambda alpha: lambda x: rules.where(x > 0.0, x, alpha * _expm1(x)),
}
ONNX = OnnxDialect(
    operators={},
    words={
        **{row: row.name.title() for row in (rules.exp, rules.log, rules.sqrt, rules.abs, rules.sin, rules.cos)},
        **{rules.tanh: "Tanh", rules.relu: "Relu", rules.negative: "Neg", rules.ieee_log: "Log"},
        **{rules.add: "Add", rules.sub: "Sub", rules.mul: "Mul", rules.divide: "Div", rules.ieee_divide: "Div"},
        **{rules.floor: "Floor", rules.ceil: "Ceil", REMAINDER: "Mod"},
        **{rules.power: "Pow", rules.maximum: "Max", rules.minimum: "Min"},
        **{rules.less: "Less", rules.less_equal: "LessOrEqual", rules.either: "Or"},
        **{rules.where: "Where", rules.where.decided: "Where"},
    },
    composed={
        **TWO_AT_A_TIME,
        rules.positive: lambda x: x,
        rules.detached: lambda x: x,
        rules.where.chosen: lambda x: x,
        rules.guard: lambda condition, x: rules.where(condition, x, math.nan),
        rules.unguard: lambda condition, x: rules.where(condition, x, 0.0),
        rules.expm1: _expm1,
        rules.log1p: _log1p,
        rules.log2: lambda x: rules.LOG2_E * rules.log(x),
        rules.log10: lambda x: rules.LOG10_E * rules.log(x),
        rules.cbrt: _signed(lambda x: rules.power(x, 1.0 / 3.0)),
        rules.tan: lambda x: rules.sin(x) / rules.cos(x),
        rules.asin: lambda x: _signed(_atan)(x / rules.sqrt((1.0 - x) * (1.0 + x))),
        rules.acos: lambda x: 2.0 * _atan(rules.sqrt((1.0 - x) / (1.0 + x))),
        rules.atan: _signed(_atan),
        rules.atan2: _atan2,
        rules.sinh: lambda x: rules.tanh(x) * _cosh(x),
        rules.cosh: _cosh,
        rules.asinh: _signed(_asinh),
        rules.acosh: _acosh,
        rules.atanh: _signed(lambda x: 0.5 * _log1p(2.0 * x / (1.0 - x))),
        rules.hypot: _hypot,
        rules.mod: _mod,
        rules.floordiv: _floordiv,
        rules.erf: _signed(_erf),
        rules.erfc: _erfc,
        rules.sigmoid: _sigmoid,
        rules.softplus: lambda x: rules.maximum(x, 0.0) + _log1p(rules.exp(-rules.abs(x))),
        rules.silu: _silu,
        rules.gelu: lambda x: 0.5 * x * _erfc(-x / rules.SQRT_2),
        rules.ieee_power: lambda a, b, k: rules.power(a, b - k),
        rules.ieee_unit: _unit,
        rules.ieee_sech2: _sech2,
        rules.ieee_cathetus: lambda x: rules.sqrt((1.0 - x) * (1.0 + x)),
    },
)
