"""Side effects of calls: what a model or a loss keeps of them, and how a trace or a trial leaves nothing of it.

A trace calls a model on Values that stand for numbers. What it kept of them would be no number, and what it made of
that in later calls would have a graph that grows, so these Values are taken out of where it keeps them. What else it
kept stays: it may be of another thread. A trial leaves nothing at all: what is of the first call is of the first batch.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import is_
from typing import Any

from autograd import Value
from autograd.compiler.trace import Argument
from autograd.engine import clock
from nn.training._places import FEW, Fields, base_of, contents_of, places_of, things_in
from nn.training.interrupts import interrupts_wait
from nn.training.parameters import WITHOUT_PARTS


def puts_back() -> bool:
    """Whether this thread may put everything back after a trial: the main one, since others share what they keep."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def state_restored(*things: Any, wholly: bool | Callable[[], bool] = False) -> Iterator[list[tuple[Any, Any]]]:
    """Take out after a block the Values made in it that these things keep, in attributes, variables and containers.

    Attributes, variables and dicts in which there are any are then what they were before; lists and sets are too, but
    for other things that were added. `wholly`: put back everything, also numbers; a function is asked after the block.
    Yields a list, which afterwards has the places where anything changed, each with what it held then.

    >>> seen, last = [1.0], {}
    >>> with state_restored(seen, last) as changed:
    ...     seen += [2.0, Value(2.0)]
    ...     last["x"] = Value(2.0)
    >>> seen, last
    ([1.0, 2.0], {})
    >>> len(changed)
    2
    """
    known: dict[int, Any] = {}
    kept = [(place, before) for place, before in places_of(things, known) if not isinstance(place, tuple)]
    since = clock.advance()
    changed: list[tuple[Any, Any]] = []

    def leads_to_new(thing: Any) -> bool:
        """Whether a thing is a Value made in the block, or leads to one by what was not there before."""
        found = (part for _, contents in places_of([thing], {}, known) for part in things_in(contents))
        return any(isinstance(part, Value) and _is_new(part, since) for part in (thing, *found))

    try:
        yield changed
    finally:
        with interrupts_wait():
            all_of_it = wholly() if callable(wholly) else wholly
            for place, before in kept:
                now = contents_of(place)
                if len(now) != len(before) or not all(map(is_, things_in(now), things_in(before))):
                    changed.append((place, now))
                    ids = {*map(id, things_in(before))}
                    taken = [
                        part for part in things_in(now) if id(part) not in ids and (all_of_it or leads_to_new(part))
                    ]
                    if taken or all_of_it:
                        _put_back(place, before, now, taken)


def things_held(*things: Any) -> Iterator[Any]:
    """Yield these things and what they lead to, but for numbers, texts and Values.

    >>> [*things_held([1.0, {"a": (None,)}])]
    [[1.0, {'a': (None,)}], {'a': (None,)}, (None,)]
    """
    opened: dict[int, Any] = {}
    for _ in places_of(things, opened):
        pass
    yield from opened.values()


def history_of(call: Callable[[Any], Any], first: Any, then: Any, *things: Any) -> tuple[bool, bool, bool]:
    """Return whether these things keep anything of a call; and whether that, and its result, depends on an earlier one.

    It is called for `then` alone, and once more after `first`. What is another each time, as a time is, depends on no
    call, nor does an entry of a dict that stays what it was, as in a cache. Everything is put back. Where it raises,
    nothing is known.

    >>> total, last = [0.0], {}
    >>> def adding(x):
    ...     total[0] += x
    >>> history_of(adding, 1.0, 2.0, total), history_of(last.update, {"x": 1.0}, {"x": 2.0}, last)
    ((True, True, False), (True, False, False))
    """
    known = {id(part): part for part in things_held(*things)}  # what was there before is known by itself

    def run(*given: Any) -> tuple[list[str], dict[Any, list[str]]]:
        with state_restored(*things, wholly=True) as changed:
            *_, result = map(call, given)
            recorded = _recorded([result], known)
        kept = {(_key(place), name): part for place, now in changed for name, part in _entries(now, known)}
        return recorded, kept

    try:
        result, kept = run(then)
        if not kept:
            return False, False, False
        later, after = run(first, then)
        if result == later and all(part == after.get(name) for name, part in kept.items()):
            return True, False, False
        (again, fresh), (_, repeated) = run(then), run(first, then)
    except Exception:  # of the user's code, whose error is raised in training
        return True, False, False
    same = {name for name, part in kept.items() if part == fresh.get(name) and after.get(name) == repeated.get(name)}
    adds_up = any(kept[name] != after.get(name) for name in same)
    return True, adds_up, result == again != later


def _key(place: Any) -> Any:
    return (id(place.owner), *place.names) if isinstance(place, Fields) else id(place)


def _entries(now: Any, known: Mapping[int, Any]) -> Iterator[tuple[Any, list[str]]]:
    """Yield what a place holds, by name where it has names."""
    if isinstance(now, dict):
        for name, part in now.items():
            yield _mark(name, known), _recorded([part], known)
    else:
        yield None, _recorded(now, known)


def _recorded(parts: Sequence[Any], known: Mapping[int, Any]) -> list[str]:
    """Return what tells things apart from others: numbers, and the types of what else is new, in no order."""
    inner = (part for _, within in places_of(parts, {}, known) for part in things_in(within))
    return sorted(_mark(part, known) for part in (*parts, *inner))


def _mark(part: Any, known: Mapping[int, Any]) -> str:
    if issubclass(type(part), Value):
        return repr(part.number)
    if type(part) in WITHOUT_PARTS:
        return repr(part)
    if id(part) in known:
        return str(id(part))
    is_small = hasattr(type(part), "tolist") and math.prod(getattr(part, "shape", ())) <= FEW
    return repr(part.tolist()) if is_small else f"{type(part).__qualname__} {getattr(part, 'shape', '')}"


def _is_new(value: Value, since: int) -> bool:
    return value.stamp.born >= since or isinstance(value, Argument)  # of a trace that began before


def _put_back(place: Any, before: Any, now: Any, taken: list[Any]) -> None:
    """Give a place what it held before; a list or set has behind that what else it got, but for what is taken out."""
    base = base_of(place)
    if isinstance(before, dict):
        in_turn = [key for key in now if key in before] == [key for key in before if key in now]
        for key in now:
            if not (in_turn and key in before):
                base.pop(place, key, None)
        for key, part in before.items():
            if not (in_turn and key in now and now[key] is part):
                base.__setitem__(place, key, part)
    elif base is object:
        for i, part in enumerate(before):
            place.flat[i] = part
    elif base is set:
        set.difference_update(place, taken)
        set.update(place, before)
    else:
        ids = {*map(id, before), *map(id, taken)}
        held = [*before, *[part for part in base.__iter__(place) if id(part) not in ids]]
        if base is list:
            list.__setitem__(place, slice(None), held)
        else:
            deque.clear(place)
            deque.extend(place, held)
