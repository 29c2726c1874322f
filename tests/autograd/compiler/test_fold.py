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


@pytest.mark.parametrize("style", STYLES)
def test_matrix_times_vector_is_one_product_in_every_style(style):
    program = program_of(lambda xs: sum(tanh(STYLES[style](row, xs[24:])) for row in rows(xs, 6, 4)), 28)
    assert program.stats["instructions"] == 3
    assert expressions_of(program) == ["theta @ theta.T", "tanh(v1)", "sum(v2)"]
    assert shapes_of(program)[0] == "(6,)"


@pytest.mark.parametrize("style", STYLES)
def test_matrix_product_is_one_product_in_every_style(style):
    program = program_of(
        lambda xs: sum(tanh(STYLES[style](w, x)) for x in rows(xs, 3, 4, 20) for w in rows(xs, 5, 4)), 32
    )
    assert expressions_of(program) == ["theta @ theta.T", "tanh(v1)", "sum(v2)"]
    assert shapes_of(program)[0] in ("(3, 5)", "(5, 3)")


@pytest.mark.parametrize("order", [lambda dots, bias: dots + bias, lambda dots, bias: bias + dots])
@pytest.mark.parametrize("style", STYLES)
def test_bias_costs_at_most_one_instruction(style, order):
    program = program_of(
        lambda xs: sum(tanh(order(STYLES[style](w, xs[24:28]), b)) for w, b in zip(rows(xs, 6, 4), xs[28:])),
        34,
    )
    assert program.stats["instructions"] <= 4
    assert sum("@" in expression for expression in expressions_of(program)) == 1


ADDED = {  # to each of the dots of a product: parameters and constants, which the product adds itself, and others
    "parameters": (lambda b, i: b, ["theta @ theta.T + theta", "tanh(v1)", "sum(v2)"]),
    "constants": (lambda b, i: i + 1.0, ["theta @ theta.T + constants(1, 1, 6)", "tanh(v1)", "sum(v2)"]),
    "what is computed later": (
        lambda b, i: sin(b),
        ["sin(theta)", "theta @ theta.T", "v2 + v1", "tanh(v3)", "sum(v4)"],
    ),
}


@pytest.mark.parametrize("name", ADDED)
def test_product_adds_what_is_known_before_it(name):
    bias, expressions = ADDED[name]
    program = program_of(
        lambda xs: sum(tanh(dot(w, xs[24:28]) + bias(xs[28 + i], i)) for i, w in enumerate(rows(xs, 6, 4))), 34
    )
    assert expressions_of(program) == expressions


def test_either_order_of_factors_in_one_sum_is_one_product():
    def f(xs):
        hidden = [sin(x) for x in xs[12:]]
        return sum(
            tanh(sum(w * h if i % 2 else h * w for i, (w, h) in enumerate(zip(row, hidden)))) for row in rows(xs, 3, 4)
        )

    program = program_of(f, 16)
    assert program.stats["instructions"] == 4
    assert expressions_of(program)[:2] == ["sin(theta)", "v1 @ theta.T"]


def test_product_with_a_matrix_of_constants_is_one_product():
    data = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    program = program_of(lambda xs: sum(tanh(dot(w, x)) for w in rows(xs, 4, 2) for x in data), 8)
    assert expressions_of(program) == ["constants(1, 3, 2) @ theta.T", "tanh(v1)", "sum(v2)"]


def test_products_of_one_shape_are_a_stack():
    def f(xs):
        pairs = [(rows(xs, 2, 3, 12 * k), rows(xs, 2, 3, 12 * k + 6)) for k in range(4)]
        return sum(tanh(dot(a, b)) for left, right in pairs for a in left for b in right)

    program = program_of(f, 48)
    assert program.stats["instructions"] == 3
    assert shapes_of(program)[0] == "(4, 2, 2)"


def test_products_of_several_shapes_are_several_products():
    def f(xs):
        small = sum(tanh(dot(w, xs[8:10])) for w in rows(xs, 4, 2))
        large = sum(tanh(dot(w, xs[25:28])) for w in rows(xs, 5, 3, 10))
        return small + large

    assert sum("@" in expression for expression in expressions_of(program_of(f, 28))) == 2


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_written_as_loops_is_one_product(stride):
    program = program_of(
        lambda xs: sum(tanh(sum(xs[j] * xs[3 + i + j] for j in range(3))) for i in range(0, 12, stride)), 17
    )
    assert expressions_of(program) == ["theta @ theta.T", "tanh(v1)", "sum(v2)"]


def test_two_dimensional_convolution_with_channels_is_one_product():
    def f(xs):
        kernels, image = rows(xs, 3, 4), rows(xs, 5, 5, 12)
        return fsum(
            relu(sum(kernel[2 * a + b] * image[i + a][j + b] for a in range(2) for b in range(2)))
            for kernel in kernels
            for i in range(4)
            for j in range(4)
        )

    program = program_of(f, 37)
    assert program.stats["instructions"] == 3
    assert shapes_of(program)[0] == "(16, 3)"


def test_attention_has_a_number_of_instructions_that_no_size_changes():
    def attention(steps, width):
        def f(xs):
            q, k, v = (rows(xs, steps, width, part * steps * width) for part in range(3))
            chances = [softmax([dot(a, b) for b in k]) for a in q]
            return sum(tanh(dot(row, column)) for row in chances for column in zip(*v))

        return program_of(f, 3 * steps * width).stats["instructions"]

    assert attention(5, 5) == attention(6, 8) <= 10


# What is not a product


def test_operations_at_one_depth_are_one_instruction():
    program = program_of(lambda xs: fsum(exp(sin(x)) for x in xs), 50)
    assert expressions_of(program) == ["sin(theta)", "exp(v1)", "sum(v2)"]
    assert shapes_of(program) == ["(50,)", "(50,)", "(1,)"]


def test_different_operations_at_one_depth_are_an_instruction_each():
    program = program_of(lambda xs: fsum((sin if i % 2 else tanh)(x) for i, x in enumerate(xs)), 10)
    assert sorted(expressions_of(program)[:2]) == ["sin(theta)", "tanh(theta)"]
    assert shapes_of(program)[:2] == ["(5,)", "(5,)"]


def test_sum_of_many_terms_is_one_reduction():
    program = program_of(sum, 300)
    assert expressions_of(program) == ["sum(theta)"]


def test_sum_of_few_terms_is_written_out():
    program = program_of(sum, 4)
    assert expressions_of(program) == ["theta + theta + theta + theta"]


def test_rows_of_a_reduction_are_one_instruction():
    program = program_of(lambda xs: fsum(logsumexp(row) for row in rows(xs, 6, 5)), 30)
    assert expressions_of(program) == ["logsumexp(theta)", "sum(v1)"]
    assert shapes_of(program)[0] == "(6,)"


def test_sum_of_squares_is_a_dot():
    assert expressions_of(program_of(lambda xs: sum(x * x for x in xs), 7)) == ["dot(theta, theta)"]


def test_mean_squared_error_is_three_instructions():
    program = program_of(lambda xs: mean([(x - float(i)) ** 2 for i, x in enumerate(xs)]), 9)
    assert program.stats["instructions"] == 3


def test_recurrence_has_instructions_for_each_step_and_none_for_each_number_in_it():
    def instructions(width, steps):
        def f(xs):
            state = xs[:width]
            for _ in range(steps):
                state = [sigmoid(a * s) for a, s in zip(xs[width:], state)]
            return fsum(state)

        return program_of(f, 2 * width).stats["instructions"]

    assert instructions(5, 3) == instructions(50, 3) == 7
    assert instructions(5, 6) == 13


def test_node_that_is_used_within_and_without_a_sum_is_computed_once():
    program = program_of(lambda xs: (lambda p: p + xs[0] + sin(p))(xs[0] * xs[1]), 2)
    assert program.stats == program.stats | {"nodes": 4, "instructions": 3}


def test_root_that_is_a_part_of_another_root_is_computed_once():
    a, b = Value(1.0), Value(2.0)
    part = a * b
    assert compile([part, part + a]).stats["instructions"] == 2


def test_what_depends_on_constants_only_is_no_instruction():
    program = program_of(lambda xs: xs[0] * (Constant(2.0) * 3.0 + exp(Constant(0.0))), 1)
    assert expressions_of(program) == ["theta * 7"]
    assert program.stats["nodes"] == 1


def test_leaf_is_no_instruction():
    program = program_of(lambda xs: xs[0], 1)
    assert (program.stats["nodes"], program.stats["instructions"], program.stats["operations"]) == (0, 0, 0)


def test_leaves_that_are_not_in_wrt_are_constants():
    a, b = Value(2.0), Value(3.0)
    assert expressions_of(compile(sin(b) * a, wrt=[a])) == [f"{sin(3.0):.6g} * theta"]


# Networks


def test_number_of_examples_changes_no_number_of_instructions():
    model = MLP(2, [4, 4, 1], seed=1)

    def instructions(n):
        X = [[0.1 * i, 1.0 - 0.2 * i] for i in range(n)]
        return compile(hinge([model(x) for x in X], [(-1) ** i for i in range(n)])).stats["instructions"]

    assert instructions(6) == instructions(40) <= 12


def test_micrograd_loss_is_about_ten_instructions():
    model = MLP(2, [8, 8, 1], seed=1)
    X = [[0.1 * i, (0.3 * i) % 1.0] for i in range(20)]

    def neuron(n, x):
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


def test_cross_entropy_of_a_network_is_about_ten_instructions():
    model = MLP(3, [6, 4], activation="tanh", seed=1)
    X = [[0.1 * i, 0.5, -0.2 * i] for i in range(15)]
    assert compile(cross_entropy([model(x) for x in X], [i % 4 for i in range(15)])).stats["instructions"] <= 10


def test_batch_of_examples_is_a_leading_axis_and_no_instructions_of_its_own():
    model = MLP(3, [6, 1], activation="tanh", seed=1)
    compiled = compile(lambda x, y: (model(x) - y) ** 2, batched=("x", "y"))
    compiled([[1.0, 2.0, 3.0]] * 50, [1.0] * 50)
    assert compiled.stats["instructions"] <= 6
    assert all(shape.startswith("batch x ") for shape in shapes_of(compiled))


def test_what_no_example_changes_is_computed_once_for_the_batch():
    weights = [Value(0.1 * i) for i in range(6)]
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
    "dot": (
        lambda x: dot(weights()[0], x),
        ROW,
        "matmul(v_0__0_, v_0__0_, out=v_0__0__0______) | multiply(v, v, out=v)",
    ),
    "matrix and vector": (layer, ROW, "matmul(v_0_, v_0__T, out=v_0_) | multiply(v, v, out=v)"),
    "matrices": (
        lambda x: layer(x) + layer(x[::-1]),
        ROW,
        "matmul(plain[v][0], v_0__T, out=v_0_) | matmul(v_0_, plain[v][0].T, out=v_0_)",
    ),
    "matrices that lie regularly": (
        lambda x: fsum(tanh(dot(w, r)) for w in weights() for r in rows(x, 2, 4)),
        ROW * 2,
        "matmul(v_0_, v_0__T, out=v_0_) | matmul(v_0_, v_0__T, out=v_0_)",
    ),
    "stack of matrices": (
        lambda x: fsum(tanh(dot(a, b)) for k in range(2) for a in weights()[k : k + 1] for b in rows(x, 2, 4, 8 * k)),
        ROW * 4,
        "matmul(v, v_swapaxes__1___2_, out=v) | matmul(v, v_swapaxes__1___2_, out=v)",
    ),
    "neuron": (
        lambda x: tanh(dot(weights()[0], x)),
        ROWS,
        "matmul(v____0__0_, v_0__T, out=v____0__0_) | matmul(v____0_____0__T, v____0_____0_, out=v_0_)",
    ),
    "layer": (
        layer,
        ROWS,
        "matmul(v____0__0_, v_0__T, out=v____0__0_) | matmul(v____0_____0__T, v____0_____0_, out=v_0_)",
    ),
    "bias, summed over the examples by a product with ones": (
        lambda x: fsum(tanh(dot(w[:3], x[:3]) + w[3]) for w in weights()),
        ROWS,
        "matmul(v____0__0_, v_0__T, out=v____0__0_) | matmul(v____0_____0__T, v____0_____0_, out=v_0_) "
        "| matmul(ones, v_rows, out=v_None_)",
    ),
    "dot of an example": (
        lambda x: dot(x[:2], x[2:]),
        ROWS,
        "einsum('...k,...k->...', v______0____, v______0____, out=v______0__0_)",
    ),
    "layer on two parts of an example": (
        lambda x: layer(x[:2]) * layer(x[2:]),
        ROWS,
        "matmul(v, v_swapaxes__1___2_, out=v) | multiply(v, v, out=v) | multiply(v, v, out=v) "
        "| multiply(v, v, out=v) | v_0_[...] = tensordot(v____0_, v____0_, ((0, 2), (0, 2)))",
    ),
    "a matrix for each part of an example": (
        lambda x: fsum(tanh(dot(w[:2], x[2 * h : 2 * h + 2])) for h, w in enumerate(weights()[:2])),
        ROWS,
        "matmul(v, v_swapaxes__1___2_, out=v) | add.reduce(matmul(v, v_swapaxes__1___2_), axis=0, out=v)",
    ),
}


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


# The numbers


def test_product_counts_two_operations_for_each_multiplication():
    program = program_of(lambda xs: sum(tanh(dot(w, x)) for w in rows(xs, 5, 4) for x in rows(xs, 3, 4, 20)), 32)
    assert program.stats["operations"] == 2 * 5 * 3 * 4 + 15 + 15


def test_buffers_hold_a_number_and_an_adjoint_for_each_leaf_and_result():
    program = program_of(lambda xs: fsum(sin(x) for x in xs), 10)
    assert program.stats["bytes"] == 16 * (10 + 10 + 1)


def test_nodes_are_those_that_depend_on_variables():
    program = program_of(lambda xs: sum(sin(x) * 2.0 for x in xs) + exp(Constant(1.0)), 5)
    assert program.stats["nodes"] == 5 + 5 + 5 + 1


def test_last_line_sums_up():
    program = program_of(lambda xs: fsum(sin(x) for x in xs), 1000)
    assert str(program).splitlines()[-1] == (
        "1,001 nodes in 2 instructions, 2,000 floating-point operations, 32,016 bytes of buffers"
    )


def test_listing_has_a_line_for_each_instruction_in_order():
    program = program_of(lambda xs: fsum(tanh(dot(row, xs[:3])) for row in itertools.permutations(xs, 3)), 4)
    names = [line.split(" = ")[0].strip() for line in str(program).splitlines()[:-1]]
    assert names == [f"v{i}" for i in range(1, program.stats["instructions"] + 1)]


def test_listing_of_a_function_names_its_arguments():
    w = Value(0.5)
    compiled = compile(lambda q, k: fsum(a * b for a, b in zip(q, k)) * w)
    compiled([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert expressions_of(compiled)[0] in ("dot(q, k)", "dot(k, q)")
    assert expressions_of(compiled)[1] == "v1 * theta"


@pytest.mark.parametrize(
    "f",
    [
        lambda xs: sum(tanh(dot(row, xs[12:16])) for row in rows(xs, 3, 4)),
        lambda xs: sum(tanh(sum(w * x for w, x in zip(row, xs[12:16]))) for row in rows(xs, 3, 4)),
        lambda xs: sum(tanh(dot(row, xs[12:16]) + b) for row, b in zip(rows(xs, 3, 4), xs[16:])),
        lambda xs: sum(x * x for x in xs),
        lambda xs: fsum([x * 2.0 + 1.0 for x in xs]),
    ],
)
def test_nodes_of_the_lines_add_up_to_those_of_the_graph(f):
    program = program_of(f, 19)
    lines = [int(re.search(r"([\d,]+) nodes$", line)[1].replace(",", "")) for line in str(program).splitlines()[:-1]]
    assert sum(lines) == program.stats["nodes"]


def test_last_line_is_singular_where_there_is_one():
    assert "1 node in 1 instruction, 1 floating-point operation," in str(program_of(lambda xs: sin(xs[0]), 1))


def test_listing_of_a_graph_shows_labels():
    rate, load = Value(2.0, "rate"), Value(3.0, "load")
    assert "rate * load" in str(compile(rate * load))
