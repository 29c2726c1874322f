"""Derivative: what a transform returns for a function, called, bound, copied and pickled as a function is.

A closure could not be pickled. This is made again, wherever it is loaded, by the transform, from its function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

from autograd.functions.calls import Function, check_argnums, check_function, name_of
from autograd.functions.pickling import MadeOfFunction

ANY = inspect.signature(lambda *args, **keywords: None)


class Derivative(MadeOfFunction, partial[Any]):
    """The derivative of `f` that `make` makes: a function of the transforms, whose first arguments are given."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the method of an instance."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<function {self.__qualname__} at {id(self):#x}>"


def derivative(
    transform: Callable[..., Any], f: Function, compute: Callable[..., Any], of: Function, **options: Any
) -> Derivative:
    """Return the derivative of f by a transform with these options: `compute`, given the name, `of` and the options."""
    name = transform.__name__
    check_function(name, f)
    check_argnums(name, f, options["argnums"])
    made = Derivative(compute, name, of, *options.values())
    made.f, made.make = f, partial(transform, **options)
    named = name_of(f)
    made.__name__ = made.__qualname__ = f"{name}({named})"
    made.__module__ = getattr(f, "__module__", None) or __name__
    made.__doc__ = f"Return the {name} of {named}."
    made.__wrapped__ = f  # it has the parameters of f
    if name == "hvp":
        made.__signature__ = ANY  # the vector follows what is given of these, also where others have defaults
    return made


def vectors_after(f: Any) -> int:
    """Return how many vectors follow by position the arguments of what f wraps: one for each `hvp` among that."""
    found, seen = 0, set()
    while f is not None and id(f) not in seen:  # one may wrap itself
        seen.add(id(f))
        f = getattr(f, "__func__", f)
        found += isinstance(f, Derivative) and hasattr(f, "__signature__")
        f = getattr(f, "__wrapped__", None)
    return found
