"""What tests of the compiler compare with, and how: the eager engine's numbers and errors, and copies."""

import math
import pickle

import numpy as np
import pytest

from autograd import Value, compile, gradients, value_and_grad
from autograd.functions import flatten
from autograd.rules.expression import COMPARISONS


def function_of(row):
    """A row as a function of a list, by which it has a derivative: a comparison alone has none."""
    return (lambda xs: row.apply(xs) * 1.0) if row in COMPARISONS else row.apply


def eager(f, xs):
    """The value and the gradient of a function of a list, in one list."""
    leaves = [Value(x) for x in xs]
    y = f(leaves)
    return [y.data, *gradients(y, leaves)]


def outcome(f, *arguments):
    """What a function returns, or the type and the text of its error."""
    try:
        return f(*arguments)
    except (ValueError, ArithmeticError, RuntimeError) as error:
        return type(error), str(error)


def assert_as_eager(f, points, rel=1e-12, least=1e-300):
    """Hold f, compiled alone and for a batch of all points, against its eager values and gradients."""
    plain, batched, rows = compile(f), compile(lambda x: f(x), batched="x"), np.array(points)
    found = zip(batched.each(rows).tolist(), len(points) * batched.value_and_grad(rows)[1], strict=True)
    for x, (y, slopes) in zip(points, found, strict=True):
        wanted = pytest.approx(flatten(value_and_grad(f)(x))[0], rel=rel, abs=least, nan_ok=True)
        assert flatten(plain.value_and_grad(x))[0] == wanted, x
        assert [y, *np.ravel(slopes)] == wanted, x


def is_close(found, wanted, rel=1e-12):
    """Whether two numbers are the same up to rounding; one that is not defined is the same as another."""
    return found == wanted or (found != found and wanted != wanted) or math.isclose(found, wanted, rel_tol=rel)


def plain(result):
    """A result whose arrays are lists, wherever they are nested."""
    if isinstance(result, dict):
        return {key: plain(part) for key, part in result.items()}
    if isinstance(result, (list, tuple)):
        return type(result)(map(plain, result))
    return result.tolist() if isinstance(result, np.ndarray) else result


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))
