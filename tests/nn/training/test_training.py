"""The training loop: what it records, what ends it, and what it leaves as it was."""

import copy
import functools
import gc
import io
import math
import re
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from autograd import Value, sqrt
from nn import MLP, SGD, History, Module, cross_entropy, evaluate, hinge, mse
from nn import fit as fit_somehow

fit = functools.partial(
    fit_somehow, compiled=False
)  # tests/nn/training/test_compiled_training.py compares the other way

XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
SIGNS = [-1, 1, 1, -1]
LINE_X, LINE_Y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]  # y = 2x + 1


class Spy:
    """A loss that remembers each call: the targets, the loss, and whether the garbage collector was on."""

    def __init__(self, loss=mse, fail_after=None, error=KeyboardInterrupt):
        self.loss, self.fail_after, self.error = loss, fail_after, error
        self.targets, self.losses, self.collecting, self.outputs = [], [], [], []

    def __call__(self, outputs, targets):
        self.collecting.append(gc.isenabled())
        if len(self.targets) == self.fail_after:
            raise self.error
        result = self.loss(outputs, targets)
        self.targets.append(list(targets))
        self.losses.append(result.data if isinstance(result, Value) else result)
        self.outputs.append(outputs)
        return result


class Slope(Module):
    """y = w x, so that every step can be computed by hand."""

    def __init__(self, w=0.0):
        self.w = Value(w, label="w")

    def forward(self, x):
        return self.w * x[0]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@contextmanager
def collector(enabled):
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()


def finite(model):
    return all(math.isfinite(number) for number in model.state_dict().values())


def ten_examples():
    return [[float(i)] for i in range(10)], list(range(10))


# What training does


def test_three_epochs_by_hand():
    # loss (w - 1)**2, gradient 2 (w - 1), lr 0.25: the distance to 1 halves with each step.
    model = Slope(w=3.0)
    history = fit(model, [[1.0]], [1.0], loss=mse, optimizer=SGD(model.parameters(), lr=0.25), epochs=3)
    assert history.loss == [4.0, 1.0, 0.25]
    assert model.w.data == 1.25


def test_line_is_found():
    model = MLP(1, [1], seed=1)
    history = fit(model, LINE_X, LINE_Y, loss=mse, epochs=500)
    assert history.loss[-1] < 1e-10
    assert list(model.state_dict().values()) == pytest.approx([2.0, 1.0], abs=1e-4)


def test_xor_is_learned():
    model = MLP(2, [8, 1], seed=1)
    history = fit(model, XOR, SIGNS, loss=hinge, optimizer=SGD(model.parameters(), lr=0.2), epochs=100)
    assert history.accuracy[-1] == 1.0
    assert history.accuracy[0] < 1.0


def test_step_is_taken_on_the_mean_over_the_batch():
    X, y = [[1.0], [2.0], [3.0]], [1.0, 1.0, 1.0]
    one, other = Slope(0.5), Slope(0.5)
    fit(one, X, y, loss=mse, optimizer=SGD(one.parameters(), lr=0.1), epochs=1)
    gradient = sum(2 * (0.5 * x - 1.0) * x for (x,) in X) / 3
    assert one.w.data == pytest.approx(0.5 - 0.1 * gradient, rel=1e-15)
    fit(other, X * 2, y * 2, loss=mse, optimizer=SGD(other.parameters(), lr=0.1), epochs=1)
    assert other.w.data == pytest.approx(one.w.data, rel=1e-15)


def test_gradients_from_before_do_not_count():
    model = Slope(w=3.0)
    model.w.grad = 1000.0
    fit(model, [[1.0]], [1.0], loss=mse, optimizer=SGD(model.parameters(), lr=0.25), epochs=1)
    assert model.w.data == 2.0


def test_optimizer_is_sgd_at_its_own_rate_if_not_given():
    given, default = Slope(3.0), Slope(3.0)
    fit(given, [[1.0]], [1.0], loss=mse, optimizer=SGD(given.parameters()), epochs=3)
    fit(default, [[1.0]], [1.0], loss=mse, epochs=3)
    assert default.w.data == given.w.data


def test_parameters_the_optimizer_does_not_hold_stay():
    model = MLP(2, [3, 1], "tanh", seed=1)
    before = model.state_dict()
    fit(model, XOR, SIGNS, loss=mse, optimizer=SGD(model.layers[1].parameters()), epochs=5)
    after = model.state_dict()
    assert {name for name in after if after[name] != before[name]} == {n for n in before if n.startswith("layers.1.")}


def test_data_may_be_numpy_arrays_and_are_not_changed():
    X, y = np.array(XOR), np.array(SIGNS)
    lists, arrays = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=1)
    first = fit(lists, XOR, SIGNS, loss=hinge, epochs=5, batch_size=3, seed=1)
    second = fit(arrays, X, y, loss=hinge, epochs=5, batch_size=3, seed=1)
    assert first == second
    assert lists.state_dict() == arrays.state_dict()
    assert (X.tolist(), y.tolist()) == (XOR, SIGNS)


def test_training_goes_on_where_it_stopped():
    whole, halves = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=1)
    history = fit(whole, XOR, SIGNS, loss=hinge, epochs=6)
    first = fit(halves, XOR, SIGNS, loss=hinge, epochs=2)
    second = fit(halves, XOR, SIGNS, loss=hinge, epochs=4)
    assert first.loss + second.loss == history.loss
    assert whole.state_dict() == halves.state_dict()


# History


@pytest.mark.parametrize("epochs", [0, 1, 7])
@pytest.mark.parametrize("batch_size", [None, 1, 3, 4, 100])
def test_history_has_one_entry_an_epoch(epochs, batch_size):
    history = fit(MLP(2, [2, 1], seed=1), XOR, SIGNS, loss=hinge, epochs=epochs, batch_size=batch_size, seed=1)
    assert (len(history.loss), len(history.accuracy)) == (epochs, epochs)
    assert (history.validation_loss, history.validation_accuracy) == ([], [])
    assert history.stopped == f"all {epochs} epochs done"


def test_no_epochs_change_nothing():
    model = MLP(2, [2, 1], seed=1)
    before = model.state_dict()
    fit(model, XOR, SIGNS, loss=hinge, epochs=0)
    assert model.state_dict() == before


def test_validation_is_recorded_after_each_epoch():
    model = Slope(w=3.0)
    held_out = ([[2.0], [0.0]], [2.0, 1.0])
    optimizer = SGD(model.parameters(), lr=0.25)
    history = fit(model, [[1.0]], [1.0], loss=mse, optimizer=optimizer, epochs=2, validation=held_out)
    # w is 2 and then 1.5 after the steps; the mean of (2w - 2)**2 and 1 is (4 + 1) / 2 and (1 + 1) / 2.
    assert history.validation_loss == [2.5, 1.0]
    assert history.validation_accuracy == []


def test_validation_changes_neither_the_training_nor_the_gradients():
    plain, watched = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=1)
    first = fit(plain, XOR, SIGNS, loss=hinge, epochs=5, batch_size=2, seed=3)
    second = fit(watched, XOR, SIGNS, loss=hinge, epochs=5, batch_size=2, seed=3, validation=(XOR[:2], SIGNS[:2]))
    assert (first.loss, first.accuracy) == (second.loss, second.accuracy)
    assert plain.state_dict() == watched.state_dict()
    assert [p.grad for p in plain.parameters()] == [p.grad for p in watched.parameters()]
    assert (len(second.validation_loss), len(second.validation_accuracy)) == (5, 5)


@pytest.mark.parametrize("loss", [hinge, cross_entropy])
def test_classifiers_have_accuracies(loss):
    width, y = (1, SIGNS) if loss is hinge else (2, [0, 1, 1, 0])
    history = fit(MLP(2, [4, width], seed=1), XOR, y, loss=loss, epochs=3, validation=(XOR, y))
    assert len(history.accuracy) == len(history.validation_accuracy) == 3
    assert all(share in (0.0, 0.25, 0.5, 0.75, 1.0) for share in history.accuracy + history.validation_accuracy)


def test_regression_has_no_accuracy():
    history = fit(MLP(1, [1], seed=1), LINE_X, LINE_Y, loss=mse, epochs=3, validation=(LINE_X, LINE_Y))
    assert (history.accuracy, history.validation_accuracy) == ([], [])
    assert len(history.validation_loss) == 3


def test_loss_of_an_epoch_is_the_mean_over_its_examples_not_over_its_batches():
    spy = Spy()
    X, y = ten_examples()
    history = fit(Slope(), X, y, loss=spy, optimizer=SGD([Value(0.0)]), epochs=2, batch_size=4, seed=1)
    assert [len(batch) for batch in spy.targets] == [4, 4, 2] * 2
    for epoch, first in enumerate((0, 3)):
        expected = (4 * spy.losses[first] + 4 * spy.losses[first + 1] + 2 * spy.losses[first + 2]) / 10
        assert history.loss[epoch] == pytest.approx(expected, rel=1e-15)
    assert history.loss[0] == pytest.approx(28.5, rel=1e-15)  # nothing was learned: the mean of 0, 1, 4, ..., 81


def test_accuracy_of_an_epoch_is_the_share_of_its_examples():
    model, idle = Slope(w=1.0), SGD([Value(0.0)])
    history = fit(model, [[1.0]] * 5, [1, 1, 1, 1, -1], loss=hinge, optimizer=idle, epochs=1, batch_size=4, seed=1)
    assert history.accuracy == [0.8]


def test_repr_of_a_history_shows_its_length_the_last_numbers_and_the_end():
    history = History([0.5, 0.25], [0.5, 0.75], stopped="all 2 epochs done")
    assert repr(history) == "History(2 epochs, loss 0.25, accuracy 0.75, stopped: all 2 epochs done)"
    assert repr(fit(Slope(), [[1.0]], [1.0], loss=mse, epochs=0)) == "History(0 epochs, stopped: all 0 epochs done)"


def test_histories_do_not_share_their_lists():
    first, second = History(), History()
    first.loss.append(1.0)
    assert second.loss == []


# Batches and seeds


def run(seed, model_seed=1, **options):
    model = MLP(2, [4, 1], seed=model_seed)
    history = fit(model, XOR, SIGNS, loss=hinge, epochs=5, seed=seed, **{"batch_size": 2, **options})
    return history, model.state_dict()


def test_same_seed_same_run():
    assert run(seed=3) == run(seed=3)


def test_another_seed_another_run():
    assert run(seed=3)[1] != run(seed=4)[1]


def test_seed_makes_no_difference_to_full_batches():
    assert run(seed=3, batch_size=None) == run(seed=4, batch_size=None)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 11])
def test_mini_batches_see_every_example_once_an_epoch(size):
    spy = Spy()
    X, y = ten_examples()
    fit(Slope(), X, y, loss=spy, optimizer=SGD([Value(0.0)]), epochs=3, batch_size=size, seed=1)
    batches = math.ceil(10 / size)
    assert len(spy.targets) == 3 * batches
    for epoch in range(3):
        part = spy.targets[epoch * batches : (epoch + 1) * batches]
        assert sorted(target for batch in part for target in batch) == list(range(10))
        assert {len(batch) for batch in part[:-1]} <= {size}


def test_each_input_keeps_its_target():
    spy = Spy()
    X, y = ten_examples()
    fit(Slope(w=1.0), X, y, loss=spy, optimizer=SGD([Value(0.0)]), epochs=2, batch_size=3, seed=1)
    for outputs, targets in zip(spy.outputs, spy.targets, strict=True):
        assert [output.data for output in outputs] == targets


def test_batches_are_drawn_anew_each_epoch():
    spy = Spy()
    X, y = ten_examples()
    fit(Slope(), X, y, loss=spy, optimizer=SGD([Value(0.0)]), epochs=3, batch_size=10, seed=1)
    assert len({tuple(batch) for batch in spy.targets}) == 3


def test_full_batches_keep_the_order():
    spy = Spy()
    X, y = ten_examples()
    fit(Slope(), X, y, loss=spy, optimizer=SGD([Value(0.0)]), epochs=2, seed=1)
    assert spy.targets == [y, y]


# What ends it early


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_loss_that_is_not_finite_stops_with_the_reason_and_before_the_step(bad):
    model, reference = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=1)
    spy = Spy(hinge)

    def loss(outputs, targets):
        result = spy(outputs, targets)
        return result * bad if len(spy.targets) > 3 else result

    history = fit(model, XOR, SIGNS, loss=loss, epochs=10)
    assert len(history.loss) == 3
    assert history.stopped.startswith(f"the loss became {bad} in epoch 4; ")
    assert "the parameters are those of the step before it" in history.stopped
    fit(reference, XOR, SIGNS, loss=hinge, epochs=3)
    assert model.state_dict() == reference.state_dict()


def test_loss_that_is_not_finite_in_the_middle_of_an_epoch_names_that_epoch():
    X, y = [[1.0], [1.0], [1.0]], [1.0, 1.0, math.nan]
    model = Slope(w=3.0)
    history = fit(model, X, y, loss=mse, optimizer=SGD(model.parameters(), 0.25), batch_size=1, epochs=5, seed=1)
    assert "the loss became nan in epoch 1" in history.stopped
    assert history.loss == []
    assert finite(model)


RATES = [1e3, 1e10, 1e30, 1e100, 1e160, 1e200, 1e300, 1e308]


@pytest.mark.parametrize("lr", RATES)
@pytest.mark.parametrize("batch_size", [None, 1])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("loss", [hinge, mse])
def test_huge_learning_rate_ends_with_a_reason_and_finite_parameters(loss, activation, batch_size, lr):
    model = MLP(2, [8, 8, 1], activation, seed=1)
    optimizer = SGD(model.parameters(), lr=lr)
    history = fit(model, XOR, SIGNS, loss=loss, optimizer=optimizer, epochs=30, batch_size=batch_size, seed=0)
    assert all(math.isfinite(number) for number in history.loss)
    if len(history.loss) < 30:
        assert f"in epoch {len(history.loss) + 1}; " in history.stopped
        assert "try a smaller learning rate" in history.stopped
    else:
        assert history.stopped == "all 30 epochs done"
    assert finite(model)


@pytest.mark.parametrize("lr", [1e5, 1e20, 1e25])
@pytest.mark.parametrize(("loss", "hidden"), [(mse, [8] * 8), (hinge, [16] * 20)], ids=["8 layers", "20 layers"])
def test_huge_learning_rate_ends_without_an_exception_in_a_deep_network(loss, hidden, lr):
    model = MLP(2, [*hidden, 1], seed=0)
    optimizer = SGD(model.parameters(), lr=lr)
    history = fit(model, XOR, SIGNS, loss=loss, optimizer=optimizer, epochs=3, batch_size=1, seed=0)
    assert finite(model)
    assert history.stopped


def test_infinite_gradient_of_a_finite_loss_stops_and_keeps_finite_parameters():
    class Root(Module):
        def __init__(self):
            self.w, self.b = Value(0.0), Value(1.0)

        def forward(self, x):
            return sqrt(self.w * x[0]) + self.b

    model = Root()
    history = fit(model, [[1.0]], [5.0], loss=mse, epochs=5)  # sqrt'(0) is inf
    assert finite(model)
    assert history.stopped != "all 5 epochs done"


@pytest.mark.parametrize("lr", RATES)
@pytest.mark.parametrize("loss", [hinge, mse])
def test_huge_learning_rate_ends_without_an_exception_where_validation_is_asked_for(loss, lr):
    model = MLP(2, [8, 8, 1], seed=1)
    optimizer = SGD(model.parameters(), lr=lr)
    history = fit(model, XOR, SIGNS, loss=loss, optimizer=optimizer, epochs=30, validation=(XOR, SIGNS))
    assert history.stopped


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_interrupt_returns_the_history_and_keeps_what_was_learned(calls):
    model, reference = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=1)
    history = fit(model, XOR, SIGNS, loss=Spy(hinge, fail_after=calls), epochs=100)
    expected = fit(reference, XOR, SIGNS, loss=hinge, epochs=calls)
    assert history.loss == expected.loss
    assert history.stopped == f"interrupted in epoch {calls + 1}"
    assert model.state_dict() == reference.state_dict()


def test_interrupt_in_the_middle_of_an_epoch_keeps_its_steps():
    model = Slope(w=3.0)
    spy = Spy(fail_after=4)
    history = fit(model, [[1.0]] * 3, [1.0] * 3, loss=spy, optimizer=SGD([model.w], 0.25), batch_size=1, epochs=9)
    assert model.w.data == 1.0 + 2.0 / 2**4
    assert len(history.loss) == 1
    assert history.stopped == "interrupted in epoch 2"


def test_interrupt_while_validating_returns_the_history():
    model = Slope(w=3.0)
    history = fit(model, [[1.0]], [1.0], loss=Spy(fail_after=3), epochs=9, validation=([[1.0]], [1.0]))
    assert (len(history.loss), len(history.validation_loss)) == (1, 1)
    assert history.stopped == "interrupted in epoch 2"


def test_model_is_trained_further_after_an_interrupt():
    model = MLP(1, [1], seed=1)
    fit(model, LINE_X, LINE_Y, loss=Spy(fail_after=3), epochs=10)
    assert fit(model, LINE_X, LINE_Y, loss=mse, epochs=500).loss[-1] < 1e-6


# The garbage collector


class FailureError(Exception):
    pass


CASES = {
    "all epochs": {"loss": mse},
    "interrupt": {"loss": Spy(fail_after=1)},
    "error": {"loss": Spy(fail_after=1, error=FailureError), "raises": FailureError},
    "not finite": {"loss": lambda outputs, targets: mse(outputs, targets) * math.nan},
    "bad data": {"X": [[1.0, 2.0]] * 3, "loss": mse, "raises": ValueError},
    "bad epochs": {"epochs": -1, "loss": mse, "raises": ValueError},
    "epochs of no whole number": {"epochs": 1.5, "loss": mse, "raises": TypeError},
}


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_garbage_collector_is_afterwards_as_it_was(case, enabled):
    options = {"X": LINE_X, "y": LINE_Y, "epochs": 3, **copy.deepcopy(case)}
    raises = options.pop("raises", None)
    X, y = options.pop("X"), options.pop("y")
    with collector(enabled):
        if raises is None:
            fit(MLP(1, [1], seed=1), X, y, **options)
        else:
            with pytest.raises(raises):
                fit(MLP(1, [1], seed=1), X, y, **options)
        assert gc.isenabled() is enabled


def test_garbage_collector_rests_in_between():
    spy = Spy()
    with collector(True):
        fit(MLP(1, [1], seed=1), LINE_X, LINE_Y, loss=spy, epochs=3)
    assert spy.collecting == [False] * 3


def test_training_leaves_the_collector_nothing_to_do():
    gc.collect()
    with collector(False):
        model = MLP(2, [4, 1], seed=1)
        fit(model, XOR, SIGNS, loss=hinge, epochs=5, validation=(XOR, SIGNS))
        del model
        assert gc.collect() == 0


# Errors


@pytest.mark.parametrize(("X", "y", "found"), [(XOR, [1], "4 and 1"), ([], [], "0 and 0"), ([], [1], "0 and 1")])
def test_examples_and_targets_of_different_number_or_none_are_an_error(X, y, found):
    message = f"^fit takes one target for each example, and at least one, got {found}$"
    with pytest.raises(ValueError, match=message):
        fit(MLP(2, [1]), X, y, loss=hinge)


@pytest.mark.parametrize(
    ("options", "found"),
    [({"epochs": -1}, "-1 and None"), ({"batch_size": 0}, "100 and 0"), ({"batch_size": -2, "epochs": 1}, "1 and -2")],
)
def test_bad_epochs_or_batch_size_are_an_error_that_shows_them(options, found):
    with pytest.raises(ValueError, match=f"^epochs is 0 or more and batch_size 1 or more, got {found}$"):
        fit(MLP(2, [1]), XOR, SIGNS, loss=hinge, **options)


def test_bad_arguments_change_nothing():
    model = MLP(2, [1], seed=1)
    before = model.state_dict()
    with pytest.raises(ValueError, match="epochs is 0 or more"):
        fit(model, XOR, SIGNS, loss=hinge, epochs=-1)
    assert model.state_dict() == before


def test_settings_are_keywords():
    with pytest.raises(TypeError, match="positional arguments"):
        fit(MLP(2, [1]), XOR, SIGNS, hinge)


def test_mistakes_in_the_data_are_passed_on():
    with pytest.raises(ValueError, match=r"^MLP takes 2 inputs, got 1$"):
        fit(MLP(2, [1]), [[1.0]], [1], loss=hinge)
    with pytest.raises(ValueError, match=r"^hinge takes targets of -1 or 1, got 0"):
        fit(MLP(2, [1]), XOR, [0, 1, 1, 0], loss=hinge)
    with pytest.raises(TypeError, match=r"^cross_entropy takes a sequence of logits"):
        fit(MLP(2, [1]), XOR, [0, 1, 1, 0], loss=cross_entropy)


def test_error_of_a_model_of_small_parameters_is_passed_on():
    class Broken(Module):
        def __init__(self):
            self.w = Value(1.0)

        def forward(self, x):
            raise ValueError("no output today")

    with pytest.raises(ValueError, match=r"^no output today$"):
        fit(Broken(), XOR, SIGNS, loss=hinge)


def test_model_without_parameters_needs_an_optimizer_of_others():
    class Broken(Module):
        def forward(self, x):
            raise ValueError("no output today")

    with pytest.raises(ValueError, match="SGD takes at least one parameter, got none"):
        fit(Broken(), XOR, SIGNS, loss=hinge)
    with pytest.raises(ValueError, match=r"^no output today$"):
        fit(Broken(), XOR, SIGNS, loss=hinge, optimizer=SGD([Value(0.0)]))


# Progress


def show(stream, monkeypatch, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    fit(MLP(2, [2, 1], seed=1), XOR, SIGNS, loss=hinge, epochs=5, **options)
    return stream.getvalue()


def test_progress_is_silent_where_the_output_is_no_terminal(capsys):
    fit(MLP(2, [2, 1], seed=1), XOR, SIGNS, loss=hinge, epochs=5)
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal_counts_epochs_and_shows_loss_and_accuracy(monkeypatch, capsys):
    shown = show(Terminal(), monkeypatch)
    assert "5/5 epochs" in shown
    assert "loss " in shown
    assert "accuracy " in shown
    assert "validation" not in shown
    assert capsys.readouterr().out == ""


def test_bar_shows_validation_where_there_is_one(monkeypatch):
    shown = show(Terminal(), monkeypatch, validation=(XOR, SIGNS))
    assert re.search(r"loss [\d.e-]+ \([\d.e-]+\), accuracy [\d.]+ \([\d.]+\)", shown)  # in parentheses


def test_bar_is_closed_after_an_error(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(FailureError):
        fit(MLP(2, [2, 1], seed=1), XOR, SIGNS, loss=Spy(hinge, fail_after=2, error=FailureError), epochs=5)
    shown = stream.getvalue()
    assert "2/5" in shown
    assert shown.endswith("\n")


def test_nothing_is_shown_on_a_terminal_where_quiet_is_asked_for(monkeypatch):
    assert show(Terminal(), monkeypatch, progress=False) == ""


def test_bar_makes_no_difference_to_the_training(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown = run(seed=3)
    assert sys.stderr.getvalue()
    assert shown == run(seed=3, progress=False)


def test_missing_tqdm_is_an_error_that_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with collector(True):
        with pytest.raises(ImportError, match="needs tqdm: python -m pip install tqdm, or pass progress=False"):
            show(Terminal(), monkeypatch)
        assert gc.isenabled()


def test_missing_tqdm_is_no_error_where_no_bar_is_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert show(io.StringIO(), monkeypatch) == ""
    assert show(Terminal(), monkeypatch, progress=False) == ""


def test_training_needs_no_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert len(fit(MLP(2, [2, 1], seed=1), XOR, SIGNS, loss=hinge, epochs=2).loss) == 2


# evaluate


def test_evaluate_returns_loss_and_accuracy_by_hand():
    score = evaluate(Slope(w=0.5), [[1.0], [3.0], [-1.0], [-4.0]], [1, -1, -1, -1], loss=hinge)
    assert score == (1.0 * (0.5 + 2.5 + 0.5 + 0.0) / 4, 0.75)
    assert (score.loss, score.accuracy) == tuple(score)
    assert type(score.loss) is float


def test_accuracy_of_logits_counts_where_the_largest_is_right():
    class Same(Module):
        def forward(self, x):
            return [Value(number) for number in x]

    X = [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0.0, 5.0, -1.0], [-1.0, -2.0, -3.0]]
    assert evaluate(Same(), X, [2, 0, 1, 1], loss=cross_entropy).accuracy == 0.75


def test_score_of_zero_is_the_class_of_minus_one():
    assert evaluate(Slope(), [[1.0], [1.0]], [1, -1], loss=hinge).accuracy == 0.5
    assert evaluate(Slope(), [[1.0]], [-1], loss=hinge).accuracy == 1.0


def test_evaluate_of_a_regression_has_no_accuracy():
    assert evaluate(Slope(w=2.0), LINE_X, LINE_Y, loss=mse) == (1.0, None)


def test_evaluate_records_and_changes_nothing():
    model = MLP(2, [3, 1], seed=1)
    model([1.0, 1.0]).backward()
    state, gradients = model.state_dict(), [p.grad for p in model.parameters()]
    spy = Spy(hinge)
    evaluate(model, XOR, SIGNS, loss=spy)
    assert [output.parents for output in spy.outputs[0]] == [()] * 4
    assert (model.state_dict(), [p.grad for p in model.parameters()]) == (state, gradients)
    assert (Value(1.0) * 2.0).parents  # recording is on again


def test_evaluate_agrees_with_the_history_before_the_step():
    model = MLP(2, [3, 1], seed=1)
    score = evaluate(model, XOR, SIGNS, loss=hinge)
    history = fit(model, XOR, SIGNS, loss=hinge, epochs=1)
    assert (history.loss, history.accuracy) == ([score.loss], [score.accuracy])


def test_evaluate_takes_a_model_of_plain_floats():
    class Plain(Module):
        def forward(self, x):
            return x[0] - 0.5

    assert evaluate(Plain(), [[1.5], [0.0]], [1, -1], loss=hinge) == (0.25, 1.0)


def test_evaluate_of_no_examples_or_of_another_number_of_targets_is_an_error():
    with pytest.raises(ValueError, match="at least one operand, got none"):
        evaluate(Slope(), [], [], loss=mse)
    with pytest.raises(ValueError, match="mse takes one target for each output, got 3 and 1"):
        evaluate(Slope(), LINE_X, [1.0], loss=mse)
