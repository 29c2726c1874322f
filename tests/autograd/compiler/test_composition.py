"""Compiled functions as parts of others: differentiated, called with Values, compiled again, inspected."""

import re

import numpy as np
import pytest

import autograd as ad
from autograd import Constant, Value, compile, detect_anomaly, grad, gradients, hessian, jacobian, sin, value_and_grad
from autograd.functions import flatten
from nn import MLP

FUNCTIONS = {
    "number": (lambda x: x**3 * sin(x), 0.7),
    "list": (lambda x: x[0] ** 3 * x[1] + ad.exp(x[1]), [2.0, 0.5]),
    "dict": (lambda p: ad.tanh(p["w"][0] * p["x"]) * p["w"][1], {"w": [0.5, 2.0], "x": 0.3}),
    "array": (lambda x: np.sum(x * x * x) * x[0, 1], np.arange(4.0).reshape(2, 2) + 0.5),
}
TRANSFORMS = {
    "grad": grad, "value_and_grad": value_and_grad, "jacobian": jacobian, "hessian": hessian,
    "jacobian of grad": lambda f: jacobian(grad(f)), "third": lambda f: jacobian(hessian(f)),
    "vjp": lambda f: lambda x: ad.vjp(f, x)[1](2.0), "jvp": lambda f: lambda x: ad.jvp(f, (x,), (x,)),
    "hvp": lambda f: lambda x: ad.hvp(f)(x, x),
}  # fmt: skip


def same(found, wanted):
    """Whether two results are nested alike and hold the same numbers."""
    (numbers, nested), (exact, nested_as) = flatten(found), flatten(wanted)
    alike = nested == nested_as and [*map(type, numbers)] == [*map(type, exact)]
    return alike and np.allclose(numbers, exact, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("called_before", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_compiled_function_is_differentiated_as_the_function_is(name, called_before):
    f, x = FUNCTIONS[name]
    for derivative in TRANSFORMS.values():
        compiled = compile(f)
        if called_before:
            compiled(x)
        wanted = derivative(f)(x)
        assert same(derivative(compiled)(x), wanted), derivative
        assert same(compile(derivative(compiled))(x), wanted), derivative
        assert same(derivative(compile(compiled))(x), wanted), derivative
    assert ad.gradcheck(compiled, x)
    assert ad.gradcheck(compiled, x, order=2)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_every_order_may_be_compiled_at_every_step(order):
    f = compiled = lambda x: sin(x) * x**3
    for _ in range(order):
        f, compiled = grad(f), compile(grad(compile(compiled)))
    assert [compiled(x) for x in (0.5, 2.0)] == pytest.approx([f(x) for x in (0.5, 2.0)], rel=1e-12)


def test_gradcheck_finds_a_wrong_rule_in_a_compiled_function():
    wrong = ad.operation("wrong", lambda x: x * x, lambda y, x: 2.002 * x)
    with pytest.raises(ad.GradientError, match="the rule of wrong is wrong"):
        ad.gradcheck(compile(lambda x: wrong(x) * x), 2.0)


def test_called_with_values_it_returns_values_of_their_graph():
    compiled = compile(lambda x, k: {"a": x[0] * k, "b": [x[1], 3.0]})
    compiled([1.0, 2.0], 3.0)
    x, k = [Value(2.0), Value(5.0)], Value(7.0)
    found = compiled(x, k=k)
    assert (found["a"].data, found["b"]) == (14.0, [x[1], 3.0])
    found["a"].backward()
    assert [x[0].grad, x[1].grad, k.grad] == [7.0, 0.0, 2.0]
    assert compiled([1.0, 2.0], 3.0) == {"a": 3.0, "b": [2.0, 3.0]}


def test_value_and_grad_of_values_are_values():
    compiled = compile(lambda x: x**3)
    x = Value(2.0)
    value, slope = compiled.value_and_grad(x)
    assert (value.data, slope.data) == (8.0, 12.0)
    assert gradients(slope, [x]) == [12.0]


def test_compiled_model_is_part_of_a_graph():
    model = MLP(2, [3, 1], "tanh", seed=1)
    compiled = compile(model)
    x = [Value(0.5), Value(-1.0)]
    assert gradients(compiled(x), [*x, *model.parameters()]) == gradients(model(x), [*x, *model.parameters()])


def test_values_that_an_inner_function_captures_are_followed():
    w = Value(3.0)
    inner = compile(lambda x: x * w)
    assert inner(2.0) == 6.0
    outer = compile(lambda x: x * inner(2.0))
    assert outer(1.0) == 6.0
    w.data = 5.0
    assert outer(1.0) == 10.0
    outer.backward(1.0)
    assert w.grad == 2.0


INNER = {  # what a compiled function may compute of another function at plain numbers
    **TRANSFORMS, "value of vjp": lambda f: lambda x: ad.vjp(f, x)[0],
    "taylor": lambda f: lambda x: ad.taylor(f, x, 3),
    "beside": lambda f: grad(lambda x: (f(x), {"f": f(x), "x": x}), has_aux=True),
    "beside a product": lambda f: lambda x: ad.jvp(lambda x: (f(x), [f(x)]), (x,), (x,), has_aux=True),
    "compiled": lambda f: compile(f), "compiled derivative": lambda f: compile(f).value_and_grad,
    "choice": lambda f: grad(lambda x: f(x) if x > 1.0 else -x), "number": lambda f: lambda x: f(Value(x)).data,
}  # fmt: skip


@pytest.mark.parametrize("block", [lambda f: f, ad.no_grad()])
@pytest.mark.parametrize("name", INNER)
def test_what_is_computed_at_plain_numbers_in_a_compiled_function_follows_what_it_reads(name, block):
    k, w, transform = Constant(2.0), Value(2.0), block(lambda f: sum(flatten(INNER[name](f)(3.0))[0]))
    reads = {"constant": lambda x: lambda t: t**3 * k, "argument": lambda x: lambda t: t**3 * x}
    reads["Value"] = lambda x: lambda t: t**3 * w
    for what, inner in reads.items():
        if name == "number" and what != "constant":  # a plain number of one that may change
            continue
        f = lambda x, inner=inner: x * x * transform(inner(x))
        compiled = compile(f)
        for number in (2.0, 5.0, 7.0):
            k.data = w.data = number
            for by, program in ((f, compiled), (grad(f), compile(grad(f)))):
                assert program(number) == pytest.approx(by(Value(number)).data, rel=1e-13), what


def test_what_comes_beside_an_inner_derivative_may_be_the_number_of_an_outer_one():
    f = lambda x: x * grad(lambda t: (t * t, [x, t]), has_aux=True)(3.0)[1][0]
    for compiled in (compile(f), compile(grad(f))):
        assert [compiled(2.0), compiled(5.0)] == [f(2.0), f(5.0)] if compiled.f is f else [2.0, 5.0]


CAPTURING = [  # functions that use a number of a transform inside of a compiled function
    lambda w: compile(lambda x: x * w * w)(2.0), lambda w: compile(lambda x: x * w * w).value_and_grad(2.0)[1] * 2.0,
    lambda w: compile(lambda x: x * w * w, batched="x")([1.0, 3.0]),
    lambda w: compile(lambda x: x * w * w, batched="x").each([2.0])[0], lambda w: compile(lambda: 2.0 * w * w)(),
    lambda w: (lambda v: compile(lambda x: x * v)(2.0))(w * w),
]  # fmt: skip


@pytest.mark.parametrize("inside", CAPTURING)
def test_values_of_a_transform_that_a_compiled_function_captures_are_differentiated(inside):
    f = lambda w: 2.0 * w * w
    for _ in range(2):
        inside, f = grad(inside), grad(f)
        assert inside(3.0) == f(3.0)
        assert inside(Value(3.0)).data == f(3.0)


def product_loss(x, y):
    return (x[0] * y - x[1]) ** 2


X, Y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]]), np.array([2.0, 1.0, -1.0])


@pytest.mark.parametrize(("x", "y"), [(X, Y), (X.tolist(), Y.tolist()), (list(map(tuple, X.tolist())), Y)])
def test_mean_over_a_batch_is_differentiated(x, y):
    compiled = compile(product_loss, batched=("x", "y"))
    whole = lambda x, y: ad.fsum(product_loss(*example) for example in zip(x, y)) / len(y)
    assert compiled(x, y) == pytest.approx(whole(x, y), rel=1e-12)
    for argument in (0, 1):
        assert same(grad(compiled, argument)(x, y), grad(whole, argument)(x, y))
    assert same(compiled.value_and_grad(x, y)[1], grad(compiled)(x, y))
    assert same(compile(grad(compiled))(x, y), grad(whole)(x, y))
    assert same(hessian(compiled)(x, y), hessian(whole)(x, y))


def test_what_every_example_has_is_differentiated():
    each = compile(lambda x, k: {"a": x[0] * k, "b": np.array([x[1], x[1] * x[0]])}, batched="x").each
    found = jacobian(each)(X, 2.0)
    assert found["a"].shape == (3, 3, 2)
    assert found["a"][1, 1].tolist() == [2.0, 0.0]
    assert found["b"].shape == (3, 2, 3, 2)
    assert found["b"][1, 1, 1].tolist() == [X[1, 1], X[1, 0]]


def test_second_part_comes_beside_the_derivative():
    f = lambda x, k: (x[0] * x[1] * k, {"twice": 2.0 * x[0]})
    x, k = [Value(2.0), Value(3.0)], Value(5.0)
    (value, aux), gradient = compile(f, has_aux=True).value_and_grad(x, k)
    assert (value.data, aux["twice"].data, [g.data for g in gradient]) == (30.0, 4.0, [15.0, 10.0])
    assert gradients(gradient[0], [x[1], k]) == [5.0, 3.0]
    batched = compile(f, batched="x", has_aux=True)
    value, aux = batched([[Value(2.0), Value(3.0)], [Value(4.0), Value(5.0)]], k)
    assert (value.data, [x.data for x in aux["twice"]]) == (65.0, [4.0, 8.0])


def test_what_takes_numbers_only_says_so_also_inside_a_trace():
    w = Value(3.0)
    square, product = compile(lambda x: x * x), compile(lambda x: x * w)
    product(1.0)
    x = Value(2.0)
    for call in (
        *(lambda: square.backward(x), lambda: square.value_and_grad_at([], x), lambda: square.each_at([], x)),
        *(lambda: square.specialize(x), lambda: compile(lambda x: (product.backward(2.0), x)[1])(1.0)),
        lambda: compile(lambda x: (product.value_and_grad_at([3.0], 2.0), x)[1])(1.0),
    ):
        with pytest.raises(TypeError, match="takes plain numbers here, got Values or a call inside"):
            call()
    assert w.grad == 0.0


def test_no_grad_around_a_call_with_values_records_nothing():
    compiled = compile(lambda x: x * x)
    with ad.no_grad():
        assert compiled(Value(3.0)).parents == ()


# detect_anomaly

ANOMALIES = {
    "value": (lambda x, w: x * x * w, 1e200, "is inf, for"),
    "infinity minus infinity": (lambda x, w: (x * 1e308) - (x * 1e308) * w, 1e10, "is inf, for"),
    "derivative": (lambda x, w: ad.log(x * w + 1.0) * 0.0 + (x * 1e-300) ** 0.5, 0.0, "in the chain rule through"),
}

CALLS = {
    "value_and_grad": lambda c, x: c.value_and_grad(x), "backward": lambda c, x: c.backward(x),
    "value_and_grad_at": lambda c, x: c.value_and_grad_at([1.0], x), "call": lambda c, x: c(x),
}  # fmt: skip


@pytest.mark.parametrize("batched", [(), ("x",)])
@pytest.mark.parametrize("name", ANOMALIES)
@pytest.mark.parametrize("call", CALLS)
def test_anomaly_in_a_compiled_call_is_reported(name, batched, call):
    f, x, message = ANOMALIES[name]
    given = [1.0, x] if batched else x
    for called_before in (True, False):
        w = Value(1.0, "w")
        compiled = compile(lambda x: f(x, w), batched=batched, wrt=[w])  # noqa: B023
        if called_before:
            compiled([1.0] if batched else 1.0)
        if name == "derivative" and call != "value_and_grad":  # by x it is infinite, and by w not
            with detect_anomaly():
                CALLS[call](compiled, given)
            continue
        with pytest.raises(FloatingPointError, match=re.escape(message)), detect_anomaly():
            CALLS[call](compiled, given)
        assert (w.data, w.grad) == (1.0, 0.0)


def test_anomaly_is_found_at_the_vector_and_leaves_no_trace():
    w = Value(1.0, "w")
    compiled = compile(lambda x: x * w * w)
    compiled(1.0)
    message = r"a \* b is inf, for a = 1e\+200, b = 1e\+200 \(w\)"
    with pytest.raises(FloatingPointError, match=message), detect_anomaly():
        compiled.value_and_grad_at([1e200], 1.0)
    assert (w.data, compiled(3.0)) == (1.0, 3.0)


def test_call_without_an_anomaly_is_as_elsewhere():
    w = Value(2.0)
    compiled = compile(lambda x: (x * w, [x]), batched="x", has_aux=True)
    wanted = compiled([1.0, 2.0])
    with detect_anomaly():
        (value, (beside,)), gradient = compiled.value_and_grad([1.0, 2.0])
        assert (value, beside.tolist(), gradient) == (wanted[0], wanted[1][0].tolist(), [1.0, 1.0])
        compiled.backward([1.0, 2.0])
    assert w.grad == 1.5


@pytest.mark.parametrize("batched", [(), ("x",)])
def test_static_argument_stays_as_it_is_where_a_call_is_inspected(batched):
    compiled = compile(lambda n, x, y: x**n * y, static="n", batched=batched)
    with detect_anomaly():
        for x in (2.0, 3.0):
            wanted = 4.0 * x * x, [8.0 * x] if batched else 8.0 * x
            assert compiled.value_and_grad(2, [x] if batched else x, 4.0) == wanted
        with pytest.raises(FloatingPointError, match=r"a \* b is inf, for a = .*, b = 1e\+20 \(y\)"):
            compiled(2, [1e150] if batched else 1e150, 1e20)


def test_call_for_the_value_alone_is_not_looked_at_for_its_derivative():
    w = Value(0.0, "w")
    compiled = compile(lambda x: (w * x) ** 0.5)
    with detect_anomaly():
        assert compiled(1.0) == 0.0
        with pytest.raises(FloatingPointError, match="in the chain rule through"):
            compiled.backward(1.0)


@pytest.mark.parametrize("call", [lambda p: p.forward(), lambda p: p.backward(), lambda p: p.value_and_grad([1e200])])
def test_anomaly_in_a_compiled_graph_is_reported(call):
    w = Value(1.0, "w")
    program = compile(ad.dot([w, 1.0], [w, 2.0]))
    w.data = 1e200
    with pytest.raises(FloatingPointError, match=r"dot\(.*\) is inf, for .*1e\+200 \(w\)"), detect_anomaly():
        call(program)
    assert w.grad == 0.0


def test_anomaly_in_the_derivative_of_a_compiled_graph_is_reported():
    w = Value(1.0, "w")
    program = compile(w**0.5)
    w.data = 0.0
    with detect_anomaly():
        assert program.forward() == 0.0
        with pytest.raises(FloatingPointError, match=r"in the chain rule through x \*\* 0.5"):
            program.backward()
