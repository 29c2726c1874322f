"""Networks whose training is measured: their losses in scalars, and by hand and by others in arrays.

Parameters are one vector in micrograd's order: for each neuron its weights, then its bias.
"""

import functools
import random
import types
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from nn import datasets
from tests.benchmarks.anchors import ddx_words, in_ddx, in_jax, in_torch, jax_in_double
from tests.benchmarks.benchmark import Entry

MOONS, DIGITS = [2, 16, 16, 1], [64, 32, 10]


def layers(theta: Any, sizes: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """The weights and biases of each layer as views of a vector."""
    start = 0
    for nin, nout in pairwise(sizes):
        block = theta[start : start + (nin + 1) * nout].reshape(nout, nin + 1)
        start += block.size
        yield block[:, :-1], block[:, -1]


def joined(parameters: Sequence[Sequence[Any]]) -> Any:
    """What `layers` has taken apart."""
    return np.concatenate([np.column_stack([np.asarray(w), np.asarray(b)]).ravel() for w, b in parameters])


# The loss of micrograd's demo: hinge on 100 points, and an L2 penalty on the parameters


@functools.cache
def two_moons() -> tuple[list[list[float]], list[int]]:
    data = datasets.moons(n=100, noise=0.1, seed=1)
    return data.X, [2 * k - 1 for k in data.y]


@functools.cache
def moons_start() -> Any:
    """The parameters that micrograd begins with."""
    rng = random.Random(1)
    neurons = [[rng.uniform(-1, 1) for _ in range(nin)] + [0.0] for nin, nout in pairwise(MOONS) for _ in range(nout)]
    return np.concatenate(neurons)


def on_engine(engine: str, path: Path, line: str) -> Any:
    """A module of somebody's, with Value from the given engine: only the import line is changed."""
    source = path.read_text(encoding="utf-8")
    assert line in source
    module = types.ModuleType(path.stem)
    exec(source.replace(line, f"from {engine} import Value"), module.__dict__)
    return module


def trained(model: Any, loss: Callable[[], Any]) -> Entry:
    """A step of a model of scalars as one writes it: the loss, `zero_grad` and `backward`."""
    for parameter, number in zip(model.parameters(), moons_start().tolist(), strict=True):
        parameter.data = number

    def step() -> float:
        total = loss()
        model.zero_grad()
        total.backward()
        return float(total.data)

    value = step()
    return Entry(step, (value, [parameter.grad for parameter in model.parameters()]))


def moons_in_micrograd(engine: str) -> Entry:
    """The loss in micrograd's words."""
    import micrograd

    X, y = two_moons()
    module = on_engine(engine, Path(micrograd.__path__[0]) / "nn.py", "from micrograd.engine import Value")
    model = module.MLP(MOONS[0], MOONS[1:])

    def loss() -> Any:
        inputs = [list(map(module.Value, row)) for row in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

    return trained(model, loss)


def moons_in_nn() -> Entry:
    """The same loss as a user of `nn` writes it."""
    from autograd import dot
    from nn import MLP, hinge

    X, y = two_moons()
    model = MLP(MOONS[0], MOONS[1:])
    parameters = model.parameters()
    return trained(model, lambda: hinge([model(x) for x in X], y) + 1e-4 * dot(parameters, parameters))


def hinge_of_one(m: Any, p: Sequence[Any], x: Sequence[Any], y: Any) -> Any:
    """The loss of one example in scalars of whatever kind, of which `m` has the functions."""
    start, values, sums = 0, x, []
    for nin, nout in pairwise(MOONS):
        sums = []
        for _ in range(nout):
            z = p[start + nin]
            for weight, value in zip(p[start : start + nin], values, strict=True):
                z = z + weight * value
            sums.append(z)
            start += nin + 1
        values = [m.relu(z) for z in sums]
    return m.relu(1.0 - y * sums[0])


def moons_loss(points: int = 100) -> Callable[[Any, Any], Any]:
    """The loss on so many points, with its penalty, as a program of scalars."""
    X, y = two_moons()

    def loss(m: Any, p: Any) -> Any:
        losses = [hinge_of_one(m, p, X[i % 100], y[i % 100]) for i in range(points)]
        return sum(losses) * (1.0 / points) + 1e-4 * sum(x * x for x in p)

    return loss


def moons_by_hand(X: Any, y: Any) -> Callable[[Any], tuple[float, Any]]:
    """Backpropagation as one writes it in NumPy who knows the network."""
    slope = -y / len(y)

    def step(theta: Any) -> tuple[float, Any]:
        (W1, b1), (W2, b2), (W3, b3) = layers(theta, MOONS)
        h1 = X @ W1.T
        h1 += b1
        np.maximum(h1, 0.0, out=h1)
        h2 = h1 @ W2.T
        h2 += b2
        np.maximum(h2, 0.0, out=h2)
        margin = 1.0 - y * (h2 @ W3[0] + b3)
        np.maximum(margin, 0.0, out=margin)
        value = margin.sum() / len(y) + 1e-4 * (theta @ theta)

        gradient = 2e-4 * theta
        (dW1, db1), (dW2, db2), (dW3, db3) = layers(gradient, MOONS)
        d3 = slope * (margin > 0.0)
        dW3[0] += d3 @ h2
        db3 += d3.sum()
        d2 = d3[:, None] * W3
        d2 *= h2 > 0.0
        dW2 += d2.T @ h1
        db2 += d2.sum(axis=0)
        d1 = d2 @ W2
        d1 *= h1 > 0.0
        dW1 += d1.T @ X
        db1 += d1.sum(axis=0)
        return float(value), gradient

    return step


def moons_in_torch(theta: Any, X: Any, y: Any) -> Entry:
    import torch
    from torch.nn.functional import linear

    inputs, targets = torch.tensor(X), torch.tensor(y)

    def loss(leaves: Any) -> Any:
        h = inputs
        for w, b in leaves[:-1]:
            h = torch.relu(linear(h, w, b))
        scores = linear(h, *leaves[-1])[:, 0]
        squares = sum((p * p).sum() for layer in leaves for p in layer)
        return torch.relu(1 - targets * scores).mean() + 1e-4 * squares

    return in_torch(loss, list(layers(theta, MOONS)), joined)


def scores_in_jax(leaves: Any, h: Any, activation: Callable[[Any], Any]) -> Any:
    *hidden, (w, b) = leaves
    for weights, biases in hidden:
        h = activation(h @ weights.T + biases)
    return h @ w.T + b


def moons_in_jax(theta: Any, X: Any, y: Any) -> Entry:
    jax = jax_in_double()
    inputs, targets = jax.numpy.array(X), jax.numpy.array(y)

    def loss(leaves: Any) -> Any:
        scores = scores_in_jax(leaves, inputs, jax.nn.relu)[:, 0]
        squares = sum(jax.numpy.sum(p * p) for layer in leaves for p in layer)
        return jax.numpy.mean(jax.nn.relu(1 - targets * scores)) + 1e-4 * squares

    return in_jax(loss, list(layers(theta, MOONS)), joined)


def moons_in_ddx(theta: Any, X: Any, y: Any) -> Entry:
    import ddx

    n = len(theta)

    def example() -> Any:
        t = [ddx.var(f"t{i}") for i in range(n)]
        return hinge_of_one(ddx_words(), t, [ddx.param("x0"), ddx.param("x1")], ddx.param("y"))

    def whole(call: Any) -> tuple[float, Any]:
        call.x[:n] = theta[:, None]  # of the next call: parameters change with each step
        gradient = call.jacobian.reshape(n, -1).sum(axis=1)
        gradient /= len(y)
        gradient += 2e-4 * theta
        return float(call.value.sum() / len(y) + 1e-4 * (theta @ theta)), gradient

    return in_ddx(example, np.vstack([np.repeat(theta[:, None], len(y), axis=1), X.T, y]), whole)


# The digits of scikit-learn


def digits_by_hand(theta: Any, X: Any, Y: Any) -> tuple[float, Any]:
    """Mean cross-entropy of a network with one hidden layer of tanh, and its gradient, in NumPy."""
    (W1, b1), (W2, b2) = layers(theta, DIGITS)
    h = X @ W1.T
    h += b1
    np.tanh(h, out=h)
    z = h @ W2.T
    z += b2
    largest = z.max(axis=1, keepdims=True)
    right = (z * Y).sum()
    z -= largest
    np.exp(z, out=z)
    total = z.sum(axis=1, keepdims=True)
    value = (np.log(total).sum() + largest.sum() - right) / len(X)

    z /= total
    z -= Y
    z /= len(X)
    gradient = np.empty_like(theta)
    (dW1, db1), (dW2, db2) = layers(gradient, DIGITS)
    dW2[...] = z.T @ h
    db2[...] = z.sum(axis=0)
    d = z @ W2
    h *= h
    d *= np.subtract(1.0, h, out=h)
    dW1[...] = d.T @ X
    db1[...] = d.sum(axis=0)
    return float(value), gradient


def digits_in_torch(theta: Any, X: Any, Y: Any) -> Entry:
    import torch
    from torch.nn.functional import cross_entropy, linear

    inputs, targets = torch.tensor(X), torch.tensor(Y.argmax(axis=1))

    def loss(leaves: Any) -> Any:
        (W1, b1), (W2, b2) = leaves
        return cross_entropy(linear(torch.tanh(linear(inputs, W1, b1)), W2, b2), targets)

    return in_torch(loss, list(layers(theta, DIGITS)), joined)
