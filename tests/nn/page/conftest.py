"""Pages of playgrounds in a browser."""

import functools

import pytest


@pytest.fixture
def opened(open_page):
    """A function that opens a playground."""
    return functools.partial(open_page, timeout=20_000)
