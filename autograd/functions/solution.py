"""Implicit function of parameters: the solution of equations, and the derivatives that the theorem gives it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from autograd.engine import Constant, Value, modes, topological_order
from autograd.functions import newton
from autograd.functions._captured_reads import CHANGED, BothSides, CapturedReads
from autograd.functions._linearization import Linearization
from autograd.functions.calls import Function, check_outputs, name_of
from autograd.functions.structure import Structure, arranged, flatten, flatten_result
from autograd.functions.taylor import leading_of
from autograd.functions.transforms import slopes
from autograd.rules import Operation, detached, positive

Solver = Callable[[Function, Any], Any]
MOST_SOLUTIONS = 4096  # of a problem that are kept


class Problem:
    """Equations, and what they are solved for: called at numbers of the operands, which are Values.

    The operands are those Values that the start and the parameters hold, and then what f reads beside them: `captured`,
    nodes with whether their derivatives count. Where f is called again other nodes stand for all of them.
    """

    def __init__(
        self,
        asker: str,
        f: Function,
        structure: Structure,
        parts: Sequence[Structure],
        taken: Sequence[Any],
        solver: Solver | None,
        max_steps: int,
    ) -> None:
        self.asker = asker
        self.take(f, solver)
        self.structure = structure
        self.parts = parts
        self.numbers = [x.number if isinstance(x, Value) else x for x in taken]
        self.places = [place for place, x in enumerate(taken) if isinstance(x, Value)]
        self.size = sum(1 for _ in structure.names("x"))
        self.max_steps = max_steps
        self.captured: dict[Value, bool] = {}
        self._solutions: dict[bytes, tuple[list[float], list[float]]] = {}  # with the sums of the Jacobian's rows
        self._sensitivities: dict[bytes, list[list[float]]] = {}
        self._first: tuple[Sequence[float], list[float]] | None = None  # operands, and their solution
        self._differentiable: tuple[Sequence[Any], list[list[Any]]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_solutions": {}, "_sensitivities": {}, "_differentiable": None, "_first": None}

    def take(self, f: Function, solver: Solver | None) -> None:
        """Take f as the function to be solved, or to be minimized, and what solves it."""
        self.solver = solver
        self.objective = f if self.asker == "argmin" else None
        self.equations = f if self.objective is None else slopes("argmin", f)

    def copy(self) -> Problem:
        """Return the same problem, without what is known of its solutions at Values."""
        copied: Problem = object.__new__(Problem)
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

    def linearized(
        self,
        x: Sequence[Any],
        operands: Sequence[Any],
        reads: CapturedReads | None = None,
        *,
        by: Sequence[int] = (),
        valued: bool = False,
    ) -> Linearization:
        """Return the equations at x, linearized there by x and by the operands at the positions in `by`."""
        reads = reads or CapturedReads(self.captured)
        since = reads.begin()
        inputs: list[Value] = []
        with modes.enable_grad(), modes.differentiate_by(inputs, since), modes.record_comparisons(False):
            inputs += [positive(number) if isinstance(number, Value) else Value(number) for number in (*x, *operands)]
            xs, given = inputs[: len(x)], inputs[len(x) :]
            reads.give(given[len(self.places) :])
            with modes.substitute_with(reads):
                result = self.equations(self.structure.unflatten(xs), *self.params(self.placed(given)))
        outputs, structure = flatten_result(result, self.asker, name_of(self.equations))
        check_outputs(self.asker, self.equations, result)
        if len(outputs) != self.size:
            raise TypeError(
                f"{self.asker} takes a function that returns as many numbers as x has, {self.structure}; "
                f"{name_of(self.equations)} returned {structure}"
            )
        outputs = [reads.substituted(y, True) if isinstance(y, Value) else y for y in outputs]
        return Linearization(outputs, [*xs, *[given[j] for j in by]], since=since, valued=valued)

    def active(self) -> list[int]:
        """Return the positions of the operands by which the solution has derivatives: not the start."""
        counts = [*[place >= self.size for place in self.places], *self.captured.values()]
        return [j for j, counted in enumerate(counts) if counted]

    def look(self, operands: Sequence[Value]) -> list[float]:
        """Solve the equations, take note of what f reads beside its arguments, and return the operands' numbers.

        What stands for an operand here is made from it, and so is what f computes of it once and keeps. A traced choice
        has both sides in it, so while f is traced, it is first called so that those that are not taken are looked at.
        """
        numbers = [self.numbers[place] for place in self.places]
        reads = CapturedReads(self.captured, modes.substitution(), noting=True)
        start, found = self.numbers[: self.size], None
        traced, untaken = modes.traced(), modes.untaken()

        def look_at_both_sides(x: Sequence[float]) -> None:
            with suppress(Exception), modes.trace_with(BothSides()):
                self.linearized(x, operands, reads)

        with modes.apart():
            if traced:
                look_at_both_sides(start)
            try:
                if _has_nan(numbers):
                    self.linearized(start, operands, reads)
                else:
                    found = self._solved(operands, reads)
            except Exception as error:  # any error of f counts for nothing on a side that was not taken
                unknown = isinstance(error, newton.ConvergenceError) and _has_nan([*reads.numbers.values()])
                if not (untaken or unknown):
                    raise
            if traced and found is not None:
                look_at_both_sides(found[0])
        numbers += reads.numbers.values()
        if found is not None:
            self._solutions[_bits(numbers)] = found
            self._first = numbers, found[0]
        return numbers

    def operands_captured(self) -> list[Value]:
        """Return the operands for what f reads beside its arguments; constant ones where derivatives don't count."""
        if modes.traced():
            return [node if counts else detached(node) for node, counts in self.captured.items()]
        return [
            node if counts else Constant(modes.substituted(node, differentiable=False).number)
            for node, counts in self.captured.items()
        ]

    # Solving

    def solve(self, operands: Sequence[float]) -> list[float]:
        """Return the numbers of the solution at these numbers of the operands: nan where one of these is."""
        if _has_nan(operands):
            return [math.nan] * self.size
        key = _bits(operands)
        found = self._solutions.get(key)
        if found is None:
            with modes.apart():
                if self._first is not None:
                    known, x = self._first
                    self._check_solved(self.linearized(x, known), x, known)
                found = self._solved(operands, CapturedReads(self.captured))
            if len(self._solutions) >= MOST_SOLUTIONS:
                self._solutions.clear()
                self._sensitivities.clear()
            self._solutions[key] = found
            self._first = self._first or (operands, found[0])
        return found[0]

    def _solved(self, operands: Sequence[Any], reads: CapturedReads) -> tuple[list[float], list[float]]:
        given = self.placed(operands)
        x, params = list(map(newton.float_of, given[: self.size])), self.params(given)
        path: newton.Path = ()
        if not all(map(math.isfinite, x)):
            raise newton.ConvergenceError(
                f"{self.asker} cannot start at x = {newton.briefly(x)}; start at finite numbers"
            )

        def at(x: Sequence[float]) -> tuple[list[float], list[list[float]]]:
            call = self.linearized(x, operands, reads)
            residuals = [y.number if isinstance(y, Value) else y for y in call.outputs]
            return residuals, _dense(call)

        def plain(f: Function) -> Function:
            def g(x: Any) -> Any:
                reads.begin()
                reads.give([Value(number) for number in operands[len(self.places) :]])
                with modes.substitute_with(reads):
                    found = f(arranged(x, self.structure), *params)
                    numbers, structure = flatten_result(found, self.asker, name_of(f))
                    return structure.unflatten([y.data if isinstance(y, Value) else y for y in numbers])

            return g

        if self.solver is not None:
            found = self.solver(plain(self.objective or self.equations), self.structure.unflatten(x))
            if hasattr(found, "success") or hasattr(found, "converged"):  # a result of SciPy
                found = getattr(found, "x", getattr(found, "root", found))
            x = flatten(arranged(found, self.structure), self.asker, "what the solver returned")[0]
            if len(x) != self.size or not all(map(math.isfinite, x)):
                raise newton.ConvergenceError(
                    f"{self.asker} got {found!r} from the solver, which is no x of {self.structure}"
                )
        elif self.objective is not None:
            objective = plain(self.objective)
            x, path = newton.minimum_near(lambda x: objective(self.structure.unflatten(x)), at, x, self.max_steps)
        x, jacobian = newton.root_near(self.asker, at, x, self.max_steps, path)
        if self.objective is not None:
            newton.check_minimum(jacobian, x)
        return x, [sum(row) for row in jacobian]

    # Derivatives

    def components(self, operands: Sequence[Any]) -> list[Any]:
        """Return the numbers of the solution, each as an operation of the operands."""
        found = []
        for i in range(self.size):
            name = self.asker if self.structure.container is None else f"{self.asker}[{i}]"
            partials = [_Partial(self, i, j) for j in range(len(operands))]
            found.append(Operation(name, SolutionComponent(self, i), *partials).apply(operands))
        return found

    def sensitivity(self, operands: Sequence[Any]) -> list[list[Any]]:
        """Return the derivatives of the solution by the operands: a row for each number of it."""
        if all(type(x) is float for x in operands):
            key = _bits(operands)
            matrix = self._sensitivities.get(key)
            if matrix is None:
                x = self.solve(operands)
                with modes.apart():
                    matrix = self._sensitivities[key] = self._matrix(
                        self.linearized(x, operands, by=self.active()), x, operands
                    )
            return matrix
        if not all(isinstance(x, Value) for x in operands):
            return self._sensitivity_of_series(operands)
        known = self._differentiable
        if known is None or not all(a is b for a, b in zip(known[0], operands, strict=True)):
            xs = self.copy().components(operands)
            call = self.linearized(xs, operands, by=self.active(), valued=True)
            known = self._differentiable = (operands, self._matrix(call, xs, operands))
        return known[1]

    def _sensitivity_of_series(self, operands: Sequence[Any]) -> list[list[Any]]:
        """Return the derivatives by power series: their graph at the constant terms, read with the series."""
        leaves = [Value(newton.float_of(leading_of(x))) for x in operands]
        xs = [Value(x) for x in self.solve([leaf.number for leaf in leaves])]
        matrix = self._matrix(self.linearized(xs, leaves, by=self.active(), valued=True), xs, leaves)
        read: dict[Any, Any] = dict(zip(leaves, operands, strict=True))
        read.update(zip(xs, self.components(operands), strict=True))
        for node in topological_order(*[entry for row in matrix for entry in row if isinstance(entry, Value)]):
            if node not in read:
                given = [read[parent] for parent in node.parents]
                series = any(hasattr(type(x), "_operate") for x in given)
                read[node] = node.op.apply(given) if node.op and series else node.number
        return [[read.get(entry, entry) for entry in row] for row in matrix]

    def _matrix(self, call: Linearization, x: Sequence[Any], operands: Sequence[Any]) -> list[list[Any]]:
        rows = self._check_solved(call, x, operands)
        matrix = [[0.0] * (len(self.places) + len(self.captured)) for _ in range(self.size)]
        by_x, by_others = [row[: self.size] for row in rows], [[-d for d in row[self.size :]] for row in rows]
        if call.valued and modes.traced():  # `solve` raises in each call where the Jacobian is singular
            by_active = newton.solved_for_any_numbers(by_x, by_others)
        else:
            by_active = newton.solved(self.asker, by_x, by_others, x)
        for j, column in zip(self.active(), zip(*by_active)):
            for row, derivative in zip(matrix, column, strict=True):
                row[j] = derivative
        return matrix

    def _check_solved(self, call: Linearization, x: Sequence[Any], operands: Sequence[Any]) -> list[list[Any]]:
        """Return the Jacobian at a solution; raise RuntimeError if the equations are not those that were solved.

        They may have the same solution: the yield of a bond at par is its coupon, however long it runs. So the Jacobian
        is compared too.
        """
        rows = _dense(call)
        numbers = [newton.float_of(a) for a in x]
        if any(map(math.isnan, numbers)):
            return rows
        by_x = [[newton.float_of(d) for d in row[: self.size]] for row in rows]
        residuals = [[newton.float_of(y)] for y in call.outputs]
        known, slopes = self._solutions.get(_bits([newton.float_of(a) for a in operands]), (None, []))
        changed = known == numbers and any(
            abs(sum(row) - total) > 1e-6 * sum(map(abs, row)) for row, total in zip(by_x, slopes, strict=True)
        )
        if not changed and any(y for (y,) in residuals):
            steps = [step for (step,) in newton.solved(self.asker, by_x, residuals, x)]
            changed = not newton.is_rounding(steps, numbers, 10.0)
        if changed:
            raise RuntimeError(
                f"{name_of(self.equations)} has other values now than when {self.asker} solved it: what it reads was "
                f"{CHANGED}"
            )
        return rows


class SolutionComponent:
    """The forward function of a number of the solution."""

    def __init__(self, problem: Problem, i: int) -> None:
        self.problem, self.i = problem, i

    def __call__(self, *operands: float) -> float:
        """Return the number at these numbers of the operands."""
        return self.problem.solve(operands)[self.i]


class _Partial:
    """The partial derivative of a number of the solution by an operand."""

    def __init__(self, problem: Problem, i: int, j: int) -> None:
        self.problem, self.i, self.j = problem, i, j

    def __call__(self, y: Any, *operands: Any) -> Any:
        undefined = _has_nan(operands) or (any(map(_is_nan, operands)) and not modes.traced())
        return math.nan * y if undefined else self.problem.sensitivity(operands)[self.i][self.j]


def _has_nan(operands: Sequence[Any]) -> bool:
    """Whether a plain number is nan, as where a choice that is traced has not chosen the side of a solution."""
    return any(type(x) is float and x != x for x in operands)


def _is_nan(x: Any) -> bool:
    number = newton.float_of(leading_of(x))
    return isinstance(number, float) and math.isnan(number)


def _bits(numbers: Sequence[float]) -> bytes:
    """Return numbers as a key, in which -0.0 is not 0.0."""
    return array("d", numbers).tobytes()


def _dense(call: Linearization) -> list[list[Any]]:
    """Return the Jacobian, found by its structural non-zeros, with plain zeros beside them."""
    rows = []
    for entries in call.nonzeros():
        rows.append([0.0] * len(call.inputs))
        for place, derivative in entries:
            rows[-1][place] = derivative
    return rows
