"""Train-validation split and mini-batches: which examples are trained on, in which order, and which are held out."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any, Protocol

from autograd.rules import how_to_list, with_article
from nn.training._purity import package_of

# Packages of arrays, which hold their numbers: these are the same whenever they are read.
ARRAYS = {
    *("cupy", "dask", "h5py", "jax", "jaxlib", "numpy"),
    *("pandas", "polars", "pyarrow", "tensorflow", "torch", "xarray"),
}


class Data(Protocol):
    """Examples, targets or outputs in rows: a list, a tuple, an array of NumPy, or a table of pandas or polars."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, index: Any, /) -> Any: ...


class Rows(Sequence[Any]):
    """A view of some rows of a sequence, which sees what is changed in it later.

    >>> x = [1.0, 2.0, 3.0]
    >>> rows, x[2] = Rows(x, [0, 2]), 4.0
    >>> list(rows), list(rows[1:])
    ([1.0, 4.0], [4.0])
    """

    def __init__(self, data: Data, numbers: Sequence[int]) -> None:
        self.data, self.numbers = data, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        numbers = self.numbers[index]
        return Rows(self.data, numbers) if isinstance(index, slice) else self.data[numbers]


def as_sequence(data: Any, asker: str = "fit") -> Data:
    """Return a list or array as it is, and a table or column of pandas or polars, its examples in rows, as an array.

    A sequence of another class is read by its length, since it need not raise IndexError at its end.
    """
    if hasattr(data, "to_numpy"):
        return data.to_numpy()  # type: ignore[no-any-return]
    remedy = how_to_list(data)
    is_sequence = hasattr(data, "__len__") and hasattr(data, "__getitem__") and getattr(data, "shape", None) != ()
    if remedy or not is_sequence:
        found = f"{with_article(data)}; {remedy or 'write list(...)'}"
        raise TypeError(f"{asker} takes examples and targets in sequences, got {found}")
    return data if is_stored(data) else Rows(data, range(len(data)))


def is_stored(data: Data) -> bool:
    """Whether a plain list or tuple, or an array, holds data, or has it among its rows, as no class of one's own does.

    >>> is_stored(Rows([1.0, 2.0], [1])), is_stored(range(3))
    (True, False)
    """
    while isinstance(data, Rows):
        data = data.data
    of_array = next((kind for kind in type(data).__mro__ if "__array__" in vars(kind)), object)
    return type(data) in (list, tuple) or package_of(of_array.__module__) in ARRAYS


def hold_out(X: Data, y: Data, validation: Any, rng: random.Random) -> tuple[Data, Data, tuple[Data, Data] | None]:
    """Return the examples to train on, and those that are held out: given, or a share of all, by chance."""
    if validation is None:
        return X, y, None
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        inputs, targets = map(as_sequence, validation)
        if len(inputs) != len(targets) or not len(inputs):
            raise ValueError(
                f"validation has one target for each example, and at least one, got {len(inputs)} and {len(targets)}"
            )
        return X, y, (inputs, targets)
    share = float(validation) if isinstance(validation, Real) else math.nan
    if not 0.0 < share < 1.0:
        pair = "; write (data.X, data.y)" if hasattr(validation, "X") and hasattr(validation, "y") else ""
        got = f"a tuple of {len(validation)}" if isinstance(validation, tuple) else f"{validation!r:.60}"
        raise ValueError(f"validation is a share between 0 and 1, or a pair like (X, y), got {got}{pair}")
    chosen = set(rng.sample(range(len(X)), round(share * len(X))))
    if not 0 < len(chosen) < len(X):
        raise ValueError(f"validation={validation!r} of {len(X)} examples leaves none to train on, or none to hold out")
    kept, out = [[i for i in range(len(X)) if (i in chosen) is held] for held in (False, True)]
    return Rows(X, kept), Rows(y, kept), (Rows(X, out), Rows(y, out))


def batches_of_epochs(
    count: int, size: int | None, epochs: int, rng: random.Random
) -> Iterator[Sequence[Sequence[int] | None]]:
    """Yield for each epoch its batches, as numbers of examples; None stands for all in their order."""
    order = list(range(count))
    for _ in range(epochs):
        if size is None:
            yield [None]
        else:
            rng.shuffle(order)
            yield [order[start : start + size] for start in range(0, count, size)]
