"""What ends training, what it leaves behind, and what it tells: Stop, callbacks, the best parameters, the history."""

import copy
import functools
import gc
import inspect
import itertools
import json
import math
import pickle
import re
import sys
import time
import types

import numpy as np
import pytest

from autograd import Value, dot, exp, fsum, log, mean, operation
from nn import MLP, SGD, Adam, History, Layer, Module, Stop, accuracy, cross_entropy, evaluate, fit, hinge, mse
from nn.training.compiled_stepping import CompiledSteps
from nn.training.history import Score
from nn.training.progress import INTERVAL, LAYOUT, Bar, NoBar, bar
from nn.training.stepping import EagerSteps
from tests.errors import error_of
from tests.nn.training import small
from tests.nn.training.small import BOTH_WAYS, LINE, TEN, XOR, FailureError, Slope, halve, idle, slope_after

HELD_OUT = ([[1.0]], [1.0])


# Stop


def closeness(outputs, targets):
    return 1.0 - abs(outputs[0] - targets[0])


def enough(history):
    return len(history.loss) == 2


CLOSE = {"stop": Stop(metric=0.75), "metric": closeness}


STOPS = [  # options, losses, and the reason
    ({"stop": Stop(loss=0.25)}, [4.0, 1.0, 0.25], "the loss reached 0.25"),
    ({"stop": Stop(loss=0.25), "validation": ([[2.0]], [2.0])}, [4.0, 1.0, 0.25], "the validation loss reached 0.25"),
    ({**CLOSE}, [4.0, 1.0, 0.25, 0.0625], "the closeness reached 0.75"),
    ({**CLOSE, "validation": HELD_OUT}, [4.0, 1.0, 0.25], "the validation closeness reached 0.75"),
    ({"stop": Stop(patience=4), "lr": 1.0}, [4.0] * 5, "no progress of the loss for 4 epochs"),  # from 3 to -1 and back
    ({"stop": enough}, [4.0, 1.0], "enough said so"),
    ({"stop": lambda h: np.mean(h.loss) < 3.0}, [4.0, 1.0], "stop said so"),
    ({"stop": functools.partial(enough)}, [4.0, 1.0], "stop said so"),
    ({"stop": lambda h: f"{len(h.loss)} are enough" * enough(h)}, [4.0, 1.0], "2 are enough"),
    ({"stop": lambda h: None, "epochs": 3}, [4.0, 1.0, 0.25], None),
]


@BOTH_WAYS
@pytest.mark.parametrize(("options", "losses", "reason"), STOPS)
def test_training_stops_where_it_is_asked_to_and_says_why(compiled, options, losses, reason):
    model, history = halve(compiled, **options)
    assert history.loss == losses
    assert history.stopped == (f"{reason} in epoch {len(losses)}" if reason else f"all {len(losses)} epochs done")
    assert model.w.data == (-1.0 if "lr" in options else slope_after(len(losses)))
    if "metric" in options:
        assert history.metric == [-1.0, 0.0, 0.5, 0.75][: len(losses)]


def test_patience_of_one_epoch_is_said_in_the_singular():
    assert halve(False, stop=Stop(patience=1), lr=1.0)[1].stopped == "no progress of the loss for 1 epoch in epoch 2"


@BOTH_WAYS
def test_function_of_the_history_sees_the_model_and_a_classifier_stops_by_its_accuracy(compiled):
    model = Slope()
    _, history = halve(compiled, model=model, stop=lambda h: f"w is {model.w.data}" if model.w.data < 1.3 else "")
    assert (history.stopped, len(history.loss)) == ("w is 1.25 in epoch 3", 3)
    history = fit(MLP(2, [8, 1], seed=1), *XOR, loss=hinge, epochs=500, stop=Stop(metric=1.0), compiled=compiled)
    assert re.fullmatch(r"the accuracy reached 1 in epoch \d+", history.stopped)
    assert history.accuracy[-1] == 1.0 > max(history.accuracy[:-1])


SLOW, NAN, INF = [10 - 0.4 * i for i in range(20)], math.nan, math.inf
LASTS = [  # losses of the epochs, and after which one training stops
    (Stop(patience=2), [5, 4, 4.5, 3, 3.5, 3, 2], 6),  # counted from the best
    (Stop(patience=3), [5, 4, 4.5, 3, 3.5, 3, 2], None),
    *((Stop(patience=1), losses, count) for losses, count in (([1, 1], 2), ([5, 4, 3, 2, 1], None))),
    (Stop(patience=3, least=1.0), SLOW, None),  # two epochs bring 0.8, three 1.2 since the last progress
    *((Stop(patience=2, least=1.0), SLOW, 3), (Stop(patience=2), SLOW, None)),
    *((Stop(patience=3, least=0.5), losses, n) for losses, n in (([10, 9.5, 9, 8.4], None), ([10, 9.5, 9.5, 9.5], 4))),
    *((Stop(patience=2), losses, n) for bad in (NAN, INF) for losses, n in (([1, bad, bad], 3), ([bad] * 2, 2))),
    *((Stop(loss=1.0), [bad, bad], None) for bad in (NAN, INF)),
]


def test_patience_counts_epochs_since_the_last_progress():
    for stop, losses, wanted in LASTS:
        counts = [count for count in range(1, len(losses) + 1) if stop(History(loss=losses[:count]))]
        assert min(counts, default=None) == wanted, (stop, losses)


class Slow(Slope):
    """A model that takes its time, eagerly."""

    def forward(self, x):
        time.sleep(0.01)
        return super().forward(x)


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


REACHED = "which is to be reached,"
BAD_STOPS = [
    ({}, "^ValueError: Stop takes a loss or metric to reach, a patience in epochs, or seconds; got none of them$"),
    ({"least": 1.0}, "^ValueError: .*got none of them"),
    *(({"patience": n}, f"^ValueError: patience is a whole .*, 1 or more, got {n}$") for n in (0, -3)),
    *(({"patience": n}, f"^TypeError: patience is a whole .*, 1 or more, got a .*: {n}") for n in (2.0, True)),
    *(({"patience": 2, "least": d}, f"^ValueError: least, .* is 0 or more .* got {d}$") for d in (-0.1, NAN)),
    *(({"seconds": s}, f"^ValueError: seconds is above 0 and finite, got {s}$") for s in (0, -1.0, NAN)),
    ({"seconds": "60"}, "^TypeError: seconds takes a real number, got a str: '60'"),
    *(({name: NAN}, f"^ValueError: {name}, {REACHED} is a number, got nan$") for name in ("loss", "metric")),
    ({"loss": "0.1"}, f"^TypeError: loss, {REACHED} takes a real number, got a str: '0.1'"),
    ({"metric": [0.9]}, rf"^TypeError: metric, {REACHED} takes a real number, got a list: \[0.9\]"),
]


def test_bad_values_of_stop_are_clear_errors_and_good_ones_compare_and_pickle():
    for fields, message in BAD_STOPS:
        assert re.search(message, error_of(Stop, **fields)), fields
    stop = Stop(loss=0.1, patience=5, least=0.01, seconds=9)
    assert pickle.loads(pickle.dumps(stop)) == stop == Stop(loss=0.1, patience=5, least=0.01, seconds=9)
    assert repr(stop) == "Stop(loss=0.1, metric=None, patience=5, least=0.01, seconds=9)"


ONE_TARGET_EACH = "^ValueError: fit takes one target for each example, and at least one, got"
NO_STOP = r"^TypeError: stop is a Stop, such as Stop\(patience=5\), or a function of the history, got"
NO_SHARE = "validation is a share between 0 and 1, or a pair like .X, y."
NO_CALLBACKS = "^TypeError: callbacks is a list of functions of the history, got"
EPOCHS = "epochs is a whole number of epochs, 0 or more, got"
SIZE = "batch_size is a whole number of examples, 1 or more, got"
FUNCTIONS, NO_FUNCTIONS = ("loss", "metric", "penalty", "stop"), (object, Stop, SGD, MLP, "text", 0.1)
BAD_OPTIONS = [
    *(({"stop": 5}, f"{NO_STOP} 5$"), ({"stop": Stop}, f"{NO_STOP} <class")),
    ({"callbacks": print}, f"{NO_CALLBACKS} <built-in"),
    *(({"callbacks": c}, f"{NO_CALLBACKS} {re.escape(str(c))}$") for c in (None, [None], 0.1)),
    *(({"callbacks": c}, NO_CALLBACKS) for c in (object, "")),
    *(({"callbacks": [wrong]}, "^TypeError: callbacks is a .*, got ") for wrong in NO_FUNCTIONS),
    *(({option: wrong}, f"^TypeError: {option} is a .*, got ") for option in FUNCTIONS for wrong in NO_FUNCTIONS),
    ({"metric": "accuracy"}, "^TypeError: metric is a function of .*, None or 'auto', got 'accuracy'$"),
    ({"loss": "mse"}, r"^TypeError: loss is a function of outputs and targets, such as nn\.mse, got 'mse'"),
    *(({"max_norm": most}, f"^ValueError: max_norm is above 0 and finite, got {most}$") for most in (0.0, -1, INF)),
    ({"max_norm": "1"}, "^TypeError: max_norm takes a real number, got a str"),
    ({"restore_best": True}, "^ValueError: restore_best compares losses on held-out examples; .* as validation$"),
    *(({"validation": v}, f"^ValueError: {NO_SHARE}, got {v!r}$") for v in (0.0, 1.0, 1, NAN, "0.2")),
    ({"validation": ([[1.0]],)}, f"^ValueError: {NO_SHARE}"),
    ({"validation": ([[1.0]], [1.0, 2.0])}, "^ValueError: validation has one target for each .* got 1 and 2$"),
    ({"validation": ([], [])}, "^ValueError: .*at least one, got 0 and 0$"),
    ({"validation": 0.01}, "^ValueError: validation=0.01 of 3 examples leaves none to train on, or none to hold out$"),
    ({"validation": 0.99}, "^ValueError: .*leaves none to train on"),
    *(({"epochs": -1}, f"^ValueError: {EPOCHS} -1$"), ({"batch_size": 0}, f"^ValueError: {SIZE} 0$")),
    ({"batch_size": -2, "epochs": 1}, f"^ValueError: {SIZE} -2$"),
    *(({"epochs": n}, f"^TypeError: {EPOCHS} a {type(n).__name__}: {n!r}") for n in (10.0, "10")),
    *(({"batch_size": n}, f"^TypeError: {SIZE} a {type(n).__name__}: {n!r}") for n in (2.5, "2")),
    ({"compiled": "yes"}, "^ValueError: compiled is True, False or 'auto', got 'yes'$"),
    ({"compiled": None, "epochs": 0}, "^ValueError: compiled is True, False or 'auto', got None$"),
    ({"X": {"a": 1}}, "^TypeError: fit takes examples and targets in sequences, got a dict; write list"),
    ({"X": iter(LINE[0])}, "^TypeError: .*got a list_iterator; write list"),
    ({"y": 3.0}, "^TypeError: .*got a float"),
    *(({"y": [1.0]}, f"{ONE_TARGET_EACH} 3 and 1$"), ({"X": [], "y": []}, f"{ONE_TARGET_EACH} 0 and 0$")),
    ({"X": [], "y": [1.0]}, f"{ONE_TARGET_EACH} 0 and 1$"),
    ({"loss": cross_entropy, "y": [0, 1, 1]}, "^TypeError: cross_entropy takes a sequence of logits"),
]


@pytest.mark.parametrize("compiled", ["auto", False])
def test_bad_options_are_clear_errors_before_anything_happens(compiled):
    for case, message in BAD_OPTIONS:
        model = MLP(1, [1], seed=1)
        options = {"X": LINE[0], "y": LINE[1], "loss": mse, "epochs": 3, "compiled": compiled, **case}
        assert re.search(message, error_of(fit, model, **options)), case
        assert model.state_dict() == MLP(1, [1], seed=1).state_dict(), case
    assert "loss is a function of outputs" in error_of(evaluate, MLP(1, [1]), *LINE, loss="mse")


# The best parameters

RATES = (0.25, 0.25, 0.25, 0.48, 1.5, 1.2, 1.7, 1.0)  # bring the slope close to 1 in the fourth step, and away again


def in_epoch(number, do):
    """Return a callback that does something after one epoch."""
    return lambda history: do() if len(history.loss) == number else None


def interrupt(*arguments):
    raise KeyboardInterrupt


def fail():
    raise FailureError


ZIGZAG = lambda t: RATES[t % len(RATES)]
BEST = {"lr": ZIGZAG, "validation": HELD_OUT, "restore_best": True}


@BOTH_WAYS
def test_best_parameters_are_those_after_the_epoch_of_the_smallest_validation_loss(compiled):
    seen = []
    model = Slope()
    _, history = halve(compiled, 8, model=model, callbacks=[lambda h: seen.append(model.w.data)], **BEST)
    assert history.best_epoch == 4 == history.validation_loss.index(min(history.validation_loss)) + 1
    assert model.w.data == seen[3] != seen[-1]
    assert (model.w.data - 1.0) ** 2 == history.validation_loss[3]
    assert history.stopped == "all 8 epochs done; the parameters are those after epoch 4"
    assert history.kept_epoch == 4
    assert len(history.loss) == 8


@BOTH_WAYS
def test_best_parameters_come_back_after_an_interrupt_an_error_or_a_loss_that_is_not_finite(compiled):
    model, history = halve(compiled, callbacks=[in_epoch(6, interrupt)], **BEST)
    assert (model.w.data - 1.0) ** 2 == min(history.validation_loss) == history.validation_loss[3]
    assert history.stopped == "interrupted in epoch 6; the parameters are those after epoch 4"
    assert history.kept_epoch == 4
    failed = Slope()
    with pytest.raises(FailureError):
        halve(compiled, model=failed, callbacks=[in_epoch(6, fail)], **BEST)
    assert failed.w.data == model.w.data == halve(compiled, 4, lr=ZIGZAG)[0].w.data
    model, history = halve(compiled, **{**BEST, "lr": lambda t: 0.25 if t < 3 else 1e80})
    assert model.w.data == slope_after(3)
    reason = r"the loss became inf in epoch [56]; first of all, x \*\* 2 is .*; try a smaller learning rate; "
    assert re.fullmatch(reason + "the parameters are those after epoch 3", history.stopped)


@BOTH_WAYS
def test_of_no_epoch_there_is_no_best_and_of_equally_good_ones_the_first(compiled):
    model, history = halve(compiled, metric=interrupt, **BEST)
    assert (model.w.data, history.stopped, history.best_epoch) == (3.0, "interrupted in epoch 1", None)
    model, history = halve(compiled, 4, **{**BEST, "lr": 1.0})
    assert (history.validation_loss, history.best_epoch, model.w.data) == ([4.0] * 4, 1, -1.0)


# Callbacks


@BOTH_WAYS
def test_callbacks_see_the_parameters_and_the_record_of_their_epoch_in_their_order(compiled):
    model, seen = Slope(), []
    look = lambda name: lambda h: seen.append((name, model.w.data, h.loss[-1], len(h.loss), h.stopped))
    _, history = halve(compiled, 4, model=model, callbacks=(look(name) for name in "ab"))
    assert seen == [(name, slope_after(k), 4.0 / 4 ** (k - 1), k, "") for k in (1, 2, 3, 4) for name in "ab"]
    assert history.stopped == "all 4 epochs done"


@BOTH_WAYS
def test_callbacks_may_change_rate_and_parameters_and_what_those_that_fail_have_changed_stays(compiled):
    model = Slope()
    optimizer = SGD(model.parameters(), lr=0.25)
    freeze, jump = (lambda: setattr(optimizer, "lr", 1e-300)), (lambda: setattr(model.w, "data", 9.0))
    halve(compiled, 5, model=model, optimizer=optimizer, callbacks=[in_epoch(2, freeze)])
    assert model.w.data == slope_after(2)
    model = Slope()
    _, history = halve(compiled, 4, model=model, callbacks=[in_epoch(2, jump)])
    assert (history.loss, model.w.data) == ([4.0, 1.0, 64.0, 16.0], 3.0)
    model = Slope()
    _, history = halve(compiled, model=model, callbacks=[in_epoch(2, jump), in_epoch(2, interrupt)])
    assert (model.w.data, history.stopped, len(history.loss)) == (9.0, "interrupted in epoch 2", 2)
    model = Slope()
    with pytest.raises(FailureError):
        halve(compiled, model=model, callbacks=[in_epoch(3, fail)])
    assert model.w.data == slope_after(3)


class Failing(Slope):
    """A slope whose code is wrong from some epoch on: it raises `mistake()`, if there is one."""

    mistake, of = staticmethod(lambda: None), None  # of all examples, or of one

    def forward(self, x):
        if self.of is None or x[0] == self.of:
            self.mistake()
        return super().forward(x)


def chained():
    try:
        return math.log(-1.0)
    except ValueError:
        raise ValueError("temperature must be positive") from None


MISTAKES = {
    "a ValueError": (lambda: int("x"), ValueError, "invalid literal"),
    "one in place of another": (chained, ValueError, "temperature must be positive"),
    "widths": (lambda: Layer(2, 1, seed=1)([1.0]), ValueError, "Layer takes 2 inputs, got 1"),
    "lengths": (lambda: dot([Value(1.0)], []), ValueError, "dot takes sequences of one length"),
    "a target": (lambda: hinge([Value(1.0)], [3.0]), ValueError, "hinge takes targets of -1 or 1"),
    "a division of plain numbers": (lambda: 1 / 0, ZeroDivisionError, "division by zero"),
}


@pytest.mark.parametrize("way", ["compiled", "eager", "held out"])
@pytest.mark.parametrize(("mistake", "kind", "message"), MISTAKES.values(), ids=MISTAKES)
def test_error_of_a_models_code_in_a_later_epoch_is_raised_as_it_is(mistake, kind, message, way):
    model, history = Failing(), []
    model.of = 7.0 if way == "held out" else None
    options = {"validation": ([[7.0]], [1.0])} if way == "held out" else {}
    wrong = in_epoch(2, lambda: setattr(model, "mistake", mistake))
    with pytest.raises(kind, match=message) as raised:
        halve("auto" if way == "compiled" else False, model=model, callbacks=[history.append, wrong], **options)
    assert len(history) == 2
    assert raised.value.__cause__ is None


ARITHMETIC = {
    "log": lambda model: log(model.w - 5.0),
    "division": lambda model: 1.0 / (model.w * 0.0),
    "overflow": lambda model: exp(model.w * 1000.0),
    "own operation": lambda model: operation("own", math.sqrt, lambda y, x: 0.5 / y)(model.w - 5.0),
    "plain overflow": lambda model: math.exp(1000.0),
    "sum": lambda model: fsum([model.w * math.inf, model.w * -math.inf]),
}


@pytest.mark.parametrize("undefined", ARITHMETIC.values(), ids=ARITHMETIC)
def test_error_of_arithmetic_in_a_later_epoch_stops_with_the_reason(undefined):
    model = Failing()
    wrong = lambda: setattr(model, "mistake", lambda: undefined(model))
    _, history = halve(False, model=model, callbacks=[in_epoch(2, wrong)])
    assert len(history.loss) == 2
    assert " in epoch 3; first of all, " in history.stopped


# Ctrl-C


def interrupt_once(monkeypatch, owner, name, call, before):
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


@functools.cache
def path_with_momentum(compiled):
    """Return the slope and the velocity before the first step and after each of six."""
    model, path = Slope(), [(3.0, [0.0])]
    optimizer = SGD(model.parameters(), lr=0.25, momentum=0.5)
    note = lambda h: path.append((model.w.data, list(optimizer.state["velocity"])))
    halve(compiled, 6, model=model, optimizer=optimizer, callbacks=[note])
    return path


STEP = ["_differentiated", "_updated", "_evaluated", "_judged", "_step", "snapshot", "write", "read", "restore"]
TRIAL = ["look_at", "look_at_targets"]
MOMENTS = [(EagerSteps, False, STEP), (EagerSteps, True, TRIAL), (CompiledSteps, True, [*STEP, "data", "check"])]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("kind", "compiled", "moments"), MOMENTS)
def test_interrupt_at_any_moment_leaves_a_whole_number_of_steps(kind, compiled, moments, before):
    for moment, call in itertools.product(moments, (1, 2, 4, 7)):  # the seventh write is the last
        model = Slope()
        optimizer = SGD(model.parameters(), lr=0.25, momentum=0.5)
        options = {"validation": HELD_OUT, "callbacks": [lambda h: None], "metric": lambda outputs, targets: 1.0}
        options |= {"loss": mse, "optimizer": optimizer, "epochs": 6, "compiled": compiled}
        with pytest.MonkeyPatch.context() as monkeypatch, small.collector(True):
            interrupt_once(monkeypatch, kind, moment, call, before)
            history = fit(model, [[1.0]], [1.0], **options)
            assert gc.isenabled()
        case = moment, call, history
        assert re.fullmatch(r"interrupted in epoch \d|all 6 epochs done", history.stopped), case
        assert (model.w.data, list(optimizer.state["velocity"])) == path_with_momentum(compiled)[optimizer.steps], case
        assert optimizer.steps - len(history.loss) in (0, 1), case


@BOTH_WAYS
@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_interrupt_between_the_assignments_of_an_eager_step_takes_it_back(at, compiled):
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
    history = fit(model, *XOR, loss=mse, optimizer=optimizer, compiled=compiled)
    fit(reference, *XOR, loss=mse, optimizer=expected, epochs=2, compiled=compiled)
    if compiled and at in (1, 2):
        return  # one call of update is all there is
    assert history.stopped == "interrupted in epoch 3"
    assert model.state_dict() == reference.state_dict()
    assert optimizer.steps == 2
    assert list(optimizer.state["velocity"]) == list(expected.state["velocity"])


# Validation as a share


@BOTH_WAYS
def test_share_is_held_out_by_the_seed(compiled):
    def run(seed):
        seen = []

        def spy(outputs, targets):
            seen.append(tuple(targets))
            return 0.0

        options = {"validation": 0.3, "batch_size": 4, "epochs": 2, "seed": seed, "metric": spy, "compiled": compiled}
        model = Slope(0.0)
        history = fit(model, *TEN, loss=mse, optimizer=idle(model), **options)
        assert [len(targets) for targets in seen] == [4, 3, 3] * 2
        assert seen[2] == seen[5] == tuple(sorted(seen[2]))
        assert sorted(seen[0] + seen[1] + seen[2]) == TEN[1]
        assert history.validation_loss == [sum(t * t for t in seen[2]) / 3] * 2
        return seen

    assert len({run(seed)[2] for seed in range(5)}) > 1
    assert run(1) == run(1)


def test_share_may_be_a_number_of_numpy_and_a_pair_a_list_of_arrays():
    for share in (0.25, np.float64(0.25), np.float32(0.25)):
        history = fit(MLP(2, [1], seed=1), *map(np.array, XOR), loss=hinge, epochs=2, validation=share)
        assert len(history.validation_accuracy) == 2
        assert set(history.validation_accuracy) <= {0.0, 1.0}
    for pair, compiled in itertools.product([tuple, list], [True, False]):
        _, history = halve(compiled, 2, validation=pair([np.array([[2.0]]), np.array([2.0])]))
        assert history.validation_loss == [4.0, 1.0]


# History


@BOTH_WAYS
def test_history_remembers_norms_of_each_layer_by_hand(compiled):
    class Two(Module):
        def __init__(self):
            self.first, self.blocks = Slope(3.0), [Slope(1.0), Slope(2.0)]

        def forward(self, x):
            return self.first([self.blocks[0](x)]) + self.blocks[1](x)

    model = Two()
    optimizer = SGD(model.parameters(), lr=1e-300)
    options = {"optimizer": optimizer, "epochs": 2, "batch_size": 1, "gradient_norms": True, "compiled": compiled}
    history = fit(model, [[1.0], [2.0]], [0.0, 0.0], loss=mse, **options)
    # The output is 5 x, the loss 25 x², its derivative by the output 10 x: by the slopes 10 x · (x, 3 x, x).
    assert history.gradient_norms == {"first": [25.0] * 2, "blocks.0": [75.0] * 2, "blocks.1": [25.0] * 2}


@BOTH_WAYS
def test_norms_are_of_the_parameters_the_optimizer_holds_before_clipping(compiled):
    model = MLP(2, [3, 1], seed=1)
    optimizer = SGD(model.layers[1].parameters())
    history = fit(model, *XOR, loss=mse, optimizer=optimizer, epochs=3, gradient_norms=True, compiled=compiled)
    assert {name: len(norms) for name, norms in history.gradient_norms.items()} == {"layers.1": 3}
    model, history = halve(compiled, 3, model=Slope(101.0), max_norm=2.0, lr=0.5, gradient_norms=True)
    assert model.w.data == pytest.approx(98.0, abs=1e-6)
    assert history.gradient_norms == {"w": pytest.approx([200.0, 198.0, 196.0], rel=1e-7)}


def test_histories_compare_copy_pickle_go_into_json_and_share_nothing():
    model = MLP(2, [4, 1], seed=1)
    history = fit(model, *XOR, loss=hinge, epochs=3, validation=XOR, gradient_norms=True)
    for other in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history)):
        assert other == history
        assert (repr(other), other.compiled, other.accuracy) == (repr(history), True, history.accuracy)
    changed = copy.deepcopy(history)
    changed.loss[0] += 1e-12
    assert changed != history
    assert json.loads(json.dumps(vars(history)))["loss"] == history.loss
    first, second = History(), History(compiled=True)
    assert first == second  # whether training was compiled does not count
    first.loss.append(1.0)
    assert second.loss == []


def test_history_shows_its_length_the_last_numbers_the_metric_by_its_name_and_the_end():
    history = History([2.0, 1.0], [0.25, 0.5], validation_loss=[2.0], validation_metric=[0.25], stopped="early")
    assert history.accuracy is history.metric
    assert history.validation_accuracy is history.validation_metric
    numbers = "loss 1, accuracy 0.5, validation_loss 2, validation_accuracy 0.25"
    assert repr(history) == f"History(2 epochs, {numbers}, stopped: early)"
    other = History(loss=[1.0], metric=[0.5], validation_metric=[0.25], metric_name="recall")
    assert (other.accuracy, other.validation_accuracy) == ([], [])
    assert repr(other) == "History(1 epoch, loss 1, recall 0.5, validation_recall 0.25, stopped: )"
    assert History(loss=[1.0], metric=[0.5], metric_name="loss").latest() == "loss 1, metric 0.5"  # hides no loss
    assert repr(halve(False, 0)[1]) == "History(0 epochs, stopped: all 0 epochs done)"
    assert History(loss=[0.5], validation_loss=[0.6]).progress() == "loss 0.5 (0.6)"
    assert History(loss=[0.5], validation_metric=[0.75]).progress() == "loss 0.5, accuracy  (0.75)"


def test_best_epoch_is_the_first_with_the_smallest_loss():
    bests = [([], None), ([2.0], 1), ([2.0, 1.0, 1.0], 2), ([NAN, 2.0, 1.0], 3), ([NAN], None), ([INF, 5.0], 2)]
    for losses, best in bests:
        assert History(loss=losses).best_epoch == best
        assert History(loss=[0.0] * len(losses), validation_loss=losses).best_epoch == best


def test_metric_has_the_name_of_its_function_and_in_a_score_that_of_the_accuracy_too():
    names = [(accuracy, "accuracy"), (enough, "enough"), (lambda o, t: 0.0, "metric")]
    for metric, name in [*names, (None, "accuracy"), ("auto", "accuracy")]:
        assert fit(MLP(2, [1]), *XOR, loss=mse, epochs=0, metric=metric).metric_name == name
    score = Score(0.5, 0.75)
    assert (*score, score.loss, score.metric, score.accuracy) == (0.5, 0.75, 0.5, 0.75, 0.75)
    assert Score(1.0, None).accuracy is None


def test_numbers_of_compiled_training_are_floats_and_no_target_is_needed():
    model = MLP(2, [3], seed=1)
    history = fit(model, XOR[0], [0, 1, 2, 0], loss=cross_entropy, optimizer=Adam(model.parameters()), epochs=2)
    assert all(type(x) is float for x in [*history.loss, *history.metric])
    assert fit(MLP(2, [1], seed=1), *XOR, loss=lambda outputs, targets: mean(outputs), epochs=1).compiled


# Progress


class Drawn(types.SimpleNamespace):
    """What tqdm does, with a clock of its own."""

    def __init__(self):
        super().__init__(shown=[], updates=[], closed=False)

    def set_postfix_str(self, text, refresh=True):
        self.shown.append((text, refresh))

    def update(self, count=1):
        self.updates.append(count)

    def close(self):
        self.closed = True


def test_bar_moves_in_the_middle_of_long_epochs_but_not_too_often(monkeypatch):
    clock, drawn = [0.0], Drawn()
    monkeypatch.setattr("nn.training.progress.time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    with Bar(drawn) as shown:
        for now in (0.99 * INTERVAL, INTERVAL):
            clock[0] = now
            shown.step(1, 2)
    assert drawn.shown == [("batch 1 of 2", True)]
    clock[0], drawn = 100.0, Drawn()
    with Bar(drawn) as shown:
        for batch in range(1, 1001):
            clock[0] += 0.01
            shown.step(batch, 1000)
        shown.advance("loss 0.5")
        clock[0] += 1.0
        shown.step(1, 1000)
        shown.advance("loss 0.4", 3)
    texts = [text for text, refresh in drawn.shown if refresh]
    assert 40 <= len(texts) <= 51  # ten seconds: a few times a second
    assert texts[0] == "batch 20 of 1000"
    assert texts[-1] == "loss 0.5, batch 1 of 1000"
    assert ("loss 0.5", False) in drawn.shown
    assert (drawn.updates, drawn.closed) == ([1, 3], True)


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


def test_bar_that_shows_nothing_takes_what_the_other_takes_and_both_cost_little():
    for name in ("step", "advance", "__exit__"):
        assert inspect.signature(getattr(NoBar, name)) == inspect.signature(getattr(Bar, name))
    for shown in (NoBar(), Bar(Drawn())):
        begin = time.process_time()
        for _ in range(5_000):
            shown.step(1, 2)
        assert (time.process_time() - begin) / 5_000 < 50e-6


def test_bar_of_short_epochs_is_drawn_by_tqdm_now_and_then(monkeypatch):
    monkeypatch.setattr(sys, "stderr", small.Terminal())
    halve(True, 3000, lr=1e-9)
    shown = sys.stderr.getvalue()
    assert "3000/3000" in shown
    assert "loss 4" in shown
    assert shown.count("\r") < 100
