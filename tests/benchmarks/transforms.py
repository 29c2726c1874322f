"""What a derivative costs, in evaluations of the function itself: `python tests/benchmarks/transforms.py`.

The function is the loss of an MLP 3-14-14-2, mean squared error on one example and on 20, as a function of its 296
parameters. All are timed in turn in one process; ratios are medians over the rounds, the garbage collector on. Then
derivatives of high order: by `grad` around `grad`, whose time is multiplied with each order, and by `taylor`.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from autograd import Value, dot, grad, hessian, hvp, jvp, mean, tanh, taylor, value_and_grad

SIZES = [3, 14, 14, 2]
ROUNDS = 7
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


def problem(examples: int) -> tuple[Callable[[list[Any]], Any], list[float]]:
    """The loss on this many examples, and parameters to start with."""
    rng = random.Random(1)
    count = sum((nin + 1) * nout for nin, nout in pairwise(SIZES))
    X = [[rng.gauss(0, 1) for _ in range(SIZES[0])] for _ in range(examples)]
    Y = [[rng.gauss(0, 1) for _ in range(SIZES[-1])] for _ in range(examples)]

    def loss(parameters: list[Any]) -> Any:
        return mean(
            [(p - y) ** 2 for x, ys in zip(X, Y, strict=True) for p, y in zip(network(parameters, x), ys, strict=True)]
        )

    return loss, [rng.gauss(0, 0.3) for _ in range(count)]


def seconds(task: Callable[[], Any]) -> float:
    gc.collect()
    start = time.process_time()
    task()
    return time.process_time() - start


def main() -> None:
    for examples in (1, 20):
        loss, theta = problem(examples)
        v = [1.0] * len(theta)
        tasks: dict[str, Callable[[], Any]] = {
            "evaluation, recorded": lambda loss=loss, theta=theta: loss([Value(x) for x in theta]),
            "backward": lambda loss=loss, theta=theta: loss([Value(x) for x in theta]).backward(),
            "value_and_grad": lambda loss=loss, theta=theta: value_and_grad(loss)(theta),
            "jvp": lambda loss=loss, theta=theta, v=v: jvp(loss, (theta,), (v,)),
            "hvp": lambda loss=loss, theta=theta, v=v: hvp(loss)(theta, v),
            "hessian": lambda loss=loss, theta=theta: hessian(loss)(theta),
        }
        rounds = [{name: seconds(task) for name, task in tasks.items()} for _ in range(ROUNDS)]
        print(f"{len(theta)} parameters, {examples} example(s)")
        for name in tasks:
            milliseconds = statistics.median(r[name] for r in rounds) * 1e3
            ratio = statistics.median(r[name] / r["evaluation, recorded"] for r in rounds)
            print(f"  {name:24s} {milliseconds:9.2f} ms  {ratio:8.2f} evaluations")
    orders()


def orders() -> None:
    """Print what the derivatives of tanh(x) / x up to an order cost, nested and as a series."""

    def f(x: Any) -> Any:
        return tanh(x) / x

    print("derivatives of tanh(x) / x: order, nested grad, taylor")
    derivative = f
    for order in range(1, 41):
        derivative = grad(derivative) if order <= NESTED else derivative
        nested = f"{seconds(lambda f=derivative: f(0.7)) * 1e3:9.2f} ms" if order <= NESTED else "        -   "
        if order <= NESTED or order % 10 == 0:
            series = statistics.median(seconds(lambda n=order: taylor(f, 0.7, n)) for _ in range(ROUNDS))
            print(f"  {order:2d} {nested} {series * 1e3:9.2f} ms")


if __name__ == "__main__":
    main()
