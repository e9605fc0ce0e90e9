"""Every state a picture can be in, each made on purpose; shown by `shots` and examined by the axe tests."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.studio import FOREST, LIGHTHOUSE, ROBOT, ROOFS, Studio

Scene = Callable[[Studio], None]

SCENES: dict[str, Scene] = {}


def scene(function: Scene) -> Scene:
    """Add a state to the list, under the function's name."""
    SCENES[function.__name__] = function
    return function


@scene
def empty(studio: Studio) -> None:
    studio.open()


@scene
def settings(studio: Studio) -> None:
    studio.open()
    studio.composer.fill(ROBOT)
    studio.page.locator(".settings-button").click()


@scene
def sending(studio: Studio) -> None:
    studio.open()
    studio.server.trouble.lag_s["/image/generate"] = 1.5
    studio.composer.fill(LIGHTHOUSE)
    studio.composer.press("Enter")
    expect(studio.page.get_by_role("progressbar")).to_be_visible()


@scene
def queued(studio: Studio) -> None:
    for _ in range(2):
        studio.server.world.submit("someone", "theirs")
    studio.submit()
    studio.open()
    expect(studio.page.get_by_role("progressbar")).to_be_visible()


@scene
def next_in_line(studio: Studio) -> None:
    studio.submit()
    studio.submit(FOREST, width=1216, height=832)
    studio.open()
    expect(studio.page.get_by_role("progressbar")).to_have_count(2)


@scene
def starting(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.start(job["job_id"])
    studio.open()


@scene
def drawing(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.progress(job["job_id"], 45)
    studio.open()
    expect(studio.preview).to_be_visible()


@scene
def drawing_late(studio: Studio) -> None:
    job = studio.submit(ROOFS, width=832, height=1216)
    studio.server.world.progress(job["job_id"], 80)
    studio.open()
    expect(studio.preview).to_be_visible()


@scene
def finishing(studio: Studio) -> None:
    studio.open()
    job = studio.submit()
    studio.server.world.progress(job["job_id"], 90)
    expect(studio.preview).to_be_visible()
    studio.server.world.saving(job["job_id"])
    expect(studio.page.locator('[data-phase="finishing"]').first).to_be_visible()


@scene
def complete(studio: Studio) -> None:
    studio.finished(LIGHTHOUSE)
    studio.open()
    studio.settled_pictures()


@scene
def history(studio: Studio) -> None:
    for prompt in (ROBOT, ROOFS, FOREST):
        job = studio.server.world.submit("local", prompt)
        studio.server.world.progress(job["job_id"], 90)
        studio.server.world.end(job["job_id"], "complete")
    studio.finished(LIGHTHOUSE, width=1344, height=768)
    job = studio.submit("The same lighthouse at noon, calm sea")
    studio.server.world.progress(job["job_id"], 60)
    studio.open()
    expect(studio.preview).to_be_visible()
    studio.settled_pictures()


@scene
def large(studio: Studio) -> None:
    complete(studio)
    studio.page.locator(".final").click()
    expect(studio.page.get_by_role("dialog")).to_be_visible()


@scene
def image_failed(studio: Studio) -> None:
    studio.server.trouble.images_broken = True
    studio.finished(LIGHTHOUSE)
    studio.open()
    expect(studio.page.locator(".frame-note")).to_be_visible()


@scene
def failed(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.progress(job["job_id"], 30)
    studio.server.world.end(job["job_id"], "error", "forge_out_of_memory")
    studio.open()
    expect(studio.page.locator(".ended-card")).to_be_visible()


@scene
def failed_for_good(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.end(job["job_id"], "error", "forge_rejected")
    studio.open()
    studio.page.locator("summary").click()


@scene
def cancelling(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.progress(job["job_id"], 45)
    studio.server.world.cancel(job["job_id"])
    studio.open()
    expect(studio.page.locator('[data-phase="cancelling"]').first).to_be_visible()


@scene
def cancelled(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.cancel(job["job_id"])
    studio.open()
    expect(studio.page.locator(".ended-card")).to_be_visible()
