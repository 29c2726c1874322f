"""SymPy's own derivatives of what is exported, against the engine's."""

import copy
import importlib
import itertools
import math
import pickle
import subprocess
import sys

import mpmath
import pytest
from hypothesis import given

import autograd
import nn
from autograd import (
    Constant,
    Value,
    cbrt,
    clip,
    fsum,
    gradients,
    leaky_relu,
    log,
    log_ndtr,
    operation,
    relu,
    rules,
    tanh,
    where,
)
from autograd.engine import topological_order
from autograd.export import to_sympy
from autograd.testing import every_operation
from tests.autograd.export.rows import EDGES, agreeing, close, each_row, graph, higher, points, wanted
from tests.autograd.export.samples import digits_loss, random_graphs, settled
from tests.autograd.export.test_c import CC
from tests.autograd.export.test_javascript import NODE
from tests.hypothesis_profiles import max_examples

sympy = pytest.importorskip("sympy")
# Where SymPy's derivative is another one, or none, whatever is exported: 0 * log(0), complex ones, and 0 / 0.
OTHERS = {
    *((rules.power, operands) for operands in rules.power.edges), (rules.atan2, (0.0, 0.0)), (rules.hypot, (0.0, 0.0)),
    (rules.cbrt, (0.0,)), (rules.sinc, (0.0,)), (rules.xlogy, (0.0, 0.0)),
}  # fmt: skip


# Own operations whose partials are the derivatives of their formulas, but for rounding or not as SymPy writes them.
exponential = operation("exponential", lambda x: autograd.exp(x), lambda y, x: exponential(x))
sine = operation("sine", lambda x: autograd.sin(x), lambda y, x: cosine(x))
cosine = operation("cosine", lambda x: autograd.cos(x), lambda y, x: -sine(x))
most, least = autograd.maximum, autograd.minimum
ALIKE = {
    "by itself": exponential, "by another": sine, "of another": operation(
        "bell", lambda x: exponential(-x * x), lambda y, x: -2.0 * x * exponential(-x * x)
    ),
    "cube": operation("cube", lambda x: 0.1 * x * x * x, lambda y, x: 0.3 * x * x),
    "logistic": operation("logistic", lambda x: 1.0 / (1.0 + autograd.exp(-x)), lambda y, x: y * (1.0 - y)),
    "power": operation("power", lambda a, b: a**b, lambda y, a, b: b * a ** (b - 1.0), lambda y, a, b: y * log(a)),
    "cell": operation(
        "cell", lambda x: where(x > 0.0, x, lambda: autograd.exp(x) - 1.0),
        lambda y, x: where(x > 0.0, 1.0, lambda: autograd.exp(x)),
    ),
    "softplus": operation(
        "soft", lambda x: most(x, 0.0) + autograd.log1p(autograd.exp(-abs(x))), lambda y, x: autograd.sigmoid(x)
    ),
    "with a bound that is none": operation("unbounded", lambda x: most(x, -math.inf), lambda y, x: 1.0),
    "size times": operation("size", lambda x: x * abs(x), lambda y, x: 2.0 * abs(x)),
    "double angle": operation(
        "double", lambda x: autograd.sin(x) * autograd.cos(x), lambda y, x: autograd.cos(2.0 * x)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIKE)
def test_own_operation_whose_partials_are_the_derivatives_is_its_formula(name):
    operands = [Value(x, label) for x, label in zip((1.7, 0.6), "ab")][: len(ALIKE[name].partials)]
    found = to_sympy(ALIKE[name](*operands))
    assert not found.atoms(sympy.core.function.AppliedUndef)
    assert name not in str(found)
    assert float(sympy.lambdify(sorted(found.free_symbols, key=str), found)(*[x.data for x in operands])) == (
        pytest.approx(ALIKE[name](*[x.data for x in operands]), rel=1e-12)
    )


BOUNDED = {  # own operations with slopes that are others' near a place: functions, and points there
    "acos": (lambda x: autograd.acos(x), [lambda y, x: -1.0 / autograd.sqrt(most(1.0 - x * x, 1e-6))], [1.0 - 1e-9]),
    "acos, smoothly": (
        lambda x: autograd.acos(x), [lambda y, x: -1.0 / autograd.sqrt(1.0 - x * x + 1e-12)], [1.0 - 1e-8]),
    "atanh": (lambda x: autograd.atanh(x), [lambda y, x: 1.0 / most(1.0 - x * x, 1e-6)], [1.0 - 1e-7]),
    "log": (lambda x: log(x), [lambda y, x: least(1.0 / x, 1e8)], [1e-9]),
    "sqrt": (lambda x: autograd.sqrt(x), [lambda y, x: least(0.5 / y, 1e3)], [1e-8]),
    "entropy": (lambda x: x * log(x), [lambda y, x: most(log(x) + 1.0, -16.0)], [1e-8]),
    "of a difference": (
        lambda a, b: 1.0 / (a - b), [lambda y, a, b: -1.0 / most((a - b) ** 2, 1e-6), lambda y, a, b: 1.0],
        [3.0, 3.00001]),
    "of a difference, smoothly": (
        lambda a, b: 1.0 / (a - b), [
            lambda y, a, b: -1.0 / ((a - b) ** 2 + 1e-12), lambda y, a, b: 1.0 / ((a - b) ** 2 + 1e-12),
        ], [3.0, 3.000001]),
    "a kink": (lambda x: abs(x - 3.0), [lambda y, x: where(x >= 3.0, 1.0, -1.0)], [3.0]),
    "a kink passed over": (lambda x: relu(x * x - 2.0), [lambda y, x: 2.0 * x], [1.0]),
    "a window": (lambda x: where((x > 30.0) & (x < 30.1), 2.0 * x, x), [lambda y, x: 1.0], [30.05]),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDED)
def test_own_operation_whose_partials_are_others_near_a_place_has_them(name):
    forward, partials, at = BOUNDED[name]
    leaves = [Value(x, label) for x, label in zip(at, "ab")]
    root = operation("bounded", forward, *partials)(*leaves)
    numbers = {to_sympy(leaf): leaf.data for leaf in leaves}
    found = [float(to_sympy(root).diff(to_sympy(leaf)).subs(numbers)) for leaf in leaves]
    assert found == pytest.approx(gradients(root, leaves), rel=1e-6)


def test_own_operation_with_other_partials_has_its_numbers_where_sympy_computes():
    rounded = operation("rounded", lambda x: autograd.floor(x + 0.5), lambda y, x: 1.0)
    x = Value(1.7, "x")
    found = to_sympy(rounded(x) * 2.0)
    assert sympy.lambdify(to_sympy(x), found)(1.7) == 4.0
    assert found.diff(to_sympy(x)) == 2
    assert found.is_extended_real
    assert found.subs(to_sympy(x), sympy.Symbol("z")).is_extended_real is None


def step_of_thirds(x):
    return autograd.floor(3.0 * x)


def slope_of_thirds(y, x):
    return 3.0


JUMPING = {  # functions whose derivatives are not the slopes that they have, or that are 0
    "floor": autograd.floor, "ceil": autograd.ceil, "remainder": lambda x: x % 2.0, "quotient": lambda x: x // 0.5,
    "product": lambda x: x * autograd.floor(x), "difference": lambda x: 2.0 * x - autograd.floor(x) - 0.25,
    "straight through": operation("rounded", lambda x: autograd.floor(x + 0.5), lambda y, x: 1.0),
    "reversed": operation("reversal", lambda x: 1.0 * x, lambda y, x: -1.0),
    "halved": operation("half", lambda x: x * x, lambda y, x: x),
    "product with one's own": lambda x: operation("half", lambda x: x * x, lambda y, x: x)(x) * x,
}  # fmt: skip


@pytest.mark.parametrize("name", JUMPING)
def test_limits_and_series_are_of_the_function_whatever_its_slopes_are(name):
    x = Value(0.7, "x")
    symbol, found = to_sympy(x), to_sympy(JUMPING[name](x))
    for at, (side, sign) in itertools.product((-1, 0, 0.5, 2), [("-", -1.0), ("+", 1.0)]):
        limit = float(sympy.limit(found, symbol, sympy.Rational(at), side))
        assert limit == pytest.approx(JUMPING[name](Value(at + sign * 1e-9)).data, abs=1e-7)
    series = found.series(symbol, sympy.Rational(9, 4), 4).removeO()
    assert float(series.subs(symbol, 2.26)) == pytest.approx(JUMPING[name](Value(2.26)).data, rel=1e-9)


@pytest.mark.parametrize("name", JUMPING)
def test_expanded_functions_are_solved_and_integrated_or_sympy_says_that_it_cannot(name):
    x = Value(0.7, "x")
    symbol, found = to_sympy(x), sympy.expand_func(to_sympy(JUMPING[name](x)))
    for level in (1.0, 1.75):
        try:
            solutions = sympy.solve(found - sympy.Rational(level), symbol)
        except NotImplementedError:
            continue
        assert solutions
        for solution in solutions:
            assert JUMPING[name](Value(float(solution))).data == pytest.approx(level, rel=1e-12)
    integral = sympy.integrate(found, (symbol, 0, 2))
    if not integral.has(sympy.Integral):
        middles = [JUMPING[name](Value((k + 0.5) / 1000.0)).data for k in range(2000)]
        assert float(integral) == pytest.approx(math.fsum(middles) / 1000.0, rel=1e-5)


CODED = {  # expressions with functions that SymPy has not
    "a remainder": lambda x: x % 0.4 + 1.0,
    "a floor": lambda x: 2.0 * autograd.floor(3.0 * x),
    "a bound": lambda x: autograd.clip(x, 0.7, 1.0) * x,
    "a choice in a choice": lambda x: autograd.relu(autograd.relu(x) - 0.1) * 3.0,
    "a choice in a choice in a choice": lambda x: relu(relu(relu(x) - 0.1) * x + 0.2),
    "a bound of bounds": lambda x: autograd.clip(autograd.clip(autograd.clip(x, 0.0, 1.0), 0.1, 0.9), 0.2, 0.8) * x,
    "a bound of choices": lambda x: autograd.clip(fsum([relu(x - 0.1 * k) for k in range(4)]), 0.0, 3.0),
    "a cube root": lambda x: cbrt(x - 1.0) * cbrt(x),
    "a network": lambda x: nn.MLP(1, [3, 3, 1], "relu", seed=1)([x]) * 2.0,
    "a deep network": lambda x: nn.MLP(1, [2, 2, 2, 1], "relu", seed=1)([x]) * 2.0,
    "an own operation": lambda x: operation("step", step_of_thirds, slope_of_thirds)(x) * x + 1.0,
}


WRITTEN = ["ccode", "octave_code", "julia_code", "mathematica_code", "maple_code", "rcode", "latex", "pretty"]


@pytest.mark.parametrize("printer", WRITTEN)
def test_functions_that_sympy_has_not_are_written_as_it_writes_what_they_are_made_of(printer):
    write, x = getattr(sympy, printer), Value(0.6, "x")
    for f in (cbrt, autograd.floor, lambda x: x % 0.4 + 1.0):
        written = write(to_sympy(f(x)))
        assert "Frozen" not in written, written
        assert "Not supported" not in written, written
    assert write(to_sympy(autograd.floor(x))).strip("()") == write(sympy.floor(to_sympy(x))).strip("()")


@pytest.mark.parametrize("name", CODED)
def test_expression_is_a_function_of_numbers_in_every_language_of_sympy(name):
    x = Value(0.6, "x")
    root = CODED[name](x)
    root.backward()
    whole = to_sympy(root)
    leaves = [node for node in topological_order(root) if node.op is None and type(node) is Value and node is not x]
    found = whole.subs({to_sympy(leaf): leaf.data for leaf in leaves})
    code = sympy.ccode(found)
    assert not any(word in code for word in ("Not supported", "false", "true"))
    assert ("?" in code) == (not name.startswith(("a remainder", "a floor", "a cube", "an own")))
    symbols = [to_sympy(leaf) for leaf in (x, *leaves)]
    for modules in ("math", "mpmath", "numpy", "scipy"):
        for term, known in ((whole, root.data), (whole.diff(to_sympy(x)), x.grad)):
            f = sympy.lambdify(symbols, term, modules)
            assert float(f(0.6, *[leaf.data for leaf in leaves])) == pytest.approx(known, rel=1e-12)
    assert found.subs(to_sympy(x), sympy.Symbol("t")).subs("t", 0.6) == pytest.approx(root.data, rel=1e-12)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    assert again.diff(to_sympy(x)) == found.diff(to_sympy(x))


DIVISIONS = {
    "quotient": lambda a, b: a // b, "remainder": lambda a, b: a % b, "of numbers": lambda a, b: (a // b) * 2.0 + a % b,
    "of a quotient": lambda a, b: a // b // 3.0, "in an own operation": lambda a, b: operation(
        "folded", lambda a, b: a % b - a // b, lambda y, a, b: 1.0, lambda y, a, b: -(a // b))(a, b),
}  # fmt: skip
DIVISORS = [0.75, -0.75, 1.5, 49.0, -98.0, 103.0, 0.7, 2.2, -4.9, 2.5, 7.0, 0.1, 1e-3]
MULTIPLES = [*range(-60, 61, 15), 1, 2, 3, 5, 11, 0.5, -0.25]


@pytest.mark.sample(2)
@pytest.mark.parametrize("by_symbol", [False, True])
@pytest.mark.parametrize("name", DIVISIONS)
def test_divisions_are_those_of_python_at_the_multiples_of_all_divisors(name, by_symbol):
    for divisor in DIVISORS:
        a, b = Value(0.3, "a"), Value(divisor, "b")
        found = to_sympy(DIVISIONS[name](a, b if by_symbol else divisor))
        symbols, given = [to_sympy(a), to_sympy(b)], [k * divisor for k in MULTIPLES]
        known = [DIVISIONS[name](x, divisor) for x in given]
        for modules in ("math", "numpy", "scipy"):
            f = sympy.lambdify(symbols, found, modules)
            assert [f(x, divisor) for x in given] == known, (modules, divisor)
        f = sympy.lambdify(symbols, found, "mpmath")
        assert [float(f(mpmath.mpf(x), mpmath.mpf(divisor))) for x in given] == known, divisor
        for kind in (sympy.Float, sympy.Rational):
            put = [found.subs(dict(zip(symbols, [kind(x), kind(divisor)]))) for x in given]
            assert list(map(float, put)) == pytest.approx(known, rel=1e-15, abs=1e-300), (kind, divisor)


@pytest.mark.parametrize("name", DIVISIONS)
def test_divisions_are_those_of_python_in_the_c_and_javascript_of_sympy(name, tmp_path):
    c, javascript, known = [], [], []
    for divisor in DIVISORS:
        a = Value(0.3, "a")
        found = to_sympy(DIVISIONS[name](a, divisor))
        codes = sympy.ccode(found), sympy.jscode(found)
        for x in (k * divisor for k in MULTIPLES):
            known.append(DIVISIONS[name](x, divisor))
            c.append(f'a = {x!r}; printf("%.17g\\n", (double) {codes[0]});')
            javascript.append(f"a = {x!r}; console.log(String({codes[1]}));")
    if CC:
        includes = "#include <math.h>\n#include <stdio.h>\n"
        (tmp_path / "f.c").write_text(f"{includes} int main() {{ double a; {' '.join(c)} }}", encoding="ascii")
        subprocess.run([CC, tmp_path / "f.c", "-o", tmp_path / "f", "-lm"], check=True)
        lines = subprocess.run([tmp_path / "f"], check=False, capture_output=True, text=True).stdout.split()
        assert list(map(float, lines)) == known
    if NODE:
        code = f"let a; {' '.join(javascript)}"
        lines = subprocess.run([NODE, "-"], input=code, check=True, capture_output=True, text=True).stdout.split()
        assert list(map(float, lines)) == known


def by_sympy(root, leaves, digits=30):
    """The value and SymPy's derivatives, at the leaves' data, in so many digits."""
    expression = to_sympy(root)
    symbols = [to_sympy(leaf) for leaf in leaves]
    numbers = {symbol: sympy.Rational(leaf.data) for symbol, leaf in zip(symbols, leaves, strict=True)}
    parts = (expression, *(expression.diff(s) for s in symbols))
    return [number(part.subs(numbers).doit().evalf(digits, maxn=200)) for part in parts]


def number(found):
    return math.inf if found == sympy.zoo else float(found) if found.is_real else math.nan


@each_row
def test_derivatives_of_every_row_are_those_of_sympy(name, row):
    for operands in points(row):
        found = by_sympy(*graph(row, operands), digits=100)  # of 1 - 1e-89 too
        known = wanted(row, operands)
        if row in (rules.power, rules.ieee_power) and operands[0] <= 0.0:  # as at its edges
            found, known = found[: 1 if operands[0] == 0.0 else 2], known[: 1 if operands[0] == 0.0 else 2]
        assert found == close(known), operands


@pytest.mark.parametrize(("name", "row", "operands"), EDGES, ids=str)
def test_derivatives_at_the_edges_are_those_of_the_table_but_for_a_few(name, row, operands):
    found, known = by_sympy(*graph(row, operands)), wanted(row, operands)
    same = list(map(abs, found)) == list(map(abs, known))  # complex infinity has no sign
    assert same is ((row, operands) not in OTHERS)


SPECIAL = [rules.lgamma, rules.digamma, rules.trigamma, rules.log_ndtr, rules.ndtr, rules.erfinv]


@pytest.mark.thorough
@pytest.mark.parametrize("x", [-45.0, -30.0, 0.5])
def test_derivatives_of_tails_agree_with_sympy(x):
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


@pytest.mark.parametrize("row", SPECIAL, ids=str)
def test_second_derivatives_of_special_functions_have_numbers(row):
    for (x,) in points(row)[::4]:
        root, [leaf] = graph(row, [x])
        found = to_sympy(root).diff(to_sympy(leaf), 2).evalf(30, subs={to_sympy(leaf): sympy.Rational(x)})
        assert float(found) == close(higher(row, 2, [x])[0], rel=1e-9)


@max_examples(25)
@given(random_graphs([*every_operation()]))
def test_random_expressions_have_the_derivatives_of_sympy(found):
    root, leaves = found
    assert by_sympy(root, leaves) == agreeing(root, leaves)


@pytest.mark.whole
def test_digits_network_has_the_loss_and_a_derivative_of_sympy():
    root, leaves = digits_loss()
    for number, leaf in enumerate(leaves):
        leaf.label = f"p{number}"
    leaf = leaves[70]
    numbers = {to_sympy(other): sympy.Float(other.data, 30) for other in leaves}
    number = numbers.pop(to_sympy(leaf))
    expression = to_sympy(root).xreplace(numbers)
    found = [expression, expression.diff(to_sympy(leaf))]
    assert [float(part.xreplace({to_sympy(leaf): number})) for part in found] == close([root.data, leaf.grad])


@pytest.mark.thorough
def test_choices_within_conditions_are_not_multiplied_out():
    model = settled(nn.MLP(2, [16, 16, 2], activation="relu", output="elu"))
    for number, leaf in enumerate(model.parameters()):
        leaf.label = f"p{number}"
    root = fsum(model([Value(0.5, "x0"), Value(-0.25, "x1")]))
    root.backward()
    leaf = model.parameters()[7]
    expression = to_sympy(root)
    assert len(set(sympy.preorder_traversal(expression))) < 3_000
    numbers = {to_sympy(other): sympy.Float(other.data, 30) for other in topological_order(root) if other.label}
    found = [expression, expression.diff(to_sympy(leaf))]
    assert [float(part.xreplace(numbers)) for part in found] == close([root.data, leaf.grad])


def test_code_of_a_network_grows_with_its_expression():
    sizes = [len(sympy.ccode(to_sympy(nn.MLP(1, [n, n, 1], "relu", seed=1)([Value(0.6, "x")])))) for n in (2, 4, 8)]
    assert sizes[2] < 5 * sizes[1] < 25 * sizes[0]


def test_numbers_are_exact_where_they_are_whole():
    x = Value(2.0, "x")
    assert str(to_sympy(x**2 + 3 * x - 0.5)) == "x**2 + 3*x - 0.5"


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 2.0**53, 2.0**53 - 1.0, -0.5])
def test_constants_may_be_any_floats(number):
    term = to_sympy(Constant(number) * Value(1.0, "x"))
    assert str(float(term.subs(dict.fromkeys(term.free_symbols, 1)))) == str(number)
    assert term.has(sympy.Float) is (number in (2.0**53, -0.5))


def test_shared_parts_stay_shared():
    z = Value(0.5, "x")
    for _ in range(25):
        z = tanh(z + z)
    assert len(set(sympy.preorder_traversal(to_sympy(z)))) < 200


MADE = {  # by a plain bool, which the graph does not hold
    "of numbers": lambda x: where(x > 0.0, x * x, -x),
    "of functions": lambda x: where(x > 0.0, lambda: log(x), 0.0),
    "inside of other operations": lambda x: 1.0 + tanh(where(x > 0.0, x, 1.0)) * x,
}


@pytest.mark.parametrize("name", MADE)
def test_choice_that_was_made_when_the_graph_was_built_is_refused(name):
    with pytest.raises(RuntimeError, match=r"to_sympy reads the graph that was built.*true or false then.*a Value as"):
        to_sympy(MADE[name](Value(2.0, "x")))


def test_choice_of_constants_is_made_for_good_and_one_by_a_value_has_its_condition():
    x, k = Value(2.0, "x"), Constant(3.0)
    assert str(to_sympy(x * where(k > 0.0, k, 0.0))) == "3*x"
    chosen = to_sympy(where(relu(x), x * x, -x))
    assert [chosen.subs(to_sympy(x), at) for at in (2, -3)] == [4, 3]


def test_importing_the_exports_loads_none_of_the_optional_packages():
    code = "import sys, autograd.export; assert not {'sympy', 'torch', 'numpy', 'jax', 'onnx'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=autograd.__path__[0] + "/..")


def test_leaves_whose_symbols_were_asked_for_are_forgotten_one_by_one(monkeypatch):
    module = importlib.import_module("autograd.export._expressions_of_sympy")
    monkeypatch.setattr(module, "REMEMBERED", 2)
    monkeypatch.setattr(module, "_asked", {})
    leaves = [Value(1.0, label) for label in "abc"]
    for leaf in leaves:
        to_sympy(leaf)
    assert [leaf for leaf, _ in module._asked.values()] == leaves[1:]


# The symbol of a leaf is that leaf's in every expression, whatever leaves are called

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


def labelled(labels):
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
@pytest.mark.parametrize("before", range(4))  # of the symbols, so many are asked for before the expression
@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_derivative_by_the_symbol_of_a_leaf_is_that_by_the_leaf_or_an_error_tells(labels, before, order):
    root, leaves = labelled(labels)
    symbols = {i: to_sympy(leaves[i]) for i in order[:before]}
    known = [labels[i] for i in order[:before] if labels[i]]
    if len(set(known)) < len(known):
        with pytest.raises(ValueError, match=r"leaves of this graph are called 'w', .* a label of its own"):
            to_sympy(root)
        for number, leaf in enumerate(leaves):
            leaf.label = f"w{number}"
        symbols = {}
    expression = to_sympy(root)
    symbols |= {i: to_sympy(leaves[i]) for i in order if i not in symbols}
    in_order = [symbols[i] for i in range(3)]
    check(expression, in_order, leaves)
    assert len(expression.free_symbols) == 3
    check(to_sympy(root), in_order, leaves)  # again, with the symbols of before


@every_labels
def test_expressions_of_two_graphs_go_together(labels):
    root, leaves = labelled(labels)
    other = leaves[2] * leaves[1] + leaves[0]
    both = [to_sympy(root), to_sympy(other)]
    (root + other).label = "sum"
    total = root + other
    for leaf in leaves:
        leaf.grad = 0.0
    total.backward()
    check(both[0] + both[1], [to_sympy(leaf) for leaf in leaves], leaves)
    assert to_sympy(total) == both[0] + both[1]
    strange = to_sympy(labelled(["", "", ""])[0])
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


def test_no_symbol_is_handed_to_a_leaf_at_the_place_of_one_that_is_gone():
    seen = []
    for _ in range(300):
        symbol = to_sympy(Value(1.0))
        assert symbol not in seen
        seen.append(symbol)


def test_symbols_survive_copies_and_sympy():
    root, leaves = labelled(["", "w", ""])
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


TWO_LAYERS = {  # with kinks in kinks: the integral from -1 to 3, and where it is 5/4
    "relu": (lambda x: relu(relu(x) - 1.0), 2.0, 2.25),
    "shifted": (lambda x: relu(2.0 * relu(x + 1.0) - 3.0) + 1.0, 10.25, 0.625),
    "leaky relu": (lambda x: leaky_relu(leaky_relu(x, 0.5) - 1.0, 0.5), 1.125, 2.25),
    "clip": (lambda x: clip(relu(x), 0.5, 1.5), 4.0, 1.25),
}


@pytest.mark.parametrize("name", TWO_LAYERS)
def test_nested_kinks_are_solved_and_integrated(name):
    f, integral, solution = TWO_LAYERS[name]
    x = Value(0.7, "x")
    found, symbol = to_sympy(f(x)), to_sympy(x)
    assert sympy.integrate(found, (symbol, -1, 3)) == pytest.approx(integral)
    assert sympy.solve(found - sympy.Rational(5, 4), symbol) == [pytest.approx(solution)]


def test_symbols_of_leaves_without_a_label_of_their_own_survive_a_pickle():
    a, b, c = Value(2.0), Value(3.0, "w"), Value(4.0, "w")
    found = to_sympy(a * b + c * 2.0)
    again = pickle.loads(pickle.dumps(found))
    assert again == found
    for leaf in (a, b, c):
        assert again.diff(to_sympy(leaf)) == found.diff(to_sympy(leaf)) != 0
    assert again.subs(to_sympy(a), 7) - found.subs(to_sympy(a), 7) == 0
    gone = pickle.dumps(to_sympy(Value(2.0) * 3.0))
    assert len(pickle.loads(gone).free_symbols) == 1  # of a leaf that is not there any more


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: abs(x) ** 0.5, lambda y, x: 0.5 * x**-0.5),
        (lambda x: x * x, lambda y, x: 2.0 * (x * x * x) ** 0.5 / x**0.5),
    ],
)
def test_own_partial_that_is_complex_elsewhere_is_kept(f, slope):
    x = Value(0.7, "x")
    found, symbol = to_sympy(operation("own", f, slope)(x)), to_sympy(x)
    assert found.func.__name__ == "own"
    assert found.subs(symbol, 0.7).evalf() == pytest.approx(f(0.7))
    assert found.diff(symbol).subs(symbol, 0.7).evalf() == pytest.approx(slope(f(0.7), 0.7))


class Scale:
    kept = 2.0

    def __init__(self):
        self.number, self.value, self.listed, self.named = 2.0, Value(2.0), [2.0], {"k": 2.0}
        self.inner = operation("inner", lambda x: self.number * x, lambda y, x: self.number)

    def set(self, k):
        self.number, self.value.data, self.listed[0], self.named["k"] = k, k, k, k
        Scale.kept = k


SCALED = {  # what an own operation may multiply by, which changes
    "attribute": lambda s, x: s.number * x, "dict": lambda s, x: s.named["k"] * x,
    "value": lambda s, x: s.value.data * x, "list": lambda s, x: s.listed[0] * x, "class": lambda s, x: s.kept * x,
    "other operation": lambda s, x: s.inner(x),
}  # fmt: skip


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", SCALED)
def test_own_operation_is_read_anew_where_what_it_uses_has_changed(name, kept):
    scale, x = Scale(), Value(3.25, "x")
    f = SCALED[name]
    forward = (lambda x: autograd.floor(f(scale, x))) if kept else (lambda x: f(scale, x) * x)
    own = operation("scaled", forward, lambda y, x: f(scale, 1.0) * (1.0 if kept else 2.0 * x))
    seen = []
    for k in (2.0, 5.0, 2.0):
        scale.set(k)
        root, symbol = own(x) * 2.0, to_sympy(x)
        found = to_sympy(root)
        for term in (found, sympy.expand_func(found)):
            assert float(term.subs(symbol, sympy.Rational(x.data))) == root.data
            assert sympy.lambdify(symbol, term)(x.data) == root.data
        assert float(found.diff(symbol).subs(symbol, sympy.Rational(x.data))) == gradients(root, [x])[0]
        assert to_sympy(own(x) * 2.0) == found
        seen.append(found)
    assert seen[0] == seen[2] != seen[1]
