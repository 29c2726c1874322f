"""A program: instructions that a back end has built, run on numbers, with the eager engine's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autograd.compiler.listing import Block
from autograd.compiler.steps import replay, steps_of
from autograd.value import Value


class Program:
    """Instructions that can be replayed: numbers in, values and adjoints out, without Python work for each node.

    `variables` names blocks of slots. The plain variables are `arguments` of a function, then those to differentiate
    by (`wrt`), then others; all batched ones are arguments. `graph` returns the sorted graph and its variables.
    `print(program)` lists the instructions, `source` is the code that runs, `stats` has the numbers, and `backend` is
    the name of what built it.
    """

    def __init__(
        self,
        runner: Any,
        backend: str,
        variables: Sequence[Block],
        graph: Callable[[], tuple[Sequence[Value], Sequence[Value]]],
    ) -> None:
        self.runner = runner
        self.backend = backend
        self.variables = variables
        self.roots = runner.roots
        self._graph = graph
        self.memory = runner.memory
        self.backward: Callable[..., None] = runner.backward

    @property
    def source(self) -> str:
        """The source that runs."""
        source: str = self.runner.source
        return source

    def forward(self, memory: Any) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example.

        Where one is not finite, or an operation is not defined, what the eager engine raises there is raised.
        """
        try:
            found: list[Any] = self.runner.forward(memory)
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
        steps, _ = steps_of(*self._graph())
        for example in examples:
            replay(steps, memory.inputs(example))

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        stats: dict[str, int] = self.runner.stats
        return stats

    def __str__(self) -> str:
        """List the instructions: result, operands with their shapes, and how many nodes each stands for."""
        listing: str = self.runner.listing(self.variables)
        return listing
