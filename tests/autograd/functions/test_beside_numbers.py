"""What a container has beside its numbers: attributes, an index, keys. Derivatives and programs have it, too."""

import copy
from collections import ChainMap, UserDict, defaultdict
from dataclasses import InitVar, asdict, astuple, dataclass, field, make_dataclass, replace
from functools import cached_property, partial
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pytest

from autograd import (
    Value,
    argmin,
    compile,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    register,
    root,
    taylor,
    value_and_grad,
    vjp,
)
from autograd.compiler.backends import BACKENDS
from autograd.functions import flatten
from tests.autograd.functions.nested import Own, of_a_store


@dataclass
class Made:
    x: float

    def __post_init__(self):
        self.n = 2
        self.weights = [1.0, 3]
        self.array = np.arange(3)
        self.table = {"a": {1, 2}}


@dataclass
class WithInitVar:
    x: float
    k: InitVar[int] = 2
    kind: ClassVar[str] = "class"

    def __post_init__(self, k):
        self.n = k


@dataclass(frozen=True)
class Frozen:
    x: float

    def __post_init__(self):
        object.__setattr__(self, "n", 2)


class Slotted:
    __slots__ = ("n",)


@dataclass(slots=True)
class WithSlots(Slotted):
    x: float

    def __post_init__(self):
        self.n = 2


@dataclass(frozen=True, slots=True)
class FrozenWithSlots(Slotted):
    x: float
    unset: float = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "n", 2)


@dataclass
class Derived(Made):
    y: float = field(init=False, default=1.0)

    def __post_init__(self):
        super().__post_init__()
        self.more = Made(5.0)


@dataclass
class Cached:
    x: float
    n: ClassVar[int] = 2

    @cached_property
    def square(self):
        return self.x**2


class Plain:
    def __init__(self):
        self.scale = 2.0


@dataclass
class Strange:
    x: float

    def __post_init__(self):
        self.n, self.plain, self.call = 2, Plain(), abs


DATACLASSES = [Made, WithInitVar, Frozen, WithSlots, FrozenWithSlots, Derived, Cached, Strange]
every_dataclass = pytest.mark.parametrize("cls", DATACLASSES)


def attributes(thing):
    """What it has in its __dict__ and in slots."""
    names = {name for base in type(thing).__mro__ for name in getattr(base, "__slots__", ())} | {*dir(thing)}
    return {name: getattr(thing, name) for name in names if not name.startswith("_") and hasattr(thing, name)}


@every_dataclass
def test_a_dataclass_has_the_attributes_that_a_copy_has(cls):
    seen = []

    def f(p):
        seen.append(p)
        return p.x**p.n

    given = cls(3.0)
    slope = grad(f)(given)
    wanted = attributes(given)
    for found in (*seen, slope, jacobian(f)(given)):
        assert type(found) is cls
        for name, attribute in wanted.items():
            if name not in ("x", "y", "square") and not callable(attribute):
                assert getattr(found, name) is attribute, name
    assert slope.x == 6.0
    assert hvp(f)(given, cls(2.0)).x == 4.0
    assert jvp(f, (given,), (cls(2.0),)) == (9.0, 12.0)


class Scaled(dict):
    scale = 1.0


class ScaledWithSlots(defaultdict):
    __slots__ = ("scale",)


class ScaledUser(UserDict):
    scale = 1.0


class ScaledChain(ChainMap):
    scale = 1.0


class Item(NamedTuple):
    x: float


class ScaledItem(Item):
    scale = 1.0

    def __getitem__(self, name):
        return self.x


OF_ONES_OWN = [Scaled, partial(ScaledWithSlots, float), ScaledUser, ScaledChain, lambda items: ScaledItem(items["x"])]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", OF_ONES_OWN)
def test_mappings_and_named_tuples_of_ones_own_class_have_their_attributes(make, backend):
    f = lambda p: p["x"] ** 2 * p.scale
    program, given = compile(f, backend=backend), make({"x": 2.0})
    for scale in (3.0, 5.0):
        given.scale = scale
        slope = grad(f)(given)
        assert (slope["x"], slope.scale, type(slope)) == (4.0 * scale, scale, type(given))
        assert (program(given), program.value_and_grad(given)[1]) == (4.0 * scale, slope)
        assert compile(f, batched="p", backend=backend).each([given, given]).tolist() == [4.0 * scale] * 2
        assert jvp(f, (given,), (make({"x": 1.0}),)) == (4.0 * scale, 4.0 * scale)
        assert hvp(f)(given, given)["x"] == 4.0 * scale
        assert vjp(lambda p: p, given)[1](make({"x": 1.0}))[0].scale == scale


def test_a_chain_of_maps_comes_back_as_one():
    given = ChainMap({"x": 2.0}, {"x": 5.0, "y": 3.0})
    slope = grad(lambda p: p["x"] * p["y"])(given)
    assert slope.maps == compile(grad(lambda p: p["x"] * p["y"]))(given).maps == [{"x": 3.0}, {"x": 0.0, "y": 2.0}]
    assert [*flatten(given)[1].names("p")] == ["p.maps[0]['x']", "p.maps[1]['x']", "p.maps[1]['y']"]


@every_dataclass
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_compiled_function_has_the_attributes_of_a_dataclass(cls, backend):
    program = compile(lambda p: p.x**p.n, backend=backend)
    for x in (3.0, 5.0):
        value, slope = program.value_and_grad(cls(x))
        assert (value, slope.x, slope.n) == (x * x, 2 * x, 2)
    batched = compile(lambda p: p.x**p.n, batched="p", backend=backend)
    if cls is not Strange:  # each has another object that nothing is known of
        value, slopes = batched.value_and_grad([cls(3.0), cls(5.0)])
        assert (value, [slope.x for slope in slopes]) == (17.0, [3.0, 5.0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *[(2, 3), (1, 1.0), (1, True), (0.0, -0.0)],
        *[([1.0], [2.0]), ([0.0], [-0.0]), ([1.0, 1.0], [1.0]), ([1.0], [1]), ([1], [True]), ([1], (1,))],
        *[(["a"], ["b"]), ([], ()), ({"a": 1}, {"a": {1}}), ({1}, frozenset({1}))],
        *[(np.arange(2), np.arange(3)), (np.arange(2), np.arange(2.0))],
        *[(Made(1.0), Made(2.0)), (bytearray(b"1"), bytearray(b"2"))],
    ],
)
def test_another_attribute_is_another_program(one, other):
    points = Made(2.0), Made(2.0)
    for point, attribute in zip(points, (one, other), strict=True):
        point.n = attribute
    program = compile(lambda p: p.x * (1.0 if p.n is one else 2.0))
    assert [program(point) for point in points] == [2.0, 4.0]
    with pytest.raises(ValueError, match=r"number 1 is Made.* with other attributes or labels"):
        compile(lambda p: p.x, batched="p")(points)


def test_an_attribute_that_is_changed_in_place_is_another_program():
    program = compile(lambda p: p.x * p.weights[0])
    point = Made(3.0)
    assert program(point) == 3.0
    point.weights[0] = 2.0
    assert program(point) == 6.0


@pytest.mark.parametrize("weights", [[1.0, -0.0, np.nan], [1, 2], ["a", "b"], [1.0, 2, "a"], [], ([1.0], (2,))])
def test_equal_attributes_are_one_program(weights):
    calls = []
    program = compile(lambda p: calls.append(1) or p.x)
    for x in (2.0, 3.0):
        point = Made(x)
        point.weights = copy.deepcopy(weights)
        assert program(point) == x
    assert len(calls) == 1


def test_an_attribute_may_lead_back_to_its_owner():
    program = compile(lambda p: p.x * len(p.ring))
    for x in (2.0, 3.0):
        point = Made(x)
        point.owner = point.ring = [point]
        point.ring.append(point.ring)
        assert (grad(lambda p: p.x * len(p.ring))(point).x, program(point)) == (2.0, 2 * x)


def test_a_cached_property_is_computed_anew():
    point = Cached(3.0)
    assert point.square == 9.0
    slope = grad(lambda p: p.square)(point)
    assert (slope.x, slope.square) == (6.0, 36.0)
    program = compile(lambda p: p.square)
    assert (program(point), program(Cached(4.0))) == (9.0, 16.0)


def test_attributes_of_a_result_that_are_numbers_are_computed_with_it():
    @dataclass
    class Result:
        x: float

        def __post_init__(self):
            self.double, self.powers = 2 * self.x, [self.x**2, {"cube": self.x**3}]

    program = compile(lambda x: Result(x + 1))
    for x in (1.0, 2.0):
        found = program(x)
        assert (found.double, found.powers) == (2 * found.x, [found.x**2, {"cube": found.x**3}])
    assert jacobian(lambda x: Result(x))(3.0).powers == [6.0, {"cube": 27.0}]


RESTS = {
    "keys": tuple, "pair": lambda m: (tuple(m), None), "triple": lambda m: (tuple(m), None, 1), "empty": lambda m: (),
    "none": lambda m: None, "set": frozenset, "word": lambda m: "ab",
}  # fmt: skip


@pytest.mark.parametrize("rest", RESTS.values(), ids=RESTS)
def test_a_registered_mapping_has_any_rest(rest):
    cls = type("Own", (Own,), {"__init__": of_a_store(dict)})
    again = lambda rest, parts: cls(zip("abc", parts, strict=True))
    register(cls, lambda m: ([m["a"], m["b"], m["c"]], rest(m)), again)
    f = lambda m: m["a"] * m["b"]["k"] * m["c"] * m["b"]["l"]
    given = cls({"a": 1.0, "b": {"k": 2.0, "l": 1.0}, "c": 3.0})
    vector = cls({"a": 1.0, "b": {"l": 0.0, "k": 0.0}, "c": 0.0})
    slopes = {"a": 0.0, "b": {"k": 3.0, "l": 6.0}, "c": 2.0}
    assert hvp(f)(given, vector).store == slopes
    assert jvp(f, (given,), (vector,)) == (6.0, 6.0)
    other = cls({"a": 1.0, "b": {"l": 1.0, "k": 2.0}, "c": 3.0})
    value, (one, two) = compile(f, batched="m").value_and_grad([given, other])
    assert (value, one.store) == (6.0, two.store)


INDICES = {
    "tuples": pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")], names=["u", "v"]),
    "categories": pd.CategoricalIndex(["p", "q", "p"], categories=["q", "p", "r"], name="c"),
    "range": pd.RangeIndex(2, 8, 2, name="r"),
    "plain range": pd.RangeIndex(3),
    "named": pd.Index(["p", "q", "r"], name="n"),
    "small integers": pd.Index([1, 2, 3], dtype="int8"),
    "floats": pd.Index([0.5, np.nan, 2.0]),
    "days": pd.date_range("2026-01-01", periods=3, freq="D", name="day"),
    "zone": pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin"),
    "periods": pd.period_range("2026-01", periods=3, freq="M"),
    "spans": pd.timedelta_range("1 day", periods=3),
    "intervals": pd.interval_range(0, 3),
    "repeated": pd.Index(["p", "p", "q"]),
    "missing": pd.Index(["p", None, pd.NaT]),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_a_series_keeps_its_index(index):
    seen = []

    def f(s):
        seen.append(s.index)
        return (s * s).sum()

    given = pd.Series([1.0, 2.0, 3.0], index=index, name="s")
    program = compile(f)
    batched = compile(f, batched="s")
    calls = len(seen)
    found = [grad(f)(given), hvp(f)(given, given), program.value_and_grad(given)[1]]
    found += batched.value_and_grad([given, 2 * given])[1]
    for slope in found:
        pd.testing.assert_index_equal(slope.index, index, exact=True)
        assert slope.name == "s"
    assert len(seen) > calls
    assert all(one is index for one in seen)
    assert hvp(f)(given, pd.Series([1.0, 0.0, 0.0], index=list(index))).tolist() == [2.0, 0.0, 0.0]
    calls = len(seen)
    program(pd.Series([2.0, 3.0, 4.0], index=index.copy(), name="s"))  # the same program
    assert len(seen) == calls


def test_each_index_is_a_program_of_its_own():
    names = []
    program = compile(lambda s: s.sum() * (names.append(s.index) or 1.0))
    for index in INDICES.values():
        assert program(pd.Series([1.0, 2.0, 3.0], index=index)) == 6.0
    distinct = [kept for i, kept in enumerate(names) if not any(kept is other for other in names[:i])]
    assert [*map(id, distinct)] == [*map(id, INDICES.values())]


def test_labels_of_a_series_reach_its_numbers():
    given = pd.Series([1.0, 2.0, 3.0], index=INDICES["tuples"])
    assert grad(lambda s: (s[1] ** 2).sum())(given).tolist() == [2.0, 4.0, 0.0]
    assert grad(lambda s: s.groupby(level="v").sum()["a"] ** 2)(given).tolist() == [8.0, 0.0, 8.0]
    with pytest.raises(TypeError, match="the vector of hvp has the structure of what it multiplies"):
        hvp(lambda s: (s * s).sum())(given, pd.Series([1.0, 0.0, 0.0]))


def test_vector_in_another_order_says_which_label_stands_in_place_of_which():
    given = pd.Series([1.0, 2.0], index=["p", "q"])
    with pytest.raises(TypeError, match=r"got Series\(number, number\), where \['q'\] stands in place of \['p'\]"):
        hvp(lambda s: (s * s).sum())(given, given[::-1])
    with pytest.raises(TypeError, match=r"got Point\(number, number\), where \.b stands in place of \.a"):
        jvp(lambda p: p.x, (of_fields("a")(1.0, 2.0),), (of_fields("b")(1.0, 2.0),))


def of_fields(name):
    return make_dataclass("Point", ["x", name])


def test_examples_that_are_rows_of_a_table_are_told_apart_by_their_names():
    table = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    program = compile(lambda row: row["x"] * row["y"], batched="row")
    with pytest.raises(ValueError, match=r"number 0 is Series 0 \(.*\), number 1 is Series 1 \("):
        program([row for _, row in table.iterrows()])
    assert program(table.to_dict("records")) == program([row.rename(None) for _, row in table.iterrows()]) == 5.5


def test_a_value_among_attributes_is_a_number_of_its_owner():
    point, w = Made(3.0), Value(2.0)
    point.w = w
    slope = grad(lambda p: p.x * p.w)(point)
    assert (slope.x.data, slope.w.data) == (2.0, 3.0)


# Copies of numbers


@dataclass
class Pair:
    a: float
    b: float


COPIES = {
    "asdict": lambda p: Pair(**asdict(p)),
    "astuple": lambda p: Pair(*astuple(p)),
    "replace": replace,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "copies of its parts": lambda p: Pair(copy.copy(p.a), copy.deepcopy([p.b])[0]),
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copy_of_a_number_in_a_differentiated_function_is_that_number(copied):
    f = lambda p: (lambda q: q.a**2 * q.b)(copied(p))
    p, step = Pair(2.0, 3.0), Pair(1.0, 0.0)
    assert grad(f)(p) == Pair(12.0, 4.0)
    assert hessian(f)(p) == Pair(Pair(6.0, 4.0), Pair(4.0, 0.0))
    assert hvp(f)(p, step) == Pair(6.0, 4.0)
    assert (vjp(f, p)[1](1.0), jvp(f, (p,), (step,))) == ((Pair(12.0, 4.0),), (12.0, 12.0))
    assert grad(lambda x: grad(f)(Pair(x, 3.0)).b)(2.0) == 4.0
    assert taylor(lambda x: f(Pair(x, 3.0)), 2.0, 2) == [12.0, 12.0, 3.0]
    equation = lambda y, a: (lambda q: q.a**2 - q.b)(copied(Pair(y, a)))
    for square_root in (
        lambda a: root(equation, 1.0, a),
        lambda a: root(lambda y: equation(y, a), 1.0),
        lambda a: (lambda b: root(lambda y: equation(y, b), 1.0))(a * 1.0),  # made from an input
        lambda a: argmin(lambda y: equation(y, a * y) ** 2, 5.0) ** 0.5,
        lambda a: root(lambda y: equation(y, root(lambda z: equation(z, a * z), 5.0)), 1.0),
    ):
        found = (*value_and_grad(square_root)(4.0), jvp(square_root, (4.0,), (1.0,))[1], hessian(square_root)(4.0))
        assert found == pytest.approx((2.0, 0.25, 0.25, -1.0 / 32.0))


def test_copy_of_a_value_elsewhere_is_another_leaf():
    for name, copied in COPIES.items():
        x = Value(2.0)
        (lambda q: q.a**2 * q.b)(copied(Pair(x, 3.0))).backward()
        assert x.grad == (12.0 if name in ("replace", "copy") else 0.0), name  # which keep the parts
