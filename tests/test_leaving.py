"""The page on exports: every section runs by itself, after the introduction, where its packages are installed."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests.environment import run_python

ROOT = Path(__file__).resolve().parent.parent
OPTIONAL = ("torch", "jax", "onnx", "onnxruntime", "sympy")

PAGE = (ROOT / "docs/leaving.md").read_text(encoding="utf-8")
INTRODUCTION, *SECTIONS = re.split(r"^(?=## )", PAGE, flags=re.M)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text", [INTRODUCTION + section for section in SECTIONS], ids=[section.partition("\n")[0] for section in SECTIONS]
)
def test_section_runs_as_it_stands(text, tmp_path):
    code = "\n".join(re.findall(r"^>>> (.*)", text, re.M))
    named = set(re.findall(r"\w+", code)) | ({"onnx"} if "to_onnx" in code else set())
    missing = [name for name in OPTIONAL if name in named and importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    (tmp_path / "section.md").write_text(text, encoding="utf-8")
    options = ("-o", "ELLIPSIS", "-o", "NORMALIZE_WHITESPACE")
    assert run_python("-m", "doctest", *options, "section.md", cwd=tmp_path, PYTHONUTF8="1").stdout == ""


def test_every_export_has_its_example():
    from autograd import export

    names = {name for name in vars(export) if name.startswith("to_")} | {"derivation", "load_torch_state"}
    called = {name for line in re.findall(r"^>>> (.*)", PAGE, re.M) for name in re.findall(r"(\w+)\(", line)}
    assert names <= called


WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None  # as if it were not installed
from autograd import export
from nn import MLP
for name in sys.argv[1:]:
    try:
        getattr(export, name)(MLP(1, [1], seed=1))
    except ImportError as error:
        print(error)
"""


def test_export_that_needs_numpy_says_so_with_the_command_that_installs_it():
    names = ["to_c", "to_javascript", "to_jax", "to_onnx", "to_torch"]
    assert run_python("-c", WITHOUT_NUMPY, *names).stdout.splitlines() == [
        f"{name} needs NumPy: python -m pip install 'scalar-autograd[compile]'" for name in names
    ]
