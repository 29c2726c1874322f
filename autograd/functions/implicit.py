"""Implicit differentiation: solutions of equations and minimum points as differentiable functions of their parameters.

Where f(x, p) = 0 defines x, the implicit function theorem gives dx/dp = -(df/dx)^-1 df/dp, whatever solver found x.
So each number of x is an operation of the parameters, of which the solver is the forward function and a row of that
matrix has the partial derivatives. Read with Values the matrix is a graph, in which x is such an operation again: hence
derivatives of any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.engine import Constant, Value, modes
from autograd.functions._closures import snapshot
from autograd.functions.calls import Function, check_function, checked_whole, name_of
from autograd.functions.solution import Problem, Solver
from autograd.functions.structure import flatten


def root(f: Function, x0: Any, *params: Any, solver: Solver | None = None, max_steps: int = 100) -> Any:
    """Return the solution x of f(x, *params) = 0 near x0, differentiable by the parameters to any order.

    f takes x in the structure of x0, and returns as many numbers as x has. The solution is found by Newton's method,
    damped, with the Jacobian of f; where that is almost singular at x0, the first step is long. Or `solver(g, x0)`
    finds it, such as SciPy's `root` or `fsolve`: g(x) = f(x, *params) takes and returns floats; the x that it returns,
    or SciPy's result of one, is refined by Newton steps. Derivatives by the parameters, and by Values that f uses
    beside them, are those of the implicit function theorem: one linear solve, not the solver's steps. The start has no
    influence on them.

    Raises ConvergenceError if the solver does not converge in `max_steps`, or the Jacobian is singular or what rounding
    left of 0, as at a multiple root; also where x0 is a solution as it is. Where a number that it depends on is nan, so
    is the solution.

    Derivatives call f again, with the variables of its closure as they are now, so f may be written in a loop.
    Attributes, elements of lists and global variables are read anew.

    >>> from autograd import grad, sin
    >>> def anomaly(e, M):  # Kepler's equation
    ...     return root(lambda E, e, M: E - e * sin(E) - M, M, e, M)
    >>> round(anomaly(0.1, 0.5), 12), round(grad(anomaly)(0.1, 0.5), 12)
    (0.552479986907, 0.573628607132)
    """
    return _solution("root", f, x0, params, solver, max_steps)


def argmin(f: Function, x0: Any, *params: Any, solver: Solver | None = None, max_steps: int = 100) -> Any:
    """Return the point x downhill from x0 at which f(x, *params) is smallest, differentiable by the parameters.

    f takes x in the structure of x0 and returns one number. The point, a local minimum, is found by Newton's method
    with the Hessian of f, which is shifted where it is not positive definite. Or `solver(g, x0)` finds it, such as
    SciPy's `minimize`, where g(x) = f(x, *params) takes and returns floats. Derivatives are those of the root of f's
    gradient; see `root`.

    Raises ConvergenceError if the solver does not converge in `max_steps`, or ends where there is no minimum, or at one
    that is no single point: the Hessian is singular there.

    >>> from autograd import grad
    >>> def fitted(penalty):  # ridge regression by one number, of the points (1, 2) and (2, 3)
    ...     return argmin(lambda w, k: (w - 2.0) ** 2 + (2.0 * w - 3.0) ** 2 + k * w ** 2, 0.0, penalty)
    >>> fitted(3.0), grad(fitted)(3.0)  # 8 / (5 + k), -8 / (5 + k) ** 2
    (1.0, -0.125)
    """
    return _solution("argmin", f, x0, params, solver, max_steps)


def _solution(
    asker: str,
    f: Function,
    x0: Any,
    params: Sequence[Any],
    solver: Solver | None,
    max_steps: int,
) -> Any:
    check_function(asker, f)
    if solver is not None and not callable(solver):
        raise TypeError(f"the solver of {asker} is a function of g and x0, got {type(solver).__name__}: {solver!r}")
    max_steps = checked_whole(f"max_steps of {asker}", max_steps, 1)
    start, structure = flatten(x0, asker, f"the start of {name_of(f)}")
    flat = [flatten(given, asker, f"parameter {i} of {name_of(f)}") for i, given in enumerate(params)]
    taken = [*start, *[x for numbers, _ in flat for x in numbers]]
    valued = any(isinstance(x, Value) for x in taken)
    taken = [modes.substituted(x) if isinstance(x, Value) else Constant(x) if x != x else x for x in taken]  # or nan
    problem = Problem(asker, f, structure, [part for _, part in flat], taken, solver, max_steps)
    given = [x for x in taken if isinstance(x, Value)]
    try:
        numbers = problem.look(given)
    except Exception as error:
        modes.failed(error, [*given, *problem.captured])
        raise
    # Derivatives and programs call f again, when its variables may have other values than now.
    problem.take(snapshot(f), snapshot(solver))
    operands = [*given, *problem.operands_captured()]
    if (modes.traced() and operands) or any(not isinstance(x, Constant) for x in operands):
        return structure.unflatten(problem.components(operands))
    found: Any = problem.solve(numbers)
    return structure.unflatten(map(Constant, found) if valued else found)
