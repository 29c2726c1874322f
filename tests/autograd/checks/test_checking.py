"""gradcheck accepts every rule of the table, and no rule that is wrong: the tests iterate the table and its mutants."""

import functools
import itertools
import math
import random
import sys
import threading
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import (
    GradientError,
    Value,
    asin,
    atan,
    cbrt,
    cos,
    detect_anomaly,
    dot,
    erf,
    exp,
    expm1,
    fsum,
    grad,
    gradcheck,
    hessian,
    hypot,
    jvp,
    log,
    log1p,
    logsumexp,
    maximum,
    mean,
    minimum,
    no_grad,
    operation,
    relu,
    rules,
    sigmoid,
    sin,
    softmax,
    sqrt,
    tan,
    tanh,
    vjp,
    where,
)
from autograd.engine import modes
from autograd.rules.operation import Family, NAry, Unary
from nn import MLP, cross_entropy, hinge, mse
from tests.hypothesis_profiles import max_examples

Point = namedtuple("Point", "x y")


def rows():
    table = [
        [row.member(constant) for constant in row.samples] if isinstance(row, Family) else [row]
        for row in rules.TABLE.values()
    ]
    return list(itertools.chain.from_iterable(table))


ROWS = rows()
UNARY = [row for row in ROWS if isinstance(row, Unary)]
FIXED = [row for row in ROWS if not isinstance(row, NAry)]
N_ARY = [row for row in ROWS if isinstance(row, NAry)]
POWERS = (rules.power, rules.ieee_power)  # with a negative base they are defined at whole exponents only
ids = {"ids": lambda row: row.name}


def defined(row, operands):
    names = {"inf": math.inf, **dict(zip(row.arguments, operands))}
    return not row.domain or bool(eval(row.domain, {}, names))


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
    "wrong by 0.1 %": lambda derivative: derivative * 1.001,
    "of the wrong sign": lambda derivative: -derivative,
    "missing": lambda derivative: derivative * 0.0,
    "wrong by a constant": lambda derivative: derivative + 0.01,
}


def number(x):
    return x.data if isinstance(x, Value) else x


def cut(derivative):
    """The same derivative as a plain number, which no derivative flows through."""
    return number(derivative)


# Right rules are accepted


@pytest.mark.parametrize("row", UNARY, **ids)
def test_unary_rules_are_right_to_the_fifth_order(row):
    assert points(row)
    for operands in points(row):
        assert gradcheck(row, *operands, order=5) is True


@pytest.mark.parametrize("row", [row for row in FIXED if row not in UNARY], **ids)
def test_rules_of_several_operands_are_right_to_the_third_order(row):
    assert points(row)
    for operands in points(row):
        varied = operands[:2] if row is rules.ieee_power else operands
        f = (lambda a, b: rules.ieee_power(a, b, 1.0)) if row is rules.ieee_power else row
        assert gradcheck(f, *varied, order=3)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("row", N_ARY, **ids)
def test_n_ary_rules_are_right_for_any_number_of_operands(row, size):
    numbers = [0.3 * i - 0.8 for i in range(size * row.sequences)]
    sequences = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    assert gradcheck(row, *sequences, order=3 if len(numbers) < 5 else 2)


@pytest.mark.parametrize("row", N_ARY, **ids)
def test_n_ary_rules_are_right_for_fifty_operands(row):
    assert gradcheck(row, *[[math.sin(3.0 * i + j) for i in range(50)] for j in range(row.sequences)])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (log, 1e-3), (rules.log2, 1e-3), (rules.log10, 1e-3), (log1p, -0.999), (asin, 0.99), (asin, -0.99),
        (rules.acos, 0.99), (rules.acosh, 1.01), (rules.atanh, 0.99), (sqrt, 0.01), (cbrt, 0.01), (cbrt, -0.01),
        (lambda x: 1 / x, 0.05), (lambda x: 1 / x, -0.05), (lambda x: 1 / x, 1e-3), (lambda x: x**-0.7, 0.01),
        (lambda x: x**0.5, 0.01), (tan, 1.5), (tan, -1.5), (log, 1e-6), (lambda x: log(1.0 - x), 0.999),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", [1, 2, 3])
def test_points_near_an_edge_of_the_domain_or_a_pole_are_accepted(f, x, order):
    assert gradcheck(f, x, order=order)


@pytest.mark.parametrize("x", [1e-3, -1e-3, 0.02, 30.0, -30.0, 1e3, -1e3])
@pytest.mark.parametrize(
    "f",
    [sin, cos, atan, rules.asinh, cbrt, lambda x: x**2, lambda x: x**3, lambda x: x / 7.0, lambda x: 1.0 - x, relu,
     rules.abs, rules.leaky_relu, lambda x: sqrt(1.0 + x * x), lambda x: hypot(x, 2.0)],
)  # fmt: skip
def test_small_and_large_arguments_are_accepted(f, x):
    assert gradcheck(f, x, order=2)


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e-9, 1e9, 1e100, 1e300])
def test_the_size_of_the_results_does_not_matter(scale):
    assert gradcheck(lambda x: scale * sin(x), 0.7, order=3)
    wrong = mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])
    with pytest.raises(GradientError, match="the rule of mutant is wrong"):
        gradcheck(lambda x: scale * wrong(x), 0.7)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: sin(100.0 * x),
        lambda x: sin(1000.0 * x),
        lambda x: sin(1e4 * x),
        lambda x: sin(50.0 * x) * exp(-x),
        lambda x: cos(30.0 * x * x),
        lambda x: sin(1.0 / x),
        lambda x: tanh(200.0 * (x - 0.3)),
    ],
)
def test_oscillating_and_steep_functions_are_accepted(f):
    assert gradcheck(f, 0.3)
    assert gradcheck(f, 0.3, order=2)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * y / (x + y),
        lambda x, y: exp(sin(x) * y) - log(x * x + y * y),
        lambda x, y: where(x > y, x * y, x - y),
        lambda x, y: maximum(x, y) * minimum(x, 3.0 * y),
        lambda x, y: sum(softmax([x, y, x * y])[:2]),
        lambda x, y: logsumexp([x, y, 1.0]) + mean([x, x, y]) * dot([x, y], [y, y]),
        lambda x, y: abs(x) ** y,
        lambda x, y: functools.reduce(lambda a, b: tanh(a + b), [x, y] * 10),
        lambda x, y: erf(x) * sigmoid(y) + expm1(x) / cbrt(y),
    ],
)
def test_compositions_are_accepted(f):
    assert gradcheck(f, 0.8, 1.7, order=3)


SMOOTH = {
    "sin": sin, "tanh": tanh, "atan": atan, "sigmoid": sigmoid, "erf": erf, "softplus": rules.softplus,
    "square": lambda x: x * x, "gaussian": lambda x: exp(-x * x), "root": lambda x: sqrt(1.0 + x * x),
    "rational": lambda x: 1.0 / (1.0 + x * x), "logarithm": lambda x: log(2.0 + cos(x)), "gelu": rules.gelu,
}  # fmt: skip


@max_examples(100)
@given(st.lists(st.sampled_from(sorted(SMOOTH)), min_size=1, max_size=4), st.floats(-2, 2), st.floats(0.1, 2))
def test_chains_of_smooth_functions_are_accepted(names, x, y):
    def chain(x, y):
        return functools.reduce(lambda value, name: SMOOTH[name](value) + y * cos(value), names, x)

    assert gradcheck(chain, x, y)


# Arguments, results and surroundings of every kind


def perceptron_loss(loss, targets, nouts, activation="tanh"):
    """A loss as a function of the parameters of a fresh model, and its parameters' numbers."""
    model = MLP(2, nouts, activation, seed=4)
    examples = [[0.3, -0.8], [-0.5, 0.9], [0.7, 0.2]]

    def f(state):
        other = MLP(2, nouts, activation, seed=4)
        remaining = iter(state)
        for neuron in itertools.chain.from_iterable(layer.neurons for layer in other.layers):
            neuron.w = [next(remaining) for _ in neuron.w]
            neuron.b = next(remaining)
        return loss([other(example) for example in examples], targets)

    return f, [parameter.data + 0.01 * i for i, parameter in enumerate(model.parameters())]


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "softplus", "sigmoid"])
@pytest.mark.parametrize(
    ("loss", "targets", "nouts"),
    [(mse, [0.5, -1.0, 0.0], [3, 1]), (hinge, [1, -1, 1], [3, 1]), (cross_entropy, [0, 2, 1], [2, 3])],
)
def test_losses_of_a_perceptron_are_accepted_by_its_parameters(loss, targets, nouts, activation):
    assert gradcheck(*perceptron_loss(loss, targets, nouts, activation))


def test_the_curvature_of_a_perceptrons_loss_is_accepted():
    assert gradcheck(*perceptron_loss(mse, [0.5, -1.0, 0.0], [2, 1]), order=2)


def test_a_perceptron_is_accepted_by_its_inputs_and_its_parameters_gradients_stay():
    model = MLP(2, [4, 4, 1], "silu", seed=1)
    for i, parameter in enumerate(model.parameters()):
        parameter.grad = float(i)
    assert gradcheck(model, [0.3, -0.4], order=3)
    assert [parameter.grad for parameter in model.parameters()] == list(map(float, range(len(model.parameters()))))


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda p: p["w"][0] * p["w"][1] + sin(p["b"]), ({"w": [2.0, 3.0], "b": 0.5},)),
        (lambda p: {"a": p.x * p.y, "b": [p.x**2, (p.y,)]}, (Point(2.0, 3.0),)),
        (lambda p, q: (p["z"] * q[0], q[1]), (OrderedDict(z=1.5), (2.0, 3.0))),
        (lambda A, v: A @ v, (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -0.5]))),
        (lambda v: np.tanh(v) * v[::-1], (np.array([0.3, 0.7, -0.4]),)),
        (lambda v: np.sum(v * v), (np.array([1.0, 2.0]),)),
        (lambda n: n * n, (3,)),
        (lambda x: x * 2.0, (np.float64(1.5),)),
        (lambda x: [[], {}, x], (2.0,)),
        (lambda x, unused: x, (2.0, [[], ()])),
        (lambda *xs: fsum(xs) ** 2, (1.0, 2.0, 3.0)),
        (lambda x, scale=3.0: x * scale, (2.0,)),
        (lambda x: x * x, (Value(2.0),)),
    ],
)
def test_arguments_and_results_are_nested_as_one_likes(f, args):
    assert gradcheck(f, *args)
    assert gradcheck(f, *args, order=2)


@pytest.mark.parametrize("constant", [3.0, 0.0, -7, Value(3.0), 1e300, np.float64(2.0), True])
def test_constant_functions_are_accepted(constant):
    assert gradcheck(lambda x, y: constant, 2.0, 0.0, order=3)


@pytest.mark.parametrize("f", [lambda x: [], lambda x: {}, lambda x: [(), []]])
def test_a_function_that_returns_no_numbers_has_nothing_wrong(f):
    assert gradcheck(f, 2.0, order=2)


@pytest.mark.parametrize(
    ("f", "x"),
    [(cos, 0.0), (sin, math.pi / 2), (lambda x: x * x, 0.0), (lambda x: x**3, 0.0), (lambda x: (x - 1.0) ** 4, 1.0),
     (lambda x: x - x, 2.0), (lambda x: exp(-x * x), 0.0), (lambda x: 1e6 + x**2, 0.0), (relu, -1.0)],
)  # fmt: skip
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_zero_are_accepted(f, x, order):
    assert gradcheck(f, x, order=order)


@pytest.mark.parametrize("slope", [0.0, 1e-12, 1e-4, 1.0])
@pytest.mark.parametrize("offset", [1e3, -1e6, 1e12])
def test_slopes_that_drown_in_a_huge_offset_are_accepted(offset, slope):
    assert gradcheck(lambda x: offset + slope * sin(x), 0.7, order=2)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: grad(lambda y: x * y * y)(x),
        lambda x: grad(grad(lambda y: sin(x * y)))(x),
        lambda x: x * grad(lambda y: exp(x * y))(2.0),
        lambda x: hessian(lambda v: v[0] ** 3 * v[1])([x, 2.0]),
        lambda x: jvp(lambda y: sin(y) * x, (x,), (x,)),
        lambda x: vjp(lambda y: [y * y, y * x], x)[1]([x, 1.0]),
        grad(lambda x: x**4),
    ],
)
def test_functions_that_differentiate_are_accepted(f):
    assert gradcheck(f, 0.7, order=3)


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
    with pytest.raises(GradientError):
        gradcheck(lambda x: x * x.detach(), 0.7)
    assert random.getstate() == state
    assert np.random.get_state()[1].tolist() == numpy_state


def test_nothing_depends_on_a_no_grad_block_around():
    wrong = mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])
    with no_grad():
        assert gradcheck(lambda x: sin(x) * x, 1.0, order=3)
        with pytest.raises(GradientError, match="the rule of mutant is wrong"):
            gradcheck(lambda x: wrong(x) * x, 1.0)
        assert (Value(1.0) * 2).parents == ()
    assert modes.blocks == 0


def test_the_anomalies_of_a_wrong_rule_are_still_found_in_a_detect_anomaly_block():
    wrong = mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])
    with detect_anomaly():
        assert gradcheck(lambda x: sin(x) * x, 1.0, order=2)
        with pytest.raises(GradientError, match="the rule of mutant is wrong"):
            gradcheck(lambda x: wrong(x) * x, 1.0)
    assert modes.blocks == 0


def test_blocks_are_closed_after_an_error_in_the_function():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gradcheck(f, 1.0)
    assert modes.blocks == 0
    assert (Value(1.0) * 2).parents


def test_threads_check_at_once():
    found = {}

    def check(name, f):
        try:
            found[name] = [gradcheck(f, 0.3 + 0.1 * i, order=2) for i in range(10)]
        except GradientError as error:
            found[name] = error.rule

    wrong = mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])
    functions = {"sin": sin, "tanh": lambda x: tanh(x) * x, "wrong": lambda x: wrong(x) * x}
    threads = [threading.Thread(target=check, args=item) for item in functions.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"sin": [True] * 10, "tanh": [True] * 10, "wrong": wrong}


@pytest.mark.parametrize(
    ("f", "x"),
    [(sin, 1.0), (exp, 1.0), (tanh, 0.5), (sigmoid, -1.0), (lambda x: x**3, 2.0), (lambda x: 3.0 * x, 1.0),
     (lambda x: Value(2.0), 1.0), (cos, 0.0), (sqrt, 0.01), (log, 1e-3), (lambda x: 1 / x, 0.05), (tan, 1.5),
     (asin, 0.99), (lambda x: sin(100.0 * x), 0.3), (sin, 1e3)],
)  # fmt: skip
@pytest.mark.parametrize("order", [1, 2, 3])
def test_smooth_functions_are_evaluated_at_most_thirty_times_for_an_argument_and_an_order(f, x, order):
    calls = []

    def counted(x):
        calls.append(x)
        return f(x)

    assert gradcheck(counted, x, order=order)
    assert 0 < len(calls) <= 30 * order


def test_the_evaluations_grow_with_the_arguments_not_with_their_square():
    calls = []

    def f(xs):
        calls.append(xs)
        return tanh(fsum(sin(x) for x in xs))

    assert gradcheck(f, [0.1 * i for i in range(20)])
    assert len(calls) <= 30 * 20


@pytest.mark.parametrize(("f", "args"), [(lambda: 3.0, ()), (lambda xs: 3.0, ([],)), (lambda xs, p: xs, ((), {}))])
def test_a_function_of_no_numbers_has_nothing_wrong(f, args):
    assert gradcheck(f, *args) is True


# Wrong rules are not

PARTIALS = [  # c of a ** (b - c) is a constant
    pytest.param(row, i, id=f"{row.name}-{i}")
    for row in FIXED
    for i in range(2 if row is rules.ieee_power else len(row.partials))
]


def contradicted(row, f, *args, order=1):
    with pytest.raises(GradientError) as caught:
        gradcheck(f, *args, order=order)
    error = caught.value
    assert error.rule is row
    assert f"the rule of {row.name} is wrong" in str(error)
    assert not math.isclose(error.analytic, error.numeric, rel_tol=1e-6)
    assert math.isfinite(error.numeric)
    return error


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize(("row", "i"), PARTIALS)
def test_a_wrong_partial_derivative_is_caught(row, i, mutation):
    wrong = mutant(row, i, MUTATIONS[mutation])
    for operands in points(row):
        right = row.derivatives(row.evaluate(operands), operands)[i]
        if row is rules.ieee_power:
            f, varied = (lambda a, b: wrong(a, b, 1.0)), operands[:2]
        else:
            f, varied = wrong, operands
        if right == 0.0 and mutation != "wrong by a constant":
            assert gradcheck(f, *varied)  # not wrong here
            continue
        if row is rules.ieee_power:
            with pytest.raises(GradientError, match="derivative"):
                gradcheck(f, *varied)
            continue
        if math.isclose(MUTATIONS[mutation](right), right, rel_tol=1e-5):  # of a derivative that is huge there
            continue
        error = contradicted(wrong, f, *varied)
        assert math.isclose(error.numeric, right, rel_tol=1e-7, abs_tol=1e-9)
        assert error.analytic == MUTATIONS[mutation](right)
        assert error.argument == wrong.arguments[i]


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("size", [1, 2, 25])
@pytest.mark.parametrize("row", N_ARY, **ids)
def test_a_wrong_entry_of_the_gradient_of_many_operands_is_caught(row, size, mutation):
    size *= row.sequences
    numbers = [math.sin(3.0 * i + 1.0) for i in range(size)]
    for i in {0, size // 2, size - 1}:
        wrong = mutant(row, i, MUTATIONS[mutation])
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
    return autograd.jacobian(autograd.jacobian(lambda xs: f(*xs)))([*operands])


@pytest.mark.parametrize("row", [row for row in FIXED if row is not rules.ieee_power], **ids)
def test_a_derivative_that_is_right_but_cut_off_is_caught_at_the_second_order_only(row):
    caught = bent = 0
    for i in range(len(row.partials)):
        partials = list(row.partials)
        partials[i] = lambda y, *operands, right=partials[i]: right(number(y), *map(number, operands))
        wrong = operation("cut", row.forward, *partials)
        for operands in points(row):
            assert gradcheck(wrong, *operands)
            rates = second_derivatives(row, operands)[i]
            if not any(rates):
                continue
            bent += 1
            error = contradicted(wrong, wrong, *operands, order=2)
            assert "the second derivative of cut by" in str(error)
            assert error.argument.startswith(f"{wrong.arguments[i]} and ")
            assert error.analytic == 0.0
            caught += 1
    assert caught == bent


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


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_order_at_which_a_rule_is_wrong_is_named(order):
    def partial(y, x):  # exp, whose partial is itself right to this order
        return y if order == 2 else right_up_to(order - 1)(x)

    def right_up_to(depth):
        inner = (lambda y, x: number(y)) if depth == 1 else (lambda y, x: right_up_to(depth - 1)(x))
        return operation(f"exp{depth}", math.exp, inner)

    f = right_up_to(order - 1)
    assert gradcheck(f, 0.5, order=order - 1)
    with pytest.raises(
        GradientError, match={2: "second", 3: "third", 4: "4th"}[order] + " derivative of exp"
    ) as caught:
        gradcheck(f, 0.5, order=order + 1)
    assert caught.value.argument == " and ".join(["x"] * order)
    assert caught.value.analytic == 0.0
    assert math.isclose(caught.value.numeric, math.exp(0.5), rel_tol=1e-9)
    assert caught.value.rule is f


@pytest.mark.parametrize("wrong_partial", [lambda y, a, b: b, lambda y, a, b: a, lambda y, a, b: a + b - 1.0])
def test_a_missing_term_of_a_product_rule_is_caught(wrong_partial):
    product = operation("product", lambda a, b: a * a * b, wrong_partial, lambda y, a, b: a * a)
    assert contradicted(product, product, 2.0, 5.0).argument == "a"


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


def test_the_first_wrong_rule_of_two_is_named():
    first = operation("first", lambda x: x * x, lambda y, x: 2.1 * x)
    second = operation("second", lambda x: x * x, lambda y, x: 2.1 * x)
    assert contradicted(first, lambda x: second(first(sin(x))), 1.0).argument == "x"


def test_a_wrong_rule_is_named_even_if_another_part_has_a_kink():
    wrong = operation("wrong", lambda x: x * x, lambda y, x: 2.1 * x)
    contradicted(wrong, lambda x, y: wrong(x) + relu(y), 1.0, 0.0)


def test_operands_of_several_and_of_many_are_named_in_the_message():
    wrong = operation("wrong", lambda a, b: a * b, lambda y, a, b: b, lambda y, a, b: 1.5 * a)
    with pytest.raises(GradientError, match=r"whose derivative at a = 2\.0, b = 3\.0 by b is 3, but 2 by finite diff"):
        gradcheck(wrong, 2.0, 3.0)
    total = NAry("total", math.fsum, lambda y, xs: [1.0] * (len(xs) - 1) + [2.0], definition="sum")
    expected = r"whose derivative at xs\[0\] = 1\.0, xs\[1\] = 2\.5 by xs\[1\] is 2, but 1 by finite differences"
    with pytest.raises(GradientError, match=expected):
        gradcheck(lambda x, y: total([x, y]), 1.0, 2.5)


@pytest.mark.parametrize(("factor", "right"), [(1.0 + 5e-7, True), (1.0 - 5e-7, True), (1.0 + 2e-6, False)])
def test_derivatives_are_compared_to_a_relative_millionth(factor, right):
    almost = operation("almost", lambda x: 50.0 * math.sin(x), lambda y, x: 50.0 * factor * cos(x))
    if right:
        assert gradcheck(almost, 0.01)
    else:
        contradicted(almost, almost, 0.01)


# What the error says where no rule is wrong


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: x * x.detach(), "<lambda>"),
        (lambda x: x * Value(x.data), "<lambda>"),
        (lambda x: x * where(x.detach() > 1.0, 2.0, 3.0) + x.data, "<lambda>"),
        (functools.partial(lambda k, x: k * x * x.detach(), 2.0), "the function"),
    ],
)
def test_a_part_that_is_cut_off_from_the_graph_is_caught(f, name):
    with pytest.raises(
        GradientError, match=f"the derivative of {name} by x is .*part of the function is cut off"
    ) as caught:
        gradcheck(f, 2.0)
    assert caught.value.rule is None


def test_the_fields_of_the_error_are_exact():
    with pytest.raises(GradientError, match="by y is 6, but 12 by") as caught:
        gradcheck(lambda x, y: x * y * y.detach(), 3.0, 2.0)
    error = caught.value
    assert (error.argument, error.analytic, error.rule) == ("y", 6.0, None)
    assert math.isclose(error.numeric, 12.0, rel_tol=1e-9)
    assert isinstance(error, ArithmeticError)


@pytest.mark.parametrize(
    ("f", "args", "argument"),
    [
        (lambda x: relu(x), (0.0,), "x"),
        (lambda x, y: y * relu(x - 1.0), (1.0, 2.0), "x"),
        (lambda x: 2.0 * x + 3.0 * abs(x) + relu(x), (0.0,), "x"),
        (lambda v: relu(minimum(v[0], 2.0) - 2.0 * v[1]), ([3.0, 1.0],), "v[1]"),
        (lambda x: rules.leaky_relu(x, 0.1), (0.0,), "x"),
        (lambda x: [x, sin(x), relu(x)], (0.0,), "x"),
        (lambda x: rules.elu(x, 0.5), (0.0,), "x"),
    ],
)
def test_kinks_are_named_as_such(f, args, argument):
    with pytest.raises(GradientError, match="there is a kink at this point, where the slopes on the two") as caught:
        gradcheck(f, *args)
    assert caught.value.rule is None
    assert caught.value.argument == argument


@pytest.mark.parametrize("f", [cbrt, lambda x: cbrt(x) * 2.0, lambda x: abs(x) ** 0.5 * where(x > 0.0, 1.0, -1.0)])
def test_poles_of_the_derivative_are_named_as_such(f):
    with pytest.raises(
        GradientError, match="which do not settle: there is a pole, a jump or noise at this point"
    ) as caught:
        gradcheck(f, 0.0)
    assert caught.value.rule is None
    assert not math.isfinite(caught.value.analytic)


def test_a_finite_derivative_at_a_pole_is_not_called_cut_off():
    root = operation("root", math.cbrt, lambda y, x: 1.0)
    with pytest.raises(GradientError, match="which do not settle: there is a pole, a jump or noise at this point"):
        gradcheck(root, 0.0)


def test_an_operation_at_its_kink_is_not_blamed_for_a_part_that_is_cut_off():
    with pytest.raises(GradientError, match="the rules of all operations are right, so part of the function") as caught:
        gradcheck(lambda x, y: x * x.detach() + relu(y), 2.0, 0.0)
    assert (caught.value.argument, caught.value.rule) == ("x", None)


@pytest.mark.parametrize(
    "f",
    [lambda x: where(x > 0.0, x, x + 1.0), lambda x: x + math.floor(x.data), lambda x: where(x >= 0.0, 1.0, 2.0)],
)
def test_jumps_are_caught_and_no_rule_is_blamed(f):
    with pytest.raises(GradientError, match="choose another") as caught:
        gradcheck(f, 0.0)
    assert caught.value.rule is None


def test_noise_is_caught_and_no_rule_is_blamed():
    rng = random.Random(3)
    with pytest.raises(GradientError, match="choose another") as caught:
        gradcheck(lambda x: sin(x) + 1e-3 * rng.random(), 1.0)
    assert caught.value.rule is None


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (sqrt, 0.0),
        (asin, 1.0),
        (rules.acosh, 1.0),
        (lambda x: x**1.5, 0.0),
        (lambda x: x * math.inf, 1.0),
        (lambda x: [x, where(x > 2.0, x, math.nan)], 2.0),
    ],
)
def test_a_point_with_an_undefined_side_is_a_value_error(f, x):
    with pytest.raises(ValueError, match=f"need finite values of the function on both sides of {x!r}, and found none"):
        gradcheck(f, x)


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (log, -1.0, ValueError, r"log is defined for x > 0, got x = -1\.0"),
        (lambda x: 1.0 / x, 0.0, ZeroDivisionError, r"defined for b != 0, got a = 1\.0, b = 0\.0"),
        (exp, 1e3, OverflowError, r"exp\(x\) is too large for a float, got x = 1000\.0"),
        (lambda x: "text", 1.0, TypeError, "gradcheck takes real numbers.*what the function returned is of type str"),
        (
            lambda x: None,
            1.0,
            TypeError,
            "gradcheck takes real numbers.*what the function returned is of type NoneType",
        ),
        (sin, "1", TypeError, r"gradcheck takes real numbers.*the arguments\[0\] is of type str: '1'"),
        (sin, None, TypeError, "sin takes a real number, got a NoneType"),
        (lambda x: math.sin(x), 1.0, TypeError, "use the functions of autograd"),
    ],
)
def test_the_functions_own_errors_come_through(f, x, error, message):
    with pytest.raises(error, match=message):
        gradcheck(f, x)


@pytest.mark.parametrize("order", [0, -1, 1.0, True, "2", None, math.inf])
def test_an_order_that_is_no_positive_whole_number_is_a_value_error(order):
    expected = f"order of gradcheck is how many derivatives to compare, 1 or more, got {order!r}"
    with pytest.raises(ValueError, match=expected):
        gradcheck(sin, 1.0, order=order)


@pytest.mark.parametrize(
    ("f", "args", "argument"),
    [
        (lambda first, second: first + second.detach(), (1.0, 2.0), "second"),
        (lambda *xs: xs[0] + xs[1].detach(), (1.0, 2.0), "argument 1"),
        (lambda *xs: xs[0].detach() + xs[1], (1.0, 2.0), "argument 0"),
        (lambda x, *rest: x + rest[1].detach(), (1.0, 2.0, 3.0), "argument 2"),
        (lambda p: p["w"][1].detach() + p["w"][0], ({"w": [1.0, 2.0]},), "p['w'][1]"),
        (lambda p: p.y.detach() + p.x, (Point(1.0, 2.0),), "p.y"),
        (lambda m: m[1, 0].detach() + m[0, 0], (np.ones((2, 2)),), "m[1, 0]"),
        (lambda q: [q[0], q[1].detach()], ((1.0, 2.0),), "q[1]"),
    ],
)
def test_arguments_are_named_as_the_function_names_them(f, args, argument):
    with pytest.raises(GradientError, match="cut off") as caught:
        gradcheck(f, *args)
    assert caught.value.argument == argument


def test_mixed_derivatives_are_named_by_all_their_arguments():
    f = lambda x, y: operation("f", lambda a, b: a * b, lambda y, a, b: number(b), lambda y, a, b: a)(x, y)
    assert gradcheck(f, 2.0, 3.0)
    with pytest.raises(GradientError, match="the second derivative of <lambda> by x and y is 0, but 1 by") as caught:
        gradcheck(f, 2.0, 3.0, order=2)
    assert caught.value.argument == "x and y"


@pytest.mark.parametrize(
    ("f", "x"), [(lambda x: 1e308 * x * 1.7, 1.0), (lambda x: log(x * 1e300) + log(3.0 - x * 1e300), 1e-300)]
)
def test_a_point_within_a_narrow_domain_is_accepted(f, x):
    assert gradcheck(f, x)


@pytest.mark.parametrize(
    ("row", "x"),
    [
        (rules.exp, 345.0),
        (rules.exp, 600.0),
        (rules.exp, 709.7),
        (rules.exp, -700.0),
        (rules.sinh, -400.0),
        (rules.cosh, 500.0),
        (rules.power_of.member(-30.0), 0.1),
        (rules.expm1, 350.0),
    ],
)
@pytest.mark.parametrize("mutation", ["wrong by 0.1 %", "of the wrong sign"])
def test_a_wrong_rule_is_caught_where_the_function_is_far_larger_a_step_away(row, x, mutation):
    wrong = mutant(row, 0, MUTATIONS[mutation])
    contradicted(wrong, wrong, x)


@pytest.mark.parametrize(("offset", "factor"), [(1e6, 1.0), (1e5, 0.1), (1e3, 1e-3), (1e3, 1e-4)])
def test_a_wrong_slope_is_caught_beneath_an_offset_that_leaves_it_enough_digits(offset, factor):
    wrong = mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])  # off by 5e-10 of the function or more
    contradicted(wrong, lambda x: offset + factor * wrong(x), 1.0)


def test_a_wrong_derivative_by_a_small_share_of_a_large_result_is_caught():
    wrong = mutant(rules.logsumexp, -1, MUTATIONS["wrong by 0.1 %"])
    contradicted(wrong, lambda xs: wrong(xs), [12.0, 0.0])
    wrong = mutant(rules.hypot, 0, MUTATIONS["wrong by 0.1 %"])
    contradicted(wrong, wrong, 0.003, 240.0)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: sin(32.0 * math.pi * x), 0.3),
        (lambda x: exp(-((500.0 * x) ** 2)), 1e-3),
        (lambda x: relu(x) * relu(0.02 - x), 5e-3),
        (lambda x: 1.0 / x, 1e-4),
        (lambda x: 1.0 / (x - 1.0), 1.0001),
        (lambda x: 1.0 / (x - 1000.0), 1000.5),
        (lambda x: exp(x) * sqrt(0.5 + cos(64.0 * math.pi * x)), 0.0),
        (tan, 777.65),
        (sin, 1e6),
    ],
)
def test_functions_whose_features_are_narrower_than_the_first_step_are_accepted(f, x):
    assert gradcheck(f, x)


@pytest.mark.parametrize("zero", [lambda y, x: 0.0, lambda y, x: 0.0 * x])
def test_a_missing_derivative_of_a_feature_narrower_than_the_first_step_is_caught(zero):
    wrong = Unary("wrong", lambda x: math.sin(32.0 * math.pi * x), zero)
    with pytest.raises(GradientError, match="the rule of wrong is wrong"):
        gradcheck(wrong, 0.3)


@pytest.mark.parametrize(
    ("f", "args", "order"),
    [
        (lambda x, y: (y / x) / y, (-0.54, 0.7), 2),
        (lambda x: (1.0 / x) ** -1, (0.9,), 3),
        (lambda x: exp(log(x)), (0.9,), 3),
        (lambda x: x * x / x, (0.9,), 3),
        (lambda x: sqrt(x * x), (0.9,), 3),
        (lambda x: logsumexp([x, x + 1.0, x + 2.0]), (0.9,), 3),
        (lambda x, y: sum(softmax([x, y, 1.0])), (0.9, 0.3), 2),
    ],
)
def test_higher_derivatives_of_zero_that_only_rounding_makes_different_are_accepted(f, args, order):
    assert gradcheck(f, *args, order=order)


@pytest.mark.parametrize(("f", "x"), [(tanh, 11.0), (sigmoid, 21.0), (rules.elu, -20.0), (tanh, -13.2), (tanh, 16.5)])
def test_saturated_activations_are_accepted_to_the_second_order(f, x):
    assert gradcheck(f, x, order=2)


@pytest.mark.parametrize(("f", "args"), [(rules.abs, (0.0,)), (maximum, (1.0, 1.0)), (minimum, (2.0, 2.0))])
def test_kinks_at_which_the_chosen_derivative_is_the_mean_of_both_slopes_are_accepted(f, args):
    assert gradcheck(f, *args)


@pytest.mark.parametrize("f", [lambda x: where(x > 0.0, x, x + 1.0), lambda x: x + math.floor(x.data)])
def test_a_jump_is_not_called_a_kink(f):
    with pytest.raises(GradientError, match="which do not settle: there is a pole, a jump or noise at this point"):
        gradcheck(f, 0.0)


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
def test_a_rule_that_gives_nan_or_an_infinity_where_the_slope_is_finite_is_named(nonsense):
    wrong = operation("wrong", lambda x: x * x, lambda y, x: nonsense)
    with pytest.raises(GradientError, match="the rule of wrong is wrong") as caught:
        gradcheck(lambda x: 2.0 * wrong(x), 1.0)
    assert caught.value.rule is wrong


def test_a_right_rule_at_its_kink_or_pole_is_not_blamed_for_another_one():
    wrong = operation("wrong", lambda x: x * x, lambda y, x: 2.0 * number(x))
    contradicted(wrong, lambda x: maximum(x, x) + wrong(x), 1.0, order=2)
    wrong = mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])
    contradicted(wrong, lambda x, y: x**-30.0 / 1e30 + Value(1.0) / Value(1e-4) * 1e-4 + wrong(y), 0.5, 1.0)


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf])
def test_a_point_that_is_not_finite_is_a_value_error_that_says_so(x):
    with pytest.raises(ValueError, match=f"finite .*{x!r}"):
        gradcheck(lambda x: 2.0 * x, x)


def test_a_triple_zero_that_rounding_moves_is_accepted():
    target = 2.02**3
    assert gradcheck(lambda x: (x**3 - target * (1 + 2**-52)) ** 3, 2.02)


def test_an_annotation_that_is_not_defined_is_never_asked_for():
    quote = "" if sys.version_info >= (3, 14) else '"'  # before, Python asks for it at once
    space = {"rule": mutant(rules.sin, 0, MUTATIONS["wrong by 0.1 %"])}
    exec(f"def f(angle: {quote}Unknown{quote}) -> {quote}Unknown{quote}:\n    return rule(angle)", space)
    with pytest.raises(GradientError, match="the derivative of f by angle is"):
        gradcheck(space["f"], 1.0)
    assert autograd.compile(space["f"])(angle=1.0) == math.sin(1.0)


def test_infinity_that_meets_a_zero_is_the_fault_of_no_rule():
    with pytest.raises(GradientError, match=r"is nan, but 0 by .*; no rule alone is wrong, an infinity meets a zero"):
        gradcheck(lambda x: sqrt(x**4), 0.0)


class Unsigned:
    """A function of which Python does not know the parameters."""

    __signature__ = "unknown"

    def __call__(self, x):
        return x.detach() * 2.0


def test_argument_without_a_name_is_counted():
    with pytest.raises(GradientError, match="by argument 0 is 0, but 2 by finite differences"):
        gradcheck(Unsigned(), 1.0)
