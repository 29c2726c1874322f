"""SGD: the steps it takes, by hand and against PyTorch."""

import math

import pytest

from autograd import Value
from nn import MLP, SGD, mse


def test_step_is_minus_lr_times_gradient():
    w, b = Value(3.0), Value(-1.0)
    optimizer = SGD([w, b], lr=0.5)
    (w * w + 4.0 * b).backward()  # gradients 6 and 4
    optimizer.step()
    assert (w.data, b.data) == (0.0, -3.0)


def test_three_steps_on_a_parabola_by_hand():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.25)
    path = []
    for _ in range(3):
        optimizer.zero_grad()
        (x * x).backward()
        optimizer.step()
        path.append(x.data)
    assert path == [0.5, 0.25, 0.125]  # x <- x - 0.25 * 2x


def test_lr_is_a_tenth_if_not_given():
    x = Value(1.0)
    x.grad = 1.0
    optimizer = SGD([x])
    optimizer.step()
    assert (optimizer.lr, x.data) == (0.1, 0.9)


def test_lr_may_be_assigned_between_steps():
    x = Value(1.0)
    x.grad = 1.0
    optimizer = SGD([x], lr=0.5)
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert x.data == 0.25


def test_step_leaves_gradients_and_zero_grad_leaves_data():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.5)
    (3.0 * x).backward()
    optimizer.step()
    assert (x.data, x.grad) == (-0.5, 3.0)
    optimizer.zero_grad()
    assert (x.data, x.grad) == (-0.5, 0.0)


def test_gradients_add_up_until_zero_grad():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.5)
    (3.0 * x).backward()
    (1.0 * x).backward()
    optimizer.step()
    assert x.data == -1.0


def test_step_without_gradient_changes_nothing():
    x = Value(1.5)
    SGD([x], lr=0.5).step()
    assert x.data == 1.5


def test_only_the_given_parameters_change():
    model = MLP(2, [3, 1], "tanh", seed=1)
    before = model.state_dict()
    model([1.0, 2.0]).backward()
    SGD(model.layers[1].parameters(), lr=0.5).step()
    changed = {name for name, number in model.state_dict().items() if number != before[name]}
    assert changed == {name for name in before if name.startswith("layers.1.")}


def test_parameters_may_come_from_a_generator_and_are_kept():
    x, y = Value(1.0), Value(2.0)
    optimizer = SGD((p for p in (x, y)), lr=0.5)
    x.grad = y.grad = 1.0
    optimizer.step()
    optimizer.step()
    assert (x.data, y.data) == (0.0, 1.0)
    assert optimizer.parameters == [x, y]


def test_given_list_may_change_afterwards():
    parameters = [Value(1.0)]
    optimizer = SGD(parameters)
    parameters.clear()
    assert len(optimizer.parameters) == 1


def test_graph_built_before_a_step_is_stale_after_it():
    x = Value(1.0, label="x")
    y = x * x
    y.backward()
    SGD([x], lr=0.5).step()
    with pytest.raises(RuntimeError, match="the leaf x was changed"):
        y.backward()


@pytest.mark.parametrize("lr", [0, 0.0, -0.1, math.nan, -math.inf, math.inf])
def test_lr_that_is_not_above_zero_and_finite_is_an_error(lr):
    with pytest.raises(ValueError, match=f"^lr, the learning rate, is above 0 and finite, got {lr!r}$"):
        SGD([Value(1.0)], lr=lr)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_fifty_steps_agree_with_torch(activation):
    torch = pytest.importorskip("torch")
    X = [[0.5, -1.0], [1.5, 2.0], [-0.7, 0.3], [0.0, 1.0], [-1.2, -0.4]]
    y = [0.3, -0.8, 1.1, 0.0, 0.6]
    model = MLP(2, [4, 3, 1], activation, seed=1)
    theirs = torch.nn.ModuleList(torch.nn.Linear(a, b, dtype=torch.float64) for a, b in ((2, 4), (4, 3), (3, 1)))
    with torch.no_grad():
        for layer, linear in zip(model.layers, theirs, strict=True):
            linear.weight.copy_(torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64))
            linear.bias.copy_(torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64))
    optimizer, their_optimizer = SGD(model.parameters(), lr=0.1), torch.optim.SGD(theirs.parameters(), lr=0.1)
    inputs, targets = torch.tensor(X, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    start = model.state_dict()

    for _ in range(50):
        optimizer.zero_grad()
        loss = mse([model(x) for x in X], y)
        loss.backward()
        optimizer.step()

        their_optimizer.zero_grad()
        hidden = inputs
        for linear in theirs[:-1]:
            hidden = getattr(torch, activation)(linear(hidden))
        their_loss = torch.nn.functional.mse_loss(theirs[-1](hidden).flatten(), targets)
        their_loss.backward()
        their_optimizer.step()

        assert loss.data == pytest.approx(their_loss.item(), rel=1e-12)
        for layer, linear in zip(model.layers, theirs, strict=True):
            ours = [w.data for n in layer.neurons for w in n.w]
            assert ours == pytest.approx(linear.weight.flatten().tolist(), rel=1e-12, abs=1e-12)
            biases = [n.b.data for n in layer.neurons]
            assert biases == pytest.approx(linear.bias.tolist(), rel=1e-12, abs=1e-12)
    moved = max(abs(number - start[name]) for name, number in model.state_dict().items())
    assert moved > 0.1
