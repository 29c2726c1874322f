"""Pictures of training, as Matplotlib figures that show themselves in a notebook or are saved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd import no_grad
from nn.examples import number
from nn.modules import Module

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colour-blind safe (Okabe & Ito 2008), one for each class, again from the start after the last.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = ["o", "s", "^", "D", "v", "P"]


def decision_boundary(
    model: Module,
    X: Sequence[Sequence[float]],
    y: Sequence[int],
    *,
    features: tuple[int, int] = (0, 1),
    names: Sequence[str] = ("x1", "x2"),
    classes: Sequence[str] = (),
    title: str = "",
    resolution: int = 60,
) -> Figure:
    """Return a figure of the examples in the plane of two features, over the class the model finds at each point.

    The other features are held at their means. `y` are classes (0, 1, ...), `names` those of the two features;
    `resolution` is the number of points on a side at which the model is asked.
    """
    if resolution < 2:
        raise ValueError(f"resolution is the number of points on a side, 2 or more, got {resolution}")
    horizontal, vertical = features
    means = [sum(column) / len(column) for column in zip(*X, strict=True)]
    across = _steps([x[horizontal] for x in X], resolution)
    up = _steps([x[vertical] for x in X], resolution)
    margins = []
    with no_grad():
        for v in up:
            for h in across:
                point = list(means)
                point[horizontal], point[vertical] = h, v
                margins.append(_margins(model(point)))

    if wrong := [target for target in y if target not in range(len(margins[0]))]:
        raise ValueError(f"the model tells classes 0 to {len(margins[0]) - 1} apart, got an example of {wrong[0]!r}")
    figure = _figure()
    axes = figure.subplots()
    for k in range(len(margins[0])):
        grid = [[margins[row * resolution + column][k] for column in range(resolution)] for row in range(resolution)]
        if max(map(max, grid)) > 0.0:
            axes.contourf(across, up, grid, levels=[0.0, math.inf], colors=[COLOURS[k % len(COLOURS)]], alpha=0.22)
        members = [x for x, target in zip(X, y, strict=True) if target == k]
        axes.scatter(
            [x[horizontal] for x in members],
            [x[vertical] for x in members],
            c=COLOURS[k % len(COLOURS)],
            marker=MARKERS[k % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            s=36,
            zorder=2,
            label=classes[k] if k < len(classes) else f"class {k}",
        )
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    axes.legend(framealpha=0.9)
    return figure


def _margins(output: Any) -> list[float]:
    """Return by how much each class wins over the best of the others; a single output is the score of class 1."""
    if not isinstance(output, (list, tuple)):
        return [-number(output), number(output)]
    scores = [number(z) for z in output]
    return [score - max(scores[:k] + scores[k + 1 :]) for k, score in enumerate(scores)]


def _steps(coordinates: Sequence[float], number: int) -> list[float]:
    low, high = min(coordinates), max(coordinates)
    margin = 0.15 * (high - low) or 1.0
    return [low - margin + i / (number - 1) * (high - low + 2 * margin) for i in range(number)]


def _figure() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots needs Matplotlib: python -m pip install 'scalar-autograd[demo]'") from error
    return Figure(figsize=(6, 5), layout="constrained")
