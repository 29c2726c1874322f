"""NumPy dialect: the source or function by which each operation of the table is applied to arrays."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd import rules
from autograd.callers import warn
from autograd.rules import (
    ATOM,
    COMPARISONS,
    OUT_OF_DOMAIN,
    Dialect,
    Expression,
    Functions,
    Operation,
    OwnPartial,
    infix,
    is_own,
    real,
)

SLOW = 1_000  # numbers in an array, from which on it matters that Python takes them one by one


def raise_flag() -> None:
    """Raise the floating-point flag of an operand outside of a domain, which is an error where `errstate` says so."""
    np.log(np.zeros(()))


def unless_zero(divide: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a division that reports each divisor of 0; NumPy reports none of infinities and nan."""

    def divided(a: Any, b: Any) -> Any:
        if not np.all(b):
            raise_flag()
        return divide(a, b)

    return divided


# Functions that NumPy lacks, each as accurate in its tails as the table's own.


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)


def _silu(x: Any) -> Any:
    e = np.exp(-0.5 * np.abs(x))
    return np.where(x >= 0.0, x, x * e * e) / (1.0 + e * e)


def _power(a: Any, b: Any) -> Any:
    """Return a ** b as Python's; NumPy's is -0.0 for the root of -0.0, and 0.0 for (-inf) ** -0.5."""
    y = np.power(a, b)
    if np.ndim(b) == 0 and b == 0.5:
        return np.abs(y)
    wrong = np.equal(a, -math.inf) & (np.mod(b, 1.0) > 0.0)
    if not np.any(wrong):
        return y
    raise_flag()
    return np.where(wrong, math.nan, y)


def _unit(a: Any, b: Any) -> Any:
    scale = np.maximum(np.abs(a), np.abs(b))
    return np.where(np.isinf(scale), a / scale, a / scale / np.hypot(a / scale, b / scale))


def _sech2(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.square(2.0 * e / (1.0 + e * e))


def row_logsumexp(x: Any) -> Any:
    """Return log(sum(exp(x))) along the last axis."""
    largest = np.maximum.reduce(x, axis=-1)
    shift = largest if math.isfinite(np.add.reduce(largest, None)) else np.where(np.isfinite(largest), largest, 0.0)
    rest = np.exp(x - shift[..., None], order="C")  # not in the layout of x, so that its rows are a view
    rows = rest.reshape(-1, x.shape[-1])
    rows[np.arange(len(rows)), x.argmax(axis=-1).ravel()] = 0.0  # the largest term is the 1 of log1p
    found = shift + np.log1p(np.add.reduce(rest, axis=-1))
    return found if shift is largest else np.where(np.isfinite(largest), found, largest)


def elementwise(function: Callable[..., float], number: int) -> Callable[..., Any]:
    """Return a function of floats as one of arrays, taken one by one in Python."""
    apply = np.frompyfunc(function, number, 1)
    return lambda *operands: np.asarray(apply(*[np.asarray(x, dtype=float) for x in operands]), dtype=float)


def _error_functions() -> dict[str, Callable[..., Any]]:
    try:
        from scipy.special import erf, erfc
    except ImportError:
        return {row.name: elementwise(row.forward, 1) for row in (rules.erf, rules.erfc)}
    return {"erf": erf, "erfc": erfc}


def _stacked(function: Callable[[Any], Any]) -> Callable[[Sequence[Any]], Any]:
    return lambda xs: function(np.stack(np.broadcast_arrays(*xs), axis=-1))


def _dot(xs: Sequence[Any]) -> Any:
    half = len(xs) // 2
    return sum(a * b for a, b in zip(xs[:half], xs[half:], strict=True))


ARRAY_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)},
    "sigmoid": _sigmoid,
    "silu": _silu,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "gelu": lambda x: 0.5 * x * ARRAY_FUNCTIONS["erfc"](-x / rules.SQRT_2),
    "powers": _power,
    "unit": _unit,
    "sech2": _sech2,
    "cathetus": lambda x: np.sqrt((1.0 - x) * (1.0 + x)),
    "choose": np.where,
    "einsum": np.einsum,
    "tensordot": np.tensordot,
    "listed_fsum": lambda xs: functools.reduce(np.add, xs),
    "listed_mean": lambda xs: functools.reduce(np.add, [x / len(xs) for x in xs]),
    "listed_dot": _dot,
    "listed_max": lambda xs: functools.reduce(np.maximum, xs),
    "listed_logsumexp": _stacked(row_logsumexp),
    "row_logsumexp": row_logsumexp,
}
ARRAY_FUNCTIONS |= _error_functions()

NAMES: dict[Operation, str] = {  # functions of as many operands as the row has, where the name is another one
    rules.add: "add",
    rules.sub: "subtract",
    rules.mul: "multiply",
    rules.divide: "divide",
    rules.ieee_divide: "divide",
    rules.power: "powers",
    rules.negative: "negative",
    rules.positive: "positive",
    rules.detached: "positive",
    rules.asin: "arcsin",
    rules.acos: "arccos",
    rules.atan: "arctan",
    rules.asinh: "arcsinh",
    rules.acosh: "arccosh",
    rules.atanh: "arctanh",
    rules.atan2: "arctan2",
    rules.less: "less",
    rules.less_equal: "less_equal",
    rules.either: "logical_or",
    rules.ieee_log: "log",
    rules.ieee_unit: "unit",
    rules.ieee_sech2: "sech2",
    rules.ieee_cathetus: "cathetus",
    rules.mod: "mod",
    rules.floordiv: "floor_divide",
    **{
        row: row.name
        for row in rules.TABLE.values()
        if isinstance(row, Operation)
        and row.arity is not None
        and row.name in ARRAY_FUNCTIONS
        and row is not rules.ieee_log
    },
}


class ArrayDialect(Dialect):
    """NumPy's dialect, in which the sum of two comparisons is not their disjunction: they are made numbers first."""

    def _print(self, term: Any, name: Callable[[Any], str]) -> tuple[str, int]:
        if isinstance(term, Expression) and term.operation in (rules.add, rules.sub, rules.negative):
            term = Expression(term.operation, [_number(part) for part in term.operands])
        elif isinstance(term, Expression) and term.operation is rules.mul:
            for part, other in (term.operands, term.operands[::-1]):
                if _is_negation(part):  # a factor may be a condition itself
                    condition = f"logical_not({self.source(part.operands[1], name)})"
                    return self.printed(rules.mul, [self._print(other, name), (condition, ATOM)])
        return super()._print(term, name)


def _number(part: Any) -> Any:
    """Return an operand of a sum as a number, where it is a comparison."""
    comparison = isinstance(part, Expression) and part.operation in COMPARISONS
    return Expression(rules.mul, [1.0, part]) if comparison else part


def _is_negation(part: Any) -> bool:
    """Whether an expression is 1 minus a comparison."""
    if not isinstance(part, Expression) or part.operation is not rules.sub:
        return False
    one, comparison = part.operands
    return not isinstance(one, Expression) and one == 1.0 and comparison.operation in COMPARISONS


NUMPY = ArrayDialect(
    operators=infix(),
    words={
        **{row: f"{name}({', '.join(['{}'] * len(row.partials))})" for row, name in NAMES.items()},
        rules.where: "choose({}, {}, {})",
        rules.guard: "choose({}, {}, nan)",
        rules.unguard: "choose({}, {}, 0.0)",
    },
    members={
        rules.power_of: lambda n: (
            "{}" if n == 1.0 else "square({})" if n == 2.0 else f"power{'s' * (n % 1.0 != 0.0)}({{}}, {n!r})"
        ),
        rules.leaky_relu: lambda slope: f"choose(greater({{0}}, 0.0), {{0}}, multiply({slope!r}, {{0}}))",
        rules.elu: lambda alpha: f"choose(greater({{0}}, 0.0), {{0}}, multiply({alpha!r}, expm1({{0}})))",
    },
    composed={
        rules.relu: lambda x: Expression(rules.maximum, [x, 0.0]),
        rules.ieee_power: lambda a, b, k: Expression(rules.power, [a, b - k]),
    },
)


@functools.cache
def array_function(operation: Operation) -> Callable[..., Any]:
    """Return the function of arrays of an operation for which NumPy has no word: as its row is made of others.

    Parts that are not chosen may be anything, so nothing is reported but what the result itself tells: an infinity or
    a nan where no operand is nan.
    """
    functions = Functions(NUMPY)
    name = functions.call(operation, ()).partition("(")[0]
    names: dict[str, Any] = {"nan": math.nan, "inf": math.inf, **ARRAY_FUNCTIONS}
    exec("\n".join(functions.definitions.values()), names)
    function: Callable[..., Any] = names[name]

    def apply(*operands: Any) -> Any:
        with np.errstate(all="ignore"):
            y = function(*operands)
            odd = ~np.isfinite(y)
        if odd.any() and (odd & ~functools.reduce(np.logical_or, map(np.isnan, operands))).any():
            raise_flag()
        return y

    return apply


def called_function(operation: Operation) -> Callable[..., Any]:
    """Return the function of arrays of an operation that is called: a user's own, or one that NumPy lacks."""
    return OwnForward(operation) if is_own(operation) else array_function(operation)


def as_float(operation: Operation) -> Callable[..., float]:
    """Return the forward function of a user's own operation, which may return an int or a NumPy scalar, as a float.

    Where it raises at nan, which comes into a side of a choice that is not chosen, the result is nan.
    """

    def forward(*operands: float) -> float:
        try:
            y = operation.forward(*operands)
        except OUT_OF_DOMAIN:
            if any(map(math.isnan, operands)):
                return math.nan
            raise
        return y if type(y) is float else real(y, f"the result of {operation.name}")

    return forward


class OwnForward:
    """A user's forward function on arrays: one number after the other, unless he says that it takes arrays.

    Where it raises at nan, as in `as_float`, the result is nan there.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.slow = elementwise(as_float(operation), len(operation.partials))
        self.real = np.frompyfunc(lambda y: real(y, f"the result of {operation.name}"), 1, 1)
        self.warned = isinstance(operation, OwnPartial)

    def __call__(self, *operands: Any) -> Any:
        """Apply the function to arrays."""
        if not self.operation.vectorized:
            if not self.warned and max(map(np.size, operands)) >= SLOW:
                self.warned = True
                warn(
                    f"the operation {self.operation.name} runs on one number after the other, which is slow; where its "
                    "functions take NumPy arrays, write operation(..., vectorized=True)"
                )
            return self.slow(*operands)
        arrays = []
        for operand in operands:
            array = np.asarray(operand, dtype=float).view()
            array.flags.writeable = False  # the program's own numbers
            arrays.append(array)
        wanted = np.broadcast_shapes(*map(np.shape, operands))
        try:
            result = np.asarray(self.operation.forward(*arrays))
        except OUT_OF_DOMAIN:
            defined = ~sum(map(np.isnan, arrays), np.zeros(wanted, dtype=bool))
            if defined.all():
                raise
            result = np.full(wanted, math.nan)
            if defined.any():
                result[defined] = self(*[np.broadcast_to(array, wanted)[defined] for array in arrays])
        result = np.asarray(result if result.dtype.kind in "fiub" else self.real(result), dtype=float)
        if result.shape != wanted:
            raise ValueError(
                f"the forward function of {self.operation.name} is vectorized, so it returns an array of the shape of "
                f"its operands, {wanted}, got {result.shape}"
            )
        return result
