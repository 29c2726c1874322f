"""Data sets and standardization: examples in plain lists.

Whatever is scaled before training must be scaled the same way ever after: a `Standardization` keeps the means and the
spreads, so that unseen examples, and those of a saved model, are shifted and divided by the same numbers.
"""

from __future__ import annotations

import csv
import math
import random
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

from autograd.rules import elements, real, with_article
from nn.data._mersenne import RandomState
from nn.data.random_state import Seed, generator
from nn.training.splits import as_sequence


class Dataset(NamedTuple):
    """Examples `X` (a list of lists of floats), their targets `y`, and names.

    The targets are classes (0, 1, ...) with their names in `classes`, or, where `classes` is empty, the numbers of a
    regression.
    """

    X: list[list[float]]
    y: list[Any]
    features: list[str]
    classes: list[str]

    def __repr__(self) -> str:
        return f"Dataset({', '.join(f'{name}={reprlib.repr(part)}' for name, part in self._asdict().items())})"


def xor(n: int = 4, noise: float = 0.0, seed: Seed = None) -> Dataset:
    """Return exclusive or: `n` corners of the unit square in turn, each moved by Gaussian noise.

    Source: Minsky & Papert 1969, "Perceptrons": no single neuron tells these two classes apart.

    >>> data = xor()
    >>> data.X, data.y
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    _check(n, noise)
    rng = generator(seed)
    y = [(i // 2 + i) % 2 for i in range(n)]
    X = [[_moved(i // 2 % 2, noise, rng), _moved(i % 2, noise, rng)] for i in range(n)]
    return Dataset(X, y, ["x1", "x2"], ["equal", "different"])


def moons(n: int = 100, noise: float = 0.1, seed: Seed = None) -> Dataset:
    """Return two interleaving half circles of `n` points in all, each moved by Gaussian noise.

    >>> data = moons(n=4, seed=1)
    >>> len(data.X), sorted(data.y)
    (4, [0, 0, 1, 1])
    """
    _check(n, noise)
    upper = [(math.cos(angle), math.sin(angle)) for angle in _angles(n // 2, math.pi)]
    lower = [(1.0 - math.cos(angle), 1.0 - math.sin(angle) - 0.5) for angle in _angles(n - n // 2, math.pi)]
    return _two_curves(upper, lower, noise, seed, ["upper moon", "lower moon"])


def circles(n: int = 100, noise: float = 0.05, seed: Seed = None) -> Dataset:
    """Return two circles around the origin, of radius 1 and 1/2, `n` points in all, each moved by Gaussian noise.

    >>> data = circles(n=4, noise=0.0, seed=1)
    >>> sorted((round(math.hypot(*x), 6), y) for x, y in zip(data.X, data.y))
    [(0.5, 1), (0.5, 1), (1.0, 0), (1.0, 0)]
    """
    _check(n, noise)
    outer = [(math.cos(angle), math.sin(angle)) for angle in _angles(n // 2, 2.0 * math.pi, last=False)]
    inner = [(math.cos(angle) * 0.5, math.sin(angle) * 0.5) for angle in _angles(n - n // 2, 2.0 * math.pi, last=False)]
    return _two_curves(outer, inner, noise, seed, ["outer circle", "inner circle"])


def spirals(n: int = 200, noise: float = 0.02, seed: Seed = None, *, arms: int = 2, turns: float = 1.5) -> Dataset:
    """Return spirals of Archimedes, one inside the other, a class each: r = t, φ = 2π (turns · t + arm / arms).

    The `n` points are taken from the arms in turn, with t up to 1, and each is moved by Gaussian noise.
    Source: Lang & Witbrock 1988, "Learning to Tell Two Spirals Apart", whose spirals have three turns.

    >>> data = spirals(n=6, noise=0.0, turns=1)
    >>> [round(math.hypot(*x), 6) for x in data.X], data.y
    ([0.333333, 0.333333, 0.666667, 0.666667, 1.0, 1.0], [0, 1, 0, 1, 0, 1])
    """
    _check(n, noise)
    if arms < 1:
        raise ValueError(f"arms is a number of spirals, 1 or more, got {arms!r}")
    rng = generator(seed)
    X, y = [], [i % arms for i in range(n)]
    for i, arm in enumerate(y):
        t = (i // arms + 1) / ((n - 1) // arms + 1)
        angle = 2.0 * math.pi * (turns * t + arm / arms)
        X.append([_moved(t * math.cos(angle), noise, rng), _moved(t * math.sin(angle), noise, rng)])
    return Dataset(X, y, ["x1", "x2"], [f"arm {arm + 1}" for arm in range(arms)])


def linear(
    n: int = 100,
    noise: float = 0.1,
    seed: Seed = None,
    *,
    weights: Sequence[float] = (2.0,),
    bias: float = 1.0,
) -> Dataset:
    """Return a regression, y = weights · x + bias, with x uniform between -1 and 1 and Gaussian noise added to y.

    >>> data = linear(n=3, noise=0.0, seed=1)
    >>> [y - 2 * x - 1 for (x,), y in zip(data.X, data.y)], data.classes
    ([0.0, 0.0, 0.0], [])
    """
    _check(n, noise)
    rng = generator(seed)
    weights = [real(weight, "linear") for weight in elements(weights, "linear")]
    X = [[rng.uniform(-1.0, 1.0) for _ in weights] for _ in range(n)]
    y = [_moved(sum(w * x for w, x in zip(weights, row)) + bias, noise, rng) for row in X]
    return Dataset(X, y, [f"x{i + 1}" for i in range(len(weights))] if len(weights) > 1 else ["x"], [])


def iris() -> Dataset:
    """Return 150 iris flowers of three species, sepals and petals measured in centimetres.

    Source: Fisher 1936, "The use of multiple measurements in taxonomic problems"; measured by Anderson.

    >>> data = iris()
    >>> len(data.X), data.features[2], data.classes
    (150, 'petal length (cm)', ['setosa', 'versicolor', 'virginica'])
    """
    text = resources.files("nn.data").joinpath("iris.csv").read_text(encoding="utf-8")
    features, *rows = csv.reader(text.splitlines())
    classes = list(dict.fromkeys(row[-1] for row in rows))
    X = [[float(cell) for cell in row[:-1]] for row in rows]
    return Dataset(X, [classes.index(row[-1]) for row in rows], features[:-1], classes)


def digits() -> Dataset:
    """Return 1,797 handwritten digits of 8 x 8 pixels, row by row, from 0 (paper) to 16 (ink).

    Source: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    doi:10.24432/C50P49; scikit-learn ships the part that was kept for testing, by 13 of the 43 writers.

    >>> data = digits()
    >>> len(data.X), len(data.X[0]), data.y[:3], data.features[8]
    (1797, 64, [0, 1, 2], 'pixel_1_0')
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError("digits comes from scikit-learn: python -m pip install 'scalar-autograd[demo]'") from error
    bunch: Any = datasets.load_digits()
    return Dataset(bunch.data.tolist(), bunch.target.tolist(), list(bunch.feature_names), list("0123456789"))


def split(data: Dataset, held_out: float = 0.2, seed: Seed = None) -> tuple[Dataset, Dataset]:
    """Return the examples in two parts, for training and for testing, with each class in the same proportion.

    >>> training, testing = split(iris(), seed=1)
    >>> len(training.X), len(testing.X), testing.y.count(0)
    (120, 30, 10)
    """
    _check_dataset(data, "split")
    if not 0.0 < real(held_out, "held_out") < 1.0:
        raise ValueError(f"held_out is a share between 0 and 1, got {held_out!r}")
    rng = generator(seed)
    groups: dict[Any, list[int]] = {}
    for i, target in enumerate(data.y):
        groups.setdefault(target if data.classes else None, []).append(i)  # a regression is one group
    testing = {i for kind in sorted(groups) for i in rng.sample(groups[kind], round(held_out * len(groups[kind])))}
    if len(testing) in (0, len(data.y)):
        size = f"{len(data.y)} examples" + (f" of {len(groups)} classes" if data.classes else "")
        raise ValueError(f"holding out {held_out:g} of {size} leaves {'all' if testing else 'none'} to test on")
    return _part(data, [i for i in range(len(data.y)) if i not in testing]), _part(data, sorted(testing))


def _check_dataset(data: Any, asker: str) -> None:
    if not isinstance(data, Dataset):
        found = with_article(data)
        raise TypeError(f"{asker} takes a Dataset, got {found}; write datasets.Dataset(X, y, features, classes)")


def _part(data: Dataset, rows: Sequence[int]) -> Dataset:
    return data._replace(X=[data.X[i] for i in rows], y=[data.y[i] for i in rows])


@dataclass(frozen=True)
class Standardization:
    """A standardization: columns of numbers are brought to mean 0 and variance 1, (x - mean) / spread, and back.

    >>> scaling = standardization([[1.0, 5.0], [3.0, 5.0]])
    >>> scaling
    Standardization(means=(2.0, 5.0), spreads=(1.0, 1.0))
    >>> scaling.apply([[4.0, 5.0]]), scaling.undo([[2.0, 0.0]])
    ([[2.0, 0.0]], [[4.0, 5.0]])
    """

    means: tuple[float, ...]
    spreads: tuple[float, ...]

    def apply(self, X: Sequence[Sequence[float]]) -> list[list[float]]:
        """Return the examples with each feature shifted by its mean and divided by its spread."""
        return [[(x - m) / s for x, m, s in self._columns(row)] for row in as_sequence(X, "apply")]

    def undo(self, X: Sequence[Sequence[float]]) -> list[list[float]]:
        """Return the examples as they were before `apply`."""
        return [[x * s + m for x, m, s in self._columns(row)] for row in as_sequence(X, "undo")]

    def _columns(self, row: Sequence[float]) -> Any:
        if len(row) != len(self.means):
            raise ValueError(f"this standardization is of {len(self.means)} features, got an example of {len(row)}")
        return zip(row, self.means, self.spreads)


def standardization(data: Dataset | Sequence[Sequence[float]]) -> Standardization:
    """Return the means and the spreads (standard deviations) of the features of a data set, or of rows of numbers.

    A feature that is the same everywhere is only shifted: its spread counts as 1. Raises ValueError where a number is
    not finite, as one that is missing.
    """
    rows = as_sequence(data.X if isinstance(data, Dataset) else data, "standardization")
    columns = list(zip(*rows, strict=True))
    for feature, column in enumerate(columns):
        for example, x in enumerate(column):
            if not math.isfinite(x):
                named = f" ({data.features[feature]!r:.50})" if isinstance(data, Dataset) else ""
                raise ValueError(
                    f"standardization takes finite numbers, got {float(x)!r} in feature {feature}{named} "
                    f"of example {example}, both counted from 0; leave the example out, or put a number there"
                )
    moments = [_mean_and_spread(column) for column in columns]
    return Standardization(tuple(mean for mean, _ in moments), tuple(spread for _, spread in moments))


def standardized(data: Dataset, like: Dataset | None = None) -> Dataset:
    """Return the data with every feature shifted and scaled to mean 0 and variance 1 in `like`, by default itself.

    >>> [round(x, 3) for x, in standardized(Dataset([[1.0], [3.0]], [0, 1], ["x"], ["a", "b"])).X]
    [-1.0, 1.0]
    """
    like = data if like is None else like
    for part in (data, like):
        _check_dataset(part, "standardized")
    return data._replace(X=standardization(like).apply(data.X))


def _mean_and_spread(column: Sequence[float]) -> tuple[float, float]:
    low, high = min(column), max(column)
    if low == high:
        return low, 1.0  # the mean itself might be rounded, and a constant feature then explode
    if not math.isfinite(high - low):
        raise ValueError(f"a feature from {low!r} to {high!r} has no standard deviation that fits a float")
    # Distances from the lowest number, in units of the widest, can neither overflow nor vanish when squared.
    width, n = high - low, len(column)
    shares = [(x - low) / width for x in column]
    middle = math.fsum(shares) / n
    spread = width * math.sqrt(math.fsum((x - middle) ** 2 for x in shares) / n)
    return low + width * middle, max(spread, math.ulp(0.0))  # which half of the smallest float is rounded to 0


def _check(n: int, noise: float) -> None:
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"n is a number of examples, 1 or more, got {n!r}")
    if not 0.0 <= real(noise, "noise") < math.inf:
        raise ValueError(f"noise is a standard deviation, 0 or more, got {noise!r}")


def _moved(coordinate: float, noise: float, rng: random.Random) -> float:
    return coordinate + noise * rng.gauss(0.0, 1.0)


def _angles(n: int, end: float, *, last: bool = True) -> list[float]:
    """Return n angles from 0 in equal steps, the last at the end, or a step before it."""
    step = end / max(n - last, 1)
    return [i * step for i in range(n - 1)] + [end if last and n > 1 else (n - 1) * step] * (n > 0)


def _two_curves(
    first: list[tuple[float, float]],
    second: list[tuple[float, float]],
    noise: float,
    seed: Seed,
    classes: list[str],
) -> Dataset:
    """Return the points of two curves in random order, each moved by noise: those of scikit-learn for this seed."""
    state = RandomState(generator(seed).getrandbits(32) if seed is None or isinstance(seed, random.Random) else seed)
    order = state.permutation(len(first) + len(second))
    points = first + second
    X = [[coordinate + noise * state.normal() for coordinate in points[i]] for i in order]
    return Dataset(X, [int(i >= len(first)) for i in order], ["x1", "x2"], classes)
