"""Compiled graphs and functions, beside what else computes the same: value and gradient, float64, one thread."""

import math
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import autograd
from autograd import Value, compile, value_and_grad
from autograd.functions import flatten
from nn import MLP
from tests.benchmarks import networks
from tests.benchmarks.anchors import in_casadi
from tests.benchmarks.benchmark import Benchmark, Entry, Problem, settled
from tests.benchmarks.scalar_programs import Program, lorenz, lstm

COMPILED, BY_HAND, TORCH = "compiled", "NumPy, backpropagation by hand", "PyTorch, eager tensors"


def eager(f: Callable[[Any, Any], Any], numbers: list[float]) -> Entry:
    """A program with its graph built and differentiated each time."""

    def step() -> tuple[float, list[float]]:
        leaves = list(map(Value, numbers))
        root = f(autograd, leaves)
        root.backward()
        return root.data, [leaf.grad for leaf in leaves]

    return Entry(step, step())


def folded(f: Callable[[Any, Any], Any], numbers: list[float], facts: dict[str, Any]) -> Entry:
    """A program's graph, compiled; the facts are its size, and how long folding and the first step take."""
    leaves = list(map(Value, numbers))
    root = f(autograd, leaves)
    theta = np.array(numbers)
    start = time.process_time()
    program = compile(root, wrt=leaves)
    task = lambda: program.value_and_grad(theta)
    answer = task()
    seconds = time.process_time() - start
    facts |= {name: program.stats[name] for name in ("nodes", "instructions")}
    facts["ms to fold"] = round(seconds * 1e3, 1)
    return Entry(settled(program, task), answer)


def moons() -> Problem:
    X, y = networks.two_moons()
    theta, inputs, targets = networks.moons_start(), np.array(X), np.array(y, dtype=float)
    loss, by_hand = networks.moons_loss(), networks.moons_by_hand(inputs, targets)
    facts: dict[str, Any] = {}
    entries: dict[str, Callable[[], Entry]] = {
        COMPILED: lambda: folded(loss, theta.tolist(), facts),
        BY_HAND: lambda: Entry(lambda: by_hand(theta), by_hand(theta)),
        TORCH: lambda: networks.moons_in_torch(theta, inputs, targets),
        "JAX, `jit` of tensor code": lambda: networks.moons_in_jax(theta, inputs, targets),
        "CasADi, one graph of scalars": lambda: in_casadi(loss, theta),
        "ddx-ad, LLVM, a batch of 100": lambda: networks.moons_in_ddx(theta, inputs, targets),
        "our eager engine": lambda: networks.moons_in_micrograd("autograd"),
        "micrograd": lambda: networks.moons_in_micrograd("micrograd.engine"),
    }
    return Problem(entries, facts, 1e-11)


def digits(*, batch: int) -> Problem:
    """A loss for one example, an MLP 64-32-10, over the digits of scikit-learn, at once or in mini-batches."""
    from sklearn.datasets import load_digits

    data, classes = load_digits(return_X_y=True)
    X, Y = np.ascontiguousarray(data, dtype=float) / 16, np.eye(10)[classes]
    model = MLP(networks.DIGITS[0], networks.DIGITS[1:], activation="tanh", seed=1)

    def example_loss(x: Any, y: Any) -> Any:
        scores = model(x)
        return autograd.logsumexp(scores) - autograd.dot(scores, y)

    program = compile(example_loss, batched=("x", "y"))
    program.specialize(X, Y)
    place = {p: i for i, p in enumerate(model.parameters())}
    order = np.array([place[p] for p in program.wrt])  # in which the program has the model's parameters
    begin = np.array([p.data for p in model.parameters()])

    def epoch(step: Callable[..., tuple[float, Any]], theta: Any) -> tuple[float, Any]:
        """Gradient descent with mini-batches; of one batch, its value and gradient."""
        if batch >= len(X):
            return step(theta, X, Y)
        theta, value = theta.copy(), 0.0
        for k in range(0, len(X), batch):
            value, gradient = step(theta, X[k : k + batch], Y[k : k + batch])
            theta -= 0.1 * gradient
        return value, theta

    def compiled() -> Entry:
        task = settled(program, lambda: epoch(program.value_and_grad_at, begin[order]))
        value, gradient = task()
        placed = np.empty_like(gradient)
        placed[order] = gradient
        return Entry(task, (value, placed))

    by_hand = lambda: epoch(networks.digits_by_hand, begin)
    entries: dict[str, Callable[[], Entry]] = {COMPILED: compiled, BY_HAND: lambda: Entry(by_hand, by_hand())}
    if batch >= len(X):
        entries[TORCH] = lambda: networks.digits_in_torch(begin, X, Y)
    return Problem(entries, {"nodes": program.stats["nodes"], "instructions": program.stats["instructions"]})


def rosenbrock(count: int) -> Program:
    f = lambda m, p: sum((100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(p)), 0.0)
    return f, [0.5 + 0.3 * math.sin(i) for i in range(count)]


def atoms() -> Program:
    """The energy of three atoms in a plane that attract and repel each other."""

    def f(m: Any, p: Any) -> Any:
        pairs = [(p[i : i + 2], p[j : j + 2]) for i, j in ((0, 2), (0, 4), (2, 4))]
        distances = [m.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) for a, b in pairs]
        return sum(m.exp(-2.0 * d) - 2.0 * m.exp(-d) for d in distances)

    return f, [0.0, 0.1, 1.0, 0.2, 0.3, 0.9]


SMALL: dict[str, Callable[[], Program]] = {
    "x y + sin x": lambda: (lambda m, p: p[0] * p[1] + m.sin(p[0]), [0.5, 2.0]),
    "a neuron": lambda: (lambda m, p: m.tanh(p[0] * 0.5 + p[1] * -1.0 + p[2] * 2.0 + p[3]), [0.1, 0.2, 0.3, 0.4]),
    "Rosenbrock, 2 numbers": lambda: rosenbrock(2), "Rosenbrock, 5 numbers": lambda: rosenbrock(5),
    "three atoms": atoms, "Rosenbrock, 100 numbers": lambda: rosenbrock(100),
    "LSTM, 200 steps": lambda: lstm(steps=200), "Lorenz, 400 steps": lorenz,
}  # fmt: skip


def small_graph(make: Callable[[], Program]) -> Problem:
    f, numbers = make()
    facts: dict[str, Any] = {}
    entries = {COMPILED: lambda: folded(f, numbers, facts), "built each time": lambda: eager(f, numbers)}
    return Problem(entries, facts)


def small_function(make: Callable[[], Program]) -> Problem:
    f, numbers = make()
    of_scalars = lambda p: f(autograd, p)
    transformed = lambda: value_and_grad(of_scalars)(numbers)

    def compiled() -> Entry:
        function = compile(of_scalars)
        task = settled(function, lambda: function.value_and_grad(numbers))
        return Entry(task, task())

    return Problem({COMPILED: compiled, "`value_and_grad`": lambda: Entry(transformed, transformed())}, {})


def nested(x: float) -> dict[str, Any]:
    """The same 24 numbers, nested in each way."""
    rows = [[x + i + j / 4 for j in range(4)] for i in range(6)]
    flat = [number for row in rows for number in row]
    return {
        "24 numbers in a list": flat, "24 numbers in a tuple": tuple(flat), "24 numbers in lists in a list": rows,
        "24 numbers in lists in a tuple": (flat[:10], flat[10:20], rows[5]),
        "24 numbers in a dict of lists and matrices": {"u": flat[:10], "v": flat[10:20], "w": [flat[20:22], flat[22:]]},
        "24 numbers in dicts in a list": [{"w": row[:3], "b": row[3]} for row in rows],
    }  # fmt: skip


def nested_function(name: str, examples: int = 1) -> Problem:
    """A function of nested numbers, of one argument or of a batch in a list."""
    given = [nested(0.1 + k / examples)[name] for k in range(examples)]
    f = lambda p: sum((a * b for a, b in pairwise(flatten(p)[0])), 0.0)
    over = lambda ps: sum((f(p) for p in ps), 0.0) / examples
    function = compile(f, batched="p" if examples > 1 else ())
    argument = given if examples > 1 else given[0]
    tasks = {
        COMPILED: lambda: function.value_and_grad(argument),
        "`value_and_grad`": lambda: value_and_grad(over if examples > 1 else f)(argument),
    }

    def begun(task: Callable[[], tuple[float, Any]]) -> Entry:
        value, gradient = settled(function, task)() if task is tasks[COMPILED] else task()
        return Entry(task, (value, flatten(gradient)[0]))

    return Problem({who: partial(begun, task) for who, task in tasks.items()}, {"examples": examples})


BENCHMARKS = [
    Benchmark("moons-compiled", "Value and gradient of the loss of micrograd's demo, written in scalars", "ms",
        {"moons": moons}),
    Benchmark("digits", "Value and gradient of an MLP 64-32-10 over the 1,797 digits", "ms",
        {"at once": lambda: digits(batch=1_797), "an epoch in batches of 64": lambda: digits(batch=64)}),
    Benchmark("small-graphs", "Value and gradient of small graphs and of recurrences", "µs",
        {name: partial(small_graph, make) for name, make in SMALL.items()}),
    Benchmark("small-functions", "Value and gradient of small functions and of recurrences", "µs",
        {name: partial(small_function, make) for name, make in SMALL.items()}
        | {name: partial(nested_function, name) for name in nested(0.0)}
        | {f"200 examples of {name}": partial(nested_function, name, 200) for name in nested(0.0)}),
]  # fmt: skip
