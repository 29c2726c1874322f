"""Trace: a function becomes the graph that it builds, once for each structure of its arguments.

What a traced function decides by looking at a number would stay decided for every later call. So comparisons are nodes
while it is traced, and a branch on one is an error that names the line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import recording
from autograd.anomaly import Located, users_frame
from autograd.chain import topological_order
from autograd.structure import Structure, flatten
from autograd.value import Constant, Value


class TraceError(TypeError):
    """A function that is compiled uses a number that may be another one in the next call."""


OTHERWISE = "write where(condition, a, b) for a choice, detach() for a number without gradient"
ADVICE = {  # by what was done with a number
    "an integer of": "bind a count before, as in compile(lambda x: f(x, 5)), which is then another program",
    "a branch on": "write where(condition, a, b) for a choice; a loop until something holds cannot be compiled",
}


@dataclass
class Trace:
    """The graph of a function at some arguments."""

    inputs: list[list[Value]]  # for each argument
    captured: list[Value]  # the other leaves that take a gradient
    outputs: list[Any]
    structure: Structure  # of what the function returned
    order: list[Value]


def trace(f: Callable[..., Any], arguments: Sequence[tuple[Sequence[float], Structure]], names: Sequence[str]) -> Trace:
    """Call f on fresh Values in place of the numbers of its arguments, and return the graph that it builds."""
    inputs = [
        [Value(x, label) for x, label in zip(numbers, structure.names(name), strict=True)]
        for (numbers, structure), name in zip(arguments, names, strict=True)
    ]
    since = recording.advance()
    placed = [structure.unflatten(leaves) for leaves, (_, structure) in zip(inputs, arguments, strict=True)]
    with recording.enable_grad(), recording.trace_with(_Tracer()):
        result = f(*placed)
    outputs, structure = flatten(result, "compile", "what the function returned")
    order = topological_order(*[x for x in outputs if isinstance(x, Value)])
    own = {leaf for leaves in inputs for leaf in leaves}
    used = [parent for node in order for parent in node.parents]  # in an order in which a neuron's weights are together
    captured = [
        leaf
        for leaf in dict.fromkeys([*used, *order])
        if leaf.op is None and type(leaf) is not Constant and leaf not in own and leaf.stamp.born < since
    ]
    return Trace(inputs, captured, outputs, structure, order)


class _Tracer:
    """What refuses to let a number that may change be used as a plain one."""

    def used(self, node: Value, how: str) -> None:
        """Raise TraceError, with the user's line, if the node was made from anything but constants."""
        if any(leaf.op is None and type(leaf) is not Constant for leaf in topological_order(node)):
            line = Located(recording.now, users_frame()).line()
            raise TraceError(
                f"{how} {node.label or 'a number'} in a compiled function would stay as it is in this first call; "
                f"{ADVICE.get(how, OTHERWISE)}\n{line}"
            )
