"""A real browser: Debian's Chromium, driven by Playwright. Where one of them is absent, its tests are skipped."""

import os
import shutil

import pytest

from autograd import Value, explore

ARGUMENTS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="package")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the page's tests need playwright")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("the page's tests need Chromium: apt-get install chromium, or set CHROMIUM to one")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def contexts(browser):
    """Contexts of the browser by their options, each made once."""
    made = {}

    def context(**options):
        key = repr(sorted(options.items()))
        if key not in made:
            made[key] = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        return made[key]

    return context


@pytest.fixture
def opened(contexts, tmp_path):
    """A function that opens the page of a graph; at the end, nothing may have gone wrong or left the page."""
    pages, trouble = [], []

    def opened(root, **options):
        file = explore(root).save(tmp_path / f"page{len(pages)}.html")
        page = contexts(**options).new_page()
        pages.append(page)
        page.set_default_timeout(10_000)
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: request.url == file.as_uri() or trouble.append(f"request: {request.url}"))
        page.goto(file.as_uri())
        return page

    yield opened
    for page in pages:
        page.close()
    assert trouble == []


@pytest.fixture
def example():
    """The expression of the README, with a label for everything."""
    a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
    e = a * b
    d = e + c
    L = d * f
    e.label, d.label, L.label = "e", "d", "L"
    return L
