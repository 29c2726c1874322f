"""Scalar steps: a graph as a list of operations on numbered places, those of its variables first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from autograd import rules
from autograd.engine import Value
from autograd.rules import Family, Operation

Term: TypeAlias = "int | float"  # the place of a number, or a constant
GraphStep: TypeAlias = "tuple[Operation, list[Term]]"  # an operation and its operands
NEVER_RAISE: set[Operation | Family] = {  # for no real operands, be they finite or not
    *(rules.add, rules.sub, rules.mul, rules.negative, rules.positive, rules.ieee_dot, rules.hypot),
    *(rules.abs, rules.sign, rules.floor, rules.ceil, rules.maximum, rules.minimum, rules.clip, rules.largest),
    *(rules.where, rules.decided, rules.chosen, rules.less, rules.less_equal, rules.either),
    *(rules.guard, rules.unguard, rules.detached, rules.relu, rules.leaky_relu, rules.elu, rules.silu, rules.gelu),
    *(rules.sigmoid, rules.log_sigmoid, rules.softplus, rules.tanh, rules.atan, rules.asinh, rules.atan2, rules.cbrt),
    *(rules.erf, rules.erfc, rules.ndtr, rules.normal_ratio, rules.sinc, rules.logsumexp, rules.logaddexp),
    *(rules.ieee_divide, rules.ieee_log, rules.ieee_unit, rules.ieee_sech2),
}
RAISE_WITH_NAN = {rules.divide, rules.mod, rules.floordiv, rules.xlogy}  # unless it is their last operand: nan / 0


def steps_of(order: Sequence[Value], variables: Sequence[Value]) -> tuple[list[GraphStep], dict[Value, int]]:
    """Return the steps of a sorted graph that depend on the variables, and the places of the nodes."""
    places = {leaf: i for i, leaf in enumerate(variables)}
    steps: list[GraphStep] = []
    for node in order:
        if node.op is not None:
            terms = [places.get(parent, parent.number) for parent in node.parents]
            if int in map(type, terms):
                places[node] = len(places)
                steps.append((node.op, terms))
    return steps, places


def dependent_places(steps: Sequence[GraphStep], variables: Sequence[bool]) -> list[bool]:
    """Return for each place whether its number depends on one of these variables, of which there is a flag for each."""
    flags = [*variables]
    for _, terms in steps:
        flags.append(any(isinstance(term, int) and flags[term] for term in terms))
    return flags


def may_raise(operation: Operation) -> bool:
    """Whether the eager engine raises an error for some operands: outside of the domain, or too large for a float."""
    return operation not in NEVER_RAISE and (operation.family is None or operation.family[0] not in NEVER_RAISE)


def excusing(operation: Operation, operands: Sequence[Any]) -> Sequence[Any]:
    """Return the operands of which a nan makes the result nan, which is then no error."""
    return operands[-1:] if operation in RAISE_WITH_NAN else operands
