"""The site in a browser, with no network: `.ci/run` builds it and names its folder in SITE."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SITE = os.environ.get("SITE")
pytestmark = pytest.mark.skipif(SITE is None, reason="SITE names no built site (.ci/run builds one)")

COURSE = [f"course/{path.stem}.html" for path in sorted((ROOT / "notebooks").glob("0*.ipynb"))]
LIVE = ["index.html", "seeing.html", "faq.html", "derivatives.html", *COURSE[:3]]  # pages whose examples all run
PROGRAMS = {
    "micrograd": "from micrograd.engine import Value\nx = Value(3.0)\ny = x * x + 1\ny.backward()\nprint(x.grad)",
    "microgpt": """
class Value:
    def __init__(self, data, children=(), local_grads=()):
        self.data, self.grad, self._children, self._local_grads = data, 0, children, local_grads
    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), (other.data, self.data))
    def backward(self):
        raise NotImplementedError
x = Value(3.0)
y = x * x
y.backward()
print(x.grad)
""",
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    Quiet.extensions_map |= {".mjs": "text/javascript", ".wasm": "application/wasm"}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(address, contexts):
    page = contexts().new_page()
    outside, errors = [], []
    page.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or outside.append(r.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert (outside, errors) == ([], [])


def shown(page, number=0):
    """What an example shows, once it has run."""
    state = f"document.querySelectorAll('.live-output')[{number}].dataset.state"
    page.wait_for_function(f"['done', 'failed'].includes({state})", polling=100, timeout=120_000)
    return page.evaluate(state), page.locator(".live-output").nth(number)


@pytest.mark.parametrize("name", LIVE)
def test_every_example_of_a_page_runs(page, address, name):
    page.goto(address + name)
    page.evaluate("document.querySelectorAll('details').forEach((answer) => { answer.open = true })")
    runners = page.get_by_role("button", name="Run example")
    assert runners.count() > 0
    runners.last.click()  # which runs those before it too
    for number in range(runners.count()):
        state, output = shown(page, number)
        assert state == "done", output.inner_text()


def test_drawing_is_laid_out_in_the_page(page, address):
    page.goto(address + "index.html")
    page.get_by_role("button", name="Run example 2").click()
    _, output = shown(page, 1)
    assert output.locator("svg").count() == 1


def test_example_can_be_changed_stopped_and_put_back(page, address):
    page.goto(address + "faq.html")
    page.get_by_role("button", name="Run example 1").click()
    assert shown(page)[1].inner_text().strip() == "6.0"
    field = page.get_by_role("textbox", name="Python of example 1")
    before = field.input_value()
    field.fill("while True: pass")
    field.press("Control+Enter")
    page.get_by_role("button", name="Stop").first.click()
    assert shown(page)[0] == "failed"
    page.get_by_role("button", name="As it was").first.click()
    assert field.input_value() == before
    field.press("Control+Enter")
    assert shown(page)[1].inner_text().strip() == "6.0"


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_of_ones_own_shows_its_gradient_and_its_graph_and_a_link_carries_it(page, address, name):
    page.goto(address + "your_program.html")
    page.get_by_role("textbox", name="Your program").fill(PROGRAMS[name])
    page.get_by_role("button", name="Run and show its graph").click()
    state, output = shown(page)
    assert state == "done", output.inner_text()
    assert "6.0" in output.inner_text()
    assert output.locator("svg").count() == 1
    assert output.locator("iframe").count() == 1
    page.get_by_role("button", name="Link to this program").click()
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert page.get_by_role("textbox", name="Your program").input_value() == PROGRAMS[name]
    assert page.locator(".live-output").inner_text() == ""  # it is not run before it is asked for


def test_page_without_javascript_is_what_it_was():
    text = Path(SITE, "index.html").read_text(encoding="utf-8")
    assert "live-bar" not in text
    assert "&gt;&gt;&gt; " in text
