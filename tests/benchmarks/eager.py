"""The speed of the eager engine, side by side with PyPI's micrograd: `python tests/benchmarks/eager.py`.

Each measurement is a process of its own, so that no engine pays for the objects of another in Python's garbage
collector, which is left on as users have it. The contestants take turns, and ratios are medians of the pairs. Times are
of the processor; the load of the machine stands beside them.

- moons: one training step (loss with L2 penalty, zero_grad, backward) of an MLP 2-16-16-1 on 100 points. First with
  micrograd's own nn source, in which only the import line is changed; then with `nn.MLP`.
- chain: x = x * b + b, 10,000 and 1,000,000 operations long: time and memory for each node, with the garbage collector
  on and, as `fit` has it, paused.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS, STEPS = 7, 5


def moons_loss(model: Any, Value: Any, X: list[list[float]], y: list[int]) -> Any:
    """The loss of micrograd's demo: hinge on 100 points, and an L2 penalty on the parameters."""
    inputs = [list(map(Value, row)) for row in X]
    scores = list(map(model, inputs))
    losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    reg_loss = 1e-4 * sum(p * p for p in model.parameters())
    return data_loss + reg_loss


def native_loss(model: Any, X: list[list[float]], y: list[int]) -> Any:
    """The same loss as a user of `nn` writes it."""
    from autograd import dot
    from nn import hinge

    parameters = model.parameters()
    return hinge([model(x) for x in X], y) + 1e-4 * dot(parameters, parameters)


def two_moons() -> tuple[list[list[float]], list[int]]:
    from nn.data.datasets import moons

    data = moons(n=100, noise=0.1, seed=1)
    return data.X, [2 * k - 1 for k in data.y]


def micrograd_nn(engine: str) -> Any:
    """micrograd's nn module, its import of Value read from the given engine instead."""
    specification = importlib.util.find_spec("micrograd.nn")
    if specification is None or specification.origin is None:
        sys.exit("this benchmark needs micrograd: python -m pip install -e '.[benchmark,test]'")
    line = "from micrograd.engine import Value"
    source = Path(specification.origin).read_text()
    assert line in source
    module = types.ModuleType("micrograd_nn")
    exec(source.replace(line, f"from {engine} import Value"), module.__dict__)
    return module


def measured_step(engine: str) -> dict[str, float]:
    """Seconds of one training step, and the loss and a checksum of the gradients."""
    X, y = json.loads(sys.stdin.read())
    random.seed(1)
    if engine == "nn.MLP":
        from nn import MLP

        model = MLP(2, [16, 16, 1], seed=1)
        loss: Callable[[], Any] = lambda: native_loss(model, X, y)
    else:
        module = micrograd_nn(engine)
        model = module.MLP(2, [16, 16, 1])
        loss = lambda: moons_loss(model, module.Value, X, y)
    seconds = []
    for _ in range(STEPS + 1):
        gc.collect()
        start = time.process_time()
        total = loss()
        model.zero_grad()
        total.backward()
        data = total.data
        del total
        seconds.append(time.process_time() - start)
    checksum = sum(parameter.grad for parameter in model.parameters())
    return {"seconds": statistics.median(seconds[1:]), "loss": data, "checksum": checksum}


def measured_microgpt(engine: str) -> dict[str, Any]:
    """Seconds of training microgpt, and the losses."""
    import microgpt  # beside this file

    from autograd import Value

    name, _, paused = engine.partition(" ")
    if paused:
        gc.disable()
    start = time.process_time()
    losses = microgpt.train({"microgpt": microgpt.Value, "autograd": Value}[name], 16)
    return {"seconds": time.process_time() - start, "losses": losses}


def measured_chain(length: str) -> dict[str, float]:
    """Nanoseconds a node to build, differentiate and free a chain, and bytes a node by two ways of counting."""
    from autograd import Value

    def build(n: int) -> tuple[Any, Any]:
        x, b = Value(1.0), Value(1e-9)
        for _ in range(n // 2):
            x = x * b + b
        return x, b

    n = int(length.removeprefix("paused "))
    seconds = []
    for _ in range(max(3, 300_000 // n)):
        gc.collect()
        if length.startswith("paused"):
            gc.disable()
        start = time.process_time()
        graph = build(n)
        graph[0].backward()
        del graph
        seconds.append(time.process_time() - start)
        gc.enable()
    gc.collect()
    tracemalloc.start()
    graph = build(min(n, 100_000))
    graph[0].backward()
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0] / min(n, 100_000)
    tracemalloc.stop()
    del graph
    before = _resident()
    graph = build(n)
    graph[0].backward()
    return {"ns": statistics.median(seconds) / n * 1e9, "traced": traced, "resident": (_resident() - before) / n}


def _resident() -> float:
    with Path("/proc/self/statm").open() as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def run(task: str, argument: str, data: str = "") -> dict[str, Any]:
    command = [sys.executable, __file__, task, argument]
    done = subprocess.run(command, input=data, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


TASKS = {"step": measured_step, "microgpt": measured_microgpt, "chain": measured_chain}


def main() -> None:
    data = json.dumps(two_moons())
    engines = ["micrograd.engine", "autograd", "nn.MLP"]
    rounds = [{engine: run("step", engine, data) for engine in engines} for _ in range(ROUNDS)]
    print(f"Python {sys.version.split()[0]}; medians of {ROUNDS} rounds; load {os.getloadavg()[0]:.1f}\n")
    for engine, meaning, target in [
        ("micrograd.engine", "micrograd 0.1.0", None),
        ("autograd", "micrograd's source, our Value", 5),
        ("nn.MLP", "nn.MLP and nn.hinge", 15),
    ]:
        milliseconds = statistics.median(r[engine]["seconds"] for r in rounds) * 1e3
        ratio = statistics.median(r["micrograd.engine"]["seconds"] / r[engine]["seconds"] for r in rounds)
        goal = f"  (target: at least {target}x)" if target else ""
        print(f"moons step  {meaning:32s} {milliseconds:8.1f} ms  {ratio:6.2f}x{goal}")
    ours, theirs = rounds[0]["autograd"], rounds[0]["micrograd.engine"]
    print(f"            losses {theirs['loss']!r}, {ours['loss']!r}")
    print(f"            gradient sums {theirs['checksum']!r}, {ours['checksum']!r}\n")
    for paused, target in (("", ""), (" paused", "  (target: at least 1.3x)")):
        pairs = [[run("microgpt", engine + paused) for engine in ("microgpt", "autograd")] for _ in range(ROUNDS)]
        losses = [engine["losses"] for engine in pairs[0]]
        error = max(abs(theirs - ours) / theirs for theirs, ours in zip(*losses, strict=True))
        assert error < 1e-14  # theirs divides and subtracts in two operations, which round twice
        seconds = [statistics.median(pair[i]["seconds"] for pair in pairs) for i in range(2)]
        ratio = statistics.median(theirs["seconds"] / ours["seconds"] for theirs, ours in pairs)
        collector = "collector paused" if paused else "collector on"
        print(f"microgpt    {collector}: its class {seconds[0]:.2f} s, ours {seconds[1]:.2f} s  {ratio:.2f}x{target}")
    print(f"            the same losses to {error:.0e} of themselves; load {os.getloadavg()[0]:.1f}\n")
    sizes = ("10000", "1000000", "paused 10000", "paused 1000000")
    chains = [{size: run("chain", size) for size in sizes} for _ in range(5)]
    short, long = chains[0]["10000"], chains[0]["1000000"]
    print(f"chain       {short['traced']:.0f} bytes a node allocated (10,000 operations; target: at most 210)")
    print(f"            {long['resident']:.0f} bytes a node of the process's memory (1,000,000 operations)")
    for collector in ("", "paused "):
        few, many = (statistics.median(c[collector + n]["ns"] for c in chains) for n in sizes[:2])
        ratio = statistics.median(c[f"{collector}1000000"]["ns"] / c[f"{collector}10000"]["ns"] for c in chains)
        print(f"            {few:.0f} ns a node of 10,000, {many:.0f} of 1,000,000: {ratio:.2f}x", end="")
        print(f" with the garbage collector {collector.strip() or 'on'} (target: at most 1.5)")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(TASKS[sys.argv[1]](sys.argv[2])))
    else:
        main()
