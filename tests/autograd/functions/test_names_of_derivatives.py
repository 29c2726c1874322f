"""Names of derivatives: what a derivative of f is called, and the parameters that it has."""

import inspect

import pytest

from autograd import grad, hessian, hvp, jacobian, value_and_grad


def energy(a, b=2.0, *, k=1.0):
    return a * b * k


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_derivative_has_the_name_and_the_parameters_of_its_function(transform):
    derivative, name = transform(energy), transform.__name__
    assert inspect.signature(derivative) == inspect.signature(energy)
    assert (derivative.__name__, derivative.__qualname__) == (f"{name}(energy)",) * 2
    assert derivative.__doc__ == f"Return the {name} of energy."


def test_product_with_the_hessian_has_a_parameter_more():
    assert list(inspect.signature(hvp(energy)).parameters) == ["args", "keywords"]
    assert hvp(energy).__name__ == "hvp(energy)"
