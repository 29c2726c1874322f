"""Sweeps: a function at every point of a grid, such as training for many seeds and learning rates.

Networks of a few thousand parameters gain little from many devices; many networks do. The engines are others': any
`concurrent.futures.Executor` runs the members, and JAX runs the training of all of them as one program.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeAlias

from autograd.callers import warn
from autograd.files import path_of
from nn.sweeping._journal import Journal
from nn.sweeping._together import together
from nn.sweeping._workers import Answer, answers, attempted
from nn.sweeping.sweep_table import Member, SweepTable
from nn.training.progress import bar

Grid: TypeAlias = "Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]]"


def sweep(
    f: Callable[..., Any],
    grid: Grid,
    executor: Executor | None = None,
    *,
    backend: str | None = None,
    resume: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> SweepTable:
    """Call `f(**arguments)` for every member of a grid, and return a table in the grid's order.

    - `grid`: lists of values by argument, of which every combination is a member, the last argument changing fastest;
      or the members themselves, a list of dicts.
    - `executor`: of `concurrent.futures`, loky, Dask (`client.get_executor()`), `mpi4py.futures` or any other; without
      one the members run here, one after the other. A process gets `f`, and the models and programs that it holds, only
      once, and keeps them: what is to be trained is made inside of f.
    - `backend="jax"`: run the members here, the steps of all their `fit` as one `vmap` over the parameters; or, where f
      is compiled, f itself. The results are those of the other ways.
    - `resume`: a file of JSON lines to which each member that is done is added; a sweep that has died goes on from it.
      The file is that of one function: of its name, its code, and the values that it holds, as arguments of a partial,
      defaults, variables of the scope around it and attributes of its object. Another is a ValueError, so is another
      version of Python; what it calls by a global name may change.
    - `progress`: show a bar, where the output is a terminal or a notebook.

    A member that raises an error is kept with it, and a RuntimeWarning tells its arguments; the others go on. Ctrl-C
    ends the sweep and keeps what is done.

    >>> table = sweep(lambda x, n: x**n, {"x": [2.0, 3.0], "n": [1, 2]})
    >>> print(table)
    x    n  result
    2.0  1  2.0
    2.0  2  4.0
    3.0  1  3.0
    3.0  2  9.0
    """
    if not callable(f):
        raise TypeError(f"sweep takes a function of keyword arguments, got {f!r:.60}")
    if backend not in (None, "jax"):
        raise ValueError(f"backend is 'jax', or None for the back ends that f chooses, got {backend!r}")
    if backend is not None and executor is not None:
        raise ValueError("backend='jax' runs all members here as one program, so there is no executor to give")
    if executor is not None and not hasattr(executor, "submit"):
        raise TypeError(f"executor has a method submit, as those of concurrent.futures have, got {executor!r:.60}")
    members = [Member(arguments) for arguments in _members(grid)]
    journal = None if resume is None else Journal(path_of(resume), f)
    for member in members if journal else ():
        if found := journal.pop(member.arguments):  # type: ignore[union-attr]
            member.result, member.done = found[0], True
    left = [member for member in members if not member.done]
    run: Any = together if backend == "jax" else _one_by_one if executor is None else partial(answers, executor)
    interrupted = False
    with bar(len(members), progress, "member") as shown:
        shown.advance("", len(members) - len(left))
        try:
            for number, answer in run(f, [member.arguments for member in left]):
                member = left[number]
                member.done = answer.kind == "done"
                member.error, member.details = answer.error, answer.details
                if member.done:
                    member.result = journal.record(member.arguments, answer.result) if journal else answer.result
                shown.advance(", ".join(f"{name}={value!r:.20}" for name, value in member.arguments.items()))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if journal is not None:
                journal.end(f)
    table = SweepTable(members, interrupted=interrupted)
    if table.failed:
        first = table.failed[0]
        called = ", ".join(f"{name}={value!r:.60}" for name, value in first.arguments.items())
        warn(f"{len(table.failed)} of {len(members)} members failed, the first of them f({called}): {first.error}")
    return table


def _one_by_one(f: Callable[..., Any], members: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Answer]]:
    for number, arguments in enumerate(members):
        yield number, attempted(f, arguments)


def _members(grid: Grid) -> list[dict[str, Any]]:
    """Return the arguments of each member."""
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise TypeError(f"grid has a list of values for each argument, got {name}={values!r:.60}")
        found = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    elif isinstance(grid, Iterable):
        listed: list[Any] = list(grid)
        if odd := [member for member in listed if not isinstance(member, Mapping)]:
            raise TypeError(f"grid is lists of values by argument, or a list of dicts, got {odd[0]!r:.60} in the list")
        found = [dict(member) for member in listed]
    else:
        raise TypeError(f"grid is lists of values by argument, or a list of dicts, got {grid!r:.60}")
    if odd := [name for member in found for name in member if not isinstance(name, str)]:
        raise TypeError(f"arguments have names, got {odd[0]!r}")
    return found
