"""Graphs as pages in a browser."""

import pytest

from autograd import explore
from tests.readme import worked_example


@pytest.fixture
def opened(open_page):
    """A function that opens the page of a graph."""
    return lambda root, **options: open_page(explore(root), **options)


@pytest.fixture
def example():
    """The expression of the README, with a label for everything."""
    return worked_example(inner=True)
