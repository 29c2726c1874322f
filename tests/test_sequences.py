"""Sequences of numbers, examples and leaves: every public function that takes one refuses what is none."""

import inspect
import re
from array import array
from collections import ChainMap, Counter, UserDict, deque
from functools import partial

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, compile, dot, gradients
from nn import MLP, Layer, Neuron, datasets, plots
from tests.errors import error_of

PAIR = [3.0, 1.0]
ROWS = [[1.0, 2.0], [3.0, 4.0]]
LOSSES = {name: loss for name, loss in vars(nn).items() if hasattr(loss, "metric") and not inspect.isclass(loss)}
JUDGES = (nn.accuracy, nn.binary_accuracy)
RUNS = {name: partial(getattr(nn, name), loss=nn.mse) for name in ("fit", "evaluate", "playground")}
x, w = Value(2.0, "x"), Value(3.0, "w")
OF_NUMBERS = {  # by function and argument, each called with two numbers
    **{name: getattr(autograd, name) for name in ("fsum", "mean", "logsumexp", "softmax", "log_softmax")},
    "dot a": lambda numbers: dot(numbers, PAIR),
    "dot b": lambda numbers: dot(PAIR, numbers),
    "l1 parameters": nn.l1,
    "l2 parameters": nn.l2,
    "Neuron": lambda numbers: Neuron(2, seed=1)(numbers),
    "Layer": lambda numbers: Layer(2, 2, seed=1)(numbers),
    "MLP": lambda numbers: MLP(2, [2, 1], seed=1)(numbers),
    "linear weights": lambda weights: datasets.linear(2, weights=weights, seed=1),
}
OF_EXAMPLES = {  # each called with two examples, or with their targets
    **{f"{name} outputs": lambda outputs, loss=loss: loss(outputs, [1, 1]) for name, loss in LOSSES.items()},
    **{f"{name} targets": lambda y, loss=loss: loss(ROWS, y) for name, loss in LOSSES.items()},
    **{f"{judge.__name__} outputs": lambda outputs, judge=judge: judge(outputs, [1, 1]) for judge in JUDGES},
    **{f"{judge.__name__} targets": lambda targets, judge=judge: judge(PAIR, targets) for judge in JUDGES},
    **{f"{name} X": lambda X, run=run: run(MLP(1, [1], seed=1), X, [1, 1]) for name, run in RUNS.items()},
    **{f"{name} y": lambda y, run=run: run(MLP(1, [1], seed=1), [[1.0], [2.0]], y) for name, run in RUNS.items()},
    "standardization data": datasets.standardization,
    "decision_boundary X": lambda X: plots.decision_boundary(MLP(1, [1], seed=1), X, [1, 1]),
    "decision_boundary y": lambda y: plots.decision_boundary(MLP(1, [1], seed=1), ROWS, y),
    "regression_line X": lambda X: plots.regression_line(MLP(1, [1], seed=1), X, [1, 1]),
    "regression_line y": lambda y: plots.regression_line(MLP(1, [1], seed=1), [[1.0], [2.0]], y),
    "confusion_matrix y": lambda y: plots.confusion_matrix(y, [1, 1]),
    "confusion_matrix predicted": lambda predicted: plots.confusion_matrix([1, 1], predicted),
    "mistakes X": lambda X: plots.mistakes(X, [1, 1], [1, 1]),
    "mistakes y": lambda y: plots.mistakes(ROWS, y, [1, 1]),
    "mistakes predicted": lambda predicted: plots.mistakes(ROWS, [1, 1], predicted),
}
OF_LEAVES = {  # each called with the two leaves
    "gradients inputs": lambda leaves: gradients(x * w, leaves),
    "compile wrt": lambda leaves: compile(x * w, wrt=leaves),
    "clip_grad_norm parameters": lambda leaves: nn.clip_grad_norm(leaves, 1.0),
    **{
        f"{name} parameters": partial(kind, lr=0.1) if name == "SGD" else kind
        for name, kind in vars(nn).items()
        if inspect.isclass(kind) and issubclass(kind, nn.Optimizer) and kind is not nn.Optimizer
    },
}
ALL = OF_NUMBERS | OF_EXAMPLES | OF_LEAVES | {"MLP nouts": partial(MLP, 1)}
NO_SEQUENCES = [
    *({1: 3.0, 2: 1.0}, {1.0, 3.0}, frozenset(PAIR), b"\3\1", bytearray(b"\3\1"), "31"),
    *(kind({1: 3.0, 2: 1.0}) for kind in (ChainMap, Counter, UserDict)),
    *({x: 1.0, w: 2.0}, {x, w}, {"x": x, "w": w}),
]


def test_every_public_function_of_a_sequence_is_tested():
    kinds = r"Iterable\[(Value|Number|Any)|Data$|Sequence\[(int|float)|.*Sequence\[Sequence"
    tested = ALL.keys() | {f"{name} sequences" for name in ("fsum", "mean", "logsumexp", "dot")}
    tested |= {"softmax values", "log_softmax values", "Optimizer parameters"}
    for module in (autograd, nn, datasets, plots):
        for name in getattr(module, "__all__", dir(module)):
            found = getattr(module, name)
            if (
                callable(found)
                and not name.startswith("_")
                and not (inspect.isclass(found) and issubclass(found, Exception))
            ):
                for parameter in inspect.signature(found).parameters.values():
                    if re.match(kinds, str(parameter.annotation)):
                        assert f"{name} {parameter.name}" in tested


@pytest.mark.parametrize("name", ALL)
def test_what_iterates_over_something_else_than_its_elements_in_order_is_refused(name):
    for thing in NO_SEQUENCES:
        found = error_of(ALL[name], thing)
        assert re.match("(TypeError|ValueError): ", found), thing
        assert type(thing).__name__ in found or repr(thing)[:50] in found, thing
        assert re.search("write|a set has no order|such as", found), thing


@pytest.mark.parametrize("name", ALL)
def test_numbers_without_a_sequence_are_refused(name):
    for thing in (1.0, np.array(2.0), None):
        if not (thing is None and name == "compile wrt"):
            assert re.match("(TypeError|ValueError): .* takes |ValueError: nouts lists", error_of(ALL[name], thing)), (
                thing
            )


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_any_sequence_of_numbers_is_taken(name):
    take = OF_NUMBERS[name]
    wanted = str(take(PAIR))
    iterables = [tuple(PAIR), deque(PAIR), array("d", PAIR), np.array(PAIR), {1: 3.0, 2: 1.0}.values(), range(3, 0, -2)]
    for numbers in iterables:
        assert str(take(numbers)) == wanted, numbers
    assert str(take(number for number in PAIR)) == str(take(iter(PAIR))) == wanted


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_column_of_a_table_is_read_by_its_values_and_a_table_is_refused(name):
    pandas = pytest.importorskip("pandas")
    take = OF_NUMBERS[name]
    assert str(take(pandas.Series(PAIR, index=[7, 5]))) == str(take(PAIR))
    for frame in (pandas.DataFrame([PAIR]), pandas.DataFrame([PAIR, PAIR], columns=["a", "b"])):
        assert re.match(r"(?s)TypeError: .* takes .*, got a DataFrame: .*; of a data frame df", error_of(take, frame))


def test_examples_of_a_table_are_its_rows():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS)
    assert datasets.standardization(frame) == datasets.standardization(ROWS)
    assert datasets.standardization(ROWS).apply(frame) == datasets.standardization(ROWS).apply(ROWS)
    assert nn.mse(frame, ROWS) == nn.mse(ROWS, frame) == 0.0
