"""CSV files: how they are read, what becomes of each column, and the line that says what is wrong with a file."""

import bz2
import csv
import gzip
import io
import itertools
import lzma
import math
import os
import re
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.rules import with_article
from nn import MLP, datasets, load, read_csv, save
from nn.data import csv_reader
from nn.data.columns import DATE, LARGEST_CELL, MOST_CATEGORIES, examples
from nn.data.csv_dialect import SEPARATORS, TableError, decoded
from nn.data.csv_reader import MISSING, complaint, number_in, read_inputs, read_table
from nn.data.datasets import Dataset, Standardization
from nn.data.encoder import Column, Encoder
from nn.training import storage
from tests.errors import error_of
from tests.hypothesis_profiles import max_examples
from tests.nn.training.small import Line

SETTINGS = max_examples(200)

PETS = "weight,kind,height\n4.5,cat,25\n30,dog,60\n5,cat,24\n"


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table, text or bytes, and returns its path."""

    def write(contents, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode("utf-8"))
        return path

    return write


@pytest.fixture
def read(table):
    """Return a function that reads a table of these contents."""
    return lambda contents, target="y", **options: read_csv(table(contents), target, **options)


def lines_of(path, target, **options):
    """Return what the summary says of each column."""
    return dict(examples(read_table(path, [target]), target, **options).lines)


def trouble(path, target="y", **options):
    """Return what is wrong with a table."""
    message = error_of(read_csv, path, target, **options)
    assert "\n" not in message
    return message


# What is read


def test_texts_are_classes_in_alphabetical_order_and_numbers_a_regression(read):
    features, classes = ["weight", "height"], ["cat", "dog"]
    assert read(PETS, "kind") == Dataset([[4.5, 25.0], [30.0, 60.0], [5.0, 24.0]], [0, 1, 0], features, classes)
    assert read("weight,kind,height\n30,dog,60\n4.5,cat,25\n", "kind").classes == classes
    assert read("a,b,y\n1,2,0.5\n3,4,-1e3\n") == Dataset([[1.0, 2.0], [3.0, 4.0]], [0.5, -1000.0], ["a", "b"], [])


@pytest.mark.parametrize("pair", ["A a", "TRUE true", "New_York new__york", "a_b ab", "STRASSE straße"])
def test_classes_and_categories_that_differ_only_in_case_or_spaces_are_named(pair, table):
    first, second = sorted(text.replace("_", " ") for text in pair.split())
    texts = enumerate([first, second, "", "other"] * 3)
    path = table("x,c,y\n" + "".join(f"{i / 7},{text},{i}\n" for i, text in texts))
    note = f"column 'c': {first!r} and {second!r} differ only in case or spaces, but count as two"
    for target in ("c", "y"):
        notes = examples(read_table(path, [target]), target).notes
        assert [found for found in notes if "differ" in found] == [note]
    assert not any("differ" in found for found in examples(read_table(path), "y", drop=["c"]).notes)


FEW = [  # values of a target, the classes they are taken for, and what is said of that
    ([0, 1] * 4, ["0", "1"], "taken for classes, since it is 0 or 1 (--numbers takes it for a number)"),
    ([1.0, 2.0, 2.0], ["1", "2"], "taken for classes, since it is 1 or 2"),
    ([-1, 1] * 4, ["-1", "1"], "taken for classes, since it is -1 or 1"),
    ([0, 1, 2] * 5, ["0", "1", "2"], "taken for classes, since it is a whole number from 0 to 2"),
    ([*range(1, 11)] * 5, [str(k) for k in range(1, 11)], "since it is a whole number from 1 to 10"),
    ([4, 6, 8] * 5, [], "a regression; it has 3 values only (--classes takes them for classes)"),
    ([0, 1, 2, 3], [], "a regression"),
    ([0, 1, 2] * 2, [], "it has 3 values only (--classes"),
    (([0, 1, 2] * 5)[:14], [], "it has 3 values only (--classes"),
    ([1, 2, 3] * 5, ["1", "2", "3"], "taken for classes, since it is a whole number from 1 to 3"),
    ([5, 9, 9], ["5", "9"], "taken for classes, since it is 5 or 9"),
    ([0.5, 1.5] * 4, [], "a regression"),
    ([*range(11)] * 5, [], "a regression"),
]


def test_few_whole_numbers_are_taken_for_classes_or_not_and_that_is_said(table):
    for values, classes, said in FEW:
        path = table("a,y\n" + "".join(f"{i * i},{y}\n" for i, y in enumerate(values)))
        data = read_csv(path, "y")
        assert data.classes == classes
        assert said in lines_of(path, "y")["y"]
        assert read_csv(path, "y", classes=False).y == [float(y) for y in values]
        asked = read_csv(path, "y", classes=True)
        assert len(asked.classes) == len(set(values))
        assert [float(asked.classes[k]) for k in asked.y] == [float(y) for y in values]
        for choice in (True, False):
            assert "--" not in lines_of(path, "y", classes=choice)["y"]


def test_classes_that_are_called_by_numbers_are_in_their_order_and_known_ones_in_theirs(read, table):
    data = read("a,y\n1,1\n2,0\n3,10\n4,9.0\n5,9\n", classes=True)
    assert (data.y, data.classes) == ([1, 0, 3, 2, 2], ["0", "1", "9", "10"])
    assert read(PETS, "kind", classes=["dog", "bird", "cat"]).y == [2, 0, 2]
    data = read("weight,kind\n4,cat\n5,cat\n", "kind", classes=["cat", "dog"])
    assert (data.y, data.classes) == ([0, 0], ["cat", "dog"])
    message = trouble(table(PETS), "kind", classes=["cat", "bird"])
    assert "column 'kind', row 2: 'dog' is none of the classes 'cat', 'bird'" in message


CLASS_FORMS = [  # cells of a target, names that are asked for, and the error of another cell
    (
        ["1.0", "2.0", "3.0"],
        [["1.0", "2.0", "3.0"], ["1", "2", "3"], ["01", "2.00", "3e0"], ["1.0 ", "2", " 3"]],
        "4.0",
    ),
    (["1", "2.00", "3.0"], [["1.0", "2.0", "3.0"], ["1", "2.00", "3.0"]], "04"),
    (["1,5", "2", "3,25"], [["1,5", "2", "3,25"], ["1.5", "2.0", "3.25"], ["1,50", "2,0", "3,25"]], "4,50"),
    (["a", "b b", "c"], [["a", "b b", "c"], [" a", "b b ", "c"]], "d"),
]


def test_classes_that_are_asked_for_are_those_of_the_file_however_their_numbers_are_written(table):
    for cells, forms, other in CLASS_FORMS:
        write = lambda cells: table("x;y\n" + "".join(f"{i};{cell}\n" for i, cell in enumerate(cells)))
        for names in forms:
            data = read_csv(write(cells), "y", classes=names)
            assert (data.y, data.classes) == ([0, 1, 2], names)
            assert "names each class once, got" in trouble(write(cells), classes=[*names, forms[1][2]])
            data = read_csv(write(cells[::-1]), "y", classes=[*names, "another"])
            assert (data.y, len(data.classes)) == ([2, 1, 0], 4)
            message = trouble(write([*cells, other]), classes=names)  # names cells as they stand there
            assert f"row 4: '{other}' is none of the classes {', '.join(map(repr, names))}" in message


LONG = ["9007199254740992", "9007199254740993", "9007199254740994", "0.1000000000000000055", "0.1", "1e-400", "0", "5"]


def test_classes_are_told_apart_by_all_digits_of_their_numbers(table):
    for cells in [*itertools.permutations(LONG[:4], 3), LONG]:
        path = table("a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells * 2)))
        data = read_csv(path, "y", classes=True)
        assert data.classes == sorted(cells, key=Fraction)
        assert [data.classes[k] for k in data.y] == [*cells * 2]
        assert read_csv(path, "y", classes=cells).y == [*range(len(cells))] * 2
    two = table(f"a,y\n1,{LONG[1]}\n2,{LONG[0]}\n3,{LONG[1]}.0\n")
    assert read_csv(two, "y").y == [1, 0, 1]
    assert f"since it is {LONG[0]} or {LONG[1]}" in lines_of(two, "y")["y"]
    names = [f"class {k:02}" for k in range(25)]  # many, which occur again
    data = read_csv(table("a,y\n" + "".join(f"{i},{name}\n" for i, name in enumerate(names * 2))), "y")
    assert (data.classes, data.y) == (names, [*range(25)] * 2)
    odd = ["1e-9999999999999999999", "inf", "1e999", "0x10"]  # no numbers that could be told apart, or none at all
    data = read_csv(table("a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(odd))), "y", classes=True)
    assert data.classes == [odd[0], "0x10", "1e999", "inf"]


@pytest.mark.sample(4)
@pytest.mark.parametrize(("classes", "named"), [("+-", None), (["none", "some"], True), (["NA", "some"], True)])
@pytest.mark.parametrize("missing", ["", "-", "NA", "?"])
@pytest.mark.parametrize("features", [1, 3])
def test_rows_without_features_stay_where_their_class_is_called_like_what_is_missing(
    classes, named, missing, features, table
):
    cells = [["2", missing, "5", missing, missing, "3"][i % 6] for i in range(24)]
    targets = [classes[i // 2 % 2] for i in range(24)]
    names = ",".join(f"x{k}" for k in range(features))
    rows = [",".join([cell] * features + [y]) for cell, y in zip(cells, targets, strict=True)]
    data = read_csv(table("\n".join([f"{names},y", *rows])), "y", **({"classes": classes} if named else {}))
    assert [data.classes[y] for y in data.y] == targets
    assert [x[-1] for x in data.X] == [float(cell == missing) for cell in cells]


def test_features_may_be_chosen_in_any_order_or_some_left_out(read, table):
    contents = "name,a,b,y\nx,1,2,0.5\n?,3,4,1.5\n"
    assert read(contents, features=["b", "a"])[::2] == ([[2.0, 1.0], [4.0, 3.0]], ["b", "a"])
    assert read(contents, drop=["name", "a"])[::2] == ([[2.0], [4.0]], ["b"])
    assert lines_of(table(contents), "y", drop=["a"])["a"] == "left out: as asked for"
    assert read("id,a,y\n1,1,p\n2,2,q\n", features=["id"]).X == [[1.0], [2.0]]
    spaced = "a , b,  y\n1,2,p\n3,4,q\n"  # spaces around names are no part of them
    for target in ("y", " y", "  y "):
        assert read(spaced, target, features=["b ", "a"])[::2] == ([[2.0, 1.0], [4.0, 3.0]], ["b", "a"])
        assert read(spaced, target, drop=[" b"]).features == ["a"]
        assert read(spaced, target).features == ["a", "b"]
    assert "columns other than the target 'y'" in trouble(table(spaced), features=["a", "y "])


CELLS = [["a", "b", "y"], ["1", "2", "p"], ["3", "4", "q"]]


def written(separator=",", end="\n", quoted=False, before="", after=""):
    stream = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(stream, delimiter=separator, lineterminator=end, quoting=quoting).writerows(CELLS)
    return before + stream.getvalue() + after


BEFORE = ["", "\n \n", "# made by hand\n#\n", "sep={}\n", "# made in May\nsep={}\n", "\ufeff", '# it\'s, "so"; x\n\n']
WAYS = list(itertools.product(BEFORE, ["\n", "\r\n", "\r"], [False, True], SEPARATORS))
ODDITIES = [  # spaces, no end, blanks, quotes, something trailing, a remark, as of savetxt, empty rows, aligned columns
    "a, b, y\n1, 2, p\n3 ,4 ,q \n",
    "a,b,y\n1,2,p\n3,4,q",
    "a,b,y\n\n1,2,p\n   \n3,4,q\n\n\n",
    'a,b,y\n 1, 2, "p"\n3, 4, "q"\n',
    "a,b,y,\n1,2,p,\n3,4,q,\n",
    "a,b,y\n1,2,p,\n3,4,q,\n",
    "a,b,y\n1,2,p\n# a remark\n3,4,q\n",
    "# a b y\n1 2 p\n3 4 q\n",
    "a,b,y\n1,2,p\n,,\n3,4,q\n?,NA,-\n",
    "  a   b\ty\n  1 2   p\n3     4 q  \n",
]
SAME = Dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1], ["a", "b"], ["p", "q"])


def test_table_is_the_same_however_it_is_written(table, whole):
    for before, end, quoted, separator in WAYS if whole else WAYS[::4]:
        text = written(separator, end, quoted, before.format(separator).replace("\n", end), after=end * 2)
        assert read_csv(table(text), "y") == SAME, text
    for text in ODDITIES:
        assert read_csv(table(text), "y") == SAME, text


def test_table_is_the_same_packed_and_encoded(table):
    packs, names = [bytes, gzip.compress, bz2.compress, lzma.compress], ["t.csv", "t.csv.gz", "t.data"]
    for pack, name, encoding in itertools.product(packs, names, ["utf-8", "utf-8-sig", "utf-16"]):
        data = read_csv(table(pack("größe,y\n1,種\n2,木\n".encode(encoding)), name), "y")
        assert data == Dataset([[1.0], [2.0]], [1, 0], ["größe"], ["木", "種"]), (pack, name, encoding)


def test_latin_1_is_read_with_a_hint_and_an_encoding_that_does_not_fit_is_an_error(table):
    path = table("größe,y\n1,Bär\n2,Kuh\n".encode("latin-1"))
    assert read_csv(path, "y").classes == ["Bär", "Kuh"]
    hint = "not UTF-8 (line 1), so read as Latin-1; if letters look wrong, pass its encoding (--encoding)"
    assert (read_table(path).notes, read_table(path, encoding="latin-1").notes) == ([hint], [])
    assert list(read_table(table("\ufeffa,y\n1,2\n", "bom.csv"), encoding="utf-8").columns) == ["a", "y"]
    assert read_csv(path, "y", encoding="cp437").features == ["gr÷▀e"]
    assert re.search("^TableError: .* is not utf-8: invalid .* in byte 2", trouble(path, encoding="utf-8"))
    assert re.search("^TableError: .*'klingon' is not an encoding", trouble(path, encoding="klingon"))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_line_that_is_not_utf8_is_told(mark, line):
    lines = [b"a;b", "ü".encode(), b"1"]
    lines[line - 1] += b"\xe4\x81"
    text, (note,) = decoded("t.csv", mark + b"\n".join(lines), None)
    assert f"not UTF-8 (line {line})" in note
    assert "ä" in text


def test_rows_of_other_lengths_and_rows_without_values_move_no_cell(read, table):
    assert read("a,y,b\n1,p,3\n2,q\n4,p,5\n").X == [[1.0, 3.0, 0.0], [2.0, 4.0, 1.0], [4.0, 5.0, 0.0]]
    columns = read_table(table("a,b,y\n1,2,no,\n3,4,yes\n5,6,no\n"), ["y"]).columns  # a separator at its end
    assert columns == {"a": ["1", "3", "5"], "b": ["2", "4", "6"], "y": ["no", "yes", "no"]}
    rows = read_inputs(table("a,b\n,\n1,2\n,\n3,4\n,\n,\n"), {"a": True, "b": True})
    assert rows == [["", ""], ["1", "2"], ["", ""], ["3", "4"]]  # but for those at the end
    for missing in sorted(MISSING - {""}):  # which are written, and so are rows wherever they stand
        for lines in (f"1\n{missing}\n2\n{missing}\n{missing}\n", f"{missing}\n"):
            count, path = lines.count("\n"), table(f"a\n{lines}\n\n")
            assert len(read_inputs(path, {"a": False})) == len(read_inputs(path, {"a": True})) == count, lines
            path = table("a,b\n" + "".join(f"{line},{line}\n" for line in lines.split()) + ",\n")
            assert len(read_inputs(path, {"a": False, "b": True})) == count, lines
    assert error_of(read_inputs, table("a,b\n,\n,\n"), {"a": False}).endswith("holds no examples below them")


def test_encoding_that_is_given_is_taken_whatever_bytes_it_has(table):
    wanted = Dataset([[1.0], [2.0]], [0, 1], ["größe"], ["Bär", "Kuh"])
    for name in ("utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be", "utf-32", "utf-8", "latin-1", "cp037"):
        for pack, mark in itertools.product([bytes, gzip.compress], ["", "\ufeff"] if "-le" in name else [""]):
            path = table(pack((mark + "größe,y\n1,Bär\n2,Kuh\n").encode(name)))
            assert read_csv(path, "y", encoding=name) == wanted, name
            assert read_inputs(path, {"größe": False}, name) == [[1.0], [2.0]]
    path = table("a,y\n1,2\n".encode("utf-16-le"))
    assert "it holds bytes of 0; save the table as CSV in UTF-8, or pass its encoding (--encoding)" in trouble(path)
    assert "it holds characters of code 0" in trouble(path, encoding="utf-8")


def test_file_larger_than_memory_is_refused(table, monkeypatch):
    monkeypatch.setattr("nn.data.csv_dialect.LARGEST_FILE", 1 << 20)
    for pack in (bytes, gzip.compress):
        message = trouble(table(pack(b"a,y\n" + b"1,2\n" * 400_000)))
        assert "is larger than 1 MiB; take a part of its rows" in message


def test_decimal_commas_and_thousands_are_read(read):
    for separator in (";", "\t", "|"):
        contents = "a;b;y\n1,5;-2;p\n2;,5;q\n?;1,5e3;p\n".replace(";", separator)
        assert read(contents).X == [[1.5, 0.0, -2.0], [2.0, 0.0, 0.5], [1.75, 1.0, 1500.0]], separator
    assert read('a,y\n"1,234.5",p\n"-12,345,678",q\n7,p\n').X == [[1234.5], [-12345678.0], [7.0]]
    assert read('a,y\n"1,123",p\n"123,456",q\n').X == [[1123.0], [123456.0]]


GAPS = " '\u2019\xa0\u2007\u2009\u202f"
IN_COLUMNS = [  # cells of a column, a cell of each other one, and what the first ones are; / is between cells of one
    (["17,811", "74,806", "476"], "1", [17811.0, 74806.0, 476.0]),
    (["1,234", "5,678", "1,234,567"], "1", [1234.0, 5678.0, 1234567.0]),
    *((["1,234", "12,345", cell], "1", [1234.0, 12345.0, float(cell)]) for cell in ("2.5", "-999", "0")),
    (["1,234", "12,345.6", "1234"], "1", [1234.0, 12345.6, 1234.0]),
    *((["12,345", cell, "476"], "1", [12.345, x, 476.0]) for cell, x in (("0,123", 0.123), ("1,5", 1.5))),
    (["12,345", ",250", "476"], "1", [12.345, 0.25, 476.0]),
    (["12,345", "1,23e3", "1234"], "1", [12.345, 1230.0, 1234.0]),
    (["1.234,5", "-12.345", "7"], "1", [1234.5, -12345.0, 7.0]),
    (["1.234", "1.234.567", "7"], "1", [1234.0, 1234567.0, 7.0]),
    *((["12,345", "6,789"], other, [12.345, 6.789]) for other in ("1,5", "0,125", "-,5", "1.234,5")),
    *((["12,345", "6,789"], other, [12345.0, 6789.0]) for other in ("1,234,567", "1,234.5", "1,234,567 2.6")),
    *((["12.345", "6.789"], other, [12345.0, 6789.0]) for other in ("1.234.567", "1.234,5", "1.234,5 1,5")),
    *((["12.345", "6.789"], other, [12.345, 6.789]) for other in ("1", "1.5", "1,234,567", "1,5/x", "1.234")),
    (["12,345", "476"], "1,5", [12.345, 476.0]),
    *((["12,345", "476"], other, [12345.0, 476.0]) for other in ("2.6", "1.234")),
    *((["4.888", "818", "1.793"], other, [4888.0, 818.0, 1793.0]) for other in ("3,6", "3,6 1")),
    *((["4.888", "818", "1.793"], other, [4.888, 818.0, 1.793]) for other in ("1", "2.6", "1,234,567")),
    *((["4.888", "818", "2.500"], other, [4888.0, 818.0, 2500.0]) for other in ("3,6", "1.234.567")),
    *((["4.888", "818", "2.500"], other, [4.888, 818.0, 2.5]) for other in ("2.6", "1,234,567")),
    (["4.888", "1000", "2.500"], "1", [4.888, 1000.0, 2.5]),
    *((["12,345", "6,789"], other, None) for other in ("1,5 2.6", "1,234.5 1,5", "1.234,5 2.6", "1.234.567")),
    *((["12,345", "6,789"], other, "in commas") for other in ("1", "1.234", "1.5", "0.125", "1,5/x", "6,789")),
    (["12,345", "6,789", "1234"], "1", "in commas"),
    (["12,345", "476"], "2.6 1,5", None),
    *((["12.345", "6.789"], other, None) for other in ("3,6", "3,6 2.6", "1.234,5 2.6", "1,5 1,234,567")),
    (["12.345", "6.789", "1234"], "3,6", None),
    (["12.345", "476"], "3,6 2.6", None),
    *(
        (cells, other, numbers)
        for gap, other in zip(GAPS, ["1", "1,5", "2.6", "1,234,567", "1.234.567", "1", "1"], strict=True)
        for cells, numbers in [
            ([f"14{gap}494,5", f"-1{gap}234{gap}567", "7"], [14494.5, -1234567.0, 7.0]),
            ([f"1{gap}234.5", "1234", f"+999{gap}000"], [1234.5, 1234.0, 999000.0]),
            ([f"12{gap}345", "6,789"], [12345.0, 6.789]),
            ([f"12{gap}345", "6.789"], [12345.0, 6.789]),
        ]
    ),
    *((["\u22121.45", "\uff0d\uff12", cell], "1", [-1.45, -2.0, 3.5]) for cell in ("3.5", "\uff13\uff0e\uff15")),
    (["\u22121,45", "\uff12\uff0c\uff15"], "1", [-1.45, 2.5]),
    (["\u20131.5", "2.5"], "1", [-1.5, 2.5]),
    (["\uff11\uff12\uff0c\uff13\uff14\uff15.5", "7"], "1", [12345.5, 7.0]),
]
NO_NUMBERS = ["10\xb3", "12 34", "1 2345", "0 123", "1 234'567", "1 234.567,5", "1 234.567.890", "1,234 567", "- 1"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_marks_in_numbers_mean_what_their_column_or_else_the_table_tells_and_are_never_guessed(separator, table):
    for cells, others, numbers in IN_COLUMNS:
        columns = [list(itertools.islice(itertools.cycle(other.split("/")), len(cells))) for other in others.split()]
        rows = [["x", *"opq"[: len(columns)], "y"], *zip(cells, *columns, range(len(cells)), strict=True)]
        path = table("".join(separator.join(f'"{cell}"' for cell in row) + "\n" for row in rows))
        if numbers == "in commas":
            numbers = [number_in(cell) for cell in cells] if separator == "," else None
        if numbers is not None:
            (found,) = zip(*read_csv(path, "y", features=["x"]).X, strict=True)
            assert [*found] == numbers, (cells, others)
            assert read_csv(path, "x", features=["y"], classes=False).y == numbers, (cells, others)
            said = re.search("with (decimal commas|.* between thousands)", lines_of(path, "y")["x"])
            has_commas = {*",\uff0c"} & {*"".join(cells)} != set()
            assert bool(said) == (has_commas or numbers != list(map(number_in, cells))), (cells, others)
            found = examples(read_table(path, ["y"]), "y", features=["x"])
            commas = Encoder.fit(found.data, "y", found.commas).commas
            for row, number in zip(rows[1:], numbers, strict=True):  # a row alone means the same, or is asked about
                alone = table("".join(separator.join(f'"{cell}"' for cell in row) + "\n" for row in [rows[0], row]))
                assert read_inputs(alone, {"x": False}, None, commas) == [[number]]
            continue
        mark = "comma" if "," in cells[0] else "point"
        for target, feature in (("y", "x"), ("x", "y")):
            message = trouble(path, target, features=[feature])
            said = f"column 'x', row 1: '{cells[0]}' may be read in two ways: the table does not tell"
            assert said in message, others
            assert f"whether its {mark} is decimal or between thousands; write decimal points in all columns" in message


def test_what_is_not_written_in_plain_ascii_is_said_and_a_column_that_does_not_fit_is_one_of_texts(table):
    commas = ", with decimal commas; '1\\u202f234,5' is 1234.5"
    for cell, said in (("1\u202f234,5", commas), ("\u22127", "; '\u22127' is -7")):
        path = table(f"x;y\n{cell};1.5\n2;2.5\n")
        assert lines_of(path, "y")["x"].endswith(said)
        assert lines_of(path, "x", classes=False)["x"].endswith(f"{said}, a regression")
    for cell in NO_NUMBERS:
        path = table(f"x;y\n{cell};1.5\n1 234;2.5\n")
        assert lines_of(path, "y")["x"].startswith("texts of 2 values"), cell
        assert read_inputs(path, {"x": True}) == [[cell], ["1 234"]]


@pytest.mark.parametrize(
    ("mark", "advice"),
    [
        *((f"{{}}{sign}", f"without '{sign}'") for sign in "%€"),
        *(("{} %", "without '%'"), ("{}\uff05", "without '%'"), ("({})", "-3 for (3)")),
        *(("-${},5", "without '$'"), ("($1\xa0{})", "without '$' and -3 for (3)")),
    ],
)
def test_numbers_with_a_mark_are_texts_and_that_is_said_wherever_such_texts_are(mark, advice, table):
    for count in (3, 60):
        cells = [mark.format(100 + i % count) for i in range(60)]
        path = table("x;y\n" + "".join(f"{cell};{i / 7}\n" for i, cell in enumerate(cells)))
        assert f"; write numbers {advice}" in (lines_of(path, "y")["x"] if count == 3 else trouble(path))
        assert f"; write numbers {advice}" in (lines_of(path, "x")["x"] if count == 3 else trouble(path, "x"))
        assert trouble(path, "x", classes=False).endswith(f"or leave the cell empty; write numbers {advice}")
        assert error_of(read_inputs, path, {"x": False}).endswith(f"; write numbers {advice}")


def test_points_are_between_thousands_where_numbers_up_to_999_tell_it_but_beside_commas_between_cells(table):
    for separator, numbers in ((",", [4.888, 818.0, 2.5]), (";", [4888.0, 818.0, 2500.0])):
        path = table("x,y\n4.888,1\n818,2\n2.500,3\n".replace(",", separator))
        assert [x for (x,) in read_csv(path, "y").X] == numbers


def test_whole_numbers_beside_decimal_commas_are_asked_about_where_a_new_one_may_have_a_point_between_thousands(table):
    for other, commas in (("1,5", {"x": "decimal"}), ("2.5", {}), ("1,5;2.5", {})):
        names = "".join(f";o{i}" for i in range(other.count(";") + 1))
        path = table(f"x{names};y\n7;{other};p\n8;{other};q\n9;{other};q\n")
        found = examples(read_table(path, ["y"]), "y", features=["x"])
        assert found.lines[0] == ("x", "numbers 7 to 9"), other
        known = Encoder.fit(found.data, "y", found.commas).commas
        assert known == commas, other
        asked = table("x;z\n1.100;2\n"), {"x": False}, None, known
        if commas:
            assert "column 'x', row 1: '1.100' may be read in two ways: in training" in error_of(read_inputs, *asked)
        else:
            assert read_inputs(*asked) == [[1.1]]


def test_columns_without_names_are_called_by_their_numbers(read, table):
    contents = "5.1,3.5,setosa\n4.9,3.0,virginica\n"
    data = read(contents, "3")
    assert data == Dataset([[5.1, 3.5], [4.9, 3.0]], [0, 1], ["1", "2"], ["setosa", "virginica"])
    assert read_inputs(table(contents), {"2": False, "1": False}) == [[3.5, 5.1], [3.0, 4.9]]
    assert read("1,2,1990\n5,6,7\n8,9,10\n", "1990").features == ["1", "2"]
    data = read("e,x,s\np,y,s\ne,y,t\n", "1")
    assert (data.features, data.classes, data.y) == (["2=x", "2=y", "3=s", "3=t"], ["e", "p"], [0, 1, 0])


NUMBERS_BELOW = "".join(f"{i},{i * i},{i / 7},{-i}\n" for i in range(9))
FIRST_ROWS = [  # with a target, and what the features are called
    ("5,1,6,2", "3", ["1", "2", "4"]),
    ("1e999,4,3,9", "3", ["1", "2", "4"]),
    ("-3,-2,-1,3", "3", ["1", "2", "4"]),
    ("03,3,1,4", "3", ["1", "2", "4"]),
    ("1,1,1,1", "1", ["2", "3", "4"]),
    ("0,1,2,3", "3", ["0", "1", "2"]),
    ("1,2,3,4", "3", ["1", "2", "4"]),
    ("5,1,3,2", "3", ["5", "1", "2"]),
    ("who,1,2,3", "3", ["who", "1", "2"]),
    ("4,3,1,who", "3", ["4", "1", "who"]),
    ("who,2019,2020,4", "2020", ["who", "2019", "4"]),
    ("a,b,c,d", "3", None),
]


def test_first_row_is_an_example_or_names_by_its_numbers(table):
    for first, target, features in FIRST_ROWS:
        path = table(f"{first}\n{NUMBERS_BELOW}")
        found = read_table(path, [target])
        if features is None:
            assert error_of(found.name, target).endswith("no column '3'; it has 'a', 'b', 'c', 'd'")
        else:
            assert [name for name in found.columns if name != target] == features, first
    for row in (1, 2):  # texts that occur again are no names
        again = f"3,4,6,setosa\n5,1,7,{['setosa', 'rosa'][row - 1]}\n2,8,0.5,{['rosa', 'setosa'][row - 1]}\n"
        assert list(read_table(table(again), ["3"]).columns) == ["1", "2", "3", "4"], row


@pytest.mark.parametrize("names", [["1", "2", "y"], ["1", "2", "4", "y"], ["who", "1", "2", "5"], ["y", "3", "1"]])
def test_columns_that_are_called_by_numbers_are_found_in_any_order(names, table):
    rows = [
        {name: f"{name}{i}" if name == "who" else str(10 * k + i) for k, name in enumerate(names)} for i in range(9)
    ]
    for order in itertools.permutations(names):
        path = table("\n".join(",".join(row[name] for name in order) for row in [dict(zip(names, names)), *rows]))
        for target in names:
            assert read_table(path, [target]).columns == {name: [row[name] for row in rows] for name in order}
            features = [name for name in names if name not in ("who", target)]
            wanted = [[float(row[name]) for name in features] for row in rows]
            assert read_inputs(path, dict.fromkeys(features, False)) == wanted


SIGNED = [  # a line below the names, with commas between its cells, and what it is read as in a table of three columns
    *((line, [*line.split(","), "", ""][:3]) for line in ("#a,0,0", "#2,0.25", "# 2,5,6", "#,1,2", "#1,,", "#a,0")),
    *((line, None) for line in ("# a remark", "#", "#a", "# of June, late", "## one, two, three, four, five")),
    ('# of "June, b', None),
    ('#0,"line\n# break, 0",0', ["#0", "line\n# break, 0", "0"]),
    ('# 0,"line\nbreak",0', ["# 0", "line\nbreak", "0"]),
    ('# of June, "late', None),
]


@pytest.mark.parametrize("end", ["", ","])
def test_rows_whose_first_cell_begins_with_a_hash_are_rows_and_comments_are_left_out_with_a_note(end, table):
    for line, cells in SIGNED:
        for rows in (["b,1,1"], ["b,1,1"] * 3):
            path = table("tag,x,y\n" + "".join(f"{row}{end}\n" for row in rows) + f'{line}\n"c",2,2{end}\n')
            found = read_table(path, ["y"])
            wanted = [*(["b", "1", "1"] for _ in rows), *([cells] if cells else []), ["c", "2", "2"]]
            assert [list(row) for row in zip(*found.columns.values(), strict=True)] == wanted, line
            assert found.notes == ([] if cells else [f"line {len(rows) + 2} left out as a comment (#)"]), line
    for first in ("#a", "# a"):
        assert read_table(table(f"tag,x,y\n{first},0,0,\nb,1,1,\n")).columns["tag"] == [first, "b"]
    (note,) = read_table(table("a b\n1 2\n#so it was\n# so it was\n3 4\n#so\n")).notes
    assert note == "3 lines left out as comments (#), the first is line 3"


def test_quotation_mark_within_a_cell_is_a_letter(table):
    for mark in ('"', '""', '" "', 'in "'):
        for name in (f"size ({mark})", f"size{mark}", f"x{mark}x"):
            path = table(f"{name},x,y\n" + "".join(f"{i}{mark * (i > 9)},{i * i},{i % 2}\n" for i in range(20)))
            assert len(read_csv(path, "y").X) == len(read_inputs(path, {"x": False})) == 20, name
            assert next(iter(read_table(path, ["y"]).columns)) == name


def test_table_of_one_column_keeps_its_blank_cells(table):
    beginnings, ends = ["", "# made in May\n\n", "\n"], ["\n", "\r\n", "\r\r\n"]
    for before, end, names in itertools.product(beginnings, ends, ["x", '"x"']):
        for cells in (["1", "", "3"], ["", "", "1"], ["1", " ", "", '""', "3"]):
            text = f"{before}{names}\n" + "".join(f"{cell}\n" for cell in [*cells, "", " "])
            found = [[cell] for cell in read_table(table(text.replace("\n", end)), ["x"], blank_rows=True).columns["x"]]
            assert found == [[cell.strip(' "')] for cell in cells], text
            assert read_table(table(text)).columns == {"x": [cell for cell in cells if cell.strip(' "')]}
    assert read_inputs(table('x\n"a\n\nb"\n\nc\n'), {"x": True}) == [["a\n\nb"], [""], ["c"]]


def test_first_column_may_be_called_by_a_sign_of_comments(table):
    for name, separator in itertools.product(["#", "%", "##"], [",", ";", "\t", "|"]):
        path = table(f"{name},x,y\n".replace(",", separator) + "5,0.5,0\n3,1.5,1\n".replace(",", separator))
        assert read_csv(path, "y").features == [name, "x"], (name, separator)
        assert read_csv(path, "y", drop=[name]).features == ["x"]
        assert read_inputs(path, {name: False}) == [[5.0], [3.0]]
    for name in ("#id", "id"):
        assert read_csv(table("#id,x,y\n5,0.5,0\n3,1.5,1\n"), "y", drop=[name]).features == ["x"]


def test_names_may_hold_separators_quotes_and_new_lines_and_be_the_same(read, table):
    data = read("length, in cm, or so;y\n1;p\n2;q\n")  # the target tells what separates columns
    assert data[::2] == ([[1.0], [2.0]], ["length, in cm, or so"])
    data = read('a,"kind,\nof ""it"""\n1,"x\ny"\n2,"p, q"\n', 'kind,\nof "it"')
    assert (data.X, data.classes) == ([[1.0], [2.0]], ["p, q", "x\ny"])
    path = table("a,y,a,a.1\n1,p,2,3\n2,q,3,5\n")
    assert read_csv(path, "y").features == ["a", "a.1", "a.1.1"]
    assert "two columns are named 'a': the one in place 3 is called 'a.1'" in read_table(path).notes
    # The header lacks a name for the first column, as R writes it.
    cars = '"mpg" "cyl"\n"Mazda RX4" 21 6\n"Fiat 128" 32.4 4\n"Valiant" 18.1 6\n"Duster" 14.3 8\n'
    data = read(cars, "mpg", drop=["column 1"])
    assert (data.X, data.y) == ([[6.0], [4.0], [6.0], [8.0]], [21.0, 32.4, 18.1, 14.3])


@given(st.lists(st.floats(min_value=-LARGEST_CELL, max_value=LARGEST_CELL), min_size=3, unique=True))
@SETTINGS
def test_numbers_are_read_to_the_last_bit(table, numbers):
    path = table("x,y\n" + "".join(f"{x!r},{x!r}\n" for x in numbers))
    data = read_csv(path, "y", classes=False)
    assert data.y == numbers
    assert [x for (x,) in data.X] == numbers


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=[PETS])
    writer.start()
    assert read_csv(tmp_path / "pipe", "kind").y == [0, 1, 0]
    writer.join()


def test_large_table_takes_little_time(table):
    path = table("a,b,c,d,kind\n" + "".join(f"{i},{i + 1},{i / 7},{-i},kind{i % 3}\n" for i in range(25_000)))
    begin = time.process_time()
    data = read_csv(path, "kind")
    assert time.process_time() - begin < 4.0
    assert len(data.X) == 25_000


def test_what_stops_pandas_is_an_error_of_the_file_or_an_interrupt(table, monkeypatch):
    def fail(*arguments, **options):
        raise pandas.errors.ParserError("Error tokenizing data. C error:\n  something new")

    class Interrupted(io.StringIO):
        def read(self, *size):
            raise KeyboardInterrupt

    path = table(PETS)
    with monkeypatch.context() as patch:
        patch.setattr(pandas, "read_csv", fail)
        assert re.search(r"^TableError: .*table\.csv: something new$", error_of(read_table, path))
    monkeypatch.setattr(csv_reader, "StringIO", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_table(path)


def test_missing_pandas_is_an_error_that_names_the_remedy(table, monkeypatch):
    path = table(PETS)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert trouble(path) == "ImportError: tables are read with pandas: python -m pip install 'scalar-autograd[demo]'"


# What becomes of a column


NUMBERED = [  # tables whose first columns may number the rows, and their features
    *((f",a,y\n{rows}", ["a"]) for rows in ("1,1,p\n4,2,q\n7,3,p\n", "3,1,p\n1,2,q\n", "1,1,p\n2,2,q\n1,3,q\n")),
    *((f"{levels},a,y\n2,0,1,p\n0,1,2,q\n", ["a"]) for levels in (",", ",Unnamed: 0", "Unnamed: 0.1,Unnamed: 0")),
    (",a,y\n1.5,1,p\n2.5,2,q\n", ["column 1", "a"]),
    (",a,y\n-1,1,p\n2,2,q\n", ["column 1", "a"]),
    *(("a,,y\n1,1,p\n2,2,q\n", ["a", "column 2"]), ("time,a,y\n1,1,p\n2,2,q\n", ["time", "a"])),
    ("id,a,y\n1,1,p\n3,2,q\n", ["id", "a"]),
]


def test_column_that_numbers_the_rows_is_left_out_and_others_stay_whatever_they_are_called(table):
    for name, first in itertools.product(["", "#", "Unnamed: 0", "id", "rownames", "Index"], [0, 1]):
        path = table(f"{name},a,y\n" + "".join(f"{i + first},{i * i},{i % 2}\n" for i in range(9)))
        assert read_csv(path, "y").features == ["a"], name
        said = [what for what in lines_of(path, "y").values() if "left out" in what]
        assert said == ["left out: it numbers the rows"], name
    for contents, features in NUMBERED:
        assert read_csv(table(contents), "y").features == features, contents


def test_texts_become_one_input_a_value_up_to_twenty(table):
    for count in (2, 3, MOST_CATEGORIES, MOST_CATEGORIES + 1):
        path = table("a,home,y\n" + "".join(f"{i},home {i % count:02},{i / 7}\n" for i in range(63)))
        data = read_csv(path, "y")
        if count > MOST_CATEGORIES:
            assert data.features == ["a"]
            assert lines_of(path, "y")["home"] == "left out: texts of 21 values, more than 20"
            continue
        assert data.features == ["a", *(f"home=home {k:02}" for k in range(count))]
        assert all(row[1:] == [float(k == i % count) for k in range(count)] for i, row in enumerate(data.X))
        assert lines_of(path, "y")["home"] == f"texts of {count} values, one input each"


DATES = ["2001-02-{:02}", "2001/2/{}", "{}.2.2001", "2/{}/01", "2001-02-{:02}T12:00:00Z", "2001-02-{:02} 12:30"]
DATES += ["{} Feb 2001", "{}-Feb-01", "February {}, 2001", "20{:02}-02", "12:{:02}", "20{:02}Q1", "2000-M{:02}"]
DATES += ["1:{:02} pm"]


def test_dates_and_times_are_left_out_and_other_texts_are_none(table):
    for pattern in DATES:
        path = table("a;day;y\n" + "".join(f"{i};{pattern.format(i + 10)};{i / 7}\n" for i in range(9)))
        assert read_csv(path, "y").features == ["a"], pattern
        assert lines_of(path, "y")["day"] == "left out: dates or times", pattern
    for text in ("1.2.3", "5-9", "12 marbles", "a", "2001-02-03x", "may", "1/2", "3:1"):
        assert not DATE.fullmatch(text), text


def test_columns_that_say_nothing_are_left_out(table):
    path = table("a,same,none,mixed,y\n" + "".join(f"{i},7,?,{i if i else 'many'},{i / 7}\n" for i in range(30)))
    assert read_csv(path, "y").features == ["a"]
    reasons = ["it is '7' in every row", "no cell of it has a value", "numbers, but for texts such as 'many'"]
    said = lines_of(path, "y")
    assert [said[name] for name in ("same", "none", "mixed")] == [f"left out: {reason}" for reason in reasons]


def test_missing_numbers_are_filled_with_the_median_missing_texts_with_the_most_frequent_and_marked(table):
    for text in {*MISSING, "N/A", "NA", "NaN", "NULL", "None", " ? "}:
        path = table(f"a,b,y\n1,1,p\n{text},2,q\n2,3,p\n9,4,q\n")
        data = read_csv(path, "y")
        assert data.features == ["a", "a is missing", "b"], text
        assert [row[:2] for row in data.X] == [[1.0, 0.0], [2.0, 1.0], [2.0, 0.0], [9.0, 0.0]], text
        assert lines_of(path, "y")["a"] == "numbers 1 to 9; 1 missing, filled with the median and marked", text
    path = table("a,b,y\nu,1,p\n,2,q\nv,3,p\nv,4,q\n")
    data = read_csv(path, "y")
    assert data.features == ["a=u", "a=v", "a is missing", "b"]
    assert [row[:3] for row in data.X] == [[1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 1, 0]]
    assert "filled with the most frequent one" in lines_of(path, "y")["a"]


def test_rows_that_lack_a_value_or_the_target_are_left_out_and_that_is_said(read, table):
    contents = "a,b,c,y\n1,1,?,p\n,2,?,q\n2,,x,p\n9,4,x,q\n8,5,z,p\n"
    data = read(contents, missing="drop", features=["a", "b"])
    assert (data.X, data.y, data.features) == ([[1.0, 1.0], [9.0, 4.0], [8.0, 5.0]], [0, 1, 0], ["a", "b"])
    found = examples(read_table(table(contents)), "y", missing="drop")
    assert len(found.data.X) == 2
    assert "3 of 5 rows lack a value and are left out" in found.notes
    assert "  'a'  numbers 1 to 9; 1 missing" in found.summary("t.csv").splitlines()
    dropped, filled = (examples(read_table(table(PETS)), "kind", missing=missing) for missing in ("drop", "fill"))
    assert dropped.data == filled.data
    assert dropped.notes == filled.notes == []
    path = table("a,y\n1,p\n2,?\n3,q\n")
    assert read_csv(path, "y").X == [[1.0], [3.0]]
    assert examples(read_table(path), "y").notes == ["1 of 3 rows lack the target 'y' (written '?') and are left out"]


def test_text_that_may_say_missing_is_a_class_where_it_is_named_and_minus_beside_plus(table):
    for text in {*MISSING, "N/A", "None", "NULL"} - {""}:
        path = table("a,y\n" + f"1,{text}\n2,mild\n3,severe\n" * 9 + "4,\n")
        data = read_csv(path, "y", classes=[text, "mild", "severe"])
        assert (data.y, len(data.X)) == ([0, 1, 2] * 9, 27), text
        for classes in (None, True, ["mild", "severe"]):
            found = examples(read_table(path), "y", classes=classes)
            assert (found.data.y, found.data.classes) == ([0, 1] * 9, ["mild", "severe"]), text
            assert found.notes == [f"10 of 28 rows lack the target 'y' (written '{text}') and are left out"]
        message = trouble(table(f"a,y\n1,{text}\n2,mild\n3,{text}\n4,mild\n"))
        wanted = "one class only, 'mild' in all 2 rows: nothing to tell apart; 2 of 4 rows lack the target 'y' (written"
        assert f"{wanted} '{text}')" in message
    for kinds, classes in itertools.product((["+", "-"], ["+", "+/-", "-"]), (None, True)):
        path = table("a,y\n" + "".join(f"{i},{kind}\n" for i, kind in enumerate(kinds * 9)) + "4,?\n")
        data = read_csv(path, "y", classes=classes)
        assert (data.classes, data.y) == (kinds, [*range(len(kinds))] * 9)
    assert "'-' is none of the classes '+', 'o'" in trouble(table("a,y\n1,+\n2,-\n3,o\n"), classes=["+", "o"])


def test_summary_has_a_line_for_every_column(table):
    path = table(',weight,note,kind\n0,4.5,is old,cat\n1,?,"seen, twice",dog\n2,5,,cat\n3,6,,\n')
    assert examples(read_table(path), "kind").summary("pets.csv").splitlines() == [
        "pets.csv: 3 examples, 4 columns",
        "  'column 1'  left out: it numbers the rows",
        "  'weight'    numbers 4.5 to 5; 1 missing, filled with the median and marked",
        "  'note'      texts of 2 values, one input each; 1 missing, filled with the most frequent one and marked",
        "  'kind'      the target: 2 classes, 66.7% of the rows are 'cat'",
        "note: 1 of 4 rows lack the target 'kind' and are left out",
    ]


def test_summary_of_a_thousand_columns_is_short(table):
    rows = [[f"c{i}" for i in range(1000)] + ["y"], *([str(i + 1)] * 1000 + [f"{i / 7}"] for i in range(5))]
    path = table("".join(f"{','.join(row)}\n" for row in rows))
    assert examples(read_table(path), "y").summary("t.csv").splitlines() == [
        "t.csv: 5 examples, 1001 columns",
        "  'y'  the target: numbers 0 to 0.5714, a regression",
        "  and 1000 columns of numbers",
    ]


# What is refused


REFUSED = [
    ("", "table.csv is empty: its first line must name the columns"),
    ("\n \n\n", "table.csv is empty"),
    ("\ufeff", "table.csv is empty"),
    ("sep=;\n", "table.csv is empty"),
    ("a,y\n", "names its columns and holds no examples below them"),
    ("#a,y\n", "holds no examples below them"),
    ("a,y\n,\n,\n", "holds no examples below them"),
    ("a,y\n,\n?,NA\n", r"1 of 1 rows lack the target 'y' \(written 'NA'\)"),
    ("y\n1\n2\n", "has no column but 'y' to learn from, and so no features"),
    ("a,b\n1,2\n", r"has no column 'y'; it has 'a', 'b'$"),
    ("a,Y \n1,2\n", r"has no column 'y'; it has 'a', 'Y'; did you mean 'Y'\?"),
    ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "seems to be an example: columns without names are called by their numbers"),
    ("a,y\n1,2\n\n3,4,5\n", "line 4 has 3 cells, where the first one names 2 columns"),
    ("a,y\n1,2,3\n4,5\n6,7\n", "line 2 has more cells than the 2 columns that the first one names; quote a cell"),
    ("# so\na,y\n\n1,2,3,4\n5,6\n", "line 4 has more cells than the 2 columns"),
    ("# so\na,y\n1,2\n# so\n3,4,5\n", "line 5 has 3 cells, where the first one names 2 columns"),
    ("a,y\nred,1\nred,2\n", r"no column but 'y' to learn from: 'a' is left out: it is 'red' in every row"),
    ("day,y\n2001-02-03,1\n2001-02-04,2\n", "'day' is left out: dates or times"),
    ("id,y\n1,5\n2,6\n3,8\n", "'id' is left out: it numbers the rows"),
    ("a,y\n1,p\n1e400,q\n", "column 'a', row 2: '1e400' is infinite, or beyond the range of floats"),
    ("a,y\n-inf,p\n2,q\n", "column 'a', row 1: '-inf' is infinite"),
    ("a,y\n1,inf\n2,3\n", "column 'y', row 1: 'inf' is infinite"),
    ("a,y\n1,1e308\n2,3\n3,4\n", r"column 'y', row 1: 1e\+308 is too large to compute with; divide the column"),
    ("a,y\n1,1\n2,-1.7e308\n3,4\n", r"column 'y', row 2: -1.7e\+308 is too large"),
    ("a,y\n1,1\n1e300,2\n3,4\n", r"column 'a', row 2: 1e\+300 is too large"),
    ("a,y\n1,\n2,\n", r"2 of 2 rows lack the target 'y'"),
    ("a,y\n1,p\n2,p\n", "column 'y': one class only, 'p' in all 2 rows: nothing to tell apart"),
    ("a,y\n1,7\n2,7.0\n", "column 'y': it is 7.0 in all 2 rows, so there is nothing to learn"),
    ("a,y\n1,7\n2,8\n3,x\n", "numbers and texts are mixed, as 'x' in row 3 is a text; correct it, or pass"),
    ("a,y\n1,p\n2,8\n3,x\n", "numbers and texts are mixed, as '8' in row 2 is a number"),
    ("a,y\n" + "".join(f"{i},name {i}\n" for i in range(21)), "21 different texts in 21 rows are no classes"),
    ("a,y\n1,2001-02-03\n2,2001-02-04\n", "column 'y': dates or times cannot be learned"),
    ('a,y\n1,"p\n2,q\n', "a quotation mark is opened and never closed"),
    (b"PK\x03\x04\0\0\xff\xfe", "is a ZIP archive or an Excel workbook, not a CSV file"),
    (b"\x1f\x8b\x08", "is compressed, and not whole"),
    (gzip.compress(b"a,y\n1,2\n", mtime=0)[:-6], "is compressed, and not whole"),
    (gzip.compress(b"a,y\n1,\0\n", mtime=0), "is not the text of a table"),
    (b"\xff\xfea", "is not utf-16"),
    (b"a,y\n1,\0\n", "is not the text of a table: it holds bytes of 0"),
    (b"0" * 2_000_000, "names its columns and holds no examples"),
]


def test_table_that_cannot_be_trained_on_is_one_clear_line(table):
    for contents, wanted in REFUSED:
        message = trouble(table(contents))
        assert re.search(f"^TableError: .*{wanted}", message), contents[:30]
        assert "table.csv" in message, contents[:30]
        assert len(message) < 412, contents[:30]


def test_column_that_cannot_be_a_feature_a_folder_a_missing_and_an_endless_file_are_errors(table, tmp_path):
    for column in ("2001-02-03", "name {}", "{}th of them", "7"):
        path = table("a,y\n" + "".join(f"{column.format(i)},{i / 7}\n" for i in range(30)))
        assert "column 'a': it cannot be a feature: " in trouble(path, features=["a"])
    message = trouble(table("a,b,y\n1,,p\n,2,q\n"), missing="drop")
    assert re.search("^TableError: .*every row lacks a value, so that --missing drop leaves none", message)
    assert re.search(f"^IsADirectoryError: .*{tmp_path.name}", trouble(tmp_path))
    for thing in ({"y": [1]}, None, ["a.csv"]):
        wanted = f"TypeError: read_csv takes the name of a file, got {with_article(thing)}; df.to_csv"
        assert error_of(read_csv, thing, "y").startswith(wanted)
    assert re.search("^FileNotFoundError: .*nowhere", trouble(tmp_path / "nowhere.csv"))
    if os.name != "nt":
        assert re.search("^TableError: .*not the text of a table", trouble("/dev/zero"))


def test_separator_is_what_makes_most_rows_as_wide_as_the_first(table):
    text = "a;x,b;y\n" + 'p;q,"r;s\nt;u"\n' * 4  # by semicolons, half of the rows are narrower
    assert trouble(table(text), "target").endswith("no column 'target'; it has 'a;x', 'b;y'")
    for separator in ",;\t|":
        path = table("a,y\n1,2\n3\n4\n".replace(",", separator))
        assert trouble(path, "target").endswith("no column 'target'; it has 'a', 'y'"), separator


CARS = [
    f'{9 + i % 7}.5   {4 + i % 2}   {"?" if i % 10 == 3 else 90 + i}.   {i / 8}\t"{"a b"[: 1 + i % 3]} {i % 3}"'
    for i in range(40)
]


def test_numbers_by_spaces_before_a_tab_are_cells_of_their_own_and_texts_with_spaces_are_not(table):
    for first, names in (([], list("12345")), (["a  b c d\te"], list("abcde"))):
        found = read_table(table("\n".join([*first, *CARS]) + "\n"), [names[1]])
        assert (found.separator, list(found.columns)) == (" ", names)
        assert set(found.columns[names[-1]]) == {"a 0", "a  1", "a b 2"}
    for name, cell in (("x", "a b"), ("x", "1 b"), ("x", "7"), ("x x", "a 1"), ("x", "1 2"), ("x", "1 2 3")):
        rows = [[name, "y"], *([cell, str(i)] for i in range(9))]
        assert read_table(table("".join("\t".join(row) + "\n" for row in rows)), ["y"]).separator == "\t", cell
    for separator, name in SEPARATORS.items():
        message = trouble(table(f"a{separator}y\n1{separator}2\n1{separator}3\n"))
        assert message.endswith(f"'a' is left out: it is '1' in every row; cells are separated by {name}")


def test_blank_rows_are_left_out_and_counted(table):
    for count, notes in ((0, []), (1, ["one blank row left out"]), (2, ["2 blank rows left out"])):
        assert read_table(table("a,y\n1,2\n" + ",\n" * count + "3,4\n"), ["a", "y"]).notes == notes


def test_a_dozen_names_are_listed_and_the_nearest_is_suggested(table):
    message = trouble(table(PETS), "kind", classes=[f"c{i}" for i in range(1000)])
    assert re.search("'cat' is none of the classes 'c0', .*'c11' and 988 more$", message)
    wanted = "no column 'wieght'; it has 'weight', 'kind', 'height'; did you mean 'weight'?"
    assert wanted in trouble(table(PETS), "wieght")
    assert r"column 'a\nb', row 1: 'inf' is infinite" in trouble(table('"a\nb",y\ninf,1\n2,3\n'))


def test_texts_are_no_numbers_and_that_is_said_with_what_to_do(table):
    assert "column 'kind', row 1: 'cat' is not a number" in trouble(table(PETS), "kind", classes=False)
    for text in ("2020_1", "0x10", "50%", "1,5", "1,23", "abc", "1 2", "0,123"):
        assert math.isnan(number_in(text)), text
    assert complaint("3,5") == "'3,5' is not a number here: write a decimal point, and nothing between thousands"
    assert complaint("1e999") == "'1e999' is infinite, or beyond the range of floats"
    assert complaint("abc") == "'abc' is not a number; correct it, or leave the cell empty"
    for text in ("55.8%", "$3,326.44", "abc"):  # of the target, and of what a network was trained on
        wanted = f"row 2: {text!r} is not a number; correct it, or leave the cell empty"
        assert wanted in trouble(table(f'a,y\n1,2.5\n2,"{text}"\n3,4.5\n'), classes=False)
        assert wanted in error_of(read_inputs, table(f'a,y\n1,2.5\n2,"{text}"\n'), {"y": False})


WRONG_OPTIONS = [
    ({"classes": "cat"}, "^TypeError: classes is True, False or a list of names, got the text 'cat'"),
    ({"classes": 2}, "^TypeError: classes is True, False or a list of names, got the int 2"),
    ({"classes": ["cat", 2.5]}, "^TypeError: classes names classes by texts, got 2.5; write '2.5'"),
    *(
        ({"classes": ["cat", *pair, "dog"]}, f"^ValueError: classes names each class once, got '{pair[0]}' and again")
        for pair in (("3", "3"), ("3", "3.0"), ("a", "a "), ("1,000", "1000"), ("1 000", "1000"))
    ),
    ({"features": ["weight", "kind"]}, "^ValueError: .*columns other than the target 'kind'"),
    ({"features": []}, "^ValueError: .*one or more"),
    ({"features": ["width"]}, "^TableError: .*no column 'width'"),
    ({"drop": ["width"]}, "^TableError: .*no column 'width'"),
    ({"drop": ["kind"]}, "^ValueError: .*drop names columns other than the target 'kind'"),
    ({"drop": ["weight", "height"]}, "^TableError: .*'weight' is left out: as asked for; 'height' is left out"),
    ({"missing": "guess"}, "^ValueError: .*missing is 'fill' or 'drop', got 'guess'"),
]
for option, wrong in itertools.product(("features", "drop"), ("weight", "wh", "", 3)):
    wanted = f"^TypeError: {option} is a list of names of columns, got {wrong!r}; write \\[{wrong!r}\\] for one"
    WRONG_OPTIONS.append(({option: wrong}, wanted))
WRONG_OPTIONS += [
    ({option: iter(["weight"])}, f"^TypeError: {option} is a list of .*write list\\(...\\) around it")
    for option in ("features", "drop")
]
for option, wrong in itertools.product(("features", "drop"), (["weight"], None, 2.5)):
    wanted = f"^TypeError: {option} names columns by texts, got {re.escape(repr(wrong))}; write 'price' for"
    WRONG_OPTIONS.append(({option: [wrong]}, wanted))


def test_wrong_options_are_errors_that_say_so(table):
    path = table(PETS)
    for target in (["kind"], None, ("kind",)):
        assert trouble(path, target).startswith(f"TypeError: target is the name of a column, got {target!r}; write ")
    for options, wanted in WRONG_OPTIONS:
        assert re.search(wanted, trouble(path, "kind", **options)), options
        assert re.search(wanted, error_of(examples, read_table(path, ["kind"]), "kind", **options)), options


def test_columns_of_a_table_without_names_may_be_integers_of_numpy_and_none_may_be_dropped(table):
    path = table("1,2,3\n4,5,6\n9,8,2\n")
    wanted = read_csv(path, 3, features=[1], classes=False)
    for kind in (np.int64, np.uint8):
        for drop in (None, (), [kind(2)]):
            found = read_csv(path, kind(3), features=np.array([1], dtype=kind), drop=drop, classes=False)
            assert found == wanted


def test_an_address_is_an_error_that_says_what_to_pass():
    for address in ("https://example.com/a.csv", "s3://bucket/a.csv", Path("https://example.com/a.csv")):
        for read in (lambda path: read_csv(path, "y"), lambda path: read_inputs(path, {"x": False})):
            assert re.search(r"^TableError: \w+://.*a\.csv is an address; download the table", error_of(read, address))


@given(st.binary(max_size=60) | st.text(alphabet='ay,;\t"\n\r 01.e-n?#=', max_size=60).map(str.encode))
@SETTINGS
def test_any_file_is_a_table_or_a_table_error_of_one_line(table, contents):
    lines = []
    for beginning in (b"", b"a,y\n", b"a,y\n1,p\n2,q\n"):
        path = table(beginning + contents)
        for read in (lambda path: read_csv(path, "y").X, lambda path: read_inputs(path, {"a": False})):
            try:
                X = read(path)
            except TableError as error:
                lines.append(str(error).splitlines())
                continue
            assert len(X) > 0
            assert all(type(x) is float and not math.isinf(x) for row in X for x in row)
    assert {len(message) for message in lines} <= {1}


# Tables to predict from


NO_INPUTS = [
    ("weight,note\n1,x\n", "has no column 'height'; it has 'weight', 'note'"),
    ("weight,Height\n1,2\n", r"did you mean 'Height'\?"),
    ("weight,height\n1,tall\n", "column 'height', row 1: 'tall' is not a number"),
    ("weight,height\n1,1e999\n", "column 'height', row 1: '1e999' is infinite"),
    *(("weight,height\n", "holds no examples"), ("", "is empty")),
]


def test_inputs_are_found_by_name_whatever_else_is_there_or_one_clear_line_says_why_not(table):
    path = table(";height;note;weight;kind\nx;25;is old;4.5;\ny;60;?;30;dog\n")
    wanted = {"weight": False, "height": False}
    assert read_inputs(path, wanted) == [[4.5, 25.0], [30.0, 60.0]]
    assert read_inputs(path, {"note": True, "kind": True}) == [["is old", ""], ["", "dog"]]
    for contents, message in NO_INPUTS:
        assert re.search(f"^TableError: .*{message}", error_of(read_inputs, table(contents), wanted)), contents
    assert re.search("^ValueError: .*one or more, got none", error_of(read_inputs, table(PETS), {}))


TWO_WAYS, NOT_AS_TRAINED = "may be read in two ways: ", "has a comma between thousands: in training"
EITHER = ["decimal", "points"]
COMMAS = [  # those of a column in training, separators of another table, and what its cells are, or their error
    (EITHER, ",;", {"1,5": 1.5, "66,781": 66.781, "7": 7.0, "1.5": 1.5}),
    (EITHER, ",;", {"-,5e1": -5.0, "0.123": 0.123}),
    ([*EITHER, ""], ",;", {"1.234,5": 1234.5, "1.234.567": 1234567.0}),
    (EITHER, ",;", {"1,234.5": NOT_AS_TRAINED, "1,234,567": NOT_AS_TRAINED}),
    *((["points"], ",;", {"12.345": 12345.0}), (["decimal"], ";", {"12.345": TWO_WAYS})),
    (["decimal"], ",", {"12.345": 12.345}),
    (["thousands"], ",;", {"66,781": 66781.0, "1,234.5": 1234.5, "12.345": 12.345, "7": 7.0}),
    ([""], ",;", {"1,5": 1.5, "0,781": 0.781, "66,7812": 66.7812, "1,234.5": 1234.5, "1,234,567": 1234567.0}),
    ([""], ";", {"66,781": TWO_WAYS, "-1,000": TWO_WAYS, "12.345": 12.345, "7": 7.0}),
    ([""], ",", {"66,781": 66781.0, "1,234.5": 1234.5, "12.345": 12.345}),
]


def test_cell_of_a_table_to_predict_from_means_what_it_meant_in_training_whatever_the_other_rows_are(table):
    others = ["7", "1,5", "66,781", "1,234.5", "12.345"]
    for kinds, separators, cells in COMMAS:
        for commas, separator, (cell, found) in itertools.product(kinds, separators, cells.items()):
            for rows in ([cell], [cell, "7"], *([o, cell] for o in others if isinstance(cells.get(o), float))):
                text = "".join(f'"{row}"{separator}p\n' for row in ["x", *rows])
                asked = table(text), {"x": False}, None, {"x": commas}
                if isinstance(found, float):
                    assert [found] in read_inputs(*asked), (commas, separator, rows)
                    continue
                message = error_of(read_inputs, *asked)
                assert re.search(rf"^TableError: .*column 'x', row \d+: '{cell}' {found}", message), (commas, cell)
    for cell in ("1,5", "1.234,5", "1.234.567"):
        message = error_of(read_inputs, table(f"x;y\n{cell};2\n"), {"x": False}, None, {"x": "thousands"})
        assert f"'{cell}' is not a number here: write a decimal point, and nothing between thousands" in message


def test_decimal_commas_separate_no_columns_where_they_are_known_and_unknown_ones_are_asked_about(table):
    known = {"x": False}, None, {"x": "decimal"}
    for text in ("x\n1,50\n2,25\n", "# made in May\nx\n1,50\n2,25\n", "x;z\n1,50;1\n2,25;2\n", "x z\n1,50 1\n2,25 2\n"):
        assert read_inputs(table(text), *known) == [[1.5], [2.25]], text
    for text in ("1,50\n2,25\n", "1,50;7,5\n2,25;8\n", "1,50 7,5\n2,25 8\n", "1.50,7\n2.25,8\n"):  # without names
        assert read_inputs(table(text), {"1": False}, None, {"1": "decimal"}) == [[1.5], [2.25]], text
    assert read_inputs(table("z,x\n1,50\n2,25\n"), *known) == [[50.0], [25.0]]
    for commas in ("", "thousands"):
        message = error_of(read_inputs, table("x\n1,50\n2,25\n"), {"x": False}, None, {"x": commas})
        assert "'1,50' may be one number, or the name of a row and a number; write a decimal point" in message
        assert read_inputs(table('x\n"a",50\n"b",25\n'), {"x": False}, None, {"x": commas}) == [[50.0], [25.0]]


def test_columns_of_texts_are_repeated_as_they_are_written(table):
    texts = table("x;y\n" + "".join(f"{['1,5', '2,5', 'other'][i % 3]};{i / 7}\n" for i in range(12)))
    found = examples(read_table(texts, ["y"]), "y")
    encoder = Encoder.fit(found.data, "y", found.commas)
    assert encoder.features == {"x": True}
    rows = read_inputs(table("x;z\n1,5;1\n2,5;2\n"), encoder.features, commas=encoder.commas)
    assert (rows, encoder.complaints(rows)) == ([["1,5"], ["2,5"]], [])


# The encoder


def test_encoder_is_fitted_on_the_part_that_is_given_and_on_nothing_else():
    training = Dataset([[1.0, "a"], [3.0, "b"], [math.nan, "b"]], [0.0, 2.0, 4.0], ["x", "k"], [])
    encoder = Encoder.fit(training, "y")
    assert encoder.columns == (Column("x", (), 2.0, True), Column("k", ("a", "b"), "b", False))
    assert encoder.names == ["x", "x is missing", "k=a", "k=b"]
    spread = math.sqrt(2 / 3)
    rows = encoder.inputs([[2.0 + spread, "b"], [math.nan, "c"], [2.0, ""]])
    assert rows == [pytest.approx(row) for row in ([1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1])]
    assert encoder.complaints([[1.0, "c"], [1.0, "c"], [math.nan, ""]]) == [
        "column 'k': 'c' did not occur in training, and is taken for none of its values (2 rows)",
        "column 'k': missing cells are taken for 'b', as in training (1 row)",
    ]
    with pytest.raises(ValueError, match="this encoder is of 2 columns, got an example of 1"):
        encoder.inputs([[1.0]])


@pytest.mark.thorough
def test_no_two_inputs_are_named_alike(table):
    for names in itertools.product(["a", "a=b", "a=b.1", "a is missing"], repeat=3):
        for cells in itertools.product(["b,1,", ",b,1", "1,2,b"], repeat=2):
            path = table(f"{','.join(names)},y\n{cells[0]},p\n{cells[1]},q\nc,d,3,p\n,4,5,q\n")
            data = read_csv(path, "y")
            assert len(set(data.features)) == len(data.features) == len(data.X[0]), names
    assert read_csv(table("a,a=b,y\nb,1,p\nc,2,q\n"), "y").features == ["a=b", "a=c", "a=b.1"]


# What a saved model remembers of its table


def saved(path, encoder, model):
    save(model, path, {"encoder": encoder.to_json(), "made by": "a test"})
    return storage.read(path)


def test_classifier_answers_in_the_names_of_its_table_and_for_a_new_one_as_the_model_itself_does(table, tmp_path):
    data, model = read_csv(table(PETS), "kind"), MLP(2, [4, 1], "tanh", seed=1)
    encoder = Encoder.fit(data, "kind")
    X = encoder.inputs(data.X)
    assert (X, encoder.targets(data.y)) == (datasets.standardized(data).X, data.y)
    entries = saved(tmp_path / "model.json", encoder, model)
    again, twin = Encoder.of_saved(entries), entries.model()
    assert again == encoder
    assert (again.answer([0.1, 0.7]), again.answer([3.0, 0.7])) == ("dog", "cat")
    assert (again.answer(0.4), again.answer(-0.4)) == ("dog", "cat")
    found = read_inputs(table(",height,weight\n7,25,4.5\n8,60,30\n9,24,5\n", "new.csv"), again.features)
    assert (found, again.inputs(found)) == (data.X, X)
    assert [again.answer(twin(x)) for x in X] == [encoder.answer(model(x)) for x in X]


def test_regression_answers_in_the_units_of_its_table(table, tmp_path):
    data = read_csv(table("a,price\n1,100\n2,300\n3,500\n"), "price")
    encoder = Encoder.fit(data, "price")
    again = Encoder.of_saved(saved(tmp_path / "model.json", encoder, MLP(1, [1], seed=1)))
    assert again == encoder
    assert [again.answer(y) for y in again.targets(data.y)] == pytest.approx(data.y, rel=1e-12)
    assert again.answer(0.0) == 300.0


A = {"name": "a", "categories": [], "fill": 0.0, "marks_missing": False}
B = {**A, "name": "b"}
BOTH = (Column("a", (), 0.0, False), Column("b", (), 0.0, False))
GOOD = Encoder(BOTH, "y", ("p", "q"), Standardization((0.0, 1.0), (1.0, 2.0)), None)
NO_COLUMNS = [None, [], [A], [A, A], [A, "b"], [A, {**A, "name": 1}]]
NO_B = [{"more": 1}, {"fill": "p"}, {"fill": None}, {"marks_missing": True}, {"marks_missing": 0}]
NO_B += [{"categories": ["p"]}, {"categories": "p", "fill": "p"}, {"categories": ["p"], "fill": "q"}]
NO_B += [{"categories": ["p", "q"], "fill": "p"}, {"commas": "many"}, {"commas": None}]
NO_B += [{"categories": ["p"], "fill": "p", "commas": "decimal"}]
MISFITS = [
    *({"columns": columns} for columns in [*NO_COLUMNS, *([A, {**B, **change}] for change in NO_B)]),
    *({"classes": classes} for classes in (["p"], ["p", "q", "r"], [], ["p", "p"])),
    *({"means": means} for means in ([0.0], [0.0, "1"], None)),
    *({"spreads": spreads} for spreads in ([1.0, 0.0], [1.0, -1.0], [True, 1.0])),
    *({"target_scaling": scaling} for scaling in ([0.0, 1.0], [0.0], 3)),
    *({"target": None}, {"means": [0.0], "spreads": [1.0]}),
]


def test_encoder_that_does_not_fit_is_refused(tmp_path):
    path, model = tmp_path / "model.json", MLP(2, [2, 1], seed=1)
    assert Encoder.of_saved(saved(path, GOOD, model)) == GOOD
    one = Encoder(BOTH[:1], "y", ("p", "q"), Standardization((0.0,), (1.0,)), None)
    assert Encoder.of_saved(saved(path, one, Line())) == one  # beside a model of one's own
    for change in MISFITS:
        save(model, path, {"encoder": {**GOOD.to_json(), **change}})
        wanted = "^StorageError: .*what its inputs and outputs mean does not fit the model"
        assert re.search(wanted, error_of(Encoder.of_saved, storage.read(path))), change
    for extra in (None, GOOD.to_json(), {"encoder": []}, {"encoder": {**GOOD.to_json(), "more": 1}}):
        save(model, path, extra)
        wanted = "^StorageError: .*holds a model, but not what its inputs and outputs mean"
        assert re.search(wanted, error_of(Encoder.of_saved, storage.read(path))), extra
        assert load(path).nin == 2
