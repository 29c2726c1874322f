"""Sequences of calls to one compiled function, of numbers or of a batch: sizes, types, assignments, copies, errors."""

import copy
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

import autograd as ad
from autograd import Value, compile, exp, fsum, gradients, sin, tanh, where
from autograd.compiler.backends import BACKENDS
from autograd.testing import numbers
from nn import MLP, SGD
from tests.autograd.compiler.beside_eager import pickled
from tests.hypothesis_profiles import max_examples
from tests.threads import in_threads

AGAIN = st.sampled_from([copy.deepcopy, pickled])


class Machine(RuleBasedStateMachine):
    backend = "auto"
    functions = Bundle("functions")

    @rule(f=functions)
    def clear(self, f):
        f.clear()

    @rule(target=functions, f=functions, again=AGAIN)
    def again(self, f, again):
        made = again(f)
        assert [leaf.data for leaf in made.f.leaves()] == [leaf.data for leaf in f.f.leaves()]
        return made


def close(wanted):
    return pytest.approx(wanted, rel=1e-11, abs=1e-12)


class Formula:
    """A function with Values and a Constant of its own, of numbers nested in lists, with defaults and a static word."""

    def __init__(self):
        self.w, self.b, self.c = Value(0.5, "w"), Value(-1.0, "b"), ad.Constant(2.0)

    def __call__(self, xs, scale=1.5, *more, power=2.0, form="sin"):
        terms = [tanh(self.w * x * scale) + where(x > 0.3, self.c * x, self.b * x * x) for x in xs]
        terms += [sin(x * self.b) if form == "sin" else exp(-x * x) for x in more]
        return fsum(terms) ** 2 * power + self.b / (1.0 + self.w**2)

    def leaves(self):
        return [self.w, self.b, self.c]


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


class Calls(Machine):
    functions = Machine.functions

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
        slopes = ad.grad(f)([*map(float, xs)], *rest, **call[1]) if len(xs) else []
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
        with ad.no_grad():
            found = f(*call[0], **call[1])
        assert found == close(eager(f.f, *call)[0])
        with ad.detect_anomaly():
            assert f(*call[0], **call[1]) == close(eager(f.f, *call)[0])

    @rule(f=functions)
    def wrong_calls(self, f):
        with pytest.raises(TypeError, match="missing a required argument"):
            f()
        with pytest.raises(TypeError, match="str"):
            f(["a"])
        with suppress(ArithmeticError, ValueError):  # as the Values happen to be
            f([-1e300])


# Batches


class SquaredError:
    """The squared error of a network for one example, and beside it the error and a logarithm with a domain."""

    def __init__(self):
        self.model = MLP(2, [3, 1], "tanh", seed=1)

    def __call__(self, x, y, scale=1.0):
        error = self.model(list(x)) - y["target"]
        return error * error * scale, {"error": error, "log": [ad.log(scale), 2.0]}

    def leaves(self):
        return self.model.parameters()


FORMS = {  # of the rows of X; each y is a dict
    "lists": lambda X: X.tolist(), "tuples": lambda X: tuple(map(tuple, X.tolist())), "array": lambda X: X,
    "columns": lambda X: np.asfortranarray(X), "every second": lambda X: np.repeat(X, 2, axis=0)[::2],
    "reversed": lambda X: X[::-1].copy()[::-1], "read-only": lambda X: (X.flags.__setattr__("writeable", False), X)[1],
    "list of arrays": lambda X: list(X), "transposed": lambda X: np.ascontiguousarray(X.T).T,
}  # fmt: skip


@st.composite
def batches(draw):
    """The arguments of a call, and the examples in them."""
    rows = draw(st.lists(st.tuples(numbers(), numbers(), numbers()), min_size=1, max_size=5))
    scale = draw(st.none() | st.sampled_from([0.5, 1, 2.0, np.float32(0.25)]))
    X = FORMS[draw(st.sampled_from(sorted(FORMS)))](np.array([row[:2] for row in rows]))
    keywords = {} if scale is None else {"scale": scale}
    examples = [(list(row[:2]), {"target": row[2]}, 1.0 if scale is None else float(scale)) for row in rows]
    return (X, [y for _, y, _ in examples]), keywords, examples


class Batches(Machine):
    functions = Machine.functions

    @initialize(target=functions)
    def begin(self):
        f = SquaredError()
        return compile(f, batched=("x", "y"), has_aux=True, wrt=f.leaves(), backend=self.backend)

    def known(self, f, examples):
        """The mean, its gradient by the parameters, and the error of each example, by the eager engine."""
        found = [f.f(*example) for example in examples]
        value = sum((loss for loss, _ in found), 0.0) / len(found)
        return value.data, gradients(value, f.f.leaves()), [aux["error"].data for _, aux in found]

    def check(self, f, found, examples):
        (value, aux), (wanted, _, errors) = found, self.known(f, examples)
        assert value == close(wanted)
        assert list(aux["error"]) == close(errors)
        assert list(aux["log"][0]) == close([np.log(examples[0][2])] * len(examples))
        assert list(aux["log"][1]) == [2.0] * len(examples)

    @rule(f=functions, batch=batches())
    def value(self, f, batch):
        args, keywords, examples = batch
        self.check(f, f(*args, **keywords), examples)

    @rule(f=functions, batch=batches())
    def backward(self, f, batch):
        args, keywords, examples = batch
        before = [parameter.grad for parameter in f.f.leaves()]
        self.check(f, f.backward(*args, **keywords), examples)
        slopes = self.known(f, examples)[1]
        found = [parameter.grad for parameter in f.f.leaves()]
        assert found == close([a + b for a, b in zip(before, slopes, strict=True)])

    @rule(f=functions, batch=batches(), theta=st.lists(numbers(), min_size=13, max_size=13))
    def at_a_vector(self, f, batch, theta):
        args, keywords, examples = batch
        value, gradient = f.value_and_grad_at(np.array(theta), *args, **keywords)
        f.write(np.array(theta))
        self.check(f, value, examples)
        assert gradient.tolist() == close(self.known(f, examples)[1])

    @rule(f=functions, batch=batches())
    def by_the_examples(self, f, batch):
        args, keywords, examples = batch
        given = np.array(args[0]).tolist()
        (value, _), slopes = f.value_and_grad(*args, **keywords)
        assert np.array(args[0]).tolist() == given  # what is given stays
        shifted = [([x + 1e-6 * (i == 0) for x in xs], y, scale) for i, (xs, y, scale) in enumerate(examples)]
        moved = f(*[[list(xs) for xs, _, _ in shifted], args[1]], **keywords)[0]
        assert (moved - value) / 1e-6 == pytest.approx(float(np.sum(slopes[0])), rel=1e-3, abs=1e-4)
        assert type(slopes) is type(args[0])

    @rule(f=functions, batch=batches())
    def in_threads(self, f, batch):
        args, keywords, examples = batch
        for found in in_threads(*[partial(f, *args, **keywords)] * 3):
            self.check(f, found, examples)

    @rule(f=functions, batch=batches())
    def errors(self, f, batch):
        (X, y), _, _ = batch
        with pytest.raises(ValueError, match="log is defined for x > 0"):
            f(X, y, scale=-1.0)
        with pytest.raises(ValueError, match="batches of one length"):
            f(X, [*y, y[0]])
        with pytest.raises(TypeError, match="missing a required argument"):
            f(X)
        with pytest.raises(ValueError, match="holds no examples"):
            f(X[:0], [])
        with pytest.raises(TypeError, match="takes real numbers"):
            f(X, [{"target": "a"}] * len(y))

    @rule(f=functions, number=numbers(), which=st.integers(0, 12))
    def assign(self, f, number, which):
        f.f.leaves()[which].data = number

    @rule(f=functions, other=functions)
    def load(self, f, other):
        f.f.model.load_state_dict(other.f.model.state_dict())

    @rule(f=functions)
    def step(self, f):
        SGD(f.f.leaves(), lr=0.01).step()
        f.f.model.zero_grad()


@pytest.mark.parametrize("name", [*BACKENDS, "auto"])
@pytest.mark.parametrize("machine", [Calls, Batches])
def test_any_sequence_of_calls_gives_what_the_function_gives(machine, name):
    machine = type(machine.__name__, (machine,), {"backend": name})
    run_state_machine_as_test(machine, settings=settings(max_examples(10), stateful_step_count=15))
