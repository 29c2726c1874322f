"""Inputs of an example and the gradient by them, in C and JavaScript: in the order of the signature, batched or not."""

import numpy as np
import pytest

from autograd import Value, compile, fsum, grad, sin
from autograd.export import to_c, to_javascript
from autograd.functions import flatten
from tests.autograd.export.runners import runner_of

W = Value(0.75, "w")
ROW = [0.5] * 30
UV = {"u": 4.0, "v": 5.0}
SIGNATURES = {
    "batched first": (lambda xs, k: xs[0] ** 2 + 10 * k * xs[1], ["xs"], ([1.0, 2.0], 0.5)),
    "plain first": (lambda k, xs: xs[0] ** 2 + 10 * k * xs[1], ["xs"], (0.5, [1.0, 2.0])),
    "between": (lambda a, x, b, y, c: a * x + sin(b * y) * c["u"] - c["v"], ["x", "y"], (2.0, 3.0, 0.5, 1.0, UV)),
    "interleaved": (lambda x, k, y, m: x * k[0] + k[1] * y * m, ["x", "y"], (2.0, [3.0, 4.0], 0.5, 7.0)),
    "none batched": (lambda a, b: a[0] * b * a[1], [], ([2.0, 3.0], 4.0)),
    "all batched": (lambda a, b: a[0] * b * a[1], ["a", "b"], ([2.0, 3.0], 4.0)),
    "plain ones do not matter": (lambda k, x, u: x * x, ["x"], (1.0, 2.0, 3.0)),
    "batched ones do not matter": (lambda x, k: k * k, ["x"], (1.0, 2.0)),
    "no numbers": (lambda e, k, x: k * x, ["x"], ([], 2.0, 3.0)),
    "parameters": (lambda x, k, y: W * x + W**2 * k + y, ["x", "y"], (2.0, 3.0, 4.0)),
    "a row": (lambda xs, k, ys: fsum(x * y * k for x, y in zip(xs, ys, strict=False)), ["xs", "ys"], (ROW, 2.0, ROW)),
    "a recurrence": (lambda x, k, n: _steps(x, k, n), ["n"], (0.5, 0.25, 0.125)),
}  # fmt: skip
every_signature = pytest.mark.parametrize("name", SIGNATURES)


def _steps(x, k, n):
    for _ in range(40):
        x = sin(x * k + n)
    return x


def compiled(name, backend="numpy"):
    """The program, its parameters, the arguments of an example, and a function of all arguments without batches."""
    f, batched, arguments = SIGNATURES[name]
    wrt = [W] if name == "parameters" else []
    program = compile(f, batched=batched, wrt=wrt, backend=backend)
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    program(*[[one, one] if key in batched else one for key, one in zip(names, arguments, strict=True)])
    return program, [w.data for w in wrt], arguments, f


def wanted(name, f, arguments):
    if name == "parameters":
        return [arguments[0] + 2 * W.data * arguments[1]]
    return flatten(list(grad(f, argnums=tuple(range(len(arguments))))(*arguments)))[0]


@pytest.mark.sample(2)
@every_signature
@pytest.mark.parametrize("backend", ["numpy", "python"])
@pytest.mark.parametrize("export", [to_c, to_javascript], ids=lambda export: export.__name__)
def test_an_example_is_in_the_order_of_the_signature(export, name, backend):
    run = runner_of(export)
    program, theta, arguments, f = compiled(name, backend)
    [[value, *slopes]] = run([(program, theta, [flatten(list(arguments))[0]])])
    number = f(*arguments)
    assert value == pytest.approx(number.data if isinstance(number, Value) else number, rel=1e-14)
    assert slopes == pytest.approx(wanted(name, f, arguments), rel=1e-12)


@pytest.fixture
def in_javascript():
    """A function that calls the program alone: with parameters, the numbers of all examples, and how many these are."""
    beside = runner_of(to_javascript).args[0]
    return lambda program, *numbers: beside.alone(to_javascript(program), *numbers)


@every_signature
@pytest.mark.parametrize("backend", ["numpy", "python"])
def test_examples_follow_each_other_in_javascript_and_so_do_their_gradients(name, backend, in_javascript):
    program, theta, arguments, f = compiled(name, backend)
    numbers, structure = flatten(list(arguments))
    rows = [structure.unflatten([scale * x for x in numbers]) for scale in (1.0, 0.5, 2.0)]
    x = [number for row in rows for number in flatten(row)[0]]
    values, slopes = in_javascript(program, theta, x, len(rows))
    found = [f(*row) for row in rows]
    assert values == pytest.approx([one.data if isinstance(one, Value) else one for one in found], rel=1e-14)
    each = [np.divide(wanted(name, f, row), len(rows)) for row in rows]
    by_example = [slope for row in each for slope in row]
    assert slopes == pytest.approx(list(sum(each)) if theta else by_example, rel=1e-12)


def test_derivative_by_a_plain_argument_is_the_sum_over_the_examples(in_javascript):
    f = compile(lambda x, k, y: x * k[0] ** 2 + k[1] * y, batched=["x", "y"])
    x, k, y = [2.0, 3.0, 4.0], [0.5, 1.5], [5.0, 6.0, 7.0]
    value = f(x, k, y)
    values, slopes = in_javascript(f, (), [n for a, b in zip(x, y, strict=True) for n in (a, *k, b)], 3)
    table = np.reshape(slopes, (3, 4))
    assert np.mean(values) == pytest.approx(value)
    by_x, by_k, by_y = (grad(f, argnums=i)(x, k, y) for i in range(3))
    assert list(table[:, 0]) == pytest.approx(by_x)
    assert list(table[:, 1:3].sum(axis=0)) == pytest.approx(by_k)
    assert list(table[:, 3]) == pytest.approx(by_y)


@every_signature
def test_comment_of_a_c_file_tells_the_order(name):
    program, _, arguments, f = compiled(name)
    shown = to_c(program).partition("\n *     gradient")[0].partition(" inputs: ")[2]
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    counted = [key for key, argument in zip(names, arguments, strict=True) if flatten(argument)[0]]
    assert [part.split()[-1] for part in shown.split(", ")] == counted
