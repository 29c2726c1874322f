"""Side effects of tracing: what a model keeps of a call that is traced is put back, as if it had not been called.

A trace calls a model on Values that stand for numbers. What it kept of them would be no number, and what it made of
that in later calls would have a graph that grows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import is_
from types import FunctionType, MethodType, ModuleType
from typing import Any

from autograd import Constant, Value
from nn.training.parameters import is_object_array, slot_names

WITHOUT_PARTS = frozenset({type(None), bool, int, float, str, Value, Constant})


@contextmanager
def state_restored(*things: Any) -> Iterator[list[Any]]:
    """Put back after a block what these things keep: attributes, variables around functions, lists, dicts and sets.

    Yields a list, which then has the places where something was put back.

    >>> seen, last = [1.0], {}
    >>> with state_restored(seen, last) as put_back:
    ...     seen.append(2.0)
    ...     last["x"] = 2.0
    >>> seen, last
    ([1.0], {})
    >>> len(put_back)
    2
    """
    kept = [(place, _contents(place)) for place in _places(things)]
    put_back: list[Any] = []
    try:
        yield put_back
    finally:
        for place, before in kept:
            now = _contents(place)
            if len(now) != len(before) or not all(map(is_, _things(now), _things(before))):
                _fill(place, before)
                put_back.append(place)


class _Fields:
    """The variables of a closure, or what an object keeps in slots, by their names."""

    def __init__(self, owner: Any, names: list[str]) -> None:
        self.owner, self.names = owner, names

    def read(self) -> dict[str, Any]:
        return {name: getattr(self.owner, name) for name in self.names if hasattr(self.owner, name)}

    def clear(self) -> None:
        for name in self.read():
            object.__delattr__(self.owner, name)  # of frozen classes too

    def update(self, before: dict[str, Any]) -> None:
        for name, part in before.items():
            object.__setattr__(self.owner, name, part)


def _contents(place: Any) -> Any:
    """Return a copy of what a place holds: a dict, or a list."""
    if isinstance(place, _Fields):
        return place.read()
    return {**place} if isinstance(place, dict) else [*getattr(place, "flat", place)]


def _things(contents: Any) -> Iterable[Any]:
    return (*contents, *contents.values()) if isinstance(contents, dict) else contents


def _fill(place: Any, before: Any) -> None:
    if hasattr(place, "flat"):
        place.flat = before
        return
    place.clear()
    (place.extend if isinstance(place, (list, deque)) else place.update)(before)


def _places(things: Iterable[Any]) -> Iterator[Any]:
    """Yield the containers, and the attributes and variables of objects and functions, that these lead to."""
    opened: dict[int, Any] = {}  # keeps the things, since another one could get the same id
    slots: dict[type, list[str]] = {}
    waiting = [*things]
    while waiting:
        thing = waiting.pop()
        if id(thing) not in opened:
            opened[id(thing)] = thing
            for place in _opened(thing, slots):
                if not isinstance(place, tuple):
                    yield place
                waiting += [part for part in _things(_contents(place)) if type(part) not in WITHOUT_PARTS]


def _opened(thing: Any, slots: dict[type, list[str]]) -> Iterator[Any]:
    """Yield the places in a thing itself."""
    kind = type(thing)
    if isinstance(thing, FunctionType):
        yield from (_Fields(cell, ["cell_contents"]) for cell in thing.__closure__ or ())
        yield thing.__dict__
    elif isinstance(thing, MethodType):
        yield (thing.__self__,)
    elif isinstance(thing, partial):
        yield (thing.func, thing.args, thing.keywords)
    elif not isinstance(thing, (Value, type, ModuleType)):
        if isinstance(thing, (list, dict, set, deque, tuple)) or is_object_array(thing):
            yield thing
        if isinstance(attributes := getattr(thing, "__dict__", None), dict):
            yield attributes
        if kind not in slots:
            slots[kind] = slot_names(kind)
        if slots[kind]:
            yield _Fields(thing, slots[kind])
