"""Tracing: a function becomes the graph that it builds, once for each structure of its arguments.

What a traced function decides by looking at a number would stay decided for every later call. So comparisons are nodes
while it is traced, and a branch on one is an error that names the line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import get_ident
from types import FrameType
from typing import Any

from autograd.callers import FOLDERS, is_of_keys, users_frame
from autograd.checks import Located
from autograd.compiler.steps import may_raise
from autograd.engine import Constant, Value, clock, modes, move_guards, topological_order
from autograd.functions import Structure, flatten_result
from autograd.functions.calls import name_of


class TraceError(TypeError):
    """A function that is compiled uses a number that may be another one in the next call."""


CHOICE = "write where(x > 0, a, b) for a choice, with functions as sides that guard a domain: lambda: log(x)"
LOOKUP = (  # of a table of numbers, or of rows, which may be lists
    "write dot(chosen, table) in place of table[x], or [dot(chosen, column) for column in zip(*table)] where it has "
    "rows, with chosen = [where(abs(x - k) <= 0.0, 1.0, 0.0) for k in range(len(table))]"
)
STATIC = "name an argument that is part of the program in compile(f, static=(...))"
CAUGHT = "write where(x > 0, lambda: log(x), -1.0) in place of try, with functions as sides that guard a domain"
THREADS = (
    "compute it in the function's own thread, or give the other one its context: "
    "executor.submit(contextvars.copy_context().run, g, x)"
)
ADVICE = {  # by what was done with a number
    "the data of": f"write x in place of x.data, or x.detach() for a number without gradient; {CHOICE}",
    "a plain float of": (
        "write autograd.sin(x) in place of math.sin(x), x or x.detach() in place of float(x), and dtype=object for an "
        f"array that is to hold it; make text of what the function returns; {STATIC}"
    ),
    "an integer of": f"write floor(x) in place of int(x); {STATIC}",
    "an index or a count by": f"{LOOKUP}; {STATIC}",
    "a ratio of": "write autograd.mean(xs) in place of statistics.mean(xs), x in place of Fraction(x)",
    "a rounded number of": "write floor(x + 0.5) in place of round(x), or round what the function returns",
    "the text of": "return the number, and make text of what the function returns",
    "the gradients of": "write grad(f) or value_and_grad(f) in place of backward(), in the function or around it",
    "the grad of": "write grad(f) or value_and_grad(f), or read it outside of the function",
    "the gradients, without create_graph, of": "write gradients(..., create_graph=True), or grad(f)",
    "the local derivatives of": "write gradients(y, y.parents, create_graph=True), or grad(f)",
    "a compiled graph's run at": (
        "compile a function in place of the graph, and call that; or write value_and_grad(theta) at plain numbers"
    ),
    "a copy of": "write x itself, or x.detach() for a number without gradient",
    "an evaluation of": "call the function with the other numbers in place of evaluate",
    "a look-up by": (
        f"{LOOKUP}; write where(abs(x - 3.0) <= 0.0, a, b) in place of x in {{3.0}}; {STATIC}; "
        "leave it out of what a function with @cache takes"
    ),
    "a comparison by == of": (
        f"{STATIC}; write where(abs(x - 1.0) <= 0.0, a, b) for a choice, and where(x <= x, a, b) where x may be nan"
    ),
    "a branch on": (
        f"{CHOICE}\nwrite it for each element in place of np.where: np.array([where(v > 0, v, 0.0) for v in x])\n"
        "write autograd's maximum and minimum, which take arrays, for max, min, np.maximum, np.minimum and np.clip\n"
        f"write (0 < x) & (x < 1) for 0 < x < 1\n{STATIC}\na loop until something holds cannot be compiled"
    ),
}


class Argument(Value):
    """A number of a traced function's arguments: a leaf that is no parameter, wherever the function keeps it."""

    __slots__ = ()


class _TracedArgument(Argument):
    """An argument while the function is called, to which it is a number, and as a key would have to equal others.

    The hash of its node is in no set or dict of numbers, whatever these are.
    """

    __slots__ = ()


def _hash_in_trace(node: Value) -> int:
    """Return the hash of a node to what keeps nodes; code of others looks it up among numbers."""
    frame = sys._getframe(1)
    while is_of_keys(frame) and frame.f_back is not None:
        frame = frame.f_back
    if not frame.f_code.co_filename.startswith(FOLDERS):
        modes.use(node, "a look-up by")
    return object.__hash__(node)


Argument.__name__ = _TracedArgument.__name__ = "Value"  # as which they are shown
_TracedArgument.__hash__ = _hash_in_trace  # type: ignore[assignment, method-assign]  # a subclass of Value may define none


@dataclass
class Trace:
    """The graph of a function at some arguments."""

    inputs: list[list[Value]]  # for each argument
    before: list[Value]  # the nodes from outside of the function
    captured: list[Value]  # the other leaves that take a gradient
    constants: dict[Value, Any]  # the other leaves that take none, and were there before: the stamps of their data
    result: Any  # what the function returned
    outputs: list[Any]  # its numbers
    structure: Structure
    order: list[Value]
    made: list[Value]  # those of the order that the function made, as they followed each other


def trace(f: Callable[..., Any], arguments: Sequence[tuple[Sequence[float], Structure]], names: Sequence[str]) -> Trace:
    """Call f on fresh Values in place of the numbers of its arguments, and return the graph that it builds."""
    inputs: list[list[Value]] = [
        [Value(x, label) for x, label in zip(numbers, structure.names(name), strict=True)]
        for (numbers, structure), name in zip(arguments, names, strict=True)
    ]
    own = {leaf for leaves in inputs for leaf in leaves}
    for leaf in own:
        leaf.__class__ = _TracedArgument
    since = clock.advance()
    placed = [structure.unflatten(leaves) for leaves, (_, structure) in zip(inputs, arguments, strict=True)]
    tracer = _Tracer(own, since)
    # A detect_anomaly block looks at the call that follows; here a side that is not chosen is nan, which means nothing.
    modes.traces.append(tracer)
    try:
        with modes.enable_grad(), modes.inspect_with(None), modes.trace_with(tracer):
            result = f(*placed)
    except Exception as error:
        if tracer.raised and not isinstance(error, TraceError):  # as NumPy has its own error for an index
            raise TraceError(tracer.raised) from error
        if isinstance(error, KeyError):
            tracer.missed(error)
        raise
    finally:
        modes.traces.remove(tracer)
        for leaf in own:
            leaf.__class__ = Argument
    if tracer.refused:  # and f caught the error
        raise TraceError(tracer.refused)
    outputs, structure = flatten_result(result, "compile", name_of(f))
    roots = [*[x for x in outputs if isinstance(x, Value)], *tracer.partial_functions()]
    order = topological_order(*roots)
    if move_guards(order, outputs):
        order = topological_order(*roots)
    used = [parent for node in order for parent in node.parents]  # in an order in which a neuron's weights are together
    leaves = [leaf for leaf in dict.fromkeys([*used, *order]) if leaf.op is None and leaf not in own]
    before = [node for node in order if node.stamp.born < since and node not in own]
    older = [leaf for leaf in leaves if leaf.stamp.born < since]
    captured = [leaf for leaf in older if not isinstance(leaf, Constant)]
    older += [leaf for leaf in tracer.decisive if leaf.stamp.born < since]
    constants: dict[Value, Any] = {leaf: leaf.stamp for leaf in older if isinstance(leaf, Constant)}
    ordered = set(order)
    made = [node for node in tracer.nodes if node in ordered]
    return Trace(inputs, before, captured, constants, result, outputs, structure, order, made)


class _Tracer(modes.Tracer):
    """The tracer: it refuses to let a number that may change be used as a plain one."""

    def __init__(self, inputs: set[Value], since: int) -> None:
        self.inputs = inputs
        self.since = since  # a tick of the clock, after which nodes are the function's own
        self.thread = get_ident()
        self.refused = ""  # what the first error says that the function must not have caught
        self.raised = ""  # what the first one says that is raised where a number is used
        self.decisive: list[Value] = []  # constants that were used as plain numbers
        self.nodes: list[Value] = []
        self.primals: list[Value] = []  # what derivatives were taken of
        self.before: int | None = None  # how many nodes there were then, which are of no derivative

    def used(self, node: Any, how: str, frame: FrameType | None = None) -> None:
        """Raise TraceError, with the user's line, if the node was made from anything but constants."""
        if how == "the grad of" and not node.adjoint and self._depends(node):
            return  # no gradient has arrived, as in each call
        if self._may_change([node]):
            raise self._refusal(
                f"{how} {node.label or 'a number'} in a compiled function would stay as it is in this first call; "
                f"{ADVICE[how]}",
                frame,
            )

    def _may_change(self, nodes: Iterable[Any]) -> bool:
        """Whether the nodes were made from anything but constants and leaves that the function makes in each call."""
        leaves = [leaf for leaf in topological_order(*nodes) if leaf.op is None]
        self.decisive += leaves
        return any(not isinstance(leaf, Constant) and leaf.stamp.born < self.since for leaf in leaves)

    def assigned(self, leaf: Any) -> None:
        """Raise TraceError, with the user's line, if a leaf is not the function's own."""
        if leaf.stamp.born < self.since:
            raise self._refusal(
                f"the data of {leaf.label or 'a leaf'} is assigned in a compiled function, which would be done in this "
                "first call only; return the number, and assign it outside of the function"
            )

    def compared(self, node: Any, other: Any) -> None:
        """Raise TraceError where == compares numbers; two Values by which it is, such as parameters, it may."""
        if not isinstance(other, Value) or all(map(self._depends, (node, other))):
            self.used(node, "a comparison by == of")

    def _depends(self, node: Any) -> bool:
        return not self.inputs.isdisjoint(topological_order(node))

    def missed(self, error: KeyError) -> None:
        """Raise TraceError, with the user's line, where what no dict has is made from numbers that may change."""
        key, place = [*error.args, None][0], error.__traceback__
        node = next((x for x in (key if isinstance(key, tuple) else [key]) if isinstance(x, Value)), None)
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        if node is not None and place is not None:
            self.used(node, "a look-up by", place.tb_frame)

    def elsewhere(self, nodes: Sequence[Any]) -> None:
        """Raise TraceError, with the user's line, if a thread reads numbers of the arguments that knows of no trace."""
        if get_ident() != self.thread and not self.inputs.isdisjoint(topological_order(*nodes, since=self.since)):
            raise self._refusal(
                "a number of a compiled function's arguments is read, compared or detached in another thread, where it "
                f"would stay as it is in this first call; {THREADS}"
            )

    def failed(self, error: Exception, operands: Sequence[Any]) -> None:
        """Take note of the error of an operation on numbers that may be others: f must not catch it."""
        here = get_ident() == self.thread
        order = topological_order(*operands, since=0 if here else self.since)
        if self._may_change(order) if here else not self.inputs.isdisjoint(order):
            self._noted(
                f"a compiled function catches an error, which would stay decided as in this first call; {CAUGHT}; "
                f"the error is {type(error).__name__}: {error}"
            )

    def _refusal(self, message: str, frame: FrameType | None = None) -> TraceError:
        """Return the error, which is raised again after the call if f, or a library that it calls, catches it."""
        message = self._noted(message, frame)
        self.raised = self.raised or message
        return TraceError(message)

    def _noted(self, message: str, frame: FrameType | None = None) -> str:
        """Take note of an error that f must not catch, and return what it says, with the user's line."""
        message = f"{message}\n{Located(clock.now, frame or users_frame()).line()}"
        self.refused = self.refused or message
        return message

    def linearized(self, outputs: Iterable[Any]) -> None:
        """Take note of what derivatives are taken of."""
        self.before = len(self.nodes) if self.before is None else self.before
        self.primals += [x for x in outputs if isinstance(x, Value)]

    def made(self, node: Any) -> None:
        """Take note of a node."""
        self.nodes.append(node)

    def partial_functions(self) -> list[Value]:
        """Return the nodes of the function, and of what derivatives were taken of, that may be an error.

        They are computed even where nothing uses them, as 1 / x does not use log x: a derivative has the errors of its
        function. Of nodes that were made after a derivative it is not known whether they are parts of one. The leaves
        of what derivatives were taken of are decisive, since a derivative at plain numbers is one.
        """
        differentiated = topological_order(*self.primals)
        self.decisive += [node for node in differentiated if node.op is None]
        nodes = [*self.nodes[: self.before], *differentiated]
        return [node for node in nodes if node.op is not None and may_raise(node.op)]
