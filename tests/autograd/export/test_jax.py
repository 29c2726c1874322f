"""Programs as functions of JAX arrays: values, derivatives at the edges too, and JAX's transforms."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings

from autograd import Value, compile, exp, fsum, hessian, log, operation, rules, sin, softmax, where
from autograd.export import to_jax
from autograd.testing import expressions
from tests.autograd.export.rows import EDGES, ROWS, graph, network_loss, points, wanted

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'scalar-autograd[jax]'")


@pytest.fixture(autouse=True, scope="module")
def double():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def by_jax(f, *arguments):
    value, gradient = jax.value_and_grad(f)(*(np.asarray(numbers, dtype=float) for numbers in arguments))
    return [float(value), *np.ravel(gradient).tolist()]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_every_row_has_the_value_and_derivatives_of_the_engine(name, row):
    root, leaves = graph(row, points(row)[0])
    f = jax.jit(jax.value_and_grad(to_jax(compile(root, wrt=leaves))))
    edges = [xs for _, other, xs in EDGES if other is row]
    for operands in [*points(row), *edges]:
        value, gradient = f(np.array(operands))
        found = [float(value), *gradient.tolist()]
        assert found == pytest.approx(wanted(row, operands), rel=1e-12, abs=1e-15, nan_ok=True), operands


@settings(max_examples=25, deadline=None)
@given(expressions())
def test_random_expressions_agree(expression):
    leaves = [Value(x) for x in expression.inputs]
    root = expression(*leaves)
    if isinstance(root, Value):
        root.backward()
        found = by_jax(to_jax(compile(root, wrt=leaves)), expression.inputs)
        assert found == pytest.approx([root.data, *(leaf.grad for leaf in leaves)], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10]])
def test_networks_agree_under_vmap_and_grad(shape):
    program, X, Y = network_loss(shape)
    theta = program.read()
    value, gradient = program.value_and_grad_at(theta, X, Y)
    f = to_jax(program)
    assert "[i" not in f.source
    batch = jax.vmap(f, in_axes=(None, 0, 0))
    assert "gather" not in jax.jit(batch).lower(theta, X, Y).as_text()
    assert batch(theta, X, Y).tolist() == pytest.approx(program.each(X, Y).tolist(), rel=1e-12)
    found = by_jax(jax.jit(lambda *all_of_it: batch(*all_of_it).mean()), theta, X, Y)
    assert found[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found[1:], gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())


def test_hessian_is_that_of_the_engine():
    def f(x):
        return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2 + sin(x[0] * x[1]) * exp(x[0])

    program = compile(f)
    program([0.5, 2.0])
    found = jax.hessian(to_jax(program))(np.array([0.5, 2.0]))
    np.testing.assert_allclose(found, hessian(f)([0.5, 2.0]), rtol=1e-11)


def test_choices_keep_out_what_is_not_chosen():
    f = compile(lambda x: where(x[0] > 0.0, lambda: log(x[0]), lambda: x[0] * x[1]))
    f([1.0, 2.0])
    for x in ([2.0, 3.0], [0.0, 3.0], [-2.0, 3.0]):
        value, gradient = f.value_and_grad(x)
        assert by_jax(to_jax(f), x) == pytest.approx([value, *gradient], rel=1e-15)


def test_what_lies_irregularly_is_indexed():
    rng = np.random.default_rng(0)
    leaves = [Value(v) for v in rng.normal(size=40)]
    picked = rng.integers(0, 40, (60, 3)).tolist()
    root = fsum([leaves[a] * sin(leaves[b]) * leaves[c] for a, b, c in picked])
    root = root + fsum(softmax([leaves[i] for i, *_ in picked[:7]])[:3]) * 0.5
    program = compile(root, wrt=leaves)
    value, gradient = program.value_and_grad(program.read())
    assert by_jax(to_jax(program), program.read()) == pytest.approx([value, *gradient], rel=1e-12, abs=1e-13)


def test_own_operation_that_takes_floats_is_named():
    own = operation("magic", lambda x: math.floor(float(x)), lambda y, x: 1.0)
    with pytest.raises(NotImplementedError, match="the operation magic cannot be read for JAX"):
        to_jax(compile(own(Value(3.5)) * 2.0))


def test_single_precision_is_asked_for():
    program = compile(sin(Value(0.5)) * 0.1 + 2.0)
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(RuntimeError, match="jax_enable_x64"):
            to_jax(program)
        assert to_jax(program, dtype="float32")(np.array([0.5])).dtype == np.float32
    finally:
        jax.config.update("jax_enable_x64", True)
    with pytest.raises(ValueError, match="'float64' or 'float32', got 'half'"):
        to_jax(program, dtype="half")


def test_without_jax_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r"python -m pip install 'scalar-autograd\[jax\]'"):
        to_jax(compile(rules.sin(Value(1.0))))
