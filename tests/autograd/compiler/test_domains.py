"""Domains: a compiled derivative has the errors of its function, wherever an argument leaves the domain later."""

import math

import pytest

from autograd import compile, grad, hessian, log, operation, rules, sin, sqrt, where
from autograd.compiler.backends import BACKENDS
from autograd.rules import Unary

ROWS = [row for row in rules.TABLE.values() if isinstance(row, Unary) and row.domain]
POINTS = [-math.inf, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, math.inf, math.nan]
own = operation("own", math.log, lambda y, x: 1.0 / x)


def outcome(f, x):
    """Return a number, or the message of the error."""
    try:
        return f(x)
    except (ValueError, ArithmeticError) as error:
        return str(error)


def inside(f):
    return next(x for x in (0.5, 2.0) if not isinstance(outcome(f, x), str))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [*ROWS, own, lambda x: log(sin(x)) * x, lambda x: own(x) + x])
def test_compiled_derivatives_have_the_domain_of_the_function(f, backend):
    for transform in (grad, lambda f: grad(grad(f))):
        if f is own and transform is not grad:
            continue
        eager, program = transform(f), compile(transform(f), backend=backend)
        program(inside(eager))
        for x in POINTS:
            wanted = outcome(eager, x)
            near = wanted if isinstance(wanted, str) else pytest.approx(wanted, rel=1e-12, nan_ok=True)
            assert outcome(program, x) == near, x


@pytest.mark.parametrize("backend", BACKENDS)
def test_batch_of_derivatives_names_the_example_outside_of_the_domain(backend):
    program = compile(grad(lambda x: log(sin(x))), batched="x", backend=backend)
    assert program([1.0, 2.0]) == pytest.approx((1.0 / math.tan(1.0) + 1.0 / math.tan(2.0)) / 2.0)
    with pytest.raises(ValueError, match=r"^log is defined for x > 0, got x = -0\.756"):
        program([1.0, 4.0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_side_that_is_not_chosen_has_no_domain(backend):
    f = lambda p: where(p[0] > 0.0, lambda: log(p[1]), p[1])
    slopes, curvatures = compile(grad(f), backend=backend), compile(hessian(f), backend=backend)
    for p in ([1.0, 2.0], [-1.0, -2.0]):
        assert slopes(p) == grad(f)(p)
        assert curvatures(p) == hessian(f)(p)
    with pytest.raises(ValueError, match=r"^log is defined for x > 0, got x = -2\.0"):
        slopes([1.0, -2.0])


UNREACHED = [  # at 0 the second square root has an infinite derivative, which is wanted by nothing
    lambda x: sqrt(x[0]) + where(sqrt(x[1]) > 1.0, 1.0, 0.0),
    lambda x: sqrt(x[0]) * where(sqrt(x[1]) > 1.0, 1.0, x[2]),
    lambda x: sqrt(x[0]) + sqrt(x[1]).detach() * x[2],
]


@pytest.mark.parametrize("batched", [(), "x"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", UNREACHED)
def test_infinite_derivative_that_nothing_asks_for_is_multiplied_by_no_zero(f, backend, batched):
    x = [1.0, 0.0, 2.0]
    compiled = compile(f, backend=backend, batched=batched)
    assert compiled.value_and_grad([x] if batched else x)[1] == ([grad(f)(x)] if batched else grad(f)(x))


@pytest.mark.parametrize("batched", [(), "x"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_beside_the_value_hands_nothing_back(backend, batched):
    compiled = compile(lambda x: (x[0] * x[0], sqrt(x[1])), backend=backend, batched=batched, has_aux=True)
    (value, _), slopes = compiled.value_and_grad([[1.0, 0.0]] if batched else [1.0, 0.0])
    assert (value, slopes) == (1.0, [[2.0, 0.0]] if batched else [2.0, 0.0])
