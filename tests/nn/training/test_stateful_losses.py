"""Losses, models, penalties and examples that keep something of their calls: training is as in a loop by hand."""

import math
import random
import threading
import time
import warnings
import weakref
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from autograd import Value, mean
from nn import MLP, SGD, Module, fit, mse
from nn.training.side_effects import state_restored

X = [[i / 12 - 1.0, (i * 7 % 24) / 12 - 1.0] for i in range(24)]
Y = [math.sin(2.0 * a) + 0.5 * b for a, b in X]
EPOCHS = 4


def squares(outputs, targets):
    return mean([(o - t) ** 2 for o, t in zip(outputs, targets)])


def relative_to_the_first():
    first = None

    def loss(outputs, targets):
        nonlocal first
        total = squares(outputs, targets)
        if first is None:
            first = total.data
        return total / first

    return loss


def relative_in_a_list():
    first = []

    def loss(outputs, targets):
        total = squares(outputs, targets)
        if not first:
            first.append(total.detach())
        return total / first[0]

    return loss


def relative_in_a_namespace():
    state = SimpleNamespace(first=None)

    def loss(outputs, targets):
        total = squares(outputs, targets)
        state.first = state.first or float(total.data)
        return total / state.first

    return loss


of_globals = None


def relative_in_a_global_variable():
    global of_globals
    of_globals = None

    def loss(outputs, targets):
        global of_globals
        total = squares(outputs, targets)
        if of_globals is None:
            of_globals = total.data
        return total / of_globals

    return loss


class Scaled:
    """Divides by the largest target of the first batch."""

    def __init__(self):
        self.scale = None

    def __call__(self, outputs, targets):
        if self.scale is None:
            self.scale = max(map(abs, targets))
        return squares(outputs, targets) / self.scale


def relative_in_an_array():
    first = np.full(2, math.nan)

    def loss(outputs, targets):
        total = squares(outputs, targets)
        if math.isnan(first[1]):
            first[1] = total.data
        return total / first[1]

    return loss


def relative_in_a_default():
    def loss(outputs, targets, first=[]):  # noqa: B006
        total = squares(outputs, targets)
        if not first:
            first.append(total.data)
        return total / first[0]

    return loss


def relative_in_a_keyword():
    def loss(outputs, targets, *, kept={}):  # noqa: B006
        total = squares(outputs, targets)
        return total / kept.setdefault("first", total.data)

    return loss


def relative_by_a_method():
    first = []
    add = first.append

    def loss(outputs, targets):
        total = squares(outputs, targets)
        if not add.__self__:
            add(total.data)
        return total / add.__self__[0]

    return loss


def by_helper(total):
    BOX.setdefault("first", total.data)
    return total / BOX["first"]


BOX = {}


def relative_by_a_helper():
    BOX.clear()
    return lambda outputs, targets: by_helper(squares(outputs, targets))


class Method:
    """Has its loss in a method."""

    def loss(self, outputs, targets):
        return by_helper(squares(outputs, targets))


def relative_by_a_method_of_an_object():
    BOX.clear()
    return Method().loss


def relative_by_a_partial():
    BOX.clear()
    return partial(Method.loss, None)


def running_mean_in_place():
    centre = np.zeros(1)

    def loss(outputs, targets):
        centre[:] = 0.9 * centre + 0.1 * math.fsum(targets) / len(targets)
        return squares(outputs, [t - float(centre[0]) for t in targets])

    return loss


class WarmedUp:
    """Has another weight in the first calls; what it counts is seen in the weight much later."""

    def __init__(self, calls):
        self.count, self.calls = 0, calls

    def __call__(self, outputs, targets):
        self.count += 1
        return squares(outputs, targets) * (0.1 if self.count <= self.calls else 1.0)


class Centred:
    """Subtracts a running mean of the targets."""

    def __init__(self):
        self.centre = 0.0

    def __call__(self, outputs, targets):
        self.centre = 0.9 * self.centre + 0.1 * math.fsum(targets) / len(targets)
        return mean([(o - (t - self.centre)) ** 2 for o, t in zip(outputs, targets)])


class Drawing:
    """Has noise in its targets, of a generator of its own."""

    def __init__(self):
        self.rng = random.Random(0)

    def __call__(self, outputs, targets):
        return squares(outputs, [t + self.rng.gauss(0.0, 0.1) for t in targets])


LOSSES = {
    "first number in a closure": relative_to_the_first,
    "first number in a list": relative_in_a_list,
    "first number in a namespace": relative_in_a_namespace,
    "first number in a global variable": relative_in_a_global_variable,
    "first number in an array": relative_in_an_array,
    "first number in a default": relative_in_a_default,
    "first number in a default of a keyword": relative_in_a_keyword,
    "first number by a method of a list": relative_by_a_method,
    "first number in a global dict, by a helper": relative_by_a_helper,
    "first number in a global dict, by a method": relative_by_a_method_of_an_object,
    "first number in a global dict, by a partial": relative_by_a_partial,
    "running mean in an array": running_mean_in_place,
    "scale of the first targets": Scaled,
    "weight by a count": lambda: WarmedUp(1),
    "weight by a count that is large": lambda: WarmedUp(60),
    "running mean": Centred,
    "random numbers": Drawing,
}


class Stateful(Module):
    """A network in which a method changes the hidden numbers."""

    def __init__(self):
        self.hidden, self.head = MLP(2, [3], "tanh", seed=1), MLP(3, [1], seed=2)
        self.scale, self.mean, self.h, self.calls = None, [0.0] * 3, 0.0, []

    def forward(self, x):
        return self.head(self.change(self.hidden(x)))


class Initialised(Stateful):
    """Scales by the first hidden numbers, as ActNorm does."""

    def change(self, h):
        if self.scale is None:
            self.scale = [1.0 / (abs(v.data) + 0.1) for v in h]
        return [v * s for v, s in zip(h, self.scale)]


class Normalised(Stateful):
    """Subtracts a running mean."""

    def change(self, h):
        self.mean = [0.9 * m + 0.1 * v.data for m, v in zip(self.mean, h)]
        return [v - m for v, m in zip(h, self.mean)]


class Recurrent(Stateful):
    """Has something of the example before."""

    def change(self, h):
        self.h = 0.5 * self.h + h[0].detach()
        return [h[0] + self.h, *h[1:]]


class Counted(Stateful):
    """Changes after some calls."""

    def change(self, h):
        self.calls.append(len(h))
        return h if len(self.calls) < 100 else [2.0 * v for v in h]


MODELS = {model.__name__: model for model in (Initialised, Normalised, Recurrent, Counted)}
COMPILED = pytest.mark.parametrize("compiled", ["auto", False])


def by_hand(model, loss, X, Y):
    optimizer, losses = SGD(model.parameters(), lr=0.1), []
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        total = loss([model(X[i]) for i in range(len(X))], Y)
        total.backward()
        optimizer.step()
        losses.append(total.data)
    return losses, model.state_dict()


def by_fit(model, loss, X, Y, compiled):
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        history = fit(
            model, X, Y, loss=loss, optimizer=SGD(model.parameters(), lr=0.1), epochs=EPOCHS, compiled=compiled
        )
    return history.loss, model.state_dict()


def assert_is_by_hand(make_model, make_loss, make_inputs, compiled):
    losses, state = by_hand(make_model(), make_loss(), make_inputs(), Y)
    found, found_state = by_fit(make_model(), make_loss(), make_inputs(), Y, compiled)
    assert found == pytest.approx(losses, rel=1e-9)
    assert found_state == pytest.approx(state, rel=1e-9)


@COMPILED
@pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES)
def test_loss_that_keeps_something_of_its_calls_has_it_of_those_of_training(make, compiled):
    assert_is_by_hand(lambda: MLP(2, [3, 1], "tanh", seed=1), make, lambda: X, compiled)


@COMPILED
@pytest.mark.parametrize("loss", [mse, squares], ids=["mse", "loss of one's own"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_model_that_keeps_something_of_its_calls_has_it_of_those_of_training(make, loss, compiled):
    assert_is_by_hand(make, lambda: loss, lambda: X, compiled)


@COMPILED
def test_loss_beside_a_penalty_that_keeps_something_is_as_by_hand(compiled):
    found = []
    for penalty in (None, lambda parameters: 0.0 * parameters[0]):
        model, loss = MLP(2, [3, 1], "tanh", seed=1), relative_by_a_helper()
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            found.append(fit(model, X, Y, loss=loss, penalty=penalty, epochs=EPOCHS, compiled=compiled).loss)
    assert found[0] == found[1]
    assert found[0][0] == 1.0


class Noisy:
    """Examples with noise, of a generator of their own; of a type of number."""

    def __init__(self, dtype=None):
        self.rng = random.Random(0)
        if dtype:
            self.dtype = dtype

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return [x + self.rng.gauss(0.0, 0.1) for x in X[i]]


@COMPILED
@pytest.mark.parametrize("loss", [mse, squares], ids=["mse", "loss of one's own"])
@pytest.mark.parametrize("dtype", [None, "float32"])
def test_examples_that_draw_do_so_as_often_as_training_reads_them(dtype, loss, compiled):
    assert_is_by_hand(lambda: MLP(2, [3, 1], "tanh", seed=1), lambda: loss, lambda: Noisy(dtype), compiled)


class PseudoLabels:
    """Targets that are known of some examples, and the model's own of the others."""

    def __init__(self, model):
        self.model = model

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return float(Y[i] > 0.0) if i < 6 else float(self.model(X[i]).data > 0.0)


class NearestCentre(PseudoLabels):
    """The one of three numbers that is nearest to what the model says."""

    def __getitem__(self, i):
        output = self.model(X[i]).data
        return min((-1.0, 0.0, 1.0), key=lambda centre: abs(centre - output))


class HardInputs(PseudoLabels):
    """Inputs that are larger where the model is wrong."""

    def __getitem__(self, i):
        wrong = (self.model(X[i]).data > 0.0) != (Y[i] > 0.0)
        return [1.5 * x if wrong else x for x in X[i]]


class HardArray(HardInputs):
    """An array to NumPy, too."""

    def __array__(self, dtype=None, copy=None):
        return np.array([*self])


def local_kind():
    @dataclass
    class Row:
        x: list

    class HardRows(HardInputs):
        """Rows of a class that cannot be pickled."""

        def __getitem__(self, i):
            return Row(super().__getitem__(i))

    return HardRows


class OfRows(Module):
    """A model that takes the numbers out of rows."""

    def __init__(self, network):
        self.network = network

    def forward(self, row):
        return self.network(row.x)


@pytest.mark.parametrize("batch_size", [None, 6])
@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("kind", [PseudoLabels, NearestCentre, HardInputs, HardArray, local_kind()])
def test_examples_that_ask_the_model_ask_it_as_it_is(kind, held_out, batch_size):
    found = []
    for compiled in ("auto", False):
        network = MLP(2, [3, 1], "tanh", seed=1)
        model = OfRows(network) if kind.__name__ == "HardRows" else network
        made = kind(network)
        pair = (made, Y) if issubclass(kind, HardInputs) else (X, made)
        options = {"validation": pair} if held_out else {}
        first = [made[i] for i in range(len(X))] if model is not network else X
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            history = fit(
                model, *((first, Y) if held_out else pair), loss=mse, optimizer=SGD(model.parameters(), lr=0.3),
                epochs=20, batch_size=batch_size, seed=1, compiled=compiled, **options,
            )  # fmt: skip
        found.append((history.loss, history.validation_loss, model.state_dict()))
    assert found[0] == found[1]
    assert not held_out or found[0][1]


class Stream:
    """Examples that are kept as they come."""

    def __init__(self, rows):
        self.stream, self.rows = iter(rows), []

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        while len(self.rows) <= i:
            self.rows.append(next(self.stream))
        return self.rows[i]


class Cyclic(Stream):
    """Examples of any number: there is no IndexError at the end."""

    def __getitem__(self, i):
        return X[i % len(X)]


@COMPILED
@pytest.mark.parametrize("loss", [mse, squares], ids=["mse", "loss of one's own"])
def test_examples_that_are_kept_as_they_come_are_those_of_a_list(loss, compiled):
    found = [by_fit(MLP(2, [3, 1], "tanh", seed=1), loss, rows, Y, compiled) for rows in (X, Stream(X + X), Cyclic(X))]
    assert found[0] == found[1] == found[2]


class Measured(np.ndarray):
    """An array of a class of one's own."""


def test_arrays_of_a_class_of_ones_own_are_compiled():
    for x, y in ((np.array(X).view(Measured), Y), (X, np.array(Y).view(Measured))):
        assert fit(MLP(2, [3, 1], "tanh", seed=1), x, y, loss=squares, epochs=2, compiled=True).compiled


class Anchored:
    """A penalty of the distance from the parameters at the start."""

    def __init__(self):
        self.start = None

    def __call__(self, parameters):
        if self.start is None:
            self.start = [p.data for p in parameters]
        return sum(((p - s) ** 2 for p, s in zip(parameters, self.start)), Value(0.0))


class Masked(Stateful):
    """Makes what it needs when it is called first."""

    def change(self, h):
        if self.scale is None:
            self.scale = [0.5 + 0.1 * i for i in range(len(h))]
        return [v * s for v, s in zip(h, self.scale)]


class Timed(Stateful):
    """Keeps when it was called, what it needs for inputs of a length, and its last outputs."""

    def __init__(self):
        super().__init__()
        self.cache = {}

    def change(self, h):
        self.cache.setdefault(len(h), [1.0] * len(h))
        self.last, self.at = h, time.perf_counter_ns()
        return h


def test_what_does_not_depend_on_earlier_calls_is_compiled():
    for make, penalty in ((Masked, None), (Timed, None), (lambda: MLP(2, [3, 1], "tanh", seed=1), Anchored)):
        found = []
        for compiled in (True, False):
            given = {} if penalty is None else {"penalty": penalty()}
            history = fit(make(), X, Y, loss=mse, epochs=EPOCHS, compiled=compiled, **given)
            found.append(history.loss)
        assert found[0] == pytest.approx(found[1], rel=1e-9)


class Shelf(dict):
    """A dict that a proxy may stand for."""


class Board:
    """A class of one's own that has names of an array's."""

    flat, size = (), (3, 3)

    def __setitem__(self, place, mark):
        raise AssertionError(place)


SHELF = Shelf(a=1.0)
HELD = {
    "generator without a state": random.SystemRandom,
    "proxy of a dict": lambda: weakref.proxy(SHELF),
    "thread": threading.Thread,
    "board": Board,
    "view that is read only": lambda: np.broadcast_to(np.ones(1), 3),
    "records": lambda: np.array([(1.0, None)], dtype=[("a", float), ("b", object)]),
    "texts": lambda: np.array(["a"]),
}


@COMPILED
@pytest.mark.parametrize("make", HELD.values(), ids=HELD)
def test_models_train_whatever_they_hold(make, compiled):
    found = []
    for held in (None, make()):
        model = MLP(2, [3, 1], "tanh", seed=1)
        model.held = held
        found.append(by_fit(model, mse, X, Y, compiled))
    assert found[0] == found[1]


def test_arrays_that_share_a_buffer_are_put_back():
    buffer = np.zeros(4)
    held = [buffer, np.lib.stride_tricks.sliding_window_view(buffer, 2), buffer[1:]]
    with state_restored(held, wholly=True):
        buffer += 1.0
    assert buffer.tolist() == [0.0] * 4


class Loader(threading.Thread):
    """Loads rows before they are asked for."""

    def __init__(self, rows):
        super().__init__(daemon=True)
        self.rows, self.ready = rows, {}

    def run(self):
        for i, row in enumerate(self.rows):
            time.sleep(1e-3)
            self.ready[i] = row


class Loaded(Stream):
    def __init__(self, rows):
        self.loader = Loader(rows)
        self.loader.start()

    def __getitem__(self, i):
        until = time.monotonic() + 20.0
        while i not in self.loader.ready:
            assert time.monotonic() < until
            time.sleep(1e-4)
        return self.loader.ready[i]


@COMPILED
def test_rows_that_a_thread_loads_meanwhile_are_there(compiled):
    found = [by_fit(MLP(2, [3, 1], "tanh", seed=1), mse, rows, Y, compiled) for rows in (X, Loaded(X))]
    assert found[0] == found[1]


RESULTS = {}


class Study(MLP):
    """A model whose runs, in threads, share what they write."""

    def __init__(self, seed, curves):
        super().__init__(2, [3, 1], "tanh", seed=seed)
        self.curves = curves

    def loss(self, outputs, targets):
        return squares(outputs, targets)

    def run(self, name):
        loss = fit(self, X, Y, loss=self.loss, epochs=2).loss[-1]
        RESULTS[name] = self.curves[name] = loss


def test_runs_in_threads_keep_what_they_write_beside_training():
    curves = {}
    runs = [threading.Thread(target=Study(i, curves).run, args=(i,)) for i in range(12)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(RESULTS) == sorted(curves) == list(range(12))
