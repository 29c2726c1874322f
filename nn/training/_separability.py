"""Separable losses: whether a loss is the mean of the losses of each example, as a program of one example takes it.

A model can hide that it is not: where all outputs begin at 0, a weighted mean is a plain one, and a threshold on the
whole batch may be reached much later. So the loss is asked apart from the model, in two ways. Its graph for some
examples says, for all numbers, whether it is a sum of terms with one example in each; its values at random outputs for
all examples say whether these terms are those of each by itself, whatever place, count or target it goes by.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import autograd
from autograd import Value, no_grad, rules
from autograd.compiler.trace import trace
from autograd.engine import topological_order
from autograd.functions import Structure, flatten
from nn.training.examples import Examples, plain_number
from nn.training.side_effects import state_restored

CLOSE = 1e-9
NO_MEAN = (
    "a loss can be compiled where it is the mean over its examples, as those of nn are; with one of these, the model "
    "computes something else while it is traced, as where it keeps what it computed (a cached_property)"
)
CHANGING = "the model or the loss draws random numbers or changes with each call, which a program would not do again"
SEVERAL = -1  # in place of the number of an example
ADDITIVE = {rules.add, rules.sub, rules.negative, rules.positive, rules.fsum, rules.mean, rules.detached}
PRODUCTS, QUOTIENTS = {rules.mul, rules.dot, rules.ieee_dot}, {rules.divide, rules.ieee_divide}
CHOICES = {rules.where, rules.guard, rules.unguard}


def is_same(found: float, wanted: float) -> bool:
    """Whether two losses agree but for rounding."""
    return math.isclose(found, wanted, rel_tol=CLOSE) or (math.isnan(found) and math.isnan(wanted))


def refusal(count: int, wanted: float, again: float, found: float) -> ValueError:
    """Return the error where the loss of so many examples, computed twice, is not the mean of those of each."""
    if not is_same(again, wanted):
        return ValueError(f"the loss of the same examples is {wanted!r} and then {again!r}; {CHANGING}")
    return ValueError(
        f"the loss of {count} examples at once is {wanted!r}, but the mean of the losses of each is {found!r}; "
        f"{NO_MEAN}"
    )


def check_separable(
    model: Any, loss: Callable[[Any, Any], Any], outputs: Sequence[Any], few: Examples, examples: Examples
) -> tuple[Sequence[Any], list[Any]]:
    """Raise ValueError where a loss is not the mean over its examples; return outputs and targets to ask it again at.

    `outputs`: those of `few`, which are some of the examples. Outputs of a class of one's own, in which the loss finds
    its way, cannot be drawn, nor those that are not nested alike: those of these few are drawn from.
    """
    try:
        flat, read = [*map(_flattened, outputs)], None
    except TypeError:
        flat, read = [*map(_flattened, few.x)], model
    if read is None and all(structure == flat[0][1] for _, structure in flat):
        drawn = _check_values(model, loss, flat, few, examples)
    else:
        drawn = []
    if not drawn:
        _check_repeated(model, loss, outputs, examples)
    _check_graph(lambda *given: loss([*(given if read is None else map(read, given))], few.y), flat)
    return drawn or outputs, few.y


def _check_repeated(model: Any, loss: Callable[[Any, Any], Any], outputs: Sequence[Any], examples: Examples) -> None:
    """Raise ValueError where a loss of draws from these outputs, and all targets, is not the mean of those of each."""
    count = max(3, len(examples.targets))
    drawn = random.Random(0).choices(outputs, k=count)  # in turn, those a period apart would be the same
    pairs = [(output, examples.targets[i % len(examples.targets)]) for i, output in enumerate(drawn)]

    def at_once(some: Sequence[tuple[Any, Any]]) -> float:
        return plain_number(loss([output for output, _ in some], [target for _, target in some]), "a loss")

    with no_grad(), state_restored(model, loss):
        try:
            each = [at_once([pair]) for pair in pairs]
            wanted = {some: at_once(pairs[:some]) for some in (count, 3, 2)}
        except Exception:  # a target may belong to its own output alone
            return
        for some, at_all in wanted.items():
            found = math.fsum(each[:some]) / some
            if abs(found - at_all) > CLOSE * math.fsum(map(abs, each[:some])) / some:  # not where one is nan
                raise refusal(some, at_all, at_once(pairs[:some]), found)


def _flattened(thing: Any) -> tuple[list[float], Structure]:
    numbers, structure = flatten(thing)
    return [*map(plain_number, numbers)], structure


def _check_graph(of_several: Callable[..., Any], examples: Sequence[Any]) -> None:
    """Raise ValueError where what a function computes of several examples, flattened, is no sum of terms of each."""
    traced = trace(of_several, examples, [""] * len(examples))
    of: dict[Any, int | None] = {leaf: i for i, leaves in enumerate(traced.inputs) for leaf in leaves}
    for node in topological_order(*traced.outputs):
        if node.op is None:
            continue
        parts = [of.get(parent) for parent in node.parents]
        found = {part for part in parts if part is not None}
        of[node] = SEVERAL if len(found) > 1 else next(iter(found), None)
        if of[node] == SEVERAL and not _is_sum_of_terms(node.op, parts):
            raise ValueError(
                f"the loss computes {node.op.name} of several examples at once, where a mean only has sums; {NO_MEAN}"
            )


def _is_sum_of_terms(op: Any, parts: Sequence[int | None]) -> bool:
    """Whether an operation on several examples is a sum of terms of each; None stands for what depends on none."""
    half = len(parts) // 2
    pairs = zip(parts[:half], parts[half:], strict=True)
    return (
        op in ADDITIVE
        or (op in CHOICES and parts[0] is None)
        or (op in QUOTIENTS and parts[1] is None)
        or (op in PRODUCTS and all(None in (one, other) or one == other != SEVERAL for one, other in pairs))
    )


def _check_values(
    model: Any, loss: Callable[[Any, Any], Any], flat: Sequence[Any], few: Examples, examples: Examples
) -> list[Any]:
    """Raise ValueError where a loss of random outputs, nested like these, is not the mean of those of each example.

    Return those that were drawn for the few; none where the loss is not defined for any. Where random outputs are
    outside of its domain, it is asked closer to the given ones.
    """
    import numpy as np

    (_, structure), targets, rows = flat[0], examples.targets, examples.arrays[1]

    def single(output: Any, target: Any) -> Any:
        with state_restored(model, loss):
            return loss([structure.unflatten(output.tolist())], [target])

    def nested(drawn: Any) -> list[Any]:
        """Return outputs as a model has them: Values, of which a loss may call methods."""
        return [structure.unflatten([*map(Value, numbers)]) for numbers in drawn.tolist()]

    def at_once(drawn: Any, some: Any) -> float:
        with no_grad():
            return plain_number(loss(nested(drawn), [targets[i] for i in some]), "a loss")

    program = autograd.compile(single, batched=("output", "target"), backend="numpy")

    def compared(drawn: Any, some: Any) -> bool:
        """Whether the loss is defined there, for two examples at least, and then is the mean."""
        try:
            wanted = at_once(drawn, some)
        except Exception:  # outside of a domain, or of code that takes no such outputs
            return False
        try:
            losses = program.each(drawn, rows.take(some))
        except (TypeError, OverflowError, LookupError, AttributeError):
            return False
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(
                f"the loss of {len(some)} examples at once is {wanted!r}, but that of one by itself is not defined: "
                f"{error}; {NO_MEAN}"
            ) from error
        finite = np.isfinite(losses)
        if not finite.all():
            return finite.sum() > 1 and compared(drawn[finite], some[finite])
        found = float(losses.mean())
        if math.isfinite(wanted) and abs(found - wanted) > CLOSE * abs(losses).mean():
            raise refusal(len(some), wanted, at_once(drawn, some), found)
        return math.isfinite(wanted)

    base = np.array([numbers for numbers, _ in flat])
    everyone = np.resize(np.arange(len(targets)), max(3, len(targets)))
    for drawn in _draws(np.resize(base, (len(everyone), base.shape[1])), rows.rows, np):
        if all(compared(drawn[:count], everyone[:count]) for count in (len(everyone), 3, 2)):
            return nested(drawn[few.numbers])
    return []


def _draws(base: Any, targets: Any, np: Any) -> Iterator[Any]:
    """Yield random outputs: around these, some far from the targets; then closer to them, where it must be."""
    chance = np.random.default_rng(0)
    draw = chance.standard_normal(base.shape)
    size = abs(np.concatenate([base, targets], axis=None))
    far = 3.0 * size[np.isfinite(size)].max(initial=1.0)
    yield base + draw * np.where(chance.random((len(base), 1)) < 0.5, far, 1.0)
    yield base + draw
    for width in (0.1, 1e-3):
        yield base * (1.0 + width * draw)
