"""Evaluation with other numbers: every row with intervals, mpmath's, complex numbers, symbols, arrays, Fractions."""

import cmath
import math
import random
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from mpmath import iv, mp

import autograd as ad
from autograd import Constant, Value, compile, detect_anomaly, evaluate, gradients, operation, relu, rules, where
from autograd.rules.operation import NAry
from autograd.testing import every_operation, expressions
from tests.autograd.functions.nested import AttributeErrors, Nothings
from tests.hypothesis_profiles import max_examples
from tests.oracle import defined, exact

ROWS = every_operation()


def graphs(row, rng, count):
    """Graphs of a row at points of its domain: the root, and its leaves."""
    arity = 3 * row.sequences if isinstance(row, NAry) else len(row.partials)
    while count:
        point = [rng.choice([rng.uniform(-3, 3), rng.uniform(0, 1), rng.uniform(1, 30)]) for _ in range(arity)]
        if row is rules.ieee_power:
            point[2] = 1.0
        if row.arity and not defined(row, point):
            continue
        leaves = [Value(x) for x in point]
        try:
            yield row.apply(leaves), leaves
        except (ValueError, ArithmeticError):
            continue
        count -= 1


def slope(row, point, position):
    """The derivative of the row's definition, by mpmath; None at a kink."""
    along = lambda t: exact(row, [*point[:position], t, *point[position + 1 :]])
    try:
        left, right = (mpmath.diff(along, point[position], direction=side) for side in (-1, 1))
    except (ValueError, ZeroDivisionError, TypeError):  # at the border of the domain
        return None
    return left if mpmath.almosteq(left, right, 1e-8, 1e-8) else None


def holds(interval, number):
    return mp.mpf(interval.a) <= number <= mp.mpf(interval.b)


every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def evaluated(row, root, numbers, known):
    """The value and the gradient, or None where a row that needs no meaning is named."""
    try:
        return evaluate(root, numbers, gradient=True)
    except NotImplementedError as error:
        assert " has no meaning for " in str(error)
        assert row.name not in known


@every_row
def test_intervals_hold_the_values_and_the_gradients_of_every_row(row):
    rng, tested = random.Random(3), 0
    for root, leaves in graphs(row, rng, 12):
        radius = 10 ** rng.uniform(-9, 0)
        boxes = {leaf: iv.mpf([leaf.data - radius, leaf.data + radius]) for leaf in leaves}
        try:
            found = evaluated(row, root, boxes, ENCLOSED)
        except (ValueError, ArithmeticError):  # the box is not in the domain
            continue
        if found is None:
            return
        value, gradient = found
        for _ in range(3):
            point = [rng.uniform(leaf.data - radius, leaf.data + radius) for leaf in leaves]
            with mp.workdps(40):
                if isinstance(wanted := exact(row, point), mpmath.mpc):  # where the row is nan
                    assert (value.a, value.b) == (-mp.inf, mp.inf), (boxes, point)
                    continue
                assert holds(value, wanted), (boxes, point)
                for position, leaf in enumerate(leaves):
                    if (wanted := slope(row, list(map(mp.mpf, point)), position)) is not None:
                        width = 1e-15 * abs(wanted) + mp.mpf(10) ** -30  # of mpmath's own differences
                        assert holds(gradient[leaf] + iv.mpf([-width, width]), wanted), (boxes, point, position)
            tested += 1
    assert tested


def assert_held(row, root, boxes, points):
    """Values and gradients to 50 digits are in the intervals, but of a row that has none, and is named."""
    value, gradient = evaluated(row, root, boxes, ENCLOSED) or (None, None)
    for point in points if value is not None else ():
        with mp.workdps(50):
            exactly, slopes = evaluate(root, {leaf: mp.mpf(x) for leaf, x in zip(boxes, point, strict=True)}, True)
            for found, wanted in [(value, exactly), *((gradient[leaf], slopes[leaf]) for leaf in boxes)]:
                width = 1e-45 * abs(wanted)
                low, high = mp.mpf(found.a) - width, mp.mpf(found.b) + width
                assert mp.isnan(wanted) or low <= wanted <= high, (row, point, found, wanted)


@pytest.mark.sample(6)
@every_row
def test_intervals_around_one_number_hold_all_of_its_digits(row):
    for root, leaves in graphs(row, random.Random(6), 60):
        assert_held(row, root, {x: iv.mpf(x.data) for x in leaves}, [[x.data for x in leaves]])


@pytest.mark.sample(6)
@pytest.mark.parametrize("ends", [(-1, 2), (-1000, 1000), (0, math.inf), (-math.inf, 0), (-math.inf, math.inf)])
@pytest.mark.parametrize("row", [row for row in ROWS if not row.domain], ids=lambda row: row.name)
def test_intervals_of_any_ends_hold_what_is_defined_everywhere(row, ends):
    rng = random.Random(7)
    leaves = [Value(1.0) for _ in range(3 * row.sequences if isinstance(row, NAry) else len(row.partials))]
    points = [[rng.uniform(max(ends[0], -9), min(ends[1], 9)) for _ in leaves] for _ in range(5)]
    assert_held(row, row.apply(leaves), {x: iv.mpf(ends) for x in leaves}, points)


ENCLOSED = {"+", "-", "*", "/", "exp", "log", "sin", "tan", "tanh", "asinh", "erf", "erfc", "gelu", "softplus", "atan2"}
ENCLOSED |= {"hypot", "maximum", "relu", "abs", "where", "mean", "dot", "logsumexp", "**2", "**0.5", "**-1", "cbrt"}


@every_row
def test_mpmath_has_every_row_to_any_number_of_digits(row):
    with mp.workdps(50):
        for root, leaves in graphs(row, random.Random(4), 4):
            numbers = {leaf: mp.mpf(leaf.data) for leaf in leaves}
            value, gradient = evaluate(root, numbers, gradient=True)
            assert mpmath.almosteq(value, exact(row, list(numbers.values())), 1e-45, 1e-45)
            for position, leaf in enumerate(leaves):
                if (wanted := slope(row, list(numbers.values()), position)) is not None:
                    assert mpmath.almosteq(gradient[leaf], wanted, 1e-24, 1e-24), (position, gradient[leaf], wanted)


TAILS = [sign * x for x in (1e-20, 1e-9, 0.999999999, 1.0, 9.0, 10.5, 40.0) for sign in (1.0, -1.0)]


@every_row
def test_mpmath_has_all_digits_in_the_tails_of_every_row(row):
    rng = random.Random(5)
    arity = 3 * row.sequences if isinstance(row, NAry) else len(row.partials)
    points = [[x] for x in TAILS] if arity == 1 else [[rng.choice(TAILS) for _ in range(arity)] for _ in range(30)]
    for point in points:
        if row is rules.ieee_power:
            point[2] = 1.0
        try:
            leaves = [Value(x) for x in point if not row.arity or defined(row, point)]
            root = row.apply(leaves)
        except (ValueError, ArithmeticError, TypeError):
            continue
        found = evaluate(root, {leaf: mp.mpf(leaf.data) for leaf in leaves}, gradient=True)
        with mp.workdps(60):
            finer = evaluate(root, {leaf: mp.mpf(leaf.data) for leaf in leaves}, gradient=True)
        with mp.workdps(600):
            wanted = exact(row, point)
        for a, b in [(found[0], wanted), *((found[1][leaf], finer[1][leaf]) for leaf in leaves)]:
            assert mpmath.almosteq(a, b, 1e-13, mp.mpf("1e-500")) or a == b or mp.isnan(b), (point, a, b)
        assert mpmath.almosteq(finer[0], wanted, 1e-55, mp.mpf("1e-500")) or mp.isnan(wanted), point


@pytest.mark.parametrize("row", [row for row in ROWS if row.arity == 1], ids=lambda row: row.name)
def test_mpmath_has_what_floats_have_at_nan_and_infinity(row):
    leaf = Value(next(x for x in (0.5, 1.5) if defined(row, [x])))
    root = row(leaf)
    for x in (math.nan, math.inf, -math.inf):
        try:
            wanted = row.forward(x)
        except (ValueError, ArithmeticError) as error:
            with pytest.raises(type(error)):
                evaluate(root, {leaf: mp.mpf(x)})
        else:
            found = float(evaluate(root, {leaf: mp.mpf(x)}))
            assert found == pytest.approx(wanted, rel=1e-15, abs=0.0, nan_ok=True), x


def test_complex_numbers_have_all_digits_near_zero_and_in_tails():
    for row, x in ((rules.expm1, 1e-20), (rules.log1p, -1e-20), (rules.softplus, -40.0), (rules.log_sigmoid, 40.0)):
        leaf = Value(x)
        root = row(leaf)
        for kind in (complex, mpmath.mpc):
            value, gradient = evaluate(root, {leaf: kind(x)}, gradient=True)
            assert complex(value) == pytest.approx(root.data, rel=1e-14, abs=0.0)
            assert complex(gradient[leaf]) == pytest.approx(gradients(root, [leaf])[0], rel=1e-14, abs=0.0)


ENDS = [
    *((ad.sign, ends, wanted) for ends, wanted in [((0, 1), (0, 1)), ((-1, 0), (-1, 0)), ((0, 0), (0, 0))]),
    *((ad.erf, (x, x), (math.erf(x),) * 2) for x in (9.5, 10.5, 26.0)),
    *((ad.erfc, (x, x), (math.erfc(x),) * 2) for x in (-12.0, 9.5)),
    *((f, (0, 0), (1, 1)) for f in (ad.exp, ad.cos, lambda x: 2.0**x)),
    (lambda x: ad.sqrt(x * x + 1), (-1, 2), (1, math.sqrt(5))),
    (ad.acos, (-1, 1), (0, math.pi)),
    (lambda x: ad.atan2(x, -1), (-1, 0), (-math.pi, math.pi)),  # at the cut
    (lambda x: ad.atan2(1, x), (-1, math.inf), (0, 0.75 * math.pi)),
]


@pytest.mark.parametrize(("f", "ends", "wanted"), ENDS)
def test_interval_is_as_narrow_as_its_digits(f, ends, wanted):
    x = Value(0.5)
    found = evaluate(f(x), {x: iv.mpf(ends)})
    assert (float(found.a), float(found.b)) == pytest.approx(wanted, rel=1e-15, abs=0.0)


def test_intervals_of_two_leaves_are_as_narrow_as_they_can_be():
    a, b, box = Value(0.5), Value(1.5), iv.mpf([-1, 2])
    assert evaluate(a * b, {a: box, b: box}) == iv.mpf([-2, 4])  # two numbers, though of one interval
    assert evaluate(a * a, {a: box}) == iv.mpf([0, 4])
    slopes = evaluate(ad.hypot(a, b), {a: iv.mpf([-1, 1]), b: iv.mpf([1, 2])}, gradient=True)[1]
    assert slopes[a] == iv.mpf([-1, 1])
    assert evaluate(ad.atan2(a, b), {a: iv.mpf([1, 2]), b: iv.mpf([0, 1])}) in iv.mpf([0.785, 1.571])  # at the axis


def test_derivative_that_is_not_defined_is_as_floats_have_it():
    a, b = Value(-2.0), Value(3.0)
    value, gradient = evaluate(a**b, {a: mp.mpf(-2), b: mp.mpf(3)}, gradient=True)
    assert (value, gradient[a]) == (-8, 12)
    assert mp.isnan(gradient[b])
    value, gradient = evaluate(a**b, {a: iv.mpf(-2), b: iv.mpf(3)}, gradient=True)
    assert (-8 in value, 12 in gradient[a], gradient[b] == iv.mpf([-math.inf, math.inf])) == (True, True, True)
    with pytest.raises(ValueError, match="log is defined for x > 0") as caught:
        evaluate(rules.log(b), {b: iv.mpf(-3)})
    assert caught.type is ValueError


def test_arrays_floats_and_values_have_what_the_engine_has():
    for row in ROWS:
        for root, leaves in graphs(row, random.Random(5), 4):
            value, gradient = evaluate(root, {leaf: np.array([leaf.data] * 3) for leaf in leaves}, gradient=True)
            wanted = gradients(root, leaves)
            assert value.tolist() == [root.data] * 3, row
            assert np.allclose([gradient[leaf] for leaf in leaves], [[x] * 3 for x in wanted], rtol=1e-15, atol=0.0)
            value, gradient = evaluate(root, {leaf: leaf.data for leaf in leaves}, gradient=True)
            assert (value, list(gradient.values())) == (root.data, wanted), row
            value, gradient = evaluate(root, {leaf: Value(leaf.data) for leaf in leaves}, gradient=True)
            assert (value.data, [float(getattr(g, "data", g)) for g in gradient.values()]) == (root.data, wanted)


def test_symbols_have_the_numbers_of_every_row():
    refused = rules.normal_ratio.name  # of whose derivative SymPy has no word
    for row in ROWS:
        for root, leaves in graphs(row, random.Random(6), 2):
            symbols = {leaf: sympy.Symbol(f"x{i}", real=True) for i, leaf in enumerate(leaves)}
            if (found := evaluated(row, root, symbols, {row.name} - {refused})) is None:
                break
            value, gradient = found
            at = {symbol: sympy.Float(leaf.data) for leaf, symbol in symbols.items()}
            assert float(value.subs(at)) == pytest.approx(root.data, rel=1e-12), row
            found = [float(gradient[leaf].subs(at)) for leaf in leaves]
            assert found == pytest.approx(gradients(root, leaves), rel=1e-11, abs=1e-300), row


HOLOMORPHIC = ["exp", "log", "sin", "tan", "tanh", "asin", "acosh", "atanh", "sqrt", "**3", "**-1", "**0.5", "sigmoid"]
HOLOMORPHIC += ["+", "*", "/", "**", "log1p", "silu", "mean", "dot", "logsumexp", "hypot"]


@every_row
def test_complex_numbers_have_holomorphic_values_and_derivatives(row):
    for kind, h in ((mpmath.mpc, mp.mpf(10) ** -15), (complex, 1e-5)):
        for root, leaves in graphs(row, random.Random(7), 3):
            numbers = {leaf: kind(leaf.data * 0.3, 0.2) for leaf in leaves}
            with mp.workdps(40):
                if (found := evaluated(row, root, numbers, HOLOMORPHIC)) is None:
                    break
                value, gradient = found
                assert complex(evaluate(root, {x: mpmath.mpc(z) for x, z in numbers.items()})) == near(value)
                for leaf, number in numbers.items():
                    for step in (h, kind(0, h)):
                        moved = [evaluate(root, {**numbers, leaf: number + s}) for s in (step, -step)]
                        assert complex(gradient[leaf]) == near((moved[0] - moved[1]) / (2 * step), 1e-8)


HUGE = [complex(a, b) for a in (800, -800, 1e155, -1e300, 1e308, 0, 1) for b in (0, 1, 800, 1e155, -1e300, 1e308)]


@every_row
def test_complex_number_that_overflows_is_an_error(row):
    root, leaves = next(graphs(row, random.Random(1), 1))
    for n in range(len(HUGE)):
        numbers = {leaf: HUGE[n - 5 * place] for place, leaf in enumerate(leaves)}
        try:
            assert cmath.isfinite(evaluate(root, numbers)), numbers
        except NotImplementedError:
            break
        except ArithmeticError:
            continue
        except ValueError as error:
            assert re.search("(is defined for|is undefined, or beyond .*, at) ", str(error)), numbers


def near(number, rel=1e-13):
    return pytest.approx(complex(number), rel=rel, abs=1e-9)


T = sympy.Symbol("t", real=True)
KINDS = [  # what messages call numbers of a kind, their type, and how one is made near a float
    ("a Fraction", Fraction, lambda x: Fraction(round(x * 7) or 1, 7)),
    ("a complex number", complex, lambda x: complex(x, 0.3)),
    ("a complex number", complex, np.complex64),  # for which NumPy has an order
    ("an mpf of mpmath", mpmath.mpf, mpmath.mpf),
    ("an mpc of mpmath", mpmath.mpc, lambda x: mpmath.mpc(x, 0.3)),
    ("an interval", iv.mpf, lambda x: iv.mpf([x - 0.1, x + 0.1])),
    ("an interval", iv.mpf, iv.mpf),
    *[
        ("an expression of SymPy", sympy.Expr, lambda x, number=number: number)
        for number in (T, sympy.Symbol("z"), sympy.I * T, 1 + sympy.I, sympy.Rational(1, 3), sympy.zoo)
    ],
]
FLOATS_ONLY = [
    operation("of floats", math.sin, lambda y, x: math.cos(x)),
    operation("with a partial of floats", lambda x: x * x, lambda y, x: math.cos(x)),
    operation("asks for an attribute", lambda x: x.hex() and x, lambda y, x: 1.0),
    ad.root(lambda u, p: u - p * p, 1.0, Value(2.0)).op,
]


@pytest.mark.parametrize(("noun", "kind", "made"), KINDS)
def test_row_gives_numbers_of_their_kind_or_is_named(noun, kind, made):
    for row in [*ROWS, *FLOATS_ONLY]:
        for root, leaves in graphs(row, random.Random(9), 3):
            numbers = {leaf: made(leaf.data) for leaf in leaves}
            try:
                found = [evaluate(root, numbers)]
                found += evaluate(root, numbers, gradient=True)[1].values()
            except NotImplementedError as error:
                named = re.match(r"the (?:operation|derivative of) (.*?) has no meaning for (.*?): ", str(error))
                assert named.groups() == (row.name, noun)
            except (ValueError, ArithmeticError) as error:  # outside of the domain
                assert " is defined for " in str(error)
            else:
                assert row not in FLOATS_ONLY
                assert all(isinstance(x, kind) for x in found), row


RATIONAL = {"+", "-", "*", "/", "neg", "pos", "**2", "**3", "**-1", "**0", "**7", "relu", "abs", "maximum", "minimum"}
RATIONAL |= {"where", "<", "<=", "|", "fsum", "mean", "dot", "leaky_relu(0.01)", "leaky_relu(0.3)"}


def test_fractions_are_exact_or_the_operation_is_named():
    for row in ROWS:
        for root, leaves in graphs(row, random.Random(8), 4):
            numbers = {leaf: Fraction(round(leaf.data * 7) or 1, 7) for leaf in leaves}
            try:
                found = evaluated(row, root, numbers, RATIONAL)
            except ValueError:  # outside of the domain
                continue
            if found is None:
                break
            value, gradient = found
            assert {type(x) for x in [value, *gradient.values()]} == {Fraction}, row
            with mp.workdps(40):
                wanted = exact(row, [mp.mpf(x.numerator) / x.denominator for x in numbers.values()])
                assert mpmath.almosteq(mp.mpf(value.numerator) / value.denominator, wanted, 1e-38, 1e-38), row


@pytest.mark.parametrize("row", [rules.sign, rules.floor, rules.ceil, rules.abs, rules.relu], ids=lambda row: row.name)
def test_fractions_at_the_edges_of_a_row_are_as_floats(row):
    leaf = Value(0.7)
    for number in (Fraction(-3, 2), Fraction(-1), Fraction(0), Fraction(1, 2), Fraction(2)):
        value, gradient = evaluate(row(leaf), {leaf: number}, gradient=True)
        x = Value(float(number))
        assert (value, gradient[leaf]) == (row(x).data, gradients(row(x), [x])[0]), number


@pytest.mark.parametrize("kind", [sympy.Integer, Fraction, mpmath.mpf, float], ids=lambda kind: kind.__name__)
def test_choice_by_a_number_that_is_known_is_made(kind):
    x = Value(0.5)
    y = x.leaky_relu(0.1) - 3.0 * x.relu()
    for number in (-2, 0, 3):
        found = evaluate(y, {x: kind(number)}, gradient=True)
        wanted = evaluate(y, {x: float(number)}, gradient=True)
        assert [float(found[0]), float(found[1][x])] == pytest.approx([wanted[0], wanted[1][x]], rel=1e-15), number


def test_infinities_of_a_graph_are_those_of_sympy():
    x, s = Value(3.0), sympy.Symbol("s")
    for bound, known in ((math.inf, sympy.oo), (-math.inf, -sympy.oo)):
        assert evaluate(x * 2.0 + bound, {x: s}) == known + 2 * s
        assert evaluate(bound / x, {x: sympy.Integer(-2)}) == -known
    assert evaluate(x * math.nan, {x: s}) is sympy.nan


def test_what_does_not_depend_on_a_number_has_the_derivative_zero():
    x, y = Value(3.0), Value(2.0)
    assert evaluate(y * y, {x: 1.0, y: 2.0}, gradient=True) == (4.0, {x: 0.0, y: 4.0})
    assert evaluate(y * y, {x: 2j, y: 2.0}, gradient=True) == (4.0, {x: 0j, y: 4.0})


ARITHMETIC = [rules.add, rules.sub, rules.mul, rules.divide, rules.negative, rules.fsum]
ARITHMETIC += [rules.power_of.member(n) for n in (2.0, 3.0, -1.0)]


@max_examples(40)
@given(expressions(ARITHMETIC, elements=st.integers(-12, 12).map(lambda n: n / 4)))
def test_gradients_by_fractions_are_those_of_the_formula(expression):
    leaves = [Value(x) for x in expression.inputs]
    root = expression(*leaves)
    numbers = {leaf: Fraction(leaf.data).limit_denominator(9) for leaf in leaves}
    try:
        value, gradient = evaluate(root, numbers, gradient=True)
    except ZeroDivisionError:
        return
    symbols = {leaf: sympy.Symbol(f"x{i}") for i, leaf in enumerate(leaves)}
    formula = evaluate(root, symbols)
    at = {symbols[leaf]: sympy.Rational(x.numerator, x.denominator) for leaf, x in numbers.items()}
    exactly = not formula.atoms(sympy.Float)  # a constant of the expression may be no short fraction
    pairs = [(formula.subs(at), value), *((formula.diff(symbols[x]).subs(at), gradient[x]) for x in leaves)]
    for wanted, found in pairs:
        if exactly:
            assert wanted == sympy.Rational(found.numerator, found.denominator)
        else:
            assert float(wanted) == pytest.approx(float(found), rel=1e-9, abs=1e-9)


def test_rump_polynomial_is_exact_and_enclosed():
    # S. M. Rump, "Algorithms for verified inclusions", 1988: floats of 53 and of 113 bits are wrong in every digit.
    a, b = Value(77617.0, "a"), Value(33096.0, "b")
    quarter = Value(333.75), Value(5.5)
    y = quarter[0] * b**6 + a**2 * (11 * a**2 * b**2 - b**6 - 121 * b**4 - 2) + quarter[1] * b**8 + a / (2 * b)
    found, gradient = evaluate(y, {a: Fraction(77617), b: Fraction(33096)}, gradient=True)
    assert found == Fraction(-54767, 66192)
    assert abs(y.data - float(found)) > 1e15
    assert gradient[b] == Fraction(evaluate(y, {a: Fraction(77617), b: Fraction(33096)}, gradient=True)[1][b])
    enclosure, slopes = evaluate(y, {a: iv.mpf(77617), b: iv.mpf(33096)}, gradient=True)
    assert -54767 / 66192 in enclosure
    assert holds(slopes[b], mp.mpf(gradient[b].numerator) / gradient[b].denominator)


def test_newton_with_intervals_proves_a_zero():
    # R. E. Moore, "Interval Analysis", 1966: where the step of an interval lies in the interval there is one zero.
    x = Value(1.0)
    y = x**3 - 2 * x - 5  # Wallis's equation
    box = iv.mpf([2, 2.2])
    _, gradient = evaluate(y, {x: box}, gradient=True)
    step = box.mid - evaluate(y, {x: iv.mpf(box.mid)}) / gradient[x]
    assert step in box
    assert 2.0945514815423265 in step


def test_leaves_that_are_not_named_keep_their_numbers_exactly():
    x, w = Value(2.0), Value(0.1)
    value, gradient = evaluate(x * w + Constant(0.5), {x: Fraction(1, 3)}, gradient=True)
    assert value == Fraction(1, 3) * Fraction(0.1) + Fraction(1, 2)
    assert gradient == {x: Fraction(0.1)}
    with mp.workdps(40):
        assert evaluate(x * w, {x: mp.mpf(1)}) == mp.mpf(0.1)


def test_leaves_may_be_constants_repeated_unused_or_the_root():
    x, unused, c = Value(2.0), Value(1.0), Constant(5.0)
    value, gradient = evaluate(x * x * c, {x: Fraction(3), unused: Fraction(1), c: 2}, gradient=True)
    assert (value, gradient) == (18, {x: 12, unused: 0, c: 9})
    assert evaluate(x, {x: Fraction(3)}, gradient=True) == (3, {x: 1})
    assert evaluate(x * 2.0, {}) == 4.0
    assert evaluate(x * x, {x: np.float32(0.5)}) == 0.25
    for number in (2, True, 0.5):
        for root in (x, -x, x * x):
            assert type(evaluate(root, {x: number})) is float
    assert evaluate(x * x, {x: True}) == 1.0


def test_array_broadcasts_and_its_gradient_has_its_shape():
    x, w = Value(2.0), Value(3.0)
    value, gradient = evaluate(x + w, {x: np.array([[1.0, 2.0]]), w: 5.0}, gradient=True)
    assert value.tolist() == [[6.0, 7.0]]
    assert gradient[x].tolist() == gradient[w].tolist() == [[1.0, 1.0]]
    choice = relu(x) + ad.maximum(x, w)
    assert evaluate(choice, {x: np.array([-1.0, 2.0, 4.0])}, gradient=True)[1][x].tolist() == [0.0, 1.0, 2.0]


def test_graph_of_values_is_differentiated_further():
    x = Value(0.5)
    other = Value(0.7)
    value, gradient = evaluate(ad.tanh(x) * x, {x: other}, gradient=True)
    assert gradients(value, [other]) == pytest.approx([gradient[x].data], rel=1e-15)
    assert gradients(gradient[x], [other])[0] == pytest.approx(ad.hessian(lambda t: ad.tanh(t) * t)(0.7), rel=1e-13)


def test_traced_choices_are_decided_by_the_numbers():
    held = []
    program = compile(lambda x: held.append(where(x > 0.0, x * x, -x)) or held[-1])
    program(2.0)
    (root,) = held
    leaf = root.parents[1].parents[0]
    assert evaluate(root, {leaf: Fraction(-3)}, gradient=True) == (3, {leaf: -1})
    both, slopes = evaluate(root, {leaf: iv.mpf([-1, 2])}, gradient=True)
    assert 4 in both
    assert -1 in slopes[leaf]
    assert 4 in slopes[leaf]
    t = sympy.Symbol("t", real=True)
    assert evaluate(root, {leaf: t}).subs({t: -3}) == 3


def test_own_operation_takes_the_numbers_that_its_function_takes():
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    x = Value(2.0)
    assert evaluate(cube(x), {x: Fraction(1, 3)}, gradient=True) == (Fraction(1, 27), {x: Fraction(1, 3)})
    floats = operation("floats", math.sin, lambda y, x: 1.0 - 0.5 * x)
    with pytest.raises(NotImplementedError, match=r"floats has no meaning for a Fraction: the result is .* but 0\.3"):
        evaluate(floats(x), {x: Fraction(1, 3)})


def test_own_operation_of_the_functions_here_takes_all_numbers_that_these_take():
    own = operation("own", lambda x: ad.exp(-x * x) / 4.0, lambda y, x: -2.0 * x * y)
    x = Value(2.0)
    for kind in (mpmath.mpf, complex, sympy.Float):
        value, slopes = evaluate(own(x) * 2.0, {x: kind(0.5)}, gradient=True)
        assert complex(value) == pytest.approx(0.5 * math.exp(-0.25), rel=1e-15)
        assert complex(slopes[x]) == pytest.approx(-0.5 * math.exp(-0.25), rel=1e-15)
    assert 2.0 * own(0.5) in evaluate(own(x) * 2.0, {x: iv.mpf([0, 1])})
    with pytest.raises(NotImplementedError, match=r"exp has no meaning for a Fraction"):
        evaluate(own(x), {x: Fraction(1, 2)})


def test_own_operation_of_arrays_is_promised_floats():
    wave = operation("wave", lambda x: math.sin(x), lambda y, x: math.cos(x))
    x = Value(2.0)
    value, gradient = evaluate(wave(x) * x, {x: np.array([0.5, 1.0])}, gradient=True)
    assert value.tolist() == [0.5 * math.sin(0.5), math.sin(1.0)]
    assert gradient[x].tolist() == pytest.approx([math.sin(t) + t * math.cos(t) for t in (0.5, 1.0)], rel=1e-15)
    solved = ad.root(lambda t, a: t * t - a, 1.0, x)
    value, gradient = evaluate(solved, {x: np.array([4.0, 9.0])}, gradient=True)
    assert value.tolist() == pytest.approx([2.0, 3.0])
    assert gradient[x].tolist() == pytest.approx([0.25, 1.0 / 6.0])


@pytest.mark.thorough
def test_deep_graph_and_anomaly_block():
    y = x = Value(1.0)
    for _ in range(20_000):
        y = y + x
    with detect_anomaly():
        assert evaluate(y, {x: Fraction(1, 3)}, gradient=True) == (Fraction(20_001, 3), {x: 20_001})


@pytest.mark.parametrize(
    ("build", "number", "error", "message"),
    [
        (lambda x: ad.sin(x), Fraction(1), NotImplementedError, "sin has no meaning for a Fraction: there is no sin"),
        (lambda x: x**0.5, Fraction(1), NotImplementedError, r"\*\*0.5 has no meaning for a Fraction: the result"),
        (lambda x: ad.erf(x), 1j, NotImplementedError, "erf has no meaning for a complex number: there is no erf"),
        (lambda x: relu(x), 1j, NotImplementedError, "relu has no meaning for a complex number: there is no max"),
        (lambda x: ad.logsumexp([x, x]), 1e3 + 1j, OverflowError, "logsumexp is too large for a float, got 2 operands"),
        (lambda x: ad.logsumexp([x, x]), -1e3 + 1j, ValueError, "logsumexp is undefined, or beyond the range"),
        (lambda x: ad.expm1(x), 800 + 0j, OverflowError, r"expm1\(x\) is too large for a float, got x = \(800\+0j\)"),
        (lambda x: ad.atan(x), 1j, ValueError, "atan is undefined, or beyond the range of floats on the way, at 1j"),
        (lambda x: 1 / x, Fraction(0), ZeroDivisionError, r"1 / 0|/ is defined for b != 0|b != 0"),
        (lambda x: ad.log(x), mpmath.mpf(-1), ValueError, "log is defined for x > 0"),
        (lambda x: ad.sqrt(x), iv.mpf([-1, 1]), ValueError, "sqrt is defined for x >= 0"),
        (lambda x: x * x, "1", TypeError, "evaluate takes Fractions, intervals .* got a str: '1'"),
        (lambda x: x * x, None, TypeError, "got a NoneType: None"),
        (lambda x: where(x > 0.0, x, -x), Fraction(1), RuntimeError, "built by where.* true or false then"),
        (lambda x: where(x > 0.0, lambda: x, -x), Fraction(1), RuntimeError, "built by where"),
        (lambda x: x + where(x > 0.0, lambda: Value(1.0), 0.0), Fraction(1), RuntimeError, "built by where"),
        (lambda x: x + Value(math.inf), Fraction(1), ValueError, "the number inf, which is in the graph, for a Fract"),
    ],
)
def test_errors_name_what_was_asked(build, number, error, message):
    x = Value(1.0)
    with pytest.raises(error, match=message):
        evaluate(build(x), {x: number})


def test_numbers_are_of_one_kind_and_for_leaves():
    x, y = Value(1.0), Value(2.0)
    square, third = x * x, Fraction(1, 3)
    for root, numbers, message in [
        (x * y, {x: third, y: mpmath.mpf(1)}, "takes numbers of one kind, beside plain ones, got Fraction, mpf"),
        (x * y, {x: third, y: np.ones(2)}, "got Fraction, ndarray"),
        *((square, {x: kind()}, f"got an? {kind.__name__}") for kind in (AttributeErrors, Nothings)),
        (square * y, {square: third}, r"takes numbers for leaves, got one for Value.*, computed by \*; detach"),
        (square, {"x": third}, r"got one for a str: 'x'; write the Value itself"),
        (2.0, {}, "takes a Value and a dict by Values, got float and dict"),
        (square, [x], "got Value and list"),
    ]:
        with pytest.raises(TypeError, match=f"^evaluate.*{message}"):
            evaluate(root, numbers)


def test_leaf_that_is_not_in_the_graph_is_an_error_where_it_may_stand_for_one_that_is():
    x, other = Value(1.0, "x"), Value(3.0, "x")
    for gradient in (False, True):
        with pytest.raises(ValueError, match=r"data=3\.0.* is not in its graph, which has Value\(data=1\.0"):
            evaluate(x * x, {other: 10.0}, gradient)
    assert evaluate(x * x, {x: 10.0, other: 5.0}, gradient=True) == (100.0, {x: 20.0, other: 0.0})
    constant, *_ = gradients(2.0 * other, [other], create_graph=True)
    assert evaluate(constant, {other: 10.0}) == 2.0


@max_examples(100)
@given(expressions([row for row in ROWS if row.name in ENCLOSED]), st.floats(0.0, 1e-2))
def test_intervals_hold_random_expressions_and_their_gradients(expression, radius):
    leaves = [Value(x) for x in expression.inputs]
    root = expression(*leaves)
    try:
        value, slopes = evaluate(root, {x: iv.mpf([x.data - radius, x.data + radius]) for x in leaves}, gradient=True)
    except (ValueError, ArithmeticError):  # the box is not in the domain
        return
    with mp.workdps(40):
        for moved in (-radius, 0.0, radius):
            point = {x: mp.mpf(x.data + 0.99 * moved) for x in leaves}  # a double, since the ends of the interval are
            exactly, gradient = evaluate(root, point, gradient=True)
            assert holds(value, exactly)
            assert all(holds(slopes[x], gradient[x]) for x in leaves)


@pytest.mark.parametrize("kind", [float, Fraction, mpmath.mpf, sympy.Integer], ids=lambda kind: kind.__name__)
def test_side_that_is_not_chosen_is_not_called_with_numbers_of_any_kind(kind):
    own = operation("own", lambda x: where(x > 0.0, lambda: x + 1.0, lambda: 1 / 0), lambda y, x: 1.0)
    x = Value(2.0)
    assert evaluate(own(x), {x: kind(3)}) == 4
