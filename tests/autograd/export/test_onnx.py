"""Predictions as ONNX, checked by ONNX and run by ONNX Runtime, against the engine."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given

import nn
from autograd import (
    Value,
    compile,
    cos,
    dot,
    exp,
    fsum,
    grad,
    hessian,
    log,
    logsumexp,
    mean,
    operation,
    rules,
    sin,
    tanh,
    where,
)
from autograd.export import to_onnx
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
    rounding,
    settled,
    tails,
    wanted,
)
from tests.hypothesis_profiles import max_examples

onnx = pytest.importorskip("onnx", reason="ONNX is not installed: pip install 'scalar-autograd[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install onnxruntime")
PRECISIONS = {"float64": 1e-12, "float32": 1e-5}


def run(model, *inputs):
    """What ONNX Runtime computes, after ONNX has checked the model."""
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = [
        (put.name, {"tensor(float)": np.float32, "tensor(double)": float}[put.type]) for put in session.get_inputs()
    ]
    arrays = {name: np.asarray(x, dtype) for (name, dtype), x in zip(given, inputs, strict=True)}
    return session.run(None, arrays)[0]


def operators(model):
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def tolerance(dtype, row, operands):
    """1e-12 in double precision; in single its rounding, times what the operands' own rounding makes of it."""
    y, *slopes = wanted(row, operands)
    condition = sum(abs(x * slope / y) for x, slope in zip(operands, slopes, strict=True)) if y else 0.0
    single = 16.0 * float(np.finfo(np.float32).eps) * (1.0 + (condition if math.isfinite(condition) else 0.0))
    return {"rel": 1e-12 if dtype == "float64" else single, "smallest": float(np.finfo(dtype).tiny)}


def is_single(*numbers):
    with np.errstate(over="ignore"):
        return all(float(np.float32(x)) == x for x in numbers)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(("name", "row"), ROWS, ids=NAMES)
def test_every_row_computes_what_the_engine_does(name, row, dtype):
    cases = [*points(row), *tails(row), *(xs for _, other, xs in EDGES if other is row)]
    if dtype == "float32":
        cases = [xs for xs in cases if is_single(*xs) and abs(wanted(row, xs)[0]) < 3e38]
    root, leaves = graph(row, cases[0])
    found = run(to_onnx(compile(root, wrt=leaves), dtype=dtype), cases).ravel().tolist()
    for operands, y in zip(cases, found, strict=True):
        assert y == close(wanted(row, operands)[0], **tolerance(dtype, row, operands)), operands


@max_examples(40)
@given(expressions())
def test_random_expressions_agree(expression):
    leaves = [Value(x) for x in expression.inputs]
    root = expression(*leaves)
    if isinstance(root, Value):
        assert run(to_onnx(compile(root, wrt=leaves)), [expression.inputs])[0].tolist() == agreeing(root)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_network_of_every_activation_predicts_a_batch_of_any_size(activation, dtype):
    model = settled(nn.MLP(3, [4, 4, 2], activation=activation, output=activation))
    exported = to_onnx(model, dtype=dtype)
    for examples in (0, 1, 7):
        X = np.random.default_rng(0).integers(1, 8, (examples, 3)) / 8.0
        coarser = float(np.finfo(dtype).eps) / sys.float_info.epsilon
        known = [[close(y.data, PRECISIONS[dtype], coarser * rounding(y)) for y in model(x)] for x in X.tolist()]
        found = run(exported, X)
        assert found.shape == (examples, 2)
        assert found.tolist() == known


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10]])
def test_network_is_written_as_a_textbook_has_it(shape, tmp_path):
    model = nn.MLP(shape[0], shape[1:], seed=1)
    exported = to_onnx(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == exported
    assert operators(exported) == (["MatMul", "Add", "Relu"] * (len(shape) - 1))[:-1]
    parameters = len(model.parameters())
    assert len(exported) < 8 * parameters + 400  # as the docs say
    written = onnx.load_from_string(exported).graph.initializer
    assert sum(math.prod(array.dims) for array in written) <= parameters
    X = np.random.default_rng(1).normal(size=(5, shape[0]))
    known = compile(lambda x: model(x), batched="x", wrt=model.parameters()).each(X)
    np.testing.assert_allclose(run(exported, X), np.stack(np.atleast_2d(known), axis=-1), rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10]])
def test_loss_of_a_network_agrees(shape):
    program, X, Y = network_loss(shape)
    program(X, Y)
    exported = to_onnx(program)
    assert "Gather" not in operators(exported)
    assert run(exported, X, Y).ravel().tolist() == pytest.approx(program.each(X, Y).tolist(), rel=1e-12)


def test_inputs_are_called_as_the_arguments():
    w = Value(3.0, "w")
    f = compile(lambda x, k, output: [w * x[0] + k, exp(x[1]) * k, 7.0, k, w, output], batched="x", wrt=[w])
    X = np.random.default_rng(0).normal(size=(5, 2))
    known = f.each(X, 2.0, 1.0)
    exported = to_onnx(f)
    assert [put.name for put in onnx.load_from_string(exported).graph.input] == ["x", "k", "output_"]
    assert run(exported, X, [2.0], [1.0]).tolist() == pytest.approx(np.stack(known, axis=-1), rel=1e-12)


def test_parameters_have_the_numbers_of_now():
    w, b = Value(3.0, "w"), Value(0.5, "b")
    f = compile(lambda x: w * x + b, wrt=[w])
    f(1.0)
    w.data, b.data = 4.0, 7.0
    assert run(to_onnx(f), [[2.0], [3.0]]).tolist() == [[15.0], [19.0]]


def test_derivatives_are_exported_as_programs():
    def f(x):
        return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2 + sin(x[0] * x[1]) * x[0] ** x[1]

    for derivative in (grad(f), hessian(f)):
        program = compile(derivative)
        known = np.ravel(program([0.5, 2.0]))
        assert run(to_onnx(program), [[0.5, 2.0]]).tolist() == [pytest.approx(known, rel=1e-12)]


def test_choices_keep_out_what_is_not_chosen():
    f = compile(lambda x: where(x[0] > 0.0, lambda: log(x[0]), lambda: x[0] * x[1]))
    cases = [[2.0, 3.0], [0.0, 3.0], [-2.0, 3.0]]
    known = [[f(x)] for x in cases]
    assert run(to_onnx(f), cases).tolist() == pytest.approx(np.array(known), rel=1e-15)


def test_logsumexp_keeps_small_terms_and_infinite_ones():
    f = compile(lambda x: logsumexp(x))
    cases = [[0.0, -40.0], [5.0, 5.0], [1e16, 1e16], [-math.inf, 2.0], [-math.inf, -math.inf], [math.inf, 1.0]]
    known = [f(x) for x in cases]
    assert run(to_onnx(f), cases).ravel().tolist() == pytest.approx(known, rel=1e-12, abs=0.0)


def test_what_lies_irregularly_is_gathered():
    root, leaves = irregular_graph()
    program = compile(root, wrt=leaves)
    assert run(to_onnx(program), program.read()[None]).item() == pytest.approx(root.data, rel=1e-12)


def test_recurrences_are_written_out():
    a, b = Value(0.9, "a"), Value(0.1, "b")
    state = a
    for _ in range(300):
        state = tanh(a * state + cos(b))
    assert run(to_onnx(compile(state, wrt=[a, b])), [[0.9, 0.1]]).item() == pytest.approx(state.data, rel=1e-12)


def test_own_operations_are_read_as_symbols_or_named():
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x)
    assert run(to_onnx(compile(cube(Value(2.0)))), [[2.0]]).tolist() == [[8.0]]
    many = operation(
        "many",
        lambda a, b: logsumexp([a, b]) + dot([a, b], [a, a]) * mean([a, fsum([b, 1.0])]),
        *[lambda y, a, b: a] * 2,
    )
    root = many(Value(2.0), Value(3.0))
    assert run(to_onnx(compile(root)), [[2.0, 3.0]]).item() == pytest.approx(root.data, rel=1e-14)
    own = operation("magic", lambda x: math.floor(float(x)), lambda y, x: 1.0)
    with pytest.raises(NotImplementedError, match="the operation magic cannot be read for ONNX"):
        to_onnx(compile(own(Value(3.5)) * 2.0))


def test_row_without_a_word_is_named(monkeypatch):
    from autograd.export._words_of_onnx import ONNX

    monkeypatch.delitem(ONNX.words, rules.sin)
    with pytest.raises(
        NotImplementedError, match="the operation sin cannot be read for ONNX, since its function takes floats"
    ):
        to_onnx(compile(sin(Value(1.0))))


def test_same_program_gives_the_same_bytes():
    model = nn.MLP(2, [4, 1], seed=1)
    assert to_onnx(model) == to_onnx(model)


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"to_onnx needs ONNX: python -m pip install 'scalar-autograd\[onnx\]'"):
        to_onnx(compile(sin(Value(1.0))))


def test_other_things_are_errors(tmp_path):
    with pytest.raises(TypeError, match=r"to_onnx takes what compile\(...\) returned, got Value"):
        to_onnx(Value(1.0))
    with pytest.raises(ValueError, match="'float64' or 'float32', got 'half'"):
        to_onnx(nn.MLP(1, [1]), dtype="half")
    with pytest.raises(ValueError, match="a program with inputs, got one of constants"):
        to_onnx(compile(Value(1.0) * 2.0, wrt=[]))
    with pytest.raises(FileNotFoundError, match="its folder does not exist"):
        to_onnx(nn.MLP(1, [1]), tmp_path / "none" / "model.onnx")


def test_file_is_checked_with_the_shapes_in_it_before_it_is_written(monkeypatch):
    checks = []
    monkeypatch.setattr(onnx.checker, "check_model", lambda model, **options: checks.append(options))
    to_onnx(nn.MLP(2, [1], seed=1))
    assert checks == [{"full_check": True}]
