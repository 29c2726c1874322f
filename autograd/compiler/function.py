"""Compiled functions: what `compile` returns for a function, called, differentiated, bound, copied and pickled as one.

A call of plain numbers replays the program for arguments of their structure. A call with Values, or inside another
function that is compiled or differentiated, is a call of the function itself, so that derivatives go through it. So is
one in a training step on Values, where the function uses Values that may be parameters.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Generic, NoReturn, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from autograd.compiler import _eager
from autograd.compiler._arguments import BoundCall, Signature
from autograd.compiler._binding import CompiledClassMethod as CompiledClassMethod
from autograd.compiler._binding import MethodPrograms
from autograd.compiler._eager import assigned as assigned
from autograd.compiler._flattening import ExampleRows as ExampleRows
from autograd.compiler._flattening import example_rows as example_rows
from autograd.compiler._flattening import nested, nested_batch, numbers_like
from autograd.compiler._results import check_number, mean_over_examples, of_each
from autograd.compiler._specialization import Programs, Specialization, specialize
from autograd.compiler.backends import Runner
from autograd.compiler.graph import WithParameters, leaves_of
from autograd.compiler.instructions import Array
from autograd.compiler.program import Program
from autograd.engine import Value, modes
from autograd.functions import R, Structure, flatten, gradients
from autograd.functions.calls import check_outputs
from autograd.functions.pickling import MadeOfFunction
from autograd.functions.structure import sequence_of

Quick: TypeAlias = tuple[Specialization, Runner, list[float], int | Structure | None]

SEED = (1.0,)
DATA = {float, int, bool, list, tuple, dict, np.ndarray}  # what is no instance of a class with methods


class CompiledFunction(MadeOfFunction, WithParameters, Generic[R]):
    """A function as a program for each structure of its arguments. `wrt` are the Values it uses beside them."""

    def __init__(
        self,
        f: Callable[..., Any],
        batched: str | Sequence[str] = (),
        wrt: Iterable[Value] | None = None,
        has_aux: bool = False,
        static: str | Sequence[str] = (),
        backend: str = "auto",
    ) -> None:
        for attribute, thing in _attributes(f):
            setattr(self, attribute, thing)
        self.f = self.__wrapped__ = f
        self.__self__: Any = None  # the instance, of a method
        self.batched, self.static = _names("batched", batched), _names("static", static)
        self.has_aux = has_aux
        self.backend = backend
        given = None if wrt is None else leaves_of(wrt)
        self.make = partial(
            CompiledFunction, batched=self.batched, static=self.static, has_aux=has_aux, backend=backend, wrt=given
        )
        self._programs = Programs(given)
        self._signature = Signature(f, self.batched, self.static)
        self._methods = MethodPrograms()
        self._takes_self = self._signature.bound_to != ()
        self._owners: weakref.WeakSet[type] = weakref.WeakSet()  # the classes that it is an attribute of
        self._attribute = self._signature.function  # what it is called in its class
        self.__name__ = self._signature.function
        self.__qualname__ = getattr(f, "__qualname__", self.__name__)
        self.__doc__ = f.__doc__
        self.__module__ = getattr(f, "__module__", None) or __name__

    @property
    def wrt(self) -> list[Value]:  # type: ignore[override]
        """The Values that `backward` differentiates by: those given, or those that f uses in its first call."""
        if self._programs.wrt is None:
            self._called()
        return self._programs.wrt or []

    def __call__(self, /, *args: Any, **keywords: Any) -> R:
        """Return what f returns: floats, in its structure; for a batch, the mean over the examples.

        Where f `has_aux`, that is a pair, of which the second part has its numbers for each example. Called with
        Values, it returns Values.
        """
        if quick := None if keywords else self._quick(args):
            found, runner, numbers, _ = quick
            return found.results.nested(runner.values(numbers))  # type: ignore[no-any-return]
        if self._takes_self:
            self, args = self._bound(args)
        like = quick is None
        return self._replay(args, keywords, self._value, self._eager_value, like=like)  # type: ignore[no-any-return]

    def each(self, /, *args: Any, **keywords: Any) -> Any:
        """Return what a batched f returns for each example: its structure, with an array in place of each number.

        >>> from autograd import compile, sin
        >>> compile(lambda x: [sin(x), 2.0 * x], batched="x").each([0.0, 1.0])[1]
        array([0., 2.])
        """
        self, args = self._bound(args)
        return self._replay(args, keywords, self._each, lambda call: _eager.each(self.f, call, self.__name__))

    def value_and_grad(self, /, *args: Any, **keywords: Any) -> tuple[Any, Any]:
        """Return the value of f, which is one number, and its gradient by the first argument, in its structure."""
        if (quick := None if keywords else self._quick(args)) and quick[0].structure.is_number:
            _, runner, numbers, part = quick
            (value,), gradient = runner.values_and_adjoints(numbers, SEED)
            if part is None:
                return value, gradient[0]
            return value, gradient[:part] if isinstance(part, int) else part.unflatten(gradient)
        if self._takes_self:
            self, args = self._bound(args)
        pair: tuple[Any, Any] = self._replay(
            args, keywords, self._with_gradient, self._eager_value_and_grad, by="arguments", like=quick is None
        )
        return pair

    def backward(self, /, *args: Any, **keywords: Any) -> Any:
        """Return the value of f, and add its derivatives to the `grad` of the Values that f uses (`wrt`)."""
        self, args = self._bound(args)
        return self._replay(args, keywords, self._accumulated, self._refuse, by="captured")

    def value_and_grad_at(self, theta: ArrayLike, /, *args: Any, **keywords: Any) -> tuple[Any, Array]:
        """Return the value of f, and its gradient by `wrt` as a vector, where `wrt` has these numbers.

        Touches no Value, so a step of an optimiser on `theta` costs no Python work for each of them. `read()` gives
        the vector to begin with, `write(theta)` puts one back. `wrt` is what was given, or what f uses in its first
        call; where f uses other Values for arguments of another structure, give all of them.
        """
        self, args = self._bound(args)
        pair: tuple[Any, Array] = self._replay(
            args, keywords, self._with_vector, self._refuse, by="captured", theta=theta
        )
        return pair

    def each_at(self, theta: ArrayLike, /, *args: Any, **keywords: Any) -> Any:
        """Return what a batched f returns for each example, where `wrt` has these numbers."""
        self, args = self._bound(args)
        return self._replay(args, keywords, self._each, self._refuse, theta=theta)

    def specialize(self, /, *args: Any, **keywords: Any) -> Program:
        """Return the program for arguments of this structure, without running it."""
        self, args = self._bound(args)
        call = self._signature.bind(args, keywords)
        with self._programs.lock:
            found = None if call.has_values else self._specialization(call, self._programs)
        if found is None:
            self._refuse(call)
        return found.program

    def renew(self, /, *args: Any, **keywords: Any) -> bool:
        """Trace f again, and return whether it computes something else by now; if so, forget what was traced before.

        So a number that f reads, such as an attribute that is no Value, may change between calls. `args` are of the
        structure of the calls.

        >>> from autograd import compile
        >>> factor = [2.0]
        >>> f = compile(lambda x: factor[0] * x)
        >>> before, factor[0] = f(1.0), 3.0
        >>> before, f(1.0), f.renew(1.0), f(1.0), f.renew(1.0)
        (2.0, 2.0, True, 3.0, False)
        """
        self, args = self._bound(args)
        call = self._signature.bind(args, keywords)
        with self._programs.lock:
            kept = self._programs.kept.get(call.key)
            found = None if call.has_values else self._traced(call, self._programs, kept)
            if found is None:
                self._refuse(call)
            if found is kept:
                return False
            self._programs.clear()
            self._programs.keep(call.key, found)
        return True

    def clear(self) -> None:
        """Forget all programs, and which Values `wrt` are if they were not given.

        A function keeps its 64 programs used last.
        """
        self._programs.clear()

    # From arguments to a program that has them

    def _quick(self, args: Any) -> Quick | tuple[()] | None:
        """Return the program for floats and containers of floats, the numbers, and the part of the first argument.

        None where a program needs more than these; () where an argument is not of the structure of the latest call.
        """
        if modes.blocks or self._signature.roles:
            return None
        numbers: list[float] = []
        key: list[int | Structure | None] = []
        for argument in args:
            kind = type(argument)
            if kind is float:
                numbers.append(argument)
                key.append(None)
            elif (kind is list or kind is tuple) and argument and [*map(type, argument)].count(float) == len(argument):
                numbers += argument
                key.append(len(argument) if kind is list else sequence_of(tuple, len(argument)))
            else:
                latest = self._programs.latest
                if latest is None or not latest.scalar or not latest.program.runner.takes_lists:
                    return None
                part = latest.key[len(key)] if len(key) < len(latest.key) else None
                if not isinstance(part, Structure):
                    return None
                if (found := numbers_like(argument, part)) is None:
                    return ()
                numbers += found
                key.append(part)
        kept = self._programs.find(tuple(key)) if numbers else None
        if kept is None or not kept.scalar:
            return None
        program = kept.program
        if not program.runner.takes_lists:
            return None
        program.left -= program.single
        if program.left <= 0.0:
            program.proceed()
        return kept, program.runner, numbers, key[0]

    def _replay(
        self,
        args: Any,
        keywords: dict[str, Any],
        finish: Callable[[BoundCall, Specialization, Any, list[Any]], Any],
        otherwise: Callable[[BoundCall], Any],
        *,
        by: str | None = None,
        theta: ArrayLike | None = None,
        like: bool = True,
    ) -> Any:
        """Run the program for these arguments and finish; where f has to run on Values, do what is to be done there.

        `like` says whether arguments may be of the structure of the latest call.
        """
        latest = self._programs.latest if like else None
        call = self._signature.bind(args, keywords, latest.key if latest is not None else ())
        if by == "arguments" and not call.form.dynamic:
            raise TypeError(
                f"{self.__name__} was called without an argument to differentiate by; by the Values that it uses there "
                "are backward(), and value_and_grad_at(theta) with theta = read()"
            )
        if call.has_values or (modes.blocks and modes.traced()):
            return otherwise(call)
        with self._programs.lock:
            programs = self._programs.idle()
            found = self._specialization(call, programs)
            if found is not None and found.differentiated and by != "captured" and theta is None and modes.unrolling():
                found = None
            if found is not None:
                vector = None if theta is None else self._checked(theta, found)
                if by is not None:
                    if found.condition:
                        check_outputs("value_and_grad", self.f, True)
                    if not self.has_aux:
                        check_number(found.structure, self.__name__, batched=False)
                if modes.blocks and modes.inspecting():
                    self._inspect(call, found, by, vector)
                programs.running = True
                try:
                    buffers = found.place(call)
                    found.read(buffers, vector)
                    program, memory = found.program, buffers.memory
                    if by is None:
                        return finish(call, found, memory, program.forward(memory))
                    seed = 1.0 / memory.examples if program.roots[0][1] else 1.0
                    seeds = [seed, *[0.0] * (len(program.roots) - 1)]
                    return finish(call, found, memory, program.both(memory, seeds, by))
                finally:
                    programs.running = False
        return otherwise(call)

    def _specialization(self, call: BoundCall, programs: Programs) -> Specialization | None:
        """Return the program for a call; None where a transform differentiates by Values that f uses beside it."""
        found = programs.find(call.key)
        if found is None:
            found = self._traced(call, programs)
            if found is not None:
                programs.keep(call.key, found)
        return found

    def _traced(self, call: BoundCall, programs: Programs, kept: Specialization | None = None) -> Specialization | None:
        return specialize(self.f, call, self.__name__, programs, has_aux=self.has_aux, backend=self.backend, kept=kept)

    def _checked(self, theta: ArrayLike, found: Specialization) -> Array:
        """Return a vector for `wrt`, if these are all Values that the program uses, or were given."""
        if found.differentiated > found.wrt:
            raise RuntimeError(
                f"for these arguments {self.__name__} uses Values that it did not use in its first call, so a vector "
                "does not say what they are; name them all in compile(f, wrt=[...])"
            )
        return self._vector(theta)

    # On Values

    def _eager_value(self, call: BoundCall) -> Any:
        return _eager.value(self.f, call, self.__name__, batched=bool(self.batched), has_aux=self.has_aux)

    def _eager_value_and_grad(self, call: BoundCall) -> Any:
        return _eager.eager_value_and_grad(
            self.f, call, self.__name__, batched=bool(self.batched), has_aux=self.has_aux
        )

    def _refuse(self, call: BoundCall) -> NoReturn:
        raise TypeError(
            f"{self.__name__} is compiled and takes plain numbers here, got Values or a call inside a function that is "
            f"compiled or differentiated; call {self.__name__}(...) itself, which then returns Values, and "
            "differentiate these; to use a Value as a number there is .data"
        )

    def _inspect(self, call: BoundCall, found: Specialization, by: str | None, theta: Array | None) -> None:
        """Compute node by node what is about to run, in a detect_anomaly block, which looks at each."""
        on_nodes, inputs = _eager.on_values(call)
        theta_leaves = [] if theta is None else found.leaves[: found.wrt]
        with _eager.assigned(theta_leaves, [] if theta is None else theta.tolist()):
            if by is None and self.batched:
                _eager.each(self.f, on_nodes, self.__name__)
                return
            value, *_ = flatten(self._eager_value(on_nodes))[0] or [0.0]
            if by is not None and isinstance(value, Value):
                gradients(value, inputs[0] if by == "arguments" else found.leaves[: found.differentiated])

    # From what a program found to what is returned

    def _value(self, call: BoundCall, found: Specialization, memory: Any, numbers: list[Any]) -> Any:
        structure = found.structure
        if structure.container is None:
            return mean_over_examples(numbers[0])
        if self.has_aux:
            value, aux = structure.parts
            beside = found.results.all(numbers)[1:]
            parts = of_each(beside, aux, memory.examples) if self.batched else aux.unflatten(map(float, beside))
            return value.unflatten([mean_over_examples(numbers[0])]), parts
        if self.batched:
            check_number(structure, self.__name__, batched=True)
        return found.results.nested([*map(mean_over_examples, numbers)])

    def _each(self, call: BoundCall, found: Specialization, memory: Any, numbers: list[Any]) -> Any:
        return of_each(found.results.all(numbers), found.structure, memory.examples)

    def _with_gradient(self, call: BoundCall, found: Specialization, memory: Any, numbers: list[Any]) -> Any:
        value = self._value(call, found, memory, numbers)
        start, count, batched = found.starts[0]
        structure: Any = found.first
        if not batched:
            return value, nested(memory.plain_adjoints[start : start + count].copy(), structure)
        rows = memory.rows(start, adjoint=True).copy() if count else call.numbers[0]
        return value, nested_batch(rows, structure, call.arguments[call.form.dynamic[0]])

    def _with_vector(self, call: BoundCall, found: Specialization, memory: Any, numbers: list[Any]) -> Any:
        begin = found.beginning
        return self._value(call, found, memory, numbers), memory.plain_adjoints[begin : begin + found.wrt].copy()

    def _accumulated(self, call: BoundCall, found: Specialization, memory: Any, numbers: list[Any]) -> Any:
        begin = found.beginning
        gradient = memory.plain_adjoints[begin : begin + found.differentiated].tolist()
        for leaf, derivative in zip(found.leaves, gradient, strict=False):
            leaf.adjoint = (leaf.adjoint or 0.0) + derivative  # None, as PyTorch has it, is no gradient yet
        return self._value(call, found, memory, numbers)

    # What is known of the programs

    @property
    def program(self) -> Program:  # type: ignore[override]
        """The program for the arguments of the latest call."""
        return self._called().program

    def __str__(self) -> str:
        latest = self._programs.latest
        return f"{self!r}: no program before its first call" if latest is None else str(latest.program)

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}>"

    def _called(self) -> Specialization:
        if self._programs.latest is None:
            raise RuntimeError(
                f"{self.__name__} has no program before its first call: that tells what its arguments are"
            )
        return self._programs.latest

    # Methods

    def __set_name__(self, owner: type, name: str) -> None:
        self._takes_self, self._attribute = True, name
        self._owners.add(owner)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the method of an instance: it has programs of its own."""
        if instance is None or not hasattr(type(self.f), "__get__"):
            return self
        method: CompiledFunction[R] = object.__new__(CompiledFunction)
        method.__dict__.update(self.__dict__)
        f = method.f = method.__wrapped__ = self.f.__get__(instance, owner)
        method.__self__ = instance
        method._takes_self = False
        method._programs = self._methods.programs(instance, lambda: Programs(self._programs.given))
        method._signature = self._methods.signature(lambda: Signature(f, self.batched, self.static))
        return method

    def _bound(self, args: tuple[Any, ...]) -> tuple[CompiledFunction[R], tuple[Any, ...]]:
        """Return the method of the first argument, if that is an instance as in M.f(a, x), and the other arguments."""
        if self._takes_self and args:
            first, bound_to = args[0], self._signature.bound_to
            number = type(first) in DATA or isinstance(first, (Value, np.generic))
            if not number and isinstance(first, bound_to or tuple(self._owners)):
                return self.__get__(first, type(first)), args[1:]
            if bound_to == (type,):  # since Python 3.13 a class method has the attributes of its function, not bound
                raise TypeError(
                    f"{self.__name__} is of a class, which comes first, got {type(first).__name__}; "
                    "write @compile above @classmethod, so that what is compiled has the class"
                )
        return self, args

    # Copies, of which each makes its own programs

    @property
    def options(self) -> dict[str, Any]:
        """The options of `compile` that this function was made with."""
        return self.make.keywords

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self.__self__ is not None:
            return getattr(copy.deepcopy(self.__self__, memo), self._attribute)
        return super().__deepcopy__(memo)

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self.__self__ is not None:
            return getattr, (self.__self__, self._attribute)
        return super().__reduce__()


def _attributes(f: Any) -> list[tuple[str, Any]]:
    """Return what was set on a function, as functools.wraps copies it, but for what compiled functions have."""
    given = vars(f) if isinstance(f, (FunctionType, MethodType)) else {}
    own = dir(CompiledFunction) if given else ()
    return [(name, thing) for name, thing in given.items() if name not in own]


def _names(role: str, names: str | Iterable[str]) -> tuple[str, ...]:
    if not isinstance(names, Iterable):
        raise TypeError(
            f"{role} of compile takes the name of an argument, or several in a tuple, got {names!r}; write () for none"
        )
    return (names,) if isinstance(names, str) else tuple(names)
