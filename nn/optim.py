"""Optimisers: how gradients change parameters. Each is its equation, as in the paper, in the form of torch.optim.

In the equations p is a parameter, dL/dp its gradient, lr the learning rate of the step, and <- sets the new value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from autograd import Value
from nn.training.optimizer import Optimizer, Rate


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (heavy ball), Nesterov momentum and weight decay.

        g <- dL/dp + λ p                 λ: weight_decay
        v <- μ v + g                     μ: momentum, v = 0 at first
        p <- p - lr v                    or, if nesterov, p - lr (g + μ v)

    Without momentum that is p <- p - lr g. Sources: Robbins & Monro 1951, "A Stochastic Approximation Method"; Polyak
    1964, "Some methods of speeding up the convergence of iteration methods"; Sutskever et al. 2013, "On the importance
    of initialization and momentum in deep learning", in the form of torch.optim.

    >>> x = Value(3.0)
    >>> optimizer = SGD([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.data, 12)
    2.4
    """

    remembers = ("velocity",)
    vectorized = True
    momentum: float
    nesterov: bool
    weight_decay: float

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: Rate = 0.1,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
        if nesterov and not momentum:
            raise ValueError(f"nesterov looks ahead along the momentum, so it needs one above 0, got {momentum!r}")

    def rule(self, lr: float, t: int) -> Callable[..., tuple[Any, ...]]:
        """Return the formula of step t."""
        momentum, nesterov, decay = self.momentum, self.nesterov, self.weight_decay

        def update(p: Any, g: Any, v: Any) -> tuple[Any, Any]:
            if decay:
                g = g + decay * p
            if momentum:
                v = momentum * v + g
                g = g + momentum * v if nesterov else v
            return p - lr * g, v

        return update


class Adagrad(Optimizer):
    """Adaptive gradient descent: each parameter has a rate of its own, which falls with the gradients it has seen.

        g <- dL/dp + λ p                 λ: weight_decay
        s <- s + g²                      s = 0 at first
        p <- p - lr g / (√s + ε)         ε: eps

    Source: Duchi, Hazan & Singer 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".

    >>> x = Value(3.0)
    >>> optimizer = Adagrad([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.data, 9)
    2.9
    """

    remembers = ("squares",)
    vectorized = True
    eps: float
    weight_decay: float

    def __init__(
        self, parameters: Iterable[Value], lr: Rate = 0.01, *, eps: float = 1e-10, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, lr, eps=eps, weight_decay=weight_decay)

    def rule(self, lr: float, t: int) -> Callable[..., tuple[Any, ...]]:
        """Return the formula of step t."""
        eps, decay = self.eps, self.weight_decay

        def update(p: Any, g: Any, s: Any) -> tuple[Any, Any]:
            if decay:
                g = g + decay * p
            s = s + g * g
            return p - lr * g / (s**0.5 + eps), s

        return update


class RMSprop(Optimizer):
    """Adaptive gradient descent: each parameter has a rate of its own, by the size of its recent gradients.

        g <- dL/dp + λ p                 λ: weight_decay
        s <- α s + (1 - α) g²            α: alpha, s = 0 at first
        v <- μ v + g / (√s + ε)          μ: momentum, v = 0 at first; ε: eps
        p <- p - lr v

    Source: Tieleman & Hinton 2012, "Neural Networks for Machine Learning", lecture 6.5.

    >>> x = Value(3.0)
    >>> optimizer = RMSprop([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()  # the first step is lr / √(1 - alpha) long
    >>> round(x.data, 6)
    2.0
    """

    remembers = ("squares", "velocity")
    vectorized = True
    alpha: float
    eps: float
    momentum: float
    weight_decay: float

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: Rate = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay)

    def rule(self, lr: float, t: int) -> Callable[..., tuple[Any, ...]]:
        """Return the formula of step t."""
        alpha, eps, momentum, decay = self.alpha, self.eps, self.momentum, self.weight_decay

        def update(p: Any, g: Any, s: Any, v: Any) -> tuple[Any, Any, Any]:
            if decay:
                g = g + decay * p
            s = alpha * s + (1.0 - alpha) * g * g
            step = g / (s**0.5 + eps)
            if momentum:
                v = step = momentum * v + step
            return p - lr * step, s, v

        return update


class Adam(Optimizer):
    """Adaptive moment estimation: descent by moving averages of the gradient and of its square, corrected for bias.

        g <- dL/dp + λ p                 λ: weight_decay
        m <- β₁ m + (1 - β₁) g           β₁, β₂: betas, m = v = 0 at first
        v <- β₂ v + (1 - β₂) g²
        p <- p - lr / (1 - β₁ᵗ) m / (√(v / (1 - β₂ᵗ)) + ε)        t = 1, 2, ...; ε: eps

    Source: Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 1.

    >>> x = Value(3.0)
    >>> optimizer = Adam([x], lr=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()  # the first step is lr long, whatever the gradient
    >>> round(x.data, 6)
    2.9
    """

    remembers = ("mean", "squares")
    vectorized = True
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    decoupled: ClassVar[bool] = False  # whether weight_decay acts on the parameters themselves

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: Rate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def rule(self, lr: float, t: int) -> Callable[..., tuple[Any, ...]]:
        """Return the formula of step t."""
        (beta1, beta2), eps, decay, decoupled = self.betas, self.eps, self.weight_decay, self.decoupled
        size, unbiased = lr / (1.0 - beta1**t), 1.0 - beta2**t

        def update(p: Any, g: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
            if decay and decoupled:
                p = (1.0 - lr * decay) * p
            elif decay:
                g = g + decay * p
            m = beta1 * m + (1.0 - beta1) * g
            v = beta2 * v + (1.0 - beta2) * g * g
            return p - size * m / ((v / unbiased) ** 0.5 + eps), m, v

        return update


class AdamW(Adam):
    """Adam with decoupled weight decay, apart from the gradients, of which the averages would level it out.

        p <- (1 - lr λ) p                λ: weight_decay
        then as Adam, with g <- dL/dp

    Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv:1711.05101, algorithm 2, where λ is
    multiplied by lr as in torch.optim.

    >>> x = Value(3.0)
    >>> optimizer = AdamW([x], lr=0.1, weight_decay=0.5)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.data, 6)  # 3 - 0.1 * 0.5 * 3 - 0.1
    2.75
    """

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: Rate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)
