"""Tables in CSV files, read with the standard library: a row is an example, one column the target, the others numbers.

A table from elsewhere is rarely what one thinks it is. Whatever is not a whole table of numbers is refused in one line
of text that names the file, the line and the column, rather than guessed at, for a guess would be trained on.
"""

from __future__ import annotations

import csv
import difflib
import math
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

from nn.datasets import Dataset

File: TypeAlias = "str | os.PathLike[str]"
Cell: TypeAlias = tuple[int, str]  # the line it stands in, and its text

# How tables write "not known". None of these is a number, or the name of a class.
MISSING = {"", "?", "na", "n/a", "#n/a", "<na>", "nan", "null"}
DELIMITERS = ",;\t|"
LONGEST_LINE = 1_000_000  # characters; a file that begins with a longer one is no table, and might never end


class TableError(ValueError):
    """A file that is not a table to train on or to predict from: where, and what to do."""


def read_csv(
    path: File,
    target: str,
    *,
    features: Sequence[str] | None = None,
    classes: bool | Sequence[str] | None = None,
) -> Dataset:
    r"""Return the table of a CSV file: `y` is its column `target`, X its columns `features`, by default all others.

    The first line names the columns; commas, semicolons, tabs or | stand between them; the text is UTF-8. Features are
    numbers. A target of numbers is a regression, even where they are few, such as 0 and 1; a target of texts is a
    class, and the classes are in alphabetical order. `classes` says otherwise: True for classes that are called by
    numbers, False for a regression, or the names of the classes in an order that is known already.

    Raises TableError where a cell is missing, not a number or not finite, and OSError where the file cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(f"{folder}/pets.csv").write_text("weight,kind,height\n4.5,cat,25\n30,dog,60\n")
    ...     read_csv(f"{folder}/pets.csv", "kind")
    Dataset(X=[[4.5, 25.0], [30.0, 60.0]], y=[0, 1], features=['weight', 'height'], classes=['cat', 'dog'])
    """
    if isinstance(classes, str):
        raise TypeError(f"classes is True, False or a list of names, got the text {classes!r}")
    if features is not None and (not features or target in features):
        raise ValueError(f"features names columns other than the target {target!r}, one or more, got {features!r}")
    names, X, cells = _read(path, features, target)
    column = f"{path}, column {_shown(target)}"
    if classes is None:
        classes = _says_classes(column, cells)
    if classes is False:
        return Dataset(X, _numbers(column, cells), names, [])
    kinds = _kinds(column, cells) if classes is True else list(classes)
    index = {kind: k for k, kind in enumerate(kinds)}
    if odd := next((cell for cell in cells if cell[1] not in index), None):
        where = f"{path}, line {odd[0]}, column {_shown(target)}"
        raise TableError(f"{where}: {_shown(odd[1])} is none of the classes {_listed(kinds)}")
    return Dataset(X, [index[text] for _, text in cells], names, kinds)


def read_inputs(path: File, features: Sequence[str]) -> list[list[float]]:
    r"""Return the columns `features` of a CSV file, in this order, whatever else the file holds and in which order.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(f"{folder}/pets.csv").write_text("name;height;weight\nMimi;24;4\n")
    ...     read_inputs(f"{folder}/pets.csv", ["weight", "height"])
    [[4.0, 24.0]]
    """
    if not features:
        raise ValueError("features names the columns to read, one or more, got none")
    return _read(path, features, None)[1]


def _read(
    path: File, features: Sequence[str] | None, target: str | None
) -> tuple[list[str], list[list[float]], list[Cell]]:
    """Return the names of the features, their numbers, and the texts of the target."""
    X: list[list[float]] = []
    cells: list[Cell] = []
    texts: dict[str, str] = {}  # each text is kept once, however many rows say the same
    missing: list[str] = []
    with closing(_rows(path, [*(features or ()), *([] if target is None else [target])])) as rows:
        header, names = next(rows, (0, []))
        _check_names(path, header, names)
        position = None if target is None else _position(path, header, names, target)
        chosen = [name for name in names if name != target] if features is None else list(features)
        positions = [_position(path, header, names, name) for name in chosen]
        if not positions:
            raise TableError(f"{path} has no column but {_shown(names[0])}, and so no features")
        wanted = positions if position is None else [*positions, position]
        for line, row in rows:
            if len(row) != len(names):
                found = f"{len(row)} cell{'s' * (len(row) != 1)}"
                raise TableError(f"{path}, line {line}: {found}, where line {header} names {len(names)} columns")
            lacking = next((i for i in wanted if row[i].casefold() in MISSING), None)
            if lacking is not None:
                missing.append(f"line {line}, column {_shown(names[lacking])} ({row[lacking] or 'empty'})")
                continue
            numbers = [_number(row[i]) for i in positions]
            if not all(map(math.isfinite, numbers)):
                odd = next(i for i, x in zip(positions, numbers) if not math.isfinite(x))
                raise TableError(f"{path}, line {line}, column {_shown(names[odd])}: {_complaint(row[odd])}")
            X.append(numbers)
            if position is not None:
                cells.append((line, texts.setdefault(row[position], row[position])))
    if missing:
        share = f"{len(missing)} of {len(missing) + len(X)} rows lack a value"
        raise TableError(f"{path}: {share}, the first in {missing[0]}; fill them in, or take these rows out")
    if not X:
        raise TableError(f"{path} names its columns in line {header} and holds no examples below them")
    return chosen, X, cells


def _rows(path: File, wanted: Sequence[str]) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the rows that are not blank, each with the line it begins in; the first names the columns."""
    begin = end = 0
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            sample: list[str] = []
            while len(sample) < 20 and (text := file.readline(LONGEST_LINE)):
                if len(text) == LONGEST_LINE or "\0" in text:
                    raise TableError(f"{path}, line {len(sample) + 1}: this is not the text of a table")
                sample.append(text)
            delimiter = _delimiter(sample, wanted)
            reader = csv.reader(chain(sample, file), delimiter=delimiter, skipinitialspace=True, strict=True)
            begin = 1
            for row in reader:
                begin, end = end + 1, reader.line_num
                cells = [cell.strip() for cell in row]
                if len(cells) > 1 or any(cells):
                    yield begin, cells
    except UnicodeDecodeError:
        raise TableError(
            f"{path}, line {_undecodable(path, end)}: this is not UTF-8; save the table as UTF-8"
        ) from None
    except csv.Error as error:
        raise TableError(f"{path}, line {end + 1}: its quotation marks or cells do not end well ({error})") from None


def _delimiter(sample: Sequence[str], wanted: Sequence[str]) -> str:
    """Return what stands between the columns: what finds the wanted ones, then what makes most rows of one width."""

    def merit(delimiter: str) -> tuple[int, bool, float, int]:
        try:
            rows = [row for row in csv.reader(sample, delimiter=delimiter, skipinitialspace=True) if row]
        except csv.Error:
            return (0, False, 0.0, 0)
        names = [name.strip() for name in rows[0]] if rows else []
        alike = sum(len(row) == len(names) for row in rows)
        return (len(set(wanted) & set(names)), len(names) > 1, alike / (len(rows) or 1), len(names))

    return max(DELIMITERS, key=merit)


def _undecodable(path: File, read: int) -> int:
    """Return the first line that is not UTF-8; of a pipe, which is read once, the one after those that are known."""
    if Path(path).is_file():
        with Path(path).open("rb") as file:
            for line, text in enumerate(file, 1):
                try:
                    text.decode("utf-8")
                except UnicodeDecodeError:
                    return line
    return read + 1


def _check_names(path: File, header: int, names: Sequence[str]) -> None:
    if not names:
        raise TableError(f"{path} is empty: its first line must name the columns, and the others are examples")
    for position, name in enumerate(names):
        if not name:
            raise TableError(
                f"{path}, line {header}: column {position + 1} has no name; give it one, or write the table without it"
            )
        if name in names[:position]:
            first = names.index(name) + 1
            raise TableError(f"{path}, line {header}: columns {first} and {position + 1} are both named {_shown(name)}")


def _position(path: File, header: int, names: Sequence[str], name: str) -> int:
    """Return where a column stands; an unknown one is an error that lists those there are."""
    if name in names:
        return names.index(name)
    lowered = {known.casefold(): known for known in reversed(names)}
    close = difflib.get_close_matches(str(name).strip().casefold(), lowered, 1)
    hint = f"; did you mean {_shown(lowered[close[0]])}?" if close else ""
    if any(math.isfinite(_number(known)) for known in names):
        hint += f"; its line {header} must name the columns, and seems to be an example"
    raise TableError(f"{path} has no column {_shown(name)}; it has {_listed(names)}{hint}")


def _number(text: str) -> float:
    """Return the number that a text stands for, and one that is not finite where it is none."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return math.nan if "_" in text else number  # 2020_1 is a number in Python's source, and a name in tables


def _complaint(text: str) -> str:
    if math.isinf(_number(text)):
        return f"{_shown(text)} is infinite, or beyond the range of floats"
    if math.isfinite(_number(text.replace(",", ""))):
        return f"{_shown(text)} is not a number: write a point for a decimal comma, and nothing between thousands"
    return f"{_shown(text)} is not a number; take this column out, or put numbers in place of texts"


def _says_classes(column: str, cells: Sequence[Cell]) -> bool:
    """Return whether a target is a class: a column of texts is, one of numbers is not, and one of both is an error."""
    texts = [cell for cell in cells if math.isnan(_number(cell[1]))]
    if 0 < len(texts) < len(cells):
        numbers = [cell for cell in cells if not math.isnan(_number(cell[1]))]
        (line, odd), what = (texts[0], "text") if len(texts) <= len(numbers) else (numbers[0], "a number")
        raise TableError(
            f"{column}: numbers and texts are mixed, as {_shown(odd)} in line {line} is {what}; correct it, or pass "
            "classes=True where all of them are names of classes"
        )
    return bool(texts)


def _numbers(column: str, cells: Sequence[Cell]) -> list[float]:
    """Return the target of a regression."""
    numbers = [_number(text) for _, text in cells]
    for (line, text), number in zip(cells, numbers, strict=True):
        if not math.isfinite(number):
            raise TableError(f"{column}, line {line}: {_complaint(text)}")
    if min(numbers) == max(numbers):
        raise TableError(f"{column}: it is {numbers[0]!r} in all {len(numbers)} rows, so there is nothing to learn")
    return numbers


def _kinds(column: str, cells: Sequence[Cell]) -> list[str]:
    """Return the names of the classes in order."""
    kinds = sorted({text for _, text in cells}, key=lambda text: (_order(text), text))
    if len(kinds) == 1:
        raise TableError(
            f"{column}: one class only, {_shown(kinds[0])} in all {len(cells)} rows: nothing to tell apart"
        )
    if len(kinds) == len(cells) > 20:
        raise TableError(f"{column}: each of its {len(cells)} texts occurs once, so these are no classes")
    return kinds


def _order(text: str) -> float:
    """Return by what classes are sorted before their texts, so that class 10 comes after class 9."""
    number = _number(text)
    return math.inf if math.isnan(number) else number


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_shown, names[:12])) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _shown(name: Any) -> str:
    shown = repr(name)
    return shown if len(shown) <= 50 else f"{shown[:46]}...{shown[-1]}"
