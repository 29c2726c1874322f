"""Export: a graph or a program in another language, that goes on without this package.

Each is printed from the rows of the table, by a dialect. What a language lacks is an error that names the operation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd.export.derivations import derivation as derivation
from autograd.export.latex import LaTeX as LaTeX
from autograd.export.latex import to_latex as to_latex
from autograd.export.sympy import to_sympy as to_sympy

if TYPE_CHECKING:
    from autograd.compiler.function import CompiledFunction
    from autograd.compiler.graph import CompiledGraph
    from autograd.compiler.program import Program

    Compiled = CompiledGraph | CompiledFunction[Any] | Program


def to_c(program: Compiled, path: str | Path | None = None, name: str = "f") -> str:
    """Return a program as a file in C99, and write it to a path if one is given.

    The file has one function: of the parameters and of the arguments of one example it returns the value, and writes
    the gradient by the parameters; by the arguments, where there are no parameters. It allocates nothing and has no
    globals; a comment shows how to call it. `program` is what `compile` returned; of a function, it is the one for its
    latest call, and Values that are not in its `wrt` have the numbers that they have now.

    >>> from autograd import Value, compile
    >>> w, x = Value(3.0, "w"), Value(2.0, "x")
    >>> source = to_c(compile(w * x + w))
    >>> print(source[source.index("double f") :].partition(";")[0])
    double f(const double *theta, const double *x, double *gradient, double *work) {
        double *v = work
    """
    from autograd.export.c import source_of

    source = source_of(program_of(program, "to_c"), name, Path(path or f"{name}.c").name)
    if path is not None:
        Path(path).write_text(source, encoding="ascii", newline="\n")
    return source


def to_javascript(program: Compiled, path: str | Path | None = None, name: str = "f") -> str:
    """Return a program as a function in JavaScript, and write it to a path if one is given.

    `f(theta, x, values, gradient)` takes typed arrays: the parameters; the inputs of all examples, one after the other;
    room for the value of each example; and room for the gradient of their mean by the parameters (by the inputs, where
    there are no parameters), or null. `f.parameters`, `f.inputs` and `f.results` say how many there are. A program with
    several results gives values only. It needs no library, and no `eval`. `program` is as for `to_c`.

    >>> from autograd import Value, compile
    >>> w = Value(3.0, "w")
    >>> square_error = compile(lambda x, y: (w * x - y) ** 2, batched=("x", "y"), wrt=[w])
    >>> square_error([1.0], [2.0])
    1.0
    >>> print(to_javascript(square_error).partition("{")[0])
    const f = (() =>
    """
    from autograd.export.typed_arrays import javascript_of

    source = javascript_of(program_of(program, "to_javascript").lowering, name) + "\n"
    if path is not None:
        Path(path).write_text(source, encoding="utf-8", newline="\n")
    return source


def to_torch(program: Compiled) -> Callable[..., Any]:
    """Return a program as a pure function of PyTorch tensors: of theta, and of each argument of one example.

    It is for `torch.func` (vmap, grad, hessian), `torch.export` and devices, in the precision of its arguments, and has
    its `source`. Theta is left out where the program has no parameters; several results are one tensor. `program` is
    what `compile` returned; of a function, it is the one for its latest call.
    """
    from autograd.export.torch import function_of

    return function_of(program_of(program, "to_torch"))


def to_jax(program: Compiled, dtype: str | None = None) -> Callable[..., Any]:
    """Return a program as a pure function of JAX arrays: of theta, and of each argument of one example.

    It is for `jax.jit`, `vmap`, `grad` and sharding, and has its `source`. Its derivatives are those of our table at
    the edges too, to any order. Theta is left out where the program has no parameters; several results are one array.
    Without double precision (`jax_enable_x64`) that is an error, unless `dtype` is "float32".
    """
    from autograd.export.jax import jax_function

    return jax_function(program_of(program, "to_jax"), dtype)


def program_of(compiled: Any, asker: str) -> Program:
    """Return the program of what `compile` returned."""
    from autograd.export.programs import program_in

    return program_in(compiled, asker)
