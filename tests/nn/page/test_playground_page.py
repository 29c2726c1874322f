"""The page of a playground in a browser: what it shows, what a reader can do, and that everybody can."""

import json
import re
import types

import pytest

from autograd import Value
from nn import MLP, SGD, binary_cross_entropy, cross_entropy, datasets, mse, playground
from nn.page._notebook_widget import ESM
from tests.autograd.pictures.page.test_accessibility import RULES
from tests.autograd.pictures.page.test_using_the_page import NASTY
from tests.nn.page.networks import PAGES, case, choose_example, curve, number, plane, text
from tests.pages import wait_until

PAINTED = """canvas => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size > 1; }"""
TERMS = """playground.model.cards.map((card, i) => {
    const sum = playground.terms(card).reduce((total, { adds }) => total + adds, 0);
    const before = playground.graph.nodes[card.node].parents;
    const z = card.output === null && before.length === 1 ? playground.graph.values[before[0]] : null;
    return [sum, z ?? playground.values[i]]; })"""


@pytest.mark.parametrize("name", PAGES)
def test_every_kind_of_data_has_a_picture_and_every_neuron_a_card_whose_terms_add_up(name, opened):
    page = opened(PAGES[name]())
    page.evaluate("playground.run(5)")
    assert page.locator(".card.neuron").count() == page.evaluate("playground.model.cards.length")
    for canvas in page.locator(".card canvas").all():
        assert canvas.evaluate(PAINTED)
    assert page.locator("#table table" if name == "images" else "#map").is_visible()
    found = page.evaluate(TERMS)
    assert len(found) > 4
    for terms, given in found:  # what a neuron gives, before its activation
        assert terms == pytest.approx(given, rel=1e-9, abs=1e-12)


def test_cards_show_the_forward_and_the_backward_pass_of_the_chosen_example(opened):
    model, X, y = case(mse)
    page = opened(playground(model, X, y, loss=mse, features=["a", "b"]))
    choose_example(page, 7)
    inputs = [Value(x) for x in X[6]]
    hidden = model.layers[0](inputs)
    outer = model.layers[1](hidden)
    [output] = model.layers[2](outer)
    mse([output], [y[6]]).backward()
    nodes = [*hidden, *outer, output]
    names = [*(f"h1.{i}" for i in range(1, 7)), *(f"h2.{i}" for i in range(1, 6)), "ŷ"]
    found = page.evaluate("playground.model.cards.map(({name, node}) => [name, playground.graph.values[node]])")
    assert [name for name, _ in found] == names
    assert [value for _, value in found] == pytest.approx([node.data for node in nodes], rel=1e-12)
    slopes = page.evaluate("playground.model.cards.map(({node}) => playground.graph.gradients[node])")
    assert slopes == pytest.approx([node.grad for node in nodes], rel=1e-9)
    slopes = page.evaluate("playground.model.nodes.parameters.map(id => playground.graph.gradients[id])")
    assert slopes == pytest.approx([p.grad for p in model.parameters()], rel=1e-9, abs=1e-15)
    assert "a = " in text(page, "#told")
    first = page.locator(".card.neuron").first.inner_text().split()
    assert number(first[1]) == pytest.approx(hidden[0].data, rel=0.01)


def test_click_on_a_weight_derives_its_gradient(opened):
    page = opened(plane())
    page.evaluate("playground.network.place()")
    wire = """() => {
        const { network } = playground;
        const wire = network.shown.find(({ tail, head }) => tail === 0 && head === 3);
        const [a, b] = [network.cards[wire.tail].box, network.cards[wire.head].box];
        const stage = document.getElementById("stage").getBoundingClientRect();
        return [stage.left + (a.right + b.left) / 2, stage.top + (a.y + b.y) / 2, wire.parameter]; }"""
    page.locator("#stage").scroll_into_view_if_needed()
    x, y, parameter = page.evaluate(wire)
    page.mouse.click(x, y)
    name = page.evaluate("i => playground.model.parameters[i]", parameter)
    assert name == "w1.2.1"
    details = text(page, "#details")
    for words in ("a parameter, layers.0.neurons.1.w.0", "It is used once", "Try it", f"dloss/d{name}", "∂s1.2/∂"):
        assert words in details
    page.locator("#details .close").click()
    assert page.locator("#details").is_hidden()


def test_neuron_shows_its_formula_and_which_maps_make_its_own_and_its_weights_lead_on(opened):
    page = opened(plane())
    page.locator(".card.neuron").nth(5).click()
    details = text(page, "#details")
    for words in ("h2.1", "model.layers[1].neurons[0]", "h2.1 = tanh(z2.1)", "bias", "It is used once"):
        assert words in details
    assert "The maps added up, and tanh of the sum, are the map of h2.1." in details
    assert text(page, "#answer-title") == "What h2.1 gives"
    rows = page.locator(".contributions tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == [*[f"w2.1.{i}" for i in range(1, 6)], "b2.1"]
    weight, times, adds = map(number, re.match(r"w2\.1\.1\s+(\S+)\s+× h1\.1 = (\S+)\s+(\S+)", rows[0]).groups())
    assert times == pytest.approx(page.evaluate("playground.values[0]"), rel=0.01)
    assert adds == pytest.approx(weight * times, rel=0.02)
    assert page.locator(".contributions canvas").count() == 6
    page.get_by_role("button", name="w2.1.3", exact=True).click()
    assert "a parameter, layers.1.neurons.0.w.2" in text(page, "#details")
    assert page.locator(".card[aria-pressed=true]").count() == 0


def test_click_in_the_plane_chooses_the_nearest_example_and_lines_show_weights_or_the_last_gradients(opened):
    page = opened(plane())
    place = "playground.answer.place(playground.training.data, 11, map.clientWidth, map.clientHeight)"
    x, y = page.evaluate(place.replace("map.", "document.getElementById('map')."))
    page.locator("#map").click(position={"x": x, "y": y})
    assert page.locator("#which").input_value() == "12"
    page.evaluate("playground.run(3)")
    same = "playground.network.numbers === playground.training.{}"
    assert page.evaluate(same.format("theta"))
    page.get_by_label("their last gradients").check()
    assert page.evaluate(same.format("gradient"))
    assert text(page, "#meaning").startswith("solid: gradient above 0; dashed: below")


def test_probability_is_that_of_the_model(opened):
    X = [[0.0, 0.0], [1.0, 1.0]]
    model = MLP(2, [1], seed=1)
    for parameter, data in zip(model.parameters(), [1.0, 1.0, -1.0], strict=True):
        parameter.data = data
    page = opened(playground(model, X, [0, 1], loss=binary_cross_entropy, classes=["far", "near"]))
    choose_example(page, 2)
    assert "near, with a probability of 73.1 %" in text(page, "#told")
    assert text(page, "#right") == "100 %"


def test_network_without_neurons_or_too_large_still_learns(opened):
    data = datasets.iris()
    model = MLP(4, [60, 60, 3], seed=1)
    page = opened(playground(model, data.X, data.y, loss=cross_entropy, optimizer=SGD(model.parameters(), lr=0.01)))
    before = page.evaluate("playground.training.curve[0][1]")
    page.evaluate("playground.run(20)")
    assert page.evaluate("playground.training.curve.at(-1)[1]") < before
    page.locator(".card.neuron").first.click()
    assert "w1.1.1" in text(page, "#details")


def test_play_runs_until_it_is_paused(opened):
    page = opened(plane())
    page.locator("#speed").select_option("Infinity")
    page.locator("#play").click()
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    wait_until(page, "playground.training.steps > 20")
    page.locator("#play").click()
    steps = page.evaluate("playground.training.steps")
    page.wait_for_timeout(150)
    assert page.evaluate("playground.training.steps") == steps
    assert text(page, "#status").startswith(f"Step {steps}: loss")


def test_keys_play_step_and_take_back(opened):
    page = opened(plane())
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert text(page, "#steps") == "3"
    page.keyboard.press("ArrowLeft")
    assert text(page, "#steps") == "2"
    page.keyboard.press(" ")
    wait_until(page, "playground.training.steps > 4")
    page.keyboard.press(" ")
    page.keyboard.press("Home")
    assert text(page, "#steps") == "0"


def test_cards_are_one_stop_and_arrows_move_between_them(opened):
    page = opened(plane())
    assert page.locator(".card[tabindex='0']").count() == 1
    page.locator(".card").first.focus()
    names = []
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        names.append(page.evaluate("document.activeElement.querySelector('.name').textContent"))
    assert [name.partition(".")[0] for name in names] == ["h1", "h1", "h2", "ŷ", "h2"]
    assert text(page, "#steps") == "0"
    for key, count in (("Enter", 1), ("Escape", 0)):
        page.keyboard.press(key)
        assert page.locator(".card[aria-pressed=true]").count() == count


def test_results_are_announced_a_derivation_when_it_is_asked_for_and_options_stay_in_their_range(opened):
    page = opened(plane())
    assert page.locator("#status").get_attribute("role") == "status"
    live = "document.getElementById('details').ariaLive"
    assert page.evaluate(live) == "off"
    assert page.evaluate(f"() => {{ document.querySelector('.card.neuron').click(); return {live}; }}") == "polite"
    wait_until(page, f"{live} === 'off'")
    page.locator("#step").click()
    assert page.evaluate(live) == "off"
    said = text(page, "#status")
    assert said.startswith("Step 1: loss")
    assert "held out" in said
    assert said.endswith("right.")
    page.locator("#optimizer").select_option("SGD")
    assert page.evaluate("playground.training.wanted.lr") == 0.1
    page.locator("#more summary").click()
    momentum = page.get_by_label("momentum")
    for typed, kept in {"2": "0", "0,8": "0,8", "8e": "0.8"}.items():
        momentum.fill(typed)
        momentum.blur()
        assert momentum.input_value() == kept
    page.get_by_label("nesterov").check()
    wanted = {"momentum": 0.8, "nesterov": True, "weight_decay": 0}
    assert page.evaluate("playground.training.wanted.options.SGD") == wanted


def test_page_hands_its_parameters_to_the_notebook_that_asks(opened, tmp_path):
    page = opened(curve())
    page.evaluate("""() => {
        window.got = [];
        addEventListener("message", event => event.data.scalarAutograd && got.push(event.data));
        window.postMessage("scalar-autograd: parameters", "*"); }""")
    wait_until(page, "got.length === 1")
    page.locator("#step").click()
    wait_until(page, "got.at(-1).steps === 1")
    assert page.evaluate("got.at(-1).scalarAutograd") == page.evaluate("[...playground.training.theta]")


STATES = {
    "start": lambda page: None,
    "neuron": lambda page: page.locator(".card.neuron").first.click(),
    "parameter": lambda page: page.evaluate("playground.choose({ kind: 'parameter', index: 0 })"),
    "settings": lambda page: (
        page.locator("#penalty").select_option("l2"),
        page.locator("#more summary").click(),
        page.locator("#help summary").click(),
        page.locator("#step").click(),
    ),
    "python": lambda page: page.locator("#export").click(),
}
SMALL = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const small = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!element.checkVisibility() || !walker.currentNode.data.trim() || element.closest("script")) continue;
        if (parseFloat(getComputedStyle(element).fontSize) < 11) small.push(walker.currentNode.data);
    }
    return small;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_letters_are_large_enough(name, width, scheme, opened, axe):
    page = opened(PAGES[name](), viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    page.evaluate(axe)
    page.evaluate("playground.run(3)")
    for state, arrive in STATES.items():
        arrive(page)
        assert page.evaluate(RULES) == [], state
        assert page.evaluate(SMALL) == [], state
        assert page.evaluate("document.documentElement.scrollWidth") <= width, state


@pytest.mark.parametrize("size", [(320, 200), (480, 900), (1280, 500)])  # the first: 1280 x 800 at 400 %
def test_small_windows_need_no_scrolling_sideways(size, opened):
    page = opened(plane(), viewport=dict(zip(("width", "height"), size, strict=True)))
    page.locator(".card.neuron").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for control in ("#play", "#lr", "#export", "#map", "#details"):
        box = page.locator(control).bounding_box()
        assert 0 <= box["x"] <= size[0] - box["width"]
    before = page.evaluate("playground.colours.surface")
    page.locator("#theme").click()
    assert page.evaluate("playground.colours.surface") != before  # in pictures too


def test_names_are_text_wherever_they_are_shown_and_no_text_is_run(opened):
    every = "".join(NASTY)
    X = [[float(i * k % 7) for k in range(len(NASTY))] for i in range(8)]
    options = {"classes": [every, "other"], "title": every}
    model = MLP(len(NASTY), [2, 1], seed=1)
    many = playground(model, X, [0, 1] * 4, loss=binary_cross_entropy, features=NASTY, **options)
    for saved in (plane(features=[every, "b"], **options), many):
        page = opened(saved)
        page.locator(".card.neuron").first.click()
        title = page.locator("#title").evaluate("element => element.textContent")
        assert title == every.encode("utf-8", "replace").decode()
        assert page.locator("img, h1 b").count() == 0
        assert "eval(" not in saved.html
        assert "new Function" not in saved.html
        assert "default-src 'none'" in saved.html


def test_widget_takes_what_its_page_sends_and_nothing_else(opened, tmp_path):
    page = curve()
    state = json.dumps({"page": page.html, "title": "a page", "height": 400}).replace("<", "\\u003c")
    host = tmp_path / "notebook.html"
    host.write_text(
        f"""<!doctype html><div id="cell"></div><script type="module">
        {ESM.replace("export default", "const widget =")}
        const state = window.state = {state};
        const set = (name, value) => {{ state[name] = value; }};
        const model = {{ get: name => state[name], set, save_changes() {{}} }};
        widget.render({{ model, el: document.getElementById("cell") }});
        </script>""",
        encoding="utf-8",
    )
    notebook = opened(types.SimpleNamespace(save=lambda path: host))
    wait_until(notebook, "state.theta !== undefined")
    first = notebook.evaluate("state.theta")
    assert first == pytest.approx([p.data for p in page.parameters])
    frame = notebook.frames[1]
    frame.locator("#step").click()
    wait_until(notebook, f"JSON.stringify(state.theta) !== {json.dumps(json.dumps(first, separators=(',', ':')))}")
    assert notebook.evaluate("state.theta") == frame.evaluate("[...playground.training.theta]")
    notebook.evaluate("window.postMessage({ scalarAutograd: [1] }, '*')")
    notebook.wait_for_timeout(100)
    assert len(notebook.evaluate("state.theta")) == len(first)
