"""Drawings with the options of Graphviz, and moving pictures of rare graphs: a constant, parts with two results."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from autograd import Constant, Value, animate, draw, scope, tanh
from autograd.pictures._frames import write_svg
from autograd.pictures.rendering import Drawing
from tests.autograd.pictures.reading import SVG
from tests.autograd.pictures.test_animation import stage
from tests.readme import worked_example as example

# Options of Graphviz


@pytest.mark.parametrize("options", [{"engine": "neato"}, {"renderer": None}, {"neato_no_op": 1, "quiet": False}])
def test_picture_with_options_of_graphviz_is_described_too(options, tmp_path):
    drawing = draw(example())
    picture = drawing.pipe(format="svg", encoding="utf-8", **options)
    assert 'role="img" aria-label="The graph of L"' in picture
    assert drawing.pipe("svg", **options) == picture.encode()
    name = drawing.render(tmp_path / "graph", format="svg", **options)
    assert ET.fromstring(Path(name).read_bytes()).tag == f"{SVG}svg"


def test_option_that_graphviz_refuses_has_its_error(tmp_path):
    drawing = draw(example())
    with pytest.raises(ValueError, match="unknown formatter"):
        drawing.pipe("png", renderer="cairo", formatter="no formatter")
    drawing.render(tmp_path / "graph", format="svg")
    with pytest.raises(FileExistsError, match="output file exists"):
        drawing.render(tmp_path / "graph", format="svg", raise_if_result_exists=True)


def test_source_is_saved_where_it_is_to_be_and_is_kept_if_that_is_asked_for(tmp_path):
    drawing = draw(example())
    name = drawing.save("graph.gv", directory=tmp_path / "new")
    assert Path(name) == tmp_path / "new" / "graph.gv"
    assert Path(name).read_text(encoding="utf-8") == drawing.source
    Path(name).write_text("kept", encoding="utf-8")
    assert drawing.save(skip_existing=True) == name
    assert Path(name).read_text(encoding="utf-8") == "kept"
    assert drawing.save() == name
    assert Path(name).read_text(encoding="utf-8") == drawing.source


def test_picture_is_shown_where_that_is_asked_for(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Drawing, "_view", lambda self, path, **options: seen.append((path, options["format"])))
    name = draw(example()).render(tmp_path / "graph", view=True, format="svg")
    assert seen == [(name, "svg")]


# Moving pictures


@pytest.mark.parametrize("kind", ["svg", "gif"])
def test_walk_through_a_constant_has_no_way_back(tmp_path, kind):
    pytest.importorskip("PIL.Image")
    assert animate(Constant(3.0), tmp_path / f"walk.{kind}").stat().st_size > 100


def test_part_with_two_results_is_a_card_with_one_arrow_to_each_operation():
    pytest.importorskip("PIL.Image")
    x, y = Value(0.5, "x"), Value(2.0, "y")
    with scope("Pair"):
        a, b = tanh(x * y), x + y
    steps, drawings = stage(a * b + a, fold=True)
    assert any("Pair computes v2 = " in step.caption[0] for step in steps)
    (card,) = {line.split(" ")[0] for line in drawings[-1].source.splitlines() if "Pair" in line and "label=" in line}
    assert card


def test_layout_without_a_picture_is_an_error():
    class Empty:
        def pipe(self, **options):
            return '<svg xmlns="http://www.w3.org/2000/svg"></svg>'

    with pytest.raises(ValueError, match="the layout program wrote no picture into its SVG"):
        write_svg([Empty()], [1.0])
