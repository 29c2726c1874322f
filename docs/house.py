"""Imports of the packages as a picture: `python docs/house.py` writes docs/house.svg."""

import ast
from pathlib import Path

from autograd.pictures.rendering import Drawing

HERE = Path(__file__).parent
ROOT = HERE.parent
ORDER = ["rules", "engine", "functions", "checks", "compiler", "pictures", "export"]


def room(module: list[str]) -> str:
    """Return the room of a module: the folder or the file below `autograd`; all of nn is one."""
    return "nn" if module[0] == "nn" else ".".join(module[:2]).removesuffix(".__init__")


def arrows() -> set[tuple[str, str]]:
    """Return which room imports from which."""
    found = set()
    for path in [*ROOT.glob("autograd/**/*.py"), *ROOT.glob("nn/**/*.py")]:
        mine = room(list(path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("autograd", "nn"):
                for alias in node.names:
                    theirs = [*node.module.split("."), alias.name]
                    there = (ROOT / theirs[0] / theirs[1]).is_dir() or (ROOT / theirs[0] / f"{theirs[1]}.py").is_file()
                    found.add((mine, room(theirs) if there else theirs[0]))
    return {(a, b) for a, b in found if a != b}


def direct() -> set[tuple[str, str]]:
    """Return the arrows that do not follow from others."""
    found = arrows()
    after = {a: {b for x, b in found if x == a} for a, _ in found}

    def reached(start: str) -> set[str]:
        others = after.get(start, set())
        return others.union(*map(reached, others))

    names = {(a, b) for a, b in found if not any(b in reached(c) for c in after[a])}
    return {(a.removeprefix("autograd."), b.removeprefix("autograd.")) for a, b in names}


def picture() -> Drawing:
    """Return the rooms, each above those it stands on."""
    graph = Drawing(graph_attr={"rankdir": "TB", "bgcolor": "transparent"})
    graph.attr("node", shape="box", style="rounded,filled", fillcolor="white", fontname="sans-serif")
    for a, b in sorted(direct()):
        graph.edge(a, b)
    return graph


if __name__ == "__main__":
    (HERE / "house.svg").write_text(picture().pipe(format="svg", encoding="utf-8"), encoding="utf-8")
