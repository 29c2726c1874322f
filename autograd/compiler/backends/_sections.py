"""Sections of a kernel: steps, forward and backward, as lines of LLVM IR, in which values and adjoints have names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.compiler.backends._llvm import Lines
from autograd.compiler.blocks import handed_by
from autograd.compiler.instructions import Affine, IndexTable, ScalarStep
from autograd.compiler.steps import excusing, may_raise


class Section:
    """Lines of a kernel in which all numbers have so many lanes: the names of values and adjoints, by their slots."""

    def __init__(self, kernel: Any, prefix: str, lanes: int) -> None:
        self.kernel = kernel
        self.lines = Lines({}, prefix, lanes)
        self.values: dict[Any, str] = {}
        self.adjoints: dict[Any, str] = {}
        self.odd: list[str] = []  # conditions under which a result is to be looked at

    def value(self, operand: Any) -> str:
        """Return the name of an operand's value."""
        if isinstance(operand, Affine):
            return self.values.get(operand.first) or self.values.setdefault(operand.first, self.load(operand.first))
        return self.lines.number(operand)

    def load(self, slot: int) -> str:
        """Write what gets a value that has no name here."""
        name: str = self.kernel.load(self, slot)
        return name

    def store(self, slot: Any, name: str) -> None:
        """Give a result its name."""
        self.values[slot.first] = name

    def forward(self, steps: Sequence[ScalarStep]) -> None:
        """Write steps."""
        for step in steps:
            operands = list(map(self.value, step.operands))
            name = self.applied(step.expression, operands)
            if may_raise(step.expression.operation):
                self._look_at(name, excusing(step.expression.operation, operands))
            self.store(step.destination, name)

    def applied(self, expression: Any, operands: Sequence[str]) -> str:
        """Write an expression of the symbols 0, 1, ..., and return the name of its value; a long one is a function."""
        name, lines = self.kernel.function(expression, len(operands), self.lines.lanes), self.lines
        if name is None:
            return lines.applied(expression, dict(enumerate(operands)))
        return lines.new(f"call {lines.type} {name}({', '.join(f'{lines.type} {x}' for x in operands)})")

    def _look_at(self, result: str, operands: Sequence[str]) -> None:
        lines = self.lines
        size = lines.new(f"call {lines.type} @{_intrinsic('llvm.fabs', lines.lanes)}({lines.type} {result})")
        odd = lines.compared("uge", size, lines.number(float("inf")))
        for a, b in zip(operands[::2], [*operands[1::2], *operands[-1:]], strict=False):
            odd = lines.new(f"and {lines.truth} {odd}, {lines.compared('ord', a, b)}")
        self.odd.append(odd)

    def any_odd(self) -> str:
        """Return the name of the condition that there is a result to be looked at."""
        found = "false" if self.lines.lanes == 1 else "zeroinitializer"
        for condition in self.odd:
            found = self.lines.new(f"or {self.lines.truth} {found}, {condition}")
        return found

    def adjoint(self, operand: Any) -> str | None:
        """Return the name of an adjoint; None where nothing has arrived."""
        return self.adjoints.get(operand.first)

    def arrive(self, operand: Any, name: str) -> None:
        """Add to an adjoint."""
        before = self.adjoints.get(operand.first)
        self.adjoints[operand.first] = self.added(before, name)

    def added(self, before: str | None, name: str) -> str:
        """Return the name of the sum of two adjoints, of which the first may have nothing yet."""
        return name if before is None else self.lines.new(f"fadd {self.lines.type} {before}, {name}")

    def handed(self, operand: Any, name: str) -> str:
        """Return what is handed back by a result."""
        return name

    def backward(self, steps: Sequence[ScalarStep]) -> None:
        """Write the adjoints of steps, the last one first: what they hand back to operands that are wanted."""
        for step in reversed(steps):
            g = self.adjoint(step.destination)
            if g is not None:
                self._hand_back(step, g)

    def _hand_back(self, step: ScalarStep, g: str) -> None:
        wanted = tuple(isinstance(operand, (Affine, IndexTable)) for operand in step.operands)
        parts: dict[Any, tuple[Any, list[Any]]] = {}  # what several contributions have in common
        names: dict[Any, str] = {"g": g}

        def named(key: Any) -> str:
            if key not in names:
                if key in parts:
                    names[key] = written(*parts[key])
                else:
                    names[key] = self.value(step.destination if key == "y" else step.operands[key])
            return names[key]

        def written(expression: Any, keys: Sequence[Any]) -> str:
            return self.applied(expression, [named(key) for key in keys])

        for target, expression, keys in handed_by(step.expression.operation, len(step.operands), wanted):
            if isinstance(target, str):
                parts[target] = expression, keys
            elif self.kernel.is_active(operand := step.operands[target]):
                self.arrive(operand, self.handed(step.destination, written(expression, keys)))


def _intrinsic(name: str, lanes: int) -> str:
    return f"{name}.{'' if lanes == 1 else f'v{lanes}'}f64"
