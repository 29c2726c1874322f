"""Optimisers and schedules against PyTorch's, step by step."""

import itertools
import math
import warnings

import numpy as np
import pytest

import nn
from autograd import Value
from nn import clip_grad_norm
from nn.schedules import Constant, Cosine, Exponential, Step
from nn.training.clipping import clipped
from tests.trajectories import OPTIMIZERS, RECORDED, SCHEDULES, START, STEPS, gradient, trajectory

torch = pytest.importorskip("torch")


def their_schedule(schedule, optimizer):
    """Return PyTorch's own schedule of this meaning."""
    lr_scheduler = torch.optim.lr_scheduler
    if isinstance(schedule, Constant):
        proper = lr_scheduler.LambdaLR(optimizer, lambda t: 1.0)
    elif isinstance(schedule, Step):
        proper = lr_scheduler.StepLR(optimizer, schedule.every, schedule.factor)
    elif isinstance(schedule, Exponential):
        proper = lr_scheduler.ExponentialLR(optimizer, schedule.factor)
    elif isinstance(schedule, Cosine):
        proper = lr_scheduler.CosineAnnealingLR(optimizer, schedule.steps - schedule.warmup, schedule.minimum)
    if not schedule.warmup:
        return proper
    ramp = lr_scheduler.LinearLR(optimizer, 1 / (schedule.warmup + 1), total_iters=schedule.warmup)
    return lr_scheduler.SequentialLR(optimizer, [ramp, proper], [schedule.warmup])


def their_trajectory(kind, options, schedule):
    """Return where PyTorch's parameters are after each step, and the rates of the steps."""
    parameters = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([parameters], lr=schedule.lr, **options)
    path, rates = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR warns of its own ways
        scheduler = their_schedule(schedule, optimizer)
        for t in range(STEPS):
            parameters.grad = torch.tensor(gradient(parameters.tolist(), t), dtype=torch.float64)
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
            path.append(parameters.tolist())
    return path, rates


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_hundred_steps_agree(name, whole):
    for schedule in SCHEDULES:
        recorded = RECORDED.get(f"{name} / {schedule}")
        if whole or recorded is not None:
            expected, rates = their_trajectory(*OPTIMIZERS[name], SCHEDULES[schedule])
            assert np.ptp(expected, axis=0).min() > 0.1  # they moved
            found = trajectory(*OPTIMIZERS[name], SCHEDULES[schedule])  # test_optim.py has the other ways
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
            assert [SCHEDULES[schedule](t) for t in range(STEPS)] == pytest.approx(rates, rel=1e-10, abs=1e-17)
        if recorded is not None:
            assert recorded == pytest.approx(expected[-1], rel=1e-12)


def test_defaults_agree_but_for_the_rate_of_sgd():
    for kind in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW"):
        theirs = getattr(torch.optim, kind)([torch.zeros(1)]).defaults
        ours = getattr(nn, kind)([Value(0.0)])
        options = {name: option for name, option in vars(ours).items() if name in theirs}
        assert options == {name: theirs[name] for name in options}
        assert ours.lr == (0.1 if kind == "SGD" else theirs["lr"])


def test_clipping_agrees():
    lengths = [1e-3, 1.0, 12.9, 13.0, 14.0, 1e6]
    directions = [[3.0, -4.0, 12.0], [0.0, 0.0, 0.0], [1e-9, 0.0, 1e-12], [1e150, 1.0, 0.0]]
    for gradients, max_norm in itertools.product(directions, lengths):
        parameters = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        parameters.grad = torch.tensor(gradients, dtype=torch.float64)
        norm = torch.nn.utils.clip_grad_norm_([parameters], max_norm).item()
        wanted = pytest.approx(norm, rel=1e-14), pytest.approx(parameters.grad.tolist(), rel=1e-14)
        values = [Value(0.0) for _ in gradients]
        for value, slope in zip(values, gradients, strict=True):
            value.grad = slope
        assert (clip_grad_norm(values, max_norm), [value.grad for value in values]) == wanted, (gradients, max_norm)
        vector, length = clipped(gradients, max_norm)
        assert (length, vector.tolist()) == wanted, (gradients, max_norm)
        assert math.isfinite(norm)
