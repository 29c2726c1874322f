"""Domains: a compiled derivative has the errors of its function, wherever an argument leaves the domain later."""

import itertools
import math

import pytest

import autograd as ad
from autograd import Value, compile, grad, log, operation, rules, sin, sqrt, tanh, where
from autograd.rules import NAry, Unary
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import outcome, pickled

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


# Of several errors, the one of the operation that the function applies first, whatever uses its result, if anything

ORDERS = {  # how three results are put together: what is needed first is at times what was made last
    "as made": lambda a, b, c: a * b * c,
    "turned": lambda a, b, c: c * (b * a),
    "after a loop": lambda a, b, c: c * (repeated(b) + repeated(a)),
    "in a list": lambda a, b, c: ad.fsum([c, b, a]),
    "beside each other": lambda a, b, c: ad.fsum([sin(c)] * 2 + [tanh(b)] + [sin(a)] * 2),
    "the last one only": lambda a, b, c: c,
    "none": lambda a, b, c: 1.0,
}


def repeated(x):
    for _ in range(120):
        x = sin(x) + 0.5
    return x


@pytest.mark.parametrize("order", ORDERS)
def test_error_is_that_of_what_is_applied_first(order):
    def f(x):
        first, second, third = log(x[0]), 1.0 / x[1], sqrt(x[2])
        return ORDERS[order](first, second, third) + x[3]

    plain, slopes, batch = compile(f), compile(grad(f)), compile(lambda x: f(x), batched="x")
    inside = [1.0] * 4
    calls = [plain, plain.value_and_grad, slopes, lambda x: batch.each([inside, x, inside])]
    for call in calls:
        call(inside)
    for signs in itertools.product([0, 1], repeat=3):
        x = [*(-1.0 if sign and k != 1 else 1.0 - sign for k, sign in enumerate(signs)), 2.0]
        if any(signs):
            wanted = outcome(f, list(map(Value, x)))
            assert [outcome(call, x) for call in calls] == [wanted] * 4, x


def test_error_of_what_no_result_uses_is_that_of_a_copy_too():
    program = compile(lambda x: (log(x[1]), 2.0 * x[0])[1]).specialize([1.0, 1.0])
    for made in (program, pickled(program)):
        memory = made.memory()
        memory.plain[:2] = [1.0, -1.0]
        with pytest.raises(ValueError, match=r"^log is defined for x > 0"):
            made.forward(memory)
