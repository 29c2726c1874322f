"""Series, solutions and sparse matrices beside JAX, CasADi and mpmath: `python tests/benchmarks/mathematics.py`.

What is installed of them is timed, in processor time and in turn, medians over the rounds; memory is the peak that
tracemalloc sees in one call, of what Python allocates. The banded system is Broyden's, tridiagonal, in 10,000 unknowns:
its Jacobian by structural non-zeros, by three products with coloured directions (A. Curtis, M. Powell and J. Reid, "On
the estimation of sparse Jacobian matrices", 1974), compiled, and by CasADi, which colours; dense for 500 unknowns.
"""

from __future__ import annotations

import importlib.util
import math
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Value, compile, exp, grad, jacobian, jvp, root, sin, tanh, taylor

ROUNDS, UNKNOWNS, DENSE = 5, 10_000, 500


def report(name: str, task: Callable[[], Any], rounds: int = ROUNDS) -> None:
    task()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        task()
        times.append(time.process_time() - start)
    tracemalloc.start()
    task()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"  {name:44s} {statistics.median(times) * 1e3:10.3f} ms {peak / 1e6:9.2f} MB")


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def series() -> None:
    print("tanh(exp(x) sin(x)) at 0.7 to order 30")
    report("taylor", lambda: taylor(lambda x: tanh(exp(x) * sin(x)), 0.7, 30))
    if has("mpmath"):
        import mpmath

        with mpmath.workdps(15):
            report(
                "mpmath.taylor", lambda: mpmath.taylor(lambda x: mpmath.tanh(mpmath.exp(x) * mpmath.sin(x)), 0.7, 30)
            )
    if has("jax"):
        import jax
        from jax import numpy as jnp
        from jax.experimental.jet import jet

        jax.config.update("jax_enable_x64", True)
        f = lambda x: jnp.tanh(jnp.exp(x) * jnp.sin(x))
        directions = [1.0] + [0.0] * 29
        report("jax.experimental.jet", lambda: jet(f, (0.7,), (directions,)))
        compiled = jax.jit(lambda x: jet(f, (x,), (directions,)))
        report("jax.jit of it", lambda: compiled(0.7)[0].block_until_ready())


def kepler(x: Any, e: Any, M: Any) -> Any:
    return x - e * sin(x) - M


def solutions() -> None:
    print("Kepler's equation: solution and slope by the eccentricity")
    solved = lambda e: root(kepler, math.pi, e, 1.0)
    report("grad of root", lambda: grad(solved)(0.5))

    def unrolled(e: Any) -> Any:
        x: Any = Value(math.pi)
        for _ in range(8):
            x = x - kepler(x, e, 1.0) / grad(kepler)(x, e, 1.0)
        return x

    report("grad through eight Newton steps", lambda: grad(unrolled)(0.5))
    if has("jax"):
        import jax
        from jax import numpy as jnp

        f = lambda e: lambda x: x - e * jnp.sin(x) - 1.0

        def newton(g: Any, x: Any) -> Any:
            return jax.lax.fori_loop(0, 8, lambda _, x: x - g(x) / jax.grad(g)(x), x)

        solve = lambda e: jax.lax.custom_root(f(e), math.pi, newton, lambda g, y: y / g(1.0))
        report("jax.grad of custom_root", lambda: jax.grad(solve)(0.5).block_until_ready())
        compiled = jax.jit(jax.grad(solve))
        report("jax.jit of it", lambda: compiled(0.5).block_until_ready())
    if has("casadi"):
        import casadi

        e, x = casadi.SX.sym("e"), casadi.SX.sym("x")
        finder = casadi.rootfinder("kepler", "newton", {"x": x, "p": e, "g": x - e * casadi.sin(x) - 1.0})
        p = casadi.MX.sym("p")
        slope = casadi.Function("slope", [p], [casadi.jacobian(finder(math.pi, p), p)])
        report("casadi.rootfinder", lambda: slope(0.5))


def broyden(x: Any) -> list[Any]:
    neighbours = zip([0.0, *x[:-1]], x, [*x[1:], 0.0])
    return [(3.0 - 2.0 * b) * b - a - 2.0 * c + 1.0 for a, b, c in neighbours]


def banded() -> None:
    print(f"Jacobian of Broyden's banded equations in {UNKNOWNS} unknowns")
    x = [-1.0] * UNKNOWNS
    sparse = jacobian(broyden, sparse=True)
    colours = [[float(i % 3 == colour) for i in range(UNKNOWNS)] for colour in range(3)]
    report("structural non-zeros", lambda: sparse(x), 3)
    report("three coloured products (jvp)", lambda: [jvp(broyden, (x,), (v,)) for v in colours], 3)
    report(f"dense, of {DENSE} unknowns", lambda: jacobian(broyden)(x[:DENSE]), 3)
    compiled = compile(sparse)
    report("compiled, of lists", lambda: compiled(x))
    array = np.array(x)
    report("compiled, of an array", lambda: compiled(array))
    if has("casadi"):
        import casadi

        symbols = casadi.SX.sym("x", UNKNOWNS)
        build = lambda: casadi.Function("J", [symbols], [casadi.jacobian(casadi.vertcat(*broyden(
            casadi.vertsplit(symbols))), symbols)])  # fmt: skip
        report("casadi, to build", build, 1)
        f = build()
        report("casadi, SX", lambda: f(array))
    start = time.process_time()
    compile(sparse).specialize(array)
    print(f"  {'to compile':44s} {(time.process_time() - start) * 1e3:10.3f} ms")


if __name__ == "__main__":
    series()
    solutions()
    banded()
