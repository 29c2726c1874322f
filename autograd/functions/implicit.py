"""Implicit differentiation: solutions of equations and minimum points as differentiable functions of their parameters.

Where f(x, p) = 0 defines x, the implicit function theorem gives dx/dp = -(df/dx)^-1 df/dp, whatever solver found x.
So each number of x is an operation of the parameters, of which the solver is the forward function and a row of that
matrix has the partial derivatives. Read with Values the matrix is a graph, in which x is such an operation again: hence
derivatives of any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autograd.engine import Constant, Value, clock, modes, topological_order
from autograd.functions import newton
from autograd.functions._linearization import Linearization
from autograd.functions.calls import Function, check_function, check_outputs, name_of
from autograd.functions.structure import Structure, arranged, flatten, flatten_result
from autograd.functions.taylor import leading_of
from autograd.functions.transforms import grad
from autograd.rules import Operation, positive

Solver = Callable[[Function, Any], Any]
MOST_SOLUTIONS = 4096  # of a problem that are kept


def root(f: Function, x0: Any, *params: Any, solver: Solver | None = None, max_steps: int = 100) -> Any:
    """Return the solution x of f(x, *params) = 0 near x0, differentiable by the parameters to any order.

    f takes x in the structure of x0, and returns as many numbers as x has. The solution is found by Newton's method,
    damped, with the Jacobian of f. Or `solver(g, x0)` finds it, a function such as SciPy's: g(x) = f(x, *params) takes
    and returns floats; what it returns is refined by Newton steps. Derivatives by the parameters, and by Values that f
    uses beside them, are those of the implicit function theorem: one linear solve, not the solver's steps. The start
    has no influence on them.

    Raises ConvergenceError if the solver does not converge in `max_steps`, or the Jacobian is singular.

    >>> from autograd import grad, sin
    >>> def anomaly(e, M):  # Kepler's equation
    ...     return root(lambda E, e, M: E - e * sin(E) - M, M, e, M)
    >>> round(anomaly(0.1, 0.5), 12), round(grad(anomaly)(0.1, 0.5), 12)
    (0.552479986907, 0.573628607132)
    """
    return _solution("root", f, f, None, x0, params, solver, max_steps)


def argmin(f: Function, x0: Any, *params: Any, solver: Solver | None = None, max_steps: int = 100) -> Any:
    """Return the point x near x0 at which f(x, *params) is smallest, differentiable by the parameters to any order.

    f takes x in the structure of x0 and returns one number. The point is found by Newton's method with the Hessian of
    f, which is shifted where it is not positive definite. Or `solver(g, x0)` finds it, where g(x) = f(x, *params)
    takes and returns floats. Derivatives are those of the root of f's gradient; see `root`.

    Raises ConvergenceError if the solver does not converge in `max_steps`, or ends where there is no minimum, or at one
    that is no single point: the Hessian is singular there.

    >>> from autograd import grad
    >>> def fitted(penalty):  # ridge regression by one number, of the points (1, 2) and (2, 3)
    ...     return argmin(lambda w, k: (w - 2.0) ** 2 + (2.0 * w - 3.0) ** 2 + k * w ** 2, 0.0, penalty)
    >>> fitted(3.0), grad(fitted)(3.0)  # 8 / (5 + k), -8 / (5 + k) ** 2
    (1.0, -0.125)
    """
    return _solution("argmin", f, _Slope(f), f, x0, params, solver, max_steps)


class _Slope:
    """The gradient by the first argument, as a function that can be pickled."""

    def __init__(self, f: Function) -> None:
        self.f = f
        self.__name__ = name_of(f)

    def __call__(self, *args: Any) -> Any:
        return grad(self.f)(*args)


def _solution(
    asker: str,
    f: Function,
    equations: Function,
    objective: Function | None,
    x0: Any,
    params: Sequence[Any],
    solver: Solver | None,
    max_steps: int,
) -> Any:
    check_function(asker, f)
    if solver is not None and not callable(solver):
        raise TypeError(f"the solver of {asker} is a function of g and x0, got {type(solver).__name__}: {solver!r}")
    if max_steps < 1:
        raise ValueError(f"max_steps of {asker} is 1 or more, got {max_steps!r}")
    start, structure = flatten(x0, asker, f"the start of {name_of(f)}")
    flat = [flatten(given, asker, f"parameter {i} of {name_of(f)}") for i, given in enumerate(params)]
    taken = [*start, *[x for numbers, _ in flat for x in numbers]]
    problem = _Problem(asker, equations, objective, structure, [part for _, part in flat], taken, solver, max_steps)
    problem.captured = problem.outside()
    operands = [x for x in [*taken, *problem.captured] if isinstance(x, Value)]
    if not any(type(x) is not Constant for x in operands):
        found: Any = problem.solve([x.number for x in operands])
        return structure.unflatten(map(Constant, found) if operands else found)
    return structure.unflatten(problem.components(operands))


class _Problem:
    """Equations, and what they are solved for: called at numbers of the operands, which are Values.

    The operands are those Values that the start and the parameters hold, and then those that f uses beside them.
    """

    def __init__(
        self,
        asker: str,
        equations: Function,
        objective: Function | None,
        structure: Structure,
        parts: Sequence[Structure],
        taken: Sequence[Any],
        solver: Solver | None,
        max_steps: int,
    ) -> None:
        self.asker = asker
        self.equations = equations
        self.objective = objective
        self.structure = structure
        self.parts = parts
        self.numbers = [x.number if isinstance(x, Value) else x for x in taken]
        self.places = [place for place, x in enumerate(taken) if isinstance(x, Value)]
        self.size = sum(1 for _ in structure.names("x"))
        self.solver = solver
        self.max_steps = max_steps
        self.captured: list[Value] = []
        self._solutions: dict[tuple[float, ...], list[float]] = {}
        self._sensitivities: dict[tuple[float, ...], list[list[float]]] = {}
        self._differentiable: tuple[Sequence[Any], list[list[Any]]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_solutions": {}, "_sensitivities": {}, "_differentiable": None}

    def copy(self) -> _Problem:
        """Return the same problem, without what is known of its solutions at Values."""
        copied: _Problem = object.__new__(_Problem)
        copied.__dict__.update(self.__dict__, _differentiable=None)
        return copied

    # Calling f

    def placed(self, operands: Sequence[Any]) -> list[Any]:
        """Return the numbers of the start and the parameters, with these operands in their places."""
        numbers = list(self.numbers)
        for place, operand in zip(self.places, operands, strict=False):
            numbers[place] = operand
        return numbers

    def params(self, numbers: Sequence[Any]) -> list[Any]:
        """Return the parameters, nested, from the numbers of the start and the parameters."""
        remaining = iter(numbers[self.size :])
        return [part.unflatten(remaining) for part in self.parts]

    def linearized(self, x: Sequence[Any], operands: Sequence[Any], *, valued: bool) -> Linearization:
        """Return the equations at x, linearized there by x, and where derivatives are Values by the operands too."""
        since = clock.advance()
        with modes.enable_grad(), modes.differentiate_from(since):
            xs = [positive(number) if isinstance(number, Value) else Value(number) for number in x]
            given = self.placed([positive(p) if isinstance(p, Value) else Value(p) for p in operands])
            result = self.equations(self.structure.unflatten(xs), *self.params(given))
        outputs, structure = flatten_result(result, self.asker, f"what {name_of(self.equations)} returned")
        check_outputs(self.asker, self.equations, result)
        if len(outputs) != self.size:
            raise TypeError(
                f"{self.asker} takes a function that returns as many numbers as x has, {self.structure}; "
                f"{name_of(self.equations)} returned {structure}"
            )
        inputs = [*xs, *[given[place] for place in self.places], *self.captured]
        return Linearization(outputs, inputs, since=since, valued=valued)

    def outside(self) -> list[Value]:
        """Return the Values that f uses beside its arguments."""
        with _apart():
            since = clock.advance()
            call = self.linearized(
                self.numbers[: self.size], [self.numbers[place] for place in self.places], valued=False
            )
            nodes = topological_order(*[y for y in call.outputs if isinstance(y, Value)], since=since)
        return [node for node in nodes if node.stamp.born < since and type(node) is not Constant]

    # Solving

    def solve(self, operands: Sequence[float]) -> list[float]:
        """Return the numbers of the solution at these numbers of the operands."""
        key = tuple(operands)
        if key not in self._solutions:
            if len(self._solutions) >= MOST_SOLUTIONS:
                self._solutions.clear()
                self._sensitivities.clear()
            with _apart(), self._assigned(operands):
                self._solutions[key] = self._solved(operands)
        return self._solutions[key]

    def _solved(self, operands: Sequence[float]) -> list[float]:
        given = self.placed(operands)
        x, params = given[: self.size], self.params(given)

        def at(x: Sequence[float]) -> tuple[list[float], list[list[float]]]:
            call = self.linearized(x, operands, valued=False)
            residuals = [y.number if isinstance(y, Value) else y for y in call.outputs]
            return residuals, [row[: self.size] for row in _dense(call)]

        def plain(f: Function) -> Function:
            def g(x: Any) -> Any:
                numbers, structure = flatten_result(f(arranged(x, self.structure), *params), self.asker)
                return structure.unflatten([y.number if isinstance(y, Value) else y for y in numbers])

            return g

        if self.solver is not None:
            found = self.solver(plain(self.objective or self.equations), self.structure.unflatten(x))
            x = flatten(arranged(found, self.structure), self.asker, "what the solver returned")[0]
            if len(x) != self.size or not all(map(math.isfinite, x)):
                raise newton.ConvergenceError(
                    f"{self.asker} got {found!r} from the solver, which is no x of {self.structure}"
                )
        elif self.objective is not None:
            objective = plain(self.objective)
            x = newton.minimum_near(lambda x: objective(self.structure.unflatten(x)), at, x, self.max_steps)
        x = newton.root_near(self.asker, at, x, self.max_steps)
        if self.objective is not None:
            newton.check_minimum(at(x)[1], x)
        return x

    @contextmanager
    def _assigned(self, operands: Sequence[float]) -> Iterator[None]:
        """Give the Values that f uses beside its arguments these numbers in a block."""
        before = [node.number for node in self.captured]
        try:
            for node, number in zip(self.captured, operands[len(self.places) :], strict=True):
                node.number = number
            yield
        finally:
            for node, number in zip(self.captured, before, strict=True):
                node.number = number

    # Derivatives

    def components(self, operands: Sequence[Any]) -> list[Any]:
        """Return the numbers of the solution, each as an operation of the operands."""
        found = []
        for i in range(self.size):
            name = self.asker if self.structure.container is None else f"{self.asker}[{i}]"
            partials = [_Partial(self, i, j) for j in range(len(operands))]
            found.append(Operation(name, _Component(self, i), *partials).apply(operands))
        return found

    def sensitivity(self, operands: Sequence[Any]) -> list[list[Any]]:
        """Return the derivatives of the solution by the operands: a row for each number of it."""
        if all(type(x) is float for x in operands):
            key = tuple(operands)
            if key not in self._sensitivities:
                x = self.solve(operands)
                with _apart(), self._assigned(operands):
                    self._sensitivities[key] = self._matrix(self.linearized(x, operands, valued=False), x)
            return self._sensitivities[key]
        if not all(isinstance(x, Value) for x in operands):
            return self._sensitivity_of_series(operands)
        known = self._differentiable
        if known is None or not all(a is b for a, b in zip(known[0], operands, strict=True)):
            xs = self.copy().components(operands)
            call = self.linearized(xs, operands[: len(self.places)], valued=True)
            known = self._differentiable = (operands, self._matrix(call, xs))
        return known[1]

    def _sensitivity_of_series(self, operands: Sequence[Any]) -> list[list[Any]]:
        """Return the derivatives by power series: their graph at the constant terms, read with the series."""
        leaves = [Value(newton.float_of(leading_of(x))) for x in operands]
        xs = [Value(x) for x in self.solve([leaf.number for leaf in leaves])]
        matrix = self._matrix(self.linearized(xs, leaves[: len(self.places)], valued=True), xs)
        read: dict[Any, Any] = dict(zip([*leaves, *self.captured], [*operands, *operands[len(self.places) :]]))
        read.update(zip(xs, self.components(operands), strict=True))
        for node in topological_order(*[entry for row in matrix for entry in row if isinstance(entry, Value)]):
            if node not in read:
                given = [read[parent] for parent in node.parents]
                series = any(hasattr(x, "_operate") for x in given)
                read[node] = node.op.apply(given) if node.op and series else node.number
        return [[read.get(entry, entry) for entry in row] for row in matrix]

    def _matrix(self, call: Linearization, x: Sequence[Any]) -> list[list[Any]]:
        rows = _dense(call)
        by_x = [row[: self.size] for row in rows]
        by_operands = [[-d for d in row[self.size :]] for row in rows]
        for row in by_operands:
            for j, place in enumerate(self.places):
                if place < self.size:  # the start
                    row[j] = 0.0
        return newton.solved(self.asker, by_x, by_operands, x)


class _Component:
    """The forward function of a number of the solution."""

    def __init__(self, problem: _Problem, i: int) -> None:
        self.problem, self.i = problem, i

    def __call__(self, *operands: float) -> float:
        return math.nan if _has_nan(operands) else self.problem.solve(operands)[self.i]


class _Partial:
    """The partial derivative of a number of the solution by an operand."""

    def __init__(self, problem: _Problem, i: int, j: int) -> None:
        self.problem, self.i, self.j = problem, i, j

    def __call__(self, y: Any, *operands: Any) -> Any:
        return math.nan if _has_nan(operands) else self.problem.sensitivity(operands)[self.i][self.j]


def _has_nan(operands: Sequence[Any]) -> bool:
    """Whether a plain number is nan, as where a choice that is traced has not chosen the side of a solution."""
    return any(type(x) is float and x != x for x in operands)


def _dense(call: Linearization) -> list[list[Any]]:
    """Return the Jacobian, found by its structural non-zeros, with plain zeros beside them."""
    rows = []
    for entries in call.nonzeros():
        rows.append([0.0] * len(call.inputs))
        for place, derivative in entries:
            rows[-1][place] = derivative
    return rows


@contextmanager
def _apart() -> Iterator[None]:
    """Compute plain numbers in a block, of which nothing is traced or inspected around it."""
    with modes.trace_with(None), modes.inspect_with(None), modes.in_side(None):
        yield
