"""explore(root): the model behind the page, how the page is put together, saved and shown, and what it refuses.

What the page does in a browser is in test_page.py and its neighbours; these tests need none.
"""

import base64
import contextlib
import hashlib
import html
import itertools
import json
import math
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import Constant, Value, dot, exp, explore, fsum, log, operation, rules, scope, sin, sqrt, text, where
from autograd.engine.chain import topological_order
from autograd.pictures.folding import Box, boxes
from autograd.pictures.page._layout import Port, _bundled, item_size, width
from autograd.pictures.page._model import graph
from autograd.pictures.page.formulas import OF_THE_RESULT, partial_formulas, value_formula
from autograd.pictures.page.javascript import UnreadableError, condition, rule
from autograd.pictures.page.page import SCRIPTS
from autograd.pictures.rendering import Drawing
from autograd.rules.operation import NAry
from autograd.testing import every_operation
from nn import MLP, hinge, mse
from tests.autograd.engine.test_infinite_slopes import EAGER_ROWS, PLACES
from tests.autograd.pictures.reading import chain

HERE = Path(autograd.__file__).parent / "pictures" / "page"


def model_of(root):
    found = re.search(r'<script type="application/json" id="graph">(.*?)</script>', explore(root).html, re.S)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def model():
    """The model of a network whose hidden layers are large."""
    return graph(hinge([MLP(2, [16, 16, 1], activation="tanh", seed=1)([1.0, 2.0])], [-1]))[0]


GRADIENTS = """
const found = cases.map(([model, rules]) => {
  const graph = new Graph(model, eval(rules));
  return graph.gradients.map((_, id) => graph.gradients[id] + 0).map(String);
});
console.log(JSON.stringify(found));
"""


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js: node")
def test_page_hands_on_what_the_engine_does_beside_infinite_slopes():
    x, rows = Value(0.0), [row for row in EAGER_ROWS if not isinstance(row, NAry)]
    roots = [autograd.where(sqrt(x), x, 2 * x), autograd.where(sqrt(x), 2 * x, sqrt(x)), sqrt(autograd.floor(x) * x)]
    for place, row in itertools.product(PLACES, rows):
        for at in itertools.product([0.0, 1.0, -0.5], repeat=row.arity):
            with contextlib.suppress(ValueError, ArithmeticError):
                roots.append(place(row, [Value(x) for x in at], at))
    roots = [root for root in roots if isinstance(root, Value)]
    cases = [[model, rules] for model, rules in map(graph, roots)]
    scripts = "".join((HERE / f"{name}.js").read_text(encoding="utf-8") for name in ("functions", "numbers", "graph"))
    program = f"{scripts}\nconst cases = {json.dumps(cases)};\n{GRADIENTS}"
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, check=True)
    for root, found in zip(roots, json.loads(done.stdout), strict=True):
        root.backward()
        for node, gradient in zip(topological_order(root), map(float, found), strict=True):
            assert type(node) is Constant or gradient == pytest.approx(node.grad, rel=1e-9, nan_ok=True), text(root)


# The model


def test_model_has_the_nodes_in_sorted_order_with_their_parents_and_the_same_graph_gives_the_same_page(example):
    model = model_of(example)
    assert model["title"] == "L"
    assert model["formula"] == "(a × b + c) × f"
    assert [node["name"] for node in model["nodes"]] == ["a", "b", "e", "c", "d", "f", "L"]
    assert [node["data"] for node in model["nodes"]] == [2, -3, -6, 10, 4, -2, -8]
    assert [node.get("parents") for node in model["nodes"]] == [None, None, [0, 1], None, [2, 3], None, [4, 5]]
    assert [op["name"] for op in model["ops"]] == ["*", "+"]
    assert explore(example).html == explore(example).html
    assert explore(pickle.loads(pickle.dumps(example))).html == explore(example).html


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js: node")
def test_page_rounds_numbers_as_python_does():
    halves = [sign * (n + 0.5) * 2.0**k for k in range(-30, 40, 3) for n in (1000, 1001, 2049) for sign in (1.0, -1.0)]
    known = [*(k / 64 for k in range(400)), *halves, 12345.0, 0.15625, 9999.5, 99995.0, 1.0005, 1e-5 / 3.0, 0.1 + 0.2]
    program = (HERE / "numbers.js").read_text(encoding="utf-8") + f"console.log({known}.map(short).join())"
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, check=True)
    assert done.stdout.strip().replace("\N{MINUS SIGN}", "-").split(",") == [f"{x:.4g}" for x in known]


def test_names_are_those_of_text_and_constants_are_their_numbers_as_json_has_them():
    x = Value(2.0, "x")
    nodes = model_of(sin(x) * 3.0 + x)["nodes"]
    assert [node["name"] for node in nodes] == ["x", "v1", "", "v2", "v3"]
    assert [node["kind"] for node in nodes] == ["leaf", "computed", "constant", "computed", "computed"]
    nodes = model_of(Value(math.inf, "x") * Value(math.nan, "y") + -math.inf)["nodes"]
    assert [node["data"] for node in nodes] == ["Infinity", "NaN", "NaN", "-Infinity", "NaN"]
    # A formula keeps its order whatever way a name is read.
    assert model_of(Value(2.0, "שלום") * Value(3.0, "b"))["formula"] == "\u2068שלום\u2069 × b"


def test_every_item_and_line_has_its_place(model):
    for box in model["boxes"]:
        layout = model["layouts"][box["layout"]]
        assert len(layout["places"]) == len(box["items"])
        assert len(layout["curves"]) == len(box["lines"])
        for x, y, w, h in layout["places"]:
            assert -1 <= x <= layout["width"] - w + 1
            assert -1 <= y <= layout["height"] - h + 1
        assert all(len(curve) >= 8 and len(curve) % 6 == 2 for curve in layout["curves"])


def test_what_comes_from_outside_enters_at_the_left_and_what_goes_on_leaves_at_the_right(model):
    inside = {}
    for number, box in reversed(list(enumerate(model["boxes"]))):
        inside[number] = {which for kind, which in box["items"] if kind == "node"}.union(
            *[inside[which] for kind, which in box["items"] if kind == "box"]
        )
        placed = list(zip(model["layouts"][box["layout"]]["places"], box["items"], strict=True))
        ins, outs = ([place for place, (kind, _) in placed if kind == side] for side in ("in", "out"))
        others = [place for place, (kind, _) in placed if kind in ("node", "box")]
        entering = {node for kind, which in box["items"] if kind == "in" for node in which}
        leaving = {node for kind, which in box["items"] if kind == "out" for node in which}
        assert entering.isdisjoint(inside[number])
        assert leaving <= inside[number]
        assert bool(entering) == (number > 0)
        assert bool(leaving) == (number > 0 and len(model["nodes"]) - 1 not in inside[number])
        assert max([x for x, *_ in ins], default=-1) < min(x for x, *_ in others)
        assert min([x for x, *_ in outs], default=1e9) > max(x + w for x, _, w, _ in others)


def test_line_that_graphviz_gives_up_on_is_straight(monkeypatch, example):
    whole = Drawing.pipe

    def pipe(self, **options):
        picture = json.loads(whole(self, **options))
        del picture["edges"][0]["pos"]
        return json.dumps(picture)

    monkeypatch.setattr(Drawing, "pipe", pipe)
    curve = graph(example)[0]["layouts"][0]["curves"][0]
    assert (curve[:2], curve[4:6]) == (curve[2:4], curve[6:])


def test_every_edge_of_the_graph_is_carried_by_a_line_an_operand_used_twice_by_two_and_many_one_way_by_one(model):
    shown = {which: box for box in model["boxes"] for kind, which in box["items"] if kind == "node"}
    assert sorted(shown) == list(range(len(model["nodes"])))
    for child, node in enumerate(model["nodes"]):
        items, box = shown[child]["items"], shown[child]
        into = [nodes for _, head, nodes in box["lines"] if items[head] == ["node", child]]
        for parent in node.get("parents", []):
            assert any(parent in nodes for nodes in into)
    x = Value(3.0, "x")
    [box] = graph(x * x)[0]["boxes"]
    assert box["lines"] == [[0, 1, [0]], [0, 1, [0]]]
    for count, widths in ((3, [1, 1, 1]), (4, [4])):  # many are four
        with scope("first"):
            numbers = [sin(Value(float(k))) for k in range(count)]
        with scope("second"):
            total = fsum(numbers)
        outer = graph(total)[0]["boxes"][0]
        assert [len(nodes) for _, _, nodes in outer["lines"]] == widths, count
    mlp = next(box for box in model["boxes"] if box["title"] == "MLP")
    assert sorted(len(nodes) for _, _, nodes in mlp["lines"]) == [1, 1, 1, 16, 16]


# Boxes


def tree(box):
    title = box.title + (f" x{box.count}" if box.count > 1 else "")
    return [title, *map(tree, box.boxes)] if box.boxes else title


def test_neurons_of_a_layer_are_put_into_one_box(network):
    whole, _ = boxes(topological_order(network))
    neurons = [f"Neuron {k}" for k in range(1, 17)]
    layers = [["Layer 1", ["Neuron x16", *neurons]], ["Layer 2", ["Neuron x16", *neurons]], ["Layer 3", "Neuron"]]
    assert tree(whole) == ["", ["MLP", *layers], "hinge"]


def test_steps_that_follow_each_other_are_put_into_one_box_and_others_stay_by_themselves():
    x = y = Value(1.0, "x")
    apart, parts = x, []
    for function in (sin, exp, sin, log):
        with scope("step"):
            y = sin(y)
        with scope("step"):
            apart = sin(apart)
        apart = exp(apart)  # outside, from one step to the next
        with scope("step"):
            parts.append(function(x))
    steps = ["step 1", "step 2", "step 3", "step 4"]
    assert tree(boxes(topological_order(y))[0]) == ["", ["step x4", *steps]]
    assert tree(boxes(topological_order(apart))[0]) == ["", *steps]
    assert tree(boxes(topological_order(fsum(parts)))[0]) == ["", *steps]


def test_weights_that_every_example_shares_are_put_into_one_box_and_few_leaves_stay_where_they_are():
    model = MLP(2, [8, 1], activation="tanh", seed=1)
    loss = mse([model([0.1 * i, 0.5]) for i in range(8)], [1.0] * 8)
    whole, _ = boxes(topological_order(loss))
    titles = [("constants", 1), ("given numbers", 1), ("MLP", 8), ("mse", 1)]
    assert [(box.title, box.count) for box in whole.boxes] == titles
    assert set(whole.boxes[1].nodes) == set(model.parameters())
    assert len(whole.boxes[0].nodes) == 16  # the inputs; the targets go into no box
    page_model, _ = graph(loss)
    assert {box["about"] for box in page_model["boxes"][1:3]} == {"16 constants", "33 leaves"}
    x = [Value(1.0) for _ in range(12)]
    with scope("sum"):
        y = fsum(x)
    assert tree(boxes(topological_order(y))[0]) == ["", "sum"]


def test_powers_have_badges_of_their_own():
    x = Value(2.0, "x")
    badges = [node["badge"][0] for node in model_of(x**2 + x**-1 + x**0.5 + x**x - x / 2.0)["nodes"] if "badge" in node]
    assert badges == ["x²", "x⁻¹", "+", "x^0.5", "+", "^", "+", "÷", "−"]


def test_sizes_of_cards_are_those_that_the_page_draws():
    x, k, named = Value(2.0), Constant(2.5), Constant(2.5)
    closed = Box("Neuron", None)
    closed.nodes = [x]
    port, letter = Port(True, [x]), 7.6
    named.label = "rate"
    assert item_size(port, "") == (2, 2)
    assert item_size(closed, "Neuron") == (round(6 * letter + 44), 62)
    assert item_size(closed, "N") == (round(0.95 * 6 * letter + 28), 62)  # of "1 leaf"
    assert item_size(k, "") == (round(3 * letter + 26) + 20, 32)
    assert item_size(named, "rate") == (92 + 20 + 22, 44)
    assert item_size(x, "x") == (92 + 20 + 26, 62)
    assert item_size(x, "x" * 30) == (round(24 * letter + 20 + 26), 62)
    assert item_size(sin(x), "y") == (92 + 26 + max(28, round(1.12 * 3 * letter + 18)), 62)
    assert width("日x") == 3 * letter


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_numbers_that_go_the_same_way_to_a_box_are_one_line_from_four_on(count):
    inputs = [Value(1.0) for _ in range(count)]
    lines = _bundled(inputs)
    assert [node for line in lines for node in line] == inputs
    assert len(lines) == (count if count < 4 else 1)


def test_alike_boxes_share_one_layout(model):
    alike = [box for box in model["boxes"] if box["title"].startswith("Neuron ") and box["about"].endswith("3 leaves")]
    assert len({box["layout"] for box in alike}) == 1
    assert {box["title"]: box["about"] for box in model["boxes"]}["Layer 3"] == "2 operations, 17 leaves"
    assert len(model["boxes"]) == 41
    assert len(model["layouts"]) <= 12


# Rules


def test_every_row_is_readable_as_javascript_and_as_a_formula():
    for row in every_operation():
        arity = row.arity or 2
        assert rule(row, arity).forward, row
        assert len(rule(row, arity).partials) == arity, row
        for formula in (value_formula(row, arity), *partial_formulas(row, arity)):
            assert formula, row
            assert not any("{" in piece or "}" in piece for piece in formula if isinstance(piece, str)), row
            assert "(0 × " not in "".join(map(str, formula)), row  # what guards a pole is in no textbook
        if row.domain and not isinstance(row, NAry):  # which JavaScript can check
            assert condition(row.domain, row.arguments).startswith("("), row
    with pytest.raises(ValueError, match=r"'__import__\(\"os\"\)' is not a condition"):
        condition('__import__("os")', "x")


FORMULAS = [  # of the value and of the derivatives
    (rules.mul, 2, ["a × b", "b", "a"]), (rules.sub, 2, ["a − b", "1", "−1"]),
    (rules.divide, 2, ["a / b", "1 / b", "−y / b"]), (rules.power, 2, ["a^b", "b × a^(b − 1)", "a^b × log(a)"]),
    (rules.tanh, 1, ["tanh(a)", "1 − y²"]), (rules.sigmoid, 1, ["sigmoid(a)", "y × (1 − y)"]),
    (rules.relu, 1, ["relu(a)", "1 if a > 0 else 0"]), (rules.power_of.member(2.0), 1, ["a²", "2 × a"]),
    (rules.power_of.member(-1.0), 1, ["a⁻¹", "−1 × y / a"]), (rules.power_of.member(12.0), 1, ["a¹²", "12 × a¹¹"]),
    (rules.power_of.member(1e6), 1, ["a¹⁰⁰⁰⁰⁰⁰", "1e+06 × a⁹⁹⁹⁹⁹⁹"]), (rules.power_of.member(1234567.0), 1, [
        "a¹²³⁴⁵⁶⁷", "1.23457e+06 × a¹²³⁴⁵⁶⁶"]),
    (rules.power_of.member(1e20), 1, ["a^(1e+20)", "1e+20 × a^(1e+20)"]),
    (rules.power_of.member(-1e6), 1, ["a⁻¹⁰⁰⁰⁰⁰⁰", "−1e+06 × y / a"]),
    (rules.power_of.member(1234567.5), 1, ["a^(1.23457e+06)", "1.23457e+06 × a^(1.23457e+06)"]),
    (rules.leaky_relu.member(0.1), 1, ["leaky_relu(a, 0.1)", "1 if a > 0 else 0.1"]),
    (rules.asin, 1, ["asin(a)", "1 / sqrt(1 − a²)"]), (rules.dot, 4, ["a × c + b × d", "c", "d", "a", "b"]),
    (rules.mean, 2, ["mean(a, b)", "0.5", "0.5"]),
    *[  # a choice of one's own is a choice, whatever it compares
        (operation("cut", lambda x: 1.0 * x, partial), 1, ["cut(a)", written])
        for partial, written in [
            (lambda y, x: where(abs(x) < 1.0, lambda: 2.0 * x, 0.0), "2 × a if abs(a) < 1 else 0"),
            (lambda y, x: where(x * x < 1.0, 2.0 * x, 7.0), "2 × a if a × a < 1 else 7"),
        ]
    ],
]  # fmt: skip


def test_formulas_are_those_of_a_textbook():
    for row, arity, wanted in FORMULAS:
        formulas = [value_formula(row, arity), *partial_formulas(row, arity)]
        written = ["".join("abcd"[part] if isinstance(part, int) else part for part in formula) for formula in formulas]
        assert written == wanted


def test_derivative_by_the_result_is_that_of_the_row():
    for row, x in itertools.product(OF_THE_RESULT, (-5.0, -0.3, 0.0, 0.7, 3.0)):
        y = row.forward(x)
        assert OF_THE_RESULT[row](y) == pytest.approx(row.partials[0](y, x), rel=1e-12), row


def test_own_operation_is_read_by_running_it_on_symbols():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
    assert rule(cube, 1).source() == ("{forward: x => fn.power(x[0], 3.0), partials: (y, x) => [3.0 * x[0] * x[0]]}")
    squash = operation("squash", lambda x: autograd.tanh(x) * 2.0, lambda y, x: 2.0 * (1.0 - 0.25 * y * y))
    twice = operation("made of others", lambda x: squash(squash(x)), lambda y, x: squash(x))
    assert rule(twice, 1).forward == "Math.tanh(Math.tanh(x[0]) * 2.0) * 2.0"
    bell = operation("of NumPy", lambda x: np.exp(-x * x), lambda y, x: -2.0 * x * y)
    assert rule(bell, 1).forward == "Math.exp(-x[0] * x[0])"
    turn = lambda a, b: np.arctan2(a, np.arcsin(np.square(b)))
    turned = operation("of NumPy's names", turn, lambda y, a, b: y, lambda y, a, b: y)
    assert rule(turned, 2).forward == "Math.atan2(x[0], Math.asin(x[1] * x[1]))"


OF_FLOATS = {
    "math": math.exp, "sign": np.sign, "floor": np.floor, "branch": lambda x: x if x > 0.0 else 0.0, "float": float,
    "lookup": lambda x: {1.0: 2.0}[x], "max": lambda x: max(x, 0.0), "round": round,
}  # fmt: skip


@pytest.mark.parametrize("name", OF_FLOATS)
def test_own_operation_that_wants_floats_is_left_to_python(name):
    own = operation("own", OF_FLOATS[name], lambda y, x: y)
    with pytest.raises(UnreadableError, match="the operation own takes floats only"):
        rule(own, 1)
    model = model_of(own(Value(1.0, "x")))
    assert model["ops"][0]["readable"] is False
    assert model["nodes"][1]["partials"] == [model["nodes"][1]["data"]]


# The page


def scripts(page):
    return re.findall(r"<script>(.*?)</script>", page, re.S)


def test_page_refers_to_nothing_outside_and_is_small(example, network):
    page = explore(network).html
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"<(link|img|iframe|script[^>]*\ssrc)|@import|url\((?!\"?#)", page)
    assert len(explore(example).html.encode()) < 112_000
    assert len(page.encode()) < 190_000


def test_policy_names_the_scripts_and_the_style_by_their_hashes(example):
    page = explore(example).html
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    parts = [*scripts(page), re.search(r"<style>(.*?)</style>", page, re.S)[1]]
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'" for part in parts]
    assert policy == (
        f"default-src 'none'; script-src {hashes[0]} {hashes[1]}; style-src {hashes[2]}; "
        "base-uri 'none'; form-action 'none'"
    )


def test_labels_cannot_leave_their_strings_and_rules_hold_nothing_that_a_user_wrote(tmp_path):
    labels = ["</script><script>alert(1)</script>", "<!--<script>", "{{graph}}"]
    labels += ["\\u003c", "\u2028", "a\x00b", "\ud800"]
    root = fsum([Value(1.0, label) for label in labels])
    page = explore(root)
    assert page.html.count("<script") == page.html.count("</script>") == 3
    assert [node["name"] for node in model_of(root)["nodes"][:-1]] == labels
    assert page.save(tmp_path / "page.html").stat().st_size > 50_000  # with half a character too
    nasty = operation("</script>`${x}", lambda x: x * x, lambda y, x: 2 * x)
    start = scripts(explore(nasty(Value(1.0))).html)[1]
    assert start == "start([{forward: x => x[0] * x[0], partials: (y, x) => [2.0 * x[0]]}]);"


def test_save_writes_the_page_and_returns_its_path_and_replaces_no_folder(example, tmp_path):
    page, path = explore(example), tmp_path / "page.html"
    for _ in range(2):
        assert page.save(str(path)) == path
        assert path.read_text(encoding="utf-8") == page.html
        assert list(tmp_path.iterdir()) == [path]
        path.write_text("old", encoding="utf-8")
    with pytest.raises(FileExistsError, match="it is not a file; choose the name of a file"):
        page.save(tmp_path)


def test_notebook_shows_a_frame_that_holds_the_page_beside_a_picture_where_one_can_be_drawn(example, monkeypatch):
    page = explore(example)
    shown = page._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1]) == page.html
    assert 'sandbox="allow-scripts"' in shown
    assert repr(page) == "<page of L = (a × b + c) × f, 7 nodes>"
    assert repr(explore(Value(1.0, "x"))) == "<page of x, 1 node>"
    assert repr(explore(exp(Value(1.0, "x")))) == "<page of v1 = exp(x), 2 nodes>"
    bundle = page._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["text/html"] == shown
    assert 'role="img" aria-label="The graph of L"' in bundle["image/svg+xml"]  # where it is only read
    y = chain(601)
    with scope("part"):
        z = y * 2.0
    monkeypatch.setattr("autograd.pictures.page._layout.MAX_NODES", 1000)
    assert set(explore(z)._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_root_of_a_large_graph_is_named_by_its_loss(network):
    network.label = ""
    model = model_of(network)
    assert (model["title"], model["nodes"][-1]["name"]) == ("hinge", "hinge")
    with scope("square"):
        small = Value(3.0, "x") ** 2
    assert model_of(small)["title"] == "v1"  # its formula says it
    network.label = "loss"
    assert model_of(network)["title"] == "loss"


# What it refuses


def test_changed_leaf_and_too_large_a_graph_are_errors_that_say_what_to_do(example):
    topological_order(example)[0].data = 5.0
    with pytest.raises(RuntimeError, match=r"the data of the leaf a was changed to 5\.0"):
        explore(example)
    with pytest.raises(ValueError, match=r"this graph has 5,002 nodes.* explore a part: explore\(node\)"):
        explore(chain(5002))
    with pytest.raises(ValueError, match=r"601 nodes stand side by side.* `with scope\(\.\.\.\)` blocks, which fold"):
        explore(fsum([Value(1.0) for _ in range(600)]))
    with scope("loss"):
        y = dot([Value(1.0) for _ in range(20)], [Value(2.0) for _ in range(20)])
    assert explore(y).nodes == 41


def test_deep_graph_of_many_boxes_is_laid_out():
    y = Value(1.0, "x")
    for _ in range(60):
        with scope("outer"), scope("inner"):
            y = sin(y) * 0.5 + 1.0
    assert explore(y).nodes == 301


PROGRAM = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import autograd
print([name for name in opened if name.endswith((".js", ".css", ".html"))])
print(sorted(name for name in sys.modules if name.startswith("autograd.pictures.page")))
from autograd.pictures.page import explore
print(explore is autograd.explore)
sys.modules["graphviz"] = None
try:
    explore(autograd.Value(1.0) * 2)
except ImportError as error:
    print(error)
"""


def test_nothing_of_the_page_is_loaded_before_one_is_asked_for_and_without_graphviz_the_error_names_the_command():
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[2])}
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    files, modules, same, error = run.stdout.splitlines()
    assert (files, modules, same) == ("[]", "['autograd.pictures.page']", "True")
    assert error.startswith("explore needs the graphviz package: python -m pip install 'scalar-autograd[draw]'")


def test_page_holds_every_file_that_stands_beside_it():
    files = {path.name for path in HERE.iterdir() if path.suffix not in (".py", "")}
    assert files == {"explorer.css", "explorer.html", "shared.css", *(f"{name}.js" for name in SCRIPTS)}


def test_no_derivative_is_written_in_the_page():
    source = (HERE / "functions.js").read_text(encoding="utf-8")
    supplied = set(re.findall(r"^  (\w+)(?:\(|:)", source[source.index("const fn") :], re.M))
    sources = [rule(row, row.arity or 2).source() for row in every_operation()]
    called = {name for source in sources for name in re.findall(r"fn\.(\w+)", source)}
    assert supplied - {"largest"} == called


def test_largest_graph_of_a_page(monkeypatch):
    monkeypatch.setattr("autograd.pictures.page._model.MAX_NODES", 7)
    assert len(model_of(chain(7))["nodes"]) == 7
    with pytest.raises(ValueError, match="this graph has 8 nodes, and more than 7 are not put on a page"):
        explore(chain(8))
