"""The server says no, or not now, or not to you; the page says so, keeps the text, and goes on."""

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.conftest import OpenStudio
from tests.e2e.studio import FOREST, LIGHTHOUSE, Studio
from tests.waiting import wait_for


def test_a_full_line_keeps_the_text_counts_down_and_then_works(studio: Studio) -> None:
    studio.page.clock.install()
    studio.server.trouble.refuse.append((429, "queue_full", "3"))
    studio.open()
    studio.page.clock.pause_at(studio.page.evaluate("() => Date.now() / 1000") + 1)
    studio.ask(LIGHTHOUSE)
    expect(studio.page.get_by_role("alert")).to_have_text("The line is full. Please try again later.")
    expect(studio.page.get_by_text("You can try again in 3 s.")).to_be_visible()
    expect(studio.composer).to_have_value(LIGHTHOUSE)
    expect(studio.button("Create picture")).to_be_disabled()
    expect(studio.turns).to_have_count(0)
    studio.page.clock.run_for(1000)
    expect(studio.page.get_by_text("You can try again in 2 s.")).to_be_visible()
    studio.page.clock.run_for(3000)
    expect(studio.page.get_by_role("alert")).to_have_count(0)
    studio.composer.press("Enter")
    expect(studio.bars).to_have_count(1)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (429, "too_many_jobs", "limit of unfinished jobs: 3"),
        (429, "rate_limited", "Too many requests"),
        (503, "queue_unavailable", "Nothing was stored"),
        (422, "invalid_request", "The request is not valid"),
        (409, "idempotency_conflict", "was used with another request"),
    ],
)
def test_a_refusal_is_told_in_words_and_loses_nothing(studio: Studio, status: int, code: str, said: str) -> None:
    studio.server.trouble.refuse.append((status, code, "1"))
    studio.open()
    studio.ask(LIGHTHOUSE)
    expect(studio.page.get_by_role("alert")).to_contain_text(said)
    expect(studio.composer).to_have_value(LIGHTHOUSE)
    expect(studio.turns).to_have_count(0)


def lose_the_answer(route: Route) -> None:
    """Let a request reach the server, and its answer be lost."""
    route.fetch()
    route.abort()


def test_a_submission_whose_answer_was_lost_is_the_job_it_became(studio: Studio) -> None:
    studio.open()
    studio.page.route("**/image/generate", lose_the_answer)
    studio.ask(LIGHTHOUSE)
    expect(studio.turns).to_contain_text("You’re next")
    expect(studio.turns).to_have_count(1)
    expect(studio.page.get_by_role("alert")).to_have_count(0)
    assert len(studio.server.world.jobs) == 1


def test_a_submission_that_may_have_arrived_is_sent_again_under_its_key(studio: Studio) -> None:
    studio.server.trouble.no_sockets = True
    studio.open()
    studio.page.route("**/image/generate", lose_the_answer)
    studio.ask(LIGHTHOUSE)
    expect(studio.page.get_by_role("alert")).to_contain_text("could not be reached")
    studio.page.unroute("**/image/generate")
    studio.button("Try again").click()
    expect(studio.page.get_by_role("alert")).to_have_count(0)
    expect(studio.bars).to_have_count(1)
    assert len(studio.server.world.jobs) == 1


def test_without_an_image_server_jobs_are_held_and_then_go_on(studio: Studio) -> None:
    job = studio.submit()["job_id"]
    studio.open()
    expect(studio.turns).to_contain_text("about 40 s")
    studio.server.world.hold(True, retry_in_s=30)
    expect(studio.banner).to_contain_text("isn’t responding")
    expect(studio.turns).to_contain_text("On hold")
    expect(studio.turns).not_to_contain_text("about")
    expect(studio.bars).to_have_attribute("data-still", "true")
    studio.ask(FOREST)
    expect(studio.bars).to_have_count(2)
    studio.server.world.hold(False)
    expect(studio.banner).to_have_count(0)
    studio.server.world.progress(job, 40)
    expect(studio.bars.first).to_have_attribute("aria-valuenow", "40")


def test_a_paused_line_is_told(studio: Studio) -> None:
    studio.submit()
    studio.open()
    studio.server.world.pause(True)
    expect(studio.banner).to_contain_text("paused")
    expect(studio.turns).to_contain_text("Paused")
    studio.server.world.pause(False)
    expect(studio.banner).to_have_count(0)


def test_a_session_that_ends_keeps_everything_and_starts_no_storm(studio: Studio) -> None:
    studio.server.trouble.jwt = True
    studio.finished(LIGHTHOUSE)
    studio.open()
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    studio.settled_pictures()
    studio.composer.fill(FOREST)
    trouble = studio.server.trouble
    trouble.signed_out = True
    studio.page.clock.install()
    studio.server.close_sockets(4401)
    expect(studio.page.get_by_role("alert")).to_contain_text("Your session ended")
    asked = len(trouble.handshakes)
    studio.page.clock.run_for(60_000)
    assert len(trouble.handshakes) == asked
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    expect(studio.composer).to_have_value(FOREST)
    expect(studio.button("Create picture")).to_be_disabled()
    studio.page.keyboard.type(" at night")
    expect(studio.composer).to_have_value(f"{FOREST} at night")
    studio.button("Sign in").click()
    studio.page.get_by_label("Access token").fill("bad")
    studio.page.keyboard.press("Enter")
    expect(studio.page.get_by_text("This token was not accepted")).to_be_visible()
    studio.page.get_by_label("Access token").fill("good")
    studio.page.keyboard.press("Enter")
    expect(studio.banner).to_have_count(0)
    wait_for(lambda: len(trouble.handshakes) == asked + 1)
    studio.composer.press("Enter")
    studio.page.clock.run_for(500)
    expect(studio.bars).to_have_count(1)


def test_who_types_nothing_is_taken_to_the_way_back_in(studio: Studio) -> None:
    studio.finished(LIGHTHOUSE)
    studio.open()
    studio.server.trouble.signed_out = True
    studio.server.close_sockets(4401)
    expect(studio.button("Sign in")).to_be_focused()
    studio.page.keyboard.press("Enter")
    expect(studio.page.get_by_label("Access token")).to_be_focused()


def test_a_refused_request_ends_the_session_too(studio: Studio) -> None:
    studio.open()
    wait_for(lambda: studio.server.open_sockets == 1)
    studio.server.trouble.signed_out = True
    studio.server.trouble.login_url = "https://login.example.org/?next=%2F"
    studio.ask(LIGHTHOUSE)
    link = studio.page.get_by_role("link", name="Sign in")
    expect(link).to_have_attribute("href", "https://login.example.org/?next=%2F")
    expect(studio.composer).to_have_value(LIGHTHOUSE)


def test_a_sign_in_address_that_is_no_web_address_is_not_followed(studio: Studio) -> None:
    studio.server.trouble.signed_out = True
    studio.server.trouble.login_url = "javascript:alert(1)"
    studio.page.goto(studio.server.url)
    expect(studio.page.get_by_label("Access token")).to_be_visible()
    expect(studio.page.get_by_role("link", name="Sign in")).to_have_count(0)


def test_signing_in_and_out(studio: Studio) -> None:
    studio.server.trouble.signed_out = True
    studio.page.goto(studio.server.url)
    studio.page.get_by_label("Access token").fill("good")
    studio.page.get_by_label("Access token").press("Enter")
    studio.rest()
    studio.ask(LIGHTHOUSE)
    expect(studio.bars).to_have_count(1)
    studio.page.wait_for_function("() => Object.keys(localStorage).some((key) => key.startsWith('imgjobs:'))")
    studio.button("Sign out").click()
    expect(studio.page.get_by_role("heading", name="Sign in to Forgeline")).to_be_visible()
    assert studio.page.evaluate("() => Object.keys(localStorage).some((key) => key.startsWith('imgjobs:'))") is False


def test_offline_keeps_the_draft_and_says_why_nothing_is_sent(studio: Studio) -> None:
    studio.open()
    studio.composer.fill(LIGHTHOUSE)
    studio.page.context.set_offline(True)
    expect(studio.banner).to_contain_text("You’re offline")
    expect(studio.button("Create picture")).to_be_disabled()
    studio.page.context.set_offline(False)
    expect(studio.banner).to_have_count(0)
    studio.composer.press("Enter")
    expect(studio.bars).to_have_count(1)


def test_one_page_too_many_says_so_and_is_updated_all_the_same(new_studio: OpenStudio) -> None:
    studio = new_studio()
    job = studio.submit()["job_id"]
    studio.open()
    expect(studio.bars).to_be_visible()
    studio.server.trouble.no_sockets = True
    studio.server.close_sockets(4429)
    expect(studio.banner).to_contain_text("Too many open pages")
    studio.server.world.progress(job, 40)
    expect(studio.bars).to_have_attribute("aria-valuenow", "40")


def test_a_picture_that_does_not_load_can_be_loaded_again(studio: Studio) -> None:
    studio.server.trouble.images_broken = True
    studio.finished(LIGHTHOUSE)
    studio.open()
    expect(studio.page.get_by_role("alert")).to_contain_text("could not be loaded")
    studio.server.trouble.images_broken = False
    studio.button("Load again").click()
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
