"""The environment of processes that tests start."""

import os
import sys


def unmeasured() -> dict[str, str]:
    """Return the environment of this process, but for what has coverage measured, which takes time and memory."""
    return {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}


def file_name(name: str) -> str:
    """Return a name of a file, without the letters that this machine's names of files cannot have."""
    return name.encode(sys.getfilesystemencoding(), "ignore").decode(sys.getfilesystemencoding())
