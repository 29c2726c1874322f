"""States of PyTorch: all of them is loaded or none, and models that are more than their layers are refused."""

import re
from decimal import Decimal

import numpy as np
import pytest

import nn
from autograd import Value
from autograd.export import load_torch_state, to_torch
from autograd.export.networks import dense_layers
from autograd.rules import with_article

NO_NUMBERS = [None, "0.5", 10**400, 10**5000, 1j, [], [1.0], {}, object(), Decimal("0.5"), Value(1.0), np.array(1.0)]
PLACES = ["0.weight[0][0]", "0.weight[1][1]", "0.bias[1]", "2.weight[0][1]", "2.bias[0]"]


def state():
    return {"0.weight": [[5.0, 6.0], [7.0, 8.0]], "0.bias": [1.0, 2.0], "2.weight": [[3.0, 4.0]], "2.bias": [9.0]}


@pytest.mark.parametrize("odd", NO_NUMBERS, ids=lambda odd: type(odd).__name__)
@pytest.mark.parametrize("place", PLACES)
def test_entry_that_is_no_number_is_named_and_changes_nothing(place, odd):
    model, numbers = nn.MLP(2, [2, 1], seed=1), state()
    before = model.state_dict()
    key, *indices = place.replace("]", "").split("[")
    *outer, last = map(int, indices)
    (numbers[key][outer[0]] if outer else numbers[key])[last] = odd
    with pytest.raises(ValueError, match=r"^this state does not fit MLP: .*; nothing was changed$") as error:
        load_torch_state(model, numbers)
    assert f" {place} is " in str(error.value) or (f" {key} of shape (1, " in str(error.value) and type(odd) is list)
    assert model.state_dict() == before
    load_torch_state(model, state())
    assert list(model.state_dict().values()) == [5.0, 6.0, 1.0, 7.0, 8.0, 2.0, 3.0, 4.0, 9.0]


@pytest.mark.parametrize("wrong", ["model.pt", None, 3, [1.0]], ids=repr)
def test_what_is_no_state_is_named(wrong):
    found = re.escape(
        f"takes a state_dict, or a module that has one, got {with_article(wrong)}: {wrong!r}; write torch"
    )
    with pytest.raises(TypeError, match=found):
        load_torch_state(nn.MLP(2, [1], seed=1), wrong)


def test_weight_that_is_computed_is_named_and_changes_nothing():
    model = nn.MLP(2, [2, 1], seed=1)
    model.layers[1].neurons[0].w[1] = model.layers[1].neurons[0].w[0] * 3.0
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"2.weight\[0\]\[1\] is for a weight that is computed, by \*;"):
        load_torch_state(model, state())
    assert model.state_dict() == before


def test_names_of_a_state_are_strings():
    with pytest.raises(ValueError, match="unexpected 3"):
        load_torch_state(nn.Neuron(2), {3: [1.0]})
    with pytest.raises(ValueError, match=r": bias\[0\] is None, not a number"):
        load_torch_state(nn.Neuron(2), {"weight": [[1.0, 2.0]], "bias": [None]})


class Doubled(nn.Layer):
    def __call__(self, x):
        return [2.0 * z for z in super().__call__(x)]


class Halved(nn.Neuron):
    def forward(self, x):
        return super().forward(x) * 0.5


def shifted(part):
    """Return a part of a model with a forward of its own, as an attribute."""
    plain = part.forward
    part.forward = lambda x: [z + 1.0 for z in plain(x)]
    return part


PARTS = {
    "function": lambda: lambda x: [z * 2 for z in x],
    "class": lambda: nn.Layer,
    "number": lambda: 3,
    "None": lambda: None,
    "string": lambda: "relu",
    "network in a network": lambda: nn.MLP(1, [1], seed=1),
    "neuron as a layer": lambda: nn.Neuron(1),
    "own call": lambda: Doubled(1, 1),
    "own forward": lambda: shifted(nn.Layer(1, 1)),
}


@pytest.mark.parametrize("made", PARTS.values(), ids=PARTS)
def test_layer_that_computes_something_else_is_refused(made):
    pytest.importorskip("torch")
    model, part = nn.MLP(2, [2, 1], seed=1), made()
    model.layers.append(part)
    for ask in (to_torch, lambda model: load_torch_state(model, {}), lambda model: dense_layers(model, "to_onnx")):
        with pytest.raises(TypeError, match=f"got an MLP with {with_article(part)} in it; compile that"):
            ask(model)


def test_neuron_that_computes_something_else_is_refused():
    pytest.importorskip("torch")
    for model in (nn.MLP(2, [2, 1], seed=1), nn.Layer(2, 2)):
        layer = model.layers[0] if isinstance(model, nn.MLP) else model
        layer.neurons[1] = Halved(2)
        with pytest.raises(TypeError, match=f"got {with_article(model)} with a Halved in it"):
            to_torch(model)
    with pytest.raises(TypeError, match="got a Halved with a forward of its own"):
        to_torch(Halved(2))
    with pytest.raises(TypeError, match="got a Layer with a forward of its own"):
        to_torch(shifted(nn.Layer(1, 1)))


def test_class_that_only_adds_to_a_network_is_one():
    pytest.importorskip("torch")

    class Named(nn.MLP):
        name = "mine"

    assert len(to_torch(Named(2, [2, 1]))) == 3
