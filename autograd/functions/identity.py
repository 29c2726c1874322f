"""Identity of things that equal others: what a program is compiled for, and keys of caches, must tell them apart."""

from __future__ import annotations

import dataclasses
import sys
from array import array
from collections.abc import Hashable
from numbers import Number
from types import MappingProxyType
from typing import Any


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
        return identity(state_of(thing), within)
    return _Itself(thing)


class _Itself:
    """A thing that equals nothing but itself."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.thing is other.thing

    def __hash__(self) -> int:
        return id(self.thing)


def state_of(thing: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what an object holds, in its __dict__ and in slots."""
    if (state := object.__getstate__(thing)) is None:
        return {}, {}
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    return dict(attributes or {}), dict(slots or {})
