"""Graphs that exist, compiled: what forward and backward do to Values, and what value_and_grad leaves alone."""

import itertools
import math
import threading

import numpy as np
import pytest

from autograd import Constant, TraceError, Value, compile, detect_anomaly, exp, fsum, gradients, log, no_grad, sin, tanh
from nn import MLP, SGD, hinge

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def leaves():
    return [Value(2.0, "a"), Value(3.0, "b"), Value(4.0, "c")]


# Forward and backward, through the Values


def test_forward_reads_the_leaves_and_writes_the_root(leaves):
    a, b, c = leaves
    root = a * b + c
    program = compile(root)
    assert program.forward() == 10.0
    a.data = 10.0
    assert program.forward() == 34.0
    assert root.data == 34.0


def test_forward_leaves_the_gradients_alone(leaves):
    a, b, _ = leaves
    a.grad = 5.0
    compile(a * b).forward()
    assert (a.grad, b.grad) == (5.0, 0.0)


def test_backward_adds_to_the_gradients_of_the_leaves(leaves):
    a, b, c = leaves
    program = compile(a * b + c)
    program.backward()
    assert [leaf.grad for leaf in leaves] == [3.0, 2.0, 1.0]
    program.backward()
    assert [leaf.grad for leaf in leaves] == [6.0, 4.0, 2.0]


def test_backward_sees_what_was_assigned_since_forward(leaves):
    a, b, _ = leaves
    root = a * b
    program = compile(root)
    program.forward()
    b.data = 7.0
    program.backward()
    assert (a.grad, root.data) == (7.0, 14.0)


def test_backward_after_value_and_grad_is_at_the_data_of_the_leaves(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    program.forward()
    program.value_and_grad([100.0, 200.0])
    program.backward()
    assert (a.grad, b.grad) == (3.0, 2.0)


@pytest.mark.parametrize("seed", [2.0, -1, 0.5, np.float64(3.0)])
def test_seed_scales_the_gradient(leaves, seed):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    program.backward(seed)
    assert [a.grad, b.grad] == [3.0 * seed, 2.0 * seed]
    assert program.value_and_grad([2.0, 3.0], seed)[1].tolist() == [3.0 * seed, 2.0 * seed]


def test_root_that_forward_has_changed_is_no_part_of_an_eager_graph(leaves):
    a, b, _ = leaves
    root = a * b
    program = compile(root)
    a.data = 10.0
    program.forward()
    with pytest.raises(RuntimeError, match="the data of the leaf a was changed"):
        (root * 2.0).backward()


def test_graph_whose_leaf_was_changed_is_not_compiled(leaves):
    a, b, _ = leaves
    root = a * b
    a.data = 5.0
    with pytest.raises(RuntimeError, match="the data of the leaf a was changed"):
        compile(root)


def test_training_with_a_compiled_graph_is_eager_training():
    X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]
    model, twin = (MLP(2, [5, 1], activation="tanh", seed=2) for _ in range(2))
    program = compile(hinge([model(x) for x in X], y), wrt=model.parameters())
    for _ in range(20):
        model.zero_grad()
        program.backward()
        SGD(model.parameters(), lr=0.1).step()
        twin.zero_grad()
        hinge([twin(x) for x in X], y).backward()
        SGD(twin.parameters(), lr=0.1).step()
    assert [p.data for p in model.parameters()] == pytest.approx([p.data for p in twin.parameters()], rel=1e-11)


# Through vectors


def test_value_and_grad_touches_no_value(leaves):
    a, b, c = leaves
    root = a * b + c
    compile(root, wrt=leaves).value_and_grad([5.0, 6.0, 7.0])
    assert [root.data, *(leaf.data for leaf in leaves)] == [10.0, 2.0, 3.0, 4.0]
    assert [leaf.grad for leaf in leaves] == [0.0, 0.0, 0.0]


def test_value_and_grad_gives_a_float_and_a_vector_in_the_order_of_wrt(leaves):
    a, b, c = leaves
    program = compile(a * b + c, wrt=[c, b, a])
    value, gradient = program.value_and_grad([4.0, 3.0, 2.0])
    assert type(value) is float
    assert value == 10.0
    assert gradient.dtype == np.float64
    assert gradient.tolist() == [1.0, 2.0, 3.0]


def test_gradient_vector_stays_when_the_program_runs_again(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    _, gradient = program.value_and_grad([2.0, 3.0])
    program.value_and_grad([50.0, 60.0])
    gradient *= 10.0
    assert gradient.tolist() == [30.0, 20.0]
    assert program.value_and_grad([2.0, 3.0])[1].tolist() == [3.0, 2.0]


def test_vector_may_change_after_the_call(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    theta = program.read()
    program.value_and_grad(theta)
    theta[:] = 100.0
    assert program.forward() == 6.0


@pytest.mark.parametrize(
    "theta",
    [
        [2, 3],
        (2.0, 3.0),
        np.array([2, 3]),
        np.array([2, 3], dtype=np.float32),
        np.array([2, 3], dtype=np.int8),
        np.arange(2.0, 6.0)[::1][:2],
        np.array([[2.0, 9.0], [3.0, 9.0]])[:, 0],
        np.array([3.0, 2.0])[::-1],
    ],
)
def test_vector_is_whatever_holds_numbers(leaves, theta):
    a, b, _ = leaves
    value, gradient = compile(a * b, wrt=[a, b]).value_and_grad(theta)
    assert (value, gradient.tolist()) == (6.0, [3.0, 2.0])


@pytest.mark.parametrize("theta", [[2.0], [2.0, 3.0, 4.0], [[2.0, 3.0]], 2.0, []])
def test_vector_of_another_shape_is_an_error(leaves, theta):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b])
    for call in (program.value_and_grad, program.write):
        with pytest.raises(ValueError, match="theta is a vector with a number for each of 2 leaves, got"):
            call(theta)


def test_read_and_write_are_the_data_of_the_leaves(leaves):
    a, b, c = leaves
    program = compile(a * b + c, wrt=[c, a])
    assert program.read().tolist() == [4.0, 2.0]
    program.write([1.0, 5.0])
    assert (a.data, b.data, c.data) == (5.0, 3.0, 1.0)
    assert program.forward() == 16.0


# What to differentiate by


def test_default_is_every_leaf_that_takes_a_gradient_in_the_order_of_the_graph(leaves):
    a, b, _ = leaves
    assert compile(b * 2.0 + a * Constant(3.0)).wrt == [b, a]


def test_leaf_that_is_not_in_wrt_stays_as_it_was(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a])
    b.data = 100.0
    a.data = 5.0
    assert program.forward() == 15.0
    program.backward()
    assert (a.grad, b.grad) == (3.0, 0.0)


def test_leaf_that_the_graph_does_not_use_has_gradient_zero(leaves):
    a, b, c = leaves
    value, gradient = compile(a * b, wrt=[c, b, a]).value_and_grad([9.0, 3.0, 2.0])
    assert (value, gradient.tolist()) == (6.0, [0.0, 2.0, 3.0])


def test_leaf_that_is_twice_in_wrt_is_one(leaves):
    a, b, _ = leaves
    program = compile(a * b, wrt=[a, b, a])
    assert program.wrt == [a, b]
    assert program.value_and_grad([2.0, 3.0])[1].tolist() == [3.0, 2.0]


def test_constant_is_differentiated_by_when_asked_for(leaves):
    constant = Constant(3.0)
    value, gradient = compile(leaves[0] * constant, wrt=[constant]).value_and_grad([4.0])
    assert (value, gradient.tolist()) == (8.0, [2.0])


def test_wrt_is_any_iterable(leaves):
    a, b, _ = leaves
    assert compile(a * b, wrt=(leaf for leaf in (a, b))).wrt == [a, b]


def test_nothing_in_wrt_gives_an_empty_gradient(leaves):
    a, b, _ = leaves
    value, gradient = compile(a * b, wrt=[]).value_and_grad([])
    assert (value, gradient.shape) == (6.0, (0,))


@pytest.mark.parametrize("wrong", ["a", 2.0, None])
def test_wrt_of_something_else_is_an_error(leaves, wrong):
    with pytest.raises(TypeError, match=r"wrt takes leaves, .*got"):
        compile(leaves[0] * 2.0, wrt=[wrong])


def test_wrt_of_a_computed_value_is_an_error(leaves):
    a, b, _ = leaves
    product = a * b
    with pytest.raises(TypeError, match=r"wrt takes leaves, .*got Value\(data=6.0"):
        compile(product + 1.0, wrt=[product])


# Roots


def test_root_that_is_a_leaf(leaves):
    a, *_ = leaves
    program = compile(a)
    assert program.value_and_grad([5.0])[0] == 5.0
    program.backward()
    assert a.grad == 1.0


def test_root_that_is_a_leaf_which_is_not_in_wrt(leaves):
    a, b, _ = leaves
    value, gradient = compile(a, wrt=[b]).value_and_grad([5.0])
    assert (value, gradient.tolist()) == (2.0, [0.0])


@pytest.mark.parametrize("root", [Constant(6.0), Constant(3.0) * 2.0, fsum([Constant(1.0), 5.0])])
def test_root_that_is_constant(root):
    program = compile(root)
    assert program.wrt == []
    assert program.forward() == 6.0
    program.backward()
    assert program.value_and_grad([])[0] == 6.0
    assert program.stats["instructions"] == 0


def test_one_root_in_a_list_gives_a_list(leaves):
    a, b, _ = leaves
    program = compile([a * b], wrt=[a, b])
    assert program.forward() == [6.0]
    assert program.value_and_grad([2.0, 3.0], [2.0])[0] == [6.0]


def test_several_roots_share_what_they_have_in_common(leaves):
    a, b, c = leaves
    total = a + b
    program = compile([total, total * c, a, Constant(1.0), total], wrt=leaves)
    value, gradient = program.value_and_grad([2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1000.0, 10000.0])
    assert value == [5.0, 20.0, 2.0, 1.0, 5.0]
    assert gradient.tolist() == [10141.0, 10041.0, 50.0]


def test_same_root_twice_counts_twice(leaves):
    a, b, _ = leaves
    product = a * b
    program = compile([product, product], wrt=[a, b])
    program.backward()
    assert (a.grad, b.grad) == (6.0, 4.0)


def test_sum_that_is_a_root_and_a_part_of_another_sum(leaves):
    a, b, c = leaves
    part = a * b + c
    whole = part + a
    program = compile([whole, part], wrt=leaves)
    a.data = 5.0
    assert program.forward() == [24.0, 19.0]
    assert (whole.data, part.data) == (24.0, 19.0)


def test_every_root_is_written(leaves):
    a, b, _ = leaves
    roots = [sin(a), sin(b), tanh(a * b)]
    program = compile(roots)
    a.data = 1.0
    assert program.forward() == [root.data for root in roots]
    assert roots[2].data == pytest.approx(math.tanh(3.0), rel=1e-15)


def test_number_of_seeds_is_that_of_the_roots(leaves):
    a, b, _ = leaves
    program = compile([a * b, a], wrt=[a, b])
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


def test_overflow_names_the_operation():
    a = Value(1.0)
    with pytest.raises(OverflowError, match=r"exp\(x\) is too large for a float, got x = 1000.0"):
        compile(1.0 + exp(a), wrt=[a]).value_and_grad([1000.0])


@pytest.mark.parametrize("target", [3.0, "loss", [], [3.0], [Value(1.0), 3.0], {"loss": Value(1.0)}])
def test_what_is_no_graph_is_an_error(target):
    with pytest.raises(TypeError, match="compile takes a Value, a list of Values or a function, got"):
        compile(target)


def test_trace_error_is_a_type_error():
    assert issubclass(TraceError, TypeError)


# Two threads


def test_threads_that_run_one_program_do_not_mix_their_numbers():
    leaves = [Value(float(i)) for i in range(20)]
    program = compile(fsum(sin(a * b) for a, b in itertools.pairwise(leaves)), wrt=leaves)
    thetas = [np.random.default_rng(i).normal(size=20) for i in range(4)]
    wanted = [program.value_and_grad(theta) for theta in thetas]
    mixed = []

    def work(i):
        for _ in range(150):
            value, gradient = program.value_and_grad(thetas[i])
            if value != wanted[i][0] or not np.array_equal(gradient, wanted[i][1]):
                mixed.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mixed == []


# Depth


def test_deep_graph_needs_no_recursion():
    x = Value(0.5)
    y = x
    for _ in range(3000):
        y = sin(y) + 0.001
    value, gradient = compile(y, wrt=[x]).value_and_grad([0.5])
    assert value == pytest.approx(y.data, rel=1e-12)
    assert gradient[0] == pytest.approx(gradients(y, [x])[0], rel=1e-10)


def test_graph_made_in_a_no_grad_block_is_a_leaf(leaves):
    a, b, _ = leaves
    with no_grad():
        root = a * b
        program = compile(root)
    assert program.wrt == [root]


def test_program_compiled_in_a_no_grad_block_differentiates(leaves):
    a, b, _ = leaves
    root = a * b
    with no_grad():
        program = compile(root, wrt=[a, b])
        program.backward()
    assert (a.grad, b.grad) == (3.0, 2.0)


def test_wrt_of_a_single_value_says_what_to_write(leaves):
    with pytest.raises(TypeError, match=r"wrt takes .*list"):
        compile(leaves[0] * 2.0, wrt=leaves[0])


def test_batched_is_not_for_graphs(leaves):
    with pytest.raises(TypeError, match="batched"):
        compile(leaves[0] * 2.0, batched=("x",))


def test_seeds_are_an_array_too(leaves):
    a, b, _ = leaves
    program = compile([a * b, a], wrt=[a, b])
    assert program.value_and_grad([2.0, 3.0], np.array([1.0, 10.0]))[1].tolist() == [13.0, 2.0]


def test_complex_vector_is_an_error(leaves):
    with pytest.raises(TypeError, match="complex"):
        compile(leaves[0] * 2.0).value_and_grad(np.array([1.0 + 2.0j]))


def test_repr_tells_what_was_compiled(leaves):
    assert "1 instruction" in repr(compile(leaves[0] * leaves[1]))
    assert repr(compile(sin)) == "<compiled sin>"


def test_constants_that_differ_in_the_sign_of_their_exponent_are_told_apart():
    xs = [Value(float(i)) for i in range(4)]
    program = compile(fsum([fsum([x * 1.5e16 for x in xs]), fsum([x * x * 1.5e-16 for x in xs])]), wrt=xs)
    value, gradient = program.value_and_grad([1.0, 2.0, 3.0, 4.0])
    assert value == pytest.approx(1.5e17, rel=1e-15)
    assert gradient == pytest.approx([1.5e16] * 4, rel=1e-15)


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
