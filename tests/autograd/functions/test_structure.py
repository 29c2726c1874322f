"""Arguments and results taken apart and put together: which ones, in which order, and what is said of the others."""

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import InitVar, dataclass
from decimal import Decimal
from typing import ClassVar

import numpy as np
import pytest

from autograd import Constant, Value, compile, grad, jacobian, jvp, register, value_and_grad, vjp
from autograd.compiler.backends import BACKENDS
from autograd.functions.structure import Structure, arranged, flatten, map_values, pack, size
from tests.autograd.functions.nested import CONTAINERS, Box, Marked, Point, array_of, every_argument, same
from tests.collector import leaves_no_cycle
from tests.errors import error_of


@every_argument
def test_argument_is_taken_apart_and_its_structure_is_that_of_other_numbers(argument, numbers):
    found, structure = flatten(argument)
    assert found == numbers
    assert all(type(x) is float for x in found)
    assert same(structure.unflatten(found), argument)
    assert len({*structure.names("x")}) == len(found)
    assert str(structure)
    _, again = flatten(structure.unflatten([x + 1.0 for x in numbers]))
    assert (structure, hash(structure)) == (again, hash(again))
    shapes = []
    structure.build(shapes.append)
    assert sum(map(size, shapes)) == len(numbers)


DIFFERENT = [
    (1.0, [1.0]), (1.0, np.array(1.0)), ([1.0], (1.0,)), ([1.0], [1.0, 2.0]), ([1.0], [[1.0]]),
    ([1.0, 2.0], np.array([1.0, 2.0])), ([], ()), ([], {}), ([], [[]]), ({"a": 1.0}, {"b": 1.0}),
    ({"a": 1.0}, OrderedDict(a=1.0)), (Point(1.0, 2.0), (1.0, 2.0)),
    (Point(1.0, 2.0), namedtuple("Point", "x y")(1.0, 2.0)), (np.zeros(2), np.zeros((1, 2))),
    (np.zeros((0, 2)), np.zeros((2, 0))),
]  # fmt: skip


def test_arguments_nested_differently_have_different_structures():
    for a, b in DIFFERENT:
        assert flatten(a)[1] != flatten(b)[1], (a, b)
    for a, b in [(Point(1.0, 2.0), (1.0, 2.0)), (OrderedDict(a=1.0), {"a": 1.0})]:
        assert str(flatten(a)[1]) != str(flatten(b)[1])


def test_values_are_taken_as_they_are():
    x, y, c = Value(1.0), Value(2.0), Constant(3.0)
    numbers, structure = flatten({"a": [x, 5], "b": array_of(y, c)})
    assert numbers == [x, 5.0, y, c]
    restored = structure.unflatten(numbers)
    assert restored["a"] == [x, 5.0]
    assert restored["b"].tolist() == [y, c]
    restored = flatten(np.zeros((1, 2)))[1].unflatten([x, 2.0])
    assert (restored.dtype, restored.shape, restored.tolist()) == (object, (1, 2), [[x, 2.0]])
    assert structure == flatten({"a": [1.0, 2.0], "b": np.zeros(2)})[1]  # it refers to none of the numbers


def test_size_is_the_count_of_numbers():
    assert [size(shape) for shape in (None, (), (3,), (2, 3), (2, 0))] == [1, 1, 3, 6, 0]
    x = Value(1.0)
    assert pack([x], None) is x
    assert flatten(1.0)[1] == Structure()


NAMES = [
    (1.0, ["x"]), ([1.0, (2.0,)], ["x[0]", "x[1][0]"]), ({"w": [1.0], 2: 3.0}, ["x['w'][0]", "x[2]"]),
    (Point(1.0, [2.0]), ["x.x", "x.y[0]"]), (np.zeros((1, 2)), ["x[0, 0]", "x[0, 1]"]),
    ({"a": np.zeros(2)}, ["x['a'][0]", "x['a'][1]"]), ([[], {}, np.zeros((2, 0))], []), ([np.array(3.0)], ["x[0][()]"]),
]  # fmt: skip


def test_names_are_expressions_in_the_name_of_the_whole():
    for argument, names in NAMES:
        numbers, structure = flatten(argument)
        assert list(structure.names("x")) == names
        assert [eval(name, {"x": argument}) for name in names] == numbers


PICTURES = {
    "number": 1.0, "[number, number, number, number]": [1.0] * 4, "[number x 5]": [1.0] * 5,
    "(number x 20)": (1.0,) * 20, "[[number, number] x 5]": [[1.0, 2.0]] * 5,
    "[number, number, number, number, []]": [1.0] * 4 + [[]],
    "{'w': [number x 20], 'b': number}": {"w": [1.0] * 20, "b": 3.0}, "array(2, 3)": np.zeros((2, 3)),
    "[array(2,), array()]": [np.zeros(2), np.array(1.0)], "[(), {}]": [(), {}],
}  # fmt: skip


def test_str_shows_what_an_argument_looks_like():
    assert [str(flatten(argument)[1]) for argument in PICTURES.values()] == [*PICTURES]


class Sequence(list):
    pass


class Pair(tuple):
    __slots__ = ()


NO_NUMBERS = {  # what the message says of them
    r" is of type str: '3'": "3", r" is of type bytes: b'3'": b"3", r" is of type complex: 1j": 1j,
    r" is of type complex64: ": np.complex64(1j), r" is of type Decimal: Decimal\('1'\)": Decimal(1),
    r" is of type set: \{1\.0\}": {1.0}, r" is of type range: range\(0, 2\)": range(2),
    r" is of type type: <class 'object'>": object,
    r" is of type builtin_function_or_method: <built-in function len>": len, r" is of type Sequence: ": Sequence([1.0]),
    r" is of type Pair: ": Pair([1.0]), r" is of type MaskedArray: ": np.ma.array([1.0]),
    r" is of type str_: ": np.str_("3"), r" is of type datetime64: ": np.datetime64("2020-01-01"),
    r"\[0\] is of type complex": np.array([1j]), r"\[0\] is of type .*date": np.array(["2020"], dtype="datetime64[Y]"),
    r"\[0\] is of type (void|tuple)": np.zeros(1, [("a", "f8")]),
    r"\[1\] is of type str: 'a'$": [1.0, "a"], r"\[1\]\[1\] is of type str: 'a'$": (1.0, [2.0, "a"]),
    r"\['w'\]\['b'\] is of type str: 'a'$": {"w": {"b": "a"}}, r"\[3\] is of type str: 'a'$": {3: "a"},
    r"\[0\] is of type str: 'a'$": np.array(["a"]),
    r"\['k'\]\[0\]\[1\] is of type str: 'a'$": {"k": array_of(1.0, "a", 2.0, 3.0, shape=(2, 2))},
    r" is of type str: 'a'$": array_of("a", shape=()),
}  # fmt: skip


@pytest.mark.parametrize(("message", "argument"), NO_NUMBERS.items(), ids=NO_NUMBERS)
def test_what_is_no_number_is_named_with_its_place(message, argument):
    takes = "takes real numbers, in lists, tuples, dicts or NumPy arrays; the"
    with pytest.raises(TypeError, match=f"^flatten {takes} argument{message}"):
        flatten(argument)
    with pytest.raises(TypeError, match=f"^energy {takes} state{message}"):
        flatten(argument, "energy", "the state")


def test_integer_beyond_floats_is_an_error_that_names_its_place():
    with pytest.raises((OverflowError, ValueError, TypeError), match=r"flatten .*the argument\[1\]"):
        flatten([1.0, 10**400])


def test_flatten_leaves_no_reference_cycle():
    assert leaves_no_cycle(lambda: flatten([1.0, (2.0, {"a": Value(3.0)})]))


class Interval(namedtuple("Interval", "low high")):
    __slots__ = ()

    def __new__(cls, ends):
        return super().__new__(cls, *sorted(ends))


def test_named_tuple_with_a_constructor_of_its_own_is_restored():
    numbers, structure = flatten(Interval([2.0, 1.0]))
    restored = structure.unflatten([2.0 * x for x in numbers])
    assert type(restored) is Interval
    assert restored == (2.0, 4.0)


def test_named_tuples_stay_what_they_are():
    assert map_values(Point(Value(1.0), [Value(2.0), "text"]), lambda x: x.data) == Point(1.0, [2.0, "text"])
    assert value_and_grad(lambda x: (x * x, Point(x, 3.0)), has_aux=True)(2.0) == ((4.0, Point(2.0, 3.0)), 4.0)


def test_what_has_other_keys_stays_in_its_order():
    _, structure = flatten({"w": 1.0, "b": 2.0})
    for other in ({"b": 3.0}, {"b": 3.0, "c": 4.0}, {"b": 3.0, "w": 4.0, "a": 5.0}):
        assert list(arranged(other, structure).items()) == list(other.items())
    _, structure = flatten(defaultdict(float, w=1.0, b=2.0))
    for other in (defaultdict(float, b=3.0), defaultdict(float, b=3.0, c=4.0)):
        assert list(arranged(other, structure).items()) == list(other.items())
    assert list(arranged(defaultdict(float, b=3.0, w=4.0), structure)) == ["w", "b"]
    _, back = vjp(lambda x: {"w": x, "b": x * x}, 3.0)
    assert back({"b": 1.0, "w": 10.0}) == (16.0,)
    with pytest.raises(TypeError, match=r"\{'b': number\}"):
        back({"b": 1.0})


def test_sparse_matrix_of_values_is_one_after_a_change_of_its_numbers():
    matrix = jacobian(lambda x: [x[0] * x[0], x[0] * x[1]], sparse=True)([Value(2.0), Value(3.0)])
    twice = map_values(matrix, lambda x: x * 2.0)
    assert (type(twice), twice.shape, twice.indices) == (type(matrix), (2, 2), matrix.indices)
    assert [x.data for x in twice.data] == [8.0, 6.0, 4.0]
    assert map_values(matrix, lambda x: x.data).toarray().tolist() == [[4.0, 0.0], [3.0, 2.0]]


# Mappings, dataclasses, None, Series and containers of one's own


def product(container):
    a, b, c = [x for x in flatten(container)[0] if x is not None][:3]
    return a * b * b + c**3


def double(x):
    listed, structure = flatten(x)
    return structure.unflatten([2.0 * number for number in listed])


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_functions_take_and_return_containers(backend):
    for name, make in CONTAINERS.items():
        compiled = compile(double, backend=backend)
        for a in (1.0, 5.0):
            assert same(compiled(make(a, 2.0, 3.0)), double(make(a, 2.0, 3.0))), name
        if name != "frozen dataclass":
            argument, slopes = make(1.0, 2.0, 3.0), make(4.0, 4.0, 27.0)
            assert same(compile(grad(product), backend=backend)(argument), slopes), name
            assert same(compile(product, backend=backend).value_and_grad(argument)[1], slopes), name


def test_mappings_in_another_order_are_alike():
    _, pull = vjp(lambda x: defaultdict(list, a=x, b=2.0 * x), 1.0)
    assert pull(defaultdict(list, b=1.0, a=0.0)) == (2.0,)


def test_rest_of_a_container_tells_structures_apart():
    assert flatten(Box("m", 1.0))[1] != flatten(Box("n", 1.0))[1]
    assert flatten(defaultdict(list, a=1.0))[1] != flatten(defaultdict(int, a=1.0))[1]
    with pytest.raises(TypeError, match="a tangent of jvp has the structure of what it multiplies"):
        jvp(lambda x: x.numbers[0], (Box("m", 1.0),), (Box("n", 1.0),))


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_no_number_is_named_as_its_place_is_written(name):
    place = next(flatten(CONTAINERS[name](1.0, 2.0, 3.0))[1].names(""))
    with pytest.raises(TypeError, match="is of type str: 'a'") as found:
        grad(product)(CONTAINERS[name]("a", 2.0, 3.0))
    written = f"{place} of argument 0 of product is" if "." in place else f"argument 0 of product{place} is"
    assert written in str(found.value)
    assert ("no field: a ClassVar" in str(found.value)) == (name in ("dataclass", "frozen dataclass", "all of them"))


@dataclass
class Named:
    x: float
    name: InitVar[str] = ""
    power: ClassVar[int] = 3

    def __post_init__(self, name):
        self.name = name


def test_name_and_count_are_kept_in_attributes_that_are_no_fields():
    cubed = lambda point: point.x**point.power if point.name == "cubed" else point.x
    for f in (grad(cubed), compile(grad(cubed))):
        assert (f(Named(2.0, "cubed")).x, f(Named(2.0)).x) == (12.0, 1.0)


def test_what_is_registered_is_checked():
    with pytest.raises(ValueError, match="Box is known already"):
        register(Box, lambda box: (box.numbers, box.name), lambda name, parts: Box(name, *parts))
    with pytest.raises(ValueError, match="list is known already"):
        register(list, lambda x: (x, None), lambda rest, parts: list(parts))
    with pytest.raises(TypeError, match=r"register\(cls, flatten, unflatten\) takes a class and two functions"):
        register(Box("m"), len, len)


@pytest.mark.parametrize("use", [grad, jacobian, compile])
def test_functions_of_a_registered_class_that_return_something_else_are_named(use):
    class Plain:
        def __init__(self, x, y):
            self.x, self.y = x, y

    pair = "TypeError: flatten, as registered for Plain, returns a pair, the parts and a rest, got "
    exchanged = "unflatten, as registered for Plain, is called with the rest and then the parts"
    for message, functions in {
        pair: [lambda p: [p.x, p.y], lambda p: (p.x, p.y), lambda p: [[p.x, p.y]], lambda p: None],
        exchanged: [lambda p: ((p.x, p.y), None)],
    }.items():
        for wrong in functions:
            kind = type("Plain", (Plain,), {})
            register(kind, wrong, lambda parts, rest: Plain(*parts))
            assert message in error_of(use(lambda p: p.x * p.y), kind(2.0, 3.0))


def test_named_tuple_is_flattened_as_it_was_registered():
    square = lambda marked: marked.number**2
    assert grad(square)(Marked(3.0, "x")) == Marked(6.0, "x")
    assert compile(square)(Marked(3.0, "x")) == 9.0


def test_none_is_a_container_of_no_numbers():
    assert flatten(None) == ([], Structure(type(None)))
    assert grad(lambda x, y: x * x, argnums=(0, 1))(3.0, None) == (6.0, None)


def test_polars_column_is_an_argument_and_its_gradient_a_column():
    polars = pytest.importorskip("polars")
    column = polars.Series("price", [1.0, 2.0, 4.0])
    slopes = grad(lambda x: sum(a * a for a in x) * x[0])(column)
    assert (type(slopes), slopes.name, slopes.dtype) == (polars.Series, "price", polars.Float64)
    assert slopes.to_list() == [23.0, 4.0, 8.0]
    assert grad(lambda x: x[0] * x[1])(polars.Series([2, 3])).to_list() == [3.0, 2.0]
    assert jacobian(lambda x: [x[0] * x[2], x[1]], sparse=True)(column).toarray().tolist() == [[4, 0, 1], [0, 1, 0]]
    assert [a.data for a in grad(lambda x: x[0] * x[1])(polars.Series([Value(2.0), Value(3.0)]))] == [3.0, 2.0]
    frame = polars.DataFrame({"x": [1.0, 2.0], "y": [3.0, 5.0]})
    assert grad(lambda w, x, y: sum((w * a - b) ** 2 for a, b in zip(x, y)))(1.0, frame["x"], frame["y"]) == -16.0
    assert compile(lambda x: x[0] * x[1])(polars.Series([2.0, 3.0])) == 6.0
