"""Modules, losses, the optimiser and the training loop, each by what users rely on."""

import copy
import gc
import math
import pickle

import pytest

import nn
from autograd import Constant, Value, dot, relu, tanh
from nn import MLP, SGD, Layer, Module, Neuron, cross_entropy, datasets, evaluate, fit, hinge, mse
from nn.modules import initial_weights

XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]


# Modules


class Mixed(Module):
    def __init__(self):
        self.single = Value(1.0)
        self.listed = [Value(2.0), {"inner": Value(3.0)}]
        self.part = Neuron(1, seed=0)
        self.tied = self.single
        self.constant = Constant(4.0)
        self.computed = self.single * 2
        self.name = "mixed"


def test_parameters_are_the_leaves_in_attributes_each_once():
    names = [name for name, _ in Mixed().named_parameters()]
    assert names == ["single", "listed.0", "listed.1.inner", "part.w.0", "part.b"]


def test_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Mixed defines no forward"):
        Mixed()(1.0)


def test_zero_grad_forgets_all_gradients():
    model = MLP(2, [2, 1], seed=0)
    model([1.0, 2.0]).backward()
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [0.0] * 9


def test_state_dict_goes_round():
    first, second = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=2)
    second.load_state_dict(first.state_dict())
    assert second([0.3, -0.7]).data == first([0.3, -0.7]).data


def test_state_dict_that_does_not_fit_lists_everything_and_changes_nothing():
    neuron = Neuron(2, seed=1)
    before = neuron.state_dict()
    with pytest.raises(ValueError, match=r"missing: w\.0; unexpected: c, d; not a number: b, w\.1; nothing"):
        neuron.load_state_dict({"w.1": [1.0], "b": "0", "c": 1.0, "d": 2.0})
    assert neuron.state_dict() == before


def test_neuron_is_activation_of_weights_times_inputs_plus_bias():
    neuron = Neuron(2, "tanh", seed=3)
    neuron.b.data = 0.25
    expected = math.tanh(neuron.w[0].data * 0.5 + neuron.w[1].data * -2.0 + 0.25)
    assert neuron([0.5, -2.0]).data == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("activation", [tanh, lambda x: tanh(x)])
def test_activation_may_be_a_function(activation):
    assert Neuron(2, activation, seed=3)([0.5, -2.0]).op is tanh


def test_no_activation_is_linear():
    neuron = Neuron(1, None, seed=1)
    assert neuron([2.0]).op.name == "+"
    assert repr(neuron) == "Neuron(1, linear, 2 parameters)"


def test_unknown_activation_names_the_choices():
    with pytest.raises(ValueError, match=r"activation 'rellu' is not known; choose one of linear, abs, .*relu"):
        MLP(2, [3, 1], "rellu")


def test_inputs_may_be_floats_values_or_numpy_rows():
    np = pytest.importorskip("numpy")
    model = MLP(2, [3, 1], seed=1)
    row = [0.5, -1.5]
    assert model(row).data == model([Value(x) for x in row]).data == model(np.array(row)).data


def test_gradients_flow_into_value_inputs():
    x = [Value(0.5), Value(-1.5)]
    MLP(2, [3, 1], "tanh", seed=1)(x).backward()
    assert all(value.grad != 0.0 for value in x)


@pytest.mark.parametrize(("kind", "widths"), [(Neuron, ()), (Layer, (2,)), (MLP, ([2, 1],))])
def test_wrong_number_of_inputs_is_an_error_that_says_so(kind, widths):
    module = kind(3, *widths)
    with pytest.raises(ValueError, match=rf"{type(module).__name__} takes 3 inputs, got 1"):
        module([1.0])
    with pytest.raises(TypeError, match=rf"{type(module).__name__} takes a sequence of 3 numbers, got 1.0"):
        module(1.0)
    with pytest.raises(TypeError, match="Value takes a real number, got a str"):
        module(["1", 2.0, 3.0])


def test_hidden_layers_may_be_one_wide_and_one_output_is_one_value():
    assert isinstance(MLP(2, [1, 1])([1.0, 2.0]), Value)
    assert len(MLP(2, [4, 3])([1.0, 2.0])) == 3
    assert len(Layer(2, 1)([1.0, 2.0])) == 1


@pytest.mark.parametrize("nouts", [[], 3, [0], [2, -1], [2.5]])
def test_bad_widths_are_errors(nouts):
    with pytest.raises(ValueError, match=r"nouts lists the width|nout is a number of neurons"):
        MLP(2, nouts)


def test_bad_number_of_inputs_is_an_error():
    with pytest.raises(ValueError, match="nin is a number of neurons or inputs, 1 or more, got 0"):
        Neuron(0)


def test_seed_decides_the_first_weights():
    states = [MLP(2, [3, 1], seed=seed).state_dict() for seed in (1, 1, 2)]
    assert states[0] == states[1] != states[2]


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 50), ("tanh", 2 / (50 + 30))])
def test_first_weights_have_the_variance_of_he_or_glorot(activation, variance):
    weights = [w for seed in range(400) for w in initial_weights(50, 30, activation, seed)]
    assert sum(weights) / len(weights) == pytest.approx(0.0, abs=0.005)
    assert sum(w * w for w in weights) / len(weights) == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_a_model_learn_on_their_own(duplicate):
    model = MLP(2, [4, 1], seed=1)
    twin = duplicate(model)
    twin([1.0, 2.0]).backward()
    assert twin.state_dict() == model.state_dict()
    assert any(p.grad for p in twin.parameters())
    assert not any(p.grad for p in model.parameters())


def test_calls_of_modules_are_nested_scopes():
    y = MLP(2, [3, 1], seed=1)([1.0, 2.0])
    assert [y.scope.title, y.scope.outer.title, y.scope.outer.outer.title, y.scope.outer.outer.outer] == [
        "Neuron",
        "Layer",
        "MLP",
        None,
    ]


def test_module_that_keeps_its_outputs_makes_no_reference_cycle():
    class Recurrent(Module):
        def __init__(self):
            self.cell = Neuron(2, "tanh", seed=1)
            self.state = Value(0.0)

        def forward(self, x):
            self.state = self.cell([x, self.state])
            return self.state

    gc.collect()
    gc.disable()
    try:
        model = Recurrent()
        for x in (1.0, 2.0, 3.0):
            model(x)
        model.state.backward()
        del model
        assert gc.collect() == 0
    finally:
        gc.enable()


# Losses


def test_mse_is_the_mean_of_squares():
    assert mse([1.0, 2.0, 4.0], [1.0, 0.0, 1.0]) == pytest.approx(13 / 3)
    assert mse([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 4.0]]) == 1.25


def test_hinge_counts_what_falls_short_of_the_margin():
    assert hinge([2.0, 0.5, -1.0], [1, 1, 1]) == pytest.approx((0.0 + 0.5 + 2.0) / 3)


@pytest.mark.parametrize(("logits", "target", "loss"), [([1000.0, 0.0], 0, 0.0), ([-1000.0, 0.0], 0, 1000.0)])
def test_cross_entropy_is_exact_for_extreme_logits(logits, target, loss):
    zs = [Value(z) for z in logits]
    total = cross_entropy([zs], [target])
    total.backward()
    assert total.data == loss
    assert [z.grad for z in zs] == [0.0 if loss == 0.0 else -1.0, 0.0 if loss == 0.0 else 1.0]


def test_losses_agree_with_torch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    logits = [[0.3, -1.2, 2.0], [1000.0, -1000.0, 3.0], [0.0, 0.0, 0.0]]
    targets = [2, 1, 0]
    theirs = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    expected = F.cross_entropy(theirs, torch.tensor(targets))
    expected.backward()
    ours = [[Value(z) for z in row] for row in logits]
    loss = cross_entropy(ours, targets)
    loss.backward()
    assert loss.data == pytest.approx(expected.item(), rel=1e-12)
    for row, gradients in zip(ours, theirs.grad.tolist(), strict=True):
        assert [z.grad for z in row] == pytest.approx(gradients, rel=1e-12, abs=1e-16)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: mse([1.0], [1.0, 2.0]), ValueError, "mse takes one target for each output, got 1 and 2"),
        (lambda: hinge([1.0], [0]), ValueError, r"hinge takes targets of -1 or 1, got 0; write 2 \* y - 1"),
        (lambda: cross_entropy([[1.0, 2.0]], [2]), ValueError, "targets from 0 to 1, got 2"),
        (lambda: cross_entropy([1.0], [0]), TypeError, "a sequence of logits for each example, got 1.0"),
        (lambda: cross_entropy([[1.0]], []), ValueError, "one target for each output, got 1 and 0"),
        (lambda: mse([], []), ValueError, "mean is defined for at least one operand"),
    ],
)
def test_wrong_targets_are_errors_that_say_what_is_taken(call, error, message):
    with pytest.raises(error, match=message):
        call()


# SGD


def test_step_goes_against_the_gradient():
    x, y = Value(3.0), Value(-1.0)
    optimizer = SGD([x, y], lr=0.5)
    (x * x + 3 * y).backward()
    optimizer.step()
    assert (x.data, y.data) == (0.0, -2.5)


def test_sgd_follows_torch():
    torch = pytest.importorskip("torch")
    a, b = Value(1.5), Value(-0.5)
    ta, tb = (torch.tensor(v.data, dtype=torch.float64, requires_grad=True) for v in (a, b))
    ours, theirs = SGD([a, b], lr=0.03), torch.optim.SGD([ta, tb], lr=0.03)
    for _ in range(50):
        ours.zero_grad()
        theirs.zero_grad()
        (tanh(a * b) + a * a).backward()
        (torch.tanh(ta * tb) + ta * ta).backward()
        ours.step()
        theirs.step()
    assert (a.data, b.data) == pytest.approx((ta.item(), tb.item()), rel=1e-12)


@pytest.mark.parametrize("lr", [0.0, -1.0, math.nan])
def test_learning_rate_is_positive(lr):
    with pytest.raises(ValueError, match="lr, the learning rate, is above 0"):
        SGD([Value(1.0)], lr=lr)


# Training


def trained(seed=1, **options):
    model = MLP(2, [6, 1], seed=3)
    history = fit(model, *XOR, loss=hinge, optimizer=SGD(model.parameters(), 0.1), seed=seed, **options)
    return model, history


def test_history_has_an_entry_for_each_epoch():
    _, history = trained(epochs=7, validation=XOR)
    lengths = {len(v) for v in (history.loss, history.accuracy, history.validation_loss, history.validation_accuracy)}
    assert lengths == {7}
    assert history.stopped == "all 7 epochs done"


def test_regression_has_no_accuracy():
    model = MLP(1, [1], seed=1)
    history = fit(model, [[0.0], [1.0]], [1.0, 2.0], loss=mse, epochs=3)
    assert (len(history.loss), history.accuracy) == (3, [])


def test_same_seed_same_run():
    runs = [trained(seed=seed, epochs=5, batch_size=2)[1].loss for seed in (4, 4, 5)]
    assert runs[0] == runs[1] != runs[2]


def test_every_batch_epoch_sees_every_example_once():
    seen = []

    def spy(outputs, targets):
        seen.append(list(targets))
        return mse(outputs, targets)

    model = MLP(1, [1], seed=1)
    X = [[float(i)] for i in range(7)]
    fit(
        model,
        X,
        list(range(7)),
        loss=spy,
        optimizer=SGD(model.parameters(), 1e-3),
        epochs=2,
        batch_size=3,
        seed=1,
        compiled=False,
    )
    assert [len(batch) for batch in seen] == [3, 3, 1, 3, 3, 1]
    assert [sorted(y for batch in epoch for y in batch) for epoch in (seen[:3], seen[3:])] == [list(range(7))] * 2


@pytest.mark.parametrize("lr", [1e3, 1e30, 1e200])
def test_loss_that_is_not_finite_stops_with_the_reason_and_keeps_finite_parameters(lr):
    model = MLP(1, [4, 1], seed=1)
    optimizer = SGD(model.parameters(), lr)
    history = fit(model, [[1.0], [2.0]], [1.0, 2.0], loss=mse, optimizer=optimizer, epochs=1000)
    assert "the loss became" in history.stopped
    assert "smaller learning rate" in history.stopped
    assert all(math.isfinite(p.data) for p in model.parameters())


def test_mistake_in_the_data_is_passed_on():
    with pytest.raises(ValueError, match="MLP takes 2 inputs, got 3"):
        fit(MLP(2, [1]), [[1.0, 2.0, 3.0]], [1.0], loss=mse)


def test_interrupt_keeps_what_was_learned():
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return hinge(outputs, targets)

    model = MLP(2, [6, 1], seed=3)
    before = model.state_dict()
    history = fit(model, *XOR, loss=loss, epochs=100, compiled=False)
    assert (len(history.loss), history.stopped) == (4, "interrupted in epoch 5")
    assert model.state_dict() != before


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collector_rests_and_is_restored(enabled):
    states = []

    def loss(outputs, targets):
        states.append(gc.isenabled())
        if len(states) > 2:
            raise RuntimeError("stop")
        return hinge(outputs, targets)

    (gc.enable if enabled else gc.disable)()
    try:
        with pytest.raises(RuntimeError, match="stop"):
            fit(MLP(2, [6, 1], seed=3), *XOR, loss=loss, compiled=False)
        assert gc.isenabled() is enabled
        assert states == [False] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((), ()), "at least one, got 0 and 0"),
        (([[1.0]], []), "one target for each example, and at least one, got 1 and 0"),
    ],
)
def test_fit_takes_matching_data(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit(MLP(1, [1]), *arguments, loss=mse)


@pytest.mark.parametrize("options", [{"epochs": -1}, {"batch_size": 0}])
def test_fit_takes_sensible_counts(options):
    with pytest.raises(ValueError, match="epochs is 0 or more and batch_size 1 or more"):
        trained(**options)


def test_nothing_is_printed_where_no_terminal_is(capfd):
    trained(epochs=3)
    assert capfd.readouterr() == ("", "")


def test_bar_is_shown_on_a_terminal_unless_asked_not_to(capfd, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    trained(epochs=3)
    assert "3/3" in capfd.readouterr().err
    trained(epochs=3, progress=False)
    assert capfd.readouterr().err == ""


def test_bar_without_tqdm_names_the_command(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="python -m pip install tqdm, or pass progress=False"):
        trained(epochs=3)


def test_evaluate_gives_loss_and_accuracy_without_training():
    model, history = trained(epochs=150)
    before = model.state_dict()
    score = evaluate(model, *XOR, loss=hinge)
    assert score.accuracy == history.accuracy[-1] == 1.0
    assert model.state_dict() == before
    assert all(p.grad == p.grad for p in model.parameters())


def test_training_a_layer_by_hand_gives_the_same_as_fit():
    by_fit, by_hand = MLP(1, [1], seed=1), MLP(1, [1], seed=1)
    X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    fit(by_fit, X, y, loss=mse, optimizer=SGD(by_fit.parameters(), 0.1), epochs=10)
    for _ in range(10):
        by_hand.zero_grad()
        w, b = by_hand.parameters()
        loss = sum((w * x[0] + b - t) ** 2 for x, t in zip(X, y, strict=True)) / 3
        loss.backward()
        for p in (w, b):
            p.data -= 0.1 * p.grad
    assert list(by_fit.state_dict().values()) == pytest.approx(list(by_hand.state_dict().values()), rel=1e-12)


# Data sets


def test_moons_are_two_balanced_classes_by_seed():
    data = datasets.moons(n=50, seed=1)
    assert (len(data.X), sorted(set(data.y)), data.y.count(0)) == (50, [0, 1], 25)
    assert data == datasets.moons(n=50, seed=1) != datasets.moons(n=50, seed=2)


def test_split_holds_out_a_share_of_each_class():
    data = datasets.iris()
    training, testing = datasets.split(data, held_out=0.2, seed=1)
    assert [testing.y.count(k) for k in range(3)] == [10, 10, 10]
    assert sorted(training.X + testing.X) == sorted(data.X)
    with pytest.raises(ValueError, match="held_out is a share between 0 and 1"):
        datasets.split(data, held_out=1.5)


def test_standardized_data_has_mean_0_and_variance_1_of_the_reference():
    training, testing = datasets.split(datasets.iris(), seed=1)
    for column in zip(*datasets.standardized(training).X, strict=True):
        assert sum(column) / len(column) == pytest.approx(0.0, abs=1e-12)
        assert sum(x * x for x in column) / len(column) == pytest.approx(1.0)
    scaled = datasets.standardized(testing, like=training)
    column, reference = ([row[0] for row in part.X] for part in (testing, training))
    mean = sum(reference) / len(reference)
    spread = math.sqrt(sum((x - mean) ** 2 for x in reference) / len(reference))
    assert [row[0] for row in scaled.X] == pytest.approx([(x - mean) / spread for x in column])


def test_data_without_scikit_learn_names_the_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install 'scalar-autograd\[demo\]'"):
        datasets.digits()


# The package


def test_public_names_are_sorted_and_there():
    assert nn.__all__ == sorted(set(nn.__all__))
    assert all(hasattr(nn, name) for name in nn.__all__)


def test_example_of_a_neuron_in_the_contract():
    neuron = Neuron(2, seed=1)
    x = [Value(1.0), Value(2.0)]
    assert neuron(x).data == relu(dot(neuron.w, x) + neuron.b).data
