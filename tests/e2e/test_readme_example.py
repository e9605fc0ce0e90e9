"""The README's example for pages runs as it stands there, on the real stack, in a real browser."""

import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from tests.stack import running_stack
from tests.waiting import wait_for

README = Path(__file__).parents[2] / "README.md"
#: where the README's server listens
SAID = "127.0.0.1:8000"

pytestmark = pytest.mark.timeout(120)


def test_a_page_that_does_as_the_readme_says_follows_its_job(browser: Browser, tmp_path: Path) -> None:
    (example,) = re.findall(r"^```js\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert SAID in example
    with running_stack(tmp_path) as stack:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{stack.url}/docs")  # of this server, and without a socket of its own
        page.evaluate(example.replace(SAID, stack.url.removeprefix("http://")) + "window.socket = socket;")
        wait_for(lambda: page.evaluate("window.socket.readyState") == 1, what="an open socket")
        answer = requests.post(f"{stack.url}/image/generate", json={"prompt": "a lighthouse", "steps": 4}, timeout=10)
        assert answer.status_code == 202

        def complete() -> bool:
            page.wait_for_timeout(20)  # Playwright hears the console only while it is asked something
            return "complete 100 0" in said

        wait_for(complete, timeout_s=60, what=f"the end in {said}")
        assert said[0] == "queued 0 1"
        assert all(re.fullmatch(r"(queued|processing|complete) \d+ \d+", line) for line in said), said
        page.close()
