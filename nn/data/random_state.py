"""Random state: the generators of a model or a loss that draws random numbers, as a dropout does.

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

from nn.training.parameters import held

Generator: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None]]  # what returns its state, and what sets it


@contextmanager
def chance_restored(model: Any) -> Iterator[Callable[[], bool]]:
    """Restore the random state after a block; yield a function that tells whether numbers were drawn in it.

    Known are the generators of `random` and of NumPy, and those that are attributes of the model and of its parts.

    >>> from nn import MLP
    >>> with chance_restored(MLP(1, [1])) as drawn:
    ...     before, number, after = drawn(), random.random(), drawn()
    >>> before, after, random.random() == number
    (False, True, True)
    """
    generators = list(_generators(model))
    states = [get() for get, _ in generators]
    first = [pickle.dumps(state) for state in states]
    try:
        yield lambda: [pickle.dumps(get()) for get, _ in generators] != first
    finally:
        for (_, put), state in zip(generators, states, strict=True):
            put(state)


def _generators(model: Any) -> Iterator[Generator]:
    yield random.getstate, random.setstate
    numpy = sys.modules.get("numpy")
    kinds: tuple[type, ...] = (random.Random,)
    if numpy is not None:
        yield numpy.random.get_state, numpy.random.set_state
        kinds += numpy.random.RandomState, numpy.random.Generator
    for thing in {id(thing): thing for _, thing in held(model, kinds)}.values():
        if isinstance(thing, random.Random):
            yield thing.getstate, thing.setstate
        elif hasattr(thing, "bit_generator"):
            yield partial(getattr, thing.bit_generator, "state"), partial(setattr, thing.bit_generator, "state")
        else:
            yield thing.get_state, thing.set_state
