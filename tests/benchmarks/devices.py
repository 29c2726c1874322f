"""A GPU beside the processor: steps of training, sweeps and formulas, by the clock on the wall, with all cores.

`GPU` is `backend="jax"` or `to_jax` on what JAX computes with by default, a GPU unless this is a smoke run. The answers
are in double precision, and compared.
"""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np

import autograd
import nn
from autograd.export import to_jax
from nn.training.compiled_stepping import CompiledSteps
from nn.training.data_parallel import ParallelSteps, precision_of
from nn.training.examples import Examples
from nn.training.stepping import TrainingTask
from tests.benchmarks import networks
from tests.benchmarks.anchors import in_jax, jax_in_double
from tests.benchmarks.benchmark import Benchmark, Entry, Problem
from tests.benchmarks.scalar_programs import BATCHED

GPU, BY_HAND = "GPU", "GPU, tensor code for JAX"
LARGE = [64, 1024, 1024, 10]
LR = 0.01


def digits(examples: int) -> tuple[Any, Any]:
    """So many of the digits of scikit-learn, from the first again after the last."""
    data = nn.datasets.digits()
    rows = np.arange(examples) % len(data.X)
    return np.array(data.X)[rows], np.array(data.y)[rows]


def with_jax(begin: Callable[[], Entry]) -> Entry:
    """Begin where JAX is installed; who has none has no entry."""
    import jax  # noqa: F401

    return begin()


def training(sizes: Sequence[int], examples: int) -> Problem:
    """A step of gradient descent on all examples at once."""
    X, y = digits(examples)
    first = nn.MLP(sizes[0], sizes[1:], activation="tanh", seed=1)
    start = np.array([p.data for p in first.parameters()])

    def ours(backend: str) -> Entry:
        model = nn.MLP(sizes[0], sizes[1:], activation="tanh", seed=1)
        task = TrainingTask(model, nn.cross_entropy, None, nn.SGD(model.parameters(), lr=LR))
        with precision_of(backend):
            steps = ParallelSteps(task) if backend == "jax" else CompiledSteps(task, backend)
            data = steps.data(Examples(X, y))
            steps.check(data)
            loss = steps.train(data, None).loss
        gradient = (start - np.asarray(steps.theta)) / LR

        def step() -> None:
            with precision_of(backend):
                steps.train(data, None)

        return Entry(step, (loss, gradient))

    def by_hand() -> Entry:
        import jax

        inputs, targets = jax.numpy.asarray(X), jax.numpy.asarray(y)

        def loss(leaves: Any) -> Any:
            scores = networks.scores_in_jax(leaves, inputs, jax.numpy.tanh)
            right = jax.numpy.take_along_axis(scores, targets[:, None], 1)[:, 0]
            return jax.numpy.mean(jax.nn.logsumexp(scores, axis=1) - right)

        return in_jax(loss, list(networks.layers(start, sizes)), networks.joined)

    return Problem(
        {GPU: partial(with_jax, partial(ours, "jax")), "NumPy": partial(ours, "numpy"), BY_HAND: by_hand},
        {"parameters": len(start), "examples": examples},
        1e-9,
    )


def member(seed: int) -> float:
    """Train a small network for the two moons, 500 steps of 10 examples, and return its last loss."""
    data = nn.datasets.moons(n=100, noise=0.1, seed=seed)
    model = nn.MLP(2, [16, 16, 1], seed=seed)
    targets = [2 * k - 1 for k in data.y]
    options = {"optimizer": nn.Adam(model.parameters(), lr=0.01), "epochs": 50, "batch_size": 10, "seed": seed}
    return nn.fit(model, data.X, targets, loss=nn.hinge, **options).loss[-1]


def sweep(count: int) -> Problem:
    """So many networks, with all that it takes to begin."""
    grid = {"seed": range(count)}
    cores = os.cpu_count() or 1

    def in_processes() -> Any:
        with ProcessPoolExecutor(cores, multiprocessing.get_context("forkserver")) as executor:
            return nn.sweep(member, grid, executor)

    def entry(task: Callable[[], Any]) -> Entry:
        losses = task().columns()["result"]
        return Entry(task, (float(np.mean(losses)), losses))

    return Problem(
        {
            GPU: partial(with_jax, lambda: entry(lambda: nn.sweep(member, grid, backend="jax"))),
            "a process for each core": lambda: entry(in_processes),
            "one process": lambda: entry(lambda: nn.sweep(member, grid)) if count < 500 else None,
        },
        {},
        1e-6,
    )


def formula(name: str, points: int) -> Problem:
    """The mean of a formula at so many points, and its gradient."""
    f = BATCHED[name]
    X = np.random.default_rng(0).uniform(0.5, 1.5, size=(points, 5))

    def ours(backend: str) -> Entry:
        compiled = autograd.compile(lambda x: f(autograd, x), batched="x", backend=backend)
        return Entry(lambda: compiled.value_and_grad(X), compiled.value_and_grad(X))

    def exported() -> Entry:
        jax = jax_in_double()
        of_point = to_jax(autograd.compile(lambda x: f(autograd, x), batched="x").specialize(X))
        return in_jax(lambda rows: jax.numpy.mean(jax.vmap(of_point)(rows)), X)

    entries = {GPU: exported, "native": partial(ours, "native"), "NumPy": partial(ours, "numpy")}
    return Problem(entries, {"points": points}, 1e-7)


SIZES = ((networks.DIGITS, (64, 1_024, 16_384, 262_144)), (LARGE, (64, 1_024, 16_384)))
BENCHMARKS = [
    Benchmark("device-steps", "A step of training by network and number of examples", "ms",
        {f"{'-'.join(map(str, sizes))} x {n:,}": partial(training, sizes, n) for sizes, each in SIZES for n in each},
        by_clock=True),
    Benchmark("device-sweeps", "Training many networks", "s",
        {f"{n} x 2-16-16-1, 500 steps of 10": partial(sweep, n) for n in (16, 128, 512)}, by_clock=True),
    Benchmark("device-formulas", "Value and gradient of formulas at many points", "ms",
        {f"{name} x {n:,}": partial(formula, name, n) for name in BATCHED for n in (16_384, 1_048_576)}, by_clock=True),
]  # fmt: skip
