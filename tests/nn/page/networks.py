"""Small networks with data for every loss of nn, to be trained by `fit` and on a page."""

import math
import random
from functools import partial

from nn import MLP, Module, Neuron, huber, losses
from nn.training.judging import LOSSES

COUNT = 40


def points(seed=1):
    rng = random.Random(seed)
    return [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(COUNT)]


def sides(X):
    return [1 if x * x + y > 0.2 else -1 for x, y in X]


TARGETS = {  # by the loss: how many outputs, and the targets
    "hinge": (1, sides),
    "binary_cross_entropy": (1, lambda X: [(s + 1) // 2 for s in sides(X)]),
    "cross_entropy": (3, lambda X: [int(x > 0) + int(y > 0) for x, y in X]),
}


def case(loss):
    """A model for a loss, its inputs and its targets."""
    outputs, targets = TARGETS.get(name_of(loss), (1, lambda X: [math.sin(2 * x) - y for x, y in X]))
    X = points()
    return MLP(2, [6, 5, outputs], "tanh", seed=2), X, targets(X)


ALL_LOSSES = [loss for loss in LOSSES if loss in vars(losses).values()]
LOSS_CASES = [*ALL_LOSSES, partial(huber, delta=0.3)]


def name_of(loss):
    return getattr(loss, "__name__", "partial")


class Shared(Module):
    """One neuron that is applied twice, and a parameter outside of it: a model of one's own."""

    def __init__(self):
        from autograd import Value

        self.neuron = Neuron(2, "tanh", seed=3)
        self.scale = Value(1.5, "scale")

    def forward(self, x):
        once = self.neuron(x)
        return self.scale * self.neuron([once, x[1]])
