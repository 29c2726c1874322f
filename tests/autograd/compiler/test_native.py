"""The back end native: its virtual machine against the eager engine on every row, and what is kept on disk."""

import math
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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
    tanh,
    where,
)
from autograd.compiler import steps
from autograd.rules import NAry, symbol
from autograd.rules.expression import FAMILIES, ROWS
from autograd.testing import every_operation

pytest.importorskip("llvmlite", reason="the back end native runs on llvmlite: it is in the extra test")

from autograd.compiler.backends import _objects
from autograd.compiler.backends import native as machine_module
from autograd.compiler.backends._cases import PYTHON_ROW, encoded, numbered
from autograd.compiler.backends._composed import COMPOSED
from autograd.compiler.backends._llvm import Lines
from autograd.compiler.backends._machine import machine_source
from autograd.compiler.backends._objects import ObjectFile
from autograd.compiler.backends.jit import compiled_module
from autograd.compiler.backends.kernel import KernelMemory, KernelProgram
from tests.autograd.compiler.beside_eager import eager, function_of, is_close, outcome
from tests.errors import warns

INF, NAN = math.inf, math.nan
ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -0.3, 2.0, 3.0, 1e-200, -1e200, 710.0, -745.0, INF, -INF, NAN]


def check(f, points):
    """Value and gradient, the sign of a value that is 0, and errors, of one program at several points.

    Of nan another program: what is computed of nan is nan, where the eager engine may have an error.
    """
    program = compile(lambda x: f(x), backend="native")
    for xs in points:
        compiled = compile(lambda x: f(x), backend="native") if any(map(math.isnan, xs)) else program
        wanted = outcome(eager, f, xs)
        found, alone = outcome(compiled.value_and_grad, xs), outcome(compiled, xs)
        if isinstance(wanted, tuple):
            assert found == alone == wanted, xs
            continue
        assert all(map(is_close, [alone, found[0], *found[1]], [wanted[0], *wanted])), (xs, found, wanted)
        if wanted[0] == 0.0:
            assert math.copysign(1.0, alone) == math.copysign(1.0, wanted[0]), (xs, found, wanted)


@pytest.mark.parametrize("x", [-1.0, np.linspace(-1.0, 1.0, 200)], ids=["a number", "a batch"])
def test_side_that_is_not_chosen_is_not_looked_at_step_by_step(x, monkeypatch):
    """Its results are all nan, each excused by an operand, which is known once for all runs."""

    def f(x):
        def side():
            y = log(x)
            for k in range(100):
                y = y + 0.01 * sin(y / (k + 1.0))
            return y

        return where(x > 0.0, side, 2.0 * x)

    asked = []

    def noted(operation, operands):
        asked.append(operation)
        return steps.excusing(operation, operands)

    monkeypatch.setattr(machine_module, "excusing", noted)
    compiled = compile(f, backend="native", batched="x" if np.ndim(x) else ())
    runs = [compiled.value_and_grad(x) for _ in range(3)]
    assert 0 < len(asked) <= 4 * 100 + 10
    gradients_of_one = [grad(f)(number) for number in np.ravel(x).tolist()]
    assert np.ravel(runs[-1][1]).tolist() == pytest.approx([y / np.size(x) for y in gradients_of_one], rel=1e-12)


@pytest.mark.parametrize("row", every_operation(), ids=lambda row: row.name)
def test_every_row_agrees_with_the_eager_engine(row):
    generator, size = random.Random(0), row.arity or 2 * len(row.arguments)
    points = [
        [generator.uniform(-3.0, 3.0) if n % 3 else generator.choice(ODD) for _ in range(size)] for n in range(60)
    ]
    check(lambda x: function_of(row)(list(x)), points)


@pytest.mark.parametrize("row", [row for row in every_operation() if row.arity == 2], ids=lambda row: row.name)
def test_one_operand_may_be_a_constant(row):
    for a, b in [(0.7, 1.3), (0.0, 2.0), (-2.0, 3.0), (2.0, 0.0), (1.5, 1.5)]:
        check(lambda x, b=b: function_of(row)([x[0], b]), [[a]])
        check(lambda x, a=a: function_of(row)([a, x[0]]), [[b]])


@pytest.mark.parametrize("kept", [2**21, 1])  # strips that are not kept are computed again
@pytest.mark.parametrize("examples", [1, 3, 63, 64, 65, 300])
def test_batches_of_any_size(examples, kept, monkeypatch):
    monkeypatch.setattr(machine_module, "TOGETHER", kept)
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
        found[-1] += np.ravel(step.value_and_grad(X, y)[1]).tolist()
        for p in w:
            p.grad = None
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=1e-15)


def test_nothing_comes_back_from_a_result_that_nothing_uses():
    slope = lambda x: gradients(log(x), [x], create_graph=True)[0]  # 1 / x, with log(x) beside it
    assert compile(slope, backend="native").value_and_grad(5e-324) == (INF, -INF)


# Own operations, which are called back


def test_own_operation_of_many_operands():
    five = operation("five", lambda *x: x[0] * x[4] + x[1], *[lambda y, *x, i=i: float(i) for i in range(5)])
    check(lambda xs: five(*xs), [[1.0, 2.0, 3.0, 4.0, 5.0]])


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
    with warns("own runs on one number after the other") as told:
        assert [step(np.ones(size)) for size in (2000, 2001)] == [1.0, 1.0]
    assert len(told) == 1


# The machine, which is kept on disk


def process(code, folder):
    """Begin to run Python, of which the caches are in a folder."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder), "LOCALAPPDATA": str(folder)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes)


RUN = "from autograd import compile, sin; print(compile(lambda x: sin(x[0]) * x[1], backend='native')([1.0, 2.0]))"
FOUND = (f"{math.sin(1.0) * 2.0}\n", "")


@pytest.mark.thorough
def test_machine_is_kept_on_disk_and_a_broken_file_written_anew(tmp_path):
    assert process(RUN, tmp_path).communicate() == FOUND
    (kept,) = (tmp_path / "scalar-autograd").iterdir()
    whole = kept.read_bytes()
    assert process(RUN, tmp_path).communicate() == FOUND
    assert kept.read_bytes() == whole
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert process(RUN, tmp_path).communicate() == FOUND
    assert kept.read_bytes() == whole


def test_file_that_is_broken_or_of_another_text_or_of_somebody_else_is_not_read(tmp_path, monkeypatch):
    folder = tmp_path / "caches" / "kept"  # neither of which is there
    monkeypatch.setattr(_objects, "cache_folder", lambda: folder)
    file, other = ObjectFile("a text"), ObjectFile("another text")
    assert file.read() is None
    file.write(b"its code")
    assert (file.read(), other.read()) == (b"its code", None)
    path = folder / file.name
    whole = path.read_bytes()
    for broken in (b"", b"nonsense", whole[:-3], whole[:-1] + bytes([whole[-1] ^ 1]), bytes(32) + whole[32:]):
        path.write_bytes(broken)
        assert file.read() is None
    path.write_bytes(whole)
    path.rename(folder / other.name)
    assert other.read() is None  # the digest is of the text, too
    file.write(b"its code")
    monkeypatch.setattr(_objects.os, "getuid", lambda: -1, raising=False)
    assert file.read() == (b"its code" if sys.platform == "win32" else None)


ONE = "define double @f() { ret double 1.0 }"


def test_only_the_machine_is_kept_and_runs_where_nothing_can_be(tmp_path, monkeypatch):
    (tmp_path / "in the way").write_text("", encoding="utf-8")
    for folder in (tmp_path / "in the way", tmp_path / "in the way" / "below"):
        monkeypatch.setattr(_objects, "cache_folder", lambda: folder)  # noqa: B023
        assert compiled_module(f"{ONE} ; {folder.name}", kept=True).get_function_address("f")
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(_objects, "cache_folder", lambda: kept)
    kernel = KernelProgram(compile(sin, backend="python").specialize(0.5).lowering)
    assert kernel.kernel("forward")(KernelMemory(kernel, 1).call) == 0
    assert [*kept.iterdir()] == []
    compiled_module(ONE, kept=True)
    assert len([*kept.iterdir()]) == 1


@pytest.mark.parametrize(("platform", "variable"), [("win32", "LOCALAPPDATA"), ("linux", "XDG_CACHE_HOME")])
def test_folder_of_what_is_kept_is_where_the_system_has_caches(platform, variable, monkeypatch):
    for name in ("LOCALAPPDATA", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, name.lower())
    monkeypatch.setattr(sys, "platform", platform)
    assert _objects.cache_folder() == Path(variable.lower()) / "scalar-autograd"
    monkeypatch.delenv(variable)
    assert _objects.cache_folder() == Path.home() / ".cache" / "scalar-autograd"


@pytest.mark.thorough
def test_several_processes_compile_at_once(tmp_path):
    running = [process(RUN, tmp_path) for _ in range(3)]
    assert [each.communicate() for each in running] == [FOUND] * 3
    assert len(list((tmp_path / "scalar-autograd").iterdir())) == 1


WITHOUT_LLVMLITE = """
import sys
from autograd import compile, sin
from autograd.compiler import cut

def f(x):
    for _ in range(200):
        x = sin(x)
    return x

assert compile(lambda x: x * x)(3.0) == 9.0
print("llvmlite" in sys.modules)  # it is loaded by those who ask for it
sys.modules["llvmlite"] = None
try:
    compile(lambda x: x, backend="native")
except ImportError as error:
    print(error)
cut.LARGE = 10
g = compile(f)
g(1.0)
g.program.left = 0.0
assert g(1.0) == f(1.0)
print(g.program.backend)
"""


def test_without_llvmlite_native_is_an_error_and_auto_means_the_other_back_ends(tmp_path):
    missing = "the back end 'native' needs llvmlite: python -m pip install 'scalar-autograd[native]'"
    assert process(WITHOUT_LLVMLITE, tmp_path).communicate() == (f"False\n{missing}\npython\n", "")


def test_llvmlite_that_is_too_old_is_an_error(monkeypatch):
    import llvmlite.binding

    monkeypatch.setattr(llvmlite.binding, "llvm_version_info", (14, 0, 6))
    with pytest.raises(ImportError, match=r"the back end 'native' needs llvmlite 0\.45 or newer, got \d"):
        compile(lambda x: x, backend="native")


# What is written


@pytest.mark.parametrize("b", [0.0, -1.0])
def test_constant_that_is_nan_excuses_no_other_operation(b):
    xlogy = rules.xlogy  # of which a nan in the second operand alone is no error
    f = lambda x: tanh(xlogy(x, b)) * where(x > -5.0, 1.0, NAN)
    check(lambda xs: f(xs[0]), [[0.0], [1.0], [2.0], [-6.0]])
    of_batch = compile(f, backend="native", batched="x")
    assert outcome(of_batch.each, [0.0, 1.0]) == outcome(f, 1.0)
    missing = compile(lambda x: fsum([x, NAN]) * where(x > 0.0, 1.0, 2.0), backend="native", batched="x")
    assert np.isnan(missing.each([1.0, -1.0])).all()


def test_every_row_has_words_and_python_computes_none():
    # Members of other families are called back.
    assert numbered().keys() == ROWS | (FAMILIES & COMPOSED.keys()) | {rules.power_of.member(0.0)}
    words = {None, rules.power_of, *COMPOSED}
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


def test_machine_says_what_it_is():
    graph = compile(Value(3.0) * sin(Value(2.0)), backend="native")
    assert "virtual machine" in str(graph)
    assert "switch" in graph.source


@pytest.mark.parametrize("batched", [(), "x"])
def test_machine_adds_up_with_the_rounding_errors(batched):
    for f in (lambda x: fsum(x), lambda x: mean(x), lambda x: dot(x, [1.0] * len(x))):
        compiled = compile(f, batched=batched, backend="native")
        x = [1e16, 1.0, -1e16, 1e-3]
        assert compiled([x] if batched else x) == f(x) != 0.0
        assert type(compiled.program.runner).__name__ == "NativeProgram"
