"""Interrupt handling: Ctrl-C (KeyboardInterrupt) at moments where Python code cannot be interrupted safely.

Python raises it where a function begins, among others. Where that is the `__exit__` of a `with`, its block is not left.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from autograd import Value


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C wait until a block is done, such as the import of NumPy, which takes it for a broken installation.

    >>> _ = signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup may have it ignored
    >>> try:
    ...     with interrupts_wait():
    ...         signal.raise_signal(signal.SIGINT)
    ...         print("done")
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    done
    interrupted
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])


@contextmanager
def scopes_closed() -> Iterator[None]:
    """Close after a block the scopes that were opened in it, and which Ctrl-C has left open.

    >>> from autograd import scope
    >>> with scopes_closed():
    ...     part = scope("part").__enter__()
    >>> print(Value(1.0).scope)
    None
    """
    outer = Value(0.0).scope
    try:
        yield
    finally:
        while (innermost := Value(0.0).scope) is not None and innermost is not outer:
            innermost.__exit__()
