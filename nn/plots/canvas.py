"""A Matplotlib figure that shows itself in a notebook, whether or not `matplotlib.pyplot` was imported there.

Only `nn.plots` imports this file, since it needs Matplotlib. A figure made without pyplot, as those of `nn.plots` are,
belongs to no global state and needs no closing; but then IPython knows no way to show it either, unless it says one.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import matplotlib.figure

from autograd.files import write_whole


class Figure(matplotlib.figure.Figure):
    """A `matplotlib.figure.Figure` that is a picture in a notebook, and a file whole or not at all."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the figure to a file, as Matplotlib's own `savefig` does, whole or not at all."""
        if not isinstance(fname, (str, os.PathLike)):  # a file that is open
            super().savefig(fname, **options)
            return
        name, kind, picture = os.fspath(fname), options.pop("format", None), io.BytesIO()
        if kind is None and not (kind := Path(name).suffix[1:]):
            kind = self.canvas.get_default_filetype()
            name = f"{name.rstrip('.')}.{kind}"
        super().savefig(picture, format=kind, **options)
        write_whole(name, picture.getvalue())

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()
