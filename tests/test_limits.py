"""Limits: what is shown whole up to a length and cut beyond, and what is taken up to a size and refused beyond."""

import pytest

from autograd import Value, rules
from autograd.checks import anomaly
from autograd.functions import flatten, newton
from nn import MLP, datasets, mse, playground, read_csv, save
from nn.__main__ import _columns
from nn.app import presets
from nn.data import columns, csv_dialect, csv_reader
from nn.page import _page_programs
from nn.plots import figures
from nn.sweeping import sweep_table
from nn.training import storage


def message_of(f, argument):
    with pytest.raises(TypeError) as raised:
        f(argument)
    return str(raised.value)


def summary(count):
    return columns.TableExamples(datasets.xor(), "y", [(f"c{i}", "a category") for i in range(count)]).summary("t")


# By what is shown: how long it may be, what is written of so much, and what stands where it is cut.
SHOWN = {
    "a finding": (60, lambda n: message_of(Value, "a" * (n - 2)), "...;"),
    "a finding in a structure": (60, lambda n: message_of(flatten, ["a" * (n - 2)]), "..."),
    "numbers of a solver": (100, lambda n: newton.briefly([10.0 ** (n - 100), *[1.0] * 19]), "..."),
    "a name": (50, lambda n: csv_reader.shown("a" * (n - 2)), "..."),
    "a name in a figure": (30, lambda n: figures.verbatim("a" * n, 30), "…"),
    "a cell of a sweep": (sweep_table.WIDEST, lambda n: sweep_table._cell("a" * n), "..."),
    "parts of one kind": (4, lambda n: str(flatten([1.0] * n)[1]), " x "),
    "operands": (anomaly.SHOWN, lambda n: anomaly._operands(rules.fsum, [Value(1.0)] * n), " among "),
    "names": (12, lambda n: csv_reader.listed_names(f"c{i}" for i in range(n)), " more"),
    "columns to give": (6, lambda n: _columns([f"c{i}" for i in range(n)]), " to "),
    "columns of a table": (columns.MOST_LINES, summary, " more columns"),
}


@pytest.mark.parametrize("what", SHOWN)
def test_what_is_long_is_cut_and_what_is_as_long_as_it_may_be_is_not(what):
    longest, show, mark = SHOWN[what]
    whole, cut = show(longest), show(longest + 1)
    assert (mark in whole, mark in cut) == (False, True)
    if mark in ("...", "...;", "…"):
        assert len(cut) == len(whole)


def saved(folder):
    path = folder / "model.json"
    if not path.exists():
        save(MLP(2, [3, 1]), path)
    return path


def table(folder):
    (folder / "t.csv").write_text("x,y\n" + "1,2\n2,4\n3,5\n" * 20, encoding="utf-8")
    return folder / "t.csv"


DATA = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 2.0, 3.0]


def values_of_model(folder):
    return sum(map(saved(folder).read_text(encoding="utf-8").count, ",[{"))


# By what is refused: where its limit stands, how much there is of it, what is done with it, and what the error says.
REFUSED = {
    "numbers on a page": (_page_programs, "MOST_NUMBERS", lambda folder: 9,
        lambda folder: playground(MLP(2, [1]), *DATA, loss=mse), "these examples are 9 numbers"),
    "parameters": (presets, "MOST_PARAMETERS", lambda folder: 27,
        lambda folder: presets.Task(presets.JOBS["iris"], 0).model([3], 0), "4 -> 3 -> 3 has 27 parameters"),
    "bytes of a table": (csv_dialect, "LARGEST_FILE", lambda folder: table(folder).stat().st_size,
        lambda folder: read_csv(table(folder), "y"), "is larger than"),
    "bytes of a model": (storage, "LIMIT", lambda folder: saved(folder).stat().st_size,
        lambda folder: storage.read(saved(folder)), "it is longer than"),
    "values of a model": (storage, "VALUES", values_of_model,
        lambda folder: storage.read(saved(folder)), "commas and opening brackets"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_as_large_as_it_may_be_is_taken_and_what_is_larger_is_not(what, tmp_path, monkeypatch):
    module, limit, count, use, message = REFUSED[what]
    monkeypatch.setattr(module, limit, count(tmp_path))
    use(tmp_path)
    monkeypatch.setattr(module, limit, count(tmp_path) - 1)
    with pytest.raises(ValueError, match=message):
        use(tmp_path)


def test_integer_of_300_digits_is_read_and_a_longer_one_is_refused():
    assert storage._integer("1" * 300) == int("1" * 300)
    with pytest.raises(ValueError, match="is beyond the range of floats"):
        storage._integer("1" * 301)
