"""A real browser for the page's tests: one for the run, a page of its own for each test.

Without a browser the tests are skipped, loudly; with CI set that is a failure. Every test ends by
asserting that the page wrote no error to its console and broke no policy.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from tests.e2e.browser import FLAGS, HOW_TO_GET_ONE, find_browser
from tests.e2e.mock_server import MockServer
from tests.e2e.studio import Studio

VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
OpenStudio = Callable[..., Studio]
#: how long a page may take on a machine that has other things to do; how fast it is, test_load.py tells
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for the whole run."""
    path = find_browser()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW_TO_GET_ONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def server() -> Iterator[MockServer]:
    """A stand-in of the test's own: what the page before sent late reaches nobody."""
    server = MockServer()
    yield server
    server.close()


@pytest.fixture
def new_studio(browser: Browser, server: MockServer) -> Iterator[OpenStudio]:
    """Make pages, each in a context of its own: `new_studio(user="bob", locale="tr-TR", …)`."""
    made: list[Studio] = []

    def make(user: str | None = None, **options: Any) -> Studio:
        context = browser.new_context(**{"viewport": VIEWPORT, "locale": "en-GB", **options})
        if user:
            context.add_cookies([{"name": "mock_user", "value": user, "url": server.url}])
        studio = Studio(context.new_page(), server=server)
        made.append(studio)
        return studio

    yield make
    for studio in made:
        studio.page.context.close()
    assert [complaint for studio in made for complaint in studio.complaints] == []


@pytest.fixture
def studio(new_studio: OpenStudio) -> Studio:
    """A page in English on a desktop, not opened yet."""
    return new_studio()
