"""Recorded call: a function called on fresh nodes in place of its numbers, ready to be differentiated.

Every transform begins with one. What was made before the fresh nodes cannot depend on them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import index
from types import MethodType
from typing import Any, TypeAlias

from autograd.engine import Constant, Value, clock, modes, topological_order
from autograd.functions._linearization import Linearization, as_value, is_valued, passed_on
from autograd.functions.structure import Structure, flatten, flatten_result, map_values
from autograd.rules import positive, with_article
from autograd.rules.expression import COMPARISONS

Function: TypeAlias = Callable[..., Any]


class Call(Linearization):
    """A call of f on fresh nodes in place of the numbers of the chosen arguments, linearized there."""

    def __init__(
        self,
        asker: str,
        f: Function,
        args: Sequence[Any],
        argnums: int | Sequence[int],
        keywords: dict[str, Any],
        has_aux: bool = False,
    ) -> None:
        check_function(asker, f)
        positions = _positions(asker, f, args, argnums)
        try:
            taken = [flatten(args[i], asker, f"argument {i} of {name_of(f)}") for i in positions]
        except TypeError as error:
            signature = unwrapped_signature(f)
            if 0 in positions and signature and next(iter(signature.parameters), "") in ("self", "cls"):
                error.add_note("Of a method, self is argument 0: argnums=1 is the one behind it.")
            raise
        arguments = Structure(tuple, (), tuple([structure for _, structure in taken]))
        self.arguments = arguments if isinstance(argnums, (list, tuple)) else arguments.parts[0]
        since = clock.advance()
        placed = list(args)
        escape = modes.allow_escape(any(isinstance(x, Value) for numbers, _ in taken for x in numbers))
        inputs: list[Value] = []
        with modes.enable_grad(), modes.differentiate_by(inputs, since), escape:
            inputs += [positive(x) if isinstance(x, Value) else Value(x) for numbers, _ in taken for x in numbers]
            for i, argument in zip(positions, arguments.unflatten(inputs), strict=True):
                placed[i] = argument
            result = f(*placed, **keywords)
        self._aux = None
        if has_aux:
            result, self._aux = _pair(asker, f, result)
        outputs, self.result = flatten_result(result, asker, name_of(f))
        check_outputs(asker, f, result)
        super().__init__(outputs, inputs, since=since)

    def gradient(self) -> Any:
        """Return the gradient of the one number that f returned, in the structure of the arguments."""
        return self.arguments.unflatten(self.pull([(self.outputs[0], 1.0)]))

    def aux(self) -> Any:
        """Return what f returned beside what is differentiated, with floats for its Values as in `value`."""
        return self._aux if self.recorded and not modes.paused() else map_values(self._aux, self._beside)

    def value(self) -> Any:
        """Return what f returned, in its structure."""
        if self.recorded:
            return self.result.unflatten([passed_on(as_value(x)) for x in self.outputs])
        floats = [x.data if isinstance(x, Value) else x for x in self.outputs]
        return self.result.unflatten(map(Constant, floats) if self.valued else floats)

    def _beside(self, x: Value) -> Any:
        """Return a Value that f returned beside what is differentiated, or its number."""
        if self.recorded:
            return passed_on(x)
        if modes.blocks and modes.traced() and is_valued(topological_order(x), self.since):  # no plain number then
            return x.detach()
        return Constant(x.data) if self.valued else x.data


def _positions(asker: str, f: Function, args: Sequence[Any], argnums: Any) -> tuple[int, ...]:
    positions = tuple(map(index, argnums if isinstance(argnums, (list, tuple)) else (argnums,)))
    if not all(-len(args) <= position < len(args) for position in positions):
        number = f"{len(args)} argument{'' if len(args) == 1 else 's'}"
        raise ValueError(f"argnums of {asker} is {argnums!r}, but {name_of(f)} was called with {number}")
    if len({position % len(args) for position in positions}) < len(positions):
        raise ValueError(f"argnums of {asker} names an argument twice: {argnums!r}")
    return positions


def check_argnums(asker: str, f: Function, argnums: Any) -> None:
    """Raise TypeError, in the asker's name, if argnums are no positions, such as a name, or the argument itself."""
    chosen = argnums if isinstance(argnums, (list, tuple)) else (argnums,)
    if not all(map(_is_whole, chosen)):
        remedy = f"write {asker}(f)({argnums!r}) where it is the argument itself"
        parameters: dict[str, Any] = {**getattr(signature_of(f), "parameters", {})}
        names = [*parameters]
        if all(isinstance(x, str) and x in names for x in chosen):
            positions = tuple(map(names.index, chosen))
            remedy = f"write argnums={positions if len(positions) > 1 else positions[0]}"
            for name in [x for x in chosen if parameters[x].kind is inspect.Parameter.KEYWORD_ONLY]:
                remedy = f"{name} is given by its name only: write {asker}(lambda {name}: f(..., {name}={name}))"
        raise TypeError(
            f"argnums of {asker} is the position of an argument, or several in a tuple, got {argnums!r}; {remedy}"
        )


def _pair(asker: str, f: Function, result: Any) -> tuple[Any, Any]:
    if type(result) is not tuple or len(result) != 2:
        found = f"a tuple of {len(result)}" if type(result) is tuple else with_article(result)
        raise TypeError(
            f"{asker}(f, has_aux=True) takes a function that returns a pair: what is differentiated, and whatever else;"
            f" {name_of(f)} returned {found}"
        )
    return result


def signature_of(f: Function, *, follow_wrapped: bool = True) -> inspect.Signature | None:
    """Return the signature of a function, as far as Python knows it; its annotations need not be defined.

    From Python 3.14 on an annotation is evaluated when it is asked for, and may name what only a type checker imports.
    """
    options: dict[str, Any] = {"follow_wrapped": follow_wrapped}
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        options["annotation_format"] = Format.FORWARDREF
    try:
        return inspect.signature(f, **options)
    except (TypeError, ValueError):
        return None


def unwrapped_signature(f: Function) -> inspect.Signature | None:
    """Return the signature that names the arguments: that of what a wrapper of any arguments wraps.

    Where the `__call__` of an object is marked by `calls_forward`, it is that of its `forward`.
    """
    own = signature_of(f, follow_wrapped=False)
    if own is not None and any(p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own.parameters.values()):
        return own
    wrapped = _wrapped(f)
    return signature_of(f) if wrapped is None else unwrapped_signature(wrapped)


def _wrapped(f: Function) -> Function | None:
    if type(f) is partial:
        wrapped = _wrapped(f.func)
        return None if wrapped is None else partial(wrapped, *f.args, **f.keywords)
    wrapped = getattr(f, "__wrapped__", None)
    if wrapped is not None and isinstance(f, MethodType):
        return MethodType(wrapped, f.__self__)
    if wrapped is None and getattr(type(f).__call__, "calls_forward", False):
        wrapped = getattr(f, "forward", None)
    return wrapped


def calls_forward(call: Any) -> Any:
    """Mark a method `__call__` that hands all of its arguments to the object's `forward`, as that of a module."""
    call.calls_forward = True
    return call


def check_outputs(asker: str, f: Function, result: Any) -> None:
    """Raise TypeError, in the asker's name, if f returned a truth value, which is a Value where f is traced."""
    if is_condition(result, modes.traced()):
        raise TypeError(
            f"{asker} takes a function that returns numbers, {name_of(f)} returned a comparison, which is true or "
            "false and has no derivative; return the number that it compares, or choose between two by "
            "where(condition, a, b)"
        )


def is_condition(thing: Any, traced: bool) -> bool:
    """Say whether something is a truth value, or holds such only; True beside numbers is one of these, as to Python."""
    if isinstance(thing, Value):
        return traced and thing.op in COMPARISONS
    if isinstance(thing, (list, tuple)):
        return bool(thing) and all(is_condition(part, traced) for part in thing)
    if isinstance(thing, Mapping):
        return is_condition([thing[key] for key in thing], traced)
    kind = getattr(getattr(thing, "dtype", None), "kind", "")
    return isinstance(thing, bool) or kind == "b" or (kind == "O" and is_condition(thing.tolist(), traced))


def name_of(f: Any) -> str:
    """Return what messages call a function."""
    name: str = getattr(f, "__name__", None) or getattr(f, "name", None) or repr(f)
    return name


def _is_whole(number: Any) -> bool:
    try:
        index(number)  # of which an array of NumPy has the method, and one number at best
    except TypeError:
        return False
    return not isinstance(number, bool)


def checked_whole(what: str, number: Any, least: int) -> int:
    """Return a whole number as an int; raise an error if it is none, or less than the least."""
    if not _is_whole(number):
        raise TypeError(f"{what} is a whole number, got {type(number).__name__}: {number!r}")
    if index(number) < least:
        raise ValueError(f"{what} is {least} or more, got {number!r}")
    return index(number)


def check_function(asker: str, f: Any) -> None:
    """Raise TypeError, in the asker's name, if f is no function."""
    if not callable(f):
        remedy = "give the function itself, first: f, not f(x)"
        if any(isinstance(x, Value) for x in (f if isinstance(f, (list, tuple)) else [f])):
            remedy = "for a Value there is gradients(...)"
        if hasattr(type(f), "__get__"):  # a class method or a property
            remedy = f"the function stands in it: write @{type(f).__name__} above the line of {asker}"
        raise TypeError(f"{asker} takes a function, got {type(f).__name__}; {remedy}")
