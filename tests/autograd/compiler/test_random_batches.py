"""Sequences of calls to one batched function of a model: batches of any form, errors and assignments in between."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from autograd import compile, gradients, log
from autograd.compiler.backends import BACKENDS
from autograd.testing import numbers
from nn import MLP, SGD
from tests.hypothesis_profiles import max_examples
from tests.threads import in_threads

AGAIN = st.sampled_from([copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])


class SquaredError:
    """The squared error of a network for one example, and beside it the error and a logarithm with a domain."""

    def __init__(self):
        self.model = MLP(2, [3, 1], "tanh", seed=1)

    def __call__(self, x, y, scale=1.0):
        error = self.model(list(x)) - y["target"]
        return error * error * scale, {"error": error, "log": [log(scale), 2.0]}


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


class Batches(RuleBasedStateMachine):
    backend = "auto"
    functions = Bundle("functions")

    @initialize(target=functions)
    def begin(self):
        f = SquaredError()
        return compile(f, batched=("x", "y"), has_aux=True, wrt=f.model.parameters(), backend=self.backend)

    def known(self, f, examples):
        """The mean, its gradient by the parameters, and the error of each example, by the eager engine."""
        found = [f.f(*example) for example in examples]
        value = sum((loss for loss, _ in found), 0.0) / len(found)
        return value.data, gradients(value, f.f.model.parameters()), [aux["error"].data for _, aux in found]

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
        before = [parameter.grad for parameter in f.f.model.parameters()]
        self.check(f, f.backward(*args, **keywords), examples)
        slopes = self.known(f, examples)[1]
        found = [parameter.grad for parameter in f.f.model.parameters()]
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
        f.f.model.parameters()[which].data = number

    @rule(f=functions, other=functions)
    def load(self, f, other):
        f.f.model.load_state_dict(other.f.model.state_dict())

    @rule(f=functions)
    def step(self, f):
        SGD(f.f.model.parameters(), lr=0.01).step()
        f.f.model.zero_grad()

    @rule(f=functions)
    def clear(self, f):
        f.clear()

    @rule(target=functions, f=functions, again=AGAIN)
    def again(self, f, again):
        made = again(f)
        assert made.f.model.state_dict() == f.f.model.state_dict()
        return made


def close(wanted):
    return pytest.approx(wanted, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("name", [*BACKENDS, "auto"])
def test_any_sequence_of_batches_gives_what_the_function_gives(name):
    machine = type("Batches", (Batches,), {"backend": name})
    run_state_machine_as_test(machine, settings=settings(max_examples(10), stateful_step_count=12))
