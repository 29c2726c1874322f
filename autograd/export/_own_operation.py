"""Dialects that print an operation without a word as the expression that its forward function builds of symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar

from autograd import rules
from autograd.functions.solution import SolutionComponent
from autograd.rules import (
    ATOM,
    SUM,
    UNREADABLE,
    Dialect,
    Expression,
    NAry,
    Operation,
    formula,
    formulas,
    is_own,
    symbol,
)

# What takes a row of numbers, by the name that C and JavaScript call it.
OF_ROWS = {rules.largest: "largest", rules.logsumexp: "logsumexp"}


@dataclass(frozen=True)
class SymbolicDialect(Dialect):
    """A dialect that has no word for a user's own operation, and reads its function instead."""

    read: ClassVar[str]  # how, for the error: "as C", "for PyTorch"

    def rewritten(self, term: Any) -> Any:
        """Return an expression whose last operation the language has; NotImplementedError if its function refuses."""
        while isinstance(term, Expression) and term.operation is not None and self.is_read(term.operation):
            term = formula_of(term.operation, term.operands, self.read)
        return super().rewritten(term)

    def is_read(self, operation: Operation) -> bool:
        """Whether an operation is what its function computes of symbols."""
        return is_own(operation)


class ScalarDialect(SymbolicDialect):
    """A dialect of plain numbers, in which a sum of operands is written out, and a row of numbers is a list."""

    def printed(self, operation: Operation, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        """Print an operation on operands, each with how tightly it binds; return how tightly the whole does."""
        if not isinstance(operation, NAry):
            return super().printed(operation, operands)
        if operation in OF_ROWS:
            return self.of_row(OF_ROWS[operation], [source for source, _ in operands]), ATOM
        if operation in (rules.dot, rules.ieee_dot):
            half = len(operands) // 2
            pairs = zip(operands[:half], operands[half:], strict=True)
            operands = [super(ScalarDialect, self).printed(rules.mul, pair) for pair in pairs]
        terms = [source if binds >= SUM else f"({source})" for source, binds in operands]
        total = f"({' + '.join(terms) or self.literal(0.0)})"
        return f"({total} / {self.literal(float(len(terms)))})" if operation is rules.mean else total, ATOM

    def of_row(self, function: str, operands: Sequence[str]) -> str:
        """Return the call of a function of a row of numbers."""
        raise NotImplementedError


@dataclass(frozen=True)
class TensorDialect(Dialect):
    """A dialect of functions of tensors, which are differentiated there, and of an operation on each of some rows.

    So a user's own operation is a function with its own partial derivatives: it may have others than its formula has.
    """

    read: ClassVar[str]
    library: ClassVar[str]
    of_rows: ClassVar[dict[Operation, str]]  # templates

    def reduced(self, operation: Operation, rows: str) -> str:
        """Return an operation on each of some rows."""
        if operation not in self.of_rows:
            raise NotImplementedError(f"the operation {operation.name} has no word in {self.library}")
        return self.of_rows[operation].format(rows)


def formula_of(operation: Operation, operands: Sequence[Any], read: str) -> Any:
    """Return what the function of an operation computes of symbols; NotImplementedError if it refuses them."""
    try:
        term = formula(operation, operands)
        if getattr(term, "operation", None) is operation:
            raise NotImplementedError("it is not made of others")
        return term if isinstance(term, Expression) else float(term)
    except UNREADABLE as error:
        raise unreadable(operation, read, error) from error


def check_readable(operation: Operation, read: str) -> None:
    """Raise NotImplementedError if a function of a user's own operation, or a partial derivative, refuses symbols."""
    formula_of(operation, list(map(symbol, range(len(operation.partials)))), read)
    partials_of(operation, read)


def partials_of(operation: Operation, read: str) -> list[Any]:
    """Return the partial derivatives of an operation, of "y", 0, 1, ...; NotImplementedError if one refuses symbols."""
    try:
        return formulas(operation, list(map(symbol, range(len(operation.partials)))))
    except UNREADABLE as error:
        raise unreadable(operation, read, error, "partial derivative") from error


def unreadable(operation: Operation, read: str, error: Exception, part: str = "function") -> NotImplementedError:
    """Return the error for an operation whose function refuses symbols: how it was read, why not, and what to do."""
    why, remedy = f"its {part} takes floats: {error}", "; write it with the functions of autograd"
    if isinstance(operation.forward, SolutionComponent):
        why, remedy = "it is solved by iteration", "; write the solution, or some steps to it, as a formula"
    elif not is_own(operation) or "functions of autograd" in why:
        remedy = ""
    return NotImplementedError(f"the operation {operation.name} cannot be read {read}, since {why}{remedy}")


def _dot(*operands: Any) -> Any:
    half = len(operands) // 2
    return reduce(add, [a * b for a, b in zip(operands[:half], operands[half:], strict=True)], 0.0)


def _log_of_sum(a: Any, b: Any) -> Any:
    """Return log(exp(a) + exp(b))."""
    largest = rules.maximum(a, b)
    return largest + rules.log1p(rules.exp(rules.minimum(a, b) - largest))


# N-ary rows within an expression, as where an own operation uses them, of two operands at a time.
TWO_AT_A_TIME: dict[Operation, Callable[..., Any]] = {
    rules.fsum: lambda *xs: reduce(add, xs, 0.0),
    rules.mean: lambda *xs: reduce(add, xs) / len(xs),
    rules.largest: lambda *xs: reduce(rules.maximum, xs),
    rules.dot: _dot,
    rules.ieee_dot: _dot,
    rules.logsumexp: lambda *xs: reduce(_log_of_sum, xs),
}
