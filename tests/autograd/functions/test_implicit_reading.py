"""What equations read beside their arguments: Values and Constants, however, wherever and in whatever thread."""

import copy
import functools
import math
import pickle
from functools import partial

import numpy as np
import pytest

import autograd as ad
from autograd import Constant, Value, argmin, compile, grad, hessian, no_grad, root, where
from autograd.compiler import TraceError
from autograd.compiler.backends import BACKENDS
from tests.threads import in_threads


def in_no_grad(w):
    with no_grad():
        return 2.0 * w


# How a leaf is read, and whether derivatives count. What looks at a Value's number is not traced to be differentiated.
READINGS = {
    "in arithmetic": (lambda w: 2.0 * w, True),
    "reflected": (lambda w: w * 2.0, True),
    "unary": (lambda w: -(-2.0 * w), True),
    "power": (lambda w: w**1 + w**1, True),
    "of many": (lambda w: ad.fsum([w, w]), True),
    "of two": (lambda w: ad.maximum(w, 0.1) * 2.0, True),
    "softmax": (lambda w: 2.0 * w * sum(ad.softmax([w, 1.0])), True),
    "log of what was not positive": (lambda w: 2.0 * ad.exp(ad.log(w)), True),
    "copied by plus": (lambda w: +w + w, True),
    "detached": (lambda w: 2.0 * w.detach(), False),
    "in no_grad": (in_no_grad, False),
    "data": (lambda w: 2.0 * w.data, False),
    "both ways": (lambda w: w + w.detach(), True),
    "branch": (lambda w: 6.0 if w > 3.0 else 3.0, False),
    "branch on data": (lambda w: 6.0 if w.data > 3.0 else 3.0, False),
    "choice": (lambda w: where(w > 3.0, 6.0, 3.0), False),
    "choice of functions": (lambda w: where(w > 3.0, lambda: w + w, lambda: 2.0 * w), True),
    "truth": (lambda w: 6.0 if w - 3.0 > 0.0 else 3.0, False),
    "text": (lambda w: 2.0 * float(f"{w:.17g}"), False),
    "derivative": (lambda w: grad(lambda v: v * v + 0.0 * w)(w), True),
    "root": (lambda w: root(lambda z: z * z - 4.0 * w * w, 1.0), True),
    "minimum": (lambda w: argmin(lambda z: (z - 2.0 * w) ** 2, 1.0), True),
}
SOLVERS = {
    "root": lambda read, leaf: lambda s: root(lambda x: x * x - read(leaf) * s, 1.0),
    "parameter": lambda read, leaf: lambda s: root(lambda x, s: x * x - read(leaf) * s, 1.0, s),
    "argmin": lambda read, leaf: lambda s: argmin(lambda x: x**3 / 3.0 - x * read(leaf) * s, 1.0),
    "root in a root": lambda read, leaf: lambda s: root(
        lambda y: y - root(lambda x: x * x - read(leaf) * s + 0.0 * y, 1.0), 1.0),
    "at the end only": lambda read, leaf: lambda s: root(
        lambda x: where(x < -5.0, lambda: 20.0 * (x - 1.0), lambda: x * x - read(leaf) * s), -10.0),
    "at the end only, by if": lambda read, leaf: lambda s: root(
        lambda x: 20.0 * (x - 1.0) if x < -5.0 else x * x - read(leaf) * s, -10.0),
    "beside another": lambda read, leaf: lambda s: root(
        lambda x: [x[0] * x[0] - x[1], x[1] - read(leaf) * s], [1.0, 1.0])[0],
}  # fmt: skip


LOOKS = {"data", "branch", "branch on data", "truth", "text"}
READ = [(reading, "root") for reading in READINGS]
READ += [(reading, solver) for reading in ("in arithmetic", "detached") for solver in SOLVERS if solver != "root"]


@pytest.mark.parametrize(("reading", "solver"), READ)
@pytest.mark.parametrize("kind", [Value, Constant])
def test_leaf_is_read_anew_after_it_was_assigned(kind, reading, solver):
    (read, counts), leaf = READINGS[reading], kind(1.5, label="leaf")
    f = SOLVERS[solver](read, leaf)
    program, slope = compile(f), compile(grad(f))
    looks = solver.endswith("by if") or (kind is Value and reading in LOOKS)
    for number in (1.5, 4.5, 2.5):
        leaf.data = number
        right = read(leaf).data if isinstance(read(leaf), Value) else read(leaf)
        for s in (1.0, 2.0, 1.0):
            wanted = math.sqrt(right * s)
            assert float(f"{f(s):.17g}") == pytest.approx(wanted, rel=1e-12)
            assert program(s) == pytest.approx(wanted, rel=1e-12)
            assert program.value_and_grad(s) == pytest.approx((wanted, wanted / s / 2.0), rel=1e-11)
            if looks:
                with pytest.raises(TraceError):
                    slope(s)
            else:
                assert slope(s) == pytest.approx(wanted / s / 2.0, rel=1e-11)
        leaf.grad = 0.0
        program.backward(2.0)
        wanted = math.sqrt(right * 2.0) / leaf.data / 2.0 if counts and kind is Value else 0.0
        wanted *= 0.5 if reading == "both ways" else 1.0
        if reading == "softmax":
            wanted = leaf.grad
        assert leaf.grad == pytest.approx(wanted, rel=1e-11)
    leaf.grad, given = 0.0, Value(2.0)
    y = f(given)
    y.backward()
    assert leaf.grad == pytest.approx(wanted, rel=1e-11)
    assert given.grad == pytest.approx(y.data / 4.0, rel=1e-12)


def test_leaf_that_is_itself_a_condition_is_read_anew_and_the_solution_has_no_derivative_by_it():
    leaf = Value(1.0)
    f = lambda s: root(lambda x: x * x - where(leaf, lambda: 6.0, lambda: 3.0) * s, 1.0)
    program, slope = compile(f), compile(grad(f))
    for leaf.data, right in [(1.0, 6.0), (0.0, 3.0), (2.0, 6.0)]:
        wanted = math.sqrt(right * 2.0)
        assert (f(2.0), program(2.0)) == pytest.approx((wanted, wanted))
        assert (grad(f)(2.0), slope(2.0)) == pytest.approx((wanted / 4.0, wanted / 4.0))
    assert leaf not in f(Value(2.0)).parents


@pytest.mark.parametrize(("reading", "solver"), [(reading, solver) for reading, solver in READ if READINGS[reading][1]])
@pytest.mark.parametrize("kind", [Value, Constant])
def test_change_of_what_was_read_before_backward_is_an_error(kind, reading, solver):
    if kind is Constant and reading in ("root", "minimum"):  # of plain numbers, so to Constants
        return
    leaf = kind(1.5, label="leaf")
    y = SOLVERS[solver](READINGS[reading][0], leaf)(Value(2.0))
    leaf.data = 4.5
    with pytest.raises(RuntimeError, match=r"the data of the leaf leaf was changed to 4\.5"):
        y.backward()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("reading", ["detached", "in no_grad", "data"])
def test_what_was_read_as_a_number_stays_that_number_in_its_graph(reading, solver):
    leaf, s = Value(1.5), Value(2.0)
    y = SOLVERS[solver](READINGS[reading][0], leaf)(s)
    leaf.data = 4.5
    y.backward()
    assert s.grad == pytest.approx(math.sqrt(3.0 / 2.0) / 2.0, rel=1e-12)


# Which side of a choice a leaf stands on

SIDES = {
    "choice": lambda x, a, b: where(x < -5.0, lambda: 20.0 * (x - a), lambda: x - b),
    "choice of numbers": lambda x, a, b: where(x < -5.0, 20.0 * (x - a), x - b),
    "if": lambda x, a, b: 20.0 * (x - a) if x < -5.0 else x - b,
    "if of data": lambda x, a, b: 20.0 * (x - a) if x.data < -5.0 else x - b,
    "choice in a choice": lambda x, a, b: where(
        x < -5.0, lambda: where(x < -9.0, lambda: 20.0 * (x - a), lambda: 20.0 * (x - a)), lambda: x - b),
    "mapping": lambda x, a, b: (x - {True: a, False: b}[bool(x < -5.0)]) * {True: 20.0, False: 1.0}[bool(x < -5.0)],
}  # fmt: skip


@pytest.mark.parametrize("start", [-10.0, 1.0])
@pytest.mark.parametrize("side", SIDES)
def test_leaf_on_a_side_is_found_wherever_the_solver_begins(side, start):
    a, b = Value(-1.0, label="a"), Value(2.0, label="b")
    f = lambda k: root(lambda x, k: SIDES[side](x, a, b * k), start, k)
    y = f(Value(1.0))
    y.backward()
    assert (y.data, a.grad, b.grad) == (2.0, 0.0, 1.0)
    program = compile(f)
    for number in (2.0, 5.0):
        b.grad, b.data = 0.0, number
        assert program(1.5) == f(1.5).data == 1.5 * number
        program.backward(1.5)
        assert b.grad == 1.5
    a.grad, a.data, b.data = 0.0, -7.0, -8.0
    if "choice" in side or start == -10.0:  # a traced choice has both of its sides
        assert program(1.5) == f(1.5).data
        program.backward(1.5)
        assert (f(1.5).data, a.grad) == (-7.0, 1.0)
    else:
        with pytest.raises(RuntimeError, match="uses a now, and did not when it was first called"):
            program(1.5)


def test_program_whose_solver_comes_to_what_was_not_traced_says_so():
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    f = lambda k: root(lambda x, k: x - a if k > 0.0 else x - b, 0.0, k)
    program = compile(f)
    assert program(1.0) == 1.0
    with pytest.raises(RuntimeError, match=r"uses b now.*give it as a parameter. Or .* write the choice"):
        program(-1.0)
    assert program(1.0) == 1.0
    y = root(lambda x, k: x - a if k > 0.0 else x - b, 0.0, k := Value(1.0))
    with pytest.raises(RuntimeError, match="uses b now"):
        ad.evaluate(y, {k: -1.0})


# Numbers that are no Values


def test_plain_number_that_was_changed_is_an_error_or_the_number_it_was():
    scale = [4.0]
    f = lambda s: root(lambda x, s: x * x - scale[0] * s, 1.0, s)
    program, s = compile(f), Value(1.0)
    y = f(s)
    assert program(1.0) == 2.0
    scale[0] = 9.0
    assert (program(1.0), f(1.0)) == (2.0, 3.0)
    changed = r"has other values now than when root solved it.*give it as a parameter"
    evaluated = lambda: ad.evaluate(y, {s: 2.0})
    for call in (lambda: program(2.0), lambda: program.value_and_grad(1.0), y.backward, evaluated):
        with pytest.raises(RuntimeError, match=changed):
            call()
    scale[0] = 4.0
    assert program(4.0) == 4.0
    assert grad(f)(1.0) == program.value_and_grad(1.0)[1] == 1.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_zeros_of_both_signs_are_two_numbers(backend):
    program = compile(lambda p: root(lambda x, p: x - ad.atan2(0.0, p), 1.0, p), backend=backend)
    w = Value(0.0)
    captured = compile(lambda: root(lambda x: x - ad.atan2(0.0, w), 1.0), backend=backend)
    for number in (0.0, -0.0, 0.0):
        w.data = number
        assert program(number) == captured() == math.atan2(0.0, number)


# Nothing is written


def test_solving_in_threads_touches_no_value():
    w, seen = Value(2.0), set()

    def work(n, lowest):
        program = compile(lambda k: root(lambda x: x**n - w * k, 1.0), wrt=[w])
        for theta in (lowest + i / 100 for i in range(100)):
            value, slope = program.value_and_grad_at([theta], 1.0)
            assert value == pytest.approx(theta ** (1 / n), rel=1e-12)
            assert slope[0] == pytest.approx(theta ** (1 / n - 1) / n, rel=1e-11)
            seen.add(w.number)

    in_threads(lambda: work(2, 2.0), lambda: work(3, 100.0))
    assert (seen, w.data) == ({2.0}, 2.0)


def test_number_of_a_leaf_is_its_own_while_another_one_stands_for_it():
    w, seen = Value(2.0), []

    def f(x):
        seen.append((w.number, w.data))
        return x * x - w

    program = compile(lambda: root(f, 1.0), wrt=[w])
    assert program.value_and_grad_at([9.0])[0] == pytest.approx(3.0)
    assert {number for number, _ in seen} == {2.0}
    assert seen[-1][1] == 9.0
    assert w.data == 2.0


# Derivatives, copies and other numbers


def shifted(w, v):
    return lambda s: root(lambda x: where(x < -5.0, lambda: x + v, lambda: x * ad.exp(x * w) - s), -10.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_leaf_that_is_used_at_the_solution_only_has_derivatives_of_any_order_in_programs(backend):
    w, v = Value(0.4), Value(-0.5)
    program = compile(lambda s: s * shifted(w, v)(s), batched="s", backend=backend)
    second = compile(hessian(lambda a, s: shifted(a, v)(s)), backend=backend)
    by_parameter = lambda a, s: root(lambda x: x * ad.exp(x * a) - s, 0.5)
    for number in (0.4, 0.7):
        w.data = number
        w.grad = v.grad = 0.0
        program.backward([1.0, 2.0])
        assert w.grad == pytest.approx(sum(s * grad(by_parameter)(number, s) / 2 for s in (1.0, 2.0)), rel=1e-11)
        assert v.grad == 0.0
        assert second(number, 1.3) == pytest.approx(hessian(by_parameter)(number, 1.3), rel=1e-10)
    assert ad.gradcheck(lambda a: shifted(a, v)(1.3), 0.4, order=2)
    found = ad.taylor(lambda t: shifted(0.4 + t * w, v)(1.3), 0.0, 3)
    wanted = ad.taylor(lambda t: by_parameter(0.4 + t * w.data, 1.3), 0.0, 3)
    assert [x.data for x in found] == pytest.approx(wanted, rel=1e-11)


def test_graph_of_a_solution_is_evaluated_and_compiled_with_other_numbers():
    w, k = Value(2.0), Constant(3.0)
    y = root(lambda x: x * x - w * k, 1.0)
    number, slopes = ad.evaluate(y, {w: 12.0}, gradient=True)
    assert (number, slopes[w]) == pytest.approx((6.0, 0.25))
    other = ad.evaluate(y, {w: Value(12.0)})
    assert (w.data, other.data) == pytest.approx((2.0, 6.0))
    assert ad.gradients(y, [w, k]) == pytest.approx([3.0 / y.data / 2.0, 2.0 / y.data / 2.0])
    graph = compile(y)
    w.data = 27.0
    assert graph.forward() == pytest.approx(9.0)
    assert graph.value_and_grad([3.0])[0] == pytest.approx(3.0)
    assert w.data == 27.0


class Equation:
    def __init__(self):
        self.w, self.k = Value(2.0), Constant(2.0)

    def __call__(self, x):
        return x * x - self.w * self.k


def test_copies_read_their_own_leaves():
    equation = Equation()
    y = root(equation, 1.0)
    for copied_y, copied in (pickle.loads(pickle.dumps((y, equation))), (copy.deepcopy(y), None)):
        copied_y.backward()
        leaf = copied.w if copied else copied_y.parents[0]
        assert (leaf.grad, equation.w.grad) == (0.5, 0.0)


def test_many_numbers_are_read_beside_a_few():
    rng = np.random.default_rng(0)
    rows = [[Constant(x) for x in row] for row in rng.normal(size=(20, 2))]
    targets = [Value(y) for y in rng.normal(size=20)]
    fit = lambda k: argmin(lambda w, k: sum((ad.dot(row, w) - t) ** 2 for row, t in zip(rows, targets)) + k * w[0] ** 2,
                           [0.0, 0.0], k)  # fmt: skip
    program = compile(lambda k: ad.fsum(fit(k)))
    X = np.array([[x.data for x in row] for row in rows])
    exact = lambda k: np.linalg.solve(X.T @ X + np.diag([k, 0.0]), X.T @ [t.data for t in targets]).sum()
    for change in (0.0, 1.0):
        targets[3].data += change
        rows[5][1].data += change
        X[5, 1] += change
        assert program(2.0) == pytest.approx(exact(2.0), rel=1e-11)
        assert program(3.0) == pytest.approx(exact(3.0), rel=1e-11)


def test_inner_solution_without_operands_is_found_at_the_numbers_of_the_outer_one():
    a = Value(2.0)
    f = compile(lambda: root(lambda x: x - root(lambda y: y**3 - a.detach(), 1.0), 1.0), wrt=[a])
    for number in (2.0, 5.0, 0.5):
        assert f.value_and_grad_at([number])[0] ** 3 == pytest.approx(number, rel=1e-14)


class Kept:
    """What is computed of a temperature once and kept."""

    def __init__(self, T):
        self.T = T

    @functools.cached_property
    def pressure(self):
        return ad.exp(-1.0 / self.T)

    @functools.cached_property
    def chosen(self):
        return where(self.T > 1.5, lambda: ad.exp(-1.0 / self.T), lambda: 0.5 * self.T)


def cached(T):
    pressure = functools.cache(lambda: ad.exp(-1.0 / T))
    return lambda: pressure()


def in_dict(T):
    kept = {}
    return lambda: kept["pressure"] if kept else kept.setdefault("pressure", ad.exp(-1.0 / T))


KEPT = {
    "cached_property": lambda T: partial(getattr, Kept(T), "pressure"),
    "cached choice": lambda T: partial(getattr, Kept(T), "chosen"),
    "cache": cached,
    "dict": in_dict,
}
USES = {  # of what is kept, by the temperature
    "root": lambda T, p: root(lambda z: z * p() - 2.0, 1.0),
    "argmin": lambda T, p: argmin(lambda z: (z * p() - 2.0) ** 2, 1.0),
    "solver": lambda T, p: root(lambda z: z * p() - 2.0, 1.0, solver=lambda g, x: x + g(x) * 0.0),
    "afterwards": lambda T, p: root(lambda z: z * p() - 2.0, 1.0) + p(),
    "twice": lambda T, p: sum(root(lambda z: z * p() - k, 1.0) for k in (1.0, 2.0)),  # noqa: B023
    "root in a root": lambda T, p: root(lambda z: z - root(lambda y: y * p() - T, 1.0) * p() * p(), 1.0),
    "root by a parameter": lambda T, p: root(lambda z, T: z * p(T) - 2.0, 1.0, T),
    "argmin by a parameter": lambda T, p: argmin(lambda z, T: (z * p(T) - 2.0) ** 2, 1.0, T),
}


def used(keep, use):
    """Return a function of the temperature, in which what is kept is made of it or of the problem's parameter."""

    def f(T):
        kept = []
        return USES[use](T, lambda t=T: (kept or [kept.append(KEPT[keep](t))]) and kept[0]())

    return f


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("keep", KEPT)
def test_what_a_function_computes_once_and_keeps_has_its_derivatives(keep, use):
    f = used(keep, use)
    programs = [compile(f, backend=backend) for backend in BACKENDS]
    slope = compile(grad(f))
    for T in (1.0, 2.0, 0.5):
        step = 1e-5
        value, derivative = f(T), grad(f)(T)
        assert derivative == pytest.approx((f(T + step) - f(T - step)) / (2.0 * step), rel=1e-8)
        assert grad(grad(f))(T) == pytest.approx((grad(f)(T + step) - grad(f)(T - step)) / (2.0 * step), rel=1e-7)
        leaf = Value(T)
        f(leaf).backward()
        assert leaf.grad == pytest.approx(derivative, rel=1e-12)
        for program in programs:
            assert program.value_and_grad(T) == pytest.approx((value, derivative), rel=1e-12)
        assert slope(T) == pytest.approx(derivative, rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_step_that_leaves_the_domain_is_no_error_that_a_program_catches(backend):
    f = lambda T: argmin(lambda z: z * T - ad.log(z * T), 3.0)  # 1 / T, and Newton's first step leads below 0
    program = compile(f, backend=backend)
    for T in (1.0, 2.0):
        assert program.value_and_grad(T) == pytest.approx((1.0 / T, -1.0 / T**2), rel=1e-9)
