"""What tests compare with: the definitions of the rows in mpmath's digits, and what rounding explains."""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Sequence
from typing import Any

import mpmath
from mpmath import mp

from autograd import Value, rules
from autograd.engine.chain import topological_order
from autograd.rules.operation import Family, NAry, Operation, Unary

EPS = 2.0**-52


@functools.cache
def functions(module: Any) -> dict[str, Any]:
    own = {name: getattr(builtins, name) for name in ("abs", "max", "min", "sum", "len", "range", "zip")}
    names = {"__builtins__": {}, **{name: getattr(module, name) for name in dir(module) if name[0] != "_"}, **own}
    if module is mpmath:  # whose erfc fails on arguments beyond 1e19
        names["erfc"] = lambda x: mpmath.erfc(x) if abs(x) < 1e6 else _far_erfc(x)
    return names


def _far_erfc(x: Any) -> Any:
    """erfc by its asymptotic series, whose terms fall until one is exp(-x ** 2), or is too small for the digits."""
    if x < 0:
        return mp.mpf(2)  # to 10^11 digits
    total = term = mp.mpf(1)
    k = 0
    while abs(term) > mp.eps:
        k += 1
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
    return mp.exp(-x * x) / (x * mp.sqrt(mp.pi)) * total


@functools.cache
def compiled(expression: str) -> Any:
    return compile(expression, "the table", "eval")


def evaluated(expression: str, names: dict[str, Any], module: Any) -> Any:
    return eval(compiled(expression), functions(module), names)


def exact(row: Operation, operands: Sequence[Any]) -> Any:
    """The definition in mpmath's arithmetic."""
    numbers = list(map(mp.mpf, operands))
    if isinstance(row, NAry):
        size = len(numbers) // row.sequences
        named = {name: numbers[i * size : (i + 1) * size] for i, name in enumerate(row.arguments)}
    else:
        named = dict(zip(row.arguments, numbers, strict=True))
    return evaluated(row.definition, named, mpmath)


def defined(row: Operation, operands: Sequence[float]) -> bool:
    """Whether operands are in the domain of a row."""
    return not row.domain or bool(evaluated(row.domain, dict(zip(row.arguments, operands, strict=True)), math))


def is_slow(row: Operation) -> bool:
    """Whether mpmath takes long for a row."""
    slow = (rules.lgamma, rules.digamma, rules.trigamma, rules.erfinv)
    return row in slow or (row.family is not None and row.family[0] is rules.polygamma_of)


def rounding(root: Value) -> float:
    """How far rounding may have moved a result, to first order."""
    errors: dict[Value, float] = {}
    for node in topological_order(root):
        own = carried = 0.0
        if node.op is not None:
            slopes = node.local_derivatives()
            sizes = [abs(slope * parent.data) for slope, parent in zip(slopes, node.parents, strict=True)]
            own = 8 * EPS * (abs(node.data) + sum(sizes))
            carried = sum(abs(slope) * errors[parent] for slope, parent in zip(slopes, node.parents, strict=True))
        errors[node] = own + carried
    return errors[root]


def is_activation(row: Any) -> bool:
    """Whether a layer may have a function and learn: no faster growth than its number, no poles, finite slopes."""
    return (
        isinstance(row, (Unary, Family))
        and all(evaluated(getattr(row, "domain", "") or "True", {"x": x}, math) for x in (-30.0, 30.0))
        and all(abs(row(x)) < 40.0 for x in (-30.0, -1.57, 1.57, 30.0))
        and all(math.isfinite(slope) for (slope,) in getattr(row, "edges", {}).values())
    )


ACTIVATIONS = [name for name, row in rules.FUNCTIONS.items() if is_activation(row)]
