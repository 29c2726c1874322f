"""Functions that SymPy does not have: choices by any condition, numbers without a derivative, a // b and a % b."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

CALL = 70  # the precedence of a call to SymPy's printers
OTHER_PRINTERS = ("_latex", "_octave", "_julia", "_rust_code", "_glsl", "_rcode", "_fcode", "_mcode", "_maple")
PYTHON_PRINTERS = ("_pythoncode", "_mpmathcode", "_lambdacode")


def choice(condition: Any, a: Any, b: Any) -> Any:
    """Return a Piecewise; but of a choice within the condition SymPy would multiply out all ways through both."""
    if condition.has(sympy.Piecewise, Choice):
        return Choice(condition, a, b)
    others = b.args if isinstance(b, sympy.Piecewise) else [(b, True)]
    return sympy.Piecewise((a, condition), *others)


class Choice(sympy.Function):
    """A choice: the second argument where the first one, a condition, holds, and else the third."""

    nargs = 3

    @classmethod
    def eval(cls, condition: Any, a: Any, b: Any) -> Any:
        """Return the side that is known; where SymPy has split the cases, a Piecewise, which it can solve."""
        if condition == sympy.true or condition == sympy.false:
            return a if condition == sympy.true else b
        return None if condition.has(sympy.Piecewise, Choice) else choice(condition, a, b)

    def _eval_derivative(self, by: Any) -> Any:
        condition, a, b = self.args
        return Choice(condition, a.diff(by), b.diff(by))

    def _eval_is_extended_real(self) -> Any:
        return True if all(side.is_extended_real for side in self.args[1:]) else None

    def _eval_is_commutative(self) -> bool:  # the condition, which is no number, does not say
        return all(side.is_commutative for side in self.args[1:])


class Written(sympy.Function):
    """Base class of a function that has derivatives of its own, and else is what `written` returns, an expression."""

    def written(self) -> Any:
        """Return the expression."""
        raise NotImplementedError

    def _eval_expand_func(self, **hints: Any) -> Any:
        return sympy.expand_func(self.written())

    def _eval_as_leading_term(self, x: Any, *others: Any, **named: Any) -> Any:
        return self.written().as_leading_term(x, *others, **named)

    def _eval_nseries(self, x: Any, *others: Any, **named: Any) -> Any:
        return self.written()._eval_nseries(x, *others, **named)


class Shown(Written):
    """Base class of a function that is printed as an expression by SymPy's printers, of formulas too."""

    def shown(self) -> Any:
        """Return the expression."""
        return self.written()

    def _pretty(self, printer: Any) -> Any:
        return printer._print(self.shown())


class Frozen(Shown):
    """The number itself, but its derivative counts as 0, as that of floor does."""

    @classmethod
    def eval(cls, x: Any) -> Any:
        """Return a plain number as it is."""
        return x if x.is_number else None

    def written(self) -> Any:
        """Return the number."""
        return self.args[0]

    def _eval_derivative(self, by: Any) -> Any:
        return sympy.Integer(0)


def _exact(number: Any) -> Any:
    """Return a Float as the fraction that it is, and any other expression as it is."""
    return sympy.Rational(number) if number.is_Float else number


class FloorDivision(Shown):
    """Floor division a // b: SymPy would take the floor of a times the reciprocal of b, and so round before it."""

    nargs = 2

    @classmethod
    def eval(cls, a: Any, b: Any) -> Any:
        """Return the integer below the quotient of plain numbers."""
        return sympy.floor(_exact(a) / _exact(b)) if a.is_number and b.is_number else None

    def written(self) -> Any:
        """Return the floor of the quotient, in fractions."""
        a, b = map(_exact, self.args)
        return sympy.floor(a / b)

    def shown(self) -> Any:
        """Return the floor of the quotient as it is printed, a division."""
        a, b = self.args
        return sympy.floor(sympy.Mul(a, sympy.Pow(b, -1, evaluate=False), evaluate=False), evaluate=False)

    def fdiff(self, argindex: int = 1) -> Any:
        """Return 0, whichever operand this is by."""
        return sympy.Integer(0)

    def _eval_is_extended_real(self) -> Any:
        return True if all(x.is_extended_real for x in self.args) else None


class Modulo(FloorDivision):
    """The modulo a % b, which has the sign of b; SymPy's `Mod` has no derivatives, and another sign in C."""

    @classmethod
    def eval(cls, a: Any, b: Any) -> Any:
        """Return what is left of plain numbers, rounded once."""
        if not (a.is_number and b.is_number):
            return None
        rest = _exact(a) - _exact(b) * FloorDivision(a, b)
        return rest * sympy.Mul(*[x / x for x in (a, b) if x.is_Float and x])  # a Float of as many digits as they have

    def written(self) -> Any:
        """Return a less b times the floor of the quotient, in fractions."""
        a, b = map(_exact, self.args)
        return a - b * super().written()

    def shown(self) -> Any:
        """Return a less b times the floor of the quotient as it is printed, a division."""
        a, b = self.args
        return a - b * super().shown()

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative by an operand."""
        return sympy.Integer(1) if argindex == 1 else -FloorDivision(*self.args)


def _print_by(function: Any, printed: Callable[..., str]) -> None:
    """Have SymPy's printers of code, and so `lambdify`, print a function of ours."""
    for method in (*PYTHON_PRINTERS, "_numpycode", "_ccode", "_cxxcode", "_javascript"):
        setattr(function, method, printed)


def _printed_choice(chosen: Any, printer: Any, *_: Any) -> str:
    condition, a, b = [f"({printer._print(part)})" for part in chosen.args]
    if printer.printmethod == "_numpycode":  # whose select, as for a Piecewise, refuses conditions that are plain bools
        return f"{printer._module_format('numpy.where')}({condition}, {a}, {b})"
    is_python = printer.printmethod in PYTHON_PRINTERS
    return f"({a} if {condition} else {b})" if is_python else f"({condition} ? {a} : {b})"


def _printed_division(term: Any, printer: Any, *_: Any) -> str:
    a, b = [f"({printer._print(part)})" for part in term.args]
    method, wants_rest = printer.printmethod, isinstance(term, Modulo)
    if method in (*PYTHON_PRINTERS, "_numpycode"):
        if method == "_mpmathcode" and not wants_rest:  # whose numbers have no //
            return f"{printer._module_format('mpmath.nint')}(({a} - {a} % {b}) / {b})"
        return f"({a} {'%' if wants_rest else '//'} {b})"
    module = "Math." if method == "_javascript" else getattr(printer, "_ns", "")
    rest = f"({a} % {b})" if method == "_javascript" else f"{module}fmod({a}, {b})"
    below = f"{module}floor({rest} / {b})"  # -1 where the rest, which has the sign of a, has not that of b
    return f"({rest} - {b} * {below})" if wants_rest else f"({module}round(({a} - {rest}) / {b}) + {below})"


_print_by(Choice, _printed_choice)
_print_by(FloorDivision, _printed_division)
_print_by(Written, lambda self, printer, *_: f"({printer._print(self.written())})")
for _method in OTHER_PRINTERS:
    setattr(Shown, _method, lambda self, printer, *_: str(printer.parenthesize(self.shown(), CALL, strict=True)))
