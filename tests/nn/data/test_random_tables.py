"""Random tables, written in every dialect: read as Python's csv module reads them, or refused in one clear line."""

import csv
import math

from hypothesis import assume, example, given
from hypothesis import strategies as st

from nn import MLP, save
from nn.data.columns import examples
from nn.data.csv_dialect import SEPARATORS, TableError
from nn.data.csv_reader import MISSING, SWAPPED, number_in, read_inputs, read_table, ungrouped
from nn.data.encoder import Encoder
from nn.training import storage
from tests.hypothesis_profiles import max_examples

WORDS = "a Ä it's 1,5 1;2 a|b #1 % =1+1 - . ? nan NULL N/A inf -inf 1e999 1e-320 007 +5 1_000 1,234 0x1F 12% True 12:30"
ODD = [*WORDS.split(), "'", '"', 'say "hi"', "a\tb", "two\nlines", "a\r\nb", "# a", "2020-01-31", "31.1.2000", "sep=;"]
ODD += ["1.234", "1.234,5", "2.5", "x" * 200, "\ufeff", "\u2028", "\u00a0", "\x0b", "\x0c", "\x1a", "😀"]
NAMES = st.sampled_from([*ODD, "b", "y", "x.1", "Unnamed: 0", "id", "x is missing"]) | st.text(min_size=1, max_size=5)
TEXTS = st.sampled_from(ODD) | st.text(max_size=6) | st.text('",;|\t\n #%ab01.e-', max_size=6)
NUMBERS = st.integers(-(10**20), 10**20).map(str) | st.floats().map(repr) | st.integers(-3, 3).map(str)


@st.composite
def tables(draw):
    """The names and the rows of a table."""
    known = {}
    for name in draw(st.lists(NAMES, min_size=2, max_size=5)):
        known.setdefault(cell_of(name), name)
    names = [name for text, name in known.items() if text and text[0] != "\ufeff"]
    assume(len(names) >= 2)
    kinds = [draw(st.sampled_from([NUMBERS, TEXTS, NUMBERS | st.just(""), TEXTS | NUMBERS])) for _ in names]
    rows = draw(st.lists(st.tuples(*kinds), min_size=1, max_size=6))
    return names, [list(row) for row in rows]


def dialects():
    """What a csv.writer needs to know; it quotes half of a line's end only where that is not the end by itself."""
    plain = st.just(("\r\n", csv.QUOTE_MINIMAL))
    ends = st.sampled_from(["\n", "\r\n", "\r"]).map(lambda end: (end, csv.QUOTE_ALL)) | plain
    separators = st.sampled_from([separator for separator in SEPARATORS if separator != " "])
    return st.builds(lambda by, end: {"delimiter": by, "lineterminator": end[0], "quoting": end[1]}, separators, ends)


PLAIN = {"delimiter": ",", "lineterminator": "\r\n", "quoting": csv.QUOTE_MINIMAL}


def name_of(text):
    """What a name is read as: without spaces around it, and with lines that end in one way."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def cell_of(text):
    """What a cell is read as: empty if it says that it is missing."""
    text = name_of(text)
    return "" if text.casefold() in MISSING else text


def written(path, names, rows, dialect, encoding):
    with path.open("w", encoding=encoding, newline="", errors="surrogatepass") as file:
        csv.writer(file, **dialect).writerows([names, *rows])
    return path


@max_examples(40)
@given(tables(), dialects(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example((["#1", "a"], [["0", "0"]]), PLAIN, "utf-8")
@example((["%", "b", "0"], [["2.5", "0", "-"], ["1", "1", "-"]]), PLAIN, "utf-8")
def test_table_is_read_as_python_reads_it_or_refused_in_one_line(tmp_path_factory, table, dialect, encoding):
    names, rows = table
    path = tmp_path_factory.getbasetemp() / "random.csv"
    try:
        written(path, names, rows, dialect, encoding)
    except UnicodeError:
        return
    with path.open(encoding=encoding, newline="") as file:
        again = [[cell_of(cell) for cell in row] for row in csv.reader(file, delimiter=dialect["delimiter"])]
    try:
        found = read_table(path, list(map(name_of, names)))
    except TableError as error:
        assert len(str(error).splitlines()) == 1
        return
    kept = [row for row in again[1:] if any(row)]
    wanted = {name_of(name): list(column) for name, column in zip(names, zip(*kept, strict=True), strict=True)}
    assert list(found.columns) == list(wanted)
    for name, column in wanted.items():
        for cell, text in zip(found.columns[name], column, strict=True):
            with_point = ungrouped(text).translate(SWAPPED)  # of a decimal comma
            assert cell == text or (cell == with_point and not math.isnan(number_in(cell)))


@max_examples(30)
@given(tables(), dialects(), st.booleans())
def test_model_of_a_random_table_answers_for_it_as_its_encoder_did(tmp_path_factory, table, dialect, classes):
    names, rows = table
    assume(name_of(names[0])[0] not in "#%")  # a first line of comment or of names, which another `wanted` may tell
    folder = tmp_path_factory.getbasetemp()
    try:
        path = written(folder / "random.csv", names, rows, dialect, "utf-8")
        target = name_of(names[-1])
        found = examples(read_table(path, [target]), target, classes=classes)
    except UnicodeError:
        return
    except TableError as error:
        assert len(str(error).splitlines()) == 1
        return
    data = found.data
    encoder = Encoder.fit(data, target, found.commas)
    X = encoder.inputs(data.X)
    assert all(math.isfinite(x) for row in X for x in row)
    assert {len(row) for row in X} == {len(encoder.names)}
    model = MLP(len(encoder.names), [max(2, len(data.classes)) if data.classes else 1])
    save(model, folder / "m.json", {"encoder": encoder.to_json()})
    again = Encoder.of_saved(storage.read(folder / "m.json"))
    assert again == encoder
    if "" not in read_table(path, [target], blank_rows=True).columns[target]:  # a row without one is not trained on
        assert again.inputs(read_inputs(path, again.features, commas=again.commas)) == X
        for row, x in zip(rows, X, strict=True) if len(rows) == len(X) else []:  # a row means alone what it means here
            written(path, names, [row], dialect, "utf-8")
            assert again.inputs(read_inputs(path, again.features, commas=again.commas)) == [x], row
