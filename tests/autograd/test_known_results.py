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

from autograd import (
    Value,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cbrt,
    cos,
    cosh,
    dot,
    erf,
    erfc,
    exp,
    expm1,
    fsum,
    gelu,
    grad,
    hessian,
    hvp,
    hypot,
    jacobian,
    jvp,
    log,
    log1p,
    log2,
    log10,
    rules,
    sigmoid,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    value_and_grad,
    vjp,
)
from autograd.rules.operation import Family, NAry

DIGITS = 70


def forward(f):
    """The derivative of a function of one number, in forward mode."""
    return lambda x: jvp(f, (x,), (1.0,))[1]


def forward_gradient(f):
    """The gradient of a function of a list, one forward sweep for each of its numbers."""
    return lambda x: [jvp(f, (x,), ([float(i == j) for j in range(len(x))],))[1] for i in range(len(x))]


# The modes of the nested derivatives, from the innermost outwards, repeated as often as the order needs.
MODES = {"reverse": [grad], "forward": [forward], "forward over reverse": [grad, forward]}
GRADIENTS = {"reverse": grad, "forward": forward_gradient}


def nth_derivative(f, order, modes):
    for i in range(order):
        f = modes[i % len(modes)](f)
    return f


def close(found, wanted, relative=1e-9, absolute=1e-40):
    return abs(found - wanted) <= relative * abs(wanted) + absolute


# Closed forms of nth derivatives. Where two rows share a formula they share it here.


def log_derivative(n, x):
    """DLMF 4.7.3: the nth derivative of ln z is (-1)^(n-1) (n-1)! z^-n."""
    return (-1) ** (n - 1) * mpmath.factorial(n - 1) * x**-n


def power_derivative(a):
    """DLMF 4.7.11: the nth derivative of z^a is a (a-1) ... (a-n+1) z^(a-n)."""
    return lambda n, x: mpmath.fprod(mp.mpf(a) - k for k in range(n)) * x ** (mp.mpf(a) - n)


def tangent_polynomial(n):
    """M. E. Hoffman, "Derivative polynomials for tangent and secant", Amer. Math. Monthly 102 (1995), 23-30.

    The nth derivative of tan x is P_n(tan x), with P_0(u) = u and P_{n+1}(u) = (1 + u^2) P_n'(u): these are P_1 to P_5,
    from the constant coefficient on.
    """
    return [[1, 0, 1], [0, 2, 0, 2], [2, 0, 8, 0, 6], [0, 16, 0, 40, 0, 24], [16, 0, 136, 0, 240, 0, 120]][n - 1]


def secant_polynomial(n):
    """Hoffman, ibid.: the nth derivative of sec x is sec x Q_n(tan x), Q_{n+1}(u) = (1 + u^2) Q_n'(u) + u Q_n(u)."""
    return [[0, 1], [1, 0, 2], [0, 5, 0, 6], [5, 0, 28, 0, 24], [0, 61, 0, 180, 0, 120]][n - 1]


def polynomial(coefficients, u):
    return sum(c * u**k for k, c in enumerate(coefficients))


def sigmoid_derivative(n, x):
    """A. A. Minai and R. D. Williams, "On the derivatives of the sigmoid", Neural Networks 6 (1993), 845-853.

    The nth derivative is a polynomial in y; the coefficient of y^(k+1) is (-1)^k k! S(n+1, k+1), with Stirling numbers
    of the second kind (OEIS A163626).
    """
    y = 1 / (1 + mpmath.exp(-x))
    stirling = lambda k: mpmath.stirling2(n + 1, k + 1)
    return mpmath.fsum((-1) ** k * mpmath.factorial(k) * stirling(k) * y ** (k + 1) for k in range(n + 1))


def erf_derivative(n, x):
    """DLMF 7.10.1: the (n+1)st derivative of erf z is (-1)^n 2/sqrt(pi) H_n(z) exp(-z^2)."""
    return (-1) ** (n - 1) * 2 / mpmath.sqrt(mp.pi) * mpmath.hermite(n - 1, x) * mpmath.exp(-x * x)


def normal_derivative(n, x):
    """The nth derivative of the normal distribution function (1 + erf(x / sqrt 2)) / 2."""
    if n == 0:
        return mpmath.ncdf(x)
    return erf_derivative(n, x / mpmath.sqrt(2)) / 2 / mpmath.sqrt(2) ** n


def atan_derivative(n, x):
    """K. Adegoke and O. Layeni, "The higher derivatives of the inverse tangent function and rapidly convergent
    BBP-type formulas for pi", Applied Mathematics E-Notes 10 (2010), 70-75. The angle is arccot x, between 0 and pi.
    """
    angle = mpmath.atan2(1, x)
    return (-1) ** (n - 1) * mpmath.factorial(n - 1) / (1 + x * x) ** (mp.mpf(n) / 2) * mpmath.sin(n * angle)


def atanh_derivative(n, x):
    """DLMF 4.37.24, atanh z = ln((1 + z) / (1 - z)) / 2, with 4.7.3."""
    return (log_derivative(n, 1 + x) - (-1) ** n * log_derivative(n, 1 - x)) / 2


def inverse_root_derivative(n, z, scale):
    """The derivatives of (quadratic)^(-1/2): its Taylor series is the generating function of the Legendre polynomials
    (DLMF 18.12.11), sum of P_n(z) h^n = (1 - 2 z h + h^2)^(-1/2), once h is the step times `scale`.
    """
    return mpmath.factorial(n) * mpmath.legendre(n, z) * scale**n


def asin_derivative(n, x):
    root = mpmath.sqrt(1 - x * x)
    return mpmath.re(inverse_root_derivative(n - 1, x / (mp.j * root), mp.j / root)) / root


def asinh_derivative(n, x):
    root = mpmath.sqrt(x * x + 1)
    return inverse_root_derivative(n - 1, -x / root, 1 / root) / root


def acosh_derivative(n, x):
    root = mpmath.sqrt(x * x - 1)
    return inverse_root_derivative(n - 1, -x / root, 1 / root) / root


def self_power_derivative(n, x):
    """Of y = x^x: y' = y (1 + ln x), hence by Leibniz' rule the recurrence below; 4.7.3 has the derivatives of ln x."""
    if n == 0:
        return x**x
    slope = lambda k: 1 + mpmath.log(x) if k == 0 else log_derivative(k, x)
    return mpmath.fsum(mpmath.binomial(n - 1, k) * self_power_derivative(n - 1 - k, x) * slope(k) for k in range(n))


def exp_reciprocal_derivative(n, x):
    """S. Daboul, J. Mangaldan, M. Z. Spivey and P. J. Taylor, "The Lah numbers and the nth derivative of e^(1/x)",
    Mathematics Magazine 86 (2013), 39-47.
    """
    lah = lambda k: mpmath.binomial(n - 1, k - 1) * mpmath.factorial(n) / mpmath.factorial(k)
    return (-1) ** n * mpmath.exp(1 / x) * mpmath.fsum(lah(k) * x ** -(n + k) for k in range(1, n + 1))


def times_x(derivative):
    """Leibniz' rule for x g(x): x g^(n) + n g^(n-1)."""
    return lambda n, x: x * derivative(n, x) + n * derivative(n - 1, x)


REAL, POSITIVE, INSIDE = [-1.7, 0.4, 2.3], [0.3, 1.4, 5.2], [-0.8, 0.15, 0.6]

CLOSED_FORMS = {
    # DLMF 4.20.7 and 4.20.8
    "sin": (sin, REAL, lambda n, x: mpmath.sin(x + n * mp.pi / 2)),
    "cos": (cos, REAL, lambda n, x: mpmath.cos(x + n * mp.pi / 2)),
    "tan": (tan, REAL, lambda n, x: polynomial(tangent_polynomial(n), mpmath.tan(x))),
    "sec": (lambda x: 1.0 / cos(x), REAL, lambda n, x: polynomial(secant_polynomial(n), mpmath.tan(x)) / mpmath.cos(x)),
    # DLMF 4.34.1 and 4.34.2; tanh x = -i tan(i x)
    "sinh": (sinh, REAL, lambda n, x: mpmath.cosh(x) if n % 2 else mpmath.sinh(x)),
    "cosh": (cosh, REAL, lambda n, x: mpmath.sinh(x) if n % 2 else mpmath.cosh(x)),
    "tanh": (
        tanh,
        REAL,
        lambda n, x: mpmath.re(mp.j ** (n - 1) * polynomial(tangent_polynomial(n), mpmath.tan(mp.j * x))),
    ),
    # DLMF 4.7.7 to 4.7.9
    "exp": (exp, REAL, lambda n, x: mpmath.exp(x)),
    "expm1": (expm1, REAL, lambda n, x: mpmath.exp(x)),
    "exp(-1.5 x)": (lambda x: exp(-1.5 * x), REAL, lambda n, x: mp.mpf(-1.5) ** n * mpmath.exp(-1.5 * x)),
    "2.5 ** x": (lambda x: 2.5**x, REAL, lambda n, x: mp.mpf(2.5) ** x * mpmath.log(mp.mpf(2.5)) ** n),
    "log": (log, POSITIVE, log_derivative),
    "log1p": (log1p, INSIDE, lambda n, x: log_derivative(n, 1 + x)),
    "log2": (log2, POSITIVE, lambda n, x: log_derivative(n, x) / mpmath.log(2)),
    "log10": (log10, POSITIVE, lambda n, x: log_derivative(n, x) / mpmath.log(10)),
    "x log x": (lambda x: x * log(x), POSITIVE, times_x(lambda n, x: log_derivative(n, x) if n else mpmath.log(x))),
    "sqrt": (sqrt, POSITIVE, power_derivative(0.5)),
    "cbrt": (cbrt, POSITIVE, lambda n, x: power_derivative(mp.mpf(1) / 3)(n, x)),
    "1 / x": (lambda x: 1.0 / x, REAL, power_derivative(-1)),
    **{f"x ** {a}": (lambda x, a=a: x**a, POSITIVE, power_derivative(a)) for a in (-2.5, -0.7, 0.3, 1.5, 3.0, 7.0)},
    "x ** Value": (lambda x: x ** Value(2.7), POSITIVE, power_derivative(2.7)),
    "negative x ** 7": (lambda x: x**7, [-1.2, -0.4, -3.0], power_derivative(7)),
    "atan": (atan, REAL, atan_derivative),
    "atanh": (atanh, INSIDE, atanh_derivative),
    "asin": (asin, INSIDE, asin_derivative),
    "acos": (acos, INSIDE, lambda n, x: -asin_derivative(n, x)),
    "asinh": (asinh, REAL, asinh_derivative),
    "acosh": (acosh, [1.2, 2.0, 9.0], acosh_derivative),
    "erf": (erf, REAL, erf_derivative),
    "erfc": (erfc, REAL, lambda n, x: -erf_derivative(n, x)),
    "gelu": (gelu, REAL, times_x(normal_derivative)),
    "sigmoid": (sigmoid, REAL, sigmoid_derivative),
    "softplus": (softplus, REAL, lambda n, x: sigmoid_derivative(n - 1, x)),
    "silu": (silu, REAL, times_x(sigmoid_derivative)),
    "x ** x": (lambda x: x**x, POSITIVE, self_power_derivative),
    "exp(1 / x)": (lambda x: exp(1.0 / x), [-1.7, 0.6, 2.3], exp_reciprocal_derivative),
}


@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
@pytest.mark.parametrize(("f", "points", "formula"), CLOSED_FORMS.values(), ids=CLOSED_FORMS)
def test_nth_derivative_is_the_formula_of_the_handbook(f, points, formula, modes):
    for x in points:
        for n in range(1, 6):
            with mp.workdps(40):
                wanted = formula(n, mp.mpf(x))
            assert close(nth_derivative(f, n, modes)(x), wanted, 1e-11), (n, x)


# Exponential generating functions: the nth derivative at 0 counts something, and is an integer (OEIS).
GENERATING_FUNCTIONS = {
    "A000110, set partitions": (lambda x: exp(expm1(x)), [1, 1, 2, 5, 15, 52, 203]),
    "A000670, weak orders": (lambda x: 1.0 / (2.0 - exp(x)), [1, 1, 3, 13, 75, 541, 4683]),
    "A000111, alternating permutations": (lambda x: (1.0 + sin(x)) / cos(x), [1, 1, 1, 2, 5, 16, 61]),
    "A122045, Euler numbers": (lambda x: 1.0 / cosh(x), [1, 0, -1, 0, 5, 0, -61]),
    "A000142, permutations": (lambda x: 1.0 / (1.0 - x), [1, 1, 2, 6, 24, 120, 720]),
    "A000166, derangements": (lambda x: exp(-x) / (1.0 - x), [1, 0, 1, 2, 9, 44, 265]),
    "A000085, involutions": (lambda x: exp(x + x * x / 2.0), [1, 1, 2, 4, 10, 26, 76]),
    "A000262, sets of lists": (lambda x: exp(x / (1.0 - x)), [1, 1, 3, 13, 73, 501, 4051]),
    "A000248, idempotent maps": (lambda x: exp(x * exp(x)), [1, 1, 3, 10, 41, 196, 1057]),
    "A001813, quadruple factorials": (lambda x: (1.0 - 4.0 * x) ** -0.5, [1, 2, 12, 120, 1680, 30240, 665280]),
}


@pytest.mark.parametrize(("f", "numbers"), GENERATING_FUNCTIONS.values(), ids=GENERATING_FUNCTIONS)
def test_derivatives_of_an_exponential_generating_function_count(f, numbers):
    derivatives = [nth_derivative(f, n, [grad, forward])(0.0) for n in range(len(numbers))]
    assert derivatives == pytest.approx(numbers, rel=1e-12, abs=1e-11)


# DLMF 4.7.9 and 4.7.10: d²(a^b)/da db = a^(b-1) (1 + b ln a), in either order, for an exponent of 0 too.
@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("b", [0.0, 1.0, 2.0, 3.0, -1.0, 0.5])
@pytest.mark.parametrize("a", [1.0, 2.5])
def test_mixed_derivative_of_a_power_is_the_same_in_either_order(a, b, first, second):
    found = grad(grad(lambda a, b: a**b, first), second)(a, b)
    assert found == pytest.approx(a ** (b - 1.0) * (1.0 + b * math.log(a)), rel=1e-14)


# OEIS A005727
@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
def test_derivatives_of_the_self_power_at_one(modes):
    derivatives = [nth_derivative(lambda x: x**x, n, modes)(1.0) for n in range(7)]
    assert derivatives == pytest.approx([1, 1, 2, 3, 8, 10, 54], rel=1e-13)


@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
@pytest.mark.parametrize("x", [2.0, 3.0])
def test_derivatives_of_the_self_power_at_a_whole_number(x, modes):
    for n in range(1, 6):
        with mp.workdps(40):
            wanted = self_power_derivative(n, mp.mpf(x))
        assert close(nth_derivative(lambda x: x**x, n, modes)(x), wanted, 1e-11), n


# DLMF 18.5(ii), Table 18.5.1: Rodrigues' formulas.
RODRIGUES = {
    "Legendre": (
        lambda n: lambda x: (x * x - 1.0) ** n / (2**n * math.factorial(n)),
        lambda n, x: 1,
        mpmath.legendre,
    ),
    "Hermite": (lambda n: lambda x: exp(-x * x), lambda n, x: (-1) ** n * mpmath.exp(x * x), mpmath.hermite),
    "Laguerre": (
        lambda n: lambda x: exp(-x) * x**n / math.factorial(n),
        lambda n, x: mpmath.exp(x),
        lambda n, x: mpmath.laguerre(n, 0, x),
    ),
}


@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
@pytest.mark.parametrize(("kernel", "factor", "wanted"), RODRIGUES.values(), ids=RODRIGUES)
def test_formula_of_rodrigues_gives_orthogonal_polynomials(kernel, factor, wanted, modes):
    for n in range(1, 6):
        for x in (-0.9, 0.35, 1.6):
            found = nth_derivative(kernel(n), n, modes)(x) * factor(n, mp.mpf(x))
            assert close(found, wanted(n, mp.mpf(x)), 1e-10), (n, x)


# The fifth derivative of every row of the table, against mpmath's derivative of the row's definition.


def members(entry):
    return [entry.member(sample) for sample in entry.samples] if isinstance(entry, Family) else [entry]


ROWS = {
    f"{variable} {row.name}": row
    for variable, entry in rules.TABLE.items()
    for row in members(entry)
    if not isinstance(row, NAry)
}
N_ARY = {variable: row for variable, row in rules.TABLE.items() if isinstance(row, NAry)}
# A condition is not differentiated by, and the subtrahend in ieee_power's exponent is the order of a derivative.
MOVING = {rules.where: (1, 2), rules.ieee_power: (0, 1)}
OPERANDS = {
    1: [(0.3,), (-1.9,), (2.7,), (0.8,), (-0.6,), (4.1,), (1.3,)],
    2: [(0.7, 1.9), (1.8, -0.6), (2.6, 0.4), (1.3, 2.2)],
    3: [(1.0, 0.7, 1.0), (0.0, 0.7, 1.0), (-2.0, 1.8, 1.0), (0.7, 1.9, 1.0), (2.6, 0.4, 1.0)],
}
NAMES = {name: getattr(mpmath, name) for name in dir(mpmath) if name[0] != "_"}
NAMES |= {"abs": abs, "max": max, "min": min, "sum": sum, "len": len, "zip": zip}


def defined(row, operands):
    names = {name: getattr(math, name) for name in ("inf", "nan")}
    return not row.domain or eval(row.domain, names, dict(zip(row.arguments, operands, strict=True)))


def definition(row, operands):
    return eval(row.definition, NAMES | dict(zip(row.arguments, operands, strict=True)))


def points(row):
    chosen = [operands for operands in OPERANDS[len(row.partials)] if defined(row, operands)][:3]
    assert len(chosen) == 3
    return chosen


def fifth(f, x):
    """The fifth derivative of a function of mpmath's numbers."""
    with mp.workdps(DIGITS):
        return mpmath.diff(f, mp.mpf(x), 5)


def compare_by_each_operand(row, operands, modes):
    for i in MOVING.get(row, range(len(operands))):
        along = lambda x, i=i: (*operands[:i], x, *operands[i + 1 :])
        wanted = fifth(lambda x, along=along: definition(row, map(mp.mpf, along(x))), operands[i])
        found = nth_derivative(lambda x, along=along: row(*along(x)), 5, modes)(operands[i])
        assert close(found, wanted, absolute=1e-12), (operands, i, found, mpmath.nstr(wanted, 20))


def compare_along_a_curve(row, operands, modes):
    """Let the operands move as x + v (exp(t) - 1), so mixed derivatives of all orders take part."""
    moving = MOVING.get(row, range(len(operands)))
    curve = lambda rise: [x + (0.25, -0.5)[i % 2] * rise if i in moving else x for i, x in enumerate(operands)]
    wanted = fifth(lambda t: definition(row, curve(mpmath.expm1(t))), 0)
    found = nth_derivative(lambda t: row(*curve(expm1(t))), 5, modes)(0.0)
    assert close(found, wanted, absolute=1e-12), (operands, found, mpmath.nstr(wanted, 20))


@pytest.mark.sample(3)
@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_fifth_derivative_by_each_operand_is_that_of_the_definition(row, modes):
    for operands in points(row):
        compare_by_each_operand(row, operands, modes)


@pytest.mark.sample(3)
@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_fifth_derivative_along_a_curve_is_that_of_the_definition(row, modes):
    for operands in points(row):
        compare_along_a_curve(row, operands, modes)


# Where formulas like to branch: at whole numbers, away from kinks, poles and the ends of the domain.
SPECIAL = {
    1: [(0.0,), (1.0,), (-1.0,), (2.0,)],
    2: [(2.0, 1.0), (1.0, 2.0), (1.0, 0.0), (0.0, 1.0), (3.0, -2.0)],
    3: [(1.0, 2.0, 1.0), (2.0, 3.0, 1.0), (2.0, 1.0, 1.0)],
}


JUMPING = (rules.floor, rules.ceil, rules.mod, rules.floordiv)  # at whole numbers


def special_points(row):
    near = lambda operands, h: tuple(x + h if i in MOVING.get(row, range(3)) else x for i, x in enumerate(operands))
    smooth = lambda operands: (
        row not in JUMPING
        and operands not in row.edges
        and all(defined(row, near(operands, h)) for h in (-0.01, 0.0, 0.01))
    )
    return [operands for operands in SPECIAL[len(row.partials)] if smooth(operands)]


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_fifth_derivative_at_a_special_point_is_that_of_the_definition(row):
    for operands in special_points(row):
        compare_by_each_operand(row, operands, [grad])
        compare_along_a_curve(row, operands, [grad])


@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
@pytest.mark.parametrize("row", N_ARY.values(), ids=N_ARY)
def test_fifth_derivative_of_a_function_of_many_is_that_of_its_definition(row, modes):
    def sequences(m, t):
        first, second = [m.sin(t), 0.3 + t * t, m.exp(-t), 1.5 * t], [m.cos(t), m.exp(0.5 * t), t, 0.7 - t]
        return [first, second][: row.sequences]

    package = SimpleNamespace(sin=sin, cos=cos, exp=exp)
    for x in (-0.7, 0.2, 1.6):
        wanted = fifth(lambda t: definition(row, sequences(mpmath, t)), x)
        found = nth_derivative(lambda t: row(*sequences(package, t)), 5, modes)(x)
        assert close(found, wanted), (x, found, mpmath.nstr(wanted, 20))


def test_fifth_derivative_of_a_negative_number_to_an_integer_power():
    # DLMF 4.7.11 with a constant exponent that is a Value: its own derivative, which is not real, is not asked for.
    for n, wanted in enumerate([12.0, -12.0, 6.0, 0.0, 0.0], 1):
        assert nth_derivative(lambda a: a ** Value(3.0), n, [grad])(-2.0) == wanted


# Worked examples.


def test_first_example_of_griewank_and_walther():
    # A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, Tables 1.1 to 1.3.
    def f(x1, x2):
        return (sin(x1 / x2) + x1 / x2 - exp(x2)) * (x1 / x2 - exp(x2))

    y, gradient = value_and_grad(f, (0, 1))(1.5, 0.5)
    assert (y, *gradient) == pytest.approx((2.0167, 3.0118, -13.7239), abs=1e-4)
    assert jvp(f, (1.5, 0.5), (1.0, 0.0))[1] == pytest.approx(gradient[0], rel=1e-14)
    assert jvp(f, (1.5, 0.5), (0.0, 1.0))[1] == pytest.approx(gradient[1], rel=1e-14)


def test_example_of_the_survey_of_baydin_and_others():
    # A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, "Automatic Differentiation in Machine Learning: a
    # Survey", Journal of Machine Learning Research 18 (2018), Tables 2 and 3.
    f = lambda x1, x2: log(x1) + x1 * x2 - sin(x2)
    y, pullback = vjp(f, 2.0, 5.0)
    assert (y, *pullback(1.0)) == pytest.approx((11.652, 5.5, 1.716), abs=6e-4)
    assert jvp(f, (2.0, 5.0), (1.0, 0.0))[1] == pytest.approx(5.5, rel=1e-15)


@pytest.mark.parametrize("t", [0.1, 0.4, 1.9])
def test_lighthouse_of_griewank_and_walther(t):
    # Evaluating Derivatives, section 2.1: the spot of a lighthouse's beam on a quay wall.
    nu, gamma, omega = 0.8, 1.4, 1.1

    def spot(nu, gamma, omega, t):
        y = nu * tan(omega * t) / (gamma - tan(omega * t))
        return [y, gamma * y]

    T = math.tan(omega * t)
    D = gamma - T
    row = np.array(
        [T / D, -nu * T / D**2, nu * gamma * (1 + T * T) * t / D**2, nu * gamma * (1 + T * T) * omega / D**2]
    )
    wanted = [row, gamma * row + np.array([0.0, nu * T / D, 0.0, 0.0])]
    assert jacobian(spot, (0, 1, 2, 3))(nu, gamma, omega, t)[0] == pytest.approx(tuple(wanted[0]), rel=1e-12)
    assert jacobian(spot, (0, 1, 2, 3))(nu, gamma, omega, t)[1] == pytest.approx(tuple(wanted[1]), rel=1e-12)


@pytest.mark.parametrize("outer", [grad, forward])
@pytest.mark.parametrize("inner", [grad, forward])
def test_nested_derivative_does_not_confuse_perturbations(outer, inner):
    # J. M. Siskind and B. A. Pearlmutter, "Perturbation Confusion and Referential Transparency", IFL 2005: with the two
    # perturbations confused this is 2.
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0


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
    assert gradient(product)(xs) == pytest.approx([(i + 1) / (i * (n + 1)) for i in range(1, n + 1)], rel=1e-13)


@pytest.mark.parametrize("n", [2, 7, 100])
def test_hessian_of_speelpennings_product(n):
    xs = np.arange(1, n + 1) / np.arange(2, n + 2)
    wanted = np.outer(1 / xs, 1 / xs) / (n + 1)
    np.fill_diagonal(wanted, 0.0)
    np.testing.assert_allclose(hessian(product)(xs), wanted, rtol=1e-12)
    np.testing.assert_allclose(hvp(product)(xs, xs), wanted @ xs, rtol=1e-12)


@pytest.mark.parametrize("gradient", GRADIENTS.values(), ids=GRADIENTS)
@pytest.mark.parametrize("n", [3, 100])
def test_gradient_of_speelpennings_product_with_a_zero_factor(n, gradient):
    xs = [i / (i + 1) for i in range(1, n + 1)]
    factor, xs[1] = xs[1], 0.0
    wanted = [0.0] * n
    wanted[1] = 1 / (n + 1) / factor
    assert gradient(product)(xs) == pytest.approx(wanted, rel=1e-13, abs=0.0)


def test_hessian_of_speelpennings_product_with_zero_factors():
    xs = np.array([2.0, 0.0, 3.0, 5.0])
    one = np.array([[0, 15, 0, 0], [15, 0, 10, 6], [0, 10, 0, 0], [0, 6, 0, 0]])
    np.testing.assert_array_equal(hessian(product)(xs), one)
    xs[3] = 0.0  # with two of them the gradient vanishes, and one mixed derivative is left
    two = np.zeros((4, 4))
    two[1, 3] = two[3, 1] = 6.0
    np.testing.assert_array_equal(grad(product)(xs), np.zeros(4))
    np.testing.assert_array_equal(hessian(product)(xs), two)


# Griewank's Helmholtz energy of a mixed fluid under the Peng-Robinson equation of state: A. Griewank, "On Automatic
# Differentiation", in Mathematical Programming: Recent Developments and Applications, Kluwer 1989.


def test_gradient_of_the_helmholtz_energy():
    n, RT = 12, 1.3
    rng = np.random.default_rng(3)
    b, x = rng.uniform(0.01, 0.06, n), rng.uniform(0.2, 1.0, n)
    A = rng.uniform(0.0, 1.0, (n, n))
    A = A + A.T

    def energy(x):
        bx = dot(b, x)
        quadratic = dot(x, [dot(row, x) for row in A])
        mixing = RT * fsum([xi * log(xi / (1.0 - bx)) for xi in x])
        ratio = (1.0 + (1.0 + math.sqrt(2)) * bx) / (1.0 + (1.0 - math.sqrt(2)) * bx)
        return mixing - quadratic / (math.sqrt(8) * bx) * log(ratio)

    bx, quadratic, s = b @ x, x @ A @ x, math.sqrt(2)
    L = math.log((1 + (1 + s) * bx) / (1 + (1 - s) * bx))
    slope = (1 + s) / (1 + (1 + s) * bx) - (1 - s) / (1 + (1 - s) * bx)
    wanted = RT * (np.log(x / (1 - bx)) + 1 + x.sum() * b / (1 - bx))
    wanted -= (2 * A @ x * L / bx - quadratic * b * L / bx**2 + quadratic / bx * b * slope) / math.sqrt(8)
    np.testing.assert_allclose(grad(energy)(x), wanted, rtol=1e-11)
    np.testing.assert_allclose(forward_gradient(energy)(list(x)), wanted, rtol=1e-11)
    H = hessian(energy)(x)
    np.testing.assert_allclose(H, H.T, rtol=1e-10)
    np.testing.assert_allclose(hvp(energy)(x, x), H @ x, rtol=1e-9)


# Optimisation inside of what is optimised: B. A. Pearlmutter and J. M. Siskind, "Using Programming Language Theory to
# Make Automatic Differentiation Sound and Efficient", Advances in Automatic Differentiation, Springer 2008, 79-90. The
# results in double precision were published with the programs.


def norm(v):
    return sqrt(fsum([x * x for x in v]))


def minus(u, v, scale=1.0):
    return [a - scale * b for a, b in zip(u, v, strict=True)]


def argmin(f, x):
    """The benchmarks' gradient descent: steps that double after ten improvements, and halve after a failure."""
    evaluated, eta, improvements = value_and_grad(f), 1e-5, 0
    y, slope = evaluated(x)
    while norm(slope) > 1e-5:
        if improvements == 10:
            eta, improvements = 2 * eta, 0
        proposed = minus(x, slope, eta)
        if norm(minus(x, proposed)) <= 1e-5:
            break
        reached, next_slope = evaluated(proposed)
        if reached < y:
            x, y, slope, improvements = proposed, reached, next_slope, improvements + 1
        else:
            eta, improvements = eta / 2, 0
    return x


def test_saddle_of_pearlmutter_and_siskind():
    f = lambda p, q: (p[0] * p[0] + p[1] * p[1]) - (q[0] * q[0] + q[1] * q[1])
    answer = lambda p: argmin(lambda q: -f(p, q), [1.0, 1.0])
    best = argmin(lambda p: f(p, answer(p)), [1.0, 1.0])
    # The published result is where the stopping rule ends, to the last digit.
    assert [*best, *answer(best)] == pytest.approx([8.246324826140356e-06] * 4, rel=1e-12)


def descent(gradient, x, steps, rate):
    for _ in range(steps):
        x = minus(x, gradient(x), rate)
    return x


@pytest.mark.parametrize("outer", GRADIENTS.values(), ids=[f"outer {name}" for name in GRADIENTS])
@pytest.mark.parametrize("inner", GRADIENTS.values(), ids=[f"inner {name}" for name in GRADIENTS])
def test_saddle_is_found_by_descent_inside_of_descent(inner, outer):
    f = lambda p, q: (p[0] * p[0] + p[1] * p[1]) - (q[0] * q[0] + q[1] * q[1])
    answer = lambda p: descent(inner(lambda q: -f(p, q)), [1.0, 1.0], 15, 0.4)
    best = descent(outer(lambda p: f(p, answer(p))), [1.0, 1.0], 15, 0.4)
    assert best == pytest.approx([0.2**15] * 2, rel=1e-9)  # each step leaves 1 - 2 · 0.4 of what there was
    assert answer(best) == pytest.approx([0.2**15] * 2, rel=1e-9)


@pytest.mark.parametrize("outer", [grad, forward])
@pytest.mark.parametrize("inner", [grad, forward])
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


def missed(w, gradient, dt=0.1):
    """How far from the origin, squared, a charged particle crosses the x axis: Euler's method, linear at the end."""
    charges = [(10.0, 10.0 - w), (10.0, 0.0)]
    slope = gradient(lambda x: fsum([1.0 / hypot(x[0] - a, x[1] - b) for a, b in charges]))
    x, velocity = [0.0, 8.0], [0.75, 0.0]
    while True:
        proposed = minus(x, velocity, -dt)
        if proposed[1] <= 0.0:
            return (x[0] - x[1] / velocity[1] * velocity[0]) ** 2
        x, velocity = proposed, minus(velocity, slope(x), dt)


@pytest.mark.whole
def test_particle_of_pearlmutter_and_siskind():
    (w,) = argmin(lambda w: missed(w[0], grad), [0.0])
    assert w == pytest.approx(0.20719187464861194, rel=1e-12)  # published


def field_of_two_charges(w):
    """The gradient of the particle's potential as mechanics has it: -(x - c) / |x - c|³ for each charge c."""

    def slope(x):
        pulls = [((x[0] - a), (x[1] - b)) for a, b in ((10.0, 10.0 - w), (10.0, 0.0))]
        cubes = [norm(pull) ** 3 for pull in pulls]
        return [-sum(pull[i] / cube for pull, cube in zip(pulls, cubes, strict=True)) for i in range(2)]

    return slope


@pytest.mark.parametrize(("inner", "w", "steps"), [(grad, 0.0, 5), (forward_gradient, -0.26655, 2)])
def test_newtons_method_sends_the_particle_to_the_origin(inner, w, steps):
    for _ in range(steps):
        slope, bend = jvp(grad(lambda w: missed(w, inner)), (w,), (1.0,))
        w -= slope / bend
    assert missed(w, lambda potential: field_of_two_charges(w)) < 1e-20


# Newton's method on Rosenbrock's function (H. H. Rosenbrock, The Computer Journal 3 (1960), 175-184) from its start
# (-1.2, 1); gradient and Hessian: J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., exercise 2.1.


def rosenbrock(x):
    return fsum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in itertools.pairwise(x)])


def newton_iterates(f, x, steps):
    iterates = [np.array(x)]
    for _ in range(steps):
        x = iterates[-1]
        iterates.append(x - np.linalg.solve(hessian(f)(x), grad(f)(x)))
    return iterates


def test_newtons_method_takes_the_known_way_on_rosenbrocks_function():
    iterates = newton_iterates(rosenbrock, [-1.2, 1.0], 6)
    with mp.workdps(40):
        a, b = mp.mpf(-1.2), mp.mpf(1)
        for found in iterates:
            assert found == pytest.approx([float(a), float(b)], rel=1e-9)
            # Gradient and Hessian as the exercise has them; Cramer's rule gives the step.
            g = [-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)]
            H = [[1200 * a * a - 400 * b + 2, -400 * a], [-400 * a, mp.mpf(200)]]
            determinant = H[0][0] * H[1][1] - H[0][1] ** 2
            a -= (g[0] * H[1][1] - g[1] * H[0][1]) / determinant
            b -= (H[0][0] * g[1] - H[1][0] * g[0]) / determinant
    values = [rosenbrock(x) for x in iterates]
    assert values[:5] == pytest.approx([24.2, 4.7319, 1411.8, 0.055966, 0.31319], rel=1e-4)
    assert iterates[-1] == pytest.approx([1.0, 1.0], abs=1e-9)


def test_newtons_method_converges_quadratically_on_rosenbrocks_function():
    # Nocedal & Wright, Theorem 3.5.
    errors = [np.linalg.norm(x - 1.0) for x in newton_iterates(rosenbrock, [-1.2, 1.0], 7)]
    assert errors[-1] < 1e-14
    assert all(after < 2.0 * before**2 + 1e-15 for before, after in itertools.pairwise(errors[3:]))


@pytest.mark.parametrize("n", [2, 5, 30])
def test_hessian_of_the_chain_of_rosenbrock_is_tridiagonal(n):
    x = np.linspace(-1.3, 1.9, n)
    inner = np.r_[0.0, 200.0 * np.ones(n - 1)]
    diagonal = inner + np.r_[1200 * x[:-1] ** 2 - 400 * x[1:] + 2, 0.0]
    wanted = np.diag(diagonal) + np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)
    np.testing.assert_allclose(hessian(rosenbrock)(x), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [2, 5, 15])
def test_newtons_method_converges_on_the_chain_of_rosenbrock(n):
    iterates = newton_iterates(rosenbrock, [1.2] * n, 12)
    np.testing.assert_allclose(iterates[-1], np.ones(n), atol=1e-12)


@pytest.mark.parametrize("n", [4, 6])
def test_chain_of_rosenbrock_has_a_second_minimum(n):
    # Y.-W. Shang and Y.-H. Qiu, "A Note on the Extended Rosenbrock Function", Evolutionary Computation 14 (2006).
    iterates = newton_iterates(rosenbrock, [-1.0, *[1.0] * (n - 1)], 40)
    x = iterates[-1]
    assert x[0] < -0.7
    np.testing.assert_allclose(grad(rosenbrock)(x), np.zeros(n), atol=1e-10)
    assert np.linalg.eigvalsh(hessian(rosenbrock)(x)).min() > 0.0


@pytest.mark.parametrize(
    ("near", "minimum"),
    [
        ((2.8, 2.2), (3.0, 2.0)),
        ((-2.7, 3.0), (-2.805118, 3.131312)),
        ((-3.8, -3.2), (-3.779310, -3.283186)),
        ((3.5, -1.9), (3.584428, -1.848126)),
    ],
)
def test_newtons_method_finds_the_four_minima_of_himmelblau(near, minimum):
    # D. M. Himmelblau, Applied Nonlinear Programming, McGraw-Hill 1972.
    f = lambda x: (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2
    assert newton_iterates(f, near, 8)[-1] == pytest.approx(minimum, abs=1e-6)


# The logistic map: S. H. Strogatz, Nonlinear Dynamics and Chaos, chapter 10. Its period doublings accumulate at
# r = 3.569945672, where the derivative of a far iterate is neither huge nor tiny.


def logistic(x, r, steps):
    for _ in range(steps):
        x = r * x * (1.0 - x)
    return x


def logistic_trajectory(x, r, steps):
    for _ in range(steps):
        yield mp.mpf(x)
        x = r * x * (1.0 - x)


def logistic_sensitivities(x0, r, steps):
    """Derivatives by x0 and by r, along the trajectory as floating point has it."""
    by_x, by_r, r = mp.mpf(1), mp.mpf(0), mp.mpf(r)
    for x in logistic_trajectory(x0, float(r), steps):
        slope = r * (1 - 2 * x)
        by_x, by_r = slope * by_x, slope * by_r + x * (1 - x)
    return by_x, by_r


@pytest.mark.parametrize("r", [3.569945672, 3.5699, 3.57])
def test_derivatives_of_ten_thousand_steps_of_the_logistic_map(r):
    f = lambda x, r: logistic(x, r, 10_000)
    with mp.workdps(40):
        by_x, by_r = logistic_sensitivities(0.3, r, 10_000)
    assert 1e-250 < abs(by_x) < 1e250
    found = grad(f, (0, 1))(0.3, r)
    assert close(found[0], by_x, 1e-8)
    assert close(found[1], by_r, 1e-8)
    assert close(jvp(f, (0.3, r), (1.0, 0.0))[1], by_x, 1e-8)
    assert close(jvp(f, (0.3, r), (0.0, 1.0))[1], by_r, 1e-8)
    assert close(jvp(f, (0.3, r), (2.0, -3.0))[1], 2 * by_x - 3 * by_r, 1e-8)


@pytest.mark.parametrize("r", [2.8, 3.569945672, 3.9])
def test_second_derivatives_of_the_logistic_map_follow_their_recurrence(r):
    steps = 60
    with mp.workdps(40):
        exact_r, u, v, xx, xr, rr = mp.mpf(r), mp.mpf(1), mp.mpf(0), mp.mpf(0), mp.mpf(0), mp.mpf(0)
        for x in logistic_trajectory(0.3, r, steps):
            slope, bend, twist = exact_r * (1 - 2 * x), -2 * exact_r, 1 - 2 * x
            xx, xr, rr = (
                slope * xx + bend * u * u,
                slope * xr + bend * u * v + twist * u,
                slope * rr + bend * v * v + 2 * twist * v,
            )
            u, v = slope * u, slope * v + x * (1 - x)
    (found_xx, found_xr), (found_rx, found_rr) = hessian(lambda x, r: logistic(x, r, steps), (0, 1))(0.3, r)
    for found, wanted in [(found_xx, xx), (found_xr, xr), (found_rx, xr), (found_rr, rr)]:
        assert close(found, wanted, 1e-9)
    second = forward(grad(lambda x: logistic(x, r, steps)))(0.3)
    assert close(second, xx, 1e-9)


@pytest.mark.parametrize("x0", [0.2, 0.37, 0.9])
def test_derivative_of_the_logistic_map_at_four_is_that_of_its_closed_form(x0):
    # S. M. Ulam and J. von Neumann, Bull. Amer. Math. Soc. 53 (1947), 1120: x_n = sin²(2^n asin sqrt x0). Rounding
    # grows by 2 in a step, so it may be evaluated for 20 of them; its derivative, 2^n sqrt(x_n (1 - x_n)) over
    # sqrt(x_0 (1 - x_0)) up to the sign, holds for any number, with x_n as it was found.
    closed = lambda x, n: mpmath.sin(2**n * mpmath.asin(mpmath.sqrt(x))) ** 2
    f = lambda x, n: logistic(x, 4.0, n)
    with mp.workdps(40):
        wanted = mpmath.diff(lambda x: closed(x, 20), mp.mpf(x0))
    assert close(grad(f)(x0, 20), wanted, 1e-7)
    end = mp.mpf(f(x0, 50))
    size = mp.mpf(2) ** 50 * mpmath.sqrt(end * (1 - end) / (mp.mpf(x0) * (1 - mp.mpf(x0))))
    assert close(abs(grad(f)(x0, 50)), size, 1e-9)
    assert close(abs(jvp(lambda x: f(x, 50), (x0,), (1.0,))[1]), size, 1e-9)


@pytest.mark.parametrize("derivative", [grad, forward])
def test_derivative_at_the_fixed_points_of_the_logistic_map_at_four(derivative):
    # The multipliers of 0 and of 3/4 are 4 and -2 (Strogatz, section 10.3): every operation is exact there.
    assert derivative(lambda x: logistic(x, 4.0, 50))(0.0) == 4.0**50
    assert derivative(lambda x: logistic(x, 4.0, 50))(0.75) == 2.0**50
    assert derivative(lambda x: logistic(x, 4.0, 51))(0.75) == -(2.0**51)


# Implicit functions: derivatives pass through the iteration that solves the equation.


def root(f, x, steps=8):
    """Newton's method, the slope by forward mode; each step also doubles the orders of derivatives that are right."""
    for _ in range(steps):
        y, slope = jvp(f, (x,), (1.0,))
        x = x - y / slope
    return x


@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
@pytest.mark.parametrize("z", [-0.2, 0.5, 3.0])
def test_derivatives_of_lamberts_function_through_newtons_method(z, modes):
    # R. M. Corless, G. H. Gonnet, D. E. G. Hare, D. J. Jeffrey and D. E. Knuth, "On the Lambert W function", Advances
    # in Computational Mathematics 5 (1996), section 3: exp(-n W) p_n(W) / (1 + W)^(2n-1), with these p_n.
    W = mpmath.lambertw(mp.mpf(z)).real
    polynomials = [[1], [-2, -1], [9, 8, 2]]
    w = float(W)
    for n, coefficients in enumerate(polynomials, 1):
        wanted = mpmath.exp(-n * W) * polynomial(coefficients, W) / (1 + W) ** (2 * n - 1)
        found = nth_derivative(lambda z: root(lambda w: w * exp(w) - z, w, steps=3), n, modes)(z)
        assert close(found, wanted, 1e-10), n


@pytest.mark.parametrize(("M", "e"), [(0.5, 0.3), (2.0, 0.0167), (1.1, 0.8)])
def test_derivatives_of_keplers_equation(M, e):
    # E - e sin E = M: C. D. Murray and S. F. Dermott, Solar System Dynamics, section 2.4, differentiated implicitly.
    anomaly = lambda M, e: root(lambda E: E - e * sin(E) - M, M + 0.85 * e, steps=9)
    E = anomaly(M, e)
    near = 1 - e * math.cos(E)
    assert grad(anomaly, (0, 1))(M, e) == pytest.approx((1 / near, math.sin(E) / near), rel=1e-12)
    (by_MM, by_Me), (by_eM, by_ee) = hessian(anomaly, (0, 1))(M, e)
    s, c = math.sin(E), math.cos(E)
    assert by_MM == pytest.approx(-e * s / near**3, rel=1e-11)
    assert by_Me == pytest.approx((c - e) / near**3, rel=1e-11)
    assert by_eM == pytest.approx((c - e) / near**3, rel=1e-11)
    assert by_ee == pytest.approx(s * (2 * c - e * c * c - e) / near**3, rel=1e-11)


def test_derivatives_of_herons_square_root():
    # Heron, Metrica I.8: a better side of the square is the mean of a guess and of x over it.
    def heron(x):
        side = 1.0
        for _ in range(12):
            side = (side + x / side) / 2.0
        return side

    for n in range(1, 5):
        with mp.workdps(40):
            wanted = power_derivative(0.5)(n, mp.mpf(2.6))
        assert close(nth_derivative(heron, n, [grad, forward])(2.6), wanted, 1e-10)


def test_envelope_theorem_and_roys_identity_of_a_cobb_douglas_consumer():
    # A. Mas-Colell, M. D. Whinston and J. R. Green, Microeconomic Theory, Theorem M.L.1 and Proposition 3.G.4.
    share = 0.3

    def utility(x1, p1, p2, wealth):
        return share * log(x1) + (1.0 - share) * log((wealth - p1 * x1) / p2)

    def demand(p1, p2, wealth):
        return root(grad(lambda x: utility(x, p1, p2, wealth)), 0.2 * wealth / p1)

    def welfare(p1, p2, wealth):
        return utility(demand(p1, p2, wealth), p1, p2, wealth)

    p1, p2, wealth = at = (2.0, 1.25, 8.0)
    x1 = share * wealth / p1
    by_p1, by_p2, by_wealth = slopes = grad(welfare, (0, 1, 2))(*at)
    assert demand(*at) == pytest.approx(x1, rel=1e-13)
    assert slopes == pytest.approx(grad(utility, (1, 2, 3))(x1, *at), rel=1e-12)
    assert -by_p1 / by_wealth == pytest.approx(x1, rel=1e-12)
    assert -by_p2 / by_wealth == pytest.approx((1 - share) * wealth / p2, rel=1e-12)
    wanted = np.diag([share / p1**2, (1 - share) / p2**2, -1 / wealth**2])
    np.testing.assert_allclose(hessian(welfare, (0, 1, 2))(*at), wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(grad(demand, (0, 1, 2))(*at), [-x1 / p1, 0.0, x1 / wealth], rtol=1e-10, atol=1e-12)


# Black, Scholes and Merton: J. C. Hull, Options, Futures, and Other Derivatives, chapter "The Greek letters".


def call_price(S, K, r, sigma, T):
    d1 = (log(S / K) + (r + sigma * sigma / 2.0) * T) / (sigma * sqrt(T))
    d2 = d1 - sigma * sqrt(T)
    N = lambda d: erfc(-d / math.sqrt(2)) / 2.0
    return S * N(d1) - K * exp(-r * T) * N(d2)


@pytest.mark.parametrize(
    ("S", "K", "r", "sigma", "T"),
    [(49.0, 50.0, 0.05, 0.2, 0.3846), (100.0, 80.0, 0.02, 0.35, 2.0), (42.0, 60.0, 0.1, 0.5, 0.25)],
)
def test_greeks_of_black_scholes_and_merton(S, K, r, sigma, T):
    d1 = (math.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * math.sqrt(T))
    d2 = d1 - sigma * math.sqrt(T)
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    N = lambda d: math.erfc(-d / math.sqrt(2)) / 2
    delta, rho, vega, by_T = grad(call_price, (0, 2, 3, 4))(S, K, r, sigma, T)
    assert delta == pytest.approx(N(d1), rel=1e-12)
    assert rho == pytest.approx(K * T * math.exp(-r * T) * N(d2), rel=1e-12)
    assert vega == pytest.approx(S * math.sqrt(T) * density, rel=1e-12)
    decay = -S * density * sigma / (2 * math.sqrt(T)) - r * K * math.exp(-r * T) * N(d2)
    assert -by_T == pytest.approx(decay, rel=1e-12)
    (gamma, vanna), (_, volga) = hessian(call_price, (0, 3))(S, K, r, sigma, T)
    assert gamma == pytest.approx(density / (S * sigma * math.sqrt(T)), rel=1e-11)
    assert vanna == pytest.approx(-density * d2 / sigma, rel=1e-11)
    assert volga == pytest.approx(vega * d1 * d2 / sigma, rel=1e-11)
    # The differential equation that they solve.
    price = call_price(S, K, r, sigma, T)
    assert -by_T + r * S * delta + sigma**2 * S**2 * gamma / 2 == pytest.approx(r * price, rel=1e-10)


def test_greeks_of_the_example_of_hull():
    # A call on a stock at 49, strike 50, 20 weeks, 5 % interest, 20 % volatility.
    at = (49.0, 50.0, 0.05, 0.2, 0.3846)
    delta, rho, vega, by_T = grad(call_price, (0, 2, 3, 4))(*at)
    assert (delta, -by_T, vega, rho) == pytest.approx((0.522, -4.31, 12.1, 8.91), rel=2e-3)
    assert grad(grad(call_price))(*at) == pytest.approx(0.066, abs=5e-4)


# Differential equations. The derivative of a Runge-Kutta solution is the Runge-Kutta solution of the variational
# equations: E. Hairer, S. P. Nørsett and G. Wanner, Solving Ordinary Differential Equations I, section I.14.


def runge_kutta(f, y, time, steps):
    h = time / steps
    shifted = lambda y, k, h: [a + h * b for a, b in zip(y, k, strict=True)]
    for _ in range(steps):
        k1 = f(y)
        k2 = f(shifted(y, k1, h / 2))
        k3 = f(shifted(y, k2, h / 2))
        k4 = f(shifted(y, k3, h))
        y = [a + h / 6 * (p + 2 * q + 2 * r + s) for a, p, q, r, s in zip(y, k1, k2, k3, k4, strict=True)]
    return y


def lotka_volterra(y, p):
    return [y[0] * (p[0] - p[1] * y[1]), y[1] * (p[2] * y[0] - p[3])]


def lotka_volterra_jacobians(y, p):
    by_y = [[p[0] - p[1] * y[1], -p[1] * y[0]], [p[2] * y[1], p[2] * y[0] - p[3]]]
    return np.array(by_y), np.array([[y[0], -y[0] * y[1], 0.0, 0.0], [0.0, 0.0, y[0] * y[1], -y[1]]])


def van_der_pol(y, p):
    return [y[1], p[0] * (1.0 - y[0] * y[0]) * y[1] - y[0]]


def van_der_pol_jacobians(y, p):
    by_y = [[0.0, 1.0], [-2 * p[0] * y[0] * y[1] - 1, p[0] * (1 - y[0] ** 2)]]
    return np.array(by_y), np.array([[0.0], [(1 - y[0] ** 2) * y[1]]])


@pytest.mark.parametrize(
    ("field", "jacobians", "start", "parameters"),
    [
        (lotka_volterra, lotka_volterra_jacobians, [1.2, 0.7], [1.1, 0.6, 0.5, 0.9]),
        (van_der_pol, van_der_pol_jacobians, [2.0, 0.1], [1.5]),
    ],
)
def test_sensitivities_solve_the_variational_equations(field, jacobians, start, parameters):
    n, columns = len(start), len(start) + len(parameters)

    def varied(state):
        y, S = state[:n], np.reshape(state[n:], (n, columns))
        by_y, by_p = jacobians(y, parameters)
        S = by_y @ S + np.hstack([np.zeros((n, n)), by_p])
        return [*field(y, parameters), *S.ravel()]

    time, steps = 4.0, 60
    solution = runge_kutta(varied, [*start, *np.eye(n, columns).ravel()], time, steps)
    wanted = np.reshape(solution[n:], (n, columns))
    end = lambda y, p: runge_kutta(lambda y: field(y, p), y, time, steps)
    found = jacobian(end, (0, 1))(start, parameters)
    np.testing.assert_allclose(np.hstack([[row[0] for row in found], [row[1] for row in found]]), wanted, rtol=1e-10)
    direction = np.linspace(-1.0, 2.0, columns)
    tangent = jvp(end, (start, parameters), (list(direction[:n]), list(direction[n:])))[1]
    np.testing.assert_allclose(tangent, wanted @ direction, rtol=1e-10)
    pulled = vjp(end, start, parameters)[1]([0.4, -1.3])
    np.testing.assert_allclose([*pulled[0], *pulled[1]], [0.4, -1.3] @ wanted, rtol=1e-9)


def test_pendulum_swings_by_hamiltons_equations():
    # H. Goldstein, Classical Mechanics, chapter 8: dq/dt = dH/dp, dp/dt = -dH/dq. The flow keeps areas (Liouville), so
    # the Jacobian of what a symplectic method computes has determinant 1.
    H = lambda q, p: p * p / 2.0 - cos(q)

    def leapfrog(q, p):
        for _ in range(40):
            p = p - 0.05 * grad(H, 0)(q, p)
            q = q + 0.1 * grad(H, 1)(q, p)
            p = p - 0.05 * grad(H, 0)(q, p)
        return [q, p]

    assert H(*leapfrog(1.0, 0.3)) == pytest.approx(H(1.0, 0.3), abs=2e-3)
    (a, b), (c, d) = jacobian(leapfrog, (0, 1))(1.0, 0.3)
    assert a * d - b * c == pytest.approx(1.0, rel=1e-12)


def test_laplacian_of_harmonic_functions_is_zero():
    # L. V. Ahlfors, Complex Analysis, section 4.6: real parts of analytic functions, here z^5, exp z and log z.
    fields = [
        lambda p: p[0] ** 5 - 10.0 * p[0] ** 3 * p[1] ** 2 + 5.0 * p[0] * p[1] ** 4,
        lambda p: exp(p[0]) * cos(p[1]),
        lambda p: log(hypot(p[0], p[1])),
    ]
    for field in fields:
        (xx, xy), (yx, yy) = hessian(field)([0.7, -1.3])
        assert xy == pytest.approx(yx, rel=1e-13)
        assert abs(xx + yy) <= 1e-13 * abs(xx)
        assert abs(xx) > 0.1
