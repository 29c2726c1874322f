"""SVG charts of curves and points, by the standard library alone, for places without Matplotlib such as a browser."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from autograd.files import path_with_ending, write_atomically
from autograd.rules import elements, real
from nn.plots.figures import COLOURS, SMALLEST, drawable
from nn.training.checks import plain

WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 28, 40  # margins, in pixels
LINE = 16  # of the names below, for each series that has one


class Chart:
    """A chart of curves and points in one pair of axes, which shows itself in a notebook.

    Each series takes the next colour and, of points, the next shape. A number that is not finite, or beyond 1e150,
    leaves a gap in a curve, and is left out of points. `log` names the logarithmic axes: "x", "y" or "xy"; on these a
    number that is not above 0 has no place either.

    >>> chart = Chart(title="a parabola", x="x", y="x²")
    >>> xs = [i / 10 for i in range(-20, 21)]
    >>> chart.curve(xs, [x * x for x in xs], name="x²").points([1.0], [1.0], name="here")
    <Chart a parabola: x², here>
    """

    def __init__(self, *, title: str = "", x: str = "x", y: str = "y", log: str = "") -> None:
        if log not in ("", "x", "y", "xy"):
            raise ValueError(f'log names the logarithmic axes, "x", "y" or "xy", got {log!r}')
        self.title, self.x, self.y, self.log = title, x, y, log
        self._series: list[tuple[str, str, list[tuple[float, float]]]] = []

    def __repr__(self) -> str:
        names = ", ".join(name or kind for kind, name, _ in self._series)
        return f"<Chart {self.title}: {names}>" if self.title else f"<Chart of {names or 'nothing'}>"

    def curve(self, xs: Iterable[float], ys: Iterable[float], name: str = "") -> Chart:
        """Add a curve through points in the given order, and return the chart."""
        return self._added("curve", xs, ys, name)

    def points(self, xs: Iterable[float], ys: Iterable[float], name: str = "") -> Chart:
        """Add points, and return the chart."""
        return self._added("points", xs, ys, name)

    def _added(self, kind: str, xs: Iterable[float], ys: Iterable[float], name: str) -> Chart:
        across, up = [
            _scaled(drawable([real(plain(x), kind) for x in elements(numbers, kind)]), axis in self.log)
            for numbers, axis in ((xs, "x"), (ys, "y"))
        ]
        if len(across) != len(up):
            raise ValueError(f"{kind} takes as many numbers across as up, got {len(across)} and {len(up)}")
        self._series.append((kind, name, list(zip(across, up))))
        return self

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the chart to an SVG file, whole or not at all, and return its path."""
        others = "; nn.plots draws its figures with Matplotlib, which writes others"
        target = path_with_ending(path, ".svg", "a chart", others)
        write_atomically(target, self._repr_svg_().encode())
        return target

    def _repr_svg_(self) -> str:
        every = [pair for _, _, pairs in self._series for pair in pairs if all(map(math.isfinite, pair))]
        across = _Axis([x for x, _ in every], LEFT, WIDTH - RIGHT, "x" in self.log)
        up = _Axis([y for _, y in every], HEIGHT - BOTTOM, TOP, "y" in self.log)
        summary = f"{self.y} over {self.x}: " + ", ".join(name or kind for kind, name, _ in self._series)
        height = HEIGHT + LINE * sum(bool(name) for _, name, _ in self._series)  # names stand below the axes
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(summary)}" '
            f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12" '
            'fill="#222">',
            f"<title>{html.escape(self.title or summary)}</title><desc>{html.escape(summary)}</desc>",
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            *(f'<path d="M{across(tick)} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>' for tick in across.ticks),
            *(f'<path d="M{LEFT} {up(tick)}H{WIDTH - RIGHT}" stroke="#ddd"/>' for tick in up.ticks),
            *(_text(across(tick), HEIGHT - BOTTOM + 16, across.label(tick)) for tick in across.ticks),
            *(_text(LEFT - 6, up(tick) + 4, up.label(tick), "end", room=LEFT - 8) for tick in up.ticks),
            _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, self.x),
            _text(LEFT - 44, TOP - 10, self.y, "start"),
            _text(WIDTH / 2, 16, self.title),
        ]
        foot = HEIGHT - 6
        for number, (kind, name, pairs) in enumerate(self._series):
            colour = COLOURS[number % len(COLOURS)]
            places = [(across(x), up(y)) if math.isfinite(x) and math.isfinite(y) else None for x, y in pairs]
            parts += _curve(places, colour) if kind == "curve" else _points(places, colour, number)
            if name:
                foot += LINE
                mark = [_dash(foot - 4, colour)] if kind == "curve" else _points([(LEFT + 6, foot - 4)], colour, number)
                parts += [*mark, _text(LEFT + 18, foot, name, "start")]
        return "\n".join([*parts, "</svg>"])


class _Axis:
    """Where numbers lie on an axis, in pixels, and the round numbers at which it is marked.

    On a logarithmic axis numbers are their logarithms to base 10.
    """

    def __init__(self, numbers: Sequence[float], start: float, end: float, log: bool) -> None:
        self.log = log
        low, high = min(numbers, default=0.0), max(numbers, default=1.0)
        size = max(abs(low), abs(high))
        if high - low <= max(1e-9 * size, SMALLEST):  # one number, but for its last digits
            room = size if size > SMALLEST and not log else 1.0
            low, high = low - room / 2, high + room / 2
        self.low, self.share, self.start = low, (end - start) / (high - low), start
        self.ticks, self.step = _round_numbers(low, high)
        if log:
            self.step = 0.0  # the marks are powers of ten, or 1, 2 and 5 times these
            tens = [k + math.log10(n) for k in range(math.floor(low), math.ceil(high) + 1) for n in (1, 2, 5)]
            if high - low <= 3.0:
                self.ticks = [tick for tick in tens if low - 1e-9 <= tick <= high + 1e-9]
            if high - low <= 3.0 and len(self.ticks) < 3:
                numbers, self.step = _round_numbers(10**low, 10**high)
                self.ticks = [math.log10(number) for number in numbers if number > 0.0]

    def __call__(self, number: float) -> float:
        return round(self.start + (number - self.low) * self.share, 1)

    def label(self, tick: float) -> str:
        number = 10**tick if self.log else tick
        if not self.step:
            return f"{number:.3g}"
        places = math.floor(math.log10(max(abs(number), self.step))) - math.floor(math.log10(self.step))
        return f"{number:.{min(max(places + 1, 6), 15)}g}"  # as many digits as tell it from its neighbours


def _round_numbers(low: float, high: float) -> tuple[list[float], float]:
    """Return the multiples of 1, 2 or 5 times a power of ten in an interval, some three to five, and their distance."""
    power = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(power * factor for factor in (1, 2, 5, 10) if (high - low) / (power * factor) <= 5)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)], step


def _scaled(numbers: Sequence[float], log: bool) -> Sequence[float]:
    return [math.log10(number) if number > 0 else math.nan for number in numbers] if log else numbers


def _text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "#222", room: int = 0) -> str:
    narrow = f' textLength="{room}" lengthAdjust="spacingAndGlyphs"' if 0 < room < 7 * len(words) else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{colour}"{narrow}>{html.escape(words)}</text>'


def _dash(y: float, colour: str) -> str:
    return f'<path d="M{LEFT} {y}h12" stroke="{colour}" stroke-width="3"/>'


def _curve(places: Sequence[tuple[float, float] | None], colour: str) -> list[str]:
    path, pen = "", "M"
    for place in places:
        path += "" if place is None else f"{pen}{place[0]:g} {place[1]:g}"
        pen = "M" if place is None else "L"
    alone = [
        f'<circle cx="{place[0]:g}" cy="{place[1]:g}" r="3" fill="{colour}"/>'
        for before, place, after in zip([None, *places], places, [*places[1:], None])
        if place is not None and before is after is None
    ]
    return [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *alone] if path else []


def _points(places: Sequence[tuple[float, float] | None], colour: str, number: int) -> list[str]:
    shape = ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", "M-4 -4h8v8h-8z", "M0 -5L5 4H-5z", "M0 -5L5 0L0 5L-5 0z")[number % 4]
    return [
        f'<path transform="translate({place[0]:g} {place[1]:g})" d="{shape}" fill="{colour}" stroke="white"/>'
        for place in places
        if place is not None
    ]
