"""Taylor mode: the coefficients of power series, to any order, by reading the rows of the table with power series.

A row says how its result changes with its operands: y' = p(y, x) x', where p is the partial derivative. Between power
series this is a recurrence, since the coefficient k of y takes only those of p below k:

    k y[k] = the sum of i x[i] p[k - i] over i = 1, ..., k

And p is written with operations of the table, so its series comes about in the same way, one coefficient behind that
of y. Nothing has to be known of a row beside its partials, so one's own operations have series too. (For single
functions such recurrences are classical: A. Griewank and A. Walther, "Evaluating Derivatives", 2nd edition, 2008,
chapter 13.)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from autograd.engine import Constant, Value, modes
from autograd.functions._linearization import as_value, passed_on
from autograd.functions.calls import Call, Function, checked_whole, name_of
from autograd.rules import Arithmetic, Mask, Operation, Where, ieee_dot, where


def taylor(f: Function, x: Any, order: int) -> list[Any]:
    """Return the Taylor coefficients of a function of one number: f(x), f'(x), f''(x) / 2, ..., up to the order.

    Coefficient k is the derivative of order k divided by k!, in the structure of what f returns. The work grows with
    the square of the order (in a few rows, such as `x ** 0.3`, with the cube), where each `grad` around another one
    multiplies it. In several numbers there are series along a path: `taylor(lambda t: f([a + t, b - t]), 0.0, order)`.
    For a Value x, or where f uses Values of its surroundings, coefficients are Values, to be differentiated further.

    Raises ValueError where a coefficient is not finite: at a singularity, or beyond the largest float. At a kink the
    coefficients are made of the derivatives that the table has there.

    >>> from autograd import exp
    >>> taylor(lambda x: 1.0 / (1.0 - x), 0.0, 4)
    [1.0, 1.0, 1.0, 1.0, 1.0]
    >>> [24.0 * c for c in taylor(exp, 0.0, 4)]
    [24.0, 24.0, 12.0, 4.0, 1.0]
    """
    order = checked_whole("the order of taylor", order, 0)
    call = Call("taylor", f, (x,), 0, {})
    if not call.arguments.is_number:
        raise TypeError(
            f"taylor takes a function of one number, got {call.arguments}; for several numbers give a path of one, "
            "such as taylor(lambda t: f([a + t, b - t]), 0.0, order)"
        )
    expansion = _Expansion(call)
    found = [expansion.results(0)]
    for step in range(1, order + 1):
        expansion.extend([1.0 if step == 1 else 0.0])
        found.append(expansion.results(step))
    expansion.close()
    return _nested("taylor", call, found, expansion.made)


def taylor_ode(f: Function, x: Any, order: int) -> list[Any]:
    """Return the Taylor coefficients in time of the solution of the differential equation x'(t) = f(x(t)), x(0) = x.

    Coefficient k is the derivative of order k of the solution at t = 0, divided by k!, in the structure of x, which f
    returns too. If the equation depends on the time, let it be one of the numbers, with derivative 1. The sum of
    coefficient k times h ** k is a step of h of the Taylor method of this order (R. E. Moore, "Interval Analysis",
    1966, chapter 11). Otherwise as `taylor`.

    >>> taylor_ode(lambda x: x, 1.0, 3)  # exp(t)
    [1.0, 1.0, 0.5, 0.16666666666666666]
    >>> taylor_ode(lambda x: [x[1], -x[0]], [0.0, 1.0], 3)  # sin(t) and cos(t)
    [[0.0, 1.0], [1.0, -0.0], [-0.0, -0.5], [-0.16666666666666666, 0.0]]
    """
    order = checked_whole("the order of taylor_ode", order, 0)
    call = Call("taylor_ode", f, (x,), 0, {})
    fits = len(call.outputs) == len(call.inputs)
    if fits and (call.arguments.has_mapping or call.result.has_mapping):  # which may be in any order
        given = dict(zip(call.result.names("x"), call.outputs, strict=True))
        names = [*call.arguments.names("x")]
        fits = given.keys() == set(names)
        call.outputs = [given[name] for name in names] if fits else []
    if not fits:
        raise TypeError(
            f"taylor_ode takes a function that returns the derivative of each number of x, {call.arguments}; "
            f"{name_of(f)} returned {call.result}"
        )
    expansion = _Expansion(call)
    found: list[list[Any]] = [[series.coefficients[0] for series in expansion.inputs]]
    for step in range(1, order + 1):
        found.append([y / step for y in expansion.results(step - 1)])
        if step < order:
            expansion.extend(found[-1])
    expansion.close()
    call.result = call.arguments
    return _nested("taylor_ode", call, found, expansion.made)


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a comparison of constant terms; where a function is traced, it is a node, and then a constant series."""

    def method(self: PowerSeries, other: Any) -> Any:
        found = compare(self.coefficients[0], leading_of(other))
        return found if isinstance(found, bool) else PowerSeries(self.expansion, found, active=False)

    return method


class PowerSeries(Arithmetic):
    """A power series as far as its coefficients are known, floats or Values; operations on it make others.

    - `scaled`: the coefficients of its derivative, k x[k].
    - `active`: False for a constant, whose coefficients but the first are 0.
    - `factors`: what its own derivative is made of: for each active operand the partial derivative by it, a power
      series or else a number or a mask, which does not change along the series.
    """

    __slots__ = ("active", "coefficients", "expansion", "factors", "operands", "operation", "scaled")
    noun = "power series"

    def __init__(
        self,
        expansion: _Expansion,
        leading: Any,
        operation: Operation | None = None,
        operands: Sequence[Any] = (),
        active: bool = True,
    ) -> None:
        self.expansion = expansion
        self.coefficients = [leading]
        self.scaled: list[Any] = []
        self.operation = operation
        self.operands = operands
        self.active = active
        self.factors: list[tuple[Any, PowerSeries]] | None = None

    @staticmethod
    def _operate(operation: Operation, operands: Sequence[Any]) -> PowerSeries:
        expansion = next(x.expansion for x in operands if isinstance(x, PowerSeries))
        return expansion.apply(operation, operands)

    @staticmethod
    def _choose(where: Where, condition: Any, a: Any, b: Any) -> Any:
        known = leading_of(condition)
        if isinstance(known, Value) and not modes.traced(known):  # the other side may not be defined here
            a = b = where.side(a if known.number else b)
            condition.expansion.made = where.chosen(where(known, 1.0, 1.0))
        return PowerSeries._operate(where, (condition, where.side(a), where.side(b)))

    def _general_side(self, a: Any, b: Any) -> Any:
        """Return the side of a choice in a row's derivative that is chosen, if the other one is a special case."""
        known = leading_of(self)
        return known._general_side(a, b) if isinstance(known, Value) else None

    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    def append(self, coefficient: Any) -> None:
        """Add the next coefficient."""
        step = len(self.coefficients)
        self.coefficients.append(coefficient)
        self.scaled.append(coefficient if step == 1 or _is_zero(coefficient) else step * coefficient)

    def extend(self) -> None:
        """Find the next coefficient, from the operands' coefficients of this order and those of the partials below."""
        if self.factors is None:
            self.factors = list(self._factors())
        step = len(self.coefficients)
        products = [(x.scaled, p.coefficients[step - 1 :: -1]) for p, x in self.factors if isinstance(p, PowerSeries)]
        fixed = [p * x.coefficients[step] for p, x in self.factors if not isinstance(p, PowerSeries)]
        if self.expansion.valued:
            pairs = [pair for product in products for pair in zip(*product) if not any(map(_is_zero, pair))]
            fixed += [ieee_dot(*zip(*pairs, strict=True)) / step] if pairs else []
            fixed = [term for term in fixed if not _is_zero(term)]
        else:
            fixed += [sum(map(operator.mul, *product)) / step for product in products]
        self.append(sum(fixed[1:], start=fixed[0]) if fixed else 0.0)

    def _factors(self) -> Iterable[tuple[Any, PowerSeries]]:
        row, operands = cast("Operation", self.operation), self.operands
        partials = row.partials if row.arity else row.derivatives(self, operands)
        for x, partial in zip(operands, partials, strict=True):
            if isinstance(x, PowerSeries) and x.active:
                p = partial(self, *operands) if row.arity else partial
                if isinstance(p, PowerSeries) and not p.active:
                    p = p.coefficients[0]
                elif isinstance(p, Mask):
                    condition = leading_of(p.condition)
                    known = isinstance(condition, (bool, int, float))
                    p = float(bool(condition) is not p.otherwise) if known else Mask(condition, otherwise=p.otherwise)
                if not _is_zero(p):
                    yield p, x


class _Expansion:
    """The power series of a call's results, of which those of the inputs are given coefficient by coefficient.

    An operation applied twice to the same operands is one series: so sin and cos, each the partial of the other, end
    in one another. Where partials lead to new ones for ever, they are made as far as they are needed: `levels[n]` has
    the series that partials of `levels[n - 1]` are, which are one coefficient behind these.
    """

    def __init__(self, call: Call) -> None:
        self.valued = call.recorded
        self.levels: list[list[PowerSeries]] = [[]]
        self.known: dict[Any, PowerSeries] = {}
        self.made: Any = None  # what the graph does not know: the condition of a choice that a partial has made

        def number(node: Value) -> Any:
            return node if self.valued else node.number

        series = {node: PowerSeries(self, number(node)) for node in call.inputs}
        self.inputs = list(series.values())
        for node in call.active:
            if node not in series:
                operands = [series[x] if x in series else number(x) for x in node.parents]
                series[node] = self.apply(cast("Operation", node.op), operands, number(node))
        self.outputs = [
            series[y] if y in series else PowerSeries(self, number(y) if isinstance(y, Value) else y, active=False)
            for y in call.outputs
        ]

    def apply(self, operation: Operation, operands: Sequence[Any], leading: Any = None) -> PowerSeries:
        """Return the series of an operation on series and numbers."""
        operands = [PowerSeries(self, x, active=False) if isinstance(x, Value) else x for x in operands]
        key = (operation, *[_key(x) for x in operands])
        if key not in self.known:
            if leading is None:
                leading = operation.apply(list(map(leading_of, operands)))
            active = any(isinstance(x, PowerSeries) and x.active for x in operands)
            self.known[key] = PowerSeries(self, leading, operation, operands, active)
            if active:
                self.levels[-1].append(self.known[key])
        return self.known[key]

    def extend(self, coefficients: Iterable[Any]) -> None:
        """Go on by one order, for which these are the coefficients of the inputs."""
        for series, coefficient in zip(self.inputs, coefficients, strict=True):
            series.append(coefficient)
        levels = self.levels[:]
        self.levels.append([])
        with modes.record_comparisons(self.valued):
            for level in levels[::-1]:
                for series in level:
                    series.extend()

    def results(self, step: int) -> list[Any]:
        """Return the coefficients of this order of what the function returned."""
        return [y.coefficients[step] if y.active or step == 0 else 0.0 for y in self.outputs]

    def close(self) -> None:
        """Let go of all series, which refer to this object, and through partial derivatives to one another."""
        for level in self.levels:
            for series in level:
                series.factors = None
        self.levels, self.known, self.inputs, self.outputs = [], {}, [], []


def leading_of(number: Any) -> Any:
    """Return the constant term of a power series; a number is its own."""
    return number.coefficients[0] if isinstance(number, PowerSeries) else number


def _key(operand: Any) -> Any:
    if isinstance(operand, PowerSeries):
        return id(operand) if operand.active else ("constant", _key(operand.coefficients[0]))
    return ("constant", id(operand)) if isinstance(operand, Value) else (operand, math.copysign(1.0, operand))


def _is_zero(number: Any) -> bool:
    return isinstance(number, (float, int)) and number == 0.0


def _nested(asker: str, call: Call, found: Sequence[Sequence[Any]], made: Any) -> list[Any]:
    for step, coefficients in enumerate(found):
        for number in coefficients:
            if not call.valued and not math.isfinite(number):
                at = [node.number for node in call.inputs]
                raise ValueError(
                    f"{asker} found the coefficient of order {step} at {at if len(at) > 1 else at[0]!r} to be "
                    f"{number!r}: the function has no power series there, or its coefficients grow beyond the largest "
                    "float; take another point, or an order below"
                )
    if not call.valued:
        return [call.result.unflatten(map(float, coefficients)) for coefficients in found]
    if call.recorded:
        made = next(iter(call.choices.values()), made)
        numbers = [found[0], *([x if made is None else where(made, x, 0.0) for x in later] for later in found[1:])]
        return [call.result.unflatten([passed_on(as_value(x)) for x in coefficients]) for coefficients in numbers]
    return [call.result.unflatten(map(Constant, coefficients)) for coefficients in found]
