"""Screenshots of every state of the page, light and dark, written to tests/e2e/shots/.

    python -m tests.e2e.shots [part of a state's name]…

Rule: looked at before a change of the page is called done; never committed.
"""

import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.e2e import scenes_apart  # noqa: F401  # adds its states to SCENES
from tests.e2e.browser import FLAGS, HOW_TO_GET_ONE, find_browser
from tests.e2e.mock_pictures import Quality
from tests.e2e.mock_server import MockServer
from tests.e2e.scenes import SCENES
from tests.e2e.studio import Studio

FOLDER = Path(__file__).parent / "shots"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
MOBILE: ViewportSize = {"width": 390, "height": 844}
#: (name, viewport, language, scheme)
VIEWS: tuple[tuple[str, ViewportSize, str, Literal["light", "dark"]], ...] = (
    ("light", DESKTOP, "en-GB", "light"),
    ("dark", DESKTOP, "en-GB", "dark"),
    ("mobile-light", MOBILE, "tr-TR", "light"),
    ("mobile-dark", MOBILE, "tr-TR", "dark"),
)


def main(wanted: list[str]) -> int:
    """Take the screenshots whose state's name contains one of `wanted` (none: all)."""
    path = find_browser()
    if path is None:
        print(HOW_TO_GET_ONE, file=sys.stderr)
        return 1
    Quality.divisor = 1
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name in SCENES:
            if not wanted or any(part in name for part in wanted):
                take(browser, name)
        browser.close()
    print(FOLDER)
    return 0


def take(browser: Browser, name: str) -> None:
    """Show one state in every view."""
    for view, viewport, locale, scheme in VIEWS:
        server = MockServer()
        mobile = viewport is MOBILE
        context = browser.new_context(
            viewport=viewport, locale=locale, color_scheme=scheme, is_mobile=mobile, has_touch=mobile
        )
        page = context.new_page()
        SCENES[name](Studio(page, server=server))
        page.wait_for_timeout(400)  # let what fades in finish; a picture for people, not a test
        page.screenshot(path=FOLDER / f"{name}.{view}.png")
        context.close()
        server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
