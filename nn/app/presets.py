"""Presets of `python -m nn`: a built-in data set with its training settings, or any table in a CSV file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from nn import datasets
from nn.data.columns import TableExamples
from nn.data.csv_dialect import TableError
from nn.data.datasets import Dataset
from nn.data.encoder import Encoder
from nn.losses import cross_entropy, hinge, mse
from nn.modules import MLP
from nn.optim import SGD, Adam, AdamW
from nn.training.optimizer import Optimizer

Parts: TypeAlias = tuple[Dataset, Dataset | None]  # to train on, and held out


@dataclass(frozen=True)
class Job:
    """A preset: a data set in its parts, and the settings it is trained with unless others are asked for."""

    load: Callable[[int], Parts]  # by the seed
    about: str
    hidden: list[int]
    activation: str
    epochs: int
    lr: float
    batch_size: int
    optimizer: Callable[..., Optimizer] = SGD
    pictures: tuple[str, ...] = ("history", "boundary", "neuron")
    scale: float | None = None  # what all features are divided by; None: each is standardised
    target: str = "class"
    keeps_best: bool = False
    summary: str = ""  # what is done with each column of a table
    commas: Mapping[str, str] = field(default_factory=dict)  # in the numbers of a table
    patience: int | None = None  # epochs without progress on held-out examples after which training ends


def _generated(make: Callable[..., Dataset], testing: bool = True, **options: Any) -> Callable[[int], Parts]:
    """Return what makes points to train on, and as many others to test with."""

    def load(seed: int) -> Parts:
        training = make(**options, seed=seed)
        return training, make(**options, seed=(seed + 1) % 2**32) if testing else None

    return load


def _held_out(load: Callable[[], Dataset]) -> Callable[[int], Parts]:
    return lambda seed: datasets.split(load(), held_out=0.2, seed=seed)


JOBS = {
    "moons": Job(
        _generated(lambda **options: datasets.moons(**options), n=100, noise=0.1),
        "two interleaving half circles, generated",
        [16, 16],
        "relu",
        epochs=60,
        lr=0.3,
        batch_size=10,
        scale=1.0,
    ),
    "spirals": Job(
        _generated(lambda **options: datasets.spirals(**options), n=200),
        "two arms of a spiral, generated",
        [24, 24],
        "tanh",
        epochs=300,
        lr=0.01,
        batch_size=20,
        optimizer=Adam,
        scale=1.0,
    ),
    "circles": Job(
        _generated(lambda **options: datasets.circles(**options), n=100),
        "a circle in another, generated",
        [16],
        "tanh",
        epochs=60,
        lr=0.02,
        batch_size=10,
        optimizer=Adam,
        scale=1.0,
    ),
    "xor": Job(
        _generated(lambda **options: datasets.xor(**options), testing=False),
        "the truth table of exclusive or",
        [4],
        "tanh",
        epochs=200,
        lr=0.05,
        batch_size=4,
        optimizer=Adam,
        scale=1.0,
    ),
    "iris": Job(
        _held_out(lambda: datasets.iris()),
        "150 flowers of three species, measured; a fifth is held out",
        [8],
        "tanh",
        epochs=30,
        lr=0.2,
        batch_size=16,
    ),
    "digits": Job(
        _held_out(lambda: datasets.digits()),
        "1,797 handwritten digits of 8 x 8 pixels; a fifth is held out",
        [32],
        "sigmoid",
        epochs=60,
        lr=0.02,
        batch_size=64,
        optimizer=Adam,
        pictures=("history", "confusion", "mistakes"),
        scale=16.0,
    ),
}


MOST_PARAMETERS = 1_000_000  # what a file of `nn.save` holds, and a node of Python for each
MOST_DRAWN = 40  # classes in a picture

TABLE_DEFAULTS: dict[str, Any] = {"epochs": "500 to 25, by its rows", "hidden": [16, 16], "lr": 0.01}


def table_epochs(rows: int) -> int:
    """Return the number of epochs for a table: the fewer its rows, the more, since a step takes 32 of them.

    >>> table_epochs(150), table_epochs(1_000), table_epochs(20_000)
    (500, 320, 25)
    """
    return min(500, max(25, 320_000 // rows))


def _parts_of_table(data: Dataset, path: Path, seed: int) -> Parts:
    try:
        return datasets.split(data, held_out=0.2, seed=seed)
    except ValueError as error:
        needed = "a class needs 3 rows" if data.classes else "3 rows are a start"
        raise TableError(f"{path} is too small a table, since {error}; {needed}") from None


def table_job(path: Path, found: TableExamples) -> Job:
    """Return the preset for learning a column of a table from its other columns, a fifth of the rows held out."""
    data = found.data
    first: list[Any] = list(data.X[0])
    numbers = [cell for cell in first if not isinstance(cell, str)]
    pictures = ["history"]
    if data.classes:
        pictures += ["confusion"] if len(data.classes) <= MOST_DRAWN else []
        pictures += ["boundary"] if len(numbers) > 1 and len(data.classes) <= MOST_DRAWN else []
    else:
        is_line = len(data.features) == 1 and all(type(x) is float and x == x for (x,) in data.X)
        pictures += ["line"] if is_line else ["answers"]
    epochs = table_epochs(len(data.X))
    return Job(
        lambda seed: _parts_of_table(data, path, seed),
        f"{len(data.X)} rows of {path}",
        list(TABLE_DEFAULTS["hidden"]),
        "tanh",
        epochs=epochs,
        lr=TABLE_DEFAULTS["lr"],
        batch_size=32,
        optimizer=AdamW,
        pictures=tuple(pictures),
        target=found.target,
        summary=found.summary(str(path)),
        commas=found.commas,
        keeps_best=True,
        patience=max(10, epochs // 10),
    )


class Task:
    """A preset with its data: examples as numbers in their own units, as the network takes them, and the loss."""

    def __init__(self, job: Job, seed: int) -> None:
        self.job = job
        training, testing = job.load(seed)
        self.encoder = Encoder.fit(training, job.target, job.commas)
        if job.scale is not None:
            self.encoder = self.encoder.divided(job.scale)
        self.training = self.encoder.dataset(training)
        self.testing = None if testing is None else self.encoder.dataset(testing)

    @property
    def binary(self) -> bool:
        """Whether one score tells two classes apart."""
        return len(self.training.classes) == 2

    @property
    def loss(self) -> Callable[..., Any]:
        """The loss that fits the target: of two classes, of several, or of a number."""
        return hinge if self.binary else cross_entropy if self.training.classes else mse

    def model(self, hidden: Sequence[int] | None, seed: int) -> MLP:
        """Return the network to train: an input for each feature, and the outputs that the loss takes."""
        outputs = 1 if self.binary else max(1, len(self.training.classes))
        widths = [*(hidden or self.job.hidden), outputs]
        sizes = [len(self.training.features), *widths]
        count = sum((nin + 1) * nout for nin, nout in pairwise(sizes))
        if count > MOST_PARAMETERS:
            raise ValueError(
                f"a network of {' -> '.join(map(str, sizes))} has {count:,} parameters, and {MOST_PARAMETERS:,} is the "
                "limit here; make the layers of --hidden smaller"
            )
        return MLP(sizes[0], widths, self.job.activation, seed=seed)

    def inputs(self, data: Dataset) -> list[list[float]]:
        """Return examples as the network takes them."""
        return self.encoder.scaling.apply(data.X)

    def targets(self, data: Dataset) -> list[Any]:
        """Return targets as the loss takes them."""
        return [2 * y - 1 for y in data.y] if self.binary else self.encoder.targets(data.y)
