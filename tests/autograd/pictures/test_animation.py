"""animate(root, path): what the frames tell, that nothing jumps between them, and what is written where."""

import io
import re
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest

from autograd import Constant, Value, animate, dot, draw, fsum, scope, sqrt, tanh, where
from autograd.engine.chain import topological_order
from autograd.pictures._frames import write_svg
from autograd.pictures.animation import _in_boxes, _joined, _Stage, _steps, caption_names
from autograd.pictures.folding import folded, unfolded
from autograd.pictures.style import INK, arrow_colour
from nn import MLP, hinge
from tests.autograd.pictures.reading import SVG, chain, sum_of, svg
from tests.autograd.pictures.test_drawing import own
from tests.readme import worked_example as example

Image = pytest.importorskip("PIL.Image")


def neuron():
    w, x = [Value(0.5, "w0"), Value(-0.25, "w1")], [Value(1.0, "x0"), Value(2.0, "x1")]
    with scope("Neuron"):
        y = tanh(dot(w, x) + 0.3)
    return (y - 1.0) ** 2 + y / w[0]


def captions(root):
    return [step.caption for step in _steps(topological_order(root))]


def stage(root, fold=False):
    """The steps of a walk, and their drawings."""
    order = topological_order(root)
    parts = folded(order) if fold else unfolded(order)
    steps = list(_in_boxes(_steps(order), parts, caption_names(order)) if fold else _steps(order))
    return steps, list(map(_Stage(order, steps, "LR", parts).frame, steps))


def drawings(root):
    return stage(root)[1]


def test_walk_through_the_worked_example():
    assert [" | ".join(filter(None, caption)) for caption in captions(example())] == [
        "Forward: every operation computes its result from its operands.",
        "v1 = a * b = 2 * (-3) = -6",
        "v2 = v1 + c = (-6) + 10 = 4",
        "L = v2 * f = 4 * (-2) = -8",
        "Backward: every gradient is handed on to the operands, times the local derivative. | dL/dL = 1",
        "dL/dv2 += dL/dL · ∂L/∂v2 = 1 × (-2) = -2",
        "dL/df += dL/dL · ∂L/∂f = 1 × 4 = 4",
        "dL/dv1 += dL/dv2 · ∂v2/∂v1 = -2 × 1 = -2",
        "dL/dc += dL/dv2 · ∂v2/∂c = -2 × 1 = -2",
        "dL/da += dL/dv1 · ∂v1/∂a = -2 × (-3) = 6",
        "dL/db += dL/dv1 · ∂v1/∂b = -2 × 2 = -4",
        "Done: the gradient of a leaf says how fast the result changes with it. | "
        "dL/da = 6,  dL/db = -4,  dL/dc = -2,  dL/df = 4",
    ]


def test_contributions_to_a_shared_node_add_up_one_by_one():
    x = Value(3.0, "x")
    found = captions(x * x + x)
    totals = [total for _, total in found if "/dx = " in total]
    assert totals[:2] == ["dv2/dx = 1 + 3 = 4", "dv2/dx = 4 + 3 = 7"]
    shares = [formula for formula, _ in found if "/dx += " in formula]
    assert shares == [
        "dv2/dx += dv2/dv2 · ∂v2/∂x = 1 × 1 = 1",
        "dv2/dx += dv2/dv1 · ∂v1/∂(1st x) = 1 × 3 = 3",
        "dv2/dx += dv2/dv1 · ∂v1/∂(2nd x) = 1 × 3 = 3",
    ]


def test_each_operand_that_takes_a_gradient_has_a_step_and_gradients_at_the_end_are_those_of_backward():
    for root in (example(), neuron(), fsum([Value(2.0), Value(3.0) * 2.0])):
        order = topological_order(root)
        steps = list(_steps(order))
        operands = sum(type(parent) is not Constant for node in order for parent in node.parents)
        computed = sum(node.op is not None for node in order)
        assert sum(step.operand is not None for step in steps) == operands
        assert sum(step.node is not None and step.operand is None for step in steps) == computed
        root.backward()
        assert steps[-1].gradients == {node: node.grad for node in order if type(node) is not Constant}


def test_graph_stays_as_it_is_and_the_picture_is_of_the_walk_whatever_gradients_it_has(tmp_path):
    fresh, used = example(), example()
    used.backward()
    used.backward()
    before = draw(used).source
    first, second = (animate(root, tmp_path / "a.svg").read_bytes() for root in (fresh, used))
    assert draw(used).source == before
    assert first == second


def test_long_formulas_and_labels_are_shortened_and_derivatives_that_are_not_finite_are_told():
    xs = [Value(1.0, f"name{i}") for i in range(40)]
    assert max(len(line) for caption in captions(fsum(xs)) for line in caption) <= 110
    assert captions(-Value(1.0, "a" * 30))[1][0] == "v1 = -aaaaaaaaaaa… = -1 = -1"
    assert any("× inf = inf" in line for line, _ in captions(sqrt(Value(0.0, "x"))))


def layouts(frames):
    """The places and sizes of all nodes in each frame."""
    found = set()
    for drawing in frames:
        lines = drawing.pipe(format="plain", encoding="utf-8").splitlines()
        found.add(tuple(tuple(line.split()[:6]) for line in lines if line.startswith(("graph", "node"))))
    return found


def test_nothing_moves_from_frame_to_frame():
    for root in (example(), neuron(), Value(2.0, "x"), -Constant(2.0)):
        assert len(layouts(drawings(root))) == 1


def shown(drawing):
    texts = {}
    for g in svg(drawing).iter(f"{SVG}g"):
        if g.get("class") in ("node", "edge"):
            visible = [t for t in g.iter(f"{SVG}text") if t.get("fill") not in ("none", "transparent")]
            visible = [t for t in visible if float(t.get("fill-opacity", "1")) > 0.0]
            lines = [" ".join("".join(t.itertext()).split()) for t in visible]
            texts[g.findtext(f"{SVG}title")] = list(filter(None, lines))
    return texts


def test_data_appear_forward_and_gradients_and_derivatives_backward():
    frames = [shown(drawing) for drawing in drawings(example())]
    assert frames[0]["n0"] == ["a", "data 2"]
    assert (frames[0]["n2"], frames[1]["n2"], frames[1]["n4"]) == (["v1"], ["v1", "data -6"], ["v2"])
    assert (frames[3]["n6"], frames[4]["n6"]) == (["L", "data -8"], ["L", "data -8", "grad 1"])
    assert frames[8]["n0->n2op"] == []
    assert (frames[8]["n0"], frames[9]["n0"]) == (["a", "data 2"], ["a", "data 2", "grad 6"])
    assert frames[9]["n0->n2op"] == ["∂ -3"]
    assert frames[9]["n1->n2op"] == []
    assert frames[-1]["n1"] == ["b", "data -3", "grad -4"]


def test_arrows_are_thick_at_work_and_turn_back_in_the_colour_of_the_gradient_that_came_along_them():
    def arrow(drawing):
        (found,) = re.findall(r"^\s*n6op -> n6(.*)$", drawing.source, re.MULTILINE)
        return dict(re.findall(r"(\w+)=\"?([^\s\"\]]+)", found))

    arrows = [arrow(drawing) for drawing in drawings(example())]
    assert arrows[:5] == [{}, {}, {}, {"color": INK, "penwidth": "2"}, {}]
    above = arrow_colour(1.0, 6.0)  # of L, and the largest gradient
    assert arrows[5] == arrows[6] == {"dir": "back", **above, "penwidth": "3"}
    assert arrows[7:] == [{"dir": "back", **above}] * 5


def test_arrows_into_a_closed_box_are_thick_while_it_is_at_work():
    a, b = Value(0.5, "a"), Value(2.0, "b")
    with scope("inside"):
        y = tanh(a) * a
    _, frames = stage(y + b, fold=True)
    arrows = [re.search(r"n0 -> card0 .*", frame.source)[0] for frame in frames]
    assert [re.findall(r"penwidth=(\d)", arrow) for arrow in arrows] == [[], ["2"], [], [], [], [], ["3"], []]


def framed(drawing, width):
    """The marks whose frame is so wide."""
    return set(re.findall(rf'^\s*(\w+) \[label=<<TABLE BORDER="{width}"', drawing.source, re.MULTILINE))


def test_numbers_at_work_stand_out_and_labels_are_bold():
    first, *frames, last = drawings(example())
    assert [framed(frame, 2) for frame in (first, frames[3], last)] == [set()] * 3
    assert [framed(frame, 2) for frame in frames[:3]] == [{"n0", "n1", "n2"}, {"n2", "n3", "n4"}, {"n4", "n5", "n6"}]
    assert [framed(frame, 2) for frame in frames[4:6]] == [{"n6", "n4"}, {"n6", "n5"}]  # one operand after the other
    filled = [re.findall(r"(\w+) \[.*#FFD966", frame.source) for frame in (first, *frames[:5], last)]
    assert filled == [[], ["n2op"], ["n4op"], ["n6op"], [], ["n6op"], []]
    assert all(">grad above 0<" in frame.source for frame in (first, *frames, last))  # the legend, below each caption
    assert [last.source.count(name) for name in ("<B>a</B>", ">v1<", "<B>v1</B>")] == [1, 1, 0]


def test_line_of_a_formula_is_whole_up_to_110_characters_and_then_shortened():
    for symbols, numbers in [(50, 60), (51, 60), (56, 55), (110, 0), (111, 0), (20, 300), (300, 300)]:
        formula, found = "s" * (symbols - 1) + "t", "=" * max(numbers - 12, 0) + "0123456789ab"[:numbers]
        line = _joined(formula, found)
        if symbols + numbers <= 110:
            assert line == formula + found
        else:
            assert len(line) <= 110
            assert " …" in line
            assert line.endswith(found if numbers <= 55 else found[-12:])
            assert line.startswith(formula if symbols <= 54 else formula[:50])


@pytest.mark.parametrize("kind", ["gif", "svg", "GIF"])
@pytest.mark.parametrize("root", [example(), Constant(3.0)], ids=["graph", "constant"])
def test_path_is_returned_and_alone_in_its_folder(tmp_path, root, kind):
    path = animate(root, str(tmp_path / f"backward.{kind}"))
    assert path == tmp_path / f"backward.{kind}"
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes().startswith(b"GIF89a" if kind.lower() == "gif" else b"<svg")


@pytest.mark.thorough
def test_frames_of_a_gif_are_the_pictures_of_the_steps_and_the_last_stays(tmp_path):
    pictures, durations = drawings(example()), []
    with Image.open(animate(example(), tmp_path / "a.gif", duration=0.5)) as gif:
        for number, picture in enumerate(pictures):
            gif.seek(number)
            durations.append(gif.info["duration"])
            if number in (0, 5, len(pictures) - 1):
                picture.attr(dpi="120")
                wanted = np.asarray(Image.open(io.BytesIO(picture.pipe(format="png"))).convert("RGB"), dtype=int)
                found = np.asarray(gif.convert("RGB"), dtype=int)
                assert found.shape == wanted.shape
                assert np.mean(np.abs(found - wanted).max(axis=2) > 48) < 1 / 1000
        assert gif.n_frames == len(pictures)
        assert durations == [500] * (len(pictures) - 1) + [1500]
        assert gif.info["loop"] == 0
        assert gif.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def visible_at(root, second):
    """The texts of an animated SVG at a time, by its style sheet."""
    style = root.findtext(f"{SVG}style")
    hidden = set()
    for name, body in re.findall(r"@keyframes (\w+)\{(.*)\}$", style, re.MULTILINE):
        total = float(re.search(rf"\.{name}\{{animation:{name} (\S+)s step-end infinite\}}", style)[1])
        keys = [(float(at), state) for at, state in re.findall(r"([\d.]+)%\{visibility:(\w+)\}", body)]
        if [state for at, state in keys if at <= 100.0 * second / total][-1] == "hidden":
            hidden.add(name)
    found = []

    def visit(element):
        if element.get("class") not in hidden:
            if element.tag == f"{SVG}text":
                found.append("".join(element.itertext()))
            for child in element:
                visit(child)

    visit(root)
    return [word for word in found if word.strip()]


def test_each_frame_of_the_svg_is_seen_in_its_time_and_without_its_style_sheet_the_last(tmp_path):
    root = ET.parse(animate(example(), tmp_path / "a.svg", duration=2.0)).getroot()
    for number, drawing in enumerate(drawings(example())):
        wanted = ["".join(t.itertext()) for t in svg(drawing).iter(f"{SVG}text")]
        assert sorted(visible_at(root, 2.0 * number + 1.0)) == sorted(word for word in wanted if word.strip())
    keys = re.findall(r"@keyframes \w+\{(.*)\}$", root.findtext(f"{SVG}style"), re.MULTILINE)
    assert any(key.startswith("0%{visibility:visible}") for key in keys)  # and hidden at no time before that
    assert not any("100%" in key for key in keys)
    frames = drawings(example())
    root = ET.fromstring(write_svg(frames, [1.0] * len(frames)))
    kept = [g for g in root.iter(f"{SVG}g") if g.get("class", "").startswith("t") and g.get("visibility") != "hidden"]
    words = ["".join(t.itertext()) for g in kept for t in g.iter(f"{SVG}text")]
    assert {"grad 6", "grad -4", "grad 4"} <= set(words)
    assert any(word.startswith("Done") for word in words)
    assert not any(word.startswith("Forward") for word in words)
    assert "prefers-reduced-motion:reduce" in root.findtext(f"{SVG}style")


def test_labels_leave_the_style_sheet_as_it_is_and_ids_are_unique(tmp_path):
    def styled(label):
        with scope(label):
            y = own(label)(Value(1.0, label))
        y.label = label
        root = ET.parse(animate(y, tmp_path / "a.svg")).getroot()
        tags = {e.tag.removeprefix(SVG) for e in root.iter()}
        assert tags <= {"svg", "g", "polygon", "path", "ellipse", "text", "style"}
        return root.findtext(f"{SVG}style")

    hostile = "<script>alert(1)</script> ]]></style> \"'\\N 🙂 שלום \x00\ud800 &#0;"
    assert styled(hostile) == styled("x")
    ids = [e.get("id") for e in ET.parse(animate(neuron(), tmp_path / "a.svg")).getroot().iter() if e.get("id")]
    assert len(ids) == len(set(ids))


def test_network_of_more_than_60_nodes_is_folded_and_each_card_is_a_step(tmp_path):
    loss = hinge([MLP(2, [4, 4, 1], seed=1)([1.0, -2.0])], [1])
    order = topological_order(loss)
    steps, frames = stage(loss, fold=True)
    told = [step.caption[0] for step in steps]
    for start in ("computes", "chain rule"):
        assert sum(start in line and "Neuron" in line for line in told) == 9
    assert any(line.startswith("Neuron 2 of Layer 1 of MLP computes v") for line in told)
    assert "The chain rule runs through Neuron 1 of Layer 2 of MLP, and 5 parameters get their gradients" in told
    loss.backward()
    assert steps[-1].gradients == {node: node.grad for node in order if type(node) is not Constant}
    assert all(framed(frame, 3) for frame, step in zip(frames, steps, strict=True) if "Neuron" in step.caption[0])
    assert framed(frames[0], 3) == framed(frames[-1], 3) == set()
    assert all("remincross=false" in frame.source for frame in frames)
    assert "remincross" not in drawings(example())[0].source
    assert len(layouts(frames[::6])) == 1
    assert "Neuron 4" in animate(loss, tmp_path / "network.svg").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=rf"^this graph has {len(order)} nodes"):
        animate(loss, tmp_path / "network.svg", fold=False)


def test_part_with_two_results_is_a_card_with_one_arrow_to_each_operation():
    x, y = Value(0.5, "x"), Value(2.0, "y")
    with scope("Pair"):
        a, b = tanh(x * y), x + y
    steps, frames = stage(a * b + a, fold=True)
    assert any("Pair computes v2 = " in step.caption[0] for step in steps)
    assert len(set(re.findall(r"^\s*(\S+) .*label=.*Pair", frames[-1].source, re.MULTILINE))) == 1


NAN, INF = float("nan"), float("inf")
ENDS = r"^animate writes a file whose name ends in .gif or .svg, got '{}'$"
REFUSED = [  # what is animated, where, how, and what is said of it
    *((example, path, {}, ValueError, ENDS.format(path)) for path in ("a.png", "a", "a.svg.txt", "")),
    *((example, "a.gif", {"duration": s}, ValueError, "duration is the seconds") for s in (0.0, -1.0, NAN, INF, 1e9)),
    (example, "a.gif", {"duration": "1"}, TypeError, r"animate\(duration\) takes a real number"),
    (lambda: chain(61), "a.gif", {}, ValueError, "^this graph has 61 nodes, and nobody .*draw\\(root, depth=4\\)"),
    (lambda: sum_of(121), "a.gif", {}, ValueError, "^this graph has 121 operands"),
    (example, "nowhere/a.svg", {}, FileNotFoundError, "nowhere"),
]


def test_what_is_refused_is_an_error_that_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for make, path, options, error, message in REFUSED:
        with pytest.raises(error, match=message):
            animate(make(), path, **options)
        assert list(tmp_path.iterdir()) == [], message
    x = Value(1.0, "x")
    y = x * x
    x.data = 2.0
    with pytest.raises(RuntimeError, match="leaf x was changed"):
        animate(y, tmp_path / "a.gif")


def test_without_pillow_the_error_names_the_command_and_svg_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pillow package: python -m pip install 'scalar-autograd\[draw\]'"):
        animate(example(), tmp_path / "a.gif")
    animate(example(), tmp_path / "a.svg")


def test_layout_without_a_picture_is_an_error():
    empty = SimpleNamespace(pipe=lambda **options: '<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    with pytest.raises(ValueError, match="the layout program wrote no picture into its SVG"):
        write_svg([empty], [1.0])


def test_condition_hands_nothing_back():
    c, a, b = Value(1.0, "c"), Value(2.0, "a"), Value(3.0, "b")
    told = [caption for _, caption in captions(where(c * 1.0, a * 2.0, b))]
    assert told[-1] == "dv3/dc = 0,  dv3/da = 2,  dv3/db = 0"
    assert not any(text.startswith("dv3/dv1") or text.startswith("dv3/dc +=") for text in told)
