"""The training loop: what it records, which batches it takes, and what it leaves as it was."""

import copy
import functools
import gc
import io
import itertools
import math
import re
import sys
import warnings

import numpy as np
import pytest

import nn
from autograd import Value, fsum, mean, no_grad, softplus, tanh
from nn import MLP, SGD, Module, Stop, cross_entropy, evaluate, hinge, mse
from nn import fit as fit_somehow
from nn.training.examples import Examples
from tests.collector import leaves_no_cycle
from tests.errors import error_of
from tests.nn.training.small import LINE, TEN, XOR, FailureError, Line, Slope, Terminal, collector, idle, slope_after

fit = functools.partial(fit_somehow, compiled=False)  # test_compiled_training.py compares the other way


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


def small():
    return MLP(2, [3, 1], seed=1)


def test_step_is_taken_on_the_mean_over_the_batch_whatever_the_gradients_were_and_by_sgd_if_not_said():
    X, y = [[1.0], [2.0], [3.0]], [1.0, 1.0, 1.0]
    gradient = sum(2 * (0.5 * x - 1.0) * x for (x,) in X) / 3
    for times in (1, 2):
        model = Slope(0.5)
        model.w.grad = 1000.0
        fit(model, X * times, y * times, loss=mse, optimizer=SGD(model.parameters(), lr=0.1), epochs=1)
        assert model.w.data == pytest.approx(0.5 - 0.1 * gradient, rel=1e-15)
    given, default = Slope(), Slope()
    fit(given, [[1.0]], [1.0], loss=mse, optimizer=SGD(given.parameters()), epochs=3)
    fit(default, [[1.0]], [1.0], loss=mse, epochs=3)
    assert default.w.data == given.w.data


def test_training_goes_on_where_it_stopped():
    whole, halves = small(), small()
    history = fit(whole, *XOR, loss=hinge, epochs=6)
    first, second = (fit(halves, *XOR, loss=hinge, epochs=epochs) for epochs in (2, 4))
    assert first.loss + second.loss == history.loss
    assert whole.state_dict() == halves.state_dict()


def test_history_has_one_entry_an_epoch_and_no_epochs_change_nothing():
    for epochs, batch_size in itertools.product([0, 1, 7], [None, 1, 3, 4, 100]):
        model = small()
        history = fit(model, *XOR, loss=hinge, epochs=epochs, batch_size=batch_size, seed=1)
        assert (len(history.loss), len(history.accuracy)) == (epochs, epochs)
        assert (history.validation_loss, history.validation_accuracy) == ([], [])
        assert history.stopped == f"all {epochs} epochs done"
        assert (model.state_dict() == small().state_dict()) == (epochs == 0)
    assert fit(small(), *XOR, loss=hinge).stopped == "all 100 epochs done"


def test_validation_is_recorded_after_each_epoch_and_changes_neither_the_training_nor_the_gradients():
    model = Slope()
    optimizer, held_out = SGD(model.parameters(), lr=0.25), ([[2.0], [0.0]], [2.0, 1.0])
    history = fit(model, [[1.0]], [1.0], loss=mse, optimizer=optimizer, epochs=2, validation=held_out)
    # w is 2 and then 1.5 after the steps; the mean of (2w - 2)**2 and 1 is (4 + 1) / 2 and (1 + 1) / 2.
    assert history.validation_loss == [2.5, 1.0]
    assert (history.accuracy, history.validation_accuracy) == ([], [])
    plain, watched = small(), small()
    first = fit(plain, *XOR, loss=hinge, epochs=5, batch_size=2, seed=3)
    second = fit(watched, *XOR, loss=hinge, epochs=5, batch_size=2, seed=3, validation=(XOR[0][:2], XOR[1][:2]))
    assert (first.loss, first.accuracy) == (second.loss, second.accuracy)
    assert plain.state_dict() == watched.state_dict()
    assert [p.grad for p in plain.parameters()] == [p.grad for p in watched.parameters()]
    assert (len(second.validation_loss), len(second.validation_accuracy)) == (5, 5)


def test_loss_and_accuracy_of_an_epoch_are_those_of_its_examples_not_the_mean_over_its_batches():
    spy = Spy()
    model = Slope(0.0)
    history = fit(model, *TEN, loss=spy, optimizer=idle(model), epochs=2, batch_size=4, seed=1)
    assert [len(batch) for batch in spy.targets] == [4, 4, 2] * 2
    expected = [sum(n * loss for n, loss in zip((4, 4, 2), spy.losses[k : k + 3])) / 10 for k in (0, 3)]
    assert history.loss == pytest.approx(expected, rel=1e-15)
    assert history.loss[0] == pytest.approx(28.5, rel=1e-15)  # nothing was learned: the mean of 0, 1, 4, ..., 81
    y = [1, 1, 1, 1, -1]
    model = Slope(1.0)
    history = fit(model, [[1.0]] * 5, y, loss=hinge, optimizer=idle(model), epochs=1, batch_size=4, seed=1)
    assert history.accuracy == [0.8]


def test_batches_see_every_example_with_its_target_once_an_epoch_and_are_drawn_anew():
    for size in (None, 1, 2, 3, 7, 10, 11):
        spy = Spy()
        model = Slope(1.0)
        fit(model, *TEN, loss=spy, optimizer=idle(model), epochs=3, batch_size=size, seed=1)
        batches = math.ceil(10 / (size or 10))
        assert len(spy.targets) == 3 * batches
        epochs = [spy.targets[k : k + batches] for k in range(0, 3 * batches, batches)]
        assert {len(batch) for epoch in epochs for batch in epoch[:-1]} <= {size}
        orders = {tuple(itertools.chain(*epoch)) for epoch in epochs}
        assert [sorted(order) for order in orders] == [TEN[1]] * len(orders)
        assert len(orders) == 3 if size else orders == {tuple(TEN[1])}
        assert [[output.data for output in outputs] for outputs in spy.outputs] == spy.targets


def test_seed_chooses_the_batches_and_makes_no_difference_to_full_ones():
    def run(seed, batch_size):
        model = small()
        history = fit(model, *XOR, loss=hinge, epochs=5, seed=seed, batch_size=batch_size)
        return history, model.state_dict()

    assert run(3, 2)[1] != run(4, 2)[1]
    assert run(3, None) == run(4, None)


RATES = [1e3, 1e10, 1e30, 1e100, 1e160, 1e200, 1e300, 1e308]
WAYS = {"batches of one": {"batch_size": 1}, "all at once": {}, "with validation": {"validation": XOR}}
HUGE = [
    *itertools.product([hinge, mse], ["relu", "tanh"], [[8, 8]], RATES, WAYS),
    *itertools.product([hinge], ["relu"], [[16] * 20], [1e5, 1e20, 1e25], ["batches of one"]),
    *itertools.product([mse], ["relu"], [[8] * 8], [1e5, 1e20, 1e25], ["batches of one"]),
]


@pytest.mark.thorough
@pytest.mark.sample(2)
@pytest.mark.parametrize("part", range(4))
def test_huge_learning_rate_ends_with_a_reason_and_finite_parameters(part):
    for loss, activation, hidden, lr, way in HUGE[part::4]:
        model = MLP(2, [*hidden, 1], activation, seed=1)
        optimizer, epochs = SGD(model.parameters(), lr=lr), 30 if len(hidden) == 2 else 3
        history = fit(model, *XOR, loss=loss, optimizer=optimizer, epochs=epochs, seed=0, **WAYS[way])
        case = f"{loss.__name__}, {activation}, {len(hidden)} layers, {lr}, {way}: {history.stopped}"
        assert all(map(math.isfinite, [*history.loss, *model.state_dict().values()])), case
        if len(history.loss) < epochs:
            assert f"in epoch {len(history.loss) + 1}; " in history.stopped, case
            assert "try a smaller learning rate" in history.stopped, case
        else:
            assert history.stopped == f"all {epochs} epochs done", case


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_interrupt_returns_the_history_and_keeps_what_was_learned(calls):
    model, reference = small(), small()
    history = fit(model, *XOR, loss=Spy(hinge, fail_after=calls), epochs=100)
    expected = fit(reference, *XOR, loss=hinge, epochs=calls)
    assert (history.loss, history.stopped) == (expected.loss, f"interrupted in epoch {calls + 1}")
    assert model.state_dict() == reference.state_dict()


def test_interrupt_in_the_middle_of_an_epoch_keeps_its_steps_and_training_may_go_on():
    model = Slope()
    options = {"optimizer": SGD([model.w], 0.25), "batch_size": 1}
    history = fit(model, [[1.0]] * 3, [1.0] * 3, loss=Spy(fail_after=4), epochs=9, **options)
    assert (model.w.data, len(history.loss), history.stopped) == (slope_after(4), 1, "interrupted in epoch 2")
    assert fit(model, [[1.0]], [1.0], loss=mse, epochs=500).loss[-1] < 1e-6


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
def test_garbage_collector_is_afterwards_as_it_was(enabled):
    for name, case in CASES.items():
        options = {"X": LINE[0], "y": LINE[1], "epochs": 3, **copy.deepcopy(case)}
        raises = options.pop("raises", ())
        with collector(enabled):
            try:
                fit(MLP(1, [1], seed=1), options.pop("X"), options.pop("y"), **options)
                assert not raises, name
            except raises:
                pass
            assert gc.isenabled() is enabled, name


def test_garbage_collector_rests_in_between_and_finds_nothing_to_do():
    spy = Spy()
    with collector(True):
        fit(small(), *XOR, loss=spy, epochs=3)
    assert spy.collecting == [False] * 3
    assert leaves_no_cycle(lambda: fit(small(), *XOR, loss=hinge, epochs=5, validation=XOR))


class Broken(Module):
    def forward(self, x):
        raise ValueError("no output today")


def test_error_of_a_model_is_passed_on_and_one_without_parameters_needs_an_optimizer_of_others():
    model = Broken()
    for error, wanted, loss, options in (
        (ValueError, r"^no output today$", [], {"loss": hinge, "optimizer": idle()}),
        (ValueError, "SGD takes at least one parameter, got none", [], {"loss": hinge}),
        (TypeError, "positional arguments", [hinge], {}),
    ):
        with pytest.raises(error, match=wanted):
            fit(model, *XOR, *loss, **options)


class Refusing(list):
    def __getitem__(self, index):
        raise RuntimeError("these examples cannot be read")


def test_examples_that_cannot_be_read_leave_all_as_it_was():
    model = Slope()
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="these examples cannot be read"):
        fit(model, Refusing(LINE[0]), LINE[1], loss=mse, optimizer=optimizer)
    assert (model.w.data, optimizer.steps) == (3.0, 0)


@pytest.mark.parametrize(("batch_size", "examples"), [(None, 10), (4, 4), (19, 10)])
def test_step_without_memory_names_its_examples_and_leaves_the_model_as_it_was(batch_size, examples):
    def full(outputs, targets):
        raise MemoryError

    model = Slope()
    with pytest.raises(MemoryError, match=f"a step on {examples} examples has no memory to run in; give fit a smaller"):
        fit(model, *TEN, loss=full, batch_size=batch_size)
    assert model.w.data == 3.0


NO_OPTIMIZERS = [object, Stop, SGD, MLP, "text", 0.1, False, nn.schedules.Constant(0.1), nn.Adam]


@pytest.mark.parametrize("wrong", NO_OPTIMIZERS, ids=repr)
def test_what_is_no_optimizer_nor_model_is_an_error_that_says_what_to_write(wrong):
    kind = "Adam" if wrong is nn.Adam else "SGD"
    error = error_of(fit, small(), *XOR, loss=hinge, optimizer=wrong)
    assert error.startswith("TypeError: optimizer is an Optimizer, got ")
    assert error.endswith(f"; write {kind}(model.parameters(), lr=0.1)")
    if not callable(wrong) or isinstance(wrong, type):
        for asker, name in ((fit, "fit"), (evaluate, "evaluate")):
            wanted = f"TypeError: {name} takes a model, such as MLP(2, [8, 1]), got "
            assert error_of(asker, wrong, *XOR, loss=hinge).startswith(wanted)


@pytest.mark.parametrize("model", [lambda x: x[0], tanh], ids=["function", "operation"])
def test_function_without_parameters_needs_an_optimizer(model):
    error = error_of(fit, model, *XOR, loss=hinge)
    wanted = f"TypeError: a function has no parameters() to train, got {model!r:.60} as a model and no opt"
    assert error.startswith(wanted)
    assert "; write optimizer=SGD([w, b], lr=0.1) with the Values that it uses" in error


@pytest.mark.parametrize("form", [np.array, np.float64, lambda x: pytest.importorskip("torch").tensor(x)])
def test_inputs_may_be_arrays_of_no_dimensions(form):
    numbers = [form(1.0), form(2.0)]
    assert Examples(numbers, numbers).representative(3) == [0, 1]
    if form is np.array:
        for compiled in (True, False):
            assert fit(Line(), numbers, [2.0, 5.0], loss=mse, epochs=2, compiled=compiled).loss[0] == 0.5


@pytest.mark.parametrize("compiled", [True, False])
def test_optimizer_of_other_parameters_is_an_error_unless_the_loss_depends_on_them(compiled):
    scale = Value(1.0)
    options = {"compiled": compiled, "epochs": 1}
    for parameters in ([Value(1.0)], small().parameters()):
        error = error_of(fit, small(), *XOR, loss=hinge, optimizer=SGD(parameters), **options)
        assert error.startswith("ValueError: the loss depends on none of the optimizer's parameters")
    fit(small(), *XOR, loss=lambda outputs, y: scale * hinge(outputs, y), optimizer=SGD([scale]), **options)
    fit(small(), *XOR, loss=hinge, penalty=lambda p: p[0] * p[0], optimizer=SGD([scale]), **options)
    assert scale.data < 1.0


CUTS = {
    "detach": lambda total: total.detach(),
    "data": lambda total: Value(total.data),
    "no_grad": no_grad()(lambda total: total * 1.0),
}


@pytest.mark.parametrize("compiled", ["auto", True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_loss_that_is_cut_from_the_parameters_is_an_error(cut, compiled):
    model, own = small(), lambda outputs, y: CUTS[cut](hinge(outputs, y))
    ends = [{"loss": own}, {"loss": own, "batch_size": 1, "validation": XOR}]
    if compiled is not True:
        ends.append(
            {"model": lambda x: CUTS[cut](model(x)), "loss": hinge, "optimizer": SGD(model.parameters(), momentum=0.5)}
        )
    before = model.state_dict()
    for options in ends:
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # that it is not compiled
            error = error_of(fit, options.pop("model", model), *XOR, compiled=compiled, **options)
        wanted = "ValueError: the loss depends on none of the optimizer's parameters, so nothing would be trained; "
        assert error.startswith(wanted + "compute it of the Values that the model returns"), error
        assert model.state_dict() == before


def ranking(outputs, y):
    """Pairs of examples of two classes, of which a batch may have none."""
    pairs = [(a, b) for a, one in zip(outputs, y) for b, other in zip(outputs, y) if one > other]
    return fsum([softplus(b - a) for a, b in pairs]) / len(pairs) if pairs else Value(0.0)


def between(outputs, y):
    """The difference of the means of two classes."""
    means = [mean(outs) for label in (0, 1) if (outs := [out for out, one in zip(outputs, y) if one == label])]
    return (means[1] - means[0] - 1.0) ** 2 if len(means) == 2 else 0.0 * Value(1.0)


def censored(outputs, y):
    """Terms of the examples of one class alone."""
    return fsum([out * out for out, one in zip(outputs, y) if one]) if any(y) else Value(0.0)


def test_loss_that_is_frozen_in_its_first_epoch_trains():
    count = itertools.count()
    loss = lambda outputs, y: hinge(outputs, y) if next(count) else hinge(outputs, y).detach()
    assert len(set(fit(small(), *XOR, loss=loss, epochs=3, compiled=False).loss)) > 1


def by_thing(outputs, things):
    """Outputs of two views of each thing, of which a batch may have one or none."""
    views = {}
    for out, thing in zip(outputs, things):
        views.setdefault(thing, []).append(out)
    return fsum([(v[0] - v[1]) ** 2 for v in views.values() if len(v) == 2] or [Value(0.0)])


def tail(outputs, targets):
    """The mean of the largest hundredth of the losses."""
    losses = sorted(((out - 1.0) ** 2 for out in outputs), key=lambda one: -one.data)
    return fsum(losses[: len(losses) // 100] or [Value(0.0)])


@pytest.mark.parametrize(
    ("loss", "targets", "batch_size"),
    [
        (by_thing, [i // 2 for i in range(200)], None),
        (by_thing, [i // 2 for i in range(200)], 20),
        (by_thing, [i % 100 for i in range(200)], None),
        (by_thing, [i % 100 for i in range(200)], 20),
        (tail, [0.0] * 200, None),
        (tail, [0.0] * 200, 100),
    ],
)
def test_loss_of_several_examples_of_many_is_trained(loss, targets, batch_size):
    X = [[math.sin(i), math.cos(3 * i)] for i in range(200)]
    found, sizes = [], []
    noted = lambda outputs, targets: sizes.append(len(outputs)) or loss(outputs, targets)
    for compiled in ("auto", False):
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # that it is not compiled
            history = fit(
                MLP(2, [1], seed=1), X, targets, loss=noted, epochs=2, seed=1, batch_size=batch_size, compiled=compiled
            )
        found.append(history.loss)
    assert found[0] == found[1]
    assert max(sizes) <= (batch_size or 200)


@pytest.mark.parametrize("loss", [ranking, between, censored])
@pytest.mark.parametrize("labels", [[0] * 80 + [1] * 80, [0] * 199 + [1], [0, 1] * 80])
def test_loss_of_examples_beside_each_other_is_trained_in_whatever_order_they_come(loss, labels):
    X = [[math.sin(i), math.cos(3 * i)] for i in range(len(labels))]
    for seed in range(2):
        for batch_size in (3, 40):
            fit(MLP(2, [1], seed=1), X, labels, loss=loss, epochs=1, seed=seed, metric=None, batch_size=batch_size)


def test_loss_that_is_a_constant_for_some_examples_trains_on_the_others():
    def margin(outputs, y):
        distance = outputs[0] * y[0]
        return Value(0.0) if distance.data > 0.1 else 1.0 - distance

    for seed in range(3):  # of which the first example is another one
        model, x = small(), [1.0, 1.0]
        start = model(x).data
        sign = math.copysign(1.0, start)
        fit(model, [x] * 10, [sign] * 9 + [-sign], loss=margin, batch_size=1, epochs=1, seed=seed)
        assert model(x).data != start


def show(stream, monkeypatch, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    history = fit(MLP(2, [2, 1], seed=1), *XOR, **{"loss": hinge, "epochs": 5, "seed": 3, **options})
    return history, "" if stream is None else stream.getvalue()


def test_bar_on_a_terminal_counts_epochs_and_shows_scores_and_makes_no_difference(monkeypatch, capsys):
    history, shown = show(Terminal(), monkeypatch)
    assert all(part in shown for part in ("5/5 epochs", "loss ", "accuracy "))
    assert "validation" not in shown
    assert capsys.readouterr().out == ""
    _, shown = show(Terminal(), monkeypatch, validation=XOR)  # in parentheses
    assert re.search(r"loss [\d.e-]+ \([\d.e-]+\), accuracy [\d.]+ \([\d.]+\)", shown)
    assert show(Terminal(), monkeypatch, progress=False) == (history, "")


def test_bar_is_closed_after_an_error_and_nothing_is_shown_where_the_output_is_no_terminal(monkeypatch, capsys):
    stream = Terminal()
    with pytest.raises(FailureError):
        show(stream, monkeypatch, loss=Spy(hinge, fail_after=2, error=FailureError))
    assert "2/5" in stream.getvalue()
    assert stream.getvalue().endswith("\n")
    for stream in (io.StringIO(), None):
        assert show(stream, monkeypatch)[1] == ""
        assert capsys.readouterr() == ("", "")


def test_missing_tqdm_is_an_error_that_names_the_remedy_only_where_a_bar_is_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with collector(True):
        with pytest.raises(ImportError, match="needs tqdm: python -m pip install tqdm, or pass progress=False"):
            show(Terminal(), monkeypatch)
        assert gc.isenabled()
    assert show(io.StringIO(), monkeypatch)[1] == show(Terminal(), monkeypatch, progress=False)[1] == ""


def test_evaluate_returns_loss_and_accuracy_by_hand():
    logits = [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [0.0, 5.0, -1.0], [-1.0, -2.0, -3.0]]
    score = evaluate(Slope(0.5), [[1.0], [3.0], [-1.0], [-4.0]], [1, -1, -1, -1], loss=hinge)
    assert score == (score.loss, score.accuracy) == (1.0 * (0.5 + 2.5 + 0.5 + 0.0) / 4, 0.75)
    assert type(score.loss) is float
    assert evaluate(Slope(0.0), [[1.0], [1.0]], [1, -1], loss=hinge).accuracy == 0.5  # 0 is the class of -1
    assert evaluate(Slope(2.0), *LINE, loss=mse) == (1.0, None)
    assert evaluate(lambda x: [Value(z) for z in x], logits, [2, 0, 1, 1], loss=cross_entropy).accuracy == 0.75
    assert evaluate(lambda x: x[0] - 0.5, [[1.5], [0.0]], [1, -1], loss=hinge) == (0.25, 1.0)
    for options, metric in (({}, None), ({"metric": nn.accuracy}, math.nan)):  # as training ends by it
        assert repr(evaluate(Slope(1e200), *LINE, loss=mse, **options)) == f"Score(loss=inf, metric={metric})"
    for X, y, wanted in (([], [], "at least one operand, got none"), (LINE[0], [1.0], "one target .* got 3 and 1")):
        with pytest.raises(ValueError, match=wanted):
            evaluate(Slope(), X, y, loss=mse)


def test_evaluate_agrees_with_the_history_before_the_step_and_records_and_changes_nothing():
    model = small()
    model([1.0, 1.0]).backward()
    state, gradients = model.state_dict(), [p.grad for p in model.parameters()]
    spy = Spy(hinge)
    score = evaluate(model, *XOR, loss=spy)
    assert [output.parents for output in spy.outputs[0]] == [()] * 4
    assert (model.state_dict(), [p.grad for p in model.parameters()]) == (state, gradients)
    assert (Value(1.0) * 2.0).parents  # recording is on again
    history = fit(model, *XOR, loss=hinge, epochs=1)
    assert (history.loss, history.accuracy) == ([score.loss], [score.accuracy])
