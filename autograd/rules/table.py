"""The table of operations: each row a name, a forward function, and a partial derivative for each operand.

A partial derivative is written once, in the table's own functions, in terms of the result `y` and the operands. Read
with floats it drives `backward()`; read with Values it is itself a graph, hence derivatives of any order; read with
arrays it is array code; iterated by the tests it tests itself. To add an operation, add its row here: the public
function, the method of Value, the array code, the page, the exports and the tests follow from it.

Functions that Python's math module lacks stand above the rows. Where one is written in the table's own functions too,
as the partial derivatives are, every language that has those has it. Special functions are in `_special`.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Any

from autograd.rules.operation import Binary, Family, NAry, Operation, Slope, Unary, Where

SMALLEST_NORMAL = 2.0**-1022


class ExactConstant(float):
    """A float in place of a number that no float is, such as 1/3: other numbers than floats take its definition."""

    definition: str

    def __new__(cls, number: float, definition: str) -> ExactConstant:  # noqa: D102
        constant = super().__new__(cls, number)
        constant.definition = definition
        return constant

    def __neg__(self) -> ExactConstant:
        return ExactConstant(-float(self), f"-({self.definition})")

    def __reduce__(self) -> tuple[Any, ...]:
        return ExactConstant, (float(self), self.definition)


LOG2_E = ExactConstant(1.4426950408889634, "1 / log(2)")
LN_2 = ExactConstant(0.6931471805599453, "log(2)")
LOG10_E = ExactConstant(0.4342944819032518, "1 / log(10)")
SQRT_2 = ExactConstant(1.4142135623730951, "sqrt(2)")
SQRT_2_PI = ExactConstant(2.5066282746310007, "sqrt(2 * pi)")
TWO_OVER_SQRT_PI = ExactConstant(1.1283791670955126, "2 / sqrt(pi)")
THIRD = ExactConstant(1.0 / 3.0, "1 / 3")


# Forward functions that Python's math module lacks. Each keeps full relative accuracy in its tails and never overflows
# on the way to a result that fits a float.


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-math.fabs(x))) if x == x else x


def _silu(x: float) -> float:
    if x >= 0.0:
        return x / (1.0 + math.exp(-x))
    e = math.exp(0.5 * x)  # exp(x) would lose digits to underflow sooner than the product with x does
    return x * e * (e / (1.0 + e * e))


def _floor(x: float) -> float:
    return x // 1.0 if -inf < x < inf else x


def _sign(x: Any) -> Any:
    return _select(abs(x) >= 0.0, (x > 0.0) * 1.0 - (x < 0.0) * 1.0, x)  # of nan, nan, as in NumPy


def _clip(a: Any, b: Any, c: Any) -> Any:
    return minimum(maximum(a, b), c)


def _xlogy(a: Any, b: Any) -> Any:
    return _select(abs(a) <= 0.0, lambda: minimum(abs(b), 0.0), lambda: a * log(b))  # 0, or nan of nan


def _logaddexp(a: Any, b: Any) -> Any:
    largest, distance = maximum(a, b), abs(a - b)
    return _select(distance >= 0.0, lambda: largest + log1p(exp(-distance)), largest)  # inf - inf is nan


def _sech2(x: float) -> float:
    e = math.exp(-math.fabs(x))
    sech = 2.0 * e / (1.0 + e * e)
    return sech * sech


def _cathetus(x: float) -> float:
    return math.sqrt((1.0 - x) * (1.0 + x))


def _gelu(x: float) -> float:
    return 0.5 * x * math.erfc(-x / SQRT_2)


def _maximum(a: float, b: float) -> float:
    return a if a >= b or a != a else b  # nan wins, as in NumPy and PyTorch


def _minimum(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def _power(a: float, b: float) -> float:
    if a < 0.0 and b % 1.0 > 0.0:  # a complex number to Python
        raise ValueError
    y: float = a**b
    return y


def _mean(xs: Sequence[float]) -> float:
    if not xs:
        raise ValueError
    try:
        return math.fsum(xs) / len(xs)
    except OverflowError:
        return math.fsum(x / len(xs) for x in xs)


def _dot(xs: Sequence[float]) -> float:
    n = len(xs) // 2
    return math.fsum(map(operator.mul, xs[:n], xs[n:]))


def _ieee_dot(xs: Sequence[float]) -> float:
    try:
        return _dot(xs)
    except (ValueError, OverflowError):  # inf - inf, or a sum that overflows
        n = len(xs) // 2
        return float(sum(map(operator.mul, xs[:n], xs[n:])))


def _logsumexp(xs: Sequence[float]) -> float:
    if not xs:
        raise ValueError
    largest = max(xs)
    if not math.isfinite(sum(xs)) and (any(x != x for x in xs) or math.isinf(largest)):
        return math.nan if any(x != x for x in xs) else largest
    rest = [math.exp(x - largest) for x in xs]
    rest.remove(1.0)  # the largest term itself; log1p keeps what the others add to it, however little
    return largest + math.log1p(math.fsum(rest))


# A derivative may have a limit where the function itself raises. These give what IEEE arithmetic gives, without an
# error; they occur in partial derivatives only.


def _ieee_divide(a: float, b: float) -> float:
    return a / b if b != 0.0 else a * math.copysign(inf, b)


def _ieee_log(x: float) -> float:
    return math.log(x) if x > 0.0 else -inf if x == 0.0 else math.nan


def _ieee_power(a: float, b: float, k: float) -> float:
    # a ** (b - k). Where b - k is rounded, which a tiny or huge base would magnify, a ** b is divided by a, k times.
    exact = b - k + k == b or a == 0.0 or math.isinf(a) or not (k >= 0.0 and k % 1.0 == 0.0)
    try:
        y = _power(a, b - k if exact else b)
    except ValueError:
        return math.nan
    except ArithmeticError:  # 0 ** -1, or a result beyond the largest float
        y = -inf if math.copysign(1.0, a) < 0.0 and math.fmod(b - k, 2.0) in (1.0, -1.0) else inf
    return y if exact else functools.reduce(operator.truediv, [a] * int(k), y)


def _ieee_unit(a: float, b: float) -> float:
    scale = max(math.fabs(a), math.fabs(b))
    if math.isinf(scale):
        return a / scale
    return a / scale / math.hypot(a / scale, b / scale) if scale > 0.0 else math.nan


# What is asked of floats, since they are bounded; other numbers (see `functions`) say themselves whether they are 0.


def _is_unbounded(x: Any) -> bool:
    return getattr(x, "unbounded", False)


def _is_known(condition: Any) -> bool:
    return isinstance(condition, bool) or getattr(condition, "_is_known", False)


def _is_zero(x: Any) -> Any:  # x == 0 would compare Values by identity
    return x.is_zero if _is_unbounded(x) else abs(x) <= 0.0


def _nonzero(x: Any) -> Any:  # false for nan
    return x.is_nonzero if _is_unbounded(x) else (x > 0.0) | (x < 0.0)


def _normal(x: Any) -> Any:  # so that 1 / x is finite
    return x.is_nonzero if _is_unbounded(x) else (x > SMALLEST_NORMAL) | (x < -SMALLEST_NORMAL)


def _is_beyond(x: Any, bound: float) -> Any:  # so that the exponential of -x * x is 0
    return False if _is_unbounded(x) else abs(x) > bound


def _reciprocal(n: int) -> float:
    return ExactConstant(1.0 / n, f"1 / {n}")


def _checked(
    formula: Callable[..., Any], undefined: Callable[..., bool] = lambda *_: False, *, infinite: bool = False
) -> Callable[..., Any]:
    """Return a formula as a forward function that raises, given floats, what Python's math would.

    That is a ValueError where it is `undefined`, and an OverflowError where finite operands have an infinite result,
    unless that may be `infinite`. Symbols are given to the formula as they are.
    """

    def forward(*operands: Any) -> Any:
        plain = all(type(operand) is float for operand in operands)
        if plain and undefined(*operands):
            raise ValueError
        y = formula(*operands)
        if plain and not infinite and math.isinf(y) and all(map(math.isfinite, operands)):
            raise OverflowError
        return y

    return forward


def _select(condition: Any, a: Any, b: Any) -> Any:
    """Like where(condition, a, b), but a choice that is already made leaves no trace, not even of having been made.

    Nor does one by a node where the side is a function, and the other one a number for a special case.
    """
    if isinstance(condition, bool):
        return Where.side(a if condition else b)
    general = getattr(type(condition), "_general_side", None)
    side = None if general is None else general(condition, a, b)
    return where(condition, a, b) if side is None else side()


class Mask(Slope):
    """The derivative by a side of a choice: the linear map that passes what arrives, or 0 where it is not chosen.

    As a number it would be 1 or 0, and 0 times the nan or infinity of a side that is not chosen would be nan.
    """

    def __init__(self, condition: Any, *, otherwise: bool = False, by: Operation | None = None) -> None:
        self.condition = condition
        self.otherwise = otherwise
        self.by = by  # the operation that does it, of the condition and what arrives, where that is not `where`

    @property
    def number(self) -> float:
        """The derivative as a number, where the condition is a node."""
        number: float = _mask(self.condition.number, otherwise=self.otherwise)
        return number

    @property
    def forward(self) -> Mask:
        """The mask in forward mode, in which 0 enters and leaves a side that is not chosen; in reverse mode nan enters."""
        return self if self.by is None else Mask(self.condition, otherwise=self.otherwise)

    def __rmul__(self, upstream: Any) -> Any:
        if self.by is not None:
            return self.by(self.condition, upstream)
        return where(self.condition, 0.0, upstream) if self.otherwise else where(self.condition, upstream, 0.0)

    __mul__ = __rmul__


class Zero(float, Slope):
    """The number 0, whose product with anything is 0: `Mask` where the condition is known, and does not hold."""

    def __rmul__(self, upstream: Any) -> Any:
        return 0.0

    __mul__ = __rmul__


NOTHING = Zero()  # the derivative of what is constant but for its jumps
# The derivative by an operand that the chain rule never reaches, such as a condition: by identity, since it hands back
# nothing, where `NOTHING` hands back 0, which times an infinite derivative further down is nan.
INACTIVE = Zero()


def _mask(condition: Any, *, otherwise: bool = False, by: Operation | None = None) -> Any:
    """Return a mask; of a condition that is known, a number or an array of numbers."""
    if isinstance(condition, (bool, int, float)):
        return 1.0 if bool(condition) is not otherwise else Zero()
    if hasattr(type(condition), "_operate"):
        return Mask(condition, otherwise=otherwise, by=by)
    return where(condition, 0.0, 1.0) if otherwise else where(condition, 1.0, 0.0)  # of an array


def _softmax(xs: Sequence[Any], y: Any) -> list[Any]:
    """Return exp(x) / sum(exp(x)) for each of the operands, of which y is the logsumexp.

    The exponents are differences from the largest operand, or from y where floats cannot be compared yet: any number
    close to them will do, since it cancels, so y may be rounded. The term of the largest itself is 1. So what is left
    of 1 beside a probability close to it is a sum of small numbers, and derivatives of any order keep its digits.
    """
    are_unbounded = type(y) is not float and any(map(_is_unbounded, xs))
    if len(xs) > 1 and (type(y) is float or (not are_unbounded and all(_is_known(x < xs[0]) for x in xs))):
        at = max(range(len(xs)), key=xs.__getitem__)
        one = 1.0 if -inf < xs[at] < inf else nan
        terms = [one if i == at else exp(x - xs[at]) for i, x in enumerate(xs)]
    else:
        shift = largest(xs) if are_unbounded else detached(y)
        terms = [exp(x - shift) for x in xs]
    total = fsum(terms)
    return [term / total for term in terms]


def _literal(number: float) -> str:
    return repr(number) if math.isfinite(number) else f"float('{number!r}')"


def _power_of(n: float) -> Unary:
    whole = n.is_integer()
    exponent = str(int(n)) if whole and math.fabs(n) < 1e16 else _literal(n)
    return Unary(
        f"**{exponent}",
        lambda x: _power(x, n),
        (lambda y, x: NOTHING) if n == 0.0
        else (lambda y, x: n * power_of.member(n - 1.0)(x)) if n >= 1.0
        else (lambda y, x: ieee_divide(n, power_of.member(1.0 - n)(x))) if n >= 0.5
        else (lambda y, x: n * ieee_power(x, n, 1.0)) if n > 0.0
        else (lambda y, x: ieee_divide(n * y, x)),
        template="{} ** " + exponent,
        domain=("" if n >= 0.0 else "x != 0") if whole else "x >= 0" if n >= 0.0 else "x > 0",
        edges={(0.0,): (0.0,)} if n == 0.0 else {(0.0,): (inf,)} if 0.0 < n < 1.0 else {},
    )  # fmt: skip


def _leaky_relu(slope: float) -> Unary:
    return Unary(
        f"leaky_relu({slope})",
        lambda x: x if x > 0.0 else slope * x,
        lambda y, x: _select(x > 0.0, 1.0, slope),
        template=f"leaky_relu({{}}, {_literal(slope)})",
        definition=f"x if x > 0 else {slope!r} * x",
        edges={(0.0,): (slope,), (nan,): (slope,)},
    )


def _elu(alpha: float) -> Unary:
    return Unary(
        f"elu({alpha})",
        lambda x: x if x > 0.0 else alpha * math.expm1(x),
        lambda y, x: _select(x <= 0.0, alpha * exp(_select(x <= 0.0, x, 0.0)), 1.0),
        template=f"elu({{}}, {_literal(alpha)})",
        definition=f"x if x > 0 else {alpha!r} * expm1(x)",
        edges={(0.0,): (alpha,), (nan,): (1.0,)},
    )


# Declared here for the rows that refer to a later one.
abs: Unary
power: Binary
cos: Unary
cosh: Unary
ieee_sech2: Unary
ieee_cathetus: Unary
hypot: Binary
where: Where
maximum: Binary
minimum: Binary
floor: Unary
floordiv: Binary
log: Unary
softplus: Unary
sigmoid: Unary
fsum: NAry
detached: Unary
largest: NAry
unguard: Operation
ieee_divide: Binary
ieee_log: Unary
ieee_power: Operation
ieee_unit: Binary
ieee_dot: NAry

# fmt: off

add     = Binary("+", operator.add,     lambda y, a, b: 1.0, lambda y, a, b: 1.0, template="{} + {}")
sub     = Binary("-", operator.sub,     lambda y, a, b: 1.0, lambda y, a, b: -1.0, template="{} - {}")
mul     = Binary("*", operator.mul,     lambda y, a, b: b, lambda y, a, b: a, template="{} * {}")
divide  = Binary("/", operator.truediv, lambda y, a, b: 1.0 / b, lambda y, a, b: -y / b, template="{} / {}", domain="b != 0")
power   = Binary("**", _power,          lambda y, a, b: _select(_nonzero(b) | _normal(a), lambda: b * ieee_power(a, b, 1.0), 0.0), lambda y, a, b: _select(_is_zero(a), 0.0, lambda: power(a, b) * ieee_log(a)), template="{} ** {}",
                 domain="a > 0 or a == 0 <= b or a < 0 and b % 1 == 0",
                 edges={(0.0, 0.0): (0.0, 0.0), (0.0, 0.5): (inf, 0.0), (0.0, 2.0): (0.0, 0.0), (-2.0, 3.0): (12.0, nan)})
negative = Unary("neg", operator.neg,    lambda y, x: -1.0, template="-{}")
positive = Unary("pos", operator.pos,    lambda y, x: 1.0, template="+{}")
power_of = Family("**", _power_of, constant="n", samples=(2.0, 3.0, -1.0, 0.0, 0.5, 1 / 3, -0.7, 0.9, 1.5, 7.0), definition="x ** n")

exp     = Unary("exp",   math.exp,   lambda y, x: y, title="the exponential function")
exp2    = Unary("exp2",  lambda x: 2.0**x, lambda y, x: LN_2 * y,           definition="2 ** x", title="the exponential function to base 2")
expm1   = Unary("expm1", math.expm1, lambda y, x: exp(x),                  definition="exp(x) - 1", title="the exponential function minus 1, accurate near 0")
log     = Unary("log",   math.log,   lambda y, x: 1.0 / x,                 domain="x > 0", title="the natural logarithm")
log1p   = Unary("log1p", math.log1p, lambda y, x: 1.0 / (1.0 + x),         domain="x > -1", definition="log(1 + x)", title="the logarithm of 1 + x, accurate near 0")
log2    = Unary("log2",  math.log2,  lambda y, x: LOG2_E / x,              domain="x > 0", definition="log(x) / log(2)", title="the binary logarithm")
log10   = Unary("log10", math.log10, lambda y, x: LOG10_E / x,             domain="x > 0", definition="log(x) / log(10)", title="the common logarithm")
sqrt    = Unary("sqrt",  math.sqrt,  lambda y, x: ieee_divide(0.5, y),     domain="x >= 0", edges={(0.0,): (inf,)}, title="the square root")
cbrt    = Unary("cbrt",  math.cbrt,  lambda y, x: ieee_divide(ieee_divide(THIRD, y), y), definition="sign(x) * cbrt(abs(x))", edges={(0.0,): (inf,)}, title="the cube root")

sin     = Unary("sin",   math.sin,   lambda y, x: cos(x),                  domain="-inf < x < inf", title="the sine of an angle in radians")
cos     = Unary("cos",   math.cos,   lambda y, x: -sin(x),                 domain="-inf < x < inf", title="the cosine of an angle in radians")
tan     = Unary("tan",   math.tan,   lambda y, x: 1.0 + y * y,             domain="-inf < x < inf", title="the tangent of an angle in radians")
asin    = Unary("asin",  math.asin,  lambda y, x: ieee_divide(1.0, ieee_cathetus(x)),   domain="-1 <= x <= 1", edges={(-1.0,): (inf,), (1.0,): (inf,)}, title="the inverse sine (arcsin), in radians")
acos    = Unary("acos",  math.acos,  lambda y, x: -ieee_divide(1.0, ieee_cathetus(x)),  domain="-1 <= x <= 1", edges={(-1.0,): (-inf,), (1.0,): (-inf,)}, title="the inverse cosine (arccos), in radians")
atan    = Unary("atan",  math.atan,  lambda y, x: 1.0 / hypot(1.0, x) / hypot(1.0, x), title="the inverse tangent (arctan), in radians")
sinh    = Unary("sinh",  math.sinh,  lambda y, x: cosh(x), title="the hyperbolic sine")
cosh    = Unary("cosh",  math.cosh,  lambda y, x: sinh(x), title="the hyperbolic cosine")
tanh    = Unary("tanh",  math.tanh,  lambda y, x: ieee_sech2(x), title="the hyperbolic tangent")
asinh   = Unary("asinh", math.asinh, lambda y, x: 1.0 / hypot(1.0, x), title="the inverse hyperbolic sine")
acosh   = Unary("acosh", math.acosh, lambda y, x: ieee_divide(1.0, sqrt(x - 1.0) * sqrt(x + 1.0)), domain="x >= 1", edges={(1.0,): (inf,)}, title="the inverse hyperbolic cosine")
atanh   = Unary("atanh", math.atanh, lambda y, x: 1.0 / ieee_cathetus(x) / ieee_cathetus(x),                 domain="-1 < x < 1", title="the inverse hyperbolic tangent")
erf     = Unary("erf",   math.erf,   lambda y, x: _select(_is_beyond(x, 1e3), 0.0, lambda: TWO_OVER_SQRT_PI * exp(-x * x)), title="the error function")
erfc    = Unary("erfc",  math.erfc,  lambda y, x: _select(_is_beyond(x, 1e3), 0.0, lambda: -TWO_OVER_SQRT_PI * exp(-x * x)), title="the complementary error function, 1 - erf(x), accurate in its tail")

sigmoid  = Unary("sigmoid",  _sigmoid,  lambda y, x: 0.25 * ieee_sech2(0.5 * x), definition="1 / (1 + exp(-x))", title="the logistic (sigmoid) function")
softplus = Unary("softplus", _softplus, lambda y, x: sigmoid(x),           definition="log(1 + exp(x))", title="the softplus function, a smooth relu")
silu     = Unary("silu",     _silu,     lambda y, x: sigmoid(x) + 0.25 * x * ieee_sech2(0.5 * x), definition="x / (1 + exp(-x))", title="the sigmoid linear unit (SiLU, swish)")
gelu     = Unary("gelu",     _gelu,     lambda y, x: 0.5 * erfc(-x / SQRT_2) + _select(_is_beyond(x, 1e3), 0.0 * x, lambda: x * exp(-0.5 * x * x) / SQRT_2_PI), definition="x * (1 + erf(x / sqrt(2))) / 2", title="the Gaussian error linear unit (GELU)")
relu     = Unary("relu", lambda x: 0.0 if x <= 0.0 else x, lambda y, x: 1.0 - (x <= 0.0), definition="max(x, 0)", edges={(0.0,): (0.0,), (nan,): (1.0,)}, title="the rectified linear unit (ReLU)")
log_sigmoid = Unary("log_sigmoid", lambda x: -softplus(-x), lambda y, x: sigmoid(-x), definition="-log(1 + exp(-x))", title="the logarithm of the logistic function")
abs      = Unary("abs",  math.fabs,  lambda y, x: (x > 0.0) * 1.0 - (x < 0.0) * 1.0, edges={(0.0,): (0.0,), (nan,): (0.0,)}, title="the absolute value")
sign     = Unary("sign", _sign,     lambda y, x: NOTHING, edges={(0.0,): (0.0,)}, title="the sign (signum): -1, 0 or 1")
floor    = Unary("floor", _floor,    lambda y, x: NOTHING, edges={(0.0,): (0.0,), (2.0,): (0.0,)}, title="the floor, the largest whole number that is not above x")
ceil     = Unary("ceil", lambda x: -floor(-x), lambda y, x: NOTHING, edges={(0.0,): (0.0,), (2.0,): (0.0,)}, title="the ceiling, the smallest whole number that is not below x")
leaky_relu = Family("leaky_relu", _leaky_relu, constant="negative_slope", default=0.01, samples=(0.01, 0.3), definition="x if x > 0 else negative_slope * x", title="the leaky rectified linear unit")
elu        = Family("elu",        _elu,        constant="alpha", default=1.0, samples=(1.0, 0.5), definition="x if x > 0 else alpha * expm1(x)", title="the exponential linear unit (ELU)")

atan2   = Binary("atan2", math.atan2, lambda y, a, b: _select(_is_zero(hypot(a, b)), 0.0, lambda: ieee_divide(ieee_unit(b, a), hypot(a, b))), lambda y, a, b: _select(_is_zero(hypot(a, b)), 0.0, lambda: -ieee_divide(ieee_unit(a, b), hypot(a, b))), edges={(0.0, 0.0): (0.0, 0.0), (3.0, inf): (nan, 0.0), (inf, 3.0): (0.0, nan), (nan, 1.0): (nan, nan), (1.0, nan): (nan, nan)}, title="the arctangent of a / b in the quadrant of the point (b, a), in radians")
hypot   = Binary("hypot", math.hypot, lambda y, a, b: ieee_unit(a, b), lambda y, a, b: ieee_unit(b, a), definition="sqrt(a ** 2 + b ** 2)", edges={(0.0, 0.0): (nan, nan), (0.0, inf): (0.0, nan), (inf, 3.0): (nan, 0.0), (nan, 1.0): (nan, nan)}, title="the hypotenuse, the length of the vector (a, b)")
maximum = Binary("maximum", _maximum, lambda y, a, b: 1.0 - 0.5 * (a < b) - 0.5 * (a <= b), lambda y, a, b: 1.0 - 0.5 * (b < a) - 0.5 * (b <= a), definition="max(a, b)", edges={(1.0, 1.0): (0.5, 0.5), (nan, 1.0): (1.0, 1.0), (1.0, nan): (1.0, 1.0)}, title="the maximum of two numbers")
minimum = Binary("minimum", _minimum, lambda y, a, b: 1.0 - 0.5 * (a > b) - 0.5 * (a >= b), lambda y, a, b: 1.0 - 0.5 * (b > a) - 0.5 * (b >= a), definition="min(a, b)", edges={(1.0, 1.0): (0.5, 0.5), (nan, 1.0): (1.0, 1.0), (1.0, nan): (1.0, 1.0)}, title="the minimum of two numbers")
clip    = Operation("clip", _clip, lambda y, a, b, c: _mask((b <= a) * (a <= c)), lambda y, a, b, c: _mask((a < b) * (b < c)), lambda y, a, b, c: _mask((c < a) | (c < b)), definition="min(max(a, b), c)",
                    edges={(1.0, 1.0, 2.0): (1.0, 0.0, 0.0), (2.0, 1.0, 2.0): (1.0, 0.0, 0.0), (0.0, 1.0, 1.0): (0.0, 0.0, 0.0), (0.0, 2.0, 1.0): (0.0, 0.0, 1.0), (nan, 1.0, 2.0): (0.0, 0.0, 0.0)}, title="the number a, limited (clamped) to the interval from b to c")
mod     = Binary("%", operator.mod,  lambda y, a, b: 1.0, lambda y, a, b: -floordiv(a, b), template="{} % {}", domain="b != 0", edges={(6.0, 3.0): (1.0, -2.0), (-6.0, 3.0): (1.0, 2.0)})
floordiv = Binary("//", operator.floordiv, lambda y, a, b: NOTHING, lambda y, a, b: NOTHING, template="{} // {}", definition="floor(a / b)", domain="b != 0", edges={(6.0, 3.0): (0.0, 0.0)})
xlogy   = Binary("xlogy", _checked(_xlogy), lambda y, a, b: _select(maximum(abs(a), b) <= 0.0, 0.0, lambda: ieee_log(b)), lambda y, a, b: ieee_divide(a, b), definition="a * log(b) if a else 0", domain="b > 0 or a == 0",
                    edges={(0.0, 0.0): (0.0, nan), (0.0, 2.0): (LN_2, 0.0), (0.0, -2.0): (0.0, 0.0)}, title="a times the logarithm of b, 0 where a is 0")
logaddexp = Binary("logaddexp", _logaddexp, lambda y, a, b: sigmoid(a - b), lambda y, a, b: sigmoid(b - a), definition="log(exp(a) + exp(b))", title="the logarithm of the sum of two exponentials, without overflow")
where   = Where("where", lambda c, a, b: a if c else b, lambda y, c, a, b: INACTIVE, lambda y, c, a, b: _mask(c), lambda y, c, a, b: _mask(c, otherwise=True), definition="a if condition else b", arguments=("condition", "a", "b"), title="the choice between two numbers, or between functions that compute them")

less    = Binary("<",  lambda a, b: 1.0 if a < b else 0.0,  lambda y, a, b: INACTIVE, lambda y, a, b: INACTIVE, template="({} < {})",  definition="1 if a < b else 0")
less_equal = Binary("<=", lambda a, b: 1.0 if a <= b else 0.0, lambda y, a, b: INACTIVE, lambda y, a, b: INACTIVE, template="({} <= {})", definition="1 if a <= b else 0")
either  = Binary("|",  lambda a, b: 1.0 if a or b else 0.0, lambda y, a, b: INACTIVE, lambda y, a, b: INACTIVE, template="({} | {})", definition="1 if a or b else 0")

fsum      = NAry("fsum",      math.fsum,  lambda y, xs: [1.0] * len(xs),           definition="sum(xs)", title="the sum, rounded once as by math.fsum")
mean      = NAry("mean",      _mean,      lambda y, xs: [_reciprocal(len(xs))] * len(xs), definition="sum(xs) / len(xs)", domain="at least one operand", title="the arithmetic mean")
logsumexp = NAry("logsumexp", _logsumexp, lambda y, xs: _softmax(xs, y),           definition="log(sum(exp(x) for x in xs))", domain="at least one operand", title="the logarithm of the sum of exponentials, without overflow")
dot       = NAry("dot",       _dot,       lambda y, xs: (*xs[len(xs) // 2 :], *xs[: len(xs) // 2]), sequences=2, definition="sum(x * y for x, y in zip(a, b))", title="the dot product of two vectors")

ieee_divide = Binary("/", _ieee_divide, lambda y, a, b: ieee_divide(1.0, b), lambda y, a, b: -ieee_divide(y, b), template="{} / {}", domain="b != 0")
ieee_log    = Unary("log", _ieee_log, lambda y, x: ieee_divide(1.0, x), domain="x > 0")
ieee_power  = Operation("**", _ieee_power, lambda y, a, b, k: _select(_nonzero(b - k) | _normal(a), lambda: (b - k) * ieee_power(a, b, k + 1.0), 0.0), lambda y, a, b, k: _select(_is_zero(a), 0.0, lambda: ieee_power(a, b, k) * ieee_log(a)), lambda y, a, b, k: _select(_is_zero(a), 0.0, lambda: -ieee_power(a, b, k) * ieee_log(a)), template="{} ** ({} - {})", domain="a > 0 and c == 1")
ieee_unit   = Binary("a / hypot(a, b)", _ieee_unit, lambda y, a, b: ieee_divide(ieee_unit(b, a), hypot(a, b)) * ieee_unit(b, a), lambda y, a, b: -ieee_divide(y * ieee_unit(b, a), hypot(a, b)), template="{0} / hypot({0}, {1})", definition="a / sqrt(a ** 2 + b ** 2)", domain="a != 0 or b != 0")
ieee_sech2  = Unary("sech2", _sech2, lambda y, x: -2.0 * tanh(x) * y, template="1 / cosh({}) ** 2")
ieee_cathetus = Unary("sqrt(1 - x * x)", _cathetus, lambda y, x: -ieee_divide(x, y), template="sqrt(1 - {0} * {0})", definition="sqrt(1 - x ** 2)", domain="-1 <= x <= 1")
ieee_dot    = NAry("dot", _ieee_dot, dot.partials[0], sequences=2, definition=dot.definition)
# fmt: on

# Where a function is traced, `detach` is a node, and so is the shift that keeps softmax from overflowing. They are not
# listed in the table, since their derivatives are not those of their functions but count as 0. A `guard` stands before the
# operands of a side of a choice, an `unguard` behind its result: where the side is not chosen nothing goes in but nan,
# and nothing comes out but 0. Each is the other's derivative, so that holds for what flows back, in every order.
detached = Unary("detach", operator.pos, lambda y, x: INACTIVE, definition="x, whose derivative counts as 0")
guard = Operation(
    "guard",
    lambda c, x: x if c else nan,
    lambda y, c, x: INACTIVE,
    lambda y, c, x: _mask(c, by=unguard),
    definition="b if a else nan",
)
unguard = Operation(
    "unguard",
    lambda c, x: x if c else 0.0,
    lambda y, c, x: INACTIVE,
    lambda y, c, x: _mask(c, by=guard),
    definition="b if a else 0",
)
decided = where.decided = Operation(
    "where", where.forward, *where.partials, definition=where.definition, arguments=where.arguments
)
chosen = where.chosen = Unary("where", operator.pos, lambda y, x: 1.0, definition="x, which was chosen")
MADE: tuple[Operation, ...] = (decided, chosen)  # whose conditions a graph does not know
largest = NAry("max", max, lambda y, xs: [INACTIVE] * len(xs), definition="max(xs), whose derivative counts as 0")
UNLISTED: tuple[Operation, ...] = (detached, guard, unguard, largest, *MADE)
