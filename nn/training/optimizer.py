"""Optimizer base class: one update formula, read with floats or with arrays.

The formula, `rule`, leads from a parameter, its gradient and what is remembered of earlier steps to the new ones of
each. Read with floats it is `step()`, which follows `backward()` and changes the parameters; read with arrays it is
`updated(theta, gradient)`, which compiled training calls where the rule is vectorized, and which costs no Python work
for each parameter. Both count the same steps and remember in the same place, so they may take turns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import is_not
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from autograd import Value
from autograd.engine import UNREACHED
from autograd.rules import real
from nn.training.checks import above_zero, not_negative, parameter_list, share, two_shares

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Array: TypeAlias = NDArray[np.float64]

# What the options of optimisers may be, by their names.
OPTIONS: dict[str, Callable[[Any, str], Any]] = {
    "alpha": share,
    "betas": two_shares,
    "eps": above_zero,
    "momentum": share,
    "weight_decay": not_negative,
}

RateOfStep: TypeAlias = Callable[[int], float]
Rate: TypeAlias = "float | RateOfStep"


class Optimizer:
    """Base class of optimisers: the parameters, the learning rate, and the state of each parameter.

    - `lr`: the learning rate, a number or a schedule, a function of the number of steps taken so far such as those of
      `nn.schedules`, and of nothing else: compiled training does not bring the model up to date for it. It may be
      assigned between steps; `rate` is the number that the next step takes.
    - `parameters`: those it was made for. `steps`: the number of steps taken.
    - `state`: what is remembered from step to step, by name, a number for each parameter. A step replaces it and
      changes no part of it, so whoever keeps `state` and `steps` from before a step can take the step back.
    - `vectorized`: whether the rule also takes arrays, of all parameters at once.

    An optimiser of your own is a class with the names of its `state` in `remembers`, and a `rule`:

    >>> class Heavy(Optimizer):
    ...     remembers = ("velocity",)
    ...     def rule(self, lr, t):
    ...         def update(p, g, v):
    ...             v = 0.5 * v - lr * g
    ...             return p + v, v
    ...         return update
    >>> x = Value(3.0)
    >>> optimizer = Heavy([x], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (x * x).backward()
    ...     optimizer.step()
    >>> optimizer.steps, round(x.data, 12)
    (2, 1.62)

    `fit` calls its `step()` after each gradient, also where that is compiled. A rule of operators and functions of
    `autograd`, of nothing but lr, t, p, g and what it remembers, takes arrays as well: `vectorized = True` in the class
    says so, and compiled training then works on arrays alone, as it does with those of `nn`. That is several times as
    fast for thousands of parameters, and what `backend="jax"` needs, there of operators and functions of `jax.numpy`.
    It is said of the methods of the class and of those it has from others; a subclass with methods of its own says it
    again, and a `step` or `zero_grad` of its own is called in any case. A step that is no rule of arrays finds the
    gradients of all Values that the model and the loss read; elsewhere compiled training has those of the parameters
    alone. What it changes beside parameters is read anew by the model and the loss in the next epoch, Values at once;
    where the first step changes what is no Value, training is not compiled.
    """

    remembers: ClassVar[tuple[str, ...]] = ()
    vectorized: ClassVar[bool] = False
    _reads: list[str] | None = None  # in a block of `reads_noted`, what was read

    def __init__(self, parameters: Iterable[Value], lr: Rate, **options: Any) -> None:
        self._parameters = parameter_list(parameters, type(self).__name__)
        self._held = tuple(self._parameters)
        self.lr = lr
        self._steps = 0
        names: Any = self.remembers
        if isinstance(names, str):
            raise TypeError(f"remembers is a tuple of names, got {names!r}; write ({names!r},) for one")
        self.state = {name: [0.0] * len(self.parameters) for name in names}
        for name, option in options.items():
            setattr(self, name, OPTIONS[name](option, name) if name in OPTIONS else option)

    @property
    def parameters(self) -> list[Value]:
        """The parameters, in the order of which `updated` takes its vectors."""
        return self._parameters

    @parameters.setter
    def parameters(self, others: Iterable[Value]) -> None:
        found = parameter_list(others, type(self).__name__)
        if set(found) != set(vars(self).setdefault("_held", tuple(found))):
            raise self._parameters_error()
        vars(self).setdefault("_parameters", found)

    def _parameters_error(self) -> AttributeError:
        return AttributeError(
            "the parameters of an optimizer stay the same, since its state has a number for each; for others write "
            f"{type(self).__name__}(parameters, lr=...), and in training call fit again with it"
        )

    def _check_parameters(self) -> None:
        """Raise AttributeError where the list of parameters was changed in place."""
        now, held = self._parameters, self._held
        if len(now) != len(held) or any(map(is_not, now, held)):
            raise self._parameters_error()

    @property
    def state(self) -> dict[str, Any]:
        """What is remembered, by the names in `remembers`: a number for each parameter, in a list or an array."""
        if self._reads is not None:
            self._reads.append("state")
        return self._state

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        names, count = self.remembers, len(self._held)
        parts = dict(state)
        counts = {name: len(part) if hasattr(part, "__len__") else 1 for name, part in parts.items()}
        if counts == dict.fromkeys(names, count):
            parts = {name: parts[name] for name in names}
        elif self.steps_by_rule:
            wanted = ", ".join(map(repr, names)) or "nothing"
            found = ", ".join(f"{size} of {name!r}" for name, size in counts.items()) or "nothing"
            raise ValueError(f"the state of {type(self).__name__} is {wanted}: {count} numbers of each, got {found}")
        self._state = parts

    @property
    def steps(self) -> int:
        """The number of steps taken."""
        if self._reads is not None:
            self._reads.append("steps")
        return self._steps

    @steps.setter
    def steps(self, count: int) -> None:
        self._steps = count

    @contextmanager
    def reads_noted(self) -> Iterator[list[str]]:
        """Note in this block that the state, or the number of steps, or the rate that follows from it, is read."""
        before, self._reads = self._reads, []
        try:
            yield self._reads
        finally:
            self._reads = before

    @property
    def lr(self) -> Rate:
        """The learning rate as it was given, a number or a schedule."""
        return self._lr

    @lr.setter
    def lr(self, lr: Rate) -> None:
        if isinstance(lr, type):
            raise TypeError(f"lr, the learning rate, is a number or a schedule, got a class; write {lr.__name__}(...)")
        if not callable(lr):
            above_zero(lr, "lr", ", the learning rate,")
        self._lr = lr

    @property
    def rate(self) -> float:
        """The learning rate of the next step.

        >>> from nn import SGD
        >>> SGD([Value(1.0)], lr=lambda t: 0.5 / (1 + t)).rate
        0.5
        """
        return self.rate_after(self.steps)

    def rates_after(self, counts: Iterable[int]) -> list[float]:
        """Return the learning rates of the steps that come after these numbers of steps.

        >>> from nn import SGD
        >>> SGD([Value(1.0)], lr=lambda t: 0.5 / (1 + t)).rates_after(range(2))
        [0.5, 0.25]
        """
        before, rates = self._steps, []
        try:
            for self._steps in counts:
                rates.append(self.rate)
        finally:
            self._steps = before
        return rates

    def rate_after(self, steps: int) -> float:
        """Return the learning rate of the step that comes after so many."""
        if not callable(self._lr):
            return float(self._lr)
        rate = real(self._lr(steps), "a schedule's rate")
        if not 0.0 <= rate < math.inf:
            raise ValueError(f"a schedule's rate is 0 or more and finite, got {rate!r} after {steps} steps")
        return rate

    @property
    def options(self) -> dict[str, Any]:
        """The options beside the learning rate, by name.

        >>> from nn import SGD
        >>> SGD([Value(1.0)], momentum=0.9).options
        {'momentum': 0.9, 'nesterov': False, 'weight_decay': 0.0}
        """
        return {name: option for name, option in vars(self).items() if name not in _COMMON}

    def rule(self, lr: float, t: int) -> Callable[..., tuple[Any, ...]]:
        """Return the formula of step t (1, 2, ...): (p, g, *state) to the new (p, *state), of floats or of arrays."""
        raise NotImplementedError(f"{type(self).__name__} defines no rule(self, lr, t)")

    def step(self) -> None:
        """Change each parameter by its gradient: all of them, or, if an error occurs on the way, none.

        A gradient of None is 0.0, with which weight decay and momentum go on; in PyTorch the parameter stays as it is.
        """
        self._check_parameters()
        update = self.rule(self.rate, self.steps + 1)
        state = [numbers if isinstance(numbers, list) else numbers.tolist() for numbers in self.state.values()]
        data, gradients = [p.data for p in self.parameters], [p.grad or 0.0 for p in self.parameters]
        found = list(map(update, data, gradients, *state))
        self._check_result(found[0])
        new, *state = map(list, zip(*found, strict=True))
        self._remember(state)
        for parameter, number in zip(self.parameters, new, strict=True):
            parameter.data = number

    def updated(self, theta: ArrayLike, gradient: ArrayLike) -> Array:
        """Return the parameters after a step, from vectors of them and of their gradients; touches no Value.

        >>> from nn import SGD
        >>> SGD([Value(3.0), Value(1.0)], lr=0.5).updated([3.0, 1.0], [4.0, 2.0])
        array([1., 0.])
        """
        import numpy as np

        self._check_parameters()
        vectors = [np.asarray(vector, dtype=float).view() for vector in (theta, gradient, *self.state.values())]
        for vector in vectors:
            vector.flags.writeable = False  # a step may be taken back
        for name, vector in zip(("theta", "gradient"), vectors, strict=False):
            if vector.shape != (len(self.parameters),):
                raise ValueError(
                    f"{name} is a vector with a number for each of {len(self.parameters)} parameters, "
                    f"got the shape {vector.shape}"
                )
        update = self.rule(self.rate, self.steps + 1)
        try:
            with np.errstate(all="ignore"):  # what overflows becomes infinite, as it does in floats
                found = update(*vectors)
        except (TypeError, ValueError, AttributeError) as error:
            try:
                _ = [*map(update, *[vector.tolist() for vector in vectors])]
            except Exception as own:
                if (type(own), str(own)) == (type(error), str(error)):  # the rule's, of numbers too
                    raise
            remedy = "write v ** 0.5 for math.sqrt(v), autograd.maximum for max, where(condition, a, b) for an if"
            if "read-only" in str(error):
                remedy = "write p = p + v for p += v, which changes what the rule is given"
            raise TypeError(
                f"the rule of {type(self).__name__} takes no arrays, as vectorized in its class says: {error}; {remedy}"
            ) from error
        self._check_result(found)
        shape = vectors[0].shape
        new, *state = [part if np.shape(part) == shape else np.full(shape, part) for part in found]
        self._remember(state)
        return new

    def _check_result(self, found: Any) -> None:
        """Raise TypeError if it is not what a rule returns: the new parameter, and all that it remembers."""
        wanted = 1 + len(self.state)
        if not isinstance(found, (tuple, list)) or len(found) != wanted:
            got = f"{len(found)} of them" if isinstance(found, (tuple, list)) else f"a {type(found).__name__}"
            names = "".join(f" {name}," for name in self.state)
            raise TypeError(
                f"the rule of {type(self).__name__} returns a tuple of {wanted}, (p,{names}): the new parameter and "
                f"what it remembers; got {got}"
            )

    @property
    def takes_arrays(self) -> bool:
        """Whether `updated` does what `step` does: where the class that has its methods says that it is vectorized.

        >>> from nn import SGD
        >>> class Projected(SGD):
        ...     def step(self):
        ...         super().step()
        ...         for p in self.parameters:
        ...             p.data = max(p.data, 0.0)
        >>> SGD([Value(1.0)]).takes_arrays, Projected([Value(1.0)]).takes_arrays
        (True, False)
        """
        if any(hasattr(getattr(type(self), name, None), "__get__") for name in vars(self)):  # step = ..., of one alone
            return False
        if self._overrides("step", "zero_grad") and not self._overrides("updated"):
            return False
        kinds = type(self).__mro__
        saying = next(kind for kind in kinds if "vectorized" in vars(kind))
        return bool(vars(saying)["vectorized"]) and all(kind in saying.__mro__ for kind in kinds if _has_methods(kind))

    @property
    def steps_by_rule(self) -> bool:
        """Whether a step is what the rule says, and no more: its methods are those of this class."""
        return not self._overrides("step", "zero_grad", "updated")

    def _overrides(self, *names: str) -> bool:
        own = vars(self).keys() | {name for kind in type(self).__mro__ if kind is not Optimizer for name in vars(kind)}
        return not own.isdisjoint(names)

    def _remember(self, state: Sequence[Any]) -> None:
        """Take over what a step has made of the state, in the order of `remembers`, and count the step."""
        self.state = dict(zip(self.state, state, strict=True))
        self.steps += 1

    def zero_grad(self) -> None:
        """Forget the gradients, before the next ones add to them."""
        for parameter in self.parameters:
            parameter.adjoint = UNREACHED  # a leaf has no nodes behind it, which Value.zero_grad looks for

    def __repr__(self) -> str:
        shown = "".join(f", {name}={option!r}" for name, option in self.options.items())
        count = len(self.parameters)
        return f"{type(self).__name__}({count} parameter{'s' * (count != 1)}, lr={self.lr!r}{shown})"


_COMMON = ("_parameters", "_held", "_lr", "_steps", "_reads", "_state")


def _has_methods(kind: type) -> bool:
    """Whether a class defines methods or properties of its own, beside those of Python such as `__init__`."""
    return any(hasattr(member, "__get__") for name, member in vars(kind).items() if not name.startswith("__"))
