"""A binary classifier of two moons, with a little library of neurons and layers: micrograd's demo, told again."""

import math
import random

from tests.programs.micrograd import Value


class Module:
    def zero_grad(self):
        for p in self.parameters():
            p.grad = 0

    def parameters(self):
        return []


class Neuron(Module):
    def __init__(self, nin, nonlin=True):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x):
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)
        return act.relu() if self.nonlin else act

    def parameters(self):
        return [*self.w, self.b]

    def __repr__(self):
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    def __init__(self, nin, nout, **kwargs):
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x):
        out = [n(x) for n in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self):
        return [p for n in self.neurons for p in n.parameters()]

    def __repr__(self):
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    def __init__(self, nin, nouts):
        sizes = [nin, *nouts]
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != len(nouts) - 1) for i in range(len(nouts))]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self):
        return f"MLP of [{', '.join(map(str, self.layers))}]"


def moons(n):
    points = []
    for i in range(n):
        angle, upper = math.pi * random.random(), i % 2
        x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
        points.append(([x + random.gauss(0, 0.1), y + random.gauss(0, 0.1)], 2 * upper - 1))
    return points


def loss(model, points):
    inputs = [list(map(Value, x)) for x, _ in points]
    scores = list(map(model, inputs))
    losses = [(1 + -y * score).relu() for (_, y), score in zip(points, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    reg_loss = 1e-4 * sum(p * p for p in model.parameters())
    accuracy = [(y > 0) == (score.data > 0) for (_, y), score in zip(points, scores)]
    return data_loss + reg_loss, sum(accuracy) / len(accuracy)


def run():
    random.seed(1337)
    points = moons(30)
    model = MLP(2, [8, 8, 1])
    found = []
    for k in range(12):
        total_loss, acc = loss(model, points)
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad * 0.2
        found += [total_loss.data, acc]
    return [*found, *[p.grad for p in model.parameters()], str(model), len(model.parameters())]
