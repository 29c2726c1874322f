"""The examples of notebooks/examples run as they stand, and programs for micrograd with their import changed."""

import ast
import functools
import operator
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given

from autograd import Value, gradients, rules
from autograd.testing import every_operation, expressions

EXAMPLES = Path(__file__).resolve().parent.parent / "notebooks" / "examples"
ACCURACY = {"recurrent_cell": 0.93, "convolution": 0.96}  # of 360 held-out digits


@pytest.mark.thorough
@pytest.mark.parametrize("name", ACCURACY)
def test_example_learns_to_read_digits(name, capsys):
    pytest.importorskip("sklearn")
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", printed)]
    accuracy = float(re.search(r"held out: (\S+)% of 360 digits right", printed)[1]) / 100
    assert losses[-1] < losses[0] / 2
    assert accuracy >= ACCURACY[name]


def test_example_is_a_page_with_its_idea_on_top():
    found = {path.stem: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}
    assert found.keys() == {*ACCURACY, "hundred_lines", "lorenz", "sparse_optimization"}
    for name, source in found.items():
        assert source.count("\n") <= 100
        assert f"    python notebooks/examples/{name}.py\n" in ast.get_docstring(ast.parse(source), clean=False)


HUNDRED_LINES = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "hundred_lines.py")))
ROWS = {row.name: row for row in vars(HUNDRED_LINES).values() if isinstance(row, HUNDRED_LINES.Operation)}
ROWS |= {rules.power_of.member(n).name: HUNDRED_LINES.power_of(n) for n in rules.power_of.samples}
ROWS |= {"fsum": lambda *xs: functools.reduce(operator.add, xs, 0.0)}  # which ends expressions with loose ends
OURS = [row for row in every_operation() if row.name in ROWS and row not in (rules.ieee_divide, rules.ieee_log)]


def both(expression):
    """Return pairs of nodes, in the engine and in its hundred lines: those of the inputs, and those of the results."""
    inputs = [(Value(x), HUNDRED_LINES.Value(x)) for x in expression.inputs]
    results = []

    def apply(operation, operands):
        ours, theirs = zip(*[x if isinstance(x, tuple) else (x, x) for x in operands], strict=True)
        results.append((operation.apply(list(ours)), ROWS[operation.name](*theirs)))
        return results[-1]

    expression.evaluate(inputs, apply)
    return inputs, results


@given(expressions(OURS))
def test_hundred_lines_gives_the_numbers_of_the_engine(expression):
    assert len(OURS) == len(ROWS) > 20
    inputs, results = both(expression)
    (xs, zs), (y, w) = zip(*inputs, strict=True), results[-1]
    assert w.data == pytest.approx(y.data, rel=1e-13, abs=1e-13)
    assert HUNDRED_LINES.gradients(w, zs) == pytest.approx(gradients(y, xs), rel=1e-11, abs=1e-11)
    slopes = zip(HUNDRED_LINES.gradients(w, zs, create_graph=True), gradients(y, xs, create_graph=True), strict=True)
    for theirs, ours in slopes:
        expected = gradients(ours, xs) if isinstance(ours, Value) else [0.0] * len(xs)
        assert HUNDRED_LINES.gradients(theirs, zs) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(expressions(OURS))
def test_hundred_lines_accumulates_in_leaves_as_the_engine_does(expression):
    inputs, results = both(expression)
    y, w = results[-1]
    once = HUNDRED_LINES.gradients(w, [theirs for _, theirs in inputs])
    for _ in range(2):
        y.backward()
        w.backward()
    assert [theirs.grad for _, theirs in inputs] == [2.0 * derivative for derivative in once]
    for ours, theirs in inputs + results:
        assert theirs.grad == pytest.approx(ours.grad, rel=1e-11, abs=1e-11)


def test_hundred_lines_sorts_deep_graphs():
    y = x = HUNDRED_LINES.Value(1.0)
    for _ in range(10_000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1.0


def test_hundred_lines_shows_a_second_derivative(capsys):
    runpy.run_path(str(EXAMPLES / "hundred_lines.py"), run_name="__main__")
    x = Value(0.5)
    y = rules.tanh(x) * x
    (slope,) = gradients(y, [x], create_graph=True)
    (curvature,) = gradients(slope, [x])
    numbers = [float(number) for number in re.findall(r"= (\S+?),? ?(?=d|$)", capsys.readouterr().out.strip())]
    assert numbers == pytest.approx([y.data, slope.data, curvature], abs=1e-6)


def test_lorenz_orbit_has_the_digits_of_the_literature(whole, capsys):
    example = runpy.run_path(str(EXAMPLES / "lorenz.py"), run_name="__main__" if whole else "lorenz")
    published = "x = -13.763610682134, y = -19.578751942452, period = 1.5586522107162\n"
    assert not whole or published in capsys.readouterr().out
    assert example["mismatch"](list(map(float, re.findall(r"-?\d+\.\d+", published)))) == pytest.approx(
        [0.0] * 3, abs=1e-10
    )


def test_sparse_optimisation_comes_to_the_published_minimum():
    pytest.importorskip("scipy")
    example = SimpleNamespace(**runpy.run_path(str(EXAMPLES / "sparse_optimization.py")))
    found, _ = example.minimised(100)
    assert found.fun == pytest.approx(6.232458632437996, rel=1e-8)
    assert found.constr_violation < 1e-12
    found, _ = example.fitted(100)
    assert 2.0 * found.cost < 1e-16


PROGRAMS = [path for path in Path(__file__).parent.glob("programs/*.py") if path.stem not in ("__init__", "micrograd")]
THEIR_IMPORT = "from tests.programs.micrograd import Value\n"
OUR_IMPORT = "from autograd import Value\n"


def results(source):
    names = {"__name__": "program"}
    exec(source, names)
    return names["run"]()


@pytest.mark.parametrize("path", sorted(PROGRAMS), ids=lambda path: path.stem)
def test_program_gives_the_same_numbers_with_its_import_changed(path):
    source = path.read_text(encoding="utf-8")
    assert source.count(THEIR_IMPORT) == 1
    theirs, ours = results(source), results(source.replace(THEIR_IMPORT, OUR_IMPORT))
    assert [type(number) for number in theirs] == [type(number) for number in ours]
    assert len(theirs) > 5
    for expected, found in zip(theirs, ours, strict=True):
        assert found == (pytest.approx(expected, rel=1e-9, abs=0.0) if isinstance(expected, float) else expected)
