"""Side effects of calls: what a model or a loss keeps of them, and how a trace or a trial leaves nothing of it.

A trace calls a model on Values that stand for numbers. What it kept of them would be no number, and what it made of
that in later calls would have a graph that grows, so these Values are taken out of where it keeps them. What else it
kept stays: it may be of another thread. A trial leaves nothing at all: what is of the first call is of the first batch.
"""

from __future__ import annotations

import os
import sysconfig
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from operator import is_
from types import FunctionType, MethodType, ModuleType
from typing import Any

from autograd import Constant, Value
from autograd.compiler.trace import Argument
from autograd.engine import clock
from autograd.functions import MadeOfFunction
from nn.training._purity import global_names, package_of
from nn.training.interrupts import interrupts_wait
from nn.training.parameters import WITHOUT_PARTS, is_object_array, slot_names

UNOPENED = WITHOUT_PARTS | {Value, Constant}
SHARED = {"_thread", "asyncio", "concurrent", "logging", "multiprocessing", "queue", "threading"}  # with other threads


@contextmanager
def state_restored(*things: Any, wholly: bool | Callable[[], bool] = False) -> Iterator[list[tuple[Any, Any]]]:
    """Take out after a block the Values made in it that these things keep, in attributes, variables and containers.

    Attributes, variables and dicts in which there are any are then what they were before; lists and sets are too, but
    for other things that were added. `wholly`: put back everything, also numbers; a function is asked after the block.
    Yields a list, which afterwards has the places where anything changed, each with what it held then.

    >>> seen, last = [1.0], {}
    >>> with state_restored(seen, last) as changed:
    ...     seen += [2.0, Value(2.0)]
    ...     last["x"] = Value(2.0)
    >>> seen, last
    ([1.0, 2.0], {})
    >>> len(changed)
    2
    """
    known: dict[int, Any] = {}
    kept = [(place, before) for place, before in _places(things, known) if not isinstance(place, tuple)]
    since = clock.advance()
    changed: list[tuple[Any, Any]] = []

    def leads_to_new(thing: Any) -> bool:
        """Whether a thing is a Value made in the block, or leads to one by what was not there before."""
        found = (part for _, contents in _places([thing], {}, known) for part in _things(contents))
        return any(isinstance(part, Value) and _is_new(part, since) for part in (thing, *found))

    try:
        yield changed
    finally:
        with interrupts_wait():
            all_of_it = wholly() if callable(wholly) else wholly
            for place, before in kept:
                now = _contents(place)
                if len(now) != len(before) or not all(map(is_, _things(now), _things(before))):
                    changed.append((place, now))
                    ids = {*map(id, _things(before))}
                    taken = [part for part in _things(now) if id(part) not in ids and (all_of_it or leads_to_new(part))]
                    if taken or all_of_it:
                        _put_back(place, before, now, taken)


def things_held(*things: Any) -> Iterator[Any]:
    """Yield these things and what they lead to, but for numbers, texts and Values.

    >>> [*things_held([1.0, {"a": (None,)}])]
    [[1.0, {'a': (None,)}], {'a': (None,)}, (None,)]
    """
    opened: dict[int, Any] = {}
    for _ in _places(things, opened):
        pass
    yield from opened.values()


def history_of(call: Callable[[Any], Any], first: Any, then: Any, *things: Any) -> tuple[bool, bool, bool]:
    """Return whether these things keep anything of a call; and whether that, and its result, depends on an earlier one.

    It is called for `then` alone, and once more after `first`. Everything is put back. Where it raises, nothing is
    known.

    >>> total, last = [0.0], {}
    >>> def adding(x):
    ...     total[0] += x
    >>> history_of(adding, 1.0, 2.0, total), history_of(last.update, {"x": 1.0}, {"x": 2.0}, last)
    ((True, True, False), (True, False, False))
    """
    known: dict[int, Any] = {}
    for _ in _places(things, known):  # what was there before is known by itself
        pass
    found, kept = [], []
    for given in ([then], [first, then]):
        try:
            with state_restored(*things, wholly=True) as changed:
                *_, result = map(call, given)
                found.append(_recorded([result], known))
        except Exception:  # of the user's code, whose error is raised in training
            return True, False, False
        if not changed:
            return False, False, False
        kept.append({_key(place): _recorded(now, known) for place, now in changed})
    return True, kept[0] != kept[1], found[0] != found[1]


def _key(place: Any) -> Any:
    return (id(place.owner), *place.names) if isinstance(place, _Fields) else id(place)


def _recorded(contents: Any, known: Mapping[int, Any]) -> list[str]:
    """Return what tells contents apart from others: numbers, and the types of what else is new, in no order."""
    parts = [*_things(contents)]
    inner = (part for _, within in _places(parts, {}, known) for part in _things(within))
    return sorted(_mark(part, known) for part in (*parts, *inner))


def _mark(part: Any, known: Mapping[int, Any]) -> str:
    if isinstance(part, Value):
        return repr(part.number)
    if type(part) in WITHOUT_PARTS:
        return repr(part)
    if id(part) in known:
        return str(id(part))
    return repr(part.tolist()) if hasattr(type(part), "tolist") else type(part).__qualname__


def _is_new(value: Value, since: int) -> bool:
    return value.stamp.born >= since or isinstance(value, Argument)  # of a trace that began before


class _Fields:
    """The variables of a closure, or what an object keeps in slots, by their names."""

    def __init__(self, owner: Any, names: Sequence[str]) -> None:
        self.owner, self.names = owner, names

    def copy(self) -> dict[str, Any]:
        found = {}
        for name in self.names:
            try:
                found[name] = object.__getattribute__(self.owner, name)
            except (AttributeError, ValueError):  # it is not set
                continue
        return found

    def pop(self, name: str, _: Any) -> None:
        object.__delattr__(self.owner, name)  # of frozen classes too

    def __setitem__(self, name: str, part: Any) -> None:
        object.__setattr__(self.owner, name, part)


class _GlobalVariables(_Fields):
    """The global variables that a function names."""

    def copy(self) -> dict[str, Any]:
        return {name: self.owner[name] for name in self.names if name in self.owner}

    def pop(self, name: str, _: Any) -> None:
        del self.owner[name]

    def __setitem__(self, name: str, part: Any) -> None:
        self.owner[name] = part


# The methods are those of the built-in classes: what a class of one's own has in their place may do more, or refuse.
COPIES: dict[Any, Callable[[Any], Any]] = {
    list: list.copy,
    OrderedDict: dict.copy,
    dict: dict.copy,
    _GlobalVariables: _GlobalVariables.copy,
    _Fields: _Fields.copy,
    tuple: lambda place: [*tuple.__iter__(place)],
    set: lambda place: [*set.__iter__(place)],
    deque: lambda place: [*deque.__iter__(place)],
    object: lambda place: [*place.flat],
}


def _base(place: Any) -> Any:
    return next(base for base in COPIES if isinstance(place, base))


def _contents(place: Any) -> Any:
    """Return a copy of what a place holds: a dict, or a list."""
    kind = type(place)
    return COPIES[kind if kind in COPIES else _base(place)](place)


def _things(contents: Any) -> Iterable[Any]:
    return (*contents, *contents.values()) if isinstance(contents, dict) else contents


def _put_back(place: Any, before: Any, now: Any, taken: list[Any]) -> None:
    """Give a place what it held before; a list or set has behind that what else it got, but for what is taken out."""
    base = _base(place)
    if isinstance(before, dict):
        for key in [key for key in now if key not in before]:
            base.pop(place, key, None)
        for key, part in before.items():
            if key not in now or now[key] is not part:
                base.__setitem__(place, key, part)
    elif base is object:
        for i, part in enumerate(before):
            place.flat[i] = part
    elif base is set:
        set.difference_update(place, taken)
        set.update(place, before)
    else:
        ids = {*map(id, before), *map(id, taken)}
        held = [*before, *[part for part in base.__iter__(place) if id(part) not in ids]]
        if base is list:
            list.__setitem__(place, slice(None), held)
        else:
            deque.clear(place)
            deque.extend(place, held)


def _places(things: Iterable[Any], opened: dict[int, Any], known: Mapping[int, Any] = {}) -> Iterator[tuple[Any, Any]]:
    """Yield what these things lead to, with its contents: containers, attributes of objects, variables of functions.

    What is in `opened` or `known` is not opened again.
    """
    classes: dict[type, tuple[list[str], tuple[FunctionType, ...]]] = {}
    waiting = [*things]
    while waiting:
        thing = waiting.pop()
        if id(thing) in opened or id(thing) in known:
            continue
        opened[id(thing)] = thing  # kept, since another one could get the same id
        kind = type(thing)
        for place in (thing,) if kind is list or kind is tuple or kind is dict else _opened(thing, classes):
            contents = _contents(place)
            yield place, contents
            waiting += [part for part in _things(contents) if type(part) not in UNOPENED]


def _opened(thing: Any, classes: dict[type, tuple[list[str], tuple[FunctionType, ...]]]) -> Iterator[Any]:
    """Yield the places in a thing itself, without asking its class for what may come into being when it is asked."""
    kind = type(thing)
    if isinstance(thing, FunctionType):
        yield from (_Fields(cell, ["cell_contents"]) for cell in thing.__closure__ or ())
        yield thing.__dict__
        if _is_of_user(thing):
            yield _GlobalVariables(thing.__globals__, global_names(thing.__code__))
    elif isinstance(thing, MethodType):
        yield (thing.__self__,)
    elif isinstance(thing, partial):
        yield (thing.func, thing.args, thing.keywords)
    elif isinstance(thing, MadeOfFunction):
        yield (thing.f,)
    elif not isinstance(thing, (Value, type, ModuleType)) and package_of(kind.__module__) not in SHARED:
        if isinstance(thing, (list, dict, set, deque, tuple)) or (hasattr(kind, "flat") and is_object_array(thing)):
            yield thing
        try:
            attributes = object.__getattribute__(thing, "__dict__")
        except AttributeError:
            attributes = None
        if isinstance(attributes, dict):
            yield attributes
        if kind not in classes:
            members = [part for cls in kind.__mro__ for part in vars(cls).values() if isinstance(part, FunctionType)]
            classes[kind] = slot_names(kind), tuple(filter(_is_of_user, members))
        names, methods = classes[kind]
        if names:
            yield _Fields(thing, names)
        yield methods


def _is_of_user(function: FunctionType) -> bool:
    """Whether a function is none of Python's, of these packages, or of one that is installed."""
    name = package_of(function.__globals__.get("__name__"))
    return name not in ("autograd", "nn") and not function.__code__.co_filename.startswith(_library_folders())


@cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return ("<frozen ", *[paths[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")])
