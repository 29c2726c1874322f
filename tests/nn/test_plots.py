"""Plots: what is in the figures, and that the colours say what the model says."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd import Value
from nn import MLP, Module
from nn.plots import COLOURS, decision_boundary

SQUARE, CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 0, 1, 1]


class Right(Module):
    """Class 1 on the right of x1 = 0.5, with one score."""

    def forward(self, x):
        return Value(1.0) * x[0] - 0.5


class Thirds(Module):
    """Three logits: class 0 on the left, 2 on the right, 1 between 0.25 and 0.75; remembers where it was asked."""

    def __init__(self):
        self.asked = []

    def forward(self, x):
        self.asked.append(list(x))
        return [Value(0.25 - x[0]), Value(0.0), Value(x[0] - 0.75)]


def draw(model=None, X=SQUARE, y=CORNERS, **options):
    return decision_boundary(model or Right(), X, y, **{"resolution": 12, **options})


def colour_at(figure, point):
    """Return the colour of the figure at a point of the plane, as red, green and blue from 0 to 1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.axes[0].get_legend().set_visible(False)  # it lies wherever there is room
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    column, row = figure.axes[0].transData.transform(point)
    return pixels[pixels.shape[0] - 1 - round(row), round(column), :3] / 255.0


def faded(colour):
    from matplotlib.colors import to_rgb

    return 0.22 * np.array(to_rgb(colour)) + 0.78


def test_figure_has_the_names_the_classes_and_the_title():
    axes = draw(names=("width", "height"), classes=["a", "b"], title="Two").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("width", "height", "Two")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_names_are_numbered_if_not_given():
    axes = draw().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("x1", "x2", "")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["class 0", "class 1"]


def test_classes_without_a_name_are_numbered():
    axes = draw(Thirds(), classes=["a"]).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "class 1", "class 2"]


def test_figure_is_a_matplotlib_figure_and_saves_as_png(tmp_path):
    from matplotlib.figure import Figure

    figure = draw()
    assert type(figure) is Figure
    figure.savefig(tmp_path / "boundary.png")
    assert (tmp_path / "boundary.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_pyplot_and_its_global_state_are_not_touched():
    code = (
        "import sys; from nn import MLP, plots; "
        "plots.decision_boundary(MLP(2, [1]), [[0.0, 0.0], [1.0, 1.0]], [0, 1], resolution=3); "
        "print('matplotlib.figure' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(nn.__file__).parent.parent)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout == "True False\n"


def test_all_examples_are_drawn_in_their_class():
    groups = [collection for collection in draw().axes[0].collections if len(collection.get_offsets()) == 2]
    assert [group.get_offsets().tolist() for group in groups] == [SQUARE[:2], SQUARE[2:]]
    assert [group.get_label() for group in groups] == ["class 0", "class 1"]


def test_all_examples_are_inside_the_axes_with_room_around():
    axes = draw(X=[[-3.0, 10.0], [5.0, 30.0]], y=[0, 1]).axes[0]
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    assert left < -3.0 < 5.0 < right
    assert low < 10.0 < 30.0 < high


def test_colour_of_the_background_is_that_of_the_class_the_model_finds():
    figure = draw(resolution=60)
    for across, kind in ((0.2, 0), (0.4, 0), (0.6, 1), (0.8, 1)):
        for up in (0.3, 0.6):
            assert colour_at(figure, (across, up)) == pytest.approx(faded(COLOURS[kind]), abs=0.01)


def test_colour_of_the_background_is_that_of_the_largest_logit():
    figure = draw(Thirds(), y=[0, 1, 2, 2], resolution=60)
    for across, kind in ((0.1, 0), (0.4, 1), (0.6, 1), (0.9, 2)):
        assert colour_at(figure, (across, 0.4)) == pytest.approx(faded(COLOURS[kind]), abs=0.01)


def test_class_that_is_found_nowhere_has_no_background():
    class Never(Module):
        def forward(self, x):
            return Value(-1.0)

    figure = draw(Never())
    for point in ((0.2, 0.5), (0.8, 0.5)):
        assert colour_at(figure, point) == pytest.approx(faded(COLOURS[0]), abs=0.01)


def test_model_is_asked_on_a_square_of_resolution_points():
    model = Thirds()
    draw(model, resolution=7)
    assert len(model.asked) == 49
    assert len({a for a, _ in model.asked}) == len({b for _, b in model.asked}) == 7


def test_other_features_are_held_at_their_means():
    model = Thirds()
    X = [[0.0, 5.0, 0.0, 1.0], [1.0, 7.0, 1.0, 2.0]]
    draw(model, X=X, y=[0, 1], features=(2, 0), resolution=4)
    assert {(x[1], x[3]) for x in model.asked} == {(6.0, 1.5)}
    assert len({x[2] for x in model.asked}) == len({x[0] for x in model.asked}) == 4


def test_first_feature_goes_across_and_the_second_up():
    X = [[0.0, 100.0], [1.0, 200.0]]
    axes = draw(Thirds(), X=X, y=[0, 1], features=(1, 0)).axes[0]
    offsets = [c.get_offsets().tolist() for c in axes.collections if len(c.get_offsets()) == 1]
    assert [[100.0, 0.0]] in offsets
    assert [[200.0, 1.0]] in offsets


def test_feature_of_one_value_still_has_an_extent():
    axes = draw(X=[[0.0, 3.0], [1.0, 3.0]], y=[0, 1]).axes[0]
    low, high = axes.get_ylim()
    assert low < 3.0 < high


def test_more_classes_than_colours_are_drawn():
    count = len(COLOURS) + 2
    model = MLP(2, [count], seed=1)
    X = [[float(i), float(-i)] for i in range(count)]
    axes = draw(model, X=X, y=list(range(count))).axes[0]
    assert len(axes.get_legend().get_texts()) == count


def test_numpy_data_give_the_same_picture(tmp_path):
    model = MLP(2, [4, 1], "tanh", seed=1)
    draw(model).savefig(tmp_path / "lists.png")
    draw(model, X=np.array(SQUARE), y=np.array(CORNERS)).savefig(tmp_path / "arrays.png")
    assert (tmp_path / "lists.png").read_bytes() == (tmp_path / "arrays.png").read_bytes()


def test_model_is_not_changed_and_nothing_is_recorded():
    class Keeper(Module):
        def __init__(self):
            self.w, self.outputs = Value(2.0), []

        def forward(self, x):
            output = self.w * x[0] - 1.0
            self.outputs.append(output.parents)
            return output

    model = Keeper()
    draw(model)
    assert set(model.outputs) == {()}
    assert (model.w.data, model.w.grad) == (2.0, 0.0)


@pytest.mark.parametrize("output", [lambda x: x[0] - 0.5, lambda x: [0.5 - x[0], x[0] - 0.5]], ids=["one", "list"])
def test_model_of_plain_floats_is_drawn(output):
    class Plain(Module):
        def forward(self, x):
            return output(x)

    assert draw(Plain()).axes


@pytest.mark.parametrize("resolution", [1, 0, -3])
def test_resolution_of_less_than_two_is_an_error_that_says_so(resolution):
    with pytest.raises(ValueError, match="resolution"):
        draw(resolution=resolution)


def test_examples_of_no_class_are_not_left_out_silently():
    with pytest.raises(ValueError, match="-1"):
        draw(y=[-1, -1, 1, 1])


def test_missing_matplotlib_is_an_error_that_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"^plots needs Matplotlib: python -m pip install 'scalar-autograd\[demo\]'$"):
        draw()


def test_number_that_is_not_finite_does_not_break_the_picture(tmp_path):
    class Edge(Module):
        def forward(self, x):
            return Value(math.inf if x[0] > 0.5 else -math.inf)

    draw(Edge()).savefig(tmp_path / "edge.png")
    assert (tmp_path / "edge.png").exists()
