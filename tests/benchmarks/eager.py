"""The eager engine beside micrograd and microgpt: whole steps of training, CPU time and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd import Value
from tests.benchmarks import microgpt
from tests.benchmarks.benchmark import Benchmark, Entry, Problem, paused
from tests.benchmarks.networks import moons_in_micrograd, moons_in_nn

STEPS = 4  # of microgpt, each of one name


def moons() -> Problem:
    entries: dict[str, Callable[[], Entry]] = {
        "`nn.MLP` and `nn.hinge`": moons_in_nn,
        "micrograd's source on our `Value`": lambda: moons_in_micrograd("autograd"),
        "micrograd": lambda: moons_in_micrograd("micrograd.engine"),
    }
    return Problem(entries, {}, 1e-12)


def gpt(*, collected: bool) -> Problem:
    """microgpt's training with a class of scalars; its own divides in two operations, which round twice."""

    def entry(scalar: Any) -> Entry:
        task = lambda: microgpt.train(scalar, STEPS)
        losses = task()
        return Entry(task if collected else paused(task), (losses[-1], losses))

    return Problem({"our `Value`": lambda: entry(Value), "its own class": lambda: entry(microgpt.Value)}, {}, 1e-13)


BENCHMARKS = [
    Benchmark(
        "moons-eager",
        "A training step of micrograd's demo, an MLP 2-16-16-1 on 100 points",
        "ms",
        {"moons": moons},
    ),
    Benchmark(
        "microgpt",
        f"{STEPS} steps of Karpathy's microgpt",
        "ms",
        {"collector on": lambda: gpt(collected=True), "collector paused": lambda: gpt(collected=False)},
    ),
]
