"""Programs in C99, compiled without a warning and compared with the engine: values and gradients."""

import ctypes
import math
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nn
from autograd import Value, compile, dot, exp, fsum, log, logsumexp, operation, rules, sin, softmax, tanh, where
from autograd.export import to_c
from autograd.testing import expressions
from tests.autograd.export.rows import EDGES, ROWS, graph, points, wanted

CC = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
pytestmark = pytest.mark.skipif(
    CC is None or sys.platform == "win32", reason="there is no C compiler: cc, gcc or clang"
)
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
BACKENDS = ["python", "numpy"]


def library(folder, *sources):
    """Compile files together, and load them."""
    (folder / "all.c").write_text("\n".join(sources), encoding="ascii")
    command = [CC, *FLAGS, "-O1", "-shared", "-fPIC", "all.c", "-o", "all.so", "-lm"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return ctypes.CDLL(str(folder / "all.so"))


def sizes(source, name="f"):
    found = re.search(rf"enum \{{ {name}_parameters = (\d+), {name}_inputs = (\d+), {name}_gradient = (\d+), "
                      rf"{name}_work = (\d+) \}};", source)  # fmt: skip
    return list(map(int, found.groups()))


def called(loaded, source, theta=(), x=(), name="f"):
    """The value, and the gradient; the work array is filled with nan before, and ends where it says."""
    parameters, inputs, gradient, work = sizes(source, name)
    assert (len(theta), len(x)) == (parameters, inputs)
    function = getattr(loaded, name)
    function.restype = ctypes.c_double
    room = np.full(work + 1, np.nan)
    slopes = np.full(gradient + 1, np.nan)
    slopes[-1] = room[-1] = 42.0
    arrays = [np.array([*values, 0.0]) for values in (theta, x)]
    pointers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for array in (*arrays, slopes, room)]
    alone = function(pointers[0], pointers[1], None, pointers[3])
    value = function(*pointers)
    assert repr(alone) == repr(value)
    assert slopes[-1] == room[-1] == 42.0
    return [value, *slopes[:-1].tolist()]


def close(found, known, rel=1e-12):
    return found == pytest.approx(known, rel=rel, abs=1e-300, nan_ok=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_row_computes_what_the_engine_does(backend, tmp_path):
    sources = {}
    for number, (_, row) in enumerate(ROWS):
        root, leaves = graph(row, points(row)[0])
        sources[number] = to_c(compile(root, wrt=leaves, backend=backend), name=f"row{number}")
    loaded = library(tmp_path, *sources.values())
    for number, (name, row) in enumerate(ROWS):
        edges = [xs for _, other, xs in EDGES if other is row]
        for operands in [*points(row), *edges]:
            found = called(loaded, sources[number], operands, name=f"row{number}")
            known = wanted(row, operands)
            assert found == pytest.approx(known, rel=1e-12, abs=1e-16 if row is rules.gelu else 1e-300, nan_ok=True), (
                name,
                operands,
            )


@pytest.mark.parametrize("backend", BACKENDS)
def test_choices_keep_out_what_is_not_chosen(backend, tmp_path):
    f = compile(lambda x: where(x[0] > 0.0, lambda: log(x[0]), lambda: x[0] * x[1]), backend=backend)
    f([1.0, 2.0])
    source = to_c(f)
    loaded = library(tmp_path, source)
    for x in ([2.0, 3.0], [0.0, 3.0], [-2.0, 3.0]):
        value, gradient = f.value_and_grad(x)
        assert called(loaded, source, x=x) == [value, *gradient]


def network(sizes, **options):
    model = nn.MLP(sizes[0], sizes[1:], seed=1, **options)
    return model, model.parameters()


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "sigmoid"])
def test_network_has_the_value_and_gradient_of_the_engine(activation, tmp_path):
    model, parameters = network([2, 16, 16, 1], activation=activation)
    f = compile(lambda x, y: (model(x) - y) ** 2, batched=("x", "y"), wrt=parameters)
    f([[1.0, 2.0]], [1.0])
    source = to_c(f)
    assert len(source.splitlines()) < 100
    loaded = library(tmp_path, source)
    theta = f.read()
    for x, y in (([0.3, -0.7], 1.0), ([2.0, 1.5], -1.0)):
        value, gradient = f.value_and_grad_at(theta, [x], [y])
        found = called(loaded, source, theta, [*x, y])
        assert found[0] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(found[1:], gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())


def test_digits_network_has_the_value_and_gradient_of_the_engine(tmp_path):
    model, parameters = network([64, 32, 10])
    rng = np.random.default_rng(1)
    images, one_hot = rng.uniform(0.0, 1.0, (3, 64)), np.eye(10)[[3, 1, 4]]
    f = compile(lambda x, y: logsumexp(model(x)) - dot(model(x), y), batched=("x", "y"), wrt=parameters)
    f(images, one_hot)
    source = to_c(f, tmp_path / "digits.c")
    assert (tmp_path / "digits.c").read_text() == source
    assert len(source.splitlines()) < 120
    loaded = library(tmp_path, source)
    for x, y in zip(images, one_hot, strict=True):
        value, gradient = f.value_and_grad_at(f.read(), x[None], y[None])
        found = called(loaded, source, f.read(), [*x, *y])
        assert found[0] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(found[1:], gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())


def test_gradient_is_by_the_arguments_where_there_are_no_parameters(tmp_path):
    f = compile(lambda x, k: sin(x[0]) * exp(x[1]) + fsum(x) * k + logsumexp(x) * dot(x, x))
    value, gradient = f.value_and_grad([0.3, 0.5, -1.0], 2.0)
    source = to_c(f)
    assert sizes(source)[:3] == [0, 4, 4]
    assert close(called(library(tmp_path, source), source, x=[0.3, 0.5, -1.0, 2.0])[:4], [value, *gradient])


def test_values_that_are_no_parameters_have_the_numbers_of_now(tmp_path):
    w, b = Value(3.0, "w"), Value(0.5, "b")
    f = compile(lambda x: w * x + b, wrt=[w])
    f(1.0)
    b.data = 7.0
    source = to_c(f)
    assert called(library(tmp_path, source), source, [3.0], [2.0]) == [13.0, 2.0]


@pytest.mark.parametrize("steps", [5, 30_000])
def test_recurrences_are_loops(steps, tmp_path):
    a, b = Value(0.9, "a"), Value(0.1, "b")
    state = a
    for _ in range(steps):
        state = tanh(a * state + b)
    program = compile(state, wrt=[a, b])
    source = to_c(program)
    assert len(source) < 10_000
    value, gradient = program.value_and_grad([0.8, 0.2])
    assert close(called(library(tmp_path, source), source, [0.8, 0.2]), [value, *gradient])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_lies_irregularly_is_listed(backend, tmp_path):
    rng = np.random.default_rng(0)
    leaves = [Value(v, f"w{i}") for i, v in enumerate(rng.normal(size=40))]
    picked = rng.integers(0, 40, (60, 3))
    root = fsum([leaves[a] * sin(leaves[b]) * leaves[c] for a, b, c in picked.tolist()])
    root = root + fsum(softmax([leaves[i] for i in picked[:7, 0]])[:3]) * 0.5
    program = compile(root, wrt=leaves, backend=backend)
    source = to_c(program)
    assert max(map(len, source.splitlines())) < 2_000
    value, gradient = program.value_and_grad(program.read())
    found = called(library(tmp_path, source), source, program.read())
    assert found == pytest.approx([value, *gradient], rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(expressions(), min_size=8, max_size=8))
def test_random_graphs_agree(backend, tmp_path_factory, found):
    sources, cases = [], []
    for number, expression in enumerate(found):
        leaves = [Value(x) for x in expression.inputs]
        root = expression(*leaves)
        if isinstance(root, Value):
            program = compile(root, wrt=leaves, backend=backend)
            root.backward()
            sources.append(to_c(program, name=f"f{number}"))
            cases.append((number, sources[-1], leaves, [root.data, *(leaf.grad for leaf in leaves)]))
    loaded = library(tmp_path_factory.mktemp("c"), *sources, "typedef int not_empty;")
    for number, source, leaves, known in cases:
        computed = called(loaded, source, [leaf.data for leaf in leaves], name=f"f{number}")
        assert computed == pytest.approx(known, rel=1e-9, abs=1e-9)


HOSTILE = ["*/ int evil; /*", "a\\", "??/", "\n#error", "x\u2028y", "%s", '"', "//", "\x00", "ü" * 500]


def test_no_label_leaves_its_comment(tmp_path):
    leaves = [Value(float(n), label) for n, label in enumerate(HOSTILE, 1)]
    program = compile(fsum([leaf * leaf for leaf in leaves]), wrt=leaves)
    source = to_c(program)
    assert called(library(tmp_path, source), source, range(1, 11)) == [385.0, *range(2, 22, 2)]
    assert source.count("/*") == source.count("*/") == 1


@pytest.mark.parametrize("name", ["double", "main", "exp", "2f", "a-b", "f; int g", "", "work", "_f", "é"])
def test_name_is_a_free_identifier(name):
    with pytest.raises(ValueError, match="to_c takes a free identifier of C"):
        to_c(compile(Value(1.0) * 2.0), name=name)


def test_example_in_the_comment_compiles_as_it_stands(tmp_path):
    w, x = Value(3.0, "w"), Value(-2.0, "x")
    program = compile(w * x + tanh(w), wrt=[w, x])
    source = to_c(program, tmp_path / "my loss.c", name="loss")
    comment = source[: source.index(" */")]
    lines = [line[2:].strip() for line in comment.splitlines()]
    start, stop = lines.index("#include <stdio.h>"), lines.index("}")
    (tmp_path / "main.c").write_text("\n".join(lines[start : stop + 1]) + "\n")
    subprocess.run([CC, *FLAGS, "main.c", "-o", "main", "-lm"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    value, gradient = program.value_and_grad([3.0, -2.0])
    assert [float(line.split()[-1]) for line in printed.splitlines()] == pytest.approx([value, *gradient], rel=1e-12)


def test_file_has_no_globals_and_no_allocation(tmp_path):
    model, parameters = network([2, 16, 16, 1])
    source = to_c(compile(model([1.0, 2.0]) ** 2, wrt=parameters))
    library(tmp_path, source)
    symbols = subprocess.run(["nm", "all.so"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "malloc" not in symbols
    assert not re.search(r" [bBdDcC] (?!_|completed|__)", symbols)


def test_same_program_gives_the_same_file():
    model, parameters = network([2, 4, 1])
    assert to_c(compile(model([1.0, 2.0]), wrt=parameters)) == to_c(compile(model([1.0, 2.0]), wrt=parameters))


def test_a_program_runs_on_after_its_export():
    model, parameters = network([8, 16, 16, 1])
    program = compile(model([0.5] * 8), wrt=parameters, backend="numpy")
    before = program.value_and_grad(program.read())
    to_c(program)
    after = program.value_and_grad(program.read())
    assert before[0] == after[0]
    assert before[1].tolist() == after[1].tolist()


def test_own_operation_is_what_it_computes_of_symbols(tmp_path):
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x)
    program = compile(cube(Value(2.0, "x")))
    source = to_c(program)
    assert called(library(tmp_path, source), source, [2.0]) == [8.0, 12.0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_own_operation_that_takes_floats_is_named(backend):
    own = operation("magic", lambda x: math.floor(float(x)), lambda y, x: 1.0)
    with pytest.raises(NotImplementedError, match="the operation magic cannot be read as C"):
        to_c(compile(own(Value(3.5, "x")) * 2.0, backend=backend))


def test_other_things_are_errors():
    with pytest.raises(TypeError, match=r"to_c takes what compile\(...\) returned, got Value"):
        to_c(Value(1.0))
    with pytest.raises(RuntimeError, match="no program before its first call"):
        to_c(compile(lambda x: x))
    with pytest.raises(ValueError, match="a function with one result, got a program with 2"):
        to_c(compile([Value(1.0) * 2.0, Value(1.0) * 3.0]))
