"""Kinds of numbers: Fractions, complex, mpmath's, intervals and SymPy's, as operands of the rows of the table.

A row's `definition` is the formula that a textbook gives, so any kind of numbers that has its words has the row. The
floats in a row and in a graph are taken as the numbers that they are, but for constants that name what they stand for.
"""

from __future__ import annotations

import ast
import cmath
import functools
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from typing import Any

from autograd import rules
from autograd.functions import _intervals
from autograd.rules import Arithmetic, ExactConstant, NAry, Operation, Unary, Where, is_own, real, with_article


class Kind:
    """A kind of numbers: how a float is one of them, and their functions, by the names that definitions use."""

    noun = "a Fraction"  # what messages call one
    stable: Mapping[Operation, str] = {}  # definitions in which nothing cancels, in place of a textbook's
    # Errors that say what it lacks.
    unfit: tuple[type[Exception], ...] = (TypeError, AttributeError, NotImplementedError)

    def lift(self, number: float) -> Any:
        """Return a float as a number of this kind: exactly that number."""
        return Fraction(number)

    def word(self, name: str) -> Any:
        """Return a function or constant, or None."""
        return ARITHMETIC.get(name) or _ROUNDING.get(name)

    def check(self, result: Any) -> Any:
        """Return a result as a number of this kind; a TypeError says that it is none: a float, which is rounded."""
        return Fraction(self.one_of((Fraction, int), result))

    def one_of(self, types: Any, result: Any) -> Any:
        """Return a result, if it is of one of these types."""
        if not isinstance(result, types):
            raise TypeError(f"the result is not {self.noun} but {result!r}")
        return result

    def power(self, a: Any, b: Any) -> Any:
        """Return a to the power of b."""
        return a**b

    @property
    def undefined(self) -> Any:
        """What a derivative is that is not defined, though its function is; None: an error."""
        return None

    # Conditions: bools, or what stands for one that is not known.

    def truth(self, condition: Any) -> Any:
        """Return a condition; of a number, whether it is other than 0."""
        return condition if isinstance(condition, bool) else condition != 0

    def number(self, truth: Any) -> Any:
        """Return 1 for true and 0 for false."""
        return self.lift(1.0 if truth else 0.0)

    def choose(self, condition: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        """Return what one of the sides returns, or what both may where the condition is not known."""
        return a() if self.truth(condition) else b()

    def apply(self, row: Operation, numbers: Sequence[Any]) -> Any:
        """Return what an operation is of numbers of this kind."""
        try:
            with self.meaning(f"the operation {row.name}"):
                return self.check(self._applied(row, numbers))
        except (ValueError, ArithmeticError) as error:
            if self.undefined is not None and row in UNDEFINED_BEYOND and isinstance(error, ValueError):
                return self.undefined
            raise row.explain(error, numbers) from None

    def precisely(self, compute: Callable[[], Any]) -> Any:
        """Return what a function computes, with all digits that numbers of this kind have."""
        return compute()

    @contextmanager
    def meaning(self, what: str) -> Iterator[None]:
        """Have what numbers of this kind cannot do raise NotImplementedError, which names it."""
        try:
            yield
        except self.unfit as error:
            raise NotImplementedError(f"{what} has no meaning for {self.noun}: {error}") from error

    def _applied(self, row: Operation, numbers: Sequence[Any]) -> Any:
        if (special := SPECIAL.get(row)) is not None:
            return special(self, *numbers)
        if is_own(row):
            try:
                return _unwrapped(row.forward(*[OtherNumber(self, number) for number in numbers]), self)
            except (TypeError, AttributeError):  # it may take these numbers as they are
                return row.forward(*numbers)
        if isinstance(row, NAry):
            size = len(numbers) // row.sequences
            groups = [list(numbers[start : start + size]) for start in range(0, row.sequences * size, size or 1)]
            numbers = groups or [[]] * row.sequences
        definition = self.stable.get(row, row.definition)
        return self._evaluated(definition, dict(zip(row.arguments, numbers, strict=True)))

    def _evaluated(self, definition: str, named: dict[str, Any]) -> Any:
        code, names = _compiled(definition)
        words = {name: self.word(name) for name in names if name not in named}
        if missing := [name for name, word in words.items() if word is None]:
            raise TypeError(f"there is no {missing[0]}")
        own = {"lift": self.lift, "choose": self.choose, "power": self.power}
        return eval(code, {**words, **named, **own, "__builtins__": {}})

    def of(self, number: Any) -> Any:
        """Return a plain number as one of this kind; a constant by its definition."""
        if isinstance(number, ExactConstant):
            return self._evaluated(number.definition, {})
        return self.lift(real(number, "evaluate"))


# What keeps its digits in tails, and at edges what floats have there; by the kinds that have the words.
HOLOMORPHIC: dict[Operation, str] = {
    rules.expm1: "expm1(x)",
    rules.log1p: "log1p(x)",
    rules.softplus: "log1p(exp(x))",
    rules.log_sigmoid: "-log1p(exp(-x))",
}
HIGHER: dict[Operation, str] = {rules.gelu: "x * erfc(-x / sqrt(2)) / 2", rules.sinc: "sincpi(x)"}
ORDERED: dict[Operation, str] = {  # in which numbers are compared, or infinite
    rules.ieee_divide: "a / b if b else a * inf",
    rules.log_ndtr: "log1p(-erfc(x / sqrt(2)) / 2) if x > 0 else log(erfc(-x / sqrt(2)) / 2)",
    rules.logaddexp: "max(a, b) + log1p(exp(-abs(a - b))) if a - b == a - b else log(exp(a) + exp(b))",
    rules.logsumexp: "reduce(xs)",
}


class _Complex(Kind):
    noun = "a complex number"
    stable = HOLOMORPHIC

    def lift(self, number: float) -> Any:
        return complex(number)

    def word(self, name: str) -> Any:
        return None if name in REAL else ARITHMETIC.get(name) or _OF_COMPLEX.get(name) or getattr(cmath, name, None)

    def check(self, result: Any) -> Any:
        return complex(result)

    def apply(self, row: Operation, numbers: Sequence[Any]) -> Any:
        try:
            found = super().apply(row, numbers)
        except ValueError as error:
            if row.domain and not isinstance(row, NAry):
                raise
            at = ", ".join(map(str, numbers))
            raise ValueError(f"{row.name} is undefined, or beyond the range of floats on the way, at {at}") from error
        if not (cmath.isfinite(found) or is_own(row) or row in rules.UNLISTED) and all(map(cmath.isfinite, numbers)):
            raise row.explain(OverflowError(), numbers)
        return found


def _complex_log1p(z: complex) -> complex:
    return 2.0 * cmath.atanh(z / (2.0 + z)) if abs(z) < 0.5 else cmath.log(1.0 + z)


_OF_COMPLEX: Mapping[str, Any] = {
    "expm1": lambda z: 2.0 * cmath.sinh(0.5 * z) * cmath.exp(0.5 * z),
    "log1p": _complex_log1p,
}


class _MPMath(Kind):
    noun = "an mpf of mpmath"
    stable: Mapping[Operation, str] = HOLOMORPHIC | HIGHER | ORDERED
    _more = False  # whether there are more digits already

    @property
    def mpmath(self) -> Any:
        import mpmath

        return mpmath

    def lift(self, number: float) -> Any:
        return self.mpmath.mpf(number)

    def word(self, name: str) -> Any:
        if name == "reduce":
            return lambda xs: functools.reduce(lambda a, b: self._applied(rules.logaddexp, [a, b]), xs)
        return ARITHMETIC.get(name) or getattr(self.mpmath, name, None)

    @property
    def undefined(self) -> Any:
        return self.mpmath.nan

    def apply(self, row: Operation, numbers: Sequence[Any]) -> Any:
        return self.precisely(lambda: super(_MPMath, self).apply(row, numbers))

    def _applied(self, row: Operation, numbers: Sequence[Any]) -> Any:
        infinite = isinstance(row, Unary) and not is_own(row) and not self.mpmath.isfinite(*numbers)
        if infinite and type(numbers[0]) is self.mpmath.mpf:
            found = row.forward(float(*numbers))
            if not math.isfinite(found) or found.is_integer():  # and so exact; mpmath's words differ there
                return self.lift(found)
        return super()._applied(row, numbers)

    def precisely(self, compute: Callable[[], Any]) -> Any:
        """Compute with more and more bits, until two results agree in those that are wanted."""
        if self._more:
            return compute()
        mp = self.mpmath.mp
        bits, self._more, before = mp.prec, True, None
        try:
            for more in (20, 60, 180, 540, 1620):
                mp.prec = bits + more
                found = compute()
                if not isinstance(unwrapped(found), (self.mpmath.mpf, self.mpmath.mpc)):
                    return found
                if before is not None and not _differ(unwrapped(found), before, bits):
                    break
                before = unwrapped(found)
        finally:
            mp.prec, self._more = bits, False
        return OtherNumber(self, +found.number) if isinstance(found, OtherNumber) else +found

    def check(self, result: Any) -> Any:
        if isinstance(result, self.mpmath.mpc):
            raise ValueError
        return self.mpmath.mp.convert(self.one_of((self.mpmath.mpf, int), result))


def _differ(a: Any, b: Any, bits: int) -> bool:
    return bool(abs(a - b) * 2**bits > abs(a))  # not of nan and infinities


class _ComplexMPMath(_MPMath):
    noun = "an mpc of mpmath"
    stable = HOLOMORPHIC | HIGHER

    def lift(self, number: float) -> Any:
        return self.mpmath.mpc(number)

    def word(self, name: str) -> Any:
        if name == "psi":  # whose order is lifted with the other literals
            return lambda order, x: self.mpmath.psi(int(order.real), x)
        return None if name in REAL else super().word(name)

    def check(self, result: Any) -> Any:
        return self.mpmath.mpc(self.one_of((self.mpmath.mpc, self.mpmath.mpf, int), result))


class _Interval(Kind):
    noun = "an interval"

    def lift(self, number: float) -> Any:
        return _intervals.interval(number)

    def word(self, name: str) -> Any:
        return _intervals.pi() if name == "pi" else _intervals.WORDS.get(name) or ARITHMETIC.get(name)

    @property
    def undefined(self) -> Any:
        return _intervals.interval([-math.inf, math.inf])

    def power(self, a: Any, b: Any) -> Any:
        return _intervals.raised(a, b)

    def check(self, result: Any) -> Any:
        import mpmath

        if isinstance(result, mpmath.iv.mpc):
            raise ValueError
        return mpmath.iv.convert(self.one_of((mpmath.iv.mpf, int), result))

    def _applied(self, row: Operation, numbers: Sequence[Any]) -> Any:
        try:
            return super()._applied(row, numbers)
        except ValueError as error:
            if is_own(row) and not error.args:  # what float(...) of an interval raises
                raise TypeError("its function takes floats") from error
            raise ValueError(*error.args) from error  # not of a class of mpmath

    def truth(self, condition: Any) -> Any:
        return condition if condition is None or isinstance(condition, bool) else _intervals.truth(condition)

    def number(self, truth: Any) -> Any:
        return _intervals.interval([0, 1]) if truth is None else super().number(truth)

    def choose(self, condition: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        truth = self.truth(condition)
        return _intervals.hull(a(), b()) if truth is None else a() if truth else b()


class _SymPy(Kind):
    noun = "an expression of SymPy"
    unfit = (*Kind.unfit, ValueError, LookupError)  # of what cannot be compared; outside of a domain it returns nan

    @property
    def sympy(self) -> Any:
        import sympy

        return sympy

    def lift(self, number: float) -> Any:
        if number != number or number - number != 0.0:
            return self.sympy.nan if number != number else self.sympy.oo if number > 0.0 else -self.sympy.oo
        over, under = number.as_integer_ratio()
        return self.sympy.Rational(over, under) if under < 2**20 else self.sympy.Float(number)

    def word(self, name: str) -> Any:
        sympy = self.sympy
        others = {
            **{"abs": sympy.Abs, "max": sympy.Max, "min": sympy.Min, "ceil": sympy.ceiling, "psi": sympy.polygamma},
            "expm1": lambda x: sympy.exp(x) - 1,
            "hyp0f1": lambda b, x: sympy.hyper([], [b], x),
        }
        return others.get(name) or ARITHMETIC.get(name) or getattr(sympy, name, None)

    def check(self, result: Any) -> Any:
        return self.sympy.sympify(self.one_of((self.sympy.Expr, int, float), result))

    def truth(self, condition: Any) -> Any:
        # Not all that is a Boolean to SymPy: a symbol is one too.
        logical = (bool, self.sympy.core.relational.Relational, self.sympy.logic.boolalg.BooleanAtom)
        relation = condition if isinstance(condition, logical) else self.sympy.Ne(condition, 0)
        return bool(relation) if relation in (True, False) else relation

    def number(self, truth: Any) -> Any:
        return self.choose(truth, lambda: self.lift(1.0), lambda: self.lift(0.0))

    def choose(self, condition: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        truth = self.truth(condition)
        return (a() if truth else b()) if isinstance(truth, bool) else self.sympy.Piecewise((a(), truth), (b(), True))


UNDEFINED_BEYOND = {rules.ieee_log, rules.ieee_power}  # their domains, where floats have nan in derivatives
ARITHMETIC: Mapping[str, Any] = {"abs": abs, "max": max, "min": min, "sum": sum, "len": len, "zip": zip, "range": range}
_ROUNDING: Mapping[str, Any] = {"floor": math.floor, "ceil": math.ceil, "sign": lambda x: (x > 0) - (x < 0)}
REAL = {"abs", "max", "min", "sign", "floor", "ceil", "re", "atan2", "erfinv"}  # words that are not holomorphic
# Conditions, and what is the same for all kinds.
SPECIAL: dict[Operation, Callable[..., Any]] = {
    rules.less: lambda kind, a, b: kind.number(kind.truth(a < b)),
    rules.less_equal: lambda kind, a, b: kind.number(kind.truth(a <= b)),
    rules.either: lambda kind, a, b: kind.choose(
        a, lambda: kind.lift(1.0), lambda: kind.choose(b, lambda: kind.lift(1.0), lambda: kind.lift(0.0))
    ),
    rules.where: lambda kind, condition, a, b: kind.choose(condition, lambda: a, lambda: b),
    rules.detached: lambda kind, x: x,
    rules.largest: lambda kind, *xs: kind.lift(_shift(xs)),
}


def _shift(xs: Sequence[Any]) -> float:
    """Return a float for the largest operand, the shift of softmax: any number will do, since it cancels."""
    try:
        found = max(float(getattr(x, "mid", x).real) for x in xs)
    except (AttributeError, TypeError, ValueError):  # of formulas
        return 0.0
    return found if math.isfinite(found) or found in xs else 0.0  # of numbers beyond floats


class OtherNumber(Arithmetic):
    """A number of another kind as an operand of the table's operations."""

    __slots__ = ("kind", "number")
    noun = "number of another kind than float"
    unbounded = True  # see `table`

    def __init__(self, kind: Kind, number: Any) -> None:
        self.kind = kind
        self.number = number

    @property
    def is_zero(self) -> OtherNumber:
        """Whether the number is 0, as 1 or 0."""
        return 1.0 - self.is_nonzero  # type: ignore[no-any-return]

    @property
    def is_nonzero(self) -> OtherNumber:
        """Whether the number is other than 0, as 1 or 0."""
        return OtherNumber(self.kind, self.kind.number(self.kind.truth(self.number)))

    @staticmethod
    def _operate(row: Operation, operands: Sequence[Any]) -> OtherNumber:
        kind = next(x.kind for x in operands if isinstance(x, OtherNumber))
        if kind is _INTERVALS and row is rules.mul and operands[0] is operands[1]:  # one number, not any two of it
            row, operands = rules.power_of.member(2.0), operands[:1]
        return OtherNumber(kind, kind.apply(row, [_unwrapped(x, kind) for x in operands]))

    @staticmethod
    def _choose(where: Where, condition: OtherNumber, a: Any, b: Any) -> OtherNumber:
        kind = condition.kind
        sides = [lambda side=side: _unwrapped(where.side(side), kind) for side in (a, b)]
        return OtherNumber(kind, kind.choose(condition.number, *sides))


def _unwrapped(number: Any, kind: Kind) -> Any:
    return number.number if isinstance(number, OtherNumber) else kind.of(number)


class _Lifting(ast.NodeTransformer):
    """Have the literals of a formula lifted, and its conditional expressions chosen by the kind."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:  # the name that ast calls
        return ast.Call(ast.Name("lift", ast.Load()), [node], [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Pow) and _is_integer(node.right):  # a power of any kind of number
            return ast.BinOp(self.visit(node.left), node.op, node.right)
        operands = [self.visit(node.left), self.visit(node.right)]
        if isinstance(node.op, ast.Pow):
            return ast.Call(ast.Name("power", ast.Load()), operands, [])
        return ast.BinOp(operands[0], node.op, operands[1])

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        nothing = ast.arguments([], [], None, [], [], None, [])
        sides = [ast.Lambda(nothing, self.visit(side)) for side in (node.body, node.orelse)]
        return ast.Call(ast.Name("choose", ast.Load()), [self.visit(node.test), *sides], [])


def _is_integer(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_integer(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


@lru_cache(maxsize=1024)
def _compiled(definition: str) -> tuple[Any, tuple[str, ...]]:
    """Return the code of a definition, and the names in it that are neither operands nor variables of its loops."""
    tree = ast.parse(definition, mode="eval")
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    names = tuple(dict.fromkeys(node.id for node in found if node.id not in bound))
    return compile(ast.fix_missing_locations(_Lifting().visit(tree)), "a definition", "eval"), names


_FRACTIONS, _COMPLEX, _MPF, _MPC, _INTERVALS, _EXPRESSIONS = (
    Kind(), _Complex(), _MPMath(), _ComplexMPMath(), _Interval(), _SymPy()
)  # fmt: skip


def kind_of(number: Any) -> Kind | None:
    """Return the kind of a number; None where the rows take it as it is: a plain one, an array, a Value."""
    if isinstance(number, Fraction):
        return _FRACTIONS
    if isinstance(number, (float, int)) or hasattr(type(number), "_operate"):
        return None
    numpy, mpmath, sympy = (sys.modules.get(name) for name in ("numpy", "mpmath", "sympy"))
    if isinstance(number, complex) or (numpy is not None and isinstance(number, numpy.complexfloating)):
        return _COMPLEX
    if mpmath is not None and isinstance(number, mpmath.iv.mpf):
        return _INTERVALS
    if mpmath is not None and isinstance(number, (mpmath.mpf, mpmath.mpc)):
        return _MPF if isinstance(number, mpmath.mpf) else _MPC
    if sympy is not None and isinstance(number, sympy.Expr):
        return _EXPRESSIONS
    if numpy is not None and isinstance(number, numpy.ndarray):
        return None
    try:
        real(number, "evaluate")
    except TypeError:
        raise TypeError(
            "evaluate takes Fractions, intervals (mpmath.iv), complex numbers, mpmath's, expressions of SymPy, NumPy "
            f"arrays, Values and plain numbers, got {with_article(number)}: {number!r}"
        ) from None
    return None


def wrapped(number: Any, kind: Kind) -> Any:
    """Return a number as an operand of the rows."""
    return OtherNumber(kind, kind.check(number) if kind_of(number) is kind else kind.of(number))


def unwrapped(operand: Any) -> Any:
    """Return the number that an operand is."""
    return operand.number if isinstance(operand, OtherNumber) else operand
