"""Modules: what counts as a parameter, what a neuron, a layer and an MLP compute, and what survives a copy."""

import copy
import dataclasses
import gc
import math
import os
import pickle
import random
import statistics
import subprocess
import sys
from collections import OrderedDict, deque
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import nn
from autograd import Constant, Value, leaky_relu, no_grad, relu, tanh
from nn import MLP, Layer, Module, Neuron
from nn.training.norms import layers


class Line(Module):
    def __init__(self, slope=2.0, intercept=1.0):
        self.slope, self.intercept = Value(slope), Value(intercept)

    def forward(self, x):
        return self.slope * x + self.intercept


class Keeper(Module):
    """Stores its last output, as a recurrent cell stores its state."""

    def __init__(self):
        self.w, self.last = Value(2.0), None

    def forward(self, x):
        self.last = self.w * x
        return self.last


def neuron_of(w, b, activation):
    neuron = Neuron(len(w), activation)
    neuron.load_state_dict({**{f"w.{i}": number for i, number in enumerate(w)}, "b": b})
    return neuron


def names(module):
    return [name for name, _ in module.named_parameters()]


# The package


@pytest.mark.parametrize("name", nn.__all__)
def test_public_name_exists_and_has_a_docstring_of_its_own(name):
    thing = getattr(nn, name)
    assert thing.__doc__
    assert isinstance(thing, type) or thing.__doc__ != type(thing).__doc__


def test_all_names_nothing_twice():
    assert len(nn.__all__) == len(set(nn.__all__))


def test_import_loads_only_the_standard_library_and_autograd():
    code = "import sys; before = set(sys.modules); import nn; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"autograd", "nn"}


# What is a parameter


def test_own_module_finds_its_parameters_in_order_of_assignment():
    line = Line()
    assert names(line) == ["slope", "intercept"]
    assert line.parameters() == [line.slope, line.intercept]


def test_parameters_are_found_in_lists_tuples_dicts_and_modules_at_any_depth():
    class Net(Module):
        def __init__(self):
            self.scale = Value(1.0)
            self.table = [[Value(2.0)], (Value(3.0), {"a": Value(4.0)})]
            self.named = OrderedDict(first=Line(), second=[Line()])

    net = Net()
    assert names(net) == [
        "scale",
        "table.0.0",
        "table.1.0",
        "table.1.1.a",
        "named.first.slope",
        "named.first.intercept",
        "named.second.0.slope",
        "named.second.0.intercept",
    ]
    assert [p.data for p in net.parameters()] == [1.0, 2.0, 3.0, 4.0, 2.0, 1.0, 2.0, 1.0]


def test_parameter_added_after_construction_is_found():
    line = Line()
    line.curvature = Value(0.5)
    assert names(line) == ["slope", "intercept", "curvature"]


def test_replaced_parameter_is_forgotten():
    line = Line()
    line.slope = Value(7.0)
    assert line.state_dict() == {"slope": 7.0, "intercept": 1.0}


def test_tied_parameter_is_listed_once_under_its_first_name():
    class Tied(Module):
        def __init__(self):
            self.encode = Line()
            self.decode = Line()
            self.decode.slope = self.encode.slope
            self.again = [self.encode, self.encode.slope]

    tied = Tied()
    assert names(tied) == ["encode.slope", "encode.intercept", "decode.intercept"]
    assert len(tied.parameters()) == 3


def test_equal_numbers_are_different_parameters():
    class Twins(Module):
        def __init__(self):
            self.pair = [Value(1.0), Value(1.0)]

    assert names(Twins()) == ["pair.0", "pair.1"]


def test_constants_plain_numbers_and_computed_values_are_no_parameters():
    class Net(Module):
        def __init__(self):
            self.w = Value(3.0)
            self.fixed = Constant(4.0)
            self.square = self.w * self.w
            self.number, self.text, self.nothing, self.function = 5.0, "w", None, tanh

    assert names(Net()) == ["w"]


def test_stored_output_is_no_parameter():
    keeper = Keeper()
    keeper(3.0)
    assert keeper.state_dict() == {"w": 2.0}


def test_module_without_parameters_has_none():
    module = Module()
    assert (module.parameters(), module.state_dict()) == ([], {})
    module.load_state_dict({})


def test_zero_grad_resets_every_parameter_and_nothing_else():
    line, x = Line(), Value(3.0)
    line(x).backward()
    assert (line.slope.grad, line.intercept.grad, x.grad) == (3.0, 1.0, 2.0)
    line.zero_grad()
    assert (line.slope.grad, line.intercept.grad, x.grad) == (0.0, 0.0, 2.0)


def test_gradients_of_several_examples_add_up_until_zero_grad():
    line = Line()
    line(3.0).backward()
    line(4.0).backward()
    assert (line.slope.grad, line.intercept.grad) == (7.0, 2.0)


# State


def test_state_dict_holds_the_numbers_by_name():
    assert Line(slope=5.0).state_dict() == {"slope": 5.0, "intercept": 1.0}
    assert list(MLP(1, [2, 1]).state_dict()) == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
        "layers.0.neurons.1.b",
        "layers.1.neurons.0.w.0",
        "layers.1.neurons.0.w.1",
        "layers.1.neurons.0.b",
    ]


def test_state_dict_is_a_snapshot():
    line = Line()
    state = line.state_dict()
    line.slope.data = 9.0
    assert state["slope"] == 2.0
    state["intercept"] = 9.0
    assert line.intercept.data == 1.0


def test_loaded_state_makes_the_other_model_compute_the_same():
    model, other = MLP(2, [5, 2], "tanh", seed=1), MLP(2, [5, 2], "tanh", seed=2)
    parameters = other.parameters()
    other.load_state_dict(model.state_dict())
    assert other.state_dict() == model.state_dict()
    assert [v.data for v in other([0.3, -0.7])] == [v.data for v in model([0.3, -0.7])]
    assert other.parameters() == parameters  # the same nodes, which an optimiser may hold


def test_loaded_tied_parameter_keeps_its_tie():
    class Tied(Module):
        def __init__(self, number):
            self.a = self.b = Value(number)

    tied = Tied(1.0)
    tied.load_state_dict(Tied(2.0).state_dict())
    assert tied.a is tied.b
    assert tied.b.data == 2.0


def test_whole_numbers_are_loaded_as_floats():
    line = Line()
    line.load_state_dict({"slope": 3, "intercept": -1})
    assert repr(line.state_dict()) == "{'slope': 3.0, 'intercept': -1.0}"


def test_state_that_does_not_fit_is_listed_whole_and_changes_nothing():
    neuron = neuron_of([1.0, 2.0, 3.0], 4.0, None)
    before = neuron.state_dict()
    state = {"w.0": "7", "w.1": 8.0, "z": 1.0, "extra": 2.0, "b": None}
    expected = (
        r"^this state does not fit Neuron: missing: w\.2; unexpected: extra, z; not a number: b, w\.0; "
        r"nothing was changed$"
    )
    with pytest.raises(ValueError, match=expected):
        neuron.load_state_dict(state)
    assert neuron.state_dict() == before


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        ({"slope": 1.0}, "missing: intercept"),
        ({}, "missing: intercept, slope"),
        ({"slope": 1.0, "intercept": 1.0, "w": 0.0}, "unexpected: w"),
        ({"slope": 1.0, "intercept": True}, "not a number: intercept"),
        ({"slope": [1.0], "intercept": Value(1.0)}, "not a number: intercept, slope"),
        ({"slope": 1j, "intercept": 1.0}, "not a number: slope"),
    ],
)
def test_each_kind_of_misfit_alone_is_named_and_no_other(state, complaint):
    line = Line()
    with pytest.raises(ValueError, match=f"^this state does not fit Line: {complaint}; nothing was changed$"):
        line.load_state_dict(state)
    assert line.state_dict() == {"slope": 2.0, "intercept": 1.0}


def test_name_that_is_no_string_is_listed_as_unexpected():
    with pytest.raises(ValueError, match=r"unexpected: 0; nothing was changed$"):
        Line().load_state_dict({"slope": 1.0, "intercept": 1.0, 0: 1.0})


def test_number_too_large_for_a_float_does_not_fit_and_changes_nothing():
    line = Line()
    with pytest.raises((ValueError, OverflowError)):
        line.load_state_dict({"slope": 5.0, "intercept": 10**400})
    assert line.state_dict() == {"slope": 2.0, "intercept": 1.0}


# Calling


def test_module_without_forward_says_so():
    class Empty(Module):
        pass

    with pytest.raises(NotImplementedError, match=r"^Empty defines no forward\(self, \.\.\.\)$"):
        Empty()(1.0)


def test_module_takes_as_many_inputs_as_its_forward():
    class Product(Module):
        def forward(self, a, b):
            return a * b

    assert Product()(Value(2.0), Value(3.0)).data == 6.0


def test_scopes_of_a_call_are_nested_as_the_modules_are():
    output = MLP(2, [3, 1], seed=1)([1.0, 2.0])
    titles, around = [], output.scope
    while around is not None:
        titles.append(around.title)
        around = around.outer
    assert titles == ["Neuron", "Layer", "MLP"]


def test_scope_has_the_name_of_the_class_and_the_parameters_of_the_module():
    line = Line()
    scope = line(3.0).scope
    assert (scope.title, scope.outer) == ("Line", None)
    assert scope.parameters() == line.parameters()


def test_neurons_of_one_layer_have_scopes_of_their_own_in_the_same_layer():
    first, second = Layer(2, 2, seed=1)([1.0, 2.0])
    assert first.scope is not second.scope
    assert first.scope.outer is second.scope.outer


def test_scope_is_left_when_forward_raises():
    class Broken(Module):
        def forward(self):
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        Broken()()
    assert (Value(1.0) * 2.0).scope is None


def test_module_that_stores_its_outputs_makes_no_reference_cycle():
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        keeper = Keeper()
        keeper(keeper(3.0)).backward()
        del keeper
        assert gc.collect() == 0
    finally:
        if enabled:
            gc.enable()


def test_trained_model_makes_no_reference_cycle():
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        model = MLP(2, [4, 1], seed=1)
        model([1.0, 2.0]).backward()
        del model
        assert gc.collect() == 0
    finally:
        if enabled:
            gc.enable()


# Neuron, Layer, MLP: what they compute


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (None, -4.5),
        ("linear", -4.5),
        ("relu", 0.0),
        ("tanh", math.tanh(-4.5)),
        ("abs", 4.5),
        ("leaky_relu", -0.045),
        (tanh, math.tanh(-4.5)),
        (lambda z: leaky_relu(z, 0.2), -0.9),
        (lambda z: z * z, 20.25),
    ],
)
def test_neuron_is_activation_of_weights_times_inputs_plus_bias(activation, expected):
    neuron = neuron_of([2.0, -3.0], 0.5, activation)
    assert neuron([0.5, 2.0]).data == pytest.approx(expected, rel=1e-15)  # 2 * 0.5 - 3 * 2 + 0.5


def test_neuron_hands_back_the_gradients_of_weights_bias_and_inputs():
    neuron = neuron_of([2.0, -1.0], 0.25, "tanh")
    x = [Value(0.5), Value(1.0)]
    y = neuron(x)  # tanh(0.25)
    y.backward()
    slope = 1.0 - math.tanh(0.25) ** 2
    gradients = [p.grad for p in (*neuron.w, neuron.b, *x)]
    assert gradients == pytest.approx([0.5 * slope, slope, slope, 2.0 * slope, -slope], rel=1e-15)


def test_layer_returns_the_outputs_of_its_neurons():
    layer = Layer(2, 2, None)
    layer.neurons = [neuron_of([1.0, 2.0], 3.0, None), neuron_of([-1.0, 0.5], 0.0, "relu")]
    assert [output.data for output in layer([2.0, 1.0])] == [7.0, 0.0]


def test_layer_of_one_neuron_returns_a_list():
    outputs = Layer(2, 1, seed=1)([1.0, 2.0])
    assert isinstance(outputs, list)
    assert len(outputs) == 1


def test_mlp_composes_its_layers():
    model = MLP(2, [2, 1], activation="relu", output=None)
    model.layers[0].neurons = [neuron_of([1.0, 2.0], 0.0, "relu"), neuron_of([-1.0, 0.0], 0.5, "relu")]
    model.layers[1].neurons = [neuron_of([0.5, 3.0], -1.0, None)]
    assert model([2.0, 1.0]).data == 1.0  # 0.5 * 4 + 3 * 0 - 1
    assert model([-1.0, 0.0]).data == 3.5  # 0.5 * 0 + 3 * 1.5 - 1


def test_mlp_of_one_output_returns_one_value():
    assert isinstance(MLP(2, [3, 1], seed=1)([1.0, 2.0]), Value)


def test_mlp_of_several_outputs_returns_their_list():
    outputs = MLP(2, [3, 2], seed=1)([1.0, 2.0])
    assert [type(output) for output in outputs] == [Value, Value]


@pytest.mark.parametrize("nouts", [[1, 1], [1, 1, 1], [3, 1, 2], [1]])
def test_hidden_layers_of_width_one_work(nouts):
    model = MLP(2, nouts, "tanh", seed=1)
    output = model([1.0, 2.0])
    outputs = output if nouts[-1] > 1 else [output]
    assert len(outputs) == nouts[-1]
    sum(outputs, Value(0.0)).backward()
    assert all(parameter.grad != 0.0 for parameter in model.parameters())


def test_hidden_layers_take_activation_and_the_last_takes_output():
    model = MLP(2, [3, 4, 2], activation="tanh", output="sigmoid")
    assert [layer.neurons[-1].activation.name for layer in model.layers] == ["tanh", "tanh", "sigmoid"]
    assert [len(layer.neurons) for layer in model.layers] == [3, 4, 2]


def test_hidden_layers_are_relu_and_the_last_is_linear_by_default():
    model = MLP(2, [3, 2])
    assert [layer.neurons[0].activation for layer in model.layers] == [relu, None]


# What they take


INPUTS = [0.5, -2.0]


NETWORKS = [(Neuron, ()), (Layer, (2,)), (MLP, ([3, 1],))]  # and the widths behind the number of inputs


@pytest.mark.parametrize(
    "x",
    [
        (0.5, -2.0),
        [Value(0.5), Value(-2.0)],
        [Value(0.5), -2.0],
        [Constant(0.5), -2],
        np.array([0.5, -2.0]),
        np.array([0.5, -2.0], dtype=np.float32),
        np.array([Value(0.5), Value(-2.0)]),
        np.array([[0.5, -2.0], [1.0, 1.0]])[0],
        list(np.array([0.5, -2.0])),
    ],
    ids=["tuple", "Values", "mixed", "constant", "array", "float32", "objects", "row", "scalars"],
)
@pytest.mark.parametrize(("kind", "widths"), NETWORKS)
def test_inputs_are_any_sequence_of_floats_or_values(kind, widths, x):
    module = kind(2, *widths, seed=1)
    outputs, expected = module(x), module(INPUTS)
    if isinstance(expected, list):
        assert [output.data for output in outputs] == [output.data for output in expected]
    else:
        assert outputs.data == expected.data


def test_plain_inputs_are_constants_and_values_get_gradients():
    neuron = neuron_of([2.0, 3.0], 0.0, None)
    x = Value(1.0)
    neuron([x, 5.0]).backward()
    assert (x.grad, neuron.w[1].grad) == (2.0, 5.0)


def test_inputs_are_not_changed():
    x = [0.5, -2.0]
    MLP(2, [3, 1], seed=1)(x)
    assert x == [0.5, -2.0]
    assert [type(number) for number in x] == [float, float]


@pytest.mark.parametrize("x", [[], [1.0], [1.0, 2.0, 3.0, 4.0], np.zeros(2)])
@pytest.mark.parametrize(("kind", "widths"), NETWORKS)
def test_wrong_number_of_inputs_is_an_error_that_says_both_numbers(kind, widths, x):
    with pytest.raises(ValueError, match=f"^{kind.__name__} takes 3 inputs, got {len(x)}$"):
        kind(3, *widths)(x)


@pytest.mark.parametrize("x", [1.0, None, Value(1.0)])
@pytest.mark.parametrize(("kind", "widths"), NETWORKS)
def test_input_that_is_no_sequence_is_an_error_that_shows_it(kind, widths, x):
    with pytest.raises(
        TypeError, match=rf"^{kind.__name__} takes a sequence of 1 numbers, got (1\.0|None|Value\(data=1\.0)"
    ):
        kind(1, *widths)(x)


@pytest.mark.parametrize(
    ("x", "found"),
    [
        ("ab", "a str: 'a'"),
        ([1.0, None], "a NoneType: None"),
        ([1j, 1.0], "a complex"),
        (np.zeros((2, 2)), "a ndarray"),
    ],
    ids=["text", "None", "complex", "batch"],
)
def test_input_that_holds_no_numbers_is_an_error_that_shows_it(x, found):
    with pytest.raises(TypeError, match=f"takes a real number, got {found}"):
        MLP(2, [2, 1])(x)


# Making them


def test_unknown_activation_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"^activation 'rely' is not known; choose one of linear, .*pass a function$"):
        MLP(2, [2, 1], "rely")
    with pytest.raises(ValueError, match=r"elu, .*gelu, .*leaky_relu, .*relu, sigmoid, .*tanh, .*or pass"):
        MLP(2, [2, 1], output="softmax")
    with pytest.raises(ValueError, match="activation 3 is not known"):
        Neuron(2, 3)


@pytest.mark.parametrize("activation", ["maximum", "fsum", "+", "dot", "**", "where"])
def test_operation_of_several_numbers_is_no_activation(activation):
    with pytest.raises(ValueError, match="is not known"):
        Neuron(2, activation)


def test_every_activation_the_error_lists_is_taken():
    with pytest.raises(ValueError, match="choose one of") as caught:
        Neuron(1, "?")
    listed = str(caught.value).partition("choose one of ")[2].removesuffix(", or pass a function").split(", ")
    assert {"linear", "relu", "tanh", "sigmoid"} <= set(listed)
    for name in listed:
        neuron = neuron_of([1.0], 0.0, name)
        assert neuron([1.5 if name == "acosh" else 0.5]).parents


@pytest.mark.parametrize("size", [0, -1, 2.0, "2", None, [2]])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Neuron, "nin"),
        (lambda size: Layer(size, 2), "nin"),
        (lambda size: Layer(2, size), "nout"),
        (lambda size: MLP(size, [2, 1]), "nin"),
        (lambda size: MLP(2, [size, 1]), "n(in|out)"),
        (lambda size: MLP(2, [2, size]), "nout"),
    ],
    ids=["Neuron nin", "Layer nin", "Layer nout", "MLP nin", "MLP hidden", "MLP last"],
)
def test_size_that_is_no_positive_whole_number_is_an_error(make, name, size):
    with pytest.raises(ValueError, match=f"^{name} is a number of neurons or inputs, 1 or more, got "):
        make(size)


@pytest.mark.parametrize("nouts", [[], (), 3, 0, None])
def test_nouts_must_list_the_widths(nouts):
    with pytest.raises(ValueError, match=r"^nouts lists the width of each layer, such as \[16, 16, 1\], got "):
        MLP(2, nouts)


def test_nouts_may_be_a_tuple_and_is_not_changed():
    widths = [3, 1]
    assert repr(MLP(2, widths, seed=1)) == repr(MLP(2, (3, 1), seed=1))
    assert widths == [3, 1]


# First weights


@pytest.mark.parametrize(
    "make",
    [lambda **seed: Neuron(3, **seed), lambda **seed: Layer(3, 2, **seed), lambda **seed: MLP(3, [4, 2], **seed)],
    ids=["Neuron", "Layer", "MLP"],
)
def test_same_seed_gives_the_same_weights_and_another_gives_others(make):
    assert make(seed=5).state_dict() == make(seed=5).state_dict()
    assert make(seed=5).state_dict() != make(seed=6).state_dict()
    assert make().state_dict() != make().state_dict()


def test_seed_neither_reads_nor_moves_the_global_generator():
    random.seed(1)
    before = random.getstate()
    first = MLP(2, [3, 1], seed=5).state_dict()
    assert random.getstate() == before
    random.seed(2)
    assert MLP(2, [3, 1], seed=5).state_dict() == first


def test_generator_given_as_seed_is_drawn_from():
    rng = random.Random(5)
    first, second = Neuron(3, seed=rng).state_dict(), Neuron(3, seed=rng).state_dict()
    assert first == Neuron(3, seed=5).state_dict()
    assert second != first


def test_all_weights_of_a_model_differ_and_all_biases_are_zero():
    state = MLP(4, [8, 8, 3], seed=1).state_dict()
    weights = [number for name, number in state.items() if not name.endswith(".b")]
    assert len(set(weights)) == len(weights) == 4 * 8 + 8 * 8 + 8 * 3
    assert [number for name, number in state.items() if name.endswith(".b")] == [0.0] * 19


def weights_of(layer):
    return [w.data for neuron in layer.neurons for w in neuron.w]


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "gelu", "silu", "softplus", relu, leaky_relu])
def test_weights_of_the_relu_family_are_normal_with_variance_two_over_nin(activation):
    nin, nout = 50, 400
    weights = weights_of(Layer(nin, nout, activation, seed=1))
    sigma = math.sqrt(2.0 / nin)
    n = nin * nout
    assert abs(statistics.fmean(weights)) < 5 * sigma / math.sqrt(n)
    assert statistics.pvariance(weights) == pytest.approx(sigma**2, rel=5 * math.sqrt(2.0 / n))
    assert sum(abs(w) < sigma for w in weights) / n == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.02)
    assert max(map(abs, weights)) > 3 * sigma


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "sin", None, "linear", lambda z: z * z])
def test_other_weights_are_uniform_with_variance_two_over_nin_plus_nout(activation):
    nin, nout = 50, 400
    weights = weights_of(Layer(nin, nout, activation, seed=1))
    limit = math.sqrt(6.0 / (nin + nout))
    n = nin * nout
    assert 0.999 * limit < max(map(abs, weights)) <= limit
    assert abs(statistics.fmean(weights)) < 5 * limit / math.sqrt(3 * n)
    assert statistics.pvariance(weights) == pytest.approx(2.0 / (nin + nout), rel=5 * math.sqrt(0.8 / n))
    assert sum(abs(w) < limit / 2 for w in weights) / n == pytest.approx(0.5, abs=0.02)


def test_lone_neuron_counts_as_a_layer_of_one():
    limit = math.sqrt(6.0 / (1000 + 1))
    weights = [w.data for w in Neuron(1000, "tanh", seed=1).w]
    assert 0.99 * limit < max(map(abs, weights)) <= limit


def test_signals_keep_their_size_through_many_relu_layers():
    rng = random.Random(1)
    model = MLP(64, [64] * 6, output="relu", seed=1)
    x = [rng.gauss(0.0, 1.0) for _ in range(64)]
    with no_grad():
        squares = statistics.fmean(v.data**2 for v in model(x))
    assert 0.2 < squares / statistics.fmean(number**2 for number in x) < 5.0


# How they show themselves


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Neuron(2), "Neuron(2, relu, 3 parameters)"),
        (lambda: Neuron(3, None), "Neuron(3, linear, 4 parameters)"),
        (lambda: Layer(2, 3, "tanh"), "Layer(2 -> 3, tanh, 9 parameters)"),
        (lambda: Layer(2, 1, leaky_relu), "Layer(2 -> 1, leaky_relu, 3 parameters)"),
        (lambda: Layer(2, 1, "linear"), "Layer(2 -> 1, linear, 3 parameters)"),
        (lambda: Layer(2, 1, lambda z: z), "Layer(2 -> 1, <lambda>, 3 parameters)"),
        (
            lambda: MLP(2, [16, 16, 1]),
            "MLP(2 -> 16 -> 16 -> 1, 337 parameters)\n"
            "  Layer(2 -> 16, relu, 48 parameters)\n"
            "  Layer(16 -> 16, relu, 272 parameters)\n"
            "  Layer(16 -> 1, linear, 17 parameters)",
        ),
    ],
    ids=["Neuron", "linear Neuron", "Layer", "function", "linear", "lambda", "MLP"],
)
def test_repr_shows_sizes_activations_and_parameter_counts(make, text):
    assert repr(make()) == text


def test_layers_are_the_modules_in_attributes_and_lists_or_else_the_attributes():
    of = lambda module: layers(module, module.parameters())
    assert of(Neuron(2)) == {"w": [0, 1], "b": [2]}
    assert of(Layer(1, 2)) == {"neurons.0": [0, 1], "neurons.1": [2, 3]}
    assert of(MLP(1, [1, 1])) == {"layers.0": [0, 1], "layers.1": [2, 3]}
    assert layers(Neuron(2), []) == {}


def test_parameters_are_labelled_for_drawings():
    assert [p.label for p in Neuron(2).parameters()] == ["w0", "w1", "b"]


# Copies


COPIES = {"pickle": lambda model: pickle.loads(pickle.dumps(model)), "deepcopy": copy.deepcopy}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu", None, tanh])
def test_copy_computes_the_same_and_has_gradients_of_its_own(copied, activation):
    model = MLP(2, [4, 1], activation, seed=1)
    other = copied(model)
    assert other.state_dict() == model.state_dict()
    assert not set(other.parameters()) & set(model.parameters())
    output = other([0.5, -2.0])
    output.backward()
    assert output.data == model([0.5, -2.0]).data
    assert all(parameter.grad == 0.0 for parameter in model.parameters())
    model([0.5, -2.0]).backward()
    assert [p.grad for p in other.parameters()] == [p.grad for p in model.parameters()]
    assert any(p.grad != 0.0 for p in other.parameters())


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copy_is_trained_without_the_original(copied):
    model = MLP(2, [4, 1], seed=1)
    before = model.state_dict()
    other = copied(model)
    for parameter in other.parameters():
        parameter.data += 1.0
    assert model.state_dict() == before
    assert all(number == before[name] + 1.0 for name, number in other.state_dict().items())


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copy_keeps_ties_and_gradients(copied):
    pair = {"first": Line(), "second": Line()}
    pair["second"].slope = pair["first"].slope
    pair["first"](3.0).backward()
    other = copied(pair)
    assert other["first"].slope is other["second"].slope
    assert other["first"].slope.grad == 3.0


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copy_of_a_module_that_stores_its_output_has_a_living_graph(copied):
    keeper = Keeper()
    keeper(3.0)
    other = copied(keeper)
    other.last.backward()
    assert (other.w.grad, keeper.w.grad) == (3.0, 0.0)


@pytest.mark.parametrize("nonlin", [True, False, 0])
@pytest.mark.parametrize(("kind", "sizes"), [(Neuron, (2,)), (Layer, (2, 3)), (MLP, (2, [3, 1]))])
def test_nonlin_of_micrograd_names_activation(kind, sizes, nonlin):
    remedy = 'nonlin=True is activation="relu" here, and nonlin=False is activation=None'
    with pytest.raises(TypeError, match=f"^{kind.__name__} takes activation=, got nonlin={nonlin}; .*{remedy}"):
        kind(*sizes, nonlin=nonlin)
    if isinstance(nonlin, bool):
        with pytest.raises(TypeError, match=f"^an activation is the name of a function, .* got {nonlin}; .*{remedy}"):
            kind(*sizes, nonlin)


# What has parameters: other libraries' modules, containers, back references


class Foreign:
    """A neuron of another library: no Module, but with parameters()."""

    def __init__(self, count=2):
        self.w, self.frozen = [Value(float(i)) for i in range(count)], Value(9.0)

    def parameters(self):
        return self.w


class Named(Foreign):
    def named_parameters(self):
        return zip("pq", self.w, strict=True)


@dataclasses.dataclass
class Pair:
    w: Value
    b: Value


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    w: Value


class Holder(Module):
    def __init__(self, **attributes):
        vars(self).update(attributes)


def array_of(*shape):
    array = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        array[place] = Value(1.0)
    return array


HELD = {
    "module of another library": (Foreign, ["part.0", "part.1"]),
    "its names": (Named, ["part.p", "part.q"]),
    "a list of such": (lambda: [Foreign(1), Foreign(1)], ["part.0.0", "part.1.0"]),
    "vector": (lambda: array_of(2), ["part.0", "part.1"]),
    "matrix": (lambda: array_of(2, 2), ["part.0.0", "part.0.1", "part.1.0", "part.1.1"]),
    "array of no dimensions": (lambda: array_of(), ["part.0"]),
    "array of modules": (
        lambda: np.array([Neuron(1), Neuron(1)]),
        ["part.0.w.0", "part.0.b", "part.1.w.0", "part.1.b"],
    ),
    "dataclass": (lambda: Pair(Value(1.0), Value(2.0)), ["part.w", "part.b"]),
    "frozen dataclass": (lambda: Frozen(Value(1.0)), ["part.w"]),
    "deque": (lambda: deque([Value(1.0)]), ["part.0"]),
    "mapping": (lambda: MappingProxyType({"a": (Value(1.0),)}), ["part.a.0"]),
    "numbers": (lambda: [np.ones(3), np.float64(1.0), {1, 2}, "text", 1, None, Value, Foreign, range(10**9)], []),
}


@pytest.mark.parametrize(("make", "expected"), HELD.values(), ids=HELD)
def test_parameters_are_found_wherever_they_are_held(make, expected):
    model = Holder(part=make(), other=Value(0.0))
    assert names(model) == [*expected, "other"]
    assert len(model.parameters()) == len(expected) + 1


@pytest.mark.parametrize(("make", "expected"), HELD.values(), ids=HELD)
def test_what_is_held_is_trained_and_comes_back(make, expected, tmp_path):
    if not expected:
        return
    model = Holder(part=make(), other=Value(0.5))
    model.forward = lambda x: sum(p * x for p in Module.parameters(model))
    before = model.state_dict()
    nn.fit(model, [1.0, 2.0], [30.0, 60.0], loss=nn.mse, optimizer=nn.SGD(model.parameters(), lr=0.01), epochs=2)
    assert all(model.state_dict()[name] != data for name, data in before.items())
    nn.save(model, tmp_path / "model.json")
    twin = Holder(part=make(), other=Value(0.5))
    assert nn.load(twin, tmp_path / "model.json").state_dict() == model.state_dict()


def test_module_of_another_library_with_other_numbers_is_an_error():
    torch_like = Foreign()
    torch_like.w = np.ones(2)
    with pytest.raises(
        TypeError, match=r"Values, but part, a Foreign, has a float64: .*keep what is not to be trained"
    ):
        Holder(part=torch_like).parameters()


@pytest.mark.parametrize("make", [lambda: {Value(1.0)}, lambda: frozenset([Neuron(1)])])
def test_set_of_parameters_has_no_order_and_is_an_error(make):
    part = make()
    with pytest.raises(TypeError, match=r"kept in an order, and part is a (frozen)?set; write a list"):
        Holder(part=part).parameters()


def in_itself():
    model = Holder(w=Value(1.0))
    model.again = model
    return model


def child_that_knows_its_parent():
    model = Holder(child=Neuron(1, seed=0))
    model.child.parent = model
    return model


def list_in_itself():
    model = Holder(parts=[Value(1.0)])
    model.parts.append(model.parts)
    return model


def foreign_that_asks_back():
    model = Holder(w=Value(1.0))
    model.trainer = Holder()
    model.trainer = type("Trainer", (), {"parameters": lambda self: model.parameters()})()
    return model


def two_foreign():
    class Asking(Foreign):
        def parameters(self):
            return [*self.w, *self.other.parameters()]

    one, two = Holder(part=Asking(1)), Holder(part=Foreign(2))
    one.part.other = two
    two.back = one
    return one


CIRCLES = [in_itself, child_that_knows_its_parent, list_in_itself, foreign_that_asks_back, two_foreign]


@pytest.mark.parametrize("make", CIRCLES)
def test_references_back_are_no_recursion(make):
    model = make()
    count = len(model.parameters())
    assert count == {"child_that_knows_its_parent": 2, "two_foreign": 3}.get(make.__name__, 1)
    twin = make()
    twin.load_state_dict({name: data + 1.0 for name, data in model.state_dict().items()})
    model.zero_grad()
    with nn.fitting.chance_restored(model) as drawn:
        assert not drawn()


def test_modules_may_be_nested_deeper_than_calls():
    model = Holder(w=Value(1.0))
    for _ in range(5000):
        model = Holder(inner=model)
    assert len(model.parameters()) == 1


# Without a seed


MAKERS = [Neuron, lambda n: Layer(n, 2), lambda n: MLP(n, [3, 1]), lambda n: MLP(n, [3, 1], "tanh")]


@pytest.mark.parametrize("make", MAKERS)
def test_without_a_seed_the_module_random_decides(make):
    random.seed(1337)
    first, second = make(3), make(3)
    random.seed(1337)
    assert make(3).state_dict() == first.state_dict() != second.state_dict()
    random.seed(1338)
    assert make(3).state_dict() != first.state_dict()


@pytest.mark.parametrize("make", [lambda: Neuron(3, seed=1), lambda: MLP(3, [2], seed=random.Random(1))])
def test_with_a_seed_the_module_random_is_not_touched(make):
    random.seed(1)
    expected = random.random()
    random.seed(1)
    make()
    assert random.random() == expected


def test_batches_without_a_seed_are_those_of_the_module_random():
    def trained():
        model = MLP(1, [2, 1], seed=1)
        X = [[i / 8] for i in range(8)]
        nn.fit(model, X, [x[0] for x in X], loss=nn.mse, epochs=2, batch_size=3, validation=0.25)
        return model.state_dict()

    random.seed(5)
    first, second = trained(), trained()
    random.seed(5)
    assert trained() == first != second


def test_parameters_in_slots_are_found():
    class Scale(Module):
        __slots__ = ("__hidden", "factor")

        def __init__(self):
            self.factor, self.__hidden = Value(2.0), [Value(3.0)]

    class Line(Scale):
        __slots__ = "shift"

        def __init__(self):
            super().__init__()
            self.shift, self.free = Value(1.0), Value(4.0)

    assert sorted(p.data for p in Line().parameters()) == [1.0, 2.0, 3.0, 4.0]
    assert {"factor", "shift", "free"} < {name for name, _ in Line().named_parameters()}


@pytest.mark.parametrize("nouts", [[1], [2, 1]])
@pytest.mark.parametrize("place", ["activation", "output"])
def test_unknown_activation_is_an_error_in_a_network_of_any_depth(nouts, place):
    with pytest.raises(ValueError, match="activation 'tahn' is not known; choose one of"):
        MLP(2, nouts, **{place: "tahn"})
