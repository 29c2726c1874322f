"""Choices in compiled programs: sides guard domains, what is not chosen hands nothing on, and none is kept to."""

import itertools
import math
import random

import numpy as np
import pytest

import autograd as ad
from autograd import TraceError, Value, asin, compile, exp, grad, gradients, hessian, hypot, log, sin, sqrt, tanh, where
from tests.autograd.compiler.beside_eager import eager

pytestmark = pytest.mark.usefixtures("backend")

GUARDED = [  # where a function is defined, and the function
    (lambda x: x > 0.0, log), (lambda x: x > 0.0, lambda x: 1.0 / sqrt(x)), (lambda x: x > 0.0, lambda x: x**0.5),
    (lambda x: abs(x) > 0.0, lambda x: 1.0 / x), (lambda x: x > 1.0, ad.acosh),
    (lambda x: abs(x) < 1.0, lambda x: asin(x) + ad.atanh(x)), (lambda x: x > -1.0, ad.log1p),
    (lambda x: x < 300.0, exp),
]  # fmt: skip
POINTS = list(itertools.product([-2.0, -1.0, 0.0, 0.5, 1.5], repeat=2))


def guarded_expression(rng, depth=3):
    """A random function of two numbers, with choices inside of choices, whose sides are functions or numbers."""
    kind = rng.choice(["sum", "product", "choice", "choice"]) if depth else "leaf"
    if kind == "leaf":
        i, scale = rng.randrange(2), rng.choice([1.0, -1.0, 2.0, 0.5])
        return lambda xs: scale * xs[i]
    a, b, c = (guarded_expression(rng, depth - 1) for _ in range(3))
    if kind == "choice":
        (defined, f), smooth = rng.choice(GUARDED), rng.choice([tanh, sin, lambda x: ad.maximum(x, 0.25)])
        if rng.random() < 0.5:
            return lambda xs: (lambda u: where(defined(u), lambda: f(u) * tanh(b(xs)), lambda: smooth(c(xs))))(a(xs))
        return lambda xs: (lambda u: where(defined(u), lambda: f(u), 0.75) + smooth(u))(a(xs))
    return (lambda xs: a(xs) + sin(b(xs))) if kind == "sum" else (lambda xs: a(xs) * tanh(b(xs)))


def derivative(f, position):
    return lambda xs: gradients(f(xs), [xs[position]], create_graph=True)[0]


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(20))
def test_random_guarded_expression_is_as_eager_to_order_three(seed):
    f = guarded_expression(random.Random(seed))
    for position in (0, 1, 0):
        wanted = [eager(f, xs) for xs in POINTS]
        plain, size = compile(f), 2 ** len(POINTS).bit_length()
        rows = np.array(POINTS + POINTS[:1] * (size - len(POINTS)))
        values = compile(lambda xs: f(xs), batched=["xs"]).each(rows)  # noqa: B023
        slopes = compile(lambda xs: f(xs) * float(size), batched=["xs"]).value_and_grad(rows)[1]  # noqa: B023
        for xs, numbers, value, gradient in zip(POINTS, wanted, values, slopes, strict=False):
            one, by_one = plain.value_and_grad(list(xs))
            scale = max(map(abs, numbers))
            for found in ([one, *by_one], [value, *gradient]):
                assert found == pytest.approx(numbers, rel=1e-11, abs=1e-13 * scale), xs
        f = derivative(f, position)


def test_listed_guard_is_right_at_every_side():
    f = compile(lambda x: where(x > 0.0, lambda: log(x), 0.0))
    assert [f.value_and_grad(x) for x in (2.0, -1.0, 0.0)] == [(math.log(2.0), 0.5), (0.0, 0.0), (0.0, 0.0)]


def test_side_that_is_chosen_keeps_its_error():
    f = compile(lambda x: where(x > 0.0, lambda: log(x), lambda: 1.0 / x))
    assert (f(1.0), f(-2.0)) == (0.0, -0.5)
    with pytest.raises(ZeroDivisionError, match="b != 0"):
        f(0.0)


# What is not chosen hands nothing on, whatever is computed from it

CORNERS = [[0.5, 2.0], [-0.5, 2.0], [0.5, -2.0], [-0.5, -2.0]]
OF_NUMBERS = [  # at the number that is chosen, the outer function has an infinite derivative, or none
    lambda p: sqrt(where(p[0] > 0.0, p[0], 0.0)) + p[1],
    lambda p: asin(where(p[0] > 0.0, p[0], 1.0)) * p[1],
    lambda p: where(p[0] < 0.0, 0.0, p[0] * p[0]) ** 0.5 * p[1],
    lambda p: hypot(where(p[0] > 0.0, p[0], 0.0), where(p[0] > 0.0, p[1], 0.0)),  # nan
]
OF_FUNCTIONS = [  # the side that is not chosen is not defined
    lambda p: exp(where(p[1] > 0.0, lambda: log(p[1]), lambda: p[0])),
    lambda p: where(p[1] > 0.0, lambda: log(p[1]) * p[0], p[0]) ** 2.0,
    lambda p: where(p[1] > 0.0, lambda: p[0] * p[1], lambda: log(1.0 + (p[1] - p[1]) * p[0])),
    lambda p: where(p[0] > 0.0, lambda: p[1], lambda: log((abs(p[1]) + 0.1) ** p[0])),
    lambda p: where(p[1] > 9.0, lambda: log(p[1] - p[1]), lambda: p[0] * p[1]),
    lambda p: p[0] * where(p[1] > 0.0, lambda: p[0] * where(p[0] > 0.0, lambda: log(p[0] * p[1]), p[1]), lambda: p[0]),
]


def test_side_that_is_not_chosen_gets_0_of_an_infinite_derivative_too():
    for f in OF_NUMBERS:  # as in PyTorch
        assert grad(f)([-0.5, 2.0])[0] == 0.0


@pytest.mark.parametrize("f", OF_NUMBERS + OF_FUNCTIONS)
def test_choices_are_compiled_as_they_are_computed_to_the_second_derivative(f):
    slopes, curvatures = compile(grad(f)), compile(hessian(f))
    batch, each = compile(f, batched="p"), compile(lambda p: hessian(f)(p), batched="p").each(CORNERS)
    for n, p in enumerate(CORNERS):
        assert slopes(p) == pytest.approx(grad(f)(p), rel=1e-12, nan_ok=True)
        assert batch.value_and_grad([p])[1][0] == pytest.approx(grad(f)(p), rel=1e-12, nan_ok=True)
        for i, wanted in enumerate(hessian(f)(p)):
            assert curvatures(p)[i] == pytest.approx(wanted, rel=1e-12, nan_ok=True)
            if f in OF_FUNCTIONS:  # all is finite beside a side that is not defined
                assert all(map(math.isfinite, [*wanted, *curvatures(p)[i], *(numbers[n] for numbers in each[i])]))


def test_choices_are_looked_at_by_detect_anomaly_as_numbers():
    f = OF_FUNCTIONS[1]
    with ad.detect_anomaly():
        assert hessian(lambda p: where(p[0] < p[1], p[0] * p[1], p[1]) ** 2.0)([0.5, 2.0]) == [[8.0, 4.0], [4.0, 0.5]]
        assert grad(f)([0.5, -2.0]) == [1.0, 0.0]


# A graph knows nothing of a condition that was a plain bool

MADE = {
    "numbers": lambda x: where(x > 0.0, x, -2.0 * x),
    "functions": lambda x: where(x > 0.0, lambda: x, lambda: -2.0 * x),
    "a bool of its data": lambda x: where(x.data > 0.0, x, 0.0),
    "inside of other operations": lambda x: exp(sin(where(x > 0.0, x, 1.0)) * 2.0),
    "after operations": lambda x: where(x > 0.0, tanh(x * x), 1.0),
}


@pytest.mark.parametrize("name", MADE)
def test_choice_that_was_made_when_the_graph_was_built_is_refused(name):
    x = Value(1.0, "x")
    for wrt in (None, [x]):
        with pytest.raises(TraceError, match=r"(?s)plain bool, such as that of x > 0.*compile\(f\).*wrt="):
            compile(MADE[name](x), wrt=wrt)
    if "data" not in name:
        compiled = compile(MADE[name])
        assert [compiled(at) for at in (1.0, -1.0)] == [MADE[name](Value(at)).data for at in (1.0, -1.0)]


def test_choice_that_no_leaf_of_wrt_may_change_is_part_of_the_graph():
    x, w = ad.Constant(1.0), Value(3.0)
    assert compile(w * where(x > 0.0, x, -x), wrt=[w]).value_and_grad([5.0])[0] == 5.0


FAILING = {  # of plain numbers and nodes that do not depend on what is chosen by
    "of one operand": lambda: log(Value(-1.0)),
    "of two operands": lambda: Value(1.0) / Value(0.0),
    "a power": lambda: Value(-1.0) ** Value(0.5),
    "of many operands": lambda: ad.fsum([Value(1e308), Value(1e308)]),
}


@pytest.mark.parametrize("name", FAILING)
def test_side_that_is_not_chosen_may_fail_while_it_is_traced(name):
    program = compile(lambda x: where(x > 0.0, lambda: FAILING[name]() * x, x * 2.0))
    assert program.value_and_grad(-1.0) == (-2.0, 2.0)


def test_condition_may_be_a_value_that_is_known():
    x = Value(3.0)
    for condition, wanted, slope in ((1.0, 6.0, 2.0), (0.0, 4.0, 0.0)):
        y = where(Value(condition), lambda: x * 2.0, lambda: 4.0) + 0.0 * x
        assert (y.data, gradients(y, [x])) == (wanted, [slope])
