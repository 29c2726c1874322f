"""Compiled sums: where they are added up in another order, and how far that may move them."""

import math
from fractions import Fraction

import numpy as np
import pytest

from autograd import compile, dot, fsum, mean

pytestmark = pytest.mark.usefixtures("backend")

EPS = 2.0**-52
SUMS = {  # each with the terms that it adds up
    "sum": (lambda xs: sum(xs), lambda xs: xs),
    "fsum": (lambda xs: fsum(list(xs)), lambda xs: xs),
    "mean": (lambda xs: mean(list(xs)), lambda xs: [x / len(xs) for x in xs]),
    "dot": (lambda xs: dot(xs, xs[::-1]), lambda xs: [a * b for a, b in zip(xs, xs[::-1], strict=True)]),
}


def assert_within_the_bound(name, xs, backend):
    f, terms_of = SUMS[name]
    terms = terms_of(list(map(Fraction, xs)))
    exact, bound = sum(terms), len(terms) * EPS * float(sum(map(abs, terms)))
    batched = compile(lambda xs: f(xs), batched=["xs"])
    for found in (compile(f)(xs), *batched.each(np.array([xs, xs])).tolist()):
        assert abs(Fraction(found) - exact) <= bound
    if backend == "python" and name == "fsum":
        assert compile(f)(xs) == math.fsum(xs)  # which is exact to the last digit


@pytest.mark.parametrize("name", SUMS)
def test_listed_sum_that_cancels_is_within_the_bound(name, backend):
    assert_within_the_bound(name, [1e16, 1.0, -1e16] * 400, backend)


@pytest.mark.sample(2)
@pytest.mark.parametrize("n", [2, 3, 5, 17, 200])
@pytest.mark.parametrize("name", SUMS)
def test_sum_of_any_numbers_is_within_the_bound(name, n, backend):
    rng = np.random.default_rng(n)
    for _ in range(3):
        assert_within_the_bound(name, (rng.normal(size=n) * 10.0 ** rng.uniform(-9, 9, n)).tolist(), backend)
