"""Containers of numbers beside lists, tuples, dicts and arrays: mappings, dataclasses, columns, and one's own.

Each is taken apart into its parts and what is left without them (JAX calls that auxiliary data), and put together again
from the two.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple


class Container(NamedTuple):
    """How a class of containers is taken apart and put together.

    - `flatten` returns the parts of a container, and the rest, which is hashable.
    - `unflatten` returns the container of a rest and parts.
    - `names` returns, for a rest, what is to be written behind a container for each of its parts, such as ".x" or
      "[0]"; None where they are numbered.
    """

    flatten: Callable[[Any], tuple[Sequence[Any], Hashable]]
    unflatten: Callable[[Any, Sequence[Any]], Any]
    names: Callable[[Any], Sequence[str]] | None = None


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
        elif issubclass(cls, Mapping):
            found = Container(_of_mapping, lambda rest, parts: _mapping(cls, rest, parts), _keys)
        elif dataclasses.is_dataclass(cls):
            names = tuple(field.name for field in dataclasses.fields(cls))
            found = Container(
                lambda thing: ([getattr(thing, name) for name in names], None),
                lambda rest, parts: _dataclass(cls, dict(zip(names, parts, strict=True))),
                lambda rest: [f".{name}" for name in names],
            )
        elif pandas is not None and cls is getattr(pandas, "Series", None):
            found = Container(_of_series, _series, _keys)
        elif polars is not None and cls is getattr(polars, "Series", None):
            found = Container(lambda column: (column.to_list(), column.name), _column)
        if found is not None:
            _registered[cls] = found
    return found


def _of_mapping(mapping: Any) -> tuple[Sequence[Any], Hashable]:
    return list(mapping.values()), (tuple(mapping), getattr(mapping, "default_factory", None))


def _mapping(cls: Any, rest: Any, parts: Sequence[Any]) -> Any:
    keys, default = rest
    items = dict(zip(keys, parts, strict=True))
    return cls(default, items) if issubclass(cls, defaultdict) else cls(items)


def _keys(rest: Any) -> Sequence[str]:
    return [f"[{key!r}]" for key in rest[0]]


def _dataclass(cls: Any, fields: Mapping[str, Any]) -> Any:
    """Return an instance as `copy` makes one: frozen ones and slots too, and without calling __init__."""
    made = object.__new__(cls)
    for name, part in fields.items():
        object.__setattr__(made, name, part)
    return made


def _of_series(series: Any) -> tuple[Sequence[Any], Hashable]:
    return series.tolist(), (tuple(series.index), series.name)


def _series(rest: Any, parts: Sequence[Any]) -> Any:
    import pandas

    index, name = rest
    return pandas.Series(parts, index=list(index), name=name, dtype=float if {*map(type, parts)} <= {float} else object)


def _column(name: Any, parts: Sequence[Any]) -> Any:
    import polars

    return polars.Series(name, parts, dtype=polars.Float64 if {*map(type, parts)} <= {float} else polars.Object)
