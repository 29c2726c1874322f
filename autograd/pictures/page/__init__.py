"""Explorer: an interactive page that steps through a graph, forwards and backwards, and lets its numbers be changed.

The page is one file without any network: the graph as JSON, the rules of its operations as JavaScript, and the
explorer.html, .css and .js that stand beside this file. Nothing of it is loaded before a page is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograd.engine import Value

if TYPE_CHECKING:
    from autograd.pictures.page.page import Explorer


def explore(root: Value) -> Explorer:
    """Return a page that walks through the graph of a Value, forwards and backwards, and lets its leaves be changed.

    It shows itself in a notebook; `save("page.html")` writes it as one file that needs no network. What was made in one
    `scope`, such as the call of a Neuron, folds; boxes are open as far as the window holds them. Constants, such as the
    inputs of a network, can be changed too. An own operation is recomputed on the page if its functions are made
    of arithmetic and functions of autograd or NumPy; of others, and of a choice by a plain bool such as that of x > 0,
    whose condition is not in the graph, the page knows the present numbers only.

    Raises ValueError for a graph that is too large, RuntimeError if a leaf was changed after the graph was built.

    >>> a, b = Value(2.0, "a"), Value(-3.0, "b")
    >>> explore(a * b + a)
    <page of v2 = a × b + a, 4 nodes>
    """
    try:
        from autograd.pictures.page.page import Explorer
    except ImportError as error:
        raise ImportError(
            f"explore needs the {error.name} package: python -m pip install 'scalar-autograd[draw]'; "
            "text(root) needs nothing"
        ) from error
    return Explorer(root)
