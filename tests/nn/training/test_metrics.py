"""Metrics: what counts as a right answer, for lists and for arrays."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import (
    MLP,
    accuracy,
    binary_cross_entropy,
    cross_entropy,
    evaluate,
    fit,
    hinge,
    huber,
    mae,
    mse,
    playground,
    plots,
)
from nn.training.metrics import binary_accuracy, predicted_class
from tests.errors import error_of

SHARES = [
    *(([2.0, -1.0, 0.5, -0.5], targets, share) for targets, share in (([1, -1, -1, 1], 0.5), ([1, 0, 0, 0], 0.75))),
    ([0.0, 0.0], [0, 1], 0.5),  # no score above 0, so class 0
    *(([[2.0], [-1.0]], targets, share) for targets, share in (([1, 0], 1.0), ([[1], [1]], 0.5))),
    ([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [1, 2], 0.5),
    ([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0]], [1, 0], 1.0),  # the first of the largest
    ([[0.1, 0.7], [0.5, 0.2]], [[0.0, 1.0], [0.4, 0.6]], 0.5),
    ([[0.1, 0.7], [0.5, 0.2], [0.5, 0.2]], [1, -1, 1], 2 / 3),  # two classes may be signs
    ([[0.5, 0.2, 0.1]], [-1], 0.0),  # three may not
    ([[0.1, math.nan], [math.nan, 0.2], [0.0, 1.0]], [1, 0, 1], 1 / 3),
    ([math.nan, math.nan], [1, 0], 0.0),
]


def test_accuracy_is_the_share_of_right_answers():
    for outputs, targets, share in SHARES:
        nodes = [[Value(z) for z in output] if isinstance(output, list) else Value(output) for output in outputs]
        for form in (outputs, tuple(outputs), nodes, np.array(outputs), [np.array(output) for output in outputs]):
            assert accuracy(form, targets) == accuracy(form, np.array(targets)) == share
            assert type(accuracy(form, targets)) is float


@pytest.mark.parametrize("k", [1, 2])
def test_signs_are_judged_as_classes_are(k):
    outputs = np.random.default_rng(1).normal(size=(50, k))
    classes = np.random.default_rng(2).integers(0, 2, 50)
    for form in (outputs, outputs.tolist()):
        share = accuracy(form, classes)
        assert 0.2 < share == accuracy(form, 2 * classes - 1) == accuracy(form, 2.0 * classes - 1) < 0.8
        assert accuracy(form, (2 * classes - 1).tolist()) == accuracy(form, (2 * classes - 1).reshape(-1, 1).tolist())


@given(st.data())
def test_accuracy_of_arrays_is_that_of_lists(data):
    k = data.draw(st.integers(1, 4))
    score = st.one_of(st.sampled_from([0.0, 1.0, math.nan, math.inf, -math.inf]), st.floats(-1.0, 1.0))
    outputs = data.draw(st.lists(st.lists(score, min_size=k, max_size=k), min_size=1, max_size=8))
    targets = [data.draw(st.integers(-1, max(k - 1, 1))) for _ in outputs]
    assert accuracy(np.array(outputs), targets) == accuracy(outputs, targets)
    if k == 1:
        assert accuracy(np.array(outputs)[:, 0], targets) == accuracy([z for (z,) in outputs], targets)


def test_accuracy_of_a_model_is_a_plain_number():
    model = MLP(2, [3, 3], seed=1)
    outputs = [model(x) for x in ([0.5, -1.0], [1.5, 2.0], [-0.7, 0.3])]
    assert accuracy(outputs, [predicted_class(output) for output in outputs]) == 1.0


def test_accuracy_takes_a_target_for_each_output_and_at_least_one_and_numbers_only():
    for outputs, targets in (([], []), ([1.0], []), ([1.0], [1, 0]), (np.zeros((0, 3)), [])):
        wanted = f"one target for each output, and at least one, got {len(outputs)} and {len(targets)}"
        assert error_of(accuracy, outputs, targets) == f"ValueError: accuracy takes {wanted}"
    shares = [[0.1, 0.9]]
    for outputs, targets in ((shares, ["b"]), (np.array(shares), ["b"]), ([0.5], ["yes"]), ([[0.1]], [None])):
        found = error_of(accuracy, outputs, targets)
        assert re.search("^(TypeError|ValueError): accuracy takes classes as numbers, got ", found), targets


TAKE_DATA = {  # all that takes data, of inputs or outputs with two numbers and of classes
    "fit": lambda X, y: fit(MLP(2, [2], seed=1), X, y, loss=cross_entropy, epochs=2, validation=(X, y)),
    "evaluate": lambda X, y: evaluate(MLP(2, [2], seed=1), X, y, loss=cross_entropy),
    "playground": lambda X, y: playground(MLP(2, [2], seed=1), X, y, loss=cross_entropy, seed=1, features="ab").html,
    "accuracy": accuracy,
    "binary_accuracy": lambda X, y: binary_accuracy(X, X),
    "cross_entropy": cross_entropy,
    **{loss.__name__: lambda X, y, loss=loss: loss(X, X) for loss in (mse, mae, huber)},
    **{loss.__name__: lambda X, y, loss=loss: loss(y, y) for loss in (hinge, binary_cross_entropy)},
    "decision_boundary": lambda X, y: drawn(plots.decision_boundary(MLP(2, [2], seed=1), X, y, held_out=(X, y))),
    "regression_line": lambda X, y: drawn(plots.regression_line(MLP(2, [1], seed=1), X, y)),
    "confusion_matrix": lambda X, y: drawn(plots.confusion_matrix(y, y)),
    "mistakes": lambda X, y: drawn(plots.mistakes(X, y, [0, 1, 1], shape=(1, 2))),
}


def drawn(figure):
    """Return what is in the pictures of a figure."""
    return [
        [
            axes.get_title(),
            [line.get_xydata().tolist() for line in axes.lines],
            [points.get_offsets().tolist() for points in axes.collections],
            [image.get_array().tolist() for image in axes.images],
        ]
        for axes in figure.axes
    ]


def of_pandas(rows):
    pandas = pytest.importorskip("pandas")
    index = range(9, 9 + len(rows))
    return pandas.DataFrame(rows, index, ["a", "b"]) if isinstance(rows[0], list) else pandas.Series(rows, index)


def of_polars(rows):
    polars = pytest.importorskip("polars")
    return polars.DataFrame(rows, ["a", "b"], orient="row") if isinstance(rows[0], list) else polars.Series(rows)


@pytest.mark.parametrize("kind", [np.array, tuple, of_pandas, of_polars])
@pytest.mark.parametrize("name", TAKE_DATA)
def test_examples_of_a_table_are_its_rows_in_all_that_takes_data(name, kind):
    X, y = [[0.5, 3.0], [-2.0, 1.0], [4.0, -7.0]], [1, 1, 1]
    if name == "mistakes":
        y = [1, 0, 1]
    assert TAKE_DATA[name](kind(X), kind(y)) == TAKE_DATA[name](X, y)
