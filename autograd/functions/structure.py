"""Nested structures (pytrees): an argument is flattened into a list of numbers, and nested again.

Functions of many numbers take them in lists, tuples, dicts and NumPy arrays, nested as their writer likes, and want
their derivatives in the same form. All that handles arguments knows flat lists only, and one `Structure` beside them.
"""

from __future__ import annotations

import math
import sys
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from functools import cached_property, lru_cache
from itertools import chain, islice, repeat
from operator import is_
from typing import Any, TypeAlias, cast

from autograd.functions._constructions import Beside, Container
from autograd.functions.containers import container_of
from autograd.functions.identity import identity
from autograd.rules import real

LEAST_ROWS = 6  # of a matrix, from which on it is faster to take all of them at once
Shape: TypeAlias = "tuple[int, ...] | None"  # of an array; None: a number by itself


@dataclass(frozen=True)
class Structure:
    """The nesting of an argument, without its numbers: hashable, and equal for arguments that are nested alike.

    - `container`: list, tuple, dict, OrderedDict, `numpy.ndarray`, or another class that `container_of` knows; None for
      a number by itself.
    - `keys`: the keys of a dict; the shape of an array. The parts of other containers are numbered.
    - `parts`: the structures of the parts; none for a number or an array.
    - `rest`: what another container is made of beside its parts.
    """

    container: Any = None
    keys: tuple[Any, ...] = ()
    parts: tuple[Structure, ...] = ()
    rest: Any = None

    def __hash__(self) -> int:
        try:
            return self._hash  # type: ignore[no-any-return, attr-defined]
        except AttributeError:
            object.__setattr__(self, "_hash", hash((self.container, self.keys, self.parts, self.rest)))
            return hash(self)

    def __eq__(self, other: object) -> bool:
        if type(other) is not Structure:
            return NotImplemented
        return (
            (self.container, self.keys, self.parts) == (other.container, other.keys, other.parts)
            and _same_keys(self.keys, other.keys)
            and _same_rest(self.rest, other.rest)
        )

    def fits(self, other: Structure) -> bool:
        """Whether they are nested alike, whatever a dataclass has beside its fields, and of what type an index is."""
        if (self.container, self.keys, len(self.parts)) != (other.container, other.keys, len(other.parts)):
            return False
        rests = [identity(each.rest.fits) if isinstance(each.rest, Beside) else each.rest for each in (self, other)]
        return bool(rests[0] == rests[1]) and all(map(Structure.fits, self.parts, other.parts))

    @property
    def is_array(self) -> bool:
        """Whether it is a NumPy array."""
        return "numpy" in sys.modules and self.container is sys.modules["numpy"].ndarray

    @property
    def known(self) -> Container | None:
        """How to put the container together, where it is none of those that are taken apart here."""
        kind = self.container
        own = self.is_array or kind in (None, list, tuple, dict, OrderedDict)
        return None if own else container_of(kind)

    @cached_property
    def is_flat(self) -> bool:
        """Whether all parts are numbers by themselves."""
        return all(part.container is None for part in self.parts)

    @cached_property
    def row(self) -> Structure | None:
        """The structure of each part, where all are lists, or tuples, of equally many numbers: rows of a matrix."""
        if len(self.parts) < LEAST_ROWS:
            return None
        first = self.parts[0]
        alike = first.container in (list, tuple) and first.is_flat and all(map(is_, self.parts, repeat(first)))
        return first if alike and first.parts else None

    @cached_property
    def has_mapping(self) -> bool:
        """Whether it is a dict or another mapping, or has one in it."""
        known = self.known
        is_mapping = self.container in (dict, OrderedDict) or (known is not None and known.keyed)
        return is_mapping or any(part.has_mapping for part in self.parts)

    @property
    def is_number(self) -> bool:
        """Whether it is one number: by itself, or in an array of shape ()."""
        return self.container is None or (self.is_array and self.keys == ())

    def build(self, make: Callable[[Shape], Any]) -> Any:
        """Nest what `make` returns for each number (shape None) and each array (its shape), in order.

        >>> _, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
        >>> structure.build(lambda shape: 0.0)
        {'w': [0.0, 0.0], 'b': 0.0}
        """
        if self.container is None:
            return make(None)
        if self.is_array:
            return make(self.keys)
        return self.around([part.build(make) for part in self.parts])

    def around(self, parts: Sequence[Any]) -> Any:
        """Return the container of these parts."""
        if self.container is list or self.container is tuple:
            return self.container(parts)
        if self.container in (dict, OrderedDict):
            return self.container(zip(self.keys, parts, strict=True))
        return cast("Container", container_of(self.container)).unflatten(self.rest, parts)

    def unflatten(self, numbers: Iterable[Any]) -> Any:
        """Nest the numbers of a flat list.

        >>> numbers, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
        >>> structure.unflatten([-x for x in numbers])
        {'w': [-1.0, -2.0], 'b': -3.0}
        """
        return self._filled(iter(numbers))

    def _filled(self, remaining: Iterator[Any]) -> Any:
        if self.container is None:
            return next(remaining)
        count = len(self.parts)
        if not count and self.is_array:
            return pack([*islice(remaining, size(self.keys))], self.keys)
        if self.is_flat:
            parts = [*islice(remaining, count)]
        elif (row := self.row) is not None:
            parts = [*map(row.container, islice(zip(*[remaining] * len(row.parts), strict=False), count))]
        else:
            parts = [part._filled(remaining) for part in self.parts]
        return parts if self.container is list else self.around(parts)

    def flatten(self, thing: Any) -> list[Any] | None:
        """Return what a thing of this structure has in place of the numbers; None if it is nested in another way.

        Dicts are in this order. Whether all of them are plain numbers is to be looked at afterwards, at once; where a
        Value is met by itself, it is None too.

        >>> _, structure = flatten({"w": [1.0, 2.0], "b": 3.0})
        >>> structure.flatten({"w": [4.0, "text"], "b": 6.0}), structure.flatten({"w": [4.0], "b": 6.0})
        ([4.0, 'text', 6.0], None)
        """
        numbers: list[Any] = []
        return numbers if self._read(thing, numbers) else None

    def _read(self, thing: Any, numbers: list[Any]) -> bool:
        """Append what a thing has in place of the numbers; say whether it is nested like this."""
        kind = self.container
        if kind is None:
            numbers.append(thing)
            return type(thing) is float or not hasattr(type(thing), "_operate")
        if type(thing) is not kind:
            return False
        if kind is list or kind is tuple:
            inside = thing
        elif kind is dict or kind is OrderedDict:
            if not _same_keys(thing, self.keys):
                return False
            inside = thing.values()
        elif self.is_array:
            if thing.shape != self.keys or thing.dtype.kind not in "biufO":
                return False
            numbers.extend((thing if thing.dtype.kind == "O" else thing.astype(float)).ravel().tolist())
            return True
        else:
            inside, rest = cast("Container", container_of(kind)).flatten(thing)
            if not _same_rest(rest, self.rest):
                return False
            inside = [*inside]
        if len(inside) != len(self.parts):
            return False
        if self.is_flat:
            numbers.extend(inside)
            return True
        if (row := self.row) is None:
            return all(map(Structure._read, self.parts, inside, repeat(numbers)))
        if {*map(type, inside)} != {row.container} or {*map(len, inside)} != {len(row.parts)}:
            return False
        numbers.extend(chain.from_iterable(inside))
        return True

    def names(self, name: str) -> Iterator[str]:
        """Yield the name of each number, as an expression in the name of the whole.

        >>> list(flatten({"w": [1.0, 2.0], "b": 3.0})[1].names("x"))
        ["x['w'][0]", "x['w'][1]", "x['b']"]
        """
        if self.container is None:
            yield name
        elif self.parts:
            for place, part in zip(self._places(), self.parts, strict=True):
                yield from part.names(name + place)
        elif self.is_array:
            yield from (f"{name}[{', '.join(map(str, index)) or '()'}]" for index in _indices(self.keys))

    def _places(self) -> Sequence[str]:
        """Return what is written behind the name of the container for each of its parts."""
        if (known := self.known) is not None and known.names is not None:
            return known.names(self.rest)
        return [f"[{key!r}]" for key in self.keys or range(len(self.parts))]

    def __str__(self) -> str:
        """Return what an argument of this structure looks like, for messages: {'w': [number x 20], 'b': number}."""
        if self.container is None:
            return "number"
        if self.is_array:
            return f"array{self.keys}"
        parts = list(map(str, self.parts))
        kind = "" if self.container in (list, tuple, dict) else self.container.__name__
        if self.container is type(None):
            return "None"
        if self.container in (dict, OrderedDict):
            items = ", ".join(f"{key!r}: {part}" for key, part in zip(self.keys, parts, strict=True))
            return f"{kind}({{{items}}})" if kind else f"{{{items}}}"
        kind += self.rest.title if isinstance(self.rest, Beside) else ""
        inside = f"{parts[0]} x {len(parts)}" if len(parts) > 4 and len(set(parts)) == 1 else ", ".join(parts)
        if issubclass(self.container, list):
            return f"[{inside}]"
        return f"{kind}({inside},)" if len(parts) == 1 else f"{kind}({inside})"


def flatten(argument: Any, asker: str = "flatten", name: str = "the argument") -> tuple[list[Any], Structure]:
    """Return the numbers of an argument, floats or Values, in a flat list, and how they were nested.

    Raises TypeError, in the asker's name, where something is neither a number nor a container of numbers.

    >>> numbers, structure = flatten([1, (2.5, 3)])
    >>> numbers
    [1.0, 2.5, 3.0]
    """
    numbers: list[Any] = []
    try:
        return numbers, _visit(argument, (), numbers)
    except _MisfitError as misfit:
        raise misfit.error(asker, name) from None


def flatten_result(result: Any, asker: str, name: str) -> tuple[list[Any], Structure]:
    """Return what `flatten` does, of what the function of this name returned; None is an error."""
    name = f"what {name} returned"
    if result is None:
        raise _MisfitError(TypeError, (), "None, as of a function without a return").error(asker, name)
    return flatten(result, asker, name)


def map_values(thing: Any, change: Callable[[Any], Any]) -> Any:
    """Return a thing with every Value in it changed, in whatever container; what else it holds stays as it is.

    >>> from autograd import Value
    >>> map_values({"loss": Value(2.0), "title": "fit", "steps": 3}, lambda x: x.data)
    {'loss': 2.0, 'title': 'fit', 'steps': 3}
    """
    if hasattr(type(thing), "_operate"):
        return change(thing)
    kind = type(thing)
    if kind in (dict, OrderedDict):
        return kind([(key, map_values(part, change)) for key, part in thing.items()])
    if kind in (list, tuple):
        return kind([map_values(part, change) for part in thing])
    if (numpy := sys.modules.get("numpy")) is not None and kind is numpy.ndarray and thing.dtype.kind == "O":
        return pack([map_values(part, change) for part in thing.ravel().tolist()], thing.shape)
    if (known := container_of(kind)) is not None:
        parts, rest = known.flatten(thing)
        return known.unflatten(rest, [map_values(part, change) for part in parts])
    return thing


def _visit(thing: Any, path: tuple[Any, ...], numbers: list[Any]) -> Structure:
    """Append the numbers in a thing to the list, and return its structure."""
    kind: Any = type(thing)
    if kind is list or kind is tuple:
        if (flat := _numbers(thing)) is not None:
            numbers.extend(flat)
            return sequence_of(kind, len(thing))
        return Structure(kind, (), _visited(enumerate(thing), path, numbers))
    if kind is dict or kind is OrderedDict:
        return Structure(kind, tuple(thing), _visited(thing.items(), path, numbers))
    if kind is float or hasattr(kind, "_operate"):
        numbers.append(thing)
        return ONE_NUMBER
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray:
        if thing.dtype.kind in "biuf":
            numbers.extend(thing.ravel().astype(float).tolist())
        elif (flat := _numbers(elements := thing.ravel().tolist())) is not None:
            numbers.extend(flat)
        else:
            places = zip(_indices(thing.shape), elements, strict=True)
            numbers.extend([_number(element, (*path, *index)) for index, element in places])
        return Structure(kind, thing.shape)
    if (known := container_of(kind)) is not None:
        inside, rest = known.flatten(thing)
        try:
            return Structure(kind, (), _visited(enumerate(inside), path, numbers), rest)
        except _MisfitError as misfit:
            if known.names is not None:
                misfit.places[len(path)] = known.names(rest)[misfit.path[len(path)]]
            misfit.remedy = misfit.remedy or (FIELD_REMEDY if is_dataclass(thing) else "")
            raise
    numbers.append(_number(thing, path))
    return ONE_NUMBER


def _visited(parts: Iterable[tuple[Any, Any]], path: tuple[Any, ...], numbers: list[Any]) -> tuple[Structure, ...]:
    """Append the numbers in the parts of a container, beside their keys, and return the structures of the parts."""
    structures = []
    for key, part in parts:
        if type(part) is float or hasattr(type(part), "_operate"):  # sooner than by a call
            numbers.append(part)
            structures.append(ONE_NUMBER)
        else:
            structures.append(_visit(part, (*path, key), numbers))
    return tuple(structures)


def plain_numbers(things: list[Any]) -> list[float] | None:
    """Return things as floats where all are of Python's real numbers, and fit; None where something is not."""
    if all_floats(things):
        return things
    kinds = {*map(type, things)}
    if kinds <= PYTHON_NUMBERS or all(map(_is_plain, kinds)):
        with suppress(OverflowError):  # of an integer, which is to be told by its place
            return [*map(float, things)]
    return None


def all_floats(things: Collection[Any]) -> bool:
    """Say whether all things are of the type float itself."""
    kinds = [*map(type, things)]  # quicker than a set of them
    return not kinds or (kinds[0] is float and kinds.count(float) == len(kinds))


def _is_plain(kind: type) -> bool:
    """Whether things of this class are floats or integers, as those of float64 are, and nothing else."""
    return kind in PYTHON_NUMBERS or (
        issubclass(kind, (float, int)) and not hasattr(kind, "_operate") and container_of(kind) is None
    )


def _numbers(things: list[Any] | tuple[Any, ...]) -> Iterable[Any] | None:
    """Return things as numbers where all are floats or Values, or all are plain numbers; None for others."""
    kinds = {*map(type, things)}
    if kinds <= PYTHON_NUMBERS:
        return things if int not in kinds and bool not in kinds else plain_numbers([*things])
    for kind in kinds:
        if kind is not float and not hasattr(kind, "_operate"):
            return None
    return things


PYTHON_NUMBERS = frozenset({float, int, bool})
ONE_NUMBER = Structure()


@lru_cache(maxsize=64)
def sequence_of(kind: Any, count: Any) -> Structure:
    """Return the structure of a list or a tuple of so many numbers."""
    return Structure(kind, (), (ONE_NUMBER,) * count)


def _same_keys(keys: Collection[Any], others: tuple[Any, ...]) -> bool:
    """Say whether keys are the same, as 1 and True are not."""
    return len(keys) == len(others) and (all(map(is_, keys, others)) or identity(tuple(keys)) == identity(others))


def _same_rest(rest: Any, other: Any) -> bool:
    return rest is other or (rest == other and (type(rest) is Beside or identity(rest) == identity(other)))


FIELD_REMEDY = """
keep what is no number in an attribute that is no field: a ClassVar, or one that __post_init__ sets from an InitVar"""
MODEL_REMEDY = """
use a model in the function, and name what to differentiate by: gradients(y, model.parameters()), or
compile(f, wrt=model.parameters())"""


def _number(thing: Any, path: tuple[Any, ...]) -> Any:
    if type(thing) is float or hasattr(type(thing), "_operate"):
        return thing
    try:
        return real(thing, "flatten")
    except (TypeError, OverflowError) as error:
        found = "too large for a float" if isinstance(error, OverflowError) else f"of type {type(thing).__name__}"
        shown = repr(thing) if isinstance(error, TypeError) else f"an integer of {thing.bit_length()} bits"
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        remedy = MODEL_REMEDY if callable(getattr(type(thing), "parameters", None)) else ""
        raise _MisfitError(type(error), path, f"{found}: {shown}", remedy) from error


class _MisfitError(Exception):
    """Something that is neither a number nor a container of numbers, found on this path."""

    def __init__(self, kind: type[Exception], path: tuple[Any, ...], found: str, remedy: str = "") -> None:
        super().__init__(found)
        self.kind = kind
        self.path = path
        self.places: dict[int, str] = {}  # how those of the path are written that are attributes
        self.found = found
        self.remedy = remedy

    def error(self, asker: str, name: str) -> Exception:
        """Return the error, in the asker's name."""
        place = "".join(self.places.get(depth, f"[{key!r}]") for depth, key in enumerate(self.path))
        of_attribute = any(part.startswith(".") for part in self.places.values())
        where = f"{place} of {name}" if of_attribute else name + place
        return self.kind(
            f"{asker} takes real numbers, in lists, tuples, dicts or NumPy arrays; {where} is {self.found}{self.remedy}"
        )


def arranged(argument: Any, structure: Structure) -> Any:
    """Return the argument with its dicts in the order of the structure, as far as the two are alike.

    >>> _, structure = flatten({"w": 1.0, "b": 2.0})
    >>> arranged({"b": 3.0, "w": 4.0}, structure)
    {'w': 4.0, 'b': 3.0}
    """
    if not structure.has_mapping:
        return argument
    kind = type(argument)
    if (known := structure.known) is not None and kind is structure.container:
        if structure.is_flat and not known.keyed:
            return argument
        rest: Any
        inside, rest = known.flatten(argument)
        if known.keyed:
            (keys, default), names = structure.rest.fits
            (own, own_default), own_names = rest.fits
            if (own_default, own_names) == (default, names) and set(own) == set(keys):
                place = {key: i for i, key in enumerate(own)}
                inside = [*[inside[place[key]] for key in keys], *inside[len(keys) :]]
                rest = Beside(rest.content, structure.rest.fits)
        if len(inside) != len(structure.parts):
            return argument
        return known.unflatten(rest, [arranged(part, like) for part, like in zip(inside, structure.parts, strict=True)])
    if kind is not structure.container or structure.is_array or len(argument) != len(structure.parts):
        return argument
    if isinstance(argument, dict):
        if argument.keys() != set(structure.keys):
            return argument
        pairs = zip(structure.keys, structure.parts, strict=True)
        return kind((key, arranged(argument[key], part)) for key, part in pairs)
    return kind([arranged(part, like) for part, like in zip(argument, structure.parts, strict=True)])


def pack(numbers: Sequence[Any], shape: Shape) -> Any:
    """Return the one number, or the array of this shape: of floats, or of objects if one of them is a Value."""
    if shape is None:
        return numbers[0]
    import numpy

    if set(map(type, numbers)) <= {float}:
        return numpy.array(numbers, dtype=float).reshape(shape)
    array = numpy.empty(len(numbers), dtype=object)
    array[:] = numbers
    return array.reshape(shape)


def size(shape: Shape) -> int:
    """Return how many numbers an array of this shape holds; 1 for a number by itself."""
    return 1 if shape is None else math.prod(shape)


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    import numpy

    return iter(numpy.ndindex(shape))
