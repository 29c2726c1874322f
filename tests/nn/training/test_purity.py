"""Pure functions: metrics that surely depend on their arguments alone."""

import math
import sys
from functools import lru_cache, partial, wraps
from types import ModuleType

import numpy as np
import pytest
from numpy import mean
from numpy.linalg import norm
from scipy.special import erf

import nn
from autograd import Value, compile, grad, operation, sigmoid
from nn import mae, mse
from nn.training._purity import is_pure
from nn.training.judging import LOSSES, metric_of

MODEL = Value(1.0)
SETTINGS = ModuleType("settings")
SETTINGS.model = MODEL
NOTHING, LATER, LIMITS = None, [], [1.0, (2.0, {"a": 3})]


class Judge:
    model = MODEL

    def __call__(self, outputs, targets):
        return self.model

    @classmethod
    def of_class(cls, outputs, targets):
        return cls.model

    @staticmethod
    def static(outputs, targets):
        return MODEL


def by_default(outputs, targets, model=MODEL):
    return model


def by_keyword(outputs, targets, *, model=MODEL):
    return model


def by_import(outputs, targets):
    from tests.nn.training import test_purity

    return test_purity.MODEL


def by_attribute(outputs, targets):
    return by_attribute.model


by_attribute.model = MODEL
by_helper = lru_cache(lambda: MODEL)


def unset():
    """Return a function of a variable that has no value yet."""
    metric = lambda outputs, targets: model
    if LATER:
        model = MODEL
    return metric


def difference(outputs, targets):
    return abs(outputs[0] - targets[0])


@wraps(mae)
def wrapper(outputs, targets):
    return MODEL


IMPURE = {  # metrics that may look at a model
    "closure": (lambda model: lambda o, t: model)(MODEL),
    "global variable": lambda o, t: MODEL,
    "variable of a module": lambda o, t: SETTINGS.model,
    "variable that is not there yet": lambda o, t: best_model,  # noqa: F821
    "variable that is None yet": lambda o, t: NOTHING,
    "list that is empty yet": lambda o, t: LATER,
    "cell that is empty yet": unset(),
    "another function": lambda o, t: by_default(o, t),
    "cached function": lambda o, t: by_helper(),
    "compiled function": (lambda call: lambda o, t: call([1.0, 2.0]))(compile(lambda x: MODEL * x[0])),
    "derivative": (lambda slope: lambda o, t: slope([1.0, 2.0]))(grad(lambda x: MODEL * x[0])),
    "own operation": operation("looking", lambda x: MODEL.data * x, lambda y, x: 1.0),
    "function within": lambda o, t: [(lambda: MODEL)() for _ in o],
    "default": by_default, "default of a keyword": by_keyword, "import": by_import, "attribute": by_attribute,
    "partial": partial(lambda model, o, t: 0.0, MODEL), "partial of a keyword": partial(by_keyword, model=MODEL),
    "list": (lambda parts: lambda o, t: parts)([1.0, MODEL]), "dict": (lambda parts: lambda o, t: parts)({1: MODEL}),
    "array": (lambda array: lambda o, t: array)(np.array([MODEL])),
    "instance": Judge(), "method": Judge().__call__, "method of a class": Judge.of_class, "static": Judge.static,
    "class": lambda o, t: Judge.model, "instance made within": lambda o, t: Judge()(o, t),
    "by its name": lambda o, t: globals()["MODEL"], "by a text": lambda o, t: eval("MODEL"),
    "modules": lambda o, t: sys.modules[__name__].MODEL,
    "method of a list": (lambda add: lambda o, t: add(o))(LATER.append),
    "wrapper": wrapper,
    "vectorized": (lambda f: lambda o, t: f(o))(np.vectorize(lambda o: MODEL)),
    "ufunc of a function": (lambda f: lambda o, t: f(o))(np.frompyfunc(lambda o: MODEL, 1, 1)),
}  # fmt: skip
PURE = {
    "none": lambda o, t: 0.0, "of nn": nn.accuracy, "partial": partial(nn.huber, delta=0.3),
    "of outputs": lambda o, t: max(abs(a - b) for a, b in zip(o, t)),
    "by NumPy": lambda o, t: float(np.mean(np.abs(np.array(o) - np.array(t)))),
    "by a ufunc": lambda o, t: float(np.hypot(o[0], t[0])), "by a ufunc of SciPy": lambda o, t: float(erf(o[0])),
    "by a function of a part of NumPy": lambda o, t: float(norm(o)),
    "by a function of NumPy": lambda o, t: np.float64(mean(o)) + mean(t),
    "by a loss": lambda o, t: math.sqrt(mse(o, t)), "by a row": lambda o, t: sigmoid(o[0]),
    "by numbers": lambda o, t: LIMITS, "by an array": (lambda array: lambda o, t: array @ o)(np.eye(2)),
    "by another function": lambda o, t: difference(o, t), "by a default": lambda o, t, limit=1.0: limit,
    "by a name of an attribute": lambda o, t: o[0].MODEL,
}  # fmt: skip


@pytest.mark.parametrize("name", IMPURE)
def test_function_that_may_look_at_something_else_is_not_pure(name):
    assert not is_pure(IMPURE[name])


@pytest.mark.parametrize("name", PURE)
def test_function_of_its_arguments_is_pure(name):
    assert is_pure(PURE[name])


@pytest.mark.parametrize("function", [*LOSSES, *dict.fromkeys(filter(None, map(metric_of, LOSSES)))])
def test_losses_and_metrics_of_nn_are_pure(function):
    assert is_pure(function)
