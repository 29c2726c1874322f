"""Compiled program of what an export was given: a compiled graph or function, the program itself, or a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from autograd.compiler.function import CompiledFunction
from autograd.compiler.program import Program
from autograd.engine import Value


@runtime_checkable
class Network(Protocol):
    """A model that says how many numbers it takes, such as an MLP."""

    nin: int

    def __call__(self, x: Any) -> Any:
        """Return the output, one number or several."""

    def parameters(self) -> Sequence[Value]:
        """Return the parameters."""


def program_in(compiled: Any, asker: str, *, may_be_empty: bool = True) -> Program:
    """Return the program of a compiled graph, of a compiled function for its latest call, or of a network."""
    if isinstance(compiled, Network):
        return predictions(compiled)
    program = compiled if isinstance(compiled, Program) else getattr(compiled, "program", None)
    if not isinstance(program, Program):
        found = type(compiled).__name__
        raise TypeError(f"{asker} takes what compile(...) returned, got {found}; write {asker}(compile(...))")
    if not (may_be_empty or program.lowering.roots or program.constant_results):
        raise ValueError(f"{asker} takes a program with results, got one without")
    return program


def predictions(model: Network) -> Program:
    """Return the program of a network's outputs for each example."""
    unknown = [math.nan] * model.nin  # in the domain of every function
    return CompiledFunction(lambda x: model(x), batched="x", wrt=model.parameters()).specialize([unknown])
