"""JavaScript dialect: the rules as JavaScript, so the page computes with the derivatives of the table, not its own.

What JavaScript's Math lacks, such as erf or a sum without rounding errors, is called as `fn.erf`: functions.js supplies
these functions, and nothing else of the rules. A row that is made of others comes with functions of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autograd import rules
from autograd.pictures.page.formulas import unguarded
from autograd.rules import (
    ATOM,
    Dialect,
    Expression,
    Functions,
    NAry,
    Operation,
    formula,
    formulas,
    infix,
    is_own,
    symbol,
)
from autograd.rules import UNREADABLE as UNREADABLE


def functions() -> str:
    """Return the functions that JavaScript lacks, as a script that pages and exports have in common."""
    return (Path(__file__).parent / "functions.js").read_text(encoding="utf-8")


class UnreadableError(TypeError):
    """A user's own operation cannot be read as JavaScript, since it wants floats."""


def _literal(number: float) -> str:
    return repr(number).replace("inf", "Infinity").replace("nan", "NaN")


SUMS: dict[Operation, str] = {
    rules.fsum: "fsum",
    rules.mean: "mean",
    rules.dot: "dot",
    rules.logsumexp: "logsumexp",
    rules.ieee_dot: "openDot",
    rules.largest: "largest",
}

# Functions of one operand that JavaScript's Math has under the same name.
MATH = (
    *(rules.abs, rules.acos, rules.acosh, rules.asin, rules.asinh, rules.atan, rules.atanh, rules.cbrt, rules.cos),
    *(rules.cosh, rules.exp, rules.expm1, rules.log, rules.log10, rules.log1p, rules.log2, rules.sin, rules.sinh),
    *(rules.sqrt, rules.tan, rules.tanh),
)
SUPPLIED = (rules.erf, rules.erfc, rules.sigmoid, rules.softplus, rules.silu, rules.gelu)


def _sum(operation: NAry, operands: str) -> str:
    """Write an operation on the operands in an array."""
    return f"fn.{SUMS[operation]}({operands})"


class JavaScript(Dialect):
    """The dialect of JavaScript, in which an operation on many operands takes an array.

    A user's own operation is what its forward function builds of symbols.
    """

    def rewritten(self, term: Any) -> Any:
        """Return an expression whose last operation the language has."""
        while isinstance(term, Expression) and term.operation is not None and is_own(term.operation):
            term = formula(term.operation, term.operands)
        return super().rewritten(term)

    def printed(self, operation: Operation, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        """Print an operation on operands, each with how tightly it binds; return how tightly the whole does."""
        if isinstance(operation, NAry):
            return _sum(operation, f"[{', '.join(source for source, _ in operands)}]"), ATOM
        return super().printed(operation, operands)


JAVASCRIPT = JavaScript(
    operators=infix(),
    words={
        **{row: f"Math.{row.name}({{}})" for row in MATH},
        rules.atan2: "Math.atan2({}, {})",
        rules.hypot: "Math.hypot({}, {})",
        **{row: f"fn.{row.name}({{}})" for row in SUPPLIED},
        rules.relu: "fn.maximum(0, {})",
        rules.maximum: "fn.maximum({}, {})",
        rules.minimum: "fn.minimum({}, {})",
        rules.power: "fn.power({}, {})",
        rules.positive: "{}",
        rules.detached: "{}",
        rules.where.chosen: "{}",
        rules.where: "({} !== 0 ? {} : {})",
        rules.where.decided: "({} !== 0 ? {} : {})",
        rules.guard: "({} !== 0 ? {} : NaN)",
        rules.unguard: "({} !== 0 ? {} : 0)",
        rules.less: "+({} < {})",
        rules.less_equal: "+({} <= {})",
        rules.either: "+({} !== 0 || {} !== 0)",
        rules.floor: "Math.floor({})",
        rules.mod: "fn.mod({}, {})",
        rules.floordiv: "fn.floordiv({}, {})",
        rules.ieee_log: "Math.log({})",
        rules.ieee_power: "fn.powerBelow({}, {}, {})",
        rules.ieee_unit: "fn.unit({}, {})",
        rules.ieee_sech2: "fn.sech2({})",
        rules.ieee_cathetus: "Math.sqrt((1 - {0}) * (1 + {0}))",
    },
    members={
        rules.power_of: lambda n: f"fn.power({{}}, {_literal(n)})",
        rules.leaky_relu: lambda slope: f"({{0}} > 0 ? {{0}} : {_literal(slope)} * {{0}})",
        rules.elu: lambda alpha: f"({{0}} > 0 ? {{0}} : {_literal(alpha)} * Math.expm1({{0}}))",
    },
    literal=_literal,
)

# Operations that never raise an error but overflow to infinity; ieee functions have no domain to check either.
IEEE = {rules.ieee_divide, rules.ieee_log, rules.ieee_power, rules.ieee_unit, rules.ieee_dot, rules.ieee_sech2}
SILENT = IEEE | {rules.add, rules.sub, rules.mul, rules.divide, rules.negative, rules.where, rules.detached}
SILENT |= {rules.floordiv, rules.digamma, rules.trigamma}
OVERFLOWING = {rules.dot, rules.hypot}  # to infinity; but inf - inf, of products that have overflowed, is an error


class Rule(NamedTuple):
    """A row as JavaScript: expressions in `x`, the array of the operands, and `y`, the result."""

    forward: str
    partials: list[str]
    domain: str  # a condition, or nothing
    functions: Sequence[str] = ()  # that these call
    textbook: Sequence[str] = ()  # the partials as formulas of textbooks, where those are undefined at some points

    def source(self) -> str:
        """Return the rule as an object with functions of `x`, and of `y` and `x`."""
        parts = [f"forward: x => {self.forward}", f"partials: (y, x) => [{', '.join(self.partials)}]"]
        parts += [f"textbook: (y, x) => [{', '.join(self.textbook)}]"] if self.textbook else []
        found = f"{{{', '.join([*parts, *([f'defined: x => {self.domain}'] if self.domain else [])])}}}"
        return f"(() => {{ {' '.join(self.functions)} return {found}; }})()" if self.functions else found


def rule(operation: Operation, arity: int) -> Rule:
    """Return an operation on so many operands as JavaScript.

    Raises UnreadableError for an own operation whose functions want floats.

    >>> rule(rules.tanh, 1).source()
    '{forward: x => Math.tanh(x[0]), partials: (y, x) => [fn.sech2(x[0])]}'
    """
    operands = list(map(symbol, range(arity)))
    functions = Functions(JAVASCRIPT, javascript_function, "row_")

    def written(term: Any) -> str:
        return functions.dialect.source(term, lambda key: "y" if key == "y" else f"x[{key}]")

    try:
        forward = _sum(operation, "x") if isinstance(operation, NAry) else written(Expression(operation, operands))
        partials = list(map(written, formulas(operation, operands)))
        textbook = [written(unguarded(term)) for term in formulas(operation, operands)]
    except UNREADABLE as error:
        raise UnreadableError(f"the operation {operation.name} takes floats only: {error}") from error
    guarded = bool(operation.domain) and not isinstance(operation, NAry) and operation not in IEEE
    domain = condition(operation.domain, operation.arguments) if guarded else ""
    told = textbook if textbook != partials else ()
    return Rule(forward, partials, domain, tuple(functions.definitions.values()), told)


def javascript_function(name: str, arguments: Sequence[str], lines: Sequence[tuple[str, str]], result: str) -> str:
    """Write a function in JavaScript."""
    body = "".join(f"const {local} = {source}; " for local, source in lines)
    return f"const {name} = ({', '.join(arguments)}) => {{ {body}return {result}; }};"


def condition(domain: str, arguments: Sequence[str]) -> str:
    """Return a row's domain, a condition in Python on its arguments, as JavaScript on the array `x` of them.

    >>> condition("-1 < a or b % 1 == 0", "ab")
    '((-1 < x[0]) || ((x[1] % 1) === 0))'
    """

    def written(node: ast.expr) -> str:
        match node:
            case ast.BoolOp(op, values):
                return f"({(' && ' if isinstance(op, ast.And) else ' || ').join(map(written, values))})"
            case ast.Compare(left, operators, rights):
                sides = [left, *rights]
                links = zip(sides, operators, rights)
                return f"({' && '.join(f'{written(a)} {SIGNS[type(o)]} {written(b)}' for a, o, b in links)})"
            case ast.BinOp(left, ast.Mod(), right):
                return f"({written(left)} % {written(right)})"
            case ast.UnaryOp(ast.USub(), operand):
                return f"-{written(operand)}"
            case ast.Name("inf"):
                return "Infinity"
            case ast.Name(name) if name in arguments:
                return f"x[{list(arguments).index(name)}]"
            case ast.Constant(int() | float() as number):
                return repr(number)
        raise ValueError(
            f"the domain {domain!r} is not a condition on {', '.join(arguments)} that JavaScript can check"
        )

    return written(ast.parse(domain, mode="eval").body)


SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "===", ast.NotEq: "!=="}
