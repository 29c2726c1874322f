"""What `compile` returns: a graph that exists, or a function of one example or of a batch, replayed as a program.

A program reads the data of the Values it was folded from only when some leaf has been assigned since, which the clock
of the recording tells; so between steps that touch no Value there is no Python work for each of them.
"""

from __future__ import annotations

import gc
import inspect
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd import recording
from autograd.chain import check_unchanged, topological_order
from autograd.compiler.fold import Folder
from autograd.compiler.listing import Block
from autograd.compiler.program import Program
from autograd.compiler.scalar import ScalarProgram, is_scalar
from autograd.compiler.trace import Trace, trace
from autograd.structure import Structure, arranged, flatten
from autograd.value import Constant, Value

Array: TypeAlias = NDArray[np.float64]
SEED = (1.0,)
NAMED = 16  # leaves that a listing calls by their labels


class _WithParameters:
    """What reads the data of Values, and can have it as one vector: in the order of `wrt`."""

    wrt: list[Value]

    def read(self) -> Array:
        """Return the data of the Values in `wrt` as a vector."""
        self._check_known()
        return np.array([leaf._datum for leaf in self.wrt], dtype=float)

    def write(self, theta: ArrayLike) -> None:
        """Assign a vector to the data of the Values in `wrt`."""
        for leaf, number in zip(self.wrt, self._vector(theta).tolist(), strict=True):
            leaf.data = number

    def _check_known(self) -> None:
        """Raise an error where it is not known yet which Values there are."""

    def _vector(self, theta: ArrayLike) -> Array:
        if np.iscomplexobj(theta):
            raise TypeError("theta is a vector of real numbers, got complex ones")
        vector = np.asarray(theta, dtype=float)
        if vector.shape != (len(self.wrt),):
            raise ValueError(f"theta is a vector with a number for each of {len(self.wrt)} leaves, got {vector.shape}")
        return vector


class CompiledGraph(_WithParameters):
    """A graph as a program. `print` lists it; `wrt` are the leaves it differentiates by."""

    def __init__(self, roots: list[Value], wrt: Iterable[Value] | None, *, single: bool) -> None:
        order = topological_order(*roots)
        check_unchanged(order)
        if wrt is None:
            self.wrt = [node for node in order if node.op is None and type(node) is not Constant]
        else:
            self.wrt = _leaves(wrt)
        self.roots = roots
        self.single = single
        blocks = [("theta", 0, len(self.wrt), False)]
        labels = {leaf.label for leaf in self.wrt} - {""}
        if len(labels) == len(self.wrt) <= NAMED:
            blocks = [(leaf.label, position, 1, False) for position, leaf in enumerate(self.wrt)] + blocks
        self.program = _program(blocks, order, roots, self.wrt, wrt=len(self.wrt))
        self._memory: Any = self.program.memory()
        self._lock = threading.Lock()

    def forward(self) -> Any:
        """Compute the roots from the data that the leaves in `wrt` have now; write it to the roots and return it."""
        with self._lock:
            values = self._forward()
        return values[0] if self.single else values

    def _forward(self) -> list[float]:
        self._memory.plain[: len(self.wrt)] = [leaf._datum for leaf in self.wrt]
        values = self.program.forward(self._memory)
        self._memory.tick = recording.now.tick
        for root, value in zip(self.roots, values, strict=True):
            root._datum = value
        return values

    def backward(self, seed: Any = 1.0) -> None:
        """Add the derivatives of the root to the `grad` of the leaves; of several, of their sum weighted by seeds."""
        with self._lock:
            if self._memory.tick != recording.now.tick:
                self._forward()
            self.program.backward(self._memory, self._seeds(seed))
            gradient = self._memory.plain_adjoints[: len(self.wrt)].tolist()
        for leaf, derivative in zip(self.wrt, gradient, strict=True):
            leaf.grad += derivative

    def value_and_grad(self, theta: ArrayLike, seed: Any = 1.0) -> tuple[Any, Array]:
        """Return the value, and the gradient by `wrt` as a vector, at a vector; touches no Value."""
        vector = self._vector(theta)
        size, memory = len(self.wrt), self._memory
        with self._lock:
            memory.tick = -1
            memory.plain[:size] = vector
            values = self.program.both(memory, self._seeds(seed))
            gradient = memory.plain_adjoints[:size].copy()
        return (values[0] if self.single else values), gradient

    def _seeds(self, seed: Any) -> list[float]:
        if not isinstance(seed, (list, tuple, np.ndarray)):
            return [float(seed)] * len(self.roots)
        if len(seed) != len(self.roots):
            raise ValueError(f"backward takes one seed for each of {len(self.roots)} roots, got {len(seed)}")
        return [float(s) for s in seed]

    def __repr__(self) -> str:
        return f"<compiled graph: {str(self).splitlines()[-1]}>"

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        return self.program.stats

    def __str__(self) -> str:
        return str(self.program)


@dataclass
class _Argument:
    """An argument as it was given: its numbers (for a batched one, a row for each example) and their structure."""

    numbers: Any
    structure: Structure
    batched: bool


@dataclass
class _Specialized:
    """A program for arguments of one structure."""

    program: Any  # a Program or a ScalarProgram
    trace: Trace
    starts: list[int]  # of the arguments, in the buffer of plain or batched numbers
    leaves: list[Value]  # that the function uses beside its arguments, those of `wrt` first
    read: slice  # the slots of these
    theta: slice  # the slots of `wrt`


class CompiledFunction(_WithParameters):
    """A function as a program for each structure of its arguments. `wrt` are the Values it uses beside them."""

    def __init__(self, f: Callable[..., Any], batched: Sequence[str] = (), wrt: Iterable[Value] | None = None) -> None:
        self.f = f
        self.__name__: str = getattr(f, "__name__", None) or getattr(f, "name", None) or "function"
        self.__doc__ = f.__doc__
        try:
            self._signature: inspect.Signature | None = inspect.signature(f)
        except (TypeError, ValueError):
            self._signature = None
        names = [batched] if isinstance(batched, str) else list(batched)
        known = [] if self._signature is None else list(self._signature.parameters)
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"batched names arguments of {self.__name__}({', '.join(known)}), got {unknown[0]!r}")
        self.batched = {known.index(name) for name in names}
        self._batched_names = set(names)
        self.__wrapped__ = f
        self.__module__ = getattr(f, "__module__", __name__)
        if self._signature is not None:
            self.__signature__ = self._signature
        kinds = [] if self._signature is None else [p.kind for p in self._signature.parameters.values()]
        self._named_only = [
            name for name, kind in zip(known, kinds, strict=True) if kind is inspect.Parameter.KEYWORD_ONLY
        ]
        self.wrt = [] if wrt is None else _leaves(wrt)
        self._all = wrt is None
        self._specialized: dict[Any, _Specialized] = {}
        self._without_memory: dict[tuple[int | None, ...], _Specialized] = {}  # plain Python, of arguments alone
        self._latest: _Specialized | None = None
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Return what f returns: floats, in its structure; for a batch, the mean over the examples."""
        if (quick := self._quick(args, keywords)) is not None:
            specialized, numbers, _ = quick
            return specialized.trace.structure.unflatten(specialized.program.evaluate(numbers)[0])
        with self._lock:
            specialized, memory, _ = self._load(args, keywords)
            values = self._values(specialized, memory)
            return specialized.trace.structure.unflatten(values)

    def value_and_grad(self, *args: Any, **keywords: Any) -> tuple[float, Any]:
        """Return the value of f, which is one number, and its gradient by the first argument, in its structure."""
        if (quick := self._quick(args, keywords)) is not None and quick[0].trace.structure.is_number:
            specialized, numbers, size = quick
            (value,), results = specialized.program.evaluate(numbers)
            gradient = specialized.program.sweep(numbers, results, SEED)
            return value, gradient[0] if size is None else gradient[:size]
        with self._lock:
            args = tuple(self._positional(args, keywords))
            if not args:
                raise TypeError(f"{self.__name__} was called without an argument to differentiate by")
            specialized, memory, arguments = self._load(args, {})
            value = self._differentiated(specialized, memory, "arguments")
            first, start = arguments[0], specialized.starts[0]
            stop = start + len(specialized.trace.inputs[0])
            found = memory.rows(start, adjoint=True) if first.batched else memory.plain_adjoints[None, start:stop]
            rows = found.copy()
        if not first.batched:
            return value, _nested(rows[0], first.structure)
        return value, _nested_batch(rows, first.structure, args[0])

    def backward(self, *args: Any, **keywords: Any) -> float:
        """Return the value of f, and add its derivatives to the `grad` of the Values that f uses (`wrt`)."""
        with self._lock:
            specialized, memory, _ = self._load(args, keywords)
            value = self._differentiated(specialized, memory)
            gradient = memory.plain_adjoints[specialized.theta].tolist()
            leaves = self.wrt
        for leaf, derivative in zip(leaves, gradient, strict=True):
            leaf.grad += derivative
        return value

    def value_and_grad_at(self, theta: ArrayLike, *args: Any, **keywords: Any) -> tuple[float, Array]:
        """Return the value of f, and its gradient by `wrt` as a vector, where `wrt` has these numbers.

        Touches no Value, so a step of an optimiser on `theta` costs no Python work for each of them. `read()` gives
        the vector to begin with, `write(theta)` puts one back. Before the first call `wrt` is not known.
        """
        with self._lock:
            specialized, memory, _ = self._load(args, keywords, theta)
            value = self._differentiated(specialized, memory)
            return value, memory.plain_adjoints[specialized.theta].copy()

    def specialize(self, *args: Any, **keywords: Any) -> Program | ScalarProgram:
        """Return the program for arguments of this structure, without running it."""
        with self._lock:
            program: Program | ScalarProgram = self._load(args, keywords)[0].program
            return program

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

    def _load(self, args: Any, keywords: Any, theta: ArrayLike | None = None) -> tuple[_Specialized, Any, Any]:
        args = self._positional(args, keywords)
        arguments = [self._argument(position, argument) for position, argument in enumerate(args)]
        key = tuple([argument.structure for argument in arguments])
        examples = {len(argument.numbers) for argument in arguments if argument.batched}
        if len(examples) > 1:
            raise ValueError(f"{self.__name__} takes batches of one length, got lengths {sorted(examples)}")
        specialized = self._specialized.get(key)
        if specialized is None:
            specialized = self._specialized[key] = self._specialize(arguments)
            if isinstance(specialized.program, ScalarProgram) and not specialized.leaves:
                sizes = [None if part.container is None else len(part.parts) for part in key]
                if all(part == Structure() or part == _list_of(size) for part, size in zip(key, sizes, strict=True)):
                    self._without_memory[tuple(sizes)] = specialized
        self._latest = specialized
        if self._all:
            self.wrt = specialized.leaves
        memory = specialized.program.memory(examples.pop() if examples else 1)
        for argument, start in zip(arguments, specialized.starts, strict=True):
            numbers = argument.numbers
            if argument.batched:
                memory.rows(start)[...] = numbers
            else:
                memory.plain[start : start + len(numbers)] = numbers
        if theta is not None and len(self.wrt) == len(specialized.leaves):
            memory.plain[specialized.theta] = self._vector(theta)
            memory.tick = -1
        else:
            if memory.tick != recording.now.tick:  # some leaf was assigned since
                memory.plain[specialized.read] = [leaf._datum for leaf in specialized.leaves]
                memory.tick = recording.now.tick
            if theta is not None:
                memory.plain[specialized.theta] = self._vector(theta)
                memory.tick = -1
        return specialized, memory, arguments

    def _positional(self, args: Sequence[Any], keywords: dict[str, Any]) -> Sequence[Any]:
        """Return all arguments by position, defaults up to the last one that was given included."""
        if not keywords:
            return args
        if self._signature is None:
            raise TypeError(f"{self.__name__} has no signature that Python knows, so its arguments go by position")
        bound = self._signature.bind(*args, **keywords)
        given = max(list(self._signature.parameters).index(name) for name in bound.arguments)
        bound.apply_defaults()
        return (*bound.args, *[bound.kwargs[name] for name in self._named_only])[: given + 1]

    def _run(self, *args: Any) -> Any:
        """Call f with all arguments by position, also those that it takes by name only."""
        if not self._named_only or self._signature is None:
            return self.f(*args)
        number = len(self._signature.parameters) - len(self._named_only)
        return self.f(*args[:number], **dict(zip(self._named_only, args[number:], strict=False)))

    def _argument(self, position: int, given: Any) -> _Argument:
        name = f"argument {position} of {self.__name__}"
        if position in self.batched:
            return _batch(given, name, self.__name__)
        if isinstance(given, np.ndarray) and given.dtype.kind in "biuf":
            return _Argument(given.ravel(), Structure(np.ndarray, given.shape), False)
        if type(given) is list and set(map(type, given)) == {float}:
            return _Argument(given, _list_of(len(given)), False)
        numbers, structure = flatten(given, "a compiled function", name)
        if any(isinstance(x, Value) for x in numbers):
            raise TypeError(_with_values(self.__name__, name))
        return _Argument(numbers, structure, False)

    def _specialize(self, arguments: list[_Argument]) -> _Specialized:
        names = [] if self._signature is None else list(self._signature.parameters)
        names += [f"x{i}" for i in range(len(names), len(arguments))]
        examples = [
            (list(map(float, argument.numbers[0] if argument.batched else argument.numbers)), argument.structure)
            for argument in arguments
        ]
        traced = trace(self._run, examples, names[: len(arguments)])
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
        if self.batched and not traced.structure.is_number:
            found = traced.structure
            raise TypeError(f"{self.__name__} is batched and must return one number for an example, got {found}")
        read, wrt = slice(begin, begin + len(leaves)), slice(begin, begin + len(theta))
        program = _program(blocks, traced.order, roots, [*plain, *leaves], batch, begin, len(theta))
        return _Specialized(program, traced, starts, leaves, read, wrt)

    def _values(self, specialized: _Specialized, memory: Any) -> list[float]:
        return [_mean(value) for value in specialized.program.forward(memory)]

    def _differentiated(self, specialized: _Specialized, memory: Any, by: str = "captured") -> float:
        if not specialized.trace.structure.is_number:
            found = specialized.trace.structure
            raise TypeError(f"{self.__name__} must return one number to be differentiated, got {found}")
        ((_, batched),) = specialized.program.roots
        (value,) = specialized.program.both(memory, [1.0 / memory.examples if batched else 1.0], by)
        return _mean(value)

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        stats: dict[str, int] = self._called().program.stats
        return stats

    def __str__(self) -> str:
        return str(self._called().program)

    def _check_known(self) -> None:
        if self._all:
            self._called()

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Compile the method of each instance for itself."""
        if instance is None:
            return self
        method = CompiledFunction(self.f.__get__(instance, owner), sorted(self._batched_names), None)
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


def _with_values(function: str, name: str) -> str:
    return (
        f"{function} is compiled and takes plain numbers, got Values in {name}; to differentiate it there are "
        "value_and_grad and compile(grad(f)), to use a Value as a number there is .data"
    )


def _batch(given: Any, name: str, function: str) -> _Argument:
    """Return an argument with a leading batch axis: an array, or a list of examples nested alike."""
    if (isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim)) and not len(given):
        raise ValueError(f"{name} holds no examples, and the mean over none is not defined")
    if isinstance(given, np.ndarray) and given.dtype.kind in "biuf" and given.ndim:
        examples = given.reshape(len(given), -1)
        structure = Structure(np.ndarray, given.shape[1:]) if given.ndim > 1 else Structure()
    elif isinstance(given, (list, tuple)):
        _, first = flatten(given[0], "a compiled function", f"{name}[0]")
        flat = [
            flatten(arranged(example, first), "a compiled function", f"{name}[{i}]") for i, example in enumerate(given)
        ]
        if any(isinstance(x, Value) for numbers, _ in flat for x in numbers):
            raise TypeError(_with_values(function, name))
        structures = {structure: i for i, (_, structure) in reversed(list(enumerate(flat)))}
        if len(structures) > 1:
            (one, i), (other, j), *_ = sorted(structures.items(), key=lambda pair: pair[1])
            raise ValueError(f"the examples in {name} are not alike: number {i} is {one}, number {j} is {other}")
        examples = np.array([numbers for numbers, _ in flat], dtype=float).reshape(len(flat), -1)
        structure = next(iter(structures), Structure())
    else:
        found = type(given).__name__
        raise TypeError(f"{name} is batched, so it is an array or a list of examples, got {found}")
    return _Argument(examples, structure, True)


def _nested(numbers: Array, structure: Structure) -> Any:
    return numbers.reshape(structure.keys) if structure.is_array else structure.unflatten(numbers.tolist())


def _nested_batch(rows: Array, structure: Structure, given: Any) -> Any:
    if isinstance(given, np.ndarray):
        return rows.reshape(given.shape)
    return type(given)(_nested(row, structure) for row in rows)


def _program(
    blocks: Sequence[Block],
    order: Sequence[Value],
    roots: Sequence[Value],
    variables: Sequence[Value],
    batched: Sequence[Value] = (),
    arguments: int = 0,
    wrt: int = 0,
) -> Program | ScalarProgram:
    """Fold a graph, and return the faster program for it: array instructions, or plain Python."""
    collecting = gc.isenabled()
    gc.disable()  # folding makes many objects and no garbage in cycles
    try:
        folder = Folder(variables, batched)
        folder.add(order, roots)
        if is_scalar(folder):
            return ScalarProgram(order, roots, variables)
        return Program(folder.laid_out(roots), blocks, arguments, wrt)
    finally:
        if collecting:
            gc.enable()


def _leaves(wrt: Iterable[Value]) -> list[Value]:
    if isinstance(wrt, Value):
        raise TypeError("wrt takes a list of leaves, got one Value; write wrt=[leaf]")
    leaves = list(dict.fromkeys(wrt))
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not None:
            raise TypeError(f"wrt takes leaves, such as the parameters of a model, got {leaf!r}")
    return leaves


def _mean(value: Any) -> float:
    """Return a float as it is, and the mean of an array with a number for each example."""
    if isinstance(value, float):
        return float(value)
    mean = float(np.add.reduce(value) / len(value))
    return mean if math.isfinite(mean) else float(np.add.reduce(value / len(value)))


@lru_cache(maxsize=64)
def _list_of(size: int | None) -> Structure:
    """Return the structure of a list of so many numbers."""
    return Structure(list, tuple(range(size or 0)), (Structure(),) * (size or 0))


def _as_value(number: Any) -> Value:
    return number if isinstance(number, Value) else Constant(number)
