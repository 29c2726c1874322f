"""Graphs as pages in a browser."""

import pytest

from autograd import Value, explore


@pytest.fixture
def opened(open_page):
    """A function that opens the page of a graph."""
    return lambda root, **options: open_page(explore(root), **options)


@pytest.fixture
def example():
    """The expression of the README, with a label for everything."""
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    e = a * b
    d = e + c
    L = d * f
    e.label, d.label, L.label = "e", "d", "L"
    return L
