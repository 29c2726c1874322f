"""Series, solutions and sparse matrices beside JAX, CasADi and mpmath, with the memory that a call takes at most.

The banded system is Broyden's, tridiagonal: its Jacobian by structural non-zeros, by three products with coloured
directions (A. Curtis, M. Powell and J. Reid, "On the estimation of sparse Jacobian matrices", 1974), compiled, and by
CasADi, which colours; dense for few unknowns.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from autograd import Value, compile, exp, grad, jacobian, jvp, root, sin, tanh, taylor
from tests.benchmarks.anchors import jax_in_double
from tests.benchmarks.benchmark import Benchmark, Entry, Problem


def series() -> Problem:
    def by_mpmath() -> Entry:
        import mpmath

        f = lambda x: mpmath.tanh(mpmath.exp(x) * mpmath.sin(x))

        def task() -> Any:
            with mpmath.workdps(15):
                return mpmath.taylor(f, 0.7, 30)

        return Entry(task)

    def by_jet(*, jit: bool) -> Entry:
        from jax.experimental.jet import jet

        jax = jax_in_double()
        jnp = jax.numpy
        directions = [1.0] + [0.0] * 29
        f = lambda x: jet(lambda x: jnp.tanh(jnp.exp(x) * jnp.sin(x)), (x,), (directions,))
        called = jax.jit(f) if jit else f
        task = lambda: jax.block_until_ready(called(0.7))
        task()
        return Entry(task)

    entries: dict[str, Callable[[], Entry]] = {
        "`taylor`": lambda: Entry(lambda: taylor(lambda x: tanh(exp(x) * sin(x)), 0.7, 30)),
        "mpmath.taylor, 15 digits": by_mpmath,
        "jax.experimental.jet": lambda: by_jet(jit=False),
        "jax.experimental.jet in jax.jit": lambda: by_jet(jit=True),
    }
    return Problem(entries, {})


def kepler(x: Any, e: Any, M: Any) -> Any:
    return x - e * sin(x) - M


def solution() -> Problem:
    solved = lambda e: root(kepler, math.pi, e, 1.0)

    def unrolled(e: Any) -> Any:
        x: Any = Value(math.pi)
        for _ in range(8):
            x = x - kepler(x, e, 1.0) / grad(kepler)(x, e, 1.0)
        return x

    def by_custom_root(*, jit: bool) -> Entry:
        jax = jax_in_double()
        f = lambda e: lambda x: x - e * jax.numpy.sin(x) - 1.0

        def newton(g: Any, x: Any) -> Any:
            return jax.lax.fori_loop(0, 8, lambda _, x: x - g(x) / jax.grad(g)(x), x)

        slope = jax.grad(lambda e: jax.lax.custom_root(f(e), math.pi, newton, lambda g, y: y / g(1.0)))
        called = jax.jit(slope) if jit else slope
        task = lambda: called(0.5).block_until_ready()
        return Entry(task, (1.0, [float(task())]))

    def by_casadi() -> Entry:
        import casadi

        e, x = casadi.SX.sym("e"), casadi.SX.sym("x")
        finder = casadi.rootfinder("kepler", "newton", {"x": x, "p": e, "g": x - e * casadi.sin(x) - 1.0})
        p = casadi.MX.sym("p")
        slope = casadi.Function("slope", [p], [casadi.jacobian(finder(math.pi, p), p)])
        return Entry(lambda: slope(0.5), (1.0, [float(slope(0.5))]))

    ours, through = lambda: grad(solved)(0.5), lambda: grad(unrolled)(0.5)
    entries: dict[str, Callable[[], Entry]] = {
        "`grad` of `root`": lambda: Entry(ours, (1.0, [ours()])),
        "`grad` through eight Newton steps": lambda: Entry(through, (1.0, [through()])),
        "jax.grad of custom_root": lambda: by_custom_root(jit=False),
        "jax.grad of custom_root in jax.jit": lambda: by_custom_root(jit=True),
        "casadi.rootfinder": by_casadi,
    }
    return Problem(entries, {})


def broyden(x: Any) -> list[Any]:
    neighbours = zip([0.0, *x[:-1]], x, [*x[1:], 0.0])
    return [(3.0 - 2.0 * b) * b - a - 2.0 * c + 1.0 for a, b, c in neighbours]


def banded(unknowns: int) -> Problem:
    x, array = [-1.0] * unknowns, np.full(unknowns, -1.0)
    sparse = jacobian(broyden, sparse=True)
    colours = [[float(i % 3 == colour) for i in range(unknowns)] for colour in range(3)]

    def compiled() -> Entry:
        program = compile(sparse)
        program(array)
        return Entry(lambda: program(array))

    def built() -> Any:
        import casadi

        symbols = casadi.SX.sym("x", unknowns)
        equations = casadi.vertcat(*broyden(casadi.vertsplit(symbols)))
        return casadi.Function("J", [symbols], [casadi.jacobian(equations, symbols)])

    def building() -> Entry:
        built()  # once without a clock, which tells whether it is installed
        return Entry(built)

    entries: dict[str, Callable[[], Entry]] = {
        "compiled, of an array": compiled,
        "structural non-zeros": lambda: Entry(lambda: sparse(x)),
        "three coloured products (`jvp`)": lambda: Entry(lambda: [jvp(broyden, (x,), (v,)) for v in colours]),
        "CasADi, which colours": lambda: Entry(partial(built(), array)),
        "to compile": lambda: Entry(lambda: compile(sparse).specialize(array)),
        "CasADi, to build": building,
    }
    if unknowns <= 1_000:
        entries["dense"] = lambda: Entry(lambda: jacobian(broyden)(x))
    return Problem(entries, {})


BENCHMARKS = [
    Benchmark("series", "tanh(exp(x) sin(x)) at 0.7 to order 30", "ms", {"series": series}, memory=True),
    Benchmark("kepler", "Kepler's equation: the slope of its solution", "ms", {"kepler": solution}, memory=True),
    Benchmark("banded", "The Jacobian of Broyden's banded system", "ms",
        {f"{n:,} unknowns": partial(banded, n) for n in (500, 10_000)}, memory=True),
]  # fmt: skip
