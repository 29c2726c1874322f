"""A loop as Python source: the block once, on local names, and its adjoint, the block backwards."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.compiler.lines import Lines, literal
from autograd.compiler.loops import Affine, Loop


class RolledLoop:
    """The lines of a loop, forward and backward, on the lists `v` of all numbers and `g` of all adjoints.

    In a block starting at `i` its results are `a0`, `a1`, ...; those of the block before are `b0`, `b1`, ...; `f0` are
    numbers that stay, `c0` constants that change, `j0` places of others; `h0` are adjoints of results.
    """

    def __init__(self, write: Lines, loop: Loop, prefix: str) -> None:
        self.write = write
        self.loop = loop
        self.place = loop.place
        self.length = len(loop.operations)
        self.prefix = prefix
        self.fixed: dict[int, str] = {}  # the names of numbers that stay, by their places
        self.carried: set[int] = set()  # of the results of a block, those that the next one uses
        self.moving: dict[str, tuple[str, str]] = {}  # what runs through: its name, forward and backward
        self.constants = 0
        self.names = [[self._name(operand) for operand in operands] for operands in loop.operands]
        self.forward = self._forward()
        self.backward = self._backward()

    def _name(self, operand: Affine | list[float]) -> str:
        """Return what an operand is called in the block."""
        if isinstance(operand, list):
            if len(set(map(repr, operand))) == 1:
                return literal(operand[0])
            source, name = f"{self.prefix}{self.constants}", f"c{self.constants}"
            self.constants += 1
            self.write.functions[source] = operand  # type: ignore[assignment]
            self.moving[name] = source, f"reversed({source})"
            return name
        if operand.stride == 0:
            return self.fixed.setdefault(operand.first, f"f{len(self.fixed)}")
        offset = operand.first - self.place
        if operand.stride != self.length or offset >= self.length:
            return f"v[{self._moving(operand)}]"
        if offset >= 0:
            return f"a{offset}"
        if offset >= -self.length:
            self.carried.add(offset + self.length)
            return f"b{offset + self.length}"
        return f"v[i - {-offset}]"

    def _moving(self, operand: Affine) -> str:
        places = range(operand.first, operand.first + operand.stride * self.loop.repetitions, operand.stride)
        for name, (source, _) in self.moving.items():
            if source == str(places):
                return name
        name = f"j{len(self.moving)}"
        self.moving[name] = str(places), f"reversed({places})"
        return name

    def _heads(self) -> tuple[str, str]:
        places = f"range({self.place}, {self.place + self.length * self.loop.repetitions}, {self.length})"
        if not self.moving:
            return f"for i in {places}:", f"for i in reversed({places}):"
        names = ", ".join(["i", *self.moving])
        forward = ", ".join([places, *[source for source, _ in self.moving.values()]])
        backward = ", ".join([f"reversed({places})", *[source for _, source in self.moving.values()]])
        return f"for {names} in zip({forward}):", f"for {names} in zip({backward}):"

    def _forward(self) -> list[str]:
        start = [f"{name} = v[{place}]" for place, name in self.fixed.items()]
        start += [f"b{offset} = v[{self.place - self.length + offset}]" for offset in sorted(self.carried)]
        body = [
            f"a{offset} = {self.write.forward(op, names)}"
            for offset, (op, names) in enumerate(zip(self.loop.operations, self.names, strict=True))
        ]
        body.append(f"v[i : i + {self.length}] = {_listed('a', range(self.length))}")
        body += [f"b{offset} = a{offset}" for offset in sorted(self.carried)]
        return [*start, self._heads()[0], *[f"    {line}" for line in body]]

    def _backward(self) -> list[str]:
        start = [f"{name} = v[{place}]" for place, name in self.fixed.items()]
        start += [f"g{name} = 0.0" for name in self.fixed.values()]
        body = [
            f"{_listed('a', range(self.length))} = v[i : i + {self.length}]",
            f"{_listed('h', range(self.length))} = g[i : i + {self.length}]",
        ]
        body += [f"b{offset} = v[i - {self.length - offset}]" for offset in sorted(self.carried)]
        for offset in reversed(range(self.length)):
            op, names = self.loop.operations[offset], self.names[offset]
            wanted = [isinstance(operand, Affine) for operand in self.loop.operands[offset]]
            before, parts = self.write.backward(op, f"a{offset}", f"h{offset}", names, wanted)
            body += [*before, *[f"{self._adjoint(names[position])} += {source}" for position, source in parts]]
        end = [f"g[{place}] += g{name}" for place, name in self.fixed.items()]
        return [*start, self._heads()[1], *[f"    {line}" for line in body], *end]

    def _adjoint(self, name: str) -> str:
        """Return where the adjoint of an operand is, by the operand's name."""
        if name.startswith("a"):
            return f"h{name[1:]}"
        if name.startswith("b"):
            return f"g[i - {self.length - int(name[1:])}]"
        return f"g{name}" if name.startswith("f") else f"g{name[1:]}"


def _listed(letter: str, numbers: Sequence[int]) -> str:
    return "".join(f"{letter}{number}, " for number in numbers).strip()
