"""The back ends of the compiler, over which its tests iterate."""

import functools

import pytest

from autograd import compile
from autograd.compiler import blocks
from autograd.compiler.backends import _kernels
from tests.autograd.compiler import beside_eager
from tests.backends import KERNELS, RUN_BY, name_of
from tests.collector import collector_off

LOOPS = "native loops"  # kernels in which all that is repeated is a loop


def use(request, monkeypatch, backend):
    for module in (request.module, beside_eager):
        monkeypatch.setattr(module, "compile", functools.partial(compile, backend=backend))
    return backend


@pytest.fixture(params=RUN_BY)
def backend(request, monkeypatch):
    """Each back end, which `compile` then uses, in the test's module and in `beside_eager`."""
    return use(request, monkeypatch, name_of(request.param, monkeypatch))


@pytest.fixture(params=[*RUN_BY, LOOPS, "python in pieces"])
def backend_or_pieces(request, monkeypatch):
    """The same, and a long graph: one that is longer than a piece of source."""
    if request.param == "python in pieces":
        monkeypatch.setattr(blocks, "PIECE", 2)
    if request.param == LOOPS:
        monkeypatch.setattr(_kernels, "STRAIGHT", 0)
    return use(request, monkeypatch, name_of(KERNELS if request.param == LOOPS else request.param, monkeypatch))


@pytest.fixture
def numpy_backend(request, monkeypatch):
    return use(request, monkeypatch, "numpy")


@pytest.fixture
def python_backend(request, monkeypatch):
    return use(request, monkeypatch, "python")


@pytest.fixture
def without_collector():
    """Memory is freed with the last reference, or stays."""
    with collector_off():
        yield
