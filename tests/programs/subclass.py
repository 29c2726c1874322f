"""A kind of Value with more functions and with the state of its optimiser, and an RNN over a few letters with it."""

import math
import random

from tests.programs.micrograd import Value


class Parameter(Value):
    count = 0

    def __init__(self, data, label=""):
        super().__init__(data, label=label)
        self.m = 0.0
        self.v = 0.0
        Parameter.count += 1

    def step(self, t, lr=0.05):
        self.m = 0.9 * self.m + 0.1 * self.grad
        self.v = 0.99 * self.v + 0.01 * self.grad * self.grad
        self.data -= lr * (self.m / (1 - 0.9**t)) / (math.sqrt(self.v / (1 - 0.99**t)) + 1e-8)
        self.grad = 0.0

    def __repr__(self):
        return f"Parameter({self.label}={self.data:.2f})"


def sigmoid(x):
    return 1.0 / (1.0 + (-x).exp())


def run():
    random.seed(5)
    Parameter.count = 0
    word, letters = "hello", "helo"
    hidden = 3
    wx = [[Parameter(random.uniform(-0.5, 0.5), f"x{i}{j}") for j in letters] for i in range(hidden)]
    wh = [[Parameter(random.uniform(-0.5, 0.5)) for _ in range(hidden)] for _ in range(hidden)]
    wy = [[Parameter(random.uniform(-0.5, 0.5)) for _ in range(hidden)] for _ in letters]
    parameters = [p for matrix in (wx, wh, wy) for row in matrix for p in row]
    found = []
    for t in range(1, 16):
        h, loss = [Value(0.0) for _ in range(hidden)], 0
        for now, after in zip(word, word[1:]):
            k = letters.index(now)
            gate = [sigmoid(row[k] + sum(a * b for a, b in zip(back, h))) for row, back in zip(wx, wh)]
            h = [(g * 2 - 1) * 1.5 + old * 0.5 for g, old in zip(gate, h)]
            scores = [sum(a * b for a, b in zip(row, h)) for row in wy]
            exps = [s.exp() for s in scores]
            loss += -(exps[letters.index(after)] / sum(exps)).log()
        loss.backward()
        for p in parameters:
            p.step(t)
        found.append(loss.data)
    return [*found, repr(parameters[0]), Parameter.count, isinstance(parameters[0], Value), parameters[0].m]
