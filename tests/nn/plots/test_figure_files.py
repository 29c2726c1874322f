"""Files of figures whose names have no ending, or an odd one: they are called as Matplotlib calls its own."""

import matplotlib.figure
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from nn.plots.canvas import Figure


@pytest.mark.parametrize("name", ["figure", "figure.", "figure.of.svg", "a.b/figure", "figure.png"])
@pytest.mark.parametrize("options", [{}, {"format": "svg"}, {"format": "png"}])
def test_file_is_called_as_matplotlib_calls_it(name, options, tmp_path):
    written = []
    for kind in (Figure, matplotlib.figure.Figure):
        folder = tmp_path / kind.__module__.split(".")[0]
        (folder / name).parent.mkdir(parents=True)
        figure = kind()
        FigureCanvasAgg(figure)
        figure.savefig(folder / name, **options)
        written.append({(str(path.relative_to(folder)), path.read_bytes()[:4]) for path in folder.rglob("figure*")})
    ours, theirs = written
    assert ours == theirs
