"""Every run draws the same examples: where CI is set, whatever is imported, however strings are hashed."""

import re
from pathlib import Path

from tests.environment import run_python

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("README.md", "docs/*.md", "notebooks/*.ipynb", "autograd/**/*.py", "nn/**/*.py")

DRAW = """
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


def drawn(first="", **environment):
    return run_python("-c", DRAW.format(first=first), **environment).stdout


def test_every_run_draws_the_same_examples():
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
