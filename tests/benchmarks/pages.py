"""Tables and figures of README and docs, from docs/benchmarks.json: `python -m tests.benchmarks --write`.

What stands between a mark and the next `<!-- end -->` is written; a mark is an HTML comment:

- `<!-- table NAME | rows A; B | columns C; D -->`, the table, or these of its rows and columns;
- `<!-- summary NAME -->`, in how many rows ours is ahead;
- `<!-- figure NAME | ROW | CONTESTANT -->`, the time, in the table's unit; with two contestants and a colon between
  them, how many times as long the first takes; with the name of a fact, the fact; with `memory of` before it, the peak;
- `<!-- run NAME -->`, what the table was measured on, and at which load.
"""

from __future__ import annotations

import re
from pathlib import Path

from autograd.files import write_atomically
from tests.benchmarks.bars import picture
from tests.benchmarks.machine import ROOT, told
from tests.benchmarks.results import Results, Table, digits

STORED = ROOT / "docs" / "benchmarks.json"
PICTURES = ROOT / "docs" / "benchmarks"
MARK = re.compile(r"(<!-- (table|summary|figure|run) ([^>]*?) -->)(\n?)(.*?)(<!-- end -->)", re.S)


def pages() -> list[Path]:
    """Return the pages with marks."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in found if MARK.search(page.read_text(encoding="utf-8"))]


def written(page: str, results: Results) -> str:
    """Return a page with its tables and figures as the results have them."""

    def text(mark: re.Match[str]) -> str:
        name, *parts = [part.strip() for part in mark[3].split("|")]
        table = results.table(name)
        if mark[2] == "table":
            chosen = {part.split()[0]: [s.strip() for s in part.split(None, 1)[1].split(";")] for part in parts}
            made = table.markdown(**chosen)
        elif mark[2] == "summary":
            made = table.summary()
        elif mark[2] == "run":
            load = "{:.1f} before and {:.1f} after".format(*table.load)
            made = f"{told(results.runs[table.run])}; load {load}"
        else:
            made = figure(table, *parts)
        return f"{mark[1]}{mark[4]}{made}{mark[4]}{mark[6]}"

    return MARK.sub(text, page)


def figure(table: Table, name: str, what: str) -> str:
    """Return a figure of a row, as prose has it."""
    for row in table.rows:
        if row.name == name:
            break
    else:
        raise KeyError(f"{table.name} has no row {name!r}")
    who, _, other = (part.strip() for part in what.partition(" : "))
    if what in row.facts:
        fact = row.facts[what]
        return fact if isinstance(fact, str) else f"{fact:,}"
    if other:
        return digits(row.ratio(who, other))
    if who.startswith("memory of "):
        return table.peak(row, who.removeprefix("memory of "))
    return digits(table.number(row, who)) + ("" if table.unit == "times" else f" {table.unit.split()[0]}")


def write() -> None:
    """Write all pages and pictures."""
    results = Results.read(STORED)
    for page in pages():
        write_atomically(page, written(page.read_text(encoding="utf-8"), results).encode())
    PICTURES.mkdir(exist_ok=True)
    for table in results.tables:
        write_atomically(PICTURES / f"{table.name}.svg", picture(table).encode())
