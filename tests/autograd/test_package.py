"""The package as a whole: what importing it loads and does, what it offers, and which file may import which."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import rules
from autograd.installation import check_interpreter_lock
from tests.environment import run_python

PACKAGE = Path(autograd.__file__).parent


def fresh_python(code):
    run = run_python("-W", "error", "-c", code)
    assert run.stderr == ""
    return run.stdout


# Importing

USES = """
import sys
before = set(sys.modules)
from autograd import Value, grad, hessian, hvp, jacobian, jvp, vjp
from autograd.functions.structure import flatten
f, p = lambda p: p["a"][0] ** 3, {"a": [2.0, True]}
grad(f)(p), hessian(f)(p), hvp(f)(p, p), jvp(f, (p,), (p,)), vjp(f, p)[1](1.0), jacobian(f)(p)
numbers, structure = flatten([1, {"a": (Value(2.0), True)}])
structure.unflatten(numbers)
print(*sorted(set(sys.modules) - before))
"""


def test_import_and_derivatives_of_plain_numbers_load_only_the_standard_library():
    loaded = {name.partition(".")[0] for name in fresh_python(USES).split()}
    assert "autograd" in loaded
    assert loaded - sys.stdlib_module_names == {"autograd"}


STATE = """
import json, locale, logging, random, signal, sys, warnings
def state():
    root = logging.getLogger()
    return [repr(thing) for thing in (
        root.handlers, root.filters, root.level, root.manager.disable, sorted(root.manager.loggerDict),
        logging.lastResort, logging.raiseExceptions, logging.getLoggerClass(), logging.getLogRecordFactory(),
        logging._nameToLevel,
        warnings.filters, warnings.showwarning, warnings.formatwarning,
        sys.getrecursionlimit(), sys.excepthook, sys.displayhook, sys.stdout, sys.stderr, sys.path, sys.argv,
        sys.gettrace(), sys.getprofile(), locale.getlocale(), signal.getsignal(signal.SIGINT), random.getstate(),
    )]
import abc, ast, collections, contextlib, contextvars, functools, html, itertools, operator, threading, typing, weakref
before = state()
import autograd
print(json.dumps([before, state()]))
"""


def test_import_leaves_the_process_as_it_was():
    before, after = json.loads(fresh_python(STATE))
    assert len(before) == 25
    assert after == before


# What it offers


def test_all_is_sorted_and_without_duplicates():
    assert autograd.__all__ == sorted(set(autograd.__all__))
    assert rules.__all__ == sorted(set(rules.__all__))


def test_public_names_have_docstrings_of_their_own():
    for name in autograd.__all__:
        thing = getattr(autograd, name)
        assert thing.__doc__, name
        assert isinstance(thing, type) or thing.__doc__ != type(thing).__doc__, name
    for name in rules.__all__:
        assert getattr(autograd, name).__doc__.startswith("Return "), name
    assert autograd.Value.tanh.__doc__ == autograd.tanh.__doc__
    assert autograd.Value.leaky_relu.__doc__ == autograd.leaky_relu.__doc__


@pytest.mark.parametrize("name", rules.FUNCTIONS)
def test_documentation_of_an_operation_begins_with_the_term_of_the_field(name):
    row = rules.FUNCTIONS[name]
    assert len(row.title.split()) > 1
    assert f"{name}(" not in row.title
    assert inspect.getdoc(row).startswith(f"Return {row.title}")


def test_star_import_gives_the_public_names():
    names = {}
    exec("from autograd import *", names)
    assert names.keys() - {"__builtins__"} == set(autograd.__all__)


# HIPS autograd has the same import name


# The real ones are installed in either order by .ci/run.

HIPS = {  # what their files begin with, as far as it matters
    "__init__": "from autograd.core import make_vjp\nfrom .builtins import dict\nimport numpy_of_hips\n",
    **dict.fromkeys(["builtins", "core", "differential_operators", "tracer", "util"], "make_vjp = dict = None\n"),
}


def install_ours(folder):
    for package in (PACKAGE, PACKAGE.parent / "nn"):
        target = folder / package.name
        shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)


def install_theirs(folder):
    (folder / "autograd").mkdir(parents=True, exist_ok=True)
    for name, text in HIPS.items():
        (folder / "autograd" / f"{name}.py").write_text(text, encoding="utf-8")


def imported(name, *folders):
    """What Python says on stderr when it imports the package from the first of these folders that has it."""
    return subprocess.run(
        [sys.executable, "-S", "-c", f"import {name}"],  # -S: no editable installation
        cwd=folders[0], env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}, capture_output=True,
        text=True, timeout=300, check=False,
    ).stderr  # fmt: skip


BESIDE_IT = "holds differential_operators.py and tracer.py of HIPS autograd"


@pytest.mark.parametrize("installers", [(install_ours, install_theirs), (install_theirs, install_ours)])
def test_hips_autograd_in_the_same_folder_is_told_at_import_whichever_came_first(tmp_path, installers):
    for install in installers:
        install(tmp_path)
    for name in ("autograd", "nn"):
        said = imported(name, tmp_path)
        assert "ImportError: " in said
        assert BESIDE_IT in said
        assert "pip uninstall -y autograd scalar-autograd" in said


def test_hips_autograd_in_a_folder_before_ours_and_what_uninstalling_it_leaves_are_told_at_import_of_nn(tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    install_theirs(theirs)
    install_ours(ours)
    assert BESIDE_IT in imported("nn", theirs, ours)  # as an editable installation is found
    for name in ("autograd", "nn"):
        assert imported(name, ours, theirs) == ""
    install_theirs(ours)
    for name in HIPS:
        (ours / "autograd" / f"{name}.py").unlink()
    assert "has lost its __init__.py" in imported("nn", ours)


def test_free_threaded_python_is_told_at_import(monkeypatch):
    check_interpreter_lock()
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    with pytest.raises(ImportError, match="PYTHON_GIL=1"):
        check_interpreter_lock()
