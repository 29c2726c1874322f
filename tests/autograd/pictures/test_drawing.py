"""draw(root): what a picture shows, that no label does harm, what is too large, and who lays it out.

Pictures are read as a reader's program would: the SVG by an XML parser, the boxes from Graphviz's JSON.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import types
import xml.etree.ElementTree as ET
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import graphviz
import pytest
from graphviz.backend import dot_command
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Constant, Value, dot, draw, exp, fsum, maximum, operation, scope, sin, tanh, text, where
from autograd.engine.chain import topological_order
from autograd.pictures import style as marks
from autograd.pictures.drawing import MAX_NODES
from autograd.rules.operation import NAry
from nn import MLP, Layer, Neuron
from tests.hypothesis_profiles import max_examples
from tests.readme import worked_example as example

ROOT = Path(autograd.__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
PNG = b"\x89PNG\r\n\x1a\n"


def svg(drawing):
    return ET.fromstring(drawing.pipe(format="svg", encoding="utf-8"))


def groups(picture, kind):
    """The nodes, edges or clusters of a picture: their names, as Graphviz puts them in titles, and their elements."""
    return [(g.findtext(f"{SVG}title"), g) for g in picture.iter(f"{SVG}g") if g.get("class") == kind]


def words(element):
    return ["".join(line.itertext()) for line in element.iter(f"{SVG}text")]


def nodes(drawing):
    """The lines of text in each node of the picture."""
    return {name: words(g) for name, g in groups(svg(drawing), "node")}


def arrows(drawing):
    return sorted(name for name, _ in groups(svg(drawing), "edge"))


def look(picture, name):
    """The colours and dashes of a node's shapes."""
    shapes = [e for e in dict(groups(picture, "node"))[name].iter() if e.tag != f"{SVG}text"]
    found = {(key, e.get(key)) for e in shapes for key in ("fill", "stroke", "stroke-dasharray") if e.get(key)}
    return frozenset(found - {("fill", "none")})


def places(drawing):
    """The centre of each node, x to the right and y upwards."""
    lines = drawing.pipe(format="plain", encoding="utf-8").splitlines()
    return {f[1]: (float(f[2]), float(f[3])) for line in lines if (f := line.split())[0] == "node"}


def boxes(drawing):
    """The titles of the boxes around each node, outermost first."""
    graph = json.loads(drawing.pipe(format="dot_json", encoding="utf-8"))
    objects = graph.get("objects", [])
    around = {o["name"]: [] for o in objects if "nodes" not in o}
    for box in sorted((o for o in objects if "nodes" in o), key=lambda o: -len(o["nodes"])):
        for member in box["nodes"]:
            around[objects[member]["name"]].append(box["label"])
    return around


def ids(root):
    return {node: f"n{position}" for position, node in enumerate(topological_order(root))}


# Nodes and arrows


def test_draw_returns_a_digraph_of_the_graphviz_package():
    assert isinstance(draw(example()), graphviz.Digraph)


def test_each_node_shows_label_data_and_gradient_and_each_operation_is_a_node_of_its_own():
    L = example()
    L.backward()
    assert nodes(draw(L)) == {
        "n0": ["a", "data 2", "grad 6"],
        "n1": ["b", "data -3", "grad -4"],
        "n2": ["data -6", "grad -2"],
        "n2op": ["*"],
        "n3": ["c", "data 10", "grad -2"],
        "n4": ["data 4", "grad -2"],
        "n4op": ["+"],
        "n5": ["f", "data -2", "grad 4"],
        "n6": ["L", "data -8", "grad 1"],
        "n6op": ["*"],
    }


def test_arrows_go_from_the_operands_to_the_operation_to_the_result():
    assert arrows(draw(example())) == [
        "n0->n2op", "n1->n2op", "n2->n4op", "n2op->n2", "n3->n4op", "n4->n6op", "n4op->n4", "n5->n6op", "n6op->n6",
    ]  # fmt: skip


def test_operation_is_smaller_than_the_numbers():
    drawing = draw(example())
    lines = drawing.pipe(format="plain", encoding="utf-8").splitlines()
    area = {f[1]: float(f[4]) * float(f[5]) for line in lines if (f := line.split())[0] == "node"}
    assert max(a for name, a in area.items() if name.endswith("op")) < min(area[f"n{i}"] for i in range(7)) / 3


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda a: a + a, 2),
        (lambda a: fsum([a, a, a]), 3),
        (lambda a: dot([a, a], [a, a]), 4),
        (lambda a: where(a, a, 1.0), 2),
    ],
    ids=["+", "fsum", "dot", "where"],
)
def test_operand_used_twice_has_two_arrows(make, count):
    y = make(Value(1.0))
    assert arrows(draw(y)).count(f"n0->{ids(y)[y]}op") == count


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: x**3, "**3"),
        (lambda x: -x, "neg"),
        (lambda x: autograd.leaky_relu(x, 0.1), "leaky_relu(0.1)"),
        (lambda x: 2.0**x, "**"),
        (lambda x: operation("my own", lambda a: a, lambda y, a: 1.0)(x), "my own"),
    ],
)
def test_operation_shows_its_name(make, name):
    y = make(Value(1.0))
    assert nodes(draw(y))[f"{ids(y)[y]}op"] == [name]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (-0.0, "-0"),
        (1e-300, "1e-300"),
        (1234567.0, "1.235e+06"),
        (0.1, "0.1"),
    ],
)
def test_data_is_shown_with_four_digits(data, shown):
    assert nodes(draw(Value(data)))["n0"][0] == f"data {shown}"


def test_gradient_is_not_yet_before_backward_and_0_when_it_is_0():
    x, unused = Value(3.0), Value(1.0)
    y = maximum(x, unused)
    assert [lines[-1] for name, lines in nodes(draw(y)).items() if name != "n2op"] == ["grad not yet"] * 3
    y.backward()
    found = nodes(draw(y))
    assert (found["n0"][-1], found["n1"][-1], found["n2"][-1]) == ("grad 1", "grad 0", "grad 1")
    y.zero_grad()
    assert nodes(draw(y))["n1"][-1] == "grad not yet"


@pytest.mark.parametrize("after_backward", [False, True])
def test_constant_shows_no_gradient(after_backward):
    y = Value(2.0, "x") * 3.0
    if after_backward:
        y.backward()
    assert nodes(draw(y))["n1"] == ["data 3"]


def test_constants_parameters_results_and_the_root_look_different():
    x = Value(2.0)
    y = tanh(x * Constant(3.0, "scale"))
    picture, names = svg(draw(y)), ids(y)
    product = y.parents[0]
    looks = [look(picture, names[node]) for node in (x, product.parents[1], product, y)]
    assert len(set(looks)) == 4
    assert all(looks)


# Same text


def test_nodes_are_named_by_their_place_in_the_sorted_graph():
    a, b = Value(1.0, "a"), Value(2.0, "b")
    y = exp(a * b) + a
    found = nodes(draw(y))
    assert [found[f"n{i}"][-2] for i in range(5)] == [f"data {node.data:.4g}" for node in topological_order(y)]


def test_picture_of_the_same_graph_built_again_is_the_same_text():
    first = example()
    Value(0.0) * Value(1.0)  # what was made in between has no influence
    assert draw(first).source == draw(example()).source == draw(first).source


PROGRAM = """
from autograd import *
class Owner:
    def __init__(self): self.w = [Value(0.5, "w"), Value(0.5), Value(2.0)]
    def parameters(self): return self.w
owners, x = [Owner(), Owner()], [Value(i / 4, "x") for i in range(3)]
with scope("all"):
    made = []
    for owner in owners:
        with scope("part", owner):
            made += [tanh(dot(owner.w, x) + 1.0), owner.w[0] * owner.w[0]]
    root = fsum(made)
root.backward()
for options in ({}, {"depth": 2}, {"expand": True, "direction": "TB"}):
    print(draw(root, **options).source)
"""


def fresh_python(program, **environment):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environment}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, encoding="utf-8", check=True
    )
    return run.stdout


def test_picture_is_the_same_text_in_every_process():
    first = fresh_python(PROGRAM, PYTHONHASHSEED="1")
    assert first.count("digraph") == 3
    assert fresh_python(PROGRAM, PYTHONHASHSEED="2") == first


def test_draw_leaves_the_graph_as_it_is():
    x = Value(2.0)
    y = tanh(x)
    draw(y)
    assert (x.label, y.label, x.grad, y.parents) == ("", "", 0.0, (x,))


# Labels

HOSTILE = [
    "<script>alert(1)</script>", "<b>bold</b>", "</TABLE>>]", "<", ">", "&", "&amp;", "&#0;", "&nbsp;",
    "<!-- x", "-->", "]]>", "<![CDATA[", "<?xml?>", '"', "'", "\"quoted\" 'too'", "{|}", "{a|<p> b}",
    "%s {} ${x}", "#", "//", "/* x */", ";", "n0 -> n1", "subgraph {", "\\", "a\\", "C:\\temp", "\\n",
    "\\l", "a\nb", "\r\n", "\t", "a\0b", "\x01\x02\x1f\x7f\x80\x9f", "\ufffe\uffff", "\ufeff", "🙂",
    "👩‍👩‍👧", "🇨🇭", "naïve", "e\u0301", "漢字", "שלום", "مرحبا", "\u202eevil", "\ud800", "lone \udfff!",
    "\U000e0001", "\ue000", "a\u2028b", "∂L/∂w", " ", "   ", "\xa0", "None", "javascript:alert(1)",
    "x" * 10_000, "<" * 1000,
]  # fmt: skip


def bare(string):
    """The characters that have a shape."""
    return "".join(c for c in string if c.isprintable() and c != " ")


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: ascii(label[:20]))
def test_label_operation_and_title_are_shown_as_text_whatever_they_hold(label):
    with scope(label):
        y = operation(label, lambda x: x, lambda y, x: 1.0)(Value(1.0, label))
    picture = svg(draw(y))
    assert {e.tag.removeprefix(SVG) for e in picture.iter()} <= {
        "svg",
        "g",
        "title",
        "desc",
        "polygon",
        "path",
        "ellipse",
        "text",
    }
    found = dict(groups(picture, "node"))
    assert [bare(line) for line in words(found["n0"])] == [bare(label), "data1", "gradnotyet"]
    assert bare("".join(words(found["n1op"]))) == bare(label)
    assert words(found["n1"]) == ["data 1", "grad not yet"]
    ((_, box),) = groups(picture, "cluster")
    assert bare("".join(words(box))) == bare(label)
    assert sorted(name for name, _ in groups(picture, "edge")) == ["n0->n1op", "n1op->n1"]


@pytest.mark.parametrize("label", [r"\N", r"\G", r"\E", r"\\", r"\\server\Nodes", r"C:\Games"])
def test_backslashes_are_shown_as_they_are(label):
    with scope(label):
        y = operation(label, lambda x: x, lambda y, x: 1.0)(Value(1.0, label))
    picture = svg(draw(y))
    found = dict(groups(picture, "node"))
    ((_, box),) = groups(picture, "cluster")
    assert [words(found["n0"])[0], words(found["n1op"])[0], words(box)[0]] == [label] * 3


@max_examples(25)
@given(
    st.lists(st.text(st.one_of(st.characters(), st.sampled_from("\\\\NGETHL<>&")), max_size=8), min_size=1, max_size=12)
)
def test_any_labels_are_shown_as_text(labels):
    found = nodes(draw(fsum([Value(1.0, label) for label in labels])))
    shown = [found[f"n{position}"] for position in range(len(labels))]
    assert [[bare(line) for line in lines[:-2]] for lines in shown] == [
        [bare(label)] if label else [] for label in labels
    ]
    assert [lines[-2:] for lines in shown] == [["data 1", "grad not yet"]] * len(labels)


def test_empty_label_takes_no_line_and_a_blank_one_does():
    assert len(nodes(draw(Value(1.0, "")))["n0"]) == 2
    assert len(nodes(draw(Value(1.0, " ")))["n0"]) == 3


def test_control_characters_are_shown_as_spaces():
    assert nodes(draw(Value(1.0, "a\nb\0c")))["n0"][0].replace("\xa0", " ") == "a b c"


# Parts: depth and expand


def test_depth_0_shows_the_root_and_that_it_goes_on():
    drawing = draw(example(), depth=0)
    assert nodes(drawing) == {"n6": ["L", "data -8", "grad not yet"], "n6op": ["* ..."]}
    assert arrows(drawing) == ["n6op->n6"]


def test_depth_counts_operations_back_from_the_root():
    L = example()
    assert set(nodes(draw(L, depth=1))) == {"n6", "n6op", "n4", "n5", "n4op"}
    assert set(nodes(draw(L, depth=2))) == {"n6", "n6op", "n4", "n5", "n4op", "n2", "n3", "n2op"}
    assert [nodes(draw(L, depth=depth))["n4op"] for depth in (1, 2)] == [["+ ..."], ["+"]]
    assert draw(L, depth=3).source == draw(L, depth=4).source == draw(L, depth=10**18).source == draw(L).source


def test_operation_that_is_cut_is_dashed():
    picture = svg(draw(example(), depth=1))
    assert "stroke-dasharray" in dict(look(picture, "n4op"))
    assert "stroke-dasharray" not in dict(look(picture, "n6op"))


def test_arrow_from_a_shown_operand_stays_where_another_is_cut():
    x = Value(2.0, "x")
    drawing = draw(exp(x) * x * x, depth=1)
    assert arrows(drawing) == ["n0->n2op", "n0->n3op", "n2->n3op", "n2op->n2", "n3op->n3"]
    assert nodes(drawing)["n2op"] == ["* ..."]


def test_depth_goes_through_shared_nodes_once():
    y = Value(1.0)
    for _ in range(60):  # 2 ** 60 ways lead back to the leaf
        y = y * y
    start = time.perf_counter()
    assert draw(y, depth=59).source.count("op ") > 100
    assert time.perf_counter() - start < 5


def test_depth_below_0_is_an_error():
    with pytest.raises(ValueError, match=r"^depth is the number of operations back from the root, 0 or more, got -1$"):
        draw(example(), depth=-1)


@pytest.mark.parametrize("depth", ["2", 1.5, float("nan"), [1]], ids=repr)
def test_depth_that_is_no_whole_number_is_an_error(depth):
    with pytest.raises((TypeError, ValueError), match=f"depth.*{re.escape(repr(depth))}"):
        draw(example(), depth=depth)


def test_expand_shows_a_dot_as_its_products_and_their_sum():
    w, x = [Value(2.0, "w0"), Value(3.0, "w1")], [Value(5.0, "x0"), Value(7.0, "x1")]
    y = dot(w, x)
    z = 2 * y
    z.backward()
    assert nodes(draw(y))["n4op"] == ["dot"]
    drawing = draw(y, expand=True)
    computed = {name: lines for name, lines in nodes(drawing).items() if name not in ("n0", "n1", "n2", "n3")}
    assert sorted(computed.values()) == [
        ["*"], ["*"], ["+"], ["data 10", "grad 2"], ["data 21", "grad 2"], ["data 31", "grad 2"],
    ]  # fmt: skip
    times = {tail: head for tail, head in (arrow.split("->") for arrow in arrows(drawing)) if tail in ids(y).values()}
    assert times["n0"] == times["n2"] != times["n1"] == times["n3"]
    assert len(arrows(drawing)) == 4 + 2 + 2 + 1


def test_expand_changes_no_other_operation():
    assert draw(example(), expand=True).source == draw(example()).source
    y = fsum([Value(1.0), Value(2.0)])
    assert draw(y, expand=True).source == draw(y).source


def test_expanded_product_of_a_number_with_itself_has_two_arrows():
    x = Value(3.0)
    counts = Counter(arrows(draw(dot([x], [x]), expand=True)))
    assert sorted(counts.values()) == [1, 1, 1, 2]


def test_dot_that_is_cut_is_not_expanded():
    y = dot([Value(1.0)], [Value(2.0)])
    assert nodes(draw(y, depth=0, expand=True))["n2op"] == ["dot ..."]


# Directions


@pytest.mark.parametrize(("direction", "step"), [("LR", (1, 0)), ("RL", (-1, 0)), ("TB", (0, -1)), ("BT", (0, 1))])
def test_direction_is_the_way_from_the_leaves_to_the_root(direction, step):
    at = places(draw(example(), direction=direction))
    for tail, head in (arrow.split("->") for arrow in arrows(draw(example()))):
        assert sum(s * (b - a) for s, a, b in zip(step, at[tail], at[head], strict=True)) > 0, (tail, head)


def test_direction_is_left_to_right_unless_given():
    assert draw(example()).source == draw(example(), direction="LR").source


@pytest.mark.parametrize("direction", ["lr", "", "left", "LR\n", None, 0])
def test_unknown_direction_is_an_error(direction):
    message = f"^direction is one of LR, TB, RL, BT, got {re.escape(repr(direction))}$"
    with pytest.raises(ValueError, match=message):
        draw(example(), direction=direction)


# Boxes


class Owner:
    """A module: what may own a scope."""

    def __init__(self, *parameters):
        self.own = parameters

    def parameters(self):
        return self.own


def neuron(w, x, owner):
    with scope("Neuron", owner):
        return tanh(dot(w, x))


def test_scope_is_a_box_with_its_title():
    x = Value(2.0)
    with scope("square"):
        y = x * x
    drawing = draw(exp(y))
    assert boxes(drawing) == {"n0": [], "n1": ["square"], "n1op": ["square"], "n2": [], "n2op": []}
    assert [words(g) for _, g in groups(svg(drawing), "cluster")] == [["square"]]


def test_scopes_nest_as_boxes():
    x = Value(2.0)
    with scope("outer"):
        y = exp(x)
        with scope("inner"):
            z = tanh(y)
    assert boxes(draw(z)) == {
        "n0": [], "n1": ["outer"], "n1op": ["outer"], "n2": ["outer", "inner"], "n2op": ["outer", "inner"],
    }  # fmt: skip


def test_boxes_of_one_title_side_by_side_are_numbered_as_they_were_called():
    made = []
    for number in range(3):
        w, x = Value(1.0), Value(2.0)
        with scope("part", Owner(w)):
            made.append(w * x)
        made[-1].label = str(number + 1)
    found = boxes(draw(fsum(made)))
    assert [found[ids(fsum(made))[y]] for y in made] == [["part 1"], ["part 2"], ["part 3"]]


def test_boxes_are_numbered_as_they_were_called_where_one_feeds_the_next():
    x, owners = Value(1.0), [Owner(Value(float(i))) for i in range(3)]
    steps = [x]
    for owner in owners:  # the parameter of the last comes first in the sorted graph
        with scope("part", owner):
            steps.append(tanh(owner.own[0] * steps[-1]))
    found, names = boxes(draw(steps[-1])), ids(steps[-1])
    assert [found[names[y]] for y in steps] == [[], ["part 1"], ["part 2"], ["part 3"]]
    assert [found[names[owner.own[0]]] for owner in owners] == [["part 1"], ["part 2"], ["part 3"]]


def test_boxes_of_one_title_in_different_boxes_are_not_numbered():
    x = Value(1.0)
    for title in ("first", "second"):
        with scope(title), scope("part"):
            x = tanh(x)
    assert boxes(draw(x)) == {
        "n0": [], "n1": ["first", "part"], "n1op": ["first", "part"],
        "n2": ["second", "part"], "n2op": ["second", "part"],
    }  # fmt: skip


def test_parameter_is_inside_the_box_of_its_owner_and_an_input_outside():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    owner = Owner(w)
    y = neuron([w], [x], owner)
    assert (boxes(draw(y))[ids(y)[w]], boxes(draw(y))[ids(y)[x]]) == (["Neuron"], [])


def test_parameter_of_two_calls_is_in_the_box_around_both():
    w, x = Value(2.0, "w"), Value(3.0, "x")
    shared, model = Owner(w), Owner(w)
    with scope("model", model):
        y = neuron([w], [x], shared) + neuron([w], [x], shared)
    assert boxes(draw(y))[ids(y)[w]] == ["model"]
    y = neuron([w], [x], shared) + neuron([w], [x], shared)
    assert boxes(draw(y))[ids(y)[w]] == []


def test_parameter_is_in_the_innermost_box_whose_owner_has_it():
    w, bias = Value(2.0, "w"), Value(1.0, "b")
    inner, outer = Owner(w), Owner(w, bias)
    with scope("Layer", outer), scope("Neuron", inner):
        y = w * bias
    found, names = boxes(draw(y)), ids(y)
    assert (found[names[w]], found[names[bias]]) == (["Layer", "Neuron"], ["Layer"])


def test_parameter_of_an_owner_that_is_gone_is_in_the_box_of_the_call_and_an_input_outside():
    w, x, b = Value(2.0, "w"), Value(3.0, "x"), Value(1.0, "b")
    y = neuron([w], [x], Owner(w, b)) + b
    assert (boxes(draw(y))[ids(y)[w]], boxes(draw(y))[ids(y)[x]]) == (["Neuron"], [])
    assert boxes(draw(y))[ids(y)[b]] == []  # used outside too


def test_model_that_is_gone_is_drawn_as_one_that_is_there():
    inputs = [Value(1.0, "x0"), Value(-1.0, "x1")]
    for make in (lambda: Neuron(2, seed=1), lambda: Layer(2, 2, seed=1), lambda: MLP(2, [2, 1], "tanh", seed=1)):
        model = make()
        y, z = (fsum(made) if isinstance(made, list) else made for made in (model(inputs), make()(inputs)))
        assert draw(z).source == draw(y).source


def test_leaf_and_constant_made_in_a_scope_are_in_its_box():
    x = Value(1.0)
    with scope("part"):
        y = x * Value(2.0) + 3.0
    found, names = boxes(draw(y)), ids(y)
    made = [node for node in topological_order(y) if node is not x]
    assert {tuple(found[names[node]]) for node in made} == {("part",)}


def test_assigning_to_a_leaf_leaves_it_in_its_box():
    with scope("part"):
        w = Value(1.0)
    w.data = 2.0
    assert boxes(draw(w)) == {"n0": ["part"]}


def test_scope_of_what_is_not_drawn_is_no_box():
    x = Value(1.0)
    with scope("first"):
        y = tanh(x)
    with scope("second"):
        z = tanh(y)
    with scope("empty"):
        pass
    assert {title for titles in boxes(draw(z, depth=1)).values() for title in titles} == {"first", "second"}
    assert {title for titles in boxes(draw(z, depth=0)).values() for title in titles} == {"second"}


def test_products_of_an_expanded_dot_are_in_the_box_of_the_dot():
    w, x = [Value(2.0), Value(3.0)], [Value(1.0), Value(1.0)]
    owner = Owner(*w)
    y = neuron(w, x, owner)
    found = boxes(draw(y, expand=True))
    outside = {ids(y)[leaf] for leaf in x}
    assert {name for name, titles in found.items() if not titles} == outside
    assert {tuple(titles) for name, titles in found.items() if name not in outside} == {("Neuron",)}


def test_modules_are_boxes_in_boxes():
    nn = pytest.importorskip("nn")
    model = nn.MLP(2, [2, 1], seed=1)
    y = model([Value(1.0), Value(2.0)])
    found = {tuple(titles) for titles in boxes(draw(y)).values()}
    assert found == {
        (),
        ("MLP", "Layer 1", "Neuron 1"),
        ("MLP", "Layer 1", "Neuron 2"),
        ("MLP", "Layer 2", "Neuron"),
    }
    inputs = [name for name, titles in boxes(draw(y)).items() if not titles]
    assert len(inputs) == 2


# Derivatives and colours


def labels(drawing):
    """What stands on the arrows into operations and from them, by their two ends."""
    found = {}
    for name, g in groups(svg(drawing), "edge"):
        found.setdefault(name, []).append(" ".join(words(g)))
    return found


def ground(picture, name):
    """The colour behind the gradient in a box, as three numbers; None where there is none."""
    (box,) = (g for title, g in groups(picture, "node") if title == name)
    fills = [e.get("fill") for e in box.iter() if e.tag in (f"{SVG}polygon", f"{SVG}path")]
    fills = [fill for fill in fills if fill not in ("none", "#e6f4ef", "#ffffff", "white", "#fff3cc", "#f4f4f4")]
    return tuple(bytes.fromhex(fills[-1][1:])) if fills else None


def test_local_derivatives_stand_on_the_arrows_into_operations():
    L = example()
    assert labels(draw(L, derivatives=True)) == {
        "n0->n2op": ["∂ -3"], "n1->n2op": ["∂ 2"], "n2op->n2": [""],
        "n2->n4op": ["∂ 1"], "n3->n4op": ["∂ 1"], "n4op->n4": [""],
        "n4->n6op": ["∂ -2"], "n5->n6op": ["∂ 4"], "n6op->n6": [""],
    }  # fmt: skip
    assert set(map(tuple, labels(draw(L)).values())) == {("",)}


def test_gradient_is_upstream_times_what_stands_on_the_arrow():
    a, b = Value(0.5, "a"), Value(-1.5, "b")
    y = tanh(a / b)
    y.backward()
    found, names = labels(draw(y, derivatives=True)), ids(y)
    quotient = y.parents[0]
    shown = float(found[f"{names[a]}->{names[quotient]}op"][0].removeprefix("1st ∂ "))
    assert quotient.grad * shown == pytest.approx(a.grad, rel=1e-3)


def test_arrow_of_a_constant_has_no_derivative_since_none_is_taken():
    x = Value(2.0)
    assert labels(draw(x * 3.0, derivatives=True)) == {"n0->n2op": ["∂ 3"], "n1->n2op": [""], "n2op->n2": [""]}


def test_products_of_an_expanded_dot_have_their_derivatives():
    y = dot([Value(2.0)], [Value(5.0)])
    found = labels(draw(y, derivatives=True, expand=True)).values()
    assert sorted(label for several in found for label in several) == ["", "", "∂ 1", "∂ 2", "∂ 5"]


@pytest.mark.parametrize("error", [ZeroDivisionError, ValueError, KeyError, TypeError, NotImplementedError])
def test_derivative_that_cannot_be_evaluated_is_a_question_mark_and_the_others_are_shown(error):
    def fails(y, a, b):
        raise error("no derivative")

    odd = operation("odd", lambda a, b: a, fails, lambda y, a, b: 7.0)
    found = labels(draw(odd(Value(1.0), Value(2.0)), derivatives=True))
    assert found == {"n0->n2op": ["1st ∂ ?"], "n1->n2op": ["2nd ∂ 7"], "n2op->n2": [""]}


def test_derivatives_of_many_operands_that_cannot_be_evaluated_are_question_marks():
    def fails(y, xs):
        raise ValueError("no derivative")

    odd = NAry("odd", sum, fails, definition="sum(xs)")
    assert labels(draw(odd([Value(1.0), Value(2.0), 3.0]), derivatives=True)) == {
        "n0->n3op": ["∂ ?"], "n1->n3op": ["∂ ?"], "n2->n3op": [""], "n3op->n3": [""],
    }  # fmt: skip


def test_derivative_by_a_constant_is_not_evaluated():
    asked = []
    odd = operation("odd", lambda a, b: a, lambda y, a, b: 1.0, lambda y, a, b: asked.append(b) or 1.0)
    draw(odd(Value(1.0), 2.0), derivatives=True)
    assert asked == []
    draw(odd(Value(1.0), Value(2.0)), derivatives=True)
    assert asked == [2.0]


def test_derivatives_that_are_not_finite_are_shown():
    x = Value(0.0)
    y = autograd.sqrt(x)
    assert labels(draw(y, derivatives=True))["n0->n1op"] == ["∂ inf"]
    y.backward()
    draw(y, derivatives=True).pipe(format="svg")


@pytest.mark.parametrize(
    ("make", "marks"),
    [
        (lambda a, b: a - b, ["1st", "2nd"]),
        (lambda a, b: a / b, ["1st", "2nd"]),
        (lambda a, b: a**b, ["1st", "2nd"]),
        (lambda a, b: where(a, b, Value(0.0)), ["1st", "2nd", "3rd"]),
        (lambda a, b: a + b, ["", ""]),
        (lambda a, b: a * b, ["", ""]),
        (lambda a, b: maximum(a, b), ["", ""]),
        (lambda a, b: dot([a], [b]), ["", ""]),
        (lambda a, b: dot([a, b], [b, a]), ["1st", "2nd", "2nd", "1st"]),
        (lambda a, b: a**3, [""]),
    ],
    ids=["-", "/", "**", "where", "+", "*", "maximum", "dot of 1", "dot", "**3"],
)
def test_arrows_tell_the_order_of_operands_where_it_matters(make, marks):
    y = make(Value(2.0), Value(3.0))
    found, names = labels(draw(y)), ids(y)
    assert [found[f"{names[parent]}->{names[y]}op"][0] for parent in y.parents] == marks


def test_pairs_of_a_dot_are_told_once_beside_each_operand_and_on_the_arrow_beside_a_derivative():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    a, b, c, d = (Value(float(i)) for i in range(4))
    root = dot([a, b], [x, y]) + dot([c, d], [x, y])
    names = ids(root)
    for node, place in [(a, "1st"), (b, "2nd"), (x, "1st"), (y, "2nd"), (d, "2nd")]:
        arrows_of = lambda drawing, tail=names[node]: [
            label for name, found in labels(drawing).items() if name.startswith(f"{tail}->") for label in found
        ]
        assert sorted(filter(None, arrows_of(draw(root)))) == [place]
        assert all(label.startswith(f"{place} ∂") for label in arrows_of(draw(root, derivatives=True)))


def test_number_minus_itself_has_a_first_and_a_second_arrow():
    x = Value(2.0)
    assert sorted(labels(draw(x - x))["n0->n1op"]) == ["1st", "2nd"]


def test_ground_of_a_gradient_tells_its_sign_and_size():
    a, b, c, d = Value(1.0), Value(1.0), Value(1.0), Value(1.0)
    y = 4.0 * a + -4.0 * b + 0.25 * c + 0.0 * d
    assert ground(svg(draw(y)), ids(y)[a]) is None  # not yet
    y.backward()
    picture, names = svg(draw(y)), ids(y)
    up, down, faint, zero = (ground(picture, names[leaf]) for leaf in (a, b, c, d))
    assert up[0] > up[2] + 50  # orange
    assert down[2] > down[0] + 50  # blue
    assert faint[0] > faint[2]
    assert min(faint) > min(up) + 50  # and fainter
    assert zero is None


def legend(drawing):
    """What the legend says, and the colour of the ground on which it says it."""
    canvas = svg(drawing).find(f"{SVG}g")
    grounds = [e.get("fill") for e in canvas if e.tag in (f"{SVG}polygon", f"{SVG}path") and e.get("fill") != "none"]
    said = [e.text for e in canvas if e.tag == f"{SVG}text"]
    return dict(zip(said, grounds[-len(said) :], strict=True))


def test_legend_says_what_the_colours_in_the_picture_mean():
    a, b = Value(2.0), Value(3.0)
    assert list(legend(draw(a))) == ["result"]
    y = a * b
    assert list(legend(draw(y))) == ["given", "result"]
    y = 2.0 * a - 2.0 * b
    y.backward()
    found = legend(draw(y))
    assert list(found) == ["given", "constant", "result", "grad above 0", "grad below 0"]
    grounds = [bytes.fromhex(fill[1:]) for fill in found.values()]
    assert grounds[3][0] > grounds[3][2] + 50  # orange
    assert grounds[4][2] > grounds[4][0] + 50  # blue
    assert tuple(grounds[4]) == ground(svg(draw(y)), ids(y)[b])


@pytest.mark.parametrize("colours", [marks.LEAF, marks.CONSTANT, marks.COMPUTED, marks.ROOT])
def test_colours_of_gradients_mean_nothing_else(colours):
    for colour in colours:
        red, green, blue = bytes.fromhex(colour[1:])
        assert not (blue > green > red and blue - red > 12)  # a blue
        assert not (red > green > blue and red - blue > 60)  # an orange


def luminance(colour):
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("gradient", [1.0, -1.0, 1e-3, -1e-3, float("inf"), float("-inf")])
def test_gradient_can_be_read_on_its_ground(gradient):
    x = Value(1.0)
    x.grad = gradient
    other = Value(1.0)
    other.grad = 1.0
    y = x * other
    y.grad = 1.0
    low, high = sorted((luminance(ground(svg(draw(y)), "n0")), luminance((0x1A, 0x1A, 0x1A))))
    assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2, AA


def test_gradients_that_are_not_finite_leave_the_colours_of_the_others():
    a, b, c = Value(1.0), Value(1.0), Value(1.0)
    y = fsum([a, b, c])
    y.backward()
    a.grad, b.grad = float("inf"), float("nan")
    picture = svg(draw(y))
    assert ground(picture, "n0") == ground(picture, "n2")  # as strong as the largest finite one
    assert ground(picture, "n1") is None
    draw(y, derivatives=True).pipe(format="svg")


def test_arrows_take_the_colour_of_what_flows_back_along_them():
    x, w = Value(2.0), Value(-3.0)
    y = x * w
    strokes = lambda: {
        name: next(e.get("stroke") for e in g.iter(f"{SVG}path"))
        for name, g in groups(svg(draw(y, derivatives=True)), "edge")
    }
    assert set(strokes().values()) == {"#666666"}
    y.backward()
    colours = {name: bytes.fromhex(stroke[1:]) for name, stroke in strokes().items()}
    assert colours["n0->n2op"][2] > colours["n0->n2op"][0]  # -3: blue
    assert colours["n1->n2op"][0] > colours["n1->n2op"][2]  # 2: orange


def test_label_that_is_no_string_is_an_error_where_it_is_given_and_where_it_is_shown():
    with pytest.raises(TypeError, match=r"^the label of a Value is a string, got a int: 3; write label=str\(...\)$"):
        Value(1.0, label=3)
    with pytest.raises(TypeError, match="NoneType: None"):
        Constant(1.0, None)
    x = Value(1.0)
    x.label = 3
    for show in (draw, text):
        with pytest.raises(TypeError, match=rf"^{show.__name__} shows labels, which are strings, got a int: 3"):
            show(x * x)


def test_label_may_be_a_kind_of_string():
    class Name(str):
        __slots__ = ()

    assert nodes(draw(Value(1.0, Name("x"))))["n0"][0] == "x"


def test_operation_in_a_gradient_is_written_with_public_functions():
    x = Value(3.0, "x")
    (gradient,) = autograd.gradients(autograd.hypot(x, Value(4.0, "z")), [x], create_graph=True)
    assert ["a / hypot(a, b)"] in nodes(draw(gradient)).values()


# Too large


def chain(size):
    y = Value(1.0)
    for _ in range(size - 1):
        y = sin(y)
    return y


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
        made = [neuron(owner.own, x, owner) for owner in owners]
    KEPT.append(owners)  # a scope refers to its owner weakly
    return fsum(made)


def horner(size):
    """A polynomial in one x, by Horner's rule: x is used at every step."""
    x, y = Value(0.5), Value(1.0)
    while (size := size - 3) > 1:
        y = y * x + Value(1.0)
    return y


KEPT = []


@pytest.mark.parametrize("make", [chain, tree, wide], ids=lambda make: make.__name__)
def test_graph_of_more_nodes_than_can_be_laid_out_is_an_error(make):
    root = make(MAX_NODES + 2 if make is tree else MAX_NODES + 1)
    size = len(topological_order(root))
    message = (
        rf"^this graph has {size} nodes to draw, and more than {MAX_NODES} are not laid out; draw a part: "
        r"draw\(root, depth=4\), or draw\(node\) of a node nearer to the leaves; text\(root\) lists all of it$"
    )
    with pytest.raises(ValueError, match=message):
        draw(root)


def test_largest_graph_that_is_drawn_has_500_nodes():
    assert draw(chain(500)).source.count("data ") == 500
    with pytest.raises(ValueError, match=r"^this graph has 501 nodes"):
        draw(chain(501))


def test_size_is_written_with_separators():
    with pytest.raises(ValueError, match=r"^this graph has 12,345 nodes"):
        draw(chain(12_345))


def test_part_of_a_graph_that_is_too_large_is_drawn_by_depth_or_from_another_node():
    y = chain(10_000)
    assert len(nodes(draw(y, depth=4))) == 5 + 5
    assert len(nodes(draw(y.parents[0], depth=4))) == 5 + 5
    near = topological_order(y)[3]
    assert len(nodes(draw(near))) == 4 + 3


def test_products_count_where_a_dot_is_expanded():
    y = dot([Value(1.0) for _ in range(150)], [Value(1.0) for _ in range(150)])
    draw(y)
    with pytest.raises(ValueError, match=r"^this graph has 600 nodes"):
        draw(y, expand=True)


@pytest.mark.parametrize("make", [chain, tree, wide, layer, horner], ids=lambda make: make.__name__)
def test_largest_graph_that_is_drawn_is_laid_out_in_seconds(make, record_property):
    root = make(MAX_NODES)
    assert 0.9 * MAX_NODES < len(topological_order(root)) <= MAX_NODES
    drawing, start = draw(root, fold=False), spent_by_children()
    assert drawing.pipe(format="svg").count(b'class="node"') > MAX_NODES
    record_property("seconds", seconds := spent_by_children() - start)
    assert seconds < 10


DRAW = """
try:
    drawing = draw(y)
except ValueError as error:
    print(error)
else:
    print(drawing.pipe(format="svg", encoding="utf-8")[-7:])
"""
LOOP = """
from autograd import *
a, b, y = Value(1.0), Value(2.0), Value(0.5)
for _ in range(60):
    y = y + 0.1 * sin(a * y + b)
"""
RECURRENT = """
from autograd import *
weights, state = [[Value(0.1) for _ in range(5)] for _ in range(4)], [Value(0.0) for _ in range(4)]
for _ in range(40):
    x = Value(1.0)
    state = [tanh(dot(row, [*state, x])) for row in weights]
y = mean(state)
"""


def spent_by_children():
    """Seconds of the processor, which do not grow where others use it too."""
    spent = os.times()
    return spent.children_user + spent.children_system


# In this recurrent net of 385 nodes the weights are used at every step, so their arrows go along the whole picture.
@pytest.mark.parametrize("graph", [LOOP, RECURRENT], ids=["loop", "recurrent"])
def test_graph_whose_arrows_are_long_is_laid_out_in_seconds_or_an_error(graph):
    command, environment = [sys.executable, "-c", graph + DRAW], {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, _ = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with the layout program it started
        process.communicate()
        pytest.fail("no picture and no error in 10 seconds")
    assert out.strip() == "</svg>" or "draw(root, depth=4)" in out


def loop_over(leaves):
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


@pytest.mark.sample(2)
@pytest.mark.parametrize("derivatives", [False, True])
@pytest.mark.parametrize(
    "make", [lambda: loop_over(5), lambda: loop_over(20), lambda: all_before(30), lambda: horner(400)]
)
def test_long_arrows_are_laid_out_in_seconds(make, derivatives):
    drawing, start = draw(make(), derivatives=derivatives), spent_by_children()
    assert drawing.pipe(format="svg").endswith(b"</svg>\n")
    assert spent_by_children() - start < 20


def test_layout_that_takes_too_long_is_an_error_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr("autograd.pictures.rendering.LAYOUT_SECONDS", 0.5)
    message = r"^laying this graph out takes more than 0\.5 seconds; draw a part: draw\(root, depth=4\)"
    drawing = draw(all_before(50))
    for lay_out in (lambda: drawing.pipe(format="svg"), lambda: drawing.render(tmp_path / "graph")):
        with pytest.raises(TimeoutError, match=message):
            lay_out()
    assert list(tmp_path.iterdir()) == []
    assert drawing._repr_mimebundle_()["text/plain"].startswith(text(drawing.root))


@pytest.mark.parametrize(
    ("given", "kind"), [(3.0, "float"), (None, "NoneType"), ([Value(1.0)], "list")], ids=["float", "None", "list"]
)
def test_draw_of_what_is_no_value_says_what_was_given(given, kind):
    with pytest.raises(TypeError, match=f"Value.*{kind}"):
        draw(given)


# Files and notebooks


@pytest.fixture
def default_command(monkeypatch):
    """Graphviz's own name for its command, also after a test that fails."""
    monkeypatch.setattr(dot_command, "DOT_BINARY", Path("dot"))


def test_png_is_a_png():
    data = draw(example()).pipe(format="png")
    assert data.startswith(PNG)
    assert data.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize(("kind", "start"), [("png", PNG), ("svg", b"<?xml")])
def test_render_writes_a_file_and_returns_its_name(tmp_path, kind, start):
    name = draw(example()).render(tmp_path / "the graph", format=kind, cleanup=True)
    assert name == str(tmp_path / f"the graph.{kind}")
    assert Path(name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [f"the graph.{kind}"]


def test_render_writes_any_label(tmp_path):
    name = draw(Value(1.0, "🙂 \ud800 שלום")).render(tmp_path / "graph", format="svg")
    assert "🙂" in Path(name).read_text(encoding="utf-8")


def test_render_and_pipe_need_no_format(tmp_path):
    name = draw(example()).render(tmp_path / "graph")
    assert Path(name).stat().st_size > 100
    assert len(draw(example()).pipe()) > 100


def test_notebook_shows_svg():
    bundle = draw(example())._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert ET.fromstring(bundle["image/svg+xml"]).tag == f"{SVG}svg"


def test_notebook_may_ask_for_png():
    bundle = draw(example())._repr_mimebundle_(include=["image/png"])
    assert list(bundle) == ["image/png"]
    assert bundle["image/png"].startswith(PNG)


# Folded modules


def network(sizes, **options):
    model = MLP(2, sizes, seed=1, **options)
    score = model([Value(1.0, "x0"), Value(-2.0, "x1")])
    score.label = "score"
    score.backward()
    KEPT.append(model)
    return score


def cards(drawing):
    """The cards of a folded drawing by column from left to right, each from top to bottom."""
    shown, at = nodes(drawing), places(drawing)
    columns = {}
    for name in sorted((name for name in shown if name.startswith("card")), key=lambda name: -at[name][1]):
        columns.setdefault(round(at[name][0], 1), []).append(shown[name][0])
    return [titles for _, titles in sorted(columns.items())]


def test_network_of_more_than_60_nodes_is_folded_to_cards_that_fit_a_slide():
    score = network([4, 4, 1])
    assert len(topological_order(score)) > 60
    drawing = draw(score)
    assert cards(drawing) == [[f"Neuron {k}" for k in range(1, 5)]] * 2 + [["Neuron"]]
    graph, *_ = drawing.pipe(format="plain", encoding="utf-8").splitlines()
    _, _, width, height = graph.split()
    assert float(width) < 10  # inches
    assert float(height) < 7
    found = nodes(drawing)
    assert ["Neuron", f"data {score.data:.4g}", "grad 1"] in found.values()
    assert draw(score, fold=False).source.count("data ") == len(topological_order(score))
    assert draw(score, derivatives=True).source.count("Neuron 4") == 2
    assert draw(score, expand=True).source.count("data ") > 65
    assert draw(score, depth=2).source.count("Neuron 4") < 2


def test_small_network_is_not_folded_unless_that_is_asked_for():
    score = network([2, 1])
    assert cards(draw(score)) == []
    assert cards(draw(score, fold=True)) != []


def test_many_alike_are_one_card():
    drawing = draw(network([16, 16, 1]))
    assert cards(drawing) == [["Neuron ×16"], ["Neuron ×16"], ["Neuron"]]
    assert ["Neuron ×16", "48 operations, 48 leaves"] in nodes(drawing).values()
    assert len(arrows(drawing)) == 4


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("sizes", [[4, 4, 1], [8, 8, 1], [5, 3], [6, 6, 6, 1]])
def test_neurons_stand_in_their_order(sizes, direction):
    score = network(sizes) if sizes[-1] == 1 else fsum(MLP(2, sizes, seed=1)([1.0, 2.0]))
    drawing = draw(score, fold=True, direction=direction)
    at, order = places(drawing), {}
    for name, lines in nodes(drawing).items():
        if name.startswith("card"):
            along, across = at[name] if direction == "LR" else (-at[name][1], -at[name][0])
            order.setdefault(round(along, 1), []).append((-across, lines[0]))
    for column in order.values():
        titles = [title for _, title in sorted(column)]
        assert titles == sorted(titles)
    assert sum(map(len, order.values())) == sum(sizes)


def test_weights_stand_in_their_order_beside_their_neuron():
    score = network([3, 2, 1])
    drawing = draw(score, fold=False)
    at, shown, around = places(drawing), nodes(drawing), boxes(drawing)
    neurons = {}
    for name, lines in shown.items():
        if re.fullmatch(r"w\d", lines[0]):
            neurons.setdefault(tuple(around[name]), []).append((-at[name][1], lines[0]))
    assert len(neurons) == 6
    for weights in neurons.values():
        assert [name for _, name in sorted(weights)] == sorted(name for _, name in weights)
    heights = [min(height for height, _ in neurons[("MLP", "Layer 1", f"Neuron {k}")]) for k in (1, 2, 3)]
    assert heights == sorted(heights)


def test_fold_and_depth_are_one_or_the_other():
    with pytest.raises(ValueError, match=r"^depth counts operations, and fold hides them in cards"):
        draw(example(), fold=True, depth=2)


def test_nothing_to_fold_is_drawn_as_it_is():
    assert draw(example(), fold=True).source == draw(example()).source


# What is said to who does not see it


@pytest.mark.parametrize("label", ["L", "", *HOSTILE], ids=ascii)
def test_svg_has_a_role_a_title_and_a_description(label):
    x = Value(2.0, "x")
    y = x * 3.0
    y.label = label
    y.backward()
    picture = svg(draw(y))
    assert picture.get("role") == "img"
    title = picture.findtext(f"{SVG}title")
    assert title == picture.get("aria-label")
    assert title.startswith("The graph of ")
    assert "x = Value(2.0, label='x')" in picture.findtext(f"{SVG}desc")
    assert "grad = 3.0" in picture.findtext(f"{SVG}desc")


def test_description_of_a_large_graph_is_short():
    assert svg(draw(chain(200))).findtext(f"{SVG}desc").startswith("200 numbers lead to ")


# Who lays it out


def test_layout_may_be_a_function(monkeypatch, no_graphviz, tmp_path):
    asked = []

    def viz(source, kind):
        asked.append((source, kind))
        return "<svg height='1'></svg>"

    monkeypatch.setattr("autograd.pictures.rendering.Drawing.layout", viz)
    drawing = draw(example())
    assert drawing.pipe(format="svg", encoding="utf-8").startswith('<svg role="img" aria-label="The graph of L" height')
    assert Path(drawing.render(tmp_path / "graph", cleanup=True)).read_text(encoding="utf-8").endswith("</desc></svg>")
    assert asked == [(drawing.source, "svg")] * 2
    assert "image/svg+xml" in drawing._repr_mimebundle_()


posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for a command is a script")


def command(folder, name, answer):
    """Put a command into the folder that gives the answer and adds its arguments to a file."""
    path = folder / name
    lines = [f"#!{sys.executable}", "import sys", "sys.stdin.read()"]
    lines += [f"print(*sys.argv[1:], file=open({str(path) + '.calls'!r}, 'a'))", f"sys.stdout.write({answer!r})"]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def no_graphviz(tmp_path, monkeypatch, default_command):
    """A machine where neither dot nor graphviz-pure can be found, but what the test puts into tmp_path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(
        "autograd.pictures.rendering.sys", types.SimpleNamespace(executable=str(tmp_path / "elsewhere" / "python"))
    )
    monkeypatch.setattr("autograd.pictures.rendering.sysconfig.get_path", lambda *_, **__: str(tmp_path / "elsewhere"))


@posix
def test_dot_on_the_path_is_used(tmp_path, monkeypatch):
    command(tmp_path, "dot", "<svg>from dot</svg>")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert draw(example()).pipe(format="svg", encoding="utf-8") == "<svg>from dot</svg>"
    assert draw(example())._repr_mimebundle_()["image/svg+xml"] == "<svg>from dot</svg>"
    assert (tmp_path / "dot.calls").read_text(encoding="utf-8").splitlines() == ["-Kdot -Tsvg"] * 2


@posix
def test_dot_is_preferred_to_graphviz_pure(tmp_path, no_graphviz):
    command(tmp_path, "dot", "from dot")
    command(tmp_path, "graphviz-pure", "from graphviz-pure")
    assert draw(example()).pipe(format="svg") == b"from dot"


@posix
def test_graphviz_pure_on_the_path_takes_over(tmp_path, no_graphviz):
    command(tmp_path, "graphviz-pure", "from graphviz-pure")
    assert draw(example()).pipe(format="svg") == b"from graphviz-pure"


@posix
@pytest.mark.parametrize("place", ["beside Python", "among the scripts"])
def test_graphviz_pure_off_the_path_takes_over(tmp_path, monkeypatch, no_graphviz, place):
    other = tmp_path / "other"
    other.mkdir()
    command(other, "graphviz-pure", "from graphviz-pure")
    if place == "beside Python":
        monkeypatch.setattr("autograd.pictures.rendering.sys", types.SimpleNamespace(executable=str(other / "python")))
    else:
        monkeypatch.setattr("autograd.pictures.rendering.sysconfig.get_path", lambda *_, **__: str(other))
    assert draw(example()).pipe(format="svg") == b"from graphviz-pure"


def test_installed_graphviz_pure_draws_without_a_path(tmp_path, monkeypatch, default_command):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nodes(draw(example()))["n6"] == ["L", "data -8", "grad not yet"]


@posix
def test_dot_that_is_installed_later_is_used_from_then_on(tmp_path, no_graphviz):
    command(tmp_path, "graphviz-pure", "from graphviz-pure")
    assert draw(example()).pipe(format="svg") == b"from graphviz-pure"
    command(tmp_path, "dot", "from dot")
    assert draw(example()).pipe(format="svg") == b"from dot"


def test_graphviz_keeps_its_command_after_a_picture(default_command):
    draw(example()).pipe(format="svg")
    assert Path("dot") == dot_command.DOT_BINARY


def test_pictures_are_laid_out_in_several_threads_at_once(default_command):
    def lay_out(number):
        return nodes(draw(Value(float(number))))["n0"][0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lay_out, range(32))) == [f"data {number}" for number in range(32)]
    assert Path("dot") == dot_command.DOT_BINARY


def test_without_a_layout_program_the_error_names_the_pip_command(no_graphviz, tmp_path):
    message = "neither Graphviz nor graphviz-pure was found; python -m pip install graphviz-pure"
    for lay_out in (
        lambda drawing: drawing.pipe(format="svg"),
        lambda drawing: drawing.render(tmp_path / "graph", format="png"),
        lambda drawing: drawing._repr_image_svg_xml(),
    ):
        with pytest.raises(graphviz.ExecutableNotFound, match=message):
            lay_out(draw(example()))


def test_without_a_layout_program_a_notebook_shows_the_text(no_graphviz):
    L = example()
    L.backward()
    bundle = draw(L)._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert bundle["text/plain"].startswith(text(L))
    assert "python -m pip install graphviz-pure" in bundle["text/plain"]


def test_without_a_layout_program_a_copy_shows_its_source(no_graphviz):
    drawing = draw(example()).copy()
    assert drawing._repr_mimebundle_()["text/plain"].startswith(drawing.source)


@posix
def test_layout_program_that_fails_is_an_error_and_not_a_missing_one(tmp_path, no_graphviz):
    (tmp_path / "dot").write_text(
        f"#!{sys.executable}\nimport sys; sys.stdin.read(); sys.exit('out of memory')", encoding="utf-8"
    )
    (tmp_path / "dot").chmod(0o755)
    with pytest.raises(graphviz.CalledProcessError, match="out of memory"):
        draw(example()).pipe(format="svg")


def test_without_the_graphviz_package_the_error_names_the_pip_command_and_text_still_works(monkeypatch):
    monkeypatch.delitem(sys.modules, "autograd.pictures.rendering", raising=False)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    command = r"python -m pip install 'scalar-autograd\[draw\]'"
    message = rf"^draw needs the graphviz package: {command}; text\(root\) needs nothing$"
    with pytest.raises(ImportError, match=message):
        draw(example())
    assert text(example()).startswith("a = Value(2.0, label='a')")


def test_command_in_the_error_names_an_extra_that_brings_both_packages():
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extra = re.search(r"^draw = (\[.*\])$", pyproject, re.MULTILINE)[1]
    assert {"graphviz", "graphviz-pure", "pillow"} <= {
        re.match(r"[\w-]+", requirement)[0] for requirement in json.loads(extra)
    }
