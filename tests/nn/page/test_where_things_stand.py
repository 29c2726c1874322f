"""Where things stand on the page of a playground, and what keys and clicks do there: large windows, phones, zoom."""

import re

import pytest

from nn import MLP
from tests.nn.page.networks import PAGES, plane, signed, text
from tests.pages import wait_until

WINDOWS = {"desktop": (1280, 800), "phone": (320, 640), "lying phone": (640, 320), "400 %": (320, 200)}
INSIDE = """([inner, outer]) => {
    const [a, b] = [inner, outer].map(id => document.querySelector(id).getBoundingClientRect());
    return a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1; }"""


def many_layers():
    return signed(MLP(2, [*[6] * 9, 1], "relu", seed=1))


def window(name):
    width, height = WINDOWS[name]
    return {"viewport": {"width": width, "height": height}, "reduced_motion": "reduce"}


@pytest.mark.parametrize("name", WINDOWS)
def test_layers_out_of_sight_are_told_and_can_be_reached(name, opened):
    page = opened(many_layers(), **window(name))
    assert page.locator("#sideways").is_visible()
    assert re.fullmatch(r"\d+ layers ›", text(page, "#further"))
    assert page.locator("#nearer").is_disabled()
    assert "mask" in page.locator("#scroller").evaluate("e => getComputedStyle(e).maskImage + ' mask'")
    for _ in range(20):
        if page.locator("#further").is_disabled():
            break
        before = page.evaluate("document.getElementById('scroller').scrollLeft")
        page.locator("#further").click()
        wait_until(page, f"document.getElementById('scroller').scrollLeft > {before}")
        page.wait_for_timeout(50)
    assert page.locator("#further").is_disabled()
    last = page.locator(".card.output").bounding_box()
    frame = page.locator("#scroller").bounding_box()
    assert last["x"] + last["width"] <= frame["x"] + frame["width"] + 1
    assert re.fullmatch(r"‹ \d+ layers", text(page, "#nearer"))


def test_network_that_fits_has_no_hint(opened):
    page = opened(plane())
    assert page.locator("#sideways").is_hidden()
    assert page.locator("#scroller").evaluate("e => getComputedStyle(e).maskImage") == "none"


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("kind", PAGES)
def test_details_cover_neither_the_cards_nor_their_own_heading(kind, name, opened):
    page = opened(PAGES[kind](), **window(name))
    page.locator(".card.neuron").nth(2).click()
    network, details = (page.locator(place).bounding_box() for place in ("#network", "#details"))
    assert details["y"] >= network["y"] + network["height"] - 1
    heading, close = (page.locator(f"#details {place}").bounding_box() for place in ("h2", ".close"))
    assert heading["x"] + heading["width"] <= close["x"] + 1
    assert page.evaluate(INSIDE, [".card[aria-pressed=true]", "#scroller"])
    fixed = """() => [...document.querySelectorAll("body *")].filter(element =>
        ["sticky", "fixed"].includes(getComputedStyle(element).position) && element.checkVisibility()
    ).map(element => element.id)"""
    assert name == "desktop" or page.evaluate(fixed) == []  # on small windows nothing stays above the rest
    if name in ("desktop", "phone"):  # there is room for both
        assert details["y"] < WINDOWS[name][1] - 60
        card = page.locator(".card[aria-pressed=true]").bounding_box()
        assert 0 <= card["y"] < details["y"]


def test_choice_in_the_last_layer_brings_its_card_into_sight(opened):
    page = opened(many_layers(), **window("desktop"))
    page.evaluate("playground.choose({ kind: 'neuron', index: playground.model.cards.length - 1 })")
    assert page.evaluate(INSIDE, [".card[aria-pressed=true]", "#scroller"])


CLICKED = {
    "radio": lambda page: page.get_by_label("their last gradients").click(),
    "step": lambda page: page.locator("#step").click(),
    "card": lambda page: page.locator(".card.neuron").nth(1).click(),
    "summary": lambda page: page.locator("#help summary").click(),
    "theme": lambda page: page.locator("#theme").click(),
    "checkbox": lambda page: (
        page.locator("#optimizer").select_option("SGD"),
        page.locator("#more summary").click(),
        page.get_by_label("nesterov").click(),
    ),
}


def test_space_plays_after_a_click_on_anything(opened):
    page = opened(plane())
    steps = lambda: page.evaluate("playground.training.steps")
    for name, click in CLICKED.items():
        click(page)
        before = steps()
        page.keyboard.press(" ")
        assert page.evaluate("playground.playing"), name
        wait_until(page, f"playground.training.steps > {before}")
        page.keyboard.press(" ")
        assert not page.evaluate("playground.playing"), name
        before = steps()
        page.keyboard.press("ArrowRight")
        assert steps() == before + 1, name


def test_radio_that_was_reached_by_keys_is_chosen_by_them_and_a_dialog_keeps_the_focus_that_it_was_given(opened):
    page = opened(plane())
    page.locator("[name=lines]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("playground.network.lines") == "gradients"
    assert page.evaluate("document.activeElement.value") == "gradients"
    assert page.evaluate("playground.training.steps") == 0
    for button in ("export", "copy"):
        page.locator(f"#{button}").click()
        assert page.evaluate("document.getElementById('python').contains(document.activeElement)")
