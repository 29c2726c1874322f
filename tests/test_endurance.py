"""Every public function again and again without growth, and on graphs that are as deep or as wide as memory allows."""

import copy
import gc
import pickle
import sys
import time

import pytest

import autograd as ad
import nn
from autograd.export import derivation, to_c, to_javascript, to_jax, to_latex, to_onnx, to_sympy, to_torch
from autograd.rules import NAry
from tests.test_ctrl_c import RUNS

# Growth


def blocks_left(run, times, seconds):
    """Return how many blocks of memory a run leaves behind, at least, beside how often it ran."""
    gc.collect()
    gc.freeze()  # what other tests have left takes no time below
    found = []
    for _ in range(4):
        gc.collect()
        before, begun, done = sys.getallocatedblocks(), time.process_time(), 0
        while done < times and (not done or time.process_time() - begun < seconds):
            run()
            done += 1
        gc.collect()
        found.append((sys.getallocatedblocks() - before, done))
    return min(found[1:])


@pytest.mark.parametrize("name", RUNS)
def test_call_of_a_function_leaves_no_memory_behind(name, whole):
    blocks, times = blocks_left(RUNS[name], 25_000, 300.0 if whole else 0.01)
    assert blocks < max(times, 300)  # caches fill up


def test_what_is_left_behind_is_noticed():
    kept = []
    assert blocks_left(lambda: kept.append([ad.Value(1.0)]), 1_000, 1.0)[0] >= 1_000


# Size


def deep(size):
    leaf = y = ad.Value(0.5)
    for _ in range(size):
        y = ad.sin(y) + leaf
    return y, leaf


def wide(size):
    leaf = ad.Value(0.5)
    return ad.fsum([leaf, *[ad.sin(ad.Value(0.5)) for _ in range(size)]]), leaf


def built(f):
    """A function of a number that builds the same graph again, in place of its one leaf."""
    return lambda root, leaf: f(lambda x: ad.evaluate(root, {leaf: x}))(0.5)


def inside(block):
    """A block around a graph that is built again."""

    def read(root, leaf):
        with block():
            ad.evaluate(root, {leaf: ad.Value(0.5)})

    return read


def exported(write, package=None):
    def read(root, leaf):
        if package is not None:
            pytest.importorskip(package, reason=f"the export needs {package}")
        write(ad.compile(root, wrt=[leaf]))

    return read


def inspected(root, leaf):
    with ad.detect_anomaly():
        ad.evaluate(root, {leaf: ad.Value(0.5)}).backward()


def solved(root, leaf):
    """Find where a graph has the number that it has now."""
    return ad.root(lambda x: ad.evaluate(root, {leaf: x}) - root.data, 0.5)


GRAPHS = {"deep": deep, "wide": wide}
READERS = {
    "backward": lambda root, leaf: root.backward(), "zero_grad": lambda root, leaf: root.zero_grad(),
    "gradients": lambda root, leaf: ad.gradients(root, [leaf]),
    "gradients of gradients": lambda root, leaf: ad.gradients(ad.gradients(root, [leaf], create_graph=True)[0], [leaf]),
    "evaluate": lambda root, leaf: ad.evaluate(root, {leaf: 0.25}), "grad": built(ad.grad),
    "value_and_grad": built(ad.value_and_grad), "hessian": built(ad.hessian), "jacobian": built(ad.jacobian),
    "jvp": built(lambda f: lambda x: ad.jvp(f, (x,), (1.0,))), "vjp": built(lambda f: lambda x: ad.vjp(f, x)[1](1.0)),
    "hvp": built(lambda f: lambda x: ad.hvp(f)(x, 1.0)), "gradcheck": built(lambda f: lambda x: ad.gradcheck(f, x)),
    "taylor": built(lambda f: lambda x: ad.taylor(f, x, 2)),
    "taylor_ode": built(lambda f: lambda x: ad.taylor_ode(f, x, 2)), "root": solved,
    "argmin": built(lambda f: lambda x: ad.argmin(lambda x: (x - 0.5) ** 2 + 0.0 * f(x), x)),
    "no_grad": inside(ad.no_grad), "scope": inside(lambda: ad.scope("part")), "detect_anomaly": inspected,
    "compile": lambda root, leaf: ad.compile(root, wrt=[leaf]).value_and_grad([0.25]),
    "text": lambda root, leaf: ad.text(root), "to_latex": lambda root, leaf: to_latex(root),
    "derivation": lambda root, leaf: derivation(root, leaf), "to_sympy": lambda root, leaf: to_sympy(root),
    "to_c": exported(to_c), "to_javascript": exported(to_javascript), "to_onnx": exported(to_onnx, "onnx"),
    "to_torch": exported(to_torch, "torch"), "to_jax": exported(lambda program: to_jax(program, "float32"), "jax"),
    "deepcopy": lambda root, leaf: copy.deepcopy(root), "pickle": lambda root, leaf: pickle.loads(pickle.dumps(root)),
    "repr": lambda root, leaf: repr(root),
}  # fmt: skip
FOR_EYES = {  # what nobody could look at is an error that says what to do
    "draw": lambda root, leaf: ad.draw(root),
    "explore": lambda root, leaf: ad.explore(root),
    "animate": lambda root, leaf: ad.animate(root, "moving.svg"),
}

LEFT_OUT = {  # public functions and classes that read no graph
    "errors": {"ConvergenceError", "GradientError", "TraceError"},
    "what makes a node of any graph": {"Value", "Constant", "operation", *ad.rules.FUNCTIONS},
    "what takes numbers": {"register", "load_torch_state"},
    "what takes many nodes": {"softmax", "log_softmax"},  # see OF_MANY
    "the formula that to_latex returns": {"LaTeX"},
}


def test_every_public_function_is_tried_on_large_graphs_or_is_left_out_for_a_reason():
    public, left_out = {*ad.__all__, *ad.export.__all__}, set().union(*LEFT_OUT.values())
    tried = {name.partition(" ")[0] for name in [*READERS, *FOR_EYES]}
    assert public - tried - left_out == set()
    assert left_out & tried == set()


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", READERS)
def test_graph_of_any_size_is_read_and_freed_without_recursion(name, graph, whole):
    root, leaf = GRAPHS[graph](1_000_000 if whole else 1_200)
    READERS[name](root, leaf)


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("name", FOR_EYES)
def test_graph_too_large_to_look_at_is_an_error_that_says_so(name, graph, whole):
    root, leaf = GRAPHS[graph](1_000_000 if whole else 6_000)
    with pytest.raises(ValueError, match=r"this graph has [\d,]+ nodes.* a part"):
        FOR_EYES[name](root, leaf)


LOSSES = {name: f for name in nn.__all__ if getattr(f := getattr(nn, name), "__module__", "") == "nn.losses"}


def of_outputs(name, loss):
    """A loss as a function of many nodes."""
    if name in ("l1", "l2"):
        return loss
    if name == "cross_entropy":
        return lambda nodes: loss([nodes], [0])
    return lambda nodes: loss(nodes, [1.0] * len(nodes))


OF_MANY = {row.name: row for row in ad.rules.FUNCTIONS.values() if isinstance(row, NAry)} | {
    "dot": lambda nodes: ad.dot(nodes, nodes),
    "softmax": lambda nodes: ad.fsum(ad.softmax(nodes)[:3]),
    "log_softmax": lambda nodes: ad.fsum(ad.log_softmax(nodes)[:3]),
    **{name: of_outputs(name, loss) for name, loss in LOSSES.items()},
}


@pytest.mark.parametrize("name", OF_MANY)
def test_function_of_any_number_of_nodes_is_computed_and_differentiated(name, whole):
    nodes = [ad.Value(0.5) for _ in range(1_000_000 if whole else 1_200)]
    OF_MANY[name](nodes).backward()
    assert nodes[0].grad != 0.0
