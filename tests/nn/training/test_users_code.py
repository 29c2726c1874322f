"""Code of the user's in compiled training finds and changes what it would without: metrics, stops, steps, callbacks."""

import contextlib
import itertools
import math
import random

import numpy as np
import pytest

from autograd import Value, exp, log, no_grad, relu, softplus
from nn import MLP, SGD, Adam, Module, Stop, binary_cross_entropy, cross_entropy, evaluate, fit, hinge, mae, mse
from nn.training.optimizer import Optimizer
from tests.errors import error_of

CHANCE = random.Random(3)
X = [[CHANCE.uniform(-1, 1), CHANCE.uniform(-1, 1)] for _ in range(24)]
Y = [math.sin(2 * a) for a, _ in X]
HELD_OUT = X[5:12], [a * b for a, b in X[5:12]]


class Warmed(Module):
    """A network with a temperature, a shift of its inputs and a weight of the loss, none of which are trained."""

    def __init__(self):
        self.inner, self.temperature = MLP(2, [4, 1], "tanh", seed=1), 1.0
        self.shift, self.weight = Value(0.1), Value(0.0)

    def forward(self, x):
        return self.inner([a + self.shift for a in x]) * self.temperature

    def parameters(self):
        return self.inner.parameters()


def weights(model):
    return [p.data for p in model.parameters()]


def ending(model, history):
    beside = [model.shift.data, model.weight.data, model.temperature]
    return [*weights(model), *beside, *history.loss, *history.validation_loss, *(history.metric or ())]


def metrics(measure):
    """Train with a metric that does not look at its arguments."""

    def case(model, **options):
        optimizer = Adam(model.parameters(), lr=0.05)
        return fit(model, X, Y, metric=lambda o, t: measure(model), optimizer=optimizer, max_norm=0.1, **options)

    return case


def steps(change, each=1, by_zero_grad=lambda self, model: None):
    """Train with an optimiser of one's own that changes something in some steps."""

    def case(model, **options):
        class Own(SGD):
            def step(self):
                super().step()
                if self.steps % each == 0:
                    change(self, model)

            def zero_grad(self):
                super().zero_grad()
                by_zero_grad(self, model)

        options["loss"] = lambda o, t: mse(o, t) * exp(-model.weight) + model.weight * mae(o, t)
        return fit(model, X, Y, optimizer=Own(model.parameters(), lr=0.1), restore_best=True, **options)

    return case


def assign(name, number):
    """Return what assigns a number, made of what there is and of the gradient, to a Value beside the parameters."""

    def change(optimizer, model):
        value = getattr(model, name)
        value.data = number(value)

    return change


def two_groups(model, **options):
    body, head = model.parameters()[:12], model.parameters()[12:]

    class Groups(Optimizer):
        def __init__(self):
            super().__init__(body, 0.1)
            self.groups = [SGD(body, lr=0.1), Adam(head, lr=0.05)]

        def step(self):
            for group in self.groups:
                group.step()
            self.steps += 1

        def zero_grad(self):
            for group in self.groups:
                group.zero_grad()

    history = fit(model, X, Y, optimizer=Groups(), **options)
    assert weights(model)[12:] != weights(Warmed())[12:]
    return history


def shrink(model):
    for p in model.parameters():
        p.data *= 0.5


class Halving(Stop):
    """A subclass of Stop that changes the model, or the examples, and looks at it."""

    def __call__(self, history):
        if len(history.loss) == 3:
            self.change()
        self.seen += weights(self.model)
        return super().__call__(history)


def stops(kind, change):
    def case(model, **options):
        x = [list(row) for row in X]
        stop = kind(model, lambda: change(model, x))
        return fit(model, x, Y, stop=stop, **options)

    return case


def subclass(model, change):
    stop = Halving(patience=50)
    vars(stop).update(model=model, change=change, seen=[])
    return stop


def function(model, change):
    return lambda history: change() or ""


def move(model, x):
    for row in x:
        row[0] += 0.1


CASES = {
    "metric of the parameters": metrics(lambda model: math.fsum(p.data**2 for p in model.parameters())),
    "metric of a gradient": metrics(lambda model: model.parameters()[0].grad or 0.0),
    "metric on other examples": metrics(lambda model: evaluate(model, *HELD_OUT, loss=mae).loss),
    "stop of a class, of parameters": stops(subclass, lambda model, x: shrink(model)),
    "stop of a class, of examples": stops(subclass, move),
    "stop that is a function, of parameters": stops(function, lambda model, x: shrink(model)),
    "stop that is a function, of examples": stops(function, move),
    "two groups": two_groups,
    "multiplier of a constraint": steps(assign("weight", lambda w: w.data + 0.1 * w.grad)),
    "multiplier, its gradient cleared": steps(
        assign("weight", lambda w: w.data + 0.1 * w.grad), by_zero_grad=lambda self, model: model.weight.zero_grad()
    ),
    "adversarial shift of inputs": steps(assign("shift", lambda d: 0.1 * math.copysign(1.0, d.grad or 0.0))),
    "weight from the first step on": steps(assign("weight", lambda w: w.data + 0.1)),
    "weight once an epoch": steps(assign("weight", lambda w: w.data + 0.1), each=3),
    "temperature once an epoch": steps(lambda self, model: setattr(model, "temperature", 0.9 * model.temperature), 3),
}


@pytest.mark.parametrize("name", CASES)
def test_training_is_the_same_compiled(name):
    found = []
    for compiled in (True, False):
        model = Warmed()
        options = {"loss": mse, "epochs": 6, "batch_size": 8, "seed": 5, "validation": HELD_OUT, "compiled": compiled}
        found.append(ending(model, CASES[name](model, **options)))
    assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-9)
    assert found[0][:17] != weights(Warmed())


CLASSES = [i % 3 for i in range(24)]
TARGETS = {  # a loss, targets, how many outputs, one of the targets' number, and what it becomes
    "classes": (cross_entropy, CLASSES, 3, 20, 3),
    "fractions": (cross_entropy, CLASSES, 3, 20, 1.5),
    "a factor": (lambda o, t: 2 * cross_entropy(o, t), CLASSES, 3, 20, -1),
    "probabilities": (cross_entropy, [[0.5, 0.5]] * 24, 2, 22, [0.9, 0.9]),
    "shares": (binary_cross_entropy, [i / 30 for i in range(24)], 1, 20, 1.5),
    "signs": (hinge, [1, -1] * 12, 1, 23, 0.5),
}


@pytest.mark.sample(4)
@pytest.mark.parametrize("compiled", ["auto", True, False])
@pytest.mark.parametrize("held_out", [True, False])
@pytest.mark.parametrize("name", TARGETS)
def test_targets_that_a_callback_makes_wrong_are_refused(name, held_out, compiled):
    loss, y, outputs, row, wrong = TARGETS[name]
    train, other = list(y), list(y)

    def spoil(history):
        if len(history.loss) == 2:
            (other if held_out else train)[row] = wrong

    model = MLP(2, [3, outputs], seed=3)
    options = {"loss": loss, "metric": None, "validation": (X, other), "callbacks": [spoil], "epochs": 4}
    with pytest.warns(RuntimeWarning, match="takes") if compiled == "auto" else contextlib.nullcontext():
        error = error_of(fit, model, X, train, compiled=compiled, **options)
    assert error.startswith("ValueError: ")
    assert f"got {wrong}" in error


CHANGES = {  # of examples, by a callback
    "targets": lambda x, y: [y.__setitem__(i, 100.0) for i in range(len(y))],
    "inputs": lambda x, y: [x.__setitem__(i, [3.0, 4.0]) for i in range(len(x))],
    "numbers of inputs": lambda x, y: [x[i].__setitem__(0, 5.0) for i in range(len(x))],
}


@pytest.mark.parametrize("form", [lambda part: [list(row) if isinstance(row, list) else row for row in part], np.array])
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("compiled", [True, False])
def test_examples_that_a_callback_changes_count_where_a_share_is_held_out(name, form, compiled):
    x, y = form(X), form(Y)
    callback = lambda history: CHANGES[name](x, y) if len(history.loss) == 1 else None
    model = MLP(2, [3, 1], "tanh", seed=1)
    options = {"optimizer": SGD(model.parameters(), lr=1e-12), "callbacks": [callback], "compiled": compiled}
    history = fit(model, x, y, loss=mse, validation=0.25, epochs=2, seed=1, **options)
    found = 0.75 * history.loss[1] + 0.25 * history.validation_loss[1]
    assert found == pytest.approx(evaluate(model, x, y, loss=mse).loss, rel=1e-9)
    assert history.loss[1] != pytest.approx(history.loss[0], rel=1e-3)


def replaced_step(optimizer):
    step = optimizer.step

    def clipped():
        for p in optimizer.parameters:
            p.grad = max(-0.01, min(0.01, p.grad))
        step()

    optimizer.step = clipped


def replaced_class(optimizer):
    class Halved(SGD):
        def step(self):
            super().step()
            for p in self.parameters:
                p.data *= 0.5

    optimizer.__class__ = Halved


@pytest.mark.parametrize("replace", [replaced_step, replaced_class])
def test_step_that_a_callback_replaces_is_taken(replace):
    found = []
    for compiled in (True, False):
        model = MLP(2, [3, 1], "tanh", seed=1)
        optimizer = SGD(model.parameters(), lr=0.1)
        callback = lambda history, optimizer=optimizer: replace(optimizer) if len(history.loss) == 2 else None
        options = {"optimizer": optimizer, "callbacks": [callback], "compiled": compiled, "seed": 1}
        history = fit(model, X, Y, loss=mse, batch_size=8, epochs=5, **options)
        found.append([*weights(model), *history.loss])
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("compiled", ["auto", True, False])
def test_error_of_a_schedule_or_a_step_is_raised(compiled):
    class Averaging(SGD):
        def step(self):
            super().step()
            sum([]) / len([])

    for optimizer in (lambda p: SGD(p, lr=lambda t: 0.1 / t), Averaging):
        model = MLP(2, [1], seed=1)
        before = weights(model)
        error = error_of(fit, model, X, Y, loss=mse, optimizer=optimizer(model.parameters()), compiled=compiled)
        assert error.startswith("ZeroDivisionError")
        assert weights(model) == before


def pairs(o):
    return [(o[i], o[j]) for i in range(len(o)) for j in range(i)]


OF_SEVERAL = {  # losses of several examples, which are 0 for one
    "ranking": lambda o, t: sum([softplus(b - a) for a, b in pairs(o)], Value(0.0)) / max(1, len(o) - 1),
    "neighbours": lambda o, t: sum([(b - a - 0.1) ** 2 for a, b in itertools.pairwise(o)], Value(0.0)),
    "triplets": lambda o, t: sum([relu(0.1 + b - a) + c * c for a, b, c in zip(o, o[1:], o[2:])], Value(0.0)),
    "none of a few": lambda o, t: Value(0.0) if len(o) < 8 else mse(o, t),
}


@pytest.mark.parametrize("name", OF_SEVERAL)
@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.filterwarnings("ignore:training is not compiled")
def test_loss_of_several_examples_depends_on_the_parameters(name, batch_size):
    class Clearing(SGD):
        def step(self):
            super().step()
            self.zero_grad()

    found = []
    for compiled, kind in (("auto", SGD), (False, SGD), (False, Clearing)):
        model = MLP(2, [3, 1], seed=1)
        options = {"optimizer": kind(model.parameters(), lr=0.01), "compiled": compiled, "batch_size": batch_size}
        fit(model, X, Y, loss=OF_SEVERAL[name], epochs=3, seed=1, **options)
        assert weights(model) != weights(MLP(2, [3, 1], seed=1))
        found.append(weights(model))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("compiled", ["auto", False])
def test_layer_that_a_callback_unfreezes_is_trained(compiled):
    class Freezable(Module):
        def __init__(self):
            self.inner, self.frozen = MLP(2, [1], seed=1), True

        def forward(self, x):
            z = self.inner(x)
            return z.detach() if self.frozen else z

    model = Freezable()
    callback = lambda history: setattr(model, "frozen", False)
    losses = fit(model, X, Y, loss=mse, callbacks=[callback], epochs=3, compiled=compiled).loss
    assert losses[0] == losses[1] > losses[2]


@pytest.mark.parametrize(("given", "compiled"), [(0, False), (np.False_, False), (1, True), (np.True_, True)])
def test_compiled_may_be_any_truth_value(given, compiled):
    assert fit(MLP(2, [1], seed=1), X, Y, loss=mse, epochs=1, compiled=given).compiled is compiled


@pytest.mark.parametrize("compiled", ["auto", False])
def test_gradient_norms_of_what_has_no_layers_are_an_error(compiled):
    w = Value(1.0)
    options = {"optimizer": SGD([w]), "gradient_norms": True, "compiled": compiled}
    error = error_of(fit, lambda x: w * x[0], X, Y, loss=mse, **options)
    assert error.startswith("TypeError: gradient_norms are those of the layers of a Module, got <function")


def test_value_that_was_computed_before_is_a_constant_for_steps_of_ones_own():
    class Own(SGD):
        def step(self):
            super().step()

    a = Value(0.3)
    factors = [a * 2.0, exp(a), MLP(2, [1], seed=4)([0.1, 0.2])]
    for factor in factors:
        found = []
        for compiled in (True, False):
            model = MLP(2, [3, 1], "tanh", seed=1)
            loss = lambda o, t, factor=factor: mse(o, t) * factor
            optimizer = Own(model.parameters(), lr=0.1)
            fit(model, X, Y, loss=loss, optimizer=optimizer, epochs=3, compiled=compiled)
            found.append(weights(model))
        assert found[0] == pytest.approx(found[1], rel=1e-9)


def growth(o, t):
    """Of stakes and returns, outside of whose domain an output is for the target of another example."""
    return -sum(log(1.2 + a * b) for a, b in zip(o, t)) / len(o)


@pytest.mark.parametrize("compiled", [True, False])
def test_inputs_that_a_callback_changes_do_not_meet_other_targets(compiled):
    x, chance = [list(row) for row in X], random.Random(1)
    targets = [math.copysign(1.0, a) for a, _ in X]

    def move(history):
        for row, start in zip(x, X, strict=True):
            row[1] = start[1] + chance.gauss(0, 0.01)

    model = MLP(2, [4, 1], "tanh", seed=1)
    optimizer = SGD(model.parameters(), lr=0.1)
    history = fit(model, x, targets, loss=growth, optimizer=optimizer, callbacks=[move], epochs=60, compiled=compiled)
    assert history.stopped == "all 60 epochs done"
    assert min(model(x[0]).data * target for target in targets) < -1.2


@pytest.mark.parametrize("compiled", [True, False])
def test_training_in_a_no_grad_block_is_the_usual(compiled):
    found = []
    for block in (no_grad, contextlib.nullcontext):
        model = MLP(2, [3, 1], seed=1)
        with block():
            fit(model, X, Y, loss=mse, epochs=3, compiled=compiled)
        found.append(weights(model))
    assert found[0] == found[1] != weights(MLP(2, [3, 1], seed=1))
