"""Programs as functions of JAX arrays: values, derivatives at the edges too, and JAX's transforms."""

import itertools
import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ad
import autograd.export.jax as jax_export
from autograd import Value, compile, dot, fsum, gradients, operation, sin, tanh
from autograd.export import _scans, to_jax
from tests.autograd.compiler.recurrences import BLOCKS, leaf_count, recurrence
from tests.autograd.export.rows import (
    agreeing,
    cases,
    check_extremes,
    check_higher,
    close,
    derived,
    each_row,
    higher_points,
    program_of,
)
from tests.autograd.export.samples import irregular_graph, network_loss, random_graphs
from tests.hypothesis_profiles import max_examples

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


@pytest.fixture(params=["steps", "arrays"])
def form(request, monkeypatch):
    """Have every program written as scalar steps, or as array instructions."""
    monkeypatch.setattr(jax_export, "NARROW", 10**9 if request.param == "steps" else 0)
    return request.param


@each_row
def test_every_row_has_the_value_and_derivatives_of_the_engine(name, row, form):
    f = jax.jit(jax.value_and_grad(to_jax(program_of(row))))
    for operands, wanted in cases(row, in_tails=False):
        value, gradient = f(np.array(operands))
        assert [float(value), *gradient.tolist()] == close(wanted), operands


@each_row
def test_every_row_has_the_higher_derivatives_of_the_engine_in_every_order_of_modes(name, row):
    exported, operands = to_jax(program_of(row)), higher_points(row)
    for modes in ("ff", "fr", "rf", "rr", "rff", "rrr"):
        derivative = jax.jit(jax.vmap(derived(exported, modes, jax)))
        for xs, found in zip(operands, derivative(np.array(operands)), strict=True):
            check_higher(found, row, len(modes), xs)


@each_row
def test_every_row_has_the_derivatives_of_the_engine_at_all_magnitudes(name, row):
    exported = to_jax(program_of(row))
    by_export = lambda modes, operands: jax.jit(jax.vmap(derived(exported, modes, jax)))(np.array(operands))
    check_extremes(row, by_export, modes=("f", "r", "fr", "rr"))


def test_quotient_of_quotients_is_divided_twice():
    f = compile(lambda x, y, z: x / y / z)
    f(1.0, 1.0, 1.0)
    assert float(jax.jit(to_jax(f))(1e300, 1e200, 1e200)) == close(1e-100)


@max_examples(12)
@given(random_graphs())
def test_random_expressions_agree(form, found):
    root, leaves = found
    assert by_jax(to_jax(compile(root, wrt=leaves)), [x.data for x in leaves]) == agreeing(root, leaves)


@pytest.mark.parametrize("shape", [[2, 3, 1], [2, 16, 16, 1], [64, 32, 10]])
def test_networks_agree_under_vmap_and_grad(shape):
    program, X, Y = network_loss(shape)
    theta = program.read()
    value, gradient = program.value_and_grad_at(theta, X, Y)
    f = to_jax(program)
    assert gathers(f, [theta, X[0], Y[0]]) == 0
    batch = jax.vmap(f, in_axes=(None, 0, 0))
    assert batch(theta, X, Y).tolist() == pytest.approx(program.each(X, Y).tolist(), rel=1e-12)
    found = by_jax(jax.jit(lambda *all_of_it: batch(*all_of_it).mean()), theta, X, Y)
    assert found[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found[1:], gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())


def convolution(image, kernel):
    size, around = len(image) - 2, list(itertools.product(range(3), range(3)))
    weights = [kernel[a][b] for a, b in around]
    windows = [[image[i + a][j + b] for a, b in around] for i in range(size) for j in range(size)]
    return fsum([tanh(dot(window, weights)) for window in windows])


# Functions whose operands lie regularly, and the shapes of their arguments.
REGULAR = {
    "neighbours": (lambda u: fsum([(a - 2 * b + c) ** 2 for a, b, c in zip(u, u[1:], u[2:])]), [60]),
    "reversed": (lambda u: fsum([sin(a) * b for a, b in zip(u, reversed(list(u)))]), [60]),
    "columns": (lambda A: fsum([sin(row[0]) * row[3] for row in A]), [(60, 4)]),
    "diagonals": (lambda A: fsum([A[i][i] ** 2 * sin(A[i][-1 - i]) for i in range(60)]), [(60, 60)]),
    "convolution": (convolution, [(9, 9), (3, 3)]),
    "product": (lambda A, B: fsum([tanh(dot(row, column)) for row in A for column in zip(*B)]), [(8, 6), (6, 7)]),
    "tile": (lambda x, A: fsum([dot(x, row) for row in A]), [6, (20, 6)]),
    "one of all": (lambda x, A: fsum([sin(a) * x for row in A for a in row]), [(), (20, 6)]),
}


@pytest.mark.parametrize("name", REGULAR)
def test_what_lies_regularly_is_sliced_not_gathered(name, monkeypatch):
    monkeypatch.setattr(jax_export, "NARROW", 0)
    function, shapes = REGULAR[name]
    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=shape) for shape in shapes]
    program = compile(function)
    value, gradient = program.value_and_grad(*arguments)
    f = to_jax(program)
    assert gathers(f, arguments) == 0
    found = by_jax(f, *arguments)
    assert found == pytest.approx([value, *np.ravel(gradient)], rel=1e-12)


def gathers(f, arguments):
    """How often a function and its gradient read or add by an index."""
    text = jax.jit(jax.value_and_grad(f)).lower(*arguments).as_text()
    return text.count("gather") + text.count("scatter")


def test_what_lies_irregularly_is_indexed():
    root, leaves = irregular_graph()
    program = compile(root, wrt=leaves)
    assert gathers(to_jax(program), [program.read()]) > 0


def test_recurrence_is_a_scan_whose_block_is_written_once():
    def pendulum(start, h):
        angle, speed = start
        for _ in range(2000):
            speed = speed - h * sin(angle)
            angle = angle + h * speed
        return angle

    program = compile(pendulum)
    value, gradient = program.value_and_grad([1.0, 0.0], 0.01)
    f = to_jax(program)
    assert f.source.count("jax.lax.scan") == 1
    assert len(f.source.splitlines()) < 25
    assert by_jax(f, [1.0, 0.0], 0.01) == pytest.approx([value, *gradient], rel=1e-11)
    many = jax.vmap(jax.grad(f), in_axes=(0, None))(np.array([[1.0, 0.0], [0.5, 0.1]]), 0.01)
    assert many[0].tolist() == pytest.approx(gradient, rel=1e-11)
    single = to_jax(program, dtype="float32")
    assert by_jax(single, [1.0, 0.0], 0.01) == pytest.approx([value, *gradient], rel=1e-3)
    assert single(np.ones(2), 0.01).dtype == np.float32


@max_examples(12)
@given(BLOCKS, st.integers(2, 14), st.integers(0, 2**32 - 1), st.booleans())
def test_random_recurrences_agree(monkeypatch, block, repetitions, seed, every):
    monkeypatch.setattr(_scans, "SEARCHED", 0)
    monkeypatch.setattr(_scans, "RUNS", 2)
    monkeypatch.setattr(jax_export, "NARROW", 10**9)
    random = np.random.default_rng(seed)
    build = partial(recurrence, block, random.uniform(-1, 1, size=repetitions).tolist(), every)
    leaves = [Value(x) for x in random.uniform(-1, 1, size=leaf_count(repetitions))]
    root = build(leaves)
    exact = [root.data, *gradients(root, leaves)]
    assert by_jax(to_jax(compile(root, wrt=leaves)), [x.data for x in leaves]) == pytest.approx(exact, rel=1e-9)


def test_loop_that_reads_its_results_out_of_step_is_unrolled(monkeypatch):
    monkeypatch.setattr(_scans, "SEARCHED", 0)

    def f(x):
        found = [*x]
        for i in range(12):
            found.append(sin(found[i // 2] * 0.7))
        return found[-1]

    program = compile(f)
    value, gradient = program.value_and_grad([0.3, 0.9])
    assert by_jax(to_jax(program), [0.3, 0.9]) == pytest.approx([value, *gradient], rel=1e-12)


@pytest.mark.sample(3)
@pytest.mark.parametrize("states", [1, 2, 3])
@pytest.mark.parametrize("delay", [1, 2, 9, 10, 11])  # repetitions before the one that reads
def test_all_results_of_a_scan_are_read_in_any_order(monkeypatch, states, delay):
    monkeypatch.setattr(_scans, "SEARCHED", 0)
    monkeypatch.setattr(jax_export, "NARROW", 10**9)

    def f(x):
        rows = [[*x]] * delay
        for k in range(11):
            beside = rows[-1 - k % 2] if delay < 9 else [0.0] * states
            rows.append([sin(rows[-delay][i] + 0.5 * beside[i - 1]) for i in range(states)])
        rows = rows[::-1] + rows[::3]
        return fsum([y * (1.0 + 0.1 * k) for k, y in enumerate(y for row in rows for y in row)])

    start = [0.3, 0.9, -0.4][:states]
    value, gradient = compile(f).value_and_grad(start)
    assert by_jax(to_jax(compile(f).specialize(start)), start) == pytest.approx([value, *gradient], rel=1e-12)


def test_operand_that_is_constant_has_no_part_in_a_derivative(form):
    powr = operation("powr", lambda x, n: x**n, lambda y, x, n: n * x ** (n - 1.0), lambda y, x, n: y * ad.log(x))
    for f, x in ((lambda x: 0.0 ** x[0], 0.5), (lambda x: powr(x[0], 3.0), -0.7), (lambda x: powr(x[0], 2.0), 0.0)):
        program = compile(f).specialize([x])
        wanted = ad.grad(f)([x])
        assert jax.jacfwd(to_jax(program))(np.array([x])).tolist() == wanted
        assert jax.grad(to_jax(program))(np.array([x])).tolist() == wanted


def test_own_operation_may_leave_operands_out(form):
    one = operation("one", lambda x: 1.0, lambda y, x: 0.0)
    first = operation("first", lambda x, z: x, lambda y, x, z: 1.0, lambda y, x, z: 0.0)
    several = [lambda x: [one(a) * a for a in x], lambda x: fsum([one(a) for a in x]), lambda x: [*map(one, x)]]
    for f in (lambda x: one(x[0]) + 2.0 * x[1], lambda x: first(3.0, x[0]) * x[1], *several):
        program = compile(f).specialize([0.5, 2.0])
        found = jax.vmap(jax.jit(to_jax(program)))(np.array([[0.5, 2.0], [1.0, -1.0]]))
        assert np.ravel(found).tolist() == np.ravel([f([0.5, 2.0]), f([1.0, -1.0])]).tolist()


def test_results_that_are_constant_are_there(form):
    several = compile(lambda x: [x[0] * x[1], 3.0, x[0] ** 3, -1.5])
    single = compile(lambda x: 3.0)
    none = compile(lambda x: [])
    assert none([2.0]) == []
    assert to_jax(none.specialize([2.0]))(np.ones(1)).shape == (0,)
    for f, x in ((several, [2.0, 5.0]), (single, [2.0])):
        wanted_results = np.ravel(f(x)).tolist()
        for program in (f, f.specialize(x), pickle.loads(pickle.dumps(f.specialize(x)))):
            found = jax.jit(to_jax(program))(np.array(x))
            assert (np.ravel(found).tolist(), found.dtype) == (wanted_results, np.float64)
    assert jax.grad(to_jax(single))(2.0) == 0.0
    assert jax.vmap(to_jax(single))(np.ones((3, 1))).tolist() == [3.0] * 3
    theta = Value(2.0)
    assert to_jax(compile([theta * 2.0, Value(7.0) + 0.0], wrt=[theta]))(np.array([5.0])).tolist() == [10.0, 7.0]


def test_arguments_may_have_any_name(form):
    f = compile(lambda theta, captured, x0: theta * captured[1] - x0)
    f(2.0, [3.0, 4.0], 1.0)
    assert to_jax(f)(2.0, np.array([3.0, 4.0]), 1.0) == 7.0
    with pytest.raises(ValueError, match=r"an argument of 2 numbers here, got the shape \(3,\)"):
        to_jax(f)(2.0, np.ones(3), 1.0)


def test_source_names_the_functions():
    x = Value(0.5, "x")
    assert to_jax(compile(tanh(x) ** -0.5 + abs(x))).source == (
        "def f(theta):\n"
        "    theta = array(theta, 1)\n"
        "    v0 = tanh(theta[0])\n"
        "    v1 = power_of_minus_0_5(v0)\n"
        "    v2 = abs(theta[0])\n"
        "    v3 = v1 + v2\n"
        "    return jnp.asarray(v3, dtype)\n"
    )


def test_single_precision_is_asked_for():
    program = compile(sin(Value(0.5)) * 0.1 + 2.0)
    made = to_jax(program)
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(RuntimeError, match="jax_enable_x64"):
            to_jax(program)
        assert to_jax(program, dtype="float32")(np.array([0.5])).dtype == np.float32
        with pytest.raises(RuntimeError, match="jax_enable_x64"):  # at the call, too
            made(np.array([0.5]))
    finally:
        jax.config.update("jax_enable_x64", True)
    with pytest.raises(ValueError, match="'float64' or 'float32', got 'half'"):
        to_jax(program, dtype="half")
