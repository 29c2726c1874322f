"""Object cache: compiled machine code on disk, so that the next process need not compile it.

A file has the code for one text on one processor, after a digest of it. One that is not what it says, or that somebody
else wrote, is ignored and written anew; where nothing can be written, nothing is kept.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

from autograd.files import write_atomically

DIGEST = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Return the user's folder of caches for this package."""
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    return Path(os.environ.get(variable) or Path.home() / ".cache") / "scalar-autograd"


class ObjectFile:
    """The file of a compiled text, by a key that names all that the code depends on."""

    def __init__(self, key: str) -> None:
        self.name = f"{hashlib.sha256(key.encode()).hexdigest()}.o"

    def read(self) -> bytes | None:
        """Return the code; None if there is none, or it cannot be trusted."""
        with suppress(OSError, RuntimeError):  # a RuntimeError: there is no home
            with (cache_folder() / self.name).open("rb") as file:
                if sys.platform != "win32" and os.fstat(file.fileno()).st_uid != os.getuid():
                    return None
                contents = file.read()
            code = contents[DIGEST:]
            if code and contents[:DIGEST] == self._digest(code):
                return code
        return None

    def write(self, code: bytes) -> None:
        """Keep the code, where that is possible."""
        with suppress(OSError, RuntimeError):
            folder = cache_folder()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(folder / self.name, self._digest(code) + code)

    def _digest(self, code: bytes) -> bytes:
        return hashlib.sha256(self.name.encode() + code).digest()
