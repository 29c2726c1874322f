"""Losses, against numbers computed by hand and against PyTorch, and what they say to wrong targets."""

import itertools
import math
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, gradcheck, value_and_grad
from autograd.rules import with_article
from nn import MLP, Neuron, accuracy, binary_cross_entropy, cross_entropy, hinge, huber, l1, l2, mae, mse
from nn.training.judging import LOSSES
from tests.errors import error_of


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


# By hand: outputs, targets, loss and slopes

LOG_2, LOG_3, LOG_4 = math.log(2.0), math.log(3.0), math.log(4.0)
EXACT = [
    (mse, [1.0, 2.0], [1.0, 4.0], 2.0, [0.0, -2.0]),
    (mse, [[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [3.0, 6.0]], 2.25, [0.5, 1.0, 0.0, -1.0]),
    (mse, [-(2.0**500)], [0.0], 2.0**1000, [-(2.0**501)]),
    (mae, [1.0, 2.0], [1.0, 4.0], 1.0, [0.0, -0.5]),  # where there is no error there is no slope
    (mae, [[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [3.0, 6.0]], 1.25, [0.25, 0.25, 0.0, -0.25]),
    (mae, [-(2.0**1000)], [0.0], 2.0**1000, [-1.0]),
    (huber, [-3.0], [1.0], 3.5, [-1.0]),
    (partial(huber, delta=2.0), [-3.0], [1.0], 6.0, [-2.0]),
    (huber, [1.0, -1.0], [0.0, 0.0], 0.5, [0.5, -0.5]),  # where the parabola meets the line
    (huber, [[0.5, 4.0]], [[0.5, 0.0]], 1.75, [0.0, 0.5]),
    (partial(huber, delta=0.5), [2.0**1000], [0.0], 2.0**999, [0.5]),
    (hinge, [0.5, 3.0], [1, -1], 2.25, [-0.5, 0.5]),
    (hinge, [2.0, -2.0], [1, -1], 0.0, [0.0, 0.0]),
    (hinge, [1.0, -1.0], [1, -1], 0.0, [0.0, 0.0]),  # on the margin, where relu'(0) = 0
    (hinge, [-1000.0, 1000.0], [1, 1], 500.5, [-0.5, 0.0]),
]
ROUNDED = [
    (binary_cross_entropy, [0.0, 0.0], [1, 0], LOG_2, [-0.25, 0.25]),
    (binary_cross_entropy, [LOG_3], [0], LOG_4, [0.75]),
    (binary_cross_entropy, [LOG_3], [1], math.log(4.0 / 3.0), [-0.25]),
    (binary_cross_entropy, [LOG_3], [0.75], 2.0 * LOG_2 - 0.75 * LOG_3, [0.0]),  # the entropy of the target
    (binary_cross_entropy, [1000.0, -1000.0], [1, 0], 0.0, [0.0, 0.0]),
    (binary_cross_entropy, [1000.0, -1000.0], [0, 1], 1000.0, [0.5, -0.5]),
    (cross_entropy, [[0.0] * 4], [2], LOG_4, [0.25, 0.25, -0.75, 0.25]),
    (cross_entropy, [[0.0, 0.0], [LOG_3, 0.0]], [0, 1], (LOG_2 + LOG_4) / 2, [-0.25, 0.25, 0.375, -0.375]),
    (cross_entropy, [[7.0]], [0], 0.0, [0.0]),
    (cross_entropy, [[0.0, 0.0]], [[0.5, 0.5]], LOG_2, [0.0, 0.0]),  # probabilities of classes
    (cross_entropy, [[0.0, LOG_3]], [[1.0, 0.0]], LOG_4, [-0.75, 0.75]),
    (cross_entropy, [[0.0, LOG_3]], [[0.5, 0.5]], LOG_4 - LOG_3 / 2, [-0.25, 0.25]),
    (cross_entropy, [[1000.0, -1000.0]], [[0.5, 0.5]], 1000.0, [0.5, -0.5]),
]


def test_losses_are_means_over_the_examples_with_these_slopes():
    for loss, outputs, targets, expected, slopes in EXACT:
        assert gradients(loss, outputs, targets) == (expected, slopes), (loss, outputs, targets)
    for loss, outputs, targets, expected, slopes in ROUNDED:
        wanted = pytest.approx(expected, rel=1e-15, abs=1e-300), pytest.approx(slopes, rel=1e-15, abs=1e-15)
        assert gradients(loss, outputs, targets) == wanted, (loss, outputs, targets)


LARGE = [  # logits, a target, the loss and its slopes
    *(([1000.0, -1000.0], 0, 0.0, [0.0, 0.0]), ([1000.0, -1000.0], 1, 2000.0, [1.0, -1.0])),
    *((logits, 0, LOG_2, [-0.5, 0.5]) for logits in ([1000.0, 1000.0], [-1000.0, -1000.0])),
]


def test_cross_entropy_neither_overflows_nor_underflows():
    for logits, target, expected, slopes in LARGE:
        loss, found = gradients(cross_entropy, [logits], [target])
        assert loss == pytest.approx(expected, abs=1e-12)  # an ulp of 1000 is 1e-13
        assert found == pytest.approx(slopes, abs=1e-12)


def test_cross_entropies_keep_their_digits_where_the_class_is_all_but_certain():
    for gap in (30.0, 37.0, 40.0, 300.0, 700.0):
        rest = math.exp(-gap)
        two = gradients(cross_entropy, [[gap, 0.0]], [0])
        assert two == (pytest.approx(rest, rel=1e-12, abs=0.0), pytest.approx([-rest, rest], rel=1e-12, abs=0.0))
        for sign, target in ((1.0, 1), (-1.0, 0)):
            one = gradients(binary_cross_entropy, [sign * gap], [target])
            assert one == (pytest.approx(rest, rel=1e-12, abs=0.0), [pytest.approx(-sign * rest, rel=1e-12, abs=0.0)])
    tiny = math.exp(-40.0)
    assert gradients(binary_cross_entropy, [40.0], [1]) == (pytest.approx(tiny, rel=1e-15, abs=0.0), [-tiny])


def test_targets_of_floats_and_bools_and_probabilities_of_one_count_as_classes():
    logits = [[0.5, -1.0, 2.0], [0.1, 0.2, 0.3]]
    wanted = gradients(cross_entropy, logits, [1, 0])
    for targets in ([1.0, 0.0], [True, False], [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]):
        assert gradients(cross_entropy, logits, targets) == wanted
    assert hinge([0.5, 2.0], [1.0, -1.0]) == hinge([0.5, 2.0], [1, -1])


def test_penalties_by_hand():
    parameters = [Value(3.0), Value(-4.0), Value(0.0)]
    (l1(parameters) + 0.5 * l2(p for p in parameters)).backward()
    assert (l1(parameters).data, l2(parameters).data) == (7.0, 25.0)
    assert [p.grad for p in parameters] == [1.0 + 3.0, -1.0 - 4.0, 0.0]
    assert set(l2(parameters).parents) == set(parameters)  # one node
    assert all(p.op.name == "abs" for p in l1(parameters).parents)
    assert (l1([3.0, -4]), l2(np.array([3.0, -4.0]))) == (7.0, 25.0)
    for penalty in (l1, l2):
        with pytest.raises(TypeError, match=r"a list of parameters, got rows of shape \(2,\); write W.ravel\(\)"):
            penalty(np.array([[1.0, 2.0], [3.0, 4.0]]))
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
each_example = pytest.mark.parametrize(("loss", "outputs", "targets"), EXAMPLES.values(), ids=EXAMPLES)


def test_every_loss_has_an_example_and_a_target_that_is_nan_makes_it_nan():
    assert {loss for loss, _, _ in EXAMPLES.values()} == {*LOSSES}
    assert all(math.isnan(loss([1.0, 2.0], [1.0, math.nan])) for loss in (mse, mae, huber))


@each_example
def test_examples_may_come_in_any_form_and_slopes_are_finite_differences(loss, outputs, targets):
    expected, slopes = gradients(loss, outputs, targets)
    for form in (outputs, np.array(outputs), tuple(outputs), [np.array(output) for output in outputs], iter(outputs)):
        found = loss(form, targets)
        assert (type(found), found) == (float, expected)
    nodes = values(outputs)
    for given_targets in (np.array(targets), tuple(targets)):
        total = loss(np.array(nodes), given_targets)
        for node in flat(nodes):
            node.zero_grad()
        total.backward()
        assert (total.data, [node.grad for node in flat(nodes)]) == (expected, slopes)
    assert loss(outputs * 3, targets * 3) == pytest.approx(expected, rel=1e-15)  # it is a mean
    assert gradcheck(lambda z: loss(z, targets), outputs)


def test_gradients_reach_targets_and_the_parameters_of_a_model_without_recursion():
    output, target = Value(3.0), Value(1.0)
    mse([output], [target]).backward()
    assert (output.grad, target.grad) == (4.0, -4.0)
    neuron = Neuron(1, None)
    neuron.load_state_dict({"w.0": 2.0, "b": 1.0})
    mse([neuron([3.0])], [5.0]).backward()  # (2 * 3 + 1 - 5)**2
    assert (neuron.w[0].grad, neuron.b.grad) == (12.0, 4.0)
    weight = Value(2.0)
    mse([weight * i for i in range(5000)], [0.0] * 5000).backward()
    assert weight.grad == pytest.approx(4.0 * sum(i * i for i in range(5000)) / 5000, rel=1e-12)


# Compiled


@each_example
def test_compiled_loss_of_a_batch_is_the_eager_one(loss, outputs, targets):
    weights = [Value(0.7), Value(-1.3)]
    for penalty in (0.0, 0.1):

        def regularized(outputs, targets, penalty=penalty):
            return loss(outputs, targets) + penalty * (l1(weights) + l2(weights)) + weights[0]

        compiled = compile(lambda z, y, of=regularized: of([z], [y]), batched=("z", "y"))
        compiled(outputs[:1], targets[:1])  # what it is traced with
        for w in weights:
            w.zero_grad()
        expected, slopes = gradients(regularized, outputs, targets)
        of_weights = [w.grad for w in weights]
        for copies in (1, 2, 50):
            for form in (outputs * copies, np.array(outputs * copies)):
                value, found = compiled.value_and_grad(form, np.array(targets * copies))
                assert value == pytest.approx(expected, rel=1e-12)
                assert np.ravel(found) * copies == pytest.approx(slopes * copies, rel=1e-12, abs=1e-15)
        for w in weights:
            w.zero_grad()
        assert compiled.backward(outputs, targets) == pytest.approx(expected, rel=1e-12)
        assert [w.grad for w in weights] == pytest.approx(of_weights, rel=1e-12)


EXTREME = [
    (mae, [1.0, -2.0, 0.0], [1.0, 1000.0, 0.0]),
    (huber, [1.0, -1.0, 1000.0, 0.0], [0.0, 0.0, -1000.0, 0.0]),
    (hinge, [1.0, -1.0, 1000.0, -1000.0], [1, -1, -1, -1]),
    (binary_cross_entropy, [1000.0, -1000.0, 1000.0, -1000.0, 0.0], [0, 1, 1, 0, 0.5]),
    (cross_entropy, [[1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 1000.0], [1000.0, 1000.0, 1000.0]], [1, 2, 0]),
    (cross_entropy, [[float(k == j) for k in range(12)] for j in range(12)], list(range(12))),
]


@pytest.mark.parametrize(("loss", "outputs", "targets"), EXTREME)
def test_compiled_loss_is_the_eager_one_at_kinks_and_for_extreme_outputs(loss, outputs, targets):
    compiled = compile(lambda z, y: loss([z], [y]), batched=("z", "y"))
    value, found = compiled.value_and_grad(np.array(outputs), np.array(targets, dtype=float))
    expected, slopes = gradients(loss, outputs, targets)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.ravel(found) == pytest.approx(slopes, rel=1e-12, abs=1e-15)


# Against PyTorch

numbers = st.floats(-50.0, 50.0) | st.sampled_from([1000.0, -1000.0, 0.0, 1e-300, 1.0, -1.0])


@st.composite
def rows(draw):
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=4))


def of_each(strategy):
    """Return a function that draws one target for each number of some rows."""
    return lambda data, outputs: [[data.draw(strategy) for _ in row] for row in outputs]


def classes(data, outputs):
    return [data.draw(st.integers(0, len(row) - 1)) for row in outputs]


def shares(data, outputs):
    weights = [[data.draw(st.integers(0, 3)) for _ in row] for row in outputs]
    return [[(w + 1) / (sum(row) + len(row)) for w in row] for row in weights]


PROBABILITIES = st.sampled_from([0, 1]) | st.floats(0.0, 1.0)
HINGE = lambda F: lambda s, y: F.relu(1.0 - y * s).mean()
HUBER = lambda delta: lambda F: partial(F.huber_loss, delta=delta)
THEIRS = {  # our loss, how targets are drawn, and PyTorch's loss
    "mse": (mse, of_each(numbers), lambda F: F.mse_loss),
    "mae": (mae, of_each(numbers), lambda F: F.l1_loss),
    **{f"huber, {d}": (partial(huber, delta=d), of_each(numbers), HUBER(d)) for d in (0.1, 1.0, 7.0)},
    "hinge": (hinge, of_each(st.sampled_from([-1, 1])), HINGE),
    "binary": (binary_cross_entropy, of_each(PROBABILITIES), lambda F: F.binary_cross_entropy_with_logits),
    "cross-entropy": (cross_entropy, classes, lambda F: F.cross_entropy),
    "cross-entropy with probabilities": (cross_entropy, shares, lambda F: F.cross_entropy),
}


@pytest.mark.parametrize("name", THEIRS)
@given(st.data())
def test_loss_agrees_with_torch(name, data):
    torch = pytest.importorskip("torch")
    loss, draw, theirs = THEIRS[name]
    outputs = data.draw(rows())
    targets = draw(data, outputs)
    tensor = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
    kind = torch.int64 if draw is classes else torch.float64
    expected = theirs(torch.nn.functional)(tensor, torch.tensor(targets, dtype=kind))
    expected.backward()
    found, slopes = gradients(loss, outputs, targets)
    assert found == pytest.approx(expected.item(), rel=1e-12, abs=1e-12)
    assert slopes == pytest.approx(tensor.grad.flatten().tolist(), rel=1e-12, abs=1e-12)


FAR = [0.0, 1.0, -40.0, 1e10, 1e16, -1e16, 1e300, -math.inf]


def test_cross_entropy_of_logits_of_any_size_is_as_torch_has_it(whole):
    torch = pytest.importorskip("torch")
    points = [logits for logits in itertools.product(FAR, repeat=3) if max(logits) > -math.inf]
    for logits in points if whole else points[::3]:
        each = []
        for target in range(3):
            tensor = torch.tensor([logits], dtype=torch.float64, requires_grad=True)
            expected = torch.nn.functional.cross_entropy(tensor, torch.tensor([target]))
            expected.backward()
            one_hot = [float(k == target) for k in range(3)]
            for label in (target, one_hot):
                found, slopes = gradients(cross_entropy, [list(logits)], [label])
                assert found == pytest.approx(expected.item(), rel=1e-14, abs=1e-15), (logits, label)
                assert slopes == pytest.approx(tensor.grad[0].tolist(), rel=1e-14, abs=1e-15), (logits, label)
            each.append((found, slopes))
        finite = [k for k in range(3) if logits[k] > -math.inf]
        for target in range(3):
            smooth = [0.1 + float(k == target) if k in finite else 0.0 for k in range(3)]
            smooth = [p / sum(smooth) for p in smooth]
            found, slopes = gradients(cross_entropy, [list(logits)], [smooth])
            assert found == pytest.approx(math.fsum(smooth[k] * each[k][0] for k in finite), rel=1e-14), logits
            wanted = [math.fsum(smooth[k] * each[k][1][i] for k in finite) for i in range(3)]
            assert slopes == pytest.approx(wanted, rel=1e-13, abs=1e-15), logits


# Errors

ONES, PAIRS = [1.0, 1.0], [[1.0, 2.0], [3.0, 4.0]]


def refuses(message, function, *arguments):
    assert re.search(f"^{message}", error_of(function, *arguments)), (function, arguments)


def test_wrong_number_of_targets_is_an_error_that_says_both():
    for loss, outputs in ((mse, ONES), (hinge, ONES), (cross_entropy, PAIRS)):
        for n in (0, 1, 3):
            message = f"ValueError: {loss.__name__} takes one target for each output, got 2 and {n}$"
            refuses(message, loss, outputs, [1] * n)
    message = "ValueError: mse takes one target for each output, got 2 outputs and 1 targets in example 1$"
    refuses(message, mse, PAIRS, [[1.0, 2.0], [1.0]])
    for loss, outputs, targets in ((mse, PAIRS[:1], [1.0]), (mse, [1.0], [[1.0]]), (hinge, PAIRS[:1], [1])):
        refuses(f"(TypeError|ValueError): {loss.__name__} takes ", loss, outputs, targets)
    shape = "TypeError: mse takes a target of the same shape as the output, got "
    refuses(rf"{shape}\[1.0\] for 1.0; write y\[:, 0\], or df\['y'\], for one column$", mse, [1.0], np.ones((1, 1)))
    refuses(rf"{shape}1.0 for \[1.0, 2.0\]; write a list with a target for each output$", mse, PAIRS[:1], [1.0])


def test_outputs_that_are_no_numbers_are_an_error_that_shows_them():
    for loss in set(LOSSES) - {cross_entropy}:
        for output in ("a", None, 1j, {"y": 1.0}):
            message = f"TypeError: {loss.__name__} takes a real number, got {with_article(output)}"
            refuses(message, loss, [1.0, output], [1, 1])
            refuses(message, loss, [[output, 1.0]], [[1, 1]])
    for output in ("a", None):
        refuses("TypeError: a metric takes a real number, got a ", accuracy, [output], [1])


def test_no_examples_or_no_list_of_them_are_an_error_that_says_what_to_write():
    for loss in LOSSES:
        for empty in ([], (), np.zeros(0)):
            message = "takes at least one example: mean is defined for at least one operand, got none$"
            refuses(f"ValueError: {loss.__name__} {message}", loss, empty, empty)
        for arguments in ((Value(1.0), [1]), (0.5, 1), ([[1.0]], 1), ([1.0], None), ("a", [1])):
            message = rf"TypeError: {loss.__name__} takes a sequence of (outputs|targets), .*; write (\[a\]|a list)"
            refuses(message, loss, *arguments)
    for output in (1.0, 1, Value(1.0), MLP(2, [1])([1.0, 2.0])):
        message = r"TypeError: cross_entropy takes a sequence of logits for each example, got (1|Value)"
        refuses(message, cross_entropy, [output], [0])


NUMBERS, MORE = (
    "convert them first$",
    "more than two classes are for cross_entropy, and a model with an output for each$",
)


def test_targets_that_a_loss_does_not_take_are_an_error_that_shows_them():
    for loss in (mse, mae, huber):
        for target in ("1", None, 1j):
            message = f"takes targets that are numbers, got {target!r}; convert them first$"
            refuses(f"ValueError: {loss.__name__} {message}", loss, ONES, [1.0, target])
    for target in (0, 2, 0.5, "1", None):
        remedy = {0: r"write 2 \* y - 1 for classes y of 0 and 1$", "1": NUMBERS, None: NUMBERS}.get(target, MORE)
        refuses(f"ValueError: hinge takes targets of -1 or 1, got .*; {remedy}", hinge, ONES, [1, target])
    for target in (-1, 2, 1.5, math.nan, "1", None):
        remedy = {-1: r"write \(y \+ 1\) / 2 for classes y of -1 and 1$", "1": NUMBERS, None: NUMBERS}.get(target, MORE)
        message = f"ValueError: binary_cross_entropy takes targets from 0 to 1, got {target!r}; {remedy}"
        refuses(message, binary_cross_entropy, ONES, [1, target])
    for target in (-1, 2, 0.5, "a"):
        wanted = f"targets that are indices of classes, whole numbers from 0 to 1, got {target!r}; number the classes"
        message = f"ValueError: cross_entropy takes {wanted}"
        refuses(message, cross_entropy, PAIRS, [0, target])
    for shares in ([0.5, 0.25], [1.5, -0.5], [math.nan, 1.0], ["a", 1.0]):
        message = f"ValueError: cross_entropy takes probabilities that sum to 1, got {re.escape(repr(shares))}$"
        refuses(message, cross_entropy, PAIRS[:1], [shares])
    message = "ValueError: cross_entropy takes one probability for each class, got 1 for 2 classes$"
    refuses(message, cross_entropy, PAIRS[:1], [[1.0]])


def test_options_and_parameters_that_are_none_are_an_error():
    for delta in (0.0, -1.0, math.nan, math.inf):
        refuses(f"ValueError: delta is above 0 and finite, got {delta!r}$", huber, [1.0], [2.0], delta)
    for penalty in (l1, l2):
        message = f"ValueError: {penalty.__name__} takes at least one parameter, got none; .* a generator"
        refuses(message, penalty, iter([]))
        for form in (Value(1.0), 1.0, MLP(1, [1]), MLP(1, [1]).parameters):
            refuses(f"TypeError: {penalty.__name__} takes a list of parameters, got .*; write ", penalty, form)


@pytest.mark.parametrize("penalty", [l1, l2])
@pytest.mark.parametrize("wrong", ["a", None, [1.0], 1j], ids=repr)
def test_parameter_that_is_no_number_is_named(penalty, wrong):
    refuses(f"TypeError: .* takes a real number, got {with_article(wrong)}: ", penalty, [1.0, wrong])


EDGES = [math.inf, -math.inf, math.nan, 1e308, -1e308, 2.0, 0.0]
CLASSIFIED = [*itertools.product(EDGES, repeat=2), *itertools.product(EDGES[:3] + EDGES[5:], repeat=3)]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_loss_of_outputs_that_are_not_finite_is_the_same_compiled(loss):
    """With its gradient; where a target is part of the program, and where it is an argument."""
    if loss is cross_entropy:
        cases = [
            (list(z), y) for z in CLASSIFIED for k in range(len(z)) for y in (k, [float(k == j) for j in range(len(z))])
        ]
        cases += [(list(z), [1.0 / len(z)] * len(z)) for z in CLASSIFIED]
    else:
        cases = [([z], y) for z in EDGES for y in (0.0, 1.0, -1.0) if loss is not binary_cross_entropy or y >= 0.0]
        cases = [case for case in cases if loss is not hinge or case[1]]
    single = loss is not cross_entropy

    def of(z, y):
        return loss(z if single else [z], [y])

    of_arguments = compile(of)
    for z, y in cases:
        wanted = outcome(value_and_grad(partial(of, y=y)), z)
        assert outcome(compile(partial(of, y=y)).value_and_grad, z) == wanted, (z, y)
        assert outcome(lambda z, y=y: of_arguments.value_and_grad(z, y), z) == wanted, (z, y)


def outcome(f, z):
    """Return value and gradient, so that nan is nan and numbers are compared to 12 digits; or the kind of error."""
    try:
        value, gradient = f(z)
    except (ValueError, OverflowError) as error:
        return type(error)
    return [f"{float(number):.12g}" if abs(number) > 1e-15 else "0" for number in (value, *gradient)]
