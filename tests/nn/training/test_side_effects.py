"""What a model keeps of its calls becomes no parameter, and is after training what eager calls leave."""

import queue
import signal
import threading
from collections import OrderedDict, deque
from decimal import Decimal
from functools import partial
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest

import nn
from autograd import Value, compile, detect_anomaly
from nn import Module, fit, l2, mse
from nn.data.random_state import generators_of
from nn.training import side_effects
from nn.training.examples import MANY_INPUTS, outputs_of
from nn.training.side_effects import state_restored

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
    "a set": lambda model, x, y: model.found.add(1.0 * x[0]),  # an argument is no key
    "outputs in a set": lambda model, x, y: model.found.add(1.0 * y),
    "an array": lambda model, x, y: model.array.__setitem__(0, x[0]),
    "another object": lambda model, x, y: setattr(model.plain, "part", x[0]),
    "slots": lambda model, x, y: setattr(model.slotted, "part", y),
}
ADDING = [WAYS[name] for name in WAYS if name in ("a moving average", "a set") or "list" in name or "in a set" in name]
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
    state, run = model.state_dict(), ENTRIES[entry]
    if keep in ADDING and entry.startswith("fit"):
        with pytest.raises(ValueError, match="what is kept adds up over the calls"):
            run(model, X, Y, loss=mse)
        assert kept(model) == kept(untouched)
        run = partial(run, compiled=False)
    run(model, X, Y, loss=mse)
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
    for model, compiled in ((one, keep not in ADDING), (other, False)):
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


def test_what_a_loss_keeps_around_it_is_of_eager_calls_with_the_parameters_that_there_are_then():
    model, seen, kept, last = Keeping(lambda *_: None), deque(maxlen=1), {}, None

    def loss(outputs, targets):
        nonlocal last
        last = outputs[0]
        seen.append(targets[0])
        kept["last"] = mse(outputs, targets)
        return kept["last"]

    fit(model, X, Y, loss=loss, epochs=3, compiled=True)
    assert {type(target) for target in seen} == {float}
    assert last.data == model(X[-1]).data
    assert kept["last"].data == mse([model(X[-1])], Y[-1:]).data
    assert generators_of(model) == []


def test_training_that_is_not_compiled_after_all_begins_as_eager_training_does():
    model = Keeping(in_a_total)
    with pytest.warns(RuntimeWarning, match="not compiled"):
        fit(model, X, Y, loss=lambda o, t: mse(o, t) * len(o), epochs=3)
    assert type(model.total) is float


class Endless:
    """An object whose attributes come into being when they are asked for."""

    asked = 0

    def __getattr__(self, name):
        Endless.asked += 1
        assert Endless.asked < 1000
        setattr(self, name, Endless())
        return getattr(self, name)

    def __call__(self):
        return []


class Refusing(list):
    def _refuse(self, *_):
        raise RuntimeError("a list of which nothing is taken")

    clear = extend = copy = __setitem__ = __delitem__ = _refuse


class RefusingDict(dict):
    def put(self, key, thing):
        super().__setitem__(key, thing)

    clear = update = copy = pop = __setitem__ = __delitem__ = Refusing._refuse


def of_a_later_variable():
    f = lambda: later
    if f is None:
        later = 1.0
    return f


HELD = {
    "mock": MagicMock,
    "attributes that are made when asked for": Endless,
    "list of its own methods": Refusing,
    "dict of its own methods": RefusingDict,
    "function of a variable that is not set": of_a_later_variable,
    "lock": threading.Lock,
    "queue": queue.Queue,
    "array of texts": lambda: np.array(["a", None], dtype=object),
    "table": lambda: pd.DataFrame({"a": ["x", "y"]}),
    "index": lambda: pd.Index(["a", 2]),
    **{
        f"column of {kind}": lambda column=column: pd.Series(**column)
        for kind, column in {
            "text": {"data": ["a", "b"]},
            "objects": {"data": ["a", 1.0, Value(2.0)]},
            "decimals": {"data": [Decimal(1)]},
            "truth values and None": {"data": [True, None]},
            "categories": {"data": ["a", "b"], "dtype": "category"},
            "days": {"data": pd.date_range("2026-01-01", periods=2)},
        }.items()
    },
}


@pytest.mark.parametrize("make", HELD.values(), ids=HELD)
def test_models_are_compiled_whatever_they_hold(make):
    model = Keeping(lambda *_: None)
    model.held = make()
    assert fit(model, X, Y, loss=mse, epochs=2, compiled=True).compiled


def test_what_refuses_to_be_changed_is_left_without_the_values_of_a_trace():
    held, items = Refusing(), RefusingDict()

    def keep(model, x, y):
        held.append(y)
        items.put("y", y)

    model = Keeping(keep)
    model.held = held, items
    with state_restored(model):
        model(X[0])
    assert (len(held), len(items)) == (0, 0)


def test_what_else_comes_into_a_list_or_set_while_a_model_is_traced_stays():
    for place, add in ((["a"], list.append), ({"a"}, set.add), (deque("a"), deque.append)):
        with state_restored(place):
            for thing in (Value(1.0), "b", [Value(2.0)], "c")[: 4 if add is not set.add else 2]:
                add(place, thing)
        assert sorted(place) == ["a", "b", "c"][: 3 if add is not set.add else 2]


def test_numbers_that_others_count_meanwhile_stay():
    model = Plain()
    model.count = 0
    with state_restored(model):
        model.count += 1
    assert model.count == 1


def test_interrupt_waits_until_all_is_put_back(monkeypatch):
    put_back, items, box = side_effects._put_back, [1.0], OrderedDict(x=1.0, y=2.0)

    def interrupted(*given):
        signal.raise_signal(signal.SIGINT)
        put_back(*given)

    @state_restored(items, box)
    def call():
        items.append(Value(1.0))
        box.update(x=Value(1.0), z=Value(2.0))
        box.move_to_end("x")

    monkeypatch.setattr(side_effects, "_put_back", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call()
    assert (items, box) == ([1.0], OrderedDict(x=1.0, y=2.0))


@pytest.mark.parametrize("kind", [list, set, deque])
def test_what_a_container_loses_beside_a_value_that_it_gets_is_there_again(kind):
    seen = kind([1.0, 2.0])
    with state_restored(seen) as changed:
        seen.remove(1.0)
        getattr(seen, "append", getattr(seen, "add", None))(Value(3.0))
    assert seen == kind([1.0, 2.0])
    assert [place for place, _ in changed] == [seen]


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_order_of_a_dict_is_put_back(kind):
    turns = kind(a=1.0, b=2.0, c=3.0)
    with state_restored(turns, wholly=True):
        turns["a"] = turns.pop("a")
        turns["d"] = 4.0
    assert [*turns.items()] == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_numbers_in_memory_that_others_may_write_to_are_left_alone(tmp_path):
    shared = np.memmap(tmp_path / "numbers", dtype=float, mode="w+", shape=4)
    own, sealed = np.zeros(4), np.zeros(4)
    with state_restored([shared, shared[1:], own, sealed], wholly=True):
        shared[:], own[:], sealed[:] = 1.0, 1.0, 1.0
        sealed.flags.writeable = False
    assert (shared.sum(), own.sum(), sealed.sum()) == (4.0, 0.0, 0.0)
