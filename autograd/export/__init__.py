"""Export: a graph or a program in another language, that goes on without this package.

Each is printed from the rows of the table, by a dialect. What a language lacks is an error that names the operation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd.compiler import needs_numpy
from autograd.export.derivations import derivation as derivation
from autograd.export.latex import LaTeX as LaTeX
from autograd.export.latex import to_latex as to_latex
from autograd.export.networks import load_torch_state as load_torch_state
from autograd.export.networks import sequential_of
from autograd.export.sympy import to_sympy as to_sympy
from autograd.files import path_of, write_atomically

__all__ = [
    "LaTeX",
    "derivation",
    "load_torch_state",
    "to_c",
    "to_javascript",
    "to_jax",
    "to_latex",
    "to_onnx",
    "to_sympy",
    "to_torch",
]

if TYPE_CHECKING:
    from autograd.compiler.function import CompiledFunction
    from autograd.compiler.graph import CompiledGraph
    from autograd.compiler.program import Program
    from autograd.export.programs import Network

    Compiled = CompiledGraph | CompiledFunction[Any] | Program


def to_c(program: Compiled, path: str | Path | None = None, name: str = "f") -> str:
    """Return a program as a file in C99, and write it to a path if one is given.

    The file has one function: of the parameters and of the arguments of one example, in the order of the signature, it
    returns the value, and writes the gradient by the parameters; by the arguments, where there are none. It allocates
    nothing and has no globals; a comment shows how to call it. `program` is what `compile` returned; of a function, it
    is the one for its latest call, and Values that are not in its `wrt` have the numbers that they have now.

    >>> from autograd import Value, compile
    >>> w, x = Value(3.0, "w"), Value(2.0, "x")
    >>> source = to_c(compile(w * x + w))
    >>> print(source[source.index("double f") :].partition(";")[0])
    double f(const double *theta, const double *x, double *gradient, double *work) {
        double *v = work
    """
    with needs_numpy("to_c"):
        from autograd.export.c import source_of

    source = source_of(program_of(program, "to_c", may_be_empty=False), name, path_of(path or f"{name}.c").name)
    if path is not None:
        write_atomically(path, source.encode("ascii"))
    return source


def to_javascript(program: Compiled, path: str | Path | None = None, name: str = "f") -> str:
    """Return a program as a function in JavaScript, and write it to a path if one is given.

    `f(theta, x, values, gradient)` takes typed arrays: the parameters; the arguments of all examples, one example after
    the other, each in the order of the signature; room for the value of each example; and room for the gradient of
    their mean by the parameters, or without any by x, number for number; or null. An argument that is not batched
    stands in each example as well: the derivative by it is the sum over them. `f.parameters`, `f.inputs` and
    `f.results` say how many there are. A program with several results gives values only. It needs no library, and no
    `eval`. `program` is as for `to_c`.

    >>> from autograd import Value, compile
    >>> w = Value(3.0, "w")
    >>> square_error = compile(lambda x, y: (w * x - y) ** 2, batched=("x", "y"), wrt=[w])
    >>> square_error([1.0], [2.0])
    1.0
    >>> print(to_javascript(square_error).partition("{")[0])
    const f = (() =>
    """
    with needs_numpy("to_javascript"):
        from autograd.export.typed_arrays import javascript_of

    found = program_of(program, "to_javascript", may_be_empty=False)
    source = javascript_of(found.lowering, name, constants=found.constant_results) + "\n"
    if path is not None:
        write_atomically(path, source.encode())
    return source


def to_torch(program: Compiled | Network) -> Callable[..., Any]:
    """Return a program as a pure function of PyTorch tensors: of theta, and of each argument of one example.

    It is for `torch.func` (vmap, grad, hessian), `torch.export` and devices, in the precision of its arguments, and has
    its `source`. Theta is left out where the program has no parameters; several results are one tensor. `program` is
    what `compile` returned; of a function, it is the one for its latest call.

    An MLP, a Layer or a Neuron of `nn` becomes a torch.nn.Sequential in double precision, of PyTorch's own modules
    wherever it has the activation; `load_torch_state` is the way back.
    """
    with needs_numpy("to_torch"):
        from autograd.export.programs import Network
        from autograd.export.torch import function_of

    return sequential_of(program) if isinstance(program, Network) else function_of(program_of(program, "to_torch"))


def to_jax(program: Compiled, dtype: str | None = None) -> Callable[..., Any]:
    """Return a program as a pure function of JAX arrays: of theta, and of each argument of one example.

    It is for `jax.jit`, `vmap`, `grad` and sharding, and has its `source`. Its derivatives are those of our table at
    the edges too, to any order. Theta is left out where the program has no parameters; several results are one array.
    Without double precision (`jax_enable_x64`) that is an error, unless `dtype` is "float32".
    """
    with needs_numpy("to_jax"):
        from autograd.export.jax import jax_function

    return jax_function(program_of(program, "to_jax"), dtype)


def to_onnx(program: Compiled | Network, path: str | Path | None = None, dtype: str = "float64") -> bytes:
    """Return what a program or a network predicts as an ONNX model, and write it to a path if one is given.

    It has an input for each argument: (batch, numbers of an example), of a batched program without the batch axis for
    those that are not batched. The output is (batch, results). Parameters and other Values have the numbers that they
    have now; of a graph, the leaves in `wrt` are the input "theta". Operators are those that ONNX Runtime has for the
    `dtype`, "float64" or "float32". `program` is what `compile` returned, of a function the one for its latest call; or
    a model of `nn` that says how many inputs it takes, such as an MLP. What ONNX cannot say is a NotImplementedError.
    """
    with needs_numpy("to_onnx"):
        from autograd.export.onnx import model_of

    contents = model_of(program_of(program, "to_onnx", may_be_empty=False), dtype)
    if path is not None:
        write_atomically(path, contents)
    return contents


def program_of(compiled: Any, asker: str, *, may_be_empty: bool = True) -> Program:
    """Return the program of what `compile` returned."""
    from autograd.export.programs import program_in

    return program_in(compiled, asker, may_be_empty=may_be_empty)
