"""Rare arguments: other numbers, small domains, sides that are never defined, thousands of solutions, other keys."""

import itertools
import math
from collections import defaultdict, namedtuple

import pytest

from autograd import Value, compile, evaluate, grad, jacobian, root, rules, value_and_grad, vjp, where
from autograd.checks._differences import differentiate
from autograd.functions import implicit
from autograd.functions.structure import arranged, flatten, map_values
from autograd.rules import Binary
from tests.autograd.compiler.beside_eager import outcome

Pair = namedtuple("Pair", "a b")


# Finite differences


@pytest.mark.parametrize("width", [2.0**-k for k in range(10, 46, 5)])
def test_difference_is_taken_however_small_the_domain(width):
    def f(x):
        return [math.exp(x) if abs(x - 1.0) < width else math.nan]

    (slope,) = differentiate(f, 1.0)
    assert abs(slope.value - math.e) <= slope.error + 64.0 * 2.0**-52 * math.e / width
    with pytest.raises(ValueError, match="found none, however near"):
        differentiate(lambda x: [x if x == 1.0 else math.nan], 1.0)


@pytest.mark.parametrize("width", [2.0**-k for k in range(20, 50, 5)])
def test_difference_of_what_has_no_slope_in_a_small_domain_is_not_settled(width):
    def f(x):
        return [math.copysign(abs(x - 1.0) ** 0.5, x - 1.0) if abs(x - 1.0) < width else math.nan]

    (slope,) = differentiate(f, 1.0)
    assert not slope.settled


# Other kinds of numbers


def test_infinities_of_a_graph_are_those_of_sympy():
    sympy = pytest.importorskip("sympy")
    x, s = Value(3.0), sympy.Symbol("s")
    for bound, known in ((math.inf, sympy.oo), (-math.inf, -sympy.oo)):
        assert evaluate(x * 2.0 + bound, {x: s}) == known + 2 * s
        assert evaluate(bound / x, {x: sympy.Integer(-2)}) == -known
    assert evaluate(x * math.nan, {x: s}) is sympy.nan


def test_what_does_not_depend_on_a_number_has_the_derivative_zero():
    x, y = Value(3.0), Value(2.0)
    assert evaluate(y * y, {x: 1.0, y: 2.0}, gradient=True) == (4.0, {x: 0.0, y: 4.0})
    assert evaluate(y * y, {x: 2j, y: 2.0}, gradient=True) == (4.0, {x: 0j, y: 4.0})


# Choices by a plain bool, and sides that are never defined


@pytest.mark.parametrize("condition", [True, False])
def test_choice_by_a_plain_bool_is_part_of_a_program(condition):
    f = lambda x: where(condition, lambda: x * x, lambda: 3.0 * x) + where(condition, x, 1.0)
    assert compile(f).value_and_grad(2.0) == value_and_grad(f)(2.0)


def near(wanted):
    is_error = isinstance(wanted, tuple) and isinstance(wanted[0], type)
    return wanted if is_error else pytest.approx(wanted, rel=1e-14, nan_ok=True)


OF_TWO = [row for row in rules.TABLE.values() if isinstance(row, Binary)]


@pytest.mark.parametrize("row", OF_TWO, ids=lambda row: row.name)
def test_side_of_a_constant_may_be_undefined_where_it_is_not_chosen(row):
    for constant in (0.0, -1.0, 2.0):
        for side in (lambda x: row.apply([x, constant]), lambda x: row.apply([constant, x])):  # noqa: B023
            f = lambda x: where(x >= 0.0, lambda: side(x) + x, lambda: x * x)  # noqa: B023
            for g in (f, grad(f), lambda xs: value_and_grad(f)(xs)):  # noqa: B023
                for first, *others in itertools.permutations([0.0, 1.5, -1.5]):
                    program = compile(g)
                    assert outcome(program, first) == near(outcome(g, first))
                    for x in others:
                        assert outcome(program, x) == near(outcome(g, x)), (constant, x)


# Solvers


def test_newton_step_to_where_the_residual_is_infinite_is_halved():
    f = lambda x, a: x**3 * 1e300 / (1.0 + x * x) - a
    assert root(f, 1e-3, 1e300) ** 3 == pytest.approx(1.0 + root(f, 1e-3, 1e300) ** 2)


def test_solution_is_the_same_after_more_others_than_are_kept(monkeypatch):
    monkeypatch.setattr(implicit, "MOST_SOLUTIONS", 8)
    a = Value(2.0)
    x = root(lambda x, a: x * x - a, 1.0, a)
    program = compile(x * x * x, wrt=[a])
    points = [1.0 + n / 32.0 for n in range(40)]
    for _ in range(2):
        for number in points:
            value, (slope,) = program.value_and_grad([number])
            assert (value, slope) == pytest.approx((number**1.5, 1.5 * number**0.5), rel=1e-14)


# Structures and names


def test_operation_has_the_name_that_micrograd_gives_it():
    x = Value(2.0)
    assert [node._op for node in (x, x + 1.0, x * x, x.relu())] == ["", "+", "*", "relu"]


def test_named_tuples_stay_what_they_are():
    assert map_values(Pair(Value(1.0), [Value(2.0), "text"]), lambda x: x.data) == Pair(1.0, [2.0, "text"])
    assert value_and_grad(lambda x: (x * x, Pair(x, 3.0)), has_aux=True)(2.0) == ((4.0, Pair(2.0, 3.0)), 4.0)


def test_what_has_other_keys_stays_in_its_order():
    _, structure = flatten({"w": 1.0, "b": 2.0})
    for other in ({"b": 3.0}, {"b": 3.0, "c": 4.0}, {"b": 3.0, "w": 4.0, "a": 5.0}):
        assert list(arranged(other, structure).items()) == list(other.items())
    _, structure = flatten(defaultdict(float, w=1.0, b=2.0))
    for other in (defaultdict(float, b=3.0), defaultdict(float, b=3.0, c=4.0)):
        assert list(arranged(other, structure).items()) == list(other.items())
    assert list(arranged(defaultdict(float, b=3.0, w=4.0), structure)) == ["w", "b"]
    _, back = vjp(lambda x: {"w": x, "b": x * x}, 3.0)
    assert back({"b": 1.0, "w": 10.0}) == (16.0,)
    with pytest.raises(TypeError, match=r"\{'b': number\}"):
        back({"b": 1.0})


def test_sparse_matrix_of_values_is_one_after_a_change_of_its_numbers():
    matrix = jacobian(lambda x: [x[0] * x[0], x[0] * x[1]], sparse=True)([Value(2.0), Value(3.0)])
    twice = map_values(matrix, lambda x: x * 2.0)
    assert (type(twice), twice.shape, twice.indices) == (type(matrix), (2, 2), matrix.indices)
    assert [x.data for x in twice.data] == [8.0, 6.0, 4.0]
    assert map_values(matrix, lambda x: x.data).toarray().tolist() == [[4.0, 0.0], [3.0, 2.0]]
