"""The course in notebooks/: what is committed is what the cells give, and every notebook is built alike."""

import colorsys
import json
import math
import re

import pytest

from tests import notebooks
from tests.notebooks import FOLDER, NOTEBOOKS, ROOT, answers, load, source

LARGEST = 300_000  # bytes, pictures included
LONGEST = 10  # lines of a cell, empty ones and comments not counted
WIDEST = 105  # characters: more are cut off on a small screen
COLAB = """\
# In Google Colab, take the # off the next two lines and run them first.
# !pip uninstall -qy autograd
# !pip install -q "scalar-autograd[notebooks] @ git+https://github.com/scalar-autograd/scalar-autograd"
"""
NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def prose(notebook):
    return [source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def links(text):
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "//" not in target]
    return [target.partition("#")[0] for target in targets if not target.startswith("#")]


def alike(found, committed):
    """Whether two outputs are the same, up to what another machine may round differently in the last digits."""
    if len(found) != len(committed):
        return False
    for ours, theirs in zip(found, committed, strict=True):
        if NUMBER.sub("", ours) != NUMBER.sub("", theirs):
            return False
        for one, other in zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True):
            if not math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-12):
                return False
    return True


HUES = {"red": (345, 15), "orange": (15, 45), "yellow": (45, 70), "green": (90, 180), "blue": (195, 250)}


@each_notebook
def test_colour_that_is_spoken_of_is_in_a_picture(path):
    notebook = load(path)
    shown = "\n".join([*map(source, code(notebook)), *(json.dumps(cell["outputs"]) for cell in code(notebook))])
    hues = set()
    for red, green, blue in {bytes.fromhex(colour) for colour in re.findall(r"#([0-9a-fA-F]{6})\b", shown)}:
        hue, _, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
        if saturation > 0.2:
            hues |= {name for name, (low, high) in HUES.items() if (360 * hue - low) % 360 <= (high - low) % 360}
    assert set(re.findall(rf"\b(?:{'|'.join(HUES)})\b", "\n".join(prose(notebook)))) <= hues


# Executed


@each_notebook
def test_running_it_gives_what_is_committed(path):
    reason = "needs nbclient and ipykernel: python -m pip install -e '.[notebooks]'"
    for module in ("nbclient", "nbformat", "ipykernel", "matplotlib", "graphviz", "hypothesis"):
        pytest.importorskip(module, reason=reason)
    committed = load(path)
    again = notebooks.cleaned(notebooks.executed(path, answers(committed)))
    for found, cell in zip(code(again), code(committed), strict=True):
        if "varies" not in cell["metadata"].get("tags", []):
            ours, theirs = notebooks.shown(found), notebooks.shown(cell)
            assert alike(ours, theirs), (
                f"run: python -m tests.notebooks {path.name[:2]}\n{source(cell)}\n{ours}\n{theirs}"
            )


def test_outputs_are_compared_up_to_rounding():
    assert alike(["x = 0.30000000000000004"], ["x = 0.3"])
    assert not alike(["x = 0.3001"], ["x = 0.3"])
    assert not alike(["y = 0.3"], ["x = 0.3"])
    assert not alike(["x = 0.3"], [])
    assert not alike(["x = 0.3"], ["x = 0.3, 0.4"])


def test_wrong_answer_of_an_exercise_is_found():
    pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    from nbclient.exceptions import CellExecutionError

    wrong = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 2")])
    run = lambda answer: notebooks.run(wrong, [answer])
    assert run(">>> x + 1\n3\n").cells[0].execution_count == 1
    with pytest.raises(CellExecutionError, match="Expected:"):
        run(">>> x + 1\n4\n")
    with pytest.raises(CellExecutionError, match="no example in this answer"):
        run("x + 1\n")


# As committed


@each_notebook
def test_it_was_run_once_from_top_to_bottom_without_an_error_and_holds_nothing_of_the_machine(path):
    notebook = load(path)
    cells = code(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert len(outputs) >= 10
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert path.stat().st_size <= LARGEST
    assert notebook["metadata"].keys() == {"kernelspec", "language_info"}
    assert all(cell["metadata"].keys() <= {"tags", "alt"} for cell in notebook["cells"])
    said = [{**cell, "outputs": [notebooks.shown(cell)] if "outputs" in cell else []} for cell in notebook["cells"]]
    of_a_machine = r"/(?:home|root|tmp|work|Users|usr|opt|content)/|[A-Z]:\\|site-packages| at 0x[0-9a-f]+"
    assert not re.findall(of_a_machine, json.dumps(said))


@each_notebook
def test_every_figure_is_described_and_its_axes_are_named(path):
    for cell in code(load(path)):
        if "subplots(" in source(cell):
            assert source(cell).count("xlabel=") == source(cell).count("ylabel=") >= 1, source(cell)
        for output in cell["outputs"]:
            if "image/png" in output.get("data", {}):
                alt = output["metadata"].get("image/png", {}).get("alt", "")
                assert alt == cell["metadata"].get("alt")
                assert len(alt.split()) >= 10, source(cell)
            elif "image/svg+xml" in output.get("data", {}):
                assert re.search(r'role="img" aria-label="[^"]{10,}"', "".join(output["data"]["image/svg+xml"]))


@pytest.mark.parametrize("path", NOTEBOOKS[:5], ids=lambda path: path.stem)
def test_graph_is_explored_with_a_drawing_in_its_place_where_it_is_only_read(path):
    last = [(cell, source(cell).splitlines()[-1]) for cell in code(load(path))]
    assert any("explore(" in line for _, line in last)
    for cell in [cell for cell, line in last if "explore(" in line or line.startswith("playground(")]:
        (output,) = cell["outputs"]
        assert {"image/svg+xml", "text/plain"} == set(output["data"])


@each_notebook
def test_it_begins_with_what_will_be_true_and_ends_with_exercises_and_the_next(path):
    notebook = load(path)
    first, *middle, last = prose(notebook)
    assert first.startswith(f"# {int(path.name[:2])}. ")
    assert "**At the end**" in first
    assert re.search(r"about \d+ minutes", first)
    assert f"colab.research.google.com/github/scalar-autograd/scalar-autograd/blob/main/notebooks/{path.name})" in first
    assert f"mybinder.org/v2/gh/scalar-autograd/scalar-autograd/main?labpath=notebooks%2F{path.name})" in first
    assert (ROOT / ".binder" / "requirements.txt").read_text(encoding="utf-8").strip() == "-e .[notebooks]"
    assert source(code(notebook)[0]).startswith(COLAB)
    for cell in map(source, code(notebook)):
        lines = [line for line in cell.splitlines() if line.strip() and not line.startswith("#")]
        assert len(lines) <= LONGEST, cell
        assert all(len(line) <= WIDEST for line in lines), cell
    assert "".join(middle).count("**What is still missing:**") >= 1
    exercises = middle[middle.index(next(cell for cell in middle if cell.endswith("## Exercises"))) + 1 :]
    assert len(exercises) >= 3
    for number, exercise in enumerate(exercises, 1):
        assert exercise.startswith(f"**{number}.** ")
        assert exercise.count("<details><summary>Answer</summary>\n\n") == exercise.count("</details>") == 1
    following = [other.name for other in NOTEBOOKS][int(path.name[:2]) :]
    assert not following or (last.startswith("Next: [") and links(last) == following[:1])


# Together


def test_numbers_have_no_gap():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{k:02}" for k in range(1, 9)]


def test_links_resolve():
    for path in [*NOTEBOOKS, FOLDER / "README.md"]:
        text = "\n".join(prose(load(path))) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
        assert links(text)
        assert [target for target in links(text) if not (path.parent / target).exists()] == []


def test_readme_lists_every_notebook_and_example():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        title = prose(load(path))[0].splitlines()[0].removeprefix("# ").partition(". ")[2]
        assert f"[{title}]({path.name})" in text
    for path in (FOLDER / "examples").glob("*.py"):
        assert f"(examples/{path.name})" in text


def test_worked_example_is_the_one_of_the_readme():
    first = load(NOTEBOOKS[0])
    shown = [line for cell in code(first) for line in notebooks.shown(cell)]
    assert "text/plain: (6.0, -4.0, -2.0, 4.0)" in shown
    assert "L = (a * b + c) * f" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_rule_row_is_quoted_as_it_stands_in_the_table():
    table = (ROOT / "autograd/rules/table.py").read_text(encoding="utf-8")
    rows = [" ".join(line.split()) for line in table.splitlines()]
    quoted = re.search(r"^tanh = .*$", "\n".join(prose(load(FOLDER / "02_rules_and_chain.ipynb"))), re.M)[0]
    assert quoted in rows
