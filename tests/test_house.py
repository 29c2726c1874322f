"""The house: imports form a line, rooms are entered by their doors, and a name means one thing."""

import ast
import functools
import html
import re
import runpy
from collections import defaultdict
from pathlib import Path

import pytest

import nn
from tests.mutation import equivalent, mutants

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted([*ROOT.glob("autograd/**/*.py"), *ROOT.glob("nn/**/*.py")])
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
# What is heavy or optional may be imported where it is used; what is ours may not.
LAZY = {
    *("numpy", "scipy", "sklearn", "pandas", "polars", "matplotlib"),
    *("PIL", "graphviz", "tqdm", "hypothesis", "IPython"),
    *("llvmlite", "mpmath", "sympy", "torch", "jax", "anywidget", "traitlets", "onnx"),
    "annotationlib",  # of Python 3.14
}


def module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def imports(path):
    """Yield every module of ours that a file imports, in types only too, and the import itself."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in MODULES else node.module), node


def room(path):
    """The folder in the package in which a file stands; the package itself for what stands in no room."""
    parts = path.relative_to(ROOT).parts
    return parts[:2] if len(parts) > 2 else parts[:1]


def test_imports_of_files_form_a_line():
    after = {name: {other for other, _ in imports(path) if other != name} for name, path in MODULES.items()}
    for name in MODULES:  # the first file of a package or a room stands for what is in it
        after[name] = {other for other in after[name] if not name.startswith(f"{other}.")}
    left = dict(after)
    while ready := [name for name, others in left.items() if not others & left.keys()]:
        for name in ready:
            del left[name]
    assert not left, "these files import each other in a circle"


def test_rooms_of_autograd_stand_in_a_line():
    line = ["rules", "engine", "functions", "checks", "compiler", "pictures", "export"]
    for path in FILES:
        mine = room(path)
        if mine[0] != "autograd" or len(mine) < 2:
            continue
        for name, _ in imports(path):
            other = room(MODULES[name])
            if len(other) == 2 and other != mine:
                assert line.index(other[1]) < line.index(mine[1]), f"{module(path)} imports {name}"


def nodes(kind):
    """Yield every node of a kind, after its file."""
    for path, tree in TREES.items():
        yield from ((path, node) for node in ast.walk(tree) if isinstance(node, kind))


def test_other_rooms_are_entered_by_their_public_names():
    for path, node in nodes(ast.ImportFrom):
        names = [*(node.module or "").split("."), *[alias.name for alias in node.names]]
        private = [name for name in names if name.startswith("_")]
        if private and names[0] in ("autograd", "nn"):
            its_own = node.module in MODULES and room(MODULES[node.module]) == room(path)
            assert its_own, f"{module(path)}: {node.module}: {private}"


def test_file_that_is_private_to_its_folder_begins_with_an_underscore():
    readers = defaultdict(set)
    for path in FILES:
        for name, _ in imports(path):
            readers[name].add(path)
    for name, path in MODULES.items():
        if path.stem.startswith("_"):  # it is then read by its neighbours alone
            assert all(reader.parent == path.parent for reader in readers[name]) or path.stem.startswith("__"), name
        elif readers[name]:
            assert any(reader.parent != path.parent or reader.stem == "__init__" for reader in readers[name]), name


def test_picture_of_the_rooms_is_up_to_date():
    folder = ROOT / "docs"
    house = runpy.run_path(str(folder / "house.py"))
    titles = re.findall(r"<title>(.*?)</title>", (folder / "house.svg").read_text(encoding="utf-8"))
    drawn = {html.unescape(title) for title in titles if "&#45;&gt;" in title}
    assert drawn == {f"{a}->{b}" for a, b in house["direct"]()}, "run: python docs/house.py"


def test_every_file_has_a_name_of_its_own():
    names = defaultdict(list)
    for path in FILES:
        if path.stem not in ("__init__", "__main__"):
            names[path.stem.lstrip("_")].append(module(path))
    assert {name: found for name, found in names.items() if len(found) > 1} == {}


def defined(tree):
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_public_name_means_one_thing_in_the_whole_house():
    places = defaultdict(set)
    for path in FILES:
        for name in set(defined(TREES[path])):
            if not name.startswith("_"):
                places[name].add(module(path))
    places["evaluate"].discard("nn.fitting")  # of a model: public, and always written nn.evaluate
    places["Constant"].discard("nn.schedules")  # a schedule: public, and always written schedules.Constant
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_file_says_first_what_it_is():
    for path, tree in TREES.items():  # a module docstring, whose first line is the field's term
        assert (ast.get_docstring(tree) or "").partition("\n")[0], module(path)


def test_imports_within_functions_are_of_what_is_heavy():
    for path, function in nodes(ast.FunctionDef):
        for node in ast.walk(function):
            names = imported_at_once(node)
            for name in names[:1] if isinstance(node, ast.ImportFrom) else names:
                assert is_heavy(name), f"{module(path)}: {name}"


def is_heavy(name):
    """Whether importing a module loads more than the standard library."""
    seen, left = set(), [name]
    while left:
        name = left.pop()
        if name not in MODULES:
            if name.split(".")[0] in LAZY:
                return True
        elif name not in seen:
            seen.add(name)
            left += [other for node in TREES[MODULES[name]].body for other in imported_at_once(node)]
    return False


def imported_at_once(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module, *[f"{node.module}.{alias.name}" for alias in node.names]]
    return []


def test_private_attributes_are_read_in_their_own_room():
    known = {"_fields", "_make", "_asdict", "_replace", "_getframe"}  # Python's own
    known |= {"_operate", "_choose"}  # the protocol of operands
    known |= {"_set_fwd_grad_enabled", "_C", "_functorch"}  # PyTorch's, which have no public ones
    known |= {"_print", "_module_format"}  # SymPy's protocol of printers
    for path, node in nodes(ast.Attribute):
        if node.attr.startswith("_") and not node.attr.startswith("__"):
            own = node.attr in known or node.attr in own_names(room(path))
            assert own, f"{module(path)}, line {node.lineno}: {node.attr}"


@functools.cache
def own_names(place):
    """What the files of a room define: names, slots, and attributes of self."""
    return {name for path, tree in TREES.items() if room(path) == place for name in names_within(tree)}


def names_within(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # of __slots__
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            yield node.attr


def called_at_once(node):
    """Yield the names of what is called where a module is imported, be it in a decorator or a default."""
    if isinstance(node, ast.Call):
        yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    inside = ast.iter_child_nodes(node)
    if isinstance(node, ast.Lambda):
        inside = [node.args]
    elif isinstance(node, ast.FunctionDef):
        inside = [*node.decorator_list, node.args]
    for part in inside:
        yield from called_at_once(part)


MADE = {"fit", "iris", "digits"} | {
    name for name, thing in vars(nn).items() if isinstance(thing, type) and issubclass(thing, (nn.Module, nn.Optimizer))
}


@pytest.mark.thorough
def test_no_test_file_builds_networks_when_it_is_imported():
    """A fault in what it builds would hide all of its tests behind an error of collection."""
    for path in ROOT.glob("tests/**/test_*.py"):
        assert not MADE.intersection(called_at_once(ast.parse(path.read_text(encoding="utf-8")))), path


@pytest.mark.thorough
def test_mutants_that_mean_the_same_are_mutants():
    files = {mutant.partition(": ")[0] for mutant in equivalent()}
    possible = {mutant.said() for file in files for mutant in mutants(ROOT / file)}
    assert files
    assert [mutant for mutant in equivalent() if mutant not in possible] == []
