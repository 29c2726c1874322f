"""Modules: what counts as a parameter, what a neuron, a layer and an MLP compute, and what survives a copy."""

import copy
import dataclasses
import functools
import itertools
import math
import os
import pickle
import random
import re
import statistics
import subprocess
import sys
from collections import OrderedDict, UserDict, UserList, deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

import autograd as ad
import nn
from autograd import Constant, Value, leaky_relu, relu, softplus, tanh
from nn import MLP, Layer, Module, Neuron, modules
from nn.data.random_state import chance_restored, generators_of
from nn.modules import initial_weights
from nn.training.norms import layers
from tests.collector import leaves_no_cycle
from tests.errors import error_of
from tests.nn.training.small import Line


class Holder(Module):
    def __init__(self, **attributes):
        vars(self).update(attributes)


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


def test_public_names_are_there_once_each_with_a_docstring_of_its_own():
    assert len(nn.__all__) == len(set(nn.__all__))
    for name in nn.__all__:
        thing = getattr(nn, name)
        assert thing.__doc__, name
        assert isinstance(thing, type) or thing.__doc__ != type(thing).__doc__, name


def test_import_loads_only_the_standard_library_and_autograd():
    code = "import sys; before = set(sys.modules); import nn; print(*sorted(set(sys.modules) - before))"
    environment = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent)}
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"autograd", "nn"}


# What is a parameter


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


def array_of(*shape):
    return np.array([Value(1.0) for _ in range(math.prod(shape))], dtype=object).reshape(shape)


HELD = {
    "lists, tuples and dicts": (
        lambda: [[Value(2.0)], (Value(3.0), {"a": Value(4.0)})],
        ["part.0.0", "part.1.0", "part.1.1.a"],
    ),
    "modules in a dict": (
        lambda: OrderedDict(one=Line(), two=[Line()]),
        ["part.one.slope", "part.one.intercept", "part.two.0.slope", "part.two.0.intercept"],
    ),
    "module of another library": (Foreign, ["part.0", "part.1"]),
    "its names": (Named, ["part.p", "part.q"]),
    "a list of such": (lambda: [Foreign(1), Foreign(1)], ["part.0.0", "part.1.0"]),
    "matrix": (lambda: array_of(2, 2), ["part.0.0", "part.0.1", "part.1.0", "part.1.1"]),
    "array of no dimensions": (lambda: array_of(), ["part.0"]),
    "modules": (lambda: np.array([Neuron(1), Neuron(1)]), ["part.0.w.0", "part.0.b", "part.1.w.0", "part.1.b"]),
    "dataclass": (lambda: Pair(Value(1.0), Value(2.0)), ["part.w", "part.b"]),
    "frozen dataclass": (lambda: Frozen(Value(1.0)), ["part.w"]),
    "deque": (lambda: deque([Value(1.0)]), ["part.0"]),
    "mapping": (lambda: MappingProxyType({"a": (Value(1.0),)}), ["part.a.0"]),
    "compiled": (lambda: ad.compile(Line()), ["part.slope", "part.intercept"]),
    "derivative of a compiled one": (lambda: ad.grad(ad.compile(Line())), ["part.slope", "part.intercept"]),
    "method": (lambda: Line().forward, ["part.slope", "part.intercept"]),
    "compiled method": (lambda: ad.compile(Line().forward), ["part.slope", "part.intercept"]),
    "partial of a module": (lambda: functools.partial(Line()), ["part.func.slope", "part.func.intercept"]),
    "partial": (lambda: functools.partial(sum, [Value(1.0)], start=Value(2.0)), ["part.0.0", "part.start"]),
    "numbers": (lambda: [np.ones(3), np.float64(1.0), {1, 2}, "text", 1, None, Value, Foreign, range(10**9)], []),
    "constants, and what is computed of them": (lambda: [Constant(4.0), Constant(1.0) * 2.0, tanh], []),
}


@pytest.mark.parametrize(("make", "expected"), HELD.values(), ids=HELD)
def test_parameters_are_found_wherever_they_are_held_are_trained_and_come_back(make, expected, tmp_path):
    model = Holder(part=make(), other=Value(0.5))
    assert names(model) == [*expected, "other"]
    assert len(model.parameters()) == len(expected) + 1
    if not expected:
        return
    model.forward = lambda x: sum(p * x for p in Module.parameters(model))
    before = model.state_dict()
    nn.fit(model, [1.0, 2.0], [90.0, 180.0], loss=nn.mse, optimizer=nn.SGD(model.parameters(), lr=0.01), epochs=2)
    assert all(model.state_dict()[name] != data for name, data in before.items())
    nn.save(model, tmp_path / "model.json")
    twin = Holder(part=make(), other=Value(0.5))
    assert nn.load(twin, tmp_path / "model.json").state_dict() == model.state_dict()


def test_parameters_stand_in_the_order_of_assignment_and_are_those_that_are_there_now():
    line = Line()
    assert line.parameters() == [line.slope, line.intercept]
    line.curvature = Value(0.5)
    line.slope = Value(7.0)
    assert line.state_dict() == {"slope": 7.0, "intercept": 1.0, "curvature": 0.5}
    keeper = Keeper()
    keeper(3.0)
    assert keeper.state_dict() == {"w": 2.0}  # a stored output is none
    assert (Module().parameters(), Module().state_dict()) == ([], {})
    Module().load_state_dict({})


def tied():
    model = Holder(encode=Line(), decode=Line())
    model.decode.slope = model.encode.slope
    model.again = [model.encode, model.encode.slope]
    return model


def test_tied_parameter_is_listed_once_under_its_first_name_and_stays_tied():
    model, other = tied(), tied()
    assert names(model) == ["encode.slope", "encode.intercept", "decode.intercept"]
    other.encode.slope.data = 5.0
    model.load_state_dict(other.state_dict())
    assert model.decode.slope is model.encode.slope
    assert model.decode.slope.data == 5.0


def foreign(one, other):
    found = type("Foreign", (), {"named_parameters": lambda self: [("same", one), ("same", other)]})
    found.parameters = found.named_parameters
    return found()


COLLIDING = {
    "number and string": lambda a, b: {1: a, "1": b},
    "float and string": lambda a, b: {1.0: a, "1.0": b},
    "None and string": lambda a, b: {None: a, "None": b},
    "key with a dot": lambda a, b: {"a.b": a, "a": {"b": b}},
    "key with a dot and a list": lambda a, b: {"a.0": a, "a": [b]},
    "key with a dot and a module": lambda a, b: {"a.w": a, "a": Frozen(b)},
    "key with a dot and an array": lambda a, b: {"a.0": a, "a": np.array([b])},
    "tuple and string": lambda a, b: {(1, 2): a, "(1, 2)": b},
    "module of another library": foreign,
}


@pytest.mark.parametrize("make", COLLIDING.values(), ids=COLLIDING)
def test_two_parameters_of_one_name_are_an_error_where_names_are_needed(make, tmp_path):
    model, path = Holder(w=make(Value(3.0), Value(2.0))), tmp_path / "model.json"
    first, second = model.parameters()
    wanted = r"two parameters of Holder have the name w\..*; change one of the keys"
    for ask, arguments in ((model.state_dict, ()), (model.load_state_dict, ({"w.1": 0.0},))):
        assert re.search(f"^ValueError: .*{wanted}", error_of(ask, *arguments))
    assert re.search(f"^StorageError: .*{wanted}", error_of(nn.save, model, path))
    assert not path.exists()
    nn.save(Holder(w=[Value(3.0), Value(2.0)]), path)
    assert re.search(f"^StorageError: .*{wanted}", error_of(nn.load, model, path))
    assert (first.data, second.data) == (3.0, 2.0)
    model.forward = lambda x: first * x[0] + second
    nn.fit(model, [[1.0], [2.0]], [1.0, 2.0], loss=nn.mse, epochs=1, gradient_norms=True, compiled=False)
    assert first.data != 3.0
    assert second.data != 2.0


def test_one_parameter_by_two_names_has_the_first():
    one, other = Value(3.0), Value(2.0)
    assert Holder(w={1: one, "1": one, "b": other}).state_dict() == {"w.1": 3.0, "w.b": 2.0}


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


@pytest.mark.parametrize("kind", [list, deque, dict, OrderedDict, UserList, UserDict])
def test_module_that_is_a_container_too_has_the_parameters_in_it_which_are_trained(kind):
    class Both(Module, kind):
        def forward(self, x):
            parts = [*(self.values() if isinstance(self, Mapping) else self)]
            return parts[1](parts[0](x)) + self.shift

    layers = Layer(1, 2, "tanh", seed=1), Neuron(2, None, seed=2)
    body = Both(zip("ab", layers, strict=True) if issubclass(kind, (dict, UserDict)) else layers)
    body.shift = Value(0.0)
    model = Holder(body=body)
    model.forward = body
    assert len(model.parameters()) == len(body.parameters()) == 8
    before = model.state_dict()
    nn.fit(model, [[1.0], [2.0]], [5.0, 9.0], loss=nn.mse, epochs=2)
    assert all(number != before[name] for name, number in model.state_dict().items())


def test_what_has_no_values_or_no_order_is_an_error():
    torch_like = Foreign()
    torch_like.w = np.ones(2)
    wanted = "^TypeError: .*Values, but part, a Foreign, has a float64: .*keep what is not to be trained"
    assert re.search(wanted, error_of(Holder(part=torch_like).parameters))
    unordered = type("Unordered", (Module, set), {})
    for part in ({Value(1.0)}, frozenset([Neuron(1)]), {Foreign()}, {("w", Value(1.0))}, unordered([Neuron(1)])):
        wanted = "^TypeError: .*kept in an order, and part is a(n? Unordered| (frozen)?set); write a list"
        assert re.search(wanted, error_of(Holder(part=part).parameters))


class Asking(Foreign):
    def parameters(self):
        return [*self.w, *self.other.parameters()]


def circles():
    """Return models that lead back to themselves, with how many parameters they have."""
    itself, parent, in_list, asked = (Holder(w=[Value(1.0)]) for _ in range(4))
    itself.again, parent.child, asked.foreign = itself, Neuron(1, seed=0), Asking(0)
    parent.child.parent, asked.foreign.other = parent, asked
    in_list.w.append(in_list.w)
    one, two = Holder(part=Asking(1)), Holder(part=Foreign(2))
    one.part.other, two.back = two, one
    return [(itself, 1), (parent, 3), (in_list, 1), (asked, 1), (one, 3), (two, 3)]


def test_references_back_are_no_recursion_and_modules_may_be_nested_deeper_than_calls():
    for (model, count), (twin, _) in zip(circles(), circles(), strict=True):
        assert len(model.parameters()) == count
        twin.load_state_dict({name: data + 1.0 for name, data in model.state_dict().items()})
        model.zero_grad()
        with chance_restored(generators_of(model), list) as drawn:
            assert not drawn()
    model = Holder(w=Value(1.0))
    for _ in range(5000):
        model = Holder(inner=model)
    assert len(model.parameters()) == 1


def test_gradients_of_several_examples_add_up_until_zero_grad_which_resets_nothing_else():
    line, x = Line(), Value(3.0)
    line(x).backward()
    line(4.0).backward()
    assert (line.slope.grad, line.intercept.grad, x.grad) == (7.0, 2.0, 2.0)
    line.zero_grad()
    assert (line.slope.grad, line.intercept.grad, x.grad) == (0.0, 0.0, 2.0)


# State


def test_state_dict_holds_the_numbers_by_name_as_they_are_now():
    line = Line(slope=5.0)
    state = line.state_dict()
    assert state == {"slope": 5.0, "intercept": 1.0}
    line.slope.data = 9.0
    state["intercept"] = 9.0
    assert (state["slope"], line.intercept.data) == (5.0, 1.0)
    of_layers = {0: ["0.w.0", "0.b", "1.w.0", "1.b"], 1: ["0.w.0", "0.w.1", "0.b"]}
    wanted = [f"layers.{k}.neurons.{name}" for k, found in of_layers.items() for name in found]
    assert list(MLP(1, [2, 1]).state_dict()) == wanted


def test_loaded_state_makes_the_other_model_compute_the_same():
    model, other = MLP(2, [5, 2], "tanh", seed=1), MLP(2, [5, 2], "tanh", seed=2)
    parameters = other.parameters()
    other.load_state_dict(model.state_dict())
    assert other.state_dict() == model.state_dict()
    assert [v.data for v in other([0.3, -0.7])] == [v.data for v in model([0.3, -0.7])]
    assert other.parameters() == parameters  # the same nodes, which an optimiser may hold
    line = Line()
    line.load_state_dict({"slope": 3, "intercept": -1})
    assert repr(line.state_dict()) == "{'slope': 3.0, 'intercept': -1.0}"


MISFITS = [
    ({"slope": 1.0}, "missing: intercept"),
    ({}, "missing: intercept, slope"),
    ({"slope": 1.0, "intercept": 1.0, "w": 0.0}, "unexpected: w"),
    ({"slope": 1.0, "intercept": 1.0, 0: 1.0}, "unexpected: 0"),
    ({"slope": 1.0, "intercept": True}, "not a number: intercept"),
    ({"slope": [1.0], "intercept": Value(1.0)}, "not a number: intercept, slope"),
    ({"slope": 1j, "intercept": 1.0}, "not a number: slope"),
    ({"slope": "7", "z": 1.0, "extra": 2.0}, "missing: intercept; unexpected: extra, z; not a number: slope"),
]


def test_state_that_does_not_fit_is_listed_whole_and_changes_nothing():
    line = Line()
    for state, complaint in MISFITS:
        wanted = f"ValueError: this state does not fit Line: {complaint}; nothing was changed"
        assert error_of(line.load_state_dict, state) == wanted
    too_large = {"slope": 5.0, "intercept": 10**400}
    assert re.search("^(ValueError|OverflowError)", error_of(line.load_state_dict, too_large))
    assert line.state_dict() == {"slope": 2.0, "intercept": 1.0}


# Calling


def test_module_takes_as_many_inputs_as_its_forward_says_where_it_has_none_and_leaves_its_scope_after_an_error():
    class Quotient(Module):
        def forward(self, a, b):
            return a / b

    assert Quotient()(Value(6.0), Value(3.0)).data == 2.0
    assert error_of(Holder(), 1.0) == "NotImplementedError: Holder defines no forward(self, ...)"
    assert error_of(Quotient(), Value(1.0), 0.0).startswith("ZeroDivisionError")
    assert (Value(1.0) * 2.0).scope is None


@pytest.mark.parametrize(("kind", "sizes"), [(Module, ()), (Neuron, (1,)), (Layer, (1, 1)), (MLP, (1, [1]))])
def test_keywords_of_a_call_are_those_of_forward(kind, sizes):
    class Scaled(kind):
        def forward(self, x, *, scale=1.0, **others):
            return x[0] * scale + sum(others.values())

    model, inputs = Scaled(*sizes), [Value(2.0)]
    assert (model(inputs).data, model(inputs, scale=3.0, shift=1.0).data) == (2.0, 7.0)
    assert "scale" in error_of(kind(*sizes), inputs, scale=1.0) or kind is Module


def test_scopes_of_a_call_are_nested_as_the_modules_are_and_know_their_parameters():
    scopes = [MLP(2, [3, 1], seed=1)([1.0, 2.0]).scope]
    while scopes[-1].outer is not None:
        scopes.append(scopes[-1].outer)
    assert [scope.title for scope in scopes] == ["Neuron", "Layer", "MLP"]
    line = Line()
    scope = line(3.0).scope
    assert (scope.title, scope.outer, scope.parameters()) == ("Line", None, line.parameters())
    first, second = Layer(2, 2, seed=1)([1.0, 2.0])
    assert first.scope is not second.scope
    assert first.scope.outer is second.scope.outer


def test_models_and_what_they_store_make_no_reference_cycle():
    def use():
        keeper = Keeper()
        keeper(keeper(3.0)).backward()
        MLP(2, [4, 1], seed=1)([1.0, 2.0]).backward()

    assert leaves_no_cycle(use)


# Neuron, Layer, MLP: what they compute

ACTIVATED = [  # of 2 * 0.5 - 3 * 2 + 0.5
    *((None, -4.5), ("linear", -4.5), ("relu", 0.0), ("tanh", math.tanh(-4.5)), ("abs", 4.5), ("leaky_relu", -0.045)),
    *((tanh, math.tanh(-4.5)), (lambda z: leaky_relu(z, 0.2), -0.9), (lambda z: z * z, 20.25)),
]


def test_neuron_is_activation_of_weights_times_inputs_plus_bias():
    for activation, expected in ACTIVATED:
        neuron = neuron_of([2.0, -3.0], 0.5, activation)
        assert neuron([0.5, 2.0]).data == pytest.approx(expected, rel=1e-15), activation


def test_neuron_hands_back_the_gradients_of_weights_bias_and_inputs_that_are_values():
    neuron, x = neuron_of([2.0, -1.0, 3.0], 0.25, "tanh"), [Value(0.5), Value(1.0), 0.0]
    neuron(x).backward()  # tanh(0.25)
    slope = 1.0 - math.tanh(0.25) ** 2
    gradients = [p.grad for p in (*neuron.w, neuron.b, *x[:2])]
    assert gradients == pytest.approx([0.5 * slope, slope, 0.0, slope, 2.0 * slope, -slope], rel=1e-15)


def test_layer_lists_the_outputs_of_its_neurons_and_an_mlp_composes_its_layers():
    model = MLP(2, [2, 1], activation="relu", output=None)
    layer, last = model.layers
    layer.neurons = [neuron_of([1.0, 2.0], 0.0, "relu"), neuron_of([-1.0, 0.0], 0.5, "relu")]
    last.neurons = [neuron_of([0.5, 3.0], -1.0, None)]
    for x, hidden, output in (([2.0, 1.0], [4.0, 0.0], 1.0), ([-1.0, 0.0], [0.0, 1.5], 3.5)):
        assert [y.data for y in layer(x)] == hidden
        assert [y.data for y in last(hidden)] == [output] == [model(x).data]


def test_mlp_returns_one_value_or_several_in_a_list_and_the_last_layer_takes_output_the_others_activation():
    for nouts in ([1], [1, 1], [1, 1, 1], [3, 1], [3, 1, 2]):
        model = MLP(2, nouts, "tanh", seed=1)
        output = model([1.0, 2.0])
        outputs = output if nouts[-1] > 1 else [output]
        assert [type(output) for output in outputs] == [Value] * nouts[-1]
        sum(outputs, Value(0.0)).backward()
        assert all(parameter.grad != 0.0 for parameter in model.parameters())
    model = MLP(2, [3, 4, 2], activation="tanh", output="sigmoid")
    assert [layer.neurons[-1].activation.name for layer in model.layers] == ["tanh", "tanh", "sigmoid"]
    assert [len(layer.neurons) for layer in model.layers] == [3, 4, 2]
    assert [layer.neurons[0].activation for layer in MLP(2, [3, 2]).layers] == [relu, None]


# What they take

NETWORKS = [(Neuron, ()), (Layer, (2,)), (MLP, ([3, 1],))]  # and the widths behind the number of inputs
INPUTS = {  # beside the sequences of tests/test_sequences.py
    "Values": [Value(0.5), Value(-2.0)],
    "mixed": [Value(0.5), -2.0],
    "constant": [Constant(0.5), -2],
    "float32": np.array([0.5, -2.0], dtype=np.float32),
    "objects": np.array([Value(0.5), Value(-2.0)]),
    "row": np.array([[0.5, -2.0], [1.0, 1.0]])[0],
    "scalars": list(np.array([0.5, -2.0])),
}


@pytest.mark.parametrize(("kind", "widths"), NETWORKS)
def test_inputs_are_any_sequence_of_floats_or_values_and_are_not_changed(kind, widths):
    module, x = kind(2, *widths, seed=1), [0.5, -2.0]
    numbers = lambda found: [output.data for output in (found if isinstance(found, list) else [found])]
    expected = numbers(module(x))
    assert repr(x) == "[0.5, -2.0]"
    for name, inputs in INPUTS.items():
        assert numbers(module(inputs)) == expected, name


@pytest.mark.parametrize(("kind", "widths"), NETWORKS)
def test_wrong_inputs_are_an_error_that_shows_them(kind, widths):
    for x in ([], [1.0], [1.0, 2.0, 3.0, 4.0], np.zeros(2)):
        assert error_of(kind(3, *widths), x) == f"ValueError: {kind.__name__} takes 3 inputs, got {len(x)}"
    for x in (1.0, None, Value(1.0)):
        wanted = rf"^TypeError: {kind.__name__} takes a sequence of 1 numbers, got a \w+: (1\.0|None|Value\(data=1\.0)"
        assert re.search(wanted, error_of(kind(1, *widths), x))
    wrong = ([1.0, None], "a NoneType: None"), ([1j, 1.0], "a complex"), (np.eye(2), "an ndarray")
    for x, found in wrong:
        assert re.search(f"^TypeError: .*takes a real number, got {found}", error_of(kind(2, *widths), x))


@pytest.mark.parametrize(("kind", "widths"), [(Neuron, []), (Layer, [1]), (MLP, [[1]])])
def test_wrong_number_of_operands_names_the_module(kind, widths):
    module = kind(2, *widths)
    for operands, found in (((), 0), ((1.0, 2.0), 2), (([1.0, 2.0], [1.0, 2.0]), 2)):
        name = type(module).__name__
        wanted = f"TypeError: {name} takes 1 sequence of 2 numbers, got {found} operands; write model([x1, x2]) for two"
        assert error_of(module, *operands) == wanted


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "hinge", "binary_cross_entropy", "cross_entropy", "l1", "l2"])
def test_wrong_number_of_operands_names_the_loss(name):
    for number in (0, 4):
        assert error_of(getattr(nn, name), *[[1.0]] * number).startswith(f"TypeError: {name}() ")


# Making them


def test_unknown_activation_is_an_error_that_lists_the_known_ones():
    known = "choose one of linear, .*elu, .*gelu, .*leaky_relu, .*relu, sigmoid, .*tanh, .*or pass a function$"
    assert re.search(f"^ValueError: activation 'rely' is not known; {known}", error_of(MLP, 2, [2, 1], "rely"))
    for nouts, place in itertools.product([[1], [2, 1]], ["activation", "output"]):
        wanted = "ValueError: activation 'tahn' is not known; choose one of"
        assert error_of(MLP, 2, nouts, **{place: "tahn"}).startswith(wanted)
    for other in (3, True, ["relu", "tanh"], np.array(["relu"])):
        wanted = "TypeError: an activation is the name of a function, a function or"
        assert error_of(Neuron, 2, other).startswith(wanted)
    for other in ("softmax", "maximum", "fsum", "+", "dot", "**", "where"):
        assert re.search("^ValueError: activation .* is not known", error_of(Neuron, 2, other)), other


def test_every_activation_the_error_lists_is_taken():
    listed = error_of(Neuron, 1, "?").partition("choose one of ")[2].removesuffix(", or pass a function").split(", ")
    assert {"linear", "relu", "tanh", "sigmoid"} <= set(listed)
    for name in listed:
        neuron = neuron_of([1.0], 0.0, name)
        assert neuron([1.5 if name == "acosh" else 0.5]).parents


SIZED = {  # what is made with a size, and what the error calls it
    "Neuron": (Neuron, "nin"),
    "Layer of inputs": (lambda size: Layer(size, 2), "nin"),
    "Layer of outputs": (lambda size: Layer(2, size), "nout"),
    "MLP of inputs": (lambda size: MLP(size, [2, 1]), "nin"),
    "MLP, hidden": (lambda size: MLP(2, [size, 1]), "n(in|out)"),
    "MLP, last": (lambda size: MLP(2, [2, size]), "nout"),
}


def test_size_that_is_no_positive_whole_number_is_an_error():
    for (what, (make, name)), size in itertools.product(SIZED.items(), [0, -1, 2.0, "2", None, [2], np.array([2, 3])]):
        kind = "Value" if isinstance(size, int) else "Type"
        wanted = f"^{kind}Error: {name} is a whole number of (neurons|inputs), 1 or more, got "
        assert re.search(wanted, error_of(make, size)), (what, size)
    widths = np.array([3, 1])
    assert repr(MLP(np.int64(2), widths, seed=np.int64(1))) == repr(MLP(2, [3, 1], seed=1))
    widths = [3, 1]
    assert repr(MLP(2, widths, seed=1)) == repr(MLP(2, (3, 1), seed=1))
    assert widths == [3, 1]
    for nouts in ([], (), 3, 0, None):
        wanted = "ValueError: nouts lists the width of each layer, such as [16, 16, 1], got "
        assert error_of(MLP, 2, nouts).startswith(wanted)


@pytest.mark.parametrize(("kind", "sizes"), [(Neuron, (2,)), (Layer, (2, 3)), (MLP, (2, [3, 1]))])
def test_nonlin_of_micrograd_names_activation(kind, sizes):
    remedy = 'nonlin=True is activation="relu" here, and nonlin=False is activation=None'
    for nonlin in (True, False, 0):
        wanted = f"^TypeError: {kind.__name__} takes activation=, got nonlin={nonlin}; .*{remedy}"
        assert re.search(wanted, error_of(kind, *sizes, nonlin=nonlin))
    for nonlin in (True, False):
        wanted = f"^TypeError: an activation is the name of a function, .* got {nonlin}; .*{remedy}"
        assert re.search(wanted, error_of(kind, *sizes, nonlin))


# First weights

MAKERS = {
    "Neuron": lambda **seed: Neuron(3, **seed),
    "Layer": lambda **seed: Layer(3, 2, **seed),
    "MLP": lambda **seed: MLP(3, [4, 2], **seed),
    "MLP of tanh": lambda **seed: MLP(3, [4, 2], "tanh", **seed),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_seed_decides_the_weights_and_without_one_the_module_random(make):
    random.seed(1)
    before = random.getstate()
    first = make(seed=5).state_dict()
    assert first != make(seed=6).state_dict()
    rng = random.Random(5)
    assert first == make(seed=rng).state_dict() != make(seed=rng).state_dict()
    assert random.getstate() == before
    random.seed(1337)
    assert make(seed=5).state_dict() == first
    first, second = make().state_dict(), make().state_dict()
    random.seed(1337)
    assert make().state_dict() == first != second
    random.seed(1338)
    assert make().state_dict() != first


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


def test_all_weights_of_a_model_differ_and_all_biases_are_zero():
    state = MLP(4, [8, 8, 3], seed=1).state_dict()
    weights = [number for name, number in state.items() if not name.endswith(".b")]
    assert len(set(weights)) == len(weights) == 4 * 8 + 8 * 8 + 8 * 3
    assert [number for name, number in state.items() if name.endswith(".b")] == [0.0] * 19


NIN, NOUT = 50, 400
NORMAL = ["relu", "leaky_relu", "elu", "gelu", "silu", "softplus", relu, leaky_relu]
UNIFORM = ["tanh", "sigmoid", "sin", None, "linear", lambda z: z * z]
FIRST = [  # with their variance and its spread, how large they become, and which share of them is within which bound
    (NORMAL, 2 / NIN, 2.0, (3, 10), (1.0, math.erf(math.sqrt(0.5)))),
    (UNIFORM, 2 / (NIN + NOUT), 0.8, (0.999 * math.sqrt(3), math.sqrt(3)), (math.sqrt(0.75), 0.5)),
]


def weights_of(nin, nout, activation):
    rng = random.Random(1)
    return [w for _ in range(nout) for w in initial_weights(nin, nout, activation, rng)]


def test_first_weights_are_normal_for_the_relu_family_and_uniform_for_others():
    n = NIN * NOUT
    for activations, variance, spread, (least, most), (bound, share) in FIRST:
        for activation in activations:
            weights = [w / math.sqrt(variance) for w in weights_of(NIN, NOUT, activation)]
            assert abs(statistics.fmean(weights)) < 5 / math.sqrt(n), activation
            assert statistics.pvariance(weights) == pytest.approx(1.0, rel=5 * math.sqrt(spread / n)), activation
            assert sum(abs(w) < bound for w in weights) / n == pytest.approx(share, abs=0.02), activation
            assert least < max(map(abs, weights)) <= most * (1 + 1e-15), activation
        layer = Layer(3, 2, activations[0], seed=1)
        assert [w.data for neuron in layer.neurons for w in neuron.w] == weights_of(3, 2, activations[0])
    lone = Neuron(1000, "tanh", seed=1)  # counts as a layer of one
    assert [w.data for w in lone.w] == weights_of(1000, 1, "tanh")


# How they show themselves

LAYERS = ["Layer(2 -> 16, relu, 48 parameters)", "Layer(16 -> 16, relu, 272 parameters)"]
LAYERS += ["Layer(16 -> 1, linear, 17 parameters)"]
SHOWN = [
    (Neuron, (2,), "Neuron(2, relu, 3 parameters)"),
    (Neuron, (3, None), "Neuron(3, linear, 4 parameters)"),
    (Layer, (2, 3, "tanh"), "Layer(2 -> 3, tanh, 9 parameters)"),
    (Layer, (2, 1, leaky_relu), "Layer(2 -> 1, leaky_relu, 3 parameters)"),
    (Layer, (2, 1, lambda z: z), "Layer(2 -> 1, <lambda>, 3 parameters)"),
    (MLP, (2, [16, 16, 1]), "\n  ".join(["MLP(2 -> 16 -> 16 -> 1, 337 parameters)", *LAYERS])),
]


def test_repr_shows_sizes_activations_and_parameter_counts_and_layers_are_the_modules_held():
    for kind, arguments, text in SHOWN:
        assert repr(kind(*arguments)) == text
    assert [p.label for p in Neuron(2).parameters()] == ["w0", "w1", "b"]  # for drawings
    of = lambda module: layers(module, module.parameters())
    assert of(Neuron(2)) == {"w": [0, 1], "b": [2]}
    assert of(Layer(1, 2)) == {"neurons.0": [0, 1], "neurons.1": [2, 3]}
    assert of(MLP(1, [1, 1])) == {"layers.0": [0, 1], "layers.1": [2, 3]}
    assert layers(Neuron(2), []) == {}


# Copies

COPIES = {"pickle": lambda model: pickle.loads(pickle.dumps(model)), "deepcopy": copy.deepcopy}
each_copy = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)


@each_copy
def test_copy_computes_the_same_and_has_numbers_and_gradients_of_its_own(copied):
    for activation in ("relu", "tanh", "leaky_relu", None, tanh):
        model = MLP(2, [4, 1], activation, seed=1)
        before, other = model.state_dict(), copied(model)
        assert other.state_dict() == before
        assert not set(other.parameters()) & set(model.parameters())
        output = other([0.5, -2.0])
        output.backward()
        assert output.data == model([0.5, -2.0]).data
        assert all(parameter.grad == 0.0 for parameter in model.parameters())
        model([0.5, -2.0]).backward()
        assert [p.grad for p in other.parameters()] == [p.grad for p in model.parameters()]
        assert any(p.grad != 0.0 for p in other.parameters())
        for parameter in other.parameters():
            parameter.data += 1.0
        assert model.state_dict() == before


@each_copy
def test_copy_keeps_ties_and_gradients_and_a_stored_output_with_its_graph(copied):
    pair = tied()
    pair.encode(3.0).backward()
    other = copied(pair)
    assert other.decode.slope is other.encode.slope
    assert other.encode.slope.grad == 3.0
    keeper = Keeper()
    keeper(3.0)
    other = copied(keeper)
    other.last.backward()
    assert (other.w.grad, keeper.w.grad) == (3.0, 0.0)


def of_model(model, x):
    return model(x) * model(x)


TRANSFORMS = {
    "grad": lambda *given: ad.grad(of_model)(*given),
    "value_and_grad": lambda *given: ad.value_and_grad(of_model)(*given),
    "hessian": lambda *given: ad.hessian(of_model)(*given), "jacobian": lambda *given: ad.jacobian(of_model)(*given),
    "jvp": lambda *given: ad.jvp(of_model, given, given), "vjp": lambda *given: ad.vjp(of_model, *given),
    "gradcheck": lambda *given: ad.gradcheck(of_model, *given), "compile": lambda *given: ad.compile(of_model)(*given),
    "a list": lambda model, x: ad.grad(lambda ms, x: of_model(ms[0], x))([model], x),
}  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_model_as_an_argument_is_refused_with_what_to_write_instead(transform):
    model, x = MLP(2, [3, 1], seed=1), [1.0, 2.0]
    message = error_of(transform, model, x)
    assert "is of type MLP: MLP(2 -> 3 -> 1" in message
    assert "gradients(y, model.parameters()), or\ncompile(f, wrt=model.parameters())" in message


DATA, LINE_PLOT = ([[1.0], [2.0], [3.0], [4.0], [5.0]], [1.0, 2.0, 3.0, 4.0, 5.0]), nn.plots.regression_line
COUNTED = {  # what takes a whole number, and what comes of it
    "nin": lambda n: MLP(n, [2, 1], seed=1).state_dict(),
    "nout": lambda n: Layer(2, n, seed=1).state_dict(),
    "widths": lambda n: MLP(2, [n, n], seed=1).state_dict(),
    "seed": lambda n: MLP(2, [3], seed=n).state_dict(),
    "epochs": lambda n: nn.fit(MLP(1, [1], seed=1), *DATA, loss=nn.mse, epochs=n, metric=None).loss,
    "batch_size": lambda n: nn.fit(MLP(1, [1], seed=1), *DATA, loss=nn.mse, batch_size=n, seed=n).loss,
    "patience": lambda n: nn.Stop(patience=n)(nn.History(loss=[1.0] * 9)),
    "warmup": lambda n: nn.schedules.Constant(0.1, warmup=n)(1),
    "size of a page": lambda n: nn.playground(MLP(1, [1], seed=1), *DATA, loss=nn.mse, batch_size=n, seed=n).html,
    "resolution": lambda n: len(LINE_PLOT(MLP(1, [1]), *DATA, resolution=n).axes[0].lines[0].get_xdata()),
    "order": lambda n: ad.gradcheck(ad.sin, 0.5, order=n),
    "depth": lambda n: str(ad.draw(Value(1.0) * 2.0 + 1.0, depth=n)),
    "taylor": lambda n: ad.taylor(ad.sin, 0.5, n),
    "power": lambda n: (Value(2.0) ** n).data,
}


@pytest.mark.parametrize("name", COUNTED)
def test_whole_numbers_of_numpy_are_taken_where_those_of_python_are(name):
    make = COUNTED[name]
    wanted = make(3)
    for kind in (np.int64, np.int8, np.uint16):
        assert make(kind(3)) == wanted


def test_what_is_no_state_is_an_error_that_says_what_is():
    for state in ([1], None, 1.0, MLP(1, [1])):
        wanted = "TypeError: load_state_dict takes a dict of numbers by name, as state_dict() returns it, got a"
        assert error_of(MLP(1, [1]).load_state_dict, state).startswith(wanted)


class Holding(Module):
    """A model that holds what it is made with, and a parameter."""

    def __init__(self, make):
        self.b = Value(0.5)
        self.w = make(self)

    def forward(self, x):
        self.last = self.b * x
        return self.last


COMPUTED = {  # attributes that would be neither trained nor saved
    "product": (lambda model: Value(2.0) * 0.1, "w"),
    "list": (lambda model: [Value(1.0), -Value(2.0)], "w.1"),
    "dict": (lambda model: {"a": Value(1.0) / math.sqrt(2.0)}, "w.a"),
    "layer": (lambda model: rescaled(Neuron(1, seed=1)), "w.w.0"),
    "function": (lambda model: ad.tanh(Value(2.0)), "w"),
    "mean of two": (lambda model: (Value(1.0) + Value(2.0)) / 2.0, "w"),
    "normalised": (lambda model: normalised([Value(0.1), Value(0.2), Value(0.3)]), "w.0"),
    "normalised, of many": (lambda model: normalised([Value(0.1 * k) for k in range(1, 100)]), "w.0"),
    "sum of many": (lambda model: sum((Value(0.1) for _ in range(12)), Value(0.0)), "w"),
    "square": (lambda model: (lambda leaf: leaf * leaf)(Value(2.0)), "w"),
}
DERIVED = {  # computed of parameters, or of numbers alone
    "of a parameter": lambda model: 2.0 * model.b, "of constants": lambda model: Constant(2.0) * 3.0,
    "by a call": lambda model: Neuron(1, seed=1)([Value(1.0)]), "number": lambda model: 2.0,
    "of parameters of another model": lambda model: [p - 0.1 * p.data for p in OTHER],
    "of a parameter that is trained beside it": lambda model: softplus(BESIDE),
    "of a constant that others use": lambda model: 2.0 * BESIDE,
    "mean of two models": lambda model: (OTHER[1] + BESIDE) / 2.0,
    "loss of an input": lambda model: (model.b * Value(2.0) - 1.0) ** 2,
    "loss of a call": lambda model: (Neuron(1, seed=1)([Value(1.0)]) - 1.0) ** 2,
}  # fmt: skip
OTHER, BESIDE = [Value(1.0), Value(2.0)], Value(9.81)


def normalised(numbers):
    norm = ad.sqrt(sum(w * w for w in numbers))
    return [numbers[0] / norm]


def rescaled(neuron):
    neuron.w = [0.5 * w for w in neuron.w]
    return neuron


@pytest.mark.parametrize("name", COMPUTED)
def test_computed_value_that_is_no_parameter_is_warned_of(name):
    make, path = COMPUTED[name]
    said = f"^{path} of Holding is computed from another Value, so it is no parameter: it is neither trained nor saved"
    with pytest.warns(RuntimeWarning, match=said):
        Holding(make).parameters()


@pytest.mark.parametrize("name", DERIVED)
def test_value_that_is_computed_of_parameters_or_in_a_call_is_not_warned_of(name):
    model = Holding(DERIVED[name])
    model(2.0)
    assert model.b in model.parameters()


def test_parameters_are_found_as_fast_whatever_graphs_a_model_keeps(monkeypatch):
    model, asked, references = Holding(lambda model: []), [], modules._references
    for _ in range(3):  # graphs of many paths, and of many nodes
        model.w.append(functools.reduce(lambda y, _: y + y, range(50), model.b))
        model.w.append(functools.reduce(lambda y, _: ad.sin(y), range(5000), Value(1.0)))
    monkeypatch.setattr(modules, "_references", lambda node: asked.append(node) or references(node))
    assert model.parameters() == [model.b]
    assert len(asked) < 4000
