"""Code generator for straight lines: steps that are done once, as Python source on local names.

What steps compute is the tuple `(v5 := v2 * v3, v6 := sin(v5))`, and not a statement each: Python takes half the time
to compile that, and compiling is most of what a long irregular graph costs. Backward, what arrives at an adjoint is put
together where it is used, so `g5 := g7 * v3 + g8` is written once, and an adjoint that is handed on as it is has no
line at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from autograd.compiler.backends._sources import NamedLine, literal
from autograd.compiler.blocks import handed_by
from autograd.compiler.steps import GraphStep
from autograd.rules import SUM, Dialect, Expression, Operation, symbol

TERMS = 16  # of an adjoint in one line, so that no line grows without bound

# What an operation hands on: the positions of the values in it, and for each target (the position of an operand, or the
# name of a temporary) a template of its operands, its result, its adjoint, and the temporaries.
Handed: TypeAlias = tuple[list[int], list[tuple[Any, str]]]


class StraightWriter:
    """A code generator for steps that follow each other, by the names that the values of all slots have."""

    def __init__(self, dialect: Dialect, names: Sequence[str] | dict[int, str]) -> None:
        self.dialect = dialect
        self.names = names
        self._forward: dict[tuple[Operation, int], str] = {}
        self._backward: dict[tuple[Any, ...], Handed] = {}

    def forward(self, steps: Sequence[GraphStep], start: int) -> tuple[list[NamedLine], set[int]]:
        """Return the lines of steps whose results have the slots from `start` on, and which slots before they read."""
        names, dialect, known = self.names, self.dialect, self._forward
        lines: list[NamedLine] = []
        read: set[int] = set()
        for slot, (operation, terms) in enumerate(steps, start):
            key = operation, len(terms)
            template = known.get(key)
            if template is None:
                expression = Expression(operation, map(symbol, range(len(terms))))
                template = known[key] = dialect.source(expression, lambda position: f"{{{position}}}")
            operands = [names[term] if type(term) is int else literal(dialect, term) for term in terms]
            lines.append((names[slot], template.format(*operands)))
            read.update([term for term in terms if type(term) is int and term < start])
        return lines, read

    def backward(
        self, steps: Sequence[GraphStep], start: int, arrived: bytearray, pending: dict[int, list[str]]
    ) -> tuple[list[NamedLine], set[int], list[int]]:
        """Return the lines of the adjoint of steps whose results have the slots from `start` on.

        And the slots whose values they read, and those whose adjoints they read, to add to them. `arrived` tells of
        each slot whether something has arrived at its adjoint before, `pending` has terms that arrive there now; what
        arrives at slots before these steps is entered in both.
        """
        names, dialect, known = self.names, self.dialect, self._backward
        lines: list[NamedLine] = []
        values: set[int] = set()
        adjoints: list[int] = []

        def reached(slot: int) -> list[str]:
            """Return the terms of an adjoint to which nothing is added here so far."""
            if not arrived[slot]:
                return []
            adjoints.append(slot)
            return [f"g{slot}"]

        def total(slot: int, terms: Sequence[str]) -> str:
            """Return the name of an adjoint, the sum of its terms."""
            if len(terms) == 1 and terms[0].isidentifier():
                return terms[0]
            lines.append((f"g{slot}", " + ".join(terms)))
            return f"g{slot}"

        for slot in range(start + len(steps) - 1, start - 1, -1):
            terms = pending.pop(slot, None) or reached(slot)
            if not terms:
                continue  # not even 0 times an infinity is handed on
            operation, operands = steps[slot - start]
            key = operation, *map(type, operands)
            handed = known.get(key)
            if handed is None:
                handed = known[key] = self._handed(operation, [type(operand) is int for operand in operands])
            reads, contributions = handed
            slots = [*operands, slot]
            values.update([slots[position] for position in reads])  # type: ignore[misc]
            written = [names[x] if type(x) is int else literal(dialect, x) for x in slots]
            written.append(total(slot, terms))
            for target, template in contributions:
                text = template.format(*written)
                if isinstance(target, str):
                    written.append(f"{target}_{slot}")
                    lines.append((written[-1], text))
                    continue
                onto: int = operands[target]  # type: ignore[assignment]
                if onto not in pending:
                    pending[onto] = reached(onto)
                terms = pending[onto]
                terms.append(text)
                if len(terms) == TERMS:
                    terms[:] = [total(onto, terms)]
        for slot in pending:
            arrived[slot] = True
        return lines, values, adjoints

    def _handed(self, operation: Operation, wanted: Sequence[bool]) -> Handed:
        size = len(wanted)
        reads: set[int] = set()
        contributions = []
        positions: dict[Any, int] = {**{n: n for n in range(size)}, "y": size, "g": size + 1}
        for target, expression, keys in handed_by(operation, size, tuple(wanted)):
            places = [positions[key] for key in keys]
            reads.update(place for place in places if place == size or (place < size and wanted[place]))
            braces = [f"{{{place}}}" for place in places]
            least = 0 if isinstance(target, str) else SUM  # a term of a sum
            contributions.append((target, self.dialect.operand(expression, braces.__getitem__, least)))
            if isinstance(target, str):
                positions[target] = len(positions)
        return list(reads), contributions
