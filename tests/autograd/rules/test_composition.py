"""Rows for which a language has no word, made of others in all languages; and log_softmax, which is made of nodes."""

import contextlib
import functools
import math
import operator
import pickle
import shutil
import subprocess
import sys

import mpmath
import pytest
from mpmath import mp

import autograd
from autograd import Value, compile, grad, hessian, log_softmax, rules, softmax
from autograd.compiler.backends import BACKENDS
from autograd.rules import Binary, Operation, Unary, composition, derivatives, symbol
from autograd.rules._special import PI
from autograd.rules.arithmetic import METHODS
from autograd.rules.operation import NAry
from autograd.testing import every_operation
from tests.oracle import EPS

# Two new rows, at the end of a copy of the table: one that is made of others, and one that takes floats.
NEW_ROWS = """
softsign = Unary("softsign", lambda x: x / (1.0 + abs(x)), lambda y, x: 1.0 / (1.0 + abs(x)) ** 2)
opaque = Unary("opaque", lambda x: math.fsum([x, 1.0]), lambda y, x: 1.0)
"""
CODE = """
import autograd
from autograd import Value, compile, explore, rules, text
from autograd.compiler.backends import BACKENDS
from autograd.export import to_c, to_latex, to_sympy, to_torch

x = Value(-3.0, "x")
y = autograd.softsign(x)
y.backward()
assert (y.data, x.grad, x.softsign().data) == (-0.75, 0.0625, -0.75)
for backend in BACKENDS:
    f = compile(lambda x: autograd.softsign(x), backend=backend, batched="x")
    assert f.each([-3.0, 1.0]).tolist() == [-0.75, 0.5], backend
    assert f.value_and_grad([-3.0])[1] == [0.0625], backend
assert "row_softsign" in explore(y).html
assert "softsign" in to_latex(y) and "softsign(x)" in text(y)
assert "static double f_row_softsign(double x0) {" in to_c(compile(y, wrt=[x]))
for export, root in ((to_sympy, y), (to_torch, compile(y, wrt=[x]))):
    try:
        export(root)
    except ImportError:
        pass
for export in (to_c, to_torch):
    try:
        export(compile(autograd.opaque(x), wrt=[x]))
    except (NotImplementedError, ImportError) as error:
        print(error)
"""


def test_new_row_needs_nothing_but_its_line_in_the_table(tmp_path):
    shutil.copytree(autograd.__path__[0], tmp_path / "autograd", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "autograd" / "rules" / "table.py").open("a", encoding="utf-8") as file:
        file.write(NEW_ROWS)
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.stderr == ""
    assert "the operation opaque has no word in this language, and is not made of others that have one" in run.stdout


def test_row_that_is_only_itself_is_named():
    with pytest.raises(NotImplementedError, match="the operation % has no word in this language"):
        composition(rules.mod, [symbol("a"), symbol("b")])


@pytest.mark.parametrize("backend", BACKENDS)
def test_remainder_of_traced_numbers(backend):
    f = lambda x: x[0] % x[1] * x[0] + x[0] // x[1] + 7.5 % x[1]
    compiled = compile(f, backend=backend)
    for x in ([7.5, 2.0], [-7.5, 2.0], [7.5, -2.0], [0.5, 3.0]):
        value, slopes = compiled.value_and_grad(x)
        assert (value, slopes) == (pytest.approx(f(x), rel=1e-15), pytest.approx(grad(f)(x), rel=1e-15))


LOGITS = [[0.0, -50.0], [-50.0, 0.0], [1.0, 1.0, 1.0], [700.0, -700.0, 3.0], [2.0, 2.0, -1e9], [0.1, 30.0, 29.0], [5.0]]


def log_softmax_of(i):
    return lambda xs: log_softmax(xs)[i]


@pytest.mark.parametrize("xs", LOGITS, ids=str)
def test_log_softmax_has_full_accuracy_however_close_to_1_a_probability_is(xs):
    with mp.workdps(700):
        exponentials = [mp.exp(mp.mpf(x)) for x in xs]
        total = sum(exponentials)
        for i, f in enumerate(map(log_softmax_of, range(len(xs)))):
            wanted = mp.log1p((total - exponentials[i]) / exponentials[i]) * -1
            slopes = [(total - e if j == i else -e) / total for j, e in enumerate(exponentials)]
            condition = sum(abs(x * slope) for x, slope in zip(xs, slopes, strict=True))
            for how in (f, compile(log_softmax_of(i))):
                assert abs(how(xs) - wanted) <= 8 * EPS * (abs(wanted) + condition)
                for found, slope in zip(grad(how)(xs), slopes, strict=True):
                    change = sum(abs(x * slope) for x in xs)
                    assert abs(found - slope) <= 8 * EPS * (abs(slope) + change) + mpmath.mpf(2) ** -1070, (i, slopes)


def test_log_softmax_is_a_list_of_values_as_softmax():
    xs = [Value(0.5), Value(-1.0), 2.0]
    assert [type(y) for y in log_softmax(xs)] == [Value] * 3
    assert [math.exp(y) for y in log_softmax([0.5, -1.0, 2.0])] == pytest.approx(softmax([0.5, -1.0, 2.0]), rel=1e-15)
    assert type(log_softmax([Value(3.0)])[0]) is Value
    second = lambda xs: log_softmax(xs)[0]
    assert compile(hessian(second))([0.5, -1.0]) == list(map(pytest.approx, hessian(second)([0.5, -1.0])))
    assert all(map(math.isnan, log_softmax([math.nan, 1.0])))
    for values, error in (([], ValueError), (Value(1.0), TypeError), (["1"], TypeError)):
        with pytest.raises(error, match="log_softmax"):
            log_softmax(values)


def test_rows_of_the_table_are_operations_of_others_or_have_words():
    for row in (rules.lgamma, rules.erfinv, rules.sinc, rules.clip, rules.xlogy):
        assert isinstance(composition(row, list(map(symbol, range(len(row.partials))))).operation, Operation)


OPERATORS = {
    **{"add": rules.add, "sub": rules.sub, "mul": rules.mul, "truediv": rules.divide, "mod": rules.mod},
    **{"floordiv": rules.floordiv, "pow": rules.power, "or_": rules.either},
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_on_a_symbol_is_the_row_with_the_operands_in_their_order(name):
    x = symbol("x")
    for a, b in ((x, 2.0), (7.5, x), (x, symbol("y"))):
        found = getattr(operator, name)(a, b)
        assert found.operation is OPERATORS[name]
        assert all(operand is given for operand, given in zip(found.operands, (a, b), strict=True))
    assert getattr(x, f"__{name.rstrip('_')}__")("2") is NotImplemented


def test_symbol_is_itself_with_a_plus_and_is_compared_by_no_one():
    x = symbol("x")
    assert +x is x
    with pytest.raises(TypeError, match="whether symbols are equal is asked of numbers"):
        x == 1.0  # noqa: B015


def test_family_of_whole_orders_has_no_others():
    for family, constant, most, extent in (
        (rules.polygamma_of, 0.0, 1.0, "polygamma is defined for whole orders from 1 on, got 0.0"),
        (rules.polygamma_of, 1.5, 1.0, "polygamma is defined for whole orders from 1 on, got 1.5"),
        (rules.spherical_bessel_of, 0.0, 1.0, "spherical_bessel is defined for whole orders from 1 to 100, got 0.0"),
        (rules.spherical_bessel_of, 101.0, 100.0, "spherical_bessel is defined for .* from 1 to 100, got 101"),
        (rules.mills_of, -1.0, 1.0, "mills is defined for whole orders from 1 on, got -1.0"),
    ):
        with pytest.raises(ValueError, match=f"^{extent}"):
            family.member(constant)
        assert family.member(most).family == (family, most)


def test_operations_show_their_names():
    assert (repr(rules.tanh), repr(rules.power_of)) == ("<operation tanh>", "<operations **>")


def test_partial_of_an_own_operation_takes_its_result_and_its_operands():
    own = autograd.operation("own", math.hypot, lambda y, a, b: math.fsum([a]) / y, lambda y, a, b: math.fsum([b]) / y)
    found = derivatives(own, symbol("y"), [symbol("a"), symbol("b")])
    assert [(d.operation.name, d.operation.arity) for d in found] == [("d_own", 3)] * 2
    assert [d.operation.forward(5.0, 3.0, 4.0) for d in found] == [0.6, 0.8]


def test_functions_are_methods_of_a_symbol_under_the_names_of_numpy_and_nothing_else_is():
    x = symbol("x")
    for name, row in METHODS.items():
        if isinstance(row, (Unary, Binary)):
            found = getattr(x, name)(*[2.0] * (row.arity - 1))
            assert found.operation is row
            assert found.operands[0] is x
        assert name == row.name or name.replace("arc", "a") == row.name
    assert {"arcsin", "arctan2", "sin", "abs"} <= METHODS.keys()
    assert "arcbs" not in METHODS
    with pytest.raises(AttributeError, match="a symbol has no arcbs"):
        x.arcbs()


@pytest.mark.parametrize("count", range(1, 6))
def test_operands_are_x_or_a_b_c_or_counted(count):
    own = autograd.operation("own", lambda *xs: math.fsum(xs), *[lambda y, *xs: 1.0] * count)
    names = {1: "x", 2: "a, b", 3: "a, b, c"}.get(count, ", ".join(f"x{i}" for i in range(1, count + 1)))
    assert ", ".join(own.arguments) == names
    assert own.definition == f"own({names})"


def test_lists_and_tuples_of_operands_are_taken_as_they_are():
    for xs in ([1.0, 2.0], (1.0, 2.0)):
        assert rules.elements(xs, "fsum") is xs


def test_rows_compute_the_same_in_every_python(monkeypatch):
    """From 3.12 on, `sum` adds floats in a way of its own, which neither arrays nor exports have."""

    def found(row):
        results = []
        for x in (-7.3, -2.6, -0.49, -0.1, 0.2, 0.7, 1.5, 2.5, 9.7, 33.3):
            operands = [x, 0.3, 0.7][: len(row.partials)]
            with contextlib.suppress(ValueError, ArithmeticError):
                y = row.evaluate(operands)
                results += [y, *(float(partial(y, *operands)) for partial in row.partials)]
        return list(map(repr, results))

    rows = [row for row in every_operation() if not isinstance(row, NAry)]
    wanted = {row.name: found(row) for row in rows}
    monkeypatch.setattr("builtins.sum", lambda terms, start=0: functools.reduce(operator.add, terms, start))
    assert {row.name: found(row) for row in rows} == wanted


def test_exact_constants_are_copied_with_their_definitions():
    for constant in (PI, -PI):
        copied = pickle.loads(pickle.dumps(constant))
        assert (copied, copied.definition) == (constant, constant.definition)
