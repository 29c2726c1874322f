"""Accessibility of the page: axe-core finds nothing, letters have contrast and are large enough, changes are told."""

import pytest

from autograd import Value, dot, explore, tanh
from nn import MLP, hinge

RULES = """async () => (await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"],
})).violations.map(({id, nodes}) => [id, nodes.map(({html, failureSummary}) => html + failureSummary)])"""

# The contrast of each piece of text in an SVG with what lies below it there, and its height on the screen.
LETTERS = """() => {
    const parse = colour => colour.match(/[\\d.]+/g).map(Number);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
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
        const [a, b] = [light(parse(getComputedStyle(text).fill)), light(ground)];
        const size = parseFloat(getComputedStyle(text).fontSize) * view.viewport.scale;
        return [[text.textContent, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size]];
    });
}"""


def network():
    model = MLP(2, [4, 4, 1], activation="tanh", seed=1)
    return hinge([model([Value(1.0, "x0"), Value(-2.0, "x1")])], [-1])


def wide():
    y = tanh(dot([Value(0.1 * k, f"w{k}") for k in range(8)], [Value(0.5, f"x{k}") for k in range(8)]))
    y.label = "y"
    return y


STATES = {
    "start": lambda page: None,
    "forward": lambda page: page.keyboard.press("ArrowRight"),
    "backward": lambda page: (page.keyboard.press("End"), page.keyboard.press("ArrowLeft")),
    "chosen": lambda page: (page.keyboard.press("End"), page.evaluate("view.choose(0)")),
    "asked": lambda page: (page.locator("#ask").check(), page.keyboard.press("ArrowRight")),
    "problem": lambda page: page.evaluate("view.assign(0, 1e308)"),
    "lecture": lambda page: page.keyboard.press("p"),
    "everything open": lambda page: page.evaluate(
        "for (const box of view.plan.boxes) if (!view.plan.open.has(box.id)) view.toggle(box.id)"
    ),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("make", [network, wide], ids=["network", "wide"])
def test_axe_finds_nothing_in_any_state(make, width, scheme, axe, opened):
    for name, act in STATES.items():
        page = opened(make(), viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
        act(page)
        page.evaluate(axe)
        assert page.evaluate(RULES) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("make", [network, wide], ids=["network", "wide"])
def test_letters_in_the_graph_have_contrast_and_are_eleven_pixels_high_or_not_there(make, scheme, opened):
    page = opened(make(), color_scheme=scheme, reduced_motion="reduce")
    STATES["everything open"](page)
    least, seen = [], 0
    for place in range(0, page.evaluate("view.plan.steps.length"), 3):
        page.evaluate(f"view.go({place})")
        least += [letters for letters in page.evaluate(LETTERS) if letters[1] < 4.5]
    assert least == []
    for _ in range(8):
        found = page.evaluate(LETTERS)
        seen += len(found)
        assert [letters for letters in found if letters[2] < 10.99] == []
        page.keyboard.press("-")
    assert seen > 30


def test_page_opens_with_letters_of_eleven_pixels_and_the_result_in_sight(opened):
    for root in (network(), wide(), hinge([MLP(2, [16, 16, 1], seed=1)([1.0, 2.0])], [-1])):
        for width in (320, 900, 1280):
            page = opened(root, viewport={"width": width, "height": 800}, reduced_motion="reduce")
            assert page.evaluate(LETTERS)
            assert all(size >= 10.99 for *_, size in page.evaluate(LETTERS))
            inside = """() => {
                const stage = document.getElementById("scroller").getBoundingClientRect();
                const card = document.querySelector(".item.root").getBoundingClientRect();
                return stage.left <= card.left && card.right <= stage.right + 1 && card.top >= stage.top
                    && card.bottom <= stage.bottom + 1;
            }"""
            assert page.evaluate(inside), (width, root)


def test_name_of_a_node_tells_its_operands_and_begins_with_what_is_seen(opened, example):
    page = opened(example)
    page.keyboard.press("End")
    named = {
        element.get_attribute("data-key"): element.get_attribute("aria-label")
        for element in page.locator(".item.node").all()
    }
    assert named["n2"] == "e data −6 grad −2 ×, computed by * from a and b"
    assert named["n0"] == "a data 2 grad 6, given number"


def test_changes_are_announced(opened, example):
    page = opened(example)
    assert page.locator("#result").get_attribute("role") == "status"
    assert page.locator("#details").get_attribute("aria-live") == "polite"
    assert page.locator("#result").inner_text() == "L = −8"
    page.get_by_label("Value of b", exact=True).fill("4")
    assert page.locator("#result").inner_text() == "L = −36, dL/db = −4"


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


def test_page_of_a_value_is_labelled_for_screen_readers():
    shown = explore(Value(2.0, "x") * 3.0)._repr_html_()
    assert 'title="The graph of v1 = x × 3"' in shown
