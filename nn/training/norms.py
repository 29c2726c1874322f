"""Gradient norms, layer by layer: where gradients vanish or explode on their way back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd import Value
from nn.modules import Module
from nn.training.checks import plain


class LayerNorms:
    """The norms of the gradients of a model's layers, collected from step to step.

    >>> from nn import MLP
    >>> model = MLP(1, [1, 1])
    >>> norms = LayerNorms(model, model.parameters())
    >>> norms.add([3.0, 4.0, 0.0, 1.0])
    >>> norms.add([0.0, 1.0, 0.0, 2.0])
    >>> norms.means()
    {'layers.0': 3.0, 'layers.1': 1.5}
    """

    def __init__(self, model: Module, parameters: Sequence[Value]) -> None:
        self.places = layers(model, parameters)
        self.found: dict[str, list[float]] = {name: [] for name in self.places}

    def add(self, gradient: Any) -> None:
        """Add the norms of a gradient, a vector in the order of the parameters."""
        numbers = plain(gradient)
        for name, places in self.places.items():
            self.found[name].append(math.hypot(*[numbers[place] for place in places]))

    def means(self) -> dict[str, float]:
        """Return the mean norm of each layer since the last call."""
        means = {name: math.fsum(norms) / len(norms) for name, norms in self.found.items() if norms}
        self.found = {name: [] for name in self.places}
        return means


def layers(model: Module, parameters: Sequence[Value]) -> dict[str, list[int]]:
    """Return the places among parameters of those of each layer: of each module in an attribute, or in a list there.

    >>> from nn import MLP
    >>> model = MLP(1, [2, 1])
    >>> layers(model, model.parameters())
    {'layers.0': [0, 1, 2, 3], 'layers.1': [4, 5, 6]}
    """
    place = {parameter: i for i, parameter in enumerate(parameters)}
    found: dict[str, list[int]] = {}
    for name, parameter in model.named_parameters():
        parts = name.split(".")
        layer = ".".join(parts[: 2 if len(parts) > 2 and parts[1].isdecimal() else 1])
        if parameter in place:
            found.setdefault(layer, []).append(place[parameter])
    return found
