"""Choices in compiled programs: sides guard domains, what is not chosen hands nothing on, and none is kept to."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given

import autograd as ad
from autograd import TraceError, Value, compile, exp, grad, gradients, hessian, hypot, log, sin, sqrt, tanh, where
from autograd.export import to_sympy
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import assert_as_eager, eager, outcome, pickled
from tests.hypothesis_profiles import max_examples
from tests.random_functions import choices

pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.thorough
@max_examples(25)
@given(choices())
def test_random_choices_are_as_eager_to_order_three(choice):
    f, rows = choice, [choice.inputs, [-x for x in choice.inputs]]  # on one side, and often on the other
    for order in range(3):
        compiled, batched = compile(f), compile(lambda xs, f=f: f(xs), batched="xs")
        values, slopes = batched.each(rows), batched.value_and_grad(rows)[1]
        for xs, value, by_xs in zip(rows, values, slopes, strict=True):
            wanted, (one, by_one) = eager(f, xs), compiled.value_and_grad(xs)
            for found in ([one, *by_one], [value, *(2.0 * slope for slope in by_xs)]):
                assert found == pytest.approx(wanted, rel=1e-11, abs=1e-13 * max(map(abs, wanted)))
        f = lambda xs, f=f, order=order: gradients(f(xs), [xs[order % len(xs)]], create_graph=True)[0]


def test_listed_guard_is_right_at_every_side():
    f = compile(lambda x: where(x > 0.0, lambda: log(x), 0.0))
    assert [f.value_and_grad(x) for x in (2.0, -1.0, 0.0)] == [(math.log(2.0), 0.5), (0.0, 0.0), (0.0, 0.0)]


JOINED = {
    "and": lambda x: (x > 0.0) & (x < 1.0), "or": lambda x: (x < 0.0) | (x > 1.0),
    "xor": lambda x: (x > 0.0) ^ (x > 1.0), "a plain bool": lambda x: True & (x < 1.0),
    "several": lambda x: (x > 0.0) & ((x < 1.0) | (x >= 5.0)) & (x < 9.0),
    "equal ones": lambda x: (x > 0.0) ^ (x >= 0.0), "or equal": lambda x: (x <= 0.0) | (x >= 5.0),
}  # fmt: skip
NUMBERS = {
    "a number": lambda x: x,
    "a sum": lambda x: (x > 0.0) * 1.0 + (x < 0.0),
    "a product": lambda x: (x < 5.0) * x,
}


@pytest.mark.parametrize("name", [*JOINED, *NUMBERS])
def test_conditions_are_comparisons_what_joins_them_and_numbers(name):
    points = [-1.0, 0.0, 0.5, 1.0, 2.0, 5.0, 9.0, math.nan]
    f = lambda x: where({**JOINED, **NUMBERS}[name](x), x * x, -1.0)
    wanted = [(f(x), grad(f)(x)) for x in points]
    for x, pair in zip(points, wanted, strict=True):
        assert compile(f).value_and_grad(x) == pytest.approx(pair, nan_ok=True)
    assert compile(f, batched="x").each(points) == pytest.approx([y for y, _ in wanted], nan_ok=True)


def test_condition_that_is_turned_by_tilde_is_an_error_that_says_what_to_write():
    with pytest.raises(TypeError, match=r"exchange the sides: where\(condition, b, a\)"):
        compile(lambda x: where(~(x > 0.0), 0.0, x))(1.0)


def test_comparison_has_no_derivative():
    for f in (lambda x: x > 1.0, lambda x: True, lambda x: np.True_, *JOINED.values()):
        assert compile(f)(0.25) == f(0.25)
        for call in (
            lambda f=f: compile(grad(f))(2.0),
            lambda f=f: compile(f).value_and_grad(2.0),
            lambda f=f: compile(f).value_and_grad(Value(2.0)),
            lambda f=f: compile(f).backward(2.0),
            lambda f=f: compile(f, batched="x").value_and_grad([0.0, 2.0]),
            lambda f=f: compile(f, batched="x").value_and_grad([Value(0.0), Value(2.0)]),
            lambda f=f: compile(lambda x: (f(x), x), has_aux=True).value_and_grad(2.0),
        ):
            with pytest.raises(TypeError, match="returned a comparison, which is true or false and has no derivative"):
                call()


def test_side_that_is_chosen_keeps_its_error():
    f = lambda p: where(p[0] > 0.0, lambda: log(p[1]), lambda: 1.0 / p[1])
    for g in (f, grad(f), hessian(f)):
        program = compile(g)
        assert [program(p) for p in ([1.0, 2.0], [-1.0, -2.0])] == [g(p) for p in ([1.0, 2.0], [-1.0, -2.0])]
        with pytest.raises(ValueError, match=r"^log is defined for x > 0, got x = -2\.0"):
            program([1.0, -2.0])
        with pytest.raises(ZeroDivisionError, match="b != 0"):
            program([-1.0, 0.0])


# What is not chosen hands nothing on, whatever is computed from it

CORNERS = [[0.5, 2.0], [-0.5, 2.0], [0.5, -2.0], [-0.5, -2.0]]
OF_NUMBERS = [  # at the number that is chosen, the outer function has an infinite derivative, or none
    lambda p: sqrt(where(p[0] > 0.0, p[0], 0.0)) + p[1],
    lambda p: ad.asin(where(p[0] > 0.0, p[0], 1.0)) * p[1],
    lambda p: where(p[0] < 0.0, 0.0, p[0] * p[0]) ** 0.5 * p[1],
    lambda p: hypot(where(p[0] > 0.0, p[0], 0.0), where(p[0] > 0.0, p[1], 0.0)),  # nan
]
OF_FUNCTIONS = [  # the side that is not chosen is not defined
    lambda p: exp(where(p[1] > 0.0, lambda: log(p[1]), lambda: p[0])),
    lambda p: where(p[1] > 0.0, lambda: log(p[1]) * p[0], p[0]) ** 2.0,
    lambda p: where(p[1] > 0.0, lambda: p[0] * p[1], lambda: log(1.0 + (p[1] - p[1]) * p[0])),
    lambda p: where(p[0] > 0.0, lambda: p[1], lambda: log((abs(p[1]) + 0.1) ** p[0])),
    lambda p: where(p[1] > 9.0, lambda: log(p[1] - p[1]), lambda: p[0] * p[1]),
    lambda p: p[0] * where(p[1] > 0.0, lambda: p[0] * where(p[0] > 0.0, lambda: log(p[0] * p[1]), p[1]), lambda: p[0]),
]


def test_side_that_is_not_chosen_gets_0_of_an_infinite_derivative_too():
    for f in OF_NUMBERS:  # as in PyTorch
        assert grad(f)([-0.5, 2.0])[0] == 0.0


@pytest.mark.parametrize("f", OF_NUMBERS + OF_FUNCTIONS)
def test_choices_are_compiled_as_they_are_computed_to_the_second_derivative(f):
    slopes, curvatures = compile(grad(f)), compile(hessian(f))
    batch, each = compile(f, batched="p"), compile(lambda p: hessian(f)(p), batched="p").each(CORNERS)
    for n, p in enumerate(CORNERS):
        assert slopes(p) == pytest.approx(grad(f)(p), rel=1e-12, nan_ok=True)
        assert batch.value_and_grad([p])[1][0] == pytest.approx(grad(f)(p), rel=1e-12, nan_ok=True)
        for i, wanted in enumerate(hessian(f)(p)):
            assert curvatures(p)[i] == pytest.approx(wanted, rel=1e-12, nan_ok=True)
            if f in OF_FUNCTIONS:  # all is finite beside a side that is not defined
                assert all(map(math.isfinite, [*wanted, *curvatures(p)[i], *(numbers[n] for numbers in each[i])]))


MORE_EDGES = {row: {(-math.inf, -math.inf): (math.nan,)} for row in (ad.logsumexp, ad.logaddexp)}
STEEP = [  # operations with an infinite slope where they are defined, or with none, and where that is
    (row, xs)
    for row in every_operation()
    for xs, slopes in {**row.edges, **MORE_EDGES.get(row, {})}.items()
    if not all(map(math.isfinite, slopes)) and math.inf not in xs and not any(map(math.isnan, xs))
]
STEEP += [(ad.rules.power_of.member(power), (0.0,)) for power in (0.5, 1.5, 2.5)]  # the last two in higher orders
scaled = lambda y, c: where(c, lambda: 0.9 * y, lambda: y)
OUTSIDE = {  # what a function of a number computed before has as a side, and a condition that does not hold at the edge
    "alone": lambda y, c: where(c, lambda: y, 0.0),
    "in an operation": lambda y, c: where(c, lambda: sin(y) * y, 2.0),
    "after operations": lambda y, c: (lambda z: where(c, lambda: exp(z), 2.0))(1.0 - tanh(y) * 0.5),
    "in both sides": lambda y, c: where(c, lambda: sin(y), lambda: 3.0) + where(c, lambda: y * y, lambda: 1.0),
    "in a choice in the side": lambda y, c: where(c, lambda: where(c, lambda: 2.0 * y, lambda: y), 1.0),
    "in the other choice in it": lambda y, c: where(1.0 - c, lambda: where(c, lambda: tanh(y), lambda: 4.0), lambda: y),
    "in what another side returned": lambda y, c: (lambda k: (lambda w: where(c, lambda: w * w, 2.0))(
        where(1.0 - c, lambda: 1.0 - k, 0.0)))(tanh(y)),
    "in a choice of a number": lambda y, c:
        (lambda w: where(c, lambda: 1.0 / w, 2.0))(where(c < 0.5, 0.0, lambda: exp(tanh(y)))),
    "in what three choices chose": lambda y, c:
        (lambda z: where(c, lambda: z * z, 2.0))(scaled(scaled(scaled(tanh(y), c), 1.0 - c), c)),
    "in another operation": lambda y, c: (lambda z: where(c, lambda: z * 2.0, 2.0))(sqrt(abs(tanh(y)))),
    "in a side of a choice of it or a number": lambda y, c: (lambda w: (lambda v: where(c, lambda: v, lambda: 3.0))(
        where(1.0 - c, lambda: tanh(w), 1.0)))(where(y > 1e9, 2.0, tanh(y))),
}  # fmt: skip


@pytest.mark.sample(8)
@pytest.mark.parametrize("place", OUTSIDE)
@pytest.mark.parametrize(("row", "edge"), STEEP, ids=lambda part: getattr(part, "name", None))
def test_side_that_is_not_chosen_hands_nothing_to_an_infinite_slope_outside_of_it(row, edge, place):
    def f(xs):
        *operands, choice = xs
        return OUTSIDE[place](row.apply(operands), where(choice > 0.0, 1.0, 0.0)) + sum(operands) * 0.5

    values = check_beside_an_infinite_slope(f, row, edge)
    if -math.inf not in edge:
        assert math.isfinite(sum(values))


def check_beside_an_infinite_slope(f, row, edge):
    """Compare programs of f of the row's operands, and a choice, with eager derivatives; return those at the edge."""
    inside = [1.5 if row is ad.acosh else 0.5] * len(edge)
    points = [[*edge, -1.0], [*inside, -1.0], [*inside, 1.0]]
    assert_as_eager(f, points, least=1e-15)
    slopes = compile(grad(f))
    for xs in points:
        assert slopes(xs) == pytest.approx(eager(f, xs)[1:], rel=1e-12, abs=1e-15, nan_ok=True)
    for xs in points[:2]:
        rows = [pytest.approx(line, rel=1e-10, abs=1e-13, nan_ok=True) for line in hessian(f)(xs)]
        assert compile(hessian(f))(xs) == rows
    return eager(f, points[0])


DOUBLED = ad.operation("doubled", lambda x: {True: 2.0 * x}[x == x], lambda y, x: 2.0)  # which does not take nan
BETWEEN = {  # an infinite slope, in a function that is called, and the side
    "nothing": lambda y, c: y(),
    "a choice": lambda y, c: where(c < 5.0, y, 1.0),
    "choices in choices": lambda y, c: where(c > 5.0, 1.0, lambda: where(c > -5.0, lambda: sin(y()), lambda: 2.0 * c)),
    "a choice and operations": lambda y, c: tanh(ad.maximum(sin(where(c < 5.0, y, lambda: c)), -3.0)),
    "a root": lambda y, c: ad.root(lambda z, p: z + z**3 - p, 0.5, y()),
    "a minimum": lambda y, c: ad.argmin(lambda z, p: (z - p) ** 2 + z * z, 0.5, y()),
    "an own operation": lambda y, c: DOUBLED(y()),
    "a vectorized one": lambda y, c: VECTORIZED(y()),
    "a compiled choice": lambda y, c: compile(lambda c: where(c < 5.0, y, 1.0))(c),
    "a gradient": lambda y, c: grad(lambda z: z * z * where(c < 5.0, y, z))(c),
}
VECTORIZED = ad.operation("vectorized", lambda x: 2.0 * x, lambda y, x: 2.0, vectorized=True)
GATES = {
    "a function": lambda q, c: where(c > 0.0, lambda: sin(q) * c, 0.0),
    "beside a number": lambda q, c: where(c > 0.0, lambda: q * c, q),
    "a number": lambda q, c: where(c > 0.0, q, lambda: c * c),
    "and outside of it": lambda q, c: where(c < 0.0, lambda: q * c * c, c) - 0.5 * q,
}


@pytest.mark.sample(20)
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize(
    ("row", "edge"), [part for part in STEEP if -math.inf not in part[1]], ids=lambda part: getattr(part, "name", None)
)
def test_nothing_between_an_infinite_slope_and_a_side_keeps_it_from_handing_back_nothing(row, edge, between, gate):
    def f(xs):
        *operands, c = xs
        return GATES[gate](BETWEEN[between](lambda: row.apply(operands), c), c) + sum(operands) * 0.5

    found = check_beside_an_infinite_slope(f, row, edge)
    assert math.isfinite(sum(found)) or gate not in ("a function", "a number")


CHOSEN = {  # the chosen side of a choice, of which the other one hands back nothing
    "functions": lambda c, a, b: where(c > 0.0, lambda: a, lambda: b),
    "a number or a function": lambda c, a, b: where(c > 0.0, a, lambda: b),
    "a function or a number": lambda c, a, b: where(c <= 0.0, lambda: b, a),
}


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize(
    ("row", "edge"), [(row, xs) for row, xs in STEEP if len(xs) == 1 and -math.inf not in xs],
    ids=lambda part: getattr(part, "name", None),
)  # fmt: skip
def test_infinite_slope_after_a_choice_does_not_arrive_at_the_side_that_is_not_chosen(row, edge, name):
    def f(xs):
        x, c = xs
        return x * row(CHOSEN[name](c, edge[0] + (0.5 if row is ad.acosh or edge[0] <= 0.0 else -0.5) * x, edge[0]))

    check_beside_an_infinite_slope(f, row, (0.7,))


SOLVING = {  # transforms and solvers, in a side, of what was computed outside of it
    "root": lambda z: ad.root(lambda y: y + y**3 - z, 0.1),
    "argmin": lambda z: ad.argmin(lambda y: (y - z) ** 2 + y**4, 0.1),
    "grad": lambda z: grad(lambda q: q**3 * z)(z),
    "jvp": lambda z: ad.jvp(lambda q: q**3 * z, (z,), (z,))[1],
    "taylor": lambda z: ad.taylor(lambda q: q**3 * z, z, 2)[2],
    "compiled": lambda z: compile(lambda q: q**3 * z)(z),
}


@pytest.mark.sample(12)
@pytest.mark.parametrize("second", SOLVING)
@pytest.mark.parametrize("first", SOLVING)
@pytest.mark.parametrize(
    ("row", "edge"), [(row, xs) for row, xs in STEEP if len(xs) == 1], ids=lambda part: getattr(part, "name", None)
)
def test_side_may_solve_and_differentiate_what_an_infinite_slope_is_before(row, edge, first, second):
    def f(x):
        z = row(x)
        return where(x < 1e3, lambda: SOLVING[first](z) * SOLVING[second](x * z), 0.0)

    x = 1.2 if row is ad.acosh else 0.6
    assert compile(grad(f))(x) == pytest.approx(grad(f)(x), rel=1e-12)
    assert compile(hessian(f))(x) == pytest.approx(hessian(f)(x), rel=1e-10)


LINKS = {  # of a chain of choices, one after the other, and how many: fewer where a side takes nothing from before it
    "functions": (12, lambda v, c: where(c, lambda: 0.9 * v, lambda: v)),
    "a function and a number": (12, lambda v, c: where(c, lambda: 0.9 * v, v)),
    "choices in choices": (10, lambda v, c: where(c, lambda: where(v > 9.0, lambda: 0.9 * v, v), lambda: v)),
    "an operation on a number": (2, lambda v, c: where(c, lambda: v, 0.9 * v)),
    "a constant": (4, lambda v, c: where(c, 0.25, lambda: v * 0.9)),
}


@pytest.mark.parametrize("name", LINKS)
def test_choices_between_an_infinite_slope_and_a_side_do_not_make_it_farther(backend, name):
    links, link = LINKS[name]

    def f(p):
        v = sqrt(p[0])
        for limit in range(links):
            v = link(v, p[1] > 10.0 * limit)
        return where(v > 1.0, lambda: v * v, 0.0)

    points = [[0.0, 10.0 * number - 5.0] for number in range(links + 1)]
    program, slopes = compile(f), compile(grad(f))
    assert [program.value_and_grad(p) for p in points] == [ad.value_and_grad(f)(p) for p in points]
    assert [slopes(p) for p in points] == [grad(f)(p) for p in points]


SHARED = {  # sides that take several numbers from behind one slope, and their derivatives in other modes
    "polar coordinates": lambda v:
        (lambda r: where(v[0] > 0.0, lambda: v[0] / r * (v[1] * r), lambda: v[0]))(hypot(*v)),
    "a root twice": lambda v:
        (lambda r: where(v[0] > 0.5, lambda: r * (2.0 * r), lambda: v[0]))(sqrt(v[0] * v[0] + v[1])),
    "one choice in two": lambda v: (
        lambda r: where(r > 1.0, lambda: sqrt(r), lambda: r * r) * where(r > 1.0, lambda: r, lambda: 2.0 * r)
    )(where(v[0] > 0.0, lambda: sqrt(v[1]), lambda: v[0] * v[0])),
    "huber": lambda v: ad.fsum([where(abs(a) < 1.0, lambda a=a: a * a / 2.0, lambda a=a: abs(a) - 0.5) for a in v]),
    "an exponent": lambda v: 2.0 ** where(v[0] > 0.0, lambda: v[0], lambda: -v[1]),
    "a base": lambda v: where(v[0] > 0.5, lambda: sqrt(v[1]), lambda: v[1]) ** (1.0 + v[0] * v[0]),
    "a decay": lambda v: 0.5 ** where(v[1] > 1.0, lambda: v[1] - 1.0, lambda: 0.0 * v[0]),
}  # fmt: skip
IN_MODES = {
    "value": lambda f: f, "grad": grad, "hessian": hessian, "hvp": lambda f: lambda v: ad.hvp(f)(v, [1.0, -2.0]),
    "jvp of grad": lambda f: lambda v: ad.jvp(grad(f), (v,), ([1.0, -2.0],))[1],
    "jacobian beside": lambda f: ad.jacobian(lambda v: [f(v), *grad(f)(v), *v]),
}  # fmt: skip
PAIRS_OF_NUMBERS = [[0.7, 0.6], [-0.7, 0.4], [2.0, 1.5], [-2.0, 3.0]]


@pytest.mark.parametrize("mode", IN_MODES)
@pytest.mark.parametrize("name", SHARED)
def test_choices_that_share_numbers_are_as_eager_in_every_mode(name, mode):
    f = IN_MODES[mode](SHARED[name])
    for first in PAIRS_OF_NUMBERS[:2]:  # on either side
        compiled = compile(f)
        compiled(first)
        for xs in PAIRS_OF_NUMBERS:
            assert np.ravel(compiled(xs)) == pytest.approx(np.ravel(f(xs)), rel=1e-12, abs=1e-13), (first, xs)


OF_TWO = {
    "functions": lambda v: where(v[0] > 1.0, lambda: v[0] * v[1], lambda: v[1] ** 3 * v[0]),
    "numbers": lambda v: where(v[0] > 1.0, v[0] * v[1], v[1] ** 3 * v[0]),
    "a domain": lambda v: where(v[0] > 1.0, lambda: log(v[0] - 0.5) * v[1], v[1] ** 3 * v[0]),
    "a choice in a side": lambda v: where(
        v[0] > 1.0, lambda: where(v[1] > 1.0, lambda: v[0] * v[1], lambda: v[0] ** 2), lambda: v[1] ** 3 * v[0]),
}  # fmt: skip
TRANSFORMED = {  # each a function of two numbers that returns one, as what it transforms; along the numbers themselves
    "grad": lambda f: lambda v: ad.dot(grad(f)(v), [1.0, 2.0]),
    "jvp": lambda f: lambda v: ad.jvp(f, (v,), ([v[1], 2.0],))[1],
    "hvp": lambda f: lambda v: ad.dot(ad.hvp(f)(v, [v[1], 0.5]), [1.0, 2.0]),
    "vjp": lambda f: lambda v: ad.vjp(f, v)[1](v[0])[0][1],
    "hessian": lambda f: lambda v: hessian(f)(v)[0][1],
    "taylor": lambda f: lambda v: ad.taylor(lambda t: f([v[0], t * v[0]]), v[1], 2)[2],
}  # fmt: skip


@pytest.mark.parametrize("inner", TRANSFORMED)
@pytest.mark.parametrize("outer", TRANSFORMED)
def test_transform_of_a_transform_of_a_choice_is_as_eager(outer, inner):
    for f in OF_TWO.values():
        f = TRANSFORMED[outer](TRANSFORMED[inner](f))
        program, slopes = compile(f), compile(grad(f))
        for v in ([0.3, 2.0], [1.3, 2.0], [1.3, 0.5]):
            value, gradient = ad.value_and_grad(f)(v)
            assert program.value_and_grad(v) == (pytest.approx(value, rel=1e-12), pytest.approx(gradient, rel=1e-12))
            assert slopes(v) == pytest.approx(gradient, rel=1e-12)


def program_of_shared_choices(rng):
    """Return a random function of three numbers, of steps that take what others have made, in sides too."""
    unary = [
        lambda a, b: sqrt(abs(a)),
        lambda a, b: a * a,
        lambda a, b: 1.0 / (a * a + 0.5),
        lambda a, b: 2.0 ** tanh(a),
    ]
    binary = [
        lambda a, b: a * b,
        lambda a, b: a + b,
        lambda a, b: a / (1.0 + b * b),
        hypot,
        lambda a, b: ad.relu(a) * b,
    ]
    kinds = ["operation", "operation", "functions", "functions", "numbers"]
    steps = [
        (rng.choice(kinds), *[rng.randrange(max(0, n - 4), n) for _ in range(3)], rng.choice([0.0, 0.5, 1.0]),
         rng.choice(unary + binary), rng.choice(binary))
        for n in range(3, 11)
    ]  # fmt: skip

    def f(xs):
        v = [*xs]
        for kind, i, j, c, t, one, other in steps:
            if kind == "operation":
                v.append(one(v[i], v[j]))
            elif kind == "functions":
                v.append(where(v[c] > t, lambda: other(v[i], v[j]), lambda: one(v[j], v[i])))  # noqa: B023 called at once
            else:
                v.append(where(v[c] > t, other(v[i], v[j]), v[i]))
        return v[-1] + v[-2] * v[-3] + 0.0 * v[0]

    return f


@pytest.mark.sample(8)
@pytest.mark.parametrize("seed", range(48))
def test_random_programs_of_shared_choices_are_as_eager_in_every_mode(seed):
    f, step = program_of_shared_choices(random.Random(seed)), [1.0, 0.5, -2.0]
    along = lambda xs: ad.dot(grad(f)(xs), step)
    for g in (f, grad(f), grad(along), lambda xs: ad.jvp(grad(f), (xs,), (step,))[1]):
        compiled = compile(g)
        for xs in ([0.3, 0.8, -0.6], [-0.7, 1.3, 0.4], [1.5, -0.2, 0.9]):
            wanted = np.ravel(g(xs))
            slack = 1e-9 * (1.0 + max(filter(math.isfinite, abs(wanted)), default=0.0))
            assert np.ravel(compiled(xs)) == pytest.approx(wanted, rel=1e-9, abs=slack, nan_ok=True), xs


def test_choices_are_looked_at_by_detect_anomaly_as_numbers():
    f = OF_FUNCTIONS[1]
    with ad.detect_anomaly():
        assert hessian(lambda p: where(p[0] < p[1], p[0] * p[1], p[1]) ** 2.0)([0.5, 2.0]) == [[8.0, 4.0], [4.0, 0.5]]
        assert grad(f)([0.5, -2.0]) == [1.0, 0.0]


@pytest.mark.parametrize("f", OF_FUNCTIONS)
def test_first_call_in_a_detect_anomaly_block_takes_no_offence_at_a_side_that_is_not_chosen(f):
    for p in CORNERS:
        wanted = grad(f)(p)
        with ad.detect_anomaly():
            assert compile(f)(p) == pytest.approx(f(p), rel=1e-12)
            assert compile(grad(f))(p) == pytest.approx(wanted, rel=1e-12)
            assert compile(f).value_and_grad(p)[1] == pytest.approx(wanted, rel=1e-12)
            assert compile(f, batched="p").each([p, p]) == pytest.approx([f(p)] * 2, rel=1e-12)


@pytest.mark.parametrize("used", ["everywhere", "innermost"])
def test_choices_within_choices_may_be_as_deep_as_python_calls(used):
    def f(x):
        y = x if used == "everywhere" else 2.0 * x
        nested = lambda k: sin(y) if k == 0 else where(x > 1.0 + k, lambda: x * k, lambda: nested(k - 1))
        return nested(130)

    program = compile(f)
    for x in (0.5, 60.5):
        assert program.value_and_grad(x) == pytest.approx(ad.value_and_grad(f)(x), rel=1e-12)


# A graph knows nothing of a condition that was a plain bool

MADE = {
    "numbers": lambda x: where(x > 0.0, x, -2.0 * x),
    "functions": lambda x: where(x > 0.0, lambda: x, lambda: -2.0 * x),
    "a bool of its data": lambda x: where(x.data > 0.0, x, 0.0),
    "inside of other operations": lambda x: exp(sin(where(x > 0.0, x, 1.0)) * 2.0),
    "after operations": lambda x: where(x > 0.0, tanh(x * x), 1.0),
    "a bool of NumPy": lambda x: where((np.array([x]) > 0.0)[0], x, 0.0),
    "any of an array": lambda x: where(np.any(np.array([x]) > 0.0), x, 0.0),
    "an array of bools": lambda x: where(np.array([x]) > 0.0, [x], 0.0)[0],
    "an array of both": lambda x: where(np.array([x > 0.0, Value(1.0)], dtype=object), x, 0.0)[0],
    "an array of sides": lambda x: where(x > 0.0, np.array([x]), 0.0)[0],
    "an int": lambda x: where((x > 0.0) * 1, x, 0.0),
    "a float": lambda x: where((x > 0.0) * 1.0, x, 0.0),
}
NOT_COMPILED = [  # what asks for a number, or for a truth value
    "a bool of its data", "a bool of NumPy", "any of an array", "an array of bools",
]  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_choice_that_was_made_when_the_graph_was_built_is_refused(name):
    x = Value(1.0, "x")
    for wrt in (None, [x]):
        with pytest.raises(TraceError, match=r"(?s)plain bool or number, such as that of x > 0.*compile\(f\).*wrt="):
            compile(MADE[name](x), wrt=wrt)
    if name not in NOT_COMPILED:
        compiled = compile(MADE[name])
        assert [compiled(at) for at in (1.0, -1.0)] == [MADE[name](Value(at)).data for at in (1.0, -1.0)]


OF_A_CHOICE = {  # side by side, and beside others
    "numbers": lambda x: where(x > 0.0, x * x, -2.0 * x),
    "functions": lambda x: where(x > 0.0, lambda: x * x, lambda: -2.0 * x),
    "that is a line there": lambda x: where(x > 0.0, lambda: 3.0 * x, lambda: x * x),
    "a number there": lambda x: where(x > 0.0, 2.0, x),
    "beside others": lambda x: x * x + sin(where(x > 0.0, x, x * x)) * x,
    "in a partial": ad.operation("clipped", lambda x: x * x, lambda y, x: where(x > 0.0, lambda: 3.0 * x * x, 0.0)),
}
DERIVATIVES = {  # the derivative of a graph that is Values
    "gradients": lambda f, x: gradients(f(x), [x], create_graph=True)[0],
    "grad": lambda f, x: grad(f)(x), "value_and_grad": lambda f, x: ad.value_and_grad(f)(x)[1],
    "grad of a list": lambda f, x: grad(lambda v: f(v[0]))([x])[0],
    "hessian": lambda f, x: hessian(f)(x), "hvp": lambda f, x: ad.hvp(f)(x, 1.0),
    "vjp": lambda f, x: ad.vjp(f, x)[1](1.0)[0], "jvp": lambda f, x: ad.jvp(f, (x,), (1.0,))[1],
    "jacobian": lambda f, x: ad.jacobian(lambda x: [x, f(x)])(x)[1],
    "sparse jacobian": lambda f, x: ad.jacobian(lambda v: [f(v[0])], sparse=True)([x]).data[0],
    "taylor": lambda f, x: ad.taylor(f, x, 2)[2], "taylor_ode": lambda f, x: ad.taylor_ode(f, x, 2)[1],
    "root": lambda f, x: grad(lambda p: ad.root(lambda z: z - f(p), 0.5))(x),
}  # fmt: skip


@pytest.mark.sample(6)
@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", OF_A_CHOICE)
def test_derivative_of_a_choice_that_was_made_is_refused_as_the_choice_is(name, derivative):
    f, of, x, v = OF_A_CHOICE[name], DERIVATIVES[derivative], Value(1.0, "x"), Value(3.0, "v")
    graph = of(f, x)
    for wrt in (None, [x]):
        with pytest.raises(TraceError, match="plain bool or number, such as that of x > 0"):
            compile(graph * v, wrt=wrt)
    for read in (lambda: ad.evaluate(graph, {x: -3.0}), lambda: to_sympy(graph)):
        with pytest.raises(RuntimeError, match="reads the graph that was built"):
            read()
    assert compile(graph * v, wrt=[v]).value_and_grad([2.0]) == (2.0 * graph.data, [graph.data])
    if derivative != "gradients":
        assert of(lambda x: f(x), 1.0) == graph.data


KINKS = {
    "abs": abs, "relu": ad.relu, "leaky_relu": ad.leaky_relu, "elu": ad.elu, "sign": lambda x: x * ad.sign(x),
    "maximum": lambda x: ad.maximum(x, 0.5), "clip": lambda x: ad.clip(x, -1.0, 1.0) * x,
    "mod": lambda x: x * (x % 1.0), "relu of relu": lambda x: ad.relu(2.0 - ad.relu(x)),
    "a power": lambda x: (abs(x) + 1.0) ** x,
}  # fmt: skip


@pytest.mark.sample(5)
@pytest.mark.parametrize("derivative", DERIVATIVES)
@pytest.mark.parametrize("name", KINKS)
def test_derivative_of_a_kink_is_a_graph_of_all_its_sides(name, derivative):
    f, of, x = KINKS[name], DERIVATIVES[derivative], Value(1.25, "x")
    graph = of(f, x)
    program = compile(graph, wrt=[x])
    for at in (-2.0, -0.75, 0.0, 0.5, 1.0, 3.0):
        wanted = pytest.approx(of(f, Value(at)).data, rel=1e-12)
        assert program.value_and_grad([at])[0] == wanted
        assert ad.evaluate(graph, {x: at}) == wanted


def test_derivative_by_what_no_choice_is_on_the_way_of_is_a_graph_without_it():
    x, v = Value(1.0, "x"), Value(3.0, "v")
    by_x, by_v = gradients(where(x > 0.0, x * x, x) + v * v, [x, v], create_graph=True)
    assert compile(by_v).value_and_grad([5.0]) == (10.0, [2.0])
    first, second = ad.jvp(lambda x, v: [v * v, where(x > 0.0, x, v)], (x, v), (0.0, 1.0))[1]
    assert compile(first).value_and_grad([5.0]) == (10.0, [2.0])
    for graph in (by_x, second):
        with pytest.raises(TraceError, match="plain bool"):
            compile(graph)


def test_choice_that_no_leaf_of_wrt_may_change_is_part_of_the_graph():
    x, w = ad.Constant(1.0), Value(3.0)
    assert compile(w * where(x > 0.0, x, -x), wrt=[w]).value_and_grad([5.0])[0] == 5.0


def choice_in_a_side(bound, inner, other):
    return lambda x, c: where(x > 0.0, lambda: where(c < bound, lambda: inner(x), lambda: other(x)), lambda: x)


@pytest.mark.parametrize("first", [-1.0, 2.0, 7.0])
def test_error_of_an_inner_side_is_that_sides_alone(first):
    for bound, order in ((5.0, 1), (-5.0, -1)):
        program = compile(choice_in_a_side(bound, *[lambda x: 2.0 * x, lambda x: math.sqrt(-1.0)][::order]))
        program(min(first, 0.0), first)
        for x, c in ((-1.0, 2.0), (-1.0, 7.0), (2.0, 2.0)):
            assert program(x, c) == (x if x < 0.0 else 2.0 * x)
        with pytest.raises(ValueError, match=r"math domain|nonnegative"):
            program(2.0, 7.0 * order)


FAILING = {  # of plain numbers and nodes that do not depend on what is chosen by
    "of one operand": lambda: log(Value(-1.0)), "of two operands": lambda: Value(1.0) / Value(0.0),
    "a power": lambda: Value(-1.0) ** Value(0.5), "of many operands": lambda: ad.fsum([Value(1e308), Value(1e308)]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_side_that_is_not_chosen_may_fail_while_it_is_traced(name):
    program = compile(lambda x: where(x > 0.0, lambda: FAILING[name]() * x, x * 2.0))
    assert program.value_and_grad(-1.0) == (-2.0, 2.0)


def raised(kind):
    raise kind("of a user's function")


PLAIN = {  # errors of plain numbers, as Python or a function of floats raises them
    "log": lambda: log(-40.0), "a division": lambda: 1.0 / 0.0, "math": lambda: math.exp(1000.0),
    "an overflow": lambda: ad.fsum([1e308, 1e308]), "of a user": lambda: raised(ValueError),
    "not there yet": lambda: raised(NotImplementedError), "no solution": lambda: raised(RuntimeError),
    "in a side": lambda: where(Value(1.0) > 0.0, lambda: math.sqrt(-1.0), 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_side_of_plain_numbers_raises_where_it_is_chosen_and_nowhere_else(name):
    def f(x):
        return where(x > 0.0, lambda: PLAIN[name]() * x * x, lambda: where(x > -9.0, x * x, lambda: PLAIN[name]() * x))

    value, slope, batch, wanted = compile(f), compile(grad(f)), compile(f, batched="x"), outcome(f, 1.0)
    assert value.value_and_grad(-2.0) == (f(-2.0), grad(f)(-2.0)) == (4.0, -4.0)
    assert (slope(-2.0), compile(hessian(f))(-2.0), batch.each([-1.0, -2.0]).tolist()) == (-4.0, 2.0, [1.0, 4.0])
    for x in (1.0, -10.0):
        for call in (value, value.value_and_grad, slope, lambda x: batch.each([-1.0, x]), compile(f)):
            assert outcome(call, x) == wanted
    assert value(-2.0) == 4.0
    again = pickled(value.specialize(-2.0))
    memory = again.memory(1)
    memory.plain[:] = -2.0
    assert again.forward(memory)[0] == 4.0


def test_condition_may_be_a_value_that_is_known():
    x = Value(3.0)
    for condition, wanted, slope in ((1.0, 6.0, 2.0), (0.0, 4.0, 0.0)):
        y = where(Value(condition), lambda: x * 2.0, lambda: 4.0) + 0.0 * x
        assert (y.data, gradients(y, [x])) == (wanted, [slope])


SIDES = {"nothing": None, "a list": [1.0, 2.0], "a tuple": (1.0,), "a dict": {"a": 1.0}, "text": "a", "complex": 1j}


@pytest.mark.parametrize("side", SIDES.values(), ids=SIDES)
def test_side_that_returns_no_number_is_the_same_error_whatever_the_condition(side):
    said = set()
    for chosen, condition in itertools.product([True, False], [float, bool, Value, np.array, np.bool_, compile]):
        sides = [lambda: side, lambda: 0.0][:: 1 if chosen else -1]
        if condition is compile:
            f = compile(lambda x, sides=sides: where(x > 0.0, *sides))
            call = lambda f=f, chosen=chosen: f(float(chosen))
        else:
            call = lambda c=condition, chosen=chosen, sides=sides: where(c(chosen), *sides)
        with pytest.raises(TypeError, match="where takes a real number, got a") as caught:
            call()
        said.add(str(caught.value))
    assert len(said) == 1


def test_condition_of_no_dimensions_chooses_between_numbers_and_between_functions():
    a, b = Value(1.0), Value(2.0)
    for condition, kind in itertools.product([True, False], [np.array, np.bool_, bool, float, Value]):
        for sides in [(a, b), (lambda: a, lambda: b), (lambda: a, b)]:
            y = where(kind(condition), *sides)
            assert (type(y), y.data) == (Value, 1.0 if condition else 2.0)
            assert gradients(y, [a, b]) == [float(condition), float(not condition)]
    x = Value(3.0)
    assert where(np.array(x), lambda: x * 2.0, 0.0).data == 6.0
