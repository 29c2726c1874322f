"""Compiled training beside eager training: the same numbers, the same errors, the same reasons to stop."""

import functools
import itertools
import math
import random
import re
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, atan2, exp, fsum, log, maximum, mean, relu, sqrt, tanh, where
from autograd.compiler import cut
from autograd.compiler.backends import BACKENDS
from nn import (
    MLP,
    SGD,
    Adam,
    Layer,
    Module,
    Neuron,
    binary_cross_entropy,
    clip_grad_norm,
    cross_entropy,
    fit,
    hinge,
    l2,
    mse,
)
from nn.training.examples import Examples
from nn.training.optimizer import Optimizer
from tests.backends import RUN_BY, name_of
from tests.errors import error_of, warns
from tests.nn.training.small import BOTH_WAYS
from tests.oracle import ACTIVATIONS
from tests.trajectories import OPTIMIZERS, SCHEDULES

CHANCE = random.Random(5)
X = [[CHANCE.uniform(-1.5, 1.5), CHANCE.uniform(-1.5, 1.5)] for _ in range(7)]
REAL = [math.sin(a) - 0.5 * b for a, b in X]
SIGNS = [1 if a * b > 0 else -1 for a, b in X]
BITS = [(sign + 1) // 2 for sign in SIGNS]
CLASSES = [0, 2, 1, 1, 0, 2, 1]
PAIRS = [[a - b, a * b] for a, b in X]
ONE_HOT = [[float(k == c) for k in range(3)] for c in CLASSES]
SOFT = [[0.5, 0.25, 0.25] if k == 0 else [0.125, 0.375, 0.5] for k in CLASSES]
CLOSE = 1e-9


def model_of(outputs, activation="tanh"):
    return MLP(2, [4, outputs], activation, seed=1)


class Formula(Module):
    """One weight, and what is made of it and of the input."""

    def __init__(self, formula, w=1.0):
        self.w, self.formula = Value(w, label="w"), formula

    def forward(self, x):
        return self.formula(self.w, x)


class After(Module):
    """A network, and what is made of its output."""

    def __init__(self, formula, outputs=1):
        self.inner, self.formula = MLP(2, [outputs], seed=2), formula

    def forward(self, x):
        return self.formula(self.inner(x))


def numbers(history):
    scores = [history.loss, history.metric, history.validation_loss, history.validation_metric]
    return [*scores, *history.gradient_norms.values()]


def train(compiled, y, X=X, *, outputs=1, model=None, optimizer=None, penalty=None, **options):
    """Return the parameters after training, what was recorded, and how the optimiser was left."""
    model = model_of(outputs) if model is None else model()
    loss = options.pop("loss", mse)
    if penalty is not None:
        plain, parameters = loss, model.parameters()
        loss = lambda outputs, targets: plain(outputs, targets) + 0.01 * penalty(parameters)
    optimizer = SGD(model.parameters(), lr=0.05) if optimizer is None else optimizer(model)
    history = fit(model, X, y, loss=loss, optimizer=optimizer, seed=3, compiled=compiled, **options)
    assert history.compiled is (compiled is True or compiled == "auto")
    return list(model.state_dict().values()), history, optimizer


def assert_alike(y, X=X, validation=True, eagerly=train, **options):
    """Train for a hundred steps and more, compiled and eagerly; all numbers agree."""
    steps_an_epoch = math.ceil(len(X) / (options.get("batch_size") or len(X)))
    options.setdefault("epochs", math.ceil(100 / steps_an_epoch))
    if validation:
        options["validation"] = (X[2:6], y[2:6])
    theta, history, optimizer = train(True, y, X, **options)
    wanted, eager, other = eagerly(False, y, X, **options)
    assert theta == pytest.approx(wanted, rel=0, abs=CLOSE)
    assert len(eager.loss) == options["epochs"]
    for found, expected in zip(numbers(history), numbers(eager), strict=True):
        assert found == pytest.approx(expected, rel=0, abs=CLOSE)
    assert (history.stopped, history.metric_name) == (eager.stopped, eager.metric_name)
    assert optimizer.steps == other.steps
    for name, state in other.state.items():
        assert list(optimizer.state[name]) == pytest.approx(state, rel=0, abs=CLOSE)
    assert wanted != list(model_of(options.get("outputs", 1)).state_dict().values())
    return history


# The same numbers

LOSSES = {
    "mse": (mse, REAL, 1),
    "mse of several outputs": (mse, PAIRS, 2),
    "mae": (nn.mae, REAL, 1),
    "mae of several outputs": (nn.mae, PAIRS, 2),
    "huber": (nn.huber, REAL, 1),
    "huber, delta": (functools.partial(nn.huber, delta=0.2), PAIRS, 2),
    "hinge": (hinge, SIGNS, 1),
    "binary cross-entropy": (binary_cross_entropy, BITS, 1),
    "binary cross-entropy of probabilities": (binary_cross_entropy, [0.5 + x / 4 for x, _ in X], 1),
    "cross-entropy": (cross_entropy, CLASSES, 3),
    "cross-entropy, one-hot": (cross_entropy, ONE_HOT, 3),
    "cross-entropy of probabilities": (cross_entropy, SOFT, 3),
    "an own mean": (lambda outputs, targets: mean((o - t) ** 4 for o, t in zip(outputs, targets)), REAL, 1),
}
EAGER = {}  # what eager training came to, by loss and size of batches


def assert_loss_alike(name, batch_size):
    loss, y, outputs = LOSSES[name]

    def eagerly(*given, **options):
        if (name, batch_size) not in EAGER:
            EAGER[name, batch_size] = train(*given, **options)
        return EAGER[name, batch_size]

    assert_alike(y, loss=loss, outputs=outputs, batch_size=batch_size, eagerly=eagerly)


@pytest.mark.sample(5)
@pytest.mark.parametrize("batch_size", [None, 1, 3, 7, 100])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_at_every_size_of_batches(name, batch_size):
    assert_loss_alike(name, batch_size)


@pytest.mark.sample(2)
@pytest.mark.parametrize("run_by", RUN_BY)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_by_every_back_end(name, run_by, monkeypatch):
    backend = name_of(run_by, monkeypatch)
    monkeypatch.setattr(autograd, "compile", functools.partial(autograd.compile, backend=backend))
    assert_loss_alike(name, 3)


def test_training_comes_to_native_code_by_itself_and_ends_alike(monkeypatch):
    pytest.importorskip("llvmlite", reason="the back end native runs on llvmlite: it is in the extra test")
    programs = []

    def compiled(*given, **options):
        programs.append(original(*given, **options))
        return programs[-1]

    original = autograd.compile
    monkeypatch.setattr(autograd, "compile", compiled)
    for price in ("KERNEL_PRICE", "STEP_PRICE"):
        monkeypatch.setattr(cut, price, 0.0)
    monkeypatch.setattr(cut, "KERNEL_LINE_PRICE", (1e3, 1e3))
    assert_alike(BITS, loss=binary_cross_entropy, batch_size=3, epochs=60)
    assert programs[0].program.backend == "native"
    first, second = (train(True, REAL, epochs=150)[1].loss for _ in range(2))
    assert first == second  # the way to native code is the same


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [None, 3])
def test_every_optimizer_with_its_options(name, batch_size):
    kind, options = OPTIMIZERS[name]
    assert_alike(REAL, optimizer=lambda m: getattr(nn, kind)(m.parameters(), lr=0.02, **options), batch_size=batch_size)


@pytest.mark.sample(2)
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule(name, kind):
    assert_alike(REAL, optimizer=lambda m: getattr(nn, kind)(m.parameters(), lr=SCHEDULES[name]), batch_size=3)


@pytest.mark.sample(2)
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "linear"])
@pytest.mark.parametrize(("loss", "y", "outputs"), [(mse, REAL, 1), (cross_entropy, CLASSES, 3)])
def test_every_activation(activation, loss, y, outputs):
    assert_alike(y, loss=loss, model=lambda: model_of(outputs, activation), outputs=outputs, batch_size=3)


@pytest.mark.parametrize("max_norm", [1e-3, 0.3, 1e6])
@pytest.mark.parametrize("penalty", [None, nn.l1, l2])
def test_clipping_and_penalties(penalty, max_norm):
    assert_alike(REAL, penalty=penalty, max_norm=max_norm, batch_size=3, gradient_norms=True)


def test_parameters_the_optimizer_does_not_hold_stay_and_are_read_again():
    half = lambda model: Adam(model.layers[1].parameters(), lr=0.05)
    assert_alike(REAL, optimizer=half, batch_size=3, penalty=l2, gradient_norms=True)
    for compiled in (True, False):
        model = model_of(1)
        frozen = model.layers[0].neurons[0].b

        def move(history, frozen=frozen):
            frozen.data = 0.1 * len(history.loss)

        options = {"loss": mse, "epochs": 4, "callbacks": [move], "compiled": compiled}
        losses = fit(model, X, REAL, optimizer=half(model), **options).loss
        if compiled:
            found = losses
    assert found == pytest.approx(losses, rel=0, abs=CLOSE)
    assert frozen.data == 0.4


INPUTS = [
    *(tuple(map(tuple, X)), [np.array(x) for x in X], [[np.float64(a), np.float32(b)] for a, b in X]),
    *(np.array(X), np.asfortranarray(X), np.array(X, dtype=np.float32), np.array(X) > 0),
    np.repeat(np.array(X)[::-1], 2, axis=0)[::2],  # every other row, backwards
    *([[round(3 * a), round(3 * b)] for a, b in X], np.round(np.array(X) * 3).astype(np.int64)),
    (np.abs(np.array(X)) * 10).astype(np.uint8),
]


TARGETS = [
    *((cross_entropy, form, 3) for form in (tuple(CLASSES), np.array(CLASSES), np.array(CLASSES, dtype=np.int8))),
    *((cross_entropy, form, 3) for form in (np.array(ONE_HOT, dtype=np.int32), tuple(map(tuple, SOFT)))),
    *((mse, form, 1) for form in (np.array(REAL, dtype=np.float32), np.repeat(REAL, 2)[::2], CLASSES)),
    *((hinge, np.array(SIGNS), 1), (mse, np.array(PAIRS), 2), (binary_cross_entropy, list(map(bool, BITS)), 1)),
]


def test_inputs_and_targets_of_every_kind():
    for given in INPUTS:
        before = repr(given)
        assert_alike(REAL, given, batch_size=3, epochs=5)
        assert repr(given) == before
    for loss, y, outputs in TARGETS:
        assert_alike(y, loss=loss, outputs=outputs, batch_size=3, epochs=5)


def test_tables_and_columns_of_pandas_are_taken_by_position():
    pandas = pytest.importorskip("pandas")
    rows = range(7, 0, -1)
    table, column = pandas.DataFrame(X, rows), pandas.Series(REAL, rows)
    plain = train(True, REAL, epochs=5, batch_size=3, validation=(X, REAL))
    of_lists = pandas.Series([*map(list, X)], rows)
    for compiled, given in itertools.product((True, False), (table, table.convert_dtypes(), of_lists)):
        found = train(compiled, column, given, epochs=5, batch_size=3, validation=(given, column))
        assert found[0] == pytest.approx(plain[0], abs=CLOSE)


class Tensor(Module):
    """A layer as NumPy users write it: an array of Values times an array."""

    def __init__(self):
        rng = random.Random(2)
        self.w = [[Value(rng.uniform(-1, 1)) for _ in range(2)] for _ in range(3)]

    def forward(self, x):
        return np.tanh(np.array(self.w) @ np.asarray(x))


@pytest.mark.parametrize("batch_size", [None, 3])
def test_model_that_returns_an_array_of_values(batch_size):
    history = assert_alike(CLASSES, np.array(X), loss=cross_entropy, model=Tensor, outputs=3, batch_size=batch_size)
    assert history.metric_name == "accuracy"


@pytest.mark.parametrize("with_metric", [True, False])
def test_model_that_returns_a_dict(with_metric):
    seen = []

    def squares(outputs, targets):
        return mean((o["position"] - t) ** 2 + o["speeds"][1] ** 2 for o, t in zip(outputs, targets))

    def largest(outputs, targets):
        seen.append(outputs[0])
        return max(output["position"] + output["speeds"][0] for output in outputs)

    model = lambda: After(lambda output: {"position": output[0], "speeds": [output[1], 2.0 * output[1]]}, 2)
    assert_alike(REAL, loss=squares, model=model, batch_size=3, metric=largest if with_metric else None)
    assert all(type(output["position"]) is float and type(output["speeds"]) is list for output in seen)


def test_model_of_nested_outputs_or_of_a_choice():
    y = [[[a, b, a], (b, a, b)] for a, b in X]
    grid = lambda: After(lambda a: [a[:3], (a[3], a[4], a[5])], 6)
    assert_alike(y, model=grid, batch_size=3, metric=lambda outputs, targets: outputs[0][0][1] + outputs[-1][1][2])
    assert_alike(REAL, model=lambda: After(lambda y: where(y > 0, y, 0.1 * y)), batch_size=3)


# Optimisers of one's own: as step() is, or on arrays, where they say so


class Projected(SGD):
    """Steps that are not its rule's alone."""

    def step(self):
        super().step()
        for p in self.parameters:
            p.data = max(p.data, 0.0)


class Accumulating(SGD):
    """Gradients of several batches."""

    def zero_grad(self):
        if self.steps % 2 == 0:
            super().zero_grad()


class InPlace(Optimizer):
    remembers = ("velocity",)

    def rule(self, lr, t):
        def update(p, g, v):
            g *= lr
            v = 0.5 * v - g
            p += v
            return p, v

        return update


class Rooted(Optimizer):
    remembers = ("squares",)

    def rule(self, lr, t):
        return lambda p, g, s: (p - lr * g / (math.sqrt(s + g * g) + 1e-8), s + g * g)


class Branching(Optimizer):
    def rule(self, lr, t):
        return lambda p, g: (p - (lr * g if abs(g) < 1.0 else lr * g / abs(g)),)


class Late(Optimizer):
    """Another formula from its sixth step on, as that of RAdam."""

    def rule(self, lr, t):
        return lambda p, g: (p - lr * (g if t < 6 else math.copysign(math.sqrt(abs(g)), g)),)


class ByNorm(Optimizer):
    """Another formula where its schedule has fallen: a function of numbers and of vectors, which differ."""

    def rule(self, lr, t):
        return lambda p, g: (p - lr * g / (np.linalg.norm(g) + 0.1 if lr < 0.04 else 1.0),)


class Normalised(Optimizer):
    def rule(self, lr, t):
        norm = math.sqrt(sum(p.grad**2 for p in self.parameters)) + 1e-8
        return lambda p, g: (p - lr * g / norm,)


class OfItsOwnList(Optimizer):
    """It looks at parameters by a list of its own, which may be in a closure, too."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr)
        self.first = parameters[:3]

    def rule(self, lr, t):
        size = sum(abs(p.data) + abs(p.grad) for p in self.first)
        return lambda p, g: (p - lr * g / (1.0 + size),)


class Counting(Optimizer):
    """It keeps something of its own."""

    power = 1.0

    def rule(self, lr, t):
        self.power *= 0.9
        return lambda p, g: (p - lr * g * (1.0 - self.power) / (1.0 + self.steps),)


class Noisy(Optimizer):
    """Another number for each parameter, and a generator that cannot be copied."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr)
        self.numbers = (random.Random(i).gauss(0.0, 0.01) for i in itertools.count())

    def rule(self, lr, t):
        return lambda p, g: (p - lr * g + next(self.numbers),)


class OfItsSchedule(Optimizer):
    def rule(self, lr, t):
        return lambda p, g: (p - 0.5 * (self.lr(t) + self.rate) * g,)


class Vectorized(Optimizer):
    """It says that its rule takes arrays."""

    vectorized = True
    remembers = ("velocity",)

    def rule(self, lr, t):
        def update(p, g, v):
            v = where(abs(g) < 0.1, 0.5 * v - lr * g, 0.2 * v - lr * maximum(g, -1.0) / (2.0 + self.steps))
            return p + v, v

        return update


OWN = [Projected, Accumulating, InPlace, Rooted, Branching, Late, ByNorm, Normalised, OfItsOwnList, Counting, Noisy]


@pytest.mark.parametrize("max_norm", [None, 0.5])
@pytest.mark.parametrize("kind", [*OWN, OfItsSchedule, Vectorized])
def test_own_optimizer_is_compiled_and_steps_as_by_hand(kind, max_norm):
    models = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=1)
    by_fit, by_hand = (kind(model.parameters(), lr=lambda t: 0.08 / (1 + t)) for model in models)
    options = {"loss": mse, "optimizer": by_fit, "epochs": 8, "max_norm": max_norm, "progress": False}
    assert fit(models[0], X, REAL, **options).compiled
    for _ in range(8):
        by_hand.zero_grad()
        mse([models[1](x) for x in X], REAL).backward()
        if max_norm is not None:
            clip_grad_norm(by_hand.parameters, max_norm)
        by_hand.step()
    left = [[(p.data, p.grad) for p in optimizer.parameters] for optimizer in (by_fit, by_hand)]
    assert left[0] == [pytest.approx(pair, rel=1e-9) for pair in left[1]]


class Tempered(Formula):
    """A model with a number that a step may change."""

    temperature = 1.0

    def forward(self, x):
        return self.w * x[0] * self.temperature


def cooling_each(optimizer):
    optimizer.model.temperature *= 0.9


def cooling_after_an_epoch(optimizer):
    optimizer.model.temperature = 0.5 if optimizer.steps >= 3 else 1.0


def cooling_late(optimizer):
    optimizer.model.temperature = 1.0 / (1 + optimizer.steps // 6)


class ByStep(SGD):
    def step(self):
        super().step()
        self.change()


class ByRule(Optimizer):
    def rule(self, lr, t):
        self.steps += 1
        self.change()
        self.steps -= 1
        return lambda p, g: (p - lr * g,)


@pytest.mark.parametrize("max_norm", [None, 0.1])
@pytest.mark.parametrize("kind", [ByStep, ByRule])
@pytest.mark.parametrize(
    ("change", "compiled"), [(cooling_each, False), (cooling_after_an_epoch, True), (cooling_late, True)]
)
def test_number_that_a_step_changes_beside_the_parameters_is_read_anew(change, compiled, kind, max_norm):
    Cooling = type("Cooling", (kind,), {"change": change})

    def trained(**options):
        model = Tempered(None)
        optimizer = Cooling([model.w], lr=0.1)
        optimizer.model = model
        options |= {"epochs": 4, "batch_size": 3, "seed": 1, "gradient_norms": True, "max_norm": max_norm}
        history = fit(model, X, REAL, loss=mse, optimizer=optimizer, **options)
        return [model.w.data, model.w.grad, *numbers(history)], history.compiled

    wanted, _ = trained(compiled=False)
    if compiled:
        found, is_compiled = trained()
    else:
        with pytest.warns(RuntimeWarning, match="a step of Cooling changes what the model or the loss computes"):
            found, is_compiled = trained()
        with pytest.raises(ValueError, match="a step of Cooling changes what the model or the loss computes"):
            trained(compiled=True)
    assert is_compiled is compiled
    assert list(map(np.ravel, found)) == [pytest.approx(np.ravel(part), rel=CLOSE) for part in wanted]


def test_what_a_class_says_of_its_rule_holds_for_its_methods(monkeypatch):
    own = lambda **members: type("Own", (Vectorized,), members)
    assert SGD([Value(1.0)]).takes_arrays
    assert own(__init__=lambda self, p: Optimizer.__init__(self, p, 0.1))([Value(1.0)]).takes_arrays
    updated = lambda self, *args: None
    for name in ("step", "zero_grad", "updated", "rule", "rate_after", "rate", "momentum"):
        member = property(lambda self: 0.5) if name in ("rate", "momentum") else lambda self, *args: None
        called = name in ("step", "zero_grad")  # in any case, unless updated is another one, too
        assert not own(**{name: member})([Value(1.0)], lr=0.1).takes_arrays
        assert own(**{name: member, "vectorized": True})([Value(1.0)], lr=0.1).takes_arrays is not called
        assert own(**{name: member, "vectorized": True, "updated": updated})([Value(1.0)], lr=0.1).takes_arrays
        assert not own(**{name: member, "vectorized": False})([Value(1.0)], lr=0.1).takes_arrays
    clamp = type("Clamp", (Optimizer,), {"step": lambda self: None})
    for bases, holds in (((SGD, clamp), False), ((clamp, SGD), False), ((SGD, type("Empty", (), {})), True)):
        assert type("Mixed", bases, {})([Value(1.0)], lr=0.1).takes_arrays is holds
        mixed = type("Mixed", bases, {"vectorized": True, "step": Optimizer.step, "updated": updated})
        assert mixed([Value(1.0)], lr=0.1).takes_arrays
    of_one = SGD([Value(1.0)])
    of_one.step = lambda: None
    assert not of_one.takes_arrays
    monkeypatch.setattr(Optimizer, "step", lambda self: pytest.fail("a step on Values"))
    for kind in (SGD, Adam, Vectorized):
        model = MLP(2, [1])
        fit(model, X, REAL, loss=mse, optimizer=kind(model.parameters(), lr=0.1), epochs=1, progress=False)


@pytest.mark.parametrize("kind", [Rooted, Branching])
def test_vectorized_rule_that_takes_no_arrays_says_so(kind):
    model = MLP(2, [1], seed=1)
    optimizer = type("Own", (kind,), {"vectorized": True})(model.parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"the rule of Own takes no arrays, .*v \*\* 0.5 for math.sqrt\(v\)"):
        fit(model, X, REAL, loss=mse, optimizer=optimizer, epochs=1, progress=False)


@pytest.mark.parametrize("kind", [Projected, Late])
def test_own_step_that_leaves_a_domain_ends_training_as_by_hand(kind):
    def trained(compiled):
        model = Formula(lambda w, x: log(w + x[0]), 3.0)
        optimizer = type("Own", (kind,), {})([model.w], lr=40.0)
        history = fit(model, X, REAL, loss=mse, optimizer=optimizer, epochs=4, compiled=compiled)
        return re.sub(r"got x = .*?;", "", history.stopped), model.w.data

    stopped, w = trained(False)
    assert "the loss is not defined in epoch 2; first of all, log is defined for x > 0" in stopped
    assert trained(True) == (stopped, pytest.approx(w, rel=CLOSE))


@pytest.mark.parametrize("batch_size", [None, 3])
def test_loss_that_reads_the_steps_or_the_state_of_the_optimizer_is_not_compiled(batch_size):
    def trained(compiled, factor):
        model = model_of(1)
        optimizer = SGD(model.parameters(), lr=lambda t: 0.1 / (1 + t), momentum=0.9)
        loss = lambda outputs, targets: mse(outputs, targets) * factor(optimizer)
        options = {"batch_size": batch_size, "seed": 1, "optimizer": optimizer, "epochs": 3, "compiled": compiled}
        return fit(model, X, REAL, loss=loss, **options).loss

    factors = [lambda o: 1.0 + min(1.0, o.steps / 10), lambda o: 1.0 + o.steps % 10, lambda o: 1.0 + o.rate]
    factors += [lambda o: 1.0 + abs(float(o.state["velocity"][0])), lambda o: 1.0 if o.steps < 5_000 else 0.1]
    for factor in factors:
        with pytest.warns(RuntimeWarning, match="reads the optimizer's steps, rate or state"):
            found = trained("auto", factor)
        assert found == pytest.approx(trained(False, factor), rel=CLOSE)


def test_vectorized_rule_that_works_in_place_says_so_and_changes_nothing():
    kind = type("Own", (InPlace,), {"vectorized": True})
    model = MLP(2, [1], seed=1)
    optimizer, before = kind(model.parameters(), lr=0.1), model.state_dict()
    with pytest.raises(TypeError, match=r"the rule of Own takes no arrays, .* read-only; write p = p \+ v for p \+= v"):
        fit(model, X, REAL, loss=mse, optimizer=optimizer, epochs=1, progress=False)
    assert (model.state_dict(), optimizer.steps) == (before, 0)


@BOTH_WAYS
def test_callback_sees_the_gradients_of_the_last_step(compiled):
    model, seen = MLP(2, [3, 1], seed=1), []
    callbacks = [lambda history: seen.append([p.grad for p in model.parameters()])]
    options = {"loss": mse, "callbacks": callbacks, "compiled": compiled, "epochs": 1, "progress": False}
    before = autograd.gradients(mse([model(x) for x in X], REAL), model.parameters())
    fit(model, X, REAL, optimizer=SGD(model.parameters(), lr=0.05), **options)
    assert seen == [pytest.approx(before, rel=1e-9)]
    assert [p.grad for p in model.parameters()] == seen[0]


# Metrics of one's own


@BOTH_WAYS
@pytest.mark.parametrize(("outputs", "kind"), [(1, float), (3, list)])
def test_metric_takes_plain_numbers_and_targets_as_they_were_given(compiled, outputs, kind):
    calls = []

    def hits(found, targets):
        calls.append((found, targets))
        return sum(isinstance(t, int) for t in targets)

    loss, y = (hinge, SIGNS) if outputs == 1 else (cross_entropy, CLASSES)
    options = {"loss": loss, "outputs": outputs, "metric": hits, "batch_size": 3, "validation": (X[:2], y[:2])}
    _, history, _ = train(compiled, y, epochs=2, **options)
    assert [type(history.metric[0]), history.metric_name] == [float, "hits"]
    assert history.validation_metric == [2.0, 2.0]
    assert [len(found) for found, _ in calls] == [3, 3, 1, 2] * 2
    for found, targets in calls:
        assert type(found) is type(targets) is list
        assert {type(output) for output in found} == {kind}
        assert {type(target) for target in targets} == {int}
        if kind is list:
            assert {type(z) for output in found for z in output} == {float}


def test_metric_may_index_by_the_target_or_be_that_of_another_loss():
    def of_the_target(outputs, targets):
        return sum(z[k] for z, k in zip(outputs, targets)) / len(targets)

    assert_alike(CLASSES, loss=cross_entropy, outputs=3, batch_size=3, metric=of_the_target)
    loss = lambda outputs, targets: hinge(outputs, targets) + 0.0
    assert assert_alike(SIGNS, loss=loss, metric=nn.accuracy, batch_size=3).accuracy


@BOTH_WAYS
def test_metric_is_a_number_a_value_or_one_of_numpy(compiled):
    for metric in (lambda o, t: Value(0.25), lambda o, t: np.float32(0.25), lambda o, t: mse(o, t) * 0.0 + 0.25):
        history = train(compiled, REAL, metric=metric, epochs=1)[1]
        assert (history.metric, type(history.metric[0]), history.metric_name) == ([0.25], float, "metric")
    with pytest.raises(TypeError, match=r"^a metric takes a real number|metric .* a real number, got a NoneType"):
        train(compiled, REAL, metric=lambda outputs, targets: None)


# Why not, said once


class Dropout(Module):
    """Half of the hidden neurons rest, by chance."""

    def __init__(self, chance=random):
        self.first, self.second, self.chance = MLP(2, [6], seed=2), MLP(6, [1], seed=3), chance

    def forward(self, x):
        return self.second([h * 2.0 if self.chance.random() < 0.5 else 0.0 for h in self.first(x)])


def growing():
    """Return a loss that grows from call to call."""
    factors = itertools.count(2)
    return lambda outputs, targets: mse(outputs, targets) * next(factors)


def total(outputs, targets):
    return fsum([(o - t) ** 2 for o, t in zip(outputs, targets)])


def by_equality(outputs, targets):
    """Tells targets apart by ==, which a graph cannot record."""
    return mean(o**2 if t == 1 else (o - 2.0) ** 2 for o, t in zip(outputs, targets))


BRANCHING = functools.partial(After, lambda y: y if y > 0 else 0.1 * y)
READING = functools.partial(After, lambda y: y * 2.0 if y.data > 0 else y)
RAGGED = [[1.0], [1.0, 2.0], [3.0], [0.0, 1.0, 5.0], [2.0], [1.0], [4.0]]
MEAN_LENGTH = functools.partial(Formula, lambda w, x: w * sum(x) / len(x), 0.5)  # a model of inputs of any length
WITHOUT_MEAN = "a loss can be compiled where it is the mean over its examples"
NOT_OF_ONE_LENGTH = r"the examples in X are not alike: number 0 is \[number\], number"
NAN_OF_ONE = lambda outputs, targets: mse(outputs, targets) * (math.nan if len(outputs) == 1 else 1.0)
REASONS = {
    "branch": ({"model": BRANCHING}, r"(?=.*y if y > 0 else 0\.1 \* y).*write where\(x > 0, a, b\)"),
    "data of an output": ({"model": READING}, "the data of"),
    "sum": ({"loss": total}, WITHOUT_MEAN),
    "nan of one": ({"loss": NAN_OF_ONE, "batch_size": None}, "losses of each is nan; a loss can be"),
    "sum, one example": ({"loss": total, "X": X[:1], "y": REAL[:1], "validation": (X, REAL)}, "the mean"),
    "random numbers": ({"model": Dropout}, "draws random numbers"),
    "ragged examples": ({"model": MEAN_LENGTH, "X": RAGGED}, NOT_OF_ONE_LENGTH),
    "text": ({"loss": by_equality, "y": ["cat", "dog"] * 3 + ["cat"]}, r"y\[0\] is of type str: 'cat'"),
    "targets by ==": ({"loss": by_equality, "y": [0] * 6 + [1]}, "a comparison by == of y"),
    "ragged validation": ({"model": MEAN_LENGTH, "X": [[1.0]] * 7, "validation": (RAGGED, REAL)}, NOT_OF_ONE_LENGTH),
}


@pytest.mark.parametrize(("case", "reason"), REASONS.values(), ids=REASONS)
def test_what_cannot_be_compiled_is_said_once_and_trained_eagerly(case, reason):
    options = {"epochs": 4, "batch_size": 3, **case}
    given, y, loss = options.pop("X", X), options.pop("y", REAL), options.pop("loss", mse)
    make = options.pop("model", lambda: model_of(1))

    def run(compiled):
        random.seed(11)
        model = make()
        history = fit(model, given, y, loss=loss, seed=3, compiled=compiled, **options)
        return history, model.state_dict()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = run("auto")
    assert [w.category for w in caught] == [RuntimeWarning]
    message = str(caught[0].message)
    assert caught[0].filename == __file__
    assert message.startswith("training is not compiled, and slower: ")
    assert message.endswith("compiled=False says that this is all right")
    assert re.search(reason, message, re.DOTALL)
    assert found == run(False)
    assert not found[0].compiled
    assert len(found[0].loss) == 4
    before = make()
    with pytest.raises((TypeError, ValueError)) as raised:
        fit(before, given, y, loss=loss, seed=3, compiled=True, **options)
    assert re.search(reason, str(raised.value), re.DOTALL)
    assert before.state_dict() == make().state_dict()


def test_examples_that_stand_for_all_are_two_at_least():
    for count, wanted in ((1, [0, 0]), (2, [0, 1]), (9, [0, 3, 6])):
        assert Examples([[float(i)] for i in range(count)], [0.0] * count).representative(3) == wanted


class Noisy(Module):
    """A network whose output is 0 at times, which is noticed by the numbers it draws."""

    def __init__(self, chance):
        self.inner, self.chances = MLP(2, [1], seed=2), [chance]

    def forward(self, x):
        return self.inner(x) * (self.chances[0].random() < 0.9999)


CHANCES = [lambda: random, lambda: np.random, lambda: random.Random(4)]
CHANCES += [lambda: np.random.default_rng(4), lambda: np.random.RandomState(4)]


@pytest.mark.parametrize("make", [Noisy, Dropout])
@pytest.mark.parametrize("chance", CHANCES)
def test_chance_is_noticed_and_draws_as_if_nothing_was_tried(chance, make):
    def run(compiled):
        np.random.seed(7)
        random.seed(7)
        model = make(chance())
        return fit(model, X, REAL, loss=mse, epochs=3, batch_size=3, seed=1, compiled=compiled), model.state_dict()

    with warns("draws random numbers"):
        found = run("auto")
    assert found == run(False)


def test_loss_that_changes_with_each_call_is_noticed():
    with warns("draws random numbers or changes with each call"):
        assert not fit(model_of(1), X, REAL, loss=growing(), epochs=1, batch_size=10, seed=1).compiled


def test_float_of_an_output_is_the_same_error_in_both():
    for compiled in ("auto", True, False):
        with pytest.raises(TypeError, match=r"autograd\.sin"):
            fit(Formula(lambda w, x: w * math.sin(w)), X, REAL, loss=mse, compiled=compiled)


def test_without_numpy_training_is_eager_and_says_what_to_install(monkeypatch):
    wanted = train(False, REAL, epochs=3)[:2]
    for name in [name for name in sys.modules if name.startswith(("numpy", "autograd.compiler."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    model = model_of(1)
    with warns(r"autograd.compile needs NumPy: python -m pip install"):
        history = fit(model, X, REAL, loss=mse, optimizer=SGD(model.parameters(), lr=0.05), epochs=3, seed=3)
    assert ([*model.state_dict().values()], history) == wanted
    for options in ({"compiled": True}, {"backend": "numpy"}, {"backend": "native"}):
        with pytest.raises(ImportError, match=r"python -m pip install 'scalar-autograd\[compile\]'"):
            fit(model, X, REAL, loss=mse, **options)


def test_in_a_browser_without_numpy_training_is_eager_and_quiet(monkeypatch):
    def refuse(*arguments, **options):
        raise ImportError("autograd.compile needs NumPy")

    monkeypatch.setattr("autograd.compile", refuse)
    model = MLP(1, [1], seed=1)
    with warns("training is not compiled"):
        fit(model, [[0.0], [1.0]], [0.0, 1.0], loss=mse, epochs=1)
    monkeypatch.setattr("sys.platform", "emscripten")
    assert not fit(model, [[0.0], [1.0]], [0.0, 1.0], loss=mse, epochs=1).compiled


def test_eager_training_imports_no_numpy_and_warns_of_nothing():
    program = """
import sys, random
from nn import MLP, Module, fit, cross_entropy, Adam, Stop
class Branching(Module):
    def __init__(self):
        self.inner = MLP(2, [3], seed=1)
    def forward(self, x):
        return self.inner(x) if random.random() < 0.5 else [2.0 * z for z in self.inner(x)]
model = Branching()
X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [0, 1, 2, 1]
fit(model, X, y, loss=cross_entropy, optimizer=Adam(model.parameters()), epochs=3, batch_size=3, compiled=False,
    validation=0.25, restore_best=True, max_norm=1.0, gradient_norms=True, callbacks=[print], stop=Stop(patience=9))
assert not {"numpy", "scipy", "tqdm", "matplotlib"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# Wrong data: the same error, and nothing is changed (test_fit_with_losses.py has what each loss refuses)

CLASSIFY = {"loss": cross_entropy, "outputs": 3}
WRONG = [
    ({"y": [*SIGNS[:6], math.nan], "loss": hinge}, "^ValueError: hinge takes targets of -1 or 1, got nan"),
    ({"y": [*REAL[:6], None]}, "^ValueError: mse takes targets that are numbers, got None"),
    ({"y": [*SOFT[:6], [0.5, 0.5, 0.5]], **CLASSIFY}, "^ValueError: .*probabilities that sum to 1"),
    ({"y": [[1.0, 0.0]] * 7, **CLASSIFY}, "^ValueError: .*one probability for each class, got 2 for 3"),
    ({"y": PAIRS}, "^TypeError: mse takes a target of the same shape as the output, got"),
    ({"outputs": 2}, "^TypeError: mse takes a target of the same shape as the output"),
    ({"y": [*REAL[:6], [1.0]]}, "^TypeError: mse takes a target of the same shape as the output"),
    ({"X": [*X[:6], ["1.0", "2.0"]]}, "^TypeError: .*got a str: '1.0'"),
    ({"X": [*X[:6], [None, 1.0]]}, "^TypeError: .*got a NoneType: None"),
    ({"validation": ([[1.0]], [1.0])}, "^ValueError: MLP takes 2 inputs, got 1$"),
    (
        {"loss": lambda outputs, targets: 1.5},
        "^TypeError: a loss is computed .* got 1.5; .* self.w, not self.w.data",
    ),
]


@pytest.mark.parametrize("compiled", ["auto", False])
@pytest.mark.parametrize("batch_size", [None, 1])
@pytest.mark.filterwarnings("ignore:training is not compiled")
def test_wrong_data_are_the_same_error_and_change_nothing(batch_size, compiled):
    for case, message in WRONG:
        options = {"X": X, "y": REAL, "loss": mse, "outputs": 1, "batch_size": batch_size, "compiled": compiled, **case}
        model = model_of(options.pop("outputs"))
        optimizer = Adam(model.parameters(), lr=0.1)
        before = model.state_dict(), optimizer.state, optimizer.steps
        assert re.search(message, error_of(fit, model, optimizer=optimizer, epochs=3, seed=1, **options)), case
        assert (model.state_dict(), optimizer.state, optimizer.steps) == before, case


LOGARITHM = functools.partial(Formula, lambda w, x: log(w * x[0]))


@BOTH_WAYS
@pytest.mark.parametrize("batch_size", [None, 1])
def test_input_outside_of_the_domain_is_an_error_and_changes_nothing_also_where_it_is_held_out(compiled, batch_size):
    right, y = [[1.0 + 0.01 * i] for i in range(200)], [0.0] * 200
    wrong = [*right[:97], [0.0], *right[98:]]
    for given, validation in ((wrong, None), (right, (wrong, y))):
        model = LOGARITHM()
        options = {"optimizer": Adam(model.parameters(), lr=0.1), "batch_size": batch_size, "epochs": 3, "seed": 1}
        with pytest.raises(ValueError, match=r"(?m)^log is defined for x > 0, got x = 0\.0$"):
            fit(model, given, y, loss=mse, validation=validation, compiled=compiled, **options)
        assert (model.w.data, options["optimizer"].steps) == (1.0, 0)


# Numbers that leave the floats in the middle of training


def diverge(make, given, y, lr, compiled, **options):
    model, path = make(), []
    optimizer = SGD(model.parameters(), lr=lr)
    note = lambda history: path.append(([p.data for p in model.parameters()], optimizer.steps))
    options |= {"optimizer": optimizer, "callbacks": [note], "compiled": compiled, "epochs": 200, "seed": 2}
    return model, optimizer, fit(model, given, y, **options), path


def product(w, x):
    """Return what grows without an error of its own: inf, and then nan."""
    big = w * w * w * x[0]
    return big - big * 0.5


EXPONENTIAL = functools.partial(Formula, lambda w, x: exp(w * x[0]))
ROOT = functools.partial(Formula, lambda w, x: sqrt(w * x[0]) + 1.0)
INVERSE = functools.partial(Formula, lambda w, x: 1.0 / relu(w * x[0]))
PRODUCT = functools.partial(Formula, product, 3.0)
UNDEFINED = "the loss is not defined"
ONE_TWO = [[1.0], [2.0]]
DIVERGING = {
    "log": (LOGARITHM, ONE_TWO, [-30.0, -30.0], 0.5, UNDEFINED, "log is defined for x > 0, got"),
    "division": (INVERSE, ONE_TWO, [9.0, 9.0], 0.5, UNDEFINED, "a / b is defined for b != 0, got"),
    "sqrt": (ROOT, ONE_TWO, [-30.0, -30.0], 0.5, UNDEFINED, "sqrt is defined for x >= 0, got"),
    "exp": (EXPONENTIAL, ONE_TWO, [60.0, 70.0], 9.0, "the loss became inf", "exp"),
    "square": (lambda: MLP(1, [1], seed=1), [[1.0], [9.0]], [1.0, 2.0], 9.0, "the loss became inf", "x ** 2"),
    "product": (PRODUCT, ONE_TWO, [1.0, 2.0], 9.0, "the loss became", ""),
    "deep": (lambda: MLP(2, [8] * 20 + [1], seed=0), X, REAL, 3e9, "", ""),
    "deep, hinge": (lambda: MLP(2, [8] * 20 + [1], "leaky_relu", seed=0), X, SIGNS, 3e9, "", ""),
}


@pytest.mark.parametrize("batch_size", [None, 1])
@pytest.mark.parametrize("name", DIVERGING)
def test_divergence_stops_alike_and_leaves_the_last_whole_step(name, batch_size):
    make, given, y, lr, message, cause = DIVERGING[name]
    loss = hinge if "hinge" in name else mse
    runs = [diverge(make, given, y, lr, compiled, batch_size=batch_size, loss=loss) for compiled in (True, False)]
    (model, optimizer, history, path), (other, reference, eager, eager_path) = runs
    assert len(history.loss) < 200
    found, wanted = (re.sub(r"-?\d[\d.e+-]*", "number", h.stopped) for h in (history, eager))
    assert found == wanted
    assert message in history.stopped
    if message:
        assert f"; first of all, {cause}" in history.stopped
    assert "; try a smaller learning rate; the parameters are those of the step before it" in history.stopped
    assert (optimizer.steps, len(history.loss)) == (reference.steps, len(eager.loss))
    found, wanted = ([p.data for p in m.parameters()] for m in (model, other))
    assert all(map(math.isfinite, found))
    assert found == pytest.approx(wanted, rel=1e-6)
    if batch_size is None and path:
        assert (found, optimizer.steps) == path[-1]
        assert (wanted, reference.steps) == eager_path[-1]
    assert all(math.isfinite(x) for state in (*optimizer.state.values(), *reference.state.values()) for x in state)


def difference(outputs, targets):
    return mean(o - t for o, t in zip(outputs, targets))


def steep(slope):
    return lambda: Formula(lambda w, x: slope * w)


def huge():
    model = model_of(1, "relu")
    model.load_state_dict({name: 1e200 * number for name, number in model.state_dict().items()})
    return model


SQUARED = type("Squared", (nn.Optimizer,), {"rule": lambda self, lr, t: lambda p, g: (p - lr * g**2,)})
INFINITE = "the gradient is not finite"
OF_STATE = "the optimiser's squares became infinite in epoch 1; "
OF_PARAMETER = "a parameter became infinite in epoch 1; "
AT_ONCE = [  # what stops before its first step, and why
    (lambda: ROOT(0.0), mse, Adam, 0.1, f"{INFINITE} in epoch 1; first of all, in the chain rule through s"),
    *(
        (steep(x), lambda o, t: o[0], SGD, 0.1, f"the loss became {x} in epoch 1; ")
        for x in (math.nan, math.inf, -math.inf)
    ),
    (huge, mse, SGD, 0.05, "the loss became nan in epoch 1; first of all, dot is -inf, for "),
    (steep(1e200), difference, nn.RMSprop, 0.1, OF_STATE),  # where training would stand still
    (steep(1e200), difference, Adam, 0.1, OF_STATE),
    (steep(1e10), difference, SGD, 1e300, OF_PARAMETER),
    (steep(1e200), difference, SQUARED, 0.1, OF_PARAMETER),  # too large for a float, but not for an array
]


@BOTH_WAYS
@pytest.mark.parametrize(("make", "loss", "kind", "lr", "reason"), AT_ONCE)
def test_gradient_state_or_parameter_that_overflows_stops_training_before_the_step(
    make, loss, kind, lr, reason, compiled
):
    model = make()
    optimizer, before = kind(model.parameters(), lr=lr), model.state_dict()
    history = fit(model, X, REAL, loss=loss, optimizer=optimizer, compiled=compiled)
    assert history.stopped.startswith(reason)
    assert (model.state_dict(), optimizer.steps) == (before, 0)
    assert history.compiled is compiled or make is huge  # of which the trial comes to nothing
    assert all(x == 0.0 for state in optimizer.state.values() for x in state)


@BOTH_WAYS
@pytest.mark.parametrize("batch_size", [None, 2])
def test_data_that_are_not_finite_are_named(batch_size, compiled):
    for place, bad in itertools.product(["input", "target"], [math.nan, math.inf]):
        given, y = [list(x) for x in X], list(REAL)
        if place == "input":
            given[4][1] = bad
        else:
            y[4] = bad
        model, shown = model_of(1), given[4] if place == "input" else bad
        stopped = fit(model, given, y, loss=mse, batch_size=batch_size, seed=1, compiled=compiled).stopped
        assert stopped.startswith(("the loss became ", "the loss is not defined", "the gradient is not finite"))
        assert f" in epoch 1; first of all, {place} number 4, counted from 0, is {shown}; leave such" in stopped
        assert "learning rate" not in stopped
        assert all(map(math.isfinite, model.state_dict().values()))
        assert batch_size or model.state_dict() == model_of(1).state_dict()


@BOTH_WAYS
def test_validation_that_is_not_defined_any_more_counts_as_infinite(compiled):
    model = EXPONENTIAL()
    options = {"optimizer": SGD(model.parameters(), lr=1e-4), "metric": lambda outputs, targets: 1.0}
    options |= {"validation": ([[800.0]], [1.0]), "epochs": 5, "compiled": compiled}
    history = fit(model, [[1.0]], [20.0], loss=mse, **options)
    assert history.validation_loss == [math.inf] * 5
    assert list(map(math.isnan, history.validation_metric)) == [True] * 5
    assert history.compiled is compiled


@BOTH_WAYS
def test_schedule_that_goes_wrong_is_its_own_error(compiled):
    model = model_of(1)
    optimizer = SGD(model.parameters(), lr=lambda t: 0.1 - 0.05 * t)
    with pytest.raises(ValueError, match="a schedule's rate is 0 or more and finite"):
        fit(model, X, REAL, loss=mse, optimizer=optimizer, epochs=9, compiled=compiled)
    assert optimizer.steps == 3
    assert all(map(math.isfinite, model.state_dict().values()))


# Again, side by side, inside of one another


@BOTH_WAYS
def test_same_seed_same_run_bit_for_bit(compiled):
    options = {"batch_size": 3, "epochs": 20, "validation": 0.3, "gradient_norms": True, "loss": cross_entropy}
    options |= {"outputs": 3, "optimizer": lambda m: Adam(m.parameters())}
    assert train(compiled, CLASSES, **options)[:2] == train(compiled, CLASSES, **options)[:2]


def test_kinds_take_turns_with_one_optimizer():
    def run(kinds):
        model = model_of(1)
        optimizer = Adam(model.parameters(), lr=0.02)
        losses = []
        for compiled in kinds:
            losses += fit(model, X, REAL, loss=mse, optimizer=optimizer, epochs=10, compiled=compiled).loss
        assert optimizer.steps == 10 * len(kinds)
        return losses, list(model.state_dict().values())

    wanted = run([False] * 4)
    for kinds in ([True, False, True, False], [False, False, True, True], [True] * 4):
        losses, theta = run(kinds)
        assert losses == pytest.approx(wanted[0], abs=CLOSE)
        assert theta == pytest.approx(wanted[1], abs=CLOSE)


@pytest.mark.parametrize("kinds", [(True, True), (True, False), (False, False)])
def test_two_threads_train_two_models(kinds):
    def work(compiled, y):
        return train(compiled, y, epochs=60, batch_size=3)[:2]

    jobs = kinds, (REAL, CLASSES)
    with ThreadPoolExecutor(2) as threads:
        assert [*threads.map(work, *jobs)] == [*map(work, *jobs)]


@BOTH_WAYS
def test_training_in_a_callback_of_training(compiled):
    def run(inner, outer):
        model, teacher = model_of(1), MLP(2, [1], seed=3)

        def both(history):
            fit(teacher, X, REAL, loss=mse, epochs=2, compiled=inner)
            fit(model, X, REAL, loss=mse, optimizer=SGD(model.parameters(), lr=0.01), epochs=1, compiled=inner)

        history = fit(model, X, REAL, loss=mse, epochs=5, callbacks=[both], compiled=outer)
        return [*history.loss, *model.state_dict().values(), *teacher.state_dict().values()]

    assert run(compiled, not compiled) == pytest.approx(run(False, False), abs=CLOSE)
    assert run(compiled, compiled) == pytest.approx(run(False, False), abs=CLOSE)


def test_two_models_may_share_parameters():
    first, second = (After(lambda hidden: fsum(tanh(h) for h in hidden), 3) for _ in range(2))
    second.inner = first.inner
    for model in (first, second):
        before = model.state_dict()
        assert fit(model, X, REAL, loss=mse, epochs=3, compiled=True).compiled
        assert first.state_dict() == second.state_dict() != before


def of_all_together(outputs, targets):
    if len(outputs) < 9 * len(X):
        raise ValueError("this loss is of all examples together")
    return mse(outputs, targets)


@pytest.mark.parametrize("backend", BACKENDS)
def test_back_end_runs_a_loss_that_is_the_mean_over_its_examples_and_no_other(backend):
    needs = "the loss of one example by itself is not defined: this loss is of all examples together; a loss can be"
    for loss, wanted in ((total, WITHOUT_MEAN), (of_all_together, needs)):
        model = model_of(1)
        message = error_of(fit, model, X * 9, REAL * 9, loss=loss, epochs=1, backend=backend)
        assert re.search(f"^ValueError: .*{wanted}", message)
        assert model.state_dict() == model_of(1).state_dict()
    theta, history, _ = train("auto", REAL * 9, X * 9, epochs=1, backend=backend)
    for loss in (mse, of_all_together):
        wanted, eager, _ = train(False, REAL * 9, X * 9, loss=loss, epochs=1)
        assert [*theta, *history.loss] == pytest.approx([*wanted, *eager.loss], rel=1e-13)
    model = model_of(1)
    with warns(needs):
        assert not fit(model, X * 9, REAL * 9, loss=of_all_together, epochs=1).compiled
    assert model.state_dict() != model_of(1).state_dict()


def test_back_end_that_is_not_known_or_not_to_compile_is_refused():
    with pytest.raises(ValueError, match=r"a backend of 'auto', .*, got 'nonsense'; fit takes 'jax' too"):
        train("auto", REAL, backend="nonsense")
    with pytest.raises(ValueError, match="a back end runs what is compiled, got backend='numpy' and compiled=False"):
        train(False, REAL, backend="numpy")


WEIGHT = [0.0]


class Freezing(Module):
    """A network whose first layer a callback freezes, which leaves all outputs as they are."""

    def __init__(self):
        self.body, self.head = Layer(2, 3, "tanh", seed=1), Neuron(3, None, seed=2)

    def forward(self, x):
        hidden = self.body(x)
        return self.head([z.detach() for z in hidden] if WEIGHT[0] > 0.5 else hidden)


def with_margin(outputs, targets):
    """A loss whose margin no target that is far from 0 shows, such as the first of these."""
    return mean([relu(WEIGHT[0] - y * z) for z, y in zip(outputs, targets, strict=True)])


ANNEALED = {  # a loss, a penalty or a model, in which a number grows by a callback
    "penalty": {"loss": mse, "penalty": lambda parameters: WEIGHT[0] * l2(parameters)},
    "loss": {"loss": lambda outputs, targets: mse(outputs, targets) * (1.0 + WEIGHT[0])},
    "margin": {"loss": with_margin, "y": [100.0 * (i == 0) + y for i, y in enumerate(REAL)]},
    "frozen layer": {"loss": mse, "make": Freezing},
    "sign of 0": {"loss": lambda o, t: mean([atan2(-0.0 if WEIGHT[0] > 0.5 else 0.0, -1.0) + z for z in o])},
    "1 for the first input": {"loss": lambda o, t: mse([z * (w if WEIGHT[0] > 0.5 else 1.0) for z, w in zip(o, t)], t)},
}


@pytest.mark.parametrize("backend", ["auto", *RUN_BY])
@pytest.mark.parametrize("name", ANNEALED)
def test_number_that_a_callback_changes_is_read_anew(name, backend, monkeypatch):
    def grow(history):
        WEIGHT[0] += 0.5

    def losses(y=REAL, make=lambda: model_of(1), **options):
        WEIGHT[0] = 0.0
        model = make()
        return fit(model, X, y, epochs=4, optimizer=SGD(model.parameters()), callbacks=[grow], **options).loss

    wanted = losses(compiled=False, **ANNEALED[name])
    backend = backend if backend == "auto" else name_of(backend, monkeypatch)
    assert losses(compiled=True, backend=backend, **ANNEALED[name]) == pytest.approx(wanted, rel=CLOSE)


def drawn_anew(x, y):
    for i in range(len(x)):
        x[i][:] = [CHANCE.uniform(-1.5, 1.5) for _ in x[i]]
        y[i] = math.sin(x[i][0])


def one_corrected(x, y):
    y[2] += 0.5


def one_more(x, y):
    x.append([0.5, 0.25])
    y.append(1.0)


def scaled(x, y):
    x *= 0.9
    y -= 0.1


def gone_wrong(x, y):
    y[3] = math.nan


def nested_otherwise(x, y):
    x[:] = [tuple(row) for row in x]


def lists(part):
    return [*map(list, part)] if isinstance(part[0], list) else [*part]


class Lazily:
    """Examples that cannot be pickled."""

    def __init__(self, part):
        self.part, self.lock = part, threading.Lock()

    def __len__(self):
        return len(self.part)

    def __getitem__(self, i):
        return self.part[i]

    def __setitem__(self, i, number):
        self.part[i] = number


class ByName:
    """Examples that its class refers to by name."""

    parts: ClassVar = []

    def __init__(self, part):
        self.number = len(self.parts)
        self.parts.append(lists(part))

    def __len__(self):
        return len(self.parts[self.number])

    def __getitem__(self, i):
        return self.parts[self.number][i]

    def __setitem__(self, i, number):
        self.parts[self.number][i] = number


class Augmented:
    """Examples that are others now and then, as those of a data set that augments them."""

    def __init__(self, part, seed):
        self.part, self.chance = lists(part), random.Random(seed)

    def __len__(self):
        return len(self.part)

    def __getitem__(self, i):
        found = self.part[i]
        if self.chance.random() < 0.1:
            return [-x for x in found] if isinstance(found, list) else -found
        return found


@pytest.mark.parametrize("optimizer", [SGD, Branching])
@pytest.mark.parametrize("changing", ["X", "y", "held-out X"])
def test_examples_that_are_others_when_they_are_read_again_are_noticed(changing, optimizer):
    for seed in range(6):
        inputs = [[math.sin(i), math.cos(3 * i)] for i in range(20)]
        targets = [a - 0.5 * b for a, b in inputs]
        parts = {"X": inputs, "y": targets, "held-out X": inputs}
        parts[changing] = Augmented(parts[changing], seed)
        model = model_of(1)
        with warns("training is not compiled, and slower"):
            found = fit(
                model,
                parts["X"],
                parts["y"],
                loss=mse,
                optimizer=optimizer(model.parameters(), lr=0.01),
                validation=(parts["held-out X"], targets),
                epochs=9,
                batch_size=10,
            )
        assert not found.compiled
        assert len(found.loss) == 9


CHANGES = [(change, lists) for change in (drawn_anew, one_corrected, one_more, gone_wrong, nested_otherwise)]
CHANGES += [(change, np.array) for change in (drawn_anew, one_corrected, scaled)]
CHANGES += [
    (change, kind) for change in (drawn_anew, one_corrected) for kind in (lambda part: Lazily(lists(part)), ByName)
]


@pytest.mark.parametrize("held_out", [False, True], ids=["examples", "held-out examples"])
@pytest.mark.parametrize(("change", "kind"), CHANGES, ids=lambda part: part.__name__)
def test_examples_that_a_callback_changes_count(change, kind, held_out):
    def recorded(**options):
        CHANCE.seed(7)
        (x, y), other = (kind(X), kind(REAL)), (X, REAL)
        callback = lambda history: change(x, y) if len(history.loss) == 2 else None
        (x_, y_), validation = (other, (x, y)) if held_out else ((x, y), None)
        found = train(*options.values(), y_, x_, epochs=4, callbacks=[callback], validation=validation)
        return [*found[0], *found[1].loss, *found[1].validation_loss, found[1].stopped]

    numbers, wanted = recorded(compiled=True), recorded(compiled=False)
    assert numbers == [pytest.approx(w, rel=CLOSE, nan_ok=True) if isinstance(w, float) else w for w in wanted]


OF_SEVERAL = {  # terms that one example by itself does not have
    "products of neighbours": lambda o: sum(a * b for a, b in itertools.pairwise(o)),
    "differences of neighbours": lambda o: sum(a - b for a, b in itertools.pairwise(o)),
    "not defined everywhere": lambda o: sum(sqrt(a - b + 9.0) for a, b in itertools.pairwise(o)),
}


@pytest.mark.parametrize("backend", ["auto", *RUN_BY])
@pytest.mark.parametrize("name", OF_SEVERAL)
def test_term_of_several_examples_that_a_callback_brings_in_is_noticed(name, backend, monkeypatch):
    def losses(**options):
        WEIGHT[0] = 0.0
        loss = lambda o, t: mse(o, t) + OF_SEVERAL[name](o) if WEIGHT[0] and len(o) > 1 else mse(o, t)
        model = model_of(1)
        optimizer = SGD(model.parameters(), lr=0.01)
        return fit(model, X, REAL, loss=loss, epochs=4, optimizer=optimizer, callbacks=[begin], **options).loss

    def begin(history):
        WEIGHT[0] = float(len(history.loss) > 1)

    if backend == "auto":
        with warns("a loss can be compiled where it is the mean over its examples"):
            found = losses()
        assert found == pytest.approx(losses(compiled=False), rel=CLOSE)
    else:
        with pytest.raises(ValueError, match="a loss can be compiled where it is the mean over its examples"):
            losses(backend=name_of(backend, monkeypatch))


def test_callback_that_sets_another_number_of_the_same_value_compiles_nothing_anew(monkeypatch):
    model, compiled = model_of(1), []
    noting = lambda *given: compiled.append(1) or cut.compiled(*given)
    monkeypatch.setattr("autograd.compiler._specialization.compiled", noting)
    WEIGHT[0] = math.nan
    options = {"penalty": lambda p: where(l2(p) >= 0.0, 0.0 * l2(p), WEIGHT[0]), "compiled": True}

    def set_again(history):
        WEIGHT[0] = float("nan")

    assert len(fit(model, X, REAL, loss=mse, epochs=4, callbacks=[set_again], **options).loss) == 4
    assert len(compiled) == 1


@pytest.mark.parametrize("compiled", ["auto", True])
def test_chance_that_a_callback_brings_in_is_noticed(compiled):
    """From then on training is eager, with the random numbers that it would draw all along."""

    def run(compiled):
        random.seed(3)
        WEIGHT[0] = 0.0
        model = model_of(1)

        def drop(outputs, targets):
            return mse([z * (random.random() < 0.5) if WEIGHT[0] else z for z in outputs], targets)

        def begin(history):
            WEIGHT[0] = float(len(history.loss) > 2)

        options = {"optimizer": Adam(model.parameters()), "validation": 0.2, "restore_best": True, "batch_size": 7}
        options |= {"gradient_norms": True, "seed": 1, "callbacks": [begin], "epochs": 6, "compiled": compiled}
        history = fit(model, X, REAL, loss=drop, **options)
        return [*history.loss, *history.gradient_norms["layers.0"], *model.state_dict().values()], history.compiled

    wanted, _ = run(False)
    if compiled is True:
        with pytest.raises(ValueError, match="draws random numbers"):
            run(True)
        return
    with warns("draws random numbers"):
        found, is_compiled = run("auto")
    assert found == pytest.approx(wanted, rel=CLOSE)
    assert not is_compiled


def test_threads_that_draw_random_numbers_do_not_disturb_each_other():
    """What they draw is no draw of the model, and is not drawn again when a trial is over."""
    ended = threading.Event()
    drawn = [[], []]

    def draw(numbers, number):
        while not ended.is_set():
            numbers.append(number())
            time.sleep(1e-4)

    def train(k):
        model = MLP(2, [4, 1])
        first = model.parameters()[0].data
        return {"first": first, "compiled": fit(model, X, REAL, loss=mse, epochs=2, batch_size=5).compiled}

    sources = [random.random, np.random.random_sample]
    threads = [threading.Thread(target=draw, args=pair) for pair in zip(drawn, sources, strict=True)]
    for thread in threads:
        thread.start()
    try:
        with ThreadPoolExecutor(4) as executor:
            found = nn.sweep(train, {"k": range(12)}, executor).columns()
        here = [train(None) for _ in range(4)]  # in the main thread
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    firsts = [*found["first"], *[one["first"] for one in here]]
    assert all(found["compiled"])
    assert all(one["compiled"] for one in here)
    for numbers in (firsts, *drawn):
        assert len(set(numbers)) == len(numbers) > 0


WRAPS = {
    "module": lambda put, layer: put(layer),
    "method": lambda put, layer: put(layer.forward),
    "function in another": lambda put, layer: put(put(layer)),
    "derivative": lambda put, layer: put(autograd.grad(Wrapped(put(layer)))),
}
ON_VALUES = {
    "compiled=False": {"compiled": False},
    "a loss of pairs": {"loss": lambda o, t: mse(o, t) + 0.1 * (o[0] - o[-1] - t[0] + t[-1]) ** 2},
}


class Wrapped(Module):
    def __init__(self, body):
        self.body, self.head = body, Neuron(2, None, seed=2)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.mark.filterwarnings("ignore:training is not compiled")
@pytest.mark.parametrize("options", ON_VALUES.values(), ids=ON_VALUES)
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_steps_on_values_train_the_parameters_behind_compiled_functions(wrap, options):
    states = []
    for put in (lambda f: f, autograd.compile):
        for outermost in (lambda f: f, put):
            model = Wrapped(wrap(put, Layer(2, 2, "tanh", seed=1)))
            before = model.state_dict()
            optimizer = SGD(model.parameters(), lr=0.05)
            fit(outermost(model), X, REAL, optimizer=optimizer, epochs=3, **{"loss": mse, **options})
            states.append(model.state_dict())
            assert sum(now == before[name] for name, now in states[-1].items()) == (wrap is WRAPS["derivative"])
    assert all(state == pytest.approx(states[0], rel=1e-9) for state in states)
    assert isinstance(put(model)(X[0]), float)


def test_compiled_function_without_parameters_returns_numbers_in_steps_on_values():
    scale, seen = autograd.compile(lambda x: 2.0 * x), []

    def forward(x):
        seen.append(scale(x[0]))
        return neuron([seen[-1], x[1]])

    neuron = Neuron(2, None, seed=1)
    fit(forward, X, REAL, loss=mse, optimizer=SGD([neuron.b]), compiled=False, epochs=2)
    assert {*map(type, seen)} == {float}
