"""Write scalars, run arrays: a graph of Values becomes a few NumPy instructions that are replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from autograd.compiler.trace import TraceError as TraceError
from autograd.value import Number, Value

if TYPE_CHECKING:
    from autograd.compiler.function import CompiledFunction
    from autograd.compiler.graph import CompiledGraph


@overload
def compile(
    target: None = None, *, wrt: Iterable[Value] | None = None, batched: Sequence[str] = (), has_aux: bool = False
) -> Callable[[Callable[..., Any]], CompiledFunction[Any]]: ...
@overload
def compile(target: Value | Sequence[Value], *, wrt: Iterable[Value] | None = None) -> CompiledGraph: ...
@overload
def compile(
    target: Callable[..., Number], *, wrt: Iterable[Value] | None = None, batched: Sequence[str] = ()
) -> CompiledFunction[float]: ...
@overload
def compile(
    target: Callable[..., Any],
    *,
    wrt: Iterable[Value] | None = None,
    batched: Sequence[str] = (),
    has_aux: bool = False,
) -> CompiledFunction[Any]: ...
def compile(
    target: Any = None, *, wrt: Iterable[Value] | None = None, batched: Sequence[str] = (), has_aux: bool = False
) -> Any:
    """Return a program that computes what a graph or a function computes, in a few array instructions.

    - `compile(loss)`, a Value or a list of them: a `CompiledGraph`. `wrt` are the leaves to differentiate by, all that
      take a gradient if not given; the data of the others stays as it is now.
    - `compile(f)`, also as a decorator: a `CompiledFunction`, traced once for each structure of its arguments.
    - `compile(f, batched=("x", "y"))`: f is for one example, and the named arguments have a leading batch axis. Of a
      function, `wrt` are the Values it uses beside its arguments, in the order in which a vector is to have them.
    - `compile(f, has_aux=True)`: f returns a pair, of which the first part is differentiated, as in JAX. Of a batched
      function the second part is returned for each example.

    Raises TraceError where f decides by a number that may be another one in the next call.

    >>> w, x = Value(3.0, "w"), Value(2.0, "x")
    >>> program = compile(w * x + w, wrt=[w])
    >>> w.data = 10.0
    >>> program.forward()
    30.0
    >>> compile(lambda x: x[0] * x[1]).value_and_grad([3.0, 2.0])
    (6.0, [2.0, 3.0])
    """
    try:
        from autograd.compiler.function import CompiledFunction
        from autograd.compiler.graph import CompiledGraph
    except ModuleNotFoundError as error:
        raise ImportError("autograd.compile needs NumPy: python -m pip install 'scalar-autograd[compile]'") from error
    if (batched or has_aux) and isinstance(target, (Value, list, tuple)):
        raise TypeError(
            f"{'batched' if batched else 'has_aux'} is for a function; a graph is compiled for its numbers as they are"
        )
    if isinstance(target, Value):
        return CompiledGraph([target], wrt, single=True)
    if isinstance(target, (list, tuple)) and target and all(isinstance(root, Value) for root in target):
        return CompiledGraph(list(target), wrt, single=False)
    if target is None:
        return lambda f: CompiledFunction(f, batched, wrt, has_aux)
    if not callable(target):
        raise TypeError(f"compile takes a Value, a list of Values or a function, got {type(target).__name__}")
    return CompiledFunction(target, batched, wrt, has_aux)
