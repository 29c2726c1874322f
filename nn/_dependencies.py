"""Dependency check: `autograd` is this project's, not HIPS autograd, which installs under the same name."""

import importlib.util
import runpy
from pathlib import Path

# Neither of the two packages is imported before it is known which one it is.
_check = runpy.run_path(str(Path(__file__).parent.parent / "autograd" / "installation.py"))["check_installation"]
_found = importlib.util.find_spec("autograd")
for _folder in (_found and _found.submodule_search_locations) or ():
    _check(Path(_folder))
