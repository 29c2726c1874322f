"""The environment of processes that tests start."""

import os


def unmeasured() -> dict[str, str]:
    """Return the environment of this process, but for what has coverage measured, which takes time and memory."""
    return {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
