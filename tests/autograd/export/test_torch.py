"""Programs as functions of PyTorch tensors: values, PyTorch's own derivatives, and its transforms."""

import math
import pickle
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

import nn
from autograd import Value, compile, dot, exp, fsum, log, logsumexp, mean, operation, rules, sin, where
from autograd.export import load_torch_state, to_torch
from autograd.functions import flatten
from autograd.testing import expressions
from tests.autograd.export.rows import (
    ACTIVATIONS,
    EDGES,
    NAMES,
    ROWS,
    agreeing,
    close,
    graph,
    irregular_graph,
    network_loss,
    points,
    settled,
    tails,
    wanted,
)
from tests.hypothesis_profiles import max_examples

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'scalar-autograd[torch]'")


def tensor(numbers):
    return torch.tensor(np.asarray(numbers, dtype=float), dtype=torch.float64)


def by_torch(f, *arguments):
    gradient, value = torch.func.grad_and_value(f)(*map(tensor, arguments))
    return [value.item(), *gradient.reshape(-1).tolist()]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=NAMES)
def test_every_row_has_the_value_and_derivatives_of_the_engine(name, row):
    root, leaves = graph(row, points(row)[0])
    f = to_torch(compile(root, wrt=leaves))
    edges = [xs for _, other, xs in EDGES if other is row]
    for operands in [*points(row), *tails(row), *edges]:
        found, known = by_torch(f, operands), wanted(row, operands)
        assert found == close(known), operands


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # by torch.func.jvp itself
@pytest.mark.parametrize(("name", "row"), ROWS, ids=NAMES)
def test_every_row_has_the_derivative_along_any_direction(name, row):
    operands = points(row)[-1]
    root, leaves = graph(row, operands)
    direction = [0.5 - 2.0 * n for n in range(len(operands))]
    found = torch.func.jvp(to_torch(compile(root, wrt=leaves)), (tensor(operands),), (tensor(direction),))
    value, *gradient = wanted(row, operands)
    terms = [slope * d for slope, d in zip(gradient, direction, strict=True)]
    assert found[0].item() == close(value)
    assert found[1].item() == pytest.approx(math.fsum(terms), rel=1e-12, abs=1e-14 * max(map(abs, terms)))


@max_examples(60)
@given(expressions())
def test_random_expressions_agree(expression):
    leaves = [Value(x) for x in expression.inputs]
    root = expression(*leaves)
    if isinstance(root, Value):
        assert by_torch(to_torch(compile(root, wrt=leaves)), expression.inputs) == agreeing(root, leaves)


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
    np.testing.assert_allclose(found[1:], gradient, rtol=1e-12, atol=0.0)


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
    root, leaves = irregular_graph()
    program = compile(root, wrt=leaves)
    value, gradient = program.value_and_grad(program.read())
    found = by_torch(to_torch(program), program.read())
    assert found == pytest.approx([value, *gradient], rel=1e-12)


def test_arguments_and_several_results_of_which_some_are_constant():
    w, b = Value(3.0, "w"), Value(0.5, "b")
    for results in (
        lambda x, k: [w * x[0] + b, exp(x[1]) * k, w * 0.0 + 7.0],
        lambda x, k: [7.0, [w * x[0], {"a": b * 2}], k, 1],
    ):
        program = compile(results, wrt=[w])
        known = flatten(program([1.0, 2.0], 3.0), "to_torch")[0]
        found = to_torch(program)(tensor([3.0]), tensor([1.0, 2.0]), tensor(3.0))
        assert found.tolist() == close(known)
        again = pickle.loads(pickle.dumps(program.program))
        assert to_torch(again)(tensor([3.0]), tensor([1.0, 2.0]), tensor(3.0)).tolist() == close(known)


def test_result_that_is_constant_has_a_gradient_of_0():
    program = compile(lambda x: 5.0)
    program([1.0, 2.0])
    f = to_torch(program)
    assert f(tensor([1.0, 2.0])).item() == 5.0
    batch = torch.func.vmap(f)(tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert batch.tolist() == [5.0, 5.0]
    assert by_torch(f, [1.0, 2.0]) == [5.0, 0.0, 0.0]


def test_arguments_may_have_any_names_and_no_numbers():
    f = compile(lambda theta, empty, captured, v0: theta * captured[0] + v0, batched="theta")
    f([2.0, 3.0], [], [5.0], 1.0)
    assert to_torch(f)(tensor(2.0), tensor([]), tensor([5.0]), tensor(1.0)).item() == 11.0


def test_n_ary_rows_within_an_own_operation():
    many = operation(
        "many",
        lambda a, b: logsumexp([a, b]) + dot([a, b], [a, a]) * mean([a, fsum([b, 1.0])]),
        *[lambda y, a, b: a] * 2,
    )
    root = many(Value(2.0), Value(3.0))
    f = to_torch(compile(root))
    assert f(tensor([2.0, 3.0])).item() == close(root.data)
    plain = compile(lambda x: logsumexp(x) + dot(x, [x[0], x[0]]) * mean([x[0], fsum([x[1], 1.0])]))
    assert by_torch(f, [2.0, 3.0])[1:] == close(list(plain.value_and_grad([2.0, 3.0])[1]))


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


# Networks as torch.nn.Sequential


@pytest.mark.parametrize("activation", [*ACTIVATIONS, None, pytest.param(lambda z: sin(z) * 0.5 + z, id="own")])
def test_network_of_every_activation_has_the_values_and_gradients_of_the_engine(activation):
    model = settled(nn.MLP(3, [4, 4, 2], activation=activation, output=activation))
    net = to_torch(model)
    for x in ([0.5, 0.25, 0.125], [0.75, 0.0, 0.5]):
        known = model(x)
        given = tensor(x).requires_grad_()
        found = net(given)
        assert found.tolist() == close([y.data for y in known])
        model.zero_grad()
        net.zero_grad()
        fsum(known).backward()
        found.sum().backward()
        linear = [module for module in net if isinstance(module, torch.nn.Linear)]
        for layer, module in zip(model.layers, linear, strict=True):
            weights = [w.grad for neuron in layer.neurons for w in neuron.w]
            assert module.weight.grad.ravel().tolist() == close(weights)
            assert module.bias.grad.tolist() == close([neuron.b.grad for neuron in layer.neurons])


def test_state_loads_without_this_package(tmp_path):
    model = nn.MLP(2, [16, 16, 1], activation="gelu", output="tanh", seed=1)
    torch.save(to_torch(model).state_dict(), tmp_path / "state.pt")
    code = (
        "import sys, torch; from torch import nn; nets = nn.Sequential(nn.Linear(2, 16), nn.GELU(), nn.Linear(16, 16), "
        "nn.GELU(), nn.Linear(16, 1), nn.Tanh()).double(); nets.load_state_dict(torch.load(sys.argv[1])); "
        "print(repr(nets(torch.tensor([0.5, -0.25], dtype=torch.float64)).item())); "
        "assert 'autograd.engine' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code, tmp_path / "state.pt"], capture_output=True, text=True)
    assert float(run.stdout) == close(model([0.5, -0.25]).data), run.stderr


def test_whole_network_is_made_of_modules_of_pytorch():
    net = to_torch(nn.MLP(64, [32, 10], activation="relu", seed=1))
    assert [type(module).__name__ for module in net] == ["Linear", "ReLU", "Linear"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert to_torch(nn.Neuron(2, "tanh"))[1].__class__ is torch.nn.Tanh
    assert len(to_torch(nn.Layer(2, 3, None))) == 1


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10]])
def test_state_of_pytorch_comes_back(shape):
    sizes = list(pairwise(shape))
    trained = torch.nn.Sequential(*[torch.nn.Linear(*size, dtype=torch.float64) for size in sizes])
    model = nn.MLP(shape[0], shape[1:], activation=None, seed=2)
    load_torch_state(model, trained.state_dict())
    x = np.linspace(-1.0, 1.0, shape[0])
    outputs = model(x.tolist())
    found = [y.data for y in (outputs if shape[-1] > 1 else [outputs])]
    assert found == pytest.approx(trained(tensor(x)).tolist(), rel=1e-12)
    other = nn.MLP(shape[0], shape[1:], activation=None, seed=3)
    load_torch_state(other, to_torch(model))
    assert other.state_dict() == model.state_dict()


def test_state_that_does_not_fit_changes_nothing():
    model = nn.MLP(2, [3, 1], seed=1)
    before = model.state_dict()
    state = {
        "a.weight": torch.zeros(3, 2),
        "a.bias": torch.zeros(2),
        "b.weight": torch.zeros(1, 4),
        "norm": torch.ones(1),
    }
    with pytest.raises(ValueError, match="unexpected norm") as error:
        load_torch_state(model, state)
    for part in (r"a.bias of shape \(2,\), not \(3,\)", r"b.weight of shape \(1, 4\), not \(1, 3\)", "missing b.bias"):
        assert re.search(part, str(error.value))
    with pytest.raises(ValueError, match="1 linear layers, where the model has 2"):
        load_torch_state(model, {"weight": torch.zeros(3, 2), "bias": torch.zeros(3)})
    assert model.state_dict() == before


class Residual(nn.MLP):
    def forward(self, x):
        return [a + b for a, b in zip(super().forward(x), x, strict=True)]


def test_model_that_is_more_than_its_layers_is_refused():
    for ask in (to_torch, lambda model: load_torch_state(model, {})):
        with pytest.raises(TypeError, match="got a Residual with a forward of its own"):
            ask(Residual(2, [2]))
    mixed = nn.Layer(2, 2, "relu")
    mixed.neurons[0].activation = rules.tanh
    with pytest.raises(TypeError, match="layers of one activation each"):
        to_torch(mixed)
    with pytest.raises(NotImplementedError, match="cannot be read for PyTorch, since it takes numbers"):
        to_torch(nn.Neuron(2, lambda z: math.floor(float(z)) * z))


def test_values_that_are_no_parameters_have_the_numbers_of_now():
    a, b, k = (Value(x) for x in (2.0, 3.0, 5.0))
    f = compile(lambda x: sin(a * x) * b + sin(k * x) * exp(k), wrt=[b, a])
    f(0.5)
    a.data, k.data = 4.0, -1.0
    value, gradient = f.value_and_grad_at([4.0, 3.0], 0.5)
    assert by_torch(to_torch(f), [4.0, 3.0], 0.5) == close([value, *gradient])
