"""Penalised losses (regularisation): a loss, and a term beside it that keeps the parameters small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from numbers import Real
from typing import Any

from autograd import Value
from nn.training.checks import is_function


def with_penalty(loss: Callable[..., Any], penalty: Any, parameters: Sequence[Value]) -> Callable[[Any, Any], Any]:
    """Return the sum of a loss and a penalty, which is a function of the parameters, or of nothing.

    >>> from nn import l2, mse
    >>> weights = [Value(3.0), Value(4.0)]
    >>> for penalty in (l2, lambda p: 0.1 * l2(p), lambda: 0.1 * l2(weights)):
    ...     with_penalty(mse, penalty, weights)([1.0], [2.0])
    Value(data=26.0, grad=0.0)
    Value(data=3.5, grad=0.0)
    Value(data=3.5, grad=0.0)
    """
    if not is_function(penalty):
        raise TypeError(
            f"penalty is a function of the parameters, or of nothing, called in each step, got {penalty!r:.60}; "
            "write penalty=lambda p: 1e-4 * l2(p)"
        )
    term = penalty if _takes_nothing(penalty) else partial(penalty, parameters)

    def penalised(outputs: Any, targets: Any) -> Any:
        found = term()
        if not isinstance(found, (Value, Real)):
            raise TypeError(f"penalty returns a Value, one number for all parameters, got {found!r:.60}")
        return loss(outputs, targets) + found

    return penalised


def _takes_nothing(penalty: Callable[..., Any]) -> bool:
    try:
        wanted = signature(penalty)
        wanted.bind()
    except (TypeError, ValueError):  # it needs an argument, or is built in and does not tell
        return False
    return all(p.kind is not p.VAR_POSITIONAL for p in wanted.parameters.values())
