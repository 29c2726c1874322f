"""PyTorch as a second oracle: the table at a grid and at its edges, and random expressions built in both."""

import itertools
import math
import operator
import random
from functools import partial
from types import SimpleNamespace

import pytest

import autograd
from autograd import Value, rules
from autograd.rules.operation import Family, NAry

torch = pytest.importorskip("torch")

# Where PyTorch has the function under another name, or with other operands. Rows that it has not are left out.
OTHER_NAMES = {
    **{"add": operator.add, "sub": operator.sub, "mul": operator.mul, "divide": operator.truediv},
    **{"power": operator.pow, "power_of": operator.pow, "negative": operator.neg, "mod": torch.remainder},
    **{"log_sigmoid": torch.nn.functional.logsigmoid, "ndtr": torch.special.ndtr, "log_ndtr": torch.special.log_ndtr},
    "softplus": lambda x: torch.nn.functional.softplus(x, threshold=40.0),
    "where": lambda c, a, b: torch.where(c != 0.0, a, b),
    "fsum": lambda *xs: torch.stack(xs).sum(),
    "mean": lambda *xs: torch.stack(xs).mean(),
    "logsumexp": lambda *xs: torch.logsumexp(torch.stack(xs), 0),
    "dot": lambda *xs: torch.dot(torch.stack(xs[: len(xs) // 2]), torch.stack(xs[len(xs) // 2 :])),
}

# PyTorch's polygamma functions have ten digits, and its derivatives of sinc and log_ndtr lose them near 0 and far off.
DIGITS = {rules.digamma: 1e-9, rules.sinc: 1e-11, rules.log_ndtr: 1e-11}


def counterpart(variable):
    return OTHER_NAMES.get(variable) or getattr(torch, variable, None) or getattr(torch.nn.functional, variable, None)


COMPARISONS = (rules.less, rules.less_equal, rules.either)  # numbers here, truth values without derivatives there


def pairs():
    for variable, entry in rules.TABLE.items():
        function = counterpart(variable)
        if function is None or entry in COMPARISONS:
            continue
        if isinstance(entry, Family):
            for constant in entry.samples:
                yield entry.member(constant), lambda x, f=function, constant=constant: f(x, constant)
        else:
            yield entry, function


PAIRS = list(pairs())
FIXED = [(row, function) for row, function in PAIRS if not isinstance(row, NAry)]
with_ids = {"ids": lambda part: getattr(part, "name", "")}

GRID = [0.0, 0.25, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 8.0, 20.0, 45.0, 300.0]
GRID = [*GRID, *(-x for x in GRID[1:])]
COARSE = [0.0, 0.5, 2.0, 3.0, 15.0, -0.5, -2.0, -3.0]


def defined(row, xs):
    return not row.domain or eval(row.domain, {"inf": math.inf}, dict(zip(row.arguments, xs, strict=True)))


def points(row):
    grid = itertools.product(GRID if len(row.partials) == 1 else COARSE, repeat=len(row.partials))
    return [xs for xs in grid if defined(row, xs) and xs not in row.edges]


def by_autograd(row, operands):
    leaves = [Value(x) for x in operands]
    y = row.apply(leaves)
    y.backward()
    return [y.data, *(leaf.grad for leaf in leaves)]


def by_torch(function, operands):
    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in operands]
    y = function(*leaves)
    y.backward()
    return [y.item(), *(0.0 if leaf.grad is None else leaf.grad.item() for leaf in leaves)]


def test_most_of_the_table_has_a_counterpart():
    assert len({row.name.partition("(")[0] for row, _ in PAIRS}) >= 40


@pytest.mark.parametrize(("row", "function"), FIXED, **with_ids)
def test_values_and_first_derivatives_are_those_of_pytorch(row, function):
    chosen = points(row)
    assert len(chosen) >= 4
    for operands in chosen:
        found, wanted = by_autograd(row, operands), by_torch(function, operands)
        assert found == pytest.approx(wanted, rel=DIGITS.get(row, 1e-13), abs=1e-15, nan_ok=True), operands


@pytest.mark.parametrize(("row", "function"), [pair for pair in FIXED if pair[0].edges], **with_ids)
def test_derivatives_at_the_edges_are_those_of_pytorch(row, function):
    for operands in row.edges:
        exactly = pytest.approx(by_torch(function, operands), rel=0.0, abs=0.0, nan_ok=True)
        assert by_autograd(row, operands) == exactly, operands


@pytest.mark.parametrize(("row", "function"), FIXED, **with_ids)
def test_derivatives_at_infinite_and_undefined_operands_are_those_of_pytorch(row, function):
    finite = [] if len(row.partials) == 1 else [0.0, 3.0, -3.0]
    for operands in itertools.product([*finite, math.inf, -math.inf, math.nan], repeat=len(row.partials)):
        if not defined(row, operands):
            continue
        wanted = by_torch(function, operands)
        if row is rules.log_ndtr and operands == (-math.inf,):  # where the derivative of PyTorch is inf - inf
            wanted = [-math.inf, math.inf]
        if row is rules.sign and math.isnan(*operands):  # 0 to PyTorch, nan to NumPy and JAX
            wanted = [math.nan, 0.0]
        assert by_autograd(row, operands) == pytest.approx(wanted, rel=1e-13, abs=0.0, nan_ok=True), operands


@pytest.mark.parametrize(("row", "function"), [pair for pair in PAIRS if isinstance(pair[0], NAry)], **with_ids)
@pytest.mark.parametrize("operands", [(0.5, -1.0, 2.0, 3.0), (700.0, 700.0, -700.0, 1.0), (1.0, 1.0, 1.0, 1.0)])
def test_functions_of_many_are_those_of_pytorch(row, function, operands):
    assert by_autograd(row, operands) == pytest.approx(by_torch(function, operands), rel=1e-13, abs=1e-15)


# Random expressions. Operands are mapped into a part of the domain where the function is well-conditioned.

INTO = {
    **dict.fromkeys(["", "-inf < x < inf"], lambda x: x),
    **dict.fromkeys(["-1 <= x <= 1", "-1 < x < 1", "x > -1"], lambda x: 0.9 * x),
    "x >= 1": lambda x: x * x + 1.5,
    **dict.fromkeys(["x != 0", "x > 0", "x >= 0", "b != 0", "b > 0 or a == 0"], lambda x: x * x + 0.5),
    **dict.fromkeys(["x > 0 or x % 1 != 0", rules.power.domain], lambda x: x * x + 0.5),
}
CHOICES = [(row, function) for row, function in FIXED if row.domain in INTO and row not in DIGITS]


def expression(seed, leaves, engine):
    """A random expression of 40 operations on these leaves, the same for the same seed whatever the engine is."""
    rng = random.Random(seed)
    nodes = list(leaves)
    for _ in range(40):
        row, function = rng.choice(CHOICES)
        operands = [INTO[row.domain](0.6 * engine.atan(rng.choice(nodes[-12:]))) for _ in row.partials]
        nodes.append((row if engine is autograd else function)(*operands))
    total = nodes[-1]
    for node in nodes[:-1]:
        total = total + node * rng.uniform(-1.0, 1.0)
    return total


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_gradients_of_random_expressions_are_those_of_pytorch(first):
    engine = SimpleNamespace(atan=torch.atan)
    for seed in range(first, first + 10):
        rng = random.Random(seed)
        data = [rng.uniform(-2.0, 2.0) for _ in range(5)]
        ours, theirs = (partial(expression, seed, engine=engine) for engine in (autograd, engine))
        found, wanted = by_autograd(SimpleNamespace(apply=ours), data), by_torch(lambda *leaves: theirs(leaves), data)  # noqa: B023
        assert found == pytest.approx(wanted, rel=1e-12, abs=0.0), seed
