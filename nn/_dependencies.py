"""Dependency check: the `autograd` that nn stands on is this project's, and not HIPS autograd installed over it."""

from pathlib import Path

import autograd.installation

for _folder in autograd.__path__:
    autograd.installation.check_installation(Path(_folder))
