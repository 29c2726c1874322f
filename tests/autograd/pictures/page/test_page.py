"""The page in a real browser: walking, where a gradient comes from, changing numbers, and operations of one's own.

The fixture `opened` adds to every test that nothing was written to the console and that no request left the page.
"""

import math
import re

import pytest

import autograd as ad
from autograd import Constant, Value, exp, log, operation, relu, scope, sin, tanh, where
from autograd.engine.chain import topological_order
from nn import MLP, hinge
from tests.autograd.pictures.page.looking import (
    EVERYTHING_OPEN,
    assert_same_numbers,
    cards,
    details,
    fill,
    ids,
    in_python,
    last,
    named,
    numbers,
    place,
    position,
    problem,
    story,
    together,
    walk,
)

# Walking


def test_steps_go_forward_and_then_backward_with_symbols_and_numbers_and_mark_their_edges(opened, example):
    page = opened(example)
    assert page.locator("h1").inner_text() == "L = (a × b + c) × f"
    assert page.title() == "The gradient of L"
    data = {"a": "2", "b": "−3", "c": "10", "f": "−2", "e": "?", "d": "?", "L": "?"}
    assert cards(page) == {name: (number, "not yet") for name, number in data.items()}
    equations = lambda page: [line for line in story(page).splitlines() if "=" in line]
    assert walk(page, equations) == [
        ["e = a × b = 2 × (−3) = −6"],
        ["d = e + c = −6 + 10 = 4"],
        ["L = d × f = 4 × (−2) = −8"],
        ["dL/dL = 1"],
        ["dL/dd += dL/dL · ∂L/∂d = 1 × (−2) = −2", "where ∂L/∂d = f = −2, since L = d × f"],
        ["dL/df += dL/dL · ∂L/∂f = 1 × 4 = 4", "where ∂L/∂f = d = 4, since L = d × f"],
        ["dL/de += dL/dd · ∂d/∂e = −2 × 1 = −2", "where ∂d/∂e = 1, since d = e + c"],
        ["dL/dc += dL/dd · ∂d/∂c = −2 × 1 = −2", "where ∂d/∂c = 1, since d = e + c"],
        ["dL/da += dL/de · ∂e/∂a = −2 × (−3) = 6", "where ∂e/∂a = b = −3, since e = a × b"],
        ["dL/db += dL/de · ∂e/∂b = −2 × 2 = −4", "where ∂e/∂b = a = 2, since e = a × b"],
        [],
    ]
    gradients = {"a": "6", "b": "−4", "c": "−2", "d": "−2", "e": "−2", "f": "4", "L": "1"}
    assert {name: gradient for name, (_, gradient) in cards(page).items()} == gradients
    confirmed = "raise a by 0.001, and L goes from −8 to −7.994: it rises 6 times as fast."
    assert confirmed in details(page, 0).replace("\u2009", " ")
    page.locator("#slider").fill("9")
    assert page.locator(".line.backward").count() == 1
    assert page.locator(".note").text_content() == "× −3"
    assert page.locator(".active .name").text_content() == "e"
    assert page.locator(".receiving .name").text_content() == "a"
    page.locator("#slider").fill("1")
    assert page.locator(".line.forward").count() == 2
    assert page.locator(".note").count() == 0


def test_contributions_to_a_shared_node_add_up_one_by_one(opened):
    x = Value(3.0, "x")
    page = opened(named(y=x * x + x))
    told = walk(page, lambda page: (story(page), cards(page)["x"][1]))
    shares = [(re.search(r"^dy/dx \+= (.*)", text, re.M), total) for text, total in told]
    assert [(share[1], total) for share, total in shares if share] == [
        ("dy/dy · ∂y/∂x = 1 × 1 = 1", "1 + …"),
        ("dy/dv1 · ∂v1/∂(1st x) = 1 × 3 = 3, now 1 + 3 = 4", "4 + …"),
        ("dy/dv1 · ∂v1/∂(2nd x) = 1 × 3 = 3, now 4 + 3 = 7", "7"),
    ]


def test_derivative_along_one_arrow_and_along_all_have_symbols_of_their_own(opened):
    x = Value(3.0, "x")
    y = x * x
    z = y + x
    page = opened(named(y=y, z=z, L=y * z))
    told = walk(page)
    (arrow,) = (step for step in told if "dL/dy += dL/dL" in step)
    sentence = "If y rises a little, then through this arrow alone L rises 12 times as fast"
    assert f"{sentence}: that is this arrow’s share of the gradient." in arrow
    assert "where ∂L/∂y = z = 12" in arrow
    details(page, 1)
    assert page.locator("#details tfoot").inner_text().split() == ["dL/dy", "=", "21"]
    # One symbol, one number: in no step, nor in the panels, does a symbol stand for two.
    said = {}
    for line in "\n".join([*(details(page, node) for node in range(4)), *told]).splitlines():
        for symbol, number in re.findall(r"^where (∂.*?)(?: = [^=,]+)? = ([−\d.]+),", line):
            said.setdefault(symbol, set()).add(number)
    assert said == {
        "∂L/∂y": {"12"}, "∂L/∂z": {"9"}, "∂z/∂y": {"1"}, "∂z/∂x": {"1"}, "∂y/∂(1st x)": {"3"}, "∂y/∂(2nd x)": {"3"},
    }  # fmt: skip


RATES = {
    1.0: "rises just as fast", -1.0: "falls just as fast", 2.0: "rises twice as fast", -2.0: "falls twice as fast",
    -0.25: "falls 0.25 times as fast", 3.5: "rises 3.5 times as fast", 0.0: "does not change",
    0.5: "rises half as fast", 1 / 3: "rises about 0.333 times as fast", 1.0001001: "rises about as fast",
    0.01: "rises 100 times more slowly", 0.0001001: "rises about 10,000 times more slowly",
    -3e-9: "falls about 330 million times more slowly", -12345.6: "falls about 12,300 times as fast",
    2.5e13: "rises 25 trillion times as fast",
}  # fmt: skip


def test_rates_are_told_in_words(opened):
    page = opened(together([Value(1.5, f"x{i}") * Constant(slope) for i, slope in enumerate(RATES)]))
    nodes = ids(page)
    for i, said in enumerate(RATES.values()):
        place(page, nodes[f"y{i}"])
        assert f"If x{i} rises a little, then through this arrow alone y{i} {said}, and if y{i} rises" in story(page)


NEGATIVE = [  # of x, and what is told of it
    (lambda x: x * -3.0, "x × (−3) = 2 × (−3) = −6"), (lambda x: x + -3.0, "x + (−3) = 2 + (−3) = −1"),
    (lambda x: x - -3.0, "x − (−3) = 2 − (−3) = 5"), (lambda x: -3.0 * x, "−3 × x = −3 × 2 = −6"),
    (lambda x: (-3.0) ** x, "(−3)^x = (−3)^2 = 9"),
    (lambda x: ad.maximum(x, -3.0), "maximum(x, −3) = maximum(2, −3) = 2"),
]  # fmt: skip


def test_negative_constant_is_in_parentheses_where_it_follows_an_operator(opened):
    x = Value(2.0, "x")
    page = opened(together([make(x) for make, _ in NEGATIVE]))
    told = "\n".join(walk(page)).splitlines()
    for number, (_, formula) in enumerate(NEGATIVE):
        assert f"y{number} = {formula}" in told


def test_operand_used_twice_has_two_lines_and_each_step_marks_one(opened):
    x = Value(3.0, "x")
    page = opened(x * x)
    marked = []
    for step in (3, 4):
        page.locator("#slider").fill(str(step))
        marked.append(page.evaluate("view.arranged.lines.map(line => line.element.classList.contains('backward'))"))
    assert marked == [[True, False], [False, True]]
    assert page.evaluate("new Set(view.arranged.lines.map(line => line.points.join())).size") == 2


def test_formula_of_many_operands_is_shortened(opened):
    page = opened(ad.dot([Value(1.0, f"w{k}") for k in range(20)], [Value(2.0, f"x{k}") for k in range(20)]))
    page.locator("#next").click()
    assert "v1 = w0 × x0 + w1 × x1 + … + w19 × x19 = 1 × 2 + 1 × 2 + … + 1 × 2 = 40" in story(page)


def test_name_ends_before_the_sign_of_its_card(opened):
    page = opened(Value(1.0, "temperature of the outer wall") * Value(2.0, "WWWWWWWWWWWWWWWWWWWWWWWW"))
    ends = """[...document.querySelectorAll(".item.leaf")].map(card =>
        [".name", ".handle"].map(part => card.querySelector(part).getBoundingClientRect()))
        .map(([name, handle]) => [name.right, handle.left])"""
    assert all(name <= handle + 1 for name, handle in page.evaluate(ends))


def test_local_derivative_covers_no_card(opened):
    page = opened(MLP(2, [2, 1], activation="tanh", seed=3)([Value(1.0, "x1"), Value(-2.0, "x2")]) ** 2)
    page.evaluate(EVERYTHING_OPEN)
    covered = page.evaluate("""view.plan.steps.map((_, step) => {
      view.go(step);
      const box = (element) => element.getBoundingClientRect();
      const note = document.querySelector(".note rect");
      if (!note) return null;
      const n = box(note);
      const meets = (c) => n.left < c.right && c.left < n.right && n.top < c.bottom && c.top < n.bottom;
      return [...document.querySelectorAll(".item .card")].filter((card) => meets(box(card))).length;
    })""")
    assert covered.count(0) > 10
    assert set(covered) == {None, 0}


# Where a gradient comes from


def test_chosen_number_shows_the_sum_over_children_and_the_paths(opened):
    x = Value(0.5, "x")
    page = opened(named(y=sin(x) * x))
    page.locator("[data-key=n0]").click()
    assert "(not yet)" in details(page)
    page.keyboard.press("End")
    text = details(page)
    assert "(not yet)" not in text
    assert "It is used 2 times: the shares add up" in text
    panel = page.locator("#details")
    rows = [row.inner_text().replace("\t", " ") for row in panel.locator("tbody tr:not(.why)").all()]
    assert rows == ["dy/dv1 · ∂v1/∂x = 0.5 × 0.8776 = 0.4388", "dy/dy · ∂y/∂x = 1 × 0.4794 = 0.4794"]
    assert "where ∂v1/∂x = cos(x) = cos(0.5) = 0.8776, since v1 = sin(x)" in text
    assert panel.locator("tfoot").inner_text().split() == ["dy/dx", "=", "0.9182"]
    ways = [way.inner_text().replace("\n", " ") for way in panel.locator(".ways li").all()]
    assert ways == ["x → v1 → y 0.8776 × 0.5 = 0.4388", "x → y 0.4794"]
    panel.locator(".path").first.hover()
    assert page.locator(".line.backward").count() == 2


KINKS = [  # a function, where it has a kink, its slopes below and above, and the one that is taken
    (relu, 0.0, (0, 1), 0), (ad.abs, 0.0, (-1, 1), 0), (ad.leaky_relu, 0.0, (0.01, 1), 0.01),
    (lambda x: ad.elu(x, 0.5), 0.0, (0.5, 1), 0.5), (lambda x: ad.maximum(x, 2.0), 2.0, (0, 1), 0.5),
    (lambda x: ad.minimum(3.0, x), 3.0, (1, 0), 0.5),
]  # fmt: skip


def at_each_edge(opened, edges):
    """The page of a graph of functions y0, y1, ... of x0, x1, ... at their edges, at the step through each of them."""
    made = [named(**{f"y{i}": f(Value(at, f"x{i}"))}) for i, (f, at, *_) in enumerate(edges)]
    page = opened(named(L=together([y * -2.0 for y in made], "z")))
    nodes = ids(page)
    for i, edge in enumerate(edges):
        x, y = nodes[f"x{i}"], nodes[f"y{i}"]
        place(page, y, page.evaluate(f"view.graph.nodes[{y}].parents.indexOf({x})"))
        yield page, i, x, edge


def test_kink_has_two_slopes_and_it_is_said_which_is_taken_and_kinks_that_cancel_are_none(opened):
    for page, i, x, (_, at, slopes, taken) in at_each_edge(opened, KINKS):
        below, above, number = (f"{n:g}".replace("-", "−") for n in (*slopes, taken))
        said = f"Here y{i} has a kink: two slopes, {below} where x{i} is a little smaller, and {above} where it is a "
        assert f"{said}little larger. By convention {number} is taken" in story(page)
        assert f"x{i} rises a little" not in story(page)
        nudge = details(page, x)
        gradient = f"{-2 * taken:g}".replace("-", "−")
        convention = f"with two slopes: by convention the gradient is {gradient}."
        assert f"There is a kink on the way, at y{i}, {convention}" in nudge
        assert f"raise x{i} by 0.001" in nudge
        assert "Lower it by as much" in nudge
        fill(page, f"x{i}", at + 0.5)
        assert "kink" not in page.locator("#panel").inner_text() + story(page)
    x = Value(0.0, "x")
    page = opened(relu(x) - relu(-x))  # which is x
    page.locator(".node.leaf").click()
    assert "kink" not in page.locator(".nudge").inner_text()


JUMPS = [  # a function, where it jumps, what is said of that, and the derivative that is taken
    (ad.ceil, 2.0, "from 2 to 3 where x0 is a little larger", 0),
    (ad.floor, 2.0, "from 2 to 1 where x1 is a little smaller", 0),
    (ad.sign, 0.0, "from 0 to −1 where x2 is a little smaller, and to 1 where it is a little larger", 0),
    (lambda x: x % 3.0, 6.0, "from 0 to 3 where x3 is a little smaller", 1),
    (lambda x: 6.0 % x, 3.0, "from 0 to 3 where x4 is a little larger", -2),
    (lambda x: x // -3.0, 6.0, "from −2 to −3 where x5 is a little larger", 0),
    (lambda x: ad.atan2(0.0, x), 0.0, "from 0 to 3.142 where x6 is a little smaller", 0),
    (lambda x: where(x, 1, 3), 0, "from 3 to 1 where x7 is a little smaller, and to 1 where it is a little larger", 0),
]  # fmt: skip


def test_jump_is_told_and_which_derivative_is_taken(opened):
    for page, i, x, (_, at, jump, taken) in at_each_edge(opened, JUMPS):
        number, gradient = (f"{n + 0:g}".replace("-", "−") for n in (taken, -2 * taken))
        assert f"Here y{i} jumps: {jump}. By convention {number} is taken" in story(page)
        nudge = details(page, x)
        assert f"There is a jump on the way, at y{i}: by convention the gradient is {gradient}." in nudge
        assert ": it jumps." in nudge
        fill(page, f"x{i}", at + 0.5)
        assert "jump" not in page.locator("#panel").inner_text() + story(page)


def test_formula_with_a_pole_is_no_equation_and_what_reads_the_same_is_said_once(opened):
    zero = lambda: Value(0.0, "x")
    beside = "Here v1 has no value where x is a little smaller, or larger. By convention 0 is taken"
    for root, *told in [
        (ad.xlogy(zero(), 0.0), "= log(0), taken as 0, since", beside),
        (Constant(0.0) ** Value(1.0, "p"), "= 0^p × log(0) = 0^1 × log(0), taken as 0, since"),
        (ad.atan2(zero(), 0.0), "= 0 / hypot(0, x) / hypot(x, 0) = 0 / hypot(0, 0) / hypot(0, 0), taken as 0, since"),
        (Value(3.0, "x") / 8.0, "∂v1/∂x = 1 / 8 = 0.125, since"), (Value(3.0, "x") * 8.0, "∂v1/∂x = 8, since"),
    ]:  # fmt: skip
        page = opened(root)
        page.evaluate("view.go(view.plan.steps.findIndex(step => step.kind === 'backward'))")
        assert all(words in story(page) for words in told), told
        assert "∞" not in story(page)


def test_network_at_the_kinks_of_its_neurons_says_so_at_each(opened):
    page = opened(hinge([MLP(2, [4, 1], seed=1)([0.0, 0.0])], [-1]))  # an example of exclusive or
    page.evaluate(EVERYTHING_OPEN)
    steps = page.evaluate(
        "view.plan.steps.flatMap((step, k) => step.kind === 'backward' && step.k !== undefined && "
        "view.graph.model.ops[view.graph.nodes[step.node].op].name === 'relu' ? [k] : [])"
    )
    told = []
    for step in steps:
        page.evaluate(f"view.go({step})")
        told.append("has a kink: two slopes, 0 where" in story(page) and "By convention 0 is taken" in story(page))
    assert told == [False, True, True, True, True]  # that of hinge is at 1, those of the neurons at 0


def test_many_paths_are_counted_rather_than_listed_and_one_of_a_thousand_arrows_is_not_spelled_out(opened):
    y = Value(0.9, "x")
    for _ in range(30):
        y = y * y
    page = opened(y)
    assert "All 1,073,741,824 paths lead from here" in details(page, 0)
    assert page.locator(".ways").count() == 0
    y = Value(0.5, "x")
    for _ in range(200):
        with scope("step"):
            for _ in range(5):
                y = sin(y)
    told = details(opened(y), 0)
    assert "Along its one path of 1,000 arrows, factor by factor" in told
    assert "… 953 factors more …" in told
    assert len(told) < 5000


def layered(activation, sizes):
    model = MLP(2, sizes, activation, seed=1)
    return hinge([model([Value(0.5, "x1"), Value(-1.0, "x2")])], [-1])


STRONGEST = """() => {
    const { graph } = view;
    const size = edges => Math.abs(view.product(edges));
    return graph.nodes.filter(node => node.kind === "leaf").map(({ id }) =>
        [size(graph.strongestWay(id)), Math.max(...graph.waysFrom(id).map(size))]);
}"""


def test_strongest_path_is_that_of_the_largest_product(opened):
    losses = [layered(activation, [4, 3, 3, 1]) for activation in ("sigmoid", "tanh", "relu")]
    found = opened(ad.fsum(losses)).evaluate(STRONGEST)
    assert len(found) > 120
    for strongest, largest in found:
        assert strongest == pytest.approx(largest, rel=1e-12, abs=0.0)


def test_of_many_paths_the_strongest_is_told_factor_by_factor(opened):
    page = opened(layered("sigmoid", [4, 4, 4, 1]))
    weight = page.evaluate("""() => {
        const weights = view.graph.nodes.filter(node => node.kind === "leaf" && node.name.startsWith("w"));
        return weights.findLast(({ id }) => view.graph.paths[id] === 16).id; }""")
    told = details(page, weight)
    assert "The strongest of its 16 paths, factor by factor" in told
    reason = r"Why it is so small: the 3 slopes of sigmoid, each at most 0\.25, multiply to [\d.e−]+; "
    assert re.search(reason + r"the \d other factors, weights and inputs, multiply to [\d.e−]+\.", told)
    assert re.search(r"this one brings \d+ % of that", told)
    rows = page.locator(".factors tbody tr").all_inner_texts()
    assert any(re.search(r"= (\S+) × \(1 − \1\)", row) for row in rows)  # where a slope comes from
    factors = [float(row.rsplit("× ", 1)[1].strip("()").replace("−", "-")) for row in rows]
    product = float(page.locator(".factors tfoot").inner_text().rsplit("= ", 1)[1].replace("−", "-"))
    found = page.evaluate(f"view.product(view.graph.strongestWay({weight}))")
    assert [product, found] == pytest.approx([math.prod(factors)] * 2, rel=0.01)


def test_zero_on_every_path_is_named(opened):
    y = Value(0.5, "x")
    for _ in range(3):  # eight paths, and relu of a number below 0 behind all of them
        y = y + y
    told = details(opened(named(z=relu(y - 9.0))), 0)
    assert "Nothing comes through here. One factor is 0: while v4 changes a little, z does not." in told
    assert "x by 0.001, and z stays at 0: it does not change." in told


def test_steepest_slope_of_a_function_is_known_where_there_is_one(opened):
    steepest = [(ad.sigmoid, 0.25), (tanh, 1.0), (relu, 1.0), (ad.exp, math.inf), (lambda x: x**2, math.inf)]
    x = Value(0.7, "x")
    page = opened(together([f(x) for f, _ in steepest]))
    for i, (_, slope) in enumerate(steepest):
        found = page.evaluate(f"String(view.graph.steepest({ids(page)[f'y{i}']}))")
        assert float(found) == pytest.approx(slope, rel=1e-3)


# Changing numbers


def formula(a, b, c):
    y = tanh(a * b + ad.exp(c)) / (1.0 + ad.sqrt(a) * ad.log(b)) + (a - c) ** 3
    return y + ad.logsumexp([a, b, c]) * ad.dot([a, b], [c, a])


def test_page_recomputes_what_python_computes(opened):
    leaves = [Value(0.7, "a"), Value(1.9, "b"), Value(-0.4, "c")]
    page = opened(formula(*leaves))
    before = numbers(page)
    assert page.locator("#reset").is_disabled()
    for changed in ({}, {"a": 1.3}, {"b": 0.25, "c": 2.5}, {"a": 7.0}):
        for leaf in leaves:
            if leaf.label in changed:
                leaf.data = changed[leaf.label]
                fill(page, leaf.label, leaf.data)
        assert_same_numbers(numbers(page), in_python(formula(*leaves)))
    page.locator("#reset").click()
    assert numbers(page) == before
    assert page.get_by_label("Value of a", exact=True).input_value() == "0.7"


def test_leaf_is_changed_by_a_number_in_its_field_its_slider_or_keys_and_so_is_what_is_shown(opened, example):
    page = opened(example)
    page.keyboard.press("End")
    fill(page, "b", 5)
    assert cards(page)["L"] == ("−40", "1")
    assert cards(page)["a"] == ("2", "−10")
    page.locator("#slider").fill("2")
    assert cards(page)["d"] == ("20", "not yet")
    page.locator("#slider").fill("0")
    slide, field = (page.get_by_label(f"{name} a", exact=True) for name in ("Slide", "Value of"))
    given = lambda: page.evaluate("view.graph.given[0]")
    slide.fill("-1.5")
    assert (given(), field.input_value()) == (-1.5, "-1.5")
    page.locator("#reset").click()
    for key, number in (("ArrowRight", 2.05), ("ArrowLeft", 2)):
        slide.press(key)
        assert given() == number
    assert position(page) == 0  # the keys are the slider's
    field.fill("")
    for typed, number in (("", 2), ("-", 2), ("1.5", -1.5)):
        field.press_sequentially(typed)
        assert given() == number
    field.press("Enter")
    for typed, kept in {"": -1.5, "1e400": -1.5, "1e": -1.5, "x": -1.5, "1,5": 1.5}.items():
        field.fill("5")
        field.fill("")
        field.press_sequentially(typed)
        field.press("Enter")
        assert (float(field.input_value()), given()) == (kept, kept)


@pytest.mark.parametrize(
    ("number", "step"),
    {4e-21: 1e-22, -3e-9: 5e-11, 0.05: 1e-3, 0.3: 5e-3, 1e20: 2e18, 1e-310: 2e-312, 0.0: 0.01}.items(),
)
def test_keys_and_drags_change_a_number_by_a_part_of_its_size(opened, number, step):
    page = opened(Value(number, "x") * 2.0)
    given = lambda: page.evaluate("view.graph.given[0]")
    slide = page.get_by_label("Slide x", exact=True)
    for key, times in (("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowDown", -1), ("ArrowUp", 0)):
        slide.press(key)
        assert given() == pytest.approx(number + times * step, rel=1e-11)
    page.evaluate("view.assign(0, 0)")
    box = page.locator(".node.leaf").first.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 26, box["y"] + 10, steps=3)
    page.mouse.up()
    assert given() == pytest.approx(2.0 * step, rel=1e-11)


@pytest.mark.parametrize(
    ("number", "typed", "step"),
    [(0.0, 1e-9, 2e-11), (2.0, 1e6, 2e4), (math.inf, 3.0, 0.05), (-math.inf, 1e-310, 2e-312), (math.inf, 0.0, 0.01)],
)
def test_keys_change_a_number_that_was_typed_by_a_part_of_its_size(opened, number, typed, step):
    page = opened(Value(number, "x") * 2.0)
    fill(page, "x", typed)
    slide = page.get_by_label("Slide x", exact=True)
    for key, times in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowLeft", 0), ("ArrowDown", -1)):
        slide.press(key)
        assert page.evaluate("view.graph.given[0]") == pytest.approx(typed + times * step, rel=1e-11, abs=1e-11 * step)


def test_keys_begin_with_the_slider_where_a_number_is_infinite(opened):
    page = opened(Value(math.inf, "x") * 2.0)
    page.get_by_label("Slide x", exact=True).press("ArrowRight")
    assert 0.0 < page.evaluate("view.graph.given[0]") < 10.0


def test_change_of_the_smallest_numbers_is_told(opened):
    told = details(opened(named(z=Value(1e-310, "x") * Value(3.0, "w"))), 0)
    assert "raise x by 1e−313, and z goes from 3e-310 to 3.003e-310".replace("e-", "e−") in told


def test_constants_and_inputs_change_like_weights_and_look_it(opened):
    page = opened(Value(2.0, "x") * Constant(3.0, "scale"))
    page.locator(".node.constant").click()
    fill(page, "scale", 5)
    assert numbers(page)[0] == [2, 5, 10]
    assert "A constant takes no gradient" in details(page)
    model = MLP(2, [4, 1], activation="tanh", seed=1)
    page = opened(model([1.0, 2.0]))
    assert page.locator(".field").count() == 2  # the two inputs, which are constants
    assert page.locator(".item.constant .handle").count() == 2
    before = page.evaluate("view.graph.values.at(-1)")
    box = page.locator(".item.constant").first.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 10, steps=5)
    page.mouse.up()
    after = page.evaluate("view.graph.values.at(-1)")
    inputs = page.evaluate("view.graph.nodes.filter(n => n.kind === 'constant').map(n => view.graph.given[n.id])")
    assert after != before
    assert after == pytest.approx(model(inputs).data, rel=1e-13)


MESSAGES = [  # a function of x, a number, and what is said of it there; none: what Python says
    (lambda x: ad.log(x - 3.0), 2.0, "log is defined for v1 > 0, got v1 = -1.0"),
    (lambda x: ad.sqrt(x - 3.0), 2.0, "sqrt is defined for v1 >= 0, got v1 = -1.0"),
    (lambda x: x / (x - 1.0), 1.0, "x / v1 is defined for v1 != 0, got x = 1.0, v1 = 0.0"),
    (lambda x: 1.0 / x, 0.0, "1.0 / x is defined for x != 0, got x = 0.0"),
    (lambda x: ad.exp(x - 5.0), 1005.0, "exp(v1) is too large for a float, got v1 = 1000.0"),
    (lambda x: (x - 4.0) ** 0.5, 0.0, "v1 ** 0.5 is defined for v1 >= 0, got v1 = -4.0"),
    (lambda x: (-1.0) ** x, 0.5, "(-1.0) ** x is defined for (-1.0) > 0 or (-1.0) == 0 <= x or (-1.0) < 0 and x % 1"),
    *[(ad.exp, 1000.0, None), (lambda x: x**0.5, -4.0, None), (lambda x: x**7, 1e300, None)],
    *[(lambda x: x**-2, 0.0, None), (ad.sqrt, -1e-9, None)],
]


def test_message_is_that_of_python_and_calls_the_operands_by_their_names_in_the_graph(opened):
    leaves = [Value(5.0, f"x{i}") for i in range(len(MESSAGES))]
    page = opened(together([make(x) for x, (make, *_) in zip(leaves, MESSAGES, strict=True)]))
    for i, (make, value, message) in enumerate(MESSAGES):
        if message is None:
            with pytest.raises((ValueError, ArithmeticError)) as raised:
                make(Value(value))
            message = str(raised.value)
        details(page, ids(page)[f"x{i}"])  # which shows its field
        fill(page, f"x{i}", value)
        # Nodes without a label are v1, v2, ... in the whole graph; here each message names one of them at most.
        said = re.sub(r"\bv\d+\b", "v1", problem(page).replace(f"x{i}", "x"))
        assert message in said
        page.locator("#undo").click()
        assert problem(page) == ""


def test_number_outside_a_domain_is_pythons_message_and_not_a_nan(opened):
    x, k = Value(2.0, "x"), Value(3.0, "k")
    page = opened(named(y=ad.log(x) * 2.0 + k * k))
    page.keyboard.press("End")
    fill(page, "x", -1)
    with pytest.raises(ValueError, match="log is defined") as raised:
        ad.log(-1.0)
    assert str(raised.value) in problem(page)
    assert "NaN" not in page.locator("body").inner_text()
    assert cards(page)["y"][0] == "—"
    assert "9" in {data for data, *_ in cards(page).values()}  # k * k is still shown
    assert page.locator(".failed").count() == 1
    assert "The computation stops here" in story(page)
    page.locator("#undo").click()
    assert problem(page) == ""
    assert page.evaluate("view.graph.given[0]") == 2
    assert position(page) == last(page)  # and the walk is where it was


def test_infinity_that_python_lets_pass_is_shown(opened):
    page = opened(Value(1.0, "x") * 1e300 * 1e5)
    fill(page, "x", 1e10)
    assert problem(page) == ""
    page.locator("#last").click()
    assert "∞" in {data for data, *_ in cards(page).values()}


def odd_graphs():
    x, y = Value(0.7, "x"), Value(1.3, "x")  # two of one name
    z = Value(-2.0, "z")
    curve = sin(x * y) / ad.sqrt(x) + x**y + ad.hypot(x, y) + ad.cbrt(x)
    return {
        "leaf": Value(3.0, "x"),
        "leaf without a label": Value(3.0),
        "constant": Constant(3.0),
        "constants only": Constant(3.0) * 2.0,
        "two leaves of one name": x * y + x,
        "branch": ad.where(z < 0.0, x, y) + ad.maximum(x, y) + abs(z) + relu(z),
        "detached": (x * y).detach() * x,
        "derivative": ad.gradients(curve, [x], create_graph=True)[0],
        "infinite": Value(math.inf, "x") + 1.0,
        "not a number": Value(math.nan, "x") * 2.0,
        "long label": Value(1.0, "x" * 300) * 2.0,
        "minus": -(x - z) - (-z * -2.0) ** 3 / -z,
    }


@pytest.mark.parametrize("name", odd_graphs())
def test_odd_graphs_are_walked_like_others(name, opened):
    root = odd_graphs()[name]
    page = opened(root)
    for _ in range(last(page) + 1):
        page.keyboard.press("ArrowRight")
    assert "Done" in story(page)
    texts = page.locator("body").inner_text()
    assert not re.search(r"\[object|NaN", texts)
    values, gradients = numbers(page)
    assert values == pytest.approx(in_python(root)[0], rel=1e-13, nan_ok=True)
    for node, found in zip(topological_order(root), gradients, strict=True):
        assert type(node) is Constant or found == pytest.approx(node.grad, rel=1e-12, nan_ok=True)


# Choices by a plain bool, whose condition no graph holds

MADE = {
    "of numbers": lambda x, w: where(x > 0.0, x * x, -x),
    "of functions": lambda x, w: where(x > 0.0, lambda: x * x, lambda: -x),
    "by a number that it does not hold": lambda x, w: where(x > 0.0, lambda: w, lambda: -w) + x,
    "of which a side has no value there": lambda x, w: where(x > 0.0, lambda: log(x), 0.0),
    "beside another one, in other operations": lambda x, w: exp(where(x > 0.0, sin(x), 0.0)) * where(x > 0.0, w, x),
}


@pytest.mark.parametrize("name", MADE)
def test_side_that_was_chosen_when_the_graph_was_built_is_not_kept_to_at_other_numbers(name, opened):
    x, w = Value(2.0, "x"), Value(3.0, "w")
    root = MADE[name](x, w) * w
    page = opened(root)
    assert_same_numbers(numbers(page), in_python(root))
    for label, value in (("x", -3), ("w", 4)):
        fill(page, label, value)
        assert "where got a plain bool or number, such as that of x > 0, when this graph was built" in problem(page)
        assert page.evaluate("[view.graph.values[view.graph.root] ?? null, view.graph.gradients]") == [None, None]
        page.locator("#reset").click()
        assert problem(page) == ""
        assert_same_numbers(numbers(page), in_python(root))
        assert "Try it" not in details(page, topological_order(root).index(x))  # which would raise x


def test_condition_of_a_choice_between_two_numbers_can_be_changed_itself(opened):
    x = Value(2.0, "x")
    page = opened(where(x > 0.0, x * x, -x))
    fill(page, "1", 0)
    assert problem(page) == ""
    assert numbers(page) == [[0, 2, 4, -2, -2], [0, -1, 0, 1, 1]]


# Own operations


def test_own_operation_that_runs_on_symbols_is_recomputed_and_one_in_plain_python_says_so(opened):
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    x = Value(2.0, "x")
    page = opened(cube(x) + x)
    fill(page, "x", 5)
    assert numbers(page) == [[5, 125, 130], [76, 1, 1]]
    gaussian = operation("gaussian", lambda x: math.exp(-x * x), lambda y, x: -2 * x * y)
    x, k = Value(1.0, "x"), Value(2.0, "k")
    y = gaussian(x) * k + k * k
    page = opened(y)
    page.locator("#last").click()
    assert_same_numbers(numbers(page), in_python(y))
    fill(page, "k", 3)  # which it does not depend on
    assert problem(page) == ""
    assert numbers(page)[1][0] == pytest.approx(-2 * math.exp(-1) * 3)
    fill(page, "x", 2)
    said = "gaussian is an operation of the author's own, written in Python, which this page cannot run"
    assert said in problem(page)
    assert "9" in {data for data, *_ in cards(page).values()}
    page.locator("#reset").click()
    assert problem(page) == ""


@pytest.mark.parametrize(
    ("y", "at", "told"),
    [
        (lambda a: ad.digamma(a + 1e-310), 0.0, "from −∞ to −1001"),
        (lambda a: a * 1.01, 1.797e308, "from ∞ to ∞"),
    ],
)
def test_result_that_is_infinite_is_told_as_it_is(opened, y, at, told):
    assert told in details(opened(named(y=y(Value(at, "a")))), 0)
