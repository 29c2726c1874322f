"""Table of a sweep: a row for each member in the grid's order, with what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

WIDEST = 40  # characters of a cell


@dataclass
class Member:
    """One call of a sweep: its arguments, and its result, or why it has none.

    `error` is the exception in one line, and `details` its traceback; both are empty where the member is done, or was
    never run since the sweep was interrupted.
    """

    arguments: dict[str, Any]
    result: Any = None
    done: bool = False
    error: str = ""
    details: str = field(default="", repr=False)


class SweepTable(Sequence[Member]):
    """The members of a sweep in the grid's order. `print` shows it; `columns()` is what `pandas.DataFrame` takes.

    `interrupted` says whether Ctrl-C ended the sweep before all members were run.

    >>> one, other = Member({"lr": 0.1}, {"loss": 0.25}, done=True), Member({"lr": 9.0}, error="ValueError: no")
    >>> table = SweepTable([one, other])
    >>> print(table)
    lr   loss  error
    0.1  0.25
    9.0        ValueError: no
    >>> table.columns()
    {'lr': [0.1, 9.0], 'loss': [0.25, None], 'error': ['', 'ValueError: no']}
    >>> [member.arguments for member in table.failed]
    [{'lr': 9.0}]
    """

    def __init__(self, members: Sequence[Member], *, interrupted: bool = False) -> None:
        self.members = list(members)
        self.interrupted = interrupted

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> list[Member]: ...
    def __getitem__(self, index: int | slice) -> Member | list[Member]:
        return self.members[index]

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    @property
    def results(self) -> list[Any]:
        """The results in order; None where there is none."""
        return [member.result for member in self.members]

    @property
    def failed(self) -> list[Member]:
        """The members that raised an error."""
        return [member for member in self.members if member.error]

    def columns(self) -> dict[str, list[Any]]:
        """Return arguments and results by name; a result that is a mapping has a column for each of its entries."""
        names: dict[str, None] = {}
        rows = []
        for member in self.members:
            result = member.result if isinstance(member.result, Mapping) else {"result": member.result}
            rows.append({**(result if member.done else {}), **member.arguments})
            names |= dict.fromkeys(member.arguments)
        for row in rows:
            names |= dict.fromkeys(row)
        found = {name: [row.get(name) for row in rows] for name in names}
        if self.failed:
            found["error"] = [member.error for member in self.members]
        return found

    def __str__(self) -> str:
        columns = [[name, *map(_cell, cells)] for name, cells in self.columns().items()]
        widths = [max(map(len, column)) for column in columns]
        rows = zip(*columns, strict=True)
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def __repr__(self) -> str:
        done = sum(member.done for member in self.members)
        return f"SweepTable({len(self)} members, {done} done, {len(self.failed)} failed)"


def _cell(content: Any) -> str:
    shown = "" if content is None else f"{content:.6g}" if isinstance(content, float) else str(content).split("\n")[0]
    if isinstance(content, float) and shown.lstrip("-").isdecimal():
        shown += ".0"
    return shown if len(shown) <= WIDEST else shown[: WIDEST - 3] + "..."
