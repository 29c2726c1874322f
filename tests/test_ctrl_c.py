"""Ctrl-C in every public function that takes its time: afterwards nothing is left open, and a second call is right."""

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import pytest

import autograd
import nn
from autograd import (
    Value,
    animate,
    argmin,
    compile,
    detect_anomaly,
    draw,
    explore,
    fsum,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    no_grad,
    root,
    sin,
    taylor,
    text,
    value_and_grad,
    vjp,
    where,
)
from autograd.engine import modes
from autograd.export import to_c, to_javascript, to_latex
from nn import MLP, evaluate, fit, mse, playground
from tests.interrupting import Interrupts

FOLDERS = (*(str(Path(module.__file__).parent) for module in (nn, autograd)), contextlib.__file__)
POINT = [0.3, 0.1, -0.2]
X, Y = [[0.1, 0.2], [0.3, -0.4]], [1.0, -1.0]


def f(xs):
    return fsum([sin(a * b) for a, b in pairwise(xs)])


def model():
    return MLP(2, [2, 1], seed=1)


def graph():
    return mse([model()(x) for x in X], Y)


def in_blocks():
    with no_grad():
        with no_grad():
            inner = model()(X[0])
        return inner.data, model()(X[1]).data


def in_anomaly_block():
    with detect_anomaly():
        leaf = Value(2.0)
        (leaf * 3.0).backward()
    return leaf.grad


def saved(write, name):
    with tempfile.TemporaryDirectory() as folder:
        return Path(write(f"{folder}/{name}") or f"{folder}/{name}").read_bytes()


RUNS = {
    "fit": lambda: fit(model(), X, Y, loss=mse, epochs=2, compiled=False, progress=False).loss,
    "fit compiled": lambda: fit(model(), X, Y, loss=mse, epochs=2, compiled=True, progress=False).loss,
    "evaluate": lambda: evaluate(model(), X, Y, loss=mse).loss,
    "call of a model": lambda: [model()(x).data for x in X],
    "compile": lambda: compile(f)(POINT),
    "compile of a model": lambda: compile(model(), batched="x")(X),
    "compile of a gradient": lambda: compile(grad(f), backend="python")(POINT),
    "compile of a graph": lambda: compile(graph(), backend="numpy").forward(),
    "compile of a choice": lambda: compile(hessian(lambda x: where(x[0] > 0, lambda: log(x[0]) * x[1], 0.0)))(POINT),
    "grad": lambda: grad(lambda xs: fsum(grad(f)(xs)))(POINT),
    "value_and_grad": lambda: value_and_grad(f)(POINT),
    "hessian": lambda: hessian(f)(POINT),
    "hvp": lambda: hvp(f)(POINT, POINT),
    "jacobian": lambda: jacobian(lambda xs: [f(xs), xs[0]])(POINT),
    "jvp": lambda: jvp(f, (POINT,), (POINT,)),
    "vjp": lambda: vjp(f, POINT)[1](1.0),
    "taylor": lambda: taylor(lambda t: sin(t) * t, 0.3, 4),
    "root": lambda: root(lambda x: x * x - 2.0, 1.0),
    "argmin": lambda: argmin(lambda x: (x - 2.0) ** 2, 1.0),
    "gradcheck": lambda: gradcheck(f, POINT),
    "blocks": in_blocks,
    "detect_anomaly": in_anomaly_block,
    "draw": lambda: str(draw(graph())),
    "draw with derivatives": lambda: str(draw(sin(Value(2.0)), derivatives=True)),
    "text": lambda: text(graph()),
    "animate": lambda: len(saved(lambda path: animate(sin(Value(2.0)), path), "moving.svg")),
    "explore": lambda: len(saved(explore(sin(Value(2.0))).save, "page.html")),
    "playground": lambda: len(saved(playground(model(), X, Y, loss=mse, seed=1).save, "page.html")),
    "to_latex": lambda: to_latex(graph()),
    "to_c": lambda: to_c(compile(graph())),
    "to_javascript": lambda: to_javascript(compile(graph())),
}


def left_open():
    """Return what is open or switched off, which nothing should be."""
    leaf = Value(1.0)
    result = leaf * 2.0
    found = {
        "a scope": leaf.scope or result.scope,
        "a no_grad block": modes.paused(),
        "a trace": modes.traced(),
        "a side of a choice": modes.side(),
        "a transform": modes.differentiated(Value(1.0)),
        "a detect_anomaly block": modes.inspecting(),
        "the collector": not gc.isenabled(),
    }
    return [name for name, open_ in found.items() if open_]


def some(moments, count):
    return random.Random(0).sample(moments, min(count, len(moments)))


def interrupted(run, site=None, count=0):
    with contextlib.suppress(KeyboardInterrupt), Interrupts(FOLDERS, False, site, count) as counter:
        run()
    return counter.reached


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # where it comes as an object is freed
@pytest.mark.parametrize("name", RUNS)
def test_interrupt_as_any_function_begins_leaves_nothing_open(name, whole):
    run = RUNS[name]
    wanted = run()  # what is done once in a process
    sites = interrupted(run)
    assert sites
    moments = [(site, count) for site, times in sites.items() for count in sorted({1, times})]
    blocks = [moment for moment in moments if any(word in moment[0] for word in ("contextlib", "modes", "clock"))]
    others = [moment for moment in moments if moment not in blocks]
    for site, count in moments if whole else some(blocks, 10) + some(others, 4):
        interrupted(run, site, count)
        assert left_open() == [], site
    assert run() == wanted


def interrupt(names, times):
    """Interrupt each run by real signals, at random moments; write what goes wrong, and how often they came."""
    draws = random.Random(0)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    hits = 0
    for name in names:
        run = RUNS[name]
        wanted, begun = run(), time.perf_counter()
        assert run() == wanted, name
        duration = time.perf_counter() - begun
        for _ in range(times):
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, draws.uniform(1e-6, duration))
                    run()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0.0)
            except KeyboardInterrupt:
                hits += 1
            if found := left_open():
                sys.stdout.write(f"{name} has left {found} open\n")
        if run() != wanted:
            sys.stdout.write(f"{name} gives something else\n")
    sys.stdout.write(f"{hits}\n")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals")
def test_real_interrupts_at_random_moments_leave_nothing_open(whole):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.test_ctrl_c", "1000" if whole else "4"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600 if whole else 300)
    assert run.returncode == 0, run.stderr
    *trouble, hits = run.stdout.splitlines()
    assert trouble == []
    assert int(hits) > len(RUNS)


if __name__ == "__main__":
    interrupt(RUNS, int(sys.argv[1]))
