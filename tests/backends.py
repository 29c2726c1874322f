"""The back ends over which tests iterate: those that `compile` takes, and native code that is compiled at once."""

import math

from autograd.compiler import cut
from autograd.compiler.backends import BACKENDS, kernel

KERNELS = "native kernels"
RUN_BY = (*BACKENDS, KERNELS)


def compile_at_once(monkeypatch):
    """Have native code compile kernels for the first run, whatever they cost."""
    for price in ("MACHINE_PRICE", "KERNEL_PRICE", "STEP_PRICE"):
        monkeypatch.setattr(cut, price, 0.0)
    monkeypatch.setattr(cut, "KERNEL_LINE_PRICE", (0.0, 0.0))
    monkeypatch.setattr(kernel, "OPTIMIZED", 0)  # which tests need not wait for
    monkeypatch.setattr(cut, "GAIN", math.inf)


def name_of(run_by, monkeypatch):
    """Return what `compile` calls a back end; where kernels are to run, have them compiled at once."""
    if run_by == KERNELS:
        compile_at_once(monkeypatch)
    return run_by.split()[0]
