"""Sparse matrices: the structural non-zeros of Jacobians and Hessians, as SciPy's compressed sparse rows.

SciPy's arrays hold no Values, so where derivatives are Values themselves they come in a `SparseMatrix`, of the same
parts. A compiled function returns SciPy's array for either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate as cumulative
from typing import Any

from autograd.functions.containers import register
from autograd.functions.structure import Structure


@dataclass(frozen=True)
class Pattern:
    """Sparsity pattern of a matrix, its structural non-zeros: `columns[starts[i]:starts[i + 1]]` are those of row i."""

    shape: tuple[int, int]
    starts: tuple[int, ...]
    columns: tuple[int, ...]

    @cached_property
    def arrays(self) -> tuple[Any, Any]:
        """The columns and the starts as arrays."""
        import numpy

        return numpy.array(self.columns, dtype=numpy.int32), numpy.array(self.starts, dtype=numpy.int32)

    def filled(self, numbers: Sequence[Any]) -> Any:
        """Return the matrix with these numbers: SciPy's csr_array; a SparseMatrix if there are Values among them."""
        if not {*map(type, numbers)} <= {float}:
            return SparseMatrix(self, list(numbers))
        import numpy
        from scipy.sparse import csr_array

        columns, starts = self.arrays
        return csr_array((numpy.array(numbers, dtype=float), columns.copy(), starts.copy()), shape=self.shape)


class SparseMatrix:
    """Sparse matrix of Values in compressed sparse rows: `data`, `indices`, `indptr` and `shape`, as SciPy names them.

    >>> from autograd import Value, jacobian
    >>> matrix = jacobian(lambda x: [x[0] * x[0], x[0] * x[1]], sparse=True)([Value(2.0), Value(3.0)])
    >>> [x.data for x in matrix.data], matrix.indices, matrix.indptr, matrix.shape
    ([4.0, 3.0, 2.0], (0, 0, 1), (0, 1, 3), (2, 2))
    """

    def __init__(self, pattern: Pattern, data: list[Any]) -> None:
        self.pattern = pattern
        self.data = data
        self.shape = pattern.shape
        self.indices = pattern.columns
        self.indptr = pattern.starts

    def __repr__(self) -> str:
        return f"<SparseMatrix of shape {self.shape} with {len(self.data)} structural non-zeros>"


register(SparseMatrix, lambda matrix: (matrix.data, matrix.pattern), Pattern.filled)


def check_scipy(asker: str) -> None:
    """Raise ImportError, in the asker's name, if there is no SciPy."""
    try:
        import scipy.sparse  # noqa: F401
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{asker}(f, sparse=True) returns sparse arrays of SciPy: python -m pip install 'scalar-autograd[compile]'"
        ) from error


def vectors_of(asker: str, what: str, structure: Structure, several: bool) -> list[int]:
    """Return how long the vectors of a structure are: one, or several in a tuple; TypeError if it holds others."""
    parts = structure.parts if several else (structure,)
    for part in parts:
        listed = (
            part.is_flat
            and not part.is_array
            and (issubclass(kind := part.container or float, (list, tuple)) or kind.__name__ == "Series")
        )
        if not (part.is_number or (part.is_array and len(part.keys) == 1) or listed):
            raise TypeError(
                f"{asker}(f, sparse=True) has a row or a column for each number of a list, a tuple or an array of one "
                f"dimension; {what} is {part}: flatten it, or leave sparse out"
            )
    return [1 if part.is_number else part.keys[0] if part.is_array else len(part.parts) for part in parts]


def blocks_of_rows(
    rows: Sequence[Sequence[tuple[int, Any]]], heights: Sequence[int], widths: Sequence[int], valued: bool
) -> list[list[Any]]:
    """Return a matrix, given by the columns and numbers in each row, cut into blocks of these heights and widths."""
    found = []
    bottoms, rights = list(cumulative(heights)), list(cumulative(widths))
    for bottom, height in zip(bottoms, heights, strict=True):
        band = []
        for right, width in zip(rights, widths, strict=True):
            left = right - width
            cut = [[(j - left, x) for j, x in row if left <= j < right] for row in rows[bottom - height : bottom]]
            starts = tuple(cumulative(map(len, cut), initial=0))
            pattern = Pattern((height, width), starts, tuple([j for row in cut for j, _ in row]))
            numbers = [x for row in cut for _, x in row]
            band.append(SparseMatrix(pattern, numbers) if valued else pattern.filled(numbers))
        found.append(band)
    return found
