"""What `compile` returns for a function: a program for each structure of its arguments."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
from numpy.typing import ArrayLike

from autograd import recording
from autograd.compiler.arguments import Argument, Array, Key, Signature, list_of, nested, nested_batch
from autograd.compiler.backends.numpy import NumpyProgram
from autograd.compiler.backends.python import FloatLists
from autograd.compiler.graph import WithParameters, fold_to_program, leaves_of
from autograd.compiler.program import Program
from autograd.compiler.trace import Trace, trace
from autograd.signatures import R
from autograd.structure import Structure
from autograd.value import Constant, Value

SEED = (1.0,)


@dataclass
class _Specialized:
    """A program for arguments of one structure."""

    program: Any  # a Program or a ScalarProgram
    trace: Trace
    structures: tuple[Structure, ...]  # of the arguments
    starts: list[int]  # of these, in the buffer of plain or batched numbers
    leaves: list[Value]  # that the function uses beside its arguments, those of `wrt` first
    read: slice  # the slots of these
    theta: slice  # the slots of `wrt`


class CompiledFunction(WithParameters, Generic[R]):
    """A function as a program for each structure of its arguments. `wrt` are the Values it uses beside them."""

    def __init__(
        self,
        f: Callable[..., Any],
        batched: Sequence[str] = (),
        wrt: Iterable[Value] | None = None,
        has_aux: bool = False,
    ) -> None:
        self.f = f
        self.signature = Signature(f, batched)
        self.has_aux = has_aux
        self.wrt = [] if wrt is None else leaves_of(wrt)
        self._all = wrt is None
        self._specialized: dict[Any, _Specialized] = {}
        self._by_shapes: dict[Key, _Specialized] = {}  # where all arguments are arrays
        self._without_memory: dict[tuple[int | None, ...], _Specialized] = {}  # plain Python, of arguments alone
        self._latest: _Specialized | None = None
        self._lock = threading.RLock()
        self.__name__ = self.signature.function
        self.__doc__ = f.__doc__
        self.__wrapped__ = f
        self.__module__ = getattr(f, "__module__", __name__)
        if self.signature.python is not None:
            self.__signature__ = self.signature.python

    def __call__(self, *args: Any, **keywords: Any) -> R:
        """Return what f returns: floats, in its structure; for a batch, the mean over the examples.

        Where f `has_aux`, that is a pair, of which the second part has its numbers for each example.
        """
        if (quick := self._quick(args, keywords)) is not None:
            specialized, numbers, _ = quick
            found = specialized.program.runner.evaluate(numbers)[0]
            return specialized.trace.structure.unflatten(found)  # type: ignore[no-any-return]
        with self._lock:
            specialized, memory = self._load(args, keywords)
            found = specialized.program.forward(memory)
            if self.has_aux:
                return self._value(specialized, memory, found)  # type: ignore[no-any-return]
            if self.signature.batched and not specialized.trace.structure.is_number:
                raise TypeError(
                    f"{self.__name__} is batched and must return one number for an example, got "
                    f"{specialized.trace.structure}; each(...) returns them for each example"
                )
            return specialized.trace.structure.unflatten(map(_mean, found))  # type: ignore[no-any-return]

    def each(self, *args: Any, **keywords: Any) -> Any:
        """Return what a batched f returns for each example: its structure, with an array in place of each number.

        >>> from autograd import compile, sin
        >>> compile(lambda x: [sin(x), 2.0 * x], batched="x").each([0.0, 1.0])[1]
        array([0., 2.])
        """
        with self._lock:
            specialized, memory = self._load(args, keywords)
            return _of_each(specialized.program.forward(memory), specialized.trace.structure, memory.examples)

    def value_and_grad(self, *args: Any, **keywords: Any) -> tuple[Any, Any]:
        """Return the value of f, which is one number, and its gradient by the first argument, in its structure."""
        if (quick := self._quick(args, keywords)) is not None and quick[0].trace.structure.is_number:
            specialized, numbers, size = quick
            (value,), results = specialized.program.runner.evaluate(numbers)
            gradient = specialized.program.runner.sweep(numbers, results, SEED)
            return value, gradient[0] if size is None else gradient[:size]
        with self._lock:
            args = tuple(self.signature.positional(args, keywords))
            if not args:
                raise TypeError(f"{self.__name__} was called without an argument to differentiate by")
            specialized, memory = self._load(args, {})
            value = self._differentiated(specialized, memory, "arguments")
            start, structure = specialized.starts[0], specialized.structures[0]
            if 0 not in self.signature.batched:
                stop = start + len(specialized.trace.inputs[0])
                return value, nested(memory.plain_adjoints[start:stop].copy(), structure)
            return value, nested_batch(memory.rows(start, adjoint=True).copy(), structure, args[0])

    def backward(self, *args: Any, **keywords: Any) -> Any:
        """Return the value of f, and add its derivatives to the `grad` of the Values that f uses (`wrt`)."""
        with self._lock:
            specialized, memory = self._load(args, keywords)
            value = self._differentiated(specialized, memory)
            gradient = memory.plain_adjoints[specialized.theta].tolist()
            leaves = self.wrt
        for leaf, derivative in zip(leaves, gradient, strict=True):
            leaf.grad = (leaf.grad or 0.0) + derivative  # None, as PyTorch has it, is no gradient yet
        return value

    def value_and_grad_at(self, theta: ArrayLike, *args: Any, **keywords: Any) -> tuple[Any, Array]:
        """Return the value of f, and its gradient by `wrt` as a vector, where `wrt` has these numbers.

        Touches no Value, so a step of an optimiser on `theta` costs no Python work for each of them. `read()` gives
        the vector to begin with, `write(theta)` puts one back. Before the first call `wrt` is not known.
        """
        with self._lock:
            specialized, memory = self._load(args, keywords, theta)
            value = self._differentiated(specialized, memory)
            return value, memory.plain_adjoints[specialized.theta].copy()

    def each_at(self, theta: ArrayLike, *args: Any, **keywords: Any) -> Any:
        """Return what a batched f returns for each example, where `wrt` has these numbers."""
        with self._lock:
            specialized, memory = self._load(args, keywords, theta)
            return _of_each(specialized.program.forward(memory), specialized.trace.structure, memory.examples)

    def specialize(self, *args: Any, **keywords: Any) -> Program:
        """Return the program for arguments of this structure, without running it."""
        with self._lock:
            program: Program = self._load(args, keywords)[0].program
            return program

    # From arguments to a program that has them

    def _quick(self, args: Any, keywords: Any) -> tuple[_Specialized, list[float], int | None] | None:
        """Return the program for floats and lists of floats, and the numbers, where these are all that it needs."""
        numbers: list[float] = []
        sizes: list[int | None] = []
        for argument in args:
            if type(argument) is float:
                numbers.append(argument)
                sizes.append(None)
            elif type(argument) is list and set(map(type, argument)) == {float}:
                numbers += argument
                sizes.append(len(argument))
            else:
                return None
        specialized = self._without_memory.get(tuple(sizes)) if args and not keywords else None
        return None if specialized is None else (specialized, numbers, sizes[0])

    def _load(self, args: Any, keywords: Any, theta: ArrayLike | None = None) -> tuple[_Specialized, Any]:
        """Return the program for these arguments, and its memory, in which their numbers are."""
        args = self.signature.positional(args, keywords)
        shapes, examples = self.signature.shapes(args)
        specialized = None if shapes is None else self._by_shapes.get(shapes)
        if specialized is not None:
            memory = specialized.program.memory(examples)
            if not memory.arguments:
                memory.arguments = [self._place(specialized, memory, i) for i in range(len(args))]
            for place, numbers in zip(memory.arguments, args, strict=True):
                place[...] = numbers
        else:
            specialized, memory = self._load_anything(args)
            if shapes is not None and isinstance(specialized.program.runner, NumpyProgram):
                self._by_shapes[shapes] = specialized
        self._latest = specialized
        if self._all:
            self.wrt = specialized.leaves
        if theta is not None and len(self.wrt) == len(specialized.leaves):
            memory.plain[specialized.theta] = self._vector(theta)
            memory.tick = -1
        else:
            if memory.tick != recording.now.tick:  # some leaf was assigned since
                memory.plain[specialized.read] = [leaf.number for leaf in specialized.leaves]
                memory.tick = recording.now.tick
            if theta is not None:
                memory.plain[specialized.theta] = self._vector(theta)
                memory.tick = -1
        return specialized, memory

    def _load_anything(self, args: Sequence[Any]) -> tuple[_Specialized, Any]:
        arguments = [self.signature.argument(position, argument) for position, argument in enumerate(args)]
        key = tuple([argument.structure for argument in arguments])
        lengths = {len(argument.numbers) for argument in arguments if argument.batched}
        if len(lengths) > 1:
            raise ValueError(f"{self.__name__} takes batches of one length, got lengths {sorted(lengths)}")
        specialized = self._specialized.get(key)
        if specialized is None:
            specialized = self._specialized[key] = self._specialize(arguments)
            if isinstance(specialized.program.runner, FloatLists) and not specialized.leaves and not self.has_aux:
                sizes = [None if part.container is None else len(part.parts) for part in key]
                if all(part == Structure() or part == list_of(size) for part, size in zip(key, sizes, strict=True)):
                    self._without_memory[tuple(sizes)] = specialized
        memory = specialized.program.memory(lengths.pop() if lengths else 1)
        for argument, start in zip(arguments, specialized.starts, strict=True):
            if argument.batched:
                memory.rows(start)[...] = argument.numbers
            else:
                memory.plain[start : start + len(argument.numbers)] = argument.numbers
        return specialized, memory

    def _place(self, specialized: _Specialized, memory: Any, position: int) -> Array:
        """Return where the numbers of an argument are, which is an array."""
        start, structure = specialized.starts[position], specialized.structures[position]
        if position in self.signature.batched:
            return memory.rows(start).reshape(memory.examples, *structure.keys)  # type: ignore[no-any-return]
        count = len(specialized.trace.inputs[position])
        return memory.plain[start : start + count].reshape(structure.keys)  # type: ignore[no-any-return]

    def _specialize(self, arguments: list[Argument]) -> _Specialized:
        names = [*self.signature.names, *[f"x{i}" for i in range(len(self.signature.names), len(arguments))]]
        examples = [
            (list(map(float, argument.numbers[0] if argument.batched else argument.numbers)), argument.structure)
            for argument in arguments
        ]
        traced = trace(self.signature.call, examples, names[: len(arguments)])
        if self.has_aux:
            self._check_aux(traced)
        plain: list[Value] = []
        batch: list[Value] = []
        starts, blocks = [], []
        for argument, leaves, name in zip(arguments, traced.inputs, names, strict=False):
            buffer = batch if argument.batched else plain
            starts.append(len(buffer))
            blocks.append((name, len(buffer), len(leaves), argument.batched))
            buffer += leaves
        theta = traced.captured if self._all else self.wrt
        leaves = list(dict.fromkeys([*theta, *traced.captured]))
        begin = len(plain)
        blocks.append(("theta", begin, len(theta), False))
        if len(leaves) > len(theta):
            blocks.append(("captured", begin + len(theta), len(leaves) - len(theta), False))
        roots = [_as_value(output) for output in traced.outputs]
        read, wrt = slice(begin, begin + len(leaves)), slice(begin, begin + len(theta))
        program = fold_to_program(blocks, traced.order, roots, [*plain, *leaves], batch, begin, len(theta))
        structures = tuple(argument.structure for argument in arguments)
        return _Specialized(program, traced, structures, starts, leaves, read, wrt)

    def _check_aux(self, traced: Trace) -> None:
        structure = traced.structure
        if structure.container is not tuple or len(structure.parts) != 2 or not structure.parts[0].is_number:
            raise TypeError(
                f"{self.__name__} has_aux, so it returns a pair: one number to differentiate, and whatever else; "
                f"got {structure}"
            )

    # From results to what is returned

    def _value(self, specialized: _Specialized, memory: Any, found: list[Any]) -> Any:
        """Return the value of a function that returns one number; with what it has beside it."""
        if not self.has_aux:
            return _mean(found[0])
        value, aux = specialized.trace.structure.parts
        beside = found[1:]
        aux = _of_each(beside, aux, memory.examples) if self.signature.batched else aux.unflatten(map(float, beside))
        return value.unflatten([_mean(found[0])]), aux

    def _differentiated(self, specialized: _Specialized, memory: Any, by: str = "captured") -> Any:
        if not self.has_aux and not specialized.trace.structure.is_number:
            found = specialized.trace.structure
            raise TypeError(f"{self.__name__} must return one number to be differentiated, got {found}")
        _, batched = specialized.program.roots[0]
        seeds = [1.0 / memory.examples if batched else 1.0, *[0.0] * (len(specialized.program.roots) - 1)]
        return self._value(specialized, memory, specialized.program.both(memory, seeds, by))

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        stats: dict[str, int] = self._called().program.stats
        return stats

    @property
    def source(self) -> str:
        """The Python source that runs, for the arguments of the latest call."""
        source: str = self._called().program.source
        return source

    def __str__(self) -> str:
        return str(self._called().program)

    def _check_known(self) -> None:
        if self._all:
            self._called()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Compile the method of each instance for itself."""
        if instance is None:
            return self
        method: CompiledFunction[Any] = CompiledFunction(
            self.f.__get__(instance, owner), self.signature.batched_names, None, self.has_aux
        )
        setattr(instance, self.__name__, method)
        return method

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}>"

    def _called(self) -> _Specialized:
        if self._latest is None:
            raise RuntimeError(
                f"{self.__name__} has no program before its first call: that tells what its arguments are"
            )
        return self._latest


def _mean(value: Any) -> float:
    """Return a float as it is, and the mean of an array with a number for each example."""
    if isinstance(value, float):
        return float(value)
    mean = float(np.add.reduce(value) / len(value))
    return mean if math.isfinite(mean) else float(np.add.reduce(value / len(value)))


def _of_each(found: Sequence[Any], structure: Structure, examples: int) -> Any:
    """Return results in a structure of arrays, which have a leading axis of the examples."""
    columns = [np.full(examples, column) if isinstance(column, float) else column.copy() for column in found]
    remaining = iter(columns)

    def stacked(shape: tuple[int, ...] | None) -> Any:
        if shape is None:
            return next(remaining)
        part = [next(remaining) for _ in range(math.prod(shape))]
        return np.stack(part, axis=1).reshape(examples, *shape) if part else np.zeros((examples, *shape))

    return structure.build(stacked)


def _as_value(number: Any) -> Value:
    return number if isinstance(number, Value) else Constant(number)
