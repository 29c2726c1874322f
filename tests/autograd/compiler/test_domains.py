"""Domains: a compiled derivative has the errors of its function, and none of a side that is not chosen, also of nan."""

import itertools
import math

import pytest

import autograd as ad
from autograd import Value, compile, grad, log, operation, rules, sin, sqrt, tanh, where
from autograd.compiler.lowering import Lowering
from autograd.rules import NAry, Unary
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import outcome, pickled

pytestmark = pytest.mark.usefixtures("backend")

ROWS = [row for row in rules.TABLE.values() if isinstance(row, Unary) and row.domain]
POINTS = [-math.inf, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, math.inf, math.nan]
own, INVERSE = (
    operation("own", math.log, lambda y, x: 1.0 / x),
    operation("inverse", lambda x: 1.0 / x, lambda y, x: -y * y),
)


def near(found):
    return found if isinstance(found, tuple) else pytest.approx(found, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("f", [*ROWS, own, lambda x: log(sin(x)) * x, lambda x: own(x) + x])
def test_compiled_derivatives_have_the_domain_of_the_function(f):
    for transform in (grad, lambda f: grad(grad(f))):
        if f is own and transform is not grad:
            continue
        eager, program = transform(f), compile(transform(f))
        program(next(x for x in (0.5, 2.0) if not isinstance(outcome(eager, x), tuple)))
        for x in POINTS:
            assert outcome(program, x) == near(outcome(eager, x)), x


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


# Operations that make a number of nan, such as nan < 0: a side that is not chosen raises nothing behind them


def swallowing():
    """Yield operations, with the constants beside which they make a number of nan, and the number."""
    for row in every_operation():
        arity = row.arity or 2
        for at in itertools.product([math.nan, 0.0, 1.0, math.inf], repeat=arity):
            number = outcome(row.evaluate, at)
            if any(map(math.isnan, at)) and not isinstance(number, tuple) and not math.isnan(number):
                yield row, at, number
                break


def raising():
    """Yield operations with operands of which they have no number, where one of them is another one."""
    for row in every_operation():
        arity = row.arity or 2
        for at in itertools.product([0.0, 1.0, -1.0, 2.0, -2.0, math.inf, 800.0], repeat=arity):
            if isinstance(outcome(row.evaluate, at), tuple):
                yield row, at
                break


SWALLOWING, RAISING = [*swallowing()], [*raising(), (INVERSE, (0.0,))]
SIDES = {
    "one": lambda x, early, late: where(x[0] > 1.0, lambda: late(early()), 2.0 * x[1]),
    "the other": lambda x, early, late: where(x[0] <= 1.0, x[1], lambda: late(early())),
    "in a side": lambda x, early, late:
        where(x[0] > 1.0, lambda: where(x[1] > 0.0, lambda: late(early()), x[1]), 2.0 * x[1]),
    "in sides": lambda x, early, late: where(x[1] > -5.0, lambda: where(x[0] < 5.0,
        lambda: where(x[0] > 1.0, lambda: late(early()), lambda: x[1]), 1.0), lambda: x[0]),
    "in a side within": lambda x, early, late:
        where(x[0] > 1.0, lambda: (lambda y: where(x[1] < 0.0, y, lambda: late(y)))(early()), x[1]),
    "in a side of the number": lambda x, early, late:
        where(x[0] > 1.0, lambda: (lambda y: where(y, lambda: late(y), lambda: late(y)))(early()), x[1]),
}  # fmt: skip
PAIRS = [[0.0, 0.5], [0.0, -0.5], [2.0, 0.25], [2.0, 3.0], [2.0, -0.5], [0.0, -6.0], [6.0, 1.0], [0.0, 0.0]]
IDS = lambda part: getattr(part[0], "name", None) if isinstance(part, tuple) else part


@pytest.mark.sample(30)
@pytest.mark.parametrize("place", SIDES)
@pytest.mark.parametrize("then", RAISING, ids=IDS)
@pytest.mark.parametrize("first", SWALLOWING, ids=IDS)
def test_number_made_of_nan_raises_nothing_in_a_side_that_is_not_chosen(first, then, place):
    (row, at, number), (other, bad) = first, then

    def f(x):
        def late(y):
            same = 1.0 / y if math.isinf(number) else y - number
            return other.apply([same + a for a in bad])

        return SIDES[place](x, lambda: row.apply([x[1] if math.isnan(a) else a for a in at]), late)

    wanted, slopes = [outcome(f, x) for x in PAIRS], [outcome(grad(f), x) for x in PAIRS]
    inside = [x for x, y in zip(PAIRS, wanted) if not isinstance(y, tuple)]
    for traced in (0, 3):
        program, slope, batch = compile(f), compile(grad(f)), compile(f, batched="x").each
        for n in (traced, *range(len(PAIRS))):
            x = PAIRS[n]
            assert outcome(program, x) == near(wanted[n]), x
            assert outcome(slope, x) == near(slopes[n]), x
            assert outcome(lambda rows, batch=batch: batch(rows)[0], [x, *inside]) == near(wanted[n]), x


@pytest.mark.parametrize("other", [0.0, lambda: 2.0], ids=["a number", "a function"])
def test_constant_behind_an_infinite_slope_raises_nothing_in_a_side_that_is_not_chosen(other):
    def f(x):
        y = ad.sqrt(ad.Constant(0.0)) * 1.0
        return where(x[0] > 1.0, lambda: ad.log(where(x[1] <= 0.0, 1.0, y)) * x[1], other) + 0.0 * y

    program, slope = compile(f), compile(grad(f))
    for x in ([2.0, -1.0], [0.0, 1.0]):
        assert (program(x), slope(x)) == (f(x).data, grad(f)(x))


def test_what_a_side_itself_makes_of_missing_data_has_no_gradient_where_it_is_not_chosen():
    def loss(w, x, y):
        error = (w * x - y) ** 2
        return where(error <= 9.0, lambda: (w * x - y) ** 2, 0.0)

    xs, ys = [1.0, 2.0, 3.0, math.nan], [1.0, math.nan, 2.0, 1.0]
    slopes = [grad(loss)(0.5, x, y) for x, y in zip(xs, ys)]
    batch = compile(loss, batched=("x", "y"))
    assert batch.value_and_grad(0.5, xs, ys)[1] == pytest.approx(sum(slopes) / len(xs))
    assert compile(grad(loss), batched=("x", "y")).each(0.5, xs, ys) == pytest.approx(slopes)


def series(x):
    return sum(sin(k * x) * ad.exp(-x * x) for k in range(30))


def prior(x):
    inside = lambda: 2.0 * log(x) + 3.0 * log(1.0 - x) - sum(log(1.0 + k * x) for k in range(30))
    return where((x > 0.0) & (x < 1.0), inside, -math.inf)


WEIGHTS = [[0.1 * (i + j) for j in range(6)] for i in range(4)]
some_missing = lambda x: [where(x > 0.1 * k, x, math.nan) for k in range(6)]
WITHOUT_ERRORS = {  # results that are not finite, of what is not, or of a constant
    "bounds of a prior": prior,
    "missing data": lambda x: where(x > 0.3, lambda: series(x), math.nan),
    "infinite": lambda x: where(x > 0.3, lambda: series(x), math.inf),
    "of missing data": lambda x: series(where(x > 0.3, x, math.nan)),
    "sums of missing data": lambda x: ad.fsum([where(x > 0.3, x, math.nan), x, 2.0 * x]),
    "sums of infinities": lambda x: x + where(x > 0.3, x, math.inf) + 2.0 * x + 1.0,
    "means and dots": lambda x: (
        ad.mean([where(x > 0.3, x, math.nan), x]) + ad.dot([x, x], [where(x > 0.3, x, math.nan), 2.0])
    ),
    "a mask": lambda x: ad.logsumexp(
        [ad.dot([x, x], [1.0, 2.0]) / 2.0 + (-math.inf if k > 1 else 0.0) for k in range(4)]
    ),
    "a layer": lambda x: sum(tanh(ad.dot(some_missing(x), w)) for w in WEIGHTS),
    "a dot of both": lambda x: ad.dot([tanh(sin(ad.exp(x * k))) for k in range(6)], some_missing(x)),
    "another result": lambda x: [series(x), where(x > 0.3, 1.0, -math.inf)],
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", WITHOUT_ERRORS)
def test_examples_that_are_not_finite_without_an_error_are_not_computed_eagerly(name, monkeypatch):
    f, points = WITHOUT_ERRORS[name], [-0.5 + 0.1 * i for i in range(21)]
    program = compile(lambda x: f(x), batched="x")
    wanted = [
        [getattr(y, "data", y) for y in (found if isinstance(found, list) else [found])]
        for found in map(f, map(Value, points))
    ]
    program.each(points)
    monkeypatch.setattr(Lowering, "replay", lambda self, variables: pytest.fail("computed eagerly"))
    found = program.each(points)
    columns = found if isinstance(found, list) else [found]
    assert [[float(y) for y in row] for row in zip(*columns, strict=True)] == [near(row) for row in wanted]


OVERFLOWING = [[1e308] * 3, [math.inf, -math.inf, 1.0]]
ADDING = [ad.fsum, ad.mean, lambda xs: ad.dot(xs, [xs[0] / xs[0]] * 3), lambda xs: 2.0 * ad.fsum(xs) + xs[0], sum]


@pytest.mark.sample(3)
@pytest.mark.parametrize("numbers", OVERFLOWING)
@pytest.mark.parametrize("f", ADDING)
def test_sums_that_overflow_or_cancel_infinities_have_the_eager_error_beside_others(f, numbers):
    wanted = outcome(lambda xs: f([*map(Value, xs)]).data, numbers)
    found = outcome(compile(lambda xs: f([*xs]), batched="xs").each, [[1.0, 2.0, 3.0], numbers])
    assert (found if isinstance(found, tuple) else found.tolist()[1]) == near(wanted)
