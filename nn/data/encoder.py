"""Encoder: it turns the rows of a table into the inputs of a network, and an output into an answer.

It is fitted on the examples a network is trained on, and on no others: the categories of each column of texts, the
medians that stand for missing cells, the means and spreads by which numbers are scaled. It belongs to the network ever
after. Saved beside it, it lets the network answer for a table it has never seen.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nn.data.csv_reader import distinct_name
from nn.data.datasets import Dataset, Standardization, standardization
from nn.training.examples import plain_number
from nn.training.metrics import predicted_class
from nn.training.storage import Saved, StorageError


@dataclass(frozen=True)
class Column:
    """A column of a table and the inputs that it becomes: a number, or 0 and 1 for each of its categories.

    `fill` stands for a missing cell; where `marks_missing`, one more input is 1 for such a cell and 0 else.

    >>> Column("home", ("flat", "house"), "flat", True).inputs("")
    [1.0, 0.0, 1.0]
    """

    name: str
    categories: tuple[str, ...]  # none for numbers
    fill: Any
    marks_missing: bool
    commas: str = ""  # in numbers of the table, as of `csv_reader.commas_in`, or not known

    @classmethod
    def fit(cls, name: str, cells: Sequence[Any], commas: str = "") -> Column:
        """Return the column that these cells ask for: texts, or numbers with nan for a missing one."""
        known = [cell for cell in cells if not _is_missing(cell)]
        if any(isinstance(cell, str) for cell in cells):
            counts = Counter(sorted(known))
            fill = counts.most_common(1)[0][0] if known else ""
            return cls(name, tuple(counts) or ("",), fill, len(known) < len(cells))
        return cls(name, (), float(statistics.median(known)) if known else 0.0, len(known) < len(cells), commas)

    @property
    def names(self) -> list[str]:
        """The names of its inputs."""
        inputs = [f"{self.name}={category}" for category in self.categories] or [self.name]
        return [*inputs, f"{self.name} is missing"] if self.marks_missing else inputs

    @property
    def are_numbers(self) -> list[bool]:
        """Which of its inputs are numbers, and not 0 or 1."""
        return [not self.categories, *[False] * (len(self.names) - 1)]

    def inputs(self, cell: Any) -> list[float]:
        """Return the inputs for a cell, unscaled; a text of no known category is 0 in each of them."""
        missing = _is_missing(cell)
        if missing:
            cell = self.fill
        inputs = [float(cell == category) for category in self.categories] if self.categories else [float(cell)]
        return [*inputs, float(missing)] if self.marks_missing else inputs

    def complaint(self, cell: Any) -> str:
        """Return what training had not seen in a cell, if that is so."""
        if _is_missing(cell):
            return "" if self.marks_missing else f"missing cells are taken for {_written(self.fill)}, as in training"
        if self.categories and cell not in self.categories:
            return f"{cell!r:.50} did not occur in training, and is taken for none of its values"
        return ""


@dataclass(frozen=True)
class Encoder:
    """An encoder: the features of a table in order, its target with its classes, and how both are scaled.

    `scaling` is that of the inputs; `target_scaling` that of a regression's target, and None where there are classes.

    >>> data = Dataset([[1.0, "a"], [3.0, "b"]], [10.0, 30.0], ["length", "kind"], [])
    >>> encoder = Encoder.fit(data, target="price")
    >>> encoder.inputs([[2.0, "b"], [math.nan, "c"]]), encoder.targets(data.y)
    ([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]], [-1.0, 1.0])
    >>> encoder.answer(0.5)
    25.0
    """

    columns: tuple[Column, ...]
    target: str
    classes: tuple[str, ...]
    scaling: Standardization
    target_scaling: Standardization | None

    @classmethod
    def fit(cls, data: Dataset, target: str, commas: Mapping[str, str] | None = None) -> Encoder:
        """Return the encoder that these examples, those a network is to be trained on, ask for.

        Inputs of numbers get mean 0 and variance 1; those of 0 and 1 stay as they are. `commas` are those of the table.
        """
        known = [(commas or {}).get(name, "") for name in data.features]
        columns = tuple(map(Column.fit, data.features, zip(*data.X, strict=True), known))
        found = standardization(_numbers(columns, data.X))
        scaled = [is_number for column in columns for is_number in column.are_numbers]
        scaling = Standardization(
            tuple(mean if yes else 0.0 for mean, yes in zip(found.means, scaled, strict=True)),
            tuple(spread if yes else 1.0 for spread, yes in zip(found.spreads, scaled, strict=True)),
        )
        target_scaling = None if data.classes else standardization([[y] for y in data.y])
        return cls(columns, target, tuple(data.classes), scaling, target_scaling)

    def divided(self, by: float) -> Encoder:
        """Return the same encoder, but with all inputs divided by one number and not shifted."""
        count = len(self.names)
        return replace(self, scaling=Standardization((0.0,) * count, (by,) * count))

    @property
    def features(self) -> dict[str, bool]:
        """The columns of the table that it takes, by name, and whether they are of texts."""
        return {column.name: bool(column.categories) for column in self.columns}

    @property
    def commas(self) -> dict[str, str]:
        """What commas are in the numbers of its columns, by name, where the table trained on had some."""
        return {column.name: column.commas for column in self.columns if column.commas}

    @property
    def names(self) -> list[str]:
        """The names of the inputs, no two alike: a column a=b beside the value b of a is a=b.1."""
        found: dict[str, None] = {}
        for column in self.columns:
            for name in column.names:
                found[distinct_name(name, found)] = None
        return list(found)

    @property
    def are_numbers(self) -> list[bool]:
        """Which of the inputs are numbers, and not 0 or 1."""
        return [is_number for column in self.columns for is_number in column.are_numbers]

    def dataset(self, data: Dataset) -> Dataset:
        """Return examples as numbers in the table's units, with 0 and 1 for categories, and missing cells filled."""
        return data._replace(X=_numbers(self.columns, data.X), features=self.names)

    def inputs(self, X: Sequence[Sequence[Any]]) -> list[list[float]]:
        """Return rows of the table as the network takes them."""
        return self.scaling.apply(_numbers(self.columns, X))

    def complaints(self, X: Sequence[Sequence[Any]]) -> list[str]:
        """Return what is in rows of a table that training had not seen, a line for each column and kind."""
        found = Counter(
            f"column {column.name!r:.50}: {complaint}"
            for row in X
            for column, cell in zip(self.columns, row, strict=True)
            if (complaint := column.complaint(cell))
        )
        return [f"{line} ({count} row{'s' * (count > 1)})" for line, count in found.items()]

    def targets(self, y: Sequence[Any]) -> list[Any]:
        """Return targets as the network is trained on: classes as they are, numbers scaled."""
        if self.target_scaling is None:
            return list(y)
        return [scaled for (scaled,) in self.target_scaling.apply([[target] for target in y])]

    def answer(self, output: Any) -> str | float:
        """Return what an output of the network says: the name of a class, or a number in the units of the table.

        Raises ValueError where it is nan or infinite, and so says nothing.
        """
        scores = [plain_number(z) for z in (output if isinstance(output, (list, tuple)) else [output])]
        if self.target_scaling is not None and len(scores) == 1:
            scores = self.target_scaling.undo([scores])[0]
        if not all(map(math.isfinite, scores)):
            raise ValueError(f"an output that is not finite says nothing, got {scores}")
        return scores[0] if self.target_scaling is not None else self.classes[predicted_class(output)]

    def to_json(self) -> dict[str, Any]:
        """Return all this in lists, strings and numbers, for `save(model, path, extra={"encoder": ...})`."""
        scaling = self.target_scaling
        return {
            "columns": [
                {
                    "name": column.name,
                    "categories": list(column.categories),
                    "fill": column.fill,
                    "marks_missing": column.marks_missing,
                    **({"commas": column.commas} if column.commas else {}),
                }
                for column in self.columns
            ],
            "target": self.target,
            "classes": list(self.classes),
            "means": list(self.scaling.means),
            "spreads": list(self.scaling.spreads),
            "target_scaling": None if scaling is None else [*scaling.means, *scaling.spreads],
        }

    @classmethod
    def of_saved(cls, saved: Saved) -> Encoder:
        """Return the encoder that was saved beside a model, as `extra={"encoder": encoder.to_json()}`.

        Raises StorageError where there is none, or one that does not fit the model.
        """
        entries = saved.extra.get("encoder")
        known = {"columns", "target", "classes", "means", "spreads", "target_scaling"}
        if not isinstance(entries, dict) or entries.keys() != known:
            raise StorageError(
                f"{saved.source} holds a model, but not what its inputs and outputs mean, "
                "which python -m nn ... --save keeps beside it"
            )
        try:
            return cls._checked(entries, saved.architecture)
        except ValueError:
            raise StorageError(f"{saved.source}: what its inputs and outputs mean does not fit the model") from None

    @classmethod
    def _checked(cls, entries: Mapping[str, Any], architecture: Mapping[str, Any]) -> Encoder:
        """Return the encoder of these entries; ValueError where they are not what `to_json` returns for this model."""
        _require(isinstance(entries["columns"], list) and entries["columns"] != [])
        columns, classes = tuple(map(_column, entries["columns"])), _names(entries["classes"])
        _names([column.name for column in columns])
        scaling, pair = _scaling(entries["means"], entries["spreads"]), entries["target_scaling"]
        _require(isinstance(pair, list) and len(pair) == 2 if not classes else pair is None)
        target_scaling = None if pair is None else _scaling(pair[:1], pair[1:])
        _require(isinstance(entries["target"], str))
        _require(len(scaling.means) == sum(len(column.names) for column in columns))
        _require(_fits(architecture, len(scaling.means), len(classes)))
        return cls(columns, entries["target"], classes, scaling, target_scaling)


def _is_missing(cell: Any) -> bool:
    return bool(cell == "" or cell != cell)


def _written(cell: Any) -> str:
    return repr(cell) if isinstance(cell, str) else f"{cell:g}"


def _numbers(columns: Sequence[Column], X: Sequence[Sequence[Any]]) -> list[list[float]]:
    if not any(column.categories or column.marks_missing for column in columns) and all(
        type(x) is float and x == x for row in X for x in row
    ):
        return [list(row) for row in X]
    for row in X:
        if len(row) != len(columns):
            raise ValueError(f"this encoder is of {len(columns)} columns, got an example of {len(row)}")
    return [[x for column, cell in zip(columns, row) for x in column.inputs(cell)] for row in X]


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def _column(entry: Any) -> Column:
    known = {"name", "categories", "fill", "marks_missing"}
    _require(isinstance(entry, dict) and entry.keys() - {"commas"} == known)
    categories, fill, commas = _names(entry["categories"]), entry["fill"], entry.get("commas", "")
    is_number = type(fill) in (int, float)
    _require(not categories if is_number else fill in categories)
    _require(commas in ("", "decimal", "points", "thousands") and (is_number or not commas))
    _require(type(entry["marks_missing"]) is bool)
    return Column(entry["name"], categories, float(fill) if is_number else fill, entry["marks_missing"], commas)


def _names(entry: Any) -> tuple[str, ...]:
    _require(isinstance(entry, list) and all(isinstance(name, str) for name in entry) and len({*entry}) == len(entry))
    return tuple(entry)


def _scaling(means: Any, spreads: Any) -> Standardization:
    _require(isinstance(means, list) and isinstance(spreads, list) and len(means) == len(spreads))
    _require(all(type(x) in (int, float) for x in means + spreads) and all(spread > 0 for spread in spreads))
    return Standardization(tuple(map(float, means)), tuple(map(float, spreads)))


def _fits(architecture: Mapping[str, Any], inputs: int, classes: int) -> bool:
    """Whether a network has these inputs, and an output for each class, or one for two classes."""
    if "nin" not in architecture:
        return True
    outputs = {0: {1}, 1: set(), 2: {1, 2}}.get(classes, {classes})
    return architecture["nin"] == inputs and architecture["nouts"][-1] in outputs
