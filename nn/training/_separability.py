"""Separable losses: whether a loss is the mean of the losses of each example, as a program of one example takes it.

A network can hide that it is not: where all outputs begin at 0, a weighted mean is a plain one, and a covariance is
nothing. So the loss is asked apart from the model, with outputs drawn at random, its value and its derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import autograd
from autograd import Value, gradients
from autograd.functions import flatten
from nn.training.examples import plain_number
from nn.training.side_effects import state_restored
from nn.training.splits import Data

ASKED = 32  # examples by whose targets a loss is judged, and more where their targets are of many numbers
RAREST = 4  # values of each number of the targets that are among them
CLOSE = 1e-9
NO_MEAN = "a loss can be compiled where it is the mean over its examples, as those of nn are"
CHANGING = "the model or the loss draws random numbers or changes with each call, which a program would not do again"


def is_same(found: float, wanted: float) -> bool:
    """Whether two losses agree but for rounding."""
    return math.isclose(found, wanted, rel_tol=CLOSE) or (math.isnan(found) and math.isnan(wanted))


def refusal(count: int, wanted: float, again: float, found: float, what: str = "loss") -> ValueError:
    """Return the error where the loss of so many examples, computed twice, is not the mean of those of each."""
    if not is_same(again, wanted):
        return ValueError(f"the {what} of the same examples is {wanted!r} and then {again!r}; {CHANGING}")
    return ValueError(
        f"the {what} of {count} examples at once is {wanted!r}, but the mean of the losses of each is {found!r}; "
        f"{NO_MEAN}"
    )


def check_separable(
    model: Any, loss: Callable[[Any, Any], Any], outputs: Sequence[Any], targets: Data, rows: Any
) -> None:
    """Raise ValueError where a loss of random outputs, nested like these, is not the mean of those of each example.

    `rows`: the targets, flattened. Where random outputs are outside of the loss's domain, it is asked closer to these.
    A loss that takes none of them, as one that looks at more than outputs, is left to the comparison with the model.
    """
    import numpy as np

    chosen = _telling_rows(rows.rows, np)
    try:
        flat = [flatten(output) for output in outputs]
    except TypeError:  # of a class of one's own, in which the loss finds its way
        return
    structure = flat[0][1]
    if not len(chosen) or any(other != structure for _, other in flat):
        return

    def single(output: Any, target: Any) -> Any:
        with state_restored(model, loss):
            return loss([structure.unflatten(output.tolist())], [target])

    def at_once(drawn: Any, some: Any) -> tuple[float, Any]:
        leaves = [[*map(Value, row)] for row in drawn.tolist()]
        total = loss([*map(structure.unflatten, leaves)], [targets[i] for i in some])
        return total.data, np.reshape(gradients(total, [leaf for row in leaves for leaf in row]), drawn.shape)

    program = autograd.compile(single, batched=("output", "target"), backend="numpy")

    def compared(drawn: Any, some: Any) -> bool:
        """Whether the loss is defined there, and then is the mean."""
        count, given = len(drawn), (drawn, rows.take(some))
        try:
            wanted, slopes = at_once(drawn, some)
        except Exception:  # outside of a domain, or of code that takes no such outputs
            return False
        try:
            losses, (found, found_slopes) = program.each(*given), program.value_and_grad(*given)
        except (TypeError, OverflowError, LookupError, AttributeError):
            return False
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(
                f"the loss of {count} examples at once is {wanted!r}, but that of one by itself is not defined: "
                f"{error}; {NO_MEAN}"
            ) from error
        if not (np.isfinite(losses).all() and np.isfinite(slopes).all() and math.isfinite(wanted)):
            return False
        if abs(found - wanted) > CLOSE * abs(losses).mean():
            raise refusal(count, wanted, at_once(drawn, some)[0], found)
        apart = abs(found_slopes - slopes)
        if apart.max() > 10.0 * CLOSE * abs(slopes).max():
            at = np.unravel_index(apart.argmax(), apart.shape)
            again = float(at_once(drawn, some)[1][at])
            raise refusal(count, float(slopes[at]), again, float(found_slopes[at]), "derivative of the loss")
        return True

    base = np.array([[plain_number(x) for x in numbers] for numbers, _ in flat])
    base = np.resize(base, (len(chosen), base.shape[1]))
    for drawn, is_enough in _draws(base, rows.rows[chosen], np):
        asked = [compared(drawn[:count], chosen[:count]) for count in {len(chosen), 2}]
        if is_enough and all(asked):
            return


def _draws(base: Any, targets: Any, np: Any) -> Iterator[tuple[Any, bool]]:
    """Yield random outputs: far from the targets, around these outputs, and closer to them where it must be.

    With each, whether it is enough where the loss is defined there.
    """
    draw = np.random.default_rng(0).standard_normal(base.shape)
    far = 3.0 * max(1.0, abs(base).max(initial=0.0), abs(targets).max(initial=0.0))
    yield base + far * draw, False
    yield base + draw, True
    for width in (0.1, 1e-3):
        yield base * (1.0 + width * draw), True


def _telling_rows(targets: Any, np: Any) -> Any:
    """Return the numbers of the examples by whose targets to judge: all, or extremes, what is rarest, and a spread.

    Two at least, and none whose target is not finite.
    """
    finite = np.flatnonzero(np.isfinite(targets).all(1))
    targets = targets[finite]
    if len(finite) > ASKED:
        parts = [np.arange(0)]
        for column in targets.T[: 2 * ASKED]:
            _, firsts, counts = np.unique(column, return_index=True, return_counts=True)
            parts += [firsts[[0, -1]], firsts[counts.argsort(kind="stable")[:RAREST]]]
        spread = np.linspace(0, len(finite) - 1, ASKED // 2).astype(int)
        telling = [*dict.fromkeys([*np.concatenate(parts)[: 4 * ASKED].tolist(), *spread.tolist()])]
        finite = finite[telling]
    return np.resize(finite, max(2, len(finite))) if len(finite) else finite
