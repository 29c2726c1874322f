"""Graphs as pages in a browser."""

import pytest

from autograd import explore
from nn import MLP, hinge
from tests.readme import worked_example


@pytest.fixture
def opened(open_page):
    """A function that opens the page of a graph."""
    return lambda root, **options: open_page(explore(root), **options)


@pytest.fixture
def example():
    """The expression of the README, with a label for everything."""
    return worked_example(inner=True)


@pytest.fixture
def network():
    """The loss of a network whose hidden layers are large."""
    loss = hinge([MLP(2, [16, 16, 1], activation="tanh", seed=1)([1.0, 2.0])], [-1])
    loss.label = "loss"
    return loss
