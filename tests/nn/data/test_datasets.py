"""Data sets: what is in them, how they are split, and how they are scaled."""

import itertools
import math
import random
import re
import statistics
import sys
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_circles, make_moons

from nn import MLP, datasets
from nn.data.datasets import Dataset, Standardization, iris, linear, moons, split, standardization, standardized, xor
from tests.errors import error_of

GENERATED = [xor, moons, datasets.circles, datasets.spirals, linear]


def numbered(per_class):
    """Return a data set whose examples are all different, with the given number of each class, interleaved."""
    y = [kind for kind, number in enumerate(per_class) for _ in range(number)]
    random.Random(0).shuffle(y)
    X = [[float(i), -2.0 * i] for i in range(len(y))]
    return Dataset(X, y, ["a", "b"], [f"c{k}" for k in range(len(per_class))])


def columns(data):
    return list(zip(*data.X, strict=True))


@pytest.mark.parametrize(
    "make", [*GENERATED, iris, datasets.digits, lambda: Dataset([[0.5] * 99] * 99, [1.5] * 99, [], [])]
)
def test_data_set_of_any_size_is_shown_shortened(make):
    assert repr(make()).startswith("Dataset(X=[[")
    assert len(repr(make())) < 1000


def test_small_data_set_is_shown_as_it_is_made():
    small = Dataset([[0.5, 1.0]], [0], ["a", "b"], ["c"])
    assert eval(repr(small)) == small


THEIRS = [(moons, make_moons), (datasets.circles, partial(make_circles, factor=0.5))]


@pytest.mark.parametrize(("make", "theirs"), THEIRS)
def test_moons_and_circles_are_those_of_scikit_learn(make, theirs):
    for n, noise, seed in itertools.product([1, 2, 3, 100, 1001], [0.0, 0.1], [0, 1, 2**32 - 1]):
        X, y = theirs(n_samples=n, noise=noise, random_state=seed)
        data = make(n, noise, seed)
        assert data.y == y.tolist(), (n, noise, seed)
        # A sine is a last bit off in some libraries.
        np.testing.assert_allclose(data.X, X, rtol=1e-15, atol=2e-16)
    assert error_of(make, seed=2**32) == f"ValueError: a seed is a whole number, 0 to 2**32 - 1, got {2**32}"
    assert moons(seed=1) == moons(n=100, noise=0.1, seed=1)
    assert moons().classes + datasets.circles().classes == ["upper moon", "lower moon", "outer circle", "inner circle"]


def test_iris_is_that_of_scikit_learn_and_may_be_changed_without_changing_the_next():
    for _ in range(2):
        data, bunch = iris(), load_iris()
        assert (data.X, data.y) == (bunch.data.tolist(), bunch.target.tolist())
        assert (data.features, data.classes) == (list(bunch.feature_names), bunch.target_names.tolist())
        data.X[0][0] = 99.0


def test_digits_are_those_of_scikit_learn_and_without_it_the_error_names_the_remedy(monkeypatch):
    data, bunch = datasets.digits(), load_digits()
    assert (data.X, data.y, data.classes) == (bunch.data.tolist(), bunch.target.tolist(), list("0123456789"))
    assert (data.features[0], data.features[1], data.features[8]) == ("pixel_0_0", "pixel_0_1", "pixel_1_0")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    wanted = "ImportError: digits comes from scikit-learn: python -m pip install 'scalar-autograd[demo]'"
    assert error_of(datasets.digits) == wanted


def test_xor_is_its_truth_table_and_of_many_points_surrounds_each_corner_with_as_many():
    corners = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    assert xor() == Dataset(corners, [0, 1, 1, 0], ["x1", "x2"], ["equal", "different"])
    data = xor(n=4000, noise=0.2, seed=1)
    for corner in range(4):
        cloud, kinds = data.X[corner::4], set(data.y[corner::4])
        assert kinds == {(corner // 2) ^ (corner % 2)}
        for coordinate, middle in zip(zip(*cloud, strict=True), (corner // 2, corner % 2), strict=True):
            assert statistics.fmean(coordinate) == pytest.approx(middle, abs=0.03)
            assert statistics.pstdev(coordinate) == pytest.approx(0.2, rel=0.06)


@pytest.mark.parametrize(("arms", "turns"), [(2, 1.5), (3, 1.0), (1, 3.0)])
def test_spirals_wind_outwards_at_equal_angles(arms, turns):
    data = datasets.spirals(n=arms * 20, noise=0.0, arms=arms, turns=turns)
    assert [data.y.count(arm) for arm in range(arms)] == [20] * arms
    assert len(data.classes) == arms
    for x, arm in zip(data.X, data.y, strict=True):
        t = math.hypot(*x)
        angle = math.atan2(x[1], x[0]) / (2 * math.pi)
        assert (angle - turns * t - arm / arms + 0.5) % 1.0 == pytest.approx(0.5, abs=1e-9)
    assert max(math.hypot(*x) for x in data.X) == pytest.approx(1.0)


def test_spirals_are_not_told_apart_by_a_line_but_by_their_neighbours():
    data = datasets.spirals(seed=1)
    for weights in [(math.cos(a / 10), math.sin(a / 10)) for a in range(63)]:
        right = sum((weights[0] * x[0] + weights[1] * x[1] > 0.0) == y for x, y in zip(data.X, data.y, strict=True))
        assert right < 0.75 * len(data.X)
    for i, (x, y) in enumerate(zip(data.X, data.y, strict=True)):
        others = [j for j in range(len(data.X)) if j != i and math.hypot(*data.X[j]) > 0.3 < math.hypot(*x)]
        if others:
            assert data.y[min(others, key=lambda j: math.dist(x, data.X[j]))] == y


def test_linear_data_are_a_regression_on_a_known_line_with_noise_in_the_target():
    data = linear(n=50, noise=0.0, seed=1, weights=(3.0, -1.0), bias=0.5)
    assert (data.classes, data.features, linear(n=3).features) == ([], ["x1", "x2"], ["x"])
    assert [3.0 * a - b + 0.5 for a, b in data.X] == pytest.approx(data.y, rel=1e-15)
    assert all(-1.0 <= x <= 1.0 for row in data.X for x in row)
    data = linear(n=3000, noise=0.3, seed=1)
    residuals = [y - 2.0 * x - 1.0 for (x,), y in zip(data.X, data.y, strict=True)]
    assert statistics.fmean(residuals) == pytest.approx(0.0, abs=0.03)
    assert statistics.pstdev(residuals) == pytest.approx(0.3, rel=0.06)


@pytest.mark.parametrize("make", GENERATED)
def test_generated_data_are_as_many_by_a_seed_and_need_no_library(make, monkeypatch):
    before, arrays = random.getstate(), np.random.get_state()[1].tolist()
    for library in ("sklearn", "numpy"):
        monkeypatch.setitem(sys.modules, library, None)
    data = make(n=20, noise=0.1, seed=5)
    assert data == make(n=20, noise=0.1, seed=5)
    assert data.X != make(n=20, noise=0.1, seed=6).X
    monkeypatch.undo()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == (before, arrays)
    for n in (1, 2, 7, 30):
        data = make(n=n, noise=0.1, seed=1)
        assert len(data.X) == len(data.y) == n
        assert {len(x) for x in data.X} == {len(data.features)}
        counts = [data.y.count(kind) for kind in range(len(data.classes))]
        assert sum(counts) == (n if data.classes else 0)
        assert not counts or n % len(counts) or make is xor or set(counts) == {n // len(counts)}


@pytest.mark.parametrize("make", GENERATED)
def test_numbers_out_of_range_are_errors_that_show_them(make):
    for n in (0, -3, 2.5, "10", None):
        assert error_of(make, n=n) == f"ValueError: n is a number of examples, 1 or more, got {n!r}"
    for noise in (-0.1, math.nan, math.inf):
        assert error_of(make, noise=noise) == f"ValueError: noise is a standard deviation, 0 or more, got {noise!r}"
    for noise in ("a", None):
        assert error_of(make, noise=noise).startswith("TypeError: noise takes a real number, got a ")
    assert error_of(datasets.spirals, arms=0) == "ValueError: arms is a number of spirals, 1 or more, got 0"


@pytest.mark.parametrize("make", [*GENERATED, iris, datasets.digits])
def test_data_are_plain_lists_of_plain_numbers(make):
    data = make(n=10, noise=0.1, seed=1) if make in GENERATED else make()
    assert {type(part) for part in data} == {list}
    assert {type(row) for row in data.X} == {list}
    assert {type(number) for row in data.X for number in row} == {float}
    assert {type(kind) for kind in data.y} == {int if data.classes else float}
    assert {type(name) for name in data.features + data.classes} == {str}


def test_split_holds_out_the_same_share_of_each_class_and_keeps_each_example_with_its_class():
    for per_class, share in itertools.product([[50, 50, 50], [10, 30], [100, 20, 60]], [0.1, 0.2, 0.5, 0.9]):
        data = numbered(per_class)
        kinds = {x[0]: y for x, y in zip(data.X, data.y, strict=True)}
        training, testing = split(data, held_out=share, seed=1)
        assert [testing.y.count(k) for k in range(len(per_class))] == [round(share * number) for number in per_class]
        assert sorted(training.X + testing.X) == sorted(data.X)
        for part in (training, testing):
            assert [kinds[x[0]] for x in part.X] == part.y
            assert (part.features, part.classes) == (data.features, data.classes)


@pytest.mark.parametrize("make", [*GENERATED, lambda **_: split(iris())])
def test_without_a_seed_random_seed_decides(make):
    random.seed(1)
    first, second = make(n=20, noise=0.1), make(n=20, noise=0.1)
    random.seed(1)
    assert [make(n=20, noise=0.1), make(n=20, noise=0.1)] == [first, second]
    assert first != second


SEEDED = [partial(make, noise=0.1) for make in GENERATED]
SEEDED += [lambda seed: split(iris(), seed=seed), lambda seed: MLP(2, [3], seed=seed).state_dict()]


@pytest.mark.parametrize("make", SEEDED)
def test_seed_is_a_whole_number_from_0_or_a_generator_of_python_and_nothing_else(make):
    assert make(seed=np.int64(3)) == make(seed=3) != make(seed=4)
    assert make(seed=random.Random(3)) == make(seed=random.Random(3)) != make(seed=random.Random(4))
    for seed in ([3], np.array([3, 4]), "a", b"a", 3.0, math.nan, 1 + 2j, np.random.default_rng(1)):
        assert error_of(make, seed=seed).startswith("TypeError: a seed is a whole number or a random.Random, got a")
    for seed in (-1, np.int8(-1)):
        wanted = "ValueError: a seed is a whole number, 0 (or more|to .*), got -1"
        assert re.fullmatch(wanted, error_of(make, seed=seed))


def test_seed_chooses_what_is_held_out_a_fifth_if_not_said():
    data, before = numbered([30, 30]), random.getstate()
    training, testing = split(data, seed=5)
    assert (training, testing) == split(data, held_out=0.2, seed=5) != split(data, seed=6)
    assert (len(training.X), len(testing.X)) == (48, 12)
    assert random.getstate() == before
    assert split(data) != split(data)
    assert data == numbered([30, 30])
    held = {x[0] for seed in range(60) for x in split(numbered([5, 5]), seed=seed)[1].X}
    assert held == {float(i) for i in range(10)}  # every example, by some seed


def test_regression_is_split_without_classes_and_a_large_one_at_once():
    data = linear(n=50, seed=1)
    training, testing = split(data, held_out=0.3, seed=1)
    assert (len(training.X), len(testing.X)) == (35, 15)
    pairs = [(*x, y) for part in (training, testing) for x, y in zip(part.X, part.y, strict=True)]
    assert sorted(pairs) == sorted((*x, y) for x, y in zip(data.X, data.y, strict=True))
    n = 50_000  # a class for each number would take minutes
    training, testing = split(Dataset([[0.0]] * n, [float(i) for i in range(n)], ["x"], []), seed=1)
    assert (len(training.y), len(testing.y)) == (40_000, 10_000)


def test_what_is_no_data_set_is_an_error_that_says_what_to_write():
    X = np.zeros((4, 2))
    for call in (split, standardized, partial(standardized, xor(), like=X)):
        name = getattr(call, "func", call).__name__
        wanted = f"TypeError: {name} takes a Dataset, got an ndarray; write datasets.Dataset(X, y, features, classes)"
        assert error_of(call, *(() if isinstance(call, partial) else (X,))) == wanted
    assert error_of(split, xor(), [0.2]).startswith("TypeError: held_out takes a real number, got a list")


def test_split_leaves_no_part_empty():
    for share in (0.0, 1.0, -0.1, 1.5, 20, math.nan):
        wanted = f"ValueError: held_out is a share between 0 and 1, got {share!r}"
        assert error_of(split, numbered([5, 5]), held_out=share) == wanted
    for data, share, wanted in (
        (xor(), 0.2, "holding out 0.2 of 4 examples of 2 classes leaves none to test on"),
        (linear(n=2), 0.1, "holding out 0.1 of 2 examples leaves none to test on"),
        (linear(n=2), 0.9, "holding out 0.9 of 2 examples leaves all to test on"),
    ):
        assert error_of(split, data, held_out=share) == f"ValueError: {wanted}"


def test_standardized_by_hand_and_like_another_by_its_means_and_variances():
    data = Dataset([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]], [0, 1, 0], ["a", "b"], ["p", "q"])
    scaled = standardized(data)  # means 3 and 20, variances 8 / 3 and 200
    assert columns(scaled)[0] == pytest.approx([-2 / math.sqrt(8 / 3), 0.0, 2 / math.sqrt(8 / 3)], rel=1e-15)
    assert columns(scaled)[1] == pytest.approx([-math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0)], rel=1e-15)
    assert scaled[1:] == data[1:]
    assert data.X == [[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]]
    like = Dataset([[0.0, 5.0], [4.0, 9.0]], [0, 1], ["a", "b"], ["p", "q"])
    data = Dataset([[2.0, 7.0], [10.0, 3.0]], [1, 0], ["a", "b"], ["p", "q"])
    scaling = standardization(like)
    assert scaling == standardization(like.X) == Standardization((2.0, 7.0), (2.0, 2.0))
    assert scaling.apply(data.X) == standardized(data, like=like).X == [[0.0, 0.0], [4.0, -2.0]]
    training, testing = split(iris(), seed=1)
    assert standardization(training).apply(testing.X) == standardized(testing, like=training).X


def test_constant_feature_becomes_zero_and_standardization_neither_overflows_nor_vanishes():
    of = lambda number: Dataset([[number]] * 3, [0, 1, 0], ["a"], ["p", "q"])
    for number in (0.0, 3.0, 0.5):
        assert standardized(of(number)).X == [[0.0]] * 3
    assert all(abs(x) < 1e-9 for (x,) in standardized(of(0.1)).X)  # the mean is rounded
    assert all(abs(x) < 10.0 for (x,) in standardized(of(0.2), like=of(0.1)).X)
    for unit in (1e-320, 1e-300, 1e-160, 1.0, 1e160, 1e307):
        scaling = standardization([[0.0], [unit], [2.0 * unit], [3.0 * unit]])
        few_digits = 1e-3 if unit == 1e-320 else 1e-12
        assert scaling.means[0] == pytest.approx(1.5 * unit, rel=few_digits, abs=0.0)
        assert scaling.spreads[0] == pytest.approx(math.sqrt(1.25) * unit, rel=few_digits, abs=0.0)
        assert [x for (x,) in scaling.apply([[0.0], [3.0 * unit]])] == pytest.approx([-1.3416, 1.3416], abs=1e-3)
    for least in (5e-324, 1e-323):
        for X in ([[0.0], [least]], [[least], [0.0], [0.0]], [[-least], [least]], [[0.0]] * 99 + [[least]]):
            scaling = standardization(X)
            assert scaling.spreads[0] > 0.0
            assert all(math.isfinite(x) for (x,) in scaling.apply(X))
    wanted = "ValueError: a feature from -1.7e+308 to 1.7e+308 has no standard deviation"
    assert error_of(standardization, [[-1.7e308], [1.7e308]]).startswith(wanted)


def test_number_that_is_not_finite_is_named_wherever_it_is():
    for odd, example, names in itertools.product([math.nan, math.inf, -math.inf], range(3), [None, ["a", "b"]]):
        X = [[7.0, odd if i == example else float(i)] for i in range(3)]
        data = Dataset(X, [0, 1, 0], names, ["p", "q"]) if names else X
        wanted = f"got {odd!r} in feature 1{' (' + repr('b') + ')' if names else ''} of example {example}, both counted"
        for take in (standardization, standardized) if names else (standardization,):
            assert wanted in error_of(take, data)
    assert "got nan in feature 0 of example 0" in error_of(standardization, [[math.nan], [math.nan]])


@pytest.mark.parametrize("make", [xor, lambda: standardization(xor())], ids=["data set", "standardization"])
def test_fields_are_not_assigned(make):
    thing = make()
    for field in type(thing).__annotations__:
        with pytest.raises(AttributeError):
            setattr(thing, field, ())


def test_examples_of_another_length_are_an_error_that_says_so():
    assert "argument 2 is shorter" in error_of(standardization, [[1.0, 2.0], [3.0]])
    for method in ("apply", "undo"):
        wanted = "ValueError: this standardization is of 4 features, got an example of 3"
        assert error_of(getattr(standardization(iris()), method), [[1.0, 2.0, 3.0]]) == wanted


@pytest.mark.parametrize("make", [iris, datasets.digits, linear])
def test_means_and_spreads_are_those_of_exact_arithmetic_and_undo_gives_back_what_apply_took(make):
    data = make()
    scaling = standardization(data)
    for column, mean, spread in zip(columns(data), scaling.means, scaling.spreads, strict=True):
        assert mean == pytest.approx(statistics.fmean(column), rel=1e-14, abs=1e-15)
        assert spread == pytest.approx(statistics.pstdev(column) or 1.0, rel=1e-14)
    for row, again in zip(data.X, scaling.undo(scaling.apply(data.X)), strict=True):
        assert again == pytest.approx(row, rel=1e-14, abs=1e-15)
