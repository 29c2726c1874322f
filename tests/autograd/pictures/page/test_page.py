"""The page in a real browser: walking, changing numbers, folding, the keyboard, colours, and that it is safe.

The fixture `opened` adds to every test that nothing was written to the console and that no request left the page.
"""

import math
import re

import pytest

from autograd import (
    Constant,
    Value,
    cbrt,
    dot,
    elu,
    exp,
    explore,
    gradients,
    hypot,
    leaky_relu,
    log,
    logsumexp,
    maximum,
    minimum,
    operation,
    relu,
    scope,
    sigmoid,
    sin,
    sqrt,
    tanh,
    where,
)
from autograd.engine.chain import topological_order
from nn import MLP, hinge
from tests.pages import wait_until


def cards(page):
    """What the cards of the picture show, by name: data, and gradient."""
    found = page.evaluate(
        "[...document.querySelectorAll('.item.node')].map(card => "
        "[card.querySelector('.name')?.textContent, ...[...card.querySelectorAll('.figure')].map(f => f.textContent)])"
    )
    return {name: tuple(figures) for name, *figures in found}


def story(page):
    return page.locator("#story").inner_text().replace("\u2009", " ")


def position(page):
    return int(page.locator("#slider").input_value())


def last(page):
    return int(page.locator("#slider").get_attribute("max"))


def numbers(page):
    """The values and gradients that the page has computed, in sorted order, in full precision."""
    return page.evaluate("[view.graph.values, view.graph.gradients]")


def fill(page, label, value):
    page.get_by_label(f"Value of {label}", exact=True).fill(str(value))


def in_python(root):
    root.zero_grad()
    root.backward()
    order = topological_order(root)
    return [[node.data for node in order], [node.grad for node in order]]


def assert_same_numbers(found, wanted, tolerance=1e-13):
    for some, others in zip(found, wanted, strict=True):
        assert some == pytest.approx(others, rel=tolerance, abs=1e-300)


# Walking


def test_page_begins_with_the_leaves_and_nothing_else(opened, example):
    page = opened(example)
    assert cards(page) == {
        "a": ("2", "not yet"),
        "b": ("−3", "not yet"),
        "c": ("10", "not yet"),
        "f": ("−2", "not yet"),
        "e": ("?", "not yet"),
        "d": ("?", "not yet"),
        "L": ("?", "not yet"),
    }
    assert page.locator("h1").inner_text() == "L = (a × b + c) × f"
    assert page.title() == "The gradient of L"


def test_steps_go_forward_and_then_backward_with_symbols_and_numbers(opened, example):
    page = opened(example)
    told = []
    for _ in range(last(page)):
        page.locator("#next").click()
        told.append([line for line in story(page).splitlines() if "=" in line])
    assert told == [
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
    assert {name: grad for name, (_, grad) in cards(page).items()} == {
        "a": "6", "b": "−4", "c": "−2", "d": "−2", "e": "−2", "f": "4", "L": "1",
    }  # fmt: skip


def test_contributions_to_a_shared_node_add_up_one_by_one(opened):
    x = Value(3.0, "x")
    y = x * x + x
    y.label = "y"
    page = opened(y)
    told = []
    for _ in range(last(page)):
        page.locator("#next").click()
        if "dy/dx +=" in story(page):
            equation = next(line for line in story(page).splitlines() if "+=" in line)
            told.append((equation.removeprefix("dy/dx += "), cards(page)["x"][1]))
    assert told == [
        ("dy/dy · ∂y/∂x = 1 × 1 = 1", "1 + …"),
        ("dy/dv1 · ∂v1/∂(1st x) = 1 × 3 = 3, now 1 + 3 = 4", "4 + …"),
        ("dy/dv1 · ∂v1/∂(2nd x) = 1 × 3 = 3, now 4 + 3 = 7", "7"),
    ]


def test_derivative_along_one_arrow_and_along_all_have_symbols_of_their_own(opened):
    x = Value(3.0, "x")
    y = x * x
    z = y + x
    L = y * z
    y.label, z.label, L.label = "y", "z", "L"
    page = opened(L)
    told = []
    for _ in range(last(page)):
        page.locator("#next").click()
        told.append(story(page))
    (arrow,) = (step for step in told if "dL/dy += dL/dL" in step)
    assert "If y rises a little, then through this arrow alone L rises 12 times as fast" in arrow
    assert "where ∂L/∂y = z = 12" in arrow
    page.locator("[data-key=n1]").click()
    assert page.locator("#details tfoot").inner_text().split() == ["dL/dy", "=", "21"]
    # One symbol, one number: in no step, nor in the panels, does a symbol stand for two.
    panels = []
    for node in page.locator(".item.node").all():
        node.click()
        panels += page.locator("#details").inner_text().splitlines()
    said = {}
    for line in panels + "\n".join(told).splitlines():
        for symbol, number in re.findall(r"^where (∂.*?)(?: = [^=,]+)? = ([−\d.]+),", line):
            said.setdefault(symbol, set()).add(number)
    assert said == {
        "∂L/∂y": {"12"}, "∂L/∂z": {"9"}, "∂z/∂y": {"1"}, "∂z/∂x": {"1"}, "∂y/∂(1st x)": {"3"}, "∂y/∂(2nd x)": {"3"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        (1.0, "rises just as fast"), (-1.0, "falls just as fast"), (2.0, "rises twice as fast"),
        (-2.0, "falls twice as fast"), (-0.25, "falls 0.25 times as fast"), (3.5, "rises 3.5 times as fast"),
        (0.0, "does not change"), (0.5, "rises half as fast"), (1 / 3, "rises about 0.333 times as fast"),
        (1.0001001, "rises about as fast"), (0.01, "rises 100 times more slowly"),
        (0.0001001, "rises about 10,000 times more slowly"), (-3e-9, "falls about 330 million times more slowly"),
        (-12345.6, "falls about 12,300 times as fast"), (2.5e13, "rises 25 trillion times as fast"),
    ],
)  # fmt: skip
def test_rates_are_told_in_words(slope, said, opened):
    x, k = Value(1.5, "x"), Constant(slope, "k")
    y = x * k
    y.label = "y"
    page = opened(y)
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert f"If x rises a little, then through this arrow alone y {said}: that is" in story(page)
    page.locator("[data-key=n0]").click()
    assert page.locator(".nudge").inner_text().endswith(f": it {said}.")


@pytest.mark.parametrize(
    ("f", "formula"),
    [
        (lambda x: x * -3.0, "y = x × (−3) = 2 × (−3) = −6"),
        (lambda x: x + -3.0, "y = x + (−3) = 2 + (−3) = −1"),
        (lambda x: x - -3.0, "y = x − (−3) = 2 − (−3) = 5"),
        (lambda x: -3.0 * x, "y = −3 × x = −3 × 2 = −6"),
        (lambda x: (-3.0) ** x, "y = (−3)^x = (−3)^2 = 9"),
        (lambda x: maximum(x, -3.0), "y = maximum(x, −3) = maximum(2, −3) = 2"),
    ],
)
def test_negative_constant_is_in_parentheses_where_it_follows_an_operator(f, formula, opened):
    y = f(Value(2.0, "x"))
    y.label = "y"
    page = opened(y)
    page.keyboard.press("ArrowRight")
    assert story(page).splitlines()[-1] == formula


def test_operand_used_twice_has_two_lines_and_each_step_marks_one(opened):
    x = Value(3.0, "x")
    page = opened(x * x)
    marked = []
    for place in (3, 4):
        page.locator("#slider").fill(str(place))
        marked.append(page.evaluate("view.arranged.lines.map(line => line.element.classList.contains('backward'))"))
    assert marked == [[True, False], [False, True]]
    assert page.evaluate("new Set(view.arranged.lines.map(line => line.points.join())).size") == 2


def test_formula_of_many_operands_is_shortened(opened):
    page = opened(dot([Value(1.0, f"w{k}") for k in range(20)], [Value(2.0, f"x{k}") for k in range(20)]))
    page.locator("#next").click()
    assert "v1 = w0 × x0 + w1 × x1 + … + w19 × x19 = 1 × 2 + 1 × 2 + … + 1 × 2 = 40" in story(page)


def test_buttons_and_slider_move_through_the_steps(opened, example):
    page = opened(example)
    assert page.locator("#back").is_disabled()
    page.locator("#last").click()
    assert position(page) == last(page) == 11
    assert page.locator("#next").is_disabled()
    page.locator("#back").click()
    assert position(page) == 10
    page.locator("#slider").fill("3")
    assert "L = d × f" in story(page)
    assert cards(page)["L"] == ("−8", "not yet")
    page.locator("#first").click()
    assert position(page) == 0
    assert cards(page)["L"] == ("?", "not yet")


def test_play_runs_to_the_end_and_can_be_paused(opened, example):
    page = opened(example)
    page.clock.install()
    page.locator("#speed").select_option("5")
    page.locator("#play").click()
    page.clock.run_for(1000)
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.locator("#play").click()
    paused = position(page)
    assert 0 < paused < last(page)
    page.clock.run_for(5000)
    assert position(page) == paused
    page.locator("#play").click()
    page.clock.run_for(20_000)
    assert position(page) == last(page)
    assert page.locator("#play").get_attribute("aria-label") == "Play"


def test_step_is_shown_as_long_as_its_words_take_and_as_the_speed_says(opened, example):
    page = opened(example)
    page.evaluate("view.go(1)")
    words, short = len(story(page).split()), page.evaluate("view.pause()")
    page.evaluate("view.go(8)")
    assert len(story(page).split()) > 1.5 * words
    assert page.evaluate("view.pause()") > 1.3 * short
    page.clock.install()
    found = {}
    for speed in ("0.5", "1", "5"):
        page.evaluate("view.go(0)")
        page.locator("#speed").select_option(speed)
        page.locator("#play").click()
        page.clock.run_for(25_000)
        found[speed] = position(page)
        if found[speed] < last(page):
            page.locator("#play").click()
    assert 0 < found["0.5"] < found["1"] < found["5"] == 11


def test_edge_of_a_step_is_marked_and_carries_its_local_derivative(opened, example):
    page = opened(example)
    page.locator("#slider").fill("9")
    assert page.locator(".line.backward").count() == 1
    assert page.locator(".note").text_content() == "× −3"
    assert page.locator(".active .name").text_content() == "e"
    assert page.locator(".receiving .name").text_content() == "a"
    page.locator("#slider").fill("1")
    assert page.locator(".line.forward").count() == 2
    assert page.locator(".note").count() == 0


def test_local_derivative_covers_no_card(opened):
    x = [Value(1.0, "x1"), Value(-2.0, "x2")]
    page = opened(MLP(2, [2, 1], activation="tanh", seed=3)(x) ** 2)
    closed = "view.plan.boxes.findIndex((_, i) => !view.plan.open.has(i))"
    page.evaluate(f"while (document.querySelector('.item.box')) view.toggle({closed})")
    covered = """() => {
      const box = (element) => element.getBoundingClientRect();
      const note = document.querySelector(".note rect");
      if (!note) return null;
      const n = box(note);
      const meets = (c) => n.left < c.right && c.left < n.right && n.top < c.bottom && c.top < n.bottom;
      return [...document.querySelectorAll(".item .card")].filter((card) => meets(box(card))).length;
    }"""
    found = []
    for step in range(last(page) + 1):
        page.evaluate(f"view.go({step})")
        found.append(page.evaluate(covered))
    assert found.count(0) > 10
    assert set(found) == {None, 0}


# Where a gradient comes from


def test_chosen_number_shows_the_sum_over_children_and_the_paths(opened):
    x = Value(0.5, "x")
    y = sin(x) * x
    y.label = "y"
    page = opened(y)
    page.locator("[data-key=n0]").click()
    details = page.locator("#details")
    assert "(not yet)" in details.inner_text()
    page.keyboard.press("End")
    text = details.inner_text()
    assert "(not yet)" not in text
    assert "It is used 2 times: the shares add up" in text
    rows = [row.inner_text().replace("\t", " ") for row in details.locator("tbody tr:not(.why)").all()]
    assert rows == [
        "dy/dv1 · ∂v1/∂x = 0.5 × 0.8776 = 0.4388",
        "dy/dy · ∂y/∂x = 1 × 0.4794 = 0.4794",
    ]
    assert "where ∂v1/∂x = cos(x) = cos(0.5) = 0.8776, since v1 = sin(x)" in text
    assert details.locator("tfoot").inner_text().split() == ["dy/dx", "=", "0.9182"]
    ways = [way.inner_text().replace("\n", " ") for way in details.locator(".ways li").all()]
    assert ways == ["x → v1 → y 0.8776 × 0.5 = 0.4388", "x → y 0.4794"]
    details.locator(".path").first.hover()
    assert page.locator(".line.backward").count() == 2


def test_nudge_of_a_leaf_confirms_its_gradient(opened, example):
    page = opened(example)
    page.locator("[data-key=n0]").click()
    assert (
        "raise a by 0.001, and L goes from −8 to −7.994: it rises 6 times as fast."
        in page.locator(".nudge").inner_text()
    )


KINKS = [
    (lambda x: relu(x), 0.0, (0, 1), 0),
    (lambda x: abs(x), 0.0, (-1, 1), 0),
    (lambda x: leaky_relu(x), 0.0, (0.01, 1), 0.01),
    (lambda x: elu(x, 0.5), 0.0, (0.5, 1), 0.5),
    (lambda x: maximum(x, 2.0), 2.0, (0, 1), 0.5),
    (lambda x: minimum(3.0, x), 3.0, (1, 0), 0.5),
]


@pytest.mark.parametrize(("f", "at", "slopes", "taken"), KINKS)
def test_kink_has_two_slopes_and_it_is_said_which_is_taken(f, at, slopes, taken, opened):
    x = Value(at, "x")
    y = f(x)
    y.label = "y"
    L = y * -2.0
    L.label = "L"
    page = opened(L)
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    below, above, number = (f"{n:g}".replace("-", "−") for n in (*slopes, taken))
    assert (
        f"Here y has a kink: two slopes, {below} where x is a little smaller, and {above} where it is a little larger. "
        f"By convention {number} is taken"
    ) in story(page)
    assert "x rises a little" not in story(page)
    page.locator(".node.leaf").click()
    nudge = page.locator(".nudge").inner_text()
    gradient = f"{-2 * taken:g}".replace("-", "−")
    assert f"There is a kink on the way, at y, with two slopes: by convention the gradient is {gradient}." in nudge
    assert "raise x by 0.001" in nudge
    assert "Lower it by as much" in nudge
    fill(page, "x", at + 0.5)
    assert "kink" not in page.locator("#panel").inner_text() + story(page)


def test_network_at_the_kinks_of_its_neurons_says_so_at_each(opened):
    page = opened(hinge([MLP(2, [4, 1], seed=1)([0.0, 0.0])], [-1]))  # an example of exclusive or
    page.evaluate("for (const box of view.plan.boxes) if (!view.plan.open.has(box.id)) view.toggle(box.id)")
    steps = page.evaluate(
        "view.plan.steps.flatMap((step, k) => step.kind === 'backward' && step.k !== undefined && "
        "view.graph.model.ops[view.graph.nodes[step.node].op].name === 'relu' ? [k] : [])"
    )
    told = []
    for step in steps:
        page.evaluate(f"view.go({step})")
        told.append("has a kink: two slopes, 0 where" in story(page) and "By convention 0 is taken" in story(page))
    assert told == [False, True, True, True, True]  # that of hinge is at 1, those of the neurons at 0


def test_kinks_that_cancel_are_none(opened):
    x = Value(0.0, "x")
    page = opened(relu(x) - relu(-x))  # which is x
    page.locator(".node.leaf").click()
    assert "kink" not in page.locator(".nudge").inner_text()


def test_colours_of_gradients_are_their_signs_as_in_draw(opened, example):
    page = opened(example)
    page.keyboard.press("End")
    colours = page.evaluate(
        "[...document.querySelectorAll('.grad .figure')].map(f => [f.textContent, getComputedStyle(f).fill])"
    )
    rgb = lambda colour: [int(part) for part in re.findall(r"\d+", colour)]
    for gradient, colour in colours:
        red, _, blue = rgb(colour)
        assert (red > blue + 50) if gradient[0] != "−" else (blue > red + 50)
    assert len(colours) == 7
    # And no other part of the page is orange or blue: cards, lines, phases, names.
    others = page.evaluate(
        "['leaf', 'leaf-fill', 'forward', 'forward-soft', 'backward', 'backward-soft', 'constant'].map(name => {"
        "document.body.style.color = `var(--${name})`; return getComputedStyle(document.body).color; })"
    )
    for red, green, blue in map(rgb, others):
        assert not (blue > green > red and blue - red > 40)
        assert not (red > green > blue and red - blue > 40)
    help_text = page.locator("#help").inner_text()
    assert "orange above zero and blue below" in help_text


def test_many_paths_are_counted_rather_than_listed(opened):
    y = Value(0.9, "x")
    for _ in range(30):
        y = y * y
    page = opened(y)
    page.locator("[data-key=n0]").click()
    assert "All 1,073,741,824 paths lead from here" in page.locator("#details").inner_text()
    assert page.locator(".ways").count() == 0


def layered(activation, sizes):
    model = MLP(2, sizes, activation, seed=1)
    return hinge([model([Value(0.5, "x1"), Value(-1.0, "x2")])], [-1])


STRONGEST = """() => {
    const { graph } = view;
    const size = edges => Math.abs(view.product(edges));
    return graph.nodes.filter(node => node.kind === "leaf").map(({ id }) =>
        [size(graph.strongestWay(id)), Math.max(...graph.waysFrom(id).map(size))]);
}"""


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_strongest_path_is_that_of_the_largest_product(activation, opened):
    found = opened(layered(activation, [4, 3, 3, 1])).evaluate(STRONGEST)
    assert len(found) > 40
    for strongest, largest in found:
        assert strongest == pytest.approx(largest, rel=1e-12, abs=0.0)


def test_of_many_paths_the_strongest_is_told_factor_by_factor(opened):
    page = opened(layered("sigmoid", [4, 4, 4, 1]))
    weight = page.evaluate("""() => {
        const weights = view.graph.nodes.filter(node => node.kind === "leaf" && node.name.startsWith("w"));
        return weights.findLast(({ id }) => view.graph.paths[id] === 16).id; }""")
    page.evaluate(f"view.choose({weight})")
    details = page.locator("#details").inner_text()
    assert "The strongest of its 16 paths, factor by factor" in details
    reason = r"Why it is so small: the 3 slopes of sigmoid, each at most 0\.25, multiply to [\d.e−]+; "
    assert re.search(reason + r"the \d other factors, weights and inputs, multiply to [\d.e−]+\.", details)
    assert re.search(r"this one brings \d+ % of that", details)
    rows = page.locator(".factors tbody tr").all_inner_texts()
    assert any(re.search(r"= (\S+) × \(1 − \1\)", row) for row in rows)  # where a slope comes from
    factors = [float(row.rsplit("× ", 1)[1].strip("()").replace("−", "-")) for row in rows]
    told = page.locator(".factors tfoot").inner_text().rsplit("= ", 1)[1]
    assert math.prod(factors) == pytest.approx(float(told.replace("−", "-")), rel=0.01)
    assert math.prod(factors) == pytest.approx(
        page.evaluate(f"view.product(view.graph.strongestWay({weight}))"), rel=0.01
    )


def test_zero_on_every_path_is_named(opened):
    x = Value(0.5, "x")
    y = x
    for _ in range(3):  # eight paths, and relu of a number below 0 behind all of them
        y = y + y
    z = relu(y - 9.0)
    z.label = "z"
    page = opened(z)
    page.locator("[data-key=n0]").click()
    details = page.locator("#details").inner_text()
    assert "Nothing comes through here. One factor is 0: while v4 changes a little, z does not." in details
    assert "x by 0.001, and z stays at 0: it does not change." in details


@pytest.mark.parametrize(
    ("f", "most"), [(sigmoid, 0.25), (tanh, 1.0), (relu, 1.0), (exp, math.inf), (lambda x: x**2, math.inf)]
)
def test_steepest_slope_of_a_function_is_known_where_there_is_one(f, most, opened):
    page = opened(f(Value(0.7, "x")))
    assert float(page.evaluate("String(view.graph.steepest(1))")) == pytest.approx(most, rel=1e-3)


def test_path_of_a_thousand_arrows_is_not_spelled_out(opened):
    y = Value(0.5, "x")
    for _ in range(200):
        with scope("step"):
            for _ in range(5):
                y = sin(y)
    page = opened(y)
    page.evaluate("view.choose(0)")
    details = page.locator("#details").inner_text()
    assert "Along its one path of 1,000 arrows, factor by factor" in details
    assert "… 953 factors more …" in details
    assert len(details) < 5000


def test_choosing_again_or_escape_chooses_nothing(opened, example):
    page = opened(example)
    for leave in (lambda: page.locator("[data-key=n0]").click(), lambda: page.keyboard.press("Escape")):
        page.locator("[data-key=n0]").click()
        assert page.locator(".chosen").count() == 1
        leave()
        assert page.locator(".chosen").count() == 0


def test_number_chosen_by_its_field_stays_chosen_at_a_click(opened, example):
    page = opened(example)
    page.get_by_label("Value of a", exact=True).focus()
    assert page.locator(".chosen").count() == 1
    page.locator("[data-key=n0]").click()
    assert page.locator(".chosen").count() == 1
    page.locator("[data-key=n0]").click()
    assert page.locator(".chosen").count() == 0


# Changing numbers


@pytest.mark.parametrize("typed", ["", "1e400"])
def test_field_that_holds_no_number_shows_the_number_again(opened, example, typed):
    page = opened(example)
    field = page.get_by_label("Value of a", exact=True)
    field.fill("5")
    field.fill("")
    field.press_sequentially(typed)
    field.press("Enter")
    shown = float(field.input_value())
    assert shown == page.evaluate("view.graph.given[0]")
    assert math.isfinite(shown)


def formula(a, b, c):
    return tanh(a * b + exp(c)) / (1.0 + sqrt(a) * log(b)) + (a - c) ** 3 + logsumexp([a, b, c]) * dot([a, b], [c, a])


def test_page_recomputes_what_python_computes(opened):
    leaves = [Value(0.7, "a"), Value(1.9, "b"), Value(-0.4, "c")]
    page = opened(formula(*leaves))
    assert_same_numbers(numbers(page), in_python(formula(*leaves)))
    for changed in ({"a": 1.3}, {"b": 0.25, "c": 2.5}, {"a": 7.0}):
        for leaf in leaves:
            if leaf.label in changed:
                leaf.data = changed[leaf.label]
                fill(page, leaf.label, leaf.data)
        assert_same_numbers(numbers(page), in_python(formula(*leaves)))


def test_changing_a_leaf_changes_what_is_shown_at_this_step(opened, example):
    page = opened(example)
    page.keyboard.press("End")
    fill(page, "b", 5)
    assert cards(page)["L"] == ("−40", "1")
    assert cards(page)["a"] == ("2", "−10")
    page.locator("#slider").fill("2")
    assert cards(page)["d"] == ("20", "not yet")


def test_slider_of_a_leaf_and_its_keys_change_it(opened, example):
    page = opened(example)
    slide = page.get_by_label("Slide a", exact=True)
    slide.fill("-1.5")
    assert page.evaluate("view.graph.given[0]") == -1.5
    assert page.get_by_label("Value of a", exact=True).input_value() == "-1.5"
    page.locator("#reset").click()
    slide.press("ArrowRight")
    assert page.evaluate("view.graph.given[0]") == 2.05
    slide.press("ArrowLeft")
    assert page.evaluate("view.graph.given[0]") == 2
    assert position(page) == 0  # the keys are the slider's


def test_leaf_is_dragged_in_the_graph(opened, example):
    page = opened(example)
    box = page.locator("[data-key=n0]").bounding_box()
    x, y = box["x"] + 80, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=5)
    page.mouse.up()
    assert page.evaluate("view.graph.given[0]") == 2.5
    assert page.locator(".chosen").count() == 1
    page.locator("[data-key=n0]").click()  # a click after it is a click again
    assert page.locator(".chosen").count() == 0


def test_reset_brings_all_numbers_back(opened, example):
    page = opened(example)
    before = numbers(page)
    assert page.locator("#reset").is_disabled()
    fill(page, "a", 100)
    fill(page, "c", -0.125)
    page.locator("#reset").click()
    assert numbers(page) == before
    assert page.get_by_label("Value of a", exact=True).input_value() == "2"


def test_half_typed_number_changes_nothing(opened, example):
    page = opened(example)
    field = page.get_by_label("Value of a", exact=True)
    field.fill("")
    assert page.evaluate("view.graph.given[0]") == 2
    field.press_sequentially("-")
    assert page.evaluate("view.graph.given[0]") == 2
    field.press_sequentially("1.5")
    assert page.evaluate("view.graph.given[0]") == -1.5


def test_constants_change_too(opened):
    x = Value(2.0, "x")
    page = opened(x * Constant(3.0, "scale"))
    page.locator(".node.constant").click()
    fill(page, "scale", 5)
    assert numbers(page)[0] == [2, 5, 10]
    assert "A constant takes no gradient" in page.locator("#details").inner_text()


@pytest.mark.parametrize(
    ("f", "value", "message"),
    [
        (lambda x: log(x - 3.0), 2.0, "log is defined for v1 > 0, got v1 = -1.0"),
        (lambda a: sqrt(a - 3.0), 2.0, "sqrt is defined for v1 >= 0, got v1 = -1.0"),
        (lambda b: b / (b - 1.0), 1.0, "x / v1 is defined for v1 != 0, got x = 1.0, v1 = 0.0"),
        (lambda x: 1.0 / x, 0.0, "1.0 / x is defined for x != 0, got x = 0.0"),
        (lambda x: exp(x - 5.0), 1005.0, "exp(v1) is too large for a float, got v1 = 1000.0"),
        (lambda x: (x - 4.0) ** 0.5, 0.0, "v1 ** 0.5 is defined for v1 >= 0, got v1 = -4.0"),
        (
            lambda x: (-1.0) ** x,
            0.5,
            "(-1.0) ** x is defined for (-1.0) > 0 or (-1.0) == 0 <= x or (-1.0) < 0 and x % 1",
        ),
    ],
)
def test_message_calls_the_operands_by_their_names_in_the_graph(f, value, message, opened):
    page = opened(f(Value(5.0, "x")))
    fill(page, "x", value)
    assert message in page.locator("#problem").inner_text()


def test_number_outside_a_domain_is_pythons_message_and_not_a_nan(opened):
    x, k = Value(2.0, "x"), Value(3.0, "k")
    y = log(x) * 2.0 + k * k
    y.label = "y"
    page = opened(y)
    page.keyboard.press("End")
    fill(page, "x", -1)
    with pytest.raises(ValueError, match="log is defined") as raised:
        log(-1.0)
    assert str(raised.value) in page.locator("#problem").inner_text()
    assert "NaN" not in page.locator("body").inner_text()
    shown = cards(page)
    assert shown["y"][0] == "—"
    assert "9" in {data for data, *_ in shown.values()}  # k * k is still shown
    assert page.locator(".failed").count() == 1
    assert "The computation stops here" in story(page)
    page.locator("#undo").click()
    assert page.locator("#problem").inner_text() == ""
    assert page.evaluate("view.graph.given[0]") == 2
    assert position(page) == last(page)  # and the walk is where it was


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda x: exp(x), 1000.0),
        (lambda x: x**0.5, -4.0),
        (lambda x: x**7, 1e300),
        (lambda x: x**-2, 0.0),
        (sqrt, -1e-9),
    ],
)
def test_errors_say_what_python_says(make, value, opened):
    page = opened(make(Value(1.5, "x")))
    fill(page, "x", value)
    with pytest.raises((ValueError, ArithmeticError)) as raised:
        make(Value(value))
    assert str(raised.value) in page.locator("#problem").inner_text()


def test_infinity_that_python_lets_pass_is_shown(opened):
    page = opened(Value(1.0, "x") * 1e300 * 1e5)
    fill(page, "x", 1e10)
    assert page.locator("#problem").inner_text() == ""
    page.locator("#last").click()
    assert "∞" in {data for data, *_ in cards(page).values()}


def odd_graphs():
    x, y = Value(0.7, "x"), Value(1.3, "x")  # two of one name
    z = Value(-2.0, "z")
    detached = (x * y).detach()
    derivative = gradients(sin(x * y) / sqrt(x) + x**y + hypot(x, y) + cbrt(x), [x], create_graph=True)[0]
    return {
        "leaf": Value(3.0, "x"),
        "leaf without a label": Value(3.0),
        "constant": Constant(3.0),
        "constants only": Constant(3.0) * 2.0,
        "two leaves of one name": x * y + x,
        "branch": where(z < 0.0, x, y) + maximum(x, y) + abs(z) + relu(z),
        "detached": detached * x,
        "derivative": derivative,
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
    assert "[object" not in texts
    assert "NaN" not in texts
    values, gradients = numbers(page)
    wanted = in_python(root)
    assert values == pytest.approx(wanted[0], rel=1e-13, nan_ok=True)
    for node, found in zip(topological_order(root), gradients, strict=True):
        assert type(node) is Constant or found == pytest.approx(node.grad, rel=1e-12, nan_ok=True)


# Own operations


def test_own_operation_that_runs_on_symbols_is_recomputed(opened):
    cube = operation("cube", lambda x: x * x * x, lambda y, x: 3 * x * x)
    x = Value(2.0, "x")
    page = opened(cube(x) + x)
    fill(page, "x", 5)
    assert numbers(page) == [[5, 125, 130], [76, 1, 1]]


def test_own_operation_in_plain_python_says_so_when_its_operand_changes(opened):
    gaussian = operation("gaussian", lambda x: math.exp(-x * x), lambda y, x: -2 * x * y)
    x, k = Value(1.0, "x"), Value(2.0, "k")
    y = gaussian(x) * k + k * k
    page = opened(y)
    page.locator("#last").click()
    assert_same_numbers(numbers(page), in_python(y))
    fill(page, "k", 3)  # which it does not depend on
    assert page.locator("#problem").inner_text() == ""
    assert numbers(page)[1][0] == pytest.approx(-2 * math.exp(-1) * 3)
    fill(page, "x", 2)
    assert "gaussian is an operation of the author's own, written in Python, which this page cannot run" in (
        page.locator("#problem").inner_text()
    )
    assert "9" in {data for data, *_ in cards(page).values()}
    page.locator("#reset").click()
    assert page.locator("#problem").inner_text() == ""


# Modules


@pytest.fixture
def network():
    model = MLP(2, [16, 16, 1], activation="tanh", seed=1)
    loss = hinge([model([1.0, 2.0])], [-1])
    loss.label = "loss"
    return loss


def boxes(page):
    return page.evaluate("[...document.querySelectorAll('.item.box .title')].map(title => title.textContent)")


def test_network_opens_folded_with_repeated_neurons_as_one_box(opened, network):
    page = opened(network)
    assert boxes(page) == ["▸ Layer 1", "▸ Layer 2", "▸ Neuron", "▸ hinge"]
    assert page.locator(".about").all_text_contents() == [
        "Neuron ×16",
        "Neuron ×16",
        "2 operations, 17 leaves",
        "4 operations",
    ]
    assert page.locator(".frame").all_text_contents() == ["▾ MLP", "▾ Layer 3"]
    assert last(page) < 20
    assert_same_numbers(numbers(page), in_python(network), 1e-12)


def test_parameters_stay_in_their_boxes_when_the_model_is_gone(opened):
    loss = hinge([MLP(2, [16, 16, 1], seed=1)([1.0, 2.0])], [-1])
    page = opened(loss)
    assert boxes(page) == ["▸ Layer 1", "▸ Layer 2", "▸ Neuron", "▸ hinge"]
    assert page.locator("h1").inner_text() == "hinge"
    assert page.title() == "The gradient of hinge"


def test_boxes_open_on_a_click_and_close_on_another(opened, network):
    page = opened(network)
    before = last(page)
    closed = boxes(page)
    page.locator(".item.box").first.click()
    page.locator(".item.box").first.click()
    assert boxes(page) == [*(f"▸ Neuron {k}" for k in range(1, 17)), "▸ Layer 2", "▸ Neuron", "▸ hinge"]
    assert last(page) == before + 30
    page.locator(".item.box").nth(4).click()
    assert {"w0", "w1", "b"} <= cards(page).keys()
    page.locator(".fold:has-text('Layer 1')").click()
    assert boxes(page) == closed
    assert last(page) == before


def test_folded_steps_give_the_gradients_of_the_unfolded_ones(opened, network):
    page = opened(network)
    wanted = in_python(network)[1]
    open_all = "() => { for (const box of view.plan.boxes) if (!view.plan.open.has(box.id)) view.toggle(box.id); }"
    for _ in range(2):
        state = page.evaluate("view.plan.state(view.plan.steps.length - 1).gradients")
        assert state == pytest.approx(wanted, rel=1e-12, abs=1e-300)
        page.evaluate(open_all)
    assert page.locator(".item.box").count() == 0
    assert last(page) > 250
    together = last(page)
    page.evaluate("for (const {id} of view.graph.nodes) view.plan.apart.add(id); view.plan.refresh()")
    assert page.evaluate("view.plan.steps.length - 1") > together + 400
    state = page.evaluate("view.plan.state(view.plan.steps.length - 1).gradients")
    assert state == pytest.approx(wanted, rel=1e-12, abs=1e-300)


def test_step_stays_when_a_box_opens(opened, network):
    page = opened(network)
    page.locator("#slider").fill("8")
    assert "Backward" in story(page)
    assert "Layer 2 of MLP" in story(page)
    page.locator("#story button").click()  # opens the box
    assert "Backward" in story(page)
    assert page.locator(".active").get_attribute("aria-label").startswith("Neuron ×16")


def test_many_weights_get_their_gradients_in_one_step_that_can_be_taken_apart(opened, network):
    page = opened(network)
    page.locator(".item.box:has-text('2 operations')").click()
    groups = page.evaluate("view.plan.steps.map((step, k) => step.operands ? k : -1).filter(k => k >= 0)")
    page.evaluate(f"view.go({groups[0]})")
    assert "16 weights of Neuron get their gradients" in story(page)
    assert "… and 13 more" in story(page)
    before = last(page)
    page.get_by_text("One by one").click()
    assert last(page) == before + 30
    assert story(page).count("+=") == 1
    page.get_by_text("Together again").focus()
    page.keyboard.press("Enter")
    assert last(page) == before
    assert page.evaluate("document.activeElement.textContent") == "One by one"
    assert "weights of Neuron get their gradients" in story(page)


def test_smooth_with_everything_open(opened, network):
    page = opened(network)
    page.evaluate("for (const box of view.plan.boxes) if (!view.plan.open.has(box.id)) view.toggle(box.id)")
    times = page.evaluate("""[...Array(40).keys()].map(k => {
        const before = performance.now();
        view.go(200 + k);
        return performance.now() - before;
    })""")
    assert sorted(times)[20] < 50  # milliseconds a step, on a slow machine that is busy with other tests


def test_no_two_cards_overlap_whatever_is_open(opened, network):
    page = opened(network)
    for _ in range(4):
        places = page.evaluate("view.arranged.items.map(({x, y, w, h}) => [x, y, w, h])")
        for i, (x, y, w, h) in enumerate(places):
            for u, v, m, n in places[:i]:
                assert x + w <= u + 1 or u + m <= x + 1 or y + h <= v + 1 or v + n <= y + 1
        page.locator(".item.box").nth(3 if page.locator(".item.box").count() > 3 else 1).evaluate(
            "box => box.dispatchEvent(new MouseEvent('click'))"
        )


def test_frames_lie_around_what_is_in_them(opened, network):
    page = opened(network)
    page.locator(".item.box").nth(0).click()
    wrong = page.evaluate("""view.arranged.items.filter(item => {
        const node = item.node ?? view.contents(item.box)[0];
        const around = view.arranged.frames.filter(frame => view.contents(frame.box).includes(node));
        return !around.every(frame => frame.x <= item.x && item.x + item.w <= frame.x + frame.w
            && frame.y <= item.y && item.y + item.h <= frame.y + frame.h);
    }).length""")
    assert wrong == 0


def test_lines_end_at_their_cards(opened, network):
    page = opened(network)
    page.locator(".item.box").nth(2).click()
    gaps = page.evaluate("""view.arranged.lines.filter(line => line.head && !line.opened[1]).map(line => {
        const item = view.arranged.items.find(one => one.key === line.head);
        const [x, y] = line.points.slice(-2);
        return Math.max(Math.abs(x - item.x), Math.max(0, item.y - y, y - item.y - item.h));
    })""")
    assert gaps
    assert max(gaps) < 1


def test_lines_are_smooth(opened, network):
    page = opened(network)
    page.locator(".item.box").nth(0).click()
    page.locator(".item.box").nth(0).click()
    kinks = page.evaluate("""view.arranged.lines.flatMap(({points}) => {
        const found = [];
        for (let k = 6; k + 8 <= points.length - 2; k += 6) {
            const [ax, ay] = [points[k] - points[k - 2], points[k + 1] - points[k - 1]];
            const [bx, by] = [points[k + 2] - points[k], points[k + 3] - points[k + 1]];
            const lengths = Math.hypot(ax, ay) * Math.hypot(bx, by);
            if (lengths > 4) found.push((ax * bx + ay * by) / lengths);
        }
        return found;
    })""")
    assert len(kinks) > 20
    assert min(kinks) > 0.6  # the cosine of each bend


def test_boxes_that_need_each_other_are_walked_in_parts(opened):
    x = Value(0.5, "x")
    with scope("A"):
        one = sin(x)
    with scope("B"):
        two = one * one
    with scope("A"):
        pass
    ping = scope("C")
    with ping:
        three = two + x
        with scope("inner"):
            four = three * 2.0
        five = four * three
    page = opened(five)
    page.evaluate("for (const box of view.plan.boxes) if (box.id && view.plan.open.has(box.id)) view.toggle(box.id)")
    assert_same_numbers(numbers(page), in_python(five))
    state = page.evaluate("view.plan.state(view.plan.steps.length - 1).gradients")
    assert state == pytest.approx(in_python(five)[1])


# Keyboard and screen readers


def test_keys_walk_play_and_zoom(opened, example):
    page = opened(example)
    for key, place in (("ArrowRight", 1), (".", 2), ("ArrowLeft", 1), (",", 0), ("End", 11), ("Home", 0)):
        page.keyboard.press(key)
        assert position(page) == place
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    width = page.locator("#picture").bounding_box()["width"]
    page.keyboard.press("+")
    assert page.locator("#picture").bounding_box()["width"] > 1.2 * width
    page.keyboard.press("0")
    assert page.locator("#picture").bounding_box()["width"] == pytest.approx(width, rel=0.01)
    page.keyboard.press("-")
    assert page.locator("#picture").bounding_box()["width"] < width


def test_everything_is_reached_by_tab_and_the_graph_is_one_stop(opened, example):
    page = opened(example)
    stops = []
    for _ in range(30):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "(({id, ariaLabel, textContent}) => id || ariaLabel || textContent.trim())(document.activeElement)"
        )
        if stop in stops:
            break
        if page.evaluate("document.activeElement !== document.body"):
            stops.append(stop)
    graph = [stop for stop in stops if " data " in stop]
    assert len(graph) == 1
    assert {"theme", "play", "next", "slider", "speed", "fit", "Value of a", "Slide f"} <= set(stops)


def test_arrow_keys_move_in_the_graph_and_enter_chooses(opened, example):
    page = opened(example)
    page.locator("[data-key=n6]").focus()
    labels = []
    for key in ("ArrowLeft", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
        labels.append(page.evaluate("document.activeElement.getAttribute('aria-label')").partition(" ")[0])
    assert labels == ["d", "e", "a", "a", "b", "c"]
    page.keyboard.press("Enter")
    assert page.locator(".chosen").get_attribute("aria-label").startswith(labels[-1])
    assert position(page) == 0


def test_keys_keep_their_meaning_after_a_click(opened, example):
    page = opened(example)
    for target in ("[data-key=n6]", "#next", "#larger", "#theme"):
        page.evaluate("view.go(0)")
        page.locator(target).click()
        before = position(page)
        page.keyboard.press("ArrowRight")
        assert position(page) == before + 1, target
        page.keyboard.press("Space")
        assert page.locator("#play").get_attribute("aria-label") == "Pause", target
        page.keyboard.press("Space")
        assert page.locator("#play").get_attribute("aria-label") == "Play", target


def test_wheel_drag_and_fingers_move_the_picture_and_the_map_shows_which_part_is_seen(opened, network):
    page = opened(network)
    assert not page.locator("#map").is_visible()
    stage = page.locator("#scroller").bounding_box()
    x, y = stage["x"] + 200, stage["y"] + 100
    at = (
        f"(() => {{const box = document.getElementById('picture').getBoundingClientRect();"
        f"return [({x} - box.x) / view.viewport.scale, ({y} - box.y) / view.viewport.scale];}})()"
    )
    before = page.evaluate(at)
    page.mouse.move(x, y)
    for _ in range(8):
        page.mouse.wheel(0, -200)
    page.wait_for_function("view.viewport.scale > 2")
    if before[1] > 0:
        assert page.evaluate(at)[0] == pytest.approx(before[0], abs=3)
    assert page.locator("#map").is_visible()
    seen = page.locator("#map-seen").bounding_box()
    page.evaluate("document.getElementById('scroller').scrollTo(200, 0)")
    page.mouse.move(x + 200, y)
    page.mouse.down()
    page.mouse.move(x + 50, y, steps=4)
    page.mouse.up()
    assert page.evaluate("document.getElementById('scroller').scrollLeft") == pytest.approx(350, abs=2)
    assert page.locator(".chosen").count() == 0
    assert page.locator("#map-seen").bounding_box()["x"] != seen["x"]
    page.locator("#map").click(position={"x": 150, "y": 50})
    assert page.evaluate("document.getElementById('scroller').scrollLeft") > 400
    scale = page.evaluate("view.viewport.scale")
    page.evaluate("""() => {
        const finger = (kind, id, x) => document.getElementById("scroller").dispatchEvent(
            new PointerEvent(kind, {pointerId: id, pointerType: "touch", clientX: x, clientY: 300}));
        finger("pointerdown", 1, 300); finger("pointerdown", 2, 500);
        finger("pointermove", 1, 350); finger("pointermove", 2, 450);
        finger("pointerup", 1, 350); finger("pointerup", 2, 450);
    }""")
    assert page.evaluate("view.viewport.scale") == pytest.approx(scale / 2)


def test_wheel_scrolls_a_page_that_is_longer_than_the_window_until_the_graph_is_pressed(opened, network):
    page = opened(network, viewport={"width": 400, "height": 600}, reduced_motion="reduce")
    scale = page.evaluate("view.viewport.scale")
    stage = page.locator("#scroller").bounding_box()
    page.mouse.move(stage["x"] + 60, stage["y"] + 60)
    page.mouse.wheel(0, 300)
    wait_until(page, "scrollY > 0")
    assert page.evaluate("view.viewport.scale") == scale
    page.evaluate("scrollTo(0, 0)")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -50)
    wait_until(page, f"view.viewport.scale > {scale}")
    page.keyboard.up("Control")
    scale = page.evaluate("view.viewport.scale")
    page.mouse.down()
    page.mouse.up()
    page.mouse.wheel(0, -300)
    wait_until(page, f"view.viewport.scale > {scale}")
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("size", [(320, 640), (640, 320), (320, 200)])
def test_buttons_cover_nothing_on_a_small_window(size, opened, network):
    page = opened(network, viewport=dict(zip(("width", "height"), size, strict=True)), reduced_motion="reduce")
    page.evaluate("view.go(5)")
    box = {name: page.locator(f"#{name}").bounding_box() for name in ("stage", "transport", "story")}
    assert page.locator("#transport").evaluate("e => getComputedStyle(e).position") == "static"
    assert box["stage"]["y"] + box["stage"]["height"] <= box["transport"]["y"] + 1
    assert box["transport"]["y"] + box["transport"]["height"] <= box["story"]["y"] + 1


# A lecture


def test_what_is_asked_for_stands_nowhere_on_the_page(opened, example):
    page = opened(example)
    page.locator("#ask").click()
    page.evaluate("view.choose(view.graph.root)")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert "Predict first. What is L = d × f?" in story(page)
    seen = "document.body.innerText + [...document.querySelectorAll('[aria-label]')].map(e => e.ariaLabel)"
    assert "−8" not in page.evaluate(seen)
    page.get_by_text("Show", exact=True).click()
    assert "−8" in page.evaluate(seen)
    page.evaluate("view.choose(0)")
    page.locator("#slider").evaluate("s => { s.value = s.max - 1; s.dispatchEvent(new Event('input')); }")
    story(page)
    for name in ("a", "b"):
        page.evaluate(f"view.choose(view.graph.nodes.findIndex(node => node.name === '{name}'))")
        asked = f"the share that {name} gets" in story(page)
        assert ("Where its gradient comes from is shown" in page.locator("#details").inner_text()) == asked


def test_play_waits_at_a_question(opened, example):
    page = opened(example)
    page.clock.install()
    page.locator("#present").click()
    page.locator("#ask").click()
    page.locator("#play").click()
    page.clock.run_for(60_000)
    assert position(page) == 1
    assert "Predict first" in story(page)
    page.keyboard.press("ArrowRight")  # from an empty field too
    page.get_by_label("Your answer").focus()
    page.keyboard.press("ArrowRight")
    assert position(page) == 3


def test_whole_gradient_is_not_the_share_that_is_asked_for(opened):
    x = Value(3.0, "x")
    y = x * 2.0 + x * 5.0
    page = opened(y)
    page.locator("#ask").click()
    page.evaluate("view.go(view.plan.steps.findLastIndex((step) => step.kind === 'backward'))")
    page.get_by_label("Your answer").fill("7")
    page.keyboard.press("Enter")
    assert "That is the whole gradient, of all arrows." in story(page)


def test_link_to_a_question_leads_to_the_question(opened, example):
    page = opened(example)
    page.locator("#ask").click()
    page.evaluate("view.go(2)")
    page.locator("#link").click()
    assert "&ask" in page.evaluate("location.hash")
    page.locator("#ask").click()
    assert "Predict first" not in story(page)
    page.evaluate("view.follow(location.hash)")
    assert "Predict first. What is d = e + c?" in story(page)
    assert page.locator("#ask").is_checked()


def test_number_is_asked_for_before_it_is_shown(opened, example):
    page = opened(example)
    page.locator("#ask").click()
    page.keyboard.press("ArrowRight")
    assert "Predict first. What is e = a × b?" in story(page)
    assert "−6" not in story(page)
    assert cards(page)["e"][0] == "?"
    assert page.locator("#result").inner_text() == "L = ?"
    page.get_by_label("Your answer").fill("6")
    page.get_by_text("Check").click()
    assert "Not that" in story(page)
    page.get_by_label("Your answer").fill("-6")
    page.keyboard.press("Enter")
    assert "e = a × b = 2 × (−3) = −6" in story(page)
    page.evaluate("view.go(9)")
    assert "the share that a gets from e: dL/de · ∂e/∂a?" in story(page)
    assert cards(page)["a"][1] == "?"
    page.get_by_text("Show").click()
    assert "dL/da += dL/de · ∂e/∂a = −2 × (−3) = 6" in story(page)
    page.locator("#ask").click()
    page.evaluate("view.go(2)")
    assert "d = e + c = −6 + 10 = 4" in story(page)


def test_lecture_view_has_large_letters_and_no_panels(opened, example):
    page = opened(example)
    size = "parseFloat(getComputedStyle(document.getElementById('story')).fontSize)"
    before = page.evaluate(size)
    page.locator("#present").click()
    assert page.locator("#present").get_attribute("aria-pressed") == "true"
    assert page.evaluate(size) > 1.5 * before
    assert not page.locator("#panel").is_visible()
    page.keyboard.press("ArrowRight")
    assert position(page) == 1
    page.keyboard.press("p")
    assert page.locator("#panel").is_visible()


def test_link_leads_to_the_step_with_what_is_open_and_chosen(opened, network):
    page = opened(network)
    page.locator(".item.box").first.click()
    page.evaluate("view.choose(view.graph.root); view.go(5)")
    page.locator("#link").click()
    told, seen, address = story(page), boxes(page), page.url
    assert page.locator("#linked").inner_text().startswith("The address of this page now leads to this step")
    page.goto("about:blank")
    page.goto(address)
    assert (story(page), boxes(page)) == (told, seen)
    assert page.evaluate("view.chosen === view.graph.root")
    page.goto(address.partition("#")[0] + "#step=-7&open=99.x&number=1e9")
    page.reload()
    assert position(page) == 0


def test_inputs_are_changed_like_weights_and_look_it(opened):
    model = MLP(2, [4, 1], activation="tanh", seed=1)
    page = opened(model([1.0, 2.0]))
    assert page.locator(".field").count() == 2  # the two inputs, which are constants
    assert page.locator(".item.constant .handle").count() == 2
    before = page.evaluate("view.graph.values.at(-1)")
    card = page.locator(".item.constant").first
    box = card.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 10, steps=5)
    page.mouse.up()
    assert page.evaluate("view.graph.values.at(-1)") != before
    assert_same_numbers(
        page.evaluate("[[view.graph.values.at(-1)]]"),
        [
            [
                model(
                    page.evaluate(
                        "view.graph.nodes.filter(n => n.kind === 'constant').map(n => view.graph.given[n.id])"
                    )
                ).data
            ]
        ],
    )


def test_box_opens_and_closes_by_enter_and_keeps_the_focus(opened, network):
    page = opened(network)
    page.locator(".item.box").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"


def test_screen_readers_are_told_the_step_and_what_a_number_is(opened, example):
    page = opened(example)
    assert page.locator("#story").get_attribute("aria-live") == "polite"
    page.keyboard.press("End")
    assert page.locator("[data-key=n0]").get_attribute("aria-label") == "a data 2 grad 6, given number"
    assert page.locator("#slider").get_attribute("aria-valuetext") == "step 11 of 11, done"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, [role=button]')].filter(e => "
        "!e.getAttribute('aria-label') && !e.textContent.trim() && !e.labels?.length).length"
    )
    assert unnamed == 0


# Colours, sizes, motion


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_colours_follow_the_system_and_the_button(opened, example):
    light, dark = opened(example, color_scheme="light"), opened(example, color_scheme="dark")
    assert background(light) != background(dark)
    light.locator("#theme").click()
    dark.locator("#theme").click()
    assert background(light) == "rgb(20, 23, 28)"
    assert background(dark) == "rgb(250, 249, 246)"


CONTRAST = """() => {
    const parse = colour => colour.match(/[\\d.]+/g).map(Number);
    const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const behind = element => { for (let e = element; e; e = e.parentElement) {
        const colour = parse(getComputedStyle(e).backgroundColor);
        if (colour.length < 4 || colour[3] > 0) return colour; } return [255, 255, 255]; };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const hidden = element.closest("script, style, :disabled, svg") || !element.checkVisibility();
        if (hidden || !walker.currentNode.data.trim()) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) faint.push([walker.currentNode.data, ratio]);
    }
    return faint;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(scheme, opened, example):
    page = opened(example, color_scheme=scheme)
    page.locator("[data-key=n0]").click()
    for place in (1, 6, 11):
        page.locator("#slider").fill(str(place))
        assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("size", [(320, 200), (320, 640), (480, 900), (1280, 500)])  # the first: 1280 x 800 at 400 %
def test_small_windows_need_no_scrolling_sideways(size, opened, example):
    width, height = size
    page = opened(example, viewport={"width": width, "height": height})
    page.locator("[data-key=n0]").focus()
    page.keyboard.press("Enter")
    page.locator("#slider").fill("9")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in ("#play", "#next", "#slider", "#reset", "#story"):
        box = page.locator(control).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_reduced_motion_is_respected(opened, example):
    calm = opened(example, reduced_motion="reduce")
    calm.locator("#slider").fill("6")
    style = """[getComputedStyle(document.querySelector('.item')).transitionDuration,
        getComputedStyle(document.querySelector('.line.backward')).animationName]"""
    assert calm.evaluate(style) == ["0s", "none"]


# Safety

NASTY = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "\"'`\\ \\n \\u003c",
    "<!-- <script> ]]> {{graph}} {{script}}",
    "${alert(4)}",
    "🦉 naïve 数",
    "\u202eRTL\u202c שלום مرحبا",
    "line\u2028separator\u2029\nnext\x00\x07",
    "&lt;b&gt;&amp;",
    "__proto__",
    "constructor",
]


@pytest.mark.parametrize("label", NASTY)
def test_labels_are_text_wherever_they_are_shown(label, opened):
    x = Value(2.0, label)
    with scope(label):
        y = x * x + Constant(3.0, label)
    y.label = label
    page = opened(y)
    page.evaluate("for (const box of view.plan.boxes) if (!view.plan.open.has(box.id)) view.toggle(box.id)")
    assert page.evaluate("view.graph.nodes[0].name") == label
    page.locator("[data-key=n0]").focus()
    page.keyboard.press("Enter")
    for _ in range(last(page) + 1):
        page.keyboard.press(".")
    assert page.evaluate("document.querySelector('#details .name').textContent") == label
    assert page.evaluate("document.querySelectorAll('script').length") == 3
    assert page.evaluate("document.querySelectorAll('img, b b, iframe').length") == 0


def test_names_of_own_operations_are_text(opened):
    nasty = operation("</script><script>alert(1)</script>", math.sin, lambda y, x: math.cos(x))
    page = opened(nasty(Value(1.0, "x")))
    fill(page, "x", 2.0)
    assert "</script><script>alert(1)</script> is an operation" in page.locator("#problem").inner_text()


def test_policy_lets_no_other_script_run_and_nothing_be_fetched(browser, example, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    requests, blocked = [], []
    page.goto(explore(example).save(tmp_path / "page.html").as_uri())
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: blocked.append(message.text))
    ran = page.evaluate("""async () => {
        const script = document.createElement("script");
        script.textContent = "window.ran = 1";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<button id=bad onclick='window.ran = 2'>x</button>");
        document.getElementById("bad").click();
        document.body.insertAdjacentHTML("beforeend", "<p id=styled style='color: rgb(1, 2, 3)'>x</p>");
        await new Promise(done => setTimeout(() => {
            try { new Function("window.ran = 3")(); } catch { /* as it should be */ } finally { done(); }
        }));
        await fetch("http://127.0.0.1:9/").catch(() => {});
        const colour = getComputedStyle(document.getElementById("styled")).color;
        return [window.ran ?? null, colour === "rgb(1, 2, 3)"];
    }""")
    assert ran == [None, False]
    assert requests == []
    assert len(blocked) >= 4
    context.close()


def test_page_works_in_the_frame_of_a_notebook(browser, example):
    page = browser.new_page()
    trouble = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.set_content(f"<!doctype html><title>notebook</title>{explore(example)._repr_html_()}")
    frame = page.frame_locator("iframe")
    frame.locator("#last").click()
    assert frame.locator("[data-key=n0] .grad .figure").text_content() == "6"
    assert page.locator("iframe").get_attribute("sandbox") == "allow-scripts"
    page.close()
    assert trouble == []
