"""A Matplotlib figure that shows itself in a notebook, whether or not `matplotlib.pyplot` was imported there.

Only `nn.plots` imports this file, since it needs Matplotlib. A figure made without pyplot, as those of `nn.plots` are,
belongs to no global state and needs no closing; but then IPython knows no way to show it either, unless it says one.
"""

from __future__ import annotations

import io

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A `matplotlib.figure.Figure` that is a picture in a notebook; everything else is Matplotlib's own."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()
