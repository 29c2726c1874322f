"""Eager evaluation of what a compiled function computes, node by node, where its result is part of a graph.

That is so where a compiled function is called with Values, or inside another function that is compiled or
differentiated: it is then the function that it was made from, so derivatives of any order go through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler._arguments import BATCHED, BoundCall
from autograd.compiler._flattening import in_batch, structure_of
from autograd.compiler._results import check_number, check_pair, of_each
from autograd.compiler.trace import Argument
from autograd.engine import Value, clock
from autograd.functions import Function, Structure, flatten_result, pack, transforms
from autograd.functions.calls import check_outputs


def each(f: Function, call: BoundCall, name: str) -> Any:
    """Return what a batched function returns for each example, in its structure."""
    columns, structure, examples, _ = _columns(f, call, name)
    return of_each(columns, structure, examples)


def value(
    f: Function, call: BoundCall, name: str, *, batched: bool, has_aux: bool, differentiated: bool = False
) -> Any:
    """Return what a function returns; for a batch, the mean over the examples, and the second part for each."""
    if not batched:
        return call.form.call(f, call.arguments)
    columns, structure, examples, result = _columns(f, call, name)
    if differentiated:
        check_outputs("value_and_grad", f, result[0] if has_aux and isinstance(result, tuple) else result)
    if not has_aux:
        check_number(structure, name, batched=True)
        return structure.unflatten([rules.mean(columns[0])])
    check_pair(structure, name)
    first, aux = structure.parts
    return first.unflatten([rules.mean(columns[0])]), of_each(columns[1:], aux, examples)


def eager_value_and_grad(f: Function, call: BoundCall, name: str, *, batched: bool, has_aux: bool) -> tuple[Any, Any]:
    """Return the value of a function, and its gradient by the first argument that is not static."""
    first = call.form.dynamic[0]
    given = call.arguments[first]
    listed = call.form.roles[first] == BATCHED and isinstance(given, (list, tuple))
    beside: list[Any] = []

    def of_first(argument: Any) -> Any:
        arguments = [argument if position == first else other for position, other in enumerate(call.arguments)]
        moved = replace(call, arguments=arguments)
        found = value(f, moved, name, batched=batched, has_aux=has_aux, differentiated=True)
        if not has_aux:
            return found
        check_pair(flatten_result(found, "compile", name)[1], name)
        beside[:] = found[1:]
        return found[0]

    of_first.__name__ = name
    found, gradient = transforms.value_and_grad(of_first)(list(given) if listed else given)
    return ((found, *beside) if has_aux else found), in_batch(gradient, given) if listed else gradient


def on_values(call: BoundCall) -> tuple[BoundCall, list[list[Value]]]:
    """Return a call with fresh Values in place of its numbers, and those of each argument that is not static."""
    arguments = list(call.arguments)
    inputs: list[list[Value]] = []
    for position, numbers in zip(call.form.dynamic, call.numbers, strict=True):
        structure, name = structure_of(call.key[position]), call.form.names[position]
        batched = call.form.roles[position] == BATCHED
        rows = np.asarray(numbers, dtype=float).reshape(call.examples if batched else 1, -1).tolist()
        nodes = [[Argument(x, label) for x, label in zip(row, structure.names(name), strict=True)] for row in rows]
        placed = [structure.unflatten(row) for row in nodes]
        arguments[position] = placed if batched else placed[0]
        inputs.append([node for row in nodes for node in row])
    return replace(call, arguments=arguments), inputs


@contextmanager
def assigned(leaves: Sequence[Value], numbers: Sequence[float]) -> Iterator[None]:
    """Give leaves these numbers in a block, in which all graphs that are made of them are forgotten again."""
    before = [leaf.number for leaf in leaves]
    try:
        for leaf, number in zip(leaves, numbers, strict=True):
            leaf.number = number
        clock.advance()  # by which compiled functions tell that numbers are others
        yield
    finally:
        for leaf, number in zip(leaves, before, strict=True):
            leaf.number = number
        clock.advance()


def _columns(f: Function, call: BoundCall, name: str) -> tuple[list[Any], Structure, int, Any]:
    """Call a function of one example for every example; return an array for each number, and what it returned last."""
    form = call.form
    lengths = {len(given) for given, role in zip(call.arguments, form.roles, strict=True) if role == BATCHED} or {1}
    if len(lengths) > 1:
        raise ValueError(f"{name} takes batches of one length, got lengths {sorted(lengths)}")
    (examples,) = lengths
    rows, structures = [], {}
    for i in range(examples):
        pairs = zip(call.arguments, form.roles, strict=True)
        found = form.call(f, [given[i] if role == BATCHED else given for given, role in pairs])
        numbers, structure = flatten_result(found, "compile", name)
        rows.append(numbers)
        structures[structure] = i
    if len(structures) > 1:
        raise TypeError(
            f"{name} is batched and returns the same structure for each example, got {[*map(str, structures)]}"
        )
    return [pack(column, (examples,)) for column in zip(*rows, strict=True)], structure, examples, found
