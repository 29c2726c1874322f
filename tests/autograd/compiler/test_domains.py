"""Domains: a compiled derivative has the errors of its function, wherever an argument leaves the domain later."""

import itertools
import math

import pytest

from autograd import compile, grad, hessian, log, operation, rules, sin, sqrt, where
from autograd.rules import NAry, Unary
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import outcome

pytestmark = pytest.mark.usefixtures("backend")

ROWS = [row for row in rules.TABLE.values() if isinstance(row, Unary) and row.domain]
POINTS = [-math.inf, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, math.inf, math.nan]
own = operation("own", math.log, lambda y, x: 1.0 / x)


@pytest.mark.parametrize("f", [*ROWS, own, lambda x: log(sin(x)) * x, lambda x: own(x) + x])
def test_compiled_derivatives_have_the_domain_of_the_function(f):
    for transform in (grad, lambda f: grad(grad(f))):
        if f is own and transform is not grad:
            continue
        eager, program = transform(f), compile(transform(f))
        program(next(x for x in (0.5, 2.0) if not isinstance(outcome(eager, x), tuple)))
        for x in POINTS:
            wanted = outcome(eager, x)
            near = wanted if isinstance(wanted, tuple) else pytest.approx(wanted, rel=1e-12, nan_ok=True)
            assert outcome(program, x) == near, x


WITH_DOMAIN = [row for row in every_operation() if row.domain and not isinstance(row, NAry)]


@pytest.mark.parametrize("row", WITH_DOMAIN, ids=lambda row: row.name)
def test_operation_within_a_program_has_its_domain_also_beside_nan(row):
    f = lambda xs: where(row.apply(xs) > 0.0, 1.0, 2.0)
    program, batch = compile(f), compile(f, batched="xs")
    points = [list(xs) for xs in itertools.product([*POINTS, -0.0], repeat=row.arity)][:: 1 if row.arity < 3 else 7]
    eager = [outcome(f, xs) for xs in points]
    inside = next(xs for xs, wanted in zip(points, eager) if wanted in (1.0, 2.0))
    for xs, wanted in zip(points, eager, strict=True):
        assert outcome(program, xs) == wanted, xs
        assert outcome(lambda rows: batch.each(rows)[1], [inside, xs]) == wanted, xs


def test_batch_of_derivatives_names_the_example_outside_of_the_domain():
    program = compile(grad(lambda x: log(sin(x))), batched="x")
    assert program([1.0, 2.0]) == pytest.approx((1.0 / math.tan(1.0) + 1.0 / math.tan(2.0)) / 2.0)
    with pytest.raises(ValueError, match=r"^log is defined for x > 0, got x = -0\.756"):
        program([1.0, 4.0])


def test_side_that_is_not_chosen_has_no_domain():
    f = lambda p: where(p[0] > 0.0, lambda: log(p[1]), p[1])
    slopes, curvatures = compile(grad(f)), compile(hessian(f))
    for p in ([1.0, 2.0], [-1.0, -2.0]):
        assert (slopes(p), curvatures(p)) == (grad(f)(p), hessian(f)(p))
    with pytest.raises(ValueError, match=r"^log is defined for x > 0, got x = -2\.0"):
        slopes([1.0, -2.0])


UNREACHED = [  # at 0 the second square root has an infinite derivative, which is wanted by nothing
    lambda x: sqrt(x[0]) + where(sqrt(x[1]) > 1.0, 1.0, 0.0),
    lambda x: sqrt(x[0]) * where(sqrt(x[1]) > 1.0, 1.0, x[2]),
    lambda x: sqrt(x[0]) + sqrt(x[1]).detach() * x[2],
]


@pytest.mark.parametrize("f", UNREACHED)
def test_infinite_derivative_that_nothing_asks_for_is_multiplied_by_no_zero(f):
    x = [1.0, 0.0, 2.0]
    assert compile(f).value_and_grad(x)[1] == grad(f)(x)
    assert compile(f, batched="x").value_and_grad([x])[1] == [grad(f)(x)]
    beside = lambda x: (x[0] * x[0], sqrt(x[1]))  # what is beside the value hands nothing back
    (value, _), slopes = compile(beside, has_aux=True).value_and_grad([1.0, 0.0])
    assert (value, slopes) == (1.0, [2.0, 0.0])
    (value, _), slopes = compile(beside, has_aux=True, batched="x").value_and_grad([[1.0, 0.0]])
    assert (value, slopes) == (1.0, [[2.0, 0.0]])
