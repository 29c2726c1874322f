"""Compiled graphs: what `compile` returns for a graph that exists.

A program reads the data of the Values it was folded from only when some leaf has been assigned since, which the clock
tells; so between steps that touch no Value there is no Python work for each of them.
"""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from autograd.compiler.cut import compiled
from autograd.compiler.instructions import Array
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program
from autograd.compiler.trace import TraceError
from autograd.engine import Constant, Value, check_unchanged, clock, modes, topological_order
from autograd.functions import gradients
from autograd.functions.evaluation import choice_made
from autograd.rules import elements, real, with_article

NAMED = 16  # leaves that a listing calls by their labels


class WithParameters:
    """A program with a parameter vector: the data of the Values in `wrt`, read and written in their order."""

    wrt: list[Value]
    program: Program

    @property
    def stats(self) -> dict[str, int]:
        """The numbers of nodes folded, instructions, floating-point operations forward, and bytes of the buffers."""
        return self.program.stats

    @property
    def source(self) -> str:
        """The source that runs."""
        return self.program.source

    def read(self) -> Array:
        """Return the data of the Values in `wrt` as a vector."""
        return np.array([leaf.data for leaf in self.wrt], dtype=float)

    def write(self, theta: ArrayLike) -> None:
        """Assign a vector to the data of the Values in `wrt`."""
        for leaf, number in zip(self.wrt, self._vector(theta).tolist(), strict=True):
            leaf.data = number

    def _vector(self, theta: ArrayLike) -> Array:
        if type(theta) is np.ndarray and theta.dtype == float and theta.shape == (len(self.wrt),):
            return theta
        if isinstance(theta, np.ma.MaskedArray):
            raise TypeError("theta is a vector of real numbers, got a masked array; fill it, as .filled(0.0) does")
        vector = np.asarray(theta)
        if vector.dtype.kind not in "biuf":
            vector = np.array([real(number, "theta") for number in vector.ravel().tolist()]).reshape(vector.shape)
        vector = vector.astype(float)
        if vector.shape != (len(self.wrt),):
            raise ValueError(f"theta is a vector with a number for each of {len(self.wrt)} leaves, got {vector.shape}")
        return vector


class CompiledGraph(WithParameters):
    """A graph as a program. `print` lists it; `wrt` are the leaves it differentiates by."""

    def __init__(self, roots: list[Value], wrt: Iterable[Value] | None, *, single: bool, backend: str = "auto") -> None:
        order = topological_order(*roots)
        check_unchanged(order, "compile it before changing the leaf: a program reads the leaves anew")
        if wrt is None:
            self.wrt = [node for node in order if node.op is None and not isinstance(node, Constant)]
        else:
            self.wrt = leaves_of(wrt)
        self.roots = roots
        self.single = single
        self._asked = backend
        _check_choices(order, self.wrt)
        blocks = [("theta", 0, len(self.wrt), False)]
        labels = {leaf.label for leaf in self.wrt} - {""}
        if len(labels) == len(self.wrt) <= NAMED and all(map(_names_a_leaf, labels)):
            blocks = [(leaf.label, position, 1, False) for position, leaf in enumerate(self.wrt)] + blocks
        self.program = compiled(Lowering(roots, order, self.wrt, [], blocks, 0, len(self.wrt)), backend)
        self._memory: Any = None
        self._tick: int | None = None  # of the clock when the leaves were read; None if it is not their data
        self._lock = threading.RLock()
        self._running = False  # in the thread that has the lock

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(CompiledGraph, single=self.single, backend=self._asked), (self.roots, self.wrt)

    @property
    def backend(self) -> str:
        """The name of the back end that runs the program."""
        return self.program.backend

    def __call__(self, *arguments: Any, **named: Any) -> NoReturn:
        """Raise TypeError: a graph has leaves, and no arguments."""
        raise TypeError(
            "a compiled graph is no function: it has leaves, and no arguments; forward() computes it from the data of "
            "its leaves, value_and_grad(theta) at a vector of numbers for them; compile(f) of a function is called"
        )

    def forward(self) -> Any:
        """Compute the roots from the data that the leaves in `wrt` have now; write it to the roots and return it."""
        if modes.blocks:
            self._used()
        with self._lock:
            if modes.blocks and modes.inspecting():
                self._inspect([leaf.number for leaf in self.wrt], differentiated=False)
            values = self._forward()
        return values[0] if self.single else values

    def _used(self) -> None:
        """Tell the tracer, if there is one, that the leaves are about to be read."""
        for leaf in self.wrt:
            modes.use(leaf, "a compiled graph's run at")

    def _forward(self) -> list[float]:
        tick = clock.now.tick
        self._memory = self.program.memory()
        self._memory.plain[: len(self.wrt)] = [leaf.number for leaf in self.wrt]
        values: list[float] = self._run(self.program.forward, self._memory)
        self._tick = tick
        for root, value in zip(self.roots, values, strict=True):
            root.number = value
        return values

    def backward(self, seed: Any = 1.0) -> None:
        """Add the derivatives of the root to the `grad` of the leaves; of several, of their sum weighted by seeds."""
        if modes.blocks:
            self._used()
        with self._lock:
            if modes.blocks and modes.inspecting():
                self._inspect([leaf.number for leaf in self.wrt], differentiated=True)
            if self._tick != clock.now.tick:
                self._forward()
            self._run(self.program.backward, self._memory, self._seeds(seed))
            gradient = self._memory.plain_adjoints[: len(self.wrt)].tolist()
        for leaf, derivative in zip(self.wrt, gradient, strict=True):
            leaf.adjoint = (leaf.adjoint or 0.0) + derivative  # None, as PyTorch has it, is no gradient yet

    def value_and_grad(self, theta: ArrayLike, seed: Any = 1.0) -> tuple[Any, Array]:
        """Return the value, and the gradient by `wrt` as a vector, at a vector; touches no Value."""
        vector = self._vector(theta)
        size = len(self.wrt)
        with self._lock:
            if self._running:  # an operation of the graph computes the graph, at other numbers: in buffers of its own
                return copy.copy(self).value_and_grad(vector, seed)
            if modes.blocks and modes.inspecting():
                self._inspect(vector.tolist(), differentiated=True)
            self._tick = None
            memory = self._memory = self.program.memory()
            memory.plain[:size] = vector
            values = self._run(self.program.both, memory, self._seeds(seed))
            gradient = memory.plain_adjoints[:size].copy()
        return (values[0] if self.single else values), gradient

    def _run(self, method: Callable[..., Any], *arguments: Any) -> Any:
        self._running = True
        try:
            return method(*arguments)
        finally:
            self._running = False

    def _inspect(self, numbers: list[float], *, differentiated: bool) -> None:
        """Compute the graph node by node at these numbers, in a detect_anomaly block, which looks at each."""
        leaves = [Value(number, leaf.label) for number, leaf in zip(numbers, self.wrt, strict=True)]
        nodes = dict(zip(self.wrt, leaves, strict=True))
        for node in topological_order(*self.roots):
            if node.op is not None and any(parent in nodes for parent in node.parents):
                nodes[node] = node.op.apply([nodes.get(parent, parent) for parent in node.parents])
        for root in self.roots if differentiated else ():
            if root in nodes:
                gradients(nodes[root], leaves)

    def _seeds(self, seed: Any) -> list[float]:
        if type(seed) is float or not isinstance(seed, (list, tuple, np.ndarray)):
            return [real(seed, "a seed")] * len(self.roots)
        if len(seed) != len(self.roots):
            raise ValueError(f"backward takes one seed for each of {len(self.roots)} roots, got {len(seed)}")
        return [real(s, "a seed") for s in seed]

    def __repr__(self) -> str:
        return f"<compiled graph: {str(self).splitlines()[-1]}>"

    def __str__(self) -> str:
        return str(self.program)


def _names_a_leaf(label: str) -> bool:
    """Whether a label can stand in a listing: on its line, and for nothing else there."""
    return label.isprintable() and not re.fullmatch(r"v\d+|theta", label)


def _check_choices(order: Sequence[Value], wrt: Sequence[Value]) -> None:
    """Raise TraceError if a choice was made when the graph was built that may be another one for other numbers."""
    if (node := choice_made(order, wrt)) is not None:
        raise TraceError(
            f"where(condition, a, b) got a plain bool or number, such as that of x > 0, so {node!r} is the side that "
            "was chosen when the graph was built, and a program of the graph would keep to it at all numbers; "
            "compile the function that builds it, compile(f), in which the condition is part of the program, "
            "or give wrt= the leaves that no such choice depends on"
        )


def leaves_of(wrt: Any) -> list[Value]:
    """Return the leaves to differentiate by, each once."""
    if hasattr(wrt, "parameters"):
        raise TypeError(f"wrt takes a list of leaves, got {with_article(wrt)}; write wrt=model.parameters()")
    leaves = elements(wrt, "wrt", "a list of leaves")
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op is not None:
            raise TypeError(f"wrt takes leaves, such as the parameters of a model, got {leaf!r}")
    return list(dict.fromkeys(leaves))
