"""Rendering of drawings: by Graphviz's command `dot`, by PyPI's port of it where none is installed, or by a function.

Only `draw` imports this file, since it needs the graphviz package. A layout ends in time or is an error: how long it
takes cannot be told beforehand.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import graphviz
from graphviz.backend import dot_command

from autograd.engine import Value, topological_order
from autograd.files import path_of, path_with_ending, write_atomically
from autograd.pictures.text import names_of, text

NO_LAYOUT = (
    "a drawing is laid out by the dot command, and neither Graphviz nor graphviz-pure was found; "
    "python -m pip install graphviz-pure brings one that needs no system package"
)

LAYOUT_SECONDS = 60.0
PICTURES = graphviz.FORMATS - {"gv", "dot"}  # which end the names of sources
DESCRIBED = 60  # nodes, at most, that the description of a picture lists


class Drawing(graphviz.Digraph):
    """A `graphviz.Digraph` of the graph of a Value: `render`, `save`, `pipe` and `source` are Graphviz's own.

    In a notebook it shows itself as a picture, and as lines of Python where nothing is installed to lay it out. As SVG
    it has a title and a description for who does not see it. Laying it out raises TimeoutError after `LAYOUT_SECONDS`.

    `Drawing.layout` is a function of the source and the format, "svg" say, that returns the picture in place of a
    command; so in Python that runs in a browser, viz.js can do it:

        Drawing.layout = lambda source, format: viz.renderString(source, {"format": format})
    """

    layout: Callable[[str, str], str | bytes] | None = None

    root: Value | None = None  # of the whole drawing; its boxes are subgraphs, which Graphviz makes of the same class

    def pipe(
        self,
        format: str | None = None,  # noqa: A002 the graphviz package names it
        *arguments: Any,
        encoding: str | None = None,
        **options: Any,
    ) -> Any:
        """Return the picture, as `graphviz.Digraph.pipe` does."""
        kind = format or self.format
        if arguments or {key for key in options if key != "quiet"}:  # what only Graphviz's own knows
            with _layout():
                picture = super().pipe(format, *arguments, **{"quiet": True, **options})
        else:
            picture = self._laid_out(kind)
        if kind == "svg" and self.root is not None:
            picture = _described(picture.decode(), self.root).encode()
        return picture if encoding is None else picture.decode(encoding)

    def save(self, filename: Any = None, directory: Any = None, *, skip_existing: Any = False) -> str:
        """Write the source to a file, as `graphviz.Digraph.save` does, whole or not at all; return the file's name."""
        given = path_of(self.filename if filename is None else filename).name
        path_with_ending(given, ".gv", "the source of a drawing", f"; render({given!r}) writes a picture")
        return self._save_source(filename, directory, skip_existing=skip_existing)

    def _save_source(self, filename: Any, directory: Any, *, skip_existing: Any = False) -> str:
        if filename is not None:
            self.filename = filename
        if directory is not None:
            self.directory = directory
        target = Path(self.filepath)
        if not (skip_existing and target.exists()):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, "".join(self).encode(self.encoding))
        return str(self.filepath)

    def render(
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,  # noqa: A002 the graphviz package names it
        **options: Any,
    ) -> str:
        """Write the picture to a file, and return the file's name.

        A name that ends in a format, such as "graph.svg", is that of the picture, which is all that is written. Another
        name is that of the source, as for `graphviz.Digraph.render`: with `format="svg"`, "graph" is written, and the
        picture beside it as "graph.svg".
        """
        names = [path_of(name) for name in (filename, options.get("outfile")) if name is not None]
        ending = names[0].suffix[1:].lower() if len(names) == 1 else ""  # of two, one is that of the source
        if ending in PICTURES and format in (None, ending):
            target = Path(self.directory if directory is None else directory, names[0])
            options = {"view": view, **options, "outfile": None}
            return self._render_alone(target, ending, **options)
        if options:  # what only Graphviz's own knows
            options = {"quiet": True, "directory": directory, "view": view, "cleanup": cleanup, **options}
            with _layout():
                return super().render(filename, format=format, **options)
        picture = self.pipe(format)  # before the source is written, so that nothing is left where this fails
        source = self._save_source(filename, directory)
        target = Path(f"{source}.{format or self.format}")
        try:
            write_atomically(target, picture)
        finally:
            if cleanup:
                Path(source).unlink()
        if view:
            self._view(str(target), format=format or self.format, quiet=True)
        return str(target)

    def _render_alone(
        self,
        target: Path,
        kind: str,
        *,
        view: bool,
        outfile: None,
        quiet_view: bool = False,
        overwrite_source: bool = False,  # there is none
        raise_if_result_exists: bool = False,
        **options: Any,
    ) -> str:
        """Write the picture without its source; the options are Graphviz's."""
        if raise_if_result_exists and target.exists():
            raise graphviz.FileExistsError(f"output file exists: {str(target)!r}")
        picture = self.pipe(kind, **options)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, picture)
        if view or quiet_view:
            self._view(str(target), format=kind, quiet=True)
        return str(target)

    def _laid_out(self, kind: str) -> bytes:
        """Return the picture as the function or the command gives it."""
        if (layout := type(self).layout) is not None:
            picture = layout(self.source, kind)
            return picture.encode() if isinstance(picture, str) else picture
        with _layout():
            command = [str(dot_command.DOT_BINARY), f"-K{self.engine}", f"-T{kind}"]
        try:
            run = subprocess.run(  # noqa: S603 Graphviz's own command
                command, input=self.source.encode(), capture_output=True, timeout=LAYOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"laying this graph out takes more than {LAYOUT_SECONDS:g} seconds; draw a part: draw(root, depth=4), "
                "or draw(node) of a node nearer to the leaves; text(root) lists all of it"
            ) from None
        if run.returncode and b"not recognized. Use one of" in run.stderr:
            raise ValueError(f"a drawing is laid out by {command[0]}, and it says: {run.stderr.decode().strip()}")
        if run.returncode:
            raise graphviz.CalledProcessError(run.returncode, command, output=run.stdout, stderr=run.stderr)
        return run.stdout

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **options: Any) -> dict[str, bytes | str]:
        lines = self.source if self.root is None else text(self.root)
        try:
            bundle: dict[str, bytes | str] = super()._repr_mimebundle_(include, exclude, **options)
            if include is None and "text/plain" not in (exclude or ()):
                bundle["text/plain"] = lines  # for where pictures are not trusted, and where none can be shown
            return bundle
        except (graphviz.ExecutableNotFound, TimeoutError) as error:
            return {"text/plain": f"{lines}\n\n({error})"}


def _described(picture: str, root: Value) -> str:
    """Return an SVG with its role, and with its title and its description as words."""
    order = topological_order(root)
    name = root.label or names_of(order)[root]
    told = text(root) if len(order) <= DESCRIBED else f"{len(order):,} numbers lead to {root.number:.4g}."
    printable = "".join(letter if letter.isprintable() else " " for letter in f"The graph of {name}")
    title, description = html.escape(printable), html.escape(told, quote=False)
    start, opening, rest = picture.partition("<svg ")
    if not opening:
        return picture
    attributes, end, inside = rest.partition(">")
    named = f'{start}{opening}role="img" aria-label="{title}" {attributes}{end}'
    return f"{named}<title>{title}</title><desc>{description}</desc>{inside}"


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
