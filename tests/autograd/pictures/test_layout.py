"""Who lays a drawing out, what is written or shown of it where, and what is said when something is missing or wrong."""

import json
import os
import re
import subprocess
import sys
import types
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import graphviz
import pytest
from graphviz.backend import dot_command

import autograd
from autograd import Value, animate, draw, explore, scope, text
from autograd.pictures.rendering import Drawing
from tests.autograd.pictures.reading import SVG, nodes
from tests.readme import worked_example as example

ROOT = Path(autograd.__file__).parents[1]
PNG = b"\x89PNG\r\n\x1a\n"

WAYS, DIRECTIONS = ("lr", "", "left", "LR\n", None, 0), "direction is one of LR, TB, RL, BT"
REFUSED = [  # options of draw, and what is said of them
    ({"depth": -1}, r"^depth is the number of operations back from the root, 0 or more, got -1$"),
    *[({"depth": depth}, f"depth.*{re.escape(repr(depth))}") for depth in ("2", 1.5, float("nan"), [1])],
    *[({"direction": way}, f"^{DIRECTIONS}, got {re.escape(repr(way))}$") for way in WAYS],
]


def test_option_that_draw_does_not_have_is_an_error():
    for options, message in REFUSED:
        with pytest.raises((TypeError, ValueError), match=message):
            draw(example(), **options)


@pytest.mark.parametrize("show", [draw, text, explore, lambda root: animate(root, "walk.svg")])
def test_what_is_no_value_is_an_error_that_says_what_was_given(show):
    for given, kind in ((3.0, "float"), (None, "NoneType"), ([Value(1.0)], "list")):
        with pytest.raises(TypeError, match=f"takes a Value.*{kind}"):
            show(given)


def test_scope_is_entered_once():
    once = scope("once")
    with once, pytest.raises(RuntimeError, match=r"scope\('once'\) was entered before"), once:
        pass


PROGRAM = """
from autograd import *
class Owner:
    def __init__(self): self.w = [Value(0.5, "w"), Value(0.5), Value(2.0)]
    def parameters(self): return self.w
owners, x = [Owner(), Owner()], [Value(i / 4, "x") for i in range(3)]
with scope("all"):
    made = []
    for owner in owners:
        with scope("part", owner):
            made += [tanh(dot(owner.w, x) + 1.0), owner.w[0] * owner.w[0]]
    root = fsum(made)
root.backward()
for options in ({}, {"depth": 2}, {"expand": True, "direction": "TB"}):
    print(draw(root, **options).source)
made = [Value(0.5, name) for name in ("x", "y", "exp", "", "x")]
root = fsum([tanh(a * b + 2.0) ** 3 for a in made for b in made])
root.backward()
print(text(root))
"""


def test_picture_and_text_are_the_same_in_every_process():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    runs, options = [], {"capture_output": True, "encoding": "utf-8", "check": True}
    for seed in "12":
        env = {**environment, "PYTHONHASHSEED": seed}
        runs.append(subprocess.run([sys.executable, "-c", PROGRAM], env=env, **options).stdout)
    assert runs[0] == runs[1]
    assert runs[0].count("digraph") == 3
    assert runs[0].rpartition("}\n")[2].count("\n") == 5 + 25 * 4 + 2


@pytest.fixture
def default_command(monkeypatch):
    """Graphviz's own name for its command, also after a test that fails."""
    monkeypatch.setattr(dot_command, "DOT_BINARY", Path("dot"))


@pytest.mark.parametrize(("kind", "start"), [("png", PNG), ("svg", b"<?xml")])
def test_render_writes_a_file_and_returns_its_name(tmp_path, kind, start):
    name = draw(example()).render(tmp_path / "the graph", format=kind, cleanup=True)
    assert name == str(tmp_path / f"the graph.{kind}")
    data = Path(name).read_bytes()
    assert data.startswith(start)
    assert data.endswith(b"IEND\xaeB`\x82" if kind == "png" else b"</svg>\n")
    assert [path.name for path in tmp_path.iterdir()] == [f"the graph.{kind}"]


def test_only_the_file_is_written_that_is_named_as_a_picture(tmp_path):
    (tmp_path / "a").write_text("not to be lost", encoding="utf-8")
    (tmp_path / "b").mkdir()
    render = lambda name=None, **options: Path(draw(example()).render(name and tmp_path / name, **options)).name
    for options in ({}, {"format": "svg"}, {"engine": "dot"}, {"cleanup": True}, {"quiet_view": False}):
        assert render("a.svg", **options) == "a.svg"
    assert render(outfile=tmp_path / "a.svg") == render("a.svg", directory=tmp_path) == "a.svg"
    assert [render("b.png"), render("c.SVG"), render("new/d.json")] == ["b.png", "c.SVG", "d.json"]
    with pytest.raises(FileExistsError, match="output file exists"):
        render("a.svg", raise_if_result_exists=True)
    assert (tmp_path / "a").read_text(encoding="utf-8") == "not to be lost"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a.svg", "b", "b.png", "c.SVG", "new"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["d.json"]


def test_name_of_a_source_is_not_that_of_the_picture(tmp_path):
    render = lambda name, **options: Path(draw(example()).render(tmp_path / name, **options)).name
    for source in ("c.gv", "d.dot", "e.v1", "f"):
        assert render(source) == f"{source}.svg"
    with pytest.raises(FileExistsError, match="output file exists"):
        render("f", format="svg", raise_if_result_exists=True)
    assert render("g.svg", format="png") == "g.svg.png"
    assert render("h.gv", outfile=tmp_path / "i.svg") == "i.svg"
    assert (tmp_path / "h.gv").exists()


def test_source_is_saved_where_it_is_to_be_and_is_kept_if_that_is_asked_for(tmp_path):
    drawing, file = draw(example()), tmp_path / "new" / "graph.gv"
    assert Path(drawing.save("graph.gv", directory=file.parent)) == file
    assert file.read_text(encoding="utf-8") == drawing.source
    file.write_text("kept", encoding="utf-8")
    for skip_existing, text_of_file in ((True, "kept"), (False, drawing.source)):
        assert drawing.save(skip_existing=skip_existing) == str(file)
        assert file.read_text(encoding="utf-8") == text_of_file


def test_format_that_is_not_there_is_an_error_that_says_which_are(tmp_path):
    drawing, message = draw(example()), r'Format: "jgp" not recognized. Use one of: .* png .*svg'
    for ask in (lambda: drawing.render(tmp_path / "graph", format="jgp"), lambda: drawing.pipe("jgp")):
        with pytest.raises(ValueError, match=message):
            ask()
    with pytest.raises(ValueError, match="unknown formatter"):
        drawing.pipe("png", renderer="cairo", formatter="no formatter")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"engine": "neato"}, {"renderer": None}, {"neato_no_op": 1, "quiet": False}])
def test_picture_with_options_of_graphviz_is_described_too(options, tmp_path):
    drawing = draw(example())
    picture = drawing.pipe(format="svg", encoding="utf-8", **options)
    assert 'role="img" aria-label="The graph of L"' in picture
    assert drawing.pipe("svg", **options) == picture.encode()
    name = drawing.render(tmp_path / "graph", format="svg", **options)
    assert ET.fromstring(Path(name).read_bytes()).tag == f"{SVG}svg"


def test_picture_is_shown_where_that_is_asked_for(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Drawing, "_view", lambda self, path, **options: seen.append((path, options["format"])))
    name = draw(example()).render(tmp_path / "graph", view=True, format="svg")
    assert seen == [(name, "svg")]


def test_render_writes_any_label_and_needs_no_format_nor_does_pipe(tmp_path):
    name = draw(Value(1.0, "🙂 \ud800 שלום")).render(tmp_path / "graph", format="svg")
    assert "🙂" in Path(name).read_text(encoding="utf-8")
    assert Path(draw(example()).render(tmp_path / "graph")).stat().st_size > 100
    assert len(draw(example()).pipe()) > 100


def test_notebook_shows_svg_and_text_or_a_png_where_that_is_asked_for():
    bundle = draw(example())._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert ET.fromstring(bundle["image/svg+xml"]).tag == f"{SVG}svg"
    assert bundle["text/plain"] == text(example())
    bundle = draw(example())._repr_mimebundle_(include=["image/png"])
    assert list(bundle) == ["image/png"]
    assert bundle["image/png"].startswith(PNG)


def test_layout_may_be_a_function(monkeypatch, no_graphviz, tmp_path):
    asked = []

    def viz(source, kind):
        asked.append((source, kind))
        return "<svg height='1'></svg>"

    monkeypatch.setattr(Drawing, "layout", viz)
    drawing = draw(example())
    assert drawing.pipe(format="svg", encoding="utf-8").startswith('<svg role="img" aria-label="The graph of L" height')
    assert Path(drawing.render(tmp_path / "graph", cleanup=True)).read_text(encoding="utf-8").endswith("</desc></svg>")
    assert asked == [(drawing.source, "svg")] * 2
    assert "image/svg+xml" in drawing._repr_mimebundle_()


posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for a command is a script")


def command(folder, name, then=None):
    """Put a command into the folder that says its name and adds its arguments to a file, or does something else."""
    path, then = folder / name, then or f"sys.stdout.write('from {name}')"
    lines = [f"#!{sys.executable}", "import sys", "sys.stdin.read()"]
    lines += [f"print(*sys.argv[1:], file=open({str(path) + '.calls'!r}, 'a'))", then]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o755)


def look_beside(monkeypatch, python, scripts):
    """Have autograd look for commands beside a Python and in a folder of scripts that are not there, or are."""
    monkeypatch.setattr("autograd.pictures.rendering.sys", types.SimpleNamespace(executable=str(python / "python")))
    monkeypatch.setattr("autograd.pictures.rendering.sysconfig.get_path", lambda *_, **__: str(scripts))


@pytest.fixture
def no_graphviz(tmp_path, monkeypatch, default_command):
    """A machine where neither dot nor graphviz-pure can be found, but what the test puts into tmp_path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    look_beside(monkeypatch, tmp_path / "elsewhere", tmp_path / "elsewhere")


@posix
def test_dot_on_the_path_is_used(tmp_path, monkeypatch):
    command(tmp_path, "dot", "sys.stdout.write('<svg>from dot</svg>')")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert draw(example()).pipe(format="svg", encoding="utf-8") == "<svg>from dot</svg>"
    assert draw(example())._repr_mimebundle_()["image/svg+xml"] == "<svg>from dot</svg>"
    assert (tmp_path / "dot.calls").read_text(encoding="utf-8").splitlines() == ["-Kdot -Tsvg"] * 2


@posix
def test_graphviz_pure_on_the_path_takes_over_until_there_is_dot(tmp_path, no_graphviz):
    for name in ("graphviz-pure", "dot"):
        command(tmp_path, name)
        assert draw(example()).pipe(format="svg") == f"from {name}".encode()


@posix
@pytest.mark.parametrize("place", ["beside Python", "among the scripts"])
def test_graphviz_pure_off_the_path_takes_over(tmp_path, monkeypatch, no_graphviz, place):
    nowhere, other = tmp_path / "elsewhere", tmp_path / "other"
    other.mkdir()
    command(other, "graphviz-pure")
    look_beside(monkeypatch, *((other, nowhere) if place == "beside Python" else (nowhere, other)))
    assert draw(example()).pipe(format="svg") == b"from graphviz-pure"


def test_installed_graphviz_pure_draws_without_a_path(tmp_path, monkeypatch, default_command):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nodes(draw(example()))["n6"] == ["L", "data -8", "grad not yet"]


def test_pictures_are_laid_out_in_several_threads_at_once_and_graphviz_keeps_its_command(default_command):
    def lay_out(number):
        return nodes(draw(Value(float(number))))["n0"][0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lay_out, range(32))) == [f"data {number}" for number in range(32)]
    assert Path("dot") == dot_command.DOT_BINARY


def test_without_a_layout_program_the_error_names_the_pip_command_and_a_notebook_shows_the_text(no_graphviz, tmp_path):
    L = example()
    L.backward()
    drawing = draw(L)
    message = "neither Graphviz nor graphviz-pure was found; python -m pip install graphviz-pure"
    render = lambda: drawing.render(tmp_path / "graph", format="png")
    for lay_out in (lambda: drawing.pipe(format="svg"), render, drawing._repr_image_svg_xml):
        with pytest.raises(graphviz.ExecutableNotFound, match=message):
            lay_out()
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert bundle["text/plain"].startswith(text(L))
    assert "python -m pip install graphviz-pure" in bundle["text/plain"]
    copy = drawing.copy()
    assert copy._repr_mimebundle_()["text/plain"].startswith(copy.source)


@posix
def test_layout_program_that_fails_is_an_error_and_not_a_missing_one(tmp_path, no_graphviz):
    command(tmp_path, "dot", "sys.exit('out of memory')")
    with pytest.raises(graphviz.CalledProcessError, match="out of memory"):
        draw(example()).pipe(format="svg")


@pytest.mark.parametrize("show", [draw, lambda root: animate(root, "walk.svg")], ids=["draw", "animate"])
def test_without_the_graphviz_package_the_error_names_the_pip_command_and_text_still_works(show, monkeypatch):
    monkeypatch.delitem(sys.modules, "autograd.pictures.rendering", raising=False)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    command = r"python -m pip install 'scalar-autograd\[draw\]'"
    message = rf"^(draw|animate) needs the graphviz package: {command}; text\(root\) needs"
    with pytest.raises(ImportError, match=message):
        show(example())
    assert text(example()).startswith("a = Value(2.0, label='a')")


def test_command_in_the_error_names_an_extra_that_brings_all_packages():
    extra = re.search(r"^draw = (\[.*\])$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in json.loads(extra)}
    assert {"graphviz", "graphviz-pure", "pillow"} <= names
