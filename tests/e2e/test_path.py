"""From the prompt to the picture, and everything a person may do on the way."""

from playwright.sync_api import expect

from tests.e2e.conftest import OpenStudio
from tests.e2e.studio import FOREST, LIGHTHOUSE, ROBOT, Studio


def test_a_prompt_becomes_a_picture(studio: Studio) -> None:
    studio.open()
    studio.ask(LIGHTHOUSE)
    job = studio.only_job()
    expect(studio.turns).to_contain_text("You’re next")
    expect(studio.composer).to_have_value("")
    expect(studio.composer).to_be_focused()
    studio.server.world.start(job)
    expect(studio.turns).to_contain_text("Getting the model ready")
    studio.server.world.progress(job, 40)
    expect(studio.bars).to_have_attribute("aria-valuenow", "40")
    expect(studio.preview).to_be_visible()
    expect(studio.page).to_have_title("40% · Forgeline")
    studio.server.world.end(job, "complete")
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    expect(studio.bars).to_have_count(0)
    expect(studio.page).to_have_title("Forgeline")
    assert studio.sockets == 1


def test_the_position_counts_everybodys_jobs_and_falls(new_studio: OpenStudio) -> None:
    alice, bob = new_studio(user="alice"), new_studio(user="bob")
    alice.open()
    bob.open()
    alice.ask(LIGHTHOUSE)
    expect(alice.turns).to_contain_text("1 of 1")
    alice.ask(FOREST)
    expect(alice.turns.last).to_contain_text("2 of 2")
    bob.ask(ROBOT)
    expect(bob.turns).to_contain_text("3 of 3")
    expect(alice.turns.last).to_contain_text("2 of 3")
    world = bob.server.world
    first, second, _ = world.jobs
    world.start(first)
    expect(bob.turns).to_contain_text("2 of 2")
    world.end(first, "complete")
    world.start(second)
    expect(bob.turns).to_contain_text("1 of 1")
    expect(bob.turns).to_contain_text("You’re next")


def test_the_line_is_told_in_one_sentence(studio: Studio) -> None:
    for _ in range(2):
        studio.server.world.submit("someone", "theirs")
    studio.open()
    expect(studio.page.locator(".queue-line")).to_have_count(0)
    studio.ask(LIGHTHOUSE)
    expect(studio.page.locator(".queue-line")).to_contain_text("2 before you · about 1 min")


def test_a_waiting_job_is_cancelled_and_the_others_move_up(new_studio: OpenStudio) -> None:
    alice, bob = new_studio(user="alice"), new_studio(user="bob")
    alice.open()
    bob.open()
    alice.ask(LIGHTHOUSE)
    expect(alice.turns).to_contain_text("1 of 1")
    bob.ask(ROBOT)
    expect(bob.turns).to_contain_text("2 of 2")
    alice.button("Cancel").click()
    expect(alice.turns).to_contain_text("Cancelled")
    expect(bob.turns).to_contain_text("1 of 1")


def test_all_waiting_jobs_are_cancelled_at_once(studio: Studio) -> None:
    studio.open()
    for number, prompt in enumerate((LIGHTHOUSE, FOREST, ROBOT), 1):
        studio.ask(prompt)
        expect(studio.bars).to_have_count(number)
    studio.button("Cancel all 3 waiting").click()
    expect(studio.bars).to_have_count(0)
    expect(studio.page.get_by_text("Cancelled", exact=True)).to_have_count(3)


def test_late_progress_does_not_revive_a_cancelled_job(new_studio: OpenStudio) -> None:
    alice, bob = new_studio(user="alice"), new_studio(user="bob")
    alice.open()
    bob.open()
    alice.ask(LIGHTHOUSE)
    job = alice.only_job()
    world = alice.server.world
    late = world.progress(job, 40)
    bob.ask(ROBOT)
    expect(bob.turns).to_contain_text("1 of 1")
    expect(alice.bars).to_have_attribute("aria-valuenow", "40")
    alice.button("Cancel").click()
    expect(alice.turns).to_contain_text("stops after the current step")
    world.end(job, "cancelled")
    expect(alice.turns).to_contain_text("Cancelled")
    for percent in (50, 60):
        world.tell("alice", {"type": "image_progress", "job": {**late, "progress": percent, "version": 90 + percent}})
    world.submit("alice", FOREST)
    expect(alice.bars).to_have_count(1)  # the other job's: what came before it has been seen
    expect(alice.turns.first).to_contain_text("Cancelled")
    expect(bob.turns).to_contain_text("1 of 2")


def test_a_failure_is_told_in_both_languages_and_tried_again(studio: Studio) -> None:
    studio.open()
    studio.ask(LIGHTHOUSE)
    job = studio.only_job()
    studio.server.world.progress(job, 30)
    studio.server.world.end(job, "error", "forge_timeout")
    expect(studio.page.get_by_role("alert")).to_have_text("The Forge API timed out (180s). Please try again.")
    studio.page.get_by_label("Switch to Turkish").click()
    expect(studio.turns).to_contain_text("Forge API zaman aşımına uğradı (180s). Lütfen tekrar deneyin.")
    studio.button("Yeniden dene").click()
    expect(studio.bars).to_have_count(1)
    retried = list(studio.server.world.jobs)[-1]
    studio.server.world.progress(retried, 50)
    studio.server.world.end(retried, "complete")
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    expect(studio.turns).to_have_count(1)


def test_what_would_fail_again_is_not_offered_again(studio: Studio) -> None:
    studio.open()
    studio.ask(LIGHTHOUSE)
    studio.server.world.end(studio.only_job(), "error", "forge_rejected")
    expect(studio.turns).to_contain_text("did not accept")
    expect(studio.button("Try again")).to_have_count(0)
    studio.button("Edit prompt").click()
    expect(studio.composer).to_have_value(LIGHTHOUSE)
    expect(studio.composer).to_be_focused()


def test_a_job_that_is_put_back_waits_again_and_is_drawn_by_another_worker(studio: Studio) -> None:
    studio.open()
    studio.ask(LIGHTHOUSE)
    job = studio.only_job()
    studio.server.world.progress(job, 60)
    expect(studio.bars).to_have_attribute("aria-valuenow", "60")
    studio.server.world.put_back(job)
    expect(studio.turns).to_contain_text("1 of 1")
    expect(studio.preview).to_have_count(0)
    studio.server.world.progress(job, 20)
    expect(studio.bars).to_have_attribute("aria-valuenow", "20")
    studio.server.world.end(job, "complete")
    expect(studio.picture(LIGHTHOUSE)).to_be_visible()
    assert studio.server.world.jobs[job]["attempt"] == 2


def test_a_second_tab_submits_and_the_first_shows_it(studio: Studio) -> None:
    studio.open()
    second = Studio(studio.page.context.new_page(), server=studio.server)
    second.open()
    second.ask(LIGHTHOUSE)
    expect(studio.bars).to_have_count(1)
    expect(studio.turns).to_contain_text(LIGHTHOUSE)
    second.page.get_by_role("button", name="New conversation").click()
    second.ask(FOREST)
    elsewhere = studio.page.get_by_role("region", name="In other conversations")
    expect(elsewhere).to_contain_text(FOREST)
    studio.server.world.end(list(studio.server.world.jobs)[-1], "complete")
    expect(elsewhere).to_have_count(0)
    assert second.complaints == []


def test_a_double_click_and_a_double_enter_make_one_job(studio: Studio) -> None:
    studio.server.trouble.lag_s["/image/generate"] = 0.3
    studio.open()
    studio.composer.fill(LIGHTHOUSE)
    studio.button("Create picture").dblclick()
    expect(studio.turns).to_contain_text("You’re next")
    studio.composer.fill(FOREST)
    studio.composer.press("Enter")
    studio.composer.press("Enter")
    expect(studio.turns.last).to_contain_text("2 of 2")
    assert [job["prompt"] for job in studio.server.world.jobs.values()] == [LIGHTHOUSE, FOREST]


def test_prompts_typed_faster_than_they_are_answered_all_arrive_in_order(studio: Studio) -> None:
    studio.server.trouble.lag_s["/image/generate"] = 0.2
    studio.open()
    for prompt in (LIGHTHOUSE, FOREST, ROBOT):
        studio.ask(prompt)
    expect(studio.turns).to_have_count(3)
    expect(studio.turns.last).to_contain_text("3 of 3")
    jobs = studio.server.world.jobs.values()
    assert [job["prompt"] for job in jobs] == [LIGHTHOUSE, FOREST, ROBOT]
    assert len({job["conversation_id"] for job in jobs}) == 1
