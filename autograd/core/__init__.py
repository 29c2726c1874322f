"""Guard against HIPS autograd, installed over this package: its `__init__.py` begins by importing this name.

Python takes a folder before a file of the same name, so the import comes here, and ends with an error that says what is
installed twice. In an installation of this package alone nothing happens.
"""

from pathlib import Path

from autograd.installation import check_installation

check_installation(Path(__file__).parent.parent)
