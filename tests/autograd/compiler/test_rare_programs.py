"""Rare programs: results that no input changes, operands now inputs and now results, batches in parts, odd failures."""

import importlib.util
import math
import sys
from types import ModuleType

import numpy as np
import pytest

from autograd import Value, compile, detect_anomaly, exp, fsum, operation, rules, sin, tanh
from autograd.compiler import cut
from autograd.compiler.backends import BACKENDS, native
from autograd.compiler.blocks import handed_by
from tests.autograd.compiler.beside_eager import eager
from tests.backends import compile_at_once

every_backend = pytest.mark.usefixtures("backend_or_pieces")


# Results that no input changes


@every_backend
def test_long_recurrence_beside_constant_results():
    def f(x):
        y = x
        for _ in range(60):
            y = tanh(y * 0.5 + x)
        return [3.0, y, x, -0.0]

    wanted = [3.0, f(0.5)[1], 0.5, -0.0]
    assert repr(compile(f)(0.5)) == repr(wanted)
    each = compile(lambda x: f(x), batched="x").each(np.array([0.5, 0.25]))
    assert [np.broadcast_to(part, (2,)).tolist() for part in each] == [
        [pytest.approx(a, rel=1e-14), pytest.approx(b, rel=1e-14)]
        for a, b in zip(wanted, [3.0, f(0.25)[1], 0.25, -0.0])
    ]


@every_backend
def test_batch_in_several_parts_beside_a_result_of_no_example(monkeypatch):
    monkeypatch.setattr(native, "TOGETHER", 1)
    w = Value(0.5)
    program = compile(lambda x: (sin(w * x), {"penalty": w * w, "twice": 2.0 * x}), batched="x", wrt=[w], has_aux=True)
    X = np.linspace(-1.0, 1.0, 5 * native.WIDTH + 3)
    value, aux = program(X)
    assert value == pytest.approx(np.sin(0.5 * X).mean(), abs=1e-14)
    assert np.broadcast_to(aux["penalty"], X.shape).tolist() == [0.25] * len(X)
    assert aux["twice"].tolist() == (2.0 * X).tolist()


@every_backend
def test_overflow_within_a_loop_is_an_error_also_where_the_result_is_finite():
    def f(x):
        for _ in range(64):
            x = 1.0 / exp(x)
        return x

    single, batched = compile(f), compile(lambda x: f(x), batched="x")
    single(1.0), batched.each(np.array([1.0, 2.0]))
    for call in (single, batched, batched.each, single.value_and_grad, batched.value_and_grad):
        with pytest.raises(OverflowError, match="too large for a float, got x = 1000"):
            call(1000.0 if call in (single, single.value_and_grad) else np.array([1.0, 1000.0, 2.0]))


def test_graph_whose_root_no_leaf_changes_is_inspected():
    x, y = Value(2.0), Value(3.0)
    program = compile([x * x, y * y], wrt=[x])
    assert program.backend in BACKENDS
    with detect_anomaly():
        assert program.value_and_grad([4.0]) == ([16.0, 9.0], [8.0])


# Loops


@every_backend
@pytest.mark.parametrize("inputs", [range(12, 28), [*range(12), *range(28, 40)]])
def test_operand_of_a_recurrence_is_now_an_input_and_now_a_result(inputs):
    looked_up = [n * n % 7 for n in range(40)]

    def f(xs):
        state = [sin(xs[0])]
        for n in range(40):
            other = xs[looked_up[n]] if n in inputs else state[n // 2]
            state.append(tanh(state[-1] * 0.5 + other))
        return state[-1]

    xs = [0.1 * k - 0.3 for k in range(7)]
    value, gradient = compile(f).value_and_grad(xs)
    assert [value, *gradient] == pytest.approx(eager(f, xs), rel=1e-13)


# Structures of batches


def test_results_of_other_structures_are_an_error_that_tells_them():
    f = compile(lambda x: [x, x] if x > 0.0 else x, batched="x")
    with pytest.raises(TypeError, match=r"the same structure for each example, got \['\[number, number\]', 'number'\]"):
        f.each([Value(1.0), Value(-1.0)])


# Failures


@every_backend
@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, FloatingPointError])
def test_error_that_does_not_come_again_is_raised(error):
    calls = []

    def forward(x):
        calls.append(x)
        if len(calls) == fails:
            raise error("once")
        return 2.0 * x

    own, fails = operation("own", forward, lambda y, x: 2.0), 0
    for repetitions in (1, 40):
        f = lambda x: fsum([own(sin(x + n)) for n in range(repetitions)])  # noqa: B023
        for program, argument in ((compile(f), 0.5), (compile(lambda x: f(x), batched="x"), np.array([0.5, 0.25]))):  # noqa: B023
            wanted = program(argument)
            fails = len(calls) + 1
            with pytest.raises(error, match="once"):
                program(argument)
            assert program(argument) == wanted
            fails = len(calls) + 1
            with pytest.raises(error, match="once"):
                program.value_and_grad(argument)


@pytest.mark.parametrize("error", cut.NOT_THERE)
def test_native_code_that_cannot_be_made_is_an_error_only_where_it_was_asked_for(error, monkeypatch):
    compile_at_once(monkeypatch)

    def fail(*arguments):
        raise error("no target")

    monkeypatch.setattr(cut, "KernelProgram", fail)
    f = lambda x: fsum([sin(x * n) for n in range(40)])
    with pytest.raises(error, match="no target"):
        compile(f, backend="native")(0.5)
    assert compile(f)(0.5) == pytest.approx(f(0.5), rel=1e-14)


def test_something_else_called_llvmlite_is_no_native_code(monkeypatch):
    other = ModuleType("llvmlite")
    monkeypatch.setitem(sys.modules, "llvmlite", other)
    with pytest.raises(ValueError, match="__spec__"):
        importlib.util.find_spec("llvmlite")
    cut._has_llvmlite.cache_clear()
    try:
        program = compile(sin)
        assert (program(0.5), program.program.backend) == (math.sin(0.5), "python")
    finally:
        cut._has_llvmlite.cache_clear()


# Derivatives


@pytest.mark.parametrize("count", [2, 3])
def test_what_derivatives_of_an_operation_share_is_computed_once(count):
    handed = handed_by(rules.logsumexp, count, (True,) * count)
    exponentials = [target for target, expression, _ in handed if "exp(" in str(expression)]
    sums = [target for target, expression, _ in handed if "fsum(" in str(expression)]
    assert len(exponentials) == len(set(exponentials)) == count
    assert len(sums) == 1
    assert [target for target, *_ in handed[-count:]] == list(range(count))


@pytest.mark.parametrize(
    ("examples", "message"), [(1, "this program has no memory"), (3, "3 examples at a time have no")]
)
@pytest.mark.parametrize("where", ["memory", "forward", "backward"])
def test_run_without_memory_is_an_error_that_says_what_to_do(examples, message, where, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    w, X = Value(2.0), [0.5] * examples
    f = compile(lambda x: sin(w * x), batched="x", wrt=[w], backend="numpy")
    wanted = f.value_and_grad(X)
    with monkeypatch.context() as context:
        context.setattr(f.specialize(X).runner, where, full)
        context.setattr(f.specialize(X).runner, "both", None)
        with pytest.raises(MemoryError, match=message):
            f.value_and_grad(X)
    assert f.value_and_grad(X) == wanted
