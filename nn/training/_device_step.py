"""JAX kernels of training: what the devices compute in a step, as pure functions of arrays.

Inputs, targets and weights have an axis of devices and one of examples. What the devices sum up, loss, right answers
and gradient, is one vector, so one all-reduce is all that they tell each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nn.training.clipping import shrinking
from nn.training.optimizer import Optimizer


class Kernels:
    """The step and the evaluation of a model, from its loss for one example as a function of JAX arrays."""

    def __init__(self, jax: Any, example: Callable[..., Any], optimizer: Optimizer, max_norm: float | None) -> None:
        self.jax, self.example, self.optimizer, self.max_norm = jax, example, optimizer, max_norm
        self.right: Callable[[Any, Any, Any], Any] | None = None
        self.with_gradients = False  # whether an epoch returns that of each step

    def _sums(self, theta: Any, X: Any, Y: Any, weights: Any) -> tuple[Any, Any]:
        """Return the sums of the weighted losses and right answers on one device."""
        jnp, count = self.jax.numpy, len(weights)
        found = self.jax.vmap(self.example, in_axes=(None, 0, 0))(theta, X, Y).reshape(count, -1)
        losses = jnp.where(weights > 0.0, weights * found[:, 0], 0.0)
        right = 0.0
        if self.right is not None:
            right = (weights * self.right(found[:, 1:], Y.reshape(count, -1), jnp)).sum()
        return losses.sum(), right

    def evaluate(self, theta: Any, X: Any, Y: Any, weights: Any) -> Any:
        """Return the mean loss and the share of right answers."""
        jnp = self.jax.numpy
        return self.jax.vmap(lambda *part: jnp.stack(self._sums(theta, *part)))(X, Y, weights).sum(0)

    def step(self, theta: Any, state: Sequence[Any], X: Any, Y: Any, weights: Any, lr: Any, t: Any) -> Any:
        """Return parameters and state after step t, its gradient as it is and clipped, and a report.

        The report has the loss, the right answers, the norm of the gradient, and whether gradient, parameters and each
        state are finite.
        """
        jnp = self.jax.numpy

        def part(*examples: Any) -> Any:
            differentiated = self.jax.value_and_grad(self._sums, has_aux=True)
            (loss, right), gradient = differentiated(theta, *examples)
            return jnp.concatenate([jnp.stack([loss, right]), gradient])

        sums = self.jax.vmap(part)(X, Y, weights).sum(0)
        gradient = sums[2:]
        largest = jnp.abs(gradient).max()
        norm = largest * jnp.linalg.norm(gradient / jnp.where(largest > 0.0, largest, 1.0))
        used = gradient if self.max_norm is None else shrinking(norm, self.max_norm, jnp.minimum) * gradient
        new, *others = [jnp.broadcast_to(part, theta.shape) for part in self._updated(theta, used, state, lr, t)]
        finite = [jnp.isfinite(part).all() for part in (gradient, new, *others)]
        return new, others, gradient, used, jnp.stack([sums[0], sums[1], norm, *finite])

    def epoch(self, theta: Any, state: Sequence[Any], *steps: Any) -> Any:
        """Return parameters, state and gradient after an epoch, its steps' gradients, if asked for, and their reports.

        The other arguments are those of a step, with an axis of the steps in front.
        """

        def one(carried: Any, arguments: Any) -> Any:
            theta, state, _ = carried
            theta, state, gradient, used, report = self.step(theta, state, *arguments)
            return (theta, state, used), (gradient if self.with_gradients else (), report)

        start = theta, list(state), theta
        (theta, others, last), (gradients, reports) = self.jax.lax.scan(one, start, steps)
        return theta, others, last, gradients, reports

    def _updated(self, theta: Any, gradient: Any, state: Sequence[Any], lr: Any, t: Any) -> Any:
        kept = vars(self.optimizer)
        before = dict(kept)
        kept |= {"_steps": t - 1, "_lr": lr}  # a rule may look at these, which are not those of the trace
        try:
            return self.optimizer.rule(lr, t)(theta, gradient, *state)
        except TypeError as error:
            name = type(self.optimizer).__name__
            raise TypeError(
                f"the rule of {name} cannot be traced by JAX: {str(error).splitlines()[0]}; write it with operators, "
                'without a branch on numbers, or train with backend="numpy"'
            ) from error
        finally:
            kept.clear()
            kept.update(before)
