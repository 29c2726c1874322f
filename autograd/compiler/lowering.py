"""Lowering: the two forms of a recorded graph that back ends run, array instructions and scalar steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autograd import rules
from autograd.compiler._fold import CHAINS, DOTS, Folder
from autograd.compiler._place import placed
from autograd.compiler.instructions import Code
from autograd.compiler.listing import NamedSlots
from autograd.compiler.steps import GraphStep, steps_of
from autograd.engine import Value

BEGINNING = 5_000  # nodes by which a wide graph is known
NOT_DEEPER = {*CHAINS, *DOTS, rules.mean}  # operations that may be folded into those that use them


@dataclass(eq=False)
class Lowering:
    """A sorted graph with its roots and variables, and what it is lowered to, each form when it is asked for.

    The plain variables are `arguments` of a function, then those to differentiate by (`wrt`), then others; all batched
    ones are arguments. `blocks` names slots of the variables: a title, the first slot, how many, whether batched.
    """

    order: Sequence[Value]
    roots: Sequence[Value]
    variables: Sequence[Value]
    batched: Sequence[Value]
    blocks: Sequence[NamedSlots]
    arguments: int
    wrt: int

    @property
    def sizes(self) -> tuple[int, int]:
        """How many plain and batched variables there are."""
        return len(self.variables), len(self.batched)

    @property
    def inputs(self) -> list[Value]:
        """All variables, the plain ones first."""
        return [*self.variables, *self.batched]

    @property
    def together(self) -> list[tuple[int, int]]:
        """The slots of batched variables that lie together for each example: the first, and how many."""
        return [(start, count) for _, start, count, flag in self.blocks if flag and count]

    @cached_property
    def _steps(self) -> tuple[list[GraphStep], dict[Value, int]]:
        return steps_of(self.order, self.inputs)

    @property
    def steps(self) -> list[GraphStep]:
        """The graph as operations on numbered places."""
        return self._steps[0]

    @property
    def places(self) -> list[Any]:
        """The places of the roots; the number, of a constant one."""
        return [self._steps[1].get(root, root.number) for root in self.roots]

    @cached_property
    def folder(self) -> Folder:
        """The graph as groups of what is alike."""
        folder = Folder(self.variables, self.batched)
        folder.add(self.order, self.roots)
        return folder

    @cached_property
    def code(self) -> Code:
        """The graph as array instructions."""
        code = placed(self.folder, self.roots)
        code.blocks = [*self.together, *code.blocks]
        return code

    def depth(self, width: int) -> int | None:
        """Return the longest way through a graph that has at most so many operands for each operation on the way.

        None where there are more: a graph that begins wide is looked at no further.
        """
        depth = dict.fromkeys(self.inputs, 0)
        operands = longest = 0
        for number, node in enumerate(self.order):
            if node.op is not None:
                parents = node.parents
                below = [depth[parent] for parent in parents if parent in depth]
                if below:
                    depth[node] = deep = max(below) + (node.op not in NOT_DEEPER)
                    operands += len(parents)
                    longest = max(longest, deep)
            if number == BEGINNING and operands > width * longest:
                return None
        return longest if longest and operands <= width * longest else None
