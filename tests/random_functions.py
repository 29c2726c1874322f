"""Hypothesis strategy: functions of a list of numbers, of each kind of graph that the compiler has a form for."""

import random
from itertools import pairwise

from hypothesis import strategies as st

from autograd import dot, erf, fsum, logsumexp, maximum, mean, sin, tanh
from autograd.testing import expressions
from tests.autograd.compiler.recurrences import BLOCKS, leaf_count, recurrence

JOINS = {
    "fsum": fsum,
    "mean": mean,
    "logsumexp": logsumexp,
    "product": lambda ys: ys[0] * ys[-1],
    "dot": lambda ys: dot(ys, ys),
}
SQUASHES = {
    "tanh": tanh,
    "sin": sin,
    "erf": erf,
    "none": lambda x: x,
    "relu": lambda x: maximum(x, 0.0),
}


class RandomFunction:
    """A function of a list of numbers, the numbers at which it is tame, and a description for reports."""

    def __init__(self, f, inputs, description):
        self.f, self.inputs, self.description = f, list(inputs), description

    def __call__(self, xs):
        return self.f(xs)

    def __repr__(self):
        return f"{self.description} of {self.inputs}"


@st.composite
def formulas(draw):
    """Every row of the table, with shared nodes and constants."""
    expression = draw(expressions())
    return RandomFunction(lambda xs: expression(*xs), expression.inputs, str(expression))


@st.composite
def repetitions(draw):
    """Recurrences: what is a loop."""
    block, count, every = draw(BLOCKS), draw(st.integers(2, 14)), draw(st.booleans())
    draws = random.Random(draw(st.integers(0, 2**32 - 1)))
    factors, inputs = [[draws.uniform(-1.0, 1.0) for _ in range(n)] for n in (count, leaf_count(count))]
    return RandomFunction(
        lambda xs: recurrence(block, factors, every, list(xs)), inputs, f"{count} times {block}, all of them: {every},"
    )


@st.composite
def layers(draw):
    """Dots of tuples that are shared in part: what is a matrix product, or nearly one."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    squashes = [draw(st.sampled_from(sorted(SQUASHES))) for _ in sizes]
    join, fixed, missing = draw(st.sampled_from(sorted(JOINS))), draw(st.booleans()), draw(st.integers(0, 9))
    count = sizes[0] + sum((nin + 1) * nout for nin, nout in pairwise(sizes))
    draws = random.Random(draw(st.integers(0, 2**32 - 1)))
    inputs = [draws.uniform(-1.0, 1.0) for _ in range(count)]

    def network(xs):
        weights = iter(inputs[sizes[0] :] if fixed else xs[sizes[0] :])
        ys = list(xs[: sizes[0]])
        for nout, squash in zip(sizes[1:], squashes, strict=False):
            row = [[next(weights) for _ in ys] for _ in range(nout)]
            kept = [len(ys) if i != missing else 1 for i in range(nout)]
            ys = [SQUASHES[squash](dot(w[:n], ys[:n]) + next(weights)) for w, n in zip(row, kept, strict=True)]
        return JOINS[join](ys) + xs[0] * 0.5

    given = inputs[: sizes[0]] if fixed else inputs
    return RandomFunction(network, given, f"layers of {sizes}, {squashes}, {join}, {'fixed' if fixed else ''}{missing}")


def functions():
    """Return functions of all kinds."""
    return formulas() | repetitions() | layers()
