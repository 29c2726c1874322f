"""The eager engine beside micrograd and microgpt: whole steps of training, CPU time and memory."""

from collections.abc import Callable

from tests.benchmarks.benchmark import Benchmark, Entry, Problem, paused
from tests.benchmarks.machine import ROOT
from tests.benchmarks.networks import moons_in_micrograd, moons_in_nn, on_engine


def five(begin: Callable[[], Entry]) -> Callable[[], Entry]:
    """Have an entry take five steps, so that who leaves cycles to the garbage collector pays for it."""

    def begun() -> Entry:
        entry = begin()
        return entry._replace(task=lambda: [entry.task() for _ in range(5)])

    return begun


def moons() -> Problem:
    entries: dict[str, Callable[[], Entry]] = {
        "`nn.MLP` and `nn.hinge`": five(moons_in_nn),
        "micrograd's source on our `Value`": five(lambda: moons_in_micrograd("autograd")),
        "micrograd": five(lambda: moons_in_micrograd("micrograd.engine")),
    }
    return Problem(entries, {}, 1e-12)


def gpt(*, collected: bool) -> Problem:
    """microgpt's training with a class of scalars; its own divides in two operations, which round twice."""

    def entry(engine: str) -> Entry:
        module = on_engine(engine, ROOT / "tests/programs/microgpt.py", "from tests.programs.micrograd import Value")
        module.GPT.__init__.__defaults__ = 16, 4, 1, 8  # as large as Karpathy has it
        *losses, _, _ = module.run()
        return Entry(module.run if collected else paused(module.run), (losses[-1], losses))

    entries: dict[str, Callable[[], Entry]] = {
        "our `Value`": lambda: entry("autograd"),
        "its own class": lambda: entry("tests.benchmarks.microgpt"),
    }
    return Problem(entries, {}, 1e-13)


BENCHMARKS = [
    Benchmark("moons-eager", "Five training steps of micrograd's demo, an MLP 2-16-16-1 on 100 points", "ms",
        {"moons": moons}),
    Benchmark("microgpt", "Four steps of Karpathy's microgpt", "ms",
        {"collector on": lambda: gpt(collected=True), "collector paused": lambda: gpt(collected=False)}),
]  # fmt: skip
