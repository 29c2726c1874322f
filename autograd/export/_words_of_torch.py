"""The words of PyTorch: functions whose derivatives there are those of our table, at the edges too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from autograd import rules
from autograd.export._own_operation import TWO_AT_A_TIME, TensorDialect
from autograd.rules import Operation, infix

SAME_IN_TORCH = (
    *(rules.exp, rules.log, rules.log1p, rules.log2, rules.log10, rules.sqrt, rules.abs, rules.erf),
    *(rules.erfc, rules.sin, rules.cos, rules.tan, rules.asin, rules.acos, rules.atan, rules.sinh, rules.cosh),
    *(rules.atanh, rules.relu, rules.hypot, rules.exp2, rules.floor, rules.ceil, rules.xlogy),
    rules.erfinv,  # whose polygamma functions have ten digits only: these are composed
)


SUPPLIED_IN_TORCH = (
    *(rules.cbrt, rules.softplus, rules.gelu, rules.expm1, rules.tanh, rules.sigmoid, rules.asinh, rules.acosh),
    *(rules.atan2, rules.maximum, rules.minimum, rules.clip, rules.logaddexp),
)


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
        return torch.where(huge, torch.sign(x) * size, torch.asinh(torch.where(huge, 0.0, x)))

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

    def power(a: Any, b: Any) -> Any:
        # PyTorch takes the derivative of a ** 0 by a as 0, also where it depends on b. So the exponent is a constant,
        # n, and a factor of exp((b - n) * log(a)), which is 1, has the derivatives by b; at a = 0 these are 0.
        n = b.detach()
        smooth = (n * torch.log(a.detach())).abs() < 709.0  # so that a > 0, and the result is finite
        change = torch.where(smooth, b - n, 0.0) * torch.log(torch.where(smooth, a, 1.0))
        constant = smooth | (a == 0.0)
        x = torch.where(constant & (n != 0.0), a, 1.0)
        y = torch.pow(x, torch.where(constant, n, 1.0)) * torch.exp(change)
        return torch.where(constant, y, torch.pow(torch.where(constant, 1.0, a), torch.where(constant, 1.0, b)))

    def atan2(a: Any, b: Any) -> Any:
        origin = (a == 0.0) & (b == 0.0)
        return torch.where(origin, torch.atan2(a, b).detach(), torch.atan2(a, torch.where(origin, 1.0, b)))

    def logaddexp(a: Any, b: Any) -> Any:
        far = (a - b).isinf()
        y = torch.logaddexp(torch.where(far, 0.0, a), torch.where(far, 0.0, b))
        return torch.where(far, torch.maximum(a, b) + 0.0, y)

    def maximum(a: Any, b: Any) -> Any:
        y = torch.maximum(a, b)
        return torch.where(y.isnan(), a + b, y)

    def minimum(a: Any, b: Any) -> Any:
        y = torch.minimum(a, b)
        return torch.where(y.isnan(), a + b, y)

    def clip(a: Any, b: Any, c: Any) -> Any:
        y = torch.clip(a, b, c).detach()
        y = torch.where((b <= a) & (a <= c), a, torch.where((a < b) & (b < c), b, y))
        return torch.where((c < a) | (c < b), c, y)

    def elu(x: Any, alpha: float) -> Any:
        zero = x == 0.0
        left = torch.expm1(torch.where(zero, x, 0.0))
        return torch.where(zero, left if alpha == 1.0 else alpha * left, torch.nn.functional.elu(x, alpha))

    return {
        "power": power,
        "atan2": atan2,
        "logaddexp": logaddexp,
        "maximum": maximum,
        "minimum": minimum,
        "clip": clip,
        "elu": elu,
        "cbrt": cbrt,
        "sech2": sech2,
        "cathetus": cathetus,
        "asinh": asinh,
        "acosh": acosh,
        "expm1": expm1,
        "tanh": tanh,
        "sigmoid": sigmoid,
        "logsumexp": logsumexp,
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        "gelu": lambda x: 0.5 * x * torch.erfc(-x / rules.SQRT_2),
        "number": lambda condition, like: condition.to(like.dtype),
    }


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
        rules.power: "power({}, {})",
        rules.mod: "torch.remainder({}, {})",
        rules.floordiv: "torch.floor_divide({}.detach(), {}.detach())",
        rules.log_sigmoid: "-softplus(-{})",
        rules.silu: "torch.nn.functional.silu({})",
        rules.detached: "{}.detach()",
        rules.where: "torch.where({} != 0.0, {}, {})",
        rules.where.decided: "torch.where({} != 0.0, {}, {})",
        rules.guard: "torch.where({} != 0.0, {}, torch.nan)",
        rules.unguard: "torch.where({} != 0.0, {}, 0.0)",
        rules.less: "number({0} < {1}, {0})",
        rules.less_equal: "number({0} <= {1}, {0})",
        rules.either: "number(({0} != 0.0) | ({1} != 0.0), {0})",
        rules.ieee_log: "torch.log({})",
        rules.ieee_unit: "({0} / torch.hypot({0}, {1}))",
        rules.ieee_power: "power({}, {} - {})",
        rules.ieee_sech2: "sech2({})",
        rules.ieee_cathetus: "cathetus({})",
    },
    members={
        rules.power_of: lambda n: f"torch.pow({{}}, {n!r})",
        rules.leaky_relu: lambda slope: f"torch.nn.functional.leaky_relu({{}}, {slope!r})",
        rules.elu: lambda alpha: f"elu({{}}, {alpha!r})",
    },
    composed={**TWO_AT_A_TIME, rules.positive: lambda x: x, rules.where.chosen: lambda x: x},
)
