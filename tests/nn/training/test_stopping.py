"""What ends training, what it leaves behind, and what it tells: Stop, callbacks, the best parameters, the history."""

import copy
import gc
import inspect
import json
import math
import pickle
import re
import signal
import subprocess
import sys
import time
import types
import warnings

import numpy as np
import pytest

from autograd import Value, mean
from nn import MLP, SGD, Adam, History, Module, Stop, accuracy, cross_entropy, evaluate, fit, hinge, mse
from nn import fitting as training
from nn.training.history import Score
from nn.training.progress import LAYOUT, Bar, NoBar, bar
from nn.training.stepping import CompiledSteps, EagerSteps

KINDS = pytest.mark.parametrize("compiled", [True, False])
LINE_X, LINE_Y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
XOR, SIGNS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]


class Slope(Module):
    """y = w x: with lr 1/4 and one example (1, 1), the distance of w to 1 halves in each step."""

    def __init__(self, w=3.0):
        self.w = Value(w, label="w")

    def forward(self, x):
        return self.w * x[0]


def halve(compiled, epochs=10, lr=0.25, model=None, optimizer=None, **options):
    """Train a slope from 3 towards 1; the losses are 4, 1, 1/4, ..., and w is 2, 3/2, 5/4, ... after the epochs."""
    model = model or Slope()
    optimizer = optimizer or SGD(model.parameters(), lr=lr)
    history = fit(model, [[1.0]], [1.0], loss=mse, optimizer=optimizer, epochs=epochs, compiled=compiled, **options)
    assert history.compiled is compiled
    return model, history


def slope_after(epochs):
    return 1.0 + 2.0 / 2**epochs


# Stop


@KINDS
def test_training_stops_where_the_loss_is_reached(compiled):
    model, history = halve(compiled, stop=Stop(loss=0.25))
    assert (history.loss, history.stopped) == ([4.0, 1.0, 0.25], "the loss reached 0.25 in epoch 3")
    assert model.w.data == slope_after(3)


@KINDS
def test_training_stops_by_the_validation_loss_where_there_is_one(compiled):
    _, history = halve(compiled, stop=Stop(loss=0.25), validation=([[2.0]], [2.0]))
    assert history.validation_loss == [4.0, 1.0, 0.25]
    assert history.stopped == "the validation loss reached 0.25 in epoch 3"


@KINDS
def test_training_stops_where_the_metric_is_reached(compiled):
    def closeness(outputs, targets):
        return 1.0 - abs(outputs[0] - targets[0])

    _, history = halve(compiled, metric=closeness, stop=Stop(metric=0.75))
    assert history.metric == [-1.0, 0.0, 0.5, 0.75]
    assert history.stopped == "the closeness reached 0.75 in epoch 4"
    _, history = halve(compiled, metric=closeness, stop=Stop(metric=0.75), validation=([[1.0]], [1.0]))
    assert history.stopped == "the validation closeness reached 0.75 in epoch 3"


@KINDS
def test_classifier_stops_by_its_accuracy(compiled):
    model = MLP(2, [8, 1], seed=1)
    history = fit(model, XOR, SIGNS, loss=hinge, epochs=500, stop=Stop(metric=1.0), compiled=compiled)
    assert re.fullmatch(r"the accuracy reached 1 in epoch \d+", history.stopped)
    assert history.accuracy[-1] == 1.0 > max(history.accuracy[:-1])


def last(stop, losses):
    """Return after which epoch training with these losses stops."""
    for count in range(1, len(losses) + 1):
        if reason := stop(History(loss=losses[:count])):
            return count, reason
    return None


def test_patience_counts_from_the_best():
    assert last(Stop(patience=2), [5, 4, 4.5, 3, 3.5, 3, 2]) == (6, "no progress of the loss for 2 epochs")
    assert last(Stop(patience=3), [5, 4, 4.5, 3, 3.5, 3, 2]) is None
    assert last(Stop(patience=1), [1, 1])[0] == 2
    assert last(Stop(patience=1), [5, 4, 3, 2, 1]) is None


def test_least_is_what_a_loss_has_to_shrink_since_the_last_progress():
    slow = [10 - 0.4 * i for i in range(20)]
    assert last(Stop(patience=3, least=1.0), slow) is None  # two epochs bring 0.8, three 1.2
    assert last(Stop(patience=2, least=1.0), slow)[0] == 3
    assert last(Stop(patience=3, least=0.5), [10, 9.5, 9, 8.4]) is None
    assert last(Stop(patience=3, least=0.5), [10, 9.5, 9.5, 9.5])[0] == 4
    assert last(Stop(patience=2), slow) is None


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_losses_that_are_not_finite_are_no_progress(bad):
    assert last(Stop(patience=2), [1, bad, bad])[0] == 3
    assert last(Stop(patience=2), [bad, bad])[0] == 2
    assert last(Stop(loss=1.0), [bad, bad]) is None


@KINDS
def test_training_stops_without_progress(compiled):
    _, history = halve(compiled, lr=1.0, epochs=50, stop=Stop(patience=4))  # from 3 to -1 and back
    assert history.loss == [4.0] * 5
    assert history.stopped == "no progress of the loss for 4 epochs in epoch 5"


class Slow(Module):
    """A model that takes its time, eagerly."""

    def __init__(self):
        self.w = Value(1.0)

    def forward(self, x):
        time.sleep(0.01)
        return self.w * x[0]


@pytest.mark.parametrize("batch_size", [1, None])
def test_time_is_up_after_the_step_it_is_in(batch_size):
    begin = time.process_time()
    options = {"batch_size": batch_size, "stop": Stop(seconds=0.08), "compiled": False}
    history = fit(Slow(), [[1.0]] * 20, [2.0] * 20, loss=mse, epochs=1000, **options)
    assert time.process_time() - begin < 5.0
    assert re.fullmatch(r"the time of 0\.08 s was up in epoch \d+", history.stopped)
    assert len(history.loss) < 3


def test_time_is_up_in_compiled_training_too():
    begin, spent = time.monotonic(), time.process_time()
    model, history = halve(True, lr=1e-9, epochs=10**9, stop=Stop(seconds=0.1))
    assert time.monotonic() - begin >= 0.1
    assert time.process_time() - spent < 5.0
    assert history.stopped == f"the time of 0.1 s was up in epoch {len(history.loss) + 1}"
    assert model.w.data < 3.0


@KINDS
def test_stop_may_be_a_function_of_the_history_that_sees_the_model(compiled):
    model = Slope()
    reason = lambda history: f"w is {model.w.data}" if model.w.data < 1.3 else ""
    _, history = halve(compiled, model=model, stop=reason)
    assert history.stopped == "w is 1.25 in epoch 3"
    assert len(history.loss) == 3


def enough(history):
    return len(history.loss) == 2


@KINDS
@pytest.mark.parametrize(
    ("stop", "said"), [(enough, "enough said so in epoch 2"), (lambda h: None, "all 10 epochs done")]
)
def test_function_may_return_true_or_none(compiled, stop, said):
    assert halve(compiled, stop=stop)[1].stopped == said


BAD_STOPS = [
    ({}, ValueError, "^Stop takes a loss or metric to reach, a patience in epochs, or seconds; got none of them$"),
    ({"least": 1.0}, ValueError, "got none of them"),
    ({"patience": 0}, ValueError, "^patience is a whole number of epochs, 1 or more, got 0$"),
    ({"patience": -3}, ValueError, "got -3$"),
    ({"patience": 2.0}, ValueError, "got 2.0$"),
    ({"patience": True}, ValueError, "got True$"),
    ({"patience": 2, "least": -0.1}, ValueError, "^least, by how much .* is 0 or more and finite, got -0.1$"),
    ({"patience": 2, "least": math.nan}, ValueError, "got nan$"),
    ({"seconds": 0}, ValueError, "^seconds is above 0 and finite, got 0$"),
    ({"seconds": -1.0}, ValueError, "got -1.0$"),
    ({"seconds": math.nan}, ValueError, "got nan$"),
    ({"seconds": "60"}, TypeError, "^seconds takes a real number, got a str: '60'"),
    ({"loss": "0.1"}, TypeError, "^loss, which is to be reached, takes a real number, got a str: '0.1'"),
    ({"loss": math.nan}, ValueError, "^loss, which is to be reached, is a number, got nan$"),
    ({"metric": math.nan}, ValueError, "^metric, which is to be reached, is a number, got nan$"),
    ({"metric": [0.9]}, TypeError, r"^metric, .* takes a real number, got a list: \[0.9\]"),
]


@pytest.mark.parametrize(("fields", "error", "message"), BAD_STOPS)
def test_bad_values_of_stop_are_clear_errors(fields, error, message):
    with pytest.raises(error, match=message):
        Stop(**fields)


def test_stops_compare_and_pickle():
    stop = Stop(loss=0.1, patience=5, least=0.01, seconds=9)
    assert pickle.loads(pickle.dumps(stop)) == stop == Stop(loss=0.1, patience=5, least=0.01, seconds=9)
    assert repr(stop) == "Stop(loss=0.1, metric=None, patience=5, least=0.01, seconds=9)"


BAD_OPTIONS = [
    ({"stop": 5}, TypeError, r"^stop is a Stop, such as Stop\(patience=5\), or a function of the history, got 5$"),
    (
        {"stop": Stop},
        TypeError,
        r"^stop is a Stop, such as Stop\(patience=5\), or a function of the history, got <class",
    ),
    ({"callbacks": print}, TypeError, "^callbacks is a list of functions of the history, got <built-in"),
    ({"callbacks": [None]}, TypeError, r"^callbacks is a list of functions of the history, got \[None\]$"),
    ({"callbacks": None}, TypeError, "^callbacks is a list of functions of the history, got None$"),
    (
        {"metric": "accuracy"},
        TypeError,
        "^metric is a function of outputs and targets, None or 'auto', got 'accuracy'$",
    ),
    ({"max_norm": 0.0}, ValueError, "^max_norm is above 0 and finite, got 0.0$"),
    ({"max_norm": -1}, ValueError, "^max_norm is above 0 and finite, got -1$"),
    ({"max_norm": math.inf}, ValueError, "^max_norm is above 0 and finite, got inf$"),
    ({"max_norm": "1"}, TypeError, "^max_norm takes a real number, got a str"),
    (
        {"restore_best": True},
        ValueError,
        "^restore_best compares losses on held-out examples; give them as validation$",
    ),
    ({"validation": 0.0}, ValueError, "^validation is a share between 0 and 1, or a pair like .X, y., got 0.0$"),
    ({"validation": 1.0}, ValueError, "got 1.0$"),
    ({"validation": 1}, ValueError, "got 1$"),
    ({"validation": math.nan}, ValueError, "got nan$"),
    ({"validation": "0.2"}, ValueError, "got '0.2'$"),
    ({"validation": ([[1.0]],)}, ValueError, "or a pair like"),
    ({"validation": ([[1.0]], [1.0, 2.0])}, ValueError, "^validation has one target for each example, .* got 1 and 2$"),
    ({"validation": ([], [])}, ValueError, "at least one, got 0 and 0$"),
    ({"validation": 0.01}, ValueError, "^validation=0.01 of 3 examples leaves none to train on, or none to hold out$"),
    ({"validation": 0.99}, ValueError, "leaves none to train on"),
    ({"X": {"a": 1}}, TypeError, "^fit takes examples and targets in sequences, got a dict; write list"),
    ({"X": (x for x in LINE_X)}, TypeError, "got a generator; write list"),
    ({"y": 3.0}, TypeError, "got a float"),
]


@pytest.mark.parametrize("compiled", ["auto", False])
@pytest.mark.parametrize(("options", "error", "message"), BAD_OPTIONS)
def test_bad_options_are_clear_errors_before_anything_happens(options, error, message, compiled):
    model = MLP(1, [1], seed=1)
    before = model.state_dict()
    given = {"X": LINE_X, "y": LINE_Y, **options}
    with pytest.raises(error, match=message):
        fit(model, given.pop("X"), given.pop("y"), loss=mse, epochs=3, compiled=compiled, **given)
    assert model.state_dict() == before


# The best parameters


class Zigzag:
    """A schedule under which the slope comes close to 1 in the fourth step, and leaves again."""

    RATES = (0.25, 0.25, 0.25, 0.48, 1.5, 1.2, 1.7, 1.0)

    def __call__(self, t):
        return self.RATES[t % len(self.RATES)]


@KINDS
def test_best_parameters_are_those_after_the_epoch_of_the_smallest_validation_loss(compiled):
    seen = []
    model = Slope()
    options = {"model": model, "lr": Zigzag(), "epochs": 8, "validation": ([[1.0]], [1.0])}
    _, history = halve(compiled, callbacks=[lambda h: seen.append(model.w.data)], restore_best=True, **options)
    assert history.best_epoch == 4 == history.validation_loss.index(min(history.validation_loss)) + 1
    assert model.w.data == seen[3] != seen[-1]
    assert (model.w.data - 1.0) ** 2 == history.validation_loss[3]
    assert history.stopped == "all 8 epochs done; the parameters are those after epoch 4"
    assert len(history.loss) == 8


@KINDS
def test_best_parameters_come_back_after_an_interrupt(compiled):
    def interrupt(history):
        if len(history.loss) == 6:
            raise KeyboardInterrupt

    options = {"lr": Zigzag(), "validation": ([[1.0]], [1.0]), "restore_best": True, "callbacks": [interrupt]}
    model, history = halve(compiled, **options)
    assert (model.w.data - 1.0) ** 2 == min(history.validation_loss) == history.validation_loss[3]
    assert history.stopped == "interrupted in epoch 6; the parameters are those after epoch 4"


@KINDS
def test_best_parameters_come_back_after_a_loss_that_is_not_finite(compiled):
    options = {"lr": lambda t: 0.25 if t < 3 else 1e80, "validation": ([[1.0]], [1.0]), "restore_best": True}
    model, history = halve(compiled, **options)
    assert model.w.data == slope_after(3)
    assert re.fullmatch(
        r"the loss became inf in epoch [56]; first of all, x \*\* 2 is .*; try a smaller learning rate; "
        r"the parameters are those after epoch 3",
        history.stopped,
    )


@KINDS
def test_best_parameters_come_back_after_an_error(compiled):
    class FailureError(Exception):
        pass

    def fail(history):
        if len(history.loss) == 6:
            raise FailureError

    model = Slope()
    with pytest.raises(FailureError):
        halve(compiled, model=model, lr=Zigzag(), validation=([[1.0]], [1.0]), restore_best=True, callbacks=[fail])
    expected = Slope()
    halve(compiled, model=expected, lr=Zigzag(), epochs=4)
    assert model.w.data == expected.w.data


@KINDS
def test_no_epoch_has_a_best(compiled):
    def interrupt(outputs, targets):
        raise KeyboardInterrupt

    model, history = halve(compiled, metric=interrupt, validation=([[1.0]], [1.0]), restore_best=True)
    assert (model.w.data, history.stopped, history.best_epoch) == (3.0, "interrupted in epoch 1", None)


@KINDS
def test_first_of_equally_good_epochs_is_the_best(compiled):
    model, history = halve(compiled, lr=1.0, epochs=4, validation=([[1.0]], [1.0]), restore_best=True)
    assert (history.validation_loss, history.best_epoch, model.w.data) == ([4.0] * 4, 1, -1.0)


# Callbacks


@KINDS
def test_callbacks_see_the_parameters_and_the_record_of_their_epoch(compiled):
    model, seen = Slope(), []
    halve(compiled, 4, model=model, callbacks=[lambda h: seen.append((model.w.data, h.loss[-1], len(h.loss)))])
    assert seen == [(slope_after(k), 4.0 / 4 ** (k - 1), k) for k in (1, 2, 3, 4)]


@KINDS
def test_callbacks_are_called_in_their_order_and_see_no_reason_to_stop_yet(compiled):
    calls = []
    first, second = (lambda h, name=name: calls.append((name, h.stopped)) for name in "ab")
    halve(compiled, 2, callbacks=(f for f in (first, second)))
    assert calls == [("a", ""), ("b", "")] * 2


@KINDS
def test_callbacks_may_change_the_learning_rate(compiled):
    model = Slope()
    optimizer = SGD(model.parameters(), lr=0.25)

    def freeze(history):
        if len(history.loss) == 2:
            optimizer.lr = 1e-300

    halve(compiled, 5, model=model, optimizer=optimizer, callbacks=[freeze])
    assert model.w.data == slope_after(2)


@KINDS
def test_callbacks_may_change_parameters(compiled):
    model = Slope()

    def jump(history):
        if len(history.loss) == 2:
            model.w.data = 9.0

    _, history = halve(compiled, 4, model=model, callbacks=[jump])
    assert history.loss == [4.0, 1.0, 64.0, 16.0]
    assert model.w.data == 3.0


@KINDS
def test_what_an_interrupted_callback_has_changed_stays(compiled):
    model = Slope()

    def jump(history):
        model.w.data = 9.0
        raise KeyboardInterrupt

    _, history = halve(compiled, model=model, callbacks=[jump])
    assert (model.w.data, history.stopped, len(history.loss)) == (9.0, "interrupted in epoch 1", 1)


@KINDS
def test_error_in_a_callback_is_passed_on_and_keeps_what_was_learned(compiled):
    model = Slope()
    with pytest.raises(ZeroDivisionError):
        halve(compiled, model=model, callbacks=[lambda h: 1 / (3 - len(h.loss))])
    assert model.w.data == slope_after(3)


# Ctrl-C


def interrupt_once(monkeypatch, owner, name, call=3, before=True):
    """Let the call of this number be interrupted, at its beginning or at its end."""
    real, calls = getattr(owner, name), []

    def interrupted(*args, **keywords):
        calls.append(name)
        if len(calls) == call and before:
            raise KeyboardInterrupt
        found = real(*args, **keywords)
        if len(calls) == call:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(owner, name, interrupted)
    return calls


STEP = ["_differentiated", "_updated", "_evaluated", "_judged", "_step", "snapshot", "write", "read", "restore"]
TRIAL = ["look_at", "look_at_targets"]
MOMENTS = [
    *[(EagerSteps, moment, False) for moment in STEP],
    *[(EagerSteps, moment, True) for moment in TRIAL],
    *[(CompiledSteps, moment, True) for moment in [*STEP, "data", "check"]],
]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", [1, 2, 4, 7])  # the seventh write is the last
@pytest.mark.parametrize(("kind", "moment", "compiled"), MOMENTS)
def test_interrupt_at_any_moment_leaves_a_whole_number_of_steps(monkeypatch, kind, moment, compiled, call, before):
    model = Slope()
    optimizer = SGD(model.parameters(), lr=0.25, momentum=0.5)
    reference = Slope()
    path = [(3.0, [0.0])]
    other = SGD(reference.parameters(), lr=0.25, momentum=0.5)
    fit(
        reference,
        [[1.0]],
        [1.0],
        loss=mse,
        optimizer=other,
        epochs=6,
        compiled=compiled,
        callbacks=[lambda h: path.append((reference.w.data, list(other.state["velocity"])))],
    )
    interrupt_once(monkeypatch, kind, moment, call, before)
    enabled = gc.isenabled()
    gc.enable()
    try:
        history = fit(
            model,
            [[1.0]],
            [1.0],
            loss=mse,
            optimizer=optimizer,
            epochs=6,
            validation=([[1.0]], [1.0]),
            callbacks=[lambda h: None],
            metric=lambda outputs, targets: 1.0,
            compiled=compiled,
        )
        assert gc.isenabled()
    finally:
        (gc.enable if enabled else gc.disable)()
    assert re.fullmatch(r"interrupted in epoch \d|all 6 epochs done", history.stopped)
    assert (model.w.data, list(optimizer.state["velocity"])) == path[optimizer.steps]
    assert optimizer.steps - len(history.loss) in (0, 1)


@KINDS
@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_interrupt_between_the_assignments_of_an_eager_step_takes_it_back(monkeypatch, at, compiled):
    class Nervous(SGD):
        def rule(self, lr, t):
            formula, count = super().rule(lr, t), []

            def update(p, g, v):
                count.append(p)
                if t == 3 and len(count) > at:
                    raise KeyboardInterrupt
                return formula(p, g, v)

            return update

        def _remember(self, state):
            super()._remember(state)
            if self.steps == 3 and at == 3:
                raise KeyboardInterrupt

    model, reference = MLP(2, [1], seed=1), MLP(2, [1], seed=1)
    optimizer = Nervous(model.parameters(), lr=0.1, momentum=0.5)
    expected = SGD(reference.parameters(), lr=0.1, momentum=0.5)
    history = fit(model, XOR, SIGNS, loss=mse, optimizer=optimizer, compiled=compiled)
    fit(reference, XOR, SIGNS, loss=mse, optimizer=expected, epochs=2, compiled=compiled)
    if compiled and at in (1, 2):
        return  # one call of update is all there is
    assert history.stopped == "interrupted in epoch 3"
    assert model.state_dict() == reference.state_dict()
    assert optimizer.steps == 2
    assert list(optimizer.state["velocity"]) == list(expected.state["velocity"])


SIGNALLED = """
import gc, sys
sys.path[:0] = {path!r}
from nn import MLP, Adam, fit, hinge, mse
model = MLP(2, [6, 1], "tanh", seed=1)
X, y = [[i / 9, j / 9] for i in range(10) for j in range(10)], [(i - j) / 9 for i in range(10) for j in range(10)]
optimizer = Adam(model.parameters(), lr=0.01)
seen = []
options = dict(loss=mse, batch_size=30, seed=1, compiled={compiled}, validation=(X[:9], y[:9]), restore_best={best})
options |= dict(metric=lambda o, t: 0.5, callbacks=[lambda h: seen.append((model.state_dict(), optimizer.steps))])
print("go", flush=True)
history = fit(model, X, y, optimizer=optimizer, epochs=10**9, **options)
assert gc.isenabled()
assert history.stopped.startswith("interrupted in epoch "), history.stopped
found, steps = model.state_dict(), optimizer.steps
assert all(abs(x) < 1e9 for x in found.values())
assert len(history.validation_loss) == len(history.loss) == len(history.metric) >= len(seen)
if {best} and history.loss:
    best = history.best_epoch - 1
    assert best >= len(seen) or found == seen[best][0]
elif seen:
    assert steps >= seen[-1][1] == 4 * len(seen)
    assert (steps == seen[-1][1]) == (found == seen[-1][0])
print("done", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a signal is not sent to a process alone")
@pytest.mark.parametrize(("compiled", "best"), [(True, False), (True, True), (False, False)])
def test_real_ctrl_c_at_random_moments_returns_a_history(compiled, best):
    program = SIGNALLED.format(path=[p for p in sys.path if p], compiled=compiled, best=best)
    for number in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # whoever runs us may ignore it, as nohup
        )
        try:
            assert process.stdout.readline() == "go\n"
            time.sleep(0.003 + 0.0171 * number**2)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
        finally:
            process.kill()
            process.wait()
        assert (out, err) == ("done\n", "")


# Validation as a share


@KINDS
def test_share_is_held_out_by_the_seed(compiled):
    X, y = [[float(i)] for i in range(10)], [float(i) for i in range(10)]
    held = {}

    def run(seed):
        seen = []

        def spy(outputs, targets):
            seen.append(tuple(targets))
            return 0.0

        options = {"validation": 0.3, "batch_size": 4, "epochs": 2, "seed": seed, "metric": spy, "compiled": compiled}
        history = fit(Slope(0.0), X, y, loss=mse, optimizer=SGD([Value(0.0)]), **options)
        assert [len(targets) for targets in seen] == [4, 3, 3] * 2
        assert seen[2] == seen[5] == tuple(sorted(seen[2]))
        assert sorted(seen[0] + seen[1] + seen[2]) == y
        assert history.validation_loss == [sum(t * t for t in seen[2]) / 3] * 2
        return seen

    held = [run(seed)[2] for seed in range(5)]
    assert len(set(held)) > 1
    assert run(1) == run(1)


@pytest.mark.parametrize("share", [0.25, np.float64(0.25), np.float32(0.25)])
def test_share_may_be_a_number_of_numpy(share):
    history = fit(MLP(2, [1], seed=1), np.array(XOR), np.array(SIGNS), loss=hinge, epochs=2, validation=share)
    assert len(history.validation_accuracy) == 2
    assert set(history.validation_accuracy) <= {0.0, 1.0}


@KINDS
@pytest.mark.parametrize("pair", [tuple, list])
def test_validation_is_a_pair(pair, compiled):
    _, history = halve(compiled, 2, validation=pair([np.array([[2.0]]), np.array([2.0])]))
    assert history.validation_loss == [4.0, 1.0]


# History


def test_history_remembers_norms_of_each_layer_by_hand():
    class Two(Module):
        def __init__(self):
            self.first, self.blocks = Slope(3.0), [Slope(1.0), Slope(2.0)]

        def forward(self, x):
            return self.first([self.blocks[0](x)]) + self.blocks[1](x)

    for compiled in (True, False):
        model = Two()
        optimizer = SGD(model.parameters(), lr=1e-300)
        options = {"optimizer": optimizer, "epochs": 2, "batch_size": 1, "gradient_norms": True, "compiled": compiled}
        history = fit(model, [[1.0], [2.0]], [0.0, 0.0], loss=mse, **options)
        # The output is 5 x, the loss 25 x², its derivative by the output 10 x: by the slopes 10 x · (x, 3 x, x).
        assert history.gradient_norms == {"first": [25.0] * 2, "blocks.0": [75.0] * 2, "blocks.1": [25.0] * 2}


@KINDS
def test_norms_are_of_the_parameters_the_optimizer_holds(compiled):
    model = MLP(2, [3, 1], seed=1)
    optimizer = SGD(model.layers[1].parameters())
    history = fit(model, XOR, SIGNS, loss=mse, optimizer=optimizer, epochs=3, gradient_norms=True, compiled=compiled)
    assert list(history.gradient_norms) == ["layers.1"]
    assert len(history.gradient_norms["layers.1"]) == 3


@KINDS
def test_clipped_steps_have_the_length_they_may_have(compiled):
    model = Slope(101.0)
    options = {"model": model, "max_norm": 2.0, "lr": 0.5, "gradient_norms": True}
    _, history = halve(compiled, 3, **options)
    assert model.w.data == pytest.approx(98.0, abs=1e-6)
    assert history.gradient_norms == {"w": pytest.approx([200.0, 198.0, 196.0], rel=1e-7)}


def test_histories_compare_copy_pickle_and_go_into_json():
    model = MLP(2, [4, 1], seed=1)
    history = fit(model, XOR, SIGNS, loss=hinge, epochs=3, validation=(XOR, SIGNS), gradient_norms=True)
    for other in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history)):
        assert other == history
        assert (repr(other), other.compiled, other.accuracy) == (repr(history), True, history.accuracy)
    changed = copy.deepcopy(history)
    changed.loss[0] += 1e-12
    assert changed != history
    assert json.loads(json.dumps(vars(history)))["loss"] == history.loss


def test_accuracy_is_another_name_of_the_metric_where_it_is_one():
    history = History(loss=[1.0], metric=[0.5], validation_loss=[2.0], validation_metric=[0.25])
    assert history.accuracy is history.metric
    assert history.validation_accuracy is history.validation_metric
    other = History(loss=[1.0], metric=[0.5], validation_metric=[0.25], metric_name="recall")
    assert (other.accuracy, other.validation_accuracy) == ([], [])
    assert repr(other) == "History(1 epoch, loss 1, recall 0.5, validation_recall 0.25, stopped: )"


def test_metric_called_loss_hides_no_loss():
    history = History(loss=[1.0], metric=[0.5], metric_name="loss")
    assert history.latest() == "loss 1, metric 0.5"


@pytest.mark.parametrize(
    ("losses", "best"),
    [([], None), ([2.0], 1), ([2.0, 1.0, 1.0], 2), ([math.nan, 2.0, 1.0], 3), ([math.nan], None), ([math.inf, 5.0], 2)],
)
def test_best_epoch_is_the_first_with_the_smallest_loss(losses, best):
    assert History(loss=losses).best_epoch == best
    assert History(loss=[0.0] * len(losses), validation_loss=losses).best_epoch == (best if losses else None)


def test_score_is_a_pair_whose_metric_is_the_accuracy_too():
    score = Score(0.5, 0.75)
    assert (score.loss, score.metric, score.accuracy) == (0.5, 0.75, 0.75)
    assert tuple(score) == (0.5, 0.75)
    assert Score(1.0, None).accuracy is None


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (accuracy, "accuracy"),
        (enough, "enough"),
        (lambda o, t: 0.0, "metric"),
        (None, "accuracy"),
        ("auto", "accuracy"),
    ],
)
def test_metric_has_the_name_of_its_function(metric, name):
    found = fit(MLP(2, [1], seed=1), XOR, SIGNS, loss=mse, epochs=0, metric=metric)
    assert found.metric_name == name


# Progress


class Drawn(types.SimpleNamespace):
    """What tqdm does, with a clock of its own."""

    def __init__(self):
        super().__init__(shown=[], updates=0, closed=False)

    def set_postfix_str(self, text, refresh=True):
        self.shown.append((text, refresh))

    def update(self, count=1):
        self.updates += 1

    def close(self):
        self.closed = True


def test_bar_moves_in_the_middle_of_long_epochs_but_not_too_often(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("nn.training.progress.time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    drawn = Drawn()
    with Bar(drawn) as shown:
        for batch in range(1, 1001):
            clock[0] += 0.01
            shown.step(batch, 1000)
        shown.advance("loss 0.5")
        clock[0] += 1.0
        shown.step(1, 1000)
    texts = [text for text, refresh in drawn.shown if refresh]
    assert 40 <= len(texts) <= 51  # ten seconds: a few times a second
    assert texts[0] == "batch 20 of 1000"
    assert texts[-1] == "loss 0.5, batch 1 of 1000"
    assert ("loss 0.5", False) in drawn.shown
    assert (drawn.updates, drawn.closed) == (1, True)


def test_progress_shows_what_is_known_of_each_measure():
    assert History(loss=[0.5], validation_loss=[0.6]).progress() == "loss 0.5 (0.6)"
    assert History(loss=[0.5], validation_metric=[0.75]).progress() == "loss 0.5, accuracy  (0.75)"


@pytest.mark.parametrize("notebook", [True, False])
def test_bar_has_its_layout_on_terminals_and_that_of_tqdm_in_notebooks(notebook, monkeypatch):
    asked = []
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=lambda **options: asked.append(options)))
    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(isatty=lambda: True))
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert type(bar(9, shown=True)) is Bar
    assert asked == [{"total": 9, "unit": "epoch", **({} if notebook else {"bar_format": LAYOUT})}]


@pytest.mark.parametrize("name", ["step", "advance", "__exit__"])
def test_bar_that_shows_nothing_takes_what_the_other_takes(name):
    assert inspect.signature(getattr(NoBar, name)) == inspect.signature(getattr(Bar, name))


def test_bar_advances_by_one_or_by_so_many():
    drawn = Drawn()
    drawn.update = lambda count: drawn.shown.append(count)
    Bar(drawn).advance("loss 0.5")
    Bar(drawn).advance("loss 0.4", 3)
    assert [count for count in drawn.shown if isinstance(count, int)] == [1, 3]


def test_bar_costs_little():
    for shown in (NoBar(), Bar(Drawn())):
        begin = time.process_time()
        for _ in range(20_000):
            shown.step(1, 2)
        assert (time.process_time() - begin) / 20_000 < 50e-6


def test_bar_of_short_epochs_is_drawn_by_tqdm_now_and_then(monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    halve(True, 3000, lr=1e-9)
    shown = sys.stderr.getvalue()
    assert "3000/3000" in shown
    assert "loss 4" in shown
    assert shown.count("\r") < 100


# What is left


@KINDS
def test_history_is_not_done_before_it_is(compiled):
    def fail(history):
        assert history.stopped == ""

    assert halve(compiled, 2, callbacks=[fail])[1].stopped == "all 2 epochs done"


def test_compiled_training_leaves_the_collector_nothing_but_its_program():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        halve(True, 2)
    assert training.fit is fit
    model = MLP(2, [3], seed=1)
    history = fit(model, XOR, [0, 1, 2, 0], loss=cross_entropy, optimizer=Adam(model.parameters()), epochs=2)
    assert all(type(x) is float for x in [*history.loss, *history.metric])
    loss = lambda outputs, targets: mean(o for o in outputs)
    assert fit(MLP(2, [1], seed=1), XOR, SIGNS, loss=loss, epochs=1).compiled


def test_loss_that_is_no_function_is_an_error():
    for ask in (fit, evaluate):
        with pytest.raises(TypeError, match=r"loss is a function of outputs and targets, such as nn\.mse, got 'mse'"):
            ask(MLP(1, [1]), [[1.0]], [1.0], loss="mse")
