"""The page as a person has it before them: where things are, and what one does with them."""

from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect

from tests.e2e.mock_facts import Json
from tests.e2e.mock_server import MockServer
from tests.waiting import wait_for

LIGHTHOUSE = "A lighthouse in a storm, oil on canvas, warm lamp light"
FOREST = "A paper-cut forest at dawn, layers of soft green"
ROBOT = "A tiny robot watering a bonsai, macro photograph"
ROOFS = "Rooftops of an old town in the rain, ink and watercolour"

#: what a browser itself writes when a server refuses or goes away; the page cannot prevent it
EXPECTED_NOISE = ("Failed to load resource", "WebSocket connection to")

CSP_WATCH = """
addEventListener('securitypolicyviolation', (event) =>
  console.error('policy violated: ' + event.violatedDirective + ' ' + event.blockedURI));
"""


@dataclass
class Watched:
    """A page whose complaints are collected."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    sockets: int = 0

    def __post_init__(self) -> None:
        self.page.add_init_script(CSP_WATCH)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self._heard(said.type, said.text))
        self.page.on("websocket", lambda _: self._opened())

    @property
    def composer(self) -> Locator:
        """Where a prompt is typed; before signing in there is none."""
        return self.page.locator("#prompt")

    @property
    def bars(self) -> Locator:
        """The progress of every unfinished job."""
        return self.page.get_by_role("progressbar")

    @property
    def turns(self) -> Locator:
        """What was asked, each with its picture."""
        return self.page.get_by_role("article")

    @property
    def banner(self) -> Locator:
        """The line that tells what is out of the ordinary."""
        return self.page.locator(".banner")

    @property
    def preview(self) -> Locator:
        """The unfinished picture."""
        return self.page.locator(".preview")

    def picture(self, prompt: str) -> Locator:
        """The finished picture of a prompt."""
        return self.page.get_by_alt_text(prompt, exact=True)

    def button(self, name: str) -> Locator:
        """A button by its name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def ask(self, prompt: str) -> None:
        """Type a prompt and send it."""
        self.composer.fill(prompt)
        self.composer.press("Enter")

    def visit(self, url: str) -> None:
        """Open the page and wait until it has read what it shows."""
        self.page.goto(url)
        self.rest()

    def rest(self) -> None:
        """Wait until the page has read what it shows."""
        expect(self.composer).to_be_visible()
        self.page.wait_for_function("() => !document.querySelector('[aria-busy=\"true\"].stream, .skeleton')")

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(EXPECTED_NOISE):
            self.complaints.append(text)

    def _opened(self) -> None:
        self.sockets += 1


@dataclass
class Studio(Watched):
    """A page and the stand-in behind it."""

    server: MockServer = None  # type: ignore[assignment]  # given by name; a default only because of the parent's

    def open(self) -> None:
        """Open the page at the stand-in, until its news arrive."""
        self.visit(self.server.url)
        if not self.server.trouble.no_sockets:
            wait_for(lambda: self.server.open_sockets > 0, what="the page's socket")

    def submit(self, prompt: str = LIGHTHOUSE, **params: object) -> Json:
        """Accept a job as if another page had sent it, in the newest conversation."""
        mine = [entry["id"] for entry in self.server.world.conversations.values() if entry["owner"] == "local"]
        return self.server.world.submit("local", prompt, mine[-1] if mine else None, **params)

    def finished(self, prompt: str, **params: object) -> Json:
        """Accept a job and complete it."""
        job = self.submit(prompt, **params)
        self.server.world.progress(job["job_id"], 90)
        return self.server.world.end(job["job_id"], "complete")

    def only_job(self) -> str:
        """Return the id of the one job the server has; waits until the page has it too."""
        wait_for(lambda: len(self.server.world.jobs) == 1)
        expect(self.page.locator('[data-phase="sending"]')).to_have_count(0)
        expect(self.bars).to_have_count(1)
        (job_id,) = self.server.world.jobs
        return job_id

    def settled_pictures(self) -> None:
        """Wait until every picture on the page has loaded."""
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.final')].every((it) => it.dataset.state === 'loaded')"
        )
