"""Fingerprint of a function: its name and a digest of its code and of the values that it holds.

By it a journal knows whose results it has. The name alone is that of every `functools.partial`, of every lambda of a
scope, and of every instance of a class. The digest is of what is the same in each process that runs the same program:
code without line numbers, sets in the order of their contents, and of an object what `pickle` would keep, where it
would keep anything. What the function calls by a global name counts by that name only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Set
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from autograd.engine import Node

ATOMS = (bool, int, float, complex, str, bytes, bytearray, type(None), type(...), type(NotImplemented))
DIGITS = 16


def fingerprint(f: Callable[..., Any]) -> str:
    """Return the name of a function, and the digest of what it does as far as that can be told.

    >>> from functools import partial
    >>> fingerprint(partial(max, 1)) == fingerprint(partial(max, 1))
    True
    >>> fingerprint(partial(max, 1)) == fingerprint(partial(max, 2))
    False
    """
    call: Any = type(f).__call__  # of an object with such a method; its class has the code
    return f"{_name(f)} {_digest([f, call if isinstance(call, FunctionType) else None])}"


def _name(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    if named is partial:
        return f"functools.partial({_name(thing.func)})"
    return f"{getattr(named, '__module__', None) or ''}.{named.__qualname__}"


def _digest(root: Any) -> str:
    """Return a hash of all that is in a thing: lists of parts, whose ends are atoms or names."""
    found = hashlib.sha256()
    met: dict[int, tuple[int, Any]] = {}  # what was opened already, since objects may hold each other
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if type(thing) in ATOMS:
            shown = hex(thing) if type(thing) is int else repr(thing)
            found.update(f"{type(thing).__name__} {shown}\n".encode("utf-8", "surrogatepass"))
            continue
        is_known = id(thing) in met and not isinstance(thing, tuple)  # equal tuples may be one or two
        number, _ = met.setdefault(id(thing), (len(met), thing))
        parts = [number] if is_known else list(_parts(thing))
        found.update(f"{type(thing).__name__} of {len(parts)}\n".encode())
        waiting += reversed(parts)
    return found.hexdigest()[:DIGITS]


def _parts(thing: Any) -> Iterable[Any]:
    """Return what a thing is made of, in an order that is the same in every process."""
    if isinstance(thing, (list, tuple)) and type(thing) in (list, tuple):
        return thing
    if isinstance(thing, Set):
        return sorted(map(_digest, thing))
    if type(thing) is dict:
        return [part for pair in thing.items() for part in pair]
    if isinstance(thing, CodeType):
        names = thing.co_names, thing.co_varnames, thing.co_freevars, thing.co_cellvars
        counts = thing.co_argcount, thing.co_posonlyargcount, thing.co_kwonlyargcount, thing.co_flags
        return thing.co_code, thing.co_exceptiontable, names, counts, thing.co_consts
    if isinstance(thing, FunctionType):
        cells = [_contents(cell) for cell in thing.__closure__ or ()]
        return thing.__code__, thing.__defaults__, thing.__kwdefaults__, cells
    if isinstance(thing, MethodType):
        return thing.__func__, thing.__self__
    if isinstance(thing, partial):  # such as a derivative, whose pickle may be a name
        return thing.func, thing.args, thing.keywords, vars(thing)
    if isinstance(thing, ModuleType):
        return [thing.__name__]
    if isinstance(thing, type):
        return [_name(thing), *(_of_class(thing) if "<locals>" in thing.__qualname__ else ())]
    if isinstance(thing, BuiltinFunctionType) and isinstance(thing.__self__, (ModuleType, type(None))):
        return [_name(thing)]
    return [_name(thing), getattr(thing, "__wrapped__", None), *_pickled(thing)]


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it has none yet
        return None


def _of_class(cls: type) -> Iterable[Any]:
    """Return what a class of a function's scope is, whose name says little: its bases, methods and attributes."""
    own = {name: part for name, part in vars(cls).items() if isinstance(part, FunctionType) or name[:2] != "__"}
    return [*cls.__bases__, own]


def _pickled(thing: Any) -> Iterable[Any]:
    """Return what pickle would keep of a thing; nothing where it would not, as of a lock or an open file."""
    try:
        if hasattr(type(thing), "untyped_storage"):  # a tensor of PyTorch, whose pickle has an address in it
            return [str(thing.dtype), thing.tolist()]
        kept = thing.__reduce_ex__(4)
        if isinstance(kept, str):
            return [kept]
        made_by, arguments, state, entries, items = [*kept, None, None, None][:5]
        if isinstance(thing, Node):
            arguments = arguments[:-1]  # without its stamp, which tells what ran before in this process
        return [made_by, arguments, state, list(entries or ()), list(items or ())]
    except Exception:  # whatever a class of others raises where it is not to be pickled
        return []
