"""A progress bar where somebody is watching, and quiet elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


def bar(total: int, shown: bool) -> Any:
    """Return a bar over so many epochs, as tqdm draws it in a terminal or a notebook; else one that shows nothing."""
    watched = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
    if not (shown and watched):
        return _NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm: python -m pip install tqdm, or pass progress=False") from error
    return tqdm(total=total, unit="epoch")


class _NoBar:
    def __enter__(self) -> _NoBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self) -> None:
        """Count nothing."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """Show nothing."""
