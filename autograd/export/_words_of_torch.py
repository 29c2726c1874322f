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
    *(rules.atanh, rules.relu, rules.atan2, rules.hypot),
    *(rules.maximum, rules.minimum, rules.exp2, rules.floor, rules.ceil, rules.clip, rules.xlogy),
    *(rules.erfinv, rules.logaddexp),  # whose polygamma functions have ten digits only: these are composed
)


SUPPLIED_IN_TORCH = (
    *(rules.cbrt, rules.softplus, rules.gelu, rules.expm1, rules.tanh, rules.sigmoid, rules.asinh, rules.acosh),
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

    return {
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
    operators={**infix(), rules.power: "{} ** {}"},
    words={
        **{row: f"torch.{row.name}({', '.join(['{}'] * len(row.partials))})" for row in SAME_IN_TORCH},
        **{row: f"{row.name}({{}})" for row in SUPPLIED_IN_TORCH},
        rules.mod: "torch.remainder({}, {})",
        rules.floordiv: "torch.floor_divide({}.detach(), {}.detach())",
        rules.log_sigmoid: "torch.nn.functional.logsigmoid({})",
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
        rules.ieee_power: "torch.pow({}, {} - {})",
        rules.ieee_sech2: "sech2({})",
        rules.ieee_cathetus: "cathetus({})",
    },
    members={
        rules.power_of: lambda n: f"torch.pow({{}}, {n!r})",
        rules.leaky_relu: lambda slope: f"torch.nn.functional.leaky_relu({{}}, {slope!r})",
        rules.elu: lambda alpha: f"torch.nn.functional.elu({{}}, {alpha!r})",
    },
    composed={**TWO_AT_A_TIME, rules.positive: lambda x: x, rules.where.chosen: lambda x: x},
)
