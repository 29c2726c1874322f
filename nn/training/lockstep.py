"""Lockstep: training runs that wait for each other at every step, so that JAX takes the steps of all at once.

Each run has a thread of its own, of which one runs at a time. A step is a call of a kernel. When every run that is left
has made its call, calls of the same kernel become one, by `vmap` over all of their arguments, the parameters first of
all. So whatever a run does between its steps, and however long it is, its numbers are those that it has alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextvars import ContextVar
from typing import Any

from autograd.export.jax_package import double_precision, load_jax

JaxKernel = Callable[..., Any]


class _Call:
    """A call of a kernel that waits to be made, and then has a result or an error."""

    def __init__(self, key: Hashable, kernel: JaxKernel, arguments: Any) -> None:
        self.key, self.kernel, self.arguments = key, kernel, arguments
        self.result: Any = None
        self.error: BaseException | None = None
        self.made = False


class Lockstep:
    """Runs in threads; `calls` has for each call of a kernel how many calls of runs it was."""

    def __init__(self) -> None:
        self.jax = load_jax('backend="jax"')
        self.turn = threading.Condition()  # held by the one thread that runs
        self.runs = 0
        self.waiting: list[_Call] = []
        self.compiled: dict[Hashable, tuple[Any, int]] = {}  # a kernel over many, and over how many
        self.calls: list[int] = []
        self.ended = False
        import numpy as np

        self.numpy: Any = np
        mesh = self.jax.sharding.Mesh(np.array(self.jax.local_devices()), ("members",))
        self.spread = self.jax.sharding.NamedSharding(mesh, self.jax.sharding.PartitionSpec("members"))

    def run(self, runs: list[Callable[[], Any]]) -> Iterator[tuple[int, Any]]:
        """Yield the number of each run with what it returned, as they end; None where it raised an error."""
        finished: list[tuple[int, Any]] = []

        def member(number: int, one: Callable[[], Any]) -> None:
            with self.turn:
                _current.set(self)
                try:
                    finished.append((number, one()))
                except BaseException:
                    finished.append((number, None))
                    raise
                finally:
                    self.runs -= 1
                    self._call_if_all_wait()
                    self.turn.notify_all()

        self.runs = len(runs)
        threads = [threading.Thread(target=member, args=one, daemon=True) for one in enumerate(runs)]
        told = 0
        try:
            for thread in threads:
                thread.start()
            while told < len(runs):
                with self.turn:
                    while len(finished) == told:
                        self.turn.wait(1.0)
                yield from finished[told : (told := len(finished))]
        except KeyboardInterrupt:
            yield from finished[told:]
            raise
        finally:
            with self.turn:
                self.ended = True
                self.turn.notify_all()
            for thread in threads:
                thread.join()

    def call(self, key: Hashable, kernel: JaxKernel, arguments: Any) -> Any:
        """Return a kernel's result; equal keys are of kernels that compute the same, with arguments of one shape."""
        mine = _Call(key, kernel, arguments)
        self.waiting.append(mine)
        self._call_if_all_wait()
        while not mine.made and not self.ended:
            self.turn.wait()
        if self.ended and not mine.made:
            raise KeyboardInterrupt
        if mine.error is not None:
            raise mine.error
        return mine.result

    def _call_if_all_wait(self) -> None:
        if len(self.waiting) < self.runs or not self.waiting:
            return
        groups: dict[Hashable, list[_Call]] = {}
        for one in self.waiting:
            groups.setdefault(one.key, []).append(one)
        self.waiting = []
        for key, calls in groups.items():
            try:
                results = self._together(key, calls)
            except Exception as error:
                for one in calls:
                    one.error = error
            else:
                for one, result in zip(calls, results, strict=True):
                    one.result = result
            for one in calls:
                one.made = True
        self.turn.notify_all()

    def _together(self, key: Hashable, calls: list[_Call]) -> list[Any]:
        """Make calls as one. As runs end there are fewer; the last one then fills up, which spares a compilation."""
        jax, np = self.jax, self.numpy
        devices = len(self.spread.device_set)
        kernel, size = self.compiled.get(key, (None, 0))
        if kernel is None:
            kernel, size = jax.jit(jax.vmap(calls[0].kernel)), -(-len(calls) // devices) * devices
        size = max(size, -(-len(calls) // devices) * devices)
        self.compiled[key] = kernel, size
        parts = [one.arguments for one in calls]
        parts += parts[-1:] * (size - len(calls))
        with double_precision(jax):  # a thread that is done with its own training may be the one that calls
            stacked = jax.tree.map(lambda *leaves: jax.device_put(np.stack(leaves), self.spread), *parts)
            found = jax.tree.map(np.asarray, kernel(*stacked))
        self.calls.append(len(calls))
        return [jax.tree.map(lambda leaf, number=number: leaf[number], found) for number in range(len(calls))]


_current: ContextVar[Lockstep | None] = ContextVar("current", default=None)


def current_lockstep() -> Lockstep | None:
    """Return the lockstep that the caller is a run of, if there is one."""
    return _current.get()
