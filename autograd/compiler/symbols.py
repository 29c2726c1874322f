"""A rule read as NumPy source: what the operations of the table are called there, and their partial derivatives."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd import rules
from autograd.operation import Family, Operation
from autograd.symbols import Dialect, Symbol

# Functions that NumPy lacks, each as accurate in its tails as the table's own.


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)


def _silu(x: Any) -> Any:
    e = np.exp(-0.5 * np.abs(x))
    return np.where(x >= 0.0, x, x * e * e) / (1.0 + e * e)


def _sech2(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.square(2.0 * e / (1.0 + e * e))


def _elementwise(function: Callable[..., float], number: int) -> Callable[..., Any]:
    """Return a function of floats as one of arrays, taken one by one in Python."""
    apply = np.frompyfunc(function, number, 1)
    return lambda *operands: np.asarray(apply(*operands), dtype=float)


def _error_functions() -> dict[str, Callable[..., Any]]:
    try:
        from scipy.special import erf, erfc
    except ImportError:
        return {"erf": _elementwise(rules.erf.forward, 1), "erfc": _elementwise(rules.erfc.forward, 1)}
    return {"erf": erf, "erfc": erfc}


NAMESPACE: dict[str, Any] = {"np": np, "sigmoid": _sigmoid, "silu": _silu, "sech2": _sech2, **_error_functions()}

SAME_NAME = {
    *("abs", "cbrt", "cos", "cosh", "exp", "expm1", "hypot", "log", "log10", "log1p", "log2"),
    *("maximum", "minimum", "sin", "sinh", "sqrt", "tan", "tanh"),
}

SOURCES: dict[Operation, str] = {
    rules.add: "np.add({}, {})",
    rules.sub: "np.subtract({}, {})",
    rules.mul: "np.multiply({}, {})",
    rules.divide: "np.divide({}, {})",
    rules.power: "np.power({}, {})",
    rules.negative: "np.negative({})",
    rules.positive: "np.positive({})",
    rules.asin: "np.arcsin({})",
    rules.acos: "np.arccos({})",
    rules.atan: "np.arctan({})",
    rules.asinh: "np.arcsinh({})",
    rules.acosh: "np.arccosh({})",
    rules.atanh: "np.arctanh({})",
    rules.atan2: "np.arctan2({}, {})",
    rules.erf: "erf({})",
    rules.erfc: "erfc({})",
    rules.sigmoid: "sigmoid({})",
    rules.silu: "silu({})",
    rules.softplus: "np.logaddexp({}, 0.0)",
    rules.gelu: "(0.5 * {0} * erfc(-{0} / np.sqrt(2.0)))",
    rules.relu: "np.maximum({}, 0.0)",
    rules.less: "np.less({}, {})",
    rules.less_equal: "np.less_equal({}, {})",
    rules.either: "np.logical_or({}, {})",
    rules.detached: "np.positive({})",
    rules.where: "np.where({} != 0.0, {}, {})",
    rules.ieee_divide: "np.divide({}, {})",
    rules.ieee_log: "np.log({})",
    rules.ieee_power: "np.power({}, {} - {})",
    rules.ieee_unit: "({0} / np.hypot({0}, {1}))",
    rules.ieee_sech2: "sech2({})",
    rules.ieee_cathetus: "np.sqrt((1.0 - {0}) * (1.0 + {0}))",
    **{
        row: f"np.{row.name}({', '.join(['{}'] * len(row.partials))})"
        for row in rules.TABLE.values()
        if isinstance(row, Operation) and row.name in SAME_NAME and row is not rules.ieee_log
    },
}

MEMBERS: dict[Family, Callable[[float], str]] = {
    rules.power_of: lambda n: "{}" if n == 1.0 else "np.square({})" if n == 2.0 else f"np.power({{}}, {n!r})",
    rules.leaky_relu: lambda slope: f"np.where({{0}} > 0.0, {{0}}, {slope!r} * {{0}})",
    rules.elu: lambda alpha: f"np.where({{0}} > 0.0, {{0}}, {alpha!r} * np.expm1({{0}}))",
}


def own_name(operation: Operation) -> str:
    """Return the name under which the source calls an operation that is not in the table."""
    return f"own_{id(operation)}"


NUMPY = Dialect(
    # A comparison is a number too, 1 or 0: NumPy's sum of two would be their disjunction, hence the type of a result.
    operators={
        "+": "np.add({}, {}, dtype=float)",
        "-": "np.subtract({}, {}, dtype=float)",
        "*": "({} * {})",
        "/": "({} / {})",
        "**": "np.power({}, {})",
        "abs": "np.abs({})",
        "neg": "np.negative({}, dtype=float)",
        "<": "({} < {})",
        "<=": "({} <= {})",
        ">": "({} > {})",
        ">=": "({} >= {})",
        "|": "({} | {})",
    },
    rows=SOURCES,
    members=MEMBERS,
    call=lambda operation, operands: f"{own_name(operation)}({', '.join(operands)})",
)


def forward_source(operation: Operation, operands: Sequence[str]) -> str:
    """Return the NumPy source of an operation on operands of these names; a user's own is called by its name.

    >>> forward_source(rules.tanh, ["x"])
    'np.tanh(x)'
    """
    return NUMPY.forward(operation, operands)


def partial_source(operation: Operation, position: int, y: str, operands: Sequence[str]) -> str | float:
    """Return the NumPy source of a partial derivative, where y is the result; a float where it is one everywhere.

    >>> partial_source(rules.mul, 0, "y", ["a", "b"])
    'b'
    """
    try:
        derivative = operation.partials[position](NUMPY.symbol(y), *map(NUMPY.symbol, operands))
    except (TypeError, AttributeError):  # a user's formula that takes floats only
        return f"{own_name(operation)}_{position}({', '.join([y, *operands])})"
    if not isinstance(derivative, Symbol):
        return float(derivative)
    condition = re.fullmatch(r"np\.subtract\(1\.0, (\([^()]+ <= [^()]+\)), dtype=float\)", derivative.source)
    return f"~{condition[1]}" if condition else derivative.source  # a factor of 1 or 0 may be a condition itself


def own_functions(operation: Operation) -> dict[str, Callable[..., Any]]:
    """Return what the source calls for an operation that is not in the table: its functions, of arrays.

    A forward function that does not take arrays is run on one number after the other, and a warning says so.
    """
    functions: dict[str, Callable[..., Any]] = {own_name(operation): _Forward(operation)}
    for position, partial in enumerate(operation.partials):
        functions[f"{own_name(operation)}_{position}"] = _elementwise(partial, len(operation.partials) + 1)
    return functions


class _Forward:
    """A user's forward function on arrays."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.slow = _elementwise(operation.forward, len(operation.partials))
        self.takes_arrays = True

    def __call__(self, *operands: Any) -> Any:
        if self.takes_arrays:
            try:
                result = np.asarray(self.operation.forward(*operands), dtype=float)
                if result.shape == np.broadcast_shapes(*map(np.shape, operands)):
                    return result
            except (TypeError, ValueError):  # one truth value, or one float, is wanted of an array
                pass
            self.takes_arrays = False
            warnings.warn(
                f"the forward function of the operation {self.operation.name} does not take arrays, so it runs on one "
                "number after the other; write it with NumPy's functions to make it fast",
                RuntimeWarning,
                stacklevel=2,
            )
        return self.slow(*operands)


def logsumexp(x: Any) -> Any:
    """Return log(sum(exp(x))) along the last axis."""
    largest = np.maximum.reduce(x, axis=-1)
    shift = largest if math.isfinite(np.add.reduce(largest, None)) else np.where(np.isfinite(largest), largest, 0.0)
    rest = np.exp(x - shift[..., None])
    rows = rest.reshape(-1, x.shape[-1])  # of new memory, so a view
    rows[np.arange(len(rows)), x.argmax(axis=-1).ravel()] = 0.0  # the largest term is the 1 of log1p
    found = shift + np.log1p(np.add.reduce(rest, axis=-1))
    return found if shift is largest else np.where(np.isfinite(largest), found, largest)


def softmax(x: Any, y: Any) -> Any:
    """Return exp(x) / sum(exp(x)) along the last axis, of which y is the logsumexp or a number close to it."""
    terms = np.exp(x - y)
    return terms / np.add.reduce(terms, axis=-1, keepdims=True)


NAMESPACE |= {"logsumexp": logsumexp, "softmax": softmax}
