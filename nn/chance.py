"""Chance: the random numbers that a model or a loss draws, such as those of a dropout.

A program that was traced once would repeat the numbers of that time for ever. So whoever tries one out has to know
whether any were drawn, and puts the generators back to where they were.
"""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from nn.modules import Module

Generator: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None]]  # what returns its state, and what sets it


@contextmanager
def chance_restored(model: Module) -> Iterator[Callable[[], bool]]:
    """Let a block draw random numbers as if it did not; yield what tells whether it has.

    Known are the generators of `random` and of NumPy, and those that are attributes of the model and of its parts.

    >>> from nn import MLP
    >>> with chance_restored(MLP(1, [1])) as drawn:
    ...     before, number, after = drawn(), random.random(), drawn()
    >>> before, after, random.random() == number
    (False, True, True)
    """
    generators = list(_generators(model, set()))
    states = [get() for get, _ in generators]
    first = [pickle.dumps(state) for state in states]
    try:
        yield lambda: [pickle.dumps(get()) for get, _ in generators] != first
    finally:
        for (_, put), state in zip(generators, states, strict=True):
            put(state)


def _generators(model: Module, seen: set[int]) -> Iterator[Generator]:
    yield random.getstate, random.setstate
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        yield numpy.random.get_state, numpy.random.set_state
    yield from _held(model, numpy, seen)


def _held(thing: Any, numpy: Any, seen: set[int]) -> Iterator[Generator]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, random.Random):
        yield thing.getstate, thing.setstate
    elif numpy is not None and isinstance(thing, numpy.random.RandomState):
        yield thing.get_state, thing.set_state
    elif numpy is not None and isinstance(thing, numpy.random.Generator):
        yield partial(getattr, thing.bit_generator, "state"), partial(setattr, thing.bit_generator, "state")
    elif isinstance(thing, (Module, dict, list, tuple)):
        parts = vars(thing) if isinstance(thing, Module) else thing
        for part in parts.values() if isinstance(parts, dict) else parts:
            yield from _held(part, numpy, seen)
