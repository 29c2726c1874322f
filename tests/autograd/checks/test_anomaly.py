"""detect_anomaly names the operation and the line that made the first NaN or infinity, and leaves no trace behind."""

import asyncio
import copy
import functools
import gc
import importlib.util
import math
import pickle
import random
import re
import subprocess
import sys
import textwrap
import threading
import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import (
    Constant,
    Value,
    detect_anomaly,
    dot,
    draw,
    exp,
    fsum,
    grad,
    gradients,
    hessian,
    hvp,
    hypot,
    jacobian,
    jvp,
    log,
    logsumexp,
    maximum,
    mean,
    no_grad,
    operation,
    relu,
    rules,
    scope,
    sin,
    softmax,
    sqrt,
    tanh,
    text,
    value_and_grad,
    vjp,
    where,
)
from autograd.engine import clock, modes
from autograd.engine.chain import topological_order
from autograd.rules.operation import Family, NAry
from nn import MLP, SGD, Module, Neuron, cross_entropy, fit, hinge, mse

ROOT = Path(autograd.__file__).parents[1]
HUGE = 1e200


def place(mark):
    """The number and the text of the line of this file that ends with `# line` and the mark."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (number,) = (number for number, line in enumerate(lines, 1) if line.endswith(f"# line {mark}"))
    return number, lines[number - 1].strip()


def assert_line(message, mark):
    number, source = place(mark)
    found = re.search(rf'^  File "{re.escape(__file__)}", line {number}, in .+\n    {re.escape(source)}', message, re.M)
    assert found, message


def assert_first(message, first):
    assert message.splitlines()[0] == first


def array(*values):
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert modes.blocks == 0
    assert (Value(HUGE) * Value(HUGE)).data == math.inf


def anomaly(f, *args):
    """What is said of the anomaly in f(*args)."""
    with pytest.raises(FloatingPointError, match=r"is -?(inf|nan)|adds up to -?(inf|nan)") as caught, detect_anomaly():
        f(*args)
    return str(caught.value)


# Forward: the operation, its operands, and the line


def product(x, y):
    return x * y  # line product


def nested(x, y):
    return sin(product(x, y)) + 1.0


def over_several_lines(x, y):
    return (
        x  # line several
        *
        y
    )  # fmt: skip


def in_place(x, y):
    x *= y  # line in place
    return x


def with_reduce(x, y):
    return functools.reduce(lambda a, b: a * b, [x, 1.0, y])  # line reduce


def with_sum(x, y):
    return sum([x * 1e108, y * 1e108])  # line sum


def in_a_comprehension(x, y):
    return [a * b for a, b in [(x, y)]]  # line comprehension


def in_a_generator(x, y):
    return fsum(a * b for a, b in [(x, y)])  # line generator


def with_map(x, y):
    return list(map(lambda a, b: a * b, [x], [y]))  # line map


def by_a_method(x, y):
    return x.hypot(y).tanh() + (x / 1e-200)  # line method


def in_a_property(x, y):
    class Pair:
        @property
        def area(self):
            return x * y  # line property

    return Pair().area


quotient = lambda x, y: x / (1.0 / y)  # line lambda

PLACES = {
    "product": (product, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)"),
    "several": (over_several_lines, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)"),
    "in place": (in_place, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)"),
    "reduce": (with_reduce, "a * b is inf, for a = 1e+200, b = 1e+200 (y)"),
    "sum": (with_sum, "a + b is inf, for a = 1e+308, b = 1e+308"),
    "comprehension": (in_a_comprehension, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)"),
    "generator": (in_a_generator, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)"),
    "map": (with_map, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)"),
    "method": (by_a_method, "a / b is inf, for a = 1e+200 (x), b = 1e-200"),
    "property": (in_a_property, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)"),
    "lambda": (quotient, "a / b is inf, for a = 1e+200 (x), b = 1e-200"),
}


@pytest.mark.parametrize("mark", PLACES)
def test_the_line_that_made_an_infinity_is_named(mark):
    f, first = PLACES[mark]
    message = anomaly(f, Value(HUGE, "x"), Value(HUGE, "y"))
    assert_first(message, first)
    assert_line(message, mark)


def test_the_innermost_line_is_named_not_its_callers():
    message = anomaly(nested, Value(HUGE, "x"), Value(HUGE, "y"))
    assert message.count("File ") == 1
    assert "in product" in message
    assert_line(message, "product")


def test_the_part_of_the_line_is_underlined():
    number, source = place("product")
    shown = f'  File "{__file__}", line {number}, in product\n    {source}\n           ~~^~~'
    assert anomaly(product, Value(HUGE), Value(HUGE)) == f"a * b is inf, for a = 1e+200, b = 1e+200\n{shown}"


@pytest.mark.parametrize(
    ("f", "first"),
    [
        (lambda: Value(math.inf, "p") - Value(math.inf, "q"), "a - b is nan, for a = inf (p), b = inf (q)"),
        (lambda: Value(math.inf, "p") + 1.0, "a + b is inf, for a = inf (p), b = 1.0"),
        (lambda: 1.0 - Value(math.inf), "a - b is -inf, for a = 1.0, b = inf"),
        (lambda: Value(0.0, "z") * math.inf, "a * b is nan, for a = 0.0 (z), b = inf"),
        (lambda: -Value(math.nan, "n"), "-x is nan, for x = nan (n)"),
        (lambda: abs(Value(-math.inf)), "abs(x) is inf, for x = -inf"),
        (lambda: Value(math.nan) ** 2, "x ** 2 is nan, for x = nan"),
        (lambda: maximum(Value(math.nan), 1.0), "maximum(a, b) is nan, for a = nan, b = 1.0"),
        (lambda: where(1.0, Value(math.inf, "yes"), 2.0), "where(a, b, c) is inf, for a = 1.0, b = inf (yes), c = 2.0"),
        (lambda: rules.leaky_relu(Value(math.inf)), "leaky_relu(x, 0.01) is inf, for x = inf"),
        (lambda: fsum([Value(math.inf, "i"), 1.0]), "fsum([xs[0], xs[1]]) is inf, for xs[0] = inf (i), xs[1] = 1.0"),
        (
            lambda: dot([Value(HUGE, "w")], [Value(HUGE, "x")]),
            "dot([a[0]], [b[0]]) is inf, for a[0] = 1e+200 (w), b[0] = 1e+200 (x)",
        ),
        (
            lambda: mean([Value(float(i)) for i in range(9)] + [Value(math.nan, "bad")]),
            "mean is nan, for xs[9] = nan (bad) among 10 operands",
        ),
        (
            lambda: logsumexp([0.0] * 8 + [Value(math.inf, "i"), Value(math.inf, "j")]),
            "logsumexp is inf, for xs[8] = inf (i), xs[9] = inf (j) among 10 operands",
        ),
        (
            lambda: dot([Value(1.0)] * 3 + [Value(HUGE, "w")], [2.0] * 3 + [Value(1e201, "x")]),
            "dot is inf, for a[0] = 1.0, b[3] = 1e+201 (x) among 8 operands",
        ),
        (lambda: fsum([Value(math.inf)] * 20).data, "fsum is inf, for " + ", ".join(f"xs[{i}] = inf" for i in range(6))
         + " among 20 operands"),
        (
            lambda: operation("bad op", lambda x: math.nan, lambda y, x: 1.0)(Value(1.0, "q")),
            "bad_op(x) is nan, for x = 1.0 (q)",
        ),
    ],
)  # fmt: skip
def test_the_operation_and_its_operands_are_named(f, first):
    assert_first(anomaly(f), first)


def spreads_nan(row):
    """Whether a nan as the first operand makes the result nan; a condition, such as that of where, may swallow it."""
    return math.isnan(row.evaluate([math.nan, *[0.5 for _ in row.partials[1:]]]))


FIXED = [row for row in rules.TABLE.values() if not isinstance(row, (Family, NAry))]


@pytest.mark.parametrize("row", [*filter(spreads_nan, FIXED)], ids=str)
def test_a_nan_among_the_operands_is_named_for_every_operation(row):
    operands = [Value(math.nan, "culprit"), *[Value(0.5) for _ in row.partials[1:]]]
    message = anomaly(lambda: row(*operands))
    assert message.startswith(f"{row.expression(*row.arguments)} is nan, for ")
    assert "nan (culprit)" in message.splitlines()[0]


def test_leaves_may_be_infinite():
    with detect_anomaly():
        x = Value(math.inf)
        x.data = math.nan
        y = Constant(-math.inf)
        assert x.detach().data != x.data
        assert +x is x
    assert (math.isnan(x.data), y.data) == (True, -math.inf)


def test_plain_floats_are_not_looked_at():
    with detect_anomaly():
        assert sqrt(math.inf) == math.inf
        assert fsum([math.inf, 1.0]) == math.inf
        assert math.isnan(tanh(math.nan))


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda: log(Value(0.0)), ValueError, r"log is defined for x > 0, got x = 0\.0"),
        (lambda: Value(1.0) / 0.0, ZeroDivisionError, r"defined for b != 0, got a = 1\.0, b = 0\.0"),
        (lambda: exp(Value(1e3)), OverflowError, r"exp\(x\) is too large for a float, got x = 1000\.0"),
    ],
)
def test_errors_that_are_raised_anyhow_stay_what_they_are(f, error, message):
    with pytest.raises(error, match=message), detect_anomaly():
        f()


# Forward: through other people's code


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.dot(a, a),
        lambda a: a @ a,
        lambda a: np.sum(a * 1e108),
        lambda a: a.sum() * 1e108,
        lambda a: np.square(a),
        lambda a: a * np.array([1.0, 1e200, 1.0]),
        lambda a: np.prod(a),
        lambda a: np.mean(a * 1e108),
        lambda a: np.outer(a, a),
        lambda a: np.einsum("i,i", a, a),
        lambda a: np.cumsum(a * 1e108),
        lambda a: np.hypot(a * 1.5e108, a * 1.5e108),
    ],
)
def test_numpy_is_not_blamed_for_what_it_was_asked_to_compute(f):
    message = anomaly(f, array(Value(HUGE), Value(HUGE), Value(HUGE)))
    assert message.count("File ") == 1
    assert f'File "{__file__}", line {f.__code__.co_firstlineno}, in <lambda>\n    lambda a: ' in message


@pytest.mark.parametrize(
    "f",
    [
        lambda: softmax([Value(math.inf, "x"), 1.0]),
        lambda: mse([Value(1e300, "x")], [-1e300 * 1e10]),
        lambda: hinge([Value(math.inf, "x")], [-1]),
        lambda: cross_entropy([[Value(math.inf, "x"), 1.0]], [0]),
        lambda: MLP(1, [2, 1], seed=0)([math.inf]),
        lambda: Neuron(1, seed=0)([Value(math.nan, "x")]),
        lambda: grad(lambda x: Value(HUGE) * HUGE * x)(1.0),
        lambda: jacobian(lambda x: [x * HUGE, x])(HUGE),
    ],
)
def test_a_line_of_this_project_is_never_named(f):
    message = anomaly(f)
    assert message.count("File ") == 1
    assert f'File "{__file__}", line {f.__code__.co_firstlineno}, in <lambda>\n    lambda: ' in message


def test_the_line_of_a_users_module_is_named_within_a_model():
    class Square(Module):
        def forward(self, x):
            return x * x  # line module

    class Model(Module):
        def __init__(self):
            self.first, self.second = Square(), MLP(1, [1], activation="tanh", seed=1)

        def forward(self, x):
            return self.second([self.first(x)])

    message = anomaly(Model(), Value(HUGE, "x"))
    assert_line(message, "module")


def test_the_line_of_a_users_loss_is_named_within_fit():
    model = MLP(1, [1], seed=0)
    optimizer = SGD(model.parameters(), lr=0.1)

    def loss(outputs, targets):
        return fsum(o * o for o in outputs)  # line loss

    message = anomaly(lambda: fit(model, [[HUGE]], [1.0], loss=loss, optimizer=optimizer, epochs=1))
    assert_line(message, "loss")


@pytest.mark.parametrize("name", ["plain", "mit leerzeichen", "größe"])
def test_the_line_of_another_module_is_named(tmp_path, name):
    path = tmp_path / f"{name}.py"
    path.write_text("# one\n# two\ndef cube(x):\n    return (x *\n            x) * x\n", encoding="utf-8")
    specification = importlib.util.spec_from_file_location("other", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    message = anomaly(module.cube, Value(HUGE, "x"))
    assert message.startswith(f'a * b is inf, for a = 1e+200 (x), b = 1e+200 (x)\n  File "{path}", line 4, in cube\n')
    assert "return (x *" in message


def test_code_without_a_source_is_named_by_its_line():
    names = {}
    exec(compile("\n\ndef f(x):\n    return x * x\n", "<made up>", "exec"), names)
    message = anomaly(names["f"], Value(HUGE))
    assert message.splitlines()[1:] == ['  File "<made up>", line 4, in f']
    assert_first(anomaly(eval("lambda x: x * x"), Value(HUGE)), "a * b is inf, for a = 1e+200, b = 1e+200")


SCRIPT = """
from autograd import Value, detect_anomaly
with detect_anomaly():
    x = Value(1e200, "x")
    try:
        y = x * x
    except FloatingPointError as error:
        print(error)
"""


@pytest.mark.parametrize("flags", [[], ["-O"], ["-X", "no_debug_ranges"], ["-I"]])
def test_a_script_is_named_whatever_the_interpreters_flags(tmp_path, flags):
    path = tmp_path / "script.py"
    path.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r}){SCRIPT}", encoding="utf-8")
    run = subprocess.run([sys.executable, *flags, path], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    assert lines[:3] == [
        "a * b is inf, for a = 1e+200 (x), b = 1e+200 (x)",
        f'  File "{path}", line 7, in <module>',
        "    y = x * x",
    ]


def test_a_script_from_the_standard_input_is_named_by_its_line():
    run = subprocess.run(
        [sys.executable, "-"], input=SCRIPT, capture_output=True, text=True, check=True, cwd=ROOT, encoding="utf-8"
    )
    assert 'File "<stdin>", line 6, in <module>' in run.stdout


# Backward


def zero_times_infinity(take):
    x = Value(0.0, "x")
    y = sqrt(x)  # line zero times infinity
    take(y * 0.0, x)


def infinite_derivative(take):
    x = Value(0.0, "x")
    y = 3.0 * x.sqrt()  # line infinite derivative
    take(y, x)


def overflowing_product(take):
    x = Value(1e-200, "x")
    y = x * 1e200  # line overflowing product
    take(y * 1e200, x)


def undefined_derivative(take):
    a, b = Value(-2.0, "a"), Value(3.0, "b")
    y = a**b  # line undefined derivative
    take(y, b)


def both_undefined(take):
    x = Value(0.0, "x")
    y = hypot(x, x)  # line both undefined
    take(y, x)


def branch_not_taken(take):
    x = Value(0.0, "x")
    safe = where(x > 0.0, sqrt(x), 1.0)  # line branch not taken
    take(safe * x, x)


def one_of_many(take):
    ws = [Value(1e-200 if i == 3 else 0.5, f"w{i}") for i in range(8)]
    y = dot(ws, [1e-9, 1.0, 1.0, 1e200, 1.0, 1.0, 1.0, 1.0])  # line one of many
    take(y * 1e200, ws[3])


def own_rule(take):
    wrong = operation("own rule", lambda x: x, lambda y, x: math.nan)
    x = Value(2.0, "x")
    y = wrong(x * 2.0)  # line own rule
    take(y, x)


SWEEPS = {
    "zero times infinity": (
        zero_times_infinity,
        "sqrt(x): its derivative inf times the 0.0 that arrives is nan, for x = 0.0 (x)",
    ),
    "infinite derivative": (
        infinite_derivative,
        "sqrt(x): its derivative inf times the 3.0 that arrives is inf, for x = 0.0 (x)",
    ),
    "overflowing product": (
        overflowing_product,
        "a * b: its derivative by a 1e+200 times the 1e+200 that arrives is inf, for a = 1e-200 (x), b = 1e+200",
    ),
    "undefined derivative": (
        undefined_derivative,
        "a ** b: its derivative by b nan times the 1.0 that arrives is nan, for a = -2.0 (a), b = 3.0 (b)",
    ),
    "both undefined": (
        both_undefined,
        "hypot(a, b): its derivative by a nan times the 1.0 that arrives is nan, for a = 0.0 (x), b = 0.0 (x)",
    ),
    "branch not taken": (
        branch_not_taken,
        "sqrt(x): its derivative inf times the 0.0 that arrives is nan, for x = 0.0 (x)",
    ),
    "one of many": (
        one_of_many,
        "dot: its derivative by a[3] 1e+200 times the 1e+200 that arrives is inf, for "
        "a[3] = 1e-200 (w3), b[3] = 1e+200 among 16 operands",
    ),
    "own rule": (own_rule, "own_rule(x): its derivative nan times the 1.0 that arrives is nan, for x = 4.0"),
}
TAKERS = {
    "backward": lambda y, x: y.backward(),
    "gradients": lambda y, x: gradients(y, [x]),
    "all gradients": lambda y, x: gradients(y, [x, y]),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("mark", SWEEPS)
def test_the_product_of_the_chain_rule_is_named_with_the_line_that_made_the_node(mark, taker):
    f, first = SWEEPS[mark]
    message = anomaly(f, TAKERS[taker])
    assert_first(message, f"in the chain rule through {first}")
    assert message.count("File ") == 1
    assert_line(message, mark)


@pytest.mark.parametrize("mark", SWEEPS)
def test_the_line_is_named_where_the_gradients_are_graphs_too(mark):
    message = anomaly(SWEEPS[mark][0], lambda y, x: gradients(y, [x], create_graph=True))
    assert re.match("in the (chain rule through|derivative of) " + re.escape(SWEEPS[mark][1].split(":")[0]), message)
    assert_line(message, mark)


def test_a_derivative_that_is_a_graph_names_the_node_and_what_went_wrong_in_its_rule():
    def f():
        x = Value(0.0, "x")
        y = sqrt(x)  # line of a root
        gradients(y, [x], create_graph=True)  # line of its derivative

    message = anomaly(f)
    lines = message.splitlines()
    assert lines[0] == "in the derivative of sqrt(x), for x = 0.0 (x)"
    assert f"line {place('of a root')[0]}," in lines[1]
    assert "a / b is inf, for a = 0.5, b = 0.0" in lines
    assert_line(message, "of a root")
    assert_line(message, "of its derivative")


def test_the_line_of_a_users_partial_derivative_is_named():
    steep = operation("steep", lambda x: x, lambda y, x: x * HUGE)  # line partial

    def f():
        x = Value(HUGE, "x")
        y = steep(x)  # line steep
        gradients(y, [x], create_graph=True)

    message = anomaly(f)
    assert_first(message, "in the derivative of steep(x), for x = 1e+200 (x)")
    assert "a * b is inf, for a = 1e+200 (x), b = 1e+200" in message
    assert_line(message, "partial")
    assert_line(message, "steep")


@pytest.mark.parametrize("label", ["", "inner"])
def test_a_sum_of_products_that_overflows_is_named_at_the_node_where_it_arrives(label):
    def f():
        x = Value(1e-200, "x")
        u = x * 1.0  # line sum at a node
        u.label = label
        (u * 1e308 + u * 1e308).backward()

    message = anomaly(f)
    assert_first(message, f"in the chain rule, what arrives at {label or 'a * b'} adds up to inf")
    assert_line(message, "sum at a node")


@pytest.mark.parametrize(("label", "name"), [("x", "x"), ("", "the leaf 1e-200")])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_sum_of_products_that_overflows_is_named_at_the_leaf_where_it_arrives(label, name, sign):
    def f():
        x = Value(1e-200, label)
        (x * (sign * 1e308) + x * (sign * 1e308)).backward()

    assert_first(anomaly(f), f"in the chain rule, what arrives at {name} adds up to {sign * math.inf}")


@pytest.mark.parametrize("seed", [math.inf, -math.inf, math.nan])
def test_a_seed_that_is_not_finite_is_named(seed):
    def f():
        y = Value(1.0) * 2.0  # line seed
        y.backward(seed)

    message = anomaly(f)
    assert_first(message, f"in the chain rule, what arrives at a * b adds up to {seed}")
    assert_line(message, "seed")
    leaf = Value(1.0, "x")
    assert_first(anomaly(leaf.backward, seed), f"in the chain rule, what arrives at x adds up to {seed}")


@pytest.mark.parametrize(
    "derivative",
    [
        lambda f, x: grad(f)(x),
        lambda f, x: value_and_grad(f)(x),
        lambda f, x: jacobian(f)(x),
        lambda f, x: jacobian(lambda x: [f(x)] * 3)(x),
        lambda f, x: hessian(f)(x),
        lambda f, x: hvp(f)(x, 1.0),
        lambda f, x: vjp(f, x)[1](1.0),
        lambda f, x: jvp(f, (x,), (1.0,)),
        lambda f, x: grad(grad(f))(x),
        lambda f, x: grad(lambda x: grad(f)(x) * 2.0)(x),
        lambda f, x: jvp(grad(f), (x,), (1.0,)),
        lambda f, x: grad(lambda x: jvp(f, (x,), (1.0,))[1])(x),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_every_transform_names_the_line(derivative, inside):
    def f(x):
        return sqrt(x) * 2.0  # line transformed

    message = anomaly(derivative, f, Value(0.0) if inside else 0.0)
    assert re.match(r"in the (chain rule through|derivative of) sqrt\(x\)", message)
    assert_line(message, "transformed")


def test_the_second_derivative_is_looked_at_where_the_first_is_finite():
    def f(x):
        return x**1.5  # line of the power

    with detect_anomaly():
        assert grad(f)(0.0) == 0.0
    for derivative in (grad(grad(f)), hessian(f), lambda x: hvp(f)(x, 1.0), jacobian(grad(f))):
        message = anomaly(derivative, 0.0)
        assert_first(message.split(":")[0], "in the chain rule through x ** 0.5")
        assert (
            "its derivative inf times the 1.5 that arrives is inf, for x = 0.0" in message or "times the 1.0" in message
        )


def test_forward_mode_overflows_are_named():
    assert "a * b: its derivative by a 1e+200 times the 1e+200 that arrives is inf" in anomaly(
        lambda: jvp(lambda x: x * HUGE * HUGE, (1e-200,), (1.0,))
    )
    assert "what arrives at a + b adds up to inf" in anomaly(
        lambda: jvp(lambda x: x * 1e308 + x * 1e308, (1e-200,), (1.0,))
    )
    assert "adds up to inf" in anomaly(lambda: jvp(sin, (0.0,), (math.inf,)))
    assert "adds up to nan" in anomaly(lambda: vjp(sin, 0.0)[1](math.nan))


def test_edges_that_lead_to_no_input_are_not_looked_at():
    x, y = Value(0.0, "x"), Value(2.0, "y")
    with detect_anomaly():
        assert gradients(sqrt(x) + y * y, [y]) == [4.0]
        (sqrt(Constant(0.0)) + y * y).backward()
    assert y.grad == 4.0
    assert "sqrt" in anomaly(lambda: (sqrt(x) + y * y).backward())


def test_a_backward_that_fails_leaves_the_gradients_as_they_were():
    x, w = Value(0.0, "x"), Value(2.0, "w")
    x.grad, w.grad = 3.0, 5.0
    y = w * w + sqrt(x) * w
    anomaly(y.backward)
    assert (x.grad, w.grad, y.grad) == (3.0, 5.0, 0.0)


def test_a_graph_made_outside_of_the_block_is_looked_at_without_its_line():
    x = Value(0.0, "x")
    y = sqrt(x) * 0.0
    message = anomaly(y.backward)
    assert message == (
        "in the chain rule through sqrt(x): its derivative inf times the 0.0 that arrives is nan, for x = 0.0 (x)\n"
        "  made outside of detect_anomaly(); build it in the block to see its line"
    )


def test_a_graph_made_in_an_earlier_block_still_knows_its_lines():
    with detect_anomaly():
        x = Value(0.0, "x")
        y = sqrt(x)  # line earlier block
    y.backward()
    assert x.grad == math.inf
    assert_line(anomaly(y.backward), "earlier block")


# Where the block begins and ends


def test_outside_of_the_block_infinities_pass():
    with detect_anomaly():
        assert (Value(2.0) * 3.0).data == 6.0
    x = Value(HUGE)
    y = x * x
    (y * 0.0).backward()
    assert math.isinf(y.data)
    assert x.grad == 0.0


@pytest.mark.parametrize("error", [KeyError, ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_ends_the_block(error):
    with pytest.raises(error, match="mine"), detect_anomaly():
        raise error("mine")
    assert (Value(HUGE) * HUGE).data == math.inf


def test_an_anomaly_caught_within_the_block_does_not_end_it():
    with detect_anomaly():
        for _ in range(3):
            with pytest.raises(FloatingPointError, match=r"a \* b is inf"):
                Value(HUGE) * HUGE
        assert modes.blocks == 1


def test_blocks_nest():
    with detect_anomaly():
        with detect_anomaly():
            assert modes.blocks == 2
        with pytest.raises(FloatingPointError, match=r"a \* b is inf"):
            product(Value(HUGE), HUGE)
        with pytest.raises(FloatingPointError, match="is inf"), detect_anomaly():
            product(Value(HUGE), HUGE)
        with pytest.raises(FloatingPointError, match="is inf"):
            product(Value(HUGE), HUGE)


def test_as_a_decorator_it_surrounds_every_call():
    @detect_anomaly()
    def f(x):
        """Return the square."""
        return x * x  # line decorated

    for _ in range(3):
        assert f(Value(3.0)).data == 9.0
        with pytest.raises(FloatingPointError, match=r"a \* b is inf") as caught:
            f(Value(HUGE))
        assert_line(str(caught.value), "decorated")
        assert modes.blocks == 0
    assert (f.__name__, f.__doc__) == ("f", "Return the square.")


def test_a_decorated_function_may_call_itself():
    @detect_anomaly()
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    assert power(Value(2.0), 10).data == 1024.0
    with pytest.raises(FloatingPointError, match="is inf"):
        power(Value(1e100), 10)


@pytest.mark.parametrize("blocks", [(no_grad, detect_anomaly), (detect_anomaly, no_grad)])
def test_numbers_are_looked_at_where_nothing_is_recorded(blocks):
    with blocks[0](), blocks[1]():
        y = Value(2.0) * 3.0
        assert (y.data, y.parents) == (6.0, ())
        with pytest.raises(FloatingPointError, match=r"a \* b is inf") as caught:
            product(Value(HUGE), HUGE)
        assert_line(str(caught.value), "product")
    assert (Value(2.0) * 3.0).parents


def test_a_thread_started_within_the_block_is_not_in_it():
    found = {}

    def work(name, block):
        try:
            with block():
                found[name] = product(Value(HUGE), HUGE).data
        except FloatingPointError as error:
            found[name] = str(error)

    with detect_anomaly():
        threads = [threading.Thread(target=work, args=pair) for pair in {"no": no_grad, "own": detect_anomaly}.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with pytest.raises(FloatingPointError, match="is inf"):
            product(Value(HUGE), HUGE)
    assert found["no"] == math.inf
    assert_line(found["own"], "product")


def test_a_thread_within_the_block_does_not_disturb_another_outside():
    inside, done = threading.Event(), threading.Event()
    found = []

    def work():
        with detect_anomaly():
            inside.set()
            done.wait(10)
            try:
                product(Value(HUGE), HUGE)
            except FloatingPointError as error:
                found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    x = Value(0.0)
    y = sqrt(x) * product(Value(HUGE), HUGE)
    assert math.isnan(y.data)
    sqrt(x).backward()
    assert x.grad == math.inf
    assert y.stamp is clock.now
    done.set()
    thread.join()
    assert len(found) == 1


def test_tasks_are_in_the_block_in_which_they_were_made_only():
    async def square(x):
        await asyncio.sleep(0)
        return (x * x).data

    async def inspected(x):
        with detect_anomaly():
            await asyncio.sleep(0.001)
            return await square(x)

    async def main():
        plain = asyncio.create_task(square(Value(HUGE)))
        task = asyncio.create_task(inspected(Value(HUGE)))
        with detect_anomaly():
            heir = asyncio.create_task(square(Value(HUGE)))
        return await asyncio.gather(plain, task, heir, square(Value(HUGE)), return_exceptions=True)

    plain, task, heir, last = asyncio.run(main())
    assert plain == last == math.inf
    for found in (task, heir):
        assert isinstance(found, FloatingPointError)
        assert "return (x * x).data" in str(found)


# No anomaly is overlooked, and none is made up


FUNCTIONS = ["sqrt", "sin", "cbrt", "log", "relu", "tanh", "exp", "abs", "asin"]


def expression(rng, depth):
    """A random formula in x, y and c, as Python."""
    if depth == 0:
        return rng.choice("xyxyc")
    left, right = expression(rng, depth - 1), expression(rng, rng.randrange(depth))
    function, pair = rng.choice(FUNCTIONS), rng.choice(["hypot", "maximum", "atan2"])
    arithmetic = f"({left} {rng.choice('+-*/')} {right})"
    power = f"({left}) ** {rng.choice([2, 3, 0.5, -1, 1.5])}"
    return rng.choice([arithmetic, arithmetic, power, f"{pair}({left}, {right})", *[f"{function}({left})"] * 3])


def computed(formula, x, y):
    """The result and all derivatives of a formula, or its error; and whether every number on the way is finite."""
    x, y = Value(x, "x"), Value(y, "y")
    try:
        z = eval(formula, {**rules.FUNCTIONS, "x": x, "y": y, "c": Constant(2.5)})
        z.backward()
        slopes = gradients(z, [x, y])
    except (ValueError, ArithmeticError) as error:
        return f"{type(error).__name__}: {error}", None
    on_the_way = [number for node in topological_order(z) for number in (node.data, node.grad)]
    return repr([z, x, y, slopes]), all(map(math.isfinite, on_the_way))


def test_there_is_an_error_exactly_where_a_number_is_not_finite():
    rng = random.Random(11)
    outcomes = Counter()
    for _ in range(4000):
        formula = expression(rng, rng.randint(1, 4))
        x, y = (rng.choice([0.0, 1.0, rng.uniform(-2.0, 2.0), 1e90]) for _ in range(2))
        wanted, finite = computed(formula, x, y)
        with detect_anomaly():
            found, _ = computed(formula, x, y)
        anomalous = found.startswith("FloatingPointError: ")
        assert anomalous or found == wanted, (formula, x, y)
        if finite is not None:  # else there is an error anyhow, though a number before it may be infinite already
            assert anomalous is not finite, (formula, x, y)
        outcomes[finite, anomalous] += 1
    assert min(outcomes[True, False], outcomes[False, True], outcomes[None, False]) > 100


# What is made within the block is like what is made outside


def everything(x, y):
    """A graph with every kind of node: of one, of two, of three and of many operands, scopes and models."""
    with scope("part"):
        z = tanh(x) * y + where(x > 0.0, x, y) - dot([x, y, 2.0], [y, 3.0, x])
    w = logsumexp([z, x, y, 1.0]) + sum(softmax([x, z])) ** 2 + relu(-z)
    return MLP(2, [3, 1], "tanh", seed=3)([w, x]) * mean([w, z]) + abs(z) / (1.0 + x * x) - maximum(z, y)


def numbers(call):
    x, y = Value(0.3, "x"), Value(-1.2, "y")
    z = everything(x, y)
    z.backward()
    slopes = gradients(z, [x, y], create_graph=True)
    curvature = gradients(slopes[0], [x, y])
    f = lambda v: everything(*v)
    v = [0.3, -1.2]
    transforms = [grad(f)(v), hessian(f)(v), hvp(f)(v, [1.0, 2.0]), jvp(f, (v,), ([1.0, 2.0],)), vjp(f, v)[1](2.0)]
    return repr([z.data, x.grad, y.grad, [s.data for s in slopes], curvature, transforms, text(z), call])


def test_results_and_gradients_are_the_same_to_the_last_bit():
    outside = numbers("f")
    with detect_anomaly():
        inside = numbers("f")
    assert inside == outside


def test_graphs_outside_share_a_stamp_and_have_their_own_within_the_block():
    x = Value(2.0)
    a, b = x * x, x + x
    assert a.stamp is b.stamp
    with detect_anomaly():
        c, d = x * x, x + x
        leaf = Value(1.0)
    assert c.stamp is not d.stamp
    assert leaf.stamp is a.stamp
    e, f = x * x, x + x
    assert e.stamp is f.stamp is a.stamp
    assert c.stamp.tick == a.stamp.tick


def test_scopes_are_kept():
    with detect_anomaly():
        outside = Value(1.0) * 2.0
        with scope("outer") as outer:
            a = Value(1.0) * 2.0
            with scope("inner") as inner:
                b = a * 3.0
            c = b * 4.0
        neuron = Neuron(1, seed=0)
        d = neuron([2.0])
    assert [node.scope for node in (outside, a, b, c)] == [None, outer, inner, outer]
    assert inner.outer is outer
    assert d.scope.title == "Neuron"
    assert d.scope.parameters() == neuron.parameters()


def test_a_leaf_that_is_changed_within_the_block_is_found_out():
    with detect_anomaly():
        x = Value(2.0, "x")
        y = x * x
        x.data = 3.0
        with pytest.raises(RuntimeError, match="the data of the leaf x was changed"):
            y.backward()
        z = x * x
        z.backward()
    assert x.grad == 6.0
    z.backward()
    assert x.grad == 12.0


def graph():
    with detect_anomaly(), scope("part"):
        x = Value(2.0, "x")
        return x, sin(x) * x + dot([x, 1.0, x], [x, x, 3.0])


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair)), lambda pair: pickle.loads(pickle.dumps(pair, 2))],
)
def test_graphs_can_be_copied_and_pickled(copied):
    x, y = graph()
    x2, y2 = copied((x, y))
    y.backward()
    y2.backward()
    assert (x2.grad, y2.data, y2.scope.title) == (x.grad, y.data, "part")
    assert x2 is not x
    assert text(y2) == text(y)
    with detect_anomaly():
        y2.backward()
        (y2 * 2.0).backward()
    assert x2.grad == 4 * x.grad


def test_a_copied_graph_is_looked_at():
    with detect_anomaly():
        y = sqrt(Value(0.0, "x"))
    for other in (copy.deepcopy(y), pickle.loads(pickle.dumps(y)), copy.copy(y)):
        assert_first(
            anomaly(other.backward),
            "in the chain rule through sqrt(x): its derivative inf times the 1.0 that arrives is inf, for x = 0.0 (x)",
        )


def test_a_model_trained_within_the_block_can_be_pickled():
    model = MLP(2, [3, 1], seed=1)
    with detect_anomaly():
        mse([model([0.1, 0.2])], [1.0]).backward()
        SGD(model.parameters(), lr=0.1).step()
    again = pickle.loads(pickle.dumps(model))
    assert again.state_dict() == model.state_dict()


def test_graphs_can_be_drawn():
    pytest.importorskip("graphviz")
    _, y = graph()
    drawing = draw(y)
    assert "part" in str(drawing)
    with detect_anomaly():
        assert str(draw(y)) == str(drawing)


def test_graphs_have_no_reference_cycles():
    gc.collect()
    gc.disable()
    try:
        x, y = graph()
        y.backward()
        with detect_anomaly():
            slopes = gradients(y, [x], create_graph=True)
            hessian(lambda v: everything(*v))([0.3, -1.2])
        del x, y, slopes
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_graphs_are_freed_with_their_last_reference():
    freed = []

    class Witness(Value):
        __slots__ = ("__weakref__",)

    gc.disable()
    try:
        with detect_anomaly():
            x = Witness(2.0)
            weakref.finalize(x, freed.append, "x")
            y = sin(x) * 3.0
            y.backward()
            del x
            assert freed == []
            del y
            assert freed == ["x"]
    finally:
        gc.enable()


def test_no_frame_is_kept_alive():
    class Local:
        pass

    def make():
        local = Local()
        with detect_anomaly():
            x = Value(2.0, "x")
            y = (lambda: sin(x) * x)()
            y.backward()
            (slope,) = gradients(y, [x], create_graph=True)
        return weakref.ref(local), y, slope

    gc.disable()
    try:
        local, y, slope = make()
        assert local() is None
        assert y.parents
        assert slope.parents
    finally:
        gc.enable()


def test_a_chain_of_a_hundred_thousand_operations_is_looked_at_without_recursion():
    with detect_anomaly():
        x = Value(1.0)
        y = x
        for _ in range(100_000):
            y = y + 1.0
        y.backward()
    assert x.grad == 1.0
    del y


def test_outside_of_the_block_nodes_are_made_as_ever(monkeypatch):
    def fail(*args):
        raise AssertionError("looked at")

    monkeypatch.setattr(modes, "inspected", fail)
    monkeypatch.setattr(modes, "inspected_edges", fail)
    x = Value(2.0)
    (x * x).backward()
    assert x.grad == 4.0
    with detect_anomaly(), pytest.raises(AssertionError, match="looked at"):
        x * x


def test_the_message_of_the_docstring_is_what_users_see_in_a_traceback(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(
            f"""
            import sys
            sys.path.insert(0, {str(ROOT)!r})
            from autograd import Value, detect_anomaly, sqrt
            with detect_anomaly():
                root = sqrt(Value(0.0, "x"))
                root.backward()
            """
        ),
        encoding="utf-8",
    )
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert (
        "FloatingPointError: in the chain rule through sqrt(x): its derivative inf times the 1.0 that arrives is inf, "
        f'for x = 0.0 (x)\n  File "{path}", line 6, in <module>\n    root = sqrt(Value(0.0, "x"))\n'
    ) in run.stderr


@pytest.mark.parametrize("f", [lambda x: (x * 1e308 + x * 1e308).backward(), lambda x: x.backward(math.inf)])
def test_a_message_about_a_leaf_ends_with_its_text(f):
    message = anomaly(f, Value(1e-200, "x"))
    assert message == message.rstrip()


def test_a_sum_that_overflows_at_a_leaf_names_a_line():
    def f():
        x = Value(1e-200, "x")
        y = x * 1e308 + x * 1e308  # line sum at a leaf
        y.backward()

    assert_line(anomaly(f), "sum at a leaf")


def test_equal_extremes_of_many_operands_are_not_the_same_one_twice():
    message = anomaly(lambda: dot([Value(HUGE, "w")] * 5, [Value(HUGE, "x")] * 5))
    assert message.splitlines()[0].count("a[0]") == 1
    assert "(x)" in message.splitlines()[0]


def test_a_sum_of_the_chain_rule_that_overflows_in_a_graph_is_said_to_be_one():
    def f():
        x = Value(1e-200, "x")
        u = x * 1.0  # line sum in a graph
        gradients(u * 1e308 + u * 1e308, [x], create_graph=True)

    message = anomaly(f)
    assert_first(message, "in the chain rule, what arrives at a * b adds up to inf")
    assert_line(message, "sum in a graph")


def test_the_operand_by_which_the_derivative_was_is_named():
    message = anomaly(undefined_derivative, lambda y, x: gradients(y, [x]))
    assert "its derivative by b nan times" in message
