"""Whether the partial derivatives of an operation of one's own are the derivatives of its formula."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autograd import rules
from autograd.export._own_operation import formula_of
from autograd.functions.transforms import value_and_grad
from autograd.rules import OUT_OF_DOMAIN, Expression, Operation, is_own

KINKED = {  # rows, and families, that bend or jump
    *(rules.abs, rules.maximum, rules.minimum, rules.clip, rules.relu, rules.leaky_relu, rules.elu),
    *(rules.floor, rules.ceil, rules.sign, rules.mod, rules.floordiv),
    *(rules.less, rules.less_equal, rules.either),
}


def are_derivatives_of_formula(operation: Operation, term: Any, slopes: Sequence[Any]) -> bool:
    """Whether slopes, the partial derivatives as expressions, are those of a formula, the term, wherever it bends."""
    _, kinks, others = structure(term, slopes)
    return others <= kinks and _are_derivatives(operation, _numbers_in([term, *slopes]))


def structure(term: Any, slopes: Sequence[Any]) -> tuple[tuple[Any, ...], set[int], set[int]]:
    """Return what is equal for equal formulas and slopes, and the numbers of the kinks of both.

    Kinks are conditions, bends and jumps: others than those of the formula may count where no point is tried. Equal
    parts have one number, and operations of one's own are what they compute now.
    """
    known: dict[Any, int] = {}  # numbers of the parts
    done: dict[int, tuple[int, Expression]] = {}  # by the ids of parts, which are kept for that
    own: dict[Any, int] = {}
    kinks: set[int] = set()

    def visit(part: Any) -> int:
        if not isinstance(part, Expression):
            return known.setdefault(repr(float(part)), len(known))
        if id(part) not in done:
            operation, operands = part.operation, part.operands
            if operation is None:
                number = known.setdefault(part.key, len(known))
            else:
                key: tuple[Any, ...] = (operation, *map(visit, operands))
                if is_own(operation):
                    if key not in own:
                        own[key] = visit(formula_of(operation, operands, "as symbols"))
                    number = own[key]
                else:
                    number = known.setdefault(key, len(known))
                if operation in KINKED or (operation.family and operation.family[0] in KINKED):
                    kinks.add(number)
                elif operation in (rules.where, rules.where.decided):
                    kinks.add(key[1])
            done[id(part)] = number, part
        return done[id(part)][0]

    known["y"] = visit(term)
    of_formula = {*kinks}
    kinks.clear()
    roots = tuple(map(visit, slopes))
    return (roots, *known.items()), of_formula, kinks


def _are_derivatives(operation: Operation, numbers: Iterable[float]) -> bool:
    """Whether partial derivatives are those of the function, at points of all sizes, and near the numbers in both."""
    near = [sign * a * b for a in {*numbers} - {0.0} for b in (1.0, 1.0 - 1e-7, 1.0 + 1e-7) for sign in (1.0, -1.0)]
    points = [*near, *[sign * 10.0 ** (k / 8.0) for k in range(-24, 49) for sign in (1.07, -1.13)]]
    operands = range(len(operation.partials))
    places = [[0.0 for _ in operands]]
    places += [[points[(k + 37 * i) % len(points)] for i in operands] for k in range(len(points))]
    places += [[x * (1.0 + 1e-6 * i) for i in operands] for x in points if len(operands) > 1]
    compared = False
    for at in places:
        try:
            y, found, wanted = _slopes(operation, at)
            try:
                _, moved, other = _slopes(operation, [x * (1.0 + 1e-14) for x in at])
            except OUT_OF_DOMAIN:
                _, moved, other = _slopes(operation, [x * (1.0 - 1e-14) for x in at])
        except OUT_OF_DOMAIN:
            continue
        except TypeError:  # a power of a negative number that is complex
            return False
        for i, (x, slope, derivative) in enumerate(zip(at, wanted, found, strict=True)):
            if math.isfinite(slope):
                compared = True
                rounding = 1e-150 + (1e-12 * abs(y / x) if x else 0.0)  # as 1 - y has, and what underflows
                rounding += 10.0 * (abs(slope - other[i]) + abs(derivative - moved[i]))  # as differences have
                if not abs(derivative - slope) <= 1e-9 * abs(slope) + rounding:
                    return False
    return compared


def _slopes(operation: Operation, at: Sequence[float]) -> tuple[float, Sequence[float], Sequence[float]]:
    """Return the value of an operation, the derivatives of its formula, and its partial derivatives."""
    y, found = value_and_grad(lambda xs: operation.forward(*xs))(at)
    return y, found, [float(1.0 * slope) for slope in operation.derivatives(y, at)]


def _numbers_in(terms: Iterable[Any]) -> Iterator[float]:
    """Yield the finite numbers in expressions."""
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        if isinstance(term, Expression):
            if term.operation is not None:
                waiting += [*term.operands, *(term.operation.family or ())[1:]]
        elif isinstance(term, (int, float)) and math.isfinite(term):
            yield float(term)
