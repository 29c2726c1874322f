"""Search for parameters: what a module holds in its attributes, in containers, and in modules of other libraries."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Mapping, Set
from contextvars import ContextVar
from functools import partial
from types import MemberDescriptorType, MethodType
from typing import Any

from autograd import Constant, Value
from autograd.compiler.trace import Argument
from autograd.functions import MadeOfFunction
from autograd.rules import with_article

WITHOUT_PARTS = frozenset({type(None), bool, int, float, complex, str, bytes})


class ParameterHolder:
    """Base class of what keeps parameters in its attributes, such as a module."""


_asking: ContextVar[frozenset[int]] = ContextVar("asking", default=frozenset())


def held(module: Any, kinds: type | tuple[type, ...]) -> list[tuple[str, Any]]:
    """Return what a module holds of these kinds, at any depth, each with its path; a container is opened once.

    >>> from nn import MLP
    >>> held(MLP(1, [1]), int)
    [('nin', 1), ('layers.0.nin', 1), ('layers.0.neurons.0.nin', 1)]
    """
    if id(module) in _asking.get():  # one of another library, in this one, asks this one for its parameters
        return []
    found = []
    others = {kind for kind in WITHOUT_PARTS if not issubclass(kind, kinds)}
    opened: dict[int, Any] = {}  # keeps the containers, since another thing could get the same id
    waiting: list[tuple[str, Any]] = [("", module)]
    while waiting:
        path, thing = waiting.pop()
        thing = _called(thing)
        if isinstance(thing, kinds):
            found.append((path, thing))
        elif id(thing) not in opened and (parts := _parts(thing, path, module)):
            opened[id(thing)] = thing
            listed = [(name, part) for name, part in reversed(parts) if type(part) not in others]
            waiting += [(f"{path}.{name}" if path else str(name), part) for name, part in listed]
    return found


def _called(thing: Any) -> Any:
    """Return the module that a compiled one, a transform of one, or one of its methods calls; others as they are."""
    while isinstance(thing, (MadeOfFunction, MethodType)):
        thing = thing.f if isinstance(thing, MadeOfFunction) else thing.__self__
    return thing


def is_parameter(thing: Any) -> bool:
    """Whether a thing is a leaf that may change and take a gradient, and no argument of a function that is traced."""
    return isinstance(thing, Value) and thing.op is None and not isinstance(thing, (Constant, Argument))


def _parts(thing: Any, path: str, root: Any) -> list[tuple[Any, Any]] | None:
    """Return what is in a module or container, by name or position; None where it is neither."""
    if isinstance(thing, (Value, str, float, int, type)):
        return None
    if isinstance(thing, partial):
        return [("func", thing.func), *enumerate(thing.args), *thing.keywords.items()]
    if isinstance(thing, ParameterHolder):
        slots = [(name, getattr(thing, name)) for name in slot_names(type(thing)) if hasattr(thing, name)]
        return [*vars(thing).items(), *slots, *(_entries(thing, path) or ())]
    if (entries := _entries(thing, path)) is not None:
        return entries
    if is_object_array(thing):
        return [(".".join(map(str, place)), part) for place, part in _elements(thing)]
    if callable(getattr(thing, "parameters", None)):
        return _foreign(thing, path, root)
    if dataclasses.is_dataclass(thing):
        return [(field.name, getattr(thing, field.name, None)) for field in dataclasses.fields(thing)]
    return None


def _entries(thing: Any, path: str) -> list[tuple[Any, Any]] | None:
    """Return the entries of a container by key or position; None for what is no container."""
    if isinstance(thing, (list, tuple, deque)):
        return list(enumerate(thing))
    if isinstance(thing, Mapping):
        return list(thing.items())
    if isinstance(thing, Set) and any(is_parameter(x) for part in thing for _, x in held(part, Value)):
        found = f"{path or 'the model'} is {with_article(thing)}"
        raise TypeError(f"parameters are kept in an order, and {found}; write a list")
    return None


def slot_names(kind: type) -> list[str]:
    """Return the names of what objects of a class keep in `__slots__`, those of its base classes first.

    >>> class Point:
    ...     __slots__ = ("x", "y")
    >>> slot_names(Point)
    ['x', 'y']
    """
    members = [part for cls in reversed(kind.__mro__) if "__slots__" in vars(cls) for part in vars(cls).items()]
    return [name for name, member in members if type(member) is MemberDescriptorType]


def is_object_array(thing: Any) -> bool:
    """Whether a thing is an array of NumPy, or a column of pandas, that can hold Values."""
    return hasattr(type(thing), "dtype") and getattr(thing.dtype, "kind", "") == "O"


def _elements(array: Any) -> Iterable[tuple[tuple[int, ...], Any]]:
    import numpy as np

    return np.ndenumerate(np.atleast_1d(array))


def _foreign(thing: Any, path: str, root: Any) -> list[tuple[Any, Any]]:
    """Return the parameters of a module of another kind, by its own names if it has any."""
    named = getattr(thing, "named_parameters", None)
    before = _asking.get()
    try:
        _asking.set(before | {id(root)})
        parts = list(named() if callable(named) else enumerate(thing.parameters()))
    finally:
        _asking.set(before)
    for _, parameter in parts:
        if not isinstance(parameter, Value):
            raise TypeError(
                f"the parameters of a Module are Values, but {path or 'the model'}, {with_article(thing)}, has a "
                f"{type(parameter).__name__}: {parameter!r:.40}; keep what is not to be trained outside of it"
            )
    return parts
