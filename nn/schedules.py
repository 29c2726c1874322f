"""Learning-rate schedules: rates that change while training goes on.

A schedule is a function of t, the number of steps taken so far; an optimiser takes one in place of a number for `lr`,
and asks it before each step. Those here are plain numbers with a formula: they print, compare and pickle. Any other
function of t will do, such as `lambda t: 0.1 / (1 + t)`.

All warm up on request: for the first `warmup` steps the rate climbs a straight line to `lr`, lr (t + 1) / (warmup + 1),
and then the schedule proper begins. Source: Goyal et al. 2017, "Accurate, Large Minibatch SGD", arXiv:1706.02677, 2.2.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

from autograd import cos, minimum
from autograd.rules import real
from nn.training.checks import above_zero, whole


@dataclass(frozen=True)
class Schedule:
    """Base class of schedules: a first rate `lr`, and a linear warm-up of so many steps before it."""

    lr: float
    _: KW_ONLY
    warmup: int = 0

    def __post_init__(self) -> None:
        above_zero(self.lr, "lr", ", the learning rate,")
        whole(self.warmup, "warmup", 0)

    def __call__(self, t: int) -> float:
        """Return the learning rate of the step that comes after t steps."""
        return self.before(t) if t < self.warmup else self.after(t - self.warmup)

    def before(self, t: int) -> float:
        """Return the learning rate t steps into the warm-up."""
        return self.lr * (t + 1) / (self.warmup + 1)

    def after(self, t: int) -> float:
        """Return the learning rate t steps after the warm-up; every schedule has its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no after(self, t)")


@dataclass(frozen=True)
class Constant(Schedule):
    """A constant rate: lr.

    >>> rate = Constant(0.3, warmup=2)
    >>> [round(rate(t), 3) for t in range(5)]
    [0.1, 0.2, 0.3, 0.3, 0.3]
    """

    def after(self, t: int) -> float:
        """Return lr."""
        return self.lr


@dataclass(frozen=True)
class Step(Schedule):
    """Step decay: lr factor^floor(t / every).

    Source: Krizhevsky, Sutskever & Hinton 2012, "ImageNet Classification with Deep Convolutional Neural Networks", 5.

    >>> rate = Step(0.1, every=2, factor=0.5)
    >>> [rate(t) for t in range(5)]
    [0.1, 0.1, 0.05, 0.05, 0.025]
    """

    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self.every, "every", 1)
        _check_factor(self.factor)

    def after(self, t: int) -> float:
        """Return lr factor^floor(t / every)."""
        return self.lr * self.factor ** (t // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay: lr factor^t.

    Source: Senior et al. 2013, "An Empirical Study of Learning Rates in Deep Neural Networks for Speech Recognition".

    >>> rate = Exponential(0.8, factor=0.5)
    >>> [rate(t) for t in range(4)]
    [0.8, 0.4, 0.2, 0.1]
    """

    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_factor(self.factor)

    def after(self, t: int) -> float:
        """Return lr factor^t."""
        return self.lr * self.factor**t


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine annealing: minimum + (lr - minimum) (1 + cos(π t / T)) / 2, until t = T.

    T is what the warm-up leaves of `steps`, so training of so many steps ends with the wave; later the minimum stays.

    Source: Loshchilov & Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", arXiv:1608.03983,
    equation 5, without restarts.

    >>> rate = Cosine(0.1, steps=4)
    >>> [round(rate(t), 4) for t in range(6)]
    [0.1, 0.0854, 0.05, 0.0146, 0.0, 0.0]
    """

    steps: int
    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self.steps, "steps", 1)
        if self.steps <= self.warmup:
            raise ValueError(f"steps counts the warm-up too, so it is above {self.warmup}, got {self.steps}")
        if not 0.0 <= real(self.minimum, "minimum") <= self.lr:
            raise ValueError(f"minimum is a learning rate from 0 to lr, {self.lr!r}, got {self.minimum!r}")

    def after(self, t: int) -> float:
        """Return minimum + (lr - minimum) (1 + cos(π t / T)) / 2."""
        wave = minimum(t / (self.steps - self.warmup), 1.0)
        return self.minimum + (self.lr - self.minimum) * (1.0 + cos(math.pi * wave)) / 2.0


def _check_factor(factor: float) -> None:
    if not 0.0 < real(factor, "factor") <= 1.0:
        raise ValueError(f"factor, by which the rate shrinks, is above 0 and at most 1, got {factor!r}")
