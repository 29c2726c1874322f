"""Formulas for native code: rows that the C library lacks, of other rows and of primitives that processors have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd import rules
from autograd.rules import Expression, Operation


def _primitive(name: str, arity: int) -> Operation:
    """Return a function that only code of the machine has; its partial derivatives are never asked for."""
    return Operation(name, *[lambda *operands: math.nan] * (1 + arity))


FLOOR, ROUND = Operation("floor", math.floor, lambda y, x: 0.0), _primitive("round", 1)
C_REMAINDER = Operation("fmod", math.fmod, lambda y, a, b: math.nan, lambda y, a, b: math.nan)
C_POWER = Operation("pow", math.pow, lambda y, a, b: math.nan, lambda y, a, b: math.nan)
MULTIPLY_ADD, COPYSIGN = _primitive("a * b + c", 3), _primitive("copysign", 2)
POWER_OF_TWO = _primitive("2 ** k", 1)  # of a whole k, where the power is a normal float
EXPONENT, MANTISSA = _primitive("exponent", 1), _primitive("mantissa", 1)  # x = 2 ** k * m, m from sqrt(1/2) to sqrt(2)


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
    fractional = called(FLOOR, b) < b
    return rules.where((a < 0.0) * fractional, math.nan, called(C_POWER, a, b))


def _ieee_power(a: Any, b: Any, k: Any) -> Any:
    """Return a ** (b - k); where b - k is rounded, a ** b divided by a, k times."""
    again = b - k + k
    counts = (k >= 0.0) * (k < math.inf) * (called(FLOOR, k) >= k)
    exact = (again <= b) * (b <= again) | (abs(a) <= 0.0) | (abs(a) >= math.inf) | (1.0 - counts)
    return rules.where(exact, _power(a, b - k), _power(a, b) / a / called(C_POWER, a, k - 1.0))


def _ieee_unit(a: Any, b: Any) -> Any:
    scale = rules.maximum(abs(a), abs(b))
    return rules.where(scale >= math.inf, a / scale, a / scale / rules.hypot(a / scale, b / scale))


def _is_below(rest: Any, b: Any) -> Any:
    """Return whether C's remainder, which has the sign of the dividend, has not that of the divisor, as Python's."""
    return (rest < 0.0) * (b > 0.0) | (rest > 0.0) * (b < 0.0)


def _mod(a: Any, b: Any) -> Any:
    rest = called(C_REMAINDER, a, b)
    rest = rules.where(_is_below(rest, b), rest + b, rest)
    return rules.where(abs(rest) <= 0.0, called(COPYSIGN, 0.0, b), rest)  # Python's sign of a zero


def _floordiv(a: Any, b: Any) -> Any:
    rest = called(C_REMAINDER, a, b)
    quotient = (a - rest) / b - 1.0 * _is_below(rest, b)
    whole = called(FLOOR, quotient)
    whole = rules.where(quotient - whole > 0.5, whole + 1.0, whole)
    return rules.where(abs(whole) <= 0.0, called(COPYSIGN, 0.0, a / b), whole)  # Python's sign of a zero


def called(operation: Operation, *operands: Any) -> Expression:
    """Return an operation of expressions, also where it is no public function."""
    return Expression(operation, operands)


def _pairwise(combine: Callable[[Any, Any], Any], terms: Sequence[Any]) -> Any:
    """Return all terms combined, pair by pair, so that sums are accurate and few wait for others."""
    terms = list(terms)
    while len(terms) > 1:
        terms = [combine(*terms[n : n + 2]) if n + 1 < len(terms) else terms[n] for n in range(0, len(terms), 2)]
    return terms[0] if terms else 0.0


def _sum(*xs: Any) -> Any:
    return _pairwise(lambda a, b: a + b, xs)


def _mean(*xs: Any) -> Any:
    total = _sum(*xs)  # may overflow, where the mean does not
    return rules.where(abs(total) < math.inf, total / len(xs), _sum(*[x / len(xs) for x in xs]))


def _dot(*xs: Any) -> Any:
    half = len(xs) // 2
    return _sum(*[a * b for a, b in zip(xs[:half], xs[half:], strict=True)])


def _largest(*xs: Any) -> Any:
    return _pairwise(rules.maximum, xs)


def _logsumexp(*xs: Any) -> Any:
    m, terms, before = _largest(*xs), [], 0.0
    for x in xs:  # the term of the largest, the first one of them, is the 1 of log1p
        is_largest = (x >= m) * (1.0 - before)
        terms.append(rules.where(is_largest, 0.0, rules.exp(x - m)))
        before = (x >= m) | before
    return rules.where(abs(m) >= math.inf, m, m + rules.log1p(_sum(*terms)))


COMPOSED: Mapping[Any, Callable[..., Any]] = {
    rules.fsum: _sum,
    rules.mean: _mean,
    rules.dot: _dot,
    rules.ieee_dot: _dot,
    rules.largest: _largest,
    rules.logsumexp: _logsumexp,
    rules.sigmoid: _sigmoid,
    rules.softplus: lambda x: rules.maximum(x, 0.0) + rules.log1p(rules.exp(-abs(x))),
    rules.silu: _silu,
    rules.gelu: lambda x: 0.5 * x * rules.erfc(-x / rules.SQRT_2),
    rules.relu: lambda x: rules.where(x <= 0.0, 0.0, x),
    rules.leaky_relu: lambda x, slope: rules.where(x > 0.0, x, slope * x),
    rules.elu: lambda x, alpha: rules.where(x > 0.0, x, alpha * rules.expm1(x)),
    rules.power: _power,
    rules.ieee_divide: lambda a, b: a / b,
    rules.floor: lambda x: called(FLOOR, x),
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
