"""Update formulas in JavaScript: the `rule` of an optimiser and the rate of a schedule, read with symbols.

A rule is read as floats and arrays read it, with symbols in place of numbers: parameter, gradient and state, learning
rate and step, and its options. Where it asks whether an option is set (`if momentum:`), it is read both ways, and the
question becomes one of the page's own. So an option can be changed there, and an optimiser of one's own runs there too.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from autograd import Value, where
from autograd.compiler.function import assigned
from autograd.export.typed_arrays import row_functions
from autograd.rules import Dialect, Expression, check_agrees, symbol, walk
from nn.schedules import Schedule
from nn.training.optimizer import Optimizer

UNREADABLE_RULE = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, NotImplementedError)
# Numbers for parameters, gradients and state: a rule that compares them with a bound is another one at some of these.
ALL_SIZES = (0.5, -0.25, 1e-150, -1e150, 1e150, math.nan)
ELEMENTS = ("p", "g", "s")  # what the names begin with that stand for one parameter's numbers


class _UndecidedError(Exception):
    """A rule asks whether an option is set, and it is not decided yet: both answers are to be read."""


class _Option(Expression):
    """An option as a symbol, which may be asked whether it is set."""

    __slots__ = ("decided",)

    def __init__(self, key: str, decided: Mapping[str, bool]) -> None:
        super().__init__(None, [key])
        self.decided = decided

    def __bool__(self) -> bool:
        if self.key not in self.decided:
            raise _UndecidedError(self.key)
        return self.decided[self.key]


def update_source(optimizer: Optimizer) -> str:
    """Return an optimiser's step as a JavaScript function that changes `theta` and the vectors in `state` in place.

    >>> from autograd import Value
    >>> from nn import SGD
    >>> print(update_source(SGD([Value(1.0)])).splitlines()[0])
    (o, lr, t, theta, gradient, state) => {

    Raises TypeError for a rule that wants floats, as one with functions of `math` does, that looks at parameters, or
    asks what it is given, by isinstance or a look-up in a set; and for an optimiser whose `step` is not its rule's.
    """
    if not optimizer.steps_by_rule:
        _refuse(optimizer, TypeError("its class overrides step, zero_grad or updated, which a page does not call"))
    state = [f"s{number}" for number in range(len(optimizer.remembers))]
    functions, twin, options = row_functions(), copy.copy(optimizer), options_of(optimizer)

    def read_at(steps: int, number: float) -> list[str]:
        twin.steps, twin.state = steps, {name: [number] * len(kept) for name, kept in optimizer.state.items()}
        with _numbers_of(optimizer.parameters, number):
            return read({})

    def read(decided: Mapping[str, bool]) -> list[str]:
        try:
            return _loop(formulas(decided), state, functions.dialect)
        except _UndecidedError as asked:
            (key,) = asked.args
        except UNREADABLE_RULE as error:
            _refuse(optimizer, error)
        yes, no = (read({**decided, key: answer}) for answer in (True, False))
        return [f"if ({key}) {{", *_further(yes), "} else {", *_further(no), "}"]

    def formulas(decided: Mapping[str, bool]) -> Sequence[Any]:
        return computed(lambda key: _Option(key, decided), *map(symbol, ("lr", "t", "p", "g", *state)))

    def computed(number_of: Callable[[str], Any], lr: Any, t: Any, *numbers: Any) -> Sequence[Any]:
        vars(twin).update({name: _with(option, f"o.{name}", number_of) for name, option in options.items()}, _lr=lr)
        found = twin.rule(lr, t)(*numbers)
        if len(found) != 1 + len(state):
            raise ValueError(f"it gives {len(found)} numbers, for the parameter and {len(state)} that it remembers")
        return found

    def check(known: Mapping[str, Any]) -> None:
        """Refuse a rule that asks what it is given, as by isinstance, and is another one of numbers."""
        terms = formulas({key: bool(number) for key, number in known.items()})
        for k in range(1, 5):
            numbers = {"lr": 0.1 * k, "t": k, "p": 1.5 - k, "g": 2.5 - k, **{s: k + n / 4 for n, s in enumerate(state)}}
            try:
                found = computed(known.__getitem__, *numbers.values())
            except UNREADABLE_RULE:
                continue
            try:
                check_agrees(terms, found, {**known, **numbers})
            except TypeError as error:
                _refuse(optimizer, error)

    body, *others = [read_at(10**count, number) for count, number in enumerate(ALL_SIZES)]
    if any(other != body for other in others):
        _refuse(optimizer, TypeError("it looks at the parameters or what is kept of them, draws numbers or counts"))
    for known in _varied(_of_keys(options)):
        check(known)
    lines = [*functions.definitions.values(), *body]
    return "\n".join(["(o, lr, t, theta, gradient, state) => {", *_further(lines), "}"])


def rate_source(schedule: Schedule) -> str:
    """Return a schedule of nn as a JavaScript function of the number of steps taken.

    >>> from nn.schedules import Exponential
    >>> print(rate_source(Exponential(0.5, 0.75, warmup=3)))
    (t) => (+(t < 3.0) !== 0 ? (0.5 * (t + 1.0) / 4.0) : (0.5 * fn.power(0.75, t - 3.0)))
    """
    t: Any = symbol("t")
    rate: Any = where(t < schedule.warmup, schedule.before(t), schedule.after(t - schedule.warmup))
    return f"(t) => {row_functions().dialect.source(rate, str)}"


@contextmanager
def _numbers_of(parameters: Sequence[Value], number: float) -> Iterator[None]:
    """Give parameters a number and a gradient in a block."""
    before = [parameter.adjoint for parameter in parameters]
    try:
        with assigned(parameters, [number] * len(parameters)):
            for parameter in parameters:
                parameter.adjoint = number
            yield
    finally:
        for parameter, gradient in zip(parameters, before, strict=True):
            parameter.adjoint = gradient


def options_of(optimizer: Optimizer) -> dict[str, Any]:
    """Return those options of an optimiser that are numbers, switches, or tuples of numbers.

    >>> from autograd import Value
    >>> from nn import Adam
    >>> options_of(Adam([Value(1.0)]))
    {'betas': (0.9, 0.999), 'eps': 1e-08, 'weight_decay': 0.0}
    """
    return {name: option for name, option in optimizer.options.items() if _is_option(option)}


def _is_option(option: Any) -> bool:
    if isinstance(option, tuple):
        return all(map(_is_option, option))
    return isinstance(option, (bool, int, float))


def _of_keys(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers in options by their keys on the page."""
    return {key: number for name, option in options.items() for key, number in _numbers_in(option, f"o.{name}")}


def _numbers_in(option: Any, key: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(option, tuple):
        yield key, option
        return
    for position, part in enumerate(option):
        yield from _numbers_in(part, f"{key}[{position}]")


def _with(option: Any, key: str, number_of: Callable[[str], Any]) -> Any:
    """Return an option with others in place of its numbers, by their keys."""
    if isinstance(option, tuple):
        return tuple([_with(part, f"{key}[{position}]", number_of) for position, part in enumerate(option)])
    return number_of(key)


def _varied(numbers: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the numbers of options as they are, and with one of them as it may be set on the page."""
    yield numbers
    for key, number in numbers.items():
        for other in (not number,) if isinstance(number, bool) else (0.0, 0.5 * number):
            yield {**numbers, key: other}


def _refuse(optimizer: Optimizer, error: Exception) -> NoReturn:
    raise TypeError(
        f"the rule of {type(optimizer).__name__} cannot be read as JavaScript, for a page without Python: {error}; "
        "write it with operators and functions of autograd, and ask `if` of options only"
    ) from error


def _loop(found: Sequence[Any], state: Sequence[str], dialect: Dialect) -> list[str]:
    """Return the lines that compute the new numbers of each parameter, and before them what is the same for all."""
    before: list[str] = []
    inside = [f"const p = theta[i], g = gradient[i]{''.join(f', {s} = state[{n}][i]' for n, s in enumerate(state))};"]
    parts = {id(part): part for whole in found for part in walk(whole)}
    operands = [x for part in parts.values() if part.operation is not None for x in part.operands]
    uses = Counter(map(id, [*operands, *found]))
    done: dict[int, Any] = {}

    def named(part: Any) -> Any:
        """Return an expression whose parts that are used twice, or are the same for all, have names."""
        if not isinstance(part, Expression) or part.operation is None:
            return part
        if id(part) not in done:
            changes = _changes(part)
            whole = Expression(part.operation, [_kept(x) if changes else named(x) for x in part.operands])
            done[id(part)] = whole
            if changes and uses[id(part)] > 1:
                done[id(part)] = name(whole, inside, "t")
        return done[id(part)]

    def _kept(part: Any) -> Any:
        constant = isinstance(part, Expression) and part.operation is not None and not _changes(part)
        if not constant:
            return named(part)
        if id(part) not in done:
            done[id(part)] = name(named(part), before, "c")
        return done[id(part)]

    def name(whole: Any, lines: list[str], letter: str) -> Expression:
        lines.append(f"const {letter}{len(lines)} = {dialect.source(whole, str)};")
        return symbol(f"{letter}{len(lines) - 1}")

    sources = [dialect.source(_kept(whole), str) for whole in found]
    places = ["theta[i]", *[f"state[{n}][i]" for n in range(len(state))]]
    kept = [f"{place} = {source};" for place, source in zip(places, sources, strict=True)]
    return [*before, "for (let i = 0; i < theta.length; i++) {", *_further([*inside, *kept]), "}"]


def _changes(part: Expression) -> bool:
    """Whether an expression is another number for each parameter."""
    return any(leaf.operation is None and str(leaf.key)[0] in ELEMENTS for leaf in walk(part))


def _further(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
