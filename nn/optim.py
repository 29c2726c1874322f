"""Optimisers: how gradients change parameters."""

from __future__ import annotations

from collections.abc import Iterable

from autograd import Value


class SGD:
    """Gradient descent: each `step()` is p <- p - lr dL/dp. On batches of examples it is the stochastic one.

    `lr` is the learning rate, and may be assigned between steps.

    >>> x = Value(3.0)
    >>> optimizer = SGD([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.data, 12)
    2.4
    """

    def __init__(self, parameters: Iterable[Value], lr: float = 0.1) -> None:
        self.parameters = list(parameters)
        if not 0.0 < lr < float("inf"):
            raise ValueError(f"lr, the learning rate, is above 0 and finite, got {lr!r}")
        self.lr = lr

    def step(self) -> None:
        """Change each parameter against its gradient."""
        for parameter in self.parameters:
            parameter.data -= self.lr * parameter.grad

    def zero_grad(self) -> None:
        """Forget the gradients, before the next ones add to them."""
        for parameter in self.parameters:
            parameter.zero_grad()
