"""Column types: which columns of a table are features, of numbers or of categories, and which are left out and why.

What is done with a column is never silent: each has a line in a summary that can be read before training starts. The
numbers that depend on the rows (medians, categories, means) are not found here but by the `Encoder`, on the part of
the rows that is trained on.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import compress, takewhile
from numbers import Integral
from typing import Any

from nn.data.csv_dialect import SEPARATORS, TableError
from nn.data.csv_reader import MINUSES, SWAPPED, Table, advice, listed_names, number_in, numbers_in, shown, ungrouped
from nn.data.datasets import Dataset

MOST_CATEGORIES = 20  # a column of more different texts is left out, unless the texts are the target
MOST_CLASSES = 10  # a target of the whole numbers from 0 or 1 on is taken for classes up to so many
LARGEST_CELL = 1e100  # numbers whose squares can be summed; what is larger has no mean squared error
MOST_LINES = 40  # of a summary; tables of a thousand columns get a shorter one

MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
TIME = r"\d{1,2}:\d{2}(:\d{2}\S*)?(\s?[ap]m)?"
DAY = "|".join(
    [
        r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?",  # 2000-01-31, 2000-01
        r"\d{4}[- ]?[qm]\d{1,2}",  # 2000Q1, 2000M12
        r"\d{1,2}([-/.])\d{1,2}\2\d{2,4}",  # 31.1.2000, 1/31/00
        rf"\d{{1,2}}[- ]?{MONTH}[-, ]*\d{{2,4}}",  # 31 Jan 2000, 31-Jan-00
        rf"{MONTH}[- ](\d{{1,2}},? )?\d{{2,4}}",  # January 31, 2000 and Jan 2000
    ]
)
DATE = re.compile(rf"({DAY})([ T]+{TIME}.*)?|{TIME}".replace(r"\2", r"\3"), re.IGNORECASE)
ROW_NUMBERS = {"#", "rownames", "row.names", "row_names", "index", "id", "row", "obs"}  # names of 1, 2, 3, ...


@dataclass
class TableExamples:
    """Examples as they stand in a table, with a summary: numbers, nan where missing, and texts, empty where missing."""

    data: Dataset
    target: str
    lines: list[tuple[str, str]] = field(default_factory=list)  # columns, and what becomes of them
    notes: list[str] = field(default_factory=list)
    commas: Mapping[str, str] = field(default_factory=dict)  # those of the table

    def summary(self, source: str) -> str:
        """Return what was found and what was done with it, to be read before training."""
        shown_lines, plain = self.lines, 0
        if len(self.lines) > MOST_LINES:
            odd = [line for line in self.lines if not re.fullmatch(r"numbers \S+ to \S+", line[1])]
            shown_lines, plain = odd[:MOST_LINES], len(self.lines) - len(odd)
        width = min(30, max((len(shown(name)) for name, _ in shown_lines), default=0))
        text = [f"{source}: {len(self.data.X)} examples, {len(self.lines)} columns"]
        text += [f"  {shown(name):{width}}  {what}" for name, what in shown_lines]
        if plain:
            text.append(f"  and {plain} columns of numbers")
        if (cut := len(self.lines) - len(shown_lines) - plain) > 0:
            text.append(f"  and {cut} more columns like these")
        return "\n".join(text + [f"note: {note}" for note in self.notes])


def examples(
    table: Table,
    target: str,
    *,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    classes: bool | Sequence[str] | None = None,
    missing: str = "fill",
) -> TableExamples:
    """Return the examples of a table, in its own units and words; the arguments are those of `nn.read_csv`.

    >>> table = Table("t.csv", {"id": ["1", "2"], "size": ["4.5", ""], "kind": ["cat", "dog"]}, frozenset(), ",", [])
    >>> found = examples(table, "kind")
    >>> found.data
    Dataset(X=[[4.5], [nan]], y=[0, 1], features=['size'], classes=['cat', 'dog'])
    >>> found.lines[0]
    ('id', 'left out: it numbers the rows')
    """
    wanted_columns(target, features, drop)  # for its errors
    target, drop = table.name(target), [table.name(name) for name in drop]
    asked = None if features is None else [table.name(name) for name in features]
    _check(target, asked, drop, classes, missing)
    notes = [*table.notes]
    if table.separator != ",":
        notes.append(_separated(table))
    columns = {name: table.columns[name] for name in (table.columns if asked is None else [*asked, target])}
    columns[target], lacking = _goal(table, target, classes)
    known = [bool(cell) for cell in columns[target]]
    if lacking:
        if not any(known):
            raise TableError(f"{table.path}: {lacking}")
        columns = {name: list(compress(cells, known)) for name, cells in columns.items()}
        notes.append(f"{lacking} and are left out")
    goal = columns.pop(target)
    chosen, said = _features(table, columns, drop, asked is None, missing)
    if not chosen:
        reasons = [f"{shown(name)} is {what}" for name, what in said.items()][:6]
        raise TableError(
            f"{table.path} has no column but {shown(target)} to learn from"
            + (f": {'; '.join(reasons)}" if reasons else ", and so no features")
            + f"; {_separated(table)}"
        )
    if missing == "drop":
        whole = [all(map(_is_known, row)) for row in zip(*chosen.values(), strict=True)]
        if not any(whole):
            raise TableError(f"{table.path}: every row lacks a value, so that --missing drop leaves none")
        if not all(whole):
            notes.append(f"{whole.count(False)} of {len(whole)} rows lack a value and are left out")
        chosen = {name: list(compress(cells, whole)) for name, cells in chosen.items()}
        goal = list(compress(goal, whole))
    y, kinds, said[target] = _targets(table, target, goal, classes, lacking)
    categories = ((name, cells) for name, cells in chosen.items() if isinstance(cells[0], str))
    for name, texts in [*categories, (target, kinds)]:
        notes += _alike(name, texts)
    X = [list(row) for row in zip(*chosen.values(), strict=True)]
    order = [name for name in table.columns if name in said]
    data = Dataset(X, y, list(chosen), kinds)
    return TableExamples(data, target, [(name, said[name]) for name in order], notes, table.commas)


def wanted_columns(target: str, features: Sequence[str] | None, drop: Sequence[str]) -> list[str]:
    """Return the names of the columns that are asked for; what is no name, or no list of names, is a TypeError."""
    asked = {"target": [target], "features": [] if features is None else features, "drop": drop}
    for option, given in asked.items():
        if isinstance(given, (str, Iterator)) or not isinstance(given, Iterable):
            remedy = "list(...) around it" if isinstance(given, Iterator) else f"[{given!r:.60}] for one"
            raise TypeError(f"{option} is a list of names of columns, got {given!r:.60}; write {remedy}")
        if wrong := [name for name in given if not isinstance(name, (str, Integral))]:
            verb = "is the name of a column" if option == "target" else "names columns by texts"
            raise TypeError(f"{option} {verb}, got {wrong[0]!r:.60}; write 'price' for one called so")
    return [name for names in asked.values() for name in names]


def _alike(name: str, texts: Iterable[str]) -> list[str]:
    """Return a note where texts of a column that count as different differ only in case or in spaces."""
    first: dict[str, str] = {}
    for text in sorted({*texts}):
        known = first.setdefault("".join(text.casefold().split()), text)
        if known != text:
            pair = f"{shown(known)} and {shown(text)}"
            return [f"column {shown(name)}: {pair} differ only in case or spaces, but count as two"]
    return []


def _separated(table: Table) -> str:
    return f"cells are separated by {SEPARATORS.get(table.separator, shown(table.separator))}"


def _goal(table: Table, target: str, classes: bool | Sequence[str] | None) -> tuple[list[str], str]:
    """Return the cells of the target, and which rows lack it.

    A text that elsewhere says that a cell is missing is a class where `classes` names it, and so is - beside +.
    """
    cells, texts = table.columns[target], table.texts.get(target, table.columns[target])
    names = {name.strip() for name in classes} if isinstance(classes, Collection) else set()
    if "+" in cells and classes is not False:
        names |= MINUSES
    cells = [cell or (text if text in names else "") for cell, text in zip(cells, texts, strict=True)]
    gone = {text: None for cell, text in zip(cells, texts, strict=True) if not cell}
    written = f" (written {listed_names(filter(None, gone))})" if any(gone) else ""
    return cells, f"{cells.count('')} of {len(cells)} rows lack the target {shown(target)}{written}" if gone else ""


def _features(
    table: Table, columns: Mapping[str, Sequence[str]], drop: Sequence[str], is_guess: bool, missing: str
) -> tuple[dict[str, Sequence[Any]], dict[str, str]]:
    """Return the columns that are features, and for all columns what is done with them."""
    chosen: dict[str, Sequence[Any]] = {}
    said: dict[str, str] = {}
    for name, cells in columns.items():
        reason = "as asked for" if name in drop else _reason_to_leave(table, name, cells, is_guess)
        if not reason:
            chosen[name] = _parsed(table, name, cells)
            said[name] = _described(chosen[name], missing, _commas(table, name))
        elif is_guess or name in drop:
            said[name] = f"left out: {reason}"
        else:
            raise TableError(f"{table.path}, column {shown(name)}: it cannot be a feature: {reason}")
    return chosen, said


def _check(target: str, features: Any, drop: Any, classes: Any, missing: str) -> None:
    if isinstance(classes, str) or not isinstance(classes, (bool, Collection, type(None))):
        kind = "text" if isinstance(classes, str) else type(classes).__name__
        raise TypeError(f"classes is True, False or a list of names, got the {kind} {classes!r:.50}")
    names = classes if isinstance(classes, Collection) else []
    if odd := [name for name in names if not isinstance(name, str)]:
        raise TypeError(f"classes names classes by texts, got {odd[0]!r:.50}; write {str(odd[0])!r:.50}")
    if features is not None and (not features or target in features):
        raise ValueError(f"features names columns other than the target {target!r}, one or more, got {features!r}")
    if target in drop:
        raise ValueError(f"drop names columns other than the target {target!r}, got {drop!r}")
    if missing not in ("fill", "drop"):
        raise ValueError(f"missing is 'fill' or 'drop', got {missing!r}")


def _is_known(cell: Any) -> bool:
    return bool(cell != "" and cell == cell)


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether all cells of a column that are known are numbers; one that is infinite is, and is refused later."""
    return all(not math.isnan(number_in(cell)) for cell in cells if cell)


def _reason_to_leave(table: Table, name: str, cells: Sequence[str], is_guess: bool) -> str:
    """Return why a column is no feature, if it is none; one that was asked for may number the rows."""
    different = set(cells) - {""}
    if not different:
        return "no cell of it has a value"
    if len(different) == 1 and "" not in cells:
        return f"it is {shown(next(iter(different)))} in every row"
    if is_guess and _is_index(table, name):
        return "it numbers the rows"
    if _is_numeric(cells):
        return ""
    if all(DATE.fullmatch(cell) for cell in different):
        return "dates or times"
    if len(different) > MOST_CATEGORIES:
        texts = [cell for cell in cells if cell and math.isnan(number_in(cell))]
        if len(texts) <= 0.1 * len(cells):
            return f"numbers, but for texts such as {shown(texts[0])}{advice(texts)}"
        return f"texts of {len(different)} values, more than {MOST_CATEGORIES}{advice(different)}"
    return ""


def _is_index(table: Table, name: str) -> bool:
    """Whether a column is an index: whole numbers without a name, in any order, or row numbers by a usual name, first.

    Several levels of an index stand side by side.
    """
    found = [number_in(cell) for cell in table.columns[name]]
    if name in takewhile(table.unnamed.__contains__, table.columns):
        return all(x >= 0.0 and x.is_integer() for x in found)
    first = name == next(iter(table.columns)) and name.casefold() in ROW_NUMBERS
    return first and found in ([float(i) for i in range(start, len(found) + start)] for start in (0, 1))


def _parsed(table: Table, name: str, cells: Sequence[str]) -> Sequence[Any]:
    """Return the cells of a feature: numbers, or texts as they are."""
    if not _is_numeric(cells):
        return cells
    where = f"{table.path}, column {shown(name)}"
    found = numbers_in(where, cells)
    _check_size(where, found)
    return found


def _commas(table: Table, name: str) -> str:
    """Return what is said of the marks in a column of numbers; those that may be read in two ways are an error."""
    marked = next(((row, cell) for row, cell in enumerate(table.columns[name], 1) if {*cell} & {*".,"}), None)
    if marked and table.commas.get(name) == "unclear":
        row, cell = marked
        raise TableError(
            f"{table.path}, column {shown(name)}, row {row}: {shown(cell)} may be read in two ways: the table does not "
            f"tell whether its {'comma' if ',' in cell else 'point'} is decimal or between thousands; write decimal "
            "points in all columns, and nothing between thousands"
        )
    said = {
        "decimal": ", with decimal commas",
        "points": ", with points between thousands",
        "thousands": ", with commas between thousands",
    }
    written = zip(table.texts.get(name, ()), table.columns[name])
    odd = (f"; {shown(text)} is {number_in(cell):.12g}" for text, cell in written if cell and ungrouped(text) != text)
    return (said.get(table.commas.get(name, ""), "") if marked else "") + next(odd, "")


def _check_size(where: str, found: Sequence[float]) -> None:
    for row, x in enumerate(found, 1):
        if abs(x) > LARGEST_CELL:
            raise TableError(
                f"{where}, row {row}: {x:g} is too large to compute with; divide the column by a number first"
            )


def _described(cells: Sequence[Any], missing: str, commas: str) -> str:
    lacking = sum(not _is_known(cell) for cell in cells)
    if isinstance(cells[0], str):
        different = set(cells) - {""}
        text, filling = f"texts of {len(different)} values, one input each{advice(different)}", "the most frequent one"
    else:
        known = [x for x in cells if _is_known(x)]
        text, filling = f"numbers {min(known):.4g} to {max(known):.4g}{commas}", "the median"
    if not lacking:
        return text
    if missing == "drop":
        return f"{text}; {lacking} missing"
    return f"{text}; {lacking} missing, filled with {filling} and marked"


def _targets(
    table: Table, target: str, cells: list[str], classes: bool | Sequence[str] | None, lacking: str
) -> tuple[list[Any], list[str], str]:
    """Return the targets, the names of their classes in order, and what they were taken for."""
    where = f"{table.path}, column {shown(target)}"
    remark, commas = "", _commas(table, target)
    if classes is None:
        classes, remark = _choice(where, cells)
    if classes is False:
        found = numbers_in(where, cells)
        _check_size(where, found)
        if min(found) == max(found):
            raise TableError(f"{where}: it is {found[0]!r} in all {len(found)} rows, so there is nothing to learn")
        return found, [], f"the target: numbers {min(found):.4g} to {max(found):.4g}{commas}, a regression{remark}"
    has_commas = table.commas.get(target) in ("decimal", "points")  # in the file, and points here
    kinds = _kinds(where, _canonical(cells), lacking) if classes is True else list(classes)
    index: dict[Decimal | str, int] = {}
    for kind in kinds:
        with_point = kind.strip().translate(SWAPPED) if has_commas else ""
        key = _key(kind.strip() if math.isnan(number_in(with_point)) else with_point)
        if key in index:
            raise ValueError(f"classes names each class once, got {shown(kinds[index[key]])} and again {shown(kind)}")
        index[key] = len(index)
    for row, cell in enumerate(cells, 1):
        if _key(cell) not in index:
            written = cell.translate(SWAPPED) if has_commas else cell
            raise TableError(f"{where}, row {row}: {shown(written)} is none of the classes {listed_names(kinds)}")
    y = [index[_key(cell)] for cell in cells]
    most = most_frequent(y)
    described = f"{len(kinds)} classes, {y.count(most) / len(y):.1%} of the rows are {shown(kinds[most])}"
    return y, kinds, f"the target: {described}{remark}"


def most_frequent(y: Sequence[int]) -> int:
    """Return the most frequent class, of several the first in their order.

    >>> most_frequent([2, 1, 1, 2, 0])
    1
    """
    counts = Counter(y)
    return max(sorted(counts), key=counts.__getitem__)


def _choice(where: str, cells: Sequence[str]) -> tuple[bool, str]:
    """Return whether a target is a class, and a remark where that is not plain: texts are, numbers mostly are not."""
    texts = [(row, cell) for row, cell in enumerate(cells, 1) if math.isnan(number_in(cell))]
    if 0 < len(texts) < len(cells):
        found = [(row, cell) for row, cell in enumerate(cells, 1) if not math.isnan(number_in(cell))]
        (row, odd), what = (texts[0], "a text") if len(texts) <= len(found) else (found[0], "a number")
        raise TableError(
            f"{where}: numbers and texts are mixed, as {shown(odd)} in row {row} is {what}; correct it, or pass "
            "classes=True (--classes) where all of them are names of classes"
        )
    if texts:
        return True, advice({*cells})
    kinds = {_key(cell) for cell in cells}
    values = sorted(int(kind) for kind in kinds if isinstance(kind, Decimal))
    if not 2 <= len(kinds) <= min(MOST_CLASSES, len(cells) - 1) or kinds != {*values}:
        return False, ""
    if len(values) == 2:
        said = f"it is {values[0]} or {values[1]}"
    elif values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1 and len(cells) >= 5 * len(values):
        said = f"it is a whole number from {values[0]} to {values[-1]}"
    else:
        return False, f"; it has {len(values)} values only (--classes takes them for classes)"
    return True, f"; taken for classes, since {said} (--numbers takes it for a number)"


def _canonical(cells: Sequence[str]) -> list[str]:
    """Return the names of classes, one for each number however it is written: 1, 1.0 and 01 are one class."""
    first: dict[Decimal | str, str] = {}
    return [first.setdefault(_key(cell), _short(cell)) for cell in cells]


def _key(name: str) -> Decimal | str:
    """Return what tells a class from others: the number that is its name, to all its digits, or the text."""
    x = number_in(name)
    try:
        return Decimal(ungrouped(name).replace(",", "")) if math.isfinite(x) else name
    except InvalidOperation:  # 1e-9999999999999999999, say
        return Decimal(x)


def _short(cell: str) -> str:
    return cell.partition(".")[0] if re.fullmatch(r"[+-]?\d+\.0*", cell) else cell


def _kinds(where: str, texts: Sequence[str], lacking: str) -> list[str]:
    """Return the names of the classes in order."""
    counts = Counter(texts)
    kinds = sorted(counts, key=lambda text: (isinstance(_key(text), str), _key(text)))  # 10 after 9, and before texts
    if len(kinds) == 1:
        what = f"{where}: one class only, {shown(kinds[0])} in all {len(texts)} rows: nothing to tell apart"
        raise TableError(f"{what}; {lacking}" if lacking else what)
    if len(kinds) > 20 and len(kinds) > len(texts) / 2:
        raise TableError(
            f"{where}: {len(kinds)} different texts in {len(texts)} rows are no classes; choose another target"
            + advice(kinds)
        )
    if all(DATE.fullmatch(kind) for kind in kinds):
        raise TableError(f"{where}: dates or times cannot be learned; choose another target")
    return kinds
