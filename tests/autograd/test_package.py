"""The package as a whole: what importing it loads and does, what it offers, and which file may import which."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import rules

PACKAGE = Path(autograd.__file__).parent
FILES = {path.stem: path for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
LINE = [
    "operation",
    "rules",
    "node",
    "clock",
    "modes",
    "chain",
    "accumulators",
    "copying",
    "methods",
    "peers",
    "value",
]  # each may import those before it


def fresh_python(code):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


# Importing


def test_import_loads_only_the_standard_library():
    code = "import sys; before = set(sys.modules); import autograd; print(*sorted(set(sys.modules) - before))"
    loaded = {name.partition(".")[0] for name in fresh_python(code).split()}
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


@pytest.mark.parametrize("name", autograd.__all__)
def test_public_name_exists_and_has_a_docstring_of_its_own(name):
    thing = getattr(autograd, name)
    assert thing.__doc__
    assert isinstance(thing, type) or thing.__doc__ != type(thing).__doc__


@pytest.mark.parametrize("name", rules.__all__)
def test_docstring_of_a_function_says_what_it_returns(name):
    assert getattr(autograd, name).__doc__.startswith("Return ")


def test_methods_have_the_docstrings_of_their_functions():
    assert autograd.Value.tanh.__doc__ == autograd.tanh.__doc__
    assert autograd.Value.leaky_relu.__doc__ == autograd.leaky_relu.__doc__


def test_star_import_gives_the_public_names():
    names = {}
    exec("from autograd import *", names)
    assert names.keys() - {"__builtins__"} == set(autograd.__all__)


def test_every_file_has_a_docstring():
    for path in PACKAGE.glob("**/*.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


# Imports form a line


def imported(nodes):
    """The modules that these statements import: those of the package by their short name, others by their first."""
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.level:
            names = [f"autograd.{node.module or alias.name}" for alias in node.names]
        elif node.module == "autograd":
            names = [f"autograd.{alias.name}" if alias.name in FILES else "autograd.__init__" for alias in node.names]
        else:
            names = [node.module]
        for name in names:
            first, _, rest = name.partition(".")
            yield rest.partition(".")[0] if first == "autograd" else first


def import_statements(module):
    """Two lists of import statements: those that run with the file, and those inside functions; neither for typing."""
    at_once, later = [], []

    def visit(node, found):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.append(node)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for child in node.orelse:
                visit(child, found)
        else:
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for child in ast.iter_child_nodes(node):
                visit(child, later if inside else found)

    visit(ast.parse(FILES[module].read_text(encoding="utf-8")), at_once)
    return at_once, later


AT_ONCE = {module: set(imported(import_statements(module)[0])) for module in FILES}
LATER = {module: set(imported(import_statements(module)[1])) for module in FILES}


def test_parsed_imports_are_those_of_the_files():
    assert {"node", "rules", "operation"} <= AT_ONCE["value"]
    assert "numpy" in LATER["operation"]


@pytest.mark.parametrize("module", LINE)
def test_foundations_import_only_what_stands_before_them(module):
    allowed = set(LINE[: LINE.index(module)])
    nodes = ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8")))  # those for typing only, too
    statements = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert set(imported(statements)) & FILES.keys() <= allowed


def test_table_knows_no_value_and_no_node():
    assert AT_ONCE["rules"] & FILES.keys() == {"operation"}
    assert AT_ONCE["operation"] & FILES.keys() == set()


@pytest.mark.parametrize("module", sorted(FILES))
def test_no_file_imports_the_package_itself_or_nn(module):
    assert not (AT_ONCE[module] | LATER[module]) & {"__init__", "", "nn"}


def test_imports_have_no_cycle():
    remaining = {module: names & FILES.keys() for module, names in AT_ONCE.items()}
    while remaining:
        ready = {module for module, names in remaining.items() if not names & remaining.keys()}
        assert ready, f"a cycle among {sorted(remaining)}"
        remaining = {module: names for module, names in remaining.items() if module not in ready}


def is_heavy(module):
    """Whether importing it loads more than the standard library."""
    if module not in FILES:
        return module not in sys.stdlib_module_names
    return any(map(is_heavy, AT_ONCE[module]))


@pytest.mark.parametrize("module", sorted(FILES))
def test_imports_inside_functions_are_of_heavy_dependencies_only(module):
    assert all(map(is_heavy, LATER[module]))
