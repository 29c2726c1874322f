"""Metrics: what counts as a right answer, for lists and for arrays."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from nn import MLP, accuracy
from nn.training.metrics import predicted_class
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
