"""Ctrl-C at every line, and by real signals: what `fit` leaves behind, whenever it comes."""

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
from tests.environment import unmeasured
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


ONE, ONCE = ([[1.0]], [2.0]), {"epochs": 1, "compiled": False}
RUNS = {
    "fit": lambda model: fit(model, *ONE, loss=mse, **ONCE),
    "fit with validation": lambda model: fit(model, *ONE, loss=lambda o, t: mse(o, t), validation=ONE, **ONCE),
    "evaluate": lambda model: evaluate(model, *ONE, loss=mse),
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


# What is raised in a generator while it is closed, as by `any`, Python ignores.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <generator:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.thorough
@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_interrupt_at_any_function_or_line_leaves_no_scope_open(run, whole):
    interrupted(run, Inner())  # what is done once in a process
    sites = interrupted(run, Inner())
    assert len(sites) > 100
    moments = [
        (site, count)
        for number, (site, times) in enumerate(sites.items())
        for count in ({1, (times + 1) // 2, times} if whole else {(1, (times + 1) // 2, times)[number % 3]})
        if whole or number % 4 < 2
    ]
    hits = 0
    for site, count in moments:
        model = Inner()
        modes.blocks = 0  # a block that was interrupted while it was left may stay counted, which is slow only
        hits += interrupted(run, model, site, count)[site] == count
        assert left_behind() == (None, None), site
        assert len(model.parameters()) == 3
    assert hits > 0.95 * len(moments)


def test_scope_around_a_fit_stays_open_and_those_left_open_inside_are_closed():
    with scope("around") as around:
        fit(MLP(1, [1]), [[1.0]], [1.0], loss=mse, epochs=1, compiled=False)
        assert (Value(1.0) * 2).scope is around
        with scopes_closed():
            one, two = scope("one").__enter__(), scope("two").__enter__()
            Value(1.0).data = 2.0
            assert (Value(1.0) * 2).scope is two
        assert (one.closed, two.closed, (Value(1.0) * 2).scope) == (True, True, around)
    assert Value(1.0).scope is None


class Interrupting(list):
    """A list in which Ctrl-C comes as something is appended."""

    def append(self, thing):
        super().append(thing)
        raise KeyboardInterrupt


LISTS = ["loss", "metric", "validation_loss", "validation_metric", "gradient_norms"]


@pytest.mark.parametrize("name", LISTS)
def test_interrupt_while_an_epoch_is_recorded_leaves_lists_of_one_length(name):
    def interrupt(history):
        if len(history.loss) == 2:
            place = history.gradient_norms if name == "gradient_norms" else vars(history)
            key = next(iter(place)) if name == "gradient_norms" else name
            place[key] = Interrupting(place[key])

    X, y = [[0.0], [1.0]], [0.0, 1.0]
    options = {"loss": mse, "metric": lambda outputs, targets: 0.5, "validation": (X, y), "gradient_norms": True}
    history = fit(MLP(1, [2, 1], seed=1), X, y, epochs=9, callbacks=[interrupt], compiled=False, **options)
    assert history.stopped == "interrupted in epoch 3"
    numbers = [getattr(history, name) for name in LISTS[:-1]] + [*history.gradient_norms.values()]
    assert {*map(len, numbers)} == {3 if name == "loss" else 2}


SIGNALLED = """
import gc, random, signal, sys
sys.path[:0] = {path!r}
from autograd import Value
from nn import MLP, Adam, fit, mse
assert "numpy" not in sys.modules
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs us may ignore it, as nohup
signal.signal(signal.SIGALRM, lambda number, frame: signal.raise_signal(signal.SIGINT))
returned = 0
for number, seconds in enumerate({seconds}):
    best = number % 2 == {compiled}
    model = MLP(2, [6, 1], "tanh", seed=1)
    X = [[i / 9, j / 9] for i in range({size}) for j in range({size})]
    y = [a - b for a, b in X]
    optimizer = Adam(model.parameters(), lr=0.01)
    seen = []
    options = dict(loss=mse, batch_size=30, seed=1, compiled={compiled}, validation=(X[:9], y[:9]), restore_best=best)
    options |= dict(metric=lambda o, t: 0.5, callbacks=[lambda h: seen.append((model.state_dict(), optimizer.steps))])
    history = None
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        history = fit(model, X, y, optimizer=optimizer, epochs=10**9, **options)
        assert gc.isenabled()
    except KeyboardInterrupt:  # before training begins, or after it has ended
        gc.enable()
    assert Value(1.0).scope is None
    if history is None:
        continue
    returned += 1
    assert history.stopped.startswith("interrupted in epoch "), history.stopped
    found, steps = model.state_dict(), optimizer.steps
    assert all(abs(x) < 1e9 for x in found.values())
    assert len(history.validation_loss) == len(history.loss) == len(history.metric) >= len(seen)
    if best and history.loss:
        kept = history.best_epoch - 1
        assert kept >= len(seen) or found == seen[kept][0]
    elif seen:
        assert steps >= seen[-1][1] == {steps} * len(seen)
        assert (steps == seen[-1][1]) == (found == seen[-1][0])
print(returned)
"""
PROCESSES = [  # the first interrupt of those that compile comes while NumPy is imported
    *({"compiled": True, "size": 10, "steps": 4, "seconds": [s, 0.02, 0.16, 0.28]} for s in (0.02, 0.05, 0.1)),
    {"compiled": False, "size": 10, "steps": 4, "seconds": [0.02, 0.07, 0.16, 0.28]},
    {"compiled": False, "size": 2, "steps": 1, "seconds": [0.002 + 0.008 * n / 300 for n in range(300)]},
]


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals")
def test_real_interrupts_return_the_history_and_leave_no_scope_open():
    path = [folder for folder in sys.path if folder]
    commands = [[sys.executable, "-c", SIGNALLED.format(path=path, **process)] for process in PROCESSES]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": unmeasured()}
    running = [subprocess.Popen(command, **pipes) for command in commands]
    try:
        for process, options in zip(running, PROCESSES, strict=True):
            out, err = process.communicate(timeout=300)
            assert (err, process.returncode) == ("", 0)
            assert int(out) > 0.6 * len(options["seconds"])
    finally:
        for process in running:
            process.kill()
            process.wait()
