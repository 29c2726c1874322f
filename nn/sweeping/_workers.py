"""Workers of a sweep: tasks for any executor, to whose processes the function is sent once, not with every task.

A task carries the name of the function. A process that does not know it answers so at once, and only then is the
function, in bytes, a part of a task; from then on that process has it. Threads and forked processes have it already.
"""

from __future__ import annotations

import os
import pickle
import socket
import threading
import traceback
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from heapq import heappop, heappush
from importlib import import_module
from typing import Any, NamedTuple

KEPT: OrderedDict[str, Callable[..., Any]] = OrderedDict()  # the functions that this process has, by name
MOST_KEPT = 4
LEAST_AHEAD = 8  # tasks that are submitted at a time, at least; and for each worker that is known:
AHEAD = 4
PATIENCE = 32  # refused tasks, after which a process is sent the function once more


class Answer(NamedTuple):
    """What came of a task: "done", "failed", or "unknown" where the process lacks the function."""

    kind: str
    process: str
    thread: int
    result: Any = None
    error: str = ""
    details: str = ""


def keep(name: str, f: Callable[..., Any]) -> None:
    """Have this process know a function; the ones of long ago are forgotten."""
    KEPT[name] = f
    while len(KEPT) > MOST_KEPT:
        KEPT.popitem(last=False)


def run_task(name: str, written: bytes | None, arguments: dict[str, Any]) -> Answer:
    """Call a function that this process has, or that comes in bytes."""
    me = f"{socket.gethostname()} {os.getpid()}", threading.get_ident()
    if name not in KEPT:
        if written is None:
            return Answer("unknown", *me)
        keep(name, pickle.loads(written))  # noqa: S301  # what the sweep itself has written
    return attempted(KEPT[name], arguments, me)


def attempted(f: Callable[..., Any], arguments: dict[str, Any], me: tuple[str, int] = ("", 0)) -> Answer:
    """Return what a function returns, or the error that it raises."""
    try:
        return Answer("done", *me, f(**arguments))
    except Exception as error:
        part = error.__traceback__.tb_next if isinstance(error, MemoryError) and error.__traceback__ else None
        while part is not None:  # what f has filled the memory with goes, so that there is some to tell of it
            part.tb_frame.clear()
            part = part.tb_next
        return failure(error, me)


def failure(error: BaseException, me: tuple[str, int] = ("", 0)) -> Answer:
    """Return an error as an answer."""
    name, told = type(error).__name__, " ".join(str(error).split())
    return Answer(
        "failed", *me, error=f"{name}: {told}" if told else name, details="".join(traceback.format_exception(error))
    )


def answers(
    executor: Executor, f: Callable[..., Any], members: Sequence[dict[str, Any]]
) -> Iterator[tuple[int, Answer]]:
    """Yield the number of each member with its answer, as they come; on Ctrl-C cancel what has not begun."""
    tasks = _Tasks(f, members, executor)
    keep(tasks.name, f)
    try:
        while tasks.waiting or tasks.pending:
            yield from tasks.submit()
            yield from tasks.collect()
    except KeyboardInterrupt:
        yield from tasks.finished()
        raise
    finally:
        KEPT.pop(tasks.name, None)
        for future in tasks.pending:
            future.cancel()


def _pickler() -> Any:
    """Return cloudpickle, which knows functions of a notebook too, where it is; loky and Dask bring it."""
    try:
        return import_module("cloudpickle")
    except ImportError:
        return pickle


class _Tasks:
    """The tasks of a sweep: those to be submitted, and those in the executor."""

    def __init__(self, f: Callable[..., Any], members: Sequence[dict[str, Any]], executor: Executor) -> None:
        self.f, self.members, self.executor = f, members, executor
        self.name = uuid.uuid4().hex
        self.waiting = [(number, False) for number in range(len(members))]  # a heap; and whether it was refused
        self.pending: dict[Future[Answer], tuple[int, bool, bool]] = {}  # the same, and whether it carries the function
        self.workers: set[tuple[str, int]] = set()
        self.knowing: set[str] = set()  # processes
        self.lacking: dict[str, int] = {}  # and how often they have refused a task
        self.written: bytes | None = None
        self.at_once = max(LEAST_AHEAD, 2 * (getattr(executor, "_max_workers", None) or os.cpu_count() or 1))

    def submit(self) -> Iterator[tuple[int, Answer]]:
        """Submit as many tasks as there is room for; yield those that cannot be."""
        held: list[tuple[int, bool]] = []
        while self.waiting and len(self.pending) < max(self.at_once, AHEAD * len(self.workers)):
            number, refused = heappop(self.waiting)
            carriers = sum(carries for *_, carries in self.pending.values())
            # For each process that lacks the function one task that carries it is on the way; it may be another process
            # that takes it, and then the one that still refuses tasks after a while is sent a second.
            carries = refused and carriers < sum(1 + count // PATIENCE for count in self.lacking.values())
            if refused and not carries and not self.knowing and self.pending:
                held.append((number, refused))
                continue
            try:
                written = self._bytes() if carries else None
                future = self.executor.submit(run_task, self.name, written, self.members[number])
            except Exception as error:  # a broken executor, one that was shut down, or what cannot be sent
                yield number, failure(error)
                continue
            self.pending[future] = number, refused, carries
        for task in held:
            heappush(self.waiting, task)

    def collect(self) -> Iterator[tuple[int, Answer]]:
        """Wait for an answer, and yield those that have come."""
        done, _ = wait(self.pending, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=self.pending.__getitem__):
            number, *_ = self.pending.pop(future)
            error = None if future.cancelled() else future.exception()
            if isinstance(error, KeyboardInterrupt):
                raise error
            if error is not None or future.cancelled():
                yield number, failure(error or RuntimeError("the executor has cancelled it"))
                continue
            answer = future.result()
            self.workers.add((answer.process, answer.thread))
            if answer.kind == "unknown":
                self.lacking[answer.process] = self.lacking.get(answer.process, 0) + 1
                heappush(self.waiting, (number, True))
                continue
            self.lacking.pop(answer.process, None)
            self.knowing.add(answer.process)
            yield number, answer

    def finished(self) -> Iterator[tuple[int, Answer]]:
        """Cancel what has not begun, and yield the answers that have come."""
        for future, (number, *_) in self.pending.items():
            if not future.cancel() and future.done() and future.exception() is None and future.result().kind == "done":
                yield number, future.result()

    def _bytes(self) -> bytes:
        if self.written is None:
            try:
                self.written = _pickler().dumps(self.f)
            except Exception as error:
                raise pickle.PicklingError(
                    f"f cannot be sent to another process: {error}; define it at the top of a module, or install "
                    "cloudpickle: python -m pip install cloudpickle"
                ) from error
        return self.written
