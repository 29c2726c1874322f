"""Function transforms: grad, jacobian, hessian and their kin take a function and return its derivative, to any order.

A transform calls the function on fresh nodes in place of its numbers, and goes through the graph that comes back: from
results to operands for products with the transposed Jacobian (vjp, reverse mode), from operands to results for
products with the Jacobian (jvp, forward mode). Inside another transform the fresh nodes are copies, tied by an
identity to the numbers they stand for. So the inner derivative is by the copy alone, which rules out perturbation
confusion, and the outer one finds its way through the identity. What was made before the fresh nodes cannot depend on
them, so it is not walked: a derivative costs what its own function costs, wherever it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import index
from typing import Any, Concatenate, Literal, SupportsIndex, TypeAlias, overload

from autograd.engine import (
    UNREACHED,
    Accumulators,
    Constant,
    Edge,
    Number,
    Sum,
    Value,
    accumulate,
    check_unchanged,
    clock,
    dependents,
    differentiable_edges,
    edges,
    modes,
    topological_order,
    turned,
)
from autograd.functions.signatures import A, Gradient, P, R, ValueAndGradient
from autograd.functions.structure import Shape, Structure, arranged, flatten, pack, size
from autograd.rules import positive

Function: TypeAlias = Callable[..., Any]


@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: Literal[False] = False) -> list[float]: ...
@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: Literal[True]) -> list[Value]: ...
@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: bool) -> list[Any]: ...
def gradients(output: Value, inputs: Iterable[Value], create_graph: bool = False) -> list[Any]:
    """Return the derivative of a Value by each of the inputs, leaves or not; nobody's `grad` is touched.

    The results are floats, or with `create_graph` Values, which can be differentiated again. An input on which the
    output does not depend has derivative 0. Raises RuntimeError if a leaf was changed after the output was made.

    >>> x = Value(3.0)
    >>> y = x ** 3
    >>> gradients(y, [x])
    [27.0]
    >>> slope, = gradients(y, [x], create_graph=True)
    >>> gradients(slope, [x])
    [18.0]
    """
    if not isinstance(output, Value) or isinstance(inputs, Value) or not isinstance(inputs, Iterable):
        raise TypeError(
            "gradients(output, inputs) takes a Value and a list of Values, got "
            f"{type(output).__name__} and {type(inputs).__name__}; for a function of numbers there is grad(f), "
            "and a derivative is a Value again with gradients(..., create_graph=True)"
        )
    nodes = list(inputs)
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"gradients takes the derivative by Values, got {type(node).__name__}: {node!r}")
    if modes.blocks and not create_graph:
        modes.use(output, "the gradients, without create_graph, of")
    return _Linearization([output], nodes, valued=create_graph).pull([(output, 1.0)])


@overload
def grad(f: Callable[Concatenate[A, P], Number], argnums: Literal[0] = 0) -> Gradient[A, A, P]: ...
@overload
def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function: ...
def grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return the function that computes the gradient of f, which returns one number, by the chosen arguments.

    The gradient comes in the structure of the argument: a number, or nested lists, tuples, dicts and NumPy arrays;
    with several `argnums`, in a tuple. Its numbers are floats, or Values if the arguments are Values or f uses Values
    of its surroundings, such as the parameters of a model: then it can be differentiated by them.

    >>> from autograd import sin
    >>> grad(sin)(0.0)
    1.0
    >>> grad(grad(lambda x: x ** 3))(2.0)
    12.0
    >>> grad(lambda x, p: p["a"] * x + p["b"], argnums=1)(3.0, {"a": 2.0, "b": 1.0})
    {'a': 3.0, 'b': 1.0}
    """
    return _named("grad", f, lambda *args, **keywords: _gradient("grad", f, args, argnums, keywords)[1])


@overload
def value_and_grad(f: Callable[Concatenate[A, P], R], argnums: Literal[0] = 0) -> ValueAndGradient[A, A, R, P]: ...
@overload
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function: ...
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return the function that computes a pair: what f returns, which is one number, and its gradient as `grad` has it.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """
    return _named(
        "value_and_grad", f, lambda *args, **keywords: _gradient("value_and_grad", f, args, argnums, keywords)
    )


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """Return f(*primals), and the function that takes a cotangent to its product with the Jacobian: reverse mode.

    The cotangent has the structure of what f returns; the product is a tuple with one entry for each of the primals,
    in their structures. Each call is one sweep, whatever the number of primals.

    >>> y, pullback = vjp(lambda x, w: [x * w, x + w], 2.0, 3.0)
    >>> y, pullback([1.0, 10.0])
    ([6.0, 5.0], (13.0, 12.0))
    """
    call = _Call("vjp", f, primals, tuple(range(len(primals))), {})

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        numbers = _fitting("a cotangent of vjp", cotangent, call.result)
        check_unchanged(call.order)
        product: tuple[Any, ...] = call.arguments.unflatten(call.pull(zip(call.outputs, numbers, strict=True)))
        return product

    return call.value(), pullback


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return f(*primals), and the product of its Jacobian with the tangents: forward mode, in one pass.

    The tangents have the structure of the primals, one for each; the product has that of what f returns.

    >>> jvp(lambda x, w: [x * w, x + w], (2.0, 3.0), (1.0, 10.0))
    ([6.0, 5.0], [23.0, 11.0])
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        found = f"{type(primals).__name__} and {type(tangents).__name__}"
        raise TypeError(f"jvp(f, primals, tangents) takes tuples with one entry for each argument of f, got {found}")
    if len(primals) != len(tangents):
        raise TypeError(f"jvp takes one tangent for each of the primals, got {len(tangents)} for {len(primals)}")
    return _pushed("jvp", "a tangent of jvp", f, primals, tangents)


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return the function that computes the derivative of every number that f returns by every one of an argument.

    In the structure of what f returns, each number is replaced by its gradient in the structure of the argument; an
    array of shape R by an array of shape S gives one of shape R + S. It takes a sweep for each number returned or for
    each number of the arguments, whichever are fewer.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    """
    return _jacobian("jacobian", f, argnums)


def hessian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """Return the function that computes the second derivatives of f, which returns one number: the Jacobian of `grad`.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    return _jacobian("hessian", _slopes("hessian", f, argnums), argnums)


def hvp(f: Function) -> Function:
    """Return the function of (x, v) that computes the product of the Hessian of f at x with v, without the Hessian.

    It is one forward sweep over the graph of the gradient (Pearlmutter, "Fast exact multiplication by the Hessian",
    Neural Computation 6, 1994), so it costs a small multiple of a gradient, whatever the number of arguments.

    >>> hvp(lambda x: x[0] ** 2 * x[1])([2.0, 3.0], [1.0, 10.0])
    [46.0, 4.0]
    """
    slopes = _slopes("hvp", f)
    return _named("hvp", f, lambda x, v: _pushed("hvp", "the vector of hvp", slopes, (x,), (v,))[1])


def _gradient(asker: str, f: Function, args: Sequence[Any], argnums: Any, keywords: dict[str, Any]) -> tuple[Any, Any]:
    call = _Call(asker, f, args, argnums, keywords)
    if not call.result.is_number:
        raise TypeError(
            f"{asker} takes a function that returns one number, {_name(f)} returned {call.result}; "
            "jacobian differentiates every number that a function returns"
        )
    return call.value(), call.arguments.unflatten(call.pull([(call.outputs[0], 1.0)]))


def _slopes(asker: str, f: Function, argnums: Any = 0) -> Function:
    """Return grad(f), whose errors speak in the asker's name of f."""
    _check_function(asker, f)

    def slopes(*args: Any, **keywords: Any) -> Any:
        return _gradient(asker, f, args, argnums, keywords)[1]

    slopes.__name__ = _name(f)
    slopes.__wrapped__ = f  # type: ignore[attr-defined]
    return slopes


def _pushed(asker: str, what: str, f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    call = _Call(asker, f, primals, tuple(range(len(primals))), {})
    fitting = [_fitting(what, *pair) for pair in zip(tangents, call.arguments.parts, strict=True)]
    numbers = [number for listed in fitting for number in listed]
    return call.value(), call.result.unflatten(call.push(zip(call.inputs, numbers, strict=True)))


def _jacobian(asker: str, f: Function, argnums: Any) -> Function:
    def derivatives(*args: Any, **keywords: Any) -> Any:
        call = _Call(asker, f, args, argnums, keywords)
        return _nested(call.result, call.arguments, iter(call.rows()))

    return _named(asker, f, derivatives)


class _Linearization:
    """A linearization of some nodes by others: the edges of the graph between them, followed in either direction.

    `valued` says whether derivatives are Values; where it is None, they are if anything that takes a gradient was
    brought in from before the tick `since`.
    """

    def __init__(
        self, outputs: Sequence[Any], inputs: Sequence[Value], *, since: int = 0, valued: bool | None = None
    ) -> None:
        self.outputs = outputs
        self.inputs = inputs
        self.order = topological_order(*[x for x in outputs if isinstance(x, Value)], since=since)
        check_unchanged(self.order)
        if valued is None:
            nodes = [*self.order, *(parent for x in inputs for parent in x.parents)]
            older = {stamp for stamp in {node.stamp for node in nodes} if stamp.born < since}
            valued = any(node.stamp in older and type(node) is not Constant for node in nodes if older)
        self.valued = valued
        self.recorded = valued and not modes.paused()
        active = dependents(self.order, inputs)
        self.wanted = set(active)
        read = differentiable_edges if self.recorded else edges
        self.edges: list[Edge] = list(read(reversed(active), self.wanted))

    def pull(self, cotangents: Iterable[tuple[Any, Number]]) -> list[Any]:
        """Return cotangent x d(output)/d(input), summed over the given outputs, for each input."""
        return self._accumulated(self._backward(), cotangents, self.inputs)

    def push(self, tangents: Iterable[tuple[Any, Number]]) -> list[Any]:
        """Return d(output)/d(input) x tangent, summed over the given inputs, for each output."""
        return self._accumulated(self._forward(), tangents, self.outputs)

    def rows(self) -> list[Sequence[Any]]:
        """Return the Jacobian: for each output its derivatives by all inputs."""
        if len(self.outputs) <= len(self.inputs):
            flow = self._backward()
            return [self._accumulated(flow, [(output, 1.0)], self.inputs) for output in self.outputs]
        flow = self._forward()
        columns = [self._accumulated(flow, [(x, 1.0)], self.outputs) for x in self.inputs]
        return [[column[row] for column in columns] for row in range(len(self.outputs))]

    def _backward(self) -> Accumulators:
        return Accumulators(self.wanted, self.edges)

    def _forward(self) -> Accumulators:
        return Accumulators(self.wanted, turned(self.edges))

    def _accumulated(self, flow: Accumulators, seeds: Iterable[tuple[Any, Number]], ends: Sequence[Any]) -> list[Any]:
        seeds = [seed for seed in seeds if isinstance(seed[0], Value) and seed[0] in self.wanted]
        valued = self.valued or any(isinstance(number, Value) for _, number in seeds)
        given: list[Any] = []
        flow.clear_gradients()
        for node, number in seeds:
            given.append(_as_value(number) if valued else number)
            flow[node].grad += Sum(1.0, given[-1]) if valued else number
        accumulate(flow.reached(), flow.values())
        sums: list[Any] = [flow[end].grad if isinstance(end, Value) and end in flow else UNREACHED for end in ends]
        if not valued:
            return [float(total) for total in sums]
        taken = set(given)  # each result is a node of its own, to be labelled as one likes
        found = []
        for total in sums:
            node = Constant(0.0) if total is UNREACHED else total.node()
            found.append(positive(node) if node in taken else node)
            taken.add(node)
        return found


class _Call(_Linearization):
    """A call of f on fresh nodes in place of the numbers of the chosen arguments, linearized there."""

    def __init__(
        self, asker: str, f: Function, args: Sequence[Any], argnums: int | Sequence[int], keywords: dict[str, Any]
    ) -> None:
        _check_function(asker, f)
        positions = _positions(asker, f, args, argnums)
        taken = [flatten(args[i], asker, f"argument {i} of {_name(f)}") for i in positions]
        arguments = Structure(tuple, tuple(range(len(taken))), tuple([structure for _, structure in taken]))
        self.arguments = arguments if isinstance(argnums, (list, tuple)) else arguments.parts[0]
        since = clock.advance()
        placed = list(args)
        with modes.enable_grad(), modes.differentiate_from(since):
            inputs = [positive(x) if isinstance(x, Value) else Value(x) for numbers, _ in taken for x in numbers]
            for i, argument in zip(positions, arguments.unflatten(inputs), strict=True):
                placed[i] = argument
            result = f(*placed, **keywords)
        outputs, self.result = flatten(result, asker, f"what {_name(f)} returned")
        _check_outputs(asker, f, result)
        super().__init__(outputs, inputs, since=since)

    def value(self) -> Any:
        """Return what f returned, in its structure."""
        if self.recorded:
            return self.result.unflatten(map(_as_value, self.outputs))
        floats = [x.data if isinstance(x, Value) else x for x in self.outputs]
        return self.result.unflatten(map(Constant, floats) if self.valued else floats)


def _positions(asker: str, f: Function, args: Sequence[Any], argnums: Any) -> tuple[int, ...]:
    positions = argnums if isinstance(argnums, (list, tuple)) else (argnums,)
    if not all(isinstance(position, SupportsIndex) and not isinstance(position, bool) for position in positions):
        raise TypeError(f"argnums of {asker} is the position of an argument, or several in a tuple, got {argnums!r}")
    positions = tuple(map(index, positions))
    if not all(-len(args) <= position < len(args) for position in positions):
        number = f"{len(args)} argument{'' if len(args) == 1 else 's'}"
        raise ValueError(f"argnums of {asker} is {argnums!r}, but {_name(f)} was called with {number}")
    if len({position % len(args) for position in positions}) < len(positions):
        raise ValueError(f"argnums of {asker} names an argument twice: {argnums!r}")
    return positions


def _nested(outer: Structure, inner: Structure, rows: Iterator[Sequence[Any]]) -> Any:
    """Nest the rows of a matrix by the structure of what they stand for, and each row by that of its entries."""

    def block(height: Shape) -> Any:
        taken = [next(rows) for _ in range(size(height))]
        start = 0

        def part(width: Shape) -> Any:
            nonlocal start
            stop = start + size(width)
            entries = [entry for row in taken for entry in row[start:stop]]
            start = stop
            return pack(entries, None if height is None and width is None else (height or ()) + (width or ()))

        return inner.build(part)

    return outer.build(block)


def _fitting(what: str, given: Any, wanted: Structure) -> list[Any]:
    numbers, structure = flatten(arranged(given, wanted), what, what)
    if structure != wanted:
        raise TypeError(f"{what} has the structure of what it multiplies, {wanted}; got {structure}")
    return numbers


def _check_outputs(asker: str, f: Function, result: Any) -> None:
    if _is_condition(result):
        raise TypeError(
            f"{asker} takes a function that returns numbers, {_name(f)} returned a comparison, which is true or false "
            "and has no derivative; return the number that it compares, or choose between two by where(condition, a, b)"
        )


def _is_condition(thing: Any) -> bool:
    """Say whether something is a truth value, or an array of such."""
    return isinstance(thing, bool) or getattr(getattr(thing, "dtype", None), "kind", "") == "b"


def _as_value(number: Number) -> Value:
    return number if isinstance(number, Value) else Constant(number)


def _name(f: Any) -> str:
    name: str = getattr(f, "__name__", None) or getattr(f, "name", None) or repr(f)
    return name


def _named(transform: str, f: Function, derivative: Function) -> Function:
    _check_function(transform, f)
    derivative.__name__ = derivative.__qualname__ = f"{transform}({_name(f)})"
    derivative.__doc__ = f"Return the {transform} of {_name(f)}."
    if transform != "hvp":
        derivative.__wrapped__ = f  # type: ignore[attr-defined]  # it has the parameters of f
    return derivative


def _check_function(asker: str, f: Any) -> None:
    if not callable(f):
        raise TypeError(f"{asker} takes a function, got {type(f).__name__}; for a Value there is gradients(...)")
