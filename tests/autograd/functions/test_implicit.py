"""Implicit differentiation: roots and minimum points with known answers, and their derivatives to any order."""

import itertools
import math
import pickle
import random
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize

import autograd as ad
from autograd import (
    Constant,
    ConvergenceError,
    Value,
    argmin,
    compile,
    cos,
    exp,
    grad,
    hessian,
    jacobian,
    log,
    root,
    value_and_grad,
)
from autograd.compiler.backends import BACKENDS
from autograd.engine import topological_order
from autograd.functions import _linearization, flatten, newton, solution
from tests.collector import leaves_no_cycle


def anomaly(e, M):
    """Kepler's equation: the eccentric anomaly, by the eccentricity and the mean anomaly."""
    return root(lambda E, e, M: E - e * ad.sin(E) - M, M, e, M)


def anomaly_slopes(e, M):
    E = anomaly(e, M)
    return math.sin(E) / (1.0 - e * math.cos(E)), 1.0 / (1.0 - e * math.cos(E))


# Known answers


def test_kepler_equation_has_the_anomaly_of_the_book():
    # J. Meeus, "Astronomical Algorithms", 2nd edition, 1998, chapter 30: e = 0.1, M = 5 degrees
    assert math.degrees(anomaly(0.1, math.radians(5.0))) == pytest.approx(5.554589, abs=5e-7)
    for e in (0.0, 0.1, 0.5, 0.9, 0.99):
        for M in (0.1, 0.5, 1.5, 3.0, 6.0):
            E = anomaly(e, M)
            assert E - e * math.sin(E) == pytest.approx(M, rel=1e-14)
            assert grad(anomaly)(e, M) == pytest.approx(anomaly_slopes(e, M)[0], rel=1e-12)
            assert grad(anomaly, argnums=1)(e, M) == pytest.approx(anomaly_slopes(e, M)[1], rel=1e-12)


def test_kepler_equation_has_the_series_of_lagrange():
    # P.-S. Laplace, "Mécanique céleste", book II: the coefficient of e^n is the (n - 1)th derivative of sin(M)^n / n!
    M = 0.5
    wanted = [M, math.sin(M), math.sin(2 * M) / 2, (3 * math.sin(3 * M) - math.sin(M)) / 8]
    wanted += [(2 * math.sin(4 * M) - math.sin(2 * M)) / 6]
    assert ad.taylor(lambda e: anomaly(e, M), 0.0, 4) == pytest.approx(wanted, rel=1e-13)
    nested, f = [], lambda e: anomaly(e, M)
    for order in range(4):
        nested.append(f(0.0) / math.factorial(order))
        f = grad(f)
    assert nested == pytest.approx(wanted[:4], rel=1e-13)


def ridge(X, y, penalty):
    loss = lambda w, k: sum((ad.dot(row, w) - t) ** 2 for row, t in zip(X, y)) + k * sum(a * a for a in w)
    return argmin(loss, [0.0] * len(X[0]), penalty)


def test_penalty_of_ridge_regression_is_found_by_its_gradient():
    # A. Hoerl and R. Kennard, "Ridge regression", 1970: w = (X'X + k)^-1 X'y, hence dw/dk = -(X'X + k)^-1 w
    rng = np.random.default_rng(4)
    X, held = rng.normal(size=(12, 3)), rng.normal(size=(8, 3))
    truth = np.array([1.0, -2.0, 0.5])
    y, z = X @ truth + 2.0 * rng.normal(size=12), held @ truth
    inverse = lambda k: np.linalg.inv(X.T @ X + k * np.eye(3))
    weights = ridge(X.tolist(), y.tolist(), 2.0)
    assert weights == pytest.approx((inverse(2.0) @ X.T @ y).tolist(), rel=1e-12)
    slopes = jacobian(lambda k: ridge(X.tolist(), y.tolist(), k))(2.0)
    assert slopes == pytest.approx((-inverse(2.0) @ weights).tolist(), rel=1e-12)

    def validation(log_penalty):
        w = ridge(X.tolist(), y.tolist(), exp(log_penalty))
        return ad.mean([(ad.dot(row, w) - t) ** 2 for row, t in zip(held, z)])

    def by_hand(log_penalty):
        w = inverse(math.exp(log_penalty)) @ X.T @ y
        return float(np.mean((held @ w - z) ** 2))

    best = argmin(validation, 0.0)  # second derivatives go through the inner problem
    assert best == pytest.approx(scipy.optimize.minimize_scalar(by_hand, bracket=(-1, 1), tol=1e-12).x, abs=1e-6)
    assert grad(validation)(best) == pytest.approx(0.0, abs=1e-12)


# Derivatives


def circle_and_line(a, b):
    return root(lambda x, a, b: [x[0] ** 2 + x[1] - a, x[0] * x[1] - b], [1.0, 1.0], a, b)


FUNCTIONS = {
    "one": (anomaly, (0.3, 1.1)),
    "two": (lambda a, b: circle_and_line(a, b)[0] * circle_and_line(a, b)[1] ** 2, (3.5, 2.0)),
    "start that depends": (lambda a, b: root(lambda x, a, b: x**3 + a * x - b, a * b, a, b), (1.5, 2.0)),
    "same parameter twice": (lambda a, b: root(lambda x, p, q: x + p * exp(x * q), 0.1, a, a) * b, (0.3, 2.0)),
    "captured": (lambda a, b: root(lambda x: x * exp(x * b) - a, 0.5), (1.3, 0.4)),
    "captured and computed": (lambda a, b: root(lambda x, k=a * b, m=a + b: x**3 + k * x - m, 0.5), (1.3, 0.4)),
    "minimum": (lambda a, b: argmin(lambda x, a: (x - a) ** 4 + b * x**2 + ad.sin(x), 0.2, a), (1.3, 0.4)),
    "root in a root": (lambda a, b: root(lambda y, a: y - anomaly(0.2, y) + a * y, 0.5, a) + root(
        lambda y: y * anomaly(a, y) - b, 0.5), (0.3, 0.9)),
    "minimum of a root": (lambda a, b: argmin(lambda y: (anomaly(a, y) - b) ** 2 + y * y, 0.5), (0.3, 0.9)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "point"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_first_and_second_derivatives_are_those_of_differences(f, point):
    assert ad.gradcheck(f, *point)
    assert ad.gradcheck(f, *point, order=2)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "point"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_compiled_solutions_follow_their_parameters(f, point, backend):
    other = tuple(1.1 * x for x in point)
    program, slopes = compile(f, backend=backend), compile(hessian(f, argnums=(0, 1)), backend=backend)
    for at in (point, other, point):
        assert program(*at) == pytest.approx(f(*at), rel=1e-12)
        assert program.value_and_grad(*at) == pytest.approx(ad.value_and_grad(f)(*at), rel=1e-11)
        for found, wanted in zip(slopes(*at), hessian(f, argnums=(0, 1))(*at), strict=True):
            assert found == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("f", "point"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_solution_on_a_side_that_is_not_chosen_at_first_counts_where_it_is(f, point, backend):
    def chosen(a, b, c):
        return ad.where(c > 0.0, lambda: f(a, b), lambda: a * b)

    for transform in (grad, hessian, lambda f: lambda *p: ad.jvp(f, p, (1.0, 2.0, 0.0))):
        wanted = transform(chosen)
        program = compile(wanted, backend=backend)
        for c in (-1.0, 1.0, -1.0):
            assert program(*point, c) == pytest.approx(wanted(*point, c), rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("first", [3.0, 0.0])
def test_compiled_derivatives_choose_their_pivots_in_each_call(first, backend):
    equations = lambda x, p: [p * x[0] + x[1] - 1.0, x[0] + p * x[1] - 2.0, x[2] - p * x[0]]
    solution = lambda p: root(equations, [1.0] * 3, p)
    program = compile(jacobian(jacobian(solution)), backend=backend)
    for p in (first, 3.0, 1e-17, 0.0, 0.5):
        assert program(p) == pytest.approx(jacobian(jacobian(solution))(p), rel=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_solutions_are_found_in_a_batch(name):
    f, point = FUNCTIONS[name]
    first = [point[0] * k for k in (0.9, 1.0, 1.1, 1.2)]
    program = compile(f, batched="a" if name != "one" else "e")
    assert program.each(first, point[1]).tolist() == pytest.approx([f(a, point[1]) for a in first], rel=1e-12)
    value, slopes = program.value_and_grad(first, point[1])
    assert value == pytest.approx(np.mean([f(a, point[1]) for a in first]), rel=1e-12)
    assert list(slopes) == pytest.approx([grad(f)(a, point[1]) / 4 for a in first], rel=1e-11)


def test_captured_values_get_gradients_in_eager_and_compiled_code():
    w = Value(2.0)
    y = root(lambda x: x * x - w, 1.0)
    y.backward()
    assert w.grad == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-14)
    program = compile(lambda a: a * root(lambda x: x * x - w, 1.0))
    assert program(3.0) == pytest.approx(3.0 * math.sqrt(2.0), rel=1e-14)
    w.data = 9.0
    assert program(2.0) == pytest.approx(6.0, rel=1e-14)
    w.grad = 0.0
    program.backward(2.0)
    assert w.grad == pytest.approx(1.0 / 3.0, rel=1e-13)


def test_result_has_the_type_of_the_parameters():
    assert type(root(lambda x: x - 2.0, 1)) is float
    assert type(root(lambda x, k: x - k, 1.0, Value(2.0))) is Value
    assert type(root(lambda x, k: x - k, 1.0, Constant(2.0))) is Constant
    with ad.no_grad():
        assert root(lambda x, k: x - k, 1.0, Value(2.0)).parents == ()
    assert root(lambda x: x, []) == []


def test_derivative_does_not_go_through_the_solver():
    steps = []

    def f(x, a):
        steps.append(1)
        return x**3 - a

    ad.value_and_grad(lambda a: root(f, 100.0, a))(8.0)
    taken = len(steps)
    ad.value_and_grad(lambda a: root(f, 2.0, a))(8.0)
    assert taken > 10
    assert len(steps) - taken <= 7  # at the start, at three points beside it, at the solution, and for the derivative


SOLVERS = {
    "root": lambda g, x0: scipy.optimize.root(g, x0).x,
    "a result": scipy.optimize.root,
    "a result of another": scipy.optimize.least_squares,
    "a result for one number": lambda g, x0: SimpleNamespace(
        converged=True, root=scipy.optimize.fsolve(g, x0), flag="converged"
    ),  # as that of root_scalar
    "broyden": lambda g, x0: scipy.optimize.broyden1(g, x0),
    "lists": lambda g, x0: [float(x) for x in scipy.optimize.fsolve(lambda x: g(list(x)), x0)],
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_any_solver_finds_the_root(solver):
    def f(a):
        return root(lambda x, a: [x[0] ** 2 + x[1] - a, x[0] - x[1]], np.ones(2), a, solver=solver)

    exact = (math.sqrt(13.0) - 1.0) / 2.0
    assert f(3.0).tolist() == pytest.approx([exact, exact], rel=1e-14)
    for slopes in (jacobian(f), compile(jacobian(f))):
        assert slopes(3.0).tolist() == pytest.approx([1.0 / math.sqrt(13.0)] * 2, rel=1e-13)


def test_any_solver_finds_the_minimum():
    def bfgs(g, x0):
        return scipy.optimize.minimize(g, x0, method="BFGS").x

    rosenbrock = lambda x, a: (a - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
    for solver in (None, bfgs, scipy.optimize.minimize):
        point = lambda a: argmin(rosenbrock, np.array([-1.2, 1.0]), a, solver=solver)  # noqa: B023
        assert point(1.0).tolist() == pytest.approx([1.0, 1.0], rel=1e-13)
        assert jacobian(point)(1.0).tolist() == pytest.approx([1.0, 2.0], rel=1e-10)
    assert argmin(lambda w: (w[0] - 1.0) ** 2, [0.0], solver=scipy.optimize.minimize) == pytest.approx([1.0])
    assert argmin(lambda x: (x - 1.0) ** 2, 0.0, solver=scipy.optimize.minimize) == pytest.approx(1.0)
    assert root(lambda x: x * x - 2.0, 1.0, solver=scipy.optimize.root) == pytest.approx(math.sqrt(2.0), rel=1e-15)
    bracketed = root(lambda x, a: cos(x) - a * x, 0.0, 1.0, solver=lambda g, x0: scipy.optimize.brentq(g, 0.0, 2.0))
    assert bracketed == pytest.approx(0.7390851332151607, rel=1e-15)  # Dottie's number


def test_units_do_not_matter():
    for scale in (1e-150, 1e-20, 1.0, 1e20, 1e150):
        f = lambda x, scale=scale: [(x[0] / scale) ** 2 - 2.0, scale * (x[1] * 1e10 - 3.0)]
        assert root(f, [scale, 1.0]) == pytest.approx([math.sqrt(2.0) * scale, 3e-10], rel=1e-13)
        cubic = lambda x, scale=scale: x**3 - scale**3 if 1e-50 < scale < 1e50 else x - scale
        assert root(cubic, 1.7 * scale) == pytest.approx(scale, rel=1e-13)


def test_steps_beyond_the_domain_are_shortened():
    assert root(lambda x: log(x) + 2.0, 10.0) == pytest.approx(math.exp(-2.0), rel=1e-13)
    assert root(lambda x: ad.sqrt(x) - 0.1, 4.0) == pytest.approx(0.01, rel=1e-13)
    assert argmin(lambda x: x - log(x), 5.0) == pytest.approx(1.0, rel=1e-8)
    assert root(lambda x: ad.sin(x), 0.4) == pytest.approx(0.0, abs=1e-300)
    for size in (1, 2):  # a start at a solution of zeros is the solution
        assert root(lambda x: [3.0 * a for a in x], [0.0] * size) == [0.0] * size


def test_newton_step_to_where_the_residual_is_infinite_is_halved():
    f = lambda x, a: x**3 * 1e300 / (1.0 + x * x) - a
    assert root(f, 1e-3, 1e300) ** 3 == pytest.approx(1.0 + root(f, 1e-3, 1e300) ** 2)


def test_solution_is_the_same_after_more_others_than_are_kept(monkeypatch):
    monkeypatch.setattr(solution, "MOST_SOLUTIONS", 8)
    a = Value(2.0)
    x = root(lambda x, a: x * x - a, 1.0, a)
    program = compile(x * x * x, wrt=[a])
    points = [1.0 + n / 32.0 for n in range(40)]
    for _ in range(2):
        for number in points:
            value, (slope,) = program.value_and_grad([number])
            assert (value, slope) == pytest.approx((number**1.5, 1.5 * number**0.5), rel=1e-14)


@pytest.mark.parametrize(("n", "by_numpy"), [(40, True), (9, True), (8, False)])
def test_many_unknowns_are_solved_with_numpy(n, by_numpy, monkeypatch):
    solved = []
    monkeypatch.setattr(np.linalg, "solve", lambda *given, solve=np.linalg.solve: solved.append(0) or solve(*given))
    rng = np.random.default_rng(0)
    A = 0.3 * rng.normal(size=(n, n)) + 9.0 * np.eye(n)
    solution = lambda b: root(lambda x, b: A @ x + 0.1 * x**3 - b * np.arange(n), np.zeros(n), b)
    x = solution(1.0)
    assert A @ x + 0.1 * x**3 == pytest.approx(np.arange(n), abs=1e-12)
    assert bool(solved) == by_numpy
    wanted = np.linalg.inv(A + np.diag(0.3 * x**2)) @ np.arange(n)
    assert jacobian(solution)(1.0) == pytest.approx(wanted, rel=1e-11)


def test_minimum_that_is_not_convex_at_the_start_is_found():
    himmelblau = lambda x: (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2
    for start in (0.1, 0.3, 0.5, 1.0, 1.4, 1.5, 1.57, 2.0, 4.0, 6.0):  # downhill, from near an inflection too
        assert argmin(cos, start) == pytest.approx(math.pi, rel=1e-13)
        top = math.acos(-0.1)  # to the left of it f falls to the left
        found = argmin(lambda x: ad.sin(x) + x / 10.0, start)
        assert found == pytest.approx(-top if start < top else 2.0 * math.pi - top, rel=1e-13)
    data = [(0.1 * t, math.sin(0.13 * t + 0.4)) for t in range(30)]
    phase = lambda p: ad.fsum([(ad.sin(1.3 * t + p) - y) ** 2 for t, y in data])
    assert [argmin(phase, start) for start in (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)] == pytest.approx([0.4] * 6)
    assert argmin(himmelblau, [2.0, 1.0]) == pytest.approx([3.0, 2.0], rel=1e-13)  # D. Himmelblau, 1972
    saddle = lambda x: x[0] ** 2 + 4.0 * x[0] * x[1] + x[1] ** 2 + x[0] ** 4 + x[1] ** 4  # convex along each axis
    assert argmin(saddle, [0.1, 0.1]) == pytest.approx([-math.sqrt(0.5), math.sqrt(0.5)], rel=1e-13)
    wells = lambda x: sum(ad.log1p((a - k) ** 2) for k, a in enumerate(x))
    assert argmin(wells, [0.1, 3.0, 1.0]) == pytest.approx([0.0, 1.0, 2.0], abs=1e-12)


@pytest.mark.parametrize("start", [1.5, 3.0, 5.0, 10.5, 11.8])
def test_minimum_is_not_looked_for_beyond_a_pole(start):
    assert argmin(lambda x: x + 1.0 / x, start) == pytest.approx(1.0, rel=1e-8)
    assert argmin(lambda x: x * x + 1.0 / x, start) == pytest.approx(0.5 ** (1 / 3), rel=1e-8)


@pytest.mark.parametrize("start", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(
    "xs", [[0, 1, 2, 3], [0.1 * i for i in range(10)], [0, 0.5, 1.5, 2.5], [-2, -1, 0, 1, 2], [1, 2, 3]]
)
def test_unknown_that_is_0_beside_others_is_found(xs, start):
    """Lines through the origin: what is left of the intercept is lost beside the slope in all sums but one."""
    for slope in (2.0, 3.0, 0.7, -1.1):
        residuals = lambda v: [v[0] * x + v[1] - slope * x for x in xs]  # noqa: B023
        normal = lambda v: [ad.fsum([r * x for r, x in zip(residuals(v), xs)]), ad.fsum(residuals(v))]  # noqa: B023
        squares = lambda v: sum(r**2 for r in residuals(v))  # noqa: B023
        for found in (argmin(squares, [start, start]), root(normal, [start, -start])):
            assert found == pytest.approx([slope, 0.0], rel=1e-12, abs=1e-13)


SMALL = {  # functions of an unknown of 1e-12 that are 0 at 1e-12, beside an equation of one of 1e5
    "linear": lambda u: u - 1.0, "square": lambda u: u * u - 1.0, "exponential": lambda u: ad.exp(u) - math.e,
    "sine": lambda u: ad.sin(u) - math.sin(1.0), "logarithm": lambda u: u + log(u) - 1.0,
}  # fmt: skip


@pytest.mark.parametrize("start", [0.7, 0.8038, 1.4])
@pytest.mark.parametrize("name", SMALL)
def test_unknown_that_is_small_beside_others_is_found_with_its_derivative(name, start):
    def solution(scale):
        system = lambda v: [v[0] / 1e5 - 1.0, SMALL[name](v[1] / 1e-12 / scale)]
        return root(system, [1e5, start * 1e-12])[1]

    assert solution(1.0) == pytest.approx(1e-12, rel=1e-9)
    assert grad(solution)(1.0) == pytest.approx(1e-12, rel=1e-9)
    least = argmin(lambda v: (v[0] / 1e5 - 1.0) ** 2 + log(v[1] / 1e-12) ** 2, [1.2e5, start * 1e-12])
    assert least == pytest.approx([1e5, 1e-12], rel=1e-9)


BENT = {  # functions of y that are 0 at the second one's number, of which Newton steps leave a part for long
    "exp": (lambda y, t: exp(y) - t, math.log, (1e-12, 3e-11, 1e-9, 0.2, 7.3, 239.0)),
    "log": (lambda y, t: log(y) - t, math.exp, (-0.9, 0.3, 1.1, 2.0)),
    "inverse": (lambda y, t: 1.0 / y - t, lambda t: 1.0 / t, (0.07, 0.4, 0.8, 1.6)),
    "tanh": (lambda y, t: ad.tanh(y) - t, math.atanh, (0.1, 0.5, 0.76)),
    "power": (lambda y, t: y**7 - t, lambda t: t ** (1 / 7), (1e-9, 0.3, 5.0)),
}


@pytest.mark.sample(4)
@pytest.mark.parametrize("scale", [1.0, 1e-12])
@pytest.mark.parametrize("offset", [1.0, 1e3, 1e5, 1.7e9, 1e14])
@pytest.mark.parametrize("name", BENT)
def test_residuals_that_still_shrink_are_not_rounding_beside_a_large_unknown(name, offset, scale):
    f, inverse, targets = BENT[name]
    for t in targets if scale == 1.0 else targets[1:]:
        bent = lambda v: (v[0] - offset) + scale * f(v[1], t)  # noqa: B023
        for start in (0.5, 1.0):
            for system in (lambda v: [v[0] - offset, bent(v)], lambda v: [bent(v), v[0] - offset]):  # noqa: B023
                x, y = root(system, [offset, start])
                assert (x, y) == pytest.approx((offset, inverse(t)), rel=1e-9), (t, start)


@pytest.mark.sample(4)
@pytest.mark.parametrize("unit", [1e-15, 1e-20, 1e-25, 1e-30])
@pytest.mark.parametrize("large", [lambda u: u * u - 2.0, lambda u: ad.sin(u) - 0.5, lambda u: 3.0 * u - 1.0])
@pytest.mark.parametrize("name", BENT)
def test_unknown_that_is_many_powers_of_ten_smaller_is_solved_to_the_end(name, large, unit):
    f, inverse, targets = BENT[name]
    for t in targets:
        for start in (0.5, 1.0):
            for order in (1, -1):
                system = lambda v: [large(v[0]), f(v[1] / unit, t)][::order]  # noqa: B023
                y = root(system, [0.8, start * unit])[1]
                assert y / unit == pytest.approx(inverse(t), rel=1e-9), (t, start)


def test_minimum_at_0_beside_others_is_found_from_everywhere():
    def goldstein_price(v):  # A. Goldstein and J. Price, 1971
        a, b = v
        one = 19.0 - 14.0 * a + 3.0 * a**2 - 14.0 * b + 6.0 * a * b + 3.0 * b**2
        other = 18.0 - 32.0 * a + 12.0 * a**2 + 48.0 * b - 36.0 * a * b + 27.0 * b**2
        return (1.0 + (a + b + 1.0) ** 2 * one) * (30.0 + (2.0 * a - 3.0 * b) ** 2 * other)

    for start in ([0.5, -0.5], [0.1, -0.9], [0.0, -0.8], [-0.3, -1.2]):
        for solver in (None, scipy.optimize.minimize):
            assert argmin(goldstein_price, start, solver=solver) == pytest.approx([0.0, -1.0], abs=1e-12)


# What fails

SINGULAR = "root found the Jacobian to be singular"
NOT_FINITE = [[math.inf, 1.0], [1.0, -math.inf]]
NOT_FOUND = [  # by root, or by argmin, from the start
    (root, lambda x: exp(x), 1.0, "root did not converge in 100 Newton steps; it came to x = .*, where the resid"),
    (root, lambda x: x * 0.0 + 1.0, 1.0, rf"{SINGULAR} at x = 1\.0, where the solut"),
    (root, lambda x: [x[0] + x[1], x[0] + x[1]], [1.0, 2.0], rf"{SINGULAR} at x = \[1\.0, 2\.0\]"),
    (root, lambda x: [x[0] + x[1] - 1.0] * 12 + x[:2], [1.0] * 14, SINGULAR),
    (root, lambda x: [x[0] - 1.0, 0.0], [0.0, 0.0], SINGULAR),
    (root, lambda x: [sum(x) - 1.0] * 2, [0.0] * 2, SINGULAR),  # by hand
    (root, lambda x: [sum(x) - 1.0] * 9, [0.0] * 9, SINGULAR),  # by NumPy
    (root, lambda x: x * x, 0.0, SINGULAR),  # at a start that is a solution
    (root, lambda x: x - x, 3.0, SINGULAR),
    (root, lambda x: [x[0] - x[1]] * 2, [1.0, 1.0], SINGULAR),
    (argmin, lambda x: (x - 1.0) ** 4, 1.0, "argmin found the Hessian to be singular"),
    (argmin, lambda x: x * x * x * x * math.nan, 1.0, "argmin did not converge .* gradient nan"),
    (argmin, lambda x: x * x * x * x * math.inf, 1e100, "argmin did not converge .* gradient (nan|inf)"),
    (argmin, lambda x: x, 1.0, "argmin did not converge in 100 Newton steps; .* does f have a minimum"),
    (argmin, lambda x: -x * x, 0.0, r"came to x = 0\.0, where the gradient is 0 but the Hessian \[-2\.0\] is not"),
    (argmin, lambda x: x[0] ** 2 - x[1] ** 2, [1.0, 0.0], "argmin did not converge in 100 Newton steps"),
    (argmin, lambda x: (x[0] + x[1]) ** 2, [1.0, 2.0], r"argmin found the Hessian to be singular"),
    *((root, lambda x: [(x[0] - 2.0) ** 2, x[1]], start, "root cannot start at x = ") for start in NOT_FINITE),
    *((argmin, lambda x: x[0] ** 2 + x[1], start, "argmin cannot start at x = ") for start in NOT_FINITE),
]


@pytest.mark.parametrize(("solve", "f", "start", "message"), NOT_FOUND)
def test_root_that_is_not_found_is_an_error(solve, f, start, message):
    with pytest.raises(ConvergenceError, match=message):
        solve(f, start)
    with pytest.raises(ConvergenceError, match=message):
        grad(lambda k: sum(np.ravel(solve(lambda x, k: f(x), start, k))))(1.0)


MULTIPLE = {  # roots or minimum points at c, or nearly, but for rounding
    "square": lambda x, c: (x - c) ** 2,
    "square, expanded": lambda x, c: x * x - 2.0 * c * x + c * c,
    "cube": lambda x, c: (x - c) ** 3,
    "cube, expanded": lambda x, c: x**3 - 3.0 * c * x * x + 3.0 * c * c * x - c**3,
    "fifth power": lambda x, c: (x - c) ** 5,
    "cosine": lambda x, c: 1.0 - cos(x - c),
    "tangent": lambda x, c: log(x / c) - (x - c) / c,
    "beside another": lambda x, c: (x - c) ** 2 * (x + 3.0),
    "that cancels": lambda x, c: (1e5 + (x - c) ** 2) - 1e5,
    "none": lambda x, c: (x - c) ** 2 + 1e-20,
}


@pytest.mark.parametrize("f", MULTIPLE.values(), ids=MULTIPLE)
def test_root_that_is_multiple_but_for_rounding_is_an_error(f):
    rng = random.Random(1)
    for c in (1.0, 1234.5):
        for start in (1.4 * c, 0.8 * c, c + 1e-3, c - 1e-7, c + rng.uniform(0, 1e-9)):
            with pytest.raises(ConvergenceError):
                root(f, start, c)
            with pytest.raises(ConvergenceError):  # of one unknown of two
                root(lambda x, c: [x[0] + x[1] - 2.0, f(0.5 * (x[0] - x[1]), c)], [1.0 + start, 1.0 - start], c)


FLAT = [lambda x, c: (x - c) ** 4, lambda x, c: (1.0 - cos(x - c)) ** 2, lambda x, c: (x * x - 2 * c * x + c * c) ** 2]


@pytest.mark.parametrize("f", FLAT)
def test_minimum_that_is_flat_but_for_rounding_is_an_error(f):
    for c in (1.0, 1234.5):
        for start in (1.4 * c, c - 1e-7):
            with pytest.raises(ConvergenceError):
                argmin(f, start, c)
            with pytest.raises(ConvergenceError):
                argmin(lambda x, c: (x[0] + x[1] - 2.0) ** 2 + f(x[0], c), [start, start], c)


SIMPLE = {  # functions that are steep, flat, bent or noisy, and systems; starts and roots
    **{f"apart by {d}": (lambda x, d=d: x * x - 2 * x + 1 - d * d, 2.0, 1 + d) for d in (1e-2, 1e-4, 1e-6, 3e-7)},
    **{f"a product, {d}": (lambda x, d=d: (x - 1.0) * (x - 1.0 - d), 0.5, 1.0) for d in (1e-4, 1e-8, 1e-12)},
    **{f"steep, {k}": (lambda x, k=k: ad.tanh(k * (x - 1.0)), 1.0 + 0.1 / k, 1.0) for k in (1e3, 1e9, 1e12)},
    "far waves": (lambda x: ad.sin(x), 3e8, 95492966 * math.pi),
    **{f"waves, {k}": (lambda x, k=k: ad.sin(k * x), 0.0, 0.0) for k in (1e-150, 1.0, 1e20, 1e150)},
    **{f"tiny, {k}": (lambda x, k=k: log(x) + k, 1.0, math.exp(-k)) for k in (36.0, 38.0, 50.0, 100.0)},
    "tiny, root": (lambda x: x**0.5 - 1e-9, 1.0, 1e-18),
    "tiny, log1p": (lambda x: ad.log1p(1e18 * x) - 1.0, 1.0, (math.e - 1.0) / 1e18),
    "nearly a cube": (lambda x: x**3 + 1e-12 * x, 1.0, 0.0),
    "marching": (lambda x: x**10 - 1.0, 1000.0, 1.0),
    "exponential": (lambda x: exp(x) - 1.0, 20.0, 0.0),
    "cancelling": (lambda x: exp(1.0 + x) - math.e, 1e-18, 0.0),
    "tail": (lambda x: ad.softplus(x) - 1e-200, -400.0, math.log(1e-200)),
    "resonance": (lambda x: 1.0 / (1e-8 + (x - 1.0) ** 2) - 1e7, 1.0001, 1.0 + 3e-4),
    "Wilkinson": (lambda x: math.prod([x - k for k in range(1, 15)]), 7.2, 7.0),
    **{f"kink from {start}": (lambda x: ad.leaky_relu(x), start, 0.0) for start in (1.0, -1.0)},
    "kink": (lambda x: abs(x - 1.0) + 2.0 * (x - 1.0), 4.0, 1.0),
    "plane": (lambda x: [x[0] + x[1] - 2.0, x[0] + (1.0 + 1e-12) * x[1] - 2.0], [5.0, 1.0], [2.0, 0.0]),
    "units": (lambda x: [x[0] - 1.0, 1e20 * (x[1] ** 2 - 9e-40) * 1e20], [2.0, 2e-20], [1.0, 3e-20]),
    "sphere": (lambda x: [x[0] ** 2 + x[1] ** 2 - 1.0, x[0] - x[1]], [3.0, 0.1], [math.sqrt(0.5)] * 2),
    "ring": (lambda x: [a**3 + b - 2.0 for a, b in zip(x, x[1:] + x[:1])], [1.4] * 6, [1.0] * 6),
    "many": (lambda x: [a**3 + b - 2.0 for a, b in zip(x, x[1:] + x[:1])], [1.4] * 12, [1.0] * 12),
}


@pytest.mark.parametrize(("f", "start", "x"), SIMPLE.values(), ids=SIMPLE)
def test_simple_root_is_found_also_from_itself(f, start, x):
    found, least = root(f, start), 0.0 if np.all(x) else 1e-15
    assert found == pytest.approx(x, rel=1e-8, abs=least)
    assert root(f, found) == pytest.approx(found, rel=1e-9, abs=least)


MISTAKES = [
    (lambda: root(lambda x: [x, x], 1.0), TypeError, "as many numbers as x has, number; <lambda> returned"),
    (lambda: root(lambda x: x[0], [1.0, 2.0]), TypeError, "as many numbers as x has"),
    (lambda: root(lambda x: x, "1"), TypeError, "root takes real numbers"),
    (lambda: root(lambda x, p: x, 1.0, "1"), TypeError, "parameter 0 of <lambda>"),
    (lambda: root(lambda x: log(x), -1.0), ValueError, "log is defined for x > 0"),
    (lambda: root(lambda x: x - 1.0, 1.0, max_steps=0), ValueError, "max_steps of root is 1 or more, got 0"),
    (lambda: root(lambda x: x, 1.0, max_steps=1.5), TypeError, "max_steps of root is a whole number, got float: 1.5"),
    (lambda: argmin(lambda x: x, 1.0, max_steps="5"), TypeError, "max_steps of argmin is a whole number, got str: '5'"),
    (lambda: argmin(lambda x: [x, x], 1.0), TypeError, "returns one number"),
    (lambda: solved_by(lambda g, x: math.nan), ConvergenceError, "got nan from the solver"),
    (lambda: solved_by(lambda g, x: [1.0, 2.0]), ConvergenceError, r"got \[1.0, 2.0\] from"),
    (lambda: solved_by(2.0), TypeError, "solver of root is a function of g and x0, got"),
]


def solved_by(solver):
    return root(lambda x: x - 1.0, 1.0, solver=solver)


def test_last_step_may_find_the_solution():
    assert root(lambda x: 2.0 * x - 3.0, 30.0, max_steps=1) == 1.5
    assert argmin(lambda x: (x - 3.0) ** 2, 30.0, max_steps=np.int64(1)) == 3.0
    with pytest.raises(ConvergenceError, match=r"in 1 Newton step; it came to x = 2\.5, where the residuals are 2"):
        root(lambda x: x * x - 4.0, 4.0, max_steps=1)


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES)
def test_errors_say_what_was_asked(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_solution_that_fails_in_a_compiled_program_is_an_error():
    program = compile(lambda a: root(lambda x, a: x * x - a, 1.0, a))
    assert program(4.0) == pytest.approx(2.0)
    with pytest.raises(ConvergenceError, match=r"root found the Jacobian to be singular|root did not converge"):
        program(-4.0)


# In the house


def square_equation(x, a):
    return x * x - a


def square_root(a):
    return root(square_equation, 1.0, a)


def test_graphs_and_programs_of_solutions_are_pickled():
    y = pickle.loads(pickle.dumps(square_root(Value(4.0))))
    assert ad.gradients(y, [y.parents[0]]) == pytest.approx([0.25])
    program = compile(square_root)
    program(4.0)
    assert pickle.loads(pickle.dumps(program)).value_and_grad(9.0) == pytest.approx((3.0, 1.0 / 6.0))


def test_graphs_of_solutions_have_no_cycles():
    assert leaves_no_cycle(lambda: grad(grad(lambda a: circle_and_line(a, 2.0)[0]))(3.5))
    assert leaves_no_cycle(lambda: hessian(lambda a: argmin(lambda x, a: (x - a) ** 2 + x**4, 0.0, a))(0.5))


def test_functions_may_branch_on_numbers_and_are_looked_at_apart():
    def f(x, a):
        return x * x - a if x.data > 0.0 else x - 1.0

    assert compile(lambda a: root(f, 3.0, a))(4.0) == pytest.approx(2.0)
    with ad.detect_anomaly():
        assert grad(lambda a: root(lambda x, a: log(x) - a, 8.0, a))(0.5) == pytest.approx(math.exp(0.5))
    guarded = lambda a: ad.where(a > 0.0, lambda: root(square_equation, 1.0, a), 0.0)
    assert compile(guarded)(4.0) == pytest.approx(2.0)
    assert compile(guarded)(-4.0) == 0.0


def test_equations_may_be_in_any_units_and_in_any_order():
    rows, right, units = [[0.0, 2.0, 1.0], [1.0, 0.0, 3.0], [2.0, 1.0, 0.0]], [7.0, 10.0, 4.0], [1e12, 1.0, 1e-12]
    for order in itertools.permutations(range(3)):
        f = lambda x, order=order: [units[i] * (sum(a * b for a, b in zip(rows[i], x)) - right[i]) for i in order]
        assert root(f, [0.0] * 3) == pytest.approx([1.0, 2.0, 3.0], rel=1e-12)


def test_equations_of_few_unknowns_are_solved_without_the_zeros_of_the_others():
    a, b, c, d, e = map(Value, (5.0, 1.0, 4.0, 1.0, 6.0))
    matrix = [[a, 0.0, 0.0], [b, c, 0.0], [0.0, d, e]]
    right = [[Value(1.0)], [Value(2.0)], [Value(3.0)]]
    found = [x for (x,) in newton.solved("root", matrix, right, [0.0] * 3)]
    wanted = np.linalg.solve([[5.0, 0.0, 0.0], [1.0, 4.0, 0.0], [0.0, 1.0, 6.0]], [1.0, 2.0, 3.0])
    assert [x.data for x in found] == pytest.approx(wanted.tolist(), rel=1e-15)
    assert not [x for x in topological_order(*found) if type(x) is Constant]


def test_graph_that_parameters_come_from_is_not_gone_through(monkeypatch):
    walked = []

    def noted(*nodes, **options):
        walked.append(len(found := topological_order(*nodes, **options)))
        return found

    p = x = Value(2.0)
    for _ in range(1000):
        p = 0.5 * p + 1.0
    monkeypatch.setattr(_linearization, "topological_order", noted)
    for found in (root(lambda x, p: x * x - p, 1.0, p), root(lambda x: x * x - p, 1.0)):
        found.backward()
        assert x.grad == 0.5**1000 / (2.0 * math.sqrt(2.0))
        x.grad = 0.0
    assert grad(lambda q: root(lambda x, q: x * x - q * p, 1.0, q))(1.0).data == pytest.approx(math.sqrt(0.5))
    assert max(walked) < 20


BY_PARAMETERS = ("one", "two", "start that depends", "same parameter twice")  # alone; a nan that f holds is not seen


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_solution_of_what_is_nan_is_nan_and_has_the_same_derivatives_eagerly_and_compiled(name, backend):
    f, point = FUNCTIONS[name]
    each = [f, *[of(f, argnums=(0, 1)) for of in (value_and_grad, hessian)]]
    programs, fresh = [[compile(g, backend=backend) for g in each] for _ in range(2)]
    assert [program(*point) for program in programs]  # traced at numbers; the others are at nan
    for at in ((math.nan, point[1]), (point[0], math.nan)):
        assert math.isnan(f(*map(Value, at)).data)
        wanted = [math.nan, *[g(*at) for g in each[1:]]]
        assert name not in BY_PARAMETERS or math.isnan(f(*at))
        for compiled in (programs, fresh):
            for program, numbers in zip(compiled, wanted, strict=True):
                assert flatten(program(*at))[0] == pytest.approx(flatten(numbers)[0], rel=1e-9, nan_ok=True)


def test_nan_among_plain_numbers_makes_the_solution_nan_whatever_its_structure():
    line = lambda start, a: root(lambda z, a: {"x": z["x"] * a - 1.0, "y": z["x"] - z["y"]}, start, a)
    for start, a in (({"x": 0.0, "y": 0.0}, math.nan), ({"x": 0.0, "y": math.nan}, 2.0)):
        assert repr(line(start, a)) == "{'x': nan, 'y': nan}"
        assert repr(jacobian(lambda k, start=start, a=a: line(start, k * a))(1.0)) == "{'x': nan, 'y': nan}"
    assert math.isnan(argmin(lambda x, k: (x - k) ** 2, 0.0, math.nan, solver=lambda g, x: pytest.fail("was called")))
    with pytest.raises(ValueError, match="has no power series"):
        ad.taylor(lambda k: root(lambda x, k: x * x - k, 1.0, k), math.nan, 2)


def test_untaken_side_may_read_numbers():
    p = Value(2.0)
    root(lambda x: ad.where(x > 0.0, lambda: x * x - p, lambda: x * float(x) - p), 1.0).backward()
    assert p.grad == pytest.approx(0.5 / math.sqrt(2.0), rel=1e-15)
