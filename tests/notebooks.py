"""The course: `python -m tests.notebooks [01 ...]` writes the outputs, tests/test_notebooks.py compares.

A notebook is executed from top to bottom in a fresh kernel, and what is kept of it is what a reader sees: no times, no
paths, no addresses, so that the same notebook gives the same file. A cell with the tag "varies" shows what depends on
the machine, such as its speed. A page is kept as the drawing that stands in for it where no script runs. What a cell's
metadata have as "alt" describes its figure to who does not see it.
"""

from __future__ import annotations

import base64
import copy
import html
import io
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.environment import unmeasured

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS = 120  # for one cell
COLOURS = 64  # of a plot: enough for lines, points and their soft edges, and a quarter of the bytes

# Runs the examples of a folded answer in the notebook's kernel, with doctest's options of the README.
CHECK = """
import doctest
_options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
_test = doctest.DocTestParser().get_doctest({answer!r}, globals(), "the answer", None, 0)
_lines = []
_runner = doctest.DocTestRunner(optionflags=_options)
_runner.run(_test, out=_lines.append)
if _runner.failures or not _runner.tries:
    raise AssertionError("".join(_lines) or "no example in this answer")
"""


def load(path: Path) -> Any:
    """The notebook as it is in the file."""
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: Any) -> str:
    return "".join(cell["source"])


def answers(notebook: Any) -> list[str]:
    """The Python of the folded answers, each written as examples with >>>."""
    text = "\n".join(source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    folded = "\n".join(re.findall(r"<details>.*?</details>", text, re.S))
    return re.findall(r"^```python\n(.*?)^```", folded, re.S | re.M)


def executed(path: Path, checks: Sequence[str] = ()) -> Any:
    """The notebook in the file with the outputs of a fresh kernel, in which `checks` hold after its last cell."""
    import nbformat

    return run(nbformat.read(path, as_version=4), checks)


def run(notebook: Any, checks: Sequence[str] = ()) -> Any:
    """A copy of the notebook with the outputs of a fresh kernel, in which `checks` hold after its last cell."""
    import nbformat
    from nbclient import NotebookClient

    notebook = copy.deepcopy(notebook)
    cells = len(notebook.cells)
    notebook.cells += [nbformat.v4.new_code_cell(CHECK.format(answer=answer)) for answer in checks]
    with tempfile.TemporaryDirectory() as folder:  # where it neither finds nor leaves anything
        # Matrices in the course are small: on a busy machine, threads of BLAS wait for each other most of the time.
        single = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
        environment = {**unmeasured(), **single, "PYTHONPATH": str(ROOT), "IPYTHONDIR": folder}
        resources = {"metadata": {"path": folder}}
        options = {"timeout": SECONDS, "kernel_name": "python3", "record_timing": False, "resources": resources}
        NotebookClient(notebook, **options).execute(env=environment)
    del notebook.cells[cells:]
    return notebook


def cleaned(notebook: Any) -> Any:
    """The notebook without what changes from run to run and from machine to machine."""
    notebook = copy.deepcopy(notebook)
    notebook["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook["cells"]:
        cell["metadata"] = {name: kept for name, kept in cell["metadata"].items() if name in ("tags", "alt")}
        if cell["cell_type"] == "code":
            cell["outputs"] = _joined(cell["outputs"])
            for output in cell["outputs"]:
                output.pop("transient", None)
                if "data" in output:
                    output["metadata"] = {}
                    if output["data"].get("text/html", "").startswith("<iframe") and "image/svg+xml" in output["data"]:
                        del output["data"]["text/html"]
                        output["data"].pop("application/vnd.jupyter.widget-view+json", None)  # of a widget of this run
                    if "alt" in cell["metadata"] and "image/png" in output["data"]:
                        output["metadata"] = {"image/png": {"alt": cell["metadata"]["alt"]}}
                    if " at 0x" in output["data"].get("text/plain", ""):  # no more than the address of an object
                        del output["data"]["text/plain"]
    return notebook


def _joined(outputs: Sequence[Any]) -> list[Any]:
    """The outputs with what was printed in pieces put together."""
    whole: list[Any] = []
    for output in outputs:
        if whole and output["output_type"] == whole[-1]["output_type"] == "stream" and output.name == whole[-1].name:
            whole[-1]["text"] += output["text"]
        else:
            whole.append(output)
    return whole


def shown(cell: Any) -> list[str]:
    """What the outputs of a cell say, as far as machines agree: the words of a drawing, that there is a plot."""
    said = []
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            said.append(f"{output['name']}: {''.join(output['text'])}")
            continue
        for kind, content in sorted(output["data"].items()):
            if kind == "image/svg+xml":
                words = re.findall(r"<text[^>]*>(.*?)</text>", "".join(content), re.S)
                said.append(f"drawing: {' '.join(sorted(map(html.unescape, words)))}")
            elif kind.startswith("image/"):
                said.append("plot")
            elif kind == "text/plain" and any(other.startswith("image/") for other in output["data"]):
                continue
            else:
                said.append(f"{kind}: {''.join(content)}")
    return said


def shrink(notebook: Any) -> None:
    """Store the plots of the notebook with few colours."""
    from PIL import Image

    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                plot = Image.open(io.BytesIO(base64.b64decode("".join(output["data"]["image/png"])))).convert("RGB")
                small = io.BytesIO()
                few = plot.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
                few.save(small, "png", optimize=True)
                output["data"]["image/png"] = base64.b64encode(small.getvalue()).decode()


def write(path: Path) -> None:
    """Execute the notebook and write it back with its outputs."""
    import nbformat

    notebook = cleaned(executed(path))
    shrink(notebook)
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for path in NOTEBOOKS:
        if not sys.argv[1:] or path.name.startswith(tuple(sys.argv[1:])):
            write(path)
