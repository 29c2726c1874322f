"""Notebook display: where a cell ends with a Value its graph is shown while that is small, else one line.

Nobody waits for it but the first time, when what draws has to be loaded, and nothing that goes wrong on the way reaches
the cell: the picture is made in a thread, and who asked goes on without it when the time is over.
"""

from __future__ import annotations

import html
import subprocess
import threading

from autograd.engine import Value, shown_in_notebooks_by
from autograd.pictures.drawing import draw

SECONDS = 0.07  # a tenth of a second at most, with what a busy machine adds to it
FIRST = 5.0  # for the first picture of a process, which loads what draws it
MAX_NODES, MAX_ARROWS = 40, 80  # more is not read at a glance, and takes too long to lay out
MAX_COUNTED = 5000  # nodes and arrows are counted no further, so that a million takes no longer


@shown_in_notebooks_by
def bundle(root: Value) -> dict[str, str]:
    """Return what a notebook shows of a Value, by media type; what it does not hold is Python's own text."""
    attempt = _Attempt(root)
    try:
        attempt.start()
    except RuntimeError:  # no more threads, or none at all, as in a browser
        attempt.remark = "draw(root) draws it"
    else:
        attempt.join(SECONDS if _Attempt.drawn else max(SECONDS, FIRST))
    if attempt.picture:
        return {"image/svg+xml": attempt.picture}
    name = f"{root.label[:40]} = " if root.label else ""  # not `repr`, which needs a gradient that is a number
    summary = f"{name}{root.number!r}: {attempt.remark}"
    return {"text/html": f"<code>{html.escape(summary)}</code>"}


class _Attempt(threading.Thread):
    """The attempt to draw a graph, and what to say while there is no picture.

    It runs nobody's code but that of the modules whose parameters are drawn in their boxes; an error in there goes
    where those of threads go, and no picture comes of it.
    """

    drawn = False  # whether a picture was made in this process

    def __init__(self, root: Value) -> None:
        super().__init__(daemon=True)
        self.root = root
        self.picture = ""
        self.remark = "a graph whose picture is not drawn yet; draw(root) waits for it, text(root) lists its nodes"

    def run(self) -> None:
        """Draw the graph if it is small."""
        nodes, arrows = _counted(self.root)
        if nodes > MAX_NODES or arrows > MAX_ARROWS:
            number = f"{nodes:,} nodes" if nodes + arrows <= MAX_COUNTED else "thousands of nodes"
            self.remark = (
                f"the root of a graph of {number}; "
                "draw(root, depth=4) draws its last operations, text(root) lists all of it"
            )
            return
        try:
            self.picture = draw(self.root).pipe(format="svg", encoding="utf-8")
            _Attempt.drawn = True
        except (ImportError, OSError, RuntimeError, TypeError, ValueError, subprocess.CalledProcessError) as error:
            self.remark = f"the root of a graph of {nodes} nodes, without a picture: {error}"


def _counted(root: Value) -> tuple[int, int]:
    """Return the number of nodes and of arrows from their operands, both as far as they are counted."""
    seen, frontier, arrows = {root}, [root], 0
    while frontier and len(seen) + arrows <= MAX_COUNTED:
        for parent in frontier.pop().parents[:MAX_COUNTED]:
            arrows += 1
            if parent not in seen:
                seen.add(parent)
                frontier.append(parent)
    return len(seen), arrows
