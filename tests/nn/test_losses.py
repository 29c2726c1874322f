"""Losses, against numbers computed by hand and against PyTorch, and what they say to wrong targets."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, gradcheck
from nn import (
    MLP,
    Neuron,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    l1,
    l2,
    mae,
    mse,
)

LOSSES = [mse, mae, huber, hinge, binary_cross_entropy, cross_entropy]


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
        ([3.0], [1.0], 2.0, [1.0]),
        ([1.0, 2.0], [1.0, 4.0], 1.0, [0.0, -0.5]),  # where there is no error there is no slope
        ([[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [3.0, 6.0]], 1.25, [0.25, 0.25, 0.0, -0.25]),
        ([-(2.0**1000)], [0.0], 2.0**1000, [-1.0]),
    ],
    ids=["one", "two", "vectors", "large"],
)
def test_mae_is_the_mean_of_the_absolute_errors(outputs, targets, expected, slopes):
    assert gradients(mae, outputs, targets) == (expected, slopes)


@pytest.mark.parametrize(
    ("outputs", "targets", "delta", "expected", "slopes"),
    [
        ([0.5], [0.0], 1.0, 0.125, [0.5]),
        ([-3.0], [1.0], 1.0, 3.5, [-1.0]),
        ([-3.0], [1.0], 2.0, 6.0, [-2.0]),
        ([1.0, -1.0], [0.0, 0.0], 1.0, 0.5, [0.5, -0.5]),  # where the parabola meets the line
        ([[0.5, 4.0]], [[0.5, 0.0]], 1.0, 1.75, [0.0, 0.5]),
        ([2.0**1000], [0.0], 0.5, 2.0**999, [0.5]),
    ],
    ids=["within", "beyond", "delta", "at delta", "vectors", "large"],
)
def test_huber_is_a_parabola_that_goes_on_as_a_line(outputs, targets, delta, expected, slopes):
    assert gradients(lambda o, t: huber(o, t, delta), outputs, targets) == (expected, slopes)


@pytest.mark.parametrize(
    ("outputs", "targets", "expected", "slopes"),
    [
        ([0.0], [1], math.log(2.0), [-0.5]),
        ([0.0, 0.0], [1, 0], math.log(2.0), [-0.25, 0.25]),
        ([math.log(3.0)], [0], math.log(4.0), [0.75]),
        ([math.log(3.0)], [1], math.log(4.0 / 3.0), [-0.25]),
        ([math.log(3.0)], [0.75], 2.0 * math.log(2.0) - 0.75 * math.log(3.0), [0.0]),  # the entropy of the target
        ([1000.0, -1000.0], [1, 0], 0.0, [0.0, 0.0]),
        ([1000.0, -1000.0], [0, 1], 1000.0, [0.5, -0.5]),
        ([40.0], [1], math.exp(-40.0), [-math.exp(-40.0)]),
        ([-40.0], [0], math.exp(-40.0), [math.exp(-40.0)]),
    ],
    ids=["even", "two", "wrong", "right", "probability", "sure and right", "sure and wrong", "sure", "sure it is not"],
)
def test_binary_cross_entropy_is_the_mean_surprise_and_exact_in_its_tails(outputs, targets, expected, slopes):
    loss, found = gradients(binary_cross_entropy, outputs, targets)
    assert loss == pytest.approx(expected, rel=1e-15, abs=1e-300)
    assert found == pytest.approx(slopes, rel=1e-15, abs=1e-16 if expected != math.exp(-40.0) else 0.0)


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


@pytest.mark.parametrize(
    ("logits", "probabilities", "expected", "slopes"),
    [
        ([0.0, 0.0], [0.5, 0.5], math.log(2.0), [0.0, 0.0]),
        ([0.0, math.log(3.0)], [1.0, 0.0], math.log(4.0), [-0.75, 0.75]),
        ([0.0, math.log(3.0)], [0.5, 0.5], math.log(4.0) - math.log(3.0) / 2, [-0.25, 0.25]),
        ([1000.0, -1000.0], [0.5, 0.5], 1000.0, [0.5, -0.5]),
    ],
)
def test_cross_entropy_takes_probabilities_of_classes(logits, probabilities, expected, slopes):
    loss, found = gradients(cross_entropy, [logits], [probabilities])
    assert loss == pytest.approx(expected, rel=1e-15)
    assert found == pytest.approx(slopes, rel=1e-15, abs=1e-15)


def test_probability_one_of_a_class_is_its_index():
    logits = [[0.5, -1.0, 2.0], [0.1, 0.2, 0.3]]
    certain = gradients(cross_entropy, logits, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    assert gradients(cross_entropy, logits, [2, 0]) == certain


def test_penalties_by_hand():
    parameters = [Value(3.0), Value(-4.0), Value(0.0)]
    (l1(parameters) + 0.5 * l2(p for p in parameters)).backward()
    assert (l1(parameters).data, l2(parameters).data) == (7.0, 25.0)
    assert [p.grad for p in parameters] == [1.0 + 3.0, -1.0 - 4.0, 0.0]


def test_penalty_of_squares_is_one_node():
    parameters = MLP(2, [4, 1], seed=1).parameters()
    assert set(l2(parameters).parents) == set(parameters)
    assert all(p.op.name == "abs" for p in l1(parameters).parents)


def test_penalties_of_plain_numbers_are_plain_numbers():
    assert (l1([3.0, -4]), l2(np.array([3.0, -4.0]))) == (7.0, 25.0)
    assert (type(l1([1])), type(l2([1]))) == (float, float)


# What they take and return


EXAMPLES = {
    "mse": (mse, [0.5, 2.0], [3.0, 5.0]),
    "mse of vectors": (mse, [[1.0, 2.0], [0.5, 3.0]], [[3.0, 5.0], [1.0, 0.0]]),
    "mae": (mae, [0.5, 2.0], [3.0, 5.0]),
    "huber": (huber, [0.5, 2.0], [1.0, 5.0]),
    "hinge": (hinge, [0.5, 2.0], [1, -1]),
    "hinge of vectors": (hinge, [[0.5, 2.0], [1.5, -0.5]], [[1, -1], [-1, -1]]),
    "binary_cross_entropy": (binary_cross_entropy, [0.5, -2.0], [1, 0]),
    "binary_cross_entropy of vectors": (binary_cross_entropy, [[0.5, -2.0]], [[0.25, 1.0]]),
    "cross_entropy": (cross_entropy, [[0.0, 1.0], [2.0, 0.0]], [1, 0]),
    "cross_entropy with probabilities": (cross_entropy, [[0.0, 1.0], [2.0, 0.0]], [[0.25, 0.75], [1.0, 0.0]]),
}


@pytest.mark.parametrize(("loss", "outputs", "targets"), EXAMPLES.values(), ids=EXAMPLES)
def test_outputs_of_plain_numbers_are_a_plain_number_however_they_come(loss, outputs, targets):
    expected = loss(outputs, targets)
    for form in (np.array(outputs), tuple(outputs), [np.array(output) for output in outputs], iter(outputs)):
        found = loss(form, targets)
        assert type(found) is float
        assert found == expected


@pytest.mark.parametrize(("loss", "outputs", "targets"), EXAMPLES.values(), ids=EXAMPLES)
def test_arrays_of_values_are_as_good_as_lists(loss, outputs, targets):
    nodes = values(outputs)
    loss(np.array(nodes), np.array(targets)).backward()
    assert [node.grad for node in flat(nodes)] == gradients(loss, outputs, targets)[1]


@pytest.mark.parametrize(("loss", "outputs", "targets"), EXAMPLES.values(), ids=EXAMPLES)
def test_gradients_agree_with_finite_differences(loss, outputs, targets):
    assert gradcheck(lambda z: loss(z, targets), outputs)


@pytest.mark.parametrize("loss", [mse, mae, huber])
def test_target_that_is_nan_makes_the_loss_nan(loss):
    assert math.isnan(loss([1.0, 2.0], [1.0, math.nan]))


# Compiled


@pytest.mark.parametrize("penalty", [0.0, 0.1])
@pytest.mark.parametrize(("loss", "outputs", "targets"), EXAMPLES.values(), ids=EXAMPLES)
def test_compiled_loss_of_a_batch_is_the_eager_one(loss, outputs, targets, penalty):
    weights = [Value(0.7), Value(-1.3)]

    def regularized(outputs, targets):
        return loss(outputs, targets) + penalty * (l1(weights) + l2(weights)) + weights[0]

    def example_loss(z, y):
        return regularized([z], [y])

    compiled = compile(example_loss, batched=("z", "y"))
    expected, slopes = gradients(regularized, outputs, targets)
    of_weights = [w.grad for w in weights]
    for copies in (1, 2, 50):
        for form, wanted in ((outputs * copies, targets * copies), (np.array(outputs * copies), targets * copies)):
            value, found = compiled.value_and_grad(form, np.array(wanted))
            assert value == pytest.approx(expected, rel=1e-12)
            assert np.ravel(found) * copies == pytest.approx(slopes * copies, rel=1e-12, abs=1e-15)
    for w in weights:
        w.zero_grad()
    assert compiled.backward(outputs, targets) == pytest.approx(expected, rel=1e-12)
    assert [w.grad for w in weights] == pytest.approx(of_weights, rel=1e-12)


@pytest.mark.parametrize(("loss", "outputs", "targets"), EXAMPLES.values(), ids=EXAMPLES)
def test_compiled_loss_follows_targets_that_it_was_not_traced_with(loss, outputs, targets):
    compiled = compile(lambda z, y: loss([z], [y]), batched=("z", "y"))
    compiled(outputs[:1], targets[:1])
    outputs, targets = outputs[::-1] * 2, targets[::-1] * 2
    assert compiled(outputs, targets) == pytest.approx(loss(outputs, targets), rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        (mae, [1.0, -2.0, 0.0], [1.0, 1000.0, 0.0]),
        (huber, [1.0, -1.0, 1000.0, 0.0], [0.0, 0.0, -1000.0, 0.0]),
        (hinge, [1.0, -1.0, 1000.0, -1000.0], [1, -1, -1, -1]),
        (binary_cross_entropy, [1000.0, -1000.0, 1000.0, -1000.0, 0.0], [0, 1, 1, 0, 0.5]),
        (cross_entropy, [[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 1000.0], [1000.0, 1000.0, 1000.0]], [1, 2, 0]),
        (cross_entropy, [[float(k == j) for k in range(12)] for j in range(12)], list(range(12))),
    ],
)
def test_compiled_loss_is_the_eager_one_at_kinks_and_for_extreme_outputs(loss, outputs, targets):
    compiled = compile(lambda z, y: loss([z], [y]), batched=("z", "y"))
    value, found = compiled.value_and_grad(np.array(outputs), np.array(targets, dtype=float))
    expected, slopes = gradients(loss, outputs, targets)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.ravel(found) == pytest.approx(slopes, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
def test_model_and_loss_of_one_example_compile(loss):
    model = MLP(2, [3, 4 if loss is cross_entropy else 1], "tanh", seed=1)
    X, y = [[0.5, -1.0], [1.5, 2.0], [-0.7, 0.3]], [1, -1, 1] if loss is hinge else [1, 0, 1]
    compiled = compile(lambda x, y: loss([model(x)], [y]), batched=("x", "y"))
    value = compiled.backward(np.array(X), np.array(y))
    found = [p.grad for p in model.parameters()]
    model.zero_grad()
    total = loss([model(x) for x in X], y)
    total.backward()
    assert value == pytest.approx(total.data, rel=1e-12)
    assert found == pytest.approx([p.grad for p in model.parameters()], rel=1e-12, abs=1e-15)


# Targets and gradients


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


@pytest.mark.parametrize(
    ("loss", "theirs", "options"),
    [(mse, "mse_loss", {}), (mae, "l1_loss", {}), *((huber, "huber_loss", {"delta": d}) for d in (0.1, 1.0, 7.0))],
)
@given(st.data())
def test_regression_agrees_with_torch(loss, theirs, options, data):
    torch = pytest.importorskip("torch")
    outputs = data.draw(rows())
    targets = [[data.draw(numbers) for _ in row] for row in outputs]
    functions = partial(loss, **options), partial(getattr(torch.nn.functional, theirs), **options)
    assert_as_torch(*functions, outputs, targets, torch.tensor(targets, dtype=torch.float64))


@given(st.lists(st.tuples(numbers, st.sampled_from([-1, 1])), min_size=1, max_size=6))
def test_hinge_agrees_with_torch(examples):
    torch = pytest.importorskip("torch")
    outputs, targets = [score for score, _ in examples], [target for _, target in examples]
    tensor = torch.tensor(targets, dtype=torch.float64)
    assert_as_torch(hinge, lambda s, y: torch.relu(1.0 - y * s).mean(), outputs, targets, tensor)


@given(st.data())
def test_cross_entropy_agrees_with_torch(data):
    torch = pytest.importorskip("torch")
    outputs = data.draw(rows())
    targets = [data.draw(st.integers(0, len(row) - 1)) for row in outputs]
    assert_as_torch(cross_entropy, torch.nn.functional.cross_entropy, outputs, targets, torch.tensor(targets))


FAR = [0.0, 1.0, -40.0, 1e10, 1e16, -1e16, 1e300, -math.inf]


@pytest.mark.parametrize("logits", list(itertools.product(FAR, repeat=3)), ids=str)
def test_cross_entropy_of_logits_of_any_size_is_as_torch_has_it(logits):
    torch = pytest.importorskip("torch")
    if max(logits) == -math.inf:
        return
    for target in range(3):
        one_hot = [float(k == target) for k in range(3)]
        tensor = torch.tensor([logits], dtype=torch.float64, requires_grad=True)
        expected = torch.nn.functional.cross_entropy(tensor, torch.tensor([target]))
        expected.backward()
        for label in (target, one_hot):
            found, slopes = gradients(cross_entropy, [list(logits)], [label])
            assert found == pytest.approx(expected.item(), rel=1e-14, abs=1e-15)
            assert slopes == pytest.approx(tensor.grad[0].tolist(), rel=1e-14, abs=1e-15)
        smooth = [(0.0 if z == -math.inf else 0.1 + one_hot[k]) for k, z in enumerate(logits)]
        smooth = [p / sum(smooth) for p in smooth]
        found, slopes = gradients(cross_entropy, [list(logits)], [smooth])
        finite = [k for k in range(3) if logits[k] > -math.inf]
        each = [gradients(cross_entropy, [list(logits)], [k]) for k in finite]
        assert found == pytest.approx(math.fsum(smooth[k] * one[0] for k, one in zip(finite, each)), rel=1e-14)
        wanted = [math.fsum(smooth[k] * one[1][i] for k, one in zip(finite, each)) for i in range(3)]
        assert slopes == pytest.approx(wanted, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("gap", [30.0, 37.0, 40.0, 300.0, 700.0])
def test_gradient_of_cross_entropy_keeps_its_digits_where_the_class_is_all_but_certain(gap):
    found, slopes = gradients(cross_entropy, [[gap, 0.0]], [0])
    assert found == pytest.approx(math.log1p(math.exp(-gap)), rel=1e-15)
    assert slopes == pytest.approx([-math.exp(-gap), math.exp(-gap)], rel=1e-12)


@given(st.lists(st.tuples(numbers, st.one_of(st.sampled_from([0, 1]), st.floats(0.0, 1.0))), min_size=1, max_size=6))
def test_binary_cross_entropy_agrees_with_torch(examples):
    torch = pytest.importorskip("torch")
    outputs, targets = [logit for logit, _ in examples], [target for _, target in examples]
    tensor = torch.tensor(targets, dtype=torch.float64)
    theirs = torch.nn.functional.binary_cross_entropy_with_logits
    assert_as_torch(binary_cross_entropy, theirs, outputs, targets, tensor)


@given(st.data())
def test_cross_entropy_with_probabilities_agrees_with_torch(data):
    torch = pytest.importorskip("torch")
    outputs = data.draw(rows())
    weights = [[data.draw(st.integers(0, 3)) for _ in row] for row in outputs]
    targets = [[(w + 1) / (sum(row) + len(row)) for w in row] for row in weights]
    tensor = torch.tensor(targets, dtype=torch.float64)
    assert_as_torch(cross_entropy, torch.nn.functional.cross_entropy, outputs, targets, tensor)


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


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("empty", [[], (), np.zeros(0)], ids=["list", "tuple", "array"])
def test_loss_of_no_example_is_an_error(loss, empty):
    message = rf"^{loss.__name__} takes at least one example: mean is defined for at least one operand, got none$"
    with pytest.raises(ValueError, match=message):
        loss(empty, empty)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("outputs", "targets"), [(Value(1.0), [1]), (0.5, 1), ([[1.0]], 1), ([1.0], None), ("a", [1])])
def test_example_without_a_list_around_it_is_an_error_that_says_what_to_write(loss, outputs, targets):
    with pytest.raises(TypeError, match=rf"^{loss.__name__} takes a sequence of (outputs|targets), .*; write \[x\]"):
        loss(outputs, targets)


@pytest.mark.parametrize("target", ["1", None, 1j])
@pytest.mark.parametrize("loss", [mse, mae, huber])
def test_target_that_is_no_number_is_an_error(loss, target):
    message = rf"^{loss.__name__} takes targets that are numbers, got {target!r}; convert them first$"
    with pytest.raises(ValueError, match=message):
        loss([1.0, 1.0], [1.0, target])


@pytest.mark.parametrize("target", [-1, 2, 1.5, math.nan, "1", None])
def test_binary_cross_entropy_takes_no_target_that_is_no_probability(target):
    message = (
        rf"^binary_cross_entropy takes targets from 0 to 1, got {target!r}; write \(y \+ 1\) / 2 for classes y of -1"
    )
    with pytest.raises(ValueError, match=message):
        binary_cross_entropy([1.0, 1.0], [1, target])


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.25], r"probabilities that sum to 1, got \[0\.5, 0\.25\]"),
        ([1.5, -0.5], r"probabilities that sum to 1, got \[1\.5, -0\.5\]"),
        ([math.nan, 1.0], r"probabilities that sum to 1, got \[nan, 1\.0\]"),
        (["a", 1.0], r"probabilities that sum to 1, got \['a', 1\.0\]"),
        ([1.0], r"one probability for each class, got 1 for 2 classes"),
    ],
)
def test_cross_entropy_takes_no_probabilities_that_are_none(probabilities, message):
    with pytest.raises(ValueError, match=f"^cross_entropy takes {message}$"):
        cross_entropy([[1.0, 2.0]], [probabilities])


@pytest.mark.parametrize("delta", [0.0, -1.0, math.nan, math.inf])
def test_delta_is_above_zero(delta):
    with pytest.raises(ValueError, match=f"^delta is above 0 and finite, got {delta!r}$"):
        huber([1.0], [2.0], delta=delta)


@pytest.mark.parametrize("penalty", [l1, l2])
def test_penalty_of_no_list_of_parameters_is_an_error(penalty):
    with pytest.raises(ValueError, match=f"^{penalty.__name__} takes at least one parameter, got none; a generator"):
        penalty(iter([]))
    for form in (Value(1.0), 1.0, MLP(1, [1]), MLP(1, [1]).parameters):
        with pytest.raises(TypeError, match=rf"^{penalty.__name__} takes a list of parameters, got .*; write "):
            penalty(form)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [(mse, [[1.0, 2.0]], [1.0]), (mse, [1.0], [[1.0]]), (hinge, [[1.0, 2.0]], [1])],
    ids=["number for a vector", "vector for a number", "hinge of two outputs"],
)
def test_target_of_another_kind_than_its_output_is_an_error_that_names_the_loss(loss, outputs, targets):
    with pytest.raises((TypeError, ValueError), match=f"^{loss.__name__} takes "):
        loss(outputs, targets)
