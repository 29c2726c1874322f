"""Code generator for loops: a repeated block as Python source on lists `v` of results and `g` of adjoints."""

from __future__ import annotations

from typing import Any

from autograd.compiler.backends._sources import Bound, literal
from autograd.compiler.instructions import Affine, Block, IndexTable, ScalarStep
from autograd.rules import Dialect


class LoopWriter:
    """A code generator for a repeated block, on local names.

    In a repetition whose results begin at `i` they are `a0`, `a1`, ..., and their adjoints `h0`, `h1`, ...; those of
    the block before are `b0`, `b1`, ...; `f0` are numbers that stay, `gf0` what is added to their adjoints, `c0`
    constants that change, `j0` places of others.
    """

    def __init__(self, block: Block, count: int, bound: Bound, dialect: Dialect) -> None:
        self.block = block
        self.count = count  # slots of results; those of adjoints come after them
        self.bound = bound
        self.dialect = dialect
        self.fixed: dict[int, str] = {}  # the names of numbers that stay, by their slots
        self.summed: dict[int, str] = {}  # the same of their adjoints
        self.used: set[str] = set()
        self.moving: dict[str, str] = {}  # what runs through: its source, and its name
        self.lists: dict[tuple[str, ...], list[Any]] = {}
        self.body = list(map(self._line, block.steps))

    def _line(self, step: ScalarStep) -> str:
        source = self.dialect.source(step.expression, [self._name(operand) for operand in step.operands].__getitem__)
        return f"{self._name(step.destination)} {'+=' if step.add else '='} {source}"

    def _name(self, operand: Any) -> str:
        """Return what an operand, or a destination, is called in the block."""
        if isinstance(operand, str):
            return operand
        if isinstance(operand, list):
            return self._through(self._listed(operand), "c")
        if isinstance(operand, IndexTable):
            adjoint = operand.slots[0] >= self.count
            slots = [slot - self.count * adjoint for slot in operand.slots]
            return f"{'g' if adjoint else 'v'}[{self._through(self._listed(slots), 'j')}]"
        if not isinstance(operand, Affine):
            return literal(self.dialect, operand)
        adjoint = operand.first >= self.count
        slot = operand.first - self.count * adjoint
        if operand.stride == 0:
            known, letters = (self.summed, "gf") if adjoint else (self.fixed, "f")
            return known.setdefault(slot, f"{letters}{len(known)}")
        stored, offset, length = "g" if adjoint else "v", slot - self.block.start, self.block.length
        if operand.stride != self.block.stride or offset >= length:
            return f"{stored}[{self._running(slot, operand.stride)}]"
        name = f"{stored}[i - {-offset}]"
        if offset >= 0:
            name = f"{'h' if adjoint else 'a'}{offset}"
        elif offset >= -length and not adjoint:
            name = f"b{offset + length}"
        self.used.add(name)
        return name

    def _listed(self, numbers: list[Any]) -> str:
        """Return the name of a list, the same for the same numbers."""
        key = tuple(map(repr, numbers))
        return self.bound.bind(self.lists.setdefault(key, numbers), f"list{len(self.bound.names)}")

    def _running(self, slot: int, stride: int) -> str:
        return self._through(str(range(slot, slot + stride * self.block.repetitions, stride)), "j")

    def _through(self, source: str, letter: str) -> str:
        return self.moving.setdefault(source, f"{letter}{len(self.moving)}")

    def lines(self) -> list[str]:
        """Return the lines: what stays, the loop, and the adjoints of what stays."""
        block, length = self.block, self.block.length
        places = range(block.start, block.start + block.stride * block.repetitions, block.stride)
        names = ", ".join(["i", *self.moving.values()])
        through = f"zip({', '.join([str(places), *self.moving])})" if self.moving else str(places)
        carried = [offset for offset in range(length) if f"b{offset}" in self.used]
        start = [f"{name} = v[{slot}]" for slot, name in self.fixed.items()]
        if block.stride > 0:  # forward: results go from one repetition to the next, and to the list
            start += [f"b{offset} = v[{block.start - length + offset}]" for offset in carried]
            body = [
                *self.body,
                f"v[i : i + {length}] = {_listed('a', length)}",
                *[f"b{offset} = a{offset}" for offset in carried],
            ]
            return [*start, f"for {names} in {through}:", *[f"    {line}" for line in body]]
        body = [f"{_listed('h', length)} = g[i : i + {length}]"]
        body += [f"{_listed('a', length)} = v[i : i + {length}]"] * any(f"a{n}" in self.used for n in range(length))
        body += [f"b{offset} = v[i - {length - offset}]" for offset in carried]
        start += [f"{name} = 0.0" for name in self.summed.values()]
        end = [f"g[{slot}] += {name}" for slot, name in self.summed.items()]
        return [*start, f"for {names} in {through}:", *[f"    {line}" for line in [*body, *self.body]], *end]


def _listed(letter: str, count: int) -> str:
    return "".join(f"{letter}{number}, " for number in range(count)).strip()
