"""What the tests of training train: models and examples so small that each step can be computed by hand."""

import gc
import io
from contextlib import contextmanager

import pytest

from autograd import Value
from nn import SGD, Module, fit, mse

BOTH_WAYS = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
# Examples and their targets: of the line y = 2x + 1, of the signs of xor, and ten of the line y = x.
LINE = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]
TEN = [[float(i)] for i in range(10)], [float(i) for i in range(10)]


class Slope(Module):
    """y = w x: with lr 1/4 and one example (1, 1), the distance of w to 1 halves in each step."""

    def __init__(self, w=3.0):
        self.w = Value(w, label="w")

    def forward(self, x):
        return self.w * x[0]


class Line(Module):
    def __init__(self, slope=2.0, intercept=1.0):
        self.slope, self.intercept = Value(slope), Value(intercept)

    def forward(self, x):
        return self.slope * x + self.intercept


def halve(compiled, epochs=10, lr=0.25, model=None, optimizer=None, **options):
    """Train a slope from 3 towards 1; the losses are 4, 1, 1/4, ..., and w is 2, 3/2, 5/4, ... after the epochs."""
    model = model or Slope()
    optimizer = optimizer or SGD(model.parameters(), lr=lr)
    history = fit(model, [[1.0]], [1.0], loss=mse, optimizer=optimizer, epochs=epochs, compiled=compiled, **options)
    assert history.compiled is compiled
    return model, history


def slope_after(epochs):
    return 1.0 + 2.0 / 2**epochs


def idle(model=None):
    """Return an optimiser that changes nothing of a model."""
    return SGD([Value(0.0)] if model is None else model.parameters(), lr=lambda t: 0.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class FailureError(Exception):
    """What is raised by what a test hands over."""


@contextmanager
def collector(enabled):
    """Have the garbage collector on or off in a block."""
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()
