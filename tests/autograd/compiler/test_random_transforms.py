"""Transforms of random functions, compiled by every back end, against the eager engine."""

import math

import pytest
from hypothesis import given

from autograd import (
    Value,
    compile,
    fsum,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    taylor,
    value_and_grad,
    vjp,
)
from autograd.functions import flatten
from tests.hypothesis_profiles import max_examples
from tests.oracle import rounding
from tests.random_functions import functions

pytestmark = pytest.mark.usefixtures("backend")


def direction(xs):
    return [1.0 / (k + 2.0) - 0.3 for k in range(len(xs))]


def along(f, xs):
    return lambda t: f([x + t * v for x, v in zip(xs, direction(xs), strict=True)])


def several(f):
    return lambda xs: [f(xs), f(xs) * xs[0], xs[-1], 1.0]


TRANSFORMS = {
    "value": lambda f: f,
    "gradient": grad,
    "value and gradient": value_and_grad,
    "gradient of a gradient": lambda f: grad(lambda xs: fsum([s * s for s in grad(f)(xs)])),
    "hessian": hessian,
    "hessian times a vector": lambda f: lambda xs: hvp(f)(xs, direction(xs)),
    "jacobian": lambda f: jacobian(several(f)),
    "vjp": lambda f: lambda xs: vjp(several(f), xs)[1]([1.0, -0.5, 2.0, 3.0]),
    "jvp": lambda f: lambda xs: jvp(several(f), (xs,), (direction(xs),)),
    "jvp of a gradient": lambda f: lambda xs: jvp(grad(f), (xs,), (direction(xs),))[1],
    "taylor": lambda f: lambda xs: taylor(along(f, xs), 0.0, 3),
}


def assert_close(found, wanted):
    """Hold results against those of the eager engine, within what rounding may have done to either."""
    found, wanted = flatten(found)[0], flatten(wanted)[0]
    assert len(found) == len(wanted)
    for number, value in zip(found, wanted, strict=True):
        exact, slack = (value.data, 4 * rounding(value)) if isinstance(value, Value) else (value, 0.0)
        assert abs(number - exact) <= 1e-12 * abs(exact) + slack or number == exact or not math.isfinite(slack)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform_of_a_random_function_is_as_eager(name):
    @max_examples(3)
    @given(functions())
    def check(f):
        transformed = TRANSFORMS[name](f)
        assert_close(compile(transformed)(f.inputs), transformed([Value(x) for x in f.inputs]))

    check()
