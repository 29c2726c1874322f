"""Portability: what is computed, drawn, read and written is the same on a machine of any kind.

A survey of all that meets the machine runs in this process and in others, each in an environment in which something is
not as usual. The whole suite runs in such environments every night.
"""

import ast
import contextlib
import doctest
import json
import locale
import os
import re
import sys
import warnings
from itertools import chain, pairwise
from pathlib import Path

import pytest

from autograd import Value, animate, compile, draw, explore, fsum, log, sin, tanh, text
from autograd.compiler.backends import BACKENDS
from autograd.export import to_c, to_javascript, to_latex, to_sympy
from nn import MLP, datasets, fit, load, mse, playground, read_csv, save, sweep
from tests.environment import file_name, run_python
from tests.nn.app.running import run

ROOT = Path(__file__).resolve().parent.parent
TABLE = "größe;ısı;Straße\n" + "".join(f"{i / 4};{i * i / 8};{'Ağaç' if i % 3 else 'İzmir'}\n" for i in range(40))


def graph():
    x, y = Value(1.25, "größe"), Value(0.5, "ı")
    root = tanh(x * 2.5) * log(y + 1.5) + x**0.75
    root.backward()
    return root


def energy(x):
    return fsum([sin(a * 0.1) * b for a, b in pairwise(x)]) + x[0] ** 2.5


def square(x):
    return x * x / 8


def survey():
    """Return texts and bytes, by what they are, of all that meets the machine; files are written where we are."""
    found = {}
    for name in BACKENDS:
        program = compile(energy, backend=name)
        found[f"compile, {name}"] = repr(program.value_and_grad([1.25, 0.5, -0.75]))
    found["to_c"], found["to_javascript"] = to_c(program, "energy.c"), to_javascript(program, "energy.js")
    found["to_latex"], found["to_sympy"] = str(to_latex(graph())), str(to_sympy(graph()))
    found["text"], found["draw"] = text(graph()), draw(graph()).pipe(format="svg").decode()
    explore(graph()).save("page.html")
    animate(graph(), "moving.svg")
    Path("table.csv").write_text(TABLE, encoding="utf-8")
    Path("latin.csv").write_text(TABLE.translate(str.maketrans("ığİ", "iga")), encoding="latin-1")
    found["tables"] = repr([read_csv("table.csv", "Straße"), read_csv("latin.csv", "Straße"), datasets.iris()])
    model = MLP(2, [3, 1], seed=1)
    found["fit"] = repr(fit(model, [[0.5, 1.5], [1.0, -2.0]], [0.25, 0.75], loss=mse, epochs=3).loss)
    save(model, "model.json", {"größe": "ısı"})
    found["load"] = repr(load("model.json").state_dict())
    found["playground"] = repr(len(playground(model, [[0.5, 1.5], [1.0, -2.0]], [0.25, 0.75], loss=mse).html) > 100_000)
    found["sweep"] = repr([sweep(square, {"x": [0.5, 1.5]}, resume="sweep.jsonl").results for _ in range(2)])
    small = ["--epochs", "2", "--hidden", "3", "--no-pictures"]
    for name, arguments in {
        "job": ("iris", *small),
        "job of a table": ("table.csv", "--target", "Straße", *small, "--save", "tree.json"),
        "predict": ("predict", "tree.json", "table.csv", "--out", "answers.csv"),
    }.items():
        found[f"python -m nn, {name}"] = repr(run(*arguments))
    return found | {path.name: path.read_bytes().decode("utf-8", "backslashreplace") for path in Path.cwd().iterdir()}


def tell():
    """Write what the survey finds, in a process that begins anew."""
    if "COMMAS" in os.environ:
        locale.setlocale(locale.LC_ALL, "")
        sys.stderr.write("" if f"{1.5:n}" == "1,5" else "no decimal comma")
    warnings.filterwarnings("error", category=EncodingWarning, module=r"(autograd|nn|tests)(\.|$)")
    sys.stdout.write(json.dumps(survey()))


def comma():
    """Return the name of a locale with a decimal comma that this machine has."""
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        for name in ("tr_TR.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "German_Germany.1252"):
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_NUMERIC, name)
                if locale.localeconv()["decimal_point"] == ",":
                    return name
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
    return pytest.skip("no locale with a decimal comma: apt-get install locales, and locale-gen de_DE.UTF-8")


NO_FOLDER = str(Path(__file__).resolve())  # in which nobody makes a folder
# By what is not as usual: what the interpreter is told, and what stands in its environment.
ENVIRONMENTS = {
    "no asserts, nor docstrings": lambda folder: (["-OO"], {}),
    "ASCII, and every encoding named": lambda folder: (
        ["-X", "warn_default_encoding", "-W", "ignore::EncodingWarning"],
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ),
    "decimal commas": lambda folder: ([], {"LC_ALL": comma(), "COMMAS": "1"}),
    "no home, nor caches": lambda folder: (
        ["-B"],
        dict.fromkeys(
            ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), NO_FOLDER
        ),
    ),
    "far away, in narrow windows and folders with strange names": lambda folder: (
        ["-W", "error"],
        {"TZ": "Pacific/Kiritimati", "COLUMNS": "40", "PYTHONHASHSEED": "7", "TMPDIR": folder, "TEMP": folder},
    ),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    with contextlib.chdir(tmp_path_factory.mktemp("usual")):
        return survey()


@pytest.mark.thorough
@pytest.mark.sample(4)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_survey_of_all_that_meets_the_machine_finds_the_same(name, usual, tmp_path):
    folder = tmp_path / file_name("Maß für ısı")
    folder.mkdir()
    flags, variables = ENVIRONMENTS[name](str(folder))
    program = "from tests import test_any_machine; test_any_machine.tell()"
    told = run_python(*flags, "-c", program, cwd=folder, **variables)
    assert told.stderr == ""
    found = json.loads(told.stdout)
    assert found.keys() == usual.keys()
    assert {key: found[key] for key in found if found[key] != usual[key]} == {}


# What every file keeps to

PLACES = ("autograd/**", "nn/**", "tests/**", "notebooks/**", "docs", "docs/live")
FILES = [path for place in PLACES for path in ROOT.glob(f"{place}/*.py")]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
BEFORE_ENCODING = {"read_text": 0, "write_text": 1, "open": 2}  # how many arguments of a path's method
OPENING = re.compile(rf"\b({'|'.join(BEFORE_ENCODING)})\(")
OF_BYTES = re.compile(r"^(os|Image|tarfile)\.open\(|\bopen\(.*'[rwax+]*b[rwax+]*'")
ABSENT_ON_WINDOWS = "curses|fcntl|grp|posix|pty|pwd|readline|resource|syslog|termios|tty"


def without_encoding(program):
    """Yield the calls that open text in the encoding of the machine."""
    for call in ast.walk(ast.parse(program)) if OPENING.search(program) else ():
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute | ast.Name):
            is_method = isinstance(call.func, ast.Attribute)
            before = BEFORE_ENCODING.get(call.func.attr if is_method else call.func.id)
            named = "encoding" in {keyword.arg for keyword in call.keywords}
            if before is None or named or len(call.args) > before + (not is_method):
                continue
            if not OF_BYTES.search(ast.unparse(call)):
                yield ast.unparse(call)


def programs_in(path):
    """Yield the program in a file of Python, and those of its examples."""
    text = path.read_text(encoding="utf-8")
    texts = [text]
    if path.suffix == ".py":
        yield text
        texts = re.findall(r'"""(.*?)"""', text, re.S)
    yield from ("".join(e.source for e in doctest.DocTestParser().get_examples(found)) for found in texts)


def test_every_text_is_opened_with_its_encoding():
    calls = {path: [*chain.from_iterable(map(without_encoding, programs_in(path)))] for path in FILES + PAGES}
    assert len(calls) > 350
    assert {path: found for path, found in calls.items() if found} == {}


@pytest.mark.parametrize(
    ("call", "is_text"),
    {
        "open(path)": True, "open(path, 'w')": True, "open(path, 'rb')": False, "open(path, 'w', -1, 'utf-8')": False,
        "path.open()": True, "path.open('a')": True, "path.open('a', encoding='utf-8')": False,
        "path.open('xb')": False, "path.read_text()": True, "path.read_text('utf-8')": False,
        "path.read_text(encoding='utf-8')": False, "path.write_text(text)": True,
        "path.write_text(text, encoding='utf-8')": False, "os.open(path, flags)": False,
        "path.write_bytes(text)": False,
    }.items(),
)  # fmt: skip
def test_call_without_encoding_is_noticed(call, is_text):
    assert list(without_encoding(call)) == [call] * is_text


def test_no_file_imports_at_its_beginning_what_windows_lacks():
    absent = re.compile(rf"^(?:import|from) (?:{ABSENT_ON_WINDOWS})\b", re.M)
    assert [path for path in FILES if absent.search(path.read_text(encoding="utf-8"))] == []
    assert absent.search("import os\nimport resource\n")
