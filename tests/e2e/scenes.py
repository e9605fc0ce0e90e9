"""Every state the page can be in, each made on purpose; shown by `shots` and examined by the axe tests."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.e2e.mock_facts import Json
from tests.e2e.mock_server import MockServer

Scene = Callable[["Studio"], None]

LIGHTHOUSE = "A lighthouse in a storm, oil on canvas, warm lamp light"
FOREST = "A paper-cut forest at dawn, layers of soft green"
ROBOT = "A tiny robot watering a bonsai, macro photograph"
ROOFS = "Rooftops of an old town in the rain, ink and watercolour"

SCENES: dict[str, Scene] = {}


@dataclass
class Studio:
    """A page and the server behind it."""

    page: Page
    server: MockServer

    def open(self) -> None:
        """Open the page and wait until news arrive."""
        self.page.goto(self.server.url)
        expect(self.composer).to_be_visible()
        self.page.wait_for_function("() => document.querySelector('main')?.getAttribute('aria-busy') !== 'true'")

    @property
    def composer(self) -> Locator:
        """The first textbox of the page."""
        return self.page.get_by_role("textbox").first

    @property
    def preview(self) -> Locator:
        """The unfinished picture."""
        return self.page.locator(".preview")

    def submit(self, prompt: str = LIGHTHOUSE, **params: object) -> Json:
        """Accept a job as if another page had sent it."""
        mine = [entry["id"] for entry in self.server.world.conversations.values() if entry["owner"] == "local"]
        conversation = mine[-1] if mine else None
        return self.server.world.submit("local", prompt, conversation, **params)

    def finished(self, prompt: str, **params: object) -> Json:
        """Accept a job and complete it."""
        job = self.submit(prompt, **params)
        self.server.world.progress(job["job_id"], 90)
        return self.server.world.end(job["job_id"], "complete")

    def settled_pictures(self) -> None:
        """Wait until every picture on the page has loaded and faded in."""
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.final')].every((it) => it.dataset.state === 'loaded')"
        )


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
