"""Slots of a buffer as NumPy views: where numbers lie regularly, an operand is a view and nothing is copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from autograd.compiler.fold import Slots

Array: TypeAlias = NDArray[np.float64]


class View:
    """Some slots of a buffer as an array: a strided view if they lie regularly, else an array of indices.

    `shape` is the array's, without the batch axis; `strides` counts in slots; None stands for scattered ones.
    """

    def __init__(self, slots: Slots, batched: bool) -> None:
        self.slots = slots
        self.shape = slots.shape
        self.batched = batched
        self.offset = int(slots.flat[0])
        self.strides = regular(slots)
        # Slots that repeat along an axis are one slot there for the adjoint, to which the contributions are summed.
        self.repeated = tuple(
            axis for axis, stride in enumerate(self.strides or ()) if stride == 0 and self.shape[axis] > 1
        )
        once = slots[tuple(slice(0, 1) if axis in self.repeated else slice(None) for axis in range(slots.ndim))]
        self.once = once.shape
        self.distinct = len(np.unique(once)) == once.size

    def of(self, buffer: Array, adjoint: bool = False) -> Array:
        """Return the view of a buffer; for the adjoint, without repetition."""
        shape = self.once if adjoint else self.shape
        strides = [stride * buffer.itemsize for stride in self.strides or ()]
        if self.batched:
            return as_strided(buffer[:, self.offset :], (len(buffer), *shape), (buffer.strides[0], *strides))
        return as_strided(buffer[self.offset :], shape, strides)


def regular(slots: Slots) -> tuple[int, ...] | None:
    """Return the strides with which these slots follow each other along each axis; None if they do not."""
    first = slots.flat[0]
    strides = []
    expected: Any = first
    for axis, length in enumerate(slots.shape):
        corner = tuple(1 if i == axis else 0 for i in range(slots.ndim))
        stride = int(slots[corner] - first) if length > 1 else 0
        strides.append(stride)
        expected = expected + (np.arange(length) * stride).reshape([-1 if i == axis else 1 for i in range(slots.ndim)])
    return tuple(strides) if np.array_equal(np.broadcast_to(expected, slots.shape), slots) else None


def common_shape(columns: Sequence[Slots]) -> tuple[int, ...] | None:
    """Return the shape in which all of these lists of slots are regular; None if there is none."""
    shape: list[int] = []
    while len(columns[0]) > 1:
        steps = [np.diff(column) for column in columns]
        length = len(columns[0])
        run = length
        for step in steps:
            breaks = np.flatnonzero(step != step[0])
            run = min(run, int(breaks[0]) + 1) if len(breaks) else run
        if run < 2 or length % run:
            return None
        for column, step in zip(columns, steps, strict=True):
            if not (np.diff(column.reshape(-1, run), axis=1) == step[0]).all():
                return None
        shape.insert(0, run)
        columns = [column[::run] for column in columns]
    return tuple(shape) or (1,)
