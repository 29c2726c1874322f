"""Installation check: HIPS autograd, the other distribution with this import name, in the same environment.

Both install into one folder `autograd/`, and whichever comes second overwrites `__init__.py` of the first. If that is
ours, it looks for their files. If it is theirs, the first that it imports is `autograd.core`, which is a folder of
ours. Where the two lie in two folders, as with an editable installation, the first of `sys.path` is imported, and
`import nn` tells if that is theirs.
"""

import sys
from pathlib import Path


def check_installation(folder: Path) -> None:
    """Raise an ImportError where the folder of the package holds files of HIPS autograd too.

    >>> check_installation(Path(__file__).parent)
    """
    theirs = [name for name in ("differential_operators.py", "tracer.py") if (folder / name).exists()]
    if theirs or not (folder / "__init__.py").exists():
        raise ImportError(
            f"{folder} is not the package of scalar-autograd alone: it "
            + (f"holds {' and '.join(theirs)} of HIPS autograd" if theirs else "has lost its __init__.py")
            + ". PyPI's autograd (HIPS) and scalar-autograd have the same import name and can't share an environment. "
            "Keep one here: `python -m pip uninstall -y autograd scalar-autograd`, then `python -m pip install` the "
            "one you want; and make another environment for the other (`python -m venv`)."
        )


def check_interpreter_lock() -> None:
    """Raise an ImportError where Python runs without its global interpreter lock, on which the engine relies."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise ImportError(
            "scalar-autograd needs Python's global interpreter lock (GIL): without it, two threads that make numbers "
            "at once could mix their graphs. Start this free-threaded Python with PYTHON_GIL=1 or `python -X gil=1`."
        )
