"""The user's frame in the call stack: the line that errors and warnings name, since it is the one to be changed."""

from __future__ import annotations

import collections
import functools
import os
import sys
import warnings
from pathlib import Path
from types import FrameType

PACKAGE = Path(__file__).parent
FOLDERS = tuple(f"{folder}{os.sep}" for folder in (PACKAGE, PACKAGE.parent / "nn"))  # of the project
GENERATED = "<autograd"  # how the name of a file begins that is the source of a program


def users_frame() -> FrameType:
    """Return the innermost frame that is neither of this project nor of NumPy, a cached property or a key."""
    ours = (functools.__file__, GENERATED, *FOLDERS)
    if numpy := sys.modules.get("numpy"):
        ours += (f"{Path(numpy.__file__ or '').parent}{os.sep}",)
    frame = sys._getframe(1)
    while (frame.f_code.co_filename.startswith(ours) or is_of_keys(frame)) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def is_of_keys(frame: FrameType) -> bool:
    """Whether a frame is that of a hash, as dataclasses have, or of a Counter, which ask for hashes in their turn."""
    return frame.f_code.co_name == "__hash__" or frame.f_code.co_filename == collections.__file__


def warn(message: str) -> None:
    """Issue a RuntimeWarning at the user's line, be the call as deep as it is.

    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("training is not compiled")
    >>> caught[0].category.__name__, caught[0].lineno
    ('RuntimeWarning', 3)
    """
    frame = users_frame()
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    place = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__")
    warnings.warn_explicit(message, RuntimeWarning, *place, registry)
