"""Places: where things keep what they hold, such as lists, attributes and variables, and their contents.

A thing is asked by its own type, since proxies and mocks say that they are of another. Numbers of large arrays are
data, and not looked at; nor is what threads share.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from autograd import Constant, Value
from autograd.functions import MadeOfFunction
from nn.training._purity import global_names, package_of
from nn.training.parameters import WITHOUT_PARTS, is_object_array, slot_names

UNOPENED = WITHOUT_PARTS | {Value, Constant}
SHARED = {"_thread", "asyncio", "concurrent", "logging", "multiprocessing", "queue", "threading"}  # with other threads
FEW = 1000  # numbers of an array that may be a state


class Fields:
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


class _GlobalVariables(Fields):
    """The global variables that a function names."""

    def copy(self) -> dict[str, Any]:
        return {name: self.owner[name] for name in self.names if name in self.owner}

    def pop(self, name: str, _: Any) -> None:
        del self.owner[name]

    def __setitem__(self, name: str, part: Any) -> None:
        self.owner[name] = part


class _Numbers(Fields):
    """The numbers of an array, as one text, which is the same object where they are the same."""

    def __init__(self, owner: Any) -> None:
        super().__init__(owner, ())

    def copy(self) -> dict[str, Any]:
        return {"numbers": sys.intern(self.owner.tobytes().hex())}

    def __setitem__(self, name: str, part: Any) -> None:
        import numpy as np

        self.owner.setflags(write=True)  # as it was before
        self.owner[...] = np.frombuffer(bytes.fromhex(part), self.owner.dtype).reshape(self.owner.shape)


# The methods are those of the built-in classes: what a class of one's own has in their place may do more, or refuse.
COPIES: dict[Any, Callable[[Any], Any]] = {
    list: list.copy,
    OrderedDict: dict.copy,
    dict: dict.copy,
    **{kind: kind.copy for kind in (_GlobalVariables, _Numbers, Fields)},
    tuple: lambda place: [*tuple.__iter__(place)],
    set: lambda place: [*set.__iter__(place)],
    deque: lambda place: [*deque.__iter__(place)],
    object: lambda place: [*place.flat],
}


def base_of(place: Any) -> Any:
    """Return the class whose methods copy a place and put things back."""
    return next(base for base in COPIES if issubclass(type(place), base))


def contents_of(place: Any) -> Any:
    """Return a copy of what a place holds: a dict, or a list."""
    kind = type(place)
    return COPIES[kind if kind in COPIES else base_of(place)](place)


def things_in(contents: Any) -> Iterable[Any]:
    """Return the things in contents, those of a dict with its keys."""
    return (*contents, *contents.values()) if isinstance(contents, dict) else contents


def places_of(
    things: Iterable[Any], opened: dict[int, Any], known: Mapping[int, Any] = {}
) -> Iterator[tuple[Any, Any]]:
    """Yield the places that these things lead to, each with its contents.

    What is in `opened` or `known` is not opened again.
    """
    slots: dict[type, list[str] | None] = {}
    waiting = [*things]
    while waiting:
        thing = waiting.pop()
        if id(thing) in opened or id(thing) in known:
            continue
        opened[id(thing)] = thing  # kept, since another one could get the same id
        kind = type(thing)
        for place in (thing,) if kind is list or kind is tuple or kind is dict else _opened(thing, slots):
            contents = contents_of(place)
            yield place, contents
            waiting += [part for part in things_in(contents) if type(part) not in UNOPENED]


def _opened(thing: Any, slots: dict[type, list[str] | None]) -> Iterator[Any]:
    """Yield the places in a thing itself, without asking its class for what may come into being when it is asked."""
    kind = type(thing)
    if kind is FunctionType:
        yield from (Fields(cell, ["cell_contents"]) for cell in thing.__closure__ or ())
        yield thing.__dict__
        yield (thing.__defaults__, thing.__kwdefaults__)
    elif issubclass(kind, (MethodType, BuiltinFunctionType)):
        yield (thing.__self__,)
    elif issubclass(kind, partial):
        yield (thing.func, thing.args, thing.keywords)
    elif issubclass(kind, MadeOfFunction):
        yield (thing.f,)
    elif issubclass(kind, Fields):
        yield thing
    elif not issubclass(kind, (Value, type, ModuleType)):
        yield from _parts(thing, slots)


def _parts(thing: Any, slots: dict[type, list[str] | None]) -> Iterator[Any]:
    """Yield the places in an object: what it contains, and its attributes."""
    kind = type(thing)
    if kind not in slots:
        is_shared = any(package_of(base.__module__) in SHARED for base in kind.__mro__)
        slots[kind] = None if is_shared else slot_names(kind)
    names = slots[kind]
    if names is None:
        return
    if issubclass(kind, (list, dict, set, deque, tuple)) or (hasattr(kind, "flat") and is_object_array(thing)):
        yield thing
    elif _is_array_of_few(thing):
        yield _Numbers(thing)
    try:
        attributes = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        attributes = None
    if isinstance(attributes, dict):
        yield attributes
    if names:
        yield Fields(thing, names)


def _is_array_of_few(thing: Any) -> bool:
    """Whether a thing is an array of NumPy that holds a few numbers, in memory of its own, which may be others."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not issubclass(type(thing), numpy.ndarray) or thing.dtype.kind not in "biufc":
        return False
    owner = thing
    while issubclass(type(owner.base), numpy.ndarray):
        owner = owner.base
    return owner.base is None and thing.size <= FEW and thing.flags.writeable


def global_variables(*called: Any) -> list[Fields]:
    """Return the global variables that functions, or the calls of objects, name, and the functions that they call."""
    found: dict[CodeType, Fields] = {}
    waiting = [*called]
    while waiting:
        thing = waiting.pop()
        kind = type(thing)
        if kind is MethodType:
            waiting.append(thing.__func__)
        elif kind is partial:
            waiting.append(thing.func)
        elif kind is not FunctionType:
            waiting += [f for name in ("__call__", "forward") if type(f := getattr(kind, name, None)) is FunctionType]
        elif thing.__code__ not in found:
            is_users = is_of_user(thing.__globals__.get("__name__"), thing.__code__.co_filename)
            names = global_names(thing.__code__) if is_users else ()
            variables = found[thing.__code__] = _GlobalVariables(thing.__globals__, names)
            cells = [
                part for cell in thing.__closure__ or () for part in Fields(cell, ["cell_contents"]).copy().values()
            ]
            waiting += [
                part for part in (*variables.copy().values(), *cells) if type(part) in (FunctionType, MethodType)
            ]
    return [*found.values()]


def is_of_user(name: Any, file: str | None) -> bool:
    """Whether a module, in a file if it has one, is none of Python's, of these packages, or that is installed."""
    is_library = name in sys.builtin_module_names or package_of(name) in ("autograd", "nn")
    is_installed = {"site-packages", "dist-packages"}.intersection(Path(file or "").parts)
    return not (is_library or is_installed or (file or "").startswith(_library_folders()))


@cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return ("<frozen ", *[paths[name] + os.sep for name in ("stdlib", "platstdlib")])
