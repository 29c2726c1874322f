"""Random nested arguments and results in every transform: the numbers of the flat version, in the same structure."""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd as ad
from tests.hypothesis_profiles import max_examples


class Pair(NamedTuple):
    first: Any
    count: Any


@dataclass
class Point:
    x: Any
    y: Any


@dataclass(frozen=True, slots=True)
class Frozen:
    _fields: Any
    _make: Any


class Box:
    def __init__(self, *inside):
        self.inside = inside


def reversed_at_the_end(array):
    return array[..., ::-1] if array.ndim else array


ad.register(Box, lambda box: (box.inside, None), lambda rest, parts: Box(*parts))

NUMBERS = st.integers(-12, 12).map(lambda n: n / 4)
SCALARS = NUMBERS | st.integers(-3, 3) | NUMBERS.map(np.float64) | st.booleans() | NUMBERS.map(np.float32)
SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
ARRAYS = st.builds(
    lambda shape, dtype, layout: layout(np.arange(int(np.prod(shape))).reshape(shape).astype(dtype) - dtype(1)),
    SHAPES,
    st.sampled_from([np.float64, np.float32, np.int64, np.int8, np.uint8]),
    st.sampled_from([np.array, np.asfortranarray, reversed_at_the_end, np.transpose]),
)
KEYS = st.sampled_from(["a", "w b", "", 0, 1, -1, 2.5, None, (1, "x"), True, "items"])


def nested(inside):
    listed, keyed = st.lists(inside, max_size=4), st.dictionaries(KEYS, inside, max_size=3)
    two = st.builds(lambda kind, *parts: kind(*parts), st.sampled_from([Pair, Point, Frozen, Box]), inside, inside)
    of_default = keyed.map(lambda items: defaultdict(list, items))
    return st.one_of(listed, listed.map(tuple), two, keyed, keyed.map(OrderedDict), of_default)


SERIES = st.lists(NUMBERS, max_size=3).map(lambda xs: pd.Series(xs, list("abc")[: len(xs)], float, "s"))
STRUCTURES = st.recursive(SCALARS | ARRAYS | st.none() | SERIES, nested, max_leaves=8)
RESULTS = st.recursive(NUMBERS | ARRAYS | st.none(), nested, max_leaves=4).filter(lambda thing: thing is not None)
WITHOUT_SERIES = st.recursive(SCALARS | ARRAYS | st.none(), nested, max_leaves=4)
ARGUMENTS = STRUCTURES.filter(lambda thing: thing is not None)  # the gradient would be, which is no program's result


def parts_of(thing):
    """The parts of a container, and what makes one of other parts; None for a number."""
    kind = type(thing)
    if thing is None:
        return [], lambda parts: None
    if isinstance(thing, dict):
        make = (lambda items: defaultdict(list, items)) if kind is defaultdict else kind
        return list(thing.values()), lambda parts: make(zip(thing, parts, strict=True))
    if isinstance(thing, np.ndarray):
        return thing.ravel().tolist(), lambda parts: packed(parts, thing.shape)
    if isinstance(thing, pd.Series):
        return thing.tolist(), lambda parts: pd.Series(packed(parts, (-1,)), thing.index, name=thing.name)
    if kind in (Pair, Point, Frozen):
        return [getattr(thing, name) for name in kind.__annotations__], lambda parts: kind(*parts)
    if kind is Box:
        return list(thing.inside), lambda parts: Box(*parts)
    return (list(thing), kind) if kind in (list, tuple) else None


def packed(parts, shape):
    array = np.empty(len(parts), dtype=object if any(isinstance(part, ad.Value) for part in parts) else float)
    array[:] = parts
    return array.reshape(shape)


def numbers_of(thing):
    taken = parts_of(thing)
    return [thing] if taken is None else [x for part in taken[0] for x in numbers_of(part)]


def rebuilt(thing, make):
    """The same structure with other numbers: those that `make` returns in order, each a number or what replaces it."""
    taken = parts_of(thing)
    return make() if taken is None else taken[1]([rebuilt(part, make) for part in taken[0]])


def with_numbers_of(thing, numbers):
    return rebuilt(thing, iter(numbers).__next__)


def with_numbers(thing, numbers):
    return with_numbers_of(thing, map(float, numbers))


def assert_same(found, wanted):
    """Types, keys in order, shapes, and numbers: equal but for rounding."""
    assert type(found) is type(wanted), (found, wanted)
    taken = parts_of(wanted)
    if taken is None:
        assert found == pytest.approx(wanted, rel=1e-11, abs=1e-11)
        return
    if isinstance(wanted, np.ndarray):
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    if isinstance(wanted, pd.Series):
        assert (list(found.index), found.name, found.dtype) == (list(wanted.index), wanted.name, wanted.dtype)
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
    parts = parts_of(found)[0]
    assert len(parts) == len(taken[0])
    for part, other in zip(parts, taken[0], strict=True):
        assert_same(part, other)


# The function: of the numbers in order, with a gradient and a Hessian that are known


def energy(thing, scale=1.0):
    xs = numbers_of(thing)
    squares = [0.5 * (k + 1.0) * x * x for k, x in enumerate(xs)]
    return ad.fsum([0.25, *squares, *[a * b for a, b in pairwise(xs)]]) * scale


def hessian_of(n):
    return np.diag(np.arange(1.0, n + 1.0)) + np.eye(n, k=1) + np.eye(n, k=-1)


class Known:
    """A structure, and what is known of the energy there."""

    def __init__(self, thing):
        self.thing = thing
        self.x = np.array([float(x) for x in numbers_of(thing)])
        self.matrix = hessian_of(len(self.x))
        self.gradient = self.matrix @ self.x
        self.value = 0.25 + self.x @ self.gradient / 2
        self.v = 0.5 - np.arange(len(self.x)) / 4.0

    def like(self, numbers):
        return with_numbers(self.thing, numbers)


CHECKS = {
    "grad": (ad.grad, lambda k: (k.thing,), lambda k: k.like(k.gradient)),
    "value_and_grad": (ad.value_and_grad, lambda k: (k.thing,), lambda k: (k.value, k.like(k.gradient))),
    "compiled": (lambda f: ad.compile(f).value_and_grad, lambda k: (k.thing,), lambda k: (k.value, k.like(k.gradient))),
    "jacobian": (ad.jacobian, lambda k: (k.thing,), lambda k: k.like(k.gradient)),
    "hvp": (ad.hvp, lambda k: (k.thing, k.like(k.v)), lambda k: k.like(k.matrix @ k.v)),
    "vjp": (lambda f: lambda x: (lambda value, pull: (value, pull(2.0)))(*ad.vjp(f, x)), lambda k: (k.thing,),
        lambda k: (k.value, (k.like(2.0 * k.gradient),))),
    "jvp": (lambda f: lambda x, v: ad.jvp(f, (x,), (v,)), lambda k: (k.thing, k.like(k.v)),
        lambda k: (k.value, k.gradient @ k.v)),
    "of several": (lambda f: ad.grad(f, (1, 0)), lambda k: (k.thing, 2.0),
        lambda k: (k.value, k.like(2.0 * k.gradient))),
    "gradient along": (lambda f: lambda x, v: ad.jvp(ad.grad(f), (x,), (v,))[1], lambda k: (k.thing, k.like(k.v)),
        lambda k: k.like(k.matrix @ k.v)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_gradient_of_a_structure_is_that_of_its_numbers(name):
    transform, arguments, wanted = CHECKS[name]

    @max_examples(12)
    @given(ARGUMENTS)
    @example([Frozen(1.0, [2.0]), pd.Series([], dtype=float, name="s")])
    def check(thing):
        known = Known(thing)
        assert_same(transform(energy)(*arguments(known)), floats(wanted(known)))
        assert_same(ad.compile(transform(energy))(*arguments(known)), floats(wanted(known)))

    check()


def floats(thing):
    return with_numbers(thing, numbers_of(thing))


# Results


def linear(result):
    """A function of a structure, its results in the structure given; and its matrix, for so many numbers."""

    def f(thing):
        xs = numbers_of(thing)
        rows = iter(enumerate(matrix(result, len(xs)).tolist()))

        def entry():
            k, row = next(rows)
            return ad.fsum([0.5 * k, *[a * x for a, x in zip(row, xs, strict=True)]])

        return rebuilt(result, entry)

    return f


def matrix(result, count):
    height = len(numbers_of(result))
    return np.cos(np.arange(float(height * count)).reshape(height, count))


def nested_matrix(result, argument, rows):
    """A matrix in the structure of the results, each entry in that of the argument; arrays by arrays are arrays."""
    if not is_leaf(result):
        return parts_of(result)[1]([nested_matrix(part, argument, rows) for part in parts_of(result)[0]])
    taken = [next(rows) for _ in numbers_of(result)]
    block = np.array(taken, dtype=float).reshape(*np.shape(result), len(numbers_of(argument)))
    return nested_row(argument, block, iter(range(block.shape[-1])), isinstance(result, np.ndarray))


def nested_row(argument, block, columns, are_arrays):
    if not is_leaf(argument):
        make = parts_of(argument)[1]
        return make([nested_row(part, block, columns, are_arrays) for part in parts_of(argument)[0]])
    chosen = [next(columns) for _ in numbers_of(argument)]
    entries = block[..., chosen].reshape(block.shape[:-1] + np.shape(argument))
    return entries if are_arrays or isinstance(argument, np.ndarray) else float(entries)


def is_leaf(thing):
    return parts_of(thing) is None or isinstance(thing, np.ndarray)


@max_examples(20)
@given(RESULTS, WITHOUT_SERIES)
def test_results_keep_their_structure(result, argument):
    f, x = linear(result), np.array([float(x) for x in numbers_of(argument)])
    rows = matrix(result, len(x))
    wanted = with_numbers(result, rows @ x + 0.5 * np.arange(len(rows)))
    assert_same(ad.compile(f)(argument), wanted)
    for derivative in (ad.jacobian(f), ad.compile(ad.jacobian(f))):
        assert_same(derivative(argument), nested_matrix(result, argument, iter(rows)))
    value, pull = ad.vjp(f, argument)
    cotangent = 1.0 - np.arange(len(rows))
    assert_same(value, wanted)
    assert_same(pull(with_numbers(result, cotangent)), (with_numbers(argument, cotangent @ rows),))
    value, pushed = ad.jvp(f, (argument,), (with_numbers(argument, x * x),))
    assert_same((value, pushed), (wanted, with_numbers(result, rows @ (x * x))))
    along = lambda t: f(with_numbers_of(argument, [a + t * b for a, b in zip(x, x * x, strict=True)]))
    if len(x):
        series = ad.taylor(along, 0.0, 2)
        assert_same(series, [wanted, with_numbers(result, rows @ (x * x)), with_numbers(result, 0.0 * rows[:, 0])])
    assert_same(ad.value_and_grad(lambda y: (energy(y), f(y)), has_aux=True)(argument)[0][1], wanted)


@max_examples(10)
@given(WITHOUT_SERIES)
def test_hessian_is_the_structure_within_itself(argument):
    second = hessian_of(len(numbers_of(argument)))
    for derivative in (ad.hessian(energy), ad.compile(ad.hessian(energy))):
        assert_same(derivative(argument), nested_matrix(argument, argument, iter(second)))


@max_examples(10)
@given(ARGUMENTS)
def test_batch_of_structures_is_one_after_the_other(thing):
    known = [Known(with_numbers(thing, Known(thing).x * factor)) for factor in (1.0, -2.0, 0.5)]
    f, examples = ad.compile(energy, batched="thing"), [k.thing for k in known]
    assert f(examples) == pytest.approx(np.mean([k.value for k in known]), rel=1e-11)
    assert list(f.each(examples)) == pytest.approx([k.value for k in known], rel=1e-11)
    _, gradient = f.value_and_grad(examples)
    assert_same(gradient, [k.like(k.gradient / 3.0) for k in known])


@max_examples(8)
@given(ARGUMENTS)
def test_solutions_keep_the_structure_of_the_start(thing):
    known = Known(thing)
    moved = lambda y, target: ad.fsum([(a - b) ** 2 for a, b in zip(numbers_of(y), numbers_of(target), strict=True)])
    off = lambda y, target: with_numbers_of(y, [a - b for a, b in zip(numbers_of(y), numbers_of(target), strict=True)])
    start = known.like(known.x + 1.0)
    for solve, f in ((ad.argmin, moved), (ad.root, off)):
        if len(known.x):
            assert_same(solve(f, start, thing), known.like(known.x))
            total = lambda target, solve=solve, f=f: ad.fsum(numbers_of(solve(f, start, target)))
            assert_same(ad.grad(total)(thing), known.like(np.ones(len(known.x))))
    assert ad.gradcheck(energy, thing, order=2)
