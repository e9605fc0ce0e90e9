"""States of the page as a whole: the connection, the session, refusals, the line, the conversations."""

from playwright.sync_api import expect

from tests.e2e.scenes import complete, scene
from tests.e2e.studio import FOREST, LIGHTHOUSE, ROBOT, ROOFS, Studio


@scene
def held(studio: Studio) -> None:
    studio.submit()
    studio.submit(FOREST)
    studio.server.world.hold(True, retry_in_s=42)
    studio.open()
    expect(studio.preview).to_have_count(2)


@scene
def paused(studio: Studio) -> None:
    studio.submit()
    studio.server.world.pause(True)
    studio.open()


@scene
def reconnecting(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.progress(job["job_id"], 45)
    studio.open()
    expect(studio.preview).to_be_visible()
    studio.server.trouble.no_sockets = True
    studio.server.close_sockets(1012)
    expect(studio.page.locator(".banner")).to_be_visible()


@scene
def offline(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.progress(job["job_id"], 45)
    studio.open()
    expect(studio.preview).to_be_visible()
    studio.composer.fill(ROBOT)
    studio.page.context.set_offline(True)
    expect(studio.page.locator(".banner")).to_be_visible()


@scene
def session_ended(studio: Studio) -> None:
    complete(studio)
    studio.composer.fill(ROBOT)
    studio.server.trouble.signed_out = True
    studio.server.close_sockets(4401)
    expect(studio.page.get_by_role("alert")).to_be_visible()


@scene
def session_ended_with_address(studio: Studio) -> None:
    studio.server.trouble.login_url = "https://login.example.org/"
    session_ended(studio)
    expect(
        studio.page.get_by_role("link", name="Sign in").or_(studio.page.get_by_role("link", name="Oturum"))
    ).to_be_visible()


@scene
def signing_in_again(studio: Studio) -> None:
    session_ended(studio)
    studio.page.get_by_role("alert").get_by_role("button").click()
    expect(studio.page.get_by_role("dialog")).to_be_visible()


@scene
def signed_out(studio: Studio) -> None:
    studio.server.trouble.signed_out = True
    studio.page.goto(studio.server.url)
    expect(studio.page.locator(".sign-in")).to_be_visible()


@scene
def queue_full(studio: Studio) -> None:
    complete(studio)
    studio.server.trouble.refuse.append((429, "queue_full", "40"))
    studio.composer.fill(ROBOT)
    studio.composer.press("Enter")
    expect(studio.page.locator(".notice")).to_be_visible()


@scene
def too_many_jobs(studio: Studio) -> None:
    studio.submit()
    studio.open()
    studio.server.trouble.refuse.append((429, "too_many_jobs", "15"))
    studio.composer.fill(ROBOT)
    studio.composer.press("Enter")
    expect(studio.page.locator(".notice")).to_be_visible()


@scene
def not_sent(studio: Studio) -> None:
    studio.open()
    studio.page.route("**/image/generate", lambda route: route.abort())
    studio.composer.fill(LIGHTHOUSE)
    studio.composer.press("Enter")
    expect(studio.page.locator(".ended-card")).to_be_visible()


@scene
def stalled(studio: Studio) -> None:
    job = studio.submit()
    studio.server.world.progress(job["job_id"], 45)
    studio.page.clock.install()
    studio.open()
    expect(studio.preview).to_be_visible()
    studio.page.clock.fast_forward(5 * 60_000)
    studio.page.clock.run_for(16_000)
    expect(studio.page.locator(".status-stalled")).to_be_visible()


@scene
def elsewhere(studio: Studio) -> None:
    complete(studio)
    for prompt in (ROBOT, ROOFS):
        job = studio.server.world.submit("local", prompt)
    studio.server.world.progress(job["job_id"], 30)
    expect(studio.page.locator(".elsewhere-row")).to_have_count(2)


@scene
def loading(studio: Studio) -> None:
    studio.finished(LIGHTHOUSE)
    studio.server.trouble.lag_s |= {"/conversations/": 3, "/ws": 3}
    studio.page.goto(studio.server.url)
    expect(studio.page.locator(".skeleton")).to_be_visible()


@scene
def conversation_gone(studio: Studio) -> None:
    studio.page.goto(f"{studio.server.url}/#c=gone")
    expect(studio.page.locator(".trouble")).to_be_visible()


@scene
def delete_question(studio: Studio) -> None:
    for prompt in (ROBOT, ROOFS, FOREST):
        studio.server.world.submit("local", prompt)
    studio.open()
    menu = studio.page.locator(".menu-button")
    if menu.is_visible():
        menu.click()
    row = studio.page.locator(".conversation").nth(1)
    row.hover()
    row.locator(".conversation-delete").click()
    expect(studio.page.locator(".conversation-question")).to_be_visible()


@scene
def long_prompt(studio: Studio) -> None:
    studio.submit(" ".join([LIGHTHOUSE, FOREST, ROBOT, ROOFS] * 3), width=1344, height=768)
    studio.open()
    studio.composer.fill("Bir varmış bir yokmuş, evvel zaman içinde. " * 44)
