"""Exclusive or, with momentum kept in a dict by parameter, clipped gradients, and the best weights put back."""

import random

from tests.programs.micrograd import Value


class Neuron:
    def __init__(self, nin, activation="tanh"):
        self.weights = [Value(random.gauss(0, 1), label=f"w{i}") for i in range(nin)]
        self.bias = Value(0.0, label="b")
        self.activation = activation

    def __call__(self, inputs):
        total = self.bias
        for w, x in zip(self.weights, inputs):
            total = total + w * x
        if self.activation == "tanh":
            return total.tanh()
        if self.activation == "sigmoid":
            return 1 / (1 + (-total).exp())
        return total

    def parameters(self):
        return self.weights + [self.bias]


class Network:
    def __init__(self, *sizes):
        self.layers = [
            [Neuron(a, "tanh" if i < len(sizes) - 2 else "sigmoid") for _ in range(b)]
            for i, (a, b) in enumerate(zip(sizes, sizes[1:]))
        ]

    def forward(self, x):
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0]

    def parameters(self):
        return [p for layer in self.layers for neuron in layer for p in neuron.parameters()]


DATA = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]


def cost(net):
    loss = Value(0)
    for x, y in DATA:
        p = net.forward(x)
        loss += -(y * p.log() + (1 - y) * (1 - p).log())
    return loss / len(DATA)


def run():
    random.seed(7)
    net = Network(2, 4, 1)
    velocity = {p: 0.0 for p in net.parameters()}
    history, best, best_loss = [], None, float("inf")
    for _ in range(40):
        loss = cost(net)
        if loss.data < best_loss:
            best_loss, best = loss.data, [p.data for p in net.parameters()]
        for p in net.parameters():
            p.grad = 0.0
        loss.backward()
        norm = sum(p.grad**2 for p in net.parameters()) ** 0.5
        for p in net.parameters():
            if norm > 1.0:
                p.grad /= norm
            velocity[p] = 0.9 * velocity[p] - 0.2 * p.grad
            p.data += velocity[p]
        history.append(loss.data)
    for p, data in zip(net.parameters(), best):
        p.data = data
    loss = cost(net)
    return [
        *history,
        loss.data,
        loss.data == best_loss,
        *[int(net.forward(x).data > 0.5) for x, _ in DATA],
        len(velocity),
    ]
