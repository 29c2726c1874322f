"""Rendering of drawings: by Graphviz's command `dot`, or by PyPI's port of it where no Graphviz is installed.

Only `draw` imports this file, since it needs the graphviz package.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import graphviz
from graphviz.backend import dot_command

from autograd.engine import Value
from autograd.pictures.text import text

NO_LAYOUT = (
    "a drawing is laid out by the dot command, and neither Graphviz nor graphviz-pure was found; "
    "python -m pip install graphviz-pure brings one that needs no system package"
)


class Drawing(graphviz.Digraph):
    """A `graphviz.Digraph` of the graph of a Value: `render`, `save`, `pipe` and `source` are Graphviz's own.

    In a notebook it shows itself as a picture, and as lines of Python where nothing is installed to lay it out.
    """

    root: Value | None = None  # of the whole drawing; its boxes are subgraphs, which Graphviz makes of the same class

    def pipe(self, *arguments: Any, **options: Any) -> Any:
        """Return the picture, as `graphviz.Digraph.pipe` does."""
        with _layout():
            return super().pipe(*arguments, **{"quiet": True, **options})

    def render(self, *arguments: Any, **options: Any) -> str:
        """Write the picture to a file, as `graphviz.Digraph.render` does, and return the file's name."""
        with _layout():
            return super().render(*arguments, **{"quiet": True, **options})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **options: Any) -> dict[str, bytes | str]:
        lines = self.source if self.root is None else text(self.root)
        try:
            bundle: dict[str, bytes | str] = super()._repr_mimebundle_(include, exclude, **options)
            if include is None and "text/plain" not in (exclude or ()):
                bundle["text/plain"] = lines  # for where pictures are not trusted, and where none can be shown
            return bundle
        except graphviz.ExecutableNotFound as error:
            return {"text/plain": f"{lines}\n\n({error})"}


class LayoutNotFound(graphviz.ExecutableNotFound):
    """Nothing is installed that lays out a drawing."""

    def __init__(self) -> None:
        RuntimeError.__init__(self, NO_LAYOUT)


_lock = threading.Lock()


@contextmanager
def _layout() -> Iterator[None]:
    """Let Graphviz's own command lay the picture out, or graphviz-pure where there is none."""
    with _lock:  # the graphviz package keeps the name of the command in one place for all threads
        command = dot_command.DOT_BINARY
        if shutil.which(command) is None:
            beside_python = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
            found = [path for place in (None, *beside_python) if (path := shutil.which("graphviz-pure", path=place))]
            if not found:
                raise LayoutNotFound
            dot_command.DOT_BINARY = Path(found[0])
        try:
            yield
        finally:
            dot_command.DOT_BINARY = command
