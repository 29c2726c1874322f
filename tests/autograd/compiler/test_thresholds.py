"""Limits of the compiler: on each side of each, which form a graph has and which back end runs it."""

import numpy as np
import pytest

from autograd import Value, compile, cos, fsum, sin
from autograd.compiler._loops import find_loops
from autograd.compiler.backends.kernel import KernelProgram, level_of
from autograd.compiler.backends.numpy import NumpyProgram
from autograd.rules import sin as sine


def chain(x, size):
    for _ in range(size):
        x = sin(x)
    return x


def irregular(x, size):
    """So many steps, of which none are repeated: which come next is told by the digits of their number."""
    state = 1
    for _ in range(size):
        state = state * 48_271 % 2_147_483_647
        x = sin(x) if state % 2 else cos(x)
    return x


def program(f, argument, **options):
    return compile(f, **options).specialize(argument)


def runner(f, argument, **options):
    return type(program(f, argument, **options).runner).__name__


def kernel(f, argument, **options):
    return KernelProgram(program(f, argument, **options).lowering)


def of_lines(lines, monkeypatch, argument=0.5, **options):
    monkeypatch.setattr(KernelProgram, "source", "\n" * lines)
    return kernel(sin, argument, **options).lines()


def memory_is_kept(program, sizes):
    first = program.memory(100)
    for examples in range(1, sizes):
        program.memory(examples)
    return program.memory(100) is first


def listed(size):
    leaves = [Value(0.5, f"w{i}") for i in range(size)]
    return compile([sin(leaves[0]), *leaves[1:]], backend="numpy")


ONE = np.ones(1)
LIMITS = {  # the largest size, and what holds up to it
    "operands for each array instruction, below which Python is faster": (48,
        lambda n, _: runner(lambda x: [*map(sin, x)], [0.5] * n) == "FloatLists"),
    "the same, of several kinds of operations": (48,
        lambda n, _: runner(lambda x: [*map(sin, x), *map(cos, x)], [0.5] * n) == "FloatLists"),
    "the same, of a batch": (8,
        lambda n, _: runner(lambda x: [chain(v, 101) for v in x], np.ones((1, n)), batched="x") == "ArrayLists"),
    "operations one after the other that are an instruction each, of a batch": (100,
        lambda n, _: runner(lambda x: chain(x, n), ONE, batched="x") == "NumpyProgram"),
    "the same, without one": (100,
        lambda n, _: runner(lambda x: chain(x, n), 0.5, backend="numpy") == "NumpyProgram"),
    "nodes that Python runs at first": (20_000, lambda n, _: runner(lambda x: chain(x, n - 1), 0.5) == "FloatLists"),
    "operations that become a kernel at once": (500, lambda n, _: program(lambda x: chain(x, n), 0.5).left < 90e6),
    "steps of a function in Python": (500, lambda n, _: "results =" in program(lambda x: chain(x, n), 0.5).source),
    "variables of a function in Python": (500,
        lambda n, _: "results =" in program(fsum, [0.5] * n, backend="python").source),
    "steps of Python that are no loop": (1_000, lambda n, _: "for i" not in program(lambda x: chain(x, n), 0.5).source),
    "steps of a kernel that are no loop": (200, lambda n, _: not kernel(lambda x: chain(x, n), 0.5).graph.looped),
    "steps of a kernel that are not stored": (2_000,
        lambda n, _: not kernel(lambda x: irregular(x, n), 0.5).graph.stored),
    "operands of a step of a kernel": (499, lambda n, _: kernel(fsum, [0.5] * n).graph.fits),
    "variables of a kernel": (1_999, lambda n, _: kernel(lambda x: sin(x[0]), [0.5] * n).graph.fits),
    "lines of a kernel that are optimised": (4_000, lambda n, _: level_of(n) == 1),
    "lines of a kernel": (100_000, of_lines),
    "lines of a kernel of a batch": (20_000, lambda n, patch: of_lines(n, patch, ONE, batched="x")),
    "repetitions that are no loop": (3, lambda n, _: find_loops([(sine, [place]) for place in range(n)], 1) == []),
    "numbers of examples whose buffers are kept": (4,
        lambda n, _: memory_is_kept(NumpyProgram(program(lambda x: sin(x), ONE, batched="x").lowering), n)),
    "the same, of a kernel": (4, lambda n, _: memory_is_kept(kernel(lambda x: sin(x), ONE, batched="x"), n)),
    "terms of a sum that are written out": (4,
        lambda n, _: "sum(" not in str(program(lambda x: fsum(map(sin, x)), [0.5] * n, backend="numpy"))),
    "leaves that a listing calls by their labels": (16, lambda n, _: "sin(w0)" in str(listed(n))),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_limit_is_the_largest_size_of_which_it_holds(name, monkeypatch):
    largest, holds = LIMITS[name]
    assert [bool(holds(size, monkeypatch)) for size in (largest, largest + 1)] == [True, False]


def test_forms_of_calls_are_kept_up_to_256():
    signature = compile(lambda *x: fsum(x))._signature
    for count in range(257):
        signature.form(count, ())
        assert len(signature._forms) == count % 256 + 1
