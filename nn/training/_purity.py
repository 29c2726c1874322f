"""Purity of functions: whether what a function returns can depend on nothing but its arguments.

A metric that is pure sees no parameters, so these need not be written into their Values before each of its calls.
What cannot be told for sure counts as not pure.
"""

from __future__ import annotations

import builtins
import dis
import sys
from functools import lru_cache, partial
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from autograd import rules
from nn.training.parameters import WITHOUT_PARTS

# Packages whose functions read nothing that a user has made but their arguments.
PACKAGES = {
    *("autograd", "cmath", "collections", "fractions", "functools", "itertools", "math", "nn", "numpy", "operator"),
    *("scipy", "sklearn", "statistics"),
}
LOOKING = ("__import__", "breakpoint", "eval", "exec", "globals", "locals", "vars")  # of Python's own, by name
PLAIN = WITHOUT_PARTS - {type(None)}  # in its place something may come later
CONTAINERS = (list, tuple, set, frozenset, dict)
_UNKNOWN = object()


def is_pure(function: Any) -> bool:
    """Whether a function surely depends on its arguments alone.

    Its code, and that of the functions that it calls, may name plain numbers and texts, containers of them, and the
    functions of Python, NumPy and the like; objects and classes of the user's, and what is yet to be filled, are none
    of these.

    >>> from autograd import Value
    >>> def above(limit):
    ...     return lambda outputs, targets: max(outputs) > limit
    >>> is_pure(above(2.0)), is_pure(above(Value(2.0)))
    (True, False)
    """
    waiting = [function]
    seen: dict[int, Any] = {}
    while waiting:
        thing = waiting.pop()
        kind = type(thing)
        if id(thing) in seen or kind in PLAIN or _is_known(thing):
            continue
        seen[id(thing)] = thing
        if kind is FunctionType and package_of(thing.__globals__.get("__name__")) in PACKAGES:
            waiting += [held for cell in thing.__closure__ or () if (held := _content(cell)) is not None]
        elif kind is FunctionType and not thing.__dict__:
            waiting += map(_content, thing.__closure__ or ())
            waiting += [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
            waiting += _globals(thing.__code__, thing.__globals__)
        elif kind is partial:
            waiting += [thing.func, *thing.args, *thing.keywords.values()]
        elif kind in CONTAINERS and thing:
            waiting += [*thing, *thing.values()] if kind is dict else thing
        else:
            return False
    return True


def package_of(name: str | None) -> str:
    """Return the name of the package that a module is in."""
    return f"{name}".partition(".")[0]


def _is_known(thing: Any) -> bool:
    """Whether a thing is a module or a class of the packages, a function in C, a row, or an array of numbers."""
    if isinstance(thing, ModuleType):
        return package_of(thing.__name__) in PACKAGES
    if isinstance(thing, (type, BuiltinFunctionType)):
        home = package_of(thing.__module__)
        return home in PACKAGES or (home == "builtins" and thing.__name__ not in LOOKING)
    if package_of(type(thing).__module__) == "numpy":
        if hasattr(thing, "types"):  # a ufunc, which calls a function of Python's where it only takes objects
            return not all(signature[0] == "O" for signature in thing.types)
        return _is_named(thing) or (hasattr(thing, "dtype") and not thing.dtype.hasobject)
    return any(thing is row for row in rules.FUNCTIONS.values())


def _is_named(thing: Any) -> bool:
    """Whether a thing is a function that stands in its module, under its name."""
    return callable(thing) and getattr(sys.modules.get(thing.__module__), getattr(thing, "__name__", ""), None) is thing


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that has no value yet
        return _UNKNOWN


def _globals(code: CodeType, variables: dict[str, Any]) -> list[Any]:
    """Return the global variables that code names; what it imports is unknown."""
    return [variables.get(name, vars(builtins).get(name, _UNKNOWN)) for name in global_names(code)]


@lru_cache(maxsize=1024)
def global_names(code: CodeType) -> tuple[str, ...]:
    """Return the names of the global variables that code reads or sets, and "" for what it imports."""
    names: dict[str, None] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"):
            names[instruction.argval] = None
        elif instruction.opname == "IMPORT_NAME":
            names[""] = None
    for part in code.co_consts:
        if isinstance(part, CodeType):
            names |= dict.fromkeys(global_names(part))
    return tuple(names)
