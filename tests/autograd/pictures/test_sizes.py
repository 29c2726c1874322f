"""Sizes of graphs: the largest that is shown, in seconds, and what is said of a larger one."""

import os
import re

import pytest

from autograd import Value, dot, draw, fsum, scope, sin, tanh, text
from autograd.engine.chain import topological_order
from autograd.pictures import animation, display, drawing, folding, rendering
from autograd.pictures.drawing import MAX_NODES
from tests.autograd.pictures.reading import chain, nodes, sum_of
from tests.autograd.pictures.test_drawing import Owner, neuron


def parts(count, leaves=0):
    """So many scopes that are alike, each of one number of its own, beside so many leaves that one of them uses."""
    beside, found = [Value(1.0) for _ in range(leaves)], []
    for number in range(count):
        with scope("part"):
            found.append(sin(Value(2.0)) + fsum(beside) if leaves and not number else sin(Value(2.0)))
    return fsum(found)


def box_in_a_box(size):
    """A number, beside a box that holds so many others and a box."""
    with scope("outer"):
        with scope("inner"):
            y = sin(Value(1.0))
        for _ in range(size):
            y = sin(y)
    return -y


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
        lambda n: sum_of(n - 2), 5000, lambda y: "of 2 nodes" in y._repr_mimebundle_()["text/html"],
    ),
    "numbers that a description lists": (
        chain, 60, lambda y: "numbers lead to" not in rendering._described("<svg >", y),
    ),
    "numbers that are drawn with all boxes open": (
        lambda n: parts(n // 2) if n % 2 else -parts(n // 2 - 1), 60, lambda y: "cluster" in draw(y).source,
    ),
    "alike boxes by themselves": (parts, 2, lambda y: not any("×" in title for title in titles(y))),
    "leaves by themselves": (lambda n: parts(2, n), 12, lambda y: "given numbers" not in titles(y)),
    "numbers and cards of a folded drawing": (
        lambda n: box_in_a_box(n - 2), 40, lambda y: "inner" in draw(y, fold=True).source,
    ),
    "cards side by side": (parts, 8, lambda y: "×" not in draw(y, fold=True).source),
}  # fmt: skip


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


def tree(size):
    row = [Value(float(i)) for i in range((size + 1) // 2)]
    while len(row) > 1:
        row = [a + b for a, b in zip(row[::2], row[1::2])] + row[len(row) & ~1 :]
    return row[0]


def wide(size):
    return fsum([Value(1.0, f"x{i}") for i in range(size - 1)])


def layer(size):
    """A layer of as many neurons as it has inputs, each in its box."""
    n = int((size + 1) ** 0.5) - 2
    x, owners = [Value(1.0) for _ in range(n)], [Owner(*[Value(0.1) for _ in range(n)]) for _ in range(n)]
    with scope("Layer"):
        return fsum([neuron(owner.own, x, owner) for owner in owners])


def horner(size):
    """A polynomial in one x, by Horner's rule: x is used at every step."""
    x, y = Value(0.5), Value(1.0)
    while (size := size - 3) > 1:
        y = y * x + Value(1.0)
    return y


def test_graph_that_is_too_large_is_an_error_that_says_its_size_and_how_to_draw_a_part():
    many = dot([Value(1.0) for _ in range(150)], [Value(1.0) for _ in range(150)])
    draw(many)
    for root, size, options in (
        (chain(501), "501", {}), (wide(501), "501", {}), (tree(502), "501", {}), (chain(12_345), "12,345", {}),
        (many, "600", {"expand": True}),
    ):  # fmt: skip
        message = f"this graph has {size} nodes to draw, and more than {MAX_NODES} are not laid out; draw a part: "
        message += "draw(root, depth=4), or draw(node) of a node nearer to the leaves; text(root) lists all of it"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            draw(root, **options)
    y = chain(10_000)
    assert len(nodes(draw(y, depth=4))) == len(nodes(draw(y.parents[0], depth=4))) == 5 + 5
    assert len(nodes(draw(topological_order(y)[3]))) == 4 + 3


def spent_by_children():
    """Seconds of the processor, which do not grow where others use it too."""
    spent = os.times()
    return spent.children_user + spent.children_system


def loop():
    a, b, y = Value(1.0), Value(2.0), Value(0.5)
    for _ in range(60):
        y = y + 0.1 * sin(a * y + b)
    return y


def recurrent():
    """A recurrent net: its weights are used at every step, so their arrows go along the whole picture."""
    weights, state = [[Value(0.1) for _ in range(5)] for _ in range(4)], [Value(0.0) for _ in range(4)]
    for _ in range(28):
        x = Value(1.0)
        state = [tanh(dot(row, [*state, x])) for row in weights]
    return fsum(state) / 4.0


def product_over(leaves):
    """A product of 200 factors, which are the same few leaves over and over."""
    xs, y = [Value(1.0) for _ in range(leaves)], Value(1.0)
    for number in range(200):
        y = y * xs[number % leaves]
    return y


def all_before(size):
    """Each node the sum of all before it."""
    made = [Value(1.0)]
    for _ in range(size):
        made.append(fsum(made))
    return made[-1]


LARGEST = [chain, tree, wide, layer, horner]
LONG_ARROWS = {
    "loop": loop, "recurrent": recurrent, "few factors": lambda: product_over(5),
    "many factors": lambda: product_over(20), "all before": lambda: all_before(30), "polynomial": lambda: horner(400),
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("make", LARGEST, ids=lambda make: make.__name__)
def test_largest_graph_that_is_drawn_is_laid_out_in_seconds(make, record_property):
    root = make(MAX_NODES)
    assert 0.9 * MAX_NODES < len(topological_order(root)) <= MAX_NODES
    drawing, start = draw(root, fold=False), spent_by_children()
    assert drawing.pipe(format="svg").count(b'class="node"') > MAX_NODES
    record_property("seconds", seconds := spent_by_children() - start)
    assert seconds < 10


@pytest.mark.thorough
@pytest.mark.sample(6)
@pytest.mark.parametrize("derivatives", [False, True])
@pytest.mark.parametrize("name", LONG_ARROWS)
def test_long_arrows_are_laid_out_in_seconds(name, derivatives):
    drawing, start = draw(LONG_ARROWS[name](), derivatives=derivatives), spent_by_children()
    assert drawing.pipe(format="svg").endswith(b"</svg>\n")
    assert spent_by_children() - start < (20 if derivatives else 10)


@pytest.mark.thorough
def test_layout_that_takes_too_long_is_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("autograd.pictures.rendering.LAYOUT_SECONDS", 0.5)
    message = r"^laying this graph out takes more than 0\.5 seconds; draw a part: draw\(root, depth=4\)"
    drawing = draw(all_before(50))
    for lay_out in (lambda: drawing.pipe(format="svg"), lambda: drawing.render(tmp_path / "graph")):
        with pytest.raises(TimeoutError, match=message):
            lay_out()
    assert list(tmp_path.iterdir()) == []
    assert drawing._repr_mimebundle_()["text/plain"].startswith(text(drawing.root))
