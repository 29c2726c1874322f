"""The algorithm as textbooks give it, written out by hand in plain Python and held against the engine.

With the loss C = 1/2 (ŷ - y)², z = w · x + b and ŷ = f(z), the error of an output is E_out = (ŷ - y) f'(z_out), that of
a hidden neuron E_hidden = E_out w f'(z_hidden), and dC/dw = E · input, dC/db = E. An error is what the engine calls the
gradient of z.
"""

import copy
import math
import random
from itertools import chain, product

import pytest

from autograd import Value, exp, sigmoid, tanh
from nn import MLP, SGD, Neuron, datasets, fit, mse

X = [0.5, -1.2, 0.8]
TARGET = 0.3


def bipolar_sigmoid(z):
    return 2.0 / (1.0 + exp(-z)) - 1.0


def logistic(z):
    return 1.0 / (1.0 + math.exp(-z))


# Each with its function and its derivative as a textbook gives them, in plain floats.
ACTIVATIONS = {
    "bipolar sigmoid": (bipolar_sigmoid, lambda z: 2.0 * logistic(z) - 1.0, lambda z: 2.0 * logistic(z) * logistic(-z)),
    "sigmoid": (sigmoid, logistic, lambda z: logistic(z) * logistic(-z)),
    "tanh": (tanh, math.tanh, lambda z: 1.0 / math.cosh(z) ** 2),
}
each_activation = pytest.mark.parametrize(("activation", "f", "slope"), ACTIVATIONS.values(), ids=ACTIVATIONS)


def close(numbers):
    return pytest.approx(numbers, rel=1e-12, abs=1e-15)


def grads(values):
    return [value.grad for value in values]


def random_numbers(seed, count):
    rng = random.Random(seed)
    return [rng.uniform(-1.0, 1.0) for _ in range(count)]


# Errors of the layers


@each_activation
def test_error_times_input_is_the_gradient_and_of_a_hidden_neuron_it_is_that_of_the_output_through_its_weight(
    activation, f, slope
):
    model = MLP(3, [2, 1], activation, output=activation, seed=5)
    for parameter, number in zip(model.parameters(), random_numbers(4, 11), strict=True):
        parameter.data = number
    (first, second), (last,) = (layer.neurons for layer in model.layers)

    z = [sum(w.data * x for w, x in zip(neuron.w, X)) + neuron.b.data for neuron in (first, second)]
    hidden = [f(number) for number in z]
    z_out = sum(w.data * h for w, h in zip(last.w, hidden)) + last.b.data
    error_out = (f(z_out) - TARGET) * slope(z_out)
    errors = [error_out * w.data * slope(number) for w, number in zip(last.w, z)]

    C = 0.5 * (model(X) - TARGET) ** 2
    C.backward()
    assert C.data == close(0.5 * (f(z_out) - TARGET) ** 2)
    assert error_out != 0.0
    assert any(errors)
    assert (grads(last.w), last.b.grad) == (close([error_out * h for h in hidden]), close(error_out))
    for neuron, error in zip((first, second), errors, strict=True):
        assert (grads(neuron.w), neuron.b.grad) == (close([error * x for x in X]), close(error))


@each_activation
def test_errors_of_a_chain_of_ten_layers_follow_from_the_last_one(activation, f, slope):
    weights = [0.7 + number for number in random_numbers(3, 10)]
    inputs, z = [0.9], []
    for weight in weights:
        z.append(weight * inputs[-1])
        inputs.append(f(z[-1]))
    errors = [(inputs[-1] - TARGET) * slope(z[-1])]
    for weight, number in zip(weights[:0:-1], z[-2::-1], strict=True):
        errors.append(errors[-1] * weight * slope(number))
    errors.reverse()

    w, nodes, y = [Value(weight) for weight in weights], [], 0.9
    for weight in w:
        nodes.append(weight * y)
        y = activation(nodes[-1])
    (0.5 * (y - TARGET) ** 2).backward()
    assert all(errors)
    assert grads(nodes) == close(errors)
    assert grads(w) == close([error * x for error, x in zip(errors, inputs[:-1], strict=True)])


# The delta rule, on the eight patterns of three bits

PATTERNS = list(product([-1.0, 1.0], repeat=3))
LR = 0.001
FIRST = [[-0.2, 0.3, -0.4, 0.0], [0.1, -0.3, -0.4, 0.0]], [0.2, 0.3, 0.0]  # the last of each is a bias


def wanted(x):
    return 1.0 if x[1] == -1.0 and x[2] == 1.0 else -1.0


class DeltaRule:
    """A network 3-2-1 that learns by the delta rule, in plain Python."""

    def __init__(self, hidden, output):
        self.hidden, self.output = hidden, output

    def answer(self, x):
        self.x = [*x, 1.0]
        self.h = [2.0 * logistic(sum(w * x for w, x in zip(row, self.x, strict=True))) - 1.0 for row in self.hidden]
        self.h.append(1.0)
        return 2.0 * logistic(sum(w * h for w, h in zip(self.output, self.h, strict=True))) - 1.0

    def learn(self, x, target):
        y = self.answer(x)
        error = (y - target) * 0.5 * (1.0 + y) * (1.0 - y)
        errors = [error * w * 0.5 * (1.0 + h) * (1.0 - h) for w, h in zip(self.output, self.h)]
        self.output = [w - LR * error * h for w, h in zip(self.output, self.h, strict=True)]
        for row, hidden_error in zip(self.hidden, errors):
            row[:] = [w - LR * hidden_error * x for w, x in zip(row, self.x, strict=True)]

    def right(self):
        return sum((self.answer(x) > 0.0) == (wanted(x) > 0.0) for x in PATTERNS)


@pytest.mark.thorough
def test_delta_rule_and_engine_are_equal_until_all_eight_signs_are_right():
    by_hand, rng = DeltaRule(*copy.deepcopy(FIRST)), random.Random(0)
    model = MLP(3, [2, 1], bipolar_sigmoid, output=bipolar_sigmoid)
    parameters = model.parameters()
    for parameter, number in zip(parameters, [*chain(*FIRST[0]), *FIRST[1]], strict=True):
        parameter.data = number
    optimizer = SGD(parameters, lr=LR)
    for step in range(100_000):
        if step % 100 == 0 and by_hand.right() == 8:
            break
        x = rng.choice(PATTERNS)
        by_hand.learn(x, wanted(x))
        optimizer.zero_grad()
        (0.5 * (model(x) - wanted(x)) ** 2).backward()
        optimizer.step()
        weights = [*chain(*by_hand.hidden), *by_hand.output]
        off = max(abs(ours.data - theirs) for ours, theirs in zip(parameters, weights, strict=True))
        assert off <= 1e-12, (step, off)
    assert step == 15_000


# Gradient descent against the closed form


@pytest.mark.parametrize(("features", "epochs"), [([2], 60), ([0, 1, 2], 1000)], ids=["a line", "three features"])
def test_linear_regression_reaches_the_solution_of_the_normal_equations(features, epochs):
    np = pytest.importorskip("numpy")
    data = datasets.standardized(datasets.iris())
    X, y = [[x[k] for k in features] for x in data.X], [x[3] for x in datasets.iris().X]
    A = np.column_stack([X, np.ones(len(X))])
    solution = np.linalg.solve(A.T @ A, A.T @ y)

    model = Neuron(len(features), None, seed=1)
    history = fit(model, X, y, loss=mse, optimizer=SGD(model.parameters(), lr=0.3), epochs=epochs)
    assert [parameter.data for parameter in model.parameters()] == pytest.approx(solution.tolist(), rel=1e-9)
    assert history.loss[-1] == pytest.approx(np.mean((A @ solution - y) ** 2), rel=1e-12)
