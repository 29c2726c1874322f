"""Search for parameters: what a module holds in its attributes, in containers, and in modules of other libraries."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from contextvars import ContextVar
from functools import partial
from types import MemberDescriptorType, MethodType
from typing import Any

from autograd import Value
from autograd.functions import MadeOfFunction


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
    opened: dict[int, Any] = {}  # keeps the containers, since another thing could get the same id
    waiting: list[tuple[str, Any]] = [("", module)]
    while waiting:
        path, thing = waiting.pop()
        thing = _called(thing)
        if isinstance(thing, kinds):
            found.append((path, thing))
        elif id(thing) not in opened and (parts := _parts(thing, path, module)):
            opened[id(thing)] = thing
            waiting += [(f"{path}.{name}" if path else str(name), part) for name, part in reversed(parts)]
    return found


def _called(thing: Any) -> Any:
    """Return the module that a compiled one, a transform of one, or one of its methods calls; others as they are."""
    while isinstance(thing, (MadeOfFunction, MethodType)):
        thing = thing.f if isinstance(thing, MadeOfFunction) else thing.__self__
    return thing


def _parts(thing: Any, path: str, root: Any) -> list[tuple[Any, Any]] | None:
    """Return what is in a module or container, by name or position; None where it is neither."""
    if isinstance(thing, (Value, str, float, int, type)):
        return None
    if isinstance(thing, partial):
        return [("func", thing.func), *enumerate(thing.args), *thing.keywords.items()]
    if isinstance(thing, ParameterHolder):
        return [*vars(thing).items(), *_in_slots(thing)]
    if isinstance(thing, Mapping):
        return list(thing.items())
    if isinstance(thing, (list, tuple, deque)):
        return list(enumerate(thing))
    if getattr(getattr(thing, "dtype", None), "kind", "") == "O":  # an array of NumPy, or a column of pandas
        return [(".".join(map(str, place)), part) for place, part in _entries(thing)]
    if callable(getattr(thing, "parameters", None)):
        return _foreign(thing, path, root)
    if isinstance(thing, Set) and any(held(part, Value) for part in thing):
        raise TypeError(f"parameters are kept in an order, and {path} is a {type(thing).__name__}; write a list")
    if dataclasses.is_dataclass(thing):
        return [(field.name, getattr(thing, field.name, None)) for field in dataclasses.fields(thing)]
    return None


def _in_slots(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that a module keeps in `__slots__`, those of its base classes first."""
    for cls in reversed(type(module).__mro__):
        for name, member in vars(cls).items():
            if isinstance(member, MemberDescriptorType) and hasattr(module, name):
                yield name, getattr(module, name)


def _entries(array: Any) -> Iterable[tuple[tuple[int, ...], Any]]:
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
                f"the parameters of a Module are Values, but {path or 'the model'}, a {type(thing).__name__}, has a "
                f"{type(parameter).__name__}: {parameter!r:.40}; keep what is not to be trained outside of it"
            )
    return parts
