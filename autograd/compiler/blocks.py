"""Blocks of scalar steps, the form of a graph with too little alike for array instructions; and their adjoint.

A short formula, or a recurrence in which each step waits for the last, would fold to instructions of a few numbers
each, and calling NumPy for one costs more than the arithmetic. What is repeated in a long one is one block, with
places that move on; its adjoint is the block backwards, from the last repetition to the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from autograd import rules
from autograd.compiler._loops import Loop as Loop
from autograd.compiler._loops import find_loops
from autograd.compiler.instructions import Affine, Block, IndexTable, Moving, ScalarStep
from autograd.compiler.steps import GraphStep
from autograd.rules import Expression, Operation, derivatives, product, substitute, symbol, walk

PIECE = 500  # steps of a block: Python compiles and calls functions of many more local names slowly


def parts_of(steps: Sequence[GraphStep], variables: int, straight_up_to: int | None = None) -> list[Loop | range]:
    """Return the parts of a graph's steps: what is repeated as loops, the rest in pieces, by the numbers of the steps.

    No loops are looked for up to so many steps, by default two pieces, since straight lines run faster.
    """
    parts: list[Loop | range] = []

    def straight(start: int, stop: int) -> None:
        parts.extend(range(first, min(first + PIECE, stop)) for first in range(start, stop, PIECE))

    start = 0
    most = 2 * PIECE if straight_up_to is None else straight_up_to
    for loop in find_loops(steps, variables) if len(steps) > most else []:
        straight(start, loop.start)
        parts.append(loop)
        start = loop.stop
    straight(start, len(steps))
    return parts


def blocks_of(steps: Sequence[GraphStep], variables: int, straight_up_to: int | None = None) -> list[Block]:
    """Return the blocks of a graph's steps, one for each of its parts."""
    return [
        repeated(part)
        if isinstance(part, Loop)
        else Block([_step(variables + n, *steps[n]) for n in part], variables + part.start, len(part))
        for part in parts_of(steps, variables, straight_up_to)
    ]


def _step(place: int, operation: Operation, terms: Sequence[Any]) -> ScalarStep:
    operands = [Affine(term) if isinstance(term, int) else term for term in terms]
    return ScalarStep(Affine(place), _call(operation, len(terms)), operands)


def repeated(loop: Loop) -> Block:
    """Return a loop as a block."""
    length = len(loop.operations)
    steps = [
        ScalarStep(Affine(loop.place + offset, length), _call(operation, len(operands)), list(map(_once, operands)))
        for offset, (operation, operands) in enumerate(zip(loop.operations, loop.operands, strict=True))
    ]
    return Block(steps, loop.place, length, loop.repetitions, length)


def _once(operand: Moving) -> Moving | float:
    """Return an operand; of a constant that is the same in all repetitions, the number."""
    return operand[0] if isinstance(operand, list) and len(set(map(repr, operand))) == 1 else operand


@lru_cache(maxsize=4096)
def _call(operation: Operation, arity: int) -> Expression:
    return Expression(operation, map(symbol, range(arity)))


def reached(steps: Sequence[GraphStep], variables: int, roots: Sequence[Any]) -> list[bool]:
    """Return at which places an adjoint arrives: elsewhere not even 0 times an infinity is handed back."""
    flags = [False] * (variables + len(steps))
    for root in roots:
        if isinstance(root, int):
            flags[root] = True
    for number in range(len(steps) - 1, -1, -1):
        operation, terms = steps[number]
        if flags[variables + number]:
            for target, *_ in handed_by(operation, len(terms), tuple([type(term) is int for term in terms])):
                if isinstance(target, int):
                    flags[terms[target]] = True  # type: ignore[index]
    return flags


def adjoint_of(block: Block, shift: int, flags: Sequence[bool]) -> Block:
    """Return the adjoint of a block, where the adjoint of a slot is so many slots after it; `flags` are of `reached`.

    Everything is added: the adjoints are zero at first.
    """
    last = block.repetitions - 1
    steps: list[ScalarStep] = []

    def backwards(operand: Any) -> Any:
        if isinstance(operand, (Affine, IndexTable)):
            return operand.backwards(block.repetitions)
        return operand[::-1] if isinstance(operand, list) else operand

    for number, step in reversed(list(enumerate(block.steps))):
        y: Any = step.destination.backwards(block.repetitions)  # type: ignore[union-attr]
        arrived = [float(flags[y.first + y.stride * n]) for n in range(block.repetitions)]
        if not any(arrived):
            continue
        named: dict[Any, Any] = {"y": y, "g": y.shifted(shift), **dict(enumerate(map(backwards, step.operands)))}
        wanted = tuple(isinstance(operand, (Affine, IndexTable)) for operand in step.operands)
        for target, expression, keys in handed_by(step.expression.operation, len(step.operands), wanted):
            add = not isinstance(target, str)
            if not add:
                named[target] = f"{target}_{number}"
            destination = named[target].shifted(shift) if add else named[target]
            operands = [named[key] for key in keys]
            if add and not all(arrived):  # in the other repetitions it hands nothing back
                expression = Expression(rules.where, [symbol(len(operands)), expression, 0.0])
                operands.append(arrived)
            steps.append(ScalarStep(destination, expression, operands, add))
    return Block(steps, block.start + last * block.stride, block.length, block.repetitions, -block.stride)


@lru_cache(maxsize=4096)
def handed_by(operation: Operation, arity: int, wanted: tuple[bool, ...]) -> list[tuple[Any, Any, list[Any]]]:
    """Return the contributions of an operation to its active operands, after the subexpressions that these share.

    Each is a target (the position of an operand, or the name of a temporary), an expression of the symbols 0, 1, ...,
    and what these stand for: "y", "g", positions and temporaries.
    """
    y, g, xs = symbol("y"), symbol("g"), list(map(symbol, range(arity)))
    handed = [
        (position, product(g, slope))
        for position, slope in enumerate(derivatives(operation, y, xs))
        if wanted[position] and slope is not rules.INACTIVE
    ]
    uses = Counter(
        id(part) for _, expression in handed for part in _each_once(expression) if part.operation is not None
    )
    names: dict[int, Expression] = {}
    temporaries: list[tuple[str, Any]] = []

    def named(part: Any) -> Any:
        if not isinstance(part, Expression) or part.operation is None:
            return part
        if id(part) in names:
            return names[id(part)]
        whole = Expression(part.operation, map(named, part.operands))
        if uses[id(part)] < 2:
            return whole
        temporaries.append((f"t{len(temporaries)}", whole))
        names[id(part)] = symbol(temporaries[-1][0])
        return names[id(part)]

    found = [(position, named(expression)) for position, expression in handed]
    return [(target, *_numbered(expression)) for target, expression in [*temporaries, *found]]


def _numbered(expression: Any) -> tuple[Any, list[Any]]:
    """Return an expression with its symbols numbered, and what their keys were."""
    keys = list(dict.fromkeys(part.key for part in walk(expression) if part.operation is None))
    return substitute(expression, lambda part: symbol(keys.index(part.key))), keys


def _each_once(expression: Any) -> list[Expression]:
    return list({id(part): part for part in walk(expression)}.values())
