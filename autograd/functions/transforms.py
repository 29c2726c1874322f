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
from functools import partial
from typing import Any, Concatenate, Literal, overload

from autograd.engine import Number, Value, check_unchanged, modes
from autograd.functions._derivative import derivative
from autograd.functions._linearization import Linearization
from autograd.functions._sparse import blocks_of_rows, check_scipy, vectors_of
from autograd.functions.calls import Call, Function, name_of
from autograd.functions.signatures import A, Gradient, P, R, ValueAndGradient
from autograd.functions.structure import Shape, Structure, arranged, flatten, pack, size
from autograd.rules import elements


@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: Literal[False] = False) -> list[float]: ...
@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: Literal[True]) -> list[Value]: ...
@overload
def gradients(output: Value, inputs: Iterable[Value], create_graph: bool) -> list[Any]: ...
def gradients(output: Value, inputs: Iterable[Value], create_graph: bool = False) -> list[Any]:
    """Return the derivative of a Value by each of the inputs, leaves or not; no `grad` is changed.

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
    nodes = list(elements(inputs, "gradients", "a list of Values"))
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"gradients takes the derivative by Values, got {type(node).__name__}: {node!r}")
    if modes.blocks and not create_graph:
        modes.use(output, "the gradients, without create_graph, of")
    return Linearization([output], nodes, valued=create_graph).pull([(output, 1.0)])


@overload
def grad(f: Callable[Concatenate[A, P], Number], argnums: Literal[0] = 0) -> Gradient[A, A, P]: ...
@overload
def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function: ...
def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return the function that computes the gradient of f, which returns one number, by the chosen arguments.

    The gradient comes in the structure of the argument: a number, or nested lists, tuples, dicts and NumPy arrays;
    with several `argnums`, in a tuple. Its numbers are floats, or Values if the arguments are Values or f uses Values
    of its surroundings, such as the parameters of a model: then it can be differentiated by them.

    With `has_aux`, here as in the other transforms and in JAX, f returns a pair: what is differentiated, and whatever
    else, which is returned too: (gradient, aux).

    >>> from autograd import sin
    >>> grad(sin)(0.0)
    1.0
    >>> grad(grad(lambda x: x ** 3))(2.0)
    12.0
    >>> grad(lambda x, p: p["a"] * x + p["b"], argnums=1)(3.0, {"a": 2.0, "b": 1.0})
    {'a': 3.0, 'b': 1.0}
    >>> grad(lambda x: (x ** 3, {"square": x ** 2}), has_aux=True)(2.0)
    (12.0, {'square': 4.0})
    """
    return derivative(grad, f, _gradient, f, argnums=argnums, has_aux=has_aux)


@overload
def value_and_grad(f: Callable[Concatenate[A, P], R], argnums: Literal[0] = 0) -> ValueAndGradient[A, A, R, P]: ...
@overload
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function: ...
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return the function that computes a pair: what f returns, which is one number, and its gradient as `grad` has it.

    With `has_aux`, f returns a pair (value, aux), and ((value, aux), gradient) is returned.

    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """
    return derivative(value_and_grad, f, _value_and_gradient, f, argnums=argnums, has_aux=has_aux)


@overload
def vjp(f: Function, *primals: Any, has_aux: Literal[False] = False) -> tuple[Any, Function]: ...
@overload
def vjp(f: Function, *primals: Any, has_aux: Literal[True]) -> tuple[Any, Function, Any]: ...
def vjp(f: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return f(*primals), and the function that takes a cotangent to its product with the Jacobian: reverse mode.

    The cotangent has the structure of what f returns; the product is a tuple with one entry for each of the primals,
    in their structures. Each call is one pass, whatever the number of primals. With `has_aux`, f returns a pair, of
    which the second part is the third that is returned.

    >>> y, pullback = vjp(lambda x, w: [x * w, x + w], 2.0, 3.0)
    >>> y, pullback([1.0, 10.0])
    ([6.0, 5.0], (13.0, 12.0))
    """
    call = Call("vjp", f, primals, tuple(range(len(primals))), {}, has_aux)
    pullback = partial(_pulled, call)
    pullback.__name__ = "pullback"  # type: ignore[attr-defined]
    return (call.value(), pullback, call.aux()) if has_aux else (call.value(), pullback)


@overload
def jvp(
    f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: Literal[False] = False
) -> tuple[Any, Any]: ...
@overload
def jvp(
    f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: Literal[True]
) -> tuple[Any, Any, Any]: ...
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """Return f(*primals), and the product of its Jacobian with the tangents: forward mode, in one pass.

    The tangents have the structure of the primals, one for each; the product has that of what f returns. With
    `has_aux`, f returns a pair, of which the second part is the third that is returned.

    >>> jvp(lambda x, w: [x * w, x + w], (2.0, 3.0), (1.0, 10.0))
    ([6.0, 5.0], [23.0, 11.0])
    """
    if not isinstance(primals, (list, tuple)) or not isinstance(tangents, (list, tuple)):
        found = f"{type(primals).__name__} and {type(tangents).__name__}"
        raise TypeError(f"jvp(f, primals, tangents) takes tuples with one entry for each argument of f, got {found}")
    if len(primals) != len(tangents):
        raise TypeError(f"jvp takes one tangent for each of the primals, got {len(tangents)} for {len(primals)}")
    call = Call("jvp", f, primals, tuple(range(len(primals))), {}, has_aux)
    numbers = [
        number
        for tangent, part in zip(tangents, call.arguments.parts, strict=True)
        for number in _fitting("a tangent of jvp", tangent, part)
    ]
    product = call.result.unflatten(call.push(zip(call.inputs, numbers, strict=True)))
    return (call.value(), product, call.aux()) if has_aux else (call.value(), product)


def jacobian(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False, sparse: bool = False) -> Function:
    """Return the function that computes the derivative of every number that f returns by every one of an argument.

    In the structure of what f returns, each number is replaced by its gradient in the structure of the argument; an
    array of shape R by an array of shape S gives one of shape R + S. It takes a pass for each number returned or for
    each number of the arguments, whichever are fewer. With `has_aux`, f returns a pair, and
    (jacobian, aux) is returned.

    With `sparse`, the matrix is SciPy's `csr_array` of the structural non-zeros: an entry is there if the number
    returned was made from that number of the argument, whatever the derivative is. (Of the side of a choice that is not
    chosen, as in `relu`, entries may be missing, which are 0; a compiled function has those of both sides.) The work is
    in time of what each number was made from. Argument and result are lists, tuples or arrays of one dimension, or one
    number; for several `argnums` there is a tuple of matrices. Where the derivatives are Values, a `SparseMatrix` of
    them is returned.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + x[1]])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0]]
    >>> matrix = jacobian(lambda x: [x[0] * x[0], x[2]], sparse=True)([2.0, 3.0, 4.0])
    >>> matrix.nnz, matrix.toarray().tolist()
    (2, [[4.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    """
    return derivative(jacobian, f, _jacobian, f, argnums=argnums, has_aux=has_aux, sparse=sparse)


def hessian(f: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False, sparse: bool = False) -> Function:
    """Return the function that computes the second derivatives of f, which returns one number: the Jacobian of `grad`.

    `has_aux` and `sparse` are as in `jacobian`; for several `argnums`, a sparse one is a tuple of tuples of matrices.
    `compile(hessian(f, sparse=True))` computes the non-zeros alone.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    >>> hessian(lambda x: sum(a ** 2 for a in x), sparse=True)([1.0] * 1000).nnz
    1000
    """
    gradient = slopes("hessian", f, argnums, has_aux)
    return derivative(hessian, f, _jacobian, gradient, argnums=argnums, has_aux=has_aux, sparse=sparse)


def hvp(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """Return the function of (*args, v) that computes the product of the Hessian of f at args with v.

    It is one forward pass over the graph of the gradient (Pearlmutter, "Fast exact multiplication by the Hessian",
    Neural Computation 6, 1994), so it costs a small multiple of a gradient, whatever the number of arguments. The
    Hessian is by the chosen arguments, whose structure v and the product have: with several `argnums`, in a tuple. With
    `has_aux`, f returns a pair, and (product, aux) is returned.

    >>> hvp(lambda x: x[0] ** 2 * x[1])([2.0, 3.0], [1.0, 10.0])
    [46.0, 4.0]
    >>> hvp(lambda x, k: k * x ** 3)(2.0, 5.0, 1.0)
    60.0
    """
    gradient = slopes("hvp", f, argnums, has_aux)
    return derivative(hvp, f, _product, gradient, argnums=argnums, has_aux=has_aux)


def slopes(asker: str, f: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """Return grad(f) by the name of f, whose errors name the transform that was called."""
    found = partial(_gradient, asker, f, argnums, has_aux)
    found.__name__, found.__wrapped__ = name_of(f), f  # type: ignore[attr-defined]
    return found


# What the transforms return, after the name of the transform, its function and its options.


def _gradient(asker: str, f: Function, argnums: Any, has_aux: bool, /, *args: Any, **keywords: Any) -> Any:
    call = _gradient_call(asker, f, args, argnums, keywords, has_aux)
    return (call.gradient(), call.aux()) if has_aux else call.gradient()


def _value_and_gradient(asker: str, f: Function, argnums: Any, has_aux: bool, /, *args: Any, **keywords: Any) -> Any:
    call = _gradient_call(asker, f, args, argnums, keywords, has_aux)
    return (call.value(), call.aux()) if has_aux else call.value(), call.gradient()


def _pulled(call: Call, cotangent: Any) -> tuple[Any, ...]:
    numbers = _fitting("a cotangent of vjp", cotangent, call.result)
    check_unchanged(call.order)
    product: tuple[Any, ...] = call.arguments.unflatten(call.pull(zip(call.outputs, numbers, strict=True)))
    return product


def _jacobian(
    asker: str, f: Function, argnums: Any, has_aux: bool, sparse: bool, /, *args: Any, **keywords: Any
) -> Any:
    call = Call(asker, f, args, argnums, keywords, has_aux)
    found = _sparse(asker, f, call, argnums) if sparse else _nested(call.result, call.arguments, iter(call.rows()))
    return (found, call.aux()) if has_aux else found


def _product(asker: str, f: Function, argnums: Any, has_aux: bool, /, *args: Any, **keywords: Any) -> Any:
    if len(args) < 2:
        raise TypeError(
            f"hvp(f)(*args, v) takes the arguments of {name_of(f)} and then, by position, the vector v; "
            f"got {len(args)} by position"
        )
    call = Call(asker, f, args[:-1], argnums, keywords, has_aux)
    numbers = _fitting("the vector of hvp", args[-1], call.arguments)
    found = call.result.unflatten(call.push(zip(call.inputs, numbers, strict=True)))
    return (found, call.aux()) if has_aux else found


def _sparse(asker: str, f: Function, call: Call, argnums: Any) -> Any:
    check_scipy(asker)
    several = isinstance(argnums, (list, tuple))
    widths = vectors_of(asker, f"an argument of {name_of(f)}", call.arguments, several)
    twice = several and asker == "hessian"
    heights = vectors_of(asker, f"what {name_of(f)} returned", call.result, twice)
    bands = blocks_of_rows(call.nonzeros(), heights, widths, call.valued)
    blocks = tuple([tuple(band) if several else band[0] for band in bands])
    return blocks if twice else blocks[0]


def _gradient_call(
    asker: str, f: Function, args: Sequence[Any], argnums: Any, keywords: dict[str, Any], has_aux: bool
) -> Call:
    call = Call(asker, f, args, argnums, keywords, has_aux)
    if not call.result.is_number:
        raise TypeError(
            f"{asker} takes a function that returns one number, {name_of(f)} returned {call.result}; "
            "jacobian differentiates every number that a function returns"
        )
    return call


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
    if not structure.fits(wanted):
        names = zip(structure.names(""), wanted.names(""), strict=False) if f"{structure}" == f"{wanted}" else ()
        other = next((f", where {one} stands in place of {name}" for one, name in names if one != name), "")
        raise TypeError(f"{what} has the structure of what it multiplies, {wanted}; got {structure}{other}")
    return numbers
