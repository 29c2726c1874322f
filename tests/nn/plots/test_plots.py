"""Plots: what is in the figures, and that the colours say what the model says."""

import math
import random
import re
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

import nn
from autograd import Value
from nn import MLP, History, Module
from nn.plots import canvas, confusion_matrix, decision_boundary, gradient_norms, history, mistakes, regression_line
from nn.plots.figures import CLASS_COLOURS, COLOURS, RED, SHADES
from nn.training.examples import MANY_INPUTS, outputs_of, plain_outputs
from tests.errors import error_of

SQUARE, CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 0, 1, 1]
PNG = b"\x89PNG\r\n\x1a\n"


class Plain(Module):
    """A model that is a function, which remembers where it was asked."""

    def __init__(self, function):
        self.function, self.asked = function, []

    def forward(self, x):
        self.asked.append(list(x))
        return self.function(x)


def right():
    """Class 1 on the right of x1 = 0.5, with one score."""
    return Plain(lambda x: Value(1.0) * x[0] - 0.5)


def thirds():
    """Three logits: class 0 on the left, 2 on the right, 1 between 0.25 and 0.75."""
    return Plain(lambda x: [Value(0.25 - x[0]), Value(0.0), Value(x[0] - 0.75)])


def draw(model=None, X=SQUARE, y=CORNERS, **options):
    return decision_boundary(model or right(), X, y, **{"resolution": 12, **options})


def colours_at(figure, points):
    """Return the colours of the figure at points of the plane, as red, green and blue from 0 to 1."""
    figure.axes[0].get_legend().set_visible(False)  # it lies wherever there is room
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255.0
    places = [map(round, figure.axes[0].transData.transform(point)) for point in points]
    return [pixels[row, column] for column, row in places]


def faded(colour):
    return SHADES[0] * np.array(to_rgb(colour)) + 1.0 - SHADES[0]


def words(axes):
    """The names of the axes, the title, and the entries of the legend."""
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    return axes.get_xlabel(), axes.get_ylabel(), axes.get_title(), *legend


def test_figure_has_the_names_the_classes_and_the_title_and_numbers_for_those_that_are_not_given():
    figure = draw(names=("width", "height"), classes=["a", "b"], title="Two")
    assert words(figure.axes[0]) == ("width", "height", "Two", "a", "b")
    assert words(draw().axes[0]) == ("x1", "x2", "", "class 0", "class 1")
    assert words(draw(thirds(), classes=["a"]).axes[0])[3:] == ("a", "class 1", "class 2")


def test_figure_is_a_matplotlib_figure_that_shows_itself_in_a_notebook():
    figure = draw()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(PNG)
    formatters = pytest.importorskip("IPython.core.formatters")
    kinds, _ = formatters.DisplayFormatter().format(figure)
    assert kinds["image/png"].startswith(PNG)


def test_pyplot_and_its_global_state_are_not_touched():
    code = (
        "import sys; from nn import MLP, plots; "
        "plots.decision_boundary(MLP(2, [1]), [[0.0, 0.0], [1.0, 1.0]], [0, 1], resolution=3); "
        "print('matplotlib.figure' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    command, root = [sys.executable, "-c", code], Path(nn.__file__).parent.parent
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=True)
    assert run.stdout == "True False\n"


def test_boundary_and_line_are_drawn_into_axes_that_are_given():
    whole = Figure()
    left, right = whole.subplots(1, 2)
    assert draw(axes=left) is whole
    assert regression_line(lambda x: x[0], SQUARE, CORNERS, axes=right) is whole
    assert [len(axes.collections) > 0 for axes in whole.axes] == [True, True]
    assert [line.get_label() for line in right.get_lines()] == ["model"]


def test_all_examples_are_drawn_in_their_class_with_room_around_also_where_they_have_no_extent():
    groups = [collection for collection in draw().axes[0].collections if len(collection.get_offsets()) == 2]
    assert [group.get_offsets().tolist() for group in groups] == [SQUARE[:2], SQUARE[2:]]
    assert [group.get_label() for group in groups] == ["class 0", "class 1"]
    for X in ([[-3.0, 10.0], [5.0, 30.0]], [[0.0, 3.0], [1.0, 3.0]]):
        axes = draw(X=X, y=[0, 1]).axes[0]
        for (low, high), numbers in zip((axes.get_xlim(), axes.get_ylim()), zip(*X, strict=True), strict=True):
            assert low < min(numbers) <= max(numbers) < high
    wide = [[900.0 * a, b] for a, b in SQUARE]
    assert [draw(X=X).axes[0].get_aspect() == 1.0 for X in (SQUARE, wide)] == [True, False]  # of one scale, or not
    count = len(CLASS_COLOURS) + 2
    X = [[float(i), float(-i)] for i in range(count)]
    axes = draw(MLP(2, [count], seed=1), X=X, y=list(range(count))).axes[0]
    assert len(axes.get_legend().get_texts()) == count


BACKGROUNDS = {  # a model, and the class of its background at points of the plane
    "of one score": (right, [(0.2, 0), (0.4, 0), (0.6, 1), (0.8, 1)]),
    "of the largest logit": (thirds, [(0.1, 0), (0.4, 1), (0.6, 1), (0.9, 2)]),
    "of one class": (lambda: Plain(lambda x: Value(-1.0)), [(0.2, 0), (0.8, 0)]),
}


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_colour_of_the_background_is_that_of_the_class_the_model_finds(name):
    make, places = BACKGROUNDS[name]
    wanted = {(across, up): faded(CLASS_COLOURS[kind]) for across, kind in places for up in (0.3, 0.6)}
    found = colours_at(draw(make(), resolution=60), wanted)
    assert np.array(found) == pytest.approx(np.array(list(wanted.values())), abs=0.01)


def test_ground_is_the_darker_the_surer_the_class_is():
    figure = draw(Plain(lambda x: Value(10.0) * x[0] - 5.0), resolution=60)  # log-odds of 0.5, 2 and 4 below
    light = [colour.sum() for colour in colours_at(figure, [(0.55, 0.4), (0.7, 0.4), (0.9, 0.4)])]
    assert light == sorted(light, reverse=True)
    assert min(a - b for a, b in pairwise(light)) > 0.1


def test_held_out_examples_are_hollow_marks_of_their_class():
    others = [[0.3, 0.5], [0.8, 0.5]]
    axes = draw(held_out=(others, [0, 1])).axes[0]
    hollow = [c for c in axes.collections if str(c.get_label()).endswith("held out")]
    assert [c.get_offsets().tolist() for c in hollow] == [[others[0]], [others[1]]]
    assert all(len(c.get_facecolor()) == 0 for c in hollow)


def test_model_is_asked_on_a_square_of_resolution_points_with_other_features_at_their_means():
    for resolution in (2, 7):  # 2 is the least
        model = thirds()
        draw(model, resolution=resolution)
        assert len(model.asked) == resolution**2
        assert len({a for a, _ in model.asked}) == len({b for _, b in model.asked}) == resolution
    model = thirds()
    X = [[0.0, 5.0, 100.0, 1.0], [1.0, 7.0, 200.0, 2.0]]
    axes = draw(model, X=X, y=[0, 1], features=(2, 0), resolution=4).axes[0]
    assert {(x[1], x[3]) for x in model.asked} == {(6.0, 1.5)}
    assert len({x[2] for x in model.asked}) == len({x[0] for x in model.asked}) == 4
    offsets = [c.get_offsets().tolist() for c in axes.collections if len(c.get_offsets()) == 1]
    assert [[100.0, 0.0]] in offsets  # the first of them across, the second up
    assert [[200.0, 1.0]] in offsets


def test_model_is_not_changed_and_nothing_is_recorded():
    w, parents = Value(2.0), set()

    def forward(x):
        output = w * x[0] - 1.0
        parents.add(output.parents)
        return output

    draw(Plain(forward))
    assert parents == {()}
    assert (w.data, w.grad) == (2.0, 0.0)


NO_CLASSES = [([0, -1], [0, 0], "-1"), ([0], ["cat"], "'cat'"), ([0.5], [1], "0.5")]
NO_CLASSES += [([10**9], [0], "10")]
LINE = partial(regression_line, lambda x: x[0], [[0.0]], [0.0])
REFUSED = [
    *((partial(draw, resolution=count), "resolution") for count in (1, 0, -3)),
    (partial(draw, y=[0, 1, 1, 2]), "tells classes 0 to 1 apart, got an example of 2"),
    (partial(draw, y=[-1, 0, 1, 1]), "decision_boundary takes a class for each example, .* got -1 beside 0"),
    (partial(draw, held_out=(SQUARE[:2], ["a", "b"])), r"decision_boundary\(held_out\)"),
    (partial(history, History()), "history draws one epoch or more, got none"),
    *((partial(gradient_norms, norms), "was fit asked to keep them") for norms in ({}, {"a": []}, [1.0])),
    (partial(gradient_norms, History(loss=[1.0])), "was fit asked to keep them"),
    *((partial(confusion_matrix, y, z), f"confusion_matrix takes a class .* got {bad}") for y, z, bad in NO_CLASSES),
    (partial(mistakes, [[0.0] * 6], [0], [1]), "images of 2 x 2 pixels, got examples of 6; pass shape="),
    (partial(LINE, resolution=1), "resolution is the number of points of the line, 2 or more, got 1"),
    *((partial(make, resolution=2.5), "2 or more, got 2.5") for make in (draw, LINE)),
    *((partial(draw, features=pair), "features is a pair, got") for pair in (1, (0,), (0, 1, 1), "01")),
    *((partial(make, names=names), "names is a pair, got") for make in (draw, LINE) for names in ("ab", ["x"])),
    *((partial(draw, features=(0, k)), f"of 2 from 0 to 1, got {k!r}") for k in (5, -3, 1.0, "x2")),
    *((partial(draw, features=pair), "a plane of two features, got") for pair in ((1, 1), (0, -2))),
    *((partial(LINE, feature=k), f"of 1 from 0 to 0, got {k!r}") for k in (2, 1, -2, 0.0, None)),
    *((partial(draw, held_out=pair), "held_out is a pair, got") for pair in ([], (SQUARE,), 0)),
    (partial(draw, held_out=(SQUARE, [0, 1, 2, 0])), "tells classes 0 to 1 apart, got an example of 2"),
    (partial(draw, Plain(lambda x: [])), "the score of each class, got none"),
    (partial(regression_line, lambda x: [x[0], 1.0, 2.0], [[0.0]], [0.0]), "a model of one output, got 3 of them"),
    (partial(regression_line, lambda x: [], [[0.0]], [0.0]), "a model of one output, got 0 of them"),
    *((partial(mistakes, [[0.0] * 4], [0], [1], limit=n), f"at most, 1 or more, got {n}") for n in (0, -1, 1.5)),
    *((partial(mistakes, [[0.0] * 4], [0], [1], shape=shape), "shape is a pair") for shape in (4, (2, 2, 1))),
    *((partial(mistakes, [[0.0] * 4], [0], [1], shape=shape), "images of") for shape in ((-2, -2), (3, 2))),
]
EXAMPLES = {  # what draws examples, of X and y: how
    "decision_boundary": lambda X, y: decision_boundary(right(), X, y, resolution=3),
    "decision_boundary(held_out)": lambda X, y: draw(held_out=(X, y)),
    "regression_line": lambda X, y: regression_line(lambda x: x[0], X, y),
    "mistakes": lambda X, y: mistakes(X, y, [0, 1, 0, 0], shape=(1, 2)),
    "mistakes of answers": lambda X, y: mistakes(SQUARE if len(X) else X, [0, 0, 1, 1][: len(X)], y, shape=(1, 2)),
    "confusion_matrix": lambda X, y: confusion_matrix([0, 0, 1, 1][: len(X)], y),
}


def test_what_cannot_be_drawn_is_an_error_that_says_so():
    for make, message in REFUSED:
        assert re.search(f"^ValueError: .*{message}", error_of(make)), message


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_that_no_picture_has_are_an_error_that_says_which(name):
    asker, make = name.partition(" of ")[0], EXAMPLES[name]
    assert isinstance(make(SQUARE, CORNERS), Figure)
    assert f"ValueError: {asker} takes " in error_of(make, SQUARE, CORNERS[:3])
    assert re.search(r"of the same examples, got 4 in .*and 3 in", error_of(make, SQUARE, CORNERS[:3]))
    if not name.endswith("(held_out)") and name != "mistakes":
        assert error_of(make, [], []) == f"ValueError: {asker} draws one example or more, got no example"
    if name in ("mistakes of answers", "confusion_matrix"):
        return  # which draw no numbers of X
    for odd in (math.nan, math.inf, 1e308, -1e308, 10**200):
        found = error_of(make, [[0.0, 1.0], [1.0, 0.0], [1.0, odd], [0.0, 0.0]], CORNERS)
        assert f"{asker} draws numbers of up to 1e+150, got {odd!r} in feature 1 of example 2" in found
    ragged = error_of(make, [*SQUARE[:3], [1.0]], CORNERS)
    assert f"{asker} takes examples of the same features, got 1 in example 3, counted from 0, and 2 before" in ragged
    flat = error_of(make, [0.0] * 4, CORNERS)
    assert f"TypeError: {asker} takes an example as a list of its features, got 0.0" in flat
    assert isinstance(make(np.array(SQUARE), np.array(CORNERS)), Figure)


def test_what_is_no_history_is_an_error():
    for thing in (None, {"loss": [1.0]}, [1.0]):
        assert "TypeError: history draws the History that fit returns, got a" in error_of(history, thing)


# Labels of -1 and 1

SIGNS = [2 * k - 1 for k in CORNERS]
FORMS = {
    "list": list, "floats": lambda labels: [float(k) for k in labels], "array": np.array,
    "column": lambda labels: np.array(labels, dtype=float).reshape(-1, 1),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("outputs", [1, 2])
def test_boundary_is_the_same_for_signs_as_for_classes(form, outputs):
    model = MLP(2, [4, outputs], "tanh", seed=1)
    expected, found = draw(model, y=form(CORNERS)), draw(model, np.array(SQUARE), form(SIGNS))
    for one, other in zip(expected.axes[0].collections, found.axes[0].collections, strict=True):
        assert np.array_equal(one.get_offsets(), other.get_offsets())
        assert np.array_equal(one.get_facecolor(), other.get_facecolor())
    assert words(expected.axes[0])[3:] == ("class 0", "class 1")
    assert words(found.axes[0])[3:] == ("class -1", "class 1")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("of_predicted", ["signs", "classes"])
def test_confusion_and_mistakes_are_the_same_for_signs_as_for_classes(form, of_predicted):
    classes, answers = [0, 1, 1, 0, 1], [0, 1, 0, 1, 1]
    signs = form([2 * k - 1 for k in classes])
    found = answers if of_predicted == "classes" else form([2 * k - 1 for k in answers])
    X = [[0.0, 1.0, 0.5, 0.2]] * 5
    for draw_it, names in ((confusion_matrix, ()), (partial(mistakes, X), ()), (partial(mistakes, X), ("no", "yes"))):
        one, other = (texts(draw_it(*labels, classes=names)) for labels in ((classes, answers), (signs, found)))
        assert other == [text.replace("class 0", "class -1") for text in one]
        assert one != other or names


def texts(figure):
    found = [text for axes in figure.axes for text in (axes.title, *axes.texts, *axes.get_yticklabels())]
    return [text.get_text() for text in [*found, *filter(None, [figure._suptitle])]]


# Many points

COMPILED = {
    "MLP": (lambda x: MLP(2, [4, 1], "tanh", seed=1)(x), True),
    "three classes": (lambda x: MLP(2, [4, 3], "tanh", seed=1)(x), True),
    "floats": (lambda x: x[0] - 0.5, True),
    "a float in a list": (lambda x: [x[0] - x[1], 0.0], True),
    "branch": (lambda x: Value(1.0) if x[0] > 0.5 else Value(-1.0), False),
    "by chance": (lambda x: x[0] + random.random(), False),
    "identity": (lambda x: 1.0 if x[0] == x[0] and isinstance(x[0], float) else 0.0, False),
    "math": (lambda x: math.sin(x[0]), False),
}


@pytest.mark.parametrize(("model", "compiles"), COMPILED.values(), ids=COMPILED)
def test_outputs_of_many_inputs_are_those_of_each_and_compiled_where_it_can_be(model, compiles):
    X = np.random.default_rng(1).normal(size=(MANY_INPUTS, 2)).tolist()
    calls = []

    def counted(x):
        calls.append(x)
        return model(x)

    random.seed(1)
    found = outputs_of(counted, X)
    random.seed(1)
    expected = [plain_outputs(model(x)) for x in X]
    assert np.array(found) == pytest.approx(np.array(expected), rel=1e-12)
    assert (len(calls) < 20) == compiles


def test_error_of_a_model_of_many_inputs_is_its_own_and_without_numpy_it_is_asked_point_by_point(monkeypatch):
    with pytest.raises(ValueError, match=r"^MLP takes 2 inputs, got 3$"):
        outputs_of(MLP(2, [1]), [[1.0, 2.0, 3.0]] * MANY_INPUTS)

    def missing(*arguments, **options):
        raise ImportError("compile needs NumPy")

    monkeypatch.setattr("autograd.compile", missing)
    assert outputs_of(lambda x: 2.0 * x[0], [[1.0]] * MANY_INPUTS) == [2.0] * MANY_INPUTS


# All pictures

LONG = "a class of a very long name that would fill the page"
PICTURES = {
    "boundary": draw,
    "boundary of a float": lambda: draw(Plain(lambda x: x[0] - 0.5)),
    "boundary of two floats": lambda: draw(Plain(lambda x: [0.5 - x[0], x[0] - 0.5])),
    "boundary of infinite scores": lambda: draw(Plain(lambda x: Value(math.inf if x[0] > 0.5 else -math.inf))),
    "no held out examples": lambda: draw(Plain(lambda x: [x[0] - 0.5]), classes=[7, 8], held_out=([], [])),
    "history": lambda: history(History(loss=[0.9, 0.5, 0.4], metric=[0.5, 0.6, 0.9])),
    "one epoch": lambda: history(History(loss=[0.9], validation_loss=[0.8], metric=[0.5])),
    "diverged": lambda: history(History(loss=[1.0, 1e90, 1e305, math.inf, math.nan], metric=[0.5, math.nan])),
    "nan": lambda: history(History(loss=[math.nan])),
    "huge": lambda: history(History(loss=[1.7e308] * 3)),
    "range": lambda: history(History(loss=[5e-324, 1e-150, 1.0, 1e150, 1.7e308])),
    "negative": lambda: history(History(loss=[-1.0, 0.0, -100.0])),
    "zero": lambda: history(History(loss=[1.0, 1e-3, 0.0, 0.0])),
    "long history": lambda: history(History(loss=[math.exp(-i) for i in range(5000)])),
    "norms": lambda: gradient_norms({"a": [0.1, 0.01], "b": [1.0, 0.9]}),
    "norms of 0": lambda: gradient_norms({"a": [0.0, 0.0], "b": [0.0, 0.0]}),
    "norms of many layers": lambda: gradient_norms({f"layers.{k}": [10.0**-k] for k in range(60)}),
    "norms beyond floats": lambda: gradient_norms({"a": [1e-300, math.nan, 1e300, math.inf]}),
    "confusion": lambda: confusion_matrix([0, 1, 2], [0, 2, 2], classes=[LONG, "b", LONG]),
    "confusion of one": lambda: confusion_matrix([0], [0]),
    "confusion of 26": lambda: confusion_matrix(list(range(26)) * 2, list(range(26)) + [0] * 26),
    "mistakes": lambda: mistakes([[0.0, 1.0, 2.0, 3.0]] * 40, [0] * 40, [1] * 40, classes=[LONG, "b"]),
    "no mistakes": lambda: mistakes([[0.0, 1.0, 2.0, 3.0]], [0], [0]),
    "blank mistake": lambda: mistakes([[0.0] * 4], [0], [1]),
    "regression": lambda: regression_line(lambda x: 2.0 * x[0], [[0.0], [1.0]], [0.1, 1.9]),
    "targets of no axis": lambda: regression_line(lambda x: [x[0]], SQUARE, [1e308, -1e308, math.nan, 1.0]),
    "regression of one": lambda: regression_line(lambda x: math.inf, [[3.0]], [1.0]),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_picture_is_drawn_without_a_warning_with_everything_inside_and_axes_that_fill_it(picture):
    figure = PICTURES[picture]()
    assert isinstance(figure, Figure)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, (width, height) = canvas.get_renderer(), canvas.get_width_height()
    shown = [axes for axes in figure.axes if axes.get_visible()]
    for artist in [*shown, *figure.texts, *figure.legends]:
        box = artist.get_tightbbox(renderer)
        assert -1.0 < box.x0 < box.x1 < width + 1.0
        assert -1.0 < box.y0 < box.y1 < height + 1.0
    assert all(axes.get_position().height * len(shown) > 0.4 for axes in shown)


def test_every_picture_without_matplotlib_is_an_error_that_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    message = r"^plots needs Matplotlib: python -m pip install 'scalar-autograd\[demo\]'$"
    for make in PICTURES.values():
        monkeypatch.delitem(sys.modules, "nn.plots.canvas", raising=False)  # of the pictures before
        with pytest.raises(ImportError, match=message):
            make()


# history


def curves(axes):
    return {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}


@pytest.mark.parametrize("name", ["accuracy", "mean_error"])
def test_history_has_a_panel_for_each_measure_and_a_line_for_each_part(name):
    run = History(loss=[3.0, 2.0], metric=[0.5, 0.7], validation_loss=[3.5, 2.5], validation_metric=[0.4, 0.6])
    run.metric_name, run.gradient_norms = name, {"layers.0": [1.0, 1.0]}
    figure = history(run, title="a run")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", name.replace("_", " ")]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "epoch"]
    assert figure.axes[0].get_title() == "a run"
    for axes, measure in zip(figure.axes, ("loss", "metric"), strict=True):
        lines = curves(axes)
        assert list(lines) == ["training", "validation"]
        assert lines["training"].get_xydata().tolist() == [[1, getattr(run, measure)[0]], [2, getattr(run, measure)[1]]]
        assert lines["validation"].get_ydata().tolist() == getattr(run, f"validation_{measure}")
        assert (lines["training"].get_color(), lines["validation"].get_color()) == (COLOURS[0], COLOURS[1])
        assert lines["training"].get_linestyle() != lines["validation"].get_linestyle()
    told = figure.axes[1].yaxis.get_major_formatter()(0.5, 0)
    assert (told.removesuffix("%") == "50.0") == (name == "accuracy")  # in percent
    assert "%" not in figure.axes[0].yaxis.get_major_formatter()(0.5, 0)


def test_loss_is_logarithmic_where_it_spans_much_and_one_of_0_is_marked_at_its_foot():
    losses = ([1.0, 0.1], [1.0, 0.01], [1.0, 0.5, 0.0], [100.0, 1.0, -1.0])
    scales = [history(History(loss=loss)).axes[0].get_yscale() for loss in losses]
    assert scales == ["linear", "log", "linear", "linear"]
    axes = history(History(loss=[1.0, 1e-3, 0.0, 0.0])).axes[0]
    (zeros,) = [line for line in axes.get_lines() if line.get_marker() == "v"]
    assert zeros.get_xydata().tolist() == [[3.0, axes.get_ylim()[0]], [4.0, axes.get_ylim()[0]]]
    assert not zeros.get_clip_on()  # half of it is below the axis


def test_epochs_that_were_kept_and_in_which_training_diverged_are_marked():
    of = lambda loss, **kept: curves(history(History(loss=loss, **kept)).axes[0])
    assert list(of([3.0, 1.0])) == ["training"]
    assert list(of([3.0, 1.0, 2.0], kept_epoch=2)["kept: epoch 2"].get_xdata()) == [2, 2]
    lines = of([1.0, 2.0, math.inf, math.nan])
    assert lines["diverged in epoch 3"].get_xdata() == [3, 3]
    assert [math.isnan(y) for y in lines["training"].get_ydata()] == [False, False, True, True]


def test_epochs_are_whole_numbers_from_one():
    for count in (1, 2, 3, 40):
        ticks = history(History(loss=[0.5] * count)).axes[0].get_xticks()
        found = {t for t in ticks if 0.5 <= t <= count + 0.5}
        assert found
        assert found <= {*range(1, count + 1)}


# gradient_norms


def test_norms_are_a_line_a_layer_on_a_logarithmic_axis_from_dark_to_light_and_0_a_triangle_at_its_foot():
    run = History(loss=[1.0, 0.5])
    run.gradient_norms = {"layers.0": [1e-6, 1e-7], "layers.1": [1e-3, 1e-3], "layers.2": [1.0, 0.9]}
    axes = gradient_norms(run, title="vanishing").axes[0]
    assert (axes.get_yscale(), axes.get_ylabel(), axes.get_title()) == ("log", "norm of the gradient", "vanishing")
    lines = curves(axes)
    assert {name: line.get_ydata().tolist() for name, line in lines.items()} == run.gradient_norms
    lightness = [sum(np.array(line.get_color())[:3] * [0.2, 0.7, 0.1]) for line in lines.values()]
    assert lightness == sorted(lightness)
    assert lightness[-1] - lightness[0] > 0.4
    axes = gradient_norms({"a": [0.1, 0.0, 0.2], "b": [1.0, 1.0, 1.0]}).axes[0]
    (zeros,) = [line for line in axes.get_lines() if line.get_marker() == "v"]
    assert zeros.get_xydata().tolist() == [[2.0, axes.get_ylim()[0]]]
    assert list(zeros.get_color()) == list(curves(axes)["a"].get_color())


def test_many_layers_are_all_drawn_in_different_ways_and_some_named():
    figure = gradient_norms({f"layers.{k}": [10.0**-k, 1.0] for k in range(30)})
    lines = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert len(lines) == 30
    assert len({repr(line._dash_pattern) for line in lines[:6]}) == 6  # not by their colour alone
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (names[0], names[-1]) == ("layers.0", "layers.29")
    assert len(names) <= 13


# confusion_matrix


def test_counts_are_where_they_belong_right_ones_blue_mistakes_orange_as_deep_as_their_share_of_the_row():
    axes = confusion_matrix([0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 2], classes=["a", "b", "c"]).axes[0]
    found = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert found == {(0, 0): "2", (0, 1): "1", (1, 1): "1", (2, 0): "1", (2, 2): "1"}
    title = "4 of 6 right (66.7%)"
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("class found", "true class", title)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == list("abc")
    figure = confusion_matrix([0] * 4 + [1] * 100, [0] * 3 + [1] + [1] * 100)
    pixels = np.array(figure.axes[0].images[0].get_array())
    blue, orange = (np.array([int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for c in COLOURS[:2])
    assert pixels[1][1] == pytest.approx(blue)
    assert pixels[1][0] == pytest.approx([1.0, 1.0, 1.0])
    assert pixels[0][1] == pytest.approx(0.5 * orange + 0.5)  # a quarter of the row, and its root
    assert pixels[0][0] == pytest.approx(1.0 - math.sqrt(0.75) * (1.0 - blue))
    pixels = np.array(confusion_matrix([0, 2], [0, 0], classes=list("abcd")).axes[0].images[0].get_array())
    assert pixels.shape == (4, 4, 3)
    assert np.all(pixels[1] == 1.0)  # without examples


def test_long_names_are_cut_and_turned_and_short_ones_are_neither():
    def first_label(names):
        return confusion_matrix([0, 1, 2], [0, 1, 2], classes=names).axes[0].get_xticklabels()[0]

    label = first_label([LONG, "b", "c"])
    assert (label.get_text(), label.get_rotation()) == (f"{LONG[:21]}…", 45.0)
    assert [first_label([LONG[:n], "b", "c"]).get_text() for n in (22, 23)] == [LONG[:22], f"{LONG[:21]}…"]
    label = first_label(["no", "yes", "perhaps"])
    assert (label.get_text(), label.get_rotation()) == ("no", 0.0)
    for names, title in ((["ab", "cde"], "ab taken for cde"), (["abc", "def"], "abc\ntaken for def")):
        assert mistakes([[0.0, 1.0, 2.0, 3.0]], [0], [1], classes=names).axes[0].get_title() == title


# mistakes


def test_only_mistakes_are_shown_each_with_what_it_is_and_was_taken_for():
    X = [[float(i), 0.0, 1.0, 2.0] for i in range(4)]
    figure = mistakes(X, [0, 1, 2, 1], [0, 2, 2, 0], classes=["a", "b", "c"])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == ["b taken for c", "b taken for a"]
    assert [axes.images[0].get_array().tolist() for axes in shown] == [[X[i][:2], X[i][2:]] for i in (1, 3)]
    assert figure.get_suptitle() == "2 of 4 wrong"
    assert shown[0].images[0].get_clim() == shown[1].images[0].get_clim() == (0.0, 3.0)
    image = shown[0].images[0]
    assert [image.cmap(image.norm(x))[:3] for x in (0.0, 3.0)] == [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]  # large is ink


def test_more_mistakes_than_asked_for_are_counted_not_shown_and_images_that_are_not_square_have_a_shape():
    figure = mistakes([[0.0, 1.0, 2.0, 3.0]] * 50, [0] * 50, [1] * 50, limit=7)
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 7
    assert figure.get_suptitle() == "50 of 50 wrong, the first 7 of them"
    figure = mistakes([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]], [0], [1], shape=(2, 3))
    assert figure.axes[0].images[0].get_array().tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


# regression_line


def test_line_is_red_and_says_what_the_model_says():
    X, y = [[0.0], [2.0], [4.0]], [1.0, 5.0, 9.5]
    axes = regression_line(lambda x: 2.0 * x[0] + 1.0, X, y, names=("years", "price"), title="t").axes[0]
    (line,) = axes.get_lines()
    assert line.get_color() == RED
    assert int(RED[1:3], 16) > 180 > 60 > int(RED[3:5], 16) == int(RED[5:7], 16)
    across, found = line.get_data()
    assert list(found) == pytest.approx([2.0 * x + 1.0 for x in across])
    assert across[0] < 0.0 < 4.0 < across[-1]
    assert axes.collections[0].get_offsets().tolist() == [[0.0, 1.0], [2.0, 5.0], [4.0, 9.5]]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("years", "price", "t")


def test_line_lies_at_the_means_of_the_other_features():
    X, y = [[0.0, 10.0], [1.0, 30.0]], [0.0, 1.0]
    for model in (MLP(2, [3, 1], "tanh", seed=1), lambda x: [Value(x[0] + x[1])]):
        across, found = regression_line(model, X, y, feature=1, resolution=9).axes[0].get_lines()[0].get_data()
        outputs = [model([0.5, step]) for step in across]
        assert len(across) == 9
        assert list(found) == [(z[0] if isinstance(z, list) else z).data for z in outputs]


NAME = r"$\bad$ of A"  # as a formula it would be an error
TITLE = "of $x^2$"
NAMED = {
    "decision_boundary": lambda name: draw(
        names=(name, "x"), classes=(name, "b"), held_out=(SQUARE, CORNERS), title=TITLE
    ),
    "regression_line": lambda name: regression_line(lambda x: x[0], SQUARE, CORNERS, names=("x", name), title=TITLE),
    "confusion_matrix": lambda name: confusion_matrix([0, 1], [1, 1], classes=(name, "b"), title=TITLE),
    "mistakes": lambda name: mistakes([[1.0], [0.0]], [0, 1], [1, 1], classes=(name, "b"), title=TITLE),
    "gradient_norms": lambda name: gradient_norms({name: [1.0, 0.1]}, title=TITLE),
}


@pytest.mark.parametrize("kind", NAMED)
def test_name_from_data_stands_as_it_is_and_a_title_may_hold_a_formula(kind, tmp_path):
    figure = NAMED[kind](NAME)
    figure.savefig(tmp_path / "figure.png")  # which lays formulas out
    shown = {text.get_text() for text in figure.findobj(Text)}
    assert any(r"\$\bad\$ of A" in text for text in shown)
    assert TITLE in shown


@pytest.mark.parametrize("name", ["figure", "figure.", "figure.of.svg", "a.b/figure", "figure.png"])
@pytest.mark.parametrize("options", [{}, {"format": "svg"}, {"format": "png"}])
def test_file_of_a_figure_is_called_as_matplotlib_calls_it_where_its_name_has_no_ending_or_an_odd_one(
    name, options, tmp_path
):
    written = []
    for kind in (canvas.Figure, Figure):
        folder = tmp_path / kind.__module__.split(".")[0]
        (folder / name).parent.mkdir(parents=True)
        figure = kind()
        FigureCanvasAgg(figure)
        figure.savefig(folder / name, **options)
        written.append({(str(path.relative_to(folder)), path.read_bytes()[:4]) for path in folder.rglob("figure*")})
    ours, theirs = written
    assert ours == theirs
