"""detect_anomaly names the operation and the line that made the first NaN or infinity, and leaves no trace behind."""

import copy
import functools
import importlib.util
import math
import pickle
import random
import re
import subprocess
import sys
import threading
import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import autograd as ad
from autograd import Constant, Value, detect_anomaly, dot, fsum, grad, gradients, no_grad, rules, scope, sin, sqrt, tanh
from autograd.engine import clock, modes
from autograd.engine.chain import topological_order
from autograd.rules.operation import Family, NAry
from nn import MLP, SGD, Module, Neuron, cross_entropy, fit, hinge, mse
from tests.collector import collector_off, leaves_no_cycle
from tests.environment import file_name
from tests.threads import in_threads

ROOT = Path(ad.__file__).parents[1]
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


def in_place(x, y):
    x *= y  # line in place
    return x


def in_a_property(x, y):
    class Pair:
        @property
        def area(self):
            return x * y  # line property

    return Pair().area


# fmt: off
OF_X_AND_Y = {
    "product": product,
    "in place": in_place,
    "property": in_a_property,
    "several": lambda x, y: (
        x  # line several
        *
        y
    ),
    "reduce": lambda x, y: functools.reduce(lambda a, b: a * b, [x, 1.0, y]),  # line reduce
    "sum": lambda x, y: sum([x * 1e108, y * 1e108]),  # line sum
    "comprehension": lambda x, y: [a * b for a, b in [(x, y)]],  # line comprehension
    "generator": lambda x, y: fsum(a * b for a, b in [(x, y)]),  # line generator
    "map": lambda x, y: list(map(lambda a, b: a * b, [x], [y])),  # line map
    "method": lambda x, y: x.hypot(y).tanh() + (x / 1e-200),  # line method
    "lambda": lambda x, y: x / (1.0 / y),  # line lambda
}
# fmt: on
SAID = dict.fromkeys(OF_X_AND_Y, "a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)") | {
    "reduce": "a * b is inf, for a = 1e+200, b = 1e+200 (y)",
    "sum": "a + b is inf, for a = 1e+308, b = 1e+308",
    "method": "a / b is inf, for a = 1e+200 (x), b = 1e-200",
    "lambda": "a / b is inf, for a = 1e+200 (x), b = 1e-200",
}  # fmt: skip


@pytest.mark.parametrize("mark", OF_X_AND_Y)
def test_the_line_that_made_an_infinity_is_named(mark):
    message = anomaly(OF_X_AND_Y[mark], Value(HUGE, "x"), Value(HUGE, "y"))
    assert_first(message, SAID[mark])
    assert_line(message, mark)


def test_the_innermost_line_is_named_and_the_part_of_it_underlined():
    nested = lambda x, y: sin(product(x, y)) + 1.0
    number, source = place("product")
    shown = f'  File "{__file__}", line {number}, in product\n    {source}\n           ~~^~~'
    assert anomaly(nested, Value(HUGE), Value(HUGE)) == f"a * b is inf, for a = 1e+200, b = 1e+200\n{shown}"


# fmt: off
NAN, INF, W, X = Value(math.nan, "n"), Value(math.inf, "i"), Value(HUGE, "w"), Value(HUGE, "x")
ONE, NAN_RULE = Value(1.0, "q"), ad.operation("bad op", lambda x: math.nan, lambda y, x: 1.0)
NAMED = {
    "a - b is nan, for a = inf (i), b = inf (j)": lambda: INF - Value(math.inf, "j"),
    "a + b is inf, for a = inf (i), b = 1.0": lambda: INF + 1.0,
    "a - b is -inf, for a = 1.0, b = inf (i)": lambda: 1.0 - INF,
    "a * b is nan, for a = 0.0 (z), b = inf": lambda: Value(0.0, "z") * math.inf,
    "-x is nan, for x = nan (n)": lambda: -NAN,
    "abs(x) is inf, for x = -inf": lambda: abs(Value(-math.inf)),
    "x ** 2 is nan, for x = nan (n)": lambda: NAN**2,
    "maximum(a, b) is nan, for a = nan (n), b = 1.0": lambda: ad.maximum(NAN, 1.0),
    "where(condition, a, b) is inf, for condition = 1.0, a = inf (i), b = 2.0": lambda: ad.where(1.0, INF, 2.0),
    "leaky_relu(x, 0.01) is inf, for x = inf (i)": lambda: rules.leaky_relu(INF),
    "fsum([xs[0], xs[1]]) is inf, for xs[0] = inf (i), xs[1] = 1.0": lambda: fsum([INF, 1.0]),
    "dot([a[0]], [b[0]]) is inf, for a[0] = 1e+200 (w), b[0] = 1e+200 (x)": lambda: dot([W], [X]),
    "mean is nan, for xs[9] = nan (n) among 10 operands": lambda: ad.mean([ONE] * 9 + [NAN]),
    "logsumexp is inf, for xs[8] = inf (i), xs[9] = inf among 10 operands":
        lambda: ad.logsumexp([0.0] * 8 + [INF, Value(math.inf)]),
    "dot is inf, for a[0] = 1.0 (q), b[3] = 1e+201 (v) among 8 operands":
        lambda: dot([ONE] * 3 + [W], [2.0] * 3 + [Value(1e201, "v")]),
    "dot is inf, for a[0] = 1e+200 (w), b[4] = 1e+200 (x) among 10 operands": lambda: dot([W] * 5, [X] * 5),
    f"fsum is inf, for {', '.join(f'xs[{i}] = inf (i)' for i in range(6))} among 20 operands": lambda: fsum([INF] * 20),
    "bad_op(x) is nan, for x = 1.0 (q)": lambda: NAN_RULE(ONE),
    "fsum([xs[0], xs[1], xs[2], xs[3], xs[4], xs[5]]) is inf, for xs[0] = inf (i), "
    + ", ".join(f"xs[{i}] = 1.0" for i in range(1, 6)): lambda: fsum([INF] + [1.0] * 5),  # all, up to six
}
# fmt: on


@pytest.mark.parametrize("first", NAMED)
def test_the_operation_and_its_operands_are_named(first):
    assert_first(anomaly(NAMED[first]), first)


def spreads_nan(row):
    """Whether a nan as the first operand makes the result nan; a condition, such as that of where, may swallow it."""
    return math.isnan(row.evaluate([math.nan, *[0.5 for _ in row.partials[1:]]]))


FIXED = [row for row in rules.TABLE.values() if not isinstance(row, (Family, NAry))]


def test_a_nan_among_the_operands_is_named_for_every_operation():
    for row in filter(spreads_nan, FIXED):
        operands = [Value(math.nan, "culprit"), *[Value(0.5) for _ in row.partials[1:]]]
        first = anomaly(lambda row=row, operands=operands: row(*operands)).splitlines()[0]
        assert first.startswith(f"{row.expression(*row.arguments)} is nan, for ")
        assert "nan (culprit)" in first


def test_leaves_and_plain_floats_may_be_infinite_and_errors_stay_what_they_are():
    with detect_anomaly():
        x = Value(math.inf)
        x.data = math.nan
        y = Constant(-math.inf)
        assert x.detach().data != x.data
        assert +x is x
        assert sqrt(math.inf) == fsum([math.inf, 1.0]) == math.inf
        assert math.isnan(tanh(math.nan))
        with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = 0\.0"):
            ad.log(Value(0.0))
        with pytest.raises(ZeroDivisionError, match=r"defined for b != 0, got a = 1\.0, b = 0\.0"):
            Value(1.0) / 0.0
        with pytest.raises(OverflowError, match=r"exp\(x\) is too large for a float, got x = 1000\.0"):
            ad.exp(Value(1e3))
    assert (math.isnan(x.data), y.data) == (True, -math.inf)


# Forward: through other people's code


def assert_only_line(message, f):
    assert message.count("File ") == 1
    assert f'File "{__file__}", line {f.__code__.co_firstlineno}, in <lambda>\n    lambda' in message


IN_NUMPY = [
    lambda a: np.dot(a, a), lambda a: a @ a, lambda a: np.sum(a * 1e108), lambda a: a.sum() * 1e108,
    lambda a: np.square(a), lambda a: a * np.array([1.0, 1e200, 1.0]), lambda a: np.prod(a),
    lambda a: np.mean(a * 1e108), lambda a: np.outer(a, a), lambda a: np.einsum("i,i", a, a),
    lambda a: np.cumsum(a * 1e108), lambda a: np.hypot(a * 1.5e108, a * 1.5e108),
]  # fmt: skip
IN_THIS_PROJECT = [
    lambda: ad.softmax([Value(math.inf, "x"), 1.0]), lambda: mse([Value(1e300, "x")], [-1e300 * 1e10]),
    lambda: hinge([Value(math.inf, "x")], [-1]), lambda: cross_entropy([[Value(math.inf, "x"), 1.0]], [0]),
    lambda: MLP(1, [2, 1], seed=0)([math.inf]), lambda: Neuron(1, seed=0)([Value(math.nan, "x")]),
    lambda: grad(lambda x: Value(HUGE) * HUGE * x)(1.0), lambda: ad.jacobian(lambda x: [x * HUGE, x])(HUGE),
]  # fmt: skip


def test_the_line_of_the_caller_is_named_where_numpy_or_this_project_computes():
    for f in IN_NUMPY:
        assert_only_line(anomaly(f, np.array([Value(HUGE), Value(HUGE), Value(HUGE)])), f)
    for f in IN_THIS_PROJECT:
        assert_only_line(anomaly(f), f)


def test_the_line_of_a_users_module_or_loss_is_named_within_a_model_and_within_fit():
    class Square(Module):
        def forward(self, x):
            return x * x  # line module

    class Model(Module):
        def __init__(self):
            self.first, self.second = Square(), MLP(1, [1], activation="tanh", seed=1)

        def forward(self, x):
            return self.second([self.first(x)])

    def loss(outputs, targets):
        return fsum(o * o for o in outputs)  # line loss

    assert_line(anomaly(Model(), Value(HUGE, "x")), "module")
    model = MLP(1, [1], seed=0)
    trained = {"loss": loss, "optimizer": SGD(model.parameters(), lr=0.1), "epochs": 1}
    assert_line(anomaly(lambda: fit(model, [[HUGE]], [1.0], **trained)), "loss")


@pytest.mark.parametrize("name", ["plain", "mit leerzeichen", "größe"])
def test_the_line_of_another_module_is_named(tmp_path, name):
    path = tmp_path / file_name(f"{name}.py")
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


SCRIPT = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from autograd import Value, detect_anomaly, sqrt
with detect_anomaly():
    x = Value(1e200, "x")
    try:
        y = x * x
    except FloatingPointError as error:
        print(error)
    root = sqrt(Value(0.0, "x"))
    root.backward()
"""


@pytest.mark.parametrize("flags", [[], ["-O", "-I", "-X", "no_debug_ranges"], ["-"]], ids=" ".join)
def test_a_script_is_named_whatever_the_interpreters_flags(tmp_path, flags):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    options = {"input": SCRIPT} if flags == ["-"] else {}
    run = subprocess.run(
        [sys.executable, *flags, *([] if options else [path])], capture_output=True, text=True, check=False, **options
    )
    file = "<stdin>" if options else path
    said = ["a * b is inf, for a = 1e+200 (x), b = 1e+200 (x)", f'  File "{file}", line 8, in <module>']
    assert run.stdout.splitlines()[: 2 + (not options)] == said + ["    y = x * x"] * (not options)
    assert run.returncode == 1
    raised = "FloatingPointError: in the chain rule through sqrt(x): its derivative inf times the 1.0 that arrives is "
    raised += f'inf, for x = 0.0 (x)\n  File "{file}", line 11, in <module>\n'
    assert raised + '    root = sqrt(Value(0.0, "x"))\n' * (not options) in run.stderr


# Backward


# fmt: off
OWN = ad.operation("own rule", lambda x: x, lambda y, x: math.nan)
OF_A_LEAF = {  # the number of the leaf, and a result of which one line's derivative is wrong
    "zero times infinity": (0.0, lambda x: 0.0 * (
        sqrt(x)  # line zero times infinity
    )),
    "infinite derivative": (0.0, lambda x: 3.0 * (
        x.sqrt()  # line infinite derivative
    )),
    "overflowing product": (1e-200, lambda x: 1e200 * (
        x * 1e200  # line overflowing product
    )),
    "undefined derivative": (3.0, lambda x: (
        Value(-2.0, "a") ** x  # line undefined derivative
    )),
    "both undefined": (0.0, lambda x: (
        ad.hypot(x, x)  # line both undefined
    )),
    "branch not taken": (0.0, lambda x: x * (
        ad.where(x > 0.0, sqrt(x), 1.0)  # line branch not taken
    )),
    "one of many": (1e-200, lambda x: 1e200 * (
        dot([0.5, x, *[Value(0.5, "w")] * 6], [1.0, 1e200, *[1.0] * 6])  # line one of many
    )),
    "own rule": (2.0, lambda x: (
        OWN(x * 2.0)  # line own rule
    )),
}
# fmt: on
THROUGH = {
    "zero times infinity": "sqrt(x): its derivative inf times the 0.0 that arrives is nan, for x = 0.0 (x)",
    "infinite derivative": "sqrt(x): its derivative inf times the 3.0 that arrives is inf, for x = 0.0 (x)",
    "overflowing product": "a * b: its derivative by a 1e+200 times the 1e+200 that arrives is inf, for a = 1e-200 "
    "(x), b = 1e+200",
    "undefined derivative": "a ** b: its derivative by b nan times the 1.0 that arrives is nan, for a = -2.0 (a), "
    "b = 3.0 (x)",
    "both undefined": "hypot(a, b): its derivative by a nan times the 1.0 that arrives is nan, for a = 0.0 (x), "
    "b = 0.0 (x)",
    "branch not taken": "sqrt(x): its derivative inf times the 0.0 that arrives is nan, for x = 0.0 (x)",
    "one of many": "dot: its derivative by a[1] 1e+200 times the 1e+200 that arrives is inf, for a[1] = 1e-200 (x), "
    "b[1] = 1e+200 among 16 operands",
    "own rule": "own_rule(x): its derivative nan times the 1.0 that arrives is nan, for x = 4.0",
}


@pytest.mark.parametrize("mark", OF_A_LEAF)
def test_the_product_of_the_chain_rule_is_named_with_the_line_that_made_the_node(mark):
    def message(take):
        return anomaly(lambda: take(f(x := Value(number, "x")), x))

    number, f = OF_A_LEAF[mark]
    for take in (lambda y, x: y.backward(), lambda y, x: gradients(y, [x]), lambda y, x: gradients(y, [x, y])):
        said = message(take)
        assert_first(said, f"in the chain rule through {THROUGH[mark]}")
        assert said.count("File ") == 1
        assert_line(said, mark)
    said = message(lambda y, x: gradients(y, [x], create_graph=True))
    assert re.match("in the (chain rule through|derivative of) " + re.escape(THROUGH[mark].split(":")[0]), said)
    assert_line(said, mark)


STEEP = ad.operation("steep", lambda x: x, lambda y, x: x * HUGE)  # line partial
# fmt: off
BY_GRAPHS = {  # a result, and what goes wrong in the graph of its derivative
    "a root": (0.0, "in the derivative of sqrt(x), for x = 0.0 (x)", "a / b is inf, for a = 0.5, b = 0.0", lambda x: (
        sqrt(x)  # line a root
    )),
    "one's own rule": (HUGE, "in the derivative of steep(x), for x = 1e+200 (x)",
                       "a * b is inf, for a = 1e+200 (x), b = 1e+200", lambda x: (
        STEEP(x)  # line one's own rule
    )),
}
# fmt: on


@pytest.mark.parametrize("mark", BY_GRAPHS)
def test_a_derivative_that_is_a_graph_names_the_node_and_what_went_wrong_in_its_rule(mark):
    number, first, wrong, f = BY_GRAPHS[mark]

    def differentiated():
        x = Value(number, "x")
        y = f(x)
        gradients(y, [x], create_graph=True)  # line of its derivative

    message = anomaly(differentiated)
    lines = message.splitlines()
    assert lines[0] == first
    assert f"line {place(mark)[0]}," in lines[1]
    assert wrong in lines
    assert_line(message, mark)
    assert_line(message, "of its derivative" if mark == "a root" else "partial")


@pytest.mark.parametrize("taken", [lambda y, x: y.backward(), lambda y, x: gradients(y, [x], create_graph=True)])
@pytest.mark.parametrize("label", ["", "inner"])
@pytest.mark.parametrize("of_a_leaf", [False, True])
def test_a_sum_of_products_that_overflows_is_named_where_it_arrives(of_a_leaf, label, taken):
    def f(factor):
        x = Value(1e-200)
        u = x if of_a_leaf else x * 1.0  # line sum of products
        u.label = label
        taken(u * factor + u * factor, x)  # line products

    unnamed = "the leaf 1e-200" if of_a_leaf else "a * b"
    for factor, total in ((1e308, math.inf), (-1e308, -math.inf)):
        message = anomaly(f, factor)
        assert_first(message, f"in the chain rule, what arrives at {label or unnamed} adds up to {total}")
        assert_line(message, "products" if of_a_leaf else "sum of products")


@pytest.mark.parametrize("seed", [math.inf, -math.inf, math.nan])
def test_a_seed_that_is_not_finite_is_named(seed):
    def f():
        y = Value(1.0) * 2.0  # line seed
        y.backward(seed)

    message = anomaly(f)
    assert_first(message, f"in the chain rule, what arrives at a * b adds up to {seed}")
    assert_line(message, "seed")
    message = anomaly(Value(1.0, "x").backward, seed)
    assert_first(message, f"in the chain rule, what arrives at x adds up to {seed}")
    assert message == message.rstrip()


DERIVATIVES = [
    lambda f, x: grad(f)(x), lambda f, x: ad.value_and_grad(f)(x), lambda f, x: ad.jacobian(f)(x),
    lambda f, x: ad.jacobian(lambda x: [f(x)] * 3)(x), lambda f, x: ad.hessian(f)(x), lambda f, x: ad.hvp(f)(x, 1.0),
    lambda f, x: ad.vjp(f, x)[1](1.0), lambda f, x: ad.jvp(f, (x,), (1.0,)), lambda f, x: grad(grad(f))(x),
    lambda f, x: grad(lambda x: grad(f)(x) * 2.0)(x), lambda f, x: ad.jvp(grad(f), (x,), (1.0,)),
    lambda f, x: grad(lambda x: ad.jvp(f, (x,), (1.0,))[1])(x),
]  # fmt: skip


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_every_transform_names_the_line(derivative):
    def f(x):
        return sqrt(x) * 2.0  # line transformed

    for inside in (False, True):
        message = anomaly(derivative, f, Value(0.0) if inside else 0.0)
        assert re.match(r"in the (chain rule through|derivative of) sqrt\(x\)", message)
        assert_line(message, "transformed")


def test_the_second_derivative_is_looked_at_where_the_first_is_finite():
    f = lambda x: x**1.5
    with detect_anomaly():
        assert grad(f)(0.0) == 0.0
    for derivative in (grad(grad(f)), ad.hessian(f), lambda x: ad.hvp(f)(x, 1.0), ad.jacobian(grad(f))):
        message = anomaly(derivative, 0.0)
        assert_first(message.split(":")[0], "in the chain rule through x ** 0.5")
        assert "its derivative inf times the 1.5 that arrives is inf, for x = 0.0" in message or "the 1.0" in message


def test_forward_mode_overflows_are_named():
    product = "a * b: its derivative by a 1e+200 times the 1e+200 that arrives is inf"
    for f, x, v, said in [
        (lambda x: x * HUGE * HUGE, 1e-200, 1.0, product), (sin, 0.0, math.inf, "adds up to inf"),
        (lambda x: x * 1e308 + x * 1e308, 1e-200, 1.0, "what arrives at a + b adds up to inf"),
    ]:  # fmt: skip
        assert said in anomaly(ad.jvp, f, (x,), (v,))
    assert "adds up to nan" in anomaly(lambda: ad.vjp(sin, 0.0)[1](math.nan))


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
    y = sqrt(Value(0.0, "x")) * 0.0
    assert anomaly(y.backward) == (
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


def is_looked_at():
    try:
        return product(Value(HUGE), HUGE).data != math.inf
    except FloatingPointError as error:
        assert_line(str(error), "product")
        return True


def test_outside_of_the_block_and_after_an_error_infinities_pass():
    with detect_anomaly():
        assert (Value(2.0) * 3.0).data == 6.0
    x = Value(HUGE)
    y = x * x
    (y * 0.0).backward()
    assert (math.isinf(y.data), x.grad) == (True, 0.0)
    for error in (KeyError, ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error, match="mine"), detect_anomaly():
            raise error("mine")
        assert not is_looked_at()


def test_blocks_nest_and_an_anomaly_caught_within_one_does_not_end_it():
    with detect_anomaly():
        with detect_anomaly():
            assert modes.blocks == 2
        assert is_looked_at()
        with pytest.raises(FloatingPointError, match="is inf"), detect_anomaly():
            product(Value(HUGE), HUGE)
        assert is_looked_at()
        assert modes.blocks == 1


@pytest.mark.parametrize("blocks", [(no_grad, detect_anomaly), (detect_anomaly, no_grad)])
def test_numbers_are_looked_at_where_nothing_is_recorded(blocks):
    with blocks[0](), blocks[1]():
        y = Value(2.0) * 3.0
        assert (y.data, y.parents) == (6.0, ())
        assert is_looked_at()
    assert (Value(2.0) * 3.0).parents


def test_a_thread_within_the_block_does_not_disturb_another_outside():
    inside, done = threading.Event(), threading.Event()

    def within():
        with detect_anomaly():
            inside.set()
            assert done.wait(10)
            return is_looked_at()

    def outside():
        assert inside.wait(10)
        x = Value(0.0)
        y = sqrt(x) * product(Value(HUGE), HUGE)
        sqrt(x).backward()
        done.set()
        return y, x.grad

    found, (y, slope) = in_threads(within, outside)
    assert (found, math.isnan(y.data), slope) == (True, True, math.inf)
    assert y.stamp is clock.now


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


def graph():
    with detect_anomaly(), scope("part"):
        x = Value(2.0, "x")
        return x, sin(x) * x + dot([x, 1.0, x], [x, x, 3.0])


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


COPIES = [
    copy.deepcopy,
    *(lambda thing, n=n: pickle.loads(pickle.dumps(thing, n)) for n in (2, pickle.DEFAULT_PROTOCOL)),
]


@pytest.mark.parametrize("copied", COPIES)
def test_graphs_and_models_can_be_copied_and_pickled(copied):
    x, y = graph()
    x2, y2 = copied((x, y))
    y.backward()
    y2.backward()
    assert (x2.grad, y2.data, y2.scope.title) == (x.grad, y.data, "part")
    assert x2 is not x
    assert ad.text(y2) == ad.text(y)
    model = MLP(2, [3, 1], seed=1)
    with detect_anomaly():
        y2.backward()
        (y2 * 2.0).backward()
        mse([model([0.1, 0.2])], [1.0]).backward()
        SGD(model.parameters(), lr=0.1).step()
        root = sqrt(Value(0.0, "x"))
    assert x2.grad == 4 * x.grad
    assert copied(model).state_dict() == model.state_dict()
    said = "in the chain rule through sqrt(x): its derivative inf times the 1.0 that arrives is inf, for x = 0.0 (x)"
    for other in (copied(root), copy.copy(root)):
        assert_first(anomaly(other.backward), said)


def test_graphs_have_no_reference_cycles():
    def use():
        x, y = graph()
        y.backward()
        with detect_anomaly():
            gradients(y, [x], create_graph=True)
            ad.hessian(lambda v: sin(v[0]) * dot(v, v))([0.3, -1.2])

    assert leaves_no_cycle(use)


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

    with collector_off():
        local, y, slope = make()
        assert local() is None
        assert y.parents
        assert slope.parents
