"""What a model keeps of its calls becomes no parameter, and is after training what eager calls leave."""

from collections import deque
from functools import partial

import numpy as np
import pytest

import nn
from autograd import Value, compile, detect_anomaly
from nn import Module, fit, l2, mse
from nn.data.random_state import generators_of
from nn.training.examples import MANY_INPUTS, outputs_of

X, Y = [[i / 5, 1 - i / 7] for i in range(12)], [i / 3 for i in range(12)]


class Plain:
    """An object that is no module."""


class Slotted:
    __slots__ = ("part",)


class Keeping(Module):
    """A line that keeps what it takes and makes, in one way."""

    def __init__(self, keep):
        self.w, self.b, self.keep = Value(1.0), Value(0.0), keep
        self.part, self.total, self.items, self.box = None, 0.0, [], {}
        self.queue, self.found, self.array = deque(maxlen=3), set(), np.array([None, None])
        self.plain, self.slotted = Plain(), Slotted()

    def forward(self, x):
        y = self.w * x[0] + self.b * x[1]
        self.keep(self, x, y)
        return y


def in_a_total(model, x, y):
    model.total = 0.9 * model.total + 0.1 * x[0]


WAYS = {
    "an attribute": lambda model, x, y: setattr(model, "part", x[0]),
    "a new attribute": lambda model, x, y: setattr(model, "new", x),
    "an output": lambda model, x, y: setattr(model, "part", y),
    "a moving average": in_a_total,
    "a list that grows": lambda model, x, y: model.items.append(x[0]),
    "outputs in a list": lambda model, x, y: model.items.append((y, [y])),
    "a dict": lambda model, x, y: model.box.update(x=x[0], y=y),
    "a list in a dict": lambda model, x, y: model.box.setdefault("x", []).append(x[1]),
    "a deque": lambda model, x, y: model.queue.append(x[0]),
    "a set": lambda model, x, y: model.found.add(x[0]),
    "outputs in a set": lambda model, x, y: model.found.add(y),
    "an array": lambda model, x, y: model.array.__setitem__(0, x[0]),
    "another object": lambda model, x, y: setattr(model.plain, "part", x[0]),
    "slots": lambda model, x, y: setattr(model.slotted, "part", y),
}
KEEPS = pytest.mark.parametrize("keep", WAYS.values(), ids=WAYS)
PARTS = ("part", "new", "total", "items", "box", "queue", "found", "array", "plain.part", "slotted.part")
ENTRIES = {
    "fit": partial(fit, compiled=True, epochs=3),
    "fit with a callback": partial(fit, compiled=True, epochs=3, callbacks=[lambda history: None]),
    "fit with held-out examples": partial(fit, compiled=True, epochs=3, validation=0.25, seed=1),
    "eager fit with held-out examples": partial(fit, compiled=False, epochs=3, validation=0.25, seed=1),
    "evaluate": nn.evaluate,
    "playground": nn.playground,
}


def kind_of(thing):
    """Return the type of what is kept, and what made it where it is a Value; of containers, of the last thing in it."""
    if isinstance(thing, Value):
        return None if thing.op is None else thing.op.name
    parts = [*(thing.values() if isinstance(thing, dict) else thing)] if hasattr(thing, "__len__") else []
    return type(thing), kind_of(parts[-1]) if parts else None


def kept(model):
    """Return the kinds of what a model keeps beside its parameters."""
    found = {}
    for path in PARTS:
        *owner, name = path.split(".")
        found[path] = kind_of(getattr(getattr(model, *owner) if owner else model, name, None))
    return found


@pytest.mark.sample(4)
@KEEPS
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_a_model_keeps_is_no_parameter_and_of_the_kind_that_an_eager_call_leaves(entry, keep):
    model, eager, untouched = Keeping(keep), Keeping(keep), Keeping(keep)
    state = model.state_dict()
    ENTRIES[entry](model, X, Y, loss=mse)
    for x in X:
        eager(x)
    assert list(model.state_dict()) == ["w", "b"]
    assert kept(model) == kept(untouched if entry == "playground" else eager)
    model.load_state_dict(state)


@pytest.mark.sample(2)
@KEEPS
def test_what_a_model_keeps_of_its_inputs_is_no_parameter_where_many_outputs_are_compiled(keep):
    model, eager = (Keeping(lambda model, x, y: keep(model, x, x[0])) for _ in range(2))
    outputs_of(model, X * MANY_INPUTS)
    eager(X[0])
    assert list(model.state_dict()) == ["w", "b"]
    assert kept(model) == kept(eager)


def test_after_training_a_model_keeps_what_its_last_call_gave_with_the_parameters_it_has_then():
    model = Keeping(WAYS["an output"])
    seen = []
    fit(model, X, Y, loss=mse, epochs=3, compiled=True, callbacks=[lambda history: seen.append(model.part.data)])
    assert seen[-1] == model.part.data == model(X[-1]).data != seen[0]


@pytest.mark.sample(2)
@KEEPS
def test_penalty_of_a_model_that_keeps_its_inputs_is_of_its_parameters_only(keep):
    one, other = Keeping(keep), Keeping(keep)
    for model, compiled in ((one, True), (other, False)):
        fit(model, X, Y, loss=mse, penalty=lambda m=model: 0.1 * l2(m.parameters()), epochs=3, compiled=compiled)
    assert one.state_dict() == pytest.approx(other.state_dict(), rel=1e-9)


@KEEPS
def test_arguments_of_a_compiled_function_are_no_parameters_of_a_module_that_keeps_them(keep):
    model = Keeping(lambda model, x, y: keep(model, x, x[0]))
    f = compile(lambda x, y: mse([model(x)], [y]) + 0.0 * l2(model.parameters()), batched=("x", "y"))
    f(X, Y)
    assert list(model.state_dict()) == ["w", "b"]
    with detect_anomaly():
        f(X, Y)
    assert list(model.state_dict()) == ["w", "b"]


def test_what_a_loss_keeps_in_variables_around_it_is_of_eager_calls_only():
    model, seen, last = Keeping(lambda *_: None), [], None

    def loss(outputs, targets):
        nonlocal last
        last = outputs[0]
        seen.append(targets[0])
        return mse(outputs, targets)

    fit(model, X, Y, loss=loss, epochs=3, compiled=True)
    assert {type(target) for target in seen} == {float}
    assert not last.parents
    assert generators_of(model) == []


def test_training_that_is_not_compiled_after_all_begins_as_eager_training_does():
    model = Keeping(in_a_total)
    with pytest.warns(RuntimeWarning, match="not compiled"):
        fit(model, X, Y, loss=lambda o, t: mse(o, t) * len(o), epochs=3)
    assert type(model.total) is float
