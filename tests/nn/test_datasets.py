"""Data sets: what is in them, how they are split, and how they are scaled."""

import math
import random
import statistics
import sys

import pytest

from nn import datasets
from nn.datasets import Dataset, iris, moons, split, standardized


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


@pytest.mark.parametrize("data", [moons(n=10, seed=1), iris()], ids=["moons", "iris"])
def test_data_are_plain_lists_of_plain_numbers(data):
    assert {type(part) for part in data} == {list}
    assert {type(row) for row in data.X} == {list}
    assert {type(number) for row in data.X for number in row} == {float}
    assert {type(kind) for kind in data.y} == {int}
    assert {type(name) for name in data.features + data.classes} == {str}


@pytest.mark.parametrize(("load", "name"), [(moons, "moons"), (iris, "iris")])
def test_missing_scikit_learn_is_an_error_that_names_the_remedy(load, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    message = rf"^{name} comes from scikit-learn: python -m pip install 'scalar-autograd\[demo\]'$"
    with pytest.raises(ImportError, match=message):
        load()


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


def test_datasets_are_reached_by_the_package():
    assert datasets.moons is moons
