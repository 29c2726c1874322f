"""JAX dialect: the functions of the table as JAX's, each with our own partial derivatives.

JAX differs from our table at kinks (`abs`, `x ** 0`, `0 ** 0`, `atan2` and `hypot` at the origin) and in some tails. So
each function is a `jax.custom_jvp` whose tangent is printed from the row's partials in the same dialect: these are
functions of the same kind, hence the conventions hold in derivatives of any order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from autograd import rules
from autograd.export._own_operation import TensorDialect, check_readable
from autograd.rules import ATOM, NAry, Operation, definition, infix, is_own, slope_definitions

_VARIABLES: dict[Any, str] = {row: variable for variable, row in rules.TABLE.items()}
# Where JAX calls a function otherwise; the others are looked up by their names, see `_named`.
OTHER_NAMES: dict[Operation, str] = {
    **{row: f"arc{row.name[1:]}" for row in (rules.asin, rules.acos, rules.atan)},
    **{row: f"arc{row.name[1:]}" for row in (rules.asinh, rules.acosh, rules.atanh)},
    rules.atan2: "arctan2",
    rules.power: "power",
    rules.ieee_log: "log",
    rules.mod: "mod",
    rules.floordiv: "floor_divide",
}
# What JAX has with fewer digits than the rows: 2e-11 at -20; 4e-17 where sinc is 0.
INACCURATE = {"log_ndtr", "sinc"}
_QUOTIENTS = (rules.divide, rules.ieee_divide)
_LITERAL = re.compile(r"\(?-?[\d.]+(e[-+]?\d+)?\)?")


class FunctionsOfJax:
    """The functions of the table in JAX, each made when it is first met, and the names that sources call them by."""

    def __init__(self, jax: Any, dtype: str) -> None:
        self.jax = jax
        self.names: dict[str, Any] = {"jax": jax, "jnp": jax.numpy, "nan": float("nan"), "inf": float("inf")}
        self.names |= {"dtype": dtype, "logsumexp": self._logsumexp}
        self._known: dict[Operation, str] = {}
        self.dialect = replace(JAX, call=self._call)

    def _logsumexp(self, rows: Any) -> Any:  # JAX's drops what the other terms add to 1 in their last digits
        jnp = self.jax.numpy
        largest = jnp.arange(rows.shape[-1]) == rows.argmax(-1, keepdims=True)
        top = jnp.where(largest, rows, 0.0).sum(-1)
        others = jnp.exp(jnp.where(largest, -jnp.inf, rows - top[..., None])).sum(-1)
        return jnp.where(jnp.isinf(top), top, top + jnp.log1p(others))

    def _call(self, operation: Operation, operands: Sequence[str]) -> str:
        if isinstance(operation, NAry):
            return _listed(operation, operands)
        if operation not in self._known:
            function = self._function(operation)
            name = _python_name(operation)
            while name in self.names:
                name += "_"
            self._known[operation] = name
            self.names[name] = function
        return f"{self._known[operation]}({', '.join(operands)})"

    def _function(self, operation: Operation) -> Any:
        function = self.jax.custom_jvp(self._forward(operation))
        name = f"slope_{_python_name(operation)}_"
        slopes: list[Callable[..., Any]] = []

        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            y = function(*primals)
            if not slopes:  # when first needed, since these functions may need each other
                for position, source in enumerate(slope_definitions(operation, name, self.dialect)):
                    exec(source, self.names)
                    slopes.append(self.names[f"{name}{position}"])
            total = self.jax.numpy.zeros_like(y)
            for slope, tangent in zip(slopes, tangents, strict=True):
                if not isinstance(tangent, self.jax.custom_derivatives.SymbolicZero):
                    total = total + slope(y, *primals) * tangent
            return y, total

        function.defjvp(jvp, symbolic_zeros=True)
        return function

    def _forward(self, operation: Operation) -> Callable[..., Any]:
        jax, jnp = self.jax, self.jax.numpy

        def quotient(a: Any, b: Any) -> Any:  # XLA makes a / (b * c) of a / b / c, but not where a choice is between
            return jnp.where(jnp.isnan(b), b, a / b)

        others: dict[Operation, Callable[..., Any]] = {
            **dict.fromkeys(_QUOTIENTS, quotient),
            rules.gelu: lambda x: 0.5 * x * jax.scipy.special.erfc(-x / rules.SQRT_2),
            rules.relu: lambda x: jnp.where(x <= 0.0, 0.0, x),
            rules.ieee_power: lambda a, b, k: jnp.power(a, b - k),
            rules.ieee_unit: lambda a, b: quotient(a, jnp.hypot(a, b)),
            rules.ieee_sech2: lambda x: (2.0 * jnp.exp(-jnp.abs(x)) / (1.0 + jnp.exp(-2.0 * jnp.abs(x)))) ** 2,
            rules.ieee_cathetus: lambda x: jnp.sqrt((1.0 - x) * (1.0 + x)),
        }
        members: dict[Any, Callable[[float], Callable[..., Any]]] = {
            rules.power_of: lambda n: lambda x: jnp.power(x, n),
            rules.leaky_relu: lambda slope: lambda x: jnp.where(x > 0.0, x, slope * x),
            rules.elu: lambda alpha: lambda x: jnp.where(x > 0.0, x, alpha * jnp.expm1(x)),
        }
        if operation in others:
            return others[operation]
        if operation.family is not None and operation.family[0] in members:
            return members[operation.family[0]](operation.family[1])
        if (operation in _VARIABLES or operation in OTHER_NAMES) and (found := self._named(operation)) is not None:
            return found
        name = f"row_{_python_name(operation)}"  # made of others
        if is_own(operation):
            check_readable(operation, JAX.read)
        exec(definition(operation, name, self.dialect), self.names)
        composed: Callable[..., Any] = self.names[name]

        def whole(*operands: Any) -> Any:  # which a user's function may not use all of
            found = jnp.asarray(composed(*operands), self.names["dtype"])
            return jnp.broadcast_to(found, jnp.broadcast_shapes(*map(jnp.shape, operands)))

        return whole if is_own(operation) else composed

    def _named(self, operation: Operation) -> Callable[..., Any] | None:
        """Return JAX's function of the same name and meaning; the tests hold that it has the same."""
        name = OTHER_NAMES.get(operation, operation.name)
        homes = () if name in INACCURATE else (self.jax.numpy, self.jax.scipy.special, self.jax.nn)
        found = next((getattr(home, name) for home in homes if hasattr(home, name)), None)
        return found and (lambda *operands: found(*operands))  # without the options that some have


def _listed(operation: Operation, operands: Sequence[str]) -> str:
    """Return the source of an operation on numbers that are given one by one."""
    half = len(operands) // 2
    if operation.name == "dot":
        return f"({' + '.join(f'{a} * {b}' for a, b in zip(operands[:half], operands[half:], strict=True)) or '0.0'})"
    if operation is rules.fsum or operation is rules.mean:
        total = f"({' + '.join(operands) or '0.0'})"
        return total if operation is rules.fsum else f"({total} / {len(operands)})"
    return JAX.reduced(operation, f"jnp.stack([{', '.join(operands)}])")


def _python_name(operation: Operation) -> str:
    """Return what a source calls an operation: the variable of its row, with the constant of a member behind it.

    >>> _python_name(rules.power_of.member(-0.5))
    'power_of_minus_0_5'
    """
    if operation.family is None:
        return _VARIABLES.get(operation) or re.sub(r"\W", "_", f"{'own_' * is_own(operation)}{operation.name}")
    family, constant = operation.family
    return re.sub(r"\W", "_", f"{_VARIABLES.get(family, family.name)}_{constant:g}".replace("-", "minus_"))


class JaxDialect(TensorDialect):
    """The dialect of JAX."""

    read: ClassVar[str] = "for JAX"
    library: ClassVar[str] = "JAX"
    of_rows: ClassVar[dict[Operation, str]] = {
        rules.logsumexp: "logsumexp({})",
        rules.largest: "jax.lax.stop_gradient({}.max(-1))",
    }

    def printed(self, operation: Operation, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        """Print an operation; a quotient as an operator only by a number, since JAX's derivative has b ** -2."""
        if operation in _QUOTIENTS and not _LITERAL.fullmatch(operands[1][0]) and self.call:
            return self.call(operation, [source for source, _ in operands]), ATOM
        return super().printed(operation, operands)


JAX = JaxDialect(
    operators=infix(),
    words={
        rules.detached: "jax.lax.stop_gradient({})",
        rules.where: "jnp.where({} != 0.0, {}, {})",
        rules.where.decided: "jnp.where({} != 0.0, {}, {})",
        rules.guard: "jnp.where({} != 0.0, {}, nan)",
        rules.unguard: "jnp.where({} != 0.0, {}, 0.0)",
        rules.less: "jnp.asarray({} < {}, dtype)",
        rules.less_equal: "jnp.asarray({} <= {}, dtype)",
        rules.either: "jnp.asarray(({} != 0.0) | ({} != 0.0), dtype)",
    },
    composed={rules.positive: lambda x: x, rules.where.chosen: lambda x: x},
    literal=lambda value: repr(float(value)),
)
