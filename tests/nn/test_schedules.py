"""Schedules: their rates by hand and at their ends (test_training_beside_torch.py has PyTorch's)."""

import copy
import math
import pickle
import re

import numpy as np
import pytest

from nn import schedules
from nn.schedules import Constant, Cosine, Exponential, Schedule, Step
from tests.errors import error_of

SAMPLES = [Constant(0.5), Step(0.5, every=3), Exponential(0.5, 0.9), Cosine(0.5, steps=100)]


RATES = [
    (Constant(0.5), [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
    (Step(0.8, every=2, factor=0.5), [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]),
    (Step(1.0, every=1), [1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5]),
    (Exponential(0.8, 0.5), [0.8, 0.4, 0.2, 0.1, 0.05, 0.025]),
    (Cosine(1.0, steps=4), [1.0, (2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4, 0.0, 0.0]),
    (Cosine(1.0, steps=2, minimum=0.5), [1.0, 0.75, 0.5, 0.5, 0.5, 0.5]),
    (Constant(0.4, warmup=3), [0.1, 0.2, 0.3, 0.4, 0.4, 0.4]),
    (Step(0.8, every=2, factor=0.5, warmup=1), [0.4, 0.8, 0.8, 0.4, 0.4, 0.2]),
    (Exponential(0.9, 0.5, warmup=2), [0.3, 0.6, 0.9, 0.45, 0.225, 0.1125]),
    (Cosine(0.9, steps=4, warmup=2), [0.3, 0.6, 0.9, 0.45, 0.0, 0.0]),
]


def test_rates_by_hand():
    for schedule, rates in RATES:
        assert [schedule(t) for t in range(6)] == pytest.approx(rates, rel=1e-15, abs=1e-16), schedule


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_rates_never_grow_and_never_fall_below_zero(schedule):
    rates = [schedule(t) for t in range(300)]
    assert rates == sorted(rates, reverse=True)
    assert 0.0 <= rates[-1] <= rates[0] == 0.5
    assert 0.0 <= schedule(10**9) <= 0.5


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_warm_up_is_a_line_that_meets_the_schedule_at_lr_before_it(schedule):
    kind, options = type(schedule), {name: x for name, x in vars(schedule).items() if name not in ("lr", "warmup")}
    for warmup in (1, 2, 7, 50):
        warmed = kind(0.5, **options, warmup=warmup)
        rates = [warmed(t) for t in range(warmup + 1)]
        assert np.diff([0.0, *rates]) == pytest.approx([0.5 / (warmup + 1)] * (warmup + 1), rel=1e-12)
        assert rates[-1] == 0.5
        if kind is not Cosine:  # whose steps count the warm-up
            assert [warmed(warmup + t) for t in range(50)] == [schedule(t) for t in range(50)]


@pytest.mark.parametrize("schedule", SAMPLES, ids=repr)
def test_schedules_are_numbers_with_a_formula(schedule):
    for twin in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule)), eval(repr(schedule), vars(schedules))):
        assert twin == schedule != type(schedule)(**{**vars(schedule), "lr": 0.25})
        assert twin(7) == schedule(7)
        with pytest.raises(AttributeError):
            twin.lr = 1.0


def test_schedule_of_ones_own_has_a_warm_up_too_and_whole_numbers_may_be_numpys():
    class Inverse(Schedule):
        def after(self, t):
            return self.lr / (1 + t)

    assert [Inverse(0.6, warmup=1)(t) for t in range(4)] == pytest.approx([0.3, 0.6, 0.3, 0.2])
    assert Step(np.float32(0.5), every=np.int64(2), warmup=np.int8(0))(2) == pytest.approx(0.05)
    with pytest.raises(NotImplementedError, match=r"^Schedule defines no after\(self, t\)$"):
        Schedule(0.1)(0)


OUT_OF_RANGE = [
    (lambda: Constant(0.0), r"^ValueError: lr, the learning rate, is above 0 and finite, got 0\.0"),
    (lambda: Exponential(-1.0, 0.5), r"^ValueError: lr, the learning rate, is above 0 and finite, got -1\.0"),
    (lambda: Constant("0.1"), r"^TypeError: lr takes a real number, got a str: '0\.1'; convert it first"),
    (lambda: Constant(0.1, warmup=-1), r"^ValueError: warmup is a whole number of steps, 0 or more, got -1"),
    (lambda: Constant(0.1, warmup=2.5), r"^TypeError: warmup is a whole number of steps, 0 or more, got a float: 2\.5"),
    (lambda: Step(0.1, every=0), r"^ValueError: every is a whole number of steps, 1 or more, got 0"),
    (lambda: Step(0.1, 5, factor=2.0), r"^ValueError: factor, by which the rate shrinks, .* at most 1, got 2\.0"),
    (lambda: Exponential(0.1, 0.0), r"^ValueError: factor, by which the rate shrinks, is above 0 .*, got 0\.0"),
    (lambda: Exponential(0.1, math.nan), r"^ValueError: factor, by which the rate shrinks, .*, got nan"),
    (lambda: Cosine(0.1, steps=0), r"^ValueError: steps is a whole number of steps, 1 or more, got 0"),
    (lambda: Cosine(0.1, steps=9, warmup=9), r"^ValueError: steps counts the warm-up too, so it is above 9, got 9"),
    (lambda: Cosine(0.1, 9, minimum=0.2), r"^ValueError: minimum is a learning rate from 0 to lr, 0\.1, got 0\.2"),
    (lambda: Cosine(0.1, 9, minimum=-0.1), r"^ValueError: minimum is a learning rate from 0 to lr, .* got -0\.1"),
]


def test_numbers_out_of_range_are_errors_that_name_them():
    for make, message in OUT_OF_RANGE:
        assert re.search(message, error_of(make)), message
