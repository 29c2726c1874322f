"""The words of PyTorch: functions whose derivatives there are those of our table, at the edges too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from autograd import rules
from autograd.export._own_operation import SymbolicDialect
from autograd.rules import Operation, infix

SAME_IN_TORCH = (
    *(rules.exp, rules.expm1, rules.log, rules.log1p, rules.log2, rules.log10, rules.sqrt, rules.abs, rules.erf),
    *(rules.erfc, rules.sin, rules.cos, rules.tan, rules.asin, rules.acos, rules.atan, rules.sinh, rules.cosh),
    *(rules.tanh, rules.asinh, rules.acosh, rules.atanh, rules.sigmoid, rules.relu, rules.atan2, rules.hypot),
    *(rules.maximum, rules.minimum, rules.exp2, rules.floor, rules.ceil, rules.clip, rules.xlogy),
    *(rules.erfinv, rules.logaddexp),  # whose polygamma functions have ten digits only: these are composed
)


def helper_functions(torch: Any) -> dict[str, Callable[..., Any]]:
    """Return functions that PyTorch lacks, or has less accurately."""

    def cbrt(x: Any) -> Any:
        positive, one = x >= 0.0, torch.ones_like(x)  # a side that is not chosen has a finite derivative
        right, left = torch.where(positive, x, one), torch.where(positive, one, -x)
        return torch.where(positive, right ** (1.0 / 3.0), -(left ** (1.0 / 3.0)))

    def sech2(x: Any) -> Any:
        e = torch.exp(-2.0 * x.abs())
        return 4.0 * e / ((1.0 + e) * (1.0 + e))

    return {
        "cbrt": cbrt,
        "sech2": sech2,
        "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
        "gelu": lambda x: 0.5 * x * torch.erfc(-x / rules.SQRT_2),
        "number": lambda condition, like: condition.to(like.dtype),
    }


class TorchDialect(SymbolicDialect):
    """The dialect of PyTorch."""

    read: ClassVar[str] = "for PyTorch"

    def reduced(self, operation: Operation, rows: str) -> str:
        """Return an operation on each of some rows."""
        if operation is rules.logsumexp:
            return f"torch.logsumexp({rows}, -1)"
        if operation is rules.largest:
            return f"{rows}.amax(-1).detach()"
        raise NotImplementedError(f"the operation {operation.name} has no word in PyTorch")


TORCH = TorchDialect(
    operators={**infix(), rules.power: "{} ** {}"},
    words={
        **{row: f"torch.{row.name}({', '.join(['{}'] * len(row.partials))})" for row in SAME_IN_TORCH},
        **{row: f"{row.name}({{}})" for row in (rules.cbrt, rules.softplus, rules.gelu)},
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
        rules.ieee_cathetus: "torch.sqrt((1.0 - {0}) * (1.0 + {0}))",
    },
    members={
        rules.power_of: lambda n: f"torch.pow({{}}, {n!r})",
        rules.leaky_relu: lambda slope: f"torch.nn.functional.leaky_relu({{}}, {slope!r})",
        rules.elu: lambda alpha: f"torch.nn.functional.elu({{}}, {alpha!r})",
    },
    composed={rules.positive: lambda x: x, rules.where.chosen: lambda x: x},
)
