"""Compiled programs against the eager engine: one function, three forms, several points."""

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest

import autograd as ad
from autograd import Value, compile, dot, exp, fsum, log, logsumexp, mean, sin, softmax, sqrt, tanh, where
from nn import MLP, SGD, cross_entropy, hinge, mse
from tests.autograd.compiler.beside_eager import eager, outcome
from tests.oracle import ACTIVATIONS

pytestmark = pytest.mark.usefixtures("backend")


def assert_close(found, wanted, rtol=1e-12):
    """To a relative error, or to that error of the largest of the numbers, where terms have cancelled."""
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    assert found.shape == wanted.shape
    finite = np.abs(wanted[np.isfinite(wanted)])
    scale = np.maximum(np.abs(wanted), finite.max(initial=0.0))
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore"):
        assert np.all(same | (np.abs(found - wanted) <= rtol * scale)), (found, wanted)


def assert_as_eager(found, f, numbers, rtol=1e-12):
    """A value, and a gradient."""
    value, *gradient = eager(f, numbers)
    assert_close(found[0], value, rtol)
    assert_close(found[1], gradient, rtol)


def assert_exact(f, points, rtol=1e-12):
    """As a graph made at the first point, a function traced there, and for one example of a batch of them all."""
    points = np.asarray(points, dtype=float)
    leaves = [Value(x) for x in points[0]]
    for program in (compile(f(leaves), wrt=leaves), compile(f)):
        for point in points:
            assert_as_eager(program.value_and_grad(point), f, point, rtol)
    wanted = np.array([eager(f, point) for point in points])
    value, slopes = compile(f, batched=[f.__code__.co_varnames[0]]).value_and_grad(points)
    assert_close(value, wanted[:, 0].mean(), rtol)
    assert_close(slopes * len(points), wanted[:, 1:], rtol)


def points(n, count=3, seed=0, low=-1.5, high=1.5):
    return np.random.default_rng(seed).uniform(low, high, size=(count, n))


# Sums and products, in all the ways to write them, and other functions of any number of operands


def chain(xs, add):
    total = xs[0]
    for x in xs[1:]:
        total = add(total, x)
    return total


def tree(xs):
    return xs[0] if len(xs) == 1 else tree(xs[: len(xs) // 2]) + tree(xs[len(xs) // 2 :])


SUMS = {
    "sum()": sum, "fsum": fsum, "chain to the left": lambda xs: chain(xs, lambda total, x: total + x),
    "chain to the right": lambda xs: chain(xs[::-1], lambda total, x: x + total), "tree": lambda xs: tree(xs),
    "nested": lambda xs: fsum([*xs[:2], fsum(xs[2:])]),
    "in two halves": lambda xs: sum(xs[: len(xs) // 2]) + fsum(xs[len(xs) // 2 :]),
    "with constants": lambda xs: 1.5 + fsum([*xs, 2.0, ad.Constant(0.25) * 3.0]) + 0.5,
    "each twice": lambda xs: sum(xs) + sum(xs), "minus": lambda xs: -sum(-x for x in xs),
}  # fmt: skip


def sine(f):
    return lambda xs: sin(f(list(xs)))


def of_products(f):
    """Of half of the numbers with the others."""
    return lambda xs: f([w * x if i % 2 else x * w for i, (w, x) in enumerate(zip(xs[: -(-len(xs) // 2)], xs[::-1]))])


OF_ANY_NUMBER = {
    **{f"sine of {name}": sine(f) for name, f in SUMS.items()},
    **{f"{name} of products": of_products(f) for name, f in SUMS.items()},
    "dot with itself": lambda xs: dot(xs, xs), "dot with its reverse": lambda xs: dot(xs, xs[::-1]),
    "dot with whole numbers": lambda xs: dot(list(xs), [float(i) for i in range(len(xs))]),
    "dot of constants": lambda xs: dot([math.cos(i) for i in range(len(xs))], xs),
    "logsumexp": lambda xs: logsumexp(xs), "logsumexp of some twice": lambda xs: logsumexp([xs[0], *xs, xs[0]]),
    "logsumexp of products": lambda xs: logsumexp([a * b for a, b in zip(xs, xs[::-1])]),
    "logsumexp with constants": lambda xs: logsumexp([*xs, 1.0, 0.5]), "mean": lambda xs: mean(xs),
    "mean of sines": lambda xs: mean([sin(x) for x in xs]), "square of a mean": lambda xs: mean([xs[0], *xs, 3.0]) ** 2,
    "mean and sum": lambda xs: mean(xs) * sum(xs) + mean(xs[::-1]),
    "softmax, weighed": lambda xs: dot(softmax(xs), [math.sin(i) for i in range(len(xs))]),
    "softmax with itself": lambda xs: dot(softmax([*xs, 0.5]), [*xs, 2.0]),
    "squares less products": lambda xs: sum(a * a for a in xs) - sum(a * 3.0 for a in xs),
    "cubes": lambda xs: sum(a * a * a for a in xs),
    "by a norm": lambda xs: sum(a / sqrt(1.0 + sum(b * b for b in xs[:17])) for a in xs),
}  # fmt: skip


@pytest.mark.sample(9)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 10, 17, 200])
@pytest.mark.parametrize("name", OF_ANY_NUMBER)
def test_function_of_many_numbers_is_exact_at_every_size(name, n):
    assert_exact(OF_ANY_NUMBER[name], points(n))


def used_twice(p, x):
    return p + p * x + sin(p)


def standard_score(xs):
    m = mean(list(xs))
    deviations = [x - m for x in xs]
    return sum(tanh(d / sqrt(sum(e * e for e in deviations) / len(xs) + 1e-5)) for d in deviations)


FORMULAS = {
    "a leaf": (lambda xs: xs[0], 2),
    "a leaf minus itself": (lambda xs: xs[0] - xs[0], 1),
    "times zero": (lambda xs: xs[0] * 0.0 + xs[1], 2),
    "plus zero": (lambda xs: 0.0 + xs[0] + 0.0, 1),
    "one leaf six times": (lambda xs: xs[0] + xs[0] + xs[0] + xs[0] + xs[0] + xs[0], 1),
    "square": (lambda xs: xs[0] * xs[0], 1),
    "signs": (lambda xs: -(xs[1] - (-xs[0])) + (+xs[1]) * xs[0], 2),
    "powers 0 and 1": (lambda xs: xs[0] ** 0 + xs[1] ** 1, 2),
    "power 1 alone": (lambda xs: xs[0] ** 1, 1),
    "one weight twice": (lambda xs: xs[0] * xs[1] + xs[0] * xs[2] + xs[0] * xs[1], 3),
    "a product within and without a sum": (lambda xs: used_twice(xs[0] * xs[1], xs[0]), 2),
    "a sum within and without a sum": (lambda xs: used_twice(xs[0] + xs[1], xs[0]), 2),
    "constants in a dot": (lambda xs: dot([xs[0], 1.0, 2.0], [3.0, 4.0, xs[1]]), 2),
    "a chain of factors": (lambda xs: 2.0 * (3.0 * (4.0 * xs[0])) * xs[0], 1),
    "products by depth": (lambda xs: sum(sin(x) * y * 2.0 for x, y in itertools.pairwise(xs)) + xs[0] * 2.0, 5),
    "powers": (lambda xs: sum(c * xs[0] ** i for i, c in enumerate([1.0, 2.0, -3.0, 0.5, 2.0])), 1),
    "Horner": (lambda xs: chain([0.5, 1.0, -2.0, 3.0], lambda total, c: total * xs[0] + c), 1),
    "bilinear": (lambda xs: sum(xs[i] * xs[3 + 3 * i + j] * xs[j] for i in range(3) for j in range(3)), 12),
    "outer products": (lambda xs: sum(tanh(a * b) for a in xs[:4] for b in xs[4:]), 9),
    "outer products with itself": (lambda xs: sum(tanh(a * b) for a in xs for b in xs), 5),
    "all pairs": (lambda xs: sum(tanh(a * b) for a, b in itertools.combinations(xs, 2)), 6),
    "running sums": (lambda xs: sum(s * s for s in itertools.accumulate(xs)), 12),
    "running products": (lambda xs: sum(itertools.accumulate(xs, lambda a, b: a * b)), 8),
    "max and min": (lambda xs: ad.maximum(xs[0], xs[1]) * ad.minimum(xs[1], xs[2]) + ad.maximum(xs[0], 0.3), 3),
    "families": (lambda xs: sum(ad.leaky_relu(x, 0.1 * i) + ad.elu(x, 0.5 * i) for i, x in enumerate(xs)), 4),
    "standard score": (lambda xs: standard_score(xs), 8),
    "mean of products": (lambda xs: mean([a * b for a, b in itertools.pairwise(xs)]), 5),
    "mean of sums": (lambda xs: mean([a + b for a, b in itertools.pairwise(xs)]), 5),
    "mean of products and leaves": (lambda xs: mean([xs[0] * xs[1], xs[2]]), 5),
    "mean of means": (lambda xs: mean([mean(xs), xs[0] * xs[1], 2.0]), 5),
    "mean of dots": (lambda xs: mean([dot(xs, xs), fsum(xs)]), 5),
    "mean of squares": (lambda xs: mean([x * x for x in xs]), 5),
}
EQUAL_DOTS = {
    "a bias on one": lambda dots, xs: tanh(dots() + 1.0) * sin(dots()),
    "a bias on one, a term on the other": lambda dots, xs: tanh(dots() + 1.0) * sin(dots() + sin(xs[0])),
    "a bias on one, many terms on the other": lambda dots, xs: tanh(dots() + 1.0) * (dots() + sum(map(sin, xs * 2))),
    "a leaf on one": lambda dots, xs: tanh(dots() + xs[0]) * sin(dots()),
    "two biases": lambda dots, xs: tanh(dots() + 1.0) * sin(dots() + 2.0),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_is_exact(name):
    f, n = FORMULAS[name]
    assert_exact(f, points(n))


@pytest.mark.parametrize("name", EQUAL_DOTS)
def test_equal_dots_in_different_sums_are_exact(name):
    assert_exact(lambda xs: EQUAL_DOTS[name](lambda: dot(xs[:2], xs[1:]), list(xs)), points(3))
    assert_exact(lambda xs: EQUAL_DOTS[name](lambda: xs[0] * xs[1] + xs[1] * xs[2], list(xs)), points(3))


# Models written as loops


def matrix(xs, rows, columns, start=0):
    return [xs[start + i * columns : start + (i + 1) * columns] for i in range(rows)]


def matmul_squared(xs):
    return sum(tanh(sum(xs[3 * i + k] * xs[3 * k + j] for k in range(3))) for i in range(3) for j in range(3))


def gram(xs):
    return sum(tanh(sum(xs[3 * i + k] * xs[3 * j + k] for k in range(3))) for i in range(3) for j in range(3))


def lower_triangle(xs):
    rows = matrix(xs, 4, 3)
    return sum(tanh(dot(rows[i], rows[j])) for i in range(4) for j in range(i + 1))


def grid_with_a_gap(xs):
    lefts, rights = matrix(xs, 3, 2), matrix(xs, 3, 2, 6)
    return sum(tanh(dot(lefts[i], rights[j])) for i in range(3) for j in range(3) if (i, j) != (0, 1))


def convolution(xs, stride=1):
    kernel, image = matrix(xs, 3, 3), matrix(xs, 6, 6, 10)
    return fsum(
        tanh(sum(kernel[a][b] * image[i + a][j + b] for a in range(3) for b in range(3)) + xs[9])
        for i, j in itertools.product(range(0, 4, stride), repeat=2)
    )


def filtered_twice(xs):
    weights, signal = xs[:3], xs[3:]
    for _ in range(2):
        signal = [dot(weights, signal[i : i + 3]) for i in range(len(signal) - 2)]
    return fsum(map(tanh, signal))


def attention(xs, steps=3, width=4, heads=2):
    inputs = matrix(xs, steps, width)
    weights = [matrix(xs, width, width, (steps + k * width) * width) for k in range(4)]
    queries, keys, values = ([[dot(row, x) for row in w] for x in inputs] for w in weights[:3])
    size = width // heads
    outputs = []
    for q in queries:
        mixed = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            chances = softmax([dot(q[part], k[part]) / math.sqrt(size) for k in keys])
            mixed += [dot(chances, [v[d] for v in values]) for d in range(size * head, size * (head + 1))]
        outputs += [dot(row, mixed) for row in weights[3]]
    return mean([tanh(y) for y in outputs])


def embedding(xs):
    table = matrix(xs, 5, 3)
    return sum(tanh(dot(table[i], xs[15:18])) for i in [3, 1, 3, 0, 4, 4])


MODELS = {
    **{matmul_squared: 9, gram: 9, lower_triangle: 12, grid_with_a_gap: 12, convolution: 46, embedding: 18},
    **{lambda xs: convolution(xs, 2): 46, filtered_twice: 43, attention: 76},
}


@pytest.mark.parametrize(("f", "n"), MODELS.items())
def test_model_written_as_loops_is_exact(f, n):
    assert_exact(f, points(n, 2, low=-1.0, high=1.0))


# Random programs

KINDS = {
    "*": lambda t: [t[0] * t[1]], "+": lambda t: [t[0] + t[1]], "-": lambda t: [t[0] - t[1]],
    "sum": lambda t: [sum(t) * 0.2], "right": lambda t: [t[0] + (t[1] + (t[2] + t[3]))], "fsum": lambda t: [fsum(t)],
    "dot": lambda t: [dot(t[:2], t[2:4])],
    "constants": lambda t: [sum(x * c for x, c in zip(t, (0.5, -1.0, 0.25, 2.0, 1.0)))], "tanh": lambda t: [tanh(t[0])],
    "sin": lambda t: [sin(x / (1.0 + x * x)) for x in t], "logsumexp": lambda t: [logsumexp(t)],
    "softmax": lambda t: softmax([x / (1.0 + x * x) for x in t]), "square": lambda t: [t[0] * t[0]],
    "divide": lambda t: [t[0] / (1.5 + t[0] * t[0])],
    "nested": lambda t: [(t[0] + t[1] * t[2]) + (t[3] + t[0] * t[3]) * 1.0],
    "grid": lambda t: [a * b + 0.5 * b for a in t[:2] for b in t[2:]],
    "windows": lambda t: [t[0] * t[i] + t[i + 1] * t[1] for i in range(len(t) - 1)],
}  # fmt: skip


class Draft:
    """A random function of a list of numbers, drawn once: steps that share operands, and the sum of the last ones."""

    def __init__(self, seed):
        rng = random.Random(seed)
        made = self.size = rng.randint(1, 6)
        self.steps = []
        for _ in range(rng.randint(3, 25)):
            kind = rng.choice(list(KINDS))
            terms = [self.term(rng, made) for _ in range(rng.choice([4, 4, 5, 6, 8]))]
            self.steps.append((KINDS[kind], terms))
            made += len(KINDS[kind]([0.1] * len(terms)))
        self.last = rng.choice([1, 2, 4, 10])

    @staticmethod
    def term(rng, made):
        if rng.random() < 0.12:
            return rng.choice([-1.5, 0.5, 2.0, 1.0, 0.0])
        return rng.randrange(made) if rng.random() < 0.5 else max(0, made - 1 - rng.randrange(6))

    def __call__(self, xs):
        numbers = list(xs)
        for step, terms in self.steps:
            numbers += step([numbers[k] if isinstance(k, int) else k for k in terms])
        return sum(x / (1.0 + x * x) for x in numbers[-self.last :]) + 0.0 * numbers[0]


@pytest.mark.sample(3)
@pytest.mark.parametrize("first", range(20, 80, 10))
def test_random_program_is_exact(first):
    for seed in range(first, first + 10):
        draft = Draft(seed)
        assert_exact(lambda xs, draft=draft: draft(xs), points(draft.size, 2, seed), 1e-10)


# Networks and losses

TARGETS = {mse: [0.5, -1.0, 2.0, 0.1], hinge: [1, -1, -1, 1], cross_entropy: [0, 2, 1, 1]}
OF_AN_EXAMPLE = {
    mse: lambda output, target: (output - target) ** 2,
    hinge: lambda output, target: ad.relu(1.0 - target * output),
    cross_entropy: lambda output, one_hot: logsumexp(output) - dot(output, one_hot),
}


def network_and_data(activation, loss):
    model = MLP(3, [5, 4, 3 if loss is cross_entropy else 1], activation=activation, seed=3)
    return model, points(3, 4).tolist(), TARGETS[loss]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_mean_of_products_with_the_target_is_exact(activation):
    model, X, y = network_and_data(activation, mse)
    loss = mean([(model(x) - t) * (model(x) - t) for x, t in zip(X, y)])
    program = compile(loss, wrt=model.parameters())
    assert_close(program.value_and_grad(program.read())[1], ad.gradients(loss, model.parameters()))


@pytest.mark.sample(4)
@pytest.mark.parametrize("loss", TARGETS, ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("activation", [*ACTIVATIONS, None])
def test_network_as_a_graph_and_on_a_batch_follows_the_steps_of_an_optimizer(activation, loss):
    model, X, y = network_and_data(activation, loss)
    graph = compile(loss([model(x) for x in X], y), wrt=model.parameters())
    targets = np.eye(3)[y].tolist() if loss is cross_entropy else y
    compiled = compile(lambda x, target: OF_AN_EXAMPLE[loss](model(x), target), batched=("x", "target"))
    optimizer = SGD(model.parameters(), lr=0.05)
    for _ in range(3):
        wanted = loss([model(x) for x in X], y)
        slopes = ad.gradients(wanted, model.parameters())
        optimizer.zero_grad()
        value, theta = compiled.backward(X, targets), compiled.read()
        by_theta = compiled.value_and_grad_at(theta, X, targets)
        assert (by_theta[0], by_theta[1].tolist()) == (value, [p.grad for p in compiled.wrt])
        for found in ((value, [p.grad for p in model.parameters()]), graph.value_and_grad(graph.read())):
            assert_close(found[0], wanted.data)
            assert_close(found[1], slopes)
        optimizer.step()


# Numbers that are not finite, and errors of the eager engine


@pytest.mark.parametrize(
    ("f", "x"),
    [
        *[(log, -1.0), (log, 0.0), (exp, 1000.0), (ad.cosh, -1000.0), (sqrt, -1.0), (sin, math.inf)],
        *[(ad.acos, 1.5), (ad.atanh, 1.0), (ad.log1p, -1.0), (lambda x: 1.0 / x, 0.0), (lambda x: x**-1, 0.0)],
        *[(lambda x: x**0.5, -2.0), (lambda x: 10.0**x, 400.0), (lambda x: x**x, -0.5)],
        (lambda x: 3.0 * sum([log(x), x, x, x, x, x]), -1.0),
        *[(lambda x: exp(x) * 0.0, 1000.0), (lambda x: 1.0 / (1.0 / x), 0.0), (lambda x: fsum([x, x]), 1.7e308)],
        (lambda x: where(x > 0.0, 1.0, log(x)), -1.0),  # also where the side that has it is not chosen
        *[
            (lambda x, f=f: where(x > 0.0, f(x), -1.0), -1.0)
            for f in (log, sqrt, lambda x: x**0.5, lambda x: log(x) ** 2)
        ],
    ],
)
def test_error_is_the_eager_one_and_leaves_the_program_usable(f, x):
    wanted = outcome(f, Value(x))
    assert isinstance(wanted, tuple)
    compiled = compile(f)
    expected = compiled.value_and_grad(0.75)
    assert outcome(compiled, x) == outcome(compiled.value_and_grad, x) == wanted
    assert compiled.value_and_grad(0.75) == expected


@pytest.mark.parametrize("f", [logsumexp, lambda xs: fsum(softmax(xs)[:1]), mean, lambda xs: logsumexp([*xs, 1.0])])
def test_large_numbers_do_not_overflow_on_the_way_and_small_terms_stay(f):
    compiled = compile(f)
    compiled([1.0, 2.0])
    for x in ([1e308, 1e308], [-1e308, 0.5], [1000.0, 999.0], [-1000.0, -1001.0], [0.0, -50.0]):
        assert_as_eager(compiled.value_and_grad(x), f, x)


@pytest.mark.parametrize("f", [lambda a, b: a // b, lambda a, b: a % b])
def test_quotients_and_remainders_are_those_of_python_to_the_last_digit(f):
    rng = random.Random(1)
    pairs = [(rng.choice((1, -1)) * 10 ** rng.uniform(0, 18), rng.uniform(-9.0, 9.0)) for _ in range(400)]
    a, b = zip(*pairs, strict=True)
    compiled = compile(f, batched=("a", "b"))
    assert compiled.each(a, b).tolist() == [f(*pair) for pair in pairs]


@pytest.mark.parametrize("f", [logsumexp, lambda xs: logsumexp([*xs, 1.0]), lambda xs: ad.logaddexp(*xs)])
def test_infinite_numbers_in_a_batch_count_as_eagerly(f):
    X = [list(xs) for xs in itertools.product((math.inf, -math.inf, 0.5), repeat=2)]
    assert compile(f, batched="xs").each(X).tolist() == [f(x) for x in X]


@pytest.mark.parametrize("f", [fsum, logsumexp, sum, lambda xs: softmax(xs)[0], lambda xs: logsumexp([*xs, 1.0])])
def test_alike_functions_of_plain_and_of_batched_numbers_stay_apart(f):
    w, X = points(5, 1)[0].tolist(), points(5, 3)
    both = lambda w, x: f(list(w)) * 0.5 + f(list(x)) * sin(f(list(w)))
    value, gradient = compile(both, batched=["x"]).value_and_grad(w, X)
    wanted = [ad.value_and_grad(both)(w, x.tolist()) for x in X]
    assert_close(value, np.mean([v for v, _ in wanted]))
    assert_close(gradient, np.mean([g for _, g in wanted], axis=0))


# Sums: where they are added up in another order, and how far that may move them

EPS = 2.0**-52
ADDED = {  # each with the terms that it adds up
    "sum": (lambda xs: sum(xs), lambda xs: xs),
    "fsum": (lambda xs: fsum(list(xs)), lambda xs: xs),
    "mean": (lambda xs: mean(list(xs)), lambda xs: [x / len(xs) for x in xs]),
    "dot": (lambda xs: dot(xs, xs[::-1]), lambda xs: [a * b for a, b in zip(xs, xs[::-1], strict=True)]),
}


def assert_within_the_bound(name, xs, backend):
    f, terms_of = ADDED[name]
    terms = terms_of(list(map(Fraction, xs)))
    exact, bound = sum(terms), len(terms) * EPS * float(sum(map(abs, terms)))
    batched = compile(lambda xs: f(xs), batched=["xs"])
    for found in (compile(f)(xs), *batched.each(np.array([xs, xs])).tolist()):
        assert abs(Fraction(found) - exact) <= bound
    if backend == "python" and name == "fsum":
        assert compile(f)(xs) == math.fsum(xs)  # which is exact to the last digit


@pytest.mark.parametrize("name", ADDED)
def test_listed_sum_that_cancels_is_within_the_bound(name, backend):
    assert_within_the_bound(name, [1e16, 1.0, -1e16] * 400, backend)


@pytest.mark.sample(5)
@pytest.mark.parametrize("n", [2, 3, 5, 17, 200])
@pytest.mark.parametrize("name", ADDED)
def test_sum_of_any_numbers_is_within_the_bound(name, n, backend):
    rng = np.random.default_rng(n)
    for _ in range(3):
        assert_within_the_bound(name, (rng.normal(size=n) * 10.0 ** rng.uniform(-9, 9, n)).tolist(), backend)
