"""Copies and pickles: the graph is alive in the copy, whatever its depth, and the copy has a life of its own."""

import copy
import io
import itertools
import math
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
from autograd.rules.operation import Family, NAry

ROWS = [
    row
    for entry in rules.TABLE.values()
    for row in (map(entry.member, entry.samples) if isinstance(entry, Family) else [entry])
]
by_name = {"ids": lambda row: row.name}


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
    domain = row.domain or "True"
    return next(xs for xs in grid if eval(domain, {"inf": math.inf}, dict(zip(row.arguments, xs, strict=True))))


# What is kept


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_keeps_the_graph(protocol):
    x = Value(3.0)
    twin = pickle.loads(pickle.dumps(x * x, protocol))
    twin.backward()
    assert twin.parents[0].grad == 6.0


@every_way
def test_fields_of_a_leaf_are_kept(duplicate):
    x = Value(2.0, label="x")
    x.grad = 5.0
    twin = duplicate(x)
    assert (type(twin), twin.data, twin.grad, twin.label, twin.op, twin.parents) == (Value, 2.0, 5.0, "x", None, ())
    assert twin is not x


@every_way
def test_gradients_flow_in_the_copy_and_not_into_the_original(duplicate):
    x = Value(3.0)
    y = x * x
    twin = duplicate(y)
    twin.backward()
    (leaf, same_leaf) = twin.parents
    assert leaf is same_leaf
    assert (leaf.data, leaf.grad, x.grad, y.grad) == (3.0, 6.0, 0.0, 0.0)


@every_way
def test_gradients_are_kept_and_added_to(duplicate):
    x = Value(3.0)
    y = x * x
    y.backward()
    twin = duplicate(y)
    assert (twin.grad, twin.parents[0].grad) == (1.0, 6.0)
    twin.backward()
    assert (twin.parents[0].grad, x.grad) == (12.0, 6.0)


@every_way
def test_original_and_copy_are_independent(duplicate):
    x = Value(3.0)
    y = x * x
    twin = duplicate(y)
    twin.parents[0].data = 5.0
    assert x.data == 3.0
    y.backward()
    assert (x.grad, twin.parents[0].grad) == (6.0, 0.0)
    assert (twin.parents[0] * 2).data == 10.0


@every_way
def test_gradient_that_was_never_computed_stays_so(duplicate):
    x = Value(0.0)
    y = x * x
    assert all(node.grad is UNREACHED for node in topological_order(duplicate(y)))
    y.backward()
    twin = duplicate(y)
    assert twin.parents[0].grad == 0.0
    assert twin.parents[0].grad is not UNREACHED


@every_way
def test_constants_stay_constants(duplicate):
    twin = duplicate(Value(3.0) * 2)
    twin.backward()
    x, constant = twin.parents
    assert (type(x), type(constant), constant.data) == (Value, Constant, 2.0)
    assert (x.grad, constant.grad) == (2.0, 0.0)


@every_way
@pytest.mark.parametrize("row", ROWS, **by_name)
def test_every_row_survives(row, duplicate):
    xs = [Value(x) for x in operands_of(row)]
    y = row.apply(xs)
    twin = duplicate(y)
    assert twin.op is row
    assert (twin.data, twin.local_derivatives()) == (y.data, y.local_derivatives())
    y.backward()
    twin.backward()
    assert [x.grad for x in twin.parents] == [x.grad for x in xs]


@every_way
def test_functions_themselves_survive_as_the_same_object(duplicate):
    functions = [getattr(autograd, name) for name in rules.__all__]
    assert all(a is b for a, b in zip(duplicate(functions), functions, strict=True))


@every_way
@pytest.mark.parametrize("make", [lambda x: x**3, lambda x: leaky_relu(x, 0.1), lambda x: x.elu(0.7)])
def test_constants_of_families_survive(make, duplicate):
    y = make(Value(-2.0))
    twin = duplicate(y)
    assert twin.op is y.op
    assert twin.local_derivatives() == y.local_derivatives()


@every_way
def test_own_operation_of_module_level_functions_survives(duplicate):
    own = operation("own", forward, by_a, by_b)
    twin = duplicate(own(Value(2.0), Value(3.0)))
    twin.backward()
    assert (twin.op.name, [x.grad for x in twin.parents]) == ("own", [9.0, 12.0])
    assert twin.op(2.0, 3.0) == 18.0


def test_deep_copy_keeps_an_own_operation_of_lambdas():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
    twin = copy.deepcopy(cube(Value(2.0)))
    twin.backward()
    assert twin.op is cube
    assert twin.parents[0].grad == 12.0


def test_pickle_that_fails_leaves_nothing_behind():
    x = Value(2.0)
    h = x * x
    y = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)(h) + 1
    for _ in range(2):
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(y)
    twin = pickled(h)
    twin.backward()
    assert twin.parents[0].grad == 4.0


@every_way
def test_scopes_survive(duplicate):
    x = Value(3.0)
    with scope("outer"):
        y = x * x
        with scope("inner"):
            z = y + x
    twin = duplicate(z)
    assert (twin.scope.title, twin.scope.outer.title, twin.scope.outer.outer) == ("inner", "outer", None)
    assert twin.parents[0].scope is twin.scope.outer
    assert twin.parents[1].scope is None


@every_way
def test_scope_survives_an_assignment_within_it(duplicate):
    x = Value(3.0)
    with scope("step"):
        x.data = 5.0
        y = x * x
    twin = duplicate(y)
    assert twin.scope.title == "step"
    twin.backward()
    assert twin.parents[0].grad == 10.0


# Nodes that are shared


@every_way
def test_node_that_a_list_holds_twice_is_one_node_in_the_copy(duplicate):
    x = Value(3.0)
    y = x * x
    first, leaf, second = duplicate([y, x, y])
    assert first is second
    assert first.parents == (leaf, leaf)


@every_way
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_graphs_that_share_nodes_share_them_in_the_copy(order, duplicate):
    x = Value(3.0)
    h = tanh(x)
    nodes = [x, h, h * 2, h * x]
    twins = dict(zip(order, duplicate([nodes[i] for i in order]), strict=True))
    assert twins[1].parents == (twins[0],)
    assert twins[2].parents[0] is twins[1]
    assert twins[3].parents == (twins[1], twins[0])


@every_way
def test_values_are_found_in_dictionaries_and_objects(duplicate):
    x = Value(3.0)
    twin = duplicate({"loss": [x * x], "weights": {"x": x}, "seen": {x}})
    assert twin["loss"][0].parents[0] is twin["weights"]["x"]
    assert twin["weights"]["x"] in twin["seen"]


@every_way
def test_duplicate_parents_stay_duplicates(duplicate):
    x = Value(3.0)
    twin = duplicate(fsum([x, x, x]))
    assert twin.parents == (twin.parents[0],) * 3


# Depth


def chain(length):
    x = Value(1.0)
    y = x
    for _ in range(length):
        y = y + x
    return y


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickled], ids=lambda way: way.__name__)
def test_graph_may_be_deep(duplicate):
    limit = sys.getrecursionlimit()
    twin = duplicate([chain(20_000)])[0]
    twin.backward()
    order = topological_order(twin)
    assert len(order) == 20_001
    assert order[0].grad == 20_001.0
    assert sys.getrecursionlimit() == limit


def test_deep_graph_may_be_pickled_again_and_within_a_larger_one():
    y = chain(5000)
    first = pickle.dumps(y)
    assert pickle.dumps(y) == first
    twin = pickled(tanh(y) + y)
    assert len(topological_order(twin)) == 5003


def test_pickler_that_is_kept_leaves_later_ones_alone():
    y = chain(5000)
    kept = pickle.Pickler(io.BytesIO())
    kept.dump(y + 1)
    assert len(topological_order(pickled(y))) == 5001


def test_pickler_that_failed_and_is_kept_leaves_later_ones_alone():
    y = chain(5000)
    kept = pickle.Pickler(io.BytesIO())
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        kept.dump(operation("f", lambda x: x, lambda y, x: 1.0)(y) + 1)
    assert len(topological_order(pickled(y))) == 5001


def test_graph_may_be_deeper_than_the_recursion_limit_for_the_python_pickler_too():
    twin = pickled_by_python(chain(2500))
    twin.backward()
    assert topological_order(twin)[0].grad == 2501.0


def test_pickle_of_a_wide_graph_is_linear_in_its_size():
    small, large = (len(pickle.dumps(mean([Value(1.0) * i for i in range(n)]))) for n in (1000, 4000))
    assert large < 5 * small


def test_pickle_of_a_deep_graph_by_the_python_pickler_is_linear_in_its_size():
    def size(length):
        file = io.BytesIO()
        pickle._Pickler(file).dump(chain(length))
        return len(file.getvalue())

    assert size(800) < 5 * size(200)


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
def test_change_before_the_copy_is_still_noticed_in_it(duplicate):
    x = Value(3.0, label="x")
    y = x * x
    x.data = 5.0
    with pytest.raises(RuntimeError, match="leaf x was changed"):
        duplicate(y).backward()


@every_way
def test_change_of_a_leaf_of_the_copy_is_noticed(duplicate):
    twin = duplicate(Value(3.0, label="x") * 2)
    twin.parents[0].data = 5.0
    with pytest.raises(RuntimeError, match="leaf x was changed"):
        twin.backward()


def advanced_clock():
    """A leaf whose clock is ahead of that of a fresh process."""
    x = Value(0.0, label="x")
    for number in range(1, 4):
        x.data = number
    return x


def in_fresh_process(code, thing, path):
    path.write_bytes(pickle.dumps(thing))
    package = Path(autograd.__file__).parents[1]
    code = f"import pickle, pathlib\nthing = pickle.loads(pathlib.Path({str(path)!r}).read_bytes())\n" + code
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return run.stdout.split("\n")[:-1] if run.returncode == 0 else run.stderr


def test_graph_loaded_by_a_fresh_process_differentiates(tmp_path):
    x = advanced_clock()
    code = "thing.backward()\nprint(thing.data, thing.parents[0].grad, thing.parents[0].label)"
    assert in_fresh_process(code, x * x, tmp_path / "graph") == ["9.0 6.0 x"]


def test_graph_built_in_a_fresh_process_on_a_loaded_leaf_gives_no_false_alarm(tmp_path):
    code = "(thing * thing).backward()\nprint(thing.grad)\nthing.data = 1\n"
    code += "(thing * thing).backward()\nprint(thing.grad)"
    assert in_fresh_process(code, advanced_clock(), tmp_path / "leaf") == ["6.0", "8.0"]


def test_graph_of_a_fresh_process_that_is_older_than_the_loaded_leaf_gives_no_false_alarm(tmp_path):
    code = "from autograd import Value\nw = Value(2.0)\nh = w * w\n"
    code += "x = pickle.loads(pickle.dumps(thing))\n(h * x + thing).backward()\nprint(w.grad, x.grad, thing.grad)"
    assert in_fresh_process(code, advanced_clock(), tmp_path / "leaf") == ["12.0 4.0 1.0"]


def test_change_after_loading_in_a_fresh_process_is_noticed(tmp_path):
    x = advanced_clock()
    code = "thing.parents[0].data = 5\nthing.backward()"
    found = in_fresh_process(code, x * x, tmp_path / "graph")
    assert "RuntimeError: the data of the leaf x was changed to 5.0 after" in found


def test_deep_graph_with_many_rows_loads_in_a_fresh_process(tmp_path):
    x = advanced_clock()
    y = logsumexp([dot([x, 2.0], [x, x]), leaky_relu(-x, 0.1), x**3])
    for _ in range(5000):
        y = y * 0.999 + x * 0.001
    code = (
        "from autograd.engine.chain import topological_order\nthing.backward()\nprint(topological_order(thing)[0].grad)"
    )
    (found,) = in_fresh_process(code, y, tmp_path / "graph")
    y.backward()
    assert float(found) == x.grad
