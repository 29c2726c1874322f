"""Processes that tests start, and the environment that they run in."""

import json
import os
import subprocess
import sys
import traceback
from functools import cache


def unmeasured() -> dict[str, str]:
    """Return the environment of this process, but for what has coverage measured, which takes time and memory."""
    return {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}


def file_name(name: str) -> str:
    """Return a name of a file, without the letters that this machine's names of files cannot have."""
    return name.encode(sys.getfilesystemencoding(), "ignore").decode(sys.getfilesystemencoding())


def run_python(*arguments, before=(), cwd=None, timeout=300, **variables):
    """Run Python, which finds the modules that are found here; it has to end well."""
    environment = unmeasured() | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | variables
    run = subprocess.run(
        [*before, sys.executable, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True,
        errors="replace", timeout=timeout, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return run


@cache
def trouble(*arguments, before=()):
    """Return what a run of Python prints as JSON, what is wrong by name, each with all that it says on stderr."""
    run = run_python(*arguments, before=before, timeout=7200)
    return {name: [*told, *([run.stderr] * bool(told))] for name, told in json.loads(run.stdout).items()}


def forked(task):
    """Start a process that does a task and ends, with 1 where the task fails, and return its number."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        task()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
