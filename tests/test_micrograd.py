"""Programs that were written for micrograd run when their import is changed, and give the same numbers."""

from pathlib import Path

import pytest

PROGRAMS = sorted(set(Path(__file__).parent.joinpath("programs").glob("*.py")))
THEIRS = "from tests.programs.micrograd import Value\n"
OURS = "from autograd import Value\n"


def results(source):
    names = {"__name__": "program"}
    exec(source, names)
    return names["run"]()


@pytest.mark.parametrize(
    "path", [path for path in PROGRAMS if path.stem not in ("__init__", "micrograd")], ids=lambda path: path.stem
)
def test_program_gives_the_same_numbers_with_its_import_changed(path):
    source = path.read_text(encoding="utf-8")
    assert source.count(THEIRS) == 1
    theirs, ours = results(source), results(source.replace(THEIRS, OURS))
    assert [type(number) for number in theirs] == [type(number) for number in ours]
    assert len(theirs) > 5
    for expected, found in zip(theirs, ours, strict=True):
        assert found == (pytest.approx(expected, rel=1e-9, abs=0.0) if isinstance(expected, float) else expected)
