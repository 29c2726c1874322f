"""The intermediate representation: array instructions, and blocks of scalar steps, forward and backward alike.

All numbers of a program live in slots, counted from 0, of two buffers: a plain one, and a batched one that has every
slot once for each example. The first slots are the inputs, then come constants and results; the adjoint of a slot is a
slot like any other. What an instruction computes *arrives* at its destination: what arrives at one slot several times
is added up, also over the examples where the destination is plain and the result batched. So a sum is a copy to a
destination whose slots repeat, and the adjoint of a broadcast is one too. An instruction that does not `add` sets what
arrives first.

| kind | operands | destination | computes |
|---|---|---|---|
| `map` | any number, of one shape | of that shape | `expression` of the operands, element by element |
| `reduce` | one, (n, k) | (n,) | `expression`, an n-ary row, of each row |
| `product` | (c, n, k), (c, m, k), then (c, n, m) | (c, n, m) | A @ B.T of each pair of matrices, and the other terms |

A `Block` is a list of scalar steps, done once or repeated with every place moved on by a fixed stride.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd.rules import Operation, symbol

Array: TypeAlias = NDArray[np.float64]
Slots: TypeAlias = NDArray[np.intp]

IDENTITY = symbol(0)  # the expression of a copy


@dataclass
class Operand:
    """The slots of an operand's numbers, in an array of any shape; or the numbers, where they are constants."""

    slots: Slots
    batched: bool = False
    constants: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.slots.shape if self.constants is None else self.constants.shape

    @property
    def repeated(self) -> float | None:
        """The number that all constants are, if they are one; 0.0 and -0.0 are two, which atan2 tells apart."""
        if self.constants is None or not self.constants.size:
            return None
        bits = np.ascontiguousarray(self.constants).view(np.int64)
        return float(self.constants.flat[0]) if (bits == bits.flat[0]).all() else None

    def arranged(self, change: Any) -> Operand:
        """Return the operand with its slots, or its constants, rearranged by a function of arrays."""
        if self.constants is None:
            return Operand(change(self.slots), self.batched)
        return Operand(self.slots, constants=change(self.constants))

    def reshape(self, shape: tuple[int, ...]) -> Operand:
        """Return the operand in another shape of as many numbers."""
        return self.arranged(lambda array: array.reshape(shape))


def constant(numbers: Any) -> Operand:
    """Return an operand of constants."""
    return Operand(np.zeros(0, dtype=np.intp), constants=np.array(numbers, dtype=float))


@dataclass
class Instruction:
    """One array operation; the table above says what the kinds mean. `nodes`: how many of the graph it stands for."""

    kind: str
    destination: Operand
    operands: list[Operand]
    expression: Any = IDENTITY  # of the symbols 0, 1, ...; of a reduction the n-ary row, on the symbol 0
    add: bool = False
    nodes: int = 0

    @property
    def batched(self) -> bool:
        """Whether there is a result for each example."""
        return any(operand.batched for operand in self.operands)

    @property
    def over_examples(self) -> bool:
        """Whether the results are added up over the examples."""
        return self.batched and not self.destination.batched

    @property
    def operation(self) -> Operation | None:
        """The operation that is applied last."""
        operation: Operation | None = self.expression.operation
        return operation


@dataclass
class Affine:
    """The slot of a step in a block: `first` at first, `stride` further in each repetition after it."""

    first: int
    stride: int = 0

    def backwards(self, repetitions: int) -> Affine:
        """Return the same slots, the last one first."""
        return Affine(self.first + self.stride * (repetitions - 1), -self.stride)

    def shifted(self, shift: int) -> Affine:
        """Return the slots so many further."""
        return Affine(self.first + shift, self.stride)


@dataclass
class IndexTable:
    """The slots of a step in a block where they follow no rule, such as a table indexed by data: one a repetition."""

    slots: list[int]

    def backwards(self, repetitions: int) -> IndexTable:
        """Return the same slots, the last one first."""
        return IndexTable(self.slots[::-1])

    def shifted(self, shift: int) -> IndexTable:
        """Return the slots so many further."""
        return IndexTable([slot + shift for slot in self.slots])


Moving: TypeAlias = "Affine | IndexTable | list[float]"  # an operand of a loop; a list has a constant a repetition


@dataclass
class ScalarStep:
    """A scalar operation: `expression` of the operands arrives at the destination.

    An operand is a slot, a temporary of this repetition (a string), a number, or a list with a number for each
    repetition.
    """

    destination: Affine | IndexTable | str
    expression: Any
    operands: Sequence[Affine | IndexTable | str | float | Sequence[float]]
    add: bool = False


@dataclass
class Block:
    """Scalar steps, one after the other, repeated so many times.

    The results of the first repetition have the slots from `start` on, `length` many, those of the next follow in steps
    of `stride`; of an adjoint they are the results whose adjoints are handed on, and the last repetition comes first.
    """

    steps: list[ScalarStep]
    start: int
    length: int
    repetitions: int = 1
    stride: int = 0


@dataclass
class Code:
    """A graph as instructions, array by array or step by step.

    - `inputs`: how many plain and batched slots the variables take; `slots`: how many there are in all, forward.
    - `constants`: where in the plain buffer they begin, and what they are.
    - `blocks`: of the batched buffer, the slots that lie together for each example: the first one, and how many.
    - `roots`: for each root its slot, or its value where it is a constant; and whether it is batched.
    - `risky`: results that may not be finite, with the operands of which a nan excuses that; looked at after each run.
    - `sums`: instructions that add, as `+` does, which never raises an error, or as `fsum` does.
    """

    instructions: list[Any]
    inputs: tuple[int, int]
    slots: list[int]
    constants: tuple[int, list[float]]
    roots: list[tuple[Any, bool]]
    nodes: int
    blocks: list[tuple[int, int]] = field(default_factory=list)
    risky: list[tuple[Operand, Sequence[Operand]]] = field(default_factory=list)
    sums: list[Instruction] = field(default_factory=list)

    def allocate(self, shape: tuple[int, ...], batched: bool) -> Operand:
        """Return new slots of a shape."""
        start, count = self.slots[batched], math.prod(shape)
        self.slots[batched] += count
        if batched:
            self.blocks.append((start, count))
        return Operand(np.arange(start, start + count).reshape(shape), batched)
