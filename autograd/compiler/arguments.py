"""The arguments of a compiled function: by position, as flat numbers with their structure, one example or a batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd.structure import Structure, arranged, flatten
from autograd.value import Value

Array: TypeAlias = NDArray[np.float64]
Key: TypeAlias = "tuple[tuple[int, ...], ...]"


@dataclass
class Argument:
    """An argument as it was given: its numbers (for a batched one, a row for each example) and their structure."""

    numbers: Any
    structure: Structure
    batched: bool


class Signature:
    """What the arguments of a function are called, and which of them are batched."""

    def __init__(self, f: Callable[..., Any], batched: Sequence[str]) -> None:
        self.f = f
        self.function: str = getattr(f, "__name__", None) or getattr(f, "name", None) or "function"
        try:
            self.python: inspect.Signature | None = inspect.signature(f)
        except (TypeError, ValueError):
            self.python = None
        parameters = {} if self.python is None else self.python.parameters
        self.names = list(parameters)
        self.batched_names = [batched] if isinstance(batched, str) else list(batched)
        if unknown := [name for name in self.batched_names if name not in self.names]:
            raise ValueError(f"batched names arguments of {self.function}({', '.join(self.names)}), got {unknown[0]!r}")
        self.batched = {self.names.index(name) for name in self.batched_names}
        self.by_name_only = [name for name, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY]

    def positional(self, args: Sequence[Any], keywords: dict[str, Any]) -> Sequence[Any]:
        """Return all arguments by position, defaults up to the last one that was given included."""
        if not keywords:
            return args
        if self.python is None:
            raise TypeError(f"{self.function} has no signature that Python knows, so its arguments go by position")
        bound = self.python.bind(*args, **keywords)
        given = max(self.names.index(name) for name in bound.arguments)
        bound.apply_defaults()
        return (*bound.args, *[bound.kwargs[name] for name in self.by_name_only])[: given + 1]

    def call(self, *args: Any) -> Any:
        """Call the function with all arguments by position, also those that it takes by name only."""
        if not self.by_name_only:
            return self.f(*args)
        number = len(self.names) - len(self.by_name_only)
        return self.f(*args[:number], **dict(zip(self.by_name_only, args[number:], strict=False)))

    def argument(self, position: int, given: Any) -> Argument:
        """Return an argument taken apart; raise TypeError or ValueError where it holds anything but numbers."""
        name = f"argument {position} of {self.function}"
        if position in self.batched:
            return _batch(given, name, self.function)
        if isinstance(given, np.ndarray) and given.dtype.kind in "biuf":
            return Argument(given.ravel(), Structure(np.ndarray, given.shape), False)
        if type(given) is list and set(map(type, given)) == {float}:
            return Argument(given, list_of(len(given)), False)
        numbers, structure = flatten(given, "a compiled function", name)
        if any(isinstance(x, Value) for x in numbers):
            raise TypeError(_with_values(self.function, name))
        return Argument(numbers, structure, False)

    def shapes(self, args: Sequence[Any]) -> tuple[Key | None, int]:
        """Return the shapes of arguments that are arrays, and how many examples they hold; None where some are not."""
        shapes = []
        lengths = set()
        for position, given in enumerate(args):
            if type(given) is not np.ndarray or given.dtype.kind not in "biuf" or not given.size:
                return None, 0
            if position in self.batched:
                if not given.ndim:
                    return None, 0
                lengths.add(len(given))
                shapes.append(given.shape[1:])
            else:
                shapes.append(given.shape)
        return (tuple(shapes), lengths.pop() if lengths else 1) if len(lengths) <= 1 else (None, 0)


def _with_values(function: str, name: str) -> str:
    return (
        f"{function} is compiled and takes plain numbers, got Values in {name}; to differentiate it there are "
        "value_and_grad and compile(grad(f)), to use a Value as a number there is .data"
    )


def _batch(given: Any, name: str, function: str) -> Argument:
    """Return an argument with a leading batch axis: an array, or a list of examples nested alike."""
    if (isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim)) and not len(given):
        raise ValueError(f"{name} holds no examples, and the mean over none is not defined")
    if isinstance(given, np.ndarray) and given.dtype.kind in "biuf" and given.ndim:
        examples = given.reshape(len(given), -1)
        structure = Structure(np.ndarray, given.shape[1:]) if given.ndim > 1 else Structure()
    elif isinstance(given, (list, tuple)):
        numbers, first = flatten(given[0], "a compiled function", f"{name}[0]")
        if (rows := _regular(given, len(numbers))) is not None:
            return Argument(rows, first, True)
        flat = [
            flatten(arranged(example, first), "a compiled function", f"{name}[{i}]") for i, example in enumerate(given)
        ]
        if any(isinstance(x, Value) for numbers, _ in flat for x in numbers):
            raise TypeError(_with_values(function, name))
        structures = {structure: i for i, (_, structure) in reversed(list(enumerate(flat)))}
        if len(structures) > 1:
            (one, i), (other, j), *_ = sorted(structures.items(), key=lambda pair: pair[1])
            raise ValueError(f"the examples in {name} are not alike: number {i} is {one}, number {j} is {other}")
        examples = np.array([numbers for numbers, _ in flat], dtype=float).reshape(len(flat), -1)
        structure = next(iter(structures), Structure())
    else:
        found = type(given).__name__
        raise TypeError(f"{name} is batched, so it is an array or a list of examples, got {found}")
    return Argument(examples, structure, True)


def _regular(given: Sequence[Any], count: int) -> Array | None:
    """Return the rows of examples that are lists of numbers, all alike; None for anything else."""
    try:
        array = np.array(given)
    except ValueError:  # of different lengths
        return None
    rows = array.dtype.kind in "biuf" and array.size == count * len(given)
    return array.reshape(len(given), -1) if rows else None


def nested(numbers: Array, structure: Structure) -> Any:
    """Return the numbers of an argument, or their derivatives, in its structure."""
    return numbers.reshape(structure.keys) if structure.is_array else structure.unflatten(numbers.tolist())


def nested_batch(rows: Array, structure: Structure, given: Any) -> Any:
    """Return a row for each example of an argument in the structure it was given in."""
    if isinstance(given, np.ndarray):
        return rows.reshape(given.shape)
    return type(given)(nested(row, structure) for row in rows)


@lru_cache(maxsize=64)
def list_of(size: int | None) -> Structure:
    """Return the structure of a list of so many numbers."""
    return Structure(list, tuple(range(size or 0)), (Structure(),) * (size or 0))
