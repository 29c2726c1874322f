"""Matplotlib figures of training: they show themselves in a notebook or are saved.

What a picture cannot show is said in it rather than left out: a loss that is no longer finite is a marked epoch, a
gradient of 0 is a mark at the foot of its logarithmic axis, and a name that is too long is cut visibly. Names of
features, classes and layers come from data and stand as they are; a title may hold formulas, as Matplotlib has them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from autograd.pictures.style import CLASSES
from autograd.rules import with_article
from nn.modules import Module
from nn.training.checks import plain
from nn.training.examples import outputs_of, plain_number
from nn.training.history import History
from nn.training.metrics import class_indices
from nn.training.splits import Data, as_sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Lines, colour-blind safe (Okabe & Ito 2008).
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
# Of classes, those of pages on light ground, again from the start after the last.
CLASS_COLOURS = [light for light, _ in CLASSES]
MARKERS = ["o", "s", "^", "D", "v", "P"]
RED, GREY, PALE = "#D00000", "#777777", "#DDDDDD"
POINT: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.6, "s": 36, "zorder": 2}
# Matplotlib's axes overflow near the ends of the floats; what is smaller counts as 0, what is larger has diverged.
SMALLEST, LARGEST = 1e-150, 1e150
# How sure a class must be, as log-odds over the next one, for each shade of the ground: 75 % and 95 % of two.
SURE, SHADES = (math.log(3.0), math.log(19.0)), (0.12, 0.24, 0.4)
# Lines and grounds differ in more than their hue.
DASHES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2))]
HATCHES = ["", "...", "///", "\\\\\\", "xxx", "ooo"]


def decision_boundary(
    model: Module,
    X: Data,
    y: Data,
    *,
    features: tuple[int, int] = (0, 1),
    names: Sequence[str] = ("x1", "x2"),
    classes: Sequence[str] = (),
    held_out: tuple[Data, Data] | None = None,
    title: str = "",
    resolution: int = 60,
    axes: Axes | None = None,
) -> Figure:
    """Return a figure of the examples in the plane of two features, over the class the model finds at each point.

    The ground is the darker the surer the class is, by its score as log-odds, the way cross-entropy trains it: below
    75 %, up to 95 %, and above; the border between classes is a black line. `held_out` examples are hollow marks.
    Features of like extent have axes of one scale; the other features are held at their means. `y` are classes, 0, 1,
    ... or -1 and 1, `names` those of the two features; `resolution` is the number of points on a side at which the
    model is asked, compiled where it can be. With `axes` it is drawn into these, and their figure returned.
    """
    asker = "decision_boundary"
    X, y = as_sequence(X, asker), as_sequence(y, asker)
    _check_count("resolution is the number of points on a side", resolution, 2)
    width = _check_examples(asker, X, y=y)
    horizontal, vertical = (_feature(asker, feature, width) for feature in _pair("features", features))
    if horizontal == vertical:
        raise ValueError(f"{asker} draws a plane of two features, got features={features!r}, which are one")
    names = [verbatim(name) for name in _pair("names", names)]
    indices, signed = class_indices(y, asker)
    others: Any = ((), [])
    if held_out is not None:
        more, labels = (as_sequence(part, asker) for part in _pair("held_out", held_out))
        if len(more) or len(labels):
            _check_examples(f"{asker}(held_out)", more, width, y=labels)
        others = more, class_indices(labels, f"{asker}(held_out)").indices
    point = [sum(column) / len(column) for column in zip(*X, strict=True)]
    across = _steps([x[horizontal] for x in X], resolution)
    up = _steps([x[vertical] for x in X], resolution)
    points = []
    for point[vertical] in up:
        for point[horizontal] in across:
            points.append(list(point))
    margins = [_margins(output) for output in outputs_of(model, points)]
    count = len(margins[0])
    if wrong := [index for index in (*indices, *others[1]) if index >= count]:
        raise ValueError(f"the model tells classes 0 to {count - 1} apart, got an example of {wrong[0]!r}")
    axes = axes or _figure().subplots()
    for k, name in enumerate(_names(classes, count, signed)):
        grid = [[margins[row * resolution + column][k] for column in range(resolution)] for row in range(resolution)]
        if max(map(max, grid)) > 0.0:
            parts = [(CLASS_COLOURS[k % len(CLASS_COLOURS)], shade) for shade in SHADES]
            hatch = HATCHES[k // len(CLASS_COLOURS) % len(HATCHES)]
            axes.contourf(across, up, grid, levels=[0.0, *SURE, math.inf], colors=parts, hatches=[hatch])
            if min(map(min, grid)) < 0.0:
                axes.contour(across, up, grid, levels=[0.0], colors="black", linewidths=1.0)
        members = [x for x, index in zip(X, indices, strict=True) if index == k]
        look = CLASS_COLOURS[k % len(CLASS_COLOURS)]
        places = [x[horizontal] for x in members], [x[vertical] for x in members]
        axes.scatter(*places, c=look, marker=MARKERS[k % len(MARKERS)], label=name, **POINT)
        hollow = [x for x, index in zip(*others, strict=True) if index == k]
        if hollow:
            places = [x[horizontal] for x in hollow], [x[vertical] for x in hollow]
            style = POINT | {"facecolors": "none", "edgecolors": look, "linewidths": 1.2}
            axes.scatter(*places, marker=MARKERS[k % len(MARKERS)], label=f"{name}, held out", **style)
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    spans = [grid[-1] - grid[0] for grid in (across, up)]
    if max(spans) < 3.0 * min(spans):
        axes.set_aspect("equal", adjustable="box")
    axes.legend(framealpha=0.9, fontsize=8, title="ground: below 75 %, to 95 %, surer", title_fontsize=8)
    return axes.figure  # type: ignore[return-value]  # it may be a part of one


def regression_line(
    model: Callable[[Sequence[float]], Any],
    X: Data,
    y: Data,
    *,
    feature: int = 0,
    names: Sequence[str] = ("x", "y"),
    title: str = "",
    resolution: int = 100,
    axes: Axes | None = None,
) -> Figure:
    """Return a figure of the examples along one feature, and in red what the model finds there.

    The other features are held at their means. `names` are those of the feature and of the target; `resolution` is the
    number of points of the line. With `axes` it is drawn into these, and their figure returned.
    """
    asker = "regression_line"
    _check_count("resolution is the number of points of the line", resolution, 2)
    X, y = as_sequence(X, asker), as_sequence(y, asker)
    feature = _feature(asker, feature, _check_examples(asker, X, y=y))
    names = [verbatim(name) for name in _pair("names", names)]
    targets = [plain_number(_only(target), "a target of regression_line") for target in map(plain, y)]
    point = [sum(column) / len(column) for column in zip(*X, strict=True)]
    across = _steps([x[feature] for x in X], resolution)
    points = []
    for point[feature] in across:
        points.append(list(point))
    outputs = [_only(output) for output in outputs_of(model, points)]
    if odd := [output for output in outputs if isinstance(output, (list, dict))]:
        raise ValueError(
            f"regression_line draws a model of one output, got {len(odd[0])} of them; "
            "draw one, as of lambda x: model(x)[0]"
        )
    found = [plain_number(output) for output in outputs]
    axes = _plain(axes or _figure().subplots())
    axes.scatter([x[feature] for x in X], drawable(targets), c=COLOURS[0], label="examples", **POINT)
    axes.plot(across, drawable(found), color=RED, linewidth=2.0, zorder=3, label="model")
    axes.set(xlabel=names[0], ylabel=names[1], title=title)
    axes.legend(framealpha=0.9)
    return axes.figure  # type: ignore[return-value]  # it may be a part of one


def history(history: History, *, title: str = "") -> Figure:
    """Return a figure of a training: the loss, and below it every other measure, epoch by epoch.

    A loss that spans more than a factor of 30 is drawn on a logarithmic axis, where one of 0 is a triangle at the foot.
    The epoch whose parameters were kept, with `restore_best`, is a line.

    >>> figure = history(History(loss=[0.9, 0.5, 0.4], validation_loss=[0.8, 0.6, 0.6]))
    >>> [line.get_label() for line in figure.axes[0].get_lines()]
    ['training', 'validation']
    """
    if not isinstance(history, History):
        raise TypeError(f"history draws the History that fit returns, got {with_article(history)}: {history!r:.60}")
    measures = history.measures
    names = list(dict.fromkeys(name.removeprefix("validation_") for name in measures))
    if not names:
        raise ValueError("history draws one epoch or more, got none")
    figure = _figure(height=2.0 + 2.5 * len(names))
    panels = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        parts = {"training": measures.get(name, []), "validation": measures.get(f"validation_{name}", [])}
        if name.endswith("loss"):
            _logarithmic(axes, [*parts["training"], *parts["validation"]], span=30.0)
        elif name.endswith("accuracy"):
            from matplotlib.ticker import PercentFormatter

            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        for (part, values), colour, line in zip(parts.items(), COLOURS, ("-", "--")):
            if values:
                _curve(axes, values, label=part, color=colour, linestyle=line)
        if history.kept_epoch is not None:
            axes.axvline(history.kept_epoch, color="black", linewidth=1.0, label=f"kept: epoch {history.kept_epoch}")
        _finished(axes, list(parts.values())).set_ylabel(name.replace("_", " "))
        axes.legend(framealpha=0.9)
    axes.set_xlabel("epoch")
    panels[0].set_title(title)
    return figure


def gradient_norms(history: Any, *, title: str = "") -> Figure:
    """Return a figure of how long the gradient of each layer is, epoch by epoch, on a logarithmic axis.

    Where gradients vanish the lines of the first layers, dark, sink away from those of the last, light; where they
    explode they rise. `history` is a History that has kept `gradient_norms`, or these: lists of norms by layer. A norm
    of 0 is a triangle at the foot.

    >>> figure = gradient_norms({"layers.0": [0.1, 0.01], "layers.1": [1.0, 0.9]})
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['layers.0', 'layers.1']
    """
    norms: Mapping[str, Sequence[float]] = getattr(history, "gradient_norms", history)
    if not isinstance(norms, Mapping) or not any(norms.values()):
        raise ValueError("gradient_norms draws the norms of one layer or more, got none; was fit asked to keep them?")
    figure = _figure(width=8)
    axes = figure.subplots()
    _logarithmic(axes, [norm for values in norms.values() for norm in values], span=0.0)
    from matplotlib import colormaps

    shades = colormaps["viridis"]([0.92 * k / max(1, len(norms) - 1) for k in range(len(norms))])
    step = math.ceil(len(norms) / 12)  # a legend of more names than this is not read
    for k, ((name, values), shade) in enumerate(zip(norms.items(), shades, strict=True)):
        named = k % step == 0 or k == len(norms) - 1
        line = DASHES[k % len(DASHES)]
        _curve(axes, values, label=verbatim(name, 30) if named else f"_{name}", color=shade, linestyle=line)
    _finished(axes, list(norms.values())).set(xlabel="epoch", ylabel="norm of the gradient", title=title)
    figure.legend(loc="outside right upper", frameon=False, title="first layer to last")
    return figure


def confusion_matrix(y: Data, predicted: Data, *, classes: Sequence[str] = (), title: str | None = None) -> Figure:
    """Return a figure that counts, for the examples of each class in a row, the classes a model has found for them.

    Right answers are blue, mistakes orange, the darker the larger their share of the row. Classes are 0, 1, ... or -1
    and 1; where `y` are the latter, `predicted` may be the former, as of `predicted_class`.

    >>> figure = confusion_matrix([0, 0, 1], [0, 1, 1], classes=["cat", "dog"])
    >>> figure.axes[0].get_title(), [text.get_text() for text in figure.axes[0].texts]
    ('2 of 3 right (66.7%)', ['1', '1', '1'])
    """
    right, found = (class_indices(labels, "confusion_matrix") for labels in (y, predicted))
    _check_lengths("confusion_matrix", y=right.indices, predicted=found.indices)
    counts = Counter(zip(right.indices, found.indices, strict=True))
    size = max(len(classes), *(1 + max(pair) for pair in counts))
    names = _names(classes, size, right.signed or found.signed, 22)
    totals = [sum(counts[row, column] for column in range(size)) for row in range(size)]
    side = max(4.0, 0.42 * size) + 0.08 * max(map(len, names))
    figure = _figure(width=side + 1.0, height=side)
    axes = figure.subplots()
    pixels = []
    for row in range(size):
        # The root lifts a mistake that is rare among many examples above what the eye takes for white.
        depths = [math.sqrt(counts[row, column] / (totals[row] or 1)) for column in range(size)]
        pixels.append([_mixed(COLOURS[row != column], depth) for column, depth in enumerate(depths)])
        for column, depth in enumerate(depths):
            if depth > 0.0:
                colour = "white" if depth > 0.65 else "black"
                fontsize = 10 if size <= 12 else 7
                axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, size=fontsize)
    axes.imshow(pixels)
    upright = 0.09 * max(map(len, names)) < max(4.0, 0.42 * size) / size  # inches of a name, and of a cell
    axes.set_xticks(
        range(size), names, rotation=0 if upright else 45, ha="center" if upright else "right", rotation_mode="anchor"
    )
    axes.set_yticks(range(size), names)
    axes.tick_params(length=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([k - 0.5 for k in range(1, size)], minor=True)
    axes.grid(which="minor", color=PALE, linewidth=0.6)
    axes.spines[:].set_color(PALE)
    axes.tick_params(which="minor", length=0)
    hits, total = sum(counts[k, k] for k in range(size)), sum(totals)
    shown = f"{hits:,} of {total:,} right ({hits / total:.1%})" if title is None else title
    axes.set(xlabel="class found", ylabel="true class", title=shown)
    return figure


def mistakes(
    X: Data,
    y: Data,
    predicted: Data,
    *,
    classes: Sequence[str] = (),
    shape: tuple[int, int] | None = None,
    limit: int = 24,
    title: str | None = None,
) -> Figure:
    """Return a figure of the images a model is wrong about, each with what it is and what it was taken for.

    An example is an image row by row, of the given `shape` (rows, columns), or else a square; the larger the number,
    the darker. At most `limit` of them are shown. Classes are 0, 1, ... or -1 and 1, as in `confusion_matrix`.
    """
    X, y, predicted = (as_sequence(part, "mistakes") for part in (X, y, predicted))
    size = _check_examples("mistakes", X, y=y, predicted=predicted)
    _check_count("limit is the number of images that are shown at most", limit, 1)
    (right, signed), (found, found_signed) = (class_indices(labels, "mistakes") for labels in (y, predicted))
    wrong = [i for i, (target, answer) in enumerate(zip(right, found, strict=True)) if target != answer]
    names = _names(classes, max([0, *right, *found]) + 1, signed or found_signed, 12)
    rows, columns = _pair("shape", shape or (math.isqrt(size), math.isqrt(size)))
    if rows * columns != size or rows < 1:
        raise ValueError(f"mistakes draws images of {rows} x {columns} pixels, got examples of {size}; pass shape=")
    shown = wrong[:limit]
    across = max(3, math.ceil(math.sqrt(1.5 * len(shown))))
    down = max(1, math.ceil(len(shown) / across))
    figure = _figure(width=1.35 * across + 0.4, height=1.6 * down + 0.6)
    darkest = max((max(X[i]) for i in shown), default=1.0)
    lightest = min((min(X[i]) for i in shown), default=0.0)
    for place, axes in enumerate(figure.subplots(down, across, squeeze=False).flat):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(PALE)
        axes.set_visible(place < len(shown))
        if place < len(shown):
            i = shown[place]
            image = [X[i][row * columns : (row + 1) * columns] for row in range(rows)]
            axes.imshow(image, cmap="gray_r", vmin=lightest, vmax=darkest)
            kind, other = names[right[i]], names[found[i]]
            between = " " if len(kind + other) < 6 else "\n"
            axes.set_title(f"{kind}{between}taken for {other}", size=8)
    part = "" if len(shown) == len(wrong) else f", the first {len(shown)} of them"
    figure.suptitle(f"{len(wrong):,} of {len(y):,} wrong{part}" if title is None else title)
    return figure


def _check_count(what: str, count: Any, least: int) -> None:
    if not isinstance(count, Integral) or int(count) < least:
        raise ValueError(f"{what}, {least} or more, got {count!r}")


def _check_lengths(asker: str, **parts: Data) -> None:
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        found = " and ".join(f"{length} in {name}" for name, length in lengths.items())
        raise ValueError(f"{asker} takes {' and '.join(parts)} of the same examples, got {found}")
    if not any(lengths.values()):
        raise ValueError(f"{asker} draws one example or more, got no example")


def _check_examples(asker: str, X: Data, width: int | None = None, **targets: Data) -> int:
    """Return the number of features; examples that no picture has are an error."""
    _check_lengths(asker, X=X, **targets)
    for i, row in enumerate(map(plain, X)):
        if not isinstance(row, list):
            raise TypeError(f"{asker} takes an example as a list of its features, got {row!r:.60}")
        width = len(row) if width is None else width
        if len(row) != width:
            raise ValueError(
                f"{asker} takes examples of the same features, got {len(row)} in example {i}, counted from 0, "
                f"and {width} before"
            )
        for k, x in enumerate(row):
            if not abs(plain_number(x, f"a feature of {asker}")) <= LARGEST:
                raise ValueError(
                    f"{asker} draws numbers of up to {LARGEST:g}, got {x!r} in feature {k} of example {i}, "
                    "both counted from 0; leave the example out, or scale the feature"
                )
    return width or 0


def _feature(asker: str, feature: Any, count: int) -> int:
    if not isinstance(feature, Integral) or int(feature) not in range(-count, count):
        raise ValueError(f"{asker} draws features by their numbers, of {count} from 0 to {count - 1}, got {feature!r}")
    return int(feature) % count


def _pair(name: str, pair: Any) -> list[Any]:
    found = list(pair) if isinstance(pair, Iterable) and not isinstance(pair, str) else []
    if len(found) != 2:
        raise ValueError(f"{name} is a pair, got {pair!r:.60}")
    return found


def _only(output: Any) -> Any:
    """Return the only part of a list of one."""
    return output[0] if isinstance(output, list) and len(output) == 1 else output


def _names(classes: Sequence[str], count: int, signed: bool, longest: int | None = None) -> list[str]:
    """Return what so many classes are called: as given, or by their labels, of two classes 0 and 1 or -1 and 1."""
    names = [classes[k] if k < len(classes) else f"class {2 * k - 1 if signed else k}" for k in range(count)]
    return [verbatim(name, longest) for name in names]


def _margins(output: Any) -> list[float]:
    """Return by how much each class wins over the best of the others; a single output is the score of class 1."""
    output = _only(output)
    if not isinstance(output, list):
        return [-plain_number(output), plain_number(output)]
    scores = [plain_number(z) for z in output]
    if not scores:
        raise ValueError("decision_boundary asks a model for the score of each class, got none")
    return [score - max(scores[:k] + scores[k + 1 :]) for k, score in enumerate(scores)]


def _steps(coordinates: Sequence[float], number: int) -> list[float]:
    low, high = min(coordinates), max(coordinates)
    margin = 0.15 * (high - low) or 1.0
    return [low - margin + i / (number - 1) * (high - low + 2 * margin) for i in range(number)]


def _figure(width: float = 6.0, height: float = 5.0) -> Figure:
    try:
        from nn.plots.canvas import Figure
    except ImportError as error:
        raise ImportError("plots needs Matplotlib: python -m pip install 'scalar-autograd[demo]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def _plain(axes: Axes) -> Axes:
    """Return the axes with no more lines than are needed to read them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def _curve(axes: Axes, values: Sequence[float], **style: Any) -> None:
    """Draw one number an epoch; few of them are marked, since a single one has no line."""
    logarithmic = axes.get_yscale() == "log"
    marker = "o" if len(values) <= 20 else None
    drawn = [math.nan if logarithmic and x < SMALLEST else x for x in drawable(values)]
    axes.plot(range(1, len(values) + 1), drawn, marker=marker, markersize=4, **style)
    if zeros := [epoch for epoch, x in enumerate(values, 1) if logarithmic and x < SMALLEST]:
        foot = [axes.get_ylim()[0]] * len(zeros)
        axes.plot(zeros, foot, "v", color=style["color"], clip_on=False, zorder=3, label="_zeros")


def _finished(axes: Axes, series: Sequence[Sequence[float]]) -> Axes:
    """Return the axes of curves, with whole epochs, and a line where the first of the curves has left every axis."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(0.5, max(map(len, series)) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    lost = [epoch for values in series for epoch, x in enumerate(drawable(values), 1) if math.isnan(x)]
    if lost:
        axes.axvline(min(lost), color=GREY, linestyle=":", label=f"diverged in epoch {min(lost)}")
    if len(lost) == sum(map(len, series)):
        axes.set_yticks([])
    return _plain(axes)


def drawable(values: Sequence[float]) -> list[float]:
    """Return the numbers with a gap in place of those that no axis holds."""
    return [value if abs(value) <= LARGEST else math.nan for value in values]


def _logarithmic(axes: Axes, values: Sequence[float], span: float) -> None:
    """Give the axes a logarithmic scale where positive numbers span this factor or more."""
    positive = [value for value in values if SMALLEST <= value <= LARGEST]
    if any(value < 0.0 for value in values) or max(positive, default=0.0) < span * min(positive, default=1.0):
        return
    low, high = min(positive, default=0.1), max(positive, default=1.0)
    room = 1.2 * (high / low) ** 0.05
    axes.set_yscale("log")
    axes.set_ylim(low / room, high * room)


def _mixed(colour: str, depth: float) -> list[float]:
    """Return a colour on white paper: none of it at depth 0, all of it at 1."""
    from matplotlib.colors import to_rgb

    return [1.0 - depth * (1.0 - channel) for channel in to_rgb(colour)]


def verbatim(name: Any, longest: int | None = None) -> str:
    r"""Return a text that Matplotlib shows as it is, with dollars that are no signs of a formula; cut if it is longer.

    >>> print(verbatim("US$ and A$"), verbatim("a name of many letters", 8))
    US\$ and A\$ a name …
    """
    text = str(name)
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 1]}…"
    return text.replace("$", r"\$")
