"""Programs in JavaScript, run by Node.js and compared with the engine: values and gradients, of several examples."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd import Value, compile, exp, rules, sin
from autograd.export import to_javascript
from tests.autograd.export.rows import ROWS, cases, program_of, wanted
from tests.autograd.export.samples import network_loss

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no Node.js: node")

RUN = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"), (_, x) => (typeof x === "string" ? Number(x) : x));
const written = (x) => (Number.isFinite(x) ? x : String(x).replace("Infinity", "inf").replace("NaN", "nan"));
const found = given.map(([which, theta, x, examples]) => {
  const f = functions[which];
  const values = new Float64Array(examples * f.results).fill(NaN);
  const gradient = new Float64Array(f.parameters || f.inputs * examples).fill(NaN);
  f(Float64Array.from(theta), Float64Array.from(x), values, f.results === 1 ? gradient : null);
  return [[...values].map(written), [...gradient].map(written)];
});
console.log(JSON.stringify(found));
"""


def run(sources, calls):
    """Call functions with (which, theta, x, examples); return values and gradient of each call."""
    text = "const functions = [];\n" + "\n".join(f"{{{source}functions.push(f);}}" for source in sources) + RUN
    numbers = [[which, list(map(json_safe, theta)), list(map(json_safe, x)), n] for which, theta, x, n in calls]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.js"
        file.write_text(text, encoding="utf-8")
        command = [NODE, "--disallow-code-generation-from-strings", str(file)]
        done = subprocess.run(command, input=json.dumps(numbers), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [[list(map(float, part)) for part in found] for found in json.loads(done.stdout)]


def json_safe(x):
    return float(x) if np.isfinite(x) else repr(float(x)).replace("inf", "Infinity").replace("nan", "NaN")


def alone(source, theta=(), x=(), examples=1):
    [[values, gradient]] = run([source], [(0, theta, x, examples)])
    return values, gradient


def test_every_row_computes_what_the_engine_does():
    sources, calls, known = [], [], []
    for number, (name, row) in enumerate(ROWS):
        sources.append(to_javascript(program_of(row)))
        for operands, right in cases(row, in_tails=False):
            calls.append((number, operands, (), 1))
            known.append((name, row, operands, right))
    for (name, row, operands, right), (values, gradient) in zip(known, run(sources, calls), strict=True):
        tail = 1e-16 if row is rules.gelu else 1e-300
        assert [*values, *gradient] == pytest.approx(right, rel=1e-12, abs=tail, nan_ok=True), (name, operands)


@pytest.mark.parametrize("row", [rules.where, rules.either], ids=str)
def test_nan_as_a_condition_holds_as_in_python(row):
    operands = [np.nan, *[0.0, 3.0][: len(row.partials) - 1]]
    values, gradient = alone(to_javascript(program_of(row, [1.0, *operands[1:]])), operands)
    assert [*values, *gradient] == wanted(row, operands)


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [3, 5, 4], [64, 32, 10]])
def test_network_has_the_values_and_the_gradient_of_the_mean_over_all_examples(shape):
    program, X, Y = network_loss(shape)
    value, gradient = program.value_and_grad_at(program.read(), X, Y)
    source = to_javascript(program)
    _, _, own = source.partition("let room")  # before it are the functions that JavaScript lacks
    assert 0 < len(own.splitlines()) < 100
    values, slopes = alone(source, program.read(), np.hstack([X, Y]).ravel(), len(X))
    assert values == pytest.approx(program.each_at(program.read(), X, Y), rel=1e-12)
    assert np.mean(values) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(slopes, gradient, rtol=1e-12, atol=1e-13 * np.abs(gradient).max())


def test_a_second_call_with_other_numbers_knows_nothing_of_the_first():
    program, X, Y = network_loss([2, 4, 3])
    data = np.hstack([X, Y])
    program(X, Y)
    source = to_javascript(program)
    theta = program.read()
    calls = [(0, theta, data.ravel(), 7), (0, -theta, data[:2].ravel(), 2), (0, theta, data.ravel(), 7)]
    first, other, again = run([source], calls)
    assert first == again
    _, gradient = program.value_and_grad_at(-theta, X[:2], Y[:2])
    assert other[1] == pytest.approx(list(gradient), rel=1e-12)


def test_a_penalty_of_parameters_alone_is_a_function_without_examples():
    model = nn.MLP(2, [3, 1], seed=1)
    f = compile(nn.l2(model.parameters()), wrt=model.parameters())
    theta = [p.data for p in model.parameters()]
    values, slopes = alone(to_javascript(f), theta)
    assert values == [pytest.approx(sum(t * t for t in theta))]
    assert slopes == pytest.approx([2 * t for t in theta])


def test_several_results_are_values_only():
    f = compile(lambda x: [sin(x[0]), x[0] * x[1]], batched="x")
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    f.each(X)
    values, _ = alone(to_javascript(f), x=X.ravel(), examples=2)
    assert values == pytest.approx([np.sin(1.0), 2.0, np.sin(3.0), 12.0])


def test_file_holds_what_is_returned(tmp_path):
    w = Value(2.0, "w")
    source = to_javascript(compile(exp(w), wrt=[w]), tmp_path / "f.js")
    assert (tmp_path / "f.js").read_text(encoding="utf-8") == source
    assert "eval" not in source
    assert "Function" not in source
