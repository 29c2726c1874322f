"""Listing of a program: one line of text an instruction, with the names and shapes of what it works on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from autograd.compiler.instructions import Code, Instruction, Operand
from autograd.compiler.steps import GraphStep
from autograd.rules import PYTHON, Expression

NamedSlots: TypeAlias = "tuple[str, int, int, bool]"  # some slots: their name, the first, how many, whether batched


def floating_point_operations(instruction: Instruction) -> int:
    """Return how many additions, multiplications and function values an instruction takes, for one example."""
    size = math.prod(instruction.destination.shape)
    if instruction.kind == "product":
        return size * (2 * instruction.operands[0].shape[-1] + len(instruction.operands) - 2)
    if instruction.kind == "reduce":
        return int(instruction.operands[0].slots.size)
    return size * max(1, _operations(instruction.expression))


def _operations(term: object) -> int:
    if not isinstance(term, Expression) or term.operation is None:
        return 0
    return 1 + sum(map(_operations, term.operands))


def listing(code: Code, variables: Sequence[NamedSlots], stats: dict[str, int]) -> str:
    """Return the instructions, one a line with the shape of its results, and a last line that sums up."""
    blocks = [*variables]
    for number, instruction in enumerate(code.instructions, 1):
        results = instruction.destination
        blocks.append((f"v{number}", int(results.slots.min()), len(np.unique(results.slots)), results.batched))

    def name(operand: Operand) -> str:
        if operand.constants is not None:
            number = operand.repeated
            return f"constants{_shape(operand.shape)}" if number is None else f"{number:.6g}"
        lowest, highest = int(operand.slots.min()), int(operand.slots.max())
        for title, start, count, batched in blocks:
            if batched == operand.batched and start <= lowest and highest < start + count:
                whole = (lowest, highest) == (start, start + count - 1)
                return title if whole else f"{title}[{lowest - start}:{highest - start + 1}]"
        return f"scattered{_shape(operand.slots.shape)}"

    rows = []
    for number, instruction in enumerate(code.instructions, 1):
        names = list(map(name, instruction.operands))
        shape = instruction.destination.shape
        if instruction.kind == "product":
            text = f"{names[0]} @ {names[1]}.T" if shape[1:] != (1, 1) else f"dot({names[0]}, {names[1]})"
            text = " + ".join([text, *names[2:]])
            shape = tuple(n for n in shape if n > 1) or (1,)
        elif instruction.kind == "reduce":
            text = f"{instruction.expression.operation.name}({names[0]})"
        elif instruction.operation is None and math.prod(shape) > len(np.unique(instruction.destination.slots)):
            text, shape = f"sum({names[0]})", shape[:-1]
        else:
            text = PYTHON.source(instruction.expression, names.__getitem__)
        batch = "batch x " if instruction.destination.batched else ""
        rows.append((f"v{number}", text, batch + _shape(shape), count(instruction.nodes, "node")))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    lines = [
        f"{left:{widths[0]}} = {text:{widths[1]}}  {shape:{widths[2]}}  {nodes:>{widths[3]}}"
        for left, text, shape, nodes in rows
    ]
    lines.append(
        f"{count(stats['nodes'], 'node')} in {count(stats['instructions'], 'instruction')}, "
        f"{count(stats['operations'], 'floating-point operation')}, {count(stats['bytes'], 'byte')} of buffers"
    )
    return "\n".join(lines)


def step_listing(steps: Sequence[GraphStep], variables: int, stats: dict[str, int], where: str) -> str:
    """Return scalar steps, one a line, of the variables x0, x1, ..., and a last line that sums up."""

    def name(term: object) -> str:
        if not isinstance(term, int):
            return repr(term)
        return f"x{term}" if term < variables else f"v{term - variables}"

    lines = [f"v{n} = {row.expression(*map(name, terms))}" for n, (row, terms) in enumerate(steps)]
    nodes, instructions = count(stats["nodes"], "node"), count(stats["instructions"], "instruction")
    operations = count(stats["operations"], "floating-point operation")
    return "\n".join([*lines, f"{nodes} in {instructions} {where}, {operations}"])


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural if it is not one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
