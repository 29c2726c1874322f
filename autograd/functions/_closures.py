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

COPIED = (FunctionType, MethodType, Derivative, partial)


def snapshot(thing: Any, known: dict[int, Any] | None = None) -> Any:
    """Return a copy of a function whose variables are not those of the scope around it; anything else as it is.

    `known` has the copies that were made already, by the ids of functions and cells: functions may share variables, and
    hold each other. What a module holds by its name stays itself, since it is pickled by that.
    """
    known = {} if known is None else known
    kind = type(thing)
    if id(thing) in known:
        return known[id(thing)]
    if kind is FunctionType:
        return _of_function(thing, known)
    if kind is MethodType:
        f = snapshot(thing.__func__, known)
        return thing if f is thing.__func__ else MethodType(f, thing.__self__)
    if kind is Derivative:
        f = snapshot(thing.f, known)
        return thing if f is thing.f else thing.make(f)
    if kind is partial:
        given = [snapshot(part, known) for part in thing.args]
        named = {name: snapshot(part, known) for name, part in thing.keywords.items()}
        return partial(snapshot(thing.func, known), *given, **named)
    return thing


def _of_function(f: FunctionType, known: dict[int, Any]) -> Any:
    cells, defaults, keywords = f.__closure__ or (), f.__defaults__, f.__kwdefaults__
    if not (cells or defaults or keywords):
        return f
    if "<locals>" not in f.__qualname__ and found_in_module(f.__module__, f.__qualname__) is f:
        return f
    fresh: list[tuple[Any, CellType]] = []
    for cell in cells:
        if id(cell) not in known:
            known[id(cell)] = cell
            with suppress(ValueError):  # it has no value yet, and stays itself
                fresh.append((cell.cell_contents, CellType()))
                known[id(cell)] = fresh[-1][1]
    copied = FunctionType(f.__code__, f.__globals__, f.__name__, None, tuple([known[id(cell)] for cell in cells]))
    copied.__dict__ = f.__dict__
    known[id(f)] = copied  # before what it holds, which may be itself
    for held, own in fresh:
        own.cell_contents = held if type(held) not in COPIED else snapshot(held, known)
    if defaults:
        copied.__defaults__ = tuple([snapshot(part, known) for part in defaults])
    if keywords:
        copied.__kwdefaults__ = {name: snapshot(part, known) for name, part in keywords.items()}
    return copied
