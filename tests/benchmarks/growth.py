"""How time and memory grow with the number of nodes, eager and compiled, and with the number of examples."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import autograd
from autograd import Value, compile, relu
from nn import MLP
from tests.benchmarks.benchmark import Benchmark, Entry, Problem, memory, paused, settled
from tests.benchmarks.compiled import BY_HAND, COMPILED, eager
from tests.benchmarks.networks import MOONS, moons_by_hand, moons_loss, moons_start, two_moons
from tests.benchmarks.scalar_programs import Program, lorenz, random_graph

NODES = (10**3, 10**4, 10**5, 10**6)


def chain(n: int) -> Problem:
    """x = x * b + b again and again: built, differentiated and freed; the facts are what it takes until it is freed."""

    def built() -> Any:
        x, b = Value(1.0), Value(1e-9)
        for _ in range(n // 2):
            x = x * b + b
        x.backward()
        return x

    def task() -> None:
        built()

    kept, peak = memory(built)
    facts = {"nodes": n, "bytes a node": round(kept / n), "at most": round(peak / n)}
    return Problem({"collector paused": lambda: Entry(paused(task)), "collector on": lambda: Entry(task)}, facts)


def polynomial(nodes: int) -> Program:
    """One polynomial of degree 3 at many numbers, and the sum of its values."""
    f = lambda m, p: sum(((x * 0.5 - 1.0) * x + 0.25) * x + 2.0 for x in p)
    return f, [i * 8 / nodes - 0.5 for i in range(nodes // 7)]


GRAPHS: dict[str, Callable[[int], Program]] = {
    "an MLP's loss": lambda nodes: (moons_loss(max(1, nodes // 650)), moons_start().tolist()),
    "a polynomial": polynomial, "a recurrence": lambda nodes: lorenz(nodes // 14), "a random graph": random_graph,
}  # fmt: skip


def graph(make: Callable[[int], Program], size: int) -> Problem:
    """A graph built and differentiated each time, folded with a first step, and a step of what it was folded to."""
    f, numbers = make(size)
    facts: dict[str, Any] = {}
    theta = np.array(numbers)

    leaves = list(map(Value, numbers))
    root = f(autograd, leaves)
    fold = lambda: compile(root, wrt=leaves).value_and_grad(theta)

    def folded() -> Entry:
        program = compile(root, wrt=leaves)
        facts["nodes"] = program.stats["nodes"]
        step = settled(program, lambda: program.value_and_grad(theta))
        return Entry(step, step())

    entries = {"a compiled step": folded, "eager": lambda: eager(f, numbers), "to fold": lambda: Entry(fold)}
    return Problem(entries, facts)


def examples(n: int) -> Problem:
    """The moons loss of one example, compiled, over so many."""
    X, y = (np.resize(np.array(each, dtype=float), (n, *np.shape(each)[1:])) for each in two_moons())
    model = MLP(MOONS[0], MOONS[1:], seed=1)
    program = compile(lambda x, y: relu(1.0 - y * model(x)), batched=("x", "y"))
    program.specialize(X, y)
    place = {p: i for i, p in enumerate(model.parameters())}
    order = np.array([place[p] for p in program.wrt])
    theta, plain = program.read(), np.array([p.data for p in model.parameters()])
    by_hand = moons_by_hand(X, y)

    def compiled() -> Entry:
        task = settled(program, lambda: program.value_and_grad_at(theta, X, y))
        return Entry(task, task())

    def hand() -> Entry:
        value, gradient = by_hand(plain)  # with the penalty
        return Entry(lambda: by_hand(plain), (value - 1e-4 * plain @ plain, (gradient - 2e-4 * plain)[order]))

    return Problem({COMPILED: compiled, BY_HAND: hand}, {"examples": n})


BENCHMARKS = [
    Benchmark("chain", "A chain of operations, built, differentiated and freed", "ns a node",
        {f"{n:,}": partial(chain, n) for n in NODES}, ["nodes"]),
    Benchmark("graphs", "Graphs of more and more nodes: value and gradient", "ns a node",
        {f"{name}, {n:,}": partial(graph, make, n) for name, make in GRAPHS.items() for n in NODES}, ["nodes"],
        memory=True),
    Benchmark("examples", "The loss of one example, compiled, over more and more", "ns an example",
        {f"{n:,}": partial(examples, n) for n in (1, 10, 100, 1_000, 10_000, 100_000)}, ["examples"]),
]  # fmt: skip
