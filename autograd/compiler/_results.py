"""Results of a compiled function: means over a batch, or arrays with a number for each example."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.engine import Value, dependents
from autograd.functions import Structure


class Results:
    """Outputs of a compiled function: their structure, and which numbers are constant, so that they are made once.

    The others are the `roots` of the program. The first number always is one, since it may be differentiated.
    """

    def __init__(
        self, outputs: Sequence[Any], structure: Structure, order: Sequence[Value], inputs: list[Value]
    ) -> None:
        varying = set(dependents(order, inputs))
        self.structure = structure
        self.places = [i for i, output in enumerate(outputs) if i == 0 or output in varying]
        self.roots = [outputs[i] for i in self.places]
        self.constants = [float(getattr(output, "number", output)) for output in outputs]
        self._array = np.array(self.constants) if structure.is_array else None

    @property
    def fixed(self) -> dict[int, float]:
        """The numbers that are constant, by their positions."""
        return {i: number for i, number in enumerate(self.constants) if i not in set(self.places)}

    def is_same(self, other: Results) -> bool:
        """Whether others have the same structure and the same constant numbers."""
        return self.structure == other.structure and repr(self.fixed) == repr(other.fixed)

    def all(self, numbers: Sequence[Any]) -> Sequence[Any]:
        """Return all numbers in a flat list, the constant ones among those of the roots."""
        if len(numbers) == len(self.constants):
            return numbers
        found: list[Any] = self.constants.copy()
        for place, number in zip(self.places, numbers, strict=True):
            found[place] = number
        return found

    def nested(self, numbers: Sequence[float]) -> Any:
        """Return all numbers in the structure, given those of the roots."""
        if self._array is None:
            return self.structure.unflatten(self.all(numbers))
        found = self._array.copy()
        found[self.places] = numbers
        return found.reshape(self.structure.keys)


def mean_over_examples(value: Any) -> float:
    """Return a float as it is, and the mean of an array with a number for each example."""
    if isinstance(value, float):
        return float(value)
    with np.errstate(over="ignore", invalid="ignore"):  # of a sum whose mean fits a float; of inf - inf
        found = float(np.add.reduce(value) / len(value))
    return found if math.isfinite(found) else float(np.add.reduce(value / len(value)))


def of_each(found: Sequence[Any], structure: Structure, examples: int) -> Any:
    """Return results in a structure of arrays, which have a leading axis of the examples."""
    columns = [column.copy() if isinstance(column, np.ndarray) else np.full(examples, column) for column in found]
    remaining = iter(columns)

    def stacked(shape: tuple[int, ...] | None) -> Any:
        if shape is None:
            return next(remaining)
        part = [next(remaining) for _ in range(math.prod(shape))]
        return np.stack(part, axis=1).reshape(examples, *shape) if part else np.zeros((examples, *shape))

    return structure.build(stacked)


def check_pair(structure: Structure, name: str) -> None:
    """Raise TypeError if a function that has_aux does not return a pair of one number and something else."""
    if structure.container is not tuple or len(structure.parts) != 2 or not structure.parts[0].is_number:
        raise TypeError(
            f"{name} has_aux, so it returns a pair: one number to differentiate, and whatever else; got {structure}"
        )


def check_number(structure: Structure, name: str, *, batched: bool) -> None:
    """Raise TypeError if a function does not return one number: for an example, or to be differentiated."""
    if not structure.is_number:
        raise TypeError(
            f"{name} is batched and must return one number for an example, got {structure}; "
            "each(...) returns them for each example"
            if batched
            else f"{name} must return one number to be differentiated, got {structure}"
        )
