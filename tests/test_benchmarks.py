"""Benchmarks: pages and pictures say what was measured, and every benchmark runs. Nothing is timed here."""

import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import partial
from itertools import groupby

import pytest

from tests.benchmarks import pages
from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.bars import picture
from tests.benchmarks.benchmark import ANCHORS, Entry, Problem, begun, check, memory, settled, turns
from tests.benchmarks.machine import ROOT
from tests.benchmarks.results import Results, Row, Table, digits
from tests.environment import unmeasured

STORED = Results.read(pages.STORED)
UPDATE = "run: python -m tests.benchmarks --write"


def test_tables_and_figures_of_a_page_are_those_that_were_measured():
    for page in pages.pages():
        text = page.read_text(encoding="utf-8")
        assert pages.written(text, STORED) == text, UPDATE
        assert not re.search(r"^ *<!-- (figure|range)", text, re.MULTILINE), (
            "a comment ends the paragraph, at a line's start"
        )
        assert text.count("<!-- table ") == len([m for m in pages.MARK.finditer(text) if m[2] == "table"])


def test_picture_of_a_table_is_of_what_was_measured():
    for table in STORED.tables:
        svg = (pages.PICTURES / f"{table.name}.svg").read_text(encoding="utf-8")
        assert svg == picture(table), UPDATE
        bars = list(ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect"))
        assert len(bars) >= sum(len(row.seconds) for row in table.rows)


def test_every_benchmark_was_measured_and_is_on_a_page():
    assert [table.name for table in STORED.tables] == list(BENCHMARKS)
    shown = {m[3].split("|")[0].strip() for p in pages.pages() for m in pages.MARK.finditer(p.read_text("utf-8"))}
    assert set(BENCHMARKS) <= shown
    assert {path.stem for path in pages.PICTURES.iterdir()} == set(BENCHMARKS)


def test_results_say_what_they_were_measured_on():
    for table in STORED.tables:
        run = STORED.runs[table.run]
        assert all(run[what] for what in ("date", "commit", "python", "processor", "rounds"))
        assert not set(table.absent) & run["versions"].keys()
        assert all(row.seconds.keys() <= set(table.contestants) for row in table.rows)
        assert {row.name for row in table.rows} <= BENCHMARKS[table.name][1].problems.keys()
        assert len(table.load) == 2


@pytest.mark.whole
def test_every_benchmark_runs(tmp_path):
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--out", str(tmp_path)]
    utf8 = unmeasured() | {"PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=ROOT, env=utf8, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    found = Results.read(tmp_path / "benchmarks.json")
    assert [table.name for table in found.tables] == list(BENCHMARKS)
    installed = set(next(iter(found.runs.values()))["versions"])
    for table in found.tables:
        assert list(table.rows[0].seconds) == table.contestants
        assert table.title in done.stdout
        assert (tmp_path / "benchmarks" / f"{table.name}.svg").exists()
        assert set(table.absent) <= set(ANCHORS.values()) - installed
        assert all(name in table.summary() for name in table.absent)
    with pytest.raises(SystemExit) as again:
        main(["--quick", "--out", str(tmp_path)])
    assert again.value.code == 2  # a smoke run takes nobody's place


def test_what_is_asked_for_and_not_there_is_told(capsys):
    for arguments, message in (
        (["moon"], "the groups and tables are eager, .*got 'moon'"),
        (["--rounds", "0"], "a number from 1, got 0"),
        (["--only", "("], r"'\(' is no regular expression: missing \)"),
    ):
        with pytest.raises(SystemExit):
            main(arguments)
        assert re.search(message, " ".join(capsys.readouterr().err.split()))


ROWS = [
    Row("wide", {"nodes": 1_000, "on": "NumPy"}, {"ours": [2e-6, 4e-6, 3e-6], "theirs": [1e-6, 8e-6, 6e-6]}),
    Row("deep", {"nodes": 500, "on": "LLVM"}, {"ours": [1e-6, 1e-6, 1e-6], "theirs": [5e-7, 5e-7, 4e-7]}),
]
TABLE = Table("t", "g", "A table", "ns a node", ["nodes"], ["ours", "theirs"], ["jax"], ROWS)


def lines(table, *options, **more):
    return [line.replace(" ", "") for line in table.markdown(*options, **more).splitlines()]


def test_who_is_faster_is_bold_by_the_median_of_the_rounds():
    assert lines(TABLE)[0] == "|innsanode|nodes|ours|theirs|on|"
    assert lines(TABLE)[2:] == ["|wide|1,000|3.00|6.00|NumPy|", "|deep|500|2.00|**1.00**|LLVM|"]
    assert picture(TABLE).count(" ◂<") == 1
    assert "1 of 2 (1.25 times as fast in the median, 0.500 at least)" in TABLE.summary()
    assert TABLE.summary().endswith("Not installed in this run: jax.")


def test_fact_that_the_names_of_the_rows_say_has_no_column():
    named = replace(TABLE, rows=[replace(row, name=f"{row.facts['nodes']:,}") for row in ROWS])
    assert lines(named)[0] == "|innsanode|ours|theirs|on|"


def test_contestants_are_the_rows_of_one_problem():
    one = replace(TABLE, rows=[replace(ROWS[1], peaks={"ours": 500, "theirs": 1_000})])
    header, _, *rest = lines(one)
    assert header == "||nsanode|timesours|bytesanode|"
    assert rest == ["|theirs|**1.00**|0.500|2.00|", "|ours|2.00|1.00|1.00|"]
    assert lines(replace(one, per=[], unit="ms"))[0] == "||ms|timesours|MB|"


def test_rows_and_columns_are_chosen_and_what_is_not_there_is_told():
    assert lines(TABLE, rows=["deep"], columns=["theirs"])[2:] == ["|deep|**1.00**|"]
    with pytest.raises(ValueError, match="t has no row or column 'depp'"):
        TABLE.markdown(rows=["depp"])
    with pytest.raises(KeyError, match="t has no row 'depp'"):
        pages.figure(TABLE, "depp", "ours")
    with pytest.raises(KeyError, match="no table 'u' in the results; there are t"):
        pages.written("<!-- table u --><!-- end -->", Results({}, [TABLE]))


MARKS = {
    "figure t | wide | ours": "3.00 ns", "figure t | wide | nodes": "1,000", "figure t | deep | on": "LLVM",
    "figure t | wide | theirs : ours": "2.00", "range t | theirs : ours": "0.50 to 2.0", "summary t": TABLE.summary(),
}  # fmt: skip


def test_marks_are_filled_in_and_others_are_left():
    for mark, written in MARKS.items():
        page = f"A <!-- {mark} -->old<!-- end --> b <!-- functions -->`f`<!-- end -->"
        expected = f"A <!-- {mark} -->{written}<!-- end --> b <!-- functions -->`f`<!-- end -->"
        assert pages.written(page, Results({}, [TABLE])) == expected
        assert pages.written(expected, Results({}, [TABLE])) == expected


def test_numbers_have_three_digits():
    numbers = {0.03517: "0.0352", 1.0: "1.00", 0.99999: "1.00", 47.25: "47.2", 24512.4: "24,500", 0.0: "0"}
    assert [digits(number) for number in numbers] == list(numbers.values())


def test_results_are_read_as_they_were_written_and_a_run_takes_the_place_of_its_own_tables(tmp_path):
    first, second = {"date": "2026-01-01"}, {"date": "2026-01-02"}
    results = Results().with_run(first, TABLE, ["t", "u"]).with_run(first, replace(TABLE, name="u"), ["t", "u"])
    (tmp_path / "benchmarks.json").write_text(results.dumps(), encoding="utf-8")
    assert Results.read(tmp_path / "benchmarks.json") == results
    assert json.loads(results.dumps())["tables"][0]["rows"][0]["facts"] == {"nodes": 1_000, "on": "NumPy"}
    later = results.with_run(second, TABLE, ["t", "u"])
    assert [(table.name, table.run) for table in later.tables] == [("t", "2026-01-02"), ("u", "2026-01-01")]
    assert list(later.with_run(second, replace(TABLE, name="u"), ["t", "u"]).runs) == ["2026-01-02"]


def test_who_differs_is_not_measured():
    right, wrong = Entry(int, (2.0, [1.0, -4.0])), Entry(int, (2.0, [1.0, -4.001]))
    check("a problem", {"a": right, "b": right, "c": Entry(int)}, 1e-9)
    with pytest.raises(ArithmeticError, match=r"a problem: b differs from a by 2\.5e-04, more than 1e-09"):
        check("a problem", {"a": right, "b": wrong}, 1e-9)
    with pytest.raises(ArithmeticError, match="b differs from a by nan"):
        check("a problem", {"a": right, "b": Entry(int, (math.nan, [1.0, -4.0]))}, 1e-9)


def test_who_is_not_installed_is_named_and_a_module_of_ours_must_be_there():
    def lacks(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    absent = set()
    assert list(begun(Problem({"a": lambda: Entry(int), "b": partial(lacks, "ddx")}, {}), absent)) == ["a"]
    assert absent == {"ddx-ad"}
    with pytest.raises(ModuleNotFoundError, match=r"autograd\.lost"):
        begun(Problem({"a": partial(lacks, "autograd.lost")}, {}), absent)


def test_all_take_turns():
    calls = []
    times = turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, least=1e-9)
    assert [who for who, _ in groupby(calls)] == [*"ab" * 4]  # the first call is no round
    assert {who: len(seconds) for who, seconds in times.items()} == {"a": 3, "b": 3}


def test_memory_is_what_is_kept_and_what_is_held_at_most():
    kept, peak = memory(lambda: bytes(len(bytes(300_000)) // 3))
    assert 100_000 <= kept < 101_000
    assert 300_000 <= peak < 500_000


class Staged:
    """A compiled function whose program has another stage, that is worth it or not."""

    def __init__(self, cost):
        self.program, self.cost, self.left, self.calls = self, cost, 5.0, 0

    def __call__(self):
        self.calls += 1
        self.left -= self.cost
        if self.left <= 0.0:
            self.left = math.inf


def test_what_is_compiled_settles_where_it_would_after_many_calls():
    for cost, left in ((1.0, math.inf), (0.0, 1e-9)):
        staged = Staged(cost)
        settled(staged, staged)
        assert (staged.left, staged.calls) == (left, 2)
