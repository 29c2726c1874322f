"""JAX: a program as the source of a pure function of arrays, for jit, vmap, grad and sharding.

The instructions are printed forward only. Each function of the table carries our own partial derivatives, so that all
conventions at the edges hold, and derivatives of any order, whatever JAX's own are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from autograd import rules
from autograd.compiler.program import Program
from autograd.export._own_operation import SymbolicDialect
from autograd.export.torch import TensorWriter
from autograd.rules import Operation, definition, formulas, infix, symbol

NAMES_IN_JAX: dict[Operation, str] = {
    **{row: row.name for row in (rules.exp, rules.expm1, rules.log, rules.log1p, rules.log2, rules.log10, rules.sqrt)},
    **{row: row.name for row in (rules.cbrt, rules.sin, rules.cos, rules.tan, rules.sinh, rules.cosh, rules.tanh)},
    **{row: f"arc{row.name[1:]}" for row in (rules.asin, rules.acos, rules.atan)},
    **{row: f"arc{row.name[1:]}" for row in (rules.asinh, rules.acosh, rules.atanh)},
    **{row: row.name for row in (rules.abs, rules.hypot, rules.maximum, rules.minimum)},
    rules.atan2: "arctan2",
    rules.power: "power",
    rules.ieee_log: "log",
    rules.floor: "floor",
    rules.mod: "mod",
    rules.floordiv: "floor_divide",
}


class FunctionsOfJax:
    """The functions of the table as JAX's, with our partial derivatives, each made when it is first met."""

    def __init__(self, jax: Any) -> None:
        self.jax = jax
        self.names: dict[str, Any] = {"jax": jax, "jnp": jax.numpy, "nan": float("nan"), "inf": float("inf")}
        self._known: dict[Operation, str] = {}
        self.dialect = replace(JAX, call=self._call)

    def _call(self, operation: Operation, operands: Sequence[str]) -> str:
        if operation not in self._known:
            name = self._known[operation] = f"f{len(self._known)}"
            self.names[name] = self._function(operation)
        return f"{self._known[operation]}({', '.join(operands)})"

    def _function(self, operation: Operation) -> Any:
        function = self.jax.custom_jvp(self._forward(operation))
        symbols = list(map(symbol, range(len(operation.partials))))
        arguments = ", ".join(["y", *(f"x{n}" for n in range(len(symbols)))])
        sources: list[str] = []

        def name(key: Any) -> str:
            return "y" if key == "y" else f"x{key}"

        def slopes(y: Any, xs: Sequence[Any]) -> list[Any]:
            if not sources:  # when first needed, since these functions may need each other
                sources.extend(self.dialect.source(part, name) for part in formulas(operation, symbols))
            return [eval(f"lambda {arguments}: {source}", self.names)(y, *xs) for source in sources]

        def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
            y = function(*primals)
            total = self.jax.numpy.zeros_like(y)
            for slope, tangent in zip(slopes(y, primals), tangents, strict=True):
                if not isinstance(tangent, self.jax.custom_derivatives.SymbolicZero):
                    total = total + slope * tangent
            return y, total

        function.defjvp(jvp, symbolic_zeros=True)
        return function

    def _forward(self, operation: Operation) -> Callable[..., Any]:
        jax, jnp = self.jax, self.jax.numpy
        others: dict[Operation, Callable[..., Any]] = {
            rules.erf: jax.scipy.special.erf,
            rules.erfc: jax.scipy.special.erfc,
            rules.sigmoid: jax.nn.sigmoid,
            rules.silu: jax.nn.silu,
            rules.softplus: jax.nn.softplus,
            rules.gelu: lambda x: 0.5 * x * jax.scipy.special.erfc(-x / rules.SQRT_2),
            rules.relu: lambda x: jnp.where(x <= 0.0, 0.0, x),
            rules.ieee_power: lambda a, b, k: jnp.power(a, b - k),
            rules.ieee_unit: lambda a, b: a / jnp.hypot(a, b),
            rules.ieee_sech2: lambda x: (2.0 * jnp.exp(-jnp.abs(x)) / (1.0 + jnp.exp(-2.0 * jnp.abs(x)))) ** 2,
            rules.ieee_cathetus: lambda x: jnp.sqrt((1.0 - x) * (1.0 + x)),
        }
        members: dict[Any, Callable[[float], Callable[..., Any]]] = {
            rules.power_of: lambda n: lambda x: jnp.power(x, n),
            rules.leaky_relu: lambda slope: lambda x: jnp.where(x > 0.0, x, slope * x),
            rules.elu: lambda alpha: lambda x: jnp.where(x > 0.0, x, alpha * jnp.expm1(x)),
        }
        if operation in NAMES_IN_JAX:
            found: Callable[..., Any] = getattr(jnp, NAMES_IN_JAX[operation])
            return found
        if operation in others:
            return others[operation]
        if operation.family is not None and operation.family[0] in members:
            return members[operation.family[0]](operation.family[1])
        name = f"row{len(self._known)}"
        exec(definition(operation, name, self.dialect), self.names)
        composed: Callable[..., Any] = self.names[name]
        return composed


class JaxDialect(SymbolicDialect):
    """The dialect of JAX."""

    read: ClassVar[str] = "for JAX"

    def reduced(self, operation: Operation, rows: str) -> str:
        """Return an operation on each of some rows."""
        if operation is rules.logsumexp:
            return f"jax.nn.logsumexp({rows}, axis=-1)"
        if operation is rules.largest:
            return f"jax.lax.stop_gradient({rows}.max(-1))"
        raise NotImplementedError(f"the operation {operation.name} has no word in JAX")


JAX = JaxDialect(
    operators=infix(),
    words={
        rules.detached: "jax.lax.stop_gradient({})",
        rules.where: "jnp.where({} != 0.0, {}, {})",
        rules.where.decided: "jnp.where({} != 0.0, {}, {})",
        rules.guard: "jnp.where({} != 0.0, {}, nan)",
        rules.unguard: "jnp.where({} != 0.0, {}, 0.0)",
        rules.less: "(1.0 * ({} < {}))",
        rules.less_equal: "(1.0 * ({} <= {}))",
        rules.either: "(1.0 * (({} != 0.0) | ({} != 0.0)))",
    },
    composed={rules.positive: lambda x: x, rules.where.chosen: lambda x: x},
    literal=lambda value: repr(float(value)),
)


class JaxWriter(TensorWriter):
    """What writes a program for JAX; numbers and indices are bound as they are."""

    library: ClassVar[str] = "jnp"
    permuted: ClassVar[str] = "jnp.permute_dims"

    def _windows(self, source: str, length: int, stride: int, span: int) -> str | None:
        """Return the source of so many windows of the last axis, at a distance; None where they overlap."""
        return f"windows({source}, {length}, {stride})[..., :{span}]" if span <= stride else None

    def _moved(self, first: str) -> list[str]:
        return [f"{name} = {name}_" for name in [*self.numbers, *self.indices]]


def jax_function(program: Program, dtype: str | None) -> Callable[..., Any]:
    """Return a program as a function of JAX arrays; its attribute `source` is its text."""
    try:
        import jax
    except ModuleNotFoundError as error:
        raise ImportError("to_jax needs JAX: python -m pip install 'scalar-autograd[jax]'") from error
    jnp = jax.numpy
    if dtype not in (None, "float32", "float64"):
        raise ValueError(f"to_jax takes a dtype of 'float64' or 'float32', got {dtype!r}")
    config: Any = jax.config  # whose options its types do not list
    if dtype != "float32" and not config.jax_enable_x64:
        raise RuntimeError(
            "JAX computes with single precision unless told; write jax.config.update('jax_enable_x64', True) first, "
            "or to_jax(program, dtype='float32') for single precision"
        )
    functions = FunctionsOfJax(jax)
    writer = JaxWriter(replace(program.lowering))
    writer.dialect = functions.dialect  # type: ignore[misc]
    source = writer.source()

    def windows(x: Any, length: int, stride: int) -> Any:
        missing = length * stride - x.shape[-1]
        padded = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)])
        return padded.reshape(*x.shape[:-1], length, stride)

    import numpy as np

    names = functions.names | {"windows": windows}
    names |= {name: np.array(numbers, dtype=dtype or "float64") for name, numbers in writer.numbers.items()}
    names |= {name: np.array(slots) for name, slots in writer.indices.items()}
    exec(source, names)
    function: Any = names["f"]
    function.source = source
    return function  # type: ignore[no-any-return]
