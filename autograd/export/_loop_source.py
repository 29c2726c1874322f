"""Source of loops in C and JavaScript: places in arrays, loops over their axes, and lines in braces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def axes_of(shape: Sequence[int]) -> list[str]:
    """Return a variable for each axis, 0 for those of length 1."""
    return [letter if length > 1 else "0" for letter, length in zip("abcdefgh"[: len(shape)], shape, strict=True)]


def affine(first: int, moves: Any) -> str:
    """Return the source of a first place and so many places for each variable of a loop."""
    terms = [axis if stride == 1 else f"{stride} * {axis}" for stride, axis in moves if stride and axis != "0"]
    return " + ".join([*([str(first)] if first or not terms else []), *terms])


def row_major(shape: Sequence[int], axes: Sequence[str]) -> str:
    """Return the source of a place in an array of this shape, at the variables of its axes."""
    strides = [int(np.prod(shape[n + 1 :], dtype=int)) for n in range(len(shape))]
    return affine(0, zip(strides, axes, strict=True))


def loops(shape: Sequence[int], axes: Sequence[str], body: Sequence[str], counter: str = "int") -> list[str]:
    """Return the lines of a body that is done for each of the variables; `counter` declares one."""
    heads = [f"for ({counter} {a} = 0; {a} < {n}; {a}++)" for a, n in zip(axes, shape, strict=True) if a != "0"]
    if len(body) > 1:
        return braced(f"{' '.join(heads)} ".lstrip(), body)
    return [" ".join([*heads, *body])]


def braced(head: str, lines: Sequence[str]) -> list[str]:
    """Return lines in braces, behind a head."""
    return [f"{head}{{", *indented(lines), "}"]


def indented(lines: Sequence[str]) -> list[str]:
    """Return lines further in."""
    return [f"    {line}" for line in lines]


def copied(target: str, start: int, source: str, first: int, count: int, counter: str = "int") -> list[str]:
    """Return the lines that copy so many numbers from one array to another."""
    if not count:
        return []
    move = [(1, "i" if count > 1 else "0")]
    body = [f"{target}[{affine(start, move)}] = {source}[{affine(first, move)}];"]
    return loops((count,), [move[0][1]], body, counter)


def runs(places: Sequence[Any]) -> list[tuple[Any, int]]:
    """Return slots as runs that count up by one: the first one, and how many; a number that is no slot by itself."""
    found: list[list[Any]] = []
    for place in places:
        if found and isinstance(place, int) and isinstance(found[-1][0], int) and place == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([place, 1])
    return [(start, count) for start, count in found]
