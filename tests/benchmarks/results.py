"""Tables of results: what was measured of each problem and contestant, as JSON and as Markdown."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Row:
    """A problem: facts, CPU seconds of a call by contestants and rounds, and the bytes that a call takes at most."""

    name: str
    facts: dict[str, Any]
    seconds: dict[str, list[float]]
    peaks: dict[str, int] = field(default_factory=dict)

    def median(self, who: str) -> float:
        return statistics.median(self.seconds[who])

    def ratio(self, who: str, other: str) -> float:
        """How many times as long one takes as the other: the median of the rounds, in which they took turns."""
        pairs = list(zip(self.seconds[who], self.seconds[other], strict=False))
        if len(pairs) < max(len(self.seconds[who]), len(self.seconds[other])):  # one was too slow for all rounds
            return self.median(who) / self.median(other)
        return statistics.median(a / b for a, b in pairs)


@dataclass(frozen=True)
class Table:
    """Problems by contestants, of whom the first is ours; numbers are in the unit, for each of what `per` counts.

    `run` is the name of the run that it comes from, `load` the machine's before and after it.
    """

    name: str
    group: str
    title: str
    unit: str  # "ms", "ns a node", or "times" what the first takes
    per: list[str]
    contestants: list[str]
    absent: list[str]
    rows: list[Row]
    run: str = ""
    load: tuple[float | None, float | None] = (None, None)
    by_clock: bool = False  # whether times are those of the clock, with all cores; else of the processor, one thread

    @property
    def ours(self) -> str:
        return self.contestants[0]

    def number(self, row: Row, who: str) -> float:
        """What the table says of a contestant, in its unit."""
        if self.unit == "times":
            return row.ratio(who, self.ours)
        return row.median(who) / self._count(row) / SECONDS[self.unit.split()[0]]

    def loses(self, row: Row, who: str) -> bool:
        """Whether somebody else is faster than ours."""
        return who != self.ours and self.ours in row.seconds and row.ratio(who, self.ours) < 1.0

    def _count(self, row: Row) -> float:
        return float(math.prod(row.facts[name] for name in self.per))

    def peak(self, row: Row, who: str) -> str:
        if who not in row.peaks:
            return ""
        return digits(row.peaks[who] / (self._count(row) if self.per else 1e6))

    def facts(self) -> tuple[list[str], list[str]]:
        """The names of the facts, those of numbers and those of words, but for what the names of the rows say."""
        every = {name: fact for row in self.rows for name, fact in row.facts.items()}
        words = [name for name, fact in every.items() if isinstance(fact, str)]
        numbers = [name for name in every if name not in words]
        said = [name for name in numbers if all(row.name == f"{row.facts.get(name, 0):,}" for row in self.rows)]
        return [name for name in numbers if name not in said], words

    def markdown(self, rows: Sequence[str] = (), columns: Sequence[str] = ()) -> str:
        """Return the table, or some of its rows and columns; whoever is faster than ours is in bold.

        Where contestants are more than problems they are the rows, of one problem the fastest first, beside how many
        times as long as ours they take.
        """
        for name in [*rows, *columns]:
            if name not in [row.name for row in self.rows] + self.contestants:
                raise ValueError(f"{self.name} has no row or column {name!r}")
        chosen = [row for name in rows for row in self.rows if row.name == name] or self.rows
        present = [who for who in self.contestants if any(who in row.seconds for row in chosen)]
        present = [who for who in present if not columns or who in columns]
        measured = any(row.peaks for row in chosen) and not columns
        memory = f"bytes {self.unit.partition(' ')[2]}" if self.per else "MB"
        if len(self.rows) == 1:
            [row] = chosen
            cells = [["", self.unit, "times ours", *[memory] * measured]]
            for who in sorted(present, key=row.median):
                ratio = digits(row.ratio(who, self.ours))
                cells.append([who, self.cell(row, who), ratio, *[self.peak(row, who)] * measured])
            return lined(cells)
        if len(self.rows) < len(self.contestants):
            cells = [["", *(f"{row.name}, {unit}" for unit in [self.unit, memory][: 1 + measured] for row in chosen)]]
            for who in present:
                times = [self.cell(row, who) for row in chosen]
                cells.append([who, *times, *(self.peak(row, who) for row in chosen if measured)])
            return lined(cells)
        numbers, words = ([], []) if columns else self.facts()
        cells = [[f"in {self.unit}", *numbers, *present, *(f"{who}, {memory}" for who in present if measured), *words]]
        for row in chosen:
            shown = [f"{row.facts[name]:,}" if name in row.facts else "" for name in numbers]
            times = [self.cell(row, who) for who in present]
            peaks = [self.peak(row, who) for who in present if measured]
            cells.append([row.name, *shown, *times, *peaks, *(row.facts.get(name, "") for name in words)])
        return lined(cells, len(words))

    def cell(self, row: Row, who: str) -> str:
        if who not in row.seconds:
            return ""
        number = digits(self.number(row, who))
        return f"**{number}**" if self.loses(row, who) else number

    def summary(self) -> str:
        """Say, of each contestant that has several rows, in how many ours is ahead, and by how much."""
        found = []
        for who in self.contestants[1:] if self.unit != "times" else ():
            ratios = [row.ratio(who, self.ours) for row in self.rows if {who, self.ours} <= row.seconds.keys()]
            if len(ratios) > 1:
                ahead = sum(ratio >= 1.0 for ratio in ratios)
                middle, least = digits(statistics.median(ratios)), digits(min(ratios))
                found.append(
                    f"*{who}*, {ahead} of {len(ratios)} ({middle} times as fast in the median, {least} at least)"
                )
        said = [f"*{self.ours}* is ahead of " + "; of ".join(found) + "."] if found else []
        return " ".join(said + ([f"Not installed in this run: {', '.join(self.absent)}."] if self.absent else []))


@dataclass
class Results:
    """All tables, and the runs that they come from, by their dates."""

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def table(self, name: str) -> Table:
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(f"no table {name!r} in the results; there are {', '.join(table.name for table in self.tables)}")

    def with_run(self, run: dict[str, Any], table: Table, order: Sequence[str]) -> Results:
        """Return the results with a table of a run in the place of an older one."""
        found = {old.name: old for old in self.tables} | {table.name: replace(table, run=run["date"])}
        kept = [found[name] for name in order if name in found]
        runs = self.runs | {run["date"]: run}
        return Results({date: runs[date] for date in sorted({table.run for table in kept})}, kept)

    def dumps(self) -> str:
        """Return JSON with a line for each row."""
        parts = [json.dumps({"runs": self.runs}, ensure_ascii=False, indent=1)[:-2] + ',\n "tables": [']
        for table in self.tables:
            found = asdict(table)
            rows = [json.dumps(row, ensure_ascii=False) for row in found.pop("rows")]
            head = json.dumps(found, ensure_ascii=False)[:-1]
            parts.append(
                f'  {head}, "rows": [\n   ' + ",\n   ".join(rows) + "]}" + ("," if table is not self.tables[-1] else "")
            )
        return "\n".join([*parts, " ]\n}\n"])

    @classmethod
    def read(cls, path: Path) -> Results:
        if not path.exists():
            return cls()
        found = json.loads(path.read_text(encoding="utf-8"))
        tables = [table_of(table) for table in found["tables"]]
        return cls(found["runs"], tables)


def table_of(found: dict[str, Any]) -> Table:
    """Return a table from what JSON has of it."""
    return Table(**found | {"rows": [Row(**row) for row in found["rows"]], "load": tuple(found["load"])})


def digits(number: float, count: int = 3) -> str:
    """Return a number with so many digits that count, and zeros up to its point."""
    number = float(f"{number:.{count}g}")
    places = count - 1 - math.floor(math.log10(number)) if number > 0.0 else 0
    return f"{number:,.{max(0, places)}f}"


def lined(cells: list[list[str]], words: int = 0) -> str:
    """Return a Markdown table, its numbers to the right; the first column and so many last ones are words."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [i == 0 or i >= len(widths) - words for i in range(len(widths))]
    columns = list(zip(widths, left, strict=True))
    lines = [
        "| " + " | ".join(f"{cell:{'<' if side else '>'}{width}}" for cell, (width, side) in zip(line, columns)) + " |"
        for line in cells
    ]
    rule = "|".join("-" * (width + 2) if side else "-" * (width + 1) + ":" for width, side in columns)
    return "\n".join([lines[0], f"|{rule}|", *lines[1:]])
