"""Programs as functions of PyTorch tensors: values, PyTorch's own derivatives, and its transforms."""

import math
import pickle
import re
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise, product

import numpy as np
import pytest

import nn
from autograd import (
    Value,
    compile,
    exp,
    fsum,
    grad,
    log,
    minimum,
    operation,
    rules,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    tanh,
    where,
)
from autograd.export import load_torch_state, to_torch
from autograd.export._composed_in_torch import FunctionsOfTorch
from autograd.functions import flatten
from tests.autograd.export.rows import (
    ROWS,
    cases,
    check_extremes,
    check_higher,
    close,
    derived,
    each_row,
    higher_points,
    points,
    program_of,
    wanted,
)
from tests.autograd.export.samples import ACTIVATIONS, network_loss, settled

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'scalar-autograd[torch]'")


LIMITS = [("gelu", math.inf), ("gelu", -math.inf)]  # which PyTorch has, where the engine has nan
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def tensor(numbers):
    return torch.tensor(np.asarray(numbers, dtype=float), dtype=torch.float64, device=DEVICE)


def by_torch(f, *arguments):
    gradient, value = torch.func.grad_and_value(f)(*map(tensor, arguments))
    return [value.item(), *gradient.reshape(-1).tolist()]


def of_each(f, operands):
    """What a function has for each of many operands; a zero of PyTorch may have no storage."""
    return (torch.func.vmap(f)(tensor(operands)) + 0.0).cpu().numpy()


@each_row
def test_every_row_has_the_value_and_derivatives_of_the_engine(name, row):
    f = to_torch(program_of(row))
    for operands, known in cases(row):
        assert by_torch(f, operands) == close(known), operands


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # by torch.func.jvp itself
@each_row
def test_every_row_has_the_derivative_along_any_direction(name, row):
    operands = points(row)[-1]
    direction = [0.5 - 2.0 * n for n in range(len(operands))]
    found = torch.func.jvp(to_torch(program_of(row, operands)), (tensor(operands),), (tensor(direction),))
    value, *gradient = wanted(row, operands)
    terms = [slope * d for slope, d in zip(gradient, direction, strict=True)]
    assert found[0].item() == close(value)
    assert found[1].item() == pytest.approx(math.fsum(terms), rel=1e-12, abs=1e-14 * max(map(abs, terms)))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@each_row
def test_every_row_has_the_derivatives_of_the_engine_in_every_order_of_modes(name, row):
    exported = to_torch(program_of(row))
    ordinary = [xs for xs in points(row) if 0.0 not in xs][:2]
    for order, operands in ((1, higher_points(row)), (2, higher_points(row)), (3, ordinary)):
        for modes in product("fr", repeat=order):
            for xs, numbers in zip(operands, of_each(derived(exported, modes, torch.func), operands), strict=True):
                check_higher(numbers, row, order, xs)


@pytest.mark.sample(3)
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("modes", ["f", "r", *map("".join, product("fr", repeat=2))])
@pytest.mark.parametrize(("name", "row"), [(name, row) for name, row in ROWS if row.arity == 2], ids=str)
def test_slope_by_an_operand_that_is_constant_counts_in_no_mode(name, row, modes):
    for xs, position in product([*points(row)[::9], *(xs for xs in row.edges if np.isfinite(xs).all())], (0, 1)):

        def f(x, xs=xs, position=position):
            return row.apply([*xs[:position], x, *xs[position + 1 :]])

        known = grad(f) if len(modes) == 1 else grad(grad(f))
        with suppress(ValueError, ArithmeticError):
            if np.isfinite([known(xs[position]), grad(f)(xs[position])]).all():
                exported = to_torch(compile(f(x := Value(xs[position], "x")), wrt=[x]))
                found = derived(lambda x: exported(x[None]), modes, torch.func)(tensor(xs[position]))  # noqa: B023
                assert found.item() == close(known(xs[position])), (xs, position)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@each_row
def test_every_row_has_the_derivatives_of_the_engine_at_all_magnitudes(name, row):
    exported = to_torch(program_of(row))
    check_extremes(row, lambda modes, operands: of_each(derived(exported, modes, torch.func), operands))


@each_row
def test_every_function_of_one_number_has_the_derivative_of_the_engine_at_infinities_and_nan(name, row):
    exported = to_torch(program_of(row)) if row.arity == 1 else None
    for x in (math.inf, -math.inf, math.nan, 0.0, -0.0) if exported else ():
        with suppress(ValueError, ArithmeticError):
            known = wanted(row, [x])
            assert (by_torch(exported, [x]) == close(known)) is ((name, x) not in LIMITS), x


def test_clip_has_the_value_and_derivatives_of_the_engine_at_any_floats():
    f = to_torch(program_of(rules.clip))
    for operands in product((-1.0, -0.0, 1.0, 2.0, math.inf, -math.inf, math.nan), repeat=3):
        assert by_torch(f, operands) == close(wanted(rules.clip, operands)), operands


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("row", [rules.lgamma, rules.hypot, rules.power], ids=str)
def test_function_that_brings_its_derivatives_is_exported_from_under_vmap(row):
    operands = points(row)[-1]
    f = torch.func.vmap(to_torch(program_of(row, operands)))

    class Module(torch.nn.Module):
        def forward(self, X):
            return f(X)

    X = tensor([operands, operands])
    assert torch.export.export(Module(), (X,)).module()(X).tolist() == close([row(*operands)] * 2)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("modes", list(product("fr", repeat=2)), ids="".join)
def test_function_that_is_made_of_others_is_differentiated_through_a_batch(modes):
    f = to_torch(compile(rules.lgamma(Value(0.5))))
    total = derived(lambda X: torch.func.vmap(f)(X).sum(), modes, torch.func)
    assert total(tensor([1.5, 2.5])).diagonal().tolist() == close([rules.trigamma(1.5), rules.trigamma(2.5)])


def test_operands_of_a_batch_may_have_several_shapes():
    from autograd.export._functions_of_torch import TORCH_FUNCTIONS  # which imports PyTorch

    names = {"torch": torch, **TORCH_FUNCTIONS}
    call = FunctionsOfTorch(torch, names).dialect.call(rules.xlogy, ["a", "b"])
    f = names[call.partition("(")[0]]
    a, b = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), tensor([7.0, 8.0])
    assert torch.equal(torch.func.vmap(f, in_dims=(1, None))(a, b), f(a.T, b))
    assert torch.equal(torch.func.vmap(f, in_dims=(0, 0))(a, b), f(a, b[:, None]))


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


def test_result_that_is_constant_is_there_for_each_example():
    program = compile(lambda x: 5.0)
    program([1.0, 2.0])
    assert torch.func.vmap(to_torch(program))(tensor([[1.0, 2.0], [3.0, 4.0]])).tolist() == [5.0, 5.0]


def test_function_may_return_no_numbers():
    f = compile(lambda x: [])
    f(1.0)
    assert to_torch(f)(tensor(1.0)).tolist() == []


def test_precision_is_that_of_the_arguments():
    x = Value(0.5)
    f = to_torch(compile(sin(x) * 0.1 + 2.0))
    assert f(torch.tensor([0.5])).dtype is torch.float32


def test_number_beyond_single_precision_is_infinite_there():
    own = operation("bounded", lambda x: minimum(x, 1e300), lambda y, x: minimum(1.0, 1e39))
    power = operation("raised", lambda x, n: x**n, lambda y, x, n: n * x ** (n - 1.0), lambda y, x, n: y * log(x))
    x = Value(0.5)
    for root, known in ((own(x) * x, [0.25, 1.0]), (power(x, 1e300), [0.0, math.nan]), (minimum(x, 1e300), [0.5, 1.0])):
        gradient, value = torch.func.grad_and_value(to_torch(compile(root)))(torch.tensor([0.5]))
        assert [value.item(), gradient.item()] == close(known)


# Networks as torch.nn.Sequential


OWN_ACTIVATIONS = {
    "a formula": lambda z: sin(z) * 0.5 + z, "straight through": lambda z: z + (sign(z) - z).detach(),
    "a detached factor": lambda z: z * sigmoid(z).detach(), "of a detached number": lambda z: softplus(z.detach()) + z,
    "a probability": lambda z: softmax([z, 1.0, 0.0])[0], "a derivative": lambda z: grad(tanh)(z),
}  # fmt: skip
OWN = [pytest.param(f, id=name) for name, f in OWN_ACTIVATIONS.items()]


@pytest.mark.parametrize("activation", [*ACTIVATIONS, None, *OWN])
def test_network_of_every_activation_has_the_values_and_gradients_of_the_engine(activation):
    model = settled(nn.MLP(3, [4, 4, 2], activation=activation, output=activation))
    net = to_torch(model).to(DEVICE)
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


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_side_of_an_activation_that_is_not_chosen_hands_nothing_back(name):
    f = nn.Neuron(1, name).activation
    inside = 1.5 if getattr(f, "domain", "") in ("x > 0", "x >= 1") else 0.25
    model = nn.Neuron(1, lambda z: where(abs(z - inside) < 0.125, lambda: f(z), lambda: 0.5 * z))
    model.w[0].data, model.b.data = 1.0, 0.0
    net = to_torch(model).to(DEVICE)
    for x in (inside, 0.0, 2.0, -2.0, 1000.0, -1000.0):
        given = tensor([x]).requires_grad_()
        net(given).sum().backward()
        assert given.grad.tolist() == close([grad(model)([x])[0].data]), x


@each_row
def test_activation_may_have_numbers_as_operands(name, row):
    operands = points(row)[0]
    for position in range(len(operands)) if row.arity else ():

        def activation(z, position=position):
            return row.apply([*operands[:position], z, *operands[position + 1 :]])

        model = nn.Neuron(1, activation)
        model.w[0].data, model.b.data = 1.0, 0.0
        assert to_torch(model).to(DEVICE)(tensor([operands[position]])).tolist() == close(
            [model([operands[position]]).data]
        )


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
    assert to_torch(nn.Neuron(2, lambda z: z.detach()))(tensor([1.0, 2.0])).requires_grad is False
    own = nn.MLP(2, [3, 1], activation=lambda x: x * tanh(softplus(x)) + x**2)
    assert "(1): Elementwise(x * tanh(softplus(x)) + x ** 2.0)" in repr(to_torch(own))


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10]])
def test_state_of_pytorch_comes_back(shape):
    sizes = list(pairwise(shape))
    trained = torch.nn.Sequential(*[torch.nn.Linear(*size, dtype=torch.float64, device=DEVICE) for size in sizes])
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
        "a.weight": torch.zeros(3, 2), "a.bias": torch.zeros(2), "b.weight": torch.zeros(1, 4), "norm": torch.ones(1),
    }  # fmt: skip
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


class Stopped(torch.autograd.Function):
    """A number that hands no gradient back."""

    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return None


@pytest.mark.parametrize(
    "f", [lambda x: rules.hypot(x[0], x[1]), lambda x: rules.atan2(x[0], x[1]), lambda x: x[0] ** x[1]]
)
def test_export_passes_pytorchs_own_check_and_may_have_no_gradient(f):
    exported = to_torch(compile(f).specialize([1.5, 0.5]))
    x = torch.tensor([1.5, 0.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(exported, (x,))
    (Stopped.apply(exported(x)) + x.sum()).backward()
    assert x.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("exponent", [1.0, 3.0, -1.0, 0.5, 2.0])
def test_powers_keep_the_sign_of_a_zero(exponent):
    power = compile(lambda x: x**exponent)
    power(2.0)
    for zero in (0.0, -0.0):
        found = to_torch(power)(tensor(zero)).item()
        wanted = math.copysign(1.0, zero) if exponent in (1.0, 3.0, -1.0) else 1.0
        assert math.copysign(1.0, found) == wanted
        assert abs(found) == (math.inf if exponent < 0.0 else 0.0)
