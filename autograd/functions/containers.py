"""Containers of numbers beside lists, tuples, dicts and arrays: named tuples, mappings, dataclasses, one's own.

Each is taken apart into its parts and what is left without them (JAX calls that auxiliary data), and put together again
from the two. What is left is a part of what a program is compiled for.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import ChainMap, OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from autograd.functions._constructions import Beside, Container, OfFields, OfItems, OfMaps, OfPlaces

_registered: dict[type, Container] = {}
_recognized: dict[type, Container] = {}


def register(
    cls: type,
    flatten: Callable[[Any], tuple[Sequence[Any], Hashable]],
    unflatten: Callable[[Any, Sequence[Any]], Any],
) -> None:
    """Make a class a container of numbers: what functions take and return that are differentiated or compiled.

    As `jax.tree_util.register_pytree_node`: `flatten(x)` returns the parts of x, which are numbers or containers, and
    the rest, hashable; `unflatten(rest, parts)` returns an x of parts that may be Values. Raises ValueError if the
    class is registered already.

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
    if cls in _registered or cls in (list, tuple, dict, OrderedDict, float, int, type(None)):
        raise ValueError(f"{cls.__name__} is known already as what holds numbers, or is one; register another class")

    def checked(thing: Any) -> tuple[Sequence[Any], Hashable]:
        found = flatten(thing)
        try:
            parts, rest = found
            iter(parts)
        except (TypeError, ValueError):
            raise TypeError(
                f"flatten, as registered for {cls.__name__}, returns a pair, the parts and a rest, got {found!r:.60}; "
                "write (x.a, x.b), None where there is no rest"
            ) from None
        try:
            hash(rest)
        except TypeError as error:
            raise TypeError(
                f"flatten, as registered for {cls.__name__}, returns the parts and a rest that is hashable, got the "
                f"rest {rest!r}: {error}; make a tuple of it"
            ) from None
        return parts, rest

    def explained(rest: Hashable, parts: Sequence[Any]) -> Any:
        try:
            return unflatten(rest, parts)
        except Exception as error:
            error.add_note(f"unflatten, as registered for {cls.__name__}, is called with the rest and then the parts.")
            raise

    _registered[cls] = Container(checked, explained)


def container_of(cls: Any) -> Container | None:
    """Return how the things of a class are taken apart, where they are known as containers."""
    found = _registered.get(cls) or _recognized.get(cls)
    if found is None:
        pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
        if cls is type(None):
            found = Container(lambda thing: ((), None), lambda rest, parts: None)
        elif dataclasses.is_dataclass(cls):
            found = OfFields(cls).container
        elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
            names = [f".{name}" for name in cls._fields]
            found = OfPlaces(cls).container
            if not cls.__dictoffset__:  # it has fields and nothing beside them
                found = Container(lambda thing: (thing, None), lambda rest, parts: cls._make(parts), lambda rest: names)
        elif issubclass(cls, ChainMap):
            found = OfMaps(cls).container
        elif issubclass(cls, Mapping):
            found = OfItems(cls).container
        elif pandas is not None and cls is getattr(pandas, "Series", None):
            found = Container(_of_series, _series, _labels)
        elif polars is not None and cls is getattr(polars, "Series", None):
            found = Container(lambda column: (column.to_list(), column.name), _column)
        if found is not None:
            _recognized[cls] = found
    return found


def _of_series(series: Any) -> tuple[Sequence[Any], Hashable]:
    index = series.index
    levels = [level.dtype for level in getattr(index, "levels", [index])]
    key = (series.name, type(index), *index.names, *levels, getattr(index, "freq", None))
    title = "" if series.name is None else f" {series.name!r} "
    return series.tolist(), Beside((index, series.name), tuple(index), key, title)


def _series(rest: Any, parts: Sequence[Any]) -> Any:
    import pandas

    index, name = rest.content
    return pandas.Series(parts, index=index, name=name, dtype=float if {*map(type, parts)} <= {float} else object)


def _labels(rest: Any) -> Sequence[str]:
    return [f"[{label!r}]" for label in rest.fits]


def _column(name: Any, parts: Sequence[Any]) -> Any:
    import polars

    return polars.Series(name, parts, dtype=polars.Float64 if {*map(type, parts)} <= {float} else polars.Object)
