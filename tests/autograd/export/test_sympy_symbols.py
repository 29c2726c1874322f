"""Symbols of leaves in SymPy: the symbol of a leaf is that leaf's in every expression, whatever leaves are called."""

import copy
import gc
import itertools
import pickle

import pytest

import nn
from autograd import Constant, Value, fsum
from autograd.export import to_sympy

sympy = pytest.importorskip("sympy")

LABELS = {
    "none": ["", "", ""],
    "distinct": ["a", "b", "c"],
    "the same": ["w", "w", "w"],
    "two of them the same": ["w", "u", "w"],
    "two of them without": ["", "u", ""],
    "one without": ["x1", "", "x2"],
    "such as Dummies are shown": ["x1", "_x1", ""],
    "constants": ["pi", "E", "I"],
}
every_labels = pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)


def graph(labels):
    leaves = [Value(2.0 + n, label) for n, label in enumerate(labels)]
    a, b, c = leaves
    root = a * a * b + c**3 * b
    root.backward()
    return root, leaves


def check(expression, symbols, leaves):
    numbers = dict(zip(symbols, (leaf.data for leaf in leaves), strict=True))
    for leaf, symbol in zip(leaves, symbols, strict=True):
        assert float(expression.diff(symbol).subs(numbers)) == leaf.grad


@every_labels
@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_derivative_by_the_symbol_of_a_leaf_is_that_by_the_leaf(labels, order):
    root, leaves = graph(labels)
    expression = to_sympy(root)
    symbols = {i: to_sympy(leaves[i]) for i in order}
    check(expression, [symbols[i] for i in range(3)], leaves)
    assert len(expression.free_symbols) == 3
    check(to_sympy(root), [symbols[i] for i in range(3)], leaves)  # again, with the symbols of before


@every_labels
@pytest.mark.parametrize("first", [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_symbols_that_are_asked_for_first_are_those_of_the_expression_or_an_error_tells(labels, first):
    root, leaves = graph(labels)
    symbols = {i: to_sympy(leaves[i]) for i in first}
    known = [labels[i] for i in first if labels[i]]
    if len(set(known)) < len(known):
        with pytest.raises(ValueError, match=r"leaves of this graph are called 'w', .* a label of its own"):
            to_sympy(root)
        for number, leaf in enumerate(leaves):
            leaf.label = f"w{number}"
        symbols = {}
    expression = to_sympy(root)
    check(expression, [symbols[i] if i in symbols else to_sympy(leaf) for i, leaf in enumerate(leaves)], leaves)


@every_labels
def test_expressions_of_two_graphs_go_together(labels):
    root, leaves = graph(labels)
    other = leaves[2] * leaves[1] + leaves[0]
    both = [to_sympy(root), to_sympy(other)]
    (root + other).label = "sum"
    total = root + other
    for leaf in leaves:
        leaf.grad = 0.0
    total.backward()
    check(both[0] + both[1], [to_sympy(leaf) for leaf in leaves], leaves)
    assert to_sympy(total) == both[0] + both[1]
    strange = to_sympy(graph(["", "", ""])[0])
    assert not (strange.free_symbols & both[0].free_symbols)


def test_a_label_by_which_a_leaf_is_known_is_a_plain_symbol():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    assert to_sympy(x * y) == sympy.Symbol("x", real=True) * sympy.Symbol("y", real=True)
    assert to_sympy(Value(1.0, "x")) == to_sympy(x)
    assert to_sympy(Constant(2.0) * x) == 2 * to_sympy(x)


def test_a_leaf_that_is_labelled_later_has_its_label():
    x = Value(2.0)
    before = to_sympy(x)
    x.label = "x"
    assert to_sympy(x * x) == sympy.Symbol("x", real=True) ** 2
    assert before != to_sympy(x)


def test_parameters_of_a_network_are_different_symbols():
    model = nn.MLP(2, [2, 1], seed=1)
    x = [Value(0.5, "in0"), Value(-0.25, "in1")]
    root = fsum([model(x), Value(0.0, "zero")])
    root.backward()
    expression = to_sympy(root)
    leaves = [*model.parameters(), *x]
    symbols = [to_sympy(leaf) for leaf in leaves]
    assert len(set(symbols)) == len(leaves)
    numbers = dict(zip(symbols, (leaf.data for leaf in leaves), strict=True)) | {to_sympy(Value(0.0, "zero")): 0}
    for symbol, leaf in zip(symbols, leaves, strict=True):
        assert float(expression.diff(symbol).subs(numbers)) == pytest.approx(leaf.grad, rel=1e-12)


def test_no_symbol_is_handed_to_a_leaf_at_the_place_of_one_that_is_gone():
    seen = {}
    for _ in range(300):
        leaf = Value(1.0)
        symbol = to_sympy(leaf)
        assert symbol not in seen.values()
        seen[len(seen)] = symbol
        del leaf
    gc.collect()


def test_symbols_survive_copies_and_sympy():
    root, leaves = graph(["", "w", ""])
    expression = to_sympy(root)
    symbols = [to_sympy(leaf) for leaf in leaves]
    check(copy.deepcopy(expression), symbols, leaves)
    check(copy.copy(expression), symbols, leaves)
    check(sympy.expand(sympy.factor(expression)), symbols, leaves)
    assert sympy.lambdify(symbols, expression)(2.0, 3.0, 4.0) == root.data
    assert all(symbol.is_real for symbol in symbols)
    again = pickle.loads(pickle.dumps(expression))
    assert len(again.free_symbols) == 3
    assert str(again) == str(expression)
    assert len({str(symbol) for symbol in symbols}) == 3
