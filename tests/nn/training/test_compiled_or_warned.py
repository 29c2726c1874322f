"""Compiled training is eager training, or a warning says why it is eager: over kinds of examples, models and losses."""

import warnings
from dataclasses import make_dataclass
from typing import NamedTuple

import numpy as np
import pytest

from autograd import Value
from nn import SGD, Module, evaluate, fit, mse
from tests.errors import error_of

X = [[float(k), (k % 3) / 2] for k in range(6)]
REAL = [2.0 * a - b + 5.0 for a, b in X]
BIAS = [1.0]  # as an input, where an example is a list


class Flat(NamedTuple):
    area: float
    age: float


House = make_dataclass("House", ["area", "age"])


class Weights(Module):
    """Parameters that begin at 0, and a function of them and of the input."""

    def __init__(self, formula, count=4):
        self.w, self.formula = [Value(0.0) for _ in range(count)], formula

    def forward(self, x):
        return self.formula(self.w, x)


def train(compiled, make, x, y, **options):
    """Return the parameters after training and the losses, whether it was compiled, and what was warned of."""
    model = make()
    options = {"loss": mse, "optimizer": SGD(model.parameters(), lr=0.005), "epochs": 20, "seed": 1} | options
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(model, x, y, compiled=compiled, **options)
    numbers = [*model.state_dict().values(), *history.loss, evaluate(model, x, y, loss=options["loss"]).loss]
    return numbers, history.compiled, [str(one.message) for one in caught]


def assert_same(is_compiled, make, x, y, **options):
    """Train in both ways, which agree; `is_compiled`: True, or what the warning says."""
    found, compiled, warned = train("auto", make, x, y, **options)
    wanted, *_ = train(False, make, x, y, **options)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert compiled is (is_compiled is True), warned
    assert len(warned) == (not compiled)
    if not compiled:
        assert is_compiled in warned[0]


def total(w, x):
    """Return the dot product with as many weights as there are inputs."""
    return sum(a * b for a, b in zip(w, x))


PLACES = {tuple(x): i % 4 for i, x in enumerate(X)}
NESTINGS = {  # a model, how an example is given to it, and whether it compiles, or why not
    "list and bias": (lambda w, x: total(w, x + BIAS), list, True),
    "bias and list": (lambda w, x: total(w, BIAS + x), list, True),
    "list twice": (lambda w, x: total(w, x * 2), list, True),
    "list and squares": (lambda w, x: total(w, x + [a * a for a in x]), list, True),
    "halves of a list": (lambda w, x: total(w, x[:1] + x[1:]), list, True),
    "truth of a list": (lambda w, x: total(w, x) if x else w[3], list, True),
    "kind of a list": (lambda w, x: total(w, x) if isinstance(x, list) else w[3], list, True),
    "tuple and bias": (lambda w, x: total(w, x + tuple(BIAS)), tuple, True),
    "array and numbers": (lambda w, x: total(w, x * 2 + [1.0, 2.0]), np.array, True),
    "list of lists": (lambda w, x: total(w, x[0] + x[1] + [1.0]), lambda x: [[a] for a in x], True),
    "dict": (lambda w, x: total(w, x.values()), lambda x: {"area": x[0], "age": x[1]}, True),
    "dict with nothing for a name": (lambda w, x: w[0] * x["a"] + w[1], lambda x: {"a": x[0], "b": None}, True),
    "named tuple": (lambda w, x: w[0] * x.area + w[1] * x.age, lambda x: Flat(*x), True),
    "dataclass": (lambda w, x: w[0] * x.area + w[1] * x.age, lambda x: House(*x), True),
    "number": (lambda w, x: w[0] * x + w[1], lambda x: x[0], True),
    "text beside numbers": (lambda w, x: w[0] * x["a"] + w[1], lambda x: {"a": x[0], "b": "c"}, "['b'] is of type str"),
    "tuple as a key": (lambda w, x: w[PLACES[x]], tuple, "KeyError: (Value("),
}


@pytest.mark.parametrize("name", NESTINGS)
def test_inputs_keep_the_nesting_in_which_they_are_given(name):
    formula, nested, is_compiled = NESTINGS[name]
    x = [nested(one) for one in X]
    assert_same(is_compiled, lambda: Weights(formula), x, REAL, batch_size=4, validation=(x[:3], REAL[:3]))


@pytest.mark.parametrize("nested", [list, tuple, np.array, lambda y: {"t": y[0], "w": y[1]}, lambda y: Flat(*y)])
def test_targets_keep_the_nesting_in_which_they_are_given(nested):
    def weighted(outputs, targets):
        kinds = {*map(type, targets)}
        assert kinds == {type(nested([1.0, 2.0]))}
        pairs = [tuple(y.values()) if isinstance(y, dict) else y for y in targets]
        return sum((o - t) ** 2 * w for o, (t, w) in zip(outputs, pairs)) / len(outputs)

    y = [nested([v, 1.0 + i % 2]) for i, v in enumerate(REAL)]
    assert_same(True, lambda: Weights(lambda w, x: total(w, x + BIAS)), X, y, loss=weighted)


def test_held_out_examples_may_be_nested_otherwise():
    held_out = (np.array(X), np.array(REAL))
    assert_same(True, lambda: Weights(lambda w, x: total(w, [*x, 1.0])), X, REAL, validation=held_out)


def test_rows_of_an_array_are_arrays_whose_shapes_stay():
    x = np.arange(24.0).reshape(6, 2, 2) / 24.0
    assert_same(True, lambda: Weights(lambda w, x: total(w, x.ravel()) + x.shape[1] * w[0]), x, REAL)


def test_inputs_that_hold_values_are_not_compiled():
    message = error_of(fit, Weights(lambda w, x: w[0] * x), [Value(1.0)] * 2, [1.0, 2.0], loss=mse, compiled=True)
    assert message == "TypeError: X holds Values; to use a Value as a number there is .data"
