"""Compiled kernels, and when a program comes to them: vector functions, batches, recurrences, threads, prices."""

import ctypes
import math
from functools import partial

import numpy as np
import pytest

from autograd import Value, compile, dot, exp, fsum, log, logsumexp, mean, operation, rules, sin, softplus, sqrt, tanh
from autograd.functions.structure import flatten
from tests.backends import KERNELS, name_of
from tests.threads import in_threads

pytest.importorskip("llvmlite", reason="the back end native runs on llvmlite: it is in the extra test")

from autograd.compiler import cut
from autograd.compiler.backends._llvm import LANES, c_library
from autograd.compiler.backends._machine import machine
from autograd.compiler.backends._vectors import VECTOR_FORMULAS
from autograd.compiler.backends.jit import compiled_module, processor, with_vectors
from autograd.compiler.backends.kernel import KernelProgram

INF, NAN = math.inf, math.nan


@pytest.fixture
def at_once(monkeypatch):
    name_of(KERNELS, monkeypatch)


def runner_of(compiled):
    return type(compiled.program.runner).__name__


# Functions on vectors


def applied(name, numbers):
    """The function of vectors at these numbers."""
    vector = f"<{LANES} x double>"
    engine = compiled_module(
        with_vectors(f"""define void @run(ptr %from, ptr %to) {{
  %x = load {vector}, ptr %from, align 8
  %y = call {vector} @{name}.v{LANES}({vector} %x)
  store {vector} %y, ptr %to, align 8
  ret void
}}""")
    )
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(engine.get_function_address("run"))
    given = np.array([*numbers, *[1.0] * (-len(numbers) % LANES)])
    found = np.zeros_like(given)
    for first in range(0, len(given), LANES):
        run(given[first:].ctypes.data, found[first:].ctypes.data)
    return found[: len(numbers)].tolist()


def in_c(name, x):
    function = getattr(c_library(), name)
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    return function(x)


ENDS = [0.0, -0.0, 5e-324, -5e-324, 2.0**-1022, 1e-300, -1e-17, 1.0, -1.0, 0.75, INF, -INF, NAN, 1.7e308, -1.7e308]
ENDS += [709.78, 709.79, -708.4, -745.13, -745.14, 26.5, 27.3, -6.0, 22.0, 1e5, 1e5 + 1.0, 1e22, 2.0**-54]


@pytest.mark.parametrize("name", [*VECTOR_FORMULAS, "atan", "cbrt"])
def test_function_on_vectors_is_that_of_the_c_library(name):
    rng = np.random.default_rng(0)
    numbers = [
        *ENDS, *rng.normal(size=500), *(300.0 * rng.normal(size=500)),
        *(10.0 ** rng.uniform(-320.0, 308.0, size=500) * rng.choice([-1.0, 1.0], 500)),
        *(np.arange(-500, 500) * (math.pi / 4.0)), *(1.0 + 1e-3 * rng.normal(size=200)),
        *(1e-5 * rng.normal(size=200) - 1.0),
    ]  # fmt: skip
    for x, y in zip(numbers, applied(name, numbers), strict=True):
        wanted = in_c(name, float(x))
        if not math.isfinite(wanted) or wanted == 0.0:
            assert (y == wanted and math.copysign(1.0, y) == math.copysign(1.0, wanted)) or (
                y != y and wanted != wanted
            )
        else:
            assert abs(y - wanted) <= 4.0 * math.ulp(wanted), (x, y, wanted)


# Batches


def option(x):
    s, k, t, v = x
    spread = v * sqrt(t)
    d = log(s / k) / spread + 0.5 * spread
    return s * rules.erf(d) - k * exp(-0.1 * t) * rules.erf(d - spread)


def path(x):
    a, b = x[:2]
    for t in range(60):
        a, b = a + 0.05 * b, b - 0.05 * 1.3 * sin(a) + 0.01 * t
    return fsum([a * a, b]) + mean([a, b])


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("examples", [1, 2, 7, 8, 9, 16, 100])
@pytest.mark.parametrize("f", [option, path])
def test_batch_of_any_size(f, examples):
    X = np.random.default_rng(examples).uniform(0.5, 1.5, size=(examples, 4))
    native, other = (compile(f, batched="x", backend=name) for name in ("native", "numpy"))
    (value, gradient), wanted = native.value_and_grad(X), other.value_and_grad(X)
    assert runner_of(native) == "KernelProgram"
    assert native.program.runner.graph.looped is (f is path)
    assert value == pytest.approx(wanted[0], rel=1e-12)
    np.testing.assert_allclose(gradient, wanted[1], rtol=1e-11 if f is path else 1e-12, atol=1e-15)
    np.testing.assert_allclose(native.each(X), other.each(X), rtol=1e-12)
    memory = native.program.runner.memory(examples)
    native.each(X)
    assert memory.results == 0  # of lanes without an example no error is heard, so none is computed again


@pytest.mark.usefixtures("at_once")
def test_error_is_that_of_the_example_that_has_it():
    step = compile(lambda x: log(x) + 1.0, batched="x", backend="native")
    X = np.linspace(1.0, 2.0, 19)
    assert step(X) == pytest.approx(np.log(X).mean() + 1.0)
    X[17] = -3.0
    with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = -3\.0"):
        step(X)
    X[17] = NAN  # nan of nan is no error
    assert np.isnan(step.each(X)).tolist() == [n == 17 for n in range(19)]


# What is written


def kernel_of(f, argument):
    return KernelProgram(compile(f).specialize(argument).lowering)


def test_long_function_is_written_once_and_a_short_one_where_it_is_used():
    text = kernel_of(lambda x: logsumexp(x) + logsumexp(x[::-1]) + sin(x[0]), [0.5] * 9).source
    assert "define internal i64 @kernel" in text
    assert text.count("define internal double @kernel.f") == 1
    assert text.count("call double @kernel.f0") == 2
    assert "@kernel.f" not in kernel_of(lambda x: sin(x[0]) * exp(x[1]), [0.5] * 9).source


@pytest.mark.parametrize(("exponent", "calls"), [(1.0, 0), (2.0, 0), (2.5, 1)])
def test_powers_that_are_products_call_no_function(exponent, calls):
    assert kernel_of(lambda x: x**exponent * x, 0.5).text("forward").count("call double @pow") == calls


# Recurrences


@pytest.mark.usefixtures("at_once")
def test_loop_with_tables_and_what_stays():
    data = [math.sin(0.37 * n * n) for n in range(400)]

    def f(p):
        level, total = p[0], 0.0
        for n, y in enumerate(data):
            level = level + exp(p[1]) * (y - level) * p[2 + (n * n) % 5]
            total = total + softplus(level) * y + p[2]
        return total

    x = [0.3, -1.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    native = compile(f, backend="native")
    found, wanted = native.value_and_grad(x), compile(f, backend="python").value_and_grad(x)
    assert native.program.runner.graph.size < 100
    assert found[0] == pytest.approx(wanted[0], rel=1e-13)
    assert found[1] == pytest.approx(wanted[1], rel=1e-12)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("examples", [1, 8, 11])
def test_recurrence_on_a_batch_has_the_derivatives_by_all_that_it_uses(examples):
    w, X = [Value(0.9), Value(0.2)], np.random.default_rng(0).normal(size=(examples, 2))

    def f(x, k):
        state = x[0]
        for n in range(300):
            state = tanh(w[0] * state + k[n % 3] * x[1]) + w[1]
        return state

    found = []
    for backend in ("native", "numpy"):
        compiled = compile(f, batched="x", wrt=w, backend=backend)
        compiled.backward(X, [0.1, 0.2, 0.3])
        assert runner_of(compiled) == {"native": "KernelProgram", "numpy": "ArrayLists"}[backend]
        by_k = compile(lambda k, x: f(x, k), batched="x", backend=backend).value_and_grad([0.1, 0.2, 0.3], X)
        by_x = compiled.value_and_grad(X, [0.1, 0.2, 0.3])
        found.append([leaf.grad for leaf in w] + [by_k[0], *by_k[1], *by_x[1].ravel()])
        for leaf in w:
            leaf.grad = None
    assert found[0] == pytest.approx(found[1], rel=1e-11, abs=1e-13)


# When a program comes to native code


def chain(x):
    for _ in range(200):
        x = sin(x) * 1.1 + 0.1
    return x


def test_program_that_runs_often_comes_to_a_kernel_by_way_of_the_machine():
    f, seen, values = compile(chain), [], set()
    for _ in range(30_000):
        values.add(f.value_and_grad(0.5))
        if not seen or seen[-1] != runner_of(f):
            seen.append(runner_of(f))
        if seen[-1] == "KernelProgram":
            break
    assert seen == ["FloatLists", "NativeProgram", "KernelProgram"]
    assert len(values) == 1  # the same to the last digit, since all call the functions of the C library
    assert f.program.backend == "native"
    assert str(f).splitlines()[-1].startswith("600 nodes in 600 instructions of native code") or "native code" in str(f)
    assert "compiled in" in str(f)


def test_runs_are_counted_so_the_way_to_a_kernel_is_the_same_again():
    X = np.random.default_rng(0).uniform(0.5, 1.5, size=(500, 4))

    def calls():
        f = compile(option, batched="x")
        for number in range(5_000):
            f.value_and_grad(X)
            if runner_of(f) == "KernelProgram":
                return number
        raise AssertionError("it never came to a kernel")

    assert calls() == calls()


@pytest.mark.parametrize("batched", [(), "x"])
def test_costs_of_native_code_are_those_of_its_table(batched):
    f = compile(lambda x: dot(x, x) * sin(x[0]), batched=batched, backend="numpy")
    lowering = f.specialize([[0.5] * 3] if batched else [0.5] * 3).lowering
    stages = cut._Stages(lowering, cut._first_runner(lowering, "numpy", native=True), "auto")
    lines, (sums, products) = len(lowering.code.instructions), map(sum, zip(stages.once, stages.each, strict=True))
    assert (sums, products) == (2, 6)
    for key in (("native", "steps"), ("native", "kernel"), ("numpy", "arrays")):
        kind = f"{key[1]} of a batch" if batched and key[0] == "native" else key[1]
        cost = cut.COSTS[key[0], kind]
        fixed, each = cost.run + cost.line * lines, cost.operation * sums + cost.product * products
        assert stages._cost(key, lines)(7) == pytest.approx(fixed + each * (7 if batched else 1))


@pytest.mark.parametrize("examples", [1, 50])
def test_run_counts_as_what_it_costs_for_its_examples(examples):
    f = compile(option, batched="x", backend="native")
    X = np.random.default_rng(0).uniform(0.5, 1.5, size=(examples, 4))
    program = f.specialize(X)
    left, cost = program.left, program._stage.run(examples)
    f.value_and_grad(X)
    assert program.left == left - cost < left


def test_program_that_gains_nothing_stays_as_it_is():
    f = compile(lambda x: x * x + 1.0)
    for _ in range(2_000):
        f.value_and_grad(2.0)
    assert f.program.backend == "python"


def test_large_product_stays_with_numpy():
    W = [[Value(0.01 * (i - j)) for j in range(40)] for i in range(40)]
    f = compile(lambda x: fsum([tanh(dot(row, x)) for row in W]), batched="x")
    X = np.random.default_rng(0).normal(size=(500, 40))
    f.backward(X)
    left = f.program.left
    f.backward(X)
    assert f.program.left == left  # nothing is spent where nothing is to be gained
    assert f.program.backend == "numpy"


def test_long_graph_runs_on_the_machine_from_the_beginning(monkeypatch):
    monkeypatch.setattr(cut, "LARGE", 100)
    f = compile(chain)
    assert f(0.5) == chain(0.5)
    assert runner_of(f) == "NativeProgram"


def test_own_operation_stays_where_it_was(monkeypatch):
    name_of(KERNELS, monkeypatch)
    monkeypatch.setattr(cut, "LARGE", 10)
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x)
    f = compile(lambda x: cube(chain(x)))
    assert [f(0.5), f(0.5)] == [chain(0.5) ** 3] * 2
    assert f.program.backend == "python"


@pytest.mark.usefixtures("at_once")
def test_llvmlite_that_is_too_old_means_the_other_back_ends(monkeypatch):
    import llvmlite.binding

    machine.cache_clear()
    processor.cache_clear()
    monkeypatch.setattr(cut, "LARGE", 10)
    monkeypatch.setattr(llvmlite.binding, "llvm_version_info", (14, 0, 6))
    f = compile(chain)
    assert [f(0.5), f(0.5)] == [chain(0.5)] * 2
    assert f.program.backend == "python"


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("operands", [300, 600])
def test_operation_of_many_operands_is_compiled_up_to_a_limit(operands):
    x = [math.sin(n) for n in range(operands)]
    f = compile(lambda x: logsumexp(x) + mean(x), backend="native")
    value, gradient = f.value_and_grad(x)
    total = math.fsum(map(math.exp, x))
    assert value == pytest.approx(math.log(total) + math.fsum(x) / operands, rel=1e-13)
    assert gradient == pytest.approx([math.exp(a) / total + 1.0 / operands for a in x], rel=1e-12)
    assert runner_of(f) == ("KernelProgram" if operands == 300 else "NativeProgram")


# Threads


def test_threads_that_come_to_a_kernel_at_once_build_one(monkeypatch):
    name_of(KERNELS, monkeypatch)
    built = []
    make = KernelProgram.__init__
    monkeypatch.setattr(KernelProgram, "__init__", lambda self, *given: built.append(self) or make(self, *given))
    f = compile(chain)
    program = f.specialize(0.5)
    in_threads(*[partial(f, 0.5)] * 8)
    assert len(built) == 1
    assert program.runner is built[0]


TAKEN_OVER = {  # a function, by what runs it first
    "FloatLists": (lambda x: chain(x[0]), {}),
    "NumpyProgram": (lambda x: fsum(sin(a * x[0]) for a in x), {}),
    "ArrayLists": (lambda x: chain(chain(chain(x[0]))), {"batched": "x"}),
    "NativeProgram": (lambda x: chain(x[0]), {"backend": "native"}),
}


@pytest.mark.parametrize("method", ["__call__", "value_and_grad"])
@pytest.mark.parametrize("first", TAKEN_OVER)
def test_run_is_finished_by_what_began_it_where_native_code_takes_over_meanwhile(first, method):
    f, options = TAKEN_OVER[first]
    x = [0.5 + 0.01 * n for n in range(300)]
    compiled = compile(f, **options)
    run, given = getattr(compiled, method), [x, x] if "batched" in options else x
    wanted = run(given)
    program = compiled.specialize(given)
    begin = program.memory

    def begun_when_another_thread_comes(examples=1):
        memory = begin(examples)
        while program._stage is not None:
            program.left = 0.0
            program.proceed()
        return memory

    program.memory = begun_when_another_thread_comes
    assert runner_of(compiled) == first
    assert run(x=given) == wanted
    assert runner_of(compiled) in {"NativeProgram", "KernelProgram"} - {first}
    assert flatten(run(x=given))[0] == pytest.approx(flatten(wanted)[0], rel=1e-12)


@pytest.mark.usefixtures("at_once")
def test_interpreter_is_free_for_other_threads_while_native_code_runs():
    f = compile(chain, backend="native")
    f(0.5)
    assert not type(f.program.runner.kernel("forward"))._flags_ & 0x4  # FUNCFLAG_PYTHONAPI: keep the interpreter's lock
    f.program.runner._lock = None  # of what compiles
    assert f(0.5) == chain(0.5)
