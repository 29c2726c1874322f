"""What a Value promises: its fields, its arithmetic, its gradients, and what they cost."""

import asyncio
import contextlib
import gc
import itertools
import math
import operator
import random
import re
import sys
import threading
import tracemalloc
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from autograd import (
    Constant,
    TraceError,
    Value,
    compile,
    dot,
    exp,
    fsum,
    log,
    mean,
    no_grad,
    operation,
    rules,
    scope,
    sin,
    tanh,
    where,
)
from autograd.engine import chain, clock, modes, value
from autograd.engine.chain import topological_order
from autograd.engine.node import UNREACHED, Node
from autograd.rules import Binary, Unary

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
NUMBERS = [3, 2.5, True, np.float64(1.5), np.float32(0.5), np.int64(3), np.bool_(True)]


def named(values):
    return {"ids": [type(value).__name__ for value in values]}


def of_function(functions):
    return {"ids": [function.__name__ for function in functions]}


# Construction


@pytest.mark.parametrize("number", NUMBERS, **named(NUMBERS))
def test_data_is_stored_as_a_float(number):
    x = Value(number)
    assert type(x.data) is float
    assert x.data == number


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("3", r"Value takes a real number, got a str: '3'; convert it first, for example with float\(\.\.\.\)"),
        (None, r"Value takes a real number, got a NoneType: None; convert it first"),
        (1j, r"Value takes a real number, got a complex: 1j; keep the real and the imaginary part in a number each"),
        ([1.0], r"Value takes a real number, got a list: \[1\.0\]; make one call for each element"),
        ((1.0,), r"Value takes a real number, got a tuple: \(1\.0,\); make one call for each element"),
        (np.array([1.0]), r"Value takes a real number, got a ndarray: array\(\[1\.\]\); make one call for each"),
        (Value(1.0), r"Value takes a real number, got a Value: Value\(data=1\.0, .*\); use it as it is, or its \.data"),
        (Fraction(1, 2), r"Value takes a real number, got a Fraction: Fraction\(1, 2\); convert it first"),
        (Decimal(1), r"Value takes a real number, got a Decimal: Decimal\('1'\); convert it first"),
    ],
    ids=["str", "None", "complex", "list", "tuple", "ndarray", "Value", "Fraction", "Decimal"],
)  # fmt: skip
def test_construction_from_what_is_no_number_says_what_to_do(given, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        Value(given)


def test_construction_from_a_complex_numpy_scalar_says_to_keep_two_numbers():
    with pytest.raises(TypeError, match="keep the real and the imaginary part in a number each"):
        Value(np.complex64(1j))


@pytest.mark.parametrize(("letters", "shown"), [(58, "a" * 58 + "'"), (59, "a" * 56 + "...")])
def test_finding_of_more_than_sixty_characters_is_cut_short_in_the_message(letters, shown):
    with pytest.raises(TypeError, match=rf"got a str: '{re.escape(shown)}; convert"):
        Value("a" * letters)


def test_fields_of_a_leaf():
    x = Value(2)
    assert (x.data, x.grad, x.parents, x.op, x.label) == (2.0, 0.0, (), None, "")


def test_label_is_the_second_argument():
    assert Value(2.0, "x").label == Value(2.0, label="x").label == "x"


def test_unknown_attribute_is_an_error():
    with pytest.raises(AttributeError, match="gradient"):
        Value(2.0).gradient = 1.0


# Parents and operations


def test_parents_are_the_operands_in_order():
    a, b = Value(2.0), Value(3.0)
    assert (a - b).parents == (a, b)
    assert (b - a).parents == (b, a)


def test_parents_keep_duplicates():
    a = Value(2.0)
    assert (a * a).parents == (a, a)
    assert fsum([a, a, a]).parents == (a, a, a)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: x + x, "+"),
        (lambda x: x - x, "-"),
        (lambda x: x * x, "*"),
        (lambda x: x / x, "/"),
        (lambda x: x**x, "**"),
        (lambda x: 2**x, "**"),
        (lambda x: -x, "neg"),
        (abs, "abs"),
        (tanh, "tanh"),
        (lambda x: x**3, "**3"),
        (lambda x: x**3.0, "**3"),
        (lambda x: x**-1, "**-1"),
        (lambda x: x**0.5, "**0.5"),
        (lambda x: x.leaky_relu(0.1), "leaky_relu(0.1)"),
        (lambda x: fsum([x, x]), "fsum"),
    ],
)
def test_operation_has_the_name_it_is_written_with(make, name):
    assert make(Value(2.0)).op.name == name


def test_plain_exponent_is_part_of_the_operation():
    x = Value(2.0)
    assert (x**3).parents == (x,)


def test_number_becomes_a_constant_leaf():
    x = Value(2.0)
    constant = (x * 3).parents[1]
    assert type(constant) is Constant
    assert (type(constant.data), constant.data, constant.op, constant.parents) == (float, 3.0, None, ())


def test_local_derivatives_are_floats_in_the_order_of_the_parents():
    a, b = Value(2.0), Value(-3.0)
    assert (a * b).local_derivatives() == (-3.0, 2.0)
    assert (a + b).local_derivatives() == (1.0, 1.0)
    assert fsum([a, b, 1]).local_derivatives() == (1.0, 1.0, 1.0)
    whole = operation("whole", lambda x: x, lambda y, x: 1)
    assert [type(d) for d in whole(a).local_derivatives()] == [float]


def test_leaf_has_no_local_derivatives():
    assert Value(2.0).local_derivatives() == ()


# Arithmetic


@pytest.mark.parametrize("number", NUMBERS, **named(NUMBERS))
@pytest.mark.parametrize("operate", ARITHMETIC, **of_function(ARITHMETIC))
def test_number_on_the_right_acts_like_a_value(operate, number):
    x, also_x = Value(1.75), Value(1.75)
    y, also_y = operate(x, number), operate(also_x, Value(number))
    y.backward()
    also_y.backward()
    assert type(y) is Value
    assert (type(y.data), y.data) == (float, 1.75 if operate is operator.pow and number == 1 else also_y.data)
    assert (type(x.grad), x.grad) == (float, pytest.approx(also_x.grad, rel=1e-15))


@pytest.mark.parametrize("number", NUMBERS, **named(NUMBERS))
@pytest.mark.parametrize("operate", ARITHMETIC, **of_function(ARITHMETIC))
def test_number_on_the_left_acts_like_a_value(operate, number):
    x, also_x = Value(1.75), Value(1.75)
    y, also_y = operate(number, x), operate(Value(number), also_x)
    y.backward()
    also_y.backward()
    assert type(y) is Value
    assert (type(y.data), y.data) == (float, also_y.data)
    assert (type(x.grad), x.grad) == (float, also_x.grad)


@pytest.mark.parametrize("operate", ARITHMETIC, **of_function(ARITHMETIC))
def test_arithmetic_gives_what_floats_give(operate):
    assert operate(Value(1.75), Value(0.3)).data == operate(1.75, 0.3)


@pytest.mark.parametrize(
    ("operate", "gradients"),
    [
        (operator.add, (1.0, 1.0)),
        (operator.sub, (1.0, -1.0)),
        (operator.mul, (4.0, 2.0)),
        (operator.truediv, (0.25, -0.125)),
        (operator.pow, (32.0, 16.0 * math.log(2.0))),
    ],
)
def test_arithmetic_has_the_gradients_of_the_textbook(operate, gradients):
    a, b = Value(2.0), Value(4.0)
    operate(a, b).backward()
    assert (a.grad, b.grad) == gradients


@pytest.mark.parametrize(
    ("make", "data", "gradient"),
    [(operator.neg, 2.0, -1.0), (operator.pos, -2.0, 1.0), (abs, 2.0, -1.0)],
    ids=["neg", "pos", "abs"],
)
def test_unary_arithmetic(make, data, gradient):
    x = Value(-2.0)
    y = make(x) * 1.0
    y.backward()
    assert (y.data, x.grad) == (data, gradient)


def test_augmented_assignment_makes_a_new_node():
    x = y = Value(2.0)
    y *= 3
    assert (x.data, y.data, y.parents[0] is x) == (2.0, 6.0, True)


@pytest.mark.parametrize("stranger", ["2", None, [1.0], 1j, object()], ids=["str", "None", "list", "complex", "object"])
@pytest.mark.parametrize("operate", ARITHMETIC, **of_function(ARITHMETIC))
def test_arithmetic_with_anything_else_is_a_type_error(operate, stranger):
    with pytest.raises(TypeError, match="Value"):
        operate(Value(2.0), stranger)
    with pytest.raises(TypeError, match="Value"):
        operate(stranger, Value(2.0))


def test_worked_example():
    a, b, c, f = Value(2.0), Value(-3.0), Value(10.0), Value(-2.0)
    loss = (a * b + c) * f
    loss.backward()
    assert (loss.data, a.grad, b.grad, c.grad, f.grad) == (-8.0, 6.0, -4.0, -2.0, 4.0)


# Comparison, hash, truth, text


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (math.nan, 1.0)])
def test_comparison_looks_at_the_data(compare, a, b):
    assert compare(Value(a), Value(b)) is compare(a, b)
    assert compare(Value(a), b) is compare(a, b)
    assert compare(a, Value(b)) is compare(a, b)
    assert compare(Value(a), np.float64(b)) is compare(a, b)


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_comparison_with_what_is_no_number_is_a_type_error(compare):
    with pytest.raises(TypeError, match="not supported between instances of 'Value' and 'str'"):
        compare(Value(1.0), "1")


def test_equality_is_identity():
    x = Value(2.0)
    assert x == x
    assert x != Value(2.0)
    assert x != 2.0


def test_hash_is_identity():
    x, y = Value(2.0), Value(2.0)
    assert len({x, y, x}) == 2
    assert {x: "x", y: "y"}[x] == "x"
    x.data = 5.0
    assert x in {x}


@pytest.mark.parametrize(("data", "truth"), [(0, False), (-0.0, False), (5e-324, True), (-1.0, True), (math.nan, True)])
def test_truth_is_that_of_the_data(data, truth):
    assert bool(Value(data)) is truth


def test_format_formats_the_data():
    assert f"{Value(math.pi):.3f}|{Value(2.0):>6}|{Value(1e6):e}" == "3.142|   2.0|1.000000e+06"


def test_empty_format_is_the_repr():
    x = Value(2.0, label="x")
    assert f"{x}" == repr(x)


def test_repr_shows_data_and_gradient():
    x = Value(2)
    assert repr(x) == "Value(data=2.0, grad=0.0)"
    (x * 3).backward()
    assert repr(x) == "Value(data=2.0, grad=3.0)"


def test_repr_shows_a_label_where_there_is_one():
    assert repr(Value(2.0, label="it's")) == """Value(data=2.0, grad=0.0, label="it's")"""


@pytest.mark.parametrize("cut", [float, math.sin, math.cos, complex, np.float64], ids=lambda cut: cut.__name__)
def test_conversion_to_a_plain_number_would_cut_the_graph(cut):
    with pytest.raises(TypeError, match=r"Value\(data=2\.0, .*would cut the graph; .*autograd\.sin .* \.data"):
        cut(Value(2.0))


@pytest.mark.parametrize("digits", [(), (2,)])
def test_rounding_would_cut_the_graph(digits):
    with pytest.raises(TypeError, match=r"Value\(data=2\.5, .* is not rounded, .* no derivative; use \.data"):
        round(Value(2.5), *digits)


OPERATORS = {
    name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "mod", "floordiv", "pow", "or_")
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_takes_a_plain_number_on_either_side(name):
    apply = OPERATORS[name]
    wanted = apply(Value(7.5), Value(2.0))
    for y in (apply(Value(7.5), 2), apply(7.5, Value(2.0))):
        assert (y.data, [parent.data for parent in y.parents]) == (wanted.data, [7.5, 2.0][: len(y.parents)])
    assert wanted.op.forward(7.5, 2.0) == wanted.data


def test_floor_and_ceil_stay_in_the_graph():
    x = Value(-2.5, "x")
    assert [(y.data, y.op.name, y.parents) for y in (math.floor(x), math.ceil(x))] == [
        (-3.0, "floor", (x,)),
        (-2.0, "ceil", (x,)),
    ]


OBJECTS = {
    np.exp2: 2.0**-2.5,
    np.floor: -3.0,
    np.ceil: -2.0,
    (lambda xs: np.mod(xs, 2.0)): 1.5,
    (lambda xs: np.mod(7.0, xs)): -0.5,
    (lambda xs: np.floor_divide(xs, 2.0)): -2.0,
    (lambda xs: xs % 2): 1.5,
    (lambda xs: 7 // xs): -3.0,
}


@pytest.mark.parametrize("ufunc", OBJECTS, ids=range(len(OBJECTS)))
def test_ufuncs_apply_to_arrays_of_values(ufunc):
    (y,) = ufunc(np.array([Value(-2.5)]))
    assert (type(y), y.data) == (Value, OBJECTS[ufunc])


@pytest.mark.parametrize(("a", "b"), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-7.5, -2.0), (6.0, 3.0), (-3.0, math.inf)])
def test_remainder_and_quotient_are_those_of_python(a, b):
    for x, y in ((Value(a), Value(b)), (Value(a), b), (a, Value(b))):
        quotient, rest = divmod(x, y)
        assert (quotient.data, rest.data) == divmod(a, b) == ((x // y).data, (x % y).data)
    assert (Value(a) % Value(b)).local_derivatives() == (1.0, -(a // b))


@pytest.mark.parametrize("f", [lambda x: x % 0.0, lambda x: x // 0, lambda x: divmod(x, 0.0), lambda x: 1.0 % (x - x)])
def test_remainder_of_a_division_by_zero_is_an_error(f):
    with pytest.raises(ZeroDivisionError, match=r"is defined for b != 0, got a = .*, b = 0\.0"):
        f(Value(3.0))


def test_remainder_with_what_is_no_number_is_a_type_error():
    for f in (lambda x: x % "2", lambda x: "2" // x, lambda x: divmod(x, None), lambda x: divmod([], x)):
        with pytest.raises(TypeError):
            f(Value(3.0))


def test_value_is_no_index_and_no_integer():
    with pytest.raises(TypeError, match="Value"):
        int(Value(2.0))
    with pytest.raises(TypeError, match="Value"):
        range(Value(2.0))


# Gradients


def rounding_graph(x):
    """A graph whose derivative is a sum that rounds differently when it is added up in another order."""
    rng = random.Random(3)
    return fsum([x * rng.uniform(-1.0, 1.0) * rng.choice([1.0, 1e3, 1e-3]) for _ in range(20)]) + sum(
        tanh(x * rng.uniform(-1.0, 1.0)) for _ in range(20)
    )


def test_second_backward_doubles_leaf_gradients_exactly():
    x = Value(0.1)
    y = rounding_graph(x)
    y.backward()
    once = x.grad
    y.backward()
    assert x.grad == 2.0 * once


def test_gradients_of_several_graphs_add_up_as_whole_gradients():
    x = Value(0.1)
    first, second = rounding_graph(x), sin(x) * x
    gradients = []
    for y in (first, second):
        y.backward()
        gradients.append(x.grad)
        y.zero_grad()
    first.backward()
    second.backward()
    assert x.grad == gradients[0] + gradients[1]


def test_inner_nodes_hold_the_gradient_of_the_latest_call():
    x = Value(3.0)
    h = x * x
    y = 5 * h
    y.backward()
    y.backward()
    assert (x.grad, h.grad, y.grad) == (60.0, 5.0, 1.0)
    h.backward()
    assert (x.grad, h.grad, y.grad) == (66.0, 1.0, 1.0)


def test_seed_scales_every_gradient():
    x = Value(3.0)
    h = x * x
    y = 5 * h
    y.backward(seed=-2)
    assert (x.grad, h.grad, y.grad) == (-60.0, -10.0, -2.0)
    assert type(y.grad) is float


@pytest.mark.parametrize("seed", ["1", None, Value(1.0)], ids=["str", "None", "Value"])
def test_seed_is_a_real_number(seed):
    with pytest.raises(TypeError, match=r"backward\(seed\) takes a real number"):
        Value(3.0).backward(seed)


def test_backward_on_a_leaf_reaches_the_leaf_alone():
    x = Value(3.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_gradient_is_a_float_for_every_type_of_number():
    for number in NUMBERS:
        x = Value(number)
        (x * number + number).backward(number)
        assert type(x.grad) is float


def counting(calls):
    def partial(y, x):
        calls.append(x)
        return 1.0

    return operation("counted", lambda x: x, partial)


def test_diamonds_are_visited_once():
    calls = []
    counted = counting(calls)
    x = Value(1.0)
    y = x
    for _ in range(60):  # 2 ** 60 paths from y to x
        y = counted(y)
        y = y + y
    y.backward()
    assert len(calls) == 60
    assert x.grad == 2.0**60


@pytest.mark.parametrize("seed", range(20))
def test_sorted_graph_holds_every_node_once_and_after_its_parents(seed):
    rng = random.Random(seed)
    nodes = [Value(1.0) for _ in range(3)]
    operations = [operator.add, lambda a, b: fsum([a, b, a]), lambda a, b: -a]
    for _ in range(60):
        nodes.append(rng.choice(operations)(*rng.choices(nodes, k=2)))
    roots = rng.choices(nodes, k=4)
    order = topological_order(*roots)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert place.keys() >= set(roots)
    assert all(place[parent] < place[node] for node in order for parent in node.parents)


def test_shared_node_hands_on_its_whole_gradient():
    x = Value(2.0)
    h = x * x
    left, right = h * 3.0, exp(h) * 0.0
    (left + right + h).backward()
    assert (h.grad, x.grad) == (4.0, 16.0)


def failing_partial(*_):
    raise AssertionError("the partial derivative of a constant was evaluated")


def test_partials_of_constants_are_never_evaluated():
    product = operation("product", operator.mul, lambda y, a, b: b, failing_partial)
    x = Value(2.0)
    product(x, 3.0).backward()
    product(x, Constant(3.0)).backward()
    assert x.grad == 6.0


def test_partials_of_constants_among_three_operands_are_never_evaluated():
    partials = [lambda y, x, low, high: 1.0, failing_partial, failing_partial]
    clamp = operation("clamp", lambda x, low, high: min(max(x, low), high), *partials)
    x = Value(2.0)
    clamp(x, 0, 5.0).backward()
    assert x.grad == 1.0


def test_operation_on_a_constant_alone_needs_no_partial():
    y = operation("f", lambda x: x, failing_partial)(Constant(2.0))
    (y * Value(3.0)).backward()
    assert y.grad == 3.0


def test_power_of_a_negative_number_needs_no_logarithm():
    x = Value(-2.0)
    (x**3).backward()
    (x ** Constant(3.0)).backward()
    assert x.grad == 24.0


def test_constant_takes_no_gradient():
    x, scale = Value(3.0), Constant(2.0, label="scale")
    (x * scale).backward()
    assert (x.grad, scale.grad) == (2.0, 0.0)
    assert scale.grad is UNREACHED


@pytest.mark.parametrize("row", [rules.tanh, rules.add, rules.mul, rules.power, rules.fsum, rules.dot, where], ids=repr)
def test_constant_operand_takes_no_gradient_wherever_it_stands(row):
    count = row.arity or 2
    for place in range(count):
        operands = [Constant(2.0) if i == place else Value(3.0) for i in range(count)]
        y = row(operands, operands) if row is rules.dot else row(operands) if row.arity is None else row(*operands)
        y.backward()
        assert operands[place].grad == 0.0
        with modes.inspect_with(None):  # by way of edges
            y.backward()
        assert operands[place].grad == 0.0


def test_constant_is_a_value_in_arithmetic():
    y = Constant(2.0) * Constant(3.0)
    assert (type(y), y.data, y.op.name) == (Value, 6.0, "*")


def test_zero_grad_resets_every_node_of_the_graph():
    x = Value(3.0)
    y = tanh(x * x) + 1
    y.backward()
    y.zero_grad()
    assert [node.grad for node in topological_order(y)] == [0.0] * 5
    assert all(node.grad is UNREACHED for node in topological_order(y))


def test_exception_in_backward_leaves_all_gradients_as_they_were():
    x = Value(2.0)
    h = x * x
    y = operation("broken", lambda x: x, failing_partial)(h) + h
    h.backward()
    with pytest.raises(AssertionError, match="was evaluated"):
        y.backward()
    assert (x.grad, h.grad, y.grad) == (4.0, 1.0, 0.0)


BREAKING = {  # the operations of which the partial derivative fails, by what stands below them
    "unary": lambda failing, x: operation("broken", lambda x: x, failing)(x * x),
    "binary": lambda failing, x: operation("broken", lambda a, b: a, lambda y, a, b: 1.0, failing)(x * x, x),
    "ternary": lambda failing, x: operation("broken", lambda a, b, c: a, *[failing] * 3)(x * x, x, x),
    "below a sum": lambda failing, x: fsum([x * x, operation("broken", lambda x: x, failing)(x), x]),
}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("built", BREAKING.values(), ids=BREAKING)
def test_whatever_ends_backward_halfway_leaves_every_gradient_as_it_was(built, error):
    def failing(y, *operands):
        raise error

    x = Value(2.0)
    x.grad = 0.25
    y = built(failing, x) + exp(x)
    nodes = topological_order(y)
    nodes[-2].grad = 7.0
    before = [node.grad for node in nodes]
    with pytest.raises(error):
        y.backward()
    assert all(node.grad is grad for node, grad in zip(nodes, before, strict=True))
    assert UNREACHED in before


def test_gradient_that_cannot_be_added_to_leaves_every_gradient_as_it_was():
    x, w = Value(2.0), Value(3.0)
    w.grad = "none yet"
    y = x * w
    with pytest.raises(TypeError):
        y.backward()
    assert (x.grad, w.grad, y.grad) == (0.0, "none yet", 0.0)
    assert x.grad is y.grad is UNREACHED


@pytest.mark.parametrize("seed", range(20))
def test_second_backward_doubles_a_sum_of_many_contributions_exactly(seed):
    chance = random.Random(seed)
    x = Value(chance.uniform(-2.0, 2.0))
    x.grad = start = chance.choice([0.0, 0.1])
    y = sum(sin(x * chance.uniform(-1.0, 1.0)) * chance.uniform(-1.0, 1.0) for _ in range(30))
    y.backward()
    x.grad = 0.0
    y.backward()
    once = x.grad
    y.backward()
    assert x.grad == once + once
    x.grad = start
    y.backward()
    assert x.grad == start + once


def test_backward_of_a_constant_gives_it_no_gradient():
    scale = Constant(2.0)
    scale.backward()
    assert scale.grad is UNREACHED


def test_threads_that_share_leaves_lose_no_gradient():
    x, rounds, threads = Value(1.0), 40, 4

    def work():
        for _ in range(rounds):
            sum(x * 3.0 for _ in range(50)).backward()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert x.grad == threads * rounds * 50 * 3.0


def test_number_is_read_without_telling_a_tracer():
    seen = []

    def f(x):
        y = x * x
        seen.append((x.number, y.number))
        return y

    assert compile(f)(3.0) == 9.0
    assert seen == [(3.0, 9.0)]
    with pytest.raises(TraceError):
        compile(lambda x: x * x.data)(3.0)


def test_stamp_tells_the_tick_and_the_scope():
    x = Value(3.0)
    with scope("part") as part:
        y = x * x
    x.data = 4.0
    assert (y.stamp.scope, x.stamp.scope) == (part, None)
    assert x.stamp.tick > y.stamp.tick >= x.stamp.born


def test_detached_value_is_a_fresh_leaf():
    x = Value(3.0, label="x")
    h = x * x
    h.label = "h"
    cut = h.detach()
    (cut * x).backward()
    assert (cut.data, cut.op, cut.parents, cut.label) == (9.0, None, (), "")
    assert (x.grad, cut.grad, h.grad) == (9.0, 3.0, 0.0)


# Recording


def test_no_grad_records_nothing():
    x = Value(3.0)
    with no_grad():
        results = [x * x, -x, tanh(x), x**3, fsum([x, x]), dot([x], [x]), where(x > 0, x, 0.0)]
    for y in results:
        assert (type(y), y.op, y.parents) == (Value, None, ())
    assert (x * x).parents == (x, x)


def test_no_grad_is_a_decorator():
    @no_grad()
    def square(x):
        return x * x

    x = Value(3.0)
    for _ in range(2):
        assert square(x).parents == ()
        assert (x * x).parents == (x, x)


def test_no_grad_is_a_decorator_without_parentheses_too():
    @no_grad
    def square(x, power=2):
        """Docstring."""
        return x**power

    assert (square(Value(3.0), power=3).data, square(Value(3.0)).parents) == (27.0, ())
    assert (square.__name__, square.__doc__) == ("square", "Docstring.")
    assert (Value(3.0) * 2.0).parents


def test_no_grad_decorates_methods_and_recursive_functions():
    class Model:
        @no_grad()
        def power(self, x, n):
            return x if n == 1 else x * self.power(x, n - 1)

    assert (Model().power(Value(2.0), 5).data, Model().power(Value(2.0), 5).parents) == (32.0, ())
    assert (Value(3.0) * 2.0).parents


def test_no_grad_of_a_coroutine_lasts_until_it_returns():
    @no_grad()
    async def square(x):
        await asyncio.sleep(0)
        return x * x

    async def both():
        squaring = asyncio.create_task(square(Value(3.0)))
        recorded = Value(2.0) * 2.0
        await asyncio.sleep(0)
        return await squaring, recorded, Value(2.0) * 2.0

    squared, *recorded = asyncio.run(both())
    assert (squared.data, squared.parents) == (9.0, ())
    assert all(y.parents for y in recorded)


def generator():
    yield 1


async def generator_of_a_task():
    yield 1


@pytest.mark.parametrize("thing", [generator, generator_of_a_task, type("Model", (), {}), classmethod(generator), 3])
def test_no_grad_decorates_no_generators_and_no_classes(thing):
    with pytest.raises(TypeError, match=r"^no_grad decorates functions and .* write `with no_grad\(\):` around what"):
        no_grad()(thing)
    with pytest.raises(TypeError, match=r"^no_grad decorates functions"):
        no_grad(thing)


def test_no_grad_block_is_entered_again():
    block = no_grad()
    for _ in range(2):
        with block, block:
            assert not (Value(3.0) * 2.0).parents
        assert (Value(3.0) * 2.0).parents


def test_no_grad_nests():
    x = Value(3.0)
    with no_grad():
        with no_grad():
            assert (x * x).parents == ()
        assert (x * x).parents == ()
    assert (x * x).parents == (x, x)


def test_no_grad_ends_with_an_exception():
    x = Value(3.0)
    with pytest.raises(ValueError, match="log is defined"), no_grad():
        log(x - 4.0)
    assert (x * x).parents == (x, x)


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_no_grad_in_one_thread_leaves_the_others_recording():
    x = Value(3.0)
    with no_grad():
        assert in_thread(lambda: (x * x).parents) == (x, x)
        assert (x * x).parents == ()


def test_no_grad_in_another_thread_leaves_this_one_recording():
    x = Value(3.0)
    entered, leave = threading.Event(), threading.Event()
    results = []

    @no_grad()
    def other():
        entered.set()
        leave.wait(10.0)
        results.append((x * x).parents)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10.0)
    parents = (x * x).parents
    leave.set()
    thread.join()
    assert parents == (x, x)
    assert results == [()]


def test_no_grad_in_one_task_leaves_the_others_recording():
    x = Value(3.0)

    async def quiet(entered, leave):
        with no_grad():
            entered.set()
            await leave.wait()
            return (x * x).parents

    async def both():
        entered, leave = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(quiet(entered, leave))
        await entered.wait()
        parents = (x * x).parents
        leave.set()
        return parents, await task

    assert asyncio.run(both()) == ((x, x), ())


def test_result_of_no_grad_is_a_leaf_to_assign_to():
    with no_grad():
        y = Value(3.0) * 2.0
    y.data = 5.0
    (y * y).backward()
    assert y.grad == 10.0


def test_result_of_no_grad_hands_no_gradient_back():
    x = Value(3.0)
    with no_grad():
        h = x * 2.0
    (h * x).backward()
    assert (h.grad, x.grad) == (3.0, 6.0)


def test_node_knows_the_scope_it_was_made_in():
    x = Value(3.0)
    with scope("outer"):
        y = x * x
        with scope("inner"):
            z = y + 1
    assert (x.scope, y.scope.title, z.scope.title, (z * 2).scope) == (None, "outer", "inner", None)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_scopes_may_be_left_in_any_order(order):
    scopes = [scope(title).__enter__() for title in ("a", "b", "c")]
    left = set()
    for index in order:
        scopes[index].__exit__(None, None, None)
        left.add(index)
        still_open = [opened for i, opened in enumerate(scopes) if i not in left]
        assert Value(1.0).scope is (still_open[-1] if still_open else None)


def test_leaf_made_in_an_outer_transform_is_differentiated_in_an_inner_one_too():
    before = Value(1.0)
    with modes.differentiate_from(clock.advance()):
        x = Value(2.0)
        with modes.differentiate_from(clock.advance()):
            assert [modes.differentiated(leaf) for leaf in (before, x, Value(3.0))] == [False, True, True]
        assert modes.differentiated(x)
    assert not modes.differentiated(x)


def test_leaf_stays_in_its_scope_when_its_data_is_assigned():
    with scope("layer"):
        x = Value(3.0)
    x.data = 5.0
    assert x.scope is not None
    assert x.scope.title == "layer"


# The mutation check


def test_change_of_a_leaf_before_backward_names_it_by_its_label():
    x = Value(3.0, label="weight")
    y = x * x + 1
    x.data = 5
    with pytest.raises(
        RuntimeError,
        match=r"the data of the leaf weight was changed to 5\.0 after this graph was built from it, so gradients "
        r"would mix the old number with the new one; build the expression again, or call backward\(\) before",
    ):
        y.backward()


def test_change_of_a_leaf_without_a_label_names_it_by_its_repr():
    x = Value(3.0)
    y = x * x
    x.data += 1
    with pytest.raises(RuntimeError, match=r"leaf Value\(data=4\.0, grad=0\.0\) was changed to 4\.0"):
        y.backward()


def test_change_of_one_leaf_among_many_names_that_one():
    leaves = [Value(float(i), label=f"w{i}") for i in range(10)]
    y = fsum([leaf * leaf for leaf in leaves])
    leaves[7].data = 0.5
    with pytest.raises(RuntimeError, match="leaf w7 was"):
        y.backward()


def test_change_of_a_constant_is_noticed():
    x, scale = Value(3.0), Constant(2.0, label="scale")
    y = x * scale
    scale.data = 4.0
    with pytest.raises(RuntimeError, match="leaf scale was changed"):
        y.backward()


def test_change_back_to_the_old_number_is_a_change():
    x = Value(3.0, label="x")
    y = x * x
    x.data = 5.0
    x.data = 3.0
    with pytest.raises(RuntimeError, match="leaf x was changed"):
        y.backward()


def test_change_is_noticed_where_the_graph_grew_after_it():
    x = Value(3.0, label="x")
    h = x * x
    x.data = 5.0
    y = h + 1.0
    with pytest.raises(RuntimeError, match="leaf x was changed"):
        y.backward()


def test_change_is_noticed_where_another_leaf_changed_later():
    x, other = Value(3.0, label="x"), Value(1.0)
    y = x * x
    x.data = 5.0
    z = y * other
    other.data = 2.0
    with pytest.raises(RuntimeError, match="was changed"):
        z.backward()


def test_change_within_a_scope_is_noticed_after_it():
    x = Value(3.0, label="x")
    y = x * x
    with scope("outer"), scope("inner"):
        x.data = 5.0
    with pytest.raises(RuntimeError, match="leaf x was changed"):
        y.backward()


def test_graph_built_within_a_scope_after_a_change_is_fine():
    x = Value(3.0)
    with scope("outer"):
        x.data = 5.0
        with scope("inner"):
            y = x * x
        y = y + x
    (y * x).backward()
    assert x.grad == 85.0


def test_failed_mutation_check_leaves_gradients_as_they_were():
    x, w = Value(3.0), Value(2.0)
    y = x * w
    y.backward()
    x.data = 5.0
    with pytest.raises(RuntimeError, match="was changed"):
        y.backward()
    assert (x.grad, w.grad, y.grad) == (2.0, 3.0, 1.0)


def test_graph_built_after_the_change_is_fine():
    x = Value(3.0)
    stale = x * x
    x.data = 5.0
    y = x * x
    y.backward()
    assert (x.grad, stale.data) == (10.0, 9.0)


def test_change_of_an_unrelated_leaf_is_fine():
    x, other = Value(3.0), Value(1.0)
    y = x * x
    other.data = 2.0
    y.backward()
    assert x.grad == 6.0


def test_change_after_backward_is_fine_for_the_next_graph():
    w = Value(3.0)
    for _ in range(3):
        w.grad = 0.0
        (w * w).backward()
        w.data -= 0.25 * w.grad
    assert w.data == 3.0 / 8.0


def test_refused_assignment_changes_nothing():
    x = Value(3.0)
    y = x * x
    with pytest.raises(TypeError, match=r"Value\.data takes a real number, got a str: '5'"):
        x.data = "5"
    y.backward()
    assert (x.data, x.grad) == (3.0, 6.0)


@pytest.mark.parametrize("number", NUMBERS, **named(NUMBERS))
def test_assigned_data_is_stored_as_a_float(number):
    x = Value(0.0)
    x.data = number
    assert (type(x.data), x.data) == (float, float(number))


def test_data_of_a_computed_node_cannot_be_assigned():
    x = Value(3.0)
    y = x * x
    with pytest.raises(
        AttributeError,
        match=r"Value\(data=9\.0, grad=0\.0\) was computed by \*, so its data cannot be assigned; assign to a leaf and "
        r"build the expression again, or detach\(\) this node first",
    ):
        y.data = 5.0
    assert y.data == 9.0


# Depth, memory, cycles


def test_chain_of_a_million_operations_builds_differentiates_and_is_freed():
    limit = sys.getrecursionlimit()
    x = Value(1.0)
    blocks = sys.getallocatedblocks()
    y = x
    for _ in range(1_000_000):
        y = y + x
    y.backward()
    assert (y.data, x.grad) == (1_000_001.0, 1_000_001.0)
    assert sys.getallocatedblocks() - blocks > 1_000_000
    del y
    assert sys.getallocatedblocks() - blocks < 10_000
    assert sys.getrecursionlimit() == limit


@contextlib.contextmanager
def collector_off():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def graph(x):
    with scope("outer"):
        y = sum(tanh(x * i) ** 2 for i in range(5))
    return where(y > 0, mean([y, x, 1.0]), y) + operation("twice", lambda x: 2 * x, lambda y, x: 2.0)(x)


def build():
    graph(Value(0.5))


def build_and_differentiate():
    y = graph(Value(0.5))
    y.backward()
    y.backward()
    y.zero_grad()


def fail_in_backward():
    y = graph(operation("broken", lambda x: x, failing_partial)(Value(0.5)))
    with contextlib.suppress(AssertionError):
        y.backward()


def fail_in_forward():
    x = graph(Value(0.5))
    own = operation("own", math.log, lambda y, x: 1 / x)
    mistakes = [
        lambda: log(-x),
        lambda: x / 0,
        lambda: (-x) ** 0.5,
        lambda: exp(x * 1e6),
        lambda: x + "1",
        lambda: own(-x),
    ]
    for wrong in mistakes:
        with contextlib.suppress(ValueError, ArithmeticError, TypeError):
            wrong()


def fail_the_mutation_check():
    x = Value(0.5)
    y = graph(x)
    x.data = 2.0
    with contextlib.suppress(RuntimeError):
        y.backward()


def build_without_recording():
    with no_grad():
        graph(Value(0.5))


USES = [
    build,
    build_and_differentiate,
    build_without_recording,
    fail_in_backward,
    fail_in_forward,
    fail_the_mutation_check,
]


@pytest.mark.parametrize("use", USES, **of_function(USES))
def test_no_reference_cycle_is_left_after(use):
    use()  # caches fill at the first use
    with collector_off():
        use()
        assert gc.collect() == 0


@pytest.mark.parametrize(
    ("operate", "nodes"),
    [(lambda y, x: y * x, 1), (lambda y, x: sin(y), 1), (lambda y, x: y * x + x, 2), (lambda y, x: y * 0.5, 2)],
    ids=["y * x", "sin(y)", "y * x + x", "y * 0.5"],
)
def test_node_of_a_chain_takes_at_most_210_bytes(operate, nodes):
    x = Value(0.999)
    length = 20_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        y = x
        for _ in range(length):
            y = operate(y, x)
        y.backward()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / (length * nodes) <= 210.0


def test_rows_whose_derivatives_are_spelled_out_in_the_chain_rule_are_those_of_plus_and_times():
    assert (rules.add, rules.mul) == (chain.SUM, chain.PRODUCT)
    assert chain.row_of(1.0, -1.0) is rules.sub


@pytest.mark.parametrize("row", [rules.add, rules.mul], ids=str)
def test_derivatives_of_plus_and_times_are_not_called(row, monkeypatch):
    x, y = Value(3.0), Value(5.0)
    result = row(x, y)
    monkeypatch.setattr(row, "partials", ())
    result.backward()
    assert (x.grad, y.grad) == ((1.0, 1.0) if row is rules.add else (5.0, 3.0))


# What costs time only: outside of blocks nothing is asked, and the innermost paths are taken


def is_not_called(*args, **keywords):
    raise AssertionError(f"called with {args}")


def test_outside_of_blocks_nothing_is_asked_of_them(monkeypatch):
    for name in ("use", "paused", "traced", "side", "inspected", "inspected_edges"):
        monkeypatch.setattr(modes, name, is_not_called)
    monkeypatch.setattr(value, "_node", is_not_called)
    monkeypatch.setattr(chain, "edges", is_not_called)
    x = Value(2.0, "x")
    y = tanh(x * 3.0 - 1.0) + x**2
    assert (y.data, bool(y), f"{y:.1f}", x < 3.0) == (math.tanh(5.0) + 4.0, True, "5.0", True)
    assert y.local_derivatives() == (1.0, 1.0)
    for cut in (float, operator.index, round):
        with pytest.raises(TypeError):
            cut(y)
    y.backward()
    assert x.grad == pytest.approx(4.0 + 3.0 / math.cosh(5.0) ** 2, rel=1e-14)


def test_plain_floats_and_integers_become_constants_at_once(monkeypatch):
    monkeypatch.setattr(value, "_as_operand", is_not_called)
    x = Value(2.0)
    assert [y.data for y in (x + 1, 1 + x, x * 1.5, 1.5 / x)] == [3.0, 3.0, 3.0, 0.75]


@pytest.mark.parametrize("row", [rules.add, rules.mul], ids=lambda row: row.name)
def test_derivatives_of_sums_and_products_are_not_called(row, monkeypatch):
    a, b = Value(2.0), Value(3.0)
    y = row(a, b) * a + b
    monkeypatch.setattr(row, "partials", (is_not_called, is_not_called))
    y.backward()
    assert (a.grad, b.grad) == ((7.0, 3.0) if row is rules.add else (12.0, 5.0))


def test_where_no_leaf_was_assigned_since_no_node_is_looked_at(monkeypatch):
    nodes = [x := Value(2.0), x * x]
    monkeypatch.setattr(Node, "parents", property(is_not_called))
    chain.check_unchanged(nodes)
    x.data = 3.0
    with pytest.raises(AssertionError):
        chain.check_unchanged(nodes)


@pytest.mark.parametrize("row", [row for row in rules.TABLE.values() if isinstance(row, (Unary, Binary))], ids=repr)
def test_operation_on_floats_goes_straight_to_its_forward_function(row, monkeypatch):
    operands = [1.5 if row is rules.acosh else 0.5] * row.arity
    wanted = row.evaluate(operands)
    monkeypatch.setattr(type(row), "apply", is_not_called)
    assert row(*operands) == wanted
