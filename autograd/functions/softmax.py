"""Softmax and its logarithm: probabilities of several numbers, as lists of nodes that keep their digits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, overload

from autograd import rules
from autograd.engine import Number, Value, modes
from autograd.rules import Arithmetic, elements, real


@overload
def softmax(values: Iterable[float]) -> list[float]: ...  # type: ignore[overload-overlap]  # of no operand at all
@overload
def softmax(values: Iterable[Number]) -> list[Value]: ...
def softmax(values: Iterable[Number]) -> list[Any]:
    """Return exp(x_i) / sum_j exp(x_j) for each of the values; they sum to 1, and beside inf they are nan.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    xs = _listed(values, "softmax")
    largest: Any = rules.largest(xs)  # a node, since at other numbers it is another one
    if isinstance(largest, Value):
        exponentials = [(x - largest).exp() for x in xs]  # which cannot overflow
    else:
        exponentials = [rules.exp(x - largest) for x in xs]
    total: Any = rules.fsum(exponentials)
    return [exponential / total for exponential in exponentials]


@overload
def log_softmax(values: Iterable[float]) -> list[float]: ...  # type: ignore[overload-overlap]  # of no operand at all
@overload
def log_softmax(values: Iterable[Number]) -> list[Value]: ...
def log_softmax(values: Iterable[Number]) -> list[Any]:
    """Return x_i - log(sum_j exp(x_j)) for each of the values: the logarithms of their softmax.

    Values and gradients keep their digits however close to 1 a probability is: beside the first largest of the values,
    the sum is 1 and small terms, and these are never added to the 1. Of a single inf it is 0, and beside it -inf.

    >>> log_softmax([0.0, -50.0])
    [-1.9287498479639178e-22, -50.0]
    """
    xs = _listed(values, "log_softmax")
    size = len(xs)
    if any(isinstance(x, Arithmetic) for x in xs):  # symbols, or numbers of another kind
        # Beside a 0 the sum of the others keeps its digits, where x - logsumexp(xs) would lose them.
        return [-rules.logsumexp([0.0 if z is x else z - x for z in xs]) for x in xs]
    if size > 1 and modes.blocks and modes.traced():  # which is the largest is seen in each call
        most = rules.largest(xs)
        found = [rules.where(x < most, 0.0, float(size - i)) for i, x in enumerate(xs)]  # beside nan it is the first
        first = rules.largest(found)
        is_largest = [first <= number for number in found]
        largest: Any = rules.fsum([rules.where(chosen, x, 0.0) for chosen, x in zip(is_largest, xs, strict=True)])
        shifted = [rules.where(chosen, 0.0, x - largest) for chosen, x in zip(is_largest, xs, strict=True)]
        rest = [rules.where(chosen, 0.0, rules.exp(d)) for chosen, d in zip(is_largest, shifted, strict=True)]
        total: Any = rules.log1p(rules.fsum(rest))
    else:
        at = max(range(size), key=lambda i: float(getattr(xs[i], "data", xs[i]))) if size > 1 else 0
        nothing = xs[at] - xs[at] if size == 1 else 0.0
        shifted = [nothing if i == at else x - xs[at] for i, x in enumerate(xs)]
        total = rules.logsumexp(shifted)  # which at other numbers, with another largest, does not overflow
    return [d - total for d in shifted]


def _listed(values: Iterable[Number], asker: str) -> list[Any]:
    xs = [x if isinstance(x, (Value, Arithmetic)) else real(x, asker) for x in elements(values, asker)]
    if not xs:
        raise ValueError(f"{asker} is defined for at least one operand, got none")
    return xs
