"""Taylor mode: coefficients of power series against mpmath's, for every row, to order 20, or with `--whole` 30."""

import functools
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from mpmath import mp

import autograd as ad
from autograd import Value, compile, exp, grad, gradients, operation, relu, sin, sqrt, tanh, taylor, taylor_ode
from autograd.functions.taylor import _Expansion
from autograd.rules.operation import NAry
from autograd.testing import every_operation, expressions
from tests.collector import leaves_no_cycle
from tests.hypothesis_profiles import max_examples
from tests.oracle import defined, exact, is_slow, rounding

ORDER = 30
POINTS = [0.3, 1.7, -0.4]
FIXED = [row for row in every_operation() if not isinstance(row, NAry)]


def lines(row):
    """Two points of the row's domain, with the direction in which the operands move."""
    found = []
    for start in POINTS:
        operands = [start, 0.6, 1.0][: len(row.partials)]
        if defined(row, operands):
            found.append((operands, [1.0, 0.5, 0.0][: len(row.partials)]))
    return found[:2]


def close(found, wanted):
    """Whether coefficients agree as far as rounding in a recurrence goes, which grows as they do."""
    growth = max([1.0] + [float(mpmath.fabs(c)) ** (1 / k) for k, c in enumerate(wanted) if k > 2])
    largest = max(mpmath.fabs(c) / growth**k for k, c in enumerate(wanted))
    pairs = enumerate(zip(found, wanted, strict=True))
    return all(mpmath.fabs(f - w) <= 1e-13 * growth**k * largest for k, (f, w) in pairs)


@pytest.mark.parametrize("row", FIXED, ids=lambda row: row.name)
def test_series_of_every_row_are_those_of_mpmath(row, whole):
    order = ORDER if whole else 12 if is_slow(row) else 20
    tested = 0
    for operands, direction in lines(row):
        found = taylor(lambda t: row(*[x + d * t for x, d in zip(operands, direction)]), 0.0, order)  # noqa: B023
        with mp.workdps(25):
            along = lambda t: exact(row, [x + d * t for x, d in zip(operands, direction)])  # noqa: B023
            wanted = mpmath.taylor(along, mp.mpf(0), order)
            assert close(found, wanted), (operands, found, wanted)
        tested += 1
    assert tested >= 1


SEVERAL = {
    "dot": lambda t: ad.dot([t, 2.0 * t, 1.0], [sin(t), 3.0, t]), "mean": lambda t: ad.mean([t * t, exp(t), 1.0]),
    "logsumexp": lambda t: ad.logsumexp([t, t * t, 1.0]), "softmax": lambda t: ad.softmax([t, 2.0 * t, 1.0])[0],
    "same operand twice": lambda t: t * t + sin(t) * sin(t), "choice": lambda t: ad.where(t > 0.0, lambda: sqrt(t), t),
    "kink": lambda t: relu(t - 0.3) + ad.abs(0.3 - t) + ad.maximum(t, 0.3) ** 2,
    "inner derivative": lambda t: grad(lambda s: s**3 * t)(t),
    "several results": lambda t: {"a": [t**2, 1.0], "b": np.array([exp(t), t], dtype=object)},
}  # fmt: skip


def nested(f, x, order):
    """The coefficients by derivatives of derivatives, flat."""
    found = []
    for step in range(order + 1):
        numbers = f(x)
        found.append(flat(numbers, math.factorial(step)))
        f = functools.partial(grad_of_each, f)
    return found


def grad_of_each(f, t):
    return [grad(lambda s, i=i: flat(f(s))[i] + 0.0 * s)(t) for i in range(len(flat(f(t))))]


def flat(thing, factor=1):
    if isinstance(thing, dict):
        thing = list(thing.values())
    return [y for x in thing for y in flat(x, factor)] if isinstance(thing, (list, np.ndarray)) else [thing / factor]


@pytest.mark.parametrize("name", SEVERAL)
def test_coefficients_are_the_derivatives_of_nested_grad(name):
    f = SEVERAL[name]
    found = taylor(f, 0.3, 3)
    for ours, theirs in zip(map(flat, found), nested(f, 0.3, 3), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("backend", ["python", "numpy"])
@pytest.mark.parametrize("name", [name for name in SEVERAL if name != "several results"])
def test_series_are_compiled_and_differentiated(name, backend):
    f = SEVERAL[name]
    program = compile(lambda x: taylor(f, x, 4), backend=backend)
    for x in (0.45, 0.9, 2.0):
        assert program(x) == pytest.approx(taylor(f, x, 4), rel=1e-12, abs=1e-15)
        slopes = [grad(lambda x, k=k: taylor(f, x, 4)[k] + 0.0 * x)(x) for k in range(4)]
        wanted = [(k + 1) * c for k, c in enumerate(taylor(f, x, 4)[1:])]
        assert slopes == pytest.approx(wanted, rel=1e-11, abs=1e-12)


def test_coefficients_are_values_where_f_uses_values_or_x_is_one():
    w = Value(2.0)
    found = taylor(lambda t: exp(w * t), 0.5, 3)
    found[3].backward()  # w ** 3 e^(w / 2) / 6
    assert w.grad == pytest.approx((12.0 + 8.0 * 0.5) * math.e / 6.0, rel=1e-14)
    x = Value(0.5)
    assert all(isinstance(c, Value) for c in taylor(lambda t: [t, 1.0], x, 2)[1])
    with ad.no_grad():
        assert [type(c) for c in taylor(lambda t: t * t, x, 3)] == [ad.Constant] * 4
    assert ad.gradcheck(lambda x: taylor(tanh, x, 5)[5], 0.7, order=2)


def test_own_operations_have_series_too():
    lens = operation("lens", lambda x: math.exp(-x * x), lambda y, x: -2.0 * x * y)
    with mp.workdps(30):
        assert close(taylor(lens, 0.4, ORDER), mpmath.taylor(lambda x: mpmath.exp(-x * x), mp.mpf(0.4), ORDER))
    floats_only = operation("floats only", math.sin, lambda y, x: math.cos(x))
    with pytest.raises(TypeError, match="a power series is not a plain float; write a formula with the functions of"):
        taylor(floats_only, 0.4, 2)


def test_partials_are_computed_once_whatever_the_order():
    made = []
    lens = operation("lens", lambda x: math.tanh(x), lambda y, x: made.append(1) or 1.0 - y * y)
    for order in (5, 10, 40):
        made.clear()
        taylor(lambda t: lens(lens(t)), 0.3, order)
        assert len(made) == 2


def test_power_series_leave_no_cycles():
    assert leaves_no_cycle(lambda: taylor(lambda t: tanh(t) ** 0.3, 0.5, 10))
    assert leaves_no_cycle(lambda: taylor_ode(lambda x: [x[1], -sin(x[0])], [0.5, 0.0], 10))


@pytest.mark.parametrize(
    ("f", "x", "order", "error", "message"),
    [
        (sqrt, 0.0, 2, ValueError, "coefficient of order 1 at 0.0 to be inf: the function has no power series there"),
        (lambda x: 1.0 / x, 1e-200, 3, ValueError, "coefficient of order 1 at 1e-200 to be -inf"),
        (ad.log, -1.0, 2, ValueError, "log is defined for x > 0"),
        (sin, 0.5, -1, ValueError, "the order of taylor is 0 or more, got -1"),
        (sin, 0.5, 2.0, TypeError, "the order of taylor is a whole number, got float: 2.0"),
        (sin, 0.5, np.array([2]), TypeError, "the order of taylor is a whole number, got ndarray"),
        (sin, 0.5, True, TypeError, "the order of taylor is a whole number, got bool: True"),
        (sin, "0.5", 2, TypeError, "taylor takes real numbers, .*argument 0 of sin is of type str"),
        (lambda x: x[0], [0.5, 1.0], 2, TypeError, "taylor takes a function of one number, got .*give a path of one"),
    ],
)
def test_errors_say_what_was_asked_and_what_to_do(f, x, order, error, message):
    with pytest.raises(error, match=message):
        taylor(f, x, order)


def test_order_and_point_may_be_numpy_scalars():
    assert taylor(sin, np.float64(0.5), np.int64(2)) == taylor(sin, 0.5, 2)
    assert taylor(sin, np.array(0.5), 0)[0] == math.sin(0.5)


# Differential equations

EQUATIONS = {  # f, the start, and the solution at t
    "growth": (lambda x: x, 1.0, lambda t: mpmath.exp(t)),
    "logistic": (lambda x: x * (1.0 - x), 0.25, lambda t: 1 / (1 + 3 * mpmath.exp(-t))),
    "blow-up": (lambda x: x**2, 1.0, lambda t: 1 / (1 - t)),
    "time": (lambda x: [x[1] * x[0], 1.0], [1.0, 0.0], lambda t: mpmath.exp(t**2 / 2)),
    "circle": (lambda x: {"p": -x["q"], "q": x["p"]}, {"p": 1.0, "q": 0.0}, lambda t: mpmath.cos(t)),
    "another order": (lambda x: {"q": x["p"], "p": -x["q"]}, {"p": 1.0, "q": 0.0}, lambda t: mpmath.cos(t)),
    "within": (lambda x: ({"q": [x[0]["p"]], "p": -x[0]["q"][0]},), [{"p": 1.0, "q": [0.0]}], lambda t: mpmath.cos(t)),
    "resting": (lambda x: 0.0, 2.0, lambda t: mp.mpf(2)),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_series_of_a_differential_equation_is_that_of_its_solution(name):
    f, start, solution = EQUATIONS[name]
    found = [flat(c)[0] for c in taylor_ode(f, start, ORDER)]
    with mp.workdps(30):
        assert close(found, mpmath.taylor(solution, 0, ORDER))
    assert type(taylor_ode(f, start, 1)[1]) is type(start)


def test_solution_of_a_differential_equation_is_differentiated_by_its_start_and_parameters():
    def end(rate, start):
        return sum(c * 0.5**k for k, c in enumerate(taylor_ode(lambda x: rate * x, start, 20)))

    value, slope = ad.value_and_grad(end)(0.8, 1.5)
    assert (value, slope) == pytest.approx((1.5 * math.exp(0.4), 0.75 * math.exp(0.4)), rel=1e-14)
    assert grad(end, argnums=1)(0.8, 1.5) == pytest.approx(math.exp(0.4), rel=1e-14)
    assert compile(grad(end))(0.8, 1.5) == pytest.approx(slope, rel=1e-13)
    assert ad.hessian(end)(0.8, 1.5) == pytest.approx(0.375 * math.exp(0.4), rel=1e-13)


def test_equation_gives_one_derivative_for_each_number():
    with pytest.raises(TypeError, match=r"returns the derivative of each number of x, .*<lambda> returned number"):
        taylor_ode(lambda x: x[0], [1.0, 2.0], 3)
    for wrong in (lambda x: {"v": x["v"], "y": x["x"]}, lambda x: [x["v"], -x["x"]], lambda x: {"x": [x["v"], x["x"]]}):
        with pytest.raises(TypeError, match=r"of each number of x, \{'x': number, 'v': number\}; <lambda> returned"):
            taylor_ode(wrong, {"x": 1.0, "v": 0.0}, 3)


@max_examples(150)
@given(expressions())
def test_random_expressions_have_the_derivatives_of_nested_grad(expression):
    def along(t):
        return expression(*[x + t for x in expression.inputs])

    t = Value(0.0)
    node, derivatives, sizes = along(t), [], []
    for _ in range(4):
        derivatives.append(node.data)
        sizes.append(rounding(node))
        (node,) = gradients(node, [t], create_graph=True)
    found = taylor(along, 0.0, 3)
    for k, (coefficient, derivative, size) in enumerate(zip(found, derivatives, sizes, strict=True)):
        error = math.fabs(coefficient * math.factorial(k) - derivative)
        assert error <= 20.0 * size + 1e-13 * math.fabs(derivative) + 1e-300


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_equation_is_expanded_as_far_as_it_is_asked(order, monkeypatch):
    steps = []
    extend = _Expansion.extend
    monkeypatch.setattr(_Expansion, "extend", lambda self, found: (steps.append(found), extend(self, found))[1])
    assert len(taylor_ode(lambda x: x * x, 1.0, order)) == order + 1
    assert len(steps) == max(0, order - 1)
