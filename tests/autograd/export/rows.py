"""The rows of the table with the operands at which exports are compared: within their domains, and at their edges."""

import itertools
import math

import numpy as np

import nn
from autograd import Value, compile, dot, logsumexp, rules
from autograd.rules import Family, NAry

GRID = [0.25, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 8.0, 20.0, 0.0]
GRID = [*GRID, *(-x for x in GRID[:-1])]
COARSE = [0.5, 2.0, 3.0, 15.0, 0.0, -0.5, -2.0, -3.0]
LISTS = [(0.5, -1.0, 2.0, 3.0), (70.0, 70.0, -70.0, 1.0), (1.0, 1.0, 1.0, 1.0)]


def operations():
    """Every row, of a family its samples, with a name to show."""
    for variable, row in rules.TABLE.items():
        if isinstance(row, Family):
            yield from ((f"{variable}({constant})", row.member(constant)) for constant in row.samples)
        else:
            yield variable, row


ROWS = list(operations())
EDGES = [(name, row, xs) for name, row in ROWS for xs in row.edges if all(map(math.isfinite, xs))]


def points(row):
    """Operands in the domain of a row, its edges left out."""
    if isinstance(row, NAry):
        return LISTS
    number = len(row.partials)
    grid = itertools.product(GRID if number == 1 else COARSE if number == 2 else [-1.5, 0.0, 0.5, 2.0], repeat=number)
    found = []
    for xs in grid:
        if xs in row.edges:
            continue
        try:
            row.evaluate(xs)
        except (ValueError, ArithmeticError):
            continue
        if all(map(math.isfinite, row.derivatives(row.evaluate(xs), xs))) and math.isfinite(row.evaluate(xs)):
            found.append(xs)
    return found


def graph(row, operands):
    """The operation on leaves with these data, and the leaves."""
    leaves = [Value(x, f"x{i}") for i, x in enumerate(operands)]
    return row.apply(leaves), leaves


def wanted(row, operands):
    """The value, and the derivatives that the engine finds."""
    root, leaves = graph(row, operands)
    root.backward()
    return [root.data, *(leaf.grad for leaf in leaves)]


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
