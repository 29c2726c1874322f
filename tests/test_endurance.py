"""Every public function again and again without growth, and on graphs that are as deep or as wide as memory allows."""

import copy
import gc
import pickle
import sys
import time

import pytest

from autograd import Value, animate, compile, draw, evaluate, explore, fsum, grad, gradients, jvp, sin, taylor, text
from autograd.export import derivation, to_c, to_javascript, to_latex, to_sympy
from tests.test_ctrl_c import RUNS

# Growth


def blocks_left(run, times, seconds):
    """Return how many blocks of memory a run leaves behind, at least, beside how often it ran."""
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
    assert blocks_left(lambda: kept.append([Value(1.0)]), 1_000, 1.0)[0] >= 1_000


# Size


def deep(size):
    leaf = y = Value(0.5)
    for _ in range(size):
        y = sin(y) + leaf
    return y, leaf


def wide(size):
    leaf = Value(0.5)
    return fsum([leaf, *[sin(Value(0.5)) for _ in range(size)]]), leaf


def built(f):
    """A function of a number that builds the same graph again, in place of its one leaf."""
    return lambda root, leaf: f(lambda x: evaluate(root, {leaf: x}))(0.5)


GRAPHS = {"deep": deep, "wide": wide}
READERS = {
    "backward": lambda root, leaf: root.backward(),
    "zero_grad": lambda root, leaf: root.zero_grad(),
    "gradients": lambda root, leaf: gradients(root, [leaf]),
    "gradients of gradients": lambda root, leaf: gradients(gradients(root, [leaf], create_graph=True)[0], [leaf]),
    "evaluate": lambda root, leaf: evaluate(root, {leaf: 0.25}),
    "grad": built(grad),
    "jvp": built(lambda f: lambda x: jvp(f, (x,), (1.0,))),
    "taylor": built(lambda f: lambda x: taylor(f, x, 2)),
    "compile": lambda root, leaf: compile(root, wrt=[leaf]).value_and_grad([0.25]),
    "text": lambda root, leaf: text(root),
    "to_latex": lambda root, leaf: to_latex(root),
    "derivation": lambda root, leaf: derivation(root, leaf),
    "to_sympy": lambda root, leaf: to_sympy(root),
    "to_c": lambda root, leaf: to_c(compile(root, wrt=[leaf])),
    "to_javascript": lambda root, leaf: to_javascript(compile(root, wrt=[leaf])),
    "deepcopy": lambda root, leaf: copy.deepcopy(root),
    "pickle": lambda root, leaf: pickle.loads(pickle.dumps(root)),
    "repr": lambda root, leaf: repr(root),
}
FOR_EYES = {  # what nobody could look at is an error that says what to do
    "draw": lambda root, leaf: draw(root),
    "explore": lambda root, leaf: explore(root),
    "animate": lambda root, leaf: animate(root, "moving.svg"),
}


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
