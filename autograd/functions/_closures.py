"""Snapshots of functions: with the values that the variables of their closures have now.

Python looks a variable up when a function is called, so what is defined in a loop and called behind it finds what the
last round left. A snapshot has variables of its own, as have copies of the functions that it calls by them. Where such
a function is still there, and no variable of it was assigned since, it is called itself: it may be the key of a dict,
stand in a list, or be asked for with `is`.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from operator import is_
from types import CellType, FunctionType, MethodType
from typing import Any

from autograd.functions._derivative import Derivative
from autograd.functions.calls import name_of
from autograd.functions.pickling import found_in_module

EMPTY = object()  # in place of the value of a variable that has none


def snapshot(f: Any) -> Any:
    """Return a copy of a function whose variables are not those of the scope around it; anything else as it is.

    Functions may share variables and hold each other. What a module holds by its name stays itself, since it is pickled
    by that.
    """
    call: Any = getattr(type(f), "__call__", None)  # noqa: B004  # of the class of an object that is called
    is_local = "<locals>" in type(f).__qualname__  # an instance of another class is pickled by the class's name
    copies = _Copies({})
    copied = copies.of(MethodType(call, f) if is_local and getattr(call, "__closure__", None) else f)
    return Snapshot(copied, name_of(f), copies) if copies.made else copied


class Snapshot:
    """A function that was copied, with others, each of which is called itself as long as nothing of it has changed."""

    def __init__(self, copied: Any, name: str, copies: _Copies) -> None:
        self.copied = copied
        self.__name__ = name
        self._copies = [copy for _, copy in copies.made]
        self._originals = [weakref.ref(original) for original, _ in copies.made]  # whose variables may hold a result

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        unchanged = self._unchanged()
        return (_Copies(unchanged).of(self.copied) if unchanged else self.copied)(*args, **keywords)

    def __reduce__(self) -> tuple[Any, ...]:
        return snapshot, (self.copied,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Snapshot:
        return self  # as functions are

    def _unchanged(self) -> dict[int, Any]:
        """Return the originals that are still there and hold what they held, by the ids of their copies."""
        keys = list(map(id, self._copies))
        found = {key: original for key, get in zip(keys, self._originals) if (original := get()) is not None}
        holders: dict[int, list[int]] = defaultdict(list)
        changed = [key for key in keys if key not in found]
        for key, copy in zip(keys, self._copies):
            parts = list(_parts(copy))
            for part in parts:
                holders[id(part)].append(key)
            if key in found and not all(map(is_, _parts(found[key]), [found.get(id(part), part) for part in parts])):
                changed.append(key)
        while changed:
            found.pop(key := changed.pop(), None)
            changed += holders.pop(key, [])
        return found


class _Copies:
    """Copies of functions that hold each other; `known` has what stands for a thing, by the id of the thing."""

    def __init__(self, known: dict[int, Any]) -> None:
        self.known = known
        self.made: list[tuple[Any, Any]] = []  # originals and their copies
        self._opened: list[tuple[FunctionType, FunctionType, list[tuple[CellType, Any]]]] = []  # with what cells hold

    def of(self, f: Any) -> Any:
        """Return the copy of a function, and fill those of all that it holds."""
        copied = self._of(f)
        for function, copy, fresh in self._opened:  # which grows meanwhile
            for own, held in fresh:
                own.cell_contents = self._of(held)
            if function.__defaults__:
                copy.__defaults__ = tuple(map(self._of, function.__defaults__))
            if function.__kwdefaults__:
                copy.__kwdefaults__ = {name: self._of(part) for name, part in function.__kwdefaults__.items()}
        return copied

    def _of(self, thing: Any) -> Any:
        """Return the copy of a thing; that of a function is yet to be filled."""
        kind = type(thing)
        if kind not in (FunctionType, MethodType, Derivative, partial):
            return thing
        if id(thing) not in self.known:
            parts = [] if kind is FunctionType else list(_parts(thing))
            copies = list(map(self._of, parts))
            made: Any
            if kind is FunctionType:
                made = self._of_function(thing)
            elif all(map(is_, parts, copies)):
                made = thing
            elif kind is MethodType:
                made = MethodType(copies[0], thing.__self__)
            elif kind is Derivative:
                made = thing.make(copies[0])
            else:
                given = 1 + len(thing.args)
                made = partial(copies[0], *copies[1:given], **dict(zip(thing.keywords, copies[given:])))
                vars(made).update(vars(thing))
            self.known[id(thing)] = made
            if made is not thing:
                self.made.append((thing, made))
        return self.known[id(thing)]

    def _of_function(self, f: FunctionType) -> Any:
        cells = f.__closure__ or ()
        if not (cells or f.__defaults__ or f.__kwdefaults__):
            return f
        if "<locals>" not in f.__qualname__ and found_in_module(f.__module__, f.__qualname__) is f:
            return f
        fresh: list[tuple[CellType, Any]] = []
        for cell in cells:
            if id(cell) not in self.known:
                self.known[id(cell)] = cell
                with suppress(ValueError):  # it has no value yet, and stays itself
                    fresh.append((CellType(), cell.cell_contents))
                    self.known[id(cell)] = fresh[-1][0]
        own = tuple([self.known[id(cell)] for cell in cells])
        copied = FunctionType(f.__code__, f.__globals__, f.__name__, None, own)
        copied.__dict__ = f.__dict__
        self._opened.append((f, copied, fresh))
        return copied


def _parts(thing: Any) -> Iterator[Any]:
    """Yield what a function, method, derivative or partial holds."""
    kind = type(thing)
    if kind is FunctionType:
        for cell in thing.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # it has no value yet, or no more
                yield EMPTY
        yield from thing.__defaults__ or ()
        yield from (thing.__kwdefaults__ or {}).values()
    elif kind is MethodType:
        yield thing.__func__
    elif kind is Derivative:
        yield thing.f
    elif kind is partial:
        yield from (thing.func, *thing.args, *thing.keywords.values())
