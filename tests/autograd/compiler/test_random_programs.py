"""Random expressions, and transforms of random functions, compiled by every back end, against the eager engine."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.sparse import issparse

import autograd as ad
from autograd import Value, compile, gradients
from autograd.functions import flatten
from autograd.testing import every_operation, expressions, operands
from tests.hypothesis_profiles import max_examples
from tests.oracle import rounding
from tests.random_functions import RandomFunction, functions

on_every_backend, also_in_pieces = map(pytest.mark.usefixtures, ("backend", "backend_or_pieces"))


def assert_close(found, wanted):
    """Hold results against those of the eager engine, within what rounding may have done to either."""
    found, wanted = flatten(found.toarray().tolist() if issparse(found) else found)[0], flatten(wanted)[0]
    assert len(found) == len(wanted)
    for number, value in zip(found, wanted, strict=True):
        exact, slack = (value.data, 4 * rounding(value)) if isinstance(value, Value) else (value, 0.0)
        assert abs(number - exact) <= 1e-12 * abs(exact) + slack or number == exact or not math.isfinite(slack)


def assert_as_eager(y, xs, value, gradient):
    """Hold a value and a gradient against the node y and its gradient."""
    assert_close([value, *gradient], [y, *gradients(y, xs, create_graph=True)])


@also_in_pieces
@max_examples(60)
@given(expressions(max_steps=12))
def test_graph_agrees_with_eager_in_value_and_gradient(expression):
    xs = [Value(x) for x in expression.inputs]
    y = expression(*xs)
    assert_as_eager(y, xs, *compile(y, wrt=xs).value_and_grad(expression.inputs))


@also_in_pieces
@max_examples(60)
@given(expressions(max_steps=8))
def test_function_agrees_with_eager_on_a_batch(expression):
    rows = np.array([expression.inputs, expression.inputs])
    value, gradient = compile(lambda x: expression(*x), batched=["x"]).value_and_grad(rows)
    xs = [Value(x) for x in expression.inputs]
    assert_as_eager(expression(*xs), xs, value, gradient.sum(axis=0))


@also_in_pieces
@pytest.mark.sample(5)
@pytest.mark.parametrize("operation", every_operation(), ids=lambda operation: operation.name)
def test_every_rule_agrees_with_eager_on_arrays(operation):
    @max_examples(10)
    @given(operands(operation))
    def check(numbers):
        xs = [Value(x) for x in numbers]
        y = operation.apply(xs)
        assert_as_eager(y, xs, *compile(y, wrt=xs).value_and_grad(numbers))

    check()


def direction(xs):
    return [1.0 / (k + 2.0) - 0.3 for k in range(len(xs))]


def along(f, xs):
    return lambda t: f([x + t * v for x, v in zip(xs, direction(xs), strict=True)])


def several(f):
    return lambda xs: [f(xs), f(xs) * xs[0], xs[-1], 1.0]


TRANSFORMS = {
    "value": lambda f: f, "gradient": ad.grad, "value and gradient": ad.value_and_grad,
    "gradient of a gradient": lambda f: ad.grad(lambda xs: ad.fsum([s * s for s in ad.grad(f)(xs)])),
    "hessian": ad.hessian, "sparse hessian": lambda f: ad.hessian(f, sparse=True),
    "hessian times a vector": lambda f: lambda xs: ad.hvp(f)(xs, direction(xs)),
    "jacobian": lambda f: ad.jacobian(several(f)), "sparse jacobian": lambda f: ad.jacobian(several(f), sparse=True),
    "third derivatives": lambda f: ad.jacobian(lambda xs: ad.hvp(f)(xs, direction(xs))),
    "vjp": lambda f: lambda xs: ad.vjp(several(f), xs)[1]([1.0, -0.5, 2.0, 3.0]),
    "jvp": lambda f: lambda xs: ad.jvp(several(f), (xs,), (direction(xs),)),
    "jvp of a gradient": lambda f: lambda xs: ad.jvp(ad.grad(f), (xs,), (direction(xs),))[1],
    "taylor": lambda f: lambda xs: ad.taylor(along(f, xs), 0.0, 3),
    "vjp of a jvp": lambda f: lambda xs: ad.vjp(lambda xs: ad.jvp(f, (xs,), (direction(xs),))[1], xs)[1](1.0),
}  # fmt: skip
EAGER = {f"sparse {name}": TRANSFORMS[name] for name in ("hessian", "jacobian")}  # of Values, to tell rounding


@on_every_backend
@pytest.mark.sample(2)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform_of_a_random_function_is_as_eager(name):
    @max_examples(5)
    @given(functions())
    def check(f):
        wanted = EAGER.get(name, TRANSFORMS[name])(f)
        assert_close(compile(TRANSFORMS[name](f))(f.inputs), wanted([Value(x) for x in f.inputs]))

    check()


@on_every_backend
def test_batch_of_a_random_function_is_as_eager_for_each_example():
    @max_examples(8)
    @given(functions(), st.integers(0, 3))
    @example(RandomFunction(lambda xs: xs[0] * 0.5, [-0.5, 2.0], "what no example changes"), 1)
    @example(RandomFunction(lambda xs: xs[0] * 0.5, [-0.5], "what has no examples"), 1)
    def check(f, captured):
        step = 0.0 if f.description.startswith("corners") else 1e-5  # kinks are far, but at corners
        near = [x + step for x in f.inputs]
        leaves = [Value(x) for x in f.inputs[:captured]]
        by = [[Value(x) for x in row] for row in (f.inputs, [*f.inputs[:captured], *near[captured:]])]
        roots = [f(row) for row in by]
        slopes = [gradients(root, row, create_graph=True) for root, row in zip(roots, by, strict=True)]
        rows = [[x.data for x in row[captured:]] for row in by]
        g = compile(lambda xs: f([*leaves, *xs]), batched="xs")
        assert_close(list(g.each(rows)), roots)
        value, gradient = g.value_and_grad(rows)
        assert_close(value, ad.mean(roots))
        assert_close(gradient, [[slope * 0.5 for slope in row[captured:]] for row in slopes])
        g.backward(rows)
        assert_close([leaf.grad for leaf in leaves], [ad.mean(pair) for pair in zip(*slopes)][:captured])

    check()
