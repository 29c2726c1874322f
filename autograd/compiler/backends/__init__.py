"""Back ends (code generators) of compiled programs: each is a class that builds a program from one form of a graph.

To add one, write a class with the attributes of `Runner` in a file of this folder, and name it in `RUNNERS`: the option
`backend` of `compile` takes its name, and the tests of the compiler iterate over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from autograd.compiler.backends.native import NativeProgram
from autograd.compiler.backends.numpy import NumpyProgram
from autograd.compiler.backends.python import ArrayLists, FloatLists
from autograd.compiler.listing import NamedSlots
from autograd.compiler.lowering import Lowering


class Memory(Protocol):
    """The numbers of a program for so many examples; a run leaves its results here for the run backward."""

    examples: int
    plain: Any  # an array: the numbers of the plain variables, to be written before a run
    plain_adjoints: Any  # an array: their adjoints, after a run backward

    def rows(self, slot: int, *, adjoint: bool = False) -> Any:
        """Return an array with a row for each example: the numbers of a batched slot's block, or their adjoints."""

    def inputs(self, example: int) -> list[float]:
        """Return the numbers of all variables in an example."""


class Runner(Protocol):
    """A program that a back end has built from a form of a graph: "arrays", its instructions, or "steps"."""

    backend: ClassVar[str]
    form: ClassVar[str]
    takes_lists: ClassVar[bool]  # whether it has `values` and `values_and_adjoints`, of lists of floats
    roots: list[tuple[Any, bool]]  # for each whether it is batched; the first part is the back end's own
    source: str

    def __init__(self, lowering: Lowering) -> None: ...

    def memory(self, examples: int = 1) -> Any:
        """Return a `Memory` for so many examples."""

    def forward(self, memory: Any) -> list[Any]:
        """Compute the roots: for each a float, or an array with a number for each example.

        A ValueError or an ArithmeticError has the eager engine compute all examples, which raises its own error.
        """

    def backward(self, memory: Any, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute adjoints for the sum of the roots times their seeds: of the "captured" Values or the "arguments"."""

    @property
    def both(self) -> Callable[[Any, Sequence[float], str], list[Any]] | None:
        """What computes the roots and the adjoints in one pass; None if `forward` and `backward` do it."""

    def values(self, variables: list[float]) -> list[float]:
        """Compute the roots at these variables, in any number of threads; raise what the eager engine would."""

    def values_and_adjoints(
        self, variables: list[float], seeds: Sequence[float]
    ) -> tuple[list[float], Sequence[float]]:
        """Compute the same, and the adjoints of the variables."""

    def not_finite(self, memory: Any, roots: Sequence[Any]) -> list[int]:
        """Return the examples of the last run that the eager engine is to compute, which may raise an error there."""

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes, instructions, floating-point operations forward, and bytes of the buffers."""

    def listing(self, variables: Sequence[NamedSlots]) -> str:
        """Return what `print(program)` shows; the variables are blocks of slots with names."""


# What else a back end may take a program over with, such as the kernels of `native`, is decided in `cut.py` too.
RUNNERS: list[type[Any]] = [NumpyProgram, ArrayLists, FloatLists, NativeProgram]
BACKENDS = tuple(dict.fromkeys(runner.backend for runner in RUNNERS))
