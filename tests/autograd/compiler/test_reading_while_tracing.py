"""Reading a number while a function is traced: what would stay as it is in the first call is an error."""

import copy
import math
import pickle
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import autograd as ad
from autograd import Value, compile, evaluate, grad
from autograd.compiler import TraceError

READERS = {
    "equal": lambda x: x[0] if x[0] == 1.0 else 2.0 * x[0],
    "equal to a whole number": lambda x: x[0] if x[1] == 2 else 2.0 * x[0],
    "equal from the right": lambda x: x[0] if 1.0 == x[0] else 2.0 * x[0],  # noqa: SIM300  # which is asked of the right one
    "unequal": lambda x: x[0] if x[0] != 1.0 else 2.0 * x[0],
    "equal arguments": lambda x: x[0] if x[0] == x[1] else 2.0 * x[0],
    "equal to a number of NumPy": lambda x: x[0] if x[0] == np.int64(1) else 2.0 * x[0],
    "in a tuple": lambda x: x[0] if x[0] in (0.0, 1.0) else 2.0 * x[0],
    "counted": lambda x: x[0] * [1.0, 2.0, 1.0].count(x[0]),
    "found": lambda x: x[0] * [1.0, 2.0].index(x[0]),
    "an array": lambda x: x[0] * np.equal(np.array([*x], dtype=object), 1.0).sum(),
    "copied": lambda x: copy.copy(x[0]) * 2.0,
    "deeply copied": lambda x: copy.deepcopy(x)[0] * 2.0,
    "pickled": lambda x: pickle.loads(pickle.dumps(x[0])) * 2.0,
    "evaluated": lambda x: evaluate(x[0] * 2.0, {}) * x[0],
}


@pytest.mark.parametrize("name", READERS)
def test_number_of_the_first_call_is_not_read_in_silence(name):
    for f in (READERS[name], grad(READERS[name])):
        program = compile(f)
        with pytest.raises(TraceError, match=r"in a compiled function would stay as it is in this first call"):
            program([1.0, 2.0])


def test_what_is_part_of_the_program_is_read():
    f = lambda x, mode: x * x if mode == 0 else -x
    program = compile(f, static="mode")
    assert [program(3.0, mode) for mode in (0, 1)] == [9.0, -3.0]
    k, others = Value(2.0), [Value(2.0), Value(3.0)]
    assert compile(lambda x: x * (2.0 if k == k else 1.0) * (3.0 if x == None else 1.0))(3.0) == 6.0  # noqa: E711
    assert compile(lambda x: x * ad.fsum([w for w in [k, *others] if w in others]))(2.0) == 10.0
    assert (k == 2.0, k == k, k in [2.0, k]) == (False, True, True)


@dataclass(frozen=True)
class Options:
    number: object


ALIKE = [(0.0, -0.0), (1, True), (1, 1.0), (2, np.float32(2.0)), (Decimal(0), Decimal("-0")), (Fraction(2), 2)]


@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: (x,), Options, lambda x: Options((x, 0)), lambda x: frozenset([x])]
)
def test_static_arguments_that_are_equal_and_not_the_same_have_programs_of_their_own(wrap):
    def f(x, option):
        while not isinstance(option, (int, float, Decimal, Fraction, np.generic)):
            option = option.number if isinstance(option, Options) else next(iter(option))
        return x * (math.copysign(2.0, option) + (type(option).__name__ == "bool") + len(type(option).__name__))

    for one, other in ALIKE:
        program = compile(f, static="option")
        assert [program(3.0, wrap(k)) for k in (one, other, one)] == [f(3.0, wrap(k)) for k in (one, other, one)]
        assert f(3.0, wrap(one)) != f(3.0, wrap(other))
