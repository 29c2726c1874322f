"""Fingerprints of functions: a journal's results are those of one function, in whatever form it comes."""

import gc
import itertools
import math
import operator
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd import Constant, Value, compile, grad, hvp, jacobian, scope
from nn.sweeping._fingerprint import fingerprint
from tests.trajectories import OPTIMIZERS

ROOT = Path(__file__).parents[3]


def train(seed, width=8):
    return seed * width


def other(seed, width=8):
    return seed + width


class Trainer:
    def __init__(self, width):
        self.width, self.lock = width, threading.Lock()

    def __call__(self, seed):
        return seed * self.width

    def half(self, seed):
        return seed * self.width / 2

    def twice(self, seed):
        return seed * self.width * 2


class Slotted:
    __slots__ = ("width",)

    def __init__(self, width):
        self.width = width

    __call__ = Trainer.__call__


@dataclass
class Data:
    width: int

    def __call__(self, seed):
        return seed * self.width


def around(width):
    return lambda seed: (width, seed)


def by_default(width):
    return lambda seed, width=width: seed * width


def by_keyword(width):
    return lambda seed, *, width=width: seed * width


def of_a_class_of_its_own(held):
    class Local:
        width = held

        def __call__(self, seed):
            return seed * self.width

    return Local()


def one_of(*words):
    return lambda seed: seed in {"tanh", "relu", *words}


def calling_itself(width):
    def f(seed):
        return width if seed == 0 else f(seed - 1)

    return f


HELD = hvp(train)
KINDS = {  # each of functions of one name, which differ
    "partial": lambda: [partial(train, width=8), partial(train, width=16), partial(train, 8), partial(other, width=8)],
    "partial of a partial": lambda: [partial(partial(train, 1), width=w) for w in (8, 16)],
    "lambda of a scope": lambda: [lambda x: x, lambda x: x + 1, lambda x: x + 2, lambda x: x + 1.0, lambda x: -x],
    "names": lambda: [lambda x: math.sin(x), lambda x: math.cos(x), lambda x: x.sin],
    "order of arguments": lambda: [lambda x, y: x - y, lambda y, x: y - x, lambda *x: x, lambda **x: x],
    "inner functions": lambda: [lambda x: (lambda y: y + 1)(x), lambda x: (lambda y: y + 2)(x)],
    "instances": lambda: [Trainer(8), Trainer(16)],
    "instances with slots": lambda: [Slotted(8), Slotted(16)],
    "dataclasses": lambda: [Data(8), Data(16)],
    "bound methods": lambda: [Trainer(8).half, Trainer(16).half, Trainer(8).twice, Trainer(16).twice],
    "methods of built-in objects": lambda: ["a".join, "b".join, [1].index, [2].index],
    "defaults": lambda: [by_default(8), by_default(16)],
    "defaults of keywords": lambda: [by_keyword(8), by_keyword(16)],
    "local classes": lambda: [of_a_class_of_its_own(8), of_a_class_of_its_own(16)],
    "classes of one name": lambda: [
        type("Same", (), {"__call__": call})() for call in (lambda self, x: x, lambda self, x: -x)
    ],
    "caches": lambda: [cache(around(8)), cache(around(16))],
    "recursive functions": lambda: [calling_itself(8), calling_itself(16)],
    "sets": lambda: [one_of("elu"), one_of("gelu"), one_of("elu", "gelu")],
    "compiled functions": lambda: [compile(lambda x: x * x), compile(lambda x: x * x * x)],
    "derivatives": lambda: [
        *(grad(train), grad(train, 1), grad(other), jacobian(train), HELD, hvp(lambda x: x * x), hvp(lambda x: x))
    ],
    "operators": lambda: [operator.itemgetter(1), operator.itemgetter(2)],
    "held values": lambda: list(
        map(
            around,
            [
                *(8, 16, 8.0, True, "8", b"8", None, 10**5000, -0.0, 0.0, math.nan, [8], [16], [8, [16]], (8,)),
                *({8: 16}, {16: 8}, {"a", "b"}, {"a", "c"}, frozenset("ab"), Path("a"), Path("b"), range(8), math, os),
                *(np.arange(8), np.arange(16), np.arange(8.0), np.float32(8), np.array([8, None])),
                *(train, other, around(8), around(16), Trainer(8), Trainer(16), Trainer, Data(8), partial(train, 8)),
                *(nn.MLP(1, [1], seed=1), nn.MLP(1, [1], seed=2), nn.datasets.xor(), nn.Adam([nn.Neuron(1).b])),
            ],
        )
    ),
}


def fingerprints():
    return [f"{name} {fingerprint(f)}" for name, made in KINDS.items() for f in made()]


def test_functions_that_differ_have_different_fingerprints_and_equal_ones_the_same():
    found = fingerprints()
    assert sorted(set(found)) == sorted(found)
    gc.collect()
    assert fingerprints() == found
    assert fingerprint(HELD) == fingerprint(hvp(train))


@pytest.mark.thorough
def test_fingerprints_are_those_of_every_process():
    code = "from tests.nn.sweeping import test_fingerprint as f; print(*f.fingerprints(), sep=chr(10))"
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "text": True, "check": True}
    environments = [{**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "2")]
    told = [subprocess.run([sys.executable, "-c", code], env=env, **options).stdout for env in environments]
    assert told[0] == told[1]
    assert len(told[0].splitlines()) == len(fingerprints())


def square(x):
    return x * x


def of_the_package():
    """Return functions that hold what the package makes, by names."""
    x, model = Value(2.0, label="x"), nn.MLP(1, [2, 1], seed=1)
    with scope("square"):
        y = x * x
    optimizers = [getattr(nn, name)(model.parameters(), **options) for name, options in OPTIMIZERS.values()]
    held = [x, y, [x, Value(1.0)], Constant(2.0), y.detach(), model, model([1.0]), *map(compile, (square, y, model))]
    held += [*optimizers, grad(square), hvp(compile(square)), nn.schedules.Cosine(0.1, steps=10), nn.datasets.xor()]
    return [partial(train, thing) for thing in held]


def test_fingerprints_do_not_tell_what_ran_before():
    before = [fingerprint(f) for f in of_the_package()]
    grad(square)(2.0), compile(square)(2.0)
    nn.fit(nn.MLP(1, [1]), [[0.0], [1.0]], [0.0, 1.0], loss=nn.mse, epochs=2)
    with scope("another"):
        after = of_the_package()
        Value(1.0).data = 2.0
        assert [fingerprint(f) for f in after] == before
        assert len(before) == len(set(before))


def trained(model, lr):
    grad(square)(lr)
    return model([lr]).data


def test_journal_is_that_of_a_model_made_after_another_sweep_which_is_done_later(tmp_path):
    for rates in ([0.1], [0.1, 0.2]):  # of the first member nothing runs the second time
        for width in (2, 3):
            f = partial(trained, nn.MLP(1, [width, 1], seed=1))
            assert len(nn.sweep(f, {"lr": rates}, resume=tmp_path / f"{width}.jsonl").results) == len(rates)


def test_what_holds_itself_has_a_fingerprint():
    numbers = []
    numbers.append(numbers)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert len({fingerprint(around(held)) for held in (numbers, deep, [])}) == 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("held values", "operators")])
def test_journal_of_one_function_is_not_another_s(kind, tmp_path):
    for one, another in itertools.permutations(KINDS[kind](), 2):
        journal = tmp_path / "sweep.jsonl"
        with journal.open("w", encoding="utf-8") as file:
            file.write(f'{{"sweep": "{fingerprint(one)}"}}\n{{"arguments": {{"x": 1}}, "result": 7}}\n')
        assert nn.sweep(one, {"x": [1]}, resume=journal).results == [7]
        with pytest.raises(ValueError, match=r"has the results of .*, and this is a sweep of .*; name another file"):
            nn.sweep(another, {"x": [1]}, resume=journal)


def test_journal_of_an_earlier_version_is_an_error(tmp_path):
    journal = tmp_path / "sweep.jsonl"
    journal.write_text(f'{{"sweep": "{__name__}.train"}}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="code or values are not what they were; name another file"):
        nn.sweep(train, {"seed": [1]}, resume=journal)


def test_function_that_its_own_calls_change_goes_on(tmp_path):
    calls, count = [], itertools.count()

    def f(x):
        calls.append((x, next(count)))
        return x

    class Counter:
        def __init__(self):
            self.calls = 0

        def __call__(self, x):
            self.calls += 1
            return x

    counter = Counter()
    for number in (2, 3, 4):
        assert nn.sweep(f, {"x": range(number)}, resume=tmp_path / "f").results == [*range(number)]
        assert nn.sweep(counter, {"x": range(number)}, resume=tmp_path / "counter").results == [*range(number)]
    assert (len(calls), counter.calls) == (4, 4)
    calls.append("by hand")
    with pytest.raises(ValueError, match="this is a sweep of"):
        nn.sweep(f, {"x": [1]}, resume=tmp_path / "f")


def test_tensors_are_known_by_their_numbers():
    torch = pytest.importorskip("torch")
    first, equal, other = (around(torch.tensor(numbers)) for numbers in ([8.0, 16.0], [8.0, 16.0], [16.0, 8.0]))
    assert fingerprint(first) == fingerprint(equal) != fingerprint(other)
    assert fingerprint(around(torch.tensor([8, 16]))) != fingerprint(first)
