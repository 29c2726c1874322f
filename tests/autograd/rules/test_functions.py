"""The functions: of floats, of Values and of arrays; at their edges, in their tails, and outside their domain."""

import itertools
import math
import operator
import re

import numpy as np
import pytest

import autograd
from autograd import (
    Value,
    atan2,
    dot,
    elu,
    erfc,
    exp,
    fsum,
    hessian,
    hypot,
    leaky_relu,
    log,
    logsumexp,
    maximum,
    mean,
    minimum,
    operation,
    relu,
    rules,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    tanh,
    where,
)
from autograd.rules.operation import Family, NAry

UNARY = [
    "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan",
    "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "sigmoid", "softplus", "relu", "leaky_relu",
    "elu", "gelu", "silu", "abs",
]  # fmt: skip
BINARY = ["atan2", "hypot", "maximum", "minimum"]
N_ARY = ["fsum", "mean", "logsumexp"]

# Rows that stand for a public function or operator. The ieee_ rows occur in derivatives only, and never raise.
PUBLIC = [
    row
    for variable, entry in rules.TABLE.items()
    if not variable.startswith("ieee_")
    for row in (map(entry.member, entry.samples) if isinstance(entry, Family) else [entry])
]
ALL = [
    row
    for entry in rules.TABLE.values()
    for row in (map(entry.member, entry.samples) if isinstance(entry, Family) else [entry])
]
FIXED = [row for row in PUBLIC if not isinstance(row, NAry)]
WITH_DOMAIN = [row for row in FIXED if row.domain]
WITH_EDGES = [row for row in FIXED if row.edges]
by_name = {"ids": lambda row: row.name}

FINITE = [0.0, -0.25, 0.25, -0.5, 0.5, -1.0, 1.0, -1.5, 1.5, 2.0, -2.0, 3.0, -3.0]


def defined(row, operands):
    names = dict(zip(row.arguments, operands, strict=True))
    return not row.domain or eval(row.domain, {"inf": math.inf}, names)


def points(row):
    """Points of the domain, the derivatives at which are what arithmetic gives."""
    grid = itertools.product(FINITE, repeat=len(row.partials))
    return [operands for operands in grid if defined(row, operands) and operands not in row.edges]


def same(found, wanted):
    return found == wanted or (math.isnan(found) and math.isnan(wanted))


# Of floats and of Values


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_function_of_floats_is_a_float(name):
    operands = (1.25,) if name in UNARY else (1.25, 0.5)
    operands = (0.5,) if name in ("asin", "acos", "atanh") else operands
    assert type(getattr(autograd, name)(*operands)) is float
    assert type(getattr(autograd, name)(*map(np.float64, operands))) is float


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_function_of_integers_is_a_float(name):
    operands = (0,) if name in ("asin", "acos", "atanh") else (1,) if name in UNARY else (1, True)
    assert type(getattr(autograd, name)(*operands)) is float
    assert type(getattr(autograd, name)(*map(np.int64, operands))) is float


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_function_and_method_of_values_are_the_same_node(name):
    operands = (0.5, 0.75) if name in BINARY else (1.25,) if name == "acosh" else (0.5,)
    data = getattr(autograd, name)(*operands)
    values = [Value(x) for x in operands]
    for y in (getattr(autograd, name)(*values), getattr(values[0], name)(*values[1:])):
        assert type(y) is Value
        assert (y.data, y.parents) == (data, tuple(values))
        assert y.op.name.startswith(name)


@pytest.mark.parametrize("name", ["asin", "acos", "atan", "asinh", "acosh", "atanh"])
def test_inverse_functions_are_methods_under_numpys_names_too(name):
    x = Value(1.0 if name == "acosh" else 0.5)
    assert getattr(x, name.replace("a", "arc", 1))().op is getattr(autograd, name)


@pytest.mark.parametrize("name", BINARY)
def test_function_of_two_takes_values_and_numbers_in_either_place(name):
    function = getattr(autograd, name)
    x = Value(0.75)
    assert function(x, 2).data == function(0.75, 2.0)
    assert function(2, x).data == function(2.0, 0.75)
    function(x, 2).backward()
    function(2, x).backward()
    wanted = function.partials[0](function(0.75, 2.0), 0.75, 2.0) + function.partials[1](function(2.0, 0.75), 2.0, 0.75)
    assert x.grad == wanted


@pytest.mark.parametrize("name", N_ARY)
def test_function_of_many_floats_is_a_float(name):
    assert type(getattr(autograd, name)([1.0, 2, True])) is float


@pytest.mark.parametrize("name", N_ARY)
def test_function_of_many_values_is_one_node(name):
    values = [Value(1.0), Value(2.0)]
    y = getattr(autograd, name)(values)
    assert (type(y), y.op.name, y.parents) == (Value, name, tuple(values))


@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_function_of_a_string_is_a_type_error_that_names_the_function(name):
    function = getattr(autograd, name)
    others = (1.0,) * (name in BINARY)
    with pytest.raises(TypeError, match=rf"{name}.* takes a real number, got a str: '1'; convert it first"):
        function("1", *others)


def test_function_of_a_list_is_a_type_error():
    with pytest.raises(TypeError, match=r"sin takes a real number, got a list: \[1\.0\]; make one call for each"):
        sin([1.0])


def test_function_of_a_value_and_a_string_is_a_type_error():
    with pytest.raises(TypeError, match="hypot takes a real number, got a str: 'b'"):
        hypot(Value(1.0), "b")


def test_gradient_is_a_float_for_every_row():
    for row in FIXED:
        leaves = [Value(x) for x in points(row)[0]]
        row(*leaves).backward()
        assert [type(leaf.grad) for leaf in leaves] == [float] * len(leaves), row


@pytest.mark.parametrize("function", [hypot, lambda a, b: fsum([a, b])], ids=["hypot", "fsum"])
def test_stranger_with_a_data_attribute_is_no_value(function):
    class Stranger:
        _data = 2.0

    with pytest.raises(TypeError, match="takes a real number, got a Stranger"):
        function(Value(1.0), Stranger())


# Conventions at the edges


@pytest.mark.parametrize("row", WITH_EDGES, **by_name)
def test_backward_gives_the_derivatives_of_the_row_at_its_edges(row):
    for operands, derivatives in row.edges.items():
        leaves = [Value(x) for x in operands]
        row(*leaves).backward()
        for leaf, wanted in zip(leaves, derivatives, strict=True):
            assert same(leaf.grad, wanted), (operands, leaf.grad, wanted)


@pytest.mark.parametrize(
    ("function", "operands", "gradients"),
    [
        (relu, (0.0,), (0.0,)),
        (abs, (0.0,), (0.0,)),
        (sqrt, (0.0,), (math.inf,)),
        (maximum, (1.0, 1.0), (0.5, 0.5)),
        (minimum, (1.0, 1.0), (0.5, 0.5)),
        (lambda x: x**0, (0.0,), (0.0,)),
        (lambda x: x**0, (5.0,), (0.0,)),
        (operator.pow, (5.0, 0.0), (0.0, math.log(5.0))),
        (operator.pow, (0.0, 0.0), (0.0, 0.0)),
        (operator.pow, (0.0, 2.0), (0.0, 0.0)),
        (operator.pow, (-2.0, 3.0), (12.0, math.nan)),
        (lambda x: x**3, (-2.0,), (12.0,)),
        (tanh, (1000.0,), (0.0,)),
        (leaky_relu, (0.0,), (0.01,)),
        (elu, (0.0,), (1.0,)),
        (hypot, (0.0, 0.0), (math.nan, math.nan)),
        (atan2, (0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_conventions_at_the_edges(function, operands, gradients):
    leaves = [Value(x) for x in operands]
    function(*leaves).backward()
    for leaf, wanted in zip(leaves, gradients, strict=True):
        assert same(leaf.grad, wanted)


def test_maximum_hands_the_whole_gradient_to_the_larger():
    a, b = Value(1.0), Value(2.0)
    (maximum(a, b) + 10 * minimum(a, b)).backward()
    assert (a.grad, b.grad) == (10.0, 1.0)


NAN_BECOMES_ONE = rules.power_of.member(0.0)  # as in IEEE arithmetic and in Python, nan ** 0 is 1


@pytest.mark.parametrize("row", [row for row in FIXED if row.arity == 1 and row is not NAN_BECOMES_ONE], **by_name)
def test_nan_in_gives_nan_out(row):
    x = Value(math.nan)
    y = row(x)
    y.backward()
    assert math.isnan(y.data)
    assert math.isnan(row(math.nan))
    assert type(x.grad) is float


@pytest.mark.parametrize("operands", [(math.nan, 1.0), (1.0, math.nan)])
@pytest.mark.parametrize("name", ["atan2", "hypot", "maximum", "minimum"])
def test_nan_in_either_operand_gives_nan_out(name, operands):
    assert math.isnan(getattr(autograd, name)(*operands))


@pytest.mark.parametrize("name", [*N_ARY, "softmax"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_among_many_gives_nan_out(name, place):
    xs = [1.0, 2.0, 3.0]
    xs[place] = math.nan
    found = getattr(autograd, name)(xs)
    assert all(map(math.isnan, found if name == "softmax" else [found]))


# Outside the domain


@pytest.mark.parametrize("row", WITH_DOMAIN, **by_name)
def test_error_outside_the_domain_says_where_the_function_is_defined_and_what_was_found(row):
    candidates = [*FINITE, math.inf, -math.inf] if "inf" in row.domain else FINITE
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


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: log(Value(-1.0)), ValueError, r"log is defined for x > 0, got x = -1\.0"),
        (lambda: log(-1), ValueError, r"log is defined for x > 0, got x = -1\.0"),
        (lambda: log(0.0), ValueError, r"log is defined for x > 0, got x = 0\.0"),
        (lambda: sqrt(Value(-4.0)), ValueError, r"sqrt is defined for x >= 0, got x = -4\.0"),
        (lambda: sin(math.inf), ValueError, r"sin is defined for -inf < x < inf, got x = inf"),
        (lambda: Value(1.0) / 0, ZeroDivisionError, r"a / b is defined for b != 0, got a = 1\.0, b = 0\.0"),
        (lambda: 1 / Value(0.0), ZeroDivisionError, r"a / b is defined for b != 0, got a = 1\.0, b = 0\.0"),
        (lambda: Value(0.0) ** -1, ZeroDivisionError, r"x \*\* -1 is defined for x != 0, got x = 0\.0"),
        (lambda: Value(-8.0) ** 0.5, ValueError, r"x \*\* 0\.5 is defined for x >= 0, got x = -8\.0"),
        (lambda: (-8) ** Value(0.5), ValueError, r"a \*\* b is defined for .* b % 1 == 0, got a = -8\.0, b = 0\.5"),
        (lambda: mean([]), ValueError, "mean is defined for at least one operand, got none"),
        (lambda: logsumexp([]), ValueError, "logsumexp is defined for at least one operand, got none"),
        (lambda: softmax([]), ValueError, "softmax is defined for at least one operand, got none"),
    ],
)  # fmt: skip
def test_messages_outside_the_domain(call, error, message):
    with pytest.raises(error, match=f"^{message}(\n|$)") as caught:
        call()
    assert caught.type is error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exp(1000), r"exp\(x\) is too large for a float, got x = 1000\.0"),
        (lambda: exp(Value(1000.0)), r"exp\(x\) is too large for a float, got x = 1000\.0"),
        (lambda: Value(800.0).expm1(), r"expm1\(x\) is too large for a float, got x = 800\.0"),
        (lambda: Value(-800.0).sinh(), r"sinh\(x\) is too large for a float, got x = -800\.0"),
        (lambda: Value(800.0).cosh(), r"cosh\(x\) is too large for a float, got x = 800\.0"),
        (lambda: Value(10.0) ** 400, r"x \*\* 400 is too large for a float, got x = 10\.0"),
        (lambda: 10.0 ** Value(400.0), r"a \*\* b is too large for a float, got a = 10\.0, b = 400\.0"),
        (lambda: fsum([1.5e308, Value(1e308)]), "fsum is too large for a float, got 2 operands between 1e"),
    ],
)  # fmt: skip
def test_overflow_is_an_error_with_the_argument(call, message):
    with pytest.raises(OverflowError, match=f"^{message}"):
        call()


@pytest.mark.parametrize(("a", "b"), [(1e-200, 2.0), (1e-150, 3.0), (-1e-170, 2.0), (1e-300, 1.5)])
def test_derivative_of_a_power_that_underflows_is_not_zero(a, b):
    x = Value(a)
    (x ** Value(b)).backward()
    assert x.grad == pytest.approx(b * math.copysign(abs(a) ** (b - 1.0), a), rel=1e-15, abs=0.0)


@pytest.mark.parametrize("exponent", [1.5, Value(1.5)], ids=["float", "Value"])
def test_fractional_power_of_a_huge_negative_number_is_a_value_error(exponent):
    with pytest.raises(ValueError, match=r"= -1e\+300"):
        Value(-1e300) ** exponent


@pytest.mark.parametrize(
    "call",
    [
        lambda: log(-1.0),
        lambda: log(Value(-1.0)),
        lambda: Value(-1.0) ** Value(0.5),
        lambda: mean([]),
        lambda: fsum([Value(math.inf), -math.inf]),
    ],
    ids=["float", "Value", "two Values", "nothing", "many"],
)
def test_error_has_no_second_traceback(call):
    with pytest.raises(ValueError, match="is defined for") as caught:
        call()
    assert caught.value.__suppress_context__


# Tails


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (lambda: sigmoid(-700.0), math.exp(-700.0)),
        (lambda: sigmoid(-1000.0), 0.0),
        (lambda: sigmoid(1000.0), 1.0),
        (lambda: softplus(-40.0), math.exp(-40.0)),
        (lambda: softplus(1000.0), 1000.0),
        (lambda: softplus(-1000.0), 0.0),
        (lambda: logsumexp([0.0, -40.0]), math.exp(-40.0)),
        (lambda: logsumexp([1000.0, 1000.0]), 1000.0 + math.log(2.0)),
        (lambda: logsumexp([-1000.0, -1000.0]), -1000.0 + math.log(2.0)),
        (lambda: logsumexp([math.inf, 1.0]), math.inf),
        (lambda: logsumexp([-math.inf, 1.0]), 1.0),
        (lambda: logsumexp([-math.inf, -math.inf]), -math.inf),
        (lambda: erfc(26.0), 5.663192408856142846e-296),
        (lambda: tanh(400.0), 1.0),
        (lambda: tanh(-400.0), -1.0),
        (lambda: fsum([1e16, 1.0, -1e16]), 1.0),
        (lambda: mean([0.1] * 10), 0.1),
        (lambda: dot([1e16, 1.0, -1e16], [1.0, 1.0, 1.0]), 1.0),
    ],
)  # fmt: skip
def test_tails_keep_full_relative_accuracy(found, wanted):
    assert found() == pytest.approx(wanted, rel=4e-16, abs=0.0)


@pytest.mark.parametrize(
    ("function", "x", "wanted"),
    [
        (sigmoid, -700.0, math.exp(-700.0)),
        (sigmoid, -1000.0, 0.0),
        (softplus, -40.0, math.exp(-40.0)),
        (softplus, 1000.0, 1.0),
        (erfc, 26.0, -2.0 / math.sqrt(math.pi) * math.exp(-676.0)),
        (tanh, 400.0, 0.0),
    ],
)
def test_derivatives_keep_full_accuracy_in_the_tails(function, x, wanted):
    leaf = Value(x)
    function(leaf).backward()
    assert leaf.grad == pytest.approx(wanted, rel=8e-16, abs=0.0)


def test_mean_of_large_numbers_fits_a_float():
    assert mean([1.5e308, 1.5e308]) == 1.5e308


# Many operands


def test_sum_has_derivative_one_for_each_operand():
    xs = [Value(float(i)) for i in range(5)]
    y = fsum(xs)
    y.backward()
    assert (y.data, [x.grad for x in xs]) == (10.0, [1.0] * 5)


def test_mean_shares_the_gradient_out_equally():
    xs = [Value(float(i)) for i in range(4)]
    y = mean(xs)
    y.backward()
    assert (y.data, [x.grad for x in xs]) == (1.5, [0.25] * 4)


def test_dot_hands_each_vector_the_other():
    a, b = [Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]
    y = dot(a, b)
    y.backward()
    assert (y.data, y.parents) == (11.0, (*a, *b))
    assert ([x.grad for x in a], [x.grad for x in b]) == ([3.0, 4.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([1e308, 1e308], [1.0, 1.0], math.inf),
        ([1e308, 1e308], [-1.0, -1.0], -math.inf),
        ([1e308, 1e308, -1e308], [1.0, 1.0, 1.0], math.inf),
        ([math.inf, math.inf], [1.0, -1.0], math.nan),
        ([math.inf, 1.0], [1.0, -1.0], math.inf),
        ([1e16, 1.0, -1e16], [1.0, 1.0, 1.0], 1.0),
    ],
)
def test_dot_of_derivatives_is_that_of_ieee_arithmetic_where_the_sum_overflows(a, b, wanted):
    assert rules.ieee_dot(a, b) == pytest.approx(wanted, rel=0.0, nan_ok=True)
    if not math.isfinite(wanted) and all(map(math.isfinite, a)):
        with pytest.raises(OverflowError):
            dot(a, b)


def test_dot_of_a_vector_with_itself():
    a = [Value(1.0), Value(2.0)]
    dot(a, a).backward()
    assert [x.grad for x in a] == [2.0, 4.0]


def test_logsumexp_has_softmax_as_its_gradient():
    xs = [Value(x) for x in (0.5, -1.0, 2.0)]
    logsumexp(xs).backward()
    assert [x.grad for x in xs] == pytest.approx(softmax([0.5, -1.0, 2.0]), rel=1e-15)


def test_operand_that_is_repeated_gets_both_shares():
    x = Value(2.0)
    mean([x, x, 1.0]).backward()
    assert x.grad == pytest.approx(2.0 / 3.0, rel=1e-15)


def test_sum_of_nothing_is_the_float_zero():
    assert (type(fsum([])), fsum([])) == (float, 0.0)
    assert (type(dot([], [])), dot([], [])) == (float, 0.0)


def test_generators_are_taken():
    assert fsum(float(i) for i in range(4)) == 6.0
    assert mean(Value(float(i)) for i in range(4)).data == 1.5
    assert dot((i for i in (1.0, 2.0)), (Value(i) for i in (3.0, 4.0))).data == 11.0
    assert logsumexp(x for x in [0.0]) == 0.0
    assert softmax(x for x in (0.0, 0.0)) == [0.5, 0.5]


def test_error_inside_a_generator_is_passed_on():
    with pytest.raises(TypeError, match=r"autograd\.sin"):
        fsum(math.sin(x) for x in [Value(1.0)])


def test_floats_among_values_become_constants():
    x = Value(2.0)
    y = dot([x, 3], [4.0, True])
    y.backward()
    assert (y.data, x.grad, [p.data for p in y.parents]) == (11.0, 4.0, [2.0, 3.0, 4.0, 1.0])
    assert [type(p).__name__ for p in y.parents] == ["Value", "Constant", "Constant", "Constant"]


def test_arrays_are_sequences():
    assert fsum(np.array([1.0, 2.0])) == 3.0
    assert mean(np.array([1, 2])) == 1.5
    assert mean(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist() == [2.0, 4.0]  # of rows, as sum() of them is
    assert dot(np.array([Value(1.0), Value(2.0)]), np.array([3.0, 4.0])).data == 11.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dot([1.0, 2.0], [3.0]), ValueError, "dot takes sequences of one length, got lengths 2 and 1"),
        (lambda: dot([], [3.0]), ValueError, "dot takes sequences of one length, got lengths 0 and 1"),
        (lambda: dot([1.0]), TypeError, r"dot takes 2 sequence\(s\) of numbers, got 1"),
        (lambda: fsum(1.0, 2.0), TypeError, r"fsum takes 1 sequence\(s\) of numbers, got 2"),
        (lambda: fsum(1.0), TypeError, r"fsum takes 1 sequence\(s\) of numbers, got float"),
        (lambda: fsum(Value(1.0)), TypeError, r"fsum takes 1 sequence\(s\) of numbers, got Value"),
        (lambda: mean(["1"]), TypeError, "mean takes a real number, got a str: '1'"),
        (lambda: mean([Value(1.0), None]), TypeError, "mean takes a real number, got a NoneType"),
        (lambda: softmax(["1"]), TypeError, "softmax takes a real number, got a str: '1'"),
    ],
)
def test_wrong_operands_of_many(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()


# softmax


def test_softmax_is_positive_and_sums_to_one():
    ys = softmax([Value(x) for x in (0.5, -1.0, 2.0)])
    assert [type(y) for y in ys] == [Value] * 3
    assert all(y > 0 for y in ys)
    assert math.fsum(y.data for y in ys) == pytest.approx(1.0, rel=1e-15)


def test_softmax_has_the_jacobian_of_the_textbook():
    data = [0.5, -1.0, 2.0]
    ps = softmax(data)
    for i, j in itertools.product(range(3), range(3)):
        xs = [Value(x) for x in data]
        softmax(xs)[i].backward()
        assert xs[j].grad == pytest.approx(ps[i] * ((i == j) - ps[j]), rel=1e-13)


def test_softmax_of_floats_is_floats():
    assert [type(y) for y in softmax([1, 2.0, np.float64(3.0)])] == [float] * 3


def test_softmax_never_overflows():
    assert softmax([1000.0, 1000.0]) == [0.5, 0.5]
    assert softmax([Value(-1e308), 1e308])[1].data == 1.0


LOGITS = [0.0, 1.0, -40.0, 1e10, 1e16, -1e16, 1e300, -math.inf]


@pytest.mark.parametrize("logits", list(itertools.product(LOGITS, repeat=3)), ids=str)
def test_logsumexp_and_softmax_are_exact_to_rounding_whatever_the_size_of_the_logits(logits):
    largest = max(logits)
    if largest == -math.inf:
        return
    weights = [math.exp(x - largest) for x in logits]
    wanted = pytest.approx([w / math.fsum(weights) for w in weights], rel=1e-14, abs=0.0)
    xs = [Value(x) for x in logits]
    logsumexp(xs).backward()
    assert [x.grad for x in xs] == wanted
    assert softmax(list(logits)) == wanted
    assert [y.data for y in softmax(xs)] == wanted


@pytest.mark.parametrize("gap", [1.0, 20.0, 37.0, 40.0, 300.0])
def test_second_derivatives_of_logsumexp_keep_their_digits_where_one_operand_is_by_far_the_largest(gap):
    slope = math.exp(-gap) / (1.0 + math.exp(-gap)) ** 2
    assert np.array(hessian(logsumexp)([gap, 0.0])) == pytest.approx(
        np.array([[slope, -slope], [-slope, slope]]), rel=1e-13, abs=0.0
    )


# where, and the families


def test_where_chooses_and_hands_its_gradient_to_the_chosen():
    x, a, b = Value(1.0), Value(2.0), Value(3.0)
    y = where(x > 0, a, b) + 10 * where(x < 0, a, b)
    y.backward()
    assert (y.data, a.grad, b.grad) == (32.0, 1.0, 10.0)


@pytest.mark.parametrize("condition", [True, np.bool_(True), 1, 0.5, Value(2.0)], ids=lambda c: type(c).__name__)
def test_where_takes_any_number_as_its_condition(condition):
    a = Value(2.0)
    y = where(condition, a, 3.0)
    y.backward()
    assert (y.data, a.grad) == (2.0, 1.0)


def test_where_of_floats_is_a_float():
    assert (type(where(True, 1, 2)), where(True, 1, 2)) == (float, 1.0)


def test_where_of_arrays_chooses_element_by_element():
    x = np.array([-1.0, 2.0])
    assert where(x > 0, x, 0.0).tolist() == [0.0, 2.0]


def test_leaky_relu_has_the_slope_given():
    for make in (leaky_relu, Value.leaky_relu):
        for y, slope in ((make(x := Value(-2.0)), 0.01), (make(x, 0.3), 0.3), (make(x, negative_slope=0.5), 0.5)):
            x.grad = 0.0
            y.backward()
            assert (y.data, x.grad) == (-2.0 * slope, slope)


def test_elu_has_the_alpha_given():
    for make in (elu, Value.elu):
        for y, alpha in ((make(x := Value(-2.0)), 1.0), (make(x, 0.3), 0.3), (make(x, alpha=0.5), 0.5)):
            x.grad = 0.0
            y.backward()
            assert y.data == alpha * math.expm1(-2.0)
            assert x.grad == pytest.approx(alpha * math.exp(-2.0), rel=1e-15)


def test_positive_side_of_the_families_is_the_identity():
    assert (leaky_relu(2.0, 0.3), elu(2.0, 0.3)) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: leaky_relu(1.0, slope=0.1), "leaky_relu takes x and negative_slope, got slope"),
        (lambda: Value(1.0).elu(beta=0.1), "elu takes x and alpha, got beta"),
        (lambda: leaky_relu(1.0, "0.1"), "negative_slope of leaky_relu takes a real number, got a str: '0.1'"),
        (lambda: elu(1.0, Value(0.1)), r"alpha of elu takes a real number, got a Value: .*; use it as it is"),
    ],
)
def test_wrong_constant_of_a_family(call, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        call()


def test_constant_given_twice_is_a_type_error():
    with pytest.raises(TypeError, match="negative_slope"):
        leaky_relu(-1.0, 0.1, negative_slope=0.5)


# A user's own operation


def test_own_operation_of_one_operand():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
    x = Value(2.0)
    y = cube(x) * 2
    y.backward()
    assert (y.data, x.grad, y.parents[0].op.name) == (16.0, 24.0, "cube")
    assert (type(cube(2)), cube(2)) == (float, 8.0)


def test_own_operation_of_three_operands():
    partials = [lambda y, a, b, c: b, lambda y, a, b, c: a, lambda y, a, b, c: 1.0]
    fma = operation("fma", lambda a, b, c: a * b + c, *partials)
    a, b, c = Value(2.0), Value(3.0), Value(4.0)
    y = fma(a, b, c)
    y.backward()
    assert (y.data, y.parents, a.grad, b.grad, c.grad) == (10.0, (a, b, c), 3.0, 2.0, 1.0)
    assert fma(a, 3, c).data == fma(2.0, 3.0, 4.0) == 10.0


def test_own_operation_of_an_array():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
    assert cube(np.array([1.0, 2.0])).tolist() == [1.0, 8.0]
    assert [v.data for v in cube(np.array([Value(1.0), Value(2.0)]))] == [1.0, 8.0]


def test_partial_is_handed_the_result():
    double_exp = operation("double_exp", lambda x: math.exp(2 * x), lambda y, x: 2 * y)
    x = Value(0.5)
    double_exp(x).backward()
    assert x.grad == 2.0 * math.e


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: operation("f", abs), r"operation\('f', forward, \*partials\) takes a forward .* got 0 partials"),
        (lambda: operation("f", abs, 1.0), r"operation\('f', .* got 1 partials; write each as a function"),
        (lambda: operation("f", None, abs), r"operation\('f', "),
    ],
)
def test_operation_without_functions_is_a_type_error(make, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        make()


@pytest.mark.parametrize("operands", [(), (1.0, 2.0), (Value(1.0), 2.0)])
def test_own_operation_of_a_wrong_number_of_operands(operands):
    with pytest.raises(TypeError, match=f"^f takes 1 operands, got {len(operands)}$"):
        operation("f", abs, lambda y, x: 1.0)(*operands)


@pytest.mark.parametrize("x", [1.0, Value(1.0)], ids=["float", "Value"])
@pytest.mark.parametrize(("result", "kind"), [(None, "NoneType"), (1j, "complex"), ("1", "str"), (Value(1.0), "Value")])
def test_own_operation_that_gives_no_number(x, result, kind):
    with pytest.raises(TypeError, match=f"^the result of f takes a real number, got a {kind}"):
        operation("f", lambda x: result, lambda y, x: 1.0)(x)


def test_own_operation_may_give_an_integer_or_a_numpy_scalar():
    for result in (1, True, np.float32(1.0)):
        y = operation("f", lambda x, result=result: result, lambda y, x: 1.0)(Value(2.0))
        assert (type(y.data), y.data) == (float, 1.0)


def test_error_of_an_own_operation_says_its_name_and_its_operands():
    def forward(a, b):
        raise ValueError("no such place")

    with pytest.raises(ValueError, match=r"^no such place\nin the operation nowhere, for a = 1\.0, b = 2\.0$"):
        operation("nowhere", forward, lambda y, a, b: a, lambda y, a, b: b)(Value(1.0), 2.0)


def test_error_of_an_own_operation_may_be_of_any_class():
    class NoSuchPlaceError(ValueError):
        def __init__(self, place, remedy):
            super().__init__(f"{place}: {remedy}")

    def forward(x):
        raise NoSuchPlaceError(x, "look elsewhere")

    with pytest.raises(NoSuchPlaceError, match=r"^1\.0: look elsewhere\nin the operation nowhere, for x = 1\.0$"):
        operation("nowhere", forward, lambda y, x: x)(1.0)


def test_name_of_an_own_operation_may_hold_braces():
    assert operation("f_{x}", abs, lambda y, x: 1.0)(-1.0) == 1.0


def test_own_operation_may_have_more_operands_than_the_alphabet_has_letters():
    xs = [Value(1.0)] * 30
    total = operation("total", lambda *xs: sum(xs), *[lambda y, *xs: 1.0] * 30)
    assert total(*xs).data == 30.0


# NumPy


@pytest.mark.parametrize(
    ("ufunc", "function"),
    [
        (np.exp, "exp"), (np.expm1, "expm1"), (np.log, "log"), (np.log1p, "log1p"), (np.log2, "log2"),
        (np.log10, "log10"), (np.sqrt, "sqrt"), (np.cbrt, "cbrt"), (np.sin, "sin"), (np.cos, "cos"), (np.tan, "tan"),
        (np.arcsin, "asin"), (np.arccos, "acos"), (np.arctan, "atan"), (np.sinh, "sinh"), (np.cosh, "cosh"),
        (np.tanh, "tanh"), (np.arcsinh, "asinh"), (np.arctanh, "atanh"), (np.absolute, "abs"),
    ],
)  # fmt: skip
def test_numpys_functions_take_arrays_of_values(ufunc, function):
    data = [0.25, 0.5]
    xs = np.array([Value(x) for x in data])
    ys = ufunc(xs)
    assert [y.op.name for y in ys] == [function] * 2
    assert [y.data for y in ys] == [getattr(autograd, function)(x) for x in data]
    assert [y.parents for y in ys] == [(x,) for x in xs]


def test_numpys_arccosh_takes_arrays_of_values():
    assert np.arccosh(np.array([Value(2.0)]))[0].data == math.acosh(2.0)


@pytest.mark.parametrize(("ufunc", "function"), [(np.hypot, "hypot"), (np.arctan2, "atan2")])
def test_numpys_functions_of_two_take_arrays_of_values(ufunc, function):
    a, b = np.array([Value(3.0)]), np.array([Value(4.0)])
    (y,) = ufunc(a, b)
    assert (y.op.name, y.parents, y.data) == (function, (a[0], b[0]), getattr(autograd, function)(3.0, 4.0))
    assert ufunc(a, 4.0)[0].data == y.data


def test_matrix_product_of_values():
    matrix = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
    square = matrix @ matrix
    assert [[y.data for y in row] for row in square] == [[7.0, 10.0], [15.0, 22.0]]
    square.sum().backward()
    assert [[x.grad for x in row] for row in matrix] == [[7.0, 11.0], [9.0, 13.0]]


def test_matrix_of_floats_times_values():
    xs = np.array([Value(1.0), Value(2.0)])
    (np.array([[1.0, 2.0], [3.0, 4.0]]) @ xs).sum().backward()
    assert [x.grad for x in xs] == [4.0, 6.0]


@pytest.mark.parametrize("operate", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
@pytest.mark.parametrize("dtype", [float, int, np.float32])
def test_value_and_array_give_an_array_of_values(operate, dtype):
    x = Value(3.0)
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


def test_float_array_does_not_take_values_in():
    with pytest.raises(TypeError, match="would cut the graph"):
        np.array([1.0, 2.0])[:1] = Value(3.0)
    with pytest.raises(TypeError, match="would cut the graph"):
        np.array([Value(1.0)], dtype=float)


def test_function_of_a_float_array_is_a_float_array():
    y = tanh(np.array([[0.0, 0.5], [1.0, -2.0]]))
    assert (y.dtype, y.shape) == (np.dtype(float), (2, 2))
    assert y.tolist() == [[math.tanh(x) for x in row] for row in [[0.0, 0.5], [1.0, -2.0]]]


def test_function_of_an_empty_array_is_an_empty_float_array():
    y = tanh(np.zeros((0, 3)))
    assert (y.dtype, y.shape) == (np.dtype(float), (0, 3))


def test_function_of_an_array_of_values_is_an_array_of_values():
    xs = np.array([[Value(0.5), Value(1.0)]])
    ys = tanh(xs)
    assert ys.shape == (1, 2)
    assert [y.parents for y in ys.flat] == [(x,) for x in xs.flat]


def test_function_of_two_arrays_broadcasts():
    both = hypot(np.array([[3.0], [5.0]]), np.array([4.0, 12.0]))
    assert both.tolist() == [[5.0, math.hypot(3, 12)], [math.hypot(5, 4), 13.0]]
    assert maximum(np.array([-1.0, 1.0]), 0).tolist() == [0.0, 1.0]
    assert leaky_relu(np.array([-1.0, 1.0]), 0.25).tolist() == [-0.25, 1.0]


def test_function_of_an_array_and_a_value_is_an_array_of_values():
    x = Value(4.0)
    (y,) = hypot(np.array([3.0]), x)
    y.backward()
    assert (y.data, x.grad) == (5.0, 0.8)


def test_error_in_an_array_shows_the_element():
    with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = -2\.0"):
        log(np.array([1.0, -2.0]))


# The table read with arrays


@pytest.mark.parametrize("row", [row for row in ALL if not isinstance(row, NAry)], **by_name)
def test_partials_read_with_arrays_are_the_partials_read_with_floats(row):
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


@pytest.mark.parametrize("row", [row for row in ALL if isinstance(row, NAry)], **by_name)
def test_gradients_of_many_read_with_arrays_are_those_read_with_floats(row):
    batch = [[0.5, -1.0, 2.0, 3.0], [1.5, 0.0, -700.0, 2.0], [1.0, 1.0, 1.0, 1.0]]
    results = [row.evaluate(operands) for operands in batch]
    one_by_one = [list(map(float, row.derivatives(y, operands))) for y, operands in zip(results, batch, strict=True)]
    columns = [np.array(column) for column in zip(*batch, strict=True)]
    at_once = [np.broadcast_to(slope, len(batch)) for slope in row.derivatives(np.array(results), columns)]
    assert np.transpose(at_once) == pytest.approx(np.array(one_by_one), rel=1e-12 if row is logsumexp else 0.0, abs=0.0)


@pytest.mark.parametrize("row", FIXED, **by_name)
def test_function_of_arrays_is_the_function_of_each_element(row):
    chosen = points(row)
    at_once = row(*[np.array(column) for column in zip(*chosen, strict=True)])
    assert at_once.dtype == float
    assert at_once.tolist() == [row(*operands) for operands in chosen]


def test_softmax_of_one_value_says_to_write_a_sequence():
    with pytest.raises(
        TypeError, match=r"softmax takes a sequence of numbers, got one Value, .*write softmax\(\[a, b\]\)"
    ):
        softmax(Value(1.0))


def test_variance_of_numpy_is_differentiable():
    x = np.array([1.0, 2.0, 4.0])
    for spread in (np.var, np.std, lambda x: np.var(x, ddof=1)):
        assert autograd.gradcheck(spread, x)
        assert autograd.compile(spread)(x) == pytest.approx(spread(x), rel=1e-12)
