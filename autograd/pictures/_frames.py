"""Animated GIF and SVG: the frames of an animation as one file.

In the SVG, what stays the same is there once, and a part that changes is there once for each of its looks. Graphviz
writes the parts, and an XML library puts them together; style sheets show each at its time. Where nothing moves, in a
print or for a reader who asked for less motion, the last frame is seen.
"""

from __future__ import annotations

import io
import itertools
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

NAMESPACE = "http://www.w3.org/2000/svg"
DOTS_PER_INCH, LEAST_DOTS_PER_INCH, DOTS = 120.0, 64.0, 1400.0  # sharp on a slide, readable, and a slide at most


def write_gif(drawings: Sequence[Any], seconds: Sequence[float]) -> bytes:
    """Return the drawings as a GIF that shows each for so many seconds, again and again."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "animate writes a GIF with the pillow package: python -m pip install 'scalar-autograd[draw]'; "
            "a file whose name ends in .svg needs nothing more"
        ) from error
    dots = _dots_per_inch(drawings[0])
    pictures = []
    for drawing in drawings:
        drawing.attr(dpi=f"{dots:.0f}")
        pictures.append(Image.open(io.BytesIO(drawing.pipe(format="png"))).convert("RGB"))
    # One palette for all, of the colours that are most frequent, so that a colour is the same in every frame.
    colours: Counter[Any] = Counter()
    for picture in pictures:
        for number, colour in picture.getcolors(picture.width * picture.height) or ():
            colours[colour] += number
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for colour, _ in colours.most_common(256) for channel in colour])
    first, *others = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    file = io.BytesIO()
    durations = [round(1000.0 * time) for time in seconds]
    first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=False)
    return file.getvalue()


def _dots_per_inch(drawing: Any) -> float:
    """Return how finely to draw: as for a slide, and large pictures less so, as long as they can be read."""
    _, _, width, height, *_ = drawing.pipe(format="plain", encoding="utf-8").split()
    return max(min(DOTS_PER_INCH, DOTS / max(float(width), float(height))), LEAST_DOTS_PER_INCH)


def write_svg(drawings: Sequence[Any], seconds: Sequence[float]) -> bytes:
    """Return the drawings as an SVG that shows each for so many seconds, again and again."""
    frames = [_parsed(drawing.pipe(format="svg", encoding="utf-8")) for drawing in drawings]
    looks: dict[str, dict[int, list[ET.Element]]] = {}
    for number, frame in enumerate(frames):
        for part, elements in _parts(frame):
            looks.setdefault(part, {})[number] = elements
    whole = frames[-1]
    canvas = whole.find("g")
    if canvas is None:
        raise ValueError("the layout program wrote no picture into its SVG")
    for element in list(canvas):
        canvas.remove(element)
    starts = [0.0, *itertools.accumulate(seconds)]
    times: dict[tuple[int, int], str] = {}
    for frames_of_part in looks.values():
        for (first, end), elements in _runs(frames_of_part):
            if (first, end) == (0, len(frames)):
                canvas.extend(elements)
                continue
            shown = ET.SubElement(canvas, "g")
            shown.set("class", times.setdefault((first, end), f"t{len(times)}"))
            if end < len(frames):
                shown.set("visibility", "hidden")
            shown.extend(elements)
    style = ET.Element("style")
    style.text = _style({name: (starts[first], starts[end]) for (first, end), name in times.items()}, starts[-1])
    whole.insert(0, style)
    whole.set("role", "img")
    whole.set("aria-label", "The forward and the backward walk through a graph, step by step")
    return ET.tostring(whole, encoding="unicode").encode("utf-8")


def _parsed(source: str) -> ET.Element:
    """Return what Graphviz wrote, its names without the namespace, which is said once at the top again."""
    picture = ET.fromstring(source)  # noqa: S314 Graphviz wrote it just now
    for element in picture.iter():
        element.tag = element.tag.removeprefix(f"{{{NAMESPACE}}}")
        element.attrib.pop("id", None)  # which the looks of a part would share
    picture.set("xmlns", NAMESPACE)
    return picture


def _parts(frame: ET.Element) -> Iterator[tuple[str, list[ET.Element]]]:
    """Yield the parts of a frame by what they are in all frames: the caption, and each box, mark and arrow."""
    canvas = frame.find("g")
    counts: Counter[str] = Counter()
    caption: list[ET.Element] = []
    for element in canvas if canvas is not None else ():
        title = element.find("title")
        if title is not None:
            counts[name := f"{element.get('class')} {title.text}"] += 1
            element.remove(title)  # which a browser would show under the pointer
            yield f"{name} {counts[name]}", [element]
        elif element.tag == "text":
            caption.append(element)
        elif element.tag != "title":  # of the whole, which not every layout program writes
            counts[element.tag] += 1
            yield f"{element.tag} {counts[element.tag]}", [element]
    yield "caption", caption


def _runs(looks: dict[int, list[ET.Element]]) -> Iterator[tuple[tuple[int, int], list[ET.Element]]]:
    """Yield the frames, from the first to the one after the last, through which a part looks the same, and its look."""
    for _, run in itertools.groupby(looks.items(), key=lambda item: b"".join(map(ET.tostring, item[1]))):
        numbers, elements = zip(*run, strict=True)
        yield (numbers[0], numbers[-1] + 1), elements[0]


def _style(times: dict[str, tuple[float, float]], total: float) -> str:
    """Return the style sheet that shows each class from one time to another, in seconds, of each round."""
    rules = []
    for name, (start, end) in times.items():
        on, off = (f"{100.0 * time / total:.4g}%" for time in (start, end))
        before = "" if start == 0.0 else "0%{visibility:hidden}"
        after = "" if end == total else f"{off}{{visibility:hidden}}"
        rules.append(f"@keyframes {name}{{{before}{on}{{visibility:visible}}{after}}}")
        rules.append(f".{name}{{animation:{name} {total:.6g}s step-end infinite}}")
    return "\n".join([*rules, "@media(prefers-reduced-motion:reduce){g{animation:none!important}}"])
