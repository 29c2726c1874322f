"""All that writes a file in one step: what to call with a path, and the name of the file."""

import atexit
import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

from autograd import Value, animate, compile, draw, explore
from autograd.export import to_c, to_javascript, to_onnx
from autograd.files import write_atomically, write_whole
from nn import MLP, mse, playground, plots, save
from tests.nn.app.running import run

DATA = [[0.0, 1.0], [1.0, 0.0]], [1.0, -1.0]


def graph():
    return Value(1.0) * 2


def program():
    return compile(graph())


def command(*arguments):
    """Run `python -m nn`, whose error is a line on stderr."""
    code, _, error = run(*arguments)
    if code:
        raise OSError(error)


def trained(path):
    command("xor", "--epochs", "1", "--quiet", "--out", path.parent, "--no-pictures", "--save", path)


@cache
def network():
    """Return a table and a network for it, kept as long as this process."""
    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    table, saved = folder / "table.csv", folder / "network.json"
    table.write_text("x,y\n" + "1,2\n2,4\n" * 5, encoding="utf-8")
    command(table, "--target", "y", "--epochs", "1", "--quiet", "--no-pictures", "--out", folder, "--save", saved)
    return saved, table


def predicted(path):
    command("predict", *network(), "--out", path)


WRITERS = {
    "write_atomically": (lambda path: write_atomically(path, b"new"), "file.txt"),
    "write_whole": (lambda path: write_whole(path, b"new"), "file.txt"),
    "save": (lambda path: save(MLP(1, [1]), path), "model.json"),
    "explore": (lambda path: explore(graph()).save(path), "page.html"),
    "playground": (lambda path: playground(MLP(2, [1]), *DATA, loss=mse).save(path), "page.html"),
    "animate": (lambda path: animate(graph(), path), "moving.svg"),
    "animate as a GIF": (lambda path: animate(graph(), path), "moving.gif"),
    "draw and save": (lambda path: draw(graph()).save(path), "graph.gv"),
    "draw and render": (lambda path: draw(graph()).render(path.with_suffix(""), format="svg", cleanup=True), "g.svg"),
    "a chart": (lambda path: plots.Chart().curve([0, 1], [0, 1]).save(path), "chart.svg"),
    "a figure": (lambda path: plots.regression_line(MLP(1, [1]), [[0.0]], [1.0]).savefig(path), "figure.svg"),
    "to_c": (lambda path: to_c(program(), path), "f.c"),
    "to_javascript": (lambda path: to_javascript(program(), path), "f.js"),
    "to_onnx": (lambda path: to_onnx(program(), path), "f.onnx"),
    "python -m nn --save": (trained, "network.json"),
    "python -m nn --playground": (lambda path: command("xor", "--playground", path), "page.html"),
    "python -m nn predict --out": (predicted, "answers.csv"),
}
if find_spec("onnx") is None:  # it is no part of the extra `test`; CI has it
    del WRITERS["to_onnx"]
