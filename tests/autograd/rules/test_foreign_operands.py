"""Operands that are no numbers, whatever they say when they are asked for an attribute: refused by every operation."""

import operator

import numpy as np
import pytest

from autograd import Value, compile, dot, evaluate, fsum, grad, rules, softmax, where
from autograd.rules import Binary, NAry, Unary
from tests.autograd.functions.nested import AttributeErrors, Nothings

OF_ONE = [row for row in rules.TABLE.values() if isinstance(row, Unary)]
OF_TWO = [row for row in rules.TABLE.values() if isinstance(row, Binary)]
OF_MANY = [row for row in rules.TABLE.values() if isinstance(row, NAry) and row.sequences == 1]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod, operator.floordiv]
OPERATORS += [divmod, operator.lt, operator.le]


@pytest.mark.parametrize("kind", [AttributeErrors, Nothings])
def test_dicts_of_attributes_are_refused_by_every_operation(kind):
    odd = kind()
    uses = [lambda row=row: row(odd) for row in OF_ONE]
    uses += [lambda row=row, a=a, b=b: row(a, b) for row in OF_TWO for a, b in ((odd, 1.0), (1.0, odd), (odd, odd))]
    uses += [lambda row=row: row([odd, 1.0]) for row in OF_MANY]
    uses += [lambda f=f, a=a, b=b: f(a, b) for f in OPERATORS for a, b in ((odd, Value(1.0)), (Value(1.0), odd))]
    uses += [lambda: Value(odd), lambda: where(odd, 1.0, 2.0), lambda: where(odd, lambda: 1.0, 2.0)]
    uses += [lambda: evaluate(Value(1.0) * 2.0, {Value(2.0): odd})]
    for use in uses:
        with pytest.raises(TypeError):
            use()


MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])


@pytest.mark.parametrize("masked", [np.ma.masked, MASKED, MASKED[:1]], ids=["element", "array", "nothing masked"])
def test_what_is_masked_is_refused_with_what_to_do(masked):
    x = Value(2.0)
    uses = [lambda f=f: f(x, masked) for f in OPERATORS]
    uses += [lambda row=row: row(masked) for row in OF_ONE]
    uses += [
        lambda row=row, a=a, b=b: row(a, b) for row in OF_TWO for a, b in ((masked, x), (x, masked), (1.0, masked))
    ]
    uses += [
        lambda: Value(masked),
        lambda: where(masked, x, 1.0),
        lambda: fsum([masked, x]),
        lambda: dot([x], [masked]),
    ]
    uses += [lambda: softmax([x, masked]), lambda: sum(x * number for number in MASKED)]
    for use in uses:
        with pytest.raises(TypeError, match=r"masked array lacks numbers: fill it, as \.filled\(0\.0\) does"):
            use()


@pytest.mark.parametrize("make", ["csr_array", "csr_matrix", "coo_array"])
@pytest.mark.parametrize("sides", [(1.0, 2.0), (Value(1.0), 2.0), (lambda: 1.0, 2.0), (np.ones(2), 2.0)])
def test_sparse_condition_is_refused(sides, make):
    condition = getattr(pytest.importorskip("scipy.sparse"), make)(np.eye(2))
    f = lambda x: x * where(condition, *sides)
    for use in (f, grad(f), compile(f)):
        with pytest.raises(TypeError, match=r"where takes a real number, .*\n?.*; make an array .* \.toarray"):
            use(1.0)
