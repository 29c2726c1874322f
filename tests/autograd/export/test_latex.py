"""Formulas in LaTeX, read back by a parser of what a mathematician reads, and computed."""

import math
import re

import pytest

import nn
from autograd import Constant, Value, dot, fsum, leaky_relu, lgamma, log, mean, operation, rules, sin, sqrt, tanh, where
from autograd.engine import topological_order
from autograd.export import derivation, to_latex
from autograd.export.latex import tex_name, tex_names
from autograd.pictures.page.formulas import FORMULAS
from autograd.rules import symbol
from autograd.rules.operation import NAry
from tests.autograd.export.rows import agreeing, cases, close, each_row, graph, points
from tests.autograd.export.samples import digits_loss

TOKEN = re.compile(
    r"\\left(?:\\[a-z]+|.)|\\right(?:\\[a-z]+|.)|\\ln\\(?!left)[A-Za-z]+|\\\\|\\[A-Za-z]+|\d+(?:\.\d+)?|[A-Za-z]|[^\s]"
)
FUNCTIONS = {
    **{f"\\{name}": getattr(math, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"\\arc{name}": getattr(math, f"a{name}") for name in ("sin", "cos", "tan")},
    **{f"ar{name}": getattr(math, f"a{name}") for name in ("sinh", "cosh", "tanh")},
    **{name: getattr(math, name) for name in ("erf", "erfc", "atan2", "hypot")},
    **{name: getattr(rules, name) for name in ("relu", "silu", "softplus", "gelu", "elu")},
    **{name: getattr(rules, name) for name in ("erfinv", "clip", "xlogy", "sinc")},
    "chosen": float,  # the side of a choice by a plain bool
    **{"\\max": max, "\\min": min, "\\ln": math.log, "\\sigma": rules.sigmoid, "sgn": rules.sign},
    **{"\\ln\\Gamma": rules.lgamma, "\\ln\\sigma": rules.log_sigmoid, "\\ln\\Phi": rules.log_ndtr},
    **{"\\Phi": rules.ndtr, "\\varphi": rules.ndtr.partials[0].__get__(0.0), "mills": rules.mills_of},
    **{"sphericalbessel": rules.spherical_bessel_of, "leakyrelu": rules.leaky_relu},
    "sech": lambda x: 1.0 / math.cosh(x),
    "\\psi": lambda x, n=0.0: rules.polygamma_of(x, n) if n > 1.0 else rules.trigamma(x) if n else rules.digamma(x),
}
BRACKETS = {  # by how one opens: how it closes, and what it is of the number in it
    "\\left(": ("\\right)", float), "\\left|": ("\\right|", abs),
    "\\left\\lfloor": ("\\right\\rfloor", rules.floor), "\\left\\lceil": ("\\right\\rceil", rules.ceil),
}  # fmt: skip
TAKEN = r" \text{, taken as } "


class Reader:
    """A parser that computes: the precedence of textbooks, in which a sign stands at the beginning of a sum only."""

    def __init__(self, source, names):
        self.tokens = [*TOKEN.findall(source), "end"]
        self.names = names

    def take(self, *wanted):
        token = self.tokens.pop(0)
        assert not wanted or token in wanted, f"{token} is not {wanted}"
        return token

    def found(self, token):
        return self.tokens[0] == token and bool(self.tokens.pop(0))

    def whole(self):
        result = self.sum()
        self.take("end")
        return result

    def sum(self):
        total = -self.product() if self.found("-") else self.product()
        while self.tokens[0] in "+-":
            total = total + self.product() if self.take() == "+" else total - self.product()
        return total % self.sum() if self.found("\\bmod") else total  # which binds more weakly than all signs

    def product(self):
        result = self.power()
        while self.found("\\cdot"):
            result = result * self.power()
        return result

    def power(self):
        if self.tokens[:5] == ["\\mathrm", "{", "e", "}", "^"]:
            del self.tokens[:5]
            result = math.exp(self.group())
        else:
            result = self.atom()
            if self.found("^"):
                result = result ** self.group()
        assert self.tokens[0] != "^"
        return result

    def group(self):
        self.take("{")
        result = self.sum()
        self.take("}")
        return result

    def text(self):
        self.take("{")
        parts = []
        while not self.found("}"):
            parts.append(self.take())
        return "".join(parts)

    def arguments(self):
        self.take("\\left(")
        found = [self.sum()]
        while self.found(","):
            found.append(self.sum())
        self.take("\\right)")
        return found

    def atom(self):
        token = self.take()
        if token[0].isdigit():
            return float(token)
        if token == "\\infty":
            return math.inf
        if token in BRACKETS:
            end, function = BRACKETS[token]
            result = function(self.sum())
            self.take(end)
            return result
        if token == "\\frac":
            return rules.ieee_divide(self.group(), self.group())
        if token == "\\sqrt":
            if not self.found("["):
                return math.sqrt(self.group())
            self.take("3")
            self.take("]")
            return math.cbrt(self.group())
        if token == "\\log":
            self.take("_")
            return {"2": math.log2, "10": math.log10}[self.text()](*self.arguments())
        if token == "\\begin":
            return self.cases()
        word = self.text().replace("\\_", "") if token == "\\operatorname" else token
        if word in FUNCTIONS:
            constants = [self.group()] if self.found("_") else []
            exponent = float(self.text()) if self.found("^") else 1.0
            result = FUNCTIONS[word](*self.arguments(), *constants) ** exponent
            assert self.tokens[0] != "^" or not word.startswith("\\ln\\"), "a power of what is within the logarithm"
            return result
        assert token.isalpha(), token
        return self.names[f"{token}_{{{self.text()}}}" if self.found("_") else token]

    def condition(self):
        left, sign, right = self.sum(), self.take(), self.sum()
        signs = {"\\neq": left != right, "<": left < right, ">": left > right, "\\leq": left <= right}
        holds = {**signs, "\\geq": left >= right}[sign]
        return (self.condition() or holds) if self.found("\\lor") else holds

    def cases(self):
        assert self.text() == "cases"
        a = self.sum()
        self.take("&")
        holds = self.condition()
        self.take("\\\\")
        b = self.sum()
        for expected in ("&", "\\text"):
            self.take(expected)
        assert self.text() == "otherwise"
        self.take("\\end")
        assert self.text() == "cases"
        return a if holds else b


def lines(source):
    inside = re.fullmatch(r"\\begin\{aligned\}\n(.*)\n\\end\{aligned\}", source, re.DOTALL)
    return [] if inside is None else [line.split(" &= ") for line in inside[1].split(" \\\\\n")]


def computed(source, names):
    """The number that a formula, or the last of several, has."""
    rows = lines(source)
    for name, formula in rows:
        names[name] = Reader(formula, names).whole()
    return names[rows[-1][0]] if rows else Reader(source, names).whole()


def named(leaves):
    return {tex_name(leaf.label): leaf.data for leaf in leaves}


@each_row
def test_formula_of_every_row_computes_its_value(name, row):
    assert len(points(row)) >= 3
    for operands, _ in cases(row, in_tails=False):
        if isinstance(row, NAry) and max(operands) > 709.0:
            continue  # whose formula overflows
        root, leaves = graph(row, operands)
        assert [computed(to_latex(root), named(leaves))] == agreeing(root), operands


@each_row
def test_derivation_of_every_row_ends_with_its_derivative(name, row):
    for operands in points(row)[:20]:
        root, leaves = graph(row, operands)
        root.backward()
        for leaf in leaves:
            left, right = lines(derivation(root, leaf))[-1]
            *formulas, number = re.split(f" = |{re.escape(TAKEN)}", right)
            assert (
                len({tuple(re.findall(r"[<>]|\\[lg]eq", formula)) for formula in formulas}) <= 1
            )  # laid beside each other
            assert left.endswith(f"\\partial {tex_name(leaf.label)}}}")
            assert Reader(number, {}).whole() == close(leaf.grad, rel=1e-5)


def is_number(formula):
    try:
        return math.isfinite(Reader(formula, {}).whole())
    except (ArithmeticError, ValueError):
        return False


@each_row
def test_derivation_writes_no_sum_with_a_pole_but_says_which_number_is_taken(name, row):
    edges = [list(edge) for edge in row.edges if all(map(math.isfinite, edge))]
    for operands in points(row)[:20] + edges if row is not rules.clip else []:  # which has a product of conditions
        root, leaves = graph(row, operands)
        root.backward()
        for leaf in leaves:
            if math.isfinite(leaf.grad):
                told, taken, _ = lines(derivation(root, leaf))[-1][1].partition(TAKEN)
                *_, numbers = told.split(" = ")[:2]
                assert bool(taken) != is_number(numbers), operands


def test_formulas_of_the_digits_network_compute_its_loss_and_its_derivatives():
    root, leaves = digits_loss()
    formula = to_latex(root)
    assert len(formula) < 100_000
    names = {name: leaf.data for leaf, name in tex_names(topological_order(root), []).items()}
    assert [computed(formula, names)] == agreeing(root)
    for leaf in (leaves[70], leaves[-1]):
        *_, (_, right) = lines(derivation(root, leaf))
        assert Reader(right.split(" = ")[-1], {}).whole() == close(leaf.grad, rel=1e-5)


x, y = Value(0.3, "x"), Value(0.7, "y")


@pytest.mark.parametrize(
    ("root", "formula"),
    [
        (x - (y - x), r"x - \left(y - x\right)"), (x + -y, r"x + \left(-y\right)"), (-(x + y), r"-\left(x + y\right)"),
        (-(x**2), "-x^{2}"), ((-x) ** 2, r"\left(-x\right)^{2}"), ((x**y) ** x, r"\left(x^{y}\right)^{x}"),
        (x ** (y**x), "x^{y^{x}}"), (x * -2.0, r"x \cdot \left(-2\right)"), (x / y / x, r"\frac{\frac{x}{y}}{x}"),
        ((x / y) ** 2, r"\left(\frac{x}{y}\right)^{2}"), (x * 1e-7, r"x \cdot \left(1 \cdot 10^{-7}\right)"),
        (sin(x * y) * 2, r"\sin\left(x \cdot y\right) \cdot 2"),
        (-(x % 5.0), r"-\left(x \bmod 5\right)"), ((x % 5.0) * y, r"\left(x \bmod 5\right) \cdot y"),
        (x - x % 5.0, r"x - \left(x \bmod 5\right)"), (x % 5.0 + y, r"\left(x \bmod 5\right) + y"),
        (x * y % 5.0, r"\left(x \cdot y\right) \bmod 5"), (x % (x + y), r"x \bmod \left(x + y\right)"),
        ((x % y) % y, r"\left(x \bmod y\right) \bmod y"), (-x % 5.0, r"\left(-x\right) \bmod 5"),
        (x * math.inf, r"x \cdot \infty"), (x * -math.inf, r"x \cdot \left(-\infty\right)"),
        (x + Constant(math.nan), r"x + \mathrm{nan}"),
        ((x / y) % 5.0, r"\frac{x}{y} \bmod 5"), (x % 5.0, r"x \bmod 5"),
        (-(x // y), r"-\left\lfloor \frac{x}{y} \right\rfloor"),
        (leaky_relu(x), r"\operatorname{leaky\_relu}_{0.01}\left(x\right)"), (x, "x"), (Constant(2.5), "2.5"),
        (x * fsum([y]), r"x \cdot y"), (fsum([x - y]) * x, r"\left(x - y\right) \cdot x"), (mean([x - y]), "x - y"),
        (fsum([x - y]) ** 2, r"\left(x - y\right)^{2}"), (x - dot([x], [y]), r"x - x \cdot y"),
        (rules.largest.apply([x, y, x * y]), r"\max\left(x, y, x \cdot y\right)"),
        (x * fsum([y, y]), r"x \cdot \left(y + y\right)"), (2.0 * lgamma(x), r"2 \cdot \ln\Gamma\left(x\right)"),
    ],
)  # fmt: skip
def test_parentheses_stand_where_they_are_needed_and_no_number_looks_like_python(root, formula):
    assert to_latex(root) == formula


@pytest.mark.parametrize("constant", [0.123456789, 1e-7, 1.0000001, 123456789.0, 1e20])
@pytest.mark.parametrize("family", [rules.leaky_relu, rules.elu], ids=lambda family: family.name)
def test_constant_of_a_family_is_exact_as_other_numbers_are(family, constant):
    root, leaves = graph(family.member(constant), [-0.5])
    assert computed(to_latex(root), named(leaves)) == root.data


@each_row
def test_power_of_every_row_is_read_as_that(name, row):
    for operands in points(row)[:5]:
        if isinstance(row, NAry) and max(operands) > 300.0:
            continue  # whose formula overflows
        root, leaves = graph(row, operands)
        for whole in (root**2, 2.0 - root, root / 3.0 * root):
            assert [computed(to_latex(whole), named(leaves))] == agreeing(whole), operands


a, b = map(symbol, "ab")


@pytest.mark.parametrize(
    ("term", "formula"),
    [
        (-(a % 5.0), "−(a mod 5)"), (a - a % b, "a − (a mod b)"), (a * b % 5.0, "(a × b) mod 5"),
        (a % -5.0, "a mod (−5)"),
        (-(a // b), "−(a div b)"), ((a // b) * b, "(a div b) × b"), (a % b, "a mod b"),
        (rules.where(a < b, rules.where(b < 1.0, a, 2.0), b), "(a if b < 1 else 2) if a < b else b"),
        (rules.where(a < b, a, b) > 0.0, "(a if a < b else b) > 0"),
        (rules.where(a < b, a, b) * 2.0, "(a if a < b else b) × 2"),
    ],
)  # fmt: skip
def test_parentheses_stand_where_they_are_needed_on_the_page(term, formula):
    assert FORMULAS.source(term, str) == formula


def test_shared_parts_are_named_once_and_a_derivation_of_them_grows_with_the_graph():
    z = x
    for _ in range(18):
        z = z * z
    assert len(to_latex(z)) < 1_000
    assert len(lines(to_latex(z))) == 18
    assert len(derivation(z, x)) < 6_000


@pytest.mark.thorough
def test_deep_graphs_are_cut_into_lines():
    z = x
    for _ in range(20_000):
        z = tanh(z + 0.1)
    rows = lines(to_latex(z))
    assert max(len(formula) for _, formula in rows) < 2_000
    assert computed(to_latex(z), named([x])) == pytest.approx(z.data, rel=1e-12)


def test_leaves_with_one_label_have_names_of_their_own():
    a, b = Value(2.0, "w"), Value(3.0, "w")
    assert to_latex(a - b) == "w - w_{2}"
    assert to_latex(Value(1.0, "w2") * (a - b)) == r"w_{2} \cdot \left(w - w_{3}\right)"
    assert to_latex(Value(1.0, "b0") * Value(1.0, "b0") - Value(1.0, "50%") / Value(1.0, "50%")) == (
        r"b_{0} \cdot b_{0,2} - \frac{\text{50\%}}{\text{50\%}_{2}}"
    )


def test_derivation_tells_the_weights_of_several_neurons_apart():
    layer = nn.MLP(2, [2, 1], "tanh", seed=1)
    root = layer([Value(0.5, "x0"), Value(-0.25, "x1")])
    root.label = "y"
    root.backward()
    leaves = layer.parameters()
    lefts = [lines(derivation(root, leaf))[-1][0] for leaf in leaves]
    assert len(set(lefts)) == len(leaves) == 9
    for leaf in leaves:
        *_, (_, right) = lines(derivation(root, leaf))
        assert Reader(right.split(" = ")[-1], {}).whole() == close(leaf.grad, rel=1e-5)
    formula = to_latex(root)
    assert all(f"w_{{{name}}}" in formula for name in ("0", "1", "0,2", "1,2", "0,3", "1,3"))


@pytest.mark.parametrize("label", ["}", "\\", "$x$", "a_b_c", "#&%~^", "x\n\n% y", "ü", "\\input{secret}", "{", "x y"])
def test_no_label_leaves_its_name(label):
    text = r"\\text\{(?:[^\\{}$&#^_%~\n]|\\[{}$&#_%])*\}"
    name = tex_name(label)
    assert re.fullmatch(rf"{text}(?:(?:\\backslash|\\hat{{\\ }}|{{\\sim}}){text})*", name), name


@pytest.mark.parametrize("symbol", "∑∏∫≠ℒℋℱℛℰ⋃⨁≝⟦‼∉")
def test_symbols_of_formulas_stand_outside_of_text(symbol):
    assert tex_name(symbol) == rf"\text{{}}{symbol}\text{{}}"
    assert tex_name(f"a {symbol} b") == rf"\text{{a }}{symbol}\text{{ b}}"
    assert tex_name(f"{symbol}\u0302") == f"\\text{{}}{symbol}\u0302\\text{{}}"


def test_notebook_shows_a_formula_typeset():
    assert to_latex(x + y)._repr_latex_() == r"$\displaystyle x + y$"


def test_derivation_adds_up_what_every_use_hands_back():
    x = Value(3.0, "x")
    *_, (_, right) = lines(derivation(2.0 * x + x * x + 5.0 * x, x))
    symbols, numbers, total = right.split(" = ")
    assert symbols.count(r"\frac") == 4
    assert eval(numbers.replace(r"\cdot", "*")) == float(total) == 13.0


def test_derivation_has_the_numbers_of_a_users_own_derivative():
    own = operation("own", lambda a, b: a * a * b, lambda y, a, b: 2.0 * a * b, lambda y, a, b: a * a)
    x = Value(3.0, "x")
    root = own(x, 2.0) * x
    lines = str(derivation(root, x)).splitlines()
    assert lines[-2].endswith("= 54")
    assert r"\cdot 12" in lines[-2]
    root.backward()
    assert x.grad == 54.0


def test_derivation_hands_on_nothing_from_a_condition():
    x = Value(0.0, "x")
    *_, (_, right) = lines(derivation(where(sqrt(x), x, 2.0 * x), x))
    assert r"\frac{0.5}" not in right
    assert right.endswith("= 2")


def test_derivation_is_symbols_then_numbers():
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    L = (a * b + c) * f
    L.label = "L"
    slopes = [rf"\frac{{\partial L}}{{\partial {name}}}" for name in ("L", "v_{2}", "v_{1}", "a")]
    assert lines(derivation(L, a))[-4:] == [
        [slopes[0], "1"],
        [slopes[1], rf"{slopes[0]} \cdot f = 1 \cdot \left(-2\right) = -2"],
        [slopes[2], rf"{slopes[1]} = -2"],
        [slopes[3], rf"{slopes[2]} \cdot b = \left(-2\right) \cdot \left(-3\right) = 6"],
    ]


def test_a_choice_has_its_condition():
    for root in (where(x, x + 1, y), +where(x, x + 1, y), -(+where(x, x + 1, y))):
        assert r"x + 1 & x \neq 0 \\ y & \text{otherwise}" in to_latex(root)


def test_side_that_was_chosen_by_a_plain_bool_is_said_to_be_chosen():
    x = Value(2.0, "x")
    squared = r"\operatorname{chosen}\left(x \cdot x\right)"
    logarithm = r"\operatorname{chosen}\left(\ln\left(x\right)\right)"
    assert to_latex(where(x > 0.0, x * x, -x)) == to_latex(where(x < 0.0, -x, x * x)) == squared
    both = where(x > 0.0, lambda: log(x), 0.0) - where(x > 0.0, x * x, -x)
    assert to_latex(both) == f"{logarithm} - {squared}"
    told = dict(lines(derivation(both, x))[:5])
    assert r"\operatorname{chosen}\left(v_{1}\right) = \operatorname{chosen}\left(0.693147\right)" in told["v_{2}"]
    assert r"\operatorname{chosen}\left(v_{3}\right) = \operatorname{chosen}\left(4\right) = 4" in told["v_{5}"]
    named = where(x > 0.0, x, -x)
    named.parents[0].label = "c"  # and may be another number
    assert r"x & c \neq 0 \\ -x & \text{otherwise}" in to_latex(named)


def test_errors_say_what_is_taken():
    with pytest.raises(TypeError, match="to_latex takes a Value, the root of the graph to show, got a float"):
        to_latex(2.0)
    with pytest.raises(ValueError, match="derivation takes a Value that the root depends on"):
        derivation(x * 2, y)
    with pytest.raises(TypeError, match="derivation takes the Value to differentiate by, got a str"):
        derivation(x * 2, "x")
