"""Argument binding of a compiled function: arguments are bound as Python binds them, and flattened into numbers.

How a call passes its arguments, by position or by keyword, is bound to the parameters once, and is then a `Form`. The
parts of all arguments, how each is nested, are the key by which a program is found again. So calls that mean the same
share a program, and calls that do not never do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.compiler._flattening import (
    ExampleRows,
    Part,
    flattened,
    flattened_examples,
    has_values,
    numbers_like,
    part_of,
)
from autograd.functions import Structure, signature_of, unwrapped_signature, vectors_after
from autograd.functions.identity import identity
from autograd.functions.pickling import MadeOfFunction
from autograd.functions.structure import all_floats
from autograd.rules import with_article

PLAIN, BATCHED, STATIC = "plain", "batched", "static"
SCALARS = (float, int, bool, np.float64)
FORMS = 256  # of calls of one function, which are kept


@dataclass
class Form:
    """The form of a call: which arguments it passes, and how, bound to the parameters of the function.

    - `order`: the places of the arguments among those given, by position and then by keyword; None if it is the same.
    - `keywords`: the names by which the last of them are passed on; `names`: what all of them are called.
    - `roles`: PLAIN, BATCHED or STATIC for each; `dynamic`: the positions of those that are not static, of which the
      first is the one to differentiate by.
    """

    order: list[int] | None
    keywords: tuple[str, ...]
    names: list[str]
    roles: list[str]
    dynamic: list[int]

    def call(self, f: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Call a function with these arguments."""
        stop = len(arguments) - len(self.keywords)
        return f(*arguments[:stop], **dict(zip(self.keywords, arguments[stop:], strict=True)))


@dataclass(slots=True)
class BoundCall:
    """A call of a compiled function: its arguments in their form, and the numbers of those that are not static."""

    form: Form
    arguments: Sequence[Any]
    key: tuple[Part, ...]
    numbers: list[Any]  # a list, or an array of any shape, whose first axis is that of the examples if it is batched
    examples: int
    has_values: bool


class Signature:
    """The signature of a function: its parameters, and which of them are batched or static.

    A call is bound as the function that is called binds it. Where that is a wrapper of any arguments, these are called
    what the function that it wraps calls them. Those behind them that `hvp` takes are called v.
    """

    def __init__(self, f: Callable[..., Any], batched: Sequence[str], static: Sequence[str]) -> None:
        self.function: str = getattr(f, "__name__", None) or getattr(f, "name", None) or type(f).__name__
        called: Any = f
        while isinstance(called, MadeOfFunction) and not hasattr(called, "__signature__"):
            called = called.f  # it takes what its function takes
        self.python = signature_of(called, follow_wrapped=False)
        self.unwrapped = unwrapped_signature(f)
        parameters = {} if self.unwrapped is None else self.unwrapped.parameters
        kinds = {parameter.kind: name for name, parameter in parameters.items()}
        self._listed = kinds.get(inspect.Parameter.VAR_POSITIONAL) if len(kinds) == len(parameters) == 2 else None
        first = next(iter(parameters), "")
        place = getattr(f, "__qualname__", "").rpartition(".")[0]  # that of the class, of what is written in one
        of_class = first == "cls" and place != "" and not place.endswith("<locals>")
        # What the first argument is an instance of, where it is that of a method, as in M.f(a, x).
        self.bound_to: tuple[type, ...] = (type,) if of_class else (object,) if first in ("self", "cls") else ()
        known = [*parameters]
        for _ in range(vectors_after(f)):
            vector = "v"
            while vector in known:
                vector += "_"
            known.append(vector)
        self.vectors = known[len(parameters) :]
        self.roles: dict[str, str] = {}
        for role, names in ((BATCHED, batched), (STATIC, static)):
            for name in names:
                if name not in known and inspect.Parameter.VAR_KEYWORD not in kinds:
                    raise ValueError(f"{role} names arguments of {self.function}({', '.join(known)}), got {name!r}")
                if self.roles.setdefault(name, role) != role:
                    raise ValueError(f"an argument is batched or static, not both, got {name!r} in both")
        self._keywords = [name for name in self.roles if name not in known]  # are among **keywords of a call, if any
        self._forms: dict[Any, Form] = {}

    def form(self, count: int, keywords: Iterable[str]) -> Form:
        """Return the form of calls with so many arguments by position, and these keywords; TypeError as Python has."""
        key = (count, *keywords)
        form = self._forms.get(key)
        if form is None:
            form = self._bind(count, tuple(keywords))
            if len(self._forms) >= FORMS:
                self._forms.clear()
            self._forms[key] = form
        return form

    def _bind(self, count: int, keywords: tuple[str, ...]) -> Form:
        places = range(count + len(keywords))  # stand for the arguments
        args, named = tuple(places[:count]), dict(zip(keywords, places[count:], strict=True))
        stop = max(count - len(self.vectors), 0)
        called = {place: (f"x{place}", "") for place in args} | {place: (name, "") for name, place in named.items()}
        if self.python is not None and self.unwrapped is not None:
            try:
                bound = told = _bound(self.python, args, named)
            except TypeError as error:  # of `inspect`, which does not know the function's name
                called_as = f"{self.function}({', '.join(self.python.parameters)})"
                raise TypeError(f"{called_as} was called with other arguments: {error}") from None
            with suppress(TypeError):  # a wrapper may take and give other arguments
                told = _bound(self.unwrapped, args[:stop], named, partial=True)
            ranks = [*told.args, *told.kwargs.values()]  # in the order of the parameters
            args, named = bound.args, dict(sorted(bound.kwargs.items(), key=lambda item: ranks.index(item[1])))
            for name, place in told.arguments.items():
                if isinstance(place, tuple):
                    called |= {one: (f"{name}[{i}]", name) for i, one in enumerate(place)}
                elif isinstance(place, dict):
                    called |= {
                        one: (f"{name}[{key!r}]", name if name in self.roles else key) for key, one in place.items()
                    }
                else:
                    called[place] = (name, name)
            called |= {place: (name, name) for place, name in zip(args[stop:], self.vectors, strict=False)}
        order = [*args, *named.values()]
        roles = [self.roles.get(called[place][1], PLAIN) for place in order]
        dynamic = [position for position, role in enumerate(roles) if role is not STATIC]
        names = [called[place][0] for place in order]
        for name in self._keywords:
            by_position = any(called[place][1] == self._listed for place in args)
            if name not in named and (by_position or self.roles[name] is BATCHED):
                raise ValueError(
                    f"{self.roles[name]} names arguments of {self.function}, got {name!r}, and this call has "
                    f"{', '.join(names) or 'none'}; give {name} by keyword, or write @functools.wraps(f) above a "
                    "wrapper of f, so that it takes the arguments of f"
                )
        return Form(None if order == list(places) else order, tuple(named), names, roles, dynamic)

    def bind(self, args: tuple[Any, ...], keywords: dict[str, Any], latest: Sequence[Part] = ()) -> BoundCall:
        """Return a call with its arguments bound, as Python binds them, and taken apart.

        `latest` is the key of another call: an argument of the same structure is taken apart faster.
        """
        form = self.form(len(args), keywords)
        given: Sequence[Any] = (*args, *keywords.values()) if keywords else args
        arguments = given if form.order is None else [given[place] for place in form.order]
        parts: list[Part] = []
        taken: list[Any] = []
        lengths = []
        has_values = False
        for position, (role, argument) in enumerate(zip(form.roles, arguments, strict=True)):
            if role is STATIC:
                parts.append(self._static(argument, form.names[position]))
                continue
            array = type(argument) is np.ndarray and argument.dtype.kind in "biuf"
            numbers: Any
            part: Part
            if array and role is PLAIN:
                numbers, part = argument, argument.shape
            elif array and argument.ndim and argument.size:
                numbers, part = argument, argument.shape[1:] or None
            else:
                like = latest[position] if position < len(latest) else None
                numbers, part = self._taken_apart(argument, role, position, form, like)
            if numbers is None:
                has_values = True
            elif role is BATCHED:
                lengths.append(len(numbers))
            parts.append(part)
            taken.append(numbers)
        if lengths and lengths.count(lengths[0]) < len(lengths):
            raise ValueError(f"{self.function} takes batches of one length, got lengths {sorted(set(lengths))}")
        key = (*parts, form.keywords) if form.keywords else tuple(parts)
        return BoundCall(form, arguments, key, taken, lengths[0] if lengths else 1, has_values)

    def _taken_apart(self, argument: Any, role: str, position: int, form: Form, like: Part) -> tuple[Any, Part]:
        """Return the numbers of an argument and its part; None for the numbers where there are Values among them."""
        if type(argument) is ExampleRows:
            return argument.rows, argument.part
        if role is PLAIN:
            kind = type(argument)
            if kind is list and argument and all_floats(argument):
                return argument, len(argument)
            if hasattr(kind, "_operate"):
                return None, None
            if kind in SCALARS:
                with suppress(OverflowError):  # of an integer, which `flatten` names
                    return [float(argument)], None
            if isinstance(like, Structure) and (known := numbers_like(argument, like)) is not None:
                return known, like
        plain = position < len(form.roles) - len(form.keywords)
        name = f"argument {position if plain else form.names[position]} of {self.function}"
        if role is BATCHED:
            return flattened_examples(argument, name, like)
        numbers, structure = flattened(argument, name)
        if has_values(numbers):
            return None, part_of(structure)
        return np.array(numbers) if structure.is_array else numbers, part_of(structure)

    def _static(self, argument: Any, name: str) -> Part:
        """Return the part of a static argument: equal for arguments that are the same to a function."""
        try:
            hash(argument)
        except TypeError:
            raise TypeError(
                f"{name} is static, so {self.function} has a program for each of its values, and it must be hashable; "
                f"got {with_article(argument)}: give a tuple or a frozen dataclass"
            ) from None
        return identity(argument)


def _bound(
    signature: inspect.Signature, args: tuple[int, ...], named: dict[str, int], *, partial: bool = False
) -> inspect.BoundArguments:
    """Bind as Python does: a keyword with the name of a positional-only parameter is one of **keywords.

    `inspect` refuses that before Python 3.13.
    """
    bind = signature.bind_partial if partial else signature.bind
    try:
        return bind(*args, **named)
    except TypeError as error:
        kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
        variadic = [name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_KEYWORD]
        positional = {name for name in named if kinds.get(name) is inspect.Parameter.POSITIONAL_ONLY}
        if not variadic or not positional:
            raise
        try:
            bound = bind(*args, **{name: place for name, place in named.items() if name not in positional})
        except TypeError:
            raise error from None
    among = bound.arguments.get(variadic[0], {}).keys() | positional
    bound.arguments[variadic[0]] = {name: place for name, place in named.items() if name in among}
    return bound
