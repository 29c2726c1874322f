"""What a reader sees of the page of a graph, and what it has computed."""

import pytest

from autograd import fsum
from autograd.engine.chain import topological_order

EVERYTHING_OPEN = "for (const box of view.plan.boxes) if (!view.plan.open.has(box.id)) view.toggle(box.id)"


def named(**nodes):
    """Give each node its name as a label, and return the last."""
    for label, node in nodes.items():
        node.label = label
    return node


def together(nodes, names="y"):
    """The sum of graphs, each with a name and a number as its label."""
    for number, node in enumerate(nodes):
        node.label = f"{names}{number}"
    return fsum(nodes)


def cards(page):
    """What the cards of the picture show, by name: data, and gradient."""
    found = page.evaluate(
        "[...document.querySelectorAll('.item.node')].map(card => "
        "[card.querySelector('.name')?.textContent, ...[...card.querySelectorAll('.figure')].map(f => f.textContent)])"
    )
    return {name: tuple(figures) for name, *figures in found}


def boxes(page):
    return page.evaluate("[...document.querySelectorAll('.item.box .title')].map(title => title.textContent)")


def story(page):
    return page.locator("#story").inner_text().replace("\u2009", " ")


def walk(page, shown=story):
    """Press Next until the end, and return what each step shows."""
    found = []
    for _ in range(last(page)):
        page.locator("#next").click()
        found.append(shown(page))
    return found


def details(page, node=None):
    """What the panel says of a node, which is chosen for it, or of what is chosen."""
    if node is not None:
        page.evaluate(f"view.choose({node}, true)")
    return page.locator("#details").inner_text()


def position(page):
    return int(page.locator("#slider").input_value())


def last(page):
    return int(page.locator("#slider").get_attribute("max"))


def ids(page):
    """The nodes that have a name, by it."""
    return page.evaluate("Object.fromEntries(view.graph.nodes.map(({ name, id }) => [name, id]))")


def place(page, child, k=0):
    """Go to the step in which a node hands its gradient on to an operand."""
    step = f"step.kind === 'backward' && step.node === {child} && step.k === {k}"
    page.evaluate(f"view.go(view.plan.steps.findIndex(step => {step}))")


def fill(page, label, value):
    page.get_by_label(f"Value of {label}", exact=True).fill(str(value))


def problem(page):
    return page.locator("#problem").inner_text()


def chosen(page):
    return page.locator(".chosen").count()


def play_button(page):
    return page.locator("#play").get_attribute("aria-label")


def numbers(page):
    """The values and gradients that the page has computed, in sorted order, in full precision."""
    return page.evaluate("[view.graph.values, view.graph.gradients]")


def in_python(root):
    root.zero_grad()
    root.backward()
    order = topological_order(root)
    return [[node.data for node in order], [node.grad for node in order]]


def assert_same_numbers(found, wanted, tolerance=1e-13):
    for some, others in zip(found, wanted, strict=True):
        assert some == pytest.approx(others, rel=tolerance, abs=1e-300)
