"""The back end native: the virtual machine against the eager engine, on every row of the table and on random graphs."""

import math
import os
import random
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from autograd import (
    Value,
    compile,
    dot,
    exp,
    fsum,
    grad,
    gradients,
    log,
    mean,
    operation,
    relu,
    rules,
    sin,
    sqrt,
    where,
)
from autograd.rules import NAry, symbol
from autograd.rules.expression import FAMILIES, ROWS
from autograd.testing import every_operation, expressions

pytest.importorskip("llvmlite", reason="the back end native runs on llvmlite: it is in the extra test")

from autograd.compiler.backends import _objects
from autograd.compiler.backends._cases import PYTHON_ROW, encoded, numbered
from autograd.compiler.backends._composed import COMPOSED
from autograd.compiler.backends._llvm import Lines
from autograd.compiler.backends._machine import machine_source
from autograd.compiler.backends._objects import ObjectFile
from autograd.compiler.backends.jit import compiled_module
from autograd.compiler.backends.kernel import KernelMemory, KernelProgram
from tests.hypothesis_profiles import max_examples
from tests.oracle import rounding

INF, NAN = math.inf, math.nan
ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -0.3, 2.0, 3.0, 1e-200, -1e200, 710.0, -745.0, INF, -INF, NAN]


def arity(row):
    return row.arity or 2 * len(row.arguments)


def eager(f, xs):
    """The value and the gradient, or the type and the text of the error."""
    leaves = [Value(x) for x in xs]
    try:
        y = f(*leaves)
        y.backward()
    except (ValueError, ArithmeticError) as error:
        return type(error), str(error)
    return y.data, [x.grad for x in leaves]


def native(f, xs):
    leaves = [Value(x) for x in xs]
    program = compile(lambda *xs: f(*xs), backend="native")
    try:
        value = program(*xs)
        gradient = compile_graph(f, leaves, xs)
    except (ValueError, ArithmeticError) as error:
        return type(error), str(error)
    return value, gradient


def compile_graph(f, leaves, xs):
    function = compile(lambda x: f(*x), backend="native")
    return list(function.value_and_grad(list(xs))[1])


def same(found, wanted):
    return found == wanted or (found != found and wanted != wanted) or math.isclose(found, wanted, rel_tol=1e-12)


def check(f, xs):
    found, wanted = native(f, xs), eager(f, xs)
    if isinstance(wanted[0], type):
        assert found == wanted
        return
    assert same(found[0], wanted[0]), (xs, found, wanted)
    if wanted[0] == 0.0:
        assert math.copysign(1.0, found[0]) == math.copysign(1.0, wanted[0]), (xs, found, wanted)
    for a, b in zip(found[1], wanted[1], strict=True):
        assert same(a, b), (xs, found, wanted)


def applied(row):
    return lambda *xs: row.apply(list(xs))


@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_every_row_agrees_with_the_eager_engine(row):
    generator = random.Random(0)
    f = applied(row)
    for n in range(60):
        xs = [generator.uniform(-3.0, 3.0) if n % 3 else generator.choice(ODD) for _ in range(arity(row))]
        check(f, xs)


@pytest.mark.parametrize("row", [row for row in every_operation() if row.edges], ids=lambda row: row.name)
def test_edges_of_the_table(row):
    for xs, slopes in row.edges.items():
        found = compile(lambda xs, row=row: row.apply(list(xs)), backend="native").value_and_grad(list(xs))[1]
        assert all(map(same, found, slopes)), (xs, found, slopes)


@pytest.mark.parametrize("row", [row for row in every_operation() if row.arity == 2], ids=lambda row: row.name)
def test_one_operand_may_be_a_constant(row):
    for a, b in [(0.7, 1.3), (0.0, 2.0), (-2.0, 3.0), (2.0, 0.0), (1.5, 1.5)]:
        check(lambda x, b=b: row.apply([x, b]), [a])
        check(lambda x, a=a: row.apply([a, x]), [b])


def test_every_row_and_family_has_words():
    families = FAMILIES & COMPOSED.keys()  # members of others are called back
    assert numbered().keys() == ROWS | families


@max_examples(150)
@given(expressions())
def test_random_expressions(expression):
    check(expression, expression.inputs)


@max_examples(40)
@given(expressions())
def test_random_expressions_of_a_batch(expression):
    X = np.outer(1.0 + 1e-6 * np.arange(70), expression.inputs)
    w = Value(1.5)
    step = compile(lambda x: w * expression(*x), batched="x", wrt=[w], backend="native")
    values, slopes = zip(*(eager(expression, row) for row in X.tolist()), strict=True)
    assert step.each(X) == pytest.approx([1.5 * value for value in values], rel=1e-12, abs=1e-300)
    step.backward(X)
    assert w.grad == pytest.approx(math.fsum(values) / 70, rel=1e-12, abs=1e-14 * max(map(abs, values)))
    found = compile(lambda x: expression(*x), batched="x", backend="native").value_and_grad(X)[1] * 70
    xs = list(map(Value, expression.inputs))
    slack = [4 * rounding(slope) for slope in gradients(expression(*xs), xs, create_graph=True)]
    assert np.all(np.abs(found - slopes) <= 1e-11 * np.abs(slopes) + slack)


@pytest.mark.parametrize("examples", [1, 3, 63, 64, 65, 200])
def test_batches_of_any_size(examples):
    rng = np.random.default_rng(examples)
    X, y = rng.normal(size=(examples, 3)), rng.normal(size=examples)
    w, unused = [Value(a) for a in (0.3, -0.2, 0.7)], Value(2.0)

    def loss(x, t):
        return (relu(dot(w, x)) - sin(t)) ** 2 + exp(-x[0] * x[0]) * w[0] + unused * 0.0 + w[1] ** 2

    found = []
    for backend in ("native", "numpy"):
        step = compile(loss, batched=("x", "t"), wrt=w, backend=backend)
        value = step.backward(X, y)
        found.append([value, step(X, y), *[p.grad for p in w], *np.ravel(step.each(X, y))])
        for p in w:
            p.grad = None
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=1e-15)


def test_strips_that_are_not_kept_are_computed_again(monkeypatch):
    from autograd.compiler.backends import native as module

    X = np.random.default_rng(0).normal(size=(300, 2))
    w = [Value(0.5), Value(-1.0)]
    gradients = []
    for kept in (2**21, 1):
        monkeypatch.setattr(module, "TOGETHER", kept)
        step = compile(lambda x: sin(dot(w, x)) * x[0], batched="x", wrt=w, backend="native")
        step.backward(X)
        gradients.append([p.grad for p in w])
        for p in w:
            p.grad = None
    assert gradients[0] == gradients[1]


def test_gradient_by_a_batched_argument():
    f = compile(lambda x, y: sin(x[0]) * x[1] + y * y, batched="x", backend="native")
    X = np.random.default_rng(1).normal(size=(130, 2))
    value, slope = f.value_and_grad(X, 2.0)
    other = compile(lambda x, y: sin(x[0]) * x[1] + y * y, batched="x", backend="numpy").value_and_grad(X, 2.0)
    assert value == pytest.approx(other[0], rel=1e-13)
    np.testing.assert_allclose(slope, other[1], rtol=1e-13)


def test_long_recurrence_and_shared_nodes():
    def f(x):
        a, b = x
        for _ in range(3000):
            a, b = b, sin(a) * 0.5 + b * a
        return a + b * b

    check(lambda *xs: f(xs), [0.3, 0.4])


def test_several_roots():
    w = [Value(0.5), Value(2.0)]
    graph = compile([w[0] * w[1], sin(w[0]), Value(3.0) * 1.0], wrt=w, backend="native")
    values, gradient = graph.value_and_grad([0.5, 2.0], [1.0, 2.0, 5.0])
    assert values == pytest.approx([1.0, math.sin(0.5), 3.0])
    assert gradient == pytest.approx([2.0 + 2.0 * math.cos(0.5), 0.5])


def test_graph_runs_forward_and_backward_through_its_values():
    w, x = Value(3.0), Value(2.0)
    graph = compile(w * sin(x), backend="native")
    w.data = 5.0
    assert graph.forward() == 5.0 * math.sin(2.0)
    graph.backward()
    assert (w.grad, x.grad) == (math.sin(2.0), 5.0 * math.cos(2.0))
    assert "virtual machine" in str(graph)
    assert "switch" in graph.source


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: log(x) * 2.0, -1.0),
        (lambda x: sqrt(x) + 1.0, -1.0),
        (lambda x: exp(x) * 0.0, 1000.0),
        (lambda x: 1.0 / (1.0 / x), 0.0),
        (lambda x: x**0.5, -2.0),
        (lambda x: fsum([x, x]), 1.7e308),
        (lambda x: where(x > 0.0, 1.0, log(x)), -1.0),
    ],
)
def test_error_is_the_eager_engines(f, x):
    check(f, [x])


def test_error_of_one_example_in_a_batch():
    X = np.linspace(1.0, 2.0, 100)
    step = compile(lambda x: log(x), batched="x", backend="native")
    assert step(X) == pytest.approx(np.log(X).mean())
    X[77] = -1.0
    with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = -1\.0"):
        step(X)


def test_side_that_is_not_chosen_brings_no_error_and_no_nan():
    f = compile(lambda x: where(x > 0.0, lambda: log(x), lambda: x * 2.0), backend="native")
    assert f.value_and_grad(-3.0) == (-6.0, 2.0)
    assert f.value_and_grad(1.0) == (0.0, 1.0)


def test_nothing_comes_back_from_a_condition():
    f = compile(lambda x: where(sqrt(x) > 0.5, x, 3.0 * x) + sqrt(x).detach(), backend="native")
    assert f.value_and_grad(0.0) == (0.0, 3.0)


def test_nothing_comes_back_from_a_result_that_nothing_uses():
    slope = lambda x: gradients(log(x), [x], create_graph=True)[0]  # 1 / x, with log(x) beside it
    assert compile(slope, backend="native").value_and_grad(5e-324) == (INF, -INF)


def test_fsum_keeps_what_cancels():
    xs = [1e16, 1.0, -1e16, 1e-3]
    assert compile(lambda x: fsum(x), backend="native")(xs) == math.fsum(xs)
    assert compile(lambda x: mean(x), backend="native")([1e308, 1e308]) == 1e308


def test_gradient_of_a_gradient():
    f = lambda x: sin(x[0]) * exp(x[1]) ** 2 + x[0] ** 3
    found = compile(grad(f), backend="native")([0.3, 0.2])
    assert found == pytest.approx(grad(f)([0.3, 0.2]), rel=1e-13)


# Own operations


def test_own_operation_is_called_back():
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    check(lambda x: sin(cube(x) + x), [1.3])
    step = compile(lambda x: cube(x), batched="x", backend="native")
    X = np.linspace(-1.0, 1.0, 70)
    assert step(X) == pytest.approx((X**3).mean())


def test_own_operation_of_many_operands():
    five = operation("five", lambda *x: x[0] * x[4] + x[1], *[lambda y, *x, i=i: float(i) for i in range(5)])
    check(lambda *xs: five(*xs), [1.0, 2.0, 3.0, 4.0, 5.0])


def test_error_of_an_own_operation_arrives():
    def forward(x):
        raise KeyError("mine")

    w = Value(1.0)
    odd = operation("odd", lambda x: x if x < 2.0 else forward(x), lambda y, x: 1.0)
    f = compile(lambda x: odd(x) * w, backend="native")
    assert f(1.0) == 1.0
    with pytest.raises(KeyError, match="mine"):
        f(3.0)
    assert f(1.5) == 1.5


def test_many_calls_back_are_told_once():
    own = operation("own", lambda x: x, lambda y, x: 1.0)
    step = compile(lambda x: own(x), batched="x", backend="native")
    with pytest.warns(RuntimeWarning, match="own runs on one number after the other") as told:
        assert [step(np.ones(size)) for size in (2000, 2001)] == [1.0, 1.0]
    assert len(told) == 1


# The machine


def test_two_threads_run_one_program():
    f = compile(lambda x: sin(x[0]) * x[1], backend="native")
    f([1.0, 2.0])
    wrong = []

    def run(a):
        wrong.extend(a for _ in range(200) if f([a, 2.0]) != math.sin(a) * 2.0)

    threads = [threading.Thread(target=run, args=(0.1 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


RUN = "from autograd import compile, sin; print(compile(lambda x: sin(x[0]) * x[1], backend='native')([1.0, 2.0]))"
FOUND = f"{math.sin(1.0) * 2.0}\n"


def run_with_cache(folder):
    found = subprocess.run(
        [sys.executable, "-c", RUN],
        env=os.environ | {"XDG_CACHE_HOME": str(folder), "LOCALAPPDATA": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (found.stdout, found.stderr) == (FOUND, "")


def test_machine_is_kept_on_disk_and_a_broken_file_written_anew(tmp_path):
    run_with_cache(tmp_path)
    (kept,) = (tmp_path / "scalar-autograd").iterdir()
    whole = kept.read_bytes()
    run_with_cache(tmp_path)
    assert kept.read_bytes() == whole
    for broken in (b"", b"nonsense", whole[:-100], whole[:-1] + bytes([whole[-1] ^ 1]), bytes(32) + whole[32:]):
        kept.write_bytes(broken)
        run_with_cache(tmp_path)
        assert kept.read_bytes() == whole


def test_machine_runs_where_nothing_can_be_kept(tmp_path):
    (tmp_path / "scalar-autograd").write_text("in the way", encoding="utf-8")
    run_with_cache(tmp_path)
    run_with_cache(tmp_path / "scalar-autograd" / "below")


def test_file_of_another_text_or_of_somebody_else_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(_objects, "cache_folder", lambda: tmp_path / "kept")
    file, other = ObjectFile("a text"), ObjectFile("another text")
    assert file.read() is None
    file.write(b"its code")
    assert (file.read(), other.read()) == (b"its code", None)
    (tmp_path / "kept" / file.name).rename(tmp_path / "kept" / other.name)
    assert other.read() is None  # the digest is of the text, too
    file.write(b"its code")
    monkeypatch.setattr(_objects.os, "getuid", lambda: -1, raising=False)
    assert file.read() == (b"its code" if sys.platform == "win32" else None)


def test_only_the_machine_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(_objects, "cache_folder", lambda: tmp_path)
    kernel = KernelProgram(compile(sin, backend="python").specialize(0.5).lowering)
    assert kernel.kernel("forward")(KernelMemory(kernel, 1).call) == 0
    assert [*tmp_path.iterdir()] == []
    compiled_module("define double @f() { ret double 1.0 }", kept=True)
    assert len([*tmp_path.iterdir()]) == 1


@pytest.mark.parametrize(("platform", "variable"), [("win32", "LOCALAPPDATA"), ("linux", "XDG_CACHE_HOME")])
def test_folder_of_what_is_kept_is_where_the_system_has_caches(platform, variable, monkeypatch):
    for name in ("LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, name.lower())
    monkeypatch.setattr(sys, "platform", platform)
    assert _objects.cache_folder() == Path(variable.lower()) / "scalar-autograd"
    monkeypatch.delenv(variable)
    assert _objects.cache_folder() == Path.home() / ".cache" / "scalar-autograd"


def test_several_processes_compile_at_once(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", RUN], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0] for process in running] == [FOUND] * 3
    assert len(list((tmp_path / "scalar-autograd").iterdir())) == 1


def test_without_llvmlite_native_is_an_error_and_the_rest_works():
    source = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "from autograd import compile\n"
        "assert compile(lambda x: x * x)(3.0) == 9.0\n"
        "try: compile(lambda x: x, backend='native')\n"
        "except ImportError as error: print(error)"
    )
    found = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == (
        "the back end 'native' needs llvmlite: python -m pip install 'scalar-autograd[native]'"
    )


def test_llvmlite_that_is_too_old_is_an_error(monkeypatch):
    import llvmlite.binding

    monkeypatch.setattr(llvmlite.binding, "llvm_version_info", (14, 0, 6))
    with pytest.raises(ImportError, match=r"the back end 'native' needs llvmlite 0\.45 or newer, got \d"):
        compile(lambda x: x, backend="native")


def test_llvmlite_is_loaded_by_those_who_ask_for_it():
    source = "import sys; from autograd import compile; compile(lambda x: x * x)(3.0); print('llvmlite' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


# What is written


def test_python_computes_no_row_of_the_table():
    words = {None, rules.power_of, *COMPOSED}  # of other families it has no words for the members
    rows = [row for row in every_operation() if (row.family or [None])[0] in words]
    assert [row.name for row in rows if encoded(row, numbered())[0] == PYTHON_ROW] == []


def test_deep_expression_needs_no_recursion():
    lines, term = Lines({0: "%x"}), symbol(0)
    for _ in range(20_000):
        term = 1.0 / (term + 1.0)
    assert lines.write(term) == f"%t{len(lines.lines) - 1}"


@pytest.mark.parametrize("width", [1, 64])
def test_case_of_the_machine_is_inlined_where_it_is_short(width):
    long = {PYTHON_ROW, *[number for row, number in numbered().items() if isinstance(row, NAry)]}
    found = re.findall(r"@([fb])(\d+)\(ptr .*?(alwaysinline|noinline)", machine_source(width))
    assert {letter for letter, *_ in found} == {"f", "b"}
    assert set(re.findall(r'"[\w-]+"="\d+"', machine_source(width))) == {'"prefer-vector-width"="512"'}
    for letter, case, how in found:
        row = int(case) if letter == "f" else int(case) // 8
        assert (how == "alwaysinline") is (width == 1 and row not in long), (letter, case)


@pytest.mark.parametrize("batched", [(), "x"])
def test_machine_adds_up_with_the_rounding_errors(batched):
    for f in (lambda x: fsum(x), lambda x: mean(x), lambda x: dot(x, [1.0] * len(x))):
        compiled = compile(f, batched=batched, backend="native")
        x = [1e16, 1.0, -1e16, 1e-3]
        assert compiled([x] if batched else x) == f(x) != 0.0
        assert type(compiled.program.runner).__name__ == "NativeProgram"
