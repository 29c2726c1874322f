"""Anomaly detection: the first NaN or infinity is an error that names the line which made it.

In a `detect_anomaly` block each number is looked at as it is made, and each product of the chain rule before it is
added; every node remembers the place in the code that made it. Outside of the block nothing is looked at.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import FrameType
from typing import Any, cast, overload

from autograd.callers import users_frame
from autograd.engine import Accumulator, Edge, Node, Origin, Stamp, Sum, clock, edges, modes
from autograd.engine.decorating import F
from autograd.rules import Mask, Operation

SHOWN = 6  # operands in a message


@overload
def detect_anomaly() -> modes.Mode: ...
@overload
def detect_anomaly(f: F) -> F: ...
def detect_anomaly(f: Any = None) -> Any:
    """Raise FloatingPointError, in this block, where the first NaN or infinity is made, and say by which line.

    That is the result of an operation, or a product or a sum of the chain rule, also 0 * inf; the line is the one that
    made the node, if it was made in the block. Other errors, as of log(0.0), are raised at their line anyhow. Also a
    decorator, as `no_grad` is. Outside of the block nothing is looked at, and nothing costs more.

    >>> from autograd import Value
    >>> x, y = Value(1e200, "x"), Value(1e200, "y")
    >>> with detect_anomaly():
    ...     z = x * y
    Traceback (most recent call last):
    FloatingPointError: a * b is inf, for a = 1e+200 (x), b = 1e+200 (y)
      File "<doctest autograd.checks.anomaly.detect_anomaly[2]>", line 2, in <module>
        z = x * y
            ~~^~~
    """
    mode = modes.Mode("detect_anomaly()", lambda: modes.inspect_with(_Anomalies()))
    return mode if f is None else mode(f)


class _Anomalies:
    """The inspector of a `detect_anomaly` block, which looks at every node and every edge."""

    def made(self, op: Operation, data: float, operands: Sequence[Node]) -> Stamp:
        """Look at a result before it becomes a node, and return a stamp that knows the line."""
        stamp = Located(clock.now, users_frame())
        if not math.isfinite(data):
            report = f"{_call(op, operands)} is {data!r}{_operands(op, operands)}\n{stamp.line()}"
            if (node := _differentiated()) is not None:
                row = cast("Operation", node.op)
                call = f"{_call(row, node.parents)}{_operands(row, node.parents)}"
                report = f"in the derivative of {call}\n{_line(node)}\n{report}"
            raise FloatingPointError(report)
        return stamp

    def accumulated(self, edges: Iterable[Edge], holders: Iterable[Any]) -> Iterator[Edge]:
        """Look at each product of the chain rule before it is added, and at the sums."""
        came_from: dict[Node, Node] = {}  # for each node the last one that handed something on to it
        previous = None
        for source, target, derivative in edges:
            node, neighbour = _node(source), _node(target)
            upstream, slope = _number(source.adjoint), _number(derivative)
            if source is not previous:
                _check_sum(node, upstream, came_from)
                previous = source
            if not math.isfinite(upstream * slope):
                # An edge leads from the result of an operation to an operand, or in forward mode the other way.
                backward = neighbour in node.parents
                raise FloatingPointError(
                    _product_report(*((node, neighbour) if backward else (neighbour, node)), slope, upstream)
                )
            came_from[neighbour] = node
            yield source, target, derivative
        for holder in holders:
            _check_sum(_node(holder), _number(holder.adjoint), came_from)


def _node(holder: Node | Accumulator) -> Node:
    """Return the node whose gradient is held here."""
    return holder.node if isinstance(holder, Accumulator) else holder


def _product_report(node: Node, operand: Node, slope: float, upstream: float) -> str:
    op = cast("Operation", node.op)  # an edge leads from the result of one
    names = operand_names(op, len(node.parents))
    by = f" by {names[node.parents.index(operand)]}" if len(names) > 1 else ""
    factors = f"its derivative{by} {slope!r} times the {upstream!r} that arrives is {upstream * slope!r}"
    call = _call(op, node.parents)
    return f"in the chain rule through {call}: {factors}{_operands(op, node.parents)}\n{_line(node)}"


def _check_sum(node: Node, total: float, came_from: dict[Node, Node]) -> None:
    if not math.isfinite(total):
        name = node.label or (f"the leaf {node.number!r}" if node.op is None else _call(node.op, node.parents))
        line = _line(came_from.get(node, node) if node.op is None else node)
        report = f"in the chain rule, what arrives at {name} adds up to {total!r}"
        raise FloatingPointError(f"{report}\n{line}" if line else report)


def _number(flowing: Any) -> float:
    """Return the number of what is added up: a float, a Value, or a sum of products of Values."""
    if isinstance(flowing, Sum):
        terms = zip(flowing.derivatives, flowing.adjoints, strict=True)
        return sum(_number(derivative) * _number(adjoint) for derivative, adjoint in terms)
    number: float = flowing.number if isinstance(flowing, (Node, Mask)) else flowing
    return number


def _call(op: Operation, operands: Sequence[Node]) -> str:
    return op.expression(*operand_names(op, len(operands))) if len(operands) <= SHOWN else op.name


def _operands(op: Operation, operands: Sequence[Node]) -> str:
    """Return the operands by name, with their labels; of many, those that are not finite, or the extremes."""
    named = list(zip(operand_names(op, len(operands)), operands, strict=True))
    if len(named) > SHOWN:
        ordered = sorted(named, key=lambda pair: pair[1].number)
        named = [pair for pair in named if not math.isfinite(pair[1].number)][:SHOWN] or [ordered[0], ordered[-1]]
    shown = [f"{name} = {x.number!r}" + (f" ({x.label})" if x.label else "") for name, x in named]
    return f", for {', '.join(shown)}" + (f" among {len(operands)} operands" if len(operands) > SHOWN else "")


class Located(Stamp):
    """A stamp that knows the line which made its node."""

    __slots__ = ("code", "instruction")

    def __init__(self, stamp: Origin, frame: FrameType) -> None:
        super().__init__(stamp.tick, stamp.scope)
        self.code = frame.f_code
        self.instruction = frame.f_lasti // 2

    def line(self) -> str:
        """Return the line as a traceback shows it."""
        line, end_line, column, end_column = next(islice(self.code.co_positions(), self.instruction, None))
        summary = traceback.FrameSummary(
            self.code.co_filename, line, self.code.co_name, end_lineno=end_line, colno=column, end_colno=end_column
        )
        return "".join(traceback.StackSummary.from_list([summary]).format()).rstrip()


def _differentiated() -> Node | None:
    """Return the node of which a partial derivative is being read with Values, if one is."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not edges.__code__:
        frame = frame.f_back
    return frame.f_locals["node"] if frame is not None and frame.f_locals["differentiable"] else None


def _line(node: Node) -> str:
    if isinstance(node.stamp, Located):
        return node.stamp.line()
    return "" if node.op is None else "  made outside of detect_anomaly(); build it in the block to see its line"


def operand_names(op: Operation, number: int) -> list[str]:
    """Return how messages call the operands of an operation: x, or a and b, or xs[0], xs[1], ..."""
    if op.arity is not None:
        return list(op.arguments)
    size = number // len(op.arguments)
    return [f"{sequence}[{i}]" for sequence in op.arguments for i in range(size)]
