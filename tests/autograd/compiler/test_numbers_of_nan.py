"""Operations that make a number of nan, such as nan < 0: a side that is not chosen raises nothing behind them."""

import itertools
import math

import pytest

import autograd as ad
from autograd import compile, grad, where
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import outcome

pytestmark = pytest.mark.usefixtures("backend")

NUMBERS = [0.0, 1.0, -1.0, 2.0, -2.0, math.inf, 800.0]


def number_of(row, operands):
    try:
        return row.evaluate(operands)
    except (ValueError, ArithmeticError):
        return math.nan


def swallowing():
    """Yield operations, with the constants beside which they make a number of nan, and the number."""
    for row in every_operation():
        arity = row.arity or 2
        for at in itertools.product([math.nan, 0.0, 1.0, math.inf], repeat=arity):
            if any(map(math.isnan, at)) and not math.isnan(number := number_of(row, at)):
                yield row, at, number
                break


def raising():
    """Yield operations with operands of which they have no number, where one of them is another one."""
    for row in every_operation():
        arity = row.arity or 2
        for at in itertools.product(NUMBERS, repeat=arity):
            try:
                row.evaluate(at)
            except (ValueError, ArithmeticError):
                yield row, at
                break


OWN = ad.operation("own", lambda x: 1.0 / x, lambda y, x: -y * y)
SWALLOWING, RAISING = [*swallowing()], [*raising(), (OWN, (0.0,))]
SIDES = {
    "one": lambda x, early, late: where(x[0] > 1.0, lambda: late(early()), 2.0 * x[1]),
    "the other": lambda x, early, late: where(x[0] <= 1.0, x[1], lambda: late(early())),
    "in a side": lambda x, early, late: where(
        x[0] > 1.0, lambda: where(x[1] > 0.0, lambda: late(early()), x[1]), 2.0 * x[1]
    ),
    "in sides": lambda x, early, late: where(
        x[1] > -5.0,
        lambda: where(x[0] < 5.0, lambda: where(x[0] > 1.0, lambda: late(early()), lambda: x[1]), 1.0),
        lambda: x[0],
    ),
    "in a side within": lambda x, early, late: where(
        x[0] > 1.0, lambda: (lambda y: where(x[1] < 0.0, y, lambda: late(y)))(early()), x[1]
    ),
    "in a side of the number": lambda x, early, late: where(
        x[0] > 1.0, lambda: (lambda y: where(y, lambda: late(y), lambda: late(y)))(early()), x[1]
    ),
}
POINTS = [[0.0, 0.5], [0.0, -0.5], [2.0, 0.25], [2.0, 3.0], [2.0, -0.5], [0.0, -6.0], [6.0, 1.0], [0.0, 0.0]]
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

    wanted, slopes = [outcome(f, x) for x in POINTS], [outcome(grad(f), x) for x in POINTS]
    inside = [x for x, y in zip(POINTS, wanted) if not isinstance(y, tuple)]
    for traced in (0, 3):
        program, slope, batch = compile(f), compile(grad(f)), compile(f, batched="x").each
        for n in (traced, *range(len(POINTS))):
            x = POINTS[n]
            assert outcome(program, x) == near(wanted[n]), x
            assert outcome(slope, x) == near(slopes[n]), x
            assert outcome(lambda rows, batch=batch: batch(rows)[0], [x, *inside]) == near(wanted[n]), x


def near(found):
    return found if isinstance(found, tuple) else pytest.approx(found, rel=1e-12, nan_ok=True)


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
