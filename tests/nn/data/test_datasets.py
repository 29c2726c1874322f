"""Data sets: what is in them, how they are split, and how they are scaled."""

import math
import random
import statistics
import sys
from functools import partial

import pytest
from sklearn.datasets import load_iris, make_circles, make_moons

from nn import datasets
from nn.data.datasets import (
    Dataset,
    Standardization,
    circles,
    digits,
    iris,
    linear,
    moons,
    spirals,
    split,
    standardization,
    standardized,
    xor,
)

GENERATED = [xor, moons, circles, spirals, linear]


def numbered(per_class):
    """Return a data set whose examples are all different, with the given number of each class, interleaved."""
    y = [kind for kind, number in enumerate(per_class) for _ in range(number)]
    random.Random(0).shuffle(y)
    return Dataset(
        [[float(i), -2.0 * i] for i in range(len(y))], y, ["a", "b"], [f"c{k}" for k in range(len(per_class))]
    )


def columns(data):
    return list(zip(*data.X, strict=True))


# moons


@pytest.mark.parametrize("n", [2, 10, 100])
def test_moons_are_two_classes_of_equal_size(n):
    data = moons(n=n, seed=1)
    assert (len(data.X), len(data.y)) == (n, n)
    assert (data.y.count(0), data.y.count(1)) == (n // 2, n // 2)
    assert (len(data.features), len(data.classes)) == (2, 2)


def test_odd_number_of_moons_is_kept():
    data = moons(n=7, seed=1)
    assert len(data.X) == len(data.y) == 7
    assert sorted([data.y.count(0), data.y.count(1)]) == [3, 4]


def test_moons_are_a_hundred_with_noise_if_not_said():
    assert moons(seed=1) == moons(n=100, noise=0.1, seed=1)


def test_moons_without_noise_lie_on_two_half_circles():
    data = moons(n=50, noise=0.0, seed=1)
    for (a, b), kind in zip(data.X, data.y, strict=True):
        if data.classes[kind] == "upper moon":
            assert math.hypot(a, b) == pytest.approx(1.0, abs=1e-12)
            assert b >= -1e-12
        else:
            assert math.hypot(a - 1.0, b - 0.5) == pytest.approx(1.0, abs=1e-12)
            assert b <= 0.5 + 1e-12


def test_noise_moves_each_moon_by_as_much():
    still, moved = moons(n=2000, noise=0.0, seed=1), moons(n=2000, noise=0.3, seed=1)
    assert still.y == moved.y
    shifts = [p - q for a, b in zip(still.X, moved.X, strict=True) for p, q in zip(a, b, strict=True)]
    assert statistics.fmean(shifts) == pytest.approx(0.0, abs=0.03)
    assert statistics.pstdev(shifts) == pytest.approx(0.3, rel=0.05)


def test_same_seed_gives_the_same_moons_and_another_gives_others():
    assert moons(seed=5) == moons(seed=5)
    assert moons(seed=5).X != moons(seed=6).X
    assert moons().X != moons().X


# iris


def test_iris_has_fifty_flowers_of_each_of_three_species():
    data = iris()
    assert (len(data.X), len(data.y)) == (150, 150)
    assert [data.y.count(kind) for kind in range(3)] == [50, 50, 50]
    assert data.classes == ["setosa", "versicolor", "virginica"]
    assert data.features == ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


def test_iris_has_the_means_that_fisher_published():
    data = iris()
    means = {
        "setosa": [5.006, 3.428, 1.462, 0.246],
        "versicolor": [5.936, 2.770, 4.260, 1.326],
        "virginica": [6.588, 2.974, 5.552, 2.026],
    }
    for kind, name in enumerate(data.classes):
        flowers = [x for x, y in zip(data.X, data.y, strict=True) if y == kind]
        found = [statistics.fmean(column) for column in zip(*flowers, strict=True)]
        assert found == pytest.approx(means[name], abs=1e-9)


def test_iris_may_be_changed_without_changing_the_next():
    data = iris()
    data.X[0][0] = 99.0
    assert iris().X[0] == [5.1, 3.5, 1.4, 0.2]


# digits


def test_digits_are_those_of_scikit_learn():
    data = digits()
    assert (len(data.X), {len(x) for x in data.X}, len(data.y)) == (1797, {64}, 1797)
    assert [data.y.count(k) for k in range(10)] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert {pixel for x in data.X for pixel in x} == {float(shade) for shade in range(17)}
    assert data.classes == list("0123456789")
    assert (data.features[0], data.features[1], data.features[8]) == ("pixel_0_0", "pixel_0_1", "pixel_1_0")


def test_first_digit_is_a_zero_row_by_row():
    first = digits().X[0]
    assert first[:8] == [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]
    assert [first[8 * row + 3] for row in range(8)] == [13.0, 15.0, 2.0, 0.0, 0.0, 0.0, 5.0, 13.0]  # hollow inside


# xor, circles, spirals


def test_xor_is_its_truth_table_if_nothing_is_said():
    assert xor() == Dataset(
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0], ["x1", "x2"], ["equal", "different"]
    )


def test_xor_of_many_points_surrounds_each_corner_with_as_many():
    data = xor(n=4000, noise=0.2, seed=1)
    for corner in range(4):
        cloud, kinds = data.X[corner::4], set(data.y[corner::4])
        assert kinds == {(corner // 2) ^ (corner % 2)}
        for coordinate, middle in zip(zip(*cloud, strict=True), (corner // 2, corner % 2), strict=True):
            assert statistics.fmean(coordinate) == pytest.approx(middle, abs=0.03)
            assert statistics.pstdev(coordinate) == pytest.approx(0.2, rel=0.06)


def test_circles_have_radius_one_and_one_half():
    data = circles(n=20, noise=0.0, seed=1)
    assert [data.y.count(k) for k in (0, 1)] == [10, 10]
    for x, kind in zip(data.X, data.y, strict=True):
        assert math.hypot(*x) == pytest.approx([1.0, 0.5][kind], rel=1e-12)
    assert data.classes == ["outer circle", "inner circle"]


@pytest.mark.parametrize(("arms", "turns"), [(2, 1.5), (3, 1.0), (1, 3.0)])
def test_spirals_wind_outwards_at_equal_angles(arms, turns):
    data = spirals(n=arms * 20, noise=0.0, arms=arms, turns=turns)
    assert [data.y.count(arm) for arm in range(arms)] == [20] * arms
    assert len(data.classes) == arms
    for x, arm in zip(data.X, data.y, strict=True):
        t = math.hypot(*x)
        angle = math.atan2(x[1], x[0]) / (2 * math.pi)
        assert (angle - turns * t - arm / arms + 0.5) % 1.0 == pytest.approx(0.5, abs=1e-9)
    assert max(math.hypot(*x) for x in data.X) == pytest.approx(1.0)


def test_spirals_are_not_told_apart_by_a_line_but_by_their_neighbours():
    data = spirals(seed=1)
    for weights in [(math.cos(a / 10), math.sin(a / 10)) for a in range(63)]:
        right = sum((weights[0] * x[0] + weights[1] * x[1] > 0.0) == y for x, y in zip(data.X, data.y, strict=True))
        assert right < 0.75 * len(data.X)
    for i, (x, y) in enumerate(zip(data.X, data.y, strict=True)):
        others = [j for j in range(len(data.X)) if j != i and math.hypot(*data.X[j]) > 0.3 < math.hypot(*x)]
        if others:
            assert data.y[min(others, key=lambda j: math.dist(x, data.X[j]))] == y


def test_number_of_arms_is_one_or_more():
    with pytest.raises(ValueError, match="arms is a number of spirals, 1 or more, got 0"):
        spirals(arms=0)


# linear


def test_linear_data_are_a_regression_on_a_known_line():
    data = linear(n=50, noise=0.0, seed=1, weights=(3.0, -1.0), bias=0.5)
    assert (data.classes, data.features) == ([], ["x1", "x2"])
    assert [3.0 * a - b + 0.5 for a, b in data.X] == pytest.approx(data.y, rel=1e-15)
    assert all(-1.0 <= x <= 1.0 for row in data.X for x in row)


def test_noise_of_linear_data_is_added_to_the_target():
    data = linear(n=3000, noise=0.3, seed=1)
    residuals = [y - 2.0 * x - 1.0 for (x,), y in zip(data.X, data.y, strict=True)]
    assert statistics.fmean(residuals) == pytest.approx(0.0, abs=0.03)
    assert statistics.pstdev(residuals) == pytest.approx(0.3, rel=0.06)


# All of them


@pytest.mark.parametrize("make", GENERATED)
def test_same_seed_gives_the_same_data_and_another_gives_others(make):
    assert make(n=20, noise=0.1, seed=5) == make(n=20, noise=0.1, seed=5)
    assert make(n=20, noise=0.1, seed=5).X != make(n=20, noise=0.1, seed=6).X
    assert make(n=20, noise=0.1).X != make(n=20, noise=0.1).X


@pytest.mark.parametrize("make", GENERATED)
@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_as_many_examples_are_made_as_asked_for(make, n):
    data = make(n=n, noise=0.1, seed=1)
    assert len(data.X) == len(data.y) == n
    assert {len(x) for x in data.X} == {len(data.features)}
    assert set(data.y) <= set(range(len(data.classes))) or not data.classes


@pytest.mark.parametrize("make", GENERATED)
def test_global_generators_are_left_alone(make):
    import numpy

    before, arrays = random.getstate(), numpy.random.get_state()[1].tolist()
    make(n=10, noise=0.1, seed=1)
    make(n=10, noise=0.1)
    assert random.getstate() == before
    assert numpy.random.get_state()[1].tolist() == arrays


@pytest.mark.parametrize("make", GENERATED)
@pytest.mark.parametrize("n", [0, -3, 2.5, "10", None])
def test_number_of_examples_is_a_whole_number_above_zero(make, n):
    with pytest.raises(ValueError, match=f"^n is a number of examples, 1 or more, got {n!r}$"):
        make(n=n)


@pytest.mark.parametrize("make", GENERATED)
@pytest.mark.parametrize("noise", [-0.1, math.nan, math.inf])
def test_noise_is_zero_or_more(make, noise):
    with pytest.raises(ValueError, match=f"^noise is a standard deviation, 0 or more, got {noise!r}$"):
        make(noise=noise)


@pytest.mark.parametrize(
    ("make", "options"), [*((make, {"n": 10, "noise": 0.1, "seed": 1}) for make in GENERATED), (iris, {}), (digits, {})]
)
def test_data_are_plain_lists_of_plain_numbers(make, options):
    data = make(**options)
    assert {type(part) for part in data} == {list}
    assert {type(row) for row in data.X} == {list}
    assert {type(number) for row in data.X for number in row} == {float}
    assert {type(kind) for kind in data.y} == {int if data.classes else float}
    assert {type(name) for name in data.features + data.classes} == {str}


def test_digits_without_scikit_learn_is_an_error_that_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    message = r"^digits comes from scikit-learn: python -m pip install 'scalar-autograd\[demo\]'$"
    with pytest.raises(ImportError, match=message):
        digits()


@pytest.mark.parametrize("make", GENERATED)
def test_generated_data_need_no_library(make, monkeypatch):
    for library in ("sklearn", "numpy"):
        monkeypatch.setitem(sys.modules, library, None)
    assert len(make(n=4).X) == 4


@pytest.mark.parametrize(("make", "theirs"), [(moons, make_moons), (circles, partial(make_circles, factor=0.5))])
@pytest.mark.parametrize("n", [1, 2, 3, 100, 1001])
@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_moons_and_circles_are_those_of_scikit_learn(make, theirs, n, noise, seed):
    X, y = theirs(n_samples=n, noise=noise, random_state=seed)
    data = make(n, noise, seed)
    assert data.y == y.tolist()
    for found, wanted in zip(data.X, X.tolist(), strict=True):
        assert found == pytest.approx(wanted, rel=1e-15, abs=2e-16)  # a sine is a last bit off in some libraries


def test_iris_is_that_of_scikit_learn():
    bunch = load_iris()
    assert iris() == (
        bunch.data.tolist(),
        bunch.target.tolist(),
        list(bunch.feature_names),
        bunch.target_names.tolist(),
    )


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_that_the_generator_does_not_have_is_an_error(seed):
    with pytest.raises(ValueError, match=f"a seed is an integer from 0 to .*, got {seed}"):
        moons(seed=seed)


# split


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("per_class", [[50, 50, 50], [10, 30], [100, 20, 60]])
def test_split_holds_out_the_same_share_of_each_class(per_class, share):
    data = numbered(per_class)
    training, testing = split(data, held_out=share, seed=1)
    assert [testing.y.count(k) for k in range(len(per_class))] == [round(share * number) for number in per_class]
    assert [training.y.count(k) + testing.y.count(k) for k in range(len(per_class))] == per_class


def test_split_parts_are_disjoint_and_complete():
    data = numbered([20, 30])
    training, testing = split(data, seed=1)
    kept, held = {x[0] for x in training.X}, {x[0] for x in testing.X}
    assert not kept & held
    assert kept | held == {x[0] for x in data.X}
    assert len(training.X) + len(testing.X) == 50


def test_split_keeps_each_example_with_its_class_and_the_names():
    data = numbered([20, 30])
    kinds = {x[0]: y for x, y in zip(data.X, data.y, strict=True)}
    for part in split(data, seed=1):
        assert [kinds[x[0]] for x in part.X] == part.y
        assert (part.features, part.classes) == (data.features, data.classes)


def test_split_holds_out_a_fifth_if_not_said():
    assert split(iris(), seed=3) == split(iris(), held_out=0.2, seed=3)
    assert [len(part.X) for part in split(iris(), seed=3)] == [120, 30]


def test_same_seed_splits_the_same_and_another_otherwise():
    data = numbered([30, 30])
    assert split(data, seed=5) == split(data, seed=5)
    assert split(data, seed=5) != split(data, seed=6)
    assert split(data) != split(data)


def test_split_changes_neither_the_data_nor_the_global_generator():
    data, before = numbered([20, 30]), random.getstate()
    split(data, seed=1)
    assert data == numbered([20, 30])
    assert random.getstate() == before


def test_every_example_is_held_out_by_some_seed():
    data = numbered([5, 5])
    held = {x[0] for seed in range(60) for x in split(data, seed=seed)[1].X}
    assert held == {x[0] for x in data.X}


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, 20, math.nan])
def test_share_outside_zero_and_one_is_an_error_that_shows_it(share):
    with pytest.raises(ValueError, match=f"^held_out is a share between 0 and 1, got {share!r}$"):
        split(numbered([5, 5]), held_out=share)


def test_regression_is_split_without_classes():
    data = linear(n=50, seed=1)
    training, testing = split(data, held_out=0.3, seed=1)
    assert (len(training.X), len(testing.X)) == (35, 15)
    assert sorted(training.y + testing.y) == sorted(data.y)
    pairs = {x[0]: y for x, y in zip(data.X, data.y, strict=True)}
    assert [pairs[x[0]] for x in testing.X] == testing.y


def test_large_regression_is_split_at_once():
    n = 50_000  # a class for each number would take minutes
    training, testing = split(Dataset([[0.0]] * n, [float(i) for i in range(n)], ["x"], []), seed=1)
    assert (len(training.y), len(testing.y)) == (40_000, 10_000)


@pytest.mark.parametrize(
    ("make", "share", "message"),
    [
        (xor, 0.2, "holding out 0.2 of 4 examples of 2 classes leaves none to test on"),
        (lambda: linear(n=2), 0.1, "holding out 0.1 of 2 examples leaves none to test on"),
        (lambda: linear(n=2), 0.9, "holding out 0.9 of 2 examples leaves all to test on"),
    ],
)
def test_split_leaves_no_part_empty(make, share, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        split(make(), held_out=share)


# standardized


def test_standardized_features_have_mean_zero_and_variance_one():
    for column in columns(standardized(iris())):
        assert statistics.fmean(column) == pytest.approx(0.0, abs=1e-12)
        assert statistics.pvariance(column) == pytest.approx(1.0, rel=1e-12)


def test_standardized_by_hand():
    data = Dataset([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]], [0, 1, 0], ["a", "b"], ["p", "q"])
    scaled = standardized(data)  # means 3 and 20, variances 8 / 3 and 200
    assert columns(scaled)[0] == pytest.approx([-2 / math.sqrt(8 / 3), 0.0, 2 / math.sqrt(8 / 3)], rel=1e-15)
    assert columns(scaled)[1] == pytest.approx([-math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2.0)], rel=1e-15)
    assert scaled[1:] == data[1:]


def test_standardized_like_another_uses_its_means_and_variances():
    like = Dataset([[0.0, 5.0], [4.0, 9.0]], [0, 1], ["a", "b"], ["p", "q"])  # means 2 and 7, deviations 2 and 2
    data = Dataset([[2.0, 7.0], [10.0, 3.0]], [1, 0], ["a", "b"], ["p", "q"])
    assert standardized(data, like=like).X == [[0.0, 0.0], [4.0, -2.0]]


def test_standardized_like_itself_is_standardized():
    assert standardized(iris(), like=iris()) == standardized(iris())


def test_held_out_data_are_scaled_as_the_training_data_are():
    training, testing = split(iris(), seed=1)
    scaled = standardized(testing, like=training)
    for column, reference, result in zip(columns(testing), columns(training), columns(scaled), strict=True):
        mean, deviation = statistics.fmean(reference), statistics.pstdev(reference)
        assert result == pytest.approx([(x - mean) / deviation for x in column], rel=1e-9, abs=1e-12)


def test_standardized_leaves_the_data_as_they_are():
    data = numbered([3, 3])
    standardized(data, like=numbered([2, 2]))
    assert data == numbered([3, 3])


@pytest.mark.parametrize("number", [0.0, 3.0, 0.5])
def test_constant_feature_becomes_zero(number):
    data = Dataset([[number]] * 3, [0, 1, 0], ["a"], ["p", "q"])
    assert standardized(data).X == [[0.0]] * 3


def test_constant_feature_whose_mean_is_rounded_becomes_zero_too():
    data = Dataset([[0.1]] * 3, [0, 1, 0], ["a"], ["p", "q"])
    assert [abs(x) < 1e-9 for (x,) in standardized(data).X] == [True] * 3


def test_held_out_number_of_a_constant_feature_does_not_explode():
    like = Dataset([[0.1]] * 3, [0, 1, 0], ["a"], ["p", "q"])
    data = Dataset([[0.2]], [0], ["a"], ["p", "q"])
    assert abs(standardized(data, like=like).X[0][0]) < 10.0


# standardization


def test_standardization_by_hand():
    scaling = standardization(Dataset([[0.0, 5.0], [4.0, 9.0]], [0, 1], ["a", "b"], ["p", "q"]))
    assert scaling == Standardization((2.0, 7.0), (2.0, 2.0))
    assert scaling == standardization([[0.0, 5.0], [4.0, 9.0]])
    assert scaling.apply([[2.0, 7.0], [10.0, 3.0]]) == [[0.0, 0.0], [4.0, -2.0]]


@pytest.mark.parametrize("make", [xor, lambda: standardization(xor())], ids=["data set", "standardization"])
def test_fields_are_not_assigned(make):
    thing = make()
    for field in type(thing).__annotations__:
        with pytest.raises(AttributeError):
            setattr(thing, field, ())


def test_standardization_is_what_standardized_does():
    training, testing = split(iris(), seed=1)
    assert standardization(training).apply(testing.X) == standardized(testing, like=training).X


def test_rows_of_different_lengths_have_no_means():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        standardization([[1.0, 2.0], [3.0]])


@pytest.mark.parametrize(("weights", "names"), [((2.0,), ["x"]), ((2.0, 1.0), ["x1", "x2"])])
def test_features_of_a_line_are_numbered_where_there_are_several(weights, names):
    assert linear(n=3, weights=weights).features == names


@pytest.mark.parametrize("make", [iris, digits, linear])
def test_means_and_spreads_are_those_of_exact_arithmetic(make):
    data = make()
    scaling = standardization(data)
    for column, mean, spread in zip(columns(data), scaling.means, scaling.spreads, strict=True):
        assert mean == pytest.approx(statistics.fmean(column), rel=1e-14, abs=1e-15)
        assert spread == pytest.approx(statistics.pstdev(column) or 1.0, rel=1e-14)


@pytest.mark.parametrize("unit", [1e-320, 1e-300, 1e-160, 1.0, 1e160, 1e307])
def test_standardization_neither_overflows_nor_vanishes(unit):
    scaling = standardization([[0.0], [unit], [2.0 * unit], [3.0 * unit]])
    assert scaling.means[0] == pytest.approx(1.5 * unit)
    assert scaling.spreads[0] == pytest.approx(math.sqrt(1.25) * unit, rel=1e-3)
    assert [x for (x,) in scaling.apply([[0.0], [3.0 * unit]])] == pytest.approx([-1.3416, 1.3416], abs=1e-3)


def test_feature_that_spans_more_than_floats_is_an_error():
    with pytest.raises(ValueError, match=r"a feature from -1.7e\+308 to 1.7e\+308 has no standard deviation"):
        standardization([[-1.7e308], [1.7e308]])


def test_undo_gives_back_what_apply_took():
    scaling = standardization(iris())
    for row, again in zip(iris().X, scaling.undo(scaling.apply(iris().X)), strict=True):
        assert again == pytest.approx(row, rel=1e-14)


@pytest.mark.parametrize("method", ["apply", "undo"])
def test_example_of_another_length_is_an_error_that_says_so(method):
    with pytest.raises(ValueError, match="this standardization is of 4 features, got an example of 3"):
        getattr(standardization(iris()), method)([[1.0, 2.0, 3.0]])


def test_datasets_are_reached_by_the_package():
    assert datasets.moons is moons
