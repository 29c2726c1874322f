"""Recurrences: what is repeated is found and written as a loop, whatever its operands are."""

import math
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, dot, exp, fsum, gradients, maximum, relu, rules, sigmoid, sin, tanh
from autograd.compiler import _loops, blocks
from autograd.compiler._loops import find_loops
from autograd.compiler.instructions import Affine
from tests.autograd.compiler.recurrences import BLOCKS, leaf_count, recurrence
from tests.hypothesis_profiles import max_examples


@pytest.fixture(autouse=True)
def plain_python_in_pieces(python_backend, monkeypatch):
    monkeypatch.setattr(blocks, "PIECE", 5)


def assert_as_eager(build, leaves, rel=1e-12):
    """Hold the program of a graph, at its leaves' numbers and at others, against eager values; return it."""
    program = compile(build(leaves), wrt=leaves)
    for factor in (1.0, 0.9, -0.4):
        theta = [factor * leaf.data for leaf in leaves]
        value, gradient = program.value_and_grad(theta)
        fresh = [Value(x) for x in theta]
        root = build(fresh)
        assert value == pytest.approx(root.data, rel=rel, abs=1e-300)
        wanted = gradients(root, fresh)
        assert np.abs(gradient - wanted).max() <= rel * max(map(abs, wanted))
    return program


def is_looped(program):
    return "for i" in program.source


def pendulum(leaves):
    angle, speed, h = leaves
    for _ in range(50):
        speed = speed - h * sin(angle)
        angle = angle + h * speed
    return angle * angle + speed


def two_recurrences(leaves):
    state, rate = leaves
    for _ in range(30):
        state = sin(state) * rate
    for _ in range(30):
        state = exp(-state * state) - rate
    return state


def recurrent_network(leaves):
    w, bias, h = leaves[:8], leaves[8:10], [0.0, 0.0]
    for x in np.random.default_rng(1).normal(size=(25, 2)).tolist():
        h = [tanh(dot(w[4 * i : 4 * i + 4], [*x, *h]) + bias[i]) for i in range(2)]
    return h[0] * h[1]


def table_of_variables(first):
    def build(leaves):
        state = leaves[4]
        for n in range(30):
            state = sin(state) * leaves[(n * n + first) % 3]
        return state

    return build


RECURRENCES = {  # each with the numbers of its leaves
    **{
        pendulum: [1.0, 0.5, 0.01],
        two_recurrences: [0.8, 1.3],
        recurrent_network: [math.cos(7 * i) for i in range(10)],
    },
    **{table_of_variables(first): [0.5 + 0.1 * i for i in range(5)] for first in range(3)},
}


@pytest.mark.parametrize("build", RECURRENCES, ids=lambda build: build.__name__)
def test_what_is_repeated_is_a_loop(build):
    assert is_looped(assert_as_eager(build, list(map(Value, RECURRENCES[build]))))


def test_loop_is_written_once_forward_and_backward():
    program = compile(pendulum(list(map(Value, RECURRENCES[pendulum]))))
    assert program.stats["nodes"] == 252
    assert program.stats["instructions"] < 30
    assert str(program).endswith("252 nodes in 26 instructions of plain Python, 252 floating-point operations")
    assert compile(two_recurrences([Value(0.8), Value(1.3)])).program.source.count("for i") == 4


def test_what_is_not_repeated_is_straight():
    def build(leaves):
        x, y = leaves
        return sin(x) * exp(y) - tanh(x * y) + relu(x) * sigmoid(y) - maximum(x, y) / 3.0

    assert not is_looped(assert_as_eager(build, [Value(0.8), Value(1.3)]))


def test_error_in_a_loop_is_that_of_the_eager_engine():
    x, y = Value(3.0), Value(0.5)
    total = x
    for _ in range(20):
        total = (total - y).sqrt() + 1.0
    program = compile(total, wrt=[x, y])
    with pytest.raises(ValueError, match="sqrt is defined for x >= 0, got x = -2"):
        program.value_and_grad([0.0, 2.0])


def test_operands_of_a_block_move_on_with_it_or_stay():
    steps = []
    for k in range(10):
        place = 2 + 2 * k
        steps += [(rules.mul, [place - 1, 0]), (rules.add, [place, float(k)])]
    [loop] = find_loops(steps, 2)
    assert loop.repetitions == 10
    assert loop.operands == [[Affine(1, 2), Affine(0, 0)], [Affine(2, 2), [float(k) for k in range(10)]]]


def test_a_few_repetitions_are_no_loop():
    assert find_loops([(rules.sin, [place]) for place in range(_loops.LEAST - 1)], 1) == []


@max_examples(150)
@given(BLOCKS, st.integers(2, 14), st.integers(0, 2**32 - 1), st.booleans())
def test_random_recurrence_is_as_eager(block, repetitions, seed, every):
    random = np.random.default_rng(seed)
    build = partial(recurrence, block, random.uniform(-1, 1, size=repetitions).tolist(), every)
    leaves = [Value(x) for x in random.uniform(-1, 1, size=leaf_count(repetitions))]
    assert_as_eager(build, leaves, 1e-10)


@pytest.mark.parametrize("pick_anew", [True, False])  # straight lines, or a loop
@pytest.mark.parametrize("seed", range(8))
def test_batched_recurrence_hands_the_same_array_to_several_adjoints(monkeypatch, pick_anew, seed):
    """The adjoint of a sum is that of each of its terms, to one of which more is added: not to the other."""
    monkeypatch.setattr(blocks, "PIECE", 40 if seed % 2 else 1_000)
    random = np.random.default_rng(seed)
    picks = random.integers(0, 3, size=(120, 3, 3))
    picks = picks if pick_anew else picks[:1].repeat(120, axis=0)

    def f(w, x):
        state = [w[0] * x[0], w[1] * x[1], w[1] + x[0]]
        for some in picks:
            for i, j, to in some:
                state[to] = 0.5 * state[i] - state[j]
            state[some[0, 0]] = sin(state[0] + state[1])
        last = state[0] + state[1]
        return last * state[2] + last + state[1] + w[0] * w[1]

    X, leaves = random.normal(size=(3, 2)), [Value(0.7), Value(-0.4)]
    each_step = compile(lambda x: f(leaves, x), batched="x", wrt=leaves, backend="numpy")
    each_step.backward(X)
    assert each_step.program.runner.form == "steps"
    fresh = [Value(leaf.data) for leaf in leaves]
    slopes = gradients(fsum([f(fresh, x) for x in X.tolist()]) / 3.0, fresh)
    assert [leaf.grad for leaf in leaves] == pytest.approx(slopes, rel=1e-10, abs=1e-14)


def test_adjoint_of_many_terms_is_summed_in_lines_of_a_few():
    def build(leaves):
        x, *others = leaves
        return fsum([sin(x * y) for y in others]) + x

    leaves = [Value(0.1 * i) for i in range(60)]
    assert max(map(len, assert_as_eager(build, leaves).source.splitlines())) < 2_000


@pytest.mark.parametrize("first", ["wide", "chain"])
def test_chain_beside_what_is_wide_is_a_loop_and_not_an_instruction_a_node(monkeypatch, first):
    x, b, *others = leaves = [Value(0.5 / i) for i in range(1, 3_001)]
    total = x if first == "chain" else fsum([tanh(a * a) for a in others])
    for _ in range(10_000):
        total = total * b + x
    if first == "chain":
        total = fsum([tanh(a * total) for a in others])
    program = compile(total, wrt=leaves, backend="numpy")
    assert program.stats["nodes"] > 20_000
    assert program.stats["instructions"] < 100
    value, gradient = program.value_and_grad(program.read())
    assert value == pytest.approx(total.data, rel=1e-12)
    assert gradient == pytest.approx(gradients(total, leaves), rel=1e-10)


def test_loop_may_use_what_its_first_repetition_made():
    data = [math.sin(n * n) for n in range(30)]

    def build(leaves):
        state, first = leaves[3], None  # the last leaf, which lies before what is computed
        for n, x in enumerate(data):
            found = sin(state + x) * leaves[n * n % 3]
            first = found if first is None else first
            state = tanh(found * first)
        return state

    program = assert_as_eager(build, [Value(0.5 + 0.1 * i) for i in range(4)])
    loop, *_ = find_loops(program.program.lowering.steps, 4)
    assert is_looped(program)
    assert (loop.start, loop.repetitions) == (len(loop.operations), 29)


def test_numbers_of_a_piece_are_read_at_once():
    leaves = [Value(0.1 * i + 0.1) for i in range(4)]
    graph = leaves[0]
    for n in range(12):  # of which nothing is repeated
        graph = (sin, exp, tanh, sigmoid, relu)[n * n % 5](graph * leaves[n % 3] + leaves[n * n % 4])
    assert re.search(r"^x\d+, .* = get\d+\(v\)$", compile(graph, wrt=leaves).program.source, re.MULTILINE)
