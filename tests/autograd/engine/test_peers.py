"""What programs written for engines of the micrograd family find here: numbers that those engines get wrong, the names
that the programs read, and errors that name the replacement.
"""

import copy
import gc
import itertools
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from autograd import Constant, Value, compile, detect_anomaly, dot, draw, explore, gradients, relu, tanh, text, where
from autograd.engine._peers import Peer, PeerNames
from autograd.engine.node import Node
from autograd.export import derivation, to_latex
from nn import SGD, clip_grad_norm

# Names of other libraries

EXPRESSIONS = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * a, lambda a, b: a / b, lambda a, b: a**2,
    lambda a, b: a**b, lambda a, b: -a, lambda a, b: relu(a), lambda a, b: tanh(a), lambda a, b: a * 2 + 1,
    lambda a, b: a + 0.0 * b,
]  # fmt: skip


def test_prev_is_the_set_of_parents_and_op_the_name_of_the_operation():
    for expression in EXPRESSIONS:
        y = expression(Value(2.0), Value(3.0))
        assert (type(y._prev), y._prev) == (set, set(y.parents))
        assert y._op == y.op.name
    a, b = Value(2.0), Value(3.0)
    assert [y._op for y in (a, a + b, a * b, a**3, a.tanh(), a.exp())] == ["", "+", "*", "**3", "tanh", "exp"]


PEERS = {name: peer for name, peer in vars(PeerNames).items() if isinstance(peer, Peer)}
UNREAD = [name for name, peer in PEERS.items() if peer.read is None]
REPLACEMENTS = {
    "_prev": "parents", "_op": "op",
    "_backward": r"backward\(\) .* local_derivatives\(\) .* operation\(name, forward, \*partials\)",
    "_children": "parents", "_local_grads": r"local_derivatives\(\)", "requires_grad": "Constant", "item": "data",
    **dict.fromkeys(["m", "v", "velocity", "momentum"], "a dict by Value, .* class Parameter"),
}  # fmt: skip


def test_every_peer_name_has_its_replacement_below():
    assert REPLACEMENTS.keys() == PEERS.keys()


@pytest.mark.parametrize("name", PEERS)
def test_peer_name_is_an_error_that_names_the_replacement(name):
    replacement = REPLACEMENTS[name]
    assert getattr(Value, name) is PEERS[name]  # as documentation reads it
    for node in (Value(2.0), Value(2.0) * 3.0, Constant(2.0)):
        with pytest.raises(AttributeError, match=f"attribute {name} of a Value cannot be assigned; .*{replacement}"):
            setattr(node, name, lambda: None)
    with pytest.raises(AttributeError):
        delattr(Value(2.0), name)
    if name in UNREAD:
        assert not hasattr(Value(2.0), name)
        with pytest.raises(AttributeError, match=f"a Value has no attribute {name}; .*{replacement}"):
            getattr(Value(2.0) * 3.0, name)


CONSTRUCTORS = [
    lambda x: Value(1.0, (x, x)), lambda x: Value(1.0, (x, x), "+"), lambda x: Value(1.0, (), ""),
    lambda x: Value(1.0, [x], "tanh", "label"), lambda x: Value(1.0, {x}), lambda x: Value(1.0, _children=(x,)),
    lambda x: Value(1.0, _op="+"), lambda x: Value(1.0, _children=(), _op="+"), lambda x: Value(1.0, "label", _op="+"),
]  # fmt: skip


@pytest.mark.parametrize("constructed", CONSTRUCTORS)
def test_constructor_of_micrograd_names_operation(constructed):
    message = r"^Value\(data, label\) makes a leaf, .* operation\(name, forward, \*partials\)"
    with pytest.raises(TypeError, match=message):
        constructed(Value(2.0))


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


def float_of(x):
    return x.data if isinstance(x, Value) else x


@kinds
def test_value_of_a_subclass_is_a_value_in_every_operation(kind):
    for expression in EXPRESSIONS:
        for operands in itertools.product([kind(3.0), Value(2.0), 2.0], repeat=2):
            y, expected = expression(*operands), expression(*map(float_of, operands))
            assert float_of(y) == expected
            for operand in operands:
                if isinstance(y, Value) and isinstance(operand, kind):
                    operand.grad = 0.0
                    y.backward()
                    assert operand.grad == gradients(y, [operand])[0]
    x = kind(3.0)
    assert x > Value(2.0)
    assert x < 4.0
    assert (2.0 - x).data == -1.0
    assert gradients(x * x, [x]) == [6.0]
    assert compile(x * x, wrt=[x]).value_and_grad([4.0])[1].tolist() == [8.0]


def test_subclass_may_assign_what_it_likes():
    for kind, names in {Parameter: UNREAD, Slotted: ["m"], Mixed: ["m"]}.items():
        for name in names:
            x = kind(3.0)
            setattr(x, name, 0.5)
            assert getattr(x, name) == 0.5


WAYS = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
WAYS += [lambda x, protocol=protocol: pickle.loads(pickle.dumps(x, protocol)) for protocol in range(5)]
every_way = pytest.mark.parametrize("way", WAYS)


@every_way
def test_copies_of_a_subclass_keep_its_attributes(way):
    for kind in (Parameter, Slotted, Mixed):
        x = kind(3.0, "w")
        x.m, x.grad = 0.25, 1.5
        copied = way(x)
        assert (type(copied), copied.data, copied.label, copied.grad, copied.m) == (kind, 3.0, "w", 1.5, 0.25)
        y = way(x * x)
        assert (y.data, type(y.parents[0]), y.parents[0].m) == (9.0, kind, 0.25)
        assert y.parents[0] is y.parents[1]
    assert not hasattr(way(Slotted(1.0)), "m")  # a slot that was never set stays so


def test_deep_copy_of_a_subclass_copies_its_attributes_and_a_copy_shares_them():
    x = Parameter(3.0)
    x.history.append(x)
    shared, deep = copy.copy(x), copy.deepcopy(x)
    assert shared.history is x.history
    assert deep.history == [deep]


class Private(Value):
    __slots__ = ("__best", "never")

    def __init__(self, data):
        super().__init__(data)
        self.__best = [data]

    def read(self):
        return self.__best


class Nested(Private):
    __slots__ = ("__best",)

    def __init__(self, data):
        super().__init__(data)
        self.__best = [data, data]

    def read(self):
        return [self.__best, super().read()]


class WithState(Value):
    def __init__(self, data):
        super().__init__(data)
        self.tag = [data]

    def __getstate__(self):
        return {"kept": self.tag}

    def __setstate__(self, state):
        self.tag = [*state["kept"], "set"]

    def read(self):
        return self.tag[:1]


class OnlySet(WithState):
    __getstate__ = Value.__getstate__

    def __setstate__(self, state):
        self.__dict__.update(state)


class OnlyGet(WithState):
    __setstate__ = property()

    def __getstate__(self):
        return {"tag": self.tag}


class Stateless(WithState):
    def __getstate__(self):
        return None

    def __setstate__(self, state):
        raise AssertionError(state)

    def read(self):
        return type(self)


class ReadOnly(Value):
    def __init__(self, data):
        super().__init__(data)
        self.__dict__["tag"] = [data]

    @property
    def tag(self):
        return self.__dict__["tag"]

    def read(self):
        return self.tag


@pytest.mark.parametrize("kind", [Private, Nested, WithState, OnlySet, OnlyGet, Stateless, ReadOnly])
@every_way
def test_copies_of_a_subclass_are_made_as_python_makes_them(way, kind):
    x = kind(3.0)
    x.label, x.grad = "x", 2.0
    for copied in (way(x), way(x * x).parents[0]):
        assert (type(copied), copied.data, copied.label, copied.grad) == (kind, 3.0, "x", 2.0)
        assert copied.read() == x.read()
    if kind is WithState:
        assert way(x).tag == [3.0, "set"]


class ByNumber:
    def __eq__(self, other):
        return float_of(self) == float_of(other)

    def __hash__(self):
        return hash(float_of(self))


def whole(self):
    Value.__init__(self, 2.0)


@dataclass(eq=False)
class Tagged(Value):
    tag: str = ""
    __post_init__ = whole


FIELDS_OF_DATA = {"__annotations__": {"tag": str}, "tag": "", "__post_init__": whole}
UNEQUAL = {
    "an equality": lambda: type("Own", (Value,), {"__eq__": ByNumber.__eq__}),
    "a hash": lambda: type("Own", (Value,), {"__hash__": ByNumber.__hash__}),
    "both, inherited": lambda: type("Own", (ByNumber, Value), {}),
    "a subclass of a Constant": lambda: type("Own", (Constant,), {"__eq__": ByNumber.__eq__}),
    "a subclass of a subclass": lambda: type("Own", (Parameter,), vars(ByNumber).copy()),
    "a dataclass": lambda: dataclass(type("Own", (Value,), FIELDS_OF_DATA.copy()))("t"),
    "a dataclass of Constants": lambda: dataclass(type("Own", (Constant,), FIELDS_OF_DATA.copy()))("t"),
    "a dataclass with a hash": lambda: dataclass(unsafe_hash=True)(type("Own", (Value,), FIELDS_OF_DATA.copy()))("t"),
}


@pytest.mark.parametrize("make", UNEQUAL.values(), ids=UNEQUAL)
def test_subclass_with_an_equality_of_its_own_is_refused(make):
    with pytest.raises(TypeError, match=r"^Own has an equality .* @dataclass\(eq=False\), and compare \.data"):
        make()


@every_way
def test_dataclass_without_an_equality_is_a_value(way):
    x = Tagged("w")
    (y,) = [way(3.0 * x * x)]
    y.backward()
    assert (y.parents[1].grad, y.parents[1].tag, copy.copy(x) == x) == (12.0, "w", False)


def test_subclass_of_a_constant_is_a_constant():
    kinds = [Constant, type("Pi", (Constant,), {}), type("Third", (type("Between", (Constant,), {}),), {})]
    found = []
    for kind in kinds:
        x, p, q = Value(-2.0, "x"), kind(3.0, "p"), kind(2.0)
        y = x**p + q * x + where(p, x, q) + dot([x, p], [q, x])
        with detect_anomaly():  # the logarithm in the derivative by p is not looked at
            y.backward()
            slopes = gradients(y, [x]), gradients(y, [x], create_graph=True)[0].data
        p.backward()
        program = compile(y)
        listed = text(y).replace(f"{kind.__name__}(", "Constant(").split()
        shown = [draw(y, derivatives=True).source, explore(y).html, to_latex(y), derivation(y, x), listed]
        found.append((x.grad, p.grad, q.grad, *slopes, len(program.wrt), program.value_and_grad([1.0])[1][0], *shown))
    assert found[0] == found[1] == found[2]
    assert found[0][1:3] == (0.0, 0.0)
    del kinds, kind, x, p, q, y, program
    gc.collect()  # while there is such a class, gradients take the longer way


def test_fields_are_those_of_a_value():
    assert set(Node.__slots__) == set(Value(1.0).__getstate__()[1])


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
    assert [way(x).grad for way in WAYS] == [0.0] * len(WAYS)
    y.backward()
    assert x.grad == 6.0
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
    w = Value(2.0)
    state = Value(1.0) * w
    (state * state).backward()
    w.data -= 0.1
    state = state * w
    with pytest.raises(RuntimeError, match=r"the state that a recurrent cell carries over, detach\(\) it"):
        (state * state).backward()


def test_second_derivative_of_a_float_names_create_graph():
    x = Value(3.0)
    (slope,) = gradients(x**3, [x])
    with pytest.raises(TypeError, match=r"a derivative is a Value again with gradients\(\.\.\., create_graph=True\)"):
        gradients(slope, [x])


STORES = [
    lambda v: np.zeros(2).__setitem__(0, v), lambda v: np.zeros(2).__setitem__(slice(None), [v, v]),
    lambda v: np.zeros(2).fill(v), lambda v: np.array([v, v], dtype=float), lambda v: np.full(2, v, dtype=float),
    lambda v: np.asarray([[v]], np.float32),
]  # fmt: skip


@pytest.mark.parametrize("store", STORES)
def test_array_of_floats_that_is_to_hold_a_value_names_dtype_object(store):
    with pytest.raises(TypeError, match=r"a NumPy array that is to hold Values is made with dtype=object"):
        store(Value(2.0))


@pytest.mark.parametrize("array", [np.array(3.0), np.array(3), np.array(True), np.array(Value(3.0), dtype=object)])
def test_array_of_shape_nothing_names_item(array):
    with pytest.raises(TypeError, match=r"write \.item\(\) for the one number in it"):
        Value(array)
    assert array.item() == 3.0 or isinstance(array.item(), (bool, Value))
