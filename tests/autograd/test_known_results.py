"""Derivatives that others have published: formulas of handbooks, examples of papers, iterates of known methods.

Each test names its source. Formulas are evaluated by mpmath, so nothing here is compared with this package itself.
"""

import itertools
import math
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from mpmath import mp

import autograd as ad
from autograd import cos, exp, grad, hessian, hvp, jvp, log, rules, sin, sqrt, vjp
from autograd.rules.operation import NAry
from autograd.testing import every_operation
from tests.oracle import defined, exact


def forward(f):
    """The derivative of a function of one number, in forward mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


def forward_gradient(f):
    """The gradient of a function of a list, one forward sweep for each of its numbers."""
    return lambda x: [jvp(f, (x,), ([float(i == j) for j in range(len(x))],))[1] for i in range(len(x))]


# The modes of the nested derivatives, from the innermost outwards, repeated as often as the order needs.
MODES = {"reverse": [grad], "forward": [forward], "forward over reverse": [grad, forward]}
GRADIENTS = {"reverse": grad, "forward": forward_gradient}
in_every_mode = pytest.mark.parametrize("modes", MODES.values(), ids=MODES)


def nth_derivative(f, order, modes):
    for i in range(order):
        f = modes[i % len(modes)](f)
    return f


def close(found, wanted, relative=1e-9, absolute=1e-40):
    return abs(found - wanted) <= relative * abs(wanted) + absolute


# Exponential generating functions: the nth derivative at 0 counts something, and is an integer (OEIS).
GENERATING_FUNCTIONS = {
    "A000110, set partitions": (lambda x: exp(ad.expm1(x)), [1, 1, 2, 5, 15, 52, 203]),
    "A000670, weak orders": (lambda x: 1.0 / (2.0 - exp(x)), [1, 1, 3, 13, 75, 541, 4683]),
    "A000111, alternating permutations": (lambda x: (1.0 + sin(x)) / cos(x), [1, 1, 1, 2, 5, 16, 61]),
    "A122045, Euler numbers": (lambda x: 1.0 / ad.cosh(x), [1, 0, -1, 0, 5, 0, -61]),
    "A000142, permutations": (lambda x: 1.0 / (1.0 - x), [1, 1, 2, 6, 24, 120, 720]),
    "A000166, derangements": (lambda x: exp(-x) / (1.0 - x), [1, 0, 1, 2, 9, 44, 265]),
    "A000085, involutions": (lambda x: exp(x + x * x / 2.0), [1, 1, 2, 4, 10, 26, 76]),
    "A000262, sets of lists": (lambda x: exp(x / (1.0 - x)), [1, 1, 3, 13, 73, 501, 4051]),
    "A000248, idempotent maps": (lambda x: exp(x * exp(x)), [1, 1, 3, 10, 41, 196, 1057]),
    "A001813, quadruple factorials": (lambda x: (1.0 - 4.0 * x) ** -0.5, [1, 2, 12, 120, 1680, 30240, 665280]),
    "A005727, x^x at 1": (lambda x: (1.0 + x) ** (1.0 + x), [1, 1, 2, 3, 8, 10, 54]),
}


def test_derivatives_of_an_exponential_generating_function_count():
    for title, (f, numbers) in GENERATING_FUNCTIONS.items():
        derivatives = [nth_derivative(f, n, [grad, forward])(0.0) for n in range(len(numbers))]
        assert derivatives == pytest.approx(numbers, rel=1e-12, abs=1e-11), title


# DLMF 4.7.9 and 4.7.10: d²(a^b)/da db = a^(b-1) (1 + b ln a), in either order, for an exponent of 0 too.
def test_mixed_derivative_of_a_power_is_the_same_in_either_order():
    for a, b, order in itertools.product([1.0, 2.5], [0.0, 1.0, 2.0, 3.0, -1.0, 0.5], [(0, 1), (1, 0)]):
        found = grad(grad(lambda a, b: a**b, order[0]), order[1])(a, b)
        assert found == pytest.approx(a ** (b - 1.0) * (1.0 + b * math.log(a)), rel=1e-14), (a, b, order)


# The fifth derivative of every row of the table, against mpmath's derivative of the row's definition.

ROWS = {f"{i} {row.name}": row for i, row in enumerate(every_operation()) if not isinstance(row, NAry)}
N_ARY = {f"{i} {row.name}": row for i, row in enumerate(every_operation()) if isinstance(row, NAry)}
# A condition is not differentiated by, and the subtrahend in ieee_power's exponent is the order of a derivative.
MOVING = {rules.where: (1, 2), rules.ieee_power: (0, 1)}
OPERANDS = {
    1: [(0.3,), (-1.9,), (2.7,), (0.8,), (-0.6,), (4.1,), (1.3,)],
    2: [(0.7, 1.9), (1.8, -0.6), (2.6, 0.4), (1.3, 2.2)],
    3: [(1.0, 0.7, 1.0), (0.0, 0.7, 1.0), (-2.0, 1.8, 1.0), (0.7, 1.9, 1.0), (2.6, 0.4, 1.0)],
}
# Where formulas like to branch: at whole numbers, away from kinks, poles and the ends of the domain.
SPECIAL = {
    1: [(0.0,), (1.0,), (-1.0,), (2.0,)],
    2: [(2.0, 1.0), (1.0, 2.0), (1.0, 0.0), (0.0, 1.0), (3.0, -2.0)],
    3: [(1.0, 2.0, 1.0), (2.0, 3.0, 1.0), (2.0, 1.0, 1.0)],
}
JUMPING = (rules.floor, rules.ceil, rules.mod, rules.floordiv)  # at whole numbers


def points(row):
    chosen = [operands for operands in OPERANDS[len(row.partials)] if defined(row, operands)][:3]
    assert len(chosen) == 3
    return chosen


def special_points(row):
    near = lambda operands, h: tuple(x + h if i in MOVING.get(row, range(3)) else x for i, x in enumerate(operands))
    is_inside = lambda operands: all(defined(row, near(operands, h)) for h in (-0.01, 0.0, 0.01))
    kept = [operands for operands in SPECIAL[len(row.partials)] if operands not in row.edges and is_inside(operands)]
    return [] if row in JUMPING else kept


def fifth(f, x):
    """The fifth derivative of a function of mpmath's numbers."""
    with mp.workdps(70):
        return mpmath.diff(f, mp.mpf(x), 5)


def check_by_each_operand(row, operands, modes):
    for i in MOVING.get(row, range(len(operands))):
        along = lambda x, i=i: (*operands[:i], x, *operands[i + 1 :])
        wanted = fifth(lambda x, along=along: exact(row, along(x)), operands[i])
        found = nth_derivative(lambda x, along=along: row(*along(x)), 5, modes)(operands[i])
        assert close(found, wanted, absolute=1e-12), (operands, i, found, mpmath.nstr(wanted, 20))


def check_along_a_curve(row, operands, modes):
    """Let the operands move as x + v (exp(t) - 1), so mixed derivatives of all orders take part."""
    moving = MOVING.get(row, range(len(operands)))
    curve = lambda rise: [x + (0.25, -0.5)[i % 2] * rise if i in moving else x for i, x in enumerate(operands)]
    wanted = fifth(lambda t: exact(row, curve(mpmath.expm1(t))), 0)
    found = nth_derivative(lambda t: row(*curve(ad.expm1(t))), 5, modes)(0.0)
    assert close(found, wanted, absolute=1e-12), (operands, found, mpmath.nstr(wanted, 20))


@pytest.mark.sample(3)
@in_every_mode
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("check", [check_by_each_operand, check_along_a_curve])
def test_fifth_derivative_of_a_row_is_that_of_the_definition(row, modes, check):
    for operands in points(row):
        check(row, operands, modes)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_fifth_derivative_at_a_special_point_is_that_of_the_definition(row):
    for operands in special_points(row):
        check_by_each_operand(row, operands, [grad])
        check_along_a_curve(row, operands, [grad])


@in_every_mode
@pytest.mark.parametrize("row", N_ARY.values(), ids=N_ARY)
def test_fifth_derivative_of_a_function_of_many_is_that_of_its_definition(row, modes):
    def sequences(m, t):
        first, second = [m.sin(t), 0.3 + t * t, m.exp(-t), 1.5 * t], [m.cos(t), m.exp(0.5 * t), t, 0.7 - t]
        return [first, second][: row.sequences]

    package = SimpleNamespace(sin=sin, cos=cos, exp=exp)
    for x in (-0.7, 0.2, 1.6):
        wanted = fifth(lambda t: exact(row, [*itertools.chain(*sequences(mpmath, t))]), x)
        found = nth_derivative(lambda t: row(*sequences(package, t)), 5, modes)(x)
        assert close(found, wanted), (x, found, mpmath.nstr(wanted, 20))


# Worked examples.


def call_price(S, r, sigma, T, K=50.0):
    """The price of a call option, by Black, Scholes and Merton."""
    d1 = (log(S / K) + (r + sigma * sigma / 2.0) * T) / (sigma * sqrt(T))
    N = lambda d: ad.erfc(-d / math.sqrt(2)) / 2.0
    return S * N(d1) - K * exp(-r * T) * N(d1 - sigma * sqrt(T))


EXAMPLES = {  # the function, the point, the value with the gradient, and how far they may be from what is printed
    # A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, Tables 1.1 to 1.3.
    "Griewank and Walther": (lambda x1, x2: (sin(x1 / x2) + x1 / x2 - exp(x2)) * (x1 / x2 - exp(x2)),
        *[(1.5, 0.5), (2.0167, 3.0118, -13.7239), 3e-5]),
    # A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, "Automatic Differentiation in Machine Learning: a
    # Survey", Journal of Machine Learning Research 18 (2018), Tables 2 and 3.
    "survey": (lambda x1, x2: log(x1) + x1 * x2 - sin(x2), (2.0, 5.0), (11.652, 5.5, 1.716), 3e-4),
    # J. C. Hull, Options, Futures, and Other Derivatives, chapter "The Greek letters": the price, delta, rho, vega, and
    # theta with its sign changed, of a call on a stock at 49: strike 50, 5 % interest, 20 % volatility, 20 weeks.
    "Greeks": (call_price, (49.0, 0.05, 0.2, 0.3846), (2.40, 0.522, 8.91, 12.1, 4.31), 2e-3),
}  # fmt: skip


@pytest.mark.parametrize(("f", "at", "wanted", "tolerance"), EXAMPLES.values(), ids=EXAMPLES)
def test_examples_of_textbooks(f, at, wanted, tolerance):
    y, pullback = vjp(f, *at)
    assert (y, *pullback(1.0)) == pytest.approx(wanted, rel=tolerance)
    tangents = [jvp(f, at, [float(i == j) for j in range(len(at))])[1] for i in range(len(at))]
    assert tuple(tangents) == pytest.approx(grad(f, tuple(range(len(at))))(*at), rel=1e-13)


# Speelpenning's product: B. Speelpenning, thesis, University of Illinois at Urbana-Champaign, 1980; Griewank & Walther.
# At x_i = i / (i + 1) it telescopes to 1 / (n + 1); ADOL-C's example is evaluated there.


def product(xs):
    y = 1.0
    for x in xs:
        y = y * x
    return y


@pytest.mark.parametrize("gradient", GRADIENTS.values(), ids=GRADIENTS)
@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_gradient_of_speelpennings_product(n, gradient):
    xs = [i / (i + 1) for i in range(1, n + 1)]
    assert gradient(product)(xs) == pytest.approx([1 / (x * (n + 1)) for x in xs], rel=1e-13)
    factor, xs[0] = xs[0], 0.0  # with a factor of 0 the others have no slope
    assert gradient(product)(xs) == pytest.approx([1 / (n + 1) / factor, *[0.0] * (n - 1)], rel=1e-13, abs=0.0)


def test_hessian_of_speelpennings_product():
    for n in (2, 7, 100):
        xs = np.arange(1, n + 1) / np.arange(2, n + 2)
        wanted = np.outer(1 / xs, 1 / xs) / (n + 1)
        np.fill_diagonal(wanted, 0.0)
        np.testing.assert_allclose(hessian(product)(xs), wanted, rtol=1e-12)
        np.testing.assert_allclose(hvp(product)(xs, xs), wanted @ xs, rtol=1e-12)
    one = [[0, 15, 0, 0], [15, 0, 10, 6], [0, 10, 0, 0], [0, 6, 0, 0]]
    assert hessian(product)([2.0, 0.0, 3.0, 5.0]) == one
    two = [[0, 0, 0, 0], [0, 0, 0, 6], [0, 0, 0, 0], [0, 6, 0, 0]]  # with two zeros one mixed derivative is left
    assert (grad(product)([2.0, 0.0, 3.0, 0.0]), hessian(product)([2.0, 0.0, 3.0, 0.0])) == ([0.0] * 4, two)


# Optimisation inside of what is optimised.


@pytest.mark.parametrize(("inner", "outer"), [*itertools.product([grad, forward], repeat=2)])
def test_derivative_passes_through_the_steps_of_an_inner_descent(inner, outer):
    # max over q of 3 p q - q²: after k steps of length h from q = 1, q = 1.5 p + (1 - 1.5 p) (1 - 2 h)^k.
    def reached(p, k, h):
        q = 1.0
        for _ in range(k):
            q = q + h * inner(lambda q: 3.0 * p * q - q * q)(q)
        return 3.0 * p * q - q * q

    for k, h in [(1, 0.3), (4, 0.1), (25, 0.2)]:
        p, left = 0.7, (1 - 2 * h) ** k
        q, slope = 1.5 * p + (1 - 1.5 * p) * left, 1.5 * (1 - left)
        curve = lambda p, k=k, h=h: reached(p, k, h)
        assert outer(curve)(p) == pytest.approx(3 * q + (3 * p - 2 * q) * slope, rel=1e-12)
        assert outer(outer(curve))(p) == pytest.approx(6 * slope - 2 * slope**2, rel=1e-12)


# Implicit functions: derivatives pass through the iteration that solves the equation.


def root(f, x, steps=8):
    """Newton's method, the slope by forward mode; each step also doubles the orders of derivatives that are right."""
    for _ in range(steps):
        y, slope = jvp(f, (x,), (1.0,))
        x = x - y / slope
    return x


@in_every_mode
@pytest.mark.parametrize("z", [-0.2, 0.5, 3.0])
def test_derivatives_of_lamberts_function_through_newtons_method(z, modes):
    # R. M. Corless, G. H. Gonnet, D. E. G. Hare, D. J. Jeffrey and D. E. Knuth, "On the Lambert W function", Advances
    # in Computational Mathematics 5 (1996), section 3: exp(-n W) p_n(W) / (1 + W)^(2n-1), with these p_n.
    W = mpmath.lambertw(mp.mpf(z)).real
    polynomials = [[1], [-2, -1], [9, 8, 2]]
    w = float(W)
    for n, coefficients in enumerate(polynomials, 1):
        p = sum(c * W**k for k, c in enumerate(coefficients))
        wanted = mpmath.exp(-n * W) * p / (1 + W) ** (2 * n - 1)
        found = nth_derivative(lambda z: root(lambda w: w * exp(w) - z, w, steps=3), n, modes)(z)
        assert close(found, wanted, 1e-10), n
