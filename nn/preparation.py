"""What stands between a table and a network: which columns go in, how they are scaled, and what an output means.

It is found once, on the examples a network is trained on, and belongs to the network ever after: saved beside it, it
lets the network answer for a table it has never seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nn.datasets import Dataset, Standardization, standardization
from nn.examples import number
from nn.metrics import predicted_class
from nn.storage import Saved, StorageError


@dataclass(frozen=True)
class Preparation:
    """The features of a table in order, its target with its classes, and how both are scaled.

    `scaling` is that of the features; `target_scaling` that of a regression's target, and None where there are classes.

    >>> data = Dataset([[1.0], [3.0]], [10.0, 30.0], ["length"], [])
    >>> preparation = Preparation.of(data, target="price")
    >>> preparation.inputs([[2.0], [5.0]]), preparation.targets(data.y)
    ([[0.0], [3.0]], [-1.0, 1.0])
    >>> preparation.answer(0.5)
    25.0
    """

    features: tuple[str, ...]
    target: str
    classes: tuple[str, ...]
    scaling: Standardization
    target_scaling: Standardization | None

    @classmethod
    def of(cls, data: Dataset, target: str) -> Preparation:
        """Return the preparation that these examples, those a network is to be trained on, ask for."""
        target_scaling = None if data.classes else standardization([[y] for y in data.y])
        return cls(tuple(data.features), target, tuple(data.classes), standardization(data), target_scaling)

    @classmethod
    def of_saved(cls, saved: Saved) -> Preparation:
        """Return the preparation that was saved beside a model, as `extra={"preparation": preparation.to_json()}`.

        Raises StorageError where there is none, or one that does not fit the model.
        """
        entries = saved.extra.get("preparation")
        known = {"features", "target", "classes", "means", "spreads", "target_scaling"}
        if not isinstance(entries, dict) or entries.keys() != known:
            raise StorageError(
                f"{saved.source} holds a model, but not what its inputs and outputs mean, "
                "which python -m nn ... --save keeps beside it"
            )
        features, classes = (_names(entries[key]) for key in ("features", "classes"))
        scaling = _scaling(entries["means"], entries["spreads"])
        pair = entries["target_scaling"]
        target_scaling = _scaling([pair[0]], [pair[1]]) if isinstance(pair, list) and len(pair) == 2 else None
        if (
            features is None
            or classes is None
            or scaling is None
            or not isinstance(entries["target"], str)
            or (target_scaling is None) != bool(classes)
            or (pair is None) != (target_scaling is None)
            or len(scaling.means) != len(features)
            or not _fits(saved.architecture, len(features), len(classes))
        ):
            raise StorageError(f"{saved.source}: what its inputs and outputs mean does not fit the model")
        return cls(features, entries["target"], classes, scaling, target_scaling)

    def to_json(self) -> dict[str, Any]:
        """Return all this in lists, strings and numbers, for `save(model, path, extra={"preparation": ...})`."""
        scaling = self.target_scaling
        return {
            "features": list(self.features),
            "target": self.target,
            "classes": list(self.classes),
            "means": list(self.scaling.means),
            "spreads": list(self.scaling.spreads),
            "target_scaling": None if scaling is None else [*scaling.means, *scaling.spreads],
        }

    def inputs(self, X: Sequence[Sequence[float]]) -> list[list[float]]:
        """Return examples as the network takes them."""
        return self.scaling.apply(X)

    def targets(self, y: Sequence[Any]) -> list[Any]:
        """Return targets as the network is trained on: classes as they are, numbers scaled."""
        if self.target_scaling is None:
            return list(y)
        return [scaled for (scaled,) in self.target_scaling.apply([[target] for target in y])]

    def answer(self, output: Any) -> str | float:
        """Return what an output of the network says: the name of a class, or a number in the units of the table.

        Raises ValueError where it is nan or infinite, and so says nothing.
        """
        scores = [number(z) for z in (output if isinstance(output, (list, tuple)) else [output])]
        if not all(map(math.isfinite, scores)):
            raise ValueError(f"an output that is not finite says nothing, got {scores}")
        if self.target_scaling is None:
            return self.classes[predicted_class(output)]
        return self.target_scaling.undo([[number(output)]])[0][0]


def _names(entry: Any) -> tuple[str, ...] | None:
    if not isinstance(entry, list) or not all(isinstance(name, str) for name in entry) or len(set(entry)) < len(entry):
        return None
    return tuple(entry)


def _scaling(means: Any, spreads: Any) -> Standardization | None:
    if not isinstance(means, list) or not isinstance(spreads, list) or len(means) != len(spreads):
        return None
    if not all(type(x) in (int, float) for x in means + spreads) or not all(spread > 0 for spread in spreads):
        return None
    return Standardization(tuple(map(float, means)), tuple(map(float, spreads)))


def _fits(architecture: dict[str, Any], features: int, classes: int) -> bool:
    """Whether a network has an input for each feature, and an output for each class, or one for two classes."""
    if "nin" not in architecture:
        return True
    outputs = {0: {1}, 1: set(), 2: {1, 2}}.get(classes, {classes})
    return architecture["nin"] == features and architecture["nouts"][-1] in outputs
