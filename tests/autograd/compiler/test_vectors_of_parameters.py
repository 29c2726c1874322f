"""Vectors and seeds for a compiled graph, and arrays for n-ary functions: real numbers, each of them there."""

import numpy as np
import pytest

import autograd as ad
from autograd import Value, compile
from tests.errors import error_of

BAD = {
    "a mask": (np.ma.array([5.0], mask=[True]), "masked array"),
    "text": (["5"], "takes a real number, got a str: '5'"),
    "an array of text": (np.array(["5"]), "takes a real number, got a str: '5'"),
    "None": ([None], "takes a real number, got a NoneType"),
    "complex": ([1j], "takes a real number, got a complex"),
    "an array of complex numbers": (np.array([1.0 + 2.0j]), "takes a real number, got a complex"),
    "a Value": ([Value(1.0)], "takes a real number, got a Value"),
    "a date": (np.array(["2020-01-01"], dtype="datetime64[D]"), "takes a real number, got a date"),
    "a duration": (np.array([3], dtype="timedelta64[D]"), "takes a real number, got a timedelta"),
}


@pytest.mark.parametrize("name", BAD)
def test_vector_of_what_are_no_numbers_is_refused_and_changes_nothing(name):
    theta, message = BAD[name]
    w = Value(1.0, "w")
    program = compile(w * 3.0, wrt=[w])
    for call in (program.value_and_grad, program.write):
        with pytest.raises(TypeError, match=message):
            call(theta)
    assert w.data == 1.0
    for number in ([5], np.array([5]), np.array([5.0], dtype="f4"), (True,), [np.float32(5.0)]):
        assert program.value_and_grad(number)[0] == 3.0 * float(number[0])


@pytest.mark.parametrize("seed", ["2", None, 1j, ["2"], np.timedelta64(2, "s")])
def test_seed_is_a_real_number(seed):
    w = Value(1.0)
    program = compile(w * 3.0, wrt=[w])
    program.forward()
    with pytest.raises(TypeError, match="seed takes a real number, got a"):
        program.backward(seed)


FUNCTIONS = [ad.fsum, ad.mean, ad.logsumexp, ad.sin, lambda x: ad.dot(x, x), lambda x: ad.maximum(x, 0.0)]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_masked_arrays_are_refused(f):
    with pytest.raises(TypeError, match=r"masked array lacks numbers: fill it, as \.filled\(0\.0\) does"):
        f(np.ma.array([1.0, 3.0], mask=[False, True]))


def test_numbers_that_are_no_floats_are_compared_exactly_or_refused():
    large = 2**53
    x = Value(float(large))
    assert [x < large + 1, x <= large, x > large - 1, x >= large + 1] == [True, True, True, False]
    assert (x < 10**400, x > 10**400, x > -(10**400)) == (True, False, True)
    for duration in (np.timedelta64(3, "s"), np.timedelta64(3, "D"), np.timedelta64("NaT", "D")):
        assert error_of(Value, duration).startswith("TypeError: Value takes a real number, got a timedelta64")
    with pytest.raises(TypeError, match=r"a list is multiplied element by element: \[w \* x for x in xs\]"):
        Value(2.0) * [1, 2]
