"""Options of the test run."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--whole", action="store_true", help="test rows at every point of their grids, not at a sample")


@pytest.fixture
def whole(request):
    """Whether grids are tested whole."""
    return request.config.getoption("--whole")
