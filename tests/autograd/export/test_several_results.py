"""Programs of several results through every export: probabilities, transposed matrices, constants, empty arguments."""

import math

import numpy as np
import pytest

from autograd import Value, compile, dot, exp, fsum, log_softmax, logsumexp, mean, operation, rules, sin, softmax
from autograd.export import to_onnx, to_torch
from autograd.functions import flatten
from autograd.rules import NAry
from tests.autograd.export.rows import close
from tests.autograd.export.runners import NEEDS, PROGRAMS, runner_of

EXPORTS = [export for export in PROGRAMS if export.__name__ != "to_jax"]
each_export = pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.__name__)


def by_torch(calls):
    torch = pytest.importorskip("torch")
    numbers = [
        [torch.tensor(np.array(x), dtype=torch.float64) for x in [*[theta] * (len(theta) > 0), *arguments]]
        for _, theta, arguments in calls
    ]
    return [to_torch(program)(*given).reshape(-1).tolist() for (program, *_), given in zip(calls, numbers, strict=True)]


def numbers_of(results):
    return [getattr(y, "data", y) for y in flatten(results, "test")[0]]


def values_of(export, calls):
    if export is to_torch:
        return by_torch(calls)
    return runner_of(export)([(program, theta, list(filter(np.size, given))) for program, theta, given in calls])


def transposed_product(x):
    columns, rows = [x[j:6:3] for j in range(3)], [x[6 + 2 * k : 8 + 2 * k] for k in range(4)]
    return [dot(column, row) for column in columns for row in rows]


def transposed_operand(x):
    return [sin(x[3 * i + j]) * exp(x[6 + 2 * j + i]) for i in range(2) for j in range(3)]


def norm_of(xs):
    return dot(xs, xs)


def reversed_order(x):
    return [sin(x[0]) * y for y in x[::-1]]


captured = [Value(math.sin(n)) for n in range(40)]

CASES = {
    "probabilities": (softmax, [[0.5, -1.0, 2.0]]),
    "probabilities of large numbers": (softmax, [[800.0, -800.0, 799.0]]),
    "logarithms of probabilities": (log_softmax, [[0.5, -1.0, 2.0]]),
    "a part of the results": (lambda x: softmax(x)[1:], [[0.5, -1.0, 2.0]]),
    "largest": (lambda x: [rules.largest(x), rules.largest([*x, 1.0])], [[0.5, -1.0, 0.75]]),
    "a product with a transposed matrix": (transposed_product, [np.linspace(-1.0, 2.0, 14).tolist()]),
    "an operand in columns": (transposed_operand, [np.linspace(-1.0, 2.0, 12).tolist()]),
    "reversed": (reversed_order, [[0.5, -1.0, 2.0]]),
    "constants among them": (lambda x: [7.0, x[0] * 2.0, 3.0, x[1], -0.0, 7.0], [[0.5, -1.0]]),
    "a result twice": (lambda x: [sin(x[0])] * 2 + [x[0]] * 2, [[0.5]]),
    "sums of Values that are no arguments": (
        lambda x: [sum_of(captured) * x[0] for sum_of in (fsum, logsumexp, mean, rules.largest, norm_of)],
        [[0.5]],
    ),
    "an argument of no numbers": (lambda x, none, y: [x[0] * y, y * y], [[0.5, -1.0], [], 3.0]),
}


@pytest.mark.parametrize("backend", ["python", "numpy"])
@each_export
def test_several_results_are_those_of_the_engine(export, backend):
    calls, known = [], []
    for name, (f, arguments) in CASES.items():
        program = compile(f, backend=backend)
        program(*arguments)
        calls.append((program, program.read(), arguments))
        known.append((name, numbers_of(f(*arguments))))
    for (name, wanted), found in zip(known, values_of(export, calls), strict=True):
        assert found[: len(wanted)] == close(wanted), name


@pytest.mark.parametrize("name", CASES)
def test_batch_in_onnx_has_the_results_of_each_example(name):
    beside = runner_of(to_onnx).args[0]
    f, (first, *others) = CASES[name]
    batch = np.array([first, first[::-1], [0.25 * x for x in first]])
    program = compile(lambda x, *rest: f(x, *rest), batched="x")
    known = [numbers_of(f(x, *others)) for x in batch.tolist()]
    program.each(batch, *others)
    assert beside.run(to_onnx(program), batch, *map(np.atleast_1d, filter(np.size, others))).tolist() == list(
        map(close, known)
    )


@pytest.mark.parametrize(
    "export", [export for export in EXPORTS if export in NEEDS], ids=lambda export: export.__name__
)
def test_operation_of_many_without_a_word_is_named(export):
    pytest.importorskip(export.__name__.removeprefix("to_"))
    spread = NAry("spread", lambda xs: max(xs) - min(xs), lambda y, xs: [0.0] * len(xs), definition="max(xs) - min(xs)")
    program = compile(lambda x: spread.apply(x), backend="native")
    program([1.0, 3.0])
    with pytest.raises(NotImplementedError, match=r"the operation spread has no word in (PyTorch|ONNX)"):
        export(program)


@each_export
def test_operation_that_calls_itself_for_what_is_no_float_cannot_be_read(export):
    for package in NEEDS.get(export, ()):
        pytest.importorskip(package)
    own = operation("own", lambda x: math.floor(x) if isinstance(x, float) else own(x), lambda y, x: 0.0)
    with pytest.raises(NotImplementedError, match=r"the operation own cannot be read .*: it is not made of others"):
        export(compile(own(Value(1.5)) * 2.0))
