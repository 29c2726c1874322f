"""Programs in C99, compiled without a warning and compared with the engine: values and gradients."""

import ctypes
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd as ad
import nn
from autograd import Value, compile, dot, fsum, logsumexp, sin, sqrt, tanh
from autograd.compiler import blocks
from autograd.export import to_c
from autograd.export.c import ArrayWriter, StepWriter
from autograd.functions import flatten
from tests.autograd.compiler.beside_eager import eager
from tests.autograd.compiler.test_every_row_repeated import repeated
from tests.autograd.export.rows import ROWS, cases, close, points, program_of
from tests.autograd.export.samples import irregular_graph, network_loss

CC = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
pytestmark = pytest.mark.skipif(
    CC is None or sys.platform == "win32", reason="there is no C compiler: cc, gcc or clang"
)
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
WRITERS = [ArrayWriter, StepWriter]


def library(folder, *sources):
    """Compile files together, and load them."""
    (folder / "all.c").write_text("\n".join(sources), encoding="ascii")
    command = [CC, *FLAGS, "-O1", "-shared", "-fPIC", "all.c", "-o", "all.so", "-lm"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return ctypes.CDLL(str(folder / "all.so"))


def sizes(source, name="f"):
    """The sizes in the enum, by what they are of."""
    (found,) = re.findall(r"^enum \{ (.*) \};$", source, re.M)
    return {part.split(" = ")[0].removeprefix(f"{name}_"): int(part.split(" = ")[1]) for part in found.split(", ")}


def called(loaded, source, theta=(), x=(), name="f"):
    """The value and the gradient, or the values and the Jacobian; every array ends where the enum says."""
    size = sizes(source, name)
    assert (len(theta), len(x)) == (size["parameters"], size["inputs"])
    results = size.get("results", 1)
    function = getattr(loaded, name)
    function.restype = ctypes.c_double if results == 1 else None
    work, values, slopes = (
        np.array([*[math.nan] * n, 42.0]) for n in (size["work"], results, results * size["gradient"])
    )
    outputs = [slopes] if results == 1 else [values, slopes]
    given = [np.array([*numbers, 0.0]) for numbers in (theta, x)]

    def call(*arrays):
        return function(*[a if a is None else a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for a in arrays])

    alone = (
        [call(*given, *outputs[:-1], None, work)]
        if results == 1
        else call(*given, values, None, work) or values.tolist()
    )
    value = [call(*given, *outputs, work)] if results == 1 else call(*given, *outputs, work) or values.tolist()
    assert repr(alone) == repr(value)
    assert slopes[-1] == work[-1] == values[-1] == 42.0
    return [*value[:results], *slopes[:-1].tolist()]


def written(writer, program, number):
    """A program as that form of it."""
    return writer(program.program, f"f{number}").text("f.c")


@pytest.mark.thorough
@pytest.mark.parametrize("writer", WRITERS)
def test_every_row_computes_what_the_engine_does(writer, tmp_path):
    sources = [written(writer, program_of(row), number) for number, (_, row) in enumerate(ROWS)]
    loaded = library(tmp_path, *sources)
    for number, (name, row) in enumerate(ROWS):
        for operands, wanted in cases(row):
            assert called(loaded, sources[number], operands, name=f"f{number}") == close(wanted), (name, operands)


def network(sizes, **options):
    model = nn.MLP(sizes[0], sizes[1:], seed=1, **options)
    return model, model.parameters()


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10]])
def test_files_are_as_small_as_the_docs_say(shape):
    program, X, Y = network_loss(shape)
    program(X, Y)
    source = to_c(program, name="loss")
    page = (Path(__file__).parents[3] / "docs/leaving.md").read_text(encoding="utf-8")
    lines, size = re.search(
        rf"^\| {'-'.join(map(str, shape))}\b.*? \| [0-9,]+ \| ([0-9,]+) \| ([0-9,]+) \|$", page, re.M
    ).groups()
    assert len(source.splitlines()) == int(lines)
    assert len(source) == pytest.approx(int(size.replace(",", "")), abs=20)  # the version has any length


def test_what_is_done_once_is_no_loop():
    f = compile(sin)
    f(0.5)
    body = to_c(f).rpartition("double f(")[2]
    assert "v[0] = x[0];" in body
    assert "for (" not in body


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
    assert called(library(tmp_path, source), source, [0.8, 0.2]) == close([value, *gradient])


@pytest.mark.thorough
def test_loop_of_every_row_is_as_eager(monkeypatch, tmp_path):
    monkeypatch.setattr(blocks, "PIECE", 2)
    known, sources = [], []
    for number, (_, row) in enumerate(ROWS):
        f, operands = repeated(row.apply), points(row)[0]
        leaves = [Value(x) for x in operands]
        known.append((operands, eager(f, operands)))
        sources.append(written(StepWriter, compile(f(leaves), wrt=leaves), number))
        assert "for (int i = 0; i < 5" in sources[-1]
        assert "static const double" in sources[-1]
    loaded = library(tmp_path, *sources)
    for number, (operands, wanted) in enumerate(known):
        assert called(loaded, sources[number], operands, name=f"f{number}") == close(wanted), ROWS[number]


@pytest.mark.parametrize("scales", [[0.5], [0.5, 0.25]])
def test_constant_that_stays_is_no_table(scales, tmp_path):
    def f(x):
        y = x[0]
        for scale in scales * 1_000:
            y = (y + x[1]) * scale
        return y

    leaves = [Value(0.5), Value(2.0)]
    source = to_c(compile(f(leaves), wrt=leaves))
    assert ("static const double" in source) == (len(scales) > 1)
    assert called(library(tmp_path, source), source, [0.5, 2.0]) == close(eager(f, [0.5, 2.0]))


@pytest.mark.parametrize("backend", ["python", "numpy"])
def test_what_lies_irregularly_is_listed(backend):
    source = to_c(compile(irregular_graph()[0], backend=backend))
    assert max(map(len, source.splitlines())) < 2_000


def lorenz(x, k):
    return [k * (x[1] - x[0]), 1.0, x[0] * (28.0 - x[2]) - x[1], {"z": x[0] * x[1] - tanh(x[2]), "of": x[1]}]


def beside_infinite_slopes(x):
    a, b = x[0], x[1]
    for _ in range(30):
        a, b = sin(a * b), b * 0.9 + a
    rows = [dot([sqrt(x[0]), x[1], x[2]], row) for row in ([1.0, 2.0, 3.0], [0.0, 0.5, 4.0])]
    roots = [sqrt(y) for y in x]
    return [sqrt(x[0] * x[0] + x[2] * x[2]), x[1] * 2.0, 5.0, x[0] + x[1], *rows, *roots, dot(x, x), a, b, a * x[1]]


SEVERAL = [  # a function, its number of results, and arguments
    (lorenz, 5, [([1.0, 2.0, 3.0], 10.0)]),
    (beside_infinite_slopes, 13, [([0.0, 0.3, 0.0],), ([0.1, 0.2, 0.3],), ([0.0, 0.0, 1.0],)]),
]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(("f", "results", "given"), SEVERAL, ids=["results", "infinite slopes"])
def test_each_result_has_a_row_of_the_jacobian_with_nothing_of_other_results(f, results, given, writer, tmp_path):
    program = compile(f)
    program(*given[-1])
    source = written(writer, program, 1)
    loaded, size = library(tmp_path, source), sizes(source, "f1")
    for arguments in given:
        x, structure = flatten(arguments, "test")
        assert (size["results"], size["inputs"], size["gradient"]) == (results, len(x), len(x))
        whole = lambda x, structure=structure: flatten(f(*structure.unflatten(x)), "test")[0]
        slopes = np.ravel(ad.jacobian(whole)(x)).tolist()
        assert called(loaded, source, x=x, name="f1") == close([*whole(x), *slopes]), x


def test_network_is_a_function_of_its_parameters_and_inputs(tmp_path):
    model, parameters = network([64, 32, 10], activation="tanh")
    source = to_c(model, name="predict")
    assert len(source.splitlines()) < 120
    theta, x = [leaf.data for leaf in parameters], np.linspace(-1.0, 1.0, 64).tolist()
    outputs = model(x)
    found = called(library(tmp_path, source), source, theta, x, name="predict")
    assert found[:10] == close([y.data for y in outputs])
    rows = [leaf for y in outputs for leaf in ad.gradients(y, parameters)]
    np.testing.assert_allclose(found[10:], rows, rtol=1e-12, atol=0.0)


HOSTILE = ["*/ int evil; /*", "a\\", "??/", "\n#error", "x\u2028y", "%s", '"', "//", "\x00", "ü" * 500]


def test_no_label_leaves_its_comment(tmp_path):
    leaves = [Value(float(n), label) for n, label in enumerate(HOSTILE, 1)]
    program = compile(fsum([leaf * leaf for leaf in leaves]), wrt=leaves)
    source = to_c(program)
    assert called(library(tmp_path, source), source, range(1, 11)) == [385.0, *range(2, 22, 2)]
    assert source.count("/*") == source.count("*/") == 1


w, b = Value(2.0, "w"), Value(3.0, "b")
COMMENTS = [  # a function, its arguments, and what the comment says of them
    (lambda x: w * x, [1.0], "a function and its gradient by theta, written"),
    (lambda x: x * x, [1.0], "a function and its gradient by x, written"),
    (lambda a, b, c: a[0] * a[1] * b * c[0] * c[2], [[1.0, 2.0], 3.0, [4.0, 5.0, 6.0]],
        "     x         6 inputs: 0 to 1 a, 2 b, 3 to 5 c\n"),
]  # fmt: skip


def test_comment_says_by_what_the_gradient_is_and_which_numbers_are_parameters_and_arguments():
    for f, arguments, said in COMMENTS:
        program = compile(f)
        program(*arguments)
        assert said in to_c(program)
    assert "theta     2 parameters: 0 w, 1 b\n" in to_c(compile(w * b, wrt=[w, b]))


@pytest.mark.parametrize("results", [1, 3])
@pytest.mark.parametrize("count", [0, 2, 60])
def test_example_in_the_comment_compiles_as_it_stands(count, results, tmp_path):
    leaves = [Value(0.5 + i, f"w{i}") for i in range(count)]

    def roots(numbers):
        return [tanh(x) * numbers[-1] + logsumexp(numbers) for x in (numbers * 2)[:results]]

    program = compile(roots(leaves) if results > 1 else roots(leaves)[0], wrt=leaves) if count else compile(roots)
    if not count:  # which has inputs in place of parameters, that are 0 in the example
        program([0.5, 1.5])
    source = to_c(program, tmp_path / "my loss.c", name="loss")
    comment = source[: source.index(" */")]
    lines = [line[2:].strip() for line in comment.splitlines()]
    start, stop = lines.index("#include <stdio.h>"), lines.index("}")
    (tmp_path / "main.c").write_text("\n".join(lines[start : stop + 1]) + "\n", encoding="utf-8")
    subprocess.run([CC, *FLAGS, "main.c", "-o", "main", "-lm"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    theta = program.read() if 0 < count <= 24 else [0.0] * count  # more would fill the comment
    known = called(library(tmp_path, source), source, theta, [] if count else [0.0, 0.0], name="loss")
    assert [float(line.split()[-1]) for line in printed.splitlines()] == known


def test_file_has_no_globals_and_no_allocation(tmp_path):
    model, parameters = network([2, 16, 16, 1])
    source = to_c(compile(model([1.0, 2.0]) ** 2, wrt=parameters))
    library(tmp_path, source)
    symbols = subprocess.run(["nm", "all.so"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "malloc" not in symbols
    assert not re.search(r" [bBdDcC] (?!_|completed|__)", symbols)
