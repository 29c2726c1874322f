"""Tables and figures of README and docs, from docs/benchmarks.json: `python -m tests.benchmarks --write`.

What stands between a mark and the next `<!-- end -->` is written; a mark is an HTML comment:

- `<!-- table NAME | rows A; B | columns C; D -->`, the table, or these of its rows and columns;
- `<!-- summary NAME -->`, in how many rows ours is ahead;
- `<!-- figure NAME | ROW | CONTESTANT -->`, the time, in the table's unit; with two contestants and a colon between
  them, how many times as long the first takes; with the name of a fact, the fact; with `memory of` before it, the peak;
- `<!-- range NAME | CONTESTANT : CONTESTANT -->`, the least and the most of these ratios in the table;
- `<!-- runs -->`, what all of them were measured on, and at which load.
"""

import re
from pathlib import Path

from autograd.files import write_atomically
from tests.benchmarks.bars import picture
from tests.benchmarks.machine import ROOT, told
from tests.benchmarks.results import Results, Table, digits

STORED = ROOT / "docs" / "benchmarks.json"
PICTURES = ROOT / "docs" / "benchmarks"
MARK = re.compile(r"(<!-- (table|summary|figure|range|runs)([^>]*?) -->)(\n?)(.*?)(\n?<!-- end -->)", re.S)


def pages() -> list[Path]:
    """Return the pages with marks."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in found if MARK.search(page.read_text(encoding="utf-8"))]


def written(page: str, results: Results) -> str:
    """Return a page with its tables and figures as the results have them."""

    def text(mark: re.Match[str]) -> str:
        name, *parts = [part.strip() for part in mark[3].split("|")]
        if mark[2] == "runs":
            made = runs(results)
        elif mark[2] == "table":
            chosen = {part.split()[0]: [s.strip() for s in part.split(None, 1)[1].split(";")] for part in parts}
            made = results.table(name).markdown(**chosen)
        elif mark[2] == "summary":
            made = results.table(name).summary()
        elif mark[2] == "range":
            who, other = parts[0].split(" : ")
            ratios = [row.ratio(who, other) for row in results.table(name).rows if {who, other} <= row.seconds.keys()]
            made = f"{digits(min(ratios), 2)} to {digits(max(ratios), 2)}"
        else:
            made = figure(results.table(name), *parts)
        return f"{mark[1]}{mark[4]}{made}{mark[6]}"

    return MARK.sub(text, page)


def figure(table: Table, name: str, what: str) -> str:
    """Return a figure of a row, as prose has it."""
    [row] = [row for row in table.rows if row.name == name] or [None]
    if row is None:
        raise KeyError(f"{table.name} has no row {name!r}")
    who, _, other = what.partition(" : ")
    if what in row.facts:
        fact = row.facts[what]
        return fact if isinstance(fact, str) else f"{fact:,}"
    if other:
        return digits(row.ratio(who, other))
    if who.startswith("memory of "):
        return table.peak(row, who.removeprefix("memory of "))
    return digits(table.number(row, who)) + ("" if table.unit == "times" else f" {table.unit.split()[0]}")


def runs(results: Results) -> str:
    """Return what the tables were measured on, and the loads before and after each; equal machines are told once."""
    found: dict[str, list[Table]] = {}
    for table in results.tables:
        clock = "by the clock, all cores" if table.by_clock else "processor time, one thread"
        found.setdefault(f"{told(results.runs[table.run])}, {clock}", []).append(table)
    lines = []
    for machine, tables in found.items():
        commits = dict.fromkeys(results.runs[table.run]["commit"][:8] or "unknown" for table in tables)
        loads = [f"*{table.name}* {' to '.join(map(str, table.load))}" for table in tables]
        lines.append(f"- {machine}. Commit: {', '.join(commits)}. Load of the machine: {', '.join(loads)}.")
    return "\n".join(lines)


def write() -> None:
    """Write all pages and pictures."""
    results = Results.read(STORED)
    for page in pages():
        write_atomically(page, written(page.read_text(encoding="utf-8"), results).encode())
    PICTURES.mkdir(exist_ok=True)
    for table in results.tables:
        write_atomically(PICTURES / f"{table.name}.svg", picture(table).encode())
