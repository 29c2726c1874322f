"""Copies and pickles: the graph is alive in the copy, whatever its depth, and the copy has a life of its own."""

import copy
import io
import itertools
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import Constant, Value, dot, fsum, leaky_relu, logsumexp, mean, operation, rules, scope, tanh
from autograd.engine.chain import topological_order
from autograd.engine.node import UNREACHED
from autograd.rules.operation import NAry
from autograd.testing import every_operation
from tests.oracle import defined


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def pickled_by_python(thing):
    """With the pickler that is written in Python, which tools such as dill extend."""
    file = io.BytesIO()
    pickle._Pickler(file).dump(thing)
    return pickle._loads(file.getvalue())


WAYS = [copy.deepcopy, pickled, pickled_by_python]
every_way = pytest.mark.parametrize("duplicate", WAYS, ids=lambda way: way.__name__)


def forward(a, b):
    return a * b * b


def by_a(y, a, b):
    return b * b


def by_b(y, a, b):
    return 2 * a * b


def operands_of(row):
    if isinstance(row, NAry):
        return [0.5, -1.0, 2.0, 3.0]
    grid = itertools.product([0.5, 2.0, -1.0, 1.0], repeat=len(row.partials))
    return next(xs for xs in grid if defined(row, xs))


# What is kept


@every_way
def test_fields_of_a_leaf_are_kept(duplicate):
    x = Value(2.0, label="x")
    x.grad = 5.0
    twin = duplicate(x)
    assert (type(twin), twin.data, twin.grad, twin.label, twin.op, twin.parents) == (Value, 2.0, 5.0, "x", None, ())
    assert twin is not x


@every_way
def test_gradients_are_kept_and_flow_in_the_copy_and_not_into_the_original(duplicate):
    x = Value(3.0)
    y = x * x
    twin = duplicate(y)
    assert all(node.grad is UNREACHED for node in topological_order(twin))
    twin.backward()
    leaf, same_leaf = twin.parents
    assert leaf is same_leaf
    assert (leaf.data, leaf.grad, x.grad, y.grad) == (3.0, 6.0, 0.0, 0.0)
    y.backward()
    again = duplicate(y)
    assert (again.grad, again.parents[0].grad) == (1.0, 6.0)
    again.backward()
    assert (again.parents[0].grad, leaf.grad, x.grad) == (12.0, 6.0, 6.0)
    leaf.data = 5.0
    assert ((leaf * 2).data, x.data, again.parents[0].data) == (10.0, 3.0, 3.0)
    x.data, x.grad = 0.0, 0.0
    zero = duplicate(x * x).parents[0]  # a gradient that was computed to be 0
    assert zero.grad == 0.0
    assert zero.grad is not UNREACHED


@every_way
def test_constants_and_duplicates_stay_what_they_are(duplicate):
    x = Value(3.0)
    twin, three = duplicate([x * 2, fsum([x, x, x])])
    twin.backward()
    leaf, constant = twin.parents
    assert (type(leaf), type(constant), constant.data) == (Value, Constant, 2.0)
    assert (leaf.grad, constant.grad) == (2.0, 0.0)
    assert three.parents == (leaf,) * 3


@every_way
def test_every_row_survives(duplicate):
    for row in (*every_operation(), *rules.MADE):
        xs = [Value(x) for x in operands_of(row)]
        y = row.apply(xs)
        twin = duplicate(y)
        assert twin.op is row
        assert (twin.data, twin.local_derivatives()) == (y.data, y.local_derivatives())
        y.backward()
        twin.backward()
        assert [x.grad for x in twin.parents] == [x.grad for x in xs]
    functions = [getattr(autograd, name) for name in rules.__all__]
    assert all(a is b for a, b in zip(duplicate(functions), functions, strict=True))


@every_way
def test_own_operation_of_module_level_functions_survives(duplicate):
    for vectorized in (False, True):
        own = operation("own", forward, by_a, by_b, vectorized=vectorized)
        twin = duplicate(duplicate(own(Value(2.0), Value(3.0))))
        twin.backward()
        assert (twin.op.name, [x.grad for x in twin.parents]) == ("own", [9.0, 12.0])
        assert (twin.op(2.0, 3.0), twin.op.vectorized) == (18.0, vectorized)


def test_own_operation_of_lambdas_is_copied_and_not_pickled():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
    x = Value(2.0)
    h = x * x
    y = cube(h) + 1
    twin = copy.deepcopy(y)
    twin.backward()
    assert twin.parents[0].op is cube
    assert twin.parents[0].parents[0].grad == 48.0
    for _ in range(2):
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(y)
    twin = pickled(h)  # what failed leaves nothing behind
    twin.backward()
    assert twin.parents[0].grad == 4.0


@every_way
def test_scopes_survive(duplicate):
    x = Value(3.0)
    with scope("outer"):
        x.data = 5.0
        y = x * x
        with scope("inner"):
            z = y + x
    twin = duplicate(z)
    assert (twin.scope.title, twin.scope.outer.title, twin.scope.outer.outer) == ("inner", "outer", None)
    assert twin.parents[0].scope is twin.scope.outer
    assert twin.parents[1].scope is None
    twin.backward()
    assert twin.parents[1].grad == 11.0


# Nodes that are shared


@every_way
def test_nodes_that_are_shared_are_shared_in_the_copy(duplicate):
    x = Value(3.0)
    h = tanh(x)
    nodes = [x, h, h * 2, h * x]
    for order in itertools.permutations(range(4)):
        twins = dict(zip(order, duplicate([nodes[i] for i in order]), strict=True))
        assert twins[1].parents == (twins[0],)
        assert twins[2].parents[0] is twins[1]
        assert twins[3].parents == (twins[1], twins[0])
    first, leaf, second = duplicate([h, x, h])
    assert first is second
    assert first.parents == (leaf,)
    twin = duplicate({"loss": [x * x], "weights": {"x": x}, "seen": {x}})
    assert twin["loss"][0].parents[0] is twin["weights"]["x"]
    assert twin["weights"]["x"] in twin["seen"]


# Depth


def chain(length):
    x = Value(1.0)
    y = x
    for _ in range(length):
        y = y + x
    return y


@every_way
def test_graph_may_be_deep(duplicate):
    length = 2500 if duplicate is pickled_by_python else 20_000
    limit = sys.getrecursionlimit()
    twin = duplicate([chain(length)])[0]
    twin.backward()
    order = topological_order(twin)
    assert (len(order), order[0].grad) == (length + 1, length + 1.0)
    assert sys.getrecursionlimit() == limit < length


def test_deep_graph_may_be_pickled_again_and_within_a_larger_one():
    y = chain(5000)
    first = pickle.dumps(y)
    assert pickle.dumps(y) == first
    twin = pickled(tanh(y) + y)
    assert len(topological_order(twin)) == 5003


def test_pickler_that_is_kept_leaves_later_ones_alone():
    y = chain(5000)
    kept, failed = pickle.Pickler(io.BytesIO()), pickle.Pickler(io.BytesIO())
    kept.dump(y + 1)
    assert len(topological_order(pickled(y))) == 5001
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        failed.dump(operation("f", lambda x: x, lambda y, x: 1.0)(y) + 1)
    assert len(topological_order(pickled(y))) == 5001


def test_pickle_is_linear_in_the_size_of_the_graph():
    def by_python(graph):
        file = io.BytesIO()
        pickle._Pickler(file).dump(graph)
        return file.getvalue()

    wide = [len(pickle.dumps(mean([Value(1.0) * i for i in range(n)]))) for n in (1000, 4000)]
    deep = [len(by_python(chain(length))) for length in (200, 800)]
    for small, large in (wide, deep):
        assert large < 5 * small


# Shallow copies


def test_shallow_copy_of_a_leaf_is_another_leaf():
    x = Value(3.0, label="x")
    x.grad = 2.0
    twin = copy.copy(x)
    twin.data = 5.0
    assert (x.data, twin.data, twin.label, twin.grad) == (3.0, 5.0, "x", 2.0)


def test_shallow_copy_of_a_node_shares_its_parents():
    x = Value(3.0)
    y = x * x
    twin = copy.copy(y)
    assert twin is not y
    assert (twin.op, twin.parents) == (y.op, y.parents)
    twin.backward()
    assert (x.grad, twin.grad) == (6.0, 1.0)
    assert y.grad is UNREACHED


# The clock


@every_way
def test_change_of_a_leaf_before_the_copy_or_in_it_is_noticed(duplicate):
    x = Value(3.0, label="x")
    y = x * x
    twin = duplicate(y)
    x.data = twin.parents[0].data = 5.0
    for stale in (duplicate(y), twin):
        with pytest.raises(RuntimeError, match="leaf x was changed"):
            stale.backward()


def in_fresh_process(code, thing, path):
    """What code prints in a process whose clock stands at its beginning, behind that of the graph or the leaf."""
    path.write_bytes(pickle.dumps(thing))
    run = subprocess.run(
        [sys.executable, "-c", f"import pickle, pathlib\npath = pathlib.Path({str(path)!r})\n{code}"],
        env={**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert run.stderr == ""
    return run.stdout.splitlines()


def advanced_leaf():
    """A leaf whose clock is ahead of that of a fresh process."""
    x = Value(0.0, label="x")
    for number in range(1, 4):
        x.data = number
    return x


def test_graphs_loaded_by_a_fresh_process_differentiate_and_notice_a_change(tmp_path):
    x = advanced_leaf()
    y = logsumexp([dot([x, 2.0], [x, x]), leaky_relu(-x, 0.1), x**3])
    for _ in range(5000):
        y = y * 0.999 + x * 0.001
    code = """
from autograd.engine.chain import topological_order
square, deep = pickle.loads(path.read_bytes())
square.backward()
leaf = square.parents[0]
print(square.data, leaf.grad, leaf.label)
leaf.grad = 0.0
deep.backward()
print(topological_order(deep)[0].grad)
leaf.data = 5
try:
    square.backward()
except RuntimeError as error:
    print(error)
"""
    found, slope, error = in_fresh_process(code, [x * x, y], tmp_path / "graph")
    y.backward()
    assert (found, float(slope)) == ("9.0 6.0 x", x.grad)
    assert "the data of the leaf x was changed to 5.0 after" in error


def test_leaf_loaded_by_a_fresh_process_gives_no_false_alarm(tmp_path):
    code = """
from autograd import Value
w = Value(2.0)
h = w * w  # older than the leaf that is loaded
leaf, x = pickle.loads(path.read_bytes()), pickle.loads(path.read_bytes())
(h * x + leaf).backward()
print(w.grad, x.grad, leaf.grad)
for number in (3, 1):
    x.data, x.grad = number, 0.0
    (x * x).backward()
    print(x.grad)
"""
    assert in_fresh_process(code, advanced_leaf(), tmp_path / "leaf") == ["12.0 4.0 1.0", "6.0", "2.0"]


def test_graph_built_first_of_all_in_a_fresh_process_on_a_loaded_leaf_gives_no_false_alarm(tmp_path):
    code = "x = pickle.loads(path.read_bytes())\n(x * x).backward()\nprint(x.grad)\nx.data = 1\n"
    code += "(x * x).backward()\nprint(x.grad)"
    assert in_fresh_process(code, advanced_leaf(), tmp_path / "leaf") == ["6.0", "8.0"]
