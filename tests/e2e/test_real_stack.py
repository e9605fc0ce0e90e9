"""The page on the real stack: real API, workers, PostgreSQL and Redis, and the demo renderer held by its gate."""

import signal
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from cli.ports import free_port
from tests.demo_process import DemoForge
from tests.e2e.conftest import PATIENCE_MS, VIEWPORT
from tests.e2e.studio import FOREST, LIGHTHOUSE, ROBOT, Watched
from tests.stack import Stack, running_stack
from tests.tokens import SECRET, token

pytestmark = pytest.mark.timeout(180)

Visit = Callable[[str], Watched]


@pytest.fixture(scope="module")
def forge() -> Iterator[DemoForge]:
    """The demo renderer, with its controls."""
    with DemoForge(port=free_port()) as demo:  # a port that is still free when it comes back
        yield demo


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, forge: DemoForge) -> Iterator[Stack]:
    """Everything else, for people with tokens."""
    settings = {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": SECRET,
        "FORGE_URL": forge.url,
        "PROGRESS_POLL_S": "0.05",
        "PROGRESS_STEP": "1",  # whatever step is seen before the gate, the one that is held there is told
        "PREVIEWS": "on",
        "SHUTDOWN_GRACE_S": "2",
        "BREAKER_RESET_S": "1",
    }
    with running_stack(tmp_path_factory.mktemp("page"), **settings) as stack:
        yield stack


@pytest.fixture
def visit(browser: Browser, stack: Stack, forge: DemoForge) -> Iterator[Visit]:
    """Open the page as a user who has signed in, in a context of its own."""
    opened: list[Watched] = []
    forge.open_gate()

    def open_as(user: str) -> Watched:
        context = browser.new_context(viewport=VIEWPORT, locale="en-GB")
        signed_in = context.request.post(f"{stack.url}/session", data={"token": token(user)})
        assert signed_in.ok, signed_in.text()
        watched = Watched(context.new_page())
        watched.visit(stack.url)
        opened.append(watched)
        return watched

    yield open_as
    forge.open_gate()
    for watched in opened:
        watched.page.context.close()
    assert [complaint for watched in opened for complaint in watched.complaints] == []


def ask_held(page: Watched, forge: DemoForge, prompt: str = LIGHTHOUSE, at: float = 0.4) -> None:
    """Send a prompt and hold its generation at a share of its steps, seen on the page."""
    forge.shut_gate(at)
    page.ask(prompt)
    forge.wait_held()
    expect(page.bars).to_have_attribute("aria-valuenow", str(round(at * 100)))


def test_a_prompt_becomes_a_picture(visit: Visit, forge: DemoForge) -> None:
    page = visit("ada")
    ask_held(page, forge)
    expect(page.preview).to_be_visible()
    expect(page.page).to_have_title("40% · Forgeline")
    forge.open_gate()
    expect(page.picture(LIGHTHOUSE)).to_be_visible()
    expect(page.bars).to_have_count(0)
    expect(page.turns).to_contain_text("1024 × 1024 · seed")
    with page.page.expect_download() as download:
        page.page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".png")
    assert page.sockets == 1


@pytest.mark.parametrize("spoiled", ["nothing", "cleared", "corrupt"])
def test_a_reload_at_forty_percent_shows_forty_percent(visit: Visit, forge: DemoForge, spoiled: str) -> None:
    page = visit(f"reader-{spoiled}")
    ask_held(page, forge)
    if spoiled != "nothing":
        page.page.evaluate("() => localStorage.clear()")
    if spoiled == "corrupt":
        page.page.evaluate("user => localStorage.setItem(`imgjobs:v1:${user}`, '{\"jobs\": [')", f"reader-{spoiled}")
    page.page.reload(wait_until="commit")
    expect(page.bars).to_have_attribute("aria-valuenow", "40")
    expect(page.turns).to_have_count(1)
    forge.open_gate()
    expect(page.picture(LIGHTHOUSE)).to_be_visible()


def test_a_running_and_a_waiting_job_are_cancelled(visit: Visit, forge: DemoForge) -> None:
    page = visit("canceller")
    ask_held(page, forge)
    page.ask(FOREST)
    expect(page.turns.last).to_contain_text("1 of 1")
    page.turns.last.get_by_role("button", name="Cancel").click()
    expect(page.turns.last).to_contain_text("Cancelled")
    page.turns.first.get_by_role("button", name="Cancel").click()
    expect(page.turns.first).to_contain_text("Cancelled")
    forge.open_gate()
    page.page.reload()
    expect(page.page.get_by_text("Cancelled", exact=True)).to_have_count(2)


def test_two_people_see_places_that_count_each_other(visit: Visit, forge: DemoForge) -> None:
    alice, bob = visit("alice"), visit("bob")
    ask_held(alice, forge)
    bob.ask(ROBOT)
    expect(bob.turns).to_contain_text("1 of 1")
    alice.ask(FOREST)
    expect(alice.turns.last).to_contain_text("2 of 2")
    bob.button("Cancel").click()
    expect(alice.turns.last).to_contain_text("1 of 1")
    expect(bob.turns).to_have_count(1)
    forge.open_gate()
    expect(alice.picture(FOREST)).to_be_visible()


def test_a_killed_api_is_told_and_nothing_is_missed(visit: Visit, forge: DemoForge, stack: Stack) -> None:
    page = visit("witness")
    ask_held(page, forge)
    api = stack.child("api.serve")
    supervisor = stack.up()
    api.suspend()
    for child in api.children(recursive=True):
        child.kill()
    supervisor.suspend()
    api.kill()
    forge.open_gate()
    expect(page.banner).to_contain_text("Connection lost")
    supervisor.resume()
    expect(page.banner).to_have_count(0)
    expect(page.picture(LIGHTHOUSE)).to_be_visible()
    expect(page.turns).to_have_count(1)


def test_a_failure_is_tried_again(visit: Visit, forge: DemoForge) -> None:
    page = visit("patient")
    forge.fault("oom", times=2)  # it is tried twice
    page.ask(LIGHTHOUSE)
    expect(page.page.get_by_role("alert")).to_contain_text("ran out of memory")
    page.button("Try again").click()
    expect(page.picture(LIGHTHOUSE)).to_be_visible()
    expect(page.turns).to_have_count(1)


def test_a_dead_image_server_holds_the_line_until_it_is_back(visit: Visit, forge: DemoForge) -> None:
    page = visit("holder")
    forge.kill()
    page.ask(LIGHTHOUSE)
    expect(page.banner).to_contain_text("isn’t responding")
    expect(page.turns).to_contain_text("On hold")
    forge.start()
    expect(page.picture(LIGHTHOUSE)).to_be_visible(timeout=2 * PATIENCE_MS)
    expect(page.banner).to_have_count(0)


def test_a_token_is_pasted_and_the_page_signed_out_again(browser: Browser, stack: Stack) -> None:
    page = Watched(browser.new_page(locale="en-GB"))
    page.page.goto(stack.url)
    page.page.get_by_label("Access token").fill(token("newcomer"))
    page.page.keyboard.press("Enter")
    page.rest()
    expect(page.page.get_by_text("newcomer")).to_be_visible()
    page.button("Sign out").click()
    expect(page.page.get_by_label("Access token")).to_be_visible()
    page.page.context.close()
    assert page.complaints == []


def test_it_ends_well(stack: Stack) -> None:
    assert stack.stop(signal.SIGTERM) == 0
