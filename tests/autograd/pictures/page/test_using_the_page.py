"""What a reader does with the page: by buttons, keys, mouse and fingers, in a lecture; and that no label does harm."""

import math
import re
from itertools import pairwise

import pytest

import autograd as ad
from autograd import Constant, Value, explore, operation, scope, tanh
from tests.autograd.pictures.page.looking import (
    EVERYTHING_OPEN,
    boxes,
    cards,
    chosen,
    details,
    fill,
    ids,
    last,
    named,
    numbers,
    play_button,
    position,
    problem,
    story,
    together,
)
from tests.pages import wait_until

CALM = {"reduced_motion": "reduce"}


def window(width, height):
    return {"viewport": {"width": width, "height": height}}


# Buttons, keys and time


def test_buttons_slider_and_keys_move_through_the_steps(opened, example):
    page = opened(example)
    assert page.locator("#back").is_disabled()
    for button, step in (("last", 11), ("back", 10), ("first", 0), ("next", 1)):
        page.locator(f"#{button}").click()
        assert position(page) == step
        assert page.locator("#next").is_disabled() == (step == last(page) == 11)
    page.locator("#slider").fill("3")
    assert "L = d × f" in story(page)
    assert cards(page)["L"] == ("−8", "not yet")
    keys = [("ArrowRight", 4), (".", 5), ("ArrowLeft", 4), (",", 3), ("End", 11), ("Home", 0)]
    for key, step in keys:
        page.keyboard.press(key)
        assert position(page) == step
    assert cards(page)["L"] == ("?", "not yet")
    for name in ("Pause", "Play"):
        page.keyboard.press("Space")
        assert play_button(page) == name
    width = lambda: page.locator("#picture").bounding_box()["width"]
    before, scales = width(), []
    for key in "+0-":
        page.keyboard.press(key)
        scales.append(width() / before)
    assert scales[0] > 1.2 > 1.0 > scales[2]
    assert scales[1] == pytest.approx(1.0, rel=0.01)


def test_play_runs_to_the_end_and_can_be_paused(opened, example):
    page = opened(example)
    page.clock.install()
    page.locator("#speed").select_option("5")
    page.locator("#play").click()
    page.clock.run_for(1000)
    assert play_button(page) == "Pause"
    page.locator("#play").click()
    paused = position(page)
    assert 0 < paused < last(page)
    page.clock.run_for(5000)
    assert position(page) == paused
    page.locator("#play").click()
    page.clock.run_for(20_000)
    assert position(page) == last(page)
    assert play_button(page) == "Play"


def test_step_is_shown_as_long_as_its_words_take_and_as_the_speed_says(opened, example):
    page = opened(example)
    words, pauses = [], []
    for step in (1, 8):
        page.evaluate(f"view.go({step})")
        words.append(len(story(page).split()))
        pauses.append(page.evaluate("view.pause()"))
    assert words[1] > 1.5 * words[0]
    assert pauses[1] > 1.3 * pauses[0]
    page.clock.install()
    found = []
    for speed in ("0.5", "1", "5"):
        page.evaluate("view.go(0)")
        page.locator("#speed").select_option(speed)
        page.locator("#play").click()
        page.clock.run_for(25_000)
        found.append(position(page))
        if found[-1] < last(page):
            page.locator("#play").click()
    assert 0 < found[0] < found[1] < found[2] == 11


def test_everything_is_reached_by_tab_and_in_the_graph_which_is_one_stop_by_arrow_keys(opened, example):
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
    assert len([stop for stop in stops if " data " in stop]) == 1
    assert {"theme", "play", "next", "slider", "speed", "fit", "Value of a", "Slide f"} <= set(stops)
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
        for name in ("Pause", "Play"):
            page.keyboard.press("Space")
            assert play_button(page) == name, target


# Choosing and dragging


def test_number_is_chosen_by_a_click_or_its_field_and_let_go_by_another_click_or_escape(opened, example):
    page = opened(example)
    leaf = page.locator("[data-key=n0]")
    for leave in (leaf.click, lambda: page.keyboard.press("Escape")):
        leaf.click()
        assert chosen(page) == 1
        leave()
        assert chosen(page) == 0
    page.get_by_label("Value of a", exact=True).focus()
    assert chosen(page) == 1
    for count in (1, 0):  # what was chosen by its field stays chosen at a click
        leaf.click()
        assert chosen(page) == count
    box = leaf.bounding_box()
    x, y = box["x"] + 80, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=5)
    page.mouse.up()
    assert page.evaluate("view.graph.given[0]") == 2.5
    assert chosen(page) == 1
    leaf.click()  # a click after it is a click again
    assert chosen(page) == 0


COVERED = """() => {
    const box = element => element.getBoundingClientRect();
    const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const cut = (a, b) => ({left: Math.max(a.left, b.left), right: Math.min(a.right, b.right),
                            top: Math.max(a.top, b.top), bottom: Math.min(a.bottom, b.bottom)});
    const stage = box(document.getElementById("scroller"));
    const tools = ["map", "view"].map(id => box(document.getElementById(id)));
    return [...document.querySelectorAll(".item")].filter(card => meets(box(card), stage)
        && tools.some(tool => meets(cut(box(card), stage), tool))).map(card => card.textContent);
}"""


def horner(degree):
    x, y = Value(0.5, "x"), Value(float(degree), f"c{degree}")
    for k in reversed(range(degree)):
        y = y * x + Value(float(k), f"c{k}")
    return y


@pytest.mark.parametrize("size", [(1280, 800), (1280, 720), (390, 844)])
def test_map_and_buttons_cover_no_card_and_a_step_is_seen_with_its_operands(opened, network, size):
    chain = Value(0.5, "w0")
    for k in range(1, 10):
        chain = tanh(chain * Value(0.1 * k, f"w{k}"))
    for root in (horner(11), chain, network):
        page = opened(root, **window(*size), **CALM)
        for step in (0, 1, 3, last(page) - 1):
            page.evaluate(f"view.go({step})")
            assert page.evaluate(COVERED) == []
    page = opened(chain, **window(*size), **CALM)
    for name in ("w0", "w1"):  # the first product's, above and below each other
        card, stage = (page.locator(of).bounding_box() for of in (f".item:has-text('{name}')", "#scroller"))
        assert stage["x"] <= card["x"]
        assert stage["y"] <= card["y"] <= stage["y"] + stage["height"] - card["height"]


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
    assert chosen(page) == 0
    assert page.locator("#map-seen").bounding_box()["x"] != seen["x"]
    page.locator("#map").click(position={"x": 150, "y": 20})
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
    page = opened(network, **window(400, 600), **CALM)
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


# A lecture


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
    page.evaluate("view.choose(view.graph.root); view.go(3)")
    assert "Predict first. What is L = d × f?" in story(page)
    seen = "document.body.innerText + [...document.querySelectorAll('[aria-label]')].map(e => e.ariaLabel)"
    assert "−8" not in page.evaluate(seen)
    page.get_by_text("Show", exact=True).click()
    assert "−8" in page.evaluate(seen)
    page.evaluate("view.choose(0)")
    page.locator("#slider").evaluate("s => { s.value = s.max - 1; s.dispatchEvent(new Event('input')); }")
    for node, name in enumerate("ab"):
        asked = f"the share that {name} gets" in story(page)
        assert ("Where its gradient comes from is shown" in details(page, node)) == asked
    page.evaluate("view.go(9)")
    assert "the share that a gets from e: dL/de · ∂e/∂a?" in story(page)
    assert cards(page)["a"][1] == "?"
    page.get_by_text("Show", exact=True).click()
    assert "dL/da += dL/de · ∂e/∂a = −2 × (−3) = 6" in story(page)
    page.locator("#ask").click()
    page.evaluate("view.go(2)")
    assert "d = e + c = −6 + 10 = 4" in story(page)
    page.locator("#ask").click()
    page.locator("#link").click()
    assert "&ask" in page.evaluate("location.hash")
    page.locator("#ask").click()
    assert "Predict first" not in story(page)
    page.evaluate("view.follow(location.hash)")
    assert "Predict first. What is d = e + c?" in story(page)
    assert page.locator("#ask").is_checked()


def test_infinite_number_is_predicted_by_its_name_only(opened):
    for text in ("∞", "inf"):
        page = opened(Value(1e200, "a") * Value(-1e200, "b"))
        page.locator("#ask").click()
        page.keyboard.press("ArrowRight")
        for answer in ("1e300", "-5", text, f"-{text}"):
            assert "Predict first" in story(page)
            page.get_by_label("Your answer").fill(answer)
            page.keyboard.press("Enter")
        assert "= −∞" in story(page)


def test_undefined_number_is_predicted_by_its_name_only(opened):
    for text in ("nan", "NaN", " undefined"):
        page = opened(ad.floor(ad.sqrt(Value(0.0, "x"))))  # of which the gradient is nan
        page.locator("#ask").click()
        page.evaluate("view.go(view.plan.steps.findLastIndex((step) => step.kind === 'backward'))")
        for answer in ("", "hello", "0", "inf", "nano", text):
            assert "Predict first" in story(page)
            page.get_by_label("Your answer").fill(answer)
            page.keyboard.press("Enter")
        assert "= undefined" in story(page)


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
    page = opened(x * 2.0 + x * 5.0)
    page.locator("#ask").click()
    page.evaluate("view.go(view.plan.steps.findLastIndex((step) => step.kind === 'backward'))")
    page.get_by_label("Your answer").fill("7")
    page.keyboard.press("Enter")
    assert "That is the whole gradient, of all arrows." in story(page)


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
    page.goto(address.partition("#")[0] + "#step=-7&open=99.x&number=1e9&given=5000:1,x:y,0:Infinity")
    page.reload()
    assert position(page) == 0
    assert page.locator("#reset").is_disabled()


def test_link_leads_to_the_numbers_that_were_changed(opened, example):
    page = opened(example)
    fill(page, "a", -2.5e21)
    fill(page, "c", "1,5")
    page.locator("#link").click()
    wanted, address = numbers(page), page.url
    assert wanted[0][:1] == [-2.5e21]
    page.goto("about:blank")
    page.goto(address)
    assert numbers(page) == wanted
    page.goto(f"{address.partition('#')[0]}#step=0&open=")
    assert page.locator("#reset").is_disabled()


def test_message_about_a_link_moves_nothing(opened, example):
    page = opened(example)
    place = "JSON.stringify([...document.querySelectorAll('h1, #stage, #link')].map(e => e.getBoundingClientRect()))"
    before = page.evaluate(place)
    page.locator("#link").click()
    assert page.locator("#linked").is_visible()
    assert page.evaluate(place) == before


# How numbers are written


WIDTHS = """() => [...document.querySelectorAll("#picture .item")].flatMap(item => {
    const card = item.querySelector(".card").getBoundingClientRect();
    return [...item.querySelectorAll("[data-room]")].map(text => text.getBoundingClientRect())
        .filter(text => text.width).map(text => [card.right - text.right, text.left - card.left]);
}).flat()"""


@pytest.mark.parametrize("exponent", [0, *range(5, 21, 5), 101])
def test_no_number_leaves_its_card(opened, exponent):
    large, small = -8.8888 * 10.0**exponent, -8.8888 * 10.0**-exponent
    x, w, k = Value(large, "x"), Value(small, "w"), Constant(large)
    with scope("box"):
        y = k * x * w
    page = opened(y * x + x + w + k * small)
    page.evaluate(f"for (const box of view.plan.boxes) if (box.id && {exponent} % 2) view.toggle(box.id)")
    for _ in range(last(page)):
        page.keyboard.press("ArrowRight")
        assert min(page.evaluate(WIDTHS)) > 1
    for _ in range(8):
        page.locator("#smaller").click()
        assert min(page.evaluate(WIDTHS), default=0) >= 0


def test_energy_of_a_mass_fits_its_cards_and_the_panel(opened):
    c, m = Value(299792458.0, "c"), Value(80.0, "m")
    page = opened(named(E=m * c**2))
    page.keyboard.press("End")
    assert cards(page) == {
        "c": ("2.998e+08", "4.797e+10"),
        "m": ("80", "8.988e+16"),
        "v1": ("8.988e+16", "80"),
        "E": ("7.19e+18", "1"),
    }
    assert min(page.evaluate(WIDTHS)) > 1
    assert "= (2.998e+08)² = 8.988e+16" in details(page, ids(page)["v1"])
    for node in range(4):
        details(page, node)
        assert page.locator("#panel").evaluate("panel => panel.scrollWidth <= panel.clientWidth")


# Colours, sizes, motion


def test_colours_of_gradients_are_their_signs_as_in_draw(opened, example):
    page = opened(example)
    page.keyboard.press("End")
    figures = "[...document.querySelectorAll('.grad .figure')]"
    colours = page.evaluate(f"{figures}.map(f => [f.textContent, getComputedStyle(f).fill])")
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
    assert "orange above zero and blue below" in page.locator("#help").inner_text()


def test_colours_follow_the_system_and_the_button(opened, example):
    background = "getComputedStyle(document.body).backgroundColor"
    found = []
    for scheme in ("light", "dark"):
        page = opened(example, color_scheme=scheme)
        found.append(page.evaluate(background))
        page.locator("#theme").click()
        found.append(page.evaluate(background))
    dark, light = "rgb(20, 23, 28)", "rgb(250, 249, 246)"
    assert found == [light, dark, dark, light]


@pytest.mark.parametrize("size", [(320, 200), (320, 640), (480, 900), (1280, 500)])  # the first: 1280 x 800 at 400 %
def test_small_windows_need_no_scrolling_sideways(size, opened, example):
    page = opened(example, **window(*size))
    page.locator("[data-key=n0]").focus()
    page.keyboard.press("Enter")
    page.locator("#slider").fill("9")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for control in ("#play", "#next", "#slider", "#reset", "#story"):
        box = page.locator(control).bounding_box()
        assert 0 <= box["x"] <= size[0] - box["width"]


@pytest.mark.parametrize("size", [(320, 640), (640, 320), (320, 200)])
def test_buttons_cover_nothing_on_a_small_window(size, opened, network):
    page = opened(network, **window(*size), **CALM)
    page.evaluate("view.go(5)")
    places = [page.locator(f"#{name}").bounding_box() for name in ("stage", "transport", "story")]
    assert page.locator("#transport").evaluate("e => getComputedStyle(e).position") == "static"
    for above, below in pairwise(places):
        assert above["y"] + above["height"] <= below["y"] + 1


def test_reduced_motion_is_respected(opened, example):
    calm = opened(example, **CALM)
    calm.locator("#slider").fill("6")
    style = """[getComputedStyle(document.querySelector('.item')).transitionDuration,
        getComputedStyle(document.querySelector('.line.backward')).animationName]"""
    assert calm.evaluate(style) == ["0s", "none"]


# Safety

NASTY = [
    "<script>alert(1)</script>", "</script><script>alert(2)</script>", "<img src=x onerror=alert(3)>",
    "\"'`\\ \\n \\u003c", "<!-- <script> ]]> {{graph}} {{script}}", "${alert(4)}", "🦉 naïve 数",
    "\u202eRTL\u202c שלום مرحبا", "line\u2028separator\u2029\nnext\x00\x07", "&lt;b&gt;&amp;", "__proto__",
    "constructor",
]  # fmt: skip


def test_labels_and_names_of_own_operations_are_text_wherever_they_are_shown(opened):
    made = []
    for label in NASTY:
        x = Value(2.0, label)
        with scope(label):
            made.append(x * x + Constant(3.0, label))
    root = together(made)
    for y, label in zip([*made, root], [*NASTY, "".join(NASTY)], strict=True):
        y.label = label
    page = opened(root)
    page.evaluate(EVERYTHING_OPEN)
    nodes = page.evaluate("view.graph.nodes.filter(node => node.kind === 'leaf').map(({ name, id }) => [name, id])")
    assert [name for name, _ in nodes] == NASTY
    for name, node in nodes:
        page.locator(f"[data-key=n{node}]").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.querySelector('#details .name').textContent") == name
    for _ in range(last(page) + 1):
        page.keyboard.press(".")
    assert [page.locator(kind).count() for kind in ("script", "img, b b, iframe")] == [3, 0]
    nasty = operation("</script><script>alert(1)</script>", math.sin, lambda y, x: math.cos(x))
    page = opened(nasty(Value(1.0, "x")))
    fill(page, "x", 2.0)
    assert "</script><script>alert(1)</script> is an operation" in problem(page)


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
