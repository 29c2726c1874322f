"""CSV reader: a file of separated text becomes columns of cells, by name.

Parsing is pandas' work, which is told the file's dialect by `csv_dialect`. What is ours is which cells are missing and
which are numbers. What a column *means* is decided in `columns`, and how it enters a network in `encoder`.
"""

from __future__ import annotations

import difflib
import math
import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import StringIO
from itertools import compress, count
from types import MappingProxyType
from typing import Any, NamedTuple

from nn.data.csv_dialect import TableError as TableError
from nn.data.csv_dialect import TextFile, contents, decoded, layout

# How tables write "not known". None of these is a number; one that names a class is told in `columns`.
MINUSES = {"-", "\u2212", "\u2013", "\u2014"}
MISSING = {"", "?", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", ".", "..", "--", *MINUSES}
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
SWAPPED = str.maketrans(",.", ".,")  # a number with a decimal comma becomes one with a decimal point, and back
SPACED = re.compile(r"[+-]?[1-9]\d{0,2}([ '\u2019\u00a0\u2007\u2009\u202f])\d{3}(\1\d{3})*([.,]\d*)?")
# What typesetters and keyboards of East Asia write in numbers. Not NFKC, by which 10³ would be 103.
WIDE = {chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)}
TO_ASCII = str.maketrans({"\u2212": "-", "\u2013": "-", **WIDE})
MARKS = re.compile("[%‰()$€£¥₩₹₽₺]")  # with which a number is a text: whether 5 % is 5 or 0.05 is not for us to say
UP_TO_999 = re.compile(r"[+-]?\d{1,3}")
NO_COMMAS: Mapping[str, str] = MappingProxyType({})


class Table(NamedTuple):
    """The cells of a file as texts, column by column; the text of a missing cell is empty."""

    path: str
    columns: dict[str, list[str]]
    unnamed: frozenset[str]  # columns whose names the file does not give
    separator: str
    notes: list[str]  # what was unusual about the file
    texts: Mapping[str, Sequence[str]] = MappingProxyType({})  # the same cells as they are written: "NA", not ""
    commas: Mapping[str, str] = NO_COMMAS  # what they are in columns of numbers, as of `commas_in`

    def name(self, name: str) -> str:
        """Return the name of a column as it is here; an unknown one is an error that lists those there are."""
        for known in (name, str(name).strip()):  # spaces around a name in the file are no part of it
            if known in self.columns:
                return known
        lowered = {known.casefold(): known for known in reversed(list(self.columns))}
        close = difflib.get_close_matches(str(name).strip().casefold(), lowered, 1)
        hint = f"; did you mean {shown(lowered[close[0]])}?" if close else ""
        if any(math.isfinite(number_in(known)) for known in self.columns):
            hint += (
                "; its first line must name the columns, and seems to be an example: columns without names are called "
                f"by their numbers, '1' to '{len(self.columns)}'"
            )
        raise TableError(f"{self.path} has no column {shown(name)}; it has {listed_names(self.columns)}{hint}")


def read_table(
    path: TextFile, wanted: Sequence[str] = (), encoding: str | None = None, *, blank_rows: bool = False
) -> Table:
    r"""Return the cells of a CSV file, plain or compressed; `wanted` are names of columns that are to be found in it.

    The first line names the columns, after lines of comments (#) and a line such as `sep=;`. Where it is an example,
    and the wanted names are numbers, columns are called by their numbers: "1", "2" and so on. Commas, semicolons, tabs,
    | or spaces separate the cells, and a row of fewer cells lacks the last ones. Below, a line is a comment that begins
    with # and has one cell of several, or with # and a space and is not as wide as the others; it is left out, with a
    note. So are rows whose cells are all empty, or with `blank_rows` only those at the end. The text is UTF-8, or else
    taken for Latin-1 (as Windows writes it), with a note.

    Raises TableError where this is not the text of a table, and OSError where the file cannot be read.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(f"{folder}/pets.csv").write_text("sep=;\nweight;kind\n4.5;cat\n?;dog\n", encoding="utf-8")
    ...     read_table(f"{folder}/pets.csv").columns
    {'weight': ['4.5', ''], 'kind': ['cat', 'dog']}
    """
    table = _read(path, wanted, encoding, blank_rows, None)
    commas = commas_in(table.columns, table.separator)
    columns = {
        name: [ungrouped(cell).translate(SWAPPED) for cell in cells]
        if commas.get(name) in ("decimal", "points")
        else cells
        for name, cells in table.columns.items()
    }
    return table._replace(columns=columns, commas=commas)


def _read(
    path: TextFile, wanted: Sequence[str], encoding: str | None, blank_rows: bool, commas: Mapping[str, str] | None
) -> Table:
    """Return the cells of a file as they are written; `commas` are those of `layout`."""
    text, notes = decoded(path, contents(path, encoding), encoding)
    lines = re.sub(r"\r+\n|\r", "\n", text).split("\n")  # a file written as text twice has \r\r\n
    separator, names, found = layout(path, lines, wanted, commas)
    notes += found
    pandas = _pandas()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                StringIO("\n".join(lines)),
                sep=r"\s+" if separator == " " else separator,
                header=None,
                names=range(len(names)),
                index_col=False,  # else a first row with a cell too many moves all columns
                dtype=object,
                keep_default_na=False,
                skipinitialspace=True,
            )
    except pandas.errors.ParserWarning:
        first = next(i for i, line in enumerate(lines, 1) if line.strip())
        reason = f"line {first} has more cells than the {len(names)} columns that the first one names"
        raise TableError(f"{path}: {reason}; quote a cell that holds a {shown(separator)}") from None
    except ValueError as error:  # pandas.errors.ParserError, which counts the lines
        reason = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        if "read(nbytes) on source failed" in reason:  # the text is in memory: Ctrl-C came while pandas asked for it
            raise KeyboardInterrupt from None
        counts = re.fullmatch(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
        if counts:
            reason = f"line {counts[2]} has {counts[3]} cells, where the first one names {counts[1]} columns"
        elif "inside string" in reason:
            reason = "a quotation mark is opened and never closed"
        raise TableError(f"{path}: {reason}") from None
    texts = [[str(cell).strip() if isinstance(cell, str) else "" for cell in frame[i]] for i in range(len(names))]
    columns = [["" if text.casefold() in MISSING else text for text in column] for column in texts]
    blank = [not any(row) for row in zip(*texts, strict=True)]  # words for missing may be classes
    if blank_rows:
        end = len(blank) - [*blank[::-1], False].index(False)
        blank[:end] = [False] * end
    return _table(str(path), names, columns, texts, separator, notes, blank)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("tables are read with pandas: python -m pip install 'scalar-autograd[demo]'") from error
    return pandas


def _table(
    path: str,
    names: Sequence[str],
    columns: list[list[str]],
    texts: list[list[str]],
    separator: str,
    notes: list[str],
    blank: Sequence[bool],
) -> Table:
    """Return the table of columns that are not wholly blank, each under a name of its own, without the blank rows."""
    if any(blank):
        kept = [not out for out in blank]
        columns, texts = ([list(compress(cells, kept)) for cells in part] for part in (columns, texts))
        notes = [
            *notes,
            f"{sum(blank)} blank rows left out" if sum(blank) > 1 else "one blank row left out",
        ]
    named: dict[str, list[str]] = {}
    written: dict[str, list[str]] = {}
    unnamed = []
    for position, (name, column, cells) in enumerate(zip(names, columns, texts, strict=True), 1):
        if not name and not any(column):
            continue  # what a separator at the end of each line makes
        given = name or f"column {position}"
        unique = distinct_name(given, named)
        if unique != given:
            notes = [
                *notes,
                f"two columns are named {shown(given)}: the one in place {position} is called {shown(unique)}",
            ]
        if not name or re.fullmatch(r"Unnamed: \d+(\.\d+)?", name):  # as pandas calls one that it has read
            unnamed.append(unique)
        named[unique], written[unique] = column, cells
    if not any(map(len, named.values())):
        raise TableError(f"{path} names its columns and holds no examples below them")
    return Table(path, named, frozenset(unnamed), separator, notes, written)


def distinct_name(name: str, taken: Collection[str]) -> str:
    """Return a name, or where it is taken the first of name.1, name.2 and so on that is not.

    >>> distinct_name("a", []), distinct_name("a", ["a", "a.1"])
    ('a', 'a.2')
    """
    return next(given for i in count() if (given := f"{name}.{i}" if i else name) not in taken)


def commas_in(columns: Mapping[str, Sequence[str]], separator: str) -> dict[str, str]:
    """Return what commas and points are in columns of numbers, by this rule; what it does not decide is "unclear".

    1. A column tells by itself where it has numbers of one reading only: 1.5, 0.123 and 1,234.5 have decimal points,
       1,5 and 1.234,5 decimal commas. 1,234 and 1.234 may be either.
    2. Where it may be either, columns that tell decide: a mark means in it what it means in them.
    3. Else numbers without a mark, none of them above 999, tell that those above 999 have one between thousands. Where
       that is a point and nothing tells decimal commas, one of these must end in 0, in a table that is not separated by
       commas: 1.125 beside 2 may be decimal.
    4. Else points are decimal, and commas stand between thousands in a table that is separated by commas.
    By 2 to 4 nothing has decimal points beside a column that tells decimal commas, nor the other way round. In
    a column with spaces or apostrophes between thousands, what may be either is decimal.

    A column with decimal commas is "points" where it has points between thousands, else "decimal"; so is one without
    marks where only decimal commas are told. One with commas between thousands is "thousands"; others are not listed.

    >>> commas_in({"a": ["1,5", "2"], "b": ["2,345"], "c": ["1,5", "many"], "d": ["2.345", "678"]}, ";")
    {'a': 'decimal', 'b': 'decimal', 'd': 'points'}
    >>> commas_in({"a": ["1,500", "2.5"]}, ";"), commas_in({"a": ["17,811", "476"], "b": ["2,345"]}, ";")
    ({'a': 'thousands'}, {'a': 'thousands', 'b': 'unclear'})
    >>> commas_in({"a": ["12 345", "6,789"], "b": ["12'345", "6.789"]}, ",")
    {'a': 'decimal'}
    """
    numbers = {name: [ungrouped(cell) for cell in cells if cell] for name, cells in columns.items()}
    marks = {name: {*".,"} & {*"".join(cells)} for name, cells in numbers.items()}
    readings = {name: _decimal_marks(cells) if marks[name] else "" for name, cells in numbers.items()}
    for name, cells in numbers.items():
        has_gaps = sum(map(len, cells)) < sum(map(len, columns[name]))  # spaces or apostrophes
        if has_gaps and len(readings[name]) == 2 and len(marks[name]) == 1:
            (readings[name],) = marks[name]
    told: dict[str, set[str]] = {".": set(), ",": set()}  # by what is the decimal mark: the marks that have a meaning
    for name, reading in readings.items():
        if len(reading) == 1:
            told[reading] |= marks[name]
    commas = {}
    for name, cells in numbers.items():
        reading = readings[name]
        if len(reading) == 2:
            reading = _chosen(cells, marks[name], told, separator)
        elif not marks[name] and told[","] and not told["."]:
            reading = _decimal_marks(cells)[1:]
        if reading == "." and "," in marks[name]:
            commas[name] = "thousands"
        elif reading == ",":
            commas[name] = "points" if "." in marks[name] else "decimal"
        elif reading == "?":
            commas[name] = "unclear"
    return commas


def _decimal_marks(cells: Sequence[str]) -> str:
    """Return what may be the decimal mark of a column, "." or "," or both: all its cells are numbers by it."""
    has_point = not any(math.isnan(number_in(cell)) for cell in cells)
    marked = (cell.translate(SWAPPED) if "," in cell or "." in cell else cell for cell in cells)
    has_comma = not any(math.isnan(number_in(cell)) for cell in marked)
    return ("." * has_point + "," * has_comma) if cells else ""


def _chosen(cells: Sequence[str], marks: set[str], told: Mapping[str, set[str]], separator: str) -> str:
    """Return the decimal mark of a column that may have either, by the others or its numbers up to 999, or "?"."""
    possible = [mark for mark, other in (".,", ",.") if not told[other]]
    for mark in possible:
        if told[mark] & marks:
            return mark
    whole = [cell for cell in cells if not {*cell} & {*".,"}]
    grouped = len(marks) == 1 and whole and all(UP_TO_999.fullmatch(cell) for cell in whole)
    if grouped and "." in possible and "." in marks:
        # Who leaves zeros out writes 2 and 1.125; who writes them, as in 2.500, writes no 12 for 12.000.
        grouped = separator != "," and any("." in cell and cell[-1] == "0" for cell in cells)
    for mark in possible:
        if grouped and mark not in marks:
            return mark
    return "." if "." in possible and (separator == "," or "," not in marks) else "?"


def number_in(text: str) -> float:
    """Return the number that a cell stands for, with or without marks between thousands; nan where it is none.

    >>> number_in("1,234.5"), number_in("-2e3"), number_in("2020_1"), number_in("\u22121'234.5")
    (1234.5, -2000.0, nan, -1234.5)
    """
    try:
        return math.nan if "_" in text else float(text)  # 2020_1 is a number in Python's source, and a name in tables
    except ValueError:
        if (written := ungrouped(text)) != text:
            return number_in(written)
        return float(text.replace(",", "")) if THOUSANDS.fullmatch(text) else math.nan


def ungrouped(text: str) -> str:
    """Return a number in ASCII, without spaces or apostrophes between thousands; points, commas and texts stay.

    >>> ungrouped("1 234 567,5"), ungrouped("\u22121.5"), ungrouped("12 34")
    ('1234567,5', '-1.5', '12 34')
    """
    if text.isascii() and " " not in text and "'" not in text:
        return text
    text = text.translate(TO_ASCII)
    found = SPACED.fullmatch(text)
    return text.replace(found[1], "") if found else text


def listed_names(names: Iterable[str]) -> str:
    """Return names for an error message, the first dozen of them."""
    known = list(names)
    return ", ".join(map(shown, known[:12])) + (f" and {len(known) - 12} more" if len(known) > 12 else "")


def shown(name: Any) -> str:
    """Return a name in quotation marks, on one line, cut where it is long."""
    text = repr(name)
    return text if len(text) <= 50 else f"{text[:46]}...{text[-1]}"


def read_inputs(
    path: TextFile,
    columns: Mapping[str, bool],
    encoding: str | None = None,
    commas: Mapping[str, str] = NO_COMMAS,
    *,
    notes: list[str] | None = None,
) -> list[list[Any]]:
    r"""Return the columns of a CSV file by name, in this order, whatever else it holds; True is for columns of texts.

    What a cell means does not depend on other rows: `commas` says what they are in a column, as of `commas_in` for
    the table trained on. A cell that may be read in two ways is an error where that does not tell: one with a comma in
    a column that had none, or with a point in a column that had decimal commas and no points. But in a table separated
    by commas the comma stands between thousands, and the point is decimal. What was unusual about the file is added to
    `notes`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(f"{folder}/pets.csv").write_text("name;height;weight\nMimi;24;?\n", encoding="utf-8")
    ...     read_inputs(f"{folder}/pets.csv", {"weight": False, "height": False, "name": True})
    [[nan, 24.0, 'Mimi']]
    """
    if not columns:
        raise ValueError("columns names what to read, one or more, got none")
    known = {name: commas.get(name, "") for name, is_text in columns.items() if not is_text}
    table = _read(path, list(columns), encoding, True, known)
    if notes is not None:
        notes += table.notes
    parts: list[Sequence[Any]] = []
    for name, is_text in columns.items():
        cells = table.columns[table.name(name)]
        if is_text:
            parts.append(cells)
            continue
        where = f"{path}, column {shown(name)}"
        rows = enumerate(cells, 1)
        points = [_with_point(f"{where}, row {row}", cell, known[name], table.separator) for row, cell in rows]
        parts.append(numbers_in(where, points))
    return [list(row) for row in zip(*parts, strict=True)]


def _with_point(where: str, cell: str, commas: str, separator: str) -> str:
    """Return a number with a decimal point; one that may be read in two ways, or not as in training, is an error."""
    cell = ungrouped(cell)
    reading = _decimal_marks([cell])
    if commas == "thousands" or not reading or not {*cell} & {*".,"}:
        return cell
    odd, trained = "", "in training commas were decimal"
    if commas and reading == "." and "," in cell:
        odd = f"has a comma between thousands: {trained}"
    elif len(reading) == 2 and commas != "points" and separator != "," and ("," in cell) != bool(commas):
        odd = (
            f"may be read in two ways: {trained if commas else 'training does not tell what a comma is in this column'}"
        )
    if odd:
        mark = "comma" if commas else "point"
        raise TableError(f"{where}: {shown(cell)} {odd}; write a decimal {mark}, and nothing between thousands")
    has_comma = commas == "points" or (commas and "," in cell) if len(reading) == 2 else reading == ","
    return cell.translate(SWAPPED) if has_comma else cell


def numbers_in(where: str, cells: Sequence[str]) -> list[float]:
    """Return the numbers of a column, nan where a cell is missing; any other text, and infinity, is an error."""
    found = [number_in(cell) for cell in cells]
    for row, (cell, x) in enumerate(zip(cells, found, strict=True), 1):
        if cell and not math.isfinite(x):
            raise TableError(f"{where}, row {row}: {complaint(cell)}")
    return found


def complaint(text: str) -> str:
    """Return what is wrong with a cell that should be a number."""
    if math.isinf(number_in(text)):
        return f"{shown(text)} is infinite, or beyond the range of floats"
    if math.isfinite(number_in(text.translate(SWAPPED))):
        return f"{shown(text)} is not a number here: write a decimal point, and nothing between thousands"
    return f"{shown(text)} is not a number; correct it, or leave the cell empty{advice([text])}"


def advice(cells: Iterable[str]) -> str:
    """Return how to write texts that are all numbers but for a mark, such as 12 %; nothing for others.

    >>> advice(["12 %", "1 234,5%", "7"]), advice(["($3)"]), advice(["12 %", "many"])
    ("; write numbers without '%'", "; write numbers without '$' and -3 for (3)", '')
    """
    texts = [ungrouped(cell) for cell in cells if cell]
    marks = {mark for text in texts for mark in MARKS.findall(text)}
    if not marks or not _decimal_marks([ungrouped(MARKS.sub("", text).strip()) for text in texts]):
        return ""
    signs = marks - {*"()"}
    what = [f"without {listed_names(sorted(signs))}"] * bool(signs) + ["-3 for (3)"] * (signs != marks)
    return f"; write numbers {' and '.join(what)}"
