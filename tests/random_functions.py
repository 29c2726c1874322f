"""Hypothesis strategy: functions of a list of numbers, of each kind of graph that the compiler has a form for."""

import math
import random
from itertools import pairwise

from hypothesis import strategies as st

import autograd as ad
from autograd import fsum, rules, sin, tanh
from autograd.testing import every_operation, expressions, numbers
from tests.autograd.compiler.recurrences import BLOCKS, leaf_count, recurrence

JOINS = {
    "fsum": fsum, "mean": ad.mean, "logsumexp": ad.logsumexp, "product": lambda ys: ys[0] * ys[-1],
    "dot": lambda ys: ad.dot(ys, ys),
}  # fmt: skip
SQUASHES = {"tanh": tanh, "sin": sin, "erf": ad.erf, "none": lambda x: x, "relu": lambda x: ad.maximum(x, 0.0)}


class RandomFunction:
    """A function of a list of numbers, the numbers at which it is tame, and a description for reports."""

    def __init__(self, f, inputs, description):
        self.f, self.inputs, self.description = f, list(inputs), description

    def __call__(self, xs):
        return self.f(xs)

    def __repr__(self):
        return f"{self.description} of {self.inputs}"


def formulas(*rows, **options):
    """Every row of the table, or these operations, with shared nodes and constants."""
    return expressions(*rows, **options).map(lambda e: RandomFunction(lambda xs: e(*xs), e.inputs, str(e)))


OWN = [
    ad.operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x),
    ad.operation("damped", lambda x: sin(x) / (1.0 + x * x), lambda y, x: (rules.cos(x) - 2.0 * x * y) / (1.0 + x * x)),
    ad.operation("blend", lambda a, b: a * tanh(b), lambda y, a, b: tanh(b), lambda y, a, b: a * (1.0 - tanh(b) ** 2)),
]


def own_operations():
    """Operations that are no rows of the table, among some that are."""
    return formulas([*OWN, rules.add, rules.mul, rules.dot, rules.where], max_steps=12)


SIDES = {
    "log": lambda x, c: ad.log(x - c), "root": lambda x, c: ad.sqrt(x - c), "pole": lambda x, c: 1.0 / (x - c),
    "power": lambda x, c: (x - c) ** 1.5, "number": lambda x, c: c, "none": lambda x, c: x,
    "mixed": lambda x, c: ad.dot(ad.softmax([x, c, 0.5]), [x, 1.0, x]),
}  # fmt: skip
EVERYWHERE = ("number", "none", "mixed")


@st.composite
def choices(draw):
    """Sides of `where`, at any depth, of which those that are not chosen need not be defined."""
    inputs = draw(st.lists(numbers(), min_size=1, max_size=3))
    kinds = st.tuples(st.sampled_from(sorted(SIDES)), st.sampled_from(sorted(SIDES)), st.booleans(), st.booleans())
    term = st.tuples(st.integers(0, len(inputs) - 1), numbers(), st.lists(kinds, max_size=3))
    terms = draw(st.lists(term, max_size=5))
    terms = [(i, c, kinds) for i, c, kinds in terms if math.fabs(inputs[i] - c) > 1e-2]

    def chosen(x, c, kinds):
        if not kinds:
            return x * c
        (above, below, late, flipped), *rest = kinds
        other = lambda: tanh(chosen(x, c, rest)) + SIDES[below](c - x, 0.0) * 0.25
        if flipped:
            return ad.where(x <= c, other, lambda: SIDES[above](x, c))
        early = not late and not rest and below in EVERYWHERE
        return ad.where(x > c, lambda: SIDES[above](x, c), other() if early else other)

    def f(xs):
        return fsum([sin(chosen(xs[i], c, kinds)) for i, c, kinds in terms]) + xs[0] * xs[-1]

    return RandomFunction(f, inputs, f"choices {terms}")


CORNERS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, 1e-300, -1e-9, 40.0, -40.0, 750.0, -750.0, 1e9]


@st.composite
def corners(draw):
    """Rows of the table at kinks, edges and in tails: on inputs or constants that are what they are to the last bit."""
    inputs = draw(st.lists(st.sampled_from(CORNERS), min_size=1, max_size=4))
    places = st.integers(0, len(inputs) - 1) | st.sampled_from(CORNERS)
    terms = []
    for row in draw(st.lists(st.sampled_from(every_operation()), min_size=1, max_size=5)):
        arity = row.arity or len(row.arguments) * draw(st.integers(1, 3))
        others = st.lists(places, min_size=arity - 1, max_size=arity - 1)
        operands = [draw(st.integers(0, len(inputs) - 1)), *draw(others)]
        leaves = [ad.Value(inputs[k] if isinstance(k, int) else k) for k in operands]
        try:
            y = row.apply(leaves)
            known = [y.data, *ad.gradients(y, leaves)]
        except (ValueError, ArithmeticError):
            continue
        if all(math.fabs(number) < 1e12 for number in known):
            terms.append((row, operands, draw(st.sampled_from([0.0, 0.5, -1.0]))))

    def f(xs):
        ys = [(row.apply([xs[k] if isinstance(k, int) else k for k in operands]), w) for row, operands, w in terms]
        return fsum([y * w + tanh(y) for y, w in ys]) + xs[0] * 0.5

    listed = [(row.name, operands, w) for row, operands, w in terms]
    return RandomFunction(f, inputs, f"corners {listed}")


@st.composite
def repetitions(draw):
    """Recurrences: what is a loop."""
    block, count, every = draw(BLOCKS), draw(st.integers(2, 14)), draw(st.booleans())
    draws = random.Random(draw(st.integers(0, 2**32 - 1)))
    factors, inputs = [[draws.uniform(-1.0, 1.0) for _ in range(n)] for n in (count, leaf_count(count))]
    described = f"{count} times {block}, all of them: {every},"
    return RandomFunction(lambda xs: recurrence(block, factors, every, list(xs)), inputs, described)


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
            ys = [SQUASHES[squash](ad.dot(w[:n], ys[:n]) + next(weights)) for w, n in zip(row, kept, strict=True)]
        return JOINS[join](ys) + xs[0] * 0.5

    given = inputs[: sizes[0]] if fixed else inputs
    return RandomFunction(network, given, f"layers of {sizes}, {squashes}, {join}, {'fixed' if fixed else ''}{missing}")


KINDS = {
    "formulas": formulas, "own operations": own_operations, "choices": choices, "corners": corners,
    "repetitions": repetitions, "layers": layers,
}  # fmt: skip


def functions(*without):
    """Return functions of all kinds, but those that are named."""
    return st.one_of(*[kind() for name, kind in KINDS.items() if name not in without])
