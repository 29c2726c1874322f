"""Checks of operands: what is taken for a real number and for a sequence of numbers, and the errors for all else."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any


def with_article(thing: Any) -> str:
    """Return what a thing is, for messages.

    >>> with_article("2"), with_article(2), with_article(type("RMSprop", (), {})())
    ('a str', 'an int', 'an RMSprop')
    """
    name = type(thing).__name__
    by_letters = name[:2].isupper() or name.startswith(("nd", "mp"))  # as "an MLP" is spoken, and "an RMSprop"
    return f"{'an' if name[:1] in tuple('AEFHILMNORSXnm' if by_letters else 'AEIOaeio') else 'a'} {name}"


def real(number: Any, asker: str) -> float:
    """Return a real number (int, float, bool or NumPy scalar) as a float; the TypeError otherwise names the asker.

    >>> real(2, "tanh")
    2.0
    >>> real("2", "tanh")
    Traceback (most recent call last):
    TypeError: tanh takes a real number, got a str: '2'; convert it first, for example with float(...)
    """
    if isinstance(number, (float, int)):
        try:
            return float(number)
        except OverflowError:
            raise OverflowError(f"{asker} takes a float, up to 1.8e308 in size, got an int that is larger") from None
    numpy = sys.modules.get("numpy")  # where NumPy is not loaded there are no NumPy scalars
    scalars = () if numpy is None else (numpy.floating, numpy.integer, numpy.bool_)
    if isinstance(number, scalars) and not is_misread(number):
        return float(number)
    remedy = "convert it first, for example with float(...)"
    shape = getattr(number, "shape", None) if hasattr(type(number), "shape") else None
    if numpy is not None and isinstance(number, numpy.ma.MaskedArray):
        remedy = "a masked array lacks numbers: fill it, as .filled(0.0) does, or take .compressed() of it"
    elif is_misread(number):
        remedy = (
            "divide a duration by its unit, such as numpy.timedelta64(1, 's'), and a date is a duration since another"
        )
    elif hasattr(type(number), "_operate"):
        remedy = "use it as it is, or its .data where you mean the plain number"
    elif isinstance(number, complex) or (numpy is not None and isinstance(number, numpy.complexfloating)):
        remedy = "keep the real and the imaginary part in a number each"
    elif number is None:
        remedy = "a function that returns nothing returns None"
    elif shape == ():
        remedy = "write .item() for the one number in it"
    elif isinstance(number, (list, tuple)) or hasattr(type(number), "__array__"):
        remedy = "make one call for each element"
    elif shape is not None and hasattr(type(number), "toarray"):
        remedy = "make an array of a sparse one, as .toarray() does"
    elif asker == "abs" and hasattr(type(number), "__abs__"):
        remedy = "Python's own abs, which `from autograd import *` hides, is builtins.abs"
    found = repr(number)
    found = found if len(found) <= 60 else found[:57] + "..."
    raise TypeError(f"{asker} takes a real number, got {with_article(number)}: {found}; {remedy}")


def is_misread(thing: Any) -> bool:
    """Whether NumPy would take it for a number: a date or a duration, what is masked, or an array of these."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(thing, numpy.ma.MaskedArray):
        return True
    return hasattr(type(thing), "dtype") and getattr(thing.dtype, "kind", "") in ("m", "M")


def elements(sequence: Any, asker: str, wanted: str = "a sequence of numbers") -> Sequence[Any]:
    """Return the elements of an iterable as a list, a list or tuple as it is; else raise TypeError in the asker's name.

    >>> elements(range(3), "mean")
    [0, 1, 2]
    >>> elements({"a": 2}, "mean")
    Traceback (most recent call last):
    TypeError: mean takes a sequence of numbers, got a dict: {'a': 2}; write list(d.values()) for those of a mapping d
    """
    if isinstance(sequence, (list, tuple)):
        return sequence
    remedy = "" if hasattr(sequence, "__next__") else how_to_list(sequence)  # an iterator is none of those
    if not remedy:
        try:
            found = iter(sequence)
        except TypeError:
            remedy = "write [a] for one, [a, b] for two"
        else:
            return list(found)
    shown = " ".join(repr(sequence).split())
    raise TypeError(f"{asker} takes {wanted}, got {with_article(sequence)}: {shown:.60}; {remedy}")


def how_to_list(thing: Any) -> str:
    """Return how to list what iterates over something else than its elements in their order; "" for any other thing.

    Python iterates over the keys of a mapping, the names of a data frame's columns, the codes of bytes, and over a set
    in an order that is chance.
    """
    if isinstance(thing, Mapping):
        return "write list(d.values()) for those of a mapping d"
    if isinstance(thing, (set, frozenset)):
        return "a set has no order: write a list or a tuple"
    if isinstance(thing, (str, bytes, bytearray)):
        return "write a list of numbers"
    if hasattr(type(thing), "columns") and hasattr(type(thing), "shape"):
        return "of a data frame df write df.iloc[0] for one row, or df.to_numpy()"
    return ""
