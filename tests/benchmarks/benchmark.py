"""Benchmarks as declarations, and the one clock under which all of them run.

A benchmark is a table: problems, one a row, and contestants, of whom the first is ours. Before a clock runs, all who
compute a value and a gradient have to agree. Then they take turns, in rounds, in one process with one thread; times are
of the processor, so that what else the machine does counts little; Python's garbage collector is on, as users have it,
and no contestant pays for the objects of another in it.
"""

import functools
import gc
import os
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.results import Row, Table

ONE_THREAD = {
    **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")},
    "NPROC": "1",  # of XLA's thread pool
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}
# Who is measured against, by the names to import and to install: may be absent, and is then said to be.
ANCHORS = {"casadi": "casadi", "ddx": "ddx-ad", "jax": "jax", "llvmlite": "llvmlite", "micrograd": "micrograd",
           "mpmath": "mpmath", "torch": "torch"}  # fmt: skip
SLOW, PATIENCE = 5.0, 6.0  # seconds of a first call that is not repeated, and of a row, after which no round begins

Task = Callable[[], Any]
Clock = Callable[[], float]
Answer = tuple[float, Any]  # value and gradient


class Entry(NamedTuple):
    """What a contestant runs, and what it answers, to be compared with the others."""

    task: Task
    answer: Answer | None = None


class Problem(NamedTuple):
    """How the contestants begin, ours first; who takes no part has no entry. Facts may come while they begin."""

    entries: Mapping[str, Callable[[], Entry | None]]
    facts: dict[str, Any]
    tolerance: float = 1e-9  # of answers, relative to the value and to the largest derivative


@dataclass(frozen=True)
class Benchmark:
    """A table to be measured, of problems by their names, the smallest first; see `Table` for the unit."""

    name: str
    title: str
    unit: str
    problems: Mapping[str, Callable[[], Problem]]
    per: list[str] = field(default_factory=list)
    memory: bool = False  # whether the most that Python allocates in a call is measured too
    by_clock: bool = False  # whether devices and all cores work, so that time is that of the clock on the wall


def measured(benchmark: Benchmark, group: str, rounds: int, least: float, chosen: Callable[[str], Any]) -> Table:
    """Return a benchmark's table, of the problems that are chosen by their names."""
    rows, before = [], load()
    absent: set[str] = set()
    for name, make in benchmark.problems.items():
        if chosen(name):
            problem = make()
            entries = begun(problem, absent)
            check(f"{benchmark.name}, {name}", entries, problem.tolerance)
            tasks = {who: entry.task for who, entry in entries.items()}
            seconds = turns(tasks, rounds, least, time.perf_counter if benchmark.by_clock else time.process_time)
            peaks = {who: memory(task).peak for who, task in tasks.items()} if benchmark.memory else {}
            rows.append(Row(name, problem.facts, seconds, peaks))
    contestants = list(dict.fromkeys(who for row in rows for who in row.seconds))
    head = (benchmark.name, group, benchmark.title, benchmark.unit, benchmark.per, contestants, sorted(absent))
    return Table(*head, rows, load=(before, load()), by_clock=benchmark.by_clock)


def load() -> float | None:
    """Return how many processes wanted to run in the last minute, where the system counts them."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def begun(problem: Problem, absent: set[str]) -> dict[str, Entry]:
    """Return the entries of those who are installed, and note who is not."""
    entries = {}
    for who, begin in problem.entries.items():
        try:
            entry = begin()
            if entry is not None:
                entries[who] = entry
        except ModuleNotFoundError as error:
            if error.name not in ANCHORS:
                raise
            absent.add(ANCHORS[error.name])
    return entries


def check(name: str, entries: Mapping[str, Entry], tolerance: float) -> None:
    """Stop unless all who answer agree with the first of them."""
    answers = {who: entry.answer for who, entry in entries.items() if entry.answer is not None}
    for who, (value, gradient) in answers.items():
        first, (right, slope) = next(iter(answers.items()))
        slope = np.asarray(slope, dtype=float)
        difference = max(
            abs(value - right) / abs(right), float(np.max(np.abs(np.asarray(gradient) - slope)) / np.max(np.abs(slope)))
        )
        if not difference <= tolerance:
            raise ArithmeticError(f"{name}: {who} differs from {first} by {difference:.1e}, more than {tolerance:.0e}")


def turns(
    tasks: Mapping[str, Task], rounds: int, least: float, clock: Clock = time.process_time
) -> dict[str, list[float]]:
    """CPU seconds of a call of each task, by rounds in which they take turns, each for at least so many seconds."""
    gc.collect()
    gc.freeze()
    try:
        first = {who: timed(task, 1, clock) for who, task in tasks.items()}
        if not least:  # a smoke run
            return {who: [seconds] for who, seconds in first.items()}
        one = {who: seconds if seconds > 10 * least else timed(tasks[who], 1, clock) for who, seconds in first.items()}
        calls = {who: max(1, round(least / max(seconds, 1e-7))) for who, seconds in one.items() if seconds < SLOW}
        times: dict[str, list[float]] = {who: [] if who in calls else [first[who]] for who in tasks}
        begin = clock()
        for _ in range(rounds):
            for who, count in calls.items():
                times[who].append(timed(tasks[who], count, clock))
            if clock() - begin > PATIENCE:
                break
        return times
    finally:
        gc.unfreeze()


def timed(task: Task, calls: int = 1, clock: Clock = time.process_time) -> float:
    """CPU seconds of a call, on an average of at least so many in a row."""
    gc.collect()
    done, spent, start = 0, 0.0, clock()
    while spent <= 0.0:  # where the clock is coarse, until it moves
        for _ in range(calls):
            task()
        done, spent = done + calls, clock() - start
    return float(f"{spent / done:.4g}")


class Memory(NamedTuple):
    """Bytes that Python and NumPy hold after a call, as long as its result lives, and at most while it runs."""

    kept: int
    peak: int


def memory(task: Task) -> Memory:
    """Return the bytes that a call takes."""
    gc.collect()
    tracemalloc.start()
    try:
        result = task()  # noqa: F841  # it lives while it is counted
        return Memory(*tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()


def paused(task: Task) -> Task:
    """Return a task that runs with the garbage collector off, as `fit` has it."""

    @functools.wraps(task)
    def run() -> Any:
        gc.disable()
        try:
            return task()
        finally:
            gc.enable()

    return run


def settled(compiled: Any, call: Task) -> Task:
    """Have a compiled function or graph come to what runs it for good, as many calls would, and return the call."""
    call()
    while compiled.program.left < np.inf:
        compiled.program.left = 1e-9  # nanoseconds: the next call takes them, unless what comes next is no faster
        call()
        if compiled.program.left == 1e-9:
            break
    return call
