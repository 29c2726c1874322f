"""Arguments taken apart and put together: which ones, in which order, and what is said of the others."""

import gc
import subprocess
import sys
from collections import OrderedDict, namedtuple
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import Constant, Value
from autograd.functions.structure import Structure, flatten, pack, size

Point = namedtuple("Point", "x y")


def array_of(*elements, shape=None):
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array.reshape(len(elements) if shape is None else shape)


ARGUMENTS = {
    "float": (2.5, [2.5]),
    "int": (2, [2.0]),
    "bool": (True, [1.0]),
    "float64": (np.float64(2.5), [2.5]),
    "float32": (np.float32(0.5), [0.5]),
    "float16": (np.float16(0.5), [0.5]),
    "longdouble": (np.longdouble(0.5), [0.5]),
    "int64": (np.int64(-3), [-3.0]),
    "uint8": (np.uint8(3), [3.0]),
    "bool_": (np.bool_(True), [1.0]),
    "list": ([1.0, 2], [1.0, 2.0]),
    "tuple": ((1.0, 2.0), [1.0, 2.0]),
    "tuple of one": ((1.0,), [1.0]),
    "dict": ({"w": 1.0, "b": 2.0}, [1.0, 2.0]),
    "dict in the order of insertion": ({"z": 1.0, "a": 2.0, 3: 4.0}, [1.0, 2.0, 4.0]),
    "OrderedDict": (OrderedDict(z=1.0, a=2.0), [1.0, 2.0]),
    "namedtuple": (Point(1.0, 2.0), [1.0, 2.0]),
    "nested": ([1.0, (2.0, {"a": [3.0], "b": Point(4.0, [5.0, 6.0])})], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    "empty list": ([], []),
    "empty tuple": ((), []),
    "empty dict": ({}, []),
    "empty inside": ([[], 1.0, {}, ((),)], [1.0]),
    "array": (np.array([1.0, 2.0]), [1.0, 2.0]),
    "array of no dimension": (np.array(3.0), [3.0]),
    "empty array": (np.zeros((2, 0)), []),
    "matrix": (np.array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 2.0, 3.0, 4.0]),
    "three dimensions": (np.arange(6.0).reshape(1, 2, 3), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    "integer array": (np.array([1, 2]), [1.0, 2.0]),
    "boolean array": (np.array([True, False]), [1.0, 0.0]),
    "float16 array": (np.array([0.5, 2], dtype=np.float16), [0.5, 2.0]),
    "reversed array": (np.arange(10.0)[::-3], [9.0, 6.0, 3.0, 0.0]),
    "transposed array": (np.arange(6.0).reshape(2, 3).T, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
    "Fortran order": (np.asfortranarray(np.arange(6.0).reshape(2, 3)), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    "array of objects": (array_of(1.0, 2, np.float64(3.0)), [1.0, 2.0, 3.0]),
    "arrays in containers": ({"W": np.ones((1, 2)), "b": [np.array(5.0)]}, [1.0, 1.0, 5.0]),
}
every_argument = pytest.mark.parametrize(("argument", "numbers"), ARGUMENTS.values(), ids=ARGUMENTS.keys())


@every_argument
def test_numbers_come_as_floats_in_the_order_of_reading(argument, numbers):
    found, _ = flatten(argument)
    assert found == numbers
    assert all(type(x) is float for x in found)


@every_argument
def test_unflatten_restores_the_nesting_with_its_types(argument, numbers):
    def compare(found, wanted):
        if isinstance(wanted, (list, tuple, dict)):
            assert type(found) is type(wanted)
            assert len(found) == len(wanted)
            if isinstance(wanted, dict):
                assert list(found) == list(wanted)
                found, wanted = found.values(), wanted.values()
            for a, b in zip(found, wanted, strict=True):
                compare(a, b)
        elif isinstance(wanted, np.ndarray):
            assert type(found) is np.ndarray
            assert found.dtype == float
            assert found.shape == wanted.shape
            assert found.tolist() == wanted.astype(float).tolist()
        else:
            assert type(found) is float
            assert found == float(wanted)

    found, structure = flatten(argument)
    compare(structure.unflatten(found), argument)


@every_argument
def test_arguments_nested_alike_have_equal_structures_with_equal_hashes(argument, numbers):
    _, structure = flatten(argument)
    _, again = flatten(structure.unflatten([x + 1.0 for x in numbers]))
    assert structure == again
    assert hash(structure) == hash(again)
    assert {structure: "found"}[again] == "found"


@every_argument
def test_build_is_asked_for_as_many_numbers_as_there_are(argument, numbers):
    shapes = []
    flatten(argument)[1].build(shapes.append)
    assert sum(map(size, shapes)) == len(numbers)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1.0, [1.0]),
        (1.0, np.array(1.0)),
        ([1.0], (1.0,)),
        ([1.0], [1.0, 2.0]),
        ([1.0], [[1.0]]),
        ([1.0, 2.0], np.array([1.0, 2.0])),
        ([], ()),
        ([], {}),
        ([], [[]]),
        ({"a": 1.0}, {"b": 1.0}),
        ({"a": 1.0}, OrderedDict(a=1.0)),
        (Point(1.0, 2.0), (1.0, 2.0)),
        (Point(1.0, 2.0), namedtuple("Point", "x y")(1.0, 2.0)),
        (np.zeros(2), np.zeros((1, 2))),
        (np.zeros((0, 2)), np.zeros((2, 0))),
    ],
    ids=lambda argument: type(argument).__name__,
)
def test_arguments_nested_differently_have_different_structures(a, b):
    assert flatten(a)[1] != flatten(b)[1]


def test_values_are_taken_as_they_are():
    x, y, c = Value(1.0), Value(2.0), Constant(3.0)
    numbers, structure = flatten({"a": [x, 5], "b": array_of(y, c)})
    assert numbers == [x, 5.0, y, c]
    restored = structure.unflatten(numbers)
    assert restored["a"] == [x, 5.0]
    assert restored["b"].tolist() == [y, c]


def test_array_with_a_value_in_it_comes_back_as_objects():
    x = Value(1.0)
    _, structure = flatten(np.zeros((1, 2)))
    restored = structure.unflatten([x, 2.0])
    assert (restored.dtype, restored.shape, restored.tolist()) == (object, (1, 2), [[x, 2.0]])


def test_structure_refers_to_none_of_the_numbers():
    assert flatten([Value(1.0), {"a": array_of(Value(2.0))}])[1] == flatten([1.0, {"a": np.zeros(1)}])[1]


def test_unflattened_array_is_a_copy():
    argument = np.array([1.0, 2.0])
    numbers, structure = flatten(argument)
    structure.unflatten(numbers)[0] = 9.0
    assert argument.tolist() == [1.0, 2.0]


def test_same_list_twice_is_two_parts():
    part = [1.0]
    numbers, structure = flatten([part, part])
    first, second = structure.unflatten(numbers)
    assert numbers == [1.0, 1.0]
    assert first is not second


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), -0.0, 5e-324])
def test_extreme_numbers_pass_unchanged(number):
    for argument in (number, [number], np.array([number]), np.float64(number)):
        assert repr(flatten(argument)[0]) == repr([number])


@pytest.mark.parametrize("argument", [float("nan"), np.array(float("nan"))])
def test_nan_is_a_number(argument):
    (number,), _ = flatten(argument)
    assert number != number


@pytest.mark.parametrize(("shape", "count"), [(None, 1), ((), 1), ((3,), 3), ((2, 3), 6), ((2, 0), 0)])
def test_size_is_the_count_of_numbers(shape, count):
    assert size(shape) == count


def test_pack_of_no_shape_is_the_number_itself():
    x = Value(1.0)
    assert pack([x], None) is x


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        (1.0, ["x"]),
        ([1.0, (2.0,)], ["x[0]", "x[1][0]"]),
        ({"w": [1.0], 2: 3.0}, ["x['w'][0]", "x[2]"]),
        (Point(1.0, [2.0]), ["x.x", "x.y[0]"]),
        (np.zeros((1, 2)), ["x[0, 0]", "x[0, 1]"]),
        ({"a": np.zeros(2)}, ["x['a'][0]", "x['a'][1]"]),
        ([[], {}, np.zeros((2, 0))], []),
    ],
    ids=lambda argument: type(argument).__name__,
)  # fmt: skip
def test_names_are_expressions_in_the_name_of_the_whole(argument, names):
    numbers, structure = flatten(argument)
    assert list(structure.names("x")) == names
    assert [eval(name, {"x": argument}) for name in names] == numbers


@pytest.mark.parametrize(
    ("argument", "picture"),
    [
        (1.0, "number"),
        ([1.0] * 4, "[number, number, number, number]"),
        ([1.0] * 5, "[number x 5]"),
        ((1.0,) * 20, "(number x 20)"),
        ([[1.0, 2.0]] * 5, "[[number, number] x 5]"),
        ([1.0] * 4 + [[]], "[number, number, number, number, []]"),
        ({"w": [1.0] * 20, "b": 3.0}, "{'w': [number x 20], 'b': number}"),
        (np.zeros((2, 3)), "array(2, 3)"),
        ([np.zeros(2), np.array(1.0)], "[array(2,), array()]"),
        ([(), {}], "[(), {}]"),
    ],
    ids=lambda argument: type(argument).__name__,
)  # fmt: skip
def test_str_shows_what_an_argument_looks_like(argument, picture):
    assert str(flatten(argument)[1]) == picture


class Sequence(list):
    pass


class Pair(tuple):
    __slots__ = ()


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        ("3", "str: '3'"),
        (b"3", "bytes: b'3'"),
        (1j, "complex: 1j"),
        (np.complex64(1j), "complex64: "),
        (Decimal(1), r"Decimal: Decimal\('1'\)"),
        ({1.0}, r"set: \{1\.0\}"),
        (range(2), r"range: range\(0, 2\)"),
        (object, "type: <class 'object'>"),
        (len, "builtin_function_or_method: <built-in function len>"),
        (Sequence([1.0]), "Sequence: "),
        (Pair([1.0]), "Pair: "),
        (np.ma.array([1.0]), "MaskedArray: "),
        (np.str_("3"), "str_: "),
        (np.datetime64("2020-01-01"), "datetime64: "),
    ],
    ids=lambda argument: type(argument).__name__,
)
def test_what_is_neither_number_nor_container_is_named(argument, kind):
    message = "^flatten takes real numbers, in lists, tuples, dicts or NumPy arrays; the argument is of type "
    with pytest.raises(TypeError, match=message + kind):
        flatten(argument)


@pytest.mark.parametrize(
    ("argument", "place"),
    [
        ([1.0, "a"], r"\[1\]"),
        ((1.0, [2.0, "a"]), r"\[1\]\[1\]"),
        ({"w": {"b": "a"}}, r"\['w'\]\['b'\]"),
        ({3: "a"}, r"\[3\]"),
        (Point(1.0, "a"), r"\[1\]"),
        (np.array(["a"]), r"\[0\]"),
        ({"k": array_of(1.0, "a", 2.0, 3.0, shape=(2, 2))}, r"\['k'\]\[0\]\[1\]"),
        (array_of("a", shape=()), ""),
    ],
    ids=lambda argument: type(argument).__name__,
)  # fmt: skip
def test_place_of_what_is_no_number_is_in_the_message(argument, place):
    with pytest.raises(TypeError, match=f"^energy takes .*; the state{place} is of type str: 'a'$"):
        flatten(argument, "energy", "the state")


@pytest.mark.parametrize(
    "array", [np.array([1j]), np.array(["2020"], dtype="datetime64[Y]"), np.zeros(1, [("a", "f8")])]
)
def test_arrays_of_other_things_than_real_numbers_are_refused(array):
    with pytest.raises(TypeError, match=r"flatten takes real numbers, .*; the argument\[0\] is of type "):
        flatten(array)


def test_long_finding_is_cut_short_in_the_message():
    with pytest.raises(TypeError, match=r"is of type str: 'a{56}\.\.\.$"):
        flatten(["a" * 1000])


def test_structure_cannot_be_changed():
    _, structure = flatten([1.0])
    with pytest.raises(AttributeError, match="cannot assign"):
        structure.keys = ()


def test_structure_of_a_number_is_the_empty_structure():
    assert flatten(1.0)[1] == Structure()


def test_flatten_leaves_numpy_unloaded():
    code = (
        "import sys; from autograd import Value; from autograd.functions.structure import flatten; "
        "numbers, structure = flatten([1, {'a': (Value(2.0), True)}]); structure.unflatten(numbers); "
        "assert 'numpy' not in sys.modules"
    )
    root = Path(autograd.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_flatten_leaves_no_reference_cycle():
    gc.collect()
    gc.disable()
    try:
        flatten([1.0, (2.0, {"a": Value(3.0)})])
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_name_of_an_array_without_dimension_is_an_expression():
    argument = [np.array(3.0)]
    (name,) = flatten(argument)[1].names("x")
    assert eval(name, {"x": argument}) == 3.0


@pytest.mark.parametrize(
    ("a", "b"),
    [(Point(1.0, 2.0), (1.0, 2.0)), (OrderedDict(a=1.0), {"a": 1.0})],
    ids=["namedtuple", "OrderedDict"],
)
def test_different_structures_look_different_in_messages(a, b):
    assert str(flatten(a)[1]) != str(flatten(b)[1])


def test_integer_beyond_floats_is_an_error_that_names_its_place():
    with pytest.raises((OverflowError, ValueError, TypeError), match=r"flatten .*the argument\[1\]"):
        flatten([1.0, 10**400])


class Interval(namedtuple("Interval", "low high")):
    __slots__ = ()

    def __new__(cls, ends):
        return super().__new__(cls, *sorted(ends))


def test_named_tuple_with_a_constructor_of_its_own_is_restored():
    numbers, structure = flatten(Interval([2.0, 1.0]))
    restored = structure.unflatten([2.0 * x for x in numbers])
    assert type(restored) is Interval
    assert restored == (2.0, 4.0)
