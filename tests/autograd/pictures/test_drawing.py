"""draw(root): what a picture shows, that no label does harm, which parts and boxes there are, and what colours mean."""

import re
import time
from collections import Counter

import graphviz
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
from autograd import Constant, Value, dot, draw, exp, fsum, maximum, operation, scope, sqrt, tanh, where
from autograd.engine.chain import topological_order
from autograd.pictures import style
from autograd.rules.operation import NAry
from nn import MLP, Layer, Neuron
from tests.autograd.pictures.reading import (
    SVG,
    arrows,
    boxes,
    chain,
    ground,
    groups,
    ids,
    labels,
    legend,
    look,
    nodes,
    plain,
    svg,
    words,
)
from tests.autograd.pictures.test_class_colours import contrast
from tests.hypothesis_profiles import max_examples
from tests.readme import worked_example as example

NOT_YET = "grad not yet"


def own(name):
    """An operation of that name."""
    return operation(name, lambda x: x, lambda y, x: 1.0)


# Nodes and arrows


def test_each_node_shows_label_data_and_gradient_and_each_operation_is_a_node_between_its_operands_and_its_result():
    L = example()
    L.backward()
    assert isinstance(draw(L), graphviz.Digraph)
    assert nodes(draw(L)) == {
        "n0": ["a", "data 2", "grad 6"], "n1": ["b", "data -3", "grad -4"],
        "n2": ["data -6", "grad -2"], "n2op": ["*"], "n3": ["c", "data 10", "grad -2"],
        "n4": ["data 4", "grad -2"], "n4op": ["+"], "n5": ["f", "data -2", "grad 4"],
        "n6": ["L", "data -8", "grad 1"], "n6op": ["*"],
    }  # fmt: skip
    assert " ".join(arrows(draw(L))) == (
        "n0->n2op n1->n2op n2->n4op n2op->n2 n3->n4op n4->n6op n4op->n4 n5->n6op n6op->n6"
    )
    assert all(f"<B>{label}</B>" in draw(L).source for label in "abcfL")
    area = {name: width * height for name, (_, _, width, height) in plain(draw(L)).items()}
    assert max(area[name] for name in ("n2op", "n4op", "n6op")) < min(area[f"n{i}"] for i in range(7)) / 3


OPERATIONS = [  # of a, what its operation is called, and how many arrows lead there from a
    (lambda a: a + a, "+", 2), (lambda a: fsum([a, a, a]), "fsum", 3), (lambda a: dot([a, a], [a, a]), "dot", 4),
    (lambda a: where(a, a, 1.0), "where", 2), (lambda a: a**3, "**3", 1), (lambda a: -a, "neg", 1),
    (lambda a: autograd.leaky_relu(a, 0.1), "leaky_relu(0.1)", 1), (lambda a: 2.0**a, "**", 1),
    (lambda a: own("my own")(a), "my own", 1),
]  # fmt: skip


def test_operation_shows_its_name_in_a_gradient_by_public_functions_and_has_an_arrow_for_each_operand():
    a = Value(1.0)
    made = [make(a) for make, *_ in OPERATIONS]
    root = fsum(made)
    picture, names = svg(draw(root)), ids(root)
    found = [(*nodes(picture)[f"{names[y]}op"], arrows(picture).count(f"{names[a]}->{names[y]}op")) for y in made]
    assert found == [(name, count) for _, name, count in OPERATIONS]
    x = Value(3.0, "x")
    (gradient,) = autograd.gradients(autograd.hypot(x, Value(4.0, "z")), [x], create_graph=True)
    assert ["a / hypot(a, b)"] in nodes(draw(gradient)).values()


def test_data_is_shown_with_four_digits_and_nodes_are_named_by_their_place_in_the_sorted_graph():
    numbers = {"nan": float("nan"), "-inf": float("-inf"), "-0": -0.0, "1e-300": 1e-300, "1.235e+06": 1234567.0}
    found = nodes(draw(fsum([Value(number) for number in numbers.values()])))
    assert [found[f"n{i}"][0] for i in range(len(numbers))] == [f"data {shown}" for shown in numbers]
    a, b = Value(1.0, "a"), Value(2.0, "b")
    y = exp(a * b) + a
    found = nodes(draw(y))
    assert [found[f"n{i}"][-2] for i in range(5)] == [f"data {node.data:.4g}" for node in topological_order(y)]


def test_gradient_is_not_yet_before_backward_and_0_when_it_is_0_and_a_constant_has_none():
    x, unused = Value(3.0), Value(1.0)
    y = maximum(x, unused) * Constant(1.0)
    shown = lambda: [lines[1:] for name, lines in nodes(draw(y)).items() if "op" not in name]
    assert shown() == [[NOT_YET], [NOT_YET], [NOT_YET], [], [NOT_YET]]
    y.backward()
    assert shown() == [["grad 1"], ["grad 0"], ["grad 1"], [], ["grad 1"]]
    y.zero_grad()
    assert shown()[1] == [NOT_YET]


def test_constants_parameters_results_and_the_root_look_different():
    product = Value(2.0) * Constant(3.0, "scale")
    y = tanh(product)
    picture, names = svg(draw(y)), ids(y)
    leaf, *others = (look(picture, names[node]) for node in (*product.parents, product, y))
    assert len({leaf, *others}) == 4
    assert leaf
    dashed = [any(key == "stroke-dasharray" for key, _ in kind) for kind in (leaf, *others)]
    assert dashed == [False, True, False, False]  # the constant


def test_picture_of_the_same_graph_or_model_built_again_is_the_same_text_and_the_graph_stays_as_it_is():
    first, x = example(), Value(2.0)
    Value(0.0) * Value(1.0)  # what was made in between has no influence
    assert draw(first).source == draw(example()).source == draw(first).source
    y = tanh(x)
    draw(y)
    assert (x.label, y.label, x.grad, y.parents) == ("", "", 0.0, (x,))
    inputs = [Value(1.0, "x0"), Value(-1.0, "x1")]
    for make in (lambda: Neuron(2, seed=1), lambda: Layer(2, 2, seed=1), lambda: MLP(2, [2, 1], "tanh", seed=1)):
        model = make()
        y, z = (fsum(made) if isinstance(made, list) else made for made in (model(inputs), make()(inputs)))
        assert draw(z).source == draw(y).source


# Labels

BACKSLASHES = [r"\N", r"\G", r"\E", r"\\", r"\\server\Nodes", r"C:\Games"]
HOSTILE = [
    "<script>alert(1)</script>", "<b>bold</b>", "</TABLE>>]", "<", ">", "&", "&amp;", "&#0;", "&nbsp;",
    "<!-- x", "-->", "]]>", "<![CDATA[", "<?xml?>", '"', "'", "\"quoted\" 'too'", "{|}", "{a|<p> b}",
    "%s {} ${x}", "#", "//", "/* x */", ";", "n0 -> n1", "subgraph {", "\\", "a\\", "C:\\temp", "\\n",
    "\\l", "a\nb", "\r\n", "\t", "a\0b", "\x01\x02\x1f\x7f\x80\x9f", "\ufffe\uffff", "\ufeff", "🙂",
    "👩‍👩‍👧", "🇨🇭", "naïve", "e\u0301", "漢字", "שלום", "مرحبا", "\u202eevil", "\ud800", "lone \udfff!",
    "\U000e0001", "\ue000", "a\u2028b", "∂L/∂w", " ", "   ", "\xa0", "None", "javascript:alert(1)",
    "x" * 10_000, "<" * 1000, *BACKSLASHES,
]  # fmt: skip
LABELS = st.text(st.one_of(st.characters(), st.sampled_from("\\\\NGETHL<>&")), max_size=8)
TAGS = {"svg", "g", "title", "desc", "polygon", "path", "ellipse", "text"}


def bare(*strings):
    """The characters that have a shape."""
    return "".join(c for c in "".join(strings) if c.isprintable() and c != " ")


def test_label_operation_and_title_are_shown_as_text_whatever_they_hold():
    made = []
    for label in HOSTILE:
        with scope(label):
            made.append(own(label)(Value(1.0, label)))
    root = fsum(made)
    picture, names = svg(draw(root, fold=False)), ids(root)
    assert {e.tag.removeprefix(SVG) for e in picture.iter()} <= TAGS
    found, around = nodes(picture), boxes(draw(root, fold=False))
    titles = [words(g) for _, g in groups(picture, "cluster")]
    for y, label in zip(made, HOSTILE, strict=True):
        leaf, op = found[names[y.parents[0]]], found[f"{names[y]}op"]
        assert [bare(line) for line in leaf] == [bare(label), "data1", "gradnotyet"]
        assert bare(*op) == bare(label)
        assert found[names[y]] == ["data 1", NOT_YET]
        assert len(around[names[y]]) == 1
        if label in BACKSLASHES:
            assert leaf[0] == op[0] == label
            assert [label] in titles
    assert sorted(bare(*title) for title in titles) == sorted(map(bare, HOSTILE))
    assert len(arrows(picture)) == 3 * len(made) + 1


@max_examples(25)
@given(st.lists(LABELS, min_size=1, max_size=12))
def test_any_labels_are_shown_as_text(labels):
    found = nodes(draw(fsum([Value(1.0, label) for label in labels])))
    for position, label in enumerate(labels):
        *shown, data, gradient = found[f"n{position}"]
        assert [bare(line) for line in shown] == ([bare(label)] if label else [])
        assert (data, gradient) == ("data 1", NOT_YET)


def test_empty_label_takes_no_line_and_control_characters_are_spaces():
    class Name(str):
        """A kind of string is a label too."""

        __slots__ = ()

    for label, shown in ({"": [], " ": [" "], "a\nb\0c": ["a b c"], Name("x"): ["x"]}).items():
        assert [line.replace("\xa0", " ") for line in nodes(draw(Value(1.0, label)))["n0"][:-2]] == shown


def test_svg_has_a_role_a_title_and_a_description_whatever_the_label():
    for label in ["L", "", *HOSTILE]:
        y = Value(2.0, "x") * 3.0
        y.label = label
        y.backward()
        picture = svg(draw(y))
        title, description = (picture.findtext(f"{SVG}{part}") for part in ("title", "desc"))
        assert (picture.get("role"), picture.get("aria-label")) == ("img", title)
        assert title.startswith("The graph of ")
        assert "x = Value(2.0, label='x')" in description
        assert "grad = 3.0" in description
    assert svg(draw(chain(200))).findtext(f"{SVG}desc").startswith("200 numbers lead to ")


# Parts: depth and expand


def test_depth_counts_operations_back_from_the_root_and_where_the_picture_is_cut_is_told():
    L = example()
    assert nodes(draw(L, depth=0)) == {"n6": ["L", "data -8", NOT_YET], "n6op": ["* ..."]}
    assert arrows(draw(L, depth=0)) == ["n6op->n6"]
    one, two = (svg(draw(L, depth=depth)) for depth in (1, 2))
    assert set(nodes(one)) == {"n6", "n6op", "n4", "n5", "n4op"}
    assert set(nodes(two)) == {"n6", "n6op", "n4", "n5", "n4op", "n2", "n3", "n2op"}
    assert [nodes(picture)["n4op"] for picture in (one, two)] == [["+ ..."], ["+"]]
    assert "stroke-dasharray" in dict(look(one, "n4op"))
    assert "stroke-dasharray" not in dict(look(one, "n6op"))
    assert draw(L, depth=3).source == draw(L, depth=4).source == draw(L, depth=10**18).source == draw(L).source
    x = Value(2.0, "x")  # an arrow from an operand that is shown stays where another is cut
    drawing = draw(exp(x) * x * x, depth=1)
    assert arrows(drawing) == ["n0->n2op", "n0->n3op", "n2->n3op", "n2op->n2", "n3op->n3"]
    assert nodes(drawing)["n2op"] == ["* ..."]


def test_depth_goes_through_shared_nodes_once():
    y = Value(1.0)
    for _ in range(60):  # 2 ** 60 ways lead back to the leaf
        y = y * y
    start = time.process_time()
    assert draw(y, depth=59).source.count("op ") > 100
    assert time.process_time() - start < 5


def test_expand_shows_a_dot_as_its_products_and_their_sum_and_changes_no_other_operation():
    w, x = [Value(2.0, "w0"), Value(3.0, "w1")], [Value(5.0, "x0"), Value(7.0, "x1")]
    y = dot(w, x)
    (2 * y).backward()
    assert nodes(draw(y))["n4op"] == ["dot"]
    drawing = draw(y, expand=True)
    computed = {name: lines for name, lines in nodes(drawing).items() if name not in ("n0", "n1", "n2", "n3")}
    assert sorted(computed.values()) == [
        ["*"], ["*"], ["+"], ["data 10", "grad 2"], ["data 21", "grad 2"], ["data 31", "grad 2"],
    ]  # fmt: skip
    times = {tail: head for tail, head in (arrow.split("->") for arrow in arrows(drawing)) if tail in ids(y).values()}
    assert times["n0"] == times["n2"] != times["n1"] == times["n3"]
    assert len(arrows(drawing)) == 4 + 2 + 2 + 1
    a = Value(3.0)  # a product of a number with itself has two arrows
    assert sorted(Counter(arrows(draw(dot([a], [a]), expand=True))).values()) == [1, 1, 1, 2]
    assert nodes(draw(y, depth=0, expand=True))["n4op"] == ["dot ..."]
    for y in (example(), fsum([Value(1.0), Value(2.0)])):
        assert draw(y, expand=True).source == draw(y).source


@pytest.mark.parametrize(("direction", "step"), [("LR", (1, 0)), ("RL", (-1, 0)), ("TB", (0, -1)), ("BT", (0, 1))])
def test_direction_is_the_way_from_the_leaves_to_the_root(direction, step):
    drawing = draw(example(), direction=direction)
    at = plain(drawing)
    for tail, head in (arrow.split("->") for arrow in arrows(drawing)):
        assert sum(s * (b - a) for s, a, b in zip(step, at[tail], at[head])) > 0, (tail, head)
    assert (drawing.source == draw(example()).source) == (direction == "LR")


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


def boxed():
    """Yield what holds of boxes, the root of a graph, and the titles around some of its nodes, outermost first."""
    x = Value(2.0)
    with scope("square"):
        y = x * x
    yield "a scope is a box", exp(y), {x: [], y: ["square"]}
    with scope("outer"):
        y = exp(x)
        with scope("inner"):
            z = tanh(y)
    yield "scopes nest", z, {x: [], y: ["outer"], z: ["outer", "inner"]}

    made, owners = [], [Owner(Value(1.0)) for _ in range(3)]
    for owner in owners:
        with scope("part", owner):
            made.append(owner.own[0] * Value(2.0))
    parts = [["part 1"], ["part 2"], ["part 3"]]
    yield "boxes of one title are numbered as they were called", fsum(made), dict(zip(made, parts, strict=True))
    steps = [x]
    for owner in owners:  # the parameter of the last comes first in the sorted graph
        with scope("part", owner):
            steps.append(tanh(owner.own[0] * steps[-1]))
    wanted = dict(zip([*steps, *(owner.own[0] for owner in owners)], [[], *parts, *parts], strict=True))
    yield "also where one feeds the next", steps[-1], wanted
    steps = [x]
    for title in ("first", "second"):
        with scope(title), scope("part"):
            steps.append(tanh(steps[-1]))
    wanted = dict(zip(steps, [[], ["first", "part"], ["second", "part"]], strict=True))
    yield "but not in different boxes", steps[-1], wanted

    w, b, x = Value(2.0, "w"), Value(1.0, "b"), Value(3.0, "x")
    one, model, both = Owner(w), Owner(w), Owner(w, b)
    y = neuron([w], [x], one)
    yield "a parameter is in the box of its owner, an input is not", y, {w: ["Neuron"], x: []}
    with scope("model", model):
        y = neuron([w], [x], one) + neuron([w], [x], one)
    yield "a parameter of two calls is in the box around both", y, {w: ["model"]}
    y = neuron([w], [x], one) + neuron([w], [x], one)
    yield "which need not be there", y, {w: []}
    with scope("Layer", both), scope("Neuron", one):
        y = w * b
    yield "the innermost box whose owner has it", y, {w: ["Layer", "Neuron"], b: ["Layer"]}
    y = neuron([w], [x], Owner(w, b)) + b
    yield "the owner is gone, and b is used outside too", y, {w: ["Neuron"], x: [], b: []}

    with scope("part"):
        w = Value(2.0)
        y = x * w + (c := Constant(3.0))
    w.data = 2.0
    inside = {x: [], w: ["part"], c: ["part"], y: ["part"]}
    yield "what is made in a scope is in its box, also when it was changed", y, inside
    y = MLP(2, [2, 1], seed=1)([x, Value(2.0)])
    yield "modules are boxes", y, {x: [], y: ["MLP", "Layer 2", "Neuron"]}


def test_boxes_are_scopes_around_what_was_made_in_them_and_around_the_parameters_of_their_owners():
    for what, root, wanted in boxed():
        drawing, names = draw(root), ids(root)
        found = boxes(drawing)
        assert {node: found[names[node]] for node in wanted} == wanted, what
        for node in topological_order(root):
            assert node.op is None or found[f"{names[node]}op"] == found[names[node]], what
        titles = [[*words(g)] for _, g in groups(drawing, "cluster")]
        assert {title for [title] in titles} == {title for around in found.values() for title in around}, what
    found = [tuple(around) for around in found.values()]  # of the network
    layer = ("MLP", "Layer 1")
    assert set(found) == {(), (*layer, "Neuron 1"), (*layer, "Neuron 2"), ("MLP", "Layer 2", "Neuron")}
    assert found.count(()) == 2


def test_scope_of_what_is_not_drawn_is_no_box_and_products_of_an_expanded_dot_are_in_the_box_of_the_dot():
    y = Value(1.0)
    for title in ("first", "second"):
        with scope(title):
            y = tanh(y)
    with scope("empty"):
        pass
    for depth, titles in ((1, {"first", "second"}), (0, {"second"})):
        assert {title for around in boxes(draw(y, depth=depth)).values() for title in around} == titles
    w, x = [Value(2.0), Value(3.0)], [Value(1.0), Value(1.0)]
    owner = Owner(*w)
    y = neuron(w, x, owner)
    found = boxes(draw(y, expand=True))
    outside = {ids(y)[leaf] for leaf in x}
    assert {name for name, titles in found.items() if not titles} == outside
    assert {tuple(titles) for name, titles in found.items() if name not in outside} == {("Neuron",)}


# Derivatives


def test_local_derivatives_stand_on_the_arrows_into_operations_and_times_upstream_are_the_gradients():
    L = example()
    assert labels(draw(L, derivatives=True)) == {
        "n0->n2op": ["∂ -3"], "n1->n2op": ["∂ 2"], "n2op->n2": [""],
        "n2->n4op": ["∂ 1"], "n3->n4op": ["∂ 1"], "n4op->n4": [""],
        "n4->n6op": ["∂ -2"], "n5->n6op": ["∂ 4"], "n6op->n6": [""],
    }  # fmt: skip
    assert set(map(tuple, labels(draw(L)).values())) == {("",)}
    a, b = Value(0.5, "a"), Value(-1.5, "b")
    y = tanh(a / b)
    y.backward()
    found, names = labels(draw(y, derivatives=True)), ids(y)
    quotient = y.parents[0]
    shown = float(found[f"{names[a]}->{names[quotient]}op"][0].removeprefix("1st ∂ "))
    assert quotient.grad * shown == pytest.approx(a.grad, rel=1e-3)


def fails(*_):
    raise ValueError("no derivative")


ODD = NAry("odd", sum, fails, definition="sum(xs)")
DERIVATIVES = [  # a graph, and what stands on its arrows
    (lambda: Value(2.0) * 3.0, {"n0->n2op": ["∂ 3"], "n1->n2op": [""], "n2op->n2": [""]}),  # none by a constant
    (lambda: sqrt(Value(0.0)), {"n0->n1op": ["∂ inf"], "n1op->n1": [""]}),
    (lambda: ODD([Value(1.0), 3.0]), {"n0->n2op": ["∂ ?"], "n1->n2op": [""], "n2op->n2": [""]}),
]


def test_derivative_on_an_arrow_is_a_number_nothing_or_a_question_mark():
    for make, wanted in DERIVATIVES:
        y = make()
        assert labels(draw(y, derivatives=True)) == wanted
        y.grad = float("inf")
        draw(y, derivatives=True).pipe(format="svg")
    found = labels(draw(dot([Value(2.0)], [Value(5.0)]), derivatives=True, expand=True)).values()
    assert sorted(label for several in found for label in several) == ["", "", "∂ 1", "∂ 2", "∂ 5"]


def test_derivative_that_cannot_be_evaluated_is_a_question_mark_and_one_by_a_constant_is_not_evaluated():
    for error in (ZeroDivisionError, ValueError, KeyError, TypeError, NotImplementedError):

        def fails(y, a, b, error=error):
            raise error("no derivative")

        odd = operation("odd", lambda a, b: a, fails, lambda y, a, b: 7.0)
        found = labels(draw(odd(Value(1.0), Value(2.0)), derivatives=True))
        assert found == {"n0->n2op": ["1st ∂ ?"], "n1->n2op": ["2nd ∂ 7"], "n2op->n2": [""]}
    asked = []
    odd = operation("odd", lambda a, b: a, lambda y, a, b: 1.0, lambda y, a, b: asked.append(b) or 1.0)
    for second, found in ((2.0, []), (Value(2.0), [2.0])):
        draw(odd(Value(1.0), second), derivatives=True)
        assert asked == found


PLACES = [  # an operation, and what tells the order of its operands
    (lambda a, b: a - b, "1st 2nd"), (lambda a, b: a / b, "1st 2nd"), (lambda a, b: a**b, "1st 2nd"),
    (lambda a, b: where(a, b, Value(0.0)), "1st 2nd 3rd"), (lambda a, b: a + b, " "), (lambda a, b: a * b, " "),
    (lambda a, b: maximum(a, b), " "), (lambda a, b: dot([a], [b]), " "),
    (lambda a, b: dot([a, b], [b, a]), "1st 2nd 2nd 1st"), (lambda a, b: a**3, ""),
]  # fmt: skip


def test_arrows_tell_the_order_of_operands_where_it_matters():
    for make, places in PLACES:
        y = make(Value(2.0), Value(3.0))
        found, names = labels(draw(y)), ids(y)
        assert [found[f"{names[parent]}->{names[y]}op"][0] for parent in y.parents] == places.split(" ")
    x = Value(2.0)
    assert sorted(labels(draw(x - x))["n0->n1op"]) == ["1st", "2nd"]


def test_with_derivatives_places_of_operands_stand_in_the_middle_of_arrows_those_of_constants_too():
    for make, places in PLACES:
        for operands in ((Value(2.0), Constant(3.0)), (Constant(2.0), Value(3.0))):
            drawing = draw(make(*operands), derivatives=True)
            assert not {"headlabel", "taillabel"} & {*re.findall(r"\w+(?==)", drawing.source)}
            told = " ".join(label for found in labels(drawing).values() for label in found)
            assert sorted(re.findall(r"\d[a-z]+", told)) == sorted(places.split())


def test_derivatives_and_gradients_of_zero_have_no_sign():
    a, b = Value(1.0), Value(3.0)
    y = a % b * -1.0
    y.backward()
    for drawing in (draw(y, derivatives=True), draw(-(y * 0.0), derivatives=True)):
        assert not re.search("(∂|grad) -0[^.]", drawing.source)
    b.grad = -0.0
    assert "grad -0" not in draw(y).source


def test_pairs_of_a_dot_are_told_once_beside_each_operand_and_on_the_arrow_beside_a_derivative():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    a, b, c, d = (Value(float(i)) for i in range(4))
    root = dot([a, b], [x, y]) + dot([c, d], [x, y])
    names, places, derivatives = ids(root), labels(draw(root)), labels(draw(root, derivatives=True))
    for node, place in [(a, "1st"), (b, "2nd"), (x, "1st"), (y, "2nd"), (d, "2nd")]:
        told, beside = (
            [label for arrow, found in drawn.items() if arrow.startswith(f"{names[node]}->") for label in found]
            for drawn in (places, derivatives)
        )
        assert sorted(filter(None, told)) == [place]
        assert all(label.startswith(f"{place} ∂") for label in beside)


# Colours


def test_ground_of_a_gradient_tells_its_sign_and_size_and_the_legend_says_so():
    a, b, c, d = (Value(1.0) for _ in range(4))
    y = 4.0 * a + -4.0 * b + 0.25 * c + 0.0 * d
    assert ground(draw(y), ids(y)[a]) is None  # not yet
    y.backward()
    picture, names = svg(draw(y)), ids(y)
    up, down, faint, zero = (ground(picture, names[leaf]) for leaf in (a, b, c, d))
    assert up[0] > up[2] + 50  # orange
    assert down[2] > down[0] + 50  # blue
    assert faint[0] > faint[2]
    assert min(faint) > min(up) + 50  # and fainter
    assert zero is None
    found = legend(picture)
    assert list(found) == ["given", "constant", "result", "grad above 0", "grad below 0"]
    assert [bytes.fromhex(found[f"grad {side} 0"][1:]) for side in ("above", "below")] == [bytes(up), bytes(down)]
    assert list(legend(draw(Value(2.0)))) == ["result"]
    assert list(legend(draw(Value(2.0) * Value(3.0)))) == ["given", "result"]


def test_colours_of_gradients_mean_nothing_else():
    for colour in (*style.LEAF, *style.CONSTANT, *style.COMPUTED, *style.ROOT):
        red, green, blue = bytes.fromhex(colour[1:])
        assert not (blue > green > red and blue - red > 12)  # a blue
        assert not (red > green > blue and red - blue > 60)  # an orange


def test_gradients_can_be_read_on_their_grounds_and_those_that_are_not_finite_leave_the_colours_of_the_others():
    leaves = [Value(1.0) for _ in range(6)]
    for leaf, gradient in zip(leaves, [1.0, -1.0, 1e-3, -1e-3, float("inf"), float("-inf")], strict=True):
        leaf.grad = gradient
    picture = svg(draw(fsum(leaves)))
    for number in range(6):
        assert contrast("#" + bytes(ground(picture, f"n{number}")).hex(), "#1a1a1a") >= 4.5  # WCAG 2, AA
    assert ground(picture, "n4") == ground(picture, "n0")  # as strong as the largest finite one
    leaves[0].grad = float("nan")
    assert ground(svg(draw(fsum(leaves), derivatives=True)), "n0") is None


def test_arrows_take_the_colour_of_what_flows_back_along_them():
    x, w = Value(2.0), Value(-3.0)
    y = x * w
    edges = lambda: groups(draw(y, derivatives=True), "edge")
    strokes = lambda: {name: next(e.get("stroke") for e in g.iter(f"{SVG}path")) for name, g in edges()}
    assert set(strokes().values()) == {"#666666"}
    y.backward()
    colours = {name: bytes.fromhex(stroke[1:]) for name, stroke in strokes().items()}
    assert colours["n0->n2op"][2] > colours["n0->n2op"][0]  # -3: blue
    assert colours["n1->n2op"][0] > colours["n1->n2op"][2]  # 2: orange


def test_gradients_that_are_all_zero_have_no_colour():
    y = Value(2.0) * Value(3.0)
    y.backward(0.0)
    source = draw(y, derivatives=True).source
    assert source.count("grad 0") == 3
    assert set(style.GROUNDS + style.LINES).isdisjoint(source.split('"'))
    assert not re.search("grad (above|below)", source)
    assert style.arrow_colour(0.0, 0.0) == {"color": style.GREY, "penwidth": "1.00"}
    assert [style.gradient_row(g, 1.0).ground for g in (0.0, float("nan"))] == ["", ""]
    assert [style.gradient_row(g, 4.0).ground for g in (4.0, -9.0)] == [*style.GROUNDS]


def test_root_is_the_only_one_that_looks_like_it():
    x = Value(2.0)
    for root, others in ((-(x * 3.0), [style.LEAF, style.CONSTANT, style.COMPUTED]), (x, [])):
        source = draw(root, fold=False).source.partition("label=<<FONT")[0]
        fills = [source.count(f'COLOR="{line}" BGCOLOR="{fill}"') for line, fill in (style.ROOT, *others)]
        assert fills == [1] * len(fills)


# Folded modules


def network(sizes, **options):
    score = MLP(2, sizes, seed=1, **options)([Value(1.0, "x0"), Value(-2.0, "x1")])
    score = fsum(score) if isinstance(score, list) else score
    score.label = "score"
    score.backward()
    return score


def cards(drawing, direction="LR"):
    """The cards of a folded drawing by column from left to right, each from top to bottom; or by row likewise."""
    shown, at, columns = nodes(drawing), plain(drawing), {}
    places = {name: (x, -y) if direction == "LR" else (-y, x) for name, (x, y, _, _) in at.items()}
    for name in sorted((name for name in shown if name.startswith("card")), key=lambda name: places[name][1]):
        columns.setdefault(round(places[name][0], 1), []).append(shown[name][0])
    return [titles for _, titles in sorted(columns.items())]


def test_network_of_more_than_60_nodes_is_folded_to_cards_that_fit_a_slide():
    score = network([4, 4, 1])
    assert len(topological_order(score)) > 60
    drawing = draw(score)
    assert cards(drawing) == [[f"Neuron {k}" for k in range(1, 5)]] * 2 + [["Neuron"]]
    _, _, width, height, *_ = drawing.pipe(format="plain", encoding="utf-8").split()
    assert float(width) < 10  # inches
    assert float(height) < 7
    assert ["Neuron", f"data {score.data:.4g}", "grad 1"] in nodes(drawing).values()
    assert draw(score, fold=False).source.count("data ") == len(topological_order(score))
    assert len(labels(draw(score, derivatives=True))) > 60  # each with a local derivative, of which a card has none
    assert draw(score, derivatives=True, fold=True).source.count("Neuron 4") == 2
    assert draw(score, expand=True).source.count("data ") > 65
    assert draw(score, depth=2).source.count("Neuron 4") < 2


def curve(element):
    """Points of the arrow of an edge, a spline by Bézier curves."""
    numbers = list(map(float, re.findall(r"-?[\d.]+", element.find(f"{SVG}path").get("d"))))
    ends = list(zip(numbers[::2], numbers[1::2], strict=True))
    for start in range(0, len(ends) - 1, 3):
        for t in (k / 20 for k in range(21)):
            weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
            yield tuple(
                sum(w * p[axis] for w, p in zip(weights, ends[start : start + 4], strict=True)) for axis in (0, 1)
            )


@pytest.mark.parametrize("derivatives", [False, True])
@pytest.mark.parametrize("direction", ["LR", "RL"])
def test_no_arrow_into_a_card_crosses_the_heading_of_a_box(direction, derivatives):
    for sizes in ([4, 4, 1], [3, 2, 1], [8, 8, 1]):
        picture = svg(draw((network(sizes) - 1.0) ** 2.0, fold=True, direction=direction, derivatives=derivatives))
        headings = [text for _, box in groups(picture, "cluster") for text in box.findall(f"{SVG}text")]
        points = [point for _, edge in groups(picture, "edge") for point in curve(edge)]
        assert len(headings) == 1 + len(sizes)
        for heading in headings:
            x, y, half = float(heading.get("x")), float(heading.get("y")), 3.0 * len(heading.text)
            assert not [point for point in points if abs(point[0] - x) < half and y - 10 < point[1] < y + 2]


def test_small_network_is_not_folded_unless_that_is_asked_for_and_many_alike_are_one_card():
    score = network([2, 1])
    assert cards(draw(score)) == []
    assert cards(draw(score, fold=True)) != []
    assert draw(example(), fold=True).source == draw(example()).source  # which has nothing to fold
    with pytest.raises(ValueError, match=r"^depth counts operations, and fold hides them in cards"):
        draw(example(), fold=True, depth=2)
    drawing = draw(network([16, 16, 1]))
    assert cards(drawing) == [["Neuron ×16"], ["Neuron ×16"], ["Neuron"]]
    assert ["Neuron ×16", "48 operations, 48 leaves"] in nodes(drawing).values()
    assert len(arrows(drawing)) == 4


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_neurons_stand_in_their_order(direction):
    for sizes in ([4, 4, 1], [8, 8, 1], [5, 3], [6, 6, 6, 1]):
        found = cards(draw(network(sizes), fold=True, direction=direction), direction)
        assert found == [[f"Neuron {k}" for k in range(1, n + 1)] if n > 1 else ["Neuron"] for n in sizes]


def test_weights_stand_in_their_order_beside_their_neuron():
    drawing = draw(network([3, 2, 1]), fold=False)
    at, around, neurons = plain(drawing), boxes(drawing), {}
    for name, lines in nodes(drawing).items():
        if re.fullmatch(r"w\d", lines[0]):
            neurons.setdefault(tuple(around[name]), []).append((-at[name][1], lines[0]))
    assert len(neurons) == 6
    for weights in neurons.values():
        assert [name for _, name in sorted(weights)] == sorted(name for _, name in weights)
    heights = [min(height for height, _ in neurons[("MLP", "Layer 1", f"Neuron {k}")]) for k in (1, 2, 3)]
    assert heights == sorted(heights)
