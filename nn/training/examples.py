"""Examples and batches: inputs with their targets, and the outputs of a model for them."""

from __future__ import annotations

import hashlib
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import autograd
from autograd import Value, no_grad
from autograd.functions import flatten
from autograd.functions.structure import map_values
from autograd.rules import real
from nn.data.random_state import chance_restored, generators_of
from nn.training.checks import plain
from nn.training.metrics import Metric
from nn.training.side_effects import state_restored
from nn.training.splits import Data, Rows, is_stored

MANY_INPUTS = 500  # inputs for which it pays to compile a model
COMPARED = 10  # of these, by which the compiled model is compared with the eager one


@dataclass
class Examples:
    """Inputs and targets, or those rows of them that are a batch; flattened too, where steps are compiled."""

    inputs: Data
    targets: Data
    arrays: tuple[Any, ...] = ()
    rows: Sequence[int] | None = None
    known: dict[int, list[int]] = field(default_factory=dict, init=False, repr=False)  # those that are representative

    def batch(self, rows: Sequence[int] | None) -> Examples:
        """Return the examples of these numbers; None stands for all."""
        if rows is None:
            return self
        return Examples(self.inputs, self.targets, tuple([part.take(rows) for part in self.arrays]), rows)

    def digests(self) -> list[bytes | None]:
        """Return what tells whether inputs, and targets, are changed in place; None where they cannot be pickled.

        >>> examples = Examples([[1.0], [2.0]], [0, 1])
        >>> before, examples.inputs[0][0] = examples.digests(), 1.5
        >>> [found == seen for found, seen in zip(examples.digests(), before)]
        [False, True]
        """
        return [_digest(_as_given(part)) for part in (self.inputs, self.targets)]

    @property
    def generated(self) -> list[Data]:
        """Inputs and targets of a class of one's own, which may return others when it is asked again."""
        return [part for part in (self.inputs, self.targets) if not is_stored(part)]

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of the examples, from 0."""
        return range(len(self.inputs)) if self.rows is None else self.rows

    @property
    def x(self) -> list[Any]:
        """The inputs."""
        return [self.inputs[i] for i in self.numbers]

    @property
    def y(self) -> list[Any]:
        """The targets."""
        return [self.targets[i] for i in self.numbers]

    def oddity(self) -> str:
        """Return which input or target is not finite, if one is.

        >>> Examples([1.0, 2.0], [0, math.nan]).oddity()
        'target number 1, counted from 0, is nan'
        """
        for i in self.numbers:
            for name, part in (("input", self.inputs[i]), ("target", self.targets[i])):
                if _is_odd(part):
                    return f"{name} number {i}, counted from 0, is {plain(part)!r}"
        return ""

    def representative(self, count: int) -> list[int]:
        """Return the numbers of a few representative examples, at least two: with each target and length.

        >>> Examples(list(range(9)), [0, 0, 0, 0, 0, 0, 0, 1, 0]).representative(3)
        [0, 7, 3, 6]
        """
        if count not in self.known:
            self.known[count] = self._chosen(count)
        return self.known[count]

    def _chosen(self, count: int) -> list[int]:
        size = len(self.targets)
        firsts = {repr(plain(self.targets[i])): i for i in reversed(range(size))}
        lengths = {_length(x): i for i, x in reversed(list(enumerate(self.inputs)))}
        spread = range(0, size, max(1, size // count))
        chosen = [*sorted(firsts.values())[:count], *sorted(lengths.values())[:count], *spread[:count]]
        chosen = list(dict.fromkeys(chosen))
        return chosen if len(chosen) > 1 else chosen * 2


def _digest(thing: Any) -> bytes | None:
    found = hashlib.blake2b()
    try:
        pickle.Pickler(SimpleNamespace(write=found.update)).dump(thing)
    except Exception:  # of a class of one's own, for one
        try:
            found.update(repr([flatten(row)[0] for row in thing]).encode())
        except Exception:
            return None
    return found.digest()


def _as_given(part: Data) -> Any:
    """Return what holds the numbers of examples: itself, or its rows, which a class of one's own may have elsewhere."""
    return part if is_stored(part) and not isinstance(part, Rows) else [part[i] for i in range(len(part))]


def _length(x: Any) -> int:
    try:
        return len(x)
    except TypeError:  # a number, or an array of shape ()
        return 1


def _is_odd(part: Any) -> bool:
    numbers = plain(list(part.values()) if isinstance(part, Mapping) else part)
    if isinstance(numbers, list):
        return any(map(_is_odd, numbers))
    return isinstance(numbers, float) and not math.isfinite(numbers)


def evaluated(model: Any, X: Data, y: Data, loss: Any) -> tuple[float, list[Any]]:
    """Return the loss and the outputs for examples, computed eagerly and without a graph."""
    outputs = [output_of(model, x) for x in X]
    with no_grad():
        total = loss(outputs, y)
    return plain_number(total, "a loss"), outputs


def output_of(model: Any, x: Any) -> Any:
    """Return a model's output, without its graph.

    The graph is made all the same: what a model keeps of a call in `no_grad` would be leaves, as its parameters are.
    """
    return map_values(model(x), lambda y: y.detach() if isinstance(y, Value) else y)


def outputs_of(model: Callable[[Any], Any], X: Data) -> list[Any]:
    """Return a model's outputs, as plain numbers: of many inputs on arrays where it compiles, else one by one.

    >>> outputs_of(lambda x: [2.0 * x[0], x[0] + x[1]], [[1.0, 2.0], [3.0, 4.0]])
    [[2.0, 3.0], [6.0, 7.0]]
    """
    if len(X) < MANY_INPUTS:
        return [_output(model, x) for x in X]
    try:
        with chance_restored(generators_of(model), lambda: _output(model, X[0])) as drawn:
            with state_restored(model):
                found = one_by_one(autograd.compile(lambda x: model(x), batched="x").each(X))
            few = range(0, len(X), max(1, len(X) // COMPARED))
            if not drawn() and all(_agree(found[i], _output(model, X[i])) for i in few):
                return found
    except (ImportError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        pass  # what is wrong with the model, and not with compiling it, is said below
    return [_output(model, x) for x in X]


def _output(model: Any, x: Any) -> Any:
    with no_grad():
        return plain_outputs(model(x))


def _agree(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    return isinstance(one, float) and isinstance(other, float) and (math.isclose(one, other) or one != one != other)


def judged(metric: Metric | None, outputs: Any, y: Data) -> float | None:
    """Return the metric of outputs, which it takes as plain numbers, and of targets as they were given."""
    return None if metric is None else plain_number(metric(plain_outputs(outputs), y), "a metric")


def plain_number(found: Any, asker: str = "nn") -> float:
    """Return the data of a Value, or a plain number as a float."""
    return found.data if isinstance(found, Value) else real(found, asker)


def plain_outputs(outputs: Any) -> Any:
    """Return outputs with floats in place of Values, and lists in place of tuples and arrays.

    >>> plain_outputs([(Value(1.0), 2.0), (3.0, 4.0)])
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if isinstance(outputs, Mapping):
        return {name: plain_outputs(part) for name, part in outputs.items()}
    parts = plain(outputs)
    if isinstance(parts, list):
        return [plain_outputs(part) for part in parts]
    return plain_number(parts, "an output")


def one_by_one(columns: Any) -> list[Any]:
    """Return outputs as a list with one for each example, from a structure of arrays with a number for each.

    >>> import numpy as np
    >>> one_by_one([np.array([1.0, 3.0]), np.array([2.0, 4.0])])
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if isinstance(columns, Mapping):
        parts = map(one_by_one, columns.values())
        return [dict(zip(columns, row, strict=True)) for row in zip(*parts, strict=True)]
    if isinstance(columns, (list, tuple)):
        return [list(row) for row in zip(*map(one_by_one, columns), strict=True)]
    if not hasattr(columns, "tolist"):  # an object of a class of one's own
        plain_outputs(columns)
    return columns.tolist()  # type: ignore[no-any-return]
