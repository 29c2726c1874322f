"""Snapshots of functions: with the values that the variables of their closures have now.

Python looks a variable up when a function is called, so what is defined in a loop and called behind it finds what the
last round left. A snapshot has variables of its own, as have the functions that it calls by them.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

from autograd.functions._derivative import Derivative
from autograd.functions.pickling import found_in_module

# Functions, their copies, and the new cells of these with what they are to hold.
Opened = list[tuple[FunctionType, FunctionType, list[tuple[CellType, Any]]]]


def snapshot(f: Any) -> Any:
    """Return a copy of a function whose variables are not those of the scope around it; anything else as it is.

    Functions may share variables and hold each other. What a module holds by its name stays itself, since it is pickled
    by that.
    """
    known: dict[int, Any] = {}
    opened: Opened = []
    call: Any = getattr(type(f), "__call__", None)  # noqa: B004  # of the class of an object that is called
    is_local = "<locals>" in type(f).__qualname__  # an instance of another class is pickled by the class's name
    copied = _copied(MethodType(call, f) if is_local and getattr(call, "__closure__", None) else f, known, opened)
    for function, copy, fresh in opened:  # which grows meanwhile
        for own, held in fresh:
            own.cell_contents = _copied(held, known, opened)
        if function.__defaults__:
            copy.__defaults__ = tuple([_copied(part, known, opened) for part in function.__defaults__])
        if function.__kwdefaults__:
            named = function.__kwdefaults__.items()
            copy.__kwdefaults__ = {name: _copied(part, known, opened) for name, part in named}
    return copied


def _copied(thing: Any, known: dict[int, Any], opened: Opened) -> Any:
    """Return the copy of a thing; that of a function is yet to be filled, for which it is listed with the opened ones.

    `known` has the copies by the ids of functions and cells.
    """
    kind = type(thing)
    if kind is FunctionType:
        return known.get(id(thing)) or _of_function(thing, known, opened)
    if kind is MethodType:
        f = _copied(thing.__func__, known, opened)
        return thing if f is thing.__func__ else MethodType(f, thing.__self__)
    if kind is Derivative:
        f = _copied(thing.f, known, opened)
        return thing if f is thing.f else thing.make(f)
    if kind is partial:
        given = [_copied(part, known, opened) for part in thing.args]
        named = {name: _copied(part, known, opened) for name, part in thing.keywords.items()}
        made = partial(_copied(thing.func, known, opened), *given, **named)
        vars(made).update(vars(thing))
        return made
    return thing


def _of_function(f: FunctionType, known: dict[int, Any], opened: Opened) -> Any:
    cells = f.__closure__ or ()
    if not (cells or f.__defaults__ or f.__kwdefaults__):
        return f
    if "<locals>" not in f.__qualname__ and found_in_module(f.__module__, f.__qualname__) is f:
        return f
    fresh: list[tuple[CellType, Any]] = []
    for cell in cells:
        if id(cell) not in known:
            known[id(cell)] = cell
            with suppress(ValueError):  # it has no value yet, and stays itself
                fresh.append((CellType(), cell.cell_contents))
                known[id(cell)] = fresh[-1][0]
    copied = FunctionType(f.__code__, f.__globals__, f.__name__, None, tuple([known[id(cell)] for cell in cells]))
    copied.__dict__ = f.__dict__
    known[id(f)] = copied
    opened.append((f, copied, fresh))
    return copied
