"""Functions of PyTorch that it lacks, or has with less accurate values or derivatives; exported functions call them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from autograd import rules


def _cbrt(x: Any) -> Any:
    positive, one = x >= 0.0, torch.ones_like(x)  # a side that is not chosen has a finite derivative
    right, left = torch.where(positive, x, one), torch.where(positive, one, -x)
    return torch.where(positive, right ** (1.0 / 3.0), -(left ** (1.0 / 3.0)))


# Where two formulas meet, each has its derivative to the last digit on its own side.


def _sech2(x: Any) -> Any:
    near = x.abs() < 1.0
    root = 1.0 / torch.cosh(torch.where(near, x, 0.0))
    e = torch.exp(-2.0 * x.abs())
    return torch.where(near, root * root, 4.0 * e / ((1.0 + e) * (1.0 + e)))


def _cathetus(x: Any) -> Any:
    return torch.sqrt(torch.where(x.abs() < 0.5, 1.0 - x * x, (1.0 - x) * (1.0 + x)))


def _asinh(x: Any) -> Any:  # whose square PyTorch takes
    huge = x.abs() > 1e8
    size = torch.log(torch.where(huge, x.abs(), 1.0)) + math.log(2.0)
    return torch.where(huge, torch.sign(x).detach() * size, torch.asinh(torch.where(huge, 0.0, x)))


def _acosh(x: Any) -> Any:
    huge = x > 1e8
    return torch.where(huge, torch.log(x) + math.log(2.0), torch.acosh(torch.where(huge, 2.0, x)))


# PyTorch takes the derivatives of the next three from their results, which in the tails are rounded to 1 or -1.


def _expm1(x: Any) -> Any:
    left = x < -0.5
    return torch.where(left, torch.exp(torch.where(left, x, 0.0)) - 1.0, torch.expm1(x))


def _tanh(x: Any) -> Any:
    e = torch.exp(-2.0 * torch.where(x < 0.0, -x, x))
    tail = (1.0 - e) / (1.0 + e)
    return torch.where(x.abs() < 0.5, torch.tanh(x), torch.where(x < 0.0, -tail, tail))


def _sigmoid(x: Any) -> Any:
    e = torch.exp(torch.where(x < 0.0, x, -x))
    return torch.where(x < 0.0, e, 1.0) / (1.0 + e)


def _logsumexp(rows: Any) -> Any:  # as PyTorch's, which drops what the other terms add to 1 in their last digits
    at = rows.argmax(-1, keepdim=True)
    largest = rows.gather(-1, at)
    others = torch.exp(rows - largest).scatter(-1, at, 0.0).sum(-1, keepdim=True)
    return torch.where(largest.isinf(), largest, largest + torch.log1p(others))[..., 0]


# PyTorch's values; where its derivatives are not ours, or none, a part that is constant there, or another formula.


def _atan(x: Any) -> Any:
    far = x.abs() > 1.0
    y = torch.atan(torch.where(far, 1.0 / torch.where(far, x, 1.0), x))
    return torch.where(far, torch.sign(x) * (0.5 * math.pi) - y, y)


# Each side is smooth where a and b are equal; where their difference is nan, they may be infinite.


def _logaddexp(a: Any, b: Any) -> Any:
    less = a < b
    y = torch.where(less, b, a) + torch.nn.functional.softplus(torch.where(less, a - b, b - a))
    return torch.where((a - b).abs() >= 0.0, y, torch.maximum(a, b) + 0.0)


def _softplus(x: Any) -> Any:
    size = torch.nn.functional.leaky_relu(x, -1.0)  # the absolute value, of the slope -1 at 0, where relu has 0
    return torch.relu(x) - torch.nn.functional.softplus(size, beta=-1.0)


def _silu(x: Any) -> Any:
    left = x < 0.0
    root = torch.exp(0.5 * torch.where(left, x, -x))  # exp(x) would lose digits to underflow sooner
    return torch.where(left, x * root * root, x) / (1.0 + root * root)


def _erf(x: Any) -> Any:
    far = x.abs() > 1e3
    return torch.where(far, torch.sign(x).detach(), torch.erf(torch.where(far, 0.0, x)))


def _erfc(x: Any) -> Any:
    far = x.abs() > 1e3
    return torch.where(far, 1.0 - torch.sign(x).detach(), torch.erfc(torch.where(far, 0.0, x)))


def _maximum(a: Any, b: Any) -> Any:
    y = torch.maximum(a, b)
    return torch.where(y.isnan(), a + b, y)


def _minimum(a: Any, b: Any) -> Any:
    y = torch.minimum(a, b)
    return torch.where(y.isnan(), a + b, y)


def _clip(a: Any, b: Any, c: Any) -> Any:
    y = _minimum(_maximum(a, b), c).detach()
    chosen = torch.where((b <= a) & (a <= c), a, torch.where((a < b) & (b < c), b, y))
    chosen = torch.where((c < a) | (c < b), c, chosen)
    return torch.where(y.isnan(), y + (chosen - chosen.detach()), chosen)


def _elu(x: Any, alpha: float) -> Any:
    zero = x == 0.0
    left = torch.expm1(torch.where(zero, x, 0.0))
    return torch.where(zero, left if alpha == 1.0 else alpha * left, torch.nn.functional.elu(x, alpha))


def _gelu(x: Any) -> Any:
    return 0.5 * x * _erfc(-x / rules.SQRT_2)


def _number(condition: Any, like: Any) -> Any:
    return condition.to(like.dtype)


def _literal(number: float, like: Any) -> Any:
    """Return a number as a tensor such as another; infinite where that is of single precision and it is too large."""
    return torch.tensor(number, dtype=torch.float64).to(like)


TORCH_FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__.removeprefix("_"): function
    for function in (
        *(_cbrt, _sech2, _cathetus, _asinh, _acosh, _expm1, _tanh, _sigmoid, _logsumexp, _atan, _logaddexp, _softplus),
        *(_silu, _erf, _erfc, _gelu, _maximum, _minimum, _clip, _elu, _number, _literal),
    )
}
