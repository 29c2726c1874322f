"""Formulas of operations that are rare: of tails, of the largest of many, a user's own, a user's own activation."""

import math

import mpmath
import pytest

import nn
from autograd import Value, gradients, log_ndtr, ndtr, operation, rules, softplus, tanh
from autograd.export import derivation, to_latex, to_sympy, to_torch
from autograd.rules import Unary
from autograd.rules.composition import composition
from autograd.rules.expression import Dialect, pull, symbol


@pytest.mark.thorough
@pytest.mark.parametrize("x", [-45.0, -30.0, 0.5])
def test_derivatives_of_tails_agree_with_sympy(x):
    sympy = pytest.importorskip("sympy")
    leaf, s = Value(x, "x"), sympy.Symbol("x", real=True)
    node, exact = log_ndtr(leaf), sympy.log(sympy.erfc(-s / sympy.sqrt(2)) / 2)
    for _ in range(4):
        formula = to_sympy(node)
        (free,) = formula.free_symbols
        with mpmath.workdps(700):  # 1 less 1 in the tail
            known, found = (
                float(sympy.lambdify(by, term, "mpmath")(mpmath.mpf(x))) for by, term in ((s, exact), (free, formula))
            )
        assert [node.data, found] == pytest.approx([known, known], rel=1e-12)
        (node,), exact = gradients(node, [leaf], create_graph=True), exact.diff(s)


def test_largest_of_many_is_a_maximum_in_latex():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    assert str(to_latex(rules.largest.apply([x, y, x * y]))) == r"\max\left(x, y, x \cdot y\right)"


def test_derivation_has_the_numbers_of_a_users_own_derivative():
    own = operation("own", lambda a, b: a * a * b, lambda y, a, b: 2.0 * a * b, lambda y, a, b: a * a)
    x = Value(3.0, "x")
    root = own(x, 2.0) * x
    lines = str(derivation(root, x)).splitlines()
    assert lines[-2].endswith("= 54")
    assert r"\cdot 12" in lines[-2]
    root.backward()
    assert x.grad == 54.0


def test_network_of_an_own_activation_tells_its_formula():
    pytest.importorskip("torch")
    model = nn.MLP(2, [3, 1], activation=lambda x: x * tanh(softplus(x)))
    assert "(1): Elementwise(x * tanh(softplus(x)))" in repr(to_torch(model))


# Operations that no language has


def test_function_of_floats_is_made_of_no_others():
    floats = Unary("floats", math.ceil, lambda y, x: 0.0)
    with pytest.raises(NotImplementedError, match=r"floats has no word in this language.*its function takes floats: "):
        composition(floats, [symbol("x")])
    with pytest.raises(NotImplementedError, match="the operation sin has no word in this language"):
        Dialect(operators={}, words={}).source(rules.sin.apply([symbol("x")]), str)


def test_constant_hands_nothing_back():
    assert pull(2.0, symbol("y"), symbol("g")) == {}
    assert pull(ndtr(symbol("x")) * 2.0, symbol("y"), symbol("g")).keys() == {"x"}
