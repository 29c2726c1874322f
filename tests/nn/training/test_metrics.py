"""Metrics: what counts as a right answer, in lists and arrays, and how losses carry them in every way of training."""

import itertools
import json
import math
import re
from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value, fsum, log, mean, minimum, softmax
from nn import MLP, Module, accuracy, binary_cross_entropy, cross_entropy, evaluate, fit, hinge, mse, playground, plots
from nn.training.judging import LOSSES, calls_noted, metric_among
from nn.training.metrics import binary_accuracy, predicted_class, right_signs
from tests.errors import error_of

SHARES = [
    *(([2.0, -1.0, 0.5, -0.5], targets, share) for targets, share in (([1, -1, -1, 1], 0.5), ([1, 0, 0, 0], 0.75))),
    ([0.0, -0.0], [0, 0], 1.0),  # no score above 0, so class 0
    ([1.0, 1.0, -1.0, -1.0], [0.95, 0.05, 0.05, 0.95], 0.5),  # a probability is judged at a half
    *(([[1.0]], [shares], share) for shares, share in (([0.3, 0.7], 1.0), ([0.7, 0.3], 0.0))),  # or of each class
    *(([[2.0], [-1.0]], targets, share) for targets, share in (([1, 0], 1.0), ([[1], [1]], 0.5))),
    ([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [1, 2], 0.5),
    ([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0]], [1, 0], 1.0),  # the first of the largest
    ([[0.1, 0.7], [0.5, 0.2]], [[0.0, 1.0], [0.4, 0.6]], 0.5),
    ([[0.1, 0.7], [0.5, 0.2], [0.5, 0.2]], [1, -1, 1], 2 / 3),  # two classes may be signs
    ([[0.1, 0.7], [0.5, 0.2]], [[-1.0, 1.0], [-1.0, 1.0]], 0.5),  # and so may those of each class
    ([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [[-1, 1, -1], [-1, -1, 1]], 0.5),
    ([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [[0.0, 1 / 3, 2 / 3], [0.5, 0.5, 0.0]], 0.5),
    ([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], [[0.1, 0.9, 0.1], [-0.1, 0.0, 0.9]], 0.5),
    ([[0.1, 0.7], [0.5, 0.2]], [[1.0, -0.5], [0.2, 0.1]], 0.5),
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
    targets = [data.draw(st.integers(-1 if k < 3 else 0, max(k - 1, 1))) for _ in outputs]
    assert accuracy(np.array(outputs), targets) == accuracy(outputs, targets)
    if k == 1:
        assert accuracy(np.array(outputs)[:, 0], targets) == accuracy([z for (z,) in outputs], targets)


ROWS = [[0.1], [0.2], [0.3], [0.4]]
NO_CLASSES = {1: [2, 3.0, -0.5, 1.5, -2, math.nan, math.inf], 2: [2, 0.5, -2, math.nan], 3: [3, -1, 1.5, math.nan]}


@pytest.mark.parametrize(("count", "target"), [(count, y) for count, wrong in NO_CLASSES.items() for y in wrong])
def test_target_that_is_no_class_of_the_scores_is_an_error_in_lists_arrays_and_training(count, target):
    outputs, y = [[0.1 * i] * count for i in range(4)], [0, 1, 0, target]
    said = f"a class from 0 to {count - 1}, got {target:g}" if count > 1 else f"a class of 0 or 1, .*, got {target:g}"
    for judge in (accuracy, binary_accuracy) if count == 1 else (accuracy,):
        for form in (outputs, np.array(outputs)):
            with pytest.raises(ValueError, match=f"^{judge.__name__} takes for .*{said}"):
                judge(form, y)
            with pytest.raises(ValueError, match=said):
                judge(form, np.array(y))
        model = MLP(1, [count], seed=1)
        before, loss = model.state_dict(), lambda o, t: mean([fsum(z if count > 1 else [z]) for z in o])
        for options in ({"compiled": True}, {"compiled": False}, {"batch_size": 1}, {"validation": (ROWS, y)}):
            data = (ROWS, [0, 1, 0, 1]) if "validation" in options else (ROWS, y)
            with pytest.raises(ValueError, match=said):
                fit(model, *data, loss=loss, metric=judge, seed=1, **options)
            assert model.state_dict() == before


PAIRS = [[3, 7], [-1, 5], [math.nan, 1.0], [math.inf, 0.0], [1, 1], [0, 0], [1.0, -1.5], [-1, -1]]
NO_DISTRIBUTIONS = {  # by the number of scores
    1: [*PAIRS, [1, 0, 0]],
    2: [*PAIRS, [1.5, -0.5], [0.3, 0.3, 0.4]],
    3: [[5, -3, 9], [1, 1, -1], [1, 0, 1], [0, 0, 0], [-1, 0, 0], [math.nan, 0, 1], [0.5, 0.5, 1e-5], [0.5, 0.5]],
}
ODD_ROWS = [(count, target) for count, wrong in NO_DISTRIBUTIONS.items() for target in wrong]


@pytest.mark.parametrize(("count", "target"), ODD_ROWS, ids=str)
def test_target_that_is_no_distribution_over_the_classes_is_an_error_in_lists_arrays_and_training(count, target):
    classes = max(count, 2)
    outputs = [[0.1 * i] * count for i in range(4)]
    right = [1.0, *[0.0] * (classes - 1)] if len(target) == classes else target
    remedy = "leave examples without" if math.isnan(sum(target)) else "several labels"
    shown = ", ".join(f"{y:g}" for y in target)
    said = rf"for each of {classes} classes a probability, .* got \[{shown}\]; {remedy}"
    for form in (outputs, np.array(outputs)):
        for y in ([right, target], np.array([right, target])):
            with pytest.raises(ValueError, match=said):
                accuracy(form[:2], y)
    model = MLP(1, [count], seed=1)
    before, loss = model.state_dict(), lambda o, t: mean([fsum(z if count > 1 else [z]) for z in o])
    for options in ({"compiled": True}, {"compiled": False}, {"batch_size": 1}):
        with pytest.raises(ValueError, match=said):
            fit(model, ROWS, [right, right, right, target], loss=loss, metric=accuracy, seed=1, **options)
        assert model.state_dict() == before


class Softmax(MLP):
    def forward(self, x):
        return softmax(super().forward(x))


OF_PROBABILITIES = [  # a loss, a kind of model, its outputs, and what makes probabilities of them
    *((loss, MLP, 1, "sigmoid") for loss in (hinge, binary_cross_entropy, mse)),
    (cross_entropy, MLP, 3, "sigmoid"),
    *((loss, Softmax, 3, "softmax") for loss in (cross_entropy, partial(cross_entropy))),
]


@pytest.mark.parametrize("compiled", ["auto", False])
@pytest.mark.parametrize(("loss", "kind", "outputs", "function"), OF_PROBABILITIES)
def test_outputs_that_are_probabilities_are_warned_of_where_scores_are_judged(loss, kind, outputs, function, compiled):
    model = kind(1, [outputs], output="sigmoid" if kind is MLP else None, seed=1)
    metric = {"metric": accuracy} if loss is mse else {}
    with pytest.warns(RuntimeWarning, match=f"outputs are probabilities by {function}, but .*leave {function} out"):
        fit(model, ROWS, [1, 1, 1, 1], loss=loss, epochs=1, compiled=compiled, **metric)


def test_scores_and_probabilities_that_are_not_judged_are_not_warned_of():
    for loss, output, options in (
        (mse, "sigmoid", {}), (hinge, "tanh", {}), (binary_cross_entropy, None, {}), (mse, None, {"metric": accuracy}),
    ):  # fmt: skip
        fit(MLP(1, [1], output=output, seed=1), ROWS, [1, 1, 1, 1], loss=loss, epochs=1, **options)
    surprisal = lambda o, t: mean([-log(p[k]) for p, k in zip(o, t)])
    brier = lambda o, t: mean([fsum([(x - (i == k)) ** 2 for i, x in enumerate(p)]) for p, k in zip(o, t)])
    for loss, kind, output in ((surprisal, Softmax, None), (brier, Softmax, None), (brier, MLP, "sigmoid")):
        model = kind(1, [3], output=output, seed=1)
        fit(model, ROWS, [0, 1, 1, 2], loss=loss, epochs=1, metric=accuracy, compiled=False)
    one_hot = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 2
    fit(Softmax(1, [3], seed=1), ROWS, one_hot, loss=mse, epochs=1, metric=accuracy)
    fit(MLP(1, [3], seed=1), ROWS, [0, 1, 1, 1], loss=cross_entropy, epochs=1)


class Pointer(Module):
    """A score for each candidate, of which an example has any number."""

    def __init__(self):
        self.score = MLP(1, [1], seed=1)

    def forward(self, x):
        return [self.score([candidate]) for candidate in x]


@pytest.mark.parametrize("compiled", ["auto", False])
def test_examples_may_have_different_numbers_of_classes(compiled):
    x, y = [[0.1, 0.5], [0.2, -0.3, 0.4, 0.6], [0.3]], [1, 3, 0]
    said = pytest.warns(RuntimeWarning, match="the examples in X are not alike") if compiled else nullcontext()
    with said:
        assert fit(Pointer(), x, y, loss=cross_entropy, epochs=2, compiled=compiled).accuracy


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
    "binary_accuracy": lambda X, y: [binary_accuracy(X, [[1, 0]] * 3), binary_accuracy(y, y)],
    "cross_entropy": cross_entropy,
    **{loss.__name__: lambda X, y, loss=loss: loss(X, X) for loss in (mse, nn.mae, nn.huber)},
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


# Those that losses carry

SCORES = [[2.0, -1.0, 0.5], [-0.5, -2.0, -0.1], [0.25, 3.0, -1.5], [-1.0, 0.75, 1.5]]
LABELS = [[1, 0, 0], [0, 0, 1], [1, 1, 1], [0, 1, 1]]  # 9 of 12 are told by the signs of the scores
CLASSES = [0, 2, 1, 1]  # 3 of 4 are those of the largest score
SIGNS = [[2 * y - 1 for y in row] for row in LABELS]
PROBABILITIES = [[0.95 if y else 0.05 for y in row] for row in LABELS]


def first(rows):
    return [row[0] for row in rows]


FORMS = {  # by loss: outputs, targets, and how many are right
    "hinge": [
        (first(SCORES), first(SIGNS), 1.0),
        ([[z] for z in first(SCORES)], [[y] for y in first(SIGNS)], 1.0),
        (SCORES, SIGNS, 9 / 12),
        (SCORES, [[float(sign) for sign in row] for row in SIGNS], 9 / 12),
        ([SCORES[:2], SCORES[2:]], [SIGNS[:2], SIGNS[2:]], 9 / 12),
    ],
    "binary_cross_entropy": [
        (first(SCORES), first(LABELS), 1.0),
        (first(SCORES), [bool(y) for y in first(LABELS)], 1.0),
        (first(SCORES), first(PROBABILITIES), 1.0),
        ([0.0, -0.0], [0, 0], 1.0),  # a score of 0 is class 0, and so is a target of one half
        ([1.0, -1.0], [1.0, 0.5], 1.0),
        ([1.0, 1.0, -1.0, -1.0], [0.95, 0.05, 0.05, 0.95], 0.5),
        (first(SCORES), [1.0 - p for p in first(PROBABILITIES)], 0.0),
        ([[z] for z in first(SCORES)], [[p] for p in first(PROBABILITIES)], 1.0),
        (SCORES, LABELS, 9 / 12),
        (SCORES, PROBABILITIES, 9 / 12),
        ([[2.0, 3.0]], [[1, 0]], 0.5),  # one label of two is wrong, though the other has a large score
        ([[2.0, 3.0]], [[1, 1]], 1.0),
        ([[2.0, 3.0, -1.0]], [[1, 0, 0]], 2 / 3),
        ([[-2.0, -3.0]], [[0, 0]], 1.0),
        ([SCORES[:2], SCORES[2:]], [LABELS[:2], LABELS[2:]], 9 / 12),
    ],
    "cross_entropy": [
        (SCORES, CLASSES, 0.75),
        (SCORES, [float(k) for k in CLASSES], 0.75),
        (SCORES, [[0.05 + 0.85 * (k == y) for k in range(3)] for y in CLASSES], 0.75),
        (SCORES, [[float(k == y) for k in range(3)] for y in CLASSES], 0.75),
        ([row[:2] for row in SCORES], [0, 1, 1, 1], 0.75),
        ([row[:2] for row in SCORES], [False, True, True, True], 0.75),
    ],
}
CASES = [
    (loss, outputs, targets, share)
    for loss in LOSSES
    if loss.metric is not None
    for outputs, targets, share in FORMS[loss.__name__]
]
every_case = pytest.mark.parametrize(("loss", "outputs", "targets", "share"), CASES)


class Given(Module):
    """A model whose outputs are its inputs, in a structure of lists."""

    def __init__(self):
        self.scale = MLP(1, [1], seed=1).layers[0].neurons[0].w[0]
        self.scale.data = 1.0

    def forward(self, x):
        parts = x if isinstance(x, (list, tuple)) or getattr(x, "ndim", 0) else None
        return self.scale * x if parts is None else [self.forward(part) for part in parts]


@every_case
def test_metric_of_a_loss_reads_all_targets_that_the_loss_takes(loss, outputs, targets, share):
    loss(outputs, targets)
    assert loss.metric(outputs, targets) == share
    for form in (np.array(outputs), [np.array(row) for row in outputs], tuple(outputs)):
        assert loss.metric(form, targets) == loss.metric(form, np.array(targets)) == share
    assert evaluate(Given(), outputs, targets, loss=loss).accuracy == share
    assert evaluate(Given(), outputs, targets, loss=lambda o, t: 2.0 * loss(o, t)).accuracy == share


@pytest.mark.parametrize("way", [{"compiled": False}, {"compiled": True}, {"backend": "jax", "batch_size": 2}], ids=str)
@every_case
def test_training_reports_the_metric_of_its_loss(loss, outputs, targets, share, way):
    if "backend" in way:
        pytest.importorskip("jax")
    model = Given()
    options = {"optimizer": nn.SGD([model.scale], lr=1e-9), "epochs": 1, "validation": (outputs, targets), **way}
    history = fit(model, outputs, targets, loss=loss, **options)
    assert (history.metric_name, history.accuracy) == ("accuracy", [pytest.approx(share, rel=1e-12)])
    assert history.validation_accuracy == [pytest.approx(share, rel=1e-12)]


def test_nan_is_never_the_right_sign():
    outputs = [[float("nan"), 1.0], [-1.0, float("nan")]]
    assert binary_accuracy(outputs, [[0, 1], [0, 1]]) == binary_accuracy(np.array(outputs), [[0, 1], [0, 1]]) == 0.5
    assert right_signs(np.array(outputs), np.array([[0, 1], [0, 1]]), np).tolist() == [0.5, 0.5]


def test_targets_that_a_function_turns_keep_their_accuracy():
    turned = {
        hinge: lambda row: [2 * y - 1 for y in row],
        binary_cross_entropy: lambda row: [0.9 * y + 0.05 for y in row],
    }
    for loss, turn in turned.items():
        for targets, made in ((LABELS, [turn(row) for row in LABELS]), (first(LABELS), turn(first(LABELS)))):
            outputs = SCORES if targets is LABELS else first(SCORES)
            with calls_noted() as calls:
                loss(outputs, made)
            assert metric_among(calls, outputs, targets) is binary_accuracy
            assert metric_among(calls, outputs, targets[::-1]) is None
    with calls_noted() as calls:
        binary_cross_entropy([1.0, -1.0], [1.0, 0.5])
    assert metric_among(calls, [1.0, -1.0], [1.0, 0.25]) is binary_accuracy


def test_binary_accuracy_takes_a_target_for_each_score():
    for outputs, targets in (([[1.0, 2.0]], [1]), ([1.0], [[1, 0]]), ([[1.0, 2.0]], [[1]])):
        for form in (outputs, np.array(outputs)):
            wanted = "ValueError: binary_accuracy takes a target for each score, got"
            assert error_of(binary_accuracy, form, targets).startswith(wanted)
    assert "at least one, got 0 and 0" in error_of(binary_accuracy, [], [])
    assert "takes classes as numbers, got" in error_of(binary_accuracy, [1.0], ["yes"])


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss.metric is binary_accuracy], ids=lambda f: f.__name__)
def test_page_has_classes_for_one_label_and_numbers_for_several(loss):
    for outputs, targets, _ in FORMS[loss.__name__]:
        several = isinstance(outputs[0], list)
        if several and isinstance(outputs[0][0], list):
            continue
        count = len(outputs[0]) if several else 1
        X = [row if several else [row] for row in outputs]
        model = nn.Layer(count, count, None, seed=1) if several else MLP(1, [1], seed=1)
        page = playground(model, X * 2, [*targets, *targets], loss=loss)
        found = re.search(r'<script type="application/json" id="graph">(.*?)</script>', page.html, re.DOTALL)
        assert len(json.loads(found[1])["classes"]) == (2 if count == 1 else 0)
    with pytest.raises(ValueError, match="this loss has none, or several labels"):
        playground(MLP(3, [3], seed=1), SCORES, SIGNS if loss is hinge else LABELS, loss=loss, classes=["a", "b", "c"])


def test_cross_entropy_carries_accuracy():
    assert (cross_entropy.metric, hinge.metric) == (accuracy, binary_accuracy)


def test_metric_is_that_of_the_first_call_of_a_loss():
    calls = []

    def loss(outputs, targets):
        calls.append(len(outputs))
        return (hinge if len(calls) == 1 else mse)(outputs, targets)

    history = fit(Given(), [1.0, -2.0], [1, -1], loss=loss, epochs=3, compiled=False)
    assert len(calls) == 3
    assert history.accuracy == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("validation", [None, 0.2])
@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_metric_of_a_loss_of_ones_own_is_told_by_all_examples(batch_size, validation):
    """Of some targets alone it would be the accuracy: a function may leave these as they are, and others not."""
    X, count = [[float(i), 1.0] for i in range(20)], 20
    turned = {
        0: (lambda y: (y + 1) // 2, [i % 2 * 2 - 1 for i in range(count)]),
        1: (lambda y: minimum(y, 8), [i % 10 for i in range(count)]),
        2: (lambda y: y, [i % 10 for i in range(count)]),
    }
    for turn, y in turned.values():
        found = []
        for seed, compiled in itertools.product(range(4), (False, True)):
            options = {"loss": lambda o, t, turn=turn: cross_entropy(o, [turn(v) for v in t]), "epochs": 2}
            options |= {"batch_size": batch_size, "seed": seed, "validation": validation, "compiled": compiled}
            found.append([*fit(MLP(2, [10], seed=1), X, y, **options).measures])
        assert found == found[:1] * 8
        assert ("accuracy" in found[0]) is (turn(-1) == -1 and turn(9) == 9)
