"""The speed of compiled graphs and functions: `python tests/benchmarks/compiled.py [part ...]`.

Each part is a process of its own, with one thread and float64 throughout. The contestants take turns in it, ratios are
medians of the pairs, and all have to agree in value and gradient before a clock runs. Garbage collection is on.

- moons: value and gradient by all 337 parameters of micrograd's loss, an MLP 2-16-16-1 on 100 points written in
  micrograd's own nn source; beside what else computes the same, where it is installed.
- digits: a loss for one example, an MLP 64-32-10, over the 1,797 digits of scikit-learn, at once and in mini-batches.
- growth: folding with a first step, and a step, by the number of nodes; and a step by the number of examples.
- memory: how much the largest graph takes.
- small: functions of a few operations, and recurrences, against the eager engine.
"""

from __future__ import annotations

import gc
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from eager import micrograd_nn, moons_loss, two_moons

from autograd import Value, compile, dot, exp, logsumexp, relu, sigmoid, sin, sqrt, tanh, value_and_grad

ROUNDS = 9
ONE_THREAD = {
    **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")},
    "NPROC": "1",  # of XLA's thread pool
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
}

Step = Callable[[], tuple[float, Any]]  # value and gradient
Times = dict[str, list[float]]


# Clocks


def turns(tasks: dict[str, Callable[[], Any]], rounds: int = ROUNDS, least: float = 0.02) -> Times:
    """Seconds of a call of each task, in each round the median of the calls that fit into the least time."""
    for task in tasks.values():
        task()
    gc.collect()
    gc.freeze()  # no contestant pays for the others' objects in the garbage collector
    times: Times = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            seconds: list[float] = []
            begin = time.perf_counter()
            while not seconds or time.perf_counter() - begin < least:
                start = time.perf_counter()
                task()
                seconds.append(time.perf_counter() - start)
            times[name].append(statistics.median(seconds))
    gc.unfreeze()
    return times


def ratio(times: Times, one: str, other: str) -> float:
    """How many times as long one takes as the other."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:9.3f} ms" if seconds < 1 else f"{seconds:9.3f} s "


def report(times: Times, ours: str) -> None:
    for name in times:
        print(f"  {name:58s} {duration(statistics.median(times[name]))} {ratio(times, name, ours):9.2f}")


def check(steps: dict[str, Step]) -> None:
    """Stop unless all agree with the first in value and gradient."""
    (reference, first), *others = steps.items()
    value, gradient = first()
    gradient = np.asarray(gradient).copy()
    scale = np.abs(gradient).max()
    worst = 0.0
    for name, step in others:
        other, slope = step()
        difference = max(abs(other - value) / abs(value), np.abs(np.asarray(slope) - gradient).max() / scale)
        if not difference < 1e-11:
            sys.exit(f"{name} differs from {reference} by {difference:.1e}")
        worst = max(worst, difference)
    print(f"  all {len(steps)} agree in value and gradient to {worst:.0e}")


# The moons loss, by others


def layers(theta: Any, sizes: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """The weights and biases of each layer as views of a vector in micrograd's order: a row for each neuron."""
    start = 0
    for nin, nout in pairwise(sizes):
        block = theta[start : start + (nin + 1) * nout].reshape(nout, nin + 1)
        start += block.size
        yield block[:, :-1], block[:, -1]


def joined(parameters: Sequence[tuple[Any, Any]]) -> Any:
    """What `layers` has taken apart."""
    return np.concatenate([np.column_stack([np.asarray(w), np.asarray(b)]).ravel() for w, b in parameters])


def moons_by_hand(X: Any, y: Any) -> Callable[[Any], tuple[float, Any]]:
    """Backpropagation as one writes it in NumPy who knows the network."""
    slope = -y / len(y)

    def step(theta: Any) -> tuple[float, Any]:
        (W1, b1), (W2, b2), (W3, b3) = layers(theta, SIZES)
        h1 = X @ W1.T
        h1 += b1
        np.maximum(h1, 0.0, out=h1)
        h2 = h1 @ W2.T
        h2 += b2
        np.maximum(h2, 0.0, out=h2)
        margin = 1.0 - y * (h2 @ W3[0] + b3)
        np.maximum(margin, 0.0, out=margin)
        value = margin.sum() / len(y) + 1e-4 * (theta @ theta)

        gradient = 2e-4 * theta
        (dW1, db1), (dW2, db2), (dW3, db3) = layers(gradient, SIZES)
        d3 = slope * (margin > 0.0)
        dW3[0] += d3 @ h2
        db3 += d3.sum()
        d2 = d3[:, None] * W3
        d2 *= h2 > 0.0
        dW2 += d2.T @ h1
        db2 += d2.sum(axis=0)
        d1 = d2 @ W2
        d1 *= h1 > 0.0
        dW1 += d1.T @ X
        db1 += d1.sum(axis=0)
        return float(value), gradient

    return step


def in_torch(theta: Any, X: Any, y: Any) -> Step:
    import torch
    from torch.nn.functional import linear

    torch.set_num_threads(1)
    leaves = [
        (torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True)) for w, b in layers(theta, SIZES)
    ]
    inputs, targets = torch.tensor(X), torch.tensor(y)
    parameters = [p for layer in leaves for p in layer]

    def step() -> tuple[float, Any]:
        h = inputs
        for w, b in leaves[:-1]:
            h = torch.relu(linear(h, w, b))
        scores = linear(h, *leaves[-1])[:, 0]
        loss = torch.relu(1 - targets * scores).mean() + 1e-4 * sum((p * p).sum() for p in parameters)
        for p in parameters:
            p.grad = None
        loss.backward()
        return loss.item(), leaves

    return step


def in_jax(theta: Any, X: Any, y: Any) -> Step:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    leaves = [(jnp.array(w), jnp.array(b)) for w, b in layers(theta, SIZES)]
    inputs, targets = jnp.array(X), jnp.array(y)

    def loss(leaves: Any) -> Any:
        h = inputs
        for w, b in leaves[:-1]:
            h = jax.nn.relu(h @ w.T + b)
        w, b = leaves[-1]
        scores = (h @ w.T + b)[:, 0]
        squares = sum(jnp.sum(p * p) for layer in leaves for p in layer)
        return jnp.mean(jax.nn.relu(1 - targets * scores)) + 1e-4 * squares

    compiled = jax.jit(jax.value_and_grad(loss))

    def step() -> tuple[float, Any]:
        value, gradient = jax.block_until_ready(compiled(leaves))
        return float(value), gradient

    return step


def hinge_of_one(theta: Sequence[Any], x: Sequence[Any], y: Any, relu: Callable[[Any], Any]) -> Any:
    """The loss of one example, in scalars of whatever kind."""
    start, values = 0, x
    for nin, nout in pairwise(SIZES):
        sums = []
        for _ in range(nout):
            z = theta[start + nin]
            for weight, value in zip(theta[start : start + nin], values, strict=True):
                z = z + weight * value
            sums.append(z)
            start += nin + 1
        values = [relu(z) for z in sums]
    return relu(1.0 - y * sums[0])


def in_casadi(theta: Any, X: Any, y: Any) -> Step:
    import casadi

    t = casadi.SX.sym("t", len(theta))
    parts = casadi.vertsplit(t)
    losses = [
        hinge_of_one(parts, x, target, lambda z: casadi.fmax(z, 0)) for x, target in zip(X.tolist(), y, strict=True)
    ]
    loss = sum(losses) / len(losses) + 1e-4 * casadi.dot(t, t)
    function = casadi.Function("moons", [t], [loss, casadi.gradient(loss, t)])
    value, gradient = np.zeros((1, 1)), np.zeros(len(theta))
    buffer, run = function.buffer()
    buffer.set_arg(0, memoryview(theta))
    buffer.set_res(0, memoryview(value))
    buffer.set_res(1, memoryview(gradient))

    def step(kept: Any = buffer) -> tuple[float, Any]:
        run()
        return float(value[0, 0]), gradient

    return step


def in_ddx(theta: Any, X: Any, y: Any) -> Step:
    import ddx

    n = len(theta)

    @ddx.equation
    def example() -> Any:
        t = [ddx.var(f"t{i}") for i in range(n)]
        x, target = [ddx.param("x0"), ddx.param("x1")], ddx.param("y")
        return hinge_of_one(t, x, target, lambda z: ddx.max(z, 0.0))

    example.compile(points=len(y))
    call = example.buffer(np.vstack([np.repeat(theta[:, None], len(y), axis=1), X.T, y]))

    def step() -> tuple[float, Any]:
        call.x[:n] = theta[:, None]
        call()
        gradient = call.jacobian.reshape(n, -1).sum(axis=1)
        gradient /= len(y)
        gradient += 2e-4 * theta
        return float(call.value.sum() / len(y) + 1e-4 * (theta @ theta)), gradient

    return step


SIZES = [2, 16, 16, 1]
OURS = "compiled"
OTHERS: dict[str, tuple[str, Callable[[Any, Any, Any], Step]]] = {
    "PyTorch, eager tensors": ("torch", in_torch),
    "JAX, jit of tensor code (far anchor: XLA's compiler)": ("jax", in_jax),
    "CasADi, one graph of scalars (SX) on its virtual machine": ("casadi", in_casadi),
    "ddx-ad, one example in scalars, LLVM, a batch of 100": ("ddx-ad", in_ddx),
}


def on_values(module: Any, model: Any, X: list[list[float]], y: list[int]) -> Step:
    def step() -> tuple[float, Any]:
        loss = moons_loss(model, module.Value, X, y)
        model.zero_grad()
        loss.backward()
        return loss.data, [p.grad for p in model.parameters()]

    return step


def models(X: list[list[float]], y: list[int]) -> tuple[Any, Any, Step]:
    """micrograd's module on our Values, its MLP, and a step of it."""
    random.seed(1)
    module = micrograd_nn("autograd")
    model = module.MLP(2, SIZES[1:])
    return module, model, on_values(module, model, X, y)


def moons_part() -> None:
    X, y = two_moons()
    module, model, eager = models(X, y)
    seconds, nodes = [], 0
    for _ in range(ROUNDS):
        loss = moons_loss(model, module.Value, X, y)
        gc.collect()
        start = time.perf_counter()
        program = compile(loss, wrt=model.parameters())
        seconds.append(time.perf_counter() - start)
        nodes = program.stats["nodes"]
    fold = statistics.median(seconds)
    print("folding the moons loss")
    print(f"  {nodes:,} nodes in {program.stats['instructions']} instructions")
    print(f"  {fold:.3f} s, {fold / nodes * 1e6:.2f} µs a node (target: at most 4)\n")

    del loss
    theta = program.read()
    inputs, targets = np.array(X), np.array(y, dtype=float)
    by_hand = moons_by_hand(inputs, targets)
    random.seed(1)
    theirs = micrograd_nn("micrograd.engine")
    steps: dict[str, Step] = {
        OURS: lambda: program.value_and_grad(theta),
        "NumPy, backpropagation by hand": lambda: by_hand(theta),
        "our eager engine": eager,
        "micrograd": on_values(theirs, theirs.MLP(2, SIZES[1:]), X, y),
    }
    missing = []
    for name, (library, build) in OTHERS.items():
        try:
            steps[name] = build(theta, inputs, targets)
        except ImportError:
            missing.append(library)
    print("moons: value and gradient of the raw loss, and how many times the compiled step's time that is")

    def gradient_of(found: Any) -> Any:
        if not isinstance(found[0], tuple):
            return found
        return joined([[p if getattr(p, "grad", None) is None else p.grad for p in layer] for layer in found])

    def as_vector(step: Step) -> Step:
        def flattened() -> tuple[float, Any]:
            value, gradient = step()
            return value, gradient_of(gradient)

        return flattened

    check({name: as_vector(step) for name, step in steps.items()})
    times = turns(steps)
    report(times, OURS)
    for library in missing:
        print(f"  {library}: not installed")
    if "torch" not in missing:
        print(f"  PyTorch / compiled  {ratio(times, 'PyTorch, eager tensors', OURS):8.2f} (target: at least 5)")
    print(f"  compiled / by hand  {ratio(times, OURS, 'NumPy, backpropagation by hand'):8.2f} (target: at most 1.5)")
    print(f"  micrograd / compiled{ratio(times, 'micrograd', OURS):8.0f} (target: at least 2,000)")
    micrograd = statistics.median(times["micrograd"])
    print(f"  folding takes as long as {fold / micrograd:.2f} of micrograd's steps")


# The digits


def digits_by_hand(sizes: Sequence[int]) -> Callable[[Any, Any, Any], tuple[float, Any]]:
    """Mean cross-entropy of a network with one hidden layer of tanh, and its gradient, in NumPy."""

    def step(theta: Any, X: Any, Y: Any) -> tuple[float, Any]:
        (W1, b1), (W2, b2) = layers(theta, sizes)
        h = X @ W1.T
        h += b1
        np.tanh(h, out=h)
        z = h @ W2.T
        z += b2
        largest = z.max(axis=1, keepdims=True)
        right = (z * Y).sum()
        z -= largest
        np.exp(z, out=z)
        total = z.sum(axis=1, keepdims=True)
        value = (np.log(total).sum() + largest.sum() - right) / len(X)

        z /= total
        z -= Y
        z /= len(X)
        gradient = np.empty_like(theta)
        (dW1, db1), (dW2, db2) = layers(gradient, sizes)
        dW2[...] = z.T @ h
        db2[...] = z.sum(axis=0)
        d = z @ W2
        h *= h
        d *= np.subtract(1.0, h, out=h)
        dW1[...] = d.T @ X
        db1[...] = d.sum(axis=0)
        return float(value), gradient

    return step


def digits_in_torch(theta: Any, X: Any, y: Any, sizes: Sequence[int]) -> Step:
    import torch
    from torch.nn.functional import cross_entropy, linear

    torch.set_num_threads(1)
    (W1, b1), (W2, b2) = [[torch.tensor(p, requires_grad=True) for p in layer] for layer in layers(theta, sizes)]
    inputs, targets = torch.tensor(X), torch.tensor(y)

    def step() -> tuple[float, Any]:
        loss = cross_entropy(linear(torch.tanh(linear(inputs, W1, b1)), W2, b2), targets)
        for p in (W1, b1, W2, b2):
            p.grad = None
        loss.backward()
        return loss.item(), [(W1.grad, b1.grad), (W2.grad, b2.grad)]

    return step


def digits_part() -> None:
    from sklearn.datasets import load_digits

    from nn import MLP

    data, y = load_digits(return_X_y=True)
    X, Y = np.ascontiguousarray(data, dtype=float) / 16, np.eye(10)[y]
    sizes = [64, 32, 10]
    model = MLP(64, sizes[1:], activation="tanh", seed=1)

    def example_loss(x: Any, y: Any) -> Any:
        scores = model(x)
        return logsumexp(scores) - dot(scores, y)

    step = compile(example_loss, batched=("x", "y"))
    start = time.perf_counter()
    step.specialize(X, Y)
    fold = time.perf_counter() - start
    place = {p: i for i, p in enumerate(model.parameters())}
    order = np.array([place[p] for p in step.wrt])
    theta = step.read()
    plain = np.empty_like(theta)
    plain[order] = theta
    by_hand = digits_by_hand(sizes)
    hand = "NumPy, backpropagation by hand"

    def placed(gradient: Any) -> Any:
        found = np.empty_like(gradient)
        found[order] = gradient
        return found

    steps: dict[str, Step] = {OURS: lambda: step.value_and_grad_at(theta, X, Y), hand: lambda: by_hand(plain, X, Y)}
    checked = {hand: steps[hand], OURS: lambda: (lambda v, g: (v, placed(g)))(*steps[OURS]())}
    torch = "PyTorch, eager tensors"
    try:
        steps[torch] = digits_in_torch(plain, X, y, sizes)
        checked[torch] = lambda: (lambda v, g: (v, joined(g)))(*steps[torch]())
    except ImportError:
        torch = ""
    print(f"digits: MLP 64-32-10 on one example, {step.stats['nodes']:,} nodes of {len(step.wrt):,} parameters", end="")
    print(f" in {step.stats['instructions']} instructions, traced and folded in {fold * 1e3:.0f} ms")
    print(f"  value and gradient over {len(X):,} examples at once")
    check(checked)
    times = turns(steps, least=0.05)
    report(times, OURS)
    if not torch:
        print("  torch: not installed")
    print(f"  compiled / by hand  {ratio(times, OURS, hand):8.2f} (target: at most 1.5)")

    def fitted(value_and_gradient: Callable[[Any, Any, Any], tuple[float, Any]], start: Any) -> Any:
        """The parameters after an epoch of gradient descent with mini-batches of 64."""
        theta = start.copy()
        for k in range(0, len(X), 64):
            theta -= 0.1 * value_and_gradient(theta, X[k : k + 64], Y[k : k + 64])[1]
        return theta

    epochs: dict[str, Callable[[], Any]] = {
        OURS: lambda: fitted(step.value_and_grad_at, theta),
        hand: lambda: fitted(by_hand, plain),
    }
    difference = np.abs(placed(epochs[OURS]()) - epochs[hand]()).max()
    print(f"  an epoch in mini-batches of 64 (after it, the parameters differ by {difference:.0e})")
    times = turns(epochs)
    report(times, OURS)
    print(f"  compiled / by hand  {ratio(times, OURS, hand):8.2f} (target: at most 1.5)")


# Growth


Graph = tuple[Any, list[Value]]  # its root, and the leaves to differentiate by


def mlp_graph(nodes: int) -> Callable[[], Graph]:
    """micrograd's loss on as many points as it takes."""
    X, y = two_moons()
    module, model, _ = models(X, y)
    many = max(1, round((nodes - 1_000) / 650))
    points, targets = [X[i % 100] for i in range(many)], [y[i % 100] for i in range(many)]
    return lambda: (moons_loss(model, module.Value, points, targets), model.parameters())


def polynomial_graph(nodes: int) -> Callable[[], Graph]:
    """One polynomial of degree 3 at many numbers, and the sum of its values."""

    def build() -> Graph:
        xs = [Value(i * 8 / nodes - 0.5) for i in range(nodes // 7)]
        return sum(((x * 0.5 - 1.0) * x + 0.25) * x + 2.0 for x in xs), xs

    return build


def recurrence_graph(nodes: int) -> Callable[[], Graph]:
    """A pendulum, one step after the other: no two operations are independent of each other."""

    def build() -> Graph:
        angle, speed, h = leaves = [Value(1.0), Value(0.0), Value(0.01)]
        for _ in range(nodes // 5):
            speed = speed - h * sin(angle)
            angle = angle + h * speed
        return angle * angle + speed * speed, leaves

    return build


def random_graph(size: int) -> Callable[[], Graph]:
    """Sums, products and functions, each of any earlier results, the more of late ones."""
    kinds = [lambda a, b: tanh(a * b), lambda a, b: sin(a + b), lambda a, b: 0.5 * a - b * 0.3]

    def build() -> Graph:
        rng = random.Random(0)
        leaves = [Value(0.1 * i) for i in range(1, 11)]
        v = [*leaves]
        for _ in range(size // 2):
            v.append(rng.choice(kinds)(rng.choice(v[-50:]), rng.choice(v)))
        return sum(v[-20:]), leaves

    return build


GRAPHS: dict[str, tuple[Callable[[int], Callable[[], Graph]], int]] = {  # the number is of nodes, to measure memory
    "an MLP's loss on more and more points": (mlp_graph, 10**6),
    "one polynomial at more and more numbers": (polynomial_graph, 10**6),
    "a longer and longer recurrence": (recurrence_graph, 10**6),
    "a random graph, of which nothing repeats": (random_graph, 10**5),
}


def nodes_part(title: str) -> None:
    """Print the rows of a table, but for those that would take a minute to fold."""
    fold = 0.0
    for size in (10**3, 10**4, 10**5, 10**6):
        if fold * 10 > 60:
            print(f"  {size:>9,} nodes left out: they would fold for about {fold * 10:.0f} s")
            continue
        build = GRAPHS[title][0](size)
        folds: list[float] = []
        eagers: list[float] = []
        while len(folds) < 5 and sum(folds) < 2:
            gc.collect()
            start = time.perf_counter()
            root, leaves = build()
            for leaf in leaves:
                leaf.grad = 0.0
            root.backward()
            eagers.append(time.perf_counter() - start)
            start = time.perf_counter()
            program = compile(root, wrt=leaves)
            value, slope = program.value_and_grad(program.read())
            folds.append(time.perf_counter() - start)
        data, gradient = root.data, np.array([leaf.grad for leaf in leaves])
        stats, theta = program.stats, program.read()
        del root, leaves
        if abs(value - data) > 1e-9 * abs(data) or np.abs(slope - gradient).max() > 1e-9 * np.abs(gradient).max():
            sys.exit(f"{title}: compiled and eager differ")
        times = turns({OURS: lambda program=program, theta=theta: program.value_and_grad(theta)}, 5, 0.03)
        step, fold, eager = statistics.median(times[OURS]), statistics.median(folds), statistics.median(eagers)
        print(
            f"  {stats['nodes']:>9,} {fold:>10.3f} s {fold / stats['nodes'] * 1e6:>8.2f} {stats['instructions']:>12,}"
            f" {duration(step):>14} {step / stats['nodes'] * 1e9:>9.1f} {eager / step:>14.1f}",
            flush=True,
        )


def batch_part() -> None:
    from nn import MLP

    model = MLP(2, SIZES[1:], seed=1)
    step = compile(lambda x, y: relu(1.0 - y * model(x)), batched=("x", "y"))
    X, y = map(np.array, two_moons())
    print("growth with the batch: the moons loss of one example, compiled, and NumPy by hand")
    print("   examples       compiled  ns/example compiled/by hand")
    for n in (1, 10, 100, 1_000, 10_000, 100_000):
        inputs, targets = np.resize(X, (n, 2)), np.resize(y, n).astype(float)
        step.specialize(inputs, targets)
        theta = step.read()
        place = {p: i for i, p in enumerate(model.parameters())}
        order = np.array([place[p] for p in step.wrt])
        plain = np.empty_like(theta)
        plain[order] = theta
        by_hand = moons_by_hand(inputs, targets)
        value, gradient = by_hand(plain)
        found, slope = step.value_and_grad_at(theta, inputs, targets)
        assert abs(found - (value - 1e-4 * plain @ plain)) < 1e-12
        assert np.abs(slope - (gradient - 2e-4 * plain)[order]).max() < 1e-12
        tasks = {
            OURS: lambda theta=theta, x=inputs, y=targets: step.value_and_grad_at(theta, x, y),
            "by hand": lambda plain=plain, by_hand=by_hand: by_hand(plain),
        }
        times = turns(tasks)
        seconds = statistics.median(times[OURS])
        print(f"  {n:>9,} {duration(seconds):>14} {seconds / n * 1e9:>11.0f} {ratio(times, OURS, 'by hand'):>16.2f}")


def growth_part() -> None:
    for title in GRAPHS:
        print(f"growth with the nodes: {title}")
        print("      nodes         fold  µs/node instructions           step   ns/node eager/compiled", flush=True)
        run("nodes", title)
        print()
    batch_part()


# Memory


def peak() -> float:
    """Megabytes that this process has taken at most."""
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)


def memory_part() -> None:
    rows = []
    for title in GRAPHS:
        before, graph, folded, nodes = json.loads(run("peak", title, capture=True))
        rows.append(f"  {title:40s} {nodes:>9,} {before:8.0f} {graph:8.0f} {folded:8.0f} MB")
    print("memory: the most a process takes after the imports, with the graph, and when it is compiled and has run")
    print("                                               nodes  imports    graph compiled")
    print("\n".join(rows))
    print("  (target: below 1,000 MB for 1,000,000 nodes)")


def peak_part(title: str) -> None:
    build, size = GRAPHS[title]
    before = peak()
    root, leaves = build(size)()
    graph = peak()
    program = compile(root, wrt=leaves)
    program.value_and_grad(program.read())
    print(json.dumps([before, graph, peak(), program.stats["nodes"]]))


# Small functions


def lstm(p: list[Any], hidden: int = 4, steps: int = 200) -> Any:
    """The last output of an LSTM that reads a sine."""
    h, c = [0.0] * hidden, [0.0] * hidden
    for t in range(steps):
        x = [math.sin(0.1 * t), 1.0, *h]
        width = len(x)
        gates = [dot(p[k * width : (k + 1) * width], x) for k in range(4 * hidden)]
        new = [tanh(z) for z in gates[:hidden]]
        keep, write, show = ([sigmoid(z) for z in gates[k * hidden : (k + 1) * hidden]] for k in (1, 2, 3))
        c = [k * cell + w * n for k, cell, w, n in zip(keep, c, write, new, strict=True)]
        h = [s * tanh(cell) for s, cell in zip(show, c, strict=True)]
    return dot(h, h)


def lorenz(p: list[Any], steps: int = 200) -> Any:
    """The height of Lorenz's attractor after some steps of Runge and Kutta."""
    s, r, b, *state = p

    def slope(x: Any, y: Any, z: Any) -> list[Any]:
        return [s * (y - x), x * (r - z) - y, x * y - b * z]

    def moved(state: list[Any], slope: list[Any], h: float) -> list[Any]:
        return [q + h * dq for q, dq in zip(state, slope, strict=True)]

    for _ in range(steps):
        k1 = slope(*state)
        k2 = slope(*moved(state, k1, 0.005))
        k3 = slope(*moved(state, k2, 0.005))
        k4 = slope(*moved(state, k3, 0.01))
        mean = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True)]
        state = moved(state, mean, 0.01)
    return state[2]


def neuron(p: list[Any]) -> Any:
    return tanh(p[0] * 0.5 + p[1] * -1.0 + p[2] * 2.0 + p[3])


def rosenbrock(p: list[Any]) -> Any:
    return sum((100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(p)), 0.0)


def atoms(p: list[Any]) -> Any:
    """The energy of three atoms in a plane that attract and repel each other."""
    pairs = [(p[i : i + 2], p[j : j + 2]) for i, j in ((0, 2), (0, 4), (2, 4))]
    distances = [sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) for a, b in pairs]
    return sum(exp(-2.0 * d) - 2.0 * exp(-d) for d in distances)


SMALL: list[tuple[str, Callable[[list[Any]], Any], list[float]]] = [
    ("x y + sin x", lambda p: p[0] * p[1] + sin(p[0]), [0.5, 2.0]),
    ("a neuron", neuron, [0.1, 0.2, 0.3, 0.4]),
    ("Rosenbrock, 2 numbers", rosenbrock, [0.5, 0.7]),
    ("Rosenbrock, 5 numbers", rosenbrock, [0.5, 0.7, 0.1, -0.2, 0.4]),
    ("Rosenbrock, 100 numbers", rosenbrock, [0.01 * i for i in range(100)]),
    ("three atoms", atoms, [0.0, 0.1, 1.0, 0.2, 0.3, 0.9]),
    ("Lorenz, 200 steps", lorenz, [10.0, 28.0, 8 / 3, 1.0, 1.0, 1.0]),
    ("LSTM, 200 steps", lstm, [0.3 * math.sin(7 * i) for i in range(16 * 6)]),
]


def small_part() -> None:
    print("small: value and gradient, in microseconds (target: compiled is never slower than eager)")
    print("                            nodes instructions |    eager  compiled   ratio |    eager   compiled   ratio")
    print("                                               | a graph                   | a function, value_and_grad")
    for name, f, numbers in SMALL:
        leaves = list(map(Value, numbers))
        program = compile(f(leaves), wrt=leaves)
        function = compile(f)
        theta = np.array(numbers)

        def eager(f: Any = f, numbers: Any = numbers) -> tuple[float, Any]:
            leaves = list(map(Value, numbers))
            root = f(leaves)
            root.backward()
            return root.data, [leaf.grad for leaf in leaves]

        transformed = value_and_grad(f)
        steps: dict[str, Step] = {
            "eager": eager,
            "graph": lambda program=program, theta=theta: program.value_and_grad(theta),
            "transform": lambda transformed=transformed, numbers=numbers: transformed(numbers),
            "function": lambda function=function, numbers=numbers: function.value_and_grad(numbers),
        }
        value, gradient = eager()
        for step in steps.values():
            found, slope = step()
            assert math.isclose(found, value, rel_tol=1e-9)
            assert np.allclose(slope, gradient, rtol=1e-9, atol=1e-9)
        times = turns(steps)
        micro = {step: statistics.median(times[step]) * 1e6 for step in steps}
        print(
            f"  {name:24s} {program.stats['nodes']:>6,} {program.stats['instructions']:>12,} |"
            f" {micro['eager']:8.0f} {micro['graph']:9.0f} {ratio(times, 'eager', 'graph'):7.2f} |"
            f" {micro['transform']:8.0f} {micro['function']:10.0f} {ratio(times, 'transform', 'function'):7.2f}"
        )


PARTS: dict[str, Callable[..., None]] = {
    "moons": moons_part,
    "digits": digits_part,
    "growth": growth_part,
    "memory": memory_part,
    "small": small_part,
}


def run(part: str, argument: str = "", *, capture: bool = False) -> str:
    """Run a part in a process of its own, with one thread."""
    command = [sys.executable, __file__, "--part", part, argument]
    sys.stdout.flush()
    done = subprocess.run(
        command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE if capture else None, text=True, check=True
    )
    return done.stdout or ""


def main(parts: Sequence[str]) -> None:
    if unknown := [part for part in parts if part not in PARTS]:
        sys.exit(f"the parts are {', '.join(PARTS)}, got {unknown[0]!r}")
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}; medians of {ROUNDS} rounds, one thread, float64")
    for part in parts or PARTS:
        print()
        run(part)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        inner = {**PARTS, "nodes": nodes_part, "peak": peak_part}
        inner[sys.argv[2]](*filter(None, sys.argv[3:]))
    else:
        main(sys.argv[1:])
