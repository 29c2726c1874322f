"""PyTorch as a second oracle: the table at a grid, at its edges, and of operands that are infinite or undefined."""

import itertools
import math
import operator

import pytest

from autograd import Value, compile, log_softmax, rules, value_and_grad
from autograd.rules.operation import Family, NAry
from tests.oracle import defined

torch = pytest.importorskip("torch")
INF, NAN = math.inf, math.nan

# Where PyTorch has the function under another name, or with other operands. Rows that it has not are left out.
OTHER_NAMES = {
    **{"add": operator.add, "sub": operator.sub, "mul": operator.mul, "divide": operator.truediv},
    **{"power": operator.pow, "power_of": operator.pow, "negative": operator.neg, "mod": torch.remainder},
    **{"log_sigmoid": torch.nn.functional.logsigmoid, "ndtr": torch.special.ndtr, "log_ndtr": torch.special.log_ndtr},
    "softplus": lambda x: torch.nn.functional.softplus(x, threshold=40.0),
    "where": lambda c, a, b: torch.where(c != 0.0, a, b),
}


def counterpart(variable):
    return OTHER_NAMES.get(variable) or getattr(torch, variable, None) or getattr(torch.nn.functional, variable, None)


COMPARISONS = (rules.less, rules.less_equal, rules.either)  # numbers here, truth values without derivatives there


def pairs():
    for variable, entry in rules.TABLE.items():
        function = counterpart(variable)
        if function is None or entry in COMPARISONS or isinstance(entry, NAry):
            continue
        if isinstance(entry, Family):
            for constant in entry.samples:
                yield entry.member(constant), lambda x, f=function, constant=constant: f(x, constant)
        else:
            yield entry, function


PAIRS = list(pairs())
with_ids = {"ids": lambda part: getattr(part, "name", "")}
# PyTorch's polygamma functions have ten digits, and its derivatives of sinc and log_ndtr lose them near 0 and far off.
DIGITS = {rules.digamma: 1e-9, rules.sinc: 1e-11, rules.log_ndtr: 1e-11}
GRID = [0.0, 0.25, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 8.0, 20.0, 45.0, 300.0]
GRID = [*GRID, *(-x for x in GRID[1:])]
COARSE = [0.0, 0.5, 2.0, 3.0, 15.0, -0.5, -2.0, -3.0]


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
    assert len({row.name.partition("(")[0] for row, _ in PAIRS}) >= 38


@pytest.mark.parametrize(("row", "function"), PAIRS, **with_ids)
def test_values_and_first_derivatives_are_those_of_pytorch(row, function):
    grid = itertools.product(GRID if len(row.partials) == 1 else COARSE, repeat=len(row.partials))
    chosen = [xs for xs in grid if defined(row, xs) and xs not in row.edges]
    assert len(chosen) >= 4
    for operands in chosen:
        found, wanted = by_autograd(row, operands), by_torch(function, operands)
        assert found == pytest.approx(wanted, rel=DIGITS.get(row, 1e-13), abs=1e-15, nan_ok=True), operands


@pytest.mark.parametrize(("row", "function"), [pair for pair in PAIRS if pair[0].edges], **with_ids)
def test_derivatives_at_the_edges_are_those_of_pytorch(row, function):
    for operands in row.edges:
        exactly = pytest.approx(by_torch(function, operands), rel=0.0, abs=0.0, nan_ok=True)
        assert by_autograd(row, operands) == exactly, operands


@pytest.mark.parametrize(("row", "function"), PAIRS, **with_ids)
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


RUNS = [lambda f: f, compile, lambda f: compile(f, backend="python")]
# By row: operands, and here and in PyTorch the value and the derivatives.
ELSEWHERE = {
    rules.trigamma: [((INF,), (0.0, 0.0), (0.0, NAN)), ((-INF,), (NAN, NAN), (NAN, -INF))],
    rules.power: [
        ((0.0, -INF), (INF, -INF, 0.0), (INF, -INF, -INF)),
        ((0.0, NAN), (NAN, 0.0, 0.0), (NAN, NAN, NAN)),
        ((NAN, NAN), (NAN, 0.0, NAN), (NAN, NAN, NAN)),
    ],
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("row", ELSEWHERE, **with_ids)
def test_derivatives_that_are_not_pytorchs_are_those_that_are_documented(row, run):
    theirs = {rules.trigamma: lambda x: torch.polygamma(1, x), rules.power: operator.pow}[row]
    program = run(value_and_grad(row, argnums=tuple(range(len(row.partials)))))
    for operands, ours, wanted in ELSEWHERE[row]:
        assert by_torch(theirs, operands) == pytest.approx([*wanted], nan_ok=True)
        value, slopes = program(*operands)
        assert [value, *slopes] == pytest.approx([*ours], nan_ok=True), operands


@pytest.mark.parametrize("run", RUNS)
def test_log_softmax_of_infinite_and_undefined_operands_is_pytorchs_but_beside_one_inf(run):
    for size, first in ((1, 0), (2, 0), (2, 1), (3, 1)):
        program = run(value_and_grad(lambda xs, k=first: log_softmax(xs)[k]))
        for operands in itertools.product([0.0, 3.0, INF, -INF, NAN], repeat=size):
            wanted = by_torch(lambda *xs, k=first: torch.log_softmax(torch.stack(xs), 0)[k], operands)
            if size > 1 and operands.count(INF) == 1 and not any(map(math.isnan, operands)):
                top = operands.index(INF)
                wanted = [0.0 if first == top else -INF, *((i == first) - float(i == top) for i in range(size))]
            value, slopes = program([*operands])
            assert [value, *slopes] == pytest.approx(wanted, rel=1e-13, abs=0.0, nan_ok=True), operands


@pytest.mark.parametrize("run", RUNS)
def test_logsumexp_of_infinite_and_undefined_operands_is_pytorchs_but_for_shares_beside_an_infinity(run):
    program = run(value_and_grad(rules.logsumexp))
    for size in (1, 2, 3):
        for operands in itertools.product([0.0, 3.0, math.inf, -math.inf, math.nan], repeat=size):
            value, *wanted = by_torch(lambda *xs: torch.logsumexp(torch.stack(xs), 0), operands)
            if math.inf in operands:  # 0 for those beside it to PyTorch
                wanted = [math.nan] * size
            found, slopes = program([*operands])
            assert [found, *slopes] == pytest.approx([value, *wanted], rel=1e-13, abs=0.0, nan_ok=True), operands
