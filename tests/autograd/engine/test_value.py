"""What a Value promises: its fields, its arithmetic, its gradients, and what they cost."""

import asyncio
import contextlib
import itertools
import math
import operator
import random
import re
import statistics
import sys
import threading
import tracemalloc
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import numpy as np
import pytest

import autograd as ad
from autograd import (
    Constant,
    Value,
    compile,
    detect_anomaly,
    exp,
    fsum,
    grad,
    no_grad,
    operation,
    rules,
    scope,
    sin,
    tanh,
)
from autograd.engine import chain, clock, modes, value
from autograd.engine.chain import topological_order
from autograd.engine.node import UNREACHED, Node
from autograd.export import derivation
from autograd.rules import Binary, Unary
from tests.collector import leaves_no_cycle
from tests.errors import error_of
from tests.readme import ROOT
from tests.threads import in_threads

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
OPERATORS = [*ARITHMETIC, operator.mod, operator.floordiv, operator.or_]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge]
NUMBERS = [3, 2.5, True, np.float64(1.5), np.float32(0.5), np.int64(3), np.bool_(True)]


def names_of(functions):
    return {"ids": [function.__name__ for function in functions]}


# Construction and fields


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_data_and_grad_are_floats_whatever_number_is_given_or_assigned(number):
    given, assigned = Value(number), Value(0.0)
    assigned.data = number
    for x in (given, assigned):
        assert (type(x.data), x.data) == (float, float(number))
    (given * number + number).backward(number)
    assert type(given.grad) is float
    for x in (Value(1.0), Value(1.0) * 2.0):
        x.grad = number
        assert (type(x.grad), x.grad) == (float, float(number))


NO_NUMBERS = {
    r"str: '3'; convert it first, for example with float\(\.\.\.\)": "3",
    r"NoneType: None; a function that returns nothing returns None": None,
    r"complex: 1j; keep the real and the imaginary part in a number each": 1j,
    r"complex64: .*; keep the real and the imaginary part in a number each": np.complex64(1j),
    r"list: \[1\.0\]; make one call for each element": [1.0],
    r"tuple: \(1\.0,\); make one call for each element": (1.0,),
    r"ndarray: array\(\[1\.\]\); make one call for each": np.array([1.0]),
    r"Value: Value\(data=1\.0, .*\); use it as it is, or its \.data": Value(1.0),
    r"Fraction: Fraction\(1, 2\); convert it first": Fraction(1, 2),
    r"Decimal: Decimal\('1'\); convert it first": Decimal(1),
}


@pytest.mark.parametrize(("message", "given"), NO_NUMBERS.items(), ids=NO_NUMBERS)
def test_construction_from_what_is_no_number_says_what_to_do(message, given):
    with pytest.raises(TypeError, match=rf"^Value takes a real number, got an? {message}"):
        Value(given)
    x = Value(2.0)
    (x * x).backward()
    for name in ("data", "grad") if given is not None else ("data",):  # a gradient may be none
        with pytest.raises(TypeError, match=rf"^Value\.{name} takes a real number, got an? {message}"):
            setattr(x, name, given)
    assert (x.data, x.grad) == (2.0, 4.0)


def test_fields_of_a_leaf():
    x = Value(2)
    assert (x.data, x.grad, x.parents, x.op, x.label, x.local_derivatives()) == (2.0, 0.0, (), None, "", ())
    assert Value(2.0, "x").label == Value(2.0, label="x").label == "x"
    with pytest.raises(AttributeError, match="gradient"):
        x.gradient = 1.0


# Parents and operations


def test_parents_are_the_operands_in_order_with_duplicates():
    a, b = Value(2.0), Value(3.0)
    assert (a - b).parents == (a, b)
    assert (b - a).parents == (b, a)
    assert (a * a).parents == (a, a)
    assert fsum([a, a, a]).parents == (a, a, a)
    assert (a**3).parents == (a,)  # a plain exponent is part of the operation
    constant = (a * 3).parents[1]
    assert (type(constant), type(constant.data)) == (Constant, float)
    assert (constant.data, constant.op, constant.parents) == (3.0, None, ())


WRITTEN = [
    ("+", lambda x: x + x), ("-", lambda x: x - x), ("*", lambda x: x * x), ("/", lambda x: x / x),
    ("**", lambda x: x**x), ("**", lambda x: 2**x), ("neg", lambda x: -x), ("abs", abs), ("tanh", tanh),
    ("**3", lambda x: x**3), ("**3", lambda x: x**3.0), ("**-1", lambda x: x**-1), ("**0.5", lambda x: x**0.5),
    ("leaky_relu(0.1)", lambda x: x.leaky_relu(0.1)), ("fsum", lambda x: fsum([x, x])), ("floor", math.floor),
    ("ceil", math.ceil),
]  # fmt: skip


def test_operation_has_the_name_it_is_written_with():
    x = Value(2.5)
    for name, make in WRITTEN:
        y = make(x)
        assert y.op.name == name
        assert x in y.parents


def test_local_derivatives_are_floats_in_the_order_of_the_parents():
    a, b = Value(2.0), Value(-3.0)
    assert (a * b).local_derivatives() == (-3.0, 2.0)
    assert (a + b).local_derivatives() == (1.0, 1.0)
    assert fsum([a, b, 1]).local_derivatives() == (1.0, 1.0, 1.0)
    whole = operation("whole", lambda x: x, lambda y, x: 1)
    assert [type(d) for d in whole(a).local_derivatives()] == [float]


# Arithmetic


@pytest.mark.parametrize("operate", ARITHMETIC, **names_of(ARITHMETIC))
def test_number_on_either_side_acts_like_a_value(operate):
    assert operate(Value(1.75), Value(0.3)).data == operate(1.75, 0.3)
    for number in NUMBERS:
        for calls, tolerance in [(lambda x, y: operate(x, y), 1e-15), (lambda x, y: operate(y, x), 0.0)]:
            x, also_x = Value(1.75), Value(1.75)
            y, also_y = calls(x, number), calls(also_x, Value(number))
            y.backward()
            also_y.backward()
            assert type(y) is Value
            assert (type(y.data), y.data) == (float, also_y.data)
            assert (type(x.grad), x.grad) == (float, pytest.approx(also_x.grad, rel=tolerance, abs=0.0))


@pytest.mark.parametrize("operate", [*OPERATORS, divmod], **names_of([*OPERATORS, divmod]))
def test_operator_takes_a_plain_number_on_either_side_and_nothing_else(operate):
    a, b = (1.0, 0) if operate in JOINING.values() else (7.5, 2)
    for y in (operate(Value(a), b), operate(a, Value(b))) if operate is not divmod else ():
        wanted = operate(Value(a), Value(b))
        assert (y.data, [parent.data for parent in y.parents]) == (wanted.data, [a, b][: len(y.parents)])
        assert wanted.op.forward(a, b) == wanted.data
    for stranger in ("2", None, [1.0], object()):
        for operands in [(Value(1.0), stranger), (stranger, Value(1.0))]:
            with pytest.raises(TypeError, match=r"Value|not all arguments converted"):  # the latter of "2" % x
                operate(*operands)


JOINING = {"&": operator.and_, "|": operator.or_, "^": operator.xor}


@pytest.mark.parametrize("sign", JOINING)
def test_conditions_are_joined_and_other_numbers_are_an_error_that_says_what_to_write(sign):
    joined, said = JOINING[sign], "a power is" if sign == "^" else f"(x > 0) {sign} (x < 1), in parentheses"
    for a, b in itertools.product((0, 1, 1.0, True), repeat=2):
        for f in (lambda x: joined(x, b), lambda x: joined(b, x), lambda x: joined(x, Value(b))):  # noqa: B023
            assert f(Value(a)).data == joined(bool(a), bool(b)) == compile(f)(float(a))
    for f in (lambda x: joined(x, 2), lambda x: joined(2.0, x), lambda x: joined(x, x), lambda x: joined(0, x)):
        for found in (error_of(grad(f), 3.0), error_of(compile(f), 3.0), error_of(f, Value(3.0))):
            assert found.startswith(f"TypeError: {sign} joins conditions, which are 0 or 1, got ")
            assert said in found


EDGES = (ROOT / "docs" / "edges.md").read_text(encoding="utf-8")
REFUSED_UFUNCS = re.findall(r"`np\.(\w+)`", EDGES.split("these are an error:")[1].split("\n\n")[1])
ALL_UFUNCS = {thing.__name__: thing for thing in vars(np).values() if isinstance(thing, np.ufunc)}
PLAIN_RESULTS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "sign", "logical_not")
OPERANDS = {"logical_and": 1, "logical_or": 0}  # the one that they return, as Python's `and` and `or`


def floats_for(ufunc):
    """Yield arrays of floats that a universal function takes, at several points."""
    cores = re.findall(r"\(([^)]*)\)", (ufunc.signature or "(),(),()").split("->")[0])[: ufunc.nin]
    for start in (0.5, 1.5, -2.75):
        shapes = [(2,) * (core.count(",") + 1) if core else (2,) for core in cores]
        yield [start * (i + 1.0) + np.arange(math.prod(shape)).reshape(shape) / 8.0 for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("order", [None, 1, 2, math.inf, "fro"])
def test_norm_of_an_array_is_that_of_floats_with_the_orders_that_the_documentation_names(order):
    for floats in (np.array([3.0, -4.0, 1.0]), np.array([[1.0, -2.0], [3.0, 4.0]])):
        if (order, floats.ndim) not in (("fro", 1), (2, 2)):
            values = np.array([Value(x) for x in floats.ravel()]).reshape(floats.shape)
            assert np.linalg.norm(values, order).data == pytest.approx(np.linalg.norm(floats, order), rel=1e-15)


@pytest.mark.parametrize("name", ALL_UFUNCS)
def test_ufunc_of_values_is_that_of_floats_or_named_in_the_documentation(name):
    ufunc = ALL_UFUNCS[name]
    for floats in floats_for(ufunc):
        values = [np.array([Value(x) for x in array.ravel()]).reshape(array.shape) for array in floats]
        try:
            with np.errstate(all="ignore"):
                wanted = np.array(ufunc(*floats), dtype=float)
        except TypeError:  # of ints or dates only
            return
        if name in REFUSED_UFUNCS:
            with pytest.raises((TypeError, AttributeError)):
                ufunc(*values)
        elif np.isfinite(wanted).all():
            found = np.ravel(ufunc(*values))
            assert {isinstance(x, Value) for x in found} == {name not in PLAIN_RESULTS}
            wanted = floats[OPERANDS[name]] if name in OPERANDS else wanted
            assert [float(getattr(x, "number", x)) for x in found] == pytest.approx(wanted.ravel().tolist(), rel=1e-14)


@pytest.mark.parametrize("of", ["solve", "inv", "det", "cholesky", "eigvalsh", "slogdet"])
def test_what_lapack_computes_refuses_values_and_what_sums_and_products_do_takes_them(of):
    matrix = np.array([[Value(2.0), Value(1.0)], [Value(1.0), Value(3.0)]])
    with pytest.raises(TypeError, match="Cannot cast"):
        getattr(np.linalg, of)(*[matrix] * (1 + (of == "solve")))
    assert np.linalg.norm(matrix).data == pytest.approx(math.sqrt(15.0))
    assert np.linalg.matrix_power(matrix, 2)[0, 0].data == 5.0


@pytest.mark.parametrize(("a", "b"), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-7.5, -2.0), (6.0, 3.0), (-3.0, math.inf)])
def test_remainder_and_quotient_are_those_of_python(a, b):
    for x, y in ((Value(a), Value(b)), (Value(a), b), (a, Value(b))):
        quotient, rest = divmod(x, y)
        assert (quotient.data, rest.data) == divmod(a, b) == ((x // y).data, (x % y).data)
    assert (Value(a) % Value(b)).local_derivatives() == (1.0, -(a // b))


# Comparison, hash, truth, text, conversion


@pytest.mark.parametrize("compare", COMPARISONS, **names_of(COMPARISONS))
def test_comparison_looks_at_the_data(compare):
    for a, b in [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (math.nan, 1.0)]:
        for x, y in [(Value(a), Value(b)), (Value(a), b), (a, Value(b)), (Value(a), np.float64(b))]:
            assert compare(x, y) is compare(a, b)
    with pytest.raises(TypeError, match="not supported between instances of 'Value' and 'str'"):
        compare(Value(1.0), "1")


def test_equality_and_hash_are_identity_and_truth_is_that_of_the_data():
    x, y = Value(2.0), Value(2.0)
    assert x == x
    assert x != y
    assert x != 2.0
    assert len({x, y, x}) == 2
    assert {x: "x", y: "y"}[x] == "x"
    x.data = 5.0
    assert x in {x}
    assert [bool(Value(x)) for x in (0, -0.0, 5e-324, -1.0, math.nan)] == [False, False, True, True, True]


def test_label_that_is_no_string_is_refused_where_it_is_given_and_where_it_is_assigned():
    class Named(Value):
        pass

    for node in (Value(1.0, "x"), Constant(1.0, "x"), Named(1.0, "x"), Value(2.0) * 3.0, tanh(Value(2.0))):
        before = node.label
        for label in (3, None, ["a"], node, b"x"):
            found = re.escape(f"{rules.with_article(label)}: {label!r:.60}")
            with pytest.raises(TypeError, match=rf"^the label of a Value is a string, got {found}; write label=str"):
                node.label = label
            if type(label) is not list:  # which micrograd's Value takes second: the children
                with pytest.raises(TypeError, match=rf"^the label of a Value is a string, got {found}"):
                    type(node)(1.0, label=label)
            assert node.label == before


class Text(str):
    """A string that is written as something else, as NumPy's and those of enumerations are."""

    def __repr__(self):
        return "<a text>"

    def __str__(self):
        return "another one"


@pytest.mark.parametrize("kind", [str, Text, np.str_, lambda name: StrEnum("Names", {"AGE": name}).AGE])
def test_label_is_the_plain_text_of_any_kind_of_string(kind):
    assigned = Value(2.0) * 3.0
    assigned.label = kind("age")
    for node in (Value(1.0, kind("age")), Constant(1.0, kind("age")), assigned):
        assert type(node.label) is str
        assert node.label == "age"
        assert repr(node).endswith("label='age')")


def test_text_shows_data_gradient_and_label():
    x = Value(2)
    assert f"{x}" == repr(x) == "Value(data=2.0, grad=0.0)"
    (x * 3).backward()
    assert repr(x) == "Value(data=2.0, grad=3.0)"
    assert repr(Value(2.0, label="it's")) == """Value(data=2.0, grad=0.0, label="it's")"""
    assert f"{Value(math.pi):.3f}|{Value(2.0):>6}|{Value(1e6):e}" == "3.142|   2.0|1.000000e+06"


def test_conversion_to_a_plain_number_would_cut_the_graph():
    for cut in (float, math.sin, math.cos, complex, np.float64):
        with pytest.raises(TypeError, match=r"Value\(data=2\.0, .*would cut the graph; .*autograd\.sin .* \.data"):
            cut(Value(2.0))
    for digits in [(), (2,)]:
        with pytest.raises(TypeError, match=r"Value\(data=2\.5, .* is not rounded, .* no derivative; use \.data"):
            round(Value(2.5), *digits)
    for cut in (int, range, math.trunc, lambda x: np.trunc(np.array([x]))):
        with pytest.raises(TypeError, match=r"Value\(data=2\.0, .*an integer by itself; .*; use int\(x\.data\)"):
            cut(Value(2.0))
    for cut in (statistics.mean, statistics.variance, statistics.pstdev):
        with pytest.raises(
            TypeError,
            match=r"Value\(data=2\.0, .*a ratio .* cut the graph; .*autograd\.mean\(xs\), a variance .* \.data",
        ):
            cut([Value(2.0), Value(3.0)])
    with pytest.raises(TypeError, match=r"of integers; write a \*\* b % modulo"):
        pow(Value(2.0), 3, 5)


# Gradients


def rounding_graph(x, rng):
    """A graph whose derivative is a sum that rounds differently when it is added up in another order."""
    chosen = [x * rng.uniform(-1.0, 1.0) * rng.choice([1.0, 1e3, 1e-3]) for _ in range(20)]
    return fsum(chosen) + sum(sin(x * rng.uniform(-1.0, 1.0)) * rng.uniform(-1.0, 1.0) for _ in range(30))


@pytest.mark.parametrize("seed", range(20))
def test_second_backward_doubles_leaf_gradients_exactly(seed):
    rng = random.Random(seed)
    x = Value(rng.uniform(-2.0, 2.0))
    y = rounding_graph(x, rng)
    for start in (0.0, rng.choice([0.0, 0.1])):
        x.grad = 0.0
        y.backward()
        once = x.grad
        y.backward()
        assert x.grad == once + once
        x.grad = start
        y.backward()
        assert x.grad == start + once


def test_gradients_of_several_graphs_add_up_as_whole_gradients():
    x = Value(0.1)
    first, second = rounding_graph(x, random.Random(3)), sin(x) * x
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
    x.backward()
    x.backward()
    assert (x.grad, h.grad, y.grad) == (68.0, 1.0, 1.0)


def test_seed_scales_every_gradient():
    x = Value(3.0)
    h = x * x
    y = 5 * h
    y.backward(seed=-2)
    assert (x.grad, h.grad, y.grad) == (-60.0, -10.0, -2.0)
    assert type(y.grad) is float
    for seed in ("1", None, Value(1.0)):
        with pytest.raises(TypeError, match=r"backward\(seed\) takes a real number"):
            y.backward(seed)


def test_diamonds_are_visited_once():
    calls = []
    counted = operation("counted", lambda x: x, lambda y, x: calls.append(x) or 1.0)
    x = Value(1.0)
    y = x
    for _ in range(60):  # 2 ** 60 paths from y to x
        y = counted(y)
        y = y + y
    y.backward()
    assert len(calls) == 60
    assert x.grad == 2.0**60


def test_sorted_graph_holds_every_node_once_and_after_its_parents():
    operations = [operator.add, lambda a, b: fsum([a, b, a]), lambda a, b: -a]
    for seed in range(20):
        rng = random.Random(seed)
        nodes = [Value(1.0) for _ in range(3)]
        for _ in range(60):
            nodes.append(rng.choice(operations)(*rng.choices(nodes, k=2)))
        roots = rng.choices(nodes, k=4)
        order = topological_order(*roots)
        place = {node: i for i, node in enumerate(order)}
        assert len(place) == len(order)
        assert place.keys() >= set(roots)
        assert all(place[parent] < place[node] for node in order for parent in node.parents)


def failing_partial(*_):
    raise AssertionError("the partial derivative of a constant was evaluated")


def test_partials_of_constants_are_never_evaluated():
    product = operation("product", operator.mul, lambda y, a, b: b, failing_partial)
    clamp = operation("clamp", lambda x, low, high: x, lambda y, *operands: 1.0, failing_partial, failing_partial)
    x = Value(2.0)
    for y in (product(x, 3.0), product(x, Constant(3.0)), clamp(x, 0, 5.0)):
        y.backward()
    assert x.grad == 3.0 + 3.0 + 1.0
    y = operation("f", lambda x: x, failing_partial)(Constant(2.0))
    (y * Value(3.0)).backward()
    assert y.grad == 3.0
    x = Value(-2.0)  # of a power the derivative by the exponent has a logarithm
    (x**3).backward()
    (x ** Constant(3.0)).backward()
    assert x.grad == 24.0


def test_constant_is_a_value_that_takes_no_gradient():
    x, scale = Value(3.0), Constant(2.0, label="scale")
    (x * scale).backward()
    scale.backward()
    assert (x.grad, scale.grad) == (2.0, 0.0)
    assert scale.grad is UNREACHED
    y = Constant(2.0) * Constant(3.0)
    assert (type(y), y.data, y.op.name) == (Value, 6.0, "*")
    for row in (rules.tanh, rules.add, rules.mul, rules.power, rules.fsum, rules.dot, rules.where):
        count = row.arity or 2
        for place in range(count):
            operands = [Constant(2.0) if i == place else Value(3.0) for i in range(count)]
            y = row(operands, operands) if row is rules.dot else row(operands) if row.arity is None else row(*operands)
            y.backward()
            assert operands[place].grad == 0.0
            with modes.inspect_with(None):  # by way of edges
                y.backward()
            assert operands[place].grad == 0.0


def test_zero_grad_resets_every_node_of_the_graph():
    x = Value(3.0)
    y = tanh(x * x) + 1
    y.backward()
    y.zero_grad()
    assert [node.grad for node in topological_order(y)] == [0.0] * 5
    assert all(node.grad is UNREACHED for node in topological_order(y))


BREAKING = {  # the operations of which the partial derivative fails, by what stands below them
    "unary": lambda failing, x: operation("broken", lambda x: x, failing)(x * x),
    "binary": lambda failing, x: operation("broken", lambda a, b: a, lambda y, a, b: 1.0, failing)(x * x, x),
    "ternary": lambda failing, x: operation("broken", lambda a, b, c: a, *[failing] * 3)(x * x, x, x),
    "below a sum": lambda failing, x: fsum([x * x, operation("broken", lambda x: x, failing)(x), x]),
}


@pytest.mark.parametrize("built", BREAKING.values(), ids=BREAKING)
def test_whatever_ends_backward_halfway_leaves_every_gradient_as_it_was(built):
    for error in (ValueError, KeyboardInterrupt, MemoryError):

        def failing(y, *operands, error=error):
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
    w.adjoint = "none yet"
    y = x * w
    with pytest.raises(TypeError):
        y.backward()
    assert (x.grad, w.grad, y.grad) == (0.0, "none yet", 0.0)
    assert x.grad is y.grad is UNREACHED


def test_threads_that_share_leaves_lose_no_gradient():
    x, rounds, threads = Value(1.0), 40, 4

    def work():
        for _ in range(rounds):
            sum(x * 3.0 for _ in range(50)).backward()

    in_threads(*[work] * threads)
    assert x.grad == threads * rounds * 50 * 3.0


def test_number_is_read_without_telling_a_tracer():
    seen = []

    def f(x):
        y = x * x
        seen.append((x.number, y.number))
        return y

    assert ad.compile(f)(3.0) == 9.0
    assert seen == [(3.0, 9.0)]
    with pytest.raises(ad.TraceError):
        ad.compile(lambda x: x * x.data)(3.0)


def test_detached_value_is_a_fresh_leaf():
    x = Value(3.0, label="x")
    h = x * x
    h.label = "h"
    cut = h.detach()
    (cut * x).backward()
    assert (cut.data, cut.op, cut.parents, cut.label) == (9.0, None, (), "")
    assert (x.grad, cut.grad, h.grad) == (9.0, 3.0, 0.0)


# Recording


def is_recorded():
    return bool((Value(3.0) * 2.0).parents)


def test_no_grad_records_nothing():
    x = Value(3.0)
    y = x * 2.0
    with no_grad():
        results = [x * x, -x, tanh(x), x**3, fsum([x, x]), ad.dot([x], [x]), ad.where(x > 0, x, 0.0)]
        results += [+x, +y, y.conjugate(), ad.where(True, lambda: y, 0.0), fsum([y]), *ad.softmax([y]), *np.conj([y])]
        assert not {x, y} & set(results)
        h = x * 2.0
    for y in results:
        assert (type(y), y.op, y.parents) == (Value, None, ())
    assert (x * x).parents == (x, x)
    h.data = 5.0  # a leaf, which may be assigned to, and hands no gradient back
    (h * x).backward()
    assert (h.grad, x.grad) == (3.0, 5.0)


def generator():
    yield 1


async def generator_of_a_task():
    yield 1


def is_inspected():
    try:
        return math.isfinite((Value(1e200) * 1e200).data)
    except FloatingPointError:
        return True


BLOCKS = {  # the public context managers: how each is opened, decorates, and whether it is open
    "no_grad": (no_grad, [no_grad, no_grad()], lambda: not is_recorded()),
    "detect_anomaly": (detect_anomaly, [detect_anomaly, detect_anomaly()], is_inspected),
    "scope": (lambda: scope("part"), [scope("part")], lambda: Value(1.0).scope is not None),
}
blocks = pytest.mark.parametrize(("opened", "decorators", "is_open"), BLOCKS.values(), ids=BLOCKS)


@blocks
def test_blocks_decorate_functions_and_coroutine_functions_as_often_as_one_likes(opened, decorators, is_open):
    def function(x, times=1):
        """Docstring."""
        return is_open(), x if times == 1 else x + f(x, times - 1)[1]

    async def coroutine(x):
        before = is_open()
        await asyncio.sleep(0)
        return before, is_open(), x

    for decorator in decorators:
        f, g = decorator(function), decorator(coroutine)
        model = type("Model", (), {"run": decorator(lambda self, x: (is_open(), self, x))})()
        for _ in range(2):
            assert f(3, times=2) == (True, 6)
            assert model.run(3) == (True, model, 3)
            assert asyncio.run(g(3)) == (True, True, 3)
            assert not is_open()
        assert (f.__name__, f.__doc__, asyncio.iscoroutinefunction(g)) == ("function", "Docstring.", True)


@blocks
@pytest.mark.parametrize("thing", [generator, generator_of_a_task, type("Model", (), {}), classmethod(generator), 3])
def test_blocks_decorate_no_generators_and_no_classes(opened, decorators, is_open, thing):
    for decorator in decorators:
        with pytest.raises(TypeError, match=r"^(\w+) decorates functions and .* write `with \1\(.*\):` around what"):
            decorator(thing)


@blocks
def test_blocks_nest_and_end_with_an_exception(opened, decorators, is_open):
    with pytest.raises(ValueError, match="log is defined"), opened(), opened():
        ad.log(Value(-1.0))
    assert not is_open()
    block = opened()
    with block:
        with opened():
            assert is_open()
        assert is_open()
    if isinstance(block, scope):
        with pytest.raises(RuntimeError, match="was entered before; open a new scope"):
            block.__enter__()
    else:
        with block:
            with block:
                assert is_open()
            assert is_open()
    assert not is_open()


def test_scope_without_a_title_is_no_decorator():
    with pytest.raises(TypeError, match=r"above a function write @scope\(title\)"):
        scope(is_recorded)


@pytest.mark.parametrize("mode", ["no_grad", "detect_anomaly"])
def test_block_in_one_thread_is_not_open_in_the_others(mode):
    opened, decorators, is_open = BLOCKS[mode]
    entered, leave = threading.Event(), threading.Event()

    @decorators[-1]
    def within():
        entered.set()
        assert leave.wait(10.0)
        return is_open()

    def outside():
        assert entered.wait(10.0)
        found = is_open()
        leave.set()
        return found

    assert in_threads(within, outside) == [True, False]
    with opened():
        assert in_threads(is_open, decorators[-1](is_open)) == [False, True]
        assert is_open()


@pytest.mark.parametrize("mode", ["no_grad", "detect_anomaly"])
def test_block_in_one_task_is_not_open_in_the_others_but_in_those_made_in_it(mode):
    opened, decorators, is_open = BLOCKS[mode]

    async def asked():
        await asyncio.sleep(0)
        return is_open()

    async def within():
        with opened():
            await asyncio.sleep(0.001)
            return await asked()

    async def all_of_them():
        tasks = [asyncio.create_task(make()) for make in (asked, within, decorators[-1](asked))]
        with opened():
            tasks.append(asyncio.create_task(asked()))
        await asyncio.sleep(0)  # they are in their blocks
        return [is_open(), *await asyncio.gather(*tasks), is_open()]

    assert asyncio.run(all_of_them()) == [False, False, True, True, True, False]


def test_node_knows_the_tick_and_the_scope_it_was_made_in():
    x = Value(3.0)
    with scope("outer") as outer:
        y = x * x
        with scope("inner") as inner:
            z, leaf = y + 1, Value(3.0)
    x.data = leaf.data = 5.0
    assert [node.scope for node in (x, y, z, z * 2, leaf)] == [None, outer, inner, None, inner]
    assert [node.stamp.scope for node in (x, y)] == [None, outer]
    assert x.stamp.tick > y.stamp.tick >= x.stamp.born


def test_scopes_may_be_left_in_any_order():
    for order in itertools.permutations(range(3)):
        scopes = [scope(title).__enter__() for title in ("a", "b", "c")]
        left = set()
        for index in order:
            scopes[index].__exit__(None, None, None)
            left.add(index)
            still_open = [opened for i, opened in enumerate(scopes) if i not in left]
            assert Value(1.0).scope is (still_open[-1] if still_open else None)


def test_leaf_made_in_an_outer_transform_is_differentiated_in_an_inner_one_too():
    before = Value(1.0)
    with modes.differentiate_by([], clock.advance()):
        x = Value(2.0)
        with modes.differentiate_by([x], clock.advance()):
            assert [modes.differentiated(leaf) for leaf in (before, x, Value(3.0))] == [False, True, True]
        assert modes.differentiated(x)
    assert not modes.differentiated(x)


# The mutation check


@pytest.mark.parametrize(("label", "name"), [("weight", "the leaf weight"), ("", "a leaf")])
def test_change_of_a_leaf_before_backward_names_it_by_its_label(label, name):
    x = Value(3.0, label=label)
    y = x * x + 1
    x.data += 2
    message = rf"the data of {name} was changed to 5\.0 after this graph was built from it, so gradients "
    message += r"would mix the old number with the new one; build the expression again, or call backward\(\) before"
    with pytest.raises(RuntimeError, match=message + r" changing the leaf(\n|$)"):
        y.backward()
    assert (x.grad, y.grad) == (0.0, 0.0)


ASKED_TOO_LATE = {  # what reads a graph, and what can be done where a leaf of it has been changed
    "backward": (lambda y: y.backward(), "call backward\\(\\) before changing the leaf"),
    "gradients": (lambda y: ad.gradients(y, [y.parents[0]]), "call backward\\(\\) before changing the leaf"),
    "local derivatives": (lambda y: y.local_derivatives(), "ask before changing the leaf"),
    "explore": (ad.explore, "look at it before that; draw\\(y\\) and text\\(y\\) show it as it was computed"),
    "animate": (lambda y: ad.animate(y, "y.gif"), "look at it before that"),
    "draw": (lambda y: ad.draw(y, derivatives=True), "look at it before that"),
    "compile": (ad.compile, "compile it before changing the leaf: a program reads the leaves anew"),
}


@pytest.mark.parametrize("name", ASKED_TOO_LATE)
def test_reader_of_a_graph_whose_leaf_was_changed_says_what_to_do(name):
    read, remedy = ASKED_TOO_LATE[name]
    x = Value(3.0, "x")
    y = x * x
    x.data = 5.0
    with pytest.raises(RuntimeError, match=f"build the expression again, or {remedy}"):
        read(y)


@pytest.mark.parametrize("number", [3.0, 0.0, -0.0, math.inf, 5e-324])
def test_leaf_that_is_assigned_the_number_that_it_has_is_not_changed(number):
    x = Value(number, "x")
    y = 2.0 * x
    x.data = x.data
    x.data += 0.0 if number else number  # which makes 0.0 of -0.0 otherwise
    y.backward()
    assert x.grad == 2.0
    x.data = -number
    with pytest.raises(RuntimeError, match="the data of the leaf x was changed"):
        y.backward()


def changed_back(x, other):
    y = x * x
    x.data, x.data = 5.0, 3.0
    return y


def grown_after_the_change(x, other):
    y = x * x
    x.data = 5.0
    return y + 1.0


def changed_before_another(x, other):
    y = x * x
    x.data = 5.0
    z = y * other
    other.data = 2.0
    return z


def changed_within_scopes(x, other):
    y = x * x
    with scope("outer"), scope("inner"):
        x.data = 5.0
    return y


def one_of_many(x, other):
    y = fsum([leaf * leaf for leaf in [*map(Value, range(7)), x, other]])
    x.data = 0.5
    return y


def differentiated_before(x, other):
    y = x * other
    y.backward()
    x.data = 5.0
    return y


STALE = [changed_back, grown_after_the_change, changed_before_another, changed_within_scopes]


@pytest.mark.parametrize("built", [*STALE, one_of_many, differentiated_before])
@pytest.mark.parametrize("kind", [Value, Constant])
def test_change_of_a_leaf_is_noticed(built, kind):
    x, other = kind(3.0, label="x"), Value(1.0)
    y = built(x, other)
    before = x.grad, other.grad, y.grad
    with pytest.raises(RuntimeError, match="leaf x was changed" if built is not changed_before_another else "changed"):
        y.backward()
    assert (x.grad, other.grad, y.grad) == before


READERS = [  # of derivatives
    lambda y, x: y.backward(), lambda y, x: y.local_derivatives(), lambda y, x: ad.gradients(y, [x]),
    lambda y, x: ad.gradients(y, [x], create_graph=True), lambda y, x: ad.compile(y), lambda y, x: ad.explore(y),
    lambda y, x: ad.draw(y, derivatives=True), lambda y, x: ad.animate(y, "stale.svg"), derivation,
]  # fmt: skip


@pytest.mark.parametrize("read", READERS)
def test_change_of_a_leaf_is_noticed_wherever_derivatives_are_read(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for row in (rules.divide, rules.power, rules.hypot):
        x, z = Value(2.0, "x"), Value(3.0, "z")
        y = row(x, z)
        z.data = 5.0
        with pytest.raises(RuntimeError, match=r"the data of the leaf z was changed to 5\.0"):
            read(y, x)
    assert row(x, z).local_derivatives() == tuple(row.derivatives(row(2.0, 5.0), [2.0, 5.0]))


def test_change_of_what_the_graph_is_not_built_from_is_fine():
    x, other = Value(3.0), Value(1.0)
    stale = x * x
    with scope("outer"):
        x.data = 5.0
        with scope("inner"):
            y = x * x
        y = y + x
    other.data = 2.0
    (y * x).backward()
    assert (x.grad, stale.data) == (85.0, 9.0)
    w = Value(3.0)
    for _ in range(3):  # nor does a change after backward matter to the next graph
        w.grad = 0.0
        (w * w).backward()
        w.data -= 0.25 * w.grad
    assert w.data == 3.0 / 8.0


def test_data_that_was_computed_cannot_be_assigned():
    x = Value(3.0)
    y = x * x
    message = r"Value\(data=9\.0, grad=0\.0\) was computed by \*, so its data cannot be assigned; assign to a leaf and "
    with pytest.raises(AttributeError, match=message + r"build the expression again, or detach\(\) this node first"):
        y.data = 5.0
    y.backward()
    assert (x.data, x.grad, y.data) == (3.0, 6.0, 9.0)


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


def graph(x):
    with scope("outer"):
        y = sum(tanh(x * i) ** 2 for i in range(5))
    return ad.where(y > 0, ad.mean([y, x, 1.0]), y) + operation("twice", lambda x: 2 * x, lambda y, x: 2.0)(x)


def build():
    graph(Value(0.5))


def build_and_differentiate():
    y = graph(Value(0.5))
    y.backward()
    y.backward()
    y.zero_grad()


def build_without_recording():
    with no_grad():
        graph(Value(0.5))


def fail_in_backward():
    y = graph(operation("broken", lambda x: x, failing_partial)(Value(0.5)))
    with contextlib.suppress(AssertionError):
        y.backward()


def fail_in_forward():
    x = graph(Value(0.5))
    own = operation("own", math.log, lambda y, x: 1 / x)
    mistakes = [lambda: ad.log(-x), lambda: x / 0, lambda: (-x) ** 0.5, lambda: exp(x * 1e6), lambda: x + "1"]
    for wrong in [*mistakes, lambda: own(-x)]:
        with contextlib.suppress(ValueError, ArithmeticError, TypeError):
            wrong()


def fail_the_mutation_check():
    x = Value(0.5)
    y = graph(x)
    x.data = 2.0
    with contextlib.suppress(RuntimeError):
        y.backward()


USES = [build, build_and_differentiate, build_without_recording]
USES += [fail_in_backward, fail_in_forward, fail_the_mutation_check]


@pytest.mark.parametrize("use", USES, **names_of(USES))
def test_no_reference_cycle_is_left_after(use):
    assert leaves_no_cycle(use)


CHAINS = {
    "y * x": (lambda y, x: y * x, 1), "sin(y)": (lambda y, x: sin(y), 1), "y * x + x": (lambda y, x: y * x + x, 2),
    "y * 0.5": (lambda y, x: y * 0.5, 2),
}  # fmt: skip


@pytest.mark.parametrize(("operate", "nodes"), CHAINS.values(), ids=CHAINS)
def test_node_of_a_chain_takes_at_most_210_bytes(operate, nodes):
    y = x = Value(0.999)
    length = 20_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(length):
            y = operate(y, x)
        y.backward()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / (length * nodes) <= 210.0


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


@pytest.mark.parametrize(("row", "spelled_out"), [(rules.add, [1.0, 1.0]), (rules.mul, ["b", "a"])], ids=repr)
def test_derivatives_that_are_spelled_out_in_the_chain_rule_are_those_of_the_rows(row, spelled_out):
    assert [partial("y", "a", "b") for partial in row.partials] == spelled_out


@pytest.mark.parametrize(("row", "gradients"), [(rules.add, (7.0, 3.0)), (rules.mul, (12.0, 5.0))], ids=repr)
def test_derivatives_of_sums_and_products_are_not_called(row, gradients, monkeypatch):
    a, b = Value(2.0), Value(3.0)
    y = row(a, b) * a + b
    monkeypatch.setattr(row, "partials", (is_not_called, is_not_called))
    y.backward()
    assert (a.grad, b.grad) == gradients


def test_where_no_leaf_was_assigned_since_no_node_is_looked_at(monkeypatch):
    nodes = [x := Value(2.0), x * x]
    monkeypatch.setattr(Node, "parents", property(is_not_called))
    chain.check_unchanged(nodes)
    x.data = 3.0
    with pytest.raises(AssertionError):
        chain.check_unchanged(nodes)


def test_operation_on_floats_goes_straight_to_its_forward_function(monkeypatch):
    rows = [row for row in rules.TABLE.values() if isinstance(row, (Unary, Binary))]
    operands = [[1.5 if row is rules.acosh else 0.5] * row.arity for row in rows]
    wanted = [row.evaluate(numbers) for row, numbers in zip(rows, operands, strict=True)]
    for kind in {type(row) for row in rows}:
        monkeypatch.setattr(kind, "apply", is_not_called)
    assert [row(*numbers) for row, numbers in zip(rows, operands, strict=True)] == wanted
