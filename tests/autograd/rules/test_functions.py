"""The functions: of floats, of Values and of arrays; at their edges, in their tails, and outside their domain."""

import inspect
import itertools
import math
import operator
import re
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

import autograd as ad
from autograd import Value, dot, elu, fsum, hypot, leaky_relu, logsumexp, mean, operation, sin, softmax, tanh, where
from autograd.rules import FUNCTIONS
from autograd.rules.operation import Binary, Family, NAry
from autograd.testing import every_operation
from tests.autograd.compiler.beside_eager import outcome
from tests.errors import error_of
from tests.oracle import defined

# The ieee_ rows occur in derivatives only, and never raise.
IEEE = [row for variable, row in ad.rules.TABLE.items() if variable.startswith("ieee_")]
NOT_N_ARY = [row for row in every_operation() if not isinstance(row, NAry)]
FIXED = [row for row in NOT_N_ARY if row not in IEEE]
by_name = {"ids": lambda row: row.name}

# Public functions of one number or several, of which a family takes one; where is another matter.
PUBLIC = {
    name: entry.member(entry.default) if isinstance(entry, Family) else entry
    for name, entry in ad.rules.FUNCTIONS.items()
    if entry is not ad.rules.where
}
NAMES = [name for name, row in PUBLIC.items() if not isinstance(row, NAry)]
N_ARY = ["fsum", "mean", "logsumexp"]

FINITE = [0.0, -0.25, 0.25, -0.5, 0.5, -1.0, 1.0, -1.5, 1.5, 2.0, -2.0, 3.0, -3.0]


def points(row):
    """Points of the domain, the derivatives at which are what arithmetic gives."""
    grid = itertools.product(FINITE, repeat=len(row.partials))
    return [operands for operands in grid if defined(row, operands) and operands not in row.edges]


def slopes(function, operands):
    """The derivatives of a function by its operands, by a backward pass."""
    leaves = [Value(x) for x in operands]
    function(*leaves).backward()
    return [leaf.grad for leaf in leaves]


def exactly(numbers):
    return pytest.approx(numbers, rel=0.0, abs=0.0, nan_ok=True)


# Of floats and of Values


@pytest.mark.parametrize("name", NAMES)
def test_function_of_numbers_is_a_float_and_of_values_a_node(name):
    function, row = getattr(ad, name), PUBLIC[name]
    operands = points(row)[-1]
    whole = next(xs for xs in ((0,), (1,), (1, True), (1, 0, True)) if len(xs) == len(operands) and defined(row, xs))
    data = function(*operands)
    assert data == function(*map(np.float64, operands))
    for numbers in (operands, map(np.float64, operands), whole, map(np.int64, whole)):
        assert type(function(*numbers)) is float
    values = [Value(x) for x in operands]
    made = [function(*values)]
    if hasattr(Value, name):  # where no operand comes before the others, it is a method
        made.append(getattr(values[0], name)(*values[1:]))
    for y in made:
        assert type(y) is Value
        assert (y.data, y.parents) == (data, tuple(values))
        assert y.op.name.startswith(name)
        y.backward()
    assert [type(value.grad) for value in values] == [float] * len(values)
    with pytest.raises(TypeError, match=rf"{name}.* takes a real number, got a str: '1'; convert it first"):
        function("1", *operands[1:])


@pytest.mark.parametrize("name", [name for name in NAMES if PUBLIC[name].arity == 2])
def test_function_of_two_takes_values_and_numbers_in_either_place(name):
    function = getattr(ad, name)
    x, y = Value(0.75), Value(0.75)
    left, right = function(x, 2), function(2, y)
    assert (left.data, right.data) == (function(0.75, 2.0), function(2.0, 0.75))
    left.backward(), right.backward()
    wanted = function.partials[0](left.data, 0.75, 2.0), function.partials[1](right.data, 2.0, 0.75)
    assert (x.grad, y.grad) == wanted


@pytest.mark.parametrize("name", N_ARY)
def test_function_of_many_numbers_is_a_float_and_of_values_one_node(name):
    assert type(getattr(ad, name)([1.0, 2, True])) is float
    values = [Value(1.0), Value(2.0)]
    y = getattr(ad, name)(values)
    assert (type(y), y.op.name, y.parents) == (Value, name, tuple(values))


class Stranger:
    _data = 2.0  # and no Value


own = lambda forward, *partials: lambda: operation("f", forward, *partials)
BY_X, BY_B = "the partial derivative of f by x is called with 2", "the partial derivative of f by b is called with 3"
TYPE_ERRORS = {
    r"sin takes a real number, got a list: \[1\.0\]; make one call for each": lambda: sin([1.0]),
    "hypot takes a real number, got a str: 'b'": lambda: hypot(Value(1.0), "b"),
    "hypot takes a real number, got a Stranger": lambda: hypot(Value(1.0), Stranger()),
    "fsum takes a real number, got a Stranger": lambda: fsum([Value(1.0), Stranger()]),
    r"dot takes 2 sequences of numbers, got 1": lambda: dot([1.0]),
    r"fsum takes a sequence of numbers, got 2": lambda: fsum(1.0, 2.0),
    r"fsum takes a sequence of numbers, got a float: 1\.0; write \[a\] for one": lambda: fsum(1.0),
    "fsum takes a sequence of numbers, got a Value: ": lambda: fsum(Value(1.0)),
    "mean takes a real number, got a str: '1'": lambda: mean(["1"]),
    "mean takes a real number, got a NoneType": lambda: mean([Value(1.0), None]),
    "softmax takes a real number, got a str: '1'": lambda: softmax(["1"]),
    r"softmax takes a sequence of numbers, got a Value: .*write .*\[a, b\] for two": lambda: softmax(Value(1.0)),
    "leaky_relu takes x and negative_slope, got slope": lambda: leaky_relu(1.0, slope=0.1),
    "elu takes x and alpha, got beta": lambda: Value(1.0).elu(beta=0.1),
    "negative_slope of leaky_relu takes a real number, got a str: '0.1'": lambda: leaky_relu(1.0, "0.1"),
    r"alpha of elu takes a real number, got a Value: .*; use it as it is": lambda: elu(1.0, Value(0.1)),
    ".*negative_slope": lambda: leaky_relu(-1.0, 0.1, negative_slope=0.5),
    r".*autograd\.sin": lambda: fsum(math.sin(x) for x in [Value(1.0)]),  # an error inside a generator is passed on
    r"operation\('f', forward, \*partials\) takes a forward .* got 0 partials": own(abs),
    r"operation\('f', .* got 1 partials; write each as a function": own(abs, 1.0),
    r"operation\('f', ": own(None, abs),
    ".*takes a name, which is a str, got an int: 3$": lambda: operation(3, abs, lambda y, x: 1.0),
    rf"{BY_X} arguments, y, x, got one that takes \(y\): ": own(abs, lambda y: 2.0),
    f"{BY_B} arguments, y, a, b, got ": own(max, lambda *_: 1.0, lambda y, b: 1.0),
    "the forward function of f is called with 1 arguments, x, got ": own(math.atan2, lambda y, x: 1.0),
    r"log takes 1 operand, got 2; write log10\(x\), log2\(x\), or log\(x\) / log\(base\)$": lambda: ad.log(
        Value(2.0), 10
    ),
    r"maximum takes 2 operands, got 1; write functools.reduce\(maximum, xs\)": lambda: ad.maximum([1.0, Value(2.0)]),
    "where takes 3 operands, got 2$": lambda: where(Value(2.0) > 1.0, np.array([1.0, 2.0])),
    "f takes 1 operand, got 0$": lambda: operation("f", abs, lambda y, x: 1.0)(),
    "f takes 1 operand, got 2$": lambda: operation("f", abs, lambda y, x: 1.0)(Value(1.0), 2.0),
}


@pytest.mark.parametrize("name", [*ad.rules.FUNCTIONS, "softmax", "log_softmax"])
def test_wrong_number_of_operands_names_the_function(name):
    function, taken = getattr(ad, name), 0
    for number in range(6):
        for x in (1.5, Value(0.5), [0.5], np.array([0.5])):
            error = error_of(function, *[x] * number)
            taken += not error
            assert not error or re.search(rf"\b{name}[ (]", error), (number, x)
            assert "__call__" not in error
    assert taken


@pytest.mark.parametrize("message", TYPE_ERRORS)
def test_wrong_operands_are_a_type_error(message):
    with pytest.raises(TypeError, match=f"^{message}"):
        TYPE_ERRORS[message]()


# Conventions at the edges


@pytest.mark.parametrize("row", [row for row in FIXED if row.edges], **by_name)
def test_backward_gives_the_derivatives_of_the_row_at_its_edges(row):
    for operands, derivatives in row.edges.items():
        assert slopes(row, operands) == exactly(derivatives), operands


def test_conventions_at_the_edges():
    for function, operands, wanted in (
        *((ad.relu, [0.0], [0.0]), (abs, [0.0], [0.0]), (ad.sqrt, [0.0], [inf]), (leaky_relu, [0.0], [0.01])),
        *((ad.maximum, [1.0, 1.0], [0.5, 0.5]), (ad.minimum, [1.0, 1.0], [0.5, 0.5]), (elu, [0.0], [1.0])),
        *((lambda x: x**0, [0.0], [0.0]), (lambda x: x**0, [5.0], [0.0]), (lambda x: x**3, [-2.0], [12.0])),
        *((operator.pow, [5.0, 0.0], [0.0, math.log(5.0)]), (operator.pow, [0.0, 0.0], [0.0, 0.0])),
        *((operator.pow, [0.0, 2.0], [0.0, 0.0]), (operator.pow, [-2.0, 3.0], [12.0, nan]), (tanh, [1000.0], [0.0])),
        *((hypot, [0.0, 0.0], [nan, nan]), (ad.atan2, [0.0, 0.0], [0.0, 0.0])),
        (lambda a, b: ad.maximum(a, b) + 10 * ad.minimum(a, b), [1.0, 2.0], [10.0, 1.0]),
    ):
        assert slopes(function, operands) == exactly(wanted), (function, operands)


NAN_BECOMES_ONE = ad.rules.power_of.member(0.0)  # as in IEEE arithmetic and in Python, nan ** 0 is 1


@pytest.mark.parametrize("row", [row for row in FIXED if row.arity == 1 and row is not NAN_BECOMES_ONE], **by_name)
def test_nan_in_gives_nan_out(row):
    x = Value(nan)
    y = row(x)
    y.backward()
    assert math.isnan(y.data)
    assert math.isnan(row(nan))
    assert type(x.grad) is float


@pytest.mark.parametrize("name", ["atan2", "hypot", "maximum", "minimum", *N_ARY, "softmax"])
def test_nan_among_several_gives_nan_out(name):
    of_two = name not in (*N_ARY, "softmax")
    for place in range(2 if of_two else 3):
        xs = [1.0, 2.0][:2] if of_two else [1.0, 2.0, 3.0]
        xs[place] = nan
        found = getattr(ad, name)(*xs) if of_two else getattr(ad, name)(xs)
        assert all(map(math.isnan, found if name == "softmax" else [found]))


# Outside the domain


@pytest.mark.parametrize("row", [row for row in FIXED if row.domain], **by_name)
def test_error_outside_the_domain_says_where_the_function_is_defined_and_what_was_found(row):
    candidates = [*FINITE, inf, -inf] if "inf" in row.domain else FINITE
    outside = [xs for xs in itertools.product(candidates, repeat=len(row.partials)) if not defined(row, xs)]
    assert outside
    for operands in outside:
        division = row.name.startswith(("/", "**", "%")) and 0.0 in (operands[0], operands[-1])
        found = ", ".join(f"{name} = {x!r}" for name, x in zip(row.arguments, operands, strict=True))
        for numbers in (operands, [Value(x) for x in operands]):
            message = re.escape(f" is defined for {row.domain}, got {found}")
            with pytest.raises((ValueError, ZeroDivisionError), match=f"{message}\n.*where\\(") as caught:
                row(*numbers)
            assert caught.type is (ZeroDivisionError if division else ValueError), operands
            assert caught.value.__suppress_context__  # no second traceback


OUTSIDE = {
    r"log is defined for x > 0, got x = -1\.0": (lambda: ad.log(-1), ValueError),
    r"sqrt is defined for x >= 0, got x = -4\.0": (lambda: ad.sqrt(Value(-4.0)), ValueError),
    r"sin is defined for -inf < x < inf, got x = inf": (lambda: sin(inf), ValueError),
    r"a / b is defined for b != 0, got a = 1\.0, b = 0\.0": (lambda: Value(1.0) / 0, ZeroDivisionError),
    r"a / b is defined for b != 0, got a = 2\.0, b = 0\.0": (lambda: 2 / Value(0.0), ZeroDivisionError),
    r"x \*\* -1 is defined for x != 0, got x = 0\.0": (lambda: Value(0.0) ** -1, ZeroDivisionError),
    r"x \*\* 0\.5 is defined for x >= 0, got x = -8\.0": (lambda: Value(-8.0) ** 0.5, ValueError),
    r"a \*\* b is defined for .* b % 1 == 0, got a = -8\.0, b = 0\.5": (lambda: (-8) ** Value(0.5), ValueError),
    r"x \*\* 1\.5 is defined for .* = -1e\+300": (lambda: Value(-1e300) ** 1.5, ValueError),
    r"a \*\* b is defined for .* = -1e\+300": (lambda: Value(-1e300) ** Value(1.5), ValueError),
    r"log is defined for x > 0, got x = -2\.0": (lambda: ad.log(np.array([1.0, -2.0])), ValueError),
    "mean is defined for at least one operand, got none": (lambda: mean([]), ValueError),
    "logsumexp is defined for at least one operand, got none": (lambda: logsumexp([]), ValueError),
    "softmax is defined for at least one operand, got none": (lambda: softmax([]), ValueError),
    "fsum adds up inf and -inf, .* got 2 operands between -inf and inf": (lambda: fsum([Value(inf), -inf]), ValueError),
    "mean adds up inf and -inf, which have no sum, got 2 operands": (lambda: mean([Value(inf), -inf]), ValueError),
    "dot adds up inf and -inf, which have no sum, got 4 operands": (lambda: dot([Value(inf)] * 2, [1, -1]), ValueError),
    "dot takes sequences of one length, got lengths 2 and 1": (lambda: dot([1.0, 2.0], [3.0]), ValueError),
    "dot takes sequences of one length, got lengths 0 and 1": (lambda: dot([], [3.0]), ValueError),
    r"exp\(x\) is too large for a float, got x = 1000\.0": (lambda: ad.exp(1000), OverflowError),
    r"exp\(x\) is too large for a float, got x = 1001\.0": (lambda: ad.exp(Value(1001.0)), OverflowError),
    r"expm1\(x\) is too large for a float, got x = 800\.0": (lambda: Value(800.0).expm1(), OverflowError),
    r"sinh\(x\) is too large for a float, got x = -800\.0": (lambda: Value(-800.0).sinh(), OverflowError),
    r"cosh\(x\) is too large for a float, got x = 800\.0": (lambda: Value(800.0).cosh(), OverflowError),
    r"x \*\* 400 is too large for a float, got x = 10\.0": (lambda: Value(10.0) ** 400, OverflowError),
    r"a \*\* b is too large for a float, got a = 10\.0, b = 400\.0": (lambda: 10.0 ** Value(400.0), OverflowError),
    "Value takes a float, up to 1.8e308 in size, got an int that is larger": (lambda: Value(10**400), OverflowError),
    "tanh takes a float, up to 1.8e308 in size, got an int": (lambda: ad.tanh(-(10**400)), OverflowError),
    "fsum is too large for a float, got 2 operands between 1e": (lambda: fsum([1.5e308, Value(1e308)]), OverflowError),
}


@pytest.mark.parametrize("message", OUTSIDE)
def test_error_says_what_was_found(message):
    call, error = OUTSIDE[message]
    with pytest.raises(error, match=f"^{message}") as caught:
        call()
    assert caught.type is error
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# Tails


def test_tails_and_sums_keep_full_relative_accuracy():
    for found, wanted in (
        *((ad.sigmoid(-700.0), math.exp(-700.0)), (ad.sigmoid(-1000.0), 0.0), (ad.sigmoid(1000.0), 1.0)),
        *((ad.softplus(-40.0), math.exp(-40.0)), (ad.softplus(1000.0), 1000.0), (ad.softplus(-1000.0), 0.0)),
        *((tanh(400.0), 1.0), (tanh(-400.0), -1.0), (ad.erfc(26.0), 5.663192408856142846e-296)),
        *((logsumexp([inf, 1.0]), inf), (logsumexp([-inf, 1.0]), 1.0), (logsumexp([-inf, -inf]), -inf)),
        *((logsumexp([0.0, -40.0]), math.exp(-40.0)), (logsumexp([1000.0, 1000.0]), 1000.0 + math.log(2.0))),
        *((logsumexp([-1e3, -1e3]), -1e3 + math.log(2.0)), (mean([0.1] * 10), 0.1), (mean([1.5e308] * 2), 1.5e308)),
        *((fsum([1e16, 1.0, -1e16]), 1.0), (dot([1e16, 1.0, -1e16], [1.0, 1.0, 1.0]), 1.0)),
    ):
        assert found == pytest.approx(wanted, rel=4e-16, abs=0.0)
    for function, x, wanted in (
        *((ad.sigmoid, -700.0, math.exp(-700.0)), (ad.sigmoid, -1000.0, 0.0), (ad.softplus, 1000.0, 1.0)),
        *((ad.softplus, -40.0, math.exp(-40.0)), (ad.erfc, 26.0, -2.0 / math.sqrt(math.pi) * math.exp(-676.0))),
        (tanh, 400.0, 0.0),
    ):
        assert slopes(function, [x]) == pytest.approx([wanted], rel=8e-16, abs=0.0), (function, x)
    for a, b in [(1e-200, 2.0), (1e-150, 3.0), (-1e-170, 2.0), (1e-300, 1.5)]:  # of powers that underflow
        slope = b * math.copysign(abs(a) ** (b - 1.0), a)
        assert slopes(lambda x: x ** Value(b), [a]) == pytest.approx([slope], rel=1e-15, abs=0.0)  # noqa: B023


# Many operands


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        *[([1e308, 1e308], [1.0, 1.0], inf), ([1e308, 1e308], [-1.0, -1.0], -inf)],
        *[([1e308, 1e308, -1e308], [1.0, 1.0, 1.0], inf), ([1e16, 1.0, -1e16], [1.0, 1.0, 1.0], 1.0)],
        *[([inf, inf], [1.0, -1.0], nan), ([inf, 1.0], [1.0, -1.0], inf)],
    ],
)
def test_dot_of_derivatives_is_that_of_ieee_arithmetic_where_the_sum_overflows(a, b, wanted):
    assert ad.rules.ieee_dot(a, b) == pytest.approx(wanted, rel=0.0, nan_ok=True)
    if not math.isfinite(wanted) and all(map(math.isfinite, a)):
        with pytest.raises(OverflowError):
            dot(a, b)


def test_sequences_are_empty_generators_of_values_and_arrays_of_rows():
    assert [(type(y), y) for y in (fsum([]), dot([], []))] == [(float, 0.0)] * 2
    assert dot((i for i in (1.0, 2.0)), (Value(i) for i in (3.0, 4.0))).data == 11.0
    assert mean(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist() == [2.0, 4.0]  # of rows, as sum() of them is
    assert dot(np.array([Value(1.0), Value(2.0)]), np.array([3.0, 4.0])).data == 11.0


def test_floats_among_values_become_constants():
    x = Value(2.0)
    y = dot([x, 3], [4.0, True])
    y.backward()
    assert (y.data, x.grad, [p.data for p in y.parents]) == (11.0, 4.0, [2.0, 3.0, 4.0, 1.0])
    assert [type(p).__name__ for p in y.parents] == ["Value", "Constant", "Constant", "Constant"]


# softmax


def test_softmax_is_positive_sums_to_one_and_has_the_jacobian_of_the_textbook():
    data = [0.5, -1.0, 2.0]
    ys, ps = softmax([Value(x) for x in data]), softmax(data)
    assert [type(y) for y in (*ys, *softmax([1, 2.0, np.float64(3.0)]))] == [Value] * 3 + [float] * 3
    assert all(y > 0 for y in ys)
    assert math.fsum(y.data for y in ys) == pytest.approx(1.0, rel=1e-15)
    for i in range(3):
        found = slopes(lambda *xs: softmax(xs)[i], data)  # noqa: B023
        assert found == pytest.approx([ps[i] * ((i == j) - ps[j]) for j in range(3)], rel=1e-13)


def test_softmax_never_overflows():
    assert softmax([1000.0, 1000.0]) == [0.5, 0.5]
    assert softmax([Value(-1e308), 1e308])[1].data == 1.0


LOGITS = [0.0, 1.0, -40.0, 1e10, 1e16, -1e16, 1e300, -inf]


def test_logsumexp_and_softmax_are_exact_to_rounding_whatever_the_size_of_the_logits():
    for logits in itertools.product(LOGITS, repeat=3):
        largest = max(logits)
        if largest == -inf:
            continue
        weights = [math.exp(x - largest) for x in logits]
        wanted = pytest.approx([w / math.fsum(weights) for w in weights], rel=1e-14, abs=0.0)
        assert slopes(lambda *xs: logsumexp(xs), logits) == wanted
        assert softmax(list(logits)) == wanted
        assert [y.data for y in softmax(list(map(Value, logits)))] == wanted


@pytest.mark.parametrize("gap", [1.0, 20.0, 37.0, 40.0, 300.0])
def test_second_derivatives_of_logsumexp_keep_their_digits_where_one_operand_is_by_far_the_largest(gap):
    slope = math.exp(-gap) / (1.0 + math.exp(-gap)) ** 2
    wanted = np.array([[slope, -slope], [-slope, slope]])
    assert np.array(ad.hessian(logsumexp)([gap, 0.0])) == pytest.approx(wanted, rel=1e-13, abs=0.0)


# where, and the families


def test_where_chooses_and_hands_its_gradient_to_the_chosen():
    x, a, b = Value(1.0), Value(2.0), Value(3.0)
    y = where(x > 0, a, b) + 10 * where(x < 0, a, b)
    y.backward()
    assert (y.data, a.grad, b.grad) == (32.0, 1.0, 10.0)
    for condition in (True, np.bool_(True), 1, 0.5, Value(2.0)):  # any number
        assert (where(condition, a, 3.0).data, slopes(lambda a: where(condition, a, 3.0), [2.0])) == (2.0, [1.0])  # noqa: B023
    assert (type(where(True, 1, 2)), where(True, 1, 2)) == (float, 1.0)
    x = np.array([-1.0, 2.0])
    assert where(x > 0, x, 0.0).tolist() == [0.0, 2.0]


@pytest.mark.parametrize("condition", [True, False])
def test_choice_by_a_plain_bool_is_part_of_a_program(condition):
    f = lambda x: where(condition, lambda: x * x, lambda: 3.0 * x) + where(condition, x, 1.0)
    assert ad.compile(f).value_and_grad(2.0) == ad.value_and_grad(f)(2.0)


def near(wanted):
    is_error = isinstance(wanted, tuple) and isinstance(wanted[0], type)
    return wanted if is_error else pytest.approx(wanted, rel=1e-14, nan_ok=True)


OF_TWO = [row for row in ad.rules.TABLE.values() if isinstance(row, Binary)]


@pytest.mark.parametrize("row", OF_TWO, **by_name)
def test_side_of_a_constant_may_be_undefined_where_it_is_not_chosen(row):
    for constant in (0.0, -1.0, 2.0):
        for side in (lambda x: row.apply([x, constant]), lambda x: row.apply([constant, x])):  # noqa: B023
            f = lambda x: where(x >= 0.0, lambda: side(x) + x, lambda: x * x)  # noqa: B023
            for g in (f, ad.grad(f), lambda xs: ad.value_and_grad(f)(xs)):  # noqa: B023
                for first, *others in itertools.permutations([0.0, 1.5, -1.5]):
                    program = ad.compile(g)
                    assert outcome(program, first) == near(outcome(g, first))
                    for x in others:
                        assert outcome(program, x) == near(outcome(g, x)), (constant, x)


def test_families_have_the_constant_given():
    for f in (leaky_relu, Value.leaky_relu):
        for g, slope in ((f, 0.01), (lambda x: f(x, 0.3), 0.3), (lambda x: f(x, negative_slope=0.5), 0.5)):  # noqa: B023
            assert (g(Value(-2.0)).data, slopes(g, [-2.0])) == (-2.0 * slope, [slope])
    for f in (elu, Value.elu):
        for g, alpha in ((f, 1.0), (lambda x: f(x, 0.3), 0.3), (lambda x: f(x, alpha=0.5), 0.5)):  # noqa: B023
            assert g(Value(-2.0)).data == alpha * math.expm1(-2.0)
            assert slopes(g, [-2.0]) == pytest.approx([alpha * math.exp(-2.0)], rel=1e-15)
    assert (leaky_relu(2.0, 0.3), elu(2.0, 0.3)) == (2.0, 2.0)


# A user's own operation


def test_own_operation_is_a_node_of_its_operands():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
    x = Value(2.0)
    y = cube(x) * 2
    y.backward()
    assert (y.data, x.grad, y.parents[0].op.name) == (16.0, 24.0, "cube")
    assert (type(cube(2)), cube(2)) == (float, 8.0)
    assert cube(np.array([1.0, 2.0])).tolist() == [1.0, 8.0]
    assert [v.data for v in cube(np.array([Value(1.0), Value(2.0)]))] == [1.0, 8.0]
    partials = [lambda y, a, b, c: b, lambda y, a, b, c: a, lambda y, a, b, c: 1.0]
    fma = operation("fma", lambda a, b, c: a * b + c, *partials)
    a, b, c = Value(2.0), Value(3.0), Value(4.0)
    assert (fma(a, b, c).data, fma(a, b, c).parents) == (10.0, (a, b, c))
    assert slopes(fma, [2.0, 3.0, 4.0]) == [3.0, 2.0, 1.0]
    assert fma(a, 3, c).data == fma(2.0, 3.0, 4.0) == 10.0
    double_exp = operation("double_exp", lambda x: math.exp(2 * x), lambda y, x: 2 * y)  # a partial gets the result
    assert slopes(double_exp, [0.5]) == [2.0 * math.e]
    total = operation("total", lambda *xs: sum(xs), *[lambda y, *xs: 1.0] * 30)  # more operands than letters
    assert total(*[Value(1.0)] * 30).data == 30.0
    assert operation("f_{x}", abs, lambda y, x: 1.0)(-1.0) == 1.0


def test_own_operation_gives_a_number():
    constant = lambda result: operation("f", lambda x: result, lambda y, x: 1.0)
    for result, kind in ((None, "NoneType"), (1j, "complex"), ("1", "str"), (Value(1.0), "Value")):
        for x in (1.0, Value(1.0)):
            with pytest.raises(TypeError, match=f"^the result of f takes a real number, got a {kind}"):
                constant(result)(x)
    for result in (1, True, np.float32(1.0)):
        y = constant(result)(Value(2.0))
        assert (type(y.data), y.data) == (float, 1.0)


class NoSuchPlaceError(ValueError):
    def __init__(self, place, remedy):
        super().__init__(f"{place}: {remedy}")


def test_error_of_an_own_operation_says_its_name_and_its_operands():
    def forward(a, b):
        raise NoSuchPlaceError(a, "look elsewhere")

    nowhere = operation("nowhere", forward, lambda y, a, b: a, lambda y, a, b: b)
    for a in (1.0, Value(1.0)):
        message = r"1\.0: look elsewhere\nin the operation nowhere, for a = 1\.0, b = 2\.0$"
        with pytest.raises(NoSuchPlaceError, match=message):
            nowhere(a, 2.0)


# NumPy

NOT_BY_METHODS = {"maximum", "minimum", "clip", "sign", "logaddexp", "sinc"}


def test_which_of_numpys_functions_take_arrays_of_values_is_what_the_readme_says():
    alike = {name: name.replace("a", "arc", 1) for name in NAMES if name.startswith(("as", "ac", "at"))}
    theirs = {name: alike.get(name, name) for name in NAMES if hasattr(np, alike.get(name, name))}
    different = set()
    for name, theirs_name in theirs.items():
        row, found = PUBLIC[name], []
        grid = [xs for xs in itertools.product((0.0, 0.5, 1.0, 2.0), repeat=len(row.partials)) if defined(row, xs)]
        for function in (getattr(ad, name), getattr(np, theirs_name)):
            leaves = [[Value(x) for x in xs] for xs in grid]
            try:
                ys = function(*[np.array(column, dtype=object) for column in zip(*leaves, strict=True)])
                ad.fsum([y * 1.0 for y in ys]).backward()
                found.append([[y.data, *[x.grad for x in xs]] for y, xs in zip(ys, leaves, strict=True)])
            except (TypeError, AttributeError, ZeroDivisionError):
                found.append(None)
        if repr(found[0]) != repr(found[1]):
            different.add(name)
    assert different == NOT_BY_METHODS
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    assert all(f"`np.{name}`" in text for name in NOT_BY_METHODS)
    for name in NOT_BY_METHODS:  # autograd's take arrays
        ys = getattr(ad, name)(*[np.array([Value(0.5), Value(2.0)])] * len(PUBLIC[name].partials))
        assert all(isinstance(y, Value) for y in ys)


def test_products_of_matrices_of_values():
    matrix = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    square = matrix @ matrix
    assert [[y.data for y in row] for row in square] == [[7.0, 10.0], [15.0, 22.0]]
    square.sum().backward()
    assert [[x.grad for x in row] for row in matrix] == [[7.0, 11.0], [9.0, 13.0]]
    xs = np.array([Value(1.0), Value(2.0)])
    (np.array([[1.0, 2.0], [3.0, 4.0]]) @ xs).sum().backward()
    assert [x.grad for x in xs] == [4.0, 6.0]


@pytest.mark.parametrize("operate", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_value_and_array_give_an_array_of_values(operate):
    x = Value(3.0)
    for dtype in (float, int, np.float32):
        for y in (operate(x, np.array([[1, 2]], dtype)), operate(np.array([[1, 2]], dtype), x)):
            assert isinstance(y, np.ndarray)
            assert (y.shape, [type(v) for v in y.flat]) == ((1, 2), [Value, Value])
        assert [v.data for v in operate(x, np.array([1, 2], dtype))] == [operate(3.0, 1), operate(3.0, 2)]
        assert [v.data for v in operate(np.array([1, 2], dtype), x)] == [operate(1, 3.0), operate(2, 3.0)]


def test_array_of_values_in_arithmetic_and_reductions():
    xs = np.array([Value(1.0), Value(2.0), Value(3.0)])
    loss = ((2.0 * xs - 1) ** 2).sum() + xs.mean() + xs.prod()
    loss.backward()
    assert loss.data == 1.0 + 9.0 + 25.0 + 2.0 + 6.0
    assert [x.grad for x in xs] == pytest.approx([4.0 + 1 / 3 + 6.0, 12.0 + 1 / 3 + 3.0, 20.0 + 1 / 3 + 2.0], rel=1e-15)
    x = np.array([1.0, 2.0, 4.0])
    for spread in (np.var, np.std, lambda x: np.var(x, ddof=1)):
        assert ad.gradcheck(spread, x)
        assert ad.compile(spread)(x) == pytest.approx(spread(x), rel=1e-12)


def test_function_of_arrays_is_an_array_of_their_shape_and_kind():
    y, empty = tanh(np.array([[0.0, 0.5], [1.0, -2.0]])), tanh(np.zeros((0, 3)))
    assert [(y.dtype, y.shape) for y in (y, empty)] == [(np.dtype(float), (2, 2)), (np.dtype(float), (0, 3))]
    assert y.tolist() == [[math.tanh(x) for x in row] for row in [[0.0, 0.5], [1.0, -2.0]]]
    xs = np.array([[Value(0.5), Value(1.0)]])
    assert (tanh(xs).shape, [y.parents for y in tanh(xs).flat]) == ((1, 2), [(x,) for x in xs.flat])
    both = hypot(np.array([[3.0], [5.0]]), np.array([4.0, 12.0]))
    assert both.tolist() == [[5.0, math.hypot(3, 12)], [math.hypot(5, 4), 13.0]]
    assert ad.maximum(np.array([-1.0, 1.0]), 0).tolist() == [0.0, 1.0]
    assert leaky_relu(np.array([-1.0, 1.0]), 0.25).tolist() == [-0.25, 1.0]
    x = Value(4.0)
    (y,) = hypot(np.array([3.0]), x)
    y.backward()
    assert (y.data, x.grad) == (5.0, 0.8)


# The table read with arrays


@pytest.mark.parametrize("row", NOT_N_ARY, **by_name)
def test_row_read_with_arrays_is_the_row_read_with_floats(row):
    if row in FIXED:
        at_once = row(*[np.array(column) for column in zip(*points(row), strict=True)])
        assert at_once.dtype == float
        assert at_once.tolist() == [row(*operands) for operands in points(row)]
    chosen = points(row) + list(row.edges)
    assert len(chosen) >= 4
    results = [row.evaluate(operands) for operands in chosen]
    columns = [np.array(column) for column in zip(*chosen, strict=True)]
    for partial in row.partials:
        one_by_one = [float(partial(y, *operands)) for y, operands in zip(results, chosen, strict=True)]
        with np.errstate(all="ignore"):
            at_once = np.broadcast_to(partial(np.array(results), *columns), len(chosen))
        assert at_once.dtype == float
        assert np.array_equal(at_once, one_by_one, equal_nan=True)


@pytest.mark.parametrize("row", [row for row in every_operation() if isinstance(row, NAry)], **by_name)
def test_gradients_of_many_read_with_arrays_are_those_read_with_floats(row):
    batch = [[0.5, -1.0, 2.0, 3.0], [1.5, 0.0, -700.0, 2.0], [1.0, 1.0, 1.0, 1.0]]
    results = [row.evaluate(operands) for operands in batch]
    one_by_one = [list(map(float, row.derivatives(y, operands))) for y, operands in zip(results, batch, strict=True)]
    columns = [np.array(column) for column in zip(*batch, strict=True)]
    at_once = [np.broadcast_to(slope, len(batch)) for slope in row.derivatives(np.array(results), columns)]
    assert np.transpose(at_once) == pytest.approx(np.array(one_by_one), rel=1e-12 if row is logsumexp else 0.0, abs=0.0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature_is_that_of_the_function_and_agrees_with_its_documentation(name):
    row = FUNCTIONS[name]
    signature = inspect.signature(row)
    parameters = signature.parameters.values()
    required = [parameter for parameter in parameters if parameter.default is parameter.empty]
    words = set(re.findall(r"\w+", f"{row.__doc__} {getattr(row, 'definition', '')}"))
    assert set(signature.parameters) <= words
    assert "Any" not in str(signature)
    operands = [[1.0, 1.0] if isinstance(row, NAry) else 2.0 if name == "acosh" else 0.5 for _ in required]
    found = row(*operands)
    if all(parameter.kind is not parameter.POSITIONAL_ONLY for parameter in parameters):
        assert row(**signature.bind(*operands).arguments) == found


@pytest.mark.parametrize("name", [name for name, row in FUNCTIONS.items() if isinstance(row, Family)])
def test_constant_of_a_family_is_no_none(name):
    row = FUNCTIONS[name]
    for call in (lambda: row(1.0, None), lambda: row(1.0, **{row.constant: None})):
        with pytest.raises(TypeError, match=f"{row.constant} of {name} takes a real number, got a NoneType"):
            call()
