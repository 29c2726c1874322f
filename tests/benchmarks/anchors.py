"""How others compute a value and its gradient: CasADi, JAX, PyTorch and ddx-ad, each as its users have it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.benchmarks.benchmark import Entry

KEPT: list[Any] = []


class Words:
    """The functions of a library by the names that the programs use."""

    def __init__(self, *modules: Any, **others: Any) -> None:
        for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "erf"):
            setattr(self, name, next(getattr(module, name) for module in modules if hasattr(module, name)))
        vars(self).update(others)


def jax_words() -> Words:
    import jax

    return Words(jax.numpy, jax.scipy.special, where=jax.numpy.where, softplus=jax.nn.softplus)


class ScalarWords(Words):
    """Likewise, of a library of scalars that has a choice and the larger of two."""

    def relu(self, x: Any) -> Any:
        return self.larger(x, 0.0)

    def fsum(self, xs: Any) -> Any:
        return sum(xs)

    def dot(self, a: Any, b: Any) -> Any:
        return sum(x * y for x, y in zip(a, b, strict=True))

    def sigmoid(self, x: Any) -> Any:
        return 1.0 / (1.0 + self.exp(-x))

    def softplus(self, x: Any) -> Any:
        return self.log(1.0 + self.exp(x))

    def logsumexp(self, xs: Any) -> Any:
        m = xs[0]
        for x in xs[1:]:
            m = self.larger(m, x)
        return m + self.log(sum(self.exp(x - m) for x in xs))


def casadi_words() -> Words:
    import casadi

    return ScalarWords(casadi, where=casadi.if_else, larger=casadi.fmax)


def ddx_words() -> Words:
    import ddx

    return ScalarWords(ddx, where=ddx.select, larger=ddx.max)


def jax_in_double() -> Any:
    """Import JAX, which computes in double precision from now on."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def in_casadi(f: Callable[[Any, Any], Any], x: Any) -> Entry:
    """A program of scalars as one graph (SX) on CasADi's virtual machine, through its buffers."""
    import casadi

    p = casadi.SX.sym("p", len(x))
    value = f(casadi_words(), casadi.vertsplit(p))
    function = casadi.Function("f", [p], [value, casadi.gradient(value, p)])
    buffer, run = function.buffer()
    given, found, gradient = np.array(x, dtype=float), np.zeros(1), np.zeros(len(x))
    buffer.set_arg(0, memoryview(given))
    buffer.set_res(0, memoryview(found))
    buffer.set_res(1, memoryview(gradient))
    KEPT.append((function, buffer, given, found, gradient))  # of which `run` has the addresses
    run()
    return Entry(run, (float(found[0]), gradient.copy()))


def in_jax(f: Callable[[Any], Any], x: Any, flat: Callable[[Any], Any] = np.asarray) -> Entry:
    """A function of arrays under `jax.jit`; flat makes one vector of its gradient."""
    jax = jax_in_double()
    step = jax.jit(jax.value_and_grad(f))
    given = jax.tree.map(jax.numpy.array, x)
    value, gradient = step(given)
    return Entry(lambda: jax.block_until_ready(step(given)), (float(value), flat(gradient)))


def in_torch(f: Callable[[Any], Any], parameters: Sequence[Sequence[Any]], flat: Callable[[Any], Any]) -> Entry:
    """A function of layers, each some arrays, in PyTorch's eager tensors; flat makes one vector of their gradients."""
    import torch

    torch.set_num_threads(1)
    leaves = [[torch.tensor(array, requires_grad=True) for array in layer] for layer in parameters]

    def step() -> float:
        loss = f(leaves)
        for layer in leaves:
            for leaf in layer:
                leaf.grad = None
        loss.backward()
        return float(loss.item())

    value = step()
    return Entry(step, (value, flat([[leaf.grad for leaf in layer] for layer in leaves])))


def in_ddx(example: Callable[[], Any], inputs: Any, finish: Callable[[Any], tuple[float, Any]]) -> Entry:
    """A function of one example over a batch, compiled by LLVM; inputs have a column for each example."""
    import ddx

    equation = ddx.equation(example)
    equation.compile(points=inputs.shape[1])
    call = equation.buffer(np.ascontiguousarray(inputs))

    def step() -> tuple[float, Any]:
        call()
        return finish(call)

    return Entry(step, step())
