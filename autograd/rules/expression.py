"""Symbolic expressions: a rule of the table read as a formula, to be printed in any language.

A formula of the table is written with operators and with the table's own functions, so it is read here as it is read
with floats and with Values: called on symbols, it builds the tree of its operations. A `Dialect` prints the tree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from autograd.rules import _rows as rules
from autograd.rules.arithmetic import Arithmetic
from autograd.rules.operation import Family, Operation, Where

COMPARISONS = (rules.less, rules.less_equal, rules.either)
UNREADABLE = (TypeError, NotImplementedError, AttributeError, ValueError, ArithmeticError, LookupError)


class Expression(Arithmetic):
    """An operation on operands, or a symbol: then `operation` is None and its one operand is the symbol's key.

    Operands are expressions or floats. Equality is identity, so what a formula computes once is one object.

    >>> rules.tan.partials[0](symbol("y"), symbol("x"))
    1.0 + y * y
    """

    __slots__ = ("operands", "operation")
    noun = "symbol"

    def __init__(self, operation: Operation | None, operands: Iterable[Any]) -> None:
        self.operation = operation
        self.operands = tuple(operands)

    @property
    def key(self) -> Any:
        """The key of a symbol: the position of an operand, or a name."""
        return self.operands[0]

    @staticmethod
    def _operate(operation: Operation, operands: Sequence[Any]) -> Expression:
        if operation is rules.detached:  # what is not differentiated any further is the number itself
            return cast("Expression", operands[0])
        return Expression(operation, [x if isinstance(x, Expression) else float(x) for x in operands])

    @staticmethod
    def _choose(where: Where, condition: Any, a: Any, b: Any) -> Any:
        return Expression._operate(where, (condition, where.side(a), where.side(b)))

    def _general_side(self, a: Any, b: Any) -> Callable[[], Expression]:
        """Return what makes the expression of a choice that a row of the table makes."""
        return lambda: RowsChoice(rules.where, [self, *map(rules.where.side, (a, b))])

    def __repr__(self) -> str:
        return PYTHON.source(self, str)

    def __eq__(self, other: object) -> bool:
        raise TypeError("whether symbols are equal is asked of numbers, one after the other")

    def __hash__(self) -> int:  # which a look-up in a set or a dict asks, and then no number is found
        raise TypeError("a symbol is looked up among numbers")


class RowsChoice(Expression):
    """A choice that a row of the table makes: where a side is a number, it may be for a pole of the formula."""

    __slots__ = ()


def symbol(key: Any) -> Expression:
    """Return the symbol with this key."""
    return Expression(None, [key])


def product(a: Any, b: Any) -> Any:
    """Return the product of two expressions or floats, without factors of 1.

    >>> product(symbol("g"), 1.0), product(symbol("g"), symbol("x") * 1.0), product(-1.0, symbol("g"))
    (g, g * x, -g)
    """
    for factor, other in ((a, b), (b, a)):
        if isinstance(factor, rules.Zero):
            return 0.0
        if isinstance(factor, float):
            if factor == 1.0:
                return other
            if factor == -1.0:
                return -other
        elif isinstance(factor, Expression) and factor.operation is rules.mul and any(map(_is_one, factor.operands)):
            return product(other, next(x for x in factor.operands if not isinstance(x, float)))
    return a * b


def _is_one(term: Any) -> bool:
    return isinstance(term, float) and term == 1.0


def walk(term: Any) -> Iterator[Expression]:
    """Yield the parts of an expression, each after its operands; what is shared, as often as it is used."""
    if isinstance(term, Expression):
        if term.operation is not None:
            for operand in term.operands:
                yield from walk(operand)
        yield term


def sorted_parts(term: Any) -> list[Expression]:
    """Return the parts of an expression, each once, after its operands."""
    order: list[Expression] = []
    seen: set[int] = set()
    stack = [(term, False)]
    while stack:
        part, ready = stack.pop()
        if not isinstance(part, Expression):
            continue
        if ready:
            order.append(part)
        elif id(part) not in seen:
            seen.add(id(part))
            stack.append((part, True))
            stack += [(operand, False) for operand in reversed(part.operands) if part.operation is not None]
    return order


def substitute(term: Any, replace: Callable[[Expression], Any]) -> Any:
    """Return an expression with its symbols replaced; what is shared stays shared."""
    done: dict[int, Any] = {}

    def visit(part: Any) -> Any:
        if not isinstance(part, Expression):
            return part
        if id(part) not in done:
            operation = part.operation
            done[id(part)] = replace(part) if operation is None else type(part)(operation, map(visit, part.operands))
        return done[id(part)]

    return visit(term)


# How tightly operators bind in all languages that are printed, and what their operands must bind at least.
ATOM, POWER, SIGN, PRODUCT, SUM, COMPARISON, EITHER, CHOICE = range(9, 1, -1)
PRECEDENCE: dict[Operation, tuple[int, ...]] = {
    rules.either: (EITHER, EITHER, EITHER),
    rules.less: (COMPARISON, SUM, SUM),
    rules.less_equal: (COMPARISON, SUM, SUM),
    rules.add: (SUM, SUM, SUM),
    rules.sub: (SUM, SUM, PRODUCT),
    rules.mul: (PRODUCT, PRODUCT, SIGN),
    rules.divide: (PRODUCT, PRODUCT, SIGN),
    rules.ieee_divide: (PRODUCT, PRODUCT, SIGN),
    rules.mod: (PRODUCT, PRODUCT, SIGN),
    rules.floordiv: (PRODUCT, PRODUCT, SIGN),
    rules.negative: (SIGN, SIGN),
    rules.power: (POWER, ATOM, POWER),
}


@dataclass(frozen=True)
class Dialect:
    """A dialect: how a language spells the rows of the table and the members of its families.

    - `operators`: templates of infix and prefix operators; parentheses are set by their `precedence`.
    - `words`, `members`: templates of calls; for members of families, by their constant. Each operand stands alone.
    - `composed`: what writes an operation by others, as an expression of its operands, where the language has no word.
    - `literal`: how a number is written; a name may be bound for it.
    - `call`: what writes any other operation; without it, these are an error.
    """

    operators: Mapping[Operation, str]
    words: Mapping[Operation, str] = field(default_factory=dict)
    members: Mapping[Family, Callable[[float], str]] = field(default_factory=dict)
    composed: Mapping[Any, Callable[..., Any]] = field(default_factory=dict)
    literal: Callable[[float], str] = repr
    precedence: Mapping[Operation, tuple[int, ...]] = field(default_factory=lambda: PRECEDENCE)
    call: Callable[[Operation, Sequence[str]], str] | None = None

    def source(self, term: Any, name: Callable[[Any], str]) -> str:
        """Print an expression or a float; `name` writes a symbol, by its key."""
        return self._print(term, name)[0]

    def operand(self, term: Any, name: Callable[[Any], str], least: int) -> str:
        """Print an expression as an operand that must bind so tightly at least, in parentheses where it does not."""
        source, binds = self._print(term, name)
        return source if binds >= least else f"({source})"

    def rewritten(self, term: Any) -> Any:
        """Return an expression whose last operation the language has."""
        while isinstance(term, Expression) and (compose := self.composed.get(term.operation)):
            term = compose(*term.operands)
        return term

    def _print(self, term: Any, name: Callable[[Any], str]) -> tuple[str, int]:
        term = self.rewritten(term)
        if not isinstance(term, Expression):
            return self.literal(term), SIGN if math.copysign(1.0, term) < 0.0 else ATOM
        operation = term.operation
        if operation is None:
            return name(term.key), ATOM
        return self.printed(operation, [self._print(operand, name) for operand in term.operands])

    def printed(self, operation: Operation, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        """Print an operation on operands, each with how tightly it binds; return how tightly the whole does."""
        template = self.operators.get(operation)
        if template is not None:
            level, *least = self.precedence[operation]
            sources = [
                f"({source})" if binds < wanted else source
                for (source, binds), wanted in zip(operands, least, strict=True)
            ]
            return template.format(*sources), level
        sources = [source for source, _ in operands]
        template = self.words.get(operation)
        if template is None and operation.family is not None and operation.family[0] in self.members:
            template = self.members[operation.family[0]](operation.family[1])
        if template is not None:
            if _is_call(template):
                return template.format(*sources), ATOM
            return template.format(*[s if b == ATOM else f"({s})" for s, b in operands]), ATOM
        if self.call is None:
            raise NotImplementedError(f"the operation {operation.name} has no word in this language")
        return self.call(operation, sources), ATOM


def _is_call(template: str) -> bool:
    """Whether a template is a call in which each operand is an argument by itself."""
    inside = template.partition("(")[2]
    beside = inside[:-1].replace("{}", "").replace("{0}", "").replace("{1}", "")
    return inside.endswith(")") and set(beside) <= set(", ")


def infix() -> dict[Operation, str]:
    """Return the operators that most languages have in common."""
    signs = {rules.add: "+", rules.sub: "-", rules.mul: "*", rules.divide: "/", rules.ieee_divide: "/"}
    return {**{row: f"{{}} {sign} {{}}" for row, sign in signs.items()}, rules.negative: "-{}"}


PYTHON = Dialect(
    operators={
        **infix(),
        rules.power: "{} ** {}",
        rules.mod: "{} % {}",
        rules.floordiv: "{} // {}",
        rules.less: "{} < {}",
        rules.less_equal: "{} <= {}",
        rules.either: "{} or {}",
    },
    call=lambda operation, operands: operation.expression(*operands),
)


# What a formula says. The formulas of the table are read with symbols. A user's own functions are promised floats, so
# they stay calls, unless he says that they take arrays.


def is_own(operation: Operation) -> bool:
    """Whether an operation is a user's own: neither in the table, nor a member of a family in it."""
    return operation.family[0] not in FAMILIES if operation.family is not None else operation not in ROWS


ROWS = {row for row in rules.TABLE.values() if isinstance(row, Operation)}
ROWS |= {*rules.UNLISTED}
FAMILIES = {row for row in rules.TABLE.values() if isinstance(row, Family)} | {rules.mills_of}


def derivatives(operation: Operation, y: Any, operands: Sequence[Any]) -> Sequence[Any]:
    """Return the partial derivatives of an operation as expressions of its result and its operands; or floats.

    >>> derivatives(rules.divide, symbol("y"), [symbol("a"), symbol("b")])
    [1.0 / b, -y / b]
    """
    if not is_own(operation):
        found = operation.derivatives(y, operands)
        return [d if isinstance(d, (Expression, rules.Mask, rules.Zero)) else float(d) for d in found]
    return [_own_derivative(operation, position, y, operands) for position in range(len(operation.partials))]


@lru_cache(maxsize=1024)
def active_operands(operation: Operation, number: int) -> tuple[bool, ...]:
    """Return which of so many operands the chain rule reaches: all but conditions and what is detached.

    >>> active_operands(rules.where, 3)
    (False, True, True)
    """
    if is_own(operation):
        return (True,) * number
    listed = operation.arity is None  # of many operands, which are all alike
    found = derivatives(operation, symbol("y"), list(map(symbol, range(2 if listed else number))))
    active = tuple(slope is not rules.INACTIVE for slope in found)
    return active[:1] * number if listed else active


def _own_derivative(operation: Operation, position: int, y: Any, operands: Sequence[Any]) -> Any:
    if operation.vectorized:
        try:
            found = operation.partials[position](y, *operands)
            return found if isinstance(found, Expression) else float(found)
        except (TypeError, AttributeError):  # it takes floats only
            pass
    return Expression(_own_partial(operation, position), [y, *operands])


class OwnPartial(Operation):
    """A partial derivative of a user's own operation as an operation of its result and its operands."""


def _own_partial(operation: Operation, position: int) -> Operation:
    """Return a partial derivative of a user's own operation as an operation, one object for each."""
    made: list[Operation] = operation.__dict__.setdefault("_partial_operations", [])
    if not made:
        unknown = [lambda *_: math.nan] * (len(operation.partials) + 1)  # only first derivatives are taken of it
        made += [OwnPartial(f"d_{operation.name}", partial, *unknown) for partial in operation.partials]
    return made[position]


def pull(expression: Any, y: Any, upstream: Any) -> dict[Any, Any]:
    """Return what the symbols of an expression get back where its result `y` gets `upstream`: the chain rule.

    >>> pull(symbol("a") * symbol("b") + symbol("a"), symbol("y"), symbol("g"))
    {'a': g * b + g, 'b': g * a}
    """
    found: dict[Any, Any] = {}
    stack = [(expression, y, upstream)]
    while stack:
        part, y, g = stack.pop()
        if not isinstance(part, Expression):
            continue
        if part.operation is None:
            found[part.key] = g if part.key not in found else found[part.key] + g
            continue
        handed = [
            (operand, operand, product(g, derivative))
            for operand, derivative in zip(part.operands, derivatives(part.operation, y, part.operands), strict=True)
            if isinstance(operand, Expression) and derivative is not rules.INACTIVE
        ]
        stack += reversed(handed)
    return found
