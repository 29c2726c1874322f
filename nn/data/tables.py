"""Data sets from tables: a CSV file is read, its columns are chosen and encoded."""

from __future__ import annotations

from collections.abc import Sequence

from nn.data.columns import examples, wanted_columns
from nn.data.csv_dialect import TableError as TableError
from nn.data.csv_dialect import TextFile
from nn.data.csv_reader import read_inputs as read_inputs
from nn.data.csv_reader import read_table
from nn.data.datasets import Dataset
from nn.data.encoder import Encoder


def read_csv(
    path: TextFile,
    target: str,
    *,
    features: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    classes: bool | Sequence[str] | None = None,
    missing: str = "fill",
    encoding: str | None = None,
) -> Dataset:
    r"""Return the table of a CSV file as a data set: `y` is its column `target`, X numbers made of the others.

    Columns of numbers stay as they are. A column of texts with up to 20 values becomes a column of 0 and 1 for each;
    dates, longer texts, columns that never change and row numbers, in a first column without a name or with a usual
    one such as id, are left out (see `nn.data.columns`). Missing cells become the median or the most frequent value,
    with a column of 0 and 1 beside it that marks them, or with `missing="drop"` their rows are left out. `features` or
    `drop` name the columns to take or to leave.

    A target of texts is a class, and so is one of two whole numbers in three rows or more, or of those from 0 or 1 on
    without a gap, up to ten of them, in a table of five times as many rows; other numbers are a regression. `classes`
    says otherwise: True, False, or the names of the classes in order. A row whose target is missing is left out. NA,
    none, - and their like say so, but where `classes` names them, or - is beside +.

    Medians and values are those of the whole table. To find them on a part for training only, as `python -m nn` does,
    split `nn.data.columns.examples(...)` first and fit an `nn.data.encoder.Encoder` on that part.

    Raises TableError where this cannot be trained on, and OSError where the file cannot be read.

    >>> import tempfile
    >>> from pathlib import Path
    >>> text = "weight,kind,home\n4.5,cat,flat\n30,dog,house\n,dog,flat\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(f"{folder}/pets.csv").write_text(text, encoding="utf-8")
    ...     read_csv(f"{folder}/pets.csv", "kind")  # doctest: +NORMALIZE_WHITESPACE
    Dataset(X=[[4.5, 0.0, 1.0, 0.0], [30.0, 0.0, 0.0, 1.0], [17.25, 1.0, 1.0, 0.0]], y=[0, 1, 1],
            features=['weight', 'weight is missing', 'home=flat', 'home=house'], classes=['cat', 'dog'])
    """
    drop = () if drop is None else drop
    table = read_table(path, wanted_columns(target, features, drop), encoding)
    found = examples(table, target, features=features, drop=drop, classes=classes, missing=missing)
    return Encoder.fit(found.data, found.target).dataset(found.data)
