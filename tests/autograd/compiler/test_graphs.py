"""Graphs that exist, compiled: what forward and backward do to Values, and what value_and_grad leaves alone."""

import math

import numpy as np
import pytest

import autograd as ad
from autograd import Constant, TraceError, Value, compile, detect_anomaly, exp, fsum, gradients, log, no_grad, sin, tanh
from nn import MLP
from tests.autograd.compiler.beside_eager import plain

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def leaves():
    return [Value(2.0, "a"), Value(3.0, "b"), Value(4.0, "c")]


# Forward and backward, through the Values


def test_forward_reads_the_leaves_and_writes_the_root(leaves):
    a, b, c = leaves
    root = a * b + c
    a.grad = 5.0
    program = compile(root)
    assert program.forward() == 10.0
    a.data = 10.0
    assert program.forward() == root.data == 34.0
    assert [leaf.grad for leaf in leaves] == [5.0, 0.0, 0.0]


def test_backward_adds_to_the_gradients_of_the_leaves_at_what_their_data_are(leaves):
    a, b, c = leaves
    root = a * b + c
    program = compile(root, wrt=leaves)
    for times in (1, 2):
        program.backward()
        assert [leaf.grad for leaf in leaves] == [3.0 * times, 2.0 * times, times]
    program.forward()
    b.data = 7.0
    program.backward()
    assert ([leaf.grad for leaf in leaves], root.data) == ([13.0, 6.0, 3.0], 18.0)
    program.value_and_grad([100.0, 200.0, 300.0])
    program.backward()
    assert [leaf.grad for leaf in leaves] == [20.0, 8.0, 4.0]


@pytest.mark.parametrize("seed", [2.0, -1, 0.5, np.float64(3.0)])
def test_seed_scales_the_gradient(leaves, seed):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    program.backward(seed)
    assert [a.grad, b.grad] == [3.0 * seed, 2.0 * seed]
    assert program.value_and_grad([2.0, 3.0], seed)[1].tolist() == [3.0 * seed, 2.0 * seed]


def test_graph_whose_leaf_was_changed_is_not_compiled_and_no_part_of_an_eager_one(leaves):
    a, b, _ = leaves
    root = a * b
    program = compile(root)
    a.data = 10.0
    program.forward()
    for call in ((root * 2.0).backward, lambda: compile(root * 2.0)):
        with pytest.raises(RuntimeError, match="the data of the leaf a was changed"):
            call()


# Through vectors


def test_value_and_grad_is_a_float_and_a_vector_in_the_order_of_wrt_and_touches_no_value(leaves):
    a, b, c = leaves
    root = a * b + c
    value, gradient = compile(root, wrt=[c, b, a]).value_and_grad([7.0, 6.0, 5.0])
    assert (type(value), value, gradient.dtype, gradient.tolist()) == (float, 37.0, np.float64, [1.0, 5.0, 6.0])
    assert [root.data, *(leaf.data for leaf in leaves)] == [10.0, 2.0, 3.0, 4.0]
    assert [leaf.grad for leaf in leaves] == [0.0, 0.0, 0.0]


def test_vectors_of_the_caller_are_no_buffers(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    theta = program.read()
    _, gradient = program.value_and_grad(theta)
    theta[:] = 100.0
    assert program.forward() == 6.0
    program.value_and_grad([50.0, 60.0])
    gradient *= 10.0
    assert gradient.tolist() == [30.0, 20.0]
    assert program.value_and_grad([2.0, 3.0])[1].tolist() == [3.0, 2.0]


def test_vector_is_whatever_holds_numbers_and_has_their_number(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    arrays = [np.array([2, 3], dtype=kind) for kind in (int, np.float32, np.int8)]
    views = [np.arange(2.0, 6.0)[:2], np.array([[2.0, 9.0], [3.0, 9.0]])[:, 0], np.array([3.0, 2.0])[::-1]]
    for theta in ([2, 3], (2.0, 3.0), *arrays, *views):
        assert plain(program.value_and_grad(theta)) == (6.0, [3.0, 2.0])
    for theta in ([2.0], [2.0, 3.0, 4.0], [[2.0, 3.0]], 2.0, []):
        for call in (program.value_and_grad, program.write):
            with pytest.raises(ValueError, match="theta is a vector with a number for each of 2 leaves, got"):
                call(theta)


def test_read_and_write_are_the_data_of_the_leaves(leaves):
    a, b, c = leaves
    program = compile(a * b + c, wrt=[c, a])
    assert program.read().tolist() == [4.0, 2.0]
    program.write([1.0, 5.0])
    assert (a.data, b.data, c.data, program.forward()) == (5.0, 3.0, 1.0, 16.0)


# What to differentiate by


def test_wrt_is_any_iterable_of_leaves_or_all_that_take_a_gradient_in_the_order_of_the_graph(leaves):
    a, b, c = leaves
    constant = Constant(3.0)
    assert compile(b * 2.0 + a * constant).wrt == [b, a]
    assert compile(a * b, wrt=(leaf for leaf in (a, b))).wrt == [a, b]
    twice = compile(a * b, wrt=[a, b, a])
    assert (twice.wrt, plain(twice.value_and_grad([2.0, 3.0]))) == ([a, b], (6.0, [3.0, 2.0]))
    assert plain(compile(a * b, wrt=[c, b, a]).value_and_grad([9.0, 3.0, 2.0])) == (6.0, [0.0, 2.0, 3.0])
    assert plain(compile(a * constant, wrt=[constant]).value_and_grad([4.0])) == (8.0, [2.0])
    assert plain(compile(a * b, wrt=[]).value_and_grad([])) == (6.0, [])


def test_leaf_that_is_not_in_wrt_stays_as_it_was(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a])
    b.data = 100.0
    a.data = 5.0
    assert program.forward() == 15.0
    program.backward()
    assert (a.grad, b.grad) == (3.0, 0.0)


def test_wrt_of_something_else_is_an_error(leaves):
    a, b, _ = leaves
    product = a * b
    for wrong, message in (
        *[([x], "leaves, .*got") for x in ("a", 2.0, None, [a], {})],
        (a, r"a list of leaves, got a Value: .*; write \[a\] for one"),
        (3, "a list of leaves, got an int: 3; "),
        (MLP(1, [1]), r"a list of leaves, got an MLP; write wrt=model\.parameters\(\)"),
    ):
        with pytest.raises(TypeError, match=f"wrt takes {message}"):
            compile(a * 2.0, wrt=wrong)
    with pytest.raises(TypeError, match=r"wrt takes leaves, .*got Value\(data=6.0"):
        compile(product + 1.0, wrt=[product])


# Roots


def test_root_that_is_a_leaf(leaves):
    a, b, _ = leaves
    program = compile(a)
    assert program.value_and_grad([5.0])[0] == 5.0
    program.backward()
    assert a.grad == 1.0
    assert plain(compile(a, wrt=[b]).value_and_grad([5.0])) == (2.0, [0.0])


def test_root_that_is_constant():
    for root in (Constant(6.0), Constant(3.0) * 2.0, fsum([Constant(1.0), 5.0])):
        program = compile(root)
        assert (program.wrt, program.forward(), program.stats["instructions"]) == ([], 6.0, 0)
        program.backward()
        assert program.value_and_grad([])[0] == 6.0


def test_several_roots_share_what_they_have_in_common(leaves):
    a, b, c = leaves
    total = a + b
    program = compile([total, total * c, a, Constant(1.0), total], wrt=leaves)
    found = program.value_and_grad([2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1000.0, 10000.0])
    assert plain(found) == ([5.0, 20.0, 2.0, 1.0, 5.0], [10141.0, 10041.0, 50.0])
    one = compile([a * b], wrt=[a, b])
    assert (one.forward(), one.value_and_grad([2.0, 3.0], [2.0])[0]) == ([6.0], [6.0])
    product = a * b
    compile([product, product], wrt=[a, b]).backward()
    assert (a.grad, b.grad) == (6.0, 4.0)


def test_every_root_is_written_also_where_it_is_a_part_of_another(leaves):
    a, b, c = leaves
    part = a * b + c
    roots = [part + a, part, sin(a), sin(b), tanh(a * b)]
    program = compile(roots, wrt=leaves)
    a.data = 1.0
    assert program.forward() == [root.data for root in roots]
    assert [root.data for root in roots[:2]] == [8.0, 7.0]
    assert roots[-1].data == pytest.approx(math.tanh(3.0), rel=1e-15)


def test_seeds_are_one_for_each_root(leaves):
    a, b, _ = leaves
    program = compile([a * b, a], wrt=[a, b])
    assert program.value_and_grad([2.0, 3.0], np.array([1.0, 10.0]))[1].tolist() == [13.0, 2.0]
    for call in (program.backward, lambda seed: program.value_and_grad([2.0, 3.0], seed)):
        with pytest.raises(ValueError, match="one seed for each of 2 roots, got 3"):
            call([1.0, 2.0, 3.0])


# Errors, and what they leave behind


def test_error_is_eagers_and_the_program_works_after_it():
    a = Value(1.0, "a")
    program = compile(log(a) * 2.0, wrt=[a])
    with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = -1.0"):
        program.value_and_grad([-1.0])
    a.data = 0.0
    for call in (program.forward, program.backward):
        with pytest.raises(ValueError, match=r"log is defined for x > 0, got x = 0.0"):
            call()
    assert a.grad == 0.0
    a.data = 1.0
    assert program.forward() == 0.0
    program.backward()
    assert a.grad == 2.0
    with pytest.raises(OverflowError, match=r"exp\(x\) is too large for a float, got x = 1000.0"):
        compile(1.0 + exp(a), wrt=[a]).value_and_grad([1000.0])


def test_what_is_no_graph_is_an_error():
    for target in (3.0, "loss", [], [3.0], [Value(1.0), 3.0], {"loss": Value(1.0)}):
        with pytest.raises(TypeError, match="compile takes a Value, a list of Values or a function, got"):
            compile(target)
    with pytest.raises(TypeError, match="batched"):
        compile(Value(1.0) * 2.0, batched=("x",))
    assert issubclass(TraceError, TypeError)


def test_deep_graph_needs_no_recursion():
    y = x = Value(0.5)
    for _ in range(3000):
        y = sin(y) + 0.001
    value, gradient = compile(y, wrt=[x]).value_and_grad([0.5])
    assert value == pytest.approx(y.data, rel=1e-12)
    assert gradient[0] == pytest.approx(gradients(y, [x])[0], rel=1e-10)


def test_graph_made_in_a_no_grad_block_is_a_leaf_and_others_are_differentiated_there(leaves):
    a, b, _ = leaves
    product = a * b
    with no_grad():
        frozen = a * b
        assert compile(frozen).wrt == [frozen]
        compile(product, wrt=[a, b]).backward()
    assert (a.grad, b.grad) == (3.0, 2.0)


def test_call_of_a_graph_says_what_computes_it_and_a_graph_is_not_compiled_again(leaves):
    program = compile(leaves[0] * leaves[1])
    for call in (lambda: program(1.0, 2.0), lambda: program(), lambda: program(x=1.0)):
        with pytest.raises(TypeError, match=r"no arguments; forward\(\) .* value_and_grad\(theta\) .*compile\(f\)"):
            call()
    with pytest.raises(TypeError, match="compile takes a Value, a list of Values or a function, got CompiledGraph"):
        compile(program)


def test_repr_tells_what_was_compiled(leaves):
    assert "1 instruction" in repr(compile(leaves[0] * leaves[1]))
    assert repr(compile(sin)) == "<compiled sin>"


def test_constants_that_differ_in_the_sign_of_their_exponent_are_told_apart():
    xs = [Value(float(i)) for i in range(4)]
    program = compile(fsum([fsum([x * 1.5e16 for x in xs]), fsum([x * x * 1.5e-16 for x in xs])]), wrt=xs)
    value, gradient = program.value_and_grad([1.0, 2.0, 3.0, 4.0])
    assert (value, gradient) == (pytest.approx(1.5e17, rel=1e-15), pytest.approx([1.5e16] * 4, rel=1e-15))


def test_graph_is_run_no_more_often_than_its_numbers_change_and_never_node_by_node(leaves, monkeypatch):
    a, b, _ = leaves
    program, runs = compile(a * sin(b)), []
    forward = program.program.forward
    monkeypatch.setattr(program.program, "forward", lambda memory: runs.append("forward") or forward(memory))
    monkeypatch.setattr(program, "_inspect", None)  # which a detect_anomaly block calls
    program.forward(), program.backward(), program.backward()
    assert runs == ["forward"]
    a.data = 5.0
    program.backward(), program.backward()
    assert runs == ["forward"] * 2
    theta = np.array([1.0, 2.0])
    assert program._vector(theta) is theta
    program.value_and_grad(theta), program.backward()
    assert runs[-1:] == ["forward"]
    with detect_anomaly(), pytest.raises(TypeError, match="not callable"):
        program.forward()


SHARES = {"softmax": ad.softmax, "log_softmax": ad.log_softmax, "logsumexp": lambda xs: [ad.logsumexp(xs)]}
LOGITS = [[0.0, 0.0], [0.3, 0.0], [740.0, 0.0], [0.0, 800.0], [1000.0, 999.0], [-1000.0, -999.0], [0.0, 50.0]]


@pytest.mark.parametrize("made_at", LOGITS, ids=str)
@pytest.mark.parametrize("name", SHARES)
def test_graph_of_softmax_and_its_like_is_right_wherever_it_was_made(name, made_at):
    xs = [Value(x) for x in made_at]
    for n, y in enumerate(SHARES[name](xs)):
        f = lambda xs, n=n: SHARES[name](xs)[n]
        program, by_xs = compile(y, wrt=xs), ad.gradients(y, xs, create_graph=True)
        curvature = ad.gradients(by_xs[0], xs, create_graph=True)
        for at in LOGITS:
            leaves = dict(zip(xs, at, strict=True))
            value, slopes = ad.value_and_grad(f)(at)
            found, gradient = program.value_and_grad(np.array(at))
            assert found == pytest.approx(value, rel=1e-12, abs=1e-13)
            assert ad.evaluate(y, leaves) == pytest.approx(value, rel=1e-12, abs=1e-13)
            assert list(gradient) == pytest.approx(slopes, rel=1e-12, abs=1e-13)
            if name == "softmax":  # those of logarithms are not where another operand is larger by 700
                wanted = ad.hessian(f)(at)[0]
                assert [ad.evaluate(slope, leaves) for slope in by_xs] == pytest.approx(slopes, rel=1e-12, abs=1e-13)
                assert [ad.evaluate(by, leaves) for by in curvature] == pytest.approx(wanted, rel=1e-10, abs=1e-13)
