"""The examples of notebooks/examples run as they stand, and learn what they say."""

import ast
import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "notebooks" / "examples"
ACCURACY = {"recurrent_cell": 0.93, "convolution": 0.96}  # of 360 held-out digits


@pytest.mark.parametrize("name", ACCURACY)
def test_example_learns_to_read_digits(name, capsys):
    pytest.importorskip("sklearn")
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", printed)]
    accuracy = float(re.search(r"held out: (\S+)% of 360 digits right", printed)[1]) / 100
    assert losses[-1] < losses[0] / 2
    assert accuracy >= ACCURACY[name]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_is_a_page_with_its_idea_on_top(path):
    source = path.read_text(encoding="utf-8")
    assert path.stem in ACCURACY
    assert source.count("\n") <= 100
    assert f"    python notebooks/examples/{path.name}\n" in ast.get_docstring(ast.parse(source), clean=False)
