"""Signatures of derivatives for type checkers: what `grad` and `value_and_grad` return for which function.

The derivative of a function has the function's own signature and the type of its first argument. Where the function is
written for a Value or a list of them, it also takes floats, and then returns floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from autograd.engine import Value

A = TypeVar("A", bound=Any)
R = TypeVar("R")
P = ParamSpec("P")
X = TypeVar("X", contravariant=True)
Y = TypeVar("Y", covariant=True)
Z = TypeVar("Z", covariant=True)


class Gradient(Protocol[X, Y, P]):
    """The type of `grad(f)` for a function of an X: it returns the gradient of type Y, which is X."""

    @overload
    def __call__(self: Gradient[Value, Any, P], x: Value, /, *args: P.args, **keywords: P.kwargs) -> Value: ...
    @overload
    def __call__(self: Gradient[Value, Any, P], x: float, /, *args: P.args, **keywords: P.kwargs) -> float: ...
    @overload
    def __call__(
        self: Gradient[list[Value], Any, P], x: list[Value], /, *args: P.args, **keywords: P.kwargs
    ) -> list[Value]: ...
    @overload
    def __call__(
        self: Gradient[list[Value], Any, P], x: list[float], /, *args: P.args, **keywords: P.kwargs
    ) -> list[float]: ...
    @overload
    def __call__(self, x: X, /, *args: P.args, **keywords: P.kwargs) -> Y: ...
    def __call__(self, x: Any, /, *args: Any, **keywords: Any) -> Any:
        """Return the gradient."""


class ValueAndGradient(Protocol[X, Y, Z, P]):
    """The type of `value_and_grad(f)` for a function of an X: a Z, and the gradient of type Y, which is X."""

    @overload
    def __call__(
        self: ValueAndGradient[Value, Any, Any, P], x: Value, /, *args: P.args, **keywords: P.kwargs
    ) -> tuple[Value, Value]: ...
    @overload
    def __call__(
        self: ValueAndGradient[Value, Any, Any, P], x: float, /, *args: P.args, **keywords: P.kwargs
    ) -> tuple[float, float]: ...
    @overload
    def __call__(
        self: ValueAndGradient[list[Value], Any, Any, P], x: list[Value], /, *args: P.args, **keywords: P.kwargs
    ) -> tuple[Value, list[Value]]: ...
    @overload
    def __call__(
        self: ValueAndGradient[list[Value], Any, Any, P], x: list[float], /, *args: P.args, **keywords: P.kwargs
    ) -> tuple[float, list[float]]: ...
    @overload
    def __call__(self, x: X, /, *args: P.args, **keywords: P.kwargs) -> tuple[Z, Y]: ...
    def __call__(self, x: Any, /, *args: Any, **keywords: Any) -> Any:
        """Return the value and the gradient."""
