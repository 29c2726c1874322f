"""Pages of playgrounds in a real browser; at the end of a test nothing may have gone wrong on them, or left them."""

import pytest

from tests.autograd.pictures.page.conftest import browser, contexts  # noqa: F401
from tests.autograd.pictures.page.test_accessibility import axe  # noqa: F401


@pytest.fixture
def opened(contexts, tmp_path):  # noqa: F811
    """A function that opens a playground."""
    pages, trouble = [], []

    def opened(playground, **options):
        file = playground.save(tmp_path / f"page{len(pages)}.html")
        page = contexts(**options).new_page()
        pages.append(page)
        page.set_default_timeout(20_000)
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
