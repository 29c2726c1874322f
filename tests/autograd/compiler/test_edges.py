"""Every row at its edges, compiled by every back end: values and derivatives to order 3 are the eager engine's."""

import itertools
import math
import warnings
from math import inf, nan

import numpy as np
import pytest

import autograd as ad
from autograd import Constant, Value, atan2, compile, grad, gradients, hessian, rules, where
from autograd.rules.operation import NAry
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import eager, function_of, is_close, outcome
from tests.autograd.engine.test_infinite_slopes import PLACES, is_moderate

pytestmark = pytest.mark.usefixtures("backend")

CORNERS = [0.0, -0.0, 1.0, -1.0, 2.0, -0.5, inf, -inf, nan, 5e-324, -5e-324, 1e-200, 40.0, -800.0, 1e200, -1e200]


def points(row):
    """Operands: the row's own edges, and all that corners make."""
    if isinstance(row, NAry):
        return [xs for n in (2, 4) for xs in itertools.product([-0.0, 2.0, inf, -inf, nan], repeat=n)]
    if row is rules.ieee_power:  # which lowers the exponent of a power that is defined, by a whole number
        return [(a, b, k) for a in CORNERS for b in CORNERS for k in (1.0, 2.0) if not a < 0.0 or b % 1.0 == 0.0]
    return [*row.edges, *itertools.product(CORNERS if row.arity < 3 else CORNERS[:8], repeat=row.arity)]


def derivative(f, position):
    return lambda xs: gradients(f(xs), [xs[position]], create_graph=True)[0]


def of_each_size(f, points):
    """Yield, for each number of operands, the points at which f is defined, each with the value and the gradient."""
    found = [(xs, outcome(eager, f, xs)) for xs in points]
    for size in {len(xs) for xs, _ in found}:
        yield [(xs, numbers) for xs, numbers in found if isinstance(numbers, list) and len(xs) == size]


def assert_as_eager(f, points):
    """Plain and in a batch, in value and in gradient; the mean of a power of two of examples is exact."""
    for cases in filter(None, of_each_size(f, points)):
        size = 2 ** len(cases).bit_length()
        rows = np.array([xs for xs, _ in cases] + [cases[0][0]] * (size - len(cases)))
        plain = compile(f)
        values = compile(lambda xs: f(xs), batched=["xs"]).each(rows).tolist()
        with np.errstate(invalid="ignore"):  # inf - inf, in the mean
            slopes = compile(lambda xs: f(xs) * float(size), batched=["xs"]).value_and_grad(rows)[1].tolist()  # noqa: B023
        for (xs, wanted), value, gradient in zip(cases, values, slopes, strict=False):
            one, by_one = plain.value_and_grad(list(xs))
            for found in ([one, *by_one], [value, *gradient]):
                assert all(map(is_close, found, wanted)), (xs, found, wanted)


@pytest.mark.sample(4)
@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_row_at_its_edges_is_as_eager_to_order_three(row, in_sample):
    for position in {0, (row.arity or 2) - 1}:
        f = function_of(row)
        for _ in range(3 if in_sample(3) else 1):
            assert_as_eager(f, points(row))
            f = derivative(f, position)


@pytest.mark.sample(6)
@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_graph_of_derivatives_has_those_of_other_numbers_too(row):
    f, built = function_of(row), 0
    for order in (1, 2):
        known = points(row)
        if row is rules.logsumexp:  # it keeps the place of the largest operand, which cancels where that is finite
            known = [xs for xs in known if all(map(math.isfinite, xs))]
        for of_size in of_each_size(f, known):
            for start, _ in of_size[:: 1 + len(of_size) // 4]:
                leaves = [Value(x) for x in start]
                derivatives = gradients(f(leaves), leaves, create_graph=True)
                try:
                    program = compile(derivatives, wrt=leaves)
                except ad.TraceError:  # a graph of a special case, such as 0 ** 0, is one of no other
                    continue
                built += 1
                for xs, (_, *wanted) in of_size[:: 1 + len(of_size) // 30]:
                    for leaf, x in zip(leaves, xs, strict=True):
                        leaf.data = x
                    program.forward()
                    numbers = [derivative.data for derivative in derivatives]
                    right = [is_close(*pair) for pair in zip(numbers, wanted, strict=True)]
                    # nor has a graph of the usual case the numbers of a special one, but none that is finite
                    assert all(right[i] or not math.isfinite(numbers[i]) for i in range(len(xs))), (order, start, xs)
        f = derivative(f, 0)
    assert built > 2


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("of", [ad.softmax, ad.log_softmax])
def test_probabilities_at_their_edges_are_as_eager(of, size):
    for place in {0, size - 1}:
        f = lambda xs, place=place: of(xs)[place]
        assert_as_eager(f, itertools.product([-0.0, 2.0, 1e308, inf, -inf, nan], repeat=size))


@pytest.mark.sample(8)
@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_row_beside_an_infinite_slope_is_as_eager(row):
    for place in PLACES:
        f = lambda xs, place=place: 1.0 * place(row, xs[: len(xs) // 2], xs[len(xs) // 2 :])
        assert_as_eager(f, [[*xs, *xs] for xs in points(row) if is_moderate(xs)])


SUMS = {rules.fsum, rules.mean, rules.dot}  # NumPy adds all terms up at once; beside a nan no result is looked at


@pytest.mark.sample(6)
@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_error_of_a_result_that_others_hide_is_raised(row, backend):
    def f(xs):
        return where(row.apply(xs) > 0.5, 2.0, 1.0) + 0.0 * xs[0]

    known = [(xs, outcome(eager, f, xs)) for xs in points(row)]
    for size in {len(xs) for xs, _ in known}:
        wrong = [(xs, error) for xs, error in known if isinstance(error, tuple) and len(xs) == size]
        fine = next(xs for xs, numbers in known if isinstance(numbers, list) and len(xs) == size)
        plain, each = compile(f), compile(lambda xs: f(xs), batched=["xs"]).each
        slope = compile(grad(lambda t, xs: t * t + row.apply(xs)))  # which uses no result of the row
        plain([*fine]), each(np.array([fine])), slope(1.0, [*fine])
        for xs, error in wrong:
            if not (row in SUMS and (backend == "numpy" or any(map(math.isnan, xs)))):
                found = outcome(plain, [*xs]), outcome(each, np.array([fine, xs, fine])), outcome(slope, 1.0, [*xs])
                assert found == (error,) * 3, xs


ONE_ZERO = [
    row for row in every_operation() if not isinstance(row, NAry)
]  # a sum begins with 0.0 or with its first term
EITHER_ZERO = {"numpy": [rules.maximum, rules.minimum, rules.clip]}  # of 0.0 and -0.0


@pytest.mark.parametrize("row", ONE_ZERO, ids=lambda row: row.name)
def test_zero_has_the_sign_of_the_eager_one(row, backend):
    found = [(xs, outcome(eager, row.apply, xs)) for xs in points(row)]
    cases = [(xs, numbers[0]) for xs, numbers in found if isinstance(numbers, list) and numbers[0] == 0.0]
    if cases and row not in EITHER_ZERO.get(backend, ()):
        rows, wanted = zip(*cases, strict=True)
        signs = np.copysign(1.0, compile(lambda xs: row.apply(xs), batched="xs").each(rows))
        assert [xs for xs, *pair in zip(rows, signs, np.copysign(1.0, wanted), strict=True) if pair[0] != pair[1]] == []


TWO_ZEROS = {  # functions of a number and a zero, which tell its sign
    "atan2": lambda x, k: atan2(k, x),
    "atan2 of a quotient": lambda x, k: atan2(k / x, -1.0),
    "a bound": lambda x, k: atan2(ad.clip(x, k, 5.0), -1.0),
    "a side": lambda x, k: atan2(where(x < 0.0, k, 1.0), x),
    "a factor": lambda x, k: atan2(-k * x, -1.0),
}


@pytest.mark.parametrize("f", TWO_ZEROS.values(), ids=TWO_ZEROS)
def test_both_zeros_may_be_literals_of_one_function(f):
    zeros, x = [0.0, -0.0, -0.0, 0.0] * 5, -2.0
    wanted = [f(x, k) for k in zeros]
    assert {round(number, 1) for number in wanted} == {3.1, -3.1}
    assert compile(lambda x: [f(x, k) for k in zeros])(x) == wanted
    assert compile(lambda xs: [f(x, k) for x, k in zip(xs, zeros)])([x] * len(zeros)) == wanted
    assert compile(lambda x: sum(f(x, k) * i for i, k in enumerate(zeros)), batched="x").each([x] * 3) == pytest.approx(
        [sum(number * i for i, number in enumerate(wanted))] * 3
    )


LISTED = {  # a function, where, and its Hessian
    "a power": (lambda p: p[0] ** p[1], [0.0, 2.0], [[2.0, 0.0], [0.0, 0.0]]),
    "powers": (lambda p: sum(p[0] ** Constant(float(k)) for k in range(4)), [0.0], [[2.0]]),
    "an angle": (lambda p: atan2(p[0], p[1]), [0.0, 0.0], [[0.0, 0.0], [0.0, 0.0]]),
}


@pytest.mark.parametrize("name", LISTED)
def test_listed_side_that_is_not_chosen_does_not_leak(name):
    f, at, wanted = LISTED[name]
    assert compile(hessian(f))(at) == hessian(f)(at) == wanted


def test_listed_edges_in_a_batch_are_as_eager():
    slopes = compile(lambda x: (-x) ** 0.5, batched="x").value_and_grad([0.0, -0.0])[1]
    assert slopes == [-inf, -inf]
    tiny = compile(lambda x: ad.hypot(x, x), batched="x").value_and_grad([5e-324])[1]
    assert tiny == pytest.approx([math.sqrt(2.0)], rel=1e-12)


@pytest.mark.parametrize("exponent", [-0.5, Constant(-0.5), Value(-0.5)])
def test_listed_power_of_minus_infinity_is_an_error(exponent):
    compiled = compile(lambda x: x**exponent, batched="x")
    assert compiled.each([4.0]) == 0.5
    with pytest.raises(ValueError, match=r"is defined for .*got .* = -inf"):
        compiled.each([4.0, -inf])


def test_finite_results_whose_sum_is_not_raise_no_warning():
    squares = compile(lambda x: x**2, batched="x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(squares.each([1.2e154] * 4)) == [1.2e154**2] * 4
        assert squares([1.2e154] * 4) == pytest.approx(1.2e154**2, rel=1e-15)
        assert squares.value_and_grad([1.2e154] * 4)[0] == pytest.approx(1.2e154**2, rel=1e-15)
