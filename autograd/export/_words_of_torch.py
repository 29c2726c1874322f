"""The words of PyTorch: functions whose derivatives there are those of our table, at the edges too."""

from __future__ import annotations

import math
from typing import ClassVar

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
