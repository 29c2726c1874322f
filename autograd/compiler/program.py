"""Compiled program: what a back end has built, run on numbers, with the eager engine's errors.

A program that runs often is built again by a faster back end, whose cost it has spent by then: see `cut.py`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd.compiler.backends import Runner
from autograd.compiler.lowering import Lowering


@dataclass
class Stage:
    """A faster runner to come: what it costs to build, what a run costs until then (both in ns), and how it is built.

    `run` takes the number of examples; 0 stands for runs in which nothing is to be gained. What `make` returns is None
    if there is no such runner after all, and another Stage if more has to be spent before.
    """

    price: float
    run: Callable[[int], float]
    make: Callable[[], Runner | Stage | None]


class Program:
    """Instructions that can be replayed: numbers in, values and adjoints out, without Python work for each node.

    `print(program)` lists the instructions, `source` is the code that runs, `stats` has the numbers, and `backend` is
    the name of the back end.
    """

    def __init__(
        self, runner: Runner, lowering: Lowering, asked: str = "auto", stages: Iterable[Callable[[], Stage]] = ()
    ) -> None:
        self.runner = runner
        self._held = runner  # whose memory was returned last: another thread may have a faster one take over meanwhile
        self.lowering = lowering
        self.constant_results: dict[int, float] = {}  # of a function: those that no root stands for, by position
        self.asked = asked
        self.form = runner.form  # in which it is listed and exported, whatever runs it later
        self._lock = threading.Lock()
        self._stages = list(stages)
        self._stage: Stage | None = None
        self.left = math.inf  # nanoseconds to be spent before the next stage
        self.single = 0.0  # what a run of one example costs
        self._next()

    @property
    def backend(self) -> str:
        """The name of the back end that runs it now."""
        return self.runner.backend

    @property
    def roots(self) -> list[tuple[Any, bool]]:
        """The roots: for each whether it is batched; the first part is the back end's own."""
        return self.runner.roots

    @property
    def source(self) -> str:
        """The source that runs."""
        return self.runner.source

    def memory(self, examples: int = 1) -> Any:
        """Return the buffers for a run of so many examples, from which on another back end may run the program.

        They belong to the back end that runs it now, and so do the runs until the next call. One thread at a time has
        them.
        """
        if (stage := self._stage) is not None:
            self.left -= stage.run(examples)
            if self.left <= 0.0:
                self.proceed()
        try:
            self._held = self.runner
            return self._held.memory(examples)
        except MemoryError as error:
            raise self._too_large(examples, error) from None

    def proceed(self) -> None:
        """Have the runners of the stages take over that have been paid for."""
        with self._lock:
            while self._stage is not None and self.left <= 0.0:  # else another thread has done it
                made = self._stage.make()
                if isinstance(made, Stage):
                    self._wait(made)
                    continue
                if made is not None:
                    self.runner = made
                self._next()

    def _next(self) -> None:
        self._stage, self.left, self.single = None, math.inf, 0.0
        if self._stages:
            self._wait(self._stages.pop(0)())

    def _wait(self, stage: Stage) -> None:
        self._stage, self.left, self.single = stage, stage.price, stage.run(1)

    def forward(self, memory: Any) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example.

        Where one is not finite, or an operation is not defined, what the eager engine raises there is raised.
        """
        return self._checked(memory, lambda: self._held.forward(memory))

    def backward(self, memory: Any, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints, for the sum of the roots times their seeds, of the last run."""
        try:
            self._held.backward(memory, seeds, by)
        except MemoryError as error:
            raise self._too_large(memory.examples, error) from None

    def both(self, memory: Any, seeds: Sequence[float], by: str = "captured") -> list[Any]:
        """Compute the roots and the adjoints."""
        if (together := self._held.both) is not None:
            return self._checked(memory, lambda: together(memory, seeds, by))
        found = self.forward(memory)
        self.backward(memory, seeds, by)
        return found

    def _checked(self, memory: Any, run: Callable[[], list[Any]]) -> list[Any]:
        try:
            found = run()
        except (ValueError, ArithmeticError):  # of a user's own operation
            self._raise_as_eager_would(memory, range(memory.examples))
            raise
        except MemoryError as error:
            raise self._too_large(memory.examples, error) from None
        if odd := self._held.not_finite(memory, found):
            self._raise_as_eager_would(memory, odd)
        return found

    def _too_large(self, examples: int, error: MemoryError) -> MemoryError:
        """Return the error of a run for which there is no memory: what was asked for, and what to do."""
        numbers = examples * (sum(self.lowering.sizes) + len(self.lowering.order))
        asked = str(error) or f"{numbers:,} numbers take {32 * numbers:,} bytes in lists of Python"
        if examples == 1:
            return MemoryError(f"this program has no memory to run in: {asked}; compute it in parts")
        return MemoryError(
            f"{examples:,} examples at a time have no memory to run in: {asked}; call the program with fewer of them, "
            "or give fit a smaller batch_size"
        )

    def _raise_as_eager_would(self, memory: Any, examples: Iterable[int]) -> None:
        """Compute examples as the eager engine does, which raises its error where an operation has one."""
        for example in examples:
            self.lowering.replay(memory.inputs(example))

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        return self.runner.stats

    def __str__(self) -> str:
        """List the instructions: result, operands with their shapes, and how many nodes each stands for."""
        return self.runner.listing(self.lowering.blocks)
