"""The site in a browser, with no network: `.ci/run` builds it and names its folder in SITE."""

import functools
import html.parser
import http.server
import os
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SITE = os.environ.get("SITE")
pytestmark = pytest.mark.skipif(SITE is None, reason="SITE names no built site (.ci/run builds one)")

COURSE = [f"course/{path.stem}.html" for path in sorted((ROOT / "notebooks").glob("0*.ipynb"))]
# What a newcomer asks, by the words of the start page, and what the answer holds, at most one link away.
QUESTIONS = {
    "draw a graph": ">>> picture = draw(y", "second derivative": "grad(grad(cube))",
    "operation of my own": '= operation("gaussian", ', "train on a CSV file": "read_csv(",
    "compile it": ">>> program = compile(loss", "program to C": ">>> source = to_c(", "run on a GPU": 'backend="jax"',
    "cite it": "@software{", "report a fault": 'version("scalar-autograd")',
    "gradients add up": ">>> (x * x).backward()",
}  # fmt: skip
LIVE = ["index", "seeing", "faq", "derivatives", "own_operations", "community", "idea"]  # whose examples all run
LIVE = [*(f"{name}.html" for name in LIVE), *COURSE[:3]]
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


class Text(html.parser.HTMLParser):
    """The text of a page, of each of its sections by id, and of each row of its tables, with the links in the row."""

    def __init__(self, name):
        super().__init__()
        self.sections, self.around = {"": ""}, [""]
        self.rows, self.in_row = [], False
        self.feed(Path(SITE, name).read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "section":
            self.around.append(attributes["id"])
            self.sections[attributes["id"]] = ""
        elif tag == "tr":
            self.in_row = True
            self.rows.append(["", []])
        elif tag == "a" and self.in_row:
            self.rows[-1][1].append(attributes["href"])

    def handle_endtag(self, tag):
        if tag == "section":
            self.around.pop()
        elif tag == "tr":
            self.in_row = False

    def handle_data(self, data):
        for name in self.around:
            self.sections[name] += data
        if self.in_row:
            self.rows[-1][0] += data


@functools.cache
def text(name):
    return Text(name)


def answers(question):
    """The page and the section to which the start page's row with these words leads, link after link."""
    (links,) = [links for words, links in text("index.html").rows if question in words]
    return [tuple(link.partition("#")[::2]) for link in links]


def test_every_link_of_the_start_page_leads_to_a_section():
    links = [link.partition("#") for _, links in text("index.html").rows for link in links]
    assert len(links) >= len(QUESTIONS)
    for name, _, section in links:
        assert section in text(name).sections


def test_answer_of_a_newcomers_question_is_one_link_from_the_start_page():
    for question, answer in QUESTIONS.items():
        name, section = answers(question)[0]
        assert answer in text(name).sections[section], question


@pytest.mark.parametrize("question", QUESTIONS)
def test_search_for_the_words_of_a_question_finds_its_page(page, address, question):
    page.goto(f"{address}search.html?q={question.replace(' ', '+')}")
    results = page.locator("#search-results li a")
    results.first.wait_for(timeout=20_000)
    wanted = {name for name, _ in answers(question)}
    assert wanted & {link.get_attribute("href").partition("#")[0].partition("?")[0] for link in results.all()[:5]}


def test_page_without_javascript_is_what_it_was():
    text = Path(SITE, "index.html").read_text(encoding="utf-8")
    assert "live-bar" not in text
    assert "&gt;&gt;&gt; " in text


def steps(frame):
    """Press Step on an explorer or a playground, and say whether something happened."""
    button = frame.get_by_role("button", name="Step", exact=True)
    button.wait_for(timeout=20_000)
    before = frame.locator("body").inner_text()
    button.click()
    button.page.wait_for_timeout(500)
    return frame.locator("body").inner_text() != before


@pytest.mark.parametrize("name", ["seeing.html", "training.html"])
def test_explorer_and_playground_live_in_the_page_without_python(page, address, name):
    page.goto(address + name)
    page.locator("iframe.shown-page").scroll_into_view_if_needed()
    assert steps(page.frame_locator("iframe.shown-page"))
    assert page.locator(".live-output").filter(has_text="Python starts").count() == 0


def test_cell_that_ends_in_an_explorer_shows_it_alive(page, address):
    page.goto(address + "seeing.html")
    page.get_by_role("button", name="Run example").last.click()
    shown(page, page.locator(".live-output").count() - 1)
    assert steps(page.frame_locator(".live-output iframe"))
