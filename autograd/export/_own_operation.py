"""Dialects that print a user's own operation as the expression that its forward function builds of symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autograd.pictures.page.javascript import UNREADABLE
from autograd.rules import Dialect, Expression, is_own


@dataclass(frozen=True)
class SymbolicDialect(Dialect):
    """A dialect that has no word for a user's own operation, and reads its function instead."""

    read: ClassVar[str]  # how, for the error: "as C", "for PyTorch"

    def rewritten(self, term: Any) -> Any:
        """Return an expression whose last operation the language has; NotImplementedError if its function refuses."""
        while isinstance(term, Expression) and term.operation is not None and is_own(term.operation):
            try:
                term = term.operation.forward(*term.operands)
            except UNREADABLE as error:
                raise NotImplementedError(
                    f"the operation {term.operation.name} cannot be read {self.read}, since its function takes "
                    f"floats: {error}; write it with the functions of autograd"
                ) from error
        return super().rewritten(term)
