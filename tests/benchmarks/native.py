"""Native code beside the others, on `scalar_programs` by all their inputs, and on formulas over batches.

`native` is what "auto" comes to when it has run for long, a kernel or the virtual machine; `without` is what it takes
without llvmlite. CasADi runs one graph (SX) on its virtual machine; JAX runs array code under `jit`, batches by `vmap`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import autograd
from autograd import compile
from autograd.compiler import cut
from tests.benchmarks import array_programs
from tests.benchmarks.anchors import ddx_words, in_casadi, in_ddx, in_jax, jax_words
from tests.benchmarks.benchmark import Benchmark, Entry, Problem, settled
from tests.benchmarks.scalar_programs import BATCHED, PROGRAMS, Program

SIZES = (64, 1_024, 16_384)


def compared(f: Callable[..., Any], argument: Any, **options: Any) -> Problem:
    """A function, compiled, by what runs it with llvmlite and without."""
    start = time.process_time()
    compiled = compile(f, **options)
    compiled.value_and_grad(argument)
    seconds = time.process_time() - start
    task = settled(compiled, lambda: compiled.value_and_grad(argument))
    nodes = compiled.stats["nodes"]
    last = str(compiled.program).splitlines()[-1] if nodes < 20_000 else ""
    kernel = last.partition("compiled in ")[2]
    runs = f"kernel, {kernel}" if kernel else "virtual machine" if compiled.program.backend == "native" else "NumPy"

    def native() -> Entry:
        import llvmlite  # noqa: F401  # without it this would be `without`

        return Entry(task, task())

    def without() -> Entry:
        has, cut._has_llvmlite = cut._has_llvmlite, lambda: False
        try:
            plain = compile(f, **options)
            answer = plain.value_and_grad(argument)
        finally:
            cut._has_llvmlite = has
        return Entry(lambda: plain.value_and_grad(argument), answer)

    size = {"examples": len(argument)} if options else {"µs a node to begin": round(seconds / nodes * 1e6, 1)}
    facts = {"nodes": nodes} | size | {"it runs on": runs}
    return Problem({"native": native, "without": without}, facts, 1e-7)


def program(name: str, make: Callable[[], Program]) -> Problem:
    f, x = make()
    found = compared(lambda p: f(autograd, p), x)
    by_jit = lambda: (of_array := array_programs.programs().get(name)) and in_jax(of_array, np.array(x))
    return found._replace(entries=found.entries | {"CasADi": lambda: in_casadi(f, x), "JAX": by_jit})


def batch(name: str, f: Callable[[Any, Any], Any], examples: int) -> Problem:
    X = np.random.default_rng(0).uniform(0.5, 1.5, size=(examples, 5))
    found = compared(lambda x: f(autograd, x), X, batched="x")

    def by_vmap() -> Entry:
        import jax

        of_example = array_programs.programs().get(name, partial(f, jax_words()))
        return in_jax(lambda rows: jax.numpy.mean(jax.vmap(of_example)(rows)), X)

    def by_llvm() -> Entry | None:
        if name == "Heston":  # ddx-ad has no branch-free softplus
            return None
        import ddx

        example = lambda: f(ddx_words(), [ddx.var(f"x{i}") for i in range(X.shape[1])])
        mean = lambda call: (float(call.value.mean()), call.jacobian.reshape(X.shape[1], -1).T / examples)
        return in_ddx(example, X.T, mean)

    return found._replace(entries=found.entries | {"JAX": by_vmap, "ddx-ad": by_llvm})


BENCHMARKS = [
    Benchmark("programs", "Value and gradient of programs of scalars", "ns a node",
        {name: partial(program, name, make) for name, make in PROGRAMS.items()}, ["nodes"]),
    Benchmark("batches", "Value and gradient of formulas over batches", "ns a node",
        {f"{name} x {size:,}": partial(batch, name, f, size) for name, f in BATCHED.items() for size in SIZES},
        ["nodes", "examples"]),
]  # fmt: skip
