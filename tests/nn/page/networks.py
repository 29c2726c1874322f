"""Small networks with data for every loss of nn, to be trained by `fit` and on a page."""

import math
import random
from functools import partial

from autograd import Value
from nn import MLP, Adam, Module, Neuron, huber, losses, playground
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
        self.neuron = Neuron(2, "tanh", seed=3)
        self.scale = Value(1.5, "scale")

    def forward(self, x):
        once = self.neuron(x)
        return self.scale * self.neuron([once, x[1]])


def number(written):
    """A number as a page writes it."""
    return float(written.replace("−", "-").replace(",", ""))


def text(page, place):
    return page.locator(place).inner_text()


# A page for each kind of data


def plane(**options):
    """A classifier of points in the plane."""
    X = points()
    y = [(side + 1) // 2 for side in sides(X)]
    model = MLP(2, [5, 4, 1], "tanh", seed=2)
    given = {"optimizer": Adam(model.parameters(), lr=0.03), "validation": 0.2, "seed": 1, **options}
    return playground(model, X, y, loss=losses.binary_cross_entropy, **given)


def curve():
    X = [[i / 10 - 2] for i in range(40)]
    return playground(MLP(1, [6, 1], "tanh", seed=1), X, [math.sin(2 * x) for (x,) in X], loss=losses.mse)


def images():
    rng = points(3)
    X = [[a * math.sin(k) + b * math.cos(k) for k in range(16)] for a, b in rng]
    model = MLP(16, [20, 3], seed=1)
    y = [(a > 0) + (b > 0) for a, b in rng]
    return playground(model, X, y, loss=losses.cross_entropy, validation=0.2, seed=1)


def numbers():
    X = [[a, b, a * b] for a, b in points()]
    return playground(MLP(3, [4, 1], "relu", seed=1), X, [a - b for a, b, _ in X], loss=losses.mse)


PAGES = {"plane": plane, "curve": curve, "images": images, "numbers": numbers}


def signed(model, loss=losses.hinge, **options):
    """The page of a model that learns on which side of a curve each of the points lies."""
    X = points()
    return playground(model, X, sides(X), loss=loss, **options)


def choose_example(page, number):
    page.locator("#which").fill(str(number))
    page.locator("#which").blur()
