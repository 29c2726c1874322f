"""Recurrences in C, as loops: every operation in one, and constants that stay or change in it."""

import pytest

from autograd import Value, compile
from autograd.compiler import blocks
from autograd.export import to_c
from tests.autograd.compiler.beside_eager import eager
from tests.autograd.compiler.test_every_row_repeated import repeated
from tests.autograd.export.rows import ROWS, close, points
from tests.autograd.export.test_c import StepWriter, called, library, pytestmark, written  # noqa: F401 a compiler


def test_loop_of_every_row_is_as_eager(monkeypatch, tmp_path):
    monkeypatch.setattr(blocks, "PIECE", 2)
    known, sources = [], []
    for number, (_, row) in enumerate(ROWS):
        f, operands = repeated(row.apply), points(row)[0]
        leaves = [Value(x) for x in operands]
        known.append((operands, eager(f, operands)))
        sources.append(written(StepWriter, compile(f(leaves), wrt=leaves), number))
        assert "for (int i = 0; i < 5" in sources[-1]
        assert "static const double" in sources[-1]
    loaded = library(tmp_path, *sources)
    for number, (operands, wanted) in enumerate(known):
        assert called(loaded, sources[number], operands, name=f"f{number}") == close(wanted), ROWS[number]


@pytest.mark.parametrize("scales", [[0.5], [0.5, 0.25]])
def test_constant_that_stays_is_no_table(scales, tmp_path):
    def f(x):
        y = x[0]
        for scale in scales * 1_000:
            y = (y + x[1]) * scale
        return y

    leaves = [Value(0.5), Value(2.0)]
    source = to_c(compile(f(leaves), wrt=leaves))
    assert ("static const double" in source) == (len(scales) > 1)
    assert called(library(tmp_path, source), source, [0.5, 2.0]) == close(eager(f, [0.5, 2.0]))
