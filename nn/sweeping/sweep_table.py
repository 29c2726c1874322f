"""Table of a sweep: a row for each member in the grid's order, with what came of it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
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
        """Return arguments and results by name; a result that is a mapping has a column for each of its entries.

        Names of arguments stand: a result of the same name is called "result." and that name, and the errors
        "member.error" where an argument or a result is called "error".

        >>> SweepTable([Member({"lr": 0.1}, {"lr": 0.05, "error": 2.0}, done=True)]).columns()
        {'lr': [0.1], 'result.lr': [0.05], 'error': [2.0]}
        """
        results = [
            {} if not one.done else one.result if isinstance(one.result, Mapping) else {"result": one.result}
            for one in self.members
        ]
        arguments = dict.fromkeys(name for member in self.members for name in member.arguments)
        found = dict.fromkeys(name for result in results for name in result)
        called = {name: name for name in found if name not in arguments}
        for name in (name for name in found if name in arguments):
            called[name] = _free(name, "result", {*arguments, *called.values()})
        columns = {name: [member.arguments.get(name) for member in self.members] for name in arguments}
        columns |= {called[name]: [result.get(name) for result in results] for name in found}
        if self.failed:
            columns[_free("error", "member", columns)] = [member.error for member in self.members]
        return columns

    def __str__(self) -> str:
        columns = [[str(name), *map(_cell, cells)] for name, cells in self.columns().items()]
        widths = [max(map(len, column)) for column in columns]
        rows = zip(*columns, strict=True)
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def __repr__(self) -> str:
        done = sum(member.done for member in self.members)
        return f"SweepTable({len(self)} members, {done} done, {len(self.failed)} failed)"


def _free(name: str, prefix: str, taken: Container[str]) -> str:
    """Return a name with as many prefixes as make it another than all that are taken."""
    while name in taken:
        name = f"{prefix}.{name}"
    return name


def _cell(content: Any) -> str:
    shown = "" if content is None else f"{content:.6g}" if isinstance(content, float) else str(content).split("\n")[0]
    if isinstance(content, float) and shown.lstrip("-").isdecimal():
        shown += ".0"
    return shown if len(shown) <= WIDEST else shown[: WIDEST - 3] + "..."
