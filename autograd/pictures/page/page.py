"""HTML page of a graph: explorer.html, with the style and the scripts that stand beside it, the graph and its rules.

Its policy names each script and the style by their hashes, so nothing else runs on it and nothing is fetched, whatever
a label says.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from autograd.engine import Value
from autograd.files import path_with_ending, write_atomically
from autograd.pictures.drawing import draw
from autograd.pictures.page._model import computation as computation
from autograd.pictures.page._model import graph
from autograd.pictures.page._model import json_number as json_number
from autograd.pictures.style import colour_sheet

HERE = Path(__file__).parent
# Each uses only what stands in those before it.
SCRIPTS = (
    *("functions", "numbers", "graph", "plan", "arrangement", "elements", "viewport"),
    *("words", "derivation", "story", "questions", "picture", "inputs", "panels", "lecture", "keys", "view"),
)


class HtmlPage:
    """A page of one file about the graph of a root; `html` is its source, and a notebook shows it in a frame."""

    height: ClassVar[int] = 720  # in a notebook, in pixels
    sandbox: ClassVar[str] = "allow-scripts"  # what the frame allows

    def __init__(self, root: Value, source: str, description: str) -> None:
        self.root = root
        self.html = source
        self.description = description

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, whole or not at all, and return the file's path."""
        target = path_with_ending(path, ".html", "a page")
        write_atomically(target, self.html.encode())
        return target

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, from which its script reaches nothing of the notebook."""
        return (
            f'<iframe sandbox="{self.sandbox}" title="{html.escape(self.description)}" '
            f'width="100%" height="{self.height}" style="border:0;width:100%;height:{self.height}px" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **options: Any) -> dict[str, Any]:
        """Return the page, and for where no script runs, such as a notebook that is only read, a drawing."""
        bundle = {"text/html": self._repr_html_(), "text/plain": repr(self)}
        with suppress(ValueError, OSError, RuntimeError, subprocess.CalledProcessError):  # too large, or no layout
            bundle["image/svg+xml"] = draw(self.root).pipe(format="svg", encoding="utf-8")
        return bundle


class Explorer(HtmlPage):
    """The page of the graph of a Value; `html` is its source.

    >>> Explorer(Value(2.0, "a") * 3).html.startswith("<!doctype html>")
    True
    """

    def __init__(self, root: Value) -> None:
        model, rules = graph(root)
        self.title = " = ".join(filter(None, [model["title"], model["formula"]]))
        self.nodes = len(model["nodes"])
        source = put_together(
            HERE / "explorer.html",
            title=model["title"],
            style=shared_style() + read_file(HERE / "explorer.css"),
            model=model,
            script=shared_scripts(*SCRIPTS),
            start=f"start({rules});",
        )
        super().__init__(root, source, f"The graph of {self.title}")

    def __repr__(self) -> str:
        return f"<page of {self.title}, {self.nodes} node{'s' if self.nodes > 1 else ''}>"


def put_together(template: Path, *, title: str, style: str, model: Any, script: str, start: str) -> str:
    """Return a page: a template with its style, its model as JSON, its script, and the call that starts it.

    A script that holds `</script` would end there, so numbers and names go into the model, not into a script.
    """
    parts = {
        "title": html.escape(title.encode("utf-8", "replace").decode()),
        "policy": f"default-src 'none'; script-src {_hash(script)} {_hash(start)}; style-src {_hash(style)}; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "graph": _escaped(json.dumps(model, separators=(",", ":"), allow_nan=False)),
        "script": script,
        "start": start,
    }
    pieces = read_file(template).split("{{")
    return pieces[0] + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:]))


def shared_scripts(*names: str) -> str:
    """Return scripts that stand beside this file, one after the other."""
    return "\n".join(read_file(HERE / f"{name}.js") for name in names)


def shared_style() -> str:
    """Return the style that all pages begin with: the colours, and what looks alike."""
    return colour_sheet() + read_file(HERE / "shared.css")


def read_file(path: Path) -> str:
    """Return a part of a page without what nobody runs: indentation, a fifth of the page, and comments, a tenth."""
    source = path.read_text(encoding="utf-8")
    return re.sub(r"^[ ]*(?:/\*(?s:.*?)\*/\n|//(?! biome).*\n)?", "", source, flags=re.MULTILINE)


def _escaped(source: str) -> str:
    """Return JSON in which no string ends or opens a script element; other letters than ASCII are escaped already."""
    return source.replace("<", "\\u003c")


def _hash(source: str) -> str:
    """Return the source of a script or style as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
