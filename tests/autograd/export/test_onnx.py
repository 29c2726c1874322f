"""Predictions as ONNX, checked by ONNX and run by ONNX Runtime, against the engine."""

import itertools
import math
import sys

import numpy as np
import pytest

import nn
from autograd import Value, compile, exp, grad, hessian, logsumexp, rules, sin
from autograd.export import to_onnx
from tests.autograd.export.rows import cases, close, each_row, program_of, rounding
from tests.autograd.export.samples import ACTIVATIONS, network_loss, settled

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


def tolerance(dtype, operands, wanted):
    """1e-12 in double precision; in single its rounding, times what the operands' own rounding makes of it."""
    y, *slopes = wanted
    condition = sum(abs(x * slope / y) for x, slope in zip(operands, slopes, strict=True)) if y else 0.0
    single = 16.0 * float(np.finfo(np.float32).eps) * (1.0 + (condition if math.isfinite(condition) else 0.0))
    return {"rel": 1e-12 if dtype == "float64" else single, "smallest": float(np.finfo(dtype).tiny)}


def is_single(*numbers):
    with np.errstate(over="ignore"):
        return all(float(np.float32(x)) == x for x in numbers)


@pytest.mark.parametrize("dtype", PRECISIONS)
@each_row
def test_every_row_computes_what_the_engine_does(name, row, dtype):
    known = list(cases(row))
    if dtype == "float32":
        known = [(xs, wanted) for xs, wanted in known if is_single(*xs) and abs(wanted[0]) < 3e38]
    found = run(to_onnx(program_of(row, known[0][0]), dtype=dtype), [xs for xs, _ in known]).ravel().tolist()
    for (operands, wanted), y in zip(known, found, strict=True):
        assert y == close(wanted[0], **tolerance(dtype, operands, wanted)), operands


@pytest.mark.parametrize("row", [rules.atan2, rules.hypot], ids=lambda row: row.name)
def test_directions_and_lengths_of_infinite_vectors(row):
    sizes = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf)
    vectors = [(a, b) for a in sizes for b in sizes]
    found = run(to_onnx(program_of(row)), vectors).ravel().tolist()
    wanted = list(itertools.starmap(getattr(math, row.name), vectors))  # ONNX Runtime's Where has no -0.0
    assert found == pytest.approx(wanted, rel=1e-15)


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


@pytest.mark.parametrize("shape", [[2, 16, 16, 1], [64, 32, 10], [1, 3]])
def test_loss_of_a_network_agrees(shape):
    program, X, Y = network_loss(shape)
    program(X, Y)
    exported = to_onnx(program)
    assert "Gather" not in operators(exported)
    if shape[0] == 1:  # where an axis of length 1 moves, nothing does
        assert "Transpose" not in operators(exported)
    assert run(exported, X, Y).ravel().tolist() == pytest.approx(program.each(X, Y).tolist(), rel=1e-12)


def test_inputs_are_called_as_the_arguments():
    w = Value(3.0, "w")
    f = compile(lambda x, k, output: [w * x[0] + k, exp(x[1]) * k, 7.0, k, w, output], batched="x", wrt=[w])
    X = np.random.default_rng(0).normal(size=(5, 2))
    known = f.each(X, 2.0, 1.0)
    exported = to_onnx(f)
    assert [put.name for put in onnx.load_from_string(exported).graph.input] == ["x", "k", "output_"]
    assert run(exported, X, [2.0], [1.0]).tolist() == pytest.approx(np.stack(known, axis=-1), rel=1e-12)


def test_derivatives_are_exported_as_programs():
    def f(x):
        return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2 + sin(x[0] * x[1]) * x[0] ** x[1]

    for derivative in (grad(f), hessian(f)):
        program = compile(derivative)
        known = np.ravel(program([0.5, 2.0]))
        assert run(to_onnx(program), [[0.5, 2.0]]).tolist() == [pytest.approx(known, rel=1e-12)]


def test_logsumexp_keeps_small_terms_and_infinite_ones():
    f = compile(lambda x: logsumexp(x))
    cases = [[0.0, -40.0], [5.0, 5.0], [1e16, 1e16], [-math.inf, 2.0], [-math.inf, -math.inf], [math.inf, 1.0]]
    known = [f(x) for x in cases]
    assert run(to_onnx(f), cases).ravel().tolist() == pytest.approx(known, rel=1e-12, abs=0.0)


def test_row_without_a_word_is_named(monkeypatch):
    from autograd.export._words_of_onnx import ONNX

    monkeypatch.delitem(ONNX.words, rules.sin)
    message = "the operation sin cannot be read for ONNX, since its function takes floats"
    with pytest.raises(NotImplementedError, match=message):
        to_onnx(compile(sin(Value(1.0))))


def test_other_things_are_errors(tmp_path):
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
