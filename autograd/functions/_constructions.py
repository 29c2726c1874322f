"""Construction of containers: how one of a class is taken apart, and made again of its parts by the class itself."""

from __future__ import annotations

import dataclasses
import inspect
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from numbers import Number
from operator import is_
from types import FunctionType, MappingProxyType, MemberDescriptorType
from typing import Any, NamedTuple

from autograd.functions.identity import identity, state_of


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


class Construction:
    """Construction of containers of a class, each as the class itself makes it of keys and parts.

    So the attributes that construction makes are made again, as they follow from the parts. Other attributes are set
    again: those of Values are parts, too, what is left is a part of what a program is compiled for.
    """

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        self.container = Container(self.flatten, self.unflatten, self.names, isinstance(self, OfItems))
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
        for held, again in zip(attributes, state_of(made), strict=True):
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
        return state_of(thing)

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


class OfItems(Construction):
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


class OfMaps(Construction):
    """Construction of a ChainMap, of its maps."""

    def keys(self, thing: Any) -> Any:
        return len(thing.maps)

    def parts(self, thing: Any, keys: Any) -> list[Any]:
        return list(thing.maps)

    def make(self, keys: Any, parts: Sequence[Any], attributes: Any) -> Any:
        return self.cls(*parts)

    def places(self, keys: Any) -> list[str]:
        return [f".maps[{i}]" for i in range(keys)]


class OfPlaces(Construction):
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


class OfFields(Construction):
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
        state = state_of(thing)
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
