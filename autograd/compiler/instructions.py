"""Instructions: what a folded graph consists of, and what is written as NumPy source."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd.compiler.views import Slots
from autograd.operation import Operation

Term: TypeAlias = "int | float"  # what an item is made from: the number of another item; a float is a constant


@dataclass
class Operand:
    """The slots of an operand's numbers, in an array of any shape; or the numbers, where they are constants."""

    slots: Slots
    batched: bool = False
    constants: NDArray[np.float64] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.slots.shape if self.constants is None else self.constants.shape

    def reshape(self, shape: tuple[int, ...]) -> Operand:
        """Return the operand in another shape of as many numbers."""
        if self.constants is None:
            return Operand(self.slots.reshape(shape), self.batched)
        return Operand(self.slots, constants=self.constants.reshape(shape))


def constant(numbers: Any) -> Operand:
    """Return an operand of constants."""
    return Operand(np.zeros(0, dtype=np.intp), constants=np.array(numbers, dtype=float))


@dataclass
class Instruction:
    """One array operation: `kind` is "map" (of `operation`), "add", "sum", "reduce" (of `operation`) or "product".

    The operands of a map and the terms of an add have one number for each of the results. The operand of a sum or a
    reduction is a matrix with a row for each result. The operands of a product are stacks of matrices, (c, n, k) and
    (c, m, k), and its results are (c, n, m); its addends, such as a bias, have that shape too. Results are in the slots
    from `start` on.
    """

    kind: str
    operation: Operation | None
    operands: list[Operand]
    start: int
    shape: tuple[int, ...]
    batched: bool
    nodes: int  # how many of the graph's nodes it stands for
    addends: list[Operand] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of results."""
        return math.prod(self.shape)


@dataclass
class Folded:
    """What a graph became: instructions, and where its roots are."""

    instructions: list[Instruction]
    inputs: tuple[int, int]  # how many variables are in the plain buffer and in the batched one
    slots: tuple[int, int]  # how many slots there are in all
    constants: tuple[int, list[float]]  # where in the plain buffer they begin, and what they are
    roots: list[tuple[Term, bool]]  # for each root its slot, or its value where it is a constant; and whether batched
    nodes: int
