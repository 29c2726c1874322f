"""Containers of numbers beside lists, tuples, dicts and arrays: named tuples, mappings, dataclasses, one's own.

Each is taken apart into its parts and what is left without them (JAX calls that auxiliary data), and put together again
from the two. What is left is a part of what a program is compiled for.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import ChainMap, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from inspect import getattr_static
from numbers import Number
from typing import Any, NamedTuple


class Container(NamedTuple):
    """Flattening of a class of containers (a pytree node): how one is taken apart and put together.

    - `flatten` returns the parts of a container, and the rest, which is hashable.
    - `unflatten` returns the container of a rest and parts.
    - `names` returns, for a rest, what is to be written behind a container for each of its parts, such as ".x" or
      "[0]"; None where they are numbered.
    """

    flatten: Callable[[Any], tuple[Sequence[Any], Hashable]]
    unflatten: Callable[[Any, Sequence[Any]], Any]
    names: Callable[[Any], Sequence[str]] | None = None


class Beside:
    """Auxiliary data of a container, beside its parts: its `content`, which need not be hashable, compared by value.

    - `key`: what tells it from others, as of when it was first compared; that of the content, if none is given.
    - `fits`: what a vector has in common with what it multiplies.
    """

    def __init__(self, content: Any, fits: Any, key: Any = None) -> None:
        self.content, self.fits, self._compared = content, fits, content if key is None else key

    @cached_property
    def key(self) -> Hashable:
        """What tells it from others."""
        return identity((self.fits, self._compared))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Beside) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


_registered: dict[type, Container] = {}


def register(
    cls: type,
    flatten: Callable[[Any], tuple[Sequence[Any], Hashable]],
    unflatten: Callable[[Any, Sequence[Any]], Any],
) -> None:
    """Make a class a container of numbers: what functions take and return that are differentiated or compiled.

    As `jax.tree_util.register_pytree_node`: `flatten(x)` returns the parts of x, which are numbers or containers, and
    the rest, hashable; `unflatten(rest, parts)` returns an x of parts that may be Values. Raises ValueError if the
    class is known already.

    >>> from autograd import grad
    >>> class Point:
    ...     def __init__(self, x, y):
    ...         self.x, self.y = x, y
    >>> register(Point, lambda p: ((p.x, p.y), None), lambda rest, parts: Point(*parts))
    >>> slope = grad(lambda p: p.x * p.y)(Point(2.0, 3.0))
    >>> slope.x, slope.y
    (3.0, 2.0)
    """
    if not isinstance(cls, type) or not callable(flatten) or not callable(unflatten):
        raise TypeError(f"register(cls, flatten, unflatten) takes a class and two functions, got {cls!r}")
    if cls in _registered or cls in (list, tuple, dict, float, int, type(None)):
        raise ValueError(f"{cls.__name__} is known already as what holds numbers, or is one; register another class")
    _registered[cls] = Container(flatten, unflatten)


def container_of(cls: type) -> Container | None:
    """Return how the things of a class are taken apart, where they are known as containers."""
    found = _registered.get(cls)
    if found is None:
        pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
        if cls is type(None):
            found = Container(lambda thing: ((), None), lambda rest, parts: None)
        elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
            names = [f".{name}" for name in cls._fields]
            found = Container(_of_named_tuple, lambda rest, parts: _named_tuple(cls, rest, parts), lambda rest: names)
        elif issubclass(cls, ChainMap):
            found = Container(_of_chain, lambda rest, parts: _with_attributes(cls(*parts), rest), _maps)
        elif issubclass(cls, Mapping):
            found = Container(of_mapping, lambda rest, parts: _mapping(cls, rest, parts), _keys)
        elif dataclasses.is_dataclass(cls):
            found = Container(_of_dataclass, lambda rest, parts: _dataclass(cls, rest, parts), _attributes)
        elif pandas is not None and cls is getattr(pandas, "Series", None):
            found = Container(_of_series, _series, _labels)
        elif polars is not None and cls is getattr(polars, "Series", None):
            found = Container(lambda column: (column.to_list(), column.name), _column)
        if found is not None:
            _registered[cls] = found
    return found


def of_mapping(mapping: Any) -> tuple[Sequence[Any], Hashable]:
    """Return the parts of a mapping, and its keys in their order with what it has beside them."""
    return list(mapping.values()), beside_items(mapping, tuple(mapping))


def beside_items(mapping: Any, keys: tuple[Any, ...]) -> Beside:
    """Return the keys of a mapping, what a missing one has, and the attributes that its class does not make of items.

    So an attribute that is computed from the items, as their sum, is that of other items in another mapping.
    """
    fits = keys, getattr(mapping, "default_factory", None)
    attributes = _attributes_of(mapping)
    if attributes:
        with suppress(Exception):  # `_mapping` raises it
            made = _attributes_of(_made_of_items(type(mapping), fits, [mapping[key] for key in keys]))
            for name in attributes.keys() & made.keys():
                if identity(attributes[name]) == identity(made[name]):
                    del attributes[name]
    return Beside(attributes, fits)


def _mapping(cls: Any, rest: Any, parts: Sequence[Any]) -> Any:
    return _with_attributes(_made_of_items(cls, rest.fits, parts), rest)


def _made_of_items(cls: Any, fits: Any, parts: Sequence[Any]) -> Any:
    keys, default = fits
    items = dict(zip(keys, parts, strict=True))
    return cls(default, items) if issubclass(cls, defaultdict) else cls(items)


def _keys(rest: Any) -> Sequence[str]:
    return [f"[{key!r}]" for key in rest.fits[0]]


def _of_chain(chain: Any) -> tuple[Sequence[Any], Hashable]:
    attributes = _attributes_of(chain)
    return attributes.pop("maps"), Beside(attributes, len(chain.maps))


def _maps(rest: Any) -> Sequence[str]:
    return [f".maps[{i}]" for i in range(rest.fits)]


def _of_named_tuple(named: Any) -> tuple[Sequence[Any], Hashable]:
    """Return the fields, and the attributes of one whose class may have some."""
    return named, Beside(dict(vars(named)), ()) if hasattr(named, "__dict__") else None


def _named_tuple(cls: Any, rest: Any, parts: Sequence[Any]) -> Any:
    made = cls._make(parts)
    return made if rest is None else _with_attributes(made, rest)


def _attributes_of(thing: Any) -> dict[str, Any]:
    """Return what an object holds, but for each cached_property, which would be that of other numbers."""
    state = {name: part for held in _state(thing) for name, part in (held or {}).items()}
    return {
        name: part
        for name, part in state.items()
        if not isinstance(getattr_static(type(thing), name, None), cached_property)
    }


def _with_attributes(made: Any, rest: Any) -> Any:
    """Return what was made of its parts, with the attributes that it has beside them."""
    for name, part in rest.content.items():
        object.__setattr__(made, name, part)
    return made


def _of_dataclass(thing: Any) -> tuple[Sequence[Any], Hashable]:
    """Return the fields that are set and other attributes of Values, and the attributes that are left.

    A cached_property is left out, since it would be that of other numbers.
    """
    names = [field.name for field in dataclasses.fields(thing) if hasattr(thing, field.name)]
    state = [dict(part or {}) for part in _state(thing)]
    for attributes in state:
        for name in [*attributes]:
            if name not in names and _are_values(attributes[name]):
                names.append(name)
            if name in names or isinstance(getattr_static(type(thing), name, None), cached_property):
                del attributes[name]
    rest = Beside(state, tuple(names)) if any(state) else _nothing_beside(tuple(names))
    return [getattr(thing, name) for name in names], rest


@cache
def _nothing_beside(names: tuple[str, ...]) -> Beside:
    return Beside(({}, {}), names)


def _dataclass(cls: Any, rest: Any, parts: Sequence[Any]) -> Any:
    """Return an instance as `copy.copy` makes one: frozen ones and slots too, and without calling __init__."""
    made = object.__new__(cls)
    attributes, slots = rest.content
    if attributes:
        vars(made).update(attributes)
    for name, part in (*slots.items(), *zip(rest.fits, parts, strict=True)):
        object.__setattr__(made, name, part)
    return made


def _attributes(rest: Any) -> Sequence[str]:
    return [f".{name}" for name in rest.fits]


def _state(thing: Any) -> tuple[Any, Any]:
    """Return what an object holds, in its __dict__ and in slots."""
    state = object.__getstate__(thing)
    return state if isinstance(state, tuple) else (state, None)


def _are_values(thing: Any) -> bool:
    """Whether a thing is a Value, or a list, tuple or dict of nothing else."""
    if type(thing) in (list, tuple, dict):
        parts = thing.values() if isinstance(thing, dict) else thing
        return bool(thing) and all(map(_are_values, parts))
    return hasattr(thing, "_operate")


def _of_series(series: Any) -> tuple[Sequence[Any], Hashable]:
    index = series.index
    levels = [level.dtype for level in getattr(index, "levels", [index])]
    key = (series.name, type(index), *index.names, *levels, getattr(index, "freq", None))
    return series.tolist(), Beside((index, series.name), tuple(index), key)


def _series(rest: Any, parts: Sequence[Any]) -> Any:
    import pandas

    index, name = rest.content
    return pandas.Series(parts, index=index, name=name, dtype=float if {*map(type, parts)} <= {float} else object)


def _labels(rest: Any) -> Sequence[str]:
    return [f"[{label!r}]" for label in rest.fits]


def _column(name: Any, parts: Sequence[Any]) -> Any:
    import polars

    return polars.Series(name, parts, dtype=polars.Float64 if {*map(type, parts)} <= {float} else polars.Object)


def identity(thing: Any, within: tuple[int, ...] = ()) -> Hashable:
    """Return what tells a thing from those that are equal to it and not the same, as 1, 1.0 and True are.

    What is not hashable is told by what it holds at present; a thing that nothing is known of, by being itself.

    >>> identity([1, 2.0]) == identity([1, 2.0]), identity([1]) == identity([True]), identity(0.0) == identity(-0.0)
    (True, False, False)
    """
    kind = type(thing)
    if kind is str or kind is int:
        return kind, thing
    if isinstance(thing, float):
        return kind, thing.hex()  # which tells -0.0 from 0.0, and knows nan again
    if isinstance(thing, Number):  # a Decimal, say, has a signed 0, too
        return kind, thing, repr(thing)
    if id(thing) in within:
        return kind, within.index(id(thing))
    within = (*within, id(thing))
    if isinstance(thing, (tuple, list)):
        return kind, tuple([identity(part, within) for part in thing])
    if isinstance(thing, frozenset):
        return kind, frozenset([identity(part, within) for part in thing])
    try:
        hash(thing)
    except TypeError:
        return kind, _held(thing, within)
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        compared = [part.name for part in dataclasses.fields(thing) if part.compare and part.hash is not False]
        return kind, thing, tuple([identity(getattr(thing, name, None), within) for name in compared])
    return kind, thing


def _held(thing: Any, within: tuple[int, ...]) -> Hashable:
    """Return what tells a thing that is not hashable from others."""
    if isinstance(thing, (dict, set)):
        pairs = thing.items() if isinstance(thing, dict) else [(part, None) for part in thing]
        told = [(identity(key, within), identity(part, within)) for key, part in pairs]
        return tuple(told) if isinstance(thing, dict) else frozenset(told)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(thing, numpy.ndarray):
        numbers = identity(thing.tolist(), within) if thing.dtype.hasobject else thing.tobytes()
        return thing.dtype.str, thing.shape, numbers
    if isinstance(thing, bytearray):
        return bytes(thing)
    if dataclasses.is_dataclass(thing):
        return identity(_state(thing), within)
    return _Itself(thing)


class _Itself:
    """A thing that equals nothing but itself."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)
