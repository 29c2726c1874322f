"""A user's program with types: mypy --strict and pyright's strict mode accept it, and infer what it asserts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

import numpy as np

from autograd import (
    Constant,
    Value,
    compile,
    dot,
    fsum,
    grad,
    gradients,
    hypot,
    leaky_relu,
    logsumexp,
    maximum,
    mean,
    no_grad,
    operation,
    sin,
    softmax,
    value_and_grad,
    where,
)
from nn import MLP, SGD, Layer, Module, Neuron, evaluate, fit, hinge, l2, mse

cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
product = operation("product", lambda a, b: a * b, lambda y, a, b: b, lambda y, a, b: a)


def square(x: float) -> float:
    return x * x


def cubic(x: Value, scale: float = 1.0) -> Value:
    return scale * x**3


def energy(q: Sequence[Value]) -> Value:
    return dot(q, q) / 2


def either(x: Value | float) -> Value | float:
    return 3 * x


def spring(p: dict[str, float]) -> float:
    return p["k"] * p["x"] ** 2


@compile
def rosenbrock(x: list[float]) -> float:
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


@compile(batched=("x", "y"))
def example(x: float, y: float) -> float:
    return (x - y) ** 2


def squares(outputs: list[Value], targets: list[float]) -> Value:
    return fsum((output - target) ** 2 for output, target in zip(outputs, targets, strict=True))


@no_grad()
def predicted(model: MLP, x: list[float]) -> float:
    return model(x).data


@no_grad
async def later(x: Value, power: int = 2) -> Value:
    return x**power


class Line(Module):
    """A model of one's own."""

    def __init__(self) -> None:
        self.slope = Value(2.0, label="slope")

    def forward(self, x: Value) -> Value:
        return self.slope * x


class Parameter(Value):
    """A kind of Value of one's own."""

    def __init__(self, data: float) -> None:
        super().__init__(data)
        self.velocity = 0.0


def main() -> None:
    a, b = Value(2.0, "a"), Parameter(-3.0)
    numbers: list[Value | float] = [a, 1.0]

    assert_type(a * b + 1 - 2 / a, Value)
    assert_type(a.tanh().leaky_relu(0.1).maximum(b), Value)
    assert_type(a.parents, tuple[Value, ...])
    assert_type(a._prev, set[Value])  # pyright: ignore[reportPrivateUsage]
    assert_type(sin(a), Value)
    assert_type(sin(0.5), float)
    assert_type(maximum(a, 0.0), Value)
    assert_type(hypot(3.0, Constant(4.0)), Value)
    assert_type(leaky_relu(a, 0.2), Value)
    assert_type(cube(a), Value)
    assert_type(product(2.0, a), Value)

    assert_type(where(a > b, a, 0.0), Value)
    assert_type(where(True, 1.0, 2.0), float)
    assert_type(dot([a], [1.0, 2.0][:1]), Value)
    assert_type(dot([1.0], [2.0]), float)
    assert_type(fsum(numbers), Value)
    assert_type(mean(x * x for x in [a, a]), Value)
    assert_type(logsumexp([1.0, 2.0]), float)
    mixed: list[Value] = [fsum([a, 1.0]), mean([1.0, a]), logsumexp([a, 1.0]), dot([a, 1.0], [2.0, a])]
    assert_type(mixed, list[Value])
    assert_type(softmax([a, a]), list[Value])

    assert_type(gradients(a * b, [a]), list[float])
    assert_type(gradients(a * b, [a], create_graph=True), list[Value])
    assert_type(grad(square)(3.0), float)
    assert_type(grad(grad(square))(3.0), float)
    assert_type(grad(sin)(0.5), float)
    assert_type(grad(cubic)(3.0, scale=2.0), float)
    assert_type(grad(cubic)(a), Value)
    assert_type(grad(either)(3.0), float)
    assert_type(grad(energy)([1.0, 2.0]), list[float])
    assert_type(grad(energy)([a, a]), list[Value])
    assert_type(grad(spring)({"k": 1.0, "x": 2.0}), dict[str, float])
    assert_type(value_and_grad(cubic)(3.0), tuple[float, float])
    assert_type(value_and_grad(energy)([a, a]), tuple[Value, list[Value]])
    assert_type(value_and_grad(spring)({"k": 1.0, "x": 2.0}), tuple[float, dict[str, float]])
    grad(lambda x: x[0] * x[1])([1.0, 2.0])
    grad(cubic, argnums=(0, 1))(3.0, 2.0)
    assert_type(sin(b), Value)

    assert_type(rosenbrock([1.0, 2.0]), float)
    rosenbrock.value_and_grad([1.0, 2.0])
    example([1.0, 2.0], [1.0, 3.0])
    compile(a * b, wrt=[a]).backward()

    model = MLP(2, [3, 1], seed=1)
    assert_type(Neuron(2)([1.0, a]), Value)
    assert_type(Layer(2, 3)([1.0, a]), list[Value])
    assert_type(predicted(model, [1.0, 2.0]), float)
    output: Value = model([1.0, 2.0])
    outputs: list[Value] = MLP(2, [3, 2])([1.0, 2.0])
    assert_type(model([1.0, 2.0]).tanh() + outputs[0], Value)
    loss: Value = hinge([output, model([0.0, 1.0])], [1, -1]) + 1e-4 * l2(model.parameters())
    with no_grad():
        untouched = a * b
    optimizer = SGD(model.parameters(), lr=0.1)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
    rows, signs = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([1, -1])
    fit(model, rows, signs, loss=hinge, validation=(rows, signs), epochs=1)
    fit(model, [[1.0, 2.0]], (1,), loss=squares, epochs=1, compiled=False)
    evaluate(model, rows, signs, loss=mse)
    mse(rows[:, 0], signs)
    print(f"{loss:.3f}", untouched.data, Line()(3.0).data)  # noqa: T201


if __name__ == "__main__":
    main()
