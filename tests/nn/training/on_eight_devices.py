"""Training with JAX beside NumPy, on eight simulated devices, in a process that `test_data_parallel.py` starts."""

import itertools
import math
import re

import numpy as np
import pytest

import autograd
import nn
from autograd import Value, log, sqrt
from nn import MLP, SGD, Adam, Stop, fit
from nn.training import data_parallel
from nn.training.data_parallel import ParallelSteps
from nn.training.examples import Examples
from nn.training.judging import LOSSES
from nn.training.optimizer import Optimizer
from nn.training.stepping import TrainingTask
from tests.trajectories import OPTIMIZERS, SCHEDULES

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'scalar-autograd[jax]'")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(53, 3))
REAL = np.sin(X[:, 0]) - 0.5 * X[:, 1]
BITS = (X[:, 0] * X[:, 1] > 0).astype(int)
TARGETS = {"hinge": 2 * BITS - 1, "binary_cross_entropy": BITS, "cross_entropy": BITS + (X[:, 2] > 0)}


def trained(backend, loss=nn.mse, y=REAL, optimizer=None, outputs=1, rows=53, **options):
    """The history of a small network, its parameters with their gradients, and its optimiser."""
    model = MLP(3, [5, outputs], "tanh", seed=1)
    made = SGD(model.parameters(), lr=0.1) if optimizer is None else optimizer(model.parameters())
    options = {"epochs": 3, "batch_size": 20, "seed": 2, "progress": False} | options
    history = fit(model, X[:rows], y[:rows], loss=loss, optimizer=made, backend=backend, **options)
    return history, [number for p in model.parameters() for number in (p.data, p.grad)], made


def numbers(history):
    return np.concatenate([np.ravel(part) for part in [*history.measures.values(), *history.gradient_norms.values()]])


def assert_same(**options):
    """Train with both, and return the history that they share."""
    wanted, theta, optimizer = trained("numpy", **options)
    found, theta_found, optimizer_found = trained("jax", **options)
    assert found.measures.keys() == wanted.measures.keys()
    assert numbers(found) == pytest.approx(numbers(wanted), rel=1e-9, abs=1e-12)
    assert theta_found == pytest.approx(theta, rel=1e-9, abs=1e-9)
    assert (found.stopped, optimizer_found.steps, found.compiled) == (wanted.stopped, optimizer.steps, True)
    for name, state in optimizer.state.items():
        assert optimizer_found.state[name] == pytest.approx(np.array(state), rel=1e-9, abs=1e-12)
    return found


@pytest.mark.parametrize(("name", "schedule"), list(zip(OPTIMIZERS, itertools.cycle(SCHEDULES.values()))), ids=str)
def test_every_optimiser_goes_the_same_way(name, schedule):
    kind, options = OPTIMIZERS[name]
    assert_same(optimizer=lambda parameters: getattr(nn, kind)(parameters, lr=schedule, **options))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_every_loss_has_the_same_history(loss):
    outputs = 3 if loss is nn.cross_entropy else 1
    history = assert_same(loss=loss, y=TARGETS.get(loss.__name__, REAL), outputs=outputs)
    assert bool(history.accuracy) is (loss.metric is not None)


@pytest.mark.parametrize(("rows", "size"), [(53, None), (53, 20), (17, 16), (3, 2), (1, None)])
def test_batches_that_do_not_divide_among_devices_are_filled_up(rows, size):
    assert_same(rows=rows, batch_size=size)


def test_options_of_fit_mean_the_same():
    held_out = (X[40:], REAL[40:])
    options = {"max_norm": 0.05, "gradient_norms": True, "restore_best": True, "stop": Stop(patience=2), "epochs": 8}
    options["metric"] = lambda outputs, targets: max(abs(o - t) for o, t in zip(outputs, targets))
    history = assert_same(rows=40, validation=held_out, penalty=lambda p: 0.01 * nn.l2(p), **options)
    assert history.gradient_norms
    assert_same(loss=nn.cross_entropy, y=BITS, outputs=2, rows=40, validation=(X[40:], BITS[40:]))
    assert_same(validation=0.3)


def test_step_has_exactly_one_all_reduce_and_no_other_collective():
    model = MLP(3, [5, 2], "tanh", seed=1)
    optimizer = Adam(model.parameters())
    with data_parallel.precision_of("jax"):
        steps = ParallelSteps(TrainingTask(model, nn.cross_entropy, nn.accuracy, optimizer, max_norm=1.0))
        data = steps.data(Examples(X, BITS))
        steps.check(data)
        batches = [list(range(20)), list(range(20, 40))]
        arguments = steps.arguments(data.batch(batches[0]))
        of_step = steps.kernels[0].lower(*arguments).compile().as_text()
        of_epoch = steps.kernels[2].lower(*steps.arguments_of_epoch(data, batches)).compile().as_text()
    for text in (of_step, of_epoch):
        found = re.findall(r"= \S+ (all-\w+|reduce-scatter|collective-\w+)(?:-start)?\(", text)
        assert found == ["all-reduce"]
    assert " while(" in of_epoch  # in whose body it stands
    theta, _, inputs, *_ = arguments
    assert theta.sharding.is_fully_replicated
    assert {shard.data.shape for shard in inputs.addressable_shards} == {(1, 3, 3)}  # 20 examples in 8 times 3


def test_callbacks_may_change_what_is_trained_with():
    def run(backend):
        model = MLP(3, [5, 1], "tanh", seed=1)
        frozen = model.layers[0].neurons[0].b
        trained_ones = [p for p in model.parameters() if p is not frozen]
        optimizer = SGD(trained_ones, lr=0.1, momentum=0.5)

        def change(history):
            if len(history.loss) == 2:
                frozen.data = 0.7
                optimizer.momentum = 0.9
                trained_ones[0].data += 0.1
                optimizer.lr = 0.05

        options = {"optimizer": optimizer, "epochs": 4, "callbacks": [change], "progress": False}
        history = fit(model, X, REAL, loss=nn.mse, backend=backend, **options)
        return [*history.loss, *(p.data for p in model.parameters())]

    assert run("jax") == pytest.approx(run("numpy"), rel=1e-9)


def test_training_goes_on_from_a_checkpoint(tmp_path):
    """Model and optimiser are written after each epoch; whoever is interrupted goes on from there."""

    def run(backend, path=None):
        model = MLP(3, [5, 1], "tanh", seed=1)
        optimizer = Adam(model.parameters(), lr=0.05)
        options = {"loss": nn.mse, "backend": backend, "progress": False}
        if path is None:
            return fit(model, X, REAL, optimizer=optimizer, epochs=6, **options).loss

        def checkpoint(history):
            state = {name: list(map(float, numbers)) for name, numbers in optimizer.state.items()}
            nn.save(model, path, {"state": state, "steps": optimizer.steps})
            if len(history.loss) == 4:
                raise KeyboardInterrupt

        first = fit(model, X, REAL, optimizer=optimizer, epochs=6, callbacks=[checkpoint], **options)
        assert first.stopped == "interrupted in epoch 4"
        saved = nn.storage.read(path)
        model = saved.model()
        optimizer = Adam(model.parameters(), lr=0.05)
        optimizer.state, optimizer.steps = saved.extra["state"], saved.extra["steps"]
        return first.loss + fit(model, X, REAL, optimizer=optimizer, epochs=2, **options).loss

    whole = run("numpy")
    assert run("jax") == pytest.approx(whole, rel=1e-9)
    assert run("jax", tmp_path / "model.json") == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize(("kind", "lr"), [(SGD, 1e200), (SGD, 1e3), (Adam, 1e308)])
def test_divergence_ends_training_with_the_same_words(kind, lr):
    optimizer = lambda parameters: kind(parameters, lr=lr)
    results = [trained(backend, optimizer=optimizer, epochs=60, loss=nn.mse) for backend in ("numpy", "jax")]
    (wanted, theta, _), (found, theta_found, _) = results
    assert "smaller learning rate" in wanted.stopped
    digits = r"(?<=\.\d{6})\d+"  # of a loss that is too large, the last ones differ
    assert re.sub(digits, "", found.stopped) == re.sub(digits, "", wanted.stopped)
    assert theta_found == pytest.approx(theta, rel=1e-6)


def test_bad_examples_are_the_same_errors():
    spoiled = REAL.copy()
    spoiled[3] = math.nan
    (wanted, *_), (found, *_) = (trained(backend, y=spoiled) for backend in ("numpy", "jax"))
    assert "target number 3, counted from 0, is nan" in found.stopped
    assert found.stopped == wanted.stopped
    for backend in ("numpy", "jax"):
        with pytest.raises(ValueError, match=r"sqrt is defined for x >= 0"):
            trained(backend, loss=lambda o, t: nn.mse([sqrt(z - 100.0) for z in o], t))


def test_rule_that_branches_and_loss_of_all_examples_together_are_errors_that_say_what_to_write():
    class Branching(Optimizer):
        vectorized = True

        def rule(self, lr, t):
            rate = 0.5 * lr if t > 1 else lr
            return lambda p, g: (p - rate * g,)

    with pytest.raises(TypeError, match=r"the rule of Branching cannot be traced by JAX.*write it with operators"):
        trained("jax", optimizer=lambda p: Branching(p, lr=0.1))
    with pytest.raises(ValueError, match="is the mean over its examples"):
        trained("jax", loss=lambda o, t: nn.mse(o, t) * len(o))


class OfItsSteps(Optimizer):
    """A rule that looks at what the optimiser keeps."""

    vectorized = True

    def rule(self, lr, t):
        rate = self.lr if callable(self.lr) else 0.5 * (self.lr + lr)
        return lambda p, g: (p - (lr if callable(rate) else rate) / (1.0 + self.steps) * g,)


@pytest.mark.parametrize("lr", [0.1, lambda t: 0.1 / (1 + t)], ids=["constant", "schedule"])
def test_rule_may_look_at_its_steps_and_rate_and_callbacks_at_the_gradient(lr):
    seen = []

    def callback(history):
        made.lr = lr if callable(lr) else 0.9 * made.lr
        seen[-1] += [p.grad for p in made.parameters]

    def optimizer(parameters):
        nonlocal made
        made = OfItsSteps(parameters, lr=lr)
        seen.append([])
        return made

    made = None
    assert_same(optimizer=optimizer, callbacks=[callback], max_norm=0.2)
    assert seen[1] == pytest.approx(seen[0], rel=1e-9)
    assert any(seen[0])


def test_optimizer_that_is_not_said_to_be_vectorized_is_an_error():
    kind = type("Own", (SGD,), {"rule": SGD.rule})
    with pytest.raises(TypeError, match=r"steps on arrays, and Own does not say.*vectorized = True"):
        trained("jax", optimizer=lambda p: kind(p, lr=0.1))


def test_rate_that_a_class_computes_is_taken():
    rate = property(lambda self: 0.1 * (1.0 + math.cos(self.steps)) / 2.0)
    assert_same(optimizer=lambda p: type("Own", (SGD,), {"rate": rate, "vectorized": True})(p))


@pytest.mark.parametrize("name", ["step", "zero_grad", "updated"])
def test_optimizer_that_does_more_than_its_rule_says_is_an_error(name):
    methods = {name: getattr(SGD, name), "updated": SGD.updated, "vectorized": True}
    with pytest.raises(TypeError, match="by the rule of an optimizer alone, and Own overrides step, zero_grad or upd"):
        trained("jax", optimizer=lambda p: type("Own", (SGD,), methods)(p, lr=0.1))


class Biased(nn.Module):
    def __init__(self):
        self.w = [autograd.Value(0.1 * i) for i in range(6)]

    def forward(self, x):
        return sum(w * v for w, v in zip(self.w, x * 2))


def test_examples_keep_their_nesting():
    def train(backend, held_out):
        model = Biased()
        options = {"loss": nn.mse, "epochs": 3, "optimizer": SGD(model.parameters(), lr=0.1), "validation": held_out}
        return numbers(fit(model, X.tolist(), REAL, backend=backend, **options))

    held_out = X[:9].tolist(), REAL[:9].tolist()
    assert train("jax", held_out) == pytest.approx(train("numpy", held_out), rel=1e-9)
    with pytest.raises(ValueError, match="something else of the held-out examples, which are nested otherwise"):
        train("jax", (X[:9], REAL[:9]))


def test_eight_devices_are_simulated_in_a_precision_that_is_double_in_fit_only():
    assert len(jax.devices()) == 8
    before = jax.config.jax_enable_x64
    assert_same(rows=8)
    assert jax.config.jax_enable_x64 is before


def test_whole_sets_are_sent_to_the_devices_once(monkeypatch):
    sent = []
    spread = jax.make_array_from_process_local_data

    def counted(sharding, array):
        sent.append(array.shape)
        return spread(sharding, array)

    monkeypatch.setattr(data_parallel.load_jax("a test"), "make_array_from_process_local_data", counted)
    trained("jax", batch_size=None, epochs=5)
    assert sent.count((8, 7, 3)) == 1  # 53 examples in 8 times 7


class Logarithm(nn.Module):
    """A model that is not defined where nothing is, as in the rest of a batch that fills no device."""

    def __init__(self):
        self.w = Value(0.5)

    def forward(self, x):
        return self.w * log(x[0])


def test_batches_that_do_not_fill_the_devices_count_as_what_they_are():
    X, y = [[1.0 + i] for i in range(11)], [0.1 * i for i in range(11)]
    found = []
    for backend in ("numpy", "jax"):
        model = Logarithm()
        history = fit(model, X, y, loss=nn.mse, epochs=3, batch_size=5, seed=1, backend=backend)
        found.append([*history.loss, model.w.data])
    assert found[1] == pytest.approx(found[0], rel=1e-12)
