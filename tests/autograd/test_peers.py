"""What the engines of the micrograd family get wrong: one test for each of their failures that concerns the engine."""

import copy
import math

import numpy as np
import pytest

from autograd import Value, relu, sigmoid, tanh
from autograd.node import UNREACHED


def test_second_backward_adds_the_same_gradient_again():
    x = Value(3.0)
    z = (x * x) * x
    z.backward()
    z.backward()
    assert x.grad == 54.0


def test_two_losses_that_share_a_node_add_up():
    x = Value(3.0)
    h = x * x
    first, second = h * 2, h * 3
    first.backward()
    second.backward()
    assert x.grad == 30.0


def test_backward_from_an_inner_node_does_not_leak_into_a_later_backward():
    x = Value(3.0)
    y = x * x
    y.backward()
    (2 * y).backward()
    assert x.grad == 18.0


def test_leaf_changed_before_backward_is_an_error():
    x = Value(3.0, label="x")
    y = x * x
    x.data = 5
    with pytest.raises(RuntimeError, match=r"leaf x was changed to 5\.0 after"):
        y.backward()
    assert x.grad == 0.0


def test_two_thousand_additions_differentiate():
    x = Value(1.0)
    y = x
    for _ in range(2000):
        y = y + x
    y.backward()
    assert (y.data, x.grad) == (2001.0, 2001.0)


def test_python_sum_of_many_losses_differentiates():
    w = Value(2.0)
    total = sum((w * i - 1.0) ** 2 for i in range(984))
    total.backward()
    assert w.grad == sum(2.0 * i * (2.0 * i - 1.0) for i in range(984))


@pytest.mark.parametrize("exponent", [0, 0.0, Value(0.0)], ids=["int", "float", "Value"])
def test_zero_to_the_power_zero_has_gradient_zero(exponent):
    x = Value(0.0)
    y = x**exponent
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)


@pytest.mark.parametrize("exponent", [1 / 3, Value(1 / 3)], ids=["float", "Value"])
def test_fractional_power_of_a_negative_number_is_a_value_error(exponent):
    with pytest.raises(ValueError, match=r"= -8\.0"):
        Value(-8.0) ** exponent


def test_tanh_saturates_without_overflow():
    x = Value(400.0)
    y = tanh(x)
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)


def test_sigmoid_saturates_without_overflow():
    x = Value(-1000.0)
    y = sigmoid(x)
    y.backward()
    assert (y.data, x.grad) == (0.0, 0.0)


def test_exponent_that_is_a_value_gets_its_gradient():
    a, b = Value(2.0), Value(3.0)
    (a**b).backward()
    assert (a.grad, b.grad) == (12.0, 8.0 * math.log(2.0))


def test_exponent_of_a_plain_base_gets_its_gradient():
    b = Value(3.0)
    (2**b).backward()
    assert b.grad == 8.0 * math.log(2.0)


def test_deep_copy_of_a_square_has_gradient_six_on_the_copy():
    x = Value(3.0)
    y = copy.deepcopy(x * x)
    y.backward()
    assert (y.parents[0].grad, x.grad) == (6.0, 0.0)


@pytest.mark.parametrize("product", [lambda v, a: v * a, lambda v, a: a * v], ids=["Value first", "array first"])
def test_value_times_array_is_an_array_of_values(product):
    x = Value(3.0)
    scaled = product(x, np.array([1.0, 2.0]))
    assert isinstance(scaled, np.ndarray)
    assert [type(v) for v in scaled] == [Value, Value]
    assert [v.data for v in scaled] == [3.0, 6.0]
    scaled.sum().backward()
    assert x.grad == 3.0


def test_string_is_not_a_number():
    with pytest.raises(TypeError, match="Value takes a real number, got a str: '3'"):
        Value("3")


def test_value_of_a_value_is_an_error_rather_than_a_lost_gradient():
    with pytest.raises(TypeError, match=r"Value takes a real number, got a Value: .*; use it as it is, or its \.data"):
        Value(Value(1))


def test_abs_keeps_the_gradient():
    x = Value(-2.0)
    (3 * abs(x)).backward()
    assert x.grad == -3.0


def test_unary_plus_keeps_the_gradient():
    x = Value(-2.0)
    (3 * +x).backward()
    assert x.grad == 3.0


def test_sum_of_a_node_with_itself_has_it_as_parent_twice():
    a = Value(2.0)
    assert (a + a).parents == (a, a)


def test_zero_is_false():
    assert bool(Value(0)) is False
    assert bool(Value(0.5)) is True


def test_tanh_derivative_is_taken_at_the_input():
    x = Value(0.5)
    tanh(x).backward()
    assert x.grad == pytest.approx(1.0 / math.cosh(0.5) ** 2, rel=1e-15)


def test_sigmoid_rises():
    x = Value(2.0)
    y = sigmoid(x)
    y.backward()
    assert y.data == pytest.approx(0.8807970779778823, rel=1e-15)
    assert x.grad == pytest.approx(0.10499358540350662, rel=1e-15)


def test_relu_has_derivative_zero_at_zero():
    x = Value(0.0)
    relu(x).backward()
    assert x.grad == 0.0


def test_gradient_that_was_never_computed_is_told_from_a_computed_zero():
    x = Value(0.0)
    y = relu(x)
    assert x.grad is UNREACHED
    y.backward()
    assert x.grad == 0.0
    assert x.grad is not UNREACHED
