"""Data to train on, generated or measured, in plain lists; scikit-learn makes and ships it."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple


class Dataset(NamedTuple):
    """Examples `X` (a list of lists of floats), their classes `y` (0, 1, ...), and the names of both."""

    X: list[list[float]]
    y: list[int]
    features: list[str]
    classes: list[str]


def moons(n: int = 100, noise: float = 0.1, seed: int | None = None) -> Dataset:
    """Return two interleaving half circles of `n` points in all, each moved by Gaussian noise.

    >>> data = moons(n=4, seed=1)
    >>> len(data.X), sorted(data.y)
    (4, [0, 0, 1, 1])
    """
    X, y = _sklearn("moons").make_moons(n_samples=n, noise=noise, random_state=seed)
    return Dataset(X.tolist(), y.tolist(), ["x1", "x2"], ["upper moon", "lower moon"])


def iris() -> Dataset:
    """Return 150 iris flowers of three species, sepals and petals measured in centimetres.

    Source: Fisher 1936, "The use of multiple measurements in taxonomic problems"; measured by Anderson.

    >>> data = iris()
    >>> len(data.X), data.features[2], data.classes
    (150, 'petal length (cm)', ['setosa', 'versicolor', 'virginica'])
    """
    bunch = _sklearn("iris").load_iris()
    return Dataset(bunch.data.tolist(), bunch.target.tolist(), list(bunch.feature_names), bunch.target_names.tolist())


def split(data: Dataset, held_out: float = 0.2, seed: int | None = None) -> tuple[Dataset, Dataset]:
    """Return the examples in two parts, for training and for testing, with each class in the same proportion.

    >>> training, testing = split(iris(), seed=1)
    >>> len(training.X), len(testing.X), testing.y.count(0)
    (120, 30, 10)
    """
    if not 0.0 < held_out < 1.0:
        raise ValueError(f"held_out is a share between 0 and 1, got {held_out!r}")
    rng = random.Random(seed)
    testing: set[int] = set()
    for kind in sorted(set(data.y)):
        members = [i for i, target in enumerate(data.y) if target == kind]
        testing.update(rng.sample(members, round(held_out * len(members))))
    return _part(data, [i for i in range(len(data.y)) if i not in testing]), _part(data, sorted(testing))


def _part(data: Dataset, rows: Sequence[int]) -> Dataset:
    return data._replace(X=[data.X[i] for i in rows], y=[data.y[i] for i in rows])


def standardized(data: Dataset, like: Dataset | None = None) -> Dataset:
    """Return the data with every feature shifted and scaled to mean 0 and variance 1 in `like`, by default itself.

    >>> [round(x, 3) for x, in standardized(Dataset([[1.0], [3.0]], [0, 1], ["x"], ["a", "b"])).X]
    [-1.0, 1.0]
    """
    columns = list(zip(*(like or data).X, strict=True))
    means = [statistics.fmean(column) for column in columns]
    spreads = [statistics.pstdev(column) if min(column) < max(column) else 1.0 for column in columns]
    means = [m if min(column) < max(column) else column[0] for m, column in zip(means, columns, strict=True)]
    scaled = [[(x - m) / s for x, m, s in zip(row, means, spreads, strict=True)] for row in data.X]
    return data._replace(X=scaled)


def _sklearn(asker: str) -> Any:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(f"{asker} comes from scikit-learn: python -m pip install 'scalar-autograd[demo]'") from error
    return datasets
