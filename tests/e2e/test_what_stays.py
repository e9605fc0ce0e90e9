"""What stays when the page changes around it: what was typed, the reader's place, the keyboard."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenStudio
from tests.e2e.studio import FOREST, LIGHTHOUSE, ROBOT, Studio
from tests.waiting import wait_for


def test_a_prompt_that_was_not_sent_survives_a_reload(studio: Studio) -> None:
    studio.open()
    studio.page.route("**/image/generate", lambda route: route.abort())
    studio.ask(FOREST)
    expect(studio.page.get_by_text("This was not sent.")).to_be_visible()
    studio.composer.fill(ROBOT)
    studio.page.unroute("**/image/generate")
    studio.page.reload()
    studio.rest()
    expect(studio.bars).to_have_count(1)
    assert studio.server.world.jobs[studio.only_job()]["prompt"] == FOREST
    expect(studio.composer).to_have_value(ROBOT)


def test_a_reload_before_the_answer_draws_nothing_twice(studio: Studio) -> None:
    studio.finished(LIGHTHOUSE)
    studio.open()
    studio.server.trouble.lag_s["/image/generate"] = 60
    studio.ask(FOREST)
    wait_for(lambda: len(studio.server.world.jobs) == 2, what="the submission")
    studio.server.trouble.lag_s.clear()
    studio.page.reload()
    studio.rest()
    expect(studio.bars).to_have_count(1)
    expect(studio.turns).to_have_count(2)
    expect(studio.page.locator('[data-phase="sending"]')).to_have_count(0)
    expect(studio.composer).to_have_value("")
    studio.composer.press("Enter")
    wait_for(lambda: studio.server.trouble.asked["POST /image/generate"] == 2)
    assert len(studio.server.world.jobs) == 2


def test_the_keyboard_goes_on_where_a_row_of_another_conversation_ended(studio: Studio) -> None:
    for prompt in (ROBOT, FOREST):
        studio.server.world.submit("local", prompt)
    studio.open()
    studio.button("New conversation").click()
    rows = studio.page.get_by_role("region", name="In other conversations").get_by_role("listitem")
    expect(rows).to_have_count(2)
    rows.first.get_by_role("button").first.focus()
    studio.page.keyboard.press("Tab")
    studio.page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows.get_by_role("button").first).to_be_focused()
    studio.page.keyboard.press("Tab")
    studio.page.keyboard.press("Enter")
    expect(rows).to_have_count(0)
    expect(studio.composer).to_be_focused()


def test_earlier_pictures_leave_the_reader_at_the_first_one(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        studio.finished(f"picture {number}")
    snapshot = studio.server.world.snapshot  # of the last minute alone: these are older
    monkeypatch.setattr(studio.server.world, "snapshot", lambda user: {**snapshot(user), "jobs": []})
    studio.open()
    first = studio.page.get_by_role("article", name="picture 15", exact=True)
    studio.page.locator(".stream").evaluate("(box) => { box.scrollTop = 0; }")
    expect(first).to_be_in_viewport()
    studio.button("Show earlier pictures").click()
    expect(studio.turns).to_have_count(40)
    expect(first).to_be_in_viewport()


def test_a_conversation_deleted_by_another_page_is_told_to_be_gone(studio: Studio) -> None:
    conversation = studio.finished(LIGHTHOUSE)["conversation_id"]
    studio.open()
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    studio.server.world.forget(conversation)
    studio.page.route("**/image/generate", lambda route: route.fulfill(status=404, body='{"code": "not_found"}'))
    studio.ask(FOREST)
    expect(studio.page.get_by_text("This conversation is no longer here.")).to_be_visible()
    expect(studio.turns).to_have_count(0)
    expect(studio.composer).to_have_value(FOREST)
    studio.page.unroute("**/image/generate")
    studio.page.locator(".trouble").get_by_role("button", name="New conversation").click()
    studio.composer.press("Enter")
    wait_for(lambda: len(studio.server.world.jobs) == 1)
    expect(studio.turns).to_contain_text(FOREST)


def test_the_drawer_gives_the_keyboard_back_to_its_button(new_studio: OpenStudio) -> None:
    studio = new_studio(viewport={"width": 640, "height": 400})
    studio.finished(LIGHTHOUSE)
    studio.open()
    studio.button("Show conversations").press("Enter")
    studio.page.get_by_role("navigation").get_by_role("button", name=LIGHTHOUSE, exact=True).press("Enter")
    expect(studio.button("Show conversations")).to_be_focused()


def test_a_failure_in_another_conversation_is_said_aloud(studio: Studio) -> None:
    job_id = studio.submit(ROBOT)["job_id"]
    studio.open()
    studio.button("New conversation").click()
    expect(studio.page.get_by_role("region", name="In other conversations")).to_be_visible()
    studio.server.world.end(job_id, "error", "forge_out_of_memory")
    expect(studio.page.get_by_test_id("announcer")).to_contain_text(f"{ROBOT}: The image server ran out of memory")


def test_after_signing_in_again_the_prompt_has_the_keyboard_and_no_old_complaint(studio: Studio) -> None:
    studio.open()
    studio.server.trouble.signed_out = True
    studio.ask(LIGHTHOUSE)
    studio.button("Sign in").click()
    studio.page.get_by_label("Access token").fill("good")
    studio.page.keyboard.press("Enter")
    expect(studio.banner).to_have_count(0)
    expect(studio.page.get_by_role("alert")).to_have_count(0)
    expect(studio.composer).to_be_focused()
    studio.page.keyboard.press("Enter")
    expect(studio.bars).to_have_count(1)


def test_a_refused_variation_is_tried_again_as_it_was(studio: Studio) -> None:
    studio.finished(LIGHTHOUSE, width=832, height=1216, steps=33)
    studio.open()
    studio.server.trouble.refuse.append((429, "queue_full", "1"))
    studio.button("New variation").click()
    studio.turns.last.get_by_role("button", name="Try again").click()
    expect(studio.composer).to_have_value("")
    wait_for(lambda: len(studio.server.world.jobs) == 2)
    params = [job["params"] for job in studio.server.world.jobs.values()][-1]
    assert (params["width"], params["height"], params["steps"]) == (832, 1216, 33)


def test_what_the_server_offers_is_asked_for_again(studio: Studio) -> None:
    studio.page.clock.install()
    studio.page.route("**/image/options", lambda route: route.abort(), times=1)
    studio.open()
    studio.page.clock.run_for(6000)
    expect(studio.page.get_by_role("radio")).to_have_count(6)
    expect(studio.page.locator(".demo-badge")).to_be_visible()
    studio.server.demo = False
    studio.button("Settings").click()
    expect(studio.page.locator(".demo-badge")).to_have_count(0)


def test_the_middle_button_opens_a_picture_in_a_tab_of_its_own(studio: Studio) -> None:
    job = studio.finished(LIGHTHOUSE)
    studio.open()
    studio.settled_pictures()
    studio.picture(LIGHTHOUSE).click(button="middle")
    # The browser is asked: Playwright misses the navigation of a tab that was quick (one in six, four tests at once).
    browser = studio.page.context.new_cdp_session(studio.page)

    def open_paths() -> list[str]:
        return [urlsplit(tab["url"]).path for tab in browser.send("Target.getTargets")["targetInfos"]]

    wait_for(lambda: job["image_url"] in open_paths())
    expect(studio.page.get_by_role("dialog")).to_have_count(0)
    studio.picture(LIGHTHOUSE).click()
    expect(studio.page.get_by_role("dialog")).to_be_visible()


def test_the_question_before_deleting_names_the_conversation(studio: Studio) -> None:
    for prompt in (ROBOT, FOREST):
        studio.server.world.submit("local", prompt)
    studio.open()
    studio.button(f"Delete “{ROBOT}”").press("Enter")
    expect(studio.page.locator(".conversation-question")).to_contain_text(ROBOT)


def test_the_way_back_from_a_new_conversation_leads_to_the_one_before(studio: Studio) -> None:
    studio.finished(ROBOT)
    studio.open()
    before = studio.page.url
    studio.button("New conversation").click()
    studio.ask(FOREST)
    expect(studio.bars).to_have_count(1)
    studio.page.wait_for_url("**/#c=*")
    begun = studio.page.url
    assert begun != before
    studio.page.go_back()
    expect(studio.picture(ROBOT)).to_be_visible()
    assert studio.page.url == before
    studio.page.go_forward()
    expect(studio.turns).to_contain_text(FOREST)
    assert studio.page.url == begun
