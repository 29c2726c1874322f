"""Network as cards: the calls of neurons in a model's graph, their wires, and what each number of it is called.

Neurons are found by the scopes of their calls, and wires by what stands in their dot products, so that any model made
of neurons has its cards, whatever class it is of. A model without any has cards for its outputs only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import Value, rules, scope
from autograd.engine import topological_order
from nn.modules import Module, Neuron
from nn.training.parameters import held


@dataclass
class Card:
    """The call of a neuron, or an output that is none: its nodes, its name, and its wires from inputs and cards.

    A wire is where it comes from, the number of an input or a card, and the parameter that is its weight.
    """

    node: Value
    inside: list[Value] = field(default_factory=list)
    column: int = 0
    name: str = ""
    path: str = ""
    output: int | None = None
    bias: Value | None = None
    wires: list[tuple[int | Card | None, Value]] = field(default_factory=list)


class NetworkCards:
    """The graph of a model's loss as cards in columns, the first hidden layer first, with names for all its nodes.

    `inputs` and `targets` are leaves, `outputs` nodes of the graph; names of inputs may be given.
    """

    def __init__(
        self,
        model: Module,
        loss: Value,
        outputs: Sequence[Value],
        inputs: Sequence[Value],
        targets: Sequence[Value],
        features: Sequence[str],
    ) -> None:
        self.order = topological_order(loss)
        self.inputs, self.targets, self.outputs = inputs, targets, outputs
        self.paths = {parameter: path for path, parameter in model.named_parameters()}
        self.cards = self._calls(model)
        self._wire()
        for number, output in enumerate(outputs):
            card = next((card for card in self.cards if card.node is output), None)
            if card is None:
                card = Card(output, column=1 + max([card.column for card in self.cards], default=0))
                self.cards.append(card)
            card.output = number
        self.cards.sort(key=lambda card: card.column)
        self.names = self._named(loss, features)

    def _calls(self, model: Module) -> list[Card]:
        """Return a card for each call of a neuron, in the order of what they compute."""
        paths = {id(neuron): path for path, neuron in _neurons(model)}
        found: dict[scope, Card] = {}
        for node in self.order:
            around = node.scope if node.op is not None else None
            while around is not None:
                neuron = None if around.owner is None else around.owner()
                if isinstance(neuron, Neuron):
                    card = found.setdefault(around, Card(node, path=paths.get(id(neuron), ""), bias=neuron.b))
                    card.node = node
                    card.inside.append(node)
                    break
                around = around.outer
        return list(found.values())

    def _wire(self) -> None:
        """Find the wires of each card, and its column: one after those that its wires come from."""
        origins: dict[Value, int | Card] = {leaf: number for number, leaf in enumerate(self.inputs)}
        for card in self.cards:
            for node in card.inside:
                if node.op is rules.dot:
                    half = len(node.parents) // 2
                    pairs = zip(node.parents[:half], node.parents[half:], strict=True)
                    card.wires += [(origins.get(source), weight) for weight, source in pairs]
            card.column = 1 + max([below.column for below, _ in card.wires if isinstance(below, Card)], default=0)
            origins[card.node] = card

    def _named(self, loss: Value, features: Sequence[str]) -> dict[Value, str]:
        """Return what each node is called: h2.3 is neuron 3 of layer 2, w2.3.1 its weight of the first input.

        A step of the loss is loss.1, loss.2 and so on, and what else has no name v1, v2 and so on.
        """
        between = [node for node in self.order if node.op is not None]
        names = dict.fromkeys(self.order, "") | {leaf: leaf.label for leaf in self.order if leaf.op is None}
        names |= {leaf: path for leaf, path in self.paths.items() if leaf in names}
        names |= dict(zip(self.inputs, features, strict=True))
        names |= _numbered("y", self.targets)
        within = dict.fromkeys((card.column for card in self.cards), 0)
        for card in self.cards:
            within[card.column] += 1
            place = f"{card.column}.{within[card.column]}"
            card.name = f"h{place}"
            for letter, node in zip("szuvabcd", card.inside, strict=False):
                names[node] = f"{letter}{place}"
            for number, (_, weight) in enumerate(card.wires, 1):
                names[weight] = f"w{place}.{number}"
            if card.bias in names:
                names[card.bias] = f"b{place}"
            names[card.node] = card.name
        for output, name in _numbered("ŷ", self.outputs).items():
            names[output] = name
            next(card for card in self.cards if card.node is output).name = name
        names[loss] = "loss"
        before = set(topological_order(*self.outputs))
        for letter, known in (("v", True), ("loss.", False)):  # steps of a model of one's own, and those of the loss
            unnamed = [node for node in between if not names[node] and (node in before) is known]
            names |= {node: f"{letter}{number}" for number, node in enumerate(unnamed, 1)}
        return names

    def to_json(self, parameters: Sequence[Value]) -> dict[str, Any]:
        """Return the cards and columns, with parameters as their places in the optimiser, -1 for those it lacks."""
        place = {parameter: number for number, parameter in enumerate(parameters)}
        number = {node: position for position, node in enumerate(self.order)}
        position = {id(card): position for position, card in enumerate(self.cards)}
        owned = {parameter for card in self.cards for parameter in (card.bias, *[weight for _, weight in card.wires])}
        others = [place[p] for p in parameters if p in number and p not in owned]

        def end(origin: int | Card | None) -> tuple[str, int]:
            if isinstance(origin, Card):
                return "card", position[id(origin)]
            return ("", 0) if origin is None else ("x", origin)

        def written(card: Card) -> dict[str, Any]:
            return {
                "name": card.name,
                "path": card.path,
                "column": card.column,
                "output": card.output,
                "node": number.get(card.node, -1),
                "at_zero": _at_zero(card.node),
                "bias": place.get(card.bias, -1) if card.bias in number else -1,
                "wires": [[*end(origin), place.get(weight, -1)] for origin, weight in card.wires],
                "others": others if card.output == 0 else [],  # of no neuron
            }

        return {
            "cards": list(map(written, self.cards)),
            "nodes": {
                "parameters": [number.get(parameter, -1) for parameter in parameters],
                "inputs": [number.get(leaf, -1) for leaf in self.inputs],
                "targets": [number.get(leaf, -1) for leaf in self.targets],
            },
            "parameters": [self.names.get(p) or self.paths.get(p, "") for p in parameters],
            "paths": [self.paths.get(p, "") for p in parameters],
        }


def _at_zero(node: Value) -> float | None:
    """Return what the activation that a node ends with gives for a sum of 0, or None where it is not defined there."""
    if node.op is None or len(node.parents) != 1:
        return 0.0  # the sum itself
    try:
        value = float(node.op(0.0))
    except (ArithmeticError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _neurons(model: Module) -> list[tuple[str, Neuron]]:
    """Return the neurons of a model with the paths that lead to them, as one writes them in Python."""
    return [(_python_path(path), neuron) for path, neuron in held(model, Neuron)]


def _python_path(path: str) -> str:
    parts = [f"[{part}]" if part.isdecimal() else f".{part}" for part in path.split(".") if part]
    return f"model{''.join(parts)}"


def _numbered(name: str, nodes: Sequence[Value]) -> dict[Value, str]:
    return {node: name if len(nodes) == 1 else f"{name}{number}" for number, node in enumerate(nodes)}
