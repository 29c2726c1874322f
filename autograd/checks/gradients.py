"""Gradient checking: derivatives of any order, compared with finite differences.

`gradcheck` believes no rule. Where finite differences contradict a derivative, it asks every operation in the graph
the same question, so that the error can name the rule that is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from autograd.checks._differences import ROUNDING, Estimate, differentiate, kink
from autograd.checks.anomaly import operand_names
from autograd.engine import Value, dependents, modes, topological_order
from autograd.functions import Function, Structure, flatten, flatten_result, gradients, jacobian, unwrapped_signature
from autograd.functions.calls import check_function, check_outputs, name_of
from autograd.rules import Operation

Flat: TypeAlias = Callable[[list[Any]], list[Any]]  # a function from a list of numbers to a list of numbers

TOLERANCE = 1e-6  # relative
CALLS_BEFORE, CALLS_AFTER = 4, 20  # a contradiction, of the same numbers, by which a random function is known
SAME = 1e-12  # of the largest number, up to which two of them differ by rounding


class GradientError(ArithmeticError):
    """A derivative that finite differences contradict, or a function that has none, since it is random.

    - `argument`: what it is by, such as "x[0]"; for a derivative of higher order, one after the other. "" for none.
    - `analytic`, `numeric`: the derivative by the rules, and by finite differences; nan for none.
    - `rule`: the operation whose rule is wrong; None where the rules of all operations in the graph are right.
    """

    def __init__(
        self,
        message: str,
        argument: str = "",
        analytic: float = math.nan,
        numeric: float = math.nan,
        rule: Operation | None = None,
    ) -> None:
        super().__init__(message)
        self.argument = argument
        self.analytic = analytic
        self.numeric = numeric
        self.rule = rule


GradientError.__module__ = "autograd"  # as it is imported, and shown in a traceback


def gradcheck(f: Function, *args: Any, order: int = 1) -> bool:
    """Return True if the derivatives of f at these arguments agree with finite differences; raise otherwise.

    All derivatives up to `order` by every number in the arguments are compared, to a relative 1e-6. Raises
    GradientError where one differs, where the finite differences do not settle, as at a jump, or where f gives other
    numbers when it is called again; ValueError where f is not defined on both sides of a number. At a kink they are the
    mean of the slopes on its two sides: relu at 0, of which 0 is chosen, is an error, but abs, maximum and minimum have
    this mean as their derivative there.

    >>> gradcheck(lambda x, y: x * y ** 3, 2.0, 0.5, order=3)
    True
    >>> from autograd import operation
    >>> cube = operation("cube", lambda x: x * x * x, lambda y, x: 2.99 * x * x)
    >>> gradcheck(lambda x: 2 * cube(x), 2.0)
    Traceback (most recent call last):
    autograd.GradientError: the derivative of <lambda> by x is 23.92, but 24 by finite differences: the rule
    of cube is wrong, whose derivative at x = 2.0 by x is 11.96, but 12 by finite differences
    """
    check_function("gradcheck", f)
    if isinstance(order, bool) or not hasattr(order, "__index__") or order < 1:
        raise ValueError(f"order of gradcheck is how many derivatives to compare, 1 or more, got {order!r}")
    numbers, structure = flatten(args, "gradcheck", "args")
    point = [x.data if isinstance(x, Value) else x for x in numbers]

    def flat(xs: list[Any]) -> list[Any]:
        with modes.enable_grad():  # f may differentiate with `gradients`, which needs its graph
            result = f(*structure.unflatten(xs))
        check_outputs("gradcheck", f, result)
        return flatten_result(result, "gradcheck", name_of(f))[0]

    _check_deterministic(flat, point, CALLS_BEFORE)
    for level in range(1, order + 1):
        if contradiction := _contradiction(flat, point, level):
            _check_deterministic(flat, point, CALLS_AFTER)
            raise _error(name_of(f), _argument_names(f, structure), contradiction, _wrong_rule(flat, point, level))
    return True


class _Contradiction(NamedTuple):
    """A derivative, by the numbers at these positions one after the other, and what finite differences say."""

    positions: list[int]
    analytic: float
    numeric: Estimate
    kink: bool  # whether the function below has different slopes on the two sides

    def sentence(self, whose: str, names: Sequence[str]) -> str:
        order = {1: "", 2: "second ", 3: "third "}.get(len(self.positions), f"{len(self.positions)}th ")
        numeric = f"{self.numeric.value:.10g} by finite differences"
        return f"{order}derivative{whose} by {self.argument(names)} is {self.analytic:.10g}, but {numeric}"

    def argument(self, names: Sequence[str]) -> str:
        return " and ".join(names[position] for position in self.positions)


def _contradiction(flat: Flat, point: list[float], order: int) -> _Contradiction | None:
    """Return the first derivative of this order that is not that of the derivatives below."""
    for _ in range(order - 1):
        flat = _derivative(flat)
    derivative, magnitudes = _derivative(flat), _magnitudes(flat, point)
    analytic = _evaluate(derivative, point)
    for position, x in enumerate(point):
        beside = partial(_beside, flat, point, position)
        for row, estimate in enumerate(differentiate(beside, x, magnitudes)):
            entry = row * len(point) + position
            exact = analytic[entry]
            off = math.fabs(exact - estimate.value)
            off -= TOLERANCE * max(math.fabs(exact), math.fabs(estimate.value)) + estimate.rounding
            if math.isinf(exact) or not (off <= 0.0 or off <= _rounding(derivative, point, entry)):
                positions = [row // len(point) ** k % len(point) for k in reversed(range(order - 1))]
                return _Contradiction([*positions, position], exact, estimate, kink(beside, x)[row])
    return None


def _beside(flat: Flat, point: list[float], position: int, x: float) -> list[float]:
    return _evaluate(flat, [*point[:position], x, *point[position + 1 :]])


def _derivative(flat: Flat) -> Flat:
    rows = jacobian(flat)
    return lambda xs: [entry for row in rows(xs) for entry in row]


def _evaluate(flat: Flat, point: Sequence[float]) -> list[float]:
    with modes.no_grad():
        return [y.data if isinstance(y, Value) else y for y in flat([Value(x) for x in point])]


def _magnitudes(flat: Flat, point: Sequence[float]) -> list[float]:
    """Return for each result the largest term that rounding is relative to, also where it cancels, as in 1e8 + x - 1e8.

    The rounding of a node moves the result by its relative error times the node's number times its adjoint. So the
    largest of these products, taken over the graph, is the magnitude, which is that of the result at least.
    """
    inputs = [Value(x) for x in point]
    with modes.enable_grad():
        return [_magnitude(y, inputs) if isinstance(y, Value) else 0.0 for y in flat(inputs)]


def _magnitude(y: Value, inputs: Sequence[Value]) -> float:
    nodes = [node for node in dependents(topological_order(y), inputs) if node.op is not None]
    terms = [math.fabs(node.data * slope) for node, slope in zip(nodes, gradients(y, nodes), strict=True)]
    return max(filter(math.isfinite, terms), default=0.0)


def _rounding(derivative: Flat, point: Sequence[float], entry: int) -> float:
    """Return how far rounding may move a derivative by the rules; 0.0 where these cannot be differentiated again."""
    try:
        return ROUNDING * _magnitudes(derivative, point)[entry]
    except (TypeError, ValueError, ArithmeticError):
        return 0.0


def _applied(op: Operation, operands: list[Any]) -> list[Any]:
    return [op.apply(operands)]


def _wrong_rule(flat: Flat, point: list[float], order: int) -> tuple[Operation, list[float], _Contradiction] | None:
    """Return the first operation in the graph that is contradicted by itself too, and its operands there."""
    for node in topological_order(*[y for y in flat([Value(x) for x in point]) if isinstance(y, Value)]):
        if node.op is not None:
            operands = [parent.data for parent in node.parents]
            try:
                contradiction = _contradiction(partial(_applied, node.op), operands, order)
            except ValueError:  # at the edge of the operation's domain
                continue
            if contradiction and contradiction.numeric.settled and not contradiction.kink:
                return node.op, operands, contradiction
    return None


def _error(
    name: str,
    names: Sequence[str],
    found: _Contradiction,
    wrong: tuple[Operation, list[float], _Contradiction] | None,
) -> GradientError:
    message, rule = f"the {found.sentence(f' of {name}', names)}", None
    if found.kink:
        message += "; there is a kink at this point, where the slopes on the two sides differ: choose another point"
    elif not found.numeric.settled:
        message += ", which do not settle: there is a pole, a jump or noise at this point; choose another one"
    elif wrong is None and not math.isfinite(found.analytic):
        message += "; no rule alone is wrong, an infinity meets a zero or another one: detect_anomaly() shows where"
    elif wrong is None:
        message += "; the rules of all operations are right, so part of the function is cut off from the graph"
    else:
        rule, operands, contradiction = wrong
        operand = operand_names(rule, len(operands))
        point = ", ".join(f"{name} = {x!r}" for name, x in zip(operand, operands, strict=True))
        message += f": the rule of {rule.name} is wrong, whose {contradiction.sentence(f' at {point}', operand)}"
    return GradientError(message, found.argument(names), found.analytic, found.numeric.value, rule)


def _check_deterministic(flat: Flat, point: list[float], calls: int) -> None:
    """Raise GradientError where a function gives other numbers when it is called again at the same point."""
    _evaluate(flat, point)  # a first call may make what later ones use
    first = _evaluate(flat, point)
    scale = max([abs(x) for x in (*first, *point) if math.isfinite(x)], default=0.0)
    for _ in range(calls):
        for one, other in zip(first, _evaluate(flat, point), strict=True):
            if not (math.isclose(one, other, rel_tol=0.0, abs_tol=SAME * scale) or one != one != other):
                raise GradientError(
                    f"the function gives other numbers each time it is called, {one!r} and then {other!r}, so it has "
                    "no derivative to compare; give its random numbers a seed in each call, or leave them out"
                )


def _argument_names(f: Function, arguments: Structure) -> list[str]:
    """Return the name of each number in the arguments: the names of f's parameters, as far as Python knows them."""
    signature = unwrapped_signature(f)
    known = signature.parameters.values() if signature else ()
    parameters = [p.name for p in known if p.kind is not p.VAR_POSITIONAL]
    wholes = parameters[: len(arguments.parts)]
    wholes += [f"argument {i}" for i in range(len(wholes), len(arguments.parts))]
    return [name for part, whole in zip(arguments.parts, wholes, strict=True) for name in part.names(whole)]
