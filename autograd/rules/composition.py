"""Composition: operations that a language has no word for, as functions of what it has.

A row whose forward function is a formula in the table's own functions is read with symbols, and printed as a function
whose shared parts are computed once. So a new row of this kind needs no word in any language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from autograd.rules import _rows as rules
from autograd.rules.expression import COMPARISONS, UNREADABLE, Dialect, Expression, sorted_parts, substitute, symbol
from autograd.rules.operation import NAry, Operation, identifier
from autograd.rules.reading import formula, formulas


def composition(operation: Operation, operands: Sequence[Any]) -> Any:
    """Return what an operation computes of symbols, by other operations.

    Raises NotImplementedError, which names the operation, if its forward function takes floats only.

    >>> from autograd import rules
    >>> composition(rules.exp2, [symbol("x")])
    2.0 ** x
    """
    try:
        found = operation.forward(operands) if isinstance(operation, NAry) else formula(operation, operands)
    except UNREADABLE as error:
        why = f", since its function takes floats: {error}"
    else:
        if getattr(found, "operation", None) is not operation:
            return found
        why = ""
    raise NotImplementedError(
        f"the operation {operation.name} has no word in this language, and is not made of others that have one{why}"
    )


def lines_of(term: Any, name: Callable[[int], str]) -> tuple[list[tuple[str, Any]], Any]:
    """Return an expression as lines, each a name and what it stands for, and the rest, which refers to these names.

    What is used more than once has a name; comparisons have none, since they are numbers in some languages only.

    >>> x = symbol("x")
    >>> square = x * x
    >>> lines_of(square / (1.0 + square), "t{}".format)
    ([('t0', x * x)], t0 / (1.0 + t0))
    """
    order = sorted_parts(term)
    uses: Counter[int] = Counter()
    for part in reversed(order):
        times = uses[id(part)] if part.operation in COMPARISONS else 1
        for operand in part.operands if part.operation is not None else ():
            uses[id(operand)] += max(times, 1)
    lines: list[tuple[str, Any]] = []
    found: dict[int, Any] = {}
    for part in order:
        if part.operation is None:
            found[id(part)] = part
            continue
        rebuilt = type(part)(part.operation, [found.get(id(operand), operand) for operand in part.operands])
        if uses[id(part)] > 1 and part.operation not in COMPARISONS:
            lines.append((name(len(lines)), rebuilt))
            rebuilt = symbol(lines[-1][0])
        found[id(part)] = rebuilt
    return lines, found.get(id(term), term)


Define: TypeAlias = "Callable[[str, Sequence[str], Sequence[tuple[str, str]], str], str]"


def python_function(name: str, arguments: Sequence[str], lines: Sequence[tuple[str, str]], result: str) -> str:
    """Write a function in Python.

    >>> print(python_function("f", ["x"], [("t", "x * x")], "t + 1.0"))
    def f(x):
        t = x * x
        return t + 1.0
    """
    body = [*(f"{local} = {source}" for local, source in lines), f"return {result}"]
    return "\n    ".join([f"def {name}({', '.join(arguments)}):", *body])


def definition(operation: Operation, name: str, dialect: Dialect, define: Define = python_function) -> str:
    """Return the source of a function that computes an operation by others, in x0, x1, and so on.

    `define(name, arguments, lines, result)` writes it, of lines with a name and a source each.
    """
    arguments = [f"x{position}" for position in range(len(operation.partials))]
    return written(composition(operation, list(map(symbol, arguments))), name, arguments, dialect, define)


def written(term: Any, name: str, arguments: Sequence[str], dialect: Dialect, define: Define = python_function) -> str:
    """Return the source of a function that computes an expression, whose symbols are its arguments."""
    lines, result = lines_of(term, "t{}".format)
    return define(
        name, arguments, [(local, dialect.source(part, str)) for local, part in lines], dialect.source(result, str)
    )


def slope_definitions(operation: Operation, name: str, dialect: Dialect) -> list[str]:
    """Return the sources of an operation's partial derivatives: functions `name0`, `name1` and so on of y, x0, x1, ...

    They are in Python, and can be differentiated in forward and in reverse mode, see `guarded`.
    """
    operands = [f"x{position}" for position in range(len(operation.partials))]
    return [
        written(guarded(part), f"{name}{position}", ["y", *operands], dialect)
        for position, part in enumerate(formulas(operation, list(map(symbol, operands))))
    ]


def guarded(term: Any) -> Any:
    """Return an expression in which a side of a choice that is not chosen hands nothing back, in reverse mode too.

    There the 0 that such a side gets would be nan behind an infinite slope in it. So each symbol in a side is detached
    where that is not chosen.

    >>> x = symbol("x")
    >>> guarded(rules.where(x <= 0.0, 0.0, rules.log(x)))
    where(x <= 0.0, 0.0, log(where(x <= 0.0, detach(x), x)))
    """

    def detached(x: Expression) -> Expression:
        return Expression(rules.detached, [x])

    found: dict[int, Any] = {}
    for part in sorted_parts(term):
        operands = [found.get(id(operand), operand) for operand in part.operands]
        if part.operation is rules.where:
            condition, a, b = operands
            a = substitute(a, lambda x, c=condition: rules.where(c, x, detached(x)))  # type: ignore[misc]
            b = substitute(b, lambda x, c=condition: rules.where(c, detached(x), x))  # type: ignore[misc]
            operands = [condition, a, b]
        found[id(part)] = part if part.operation is None else type(part)(part.operation, operands)
    return found.get(id(term), term)


class Functions:
    """The functions that a text needs, for the operations for which its language has no words.

    `dialect` calls them, and `definitions` has their sources by their names, each after those that it calls.
    """

    def __init__(self, dialect: Dialect, define: Define = python_function, prefix: str = "") -> None:
        self.define = define
        self.prefix = prefix
        self.definitions: dict[str, str] = {}
        self.dialect = replace(dialect, call=self.call)

    def call(self, operation: Operation, operands: Sequence[str]) -> str:
        """Write a call of an operation's function, and the function when it is called first."""
        name = self.prefix + identifier(operation.name)
        if name not in self.definitions:
            self.definitions[name] = definition(operation, name, self.dialect, self.define)
        return f"{name}({', '.join(operands)})"
