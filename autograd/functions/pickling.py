"""Copies and pickles of what is made of functions: compiled functions, and derivatives.

What a decorator made has the place of its function, and is pickled by its name, as functions are. Any other is made
again of its function where it is loaded, of a method with its instance: a name that a module has for it may be that of
another one by then. A name serves only to find what is made alike of the same function, with its programs and Values.
"""

from __future__ import annotations

import copy
import functools
import io
import pickle
import sys
from collections.abc import Iterable
from contextlib import suppress
from operator import attrgetter
from typing import Any


class MadeOfFunction:
    """A transformed function: `make` made it of the function `f`, and does again where it is loaded, or f is copied."""

    f: Any
    make: functools.partial[Any]  # a transform, or what compiles, with its options
    __name__: str
    __qualname__: str
    __wrapped__: Any
    __signature__: Any

    # As functools.wraps has them, but read when asked for: a derivative is made in a microsecond, and Python 3.14
    # evaluates annotations when they are read.
    __annotations__ = functools.cached_property(attrgetter("f.__annotations__"))
    __annotate__ = functools.cached_property(attrgetter("f.__annotate__"))
    __isabstractmethod__ = functools.cached_property(attrgetter("f.__isabstractmethod__"))

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        # A class without them gets its own, which its instances would have, as soon as somebody asks for them.
        cls.__annotations__ = vars(MadeOfFunction)["__annotations__"]

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        f = copy.deepcopy(self.f, memo)  # a plain function is its own copy, and uses the Values that it used
        return self if f is self.f else copy.deepcopy(self.make, memo)(f)

    def __reduce__(self) -> str | tuple[Any, ...]:
        make, f, plain = self.make, self.f, _innermost(self.f)
        if _with_code(self.__module__):
            return make, (f,)
        name = getattr(plain, "__qualname__", "")
        if found_in_module(self.__module__, name) is self:  # it decorates f
            return name
        wrt = make.keywords.get("wrt") or ()
        beside = len(wrt) > 0 and _is_pickled_without(f, wrt)
        shared = beside or found_in_module(getattr(plain, "__module__", ""), name) is plain
        held = _name_in_module(self) if shared else None
        if beside and held is None:
            raise pickle.PicklingError(
                f"{self.__name__} is pickled by its name, which its wrt={wrt} are not; "
                f"assign what compile returned to a name in {self.__module__}"
            )
        return (make, (f,)) if held is None else (_held_or_made, (self.__module__, held, make, f))


def _held_or_made(module: str, name: str, make: functools.partial[Any], f: Any) -> Any:
    """Return what a module holds by a name, with its programs, if it is made alike of the same function; else make it.

    A script that is loaded in another process has no names but those outside of `if __name__ == "__main__"`.
    """
    held = found_in_module(module, name)
    if isinstance(held, MadeOfFunction) and held.f is f and _options(held.make) == _options(make):
        return held
    if make.keywords.get("wrt"):
        raise pickle.UnpicklingError(
            f"what compile returned was pickled by its name {name} in {module}, with the wrt= that it has there, "
            f"and {name} is {held!r} now; let the name stand for it where it is loaded too"
        )
    return make(f)


def _options(make: functools.partial[Any]) -> tuple[Any, dict[str, Any]]:
    """Return what is made, with its options; for Values, which are others in another process, their labels."""
    return make.func, {**make.keywords, "wrt": [leaf.label for leaf in make.keywords.get("wrt") or ()]}


def _innermost(f: Any) -> Any:
    while isinstance(f, MadeOfFunction):
        f = f.f
    return f


def _is_pickled_without(f: Any, leaves: Iterable[Any]) -> bool:
    """Whether some of these Values are not in the pickle of a function, which then uses others where it is loaded."""
    met = _Met(io.BytesIO())
    with suppress(Exception):  # what else is not pickled is told by the pickler that asks
        met.dump(f)
        return not met.things.issuperset(map(id, leaves))
    return False


class _Met(pickle.Pickler):
    """A pickler that takes note of all that it pickles, by identity."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.things: set[int] = set()

    def persistent_id(self, thing: Any) -> None:
        self.things.add(id(thing))


def _name_in_module(made: MadeOfFunction) -> str | None:
    """Return a name by which its module holds it; None if there is none."""
    module = sys.modules.get(made.__module__)
    return next((name for name, held in [*vars(module).items()] if held is made), None) if module else None


def found_in_module(module: str, name: str) -> Any:
    """Return what a module holds by a dotted name, None if nothing."""
    return functools.reduce(lambda owner, part: getattr(owner, part, None), name.split("."), sys.modules.get(module))


def _with_code(module: str) -> bool:
    """Whether functions of a module are being pickled with their code, as cloudpickle does for __main__.

    It is the pickler of joblib, Ray and Dask, whose processes have a __main__ of their own.
    """
    frame = sys._getframe() if module == "__main__" else None
    while frame is not None and not frame.f_globals.get("__name__", "").endswith("cloudpickle.cloudpickle"):
        frame = frame.f_back
    return frame is not None
