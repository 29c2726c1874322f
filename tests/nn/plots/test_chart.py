"""SVG charts: what is drawn where, and that no number, name or size breaks them."""

import itertools
import math
import re
import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn.plots
from autograd import Value
from autograd.rules import with_article
from nn.plots import Chart

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart):
    return ET.fromstring(chart._repr_svg_())


def texts(chart):
    return [text.text for text in drawn(chart).iter(f"{SVG}text")]


def curve_of(chart):
    [path] = [part.get("d") for part in drawn(chart).iter(f"{SVG}path") if part.get("fill") == "none"]
    return path


def test_curve_goes_through_its_points_and_axes_are_marked_with_round_numbers():
    chart = Chart(title="t", x="time", y="height").curve([0, 5, 10], [0.0, 25.0, 100.0], name="s")
    assert curve_of(chart) == "M56 280L262 217L468 28"
    assert {"t", "time", "height", "s", "0", "2", "10", "20", "100"} <= set(texts(chart))


def test_lines_cross_the_axes_and_points_and_numbers_stand_at_their_places():
    picture = drawn(Chart(x="time", y="height").points([0, 10], [0, 100], name="a").points([5], [50]))
    paths = list(picture.iter(f"{SVG}path"))
    lines = [path.get("d") for path in paths if path.get("stroke") == "#ddd"]
    upright = [f"M{56 + 82.4 * i:.1f} 28V280" for i in range(6)]
    assert lines == [*upright, *(f"M56 {280 - 50.4 * i:.1f}H468" for i in range(6))]
    marks = {path.get("transform"): path.get("d") for path in paths if path.get("stroke") == "white"}
    assert list(marks) == ["translate(56 280)", "translate(468 28)", "translate(62 326)", "translate(262 154)"]
    first, second, legend, other = marks.values()
    assert first == second == legend != other  # a shape for each series
    place = ("x", "y", "text-anchor")
    written = {text.text: tuple(map(text.get, place)) for text in picture.iter(f"{SVG}text")}
    assert (written["10"], written["100"]) == (("468", "296", "middle"), ("50", "32", "end"))
    assert (written["time"], written["height"]) == (("262", "314", "middle"), ("12", "18", "start"))
    assert written["a"] == ("74", "330", "start")


def test_axis_of_one_number_has_it_in_the_middle():
    for number in (0.0, 3.0, -1e100):
        paths = drawn(Chart().points([number], [number])).iter(f"{SVG}path")
        assert [path.get("transform") for path in paths if path.get("transform")] == ["translate(262 154)"]


def test_number_that_is_not_finite_leaves_a_gap():
    chart = Chart().curve([0, 1, 2, 3], [0, 1, math.nan, 3]).points([0, math.inf], [1, 1])
    curve, *marks = [part for part in drawn(chart).iter(f"{SVG}path") if part.get("stroke") != "#ddd"]
    assert curve.get("d").count("M") == 2
    assert len(marks) == 1


def test_labels_cannot_leave_their_text():
    hostile = '</text><script>alert("&")</script>'
    chart = Chart(title=hostile, x=hostile, y=hostile).points([1], [1], name=hostile)
    assert texts(chart).count(hostile) == 4
    assert not list(drawn(chart).iter(f"{SVG}script"))


def test_logarithmic_axis_has_powers_of_ten_at_equal_distances_and_no_place_for_zero():
    chart = Chart(log="xy").curve([1e-8, 0.0, 1e-4, 1.0], [1.0, 1.0, 100.0, 1e4])
    assert curve_of(chart) == "M56 280M262 154L468 28"
    assert {"1e-08", "1e-06", "0.0001", "0.01", "1", "10", "100", "1e+03", "1e+04"} <= set(texts(chart))


@given(st.lists(st.tuples(st.floats(), st.floats())), st.sampled_from(["", "x", "y", "xy"]))
def test_every_series_can_be_drawn(pairs, log):
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    chart = Chart(log=log).curve(xs, ys).points(xs, ys)
    assert len(list(drawn(chart).iter(f"{SVG}text"))) < 60


def test_lengths_that_differ_and_a_logarithmic_axis_that_is_not_there_are_errors():
    with pytest.raises(ValueError, match="points takes as many numbers across as up, got 2 and 1"):
        Chart().points([1, 2], [1])
    with pytest.raises(ValueError, match='"x", "y" or "xy", got \'z\''):
        Chart(log="z")


@pytest.mark.parametrize("kind", ["curve", "points"])
def test_what_is_no_number_is_named(kind):
    for wrong in ("a", "1", None, [1.0], 1j, Value(1.0)):
        for numbers in (([wrong], [1.0]), ([1.0], [wrong])):
            found = re.escape(f"{kind} takes a real number, got {with_article(wrong)}: {wrong!r}; ")
            with pytest.raises(TypeError, match=found):
                getattr(Chart(), kind)(*numbers)
    for wrong in (1.0, "12", None, {1.0: 2.0}):
        with pytest.raises(TypeError, match=f"{kind} takes a sequence of numbers, got {with_article(wrong)}: "):
            getattr(Chart(), kind)([1.0], wrong)


def test_it_is_public_and_shows_and_saves_itself_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    path = nn.plots.Chart(title="loss").curve(range(3), [3, 2, 1]).save(tmp_path / "loss.svg")
    assert ET.parse(path).getroot().get("role") == "img"
    assert repr(Chart(title="loss").curve(range(3), [3, 2, 1], name="training")) == "<Chart loss: training>"


def axes(chart):
    """The labels of both axes."""
    found = list(drawn(chart).iter(f"{SVG}text"))
    return [[text.text for text in found if text.get(way) == place] for way, place in (("y", "296"), ("x", "50"))]


@pytest.mark.parametrize("log", ["", "x", "y", "xy"])
def test_each_mark_of_an_axis_has_a_label_of_its_own_and_numbers_are_seen(log):
    for start, step in itertools.product((0.0, 1.0, 5.0, 3e-3, 1e6, 1e9, -1e6), (0.0, 1e-3, 1.0, 9.0, 1e5)):
        numbers = [start + step * i for i in range(3)]
        for xs, ys in ((numbers, [1, 2, 3]), ([1, 2, 3], numbers)):
            for labels in axes(Chart(log=log).curve(xs, ys)):
                assert 2 <= len(set(labels)) == len(labels) <= 10, (labels, numbers)


def test_marks_are_round_numbers_and_a_lone_point_of_a_curve_is_seen():
    found = [" ".join(labels) for labels in axes(Chart(log="y").curve([1, 2], [1, 10]))]
    assert found == ["1 1.2 1.4 1.6 1.8 2", "1 2 5 10"]
    assert axes(Chart(log="x").curve([1e-15, 0.1], [1, 2]))[0] == ["1e-15", "1e-10", "1e-05"]
    assert axes(Chart().curve([0], [1e6]))[0] == ["-0.4", "-0.2", "0", "0.2", "0.4"]
    for ys, alone in (([0.5], 1), ([1, math.nan, math.inf, 2], 2), ([1, 2, math.nan], 0), ([math.nan], 0)):
        assert Chart().curve(range(len(ys)), ys)._repr_svg_().count("<circle") == alone
