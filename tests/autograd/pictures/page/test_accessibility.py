"""Accessibility of the page: axe-core finds nothing, letters have contrast and are large enough, changes are told."""

import pytest

from autograd import Value, dot, explore, tanh
from nn import MLP, hinge
from tests.autograd.pictures.page.looking import EVERYTHING_OPEN, named

RULES = """async () => (await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"],
})).violations.map(({id, nodes}) => [id, nodes.map(({html, failureSummary}) => html + failureSummary)])"""

CONTRAST = """
    const parse = colour => colour.match(/[\\d.]+/g).map(Number);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const contrast = (one, other) => {
        const [a, b] = [light(one), light(other)];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };"""

# The contrast of each piece of text outside of the graph with what lies below it.
TEXT = """() => { CONTRAST
    const behind = element => { for (let e = element; e; e = e.parentElement) {
        const colour = parse(getComputedStyle(e).backgroundColor);
        if (colour.length < 4 || colour[3] > 0) return colour; } return [255, 255, 255]; };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const hidden = element.closest("script, style, :disabled, svg") || !element.checkVisibility();
        if (hidden || !walker.currentNode.data.trim()) continue;
        found.push([walker.currentNode.data, contrast(parse(getComputedStyle(element).color), behind(element))]);
    }
    return found;
}""".replace("CONTRAST", CONTRAST)

# The contrast of each piece of text in an SVG with what lies below it there, and its height on the screen.
LETTERS = """() => { CONTRAST
    const covers = (shape, x, y) => {
        const box = shape.getBoundingClientRect();
        return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
    };
    const shapes = [...document.querySelectorAll("#picture rect")].filter(shape => {
        const fill = parse(getComputedStyle(shape).fill);
        return fill.length < 4 || fill[3] > 0;
    });
    const surface = parse(getComputedStyle(document.getElementById("stage")).backgroundColor);
    return [...document.querySelectorAll("#picture text, #picture tspan")].flatMap(text => {
        const letters = [...text.childNodes].some(one => one.nodeType === 3 && one.data.trim());
        if (!letters || !text.checkVisibility()) return [];
        const box = text.getBoundingClientRect();
        const [x, y] = [box.left + Math.min(box.width / 2, 3), box.top + box.height / 2];
        const before = shape => shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
        const below = shapes.filter(shape => covers(shape, x, y) && before(shape)).at(-1);
        const ground = below ? parse(getComputedStyle(below).fill) : surface;
        const size = parseFloat(getComputedStyle(text).fontSize) * view.viewport.scale;
        return [[text.textContent, contrast(parse(getComputedStyle(text).fill), ground), size]];
    });
}""".replace("CONTRAST", CONTRAST)


def small():
    return hinge([MLP(2, [4, 4, 1], activation="tanh", seed=1)([Value(1.0, "x0"), Value(-2.0, "x1")])], [-1])


def wide():
    return named(y=tanh(dot([Value(0.1 * k, f"w{k}") for k in range(8)], [Value(0.5, f"x{k}") for k in range(8)])))


def long():
    c = x = Value(0.9, "x")
    for _ in range(60):
        c = c * x
    return c


STATES = {  # one after the other
    "start": lambda page: None,
    "forward": lambda page: page.keyboard.press("ArrowRight"),
    "backward": lambda page: (page.keyboard.press("End"), page.keyboard.press("ArrowLeft")),
    "chosen": lambda page: (page.keyboard.press("End"), page.evaluate("view.choose(0)")),
    "asked": lambda page: (page.locator("#ask").check(), page.keyboard.press("Home"), page.keyboard.press(".")),
    "lecture": lambda page: (page.locator("#ask").uncheck(), page.evaluate("view.choose(0)"), page.keyboard.press("p")),
    "everything open": lambda page: (page.keyboard.press("p"), page.evaluate(EVERYTHING_OPEN)),
    "problem": lambda page: page.evaluate("view.assign(0, 1e308)"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("make", [small, wide], ids=["network", "wide"])
def test_axe_finds_nothing_in_any_state(make, width, scheme, axe, opened):
    page = opened(make(), viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(axe)
    for name, act in STATES.items():
        act(page)
        assert page.evaluate(RULES) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", [small, wide], ids=["network", "wide"])
def test_letters_have_contrast_and_in_the_graph_are_eleven_pixels_high_or_not_there(make, scheme, opened):
    page = opened(make(), color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(EVERYTHING_OPEN)
    page.evaluate("view.choose(0)")
    for place in range(0, page.evaluate("view.plan.steps.length"), 3):
        page.evaluate(f"view.go({place})")
        beside = page.evaluate(TEXT) if place % 15 == 0 else []
        assert [letters for letters in beside + page.evaluate(LETTERS) if letters[1] < 4.5] == []
    seen = 0
    for _ in range(8):
        found = page.evaluate(LETTERS)
        seen += len(found)
        assert [letters for letters in found if letters[2] < 10.99] == []
        page.keyboard.press("-")
    assert seen > 30


INSIDE = """() => {
    const stage = document.getElementById("scroller").getBoundingClientRect();
    const { key } = view.plan.steps[1].unit;
    const card = document.querySelector(`[data-key=${key}]`).getBoundingClientRect();
    return stage.left <= card.left && card.right <= stage.right + 1 && card.top >= stage.top
        && card.bottom <= stage.bottom + 1;
}"""


def test_page_opens_with_letters_of_eleven_pixels_and_the_first_step_in_sight_and_goes_back_there(opened, network):
    for root in (small(), wide(), long(), network):
        for width in (320, 900, 1280):
            page = opened(root, viewport={"width": width, "height": 800}, reduced_motion="reduce")
            assert page.evaluate(LETTERS)
            assert all(size >= 10.99 for *_, size in page.evaluate(LETTERS))
            assert page.evaluate(INSIDE), (width, root)
            for key in ("End", "Home"):
                page.keyboard.press(key)
            assert page.evaluate(INSIDE), (width, root)


def test_screen_readers_are_told_the_page_the_step_what_a_number_is_and_what_changes(opened, example):
    page = opened(example)
    told = [("story", "aria-live", "polite"), ("details", "aria-live", "polite"), ("result", "role", "status")]
    assert all(page.locator(f"#{place}").get_attribute(name) == value for place, name, value in told)
    assert page.locator("#result").inner_text() == "L = −8"
    page.keyboard.press("End")
    label = lambda key: page.locator(f"[data-key={key}]").get_attribute("aria-label")
    assert label("n2") == "e data −6 grad −2 ×, computed by * from a and b"
    assert label("n0") == "a data 2 grad 6, given number"
    assert page.locator("#slider").get_attribute("aria-valuetext") == "step 11 of 11, done"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input, select, [role=button]')].filter(e => "
        "!e.getAttribute('aria-label') && !e.textContent.trim() && !e.labels?.length).length"
    )
    assert unnamed == 0
    page.get_by_label("Value of b", exact=True).fill("4")
    assert page.locator("#result").inner_text() == "L = −36, dL/db = −4"
    assert 'title="The graph of v1 = x × 3"' in explore(Value(2.0, "x") * 3.0)._repr_html_()


def test_active_step_is_in_view_at_four_hundred_percent(opened, example):
    page = opened(example, viewport={"width": 320, "height": 200}, reduced_motion="reduce")
    seen = """() => {
        const card = document.querySelector(".item.active").getBoundingClientRect();
        const stage = document.getElementById("scroller").getBoundingClientRect();
        const x = (Math.max(card.left, stage.left) + Math.min(card.right, stage.right)) / 2;
        return document.elementFromPoint(x, (card.top + card.bottom) / 2)?.closest(".item.active") !== null;
    }"""
    for _ in range(page.evaluate("view.plan.steps.length - 2")):
        page.locator("#next").click()
        assert page.evaluate(seen), page.evaluate("view.position")
