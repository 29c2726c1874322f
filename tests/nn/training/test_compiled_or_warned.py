"""Compiled training is eager training, or a warning says why it is eager: over kinds of examples, models and losses."""

import itertools
import math
import random
import warnings
from dataclasses import make_dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Value, compile, dot, exp, fsum, log, maximum, mean, relu, sigmoid, softmax, softplus, sqrt, where
from nn import MLP, SGD, Layer, Module, evaluate, fit, mse, playground
from tests.errors import error_of

X = [[float(k), (k % 3) / 2] for k in range(6)]
REAL = [2.0 * a - b + 5.0 for a, b in X]
BIAS = [1.0]  # as an input, where an example is a list


class Flat(NamedTuple):
    area: float
    age: float


House = make_dataclass("House", ["area", "age"])


class Weights(Module):
    """Parameters that begin at 0, and a function of them and of the input."""

    def __init__(self, formula, count=4):
        self.w, self.formula = [Value(0.0) for _ in range(count)], formula

    def forward(self, x):
        return self.formula(self.w, x)


def train(compiled, make, x, y, **options):
    """Return the parameters after training and the losses, whether it was compiled, and what was warned of."""
    model = make()
    options = {"loss": mse, "optimizer": SGD(model.parameters(), lr=0.005), "epochs": 20, "seed": 1} | options
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(model, x, y, compiled=compiled, **options)
    numbers = [*model.state_dict().values(), *history.loss, evaluate(model, x, y, loss=options["loss"]).loss]
    return numbers, history.compiled, [str(one.message) for one in caught]


def assert_same(is_compiled, make, x, y, **options):
    """Train in both ways, which agree; `is_compiled`: True, or what the warning says."""
    found, compiled, warned = train("auto", make, x, y, **options)
    wanted, *_ = train(False, make, x, y, **options)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert compiled is (is_compiled is True), warned
    assert len(warned) == (not compiled)
    if not compiled:
        assert is_compiled in warned[0]


def total(w, x):
    """Return the dot product with as many weights as there are inputs."""
    return sum(a * b for a, b in zip(w, x))


PLACES = {tuple(x): i % 4 for i, x in enumerate(X)}
NESTINGS = {  # a model, how an example is given to it, and whether it compiles, or why not
    "list and bias": (lambda w, x: total(w, x + BIAS), list, True),
    "bias and list": (lambda w, x: total(w, BIAS + x), list, True),
    "list twice": (lambda w, x: total(w, x * 2), list, True),
    "list and squares": (lambda w, x: total(w, x + [a * a for a in x]), list, True),
    "halves of a list": (lambda w, x: total(w, x[:1] + x[1:]), list, True),
    "truth of a list": (lambda w, x: total(w, x) if x else w[3], list, True),
    "kind of a list": (lambda w, x: total(w, x) if isinstance(x, list) else w[3], list, True),
    "tuple and bias": (lambda w, x: total(w, x + tuple(BIAS)), tuple, True),
    "array and numbers": (lambda w, x: total(w, x * 2 + [1.0, 2.0]), np.array, True),
    "list of lists": (lambda w, x: total(w, x[0] + x[1] + [1.0]), lambda x: [[a] for a in x], True),
    "dict": (lambda w, x: total(w, x.values()), lambda x: {"area": x[0], "age": x[1]}, True),
    "dict with nothing for a name": (lambda w, x: w[0] * x["a"] + w[1], lambda x: {"a": x[0], "b": None}, True),
    "named tuple": (lambda w, x: w[0] * x.area + w[1] * x.age, lambda x: Flat(*x), True),
    "dataclass": (lambda w, x: w[0] * x.area + w[1] * x.age, lambda x: House(*x), True),
    "number": (lambda w, x: w[0] * x + w[1], lambda x: x[0], True),
    "text beside numbers": (lambda w, x: w[0] * x["a"] + w[1], lambda x: {"a": x[0], "b": "c"}, "['b'] is of type str"),
    "tuple as a key": (lambda w, x: w[PLACES[x]], tuple, "KeyError: (Value("),
}


@pytest.mark.parametrize("name", NESTINGS)
def test_inputs_keep_the_nesting_in_which_they_are_given(name):
    formula, nested, is_compiled = NESTINGS[name]
    x = [nested(one) for one in X]
    assert_same(is_compiled, lambda: Weights(formula), x, REAL, batch_size=4, validation=(x[:3], REAL[:3]))


@pytest.mark.parametrize("nested", [list, tuple, np.array, lambda y: {"t": y[0], "w": y[1]}, lambda y: Flat(*y)])
def test_targets_keep_the_nesting_in_which_they_are_given(nested):
    def weighted(outputs, targets):
        kinds = {*map(type, targets)}
        assert kinds == {type(nested([1.0, 2.0]))}
        pairs = [tuple(y.values()) if isinstance(y, dict) else y for y in targets]
        return sum((o - t) ** 2 * w for o, (t, w) in zip(outputs, pairs)) / len(outputs)

    y = [nested([v, 1.0 + i % 2]) for i, v in enumerate(REAL)]
    assert_same(True, lambda: Weights(lambda w, x: total(w, x + BIAS)), X, y, loss=weighted)


def test_held_out_examples_may_be_nested_otherwise_and_arrays_have_any_shape_or_are_mapped_from_a_file(tmp_path):
    held_out = (np.array(X), np.array(REAL))
    assert_same(True, lambda: Weights(lambda w, x: total(w, [*x, 1.0])), X, REAL, validation=held_out)
    x = np.arange(24.0).reshape(6, 2, 2) / 24.0  # whose rows are arrays
    assert_same(True, lambda: Weights(lambda w, x: total(w, x.ravel()) + x.shape[1] * w[0]), x, REAL)
    np.save(tmp_path / "x.npy", np.array(X))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_same(True, lambda: MLP(2, [3, 1], seed=1), mapped, REAL)


@pytest.mark.parametrize("nothing", [(), None], ids=repr)
def test_targets_may_hold_no_numbers(nothing):
    length = lambda outputs, targets: mean([y * y for y in outputs])
    assert_same(True, lambda: MLP(2, [3, 1], seed=1), X, [nothing] * len(X), loss=length)


def test_inputs_that_hold_values_are_not_compiled():
    message = error_of(fit, Weights(lambda w, x: w[0] * x), [Value(1.0)] * 2, [1.0, 2.0], loss=mse, compiled=True)
    assert message == "TypeError: X holds Values; to use a Value as a number there is .data"


# Losses that are no mean over their examples, and models that keep something from call to call

CHANCE = random.Random(0)
POINTS = [[CHANCE.gauss(0, 1), CHANCE.gauss(0, 1)] for _ in range(40)]
BITS = [int(a + 0.5 * b > 0.8) for a, b in POINTS]
MANY = [[CHANCE.gauss(0, 1), CHANCE.gauss(0, 1)] for _ in range(300)]
WEIGHTED = [(a * b, 8.0 if i in (13, 77, 201) else 1.0) for i, (a, b) in enumerate(MANY)]
NO_MEAN = "a loss can be compiled where it is the mean over its examples"
CHANGES = "draws random numbers or changes with each call"


def line(w, x):
    return w[0] * x[0] + w[1] * x[1] + w[2]


def balanced(outputs, targets):
    weights = [1 + 4 * y for y in targets]
    return sum(w * (softplus(o) - y * o) for w, o, y in zip(weights, outputs, targets)) / sum(weights)


def ranking(outputs, targets):
    pairs = list(zip(outputs, targets))
    return mean([softplus((p - o) * (j - k)) for o, k in pairs for p, j in pairs])


def covariance(outputs, targets):
    middle, share = mean(outputs), sum(targets) / len(targets)
    return 0.1 * mean([o * o for o in outputs]) - mean([(o - middle) * (y - share) for o, y in zip(outputs, targets)])


def spread(outputs, targets):
    middle = mean(outputs)
    return mse(outputs, targets) + mean([(o - middle) ** 2 for o in outputs])


def of_rare_weights(outputs, targets):
    return sum(w * (o - y) ** 2 for o, (y, w) in zip(outputs, targets)) / sum(w for _, w in targets)


def of_large_residuals(outputs, targets):
    far = [abs(o - y) for o, (y, _) in zip(outputs, targets)]
    count = sum(where(r > 2.5, 1.0, 0.0) for r in far)
    return mean([r * r for r in far]) + sum(relu(r - 2.5) for r in far) / maximum(count, 1.0)


def with_slope_of_all(outputs, targets):
    """Its value is the mean; the gradient is that of the variance, too."""
    beside = spread(outputs, targets)
    return mse(outputs, targets) + beside - beside.detach()


def masked(outputs, targets):
    """Examples that a weight of 0 leaves out, of which one by itself has no mean."""
    return sum(y * (o - 1.0) ** 2 for o, y in zip(outputs, targets)) / sum(targets)


NO_MEANS = {
    **{one.__name__: one for one in (balanced, ranking, covariance, spread, with_slope_of_all, masked)},
    "root": lambda outputs, targets: sqrt(mean([(o - 1.0) ** 2 for o in outputs])),
    "largest": lambda outputs, targets: reduce(maximum, [(o - y) ** 2 for o, y in zip(outputs, targets)]),
}


def zeroed():
    """Return a network whose last layer begins at 0."""
    model = MLP(2, [3, 1], "tanh", seed=1)
    for parameter in model.layers[-1].parameters():
        parameter.data = 0.0
    return model


@pytest.mark.parametrize("make", [lambda: Weights(line), zeroed], ids=["zeros", "last layer of zeros"])
@pytest.mark.parametrize("name", NO_MEANS)
def test_loss_that_is_no_mean_is_noticed_where_all_outputs_are_the_same(name, make):
    reason = "is defined for b != 0" if name == "masked" else NO_MEAN
    assert_same(reason, make, POINTS, BITS, loss=NO_MEANS[name])


def deviations(outputs):
    middle = mean(outputs)
    return [o - middle for o in outputs]


def correlation(outputs, targets):
    a, b = deviations(outputs), deviations(targets)
    return -sum(x * y for x, y in zip(a, b)) / sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def errors(outputs, targets):
    return sorted([(o - y) ** 2 for o, y in zip(outputs, targets)])


OF_SEVERAL = {  # losses of several examples that one by itself has not, or that equal outputs have not
    "correlation": correlation,
    "logarithm of the variance": lambda o, t: log(sum(d * d for d in deviations(o))) + mse(o, t),
    "scaled by the deviation": lambda o, t: mse(
        [d / sqrt(sum(e * e for e in deviations(o))) for d in deviations(o)], t
    ),
    "repulsion": lambda o, t: mse(o, t) + 1e-9 * sum(1.0 / abs(a - b) for a, b in itertools.pairwise(o)),
    "variance with n - 1": lambda o, t: sum(d * d for d in deviations(o)) / (len(o) - 1.0) + mse(o, t),
    "share of the variance": lambda o, t: mse(o, t) / sum(d * d for d in deviations(t)),
    "second largest": lambda o, t: errors(o, t)[1],
    "all but the largest": lambda o, t: sum(errors(o, t)[:-1]),
    "neighbours": lambda o, t: mse(o, t) + sum((a - b) ** 2 for a, b in itertools.pairwise(o)) / (len(o) - 1),
    "pairs": lambda o, t: mse(o, t) + mean([(a - b) ** 2 for i, a in enumerate(o) for b in o[:i]]),
}


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_loss_of_several_examples_is_not_compiled_and_the_reason_is_said(name):
    make, y = lambda: MLP(2, [3, 1], "tanh", seed=1), [a + b * b for a, b in POINTS]
    assert_same(NO_MEAN, make, POINTS, y, loss=OF_SEVERAL[name], epochs=2, metric=None)
    with pytest.raises(ValueError, match=NO_MEAN):
        fit(make(), POINTS, y, loss=OF_SEVERAL[name], epochs=2, compiled=True)


@pytest.mark.parametrize("loss", [of_rare_weights, of_large_residuals])
def test_what_is_rare_in_a_loss_is_noticed(loss):
    assert_same(NO_MEAN, lambda: MLP(2, [3, 1], "tanh", seed=1), MANY, WEIGHTED, loss=loss, epochs=5)


def test_example_that_has_no_loss_by_itself_is_noticed_among_many():
    y = [(float(i), float(i != 77)) for i in range(300)]
    assert_same("that of one by itself is not defined", lambda: Weights(line), MANY, y, loss=of_rare_weights, epochs=2)


THRESHOLDS = {  # where training comes to in the end, and random outputs do not
    "flooding": lambda total: abs(total - 0.05) + 0.05,
    "no less": lambda total: maximum(total, 0.05),
    "no more": lambda total: autograd.minimum(total, 1e9),
    "margin": lambda total: relu(total - 0.05),
    "choice": lambda total: where(total > 0.05, total, 0.0),
    "curve": lambda total: total + 1e-30 * total**2,
}


class Distribution:
    """An output in which only a loss of one's own finds its way."""

    def __init__(self, middle):
        self.middle = middle


OF_OUTPUTS = {
    "numbers": (lambda z: z + 20.0, lambda o, t: mean([(z - y) ** 2 for z, y in zip(o, t)])),
    "probabilities": (sigmoid, lambda o, t: mean([(z - y / 100.0) ** 2 for z, y in zip(o, t)])),
    "outputs of a class of one's own": (Distribution, lambda o, t: mean([(z.middle - y) ** 2 for z, y in zip(o, t)])),
}


@pytest.mark.parametrize("outputs", OF_OUTPUTS)
@pytest.mark.parametrize("name", THRESHOLDS)
def test_threshold_on_the_whole_batch_is_noticed_wherever_it_lies(name, outputs):
    nested, plain = OF_OUTPUTS[outputs]
    loss = lambda o, t: THRESHOLDS[name](plain(o, t))
    y = [20.0 + b for b in BITS]
    assert_same(NO_MEAN, plain_heads(nested, 1), POINTS, y, loss=loss, metric=None, epochs=3)


@pytest.mark.sample(4)
@pytest.mark.parametrize("nested", [lambda z: z, Distribution], ids=["numbers", "outputs of a class of one's own"])
@pytest.mark.parametrize("first", [1, 40, 150, 299])
def test_what_depends_on_the_place_in_the_batch_is_noticed_however_late_it_comes(first, nested):
    """Weights by the place, terms of neighbours, and a count."""
    weights = [1.0 + (i >= first) for i in range(len(MANY))]
    y = [a * b for a, b in MANY]
    for loss in (
        lambda o, t: sum(w * (z - y) ** 2 for w, z, y in zip(weights, o, t)) / len(o),
        lambda o, t: 1e-12 * sum(w * (z - y) ** 2 for w, z, y in zip(weights, o, t)) / len(o),
        lambda o, t: mse(o, t) + sum([o[i] * o[i - 1] for i in range(first, len(o))]),
        lambda o, t: mse(o, t) + sum([o[i] - o[i - 1] for i in range(first, len(o))]),
        lambda o, t: mse(o, t) * len(o) / min(len(o), first),
    ):
        of_numbers = lambda o, t: loss([getattr(z, "middle", z) for z in o], t)  # noqa: B023
        make = plain_heads(lambda z: nested(z[0]))
        assert_same(NO_MEAN, make, MANY, y, loss=of_numbers, epochs=2, metric=None)


SORTED = sorted(POINTS)  # by their class, so that the first of them are alike
WEIGHTS_BY_PLACE = [1.0] * 20 + [4.0] * 20
BY_METHODS = {  # of outputs, which are Values
    "relu": lambda w, z, k: w * (1.0 - k * z).relu(),
    "exp": lambda w, z, k: w * (-k * z).exp(),
    "tanh": lambda w, z, k: w * (k - z).tanh() ** 2,
    "detach": lambda w, z, k: w * (1.0 - k * z) ** 2 * (1.0 + z.detach() ** 2),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", BY_METHODS)
def test_places_are_noticed_where_a_loss_calls_methods_of_its_outputs(name):
    terms = lambda o, t: [BY_METHODS[name](*each) for each in zip(WEIGHTS_BY_PLACE, o, t)]
    plain = lambda o, t: [BY_METHODS[name](1.0, *each) for each in zip(o, t)]
    signs = [-1.0] * 20 + [1.0] * 20
    for loss in (
        lambda o, t: sum(terms(o, t)) * (1.0 / len(o)),
        lambda o, t: sum(plain(o, t)) / min(len(o), 20),
        lambda o, t: mean(plain(o[:20], t)),
        lambda o, t: mean(plain(o, t)) * (2.0 if len(o) > 30 else 1.0),
    ):
        assert_same(NO_MEAN, lambda: MLP(2, [3, 1], "tanh", seed=2), SORTED, signs, loss=loss, epochs=2, metric=None)
    of_each = lambda o, t: mean(plain(o, t))
    assert_same(True, lambda: MLP(2, [3, 1], "tanh", seed=2), SORTED, signs, loss=of_each, epochs=2, metric=None)


def test_places_are_noticed_where_random_outputs_are_outside_of_the_domain():
    """Probabilities that are almost 1: of random ones near them some are beyond."""
    entropy = lambda w, p, k: -w * (k * log(p) + (1 - k) * log(1.0 - p))
    saturated = lambda: Weights(lambda w, x: sigmoid(w[0] + 11.0 + x[0] / 9.0))
    targets = [0] * 20 + [1] * 20
    for loss in (
        lambda o, t: mean([entropy(*each) for each in zip(WEIGHTS_BY_PLACE, o, t)]),
        lambda o, t: mean([entropy(1.0, *each) for each in zip(o, t)]) * (2.0 if len(o) > 30 else 1.0),
    ):
        assert_same(NO_MEAN, saturated, SORTED, targets, loss=loss, epochs=2, metric=None)


def test_places_are_noticed_where_some_losses_are_infinite():
    barrier = lambda w, z, k: w * (z - k) ** 2 + where(z < 1.5, 0.0, math.inf)
    loss = lambda o, t: mean([barrier(*each) for each in zip(WEIGHTS_BY_PLACE, o, t)])
    assert_same(NO_MEAN, zeroed, SORTED, BITS, loss=loss, epochs=2, metric=None)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.uint8])
def test_loss_is_compiled_whatever_type_targets_have(dtype):
    y = np.array(BITS, dtype=dtype)
    for term in (lambda z, k: (z - k) ** 2, lambda z, k: abs(z - k), lambda z, k: (z - k / 2) ** 2 * k):
        loss = lambda o, t, term=term: mean([term(*pair) for pair in zip(o, t)])
        assert_same(True, lambda: MLP(2, [3, 1], seed=1), POINTS, y, loss=loss, epochs=3, metric=None)


def squares_of_known(output, target):
    return [where(y > -9e9, lambda z=z, y=y: (z - y) ** 2, 0.0) for z, y in zip(output, target)]


def mean_of_known(outputs, targets):
    count = sum(where(y > -9e9, 1.0, 0.0) for target in targets for y in target)
    return sum(sum(squares_of_known(*pair)) for pair in zip(outputs, targets)) / count


@pytest.mark.sample(2)
@pytest.mark.parametrize("rare", [[True, True, False], [True, False, True], [True, True, True], [False, True, True]])
def test_targets_with_gaps_are_asked_too(rare):
    """Where all have gaps, and where some have none."""
    masks = [rare if i > 290 else [True, False, False] for i in range(len(MANY))]
    y = [[a if known else math.nan for known, a in zip(mask, (a, b, a * b))] for mask, (a, b) in zip(masks, MANY)]
    assert_same(NO_MEAN, plain_heads(), MANY, y, loss=mean_of_known, epochs=2)
    mean_of_sums = lambda outputs, targets: mean([sum(squares_of_known(*pair)) for pair in zip(outputs, targets)])
    assert_same(True, plain_heads(), MANY, y, loss=mean_of_sums, epochs=2)


class Keeping(Weights):
    """A model whose calls have something of those before."""

    def __init__(self, formula):
        super().__init__(formula)
        self.calls, self.last = 0, [0.0, 0.0]

    def forward(self, x):
        self.calls += 1
        found = self.formula(self, x)
        self.last = x
        return found


@pytest.mark.parametrize(
    "formula",
    [lambda self, x: self.w[0] * x[0] * self.calls, lambda self, x: self.w[0] * x[0] + self.w[1] * self.last[1]],
    ids=["number of calls", "last input"],
)
def test_model_that_depends_on_its_calls_is_noticed_though_it_begins_at_0(formula):
    _, compiled, warned = train("auto", lambda: Keeping(formula), POINTS, BITS, epochs=1)
    assert not compiled
    assert CHANGES in warned[0] or NO_MEAN in warned[0]


def test_model_that_is_another_while_it_is_traced_is_at_fault():
    looked_up = lambda w, x: {1.0: w[0], 2.0: w[1]}.get(1.0 * x[0], w[2])  # a computed key
    reason = "with one of these, the model computes something else"
    assert_same(reason, lambda: Weights(looked_up), [[1.0], [2.0]], [3.0, 5.0])


# Losses that are means


class Heads(Module):
    """A network with outputs nested in some way."""

    def __init__(self, nested, outputs=3):
        self.inner, self.nested = MLP(2, [4, outputs], "tanh", seed=3), nested

    def forward(self, x):
        return self.nested(self.inner(x))


def with_untracked(outputs, targets):
    with autograd.no_grad():
        weights = [1.0 + o * o for o in outputs]
    return mean([w.detach() * (o - y) ** 2 for w, o, y in zip(weights, outputs, targets)])


def plain_heads(nested=list, outputs=3):
    return lambda: Heads(nested, outputs)


one_head = plain_heads(lambda z: z[0])
SCALE = Value(0.3)
MEANS = {
    "log of a probability": (
        plain_heads(lambda z: 0.5 * (1.0 + z[0] / (1.0 + abs(z[0])))),
        lambda o, t: -mean([y * log(p) + (1 - y) * log(1.0 - p) for p, y in zip(o, t)]),
    ),
    "logs of softmax": (plain_heads(softmax), lambda o, t: -mean([y * log(p[0]) + log(p[1]) for p, y in zip(o, t)])),
    "density with its own deviation": (
        plain_heads(lambda z: {"middle": z[0], "deviation": exp(z[1])}),
        lambda o, t: mean([log(p["deviation"]) + ((y - p["middle"]) / p["deviation"]) ** 2 for p, y in zip(o, t)]),
    ),
    "counts": (one_head, lambda o, t: mean([exp(z) - y * z for z, y in zip(o, t)])),
    "root of each": (one_head, lambda o, t: mean([sqrt(1.0 + (z - y) ** 2) for z, y in zip(o, t)])),
    "sum over heads": (
        plain_heads(lambda z: (z[0], [z[1], z[2]])),
        lambda o, t: mse([a for a, _ in o], t) + 0.3 * mean([b * b + abs(c) for _, (b, c) in o]),
    ),
    "array of outputs": (plain_heads(np.array), lambda o, t: mean([(z**2).sum() + z[0] * y for z, y in zip(o, t)])),
    "penalty": (one_head, lambda o, t: mse(o, t) + 0.1 * SCALE * SCALE),
    "choice": (one_head, lambda o, t: mean([where(z > y, 3.0 * (z - y), y - z) for z, y in zip(o, t)])),
    "guarded choice": (one_head, lambda o, t: mean([where(z > 0, lambda z=z: log(z), 0.0) + z * z for z in o])),
    "without derivative": (one_head, with_untracked),
    "by batches": (one_head, lambda o, t: fsum([(z - y) ** 2 for z, y in zip(o, t)]) / len(o)),
    "squares by dot": (one_head, lambda o, t: (lambda d: dot(d, d) / len(d))([z - y for z, y in zip(o, t)])),
    "far targets": (one_head, lambda o, t: mean([(z - 1e6 * y) ** 2 for z, y in zip(o, t)]) * 1e-12),
    "only sometimes": (one_head, lambda o, t: mean([y * z for z, y in zip(o, t)])),
    "by NumPy": (one_head, lambda o, t: np.mean((np.array(o) - np.array(t)) ** 2)),
    "with weights": (one_head, lambda o, t: dot([(z - y) ** 2 for z, y in zip(o, t)], [1.0 / len(o)] * len(o))),
    "with a weight that is learned": (one_head, lambda o, t: -(exp(SCALE) * -mse(o, t)) / SCALE + log(SCALE)),
    "choice by a parameter": (one_head, lambda o, t: where(SCALE > 0.0, lambda: 2.0 * mse(o, t), 0.0)),
    "flat": (one_head, lambda o, t: mean([relu(z - 100.0) for z in o])),
}


@pytest.mark.parametrize("name", MEANS)
def test_loss_that_is_a_mean_is_compiled(name):
    make, loss = MEANS[name]
    state = random.getstate(), repr(np.random.get_state())
    assert_same(True, make, POINTS, BITS, loss=loss, batch_size=9, epochs=3)
    assert state == (random.getstate(), repr(np.random.get_state()))


def test_parameters_are_as_they_were_after_the_examples_were_looked_at():
    model = MLP(2, [1], seed=1)
    before, root = model.state_dict(), model([1.0, 2.0])
    playground(model, POINTS, BITS, loss=lambda o, t: mse(o, t))
    assert model.state_dict() == before
    root.backward()  # which would refuse a graph whose leaves have been assigned


COMPILED_PARTS = {"a layer": compile, "a function": lambda layer: compile(lambda x: layer(x))}


@pytest.mark.parametrize("part", COMPILED_PARTS.values(), ids=COMPILED_PARTS)
def test_loss_may_call_the_model_on_numbers_with_parts_that_are_compiled(part):
    class Net(Module):
        def __init__(self):
            self.layer, self.head = Layer(2, 3, "tanh", seed=1), Layer(3, 1, None, seed=2)
            self.part = part(self.layer)

        def forward(self, x):
            return self.head(self.part(x))[0]

    losses = []
    for compiled in ("auto", False):
        net = Net()
        loss = lambda o, t, net=net: mse(o, t) + 0.1 * (net([0.0, 0.0]) - 1.0) ** 2
        optimizer = SGD(net.parameters(), lr=0.001)
        history = fit(net, X, REAL, loss=loss, epochs=5, optimizer=optimizer, compiled=compiled)
        assert history.compiled is (compiled == "auto")
        losses.append(history.loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
