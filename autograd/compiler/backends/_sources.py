"""Python source that is written here and run: its namespace, its numbers, results with names, and functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from autograd.rules import Dialect

NamedLine: TypeAlias = tuple[str, str]  # a name, and the source of what it is


class Bound:
    """The namespace of a source: functions and lists, by names that are made here, never taken from a user."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
        self._known: dict[int, str] = {}

    def bind(self, thing: Any, stem: str) -> str:
        """Return the name of a thing: the stem, with a number where that is taken."""
        if id(thing) not in self._known:
            name, number = stem, 0
            while name in self.names:
                name, number = f"{stem}_{number}", number + 1
            self._known[id(thing)] = name
            self.names[name] = thing
        return self._known[id(thing)]

    def load(self, names: Sequence[str], slots: Sequence[int], numbers: str) -> list[str]:
        """Return the line that gives names to what a list has at these slots, if there are any."""
        if len(slots) < 2:
            return [f"{name} = {numbers}[{slot}]" for name, slot in zip(names, slots, strict=True)]
        return [f"{', '.join(names)} = {self.bind(itemgetter(*slots), f'get{len(self.names)}')}({numbers})"]


def literal(dialect: Dialect, number: float) -> str:
    """Return a number as an operand of any operator."""
    written = dialect.literal(number)
    return f"({written})" if written.startswith("-") else written


def gathered(lines: Sequence[NamedLine]) -> str:
    """Return lines as one tuple, in which each gets its name."""
    return f"({', '.join([f'{name} := {source}' for name, source in lines])},)" if lines else "()"


def function(parameters: str, lines: Sequence[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return a function made of lines."""
    body = "\n    ".join(lines or ["pass"])
    namespace = dict(names)
    exec(f"def run({parameters}):\n    {body}", namespace)
    made: Callable[..., Any] = namespace.pop("run")
    return made
