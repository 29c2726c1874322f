"""The back end native against the others: `python tests/benchmarks/native.py [program ...]`.

Value and gradient of `scalar_programs` by all their inputs, one thread, CPU time in ns for a node (for a node of one
example, of a batch): medians of rounds in which all take turns, and ratios are medians of rounds. `native` is what
"auto" comes to when it has run for long, a kernel or the virtual machine; `without` is what it takes without llvmlite.
CasADi (SX, its virtual machine, through its buffers), JAX (jit; of array code, of a batch by vmap) and ddx-ad run
where they are installed. All have to agree before a clock runs.
"""

from __future__ import annotations

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "NPROC": "1"}
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import array_programs
import numpy as np
from scalar_programs import BATCHED, PROGRAMS, Program

import autograd
from autograd import compile
from autograd.compiler import cut

ROUNDS = 5
LEAST = 0.02  # seconds that each is timed for in a round
SIZES = (64, 1_024, 16_384)
OTHERS = ("without", "casadi", "jax", "ddx")
Task = Callable[[], Any]
KEPT: list[Any] = []


def installed(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def turns(tasks: dict[str, Task]) -> dict[str, list[float]]:
    """CPU seconds of a call of each task, in rounds in which they take turns."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    gc.collect()
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            calls, begin = 0, time.process_time()
            while (spent := time.process_time() - begin) < LEAST:
                task()
                calls += 1
            times[name].append(spent / calls)
    return times


def settled(compiled: Any, *arguments: Any) -> Any:
    """Have a compiled function come to what runs it for good, as many runs would."""
    compiled.value_and_grad(*arguments)
    while compiled.program.left < np.inf:
        compiled.program.left = 0.0
        compiled.value_and_grad(*arguments)
    return compiled


def without_native(f: Any, *arguments: Any, **options: Any) -> Any:
    """Return a function compiled as without llvmlite."""
    has, cut._has_llvmlite = cut._has_llvmlite, lambda: False
    try:
        compiled = compile(f, **options)
        compiled.value_and_grad(*arguments)
    finally:
        cut._has_llvmlite = has
    return compiled


def in_casadi(f: Any, x: list[float]) -> tuple[Task, Any]:
    import casadi

    p = casadi.SX.sym("p", len(x))
    value = f(array_programs.CasadiWords(), casadi.vertsplit(p))
    function = casadi.Function("f", [p], [value, casadi.gradient(value, p)])
    buffer, run = function.buffer()
    given, found, gradient = np.array(x), np.zeros(1), np.zeros(len(x))
    buffer.set_arg(0, memoryview(given))
    buffer.set_res(0, memoryview(found))
    buffer.set_res(1, memoryview(gradient))
    KEPT.append((function, buffer, given, found, gradient))  # of which `run` has the addresses
    run()
    return run, (found[0], gradient.copy())


def in_jax(f: Any, x: Any) -> tuple[Task, Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    step = jax.jit(jax.value_and_grad(f))
    given = jax.numpy.array(x)
    value, gradient = step(given)
    return lambda: jax.block_until_ready(step(given)), (float(value), np.asarray(gradient))


def batch_in_jax(f: Any, X: Any) -> tuple[Task, Any]:
    import jax

    words, arrays = array_programs.Words(), array_programs.programs()
    of_example = arrays.get(f.__name__.capitalize(), lambda x: f(words, x))
    return in_jax(lambda rows: jax.numpy.mean(jax.vmap(of_example)(rows)), X)


def batch_in_ddx(f: Any, X: Any) -> tuple[Task, Any]:
    import ddx

    @ddx.equation
    def example() -> Any:
        return f(array_programs.DdxWords(), [ddx.var(f"x{i}") for i in range(X.shape[1])])

    example.compile(points=len(X))
    call = example.buffer(np.ascontiguousarray(X.T))

    def step() -> Any:
        call()
        return float(call.value.mean()), call.jacobian.reshape(X.shape[1], -1).T / len(X)

    return step, step()


def report(name: str, tasks: dict[str, Task], nodes: int, examples: int, notes: str) -> dict[str, float]:
    times = turns(tasks)
    ns = {task: statistics.median(found) / nodes / examples * 1e9 for task, found in times.items()}
    ratios = {
        task: statistics.median(x / y for x, y in zip(found, times["native"], strict=True))
        for task, found in times.items()
        if task != "native"
    }
    columns = " ".join(f"{ns[task]:9.2f}" if task in ns else f"{'':9}" for task in ("native", *OTHERS))
    faster = " ".join(f"{ratios[task]:7.1f}x" if task in ratios else f"{'':8}" for task in OTHERS)
    print(f"{name:26} {nodes:7} {columns} {faster}  {notes}", flush=True)
    return ratios


def agree(found: dict[str, Any]) -> None:
    for other, (value, gradient) in found.items():
        np.testing.assert_allclose(value, found["native"][0], rtol=1e-7, err_msg=other)
        np.testing.assert_allclose(gradient, found["native"][1], rtol=1e-6, atol=1e-9, err_msg=other)


def told(program: Any, seconds: float, nodes: int) -> str:
    last = str(program).splitlines()[-1] if program.stats["nodes"] < 20_000 else ""
    compiled = last.partition("compiled in ")[2]
    kind = f"kernel, {compiled}" if compiled else "virtual machine" if program.backend == "native" else program.backend
    return f"{kind}; first run {seconds / nodes * 1e6:.1f} us a node"


def plain(name: str, program: Program) -> dict[str, float]:
    f, x = program
    of_scalars = lambda p: f(autograd, p)
    start = time.process_time()
    compiled = compile(of_scalars)
    compiled.value_and_grad(x)
    seconds = time.process_time() - start
    settled(compiled, x)
    before = without_native(of_scalars, x)
    tasks: dict[str, Task] = {
        "native": lambda: compiled.value_and_grad(x),
        "without": lambda: before.value_and_grad(x),
    }
    found = {task: run() for task, run in tasks.items()}
    if installed("casadi"):
        tasks["casadi"], found["casadi"] = in_casadi(f, x)
    if installed("jax") and name in (arrays := array_programs.programs()):
        tasks["jax"], found["jax"] = in_jax(arrays[name], x)
    agree(found)
    nodes = compiled.stats["nodes"]
    return report(name, tasks, nodes, 1, told(compiled.program, seconds, nodes))


def batch(name: str, f: Callable[[Any, Any], Any], examples: int) -> dict[str, float]:
    X = np.random.default_rng(0).uniform(0.5, 1.5, size=(examples, 5))
    of_example = lambda x: f(autograd, x)
    start = time.process_time()
    compiled = compile(of_example, batched="x")
    compiled.value_and_grad(X)
    seconds = time.process_time() - start
    settled(compiled, X)
    before = without_native(of_example, X, batched="x")
    tasks: dict[str, Task] = {
        "native": lambda: compiled.value_and_grad(X),
        "without": lambda: before.value_and_grad(X),
    }
    found = {task: run() for task, run in tasks.items()}
    for module, make in (("jax", batch_in_jax), ("ddx", batch_in_ddx)):
        if installed(module) and (module, f.__name__) != ("ddx", "heston"):  # it has no branch-free softplus
            tasks[module], found[module] = make(f, X)
    agree(found)
    nodes = compiled.stats["nodes"]
    return report(f"{name} x {examples:,}", tasks, nodes, examples, told(compiled.program, seconds, nodes))


def main(wanted: list[str]) -> None:
    start = time.process_time()
    compile(lambda x: x, backend="native")(1.0)
    print(
        f"the virtual machine is there in {(time.process_time() - start) * 1e3:.0f} ms; load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'':26} {'':7} {'ns a node':^49} {'native is faster':^35}")
    names = " ".join(f"{task:>9}" for task in ("native", *OTHERS))
    print(f"{'':26} {'nodes':>7} {names} {' '.join(f'{task:>8}' for task in OTHERS)}")
    chosen = lambda name: not wanted or any(word.lower() in name.lower() for word in wanted)
    rows = [plain(name, make()) for name, make in PROGRAMS.items() if chosen(name)]
    batches = [batch(name, f, size) for name, f in BATCHED.items() for size in SIZES if chosen(name)]
    for title, found in (("programs", rows), ("batches", batches)):
        for other in OTHERS:
            ratios = [ratio[other] for ratio in found if other in ratio]
            if ratios:
                ahead = f"ahead in {sum(ratio > 1.0 for ratio in ratios)} of {len(ratios)}"
                print(f"{title}: {statistics.median(ratios):.1f}x {other}, {min(ratios):.1f}x at least, {ahead}")


if __name__ == "__main__":
    main(sys.argv[1:])
