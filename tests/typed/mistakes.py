"""Mistakes that both type checkers report: an `ignore` that is not needed is an error of its own."""

# pyright: basic, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from autograd import Value, compile, grad, no_grad, sin, where
from nn import MLP, Layer, Neuron


def cubic(x: Value) -> Value:
    return x**3


@no_grad()
def doubled(x: Value) -> Value:
    return 2 * sin(x)


def mistakes(a: Value, model: MLP) -> None:
    a.bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    a.tahn()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    a.tanh().grda  # type: ignore[attr-defined] # pyright: ignore # noqa: B018
    (a * 2).exp(3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Value("2")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Value(2.0, lable="a")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Value(2.0, (a,), "+")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    sin("2")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    sin(a).bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    where(a > 0, a, 0.0).bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    doubled("2")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    doubled(a).bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    grad(cubic)("2")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    grad(cubic)(2.0).backward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    compile(cubic).value_and_gard(2.0)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    compile(a).bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    model([1.0]).bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    Neuron(1)([1.0]).bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    Layer(1, 2)([1.0]).bakward()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    Neuron(1, nonlin=False)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
