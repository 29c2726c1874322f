"""What `fit` makes of a loss: its metric, a penalty beside it, and examples that it refuses before anything changes."""

import itertools
import math
from collections import deque
from functools import partial
from types import FunctionType

import numpy as np
import pytest

import nn
from autograd import Value, dot
from nn import MLP, SGD, Module, accuracy, cross_entropy, evaluate, fit, hinge, l1, l2, mse
from nn.training.judging import LOSSES, calls_noted, metric_among
from tests.errors import error_of
from tests.nn.training.small import BOTH_WAYS

X = [[math.sin(i), math.cos(2 * i)] for i in range(12)]
CLASSES = [i % 2 for i in range(12)]
# For each loss of nn: targets that it takes, and those that it refuses; "cross_entropy" takes a model of two outputs.
TARGETS = {
    **dict.fromkeys(["mse", "mae", "huber"], ([0.1 * i for i in range(12)], "a")),
    "hinge": ([2 * k - 1 for k in CLASSES], 0),
    "binary_cross_entropy": (CLASSES, -1),
    "cross_entropy": (CLASSES, 2),
}
PENALTIES = {
    "l2": l2,
    "l1": l1,
    "of the parameters": lambda p: 0.01 * l2(p),
    "both": lambda p: 0.01 * l1(p) + 0.1 * l2(p),
    "partial": partial(dot, [0.1]),
    "any number of arguments": lambda *p: 0.1 * l2(*p),
    "a number": lambda p: 0.5,
    "a number of NumPy": lambda p: np.float32(0.5),
}

every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)


def model_for(loss):
    return MLP(2, [3, 2 if loss is cross_entropy else 1], "tanh", seed=1)


def train(loss, targets, *, of=None, model=None, **options):
    model = model or model_for(of or loss)
    options = {"epochs": 3, "batch_size": 5, "seed": 1, "validation": (X[:4], targets[:4]), **options}
    return fit(model, X, targets, loss=loss, optimizer=SGD(model.parameters(), 0.05), **options), model.state_dict()


def close(one, two):
    return list(one) == pytest.approx(list(two), rel=1e-9, abs=0.0)


def test_every_loss_of_the_package_is_here():
    things = [getattr(nn, name) for name in nn.__all__]
    public = [thing for thing in things if isinstance(thing, FunctionType) and hasattr(thing, "metric")]
    assert sorted(loss.__name__ for loss in LOSSES) == sorted(TARGETS) == sorted(loss.__name__ for loss in public)


@every_loss
@BOTH_WAYS
def test_function_around_a_loss_has_the_metric_of_the_loss(loss, compiled, whole):
    targets, _ = TARGETS[loss.__name__]
    weights = [Value(0.0)]
    around = {
        "itself": lambda o, t: loss(o, t),
        "keywords": lambda o, t: loss(targets=t, outputs=o),
        "plus": lambda o, t: loss(o, t) + 0.0 * l2(weights),
        "partial": partial(loss),
        "beside another": lambda o, t: loss(o, t) + 0.0 * mse([1.0], [1.0]),
        "copied": lambda o, t: loss(list(o), tuple(t)),
        "array": lambda o, t: loss(o, np.array(t)),
    }
    model = model_for(loss)
    for number, batch_size in enumerate((None, 1, 5)):
        expected, parameters = train(loss, targets, compiled=compiled, batch_size=batch_size)
        assert (expected.metric == []) == (loss.metric is None)
        for name, function in [*around.items()][0 if whole else number :: 1 if whole else 3]:
            found, state = train(function, targets, of=loss, compiled=compiled, batch_size=batch_size)
            assert (found.metric, found.validation_metric) == (expected.metric, expected.validation_metric), name
            assert found.metric_name == expected.metric_name
            assert close(state.values(), parameters.values())
            for form in (targets, np.array(targets), tuple(targets)):
                assert evaluate(model, X, form, loss=function) == evaluate(model, X, targets, loss=loss), name


@BOTH_WAYS
def test_classes_that_a_function_turns_to_signs_keep_their_accuracy(compiled):
    found, _ = train(lambda o, t: hinge(o, [2 * k - 1 for k in t]), CLASSES, of=hinge, compiled=compiled)
    expected, _ = train(hinge, [2 * k - 1 for k in CLASSES], compiled=compiled)
    assert found.accuracy == expected.accuracy
    assert len(found.accuracy) == 3


NOT_TOLD = {
    "of a part of the outputs": lambda o, t: cross_entropy([[z[1], z[0]] for z in o], t),
    "of other classes": lambda o, t: cross_entropy(o, [1 - k for k in t]),
    "of no loss of nn": lambda o, t: dot([z[0] for z in o], [z[0] for z in o]) * (1.0 / len(o)),
    "of one with no metric": lambda o, t: mse(o, [[0.0, 1.0]] * len(o)),
    "of targets of another shape": lambda o, t: cross_entropy(o, [[1.0 - k, float(k)] for k in t]),
    "of one example": lambda o, t: cross_entropy(o[:1], t[:1]),
}


def test_where_the_metric_cannot_be_told_there_is_none():
    for name, loss in NOT_TOLD.items():
        history, _ = train(loss, CLASSES, of=cross_entropy, compiled=False, batch_size=None)
        assert history.metric == history.accuracy == [], name
        assert evaluate(model_for(cross_entropy), X, CLASSES, loss=loss).accuracy is None, name


def share_of_ones(outputs, targets):
    return sum(targets) / len(targets)


@BOTH_WAYS
def test_loss_of_ones_own_may_carry_its_own_metric(compiled):
    def own(outputs, targets):
        return cross_entropy(outputs, targets)

    own.metric = share_of_ones
    history, _ = train(own, CLASSES, of=cross_entropy, compiled=compiled)
    assert (history.metric_name, history.metric) == ("share_of_ones", [0.5] * 3)
    assert evaluate(model_for(cross_entropy), X, CLASSES, loss=partial(own)).metric == 0.5
    assert train(own, CLASSES, of=cross_entropy, compiled=compiled, metric=None)[0].metric == []
    assert train(own, CLASSES, of=cross_entropy, compiled=compiled, metric=accuracy)[0].metric_name == "accuracy"


def test_calls_are_noted_only_within_the_block_and_use_up_no_generator():
    with calls_noted() as calls:
        hinge([1.0], [1])
    hinge([1.0], [1])
    assert calls == [(hinge.metric, [1.0], [1])]
    with calls_noted():
        assert hinge((z for z in [0.5, 3.0]), (y for y in [1, -1])) == 2.25
    assert metric_among(calls, [2.0], [1]) is None


@BOTH_WAYS
@pytest.mark.parametrize("name", PENALTIES)
def test_penalty_is_a_term_beside_every_loss(name, compiled, whole):
    penalty = PENALTIES[name]
    for loss in LOSSES if whole else LOSSES[[*PENALTIES].index(name) % 3 :: 3]:
        targets, _ = TARGETS[loss.__name__]
        parameters = (model := model_for(loss)).parameters()
        term = partial(dot, [0.1] * len(parameters)) if isinstance(penalty, partial) else penalty
        found, state = train(loss, targets, penalty=term, compiled=compiled)
        beside = lambda o, t, loss=loss, term=term, parameters=parameters: loss(o, t) + term(parameters)
        expected, plain = train(beside, targets, model=model, compiled=False)
        assert found.compiled == compiled
        assert close(state.values(), plain.values()), loss
        assert close(found.loss, expected.loss), loss
        assert close(found.validation_loss, expected.validation_loss), loss
        assert (found.metric, found.validation_metric) == (expected.metric, expected.validation_metric), loss
        assert (found.metric != []) == (loss.metric is not None), loss


@BOTH_WAYS
def test_penalty_of_nothing_may_choose_its_parameters(compiled):
    def trained(penalty):
        model = model_for(hinge)
        weights = [p for name, p in model.named_parameters() if ".w." in name]
        history = fit(model, X, TARGETS["hinge"][0], loss=hinge, penalty=penalty(weights), epochs=3, compiled=compiled)
        return history, model.state_dict()

    def of_keyword(weights):
        return lambda *, factor=0.1: factor * l2(weights)

    def of_default(weights):  # the parameters are not passed where nothing is needed
        return lambda p=weights: 0.1 * l2(p)

    def of_all(weights):
        return lambda p: 0.1 * l2([q for q in p if q in weights])

    expected = trained(lambda weights: lambda: 0.1 * l2(weights))
    for penalty in (of_keyword, of_default, of_all):
        assert trained(penalty) == expected
    assert expected[1] != trained(lambda weights: lambda p: 0.1 * l2(p))[1]


@BOTH_WAYS
def test_penalty_is_of_the_parameters_that_are_trained(compiled):
    model, seen = model_for(mse), deque(maxlen=1)
    trained = model.layers[1].parameters()
    options = {"penalty": lambda p: (seen.append(p), l2(p))[1], "optimizer": SGD(trained, 0.1), "compiled": compiled}
    fit(model, X, TARGETS["mse"][0], loss=mse, epochs=1, **options)
    assert seen
    assert all(parameters == trained for parameters in seen)


def test_penalty_that_is_no_function_or_returns_no_number_is_an_error():
    for penalty in (1e-4, l2([Value(1.0)]), "l2", [l2]):
        message = r"penalty is a function of the parameters, .* write penalty=lambda p: 1e-4 \* l2"
        with pytest.raises(TypeError, match=message):
            train(mse, TARGETS["mse"][0], penalty=penalty)
    for term, compiled in itertools.product([None, [1.0], "1"], [True, False]):
        with pytest.raises(TypeError, match="penalty returns a Value, one number for all parameters, got"):
            train(mse, TARGETS["mse"][0], penalty=lambda p, term=term: term, compiled=compiled)


class Idle(SGD):
    """Does not change, and says whether it was asked to."""

    stepped = False

    def step(self):
        self.stepped = True

    def updated(self, theta, gradient):
        self.stepped = True
        return theta


@every_loss
@BOTH_WAYS
def test_wrong_example_is_an_error_before_the_first_step(loss, compiled):
    def error(inputs, y, validation=None, batch_size=1):
        model = model_for(loss)
        optimizer = Idle(model.parameters(), 0.1)
        options = {"batch_size": batch_size, "validation": validation, "compiled": compiled}
        message = error_of(fit, model, inputs, y, loss=loss, optimizer=optimizer, **options)
        assert not optimizer.stepped
        return message

    targets, wrong = TARGETS[loss.__name__]
    for place in (0, 7, 11):
        bad = [*targets[:place], wrong, *targets[place + 1 :]]
        for batch_size in (None, 1):
            for y, validation in ((bad, None), (targets, (X, bad))):
                assert error(X, y, validation, batch_size).startswith(f"ValueError: {loss.__name__} takes targets")
        for other in ([1.0], [1.0, 2.0, 3.0], []):
            inputs = [*X[:place], other, *X[place + 1 :]]
            assert error(inputs, targets).startswith(f"ValueError: MLP takes 2 inputs, got {len(other)}")


def test_examples_of_different_lengths_are_right_where_the_model_takes_them():
    class Recurrent(Module):
        """Takes sequences of any length; has as many outputs as inputs."""

        def __init__(self):
            self.w = Value(0.5)

        def forward(self, xs):
            return [self.w * x for x in xs]

    sequences, model = [[1.0] * n for n in (3, 1, 4, 1, 5)], Recurrent()
    history = fit(model, sequences, sequences, loss=mse, epochs=200, compiled=False)
    assert history.stopped == "all 200 epochs done"
    assert model.w.data == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("batch_size", [None, 5])
def test_loss_of_all_outputs_together_is_not_refused(batch_size):
    def spread(outputs, targets):  # not defined where all outputs are alike, as in a look at the targets
        middle = sum(outputs) / len(outputs)
        return 1.0 / sum((z - middle) ** 2 for z in outputs)

    model = model_for(mse)
    inputs = np.array([X[i % 12] for i in range(15)])
    with pytest.warns(RuntimeWarning, match="the loss of one example by itself is not defined: a / b is defined for b"):
        history = fit(model, inputs, [0.0] * 15, loss=spread, epochs=2, batch_size=batch_size)
    assert history.stopped == "all 2 epochs done"
