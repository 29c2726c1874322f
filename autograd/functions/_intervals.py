"""Interval functions: those of the table, with intervals of mpmath, as rigorous enclosures.

An interval is an `mpmath.iv.mpf`, whose + - * /, whole powers, sqrt, sin, cos and tan round outwards. Its exp, log and
atan2 are rounded to the right or to a neighbouring number, so they are computed with more bits and made wider by more
than that. What is composed of enclosures encloses too. A monotone function is enclosed by what encloses it at the two
ends. `_monotone`, `angle` and `raised` compute with more bits, and round outwards to those of the context.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

GUARD = 30  # bits more than those of the context


def interval(number: Any) -> Any:
    """Return a float, or a pair of ends, as an interval."""
    return _iv().mpf(number)


def hull(a: Any, b: Any) -> Any:
    """Return the smallest interval that holds two intervals."""
    low, high = (a.a if a.a <= b.a else b.a), (a.b if a.b >= b.b else b.b)
    return _iv().mpf([low, high])


def pi() -> Any:
    """Return an interval around pi."""
    return +_iv().pi


def truth(number: Any) -> bool | None:
    """Return whether an interval is other than 0; None where some of it is 0, and some is not."""
    return None if 0 in number and number.delta != 0 else 0 not in number


def _iv() -> Any:
    import mpmath

    return mpmath.iv


@contextmanager
def _more_bits(bits: int) -> Iterator[None]:
    iv = _iv()
    before = iv.prec
    try:
        iv.prec = before + bits
        yield
    finally:
        iv.prec = before


def _magnitude(x: Any) -> int:
    """Return the exponent of the size of an interval, as a power of 2; 0 of 0 and of what is not bounded."""
    found = _iv().mag(x)
    return int(found) if abs(found) < math.inf else 0


def _bits_cancelled(x: Any) -> int:
    """Return how many bits are lost where terms of size 1 cancel to a result of the size of x, and some more."""
    return GUARD + max(0, -_magnitude(x))


def _few_bits(x: Any) -> int:
    """Return how many more bits a function needs in which nothing cancels."""
    return GUARD


def _monotone(f: Callable[[Any], Any], bits: Callable[[Any], int] = _bits_cancelled) -> Callable[[Any], Any]:
    """Return a monotone function of intervals, from one of points, which are computed with so many more bits."""

    def of_interval(x: Any) -> Any:
        x = _iv().convert(x)
        ends = []
        for end in (x.a, x.b):
            with _more_bits(bits(end)):
                ends.append(f(end))
        return +hull(*ends)

    return of_interval


def _odd(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an odd function of points, from one of points that are not below 0."""
    return lambda x: -f(-x) if x < 0 else f(x)


def _named(name: str) -> Callable[..., Any]:
    return lambda *operands: getattr(_iv(), name)(*operands)


def _wider(y: Any) -> Any:
    """Return an interval made wider by 2 ** 10 units in the last place: more than mpmath's functions are wrong by."""
    error = _iv().mpf(2) ** (10 - _iv().prec)
    return y * _iv().mpf([1 - error, 1 + error])


# Of points, and of what is as narrow, with bits to spare.


def _exp(x: Any) -> Any:
    return _wider(_iv().exp(x)) if x != 0 else _iv().mpf(1)


def _log(x: Any) -> Any:
    return _wider(_iv().log(x))


def _atan(x: Any) -> Any:
    return _wider(_iv().atan2(x, 1))


def _angle(a: Any, b: Any) -> Any:
    if b > 0:
        return _atan(a / b)
    if a != 0:
        right = pi() / 2
        return (right if a > 0 else -right) - _atan(b / a)
    return pi() if b < 0 else a


def _sinh(x: Any) -> Any:
    return (_exp(x) - _exp(-x)) / 2


def _tanh(x: Any) -> Any:
    e = _exp(-2 * x)
    return (1 - e) / (1 + e)


def _asin(x: Any) -> Any:
    return _angle(x, _iv().sqrt((1 - x) * (1 + x)))


def _acos(x: Any) -> Any:
    return _angle(_iv().sqrt((1 - x) * (1 + x)), x)


def _atanh(x: Any) -> Any:
    return _log((1 + x) / (1 - x)) / 2


def _asinh(x: Any) -> Any:
    return _log(x + _iv().sqrt(x * x + 1))


def _acosh(x: Any) -> Any:
    return _log(x + _iv().sqrt((x - 1) * (x + 1)))


def _cbrt(x: Any) -> Any:
    return _exp(_log(x) / 3) if x > 0 else x


def _erf(x: Any) -> Any:
    """Sum the alternating Maclaurin series, of which the next term bounds what is left; 1 - erfc where it is long."""
    if x > 10:
        return 1 - _erfc(x)
    iv = _iv()
    power, total, n = x, x, 0
    while True:
        n += 1
        power = -power * x * x / n
        term = power / (2 * n + 1)
        if n > x * x and abs(term) < iv.mpf(2) ** -iv.prec:
            return 2 / iv.sqrt(iv.pi) * (total + iv.mpf([-1, 1]) * abs(term))
        total += term


def _erfc(x: Any) -> Any:
    """Return 1 - erf, and beyond 10 what lies between bounds (Abramowitz and Stegun, "Handbook", 1964, 7.1.13)."""
    iv = _iv()
    if x < 0:
        return 2 - _erfc(-x)
    if x <= 10:
        return 1 - _erf(x)
    scale = 2 / iv.sqrt(iv.pi) * _exp(-x * x)
    return hull(scale / (x + iv.sqrt(x * x + 2)), scale / (x + iv.sqrt(x * x + 4 / iv.pi)))


def _bits_of_erf(x: Any) -> int:
    """Return how many bits the terms of the series, up to exp(x * x), are above erfc, about exp(-x * x)."""
    return _bits_cancelled(x) + int(3 * min(float(abs(x).b), 10.0) ** 2)


# Of intervals.


def _cosh(x: Any) -> Any:
    return _monotone(lambda end: (_exp(end) + _exp(-end)) / 2, _few_bits)(abs(_iv().convert(x)))


def angle(a: Any, b: Any) -> Any:
    """Return the angles of the points (b, a): a box has its extreme ones in corners, but for those at the cut."""
    a, b = map(_iv().convert, (a, b))
    if a.a < 0 and a.b >= 0 and b.a < 0:
        return pi() * interval([-1, 1])
    with _more_bits(GUARD):
        corners = [_angle(y, x) for y in (a.a, a.b) for x in (b.a, b.b)]
    return +functools.reduce(hull, corners)


def raised(a: Any, b: Any) -> Any:
    """Return a to the power of b; a large exponent makes larger what is rounded in the logarithm."""
    a, b = map(_iv().convert, (a, b))
    if b.delta == 0 and (b == 0.5 or _iv().isint(b)):
        return a**b
    with _more_bits(GUARD + max(0, _magnitude(b))):
        y = WORDS["exp"](b * WORDS["log"](a))
    return +y


def _largest(*operands: Any) -> Any:
    first, *others = map(_iv().convert, operands)
    for x in others:
        low, high = (first.a if first.a >= x.a else x.a), (first.b if first.b >= x.b else x.b)
        first = _iv().mpf([low, high])
    return first


def _smallest(*operands: Any) -> Any:
    return -_largest(*[-_iv().convert(x) for x in operands])


def _sign(x: Any) -> Any:
    ends = [1 if end > 0 else -1 if end < 0 else 0 for end in (x.a, x.b)]
    return interval(ends)


WORDS: Mapping[str, Callable[..., Any]] = {
    **{name: _named(name) for name in ("sqrt", "sin", "cos", "tan")},
    "exp": _monotone(_exp, _few_bits),
    "log": _monotone(_log, _few_bits),
    "atan": _monotone(_atan, _few_bits),
    "atan2": angle,
    "sinh": _monotone(_odd(_sinh)),
    "cosh": _cosh,
    "tanh": _monotone(_odd(_tanh)),
    "asin": _monotone(_asin),
    "acos": _monotone(_acos),
    "asinh": _monotone(_odd(_asinh)),
    "acosh": _monotone(_acosh),
    "atanh": _monotone(_odd(_atanh)),
    "cbrt": _monotone(_odd(_cbrt), _few_bits),
    "erf": _monotone(_odd(_erf), _bits_of_erf),
    "erfc": _monotone(_erfc, _bits_of_erf),
    "expm1": _monotone(lambda x: _exp(x) - 1),
    "log1p": _monotone(lambda x: _log(1 + x)),
    "max": _largest,
    "min": _smallest,
    "sign": _sign,
}
