"""A small GPT trained with scalars, after Karpathy's microgpt, and the class of scalars that it comes with.

`train(Value, steps)` is the whole program: a transformer of one layer that learns to spell names, by Adam. The class is
an argument, so the same program runs with microgpt's own class and with `autograd.Value`.
"""

from __future__ import annotations

import math
import random
from typing import Any

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "amelia", "noah", "liam", "oliver", "elijah", "lucas"]
EMBEDDING, HEADS, CONTEXT = 16, 4, 8
HEAD = EMBEDDING // HEADS


class Value:
    """A scalar as microgpt has it: an operation is one line, and keeps its local gradients as numbers."""

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(self, data: Any, children: tuple[Any, ...] = (), local_grads: tuple[Any, ...] = ()) -> None:
        self.data = data
        self.grad = 0
        self._children = children
        self._local_grads = local_grads

    def __add__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, other: Any) -> Value:
        return Value(self.data**other, (self,), (other * self.data ** (other - 1),))

    def log(self) -> Value:
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def exp(self) -> Value:
        return Value(math.exp(self.data), (self,), (math.exp(self.data),))

    def relu(self) -> Value:
        return Value(max(0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self) -> Value:
        return self * -1

    def __radd__(self, other: Any) -> Value:
        return self + other

    def __sub__(self, other: Any) -> Value:
        return self + (-other)

    def __rsub__(self, other: Any) -> Value:
        return other + (-self)

    def __rmul__(self, other: Any) -> Value:
        return self * other

    def __truediv__(self, other: Any) -> Value:
        return self * other**-1

    def __rtruediv__(self, other: Any) -> Value:
        return other * self**-1

    def backward(self) -> None:
        order: list[Value] = []
        visited = set()

        def build(v: Value) -> None:
            if v not in visited:
                visited.add(v)
                for child in v._children:
                    build(child)
                order.append(v)

        build(self)
        self.grad = 1
        for v in reversed(order):
            for child, local_grad in zip(v._children, v._local_grads, strict=True):
                child.grad += local_grad * v.grad


def linear(x: list[Any], matrix: list[list[Any]]) -> list[Any]:
    return [sum(w * xi for w, xi in zip(row, x, strict=True)) for row in matrix]


def softmax(logits: list[Any]) -> list[Any]:
    largest = max(logit.data for logit in logits)
    exponentials = [(logit - largest).exp() for logit in logits]
    total = sum(exponentials)
    return [e / total for e in exponentials]


def normalised(x: list[Any]) -> list[Any]:
    scale = (sum(xi * xi for xi in x) / len(x) + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def added(a: list[Any], b: list[Any]) -> list[Any]:
    return [x + y for x, y in zip(a, b, strict=True)]


def logits(weights: dict[str, Any], token: int, position: int, keys: list[Any], values: list[Any]) -> list[Any]:
    """The scores of the next token, where the keys and the values of the tokens before this one are known."""
    x = normalised(added(weights["tokens"][token], weights["positions"][position]))
    inside = normalised(x)
    query = linear(inside, weights["query"])
    keys.append(linear(inside, weights["key"]))
    values.append(linear(inside, weights["value"]))
    heads = []
    for start in range(0, EMBEDDING, HEAD):
        part = slice(start, start + HEAD)
        scores = [sum(q * k for q, k in zip(query[part], key[part], strict=True)) / HEAD**0.5 for key in keys]
        attention = softmax(scores)
        heads += [sum(a * v[j] for a, v in zip(attention, values, strict=True)) for j in range(start, start + HEAD)]
    x = added(x, linear(heads, weights["out"]))
    hidden = [h.relu() for h in linear(normalised(x), weights["up"])]
    return linear(added(x, linear(hidden, weights["down"])), weights["head"])


def train(Value: Any, steps: int) -> list[float]:
    """Train for so many steps, of one name each, and return the losses."""
    chance = random.Random(42)
    letters = sorted(set("".join(NAMES)))
    end = len(letters)  # also the token before the first letter

    def matrix(rows: int, columns: int) -> list[list[Any]]:
        return [[Value(chance.gauss(0.0, 0.08)) for _ in range(columns)] for _ in range(rows)]

    square = {name: matrix(EMBEDDING, EMBEDDING) for name in ("query", "key", "value", "out")}
    weights = {
        "tokens": matrix(end + 1, EMBEDDING),
        "positions": matrix(CONTEXT, EMBEDDING),
        "head": matrix(end + 1, EMBEDDING),
        "up": matrix(4 * EMBEDDING, EMBEDDING),
        "down": matrix(EMBEDDING, 4 * EMBEDDING),
        **square,
    }
    parameters = [p for rows in weights.values() for row in rows for p in row]
    first, second = [0.0] * len(parameters), [0.0] * len(parameters)
    losses = []
    for step in range(1, steps + 1):
        tokens = [end, *(letters.index(letter) for letter in NAMES[step % len(NAMES)]), end]
        keys: list[Any] = []
        values: list[Any] = []
        parts = []
        for position in range(min(CONTEXT, len(tokens) - 1)):
            probabilities = softmax(logits(weights, tokens[position], position, keys, values))
            parts.append(-probabilities[tokens[position + 1]].log())
        loss = (1 / len(parts)) * sum(parts)
        loss.backward()
        for i, p in enumerate(parameters):
            first[i] = 0.85 * first[i] + 0.15 * p.grad
            second[i] = 0.99 * second[i] + 0.01 * p.grad**2
            p.data -= 0.01 * first[i] / (1 - 0.85**step) / ((second[i] / (1 - 0.99**step)) ** 0.5 + 1e-8)
            p.grad = 0
        losses.append(loss.data)
    return losses
