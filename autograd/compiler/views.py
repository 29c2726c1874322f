"""Strided views of a buffer: where numbers lie regularly, an operand is a NumPy view and nothing is copied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autograd.compiler.instructions import Array, Slots


class Layout:
    """The layout of the batched buffer: its slots are in blocks, each a contiguous array of (examples, count)."""

    def __init__(self, blocks: Sequence[tuple[int, int]], size: int, inputs: tuple[int, int]) -> None:
        self.inputs = inputs
        self.start = np.zeros(size, dtype=np.intp)  # for each slot the first one of its block
        self.count = np.ones(size, dtype=np.intp)  # and how many there are
        for start, count in blocks:
            self.start[start : start + count] = start
            self.count[start : start + count] = count

    def block(self, slot: int, buffer: Array, examples: int) -> Array:
        """Return the block of a slot as an array, a row for each example."""
        start, count = int(self.start[slot]), int(self.count[slot])
        return buffer[examples * start : examples * (start + count)].reshape(examples, count)

    def positions(self, slots: Slots, examples: int) -> Slots:
        """Return where in the buffer the numbers of some slots are, with the examples in front."""
        first, count = self.start[slots], self.count[slots]
        rows = np.arange(examples).reshape([-1] + [1] * slots.ndim)
        found: Slots = examples * first + rows * count + (slots - first)
        return found


class View:
    """Some slots of a buffer as an array: a strided view if they lie regularly, else scattered.

    `shape` is the array's, without the batch axis; `strides` counts in slots; None stands for scattered ones. Of the
    batched buffer a view is of one block, with the examples in front.
    """

    def __init__(self, slots: Slots, layout: Layout | None = None) -> None:
        self.slots = slots
        self.shape = slots.shape
        self.layout = layout
        self.batched = layout is not None
        self.first = int(slots.flat[0])
        alike = layout is None or bool((layout.start[slots] == layout.start[self.first]).all())
        self.strides = regular(slots) if alike else None
        # Slots that repeat along an axis are one slot there for the adjoint, to which the contributions are summed.
        self.repeated = tuple(
            axis for axis, stride in enumerate(self.strides or ()) if stride == 0 and self.shape[axis] > 1
        )
        self.once = tuple(1 if axis in self.repeated else length for axis, length in enumerate(slots.shape))
        self.distinct = _distinct(slots, self.strides, self.once)

    def of(self, buffer: Array, examples: int, kind: str = "") -> Array:
        """Return the view of a buffer; of the kind "once" or "small" without the axes along which slots repeat.

        The small view keeps them, at length 1.
        """
        size = buffer.itemsize
        start, strides = self.first, [stride * size for stride in self.strides or ()]
        shape = self.once if kind else self.shape
        if kind == "once" and self.repeated:
            kept = [axis for axis in range(len(shape)) if axis not in self.repeated]
            shape, strides = tuple(shape[axis] for axis in kept), [strides[axis] for axis in kept]
        if self.layout is not None:
            block, count = int(self.layout.start[start]), int(self.layout.count[start])
            start += (examples - 1) * block
            shape, strides = (examples, *shape), [count * size, *strides]
        return np.ndarray(shape, buffer.dtype, buffer, start * size, strides)


def _distinct(slots: Slots, strides: Sequence[int] | None, once: Sequence[int]) -> bool:
    """Whether slots are all different, but those that repeat along an axis."""
    reach = 0  # of the axes with shorter strides
    for stride, length in sorted((abs(stride), length) for stride, length in zip(strides or (), once) if length > 1):
        if stride <= reach:
            break
        reach += stride * (length - 1)
    else:
        if strides is not None:
            return True
    slots = slots[tuple(slice(0, length) for length in once)]
    return len(np.unique(slots)) == slots.size


def regular(slots: Slots) -> tuple[int, ...] | None:
    """Return the strides with which these slots follow each other along each axis; None if they do not."""
    strides = []
    for axis, length in enumerate(slots.shape):
        if length < 2:
            strides.append(0)
            continue
        ahead = (slice(None),) * axis
        steps = slots[(*ahead, slice(1, None))] - slots[(*ahead, slice(None, -1))]
        stride = int(steps.flat[0])
        if not (steps == stride).all():
            return None
        strides.append(stride)
    return tuple(strides)


def common_shape(columns: Sequence[Slots]) -> tuple[int, ...] | None:
    """Return the shape in which all of these lists of slots are regular; None if there is none.

    >>> import numpy as np
    >>> common_shape([np.array([0, 1, 4, 5, 8, 9])])
    (3, 2)
    >>> common_shape([np.array([0, 1, 4])]) is None
    True
    """
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
