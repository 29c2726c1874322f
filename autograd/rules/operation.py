"""Operation, a row of the table: a name, a forward function, and one partial derivative for each operand.

An `Operation` is called like the function it stands for, and its operands decide what happens: floats give a float,
NumPy arrays are taken element by element, and a number that defines `_operate` (a Value does) says itself how an
operation applies to it. So a partial derivative that is written with operations can be read with floats, with arrays,
and with Values, and is then differentiable in its turn.
"""

from __future__ import annotations

import functools
import keyword
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from autograd.rules.operands import elements, is_misread, real

if TYPE_CHECKING:
    from numpy.typing import NDArray

Edges = dict[tuple[float, ...], tuple[float, ...]]


T = TypeVar("T", covariant=True)


class Operable(Protocol[T]):
    """A number that says itself how an operation applies to it: the result is a T, of a Value and its kinds a Value."""

    def _operate(self, operation: Any, operands: Sequence[Any]) -> T: ...


NOT_GIVEN: Any = Parameter.empty  # in place of an operand that was not given; signatures show no default for it
# What a function raises outside of its domain; one of one's own too, such as a look-up, a check of its arguments, or a
# solver that does not converge.
OUT_OF_DOMAIN = (ValueError, ArithmeticError, LookupError, AssertionError, RuntimeError)
REMEDIES = {
    "log": "; write log10(x), log2(x), or log(x) / log(base)",
    "maximum": "; write functools.reduce(maximum, xs) for the largest of many",
    "minimum": "; write functools.reduce(minimum, xs) for the smallest of many",
}


class Slope:
    """A derivative that is no number but a linear map, or more than one: the masks and zeros of the table."""


class _RowSignature:
    """The signature of a row as the function it stands for, in place of that of its `__call__`."""

    def __get__(self, row: Any, kind: type) -> Signature:
        if row is None:  # the class has its own
            raise AttributeError("__signature__")
        return Signature(row.signature_parameters())


def _told(name: str, title: str, definition: str) -> str:
    """Return what an operation is, by its term and its formula, where that is more than a call of itself."""
    return ": ".join(part for part in (title, "" if title and f"{name}(" in definition else definition) if part)


class Operation:
    """A function of a fixed number of real operands, together with its partial derivatives.

    - `name`: what drawings and messages call it; `template` writes a call of it as Python.
    - `forward(*operands)`: floats in, a float out; raises where the function is not defined.
    - `partials`: for each operand a function of `(y, *operands)`, where `y` is the result.
    - `vectorized`: whether the functions of a user's own operation also take NumPy arrays, element by element.
    - `definition` and `domain`: what the function is and where it is defined, as a textbook writes it, in the
      `arguments`: x, or a, b, c, or x1, x2, ... where no others are given, by which messages call the operands too.
    - `edges`: the derivatives chosen where it has none of its own, by operands.
    - `title`: the term of the field for it, by which it is found in the help; "" where it has none.

    >>> from autograd import tanh
    >>> tanh(0.0), tanh.partials[0](0.0, 0.0)
    (0.0, 1.0)
    """

    __signature__ = _RowSignature()
    _passed: Any = Parameter.POSITIONAL_ONLY  # how operands are

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        *partials: Callable[..., Any],
        template: str = "",
        definition: str = "",
        domain: str = "",
        edges: Edges | None = None,
        arguments: Sequence[str] = (),
        title: str = "",
    ) -> None:
        self.name = name
        self.title = title
        self.forward = forward
        self.partials = partials
        number = len(partials)
        self.arity: int | None = number  # None: any number of operands
        usual = "x" if number == 1 else "abc"[:number] if number <= 3 else [f"x{i + 1}" for i in range(number)]
        self.arguments: Sequence[str] = arguments or usual
        self.template = template or f"{identifier(name)}({', '.join('{}' for _ in partials)})"
        self.definition = definition or self.expression(*self.arguments)
        self.domain = domain
        self.edges = edges or {}
        self.family: tuple[Family, float] | None = None
        self.vectorized = False
        self.__doc__ = f"Return {_told(name, title, self.definition)}, for {domain or 'real operands'}."

    def signature_parameters(self) -> list[Parameter]:
        """Return the parameters of the function, as `inspect` has them."""
        return [Parameter(name, self._passed) for name in self.arguments]

    @overload  # without an operand, which is an error, all of these would match
    def __call__(self, *operands: float) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *operands: Operable[T] | float) -> T: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *operands: NDArray[Any] | Operable[Any] | float) -> NDArray[Any]: ...
    def __call__(self, *operands: Any) -> Any:
        """Apply the operation to its operands."""
        if len(operands) != len(self.partials):
            raise self.wrong_number(*operands)
        return self.apply(operands)

    def wrong_number(self, *operands: Any) -> TypeError:
        """Return the error of a call with so many operands, of which those that are missing are `NOT_GIVEN`."""
        found, wanted = sum(operand is not NOT_GIVEN for operand in operands), len(self.partials)
        wanted_operands = f"{wanted} operand{'' if wanted == 1 else 's'}"
        return TypeError(f"{self.name} takes {wanted_operands}, got {found}{REMEDIES.get(self.name, '')}")

    def apply(self, operands: Sequence[Any]) -> Any:
        """Apply the operation to floats, to arrays, or as the first operand that defines `_operate` says."""
        numpy = sys.modules.get("numpy")
        if numpy is not None and any(isinstance(operand, numpy.ndarray) for operand in operands):
            return _elementwise(self, operands)
        for operand in operands:
            if hasattr(type(operand), "_operate"):
                return operand._operate(self, operands)
        return self.evaluate([real(operand, self.name) for operand in operands])

    def evaluate(self, operands: Sequence[float]) -> float:
        """Return the function's value at floats; the error where it has none says why."""
        try:
            y = self._forward(operands)
        except OUT_OF_DOMAIN as error:
            raise self.explain(error, operands) from None
        return y if type(y) is float else real(y, f"the result of {self.name}")

    def _forward(self, operands: Sequence[float]) -> Any:
        return self.forward(*operands)

    def derivatives(self, y: Any, operands: Sequence[Any]) -> Sequence[Any]:
        """Return the partial derivative for each operand, where the operation gave `y`."""
        return [partial(y, *operands) for partial in self.partials]

    def checked(self, position: int) -> Callable[..., Any]:
        """Return a partial derivative that raises TypeError where it returns no number of its operands' kind."""
        partial = self.partials[position]
        asker = f"the partial derivative of {self.name} by {self.arguments[position]}"

        def checked(*operands: Any) -> Any:
            found = partial(*operands)
            if type(found) is float or isinstance(found, Slope):
                return found
            for operand in operands:
                if hasattr(type(operand), "_operate"):
                    if hasattr(type(found), "_operate"):
                        return found
                elif getattr(operand, "shape", ()) and hasattr(found, "shape"):  # arrays
                    return found
            return real(found, asker)

        checked.unchecked = partial  # type: ignore[attr-defined]
        return checked

    def explain(self, error: Exception, operands: Sequence[float]) -> Exception:
        """Return an error that says what was asked, where it is defined, and what was found."""
        found = ", ".join(f"{name} = {operand!r}" for name, operand in zip(self.arguments, operands, strict=True))
        if isinstance(error, OverflowError):
            return OverflowError(f"{self.expression(*self.arguments)} is too large for a float, got {found}")
        if self.domain:
            subject = self.name if self.name.isidentifier() else self.expression(*self.arguments)
            explained = type(error)(f"{subject} is defined for {self.domain}, got {found}")
            guarded = f"where({self.domain}, lambda: {self.expression(*self.arguments)}, 0.0)"
            explained.add_note(f"a side of a choice that is a function is called only if it is chosen: {guarded}")
            return explained
        error.add_note(f"in the operation {self.name}, for {found}")
        return error

    def expression(self, *operands: str) -> str:
        """Write the call on operands of these names as a Python expression."""
        return self.template.format(*operands)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.family is not None:
            return _member, self.family
        if variable := _variable(self):
            return _row, (variable,)
        partials = [getattr(partial, "unchecked", partial) for partial in self.partials]
        return functools.partial(own_operation, vectorized=self.vectorized), (self.name, self.forward, *partials)

    def __deepcopy__(self, memo: dict[int, Any]) -> Operation:
        return self


class Unary(Operation):
    """A function of one real number."""

    _passed = Parameter.POSITIONAL_OR_KEYWORD

    @overload  # type: ignore[override]  # one operand
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: Operable[T]) -> T: ...
    @overload
    def __call__(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def __call__(self, x: Any = NOT_GIVEN, *others: Any) -> Any:
        """Apply the operation to its operand."""
        if others or x is NOT_GIVEN:
            raise self.wrong_number(x, *others)
        if type(x) is float:
            try:
                y = self.forward(x)
            except OUT_OF_DOMAIN as error:
                raise self.explain(error, (x,)) from None
            return y if type(y) is float else real(y, f"the result of {self.name}")
        try:
            operate = type(x)._operate
        except AttributeError:
            return self.apply((x,))
        return operate(self, (x,))


class Binary(Operation):
    """A function of two real numbers."""

    _passed = Parameter.POSITIONAL_OR_KEYWORD

    @overload  # type: ignore[override]  # two operands
    def __call__(self, a: float, b: float) -> float: ...
    @overload
    def __call__(self, a: Operable[T], b: Operable[T] | float) -> T: ...
    @overload
    def __call__(self, a: float, b: Operable[T]) -> T: ...
    @overload
    def __call__(self, a: NDArray[Any], b: NDArray[Any] | Operable[Any] | float) -> NDArray[Any]: ...
    @overload
    def __call__(self, a: Operable[Any] | float, b: NDArray[Any]) -> NDArray[Any]: ...
    def __call__(self, a: Any = NOT_GIVEN, b: Any = NOT_GIVEN, *others: Any) -> Any:
        """Apply the operation to its operands."""
        if others or b is NOT_GIVEN:
            raise self.wrong_number(a, b, *others)
        return self.evaluate((a, b)) if type(a) is float and type(b) is float else self.apply((a, b))


S = TypeVar("S")
Side: TypeAlias = "S | Callable[[], S]"  # of a choice


class Where(Operation):
    """The choice between two numbers by a condition, or between two functions that compute them.

    A function as a side, such as `lambda: log(x)`, is called only where it is chosen. Where a condition cannot be known
    yet, since a function is traced or a formula is read, its own `_choose` says what becomes of the sides. `decided`
    and `chosen` are the rows of choices by a plain bool or number: the graph does not know the condition any more.
    """

    _passed = Parameter.POSITIONAL_OR_KEYWORD
    decided: Operation
    chosen: Operation

    @overload  # type: ignore[override]  # a condition and two sides
    def __call__(self, condition: float, a: Side[float], b: Side[float]) -> float: ...
    @overload
    def __call__(
        self, condition: Operable[T] | float, a: Side[Operable[T] | float], b: Side[Operable[T] | float]
    ) -> T: ...
    @overload
    def __call__(self, condition: NDArray[Any], a: Side[Any], b: Side[Any]) -> NDArray[Any]: ...
    def __call__(self, condition: Any = NOT_GIVEN, a: Any = NOT_GIVEN, b: Any = NOT_GIVEN, *others: Any) -> Any:
        """Apply the choice."""
        if others or b is NOT_GIVEN:
            raise self.wrong_number(condition, a, b, *others)
        is_array = hasattr(type(condition), "__array__")
        if is_array and condition.shape == ():  # of no dimensions, or one of NumPy's scalars
            condition, is_array = condition[()], False
        if hasattr(type(condition), "_choose"):
            deferred = callable(a) or callable(b)
            return condition._choose(self, condition, a, b) if deferred else self.apply((condition, a, b))
        if is_array:  # of which each element is a condition
            return _elementwise(self, (condition, self.side(a), self.side(b)))
        if not (callable(a) or callable(b)):
            return self.decided.apply((condition, a, b))
        return self.chosen(self.side(a if real(condition, self.name) else b))

    @staticmethod
    def side(side: Any) -> Any:
        """Return a side of the choice as a number, called where it is a function."""
        return side() if callable(side) else side


class NAry(Operation):
    """A function of any number of real operands, given in one sequence or in several of the same length.

    `forward` takes all operands in one sequence, and the one function in `partials` is their gradient: of `(y, xs)`,
    it returns the partial derivative for each of the operands `xs`.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[[Sequence[Any]], Any],
        gradient: Callable[[Any, Sequence[Any]], Sequence[Any]],
        *,
        sequences: int = 1,
        definition: str,
        domain: str = "",
        title: str = "",
    ) -> None:
        self.sequences = sequences
        named = ("xs",) if sequences == 1 else ("a", "b")
        super().__init__(name, forward, gradient, definition=definition, domain=domain, arguments=named, title=title)
        self.arity = None

    @overload  # type: ignore[override]  # sequences of operands
    def __call__(self, *sequences: Iterable[float]) -> float: ...
    @overload
    def __call__(self, *sequences: Iterable[Operable[T] | float]) -> T: ...
    @overload  # for mypy, which finds no T in a list such as [x, 1.0]
    def __call__(self, *sequences: Iterable[Operable[Any] | float]) -> Any: ...
    def __call__(self, *sequences: Iterable[Any]) -> Any:
        """Apply the operation to the operands in the sequences."""
        if len(sequences) != self.sequences:
            wanted = "a sequence" if self.sequences == 1 else f"{self.sequences} sequences"
            raise TypeError(f"{self.name} takes {wanted} of numbers, got {len(sequences)}")
        # The usual ones without a call, which would take a tenth of the time of a short sum.
        operands, *others = [x if isinstance(x, (list, tuple)) else elements(x, self.name) for x in sequences]
        for other in others:
            if len(other) != len(operands):
                lengths = f"{len(operands)} and {len(other)}"
                raise ValueError(f"{self.name} takes sequences of one length, got lengths {lengths}")
            operands = (*operands, *other)
        return self.apply(operands)

    def apply(self, operands: Sequence[Any]) -> Any:
        """Apply the operation to floats, to arrays, or as the first operand that defines `_operate` says."""
        numpy = sys.modules.get("numpy")
        if numpy is not None and any(isinstance(operand, numpy.ndarray) for operand in operands):
            return _elementwise(lambda *numbers: self.apply(numbers), operands)
        for operand in operands:
            if hasattr(type(operand), "_operate"):
                return operand._operate(self, operands)
        return self.evaluate([real(operand, self.name) for operand in operands])

    def _forward(self, operands: Sequence[float]) -> Any:
        return self.forward(operands)

    def derivatives(self, y: Any, operands: Sequence[Any]) -> Sequence[Any]:
        """Return the partial derivative for each operand, where the operation gave `y`."""
        gradient: Sequence[Any] = self.partials[0](y, operands)
        return gradient

    def explain(self, error: Exception, operands: Sequence[float]) -> Exception:
        """Return an error that says what was asked, where it is defined, and what was found."""
        found = f"{len(operands)} operands" if operands else "none"
        extent = ""
        with suppress(TypeError):  # of complex numbers, which have no order
            extent = f" between {min(operands)!r} and {max(operands)!r}" if operands else ""
        if isinstance(error, OverflowError):
            return OverflowError(f"{self.name} is too large for a float, got {found}{extent}")
        if operands:
            return type(error)(f"{self.name} adds up inf and -inf, which have no sum, got {found}{extent}")
        return type(error)(f"{self.name} is defined for {self.domain or 'real operands'}, got {found}")

    def expression(self, *operands: str) -> str:
        """Write the call on operands of these names as a Python expression."""
        size = len(operands) // self.sequences
        groups = [operands[start : start + size] for start in range(0, size * self.sequences, size or 1)]
        return f"{self.name}({', '.join('[' + ', '.join(group) + ']' for group in groups)})"


class Family:
    """The unary operations that differ in one constant, such as `x ** 3` or `leaky_relu(x, 0.1)`.

    `member(constant)` returns a member, made once by `make(constant)`; calling the family applies it.
    """

    __signature__ = _RowSignature()

    def __init__(
        self,
        name: str,
        make: Callable[[float], Unary],
        *,
        constant: str,
        default: float | None = None,
        samples: Sequence[float],
        definition: str,
        title: str = "",
    ) -> None:
        self.name = name
        self.title = title
        self.make = make
        self.constant = constant
        self.default = default
        self.samples = samples
        self.member = functools.lru_cache(maxsize=4096)(self._member)
        self.__doc__ = f"Return {_told(name, title, definition)}; the constant is called `{constant}`" + (
            "." if default is None else f", {default} if not given."
        )

    def signature_parameters(self) -> list[Parameter]:
        """Return the parameters of the function, as `inspect` has them."""
        default = Parameter.empty if self.default is None else self.default
        constant = Parameter(self.constant, Parameter.POSITIONAL_OR_KEYWORD, default=default)
        return [Parameter("x", Parameter.POSITIONAL_ONLY), constant]

    def _member(self, constant: float) -> Unary:
        member = self.make(constant)
        member.family = self, constant
        return member

    @overload
    def __call__(self, x: float, constant: float = ..., /, **named: float) -> float: ...
    @overload
    def __call__(self, x: Operable[T], constant: float = ..., /, **named: float) -> T: ...
    @overload
    def __call__(self, x: NDArray[Any], constant: float = ..., /, **named: float) -> NDArray[Any]: ...
    def __call__(self, x: Any = NOT_GIVEN, constant: Any = NOT_GIVEN, /, *others: Any, **named: Any) -> Any:
        """Apply the member with the given constant."""
        if others or x is NOT_GIVEN:
            number = 2 + len(others) if others else 0
            raise TypeError(f"{self.name} takes 1 operand, and {self.constant}, got {number} operands")
        if (unknown := named.keys() - {self.constant}) or (named and constant is not NOT_GIVEN):
            found = ", ".join(sorted(unknown)) or f"{self.constant} twice"
            raise TypeError(f"{self.name} takes x and {self.constant}, got {found}")
        given = named.get(self.constant, self.default if constant is NOT_GIVEN else constant)
        return self.member(real(given, f"{self.constant} of {self.name}"))(x)

    def __repr__(self) -> str:
        return f"<operations {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _row, (_variable(self),)


def identifier(name: str) -> str:
    """Return the name as it can stand in Python: other characters become underscores."""
    letters = "".join(letter if f"a{letter}".isidentifier() else "_" for letter in name)
    return letters if letters.isidentifier() and not keyword.iskeyword(letters) else f"_{letters}"


# Pickled graphs refer to a row of the table by the variable that holds it, and to a member of a family by its constant.


def _variable(row: Operation | Family) -> str | None:
    table = vars(sys.modules["autograd.rules"])
    return next((variable for variable, held in table.items() if held is row), None)


def _row(variable: str) -> Any:
    return getattr(sys.modules["autograd.rules"], variable)


def own_operation(
    name: str, forward: Callable[..., float], *partials: Callable[..., Any], vectorized: bool
) -> Operation:
    """Return an operation of a user's own, whose partial derivatives are checked where they are called."""
    made = Operation(name, forward, *partials)
    made.vectorized = vectorized
    made.partials = tuple(map(made.checked, range(len(partials))))
    return made


def _member(family: Family, constant: float) -> Unary:
    return family.member(constant)


def _elementwise(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """Apply the operation to arrays element by element, with NumPy's broadcasting; floats give an array of floats."""
    import numpy

    if misread := [operand for operand in operands if is_misread(operand)]:
        real(misread[0], getattr(function, "name", "arithmetic"))
    result = numpy.frompyfunc(function, len(operands), 1)(*operands)
    if isinstance(result, numpy.ndarray) and all(isinstance(element, float) for element in result.flat):
        return result.astype(float)
    return result
