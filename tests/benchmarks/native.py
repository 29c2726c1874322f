"""The back end native against the others: `python tests/benchmarks/native.py [program ...]`.

Programs of scalars as people write them, value and gradient by all their inputs. A column of each back end is CPU time
for a node, the median of rounds in which they take turns; `build` is the time to trace, fold and build the program, for
a node. All have to agree before a clock runs. The batched formulas are run on so many examples, and a node is then one
of one example.
"""

from __future__ import annotations

import gc
import math
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import compile, dot, erf, exp, fsum, log, logsumexp, sigmoid, sin, sqrt, tanh, where

ROUNDS = 5
LEAST = 0.02  # seconds that a back end is timed for in a round
BACKENDS = ("native", "python", "numpy")
Program = tuple[Callable[[Any], Any], list[float]]


def lorenz(steps: int = 400) -> Program:
    """The Lorenz attractor, by Euler's method."""

    def f(p: Any) -> Any:
        x, y, z, s, r, b = p
        for _ in range(steps):
            x, y, z = x + 0.01 * s * (y - x), y + 0.01 * (x * (r - z) - y), z + 0.01 * (x * y - b * z)
        return x + y + z

    return f, [1.0, 1.2, 0.9, 10.0, 28.0, 8.0 / 3.0]


def nbody(bodies: int = 5, steps: int = 40) -> Program:
    """Planets that attract each other in a plane."""
    rng = random.Random(0)

    def f(p: Any) -> Any:
        q = [[p[4 * i], p[4 * i + 1]] for i in range(bodies)]
        v = [[p[4 * i + 2], p[4 * i + 3]] for i in range(bodies)]
        for _ in range(steps):
            for i in range(bodies):
                for j in range(i):
                    dx, dy = q[i][0] - q[j][0], q[i][1] - q[j][1]
                    pull = 0.001 * (dx * dx + dy * dy + 0.1) ** -1.5
                    v[i] = [v[i][0] - pull * dx, v[i][1] - pull * dy]
                    v[j] = [v[j][0] + pull * dx, v[j][1] + pull * dy]
            q = [[a + 0.01 * b for a, b in zip(qi, vi, strict=True)] for qi, vi in zip(q, v, strict=True)]
        return fsum([a * a + b * b for a, b in q])

    return f, [rng.gauss(0.0, 1.0) for _ in range(4 * bodies)]


def pendulum(steps: int = 300) -> Program:
    """A double pendulum, by the semi-implicit Euler method."""

    def f(p: Any) -> Any:
        a, b, u, v = p
        for _ in range(steps):
            d = a - b
            c, s = sin(d + math.pi / 2.0), sin(d)
            below = 2.0 - c * c
            u = u + 0.01 * (-s * c * u * u - s * v * v - 9.8 * (2.0 * sin(a) - sin(b) * c)) / below
            v = v + 0.01 * (s * c * v * v + 2.0 * s * u * u + 9.8 * (2.0 * sin(a) * c - 2.0 * sin(b))) / below
            a, b = a + 0.01 * u, b + 0.01 * v
        return a * a + b * b

    return f, [0.5, -0.3, 0.1, 0.2]


def hmm(states: int = 5, steps: int = 100) -> Program:
    """The forward algorithm of a hidden Markov model, by logsumexp."""
    rng = random.Random(0)

    def f(p: Any) -> Any:
        move = [p[i * states : (i + 1) * states] for i in range(states)]
        alpha = p[states * states :]
        for t in range(steps):
            alpha = [
                logsumexp([alpha[i] + move[i][j] for i in range(states)]) - 0.1 * (j == t % 3) for j in range(states)
            ]
        return logsumexp(alpha)

    return f, [rng.gauss(-1.0, 0.5) for _ in range(states * states + states)]


def kalman(steps: int = 200) -> Program:
    """A Kalman filter of a local level, and its likelihood."""
    rng = random.Random(0)
    data = [rng.gauss(0.0, 1.0) for _ in range(steps)]

    def f(p: Any) -> Any:
        q, r = exp(p[0]), exp(p[1])
        m, v, total = p[2], p[3] * p[3], 0.0
        for y in data:
            v = v + q
            s = v + r
            k, e = v / s, y - m
            total = total + log(s) + e * e / s
            m, v = m + k * e, (1.0 - k) * v
        return total

    return f, [0.1, 0.2, 0.3, 1.1]


def tridiagonal(n: int = 400) -> Program:
    """A tridiagonal system, by Thomas's algorithm."""
    rng = random.Random(0)

    def f(p: Any) -> Any:
        c, d = [p[0] / (4.0 + p[1])], [p[2] / (4.0 + p[1])]
        for i in range(1, n):
            w = 4.0 + p[1] * 0.1 - p[i % 7] * 0.1 * c[-1]
            c.append(1.0 / w)
            d.append((p[i % 7] - d[-1]) / w)
        x = d[-1]
        for i in range(n - 2, -1, -1):
            x = d[i] - c[i] * x
        return x * x

    return f, [rng.uniform(0.5, 1.0) for _ in range(7)]


def lu(n: int = 14) -> Program:
    """The logarithm of a determinant, by Gaussian elimination."""
    rng = random.Random(0)

    def f(p: Any) -> Any:
        a = [[p[n * i + j] + (n if i == j else 0.0) for j in range(n)] for i in range(n)]
        total = 0.0
        for k in range(n):
            total = total + log(a[k][k])
            for i in range(k + 1, n):
                factor = a[i][k] / a[k][k]
                for j in range(k + 1, n):
                    a[i][j] = a[i][j] - factor * a[k][j]
        return total

    return f, [rng.gauss(0.0, 1.0) for _ in range(n * n)]


def cholesky(n: int = 14) -> Program:
    """The likelihood of a Gaussian process, by Cholesky's factors."""
    xs = [0.3 * i for i in range(n)]

    def f(p: Any) -> Any:
        scale, noise = exp(p[0]), exp(p[1])
        low: list[list[Any]] = []
        z: list[Any] = []
        total: Any = 0.0
        for i in range(n):
            row: list[Any] = []
            for j in range(i + 1):
                k = exp(-((xs[i] - xs[j]) ** 2) / scale) + (noise if i == j else 0.0)
                k = k - dot(row, low[j][:j]) if j and j < i else k - dot(row, row) if j else k
                row.append(sqrt(k) if i == j else k / low[j][j])
            low.append(row)
            z.append(((p[2] + math.sin(xs[i])) - (dot(row[:i], z) if i else 0.0)) / row[i])
            total = total + z[-1] * z[-1] + 2.0 * log(row[i])
        return total

    return f, [0.1, -1.0, 0.2]


def heat(n: int = 40, steps: int = 60) -> Program:
    """The heat equation in one dimension."""

    def f(p: Any) -> Any:
        u = list(p)
        for _ in range(steps):
            u = [u[0], *[b + 0.2 * (a - 2.0 * b + c) for a, b, c in zip(u, u[1:], u[2:], strict=False)], u[-1]]
        return fsum([x * x for x in u])

    return f, [math.sin(0.3 * i) for i in range(n)]


def lstm(cells: int = 4, steps: int = 30) -> Program:
    """An LSTM of a few cells."""
    rng = random.Random(0)
    width = 4 * (cells + 2)

    def f(p: Any) -> Any:
        h, c = [0.0] * cells, [0.0] * cells
        for t in range(steps):
            inputs = [*h, math.sin(0.1 * t), 1.0]
            gates = [
                [dot(p[width * k + g * (cells + 2) : width * k + (g + 1) * (cells + 2)], inputs) for g in range(4)]
                for k in range(cells)
            ]
            c = [sigmoid(g[0]) * old + sigmoid(g[1]) * tanh(g[2]) for g, old in zip(gates, c, strict=True)]
            h = [sigmoid(g[3]) * tanh(new) for g, new in zip(gates, c, strict=True)]
        return fsum(h)

    return f, [rng.gauss(0.0, 0.5) for _ in range(width * cells)]


def random_graph(nodes: int) -> Program:
    """A random graph of sums, products and functions, each of any earlier results."""

    kinds = [lambda a, b: tanh(a * b), lambda a, b: sin(a + b), lambda a, b: 0.5 * a - b * 0.3]

    def f(p: Any) -> Any:
        rng = random.Random(0)
        v = list(p)
        for _ in range(nodes // 2):
            a, b = rng.choice(v[-50:]), rng.choice(v)
            v.append(rng.choice(kinds)(a, b))
        return fsum(v[-20:])

    return f, [0.1 * i for i in range(1, 11)]


def soft_dtw(n: int = 25) -> Program:
    """Soft dynamic time warping of two series."""
    other = [math.cos(0.2 * i) for i in range(n)]

    def f(p: Any) -> Any:
        far = 1e3
        above = [0.0, *[far] * n]
        for i in range(n):
            row: list[Any] = [far]
            for j in range(n):
                d = p[i] - other[j]
                row.append(d * d - logsumexp([-above[j], -above[j + 1], -row[j]]))
            above = row
        return above[-1]

    return f, [math.sin(0.25 * i) for i in range(n)]


def black_scholes(x: Any) -> Any:
    """The price of an option, by Black and Scholes."""
    s, k, t, r, v = x
    spread = v * sqrt(t)
    d = (log(s / k) + (r + 0.5 * v * v) * t) / spread
    cdf = lambda z: 0.5 * (1.0 + erf(z / math.sqrt(2.0)))
    return s * cdf(d) - k * exp(-r * t) * cdf(d - spread)


def ray(x: Any) -> Any:
    """The distance at which a ray meets a sphere."""
    a, b, c, u, v = x
    half = a * u + b * v + c
    disc = half * half - (u * u + v * v + 1.0) * (a * a + b * b + c * c - 0.25)
    return where(disc > 0.0, half - sqrt(where(disc > 0.0, disc, 1.0)), 10.0)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "lorenz 400": lorenz,
    "n-body 5x40": nbody,
    "double pendulum 300": pendulum,
    "hmm 5x100": hmm,
    "kalman 200": kalman,
    "tridiagonal 400": tridiagonal,
    "lu 14": lu,
    "gaussian process 14": cholesky,
    "heat 40x60": heat,
    "lstm 4x30": lstm,
    "soft-dtw 25": soft_dtw,
    "random 1,000": lambda: random_graph(1_000),
    "random 20,000": lambda: random_graph(20_000),
}
BATCHED = {"black-scholes": black_scholes, "ray and sphere": ray}


def turns(tasks: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """CPU seconds of a call of each task, in rounds in which they take turns."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    gc.collect()
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            calls, begin = 0, time.process_time()
            while (spent := time.process_time() - begin) < LEAST:
                task()
                calls += 1
            times[name].append(spent / calls)
    return times


def row(
    name: str, tasks: dict[str, Callable[[], Any]], builds: dict[str, float], nodes: int, examples: int
) -> list[float]:
    times = turns(tasks)
    ns = {backend: statistics.median(found) / nodes / examples * 1e9 for backend, found in times.items()}
    ratios = {b: statistics.median(x / y for x, y in zip(times[b], times["native"], strict=True)) for b in BACKENDS[1:]}
    built = "/".join(f"{builds[backend] / nodes * 1e6:.1f}" for backend in BACKENDS)
    columns = " ".join(f"{ns[backend]:9.2f}" for backend in BACKENDS)
    print(f"{name:22} {nodes:7} {built:>17} {columns} {ratios['python']:8.1f}x {ratios['numpy']:8.1f}x", flush=True)
    return [ratios["python"], ratios["numpy"], min(ratios.values()), ns["native"], builds["native"] / nodes * 1e6]


def plain(name: str, program: Program) -> list[float]:
    f, x = program
    tasks, builds, found = {}, {}, {}
    for backend in BACKENDS:
        compiled = compile(f, backend=backend)
        start = time.process_time()
        found[backend] = compiled.value_and_grad(x)
        builds[backend] = time.process_time() - start
        tasks[backend] = lambda compiled=compiled: compiled.value_and_grad(x)
        nodes = compiled.stats["nodes"]
    for backend in BACKENDS[1:]:
        np.testing.assert_allclose(np.hstack(found[backend]), np.hstack(found["native"]), rtol=1e-8, atol=1e-10)
    return row(name, tasks, builds, nodes, 1)


def batch(name: str, f: Callable[[Any], Any], examples: int) -> list[float]:
    X = np.random.default_rng(0).uniform(0.5, 1.5, size=(examples, 5))
    tasks, builds, found = {}, {}, {}
    for backend in BACKENDS:
        compiled = compile(f, batched=f.__code__.co_varnames[0], backend=backend)
        start = time.process_time()
        found[backend] = compiled.value_and_grad(X)
        builds[backend] = time.process_time() - start
        tasks[backend] = lambda compiled=compiled: compiled.value_and_grad(X)
        nodes = compiled.stats["nodes"]
    for backend in BACKENDS[1:]:
        np.testing.assert_allclose(found["native"][1], found[backend][1], rtol=1e-9, atol=1e-12)
    return row(f"{name} x {examples}", tasks, builds, nodes, examples)


def main(wanted: list[str]) -> None:
    start = time.process_time()
    compile(lambda x: x, backend="native")(1.0)
    once = time.process_time() - start
    compile(lambda x: x, batched="x", backend="native")(np.ones(2))
    wide = time.process_time() - start - once
    print(
        f"the machine is built in {once * 1e3:.0f} ms, that of batches in {wide * 1e3:.0f} ms; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':22} {'nodes':>7} {'build us/node':>17} {'native':>9} {'python':>9} {'numpy':>9}   native is faster by")
    print(f"{'':22} {'':7} {'nat/py/np':>17} {'ns/node':>9} {'ns/node':>9} {'ns/node':>9} {'python':>9} {'numpy':>9}")
    chosen = lambda name: not wanted or any(word in name for word in wanted)
    rows = [plain(name, make()) for name, make in PROGRAMS.items() if chosen(name)]
    batches = [batch(n, f, size) for n, f in BATCHED.items() for size in (64, 1024, 16384) if chosen(n)]
    for title, found in (("programs", rows), ("batches", batches)):
        if found:
            python, numpy, best, ns, build = (statistics.median(column) for column in zip(*found, strict=True))
            print(
                f"median of {title}: {python:.1f}x python, {numpy:.1f}x numpy, {best:.1f}x the better one, "
                f"{ns:.1f} ns a node, build {build:.1f} us a node"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
