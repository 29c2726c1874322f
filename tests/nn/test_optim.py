"""Optimisers: the steps they take, by hand, both ways, and where PyTorch's end (test_training_beside_torch.py)."""

import copy
import math
import pickle
import re
from inspect import signature

import numpy as np
import pytest

import nn
from autograd import Constant, Value, no_grad
from nn import MLP, SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop, clip_grad_norm
from nn.schedules import Cosine, Exponential, Step
from nn.training.clipping import clipped
from nn.training.optimizer import OPTIONS
from tests.errors import error_of
from tests.trajectories import OPTIMIZERS, RECORDED, SCHEDULES, by_turns, by_values, by_vectors, trajectory

KINDS = [kind for kind in map(vars(nn).get, nn.__all__) if isinstance(kind, type)]
ALL = [kind for kind in KINDS if issubclass(kind, Optimizer) and kind is not Optimizer]
each_optimizer = pytest.mark.parametrize(("kind", "options"), OPTIMIZERS.values(), ids=OPTIMIZERS)


def steps(optimizer, *gradients):
    """Return where the one parameter is after each step with these gradients."""
    (parameter,) = optimizer.parameters
    path = []
    for gradient in gradients:
        parameter.grad = gradient
        optimizer.step()
        path.append(parameter.data)
    return path


def three(kind, **options):
    return getattr(nn, kind)([Value(1.0), Value(2.0), Value(3.0)], **options)


def numbers(optimizer):
    return [p.data for p in optimizer.parameters]


# What a step does


@each_optimizer
def test_no_gradient_is_a_gradient_of_zero(kind, options):
    make = getattr(nn, kind)
    without, zero = (steps(make([Value(3.0)], **options), 1.0, g, 0.5, g) for g in (None, 0.0))
    assert without == zero


def test_step_goes_against_the_sum_of_the_gradients_until_zero_grad():
    w, b, idle = Value(3.0), Value(-1.0), Value(1.5)
    optimizer = SGD([w, b, idle], lr=0.5)
    (w * w).backward()
    (4.0 * b).backward()
    (1.0 * b).backward()
    optimizer.step()
    assert (w.data, b.data, idle.data) == (0.0, -3.5, 1.5)
    assert (w.grad, b.grad) == (6.0, 5.0)
    optimizer.zero_grad()
    assert (w.data, b.data, w.grad, b.grad) == (0.0, -3.5, 0.0, 0.0)


def test_lr_is_a_tenth_if_not_given_and_a_number_or_schedule_may_be_assigned_between_steps():
    optimizer = SGD([Value(1.0)])
    assert (optimizer.lr, steps(optimizer, 1.0)) == (0.1, [0.9])
    optimizer.lr = 0.25
    assert steps(optimizer, 1.0) == [0.65]
    optimizer = SGD([Value(0.0)], lr=1.0)
    steps(optimizer, 1.0, 1.0)
    assert optimizer.rate == 1.0
    optimizer.lr = Cosine(0.5, steps=4)
    assert optimizer.rate == pytest.approx(0.25)
    optimizer.lr = np.float64(0.125)
    assert (optimizer.rate, type(optimizer.rate)) == (0.125, float)
    assert steps(SGD([Value(1.0)], lr=Cosine(0.5, steps=1)), 1.0, 1.0, 1.0) == [0.5, 0.5, 0.5]


def test_parameters_may_come_from_a_generator_or_a_list_that_changes():
    x, y = given = [Value(1.0), Value(2.0)]
    for optimizer in (SGD((p for p in given), lr=0.5), SGD(given, lr=0.5)):
        given.clear()
        x.grad = y.grad = 1.0
        optimizer.step()
        optimizer.step()
        assert (x.data, y.data) == (0.0, 1.0)
        assert optimizer.parameters == [x, y]
        x.data, y.data, given[:] = 1.0, 2.0, [x, y]


def test_graph_built_before_a_step_is_stale_after_it():
    x = Value(1.0, label="x")
    y = x * x
    y.backward()
    SGD([x], lr=0.5).step()
    with pytest.raises(RuntimeError, match="the leaf x was changed"):
        y.backward()


BY_HAND = [  # where it begins, the gradients, and where it is after each step (RECORDED has paths of all kinds)
    (SGD, {"lr": 0.5, "momentum": 0.5}, 1.0, [1.0, 1.0, 0.0], [0.5, -0.25, -0.625]),  # v = 1, 1.5, 0.75
    # A weight without a gradient shrinks by its share, and under Adam by the rate.
    (AdamW, {"lr": 0.5, "weight_decay": 0.5}, 8.0, [0.0, 0.0], [6.0, 4.5]),
    (Adam, {"lr": 0.5, "weight_decay": 0.5, "eps": 1e-18}, 8.0, [0.0], [7.5]),
    # Equal steps under a constant gradient: without a count of steps the first is 3.16 times too long.
    *[(Adam, {"lr": 0.5, "eps": 1e-20}, 0.0, [g] * 9, [-0.5 * (t + 1) for t in range(9)]) for g in (1e-3, 3.0, 1e6)],
    (AdamW, {"lr": 0.25, "eps": 1e-20, "weight_decay": 0.0}, 0.0, [-1.0], [0.25]),
    # eps counts beside the root of what g² is remembered as; alpha is 0.99.
    (RMSprop, {"lr": 1.0, "eps": 0.5}, 0.0, [0.25], [-0.25 / (0.025 + 0.5)]),
    *((kind, {"lr": 1.0, "eps": 0.5}, 0.0, [0.25], [-0.25 / (0.25 + 0.5)]) for kind in (Adagrad, Adam, AdamW)),
]


@pytest.mark.parametrize(("kind", "options", "start", "gradients", "path"), BY_HAND)
def test_steps_by_hand(kind, options, start, gradients, path):
    rounded = 0.0 if kind is SGD else 1e-13 if len(path) == 9 or "eps" in options else 1e-15
    assert steps(kind([Value(start)], **options), *gradients) == pytest.approx(path, rel=rounded, abs=0.0)


# The two ways


@each_optimizer
def test_steps_of_values_and_of_vectors_and_by_turns_agree_and_end_where_torchs_do(kind, options, whole):
    name = next(name for name, case in OPTIMIZERS.items() if case == (kind, options))
    for schedule in SCHEDULES:
        recorded = RECORDED.get(f"{name} / {schedule}")
        if whole or recorded is not None:
            path = trajectory(kind, options, SCHEDULES[schedule], by_values)
            for way in (by_vectors, by_turns):
                found = trajectory(kind, options, SCHEDULES[schedule], way)
                np.testing.assert_allclose(found, path, rtol=1e-12, atol=1e-14)
        if recorded is not None:
            assert path[-1] == pytest.approx(recorded, rel=1e-10)


def test_every_kind_is_recorded():
    recorded = {part for case in RECORDED for part in case.split(" / ")}
    assert recorded == {*OPTIMIZERS, *SCHEDULES}
    assert {getattr(nn, kind) for kind, _ in OPTIMIZERS.values()} == set(ALL)


@pytest.mark.parametrize("kind", ALL)
def test_updated_changes_neither_values_nor_what_it_is_given(kind):
    parameters = [Value(1.0), Value(2.0)]
    optimizer = kind(parameters)
    theta, gradient = np.array([3.0, 4.0]), np.array([0.5, -0.5])
    first = optimizer.updated(theta, gradient)
    kept = first.copy()
    second = optimizer.updated(first, gradient)
    assert (theta.tolist(), gradient.tolist(), first.tolist()) == ([3.0, 4.0], [0.5, -0.5], kept.tolist())
    assert [(p.data, p.grad) for p in parameters] == [(1.0, 0.0), (2.0, 0.0)]
    assert second.dtype == float
    assert (np.sign(first - theta) == [-1.0, 1.0]).all()
    assert optimizer.steps == 2


def own(formula):
    """Return an optimiser of one's own, by its formula of the rate, the parameter and the gradient."""
    return type("Own", (Optimizer,), {"rule": lambda self, lr, t: lambda p, g: (formula(lr, p, g),)})


def test_updated_applies_the_formula_once_to_all_parameters():
    calls = []
    spy = own(lambda lr, p, g: (calls.append(np.shape(p)), p - lr * g)[1])
    spy([Value(0.0) for _ in range(1000)], lr=0.5).updated(np.zeros(1000), np.ones(1000))
    assert calls == [(1000,)]


def test_vectors_of_another_length_are_an_error_and_no_step():
    optimizer = Adam([Value(1.0), Value(2.0)])
    wanted = "is a vector with a number for each of 2 parameters, got the shape"
    assert error_of(optimizer.updated, [1.0], [1.0, 2.0]) == f"ValueError: theta {wanted} (1,)"
    assert error_of(optimizer.updated, [1.0, 2.0], 1.0) == f"ValueError: gradient {wanted} ()"
    assert optimizer.steps == 0


@pytest.mark.parametrize("kind", ALL)
def test_extreme_gradients_raise_and_warn_of_nothing_and_give_the_same_both_ways(kind):
    for gradient in (1e200, math.inf, math.nan, 5e-324, -0.0):
        x, (y,) = Value(1.0), kind([Value(1.0)]).updated([1.0], [gradient])
        steps(kind([x]), gradient)
        assert x.data == pytest.approx(y, rel=1e-12, nan_ok=True), gradient
    assert math.isfinite(*steps(kind([Value(1.0)]), 1e150))
    still = {"weight_decay": 0.0} if kind is AdamW else {}
    assert steps(kind([Value(1.5)], **still), 0.0, 0.0) == [1.5, 1.5]


def test_error_within_a_step_changes_nothing():
    parameters = [Value(1.0), Value(2.0)]
    optimizer = own(lambda lr, p, g: p - lr / g)(parameters, lr=0.5)
    parameters[0].grad = 1.0
    with pytest.raises(ZeroDivisionError):
        optimizer.step()
    assert ([p.data for p in parameters], optimizer.steps) == ([1.0, 2.0], 0)
    for way in (by_values, by_vectors):  # and a block in which nothing is recorded changes nothing of it
        optimizer = three("Adam")
        with no_grad():
            way(optimizer, 0)
        assert optimizer.steps == 1
        assert numbers(optimizer) != [1.0, 2.0, 3.0]
    with pytest.raises(NotImplementedError, match=r"^Empty defines no rule\(self, lr, t\)$"):
        type("Empty", (Optimizer,), {})([Value(1.0)], lr=0.5).step()


@each_optimizer
def test_step_is_taken_back_with_the_state_from_before(kind, options):
    for way in (by_values, by_vectors, by_turns):
        optimizer = three(kind, **options)
        for t in range(3):
            way(optimizer, t)
        theta, state, count = numbers(optimizer), optimizer.state, optimizer.steps
        ends = []
        for detour in (math.inf, 0.0):
            optimizer.updated(theta, [detour] * 3)
            for parameter, number in zip(optimizer.parameters, theta, strict=True):
                parameter.grad = detour
                parameter.data = number
            optimizer.step()
            for parameter, number in zip(optimizer.parameters, theta, strict=True):
                parameter.data = number
            optimizer.state, optimizer.steps = state, count
            way(optimizer, 3)
            ends.append(numbers(optimizer))
        assert ends[0] == ends[1], way
        assert all(map(math.isfinite, ends[0])), way


@each_optimizer
def test_copy_of_an_optimizer_goes_on_like_the_original(kind, options):
    for duplicate in (copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))):
        for way in (by_values, by_vectors):
            optimizer = three(kind, lr=Step(0.1, every=2), **options)
            for t in range(3):
                way(optimizer, t)
            state = copy.deepcopy(optimizer.state)
            parameters, twin = duplicate((optimizer.parameters, optimizer))
            assert all(p is q for p, q in zip(parameters, twin.parameters, strict=True))
            for t in range(3, 6):
                way(twin, t)
            assert optimizer.steps == 3
            assert all(np.array_equal(state[name], optimizer.state[name]) for name in state)
            for t in range(3, 6):
                way(optimizer, t)
            assert numbers(twin) == numbers(optimizer)


# The learning rate


def test_schedule_is_asked_with_the_number_of_steps_taken():
    asked = []

    def schedule(t):
        asked.append(t)
        return 2.0**-t

    optimizer = SGD([Value(0.0)], lr=schedule)
    assert steps(optimizer, 1.0, 1.0, 1.0) == [-1.0, -1.5, -1.75]
    assert asked == [0, 1, 2]
    assert (optimizer.rate, optimizer.lr) == (0.125, schedule)


def test_schedule_that_gives_no_rate_is_an_error_and_no_step():
    for rate in (-0.1, math.nan, math.inf):
        optimizer = SGD([Value(1.0)], lr=lambda t, rate=rate: 0.5 if t < 1 else rate)
        steps(optimizer, 1.0)
        for take in (optimizer.step, lambda o=optimizer: o.updated([1.0], [1.0]), lambda o=optimizer: o.rate):
            wanted = f"ValueError: a schedule's rate is 0 or more and finite, got {rate} after 1 steps"
            assert error_of(take) == wanted
        assert (optimizer.steps, optimizer.parameters[0].data) == (1, 0.5)
    wanted = "TypeError: a schedule's rate takes a real number, got a NoneType"
    assert error_of(SGD([Value(1.0)], lr=lambda t: None).step).startswith(wanted)


@pytest.mark.parametrize("kind", ALL)
def test_lr_that_is_not_above_zero_and_finite_is_an_error(kind):
    for lr in (0, 0.0, -0.1, math.nan, -math.inf, math.inf):
        wanted = f"ValueError: lr, the learning rate, is above 0 and finite, got {lr!r}"
        assert error_of(kind, [Value(1.0)], lr=lr) == wanted
        optimizer = kind([Value(1.0)])
        before = optimizer.lr
        assert error_of(setattr, optimizer, "lr", lr) == wanted
        assert optimizer.lr == before
    for rate in (Step, float):
        wanted = f"TypeError: lr, the learning rate, is a number or a schedule, got a class; write {rate.__name__}(...)"
        assert error_of(kind, [Value(1.0)], lr=rate) == wanted
    wanted = "TypeError: lr takes a real number, got a str: '0.1'; convert it first"
    assert error_of(kind, [Value(1.0)], lr="0.1").startswith(wanted)


# Errors

SHARE = "is the share that is kept, from 0 to below 1"
NO_PARAMETERS = [  # given a Value w
    (
        lambda w: [],
        r"^ValueError: Adam takes at least one .*, got none; .*self\.w = Value\(1\.0\); a generator .* once",
    ),
    (lambda w: iter([]), "^ValueError: Adam takes at least one parameter, got none"),
    (lambda w: w, r"^TypeError: Adam takes a list of .*, got a Value: Value\(data=2.0, .*; write \[a\] for one"),
    (lambda w: MLP(1, [1]), r"^TypeError: Adam takes a list of parameters, got an MLP; write model\.parameters\(\)"),
    (lambda w: MLP(1, [1]).parameters, r"^TypeError: Adam takes a list .*, got a method; write model\.parameters"),
    (lambda w: None, "^TypeError: Adam takes a list of parameters, got a NoneType"),
    (lambda w: [w, 1.0], r"^TypeError: Adam takes Values as parameters, got a float at 1: 1\.0"),
    (lambda w: [[w]], r"^TypeError: Adam takes Values as parameters, got a list at 0: \[Value"),
    (lambda w: MLP(1, [1]).state_dict(), "^TypeError: Adam takes a list of parameters, got a dict: .*d.values"),
    (lambda w: [w, w * 3], r"^ValueError: Adam takes leaves that may change .* at 1, which is computed by \*"),
    (lambda w: [Constant(1.0)], "^ValueError: Adam takes leaves that may change .* at 0, which is a Constant"),
    (lambda w: [w, Value(1.0), w], r"^ValueError: Adam takes each parameter once, got .* at 0 and at 2; list\(dict"),
]


def test_what_optimisers_do_not_take_is_an_error_that_says_what_to_write():
    wanted = "ValueError: nesterov looks ahead along the momentum, so it needs one above 0, got 0.0"
    assert error_of(SGD, [Value(1.0)], nesterov=True) == wanted
    for kind in (Adam, AdamW):
        for k, betas in ((1, (0.9, 1.0)), (0, (math.nan, 0.9)), (0, (-0.1, 0.9))):
            assert error_of(kind, [Value(1.0)], betas=betas) == f"ValueError: betas[{k}] {SHARE}, got {betas[k]}"
        for betas in (0.9, (0.9,), (0.9, 0.99, 0.999), None):
            wanted = "TypeError: betas is a pair, the shares that the two moving averages keep, got "
            assert error_of(kind, [Value(1.0)], betas=betas).startswith(wanted)
    for given, wanted in NO_PARAMETERS:
        assert re.search(wanted, error_of(Adam, given(Value(2.0, label="w")))), wanted


def test_optimizer_shows_its_options_and_one_of_ones_own_may_have_them_checked():
    wanted = "SGD(1 parameter, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)"
    assert repr(SGD([Value(1.0)], momentum=0.9)) == wanted
    schedule = "Exponential(lr=0.1, warmup=0, factor=0.5)"
    wanted = f"AdamW(2 parameters, lr={schedule}, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)"
    assert repr(AdamW([Value(1.0), Value(2.0)], Exponential(0.1, 0.5))) == wanted

    class Own(Optimizer):
        def __init__(self, parameters, lr, momentum, mine):
            super().__init__(parameters, lr, momentum=momentum, mine=mine)

    assert repr(Own([Value(1.0)], 0.1, 0.5, "x")) == "Own(1 parameter, lr=0.1, momentum=0.5, mine='x')"
    assert error_of(Own, [Value(1.0)], 0.1, 2.0, "x").startswith("ValueError: momentum is the share that is kept")


WRONG_RULES = {  # what a rule returns, and what is said of it
    "no tuple": (lambda p, g, v: p - g, "got a (float|ndarray)$"),
    "no state": (lambda p, g, v: (p - g,), "got 1 of them"),
    "too much": (lambda p, g, v: (p, v, v), "got 3 of them"),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_rule_that_returns_something_else_says_what_it_returns(name):
    update, said = WRONG_RULES[name]
    kind = type("Own", (Optimizer,), {"remembers": ("velocity",), "rule": lambda self, lr, t: update})
    for step in (lambda own: own.step(), lambda own: own.updated([1.0], [2.0])):
        own = kind([Value(1.0)], 0.1)
        found = error_of(step, own)
        assert "the rule of Own returns a tuple of 2, (p, velocity,)" in found, found
        assert re.search(said, found), found
        assert (own.steps, own.parameters[0].data) == (0, 1.0)


@pytest.mark.parametrize("name", ["momentum", "adam", "own"])
def test_state_is_taken_by_name_and_has_a_number_for_each_parameter(name):
    def update(p, g, fast, slow):
        fast, slow = 0.5 * fast + g, 0.9 * slow + g
        return p - 0.1 * fast - 0.01 * slow, fast, slow

    own = {"remembers": ("fast", "slow"), "rule": lambda self, lr, t: update, "vectorized": True}
    made = {
        "momentum": lambda p: SGD(p, lr=0.1, momentum=0.5),
        "adam": lambda p: nn.Adam(p, lr=0.1),
        "own": lambda p: type("Own", (Optimizer,), own)(p, 0.1),
    }[name]
    x = [Value(1.0), Value(2.0), Value(3.0)]
    optimizer = made(x)
    for p in x:
        p.grad = 2.0 * p.data
    optimizer.step()
    kept = dict(optimizer.state)
    optimizer.state = dict(reversed(kept.items()))
    assert list(optimizer.state) == list(kept) == list(optimizer.remembers)
    parts = [{}, {**kept, "more": [0.0] * 3}, *[{**kept, key: kept[key][:size]} for key in kept for size in (0, 1, 2)]]
    for wrong in (*parts, *[{**kept, key: part} for key in kept for part in ([*kept[key], 0.0], 0.0, None)]):
        error = error_of(setattr, optimizer, "state", wrong)
        assert error.startswith(f"ValueError: the state of {type(optimizer).__name__} is '{next(iter(kept))}'")
        assert ": 3 numbers of each, got" in error
        assert optimizer.state == kept


def test_rule_of_arrays_may_return_one_number_for_all():
    rule = lambda self, lr, t: lambda p, g, last: (p - lr * g, lr)
    optimizer = type("Own", (Optimizer,), {"remembers": ("last",), "rule": rule, "vectorized": True})(
        [Value(1.0), Value(2.0)], 0.5
    )
    assert optimizer.updated([1.0, 2.0], [2.0, 2.0]).tolist() == [0.0, 1.0]
    assert optimizer.state["last"].tolist() == [0.5, 0.5]


CHANGES = {
    "another": lambda p: p.__setitem__(0, Value(1.0)),
    "fewer": lambda p: p.pop(),
    "more": lambda p: p.append(Value(1.0)),
    "another order": lambda p: p.reverse(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_list_of_parameters_that_is_changed_in_place_is_an_error_of_the_next_step(name):
    x = [Value(1.0), Value(2.0)]
    optimizer = nn.Adam(x)
    CHANGES[name](optimizer.parameters)
    for step in (optimizer.step, lambda: optimizer.updated([1.0, 2.0], [1.0, 2.0])):
        assert error_of(step).startswith("AttributeError: the parameters of an optimizer stay the same")
    assert [p.data for p in x] == [1.0, 2.0]


@pytest.mark.parametrize("error", [ValueError("mine"), TypeError("mine"), AttributeError("mine")])
def test_what_a_rule_raises_of_floats_too_is_raised_of_arrays(error):
    def update(p, g):
        raise error

    def rule(self, lr, t):
        if t > 1:
            raise error
        return update

    optimizer = type("Own", (Optimizer,), {"rule": rule, "vectorized": True})([Value(1.0)], 0.1)
    for steps in (0, 1):
        optimizer.steps = steps
        assert error_of(optimizer.updated, [1.0], [2.0]) == error_of(optimizer.step) == f"{type(error).__name__}: mine"


def test_parameters_of_an_optimizer_stay_the_same():
    x, y = Value(1.0), Value(2.0)

    class Own(SGD):
        def __init__(self, parameters):
            super().__init__(parameters)
            self.parameters = list(parameters)

    optimizer = Own([x, y])
    for others in ([x], [x, y, Value(3.0)], [x, Value(2.0)]):
        with pytest.raises(AttributeError, match=r"stay the same, .* for others write Own\(parameters, lr=\.\.\.\)"):
            optimizer.parameters = others
    assert optimizer.parameters == [x, y]


def test_names_that_an_optimizer_remembers_are_a_tuple():
    kind = type("Own", (Optimizer,), {"remembers": "velocity"})
    assert "remembers is a tuple of names, got 'velocity'; write ('velocity',) for one" in error_of(
        kind, [Value(1.0)], 0.1
    )


# Options, of every optimiser in the package

TAKEN = [(kind, name) for kind in ALL for name in signature(kind).parameters if name in OPTIONS]
REFUSED = {  # what an option is, and numbers that it is not
    "alpha": (SHARE, [1.0, -0.1, math.nan]),
    "betas": ("", []),  # have their test above
    "eps": ("is above 0 and finite", [0.0, -1.0, math.inf, math.nan]),
    "momentum": (SHARE, [1.0, -0.1, math.nan]),
    "weight_decay": ("is 0 or more and finite", [-0.1, math.inf, math.nan]),
}


def test_every_option_is_taken_by_an_optimiser_checked_and_kept():
    assert {name for _, name in TAKEN} == set(OPTIONS) == set(REFUSED)
    assert {kind for kind, _ in TAKEN} == {*ALL}
    for kind, name in TAKEN:
        kept = {"betas": (0.5, 0.25)}.get(name, 0.5)
        assert getattr(kind([Value(1.0)], 0.1, **{name: kept}), name) == kept
        said, wrong = REFUSED[name]
        for number in wrong:
            assert error_of(kind, [Value(1.0)], 0.1, **{name: number}) == f"ValueError: {name} {said}, got {number}"
        for thing in ("1", ("a", 0.9), None):
            assert re.search(f"^TypeError: {name}", error_of(kind, [Value(1.0)], 0.1, **{name: thing})), thing


# Clipping: what it leaves of gradients, both ways, and what it refuses (test_training_beside_torch.py has PyTorch's)


def with_gradients(*gradients):
    values = [Value(1.0) for _ in gradients]
    for value, gradient in zip(values, gradients, strict=True):
        value.grad = gradient
    return values


def both(gradients, max_norm):
    """Return the clipped gradients and the norm, after checking that both ways agree."""
    values = with_gradients(*gradients)
    norm = clip_grad_norm(values, max_norm)
    vector, length = clipped(np.array(gradients), max_norm)
    assert (length, vector.tolist()) == (pytest.approx(norm, rel=1e-14), pytest.approx([v.grad for v in values]))
    return [v.grad for v in values], norm


def test_long_gradients_keep_their_direction_and_their_norm_is_that_of_all_parameters_together():
    assert both([6.0, -8.0], 5.0) == (pytest.approx([3.0, -4.0], rel=1e-6), 10.0)
    clipped_together, norm = both([3.0] * 100, 3.0)  # each is no longer than 3
    assert norm == pytest.approx(30.0)
    assert clipped_together == pytest.approx([0.3] * 100, rel=1e-6)


def test_short_gradients_stay_as_they_are_and_so_does_zero_beside_long_ones():
    for max_norm in (10.1, 1e9):
        assert both([6.0, -8.0], max_norm) == ([6.0, -8.0], 10.0)
    assert both([0.0, -8.0], 4.0) == (pytest.approx([0.0, -4.0], rel=1e-6), 8.0)
    values = [Value(1.0), *with_gradients(8.0)]  # no backward() has reached the first
    assert (clip_grad_norm(values, 4.0), values[0].grad) == (8.0, 0.0)
    values = with_gradients(None, 8.0)
    assert (clip_grad_norm(values, 4.0), values[0].grad) == (8.0, None)
    alone = Value(1.0)
    before = alone.grad
    assert clip_grad_norm([alone], 1.0) == 0.0
    assert alone.grad is before


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-160, 1.0, 1e140, 1e160, 1e300])
def test_norm_neither_overflows_nor_underflows(size):
    found, norm = both([0.6 * size, 0.8 * size], 1e-9)
    assert norm == pytest.approx(size, rel=1e-12, abs=1e-323)
    assert math.hypot(*found) == pytest.approx(size * min(1.0, 1e-9 / (size + 1e-6)), rel=1e-12, abs=1e-323)


def test_backward_itself_clips_nothing_and_a_vector_that_is_given_does_not_change():
    x = Value(1e6)
    (x * x * x).backward()
    assert x.grad == 3e12
    assert clip_grad_norm([x], 1.0) == 3e12
    assert x.grad == pytest.approx(1.0)
    SGD([x], lr=1.0).step()
    assert x.data == 1e6 - 1.0
    gradient = np.array([6.0, 8.0])
    vector, _ = clipped(gradient, 1.0)
    assert (gradient.tolist(), vector is gradient) == ([6.0, 8.0], False)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_gradient_that_is_not_finite_is_an_error_and_scales_none(bad):
    values = with_gradients(100.0, bad)
    message = rf"^gradients are clipped where their norm is finite, got {abs(bad)}; nothing was changed; detect_anomaly"
    with pytest.raises(ValueError, match=message):
        clip_grad_norm(values, 1.0)
    assert values[0].grad == 100.0
    with pytest.raises(ValueError, match=message):
        clipped([100.0, bad], 1.0)


NOT_CLIPPED = [
    ([], "ValueError: clip_grad_norm takes at least one parameter, got none"),
    (Value(1.0), "TypeError: clip_grad_norm takes a list of parameters, got a Value: "),
    ([Constant(1.0)], "ValueError: clip_grad_norm takes leaves that may change as parameters"),
    (with_gradients(1.0) * 2, "ValueError: clip_grad_norm takes each parameter once"),
]


def test_max_norm_is_above_zero_and_parameters_are_a_list_of_leaves():
    for bad in (0.0, -1.0, math.nan, math.inf):
        wanted = f"ValueError: max_norm is above 0 and finite, got {bad!r}"
        assert error_of(clip_grad_norm, with_gradients(1.0), bad) == wanted
    for parameters, wanted in NOT_CLIPPED:
        assert error_of(clip_grad_norm, parameters, 1.0).startswith(wanted)
