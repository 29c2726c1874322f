"""Sparse Jacobians and Hessians: structural non-zeros from the graph, eager and compiled, as SciPy's arrays."""

import builtins
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, issparse

from autograd import Constant, Value, compile, exp, grad, hessian, jacobian, maximum, no_grad, relu, sin, where
from autograd.compiler.backends import BACKENDS
from autograd.functions import _linearization, flatten
from autograd.testing import every_operation
from tests.oracle import defined

UNARY = [row for row in every_operation() if row.arity == 1]


def rosenbrock(x):
    return sum(100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2 for a, b in pairwise(x))


def arrow(x):
    return sum(x[0] * exp(a) for a in x[1:])


def separable(x):
    return sum(sin(a) for a in x)


def sharing(x):
    shared = sin(x[0]) * x[1]
    return shared * x[2] + shared**2 + x[3] ** 3


SCALARS = {
    "rosenbrock": rosenbrock, "arrow": arrow, "separable": separable, "dense": lambda x: exp(sum(a * 0.1 for a in x)),
    "linear": lambda x: sum(3.0 * a for a in x), "sharing": sharing,
    "chosen": lambda x: sum(where(a > b, a * b, a**2) for a, b in pairwise(x)),
}  # fmt: skip
VECTORS = {
    "differences": lambda x: [b - a * a for a, b in pairwise(x)],
    "more rows": lambda x: [a * b for a, b in pairwise(x)] + [a**2 for a in x] + [x[0]],
    "one row": lambda x: [rosenbrock(x)],
    "constants among them": lambda x: [x[1], 2.0, x[0] * x[3], Constant(1.0), x[2] + x[2]],
    "same twice": lambda x: [x[0], x[0], *[sin(x[1])] * 2], "itself": lambda x: x,
    "array": lambda x: np.array([x[0] * x[1], x[2] ** 2], dtype=object), "tuple": lambda x: (x[0] * x[1], x[2] ** 2),
}  # fmt: skip


def point(n=6, start=0.3):
    return [start + 0.17 * i for i in range(n)]


def reached(f, x):
    """Return the structural non-zeros by definition: what each output was made from, but by conditions."""
    rows, columns = set(), range(len(x))
    leaves = [Value(a) for a in x]
    outputs = f(leaves)
    for row, output in enumerate(outputs):
        stack, seen = [output] if isinstance(output, Value) else [], set()
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.op is not None and node.op.name not in ("less", "less_equal", "<", "<="):
                stack += node.parents
        rows |= {(row, column) for column in columns if leaves[column] in seen}
    return rows


def pattern(matrix):
    matrix = matrix.tocoo()
    return set(zip(matrix.row.tolist(), matrix.col.tolist(), strict=True))


@pytest.mark.parametrize("f", SCALARS.values(), ids=SCALARS)
def test_sparse_hessian_is_the_hessian(f):
    for n in (4, 9):
        wanted = hessian(f)(point(n))
        for container in (list, tuple, np.array, pd.Series):
            found = hessian(f, sparse=True)(container(point(n)))
            assert (type(found), found.shape, found.dtype) == (csr_array, (n, n), float)
            assert np.allclose(found.toarray(), wanted, rtol=1e-13, atol=0.0), (n, container)


@pytest.mark.parametrize("f", VECTORS.values(), ids=VECTORS)
def test_sparse_jacobian_is_the_jacobian_with_the_entries_that_the_graph_has(f):
    for n in (4, 9):
        x = point(n)
        found = jacobian(f, sparse=True)(x)
        rows = jacobian(lambda x: list(f(x)))(x)
        assert np.allclose(found.toarray(), np.array(rows), rtol=1e-14, atol=0.0)
        assert pattern(found) == reached(f, x)
        assert found.has_canonical_format


OF_BOTH = {f"hessian, {name}": hessian(f, sparse=True) for name, f in SCALARS.items()}
OF_BOTH |= {f"jacobian, {name}": jacobian(f, sparse=True) for name, f in VECTORS.items()}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("derivative", OF_BOTH.values(), ids=OF_BOTH)
def test_compiled_sparse_derivative_is_the_eager_one(derivative, backend):
    compiled = compile(derivative, backend=backend)
    for x in (point(6, 0.3), point(6, -1.1), np.array(point(6, 0.9))):
        found, wanted = compiled(x), derivative(x)
        assert type(found) is csr_array
        assert pattern(found) == pattern(wanted)
        assert np.allclose(found.data, wanted.data, rtol=1e-12, atol=1e-300)


def test_non_zeros_are_structural_whatever_the_numbers_are():
    for f in [*(f for name, f in SCALARS.items() if name != "chosen"), lambda x: x[0] * x[1] + x[2] ** 3]:
        points = (point(4), [0.0] * 4, [1.0] * 4, [-1.0, 0.0, 1.0, 2.0])
        patterns = [pattern(hessian(f, sparse=True)(x)) for x in points]
        assert patterns == patterns[:1] * 4
        assert patterns[0] == {(j, i) for i, j in patterns[0]}


def test_side_that_is_not_chosen_has_entries_in_a_program_only():
    second = hessian(lambda x: relu(x[0]) * x[1] + relu(x[2]) ** 3, sparse=True)
    compiled = compile(second)
    for x in ([1.0, 2.0, 3.0], [-1.0, 2.0, -3.0]):
        assert pattern(compiled(x)) == {(0, 1), (1, 0), (2, 2)}
        assert pattern(second(x)) <= pattern(compiled(x))
        assert np.array_equal(compiled(x).toarray(), second(x).toarray())


def test_conditions_are_no_dependence():
    found = jacobian(lambda x: [where(x[0] > 0.0, x[1], x[2]), maximum(x[1], x[3])], sparse=True)
    for x in ([1.0, 2.0, 3.0, 4.0], [-1.0, 2.0, 3.0, 0.0]):
        assert pattern(found(x)) == {(0, 1), (0, 2), (1, 1), (1, 3)}
        assert pattern(compile(found)(x)) == {(0, 1), (0, 2), (1, 1), (1, 3)}


STEPS = [row for row in UNARY if all(defined(row, (x,)) and grad(row)(x) == 0.0 for x in (0.3, 0.6, 0.9))]


@pytest.mark.parametrize("row", STEPS, ids=lambda row: row.name)
def test_row_whose_derivative_is_0_everywhere_is_no_dependence(row):
    found = jacobian(lambda x: [row(x[0]) + x[1], row(x[1]) * x[0]], sparse=True)
    assert pattern(found([0.3, 1.7])) == pattern(compile(found)([0.3, 1.7])) == {(0, 1), (1, 0)}


def test_entries_are_not_shared_between_results():
    compiled = compile(hessian(rosenbrock, sparse=True))
    first, second = compiled(point()), compiled(point())
    first.data[:] = 0.0
    first.indices[:] = 0
    assert np.array_equal(second.toarray(), compiled(point()).toarray())


@pytest.mark.parametrize("transform", [lambda f: f, compile])
def test_argnums_give_blocks(transform):
    def f(x, k, y):
        return k * sum(a * a * b for a, b in zip(x, y, strict=True)) + y[0] ** 3

    arguments = [1.0, 2.0], 3.0, [4.0, 5.0]
    only = transform(hessian(f, argnums=2, sparse=True))(*arguments)
    assert only.toarray().tolist() == [[24.0, 0.0], [0.0, 0.0]]
    blocks = transform(hessian(f, argnums=(0, 2), sparse=True))(*arguments)
    wanted = hessian(f, argnums=(0, 2))([1.0, 2.0], 3.0, [4.0, 5.0])
    whole = [[row[n] for n in (0, 1)] for row in jacobian(lambda *z: grad(f, 0)(*z), argnums=(0, 2))(*arguments)]
    assert np.allclose(np.hstack([blocks[0][0].toarray(), blocks[0][1].toarray()]), [a + b for a, b in whole])
    assert (blocks[0][1] != blocks[1][0].T).nnz == 0
    assert len(wanted) == len(blocks) == len(blocks[0]) == 2
    pair = transform(jacobian(lambda x, y: [x[0] * y[1], x[1]], argnums=(1, 0), sparse=True))([1.0, 2.0], [3.0, 4.0])
    assert [matrix.toarray().tolist() for matrix in pair] == [[[0.0, 1.0], [0.0, 0.0]], [[4.0, 0.0], [0.0, 1.0]]]


def test_one_number_is_a_row_or_a_column():
    assert jacobian(rosenbrock, sparse=True)(point(4)).shape == (1, 4)
    assert jacobian(lambda x: [x, x * x, 1.0], sparse=True)(3.0).toarray().tolist() == [[1.0], [6.0], [0.0]]
    assert jacobian(lambda x: [], sparse=True)([1.0]).shape == (0, 1)
    assert jacobian(lambda x: [2.0], sparse=True)([]).shape == (1, 0)


def test_values_come_in_a_matrix_of_values():
    x = [Value(a) for a in point(4)]
    matrix = hessian(rosenbrock, sparse=True)(x)
    wanted = hessian(rosenbrock, sparse=True)(point(4))
    assert matrix.shape == wanted.shape
    assert (list(matrix.indices), list(matrix.indptr)) == (wanted.indices.tolist(), wanted.indptr.tolist())
    assert [a.data for a in matrix.data] == pytest.approx(wanted.data.tolist(), rel=1e-14)
    assert repr(matrix) == "<SparseMatrix of shape (4, 4) with 10 structural non-zeros>"
    matrix.data[0].backward()
    assert x[0].grad == pytest.approx(2400.0 * 0.3)


def test_third_derivatives_go_through_a_sparse_hessian():
    def trace(x):
        matrix = hessian(rosenbrock, sparse=True)(x)
        rows = np.repeat(range(len(x)), np.diff(matrix.indptr))
        return sum(a for a, i, j in zip(matrix.data, rows, matrix.indices, strict=True) if i == j)

    assert grad(trace)([1.0, 2.0, 3.0]) == pytest.approx([2400.0, 4800.0 - 400.0, -400.0])
    assert compile(grad(trace))([1.0, 2.0, 3.0]) == pytest.approx([2400.0, 4400.0, -400.0])


def test_sparse_derivatives_within_no_grad_and_with_aux():
    with no_grad():
        assert issparse(hessian(rosenbrock, sparse=True)(point()))
    matrix, aux = hessian(lambda x: (rosenbrock(x), x[0]), sparse=True, has_aux=True)(point())
    assert aux == 0.3
    assert matrix.nnz == 16


NO_VECTORS = {
    r"an argument of <lambda> is \[\[number\]\]": (jacobian, lambda x: [x[0][0]], [[1.0]]),
    r"an argument of <lambda> is array\(1, 1\)": (jacobian, lambda x: [x[0, 0]], np.ones((1, 1))),
    r"what <lambda> returned is \[\[number\]\]": (jacobian, lambda x: [[x[0]]], [1.0]),
    r"an argument of <lambda> is \{'a': number\}": (hessian, lambda x: x["a"] ** 2, {"a": 1.0}),
}


def test_what_is_no_vector_is_refused():
    for message, (transform, f, argument) in NO_VECTORS.items():
        named = rf"^{transform.__name__}\(f, sparse=True\) has a row or a column .*; {message}"
        with pytest.raises(TypeError, match=named):
            transform(f, sparse=True)(argument)


def test_without_scipy_the_error_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def importing(name, *rest):
        if name.startswith("scipy"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(ImportError, match=r"^hessian\(f, sparse=True\) returns sparse arrays of SciPy: python -m pip"):
        hessian(rosenbrock, sparse=True)(point())
    assert len(hessian(rosenbrock)(point())) == 6


def test_work_is_in_time_of_the_non_zeros(monkeypatch):
    """Edges walked in all sweeps: 4 times the numbers, about 4 times the edges, not 16 times."""
    walked, accumulate = [], _linearization.accumulate

    def counted(edges, holders):
        listed = list(edges)
        walked.append(len(listed))
        accumulate(listed, holders)

    def edges_of(f, n):
        walked.clear()
        hessian(f, sparse=True)([0.5] * n)
        return sum(walked)

    monkeypatch.setattr(_linearization, "accumulate", counted)
    for f in (rosenbrock, arrow, separable):
        assert edges_of(f, 200) < 4.2 * edges_of(f, 50)


def test_structures_of_sparse_matrices_are_equal_and_hashed_by_their_patterns():
    first, again, other = (
        flatten(jacobian(f, sparse=True)([Value(2.0), Value(3.0)]))[1]
        for f in (lambda x: [x[0] * x[1]], lambda x: [x[0] / x[1]], lambda x: [x[0], x[1]])
    )
    assert (first == again, hash(first) == hash(again), first == other) == (True, True, False)
