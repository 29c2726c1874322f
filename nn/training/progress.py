"""Progress bar: drawn in a terminal or a notebook, silent elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

LAYOUT = "{n_fmt}/{total_fmt} epochs [{elapsed}<{remaining}]{postfix} {bar}"  # the numbers first: lines are cut
INTERVAL = 0.2  # seconds between two drawings in the middle of an epoch


def bar(total: int, shown: bool) -> NoBar:
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
    return Bar(tqdm(total=total, unit="epoch", **layout))


class NoBar:
    """A silent progress bar: it is told of progress, and shows nothing."""

    def step(self, batch: int, batches: int) -> None:
        """Show that so many batches of an epoch are done."""

    def epoch(self, text: str) -> None:
        """Show that an epoch is done, and its numbers."""

    def __enter__(self) -> NoBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


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

    def epoch(self, text: str) -> None:
        """Show that an epoch is done, and its numbers; tqdm itself draws this only now and then."""
        self.latest = text
        self.drawn.set_postfix_str(text, refresh=False)
        if self.drawn.update():
            self.moment = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drawn.close()
