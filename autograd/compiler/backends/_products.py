"""Matrix products of instructions as source: which call of NumPy is the fastest for their shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd.compiler.instructions import Instruction


class ArraySource:
    """The source of an array: text, or a call of a function that can write to a given place."""

    def __init__(self, text: str, function: str = "", arguments: Sequence[str] = ()) -> None:
        self.text = text or f"{function}({', '.join(arguments)})"
        self.function = function
        self.arguments = arguments

    def __str__(self) -> str:
        return self.text

    def into(self, y: str, add: bool) -> str:
        """Return the line that writes the array to a view, or adds it, without a copy where NumPy can."""
        if add:
            return f"add({y}, {self}, out={y})"
        if self.function:
            return f"{self.function}({', '.join([*self.arguments, f'out={y}'])})"
        return f"positive({self}, out={y})" if self.text.isidentifier() else f"{y}[...] = {self}"


def matrices(
    instruction: Instruction, left: str, right: str, part: Callable[[str, str, Callable[[Any], Any]], str]
) -> tuple[tuple[str, Any] | None, ArraySource]:
    """Return a product as the fastest call for its shapes, and the part of the results that it computes.

    `part` names a part of what has a name, by an index and what takes it.
    """
    a, b, *_ = instruction.operands
    c, n, m = instruction.destination.shape
    k = a.shape[2]
    if instruction.over_examples:
        if c == 1 and a.batched and b.batched:
            if k == 1:
                rows = part(left, "[:, 0, :, 0].T", lambda x: x[:, 0, :, 0].T)
                columns = part(right, "[:, 0, :, 0]", lambda x: x[:, 0, :, 0])
                return ("[0]", lambda y: y[0]), ArraySource("", "matmul", [rows, columns])
            sides = [part(side, "[:, 0]", lambda x: x[:, 0]) for side in (left, right)]
            return ("[0]", lambda y: y[0]), ArraySource(f"tensordot({sides[0]}, {sides[1]}, ((0, 2), (0, 2)))")
        turned = part(right, ".swapaxes(-1, -2)", lambda x: x.swapaxes(-1, -2))
        return None, ArraySource("", "add.reduce", [f"matmul({left}, {turned})", "axis=0"])
    if n == m == 1 and a.batched is b.batched:
        if c == 1 and not a.batched:
            sides = [part(side, "[0, 0]", lambda x: x[0, 0]) for side in (left, right)]
            return ("[0, 0, 0, ...]", lambda y: y[0, 0, 0, ...]), ArraySource("", "matmul", sides)
        sides = [part(side, "[..., 0, :]", lambda x: x[..., 0, :]) for side in (left, right)]
        return ("[..., 0, 0]", lambda y: y[..., 0, 0]), ArraySource("", "einsum", ["'...k,...k->...'", *sides])
    if c == 1 and not a.batched and not b.batched:
        sides = [part(left, "[0]", lambda x: x[0]), part(right, "[0].T", lambda x: x[0].T)]
        return ("[0]", lambda y: y[0]), ArraySource("", "matmul", sides)
    # The first matrix is batched if one is: so the fold puts them, and that of an adjoint is of results.
    if c == n == 1 and a.batched and not b.batched:  # with a row for each example
        sides = [part(left, "[:, 0, 0]", lambda x: x[:, 0, 0]), part(right, "[0].T", lambda x: x[0].T)]
        return ("[:, 0, 0]", lambda y: y[:, 0, 0]), ArraySource("", "matmul", sides)
    turned = part(right, ".swapaxes(-1, -2)", lambda x: x.swapaxes(-1, -2))
    return None, ArraySource("", "matmul", [left, turned])
