"""Containers of numbers beside lists, tuples, dicts and arrays: named tuples, mappings, dataclasses, one's own.

Each is taken apart into its parts and what is left without them (JAX calls that auxiliary data), and put together again
from the two. What is left is a part of what a program is compiled for.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
from array import array
from collections import ChainMap, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from numbers import Number
from operator import is_
from types import FunctionType, MappingProxyType, MemberDescriptorType
from typing import Any, NamedTuple


class Container(NamedTuple):
    """Flattening of a class of containers (a pytree node): how one is taken apart and put together.

    - `flatten` returns the parts of a container, and the rest, which is hashable.
    - `unflatten` returns the container of a rest and parts.
    - `names` returns, for a rest, what is to be written behind a container for each of its parts, such as ".x" or
      "[0]"; None where they are numbered.
    - `keyed` says whether the parts are found by keys, so that their order makes no difference.
    """

    flatten: Callable[[Any], tuple[Sequence[Any], Hashable]]
    unflatten: Callable[[Any, Sequence[Any]], Any]
    names: Callable[[Any], Sequence[str]] | None = None
    keyed: bool = False


class Beside:
    """Auxiliary data of a container, beside its parts: its `content`, which need not be hashable, compared by value.

    - `key`: what tells it from others, as of when it was first compared; that of the content, if none is given.
    - `fits`: what a vector has in common with what it multiplies.
    - `title`: what messages write behind the name of the class.
    """

    def __init__(self, content: Any, fits: Any, key: Any = None, title: str = "") -> None:
        self.content, self.fits, self._compared, self.title = content, fits, content if key is None else key, title

    @cached_property
    def key(self) -> Hashable:
        """What tells it from others."""
        return identity((self.fits, self._compared))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Beside) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


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
            found = _OfFields(cls).container
        elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
            names = [f".{name}" for name in cls._fields]
            found = _OfPlaces(cls).container
            if not cls.__dictoffset__:  # it has fields and nothing beside them
                found = Container(lambda thing: (thing, None), lambda rest, parts: cls._make(parts), lambda rest: names)
        elif issubclass(cls, ChainMap):
            found = _OfMaps(cls).container
        elif issubclass(cls, Mapping):
            found = _OfItems(cls).container
        elif pandas is not None and cls is getattr(pandas, "Series", None):
            found = Container(_of_series, _series, _labels)
        elif polars is not None and cls is getattr(polars, "Series", None):
            found = Container(lambda column: (column.to_list(), column.name), _column)
        if found is not None:
            _recognized[cls] = found
    return found


class _Construction:
    """Construction of containers of a class, each as the class itself makes it of keys and parts.

    So the attributes that construction makes are made again, as they follow from the parts. Other attributes are set
    again: those of Values are parts, too, what is left is a part of what a program is compiled for.
    """

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        self.container = Container(self.flatten, self.unflatten, self.names, isinstance(self, _OfItems))
        self.is_sure = self.holds_surely()

    def holds_surely(self) -> bool:
        """Say whether what is made of parts, and has no other attributes, holds these for sure."""
        return False

    def keys(self, thing: Any) -> Any:
        """Return what the parts are found by."""
        raise NotImplementedError

    def parts(self, thing: Any, keys: Any) -> list[Any]:
        """Return the parts in the order of the keys."""
        raise NotImplementedError

    def make(self, keys: Any, parts: Sequence[Any], attributes: Any) -> Any:
        """Return a new container; it has attributes if the one has them that it is made after."""
        raise NotImplementedError

    def places(self, keys: Any) -> list[str]:
        """Return what is written behind the container for each part."""
        raise NotImplementedError

    def flatten(self, thing: Any) -> tuple[Sequence[Any], Beside]:
        """Return the parts, also the attributes of Values, and beside them the other attributes that are set again."""
        keys = self.keys(thing)
        parts = self.parts(thing, keys)
        attributes = self.attributes(thing, keys)
        if not any(attributes):
            return parts, Beside(None, (keys, ())) if self.container.keyed else _nothing_beside((keys, ()))
        made = self._made(keys, parts, attributes)
        for held, again in zip(attributes, _state(made), strict=True):
            for name in held.keys() & again.keys():
                if _alike(held[name], again[name], {(id(thing), id(made))}):
                    del held[name]
                elif not _is_metadata(held[name]):
                    raise TypeError(
                        f"a {self.cls.__name__} is made again of what it holds, and then has another {name} than the "
                        f"one given: whether it follows from the numbers cannot be told. {self._remedy}"
                    )
            for name in [*held]:
                static = inspect.getattr_static(self.cls, name, None)
                if isinstance(static, cached_property):  # which is that of other numbers
                    del held[name]
        names = tuple([name for held in attributes for name in held if _are_values(held[name])])
        parts += [held.pop(name) for held in attributes for name in [*held] if name in names]
        return parts, Beside(attributes, (keys, names))

    def unflatten(self, rest: Beside, parts: Sequence[Any]) -> Any:
        """Return a container of parts, with the attributes that it has beside them."""
        keys, names = rest.fits
        count = len(parts) - len(names)
        made = self._made(keys, parts[:count], rest.content)
        if rest.content is None and self.is_sure:
            return made
        attributes, slots = rest.content or ({}, {})
        if attributes:
            vars(made).update(attributes)
        for name, part in (*slots.items(), *zip(names, parts[count:], strict=True)):
            object.__setattr__(made, name, part)
        if not self.holds(made, keys, parts[:count]):
            raise TypeError(f"a {self.cls.__name__} that is made of parts holds others. {self._remedy}")
        return made

    def names(self, rest: Beside) -> Sequence[str]:
        """Return what is written behind the container for each part, attributes too."""
        keys, names = rest.fits
        return [*self.places(keys), *[f".{name}" for name in names]]

    def attributes(self, thing: Any, keys: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the attributes that may be no parts, in its __dict__ and in slots."""
        return _state(thing)

    def holds(self, made: Any, keys: Any, parts: Sequence[Any]) -> bool:
        """Say whether what was made of parts holds these, or copies of lists and the like with the same Values."""
        return _same(self.parts(made, keys), parts)

    def _made(self, keys: Any, parts: Sequence[Any], attributes: Any) -> Any:
        try:
            return self.make(keys, parts, attributes)
        except Exception as error:
            error.add_note(f"a {self.cls.__name__} is made again of what it holds. {self._remedy}")
            raise

    @property
    def _remedy(self) -> str:
        return f"Say how it is taken apart and put together: register({self.cls.__name__}, flatten, unflatten)"


class _OfItems(_Construction):
    """Construction of a mapping, of a dict of its items, or of keywords where its class takes nothing else."""

    def holds_surely(self) -> bool:
        own = [[getattr(cls, name) for name in _DICT_METHODS] for cls in (self.cls, dict, defaultdict)]
        return own[0] in own[1:]

    def keys(self, thing: Any) -> Any:
        keys = tuple([key for key, _ in self.cls.items(thing)])  # an item may hide the method of the instance
        return keys, thing.default_factory if issubclass(self.cls, defaultdict) else None

    def parts(self, thing: Any, keys: Any) -> list[Any]:
        return [part for _, part in self.cls.items(thing)]  # its own order may be another one than that of its values

    def make(self, keys: Any, parts: Sequence[Any], attributes: Any) -> Any:
        items = dict(zip(keys[0], parts, strict=True))
        if issubclass(self.cls, defaultdict):
            return self.cls(keys[1], items)
        return self.cls(**items) if self.by_keywords else self.cls(items)

    @cached_property
    def by_keywords(self) -> bool:
        """Whether the class is made of keywords only, as the Bunch of scikit-learn is."""
        try:
            inspect.signature(self.cls).bind({})
        except (TypeError, ValueError) as error:  # the latter where there is no signature, as of dict
            return isinstance(error, TypeError)
        return False

    def places(self, keys: Any) -> list[str]:
        return [f"[{key!r}]" for key in keys[0]]

    def holds(self, made: Any, keys: Any, parts: Sequence[Any]) -> bool:
        held = dict(self.cls.items(made))  # in any order
        return _same([held.pop(key, None) for key in keys[0]], parts) and not held


class _OfMaps(_Construction):
    """Construction of a ChainMap, of its maps."""

    def keys(self, thing: Any) -> Any:
        return len(thing.maps)

    def parts(self, thing: Any, keys: Any) -> list[Any]:
        return list(thing.maps)

    def make(self, keys: Any, parts: Sequence[Any], attributes: Any) -> Any:
        return self.cls(*parts)

    def places(self, keys: Any) -> list[str]:
        return [f".maps[{i}]" for i in range(keys)]


class _OfPlaces(_Construction):
    """Construction of a named tuple, of its fields; without a call of its class where it has no attributes."""

    def holds_surely(self) -> bool:
        return True

    def keys(self, thing: Any) -> Any:
        return None

    def parts(self, thing: Any, keys: Any) -> list[Any]:
        return list(thing)

    def make(self, keys: Any, parts: Sequence[Any], attributes: Any) -> Any:
        return self.cls._make(parts) if attributes is None else self.cls(*parts)

    def places(self, keys: Any) -> list[str]:
        return [f".{name}" for name in self.cls._fields]


class _OfFields(_Construction):
    """Construction of a dataclass as `copy.copy` makes one, of the fields that are set: without a call of its class."""

    def holds_surely(self) -> bool:
        own = [inspect.getattr_static(self.cls, field.name, None) for field in dataclasses.fields(self.cls)]
        computed = any(hasattr(type(part), "__set__") and not isinstance(part, MemberDescriptorType) for part in own)
        return not computed and not issubclass(self.cls, Mapping)

    def keys(self, thing: Any) -> Any:
        return tuple([field.name for field in dataclasses.fields(thing) if hasattr(thing, field.name)])

    def parts(self, thing: Any, keys: Any) -> list[Any]:
        return [getattr(thing, name) for name in keys]

    def make(self, keys: Any, parts: Sequence[Any], attributes: Any) -> Any:
        made = object.__new__(self.cls)
        for name, part in zip(keys, parts, strict=True):  # frozen ones, too
            object.__setattr__(made, name, part)
        return made

    def places(self, keys: Any) -> list[str]:
        return [f".{name}" for name in keys]

    def attributes(self, thing: Any, keys: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        state = _state(thing)
        for held in state:
            for name in held.keys() & keys:
                del held[name]
        return state

    def holds(self, made: Any, keys: Any, parts: Sequence[Any]) -> bool:
        if issubclass(self.cls, Mapping) and not {*map(id, self.cls.values(made))} <= {*map(id, parts)}:
            return False
        return super().holds(made, keys, parts)


_DICT_METHODS = ("__new__", "__init__", "items")  # of those that make a mapping, and read it


def _same(held: Sequence[Any], parts: Sequence[Any]) -> bool:
    return (len(held) == len(parts) and all(map(is_, held, parts))) or identity([*held]) == identity([*parts])


@cache
def _nothing_beside(fits: Any) -> Beside:
    return Beside(None, fits)


def _state(thing: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what an object holds, in its __dict__ and in slots."""
    if (state := object.__getstate__(thing)) is None:
        return {}, {}
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    return dict(attributes or {}), dict(slots or {})


def _alike(one: Any, other: Any, within: set[tuple[int, int]]) -> bool:
    """Say whether two attributes hold the same, as far as `copy.copy` tells what they hold; Values, the same number."""
    kind = type(one)
    if one is other or (id(one), id(other)) in within:
        return True
    if kind is not type(other):
        return False
    if hasattr(kind, "_operate"):
        return identity(getattr(one, "number", None)) == identity(getattr(other, "number", None))
    if isinstance(one, (Number, str, bytes, type, FunctionType)):
        return identity(one) == identity(other)
    within = within | {(id(one), id(other))}
    if not isinstance(one, (list, tuple)):
        try:
            one, other = _copied(one), _copied(other)
        except Exception:  # of what has no copies, as a lock
            return False
    return len(one) == len(other) and all(_alike(a, b, within) for a, b in zip(one, other, strict=True))


def _is_metadata(thing: Any) -> bool:
    """Whether an attribute is metadata, such as a name, a flag or a count, and no result of the numbers."""
    if type(thing) in (list, tuple, set):
        return all(map(_is_metadata, thing))
    return thing is None or isinstance(thing, (str, bytes, int, type, FunctionType))


def _copied(thing: Any) -> list[Any]:
    """Return what a copy is made of."""
    if type(thing) in (dict, MappingProxyType):
        return list(thing.items())
    reduced = thing.__reduce_ex__(4)
    return [list(part) if isinstance(part, Iterator) else part for part in reduced]


def _are_values(thing: Any) -> bool:
    """Whether a thing is a Value, or a list, tuple or dict of nothing else."""
    if type(thing) in (list, tuple, dict):
        parts = thing.values() if isinstance(thing, dict) else thing
        return bool(thing) and all(map(_are_values, parts))
    return hasattr(type(thing), "_operate")


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


def identity(thing: Any, within: tuple[int, ...] = ()) -> Hashable:
    """Return what tells a thing from those that are equal to it and not the same, as 1, 1.0 and True are.

    What is not hashable is told by what it holds at present; a thing that nothing is known of, by being itself.

    >>> identity([1, 2.0]) == identity([1, 2.0]), identity([1]) == identity([True]), identity(0.0) == identity(-0.0)
    (True, False, False)
    """
    kind = type(thing)
    if kind is str or kind is int:
        return kind, thing
    if hasattr(kind, "_operate"):
        return kind, _Itself(thing)  # whose == is no bool where a function is traced
    if isinstance(thing, float):
        return kind, thing.hex()  # which tells -0.0 from 0.0, and knows nan again
    if isinstance(thing, Number):  # a Decimal, say, has a signed 0, too
        return kind, thing, repr(thing)
    if id(thing) in within:
        return kind, within.index(id(thing))
    within = (*within, id(thing))
    if isinstance(thing, (tuple, list)):
        kinds = {*map(type, thing)}
        if kinds == {float}:
            return kind, array("d", thing).tobytes()  # quicker than one by one, as below
        if kinds in ({int}, {str}):
            return kind, kinds.pop(), tuple(thing)
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
    if isinstance(thing, (dict, MappingProxyType, set)):
        pairs = [(part, None) for part in thing] if isinstance(thing, set) else thing.items()
        told = [(identity(key, within), identity(part, within)) for key, part in pairs]
        return frozenset(told) if isinstance(thing, set) else tuple(told)
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
