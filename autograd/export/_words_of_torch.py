"""The words of PyTorch: functions whose derivatives there are those of our table, at the edges too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from autograd import rules
from autograd.export._own_operation import TWO_AT_A_TIME, TensorDialect
from autograd.rules import Operation, infix

SAME_IN_TORCH = (
    *(rules.exp, rules.log, rules.log1p, rules.log2, rules.log10, rules.sqrt, rules.abs, rules.sin, rules.cos),
    *(rules.tan, rules.asin, rules.acos, rules.sinh, rules.cosh, rules.atanh, rules.relu, rules.exp2),
    *(rules.floor, rules.ceil, rules.xlogy),
    rules.erfinv,  # whose polygamma functions have ten digits only: these are composed
)
SUPPLIED_IN_TORCH = (
    *(rules.cbrt, rules.softplus, rules.gelu, rules.expm1, rules.tanh, rules.sigmoid, rules.asinh, rules.acosh),
    *(rules.atan, rules.maximum, rules.minimum, rules.clip, rules.logaddexp, rules.erf, rules.erfc, rules.silu),
)
# Functions of two numbers whose derivatives by PyTorch lose digits, or are none, where a square over- or underflows, or
# at 0: the values are PyTorch's, the derivatives our own.
VALUES_IN_TORCH: dict[Operation, str] = {
    rules.atan2: "torch.atan2({}, {})",
    rules.hypot: "torch.hypot({}, {})",
    rules.power: "torch.pow({}, {})",
    rules.ieee_power: "torch.pow({}, {} - {})",
    rules.ieee_unit: "{0} / torch.hypot({0}, {1})",
}


def helper_functions(torch: Any) -> dict[str, Callable[..., Any]]:
    """Return functions that PyTorch lacks, or has with less accurate values or derivatives."""

    def cbrt(x: Any) -> Any:
        positive, one = x >= 0.0, torch.ones_like(x)  # a side that is not chosen has a finite derivative
        right, left = torch.where(positive, x, one), torch.where(positive, one, -x)
        return torch.where(positive, right ** (1.0 / 3.0), -(left ** (1.0 / 3.0)))

    # Where two formulas meet, each has its derivative to the last digit on its own side.

    def sech2(x: Any) -> Any:
        near = x.abs() < 1.0
        root = 1.0 / torch.cosh(torch.where(near, x, 0.0))
        e = torch.exp(-2.0 * x.abs())
        return torch.where(near, root * root, 4.0 * e / ((1.0 + e) * (1.0 + e)))

    def cathetus(x: Any) -> Any:
        return torch.sqrt(torch.where(x.abs() < 0.5, 1.0 - x * x, (1.0 - x) * (1.0 + x)))

    def asinh(x: Any) -> Any:  # whose square PyTorch takes
        huge = x.abs() > 1e8
        size = torch.log(torch.where(huge, x.abs(), 1.0)) + math.log(2.0)
        return torch.where(huge, torch.sign(x).detach() * size, torch.asinh(torch.where(huge, 0.0, x)))

    def acosh(x: Any) -> Any:
        huge = x > 1e8
        return torch.where(huge, torch.log(x) + math.log(2.0), torch.acosh(torch.where(huge, 2.0, x)))

    # PyTorch takes the derivatives of the next three from their results, which in the tails are rounded to 1 or -1.

    def expm1(x: Any) -> Any:
        return torch.where(x < -0.5, torch.exp(x) - 1.0, torch.expm1(x))

    def tanh(x: Any) -> Any:
        e = torch.exp(-2.0 * torch.where(x < 0.0, -x, x))
        tail = (1.0 - e) / (1.0 + e)
        return torch.where(x.abs() < 0.5, torch.tanh(x), torch.where(x < 0.0, -tail, tail))

    def sigmoid(x: Any) -> Any:
        e = torch.exp(torch.where(x < 0.0, x, -x))
        return torch.where(x < 0.0, e, 1.0) / (1.0 + e)

    def logsumexp(rows: Any) -> Any:  # as PyTorch's, which drops what the other terms add to 1 in their last digits
        at = rows.argmax(-1, keepdim=True)
        largest = rows.gather(-1, at)
        others = torch.exp(rows - largest).scatter(-1, at, 0.0).sum(-1, keepdim=True)
        return torch.where(largest.isinf(), largest, largest + torch.log1p(others))[..., 0]

    # PyTorch's values; where its derivatives are not ours, or none, a part that is constant there, or another formula.

    def atan(x: Any) -> Any:
        far = x.abs() > 1.0
        y = torch.atan(torch.where(far, 1.0 / torch.where(far, x, 1.0), x))
        return torch.where(far, torch.sign(x) * (0.5 * math.pi) - y, y)

    # Each side is smooth where a and b are equal; where their difference is nan, they may be infinite.

    def logaddexp(a: Any, b: Any) -> Any:
        less = a < b
        y = torch.where(less, b, a) + torch.nn.functional.softplus(torch.where(less, a - b, b - a))
        return torch.where((a - b).abs() >= 0.0, y, torch.maximum(a, b) + 0.0)

    def softplus(x: Any) -> Any:
        size = torch.nn.functional.leaky_relu(x, -1.0)  # the absolute value, of the slope -1 at 0, where relu has 0
        return torch.relu(x) - torch.nn.functional.softplus(size, beta=-1.0)

    def silu(x: Any) -> Any:
        left = x < 0.0
        root = torch.exp(0.5 * torch.where(left, x, -x))  # exp(x) would lose digits to underflow sooner
        return torch.where(left, x * root * root, x) / (1.0 + root * root)

    def erf(x: Any) -> Any:
        far = x.abs() > 1e3
        return torch.where(far, torch.sign(x).detach(), torch.erf(torch.where(far, 0.0, x)))

    def erfc(x: Any) -> Any:
        far = x.abs() > 1e3
        return torch.where(far, 1.0 - torch.sign(x).detach(), torch.erfc(torch.where(far, 0.0, x)))

    def maximum(a: Any, b: Any) -> Any:
        y = torch.maximum(a, b)
        return torch.where(y.isnan(), a + b, y)

    def minimum(a: Any, b: Any) -> Any:
        y = torch.minimum(a, b)
        return torch.where(y.isnan(), a + b, y)

    def clip(a: Any, b: Any, c: Any) -> Any:
        y = minimum(maximum(a, b), c).detach()
        chosen = torch.where((b <= a) & (a <= c), a, torch.where((a < b) & (b < c), b, y))
        chosen = torch.where((c < a) | (c < b), c, chosen)
        return torch.where(y.isnan(), y + (chosen - chosen.detach()), chosen)

    def elu(x: Any, alpha: float) -> Any:
        zero = x == 0.0
        left = torch.expm1(torch.where(zero, x, 0.0))
        return torch.where(zero, left if alpha == 1.0 else alpha * left, torch.nn.functional.elu(x, alpha))

    def gelu(x: Any) -> Any:
        return 0.5 * x * erfc(-x / rules.SQRT_2)

    def number(condition: Any, like: Any) -> Any:
        return condition.to(like.dtype)

    functions: list[Any] = [cbrt, sech2, cathetus, asinh, acosh, expm1, tanh, sigmoid, logsumexp, atan]
    functions += [logaddexp, softplus, silu, erf, erfc, gelu, maximum, minimum, clip, elu, number]
    return {function.__name__: function for function in functions}


def torch_number(number: float) -> str:
    """Write a number.

    >>> torch_number(0.5), torch_number(-math.inf)
    ('0.5', '-torch.inf')
    """
    sign = "-" if math.copysign(1.0, number) < 0.0 else ""
    return repr(number) if math.isfinite(number) else f"{sign}torch.{abs(number)!r}"


class TorchDialect(TensorDialect):
    """The dialect of PyTorch."""

    read: ClassVar[str] = "for PyTorch"
    library: ClassVar[str] = "PyTorch"
    of_rows: ClassVar[dict[Operation, str]] = {
        rules.logsumexp: "logsumexp({})",
        rules.largest: "{}.amax(-1).detach()",
    }


TORCH = TorchDialect(
    operators=infix(),
    words={
        **{row: f"torch.{row.name}({', '.join(['{}'] * len(row.partials))})" for row in SAME_IN_TORCH},
        **{row: f"{row.name}({', '.join(['{}'] * len(row.partials))})" for row in SUPPLIED_IN_TORCH},
        rules.mod: "torch.remainder({}, {})",
        rules.floordiv: "torch.floor_divide({}.detach(), {}.detach())",
        rules.log_sigmoid: "-softplus(-{})",
        rules.detached: "{}.detach()",
        rules.where: "torch.where({} != 0.0, {}, {})",
        rules.where.decided: "torch.where({} != 0.0, {}, {})",
        rules.guard: "torch.where({} != 0.0, {}, torch.nan)",
        rules.unguard: "torch.where({} != 0.0, {}, 0.0)",
        rules.less: "number({0} < {1}, {0})",
        rules.less_equal: "number({0} <= {1}, {0})",
        rules.either: "number(({0} != 0.0) | ({1} != 0.0), {0})",
        rules.ieee_log: "torch.log({})",
        rules.ieee_sech2: "sech2({})",
        rules.ieee_cathetus: "cathetus({})",
    },
    members={
        rules.power_of: lambda n: f"torch.pow({{}}{'' if n.is_integer() else ' + 0.0'}, {torch_number(n)})",
        rules.leaky_relu: lambda slope: f"torch.nn.functional.leaky_relu({{}}, {torch_number(slope)})",
        rules.elu: lambda alpha: f"elu({{}}, {torch_number(alpha)})",
    },
    literal=torch_number,
    composed={**TWO_AT_A_TIME, rules.positive: lambda x: x, rules.where.chosen: lambda x: x},
)
