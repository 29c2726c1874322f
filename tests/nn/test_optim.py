"""Optimisers: the steps they take, by hand, both ways, and where PyTorch's end (`test_oracle_torch` has all steps)."""

import copy
import math
import pickle
from inspect import signature

import numpy as np
import pytest

import nn
from autograd import Constant, Value, compile, no_grad
from nn import MLP, SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop, mse
from nn.schedules import Cosine, Exponential, Step
from nn.training.optimizer import OPTIONS
from tests.trajectories import OPTIMIZERS, RECORDED, SCHEDULES, by_turns, by_values, by_vectors, trajectory

ALL = [
    kind
    for kind in map(vars(nn).get, nn.__all__)
    if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
]


def steps(optimizer, *gradients):
    """Return where the one parameter is after each step with these gradients."""
    (parameter,) = optimizer.parameters
    path = []
    for gradient in gradients:
        parameter.grad = gradient
        optimizer.step()
        path.append(parameter.data)
    return path


def test_step_is_minus_lr_times_gradient():
    w, b = Value(3.0), Value(-1.0)
    optimizer = SGD([w, b], lr=0.5)
    (w * w + 4.0 * b).backward()  # gradients 6 and 4
    optimizer.step()
    assert (w.data, b.data) == (0.0, -3.0)


def test_three_steps_on_a_parabola_by_hand():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.25)
    path = []
    for _ in range(3):
        optimizer.zero_grad()
        (x * x).backward()
        optimizer.step()
        path.append(x.data)
    assert path == [0.5, 0.25, 0.125]  # x <- x - 0.25 * 2x


def test_lr_is_a_tenth_if_not_given():
    x = Value(1.0)
    x.grad = 1.0
    optimizer = SGD([x])
    optimizer.step()
    assert (optimizer.lr, x.data) == (0.1, 0.9)


def test_lr_may_be_assigned_between_steps():
    x = Value(1.0)
    x.grad = 1.0
    optimizer = SGD([x], lr=0.5)
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert x.data == 0.25


def test_step_leaves_gradients_and_zero_grad_leaves_data():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.5)
    (3.0 * x).backward()
    optimizer.step()
    assert (x.data, x.grad) == (-0.5, 3.0)
    optimizer.zero_grad()
    assert (x.data, x.grad) == (-0.5, 0.0)


def test_gradients_add_up_until_zero_grad():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.5)
    (3.0 * x).backward()
    (1.0 * x).backward()
    optimizer.step()
    assert x.data == -1.0


def test_step_without_gradient_changes_nothing():
    x = Value(1.5)
    SGD([x], lr=0.5).step()
    assert x.data == 1.5


def test_only_the_given_parameters_change():
    model = MLP(2, [3, 1], "tanh", seed=1)
    before = model.state_dict()
    model([1.0, 2.0]).backward()
    SGD(model.layers[1].parameters(), lr=0.5).step()
    changed = {name for name, number in model.state_dict().items() if number != before[name]}
    assert changed == {name for name in before if name.startswith("layers.1.")}


def test_parameters_may_come_from_a_generator_and_are_kept():
    x, y = Value(1.0), Value(2.0)
    optimizer = SGD((p for p in (x, y)), lr=0.5)
    x.grad = y.grad = 1.0
    optimizer.step()
    optimizer.step()
    assert (x.data, y.data) == (0.0, 1.0)
    assert optimizer.parameters == [x, y]


def test_given_list_may_change_afterwards():
    parameters = [Value(1.0)]
    optimizer = SGD(parameters)
    parameters.clear()
    assert len(optimizer.parameters) == 1


def test_graph_built_before_a_step_is_stale_after_it():
    x = Value(1.0, label="x")
    y = x * x
    y.backward()
    SGD([x], lr=0.5).step()
    with pytest.raises(RuntimeError, match="the leaf x was changed"):
        y.backward()


# By hand


def test_momentum_by_hand():
    path = steps(SGD([Value(1.0)], lr=0.5, momentum=0.5), 1.0, 1.0, 0.0)  # v = 1, 1.5, 0.75
    assert path == [0.5, -0.25, -0.625]


def test_nesterov_by_hand():
    path = steps(SGD([Value(1.0)], lr=0.5, momentum=0.5, nesterov=True), 1.0, 1.0, 0.0)  # g + v / 2 = 1.5, 1.75, 0.375
    assert path == [0.25, -0.625, -0.8125]


def test_weight_decay_of_sgd_by_hand():
    assert steps(SGD([Value(2.0)], lr=0.5, weight_decay=0.5), 1.0, 0.0) == [1.0, 0.75]


def test_adagrad_by_hand():
    path = steps(Adagrad([Value(1.0)], lr=1.0, eps=1.0), 3.0, -4.0)  # s = 9, 25
    assert path == pytest.approx([1 - 3 / 4, 1 - 3 / 4 + 4 / 6], rel=1e-15)


def test_rmsprop_by_hand():
    path = steps(RMSprop([Value(1.0)], lr=1.0, alpha=0.75, eps=1.0, momentum=0.5), 4.0, 0.0)  # s = 4, 3; v = 4/3, 2/3
    assert path == pytest.approx([1 - 4 / 3, 1 - 4 / 3 - 2 / 3], rel=1e-15)


def test_adam_by_hand():
    path = steps(Adam([Value(1.0)], lr=1.0, betas=(0.5, 0.75), eps=1.0), 2.0, 0.0)
    # m = 1, 0.5 over 1 - β₁ᵗ = 0.5, 0.75; v = 1, 0.75 over 1 - β₂ᵗ = 0.25, 0.4375
    second = (0.5 / 0.75) / (math.sqrt(0.75 / 0.4375) + 1)
    assert path == pytest.approx([1 - 2 / 3, 1 - 2 / 3 - second], rel=1e-15)


def test_adamw_shrinks_a_weight_without_a_gradient_by_its_share_and_adam_by_the_rate():
    assert steps(AdamW([Value(8.0)], lr=0.5, weight_decay=0.5), 0.0, 0.0) == [6.0, 4.5]
    assert steps(Adam([Value(8.0)], lr=0.5, weight_decay=0.5), 0.0) == pytest.approx([7.5], rel=1e-8)


# Known mistakes of others


@pytest.mark.parametrize("gradient", [1e-3, -1.0, 1e6])
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_first_step_of_adam_is_as_long_as_the_rate_whatever_the_gradient(kind, gradient):
    options = {"weight_decay": 0.0} if kind is AdamW else {}
    (end,) = steps(kind([Value(0.0)], lr=0.25, **options), gradient)  # without a count of steps it is 3.16 times that
    assert end == pytest.approx(-math.copysign(0.25, gradient), rel=1e-4)


def test_adam_takes_equal_steps_under_a_constant_gradient():
    path = steps(Adam([Value(0.0)], lr=0.5, eps=1e-12), *[3.0] * 50)
    assert path == pytest.approx([-0.5 * (t + 1) for t in range(50)], rel=1e-9)


@pytest.mark.parametrize(
    ("kind", "size"),
    [(Adagrad, 1.0), (RMSprop, 0.1), (Adam, 1.0), (AdamW, 1.0)],  # the root of what g² is remembered as; alpha is 0.99
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_eps_counts(kind, size):
    (end,) = steps(kind([Value(0.0)], lr=1.0, eps=0.5), 0.25)
    assert end == pytest.approx(-0.25 / (size * 0.25 + 0.5), rel=1e-12)


@pytest.mark.parametrize("kind", ALL)
def test_number_of_parameters_changes_nothing_for_one_of_them(kind):
    few, many = (
        kind([Value(1.0)], lr=Exponential(0.5, 0.5)),
        kind([Value(1.0) for _ in range(50)], Exponential(0.5, 0.5)),
    )
    for optimizer in (few, many):
        for _ in range(3):
            for parameter in optimizer.parameters:
                parameter.grad = 1.0
            optimizer.step()
    assert few.steps == many.steps == 3
    assert {p.data for p in many.parameters} == {few.parameters[0].data}
    assert many.rate == 0.5**4


def test_equal_gradients_of_different_parameters_have_states_of_their_own():
    x, y = Value(0.0), Value(0.0)
    optimizer = Adam([x, y], lr=0.5)
    for x_slope, y_slope in ((1.0, 0.0), (0.0, 1.0)):
        x.grad, y.grad = x_slope, y_slope
        optimizer.step()
    assert optimizer.state["mean"] == pytest.approx([0.09, 0.1])
    assert (x.data, y.data) == pytest.approx((-0.5 - 0.335, -0.372), abs=1e-3)


# The two ways


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_of_values_and_of_vectors_and_by_turns_agree(kind, options, schedule):
    path = trajectory(kind, options, schedule, by_values)
    for way in (by_vectors, by_turns):
        np.testing.assert_allclose(trajectory(kind, options, schedule, way), path, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("way", [by_values, by_vectors, by_turns])
@pytest.mark.parametrize("case", RECORDED)
def test_two_hundred_steps_end_where_torchs_do(case, way):
    name, schedule = case.split(" / ")
    assert trajectory(*OPTIMIZERS[name], SCHEDULES[schedule], way)[-1] == pytest.approx(RECORDED[case], rel=1e-10)


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


def test_updated_applies_the_formula_once_to_all_parameters():
    calls = []

    class Spy(Optimizer):
        def rule(self, lr, t):
            def update(p, g):
                calls.append(np.shape(p))
                return (p - lr * g,)

            return update

    Spy([Value(0.0) for _ in range(1000)], lr=0.5).updated(np.zeros(1000), np.ones(1000))
    assert calls == [(1000,)]


@pytest.mark.parametrize(
    ("theta", "gradient", "message"),
    [
        ([1.0], [1.0, 2.0], r"theta is a vector with a number for each of 2 parameters, got the shape \(1,\)"),
        ([1.0, 2.0], 1.0, r"gradient is a vector with a number for each of 2 parameters, got the shape \(\)"),
    ],
)
def test_vectors_of_another_length_are_an_error_and_no_step(theta, gradient, message):
    optimizer = Adam([Value(1.0), Value(2.0)])
    with pytest.raises(ValueError, match=f"^{message}$"):
        optimizer.updated(theta, gradient)
    assert optimizer.steps == 0


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("gradient", [1e200, math.inf, math.nan, 5e-324, -0.0])
def test_extreme_gradients_raise_and_warn_of_nothing_and_give_the_same_both_ways(kind, gradient):
    x, (y,) = Value(1.0), kind([Value(1.0)]).updated([1.0], [gradient])
    steps(kind([x]), gradient)
    assert x.data == pytest.approx(y, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("kind", ALL)
def test_parameters_without_gradients_stay_where_they_are(kind):
    options = {"weight_decay": 0.0} if kind is AdamW else {}
    assert steps(kind([Value(1.5)], **options), 0.0, 0.0) == [1.5, 1.5]


@pytest.mark.parametrize("kind", ALL)
def test_largest_gradients_keep_parameters_finite_where_steps_have_a_size_of_their_own(kind):
    (end,) = steps(kind([Value(1.0)]), 1e150)
    assert math.isfinite(end)


def test_error_within_a_step_changes_nothing():
    class Broken(Optimizer):
        def rule(self, lr, t):
            def update(p, g):
                return (p - lr / g,)

            return update

    parameters = [Value(1.0), Value(2.0)]
    optimizer = Broken(parameters, lr=0.5)
    parameters[0].grad = 1.0
    with pytest.raises(ZeroDivisionError):
        optimizer.step()
    assert ([p.data for p in parameters], optimizer.steps) == ([1.0, 2.0], 0)


def test_optimizer_without_a_rule_says_what_is_missing():
    class Empty(Optimizer):
        pass

    with pytest.raises(NotImplementedError, match=r"^Empty defines no rule\(self, lr, t\)$"):
        Empty([Value(1.0)], lr=0.5).step()


@pytest.mark.parametrize("way", [by_values, by_vectors, by_turns])
@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_step_is_taken_back_with_the_state_from_before(kind, options, way):
    optimizer = getattr(nn, kind)([Value(1.0), Value(2.0), Value(3.0)], **options)
    for t in range(3):
        way(optimizer, t)
    theta, state, steps = [p.data for p in optimizer.parameters], optimizer.state, optimizer.steps
    ends = []
    for detour in (math.inf, 0.0):
        optimizer.updated(theta, [detour] * 3)
        for parameter, number in zip(optimizer.parameters, theta, strict=True):
            parameter.grad = detour
            parameter.data = number
        optimizer.step()
        for parameter, number in zip(optimizer.parameters, theta, strict=True):
            parameter.data = number
        optimizer.state, optimizer.steps = state, steps
        way(optimizer, 3)
        ends.append([p.data for p in optimizer.parameters])
    assert ends[0] == ends[1]
    assert all(map(math.isfinite, ends[0]))


# Copies


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("way", [by_values, by_vectors])
@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_copy_of_an_optimizer_goes_on_like_the_original(kind, options, way, duplicate):
    optimizer = getattr(nn, kind)([Value(1.0), Value(2.0), Value(3.0)], lr=Step(0.1, every=2), **options)
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
    assert [p.data for p in twin.parameters] == [p.data for p in optimizer.parameters]


@pytest.mark.parametrize("way", [by_values, by_vectors])
def test_steps_work_in_a_no_grad_block(way):
    optimizer = Adam([Value(1.0), Value(2.0), Value(3.0)])
    with no_grad():
        way(optimizer, 0)
    assert optimizer.steps == 1
    assert [p.data for p in optimizer.parameters] != [1.0, 2.0, 3.0]


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


def test_schedule_assigned_between_steps_goes_by_all_steps_taken():
    optimizer = SGD([Value(0.0)], lr=1.0)
    steps(optimizer, 1.0, 1.0)
    assert optimizer.rate == 1.0
    optimizer.lr = Cosine(0.5, steps=4)
    assert optimizer.rate == pytest.approx(0.25)
    optimizer.lr = np.float64(0.125)
    assert (optimizer.rate, type(optimizer.rate)) == (0.125, float)


def test_rate_of_zero_changes_parameters_no_more():
    optimizer = SGD([Value(1.0)], lr=Cosine(0.5, steps=1))
    assert steps(optimizer, 1.0, 1.0, 1.0) == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf])
def test_schedule_that_gives_no_rate_is_an_error_and_no_step(rate):
    optimizer = SGD([Value(1.0)], lr=lambda t: 0.5 if t < 1 else rate)
    steps(optimizer, 1.0)
    for take in (optimizer.step, lambda: optimizer.updated([1.0], [1.0]), lambda: optimizer.rate):
        with pytest.raises(ValueError, match=rf"^a schedule's rate is 0 or more and finite, got {rate} after 1 steps$"):
            take()
    assert (optimizer.steps, optimizer.parameters[0].data) == (1, 0.5)


def test_schedule_that_gives_no_number_is_an_error():
    with pytest.raises(TypeError, match=r"^a schedule's rate takes a real number, got a NoneType"):
        SGD([Value(1.0)], lr=lambda t: None).step()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("lr", [0, 0.0, -0.1, math.nan, -math.inf, math.inf])
def test_lr_that_is_not_above_zero_and_finite_is_an_error(kind, lr):
    with pytest.raises(ValueError, match=f"^lr, the learning rate, is above 0 and finite, got {lr!r}$"):
        kind([Value(1.0)], lr=lr)
    optimizer = kind([Value(1.0)])
    before = optimizer.lr
    with pytest.raises(ValueError, match=r"^lr, the learning rate, is above 0"):
        optimizer.lr = lr
    assert optimizer.lr == before


def test_lr_that_is_no_number_is_an_error():
    with pytest.raises(TypeError, match=r"^lr takes a real number, got a str: '0.1'; convert it first"):
        SGD([Value(1.0)], lr="0.1")


# Errors


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (SGD, {"momentum": 1.0}, r"momentum is the share that is kept, from 0 to below 1, got 1\.0"),
        (SGD, {"momentum": -0.1}, r"momentum is the share that is kept, from 0 to below 1, got -0\.1"),
        (SGD, {"nesterov": True}, r"nesterov looks ahead along the momentum, so it needs one above 0, got 0\.0"),
        (SGD, {"weight_decay": -1.0}, r"weight_decay is 0 or more and finite, got -1\.0"),
        (AdamW, {"weight_decay": math.inf}, r"weight_decay is 0 or more and finite, got inf"),
        (Adagrad, {"eps": 0.0}, r"eps is above 0 and finite, got 0\.0"),
        (RMSprop, {"alpha": 1.0}, r"alpha is the share that is kept, from 0 to below 1, got 1\.0"),
        (Adam, {"betas": (0.9, 1.0)}, r"betas\[1\] is the share that is kept, from 0 to below 1, got 1\.0"),
        (Adam, {"betas": (math.nan, 0.9)}, r"betas\[0\] is the share that is kept, from 0 to below 1, got nan"),
        (AdamW, {"eps": -1e-8}, r"eps is above 0 and finite, got -1e-08"),
    ],
)
def test_option_out_of_range_is_an_error(kind, options, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        kind([Value(1.0)], **options)


@pytest.mark.parametrize("betas", [0.9, (0.9,), (0.9, 0.99, 0.999), None])
def test_betas_are_a_pair(betas):
    with pytest.raises(TypeError, match=r"^betas is a pair, the shares that the two moving averages keep, got "):
        Adam([Value(1.0)], betas=betas)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            lambda w: [],
            ValueError,
            r"Adam takes at least one parameter, got none; a generator gives its parameters only once",
        ),
        (lambda w: iter([]), ValueError, r"Adam takes at least one parameter, got none"),
        (lambda w: w, TypeError, r"Adam takes a list of parameters, got one Value, Value\(data=2.0, .*\); write \[w\]"),
        (lambda w: MLP(1, [1]), TypeError, r"Adam takes a list of parameters, got a MLP; write model\.parameters\(\)"),
        (
            lambda w: MLP(1, [1]).parameters,
            TypeError,
            r"Adam takes a list of parameters, got a method; write model\.parameters",
        ),
        (lambda w: None, TypeError, r"Adam takes a list of parameters, got a NoneType"),
        (lambda w: [w, 1.0], TypeError, r"Adam takes Values as parameters, got a float at 1: 1\.0"),
        (lambda w: [[w]], TypeError, r"Adam takes Values as parameters, got a list at 0: \[Value"),
        (lambda w: MLP(1, [1]).state_dict(), TypeError, r"Adam takes Values as parameters, got a str at 0: 'layers"),
        (lambda w: [w, w * 3], ValueError, r"Adam takes leaves that may change .* at 1, which is computed by \*"),
        (lambda w: [Constant(1.0)], ValueError, r"Adam takes leaves that may change .* at 0, which is a Constant"),
        (lambda w: [w, Value(1.0), w], ValueError, r"Adam takes each parameter once, got .* at 0 and at 2; list\(dict"),
    ],
)
def test_parameters_that_are_none_are_an_error_that_says_what_to_write(given, error, message):
    with pytest.raises(error, match=f"^{message}"):
        Adam(given(Value(2.0, label="w")))


def test_optimizer_shows_its_options():
    assert repr(SGD([Value(1.0)], momentum=0.9)) == (
        "SGD(1 parameter, lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)"
    )
    assert repr(AdamW([Value(1.0), Value(2.0)], Exponential(0.1, 0.5))) == (
        "AdamW(2 parameters, lr=Exponential(lr=0.1, warmup=0, factor=0.5), betas=(0.9, 0.999), eps=1e-08, "
        "weight_decay=0.01)"
    )


# In a model


@pytest.mark.parametrize("schedule", [0.02, Cosine(0.02, steps=100, warmup=5)], ids=repr)
@pytest.mark.parametrize(("kind", "options"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_compiled_training_by_vectors_is_eager_training(kind, options, schedule):
    X, y = np.array([[0.5, -1.0], [1.5, 2.0], [-0.7, 0.3], [0.0, 1.0]]), np.array([0.3, -0.8, 1.1, 0.0])
    eager, model = MLP(2, [3, 1], "tanh", seed=1), MLP(2, [3, 1], "tanh", seed=1)
    optimizer = getattr(nn, kind)(eager.parameters(), schedule, **options)
    for _ in range(100):
        optimizer.zero_grad()
        loss = mse([eager(x) for x in X], y)
        loss.backward()
        optimizer.step()

    optimizer = getattr(nn, kind)(model.parameters(), schedule, **options)
    program = compile(lambda x, y: mse([model(x)], [y]), batched=("x", "y"), wrt=optimizer.parameters)
    theta = program.read()
    for _ in range(100):
        compiled, gradient = program.value_and_grad_at(theta, X, y)
        theta = optimizer.updated(theta, gradient)
    program.write(theta)

    assert compiled == pytest.approx(loss.data, rel=1e-9, abs=1e-9)
    assert list(model.state_dict().values()) == pytest.approx(list(eager.state_dict().values()), abs=1e-9)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_fifty_steps_agree_with_torch(activation):
    torch = pytest.importorskip("torch")
    X = [[0.5, -1.0], [1.5, 2.0], [-0.7, 0.3], [0.0, 1.0], [-1.2, -0.4]]
    y = [0.3, -0.8, 1.1, 0.0, 0.6]
    model = MLP(2, [4, 3, 1], activation, seed=1)
    theirs = torch.nn.ModuleList(torch.nn.Linear(a, b, dtype=torch.float64) for a, b in ((2, 4), (4, 3), (3, 1)))
    with torch.no_grad():
        for layer, linear in zip(model.layers, theirs, strict=True):
            linear.weight.copy_(torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64))
            linear.bias.copy_(torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64))
    optimizer, their_optimizer = SGD(model.parameters(), lr=0.1), torch.optim.SGD(theirs.parameters(), lr=0.1)
    inputs, targets = torch.tensor(X, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    start = model.state_dict()

    for _ in range(50):
        optimizer.zero_grad()
        loss = mse([model(x) for x in X], y)
        loss.backward()
        optimizer.step()

        their_optimizer.zero_grad()
        hidden = inputs
        for linear in theirs[:-1]:
            hidden = getattr(torch, activation)(linear(hidden))
        their_loss = torch.nn.functional.mse_loss(theirs[-1](hidden).flatten(), targets)
        their_loss.backward()
        their_optimizer.step()

        assert loss.data == pytest.approx(their_loss.item(), rel=1e-12)
        for layer, linear in zip(model.layers, theirs, strict=True):
            ours = [w.data for n in layer.neurons for w in n.w]
            assert ours == pytest.approx(linear.weight.flatten().tolist(), rel=1e-12, abs=1e-12)
            biases = [n.b.data for n in layer.neurons]
            assert biases == pytest.approx(linear.bias.tolist(), rel=1e-12, abs=1e-12)
    moved = max(abs(number - start[name]) for name, number in model.state_dict().items())
    assert moved > 0.1


# Options, of every optimiser in the package

KINDS = [thing for thing in vars(nn).values() if isinstance(thing, type) and issubclass(thing, Optimizer)]
TAKEN = [(kind, name) for kind in KINDS for name in signature(kind).parameters if name in OPTIONS]
REFUSED = {
    "alpha": [1.0, -0.1, math.nan, "1"],
    "betas": [(0.9,), 0.9, (0.9, 1.0), (-0.1, 0.9), ("a", 0.9)],
    "eps": [0.0, -1.0, math.inf, math.nan, None],
    "momentum": [1.0, -0.1, math.nan, "1"],
    "weight_decay": [-0.1, math.inf, math.nan, None],
}


def test_every_option_is_taken_by_an_optimiser():
    assert {name for _, name in TAKEN} == set(OPTIONS) == set(REFUSED)
    assert {kind for kind, _ in TAKEN} == {*ALL}


@pytest.mark.parametrize(("kind", "name"), TAKEN, ids=lambda part: getattr(part, "__name__", part))
def test_option_is_checked_and_kept(kind, name):
    kept = {"betas": (0.5, 0.25)}.get(name, 0.5)
    assert getattr(kind([Value(1.0)], 0.1, **{name: kept}), name) == kept
    for wrong in REFUSED[name]:
        with pytest.raises((TypeError, ValueError), match=rf"^{name}"):
            kind([Value(1.0)], 0.1, **{name: wrong})


def test_optimiser_of_ones_own_may_have_its_options_checked():
    class Own(Optimizer):
        def __init__(self, parameters, lr, momentum, mine):
            super().__init__(parameters, lr, momentum=momentum, mine=mine)

    assert repr(Own([Value(1.0)], 0.1, 0.5, "x")) == "Own(1 parameter, lr=0.1, momentum=0.5, mine='x')"
    with pytest.raises(ValueError, match="momentum is the share that is kept"):
        Own([Value(1.0)], 0.1, 2.0, "x")
