"""gradcheck accepts every rule of the table, and no rule that is wrong: the tests iterate the table and its mutants."""

import functools
import itertools
import math
import random
import threading
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
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
    recording,
    relu,
    rules,
    sigmoid,
    sin,
    sinh,
    softmax,
    sqrt,
    tan,
    tanh,
    vjp,
    where,
)
from autograd.operation import Family, NAry, Operation, Unary
from nn import MLP, cross_entropy, hinge, mse

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


def checkable(row, operation_):
    """A function of the operands that can be varied: all, but for the constant in `a ** (b - 1)`."""
    return (lambda a, b, c: operation_(a, b, c.data)) if row is rules.ieee_power else operation_


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


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted(SMOOTH)), min_size=1, max_size=4), st.floats(-2, 2), st.floats(0.1, 2))
def test_chains_of_smooth_functions_are_accepted_and_a_wrong_link_is_named(names, x, y):
    def chain(link):
        return lambda x, y: functools.reduce(lambda value, name: SMOOTH[name](value) + y * link(value), names, x)

    assert gradcheck(chain(cos), x, y)
    wrong = operation("wrong", math.cos, lambda y, x: -1.001 * sin(x))
    try:
        gradcheck(chain(wrong), x, y)
    except GradientError as error:
        assert error.rule is wrong
    else:  # 0.1 % of next to nothing
        assert all(abs(derivative) < 0.05 for derivative in grad(lambda x: chain(wrong)(x, y) - chain(cos)(x, y))(x, ))
