"""Nested arguments: a structure that was met before makes no difference to results and errors, and costs no new one."""

from collections import OrderedDict

import numpy as np
import pytest

from autograd import Value, compile
from autograd.compiler.backends import BACKENDS
from autograd.functions import structure
from autograd.functions.structure import flatten
from tests.autograd.functions.nested import CONTAINERS, Pair, array_of, data, same
from tests.errors import error_of

NESTINGS = CONTAINERS | {
    "list": lambda a, b, c: [a, b, c],
    "tuple": lambda a, b, c: (a, b, c),
    "dict": lambda a, b, c: {"w": a, 3: b, True: c},
    "ordered dict": lambda a, b, c: OrderedDict(w=a, v=[b, c]),
    "list of lists": lambda a, b, c: [[a, b], [c]],
    "tuple of lists": lambda a, b, c: ([a], [b, c]),
    "list of dicts": lambda a, b, c: [{"w": [a, b], "b": c}, {"w": [c, b], "b": a}],
    "dict of lists of lists": lambda a, b, c: {"u": [a], "w": [[a, b], [b, c]], "v": []},
    "matrix": lambda a, b, c: [[a, b, c]] * 9,
    "points": lambda a, b, c: [(a, b), (b, c), (a, c), (c, c), (b, b), (a, a), (c, a)],
    "arrays": lambda a, b, c: {"w": np.ones((2, 1)), "b": [array_of(a, b), c]},
    "named tuple": lambda a, b, c: Pair([a, b], c),
}  # fmt: skip
MIXTURES = {
    "floats": (1.5, -2.5, 3.5), "integers": (1, -2, 3), "truths": (True, False, True), "zeros": (0.0, -0.0, 0),
    "of Python": (1, 2.5, True), "beyond floats": (1.5, 10**400, 2.5), "large": (2**53 + 1, 2**63, 2**70),
    "nan": (1.5, float("nan"), float("inf")), "Values": (Value(1.5), Value(2.5), Value(3.5)),
    "a Value": (1.5, Value(2.5), 2), "text": (1.5, "a", 2.5), "complex": (1.5, 2j, 2.5), "none": (1.5, None, 2.5),
    "a list": (1.5, [2.5], 3.5), "no list": (1.5, [], 2.5), "an array": (1.5, np.array([2.5]), 3.5),
    "array of shape ()": (1.5, np.array(2.5), 3.5), "duration": (1.5, np.timedelta64(1, "s"), 2.5),
    "of all kinds": (np.float32(0.1), np.int8(3), 1.5),
    **{kind.__name__: (kind(1), kind(0), kind(1))
       for kind in (np.float64, np.float32, np.float16, np.longdouble, np.int64, np.uint8, np.bool_)},
}  # fmt: skip


def energy(x):
    return sum((k * n * n for k, n in enumerate(flatten(x)[0], start=1)), 0.0)


def outcome(call, *arguments):
    """What a call returns, its numbers and their nesting, or its error."""
    try:
        numbers, nesting = flatten(call(*arguments))
        return repr([getattr(number, "data", number) for number in numbers]), nesting
    except (TypeError, ValueError, ArithmeticError):
        return error_of(call, *arguments)


@pytest.mark.parametrize("make", NESTINGS.values(), ids=NESTINGS)
def test_structure_met_before_makes_no_difference(make):
    plain = make(0.5, 1.5, 2.5)
    used, used_in_batches = compile(energy), compile(energy, batched="x")
    for name, numbers in MIXTURES.items():
        argument = make(*numbers)
        used(plain), used_in_batches.each([plain, plain])
        assert outcome(used, argument) == outcome(compile(energy), argument), name
        used(plain)
        found = outcome(used.value_and_grad, argument)
        assert found == outcome(compile(energy).value_and_grad, argument), name
        found = outcome(used_in_batches.value_and_grad, [plain, argument])
        assert found == outcome(compile(energy, batched="x").value_and_grad, [plain, argument]), name


@pytest.mark.parametrize("make", NESTINGS.values(), ids=NESTINGS)
def test_batch_is_what_its_examples_are_one_by_one(make):
    f, each = compile(energy), compile(energy, batched="x").each
    for name, numbers in MIXTURES.items():
        examples = [make(0.5, 1.5, 2.5), make(*numbers), make(2, 1.5, True)]
        if error_of(f, examples[1]) or flatten(examples[0])[1] != flatten(examples[1])[1]:
            assert error_of(each, examples), name
        else:
            assert same([*each(examples)], data([*map(f, examples)]), 1e-12), name


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_keys_in_another_order_or_of_another_type_are_keys_of_their_own(kind):
    of_first = compile(lambda x: next(iter(x.values())) + 10.0 * type(next(iter(x))).__name__.startswith("b"))
    for pairs in ([(1, 2.0), ("a", 3.0)], [("a", 3.0), (1, 2.0)], [(True, 2.0), ("a", 3.0)], [(1.0, 2.0), ("a", 3.0)]):
        for _ in range(3):
            assert of_first(kind(pairs)) == pairs[0][1] + 10.0 * (pairs[0][0] is True)
    equal = kind([("".join(["long ", "key"]), 4.0)])  # which is not the same string
    assert [of_first(kind([("long key", 3.0)])), of_first(equal), of_first(equal)] == [3.0, 4.0, 4.0]


@pytest.mark.sample(3)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", NESTINGS.values(), ids=NESTINGS)
def test_structure_met_before_is_not_made_again(make, backend, monkeypatch):
    f, batched = compile(energy, backend=backend), compile(energy, backend=backend, batched="x")
    examples = [make(x, x + 1.0, x + 2.0) for x in (0.5, 1.5, 2.5, 3.5)]
    wanted = [*map(f, examples)], f.value_and_grad(examples[0])
    batched.each(examples)
    visits = []
    visit = structure._visit
    monkeypatch.setattr(structure, "_visit", lambda *given: visits.append(given) or visit(*given))
    again = [*map(f, examples)], f.value_and_grad(examples[0])
    assert not visits
    assert list(batched.each(examples)) == pytest.approx(wanted[0], rel=1e-12)
    assert len(visits) <= 1
    monkeypatch.undo()
    assert same(again, wanted)
