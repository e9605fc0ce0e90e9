"""A page that is read again, or comes back from the background, shows what the server knows."""

import json

import pytest
from playwright.sync_api import expect

from tests.e2e.studio import FOREST, LIGHTHOUSE, ROBOT, Studio
from tests.waiting import wait_for

CACHE_KEY = "imgjobs:v1:local"


def prepared(studio: Studio, state: str) -> str:
    """Open the page with one job in a state; returns its id."""
    job = studio.submit()["job_id"]
    if state in ("drawing", "complete", "failed"):
        studio.server.world.progress(job, 40)
    if state == "complete":
        studio.server.world.end(job, "complete")
    if state == "failed":
        studio.server.world.end(job, "error", "forge_timeout")
    studio.open()
    expect_state(studio, state)
    return str(job)


def expect_state(studio: Studio, state: str) -> None:
    """The one card shows the state, and there is only one."""
    if state == "queued":
        expect(studio.turns).to_contain_text("1 of 1")
    elif state == "drawing":
        expect(studio.bars).to_have_attribute("aria-valuenow", "40")
    elif state == "complete":
        expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    else:
        expect(studio.turns).to_contain_text("timed out (180s)")
    expect(studio.turns).to_have_count(1)


STATES = ("queued", "drawing", "complete", "failed")


@pytest.mark.parametrize("state", STATES)
def test_a_reload_shows_the_servers_state(studio: Studio, state: str) -> None:
    prepared(studio, state)
    studio.page.reload()
    expect_state(studio, state)


@pytest.mark.parametrize("state", STATES)
def test_a_reload_without_local_storage_shows_it_too(studio: Studio, state: str) -> None:
    prepared(studio, state)
    studio.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    studio.page.reload()
    expect_state(studio, state)


@pytest.mark.parametrize(
    "rubbish", ["{", "null", '{"savedAt": 1, "jobs": [5]}', '{"savedAt": 99999999999999, "jobs": [{}]}']
)
def test_a_reload_survives_rubbish_in_local_storage(studio: Studio, rubbish: str) -> None:
    prepared(studio, "drawing")
    studio.page.evaluate("([key, text]) => localStorage.setItem(key, text)", [CACHE_KEY, rubbish])
    studio.page.add_init_script(f"localStorage.setItem({json.dumps(CACHE_KEY)}, {json.dumps(rubbish)})")
    studio.page.reload()
    expect_state(studio, "drawing")


def test_another_users_jobs_in_local_storage_stay_theirs(studio: Studio) -> None:
    job = prepared(studio, "drawing")
    theirs = {
        "savedAt": 99999999999999,
        "jobs": [{**studio.server.world.view(job), "job_id": "theirs", "message_id": 99}],
    }
    studio.page.evaluate("([key, text]) => localStorage.setItem(key, text)", ["imgjobs:v1:eve", json.dumps(theirs)])
    studio.page.reload()
    expect_state(studio, "drawing")


def test_the_card_of_a_job_is_there_before_the_network_answers(studio: Studio) -> None:
    prepared(studio, "drawing")
    studio.page.wait_for_function("key => localStorage.getItem(key)?.includes('40')", arg=CACHE_KEY)
    studio.server.trouble.lag_s |= {"/ws": 60, "/conversations/": 60}
    studio.page.reload()
    expect_state(studio, "drawing")
    expect(studio.turns).not_to_contain_text("about")


def test_a_cached_job_the_server_no_longer_knows_is_told_as_gone(studio: Studio) -> None:
    job = prepared(studio, "queued")
    studio.page.wait_for_function("key => localStorage.getItem(key)?.includes('queued')", arg=CACHE_KEY)
    with studio.server.world.lock:
        del studio.server.world.jobs[job], studio.server.world.owners[job]
    studio.page.reload()
    expect(studio.page.get_by_text("This picture is no longer available.")).to_be_visible()
    expect(studio.bars).to_have_count(0)


def test_a_late_snapshot_does_not_take_a_new_job_away(studio: Studio) -> None:
    studio.server.trouble.lag_s |= {"/ws": 0.8, "/image/status": 0.8}
    studio.open()
    old = studio.server.world.snapshot("local")
    studio.ask(LIGHTHOUSE)
    studio.only_job()
    studio.server.send_to_all(old)
    studio.submit(FOREST)
    expect(studio.bars).to_have_count(2)
    expect(studio.turns.first).to_contain_text("1 of 2")


def test_a_page_in_the_background_comes_back_up_to_date(studio: Studio) -> None:
    job = prepared(studio, "drawing")
    turn_visible(studio, "hidden")
    studio.server.world.end(job, "complete")
    expect(studio.picture(LIGHTHOUSE)).to_be_attached()
    turn_visible(studio, "visible")
    expect_state(studio, "complete")
    assert studio.sockets == 1


def test_a_page_that_comes_back_into_view_knows_what_was_deleted_meanwhile(studio: Studio) -> None:
    job = studio.finished(LIGHTHOUSE)
    studio.server.world.submit("local", FOREST)
    studio.open()
    studio.page.get_by_role("navigation").get_by_role("button", name=LIGHTHOUSE, exact=True).click()
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    turn_visible(studio, "hidden")
    studio.server.world.forget(job["conversation_id"])
    turn_visible(studio, "visible")
    expect(studio.page.get_by_text("This conversation is no longer here.")).to_be_visible()
    expect(studio.page.locator(".conversation")).to_have_count(1)


def turn_visible(studio: Studio, state: str) -> None:
    """Let the browser say that the page is `visible` or `hidden`."""
    visibility = "state => { Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});"
    visibility += "Object.defineProperty(document, 'hidden', {value: state === 'hidden', configurable: true});"
    visibility += "document.dispatchEvent(new Event('visibilitychange')); }"
    studio.page.evaluate(visibility, state)


def test_a_page_out_of_the_browsers_cache_connects_anew(studio: Studio) -> None:
    job = prepared(studio, "drawing")
    studio.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    studio.page.wait_for_function("() => true")
    studio.server.world.end(job, "complete")
    studio.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect_state(studio, "complete")
    assert studio.sockets == 2


def test_ten_seconds_after_its_end_a_job_is_history_and_its_card_stays(studio: Studio) -> None:
    studio.page.clock.install()
    done, failed = studio.submit()["job_id"], studio.submit(FOREST)["job_id"]
    studio.open()
    expect(studio.bars).to_have_count(2)
    studio.server.world.progress(done, 40)
    studio.page.clock.run_for(1000)
    studio.server.world.end(done, "complete")
    studio.server.world.end(failed, "error", "forge_timeout")
    studio.page.clock.run_for(1000)
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    studio.page.clock.run_for(15_000)
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    expect(studio.button("Download").or_(studio.page.get_by_role("link", name="Download"))).to_be_visible()
    expect(studio.button("Try again")).to_be_visible()


def test_chosen_settings_are_there_after_a_reload(studio: Studio) -> None:
    studio.open()
    studio.button("Settings").click()
    studio.page.get_by_label("Steps").fill("7")
    studio.page.get_by_label("Steps").press("Enter")
    studio.page.reload()
    studio.rest()
    studio.ask(LIGHTHOUSE)
    assert studio.server.world.jobs[studio.only_job()]["params"]["steps"] == 7


def test_a_page_goes_over_to_who_signed_in_beside_it_and_sends_nothing_as_them(studio: Studio) -> None:
    context, url = studio.page.context, studio.server.url

    def sign_in(user: str) -> None:
        context.add_cookies([{"name": "mock_user", "value": user, "url": url}])
        beside = context.new_page()
        beside.goto(url)
        expect(beside.locator("#prompt")).to_be_visible()
        beside.close()

    sign_in("anna")
    studio.server.world.submit("anna", LIGHTHOUSE)
    studio.open()
    expect(studio.turns).to_contain_text(LIGHTHOUSE)
    studio.composer.fill(ROBOT)
    sign_in("bert")
    expect(studio.composer).to_have_value("")
    expect(studio.turns).to_have_count(0)
    studio.rest()
    studio.ask(FOREST)
    expect(studio.turns).to_contain_text(FOREST)
    wait_for(lambda: list(studio.server.world.owners.values()) == ["anna", "bert"], what="the submission as bert")
    sign_in("anna")
    expect(studio.composer).to_have_value(ROBOT)
    expect(studio.turns).to_contain_text(LIGHTHOUSE)
