"""Graphs as text and as pictures: what they show, that no label does harm, what is said when something fails."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import autograd
from autograd import Constant, Value, dot, draw, fsum, leaky_relu, logsumexp, maximum, scope, sin, tanh, text, where
from autograd.engine.chain import topological_order
from autograd.pictures import animation, display, drawing, folding, rendering, style
from autograd.pictures.drawing import MAX_NODES

SVG = "{http://www.w3.org/2000/svg}"


def words(drawing):
    """The text elements of the rendered picture."""
    root = ET.fromstring(drawing.pipe(format="svg", encoding="utf-8"))
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def arrows(drawing):
    return [line.strip() for line in drawing.source.splitlines() if "->" in line]


def example():
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    return (a * b + c) * f


def everything():
    x, y = Value(0.5, "x"), Value(-1.5, "y")
    terms = [-x, x**3, x**-1.5, 2.0**y, (-2.0) * y, x - 1.0, 1.0 / x, autograd.abs(y), leaky_relu(y, 0.1)]
    terms += [where(x > y, x, y), maximum(x, 0.0), dot([x, 2.0], [y, -3.0]), logsumexp([x, y, 0.0])]
    return fsum([*terms, Value(float("inf"), "inf") * 0.0 + x])


# Text


@pytest.mark.parametrize("make", [example, everything, lambda: Value(1.0, "x"), lambda: Constant(2.0)])
def test_text_is_python_that_makes_the_same_graph(make):
    root = make()
    names = {name: getattr(autograd, name) for name in autograd.__all__}
    exec(text(root), names)
    twin = names[text(root).splitlines()[-1].split(" = ")[0]]
    twin.backward()
    root.backward()
    ours, theirs = topological_order(root), topological_order(twin)
    assert [repr(node.data) for node in ours] == [repr(node.data) for node in theirs]
    assert [repr(node.grad) for node in ours] == [repr(node.grad) for node in theirs]
    assert [node.op and node.op.name for node in ours] == [node.op and node.op.name for node in theirs]


def test_text_says_not_yet_before_backward():
    L = example()
    assert text(L).count("grad: not yet") == 7
    L.backward()
    assert "grad = 6.0" in text(L)
    assert "not yet" not in text(L)


def test_text_tells_a_computed_zero_from_not_yet():
    x = Value(0.0, "x")
    (x * x).backward()
    assert text(x) == "x = Value(0.0, label='x')  # grad = 0.0"


@pytest.mark.parametrize("label", ["if", "tanh", "Value", "two words", "", "x\n", "🙂", "v1"])
def test_labels_that_are_no_free_names_get_numbers(label):
    x, y = Value(2.0, label), Value(3.0, label)
    root = x * y
    names = {name: getattr(autograd, name) for name in autograd.__all__}
    exec(text(root), names)
    result = names[text(root).splitlines()[-1].split(" = ")[0]]
    assert result.data == 6.0
    assert [parent.label for parent in result.parents] == [label, label]


# Pictures


def test_each_node_shows_label_data_and_gradient():
    L = example()
    L.backward()
    shown = words(draw(L))
    for word in ("a", "data 2", "grad 6", "b", "data -3", "grad -4", "data -8", "grad 1", "*", "+"):
        assert word in shown


def test_not_yet_is_shown_before_backward_and_zero_after():
    x = Value(0.0)
    y = x * x
    assert words(draw(y)).count("grad not yet") == 2
    y.backward()
    assert "grad 0" in words(draw(y))
    y.zero_grad()
    assert words(draw(y)).count("grad not yet") == 2


def test_operand_used_twice_has_two_arrows():
    a = Value(1.0)
    assert arrows(draw(a + a)) == ["n0 -> n1op", "n0 -> n1op", "n1op -> n1"]


def test_constants_have_no_gradient_and_another_look():
    x = Value(2.0, "x")
    y = x * 3.0
    y.backward()
    drawing = draw(y)
    assert words(drawing).count("data 3") == 1
    assert sum(word.startswith("grad ") for word in words(drawing)) == 2 + 1  # the legend
    assert drawing.source.count("DASHED") == 1 + 1


def test_same_text_in_every_process():
    program = "from autograd import *; x = Value(2.0, 'x'); y = x * x + tanh(x) * 3; print(draw(y).source, text(y))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(outputs) == 1
    assert "n0" in outputs.pop()


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a & b < c > d", "a & b < c > d"),
        ("\"quoted\" 'too'", "\"quoted\" 'too'"),
        ("back\\slash \\n \\", "back\\slash \\n \\"),
        ("{record|<port> x}", "{record|<port> x}"),
        ("]]>--><!--", "]]>--><!--"),
        ("%s {} ${x}", "%s {} ${x}"),
        ("🙂 naïve 漢字", "🙂 naïve 漢字"),
        ("שלום", "שלום"),
        ("line\nbreak\x00\x1b", "line break"),
        ("\ud800lone", "lone"),
    ],
)
def test_label_is_shown_as_text_whatever_it_holds(label, shown):
    drawing = draw(Value(1.0, label) * 2.0)
    source = drawing.pipe(format="svg", encoding="utf-8")
    root = ET.fromstring(source)
    assert not list(root.iter(f"{SVG}script"))
    assert any(shown in word.replace("\xa0", " ") for word in words(drawing))


@pytest.mark.parametrize("label", ["", " ", "\t", "x" * 300])
def test_blank_and_long_labels_are_drawn(label):
    assert "data 1" in words(draw(Value(1.0, label)))


def test_title_of_a_scope_is_shown_as_text():
    with scope("<b>&{}"):
        y = tanh(Value(1.0))
    assert "<b>&{}" in words(draw(y))


def test_depth_counts_operations_from_the_root():
    L = example()
    assert arrows(draw(L, depth=0)) == ["n6op -> n6"]
    assert "* ..." in words(draw(L, depth=0))
    assert len(arrows(draw(L, depth=1))) == 4
    assert arrows(draw(L, depth=3)) == arrows(draw(L, depth=10**9)) == arrows(draw(L))


def test_depth_below_zero_is_an_error():
    with pytest.raises(ValueError, match="0 or more, got -1"):
        draw(example(), depth=-1)


@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_direction_is_graphviz_rankdir(direction):
    assert f"rankdir={direction}" in draw(example(), direction=direction).source


def test_unknown_direction_is_an_error():
    with pytest.raises(ValueError, match="one of LR, TB, RL, BT, got 'left'"):
        draw(example(), direction="left")


def test_expand_shows_a_dot_as_its_products_and_their_sum():
    w, x = [Value(2.0), Value(3.0)], [Value(5.0), Value(7.0)]
    y = dot(w, x)
    y.backward()
    assert "dot" in words(draw(y))
    shown = words(draw(y, expand=True))
    assert "dot" not in shown
    assert (shown.count("*"), shown.count("+"), "data 10" in shown, "data 21" in shown) == (2, 1, True, True)
    assert len(arrows(draw(y, expand=True))) == 2 * 4 + 1


class Owner:
    def __init__(self):
        self.w = Value(2.0, "w")

    def parameters(self):
        return [self.w]


def test_scopes_are_boxes_with_the_parameters_of_their_owner_inside():
    owner, x = Owner(), Value(3.0, "x")
    with scope("outer"), scope("inner", owner):
        y = owner.w * x
    lines = [line.strip() for line in draw(y).source.splitlines()]
    inner = lines[lines.index("subgraph cluster1 {") : lines.index("}")]
    assert any("<B>w</B>" in line for line in inner)
    assert not any("<B>x</B>" in line for line in inner)
    assert any("outer" in line for line in lines[: lines.index("subgraph cluster1 {")])


def test_boxes_of_one_title_are_numbered():
    x = Value(1.0)
    for _ in range(2):
        with scope("square"):
            x = x * x
    shown = words(draw(x))
    assert {"square 1", "square 2"} <= set(shown)


def test_modules_are_boxes():
    from nn import Layer

    shown = words(draw(fsum(Layer(2, 2, seed=1)([1.0, 2.0]))))
    assert {"Layer", "Neuron 1", "Neuron 2"} <= set(shown)


def test_boxes_are_numbered_in_the_order_of_computation():
    from nn import MLP

    lines = [line.strip() for line in draw(MLP(1, [1, 1, 1], seed=1)([1.0])).source.splitlines()]
    first = lines[next(k for k, line in enumerate(lines) if "<Layer 1>" in line) :]
    assert any("relu" in line for line in first[: first.index("}")])


def test_scope_is_entered_once():
    once = scope("once")
    with once, pytest.raises(RuntimeError, match=r"scope\('once'\) was entered before"), once:
        pass


def test_graph_too_large_to_lay_out_says_how_to_draw_a_part():
    y = x = Value(1.0)
    for _ in range(MAX_NODES):
        y = y + x
    with pytest.raises(ValueError, match=rf"{MAX_NODES + 1} nodes .* draw\(root, depth=4\).*text\(root\)"):
        draw(y)
    assert len(arrows(draw(y, depth=2))) == 8


def test_render_writes_a_file_and_pipe_gives_bytes(tmp_path):
    name = draw(example()).render(tmp_path / "graph", format="png", cleanup=True)
    assert name == str(tmp_path / "graph.png")
    with open(name, "rb") as file:  # noqa: PTH123
        assert file.read(8) == draw(example()).pipe(format="png")[:8] == b"\x89PNG\r\n\x1a\n"


# What is missing


def test_notebook_shows_a_picture_and_keeps_the_text_for_where_pictures_are_not_trusted():
    bundle = draw(example())._repr_mimebundle_()
    assert bundle["image/svg+xml"].count("<svg") == 1
    assert bundle["text/plain"] == text(example())
    assert set(bundle) == {"image/svg+xml", "text/plain"}


def test_without_any_layout_program_the_error_names_the_command_and_a_notebook_shows_text(monkeypatch):
    monkeypatch.setattr("autograd.pictures.rendering.shutil.which", lambda *_, **__: None)
    drawing = draw(example())
    with pytest.raises(RuntimeError, match="python -m pip install graphviz-pure"):
        drawing.pipe(format="svg")
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert bundle["text/plain"].startswith("a = Value(2.0, label='a')")
    assert "graphviz-pure" in bundle["text/plain"]


@pytest.mark.skipif(os.name == "nt", reason="a shell script as the dot command")
def test_graphviz_of_the_system_is_used_where_it_is(tmp_path, monkeypatch):
    command = tmp_path / "dot"
    command.write_text("#!/bin/sh\necho from the system\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert draw(example()).pipe(format="svg") == b"from the system\n"


def test_without_the_graphviz_package_the_error_names_the_command(monkeypatch):
    monkeypatch.delitem(sys.modules, "autograd.pictures.rendering", raising=False)
    monkeypatch.delattr(autograd, "rendering", raising=False)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(
        ImportError, match=r"needs the graphviz package: python -m pip install 'scalar-autograd\[draw\]'"
    ):
        draw(example())


# Limits: what is on each side of them


def chain(size):
    y = Value(1.0)
    for _ in range(size - 1):
        y = -y
    return y


def sum_of(count):
    """Two nodes and so many operands."""
    return fsum([Value(1.0)] * count)


def parts(count, leaves=0):
    """So many scopes that are alike, each of one number of its own, beside so many leaves that one of them uses."""
    beside, found = [Value(1.0) for _ in range(leaves)], []
    for number in range(count):
        with scope("part"):
            found.append(sin(Value(2.0)) + fsum(beside) if leaves and not number else sin(Value(2.0)))
    return fsum(found)


def is_drawn(root):
    try:
        return bool(draw(root, fold=False))
    except ValueError:
        return False


def is_animated(root):
    with pytest.raises((KeyboardInterrupt, ValueError)) as error:
        animation.animate(root, "walk.svg", fold=False)
    return error.type is KeyboardInterrupt  # it gets as far as to its frames


def is_shown(root):
    return list(root._repr_mimebundle_()) == ["image/svg+xml"]


def titles(root):
    return {box.name for box in folding.boxes(topological_order(root))[0]}


LIMITS = {  # what makes a graph of a size, the largest size, and what holds up to it
    "nodes that are drawn": (chain, 500, is_drawn),
    "arrows that are drawn": (lambda n: sum_of(n - 1), 1500, is_drawn),
    "nodes that are animated": (chain, 60, is_animated),
    "operands that are animated": (sum_of, 120, is_animated),
    "nodes that a notebook draws": (chain, 40, is_shown),
    "arrows that a notebook draws": (sum_of, 80, is_shown),
    "nodes and arrows that are counted": (
        lambda n: sum_of(n - 2),
        5000,
        lambda y: "of 2 nodes" in y._repr_mimebundle_()["text/html"],
    ),
    "numbers that a description lists": (
        chain,
        60,
        lambda y: "numbers lead to" not in rendering._described("<svg >", y),
    ),
    "numbers that are drawn with all boxes open": (
        lambda n: parts(n // 2) if n % 2 else -parts(n // 2 - 1),
        60,
        lambda y: "cluster" in draw(y).source,
    ),
    "alike boxes by themselves": (parts, 2, lambda y: not any("×" in title for title in titles(y))),
    "leaves by themselves": (
        lambda n: parts(2, n),
        12,
        lambda y: "given numbers" not in titles(y),
    ),
    "cards side by side": (parts, 8, lambda y: "×" not in draw(y, fold=True).source),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_is_the_largest_size_that_is_shown(name, monkeypatch):
    make, largest, holds = LIMITS[name]

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(animation, "_Stage", stop)
    monkeypatch.setattr(display, "SECONDS", 60.0)
    assert [holds(make(size)) for size in (largest, largest + 1)] == [True, False]


@pytest.mark.parametrize(("derivatives", "limit"), [(False, "CURVES"), (True, "CURVES_AROUND_LABELS")])
def test_arrows_are_straight_where_curves_are_made_of_too_many_pieces(derivatives, limit, monkeypatch):
    x, b = Value(0.5), Value(2.0)
    y = sin(sin(x)) * x + b  # of the ranks 2, 4, 6, 8; x stands at 0 and b at 6, and operations between
    pieces = drawing.pieces_of_arrows(topological_order(y))
    assert pieces == 2 + 2 + 2 + 6 + 2 + 2
    for most, straight in ((pieces, False), (pieces - 1, True)):
        monkeypatch.setattr(drawing, limit, most)
        assert ("splines=line" in draw(y, derivatives=derivatives).source) is straight


def test_gradients_that_are_all_zero_have_no_colour():
    y = Value(2.0) * Value(3.0)
    y.backward(0.0)
    source = draw(y, derivatives=True).source
    assert source.count("grad 0") == 3
    assert set(style.GROUNDS + style.LINES).isdisjoint(source.split('"'))
    assert "grad above" not in source
    assert "grad below" not in source
    assert style.arrow_colour(0.0, 0.0) == {"color": style.GREY, "penwidth": "1.00"}
    assert [style.gradient_row(g, 1.0).ground for g in (0.0, float("nan"))] == ["", ""]
    assert [style.gradient_row(g, 4.0).ground for g in (4.0, -9.0)] == [*style.GROUNDS]


def test_root_is_the_only_one_that_looks_like_it():
    x = Value(2.0)
    for root, others in ((-(x * 3.0), [style.LEAF, style.CONSTANT, style.COMPUTED]), (x, [])):
        source = draw(root, fold=False).source.partition("label=<<FONT")[0]
        fills = [source.count(f'COLOR="{line}" BGCOLOR="{fill}"') for line, fill in (style.ROOT, *others)]
        assert fills == [1] * len(fills)
