"""Random expressions, compiled by every back end, against the eager engine."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given

from autograd import Value, compile, gradients
from autograd.testing import every_operation, expressions, operands
from tests.hypothesis_profiles import max_examples
from tests.oracle import rounding

thorough = max_examples(60)

pytestmark = pytest.mark.usefixtures("backend_or_pieces")


def close(found, wanted):
    """Whether a result is that of the eager engine, within what rounding may have done to either."""
    slack = 1e-12 * abs(wanted.data) + 4 * rounding(wanted)
    return abs(found - wanted.data) <= slack or found == wanted.data or not math.isfinite(slack)


@thorough
@given(expressions(max_steps=12))
def test_graph_agrees_with_eager_in_value_and_gradient(expression):
    xs = [Value(x) for x in expression.inputs]
    y = expression(*xs)
    program = compile(y, wrt=xs)
    value, gradient = program.value_and_grad(expression.inputs)
    assert close(value, y)
    assert all(map(close, gradient, gradients(y, xs, create_graph=True)))


@thorough
@given(expressions(max_steps=8))
def test_function_agrees_with_eager_on_a_batch(expression):
    rows = np.array([expression.inputs, expression.inputs])
    f = compile(lambda x: expression(*x), batched=["x"])
    value, gradient = f.value_and_grad(rows)
    xs = [Value(x) for x in expression.inputs]
    y = expression(*xs)
    assert close(value, y)
    assert all(map(close, gradient.sum(axis=0), gradients(y, xs, create_graph=True)))


@pytest.mark.sample(5)
@pytest.mark.parametrize("operation", every_operation(), ids=lambda operation: operation.name)
def test_every_rule_agrees_with_eager_on_arrays(operation):
    @max_examples(10)
    @given(operands(operation))
    def check(numbers):
        xs = [Value(x) for x in numbers]
        y = operation.apply(xs)
        value, gradient = compile(y, wrt=xs).value_and_grad(numbers)
        assert close(value, y)
        assert all(map(close, gradient, gradients(y, xs, create_graph=True)))

    check()


def test_missing_numpy_is_an_error_that_names_the_command():
    code = "import sys; sys.modules['numpy'] = None; from autograd import *; compile(lambda x: x)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: autograd.compile needs NumPy: python -m pip install" in run.stderr
