"""Programs as functions of PyTorch tensors: values, PyTorch's own derivatives, and its transforms."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings

import nn
from autograd import Value, compile, exp, fsum, log, operation, rules, sin, softmax, where
from autograd.export import to_torch
from autograd.testing import expressions
from tests.autograd.export.rows import EDGES, ROWS, graph, network_loss, points, wanted

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'scalar-autograd[torch]'")


def tensor(numbers):
    return torch.tensor(np.asarray(numbers, dtype=float), dtype=torch.float64)


def by_torch(f, *arguments):
    gradient, value = torch.func.grad_and_value(f)(*map(tensor, arguments))
    return [value.item(), *gradient.reshape(-1).tolist()]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_every_row_has_the_value_and_derivatives_of_the_engine(name, row):
    root, leaves = graph(row, points(row)[0])
    f = to_torch(compile(root, wrt=leaves))
    edges = [xs for _, other, xs in EDGES if other is row]
    for operands in [*points(row), *edges]:
        found, known = by_torch(f, operands), wanted(row, operands)
        assert found == pytest.approx(known, rel=1e-12, abs=1e-15, nan_ok=True), operands


@settings(max_examples=60, deadline=None)
@given(expressions())
def test_random_expressions_agree(expression):
    leaves = [Value(x) for x in expression.inputs]
    root = expression(*leaves)
    if isinstance(root, Value):
        root.backward()
        found = by_torch(to_torch(compile(root, wrt=leaves)), expression.inputs)
        assert found == pytest.approx([root.data, *(leaf.grad for leaf in leaves)], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10]])
def test_networks_agree_under_vmap_and_grad(shape):
    program, X, Y = network_loss(shape)
    theta = program.read()
    value, gradient = program.value_and_grad_at(theta, X, Y)
    f = to_torch(program)
    assert "[i" not in f.source  # views, no gathers
    batch = torch.func.vmap(f, in_dims=(None, 0, 0))
    assert batch(*map(tensor, (theta, X, Y))).tolist() == pytest.approx(program.each(X, Y).tolist(), rel=1e-12)
    found = by_torch(lambda *all_of_it: batch(*all_of_it).mean(), theta, X, Y)
    assert found[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found[1:], gradient, rtol=1e-12, atol=1e-12 * np.abs(gradient).max())


def test_program_is_exported_with_a_dynamic_batch():
    model = nn.MLP(2, [4, 1], seed=1)
    program = compile(lambda x: model(x), batched="x", wrt=model.parameters())
    X = np.random.default_rng(0).normal(size=(5, 2))
    program(X)
    f, theta = to_torch(program), tensor(program.read())

    class Module(torch.nn.Module):
        def forward(self, X):
            return torch.func.vmap(f, in_dims=(None, 0))(theta, X)

    exported = torch.export.export(Module(), (tensor(X),), dynamic_shapes={"X": {0: torch.export.Dim("n", min=2)}})
    more = np.concatenate([X, X, X])
    assert exported.module()(tensor(more)).tolist() == pytest.approx(program.each(more).tolist(), rel=1e-12)


def test_hessian_is_that_of_the_engine():
    from autograd import hessian

    def rosenbrock(x):
        return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2

    f = compile(rosenbrock)
    f([0.5, 2.0])
    found = torch.func.jacrev(torch.func.jacrev(to_torch(f)))(tensor([0.5, 2.0]))
    np.testing.assert_allclose(found, hessian(rosenbrock)([0.5, 2.0]), rtol=1e-12)


def test_choices_keep_out_what_is_not_chosen():
    f = compile(lambda x: where(x[0] > 0.0, lambda: log(x[0]), lambda: x[0] * x[1]))
    f([1.0, 2.0])
    for x in ([2.0, 3.0], [0.0, 3.0], [-2.0, 3.0]):
        value, gradient = f.value_and_grad(x)
        assert by_torch(to_torch(f), x) == [value, *gradient]


def test_what_lies_irregularly_is_indexed():
    rng = np.random.default_rng(0)
    leaves = [Value(v) for v in rng.normal(size=40)]
    picked = rng.integers(0, 40, (60, 3)).tolist()
    root = fsum([leaves[a] * sin(leaves[b]) * leaves[c] for a, b, c in picked])
    root = root + fsum(softmax([leaves[i] for i, *_ in picked[:7]])[:3]) * 0.5
    program = compile(root, wrt=leaves)
    value, gradient = program.value_and_grad(program.read())
    found = by_torch(to_torch(program), program.read())
    assert found == pytest.approx([value, *gradient], rel=1e-12, abs=1e-13)


def test_arguments_constants_and_several_results():
    w, b = Value(3.0, "w"), Value(0.5, "b")
    program = compile(lambda x, k: [w * x[0] + b, exp(x[1]) * k, w * 0.0 + 7.0], wrt=[w])
    known = program([1.0, 2.0], 3.0)
    assert to_torch(program)(tensor([3.0]), tensor([1.0, 2.0]), tensor(3.0)).tolist() == pytest.approx(known)


def test_precision_is_that_of_the_arguments():
    x = Value(0.5)
    f = to_torch(compile(sin(x) * 0.1 + 2.0))
    assert f(torch.tensor([0.5])).dtype is torch.float32


def test_own_operations_are_read_as_symbols_or_named():
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x)
    assert by_torch(to_torch(compile(cube(Value(2.0)))), [2.0]) == [8.0, 12.0]
    own = operation("magic", lambda x: math.floor(float(x)), lambda y, x: 1.0)
    with pytest.raises(NotImplementedError, match="the operation magic cannot be read for PyTorch"):
        to_torch(compile(own(Value(3.5)) * 2.0))


def test_without_pytorch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"python -m pip install 'scalar-autograd\[torch\]'"):
        to_torch(compile(rules.sin(Value(1.0))))


def test_other_things_are_errors():
    with pytest.raises(TypeError, match=r"to_torch takes what compile\(...\) returned, got Value"):
        to_torch(Value(1.0))
