"""Rare tables: that lack nothing, that pandas cannot read at all, folders, and letters of other encodings."""

from io import StringIO

import pandas
import pytest

from nn.data import csv_dialect, csv_reader
from nn.data.columns import examples
from nn.data.csv_reader import TableError, read_table
from tests.nn.app.running import mistaken


def written(folder, contents):
    path = folder / "table.csv"
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


def test_table_that_lacks_nothing_loses_no_rows(tmp_path):
    path = written(tmp_path, "a,b,y\n1.5,u,2\n2.5,v,3\n4.5,u,7\n")
    dropped, filled = (examples(read_table(path), "y", missing=missing) for missing in ("drop", "fill"))
    assert dropped.data == filled.data
    assert dropped.notes == filled.notes == []
    path = written(tmp_path, "a,b,y\n1.5,u,2\n,v,3\n4.5,u,7\n")
    assert examples(read_table(path), "y", missing="drop").notes == ["1 of 3 rows lack a value and are left out"]


def test_error_of_pandas_is_that_of_the_file(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise pandas.errors.ParserError("Error tokenizing data. C error:\n  something new")

    path = written(tmp_path, "a,b\n1,2\n")
    monkeypatch.setattr(pandas, "read_csv", fail)
    with pytest.raises(TableError, match=r"table\.csv: something new$"):
        read_table(path)


def test_target_is_asked_for_where_the_columns_cannot_be_read(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name in (tmp_path / "folder.csv", written(tmp_path, b"a,b\0c\n1,2\n")):
        assert "--target COLUMN is missing" in mistaken(name)
        assert "whose columns" not in mistaken(name)
    assert "whose columns are 'a', 'b'" in mistaken(written(tmp_path, "a,b\n1,2\n"))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_line_that_is_not_utf8_is_told(mark, line):
    lines = [b"a;b", "ü".encode(), b"1"]
    lines[line - 1] += b"\xe4\x81"
    text, (note,) = csv_dialect.decoded("t.csv", mark + b"\n".join(lines), None)
    assert f"not UTF-8 (line {line})" in note
    assert "ä" in text


def test_interrupt_while_pandas_reads_is_an_interrupt(tmp_path, monkeypatch):
    class Interrupted(StringIO):
        def read(self, *size):
            raise KeyboardInterrupt

    path = written(tmp_path, "x,y\n1,2\n")
    monkeypatch.setattr(csv_reader, "StringIO", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_table(path)
