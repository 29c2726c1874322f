"""Every run draws the same examples: where CI is set, whatever is imported, however strings are hashed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("README.md", "docs/*.md", "notebooks/*.ipynb", "autograd/**/*.py", "nn/**/*.py")

DRAW = """
import sys
sys.path[:0] = {path!r}
{first}
from tests import hypothesis_profiles
from hypothesis import given, strategies as st

drawn = []

@given(st.floats(), st.text(), st.integers())
def draw(x, text, n):
    drawn.append((x, text, n))

draw()
print(len(drawn), ascii(drawn))
"""


@pytest.fixture(scope="module")
def drawn():
    def drawn(first="", **environment):
        code = DRAW.format(path=[path for path in sys.path if path], first=first)
        run = subprocess.run([sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout

    return drawn


def test_every_run_draws_the_same_examples(drawn):
    wanted = drawn()
    assert wanted.startswith("50 ")
    assert drawn(CI="true", PYTHONHASHSEED="1") == wanted
    assert drawn(first="import nn, autograd.export", PYTHONHASHSEED="2") == wanted


def test_examples_that_readers_run_have_no_deadline():
    """Readers run them without our profile, some of them in a browser, where a first call takes long."""
    texts = {path: path.read_text(encoding="utf-8") for kind in SHOWN for path in ROOT.glob(kind)}
    drawn = {path: text.count("@given(") for path, text in texts.items() if "@given(" in text}
    unhurried = r"@settings\([^\n]*deadline=None[^\n]*\n[^\n@]*@given\("
    assert drawn == {path: len(re.findall(unhurried, texts[path])) for path in drawn}
    assert {path.suffix for path in drawn} == {".py", ".md", ".ipynb"}
