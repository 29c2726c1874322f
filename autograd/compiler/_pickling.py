"""Pickling of compiled functions: by name where there is one, else as the function and its options, without programs.

A function that a module holds is found there by whoever loads it, with the Values that the module has for it. Any other
is compiled again from the function that it was made from, when it is called.
"""

from __future__ import annotations

import functools
import pickle
import sys
from types import FunctionType
from typing import Any


def reduce_function(compiled: Any) -> str | tuple[Any, ...]:
    """Return how to restore a compiled function, in the form of `__reduce__`."""
    if not _with_code(compiled.__module__):
        if (name := _global_name(compiled)) is not None:
            return name
        wrt = compiled.options["wrt"]
        if wrt and isinstance(compiled.f, FunctionType) and _global_name(compiled.f) is not None:
            raise pickle.PicklingError(
                f"{compiled.__name__} is pickled by its name, which its wrt={wrt} are not; "
                f"assign what compile returned to a name in {compiled.__module__}"
            )
    return functools.partial(compiled.__class__, **compiled.options), (compiled.f,)


def _global_name(thing: Any) -> str | None:
    """Return the name by which a thing is found in its module; None if there is none."""
    module: Any = sys.modules.get(thing.__module__)
    found = functools.reduce(lambda owner, name: getattr(owner, name, None), thing.__qualname__.split("."), module)
    if found is thing:
        return str(thing.__qualname__)
    return next((name for name, held in [*vars(module).items()] if held is thing), None) if module else None


def _with_code(module: str) -> bool:
    """Whether functions of a module are being pickled with their code, as cloudpickle does for __main__.

    It is the pickler of joblib, Ray and Dask, whose processes have a __main__ of their own.
    """
    frame = sys._getframe() if module == "__main__" else None
    while frame is not None and not frame.f_globals.get("__name__", "").endswith("cloudpickle.cloudpickle"):
        frame = frame.f_back
    return frame is not None
