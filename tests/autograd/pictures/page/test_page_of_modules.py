"""The page of a network: what is folded, what opens on a click, and that cards, frames and lines have their places."""

import pytest

from autograd import Value, scope, sin
from tests.autograd.pictures.page.looking import (
    EVERYTHING_OPEN,
    assert_same_numbers,
    boxes,
    cards,
    in_python,
    last,
    numbers,
    story,
)

FOLDED = ["▸ Layer 1", "▸ Layer 2", "▸ Neuron", "▸ hinge"]
GRADIENTS_AT_THE_END = "view.plan.state(view.plan.steps.length - 1).gradients"


def test_network_opens_folded_and_boxes_open_and_close_on_a_click_or_by_enter_which_keeps_the_focus(opened, network):
    page = opened(network)
    assert boxes(page) == FOLDED
    about = ["Neuron ×16", "Neuron ×16", "2 operations, 17 leaves", "4 operations"]
    assert page.locator(".about").all_text_contents() == about
    assert page.locator(".frame").all_text_contents() == ["▾ MLP", "▾ Layer 3"]
    assert last(page) < 20
    assert_same_numbers(numbers(page), in_python(network), 1e-12)
    before = last(page)
    page.locator(".item.box").first.click()
    page.locator(".item.box").first.click()
    assert boxes(page) == [*(f"▸ Neuron {k}" for k in range(1, 17)), *FOLDED[1:]]
    assert last(page) == before + 30
    page.locator(".item.box").nth(4).click()
    assert {"w0", "w1", "b"} <= cards(page).keys()
    page.locator(".fold:has-text('Layer 1')").click()
    assert boxes(page) == FOLDED
    assert last(page) == before
    page.locator(".item.box").first.focus()
    for expanded in ("true", "false"):
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == expanded


def test_folded_steps_give_the_gradients_of_the_unfolded_ones(opened, network):
    page = opened(network)
    wanted = in_python(network)[1]
    for _ in range(2):
        assert page.evaluate(GRADIENTS_AT_THE_END) == pytest.approx(wanted, rel=1e-12, abs=1e-300)
        page.evaluate(EVERYTHING_OPEN)
    assert page.locator(".item.box").count() == 0
    assert last(page) > 250
    together = last(page)
    page.evaluate("for (const {id} of view.graph.nodes) view.plan.apart.add(id); view.plan.refresh()")
    assert page.evaluate("view.plan.steps.length - 1") > together + 400
    assert page.evaluate(GRADIENTS_AT_THE_END) == pytest.approx(wanted, rel=1e-12, abs=1e-300)


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


def test_boxes_that_need_each_other_are_walked_in_parts(opened):
    x = Value(0.5, "x")
    with scope("A"):
        one = sin(x)
    with scope("B"):
        two = one * one
    with scope("A"):
        pass
    with scope("C"):
        three = two + x
        with scope("inner"):
            four = three * 2.0
        five = four * three
    page = opened(five)
    page.evaluate("for (const box of view.plan.boxes) if (box.id && view.plan.open.has(box.id)) view.toggle(box.id)")
    assert_same_numbers(numbers(page), in_python(five))
    assert page.evaluate(GRADIENTS_AT_THE_END) == pytest.approx(in_python(five)[1])


OUTSIDE = """view.arranged.items.filter(item => {
    const node = item.node ?? view.contents(item.box)[0];
    const around = view.arranged.frames.filter(frame => view.contents(frame.box).includes(node));
    return !around.every(frame => frame.x <= item.x && item.x + item.w <= frame.x + frame.w
        && frame.y <= item.y && item.y + item.h <= frame.y + frame.h);
}).length"""
GAPS = """view.arranged.lines.filter(line => line.head && !line.opened[1]).map(line => {
    const item = view.arranged.items.find(one => one.key === line.head);
    const [x, y] = line.points.slice(-2);
    return Math.max(Math.abs(x - item.x), Math.max(0, item.y - y, y - item.y - item.h));
})"""
BENDS = """view.arranged.lines.flatMap(({points}) => {
    const found = [];
    for (let k = 6; k + 8 <= points.length - 2; k += 6) {
        const [ax, ay] = [points[k] - points[k - 2], points[k + 1] - points[k - 1]];
        const [bx, by] = [points[k + 2] - points[k], points[k + 3] - points[k + 1]];
        const lengths = Math.hypot(ax, ay) * Math.hypot(bx, by);
        if (lengths > 4) found.push((ax * bx + ay * by) / lengths);
    }
    return found;
})"""


def test_whatever_is_open_cards_do_not_overlap_frames_lie_around_and_lines_end_at_them_and_are_smooth(opened, network):
    page = opened(network)
    bends = []
    for _ in range(5):
        places = page.evaluate("view.arranged.items.map(({x, y, w, h}) => [x, y, w, h])")
        for i, (x, y, w, h) in enumerate(places):
            for u, v, m, n in places[:i]:
                assert x + w <= u + 1 or u + m <= x + 1 or y + h <= v + 1 or v + n <= y + 1
        assert page.evaluate(OUTSIDE) == 0
        gaps = page.evaluate(GAPS)
        assert gaps
        assert max(gaps) < 1
        bends += page.evaluate(BENDS)
        page.locator(".item.box").nth(0 if page.locator(".item.box").count() > 3 else 1).evaluate(
            "box => box.dispatchEvent(new MouseEvent('click'))"
        )
    assert len(bends) > 20
    assert min(bends) > 0.6  # the cosine of each bend


def test_smooth_with_everything_open(opened, network):
    page = opened(network)
    page.evaluate(EVERYTHING_OPEN)
    times = page.evaluate("""[...Array(40).keys()].map(k => {
        const before = performance.now();
        view.go(200 + k);
        return performance.now() - before;
    })""")
    assert sorted(times)[20] < 50  # milliseconds a step, on a slow machine that is busy with other tests
