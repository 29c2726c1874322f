"""Arguments that transforms take, nested in containers and arrays, and how what comes back is compared."""

from collections import Counter, OrderedDict, UserDict, defaultdict, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from autograd import Value, register
from autograd.functions.structure import flatten

Point = namedtuple("Point", "x y")


class Own(Mapping):
    """A mapping of what its constructor stores, with the sum of its items."""

    def __getitem__(self, key):
        return self.store[key]

    def __iter__(self):
        return iter(self.store)

    def __len__(self):
        return len(self.store)

    @property
    def total(self):
        return sum(self.values())


def of_a_store(stored):
    """A constructor that stores what is made of the items."""

    def constructor(self, items):
        self.store = stored(items)

    return constructor


class AttributeErrors(dict):
    """A dict whose items are its attributes; others are a KeyError."""

    total = property(lambda self: self.a + self.b)

    def __getattr__(self, name):
        return self[name]


class Nothings(dict):
    """A dict whose items are its attributes; others are None."""

    total = property(lambda self: self.a + self.b)
    __getattr__ = dict.get


def array_of(*elements, shape=None):
    """An array of objects."""
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array.reshape(len(elements) if shape is None else shape)


@dataclass
class Place:
    x: float
    y: list[float]


@dataclass(frozen=True, slots=True)
class Frozen:
    x: float
    inner: Place
    sum: float = field(init=False, default=0.0)


class Weights(dict):
    pass


class Box:
    def __init__(self, name, *numbers):
        self.name, self.numbers = name, numbers

    def __eq__(self, other):
        return type(other) is Box and (self.name, self.numbers) == (other.name, other.numbers)

    __hash__ = None


class Listed(list):
    pass


class Pair(NamedTuple):
    a: object
    b: object


class Marked(NamedTuple):
    number: object
    mark: str


register(Box, lambda box: (box.numbers, box.name), lambda name, numbers: Box(name, *numbers))
register(Listed, lambda listed: (list(listed), None), lambda rest, parts: Listed(parts))
register(Marked, lambda marked: ([marked.number], marked.mark), lambda mark, parts: Marked(*parts, mark))

CONTAINERS = {
    "none": lambda a, b, c: [a, None, b, (None, c)],
    "defaultdict": lambda a, b, c: defaultdict(list, w=[a, b], v=c),
    "counter": lambda a, b, c: Counter({"w": a, "v": b, "u": c}),
    "subclass of dict": lambda a, b, c: Weights(w=a, v=[b, c]),
    "user dict": lambda a, b, c: UserDict({"w": a, "v": [b, c]}),
    "mapping proxy": lambda a, b, c: MappingProxyType({"w": a, "v": [b, c]}),
    "dataclass": lambda a, b, c: Place(a, [b, c]),
    "frozen dataclass": lambda a, b, c: Frozen(a, Place(b, [c])),
    "registered": lambda a, b, c: Box("m", a, [b, c]),
    "registered subclass of list": lambda a, b, c: Listed([a, (b, c)]),
    "series": lambda a, b, c: pd.Series([a, b, c], index=["p", "q", "r"], name="s"),
    "all of them": lambda a, b, c: Pair({"k": Place(Box("n", a), [b])}, [None, Weights(w=c)]),
}


ARGUMENTS = {  # with their numbers, in the order of reading
    "float": (2.5, [2.5]), "int": (2, [2.0]), "bool": (True, [1.0]), "float64": (np.float64(2.5), [2.5]),
    "float32": (np.float32(0.5), [0.5]), "float16": (np.float16(0.5), [0.5]), "longdouble": (np.longdouble(0.5), [0.5]),
    "int64": (np.int64(-3), [-3.0]), "uint8": (np.uint8(3), [3.0]), "bool_": (np.bool_(True), [1.0]),
    "list": ([1.0, 2], [1.0, 2.0]), "tuple": ((1.0, 2.0), [1.0, 2.0]), "tuple of one": ((1.0,), [1.0]),
    "dict": ({"w": 1.0, "b": 2.0}, [1.0, 2.0]),
    "dict in the order of insertion": ({"z": 1.0, "a": 2.0, 3: 4.0}, [1.0, 2.0, 4.0]),
    "OrderedDict": (OrderedDict(z=1.0, a=2.0), [1.0, 2.0]), "namedtuple": (Point(1.0, 2.0), [1.0, 2.0]),
    "nested": ([1.0, (2.0, {"a": [3.0], "b": Point(4.0, [5.0, 6.0])})], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    "empty list": ([], []), "empty tuple": ((), []), "empty dict": ({}, []),
    "empty inside": ([[], 1.0, {}, ((),), np.zeros(0)], [1.0]), "array": (np.array([1.0, 2.0]), [1.0, 2.0]),
    "array of no dimension": (np.array(3.0), [3.0]), "empty array": (np.zeros((2, 0)), []),
    "matrix": (np.array([[1.0, 2.0], [3.0, 4.0]]), [1.0, 2.0, 3.0, 4.0]),
    "three dimensions": (np.arange(6.0).reshape(1, 2, 3), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    "integer array": (np.array([1, 2]), [1.0, 2.0]), "boolean array": (np.array([True, False]), [1.0, 0.0]),
    "float32 array": (np.array([1.0, 2.0], dtype=np.float32), [1.0, 2.0]),
    "float16 array": (np.array([0.5, 2], dtype=np.float16), [0.5, 2.0]),
    "reversed array": (np.arange(10.0)[::-3], [9.0, 6.0, 3.0, 0.0]),
    "transposed array": (np.arange(6.0).reshape(2, 3).T, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
    "Fortran order": (np.asfortranarray(np.arange(6.0).reshape(2, 3)), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    "array of objects": (array_of(1.0, 2, np.float64(3.0)), [1.0, 2.0, 3.0]),
    "matrix of objects": (array_of(1.0, 2, shape=(2, 1)), [1.0, 2.0]),
    "arrays in containers": ({"W": np.ones((1, 2)), "b": [np.array(5.0)], "c": 3.0}, [1.0, 1.0, 5.0, 3.0]),
}  # fmt: skip
ARGUMENTS |= {name: (make(1.0, 2.0, 3.0), [1.0, 2.0, 3.0]) for name, make in CONTAINERS.items()}
ARGUMENTS["frozen dataclass"][1].append(0.0)  # of the field that its constructor does not take
every_argument = pytest.mark.parametrize(("argument", "numbers"), ARGUMENTS.values(), ids=ARGUMENTS)


def data(thing):
    """The same with the data of Values in place of the Values."""
    numbers, structure = flatten(thing)
    return structure.unflatten([x.data if isinstance(x, Value) else x for x in numbers])


def same(found, wanted, tolerance=0.0):
    """Whether two results are nested alike, and hold the same numbers."""
    (a, structure), (b, other) = flatten(data(found)), flatten(wanted)
    return structure == other and a == pytest.approx(b, rel=tolerance, abs=tolerance, nan_ok=True)


def values_of(thing):
    return [x for x in flatten(thing)[0] if isinstance(x, Value)]
