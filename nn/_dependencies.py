"""Dependency check: the `autograd` that nn stands on is this project's, and not HIPS autograd."""

import importlib.util
import runpy
from pathlib import Path

# Neither of the two packages is imported before it is known which one it is.
_check = runpy.run_path(str(Path(__file__).parent.parent / "autograd" / "installation.py"))["check_installation"]
_found = importlib.util.find_spec("autograd")
for _folder in (_found and _found.submodule_search_locations) or ():
    _check(Path(_folder))
