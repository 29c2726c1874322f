"""Compiler: a graph of scalars becomes a few array instructions, replayed without Python work for each node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, overload

from autograd.compiler.trace import TraceError as TraceError
from autograd.engine import Number, Value

if TYPE_CHECKING:
    from autograd.compiler.function import CompiledFunction
    from autograd.compiler.graph import CompiledGraph


@contextmanager
def needs_numpy(asker: str) -> Iterator[None]:
    """Have an import that fails for want of NumPy say who asked for it, and the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "numpy":
            raise
        raise ImportError(f"{asker} needs NumPy: python -m pip install 'scalar-autograd[compile]'") from error


@overload
def compile(
    target: None = None,
    *,
    wrt: Iterable[Value] | None = None,
    batched: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    has_aux: bool = False,
    backend: str = "auto",
) -> Callable[[Callable[..., Any]], CompiledFunction[Any]]: ...
@overload
def compile(
    target: Value | Sequence[Value], *, wrt: Iterable[Value] | None = None, backend: str = "auto"
) -> CompiledGraph: ...
@overload
def compile(
    target: Callable[..., Number],
    *,
    wrt: Iterable[Value] | None = None,
    batched: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    backend: str = "auto",
) -> CompiledFunction[float]: ...
@overload
def compile(
    target: Callable[..., Any],
    *,
    wrt: Iterable[Value] | None = None,
    batched: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    has_aux: bool = False,
    backend: str = "auto",
) -> CompiledFunction[Any]: ...
def compile(
    target: Any = None,
    *,
    wrt: Iterable[Value] | None = None,
    batched: str | Sequence[str] = (),
    static: str | Sequence[str] = (),
    has_aux: bool = False,
    backend: str = "auto",
) -> Any:
    """Return a program that computes what a graph or a function computes, in a few array instructions.

    - `compile(loss)`, a Value or a list of them: a `CompiledGraph`. `wrt` are the leaves to differentiate by, all that
      take a gradient if not given; the data of the others stays as it is now.
    - `compile(f)`, also as a decorator, of methods too: a `CompiledFunction`, traced once for each structure of its
      arguments. With Values, or inside what is compiled or differentiated itself, it is f, node by node; the fast
      derivative is `compile(grad(f))`. What else f reads, such as attributes, stays as it is when f is traced.
    - `compile(f, batched=("x", "y"))`: f is for one example, and the named arguments have a leading batch axis. Of a
      function, `wrt` are the Values it uses beside its arguments, in the order in which a vector is to have them.
    - `compile(f, static=("n",))`: the named arguments are part of the program, as JAX's static_argnames: whatever is
      hashable, such as a bool, an int that counts, a str, None or a frozen dataclass. Defaults that are not given are
      part of it anyhow, and so are Constants: a function is traced anew after one was assigned to.
    - `compile(f, has_aux=True)`: f returns a pair, of which the first part is differentiated, as in JAX. Of a batched
      function the second part is returned for each example.
    - `backend` is what runs it: "numpy", "python", "native" (native code, by llvmlite), or "auto", the fastest of those
      that are there: a program that runs often becomes native code when it has run for as long as that takes to build.

    Sums are added up in another order than eagerly: `sum`, `fsum`, `mean` and `dot` of n terms are within
    n * eps * sum(|terms|) of the exact sum, eps being 2**-52, where the eager `fsum` is exact to the last digit.

    Raises TraceError where f decides by a number that may be another one in the next call.

    >>> w, x = Value(3.0, "w"), Value(2.0, "x")
    >>> program = compile(w * x + w, wrt=[w])
    >>> w.data = 10.0
    >>> program.forward()
    30.0
    >>> compile(lambda x: x[0] * x[1]).value_and_grad([3.0, 2.0])
    (6.0, [2.0, 3.0])
    """
    with needs_numpy("autograd.compile"):
        from autograd.compiler.cut import check_backend
        from autograd.compiler.function import CompiledClassMethod, CompiledFunction
        from autograd.compiler.graph import CompiledGraph
    check_backend(backend)
    roots = [target] if isinstance(target, Value) else target
    if isinstance(roots, (list, tuple)) and roots and all(isinstance(root, Value) for root in roots):
        for option, given in (("batched", batched), ("static", static), ("has_aux", has_aux)):
            if given:
                raise TypeError(f"{option} is for a function; a graph is compiled for its numbers as they are")
        return CompiledGraph(list(roots), wrt, single=roots is not target, backend=backend)

    def compiled(f: Any) -> Any:
        if isinstance(f, staticmethod):
            return staticmethod(compiled(f.__func__))
        if isinstance(f, classmethod):
            return CompiledClassMethod(compiled(f.__func__))
        if not callable(f) or isinstance(f, CompiledGraph):
            raise TypeError(f"compile takes a Value, a list of Values or a function, got {type(f).__name__}")
        return CompiledFunction(f, batched, wrt, has_aux, static, backend)

    return compiled if target is None else compiled(target)
