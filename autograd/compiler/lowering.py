"""Lowering: the two forms of a recorded graph that back ends run, array instructions and scalar steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from autograd import rules
from autograd.compiler._fold import CHAINS, DOTS, Folder
from autograd.compiler._place import placed
from autograd.compiler.instructions import Code
from autograd.compiler.listing import NamedSlots
from autograd.compiler.steps import GraphStep, steps_of
from autograd.engine import Value, topological_order

SAMPLES = 16, 500  # parts of a graph, and nodes in each, by which a large wide one is known
NOT_DEEPER = {*CHAINS, *DOTS, rules.mean}  # operations that may be folded into those that use them


@dataclass(eq=False)
class Lowering:
    """A sorted graph with its roots and variables, and what it is lowered to, each form when it is asked for.

    The plain variables are `arguments` of a function, then those to differentiate by (`wrt`), then others; all batched
    ones are arguments. `blocks` names slots of the variables: a title, the first slot, how many, whether batched.
    `made` are the nodes of the order that a function made, as they followed each other.
    """

    roots: Sequence[Value]
    order: Sequence[Value]
    variables: Sequence[Value]
    batched: Sequence[Value]
    blocks: Sequence[NamedSlots]
    arguments: int
    wrt: int
    made: Sequence[Value] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        # As what it was made of: the roots come first, since a node is pickled with all that it was made from.
        return Lowering, tuple([getattr(self, field.name) for field in fields(self)])

    @property
    def argument_blocks(self) -> list[NamedSlots]:
        """The blocks of the arguments of a function, in their order: those before the one of theta."""
        titles = [block[0] for block in self.blocks]
        last = len(titles) - 1 - titles[::-1].index("theta")
        return [b for b in self.blocks[:last] if b[3] or not b[2] or b[1] < self.arguments]

    def by_example(self, *, batched: bool) -> Lowering:
        """Return the same with the arguments in their order, all of them plain or all batched."""
        blocks: list[NamedSlots] = []
        inputs: list[Value] = []
        arguments = self.argument_blocks
        for title, start, count, flag in arguments:
            blocks.append((title, len(inputs), count, batched))
            inputs += (self.batched if flag else self.variables)[start : start + count]
        plain = [] if batched else inputs
        for title, start, count, flag in self.blocks:
            if (title, start, count, flag) not in arguments:
                blocks.append((title, start - self.arguments + len(plain), count, flag))
        variables = [*plain, *self.variables[self.arguments :]]
        found = replace(self, variables=variables, batched=inputs if batched else [], blocks=blocks)
        return replace(found, arguments=len(plain))

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

    def replay(self, inputs: Sequence[float]) -> None:
        """Compute the steps one by one; raise the error of the first that has one, as the eager engine words it.

        The first is the one that the function made first, whatever comes first in the sorted order.
        """
        numbers = [*inputs, *[math.nan] * len(self.steps)]
        for place in self._as_made:
            op, terms = self.steps[place - len(inputs)]
            operands = [numbers[term] if isinstance(term, int) else term for term in terms]
            try:
                numbers[place] = op.evaluate(operands)
            except rules.OUT_OF_DOMAIN:
                if not (rules.is_own(op) and any(map(math.isnan, operands))):  # which has nan there, as in the program
                    raise

    @cached_property
    def _as_made(self) -> list[int]:
        """The places of the steps, in the order in which the function made them."""
        places, inputs = self._steps[1], sum(self.sizes)
        listed = [places.get(node, 0) for node in topological_order(*self.made, *self.order)]
        return [place for place in listed if place >= inputs]

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
        del self.folder  # which is large
        code.blocks = [*self.together, *code.blocks]
        return code

    def is_same(self, other: Lowering) -> bool:
        """Whether another graph has the same operations and constants, and the same Values beside its arguments."""
        return self._described == other._described

    @cached_property
    def _described(self) -> tuple[Any, ...]:
        """A structural key, the same of equal graphs: 1.0 is not the place 1 here, 0.0 is not -0.0, and nan is nan."""
        operations, terms = zip(*self.steps, strict=True) if self.steps else ((), ())
        beside = [*map(id, self.variables[self.arguments :])]
        return operations, repr(terms), repr(self.places), beside, self.sizes, self.arguments, self.wrt

    def depth(self, width: int) -> int | None:
        """Return the longest way through a graph that has at most so many operands for each operation on the way.

        None where there are more. Of a large graph samples are looked at first: if all are wide, it is taken for wide.
        """
        samples, size = SAMPLES
        distance = len(self.order) // samples
        if distance >= size and all(
            _is_wide(self.order[start : start + size], width) for start in range(0, samples * distance, distance)
        ):
            return None
        deep = [0] * len(self.inputs)
        operands = 0
        for operation, terms in self.steps:
            operands += len(terms)
            deep.append(max([deep[term] for term in terms if type(term) is int]) + (operation not in NOT_DEEPER))
        longest = max(deep, default=0)
        return longest if longest and operands <= width * longest else None


def _is_wide(nodes: Sequence[Value], width: int) -> bool:
    """Whether nodes that follow each other have more operands for each operation on the longest way through them."""
    deep: dict[Value, int] = {}
    operands = 0
    for node in nodes:
        if node.op is not None:
            parents = node.parents
            operands += len(parents)
            deep[node] = max([deep.get(parent, 0) for parent in parents]) + (node.op not in NOT_DEEPER)
    return operands > width * max(deep.values(), default=0)
