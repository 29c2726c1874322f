"""Targets of a loss: what is allowed for them, and the pairing of each with its output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from autograd import Value
from autograd.rules import elements, how_to_list, real
from nn.training.checks import plain


class TargetKind(NamedTuple):
    """Checks of the targets of a loss, where they are plain numbers."""

    wanted: str
    allows: Callable[[Any], bool]
    remedies: dict[float, str]  # by the target

    def remedy(self, target: Any) -> str:
        """Return what to do about a target that is not allowed."""
        return self.remedies.get(target, MORE_CLASSES) if isinstance(target, (int, float)) else "convert them first"


MORE_CLASSES = "more than two classes are for cross_entropy, and a model with an output for each"
REAL_TARGETS = TargetKind("that are numbers", lambda y: isinstance(y, (int, float)), {})
SIGN_TARGETS = TargetKind("of -1 or 1", lambda y: y in (-1, 1), {0: "write 2 * y - 1 for classes y of 0 and 1"})
PROBABILITY_TARGETS = TargetKind(
    "from 0 to 1",
    lambda y: isinstance(y, (int, float)) and 0.0 <= y <= 1.0,
    {-1: "write (y + 1) / 2 for classes y of -1 and 1"},
)


def sum_to_one(probabilities: Sequence[Any]) -> Any:
    """Whether the probabilities of all classes, numbers or a column for each class, sum to 1.

    >>> sum_to_one([0.5, 0.25, 0.25]), sum_to_one([0.5, 0.25])
    (True, False)
    """
    return abs(sum(probabilities) - 1.0) <= 1e-6


def paired(outputs: Any, targets: Any, asker: str, kind: TargetKind = REAL_TARGETS) -> Iterator[tuple[Any, Any]]:
    """Yield each output number with its target."""
    for i, (output, target) in enumerate(examples_with_targets(outputs, targets, asker)):
        target = plain(target)
        if type(output) not in (Value, float, int):
            output = plain(output)
            if not (isinstance(output, list) or hasattr(type(output), "_operate")):
                real(output, asker)
        if isinstance(output, list) != isinstance(target, list):
            column, several = "write y[:, 0], or df['y'], for one column", "write a list with a target for each output"
            raise TypeError(
                f"{asker} takes a target of the same shape as the output, got {target!r:.60} for {output!r:.60}; "
                f"{how_to_list(target) or (column if isinstance(target, list) else several)}"
            )
        if isinstance(output, list):
            if len(output) != len(target):
                raise ValueError(
                    f"{asker} takes one target for each output, got {len(output)} outputs and {len(target)} targets in "
                    f"example {i}"
                )
            yield from paired(output, target, asker, kind)
        elif isinstance(target, Value) or kind.allows(target):
            yield output, target
        else:
            raise ValueError(f"{asker} takes targets {kind.wanted}, got {target!r:.60}; {kind.remedy(target)}")


def examples_with_targets(outputs: Any, targets: Any, asker: str) -> Iterator[tuple[Any, Any]]:
    """Return the pairs of an output and its target, one for each example."""
    outputs, targets = plain(outputs), plain(targets)
    outputs, targets = (
        part if isinstance(part, list) else elements(part, asker, f"a sequence of {name}, one for each example")
        for name, part in (("outputs", outputs), ("targets", targets))
    )
    if len(outputs) != len(targets):
        raise ValueError(f"{asker} takes one target for each output, got {len(outputs)} and {len(targets)}")
    if not outputs:
        raise ValueError(f"{asker} takes at least one example: mean is defined for at least one operand, got none")
    return zip(outputs, targets, strict=True)
