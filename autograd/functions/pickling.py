"""Copies and pickles of what is made of functions: compiled functions, and derivatives.

A function that a module holds is found there by whoever loads it, with the Values that the module has for it. Any other
is made again from the function that it was made from: compiled when it is called, or differentiated.
"""

from __future__ import annotations

import copy
import functools
import pickle
import sys
from types import FunctionType
from typing import Any


class MadeOfFunction:
    """What `make` made of the function `f`, and makes again where it is loaded, or where f is copied."""

    f: Any
    make: functools.partial[Any]  # a transform, or what compiles, with its options
    __name__: str
    __qualname__: str

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        f = copy.deepcopy(self.f, memo)  # a plain function is its own copy, and uses the Values that it used
        return self if f is self.f else copy.deepcopy(self.make, memo)(f)

    def __reduce__(self) -> str | tuple[Any, ...]:
        make, f = self.make, self.f
        if _with_code(self.__module__):
            return make, (f,)
        name, wrt = _global_name(self), make.keywords.get("wrt")
        plain = _innermost(f)
        loads = isinstance(plain, FunctionType) and _found(plain.__module__, plain.__qualname__) is plain
        if name is None and wrt and loads:
            raise pickle.PicklingError(
                f"{self.__name__} is pickled by its name, which its wrt={wrt} are not; "
                f"assign what compile returned to a name in {self.__module__}"
            )
        if name is None:
            return make, (f,)
        return (_held_or_made, (self.__module__, name, make, f)) if loads and not wrt else name


def _held_or_made(module: str, name: str, make: functools.partial[Any], f: Any) -> Any:
    """Return what a module holds by a name, with its programs, if it is made alike of the same function; else make it.

    A script that is loaded in another process has no names but those outside of `if __name__ == "__main__"`.
    """
    held = _found(module, name)
    alike = isinstance(held, MadeOfFunction) and held.f is f
    same = alike and (held.make.func, held.make.keywords) == (make.func, make.keywords)
    return held if same else make(f)


def _innermost(f: Any) -> Any:
    while isinstance(f, MadeOfFunction):
        f = f.f
    return f


def _global_name(made: MadeOfFunction) -> str | None:
    """Return the name by which it is found in its module; None if there is none."""
    name: str = getattr(_innermost(made), "__qualname__", "")  # that of what it decorates
    if _found(made.__module__, name) is made:
        return name
    module = sys.modules.get(made.__module__)
    return next((name for name, held in [*vars(module).items()] if held is made), None) if module else None


def _found(module: str, name: str) -> Any:
    return functools.reduce(lambda owner, part: getattr(owner, part, None), name.split("."), sys.modules.get(module))


def _with_code(module: str) -> bool:
    """Whether functions of a module are being pickled with their code, as cloudpickle does for __main__.

    It is the pickler of joblib, Ray and Dask, whose processes have a __main__ of their own.
    """
    frame = sys._getframe() if module == "__main__" else None
    while frame is not None and not frame.f_globals.get("__name__", "").endswith("cloudpickle.cloudpickle"):
        frame = frame.f_back
    return frame is not None
