"""A program as text: one line an instruction, with the names and shapes of what it works on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from autograd.compiler.instructions import Folded, Instruction, Operand

Block: TypeAlias = "tuple[str, int, int, bool]"  # some slots: their name, the first, how many, whether batched


def floating_point_operations(instruction: Instruction) -> int:
    """Return how many additions, multiplications and function values an instruction takes, for one example."""
    if instruction.kind == "product":
        return instruction.count * (2 * instruction.operands[0].shape[-1] + len(instruction.addends))
    if instruction.kind in ("sum", "reduce"):
        return int(instruction.operands[0].slots.size)
    return instruction.count * max(1, len(instruction.operands) - (instruction.kind == "add"))


def listing(
    folded: Folded, variables: Sequence[Block], shapes: Sequence[tuple[int, ...]], stats: dict[str, int]
) -> str:
    """Return the instructions, one a line with the shape of its results, and a last line that sums up."""
    blocks = [*variables]
    blocks += [(f"v{n}", i.start, i.count, i.batched) for n, i in enumerate(folded.instructions, 1)]

    def name(operand: Operand) -> str:
        if operand.constants is not None:
            first = operand.constants.flat[0]
            return f"{first:.6g}" if (operand.constants == first).all() else f"constants{_shape(operand.shape)}"
        lowest, highest = int(operand.slots.min()), int(operand.slots.max())
        for title, start, count, batched in blocks:
            if batched == operand.batched and start <= lowest and highest < start + count:
                whole = (lowest, highest) == (start, start + count - 1)
                return title if whole else f"{title}[{lowest - start}:{highest - start + 1}]"
        return f"scattered{_shape(operand.slots.shape)}"

    rows = []
    for number, instruction in enumerate(folded.instructions, 1):
        names = list(map(name, instruction.operands))
        shape = shapes[number - 1]
        operation = instruction.operation
        if instruction.kind == "product":
            text = f"{names[0]} @ {names[1]}.T" if instruction.shape[1:] != (1, 1) else f"dot({names[0]}, {names[1]})"
            text = " + ".join([text, *map(name, instruction.addends)])
            shape = tuple(n for n in instruction.shape if n > 1) or (1,)
        elif operation is None:
            text = " + ".join(names) if instruction.kind == "add" else f"sum({names[0]})"
        else:
            text = operation.expression(*names) if instruction.kind == "map" else f"{operation.name}({names[0]})"
        batch = "batch x " if instruction.batched else ""
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


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural if it is not one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
