"""Sweeps as one JAX program: the training of all members in lockstep, and compiled functions at all points."""

import math
import threading

import numpy as np
import pytest

import nn
from autograd import compile, log, sin
from nn import Adam, Stop
from nn.sweeping import _together
from nn.training import lockstep
from nn.training.lockstep import current_lockstep
from tests.errors import warns

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install 'scalar-autograd[jax]'")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 3))
CLASSES = (X[:, 0] * X[:, 1] > 0).astype(int)


def train(seed, lr=0.05, epochs=3, size=8, rows=None, **options):
    model = nn.MLP(3, [4, 2], "tanh", seed=seed)
    chosen = range(len(X)) if rows is None else rows
    options |= {"optimizer": Adam(model.parameters(), lr=lr), "epochs": epochs, "batch_size": size, "seed": seed}
    history = nn.fit(model, X[chosen], CLASSES[chosen], loss=nn.cross_entropy, **options)
    return {"history": history.measures, "theta": [p.data for p in model.parameters()], "stopped": history.stopped}


@pytest.fixture
def calls(monkeypatch):
    """How many members each call of a kernel was for."""
    made = []

    class Noting(lockstep.Lockstep):
        def __init__(self):
            super().__init__()
            made.append(self.calls)

    monkeypatch.setattr(_together, "Lockstep", Noting)
    return made


def assert_same(found, wanted):
    assert found.members[0].arguments == wanted.members[0].arguments
    for one, other in zip(found, wanted, strict=True):
        assert one.done
        assert one.result["stopped"] == other.result["stopped"]
        assert one.result["theta"] == pytest.approx(other.result["theta"], rel=1e-9, abs=1e-9)
        for name, numbers in other.result["history"].items():
            assert one.result["history"][name] == pytest.approx(numbers, rel=1e-9)


def test_training_of_all_members_is_one_call_a_step(calls):
    grid = {"seed": range(3), "lr": [0.1, 0.01]}
    assert_same(nn.sweep(train, grid, backend="jax"), nn.sweep(train, grid))
    assert calls == [[6] * 3]  # an epoch of 4 steps is one call


def test_members_may_stop_when_they_like_and_differ_in_all_but_shape(calls):
    bootstraps = [RANDOM.integers(0, 30, 30).tolist() for _ in range(2)]
    grid = [{"seed": n, "rows": rows, "epochs": n + 1} for n, rows in enumerate(bootstraps)]
    grid += [{"seed": 7, "stop": Stop(loss=0.7), "epochs": 30}, {"seed": 8, "size": None}, {"seed": 9, "lr": 1e200}]
    grid += [{"seed": 4, "validation": (X[:5], CLASSES[:5]), "max_norm": 0.01}]
    assert_same(nn.sweep(train, grid, backend="jax"), nn.sweep(train, grid))
    assert max(calls[0]) == 4


def test_failed_member_does_not_keep_the_others_waiting(calls):
    def f(seed):
        if seed == 1:
            raise ValueError("not this one")
        found = train(seed)
        if seed == 2:
            raise ValueError("nor this one")
        return found

    with warns(r"2 of 4 members failed, the first of them f\(seed=1\)"):
        table = nn.sweep(f, {"seed": range(4)}, backend="jax")
    assert [m.error for m in table] == ["", "ValueError: not this one", "ValueError: nor this one", ""]
    assert table[3].result["theta"] == pytest.approx(train(3)["theta"], rel=1e-9)
    assert calls[0] == [3] * 3


def test_interrupt_keeps_what_is_done():
    main = threading.main_thread()

    def f(seed):
        found = train(seed, epochs=1 if seed == 0 else 40)
        assert threading.current_thread() is not main
        return found

    original = lockstep.Lockstep.run

    def interrupting(self, runs):
        given = original(self, runs)
        yield next(given)
        yield from given.throw(KeyboardInterrupt) or ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep.Lockstep, "run", interrupting)
        table = nn.sweep(f, {"seed": range(3)}, backend="jax")
    assert table.interrupted
    assert [m.done for m in table] == [True, False, False]
    assert threading.active_count() < 10


def test_function_that_does_not_train_is_told_and_a_back_end_that_it_asks_for_is_its_own():
    with warns("f has not called it; the members were run one after the other"):
        assert nn.sweep(lambda x: 2 * x, {"x": [1, 2]}, backend="jax").results == [2, 4]
    assert nn.sweep(lambda x: 2 * x, {"x": []}, backend="jax").results == []
    assert current_lockstep() is None
    with warns("f has not called it"):
        table = nn.sweep(train, [{"seed": 0, "backend": "numpy"}], backend="jax")
    assert table[0].result == train(0)


def test_compiled_function_is_called_at_all_points_at_once(monkeypatch):
    traced = []

    def f(x, w, shift=0.5):
        traced.append(x)
        return {"wave": sin(x) * w[0] + shift, "two": 2.0, "last": w[1]}

    program = compile(f)
    grid = {"x": [0.1, 0.2, 0.3], "w": [[1.0, 2.0], [3.0, 4.0]], "shift": [0.0, 1.0]}
    wanted = nn.sweep(program, grid)
    found = nn.sweep(program, grid, backend="jax")
    assert len(traced) == 1
    for one, other in zip(found, wanted, strict=True):
        assert one.result == pytest.approx(other.result, rel=1e-14)
    model = nn.MLP(2, [3, 1], seed=0)
    network = compile(lambda x: model(x))
    points = {"x": [[0.0, 1.0], [2.0, 3.0]]}
    assert nn.sweep(network, points, backend="jax").results == pytest.approx(nn.sweep(network, points).results)
    arrays = compile(lambda a: a * 2.0)
    given = {"a": [np.ones((2, 2)), np.zeros((2, 2))]}
    for one, other in zip(nn.sweep(arrays, given, backend="jax").results, nn.sweep(arrays, given).results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("first", [1.0, -1.0])
def test_point_outside_of_the_domain_is_the_error_of_the_engine(first):
    program = compile(lambda x: log(x))
    with warns(r"1 of 2 members failed.*log is defined for x > 0"):
        table = nn.sweep(program, {"x": [first, -first]}, backend="jax")
    assert sorted([m.done for m in table]) == [False, True]
    assert math.isclose(next(m.result for m in table if m.done), 0.0)
