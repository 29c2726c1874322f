"""Generated parts of README and docs: `python -m tests.readme` writes them, tests/test_readme.py compares."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from autograd import Value, draw, rules
from autograd.rules.operation import Family, Operation

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "docs" / "edges.md"]  # those with generated parts
PICTURE = ROOT / ".github" / "pictures" / "graph.svg"


def worked_example(inner: bool = False) -> Value:
    """The expression L = (a * b + c) * f; the nodes between may have labels too."""
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    L = (d := (e := a * b) + c) * f
    L.label = "L"
    if inner:
        e.label, d.label = "e", "d"
    return L


def example() -> Value:
    """The worked example after its backward pass: dL/da = b f = 6, dL/db = a f = -4, dL/dc = f = -2, dL/df = 4."""
    L = worked_example()
    L.backward()
    return L


def picture() -> str:
    """The SVG of the example, laid out by graphviz-pure, which writes the same bytes on every platform."""
    from graphviz.backend import dot_command

    command = shutil.which("graphviz-pure") or str(Path(sys.executable).parent / "graphviz-pure")
    default, dot_command.DOT_BINARY = dot_command.DOT_BINARY, Path(command)
    try:
        return draw(example()).pipe(format="svg", encoding="utf-8")
    finally:
        dot_command.DOT_BINARY = default


def functions() -> str:
    return " ".join(f"`{name}`" for name in sorted([*rules.FUNCTIONS, "softmax", "log_softmax"]))


def conventions() -> str:
    """The edges of the rows: what was chosen where the mathematics leaves a choice, or has a pole."""
    lines = ["| function | at | derivative |", "|---|---|---|"]
    for row in rules.TABLE.values():
        members = [row.member(constant) for constant in row.samples] if isinstance(row, Family) else [row]
        shown = set()
        for member in members:
            for operands, derivatives in member.edges.items():
                if not isinstance(row, Family) or derivatives not in shown:  # one member of a family for each outcome
                    lines.append(f"| `{call(member)}` | {numbers(operands, member)} | {numbers(derivatives)} |")
                shown.add(derivatives)
    return "\n".join(lines)


def call(row: Operation) -> str:
    return row.expression(*row.arguments)


def numbers(values: tuple[float, ...], row: Operation | None = None) -> str:
    if row is None:
        return ", ".join(f"{value:g}" for value in values)
    return ", ".join(f"{name} = {value:g}" for name, value in zip(row.arguments, values, strict=True))


def generated(page: str) -> str:
    """A page with its generated parts as they are now."""
    table = rf"\g<1>{conventions()}\n\g<2>"
    page = re.sub(r"(<!-- conventions -->\n).*?(<!-- end -->)", table, page, flags=re.S)
    return re.sub(r"(<!-- functions -->).*?(<!-- end -->)", lambda m: f"{m[1]}{functions()}{m[2]}", page, flags=re.S)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(generated(page.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
