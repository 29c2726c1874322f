"""What derivatives cost, in evaluations of the function itself, and those of high order, nested and as a series."""

import random
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from autograd import Value, dot, grad, hessian, hvp, jvp, mean, tanh, taylor, value_and_grad
from tests.benchmarks.benchmark import Benchmark, Entry, Problem

SIZES = [3, 14, 14, 2]
NESTED = 9  # the highest order of nested derivatives


def network(parameters: list[Any], x: list[float]) -> list[Any]:
    """An MLP with tanh, its parameters in one list: for each neuron its weights, then its bias."""
    start, layer = 0, list(x)
    for nin, nout in pairwise(SIZES):
        outputs = []
        for _ in range(nout):
            weights, bias = parameters[start : start + nin], parameters[start + nin]
            start += nin + 1
            outputs.append(dot(weights, layer) + bias)
        layer = [tanh(z) for z in outputs] if len(outputs) > 2 else outputs
    return layer


def costs(examples: int) -> Problem:
    """The mean squared error on this many examples as a function of the parameters, and its derivatives."""
    rng = random.Random(1)
    theta = [rng.gauss(0, 0.3) for _ in range(sum((nin + 1) * nout for nin, nout in pairwise(SIZES)))]
    X = [[rng.gauss(0, 1) for _ in range(SIZES[0])] for _ in range(examples)]
    Y = [[rng.gauss(0, 1) for _ in range(SIZES[-1])] for _ in range(examples)]

    def loss(parameters: list[Any]) -> Any:
        errors = [
            (p - y) ** 2 for x, ys in zip(X, Y, strict=True) for p, y in zip(network(parameters, x), ys, strict=True)
        ]
        return mean(errors)

    v = [1.0] * len(theta)
    tasks: dict[str, Callable[[], Any]] = {
        "evaluation, recorded": lambda: loss([Value(x) for x in theta]),
        "`backward()`": lambda: loss([Value(x) for x in theta]).backward(),
        "`value_and_grad`": lambda: value_and_grad(loss)(theta), "`jvp`": lambda: jvp(loss, (theta,), (v,)),
        "`hvp`": lambda: hvp(loss)(theta, v), "`hessian`": lambda: hessian(loss)(theta),
    }  # fmt: skip
    return Problem({name: partial(Entry, task) for name, task in tasks.items()}, {"parameters": len(theta)})


def order(n: int) -> Problem:
    """The derivatives of tanh(x) / x up to an order."""
    f = lambda x: tanh(x) / x
    derivative = f
    for _ in range(n if n <= NESTED else 0):
        derivative = grad(derivative)
    entries = {"`taylor`": lambda: Entry(lambda: taylor(f, 0.7, n))}
    if n <= NESTED:
        entries["`grad` around `grad`"] = lambda: Entry(lambda: derivative(0.7))
    return Problem(entries, {})


BENCHMARKS = [
    Benchmark("costs", "What derivatives of the loss of an MLP 3-14-14-2 cost, in evaluations", "times",
        {f"{examples} example{'s' * (examples > 1)}": partial(costs, examples) for examples in (1, 20)}),
    Benchmark("orders", "The derivatives of tanh(x) / x up to an order", "ms",
        {f"order {n}": partial(order, n) for n in (*range(1, NESTED + 1), 20, 30, 40)}),
]  # fmt: skip
