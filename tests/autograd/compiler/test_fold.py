"""Which patterns fold to which instructions: the numbers in stats, and the listing."""

import functools
import itertools
import re

import numpy as np
import pytest

from autograd import Constant, Value, compile, dot, exp, fsum, logsumexp, mean, relu, sigmoid, sin, softmax, tanh
from nn import MLP, cross_entropy, hinge

pytestmark = pytest.mark.usefixtures("numpy_backend")  # array instructions, however few nodes there are for each


def program_of(f, n):
    xs = [Value(0.1 * i + 0.1) for i in range(n)]
    return compile(f(xs), wrt=xs)


def expressions_of(program):
    """The right sides of the listing, without the slices of the operands."""
    lines = [line.split(" = ", 1)[1] for line in str(program).splitlines()[:-1]]
    return [re.sub(r"\[\d+:\d+\]", "", line.split("  ")[0]) for line in lines]


def shapes_of(program):
    return [re.search(r"  ((batch x )?\([\d, ]*\)) ", line)[1] for line in str(program).splitlines()[:-1]]


def rows(xs, count, width, start=0):
    return [xs[start + i * width : start + (i + 1) * width] for i in range(count)]


# Sums of products

STYLES = {
    "dot": lambda w, x: dot(w, x),
    "dot, reversed": lambda w, x: dot(x, w),
    "sum of w * x": lambda w, x: sum(a * b for a, b in zip(w, x)),
    "sum of x * w": lambda w, x: sum(b * a for a, b in zip(w, x)),
    "fsum of w * x": lambda w, x: fsum(a * b for a, b in zip(w, x)),
    "from the right": lambda w, x: w[0] * x[0] + (w[1] * x[1] + (w[2] * x[2] + w[3] * x[3])),
    "by halves": lambda w, x: dot(w[:2], x[:2]) + dot(w[2:], x[2:]),
    "from zero": lambda w, x: sum((a * b for a, b in zip(w, x)), start=0.0),
}

PRODUCT = ["theta @ theta.T", "tanh(v1)", "sum(v2)"]


@pytest.mark.parametrize("style", STYLES)
def test_products_and_their_biases_are_one_product_in_every_style(style):
    written = STYLES[style]
    program = program_of(lambda xs: sum(tanh(written(row, xs[24:])) for row in rows(xs, 6, 4)), 28)
    assert program.stats["instructions"] == 3
    assert (expressions_of(program), shapes_of(program)[0]) == (PRODUCT, "(6,)")
    program = program_of(lambda xs: sum(tanh(written(w, x)) for x in rows(xs, 3, 4, 20) for w in rows(xs, 5, 4)), 32)
    assert expressions_of(program) == PRODUCT
    assert shapes_of(program)[0] in ("(3, 5)", "(5, 3)")
    for order in (lambda dots, bias: dots + bias, lambda dots, bias: bias + dots):
        biased = lambda xs: sum(tanh(order(written(w, xs[24:28]), b)) for w, b in zip(rows(xs, 6, 4), xs[28:]))  # noqa: B023
        program = program_of(biased, 34)
        assert program.stats["instructions"] <= 4
        assert sum("@" in expression for expression in expressions_of(program)) == 1


def layer_of(bias):
    """Six neurons of four inputs, to each of whose dots something is added."""
    return lambda xs: sum(tanh(dot(w, xs[24:28]) + bias(xs[28 + i], i)) for i, w in enumerate(rows(xs, 6, 4)))


def factors_in_either_order(xs):
    hidden = [sin(x) for x in xs[12:]]
    return sum(
        tanh(sum(w * h if i % 2 else h * w for i, (w, h) in enumerate(zip(row, hidden)))) for row in rows(xs, 3, 4)
    )


def stack(xs):
    pairs = [(rows(xs, 2, 3, 12 * k), rows(xs, 2, 3, 12 * k + 6)) for k in range(4)]
    return sum(tanh(dot(a, b)) for left, right in pairs for a in left for b in right)


def convolution(xs):
    kernels, image = rows(xs, 3, 4), rows(xs, 5, 5, 12)
    return fsum(
        relu(sum(kernel[2 * a + b] * image[i + a][j + b] for a in range(2) for b in range(2)))
        for kernel, i, j in itertools.product(kernels, range(4), range(4))
    )


def slide(stride):
    return lambda xs: sum(tanh(sum(xs[j] * xs[3 + i + j] for j in range(3))) for i in range(0, 12, stride))


DATA = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
LISTED = {  # a function of so many numbers, the expressions of its instructions, and their shapes as far as they count
    "a product that adds parameters": (layer_of(lambda b, i: b), 34, ["theta @ theta.T + theta", *PRODUCT[1:]], []),
    "a product that adds constants": (layer_of(lambda b, i: i + 1.0), 34,
        ["theta @ theta.T + constants(1, 1, 6)", *PRODUCT[1:]], []),
    "a product, and what is computed later": (layer_of(lambda b, i: sin(b)), 34,
        ["sin(theta)", "theta @ theta.T", "v2 + v1", "tanh(v3)", "sum(v4)"], []),
    "factors in either order": (factors_in_either_order, 16, ["sin(theta)", "v1 @ theta.T", "tanh(v2)", "v3 + v3 + v3"],
        []),
    "a product with a matrix of constants": (lambda xs: sum(tanh(dot(w, x)) for w in rows(xs, 4, 2) for x in DATA), 8,
        ["constants(1, 3, 2) @ theta.T", *PRODUCT[1:]], []),
    "biases that follow their weights": (
        lambda xs: sum(tanh(dot(w[:2], x) + w[2]) for w in rows(xs, 4, 3) for x in DATA), 12,
        ["constants(1, 3, 3) @ theta.T", *PRODUCT[1:]], []),
    "products of one shape, a stack": (stack, 48, PRODUCT, ["(4, 2, 2)"]),
    "a convolution": (slide(1), 17, PRODUCT, []),
    "a convolution with a stride": (slide(2), 17, PRODUCT, []),
    "a convolution with channels": (convolution, 37, ["theta @ theta.T", "relu(v1)", "sum(v2)"], ["(16, 3)"]),
    "operations at one depth": (lambda xs: fsum(exp(sin(x)) for x in xs), 50, ["sin(theta)", "exp(v1)", "sum(v2)"],
        ["(50,)", "(50,)", "(1,)"]),
    "a sum of many terms": (sum, 300, ["sum(theta)"], []),
    "a sum of few terms": (sum, 4, ["theta + theta + theta + theta"], []),
    "rows of a reduction": (lambda xs: fsum(logsumexp(row) for row in rows(xs, 6, 5)), 30,
        ["logsumexp(theta)", "sum(v1)"], ["(6,)"]),
    "a sum of squares": (lambda xs: sum(x * x for x in xs), 7, ["dot(theta, theta)"], []),
    "what depends on constants only": (lambda xs: xs[0] * (Constant(2.0) * 3.0 + exp(Constant(0.0))), 1, ["theta * 7"],
        []),
    "a leaf": (lambda xs: xs[0], 1, [], []),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTED)
def test_listing_of(name):
    f, n, expressions, shapes = LISTED[name]
    program = program_of(f, n)
    assert expressions_of(program) == expressions
    assert shapes_of(program)[: len(shapes)] == shapes
    assert program.stats["instructions"] == len(expressions)
    names = [line.split(" = ")[0].strip() for line in str(program).splitlines()[:-1]]
    assert names == [f"v{i + 1}" for i in range(len(expressions))]
    nodes = [int(re.search(r"([\d,]+) nodes?$", line)[1].replace(",", "")) for line in str(program).splitlines()[:-1]]
    assert sum(nodes) == program.stats["nodes"]


def test_products_of_several_shapes_are_several_products():
    def f(xs):
        small = sum(tanh(dot(w, xs[8:10])) for w in rows(xs, 4, 2))
        return small + sum(tanh(dot(w, xs[25:28])) for w in rows(xs, 5, 3, 10))

    assert sum("@" in expression for expression in expressions_of(program_of(f, 28))) == 2


def test_different_operations_at_one_depth_are_an_instruction_each():
    program = program_of(lambda xs: fsum((sin if i % 2 else tanh)(x) for i, x in enumerate(xs)), 10)
    assert sorted(expressions_of(program)[:2]) == ["sin(theta)", "tanh(theta)"]
    assert shapes_of(program)[:2] == ["(5,)", "(5,)"]


# How many instructions there are, whatever the sizes


def attention(steps, width):
    def f(xs):
        q, k, v = (rows(xs, steps, width, part * steps * width) for part in range(3))
        chances = [softmax([dot(a, b) for b in k]) for a in q]
        return sum(tanh(dot(row, column)) for row in chances for column in zip(*v))

    return f, 3 * steps * width


def recurrence(width, steps):
    def f(xs):
        state = xs[:width]
        for _ in range(steps):
            state = [sigmoid(a * s) for a, s in zip(xs[width:], state)]
        return fsum(state)

    return f, 2 * width


def instructions(graph, **options):
    return compile(graph, **options).stats["instructions"]


def test_sizes_change_no_number_of_instructions():
    model = MLP(2, [4, 4, 1], seed=1)
    counts = lambda make, *sizes: [program_of(*make(*size)).stats["instructions"] for size in sizes]
    X = [[0.1 * i, 1.0 - 0.2 * i] for i in range(40)]
    few, many = (instructions(hinge(list(map(model, X[:n])), [(-1) ** i for i in range(n)])) for n in (6, 40))
    assert few == many <= 12
    first, second = counts(attention, (5, 5), (6, 8))
    assert first == second <= 10
    assert counts(recurrence, (5, 3), (50, 3), (5, 6)) == [7, 7, 13]
    assert program_of(lambda xs: mean([(x - float(i)) ** 2 for i, x in enumerate(xs)]), 9).stats["instructions"] == 3


def test_what_is_used_within_and_without_is_computed_once():
    program = program_of(lambda xs: (lambda p: p + xs[0] + sin(p))(xs[0] * xs[1]), 2)
    assert program.stats == program.stats | {"nodes": 4, "instructions": 3}
    a, b = Value(1.0), Value(2.0)
    part = a * b
    assert instructions([part, part + a]) == 2


def test_leaves_that_are_not_in_wrt_are_constants():
    a, b = Value(2.0), Value(3.0)
    assert expressions_of(compile(sin(b) * a, wrt=[a])) == [f"{sin(3.0):.6g} * theta"]


def test_losses_of_networks_are_about_ten_instructions():
    model, other = MLP(2, [8, 8, 1], seed=1), MLP(3, [6, 4], activation="tanh", seed=1)
    X = [[0.1 * i, (0.3 * i) % 1.0] for i in range(20)]

    def neuron(n, x):  # as micrograd has it
        total = sum((w * xi for w, xi in zip(n.w, x)), n.b)
        return total if n.activation is None else total.relu()

    scores = []
    for x in X:
        for layer in model.layers:
            x = [neuron(n, x) for n in layer.neurons]
        scores.append(x[0])
    losses = [(1 + -((-1) ** i) * score).relu() for i, score in enumerate(scores)]
    loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
    stats = compile(loss, wrt=model.parameters()).stats
    assert stats["nodes"] > 4000
    assert stats["instructions"] <= 14
    outputs = [other([0.1 * i, 0.5, -0.2 * i]) for i in range(15)]
    assert instructions(cross_entropy(outputs, [i % 4 for i in range(15)])) <= 10


def test_examples_are_a_leading_axis_of_what_they_change_and_no_instructions_of_their_own():
    model, weights = MLP(3, [6, 1], activation="tanh", seed=1), [Value(0.1 * i) for i in range(6)]
    compiled = compile(lambda x, y: (model(x) - y) ** 2, batched=("x", "y"))
    compiled([[1.0, 2.0, 3.0]] * 50, [1.0] * 50)
    assert compiled.stats["instructions"] <= 6
    assert all(shape.startswith("batch x ") for shape in shapes_of(compiled))
    compiled = compile(lambda x: x * fsum(sin(w) for w in weights), batched="x")
    compiled([1.0, 2.0])
    assert [shape.startswith("batch") for shape in shapes_of(compiled)] == [False, False, True]


# Which lines of NumPy are written: the fastest call for the shapes of a product, on views that are made once

ROW, ROWS = [1.0, 2.0, 3.0, 4.0], np.ones((5, 4))


@functools.cache
def weights():
    return rows([Value(0.1 * i - 0.5) for i in range(12)], 3, 4)


def layer(x):
    return fsum(tanh(dot(row[: len(x)], x)) for row in weights())


WRITTEN = {  # of one example or of a batch, forward and backward
    "dot": (lambda x: dot(weights()[0], x), ROW,
        "matmul(v_0__0_, v_0__0_, out=v_0__0__0______) | multiply(v, v, out=v)"),
    "matrix and vector": (layer, ROW, "matmul(v_0_, v_0__T, out=v_0_) | multiply(v, v, out=v)"),
    "matrices": (lambda x: layer(x) + layer(x[::-1]), ROW,
        "matmul(plain[v][0], v_0__T, out=v_0_) | matmul(v_0_, plain[v][0].T, out=v_0_)"),
    "matrices that lie regularly": (lambda x: fsum(tanh(dot(w, r)) for w in weights() for r in rows(x, 2, 4)), ROW * 2,
        "matmul(v_0_, v_0__T, out=v_0_) | matmul(v_0_, v_0__T, out=v_0_)"),
    "stack of matrices": (
        lambda x: fsum(tanh(dot(a, b)) for k in range(2) for a in weights()[k : k + 1] for b in rows(x, 2, 4, 8 * k)),
        ROW * 4, "matmul(v, v_swapaxes__1___2_, out=v) | matmul(v, v_swapaxes__1___2_, out=v)"),
    "neuron": (lambda x: tanh(dot(weights()[0], x)), ROWS,
        "matmul(v____0__0_, v_0__T, out=v____0__0_) | matmul(v____0_____0__T, v____0_____0_, out=v_0_)"),
    "layer": (layer, ROWS,
        "matmul(v____0__0_, v_0__T, out=v____0__0_) | matmul(v____0_____0__T, v____0_____0_, out=v_0_)"),
    "bias, summed over the examples by a product with ones": (
        lambda x: fsum(tanh(dot(w[:3], x[:3]) + w[3]) for w in weights()),
        ROWS,
        "matmul(v____0__0_, v_0__T, out=v____0__0_) | matmul(v____0_____0__T, v____0_____0_, out=v_0_) "
        "| matmul(ones, v_rows, out=v_None_)",
    ),
    "dot of an example": (lambda x: dot(x[:2], x[2:]), ROWS,
        "einsum('...k,...k->...', v______0____, v______0____, out=v______0__0_)"),
    "layer on two parts of an example": (
        lambda x: layer(x[:2]) * layer(x[2:]),
        ROWS,
        "matmul(v, v_swapaxes__1___2_, out=v) | multiply(v, v, out=v) | multiply(v, v, out=v) "
        "| multiply(v, v, out=v) | v_0_[...] = tensordot(v____0_, v____0_, ((0, 2), (0, 2)))",
    ),
    "a matrix for each part of an example": (
        lambda x: fsum(tanh(dot(w[:2], x[2 * h : 2 * h + 2])) for h, w in enumerate(weights()[:2])), ROWS,
        "matmul(v, v_swapaxes__1___2_, out=v) | add.reduce(matmul(v, v_swapaxes__1___2_), axis=0, out=v)"),
}  # fmt: skip


def source_of(f, argument):
    """The lines of the source, in which whatever has a number is called v."""
    compiled = compile(f, **({"batched": "x"} if isinstance(argument, np.ndarray) else {}))
    compiled(argument)
    return re.sub(r"\b([abci]|roots)\d+_", "v", compiled.source).splitlines()


@pytest.mark.parametrize("name", WRITTEN)
def test_product_is_the_call_for_its_shapes(name):
    (f, argument, lines), leaves = WRITTEN[name], list(itertools.chain(*weights()))
    products = [line for line in source_of(f, argument) if re.search(r"matmul|tensordot|einsum|^multiply\(v, v,", line)]
    assert products == lines.split(" | ")
    options, found = {"batched": "x"} if isinstance(argument, np.ndarray) else {}, []
    for backend in ("numpy", "python"):
        compiled = compile(f, backend=backend, wrt=leaves, **options)
        by_x, by_weights = compiled.value_and_grad(argument), compiled.value_and_grad_at(compiled.read(), argument)
        found.append([*np.ravel(by_x[1]), by_weights[0], *by_weights[1]])
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=1e-15)


def test_power_is_the_function_for_its_exponent():
    exponents = {1.0: None, 2.0: "square(v", 3.0: "power(v", -1.0: "power(v", 0.5: "powers(v", 2.5: "powers(v"}
    for exponent, call in exponents.items():
        forward = source_of(lambda x: [v**exponent for v in x], ROW)[0]  # noqa: B023
        assert (call or "return") in forward, (exponent, forward)


def test_constant_that_is_the_same_everywhere_is_one_number():
    assert "multiply(v, v, out=v)" in source_of(lambda x: [v * 2.0 for v in x], ROW)
    assert "multiply(v, k" in "\n".join(source_of(lambda x: [v * (n + 2.0) for n, v in enumerate(x)], ROW))


def test_sums_and_roots_are_read_and_written_at_once_where_they_are_many():
    assert source_of(lambda x: x[0] + x[1] + sin(x[2]), ROW)[:3] == [
        *("sin(v, out=v)", "add(v, v, out=v)", "add(v, v, out=v)")
    ]
    assert "add.reduce(v, axis=1, out=v)" in source_of(fsum, [1.0] * 9)
    for roots, line in (
        (8, f"return [{', '.join(f'plain.item({8 + n})' for n in range(8))}]"),
        (9, "return plain[v].tolist()"),
    ):
        assert line in source_of(lambda x: list(map(sin, x)), [0.5] * roots)


# The numbers, and the last line of a listing


def test_numbers_count_nodes_operations_and_bytes():
    product = program_of(lambda xs: sum(tanh(dot(w, x)) for w in rows(xs, 5, 4) for x in rows(xs, 3, 4, 20)), 32)
    assert product.stats["operations"] == 2 * 5 * 3 * 4 + 15 + 15  # two for each multiplication of a product
    sines = program_of(lambda xs: fsum(sin(x) for x in xs), 10)
    assert sines.stats["bytes"] == 16 * (10 + 10 + 1)  # a number and an adjoint for each leaf and result
    dependent = program_of(lambda xs: sum(sin(x) * 2.0 for x in xs) + exp(Constant(1.0)), 5)
    assert dependent.stats["nodes"] == 5 + 5 + 5 + 1
    assert program_of(lambda xs: xs[0], 1).stats.items() >= {"nodes": 0, "instructions": 0, "operations": 0}.items()


def test_last_line_sums_up():
    program = program_of(lambda xs: fsum(sin(x) for x in xs), 1000)
    assert str(program).splitlines()[-1] == (
        "1,001 nodes in 2 instructions, 2,000 floating-point operations, 32,016 bytes of buffers"
    )
    assert "1 node in 1 instruction, 1 floating-point operation," in str(program_of(lambda xs: sin(xs[0]), 1))


def test_listing_names_arguments_and_labels():
    w, rate, load = Value(0.5), Value(2.0, "rate"), Value(3.0, "load")
    compiled = compile(lambda q, k: fsum(a * b for a, b in zip(q, k)) * w)
    compiled([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert expressions_of(compiled)[0] in ("dot(q, k)", "dot(k, q)")
    assert expressions_of(compiled)[1] == "v1 * theta"
    assert "rate * load" in str(compile(rate * load))


def test_listing_counts_parts_of_an_argument_from_its_beginning():
    compiled = compile(lambda p, q: sin(p[1]) + dot(q[1:9], q[2:10]), backend="numpy")
    compiled([1.0, 2.0], [3.0] * 10)
    assert set(re.findall(r"[pq]\[.*?\]", str(compiled))) == {"p[1:2]", "q[1:9]", "q[2:10]"}
