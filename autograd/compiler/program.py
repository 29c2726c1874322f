"""Compiled program: what a back end has built, run on numbers, with the eager engine's errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autograd.compiler.backends import Runner
from autograd.compiler.lowering import Lowering
from autograd.compiler.steps import replay


class Program:
    """Instructions that can be replayed: numbers in, values and adjoints out, without Python work for each node.

    `print(program)` lists the instructions, `source` is the code that runs, `stats` has the numbers, and `backend` is
    the name of the back end.
    """

    def __init__(self, runner: Runner, lowering: Lowering) -> None:
        self.runner = runner
        self.backend = runner.backend
        self.roots = runner.roots
        self.memory = runner.memory
        self.backward = runner.backward
        self.lowering = lowering
        self.constant_results: dict[int, float] = {}  # of a function: those that no root stands for, by position

    @property
    def source(self) -> str:
        """The source that runs."""
        return self.runner.source

    def forward(self, memory: Any) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example.

        Where one is not finite, or an operation is not defined, what the eager engine raises there is raised.
        """
        try:
            found = self.runner.forward(memory)
        except (ValueError, ArithmeticError):  # of a user's own operation
            self._raise_as_eager_would(memory, range(memory.examples))
            raise
        if odd := self.runner.not_finite(memory, found):
            self._raise_as_eager_would(memory, odd)
        return found

    def both(self, memory: Any, seeds: Sequence[float], by: str = "captured") -> list[Any]:
        """Compute the roots and the adjoints."""
        found = self.forward(memory)
        self.backward(memory, seeds, by)
        return found

    def _raise_as_eager_would(self, memory: Any, examples: Iterable[int]) -> None:
        """Compute examples as the eager engine does, which raises its error where an operation has one."""
        for example in examples:
            replay(self.lowering.steps, memory.inputs(example))

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        return self.runner.stats

    def __str__(self) -> str:
        """List the instructions: result, operands with their shapes, and how many nodes each stands for."""
        return self.runner.listing(self.lowering.blocks)
