"""Flattening of a compiled function's arguments into numbers, one at a time or a batch of examples, and back.

Of each argument there are its numbers and a `Part`: how it is nested, which is what a program is made for.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autograd.compiler.instructions import Array
from autograd.functions import Structure, arranged, flatten
from autograd.functions.structure import ONE_NUMBER, all_floats, plain_numbers, sequence_of

Part: TypeAlias = Hashable  # None for a number, n for a list of n, the shape of an array; else a Structure

NUMBERS = (float, int, np.generic)
FLOATS = frozenset({float, np.float64})
AS_EXAMPLES = {  # how rows become examples, by a method of what holds them; the first is the one that keeps most
    "to_numpy": ".to_numpy() behind it",  # a list of a table holds the names of its columns
    "toarray": ".toarray() behind it",
    "filled": ".filled(...) behind it",
    "__array__": "np.asarray(...) around it",
    "__iter__": "list(...) around it",
}


@dataclass(frozen=True, slots=True)
class ExampleRows:
    """Examples that are flattened once for many calls: an argument of a compiled function in place of the batch itself.

    `rows`: the numbers of each example; `part`: how all of them are nested.
    """

    rows: Array
    part: Part

    def take(self, numbers: Sequence[int]) -> ExampleRows:
        """Return the examples of these numbers."""
        return ExampleRows(self.rows.take(numbers, axis=0), self.part)


def example_rows(given: Any, name: str) -> ExampleRows:
    """Return examples flattened: plain numbers, in an array or in a list of examples nested alike."""
    rows, part = flattened_examples(given, name, None)
    if rows is None:
        raise TypeError(f"{name} holds Values; to use a Value as a number there is .data")
    return ExampleRows(rows.astype(float), part)


def flattened(argument: Any, name: str) -> tuple[list[Any], Structure]:
    """Return the numbers of an argument, and its structure; the TypeError where it has others names what is static."""
    try:
        return flatten(argument, "a compiled function", name)
    except TypeError as error:
        error.add_note("An argument that is part of the program, and no number, is static: compile(f, static=(...)).")
        raise


def has_values(numbers: list[Any]) -> bool:
    """Whether there are numbers that say themselves how operations apply to them, as Values do."""
    return not all_floats(numbers)


def numbers_like(argument: Any, structure: Structure) -> list[float] | None:
    """Return the plain numbers of an argument of this structure; None if it is nested otherwise, or holds others."""
    try:
        things = structure.flatten(argument)
    except TypeError:  # of a container that cannot be taken apart, which `flatten` names
        return None
    return None if things is None else plain_numbers(things)


def flattened_examples(given: Any, name: str, like: Part) -> tuple[Any, Part]:
    """Return a row of numbers for each example, in an array or in a list of examples nested alike; and their part."""
    if not (isinstance(given, (list, tuple)) or (type(given) is np.ndarray and given.ndim)):
        found = f"{name} is batched, so it is an array or a list of examples, got {type(given).__name__}"
        none = isinstance(given, (Mapping, str)) or not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0
        hints = [] if none else [hint for method, hint in AS_EXAMPLES.items() if hasattr(type(given), method)]
        raise TypeError("; write ".join([found, *hints[:1]]))
    if not len(given):
        raise ValueError(f"{name} holds no examples, and a batch has one or more")
    if type(given) is np.ndarray and given.dtype.kind in "biuf":
        return given.reshape(len(given), -1), given.shape[1:] or None
    first = like if isinstance(like, Structure) and numbers_like(given[0], like) is not None else None
    if first is None:
        _, first = flattened(given[0], f"{name}[0]")
    if (rows := _plain_rows(given, first)) is not None:
        return rows, part_of(first)
    flat = [flattened(arranged(example, first), f"{name}[{i}]") for i, example in enumerate(given)]
    structures = {structure: i for i, (_, structure) in reversed(list(enumerate(flat)))}
    if len(structures) > 1:
        (one, i), (other, j), *_ = sorted(structures.items(), key=lambda pair: pair[1])
        beside = " with other attributes or labels" if str(one) == str(other) else ""
        raise ValueError(f"the examples in {name} are not alike: number {i} is {one}, number {j} is {other}{beside}")
    if any(has_values(numbers) for numbers, _ in flat):
        return None, part_of(*structures)
    return np.array([numbers for numbers, _ in flat], dtype=float).reshape(len(flat), -1), part_of(*structures)


def _plain_rows(given: Any, first: Structure) -> Array | None:
    """Return the rows of examples that are nested as the first is, all of plain numbers; None for others."""
    if first.is_array:
        if {*map(type, given)} != {np.ndarray} or len({*map(np.shape, given)}) > 1:
            return None
        array = np.array(given)
    else:
        numbers = given if first.container is None else _in_order(given, first)
        if numbers is None:
            return None
        kinds = {float} if len(numbers) and type(numbers[0]) is float and all_floats(numbers) else {*map(type, numbers)}
        if kinds <= FLOATS:
            return np.fromiter(numbers, float, len(numbers)).reshape(len(given), -1)
        if not all(issubclass(kind, NUMBERS) for kind in kinds):
            return None
        array = np.array(numbers)
    return array.reshape(len(given), -1) if array.dtype.kind in "biuf" else None


def _in_order(given: Any, first: Structure) -> list[Any] | None:
    """Return what examples that are nested as the first is have in place of its numbers; None for others."""
    batch = _batch_of(first, len(given))
    found = batch.flatten([*given])
    if found is None and first.has_mapping:
        found = batch.flatten([arranged(example, first) for example in given])
    return found


def _batch_of(structure: Structure, examples: int) -> Structure:
    return Structure(list, (), (structure,) * examples)


def part_of(structure: Structure) -> Part:
    """Return the part of arguments of a structure, which is the short one where they are of a common kind.

    A list, a tuple and an array of one shape are different parts, since a function may treat them differently:
    `x * 2` doubles a list.
    """
    if structure.container is None:
        return None
    if structure.is_array:
        return structure.keys
    return len(structure.parts) if structure.container is list and structure.is_flat else structure


def structure_of(part: Part) -> Structure:
    """Return the structure of the arguments of a part."""
    if isinstance(part, Structure):
        return part
    if isinstance(part, tuple):
        return Structure(np.ndarray, part)
    return ONE_NUMBER if part is None else sequence_of(list, part)


def nested(numbers: Array, structure: Structure) -> Any:
    """Return the numbers of an argument, or their derivatives, in its structure."""
    return numbers.reshape(structure.keys) if structure.is_array else structure.unflatten(numbers.tolist())


def nested_batch(rows: Array, structure: Structure, given: Any) -> Any:
    """Return a row for each example of an argument in the structure it was given in."""
    if isinstance(given, np.ndarray):
        return rows.reshape(given.shape)
    if structure.is_array:
        return in_batch([nested(row, structure) for row in rows], given)
    return in_batch(_batch_of(structure, len(rows)).unflatten(rows.ravel().tolist()), given)


def in_batch(found: list[Any], given: Any) -> Any:
    """Return what was found for each example in the kind of list or tuple that the batch was given in."""
    if isinstance(given, tuple):
        return tuple.__new__(type(given), found)  # as _make of a named tuple
    made = copy(given)
    made[:] = found
    return made
