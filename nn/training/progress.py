"""Progress bar: drawn in a terminal or a notebook, silent elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

LAYOUT = "{n_fmt}/{total_fmt} {unit}s [{elapsed}<{remaining}]{postfix} {bar}"  # the numbers first: lines are cut
INTERVAL = 0.2  # seconds between two drawings in the middle of an epoch


def bar(total: int, shown: bool, unit: str = "epoch") -> NoBar:
    """Return a bar over so many epochs, as tqdm draws it in a terminal or a notebook; else one that shows nothing."""
    watched = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
    if not (shown and watched):
        return NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm: python -m pip install tqdm, or pass progress=False") from error
    # On a terminal the bar takes what the numbers leave.
    layout = {} if "ipykernel" in sys.modules else {"bar_format": LAYOUT}
    return Bar(tqdm(total=total, unit=unit, **layout))


class NoBar:
    """A silent progress bar: it is told of progress, and shows nothing."""

    def step(self, batch: int, batches: int) -> None:
        """Show that so many batches of an epoch are done."""

    def advance(self, text: str, count: int = 1) -> None:
        """Show that one more is done, or so many, with a line about it."""

    def __enter__(self) -> NoBar:
        return self

    def __exit__(self, *error: object) -> None:
        """End the bar."""


class Bar(NoBar):
    """A bar that is drawn a few times a second, however long epochs take, and however short they are."""

    def __init__(self, drawn: Any) -> None:
        self.drawn = drawn
        self.latest = ""
        self.moment = time.monotonic()

    def step(self, batch: int, batches: int) -> None:
        """Show that so many batches of an epoch are done, if nothing was drawn lately."""
        now = time.monotonic()
        if batch < batches and now - self.moment >= INTERVAL:
            self.moment = now
            self.drawn.set_postfix_str(", ".join(filter(None, [self.latest, f"batch {batch} of {batches}"])))

    def advance(self, text: str, count: int = 1) -> None:
        """Show that one more is done, or so many, with a line about it; tqdm draws this only now and then."""
        self.latest = text
        self.drawn.set_postfix_str(text, refresh=False)
        if self.drawn.update(count):
            self.moment = time.monotonic()

    def __exit__(self, *error: object) -> None:
        self.drawn.close()
