"""CSV dialect: how a file of separated text is written, found out from its beginning.

Tables in the wild do not say what their encoding is, what separates their cells, and where their names stand. A parser
has to be told, so it is found out here; what is no example is blanked out, so that lines keep their numbers.
"""

from __future__ import annotations

import bz2
import csv
import errno
import gzip
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from autograd.files import read_up_to
from autograd.rules import with_article

TextFile: TypeAlias = "str | os.PathLike[str]"

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")  # tried in this order; the last one never fails
COMPRESSED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
LARGEST_FILE = 1 << 28  # bytes, unpacked: more cells would not fit most memories as objects of Python


class TableError(ValueError):
    """A file that is not a table to train on or to predict from: where, and what to do."""


def contents(path: TextFile, encoding: str | None = None) -> bytes:
    """Return the bytes of a file, unpacked where it is compressed; a pipe is read once."""
    try:
        place = Path(path)
    except TypeError:
        found, remedy = with_article(path), "df.to_csv('name.csv', index=False) writes one"
        raise TypeError(f"read_csv takes the name of a file, got {found}; {remedy}") from None
    if re.match(r"\w{2,}:/", place.as_posix()) and not place.exists():
        address = str(path) if isinstance(path, str) else place.as_posix().replace(":/", "://", 1)
        raise TableError(f"{address} is an address; download the table, and pass the name of its file")
    if place.is_dir():  # Windows would say that permission is denied
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with place.open("rb") as file:
        beginning = file.read(1 << 16)
        if beginning.startswith(b"PK\x03\x04"):
            raise TableError(f"{path} is a ZIP archive or an Excel workbook, not a CSV file; save the table as CSV")
        unpack = next((opener for magic, opener in COMPRESSED.items() if beginning.startswith(magic)), None)
        if not (unpack or encoding or beginning.startswith((b"\xff\xfe", b"\xfe\xff"))) and b"\0" in beginning:
            raise TableError(
                f"{path} is not the text of a table: it holds bytes of 0; save the table as CSV in UTF-8, or pass its "
                "encoding (--encoding), such as utf-16-le"
            )
        contents = beginning + read_up_to(file, LARGEST_FILE)
    if unpack is not None:
        try:
            with unpack(BytesIO(contents)) as file:
                contents = read_up_to(file, LARGEST_FILE + 1)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise TableError(f"{path} is compressed, and not whole: {error}") from None
    if len(contents) > LARGEST_FILE:
        raise TableError(f"{path} is larger than {LARGEST_FILE >> 20} MiB; take a part of its rows")
    return contents


def decoded(path: TextFile, contents: bytes, encoding: str | None) -> tuple[str, list[str]]:
    r"""Return the text of a file, and a note where its encoding had to be guessed.

    >>> decoded("pets.csv", b"K\xe4tzchen", None)
    ('Kätzchen', ['not UTF-8 (line 1), so read as Latin-1; if letters look wrong, pass its encoding (--encoding)'])
    """
    utf16 = contents.startswith((b"\xff\xfe", b"\xfe\xff"))
    for guess in [encoding] if encoding else ["utf-16"] if utf16 else ENCODINGS:
        try:
            text = contents.decode(guess).removeprefix("\ufeff")
        except LookupError:
            raise TableError(f"{path}: {guess!r} is not an encoding; 'utf-8' and 'latin-1' are some") from None
        except UnicodeDecodeError as error:
            if guess == encoding or utf16:
                raise TableError(f"{path} is not {guess}: {error.reason} in byte {error.start}") from None
            continue
        if "\0" in text:
            raise TableError(f"{path} is not the text of a table: it holds characters of code 0")
        if guess in ENCODINGS[1:] and encoding is None:
            line = contents.count(b"\n", 0, _first_undecodable(contents)) + 1
            return text, [
                f"not UTF-8 (line {line}), so read as Latin-1; if letters look wrong, pass its encoding (--encoding)"
            ]
        return text, []
    raise AssertionError("latin-1 decodes everything")  # pragma: no cover


def _first_undecodable(contents: bytes) -> int:
    try:
        contents.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    raise AssertionError("it is asked of what is not UTF-8")  # pragma: no cover


def layout(
    path: TextFile, lines: list[str], wanted: Sequence[str], commas: Mapping[str, str] | None = None
) -> tuple[str, list[str], list[str]]:
    """Return the separator, the names of the columns, and notes, and blank out all lines that are not examples.

    Lines are blanked rather than removed, so that those that pandas complains about keep their numbers. `commas` are
    those in the wanted columns of numbers, as `csv_reader.commas_in` has found them before.

    >>> lines = ["# measured in May", "weight;kind", "4.5;cat"]
    >>> layout("pets.csv", lines, wanted=["kind"]), lines
    ((';', ['weight', 'kind'], []), ['', '', '4.5;cat'])
    """
    separator = _declared_separator(lines)
    start, sample, comments = _beginning(lines)
    if not sample:
        raise TableError(f"{path} is empty: its first line must name the columns, and the others are examples")
    separator = separator or _separator(sample, wanted, bool({"decimal", "points"} & {*(commas or {}).values()}))
    rows = _split(sample, separator)
    named_above = _names_in_comment(lines[comments[-1]], rows[0], separator, wanted) if comments else []
    names = named_above or rows[0]
    if _are_positions(wanted, [names, *rows[1:]]):
        names = [str(position) for position in range(1, len(names) + 1)]  # no line of names
    elif not named_above:
        _, end, _ = next(_rows(lines, start, separator), (start, start + 1, []))
        lines[start:end] = [""] * (end - start)
        start = end
    for i in comments:
        lines[i] = ""
    if commas and names == rows[0][:1] and _most_are_wider(rows, names):
        unclear = next(filter(_has_comma, map(str.strip, sample[1:])), None)
        if unclear:
            raise TableError(
                f"{path}: {unclear!r:.50} may be one number, or the name of a row and a number; write a decimal point "
                "and nothing between thousands, or name both columns in the first line"
            )
    names, width = _with_unnamed(names, rows)
    if len(names) == 1:
        _quote_blank_cells(lines, start, separator)
    notes = []
    if remarks := _blank_comments(lines, start, separator, width):
        where = f"line {remarks[0] + 1}"
        many = f"{len(remarks)} lines left out as comments (#), the first is {where}"
        notes.append(many if len(remarks) > 1 else f"{where} left out as a comment (#)")
    return separator, names, notes


def _declared_separator(lines: list[str]) -> str:
    """Return the separator that a first line such as `sep=;` declares, if there is one, and blank that line out."""
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith(("#", "%"))), None)
    said = None if first is None else re.fullmatch(r'\s*"?sep=(.|\\t)"?[,;\s]*', lines[first], re.IGNORECASE)
    if first is None or said is None:
        return ""
    lines[first] = ""
    return "\t" if said[1] == "\\t" else said[1]


def _beginning(lines: Sequence[str]) -> tuple[int, list[str], list[int]]:
    """Return where the rows of a table begin, the first lines of them, and the lines of comments above."""
    comments: list[int] = []
    sample: list[str] = []
    start = 0
    for i, line in enumerate(lines):
        if not sample and line.lstrip().startswith(("#", "%")):
            comments.append(i)
        elif line.strip():
            start = start if sample else i
            sample.append(line)
        if len(sample) == 20:
            break
    if not sample and comments:  # a line of names that begins with one of these characters, and nothing below it
        start = comments.pop()
        sample = [lines[start]]
    return start, sample, comments


def _names_in_comment(line: str, names: Sequence[str], separator: str, wanted: Sequence[str]) -> list[str]:
    """Return the names in a comment above a table, as numpy.savetxt writes them, where more of them are wanted ones."""
    both = [_split([text], separator)[0] for text in (line.lstrip("#% \t"), line)]  # the sign may be of the name
    both = [said for said in both if len(said) == len(names) and said[0]]  # or be the name
    found = max(both, key=lambda said: len({*said} & {*wanted}), default=[])
    return found if len({*found} & {*wanted}) > len({*names} & {*wanted}) else []


def _most_are_wider(rows: Sequence[Sequence[str]], names: Sequence[str]) -> bool:
    """Whether most rows have one cell more than the first one has names."""
    return sum(len(row) == len(names) + 1 for row in rows[1:]) > (len(rows) - 1) / 2


def _with_unnamed(names: list[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], int]:
    """Return the names with one for a column that has none, and the number of cells in a row."""
    width = len(names)
    if not _most_are_wider(rows, names):
        return names, width
    if all(row[-1] == "" for row in rows[1:] if len(row) == width + 1):  # a separator at the end of rows
        return [*names, ""], width
    return ["", *names], width + 1  # row names, as R has them


def _are_positions(wanted: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether columns are asked for by their numbers, since the first row has no names but is an example.

    A row of texts above numbers has names. So has one that holds all that is wanted, whose numbers are whole and
    different, in any order, and whose texts do not occur again below them: `who,2,1`.
    """
    if not wanted or not all(name in map(str, range(1, len(rows[0]) + 1)) for name in wanted):
        return False
    first, second = (
        [cell for cell in row if NUMBER.fullmatch(cell) or _has_comma(cell)]
        for row in (rows[0], rows[min(1, len(rows) - 1)])
    )
    if not first:
        return not second
    texts = {(i, cell) for i, cell in enumerate(rows[0]) if cell and cell not in first}
    return (
        not {*wanted} <= {*rows[0]}
        or len({*first}) < len(first)
        or not all(re.fullmatch(r"0|[1-9][0-9]*", cell) for cell in first)
        or any(texts & {*enumerate(row)} for row in rows[1:])
    )


def _rows(lines: Sequence[str], start: int, separator: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the rows from a line on: where each begins, where it ends, and its cells.

    A cell that begins with a quotation mark may go on over lines; a mark within a cell is a letter of it.
    """
    while start < len(lines):
        texts = (" ".join(line.split()) if separator == " " else line for line in islice(lines, start, None))
        reader = csv.reader((f"{text}\n" for text in texts), delimiter=separator, skipinitialspace=True)
        begin = start
        try:
            for cells in reader:
                end = start + reader.line_num
                yield begin, end, [cell.strip() for cell in cells]
                begin = end
            return
        except csv.Error:  # a cell of more than 131,072 characters
            start += reader.line_num


def _quote_blank_cells(lines: list[str], start: int, separator: str) -> None:
    """Quote the blank cells of a table of one column, whose lines would be taken for none, but for those at its end."""
    written = [i for i, line in enumerate(lines) if line.strip()]
    for begin, end, cells in _rows(lines, start, separator):
        if end <= max(written, default=0) and not any(cells):
            lines[begin] = '""'


def _blank_comments(lines: list[str], start: int, separator: str, width: int) -> list[int]:
    """Blank out the lines of comments (#) between the rows from a line on, and return where they were."""
    found = []
    while any(line.startswith("#") for line in islice(lines, start, None)):
        for begin, end, cells in _rows(lines, start, separator):
            start = end
            if lines[begin].startswith("#") and _is_comment(cells, separator, width):
                found.append(begin)
                lines[begin] = ""
                start = begin + 1
                if start < end:  # a quotation mark of the comment has opened no cell
                    break
        else:
            break
    return found


def _is_comment(cells: Sequence[str], separator: str, width: int) -> bool:
    """Whether a row that begins with # is a comment: one of one cell, or of too few or many after # and a space."""
    if len(cells) == 1:
        return width > 1
    if len(cells) - (not cells[-1]) == width or len(cells) == width:
        return False
    return separator == " " or re.match(r"#+(\s|$)", cells[0]) is not None


def _has_comma(text: str) -> bool:
    """Whether this is a number with a decimal comma."""
    return bool(DECIMAL_COMMA.fullmatch(text))


def _lists_numbers(text: str, like: str) -> bool:
    """Whether these are several numbers with spaces between them, as many as another text has words."""
    words = text.split()
    return len(words) == len(like.split()) > 1 and all(map(NUMBER.fullmatch, words))


def _separator(sample: Sequence[str], wanted: Sequence[str], decimal_commas: bool) -> str:
    """Return the separator: what finds the names asked for, then what makes most rows as wide as the first.

    Where commas are known to be decimal, and the first line has no others, they separate nothing. Spaces come last, as
    texts have some; but tabs do after them, where most rows have lists of numbers before the last one.
    """
    others = re.sub(r"(?<![\d.,])(\d{1,3}(\.\d{3})+|\d*),\d+(?![\d.,])", "", sample[0]) if decimal_commas else ","

    by_tabs = [row[:-1] for row in _split(sample, "\t")]
    padded = [row and len(row) == len(by_tabs[0]) and all(map(_lists_numbers, row, by_tabs[0])) for row in by_tabs]
    last = "\t" if sum(map(bool, padded)) > len(padded) / 2 else " "

    def merit(separator: str) -> tuple[int, bool, float, int]:
        rows = _split(sample, separator)
        width = len(rows[0])
        alike = sum(len(row) in (width, width + 1) for row in rows) / len(rows)
        return (len(set(wanted) & set(rows[0])), width > 1, alike, width if separator != last else 0)

    return max((separator for separator in SEPARATORS if separator != "," or "," in others), key=merit)


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the cells of some lines; those of a quoted text with line breaks are one row."""
    texts = [line.strip() for line in lines] if separator == " " else lines
    if separator == " ":
        texts = [re.sub(r"\s+", " ", text) for text in texts]
    try:
        rows = list(csv.reader([f"{text}\n" for text in texts], delimiter=separator, skipinitialspace=True))
    except csv.Error:  # a cell of more than 131,072 characters
        return [[""]]
    return [[cell.strip() for cell in row] for row in rows if row] or [[""]]
