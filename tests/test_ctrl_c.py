"""Ctrl-C in every public function that takes its time: afterwards nothing is left open, and a second call is right."""

import contextlib
import gc
import random
import signal
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

import autograd as ad
import nn
from autograd.engine import modes
from autograd.export import derivation, to_c, to_javascript, to_latex, to_onnx, to_sympy
from nn import MLP, clip_grad_norm, evaluate, fit, load, mse, playground, plots, read_csv, save, sweep
from tests.environment import run_python
from tests.interrupting import Interrupts

FOLDERS = (*(str(Path(module.__file__).parent) for module in (nn, ad)), contextlib.__file__)
POINT = [0.3, 0.1, -0.2]
X, Y = [[0.1, 0.2], [0.3, -0.4]], [1.0, -1.0]


def f(xs):
    return ad.fsum([ad.sin(a * b) for a, b in pairwise(xs)])


def model():
    return MLP(2, [2, 1], seed=1)


def graph():
    return mse([model()(x) for x in X], Y)


def in_blocks():
    with ad.no_grad():
        with ad.no_grad():
            inner = model()(X[0])
        return inner.data, model()(X[1]).data


def in_anomaly_block():
    with ad.detect_anomaly():
        leaf = ad.Value(2.0)
        (leaf * 3.0).backward()
    return leaf.grad


def evaluated():
    leaf = ad.Value(2.0)
    return ad.evaluate(ad.sin(leaf) * leaf, {leaf: 0.5})


def clipped():
    trained = model()
    mse([trained(x) for x in X], Y).backward()
    return clip_grad_norm(trained.parameters(), 0.1), [p.grad for p in trained.parameters()]


def read(use, name, contents):
    """Use a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(contents) if isinstance(contents, bytes) else contents(path)
        return use(path)


def swept():
    with tempfile.TemporaryDirectory() as folder:
        return sweep(lambda x: f([x, 0.2]), {"x": POINT}, resume=f"{folder}/sweep.jsonl").results


def saved(write, name):
    with tempfile.TemporaryDirectory() as folder:
        return Path(write(f"{folder}/{name}") or f"{folder}/{name}").read_bytes()


RUNS = {
    "fit": lambda: fit(model(), X, Y, loss=mse, epochs=2, compiled=False, progress=False).loss,
    "fit compiled": lambda: fit(model(), X, Y, loss=mse, epochs=2, compiled=True, progress=False).loss,
    "evaluate": lambda: evaluate(model(), X, Y, loss=mse).loss, "call of a model": lambda: [model()(x).data for x in X],
    "compile": lambda: ad.compile(f)(POINT), "compile of a model": lambda: ad.compile(model(), batched="x")(X),
    "compile of a gradient": lambda: ad.compile(ad.grad(f), backend="python")(POINT),
    "compile of a graph": lambda: ad.compile(graph(), backend="numpy").forward(),
    "compile of a choice": lambda: ad.compile(
        ad.hessian(lambda x: ad.where(x[0] > 0, lambda: ad.log(x[0]) * x[1], 0.0))
    )(POINT),
    "grad": lambda: ad.grad(lambda xs: ad.fsum(ad.grad(f)(xs)))(POINT),
    "value_and_grad": lambda: ad.value_and_grad(f)(POINT), "hessian": lambda: ad.hessian(f)(POINT),
    "hvp": lambda: ad.hvp(f)(POINT, POINT), "jacobian": lambda: ad.jacobian(lambda xs: [f(xs), xs[0]])(POINT),
    "jvp": lambda: ad.jvp(f, (POINT,), (POINT,)), "vjp": lambda: ad.vjp(f, POINT)[1](1.0),
    "taylor": lambda: ad.taylor(lambda t: ad.sin(t) * t, 0.3, 4), "root": lambda: ad.root(lambda x: x * x - 2.0, 1.0),
    "argmin": lambda: ad.argmin(lambda x: (x - 2.0) ** 2, 1.0), "gradcheck": lambda: ad.gradcheck(f, POINT),
    "blocks": in_blocks, "detect_anomaly": in_anomaly_block, "draw": lambda: str(ad.draw(graph())),
    "draw with derivatives": lambda: str(ad.draw(ad.sin(ad.Value(2.0)), derivatives=True)),
    "text": lambda: ad.text(graph()),
    "animate": lambda: len(saved(lambda path: ad.animate(ad.sin(ad.Value(2.0)), path), "moving.svg")),
    "explore": lambda: len(saved(ad.explore(ad.sin(ad.Value(2.0))).save, "page.html")),
    "playground": lambda: len(saved(playground(model(), X, Y, loss=mse, seed=1).save, "page.html")),
    "evaluate of a graph": evaluated, "gradients": lambda: ad.gradients(ad.sin(x := ad.Value(2.0)) * x, [x]),
    "taylor_ode": lambda: ad.taylor_ode(lambda x: [x[1], -ad.sin(x[0])], [0.0, 1.0], 4), "clip_grad_norm": clipped,
    "save": lambda: saved(lambda path: save(model(), path), "model.json"),
    "load": lambda: read(load, "model.json", lambda path: save(model(), path)).state_dict(),
    "read_csv": lambda: read(lambda path: read_csv(path, "y").y, "table.csv", b"x,y\n1,2\n2,4\n3,6\n"), "sweep": swept,
    "plots": lambda: len(plots.decision_boundary(model(), X, Y, resolution=4).axes),
    "derivation": lambda: str(derivation(ad.sin(x := ad.Value(2.0)) * x, x)),
    "to_sympy": lambda: str(to_sympy(ad.sin(ad.Value(2.0, "x")))), "to_latex": lambda: to_latex(graph()),
    "to_c": lambda: to_c(ad.compile(graph())), "to_javascript": lambda: to_javascript(ad.compile(graph())),
}  # fmt: skip

if find_spec("onnx"):
    RUNS["to_onnx"] = lambda: to_onnx(ad.compile(graph()))

LEFT_OUT = {  # public names that are not in RUNS
    "errors": {"ConvergenceError", "GradientError", "TraceError"},
    "what makes a node, or a model, and is in most of RUNS": {
        *("Value", "Constant", "operation", "softmax", "log_softmax", *ad.rules.FUNCTIONS),
        *("Module", "MLP", "Layer", "Neuron"),
    },
    "blocks, in the run of that name": {"no_grad", "scope"},
    "what only notes something": {"register", "LaTeX", "History", "Stop", "accuracy", "binary_accuracy"},
    "what fit computes and steps with": {
        *("mse", "mae", "huber", "hinge", "binary_cross_entropy", "cross_entropy", "l1", "l2"),
        *("Optimizer", "SGD", "Adagrad", "RMSprop", "Adam", "AdamW"),
    },
    "modules": {"datasets", "schedules", "storage", "tables"},
    "what needs a library of hundreds of MB, and prints what to_javascript prints": {"to_torch", "to_jax"},
    "what reads arrays": {"load_torch_state"},
}


def test_every_public_function_that_takes_its_time_is_run_here():
    public, left_out = {*ad.__all__, *ad.export.__all__, *nn.__all__}, set().union(*LEFT_OUT.values())
    run = {name.partition(" ")[0] for name in [*RUNS, "to_onnx"]}
    assert public - run - left_out == set()
    assert left_out & run == set()


def left_open():
    """Return what is open or switched off, which nothing should be."""
    leaf = ad.Value(1.0)
    result = leaf * 2.0
    found = {
        "a scope": leaf.scope or result.scope, "a no_grad block": modes.paused(), "a trace": modes.traced(),
        "a side of a choice": modes.side(), "a transform": modes.differentiated(ad.Value(1.0)),
        "a detect_anomaly block": modes.inspecting(), "the collector": not gc.isenabled(),
    }  # fmt: skip
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


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals")
def test_real_interrupts_at_random_moments_leave_nothing_open(whole):
    command = ["-W", "ignore", "-m", "tests.test_ctrl_c", 1000 if whole else 4]
    *trouble, hits = run_python(*command, timeout=3600 if whole else 300).stdout.splitlines()
    assert trouble == []
    assert int(hits) > len(RUNS)


if __name__ == "__main__":
    interrupt(RUNS, int(sys.argv[1]))
