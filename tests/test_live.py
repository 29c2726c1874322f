"""Python's side of "Your program here", in this Python: programs in, what the page shows out."""

import json
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from autograd import Value

rendering = pytest.importorskip("autograd.pictures.rendering", reason="graphviz is not installed")

LOOP = """
from micrograd.engine import Value
w = Value(1.0)
def main(steps):
    for k in range(steps):
        loss = (w * 2.0 - 3.0) ** 2
        w.grad = 0.0
        loss.backward()
        w.data -= 0.1 * w.grad
main(3)
"""
NETWORK = """
from micrograd.nn import MLP
model = MLP(2, [4, 1], seed=1)
for k in range(3):
    loss = sum((model(x) - y) ** 2 for x, y in [([0.0, 1.0], 1.0), ([1.0, 0.0], -1.0)])
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data -= 0.05 * p.grad
"""
OWN_CLASS = """
class Value:
    def backward(self):
        raise NotImplementedError
x = Value(3.0)
for k in range(2):
    y = x * x
    y.backward()
    x.data -= 0.1 * x.grad
    x.grad = 0
"""
# Programs, and the lines that the text of the graph of their last backward() holds.
PROGRAMS = {
    "x = Value(3.0)\n(x * x + x).backward()": ["Value(3.0)  # grad = 7.0"],
    "x = Value(3.0)\nif True:\n    y = x * x\n    y.backward()\n    z = x * 5.0\n    z.backward()": ["v1 * 5.0"],
    "x = Value(2.0)\nlosses = [x * k for k in (1, 2, 3)]\nfor loss in losses: loss.backward()": ["v1 * 3.0"],
    "x = Value(2.0)\n[loss.backward() for loss in [x * 1, x * 2]]": ["v1 * 2.0"],
    "x = Value(2.0)\ndef f():\n    print('called')\n    return x * 4.0\nf().backward()": ["v1 * 4.0"],
    LOOP: ["Value(1.48)  # grad = -0.16"],
    NETWORK: ["relu(", "label='w0')"],
    OWN_CLASS: ["Value(2.4)  # grad = 4.8"],
}


@pytest.fixture
def run(monkeypatch):
    for name in ("micrograd", "micrograd.engine", "micrograd.nn", "IPython", "IPython.display"):
        monkeypatch.setitem(sys.modules, name, None)  # and put back to what it was
    monkeypatch.setitem(sys.modules, "js", ModuleType("js"))
    monkeypatch.setattr(rendering.Drawing, "layout", None)
    live = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "live" / "live.py"))
    monkeypatch.setattr(rendering.Drawing, "layout", None)  # the page's own Graphviz is not here
    return lambda code: json.loads(live["run"](code, look=True))


def texts(shown):
    return "".join(part.get("text", "") for part in shown["parts"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_shows_the_graph_of_its_last_backward_as_it_was_then(run, program):
    backward = Value.backward
    shown = run(program if "class Value" in program else "from autograd import Value\n" + program)
    assert not shown["failed"], texts(shown)
    assert all(line in texts(shown) for line in PROGRAMS[program])
    assert texts(shown).count("called") <= 1
    assert sum("html" in part for part in shown["parts"]) == 2  # a picture and a page
    assert Value.backward is backward


def test_graph_of_which_there_is_no_picture_is_a_sentence(run):
    large = run(NETWORK.replace("[4, 1]", "[40, 40, 1]").replace("from micrograd.nn import", "from nn import"))
    changed = run("from autograd import Value\nx = Value(1.0)\ny = x * x\nx.data = 2.0\ny")
    for shown, sentence in ((large, "more than 500 are not laid out"), (changed, "was changed to 2.0")):
        assert not shown["failed"]
        assert sentence in texts(shown)
        assert "Traceback" not in texts(shown)


def test_program_without_backward_is_told_so(run):
    assert "No backward() of a Value ran" in texts(run("from autograd import grad\nprint(grad(abs)(3.0))"))


def test_wrong_syntax_is_shown_by_the_line_alone(run):
    shown = run("print('a'")
    assert shown["failed"]
    assert texts(shown).startswith('  File "<example>", line 1')
