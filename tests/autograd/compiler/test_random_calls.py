"""Sequences of calls to one compiled function: sizes, types, assignments, copies, pickles, threads and errors."""

import copy
import pickle
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from autograd import Constant, Value, compile, detect_anomaly, exp, fsum, grad, gradients, no_grad, sin, tanh, where
from autograd.compiler.backends import BACKENDS
from autograd.testing import numbers
from tests.hypothesis_profiles import max_examples
from tests.threads import in_threads

AGAIN = st.sampled_from([copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])


class Formula:
    """A function with Values and a Constant of its own, of numbers nested in lists, with defaults and a static word."""

    def __init__(self):
        self.w, self.b, self.c = Value(0.5, "w"), Value(-1.0, "b"), Constant(2.0)

    def __call__(self, xs, scale=1.5, *more, power=2.0, form="sin"):
        terms = [tanh(self.w * x * scale) + where(x > 0.3, self.c * x, self.b * x * x) for x in xs]
        terms += [sin(x * self.b) if form == "sin" else exp(-x * x) for x in more]
        return fsum(terms) ** 2 * power + self.b / (1.0 + self.w**2)


SEQUENCES = {
    "list": list, "tuple": tuple, "array": np.array, "float32": lambda xs: np.array(xs, dtype=np.float32),
    "integers": lambda xs: [round(x) for x in xs], "reversed array": lambda xs: np.array(xs[::-1])[::-1],
    "column": lambda xs: np.array([xs, xs]).T[:, 0], "numbers of NumPy": lambda xs: [*map(np.float64, xs)],
}  # fmt: skip


def arguments():
    """Return calls: a sequence of some type and size, and what else is given."""
    sequences = st.tuples(st.sampled_from(sorted(SEQUENCES)), st.lists(numbers(), max_size=4))
    sequences = sequences.map(lambda drawn: SEQUENCES[drawn[0]](drawn[1]))
    given = st.one_of(st.tuples(), st.tuples(numbers()), st.tuples(numbers(), numbers()), st.tuples(*[numbers()] * 3))
    keywords = st.fixed_dictionaries({}, optional={"power": numbers(), "form": st.sampled_from(["sin", "exp"])})
    return st.builds(lambda xs, rest, keywords: ((xs, *rest), keywords), sequences, given, keywords)


def eager(formula, args, keywords):
    """Return the value, the gradient by the first argument, and that by the Values that the formula has."""
    xs, *rest = args
    leaves = [Value(float(x)) for x in xs]
    root = formula(leaves, *rest, **keywords)
    slopes = gradients(root, [*leaves, formula.w, formula.b])
    return root.data, slopes[:-2], slopes[-2:]


def close(wanted):
    return pytest.approx(wanted, rel=1e-11, abs=1e-13)


class Calls(RuleBasedStateMachine):
    backend = "auto"
    functions = Bundle("functions")

    @initialize(target=functions)
    def begin(self):
        return compile(Formula(), static="form", backend=self.backend)

    @rule(f=functions, call=arguments())
    def value(self, f, call):
        assert f(*call[0], **call[1]) == close(eager(f.f, *call)[0])

    @rule(f=functions, call=arguments())
    def value_and_grad(self, f, call):
        value, gradient = f.value_and_grad(*call[0], **call[1])
        wanted, slopes, _ = eager(f.f, *call)
        assert value == close(wanted)
        assert list(gradient) == close(slopes)
        assert type(gradient) is type(call[0][0])

    @rule(f=functions, call=arguments())
    def backward(self, f, call):
        before = [f.f.w.grad, f.f.b.grad]
        value = f.backward(*call[0], **call[1])
        wanted, _, slopes = eager(f.f, *call)
        assert value == close(wanted)
        assert [f.f.w.grad, f.f.b.grad] == close([a + b for a, b in zip(before, slopes, strict=True)])

    @rule(f=functions, call=arguments(), theta=st.lists(numbers(), min_size=2, max_size=2))
    def at_a_vector(self, f, call, theta):
        f(*call[0], **call[1])
        before = {leaf: leaf.data for leaf in f.wrt}
        found = f.value_and_grad_at(theta[: len(f.wrt)], *call[0], **call[1])
        assert {leaf: leaf.data for leaf in f.wrt} == before
        f.write(theta[: len(f.wrt)])
        wanted, _, slopes = eager(f.f, *call)
        by_leaf = dict(zip([f.f.w, f.f.b], slopes, strict=True))
        assert found[0] == close(wanted)
        assert list(found[1]) == close([by_leaf[leaf] for leaf in f.wrt])

    @rule(f=functions, number=numbers(), which=st.sampled_from(["w", "b", "c"]))
    def assign(self, f, number, which):
        getattr(f.f, which).data = number

    @rule(f=functions, number=numbers(), which=st.sampled_from(["w", "b"]))
    def replace(self, f, number, which):
        setattr(f.f, which, Value(number))
        f.clear()

    @rule(f=functions, call=arguments())
    def with_values(self, f, call):
        xs, *rest = call[0]
        root = f([*map(Value, map(float, xs)), Value(0.0)], *rest, **call[1])  # 0 adds nothing
        assert root.data == close(eager(f.f, *call)[0])

    @rule(f=functions, call=arguments())
    def differentiated(self, f, call):
        xs, *rest = call[0]
        slopes = grad(f)([*map(float, xs)], *rest, **call[1]) if len(xs) else []
        assert [slope.data for slope in slopes] == close(eager(f.f, *call)[1])  # Values, as f uses Values

    @rule(f=functions, call=arguments())
    def inside_another(self, f, call):
        xs, *rest = call[0]
        outer = compile(lambda ys: 2.0 * f(ys, *rest, **call[1]), backend=self.backend)
        assert outer([*map(float, xs)]) == close(2.0 * eager(f.f, *call)[0])

    @rule(f=functions, calls=st.lists(arguments(), min_size=2, max_size=4))
    def in_threads(self, f, calls):
        found = in_threads(*[partial(f, *args, **keywords) for args, keywords in calls])
        assert found == [close(eager(f.f, *call)[0]) for call in calls]

    @rule(f=functions, call=arguments())
    def in_blocks(self, f, call):
        with no_grad():
            found = f(*call[0], **call[1])
        assert found == close(eager(f.f, *call)[0])
        with detect_anomaly():
            assert f(*call[0], **call[1]) == close(eager(f.f, *call)[0])

    @rule(f=functions)
    def wrong_calls(self, f):
        with pytest.raises(TypeError, match="missing a required argument"):
            f()
        with pytest.raises(TypeError, match="str"):
            f(["a"])
        with suppress(ArithmeticError, ValueError):  # as the Values happen to be
            f([-1e300])

    @rule(f=functions)
    def clear(self, f):
        f.clear()

    @rule(target=functions, f=functions, again=AGAIN)
    def again(self, f, again):
        return again(f)


@pytest.mark.parametrize("name", [*BACKENDS, "auto"])
def test_any_sequence_of_calls_gives_what_the_function_gives(name):
    machine = type("Calls", (Calls,), {"backend": name})
    run_state_machine_as_test(machine, settings=settings(max_examples(10), stateful_step_count=15))
