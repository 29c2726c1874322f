"""The rows of the table with the operands at which exports are compared: within their domains, and at their edges."""

import itertools
import math
import sys
from contextlib import suppress
from functools import reduce

import numpy as np
import pytest

from autograd import Value, compile, grad, gradients, jacobian, rules
from autograd.engine import topological_order
from autograd.rules import Family, NAry

GRID = [0.25, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 8.0, 20.0, 0.0]
GRID = [*GRID, *(-x for x in GRID[:-1])]
COARSE = [0.5, 2.0, 3.0, 15.0, 0.0, -0.5, -2.0, -3.0]
LISTS = [(0.5, -1.0, 2.0, 3.0), (70.0, 70.0, -70.0, 1.0), (1.0, 1.0, 1.0, 1.0), (-1.0, 800.0, 3.0, -2.0)]


def operations():
    """Every row, of a family its samples, with a name to show."""
    for variable, row in rules.TABLE.items():
        if isinstance(row, Family):
            yield from ((f"{variable}({constant})", row.member(constant)) for constant in row.samples)
        else:
            yield variable, row


ROWS = list(operations())
NAMES = [name for name, _ in ROWS]
each_row = pytest.mark.parametrize(("name", "row"), ROWS, ids=NAMES)
TAILS = [-1e300, -750.0, -700.0, -40.0, -26.0, -1e-9, -1e-300, 1e-300, 1e-9, 0.49, 0.51, 26.0, 40.0, 700.0, 1e9, 1e300]
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


def tails(row):
    """Operands of a function of one number in its tails, as far as it is defined there."""
    found = []
    for x in TAILS if len(row.partials) == row.arity == 1 else ():
        with suppress(ValueError, ArithmeticError):
            row.evaluate([x])
            found.append((x,))
    return found


def close(known, rel=1e-12, smallest=sys.float_info.min):
    """What agrees with known numbers: relative to each, and where it is too small for a normal number, that."""
    return pytest.approx(known, rel=rel, abs=smallest, nan_ok=True)


def rounding(node):
    """What rounding each number on the way to a node may change it by, to first order; 0 where that is not known."""
    order = topological_order(node)
    changes = [abs(slope * other.data) for slope, other in zip(gradients(node, order), order, strict=True)]
    total = 8.0 * sys.float_info.epsilon * sum(changes)
    return total if total < math.inf else 0.0


def agreeing(root, leaves=()):
    """What agrees with the value of a graph, and its derivatives by some leaves, up to the rounding on the way."""
    nodes = [root, *(gradients(root, leaves, create_graph=True) if leaves else [])]
    return [close(node.data, smallest=sys.float_info.min + rounding(node)) for node in nodes]


def graph(row, operands):
    """The operation on leaves with these data, and the leaves."""
    leaves = [Value(x, f"x{i}") for i, x in enumerate(operands)]
    return row.apply(leaves), leaves


def program_of(row, operands=()):
    """The program of an operation on leaves, which is its function of them."""
    root, leaves = graph(row, operands or points(row)[0])
    return compile(root, wrt=leaves)


def derived(f, modes, library):
    """The derivative of a function by PyTorch or JAX: forward and reverse modes, the first one innermost."""
    return reduce(lambda f, mode: {"f": library.jacfwd, "r": library.jacrev}[mode](f), modes, f)


def wanted(row, operands):
    """The value, and the derivatives that the engine finds."""
    root, leaves = graph(row, operands)
    root.backward()
    return [root.data, *(leaf.grad for leaf in leaves)]


def cases(row, *, in_tails=True):
    """Operands, edges among them, each with what the engine finds."""
    edges = [xs for _, other, xs in EDGES if other is row]
    for operands in [*points(row), *(tails(row) if in_tails else ()), *edges]:
        yield operands, wanted(row, operands)


def higher(row, order, operands):
    """The derivatives of an order by the engine, in one row."""
    f = grad(lambda xs: row.apply(xs))
    for _ in range(order - 1):
        f = jacobian(f)
    return np.ravel(f(list(operands)))


def higher_points(row):
    """Operands at which derivatives of higher order are compared: some of all, edges, and zeros of several operands.

    Slopes are finite there: beside an infinite one an array library may have nan, its product with a direction of 0.
    """
    known = points(row)
    zeros = [xs for xs in known if 0.0 in xs and row.arity == 2]
    far = [(math.inf, 1.0), (-math.inf, 1.0), (1.0, math.inf)] if row is rules.logaddexp else []
    found = dict.fromkeys([*known[:: 1 + len(known) // 8], *zeros, *far, *row.edges])
    return [xs for xs in found if np.isfinite([*wanted(row, xs)[1:], *higher(row, 2, xs)]).all()]


MAGNITUDES = [1e-300, -1e-160, 1e-155, 3e-5, -0.5, 1.5, 40.0, -720.0, 1e16, 1e155, -1e300]
NOT_FINITE = [0.0, -0.0, math.inf, -math.inf, math.nan]


def extremes(row):
    """Operands of a function of one or two numbers, of all magnitudes, as far as it is defined there."""
    number = len(row.partials) if row.arity else 0
    signed = MAGNITUDES if number > 1 else [sign * x for x in MAGNITUDES for sign in (1.0, -1.0)]
    for xs in itertools.product([*signed, *NOT_FINITE], repeat=number) if number in (1, 2) else ():
        with suppress(ValueError, ArithmeticError):
            row.evaluate(xs)
            yield xs


def check_extremes(row, by_export, modes=("f", "r", "ff", "fr", "rf", "rr")):
    """Compare values and derivatives at operands of all magnitudes with those of the engine.

    `by_export(modes, operands)` has them for each of many operands; of derivatives, of which none may be infinite.
    """
    operands = list(extremes(row))
    for mode in ("", *modes) if operands else ():
        for xs, numbers in zip(operands, by_export(mode, operands), strict=True):
            try:
                exact = higher(row, len(mode), xs) if mode else np.array([row.evaluate(xs)])
            except (ValueError, ArithmeticError):
                continue
            if mode and not np.isfinite([*exact, *(wanted(row, xs) if len(mode) > 1 else ())]).all():
                continue
            rounding = 1e-12 * np.abs(exact).max() + 1e-16 * (row is rules.sigmoid) if len(mode) > 1 else 0.0
            slack = sys.float_info.min + rounding
            np.testing.assert_allclose(np.ravel(numbers), exact, rtol=1e-9, atol=slack, err_msg=f"{mode} at {xs}")


def check_higher(found, row, order, operands):
    """Compare derivatives of an order with those of the engine, as far as these are finite."""
    exact = higher(row, order, operands)
    finite = np.isfinite(exact)
    rounding = 1e-15 * (row is rules.logsumexp)  # whose derivatives are differences of probabilities
    slack = 1e-12 * np.abs(exact[finite]).max(initial=0.0) + rounding
    found = np.ravel(found)[finite]
    np.testing.assert_allclose(found, exact[finite], rtol=1e-9, atol=slack, err_msg=f"order {order} at {operands}")
