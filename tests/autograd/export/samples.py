"""Graphs, networks and losses that exports are tried with."""

import numpy as np

import nn
from autograd import Value, compile, dot, fsum, logsumexp, rules, sin, softmax
from autograd.rules import Family, Unary
from autograd.testing import expressions


def random_graphs(operations=None):
    """Return a strategy of graphs, each with its leaves."""

    def graph_of(expression):
        leaves = [Value(x, f"x{i}") for i, x in enumerate(expression.inputs)]
        return expression(*leaves), leaves

    return expressions(operations).map(graph_of).filter(lambda found: isinstance(found[0], Value))


def irregular_graph():
    """A graph whose operands lie in no regular order, and its leaves."""
    rng = np.random.default_rng(0)
    leaves = [Value(v, f"w{i}") for i, v in enumerate(rng.normal(size=40))]
    picked = rng.integers(0, 40, (60, 3)).tolist()
    root = fsum([leaves[a] * sin(leaves[b]) * leaves[c] for a, b, c in picked])
    return root + fsum(softmax([leaves[i] for i, *_ in picked[:7]])[:3]) * 0.5, leaves


# The functions that a layer may have by their names.
ACTIVATIONS = [name for name, row in rules.FUNCTIONS.items() if isinstance(row, (Unary, Family))]


def settled(model):
    """A model with weights and biases at which all its neurons are in the domains of their functions."""
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = 1.5 if getattr(neuron.activation, "domain", "") in ("x > 0", "x >= 1") else 0.25
            for i, w in enumerate(neuron.w):
                w.data = (1.0 + i) / (8.0 * len(neuron.w))
    return model


def digits_loss():
    """The loss of a network of 64-32-10 on one image as a graph, after its backward pass, and the parameters."""
    model = nn.MLP(64, [32, 10], activation="tanh", seed=1)
    outputs = model(np.random.default_rng(0).uniform(0.0, 1.0, 64).tolist())
    root = logsumexp(outputs) - outputs[3]
    root.backward()
    return root, model.parameters()


def network_loss(shape):
    """The loss of a network on one example as a batched program, and seven examples."""
    model = nn.MLP(shape[0], shape[1:], activation="tanh", seed=1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(7, shape[0]))
    Y = np.eye(shape[-1])[rng.integers(0, shape[-1], 7)]

    def loss(x, y):
        z = model(x) if shape[-1] > 1 else [model(x)]
        return logsumexp([*z, 0.5]) - dot(z, y)

    program = compile(loss, batched=("x", "y"), wrt=model.parameters())
    return program, X, Y
