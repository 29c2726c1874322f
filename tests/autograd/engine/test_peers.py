"""What the engines of the micrograd family get wrong: one test for each of their failures that concerns the engine.

And what programs written for them find here: the names they read, and errors that name the replacement.
"""

import copy
import itertools
import math
import pickle

import numpy as np
import pytest

from autograd import Constant, Value, compile, draw, explore, gradients, relu, sigmoid, tanh, text
from autograd.engine._copying import FIELDS
from autograd.engine._peers import Peer, PeerNames
from autograd.engine.node import UNREACHED
from nn import SGD, clip_grad_norm


def test_second_backward_adds_the_same_gradient_again():
    x = Value(3.0)
    z = (x * x) * x
    z.backward()
    z.backward()
    assert x.grad == 54.0


def test_two_losses_that_share_a_node_add_up():
    x = Value(3.0)
    h = x * x
    first, second = h * 2, h * 3
    first.backward()
    second.backward()
    assert x.grad == 30.0


def test_backward_from_an_inner_node_does_not_leak_into_a_later_backward():
    x = Value(3.0)
    y = x * x
    y.backward()
    (2 * y).backward()
    assert x.grad == 18.0


def test_leaf_changed_before_backward_is_an_error():
    x = Value(3.0, label="x")
    y = x * x
    x.data = 5
    with pytest.raises(RuntimeError, match=r"leaf x was changed to 5\.0 after"):
        y.backward()
    assert x.grad == 0.0


def test_two_thousand_additions_differentiate():
    x = Value(1.0)
    y = x
    for _ in range(2000):
        y = y + x
    y.backward()
    assert (y.data, x.grad) == (2001.0, 2001.0)


def test_python_sum_of_many_losses_differentiates():
    w = Value(2.0)
    total = sum((w * i - 1.0) ** 2 for i in range(984))
    total.backward()
    assert w.grad == sum(2.0 * i * (2.0 * i - 1.0) for i in range(984))


@pytest.mark.parametrize("exponent", [0, 0.0, Value(0.0)], ids=["int", "float", "Value"])
def test_zero_to_the_power_zero_has_gradient_zero(exponent):
    x = Value(0.0)
    y = x**exponent
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)


@pytest.mark.parametrize("exponent", [1 / 3, Value(1 / 3)], ids=["float", "Value"])
def test_fractional_power_of_a_negative_number_is_a_value_error(exponent):
    with pytest.raises(ValueError, match=r"= -8\.0"):
        Value(-8.0) ** exponent


def test_tanh_saturates_without_overflow():
    x = Value(400.0)
    y = tanh(x)
    y.backward()
    assert (y.data, x.grad) == (1.0, 0.0)


def test_sigmoid_saturates_without_overflow():
    x = Value(-1000.0)
    y = sigmoid(x)
    y.backward()
    assert (y.data, x.grad) == (0.0, 0.0)


def test_exponent_that_is_a_value_gets_its_gradient():
    a, b = Value(2.0), Value(3.0)
    (a**b).backward()
    assert (a.grad, b.grad) == (12.0, 8.0 * math.log(2.0))


def test_exponent_of_a_plain_base_gets_its_gradient():
    b = Value(3.0)
    (2**b).backward()
    assert b.grad == 8.0 * math.log(2.0)


def test_deep_copy_of_a_square_has_gradient_six_on_the_copy():
    x = Value(3.0)
    y = copy.deepcopy(x * x)
    y.backward()
    assert (y.parents[0].grad, x.grad) == (6.0, 0.0)


@pytest.mark.parametrize("product", [lambda v, a: v * a, lambda v, a: a * v], ids=["Value first", "array first"])
def test_value_times_array_is_an_array_of_values(product):
    x = Value(3.0)
    scaled = product(x, np.array([1.0, 2.0]))
    assert isinstance(scaled, np.ndarray)
    assert [type(v) for v in scaled] == [Value, Value]
    assert [v.data for v in scaled] == [3.0, 6.0]
    scaled.sum().backward()
    assert x.grad == 3.0


def test_string_is_not_a_number():
    with pytest.raises(TypeError, match="Value takes a real number, got a str: '3'"):
        Value("3")


def test_value_of_a_value_is_an_error_rather_than_a_lost_gradient():
    with pytest.raises(TypeError, match=r"Value takes a real number, got a Value: .*; use it as it is, or its \.data"):
        Value(Value(1))


def test_abs_keeps_the_gradient():
    x = Value(-2.0)
    (3 * abs(x)).backward()
    assert x.grad == -3.0


def test_unary_plus_keeps_the_gradient():
    x = Value(-2.0)
    (3 * +x).backward()
    assert x.grad == 3.0


def test_sum_of_a_node_with_itself_has_it_as_parent_twice():
    a = Value(2.0)
    assert (a + a).parents == (a, a)


def test_zero_is_false():
    assert bool(Value(0)) is False
    assert bool(Value(0.5)) is True


def test_tanh_derivative_is_taken_at_the_input():
    x = Value(0.5)
    tanh(x).backward()
    assert x.grad == pytest.approx(1.0 / math.cosh(0.5) ** 2, rel=1e-15)


def test_sigmoid_rises():
    x = Value(2.0)
    y = sigmoid(x)
    y.backward()
    assert y.data == pytest.approx(0.8807970779778823, rel=1e-15)
    assert x.grad == pytest.approx(0.10499358540350662, rel=1e-15)


def test_relu_has_derivative_zero_at_zero():
    x = Value(0.0)
    relu(x).backward()
    assert x.grad == 0.0


def test_gradient_that_was_never_computed_is_told_from_a_computed_zero():
    x = Value(0.0)
    y = relu(x)
    assert x.grad is UNREACHED
    y.backward()
    assert x.grad == 0.0
    assert x.grad is not UNREACHED


# Names of other libraries

EXPRESSIONS = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * a, lambda a, b: a / b, lambda a, b: a**2,
    lambda a, b: a**b, lambda a, b: -a, lambda a, b: relu(a), lambda a, b: tanh(a), lambda a, b: a * 2 + 1,
    lambda a, b: a + 0.0 * b,
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_prev_is_the_set_of_parents_and_op_the_name_of_the_operation(expression):
    y = expression(Value(2.0), Value(3.0))
    assert y._prev == set(y.parents)
    assert type(y._prev) is set
    assert y._op == ("" if y.op is None else y.op.name)


def test_op_has_the_names_of_micrograd():
    a, b = Value(2.0), Value(3.0)
    assert [y._op for y in (a, a + b, a * b, a**3, a.tanh(), a.exp())] == ["", "+", "*", "**3", "tanh", "exp"]


PEERS = {name: peer for name, peer in vars(PeerNames).items() if isinstance(peer, Peer)}
REPLACEMENTS = {
    "_prev": "parents",
    "_op": "op",
    "_backward": r"backward\(\) .* local_derivatives\(\) .* operation\(name, forward, \*partials\)",
    "_children": "parents",
    "_local_grads": r"local_derivatives\(\)",
    "requires_grad": "Constant",
    "item": "data",
    "m": "a dict by Value, .* class Parameter",
    "v": "a dict by Value, .* class Parameter",
    "velocity": "a dict by Value, .* class Parameter",
    "momentum": "a dict by Value, .* class Parameter",
}


def test_every_peer_name_has_its_replacement_below():
    assert REPLACEMENTS.keys() == PEERS.keys()


@pytest.mark.parametrize("make", [lambda: Value(2.0), lambda: Value(2.0) * 3.0, lambda: Constant(2.0)])
@pytest.mark.parametrize("name", PEERS)
def test_assigning_a_peer_name_is_an_error_that_names_the_replacement(name, make):
    node = make()
    with pytest.raises(AttributeError, match=f"attribute {name} of a Value cannot be assigned; .*{REPLACEMENTS[name]}"):
        setattr(node, name, lambda: None)


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if peer.read is None])
def test_reading_a_peer_name_that_has_no_like_is_an_error_that_names_the_replacement(name):
    with pytest.raises(AttributeError, match=f"a Value has no attribute {name}; .*{REPLACEMENTS[name]}"):
        getattr(Value(2.0) * 3.0, name)
    assert not hasattr(Value(2.0), name)


@pytest.mark.parametrize("name", PEERS)
def test_deleting_a_peer_name_is_an_attribute_error(name):
    with pytest.raises(AttributeError):
        delattr(Value(2.0), name)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ((1.0, (Value(2.0), Value(3.0))), {}), ((1.0, (Value(2.0), Value(3.0)), "+"), {}), ((1.0, (), ""), {}),
        ((1.0, [Value(2.0)], "tanh", "label"), {}), ((1.0, {Value(2.0)}), {}), ((1.0,), {"_children": (Value(2.0),)}),
        ((1.0,), {"_op": "+"}), ((1.0,), {"_children": (), "_op": "+"}), ((1.0, "label"), {"_op": "+"}),
    ],
)  # fmt: skip
def test_constructor_of_micrograd_names_operation(args, named):
    with pytest.raises(
        TypeError, match=r"^Value\(data, label\) makes a leaf, .* operation\(name, forward, \*partials\)"
    ):
        Value(*args, **named)


# Values with attributes of their own


class Parameter(Value):
    """A Value with an attribute for whatever an optimiser keeps."""

    def __init__(self, data, label=""):
        super().__init__(data, label)
        self.m, self.v, self.history = 0.0, 0.0, []


class Slotted(Value):
    __slots__ = ("m",)


class Mixed(Slotted):
    pass


kinds = pytest.mark.parametrize("kind", [Parameter, Slotted, Mixed])


@kinds
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_value_of_a_subclass_is_a_value_in_every_operation(expression, kind):
    for operands in itertools.product([kind(3.0), Value(2.0), 2.0], repeat=2):
        y, expected = expression(*operands), expression(*map(float_of, operands))
        assert float_of(y) == expected
        for operand in operands:
            if isinstance(y, Value) and isinstance(operand, kind):
                operand.grad = 0.0
                y.backward()
                assert operand.grad == gradients(y, [operand])[0]


def float_of(x):
    return x.data if isinstance(x, Value) else x


@kinds
def test_value_of_a_subclass_compares_differentiates_and_compiles(kind):
    x = kind(3.0)
    assert x > Value(2.0)
    assert x < 4.0
    assert (2.0 - x).data == -1.0
    assert gradients(x * x, [x]) == [6.0]
    assert compile(x * x, wrt=[x]).value_and_grad([4.0])[1].tolist() == [8.0]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(Parameter, name) for name, peer in PEERS.items() if peer.read is None] + [(Slotted, "m"), (Mixed, "m")],
)
def test_subclass_may_assign_what_it_likes(kind, name):
    x = kind(3.0)
    setattr(x, name, 0.5)
    assert getattr(x, name) == 0.5


WAYS = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
WAYS += [lambda x, protocol=protocol: pickle.loads(pickle.dumps(x, protocol)) for protocol in range(5)]


@pytest.mark.parametrize("way", WAYS)
@kinds
def test_copies_of_a_subclass_keep_its_attributes(kind, way):
    x = kind(3.0, "w")
    x.m, x.grad = 0.25, 1.5
    copied = way(x)
    assert (type(copied), copied.data, copied.label, copied.grad, copied.m) == (kind, 3.0, "w", 1.5, 0.25)
    y = way(x * x)
    assert (y.data, type(y.parents[0]), y.parents[0].m) == (9.0, kind, 0.25)
    assert y.parents[0] is y.parents[1]


def test_deep_copy_of_a_subclass_copies_its_attributes_and_a_copy_shares_them():
    x = Parameter(3.0)
    x.history.append(x)
    shared, deep = copy.copy(x), copy.deepcopy(x)
    assert shared.history is x.history
    assert deep.history == [deep]


def test_slot_that_was_never_set_stays_unset_in_a_copy():
    for way in WAYS:
        assert not hasattr(way(Slotted(1.0)), "m")


def test_fields_are_those_of_a_value():
    assert set(FIELDS) == set(Value(1.0).__getstate__()[1])


# A gradient that is None, as in PyTorch


def test_gradient_set_to_none_is_no_gradient_yet():
    x = Value(3.0, label="x")
    y = x * x
    y.backward()
    x.grad = None
    assert repr(x) == "Value(data=3.0, grad=0.0, label='x')"
    assert "grad: not yet" in text(x)
    assert "not yet" in draw(y).source
    assert explore(y).html
    y.backward()
    assert x.grad == 6.0


@pytest.mark.parametrize("way", WAYS)
def test_copy_of_a_gradient_that_is_none_is_no_gradient(way):
    x = Value(3.0)
    x.grad = None
    assert way(x).grad == 0.0


def test_backward_of_what_is_compiled_begins_at_none_too():
    x = Value(3.0)
    x.grad = None
    program = compile(x * x, wrt=[x])
    program.forward()
    program.backward()
    assert x.grad == 6.0
    x.grad = None
    compile(lambda t: x * x * t, wrt=[x]).backward(2.0)
    assert x.grad == 12.0


def test_optimiser_and_clipping_take_none_for_zero():
    used, unused = Value(3.0), Value(2.0)
    used.grad = unused.grad = None
    (used * used).backward()
    assert clip_grad_norm([used, unused], max_norm=3.0) == 6.0
    SGD([used, unused], lr=1.0).step()
    assert (used.data, unused.data) == (pytest.approx(0.0, abs=1e-6), 2.0)  # clipping divides by the norm + 1e-6


# Errors that name what to do


def test_stale_graph_names_detach():
    state, w = Value(1.0), Value(2.0)
    for _ in range(2):
        state = state * w
        loss = state * state
        if w.grad:
            with pytest.raises(RuntimeError, match=r"the state that a recurrent cell carries over, detach\(\) it"):
                loss.backward()
        else:
            loss.backward()
            w.data -= 0.1


def test_second_derivative_of_a_float_names_create_graph():
    x = Value(3.0)
    (slope,) = gradients(x**3, [x])
    with pytest.raises(TypeError, match=r"a derivative is a Value again with gradients\(\.\.\., create_graph=True\)"):
        gradients(slope, [x])


@pytest.mark.parametrize(
    "store",
    [
        lambda v: np.zeros(2).__setitem__(0, v), lambda v: np.zeros(2).__setitem__(slice(None), [v, v]),
        lambda v: np.zeros(2).fill(v), lambda v: np.array([v, v], dtype=float), lambda v: np.full(2, v, dtype=float),
        lambda v: np.asarray([[v]], np.float32),
    ],
)  # fmt: skip
def test_array_of_floats_that_is_to_hold_a_value_names_dtype_object(store):
    with pytest.raises(TypeError, match=r"a NumPy array that is to hold Values is made with dtype=object"):
        store(Value(2.0))


@pytest.mark.parametrize("array", [np.array(3.0), np.array(3), np.array(True), np.array(Value(3.0), dtype=object)])
def test_array_of_shape_nothing_names_item(array):
    with pytest.raises(TypeError, match=r"write \.item\(\) for the one number in it"):
        Value(array)
    assert array.item() == 3.0 or isinstance(array.item(), (bool, Value))
