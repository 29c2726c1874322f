"""Reading pictures as a reader's program would: the SVG by an XML parser, the boxes from Graphviz's JSON."""

import json
import xml.etree.ElementTree as ET

from autograd import Value, fsum, sin
from autograd.engine.chain import topological_order

SVG = "{http://www.w3.org/2000/svg}"


def svg(drawing):
    """The picture of a drawing, parsed; a picture as it is."""
    return drawing if isinstance(drawing, ET.Element) else ET.fromstring(drawing.pipe(format="svg", encoding="utf-8"))


def groups(drawing, kind):
    """The nodes, edges or clusters of a picture: their names, as Graphviz puts them in titles, and their elements."""
    return [(g.findtext(f"{SVG}title"), g) for g in svg(drawing).iter(f"{SVG}g") if g.get("class") == kind]


def words(element):
    return ["".join(line.itertext()) for line in element.iter(f"{SVG}text")]


def nodes(drawing):
    """The lines of text in each node of the picture."""
    return {name: words(g) for name, g in groups(drawing, "node")}


def arrows(drawing):
    return sorted(name for name, _ in groups(drawing, "edge"))


def labels(drawing):
    """What stands on the arrows, by their two ends."""
    found = {}
    for name, g in groups(drawing, "edge"):
        found.setdefault(name, []).append(" ".join(words(g)))
    return found


def look(picture, name):
    """The colours and dashes of a node's shapes."""
    shapes = [e for e in dict(groups(picture, "node"))[name].iter() if e.tag != f"{SVG}text"]
    found = {(key, e.get(key)) for e in shapes for key in ("fill", "stroke", "stroke-dasharray") if e.get(key)}
    return frozenset(found - {("fill", "none")})


def ground(picture, name):
    """The colour behind the gradient in a box, as three numbers; None where there is none."""
    box = dict(groups(picture, "node"))[name]
    fills = [e.get("fill") for e in box.iter() if e.tag in (f"{SVG}polygon", f"{SVG}path")]
    fills = [fill for fill in fills if fill not in ("none", "#e6f4ef", "#ffffff", "white", "#fff3cc", "#f4f4f4")]
    return tuple(bytes.fromhex(fills[-1][1:])) if fills else None


def legend(drawing):
    """What the legend says, and the colour of the ground on which it says it."""
    canvas = svg(drawing).find(f"{SVG}g")
    grounds = [e.get("fill") for e in canvas if e.tag in (f"{SVG}polygon", f"{SVG}path") and e.get("fill") != "none"]
    said = [e.text for e in canvas if e.tag == f"{SVG}text"]
    return dict(zip(said, grounds[-len(said) :], strict=True))


def plain(drawing):
    """The numbers that Graphviz gives of each node: its centre, x to the right and y upwards, width and height."""
    lines = [line.split() for line in drawing.pipe(format="plain", encoding="utf-8").splitlines()]
    return {fields[1]: tuple(map(float, fields[2:6])) for fields in lines if fields[0] == "node"}


def boxes(drawing):
    """The titles of the boxes around each node, outermost first."""
    objects = json.loads(drawing.pipe(format="dot_json", encoding="utf-8")).get("objects", [])
    around = {o["name"]: [] for o in objects if "nodes" not in o}
    for box in sorted((o for o in objects if "nodes" in o), key=lambda o: -len(o["nodes"])):
        for member in box["nodes"]:
            around[objects[member]["name"]].append(box["label"])
    return around


def ids(root):
    """The names in a picture of the nodes of a graph."""
    return {node: f"n{position}" for position, node in enumerate(topological_order(root))}


# Graphs of any size


def chain(size):
    y = Value(1.0)
    for _ in range(size - 1):
        y = sin(y)
    return y


def sum_of(count):
    """Two nodes and so many operands."""
    return fsum([Value(1.0)] * count)
