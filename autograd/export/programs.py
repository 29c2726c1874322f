"""Compiled program of what an export was given: a compiled graph, a compiled function, or the program itself."""

from __future__ import annotations

from typing import Any

from autograd.compiler.program import Program


def program_in(compiled: Any, asker: str) -> Program:
    """Return the program of a compiled graph, or of a compiled function for its latest call."""
    program = compiled if isinstance(compiled, Program) else getattr(compiled, "program", None)
    if not isinstance(program, Program):
        found = type(compiled).__name__
        raise TypeError(f"{asker} takes what compile(...) returned, got {found}; write {asker}(compile(...))")
    return program
