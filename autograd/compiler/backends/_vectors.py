"""Vector functions: exp, log, tanh, sin, erf and their kin on vectors of floats, without branches, as formulas.

The C library's functions take one float. These are the algorithms of such libraries (range reduction, a polynomial,
reconstruction; Cody and Waite 1980, fdlibm), with every choice a selection, so that all lanes take the same way. The
polynomials are Taylor series, long enough for a float, but that of erfc. They are within 3 units in the last place of
the C library, and nan, infinities and signed zeros are as there. What has no formula here is called lane by lane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd import rules
from autograd.compiler.backends._composed import (
    COPYSIGN,
    EXPONENT,
    FLOOR,
    MANTISSA,
    MULTIPLY_ADD,
    POWER_OF_TWO,
    ROUND,
    called,
)
from autograd.compiler.backends._llvm import Lines, in_lanes, of_lanes
from autograd.rules import symbol

LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # 33 bits of log(2), so that k times them is exact
HALF_PI = (  # pi / 2 in parts of 33 bits, and what is left
    1.5707963267341256,
    6.077100506303966e-11,
    2.0222662487111665e-21,
    8.4784276603689e-32,
)
LARGE_ANGLE = 1e5  # above it the parts of pi / 2 are too short, and an angle is left to the C library
# (1 + 2x) exp(x^2) erfc(x) in t = (x - 3.75) / (x + 3.75), from its Chebyshev series (Shepherd and Laframboise 1981)
ERFCX = (
    1.2375126308378275, -0.14024059858554525, 0.0035854154854790257, 0.08227673848999506, -0.10880393014244462,
    0.09230432116428125, -0.05869339857664934, 0.02836227737211114, -0.009746579683265262, 0.0017556261651970652,
    0.000293714378044958, -0.00029015535246077655, 5.164652974177416e-05, 2.2387565714911816e-05,
    -1.1438048033346894e-05, -9.792625707303523e-07, 1.7419821586224816e-06, -5.084465378687302e-08,
    -2.4857126248016745e-07, 1.879082322370048e-08, 3.197926671666804e-08, -1.9551358868985616e-09,
    -2.623107347133476e-09,
)  # fmt: skip


def _multiply_add(a: Any, b: Any, c: Any) -> Any:
    return called(MULTIPLY_ADD, a, b, c)


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Return a polynomial, the coefficients from the constant one on, by Horner's rule."""
    found: Any = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        found = _multiply_add(found, x, coefficient)
    return found


def _inverse_factorials(first: int, last: int, step: int = 1, sign: float = 1.0) -> list[float]:
    return [sign**n / math.factorial(k) for n, k in enumerate(range(first, last + 1, step))]


def _reduced(x: Any) -> tuple[Any, Any]:
    """Return a whole k, and x - k * log(2)."""
    k = called(ROUND, x * (1.0 / math.log(2.0)))
    return k, _multiply_add(k, -LN2_LOW, _multiply_add(k, -LN2_HIGH, x))


def _exp(x: Any) -> Any:
    k, r = _reduced(rules.minimum(rules.maximum(x, -746.0), 710.0))
    half = called(FLOOR, k * 0.5)  # 2 ** k may be no normal float, though the result is
    powers = called(POWER_OF_TWO, half), called(POWER_OF_TWO, k - half)
    return _polynomial(r, _inverse_factorials(0, 13)) * powers[0] * powers[1]


def _expm1(x: Any) -> Any:
    k, r = _reduced(rules.minimum(rules.maximum(x, -50.0), 710.0))
    power = called(POWER_OF_TWO, k - 1.0)
    below = _multiply_add(r * r, _polynomial(r, _inverse_factorials(2, 14)), r)
    found = 2.0 * _multiply_add(power, below, power - 0.5)  # 2 ** k itself may be too large
    return rules.where(abs(x) < 2.0**-54, x, found)


def _log_of_normal(x: Any, error: Any = 0.0) -> Any:
    """Return log(x + error), where x is a normal float, and the error a small part of it."""
    m, k = called(MANTISSA, x), called(EXPONENT, x)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    # log(1 + f) = 2 artanh(s) = f - (f^2 / 2 - s (f^2 / 2 + rest)), in which nothing is lost near 1
    rest = z * _polynomial(z, [2.0 / n for n in range(3, 25, 2)])
    square = 0.5 * f * f
    tail = s * (square + rest) + (k * LN2_LOW + error)
    return k * LN2_HIGH + (f - (square - tail))


def _log(x: Any) -> Any:
    tiny = x < 2.0**-1022
    found = _log_of_normal(rules.where(tiny, x * 2.0**54, x)) - rules.where(tiny, 54.0 * math.log(2.0), 0.0)
    return _at_ends(x, found)


def _at_ends(x: Any, found: Any) -> Any:
    """Return what a logarithm of x is where that is no positive number, else what was found."""
    found = rules.where(x > 0.0, found, rules.where(x >= 0.0, -math.inf, math.nan))
    return rules.where(x < math.inf, found, abs(x))  # the logarithm of inf and of nan


def _log1p(x: Any) -> Any:
    u = 1.0 + x
    lost = rules.where(x < 1.0, x - (u - 1.0), 1.0 - (u - x))  # what the sum lost
    found = _at_ends(u, _log_of_normal(u, lost / u))
    return rules.where(abs(x) < 2.0**-54, x, found)


def _tanh(x: Any) -> Any:
    t = _expm1(-2.0 * abs(x))
    return called(COPYSIGN, -t / (2.0 + t), x)


def _sinh(x: Any) -> Any:
    t = _expm1(abs(x))
    e = _exp(0.5 * abs(x))
    large = abs(x) > 22.0
    return called(COPYSIGN, rules.where(large, 0.5 * e * e, 0.5 * (t + t / (t + 1.0))), x)


def _cosh(x: Any) -> Any:
    e = _exp(0.5 * abs(x))
    return rules.where(abs(x) > 22.0, 0.5 * e * e, 0.5 * (e * e + 1.0 / (e * e)))


def _turned(x: Any) -> tuple[Any, Any, Any]:
    """Return the sine and the cosine of what is left of an angle, and by how many right angles it was turned."""
    k = called(ROUND, x * (2.0 / math.pi))
    r = x
    for part in HALF_PI:
        r = _multiply_add(k, -part, r)
    z = r * r
    sine = _multiply_add(r * z, _polynomial(z, _inverse_factorials(3, 19, 2, -1.0)) * -1.0, r)
    cosine = 1.0 - _multiply_add(z * z, _polynomial(z, _inverse_factorials(4, 20, 2, -1.0)) * -1.0, 0.5 * z)
    return sine, cosine, k - 4.0 * called(FLOOR, k * 0.25)


def _sin(x: Any) -> Any:
    sine, cosine, quarter = _turned(x)
    odd = rules.where(quarter > 2.0, -cosine, rules.where(quarter > 1.0, -sine, cosine))
    return rules.where(quarter > 0.0, odd, rules.where(abs(x) <= 0.0, x, sine))


def _cos(x: Any) -> Any:
    sine, cosine, quarter = _turned(x)
    odd = rules.where(quarter > 2.0, sine, rules.where(quarter > 1.0, -cosine, -sine))
    return rules.where(quarter > 0.0, odd, cosine)


def _erfc_of_positive(x: Any) -> Any:
    x = rules.minimum(x, 28.0)
    square = x * x
    lost = _multiply_add(x, x, -square)
    return _exp(-square) * (1.0 - lost) * _polynomial((x - 3.75) / (x + 3.75), ERFCX) / (1.0 + 2.0 * x)


def _erf(x: Any) -> Any:
    small = abs(x) < 0.75
    series = [2.0 / math.sqrt(math.pi) * (-1.0) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(15)]
    far = called(COPYSIGN, 1.0 - _erfc_of_positive(abs(x)), x)
    return rules.where(small, x * _polynomial(x * x, series), far)


def _erfc(x: Any) -> Any:
    far = _erfc_of_positive(abs(x))
    return rules.where(x >= 0.0, far, rules.where(x < 0.0, 2.0 - far, x))


VECTOR_FORMULAS: dict[str, Callable[[Any], Any]] = {  # by their names in the C library
    "exp": _exp,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "tanh": _tanh,
    "sinh": _sinh,
    "cosh": _cosh,
    "sin": _sin,
    "cos": _cos,
    "erf": _erf,
    "erfc": _erfc,
}
ANGLES = {"sin", "cos"}


def vector_function(name: str, arity: int, lanes: int) -> str:
    """Return the definition of a function of the C library on vectors, as LLVM IR."""
    vector = of_lanes("double", lanes)
    taken = [f"%x{n}" for n in range(arity)]
    head = f"define internal {vector} @{in_lanes(name, lanes)}({', '.join(f'{vector} {x}' for x in taken)}) nounwind"
    if name not in VECTOR_FORMULAS:
        return f"{head} {{\n{_by_lanes(name, taken, lanes, 'entry')}\n}}"
    lines = Lines({0: taken[0]}, lanes=lanes)
    found = lines.write(VECTOR_FORMULAS[name](symbol(0)))
    body = "\n".join([*lines.lines, f"ret {vector} {found}"])
    if name not in ANGLES:
        return f"{head} {{\n{body}\n}}"
    large = Lines({0: taken[0]}, "l", lanes)
    truth = large.compared("ogt", large.write(abs(symbol(0))), large.number(LARGE_ANGLE))
    reduce_or = f"call i1 @llvm.vector.reduce.or.v{lanes}i1(<{lanes} x i1> {truth})"
    ask = "\n".join([*large.lines, f"%large = {reduce_or}", "br i1 %large, label %singly, label %together"])
    return f"{head} {{\n{ask}\ntogether:\n{body}\n{_by_lanes(name, taken, lanes, 'singly')}\n}}"


def _by_lanes(name: str, taken: Sequence[str], lanes: int, label: str) -> str:
    """Return a block that calls the C library's function lane by lane."""
    lines = [f"{label}:"]
    vector, before = of_lanes("double", lanes), "poison"
    for lane in range(lanes):
        given = [f"%e{lane}.{n}" for n in range(len(taken))]
        lines += [f"{e} = extractelement {vector} {x}, i32 {lane}" for e, x in zip(given, taken, strict=True)]
        lines += [
            f"%c{lane} = call double @{name}({', '.join(f'double {e}' for e in given)})",
            f"%r{lane} = insertelement {vector} {before}, double %c{lane}, i32 {lane}",
        ]
        before = f"%r{lane}"
    return "\n".join([*lines, f"ret {vector} {before}"])
