"""Special functions: the rows of the gamma and the normal functions and of sinc, with all that their partials need.

A forward function here is a formula in the table's own functions, as a partial derivative is: read with floats it is
the function, read with symbols it is source code in any language. A formula keeps its digits over the whole domain, so
it has parts for several ranges, and where the textbook's derivative would cancel, the derivative is a row of its own.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from math import inf
from typing import Any

from autograd.rules.operation import Family, Unary
from autograd.rules.table import (
    SQRT_2,
    ExactConstant,
    _checked,
    _is_beyond,
    _select,
    abs,
    erf,
    erfc,
    exp,
    floor,
    log,
    log1p,
    maximum,
    sin,
    sqrt,
)

PI = ExactConstant(math.pi, "pi")
EULER_GAMMA = 0.5772156649015329
HALF_LOG_2_PI = ExactConstant(0.9189385332046728, "log(2 * pi) / 2")
HALF_SQRT_PI = ExactConstant(0.886226925452758, "sqrt(pi) / 2")
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
NOT_A_POLE = "x > 0 or x % 1 != 0"


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Return the polynomial with these coefficients, the constant one first, by Horner's rule."""
    *others, total = coefficients
    for coefficient in reversed(others):
        total = total * x + coefficient
    return total


def _half_turns(x: Any) -> tuple[Any, Any]:
    """Return sin(pi x) and cos(pi x) for x >= 0; whole turns are taken off before anything is rounded."""
    whole = floor(x)
    rest = x - whole
    sign = 1.0 - 2.0 * (whole - 2.0 * floor(0.5 * whole))
    return sign * sin(PI * _select(rest > 0.5, 1.0 - rest, rest)), sign * sin(PI * (0.5 - rest))


# The gamma function. lgamma is its Taylor series at the zero 2, shifted to the zero 1 and to numbers up to 8; from
# there on it is Stirling's series, and below -1/2 the reflection. The polygamma functions are shifted until their asymptotic
# series holds (Abramowitz & Stegun 6.1.33, 6.1.41, 6.3.18, 6.4.11), and reflected too.


def _zeta_minus_one(k: int) -> float:
    """Return the sum of m ** -k over m from 2 on, beyond 20 by the formula of Euler and Maclaurin."""
    terms = [float(m) ** -k for m in range(2, 20)] + [20.0 ** (1 - k) / (k - 1), 0.5 * 20.0**-k]
    for j, b in enumerate(BERNOULLI, 1):
        terms.append(b * math.prod(range(k, k + 2 * j - 1)) / math.factorial(2 * j) * 20.0 ** (1 - k - 2 * j))
    return math.fsum(terms)


LGAMMA_AT_2 = [1.0 - EULER_GAMMA, *((-1) ** k * _zeta_minus_one(k) / k for k in range(2, 29))]
STIRLING = [b / ((2 * k + 1) * (2 * k + 2)) for k, b in enumerate(BERNOULLI)]


def _pole(x: float) -> bool:
    return x <= 0.0 and x % 1.0 == 0.0


def _lgamma(x: Any) -> Any:
    a = abs(x)

    def near() -> Any:
        whole = floor(a + 0.5)
        z = _select(a < 0.5, x, a - whole)
        factor: Any = 1.0
        for k in range(1, 7):
            factor = factor * _select(whole > k + 1.5, a - k, 1.0)
        return z * _polynomial(z, LGAMMA_AT_2) + _select(a < 1.5, lambda: -log1p(z), lambda: log(factor))

    def far() -> Any:
        r = 1.0 / a
        return (a - 0.5) * (log(a) - 1.0) + (HALF_LOG_2_PI - 0.5 + r * _polynomial(r * r, STIRLING))

    y = _select(a < 8.0, near, far)  # at a; of a smaller x than 1/2 in magnitude, at 1 + x

    def reflected() -> Any:
        return _select(x <= -inf, inf, lambda: log(PI / (a * abs(_half_turns(a)[0]))) - y)

    return _select(a < 0.5, lambda: y - log(a), lambda: _select(x > 0.0, y, reflected))


def _digamma(x: Any) -> Any:
    right = x > -0.5
    a = _select(right, x, 1.0 - x)
    shifted = _select(a < 10.0, lambda: _sum([1.0 / (a + float(k)) for k in range(9, -1, -1)]), 0.0)
    far = _select(a < 10.0, a + 10.0, a)
    r = 1.0 / far
    series = r * (0.5 + r * _polynomial(r * r, [b / (2 * k + 2) for k, b in enumerate(BERNOULLI)]))
    return log(far) - series - shifted + _select(right, 0.0, lambda: PI * _cotangent(-x))


def _sum(terms: Sequence[Any]) -> Any:
    """Return a sum from left to right: the same of floats as of arrays and in other languages, in every Python.

    Python's own `sum` is compensated for floats from 3.12 on.
    """
    return functools.reduce(operator.add, terms)


def _cotangent(x: Any) -> Any:
    """Return cot(pi x) for x >= 0."""
    sine, cosine = _half_turns(x)
    return cosine / sine


def _polygamma(n: int, x: Any) -> Any:
    right = x > -0.5
    a = _select(right, x, 1.0 - x)
    far = 10.0 + n  # from where on the series holds
    factorial = float(math.factorial(n))

    def power(x: Any) -> Any:
        y = r = 1.0 / x
        for _ in range(n):
            y = y * r
        return y

    shifted = _select(a < far, lambda: _sum([power(a + float(k)) for k in range(9 + n, -1, -1)]), 0.0)
    r = 1.0 / _select(a < far, a + far, a)
    terms = [b * math.prod(range(2 * k + 3, 2 * k + n + 2)) for k, b in enumerate(BERNOULLI)]
    series = (factorial / n) + r * (0.5 * factorial + r * _polynomial(r * r, terms))
    for _ in range(n):
        series = r * series
    y = (-1.0) ** (n + 1) * (factorial * shifted + series)

    def reflected() -> Any:
        return (-1.0) ** n * y - PI ** (n + 1) * _polynomial(-_cotangent(-x), _cotangent_derivative(n))

    return _select(right, y, reflected)


def _cotangent_derivative(n: int) -> list[float]:
    """Return the coefficients of the n-th derivative of the cotangent as a polynomial in the cotangent."""
    found = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(found)][1:]
        found = [-(a + b) for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return [float(c) for c in found]


def _polygamma_of(constant: float) -> Unary:
    n = _order(constant, "polygamma", 1)
    return Unary(
        f"polygamma({n})",
        _checked(lambda x: _polygamma(n, x), _pole, infinite=True),
        lambda y, x: polygamma_of.member(n + 1.0)(x),
        template=f"polygamma({n}, {{}})",
        definition=f"psi({n}, x)",
        domain=NOT_A_POLE,
    )


def _order(constant: float, name: str, least: int, most: float = math.inf) -> int:
    if not least <= constant <= most or not constant.is_integer():
        extent = f"from {least} on" if most == math.inf else f"from {least} to {most:g}"
        raise ValueError(f"{name} is defined for whole orders {extent}, got {constant!r}")
    return int(constant)


# The normal distribution. In its lower tail the density over the distribution is -x and a small rest, a continued
# fraction (Laplace 1805). Differences of such ratios would lose all digits; the fraction's own tails give the
# derivatives without: q[n] = 1 / (x + (n + 1) q[n + 1]) has the derivative n q[n]**2 - (n + 1) q[n] q[n + 1]. They are
# not listed in the table, since they have their digits from x = 2 on only.

TAIL = 2.0  # from where on the fraction is taken
DEPTH = 75


def _mills(n: int, x: Any) -> Any:
    y: Any = 2.0 / (x + sqrt(x * x + 4.0 * (n + DEPTH + 1.0)))  # what reproduces itself
    for k in range(n + DEPTH, n, -1):
        y = 1.0 / (x + float(k) * y)
    return y


def _mills_of(constant: float) -> Unary:
    n = _order(constant, "mills", 1)
    return Unary(
        f"mills({n})",
        lambda x: _mills(n, x),
        lambda y, x: n * y * y - (n + 1.0) * y * mills_of.member(n + 1.0)(x),
        template=f"mills({n}, {{}})",
        definition=f"hyperu({n + 1} / 2, 1 / 2, x * x / 2) / hyperu({n} / 2, 1 / 2, x * x / 2) / sqrt(2)",
    )


def _density(x: Any) -> Any:
    """Return the density of the normal distribution."""
    return _select(_is_beyond(x, 1e3), 0.0, lambda: exp(-0.5 * x * x - HALF_LOG_2_PI))


def _normal_ratio(x: Any) -> Any:
    return _select(x < -TAIL, lambda: _mills(1, -x) - x, lambda: _density(x) * (2.0 / erfc(-x / SQRT_2)))


def _normal_ratio_slope(y: Any, x: Any) -> Any:
    t = maximum(-x, TAIL)
    q = mills_of.member(1.0)(t)
    return _select(x < -TAIL, q * (2.0 * mills_of.member(2.0)(t) - q) - 1.0, -y * (y + x))


def _log_ndtr(x: Any) -> Any:
    def body() -> Any:
        return _select(x > 0.0, lambda: log1p(-0.5 * erfc(x / SQRT_2)), lambda: log(0.5 * erfc(-x / SQRT_2)))

    return _select(x < -TAIL, lambda: -0.5 * x * x - HALF_LOG_2_PI - log(_mills(1, -x) - x), body)


def _erfinv(x: Any) -> Any:
    """Return a rough inverse (Winitzki 2008), improved three times by Halley's method."""
    a = abs(x)
    logarithm = log1p(-a * a)
    s = 2.0 / (PI * 0.147) + 0.5 * logarithm
    y = sqrt(-logarithm / 0.147 / (sqrt(s * s - logarithm / 0.147) + s))
    for _ in range(3):
        error = _select(a < 0.5, lambda y=y: erf(y) - a, lambda y=y: (1.0 - a) - erfc(y))
        step = HALF_SQRT_PI * exp(y * y) * error
        y = y - step / (1.0 + y * step)
    return _select(x < 0.0, -y, y)


# sinc(x) is the spherical Bessel function j[0](pi x), and the derivatives of these are sums of others of them: there is
# no difference to cancel near 0, where j[n] is its power series, as there is none in the recurrence far from it.


def _spherical_bessel(n: int, x: Any) -> Any:
    half_square = (n + 1.0) ** 2 / 2.0  # of pi x, where the series ends
    coefficients, term = [1.0], 1.0
    while math.fabs(term) > 2.0**-60:
        k = len(coefficients)
        coefficients.append(-coefficients[-1] / (k * (2 * n + 2 * k + 1)))
        term *= half_square / (k * (2 * n + 2 * k + 1))

    def near() -> Any:
        z = PI * x
        y = _polynomial(0.5 * z * z, coefficients)
        for k in range(1, n + 1):
            y = y * (z / (2.0 * k + 1.0))
        return y

    def far() -> Any:
        a = abs(x)
        sine, cosine = _half_turns(a)
        before, y = cosine / a / PI, sine / a / PI
        for k in range(n):
            before, y = y, (2.0 * k + 1.0) / PI / a * y - before
        return _select(x < 0.0, (-1.0) ** n * y, y) if n % 2 else y

    return _select(abs(x) < (n + 1.0) / PI, near, far)


def _bessel_below(n: int) -> Unary:
    return sinc if n == 1 else spherical_bessel_of.member(n - 1.0)


def _spherical_bessel_of(constant: float) -> Unary:
    n = _order(constant, "spherical_bessel", 1, 100)
    return Unary(
        f"spherical_bessel({n})",
        lambda x: _spherical_bessel(n, x),
        lambda y, x: (
            PI * (n * _bessel_below(n)(x) - (n + 1.0) * spherical_bessel_of.member(n + 1.0)(x)) / (2.0 * n + 1.0)
        ),
        template=f"spherical_bessel({n}, {{}})",
        definition=f"(pi * x) ** {n} / {math.prod(range(1, 2 * n + 2, 2))} * hyp0f1({n} + 3 / 2, -(pi * x) ** 2 / 4)",
    )


# Declared here for the rows that refer to a later one.
sinc: Unary
digamma: Unary
trigamma: Unary
polygamma_of: Family
mills_of: Family
spherical_bessel_of: Family
normal_ratio: Unary

# fmt: off

lgamma   = Unary("lgamma",   _checked(_lgamma, _pole),   lambda y, x: digamma(x), definition="re(loggamma(x))", domain=NOT_A_POLE, title="the logarithm of the absolute value of the gamma function")
digamma  = Unary("digamma",  _checked(_digamma, _pole, infinite=True),  lambda y, x: trigamma(x), domain=NOT_A_POLE, title="the digamma function, the derivative of lgamma")
trigamma = Unary("trigamma", _checked(lambda x: _polygamma(1, x), _pole, infinite=True), lambda y, x: polygamma_of.member(2.0)(x), definition="psi(1, x)", domain=NOT_A_POLE, title="the trigamma function, the second derivative of lgamma")
polygamma_of = Family("polygamma", _polygamma_of, constant="n", samples=(2.0, 3.0), definition="the n-th derivative of digamma(x)")

erfinv   = Unary("erfinv",   _checked(_erfinv),   lambda y, x: HALF_SQRT_PI * exp(y * y), domain="-1 < x < 1", title="the inverse of the error function")
ndtr     = Unary("ndtr",     lambda x: 0.5 * erfc(-x / SQRT_2), lambda y, x: _density(x), definition="erfc(-x / sqrt(2)) / 2", title="the cumulative distribution function of the standard normal")
log_ndtr = Unary("log_ndtr", _checked(_log_ndtr), lambda y, x: normal_ratio(x), definition="log(erfc(-x / sqrt(2)) / 2)", title="the logarithm of the cumulative distribution function of the standard normal")
normal_ratio = Unary("pdf / cdf", _normal_ratio, _normal_ratio_slope, template="normal_ratio({})", definition="sqrt(2 / pi) * exp(-(x ** 2) / 2) / erfc(-x / sqrt(2))")
mills_of = Family("mills",   _mills_of, constant="n", samples=(1.0, 2.0), definition="a ratio of parabolic cylinder functions")

sinc     = Unary("sinc",     lambda x: _spherical_bessel(0, x), lambda y, x: -PI * spherical_bessel_of.member(1.0)(x), definition="sin(pi * x) / (pi * x) if x else 1", edges={(0.0,): (0.0,)}, title="the normalised sinc function")
spherical_bessel_of = Family("spherical_bessel", _spherical_bessel_of, constant="n", samples=(1.0, 2.0), definition="the spherical Bessel function of pi * x")
# fmt: on
