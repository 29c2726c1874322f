"""An optimisation in 10,000 variables with 9,998 constraints, by SciPy, with exact sparse derivatives.

Each term of the objective and each constraint has two or three neighbouring variables, so the Jacobian of the
constraints and the Hessians have three numbers in a row, of 10,000. `sparse=True` finds where they are in the graph,
and `compile` makes programs that compute these numbers alone: a Hessian takes milliseconds, where its 100 million
entries would take a gigabyte. Nothing is probed or guessed, and no pattern is given by hand.

The problem is the chained Rosenbrock function with trigonometric-exponential constraints of L. Lukšan and J. Vlček,
"Sparse and partially separable test problems for unconstrained and equality constrained optimization", 1998, problem
5.1. From their start solvers come to 6.23245863 (the minimum at x = 1 is 0). Then least squares: Broyden's banded
equations (C. Broyden, "A class of methods for solving nonlinear simultaneous equations", 1965).

    python notebooks/examples/sparse_optimization.py
    python notebooks/examples/sparse_optimization.py 1000
"""

import sys
import time
from itertools import pairwise

import numpy as np
from scipy.optimize import NonlinearConstraint, least_squares, minimize

from autograd import compile, dot, exp, fsum, hessian, jacobian, sin


def objective(x):
    return fsum([100.0 * (a * a - b) ** 2 + (a - 1.0) ** 2 for a, b in pairwise(x)])


def constraints(x):
    return [
        3.0 * b**3 + 2.0 * c - 5.0 + sin(b - c) * sin(b + c) + 4.0 * b - a * exp(a - b) - 3.0
        for a, b, c in zip(x, x[1:], x[2:])
    ]


def weighted(x, weights):
    """Return the constraints' part of the Lagrangian, whose Hessian the solver asks for."""
    return dot(weights, constraints(x))


def broyden(x):
    neighbours = zip([0.0, *x[:-1]], x, [*x[1:], 0.0])
    return [(3.0 - 2.0 * b) * b - a - 2.0 * c + 1.0 for a, b, c in neighbours]


def minimised(n):
    """Solve the problem in n variables by the trust-region method for constraints."""
    start = np.where(np.arange(n) % 2 == 0, -1.2, 1.0)
    value, curvature = compile(objective), compile(hessian(objective, sparse=True))
    values, slopes = compile(constraints), compile(jacobian(constraints, sparse=True))
    bent = compile(hessian(weighted, sparse=True))
    for program, *arguments in [(value,), (curvature,), (values,), (slopes,), (bent, np.ones(n - 2))]:
        program(start, *arguments)  # the first call builds it
    began = time.process_time()
    equal = NonlinearConstraint(lambda x: np.array(values(x)), 0.0, 0.0, jac=slopes, hess=bent)
    found = minimize(
        value, start, jac=lambda x: value.value_and_grad(x)[1], hess=curvature, method="trust-constr",
        constraints=[equal], options={"gtol": 1e-6},
    )  # fmt: skip
    return found, time.process_time() - began


def fitted(n):
    """Solve Broyden's equations as least squares."""
    slopes = compile(jacobian(broyden, sparse=True))
    values = compile(broyden)
    slopes(-np.ones(n)), values(-np.ones(n))
    began = time.process_time()
    found = least_squares(lambda x: np.array(values(x)), -np.ones(n), jac=slopes, tr_solver="lsmr")
    return found, time.process_time() - began


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    found, seconds = minimised(n)
    print(f"{n} variables, {n - 2} constraints: objective {found.fun:.8f} in {found.nit} iterations, {seconds:.2f} s")
    print(f"largest violation of a constraint: {found.constr_violation:.0e}")
    found, seconds = fitted(n)
    print(f"{n} equations: sum of squares {2 * found.cost:.0e} in {found.nfev} evaluations, {seconds:.2f} s")
