"""The methods of Value for type checkers: `python -m tests.methods` writes them, tests/test_types.py compares."""

from __future__ import annotations

from pathlib import Path

from autograd import Value, rules
from autograd.rules.operation import Family, Operation

FILE = Path(__file__).resolve().parent.parent / "autograd" / "engine" / "_methods.py"
HEAD = '''\
"""Type declarations: the functions of the table as methods of Value, for type checkers.

Written by `python -m tests.methods`. The methods themselves are attached to Value when the table is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

V = TypeVar("V")


class Methods(Generic[V]):
    """What type checkers know of the methods that a Value, V, has from the table."""

    __slots__ = ()

    if TYPE_CHECKING:

'''


def parameters(row: Operation | Family) -> str:
    if isinstance(row, Family):
        return f", {row.constant}: float" + ("" if row.default is None else f" = {row.default}")
    others = row.arguments[1:]
    return "".join(f", {name}: V | float" for name in others) + (", /" if others else "")


def methods() -> dict[str, Operation | Family]:
    """The rows that Value has as methods, by the names that they have there."""
    rows = {name: row for name, row in rules.FUNCTIONS.items() if hasattr(Value, name)}
    names = {method: name for name in rows for method in vars(Value) if getattr(Value, method) is getattr(Value, name)}
    return {method: rows[names[method]] for method in sorted(names)}


def generated() -> str:
    """The file as it is to be."""
    lines = [f"        def {name}(self{parameters(row)}) -> V: ..." for name, row in methods().items()]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(generated(), encoding="utf-8")
