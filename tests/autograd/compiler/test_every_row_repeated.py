"""Every operation in a recurrence, as a loop of each back end and as steps on a batch; its constants stay or change."""

import functools
import math

import numpy as np
import pytest

import autograd as ad
from autograd import compile, cos, operation, rules, tanh, value_and_grad, where
from autograd.rules import NAry
from tests.autograd.compiler.beside_eager import assert_as_eager, eager, outcome
from tests.autograd.export.rows import ROWS, each_row, points

GUARDED = [  # where a function is defined, and the function
    *[(lambda x: x > 0.0, f) for f in (ad.log, lambda x: 1.0 / ad.sqrt(x), lambda x: x**0.5)],
    *[(lambda x: abs(x) > 0.0, lambda x: 1.0 / x), (lambda x: x > 1.0, ad.acosh)],
    *[(lambda x: abs(x) < 1.0, lambda x: ad.asin(x) + ad.atanh(x)), (lambda x: x > -1.0, ad.log1p)],
    (lambda x: x < 300.0, ad.exp),
]
pytestmark = pytest.mark.usefixtures("backend_or_pieces")


def repeated(step):
    """A recurrence of what a step makes of operands, each of which depends on the result before."""

    def f(xs):
        y = 0.25 * xs[0]
        for n in range(60):
            y = y * math.sin(n) + step([x + y * 0.0 for x in xs]) * 0.5
        return y

    return f


def chain(step, x, repetitions):
    """A step of a step of a step of a number."""
    for _ in range(repetitions):
        x = step(x)
    return x


@each_row
@pytest.mark.sample(6)
def test_recurrence_of_every_row_is_as_eager(name, row):
    xs = points(row)
    assert_as_eager(repeated(row.apply), xs[:: 1 + len(xs) // 6])


@pytest.mark.parametrize("row", [row for _, row in ROWS if isinstance(row, NAry)], ids=lambda row: row.name)
def test_recurrence_of_operations_of_many_is_as_eager(row):
    assert_as_eager(repeated(row.apply), points(row))
    assert_as_eager(lambda xs: chain(lambda y: row.apply([tanh(y), xs[0]]), xs[1], 110), [(0.5, -1.0), (-0.25, 2.0)])


@pytest.mark.parametrize("step", [lambda y: y * y, lambda y: y * -3.0, lambda y: y - 1e308 * y])
def test_recurrence_beyond_the_floats_is_as_eager(step):
    assert_as_eager(lambda x: chain(step, x, 110), [0.5, 2.0, -1e200, 1e306])


@pytest.mark.parametrize("vectorized", [False, True])
def test_recurrence_of_own_operations_is_as_eager(vectorized):
    wave = operation("wave", np.sin, lambda y, x: cos(x), vectorized=vectorized)
    ratio = operation("ratio", lambda a, b: a / b, lambda y, a, b: 1.0 / b, lambda y, a, b: -y / b)
    assert_as_eager(repeated(lambda xs: wave(xs[0]) + ratio(wave(xs[1]), xs[0])), [(0.5, 2.0), (-1.5, 0.25)])


@pytest.mark.parametrize(("defined", "f"), GUARDED)
def test_recurrence_of_a_choice_is_computed_where_its_other_side_is_not_defined(defined, f):
    chosen = repeated(lambda xs: where(defined(xs[0]), lambda: f(xs[0]), 0.75))
    assert_as_eager(chosen, [(x,) for x in (-2.0, -1.0, 0.0, 0.5, 1.5, 2.0, 1e3)])


@pytest.mark.parametrize(("defined", "f"), GUARDED)
def test_recurrence_outside_of_its_domain_has_the_error_of_the_eager_engine(defined, f):
    chosen = repeated(lambda xs: f(xs[0]) * 0.5)
    for x in (-2.0, -1.0, 0.0, 1e3):
        wanted = outcome(eager, chosen, [x])
        if isinstance(wanted, tuple):
            inside = next(inside for inside in (0.5, 1.5) if not isinstance(outcome(eager, chosen, [inside]), tuple))
            assert outcome(compile(chosen), [x]) == wanted
            assert outcome(compile(chosen, batched="xs"), [[inside], [x]]) == wanted


@pytest.mark.parametrize("scales", [[0.5] * 40, [0.5, 0.25] * 20, [-0.0] * 40, [0.0, -0.0] * 20, [math.inf] * 40])
def test_constants_of_a_loop_stay_or_change(scales):
    def f(x):
        y = x
        for scale in scales:
            y = rules.atan2(y, x) - scale
        return y

    for x in (0.75, 0.0, -0.0):
        assert repr(compile(f).value_and_grad(x)) == repr(value_and_grad(f)(x))


# Groups of one operation of many, of numbers that lie in any order

OF_MANY = {
    **{row.name: row.apply for _, row in ROWS if isinstance(row, NAry)},
    "largest": lambda xs: functools.reduce(ad.maximum, xs),
    "smallest": lambda xs: functools.reduce(ad.minimum, xs),
    "softmax": lambda xs: ad.softmax(xs)[0],
    "log_softmax": lambda xs: ad.log_softmax(xs)[-1],
}
LAYOUTS = {  # of n rows of k of 2nk numbers
    "rows": lambda n, k: np.arange(n * k).reshape(n, k),
    "columns": lambda n, k: np.arange(n * k).reshape(k, n).T,
    "some columns": lambda n, k: np.arange(2 * n * k).reshape(k, 2 * n).T[::2],
    "strided": lambda n, k: np.arange(0, 2 * n * k, 2).reshape(n, k),
    "reversed": lambda n, k: np.arange(n * k)[::-1].reshape(n, k),
    "reversed columns": lambda n, k: np.arange(n * k)[::-1].reshape(k, n).T,
    "windows": lambda n, k: np.arange(n)[:, None] + np.arange(k),
    "alike": lambda n, k: np.zeros((n, 1), dtype=int) + np.arange(k),
    "anywhere": lambda n, k: (np.arange(n * k) ** 2 * 7 % (2 * n * k)).reshape(n, k),
}
MADE_OF = {  # how the numbers of row i are made of the inputs
    "inputs": lambda x, i: x,
    "results": lambda x, i: tanh(x),
    "results in another order": lambda x, i: (0.5 - i) * x,
}


@pytest.mark.sample(24)
@pytest.mark.parametrize("made_of", MADE_OF)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OF_MANY)
def test_groups_of_operations_of_many_are_as_eager_however_their_operands_lie(name, layout, made_of):
    for n, k in ((1, 6), (5, 4)):
        rows = LAYOUTS[layout](n, k).tolist()

        def f(xs, rows=rows):
            groups = [[MADE_OF[made_of](xs[j], i) for j in row] for i, row in enumerate(rows)]
            return sum((1.0 + i) * OF_MANY[name](group) - group[0] for i, group in enumerate(groups))

        points = [[2.0 * math.sin(a * j + 1.0) for j in range(2 * n * k)] for a in (1.0, 2.0)]
        assert_as_eager(f, points, least=1e-12)
