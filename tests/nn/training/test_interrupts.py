"""Ctrl-C at every line: what `fit` leaves behind, whenever it comes."""

import contextlib
import gc
import signal
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path

import pytest

import autograd
import nn
from autograd import Value, scope
from autograd.engine import modes
from nn import MLP, Module, Neuron, evaluate, fit, mse
from nn.training.interrupts import scopes_closed
from tests.interrupting import Interrupts

FOLDERS = tuple(str(Path(module.__file__).parent) for module in (nn, autograd))


class Inner(Module):
    """Assigns a leaf in a call, which moves the clock on, and opens a scope of its own."""

    def __init__(self):
        self.neuron, self.state = Neuron(1, "tanh", seed=1), Value(0.0)

    def forward(self, x):
        self.state.data = 0.5
        with scope("inner"):
            return self.neuron(x) + self.state


RUNS = {
    "fit": lambda model: fit(model, [[1.0]], [2.0], loss=mse, epochs=1, compiled=False),
    "fit with validation": lambda model: fit(
        model, [[1.0]], [2.0], loss=lambda o, t: mse(o, t), epochs=1, compiled=False, validation=([[1.0]], [2.0])
    ),
    "evaluate": lambda model: evaluate(model, [[1.0]], [2.0], loss=mse),
}


def left_behind():
    x = Value(1.0)
    return x.scope, (x * 2).scope


def interrupted(run, model, site="", count=0):
    """Run with an interrupt, in a context of its own: the line that is not reached may be one that ends `no_grad`."""

    def trial():
        with counter:
            run(model)

    counter = Interrupts(FOLDERS, True, site, count)
    with contextlib.suppress(KeyboardInterrupt):
        copy_context().run(trial)
    gc.enable()
    return counter.reached


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_interrupt_at_any_function_or_line_leaves_no_scope_open(run, whole):
    interrupted(run, Inner())  # what is done once in a process
    sites = interrupted(run, Inner())
    assert len(sites) > 100
    moments = [
        (site, count)
        for number, (site, times) in enumerate(sites.items())
        for count in ({1, (times + 1) // 2, times} if whole else {(1, (times + 1) // 2, times)[number % 3]})
    ]
    hits = 0
    for site, count in moments:
        model = Inner()
        modes.blocks = 0  # a block that was interrupted while it was left may stay counted, which is slow only
        hits += interrupted(run, model, site, count)[site] == count
        assert left_behind() == (None, None), site
        assert len(model.parameters()) == 3
    assert hits > 0.95 * len(moments)


def test_scope_around_a_fit_stays_open():
    with scope("around") as around:
        fit(MLP(1, [1]), [[1.0]], [1.0], loss=mse, epochs=1, compiled=False)
        assert (Value(1.0) * 2).scope is around
    assert Value(1.0).scope is None


def test_scopes_that_are_left_open_are_closed():
    with scope("around") as around:
        with scopes_closed():
            one, two = scope("one").__enter__(), scope("two").__enter__()
            Value(1.0).data = 2.0
            assert (Value(1.0) * 2).scope is two
        assert one.closed
        assert two.closed
        assert (Value(1.0) * 2).scope is around
    assert Value(1.0).scope is None


SIGNALLED = """
import random, signal, sys
sys.path[:0] = {path!r}
from autograd import Value
from autograd.engine import modes
from nn import MLP, fit, mse
model = MLP(2, [2, 1], seed=1)
X, y = [[0.1, 0.2], [0.3, 0.4]], [1.0, 2.0]
left, ended, rng = 0, [], random.Random(1)
signal.signal(signal.SIGALRM, signal.default_int_handler)
print("go", flush=True)
for number in range({number}):
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.001, 0.01))
        history = fit(model, X, y, loss=mse, epochs=10**9, compiled=False)
        ended.append(history.stopped)
    except KeyboardInterrupt:
        ended.append("raised")
    left += Value(1.0).scope is not None
print(left, sum(reason.startswith("interrupted") for reason in ended), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals")
def test_many_real_interrupts_leave_no_scope_open():
    program = SIGNALLED.format(path=[p for p in sys.path if p], number=300)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=300)
    finally:
        process.kill()
    assert err == ""
    left, interrupted = map(int, out.split()[1:])
    assert left == 0
    assert interrupted > 200
