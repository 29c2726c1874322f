"""The back ends of the compiler, over which its tests iterate."""

import functools
import math

import pytest

from autograd import compile
from autograd.compiler import blocks, cut
from autograd.compiler.backends import BACKENDS, _kernels


def use(request, monkeypatch, backend):
    monkeypatch.setattr(request.module, "compile", functools.partial(compile, backend=backend))
    return backend


def compile_at_once(monkeypatch):
    """Have native code compile a kernel for the first run, whatever it costs."""
    for price in ("MACHINE_PRICE", "KERNEL_PRICE", "KERNEL_LINE_PRICE", "STEP_PRICE"):
        monkeypatch.setattr(cut, price, 0.0)
    monkeypatch.setattr(cut, "GAIN", math.inf)


@pytest.fixture(params=[*BACKENDS, "native kernels"])
def backend(request, monkeypatch):
    """Each back end, which `compile` in the test's module then uses."""
    if request.param == "native kernels":
        compile_at_once(monkeypatch)
    return use(request, monkeypatch, request.param.split()[0])


@pytest.fixture(params=[*BACKENDS, "native kernels", "native loops", "python in pieces"])
def backend_or_pieces(request, monkeypatch):
    """The same, and a long graph: one that is longer than a piece of source."""
    if request.param == "python in pieces":
        monkeypatch.setattr(blocks, "PIECE", 2)
    if request.param.startswith("native "):
        compile_at_once(monkeypatch)
    if request.param == "native loops":
        monkeypatch.setattr(_kernels, "STRAIGHT", 0)
    return use(request, monkeypatch, request.param.split()[0])


@pytest.fixture
def numpy_backend(request, monkeypatch):
    return use(request, monkeypatch, "numpy")


@pytest.fixture
def python_backend(request, monkeypatch):
    return use(request, monkeypatch, "python")
