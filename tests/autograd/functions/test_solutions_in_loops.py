"""Solutions of functions that read what a loop, or another assignment, gives other values later."""

# ruff: noqa: B007, B023  # functions that find the variables of a loop are what is tested

import functools
import math
import pickle
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import autograd as ad
from autograd import Value, argmin, compile, grad, root
from autograd.compiler.backends import BACKENDS
from autograd.functions._closures import snapshot
from nn import SGD, Module, fit, mse
from tests.collector import leaves_no_cycle


def residual(z, y, k, n):
    return z - y + 0.1 * k * n * z**3


def energy(z, y, k, n):
    return (z - y) ** 2 / 2.0 + 0.025 * k * n * z**4


def integral(z, y, k, n):
    return (z - y) ** 3 / 6.0 + 0.005 * k * n * z**5


def by_parameters(solve, f, of, k, y):
    for n in (1, 3):
        y = solve(lambda z, y, k, n: f(z, y, k, n), 1.0, y, k, n)
    return y


def by_variable(solve, f, of, k, y):
    for n in (1, 3):
        y = solve(lambda z: f(z, y, k, n), 1.0)
    return y


def by_plain_number(solve, f, of, k, y):
    total = 0.0
    for n in (1, 3):
        total = total + solve(lambda z, y, k: f(z, y, k, n), 1.0, y, k)
    return total


def by_element(solve, f, of, k, y):
    ys = [y]
    for n in (1, 3):
        last = ys[-1]
        ys.append(solve(lambda z: f(z, last, k, n), 1.0))
    return ys[-1]


def by_nested_function(solve, f, of, k, y):
    def equation(z):
        return f(z, y, k, n)

    for n in (1, 3):
        y = solve(lambda z: equation(z), 1.0)
    return y


def by_recursion(solve, f, of, k, y):
    def equation(z, depth):
        return f(z, y, k, n) if depth == 0 else equation(z, depth - 1)

    for n in (1, 3):
        y = solve(lambda z: equation(z, 2), 1.0)
    return y


def by_defaults(solve, f, of, k, y):
    for n in (1, 3):
        y = solve(lambda z, g=lambda z: f(z, y, k, n): g(z), 1.0)
        y = solve(lambda z, *, g=lambda z: f(z, y, k, n): g(z), 1.0)
    return y


def by_partial(solve, f, of, k, y):
    for n in (1, 3):
        y = solve(partial(lambda k, z: f(z, y, k, n), k), 1.0)
        y = solve(partial(lambda z, g: g(z), g=lambda z: f(z, y, k, n)), 1.0)
    return y


def by_method(solve, f, of, k, y):
    class Step:
        def at(self, z):
            return f(z, y, k, n)

    for n in (1, 3):
        y = solve(Step().at, 1.0)
    return y


class Step:
    def __init__(self, *given):
        self.given = given

    def __call__(self, z):
        f, *given = self.given
        return f(z, *given)


def by_instance(solve, f, of, k, y):
    class Other:
        def __call__(self, z):
            return f(z, y, k, n)

    for n in (1, 3):
        y = solve(Other(), solve(Step(f, y, k, n), 1.0))
    return y


def by_derivative(solve, f, of, k, y):
    for n in (1, 3):
        y = solve(grad(lambda z: of(z, y, k, n)), 1.0)
    return y


def by_solution(solve, f, of, k, y):
    for n in (1, 3):
        y = solve(lambda z: f(z, root(lambda x: x + 0.1 * n * x**3 - y, 1.0), k, n), 1.0)
    return y


def by_solver(solve, f, of, k, y):
    wells = lambda z: z**4 / 4.0 - y * y * z * z / 2.0
    total = 0.0
    for side in (-1.0, 1.0):
        nearest = solve(grad(wells) if solve is root else wells, 0.0, solver=lambda g, x0: side)
        total = total + (2.0 + side) * k * nearest
    return total


LOOPS = {f.__name__.removeprefix("by_"): f for f in (
    by_parameters, by_variable, by_plain_number, by_element, by_nested_function, by_recursion, by_defaults, by_partial,
    by_method, by_instance, by_derivative, by_solution, by_solver)}  # fmt: skip


@pytest.mark.parametrize("solve", [root, argmin])
@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_solutions_in_a_loop_are_those_of_their_rounds(loop, solve):
    f = lambda k, y: loop(solve, *((residual, energy) if solve is root else (energy, integral)), k, y)
    points = (2.0, 1.0), (1.5, 1.1)
    assert ad.gradcheck(f, *points[0], order=2)
    gradient = grad(f, argnums=(0, 1))
    assert ad.jvp(f, points[0], (1.0, 3.0))[1] == pytest.approx(np.dot(gradient(*points[0]), (1.0, 3.0)), rel=1e-12)
    for backend in BACKENDS:
        program, slopes = compile(f, backend=backend), compile(gradient, backend=backend)
        for at in points:
            assert program(*at) == pytest.approx(f(*at), rel=1e-12)
            assert program.value_and_grad(*at) == pytest.approx((f(*at), gradient(*at)[0]), rel=1e-11)
            assert slopes(*at) == pytest.approx(gradient(*at), rel=1e-11)


def test_graphs_of_solutions_in_a_loop_have_no_cycles():
    assert leaves_no_cycle(lambda: by_variable(root, residual, energy, Value(2.0), Value(1.0)))


def price(y, n):
    """A bond with coupons of 5 %: at par it has this yield, however long it runs."""
    return sum(0.05 / (1.0 + y) ** k for k in range(1, n + 1)) + 1.0 / (1.0 + y) ** n


class Bonds(Module):
    def __init__(self):
        self.spread = Value(0.0)

    def forward(self, P):
        return [root(lambda y: price(y, n) - (P + self.spread), 0.03) for n in (1, 2, 5)]


@pytest.mark.parametrize("compiled", [True, False])
def test_model_that_solves_in_a_loop_is_trained(compiled):
    loss = lambda s: sum((root(lambda y, s: price(y, n) - 1.0 - s, 0.03, s) - 0.06) ** 2 / 3.0 for n in (1, 2, 5))
    model = Bonds()
    options = {"optimizer": SGD(model.parameters(), lr=0.05), "epochs": 1, "compiled": compiled, "progress": False}
    fit(model, [1.0, 1.0], [[0.06] * 3] * 2, loss=mse, **options)
    assert model.spread.data == pytest.approx(-0.05 * grad(loss)(0.0), rel=1e-9)


def as_keys(a, b, power, y):
    orders = {a: 1.0, b: 2.0, power: 3.0}
    return lambda z: z - y - sum(0.01 * order * rate(z) for rate, order in orders.items()) - 0.01 * orders[b] * b(z)


def as_elements(a, b, power, y):
    rates = [a, b, power]
    return lambda z: z - y - sum(0.01 * (2.0 if rate in (b, power) else 1.0) * rate(z) for rate in rates)


def as_attributes(a, b, power, y):
    scheme = SimpleNamespace(rate=b, last=power)
    return lambda z: z - y - 0.01 * a(z) * (3.0 if scheme.rate is b and scheme.last is power else 1.0)


@pytest.mark.parametrize("use", [as_keys, as_elements, as_attributes])
def test_functions_that_have_not_changed_are_themselves(use):
    def f(y):
        c = 2.0
        a, b, power = (lambda z: c * z), grad(lambda z: c * z**3), partial(lambda k, z: c * z**k, 2)
        for _ in range(2):
            y = root(use(a, b, power, y), y)
        return y

    assert ad.gradcheck(f, 0.5, order=2)
    assert compile(f).value_and_grad(0.5) == pytest.approx(ad.value_and_grad(f)(0.5), rel=1e-12)
    program = compile(f)
    assert [program(y) for y in (0.5, 0.4)] == pytest.approx([f(0.5), f(0.4)], rel=1e-12)
    assert leaves_no_cycle(lambda: f(Value(0.5)))


def key_of_itself(y, told):
    def f(z):
        return z - told[f] * y

    told[f] = 2.0
    return root(f, 0.5)


def attribute_of_itself(y, told):
    def f(z):
        return z - (2.0 if told["now"] is f else 1.0) * y

    told["now"] = f
    return root(f, 0.5)


def deleted_error(y, told):
    try:
        raise ValueError(2.0)
    except ValueError as error:  # noqa: F841  which Python deletes at the end of the block
        scaled = lambda y: error.args[0] * y  # noqa: F821
        return root(lambda z: z - scaled(y), 0.5)


def deleted_variable(y, told):
    factor = 2.0
    found = root(lambda z: z - factor * y, 0.5)  # noqa: F821
    del factor
    return found


ONE_FUNCTION = [key_of_itself, attribute_of_itself, deleted_error, deleted_variable]


@pytest.mark.parametrize("solve", ONE_FUNCTION)
def test_function_finds_itself_and_has_variables_that_were_deleted_since(solve):
    f = lambda y: solve(y, {})
    program = compile(f)
    for y in (1.0, 3.0):
        assert ad.value_and_grad(f)(y) == program.value_and_grad(y) == (2.0 * y, 2.0)


LENGTH = 2


def of_attribute(P):
    bond = SimpleNamespace(n=2)
    y = root(lambda y, P: price(y, bond.n) - P, 0.03, P)
    bond.n = 10
    return y


def of_list(P):
    lengths = [2]
    y = root(lambda y, P: price(y, lengths[-1]) - P, 0.03, P)
    lengths.append(10)
    return y


def of_global(P):
    global LENGTH
    LENGTH = 2
    y = root(lambda y, P: price(y, LENGTH) - P, 0.03, P)
    LENGTH = 10
    return y


def of_values(P):
    ys = [P]
    for _ in range(2):
        ys.append(root(lambda y: y - ys[-1] + 0.1 * y**3, 0.03))
    return ys[-1]


@pytest.mark.parametrize("f", [of_attribute, of_list, of_global, of_values])
def test_what_is_not_kept_and_was_changed_is_an_error(f):
    message = r"assigned or changed since, .*: keep it .*lambda x, y=y: .*, or give it as a parameter"
    for at_par in (1.0, 0.9):
        with pytest.raises(RuntimeError, match=message):
            grad(f)(at_par)
    program = compile(f)
    program(1.0)
    with pytest.raises(RuntimeError, match=message):
        program(0.9)


def test_solving_calls_the_function_itself():
    count, double = 0, lambda: 2 * count

    def f(x, a):
        nonlocal count
        count += 1
        return x * x - a + 0.0 * double()

    assert grad(lambda a: root(f, 1.0, a))(4.0) == pytest.approx(0.25)
    assert count > 5


def test_what_the_first_call_makes_is_kept():
    w = None

    def f(x, a):
        nonlocal w
        if w is None:
            w = Value(3.0)
        return w * x - a

    y = root(f, 1.0, Value(6.0))
    y.backward()
    assert (y.data, w.grad) == (2.0, pytest.approx(-2.0 / 3.0))


def test_copy_of_a_function_has_its_variables_and_attributes():
    count = 0

    def counted():
        nonlocal count
        count += 1
        return count, told()

    def told():
        return count, told, late

    told.unit = "rounds"
    copied = snapshot(counted)
    count = 10
    late = 1.0
    found, (count_there, itself, _) = counted()
    assert (found, count_there, itself) == (11, 11, told)
    for i in (1, 2):
        found, (count_there, itself, _) = copied()
        assert (found, count_there, itself.unit, itself.__name__) == (i, i, "rounds", "told")
        assert itself is not told
    for named in (residual, Step.__call__, math.sin, grad, Step(residual), partial(residual, 1.0), kept_by_name):
        assert pickle.loads(pickle.dumps(snapshot(named)))


@pytest.mark.thorough
def test_copy_of_a_long_chain_of_functions_needs_no_recursion():
    f = lambda x: x
    for _ in range(100_000):
        f = lambda x, g=f, k=f: g(k(x))
    assert snapshot(f) is not f


def decorated(f):
    return functools.wraps(f)(lambda *given: f(*given))


@decorated
def kept_by_name(x):
    return x
