"""`python -m nn` in this process and in others, and the tables it is given."""

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import nn
from nn.__main__ import main

PNG = b"\x89PNG\r\n\x1a\n"
QUICK = ["--epochs", "2", "--hidden", "3"]
ERROR = r"python -m nn: error: [^\n]*{}[^\n]*\n"
VARIABLES = {"PYTHONPATH": str(Path(nn.__file__).parent.parent), "COLUMNS": "80"}
COMMAND = [sys.executable, "-W", "error", "-m", "nn"]


def run(*arguments):
    """Return the exit code of the command, and what it writes to stdout and stderr."""
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as exit_:
            code = exit_.code
    return code, out.getvalue(), error.getvalue()


def output(*arguments):
    """Return what a run writes that is right."""
    code, out, error = run(*arguments)
    assert (code, error) == (0, "")
    return out


def refused(*arguments):
    """Return the one line that a run ends with that writes nothing else."""
    code, out, error = run(*arguments)
    assert (code, out) == (1, "")
    assert re.fullmatch(ERROR.format(""), error)
    return error


def mistaken(*arguments):
    """Return the one line that a command ends with that is no right one."""
    code, out, error = run(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"python -m nn.*: error: .*; see python -m nn.* --help\n", error)
    return error


def process(*arguments, **options):
    """Start the command in a process of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": os.environ | VARIABLES, **options}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], **options)


def write(path, names, rows, delimiter=","):
    path.write_text("\n".join(delimiter.join(map(str, row)) for row in [names, *rows]) + "\n", encoding="utf-8")
    return path


def files(folder):
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())
