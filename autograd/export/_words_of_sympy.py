"""The words of SymPy: how an operation is written in its functions, so that their derivatives follow our table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from autograd import rules
from autograd.export._functions_of_sympy import FloorDivision, Frozen, Modulo, choice
from autograd.rules import Operation


def number_of(value: float) -> Any:
    """Return a float as a number of SymPy, which is an integer where it is whole and exact."""
    if value != value or value - value != 0.0:
        return sympy.nan if value != value else sympy.oo if value > 0.0 else -sympy.oo
    return sympy.Integer(int(value)) if value.is_integer() and abs(value) < 2.0**53 else sympy.Float(value)


def _truth(number: Any) -> Any:
    """Return whether a number is not 0; of one that a comparison gives, the comparison."""
    sides = [*number.args] if isinstance(number, sympy.Piecewise) else []
    return sides[0].args[1] if [side.args[0] for side in sides] == [1, 0] else sympy.Ne(number, 0)


def _dot(*operands: Any) -> Any:
    half = len(operands) // 2
    return sympy.Add(*[a * b for a, b in zip(operands[:half], operands[half:], strict=True)])


def _floor(x: Any) -> Any:
    return Frozen(sympy.floor(x))


def _clip(a: Any, b: Any, c: Any) -> Any:
    bound = choice(c < sympy.Max(a, b), c, choice(b < c, b, Frozen(b)))
    return choice(sympy.And(b <= a, a <= c), a, bound)


def _cbrt(x: Any) -> Any:
    sign = Frozen(sympy.sign(x))  # whose derivative by SymPy is a DiracDelta, which is no function of numbers
    return sign * (sign * x) ** sympy.Rational(1, 3)


def _mills(n: Any, x: Any) -> Any:
    """Return the ratio of this order by the recurrence from that of order 0, of the upper tail and the density."""
    y = sympy.sqrt(sympy.pi / 2) * sympy.exp(x**2 / 2) * sympy.erfc(x / sympy.sqrt(2))
    for k in range(1, int(n) + 1):
        y = (1 / y - x) / k
    return y


def _distribution(x: Any) -> Any:
    return sympy.erfc(-x / sympy.sqrt(2)) / 2


def _hypot(a: Any, b: Any) -> Any:
    return sympy.sqrt(a * a + b * b)


CALLED_ALIKE = (
    *(rules.exp, rules.log, rules.sqrt, rules.erf, rules.erfc, rules.erfinv, rules.digamma, rules.trigamma),
    *(rules.sin, rules.cos, rules.tan, rules.asin, rules.acos, rules.atan, rules.atan2),
    *(rules.sinh, rules.cosh, rules.tanh, rules.asinh, rules.acosh, rules.atanh),
)
# Max and Min have in SymPy the derivatives 1/2 and 1/2 where both operands are equal, as here, and Abs 0 at 0.
SYMPY_WORDS: dict[Operation, Callable[..., Any]] = {
    rules.add: lambda a, b: a + b,
    rules.sub: lambda a, b: a - b,
    rules.mul: lambda a, b: a * b,
    rules.divide: lambda a, b: a / b,
    rules.ieee_divide: lambda a, b: a / b,
    rules.power: lambda a, b: a**b,
    rules.ieee_power: lambda a, b, k: a ** (b - k),
    rules.negative: lambda x: -x,
    rules.positive: lambda x: x,
    **{row: getattr(sympy, row.name) for row in CALLED_ALIKE},
    rules.abs: sympy.Abs,
    rules.maximum: sympy.Max,
    rules.minimum: sympy.Min,
    rules.largest: lambda *xs: sympy.Integer(0),  # which softmax subtracts: any number cancels
    rules.expm1: lambda x: sympy.exp(x) - 1,
    rules.log1p: lambda x: sympy.log(1 + x),
    rules.log2: lambda x: sympy.log(x, 2),
    rules.log10: lambda x: sympy.log(x, 10),
    rules.cbrt: _cbrt,
    rules.hypot: _hypot,
    rules.sigmoid: lambda x: 1 / (1 + sympy.exp(-x)),
    rules.softplus: lambda x: sympy.log(1 + sympy.exp(x)),
    rules.silu: lambda x: x / (1 + sympy.exp(-x)),
    rules.gelu: lambda x: x * sympy.erfc(-x / sympy.sqrt(2)) / 2,
    rules.exp2: lambda x: 2**x,
    rules.log_sigmoid: lambda x: -sympy.log(1 + sympy.exp(-x)),
    rules.logaddexp: lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)),
    rules.xlogy: lambda a, b: choice(b > 0, a * sympy.log(b), 0),
    rules.floor: _floor,
    rules.mod: Modulo,
    rules.floordiv: FloorDivision,
    rules.clip: _clip,
    rules.lgamma: lambda x: sympy.log(sympy.gamma(x) ** 2) / 2,  # of Abs the second derivative has no number
    rules.ndtr: _distribution,
    rules.log_ndtr: lambda x: sympy.log(_distribution(x)),
    rules.normal_ratio: lambda x: sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi) / _distribution(x),
    rules.sinc: lambda x: sympy.sinc(sympy.pi * x),
    rules.relu: lambda x: choice(x > 0, x, 0),
    rules.where: lambda condition, a, b: choice(_truth(condition), a, b),
    rules.where.decided: lambda condition, a, b: choice(_truth(condition), a, b),
    rules.where.chosen: lambda x: x,
    rules.less: lambda a, b: choice(a < b, 1, 0),
    rules.less_equal: lambda a, b: choice(a <= b, 1, 0),
    rules.either: lambda a, b: choice(sympy.Or(_truth(a), _truth(b)), 1, 0),
    rules.fsum: sympy.Add,
    rules.mean: lambda *xs: sympy.Add(*xs) / len(xs),
    rules.logsumexp: lambda *xs: sympy.log(sympy.Add(*map(sympy.exp, xs))),
    rules.dot: _dot,
    rules.ieee_dot: _dot,
    rules.ieee_log: sympy.log,
    rules.ieee_unit: lambda a, b: a / _hypot(a, b),
    rules.ieee_sech2: lambda x: 1 / sympy.cosh(x) ** 2,
    rules.ieee_cathetus: lambda x: sympy.sqrt((1 - x) * (1 + x)),
}
MEMBERS: dict[Any, Callable[..., Any]] = {
    rules.mills_of: _mills,
    rules.polygamma_of: sympy.polygamma,
    rules.power_of: lambda n, x: x**n,
    rules.leaky_relu: lambda slope, x: choice(x > 0, x, slope * x),
    rules.elu: lambda alpha, x: choice(x > 0, x, alpha * (sympy.exp(x) - 1)),
}
