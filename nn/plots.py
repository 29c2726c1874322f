"""Pictures of training, as Matplotlib figures that show themselves in a notebook or are saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd import no_grad
from nn.modules import Module
from nn.training import predicted_class

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
    resolution: int = 80,
) -> Figure:
    """Return a figure of the examples in the plane of two features, over the class the model finds at each point.

    The other features are held at their means. `y` are classes (0, 1, ...), `names` those of the two features;
    `resolution` is the number of points on a side at which the model is asked.
    """
    figure_class, colour_map = _matplotlib()
    horizontal, vertical = features
    means = [sum(column) / len(column) for column in zip(*X, strict=True)]
    left, right = _extent([x[horizontal] for x in X])
    bottom, top = _extent([x[vertical] for x in X])
    steps = [i / (resolution - 1) for i in range(resolution)]
    regions = []
    with no_grad():
        for v in steps:
            row = []
            for h in steps:
                point = list(means)
                point[horizontal], point[vertical] = left + h * (right - left), bottom + v * (top - bottom)
                row.append(predicted_class(model(point)))
            regions.append(row)

    number = max([*y, *(max(row) for row in regions)]) + 1
    figure = figure_class(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(
        regions,
        extent=(left, right, bottom, top),
        origin="lower",
        aspect="auto",
        cmap=colour_map([COLOURS[k % len(COLOURS)] for k in range(number)]),
        vmin=-0.5,
        vmax=number - 0.5,
        alpha=0.25,
        interpolation="nearest",
    )
    for k in range(number):
        members = [x for x, target in zip(X, y, strict=True) if target == k]
        axes.scatter(
            [x[horizontal] for x in members],
            [x[vertical] for x in members],
            c=COLOURS[k % len(COLOURS)],
            marker=MARKERS[k % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            s=36,
            label=classes[k] if k < len(classes) else f"class {k}",
        )
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    axes.legend(framealpha=0.9)
    return figure


def _extent(coordinates: Sequence[float]) -> tuple[float, float]:
    low, high = min(coordinates), max(coordinates)
    margin = 0.15 * (high - low) or 1.0
    return low - margin, high + margin


def _matplotlib() -> tuple[Any, Any]:
    try:
        from matplotlib.colors import ListedColormap
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots needs Matplotlib: python -m pip install 'scalar-autograd[demo]'") from error
    return Figure, ListedColormap
