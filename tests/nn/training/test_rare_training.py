"""Rare training: losses of whole batches, held-out examples that are not defined, errors before the first step."""

import pytest

from autograd import Value, log, mean
from autograd.compiler.backends import BACKENDS
from nn import MLP, SGD, Adam, Module, fit, load, mse, save
from nn.data.datasets import Standardization
from nn.data.encoder import Column, Encoder
from nn.training import storage
from tests.nn.training.small import BOTH_WAYS


class Logarithm(Module):
    def __init__(self):
        self.w = Value(0.5, "w")

    def forward(self, x):
        return self.w * log(x[0])


X = [[1.0 + 0.01 * i] for i in range(60)]
ONES = [1.0] * len(X)


def whole(outputs, targets):
    if len(outputs) < len(X):
        raise ValueError("this loss is of all examples together")
    return mean([(a - b) ** 2 for a, b in zip(outputs, targets, strict=True)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_back_end_cannot_run_a_loss_of_a_whole_batch(backend):
    model = Logarithm()
    with pytest.raises(ValueError, match=f"backend='{backend}' needs a loss that is the mean over its examples"):
        fit(model, X, ONES, loss=whole, epochs=1, backend=backend)
    assert model.w.data == 0.5
    history = fit(model, X, ONES, loss=whole, epochs=1)
    twin = Logarithm()
    assert history.loss == pytest.approx(fit(twin, X, ONES, loss=mse, epochs=1).loss, rel=1e-13)
    assert model.w.data == pytest.approx(twin.w.data, rel=1e-13)


@BOTH_WAYS
def test_held_out_example_that_is_not_defined_is_an_error_and_nothing_is_changed(compiled):
    held_out = [[1.0 + 0.01 * i] for i in range(200)]
    held_out[97] = [-1.0]
    model = Logarithm()
    optimizer = Adam(model.parameters(), lr=0.1)
    beside = {"validation": (held_out, [1.0] * 200), "compiled": compiled}
    with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = -1\.0"):
        fit(model, X, ONES, loss=mse, optimizer=optimizer, epochs=3, **beside)
    assert (model.w.data, optimizer.steps) == (0.5, 0)


class Refusing(list):
    def __getitem__(self, index):
        raise RuntimeError("these examples cannot be read")


def test_examples_that_cannot_be_read_leave_all_as_it_was():
    model = Logarithm()
    optimizer = SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="these examples cannot be read"):
        fit(model, Refusing(X), ONES, loss=mse, optimizer=optimizer, epochs=1)
    assert (model.w.data, optimizer.steps) == (0.5, 0)


def test_encoder_is_kept_beside_a_model_of_ones_own_too(tmp_path):
    encoder = Encoder((Column("x", (), 2.0, False),), "y", ("a", "b"), Standardization((0.0,), (1.0,)), None)
    path = tmp_path / "model.json"
    save(Logarithm(), path, {"encoder": encoder.to_json()})
    assert Encoder.of_saved(storage.read(path)) == encoder
    with pytest.raises(storage.StorageError, match="Logarithm"):
        load(path)


@pytest.mark.parametrize(("batch_size", "examples"), [(None, 6), (4, 4), (9, 6)])
def test_step_without_memory_names_its_examples_and_leaves_the_model_as_it_was(batch_size, examples):
    def full(outputs, targets):
        raise MemoryError

    model = MLP(1, [2, 1], seed=1)
    before = model.state_dict()
    inputs = [[0.1 * i] for i in range(6)]
    with pytest.raises(MemoryError, match=f"a step on {examples} examples has no memory to run in; give fit a smaller"):
        fit(model, inputs, [0.0] * 6, loss=full, batch_size=batch_size, compiled=False)
    assert model.state_dict() == before
