"""Imports of the packages as a picture: `python docs/house.py` writes docs/house.svg."""

import ast
from pathlib import Path

from autograd.pictures.rendering import Drawing

HERE = Path(__file__).parent
ROOT = HERE.parent
ORDER = ["rules", "engine", "functions", "checks", "compiler", "pictures", "export"]


def room(parts: tuple[str, ...]) -> str:
    """Return the room in which a file stands, "nn" for all of nn."""
    return "nn" if parts[0] == "nn" else "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def arrows() -> set[tuple[str, str]]:
    """Return which room imports from which."""
    found = set()
    for path in [*ROOT.glob("autograd/**/*.py"), *ROOT.glob("nn/**/*.py")]:
        mine = room(path.relative_to(ROOT).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("autograd", "nn"):
                theirs = room((*node.module.split("."), "a name"))
                if mine != theirs:
                    found.add((mine, theirs))
    return found


def direct() -> set[tuple[str, str]]:
    """Return the arrows that do not follow from others."""
    found = arrows()
    after = {a: {b for x, b in found if x == a} for a, _ in found}

    def reached(start: str) -> set[str]:
        others = after.get(start, set())
        return others.union(*map(reached, others))

    names = {(a, b) for a, b in found if not any(b in reached(c) for c in after[a])}
    return {(a.removeprefix("autograd/"), b.removeprefix("autograd/")) for a, b in names}


def picture() -> Drawing:
    """Return the rooms, each above those it stands on."""
    graph = Drawing(graph_attr={"rankdir": "TB", "bgcolor": "transparent"})
    graph.attr("node", shape="box", style="rounded,filled", fillcolor="white", fontname="sans-serif")
    for a, b in sorted(direct()):
        graph.edge(a, b)
    return graph


if __name__ == "__main__":
    (HERE / "house.svg").write_text(picture().pipe(format="svg", encoding="utf-8"), encoding="utf-8")
