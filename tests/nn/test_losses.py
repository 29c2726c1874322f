"""Losses, against numbers computed by hand and against PyTorch, and what they say to wrong targets."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value
from nn import MLP, Neuron, cross_entropy, hinge, mse


def values(numbers):
    """Return the numbers as Values, in the structure they came in."""
    return [values(number) if isinstance(number, list) else Value(number) for number in numbers]


def flat(numbers):
    for number in numbers:
        yield from flat(number) if isinstance(number, list) else [number]


def gradients(loss, outputs, targets):
    """Return the loss and its gradients, in the order of the flattened outputs."""
    nodes = values(outputs)
    total = loss(nodes, targets)
    total.backward()
    return total.data, [node.grad for node in flat(nodes)]


# By hand


@pytest.mark.parametrize(
    ("outputs", "targets", "expected", "slopes"),
    [
        ([3.0], [1.0], 4.0, [4.0]),
        ([1.0, 2.0], [1.0, 4.0], 2.0, [0.0, -2.0]),
        ([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [3.0, 6.0]], 2.25, [0.5, 1.0, 0.0, -1.0]),
        ([[1.0], [3.0]], [[0.0], [0.0]], 5.0, [1.0, 3.0]),
        ([-(2.0**500)], [0.0], 2.0**1000, [-(2.0**501)]),
    ],
    ids=["one", "two", "vectors", "vectors of one", "large"],
)
def test_mse_is_the_mean_of_the_squared_errors(outputs, targets, expected, slopes):
    assert gradients(mse, outputs, targets) == (expected, slopes)


@pytest.mark.parametrize(
    ("outputs", "targets", "expected", "slopes"),
    [
        ([0.5], [1], 0.5, [-1.0]),
        ([0.5], [-1], 1.5, [1.0]),
        ([0.5, 3.0], [1, -1], 2.25, [-0.5, 0.5]),
        ([2.0, -2.0], [1, -1], 0.0, [0.0, 0.0]),
        ([1.0, -1.0], [1, -1], 0.0, [0.0, 0.0]),  # on the margin, where relu'(0) = 0
        ([-1000.0, 1000.0], [1, 1], 500.5, [-0.5, 0.0]),
    ],
    ids=["short", "wrong", "two", "right", "on the margin", "large"],
)
def test_hinge_is_the_mean_of_what_is_missing_to_the_margin(outputs, targets, expected, slopes):
    assert gradients(hinge, outputs, targets) == (expected, slopes)


@pytest.mark.parametrize(
    ("outputs", "targets", "expected", "slopes"),
    [
        ([[0.0, 0.0]], [0], math.log(2.0), [-0.5, 0.5]),
        ([[0.0, 0.0, 0.0, 0.0]], [2], math.log(4.0), [0.25, 0.25, -0.75, 0.25]),
        ([[math.log(3.0), 0.0]], [1], math.log(4.0), [0.75, -0.75]),
        ([[0.0, 0.0], [math.log(3.0), 0.0]], [0, 1], (math.log(2.0) + math.log(4.0)) / 2, [-0.25, 0.25, 0.375, -0.375]),
        ([[7.0]], [0], 0.0, [0.0]),
    ],
    ids=["even", "four classes", "uneven", "two examples", "one class"],
)
def test_cross_entropy_is_the_mean_surprise_at_the_right_class(outputs, targets, expected, slopes):
    loss, found = gradients(cross_entropy, outputs, targets)
    assert loss == pytest.approx(expected, rel=1e-15, abs=1e-15)
    assert found == pytest.approx(slopes, rel=1e-15, abs=1e-15)


@pytest.mark.parametrize(
    ("logits", "target", "expected", "slopes"),
    [
        ([1000.0, -1000.0], 0, 0.0, [0.0, 0.0]),
        ([1000.0, -1000.0], 1, 2000.0, [1.0, -1.0]),
        ([1000.0, 1000.0], 0, math.log(2.0), [-0.5, 0.5]),
        ([-1000.0, -1000.0], 0, math.log(2.0), [-0.5, 0.5]),
    ],
)
def test_cross_entropy_neither_overflows_nor_underflows(logits, target, expected, slopes):
    loss, found = gradients(cross_entropy, [logits], [target])
    assert loss == pytest.approx(expected, abs=1e-12)  # an ulp of 1000 is 1e-13
    assert found == pytest.approx(slopes, abs=1e-12)


# What they take and return


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"), [(mse, [1.0], [3.0]), (hinge, [0.5], [1]), (cross_entropy, [[0.0, 0.0]], [1])]
)
def test_plain_numbers_give_a_plain_number_and_values_the_same_as_a_value(loss, outputs, targets):
    plain, node = loss(outputs, targets), loss(values(outputs), targets)
    assert (type(plain), type(node)) == (float, Value)
    assert plain == node.data


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        (mse, [1.0, 2.0], [3.0, 5.0]),
        (mse, [[1.0, 2.0]], [[3.0, 5.0]]),
        (hinge, [0.5, 2.0], [1, -1]),
        (cross_entropy, [[0.0, 1.0], [2.0, 0.0]], [1, 0]),
    ],
)
def test_targets_may_be_tuples_or_numpy_arrays(loss, outputs, targets):
    expected = gradients(loss, outputs, targets)
    assert gradients(loss, outputs, tuple(targets)) == expected
    assert gradients(loss, outputs, np.array(targets)) == expected


def test_targets_of_floats_and_bools_count_as_classes_where_they_are_whole():
    logits = [[0.0, 1.0], [2.0, 0.0]]
    assert cross_entropy(logits, [1.0, 0.0]) == cross_entropy(logits, [True, False]) == cross_entropy(logits, [1, 0])
    assert hinge([0.5, 2.0], [1.0, -1.0]) == hinge([0.5, 2.0], [1, -1])


def test_targets_of_mse_may_be_values_with_gradients():
    output, target = Value(3.0), Value(1.0)
    mse([output], [target]).backward()
    assert (output.grad, target.grad) == (4.0, -4.0)


def test_gradients_reach_the_parameters_of_a_model():
    neuron = Neuron(1, None)
    neuron.load_state_dict({"w.0": 2.0, "b": 1.0})
    mse([neuron([3.0])], [5.0]).backward()  # (2 * 3 + 1 - 5)**2
    assert (neuron.w[0].grad, neuron.b.grad) == (12.0, 4.0)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"), [(mse, [1.0], [3.0]), (hinge, [0.5], [1]), (cross_entropy, [[0.0, 0.0]], [1])]
)
def test_loss_is_a_mean_so_that_repeated_examples_change_nothing(loss, outputs, targets):
    assert loss(outputs * 3, targets * 3) == pytest.approx(loss(outputs, targets), rel=1e-15)


def test_many_examples_need_no_recursion():
    weight = Value(2.0)
    mse([weight * i for i in range(5000)], [0.0] * 5000).backward()
    assert weight.grad == pytest.approx(4.0 * sum(i * i for i in range(5000)) / 5000, rel=1e-12)


# Against PyTorch


finite = st.floats(-50.0, 50.0)
extreme = st.sampled_from([1000.0, -1000.0, 0.0, 1e-300, 1.0, -1.0])
numbers = st.one_of(finite, extreme)


@st.composite
def rows(draw, classes=None):
    width = draw(st.integers(1, 4)) if classes is None else classes
    return draw(st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=4))


def assert_as_torch(loss, torch_loss, outputs, targets, torch_targets):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
    expected = torch_loss(tensor, torch_targets)
    expected.backward()
    found, slopes = gradients(loss, outputs, targets)
    assert found == pytest.approx(expected.item(), rel=1e-12, abs=1e-12)
    assert slopes == pytest.approx(tensor.grad.flatten().tolist(), rel=1e-12, abs=1e-12)


@settings(deadline=None)
@given(st.data())
def test_mse_agrees_with_torch(data):
    torch = pytest.importorskip("torch")
    outputs = data.draw(rows())
    targets = [[data.draw(numbers) for _ in row] for row in outputs]
    tensor = torch.tensor(targets, dtype=torch.float64)
    assert_as_torch(mse, torch.nn.functional.mse_loss, outputs, targets, tensor)


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, st.sampled_from([-1, 1])), min_size=1, max_size=6))
def test_hinge_agrees_with_torch(examples):
    torch = pytest.importorskip("torch")
    outputs, targets = [score for score, _ in examples], [target for _, target in examples]
    tensor = torch.tensor(targets, dtype=torch.float64)
    assert_as_torch(hinge, lambda s, y: torch.relu(1.0 - y * s).mean(), outputs, targets, tensor)


@settings(deadline=None)
@given(st.data())
def test_cross_entropy_agrees_with_torch(data):
    torch = pytest.importorskip("torch")
    outputs = data.draw(rows())
    targets = [data.draw(st.integers(0, len(row) - 1)) for row in outputs]
    assert_as_torch(cross_entropy, torch.nn.functional.cross_entropy, outputs, targets, torch.tensor(targets))


# Errors


@pytest.mark.parametrize(
    ("loss", "outputs"), [(mse, [1.0, 2.0]), (hinge, [1.0, 2.0]), (cross_entropy, [[1.0, 2.0], [3.0, 4.0]])]
)
@pytest.mark.parametrize("number", [0, 1, 3])
def test_wrong_number_of_targets_is_an_error_that_says_both(loss, outputs, number):
    with pytest.raises(ValueError, match=f"^{loss.__name__} takes one target for each output, got 2 and {number}$"):
        loss(outputs, [1] * number)


def test_target_of_another_length_than_its_output_is_an_error():
    with pytest.raises(
        ValueError, match=r"^mse takes one target for each output, got 2 outputs and 1 targets in example 1$"
    ):
        mse([[1.0, 2.0], [1.0, 2.0]], [[1.0, 2.0], [1.0]])


@pytest.mark.parametrize("target", [0, 2, 0.5, "1", None])
def test_hinge_takes_no_other_targets_than_one_and_minus_one(target):
    with pytest.raises(ValueError, match=r"^hinge takes targets of -1 or 1, got .*; write 2 \* y - 1 for classes y of"):
        hinge([1.0, 1.0], [1, target])


@pytest.mark.parametrize("target", [-1, 2, 0.5, "a"])
def test_cross_entropy_takes_no_target_that_is_no_class(target):
    with pytest.raises(ValueError, match=f"^cross_entropy takes targets from 0 to 1, got {target!r}$"):
        cross_entropy([[1.0, 2.0], [3.0, 4.0]], [0, target])


@pytest.mark.parametrize("output", [1.0, 1, Value(1.0)])
def test_cross_entropy_of_a_single_score_is_an_error_that_shows_it(output):
    with pytest.raises(TypeError, match=r"^cross_entropy takes a sequence of logits for each example, got (1|Value)"):
        cross_entropy([output], [0])


def test_cross_entropy_of_a_one_output_model_is_an_error():
    with pytest.raises(TypeError, match="takes a sequence of logits for each example"):
        cross_entropy([MLP(2, [1])([1.0, 2.0])], [0])


@pytest.mark.parametrize("loss", [mse, hinge, cross_entropy])
def test_loss_of_no_example_is_an_error(loss):
    with pytest.raises(ValueError, match="at least one operand, got none"):
        loss([], [])


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [(mse, [[1.0, 2.0]], [1.0]), (mse, [1.0], [[1.0]]), (hinge, [[1.0, 2.0]], [1])],
    ids=["number for a vector", "vector for a number", "hinge of two outputs"],
)
def test_target_of_another_kind_than_its_output_is_an_error_that_names_the_loss(loss, outputs, targets):
    with pytest.raises((TypeError, ValueError), match=f"^{loss.__name__} takes "):
        loss(outputs, targets)
