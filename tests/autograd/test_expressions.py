"""Random expressions: their values and gradients against mpmath, and the identities of calculus.

How far two results may differ is computed, not chosen: every operation may be off by 8 units of rounding times one plus
its condition number, and the chain rule carries that through the graph, of the value as of the gradient.
"""

import math
import runpy
import sys
from collections import Counter

import mpmath
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from mpmath import mp

import autograd.testing
from autograd import Value, dot, fsum, grad, gradcheck, gradients, hessian, hvp, jacobian, jvp, rules, vjp
from autograd.testing import Application, RandomExpression, every_operation, expressions, is_tame, numbers, operands
from tests.hypothesis_profiles import max_examples
from tests.oracle import exact, rounding

DIGITS = 100

thorough = max_examples(150)
brief = max_examples(40)


def agree(a, b):
    """Whether two Values, computed in different ways, agree within what rounding may have done to each."""
    slack = 4 * (rounding(a) + rounding(b)) + 1e-290
    assume(math.isfinite(slack))
    return abs(a.data - b.data) <= slack


def leaves(xs):
    return [Value(x) for x in xs]


def exactly(expression, xs):
    return expression.evaluate(list(map(mp.mpf, xs)), exact)


def exact_slope(expression, i):
    xs = list(map(mp.mpf, expression.inputs))
    h = mp.mpf(10) ** -(DIGITS // 3)
    right, left = [exactly(expression, [*xs[:i], xs[i] + d, *xs[i + 1 :]]) for d in (h, -h)]
    return (right - left) / (2 * h)


@thorough
@given(expressions())
def test_value_agrees_with_mpmath(expression):
    y = expression(*leaves(expression.inputs))
    assume(isinstance(y, Value))
    with mp.workdps(DIGITS):
        assert abs(mp.mpf(y.data) - exactly(expression, expression.inputs)) <= 2 * rounding(y) + 1e-290


@thorough
@given(expressions())
def test_gradient_agrees_with_mpmath(expression):
    xs = leaves(expression.inputs)
    y = expression(*xs)
    y.backward()
    with mp.workdps(DIGITS):
        for i, slope in enumerate(gradients(y, xs, create_graph=True)):
            wanted = exact_slope(expression, i)
            slack = 4 * rounding(slope) + 1e-25
            assert abs(mp.mpf(xs[i].grad) - wanted) <= slack, mpmath.nstr(wanted, 20)
            assert abs(mp.mpf(slope.data) - wanted) <= slack, mpmath.nstr(wanted, 20)


@brief
@given(expressions(max_steps=5))
@example(RandomExpression((0.0,), (Application(rules.add, (0, 1.0)), Application(rules.power, (1, 0)))))  # (x + 1) ** x
def test_gradcheck_accepts_random_expressions_to_second_order(expression):
    assert gradcheck(expression, *expression.inputs, order=2)


# The identities of calculus


@brief
@given(expressions(), st.data())
def test_hvp_is_the_hessian_times_the_vector(expression, data):
    f = lambda xs: expression(*xs)
    v = [data.draw(numbers()) for _ in expression.inputs]
    xs = leaves(expression.inputs)
    for product, row in zip(hvp(f)(xs, v), hessian(f)(xs), strict=True):
        assert agree(product, dot(row, v))


@brief
@given(st.data())
def test_vjp_and_jvp_are_transposes(data):
    f = data.draw(expressions())
    g = data.draw(expressions(inputs=f.inputs))
    both = lambda *xs: [f(*xs), g(*xs)]
    xs, v, u = (leaves(f.inputs), [data.draw(numbers()) for _ in f.inputs], [data.draw(numbers()) for _ in range(2)])
    _, forward = jvp(both, xs, v)
    _, pullback = vjp(both, *xs)
    assert agree(dot(forward, u), dot(list(pullback(u)), v))


@brief
@given(st.data())
def test_rows_and_columns_give_the_same_jacobian(data):
    f = data.draw(expressions())
    g = data.draw(expressions(inputs=f.inputs))
    xs = leaves(f.inputs)
    both = lambda xs: [f(*xs), g(*xs)]
    tall = lambda xs: both(xs) * (1 + len(xs))  # more results than arguments, so swept forward
    for row, again in zip(jacobian(both)(xs), jacobian(tall)(xs), strict=False):
        assert all(map(agree, row, again))


@brief
@given(expressions(max_steps=4))
def test_forward_over_reverse_is_reverse_over_reverse_and_reverse_over_forward(expression):
    f = lambda xs: expression(*xs)
    xs = leaves(expression.inputs)
    v = [1.0] * len(xs)
    slopes = lambda xs: fsum(grad(f)(xs))
    along = lambda xs: jvp(f, (xs,), (v,))[1]
    for a, b, c in zip(hvp(f)(xs, v), grad(slopes)(xs), grad(along)(xs), strict=True):
        assert agree(a, b)
        assert agree(a, c)


# The strategies


@pytest.mark.thorough
def test_every_operation_is_drawn_and_nodes_are_shared_and_constants_occur():
    seen, shared, constant = Counter(), Counter(), Counter()

    @max_examples(1000)
    @given(expressions())
    def draw(expression):
        seen.update(step.operation for step in expression.steps)
        terms = [term for step in expression.steps for term in step.operands]
        positions = [term for term in terms if isinstance(term, int)]
        shared[len(set(positions)) < len(positions)] += 1
        constant[len(positions) < len(terms)] += 1

    draw()
    assert set(every_operation()) <= seen.keys()
    assert shared[True] > 100
    assert constant[True] > 100


@pytest.mark.parametrize("operation", every_operation(), ids=lambda operation: operation.name)
def test_operands_are_in_the_domain_and_away_from_kinks(operation):
    @max_examples(10)
    @given(operands(operation))
    def check(xs):
        assert math.isfinite(operation.evaluate(xs))
        assert is_tame(operation, xs)
        assert not any(all(map(math.isclose, xs, edge)) for edge in operation.edges)

    check()


@brief
@given(expressions())
@example(RandomExpression((2.0,), (Application(rules.sub, (0, -1.0)), Application(rules.power_of.member(2.0), (1,)))))
def test_repr_is_python_that_gives_the_same_value(expression):
    lines = repr(expression).splitlines()
    names = {**{name: getattr(rules, name) for name in rules.TABLE}, "float": float}
    names |= {"unit": rules.ieee_unit}
    names["polygamma"] = lambda n, x: rules.polygamma_of.member(float(n))(x)
    names["spherical_bessel"] = lambda n, x: rules.spherical_bessel_of.member(float(n))(x)
    exec("\n".join(lines[:-1]), names)
    found, wanted = eval(lines[-1], names), expression(*expression.inputs)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_repr_has_parentheses_around_negative_constants_alone():
    products = [(c, RandomExpression((2.0,), (Application(rules.mul, (0, c)),))) for c in (0.0, 3.0, -1.0)]
    assert [str(product).splitlines()[1].partition(" * ")[2] for _, product in products] == ["0.0", "3.0", "(-1.0)"]


def test_own_operations_can_be_drawn_from():
    chosen = [rules.mul, rules.sin]

    @max_examples(30)
    @given(expressions(chosen, max_inputs=1, max_steps=3, elements=st.floats(1.0, 2.0)))
    def check(expression):
        added = {rules.add, rules.fsum}  # what brings operands into the domain, and loose ends together
        assert {step.operation for step in expression.steps} <= {*chosen, *added}
        assert len(expression.inputs) == 1
        assert 1.0 <= expression.inputs[0] <= 2.0

    check()


@pytest.mark.thorough
def test_shrunk_expressions_are_short():
    from random import Random

    from hypothesis import find

    uses_tanh = lambda e: any(step.operation is rules.tanh for step in e.steps)
    found = find(expressions(), uses_tanh, settings=settings(database=None), random=Random(0))
    assert len(found.steps) <= 2
    assert str(found).startswith("def f(x1):")


def test_hypothesis_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r"needs Hypothesis: python -m pip install 'scalar-autograd\[test\]'"):
        runpy.run_path(autograd.testing.__file__)
