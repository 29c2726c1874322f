"""gradcheck accepts every rule of the table, and no rule that is wrong: the tests iterate the table and its mutants."""

import functools
import itertools
import math
import random
import re
import sys
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import autograd as ad
from autograd import GradientError, Value, cos, exp, fsum, grad, gradcheck, log, operation, relu, rules, sin, sqrt, tanh
from autograd.engine import modes
from autograd.rules.operation import NAry, Unary
from autograd.testing import every_operation
from nn import MLP
from tests.oracle import defined
from tests.threads import in_threads

Point = namedtuple("Point", "x y")
ROWS = every_operation()
UNARY = [row for row in ROWS if isinstance(row, Unary)]
FIXED = [row for row in ROWS if not isinstance(row, NAry)]
N_ARY = [row for row in ROWS if isinstance(row, NAry)]
POWERS = (rules.power, rules.ieee_power)  # with a negative base they are defined at whole exponents only
ids = {"ids": lambda row: row.name}


def points(row):
    """Well-scaled operands in the inside of the domain, away from kinks."""
    if row is rules.ieee_power:  # a ** (b - c), a partial derivative of a ** b, where c is always 1
        return [(0.6, 2.5, 1.0), (1.7, -1.3, 1.0)]
    arity = len(row.partials)
    if arity == 1:
        chosen = [(x,) for x in (-2.3, -0.8, -0.3, 0.4, 0.9, 1.4, 3.1)]
    elif arity == 2:
        chosen = list(itertools.product((-1.7, 0.6, 2.2), (-0.9, 1.3)))
    else:
        chosen = [(2.0, 0.6, -1.3), (-1.0, 0.6, 2.2)]
    return [operands for operands in chosen if defined(row, operands) and not (row in POWERS and operands[0] < 0)]


def mutant(row, i, change):
    """The row with another partial derivative by operand i, or by the last operand of an n-ary row."""
    if isinstance(row, NAry):

        def gradient(y, xs):
            derivatives = list(row.partials[0](y, xs))
            derivatives[i] = change(derivatives[i])
            return derivatives

        return NAry("mutant", row.forward, gradient, sequences=row.sequences, definition="mutant")
    partials = list(row.partials)
    right = partials[i]
    partials[i] = lambda y, *operands: change(right(y, *operands))
    if isinstance(row, Unary):
        return Unary("mutant", row.forward, *partials)
    return operation("mutant", row.forward, *partials)


MUTATIONS = {
    "wrong by 0.1 %": lambda derivative: derivative * 1.001, "of the wrong sign": lambda derivative: -derivative,
    "missing": lambda derivative: derivative * 0.0, "wrong by a constant": lambda derivative: derivative + 0.01,
}  # fmt: skip
WRONG_SINE = mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])


def number(x):
    return x.data if isinstance(x, Value) else x


def accepted(f, *args, order=1):
    try:
        return gradcheck(f, *args, order=order)
    except GradientError as error:
        error.add_note(f"at {args}, of order {order}")
        raise


def refused(message, f, *args, order=1):
    """The error of a check that fails; where no rule is to blame, it says so."""
    with pytest.raises(GradientError, match=message) as caught:
        gradcheck(f, *args, order=order)
    return caught.value


def contradicted(row, f, *args, order=1):
    error = refused(f"the rule of {row.name} is wrong", f, *args, order=order)
    assert error.rule is row
    assert not math.isclose(error.analytic, error.numeric, rel_tol=1e-6)
    assert math.isfinite(error.numeric)
    return error


# Right rules are accepted


@pytest.mark.sample(3)
@pytest.mark.parametrize("row", FIXED, **ids)
def test_rules_are_right_to_the_fifth_order_or_those_of_several_operands_to_the_third(row):
    assert points(row)
    for operands in points(row):
        if row is rules.ieee_power:
            assert gradcheck(lambda a, b: rules.ieee_power(a, b, 1.0), *operands[:2], order=3)
        else:
            assert gradcheck(row, *operands, order=5 if row in UNARY else 3) is True


@pytest.mark.parametrize("row", N_ARY, **ids)
def test_n_ary_rules_are_right_for_any_number_of_operands(row):
    for size in (1, 2, 3, 5):
        numbers = [0.3 * i - 0.8 for i in range(size * row.sequences)]
        sequences = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        assert accepted(row, *sequences, order=3 if len(numbers) < 5 else 2)
    assert gradcheck(row, *[[math.sin(3.0 * i + j) for i in range(50)] for j in range(row.sequences)])


def by_gradients(f, x):
    return ad.gradients(f(x), [x], create_graph=True)[0]


ARGUMENTS = [1e-3, -1e-3, 0.02, 30.0, -30.0, 1e3, -1e3]
# fmt: off
ACCEPTED = {  # the orders, and functions with their arguments
    "near an edge of the domain or a pole": ([1, 2, 3], [
        (log, 1e-3), (rules.log2, 1e-3), (rules.log10, 1e-3), (ad.log1p, -0.999), (ad.asin, 0.99), (ad.asin, -0.99),
        (rules.acos, 0.99), (rules.acosh, 1.01), (rules.atanh, 0.99), (sqrt, 0.01), (ad.cbrt, 0.01), (ad.cbrt, -0.01),
        (lambda x: 1 / x, 0.05), (lambda x: 1 / x, -0.05), (lambda x: 1 / x, 1e-3), (lambda x: x**-0.7, 0.01),
        (lambda x: x**0.5, 0.01), (ad.tan, 1.5), (ad.tan, -1.5), (log, 1e-6), (lambda x: log(1.0 - x), 0.999),
    ]),
    "small and large arguments": ([2], [(f, x) for x in ARGUMENTS for f in (
        sin, cos, ad.atan, rules.asinh, ad.cbrt, lambda x: x**2, lambda x: x**3, lambda x: x / 7.0, lambda x: 1.0 - x,
        relu, rules.abs, rules.leaky_relu, lambda x: sqrt(1.0 + x * x), lambda x: ad.hypot(x, 2.0),
    )]),
    "oscillating and steep functions": ([1, 2], [(f, 0.3) for f in (
        lambda x: sin(100.0 * x), lambda x: sin(1000.0 * x), lambda x: sin(1e4 * x), lambda x: sin(50.0 * x) * exp(-x),
        lambda x: cos(30.0 * x * x), lambda x: sin(1.0 / x), lambda x: tanh(200.0 * (x - 0.3)),
    )]),
    "compositions": ([3], [(f, 0.8, 1.7) for f in (
        lambda x, y: x * y / (x + y),
        lambda x, y: exp(sin(x) * y) - log(x * x + y * y),
        lambda x, y: ad.where(x > y, x * y, x - y),
        lambda x, y: ad.maximum(x, y) * ad.minimum(x, 3.0 * y),
        lambda x, y: sum(ad.softmax([x, y, x * y])[:2]),
        lambda x, y: ad.logsumexp([x, y, 1.0]) + ad.mean([x, x, y]) * ad.dot([x, y], [y, y]),
        lambda x, y: abs(x) ** y,
        lambda x, y: functools.reduce(lambda a, b: tanh(a + b), [x, y] * 10),
        lambda x, y: ad.erf(x) * ad.sigmoid(y) + ad.expm1(x) / ad.cbrt(y),
    )]),
    "arguments and results nested as one likes": ([1, 2], [
        (lambda p: p["w"][0] * p["w"][1] + sin(p["b"]), {"w": [2.0, 3.0], "b": 0.5}),
        (lambda p: {"a": p.x * p.y, "b": [p.x**2, (p.y,)]}, Point(2.0, 3.0)),
        (lambda p, q: (p["z"] * q[0], q[1]), OrderedDict(z=1.5), (2.0, 3.0)),
        (lambda A, v: A @ v, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -0.5])),
        (lambda v: np.tanh(v) * v[::-1], np.array([0.3, 0.7, -0.4])), (lambda v: np.sum(v * v), np.array([1.0, 2.0])),
        (lambda n: n * n, 3), (lambda x: x * 2.0, np.float64(1.5)), (lambda x: [[], {}, x], 2.0),
        (lambda x, unused: x, 2.0, [[], ()]), (lambda *xs: fsum(xs) ** 2, 1.0, 2.0, 3.0),
        (lambda x, scale=3.0: x * scale, 2.0), (lambda x: x * x, Value(2.0)),
    ]),
    "constant functions": ([3], [
        (lambda x, y, c=c: c, 2.0, 0.0) for c in (3.0, 0.0, -7, Value(3.0), 1e300, np.float64(2.0))
    ]),
    "no numbers": ([1, 2], [
        (lambda x: [], 2.0), (lambda x: {}, 2.0), (lambda x: [(), []], 2.0), (lambda: 3.0,), (lambda xs: 3.0, []),
        (lambda xs, p: xs, (), {}),
    ]),
    "derivatives of 0": ([1, 2, 3], [
        (cos, 0.0), (sin, math.pi / 2), (lambda x: x * x, 0.0), (lambda x: x**3, 0.0), (lambda x: (x - 1.0) ** 4, 1.0),
        (lambda x: x - x, 2.0), (lambda x: exp(-x * x), 0.0), (lambda x: 1e6 + x**2, 0.0), (relu, -1.0),
    ]),
    "slopes that drown in a huge offset": ([2], [
        (lambda x, a=a, b=b: a + b * sin(x), 0.7) for a in (1e3, -1e6, 1e12) for b in (0.0, 1e-12, 1e-4, 1.0)
    ]),
    "functions that differentiate": ([3], [(f, 0.7) for f in (
        lambda x: grad(lambda y: x * y * y)(x),
        lambda x: by_gradients(lambda y: y**3 * sin(y), x * 1.0),
        lambda x: grad(grad(lambda y: sin(x * y)))(x),
        lambda x: x * grad(lambda y: exp(x * y))(2.0),
        lambda x: ad.hessian(lambda v: v[0] ** 3 * v[1])([x, 2.0]),
        lambda x: ad.jvp(lambda y: sin(y) * x, (x,), (x,)),
        lambda x: ad.vjp(lambda y: [y * y, y * x], x)[1]([x, 1.0]),
        grad(lambda x: x**4),
    )]),
    "a narrow domain": ([1], [
        (lambda x: 1e308 * x * 1.7, 1.0), (lambda x: log(x * 1e300) + log(3.0 - x * 1e300), 1e-300),
    ]),
    "features narrower than the first step": ([1], [
        (lambda x: sin(32.0 * math.pi * x), 0.3), (lambda x: exp(-((500.0 * x) ** 2)), 1e-3),
        (lambda x: relu(x) * relu(0.02 - x), 5e-3), (lambda x: 1.0 / x, 1e-4), (lambda x: 1.0 / (x - 1.0), 1.0001),
        (lambda x: 1.0 / (x - 1000.0), 1000.5), (lambda x: exp(x) * sqrt(0.5 + cos(64.0 * math.pi * x)), 0.0),
        (ad.tan, 777.65), (sin, 1e6),
    ]),
    "derivatives of 0 that only rounding makes different": ([2, 3], [
        (lambda x, y: (y / x) / y, -0.54, 0.7), (lambda x: (1.0 / x) ** -1, 0.9), (lambda x: exp(log(x)), 0.9),
        (lambda x: x * x / x, 0.9), (lambda x: sqrt(x * x), 0.9), (lambda x: ad.logsumexp([x, x + 1.0, x + 2.0]), 0.9),
        (lambda x, y: sum(ad.softmax([x, y, 1.0])), 0.9, 0.3),
    ]),
    "a triple zero that rounding moves": ([1], [(lambda x: (x**3 - 2.02**3 * (1 + 2**-52)) ** 3, 2.02)]),
    "saturated activations": ([2], [
        (tanh, 11.0), (ad.sigmoid, 21.0), (rules.elu, -20.0), (tanh, -13.2), (tanh, 16.5),
    ]),
    "values that come from a subtraction": ([1, 2], [
        *[(lambda t, f=f: 1.0 - f(t), x) for f in (tanh, ad.sigmoid, ad.erf) for x in (3.0, 5.5, 7.7, 12.0, 24.0)],
        *[(lambda t: sin(2.0 * math.pi * t), x) for x in (659027.9757540118, 1e5, 123456.7, 2345678.9, 3e7)],
        *[(lambda v: fsum(a * a for a in v) / 3 - (fsum(v) / 3) ** 2, [x - 1, x - 0.4, x + 0.5]) for x in (10.0, 1e4)],
        *[(lambda t, c=c: (c + sin(t)) - c, x) for c in (1e4, 1e8, -1e12) for x in (0.3, 0.85, 2.0)],
        *[(lambda t: (1.0 - cos(t)) / (t * t), x) for x in (0.3, 1e-3, 8.3e-6)],
        *[(lambda b: sqrt(b * b - 4.0) - b, x) for x in (3.0, 1e4, 1e6)],
        *[(lambda t: exp(t) - 1.0, x) for x in (1e-3, 1e-9, 1e-17)],
    ]),
    "points far away": ([1, 2], [
        *[(ad.sinc, x) for x in (1e10, 2422578897.1058, -3e7)], (sin, 1e9), (lambda x: x % 1, 806770352.4127),
        *[(f, s * x) for f in (lambda t: 1.0 / t, ad.lgamma, ad.digamma, ad.trigamma) for s in (1, -1)
          for x in (1e-3, 1e-20, 1e-60)],
    ]),
    "kinks at which the chosen derivative is the mean of both slopes": ([1], [
        (rules.abs, 0.0), (ad.maximum, 1.0, 1.0), (ad.minimum, 2.0, 2.0),
    ]),
}
# fmt: on


@pytest.mark.parametrize(("orders", "cases"), ACCEPTED.values(), ids=ACCEPTED)
def test_right_derivatives_are_accepted(orders, cases):
    for f, *args in cases:
        for order in orders:
            assert accepted(f, *args, order=order) is True


def test_the_size_of_the_results_does_not_matter():
    for scale in (1e-300, 1e-100, 1e-9, 1e9, 1e100, 1e300):
        assert accepted(lambda x, scale=scale: scale * sin(x), 0.7, order=3)
        refused("the rule of mutant is wrong", lambda x, scale=scale: scale * WRONG_SINE(x), 0.7)


# Surroundings of every kind


def test_a_perceptron_is_accepted_by_its_inputs_and_its_parameters_gradients_stay():
    model = MLP(2, [4, 4, 1], "silu", seed=1)
    for i, parameter in enumerate(model.parameters()):
        parameter.grad = float(i)
    assert gradcheck(model, [0.3, -0.4], order=3)
    assert [parameter.grad for parameter in model.parameters()] == list(map(float, range(len(model.parameters()))))


def test_values_captured_by_the_function_are_constants_and_keep_their_gradients():
    w, x = Value(3.0, "w"), Value(2.0, "x")
    w.grad, x.grad = 5.0, 7.0
    y = w * w
    assert gradcheck(lambda x: y * sin(w * x), x, order=3)
    assert (w.grad, x.grad, y.grad) == (5.0, 7.0, 0.0)
    assert (w.data, x.data, y.parents) == (3.0, 2.0, (w, w))
    y.backward()  # no leaf has changed
    assert w.grad == 11.0


def test_arguments_stay_what_they_are():
    array, values = np.array([1.0, 2.0]), {"a": [3.0]}
    assert gradcheck(lambda v, p: v * p["a"][0], array, values)
    assert array.tolist() == [1.0, 2.0]
    assert values == {"a": [3.0]}


def test_random_numbers_are_not_drawn():
    random.seed(5)
    np.random.seed(5)
    state, numpy_state = random.getstate(), np.random.get_state()[1].tolist()
    assert gradcheck(lambda x: sin(x) * x, 0.7, order=3)
    refused("cut off", lambda x: x * x.detach(), 0.7)
    assert random.getstate() == state
    assert np.random.get_state()[1].tolist() == numpy_state


@pytest.mark.parametrize("block", [ad.no_grad, ad.detect_anomaly])
def test_nothing_depends_on_a_block_around(block):
    with block():
        assert gradcheck(lambda x: sin(x) * x, 1.0, order=3)
        refused("the rule of mutant is wrong", lambda x: WRONG_SINE(x) * x, 1.0)
        assert bool((Value(1.0) * 2).parents) == (block is ad.detect_anomaly)
    assert modes.blocks == 0


def test_blocks_are_closed_after_an_error_in_the_function():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gradcheck(f, 1.0)
    assert modes.blocks == 0
    assert (Value(1.0) * 2).parents


def test_threads_check_at_once():
    def check(f):
        try:
            return [gradcheck(f, 0.3 + 0.1 * i, order=2) for i in range(10)]
        except GradientError as error:
            return error.rule

    functions = [sin, lambda x: tanh(x) * x, lambda x: WRONG_SINE(x) * x]
    found = in_threads(*(functools.partial(check, f) for f in functions))
    assert found == [[True] * 10, [True] * 10, WRONG_SINE]


def evaluations(f, x, order=1):
    calls = []
    assert gradcheck(lambda x: calls.append(x) or f(x), x, order=order)
    return len(calls)


SIMPLE = [
    (sin, 1.0), (exp, 1.0), (tanh, 0.5), (ad.sigmoid, -1.0), (lambda x: x**3, 2.0), (lambda x: 3.0 * x, 1.0),
    (lambda x: Value(2.0), 1.0), (cos, 0.0), (sqrt, 0.01), (log, 1e-3), (lambda x: 1 / x, 0.05), (ad.tan, 1.5),
    (ad.asin, 0.99), (lambda x: sin(100.0 * x), 0.3), (sin, 1e3),
]  # fmt: skip


def test_smooth_functions_are_evaluated_about_thirty_times_at_most_for_an_argument_and_an_order():
    for (f, x), order in itertools.product(SIMPLE, [1, 2, 3]):
        assert 0 < evaluations(f, x, order) <= 6 + 30 * order
    assert evaluations(lambda xs: tanh(fsum(sin(x) for x in xs)), [0.1 * i for i in range(20)]) <= 30 * 20


# Wrong rules are not


@pytest.mark.parametrize("row", FIXED, **ids)
def test_a_wrong_partial_derivative_is_caught(row):
    arity = 2 if row is rules.ieee_power else len(row.partials)  # c of a ** (b - c) is a constant
    for i, (mutation, change), operands in itertools.product(range(arity), MUTATIONS.items(), points(row)):
        wrong = mutant(row, i, change)
        right = row.derivatives(row.evaluate(operands), operands)[i]
        if row is rules.ieee_power:
            f, varied = (lambda a, b, wrong=wrong: wrong(a, b, 1.0)), operands[:2]
        else:
            f, varied = wrong, operands
        if right == 0.0 and mutation != "wrong by a constant":
            assert accepted(f, *varied)  # not wrong here
        elif row is rules.ieee_power:
            refused("derivative", f, *varied)
        elif not math.isclose(change(right), right, rel_tol=1e-5):  # else it is of a derivative that is huge there
            error = contradicted(wrong, f, *varied)
            assert math.isclose(error.numeric, right, rel_tol=1e-7, abs_tol=1e-9), (i, mutation, operands)
            assert error.analytic == change(right), (i, mutation, operands)
            assert error.argument == wrong.arguments[i], (i, mutation, operands)


@pytest.mark.parametrize("row", N_ARY, **ids)
def test_a_wrong_entry_of_the_gradient_of_many_operands_is_caught(row):
    for size, change in itertools.product((1, 2, 25), MUTATIONS.values()):
        size *= row.sequences
        numbers = [math.sin(3.0 * i + 1.0) for i in range(size)]
        for i in {0, size // 2, size - 1}:
            wrong = mutant(row, i, change)
            contradicted(wrong, lambda xs, wrong=wrong: wrong.apply(xs), numbers)


@pytest.mark.parametrize("i", [0, 24, 49])
@pytest.mark.parametrize("sort", [list, tuple, np.array])
def test_one_wrong_derivative_among_fifty_is_named(i, sort):
    wrong = operation("wrong", lambda x: x * x, lambda y, x: 2.002 * x)
    f = lambda weights: fsum(wrong(w) if k == i else w * w for k, w in enumerate(weights))
    numbers = [1.0 + 0.1 * k for k in range(50)]
    error = contradicted(wrong, f, sort(numbers))
    assert error.argument == f"weights[{i}]"
    assert error.analytic == 2.002 * numbers[i]
    assert math.isclose(error.numeric, 2.0 * numbers[i], rel_tol=1e-8)


def second_derivatives(row, operands):
    """How the partial derivatives of a row change with its operands."""
    f = row if not isinstance(row, NAry) else lambda *xs: row.apply(xs)
    return ad.jacobian(ad.jacobian(lambda xs: f(*xs)))([*operands])


@pytest.mark.parametrize("row", [row for row in FIXED if row is not rules.ieee_power], **ids)
def test_a_derivative_that_is_right_but_cut_off_is_caught_at_the_second_order_only(row):
    for i in range(len(row.partials)):
        wrong = mutant(row, i, number)
        for operands in points(row):
            assert gradcheck(wrong, *operands)
            if any(second_derivatives(row, operands)[i]):
                error = contradicted(wrong, wrong, *operands, order=2)
                assert "the second derivative of mutant by" in str(error)
                assert error.argument.startswith(f"{wrong.arguments[i]} and ")
                assert error.analytic == 0.0


@pytest.mark.parametrize("row", N_ARY, **ids)
def test_a_gradient_of_many_operands_that_is_cut_off_is_caught_at_the_second_order_only(row):
    gradient = lambda y, xs: list(map(number, row.partials[0](number(y), list(map(number, xs)))))
    wrong = NAry("cut", row.forward, gradient, sequences=row.sequences, definition="cut")
    operands = [0.3, -0.4, 0.5, 0.9]
    f = lambda xs: wrong.apply(xs)
    assert gradcheck(f, operands)
    if any(any(rates) for rates in second_derivatives(row, operands)):
        contradicted(wrong, f, operands, order=2)
    else:
        assert gradcheck(f, operands, order=3)


@pytest.mark.parametrize(("order", "name"), [(2, "second"), (3, "third"), (4, "4th")])
def test_the_order_at_which_a_rule_is_wrong_is_named(order, name):
    def right_up_to(depth):  # exp, whose partial is itself right to this order
        inner = (lambda y, x: number(y)) if depth == 1 else (lambda y, x: right_up_to(depth - 1)(x))
        return operation(f"exp{depth}", math.exp, inner)

    f = right_up_to(order - 1)
    assert gradcheck(f, 0.5, order=order - 1)
    error = refused(f"{name} derivative of exp", f, 0.5, order=order + 1)
    assert (error.argument, error.analytic) == (" and ".join(["x"] * order), 0.0)
    assert math.isclose(error.numeric, math.exp(0.5), rel_tol=1e-9)
    assert error.rule is f


def test_a_wrong_rule_within_a_larger_graph_is_named_with_its_operands_and_both_values():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3.003 * x * x)

    def loss(p, k):
        return fsum(sin(v) * cube(v * k) for v in p["v"]) + tanh(k)

    error = contradicted(cube, loss, {"v": [1.0, 2.0, 4.0]}, 0.5)
    assert error.argument == "p['v'][0]"
    slope = math.cos(1.0) * 0.125 + math.sin(1.0) * 3 * 0.25 * 0.5
    assert math.isclose(error.numeric, slope, rel_tol=1e-8)
    assert math.isclose(error.analytic, slope + math.sin(1.0) * 0.003 * 0.25 * 0.5, rel_tol=1e-12)
    assert str(error) == (
        f"the derivative of loss by p['v'][0] is {error.analytic:.10g}, "
        f"but {error.numeric:.10g} by finite differences: "
        "the rule of cube is wrong, whose derivative at x = 0.5 by x is 0.75075, but 0.75 by finite differences"
    )


def square(name, slope):
    return operation(name, lambda x: x * x, slope)


def test_the_wrong_rule_is_named_whatever_stands_beside_it():
    first, second = square("first", lambda y, x: 2.1 * x), square("second", lambda y, x: 2.1 * x)
    assert contradicted(first, lambda x: second(first(sin(x))), 1.0).argument == "x"
    contradicted(first, lambda x, y: first(x) + relu(y), 1.0, 0.0)  # a kink in another part
    cut = square("cut", lambda y, x: 2.0 * number(x))
    contradicted(cut, lambda x: ad.maximum(x, x) + cut(x), 1.0, order=2)
    pole = lambda x: x**-30.0 / 1e30 + Value(1.0) / Value(1e-4) * 1e-4
    contradicted(WRONG_SINE, lambda x, y: pole(x) + WRONG_SINE(y), 0.5, 1.0)
    for nonsense in (math.nan, math.inf, -math.inf):
        wrong = square("wrong", lambda y, x, nonsense=nonsense: nonsense)
        error = refused("the rule of wrong is wrong", lambda x, wrong=wrong: 2.0 * wrong(x), 1.0)
        assert error.rule is wrong


def test_operands_of_several_and_of_many_are_named_in_the_message():
    wrong = operation("wrong", lambda a, b: a * b, lambda y, a, b: b, lambda y, a, b: 1.5 * a)
    refused(r"whose derivative at a = 2\.0, b = 3\.0 by b is 3, but 2 by finite diff", wrong, 2.0, 3.0)
    total = NAry("total", math.fsum, lambda y, xs: [1.0] * (len(xs) - 1) + [2.0], definition="sum")
    said = r"whose derivative at xs\[0\] = 1\.0, xs\[1\] = 2\.5 by xs\[1\] is 2, but 1 by finite differences"
    refused(said, lambda x, y: total([x, y]), 1.0, 2.5)


def test_derivatives_are_compared_to_a_relative_millionth():
    for factor, right in [(1.0 + 5e-7, True), (1.0 - 5e-7, True), (1.0 + 2e-6, False)]:
        slope = lambda y, x, factor=factor: 50.0 * factor * cos(x)
        almost = operation("almost", lambda x: 50.0 * math.sin(x), slope)
        assert gradcheck(almost, 0.01) if right else contradicted(almost, almost, 0.01)


FAR = [  # where a function is far larger a step away, or the number itself is far away
    *[(rules.exp, x) for x in (345.0, 600.0, 709.7, -700.0)],
    *[(rules.sinh, -400.0), (rules.cosh, 500.0), (rules.power_of.member(-30.0), 0.1), (rules.expm1, 350.0)],
    *[(ad.sinc, 1e10), (ad.lgamma, 1e-20), (ad.trigamma, 1e-60), (rules.negative, 1e12)],
]


@pytest.mark.parametrize(("row", "x"), FAR)
def test_a_wrong_rule_is_caught_far_away(row, x):
    for mutation in ("wrong by 0.1 %", "of the wrong sign"):
        wrong = mutant(row, 0, MUTATIONS[mutation])
        contradicted(wrong, wrong, x)


def test_a_wrong_slope_is_caught_beneath_an_offset_that_leaves_it_enough_digits():
    for offset, factor in [(1e6, 1.0), (1e5, 0.1), (1e3, 1e-3), (1e3, 1e-4)]:  # off by 5e-10 of the function or more
        contradicted(WRONG_SINE, lambda x, a=offset, b=factor: a + b * WRONG_SINE(x), 1.0)
    wrong = mutant(rules.logsumexp, -1, MUTATIONS["wrong by 0.1 %"])
    contradicted(wrong, lambda xs: wrong(xs), [12.0, 0.0])
    wrong = mutant(rules.hypot, 0, MUTATIONS["wrong by 0.1 %"])
    contradicted(wrong, wrong, 0.003, 240.0)
    wrong = mutant(rules.tanh, 0, MUTATIONS["wrong by 0.1 %"])
    contradicted(wrong, lambda x: 1.0 - wrong(x), 6.0)
    contradicted(WRONG_SINE, lambda x: WRONG_SINE(2.0 * math.pi * x), 659027.9757540118)
    contradicted(WRONG_SINE, lambda x: (1e8 + WRONG_SINE(x)) - 1e8, 0.3)


@pytest.mark.parametrize("zero", [lambda y, x: 0.0, lambda y, x: 0.0 * x])
def test_a_missing_derivative_of_a_feature_narrower_than_the_first_step_is_caught(zero):
    refused("the rule of wrong is wrong", Unary("wrong", lambda x: math.sin(32.0 * math.pi * x), zero), 0.3)


# What the error says where no rule is wrong


class Unsigned:
    """A function of which Python does not know the parameters."""

    __signature__ = "unknown"

    def __call__(self, x):
        return x.detach() * 2.0


CUT, KINK = "part of the function is cut off", "there is a kink at this point, where the slopes on the two"
UNSETTLED = "which do not settle: there is a pole, a jump or noise at this point"
WITHOUT_A_NAME = functools.partial(lambda k, x: k * x * x.detach(), 2.0)
POLES = [ad.cbrt, lambda x: ad.cbrt(x) * 2.0, lambda x: abs(x) ** 0.5 * ad.where(x > 0.0, 1.0, -1.0)]
BLAMELESS = [  # the message, the function, its arguments, and the one that is named
    (f"the derivative of <lambda> by x is .*{CUT}", lambda x: x * x.detach(), [2.0], "x"),
    (f"the derivative of <lambda> by x is .*{CUT}", lambda x: x * Value(x.data), [2.0], "x"),
    (CUT, lambda x: x * ad.where(x.detach() > 1.0, 2.0, 3.0) + x.data, [2.0], "x"),
    (f"the derivative of .* by x is .*{CUT}", WITHOUT_A_NAME, [2.0], "x"),
    (CUT, lambda first, second: first + second.detach(), [1.0, 2.0], "second"),
    (CUT, lambda *xs: xs[0] + xs[1].detach(), [1.0, 2.0], "argument 1"),
    (CUT, lambda *xs: xs[0].detach() + xs[1], [1.0, 2.0], "argument 0"),
    (CUT, lambda x, *rest: x + rest[1].detach(), [1.0, 2.0, 3.0], "argument 2"),
    (CUT, lambda p: p["w"][1].detach() + p["w"][0], [{"w": [1.0, 2.0]}], "p['w'][1]"),
    (CUT, lambda p: p.y.detach() + p.x, [Point(1.0, 2.0)], "p.y"),
    (CUT, lambda m: m[1, 0].detach() + m[0, 0], [np.ones((2, 2))], "m[1, 0]"),
    (CUT, lambda q: [q[0], q[1].detach()], [(1.0, 2.0)], "q[1]"),
    ("by argument 0 is 0, but 2 by finite differences", Unsigned(), [1.0], "argument 0"),
    (f"the rules of all operations are right, so {CUT}", lambda x, y: x * x.detach() + relu(y), [2.0, 0.0], "x"),
    (KINK, lambda x: relu(x), [0.0], "x"),
    (KINK, lambda x, y: y * relu(x - 1.0), [1.0, 2.0], "x"),
    (KINK, lambda x: 2.0 * x + 3.0 * abs(x) + relu(x), [0.0], "x"),
    (KINK, lambda v: relu(ad.minimum(v[0], 2.0) - 2.0 * v[1]), [[3.0, 1.0]], "v[1]"),
    (KINK, lambda x: rules.leaky_relu(x, 0.1), [0.0], "x"),
    (KINK, lambda x: [x, sin(x), relu(x)], [0.0], "x"),
    (KINK, lambda x: rules.elu(x, 0.5), [0.0], "x"),
    *[(UNSETTLED, f, [0.0], "x") for f in POLES],
    (UNSETTLED, operation("root", math.cbrt, lambda y, x: 1.0), [0.0], "x"),
    (UNSETTLED, lambda x: ad.where(x > 0.0, x, x + 1.0), [0.0], "x"),
    (UNSETTLED, lambda x: x + math.floor(x.data), [0.0], "x"),
    ("choose another", lambda x: ad.where(x >= 0.0, 1.0, 2.0), [0.0], "x"),
    ("is nan, but 0 by .*; no rule alone is wrong, an infinity meets a zero", lambda x: sqrt(x**4), [0.0], "x"),
]


@pytest.mark.parametrize(("message", "f", "args", "argument"), BLAMELESS)
def test_where_no_rule_is_wrong_none_is_blamed_and_the_argument_is_named(message, f, args, argument):
    error = refused(message, f, *args)
    assert (error.argument, error.rule) == (argument, None)


def test_the_fields_of_the_error_are_exact():
    error = refused("by y is 6, but 12 by", lambda x, y: x * y * y.detach(), 3.0, 2.0)
    assert (error.argument, error.analytic, error.rule) == ("y", 6.0, None)
    assert math.isclose(error.numeric, 12.0, rel_tol=1e-9)
    assert isinstance(error, ArithmeticError)
    f = lambda x, y: operation("f", lambda a, b: a * b, lambda y, a, b: number(b), lambda y, a, b: a)(x, y)
    assert gradcheck(f, 2.0, 3.0)
    error = refused("the second derivative of <lambda> by x and y is 0, but 1 by", f, 2.0, 3.0, order=2)
    assert error.argument == "x and y"
    assert not any(math.isfinite(refused(UNSETTLED, f, 0.0).analytic) for f in POLES)


ERRORS = [
    *[
        (f, x, ValueError, f"need finite values of the function on both sides of {x!r}, and found none")
        for f, x in [(sqrt, 0.0), (ad.asin, 1.0), (rules.acosh, 1.0), (lambda x: x**1.5, 0.0)]
    ],
    (lambda x: x * math.inf, 1.0, ValueError, r"need finite values of the function on both sides of 1\.0, and found"),
    (lambda x: [x, ad.where(x > 2.0, x, math.nan)], 2.0, ValueError, r"on both sides of 2\.0, and found none"),
    *[(lambda x: 2.0 * x, x, ValueError, f"finite .*{x!r}") for x in (math.nan, math.inf, -math.inf)],
    (log, -1.0, ValueError, r"log is defined for x > 0, got x = -1\.0"),
    (lambda x: 1.0 / x, 0.0, ZeroDivisionError, r"defined for b != 0, got a = 1\.0, b = 0\.0"),
    (exp, 1e3, OverflowError, r"exp\(x\) is too large for a float, got x = 1000\.0"),
    (sin, "1", TypeError, r"gradcheck takes real numbers.*args\[0\] is of type str: '1'"),
    (sin, None, TypeError, "sin takes a real number, got a NoneType"),
    (lambda x: math.sin(x), 1.0, TypeError, "use the functions of autograd"),
]


@pytest.mark.parametrize(("f", "x", "error", "message"), ERRORS)
def test_points_that_are_not_inside_of_the_domain_and_the_functions_own_errors_are_told(f, x, error, message):
    with pytest.raises(error, match=message):
        gradcheck(f, x)


@pytest.mark.parametrize("order", [0, -1, 1.0, True, "2", None, math.inf])
def test_an_order_that_is_no_positive_whole_number_is_a_value_error(order):
    expected = f"order of gradcheck is how many derivatives to compare, 1 or more, got {order!r}"
    with pytest.raises(ValueError, match=expected):
        gradcheck(sin, 1.0, order=order)


def test_an_annotation_that_is_not_defined_is_never_asked_for():
    quote = "" if sys.version_info >= (3, 14) else '"'  # before, Python asks for it at once
    space = {"rule": WRONG_SINE}
    exec(f"def f(angle: {quote}Unknown{quote}) -> {quote}Unknown{quote}:\n    return rule(angle)", space)
    refused("the derivative of f by angle is", space["f"], 1.0)
    assert ad.compile(space["f"])(angle=1.0) == math.sin(1.0)


def seeded(draw, seed):
    """Return a function of which each call draws a number."""
    rng = random.Random(seed)
    return lambda a: draw(rng, a)


DRAWS = {
    "dropout": lambda rng, a: a * a if rng.random() < 0.8 else 0.0 * a,
    "dropout of half": lambda rng, a: 2.0 * a * a if rng.random() < 0.5 else 0.0 * a,
    "dropout of a wrong rule": lambda rng, a: 2.0 * WRONG_SINE(a) if rng.random() < 0.5 else 0.0 * a,
    "factor": lambda rng, a: rng.random() * a,
    "noise": lambda rng, a: a * a + rng.gauss(0.0, 1e-3),
    "choice": lambda rng, a: a * rng.choice([1.0, 2.0]),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_function_that_draws_random_numbers_is_said_to_give_others_each_time(draw):
    told = []
    for seed in range(20):
        try:
            gradcheck(seeded(draw, seed), 1.3)
        except GradientError as error:
            assert re.match(r"the function gives other numbers each time it is called, \S+ and then \S+", f"{error}")
            told.append(seed)
    assert len(told) >= 14


def test_function_that_uses_what_its_first_calls_made_may_be_checked():
    roots, scales = [1.0], []

    def warm(a):  # Newton's method, from where it ended
        for _ in range(4):
            roots[0] = 0.5 * (roots[0] + getattr(a, "data", a) / roots[0])
        return roots[0] - (roots[0] ** 2 - a) / (2.0 * roots[0])

    def initialised(a):
        scales.append(1.0 / getattr(a, "data", a))
        return a * a * scales[0]

    for f in (warm, initialised):
        assert gradcheck(f, 2.0)


def test_noise_of_rounding_hides_no_wrong_rule():
    refused("the rule of mutant is wrong", lambda a: WRONG_SINE(a) + random.gauss(0.0, 1e-16), 1.0)
