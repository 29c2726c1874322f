"""A program: source that replays instructions on buffers of numbers.

All numbers live in one buffer, and those that differ from example to example in a second one, with a leading batch
axis; two more hold their adjoints. Operands are views of the buffers, made once for each number of examples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType
from typing import Any

import numpy as np

from autograd.compiler.adjoint import Adjoint
from autograd.compiler.instructions import Folded
from autograd.compiler.listing import Block, floating_point_operations, listing
from autograd.compiler.names import Names
from autograd.compiler.steps import replay, steps_of
from autograd.compiler.views import Array, Slots
from autograd.compiler.writer import Writer
from autograd.value import Value

KEPT = 4  # numbers of examples of which the buffers are kept


class Memory:
    """The buffers of a program for one number of examples, and the names by which its source knows their views."""

    def __init__(self, folded: Folded, names: Names, places: tuple[Slots, Slots], examples: int) -> None:
        self.examples = examples
        self.layout = names.layout
        plain, batched = folded.slots
        self.plain, self.plain_adjoints = np.zeros(plain), np.zeros(plain)
        self.batch, self.batch_adjoints = np.zeros(examples * batched), np.zeros(examples * batched)
        start, constants = folded.constants
        self.plain[start : start + len(constants)] = constants
        self.arguments: list[Array] = []  # where the arguments of a function are
        self.tick = -1  # of the recording's clock, when the data of Values was read last
        self.names = dict(names.fixed)
        self.names |= {"ones": np.ones(examples), "plain": self.plain, "plain_": self.plain_adjoints}
        self.names |= {"batch": self.batch, "batch_": self.batch_adjoints}
        for name, slots in names.scattered.items():
            self.names[name] = self.layout.positions(slots, examples)
        for name, view in names.views.items():
            self.names[name] = view.of(self.batch if view.batched else self.plain, examples)
        for name, view in names.adjoints.items():
            buffer = self.batch_adjoints if view.batched else self.plain_adjoints
            self.names[name] = view.adjoint_of(buffer, examples, places[view.batched])
        exec("\n".join(names.prelude), self.names)
        self.run: dict[str, Callable[..., Any]] = {}
        self.risky: list[Array] = []  # results of operations that are not defined everywhere

    def rows(self, slot: int, *, adjoint: bool = False) -> Array:
        """Return the block of a batched slot, such as an argument, with a row for each example."""
        return self.layout.block(slot, self.batch_adjoints if adjoint else self.batch, self.examples)

    def column(self, slot: int) -> Array:
        """Return the numbers of a batched slot."""
        return self.rows(slot)[:, slot - int(self.layout.start[slot])]

    def inputs(self, example: int, count: int) -> list[float]:
        """Return the first slots of the batched buffer, so many, for an example."""
        return [float(self.column(slot)[example]) for slot in range(count)]

    def bind(self, codes: Mapping[str, CodeType], risky: Sequence[str]) -> None:
        """Make functions of code that uses these names; say which results to look at for numbers not finite."""
        for name, code in codes.items():
            exec(code, self.names)
            self.run[name] = self.names["run"]
        self.risky = [self.names[name] for name in risky]


class Program:
    """Instructions that can be replayed: numbers in, values and adjoints out, without Python work for each node.

    `variables` names blocks of slots. The plain variables are `arguments` of a function, then those to differentiate
    by (`wrt`), then others; all batched ones are arguments. `graph` returns the sorted graph and its variables.
    `print(program)` lists the instructions, `source` is the NumPy code that runs, and `stats` has the numbers.
    """

    def __init__(
        self,
        folded: Folded,
        variables: Sequence[Block],
        arguments: int,
        wrt: int,
        graph: Callable[[], tuple[Sequence[Value], Sequence[Value]]],
    ) -> None:
        self.folded = folded
        self._graph = graph
        self.roots = folded.roots
        self.variables = variables
        blocks = [(start, count) for _, start, count, flag in variables if flag and count]
        self.names = Names(folded, blocks)
        self.writer = Writer(folded, self.names)
        adjoint = Adjoint(folded, self.writer)
        self.places = adjoint.slots()
        seeds = [f"seed{number}" for number in range(len(self.roots))]
        lines = {
            "forward": self.writer.forward,
            "captured": adjoint.lines(seeds, (slice(arguments, arguments + wrt), slice(0, 0))),
            "arguments": adjoint.lines(seeds, (slice(0, arguments), slice(0, folded.inputs[1]))),
        }
        self.sources = {name: "\n".join(written) for name, written in lines.items()}
        self._codes = {
            name: _compiled(name, [] if name == "forward" else seeds, written, self.names.fixed)
            for name, written in lines.items()
        }
        self._memories: dict[int, Memory] = {}

    @property
    def source(self) -> str:
        """The NumPy source that runs: made once, forward, and backward to the Values that the function uses."""
        return "\n\n".join(["\n".join(self.names.prelude), self.sources["forward"], self.sources["captured"]])

    def memory(self, examples: int = 1) -> Memory:
        """Return buffers for this many examples; those of the last few numbers are kept."""
        memory = self._memories.pop(examples, None)
        if memory is None:
            memory = Memory(self.folded, self.names, self.places, examples)
            memory.bind(self._codes, self.writer.risky)
            while len(self._memories) >= KEPT:
                del self._memories[next(iter(self._memories))]
        self._memories[examples] = memory
        return memory

    def forward(self, memory: Memory) -> list[Any]:
        """Compute the roots: for each a float, or an array with one number for each example.

        Where one is not finite, or an operation is not defined, what the eager engine raises there is raised.
        """
        with np.errstate(all="ignore"):
            return self._forward(memory)

    def backward(self, memory: Memory, seeds: Sequence[float], by: str = "captured") -> None:
        """Compute the adjoints, for the sum of the roots times their seeds: by the "captured" Values or "arguments"."""
        with np.errstate(all="ignore"):
            memory.run[by](*seeds)

    def both(self, memory: Memory, seeds: Sequence[float], by: str = "captured") -> list[Any]:
        """Compute the roots and the adjoints."""
        with np.errstate(all="ignore"):
            found = self._forward(memory)
            memory.run[by](*seeds)
        return found

    def _forward(self, memory: Memory) -> list[Any]:
        try:
            found: list[Any] = memory.run["forward"]()
        except (ValueError, ArithmeticError):  # of a user's own operation
            self._raise_as_eager_would(memory, range(memory.examples))
            raise
        looked_at = [*found, *memory.risky]
        for results in looked_at:
            total = results if type(results) is float else np.add.reduce(results, None)
            if not (math.isfinite(total) or np.isfinite(results).all()):
                self._raise_as_eager_would(memory, _not_finite(looked_at, memory.examples))
                break
        return found

    def _raise_as_eager_would(self, memory: Memory, examples: Iterable[int]) -> None:
        """Compute examples as the eager engine does, which raises its error where an operation has one."""
        steps, _ = steps_of(*self._graph())
        plain, batched = self.folded.inputs
        for example in examples:
            replay(steps, [*memory.plain[:plain].tolist(), *memory.inputs(example, batched)])

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        operations = sum(floating_point_operations(instruction) for instruction in self.folded.instructions)
        return {
            "nodes": self.folded.nodes,
            "instructions": len(self.folded.instructions),
            "operations": operations,
            "bytes": 16 * sum(self.folded.slots),
        }

    def __str__(self) -> str:
        """List the instructions: result, operands with their shapes, and how many nodes each stands for."""
        shapes = [self.names.views[f"y{number}"].shape for number in range(len(self.folded.instructions))]
        return listing(self.folded, self.variables, shapes, self.stats)


def _not_finite(found: Sequence[Any], examples: int) -> list[int]:
    """Return the examples with a result that is not finite; the first, if it is one that all have."""
    odd = np.zeros(examples, dtype=bool)
    for results in found:
        finite = np.isfinite(results)
        if np.shape(results)[:1] == (examples,):
            odd |= ~finite.reshape(examples, -1).all(axis=1)
        else:
            odd[:1] |= not finite.all()
    return np.flatnonzero(odd).tolist()


# In a small program Python's own work counts: functions are looked up in one step, numbers are arrays already.
FUNCTION = re.compile(r"\bnp\.([a-z_0-9]+)\(")
NUMBER = re.compile(r"(?<=[ (])-?\d+\.\d+(?:e[-+]?\d+)?(?=[,)])")


def _compiled(name: str, parameters: Sequence[str], lines: Sequence[str], names: dict[str, Any]) -> CodeType:
    def function(found: re.Match[str]) -> str:
        names[f"np_{found[1]}"] = getattr(np, found[1])
        return f"np_{found[1]}("

    def number(found: re.Match[str]) -> str:
        key = f"number_{found[0].translate(str.maketrans('-+.', 'mp_'))}"
        names[key] = np.array(float(found[0]))
        return key

    quick = [FUNCTION.sub(function, NUMBER.sub(number, line)) for line in lines]
    body = "\n    ".join(quick or ["pass"])
    return compile(f"def run({', '.join(parameters)}):\n    {body}", f"<{name}>", "exec")
