"""Names of exported functions: each is refused, or the function computes what it is to compute under it.

Tried are the names of all rows, all that the writers declare, and what the compiler's headers and Node.js declare.
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from autograd import Value, compile, fsum
from autograd.export import to_c, to_javascript
from autograd.export._words_of_c import HELPERS, SAME_IN_C
from tests.autograd.export.rows import NAMES, ROWS, graph, points
from tests.autograd.export.test_c import CC
from tests.autograd.export.test_c import pytestmark as needs_c
from tests.autograd.export.test_javascript import NODE
from tests.autograd.export.test_javascript import pytestmark as needs_node

STANDARDS = ["c99", "gnu17"]
FLAGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]


def every_row():
    """A program that applies every row, so that it has all helpers."""
    graphs = [graph(row, points(row)[0]) for _, row in ROWS]
    root = fsum([root for root, _ in graphs])
    return root, [leaf for _, leaves in graphs for leaf in leaves]


def words(text):
    return set(re.findall(r"\b[A-Za-z][A-Za-z0-9_]*", text))


def accepted(export, program, names):
    """The texts under all the names that are not refused."""
    found = {}
    for name in sorted(names):
        try:
            found[name] = export(program, name=name)
        except ValueError as refusal:
            assert "a free identifier" in str(refusal)
    return found


REFUSED = {
    to_c: ["double", "main", "exp", "2f", "a-b", "f; int g", "", "work", "_f", "é"],
    to_javascript: ["", "1f", "a b", "let", "fn", "x", "évident", "f;alert(1)"],
}


@pytest.mark.parametrize("export", REFUSED, ids=lambda export: export.__name__)
def test_name_is_a_free_identifier(export):
    for name in REFUSED[export]:
        with pytest.raises(ValueError, match=f"{export.__name__} takes a free identifier "):
            export(compile(Value(1.0) * 2.0), name=name)


RUN = """
const vm = require("vm");
const {sources, theta, wanted} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const wrong = {};
for (const [name, source] of Object.entries(sources)) {
  const given = JSON.stringify(theta);
  const call = `const y_ = new Float64Array(1); ${name}(Float64Array.from(${given}), null, y_, null); y_[0]`;
  try {
    const found = vm.runInNewContext(source + call);
    if (found !== wanted) wrong[name] = String(found);
  } catch (error) { wrong[name] = String(error); }
}
console.log(JSON.stringify(wrong));
"""


GLOBALS = """
const names = require("vm").runInNewContext("Object.getOwnPropertyNames(globalThis)");
console.log(JSON.stringify(names.filter((name) => /^[A-Za-z]/.test(name))))
"""


def in_node(text, given=""):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "all.js")
        file.write_text(text, encoding="utf-8")
        done = subprocess.run([NODE, file], input=given, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.thorough
@needs_node
def test_javascript_functions_have_any_name_but_those_of_the_language(whole):
    root, leaves = every_row()
    theta = [leaf.data for leaf in leaves]
    program = compile(root, wrt=leaves)
    names = words(to_javascript(program)) | {*NAMES, "compute"} | {*json.loads(in_node(GLOBALS))}
    allowed = {"logsumexp", "SQRT_PI", "row_ndtr", "room", "largest"}
    refused = {"Math", "let", "Object", "NaN", "gradient"}
    assert allowed | refused <= names
    tried = names if whole else {*sorted(names)[::3], *allowed, *refused}
    sources = accepted(to_javascript, program, tried)
    assert allowed <= sources.keys()
    assert refused.isdisjoint(sources)
    call = "const y = new Float64Array(1); f(Float64Array.from({}), null, y, null); console.log(JSON.stringify(y[0]))"
    wanted = float(in_node(to_javascript(program) + call.format(json.dumps(theta))))
    given = json.dumps({"sources": sources, "theta": theta, "wanted": wanted})
    assert json.loads(in_node(RUN, given)) == {}


def declared(header, standard):
    """The words of a header, macros and declarations, which the compiler does not define by itself.

    Members of a struct are none: they clash with nothing.
    """

    def run(source, *options):
        command = [CC, f"-std={standard}", "-E", *options, "-x", "c", "-"]
        return subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout

    def macros(source):
        return set(re.findall(r"#define ([A-Za-z]\w*)", run(source, "-dM")))

    text = re.sub(r"^#.*$", "", run(f"#include <{header}>\n"), flags=re.M)
    text = re.sub(r"\b(struct|union)\b[^;{]*\{[^{}]*\}", "", text)
    return words(text) | macros(f"#include <{header}>\n") | macros("")


@pytest.mark.thorough
@needs_c
def test_c_functions_have_no_name_that_is_declared(tmp_path):
    root, leaves = every_row()
    program = compile(root, wrt=leaves)
    headers = set().union(*(declared(h, std) for h in ("math.h", "stdio.h") for std in STANDARDS))
    text = to_c(program)
    own = {word.removeprefix("f_") for word in words(text[text.index("*/") :])}
    own |= HELPERS.keys() | {name.replace(" ", "_") for name in NAMES}
    a, b = Value(2.0), Value(3.0)
    small = compile(a * b, wrt=[a, b])
    assert not [*accepted(to_c, small, headers - own)]
    assert not accepted(to_c, small, {row.name for row in SAME_IN_C} | {"isnan", "abs", "malloc", "double", "main"})
    sources = accepted(to_c, small, own)
    whole = [to_c(program, name=name) for name in ("square", "sigmoid", "logsumexp", "relu")]
    for standard in STANDARDS:
        for number, file in enumerate(["\n".join(sources.values()), *whole]):
            (tmp_path / f"{number}.c").write_text("#include <stdio.h>\n" + file, encoding="ascii")
            command = [CC, f"-std={standard}", *FLAGS, "-c", f"{number}.c", "-o", "all.o"]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
