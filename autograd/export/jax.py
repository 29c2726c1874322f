"""JAX: a program as the source of a pure function of arrays, for jit, vmap, grad and sharding.

A wide program is its array instructions, forward only: what lies regularly is read as a slice, reshaped, and the rest
by an index. A narrow one is its scalar steps, one a line, and what is repeated in it a `jax.lax.scan`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from autograd.compiler.cut import NARROW
from autograd.compiler.instructions import Operand, Slots
from autograd.compiler.program import Program
from autograd.compiler.views import common_shape, regular
from autograd.export._scans import JaxStepWriter
from autograd.export._words_of_jax import FunctionsOfJax
from autograd.export.jax_package import check_precision, load_jax
from autograd.export.torch import TensorWriter, moving_axes

WINDOWS = 8  # that overlap, up to which as many slices stand for an index


class JaxWriter(TensorWriter):
    """What writes array instructions for JAX; numbers and indices are bound as they are."""

    library: ClassVar[str] = "jnp"
    permuted: ClassVar[str] = "jnp.permute_dims"
    detached: ClassVar[str] = "jax.lax.stop_gradient({})"

    def _taken(self, name: str, count: int) -> str:
        return f"array({name}, {count})"

    def _moved(self, first: str) -> list[str]:
        return []

    def _read(self, operand: Operand) -> str:
        """Return the source of an operand's numbers, in its shape."""
        if (number := operand.repeated) is not None:
            return f"jnp.full({operand.shape}, {number!r}, dtype)"
        return super()._read(operand)

    def _view(self, name: str, slots: Slots, count: int) -> str | None:
        """Return the source of some numbers of an array as slices of it, in their shape; None if there is none."""
        strides, first = regular(slots), int(slots.flat[0])
        if strides is None:  # perhaps they are regular in another shape, as the windows of a convolution, or a tile
            shape = common_shape([slots.ravel()])
            if shape is None or len(shape) == 1:
                return None
            source = self._view(name, slots.reshape(shape), count)
            return source and _reshaped(source, shape, slots.shape)
        if falling := tuple(axis for axis, stride in enumerate(strides) if stride < 0):
            source = self._view(name, np.flip(slots, falling), count)
            return source and f"jnp.flip({source}, {falling})"
        shape = slots.shape
        moving = moving_axes(strides, shape)
        if not moving:
            if slots.size > 1:
                return f"jnp.broadcast_to({name}[{first}], {shape})"
            return _reshaped(f"{name}[{first}:{first + 1}]" if shape else f"{name}[{first}]", (1,) * bool(shape), shape)
        source = self._block(name, first, moving, count)
        if source is None:
            return self._overlapping(name, slots, count)
        order = [axis for _, _, axis in moving]
        if order != sorted(order):
            source = f"{self.permuted}({source}, {tuple(np.argsort(order).tolist())})"
        once = tuple(n if axis in order else 1 for axis, n in enumerate(shape))
        source = _reshaped(source, tuple(shape[axis] for axis in sorted(order)), once)
        return source if once == shape else f"jnp.broadcast_to({source}, {shape})"

    def _block(self, name: str, first: int, moving: Sequence[tuple[int, int, int]], count: int) -> str | None:
        """Return numbers of which each axis, in the order of the strides, is a slice of an axis of a reshaped range."""
        strides, lengths = [stride for stride, *_ in moving], [n for _, n, _ in moving]
        if len(moving) == 1:
            return _sliced(name, first, lengths[0], strides[0], count)
        rows, last = strides[:-1], strides[-1]
        if any(a % b for a, b in pairwise(rows)):
            return None
        sizes = [lengths[0], *[a // b for a, b in pairwise(rows)], rows[-1]]
        size = math.prod(sizes)
        # Where a range that begins with the first number would end behind the array, it begins before it.
        for before in range(max(0, first + size - count), min(first + 1, rows[0])):
            offsets = [int(offset) for offset in np.unravel_index(before, sizes)][1:]
            spans = [*lengths[1:-1], 1 + (lengths[-1] - 1) * last]
            if any(a + b > whole for a, b, whole in zip(offsets, spans, sizes[1:], strict=True)):
                continue
            source = _reshaped(_sliced(name, first - before, size, 1, count), (), tuple(sizes))
            steps = [1] * (len(spans) - 1) + [last]
            parts = [
                ":" if (offset, n, step) == (0, whole, 1) else f"{offset}:{offset + n}" + f":{step}" * (step > 1)
                for offset, n, whole, step in zip(offsets, spans, sizes[1:], steps, strict=True)
            ]
            return source if set(parts) == {":"} else f"{source}[:, {', '.join(parts)}]"
        return None

    def _overlapping(self, name: str, slots: Slots, count: int) -> str | None:
        """Return numbers that no range has in order, as windows of a convolution, in a few slices side by side."""
        axes = [axis for axis in range(slots.ndim) if 1 < slots.shape[axis] <= WINDOWS]
        if not axes:
            return None
        axis = min(axes, key=lambda axis: slots.shape[axis])
        parts = [self._view(name, np.take(slots, [i], axis).squeeze(axis), count) for i in range(slots.shape[axis])]
        return f"jnp.stack([{', '.join(map(str, parts))}], {axis})" if all(parts) else None


def _sliced(name: str, first: int, length: int, stride: int, count: int) -> str:
    stop = first + (length - 1) * stride + 1
    if (first, stop, stride) == (0, count, 1):
        return name
    return f"{name}[{first}:{stop}" + f":{stride}" * (stride > 1) + "]"


def _reshaped(source: str, before: tuple[int, ...], shape: tuple[int, ...]) -> str:
    return source if before == shape else f"{source}.reshape({', '.join(map(str, shape)) or '()'})"


def jax_function(program: Program, dtype: str | None) -> Callable[..., Any]:
    """Return a program as a function of JAX arrays; `source` is its text, `constants` the arrays that it names."""
    jax = load_jax("to_jax")
    if dtype not in (None, "float32", "float64"):
        raise ValueError(f"to_jax takes a dtype of 'float64' or 'float32', got {dtype!r}")
    precision = dtype or "float64"
    check_precision(jax, precision)

    def array(numbers: Any, count: int) -> Any:
        check_precision(jax, precision)
        found = jax.numpy.asarray(numbers, precision)
        if found.size != count:
            raise ValueError(f"the function takes an argument of {count} numbers here, got the shape {found.shape}")
        return found.reshape(count)

    functions = FunctionsOfJax(jax, precision)
    lowering = replace(program.lowering)
    writer: Any = (JaxStepWriter if lowering.depth(NARROW) is not None else JaxWriter)(
        lowering, program.constant_results
    )
    writer.dialect = functions.dialect
    source = writer.source()
    names = functions.names | {"array": array}
    constants = {name: np.array(numbers, dtype=precision) for name, numbers in writer.numbers.items()}
    constants |= {name: np.array(slots) for name, slots in writer.indices.items()}
    names |= constants
    exec(source, names)
    function: Any = names["f"]
    function.source, function.constants = source, constants
    return function  # type: ignore[no-any-return]
