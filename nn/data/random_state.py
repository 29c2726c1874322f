"""Random state: the generator of a seed, and those of a model or a loss that draws random numbers, as a dropout does.

A program that was traced once would repeat the numbers of that time for ever. So whoever tries one out has to know
whether any were drawn, and puts the generators back to where they were.
"""

from __future__ import annotations

import operator
import pickle
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache, partial
from typing import Any, TypeAlias

from autograd.rules import with_article
from nn.training.side_effects import things_held

Seed: TypeAlias = int | random.Random | None
Access: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None]]  # what returns a generator's state, what sets it


def generator(seed: Seed) -> random.Random:
    """Return the generator of a seed; without one it is seeded by the module `random`, hence by `random.seed`."""
    if isinstance(seed, random.Random):
        return seed
    return random.Random(random.getrandbits(64) if seed is None else seed_number(seed))


def seed_number(seed: Any, bits: int | None = None) -> int:
    """Return a seed, Python's or NumPy's, as a whole number; -1 is none, since `random` takes it for 1."""
    try:
        number = operator.index(seed)
    except TypeError:
        found = f"{with_article(seed)}: {seed!r:.60}"
        raise TypeError(f"a seed is a whole number or a random.Random, got {found}") from None
    if number < 0 or (bits and number >> bits):
        raise ValueError(f"a seed is a whole number, 0 {f'to 2**{bits} - 1' if bits else 'or more'}, got {number}")
    return number


@contextmanager
def chance_restored(generators: Sequence[Access], trial: Callable[[], Any]) -> Iterator[Callable[[], bool]]:
    """Restore the random state after a block; yield a function that tells whether a model drew numbers in it.

    Known are its own generators, as of `generators_of(model)`, and those of `random` and of NumPy. Other threads draw
    from these two as well. So where there are any, `trial`, a short run of the model, shows whether it calls them. And
    only the main thread puts these two back.

    >>> with chance_restored([], random.random) as drawn:
    ...     before, number, after = drawn(), random.random(), drawn()
    >>> before, after, random.random() == number
    (False, True, True)
    """
    own, shared = _States(generators), _States(_of_all())

    @cache
    def draws() -> bool:
        """Whether it is the model that draws from those that all threads have in common."""
        return threading.active_count() == 1 or _draws(trial)

    def drawn() -> bool:
        return own.moved() or (shared.moved() and draws())

    try:
        yield drawn
    finally:
        if threading.current_thread() is threading.main_thread() and shared.moved() and drawn():
            shared.restore()
        own.restore()


class _States:
    """Generators with the states that they have now."""

    def __init__(self, generators: Sequence[Access]) -> None:
        self.generators = generators
        self.states = [get() for get, _ in generators]
        self.first = pickle.dumps(self.states)

    def moved(self) -> bool:
        return pickle.dumps([get() for get, _ in self.generators]) != self.first

    def restore(self) -> None:
        for (_, put), state in zip(self.generators, self.states, strict=True):
            put(state)


def _draws(trial: Callable[[], Any]) -> bool:
    """Whether this thread draws from the generators of `random` or of NumPy in a trial, whatever others do meanwhile.

    A profiler sees what it calls in `random`. The functions of NumPy it does not see; there the others wait, but for a
    NumPy whose lock this thread cannot take twice.
    """
    numpy, called = _numpy(), []
    lock = None if numpy is None else numpy.random.get_bit_generator().lock
    generator = getattr(random.random, "__self__", None)

    def profile(frame: Any, event: str, function: Any) -> None:
        if event == "c_call" and getattr(function, "__self__", None) is generator:
            called.append(function.__name__)

    with lock if isinstance(lock, type(threading.RLock())) else nullcontext():
        states, before = _States(_of_all()[1:]), sys.getprofile()
        sys.setprofile(profile)
        try:
            with suppress(Exception):  # which is raised where it is no trial
                trial()
        finally:
            sys.setprofile(before)
        return states.moved() or not {"getstate", "setstate"}.issuperset(called)


def _of_all() -> list[Access]:
    """Return the generators that all threads have in common."""
    numpy = _numpy()
    of_numpy = [] if numpy is None else [(numpy.random.get_state, numpy.random.set_state)]
    return [(random.getstate, random.setstate), *of_numpy]


def _numpy() -> Any:
    """Return NumPy where it is imported, or is being imported by another thread, for which this one waits."""
    if sys.modules.get("numpy") is None:
        return None
    import numpy

    return numpy


def generators_of(*things: Any) -> list[Access]:
    """Return the generators that a model, a loss or examples lead to, by attributes, containers and closures."""
    numpy = _numpy()
    kinds: tuple[type, ...] = (random.Random,)
    if numpy is not None:
        kinds += numpy.random.RandomState, numpy.random.Generator
    if torch := sys.modules.get("torch"):
        kinds += (torch.Generator,)
    found = [part for part in things_held(*things) if issubclass(type(part), kinds)]
    return [_access(part) for part in found if not isinstance(part, random.SystemRandom)]  # which has no state


def _access(thing: Any) -> Access:
    if isinstance(thing, random.Random):
        return thing.getstate, thing.setstate
    if hasattr(thing, "bit_generator"):
        return partial(getattr, thing.bit_generator, "state"), partial(setattr, thing.bit_generator, "state")
    return thing.get_state, thing.set_state
