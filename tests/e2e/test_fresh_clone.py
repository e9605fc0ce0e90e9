"""A newcomer's way: a fresh clone in a folder with a space, nothing exported, the README's commands as they stand."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser

from cli.ports import free_port
from tests.stack import Stack, clean_environment, still_alive
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
#: where the README's server listens
SAID = "127.0.0.1:8000"

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a newcomer has after `git clone`, below folders that an unprivileged PostgreSQL may enter."""
    folder = tmp_path_factory.mktemp("new comer") / "forge line"
    for parent in (folder.parent, folder.parent.parent):
        parent.chmod(0o711)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def demo(clone: Path) -> str:
    """What `make demo` printed; it sets everything up."""
    return subprocess.run(
        ["make", "demo"], cwd=clone, env=outside_make(), check=True, capture_output=True, text=True, timeout=400
    ).stdout


@pytest.fixture(scope="module")
def running(clone: Path, demo: str) -> Iterator[Stack]:
    """`make run` there, on a free port, ended by a SIGTERM to make."""
    wanted = {"PORT": str(free_port()), "DATA_DIR": str(clone / "var")}
    with Stack(["make", "run"], wanted, cwd=clone) as stack:
        stack.wait_ready()
        yield stack


def test_make_demo_ends_with_a_pictures_path_and_leaves_nothing(clone: Path, demo: str) -> None:
    path = Path(demo.splitlines()[-1])
    assert path.is_absolute()
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
    wait_for(lambda: not processes_of(clone), what=f"an end of {processes_of(clone)}")


def test_the_readmes_own_commands_work_as_they_stand(clone: Path, running: Stack) -> None:
    block = README.split("## Use it")[1].split("```sh\n")[1].split("```")[0]
    commands = [line.partition("  #")[0].replace(" --watch", "") for line in block.splitlines()]
    assert len(commands) == 3
    environment = clean_environment({"FORGELINE_URL": running.url})
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command], check=False, cwd=clone, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    assert list(clone.glob("*.png"))


def test_a_page_that_does_as_the_readme_says_follows_its_job(browser: Browser, running: Stack) -> None:
    (example,) = re.findall(r"^```js\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert SAID in example
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{running.url}/docs")  # of this server, and without a socket of its own
    page.evaluate(example.replace(SAID, running.url.removeprefix("http://")) + "window.socket = socket;")
    wait_for(lambda: page.evaluate("window.socket.readyState") == 1, what="an open socket")
    answer = requests.post(f"{running.url}/image/generate", json={"prompt": "a lighthouse", "steps": 4}, timeout=10)
    assert answer.status_code == 202

    def complete() -> bool:
        page.wait_for_timeout(20)  # Playwright hears the console only while it is asked something
        return "complete 100 0" in said

    wait_for(complete, timeout_s=60, what=f"the end in {said}")
    assert said[0] == "queued 0 1"
    assert all(re.fullmatch(r"(queued|processing|complete) \d+ \d+", line) for line in said), said
    page.close()


def test_a_sigterm_to_make_leaves_nothing_within_its_time(clone: Path, running: Stack) -> None:
    family, told_at = running.family(), time.monotonic()
    running.stop()
    assert not still_alive(family)
    assert time.monotonic() - told_at <= 12
    wait_for(lambda: not processes_of(clone), what=f"an end of {processes_of(clone)}")


def test_nothing_is_written_beside_what_git_ignores(clone: Path, demo: str) -> None:
    told = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert [line for line in told.stdout.splitlines() if not re.fullmatch(r"\?\? .*\.png\"?", line)] == []


def outside_make() -> dict[str, str]:
    """A newcomer's environment: also without what a `make test` around this test has exported."""
    return {name: value for name, value in clean_environment({}).items() if not name.startswith(("MAKE", "MFLAGS"))}


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of what runs out of a folder."""
    told = ((process.pid, " ".join(process.info["cmdline"] or [])) for process in psutil.process_iter(["cmdline"]))
    return [f"{pid}: {words}" for pid, words in told if str(folder) in words]
