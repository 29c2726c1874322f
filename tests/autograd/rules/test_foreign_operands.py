"""Operands that are no numbers, whatever they say when they are asked for an attribute: refused by every operation."""

import operator
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from autograd import Value, compile, dot, grad, rules, softmax, where
from autograd.rules import Binary, NAry, Unary
from tests.autograd.functions.nested import AttributeErrors, Nothings

X = Value(2.0)
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod, operator.floordiv]
OPERATORS += [divmod, operator.or_, operator.and_, operator.xor, operator.lt, operator.le, operator.gt, operator.ge]


def uses_of(thing, number):
    """Functions that give a thing to every operation, beside a number, and on either side of every operator."""
    rows = rules.TABLE.values()
    uses = [lambda row=row: row(thing) for row in rows if isinstance(row, Unary) or row is rules.leaky_relu]
    pairs = [(thing, number), (number, thing), (1.0, thing), (thing, thing)]
    uses += [lambda row=row, pair=pair: row(*pair) for row in rows if isinstance(row, Binary) for pair in pairs]
    uses += [lambda row=row: row([thing, number]) for row in rows if isinstance(row, NAry) and row.sequences == 1]
    operators = [f for f in OPERATORS if (f, type(thing)) != (operator.pow, Fraction)]  # for which it is a float
    uses += [lambda operate=operate: operate(X, thing) for operate in operators]
    if not isinstance(thing, np.ndarray):  # of which NumPy makes objects before it asks
        uses += [lambda operate=operate: operate(thing, X) for operate in operators]
    uses += [lambda: where(thing, number, 1.0), lambda: where(thing, lambda: number, 1.0)]
    return [*uses, lambda: Value(thing), lambda: dot([number], [thing]), lambda: softmax([number, thing])]


MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
FILL = r"masked array lacks numbers: fill it, as \.filled\(0\.0\) does"
DIVIDE = r"divide a duration by its unit, such as numpy\.timedelta64"
TIMES = [np.timedelta64(3, "ns"), np.timedelta64(3, "s"), np.datetime64("2020-01-01T00:00", "ns")]
TIMES += [np.datetime64("2020-01-01"), np.array([3, 4], "m8[ns]"), np.array(["2020"], "M8[D]")]
FOREIGN = [(AttributeErrors(), 1.0, None), (Nothings(), 1.0, None), *[(time, X, DIVIDE) for time in TIMES]]
FOREIGN += [(kind, X, r"(convert it first|builtins\.abs)") for kind in (Fraction(1, 2), Decimal(2))]
FOREIGN += [(kind, X, "keep the real and the imaginary part in a number each") for kind in (1j, np.complex128(2.0))]
FOREIGN += [(masked, X, FILL) for masked in (np.ma.masked, MASKED, MASKED[:1])]  # the last has no masked element


@pytest.mark.parametrize(("thing", "number", "message"), FOREIGN, ids=lambda part: repr(part)[:40])
def test_what_is_no_number_is_refused_by_every_operation_with_what_to_do(thing, number, message):
    for use in uses_of(thing, number):
        with pytest.raises(TypeError, match=message):
            use()


@pytest.mark.parametrize("make", ["csr_array", "csr_matrix", "coo_array"])
@pytest.mark.parametrize("sides", [(1.0, 2.0), (Value(1.0), 2.0), (lambda: 1.0, 2.0), (np.ones(2), 2.0)])
def test_sparse_condition_is_refused(sides, make):
    condition = getattr(pytest.importorskip("scipy.sparse"), make)(np.eye(2))
    f = lambda x: x * where(condition, *sides)
    for use in (f, grad(f), compile(f)):
        with pytest.raises(TypeError, match=r"where takes a real number, .*\n?.*; make an array .* \.toarray"):
            use(1.0)
