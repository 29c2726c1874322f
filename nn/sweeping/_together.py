"""Members of a sweep as one JAX program: the training of all in lockstep, or a compiled function at all points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from autograd.callers import warn
from autograd.export import to_jax
from autograd.export.jax_package import double_precision, load_jax
from autograd.functions import flatten
from nn.sweeping._workers import Answer, attempted, failure
from nn.training.lockstep import Lockstep


def together(f: Callable[..., Any], members: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Answer]]:
    """Yield the number of each member with its answer."""
    if not members:
        return
    if hasattr(f, "specialize"):
        yield from _at_all_points(f, members)
        return
    lockstep = Lockstep()
    for number, answer in lockstep.run([partial(attempted, f, arguments) for arguments in members]):
        if answer is not None:
            yield number, answer
    if not lockstep.calls:
        warn(
            "backend='jax' takes the steps of `fit` of all members together, and f has not called it; the members were "
            "run one after the other"
        )


def _at_all_points(f: Any, members: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Answer]]:
    """Call a compiled function for all members at once, where their arguments have one structure."""
    groups: dict[Any, list[int]] = {}
    flat: list[list[Any]] = []
    for number, arguments in enumerate(members):
        parts = [flatten(argument) for argument in arguments.values()]
        flat.append([numbers for numbers, _ in parts])
        groups.setdefault((*arguments, *[structure for _, structure in parts]), []).append(number)
    with double_precision(load_jax("backend='jax'")):
        for numbers in groups.values():
            yield from _vmapped(f, members, flat, numbers)


def _vmapped(
    f: Any, members: Sequence[dict[str, Any]], flat: Sequence[list[Any]], numbers: Sequence[int]
) -> Iterator[tuple[int, Answer]]:
    import jax
    import numpy as np

    first = attempted(f, members[numbers[0]])
    if first.kind == "failed":  # perhaps at this point only
        for number in numbers:
            yield number, attempted(f, members[number])
        return
    structure = flatten(first.result)[1]
    try:
        program = f.specialize(**members[numbers[0]])
        theta = [f.read()] if program.lowering.wrt else []
        columns = [np.array(column, dtype=float) for column in zip(*[flat[number] for number in numbers], strict=True)]
        exported = jax.vmap(to_jax(program), in_axes=(*[None] * len(theta), *[0] * len(columns)))
        rows = np.asarray(jax.jit(exported)(*theta, *columns)).reshape(len(numbers), -1)
    except NotImplementedError as error:
        for number in numbers:
            yield number, failure(error)
        return
    for number, row in zip(numbers, rows, strict=True):
        if not np.isfinite(row).all():  # which is an error where an operation is not defined
            yield number, attempted(f, members[number])
            continue
        result = row.reshape(structure.keys) if structure.is_array else structure.unflatten(row.tolist())
        yield number, Answer("done", "", 0, result)
